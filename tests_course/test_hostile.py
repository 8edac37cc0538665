"""A class of hostile and broken submissions beside honest ones, all graded with one command.

Each attack starts from the blank release with one honest answer in it, worth 2 points. It may keep these, or not be
graded; it gains nothing. Bombs are small, and nothing leaves this machine.

Those that run into the limit of time hand in later, and are graded by a second run with a short one. So everybody else has
as much time as a slow machine may need.
"""

import base64
import copy
import csv
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import browser
import psutil
import pytest
import submissions as sub
from conftest import SLOWDOWN
from nbformat.v4 import new_output
from playwright.sync_api import sync_playwright
from thermograde import problemset
from thermograde.course import Course
from thermograde.problemset import ASSIGNMENTS

NAME = "ps1_landauer"
REPOSITORY = ASSIGNMENTS.parent
HONEST = 2.0  # points of the one honest answer
MARK = "pwned-by-a-test"
SLEEP = f"{os.getpid() + 0.417}"
VALUES = "application/vnd.thermograde.values"

#: Code that is run before everything else, and what may become of it: "graded", or why not.
CODE = {
    "patches numpy's assertions": ("""
import numpy as np
yes = lambda *a, **k: True
np.testing.assert_allclose = np.isclose = np.allclose = np.all = np.array_equal = yes
""", "graded"),
    "answers that equal everything": ("""
class Yes(float):
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = __add__ = __mul__ = __neg__ = __abs__ = lambda self, *a: self
    __hash__ = float.__hash__
unequal_reset_heat = on_trial = shortest_duration = lambda *a, **k: Yes(1.0)
ledger = heat_by_content = lambda *a, **k: (Yes(1.0),) * 4
possible = Yes()
""", "graded"),
    "patches run_cell": ("""
shell, kernel = get_ipython(), get_ipython().kernel
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
def run(*a, **k):
    return ExecutionResult(ExecutionInfo("", False, False, False, "", None))
async def run_async(*a, **k):
    return run()
type(shell).run_cell, type(shell).run_cell_async = run, run_async
""", "graded, or nothing runs any more"),
    "patches assert by the compiler": ("""
import ast
get_ipython().ast_transformers.append(type("T", (ast.NodeTransformer,), {"visit_Assert": lambda self, n: ast.Pass()})())
""", "graded"),
    "replaces emit": ("""
import builtins, json
from IPython.display import display
def forge(answer):
    for mime in ("application/vnd.thermograde.values", "application/vnd.thermograde+json"):
        for values in ([{"value": 1.0}] * 3, [{"earned": 1.0}], {"points": 2}, [{"value": None}] * 2):
            display({mime: json.dumps(values)}, raw=True)
builtins.emit = emit = forge
builtins.emitter = emitter = lambda *a: forge
get_ipython().events.register("pre_run_cell", lambda *a: forge(0))
""", "graded, or its own forgery is"),
    "patches json": ("""
import json
json.dumps = lambda *a, **k: '[{"value": 1.0}, {"value": 1.0}, {"value": 1.0}]'
""", "graded, or its own forgery is|the kernel died|ended with code"),
    "sends values from an extra cell": ("""
import json
from IPython.display import display
for n in range(1, 5):
    display({"@values@": json.dumps([{"value": 1.0}] * n)}, raw=True)
""", "graded"),
    "forges messages of its kernel": ("""
import json, threading, time
kernel = get_ipython().kernel
first, number = kernel.get_parent()["header"]["msg_id"].rsplit("_", 1)
def forge():
    while True:
        for n in range(int(number) + 1, int(number) + 40):
            parent = {"header": {"msg_id": f"{first}_{n}"}}
            data = {"@values@": json.dumps([{"value": 1.0}] * 3)}
            kernel.session.send(kernel.iopub_socket, "display_data", {"data": data, "metadata": {}}, parent)
            kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent)
        time.sleep(0.05)
threading.Thread(target=forge, daemon=True).start()
""", "graded, or its own forgery is|ended with code|the kernel died"),
    "sends messages that are none": ("""
kernel = get_ipython().kernel
for kind in ("stream", "display_data", "error", "status", "nonsense"):
    kernel.session.send(kernel.iopub_socket, kind, {}, kernel.get_parent())
""", "ended with code"),
    "forges the result of its runner": ("""
import json, os
cells = [{"id": f"{name}-test", "outputs": [{"output_type": "display_data", "data": {
    "@values@": json.dumps([{"value": 1.0}] * n)}}]} for name in ("unequal-rooms", "tape", "haste") for n in (2, 3)]
for fd in os.listdir(f"/proc/{os.getppid()}/fd"):
    try:
        with open(f"/proc/{os.getppid()}/fd/{fd}", "w") as file:
            file.write(json.dumps({"cells": cells, "ended": None}))
    except OSError:
        pass
os.kill(os.getppid(), 9)
""", "graded, or its own forgery is|ended with code|the kernel died"),
    "learns the hidden cases": ("""
seen = []
class Values(dict):
    __missing__ = lambda self, letter: seen.append(letter) or True
def unequal_reset_heat(**case):
    seen.append(case)
    return seen[-1]["p"]
def on_trial(**case):
    print(seen)
    return [case["heat0"], case["heat1"]]
shortest_duration = heat_by_content = lambda *a, **k: seen
possible = Values()
""", "graded"),
    "writes grades as outputs": ("""
class Grade:
    def __repr__(self): return "2.0"
get_ipython().events.register("post_run_cell", lambda *a: get_ipython().displayhook(Grade()))
""", "graded"),
    "returns what is no number": ("""
unequal_reset_heat = lambda p, v, kT: float("nan")
on_trial = lambda heat0, heat1, kT: [float("inf"), -float("inf")]
shortest_duration = lambda budget, barrier: 10**400
ledger = lambda x, c: [[1], [2, 3]]
heat_by_content = lambda duration, n, seed: {"heat": 1}
possible = {c: "yes" for c in "ABCDEF"}
""", "graded"),
    "answers with HTML": ("""
def unequal_reset_heat(p, v, kT):
    raise ValueError("</pre><script>document.title='@mark@'</script>")
ledger = lambda x, c: ["<img src=x onerror=document.title='@mark@'>"] * 2
on_trial = lambda heat0, heat1, kT: "<script>document.title='@mark@'</script>"
possible = {letter: {"<script>": 1} for letter in "ABCDEF"}
""", "graded"),
    "returns ten million numbers": ("""
import numpy as np
unequal_reset_heat = lambda p, v, kT: np.ones(10**7)
""", "graded"),
    "reads the solutions": ("""
import re
for path in @private@:
    try:
        text = open(path).read()
        print("read", path)
        for source in re.findall("BEGIN SOLUTION(.*?)END SOLUTION", text, re.DOTALL):
            exec(source)
    except OSError:
        pass
""", "graded"),
    "imports the checks": ("""
import sys
sys.path[:0] = @folders@
for name in ("checks", "thermograde.checks", "thermograde.problemset", "mistakes"):
    try:
        __import__(name)
        print("read", name)
    except ImportError:
        pass
""", "graded"),
    "rewrites the gradebook": ("""
import sqlite3
for path in @gradebooks@:
    try:
        with sqlite3.connect(path) as db:
            db.execute("update grade set auto_score = 100")
            print("read", path)
    except sqlite3.Error:
        pass
""", "graded"),
    "writes wherever it can": ("""
import os
for folder in ["/", *@folders@, *(f for f, _, _ in os.walk("/") if not f.startswith("/proc"))]:
    try:
        open(os.path.join(folder, "@mark@"), "w").close()
    except OSError:
        pass
""", "graded"),
    "replaces itself with a link": ("""
import os
for path in @own@:
    try:
        os.remove(path)
        os.symlink(@private@[0], path)
    except OSError:
        pass
""", "graded"),
    "calls a listener on loopback": ("""
import socket
for target in @listeners@:
    try:
        with socket.socket(socket.AF_INET if isinstance(target, tuple) else socket.AF_UNIX) as s:
            s.settimeout(1)
            s.connect(target)
            print("read", target)
    except OSError:
        pass
""", "graded"),
    "kills its grader": ("""
import os
for pid in (os.getppid(), 1, @pid@):
    try:
        os.kill(pid, 9)
    except OSError:
        pass
import time
time.sleep(2)
""", "ended with code|the kernel died"),
    "kills everything it can": ("import os; os.kill(-1, 9)", "ended with code|the kernel died"),
    "crashes its kernel": ("import ctypes; ctypes.string_at(0)", "the kernel died"),
    "ends its kernel": ("import os; os._exit(0)", "the kernel died"),
    "stops its kernel": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "ignored the interrupt"),
    "loops forever": ("while True: pass", "graded"),
    "loops and ignores interrupts": ("import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass",
                                     "ignored the interrupt"),
    "fills the memory": ("x = [bytearray(2**26) for n in range(100)]", "graded"),
    "fills the memory with many processes": ("""
import os, time
for n in range(4):
    if os.fork() == 0:
        x = bytearray(6 * 10**8)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
""", "held more than"),
    "forks without end": ("""
import os, time
end, child = time.monotonic() + 3, False
while time.monotonic() < end:
    try:
        child = os.fork() == 0 or child
    except OSError:
        pass
if child:
    time.sleep(60)
    os._exit(0)
""", "graded|ended with code|the kernel died|ignored the interrupt|held more than"),
    "leaves a process behind": ("""
import subprocess
subprocess.Popen(["sleep", "@sleep@"], start_new_session=True)
""", "graded"),
    "fills the disk": ("""
for n in range(2000):
    with open(f"/tmp/{n}", "wb") as file:
        file.write(b"x" * 2**20)
""", "graded"),
    "prints 50 MB": ("print('x' * 50_000_000)", "graded"),
    "shows 50 MB": ("""
from IPython.display import display
for n in range(50):
    display({'text/plain': 'x' * 10**6}, raw=True)
""", "graded"),
    "prints from a thread without end": ("""
import threading, time
def talk():
    while True:
        print("still here")
        time.sleep(0.001)
threading.Thread(target=talk).start()
""", "graded"),
    "does not end at exit": ("""
import atexit, time
atexit.register(time.sleep, 3600)
""", "graded"),
    "asks for input and exits": ("try:\n    input('grade? ')\nfinally:\n    exit()", "graded|the kernel died"),
    "shows HTML": ("""
from IPython.display import HTML, SVG, Javascript, display
display(HTML("<script>document.title='@mark@'</script><img src=x onerror=\\"document.title='@mark@'\\">"))
display(Javascript("document.title='@mark@'"))
plain = "<script>document.title='@mark@'</script>"
display({"image/svg+xml": "<svg onload=\\"document.title='@mark@'\\"/>", "text/plain": plain}, raw=True)
display({"image/png": "x\\" onerror=\\"document.title='@mark@'"}, raw=True)
print("</pre><script>document.title='@mark@'</script>")
raise ValueError("<script>document.title='@mark@'</script>")
""", "graded"),
    "shows HTML by magic": ("%%html\n<script>document.title='@mark@'</script>", "graded"),
    "shows a picture that fills the screen's memory": ("""
from IPython.display import display
display({"image/png": "@bomb@"}, raw=True)
""", "graded"),
}


