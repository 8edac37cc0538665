"""What the book's build does beyond the book tool: no network, no missing alt text, frozen widgets."""

from __future__ import annotations

import gzip
import hashlib
import html
import inspect
import os
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from thermolib import _svg, figures

logger = logging.getLogger(__name__)

WIDGET = re.compile(r"<wtc-(?:explore|calculator) .*?</wtc-(?:explore|calculator)>", re.DOTALL)
PUNCTUATION = re.compile(r"[,.;:!?)\]”’]+")
CAPTION = re.compile(r"(Figure|Table) \d+\.\d+\.$")


def report_widgets(app: Sphinx, error: Exception | None) -> None:
    """Print what each frozen widget adds to its page."""
    if error or app.builder.format != "html":
        return
    for page in sorted(Path(app.outdir).rglob("*.html")):
        for number, widget in enumerate(WIDGET.findall(page.read_text(encoding="utf-8")), 1):
            states = re.search(r'data-states="(\d+)"', widget)
            size = len(gzip.compress(widget.encode(), mtime=0)) / 1000
            logger.info(
                "widget %d of %s: %s, %.1f kB gzipped",
                number,
                page.relative_to(app.outdir).as_posix(),
                f"{states.group(1)} states" if states else "calculator",
                size,
            )


class Paragraphs(SphinxPostTransform):
    """Paragraphs that start with a bold figure number are captions, with a bold "Predict." questions."""

    default_priority = 210
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for paragraph in self.document.findall(nodes.paragraph):
            # The parser may put an empty text in front.
            first = next((c for c in paragraph.children if c.astext()), None)
            if not isinstance(first, nodes.strong):
                continue
            if CAPTION.match(first.astext()):
                paragraph["classes"].append("wtc-caption")
            elif first.astext() == "Predict.":
                paragraph["classes"].append("wtc-predict")


class Punctuation(SphinxPostTransform):
    """A comma stays on the line of the formula before it."""

    default_priority = 220
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for math in list(self.document.findall(nodes.math)):
            following = math.next_node(descend=False, siblings=True)
            if isinstance(following, nodes.Text) and (mark := PUNCTUATION.match(following)):
                rest = nodes.Text(following[mark.end() :])
                following.parent.replace(following, rest)
                together = nodes.inline("", "", classes=["wtc-together"])
                math.replace_self(together)
                together += [math, nodes.Text(mark.group())]


class InlineFigures(SphinxPostTransform):
    """Static figures become inline SVG: sharp, themed, and with an alt text or not at all."""

    default_priority = 200
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for image in list(self.document.findall(nodes.image)):
            alt = image.get("alt", "").strip()
            path = Path(self.app.srcdir) / image["uri"]
            if not alt or alt == image["uri"] or Path(alt).stem == path.stem:
                logger.warning("image without alt text: %s", image["uri"], location=image)
                continue
            if path.suffix != ".svg":
                continue
            text = path.read_text(encoding="utf-8")
            prefix = "f" + hashlib.sha1(text.encode()).hexdigest()[:6] + "-"
            svg = _svg.theme_text(text, prefix)
            label = html.escape(alt)
            figure = f'<div class="wtc-figure" role="img" aria-label="{label}">{svg}</div>'
            image.replace_self(nodes.raw("", figure, format="html"))


def escape_bars(app, what, name, item, options, lines: list[str]) -> None:
    """A bar in a docstring is an absolute value or a condition, not the start of a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def embolden_parameters(app, what, name, item, options, lines: list[str]) -> None:
    """Our docstrings say "kT: thermal energy." in running text; print the names in bold."""
    if what not in ("function", "class", "method"):
        return
    try:
        names = "|".join(inspect.signature(item).parameters)
    except (TypeError, ValueError):  # no signature to read: a Protocol or a builtin
        return
    if names:
        parameter = re.compile(rf"(?<![\w`.])((?:{names})(?:, (?:{names}))*): ")
        lines[:] = [parameter.sub(r"**\1**: ", line) for line in lines]


def setup(app: Sphinx) -> dict:
    os.environ[figures.FROZEN_VARIABLE] = "1"
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("accessible")
    app.setup_extension("weight")
    app.setup_extension("finding")
    app.setup_extension("proof")
    app.add_post_transform(InlineFigures)
    app.add_post_transform(Paragraphs)
    app.add_post_transform(Punctuation)
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("autodoc-process-docstring", embolden_parameters)
    app.connect("build-finished", report_widgets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
