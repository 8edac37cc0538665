"""Checks of arguments: each returns the value it accepts or raises a ValueError with name, rule and value."""

from collections.abc import Collection
from numbers import Integral, Real

import numpy as np


def finite(name: str, value: float) -> float:
    scalar = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if not isinstance(scalar, Real) or not np.isfinite(scalar):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(scalar)


def positive(name: str, value: float) -> float:
    if finite(name, value) <= 0:
        raise ValueError(f"{name} must be positive, got {value}")
    return float(value)


def nonnegative(name: str, value: float) -> float:
    if finite(name, value) < 0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return float(value)


def probability(name: str, value: float) -> float:
    if not 0 <= finite(name, value) <= 1:
        raise ValueError(f"{name} must be a probability in [0, 1], got {value}")
    return float(value)


def count(name: str, value: int, least: int = 1) -> int:
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def choice(name: str, value: str, valid: Collection[str]) -> str:
    if value not in list(valid):
        raise ValueError(f"{name} must be one of {', '.join(valid)}, got {value!r}")
    return value


def array(name: str, values, ndim: int | None = None) -> np.ndarray:
    """A non-empty float array without NaN or infinity, of the stated number of dimensions."""
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {values!r}") from None
    if ndim is not None and values.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {values.shape}")
    if values.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {values.shape}")
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)].flat[0]
        raise ValueError(f"{name} must be finite everywhere, got {bad}")
    return values


def generator(rng) -> np.random.Generator:
    """The numpy Generator that `rng` is or seeds; results must be repeatable, so None is refused."""
    try:
        if rng is not None:
            return np.random.default_rng(rng)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"rng must be a numpy Generator, a SeedSequence or an integer seed, got {rng!r}")


def function(name: str, value):
    if not callable(value):
        raise ValueError(f"{name} must be a function, got {value!r}")
    return value
