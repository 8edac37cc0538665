"""The built pages in a real browser, with the network cut."""

import re
from urllib.parse import unquote, urldefrag

import pytest
from browser import BOOK, CHAPTERS, PAGES, Watched

pytestmark = pytest.mark.browser


def test_the_book_is_built():
    assert set(CHAPTERS) <= set(PAGES), f"run `make book` first: {BOOK} lacks a chapter"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("over", ["http", "file"])
def test_a_page_needs_no_network(context, address, path, over):
    watched = Watched(context, address if over == "http" else BOOK.as_uri())
    page = watched.open(path)
    assert page.title()
    math = page.evaluate(
        """() => [...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container')).length"""
    )
    assert math == 0, f"{math} formulas are not rendered"
    assert page.locator("mjx-merror").count() == 0
    assert not watched.faults


@pytest.mark.parametrize("path", CHAPTERS)
def test_captions_and_questions_stand_out(path):
    text = (BOOK / path).read_text(encoding="utf-8")
    assert text.count('<p class="wtc-predict"><strong>Predict.') == text.count("<strong>Predict.") >= 3
    captions = len(re.findall(r'<p class="wtc-caption" id="figure-(\d+)-(\d+)"><strong>Figure \1\.\2\.', text))
    assert captions == len(re.findall(r"<p[^>]*><strong>Figure \d+\.\d+\.", text)) >= 4


def ids_of(text):
    return set(re.findall(r'\bid="([^"]+)"', text))


@pytest.mark.parametrize("path", PAGES)
def test_links_inside_the_book_lead_somewhere(path):
    text = (BOOK / path).read_text(encoding="utf-8")
    broken = []
    for href in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text):
        if re.match(r"[a-z]+:", href):
            continue
        target, fragment = urldefrag(href)
        file = (BOOK / path).parent / unquote(target) if target else BOOK / path
        if not file.is_file():
            broken.append(href)
        elif fragment and file.suffix == ".html":
            if unquote(fragment) not in ids_of(file.read_text(encoding="utf-8")):
                broken.append(href)
    assert broken == []


@pytest.mark.parametrize("path", PAGES)
def test_ids_are_unique(path):
    text = (BOOK / path).read_text(encoding="utf-8")
    found = re.findall(r'<[a-z][^>]*?\sid="([^"]+)"', text)
    assert sorted({i for i in found if found.count(i) > 1}) == []
