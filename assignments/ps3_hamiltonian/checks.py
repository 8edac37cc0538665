"""What the hidden tests of problem set 3 must find. Never goes to students."""

import math
from functools import cache
from itertools import product
from types import SimpleNamespace

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import expit
from thermograde.checks import Check, Wrong

# 1. A neuron that the library does not have


def _elu(h, a):
    return h if h >= 0 else a * math.expm1(h)


def _area(x, h, a):
    """E as the area between the graph and the corner, by quadrature."""
    content = brentq(lambda h: _elu(h, a) - x, -50, 50)
    return quad(lambda h: _elu(h, a) - x, content, h, points=[0.0], epsabs=1e-12, epsrel=1e-12)[0]


def _potential(x, a):
    return x**2 / 2 if x >= 0 else (x + a) * math.log1p(x / a) - x


def _conjugate(h, a):
    return h**2 / 2 if h >= 0 else a * (math.expm1(h) - h)


def _each_pair(energy):
    return lambda x, h, a: [energy(x_, h_, a) for x_, h_ in zip(x, h)]


elu = Check(
    cases=[{"x": [-0.5, -0.3, 0.9, 1.7, 0.2], "h": [-1.4, 0.8, -0.6, 1.1, -2.3], "a": 0.6},
           {"x": [-0.8, -0.9, 0.4, 2.1, -0.2], "h": [-0.7, 1.9, -1.2, 0.3, -3.1], "a": 1.9}],
    expected=_each_pair(_area),
    atol=1e-8,
    wrong=[
        Wrong(_each_pair(lambda x, h, a: (x - _elu(h, a)) ** 2 / 2),
              "This is the elastic form. It has its minimum at the same place, and is another energy."),
        Wrong(_each_pair(lambda x, h, a: _potential(x, a) - x * h),
              "Your energy has no counter-term. It holds the neuron at f(h), and pulls on whoever holds h."),
        Wrong(_each_pair(lambda x, h, a: _potential(x, 1.0) + _conjugate(h, a) - x * h),
              "Below zero your potential does not depend on a, as if the neuron always saturated at -1.", credit=0.5),
        Wrong(_each_pair(lambda x, h, a: _potential(x, a) + _conjugate(h, a) + (a * h if h < 0 else 0) - x * h),
              "Below zero your counter-term is the integral of a exp(h). The activation is a (exp(h) - 1)."),
        Wrong(_each_pair(lambda x, h, a: _potential(x, a) + _conjugate(h, a) + (a if h < 0 else 0) - x * h),
              "Your counter-term jumps by a where the input passes zero: the two pieces of an integral have to meet.",
              credit=0.5),
        Wrong(_each_pair(lambda x, h, a: _potential(x, a) + (x if x < 0 else 0) + _conjugate(h, a) - x * h),
              "Below zero the slope of your potential is not the inverse of f: a term of the integral of the logarithm is "
              "lost."),
        Wrong(_each_pair(lambda x, h, a: max(x, 0) ** 2 / 2 + max(h, 0) ** 2 / 2 - x * h),
              "This is the energy of a ReLU, with a term missing wherever x or h is negative."),
    ],
)


# 2. Made for another temperature

def _ternary(h, gap, T):
    """-kT ln Z at the input h, and the mean state."""
    weights = [math.exp(-(gap * s * s - s * h) / T) for s in (-1, 0, 1)]
    return -T * math.log(sum(weights)), (weights[2] - weights[0]) / sum(weights)


def _by_force(h0, h1, gap, kT_made, kT):
    """The mean force on the hand, integrated over its way."""
    return quad(lambda h: _ternary(h, gap, kT_made)[1] - _ternary(h, gap, kT)[1], h0, h1, epsabs=1e-12, epsrel=1e-12)[0]


def _change(free_energy):
    return lambda h0, h1, gap, kT_made, kT: free_energy(h1, gap, kT_made, kT) - free_energy(h0, gap, kT_made, kT)


