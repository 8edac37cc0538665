"""Every problem set: the reference solution earns everything, the blank release nothing, mistakes what they should."""

import pytest
from conftest import PATIENT
from thermograde import problemset, trial
from thermograde.problemset import Mistake


@pytest.mark.parametrize("name", problemset.names())
def test_solution_blank_and_mistakes_score_as_they_should(name):
    problem_set = problemset.load(name)
    found = list(trial.trials(problem_set, PATIENT))
    assert [t.name for t in found[:2]] == ["reference solution", "blank release"]
    most = sum(problem_set.points()[test_id] for test_id in problem_set.checks)
    assert (found[0].points, found[1].points) == (most, 0)
    assert {t.name: t.unexpected for t in found if t.unexpected} == {}
    assert {t.name for t in found[2:]} == {m.name for m in problem_set.mistakes}
    messages = [" ".join(v.text for v in t.verdicts.values()) for t in found[2:]]
    assert len(set(messages)) == len(messages), "each mistake has its own message"


def test_a_trial_tells_what_is_unexpected(small):
    problem_set = problemset.load("small", small)
    found = {t.name: t for t in trial.trials(problem_set)}
    assert {name: (t.points, t.most) for name, t in found.items()} == {
        "reference solution": (6, 6), "blank release": (0, 6), "sign": (1, 4)}
    assert all(not t.unexpected for t in found.values())
    told = trial._trial("sign", found["sign"].verdicts, problem_set.points(), {"double-test": 4}, says="nonsense").unexpected
    assert len(told) == 2 and "double-test loses 3 instead of 4" in told[0] and "nonsense" in told[1]


def test_mistakes_share_a_run_only_if_they_do_not_touch():
    a, b = Mistake("a", {"x": ("", "")}, {"t": 1}, ""), Mistake("b", {"y": ("", "")}, {"u": 1}, "")
    c, d = Mistake("c", {"x": ("", "")}, {"v": 1}, ""), Mistake("d", {"z": ("", "")}, {"u": 1}, "")
    assert trial._together((a, b, c, d)) == [[a, b], [c, d]]
