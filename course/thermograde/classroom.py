"""Grades a class: one process per student, a progress bar, a table of everybody, and a CSV."""

import csv
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tabulate import tabulate
from tqdm import tqdm

from thermograde import intake, sandbox, student
from thermograde.checks import one_line
from thermograde.course import Course, Student, fingerprint
from thermograde.problemset import ProblemSet
from thermograde.sandbox import Limits

_GRACE = 120.0  # seconds for everything around the sandbox


@dataclass(frozen=True)
class Row:
    """What a class list says about one student.

    status: "graded", "late" (graded, but handed in after the due date), "by hand" (parts wait for a person), "not graded",
    "missing" or "not enrolled". score: None unless it is final.
    """

    student: Student
    status: str
    score: float | None
    most: float | None
    submitted: str
    late: str
    remarks: str


@dataclass
class _Job:
    """A student's process, the pipe that its status comes through, and when its time is up."""

    student: str
    process: multiprocessing.process.BaseProcess
    results: Connection
    deadline: float

    def outcome(self) -> dict:
        """The status it has sent, or why there is none."""
        try:
            if self.results.poll():
                return self.results.recv()
        except (EOFError, OSError):
            pass
        code = self.process.exitcode
        return _failed(f"the grading process was ended by signal {-code}" if code and code < 0 else
                       f"the grading process failed, see log/{self.process.name}.txt")

    def kill(self) -> None:
        """Ends the process if it is still there; what it has in the sandbox ends with it."""
        if self.process.is_alive():
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not made its group yet
                self.process.kill()
        self.process.join()


def _failed(reason: str) -> dict:
    return {"status": student.NOT_GRADED, "reason": reason, "notes": [], "submission": "", "source": ""}


def _has_submission(course: Course, student_id: str, name: str) -> bool:
    folder = course.root / "submitted" / student_id
    return folder.is_symlink() or os.path.lexists(folder / name)


def _is_done(course: Course, problem_set: ProblemSet, student_id: str) -> bool:
    """Whether exactly this submission has been graded with exactly this problem set."""
    status = course.status(student_id, problem_set.name)
    if status is None or status["status"] != student.GRADED or status["source"] != fingerprint(problem_set):
        return False
    try:
        return status["submission"] == intake.fingerprint(course.root / "submitted", student_id, problem_set.name)
    except intake.Unreadable:
        return False


def grade(
    course: Course,
    problem_set: ProblemSet,
    *,
    limits: Limits = Limits(),
    jobs: int | None = None,
    sandboxed: bool = True,
    again: bool = False,
    due: str | None = None,
) -> list[Row]:
    """Grades whoever is not graded yet, or everybody again, and returns the class list.

    A submission that fails, hangs or kills its process costs only its own grade. Raises sandbox.NoSandbox if there
    is none, and BlockingIOError if this class is being graded already.
    """
    name = problem_set.name
    students = course.roster()
    jobs = (os.cpu_count() or 1) if jobs is None else jobs
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    if sandboxed:
        sandbox.check_hidden(course.root, course.assignments)
        sandbox.self_test(limits)
    with course.lock("grading", wait=False):
        if not course.is_released(problem_set):
            course.release(problem_set)
        course.enter(students, name, due)
        waiting = [s.id for s in students if _has_submission(course, s.id, name)]
        if not again:
            waiting = [s for s in waiting if not _is_done(course, problem_set, s)]
        _run(course, name, deque(waiting), limits, jobs, sandboxed)
        _show_marks(course, name)
        rows = class_list(course, name)
        write_csv(rows, name, course.root / "grades" / f"{name}.csv")
        return rows


