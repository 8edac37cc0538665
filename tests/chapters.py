"""The chapters as objects: their notebooks, and the widgets that their cells make."""

import ast
import contextlib
import functools
import io
import os
import re
from pathlib import Path

import matplotlib as mpl
import nbformat

from thermolib.explore import Calculator, Exploration, format_value

__all__ = ["Calculator", "Exploration", "PATHS", "format_value", "read", "solutions", "widgets"]

FOLDER = Path(__file__).parents[1] / "chapters"
PATHS = sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def solutions(stem: str) -> list[str]:
    """The Python code of the folded solutions of a chapter."""
    text = "\n".join(c.source for c in read(FOLDER / f"{stem}.ipynb").cells if c.cell_type == "markdown")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@functools.cache
def widgets(stem: str) -> list[Exploration | Calculator]:
    """Run a chapter in this process; return what its cells end in, as far as that is a widget."""
    names: dict = {}
    results = []
    before = Path.cwd()
    os.chdir(FOLDER)
    try:
        with mpl.rc_context(), contextlib.redirect_stdout(io.StringIO()):
            for cell in read(FOLDER / f"{stem}.ipynb").cells:
                if cell.cell_type == "code":
                    results.append(run_cell(cell.source, names))
    finally:
        os.chdir(before)
    return [r for r in results if isinstance(r, (Exploration, Calculator))]


def run_cell(source: str, names: dict):
    """Run a cell's lines; the value is that of its last expression, as in a notebook."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None
