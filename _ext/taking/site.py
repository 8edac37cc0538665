"""The folder to publish: the built book, with its zip and its PDF to download.

python -m taking.site BOOK SITE FILE ..., with the folder of the built pages and the files to offer.
"""

from __future__ import annotations

import html
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from taking import DOWNLOADS

#: Where the page on taking the book along lists what only a published book has.
PLACE = "<!-- published downloads -->"
KINDS = {".zip": "the book to read without a network", ".pdf": "the book on paper"}


def make_site(book: Path, site: Path, files: Sequence[Path]) -> Path:
    """A copy of the book at `site`, where the page on taking it along links to `files`."""
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(book, site)
    items = []
    for file in files:
        shutil.copy(file, site / DOWNLOADS / file.name)
        megabytes = file.stat().st_size / 1e6
        items.append(
            f'<li><a href="../{DOWNLOADS}/{html.escape(file.name)}" download>{html.escape(file.name)}</a>: '
            f"{KINDS[file.suffix]}, {megabytes:.0f} MB</li>"
        )
    page = site / "appendices" / "running.html"
    text = page.read_text(encoding="utf-8")
    if text.count(PLACE) != 1:
        raise ValueError(f"{page} must have the place for the links once, found it {text.count(PLACE)} times")
    links = f"<p>Both are here, ready made:</p><ul>{''.join(items)}</ul>"
    page.write_text(text.replace(PLACE, links), encoding="utf-8")
    (site / ".nojekyll").touch()  # some hosts would hide folders whose name starts with an underscore
    return site


if __name__ == "__main__":
    book, site, *files = map(Path, sys.argv[1:])
    print("To publish:", make_site(book, site, files).resolve())