slow = Check(
    cases=[{"h0": -0.3, "h1": 1.8, "gap": 0.9, "kT_made": 0.4, "kT": 1.7},
           {"h0": 2.6, "h1": 0.5, "gap": -0.7, "kT_made": 1.9, "kT": 0.6},
           {"h0": 0.1, "h1": 3.4, "gap": 1.2, "kT_made": 1.3, "kT": 0.5}],
    expected=_by_force,
    atol=1e-9,
    wrong=[
        Wrong(-1, "Your work has the wrong sign, or the two temperatures are exchanged: the counter-term was made for "
                  "kT_made, and the neuron runs at kT."),
        Wrong(_change(lambda h, gap, made, kT: _ternary(h, gap, kT)[0]),
              "This is the work for a neuron without any counter-term. Here there is one, if not the right one."),
        Wrong(_change(lambda h, gap, made, kT: -_ternary(h, gap, made)[0]),
              "You count the change of the counter-term only. The neuron pulls on the input too, and at kT."),
        Wrong(_change(lambda h, gap, made, kT: _ternary(h, 0.0, kT)[0] - _ternary(h, 0.0, made)[0]),
              "Your three states have the same energy at h = 0: the gap is lost."),
        Wrong(_change(lambda h, gap, made, kT: _ternary(h, -gap, kT)[0] - _ternary(h, -gap, made)[0]),
              "Your gap has the wrong sign: you favor the outer states where the one in the middle is lower."),
        Wrong(_change(lambda h, gap, made, kT: _ternary(h, gap * kT, kT)[0] - _ternary(h, gap * made, made)[0]),
              "Your gap is not divided by kT, as if it were a number of kT. It is an energy."),
        Wrong(_change(lambda h, gap, made, kT: _ternary(h, gap, kT)[0] / kT - _ternary(h, gap, made)[0] / made),
              "You subtract logarithms of partition functions. Each is worth its own kT."),
        Wrong(_change(lambda h, gap, made, kT: kT**2 * _ternary(h, gap, 1 / kT)[0]
                      - made**2 * _ternary(h, gap, 1 / made)[0]),
              "In your Boltzmann factors the energies are multiplied by kT: you have taken T for beta."),
        Wrong(lambda h0, h1, gap, kT_made, kT: 0.0,
              "You say that the move is free. That holds at the temperature for which the counter-term was made."),
    ],
)


# 3. A gated network, by hand. As in the notebook, but for complex states, so that one imaginary step gives a slope exactly

def _network(seed):
    rng, hidden, outputs = np.random.default_rng(seed), 3, 3
    W, b = rng.normal(size=(hidden, 3)), rng.normal(size=hidden)
    A, c = rng.normal(size=(outputs, hidden)), rng.normal(size=outputs)
    V, d = rng.normal(size=(outputs, hidden)), rng.normal(size=outputs)
    kappa = rng.uniform(1, 3, size=2)
    return SimpleNamespace(W=0.9 * W, b=0.5 * b, A=0.7 * A, c=0.5 * c, V=0.9 * V, d=0.5 * d, kappa=kappa)


def _logistic(z):
    return 1 / (1 + np.exp(-z))


def _outputs(net, x1):
    return (x1 @ net.A.T + net.c) * _logistic(x1 @ net.V.T + net.d)


def _hidden(net, x0):
    return np.tanh(x0 @ net.W.T + net.b)


def _answer(net, x0):
    return np.concatenate([_hidden(net, x0), _outputs(net, _hidden(net, x0))], axis=-1)


def _springs(net, x, x0):
    """The energies of both layers."""
    x1, x2 = x[..., :3], x[..., 3:]
    return (net.kappa[0] / 2 * ((x1 - _hidden(net, x0)) ** 2).sum(-1),
            net.kappa[1] / 2 * ((x2 - _outputs(net, x1)) ** 2).sum(-1))


def _energy(net, x, x0):
    return sum(_springs(net, x, x0))


_STEP = 1e-30j


def _slopes(function, at):
    """Derivative of a function (..., d) -> (...) or (..., k), on the last axis."""
    return np.stack([function(at + _STEP * unit).imag / _STEP.imag for unit in np.eye(at.shape[-1])], axis=-1)


def _force(net, x, x0):
    return -_slopes(lambda x: _energy(net, x, x0), np.asarray(x))


def _input_force(net, x, x0):
    return -_slopes(lambda x0: _energy(net, x, x0), np.broadcast_to(x0, (*np.shape(x)[:-1], 3)))


def _states():
    rng = np.random.default_rng(33)
    for seed in (11, 12):
        x0 = rng.normal(size=3).round(2)
        yield {"seed": seed, "x": (_answer(_network(seed), x0) + rng.normal(0, 0.7, size=(4, 6))).round(3).tolist(),
               "x0": x0.tolist()}


def _of_network(function):
    """A function of a network, from one of its seed."""
    return lambda seed, x, x0: np.asarray(function(_network(seed), np.array(x), np.array(x0))).tolist()


def _without(**off):
    """A network with some of its parameters replaced."""
    return lambda net: SimpleNamespace(**{**vars(net), **{name: change(net) for name, change in off.items()}})


_no_bias = _without(b=lambda net: 0 * net.b, c=lambda net: 0 * net.c, d=lambda net: 0 * net.d)
_no_first_bias = _without(b=lambda net: 0 * net.b)
_no_gate = _without(V=lambda net: 0 * net.V, d=lambda net: 0 * net.d + 700)
_exchanged = _without(kappa=lambda net: net.kappa[::-1])
_transposed = _without(A=lambda net: net.A.T, V=lambda net: net.V.T)

