"""How a reader finds a place: references that are links, a map of the chapters, a search that puts them first."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

CHAPTER = re.compile(r"^chapters/(\d\d)_\w+$")


def chapters(env) -> dict[int, str]:
    """The documents of the chapters by their numbers."""
    return {int(found.group(1)): name for name in env.found_docs if (found := CHAPTER.match(name))}


# --- references ---------------------------------------------------------------------------

#: "figure 2.8", "Exercise 3", "chapter 1", "chapters 2 and 4", "chapters 3 to 9"
REFERENCE = re.compile(
    r"\b(?:(?P<figure>[Ff]igure|[Tt]able) (?P<place>\d+\.\d+)"
    r"|(?P<exercise>[Ee]xercise) (?P<task>\d+)"
    r"|[Cc]hapters? (?P<chapter>\d+)(?: (?:and|to) (?P<last>\d+))?)"
)
CAPTION = re.compile(r"(Figure|Table) (\d+\.\d+)\.$")
TASK = re.compile(r"(\d+)\. ")


class Anchors(SphinxPostTransform):
    """Captions and exercises get ids: `figure-2-8`, `exercise-2-3`."""

    default_priority = 205
    formats = ("html",)

    def run(self, **kwargs) -> None:
        if not (chapter := CHAPTER.match(self.env.docname)):
            return
        for paragraph in self.document.findall(nodes.paragraph):
            first = next((c for c in paragraph.children if c.astext()), None)
            if not isinstance(first, nodes.strong):
                continue
            text = first.astext()
            if found := CAPTION.match(text):
                paragraph["ids"].append(f"{found.group(1)}-{found.group(2)}".lower().replace(".", "-"))
            elif found := TASK.match(text):
                paragraph["ids"].append(f"exercise-{int(chapter.group(1))}-{found.group(1)}")


class References(SphinxPostTransform):
    """ "figure 2.8", "exercise 3" and "chapter 1" in the text lead there; the notebooks stay plain."""

    default_priority = 215
    formats = ("html",)

    def run(self, **kwargs) -> None:
        self.chapters = chapters(self.env)
        for text in list(self.document.findall(nodes.Text)):
            if REFERENCE.search(text) and not self.is_set_apart(text):
                text.parent.replace(text, list(self.linked(text.astext())))

    def is_set_apart(self, node: nodes.Node) -> bool:
        """Whether this is a heading, a link, a caption's own number, code or mathematics."""
        apart = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block,
                 nodes.raw, addnodes.pending_xref, nodes.caption)  # fmt: skip
        while node := node.parent:
            if isinstance(node, apart):
                return True
            if isinstance(node, nodes.strong) and CAPTION.match(node.astext()):
                return True
        return False

    def linked(self, text: str) -> Iterator[nodes.Node]:
        end = 0
        for found in REFERENCE.finditer(text):
            for begin, stop, target in self.targets(found):
                yield nodes.Text(text[end:begin])
                yield self.link(text[begin:stop], target)
                end = stop
        yield nodes.Text(text[end:])

    def targets(self, found: re.Match) -> Iterator[tuple[int, int, str]]:
        """Begin and end of each link in a reference, and where it leads."""
        here = CHAPTER.match(self.env.docname)
        if found["figure"]:
            number, place = found["place"].split(".")
            kind = found["figure"].lower()
            yield *found.span(), self.address(int(number), f"#{kind}-{number}-{place}")
        elif found["exercise"]:
            if here:
                yield *found.span(), f"#exercise-{int(here.group(1))}-{found['task']}"
        else:
            several = found["last"] is not None
            spans = [(found.start("chapter") if several else found.start(), found.end("chapter"))]
            numbers = [int(found["chapter"])]
            if several:
                spans.append(found.span("last"))
                numbers.append(int(found["last"]))
            for span, number in zip(spans, numbers):
                if self.chapters.get(number) != self.env.docname:
                    yield *span, self.address(number)

    def address(self, number: int, anchor: str = "") -> str:
        if number not in self.chapters:
            logger.warning("there is no chapter %d", number, location=self.env.docname)
            return ""
        target = self.chapters[number]
        if target == self.env.docname:
            return anchor
        return self.app.builder.get_relative_uri(self.env.docname, target) + anchor

    def link(self, text: str, target: str) -> nodes.reference:
        node = nodes.reference("", "", internal=True, refuri=target)
        node += nodes.inline(text, text, classes=["std", "std-ref"])
        return node


