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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", CHAPTERS)
def test_figures_stand_out_from_the_page_in_both_themes(browser, address, path, scheme):
    """Contrast (WCAG) of every figure color against the page: text 4.5, lines 3."""
    context = browser.new_context(color_scheme=scheme)
    page = Watched(context, address).open(path)
    colors = page.evaluate(
        """() => {
            const probe = document.body.appendChild(document.createElement('i'));
            const names = new Set([...document.documentElement.innerHTML.matchAll(/var\\(--wtc-(\\w+)/g)].map(m => m[1]));
            const read = (value) => {
                probe.style.color = value;
                return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
            };
            const page = getComputedStyle(document.querySelector('.bd-content')).getPropertyValue('--pst-color-background');
            return {page: read(page), ...Object.fromEntries([...names].map(n => [n, read(`var(--wtc-${n})`)]))};
        }"""
    )
    context.close()

    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ground = luminance(colors.pop("page"))
    assert "ink" in colors
    for name, rgb in colors.items():
        if name in ("grid", "paper"):
            continue
        bright, dim = sorted((luminance(rgb), ground), reverse=True)
        contrast = (bright + 0.05) / (dim + 0.05)
        assert contrast >= (4.5 if name == "ink" else 3.0), f"{name}: {contrast:.2f}"