energy = Check(
    cases=list(_states()),
    expected=_of_network(_energy),
    atol=1e-9,
    wrong=[
        Wrong(2, "Your energy is twice too large: one half is missing.", credit=0.5),
        Wrong(_of_network(lambda net, x, x0: _energy(_no_first_bias(net), x, x0)),
              "The bias b of the hidden layer is missing."),
        Wrong(_of_network(lambda net, x, x0: _energy(_no_bias(net), x, x0)), "The biases are missing, in all three sums."),
        Wrong(_of_network(lambda net, x, x0: _energy(_no_gate(net), x, x0)),
              "Your outputs rest at their values, without a gate."),
        Wrong(_of_network(lambda net, x, x0: _energy(_exchanged(net), x, x0)),
              "The two stiffnesses are exchanged: kappa_1 holds the hidden layer.", credit=0.5),
        Wrong(_of_network(lambda net, x, x0: _springs(net, x, x0)[1]),
              "Only the outputs have springs in your network. Every layer has its own term."),
        Wrong(_of_network(lambda net, x, x0: _springs(net, x, x0)[0] + net.kappa[1] / 2 *
                          ((x[:, 3:] - _outputs(net, np.broadcast_to(_hidden(net, x0), (len(x), 3)))) ** 2).sum(-1)),
              "In your energy the outputs rest at the answer of the forward pass, wherever the hidden units are. They "
              "read the states x_1 of the hidden units."),
        Wrong(_of_network(lambda net, x, x0: _energy(net, x, x0).sum()),
              "You have summed over the states. Each of them has an energy of its own."),
    ],
)


def _of_layers(combine):
    """A wrong force, from the right ones that the two springs exert: on the hidden units, of either, and on the outputs."""
    def force(net, x, x0):
        own = -_slopes(lambda x: _springs(net, x, x0)[0], x)[:, :3]
        above = -_slopes(lambda x: _springs(net, x, x0)[1], x)
        return np.concatenate(combine(own, above[:, :3], above[:, 3:]), axis=1)

    return _of_network(force)


def _value_way(net, x, x0, value_only=True):
    """The force when only one of the two ways is counted by which the hidden units act on the outputs."""
    x1 = x[:, :3]
    value, gate = x1 @ net.A.T + net.c, _logistic(x1 @ net.V.T + net.d)
    stress = net.kappa[1] * (x[:, 3:] - value * gate)
    pull = (gate * stress) @ net.A if value_only else (value * gate * (1 - gate) * stress) @ net.V
    own = -net.kappa[0] * (x1 - _hidden(net, x0))
    return np.concatenate([own + pull, -stress], axis=1)


def _pulled_untransposed(net, x, x0):
    x1 = x[:, :3]
    value, gate = x1 @ net.A.T + net.c, _logistic(x1 @ net.V.T + net.d)
    stress = net.kappa[1] * (x[:, 3:] - value * gate)
    pull = (gate * stress) @ net.A.T + (value * gate * (1 - gate) * stress) @ net.V.T
    return np.concatenate([-net.kappa[0] * (x1 - _hidden(net, x0)) + pull, -stress], axis=1)


force = Check(
    cases=list(_states()),
    expected=_of_network(_force),
    rtol=1e-5,
    atol=1e-6,
    wrong=[
        Wrong(-1, "Your forces have the wrong sign: they push uphill, away from rest."),
        Wrong(_of_layers(lambda own, pull, output: (own, output)),
              "Your hidden units feel their own springs only. Stretched springs of the outputs pull on them from above."),
        Wrong(_of_layers(lambda own, pull, output: (own - pull, output)),
              "The pull of the outputs on the hidden units has the wrong sign. A hidden unit is pulled to where the "
              "springs above it relax."),
        Wrong(_of_network(_value_way),
              "The pull of the outputs comes down through the values only. The hidden units move the gates, too.",
              credit=0.5),
        Wrong(_of_network(lambda *case: _value_way(*case, value_only=False)),
              "The pull of the outputs comes down through the gates only. The hidden units move the values, too.",
              credit=0.5),
        Wrong(_of_network(_pulled_untransposed),
              "The pull of the outputs comes down by the matrices by which the signal goes up. It needs their transposes."),
        Wrong(_of_network(lambda net, x, x0: _force(_transposed(net), x, x0)),
              "A and V are transposed already on the way up: the first index of a weight is its output."),
        Wrong(_of_network(lambda net, x, x0: _force(_no_first_bias(net), x, x0)),
              "The bias b of the hidden layer is missing in your forces."),
        Wrong(_of_network(lambda net, x, x0: _force(_no_bias(net), x, x0)), "In your forces all three biases are missing."),
        Wrong(_of_network(lambda net, x, x0: _force(_exchanged(net), x, x0)),
              "In your forces the two stiffnesses are exchanged.", credit=0.5),
        Wrong(2, "Your forces are twice too large: the slope of one half of a square is not twice its root.", credit=0.5),
    ],
)


