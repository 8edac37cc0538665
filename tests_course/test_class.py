"""Grading a class: what the list says, going on after an interruption, marks by hand, refusals, and speed."""

import contextlib
import csv
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
import urllib.request

import nbformat
import pytest
import submissions as sub
from conftest import PATIENT, SLOWDOWN
from nbgrader.api import Gradebook
from quiet import Stopwatch
from thermograde import __main__, classroom, problemset, sandbox, student
from thermograde.course import Course, FeedbackPage
from thermograde.sandbox import Limits

SOLVED = {"double": "def double(x):\n    return 2 * x", "even": "def even(n):\n    return n % 2 == 0",
          "why": "Because $a<b$."}
HALF = SOLVED | {"even": "def even(n):\n    return True"}


@pytest.fixture(scope="module")
def new_course(small, tmp_path_factory):
    """A course with the small problem set, and its released notebook."""
    course = Course.create(tmp_path_factory.mktemp("new") / "course", small)
    course.release(problemset.load("small", small))
    return course


@pytest.fixture
def course(new_course, tmp_path):
    """One of its own for a test."""
    shutil.copytree(new_course.root, tmp_path / "course", ignore=shutil.ignore_patterns("nbgrader_config.py"))
    return Course.create(tmp_path / "course", new_course.assignments)


def released(course):
    return nbformat.read(course.released("small"), as_version=4)


def hand_in(course, name, answers=SOLVED, **kwargs):
    return sub.hand_in(course.root, name, "small", sub.answered(released(course), answers), **kwargs)


def grade(course, **kwargs):
    rows = classroom.grade(course, problemset.load("small", course.assignments), **({"limits": PATIENT} | kwargs))
    return {row.student.id: row for row in rows}


