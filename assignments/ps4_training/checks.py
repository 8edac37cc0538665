"""What the hidden tests of problem set 4 must find. Never goes to students."""

import itertools
import math
from functools import cache

import numpy as np
from scipy.optimize import brentq, least_squares
from thermograde.checks import Check, Wrong

from thermolib import units


def _arrays(function):
    """Takes a case with its lists as arrays, as the student gets them."""
    def of_case(**case):
        found = function(**{k: np.array(v) if isinstance(v, list) else v for k, v in case.items()})
        return found.tolist() if isinstance(found, np.ndarray) else found
    return of_case


def _wrong(function, message, credit=0.0):
    return Wrong(_arrays(function), message, credit)


# 1a. A weight that is used more than once

def _films():
    rng = np.random.default_rng(41)
    for units_, steps in ((2, 3), (3, 4)):
        yield {"W": rng.normal(size=(units_, units_)).round(3).tolist(), "b": rng.normal(size=units_).round(3).tolist(),
               "x": rng.uniform(-0.9, 0.9, (steps + 1, units_)).round(3).tolist(),
               "stiffness": rng.uniform(0.4, 2.5, steps).round(3).tolist()}


def _slope_of_energy(W, b, x, stiffness):
    """-dF/dW by a complex step, exact to rounding."""
    force = np.empty_like(W)
    for i, j in np.ndindex(W.shape):
        moved = W.astype(complex)
        moved[i, j] += 1e-30j
        force[i, j] = -(0.5 * stiffness[:, None] * (x[1:] - np.tanh(x[:-1] @ moved.T + b)) ** 2).sum().imag / 1e-30
    return force


def _force(W, b, x, stiffness, slope=lambda h, top: 1 - np.tanh(h) ** 2, bottom=lambda x: x[:-1]):
    h = x[:-1] @ W.T + b
    stress = stiffness[:, None] * (x[1:] - np.tanh(h))
    return (stress * slope(h, x[1:])).T @ bottom(x)


shared = Check(
    cases=list(_films()),
    expected=_arrays(_slope_of_energy),
    wrong=[
        Wrong(-1, "Your force has the wrong sign: it has to point downhill, and yours raises F."),
        Wrong(0.5, "Your force is half of what it should be: the slope of a square has a 2, which cancels the 1/2.",
              credit=0.5),
        Wrong(2, "Your force is twice too large: F has a factor 1/2 in front of each square.", credit=0.5),
        _wrong(lambda W, b, x, stiffness: _slope_of_energy(W, b, x, stiffness).T,
               "Your force is transposed: its rows belong to the unit that is pulled, its columns to the one below."),
        _wrong(lambda W, b, x, stiffness: _slope_of_energy(W, b, x, stiffness) / len(stiffness),
               "You take the mean over the steps. One and the same weight is pulled in each of them, and forces add up."),
        _wrong(lambda W, b, x, stiffness: _slope_of_energy(W, b, x[-2:], stiffness[-1:]),
               "You count the last step only. The weight is pulled in every step in which it is used."),
        _wrong(lambda **case: _force(**case, slope=lambda h, top: 1.0),
               "Your force lacks the slope f'(h): between weight and stress there is the activation."),
        _wrong(lambda **case: _force(**case, slope=lambda h, top: 1 - top**2),
               "You take the slope as 1 - x^2 of the unit itself. That is f'(h) at rest only; here the units are off f(h).",
               credit=0.5),
        _wrong(lambda **case: _force(**case, bottom=lambda x: x[1:]),
               "You take the activity at the upper end of the weight, where the stress is. It is needed at the lower end."),
        _wrong(lambda W, b, x, stiffness: _force(W, 0 * b, x, stiffness), "Your input sums have no bias."),
        _wrong(lambda W, b, x, stiffness: _force(W, b, x, np.ones_like(stiffness)),
               "Your stresses do not know how stiff the springs are.", credit=0.5),
    ],
)


# 1b. The gradient, by springs

def _held():
    for seed, steps, kappa, soft in ((1, 4, 1.6, 0.3), (5, 3, 0.7, 0.2)):
        rng = np.random.default_rng(seed)
        yield {"W": (0.64 * rng.normal(size=(3, 3))).round(3).tolist(), "b": (0.3 * rng.normal(size=3)).round(3).tolist(),
               "x_in": rng.normal(size=3).round(3).tolist(), "y": rng.uniform(-0.8, 0.8, 3).round(3).tolist(),
               "steps": steps, "kappa": kappa, "soft": soft}


