"""What the reference solution, the blank release and the usual mistakes of a problem set score."""

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import nbformat
from nbformat import NotebookNode

from thermograde import intake, student
from thermograde.checks import Verdict
from thermograde.course import Course
from thermograde.problemset import Mistake, ProblemSet, with_mistakes
from thermograde.sandbox import Limits


@dataclass(frozen=True)
class Trial:
    """A submission of a known kind: points out of most, in the tests that it is about, and their verdicts.

    unexpected: what is not as it should be.
    """

    name: str
    points: float
    most: float
    verdicts: Mapping[str, Verdict]
    unexpected: list[str]


def released(problem_set: ProblemSet) -> NotebookNode:
    """The student's notebook, made in a course folder that is thrown away."""
    with tempfile.TemporaryDirectory() as root:
        path = Course.create(root, problem_set.folder.parent).release(problem_set)
        return nbformat.read(path, as_version=4)


def _together(mistakes: tuple[Mistake, ...]) -> list[list[Mistake]]:
    """Mistakes in different answers and tests do not disturb each other, so they share a run."""
    groups: list[list[Mistake]] = []
    for mistake in mistakes:
        touched = {*mistake.edits, *mistake.loses}
        free = (g for g in groups if not any(touched & {*m.edits, *m.loses} for m in g))
        group = next(free, None)
        if group is None:
            groups.append(group := [])
        group.append(mistake)
    return groups


def _trial(name: str, verdicts: Mapping[str, Verdict], most: Mapping[str, float], loses: Mapping[str, float],
           says: str = "") -> Trial:
    unexpected = []
    for test_id, verdict in verdicts.items():
        lost = (1 - verdict.earned) * most[test_id]
        if abs(lost - loses.get(test_id, 0.0)) > 1e-9:
            unexpected.append(f"{test_id} loses {lost:g} instead of {loses.get(test_id, 0.0):g}: {verdict.text}")
    if not any(says in verdicts[test_id].text for test_id in loses) and says:
        unexpected.append(f"no message says {says!r}")
    points = sum(v.earned * most[test_id] for test_id, v in verdicts.items())
    return Trial(name, points, sum(most[test_id] for test_id in verdicts), verdicts, unexpected)


def trials(problem_set: ProblemSet, limits: Limits = Limits(), sandboxed: bool = True, jobs: int = 2) -> Iterator[Trial]:
    """The reference solution, which must get all points and pass all visible checks, the blank release, which must get none,
    and each mistake."""
    release, most = released(problem_set), problem_set.points()

    def score(submitted: NotebookNode) -> dict[str, Verdict]:
        merged, _ = intake.merge(release, intake.Submission(submitted.cells, ""))
        return student.execute(problem_set, merged, limits, sandboxed)

    def reference() -> Trial:
        merged, _ = intake.merge(release, intake.Submission(problem_set.source.cells, ""))
        trial = _trial("reference solution", student.execute(problem_set, merged, limits, sandboxed), most, {})
        errors = [f"{cell.id} ends with {output.ename}: {output.evalue}" for cell in merged.cells
                  for output in cell.get("outputs", ()) if output.output_type == "error"]
        return replace(trial, unexpected=trial.unexpected + errors)

    def named(mistakes: list[Mistake]) -> list[Trial]:
        verdicts = score(with_mistakes(problem_set, mistakes))
        found = [_trial(m.name, {t: verdicts[t] for t in m.loses}, most, m.loses, m.says) for m in mistakes]
        others = {t: v for t, v in verdicts.items() if not any(t in m.loses for m in mistakes)}
        stray = _trial("", others, most, {}).unexpected
        return found if not stray else [*found, Trial(" + ".join(m.name for m in mistakes), 0.0, 0.0, {}, stray)]

    with ThreadPoolExecutor(jobs) as pool:
        solved, blank = pool.submit(reference), pool.submit(score, release)
        groups = [pool.submit(named, mistakes) for mistakes in _together(problem_set.mistakes)]
        yield solved.result()
        yield _trial("blank release", blank.result(), most, {t: most[t] for t in problem_set.checks})
        for group in groups:
            yield from group.result()
