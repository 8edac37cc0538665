"""The course folder, and how nbgrader is set up for it.

    roster.csv               who is enrolled: id,first_name,last_name,email
    submitted/STUDENT/SET/   what was handed in, as nbgrader's collect and zip_collect put it there
    nbgrader_config.py       makes nbgrader's own commands, formgrader among them, use this setup
    release/SET/             the notebook for students
    checked/STUDENT/SET/     the released notebook with the student's answers, executed in the sandbox
    autograded/, feedback/, gradebook.db    of nbgrader
    grades/SET.csv           one line per enrolled student
    status/SET/STUDENT.json  how grading went; what went wrong in it is in log/SET/STUDENT.txt

nbgrader never executes anything here: it is given notebooks that have been executed, and takes points from their outputs.
"""

import contextlib
import csv
import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    GetGrades,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)
from nbgrader.utils import capture_log, parse_utc
from traitlets.config import Config

from thermograde.intake import is_test
from thermograde.problemset import ASSIGNMENTS, PRIVATE_FILES, ProblemSet, leaks

_STUDENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")
_NBGRADER_CONFIG = """\
from thermograde.course import Course

c = get_config()  # noqa: F821
c.merge(Course({root!r}, {assignments!r}).config())
"""


class LockGivenCells(NbGraderPreprocessor):
    """Marks every cell that is neither answer nor test as given, so that a submission can not change it."""

    def preprocess_cell(self, cell, resources, cell_index):
        if "nbgrader" not in cell.metadata:
            cell.metadata.nbgrader = NotebookNode(grade=False, solution=False, task=False, locked=True,
                                                  grade_id=f"given-{cell.id}", schema_version=3)
        return cell, resources


class KeepVerdicts(NbGraderPreprocessor):
    """Leaves headings, the student's cells, and what the tests say: the rest is in the student's notebook."""

    def preprocess(self, nb, resources):
        kept = []
        for cell in nb.cells:
            marks = cell.metadata.get("nbgrader", {})
            if is_test(cell):
                cell.source = cell.source.partition("\n")[0]
                cell.outputs = cell.outputs[:-1]  # the last one is the points, which stand in the heading
            elif marks.get("locked") and not marks.get("task"):
                headings = [line for line in cell.source.splitlines() if line.startswith("#")]
                if cell.cell_type == "code" or not headings:
                    continue
                cell.source = "\n\n".join(headings)
            kept.append(cell)
        nb.cells = kept
        return nb, resources


class FeedbackPage(HTMLExporter):
    """A page without scripts that fetches nothing, whatever the notebook holds."""

    _POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

    def from_notebook_node(self, nb, resources=None, **kwargs):
        page, resources = super().from_notebook_node(nb, resources, **kwargs)
        page = re.sub(r"<script\b.*?</script\s*>|<link\b[^>]*>|@font-face\s*{.*?}", "", page, flags=re.DOTALL)
        policy = f'<head>\n<meta http-equiv="Content-Security-Policy" content="{self._POLICY}">'
        return page.replace("<head>", policy, 1), resources


@contextlib.contextmanager
def _programs_of_this_environment() -> Iterator[None]:
    """nbgrader makes a new gradebook with the program alembic, which it looks for in PATH."""
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        yield
    finally:
        os.environ["PATH"] = path


@dataclass(frozen=True)
class Student:
    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