def _pass(W, b, x_in, steps):
    x = [x_in]
    for _ in range(steps):
        x.append(np.tanh(W @ x[-1] + b))
    return np.array(x)


def _held_energy(W, b, x_in, y, springs):
    """The least energy of the held network, by least squares."""
    roots = np.sqrt(springs)[:, None]

    def stretched(hidden):
        x = np.vstack([x_in, hidden.reshape(-1, len(b)), y])
        return (roots * (x[1:] - np.tanh(x[:-1] @ W.T + b))).ravel()

    return least_squares(stretched, _pass(W, b, x_in, len(springs) - 1)[1:].ravel(), xtol=1e-14, ftol=1e-14, gtol=1e-14).cost


@cache
def _slopes(case):
    """-dF/dW of the held network at soft and at soft / 2, by differences of its least energy, and -dC/dW."""
    W, b, x_in, y, steps, kappa, soft = (np.array(v) if isinstance(v, tuple) else v for v in case)

    def downhill(energy, reach=1e-4):
        slope = np.empty_like(W)
        for i, j in np.ndindex(W.shape):
            E = np.zeros_like(W)
            E[i, j] = reach
            slope[i, j] = (energy(W - E) - energy(W + E)) / (2 * reach)
        return slope

    chains = [np.array([kappa] * (steps - 1) + [k]) for k in (soft, soft / 2)]
    held = [downhill(lambda W, chain=chain: _held_energy(W, b, x_in, y, chain)) for chain in chains]
    return *held, downhill(lambda W: 0.5 * np.sum((y - _pass(W, b, x_in, steps)[-1]) ** 2), 1e-5)


def _of_slopes(combine):
    def of_case(**case):
        frozen = tuple(tuple(map(tuple, v)) if k == "W" else tuple(v) if isinstance(v, list) else v for k, v in case.items())
        return combine(*_slopes(frozen), case["soft"], case["kappa"]).tolist()
    return of_case


def _cancelled(one, half, exact, soft, kappa):
    return (4 * half - one) / soft


springs = Check(
    cases=list(_held()),
    expected=_of_slopes(_cancelled),
    rtol=1e-4,
    atol=1e-5,
    wrong=[
        Wrong(-1, "Your answer has the wrong sign: asked is minus the gradient, the way in which C falls."),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: exact),
              "This is the gradient itself, from the forward pass. Asked is what two held states say about it."),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: one / soft),
              "You use one state only, so the error of first order in the stiffness is still there.", credit=0.5),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: 2 * half / soft),
              "You use the softer of the two states only. Its first-order error is half as large, but it is still there.",
              credit=0.5),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: 2 * (one - half) / soft),
              "You extrapolate the wrong way, from the soft spring to a stiffer one: the first-order error grows."),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: (one / soft + 2 * half / soft) / 2),
              "You average the two states. Both have errors of the same sign, and an average does not cancel them.",
              credit=0.5),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: 2 * half - one),
              "You combine the forces before dividing each by the stiffness of its own output. Their first orders cancel, "
              "and the gradient with them."),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: (4 * half - one) / (soft / kappa)),
              "You divide by the ratio of the two stiffnesses. The force per stiffness of the output is asked for.",
              credit=0.5),
        Wrong(_of_slopes(lambda one, half, exact, soft, kappa: 4 * half - one),
              "This is a force. It has not been divided by the stiffness of the output."),
    ],
)


# 2. A network that needs two states

def _machines():
    rng = np.random.default_rng(43)
    for d, outputs, nudge, kT in ((5, [1, -1], 0.7, 1.4), (4, [-1], 0.25, 0.6)):
        J = np.triu(rng.normal(size=(d, d)), 1).round(3)
        yield {"J": (J + J.T).tolist(), "b": (0.5 * rng.normal(size=d)).round(3).tolist(),
               "y": [0] * (d - len(outputs)) + outputs, "nudge": nudge, "kT": kT}


