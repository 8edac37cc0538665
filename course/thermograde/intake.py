"""Reads what a student handed in, and takes from it only answers and plain extra cells.

The result is the released notebook with the answers put in. Metadata, outputs, tests, tags and other files of the
submission go no further than this module.
"""

import base64
import copy
import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from PIL import Image

from thermograde.checks import one_line

MOST_BYTES = 20_000_000
MOST_CELL = 100_000  # characters of one cell
MOST_EXTRA_CELLS = 300
MOST_OUTPUT = 20_000  # characters of one output in the feedback
MOST_PIXELS = 80_000_000  # of all pictures together: a few kilobytes of PNG can fill the memory of a browser
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?\w{1,40};)")
_WORDS = "|".join(r"[\t\r\n\\]*".join(word) for word in ("script", "data"))  # browsers skip tabs and line ends in a link
_SCRIPT_LINK = re.compile(rf"({_WORDS})[\s\\]*:", re.IGNORECASE)
_PICTURE = re.compile(r"!+(\[(?:[^\[\]]*\]\(attachment:([\w.-]+)\))?)")
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}


class Unreadable(ValueError):
    """Why a submission can not be graded."""


@dataclass(frozen=True)
class Submission:
    """cells: of the handed-in notebook, of unknown content. fingerprint: of its bytes."""

    cells: list
    fingerprint: str
    notes: list[str] = field(default_factory=list)


def _content(path: Path) -> bytes:
    name = one_line(path.name)
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise Unreadable(f"{name} is a link, and links are not followed")
        if not stat.S_ISREG(mode):
            raise Unreadable(f"{name} is not a file")
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{name} can not be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise Unreadable(f"{name} is larger than {MOST_BYTES // 1_000_000} MB")
    if not content.strip():
        raise Unreadable(f"{name} is empty")
    return content


def find(base: Path, student: str, name: str) -> Path:
    """The notebook in base/student/name/, if that is clear; raises Unreadable with the reason."""
    folder = base / student / name
    for part in (folder.parent, folder):
        if part.is_symlink() or not part.is_dir():
            raise Unreadable(f"{one_line(part.name)} is not a folder")
    try:
        found = sorted(entry for entry in os.listdir(folder) if entry.endswith(".ipynb"))
    except OSError as error:
        raise Unreadable(f"the folder can not be read: {error.strerror}") from None
    if f"{name}.ipynb" in found:
        return folder / f"{name}.ipynb"
    if len(found) == 1:
        return folder / found[0]
    raise Unreadable(f"there is no notebook {name}.ipynb" + (f" among {len(found)} notebooks" if found else ""))


def fingerprint(base: Path, student: str, name: str) -> str:
    """Of what would be read, without a look at its content; raises Unreadable."""
    return hashlib.sha256(_content(find(base, student, name))).hexdigest()


