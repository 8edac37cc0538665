"""A reader finds the place: by searching, by the glossary, by references that are links, by the map of the chapters."""

import re
from html.parser import HTMLParser
from urllib.parse import quote, urldefrag

import chapters
import finding
import nbformat
import pytest
import snowballstemmer
from browser import ARGUMENTS, BOOK, Watched, find_browser, serve

CHAPTERS = {int(path.stem[:2]): f"chapters/{path.stem}.html" for path in chapters.PATHS}
PAGES = sorted(p.relative_to(BOOK).as_posix() for p in BOOK.rglob("*.html") if "_static" not in p.parts)

#: What a reader may type, and the chapter that must come first.
SEARCHES = {
    "Landauer": 1,
    "Landauer limit": 1,
    "Maxwell's demon": 1,
    "Szilard engine": 1,
    "mutual information": 1,
    "what does it cost to erase a bit": 1,
    "Jarzynski": 2,
    "Langevin": 2,
    "Wasserstein distance": 2,
    "reversible gates": 3,
    "DRAM": 3,
    "multiply-accumulate": 3,
    "modularity cost": 4,
    "capacitor": 4,
    "hysteresis": 5,
    "geodesic": 5,
    "quasi-static": 5,
    "Kramers": 5,
    "softmax": 6,
    "sigmoid": 6,
    "ReLU": 6,
    "Boltzmann machine": 7,
    "Hamiltonian": 7,
    "residual connections": 7,
    "backpropagation": 8,
    "equilibrium propagation": 8,
    "predictive coding": 8,
    "learning rate": 9,
    "training bound": 9,
    "batch size": 9,
    "GPT-3": 10,
    "LLM": 10,
    "language model": 10,
    "brain": 10,
}
RESULTS = "() => [...document.querySelectorAll('#search-results li > a')].map(a => a.getAttribute('href'))"


@pytest.fixture(scope="module")
def browser():
    path = find_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def search(browser, base, query):
    """The addresses that the search page lists for what a reader types."""
    context = browser.new_context()
    watched = Watched(context, base)
    watched.page.goto(f"{base}/search.html?q={quote(query)}")
    watched.page.wait_for_function(
        "() => document.querySelector('#search-results h2')?.innerText === 'Search Results'"
    )
    found = watched.page.evaluate(RESULTS)
    assert not watched.faults
    context.close()
    return found


@pytest.mark.browser
def test_a_search_brings_the_right_chapter_first(browser):
    with serve() as base:
        first = {query: search(browser, base, query)[0] for query in SEARCHES}
    wrong = {q: first[q] for q, n in SEARCHES.items() if urldefrag(first[q])[0].split("?")[0] != CHAPTERS[n]}
    assert len(SEARCHES) >= 20
    assert wrong == {}


@pytest.mark.browser
def test_the_search_needs_no_server_and_no_whole_word(browser):
    base = BOOK.as_uri()
    assert search(browser, base, "Jarzynski")[0].startswith(CHAPTERS[2])
    assert search(browser, base, "thermodyn")
    assert search(browser, base, "xyzzy") == []


@pytest.mark.browser
def test_a_summary_shows_no_latex(browser):
    with serve() as base:
        page = Watched(browser.new_context(), base).page
        page.goto(f"{base}/search.html?q=hysteresis")
        page.locator("#search-results p.context").nth(3).wait_for()
        summaries = page.locator("#search-results p.context").all_inner_texts()
    assert any("hysteresis" in text for text in summaries)
    assert not any("\\" in text for text in summaries)