def _mean(J, b, field, kT, of=lambda s: s):
    """Mean over the states of a machine, by adding them up one by one."""
    total, norm = 0.0, 0.0
    for state in itertools.product((-1.0, 1.0), repeat=len(b)):
        s = np.array(state)
        weight = math.exp((0.5 * s @ J @ s + (b + field) @ s) / kT)
        total, norm = total + weight * of(s), norm + weight
    return total / norm


def _pairs(J, b, field, kT):
    return _mean(J, b, field, kT, lambda s: np.outer(s, s))


def _two_states(J, b, y, nudge, kT):
    return (_pairs(J, b, nudge * y, kT) - _pairs(J, b, -nudge * y, kT)) / (2 * nudge)


def _infinitely_weak(J, b, y, nudge, kT):
    pulled = _mean(J, b, 0 * y, kT, lambda s: (y @ s) * np.outer(s, s))
    return (pulled - _pairs(J, b, 0 * y, kT) * (y @ _mean(J, b, 0 * y, kT))) / kT


two_states = Check(
    cases=list(_machines()),
    expected=_arrays(_two_states),
    atol=1e-9,
    wrong=[
        Wrong(-1, "Your two states are the wrong way around, pushed minus pulled: your couplings would learn the opposite."),
        Wrong(2, "Your answer is twice too large: from pushed to pulled the hand changes by twice the nudge.", credit=0.5),
        _wrong(lambda J, b, y, nudge, kT: 2 * nudge * _two_states(J, b, y, nudge, kT),
               "You have not divided by the strength of the hand: this is a change, not a slope."),
        _wrong(lambda J, b, y, nudge, kT: nudge / kT * _two_states(J, b, y, nudge, kT),
               "You have divided by kT, where the strength of the hand should be."),
        _wrong(lambda J, b, y, nudge, kT: (_pairs(J, b, nudge * y, kT) - _pairs(J, b, 0 * y, kT)) / nudge,
               "You compare the pulled state with the free one. The error of that is of first order in the nudge.",
               credit=0.5),
        _wrong(lambda J, b, y, nudge, kT: (_pairs(J, b, 0 * y, kT) - _pairs(J, b, nudge * y, kT)) / nudge,
               "Your difference is free minus pulled: the wrong way around, and of first order in the nudge only."),
        _wrong(lambda J, b, y, nudge, kT: _pairs(J, b, nudge * y, kT) / nudge,
               "You use one state. The free machine is under stress of its own, and that has to be taken off."),
        _wrong(lambda J, b, y, nudge, kT: _two_states(J, b, y, nudge, 1 / kT),
               "Your machine has the temperature 1/kT: you have taken T for beta."),
        _wrong(lambda J, b, y, nudge, kT: _two_states(J, 0 * b, y, nudge, kT), "Your machine has lost its biases."),
        _wrong(_infinitely_weak,
               "This is the limit of an infinitely weak hand. Asked is what two states with this hand say."),
    ],
)


# 3a. A warm reading

_CHAINS = [{"x_in": 1.3, "y": 1.7, "w1": 0.6, "w2": -1.4, "kappa1": 2.2, "kappa2": 0.5, "kT": 0.3},
           {"x_in": -0.8, "y": 0.4, "w1": 1.9, "w2": 0.7, "kappa1": 0.9, "kappa2": 1.5, "kT": 1.6}]


def _on_grid(power):
    """Means of R_1 and R_2 (power 1), or their variances (2), by adding up the Boltzmann weights of the hidden unit."""
    def of_case(x_in, y, w1, w2, kappa1, kappa2, kT):
        x1 = np.linspace(-15, 15, 30001)
        F = 0.5 * kappa1 * (x1 - w1 * x_in) ** 2 + 0.5 * kappa2 * (y - w2 * x1) ** 2
        weight = np.exp(-(F - F.min()) / kT)
        R = np.array([kappa1 * (x1 - w1 * x_in) * x_in / kappa2, (y - w2 * x1) * x1])
        mean = R @ weight / weight.sum()
        return (mean if power == 1 else (R - mean[:, None]) ** 2 @ weight / weight.sum()).tolist()
    return of_case


