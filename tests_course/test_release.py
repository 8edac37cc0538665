"""What students get shows no solution, no hidden test and no expected value, and what authors must not forget."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from thermograde import handout, problemset
from thermograde.course import Course
from thermograde.problemset import ASSIGNMENTS, leaks

SETS = problemset.names()
REPOSITORY = ASSIGNMENTS.parent
#: What students do not get of the repository.
PRIVATE = {".ci", "assignments", "course", "requirements-course.txt", "tests_course"}
STANDARD_STACK = {"numpy", "scipy", "matplotlib", "thermolib"} | sys.stdlib_module_names


@pytest.fixture(scope="module", params=SETS)
def released(request, tmp_path_factory):
    """A problem set, and its release."""
    found = problemset.load(request.param)
    path = Course.create(tmp_path_factory.mktemp("course")).release(found)
    return found, nbformat.read(path, as_version=4), path


def numbers(value):
    if isinstance(value, list | tuple | np.ndarray):
        return [n for v in value for n in numbers(v)]
    return [float(value)] if isinstance(value, int | float | np.floating) and not isinstance(value, bool) else []


def test_nothing_of_the_solution_is_left(released):
    problem_set, notebook, path = released
    assert len(problem_set.secrets()) >= 10
    assert leaks(notebook, problem_set) == []
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]
    assert len(leaks(problem_set.source, problem_set)) >= 10


def gives_away(shown: str, value: float) -> bool:
    """Whether a number in a text is a value, rounded to three digits or more."""
    digits = len(shown.partition("e")[0].replace(".", "").lstrip("0"))
    return float(shown) == abs(value) or (digits >= 3 and abs(float(shown) - abs(value)) <= 5e-4 * abs(value))


def test_no_expected_value_is_in_it(released):
    problem_set, notebook, _ = released
    text = "\n".join(cell.source for cell in notebook.cells)
    shown = re.findall(r"\d+\.?\d*(?:e[-+]?\d+)?", text)
    for test_id, check in problem_set.checks.items():
        for case in check.cases:
            for value in numbers(check.expected(**case)):
                if value not in (0.0, 1.0, -1.0):
                    close = [n for n in shown if gives_away(n, value)]
                    assert not close, f"{test_id}: {value} is shown as {close}"
            if isinstance(check.expected(**case), str):
                assert not re.search(rf"""['"]{check.expected(**case)}['"]""", text)
    for cell in notebook.cells:  # and there is no other place for it
        assert set(cell) <= {"cell_type", "execution_count", "id", "metadata", "outputs", "source"}
        assert set(cell.metadata) <= {"deletable", "editable", "nbgrader"}
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}


def test_no_hidden_parameter_is_tried_in_it(released):
    """The hidden cases differ from each other and from what the visible checks try."""
    problem_set, notebook, _ = released
    for test_id, check in problem_set.checks.items():
        assert len({repr(case) for case in check.cases}) == len(check.cases)
        function = re.search(r"emit\((?:lambda[^:]*: )?(\w+)", problem_set.hidden_test(test_id))[1]
        code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
        calls = re.findall(rf"\b{function}\(([^()]*)\)", code)
        for case in check.cases:
            values = [v for v in case.values() if isinstance(v, int | float)]
            for call in calls if values else []:
                tried = [float(n) for n in re.findall(r"-?\d+\.?\d*", call)]
                assert tried != values, f"{test_id}: the visible check tries {case}"


