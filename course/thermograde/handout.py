"""The copy of the book that students get: the public part of the repository, and the released sets."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from thermograde import problemset
from thermograde.course import Course

#: What students get of the repository. Whatever is not named here stays with the instructor.
PUBLIC = (
    "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-TEXT", "Makefile", "README.md", "_assets",
    "_config.yml", "_ext", "_toc.yml", "appendices", "benchmarks", "binder", "chapters", "conftest.py", "intro.md",
    "pyproject.toml", "references.bib", "requirements.txt", "scripts", "tests", "thermolib", ".github", ".gitignore",
)


def _tracked(repository: Path) -> list[Path]:
    listed = subprocess.run(["git", "-C", str(repository), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode != 0:
        raise ValueError(f"{repository} must be a git repository, because only tracked files are given out: "
                         f"{listed.stderr.strip()}")
    return [Path(name) for name in listed.stdout.split("\0") if name]


def make(destination: Path, sets: Sequence[str], repository: Path = problemset.ASSIGNMENTS.parent) -> list[Path]:
    """Copies the tracked files of the repository that are `PUBLIC`, as they are now, and releases as assignments/SET.ipynb.

    Returns what was written. Raises ValueError if the destination exists or a release shows a solution; then nothing is left
    behind.
    """
    destination, repository = Path(destination), Path(repository)
    if destination.exists():
        raise ValueError(f"{destination} must not exist yet, so that nothing old stays in it")
    assignments = repository / "assignments"
    problem_sets = [problemset.load(name, assignments) for name in sets]
    public = [p for p in _tracked(repository) if p.parts[0] in PUBLIC and (repository / p).is_file()]
    written = []
    try:
        for path in public:
            (destination / path).parent.mkdir(parents=True, exist_ok=True)
            written.append(Path(shutil.copy(repository / path, destination / path)))
        (destination / "assignments").mkdir(parents=True)
        with tempfile.TemporaryDirectory() as root:
            course = Course.create(root, assignments)
            for problem_set in problem_sets:
                released = course.release(problem_set)
                written.append(Path(shutil.copy(released, destination / "assignments" / released.name)))
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise
    return written
