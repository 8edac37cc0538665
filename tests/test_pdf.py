"""The PDF of the book: nothing lost, nothing cut off, every page number right. And a page printed by a reader.

By default a few pages are printed and looked at; `make test-pdf` looks at the whole book.
"""

import io
import os
import re
import unicodedata

import pypdf
import pytest
from browser import ARGUMENTS, BOOK, Watched, find_browser
from bs4 import BeautifulSoup
from taking import pdf

pytestmark = pytest.mark.browser

#: A chapter with the widest formula and both kinds of widgets, and what it cites.
SOME = ("intro.html", "chapters/09_the_price_of_learning.html", "appendices/references.html")
PAGES = [p for p in pdf.reading_order() if os.environ.get("WHOLE_BOOK") or p["path"] in SOME]
CHAPTERS = [p["path"] for p in PAGES if p["path"].startswith("chapters/")]
POINT = 72 / 96  # of a pixel
LEFT, FOOT = 20 / 25.4 * 72, 22 / 25.4 * 72 - 2  # points, of the margins in pdf.css
HEAD = 297 / 25.4 * 72 - FOOT


def squeeze(text):
    """Text without spaces, ligatures and the hyphens at which lines break."""
    return re.sub(r"[\s\u200b-]+", "", unicodedata.normalize("NFKC", text))


