"""What the theme and the writers leave undone for who reads by ear, by keyboard or by thumb."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

#: Closes the dialog it is in. Book.css shows it there only: the theme moves a sidebar into its dialog on a phone.
CLOSE = '<form method="dialog" class="wtc-close"><button aria-label="Close">✕</button></form>'

#: What a page says, and what it should say.
MENDED = [
    # Icons are characters of a font that no one can pronounce.
    (r'<(i|span) class="(?=[^"]*\bfa-)', r'<\1 aria-hidden="true" class="'),
    # A button is called what is written on it.
    (r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"', r"\1"),
    # Everything is in a landmark, and every dialog has a name and a way out.
    (r'(<div id="pst-primary-sidebar")([^>]*>)', rf'\1 role="complementary" aria-label="The book"\2{CLOSE}'),
    (r'(<div id="pst-secondary-sidebar")([^>]*>)', rf"\1\2{CLOSE}"),
    (r'<dialog id="pst-primary-sidebar-modal"', r'\g<0> aria-label="The book"'),
    (r'<dialog id="pst-secondary-sidebar-modal"', r'\g<0> aria-label="This page"'),
    (r'<dialog id="pst-search-dialog"', r'\g<0> aria-label="Search"'),
    # The items of a list are list items; "biblioentry" is a role no more.
    (r'role="doc-biblioentry"', 'role="listitem"'),
    # A table's empty corner heads nothing.
    (r'<th class="head">(?:<p>\s*</p>)?</th>', "<td></td>"),
]
#: Parameters one a line: no list of definitions, though the writer makes them one without terms.
PARAMETERS = re.compile(r'(<span class="sig-paren">\(</span>\s*)<dl>(.*?)</dl>', re.DOTALL)


def mend(page: str) -> str:
    """A page's HTML as it should have been written."""
    for pattern, replacement in MENDED:
        page = re.sub(pattern, replacement, page)
    return PARAMETERS.sub(lambda m: m.group(1) + parameters(m.group(2)), page)


def parameters(items: str) -> str:
    items = items.replace("<dd>", '<span class="wtc-parameter">').replace("</dd>", "</span>")
    return f'<span class="wtc-parameters">{items}</span>'


def mend_pages(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        before = page.read_text(encoding="utf-8")
        if (after := mend(before)) != before:
            page.write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", mend_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
