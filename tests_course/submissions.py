"""Makes submissions: notebooks with answers in them, and the folders of a class."""

import base64
import copy
import io
import json
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from PIL import Image


def place(notebook: NotebookNode, grade_id: str) -> int:
    return next(n for n, cell in enumerate(notebook.cells)
                if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def answered(release: NotebookNode, answers: Mapping[str, str] | NotebookNode) -> NotebookNode:
    """The release with some answers written in; taken from the source notebook, those are all correct."""
    notebook = copy.deepcopy(release)
    if isinstance(answers, NotebookNode):
        answers = {c.metadata.nbgrader.grade_id: c.source for c in answers.cells
                   if c.metadata.get("nbgrader", {}).get("solution")}
    for grade_id, source in answers.items():
        notebook.cells[place(notebook, grade_id)].source = source
    return notebook


def with_code(notebook: NotebookNode, source: str, before: str) -> NotebookNode:
    """With an extra cell of code before a given cell."""
    notebook = copy.deepcopy(notebook)
    notebook.cells.insert(place(notebook, before), new_code_cell(source))
    return notebook


def with_text(notebook: NotebookNode, source: str, before: str) -> NotebookNode:
    notebook = copy.deepcopy(notebook)
    notebook.cells.insert(place(notebook, before), new_markdown_cell(source))
    return notebook


def picture(width: int = 3, height: int = 2, format: str = "PNG") -> str:
    """A black picture, in base64."""
    content = io.BytesIO()
    Image.new("1", (width, height)).save(content, format)
    return base64.b64encode(content.getvalue()).decode()


def write(path: Path, notebook: NotebookNode | str | bytes) -> Path:
    if isinstance(notebook, NotebookNode):
        notebook = json.dumps(notebook)
    path.write_bytes(notebook.encode() if isinstance(notebook, str) else notebook)
    return path


def hand_in(root: Path, student: str, name: str, notebook: NotebookNode | str | bytes, file: str | None = None,
            time: str | None = None) -> Path:
    """Puts a notebook, or bytes in its place, where nbgrader's collecting tools put it."""
    folder = root / "submitted" / student / name
    folder.mkdir(parents=True, exist_ok=True)
    path = write(folder / (file or f"{name}.ipynb"), notebook)
    if time is not None:
        (folder / "timestamp.txt").write_text(time)
    return path


def enroll(root: Path, students) -> None:
    lines = [f"{s},First,Last,{s}@example.org\n" for s in students]
    (root / "roster.csv").write_text("id,first_name,last_name,email\n" + "".join(lines))


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
