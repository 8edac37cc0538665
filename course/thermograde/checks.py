"""What a right answer is and what the usual wrong ones are, kept and compared outside of the student's kernel."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Under this type a hidden test sends its values out of the kernel.
MIME = "application/vnd.thermograde.values"

Value = float | bool | str | Sequence


@dataclass(frozen=True)
class Wrong:
    """A usual wrong answer: what it returns, what to say about it, and what part of the points it still earns.

    value: a function of the case, like `Check.expected`, or a number that multiplies the expected value. A function may
    return None for a case in which the mistake does not show.
    """

    value: Callable[..., Value | None] | float
    message: str
    credit: float = 0.0

    def __post_init__(self):
        if not 0 <= self.credit < 1:
            raise ValueError(f"credit must lie in [0, 1), got {self.credit}")


@dataclass(frozen=True)
class Check:
    """What a hidden test must find.

    cases: keyword arguments for the student's function, JSON values; a list reaches it as an array of floats. For
    an answer that is not a function, one empty case.
    expected: the right value for a case: a number, a bool, a text, or nested lists of numbers.
    wrong: the usual mistakes, the first that fits is named. rtol, atol: tolerance rtol * |expected| + atol; atol may be
    a function of the case.
    each: every case earns its share. By default all have to be right, since a formula is right or it is not.
    """

    cases: Sequence[Mapping[str, Any]]
    expected: Callable[..., Value]
    wrong: Sequence[Wrong] = ()
    rtol: float = 1e-6
    atol: float | Callable[..., Value] = 0.0
    each: bool = False

    def __post_init__(self):
        if not self.cases:
            raise ValueError("cases must not be empty")
        if not self.rtol >= 0:
            raise ValueError(f"rtol must not be negative, got {self.rtol}")


@dataclass(frozen=True)
class Verdict:
    """earned: the part of the points, in [0, 1]; text: why, for the student."""

    earned: float
    text: str


def test_code(check: Check, hidden: str) -> str:
    """What runs in the student's kernel for a hidden test: the source of `emit`, then the test itself."""
    source = Path(__file__).with_name("emit.py").read_text()
    cases = json.dumps([dict(case) for case in check.cases])
    return f"{source}\n\nemit = emitter({cases!r}, {MIME!r})\n{hidden}\n"


def _only_numbers(value) -> bool:
    if isinstance(value, list):
        return all(_only_numbers(v) for v in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def agrees(value, expected: Value, rtol: float, atol: Value) -> bool:
    """Whether a value from the student's kernel is the expected one: never for NaN, another type or another shape."""
    if isinstance(expected, bool | str):
        return type(value) is type(expected) and value == expected
    if not _only_numbers(value):
        return False
    try:
        value = np.asarray(value, dtype=float)
    except (ValueError, OverflowError):  # a ragged list, an integer beyond the floats
        return False
    expected = np.asarray(expected, dtype=float)
    return value.shape == expected.shape and bool(np.all(np.abs(value - expected) <= rtol * np.abs(expected) + atol))


def _mistaken(wrong: Wrong, check: Check, case: Mapping[str, Any]) -> Value | None:
    if callable(wrong.value):
        return wrong.value(**case)
    return (wrong.value * np.asarray(check.expected(**case), dtype=float)).tolist()


def _tolerance(check: Check, case: Mapping[str, Any]) -> dict[str, Any]:
    return {"rtol": check.rtol, "atol": check.atol(**case) if callable(check.atol) else check.atol}


def is_right(check: Check, case: Mapping[str, Any], value) -> bool:
    return agrees(value, check.expected(**case), **_tolerance(check, case))


def fits(wrong: Wrong, check: Check, case: Mapping[str, Any], value) -> bool | None:
    """Whether a value is that of a mistake; None if the mistake does not show in this case."""
    mistaken = _mistaken(wrong, check, case)
    return None if mistaken is None else agrees(value, mistaken, **_tolerance(check, case))


def one_line(text: object, most: int = 200) -> str:
    """Text of unknown origin as one printable line of at most so many characters."""
    line = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * most])
    line = " ".join(line.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _shown(value) -> str:
    if isinstance(value, list) and len(value) > 6:
        return f"a list of {len(value)}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(v) for v in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else one_line(value, 60)


def _finite(value) -> bool:
    if isinstance(value, list):
        return all(_finite(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


def _at(case: Mapping[str, Any]) -> str:
    return "With " + ", ".join(f"{name} = {_shown(value)}" for name, value in case.items()) if case else "Here"


def _what_came(entry: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    if "value" in entry:
        value = entry["value"]
        odd = ", and not finite" if not _finite(value) else ""
        return f"{_at(case)} your answer is {_shown(value)}{odd}. That is not right."
    error = one_line(entry.get("error", "nothing"))
    if error.startswith("NotImplementedError"):
        return "Not answered yet: the cell still raises NotImplementedError."
    return f"{_at(case)} your answer ended with {error}"


def read_entries(check: Check, emitted: object) -> list[dict] | None:
    """What a hidden test has sent, one entry per case; None if it is anything else."""
    try:
        entries = json.loads(emitted) if isinstance(emitted, str) else None
    except ValueError:
        return None
    is_list = isinstance(entries, list) and len(entries) == len(check.cases)
    return entries if is_list and all(isinstance(entry, dict) for entry in entries) else None


def judge(check: Check, emitted: object, error: str = "") -> Verdict:
    """Compares what a hidden test sent with what is expected.

    emitted: as it came from the kernel, a text of JSON or nothing. error: how the test ended, if it ended badly.
    """
    try:
        return _judge(check, emitted, error)
    except RecursionError:
        return Verdict(0.0, "There is no value to check: what came is nested too deeply.")


def _judge(check: Check, emitted: object, error: str) -> Verdict:
    entries = read_entries(check, emitted)
    if entries is None:
        return Verdict(0.0, "There is no value to check." + (f" The test ended with {error}" if error else ""))
    pairs = list(zip(check.cases, entries))
    if not any("value" in entry for entry in entries):
        return Verdict(0.0, _what_came(entries[0], check.cases[0]))
    right = [is_right(check, case, entry.get("value")) for case, entry in pairs]
    if all(right):
        return Verdict(1.0, "Right." if len(pairs) == 1 else f"Right in all {len(pairs)} cases.")

    if check.each:
        lines = []
        for (case, entry), ok in zip(pairs, right):
            if not ok:
                named = [w.message for w in check.wrong if fits(w, check, case, entry.get("value"))]
                lines.append(f"{_at(case)}: {named[0]}" if named else _what_came(entry, case))
        return Verdict(sum(right) / len(pairs), "\n".join([f"Right in {sum(right)} of {len(pairs)} cases.", *lines]))

    for wrong in check.wrong:
        fit = [fits(wrong, check, case, entry.get("value")) for case, entry in pairs]
        if any(fit) and all(ok if f is None else f for f, ok in zip(fit, right)):
            return Verdict(wrong.credit, wrong.message)
    case, entry = pairs[right.index(False)]
    return Verdict(0.0, _what_came(entry, case))