def _stress(net, x, x0):
    return net.kappa[0] * (x[:, :3] - _hidden(net, x0))


input_force = Check(
    cases=list(_states()),
    expected=_of_network(_input_force),
    rtol=1e-5,
    atol=1e-6,
    wrong=[
        Wrong(-1, "Your force on the input has the wrong sign. It is minus the slope of the energy: it pulls the input to "
                  "where the springs of the hidden layer relax."),
        Wrong(_of_network(lambda net, x, x0: _stress(net, x, x0) @ net.W),
              "The slope of tanh is missing: a saturated unit can not pull on its input."),
        Wrong(_of_network(lambda net, x, x0: (_stress(net, x, x0) * (1 - _hidden(net, x0) ** 2)) @ net.W.T),
              "On its way down to the input, the force needs the transpose of W. Yours goes through W itself."),
        Wrong(_of_network(lambda net, x, x0: (-_force(net, x, x0)[:, :3] * (1 - _hidden(net, x0) ** 2)) @ net.W),
              "You send the pull of the outputs on to the input. With the units held, the input acts on the springs of the "
              "hidden layer, and on nothing else."),
        Wrong(_of_network(lambda net, x, x0: _stress(net, x, x0) / net.kappa[0] * (1 - _hidden(net, x0) ** 2) @ net.W),
              "The stiffness is missing in your force on the input.", credit=0.5),
        Wrong(_of_network(lambda net, x, x0: np.zeros((len(x), 3))),
              "You say that the network does not pull on its input. That holds at rest, or on average."),
        Wrong(_of_network(lambda net, x, x0: _input_force(_no_first_bias(net), x, x0)),
              "The bias b of the hidden layer is missing in your force on the input."),
    ],
)


# 4. At rest

def _all_ways(net, x1):
    """How far the outputs at rest move with the hidden units."""
    return _slopes(lambda x1: _outputs(net, x1), x1)


def _value_only(net, x1):
    return _logistic(net.V @ x1 + net.d)[:, None] * net.A


def _no_way(net, x1):
    return np.zeros((3, 3))


def _reach(net, x0):
    return _all_ways(net, _hidden(net, x0))


def _gate_fixed(net, x0):
    return _value_only(net, _hidden(net, x0))


def _matrix(net, reach):
    """Second derivatives of the energy of two layers of springs."""
    k1, k2 = net.kappa
    return np.block([[k1 * np.eye(3) + k2 * reach.T @ reach, -k2 * reach.T], [-k2 * reach, k2 * np.eye(3)]])


def _stiffness(change=lambda net, x0: _matrix(net, _reach(net, x0))):
    return lambda seed, x0, **_: change(_network(seed), np.array(x0))


def _corners(hidden=None, coupling=1.0):
    """The right matrix with the corner of the hidden units, or the sign of the couplings, replaced."""
    def changed(net, x0):
        matrix = _matrix(net, _reach(net, x0))
        matrix[:3, 3:] *= coupling
        matrix[3:, :3] *= coupling
        if hidden is not None:
            matrix[:3, :3] = hidden(net, _reach(net, x0))
        return matrix

    return changed


def _listed(change):
    return lambda **case: _stiffness(change)(**case).tolist()


_INPUTS = [{"seed": 13, "x0": [0.7, -0.4, 1.1]}, {"seed": 14, "x0": [-0.8, 0.5, 0.2]}]

stiffness = Check(
    cases=_INPUTS,
    expected=lambda **case: _stiffness()(**case).tolist(),
    rtol=1e-4,
    atol=1e-4,
    wrong=[
        Wrong(_listed(_corners(hidden=lambda net, reach: net.kappa[0] * np.eye(3))),
              "Your hidden units are held by their own springs only. Displace one: it stretches the springs of the outputs, "
              "too, and these add to its stiffness."),
        Wrong(_listed(_corners(coupling=0.0)),
              "In your matrix the layers do not know of each other: there is no coupling between hidden units and outputs."),
        Wrong(_listed(_corners(coupling=-1.0)),
              "The couplings between the layers have the wrong sign. If a hidden unit gives way in the right direction, the "
              "spring of the output gets shorter."),
        Wrong(_listed(lambda net, x0: _matrix(net, _gate_fixed(net, x0))),
              "You take the gates as fixed. They move with the hidden units, and so does the rest position of an output.",
              credit=0.5),
        Wrong(_listed(lambda net, x0: _matrix(net, _reach(net, x0) * (1 - _hidden(net, x0) ** 2))),
              "You have put the slope of the tanh of the hidden layer into the coupling. An output reads the state x_1, and "
              "not its input sum."),
        Wrong(_listed(lambda net, x0: -_matrix(net, _reach(net, x0))),
              "This is the slope of the forces. Stiffness is the slope of the energy, twice: a stable rest is positive."),
        Wrong(_listed(lambda net, x0: _matrix(net, _reach(net, x0).T)),
              "The matrix that couples hidden units to outputs is transposed."),
    ],
)