def _moments(x_in, y, w1, w2, kappa1, kappa2, kT):
    """Mean and variance of the hidden unit, and the two readings at its mean."""
    K = kappa1 + kappa2 * w2**2
    m = (kappa1 * w1 * x_in + kappa2 * w2 * y) / K
    return m, kT / K, [kappa1 * (m - w1 * x_in) * x_in / kappa2, (y - w2 * m) * m]


def _shaken(sign, free=False, **chain):
    """Means with a wrong thermal part of the second."""
    _, v, (first, second) = _moments(**chain)
    return [first, second + sign * chain["w2"] * (chain["kT"] / chain["kappa1"] if free else v)]


def _backprop(x_in, y, w1, w2, **others):
    e = y - w2 * w1 * x_in
    return [w2 * e * x_in, e * w1 * x_in]


def _around(bend, free=False):
    """Variances with another number in place of the 2 of the second order, or of a unit that is not held from above."""
    def of_case(x_in, y, w1, w2, kappa1, kappa2, kT):
        m, v, _ = _moments(x_in, y, w1, w2, kappa1, kappa2, kT)
        v = kT / kappa1 if free else v
        return [(kappa1 * x_in / kappa2) ** 2 * v, (y - 2 * w2 * m) ** 2 * v + bend * (w2 * v) ** 2]
    return of_case


reading_means = Check(
    cases=_CHAINS,
    expected=_on_grid(1),
    wrong=[
        Wrong(-1, "Your means have the wrong sign: they are those of a force, which points downhill in F."),
        Wrong(lambda **chain: [chain["kappa2"] * mean for mean in _on_grid(1)(**chain)],
              "Your means are forces. A reading is the force divided by the stiffness of the output."),
        Wrong(lambda **chain: _shaken(0, **chain),
              "Your second mean is a product of means. Stress and activity are shaken by the same bath, and the mean of "
              "their product is another one.", credit=0.5),
        Wrong(lambda **chain: _shaken(+1, **chain),
              "The thermal part of your second mean has the wrong sign: what shakes the activity up takes the stress above "
              "it the other way.", credit=0.5),
        Wrong(lambda **chain: _shaken(-1, free=True, **chain),
              "You shake the hidden unit as if the output were free. The held output is a second spring on it.", credit=0.5),
        Wrong(_backprop, "These are the gradients of the forward pass. In the held state the hidden unit has moved."),
    ],
)
reading_variances = Check(
    cases=_CHAINS,
    expected=_on_grid(2),
    wrong=[
        Wrong(lambda **chain: [math.sqrt(v) for v in _on_grid(2)(**chain)],
              "You return standard deviations. Asked are variances."),
        Wrong(_around(0), "Your second reading is linear in the noise. Stress and activity both move, and their product has "
                          "a term of second order.", credit=0.5),
        Wrong(_around(1), "Your term of second order is too small by a factor 2. What is the variance of the square of a "
                          "Gaussian?", credit=0.5),
        Wrong(_around(2, free=True),
              "Your hidden unit is shaken as if the output were free. The held output is a second spring on it."),
        Wrong(lambda **chain: [chain["kappa2"] * v for v in _on_grid(2)(**chain)],
              "A reading is divided by the stiffness, so its variance is divided by the square: you have divided once."),
        Wrong(lambda **chain: [chain["kappa2"] ** 2 * v for v in _on_grid(2)(**chain)],
              "These are the variances of the forces. A reading is a force divided by the stiffness of the output."),
        Wrong(lambda **chain: _on_grid(2)(**{**chain, "kT": 1 / chain["kT"]}),
              "Your noise falls as the bath gets warmer: you have taken T for beta."),
    ],
)


# 3b. How soft, and how often?

def _budget(x_in, y, w1, w2, kappa1, kT):
    """Variance of a reading over the squared gradient, times q^2 (1 + q), with q = kappa2 w2^2 / kappa1."""
    return w2**2 * kT / (kappa1 * (y - w2 * w1 * x_in) ** 2)


def _at(q, noise, chain):
    """Readings and stiffness, from q and from the variance that their mean may have, relative to the squared gradient."""
    readings = _budget(**chain) / (q**2 * (1 + q)) / noise
    return [float(math.ceil(readings)), q * chain["kappa1"] / chain["w2"] ** 2]