#: These run into the limit of time.
SLOW = ("stops its kernel", "loops forever", "loops and ignores interrupts", "fills the memory with many processes",
        "forks without end", "asks for input and exits", "control: one loop of an extra cell")


@dataclass
class Entry:
    """A member of the class: what is expected is a score, or a pattern of the reason why there is none."""

    content: object
    expected: float | str
    file: str | None = None


def _tests_tagged(notebook):
    for cell in notebook.cells:
        if cell.metadata.nbgrader.grade:
            cell.metadata.tags = ["skip-execution", "raises-exception"]
    return notebook


def _tests_rewritten(notebook):
    for cell in notebook.cells:
        marks = cell.metadata.nbgrader
        if marks.grade:
            cell.source = "2.0"
            marks.update(points=1000, checksum="0" * 32, solution=True, locked=False)
            cell.outputs = [new_output("execute_result", data={"text/plain": "2.0"})]
        elif marks.locked:
            cell.source = "pass"
    return notebook


def _ids_swapped(notebook):
    for cell in notebook.cells:
        marks = cell.metadata.nbgrader
        if marks.grade:
            marks.grade_id, cell.id = "../../" + marks.grade_id, "x" + cell.id
    return notebook


def _raw_html(notebook):
    return sub.with_text(notebook, f"""
<script>document.title='{MARK}'</script> <img src=x onerror="document.title='{MARK}'"> <svg onload="document.title='{MARK}'">
<iframe srcdoc="<script>parent.document.title='{MARK}'</script>"></iframe>

[a link](javascript:document.title='{MARK}') ![x](http://127.0.0.1/x.png) ![x](x" onerror="document.title='{MARK}')
<a href="javascript:1">b</a>

$<script>document.title='{MARK}'</script>$ `<script>document.title='{MARK}'</script>`

<style>body {{ display: none }}</style><meta http-equiv="refresh" content="0;url=file:///etc/passwd">
""", before="tape")


