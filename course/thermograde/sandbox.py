"""Runs a notebook where it can reach nothing: bubblewrap, limits, and one pipe for what it shows.

Inside there is the system's /usr, the Python environment and thermolib, all read-only, and a small /tmp in memory. There is
no network, no other process, no file of the course, and no way back but the outputs on a pipe, which are read up to
a limit and never trusted.
"""

import fcntl
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil
import thermolib

RUNNER = Path(__file__).with_name("runner.py")
NOBODY = 65534  # user and group inside
_FIRST_UID, _UIDS = 60000, 5000  # outside, for a grader that is root: ids that no distribution hands out
_MEBIBYTE = 2**20
_MOST_RESULT = 16 * _MEBIBYTE
_POLL = 0.2  # seconds


class NotRun(RuntimeError):
    """Why a notebook did not run to its end."""


class NoSandbox(RuntimeError):
    """Why there is no sandbox on this machine, and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use. cell_seconds, student_seconds: wall clock. memory: bytes of one process; all of them
    together may hold half as much again. processes: with their threads. file: bytes of one file, of 256 MB in all."""

    cell_seconds: float = 60.0
    student_seconds: float = 300.0
    memory: int = 2048 * _MEBIBYTE
    processes: int = 128
    file: int = 64 * _MEBIBYTE

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


def visible_paths() -> list[Path]:
    """Every folder and file outside of the system that a notebook can read in the sandbox."""
    paths = [Path(sys.prefix), Path(sys.base_prefix), Path(thermolib.__file__).parent, RUNNER]
    return [p for p in dict.fromkeys([*paths, *(p.resolve() for p in paths)]) if p != Path("/usr")]


def check_hidden(*private: Path) -> None:
    """Raises ValueError if one of the folders lies where students' code can read."""
    for path in (p.resolve() for p in private):
        for shown in [Path("/usr"), *visible_paths()]:
            if path.is_relative_to(shown.resolve()):
                raise ValueError(f"{path} must lie outside of {shown}, which students' code can read")


def _environment() -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": "/tmp",
        "USER": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(thermolib.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # or every thread reserves 64 MB of the addresses that are limited
    }


def _limited(limits: Limits, count_processes: bool) -> list[str]:
    flags = [f"--as={limits.memory}", f"--fsize={limits.file}", f"--cpu={int(limits.student_seconds) + 1}", "--core=0",
             "--nofile=1024"]
    if count_processes:
        flags.append(f"--nproc={limits.processes}")
    return ["prlimit", *flags, sys.executable, str(RUNNER)]


def _bubblewrap(limits: Limits, sources: dict[Path, Path]) -> list[str]:
    """The sandbox; sources: where each visible path is to be found outside."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
               "--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "sandbox", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        elif path.exists():
            command += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "fonts", "localtime"):
        command += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    # /dev and / are in memory without a limit of their own, so they are closed; /tmp and /dev/shm have one.
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 * _MEBIBYTE), "--tmpfs", "/dev/shm",
                "--remount-ro", "/dev", "--size", str(256 * _MEBIBYTE), "--tmpfs", "/tmp"]
    for target, source in sources.items():
        command += ["--ro-bind", str(source), str(target)]
    command += ["--remount-ro", "/", "--chdir", "/tmp", "--clearenv"]
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    return [*command, "--", *_limited(limits, count_processes=True)]


def _command(limits: Limits, sandboxed: bool) -> list[str]:
    if not sandboxed:
        return ["setpriv", "--pdeathsig", "KILL", *_limited(limits, count_processes=False)]
    paths = visible_paths()
    if os.geteuid() != 0:
        return _bubblewrap(limits, {p: p for p in paths})
    # Root first becomes a user that owns nothing. That user may not be able to walk to the paths (/root is closed to
    # it), so they are laid out under /run before, in a view of the file system of its own.
    laid_out = {path: Path("/run", str(n)) for n, path in enumerate(paths)}
    outer = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/run", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    for path, place in laid_out.items():
        outer += ["--ro-bind", str(path), str(place)]
    uid = str(_FIRST_UID + os.getpid() % _UIDS)
    drop = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    return [*outer, "--", *drop, *_bubblewrap(limits, laid_out)]


def _sealed(content: bytes) -> BinaryIO:
    """A file in memory that nobody can change: the sandbox may have the user of the grader."""
    file = open(os.memfd_create("job", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w+b")
    file.write(content)
    file.seek(0)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return file


def _memory_held(process: psutil.Process) -> int:
    held = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            held += member.memory_info().rss
        except psutil.Error:
            pass
    return held


def _collect(process: subprocess.Popen, limits: Limits) -> tuple[bytes, bytes]:
    """What the process writes until it closes its streams; raises NotRun when a limit is passed."""
    deadline = time.monotonic() + limits.student_seconds
    result, complaint = bytearray(), bytearray()
    family = psutil.Process(process.pid)
    checked = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, result)
        selector.register(process.stderr, selectors.EVENT_READ, complaint)
        while selector.get_map():
            for key, _ in selector.select(timeout=_POLL):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                key.data.extend(chunk)
            del complaint[:-4000]
            if len(result) > _MOST_RESULT:
                raise NotRun(f"its output is larger than {_MOST_RESULT // _MEBIBYTE} MB")
            now = time.monotonic()
            if now > deadline:
                raise NotRun(f"it ran longer than {limits.student_seconds:g} s in all")
            if now > checked + _POLL:
                checked = now
                if _memory_held(family) > 1.5 * limits.memory:
                    raise NotRun(f"its processes together held more than {1.5 * limits.memory / 2**30:.2g} GB of memory")
    return bytes(result), bytes(complaint)


def run(cells: list[dict], limits: Limits = Limits(), sandboxed: bool = True) -> dict[str, list]:
    """Executes cells, each with id, source and is_test, and returns the outputs by id.

    Raises NotRun with the reason if the notebook did not get to its end. The outputs are whatever the student's code made of
    them: JSON of unknown content.
    """
    with _sealed(json.dumps({"cells": cells, "cell_seconds": limits.cell_seconds}).encode()) as job:
        process = subprocess.Popen(_command(limits, sandboxed), stdin=job, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd="/", env=_environment())
    try:
        text, complaint = _collect(process, limits)
        code = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        raise NotRun("its process closed its output but did not end") from None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    try:
        result = json.loads(text)
        outputs = {str(cell["id"]): list(cell["outputs"]) for cell in result["cells"]}
        ended = result["ended"]
    except (ValueError, TypeError, KeyError, RecursionError):
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise NotRun(f"its process ended with code {code} and without a result" + "".join(f": {s}" for s in last)) from None
    if ended is not None:
        raise NotRun(str(ended))
    return outputs


def self_test(limits: Limits = Limits()) -> None:
    """Raises NoSandbox, with what to do, unless a small notebook runs in the sandbox."""
    for program, package in (("bwrap", "bubblewrap"), ("prlimit", "util-linux"), ("setpriv", "util-linux")):
        if shutil.which(program) is None:
            raise NoSandbox(f"{program} is not installed, and without it students' code would run unprotected: "
                            f"install the package {package}, or grade a class that you trust with --no-sandbox")
    try:
        run([{"id": "test", "source": "import thermolib.landauer", "is_test": False}], limits)
    except NotRun as reason:
        raise NoSandbox(f"the sandbox does not work on this machine: {reason}. Grade on another machine, or grade a class "
                        "that you trust with --no-sandbox") from None