def _fewest(accuracy, **chain):
    q = brentq(lambda q: accuracy**2 * (2 + 3 * q) * (1 + q) ** 2 - q**2 * (4 + 3 * q), 1e-6, 1e3)
    return _at(q, accuracy**2 - (q / (1 + q)) ** 2, chain)


def _searched(readings):
    """Of a wrong number of readings at each q: the fewest, and where."""
    def of_case(accuracy, **chain):
        q = np.linspace(1e-3, 1, 200001)[:-1] * accuracy / (1 - accuracy)
        found = readings(q, accuracy, chain)
        best = found.argmin()
        return [float(math.ceil(found[best])), q[best] * chain["kappa1"] / chain["w2"] ** 2]
    return of_case


def _halves(accuracy, **chain):
    share = accuracy / math.sqrt(2)
    return _at(share / (1 - share), accuracy**2 / 2, chain)


def _absolute(q, accuracy, chain):
    gradient = abs(_backprop(**chain)[0])
    left = (accuracy / gradient) ** 2 - (q / (1 + q)) ** 2
    return np.where(left > 0, _budget(**chain) / (q**2 * (1 + q)) / np.where(left > 0, left, 1), np.inf)


fewest = Check(
    cases=[{"x_in": 0.7, "y": 2.1, "w1": 0.9, "w2": 1.6, "kappa1": 1.8, "kT": 0.4, "accuracy": 0.25},
           {"x_in": -1.4, "y": 0.9, "w1": 0.5, "w2": -0.6, "kappa1": 0.7, "kT": 0.02, "accuracy": 0.12}],
    expected=_fewest,
    rtol=0.02,
    wrong=[
        Wrong(_halves, "You give bias and noise equal shares of the error. That is best for very small errors only.",
              credit=0.5),
        Wrong(_searched(lambda q, accuracy, chain: _budget(**chain) / (q**2 * (1 + q)) / (accuracy - q / (1 + q)) ** 2),
              "You add the bias and the standard error. Of a mean square deviation, the squares add."),
        Wrong(_searched(lambda q, accuracy, chain: _budget(**chain) / q**2 / (accuracy**2 - (q / (1 + q)) ** 2)),
              "Your noise is that of a free output, so it is too large where the output is stiff.", credit=0.5),
        Wrong(_searched(lambda q, accuracy, chain: np.sqrt(_budget(**chain) / (q**2 * (1 + q))
                                                           / (accuracy**2 - (q / (1 + q)) ** 2))),
              "The error of your mean falls as the number of readings. It falls as the root of that number."),
        Wrong(_searched(lambda q, accuracy, chain: np.sqrt(_budget(**chain) / (q**2 * (1 + q)))
                        / (accuracy**2 - (q / (1 + q)) ** 2)),
              "You divide a standard deviation by the number of readings where a variance should stand."),
        Wrong(_searched(_absolute), "Your accuracy is absolute. It was to be relative to the size of the gradient."),
        Wrong(lambda **case: _fewest(**{**case, "kT": 1 / case["kT"]}),
              "You need fewer readings in a warmer bath: you have taken T for beta."),
        Wrong(lambda **case: _fewest(**case)[::-1], "Your pair is in the wrong order. The number of readings comes first."),
    ],
)


# 4. A head start

_STARTS = [{"parameters": 2000, "examples": 120000, "start": 0.01, "ratio": 0.4, "temperature": 310.0},
           {"parameters": 300, "examples": 90000, "start": 0.012, "ratio": 2.5, "temperature": 77.0}]


@cache
def _fall(parameters, examples, start):
    """M_D and the heat in units of kappa, with sigma = 1, example by example."""
    M, heat = start, 0.0
    for _ in range(examples):
        kept = 1 / (1 + M)
        heat += 0.5 * (1 - kept**2) * (1 + M)
        M -= M**2 / (parameters * (1 + M))
    return M, heat


def _kT(temperature, ratio):
    return units.thermal_energy(temperature) / ratio


def _example(parameters, examples, start, ratio, temperature):
    return _kT(temperature, ratio) * parameters / _fall(parameters, examples, start)[0]


def _heat(parameters, examples, start, ratio, temperature):
    return _example(parameters, examples, start, ratio, temperature) * _fall(parameters, examples, start)[1]


