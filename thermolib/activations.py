"""Activations of neurons: f(h), the energy that is least where the neuron obeys it, and its rounding by temperature.

An activation that rises is the slope of a convex function, its conjugate: f = dPhi*/dh. With the potential Phi of the
neuron's own coordinate x, whose slope is the inverse of f,

    E(x, h) = Phi(x) + Phi*(h) - x h >= 0,    and E = 0 only at x = f(h)

(the Fenchel-Young inequality: Blondel, Martins and Niculae 2020, blondel2020). Every function raises ValueError, with
the rule and the value, for an argument outside the range it states.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import entr, erfcx, expit, logit, logsumexp, ndtr, softmax, spence, xlogy

from thermolib import _check

Function = Callable[[np.ndarray], np.ndarray]

LEAK = 0.1  # slope of the leaky ReLU below zero
_NORM_FLOOR = 1e-5  # the variance that a layer norm adds, as is usual
_DEEPEST = 40.0  # energies above the minimum, in kT, from which on a quadrature leaves out the rest
# The trapezoidal rule in s, t = expit(pi sinh s), for t in [0, 1]: good to 1e-10, to 1e-4 if the integrand has a kink.
_S = np.linspace(-3.2, 3.2, 81)
_FRACTIONS = expit(math.pi * np.sinh(_S))
_SHARES = (_S[1] - _S[0]) * math.pi * np.cosh(_S) * _FRACTIONS * expit(-math.pi * np.sinh(_S))


@dataclass(frozen=True, eq=False)
class Activation:
    """One activation f, and the energy of a neuron that obeys it, where it has one.

    f, derivative: of an array of any shape. potential: Phi(x), infinite outside its domain. conjugate: Phi*(h).
    inverse: dPhi/dx, the h at which f(h) = x. without_potential: why there are none of these three; they then raise it.
    domain: the least and the largest x. levels: the two values of a unit that has two states; its x is then a mean
    occupation, and Phi minus its entropy. vector: f acts on the last axis as a whole; derivative is then its Jacobian
    (..., k, k), and potential and conjugate of (..., k) are (...). A vector activation with a potential is a unit of k
    states, the one-hot vectors. rounded: (h, kT) -> (Phi*_T, f_T), where there is a formula.
    """

    name: str
    f: Function
    derivative: Function
    potential: Function | None = None
    conjugate: Function | None = None
    inverse: Function | None = None
    without_potential: str = ""
    domain: tuple[float, float] = (-math.inf, math.inf)
    levels: tuple[float, float] | None = None
    vector: bool = False
    rounded: Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]] | None = None

    def __post_init__(self):
        if None in (self.potential, self.conjugate, self.inverse):
            object.__setattr__(self, "without_potential", self.without_potential or "none was given")
            for name in ("potential", "conjugate", "inverse"):
                object.__setattr__(self, name, self._refuse)

    def _refuse(self, *_):
        raise ValueError(f"activation must have a potential here, got {self.name}: {self.without_potential}")

    @property
    def entropic(self) -> bool:
        """Whether the unit has discrete states, so that its potential is an entropy and scales with the temperature."""
        return self.levels is not None or (self.vector and not self.without_potential)

    def push(self, h: np.ndarray, dh: np.ndarray) -> np.ndarray:
        """J dh, with the Jacobian J of f at h: how far f(h) moves when h moves by dh."""
        return np.einsum("...ij,...j->...i", self.derivative(h), dh) if self.vector else self.derivative(h) * dh

    def pull(self, h: np.ndarray, g: np.ndarray) -> np.ndarray:
        """J^T g: a force g on f(h), as it is felt at h."""
        return np.einsum("...ij,...i->...j", self.derivative(h), g) if self.vector else self.derivative(h) * g

    def fenchel_young(self, x: np.ndarray, h: np.ndarray, kT: float | None = None) -> np.ndarray:
        """Energy of the neuron, E = Phi(x) + Phi*(h) - x h; with Phi*_T in place of Phi* if a temperature is given.

        Of a unit with discrete states, E = kT [Phi(x) + Phi*(h / kT)] - x h is the free energy at the mean occupation x
        and, where x is one of the states, the energy of this state. kT = None is kT = 1 there.
        """
        if kT is not None and self.entropic:
            return kT * self.fenchel_young(x, np.asarray(h) / _check.positive("kT", kT))
        conjugate = self.conjugate(h) if kT is None else self.thermal_conjugate(h, kT)
        product = np.asarray(x) * h
        return self.potential(x) + conjugate - (product.sum(axis=-1) if self.vector else product)

    def thermal_conjugate(self, h: np.ndarray, kT: float) -> np.ndarray:
        """Phi*_T(h), the counter-term that makes the partition function of the neuron 1 for every h.

            continuous x: kT ln integral exp((x h - Phi(x)) / kT) dx;    discrete states: kT ln sum_s exp(s h / kT)
        """
        return self._rounded(h, kT)[0]

    def thermal(self, h: np.ndarray, kT: float) -> np.ndarray:
        """f_T(h) = dPhi*_T/dh, the mean of x at the temperature kT > 0: the activation that a warm neuron shows."""
        return self._rounded(h, kT)[1]

    def _rounded(self, h, kT):
        h, kT = _check.array("h", h), _check.positive("kT", kT)
        if self.without_potential:
            self._refuse()
        if self.vector:
            return kT * logsumexp(h / kT, axis=-1), self.f(h / kT)
        if self.levels is not None:
            low, high = self.levels
            return kT * np.logaddexp(low * h / kT, high * h / kT), self.f(h / kT)
        return (self.rounded or self._rounded_by_quadrature)(h, kT)

    def _rounded_by_quadrature(self, h, kT):
        """From the largest weight, at x = f(h), out to both sides as far as there is any."""
        mode, conjugate = np.asarray(self.f(h)), self.conjugate(h)

        def weight(x):
            return np.exp(-(self.potential(x) + conjugate - x * h) / kT)

        area = shift = 0.0
        for side, edge in zip((-1.0, 1.0), self.domain):
            reach = np.full(h.shape, 1e-3 * math.sqrt(kT))
            while (short := weight(mode + side * reach) > math.exp(-_DEEPEST)).any():
                reach = np.where(short, 2 * reach, reach)
            reach = np.minimum(reach, np.abs(edge - mode))
            for fraction, share in zip(_FRACTIONS, _SHARES):
                part = share * reach * weight(mode + side * fraction * reach)
                area = area + part
                shift = shift + side * fraction * reach * part
        return conjugate + kT * np.log(area), mode + shift / area

    def sample(self, h: np.ndarray, kT: float, rng) -> np.ndarray:
        """One exact draw of x for each h, of the shape of h, from exp(-E / kT) with E the `fenchel_young` energy at kT.

        Of discrete states one is drawn; a continuous x by rejection from the hat that covers every log-concave density
        whose maximum is known, one trial in four being accepted (Devroye 1984).
        """
        h, rng = _check.array("h", h), _check.generator(rng)
        if self.vector:
            below = self.thermal(h, kT).cumsum(axis=-1) < rng.random(h.shape[:-1] + (1,))
            return np.eye(h.shape[-1])[np.minimum(below.sum(axis=-1), h.shape[-1] - 1)]
        if self.levels is not None:
            low, high = self.levels
            return np.where(low + (high - low) * rng.random(h.shape) < self.thermal(h, kT), high, low)
        shape, h = h.shape, h.ravel()
        mode = self.f(h)
        width = np.exp(self.fenchel_young(mode, h, kT) / kT)  # one over the largest density
        x, todo = np.empty(h.shape), np.arange(h.size)
        while todo.size:
            inside = rng.random(todo.size) < 0.5
            inner, outer = rng.uniform(-1, 1, (2, todo.size)), rng.standard_exponential(todo.size)
            step = np.where(inside, inner[0], np.copysign(1 + outer, inner[1]))
            trial = mode[todo] + width[todo] * step
            margin = rng.standard_exponential(todo.size) + np.where(inside, 0.0, outer)
            accepted = kT * margin > self.fenchel_young(trial, h[todo])
            x[todo[accepted]] = trial[accepted]
            todo = todo[~accepted]
        return x.reshape(shape)


def _layer_norm(h):
    centered = h - h.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + _NORM_FLOOR)


def _layer_norm_jacobian(h):
    n = h.shape[-1]
    x = _layer_norm(h)[..., None]
    deviation = np.sqrt(h.var(axis=-1) + _NORM_FLOOR)[..., None, None]
    return (np.eye(n) - 1 / n - x * np.swapaxes(x, -1, -2) / n) / deviation


def _softmax_jacobian(h):
    p = softmax(h, axis=-1)[..., None]
    return p * (np.eye(h.shape[-1]) - np.swapaxes(p, -1, -2))


def _half_gaussian(u):
    """ln integral_0^inf exp(u y - y^2 / 2) dy, and its slope, the mean of y."""
    drop = np.exp(-0.5 * u * u)
    missing = math.sqrt(math.pi / 2) * erfcx(np.abs(u) / math.sqrt(2))  # the integral at -abs(u)
    area = np.where(u < 0, missing, math.sqrt(2 * math.pi) - missing * drop)  # for u > 0 times drop
    far = np.minimum(u, -100.0)  # where the two terms of the mean cancel, their series does not
    q = 1 / (far * far)
    tail = -(1 - q * (2 - q * (10 - 74 * q))) / far
    log_area = np.log(area) + 0.5 * np.maximum(u, 0.0) ** 2
    return log_area, np.where(u < -100, tail, u + np.where(u < 0, 1.0, drop) / area)


def _rounded_relu(h, kT):
    log_area, mean = _half_gaussian(h / math.sqrt(kT))
    return kT * (log_area + 0.5 * math.log(kT)), math.sqrt(kT) * mean


def _rounded_leaky_relu(h, kT):
    u, soft = h / math.sqrt(kT), math.sqrt(LEAK)
    right, mean_right = _half_gaussian(u)
    left, mean_left = _half_gaussian(-soft * u)
    left = left + math.log(soft)
    share = expit(right - left)
    mean = share * mean_right - (1 - share) * soft * mean_left
    return kT * (np.logaddexp(right, left) + 0.5 * math.log(kT)), math.sqrt(kT) * mean


def _softplus_potential(x):
    inside = np.maximum(x, 0.0)
    return np.where(np.asarray(x) >= 0, 0.5 * inside**2 + spence(-np.expm1(-inside)) - math.pi**2 / 6, math.inf)


def _softplus_conjugate(h):
    """-Li2(-e^h), with its inversion formula where e^h is large."""
    dilogarithm = spence(1 + np.exp(-np.abs(h)))
    return np.where(np.asarray(h) > 0, math.pi**2 / 6 + 0.5 * np.square(h) + dilogarithm, -dilogarithm)


def _gelu_derivative(h):
    return ndtr(h) + h * np.exp(-0.5 * np.square(h)) / math.sqrt(2 * math.pi)


_ACTIVATIONS = {
    a.name: a
    for a in (
        Activation(
            "identity", lambda h: h, lambda h: np.ones_like(h),
            lambda x: 0.5 * np.square(x), lambda h: 0.5 * np.square(h), lambda x: x,
            rounded=lambda h, kT: (0.5 * (h * h + kT * math.log(2 * math.pi * kT)), h),
        ),
        Activation(
            "relu", lambda h: np.maximum(h, 0.0), lambda h: np.where(h > 0, 1.0, 0.0),
            lambda x: np.where(np.asarray(x) >= 0, 0.5 * np.square(x), math.inf),
            lambda h: 0.5 * np.maximum(h, 0.0) ** 2, lambda x: x,
            domain=(0.0, math.inf), rounded=_rounded_relu,
        ),
        Activation(
            "leaky-relu", lambda h: np.where(h > 0, h, LEAK * h), lambda h: np.where(h > 0, 1.0, LEAK),
            lambda x: 0.5 * np.square(x) / np.where(np.asarray(x) > 0, 1.0, LEAK),
            lambda h: 0.5 * np.square(h) * np.where(np.asarray(h) > 0, 1.0, LEAK),
            lambda x: np.where(np.asarray(x) > 0, x, x / LEAK),
            rounded=_rounded_leaky_relu,
        ),
        Activation(
            "softplus", lambda h: np.logaddexp(0.0, h), expit,
            _softplus_potential, _softplus_conjugate, lambda x: x + xlogy(1.0, -np.expm1(-x)),
            domain=(0.0, math.inf),
        ),
        Activation(
            "logistic", expit, lambda h: expit(h) * expit(-h),
            lambda x: -entr(x) - entr(1 - x), lambda h: np.logaddexp(0.0, h), logit,
            domain=(0.0, 1.0), levels=(0.0, 1.0),
        ),
        Activation(
            "tanh", np.tanh, lambda h: 1 - np.tanh(h) ** 2,
            lambda x: -0.5 * (entr(1 + x) + entr(1 - x)), lambda h: np.logaddexp(h, -h) - math.log(2),
            lambda x: 0.5 * logit(0.5 * (1 + x)),
            domain=(-1.0, 1.0), levels=(-1.0, 1.0),
        ),
        Activation(
            "softmax", lambda h: softmax(h, axis=-1), _softmax_jacobian,
            lambda x: np.where(np.abs(np.sum(x, axis=-1) - 1) < 1e-9, -entr(x).sum(axis=-1), math.inf),
            lambda h: logsumexp(h, axis=-1), lambda x: xlogy(1.0, x),
            domain=(0.0, 1.0), vector=True,
        ),
        Activation(
            "gelu", lambda h: h * ndtr(h), _gelu_derivative,
            without_potential="it falls for h < -0.75, and only what rises is the slope of a convex function",
        ),
        Activation(
            "layer-norm", _layer_norm, _layer_norm_jacobian, vector=True,
            without_potential="it would be a bare wall around a ball of states; only the elastic form is implemented",
        ),
    )
}
_BUILT_IN = frozenset(_ACTIVATIONS)


def get(name: str | Activation) -> Activation:
    """The activation of this name, with - or _ between words; an unknown one is refused with a list of those there are.

    An `Activation` is returned as it is.
    """
    if isinstance(name, Activation):
        return name
    return _ACTIVATIONS[_check.choice("activation", str(name).replace("_", "-"), _ACTIVATIONS)]


def register(activation: Activation) -> Activation:
    """Make an activation known by its name to `get` and to every network, after testing what it claims on -4 < h < 4.

    Refused is a derivative that is not the slope of f, an inverse that does not undo f, and a potential and conjugate
    that break E(f(h), h) = 0 or E(x, h) >= 0. Names of the activations of this module can not be taken.
    """
    if activation.name in _BUILT_IN:
        raise ValueError(f"name must be a new one, got that of the built-in {activation.name!r}")
    if activation.vector:
        raise ValueError(f"vector activations must be passed on directly, not registered, got {activation.name!r}")
    h = np.linspace(-4, 4, 101) + 0.0123  # off the round numbers where kinks are
    x = np.asarray(activation.f(h))
    claims = {"derivative(h) must be the slope of f": (activation.f(h + 1e-5) - activation.f(h - 1e-5)) / 2e-5
              - activation.derivative(h)}
    if not activation.without_potential:
        claims["f(inverse(f(h))) must be f(h)"] = activation.f(activation.inverse(x)) - x
        claims["potential(f(h)) + conjugate(h) - h f(h) must be 0"] = activation.fenchel_young(x, h)
        lowest = activation.fenchel_young(x[:, None], h).min(axis=0)
        claims["potential(x) + conjugate(h) - x h must not be negative"] = np.minimum(lowest, 0.0)
    for rule, off in claims.items():
        if not np.abs(off).max() < 1e-6:
            worst = np.argmax(np.where(np.isfinite(off), np.abs(off), np.inf))
            raise ValueError(f"{activation.name}: {rule}, got a difference of {off[worst]:.3g} at h = {h[worst]:.3g}")
    _ACTIVATIONS[activation.name] = activation
    return activation