def read_csv(course):
    with open(course.root / "grades" / "small.csv", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_everybody_is_listed_and_nothing_is_a_zero_that_is_none(course):
    sub.enroll(course.root, ["early", "late", "absent", "broken", "brokenlate", "timeless", "blank"])
    hand_in(course, "early", time="2026-03-01 12:00:00 UTC")
    hand_in(course, "late", time="2026-03-02 00:30:00 +0100")
    hand_in(course, "timeless")
    sub.hand_in(course.root, "blank", "small", released(course), time="2026-03-01 12:00:00 UTC")
    sub.hand_in(course.root, "broken", "small", "{", time="2026-03-01 12:00:00 UTC")
    sub.hand_in(course.root, "brokenlate", "small", "{", time="2026-03-05 12:00:00 UTC")
    sub.hand_in(course.root, "=cmd()", "small", "{}")
    rows = grade(course, due="2026-03-01 23:00:00 UTC")
    assert {name: row.status for name, row in rows.items()} == {
        "early": "by hand", "late": "by hand", "timeless": "by hand", "blank": "graded", "absent": "missing",
        "broken": "not graded", "brokenlate": "not graded", "=cmd()": "not enrolled"}
    assert {name: row.late for name, row in rows.items()} == {
        "early": "no", "late": "yes", "timeless": "unknown", "blank": "no", "absent": "", "broken": "no",
        "brokenlate": "yes", "=cmd()": ""}
    assert rows["blank"].score == 0 and rows["blank"].most == 9
    assert "6 points so far, the rest is to be graded by hand" in rows["early"].remarks
    assert "not a notebook" in rows["broken"].remarks and "handed in late" in rows["brokenlate"].remarks
    table = classroom.table(list(rows.values()))
    assert all(name in table for name in rows) and "3 by hand" in table and "2 not graded" in table
    exported = read_csv(course)
    assert {name: row["score"] for name, row in exported.items()} == dict.fromkeys(
        ["early", "late", "absent", "broken", "brokenlate", "timeless", "'=cmd()"], "") | {"blank": "0"}
    assert exported["early"]["email"] == "early@example.org"
    for name in ("broken", "absent"):
        assert not (course.root / "feedback" / name / "small").exists()


def test_marks_by_hand_are_kept_and_complete_the_score(course):
    sub.enroll(course.root, ["ann", "bob"])
    hand_in(course, "ann", time="2026-03-09 12:00:00 UTC")
    hand_in(course, "bob", HALF, time="2026-03-01 12:00:00 UTC")
    rows = grade(course, due="2026-03-02 12:00 UTC")
    assert rows["bob"].score is None and "5 points so far" in rows["bob"].remarks
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        for name, points in (("ann", 3.0), ("bob", 1.5)):
            mark = gradebook.find_grade("why", "small", "small", name)
            mark.manual_score, mark.needs_manual_grade = points, False
        gradebook.db.commit()
    rows = grade(course)  # nothing is run again
    assert (rows["ann"].status, rows["ann"].score, rows["ann"].most) == ("late", 9, 9)
    assert (rows["bob"].status, rows["bob"].score) == ("graded", 6.5)
    rows = grade(course, again=True)  # a mark by hand is not lost, but has to be looked at again
    assert rows["bob"].status == "by hand" and "6.5 points so far" in rows["bob"].remarks


@pytest.fixture
def formgrader(course):
    """Opens pages of nbgrader's formgrader, served from the course folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
               "--ServerApp.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"]
    server = subprocess.Popen(command, cwd=course.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fetch(path, data=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/formgrader/{path}", data and json.dumps(data).encode(),
                                         {"Content-Type": "application/json"}, method="PUT" if data else "GET")
        with urllib.request.urlopen(request, timeout=60 * SLOWDOWN) as answer:
            return answer.read().decode()

    end = time.monotonic() + 120 * SLOWDOWN
    while True:
        try:
            fetch("api/assignments")
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < end, "the server does not start"
            time.sleep(0.2)
    yield fetch
    server.terminate()
    server.wait()


def test_written_answers_are_marked_in_formgrader(course, formgrader):
    sub.enroll(course.root, ["ann"])
    hand_in(course, "ann", SOLVED | {"why": "<script>alert(1)</script> Because it is even."})
    assert grade(course)["ann"].status == "by hand"
    [notebook] = json.loads(formgrader("api/submitted_notebooks/small/small"))
    page = formgrader(f"submissions/{notebook['id']}/")
    assert "Because it is even." in page and "<script>alert" not in page
    [waiting] = [g for g in json.loads(formgrader(f"api/grades?submission_id={notebook['id']}")) if g["needs_manual_grade"]]
    formgrader(f"api/grade/{waiting['id']}", {"manual_score": 2.5, "extra_credit": 0})
    comment = next(c for c in json.loads(formgrader(f"api/comments?submission_id={notebook['id']}")) if c["name"] == "why")
    formgrader(f"api/comment/{comment['id']}", {"manual_comment": "Say which two numbers."})
    row = grade(course)["ann"]
    assert (row.status, row.score) == ("graded", 8.5)
    feedback = (course.root / "feedback" / "ann" / "small" / "small.html").read_text()
    assert "2.5 / 3.0" in feedback and "8.5 / 9.0" in feedback and "Say which two numbers." in feedback


def test_what_is_graded_stays_until_it_changes(course):
    sub.enroll(course.root, ["ann", "bob"])
    hand_in(course, "ann")
    sub.hand_in(course.root, "bob", "small", b"")
    assert grade(course)["bob"].status == "not graded"

    def times():
        return {name: course.status_path(name, "small").stat().st_mtime_ns for name in ("ann", "bob")}

    first = times()
    hand_in(course, "bob", HALF)
    rows = grade(course)
    assert rows["bob"].status == "by hand" and "5 points" in rows["bob"].remarks
    second = times()
    assert second["ann"] == first["ann"] and second["bob"] > first["bob"]
    hand_in(course, "ann", HALF)
    assert "5 points" in grade(course)["ann"].remarks
    third = times()
    assert third["ann"] > second["ann"] and third["bob"] == second["bob"]
    sub.hand_in(course.root, "ann", "small", b"")  # a grade does not outlive its submission
    rows = grade(course)
    assert rows["ann"].status == "not graded" and rows["ann"].score is None
    assert not (course.root / "autograded" / "ann" / "small").exists()


def test_a_changed_check_grades_again(course, tmp_path):
    folder = shutil.copytree(course.assignments, tmp_path / "sets")
    course = Course(course.root, folder)
    sub.enroll(course.root, ["ann"])
    hand_in(course, "ann")
    assert "6 points" in grade(course)["ann"].remarks
    checks = folder / "small" / "checks.py"
    checks.write_text(checks.read_text().replace("2 * x", "3 * x"))
    assert "2 points" in grade(course)["ann"].remarks


def command(course, *arguments):
    return [sys.executable, "-m", "thermograde", "grade", "small", "--course", str(course.root), "--assignments",
            str(course.assignments), "--as-root", *arguments]


def test_an_interrupted_run_goes_on_where_it_stopped(course):
    names = [f"s{n}" for n in range(6)]
    sub.enroll(course.root, names)
    for name in names:
        hand_in(course, name, SOLVED | {"even": "import time; time.sleep(2)\ndef even(n):\n    return n % 2 == 0"})
    process = subprocess.Popen(command(course, "--jobs", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def done():
        return [n for n in names if (course.status(n, "small") or {"status": ""})["status"] == "graded"]

    end = time.monotonic() + 300 * SLOWDOWN
    while len(done()) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=120 * SLOWDOWN)
    assert process.returncode == 130 and "goes on where it stopped" in complaint
    before = done()
    assert 2 <= len(before) < 6
    for name in set(names) - set(before):
        assert not (course.root / "checked" / name / "small").exists()
    stamps = {name: course.status_path(name, "small").stat().st_mtime_ns for name in before}
    rows = grade(course)
    assert {row.status for row in rows.values()} == {"by hand"}
    assert stamps == {name: course.status_path(name, "small").stat().st_mtime_ns for name in before}


def test_a_class_is_graded_by_one_at_a_time(course, capsys):
    sub.enroll(course.root, ["ann"])
    with course.lock("grading"):
        assert main(course, "grade", "small", "--as-root") == 2
    assert "being graded already" in capsys.readouterr().err


def test_progress_is_a_bar_on_a_terminal_and_lines_in_a_log(course):
    sub.enroll(course.root, ["ann", "bob"])
    hand_in(course, "ann")
    sub.hand_in(course.root, "bob", "small", b"")
    log = subprocess.run(command(course, "--jobs", "1"), capture_output=True, text=True, check=True).stderr
    assert log.splitlines() == ["small 1/2 ann: graded", "small 2/2 bob: not graded"]
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    process = subprocess.Popen(command(course, "--again"), stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # what the end of a terminal looks like
        while chunk := os.read(master, 1000):
            shown += chunk
    os.close(master)
    assert process.wait() == 0
    assert "0/2" in shown.decode() and "2/2" in shown.decode() and "100%" in shown.decode()
    assert "ann: graded" not in shown.decode()


def test_a_grading_process_that_hangs_or_dies_costs_only_its_student(course, monkeypatch):
    """Whatever went wrong: here the process of one student is stopped, and that of another killed, from outside."""
    names = ["hangs", "dies", "fine"]
    sub.enroll(course.root, names)
    slow = SOLVED | {"even": "import time; time.sleep(6)\ndef even(n):\n    return n % 2 == 0"}
    hand_in(course, "hangs", slow)
    hand_in(course, "dies", slow)
    hand_in(course, "fine")
    real, started = classroom._Job, []

    class Sabotaged(real):
        def __init__(self, name, process, results, deadline):
            super().__init__(name, process, results, 0.0 if name == "hangs" else deadline)
            started.append(name)
            if name == "dies":
                os.kill(process.pid, signal.SIGKILL)
            if name == "hangs":
                os.kill(process.pid, signal.SIGSTOP)

    monkeypatch.setattr(classroom, "_Job", Sabotaged)
    rows = grade(course, jobs=2)
    assert sorted(started) == sorted(names)
    assert rows["fine"].status == "by hand"
    assert rows["dies"].remarks == "the grading process was ended by signal 9"
    assert "grading took longer than" in rows["hangs"].remarks
    for name in ("hangs", "dies"):
        assert rows[name].status == "not graded" and not (course.root / "autograded" / name / "small").exists()


def test_feedback_says_why(course):
    sub.enroll(course.root, ["ann"])
    hand_in(course, "ann", {"double": "def double(x):\n    return -2 * x", "even": "def even(n):\n    return n != 3",
                            "why": "<script>alert(1)</script> Because."})
    grade(course)
    page = (course.root / "feedback" / "ann" / "small" / "small.html").read_text()
    for text in ("The sign is wrong.", "Right in 3 of 4 cases.", "Seven is odd.", "1.0 / 4.0", "1.5 / 2.0", "A small set",
                 "-</span><span class=\"mi\">2"):
        assert text in page, text
    for text in ("emit(", "BEGIN", "<script", "Some text."):
        assert text not in page, text


def test_a_page_without_feedback_is_noted(course, monkeypatch):
    def fail(*args):
        raise RuntimeError("no page")

    sub.enroll(course.root, ["ann"])
    hand_in(course, "ann")
    monkeypatch.setattr(Course, "feedback", fail)
    status = student.grade(course, problemset.load("small", course.assignments), "ann", Limits(), True)
    assert status["status"] == "graded" and status["notes"] == ["there is no feedback page, see log"]


def test_scripts_of_the_template_are_taken_out():
    page, _ = FeedbackPage().from_notebook_node(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("hello $x$")]))
    assert "<script" not in page and "hello" in page and page.count("Content-Security-Policy") == 1


def test_nbgrader_itself_uses_this_setup(course):
    """Its own command neither runs a submission nor needs one of ours."""
    sub.enroll(course.root, ["ann"])
    hand_in(course, "ann")
    grade(course)
    page = course.root / "feedback" / "ann" / "small" / "small.html"
    page.unlink()
    ran = subprocess.run([sys.executable, "-m", "nbgrader", "generate_feedback", "small", "--force"], cwd=course.root,
                         capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Content-Security-Policy" in page.read_text()


def test_nbgrader_brings_in_what_is_to_be_checked(course):
    """Its zip_collect writes to submitted/, although to its other commands checked/ is what was submitted."""
    archive = course.root / "downloaded" / "small" / "archive"
    archive.mkdir(parents=True)
    (archive / "ann_20260301T123000_small.ipynb").write_text(nbformat.writes(sub.answered(released(course), SOLVED)))
    pattern = r".*/(?P<student_id>[^_/]+)_(?P<timestamp>[0-9T]+)_(?P<file_id>.+)"
    ran = subprocess.run([sys.executable, "-m", "nbgrader", "zip_collect", "small",
                          f"--FileNameCollectorPlugin.named_regexp={pattern}"],
                         cwd=course.root, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert not (course.root / "checked").exists()
    sub.enroll(course.root, ["ann"])
    row = grade(course, due="2026-03-01 13:00 UTC")["ann"]
    assert (row.status, row.submitted, row.late) == ("by hand", "2026-03-01 12:30", "no")


def test_a_course_is_closed_to_other_users(course):
    assert course.root.stat().st_mode & 0o077 == 0


def test_a_trusted_class_can_do_without_a_sandbox(course):
    sub.enroll(course.root, ["ann"])
    hand_in(course, "ann")
    assert grade(course, sandboxed=False)["ann"].status == "by hand"


def main(course, *arguments):
    return __main__.main([*arguments, "--course", str(course.root), "--assignments", str(course.assignments)])


def test_root_is_refused_unless_it_is_meant(course, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(course, "grade", "small") == 2
    assert "refusing to grade as root" in capsys.readouterr().err


def test_a_missing_sandbox_is_refused(course, monkeypatch, capsys):
    sub.enroll(course.root, ["ann"])
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert main(course, "grade", "small", "--as-root") == 2
    assert "install the package bubblewrap" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, rule", [
    (["grade", "nonsense"], "problem set must be one of small, got 'nonsense'"),
    (["grade", "small", "--due", "banana"], "due must be a date and time"),
    (["grade", "small", "--memory", "0"], "memory must be positive, got 0"),
    (["grade", "small", "--jobs", "0"], "jobs must be at least 1, got 0"),
])
def test_bad_commands_are_refused(course, capsys, arguments, rule):
    sub.enroll(course.root, ["ann"])
    assert main(course, *arguments, "--as-root") == 2
    assert rule in capsys.readouterr().err


@pytest.mark.parametrize("roster, rule", [
    ("", "must list at least one student"),
    ("id,email\n../x,a\n", "student ids must consist of"),
    ("id\nann\nann\n", r"student ids must be unique, got \['ann'\] again"),
    ("name\nann\n", "student ids must consist of"),
])
def test_a_bad_roster_is_refused(course, roster, rule):
    (course.root / "roster.csv").write_text(roster)
    with pytest.raises(ValueError, match=rule):
        grade(course)


def test_grading_begins_in_a_course_folder(small, tmp_path, capsys):
    assert main(Course(tmp_path / "nowhere", small), "grade", "small", "--as-root") == 2
    assert "must be a course folder" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_the_commands_of_a_term(small, tmp_path, capsys):
    """new, release, grade: what is there stays, and everybody is told where things are."""
    course = Course(tmp_path / "term", small)
    assert main(course, "new") == 0
    assert (course.root / "roster.csv").read_text() == "id,first_name,last_name,email\n"
    assert main(course, "release", "small") == 0
    assert course.released("small").exists()
    sub.enroll(course.root, ["ann"])
    assert main(course, "new") == 0 and "ann" in (course.root / "roster.csv").read_text()
    hand_in(course, "ann")
    assert main(course, "grade", "small", "--as-root", "--jobs", "1") == 0
    out = capsys.readouterr().out
    assert "ann" in out and "by hand" in out and "small.csv" in out
    assert json.loads(course.status_path("ann", "small").read_text())["status"] == "graded"


def test_twenty_students_in_two_minutes(problem_set, release, tmp_path):
    course = Course.create(tmp_path / "course")
    names = [f"s{n:02}" for n in range(20)]
    sub.enroll(course.root, names)
    for name in names:
        sub.hand_in(course.root, name, problem_set.name, sub.answered(release, problem_set.source))
    with Stopwatch() as watch:
        rows = classroom.grade(course, problem_set, jobs=2)
    assert [(row.status, row.score) for row in rows] == [("graded", 20)] * 20
    print(f"20 students in {watch.seconds:.0f} s")
    assert 3 < watch.seconds < 120 * SLOWDOWN
