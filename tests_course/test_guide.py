"""The commands of the instructor's page, run as they are written there: from an environment to the marks of a class."""

import csv
import os
import re
import subprocess

import submissions as sub
from conftest import SLOWDOWN
from thermograde.problemset import ASSIGNMENTS, with_mistakes

REPOSITORY = ASSIGNMENTS.parent
PAGE = REPOSITORY / "appendices" / "teaching.md"
TESTED = re.compile(r"^<!-- tested -->\s*^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def as_ordinary_user() -> list[str]:
    """The page says not to be root. Root runs its commands as somebody else, whose files the same ones are."""
    return ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"] if os.geteuid() == 0 else []


def test_the_commands_of_the_page_take_a_class_to_its_marks(problem_set, release, tmp_path):
    commands = "".join(TESTED.findall(PAGE.read_text()))
    for step in ("make course-env", "thermograde new", "thermograde handout", "nbgrader zip_collect", "thermograde grade"):
        assert step in commands, f"{PAGE} must have a block after <!-- tested --> with {step}"

    (tmp_path / "Downloads").mkdir()
    mistake = next(m for m in problem_set.mistakes if m.name == "sign of heat")
    solved = {name: sub.answered(release, source) for name, source in (
        ("ada", problem_set.source), ("emmy", with_mistakes(problem_set, [mistake])))}
    for name, notebook in (solved | {"max": "not a notebook"}).items():
        sub.write(tmp_path / "Downloads" / f"{name}_{problem_set.name}.ipynb", notebook)
    environment = os.environ | {"HOME": str(tmp_path), "PIP_NO_INDEX": "1"}  # nothing may be fetched
    ran = subprocess.run([*as_ordinary_user(), "bash", "-euo", "pipefail", "-c", commands], cwd=REPOSITORY, env=environment,
                         capture_output=True, text=True, timeout=900 * SLOWDOWN)
    assert ran.returncode == 0, ran.stdout + ran.stderr

    with open(tmp_path / "course" / "grades" / f"{problem_set.name}.csv", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert {name: (row["status"], row["score"], row["last_name"]) for name, row in rows.items()} == {
        "ada": ("graded", "20", "Lovelace"), "emmy": ("graded", "18", "Noether"), "max": ("not graded", "", "Born")}
    assert "not a notebook" in rows["max"]["remarks"]
    for name in rows:
        assert name in ran.stdout
    feedback = tmp_path / "course" / "feedback"
    assert "heat is positive when it leaves the system" in (
        feedback / "emmy" / problem_set.name / f"{problem_set.name}.html").read_text()
    assert not (feedback / "max").exists()
    assert (tmp_path / "handout" / "assignments" / f"{problem_set.name}.ipynb").exists()
    assert not (tmp_path / "handout" / "course").exists()
