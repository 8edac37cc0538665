"""What a notebook can not do in the sandbox. Bombs are small, and everything stays on this machine."""

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from conftest import PATIENT, SLOWDOWN
from thermograde import sandbox
from thermograde.problemset import ASSIGNMENTS
from thermograde.sandbox import Limits, NoSandbox, NotRun

LIMITS = replace(PATIENT, memory=2**30, processes=64, file=2**20)
SHORT_CELLS = replace(LIMITS, cell_seconds=4)


def outputs(*sources, limits=LIMITS, sandboxed=True, is_test=False):
    cells = [{"id": str(n), "source": source, "is_test": is_test} for n, source in enumerate(sources)]
    return list(sandbox.run(cells, limits, sandboxed).values())


def printed(source, **kwargs):
    return "".join(o.get("text", "") for o in outputs(source, **kwargs)[0]).strip()


def errors(source, **kwargs):
    return [o["ename"] for o in outputs(source, **kwargs)[0] if o["output_type"] == "error"]


@pytest.fixture(params=["as this user", "as another user would"])
def any_user(request, monkeypatch):
    """The command for root lays paths out before it drops rights; both commands have to hold."""
    if request.param == "as another user would":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_it_is_nobody_without_rights(any_user):
    lines = printed("""
import os
print(os.getuid(), os.getgid())
for line in open("/proc/self/status"):
    if line.startswith(("CapPrm", "CapEff", "NoNewPrivs")):
        print(line.split()[1])
""").split("\n")
    assert lines == ["65534 65534", "0" * 16, "0" * 16, "1"]


def test_root_becomes_a_user_that_owns_nothing_outside():
    if os.geteuid() != 0:
        pytest.skip("only root drops rights")
    seen, over = [], threading.Event()

    def look():
        while not seen and not over.is_set():
            for p in psutil.Process().children(recursive=True):
                try:
                    if "ipykernel_launcher" in p.cmdline():
                        seen.append(p.uids().real)
                except psutil.NoSuchProcess:
                    pass
            time.sleep(0.05)

    watch = threading.Thread(target=look)
    watch.start()
    outputs("import time; time.sleep(3)")
    over.set()
    watch.join()
    assert seen and all(60000 <= uid < 65000 for uid in seen)


def test_it_sees_the_system_the_environment_and_thermolib_only(any_user):
    private = [ASSIGNMENTS, Path(__file__).parent, Path(sandbox.__file__), Path(sandbox.__file__).with_name("checks.py"),
               "/root/.bashrc", "/home", "/etc/passwd", "/etc/shadow", "/var", "/srv"]
    seen = printed(f"""
import os
for path in {[str(p) for p in private]!r}:
    print(os.path.exists(path))
print(sorted(os.listdir({str(ASSIGNMENTS.parent)!r})))
""").split("\n")
    assert seen[:-1] == ["False"] * len(private)
    shown = eval(seen[-1])
    assert set(shown) <= {"course", "thermolib", Path(sys.prefix).name}
    assert printed(f"import os; print(os.listdir({str(Path(sandbox.__file__).parent)!r}))") == "['runner.py']"


def test_it_can_write_only_to_memory_and_not_much(any_user):
    told = printed("""
import os
wrote = []
for folder, _, _ in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        continue
    try:
        open(os.path.join(folder, "pwned"), "w").close()
        wrote.append(folder)
    except OSError:
        pass
print(sorted({"/".join(w.split("/")[:3]) for w in wrote if not w.startswith("/tmp")}))
try:
    open("/tmp/large", "wb").write(b"x" * 2**22)
except OSError as error:
    print(error.strerror)
filled = 0
try:
    for n in range(1000):
        with open(f"/tmp/{n}", "wb") as file:
            file.write(b"x" * 2**20)
        filled += 1
except OSError as error:
    print(error.strerror, 200 < filled < 257)
""")
    assert told.split("\n") == ["['/dev/shm']", "File too large", "No space left on device True"]


def test_it_can_not_change_what_it_is_told_to_run(any_user):
    """It may have the user of the grader, and can open what its runner has open."""
    assert printed("""
import os
job = f"/proc/{os.getppid()}/fd/0"
print("double" in open(job).read())
for mode in ("r+b", "ab", "wb"):
    try:
        with open(job, mode) as file:
            file.write(b"x")
        print("written", mode)
    except OSError as error:
        pass
# double
""").split() == ["True"]


def test_it_reaches_no_network_and_no_socket_of_this_machine(any_user, tmp_path):
    """Listeners of the test's own on loopback, on a path and on an abstract name."""
    reached = []
    listeners = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    listeners[1].bind(str(tmp_path / "s"))
    abstract = f"\0thermograde-test-{os.getpid()}"
    listeners[2].bind(abstract)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    for listener in listeners:
        listener.listen()
    for s in (*listeners, udp):
        s.settimeout(0.1)
    addresses = [listeners[0].getsockname(), str(tmp_path / "s"), abstract]
    told = printed(f"""
import os, socket
for family, address in zip((socket.AF_INET, socket.AF_UNIX, socket.AF_UNIX), {addresses!r}):
    try:
        socket.socket(family).connect(address)
        print("reached")
    except OSError as error:
        print("no")
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", {udp.getsockname()!r})
print(sorted(os.listdir("/sys/class/net")) if os.path.exists("/sys") else "no /sys")
print([line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line])
""")
    for listener in listeners:
        with pytest.raises(TimeoutError):
            reached.append(listener.accept())
    with pytest.raises(TimeoutError):
        reached.append(udp.recv(100))
    for s in (*listeners, udp):
        s.close()
    assert told.split("\n") == ["no", "no", "no", "no /sys", "['lo']"] and reached == []