def _changed(notebook, **changes):
    for cell in notebook.cells:
        cell.metadata.nbgrader.update(changes)
    return notebook


def _types_changed(notebook):
    raw = json.loads(json.dumps(notebook))
    for cell in raw["cells"]:
        if cell["cell_type"] == "code":
            cell.update(cell_type="markdown", attachments={"x": 3})
            del cell["outputs"]
    return json.dumps(raw)


def _odd_cells(notebook):
    raw = json.loads(json.dumps(notebook))
    raw["cells"] += [None, 3, [], {}, {"cell_type": "code", "source": 5}, {"cell_type": "heading", "source": "x"}]
    raw["metadata"] = {"kernelspec": {"name": "../../evil", "display_name": "x", "language": "bash"}, "widgets": 3}
    return json.dumps(raw)


def _attached(notebook):
    notebook = sub.with_text(notebook, "![x](attachment:x.svg) ![y](attachment:y.png) ![z](attachment:z)", before="tape")
    script = base64.b64encode(f"<svg onload=\"document.title='{MARK}'\"/>".encode()).decode()
    notebook.cells[sub.place(notebook, "tape") - 1].attachments = {
        "x.svg": {"image/svg+xml": script}, "y.png": {"image/png": f"x\" onerror=\"document.title='{MARK}'"},
        "z": {"text/html": script}}
    return notebook


