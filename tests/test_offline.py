"""The zip of the book, unpacked and opened by double click, and the published folder under another address."""

import functools
import re
import threading
import zipfile
from urllib.parse import unquote, urlsplit

import pytest
import taking
from browser import ARGUMENTS, BOOK, QuietHandler, QuietServer, Watched, find_browser
from taking import offline

import chapters

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    path = find_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser):
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The book's zip, unpacked in a folder whose name has a space and a letter that addresses must escape."""
    folder = tmp_path_factory.mktemp("offline")
    with zipfile.ZipFile(offline.offline_zip(BOOK, folder / "book.zip")) as archive:
        archive.extractall(folder / "my bücher")
    (top,) = (folder / "my bücher").iterdir()
    return top


def test_the_start_file_opens_the_book(context, unpacked):
    watched = Watched(context, unpacked.as_uri())
    watched.page.goto(f"{unpacked.as_uri()}/START.html")
    watched.page.wait_for_url("**/book/intro.html")
    assert "What Thinking Costs" in watched.page.title()
    assert not watched.faults


def test_the_start_file_alone_says_what_to_do(context, unpacked, tmp_path):
    (tmp_path / "START.html").write_bytes((unpacked / "START.html").read_bytes())
    page = context.new_page()
    page.goto(f"{tmp_path.as_uri()}/START.html")
    page.get_by_text("Unpack all of it").wait_for()
    assert page.url.endswith("START.html")


MOVE_EVERY_CONTROL = """() => {
    const idle = [];
    for (const e of document.querySelectorAll('.wtc-explore')) {
        for (const field of e.fields) {
            const look = () => [e.dataset.state, e.querySelector('svg')?.outerHTML, e.textContent].join();
            const before = look();
            if (field.type === 'range') field.value = +field.value === +field.max ? 0 : field.max;
            else if (field.type === 'checkbox') field.checked = !field.checked;
            else field.selectedIndex = (field.selectedIndex + 1) % field.length;
            field.dispatchEvent(new Event('input', {bubbles: true}));
            if (look() === before) idle.push(field.id);
        }
    }
    return {widgets: document.querySelectorAll('.wtc-explore').length, idle};
}"""


@pytest.mark.parametrize("stem", [p.stem for p in chapters.PATHS])
def test_widgets_of_the_zip_answer(context, unpacked, stem):
    watched = Watched(context, unpacked.as_uri())
    page = watched.open(f"book/chapters/{stem}.html")
    found = page.evaluate(MOVE_EVERY_CONTROL)
    assert found["widgets"] >= 1
    assert found["idle"] == []
    assert not watched.faults


def test_search_works_in_the_zip(context, unpacked):
    watched = Watched(context, unpacked.as_uri())
    page = watched.open("book/search.html?q=Szilard")
    found = page.locator("#search-results li a[href*='01_information_is_physical']").first
    found.click()
    page.wait_for_url("**/book/chapters/01_information_is_physical.html*")
    assert not watched.faults


def test_notebooks_of_the_zip_can_be_saved(context, unpacked):
    watched = Watched(context, unpacked.as_uri())
    page = watched.open(f"book/chapters/{chapters.PATHS[0].stem}.html")
    everything = unpacked / "book" / taking.DOWNLOADS / taking.NOTEBOOKS
    for k, original in enumerate([chapters.PATHS[0], everything]):
        with page.expect_download() as download:
            page.locator(".wtc-take a[download]").nth(k).click()
        assert download.value.suggested_filename == original.name
        assert download.value.path().read_bytes() == original.read_bytes()
    # What is saved instead of shown counts as a load that failed.
    assert not [f for f in watched.faults if not f.startswith("failed: ")]


# -- published under a path of its own -----------------------------------------------------------


@pytest.fixture(scope="module")
def sub_path(tmp_path_factory):
    """Serve the book at /some/sub/path/, and nothing elsewhere."""
    root = tmp_path_factory.mktemp("site")
    (root / "some" / "sub").mkdir(parents=True)
    (root / "some" / "sub" / "path").symlink_to(BOOK, target_is_directory=True)
    server = QuietServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/some/sub/path"
    server.shutdown()
    server.server_close()


#: Pages that the build makes and no page needs to link to.
UNLINKED = {"index.html", "search.html", "genindex.html", "py-modindex.html"}


def test_every_page_is_reached_under_a_sub_path(context, sub_path):
    """Follow every link from the address of the folder; nothing is asked for outside of it, nothing is missing."""
    watched = Watched(context, f"{sub_path}/")
    page = watched.page
    page.goto(f"{sub_path}/")
    page.locator("article h1").wait_for()  # the first page itself, or a page that leads there
    waiting, seen = [page.url], set()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        page.goto(address, wait_until="load")
        links = page.eval_on_selector_all("a[href]:not([download])", "links => links.map(a => a.href)")
        waiting += {a.split("#")[0] for a in links if a.startswith(sub_path) and "/_sources/" not in a}
        root = sub_path.removesuffix("some/sub/path")
        assert not [a for a in links if a.startswith(root) and not a.startswith(sub_path)]
    # Asked for elsewhere, or answered with an error. (A load that the next page cuts short is neither,
    # and a browser asks for /favicon.ico of its own accord where a page names no icon.)
    bad = [f for f in watched.faults if f.startswith(("external", "4", "5")) and not f.endswith("/favicon.ico")]
    assert bad == []
    reached = {unquote(urlsplit(a).path).removeprefix("/some/sub/path/") or "index.html" for a in seen}
    built = {p.relative_to(BOOK).as_posix() for p in BOOK.rglob("*.html") if "_static" not in p.parts}
    assert reached <= built
    assert built - reached <= UNLINKED


@pytest.mark.parametrize("kind", ["html", "css"])
def test_no_address_starts_at_the_root(kind):
    pattern = {"html": r'\s(?:href|src|action|srcset)="(/[^"]*)"', "css": r"url\(['\"]?(/[^)]*)\)"}[kind]
    found = {
        p.relative_to(BOOK).as_posix(): m
        for p in BOOK.rglob(f"*.{kind}")
        if (m := re.findall(pattern, p.read_text(encoding="utf-8")))
    }
    assert found == {}
