"""Expected values against values from a kernel that can not be trusted."""

import json
import math

import IPython.display
import numpy as np
import pytest
from thermograde.checks import MIME, Check, Wrong, agrees, judge, one_line
from thermograde.emit import emitter

HEAT = Check(
    cases=[{"p": 0.2}, {"p": 0.4}],
    expected=lambda p: 3 * p,
    wrong=[Wrong(-1, "sign", credit=0.5), Wrong(lambda p: 3 * p / math.log(2), "bits"),
           Wrong(lambda p: 1.0 if p > 0.3 else None, "constant above 0.3")],
)


def sent(*values):
    return json.dumps([{"value": v} for v in values])


def test_all_cases_have_to_be_right():
    assert judge(HEAT, sent(0.6, 1.2)).earned == 1
    assert judge(HEAT, sent(0.6 * (1 + 1e-8), 1.2)).earned == 1
    assert judge(HEAT, sent(0.6, 1.2001)).earned == 0


@pytest.mark.parametrize("values, earned, text", [
    ((-0.6, -1.2), 0.5, "sign"),
    ((0.6 / math.log(2), 1.2 / math.log(2)), 0, "bits"),
    ((0.6, 1.0), 0, "constant above 0.3"),
    ((-0.6, 1.2), 0, "With p = 0.2 your answer is -0.6. That is not right."),
    ((0.7, 1.0), 0, "With p = 0.2 your answer is 0.7"),
    ((0.6, math.nan), 0, "not finite"),
])
def test_a_wrong_answer_is_named_only_if_it_fits_all_cases(values, earned, text):
    verdict = judge(HEAT, sent(*values))
    assert verdict.earned == earned
    assert text in verdict.text


def test_no_verdict_shows_the_expected_value():
    for values in ((0.1, 0.1), (-0.6, 1.2), ("x", None)):
        text = judge(HEAT, sent(*values)).text
        assert "1.2" not in text and "0.6" not in text.replace("-0.6", "")


@pytest.mark.parametrize("emitted", [
    None, 3, "", "nonsense", "{}", "[]", "[1, 2]", sent(0.6), sent(0.6, 1.2, 1.2), '{"value": 1}', "[" * 100000, "null",
    json.dumps([{"value": 0.6}, None]), '[{"value": ' + "[" * 600 + "]" * 600 + '}, {"value": 1}]',
])
def test_what_is_not_a_list_of_values_earns_nothing(emitted):
    verdict = judge(HEAT, emitted, "SomeError: why")
    assert verdict.earned == 0
    assert "no value" in verdict.text and ("SomeError: why" in verdict.text or "too deeply" in verdict.text)


@pytest.mark.parametrize("value", [
    math.nan, math.inf, "0.6", None, True, [0.6], [], {}, {"a": 1}, 10**400, [[0.6]], [[1], [1, 2]], "0.6; DROP TABLE",
])
def test_other_types_and_shapes_are_never_right(value):
    assert not agrees(value, 0.6, rtol=1.0, atol=0.0)
    assert judge(HEAT, json.dumps([{"value": value}, {"value": 1.2}])).earned == 0


def test_types_agree_only_with_themselves():
    assert agrees(True, True, 0, 0) and not agrees(1, True, 0, 0) and not agrees(1.0, True, 0, 0)
    assert agrees("BCD", "BCD", 0, 0) and not agrees("BC", "BCD", 0, 0)
    assert agrees(1, 1.0, 0, 0) and not agrees(True, 1.0, 0, 0)
    assert agrees([1, 2.5], [1.0, 2.5], 0, 0) and not agrees([1, True], [1.0, 1.0], 0, 0)
    assert agrees([1.0, 2.0], [1.1, 2.0], 0, np.array([0.11, 0.0]))
    assert not agrees([1.0, 2.0], [1.1, 2.1], 0, np.array([0.11, 0.0]))


def test_an_error_of_the_answer_is_told():
    verdict = judge(HEAT, json.dumps([{"error": "ZeroDivisionError: division by zero"}, {"value": 1.2}]))
    assert verdict.text == "With p = 0.2 your answer ended with ZeroDivisionError: division by zero"
    assert "Not answered yet" in judge(HEAT, json.dumps([{"error": "NotImplementedError: "}] * 2)).text


def test_every_case_can_earn_its_share():
    check = Check(cases=[{"n": n} for n in range(4)], expected=lambda n: n % 2 == 0, each=True,
                  wrong=[Wrong(lambda n: True if n == 3 else None, "three is odd")])
    verdict = judge(check, sent(True, False, False, True))
    assert verdict.earned == 0.5
    assert "Right in 2 of 4" in verdict.text and "three is odd" in verdict.text


def test_tolerance_can_depend_on_the_case():
    check = Check(cases=[{"n": 100}, {"n": 10000}], expected=lambda n: 1.0, atol=lambda n: 4 / math.sqrt(n))
    assert judge(check, sent(1.3, 1.03)).earned == 1
    assert judge(check, sent(1.3, 1.3)).earned == 0


def emitted(answer, *cases):
    """What the code in the student's kernel sends for the answers to some cases."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IPython.display, "display", lambda bundle, raw: shown.append(bundle))
        emitter(json.dumps(cases), MIME)(answer)
    [bundle] = shown
    return json.loads(bundle[MIME])


@pytest.mark.parametrize("value, sent", [
    (2, 2.0), (np.float32(0.5), 0.5), (np.array(3), 3.0), ((1, 2.5), [1.0, 2.5]), (np.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
    (True, True), (np.bool_(False), False), (np.array([True, False]), [True, False]), ("BCD", "BCD"), (None, None),
])
def test_answers_are_sent_as_plain_values(value, sent):
    assert emitted(lambda: value, {}) == [{"value": sent}]
    assert type(emitted(lambda: value, {})[0]["value"]) is type(sent)


def test_answers_are_called_with_numbers_and_arrays_of_floats():
    def answer(n, x):
        assert type(n) is int and x.dtype == float
        return n * x.sum()

    assert emitted(answer, {"n": 2, "x": [1, 2]}, {"n": 3, "x": [[1.0], [4.0]]}) == [{"value": 6.0}, {"value": 15.0}]


@pytest.mark.parametrize("answer, error", [
    (lambda: {"a": 1}, "TypeError: "), (lambda: [1, [2, 3]], "ValueError: "), (lambda: 1j, "TypeError: "),
    (lambda: 1 / 0, "ZeroDivisionError: division by zero"), (lambda x: x, "TypeError: "),
])
def test_an_answer_that_fails_does_not_stop_the_others(answer, error):
    [first, second] = emitted(answer, {}, {})
    assert set(first) == {"error"} and first["error"].startswith(error) and len(first["error"]) <= 300


def test_nothing_returned_is_told_as_that():
    assert "your answer is None" in judge(HEAT, json.dumps([{"value": None}, {"value": None}])).text


def test_text_from_students_becomes_one_printable_line():
    assert one_line("a\x1b[31mb\nc\x00d") == "a [31mb c d"
    assert len(one_line("x" * 10**6)) == 200


@pytest.mark.parametrize("make, rule", [
    (lambda: Check(cases=[], expected=lambda: 1.0), "cases must not be empty"),
    (lambda: Check(cases=[{}], expected=lambda: 1.0, rtol=-1.0), "rtol must not be negative, got -1.0"),
    (lambda: Wrong(2, "twice", credit=1.0), r"credit must lie in \[0, 1\), got 1.0"),
])
def test_bad_checks_are_refused(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()
