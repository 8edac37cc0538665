"""Grades one student: intake, sandbox, checks, nbgrader. In a class each student gets a process of this."""

import os
import resource
import signal
import textwrap
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from thermograde import intake, problemset, sandbox
from thermograde.checks import MIME, Verdict, judge, one_line, test_code
from thermograde.course import Course, fingerprint
from thermograde.intake import Pictures, is_test, plain_outputs
from thermograde.problemset import ProblemSet
from thermograde.sandbox import Limits

GRADED, NOT_GRADED = "graded", "not graded"
_MOST_MEMORY = 6 * 2**30  # of the process that reads a submission and what came out of it


def _verdict(problem_set: ProblemSet, test_id: str, outputs: list) -> Verdict:
    emitted, error = None, ""
    for output in (o for o in outputs if isinstance(o, dict)):
        data = output.get("data")
        if emitted is None and isinstance(data, dict) and MIME in data:
            emitted = data[MIME]
        if output.get("output_type") == "error":
            error = one_line(f"{output.get('ename')}: {output.get('evalue')}")
    return judge(problem_set.checks[test_id], emitted, error)


def _show(cell: NotebookNode, verdict: Verdict) -> None:
    """Puts a verdict into the outputs of a test cell, the last one being the points, as nbgrader reads them."""
    points = verdict.earned * float(cell.metadata.nbgrader.points)
    text = "\n".join(textwrap.fill(line, 100) for line in verdict.text.splitlines())
    cell.outputs = [new_output("stream", name="stdout", text=text + "\n"),
                    new_output("execute_result", data={"text/plain": repr(points)}, execution_count=None)]


def execute(problem_set: ProblemSet, notebook: NotebookNode, limits: Limits = Limits(),
            sandboxed: bool = True) -> dict[str, Verdict]:
    """Runs a merged notebook in the sandbox, fills in its outputs, and returns the verdict of each test by its id.

    Raises sandbox.NotRun if it did not get to its end.
    """
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            test_id = cell.metadata.nbgrader.grade_id if is_test(cell) else None
            source = cell.source if test_id is None else test_code(problem_set.checks[test_id],
                                                                   problem_set.hidden_test(test_id))
            cells.append({"id": cell.id, "source": source, "is_test": is_test(cell)})
    outputs = sandbox.run(cells, limits, sandboxed)
    verdicts, pictures = {}, Pictures()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if is_test(cell):
            test_id = cell.metadata.nbgrader.grade_id
            verdicts[test_id] = _verdict(problem_set, test_id, outputs.get(cell.id, []))
            _show(cell, verdicts[test_id])
        else:
            cell.outputs = plain_outputs(outputs.get(cell.id, []), pictures)
    return verdicts


def grade(course: Course, problem_set: ProblemSet, student: str, limits: Limits, sandboxed: bool) -> dict:
    """Grades one submission into the gradebook and makes its feedback page; returns the status to keep."""
    name = problem_set.name
    course.remove(student, name)
    status = {"status": NOT_GRADED, "reason": "", "notes": [], "submission": "", "source": fingerprint(problem_set)}
    try:
        submission = intake.read(course.root / "submitted", student, name)
        status["submission"] = submission.fingerprint
        notebook, notes = intake.merge(nbformat.read(course.released(name), as_version=4), submission)
        execute(problem_set, notebook, limits, sandboxed)
    except intake.Unreadable as error:
        return status | {"reason": str(error)}
    except sandbox.NotRun as error:
        return status | {"reason": f"the notebook did not run: {one_line(error)}"}
    course.record(notebook, student, name)
    try:
        course.feedback(student, name)
    except RuntimeError as error:
        print(error)
        notes.append("there is no feedback page, see log")
    return status | {"status": GRADED, "notes": notes, "shown": course.score(student, name)}


def work(connection, root: str, assignments: str, name: str, student: str, limits: Limits, sandboxed: bool) -> None:
    """The body of a student's process: grades and sends the status; what it prints goes to log/SET/STUDENT.txt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the class decides what an interrupt means
    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    log = Path(root, "log", name, f"{student}.txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    problem_set = problemset.load(name, assignments)
    connection.send(grade(Course(root, assignments), problem_set, student, limits, sandboxed))
