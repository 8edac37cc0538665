"""A problem set that runs in no time, with all kinds of cells."""

import textwrap
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "small"

_CHECKS = """
from thermograde.checks import Check, Wrong

CHECKS = {
    "double-test": Check(cases=[{"x": 3.0}, {"x": -1.5}], expected=lambda x: 2 * x,
                         wrong=[Wrong(-1, "The sign is wrong.", credit=0.25)]),
    "even-test": Check(cases=[{"n": n} for n in (2, 3, 4, 7)], expected=lambda n: n % 2 == 0, each=True,
                       wrong=[Wrong(lambda n: True if n == 7 else None, "Seven is odd.")]),
}
"""
_MISTAKES = """
from thermograde.problemset import Mistake

MISTAKES = [Mistake("sign", {"double": ("2 * x", "-2 * x")}, loses={"double-test": 3}, says="sign")]
"""


def _marked(cell, grade_id, **marks):
    cell.id = grade_id
    cell.metadata.nbgrader = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3,
                              "grade_id": grade_id} | marks
    return cell


def _code(grade_id, source, **marks):
    return _marked(new_code_cell(textwrap.dedent(source).strip()), grade_id, **marks)


def write(folder: Path) -> Path:
    """Writes the set into a folder of problem sets and returns that folder."""
    cells = [
        new_markdown_cell("# A small set\n\nSome text.", id="title"),
        _code("double", """
            def double(x):
                ### BEGIN SOLUTION
                return 2 * x
                ### END SOLUTION
            """, solution=True),
        _code("double-check", "assert double(0.0) == 0, 'Twice nothing is nothing.'", locked=True),
        _code("double-test", """
            # Hidden test: other numbers
            ### BEGIN HIDDEN TESTS
            emit(double)
            ### END HIDDEN TESTS
            """, grade=True, locked=True, points=4),
        _code("even", """
            def even(n):
                ### BEGIN SOLUTION
                return n % 2 == 0
                ### END SOLUTION
            """, solution=True),
        _code("even-test", """
            # Hidden test: other numbers
            ### BEGIN HIDDEN TESTS
            emit(even)
            ### END HIDDEN TESTS
            """, grade=True, locked=True, points=2),
        _marked(new_markdown_cell("Because a sum of two equal numbers is even."), "why", solution=True, grade=True,
                points=3),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / NAME).mkdir()
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / NAME / f"{NAME}.ipynb")
    (folder / NAME / "checks.py").write_text(_CHECKS)
    (folder / NAME / "mistakes.py").write_text(_MISTAKES)
    return folder