def soup(path):
    return BeautifulSoup((BOOK / path).read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def browser():
    path = find_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def document(browser, tmp_path_factory):
    """The pages as one document in the browser, as it is printed."""
    page = browser.new_page(viewport={"width": pdf.WIDTH, "height": 900})
    pdf.open_book(page, BOOK, PAGES, tmp_path_factory.mktemp("pdf") / "book.html")
    return page


@pytest.fixture(scope="module")
def printed(document):
    return pypdf.PdfReader(io.BytesIO(pdf.print_book(document)))


@pytest.fixture(scope="module")
def pieces(printed):
    """For each page of the PDF the pieces of text on it, with where they start: points from the left and the foot."""
    found = []
    for page in printed.pages:
        found.append([])

        def visit(text, cm, tm, *_):
            if text.strip():
                found[-1].append((text, *(tm[4] * cm[k] + tm[5] * cm[k + 2] + cm[k + 4] for k in (0, 1))))

        page.extract_text(visitor_text=visit)
    return found


@pytest.fixture(scope="module")
def texts(pieces):
    """What each page says, without its head and its number.

    The reader of the PDF does not know where half transparent text is, and puts it near the foot.
    """
    return [
        squeeze("".join(t for t, _, y in page if y < HEAD and (y > FOOT or t.strip() != str(number))))
        for number, page in enumerate(pieces, 1)
    ]


@pytest.mark.parametrize("path", CHAPTERS)
def test_every_figure_is_on_one_page_with_its_caption(texts, path):
    """With all labels, and the readout of the state that a widget shows first."""
    captions = [p for p in soup(path).select("p.wtc-caption") if p.strong.text.startswith("Figure")]
    assert len(captions) >= 4
    for caption in captions:
        cell = caption.find_previous(class_="cell")
        labels = [t.text for t in cell.select("svg.wtc-svg text, .wtc-readout dt, .wtc-readout dd")]
        assert labels
        words = [squeeze(w) for w in [caption.strong.text, *labels]]
        assert any(all(w in text for w in words) for text in texts), caption.strong.text


def is_there(words, texts):
    """On a page, or from the foot of one to the head of the next."""
    words = squeeze(words)
    return any(words in text for text in texts) or any(
        words[:n] in one and words[n:] in other
        for one, other in zip(texts, texts[1:])
        for n in range(1, len(words))
    )


@pytest.mark.parametrize("path", [p["path"] for p in PAGES])
def test_every_sentence_is_there(texts, path):
    """In its place or among the solutions. Formulas are not text in a PDF, so what is between them."""
    lost = [
        piece
        for paragraph in soup(path).select("article :is(p:not(.wtc-take), li, dd, td)")
        for piece in paragraph.find_all(string=True, recursive=False)
        if not is_there(piece, texts)
    ]
    assert lost == []


@pytest.mark.parametrize("path", CHAPTERS)
def test_every_line_of_code_is_there(texts, path):
    lines = [line for pre in soup(path).select("article pre") for line in pre.text.splitlines()]
    assert len(lines) > 50
    assert [line for line in lines if not is_there(line, texts)] == []


#: What sticks out of the paper, or would have to be scrolled. Strokes of a formula are part of the formula.
TOO_WIDE = """(width) => {
    dispatchEvent(new Event('beforeprint'));
    const bad = [];
    for (const e of document.querySelectorAll('main *')) {
        const box = e.getBoundingClientRect();
        if (!box.width || e.closest('mjx-assistive-mml') || e.matches('mjx-math *, svg :not(text)')) continue;
        const scrolls = !e.closest('mjx-container, svg') && getComputedStyle(e).overflowX !== 'visible'
            && e.scrollWidth > e.clientWidth + 1;
        if (box.right > width + 1 || box.left < -1 || scrolls)
            bad.push(`${e.tagName} in ${e.closest('article').id}: ${e.textContent.trim().slice(0, 60)}`);
    }
    return bad;
}"""


def test_nothing_is_wider_than_the_paper(document):
    assert document.evaluate(TOO_WIDE, pdf.WIDTH) == []


@pytest.mark.parametrize("html", ['<p style="width: 700px">a</p>', '<p style="width: 9px; overflow: auto">abcdef</p>'])
def test_what_is_too_wide_would_be_noticed(document, html):
    document.evaluate("html => document.querySelector('article').insertAdjacentHTML('beforeend', html)", html)
    found = document.evaluate(TOO_WIDE, pdf.WIDTH)
    document.evaluate("() => document.querySelector('article').lastElementChild.remove()")
    assert len(found) == 1


def test_a_wide_formula_is_set_smaller(document):
    widths = document.evaluate(
        """() => {
            const formula = document.querySelector('mjx-container[display]');
            const width = () => formula.querySelector('mjx-math').getBoundingClientRect().width;
            const size = formula.style.fontSize;
            formula.style.fontSize = '400%';
            const before = width();
            dispatchEvent(new Event('beforeprint'));
            const after = width();
            formula.style.fontSize = size;
            return [before, after];
        }"""
    )
    assert widths[0] > pdf.WIDTH
    assert widths[1] == pytest.approx(pdf.WIDTH, rel=0.01)


def test_text_starts_between_the_margins(pieces):
    for number, page in enumerate(pieces, 1):
        starts = [x for _, x, y in page if FOOT < y < HEAD]
        assert starts, f"page {number} is empty"
        assert LEFT - 2 <= min(starts) and max(starts) <= LEFT + pdf.WIDTH * POINT, f"page {number}"


def test_page_numbers_are_right(document, texts):
    """Those of the contents and those that lead to the solutions, and all solutions have one."""
    shown = document.eval_on_selector_all(
        ".page-number",
        """numbers => numbers.map(e => {
            const target = document.getElementById(e.dataset.of);
            const words = target.matches('.asked') ? target : target.querySelector('h1, h2, h3') ?? target;
            const copy = words.cloneNode(true);
            copy.querySelectorAll('mjx-container').forEach(m => m.replaceWith('|'));
            return {number: +e.textContent, words: copy.textContent, solution: target.matches('.asked')};
        })""",
    )
    for entry in shown:  # a formula among the words is not text in the PDF
        for words in entry["words"].split("|"):
            assert squeeze(words) in texts[entry["number"] - 1], entry
    folded = sum(len(soup(p["path"]).select("article details")) for p in PAGES)
    assert sum(entry["solution"] for entry in shown) == folded > 0
    assert len(shown) > folded + len(PAGES)


def test_the_foot_of_a_page_says_which_it_is(pieces):
    for number, page in list(enumerate(pieces, 1))[1:]:
        assert str(number) in [text.strip() for text, _, y in page if y < FOOT]


def test_bookmarks_name_every_heading(document, printed):
    def flat(items):
        for item in items:
            yield from flat(item) if isinstance(item, list) else [squeeze(item.title)]

    headings = document.eval_on_selector_all(
        "main :is(h1, h2, h3)", "all => all.filter(e => !e.querySelector('mjx-container')).map(e => e.textContent)"
    )
    assert len(headings) > 3 * len(PAGES)
    assert {squeeze(h) for h in headings} <= set(flat(printed.outline))


def test_links_lead_into_the_book_or_out_into_the_world(printed):
    notes = [note.get_object() for page in printed.pages for note in page.get("/Annots", [])]
    outside = [n["/A"]["/URI"] for n in notes if "/URI" in n.get("/A", {})]
    assert len(notes) - len(outside) > 50
    assert outside and all(uri.startswith("https://") for uri in outside)


# -- a single page, printed by a reader --------------------------------------------------------------


def test_a_page_prints_alone_and_on_light_paper(browser, tmp_path):
    """Without what surrounds it, and the same from the dark theme."""
    streams = []
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        page = Watched(context, BOOK.as_uri()).open(CHAPTERS[0])
        reader = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        streams.append([p.get_contents().get_data() for p in reader.pages])
        page.emulate_media(media="print")
        seen = page.evaluate(
            """() => ['.bd-sidebar-primary', '.bd-sidebar-secondary', '.bd-header-article', '.prev-next-footer',
                '.bd-footer-content', '.copybtn', '.headerlink', '.wtc-controls input', '.wtc-take'].filter(
                s => [...document.querySelectorAll(s)].some(e => e.getBoundingClientRect().height > 0))"""
        )
        assert seen == []
        context.close()
    assert streams[0] == streams[1]
    text = squeeze("".join(p.extract_text() for p in reader.pages))
    for caption in soup(CHAPTERS[0]).select("p.wtc-caption strong"):
        assert squeeze(caption.text) in text