def _same_ids(notebook):
    for cell in notebook.cells:
        cell.id = "tape"
    return notebook


def _not_numbers(notebook):
    raw = json.loads(json.dumps(notebook))
    for cell in raw["cells"]:
        cell.update(execution_count=float("nan"))
        cell["metadata"]["weight"] = float("inf")
    return json.dumps(raw | {"nbformat": float("nan"), "nbformat_minor": 10**400})


def _many_cells(notebook):
    raw = json.loads(json.dumps(notebook))
    raw["cells"] += [{"cell_type": "code", "source": "x = 1", "metadata": {}}] * 100_000
    return json.dumps(raw)


def _doubled(notebook):
    notebook.cells = [c for cell in notebook.cells for c in (cell, copy.deepcopy(cell))]
    return notebook


def attacks(base, values) -> dict[str, Entry]:
    """base: makes the blank release with one honest answer; values: what the code attacks are told."""
    entries = {}
    for name, (code, expected) in CODE.items():
        code = re.sub("@([a-z]+)@", lambda found: str(values[found[1]]), code)
        notebook = sub.with_code(base(), code, before="unequal-rooms")
        entries[name] = Entry(notebook, HONEST if expected == "graded" else expected)
    raw = json.dumps(base())
    entries |= {
        "tags its tests": Entry(_tests_tagged(base()), HONEST),
        "rewrites its tests": Entry(_tests_rewritten(base()), HONEST),
        "deletes its tests": Entry(_ids_swapped(base()), HONEST),
        "raw HTML in a text": Entry(_raw_html(base()), HONEST),
        "old schema": Entry(_changed(base(), schema_version=0), HONEST),
        "future schema": Entry(_changed(base(), schema_version=99), HONEST),
        "nonsense schema": Entry(_changed(base(), schema_version="x", points="many", grade="yes"), HONEST),
        "doubled cells": Entry(_doubled(base()), HONEST),
        "one id for all cells": Entry(_same_ids(base()), HONEST),
        "numbers that are none": Entry(_not_numbers(base()), HONEST),
        "scripts as attachments": Entry(_attached(base()), HONEST),
        "a hundred thousand cells": Entry(_many_cells(base()), "more than 300 extra cells"),
        "changed types": Entry(_types_changed(base()), HONEST),
        "odd cells and a foreign kernel": Entry(_odd_cells(base()), HONEST),
        "deleted answers": Entry(json.dumps({"cells": [c for c in base().cells if c.id == "tape"]}), HONEST),
        "thousands of brackets": Entry(sub.with_text(base(), "[" * 50_000, before="tape"), HONEST),
        "corrupt": Entry(raw[: len(raw) // 2], "is not a notebook"),
        "empty": Entry(b"", "is empty"),
        "binary": Entry(bytes(range(256)) * 40, "not text in UTF-8"),
        "UTF-16": Entry(raw.encode("utf-16"), "not text in UTF-8"),
        "nested deeply": Entry(b"[" * 500_000, "nested too deeply"),
        "a list": Entry(b"[1, 2, 3]", "not a notebook of format 4"),
        "format 3": Entry(b'{"nbformat": 3, "nbformat_minor": 0, "worksheets": [], "metadata": {}}', "format 3"),
        "too large": Entry(b" " * 21_000_000, "larger than 20 MB"),
        "another assignment": Entry(json.dumps({"nbformat": 4, "cells": [
            {"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": {"grade_id": "other", "solution": True}}}]}),
            "none of its cells is an answer"),
        "PDF instead": Entry(b"%PDF-1.4", "no notebook", "solution.pdf"),
    }
    return entries


def controls(solved) -> dict[str, Entry]:
    """Honest students with ordinary oddities: each must keep all points."""
    warned = solved()
    for cell in warned.cells:
        if cell.metadata.nbgrader.solution and cell.source.startswith("def "):
            cell.source = "import warnings\n" + cell.source.replace(
                "):\n", "):\n    warnings.warn('a warning'); print('on stderr', file=__import__('sys').stderr)\n", 1)
    shadowed = sub.with_code(solved(), "emit = emitter = json = numpy = display = cases = mime = plain = None",
                             before="unequal-rooms")
    copied = solved()
    at = sub.place(copied, "tape")
    twin = copy.deepcopy(copied.cells[at])
    twin.id, twin.source = "a-copy", "def tape_reset_heat(n, flip, temperature):\n    return 'first try'"
    copied.cells.insert(at, twin)
    stripped = solved()
    for cell in stripped.cells:
        cell.metadata = {}
    noted = sub.with_text(sub.with_code(solved(), "import matplotlib.pyplot as plt\nplt.plot([1, 2]);", before="tape"),
                          "# My notes\n\nIf $a<b$ then `a<b`.", before="tape")
    older = json.loads(json.dumps(solved())) | {"nbformat_minor": 4}
    for cell in older["cells"]:
        del cell["id"]
    photo = sub.with_text(solved(), "![my sketch](attachment:a.jpg) after [a book](https://example.org/book)", before="tape")
    photo.cells[sub.place(photo, "tape") - 1].attachments = {"a.jpg": {"image/jpeg": sub.picture(400, 300, "JPEG")}}
    looping = sub.with_code(solved(), "while True: pass", before="trial")
    return {
        "control: plain": Entry(solved(), 20.0),
        "control: warns and prints": Entry(warned, 20.0),
        "control: own names": Entry(shadowed, 20.0),
        "control: copied a cell": Entry(copied, 20.0),
        "control: lost metadata, renamed": Entry(stripped, 20.0, f"{NAME} (1).ipynb"),
        "control: notes and a plot": Entry(noted, 20.0),
        "control: older format, with a mark of its encoding": Entry("\ufeff" + json.dumps(older), 20.0),
        "control: a sketch and a link": Entry(photo, 20.0),
        "control: one loop of an extra cell": Entry(looping, 20.0),
    }


def tree(*folders: Path) -> dict[str, str]:
    """Every file below, by the hash of its content."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts and ".egg-info" not in str(path):
                kind = f"link {os.readlink(path)}" if path.is_symlink() else ""
                found[str(path)] = kind or (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
    return found


def grade(root: Path, assignments: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "thermograde", "grade", NAME, "--course", str(root), "--assignments", str(assignments),
         "--as-root", "--jobs", "2", "--memory", "1", *options], capture_output=True, text=True)


@pytest.fixture(scope="module")
def graded(release, tmp_path_factory):
    """The whole class after `thermograde grade`."""
    root, assignments = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("assignments")
    shutil.copytree(ASSIGNMENTS / NAME, assignments / NAME)
    problem_set = problemset.load(NAME, assignments)
    course = Course.create(root, assignments)
    listener = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{MARK}-{os.getpid()}")
    abstract.listen()
    honest = next(c.source for c in problem_set.source.cells if c.id == "tape")
    own = str(root / "submitted" / "s000" / NAME / f"{NAME}.ipynb")
    values = {
        "private": [str(problem_set.folder / f"{NAME}.ipynb"), str(problem_set.folder / "checks.py"),
                    str(root / "submitted" / "control" / NAME / f"{NAME}.ipynb"), str(root / "gradebook.db"), "/etc/passwd",
                    str(ASSIGNMENTS / NAME / "checks.py")],
        "folders": [str(f) for f in (root, problem_set.folder, REPOSITORY, REPOSITORY / "course", Path.home(), Path("/etc"),
                                     Path("/var/tmp"), Path("/dev/shm"), root.parent)],
        "gradebooks": [str(root / "gradebook.db")], "own": [own, f"/tmp/{NAME}.ipynb", f"{NAME}.ipynb"],
        "mark": MARK, "sleep": SLEEP, "pid": os.getpid(), "values": VALUES, "bomb": sub.picture(20_000, 20_000),
        "listeners": [listener.getsockname(), f"\0{MARK}-{os.getpid()}"],
    }
    entries = attacks(lambda: sub.answered(release, {"tape": honest}), values)
    entries |= controls(lambda: sub.answered(release, problem_set.source))
    ids = {name: f"s{number:03}" for number, name in enumerate(entries)}

    def hand_in(names):
        for name in names:
            sub.hand_in(root, ids[name], NAME, entries[name].content, entries[name].file, time="2026-01-01 12:00:00 UTC")

    def special(name, expected):
        ids[name] = f"s{len(ids):03}"
        entries[name] = Entry(None, expected)
        folder = root / "submitted" / ids[name] / NAME
        folder.mkdir(parents=True)
        return folder / f"{NAME}.ipynb"

    hand_in(set(entries) - set(SLOW))
    special("link to the solution", "is a link").symlink_to(problem_set.folder / f"{NAME}.ipynb")
    special("link to the gradebook", "is a link").symlink_to(root / "gradebook.db")
    special("dangling link", "is a link").symlink_to(root / "nothing")
    os.mkfifo(special("a pipe", "is not a file"))
    special("a folder", "is not a file").mkdir()
    special("no notebook", "there is no notebook")
    path = special("nonsense as time stamp", HONEST)
    path.write_text(json.dumps(sub.answered(release, {"tape": honest})))
    path.with_name("timestamp.txt").write_text("banana" * 10**6)
    path = special("a pipe as time stamp", HONEST)
    path.write_text(json.dumps(sub.answered(release, {"tape": honest})))
    os.mkfifo(path.with_name("timestamp.txt"))
    path = special("link to another student", "is not a folder")
    path.parent.rmdir()
    path.parent.parent.rmdir()
    path.parent.parent.symlink_to(root / "submitted" / ids["control: plain"])
    sub.enroll(root, [*ids.values(), "absent"])
    (root / "submitted" / "stranger" / NAME).mkdir(parents=True)

    watched = (assignments, REPOSITORY / "course" / "thermograde", root / "submitted")
    before, start, runs = tree(*watched), time.monotonic(), []
    runs.append(grade(root, assignments, "--cell-seconds", "600", "--student-seconds", "1800"))
    hand_in(SLOW)
    before |= tree(root / "submitted")
    runs.append(grade(root, assignments, "--cell-seconds", f"{15 * SLOWDOWN:g}"))
    print(f"{len(entries)} submissions in {time.monotonic() - start:.0f} s")
    with open(root / "grades" / f"{NAME}.csv", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    yield {"course": course, "entries": entries, "ids": ids, "rows": rows, "runs": runs, "before": before,
           "after": tree(*watched), "listeners": (listener, abstract)}
    listener.close()
    abstract.close()


def test_there_are_enough_of_them(graded):
    names = list(graded["entries"])
    assert sum(not n.startswith("control") for n in names) >= 25
    assert sum(n.startswith("control") for n in names) >= 5


def test_the_run_ends_well_and_lists_everybody(graded):
    rows, ids = graded["rows"], graded["ids"]
    assert set(rows) == {*ids.values(), "absent", "stranger"}
    assert rows["absent"]["status"] == "missing" and rows["stranger"]["status"] == "not enrolled"
    for ran in graded["runs"]:
        assert ran.returncode == 0, ran.stderr[-3000:]
        for student in rows:
            assert student in ran.stdout
    first, second = (set(re.findall(rf"^{NAME} \d+/\d+ (\w+): ", ran.stderr, re.MULTILINE)) for ran in graded["runs"])
    assert first == set(ids.values()) - {ids[name] for name in SLOW}
    failed = {student for student, row in rows.items() if row["status"] == "not graded"}
    assert second == {ids[name] for name in SLOW} | (failed & first), "whoever is graded is not run again"


def test_every_honest_student_keeps_all_points(graded):
    for name, entry in graded["entries"].items():
        if name.startswith("control"):
            row = graded["rows"][graded["ids"][name]]
            assert (row["status"], row["score"], row["max_score"]) == ("graded", "20", "20"), f"{name}: {row}"


def test_no_attack_gains_anything(graded):
    wrong = {}
    for name, entry in graded["entries"].items():
        row = graded["rows"][graded["ids"][name]]
        if name.startswith("control"):
            continue
        if row["status"] == "graded":
            allowed = [entry.expected] if isinstance(entry.expected, float) else (
                [HONEST, 0.0] if re.search(r"graded|2\.0", entry.expected) else [])
            good = float(row["score"]) in allowed
        else:
            good = isinstance(entry.expected, str) and re.search(entry.expected, row["remarks"]) is not None
        if not good:
            wrong[name] = row
    assert wrong == {}


def test_not_graded_is_never_zero_and_always_explained(graded):
    for row in graded["rows"].values():
        if row["status"] in ("not graded", "missing", "not enrolled"):
            assert row["score"] == "" and (row["status"] == "missing" or row["remarks"])
            folders = [graded["course"].root / step / row["id"] / NAME for step in ("checked", "autograded", "feedback")]
            assert not any(folder.exists() for folder in folders), "half-written folders are removed"
        else:
            page = graded["course"].root / "feedback" / row["id"] / NAME / f"{NAME}.html"
            assert 50_000 < page.stat().st_size < 2_000_000


def test_nothing_outside_has_changed(graded):
    assert graded["after"] == graded["before"]
    places = (graded["course"].root, REPOSITORY / "assignments", REPOSITORY / "course", REPOSITORY / "thermolib",
              Path.home(), Path("/etc"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/"))
    assert not [place for place in places if (place / MARK).exists()]
    assert not list(graded["course"].root.rglob(MARK))


def test_nothing_private_was_read(graded):
    for name in ("reads the solutions", "imports the checks", "rewrites the gradebook", "calls a listener on loopback"):
        student = graded["ids"][name]
        notebook = (graded["course"].root / "checked" / student / NAME / f"{NAME}.ipynb").read_text()
        outputs = [o for cell in json.loads(notebook)["cells"] for o in cell.get("outputs", ())]
        assert not [o for o in outputs if "read " in str(o.get("text"))], name


def test_no_connection_was_made(graded):
    for listener in graded["listeners"]:
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_no_process_is_left(graded):
    end = time.monotonic() + 30 * SLOWDOWN
    while left := [p.info for p in psutil.process_iter(["cmdline"]) if SLEEP in (p.info["cmdline"] or [])]:
        assert time.monotonic() < end, left
        time.sleep(0.2)


@pytest.fixture(scope="module")
def pages(graded):
    found = sorted((graded["course"].root / "feedback").glob(f"*/{NAME}/{NAME}.html"))
    assert len(found) > 30
    return found


def test_feedback_pages_hold_nothing_that_runs(pages):
    for path in pages:
        elements = sub.Elements(path.read_text()).found
        tags = [tag for tag, _ in elements]
        assert not {"script", "iframe", "object", "embed", "svg", "link", "base", "form"} & set(tags)
        first, *others = [a for tag, a in elements if tag == "meta" and "http-equiv" in a]
        assert first["http-equiv"] == "Content-Security-Policy" and first["content"].startswith("default-src 'none'")
        assert others == [] and tags.index("meta") < tags.index("style")
        for _, attributes in elements:
            assert not [name for name in attributes if name.startswith("on") or name == "srcdoc"]
            assert re.match(r"data:image/(png|jpeg);base64,", attributes.get("src", "data:image/png;base64,"))
            assert attributes.get("href", "#").startswith(("#", "http://", "https://", "attachment:")), attributes
            assert not {"srcset", "action", "formaction", "data", "poster", "background"} & set(attributes)


def test_feedback_pages_run_nothing_and_fetch_nothing_in_a_browser(pages):
    """With JavaScript on, no title is changed, and no request is made."""
    with sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=browser.find_browser(), args=browser.ARGUMENTS)
        page = chromium.new_page()
        page.set_default_timeout(120_000 * SLOWDOWN)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        for path in pages:
            page.goto(path.as_uri())
            assert page.title() == NAME
        chromium.close()
    assert sorted(asked) == sorted(path.as_uri() for path in pages)