class Sections(HTMLParser):
    """The text of every element of a page that has an id, with all that is inside it."""

    def __init__(self, path):
        super().__init__()
        self.open, self.texts, self.dropped = [], {}, 0
        self.feed((BOOK / path).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        if tag in ("br", "img", "input", "meta", "link", "hr", "wbr", "source", "path", "use", "circle"):
            return
        name = dict(attributes).get("id")
        self.open.append((tag, name))
        if name:
            self.texts[name] = []

    def handle_endtag(self, tag):
        if any(tag == other for other, _ in self.open):
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.texts[name].append(data)

    def text(self, name):
        return "".join(self.texts[name])


def glossary():
    """Terms and the links of their entries."""
    page = (BOOK / "appendices" / "glossary.html").read_text(encoding="utf-8")
    entries = re.findall(r'<dt id="term-[^"]*">(.*?)<a class="headerlink".*?</dt>\s*<dd>(.*?)</dd>', page, re.DOTALL)
    return {re.sub(r"<[^>]+>", "", term): re.findall(r'href="([^"]+)"', entry) for term, entry in entries}


def test_every_term_links_to_the_section_that_defines_it():
    stem = snowballstemmer.stemmer("english").stemWord
    words = lambda text: {stem(word) for word in re.findall(r"[a-zé]+", text.lower())}
    pages = {path: Sections(path) for path in CHAPTERS.values()}
    terms = glossary()
    assert len(terms) >= 60
    for term, links in terms.items():
        targets = [urldefrag(link.removeprefix("../")) for link in links]
        defined = [pages[path].text(anchor) for path, anchor in targets if path in pages and anchor in pages[path].texts]
        assert defined, f"{term} links to no section of a chapter: {links}"
        assert any(words(term) <= words(text) for text in defined), f"{term} is not in the section it links to"


@pytest.mark.parametrize("path", [p for p in PAGES if p.startswith("chapters/") or p == "intro.html"])
def test_references_to_figures_and_chapters_are_links(path):
    text = (BOOK / path).read_text(encoding="utf-8")
    article = text[text.index("<article") : text.index("</article>")]
    # Set apart: links, captions' own numbers, code, figures, headings.
    for apart in (r"<a\b.*?</a>", r"<strong>(?:Figure|Table) [\d.]+</strong>", r"<pre\b.*?</pre>", r"<svg\b.*?</svg>",
                  r"<script\b.*?</script>", r"<h\d\b.*?</h\d>", r'aria-label="[^"]*"'):
        article = re.sub(apart, " ", article, flags=re.DOTALL)
    plain = re.sub(r"<[^>]+>", "", article)
    own = re.match(r"chapters/0*(\d+)", path)
    loose = [
        found
        for found in re.findall(r"\b(?:[Ff]igure \d+\.\d+|[Ee]xercise \d+|[Cc]hapters? \d+)", plain)
        if not (own and found.lower() == f"chapter {own.group(1)}")
    ]
    assert loose == []
    assert re.findall(r"\b(?:see|shown|said|saw|described) (?:above|below)\b", plain) == []


def test_each_page_leads_to_the_next_and_back():
    order = ["intro.html", *CHAPTERS.values(), *(f"appendices/{name}.html" for name in
             re.findall(r"file: appendices/(\w+)", (BOOK.parents[1] / "_toc.yml").read_text()))]
    for path, following in zip(order, order[1:]):
        for here, there, relation in ((path, following, "next"), (following, path, "prev")):
            text = (BOOK / here).read_text(encoding="utf-8")
            (link,) = re.findall(rf'<a class="(?:left|right)-{relation}"\s*href="([^"]+)"', text)
            assert (BOOK / here).parent.joinpath(link).resolve() == (BOOK / there).resolve()


# --- the map ----------------------------------------------------------------------------


def notebook(*cells):
    made = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    return nbformat.v4.new_notebook(cells=[made[kind](source) for kind, source in cells])


def test_reading_times_count_words_formulas_code_and_figures():
    words = ("markdown", "word " * 400)
    assert finding.reading_minutes(notebook(words)) == 2
    assert finding.reading_minutes(notebook(words, ("markdown", "$$\na = b\n$$"), ("markdown", "$$c$$"))) == 2.5
    assert finding.reading_minutes(notebook(words, ("code", "x = 1\n\ny = 2"))) == pytest.approx(2.1)
    assert finding.reading_minutes(notebook(words, ("markdown", "**Figure 1.1.** " + "word " * 198))) == 4
    assert finding.reading_minutes(notebook(words, ("markdown", "## Exercises\n" + "word " * 900), words)) == 2


def test_needs_are_those_that_a_chapter_states():
    stated = "# Title\n\n**You need:** [one](01_one.ipynb) and\n[three](03_three.ipynb).\n\nLater [two](02_two.ipynb)."
    assert finding.needed_chapters(notebook(("markdown", stated))) == [1, 3]
    assert finding.direct_needs({1: [], 2: [1], 3: [1, 2], 4: [1, 3]}) == {1: [], 2: [1], 3: [2], 4: [3]}


def test_the_map_lists_every_chapter_with_time_and_needs():
    text = (BOOK / "intro.html").read_text(encoding="utf-8")
    rows = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", text, re.DOTALL)]
    rows = [row for row in rows if len(row) == 4]
    assert len(rows) == len(CHAPTERS)
    for (number, path), source, (chapter, question, needs, minutes) in zip(CHAPTERS.items(), chapters.PATHS, rows):
        read = chapters.read(source)
        title = read.cells[0].source.splitlines()[0].removeprefix("# ")
        assert f'href="{path}"' in chapter and re.sub(r"<[^>]+>", "", chapter).startswith(f"{number} {title[:10]}")
        assert "?" in question
        assert re.findall(r'href="([^"]+)"', needs) == [CHAPTERS[n] for n in finding.needed_chapters(read)]
        assert all(n < number for n in finding.needed_chapters(read))
        assert abs(int(re.sub(r"<[^>]+>", "", minutes)) - finding.reading_minutes(read)) <= 2.5
    (said,) = re.findall(r'class="wtc-map" role="img" aria-label="([^"]+)"', text)
    assert "10 on" in said and "2 on 1;" in said
