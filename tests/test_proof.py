"""The page that shows the proof shows what is there, and says so when it is out of date."""

import ast
import html
import importlib.metadata
import json
import platform
import re
import shutil
from pathlib import Path

import chapters
import mutants
import proof
import pytest
from browser import BOOK

ROOT = Path(__file__).parents[1]


def rows_of(section):
    """The rows of the table in a section of the proof page, as text."""
    page = (BOOK / "appendices" / "proof.html").read_text(encoding="utf-8")
    (text,) = re.findall(rf'<section id="{section}">(.*?)</section>', page, re.DOTALL)
    rows = re.findall(r"<tr\b.*?</tr>", text, re.DOTALL)
    plain = [[html.unescape(re.sub(r"<[^>]+>", "", c)).strip() for c in re.findall(r"<td.*?</td>", r, re.DOTALL)] for r in rows]
    return [row for row in plain if row]


def test_every_notebook_was_run_in_this_build():
    *runs, total = rows_of("the-chapters-were-run")
    titles = [chapters.read(path).cells[0].source.splitlines()[0].removeprefix("# ") for path in chapters.PATHS]
    assert [name for name, _, _ in runs] == titles
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", when) for _, when, _ in runs)
    seconds = [float(s) for _, _, s in runs]
    assert min(seconds) > 0
    assert float(total[2]) == pytest.approx(sum(seconds), abs=0.1 * len(runs))


def test_the_versions_are_those_installed():
    shown = dict(rows_of("on-these-versions"))
    assert shown.pop("Python") == platform.python_version()
    assert {"jupyter-book", "numpy", "nbval", "playwright"} <= set(shown)
    assert "contourpy" not in shown  # not direct
    assert shown == {name: importlib.metadata.version(name) for name in shown}


def test_every_test_has_its_line_and_its_code():
    page = (BOOK / "appendices" / "tests.html").read_text(encoding="utf-8")
    shown = re.findall(r"<summary>(.*?)</summary>.*?<pre>(.*?)</pre>", page, re.DOTALL)
    written = [
        (node.name, ast.unparse(node))
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(written) > 300
    lines = {html.unescape(sentence): html.unescape(code) for sentence, code in shown}
    assert len(shown) == len(written)
    for name, code in written:
        assert name in lines[name.removeprefix("test_").replace("_", " ")]
    counted = rows_of("what-the-tests-assert")
    assert sum(int(row[2]) for row in counted) == len(written)
    assert all(about for _, about, _ in counted), "a file of tests does not say what it is about"


# --- the mutation score -----------------------------------------------------------------


def test_a_hash_is_of_the_code_alone():
    code = 'def f(x):\n    return x + 1\n'
    commented = '"""About."""\n\n\ndef f(x):\n    """Add one."""\n    return x + 1  # one\n'
    assert mutants.digest(code) == mutants.digest(commented)
    assert mutants.digest(code) != mutants.digest(code.replace("+", "-"))


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "thermolib", tmp_path / "thermolib", ignore=shutil.ignore_patterns("__pycache__", "data"))
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "mutants.py", tmp_path / "tests")
    return tmp_path


def test_a_score_is_stale_once_its_module_has_changed(project):
    units = project / "thermolib" / "units.py"
    found = {"caught": 3, "planted": 4, "possible": 18, "survived": ["sign flipped: a + b"], "seed": 1,
             "date": "2026-01-31", "code": mutants.digest(units.read_text(encoding="utf-8"))}
    assert proof.mutation_rows(project)[0][:2] == ["units", "not measured"]
    (project / "tests" / "mutants.json").write_text(json.dumps({"units": found}))
    row = proof.mutation_rows(project)[0]
    assert row == ["units", "3 of 4", "18", "2026-01-31", f"{found['code']}, current"]
    units.write_text(units.read_text(encoding="utf-8") + "\nCHANGED = 1\n", encoding="utf-8")
    assert "stale" in proof.mutation_rows(project)[0][-1]


def test_what_is_stored_adds_up():
    stored = proof.stored_results(ROOT)
    assert stored and set(stored) <= set(mutants.MODULES)
    for found in stored.values():
        assert found["caught"] + len(found["survived"]) == found["planted"] <= found["possible"]


def test_results_of_some_modules_leave_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "RESULTS", tmp_path / "mutants.json")
    mutants.store({"units": {"caught": 1}, "langevin": {"caught": 2}})
    mutants.store({"units": {"caught": 5}})
    assert json.loads(mutants.RESULTS.read_text()) == {"units": {"caught": 5}, "langevin": {"caught": 2}}
