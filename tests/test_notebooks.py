"""What every chapter must have, read from the notebooks themselves. Their outputs are nbval's business."""

import re

import chapters
import nbformat
import numpy as np
import pytest
from conftest import FIGURE_TOLERANCE, execution_problem, figure_difference

from thermolib import landauer, units

pytestmark = pytest.mark.parametrize("path", chapters.PATHS, ids=lambda p: p.stem)


def cells(path, kind):
    return [c for c in chapters.read(path).cells if c.cell_type == kind and c.source.strip()]


def text_of(path):
    return "\n\n".join(c.source for c in cells(path, "markdown"))


def has_figure(cell):
    return any({"image/png", "image/svg+xml"} & set(o.get("data", {})) for o in cell.outputs)


def test_run_top_to_bottom(path):
    assert execution_problem(chapters.read(path).cells) is None


def test_nothing_is_hidden_from_nbval(path):
    for cell in cells(path, "code"):
        assert not any("nbval" in tag for tag in cell.metadata.get("tags", []))
        assert "NBVAL" not in cell.source
        assert not cell.source.rstrip().endswith(";")
        assert not any(o.get("name") == "stderr" for o in cell.outputs)
        assert not any(o.output_type == "error" for o in cell.outputs)


def test_figures_have_a_written_alt_text(path):
    for cell in filter(has_figure, cells(path, "code")):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt.split()) >= 8, f"figure without alt text: {cell.source[:80]}"


def test_captions_follow_their_figures_and_count_from_one(path):
    number = int(path.stem[:2])
    seen = 0
    all_cells = [c for c in chapters.read(path).cells if c.source.strip()]
    for cell, following in zip(all_cells, all_cells[1:] + [None]):
        widget = cell.cell_type == "code" and any(
            "application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in cell.outputs
        )
        if cell.cell_type == "code" and (widget or has_figure(cell)):
            seen += 1
            assert following is not None
            caption = following.source.split("\n\n")[0]
            assert caption.startswith(f"**Figure {number}.{seen}.** "), caption[:60]
            assert len(caption.split()) >= 12
    assert seen >= 4


def test_opens_with_its_question(path):
    first = cells(path, "markdown")[0].source
    assert re.match(r"# \S", first)
    for part in ("**The question.**", "**You need:**", "**You will be able to:**"):
        assert part in first
    assert len(re.findall(r"^# ", text_of(path), re.MULTILINE)) == 1


def test_asks_before_it_tells_and_sets_exercises(path):
    text = text_of(path)
    assert text.count("**Predict.**") >= 3
    exercises = text.split("## Exercises")[1]
    assert len(re.findall(r"<details>\s*<summary>", exercises)) >= 3
    assert text.count("<details>") == text.count("</details>")


def test_code_cells_show_physics_not_plumbing(path):
    for cell in cells(path, "code"):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 16, cell.source
        assert max(map(len, lines)) <= 88, max(lines, key=len)


def test_cited_keys_exist(path):
    entries = (path.parents[1] / "references.bib").read_text(encoding="utf-8")
    known = set(re.findall(r"^@\w+\{(\w+),", entries, re.MULTILINE))
    cited = {k for group in re.findall(r"\{cite:[pt]\}`([^`]+)`", text_of(path)) for k in group.split(",")}
    assert cited and cited <= known


def test_numbers_of_the_first_page(path):
    """The first page has no cells; its numbers are recomputed here."""
    page = (path.parents[1] / "intro.md").read_text(encoding="utf-8")
    limit = units.landauer_limit()
    assert f"{units.format_energy(limit)}, or {units.joules_to_electronvolts(limit):.3g} eV" in page
    assert f"{3.7e-12 / limit / 1e9:.1f} billion" in page
    training = 2 * 1.75e11 * 3e11 * units.thermal_energy()
    assert f"is {training:.0f} J at 300 K" in page
    assert f"a liter of water by {training / 9.81:.0f} meters" in page
    assert 0.9e10 < 1287e6 * 3600 / training < 1.1e10 and "ten billion times" in page
    assert landauer.erasure_bound() == pytest.approx(np.log(2))


def test_the_net_catches_what_nbval_does_not(path):
    """The two holes that conftest.py closes: cells never run, and figures that changed."""
    notebook = chapters.read(path)
    drawn = next(c for c in notebook.cells if c.cell_type == "code" and has_figure(c))
    assert figure_difference(drawn.outputs, drawn.outputs) is None
    assert "draws 0 figures" in figure_difference([], drawn.outputs)
    other = [o for c in notebook.cells if c.cell_type == "code" and c is not drawn for o in c.outputs]
    other = [o for o in other if "image/png" in o.get("data", {})][:1]
    assert f"more than {FIGURE_TOLERANCE}" in figure_difference(other, drawn.outputs) or "shape" in (
        figure_difference(other, drawn.outputs)
    )
    notebook.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    assert "was not run top to bottom" in execution_problem(notebook.cells)
