"""Close the two holes of strict nbval: cells that were never run, and figures, which it does not compare. And a browser."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

#: Root mean square difference per channel, of 255, up to which two renderings are one figure.
FIGURE_TOLERANCE = 4.0


def figures_of(outputs) -> list[np.ndarray]:
    """The PNG figures among a cell's outputs, as arrays of 0-255."""
    data = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), float)
        for png in data
    ]


def figure_difference(new, stored) -> str | None:
    """What differs between the figures of two lists of outputs, or None."""
    new, stored = figures_of(new), figures_of(stored)
    if len(new) != len(stored):
        return f"the cell draws {len(new)} figures, {len(stored)} are stored"
    for number, (a, b) in enumerate(zip(new, stored), 1):
        if a.shape != b.shape:
            return f"figure {number} has shape {a.shape}, the stored one {b.shape}"
        distance = np.sqrt(np.mean((a - b) ** 2))
        if distance > FIGURE_TOLERANCE:
            return f"figure {number} is {distance:.1f} from the stored one, more than {FIGURE_TOLERANCE}"
    return None


def execution_problem(cells) -> str | None:
    """Why a notebook was not run from top to bottom, or None."""
    counts = [c.execution_count for c in cells if c.cell_type == "code" and c.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        return f"the notebook was not run top to bottom: its execution counts are {counts}"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if hasattr(item, "cell") and (problem := execution_problem(item.parent.nb.cells)):
        pytest.fail(problem, pytrace=False)


def pytest_configure(config):
    from nbval.plugin import IPyNbCell

    compare_text = IPyNbCell.compare_outputs
    if compare_text.__name__ == "compare_text_and_figures":
        return

    def compare_text_and_figures(self, test, ref, skip_compare=None):
        if not compare_text(self, test, ref, skip_compare):
            return False
        if difference := figure_difference(test, ref):
            self.comparison_traceback.append(difference)
            return False
        return True

    IPyNbCell.compare_outputs = compare_text_and_figures


@pytest.fixture(scope="module")
def browser():
    """A browser for the tests that open built pages, started once per file of tests."""
    from browser import ARGUMENTS, find_browser
    from playwright.sync_api import sync_playwright

    path = find_browser()
    # Not for the whole session: the loop that drives it would be in the way of those that drive notebooks.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address():
    from browser import serve

    with serve() as base:
        yield base


@pytest.fixture
def context(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()