def read(base: Path, student: str, name: str) -> Submission:
    """The notebook in base/student/name/, whatever else lies there; raises Unreadable with the reason."""
    path = find(base, student, name)
    file, content = one_line(path.name), _content(path)
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable(f"{file} is not text in UTF-8") from None
    except RecursionError:
        raise Unreadable(f"{file} is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"{file} is not a notebook: {one_line(error)}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        found = notebook.get("nbformat") if isinstance(notebook, dict) else None
        raise Unreadable(f"{file} is not a notebook of format 4" + (f", but of format {one_line(found)}" if found else ""))
    notes = [] if path.stem == name else [f"the notebook is called {file}"]
    return Submission(notebook["cells"], hashlib.sha256(content).hexdigest(), notes)


def _text(source) -> str | None:
    """The source of a cell, a text or a list of texts; what UTF-8 can not hold and control characters become '?'."""
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    return _CONTROL.sub("?", source.encode("utf-8", "replace").decode())


def harmless(markdown: str, attachments: Container[str] = ()) -> str:
    """Markdown that stays text in a page: no HTML tag, no link that is a script, no picture but those attached.

    nbgrader and nbconvert pass all of them on. A space in the right place makes text of them, and a picture becomes a link.
    """
    markdown = _SCRIPT_LINK.sub(r"\1 :", _TAG.sub("< ", _ENTITY.sub("& ", markdown)))
    return _PICTURE.sub(lambda found: ("!" if found[2] in attachments else "") + found[1], markdown)


@dataclass
class Pictures:
    """Tells pictures from other data, and lets them through as long as there is room for their pixels."""

    room: int = MOST_PIXELS

    def admits(self, mime: str, data: object) -> bool:
        """Whether data are base64 of a PNG or JPEG for which there is room. Only the head of the picture is read."""
        if mime not in _FORMATS or not isinstance(data, str):
            return False
        try:
            content = io.BytesIO(base64.b64decode(data.replace("\n", ""), validate=True))
            with Image.open(content, formats=[_FORMATS[mime]]) as picture:
                pixels = picture.width * picture.height
        except Exception:  # whatever a decoder makes of data that are meant to break it
            return False
        if pixels > self.room:
            return False
        self.room -= pixels
        return True


def _attached(attachments, pictures: Pictures) -> dict:
    """The pictures pasted into a text."""
    kept = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        for mime, data in bundle.items() if isinstance(bundle, dict) else ():
            if pictures.admits(mime, data):
                kept[name] = {mime: data}
    return kept


@dataclass(frozen=True)
class _Cell:
    """What is taken from a cell of a submission."""

    kind: str
    source: str
    keys: tuple[str, ...]  # by which it may be known in the released notebook: grade id, cell id
    attachments: dict

    @staticmethod
    def of(raw, pictures: Pictures) -> "_Cell | None":
        if not isinstance(raw, dict) or raw.get("cell_type") not in ("code", "markdown"):
            return None
        source = _text(raw.get("source"))
        if source is None:
            return None
        metadata = raw.get("metadata")
        nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
        keys = tuple(key for key in (grade_id, raw.get("id")) if isinstance(key, str))
        return _Cell(raw["cell_type"], source, keys, _attached(raw.get("attachments"), pictures))

    def shown(self, kind: str) -> dict:
        """What a cell of the given kind gets of it."""
        if kind == "code":
            return {"source": self.source}
        attached = {"attachments": self.attachments} if self.attachments else {}
        return {"source": harmless(self.source, self.attachments), **attached}


def is_answer(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_test(cell: NotebookNode) -> bool:
    """A cell whose points are given by a check: graded, and not written by the student."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade")) and not is_answer(cell)


def merge(released: NotebookNode, submission: Submission) -> tuple[NotebookNode, list[str]]:
    """The released notebook with the student's answers and extra cells, and notes on what was unusual.

    An answer is found by its grade id, or if a program has lost that, by the id of the cell. Of several copies the last one
    that was edited is the answer, and other edited copies run before it, as they did for the student. Extra cells keep their
    place among the given ones. Raises Unreadable if no answer cell is there.
    """
    notes = list(submission.notes)
    known: dict[str, int] = {}
    for place, cell in enumerate(released.cells):
        known[cell.metadata.nbgrader.grade_id] = place
        known.setdefault(cell.id, place)
    answers: dict[int, list[_Cell]] = {place: [] for place, cell in enumerate(released.cells) if is_answer(cell)}
    extra: dict[int, list[_Cell]] = {}  # by the place of the given cell before them
    place = -1
    odd = 0
    pictures = Pictures()
    for raw in submission.cells:
        cell = _Cell.of(raw, pictures)
        if cell is None or len(cell.source) > MOST_CELL:
            odd += 1
            continue
        found = next((known[key] for key in cell.keys if key in known), None)
        if found is None:
            if cell.source.strip():
                extra.setdefault(place, []).append(cell)
            continue
        place = found
        if found in answers:
            answers[found].append(cell)
    if not any(answers.values()):
        raise Unreadable("none of its cells is an answer to this problem set")
    if odd:
        notes.append(f"{odd} cell(s) are neither code nor text, or longer than {MOST_CELL} characters, and were left out")

    merged = copy.deepcopy(released)
    for found, copies in answers.items():
        cell = merged.cells[found]
        name = cell.metadata.nbgrader.grade_id
        edited = [c for c in copies if c.source != cell.source]
        if not copies:
            notes.append(f"the answer {name} is not there")
        if len(copies) > 1:
            notes.append(f"the answer {name} is there {len(copies)} times")
        if edited:
            extra[found - 1] = extra.get(found - 1, []) + edited[:-1]
            cell.update(edited[-1].shown(cell.cell_type))
    if sum(map(len, extra.values())) > MOST_EXTRA_CELLS:
        raise Unreadable(f"it has more than {MOST_EXTRA_CELLS} extra cells")

    cells = []
    for found in range(-1, len(merged.cells)):
        cells += merged.cells[found:found + 1] if found >= 0 else []
        for number, cell in enumerate(extra.get(found, []), 1):
            make = new_code_cell if cell.kind == "code" else new_markdown_cell
            cells.append(make(id=f"extra-{found + 1}-{number}", **cell.shown(cell.kind)))
    merged.cells = cells
    return merged, notes


def plain_outputs(outputs: list, pictures: Pictures) -> list[NotebookNode]:
    """Outputs of unknown content as text and pictures that are safe to show; everything else is left out."""
    kept = []
    for output in outputs:
        if not isinstance(output, dict):
            continue
        kind, data = output.get("output_type"), output.get("data")
        if kind == "stream" and isinstance(output.get("text"), str):
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            kept.append({"output_type": "stream", "name": name, "text": _short(output["text"])})
        elif kind == "error":
            lines = output.get("traceback")
            lines = [_short(line) for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
            kept.append({"output_type": "error", "ename": one_line(output.get("ename", "Error")),
                         "evalue": one_line(output.get("evalue", "")), "traceback": lines})
        elif kind in ("display_data", "execute_result") and isinstance(data, dict):
            shown = {}
            if isinstance(data.get("text/plain"), str):
                shown["text/plain"] = _short(data["text/plain"])
            if pictures.admits("image/png", data.get("image/png")):
                shown["image/png"] = data["image/png"]
            if shown:
                kept.append({"output_type": "display_data", "data": shown, "metadata": {}})
    return [NotebookNode(output) for output in kept]


def _short(text: str) -> str:
    text = _text(_COLOR.sub("", text)) or ""
    return text if len(text) <= MOST_OUTPUT else text[:MOST_OUTPUT] + "\n[the rest is left out]\n"