def _in_heat(nats):
    """A heat of N kappa sigma^2 times a wrong logarithm."""
    def of_case(parameters, examples, start, ratio, temperature):
        return parameters * _example(parameters, examples, start, ratio, temperature) * nats(parameters, examples, start)
    return of_case


example_energy = Check(
    cases=_STARTS,
    expected=_example,
    rtol=0.02,
    wrong=[
        Wrong(lambda parameters, examples, start, ratio, temperature: examples * _kT(temperature, ratio),
              "This is D kT / r, the energy for a student that begins in ignorance. Yours knows more at the end than D "
              "examples can tell, and has to keep that too.", credit=0.5),
        Wrong(lambda parameters, examples, start, ratio, temperature: parameters / start * _kT(temperature, ratio),
              "You have resolved what the student knows at the beginning. What counts is what it knows at the end.",
              credit=0.5),
        Wrong(lambda parameters, examples, start, ratio, temperature: parameters * _kT(temperature, ratio),
              "This is N kT / r. How much the bath may shake a parameter is set by the examples that it has seen."),
        Wrong(lambda parameters, examples, start, ratio, temperature:
              _example(parameters, examples, start, ratio, temperature) / parameters,
              "You compare the cloud of one parameter with the squared error of all N together."),
        Wrong(lambda parameters, examples, start, ratio, temperature:
              _example(parameters, examples, start, ratio, temperature) * ratio**2,
              "Your energy rises with the noise ratio: r stands on the wrong side."),
        Wrong(2, "Your energy is twice too large. The ratio is that of two variances, with no 2 in it.", credit=0.5),
        Wrong(lambda parameters, examples, start, ratio, temperature:
              _example(parameters, examples, start, ratio, temperature) / units.thermal_energy(temperature),
              "Your energy is in units of kT. It was to be in joules."),
    ],
)
head_start_heat = Check(
    cases=_STARTS,
    expected=_heat,
    rtol=0.02,
    wrong=[
        Wrong(lambda parameters, examples, start, ratio, temperature: 2 * parameters * examples * _kT(temperature, ratio),
              "This is 2 N D kT / r, for a student at rest with a constant rate. Yours is not at rest, and its rate falls."),
        Wrong(lambda parameters, examples, start, ratio, temperature: parameters * examples * _kT(temperature, ratio)
              * math.log(1 / _fall(parameters, examples, start)[0]),
              "Your student begins in ignorance, at a squared error of sigma^2. It had a head start."),
        Wrong(lambda parameters, examples, start, ratio, temperature: parameters * examples * _kT(temperature, ratio)
              * math.log(start / _fall(parameters, examples, start)[0]),
              "Your logarithm is right, but each example has the energy D kT / r, too soft for what the student knows.",
              credit=0.5),
        Wrong(lambda parameters, examples, start, ratio, temperature: parameters**2 * _kT(temperature, ratio)
              * math.log(start / _fall(parameters, examples, start)[0]),
              "Your logarithm is right, but each example has the energy N kT / r. What its energy has to resolve is set by "
              "how many examples have been seen."),
        Wrong(_in_heat(lambda N, D, start: math.log(1 / _fall(N, D, start)[0])),
              "Your student begins at a squared error of sigma^2 in the logarithm. It had a head start.", credit=0.5),
        Wrong(_in_heat(lambda N, D, start: math.log2(start / _fall(N, D, start)[0])),
              "Your logarithm is to the base 2. With N kappa sigma^2 it has to be the natural one.", credit=0.5),
        Wrong(_in_heat(lambda N, D, start: 0.5 * math.log(start / _fall(N, D, start)[0])),
              "Your heat is half of what it should be: you have put what was learned, in nats, in the place of the heat's "
              "own logarithm.", credit=0.5),
        Wrong(lambda parameters, examples, start, ratio, temperature:
              _heat(parameters, examples, start, ratio, temperature) / parameters,
              "This is the heat of one parameter. All N of them pay.", credit=0.5),
        Wrong(lambda parameters, examples, start, ratio, temperature:
              _heat(parameters, examples, start, ratio, temperature) / units.thermal_energy(temperature),
              "Your heat is in units of kT. It was to be in joules."),
    ],
)


# 5. A table with bolts

