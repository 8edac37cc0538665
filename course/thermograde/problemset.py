"""One problem set: a folder with its source notebook, its checks, and mistakes to test them with."""

import copy
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode

from thermograde.checks import Check
from thermograde.intake import is_answer, is_test

#: The problem sets of the book.
ASSIGNMENTS = Path(__file__).parents[2] / "assignments"
#: What lies beside a source notebook and never goes to students.
PRIVATE_FILES = ("checks.py", "mistakes.py")

_HIDDEN = re.compile(r"^ *### BEGIN HIDDEN TESTS\n(.*?)^ *### END HIDDEN TESTS *$", re.DOTALL | re.MULTILINE)
_SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION *$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong submission: the reference solution with some texts replaced, and what that must cost.

    edits: answer id -> (old, new), where old stands once in the reference answer. loses: test id -> points lost; tests that
    are not named keep theirs. says: what a message of these tests contains.
    """

    name: str
    edits: Mapping[str, tuple[str, str]]
    loses: Mapping[str, float]
    says: str


@dataclass(frozen=True)
class ProblemSet:
    """name: also of folder and notebook. checks: by the id of the test cell."""

    name: str
    folder: Path
    source: NotebookNode
    checks: Mapping[str, Check]
    mistakes: tuple[Mistake, ...]

    def hidden_test(self, test_id: str) -> str:
        """The hidden lines of a test cell."""
        return _HIDDEN.search(_cell(self.source, test_id).source)[1]

    def points(self) -> dict[str, float]:
        """Of every graded cell, by its id."""
        return {c.metadata.nbgrader.grade_id: float(c.metadata.nbgrader.points) for c in self.source.cells
                if c.metadata.get("nbgrader", {}).get("grade")}

    def secrets(self) -> set[str]:
        """Lines of solutions and hidden tests, which no release may show."""
        regions = []
        for cell in self.source.cells:
            marked = _HIDDEN.findall(cell.source) + _SOLUTION.findall(cell.source)
            regions += marked or ([cell.source] if is_answer(cell) else [])
        lines = {line.strip() for region in regions for line in region.splitlines()}
        return {line for line in lines if len(line) > 8}


def _cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"thermograde_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _require(good: bool, rule: str) -> None:
    if not good:
        raise ValueError(rule)


def load(name: str, assignments: Path = ASSIGNMENTS) -> ProblemSet:
    """Reads a problem set; raises ValueError, with the rule, if its author has forgotten something."""
    folder = Path(assignments) / name
    sets = names(assignments)
    _require(name in sets, f"problem set must be one of {', '.join(sets)}, got {name!r}")
    allowed = {f"{name}.ipynb", *PRIVATE_FILES, "__pycache__", ".ipynb_checkpoints"}
    others = sorted(p.name for p in folder.iterdir() if p.name not in allowed)
    _require(not others, f"{folder} must hold only {name}.ipynb and {', '.join(PRIVATE_FILES)}, got {', '.join(others)}; "
                         "data belong into thermolib")
    source = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    _require(all("id" in cell for cell in source.cells), f"{name}.ipynb must be of format 4.5, in which cells have an id")
    checks = dict(_module(folder / "checks.py").CHECKS)
    tests = [c.metadata.nbgrader.grade_id for c in source.cells if is_test(c)]
    _require(sorted(tests) == sorted(checks),
             f"CHECKS of {name} must have one check for each test cell {sorted(tests)}, got {sorted(checks)}")
    for cell in source.cells:
        if is_test(cell):
            grade_id, found = cell.metadata.nbgrader.grade_id, _HIDDEN.findall(cell.source)
            _require(len(found) == 1 and "emit(" in found[0],
                     f"test cell {grade_id} must have one hidden region that calls emit")
            _require(cell.metadata.nbgrader.points > 0, f"test cell {grade_id} must have points")
        elif is_answer(cell) and cell.cell_type == "code":
            _require(bool(_SOLUTION.search(cell.source)),
                     f"answer cell {cell.metadata.nbgrader.grade_id} must mark its solution")
    return ProblemSet(name, folder, source, checks, tuple(_module(folder / "mistakes.py").MISTAKES))


def names(assignments: Path = ASSIGNMENTS) -> list[str]:
    """Of all problem sets."""
    return sorted(p.parent.name for p in Path(assignments).glob("*/*.ipynb") if p.stem == p.parent.name)


def with_mistakes(problem_set: ProblemSet, mistakes: Iterable[Mistake]) -> NotebookNode:
    """The source notebook with mistakes in it."""
    notebook = copy.deepcopy(problem_set.source)
    for mistake in mistakes:
        for grade_id, (old, new) in mistake.edits.items():
            cell = _cell(notebook, grade_id)
            found = cell.source.count(old)
            _require(found == 1, f"{old!r} must stand once in the answer that {mistake.name!r} edits, got {found} times")
            cell.source = cell.source.replace(old, new)
    return notebook


def leaks(notebook: NotebookNode, problem_set: ProblemSet) -> list[str]:
    """What of solutions and hidden tests is left in a notebook: marks, whole lines, and anything in an output."""
    found = []
    for cell in notebook.cells:
        found += [mark for mark in ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "emit(") if mark in cell.source]
        found += sorted(problem_set.secrets() & {line.strip() for line in cell.source.splitlines()})
        found += ["an output"] if cell.get("outputs") else []
    return found
