"""What a reader can take away: notebooks, the library, a citation. The zip of the book and its PDF are made of the pages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from taking import citation, zips

ROOT = Path(__file__).parents[2]
#: What the files that a reader downloads are called.
NAME = "what-thinking-costs"
NOTEBOOKS = f"{NAME}-notebooks.zip"
#: Where they are, from the first page.
DOWNLOADS = "downloads"

START = """\
What Thinking Costs, edition {version}: all notebooks, and the library they use.

With Python 3.11 or later, in a terminal, in this folder:

    python -m pip install -r requirements.txt
    python -m jupyterlab chapters

The first line installs the library and JupyterLab, in the versions with which the book was tested.
It needs a network; after it nothing does. On Windows write "py" for "python". If the system does not let you
install, make an environment of your own first, and use its Python in both lines:

    python -m venv env

which is env/bin/python afterwards, and env\\Scripts\\python on Windows.

Code: BSD 3-Clause (LICENSE). Text and figures: CC BY 4.0 (LICENSE-TEXT). To cite the book, see CITATION.cff.
"""

REQUIREMENTS = """\
# The library of the book and what opens its notebooks, in the versions with which the book was tested.
-c constraints.txt
./{wheel}
jupyterlab
"""


def version() -> str:
    """The edition, as it is cited."""
    return citation.read(ROOT / "CITATION.cff")["version"]


def build_wheel(folder: Path) -> Path:
    """The library as a wheel, built in a copy, so that nothing left over from other builds gets in."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(
            ROOT / "thermolib", Path(copy) / "thermolib", ignore=shutil.ignore_patterns("__pycache__")
        )
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index"]
            + ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), copy],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},  # 1980: the same wheel at any time
        )
    (wheel,) = folder.glob("thermolib-*.whl")
    return wheel


def notebooks_zip(path: Path, wheel: Path) -> Path:
    """All notebooks with what they need and what they link to, and how to start."""
    top = f"{NAME}-{version()}-notebooks/"
    names = ["references.bib", "CITATION.cff", "LICENSE", "LICENSE-TEXT"]
    names += [p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "chapters").glob("*.ipynb"))]
    linked = {
        found
        for name in names
        if name.endswith(".ipynb")
        for found in re.findall(r"\]\(\.\./(appendices/\w+\.md)", (ROOT / name).read_text("utf-8"))
    }
    files = {top + name: (ROOT / name).read_bytes() for name in [*names, *sorted(linked)]}
    files[top + "START.txt"] = START.format(version=version()).encode()
    files[top + "requirements.txt"] = REQUIREMENTS.format(wheel=wheel.name).encode()
    files[top + "constraints.txt"] = (ROOT / "requirements.txt").read_bytes()
    files[top + wheel.name] = wheel.read_bytes()
    return zips.write(path, files)


def write_downloads(app: Sphinx, error: Exception | None) -> None:
    """Put the wheel and the zip of all notebooks beside the pages."""
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir) / DOWNLOADS
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    notebooks_zip(folder / NOTEBOOKS, build_wheel(folder))


def add_links(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """A chapter ends with what can be taken along."""
    if not pagename.startswith("chapters/") or "body" not in context:
        return

    def link(target: str, text: str, download: str = "") -> str:
        return f'<a href="{context["pathto"](target, 1)}"{download}>{text}</a>'

    notebook = link(f"_sources/{context['sourcename']}", "this chapter as a notebook", " download")
    everything = link(f"{DOWNLOADS}/{NOTEBOOKS}", "all notebooks with the library", " download")
    how = link("appendices/running.html", "how to run them")
    cite = link("appendices/citing.html", "how to cite the book")
    context["body"] += (
        f'<p class="wtc-take">Take it with you: {notebook}, {everything}; {how}, {cite}.</p>'
    )


class CiteThisBook(SphinxDirective):
    """A block that can be copied, made from CITATION.cff; the argument is text or bibtex."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        source = ROOT / "CITATION.cff"
        self.env.note_dependency(str(source))
        form = {"text": citation.plain, "bibtex": citation.bibtex}[self.arguments[0]]
        text = form(citation.read(source))
        return [nodes.literal_block(text, text, language=self.arguments[0], classes=["wtc-cite"])]


def setup(app: Sphinx) -> dict:
    app.add_directive("cite-this-book", CiteThisBook)
    app.connect("html-page-context", add_links)
    app.connect("build-finished", write_downloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