_TABLES = [
    {"entries": 6, "examples": 90, "time": 0.5, "kappa": 2.6, "sigma": 0.7, "kT": 0.4, "mobility": 0.45, "bolted": True,
     "learners": 8000, "seed": 81},
    {"entries": 5, "examples": 60, "time": 0.8, "kappa": 1.7, "sigma": 0.6, "kT": 0.3, "mobility": 0.6, "bolted": False,
     "learners": 8000, "seed": 82},
    {"entries": 9, "examples": 15, "time": 0.35, "kappa": 3.2, "sigma": 1.3, "kT": 0.25, "mobility": 0.7, "bolted": True,
     "learners": 8000, "seed": 83},
]


def _table_means(entries, examples, time, kappa, sigma, kT, mobility, bolted, learners=0, seed=0, *,
                 gain=lambda kept, a: 1 - kept**2, walk=2.0):
    """Mean squared error of an entry at the end, and mean heat of an example, by recursion. gain, walk: of the noise."""
    a = mobility * kappa * time
    kept, cloud = math.exp(-a), kT / kappa
    squared, heat = 1.0, 0.0
    for _ in range(examples):
        heat += 0.5 * kappa * ((1 - kept**2) * (sigma**2 + squared) - cloud * gain(kept, a)) / examples
        shown = kept**2 * squared + (1 - kept) ** 2 * sigma**2 + cloud * gain(kept, a)
        loose = squared if bolted else squared + walk * a * cloud
        squared = shown / entries + loose * (1 - 1 / entries)
    return [squared, heat]


@cache
def _spreads(case):
    """Standard deviation over learners of the squared error and of the heat per example, from 10000 learners."""
    entries, examples, time, kappa, sigma, kT, mobility, bolted, learners, seed = case
    rng, many = np.random.default_rng(5), 10000
    kept, heat = math.exp(-mobility * kappa * time), np.zeros(many)
    away, each = rng.standard_normal((many, entries)), np.arange(many)
    for _ in range(examples):
        shown = rng.integers(entries, size=many)
        gap = away[each, shown] - sigma * rng.standard_normal(many)
        after = kept * gap + math.sqrt(kT / kappa * (1 - kept**2)) * rng.standard_normal(many)
        if not bolted:
            still = away[each, shown]
            away += math.sqrt(2 * mobility * kT * time) * rng.standard_normal(away.shape)
            away[each, shown] = still
        away[each, shown] += after - gap
        heat += 0.5 * kappa * (gap**2 - after**2) / examples
    return float((away**2).mean(axis=1).std()), float(heat.std())


def _bars(**case):
    return [spread / math.sqrt(case["learners"]) for spread in _spreads(tuple(case.values()))]


