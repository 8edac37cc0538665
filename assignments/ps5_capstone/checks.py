"""What the hidden tests of problem set 5 must find. Never goes to students."""

import math
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from thermograde.checks import Check, Wrong

from thermolib import catalog, digits, units

ln2 = math.log(2)
_CACHE, _MEMORY = "32-bit SRAM cache access (8 KB)", "32-bit DRAM access"


# 1. What there is to pay for

def _inventory(side, kernel, channels, hidden, classes, positions=None):
    places = (side - kernel + 1) ** 2 if positions is None else positions
    above = places * channels * hidden + hidden * classes
    weights = kernel * kernel * channels + above
    return [places * kernel * kernel * channels + above, weights, places * channels + hidden + classes,
            weights + channels + hidden + classes]


def _changed(**changes):
    """The inventory with some of its four numbers changed by functions of it and of the case."""
    def value(**case):
        found = dict(zip(("macs", "weights", "neurons", "parameters"), _inventory(**case)))
        return list((found | {name: change(found, case) for name, change in changes.items()}).values())
    return value


network = Check(
    cases=[{"side": 12, "kernel": 5, "channels": 6, "hidden": 24, "classes": 7},
           {"side": 9, "kernel": 3, "channels": 4, "hidden": 15, "classes": 11}],
    expected=_inventory,
    wrong=[
        Wrong(lambda side, kernel, **rest: _inventory(side, kernel, **rest, positions=(side - kernel) ** 2),
              "You count the places of a filter one too few in each direction. A filter as large as the picture has one."),
        Wrong(lambda side, kernel, **rest: _inventory(side, kernel, **rest, positions=side - kernel + 1),
              "You move the filters along one line only. A picture has two directions."),
        Wrong(lambda side, kernel, **rest: _inventory(side, kernel, **rest, positions=(side // kernel) ** 2),
              "You set the filters side by side. They are moved by one pixel at a time, and overlap."),
        Wrong(_changed(weights=lambda f, c: f["macs"],
                       parameters=lambda f, c: f["macs"] + c["channels"] + c["hidden"] + c["classes"]),
              "You give each position weights of its own. The positions of a filter share them.", credit=0.5),
        Wrong(_changed(parameters=lambda f, c: f["weights"] + f["neurons"]),
              "You give each neuron of the first layer a bias of its own. The positions of a filter share one.", credit=0.5),
        Wrong(_changed(parameters=lambda f, c: f["weights"]), "The biases are parameters, too.", credit=0.5),
        Wrong(_changed(neurons=lambda f, c: f["neurons"] - c["classes"]),
              "The outputs hold values as well, and have to be counted as neurons.", credit=0.5),
        Wrong(_changed(macs=lambda f, c: 2 * f["macs"]),
              "You count products and sums. A multiply-accumulate is one of each.", credit=0.5),
    ],
)


# 2. The digital bill

_BILLS = [{"macs": 18984, "weights": 9534, "bits": 16, "memory": _CACHE, "inputs": 3, "temperature": 320.0},
          {"macs": 4869, "weights": 3141, "bits": 8, "memory": _MEMORY, "inputs": 7, "temperature": 260.0},
          {"macs": 7400, "weights": 5300, "bits": 32, "memory": _CACHE, "inputs": 1, "temperature": 77.0}]
_joules = {row.operation: row.joule_per_operation for row in catalog.hardware() if row.item.startswith("45 nm")}
_OPERATIONS = {8: ("8-bit int mult", "32-bit int add"), 16: ("16-bit float mult", "16-bit float add"),
               32: ("32-bit float mult", "32-bit float add")}


def _bill(macs, weights, bits, memory, inputs, temperature, operations=None, width=None):
    arithmetic = sum(_joules[name] for name in operations or _OPERATIONS[bits])
    return macs * arithmetic + weights * _joules[memory] * (width or bits) / 32 / inputs


def _naive(macs, weights, bits, memory, inputs, temperature):
    return 2 * macs * bits * ln2 * units.thermal_energy(temperature)


digital_energy = Check(
    cases=_BILLS,
    expected=_bill,
    wrong=[
        Wrong(lambda **case: _bill(**case | {"weights": 0}),
              "Your weights arrive for free. Each has to be read from memory."),
        Wrong(lambda **case: _bill(**case | {"weights": case["macs"]}),
              "You read a weight for every multiply-accumulate. A shared weight is read once.", credit=0.5),
        Wrong(lambda **case: _bill(**case, width=32),
              "You pay a whole access of 32 bits for each weight. A number of fewer bits takes a part of it.", credit=0.5),
        Wrong(lambda **case: _bill(**case | {"inputs": 1}) / case["inputs"],
              "You share the arithmetic among the pictures. Only the reading of a weight can be shared."),
        Wrong(lambda **case: _bill(**case | {"inputs": 1}),
              "Your answer does not depend on how many pictures a weight serves."),
        Wrong(lambda **case: _bill(**case, operations=("8-bit int mult", "8-bit int add") if case["bits"] == 8 else None),
              "With 8 bits you add in 8 bits. The sum of many products overflows there, and was to be one of 32 bits.",
              credit=0.5),
        Wrong(lambda **case: _bill(**case, operations=_OPERATIONS[case["bits"]][:1]),
              "You pay for the products and not for the sums.", credit=0.5),
    ],
)
digital_count = Check(
    cases=_BILLS,
    expected=_naive,
    wrong=[
        Wrong(0.5, "You count one operation for a multiply-accumulate. It is a product and a sum.", credit=0.5),
        Wrong(1 / ln2, "Your bits cost kT each: a factor ln 2 is lost.", credit=0.5),
        Wrong(lambda **case: _naive(**case) / units.thermal_energy(case["temperature"]),
              "Your count is in units of kT. It was to be in joules."),
        Wrong(lambda **case: _naive(**case) / case["bits"],
              "You charge one bit for each operation. Its result has more of them."),
        Wrong(lambda **case: _naive(**case | {"macs": case["weights"]}),
              "You count the weights. A shared weight is used in many operations."),
    ],
)


# 3. Neurons that are reset

_data, _network = digits.load(), digits.network("tanh")
_images, _labels = _data.images[_data.held_out], _data.labels[_data.held_out]
_nodes, _node_weights = np.polynomial.hermite_e.hermegauss(8)
_node_weights = _node_weights / _node_weights.sum()


@cache
def _chances(sigma, span, copies=100, hidden=1.0, inside=False, outputs=1.0):
    """How likely each held-out picture is read right, (360,): noise of hidden neurons drawn, that of outputs integrated.

    hidden, outputs: factors of their noise. inside: the noise enters the activation instead of the value.
    """
    rng = np.random.default_rng(11)
    x = np.broadcast_to(_images, (copies, *_images.shape)) if inside else _images
    for k, (W, b, act) in enumerate(zip(_network.weights[:2], _network.biases, _network.activations)):
        kick = hidden * sigma * rng.standard_normal((copies, len(_images), len(b)))
        h = x @ W.T + b
        x = np.clip(act.f(h + kick), -span / 2, span / 2) if inside else np.clip(act.f(h), -span / 2, span / 2) + kick
    out = np.clip(x @ _network.weights[2].T + _network.biases[2], -span / 2, span / 2) / (outputs * sigma)
    mine = np.eye(10, dtype=bool)[_labels]
    lead = out[:, mine][..., None] - out[:, ~mine].reshape(copies, len(_labels), 9)
    return sum(w * ndtr(lead + z).prod(axis=2) for z, w in zip(_nodes, _node_weights)).mean(axis=0)


def _accuracy(sigma, span, n, seed, **variant):
    return float(_chances(sigma, span, **variant).mean())


def _errors(sigma, span, n, seed):
    p = _chances(sigma, span)
    return [math.sqrt(np.sum(p * (1 - p)) / n) / len(p), float(p.std(ddof=1)) / math.sqrt(len(p))]


def _binomial(sigma, span, n, seed, runs):
    p = _accuracy(sigma, span, n, seed)
    return math.sqrt(p * (1 - p) / (len(_labels) * runs))


accuracy = Check(
    cases=[{"sigma": 0.15, "span": 1.2, "n": 250, "seed": 81}, {"sigma": 0.07, "span": 1.5, "n": 300, "seed": 82}],
    expected=_accuracy,
    rtol=0.002,
    atol=lambda sigma, span, n, seed: 4.5 * _errors(sigma, span, n, seed)[0],
    wrong=[
        Wrong(lambda sigma, span, n, seed: _accuracy(sigma**2, span, n, seed),
              "You take the square of sigma for a standard deviation: your neurons are too quiet."),
        Wrong(lambda sigma, span, n, seed: _accuracy(math.sqrt(sigma), span, n, seed),
              "You take sigma for a variance. It is a standard deviation."),
        Wrong(lambda sigma, span, n, seed: _accuracy(sigma, 2 * span, n, seed),
              "You cut off at plus and minus span, or not at all. The whole range, from end to end, is span.", credit=0.5),
        Wrong(lambda sigma, span, n, seed: _accuracy(sigma, span, n, seed, hidden=0.0),
              "Only your outputs are noisy. Every capacitor is, and the next layer sees it.", credit=0.5),
        Wrong(lambda sigma, span, n, seed: _accuracy(sigma, span, n, seed, outputs=1e-3),
              "Your outputs have no noise. They are capacitors, too.", credit=0.5),
        Wrong(lambda sigma, span, n, seed: _accuracy(sigma, span, n, seed, inside=True, outputs=1e-3),
              "Your noise enters the activation. It is caught afterward, with the value.", credit=0.5),
    ],
)
errors = Check(
    cases=[{"sigma": 0.1, "span": 2.2, "n": 300, "seed": 83}, {"sigma": 0.07, "span": 1.5, "n": 200, "seed": 84}],
    expected=_errors,
    rtol=0.15,  # an error from n runs is itself known to 1 / sqrt(2 n)
    atol=lambda **case: [0.08 * _errors(**case)[0], 0.0],
    wrong=[
        Wrong(lambda **case: [math.sqrt(case["n"]) * _errors(**case)[0], _errors(**case)[1]],
              "Your first error is the spread of single runs. The error of their mean falls with the root of their number.",
              credit=0.5),
        Wrong(lambda **case: [_errors(**case)[0], math.sqrt(len(_labels)) * _errors(**case)[1]],
              "Your second error is the spread of single pictures. That of the mean over all of them is smaller.",
              credit=0.5),
        Wrong(lambda **case: [e**2 for e in _errors(**case)], "You return variances. A standard error is the root."),
        Wrong(lambda **case: [_binomial(**case, runs=case["n"]), _errors(**case)[1]],
              "In your first error the answers are coin tosses with the same chance for all pictures. Most pictures are "
              "read right, or wrong, every time: they do not scatter.", credit=0.5),
        Wrong(lambda **case: [_errors(**case)[0], _binomial(**case, runs=1)],
              "Your second error is that of reading each picture once. With infinitely many runs its noise is gone.",
              credit=0.5),
        Wrong(lambda **case: _errors(**case)[::-1], "Your two errors are in the wrong order."),
        Wrong(lambda **case: _errors(**case | {"sigma": case["sigma"] ** 2}),
              "These are the errors of neurons with the square of this noise.", credit=0.5),
    ],
)


@cache
def _limit(target, span, n, seed):
    return brentq(lambda sigma: _accuracy(sigma, span, n, seed, copies=50) - target, 0.05, 0.4, rtol=4e-3)


limit = Check(
    cases=[{"target": 0.85, "span": 1.8, "n": 80, "seed": 85}, {"target": 0.75, "span": 1.4, "n": 80, "seed": 86}],
    expected=_limit,
    rtol=0.04,
    wrong=[
        Wrong(lambda **case: _limit(**case) ** 2, "You return the variance of the noise, not its standard deviation."),
        Wrong(lambda **case: math.sqrt(_limit(**case)),
              "Your limit is the root of the right one: it fits neurons whose noise is the square of sigma.", credit=0.5),
        Wrong(lambda **case: _limit(**case | {"span": 2 * case["span"]}),
              "Your limit is that of a range twice as wide.", credit=0.5),
        Wrong(lambda **case: 1 / _limit(**case) ** 2, "You return a stiffness in units of kT. The noise was asked for."),
        Wrong(2, "Your limit is twice as high as it should be."),
    ],
)


def _values(span):
    layers, x = [], _images
    for W, b, act in zip(_network.weights, _network.biases, _network.activations):
        x = np.minimum(np.maximum(act.f(x @ W.T + b), -span / 2), span / 2)
        layers.append(x)
    return np.concatenate(layers, axis=1)


def _clearing(sigma, span, temperature, *, power=np.var, neurons=slice(None), cell=math.sqrt(2 * math.pi * math.e), wider=1):
    kT, values = units.thermal_energy(temperature), _values(wider * span)[:, neurons]
    return [values.shape[1] * kT * math.log(span / (cell * sigma)),
            0.5 * kT * float(power(values, axis=0).sum()) / sigma**2]


dynamic_energy = Check(
    cases=[{"sigma": 0.04, "span": 1.6, "temperature": 350.0}, {"sigma": 0.07, "span": 1.1, "temperature": 120.0}],
    expected=_clearing,
    rtol=0.004,
    wrong=[
        Wrong(lambda **case: _clearing(**case, cell=1.0),
              "You take sigma for the width of a cell. A Gaussian is as uncertain as a flat distribution that is wider.",
              credit=0.5),
        Wrong(lambda **case: _clearing(**case, neurons=slice(64)),
              "You clear the hidden neurons only. The outputs hold values as well.", credit=0.5),
        Wrong(lambda **case: [_clearing(**case)[0] / ln2, _clearing(**case)[1]],
              "Your least heat is in bits times kT. It has to be in nats.", credit=0.5),
        Wrong(lambda **case: [_clearing(**case)[0], 2 * _clearing(**case)[1]],
              "Your dump is twice too large: the energy of a capacitor has a factor 1/2.", credit=0.5),
        Wrong(lambda **case: _clearing(**case, power=lambda x, axis: np.mean(x**2, axis)),
              "You short the capacitors to zero, and pay for their mean, too. They were to be shorted to the mean.",
              credit=0.5),
        Wrong(lambda **case: [_clearing(**case)[0], _clearing(**case, power=np.std)[1] * case["sigma"]],
              "Your dump takes ratios of amplitudes. The signal-to-noise ratio is one of powers.", credit=0.5),
        Wrong(lambda **case: _clearing(**case, wider=2),
              "The signal of your dump is that of values with a wider range, or with no cut at all.", credit=0.5),
        Wrong(1 / 74, "You return the heat of a mean neuron. There are 74 of them to be cleared.", credit=0.5),
        Wrong(lambda **case: [e / units.thermal_energy(case["temperature"]) for e in _clearing(**case)],
              "Your heats are in units of kT. They were to be in joules."),
        Wrong(lambda **case: _clearing(**case)[::-1], "Your two heats are in the wrong order."),
    ],
)


# 4. Neurons that follow

_SPRINGS = [{"sigmas": [0.05, 0.12, 0.2], "unit_time": 3e-7, "temperature": 320.0, "count": 9},
            {"sigmas": [0.2, 0.07, 0.11], "unit_time": 5e-5, "temperature": 210.0, "count": 5}]


def _by_layer(sigmas, power=2):
    return [1 / s**power for s in sigmas]


def _modes(sigmas, unit_time, temperature, count, *, stiffness=None, friction=None, pick=max, slow=-1):
    """Ten times a relaxation time: of the exact curvature B^T K B at rest, B the derivative of the springs' extensions."""
    stiffness = stiffness or _by_layer(sigmas)
    K, gamma = (np.repeat(v, _network.widths) for v in (stiffness, friction or [unit_time * k for k in stiffness]))
    times = []
    for x in _images[:count]:
        _, second, _ = _network.split(_network.forward(x))
        B = np.eye(74)
        B[32:64, :32] = -(1 - second**2)[:, None] * _network.weights[1]
        B[64:, 32:64] = -_network.weights[2]
        rates = np.linalg.svd(np.sqrt(K)[:, None] * B / np.sqrt(gamma), compute_uv=False) ** 2
        times.append((1 / rates)[slow])
    return 10 * float(pick(times))


_positions, _position_weights = np.polynomial.legendre.leggauss(40)
_positions, _position_weights = (_positions + 1) / 2, _position_weights / 2


def _drag(sigmas, unit_time, temperature, count, *, friction=None):
    """Mean drag by Gauss-Legendre quadrature of the exact speed along the path."""
    friction = friction or [unit_time * k for k in _by_layer(sigmas)]
    total = 0.0
    for start, end in zip(_images[:count], _images[1:count]):
        x = start + _positions[:, None] * (end - start)
        v = np.broadcast_to(end - start, x.shape)
        for gamma, W, b, act in zip(friction, _network.weights, _network.biases, _network.activations):
            h, dh = x @ W.T + b, v @ W.T
            x, v = act.f(h), act.derivative(h) * dh
            total += gamma * float(_position_weights @ (v**2).sum(axis=1))
    return units.thermal_energy(temperature) * total / (count - 1)


def _chord(sigmas, unit_time, temperature, count):
    jumps = np.diff(_network.forward(_images[:count]), axis=0) ** 2
    friction = unit_time * np.repeat(_by_layer(sigmas), _network.widths)
    return units.thermal_energy(temperature) * float((jumps @ friction).mean())


shortest = Check(
    cases=_SPRINGS,
    expected=_modes,
    rtol=1e-4,
    wrong=[
        Wrong(0.1, "This is the slowest relaxation time. The rule asks for a multiple of it.", credit=0.5),
        Wrong(lambda **case: _modes(**case, slow=0), "You take the fastest mode. The slowest one sets the pace."),
        Wrong(lambda **case: 10 * case["unit_time"], "You take a neuron that is alone. Together they are slower."),
        Wrong(lambda **case: _modes(**case, pick=min), "You take the picture at which the network is fastest.", credit=0.5),
        Wrong(lambda **case: _modes(**case, pick=np.mean),
              "You take the mean over the pictures. At some of them the network is slower.", credit=0.5),
        Wrong(lambda **case: _modes(**case, stiffness=_by_layer(case["sigmas"], 1)),
              "Your stiffness goes as 1/sigma. Thermal noise has a variance of kT over the stiffness.", credit=0.5),
        Wrong(lambda **case: _modes(**case, friction=[case["unit_time"]] * 3),
              "Your friction does not know of the stiffness. A stiffer neuron that relaxes in the same time has more."),
        Wrong(lambda **case: _modes(**case, stiffness=[1.0] * 3), "All your layers are equally stiff."),
        Wrong(lambda **case: _modes(**case, friction=[case["unit_time"] / k for k in _by_layer(case["sigmas"])]),
              "You use mobilities where frictions belong: your stiff neurons are the fastest by far."),
    ],
)
drag = Check(
    cases=_SPRINGS,
    expected=_drag,
    rtol=1e-3,
    wrong=[
        Wrong(lambda **case: _drag(**case) / units.thermal_energy(case["temperature"]),
              "Your drag is in kT s. It was to be in J s."),
        Wrong(lambda **case: _drag(**case) * (case["count"] - 1), "You add up the morphs. The mean was asked for.",
              credit=0.5),
        Wrong(lambda **case: _drag(**case) * (case["count"] - 1) ** 2,
              "You sweep through all pictures in one inference. Each morph takes an inference of its own."),
        Wrong(lambda **case: _drag(**case) * (case["count"] - 1) / case["count"],
              "You divide by the number of pictures. There is one morph less.", credit=0.5),
        Wrong(lambda **case: _drag(**case, friction=[case["unit_time"]] * 3),
              "Your friction is the relaxation time. It is the stiffness times the relaxation time, layer by layer."),
        Wrong(lambda **case: _drag(**case, friction=[case["unit_time"] * k for k in _by_layer(case["sigmas"], 1)]),
              "Your drag is made with a stiffness that goes as 1/sigma.", credit=0.5),
        Wrong(lambda **case: _drag(**case, friction=[case["unit_time"] / k for k in _by_layer(case["sigmas"])]),
              "You use mobilities where frictions belong: your stiff neurons slide most easily."),
        Wrong(_chord, "You square the distance between the two states. On the way there the neurons bend, and pay for it.",
              credit=0.5),
    ],
)


def _follow(drag, leak, shortest, latency, fastest=None, slowest=None):
    duration = min(max(math.sqrt(drag / leak), shortest if fastest is None else fastest),
                   latency if slowest is None else slowest)
    return [duration, drag / duration + leak * duration]


follow = Check(
    cases=[{"drag": 3e-24, "leak": 2e-15, "shortest": 1e-6, "latency": 0.2},
           {"drag": 5e-23, "leak": 4e-16, "shortest": 7e-6, "latency": 9e-5},
           {"drag": 8e-25, "leak": 6e-13, "shortest": 3e-5, "latency": 5e-4}],
    expected=_follow,
    wrong=[
        Wrong(lambda **case: _follow(**case, fastest=0.0, slowest=math.inf),
              "You balance drag and leak, and forget what the slowest mode and the deadline allow.", credit=0.5),
        Wrong(lambda **case: _follow(**case, fastest=0.0),
              "Your network goes faster than its slowest mode allows. It would lag behind, and the drag formula does not "
              "hold.", credit=0.5),
        Wrong(lambda **case: _follow(**case, slowest=math.inf), "Your answers come after the deadline.", credit=0.5),
        Wrong(lambda **case: _follow(**case, fastest=case["latency"]),
              "You take all the time there is. With a leak, the slowest inference need not be the cheapest."),
        Wrong(lambda **case: _follow(**case, slowest=case["shortest"]),
              "You go as fast as you can. Slower would be cheaper as long as the leak is small."),
        Wrong(lambda drag, **rest: [_follow(drag, **rest)[0], drag / _follow(drag, **rest)[0]],
              "Your energy leaves out the leak.", credit=0.5),
        Wrong(lambda drag, leak, **rest: [_follow(drag, leak, **rest)[0], 2 * math.sqrt(drag * leak)],
              "Your energy is that of the balance between drag and leak, also where your duration is another.", credit=0.5),
    ],
)


# 5. A lifetime

def _lessons(parameters, pictures, epochs, retrainings, inference, ratio, batch, temperature, learning=1.0):
    each = 2 * parameters * units.thermal_energy(temperature) / ratio / batch
    return retrainings * epochs * pictures * (inference + learning * each)


training = Check(
    cases=[{"parameters": 900, "pictures": 400, "epochs": 5, "retrainings": 14, "inference": 3e-18, "ratio": 0.6,
            "batch": 4, "temperature": 330.0},
           {"parameters": 9571, "pictures": 60000, "epochs": 3, "retrainings": 2, "inference": 7e-19, "ratio": 2.5,
            "batch": 32, "temperature": 90.0}],
    expected=_lessons,
    wrong=[
        Wrong(lambda **case: _lessons(**case | {"inference": 0.0}),
              "Your lessons take no inferences. Before an example can pull, the neurons have to find their places.",
              credit=0.5),
        Wrong(lambda **case: _lessons(**case | {"inference": case["inference"] / case["batch"]}),
              "Your batch shares the inferences. It is clamped on as many copies of the network as it has examples.",
              credit=0.5),
        Wrong(lambda **case: _lessons(**case, learning=0.5),
              "Your learning costs kT per parameter and example at r = 1. A factor of 2 is lost.", credit=0.5),
        Wrong(lambda **case: _lessons(**case, learning=case["ratio"] ** 2),
              "Your learning gets dearer with more thermal noise. The noise ratio stands below the line.", credit=0.5),
        Wrong(lambda **case: _lessons(**case, learning=case["batch"]),
              "Your batch saves nothing. Forces that cancel before they move a parameter make no heat.", credit=0.5),
        Wrong(lambda **case: _lessons(**case) / case["epochs"], "You pay for the first epoch only."),
        Wrong(lambda **case: _lessons(**case) / case["retrainings"], "You pay for one training, not for all of a lifetime."),
    ],
)


def _even(a, b, lifetime, training=1.0, standby=1.0, floor=0.0):
    ahead = training * (b[0] - a[0]) + standby * lifetime * (b[1] - a[1])
    return max(floor, ahead / (a[2] - b[2]))


break_even = Check(
    cases=[{"a": [0.6, 2e-10, 4e-8], "b": [0.2, 3e-9, 5e-9], "lifetime": 4e8},
           {"a": [0.2, 0.0, 7e-7], "b": [9.0, 4e-8, 3e-7], "lifetime": 7e7},
           {"a": [3.0, 1e-8, 6e-8], "b": [2.0, 2e-9, 1e-8], "lifetime": 9e7}],
    expected=_even,
    wrong=[
        Wrong(lambda **case: _even(**case, standby=0.0),
              "Your devices draw no power while they wait, or for one second only. Standby flows for the whole lifetime."),
        Wrong(lambda **case: _even(**case, training=0.0), "Your devices come trained, and nobody has paid for it."),
        Wrong(lambda **case: _even(**case, floor=-math.inf),
              "One of your numbers of readings is negative. A device that is ahead from the start needs none.", credit=0.5),
        Wrong(lambda a, b, lifetime: _even(a, b, lifetime) * (a[2] - b[2]) / a[2],
              "You divide by the whole energy of a reading. What b saves on each reading is the difference."),
        Wrong(lambda a, b, lifetime: _even(a, b, lifetime) * (a[2] - b[2]) / (a[2] + b[2]),
              "You add the energies of a reading. What b saves is their difference."),
    ],
)

_PERCENTILES = (0.05, 0.5, 0.95)
_z = np.linspace(-8.0, 8.0, 4001)
_density = np.exp(-_z**2 / 2) / math.sqrt(2 * math.pi) * (_z[1] - _z[0])


def _below(energy, fixed, total, fixed_log, total_log):
    """Probability that fixed exp(fixed_log z) + total exp(total_log z') is below energy, z and z' independent normal."""
    rest = (energy - fixed * np.exp(fixed_log * _z)) / total
    return float(_density @ np.where(rest > 0, ndtr(np.log(np.maximum(rest, 1e-300)) / total_log), 0.0))


def _quantiles(fixed, reading, readings, fixed_factor, reading_factor, scatter, n, seed, *, log=math.log, at=_PERCENTILES):
    parts = fixed, readings * reading, log(fixed_factor), math.hypot(log(reading_factor), scatter / math.sqrt(readings))
    scale = sum(parts[:2])
    return [brentq(lambda x: _below(x, *parts) - p, 1e-3 * scale, 1e3 * scale) for p in at]


def _quantile_errors(fixed, reading, readings, fixed_factor, reading_factor, scatter, n, seed):
    parts = fixed, readings * reading, math.log(fixed_factor), math.log(reading_factor)
    found = _quantiles(fixed, reading, readings, fixed_factor, reading_factor, scatter, n, seed)
    slopes = [(_below(1.01 * x, *parts) - _below(0.99 * x, *parts)) / (0.02 * x) for x in found]
    return [math.sqrt(p * (1 - p) / n) / slope for p, slope in zip(_PERCENTILES, slopes)]


def _scattered(fixed, reading, readings, fixed_factor, reading_factor, scatter, n, seed):
    """The three percentiles, sampled, if all readings scattered together."""
    z = np.random.default_rng(5).standard_normal((3, 400_000))
    energies = fixed * fixed_factor ** z[0] + readings * reading * reading_factor ** z[1] * (1 + scatter * z[2])
    return np.quantile(energies, _PERCENTILES).tolist()


interval = Check(
    cases=[{"fixed": 2.0, "reading": 1.5e-6, "readings": 2e6, "fixed_factor": 2.5, "reading_factor": 1.6, "scatter": 0.3,
            "n": 20000, "seed": 87},
           {"fixed": 0.4, "reading": 5e-9, "readings": 1e9, "fixed_factor": 4.0, "reading_factor": 3.0, "scatter": 0.4,
            "n": 30000, "seed": 88}],
    expected=_quantiles,
    rtol=0.002,
    atol=lambda **case: [4.5 * e for e in _quantile_errors(**case)],
    wrong=[
        Wrong(lambda **case: _quantiles(**case | {"reading_factor": case["reading_factor"] ** (case["readings"] ** -0.5)}),
              "You let the uncertain energy of a reading average out over all readings. It is the same unknown in each."),
        Wrong(lambda **case: _scattered(**case),
              "Your scatter of single readings does not average out. They are independent of each other.", credit=0.5),
        Wrong(lambda fixed, reading, readings, fixed_factor, reading_factor, **rest: [
            fixed * fixed_factor**z + readings * reading * reading_factor**z for z in ndtri(_PERCENTILES)],
              "Your two factors go up and down together. They are independent, so that it is rare to be unlucky twice.",
              credit=0.5),
        Wrong(lambda **case: _quantiles(**case, log=math.log10),
              "Your logarithm of the factor is to the base 10, and your exponential is not.", credit=0.5),
        Wrong(lambda **case: _quantiles(**case, at=ndtr([-1.0, 0.0, 1.0]).tolist()),
              "You return one standard deviation to both sides. The 5th and 95th percentile were asked for.", credit=0.5),
        Wrong(lambda **case: _quantiles(**case)[::-1], "Your percentiles are in the wrong order.", credit=0.5),
    ],
)


# 6. Six claims

_CLAIMS = {
    "A": "the drag falls as one over the duration, and the accuracy is that of a noisy forward pass at any slow pace: it "
         "stands.",
    "B": "a neuron is held by its spring all the time, a parameter is not, and diffuses. At r = 1 the heat is 2 kT per "
         "parameter and example whatever the time taken: it does not stand.",
    "C": "the refrigerator needs the work that turns the factor 77/290 back into 1. At the limit cooling buys nothing: it "
         "does not stand.",
    "D": "one more bit each; and four times the stiffness, so four times the friction at the same relaxation time: it "
         "stands.",
    "E": "forces cancel before they move a parameter, but each copy of the network has neurons of its own: it stands.",
    "F": "the naive count is an account of one way to compute. A machine that adds in place, or uncomputes, forgets less: "
         "it does not stand.",
}
_STAND = "ADE"

claims = Check(
    cases=[{}],
    expected=lambda: _STAND,
    wrong=[Wrong(lambda letter=letter: "".join(sorted(set(_STAND) ^ {letter})),
                 f"One verdict is wrong. {letter}: {why}", credit=0.5) for letter, why in _CLAIMS.items()],
)


CHECKS = {
    "network-test": network,
    "digital-energy-test": digital_energy,
    "digital-count-test": digital_count,
    "accuracy-test": accuracy,
    "errors-test": errors,
    "limit-test": limit,
    "dynamic-energy-test": dynamic_energy,
    "shortest-test": shortest,
    "drag-test": drag,
    "follow-test": follow,
    "training-test": training,
    "breakeven-test": break_even,
    "interval-test": interval,
    "claims-test": claims,
}