def _run(course: Course, name: str, waiting: deque, limits: Limits, jobs: int, sandboxed: bool) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["thermograde.student"])
    running: dict[int, _Job] = {}

    def start(student_id: str) -> None:
        course.keep_status(student_id, name, _failed("grading was interrupted"))
        receiver, sender = processes.Pipe(duplex=False)
        arguments = (sender, str(course.root), str(course.assignments), name, student_id, limits, sandboxed)
        process = processes.Process(target=student.work, args=arguments, name=f"{name}/{student_id}", daemon=True)
        process.start()
        sender.close()
        running[process.sentinel] = _Job(student_id, process, receiver,
                                         time.monotonic() + limits.student_seconds + _GRACE)

    def finish(job: _Job, status: dict) -> None:
        job.kill()
        if status["status"] != student.GRADED:
            course.remove(job.student, name)
        course.keep_status(job.student, name, status)

    total = len(waiting)
    try:
        with tqdm(total=total, desc=name, unit="student", disable=None) as bar:  # None: only on a terminal
            while waiting or running:
                while waiting and len(running) < jobs:
                    start(waiting.popleft())
                ended = set(wait(list(running), timeout=1.0))
                now = time.monotonic()
                for sentinel, job in list(running.items()):
                    if sentinel not in ended and now < job.deadline:
                        continue
                    del running[sentinel]
                    status = (job.outcome() if sentinel in ended else
                              _failed(f"grading took longer than {limits.student_seconds + _GRACE:g} s"))
                    finish(job, status)
                    bar.update()
                    if bar.disable:
                        done = total - len(waiting) - len(running)
                        print(f"{name} {done}/{total} {job.student}: {status['status']}", file=sys.stderr, flush=True)
    finally:
        for job in running.values():
            finish(job, _failed("grading was interrupted"))


def _show_marks(course: Course, name: str) -> None:
    """Makes the feedback page anew for whoever was marked by hand since."""
    for student_id, score in course.scores(name).items():
        status = course.status(student_id, name)
        if status is not None and status["status"] == student.GRADED and status["shown"] != score:
            course.feedback(student_id, name)
            course.keep_status(student_id, name, status | {"shown": score})


def class_list(course: Course, name: str) -> list[Row]:
    """Everybody who is enrolled, and whoever handed in without being enrolled."""
    scores = course.scores(name)
    due = course.due(name)
    rows = []
    enrolled = course.roster()
    for person in enrolled:
        rows.append(_row(course, person, name, scores.get(person.id), due))
    ids = {person.id for person in enrolled}
    for folder in sorted((course.root / "submitted").iterdir()):
        if folder.name not in ids and os.path.lexists(folder / name):
            rows.append(Row(Student(one_line(folder.name, 40)), "not enrolled", None, None, "", "", "not in roster.csv"))
    return rows


def _row(course: Course, person: Student, name: str, score: dict | None, due) -> Row:
    if not _has_submission(course, person.id, name):
        return Row(person, "missing", None, None, "", "", "")
    time = course.time_of(person.id, name)
    late = "unknown" if time is None and due is not None else "yes" if due is not None and time > due else "no"
    submitted = f"{time:%Y-%m-%d %H:%M}" if time else ""
    status = course.status(person.id, name)
    remarks = list(status["notes"]) if status else []
    if status is None or status["status"] != student.GRADED or score is None:
        reason = status["reason"] if status else "not tried yet"
        handed_in_late = ["handed in late"] if late == "yes" else []
        return Row(person, student.NOT_GRADED, None, None, submitted, late, "; ".join([reason, *handed_in_late, *remarks]))
    if score["pending"]:
        remarks.insert(0, f"{score['score']:g} points so far, the rest is to be graded by hand")
        return Row(person, "by hand", None, score["most"], submitted, late, "; ".join(remarks))
    return Row(person, "late" if late == "yes" else student.GRADED, score["score"], score["most"], submitted, late,
               "; ".join(remarks))


def table(rows: list[Row]) -> str:
    """The class list as text, with a line of totals."""
    lines = [(r.student.id, r.status, "" if r.score is None else f"{r.score:g}", "" if r.most is None else f"{r.most:g}",
              one_line(r.remarks, 90)) for r in rows]
    counts = [f"{sum(r.status == s for r in rows)} {s}" for s in dict.fromkeys(r.status for r in rows)]
    body = tabulate(lines, headers=["student", "status", "score", "of", "remarks"], disable_numparse=True)
    return f"{body}\n\n{', '.join(counts)}"


def write_csv(rows: list[Row], name: str, path: Path) -> None:
    """One line per student for a learning-management system; a score that is not final is empty, never 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "last_name", "first_name", "email", "assignment", "status", "score", "max_score",
                         "submitted_utc", "late", "remarks"])
        for r in rows:
            s = r.student
            values = [s.id, s.last_name, s.first_name, s.email, name, r.status, "" if r.score is None else f"{r.score:g}",
                      "" if r.most is None else f"{r.most:g}", r.submitted, r.late, r.remarks]
            writer.writerow([_not_a_formula(v) for v in values])


def _not_a_formula(value: str) -> str:
    """A spreadsheet evaluates cells that begin with one of these."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