# --- the map of the chapters --------------------------------------------------------------

WORDS_PER_MINUTE = 200
MINUTES_PER_FORMULA = 0.25
MINUTES_PER_LINE_OF_CODE = 0.05
MINUTES_PER_FIGURE = 1.0
FORMULA = re.compile(r"\$\$.+?\$\$", re.DOTALL)
NEEDS = re.compile(r"\*\*You need:\*\*(.*?)\n\n", re.DOTALL)


def reading_minutes(notebook: nbformat.NotebookNode) -> float:
    """Minutes that a chapter takes up to its exercises: its words, formulas, lines of code and figures."""
    minutes = 0.0
    for cell in notebook.cells:
        source = cell.source
        if cell.cell_type == "code":
            minutes += MINUTES_PER_LINE_OF_CODE * sum(bool(line.strip()) for line in source.splitlines())
            continue
        before, exercises, _ = source.partition("## Exercises")
        formulas = len(FORMULA.findall(before))
        words = len(FORMULA.sub("", before).split())
        minutes += words / WORDS_PER_MINUTE + MINUTES_PER_FORMULA * formulas
        minutes += MINUTES_PER_FIGURE * before.startswith("**Figure ")
        if exercises:
            break
    return minutes


def needed_chapters(notebook: nbformat.NotebookNode) -> list[int]:
    """The numbers of the chapters that a chapter links to where it says what the reader needs."""
    stated = NEEDS.search(notebook.cells[0].source + "\n\n")
    return sorted({int(number) for number in re.findall(r"\]\((\d\d)_\w+\.ipynb\)", stated.group(1))})


def direct_needs(needs: dict[int, list[int]]) -> dict[int, list[int]]:
    """Without what a needed chapter needs itself."""

    def all_below(number: int) -> set[int]:
        return set(needs[number]).union(*(all_below(n) for n in needs[number]))

    return {
        number: [n for n in own if not any(n in all_below(other) for other in own)]
        for number, own in needs.items()
    }