#: What a wrong answer to (a) leads to in (b), which then is half right
_CARRIED = [
    (lambda net, x0: _gate_fixed(net, x0), "This follows from your stiffness matrix, which takes the gates as fixed."),
    (lambda net, x0: _reach(net, x0) * (1 - _hidden(net, x0) ** 2),
     "This follows from your stiffness matrix, whose couplings contain the slope of tanh."),
]

_AT_REST = [{**_INPUTS[0], "kT": 0.03, "mobilities": [0.6, 1.4]}, {**_INPUTS[1], "kT": 0.2, "mobilities": [1.7, 0.45]}]


def _time(use, matrix=_stiffness()):
    """A time from the rates: eigenvalues of mobility times stiffness."""
    def answer(seed, x0, kT, mobilities):
        mobility = np.repeat(mobilities, 3)
        return float(use(mobility, matrix(seed=seed, x0=x0)))

    return answer


def _rates(mobility, matrix):
    return np.linalg.eigvals(mobility[:, None] * matrix).real


time = Check(
    cases=_AT_REST,
    expected=_time(lambda mobility, matrix: 1 / _rates(mobility, matrix).min()),
    rtol=1e-3,
    wrong=[
        Wrong(_time(lambda mobility, matrix: 1 / _rates(mobility, matrix).max()),
              "This is the time of the fastest mode. What you wait for is the slowest."),
        Wrong(_time(lambda mobility, matrix: _rates(mobility, matrix).min()),
              "This is a rate. A time is one over it."),
        Wrong(_time(lambda mobility, matrix: 1 / _rates(1 / mobility, matrix).min()),
              "You have taken the mobility for the friction: units that move more easily relax faster."),
        Wrong(_time(lambda mobility, matrix: 1 / _rates(np.ones(6), matrix).min()),
              "Your time does not know about the mobilities."),
        Wrong(_time(lambda mobility, matrix: 1 / (mobility * np.diag(matrix)).min()),
              "Each of your units relaxes as if all others stood still. Coupled units have modes, and the slowest mode is "
              "softer than any single unit."),
        Wrong(lambda seed, x0, kT, mobilities: float(1 / np.min(np.array(mobilities) * _network(seed).kappa)),
              "This is the time of the slower layer, had it been alone: gamma / kappa. The layers hold each other back."),
        Wrong(_time(lambda mobility, matrix: 1 / _rates(np.full(6, mobility.mean()), matrix).min()),
              "You have used one mobility for both layers."),
        *(Wrong(_time(lambda mobility, matrix: 1 / _rates(mobility, matrix).min(),
                      _stiffness(lambda net, x0, reach=reach: _matrix(net, reach(net, x0)))), message, credit=0.5)
          for reach, message in _CARRIED),
    ],
)


def _spread(variances, reach=_reach):
    def answer(seed, x0, kT, mobilities):
        net = _network(seed)
        return np.asarray(variances(net, reach(net, np.array(x0)), kT)).tolist()

    return answer


def _variances(net, reach, kT):
    return kT / net.kappa[1] + kT / net.kappa[0] * (reach**2).sum(axis=1)


spread = Check(
    cases=_AT_REST,
    expected=_spread(lambda *case: np.sqrt(_variances(*case))),
    rtol=1e-3,
    wrong=[
        Wrong(_spread(_variances), "These are variances. The spread, a standard deviation, is the root."),
        Wrong(_spread(lambda net, reach, kT: np.full(3, math.sqrt(kT / net.kappa[1]))),
              "Your outputs have the noise of their own springs only. They also follow the noise of the hidden units."),
        Wrong(_spread(lambda net, reach, kT: np.sqrt(kT / net.kappa[0] * (reach**2).sum(axis=1))),
              "Your outputs follow the noise of the hidden units, and have none of their own."),
        Wrong(_spread(lambda net, reach, kT: np.full(3, math.sqrt(kT / net.kappa[0]))),
              "This is the spread of the hidden units. The outputs come last in a state."),
        Wrong(_spread(lambda net, reach, kT: math.sqrt(kT / net.kappa[1])
                      + np.sqrt(kT / net.kappa[0]) * np.sqrt((reach**2).sum(axis=1))),
              "You add standard deviations. Of independent noises the variances add."),
        Wrong(_spread(lambda net, reach, kT: np.sqrt(_variances(net, reach, kT) / kT)),
              "Your spread does not depend on the temperature."),
        Wrong(_spread(lambda net, reach, kT: np.sqrt(_variances(net, reach, 1 / kT))),
              "Your spread falls as the temperature rises: you have divided by kT, as if it were beta."),
        *(Wrong(_spread(lambda *case: np.sqrt(_variances(*case)), reach), message, credit=0.5)
          for reach, message in _CARRIED),
        Wrong(math.sqrt(2), "Your variances are twice too large. Each mode of a spring holds kT / 2 of energy."),
    ],
)


