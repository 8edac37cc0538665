"""What a first visit loads, in bytes as a server that compresses would send them, and that nothing is missing from it."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import chapters
import pytest
from browser import ARGUMENTS, BOOK, Watched, find_browser, serve
from fontTools.ttLib import TTFont

pytestmark = pytest.mark.browser

PAGES = sorted(p.relative_to(BOOK).as_posix() for p in BOOK.rglob("*.html") if "_static" not in p.parts)
CHAPTERS = [f"chapters/{path.stem}.html" for path in chapters.PATHS]
SHARED_LIMIT = 450_000
CHAPTER_LIMIT = 400_000
#: Files that are compressed in themselves.
COMPRESSED = {".woff", ".woff2", ".png"}

# The characters that the icons of a page are, as the style sheet has it.
ICONS = """() => [...document.querySelectorAll('i[class*="fa-"]')]
    .map(i => getComputedStyle(i, '::before').content.replaceAll('"', ''))"""


def sent(path: str) -> int:
    """Bytes that a server sends for a file of the book."""
    file = BOOK / path
    data = file.read_bytes()
    return len(data) if file.suffix in COMPRESSED else len(gzip.compress(data, 6, mtime=0))


@pytest.fixture(scope="module")
def visits():
    """For every page what a first visit asks for, and the icons that it shows."""
    path = find_browser()
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright, serve() as address:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for page in PAGES:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            watched = Watched(context, address)
            asked = set()
            watched.page.on("response", lambda r: asked.add(unquote(urlsplit(r.url).path)[1:]))
            icons = watched.open(page).evaluate(ICONS)
            found[page] = asked, icons
            assert not watched.faults
            context.close()
        browser.close()
    return found


def shared(asked):
    return {path for path in asked if not path.endswith(".html")}


def test_what_all_pages_share_is_light(visits):
    everything = set().union(*(shared(asked) for page, (asked, _) in visits.items() if page != "search.html"))
    sizes = {path: sent(path) for path in everything}
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert 0 < sum(sizes.values()) <= SHARED_LIMIT, heaviest
    assert {path.split("/")[0] for path in everything} == {"_static"}


def test_the_search_page_is_light(visits):
    asked, _ = visits["search.html"]
    assert "searchindex.js" in asked
    assert sum(map(sent, asked)) <= SHARED_LIMIT


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_is_light(visits, page):
    asked, _ = visits[page]
    own = {path for path in asked if not path.startswith("_static/")}
    assert own == {page}
    assert sent(page) <= CHAPTER_LIMIT


def test_every_icon_is_in_the_font(visits):
    (font,) = (BOOK / "_static").rglob("fa-solid-900.*")
    drawn = {chr(code) for code in TTFont(font).getBestCmap()}
    icons = set().union(*(icons for _, icons in visits.values()))
    assert len(icons) >= 5
    assert icons <= drawn
    assert any(Path(path).name == font.name for path in visits["intro.html"][0])


def test_what_the_theme_offers_works():
    """Sidebar, dark theme, copying of code, search: none of it lost a part it needs."""
    path = find_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, serve() as address:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
        watched = Watched(context, address)
        page = watched.open(CHAPTERS[0])

        sidebar = page.locator("#pst-primary-sidebar")
        assert sidebar.is_visible()
        page.locator("button.primary-toggle:visible").click()
        sidebar.wait_for(state="hidden")
        page.locator("button.primary-toggle:visible").click()
        sidebar.wait_for(state="visible")

        themes = set()
        for _ in range(3):
            page.locator("button.theme-switch-button:visible").click()
            themes.add(page.evaluate("document.documentElement.dataset.mode"))
        assert themes == {"auto", "dark", "light"}

        blocks = page.locator("div.cell_input div.highlight")
        assert blocks.count() == page.locator("div.cell_input button.copybtn").count() > 10

        page.locator("button.search-button__button:visible, button.search-button:visible").first.click()
        page.locator("input[name=q]:visible").fill("Szilard")
        page.keyboard.press("Enter")
        page.locator("#search-results li a").first.wait_for()
        assert page.url.startswith(f"{address}/search.html?q=Szilard")
        assert not watched.faults
        browser.close()