class ChapterMap(SphinxDirective):
    """A table of all chapters: question, what each builds on, and how long it takes to read.

    The content gives a question for each chapter, in the order of the table of contents; everything
    else comes from the notebooks.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        numbered = chapters(self.env)
        questions = [line.strip() for line in self.content if line.strip()]
        if len(questions) != len(numbered):
            raise self.error(f"the map needs {len(numbered)} questions, got {len(questions)}")
        notebooks = {}
        for number, name in sorted(numbered.items()):
            self.env.note_dependency(f"{name}.ipynb")
            notebooks[number] = nbformat.read(Path(self.env.srcdir) / f"{name}.ipynb", as_version=4)
        needs = {number: needed_chapters(notebook) for number, notebook in notebooks.items()}
        lines = ["| chapter | question | builds on | minutes |", "|---|---|---|---|"]
        for (number, notebook), question in zip(notebooks.items(), questions):
            title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
            builds_on = ", ".join(f"[{n}](/{numbered[n]}.ipynb)" for n in needs[number])
            minutes = 5 * round(reading_minutes(notebook) / 5)
            chapter = f"[{number} {title}](/{numbered[number]}.ipynb)"
            lines.append(f"| {chapter} | {question} | {builds_on} | {minutes} |")
        table = self.parse_text_to_nodes("\n".join(lines))
        return [*table, nodes.raw("", drawn(direct_needs(needs)), format="html")]


def drawn(needs: dict[int, list[int]]) -> str:
    """The chapters as disks from left to right, each to the right of those it builds on."""
    levels: dict[int, int] = {}
    for number in sorted(needs):
        levels[number] = 1 + max((levels[n] for n in needs[number]), default=-1)
    columns = [[n for n in sorted(needs) if levels[n] == level] for level in range(max(levels.values()) + 1)]
    middle = 30 * max(map(len, columns))
    place = {
        number: (30 + 60 * level, middle + 60 * row - 30 * (len(column) - 1))
        for level, column in enumerate(columns)
        for row, number in enumerate(column)
    }
    # A line stays in its row until the last column, so that it passes no disk in between.
    parts = [
        f'<path d="M{place[n][0]} {place[n][1]}H{place[number][0] - 60}L{place[number][0]} {place[number][1]}"/>'
        for number, below in needs.items()
        for n in below
    ]
    parts += [
        f'<circle cx="{x}" cy="{y}" r="16"/><text x="{x}" y="{y}">{number}</text>'
        for number, (x, y) in place.items()
    ]
    said = "; ".join(
        f"{number} on {' and '.join(map(str, below))}" for number, below in needs.items() if below
    )
    return (
        f'<svg class="wtc-map" role="img" aria-label="Which chapter builds on which: {said}." '
        f'viewBox="0 0 {60 * len(columns)} {2 * middle}">{"".join(parts)}</svg>'
    )


# --- the search ---------------------------------------------------------------------------

#: How much a word counts where it stands.
IN_TITLE, IN_BOLD, IN_TEXT = 10, 3, 1
LABELS = ("Predict.", "You need:", "You will be able to:")
COMMAND = re.compile(r"\\[a-zA-Z]+")


def weigh(node: nodes.Node) -> int:
    """What a text counts for, by where it stands; code, outputs and labels like "Predict." count for nothing."""
    weight = IN_TEXT
    while node := node.parent:
        if isinstance(node, (nodes.literal_block, nodes.literal, nodes.raw)):
            return 0
        if isinstance(node, nodes.title):
            return IN_TITLE
        if isinstance(node, nodes.entry):  # what is bold in a table is a verdict
            return IN_TEXT
        if isinstance(node, nodes.strong):
            if node.astext() in LABELS:
                return 0
            weight = IN_BOLD
    return weight


def stems(app: Sphinx, text: str) -> list[str]:
    """The words that matter in a text, cut and stemmed as the search page will do it with what a reader types."""
    language = app.builder.indexer.lang
    words = (word.lower() for word in language.split(COMMAND.sub(" ", text)))
    return [language.stem(word) for word in words if len(word) > 1 and word not in language.stopwords]


class Words:
    """Words and pairs of neighbors in the chapters, counted, and the terms that the glossary finds there; all as stems."""

    def __init__(self):
        self.counts: dict[str, Counter] = defaultdict(Counter)
        self.terms: list[tuple[list[str], str]] = []

    def weights(self) -> dict[str, dict[str, int]]:
        """For each word or pair the chapters that have it: more the more often it comes, and the fewer others have it.

        A pair that comes only once in the book may be chance, and is left out.
        """
        weights: dict[str, dict[str, int]] = {}
        total = sum(self.counts.values(), Counter())
        for stem in sorted(stem for stem in total if " " not in stem or total[stem] > 1):
            holders = {name: c[stem] for name, c in sorted(self.counts.items()) if c[stem]}
            rarity = math.log(1 + len(self.counts) / len(holders))
            weights[stem] = {
                name: round(10 * rarity * math.log(1 + count)) for name, count in holders.items()
            }
        return weights


def count_words(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if app.builder.name != "html":
        return
    if CHAPTER.match(docname):
        for text in doctree.findall(nodes.Text):
            if weight := weigh(text):
                words = stems(app, text.astext())
                for stem in (*words, *map(" ".join, zip(words, words[1:]))):
                    app.builder.words.counts[docname][stem] += weight
    for entry in doctree.findall(nodes.definition_list_item):
        terms = [term.astext() for term in entry.findall(nodes.term) if term["ids"]]
        for link in entry.findall(nodes.reference):
            page, _, anchor = link.get("refuri", "").partition("#")
            chapter = posixpath.normpath(posixpath.join(posixpath.dirname(docname), page)).removesuffix(".html")
            if anchor and CHAPTER.match(chapter):
                app.builder.words.terms += [(stems(app, term), chapter) for term in terms]


def add_search_weights(app: Sphinx, error: Exception | None) -> None:
    """Put the weights in front of the search index, which runs as soon as it is loaded."""
    if error or app.builder.name != "html":
        return
    words = {"weights": app.builder.words.weights(), "terms": app.builder.words.terms}
    index = Path(app.outdir) / "searchindex.js"
    text = json.dumps(words, separators=(",", ":"), ensure_ascii=False)
    index.write_text(f"Object.assign(Search,{text});\n{index.read_text(encoding='utf-8')}", encoding="utf-8")


def start_counting(app: Sphinx) -> None:
    app.builder.words = Words()


def use_scorer(app: Sphinx, config) -> None:
    config.html_search_scorer = str(Path(__file__).with_name("search.js"))


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", use_scorer)
    app.add_directive("chapter-map", ChapterMap)
    app.add_post_transform(Anchors)
    app.add_post_transform(References)
    app.connect("builder-inited", start_counting)
    app.connect("doctree-resolved", count_words)
    app.connect("build-finished", add_search_weights)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