# 5. Around the circle

def _circle(position, radius):
    angle = 2 * np.pi * np.asarray(position)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.5 + 0 * angle], axis=-1)


def _speeds(seed, radius):
    """d(answer) / d(position), at 400 places of the circle: for a smooth periodic function their mean is the integral."""
    net, places = _network(seed), np.arange(400) / 400
    return (_answer(net, _circle(places + _STEP, radius)).imag / _STEP.imag)


def _drag(seed, radius, mobility, units=slice(None)):
    return float((_speeds(seed, radius)[:, units] ** 2).sum(axis=1).mean() / mobility)


drag = Check(
    cases=[{"seed": 15, "radius": 1.3, "mobility": 0.35}, {"seed": 16, "radius": 0.6, "mobility": 2.4}],
    expected=_drag,
    rtol=1e-3,
    wrong=[
        Wrong(lambda seed, radius, mobility: _drag(seed, radius, mobility, slice(3, None)),
              "Only your outputs rub. The hidden units move, too, and each pays its own drag."),
        Wrong(lambda seed, radius, mobility: _drag(seed, radius, mobility, slice(0, 3)),
              "Only your hidden units rub. The outputs move, too."),
        Wrong(lambda seed, radius, mobility: _drag(seed, radius, 1 / mobility),
              "You have taken the mobility for the friction, which is one over it."),
        Wrong(lambda seed, radius, mobility: _drag(seed, radius, 1.0), "Your drag does not know about friction."),
        Wrong(lambda seed, radius, mobility: float(np.sqrt((_speeds(seed, radius) ** 2).sum(axis=1)).mean() ** 2 / mobility),
              "This is the squared length of the path, which a turn at the best changing speed would pay. The turn is at "
              "constant speed of the input."),
        Wrong(lambda seed, radius, mobility: 0.0,
              "You have used how far the units are from where they began: after a turn, nothing. They rub all the way."),
        Wrong(1 / (2 * math.pi) ** 2, "Your path parameter is the angle. K is an integral over the position, from 0 to 1."),
        Wrong(1 / (2 * math.pi), "A factor of 2 pi is lost: one slope is with respect to the angle."),
    ],
)


@cache
def _cold_work(seed, radius, duration, mobility, reach=_all_ways):
    """Work of a turn at kT = 0, from the equations of motion. In these networks temperature changes it by less than 1 %.

    reach: the matrix by which the pull of the outputs comes down.
    """
    net = _network(seed)

    def motion(t, y):
        x, place = y[:6], _circle(t / duration, radius)
        turning = _circle(t / duration + _STEP, radius).imag / _STEP.imag / duration
        hidden = _hidden(net, place)
        stress1, stress2 = net.kappa[0] * (x[:3] - hidden), net.kappa[1] * (x[3:] - _outputs(net, x[:3]))
        velocity = mobility * np.concatenate([stress2 @ reach(net, x[:3]) - stress1, -stress2])
        return np.append(velocity, -((1 - hidden**2) * stress1) @ net.W @ turning)

    start = np.append(_answer(net, _circle(0.0, radius)), 0.0)
    return float(solve_ivp(motion, (0, duration), start, rtol=1e-6, atol=1e-8).y[-1, -1])


_TURNS = [{"net": 15, "radius": 1.1, "duration": 6.0, "kT": 0.03, "mobility": 0.7, "n": 1500, "seed": 81},
          {"net": 16, "radius": 0.9, "duration": 45.0, "kT": 0.015, "mobility": 0.4, "n": 600, "seed": 82}]


def _work(net, radius, duration, mobility, reach=_all_ways, **_):
    return _cold_work(net, radius, duration, mobility, reach)