class Course:
    """A course folder. root: where it is. assignments: where the problem sets are."""

    def __init__(self, root: Path | str, assignments: Path | str = ASSIGNMENTS):
        self.root, self.assignments = Path(root).resolve(), Path(assignments).resolve()

    @staticmethod
    def create(root: Path | str, assignments: Path | str = ASSIGNMENTS) -> "Course":
        """Makes the folder, closed to other users; what is there already stays."""
        course = Course(root, assignments)
        course.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (course.root / "submitted").mkdir(exist_ok=True)
        for name, text in (("roster.csv", "id,first_name,last_name,email\n"),
                           ("nbgrader_config.py", _NBGRADER_CONFIG.format(root=str(course.root),
                                                                          assignments=str(course.assignments)))):
            if not (course.root / name).exists():
                (course.root / name).write_text(text)
        return course

    @staticmethod
    def open(root: Path | str, assignments: Path | str = ASSIGNMENTS) -> "Course":
        course = Course(root, assignments)
        if not (course.root / "nbgrader_config.py").exists():
            raise ValueError(f"{course.root} must be a course folder, made with `thermograde new`")
        return course

    def config(self) -> Config:
        """nbgrader's configuration: its own steps, without those that would run or trust a submission."""
        c = Config()
        c.CourseDirectory.root = str(self.root)
        c.CourseDirectory.source_directory = str(self.assignments)
        c.CourseDirectory.submitted_directory = "checked"
        for app in ("CollectApp", "ZipCollectApp"):  # which bring in what is to be checked
            c[app].CourseDirectory.submitted_directory = "submitted"
        c.CourseDirectory.ignore = [*PRIVATE_FILES, ".ipynb_checkpoints", "*.pyc", "__pycache__"]
        c.GenerateAssignment.preprocessors = [LockGivenCells, *GenerateAssignment.preprocessors.default()]
        c.Autograde.sanitize_preprocessors = [OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
        c.Autograde.autograde_preprocessors = [SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
        c.GenerateFeedback.exporter_class = FeedbackPage
        c.GenerateFeedback.preprocessors = [GetGrades, KeepVerdicts, CSSHTMLHeaderPreprocessor]
        return c

    def _convert(self, converter: type, name: str, student: str) -> None:
        config = self.config()
        folder = CourseDirectory(config=config, assignment_id=name, student_id=student)
        app = converter(coursedir=folder, config=config)
        app.force = True
        with _programs_of_this_environment():
            result = capture_log(app)
        if not result["success"]:
            raise RuntimeError(f"nbgrader could not convert {name} of {student}:\n{result.get('log', '')}{result['error']}")

    @contextlib.contextmanager
    def gradebook(self) -> Iterator[Gradebook]:
        """nbgrader's gradebook, for one process at a time."""
        with self.lock("gradebook"), _programs_of_this_environment():
            with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
                yield gradebook

    @contextlib.contextmanager
    def lock(self, name: str, wait: bool = True) -> Iterator[None]:
        """Holds a lock of the course; raises BlockingIOError if another process has it and wait is False."""
        with open(self.root / f".{name}.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield

    def roster(self) -> list[Student]:
        """Who is enrolled; raises ValueError if nobody is, or if an id is not fit for a folder or there twice."""
        path = self.root / "roster.csv"
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError(f"{path} must list at least one student, below id,first_name,last_name,email")
        students = [Student(*((row.get(key) or "").strip() for key in ("id", "first_name", "last_name", "email")))
                    for row in rows]
        for student in students:
            if not _STUDENT_ID.fullmatch(student.id):
                raise ValueError(f"student ids must consist of letters, digits and _ . @ -, got {student.id!r}")
        ids = [student.id for student in students]
        if len(set(ids)) < len(ids):
            raise ValueError(f"student ids must be unique, got {sorted(i for i in set(ids) if ids.count(i) > 1)} again")
        return students

    def release(self, problem_set: ProblemSet) -> Path:
        """Makes the student's notebook and enters the set into the gradebook; returns the notebook's path.

        Raises ValueError if anything of a solution or a hidden test is left in it, and removes it.
        """
        name = problem_set.name
        with self.lock("gradebook"):
            self._convert(GenerateAssignment, name, ".")
        path = self.released(name)
        left = leaks(nbformat.read(path, as_version=4), problem_set)
        if left:
            shutil.rmtree(path.parent)
            raise ValueError(f"the release of {name} must not show solutions or hidden tests, got {left[0]!r}")
        self._write(path.parent.with_suffix(".source"), fingerprint(problem_set))
        return path

    def released(self, name: str) -> Path:
        return self.root / "release" / name / f"{name}.ipynb"

    def is_released(self, problem_set: ProblemSet) -> bool:
        """Whether the release is that of the present source."""
        mark = self.released(problem_set.name).parent.with_suffix(".source")
        return mark.exists() and mark.read_text() == fingerprint(problem_set)

    def enter(self, students: list[Student], name: str, due: str | None) -> None:
        """Writes roster and, if there is one, due date into the gradebook."""
        try:
            due_date = parse_utc(due)
        except (ValueError, OverflowError):
            raise ValueError(f"due must be a date and time, like '2026-10-30 23:59 +0100', got {due!r}") from None
        with self.gradebook() as gradebook:
            for student in students:
                fields = {key: value for key, value in vars(student).items() if key != "id" and value}
                gradebook.update_or_create_student(student.id, **fields)
            if due_date is not None:
                gradebook.update_or_create_assignment(name, duedate=due_date)

    def time_of(self, student: str, name: str) -> datetime | None:
        """When the submission was collected (UTC), from the timestamp.txt that nbgrader's collecting tools write."""
        path = self.root / "submitted" / student / name / "timestamp.txt"
        try:
            if path.is_symlink() or not path.is_file():
                return None
            with open(path) as file:
                return parse_utc(file.read(100).strip())
        except (ValueError, OverflowError, OSError):
            return None

    def due(self, name: str) -> datetime | None:
        """The due date in the gradebook, UTC."""
        with self.gradebook() as gradebook:
            try:
                return gradebook.find_assignment(name).duedate
            except MissingEntry:
                return None

    def record(self, notebook: NotebookNode, student: str, name: str) -> None:
        """Hands an executed notebook, with its points, over to nbgrader's gradebook."""
        folder = self.root / "checked" / student / name
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / f"{name}.ipynb")
        time = self.time_of(student, name)
        if time is not None:
            (folder / "timestamp.txt").write_text(f"{time:%Y-%m-%d %H:%M:%S} UTC\n")
        with self.lock("gradebook"):
            self._convert(Autograde, name, student)

    def feedback(self, student: str, name: str) -> None:
        """Makes nbgrader's feedback page."""
        self._convert(GenerateFeedback, name, student)

    def remove(self, student: str, name: str) -> None:
        """Removes what grading has written for a student, so that nothing half-written stays."""
        for step in ("checked", "autograded", "feedback"):
            folder = self.root / step / student / name
            if folder.exists():
                shutil.rmtree(folder)

    def status_path(self, student: str, name: str) -> Path:
        return self.root / "status" / name / f"{student}.json"

    def status(self, student: str, name: str) -> dict | None:
        path = self.status_path(student, name)
        return json.loads(path.read_text()) if path.exists() else None

    def keep_status(self, student: str, name: str, status: dict) -> None:
        self._write(self.status_path(student, name), json.dumps(status, indent=1))

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(text)
        os.replace(part, path)

    def scores(self, name: str) -> dict[str, dict]:
        """Of every student with a submission in the gradebook: what `score` says."""
        with self.gradebook() as gradebook:
            try:
                return {s.student.id: _score(s) for s in gradebook.find_assignment(name).submissions}
            except MissingEntry:
                return {}

    def score(self, student: str, name: str) -> dict:
        """The score, the most that it can be, whether a part of it is pending until a person has graded it, and comments."""
        with self.gradebook() as gradebook:
            return _score(gradebook.find_submission(name, student))


def _score(submission: SubmittedAssignment) -> dict:
    comments = [c.manual_comment for notebook in submission.notebooks for c in notebook.comments if c.manual_comment]
    return {"score": submission.score - (submission.late_submission_penalty or 0.0), "most": submission.max_score,
            "pending": submission.needs_manual_grade, "comments": comments}


def fingerprint(problem_set: ProblemSet) -> str:
    """Changes with the source notebook and with the checks."""
    digest = hashlib.sha256()
    for file in (f"{problem_set.name}.ipynb", "checks.py"):
        digest.update((problem_set.folder / file).read_bytes())
    return digest.hexdigest()
