"""A browser for the tests that open built pages, started once per file of tests."""

import pytest
from browser import ARGUMENTS, find_browser, serve


@pytest.fixture(scope="module")
def browser():
    path = find_browser()
    from playwright.sync_api import sync_playwright

    # Not for the whole session: the loop that drives it would be in the way of those that drive notebooks.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address():
    with serve() as base:
        yield base


@pytest.fixture
def context(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()