def test_it_has_no_outputs_and_imports_only_the_standard_stack(released):
    _, notebook, _ = released
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs == [] and cell.execution_count is None
        for node in ast.walk(ast.parse(cell.source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else (
                [node.module] if isinstance(node, ast.ImportFrom) else [])
            assert {name.partition(".")[0] for name in names} <= STANDARD_STACK


def test_given_cells_are_locked_and_answers_are_not(released):
    problem_set, notebook, _ = released
    for cell in notebook.cells:
        assert cell.metadata.get("editable", True) == bool(cell.metadata.nbgrader.solution)
    text = "\n".join(cell.source for cell in notebook.cells)
    for promise in ("**Goals.**", "**Time:**", f"**Points:** {sum(problem_set.points().values()):g}"):
        assert promise in text
    assert 4 <= len(re.findall(r"^## \d\. ", text, re.MULTILINE)) <= 7


def test_mistakes_cover_the_set(released):
    problem_set, _, _ = released
    assert len(problem_set.mistakes) >= 5
    hit = {test_id for mistake in problem_set.mistakes for test_id in mistake.loses}
    assert hit == set(problem_set.checks), "each hidden test has a mistake that it catches"


def test_usual_wrong_answers_differ_from_the_right_one_and_each_other(released):
    from thermograde.checks import _mistaken, fits, is_right

    problem_set, _, _ = released
    for test_id, check in problem_set.checks.items():
        for number, wrong in enumerate(check.wrong):
            values = [(case, _mistaken(wrong, check, case)) for case in check.cases]
            shown = [(case, v) for case, v in values if v is not None]
            assert shown and not all(is_right(check, case, v) for case, v in shown), f"{test_id}: {wrong.message}"
            for other in check.wrong[:number]:
                assert not all(fits(other, check, case, v) for case, v in shown), f"{test_id}: {wrong.message}"


@pytest.fixture(scope="module")
def students_copy(tmp_path_factory):
    destination = tmp_path_factory.mktemp("handout") / "book"
    return destination, handout.make(destination, SETS)


def test_everything_in_the_repository_is_either_public_or_private():
    """Something new at its top has to be put on one of the two lists."""
    tops = {path.parts[0] for path in handout._tracked(REPOSITORY)}
    assert tops - set(handout.PUBLIC) - PRIVATE == set()
    assert not set(handout.PUBLIC) & PRIVATE


def test_the_students_copy_has_the_book_the_library_and_released_sets(students_copy):
    destination, written = students_copy
    assert {p for p in destination.rglob("*") if p.is_file()} == set(written)
    copied = {path.relative_to(destination) for path in written if path.parent.name != "assignments"}
    assert copied == {path for path in handout._tracked(REPOSITORY) if path.parts[0] in handout.PUBLIC}
    contents = (destination / "_toc.yml").read_text()
    for page in re.findall(r"(?:file|root): (\S+)", contents):
        assert list(destination.glob(f"{page}.*")), page
    assert sorted(p.name for p in (destination / "assignments").iterdir()) == sorted(f"{name}.ipynb" for name in SETS)
    for name in SETS:
        assert leaks(nbformat.read(destination / "assignments" / f"{name}.ipynb", as_version=4), problemset.load(name)) == []


def test_make_offers_the_course_only_where_it_is(students_copy):
    offered = {place: subprocess.run(["make", "help"], cwd=place, capture_output=True, text=True, check=True).stdout
               for place in (students_copy[0], REPOSITORY)}
    assert "make book" in offered[students_copy[0]] and "course" not in offered[students_copy[0]]
    assert "make test-course" in offered[REPOSITORY]


def test_the_students_copy_has_no_solution_anywhere(students_copy):
    destination, written = students_copy
    assert [name for name in PRIVATE - {"assignments"} if (destination / name).exists()] == []
    secrets = {max(region.splitlines(), key=len).strip()
               for name in SETS for cell in problemset.load(name).source.cells
               for region in problemset._SOLUTION.findall(cell.source)}
    given = "".join(cell.source for name in SETS for cell in problemset.load(name).source.cells
                    if "nbgrader" not in cell.metadata)
    secrets |= {line.strip() for name in SETS for file in problemset.PRIVATE_FILES
                for line in (ASSIGNMENTS / name / file).read_text().splitlines()
                if len(line.strip()) > 60 and line.strip() not in given}
    assert len(secrets) > 20
    for path in written:
        try:
            text = path.read_text().replace('\\"', '"')
        except UnicodeDecodeError:  # a picture or an archive of numbers
            continue
        assert not [s for s in secrets if s in text], path


def test_the_students_copy_is_complete(students_copy):
    """A chapter runs in it with its own library, and every file is there that the commands of its README need."""
    destination, _ = students_copy
    environment = os.environ | {"PYTHONPATH": str(destination)}
    chapter = min((destination / "chapters").glob("*.ipynb"))
    code = nbformat.read(chapter, as_version=4)
    code.cells.append(nbformat.v4.new_code_cell("import thermolib; print(thermolib.__file__)"))
    (destination / "chapters" / "trial.ipynb").write_text(nbformat.writes(code))
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", "trial.ipynb"],
                   cwd=destination / "chapters", env=environment, capture_output=True, text=True, check=True)
    ran = nbformat.read(destination / "chapters" / "trial.ipynb", as_version=4)
    (destination / "chapters" / "trial.ipynb").unlink()
    assert ran.cells[-1].outputs[0].text.startswith(str(destination))
    for target in ("book", "lab", "test"):
        dry = subprocess.run(["make", "--dry-run", target], cwd=destination, capture_output=True, text=True)
        assert (dry.returncode, dry.stderr) == (0, ""), dry.stderr


def test_a_released_set_runs_in_the_students_copy(students_copy):
    """Its imports work with the library of the copy."""
    destination, _ = students_copy
    for name in SETS:
        cells = nbformat.read(destination / "assignments" / f"{name}.ipynb", as_version=4).cells
        code = next(c.source for c in cells if c.cell_type == "code")
        ran = subprocess.run([sys.executable, "-c", f"{code}\nimport thermolib\nprint(thermolib.__file__)"],
                             cwd=destination, capture_output=True, text=True, check=True)
        assert ran.stdout.startswith(str(destination))


def test_a_copy_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="must not exist yet"):
        handout.make(tmp_path / "there", [])
    with pytest.raises(ValueError, match="problem set must be one of"):
        handout.make(tmp_path / "new", ["nonsense"])
    (tmp_path / "assignments").mkdir()
    with pytest.raises(ValueError, match="must be a git repository, because only tracked files are given out"):
        handout.make(tmp_path / "new", [], tmp_path)

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Course, "release", stop)
    with pytest.raises(KeyboardInterrupt):
        handout.make(tmp_path / "new", SETS[:1])
    assert not (tmp_path / "new").exists()


