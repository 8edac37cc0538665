"""The copy of the book that students get: everything that is tracked, without what is private, and with released sets."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from thermograde import problemset
from thermograde.course import Course

#: Folders and files of the repository that only instructors have.
PRIVATE = ("assignments", "course", "tests_course", "requirements-course.txt", ".ci")


def make(destination: Path, sets: Sequence[str], repository: Path = problemset.ASSIGNMENTS.parent) -> list[Path]:
    """Copies the tracked files of the repository, without `PRIVATE`, and the released sets as assignments/SET.ipynb.

    Returns what was written. Raises ValueError if the destination exists or a release shows a solution; then nothing is left
    behind.
    """
    destination, repository = Path(destination), Path(repository)
    if destination.exists():
        raise ValueError(f"{destination} must not exist yet, so that nothing old stays in it")
    assignments = repository / "assignments"
    problem_sets = [problemset.load(name, assignments) for name in sets]
    listed = subprocess.run(["git", "-C", str(repository), "ls-files", "-z"], capture_output=True, check=True, text=True)
    tracked = [Path(name) for name in listed.stdout.split("\0") if name]
    public = [p for p in tracked if p.parts[0] not in PRIVATE and (repository / p).is_file()]
    written = []
    try:
        for path in public:
            (destination / path).parent.mkdir(parents=True, exist_ok=True)
            written.append(Path(shutil.copyfile(repository / path, destination / path)))
        (destination / "assignments").mkdir(parents=True)
        with tempfile.TemporaryDirectory() as root:
            course = Course.create(root, assignments)
            for problem_set in problem_sets:
                released = course.release(problem_set)
                written.append(Path(shutil.copyfile(released, destination / "assignments" / released.name)))
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise
    return written
