"""Activations of neurons: f(h) and its derivative.

Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thermolib import _check


@dataclass(frozen=True)
class Activation:
    """One activation: f and its derivative, both of an array of any shape."""

    name: str
    f: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray]


_ACTIVATIONS = {
    a.name: a
    for a in (
        Activation("identity", lambda h: h, lambda h: np.ones_like(h)),
        Activation("relu", lambda h: np.maximum(h, 0.0), lambda h: np.where(h > 0, 1.0, 0.0)),
        Activation("tanh", np.tanh, lambda h: 1 - np.tanh(h) ** 2),
    )
}


def get(name: str) -> Activation:
    """The activation of this name; the error for an unknown one lists those there are."""
    return _ACTIVATIONS[_check.choice("activation", name, _ACTIVATIONS)]