def edited(small, tmp_path, edit):
    folder = shutil.copytree(small, tmp_path / "sets")
    path = folder / "small" / "small.ipynb"
    notebook = nbformat.read(path, as_version=4)
    edit(notebook, folder / "small")
    nbformat.write(notebook, path)
    return folder


def _source(old, new, number):
    def edit(notebook, folder):
        notebook.cells[number].source = notebook.cells[number].source.replace(old, new)
    return edit


def _file(name, text):
    return lambda notebook, folder: (folder / name).write_text(text)


@pytest.mark.parametrize("edit, rule", [
    (_source("emit(double)", "assert double(2) == 4", 3), "double-test must have one hidden region that calls emit"),
    (_source("### BEGIN HIDDEN TESTS", "", 3), "must have one hidden region"),
    (_source("### BEGIN SOLUTION", "", 1), "answer cell double must mark its solution"),
    (_file("data.csv", "1"), "got data.csv; data belong into thermolib"),
    (_file("checks.py", "CHECKS = {}"), r"must have one check for each test cell \['double-test', 'even-test'\], got \[\]"),
    (lambda notebook, folder: notebook.cells[3].metadata.nbgrader.update(points=0), "double-test must have points"),
])
def test_what_an_author_forgets_is_named(small, tmp_path, edit, rule):
    folder = edited(small, tmp_path, edit)
    with pytest.raises(ValueError, match=rule):
        problemset.load("small", folder)


def test_a_mistake_must_change_the_reference(small):
    mistake = problemset.Mistake("x", {"double": ("nonsense", "y")}, {}, "")
    with pytest.raises(ValueError, match="must stand once .* got 0 times"):
        problemset.with_mistakes(problemset.load("small", small), [mistake])


def test_a_release_that_shows_a_solution_is_not_made(small, tmp_path):
    folder = edited(small, tmp_path, _source("Some text.", "return 2 * x", 0))
    course = Course.create(tmp_path / "course", folder)
    with pytest.raises(ValueError, match="must not show solutions or hidden tests, got 'return 2"):
        course.release(problemset.load("small", folder))
    assert not Path(course.released("small")).exists()