def test_it_sees_no_other_process(any_user):
    told = printed("""
import os
for p in sorted(p for p in os.listdir("/proc") if p.isdigit()):
    print(open(f"/proc/{p}/cmdline").read().split(chr(0))[0].split("/")[-1][:6])
""")
    assert told.split("\n") == ["bwrap", "python", "python"]


def test_no_new_name_spaces(any_user):
    assert "failed" in printed("!unshare --user true; echo failed $?")
    assert printed("import os; os.system('unshare --user true 2>/dev/null') and print('refused')") == "refused"


def test_a_loop_is_interrupted_and_the_rest_runs():
    first, second = outputs("while True: pass", "print(1)", limits=SHORT_CELLS)
    assert [o["ename"] for o in first if o["output_type"] == "error"][-1] == "TimeLimit"
    assert second == [{"output_type": "stream", "name": "stdout", "text": "1\n"}]


@pytest.mark.parametrize("source, reason", [
    ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "ignored the interrupt"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "ignored the interrupt"),
    ("import os; os._exit(0)", "the kernel died"),
    ("import os; os.kill(os.getppid(), 9); import time; time.sleep(60)", "ended with code"),
    ("import os; os.kill(-1, 9)", "ended with code|the kernel died"),
])
def test_why_a_notebook_did_not_run_is_told(source, reason):
    with pytest.raises(NotRun, match=reason):
        outputs(source, "print(1)", limits=SHORT_CELLS)


def test_all_of_a_notebook_has_a_time():
    start = time.monotonic()
    with pytest.raises(NotRun, match="longer than 6 s in all"):
        outputs("import time; time.sleep(50 * 60)", limits=replace(LIMITS, student_seconds=6))
    assert time.monotonic() - start < 60 * SLOWDOWN


def test_memory_of_one_process_is_limited():
    assert errors("x = [bytearray(2**26) for n in range(100)]") == ["MemoryError"]
    assert errors("import numpy as np; x = np.ones(10**9)") != []


def test_memory_of_all_processes_is_limited():
    with pytest.raises(NotRun, match="held more than 1.5 GB"):
        outputs("""
import os, time
for n in range(4):
    if os.fork() == 0:
        x = bytearray(6 * 10**8)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
""")


def test_processes_are_limited_and_none_is_left():
    mark = f"{os.getpid() + 0.731}"
    told = printed(f"""
import subprocess, time
started = 0
try:
    for n in range(200):
        subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
        started += 1
except (BlockingIOError, RuntimeError):
    print("refused", 5 < started < 64)
""")
    assert "refused True" in told
    end = time.monotonic() + 30 * SLOWDOWN
    while left := [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def test_much_output_is_cut():
    out = outputs("print('x' * 50_000_000)", "for n in range(100_000): print('line of output', n)", "print('end')")
    assert all(sum(len(o.get("text", "")) for o in cell) < 300_000 for cell in out)
    assert out[2][0]["text"] == "end\n"
    assert "left out" in out[0][-1]["text"]


def test_many_small_outputs_are_cut():
    [out] = outputs("from IPython.display import display\nfor n in range(5000): display({}, raw=True)", is_test=True)
    assert len(out) < 1500 and "left out" in out[-1]["text"]


def test_a_lost_end_of_the_outputs_does_not_stop_the_notebook():
    """A kernel that is never done with its outputs, as after a flood of them: its reply counts."""
    mute = "ip = get_ipython(); ip.kernel.session.send = (lambda send: lambda stream, kind, *a, **k: " \
           "None if kind == 'status' else send(stream, kind, *a, **k))(ip.kernel.session.send)"
    told = outputs(mute, "print(1)", "print(2)")
    assert [cell[0]["text"] for cell in told[1:]] == ["1\n", "2\n"]


def test_a_forged_result_is_bounded(monkeypatch):
    """A grader that is not root shares the pipe's owner with the sandbox, so that student code can write to it."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotRun, match="larger than 16 MB"):
        outputs("""
import os
for p in os.listdir("/proc"):
    if p.isdigit() and b"runner.py" in open(f"/proc/{p}/cmdline", "rb").read():
        for fd in os.listdir(f"/proc/{p}/fd"):
            try:
                with open(f"/proc/{p}/fd/{fd}", "w") as file:
                    for n in range(30):
                        file.write("x" * 2**20)
            except OSError:
                pass
""")


def test_without_a_sandbox_there_is_a_clear_refusal(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NoSandbox, match="bwrap is not installed.*install the package bubblewrap.*--no-sandbox"):
        sandbox.self_test(LIMITS)


def test_a_sandbox_that_does_not_work_is_refused(monkeypatch):
    real = sandbox._bubblewrap
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda *a: [real(*a)[0], "--no-such-option"])
    with pytest.raises(NoSandbox, match="does not work on this machine: .*no-such-option"):
        sandbox.self_test(LIMITS)


def test_a_trusted_notebook_runs_without_sandbox():
    assert printed("import os; print(os.getuid())", sandboxed=False) == str(os.getuid())


@pytest.mark.parametrize("path", [Path(sys.prefix) / "class", Path("/usr/share/class")])
def test_a_course_must_lie_where_students_can_not_read(path):
    with pytest.raises(ValueError, match="must lie outside of"):
        sandbox.check_hidden(path)
    sandbox.check_hidden(Path("/srv/class"), ASSIGNMENTS)


def test_limits_are_positive():
    with pytest.raises(ValueError, match="memory must be positive, got 0"):
        Limits(memory=0)


def test_the_environment_is_not_inherited(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    assert printed("import os; print([v for v in os.environ.values() if 'hunter2' in v])") == "[]"
    assert subprocess.run(["printenv", "SECRET_TOKEN"], capture_output=True, text=True).stdout == "hunter2\n"