turn = Check(
    cases=_TURNS,
    expected=_work,
    rtol=0.015,
    atol=lambda kT, n, **case: 4.5 * math.sqrt(2 * kT * _work(**case) / n),
    wrong=[
        Wrong(lambda net, radius, duration, mobility, **_: _drag(net, radius, mobility) / duration,
              "You return K / duration, the law for slow turns. One of these turns is too fast for it, and has to be "
              "simulated."),
        Wrong(-1, "Your work has the wrong sign: it is positive when it is done on the system."),
        Wrong(lambda net, radius, duration, mobility, **_: _work(net, radius, duration, 1.0),
              "The mobility has not reached your simulation, which has run with 1."),
        Wrong(lambda net, radius, duration, mobility, **_: _work(net, radius, duration, 1 / mobility),
              "You have given the friction to the simulation, as a mobility."),
        Wrong(lambda n, **case: n * _work(**case), "This is the sum over the trajectories. The mean is asked for."),
        Wrong(lambda kT, **case: _work(**case) / kT,
              "Your work is in units of kT. It was to be in the unit of kT itself, like all energies.", credit=0.5),
        Wrong(lambda **case: 0.0,
              "This is the change of free energy, zero for a cycle. The hand has to pay for friction."),
        Wrong(lambda **case: _work(**case, reach=_no_way),
              "This follows from your forces, in which the outputs do not pull on the hidden units.", credit=0.5),
        Wrong(lambda **case: _work(**case, reach=_value_only),
              "This follows from your forces, which come down through the values only.", credit=0.5),
        Wrong(2, "Your work is twice too large. Is there one half in your energy? Is it the work of one turn?", credit=0.5),
    ],
)


def _error(kT, n, **case):
    """By Jarzynski's equality the variance of a Gaussian work is 2 kT <W>; in these turns it is so to 3 %."""
    return math.sqrt(2 * kT * _work(**case) / n)


turn_error = Check(
    cases=[{"net": 16, "radius": 0.9, "duration": 30.0, "kT": 0.02, "mobility": 0.5, "n": 1000, "seed": 83},
           {"net": 18, "radius": 0.6, "duration": 20.0, "kT": 0.04, "mobility": 0.8, "n": 1000, "seed": 84}],
    expected=_error,
    rtol=0.12,
    wrong=[
        Wrong(lambda n, **case: math.sqrt(n) * _error(n=n, **case),
              "You return the spread of single turns. The standard error is that of their mean."),
        Wrong(lambda **case: _error(**case) ** 2, "You return a variance. A standard error is its root."),
        Wrong(lambda n, **case: _error(n=n, **case) / math.sqrt(n),
              "You divide by the number of trajectories. The error of a mean falls as its root."),
        Wrong(lambda kT, **case: _error(kT=1.0, **case),
              "Your scatter is that of a simulation at kT = 1: the temperature has not reached `simulate`."),
    ],
)


# 6. Leave out the counter-terms

def _equilibrium(counter_terms, W, b, w, c, x0, kT):
    """Boltzmann probabilities of the states (s, o), and ln Z."""
    h = np.array(W) @ np.array(x0) + np.array(b)

    def counter(h):
        return kT * np.logaddexp(0, h / kT)

    exponents, on = [], []
    for *s, o in product((0, 1), repeat=len(b) + 1):
        h_out = float(np.dot(w, s) + c)
        energy = -np.dot(s, h) - o * h_out
        if counter_terms:
            energy = energy + counter(h).sum() + counter(h_out)
        exponents.append(-energy / kT)
        on.append(o)
    log_z = np.logaddexp.reduce(exponents)
    return float(np.exp(np.array(exponents) - log_z) @ on), float(log_z)


def _pair(W, b, w, c, x0, kT):
    return [_equilibrium(True, W, b, w, c, x0, kT)[0], _equilibrium(False, W, b, w, c, x0, kT)[0]]


def _mean_field(W, b, w, c, x0, kT):
    means = expit((np.array(W) @ np.array(x0) + np.array(b)) / kT)
    return float(expit((np.dot(w, means) + c) / kT))


def _units(seed, hidden):
    rng = np.random.default_rng(seed)
    return {"W": rng.normal(0, 1.2, size=(hidden, 2)).round(2).tolist(), "b": rng.normal(size=hidden).round(2).tolist(),
            "w": rng.normal(0, 2.2, size=hidden).round(2).tolist(), "c": round(float(rng.normal()), 2)}