table_means = Check(
    cases=_TABLES,
    expected=_table_means,
    rtol=0.02,
    atol=lambda **case: 4.5 * np.array(_bars(**case)),
    wrong=[
        Wrong(lambda **case: None if case["bolted"] else _table_means(**{**case, "bolted": True}),
              "Your loose entries do not move. Nothing holds an entry that is not shown, and the bath shakes it.",
              credit=0.5),
        Wrong(lambda **case: _table_means(**{**case, "bolted": False}) if case["bolted"] else None,
              "Your bolted entries diffuse: the bolts hold nothing.", credit=0.5),
        Wrong(lambda **case: _table_means(**{**case, "bolted": not case["bolted"]}),
              "Your bolts work the wrong way around: bolted entries move, and loose ones do not."),
        Wrong(lambda **case: [_table_means(**case)[0], -_table_means(**case)[1]],
              "Your heat has the sign of the energy change: heat is positive when it goes into the bath.", credit=0.5),
        Wrong(lambda **case: [_table_means(**case)[0], 2 * _table_means(**case)[1]],
              "Your heat is twice too large: the energy is kappa / 2 times a square.", credit=0.5),
        Wrong(lambda **case: [_table_means(**case)[0], case["examples"] * _table_means(**case)[1]],
              "Your heat is that of all examples together. Asked is the mean heat of one.", credit=0.5),
        Wrong(lambda **case: [case["entries"] * _table_means(**case)[0], _table_means(**case)[1]],
              "Your squared error is the sum over the entries. Asked is their mean.", credit=0.5),
        Wrong(lambda **case: _table_means(**{**case, "mobility": 1 / case["mobility"]}),
              "Your entries relax too slowly where they are mobile: you have taken the mobility for a friction."),
        Wrong(lambda **case: _table_means(**case, gain=lambda kept, a: 2 * a),
              "Your thermal kick in the trap is that of a free particle. The trap holds it back while it diffuses.",
              credit=0.5),
        Wrong(lambda **case: _table_means(**case, gain=lambda kept, a: 1 - kept),
              "Your thermal kick in the trap is too small: its variance goes with the square of what is kept.", credit=0.5),
        Wrong(lambda **case: None if case["bolted"] else _table_means(**case, walk=1.0),
              "Your loose entries diffuse half as much as they should: a factor 2 is lost in their variance.", credit=0.5),
        Wrong(lambda **case: _table_means(**{**case, "kT": 1 / case["kT"]}),
              "You have taken T for beta: your learners are quiet in a warm bath."),
        Wrong(lambda **case: _table_means(**{**case, "kT": 0.0}), "There is no thermal noise in your table."),
        Wrong(lambda **case: _table_means(**{**case, "sigma": 0.0}), "Your labels have no noise."),
    ],
)
table_bars = Check(
    cases=_TABLES,
    expected=_bars,
    rtol=0.12,
    wrong=[
        Wrong(lambda **case: [b * math.sqrt(case["learners"]) for b in _bars(**case)],
              "You return the spread of single learners. The standard error is that of their mean."),
        Wrong(lambda **case: [b**2 for b in _bars(**case)], "You return variances. A standard error is the root."),
        Wrong(lambda **case: [b / math.sqrt(case["learners"]) for b in _bars(**case)],
              "You divide by the number of learners. The error of a mean falls as the root of the number."),
        Wrong(lambda **case: [b / math.sqrt(case["examples"]) for b in _bars(**case)],
              "You divide by the root of the number of examples too. Only the learners are independent of each other, and "
              "the spread of their means is all that counts."),
        Wrong(lambda **case: [case["entries"] * _bars(**case)[0], _bars(**case)[1]],
              "Your first standard error is that of a sum over the entries. Asked is their mean.", credit=0.5),
        Wrong(lambda **case: [_bars(**case)[0], case["examples"] * _bars(**case)[1]],
              "Your second standard error is that of the heat of all examples together. Asked is the mean heat of one.",
              credit=0.5),
        Wrong(lambda **case: _bars(**{**case, "bolted": not case["bolted"]}),
              "Your standard errors are those of a table whose bolts work the other way around."),
        Wrong(lambda **case: _bars(**case)[::-1],
              "Your two standard errors are in the wrong order: that of the squared error comes first.", credit=0.5),
    ],
)


# 6. Claims

_CLAIMS = {
    "A": "2 N D kT is 8.3 J at 300 K. Less than 3 J at r = 1 or below is impossible.",
    "B": "a thousand examples that pull together cost what one costs. The bound is 8.3 mJ: possible.",
    "C": "an overdamped parameter has no memory in which the forces of quick turns could cancel. It follows each of them, "
         "and the bound stays 8.3 J: impossible.",
    "D": "shorter steps give less heat and also less noise from the labels, at a floor that the bath sets: possible.",
    "E": "force and gradient are both proportional to the error, so their relative distance tends to a constant that only a "
         "softer output makes smaller: impossible.",
    "F": "with bolts nothing diffuses between lessons, and the price is about 2 D kT / r, whatever N: possible.",
}
_POSSIBLE = "BDF"

verdicts = Check(
    cases=[{}],
    expected=lambda: _POSSIBLE,
    wrong=[Wrong(lambda letter=letter: "".join(sorted(set(_POSSIBLE) ^ {letter})),
                 f"One verdict does not stand. {letter}: {why}", credit=0.5) for letter, why in _CLAIMS.items()],
)


CHECKS = {
    "shared-test": shared,
    "springs-test": springs,
    "two-states-test": two_states,
    "readings-mean-test": reading_means,
    "readings-variance-test": reading_variances,
    "fewest-test": fewest,
    "example-energy-test": example_energy,
    "head-start-heat-test": head_start_heat,
    "table-mean-test": table_means,
    "table-error-test": table_bars,
    "verdicts-test": verdicts,
}