output = Check(
    cases=[{**_units(46, 4), "x0": [0.6, -1.1], "kT": 0.7}, {**_units(44, 6), "x0": [-0.9, 0.4], "kT": 1.6}],
    expected=_pair,
    wrong=[
        Wrong(lambda **case: _pair(**case)[::-1], "Your two probabilities are exchanged. The pair is (network, machine).",
              credit=0.5),
        Wrong(lambda **case: [_mean_field(**case), _pair(**case)[1]],
              "For the network you put the mean of the hidden units into the output. A two-level unit answers to what the "
              "hidden units are, 0 or 1, and the mean of a bent function is not the function of the mean.", credit=0.5),
        Wrong(lambda **case: [_pair(**case)[0]] * 2,
              "Your machine is the network. Without counter-terms the output pulls on the hidden units.", credit=0.5),
        Wrong(lambda **case: [_pair(**case)[1]] * 2,
              "Your network is the machine. The counter-terms depend on the state of the hidden units, by h_o, and do not "
              "drop out.", credit=0.5),
        Wrong(lambda W, b, w, c, x0, kT: _pair(W, b, w, c, x0, 1.0),
              "Your probabilities do not depend on the temperature."),
        Wrong(lambda W, b, w, c, x0, kT: _pair(W, b, w, c, x0, 1 / kT),
              "Your exponents are multiplied by kT: it was taken for beta."),
        Wrong(lambda W, b, w, c, x0, kT: _pair(W, (0 * np.array(b)).tolist(), w, c, x0, kT),
              "The biases b of the hidden units are missing."),
        Wrong(lambda W, b, w, c, x0, kT: _pair(W, b, w, 0.0, x0, kT), "The bias c of the output is missing."),
    ],
)


def _moved(free_energy):
    return lambda x_from, x_to, **case: float(free_energy(x0=x_to, **case) - free_energy(x0=x_from, **case))


def _of_machine(kT, **case):
    return -kT * _equilibrium(False, kT=kT, **case)[1]


def _hidden_only(W, b, w, c, x0, kT):
    return -kT * np.logaddexp(0, (np.array(W) @ np.array(x0) + np.array(b)) / kT).sum()


machine = Check(
    cases=[{**_units(43, 5), "x_from": [0.8, -0.3], "x_to": [-0.5, 1.4], "kT": 0.6},
           {**_units(44, 3), "x_from": [-1.2, 0.7], "x_to": [0.4, 0.9], "kT": 1.9}],
    expected=_moved(_of_machine),
    wrong=[
        Wrong(-1, "Your work has the wrong sign: it is positive when it is done on the system, and raises its free energy."),
        Wrong(lambda **case: 0.0,
              "You say that a change of input is free. That is true of the network, with counter-terms."),
        Wrong(_moved(_hidden_only),
              "You have left the output out. It couples to the hidden units, and takes part in the free energy."),
        Wrong(_moved(lambda kT, **case: _of_machine(kT=kT, **case) / kT), "Your work is in units of kT, and so lacks a kT.",
              credit=0.5),
        Wrong(_moved(lambda kT, **case: kT**2 * _of_machine(kT=1 / kT, **case)),
              "In your partition function the energies are multiplied by kT, as if it were beta."),
    ],
)


# 7. Reports from the laboratory

_CLAIMS = {
    "A": "a feedforward network in the elastic form has one point of rest, the forward pass, and there F = 0: impossible.",
    "B": "one point of rest is not a promise of speed. The soft modes of a deep network take far longer than 1000 times the "
         "relaxation time of a unit: possible.",
    "C": "the energy is a sum of 74 squares of Gaussians, with the mean 74/2 kT and the variance 74/2 (kT)^2: possible.",
    "D": "the layers above integrate to a constant, so the first layer is a Gaussian of the variance kT / kappa_1, whatever "
         "pulls on it: impossible.",
    "E": "in the elastic form the free energy is the same for every input, with any stiffnesses: a slow move is free, "
         "impossible.",
    "F": "with the counter-terms of another temperature the free energy depends on the input. It is a loan, and is "
         "returned: possible.",
    "G": "over the cycle the hand has gained 0.5 kT from a bath of one temperature. The second law holds for a Boltzmann "
         "machine, too: impossible.",
    "H": "with a loop there is no last layer, and the proof fails. A feedback can leave a minimum with F > 0: possible.",
}
_POSSIBLE = "BCFH"

verdicts = Check(
    cases=[{}],
    expected=lambda: _POSSIBLE,
    wrong=[Wrong(lambda letter=letter: "".join(sorted(set(_POSSIBLE) ^ {letter})),
                 f"One verdict does not stand. {letter}: {why}", credit=0.5) for letter, why in _CLAIMS.items()],
)


CHECKS = {
    "elu-test": elu,
    "slow-test": slow,
    "energy-test": energy,
    "force-test": force,
    "input-test": input_force,
    "stiffness-test": stiffness,
    "time-test": time,
    "spread-test": spread,
    "drag-test": drag,
    "turn-test": turn,
    "turn-error-test": turn_error,
    "output-test": output,
    "machine-test": machine,
    "verdicts-test": verdicts,
}
