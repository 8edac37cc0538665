"""The figures of "Stress is backpropagation" draw, refuse, and obey the laws in every state of every widget."""

import json
import math
import re
from pathlib import Path

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401
import zscores
from scipy.optimize import minimize

from thermolib import digits
from thermolib.figures import stress
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import simulate
from thermolib.training import anneal

CHAPTER = Path(__file__).parents[1] / "chapters" / "08_stress_is_backpropagation.ipynb"
SOLUTIONS = chapters.solutions("08_stress_is_backpropagation")
MOBILITY, STIFFNESS = 0.5, 2.0
X0 = np.array([1.0, -0.5, 0.8])
RATIOS, TIMES = [0.01, 0.1, 0.3, 1, 3], [0, 0.2, 0.5, 1, 2, 5, 25]


def small():
    rng, widths = np.random.default_rng(8), (3, 4, 4, 2)
    weights = [1.2 * rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])]
    biases = [0.2 * rng.standard_normal(m) for m in widths[1:]]
    return NetworkHamiltonian(weights, biases, ["tanh", "tanh", "identity"], STIFFNESS)


def output(network, x0=X0):
    return network.split(network.forward(x0))[-1]


def gradient(network, x0, y):
    """Of |output - y|^2 / 2 with respect to the parameters, by differences of forward passes."""
    slopes = np.empty(network.parameters.size)
    for k in range(len(slopes)):
        step = np.zeros(len(slopes))
        step[k] = 1e-5
        up, down = (output(network.with_parameters(network.parameters + s), x0) for s in (step, -step))
        slopes[k] = (0.5 * np.sum((up - y) ** 2) - 0.5 * np.sum((down - y) ** 2)) / 2e-5
    return slopes


def signals(network, x0, y):
    """Minus the gradient with respect to each unit, by differences of what lies above it."""
    layers, found = network.split(network.forward(x0)), []
    for k, layer in enumerate(layers):
        def cost(values, k=k):
            for w, b, act in list(zip(network.weights, network.biases, network.activations))[k + 1 :]:
                values = act.f(w @ values + b)
            return 0.5 * np.sum((values - y) ** 2)
        found.append(np.array([(cost(layer - d) - cost(layer + d)) / 2e-5 for d in 1e-5 * np.eye(len(layer))]))
    return found


TARGET = output(small()) + [0.6, -0.4]


@pytest.fixture(scope="module")
def flows():
    return stress.clamped_flows(small(), X0, TARGET, RATIOS, TIMES, mobility=MOBILITY)


def test_stress_flows_back_downhill_to_the_balance_in_every_state(flows):
    net = small()
    errors, slopes = signals(net, X0, TARGET), gradient(net, X0, TARGET)
    plot = stress.flow_explorer(net, flows, errors, slopes)
    for ratio in RATIOS:
        energies = []
        for time in TIMES:
            figure, values = plot(ratio, time)
            flow = flows[ratio, time]
            energies.append(values["energy / κ_L"])
            springs = [STIFFNESS, STIFFNESS, ratio * STIFFNESS]
            by_springs = sum(np.sum((ratio * STIFFNESS * s) ** 2) / (2 * k) for s, k in zip(flow.stress, springs))
            assert energies[-1] == pytest.approx(by_springs / (ratio * STIFFNESS))
            off = values["force on weights off the gradient (%)"]
            assert off == pytest.approx(100 * np.linalg.norm(flow.force + slopes) / np.linalg.norm(slopes))
            if ratio == 3 and time in (0, 25):
                draws(figure)
        start, end = flows[ratio, 0], flows[ratio, 25]
        assert energies[0] == pytest.approx(0.5 * (0.6**2 + 0.4**2))
        assert (np.diff(energies) < 0).all()
        assert not start.stress[0].any() and not start.stress[1].any()
        assert start.stress[2] == pytest.approx([0.6, -0.4])
        assert end.stress[1] == pytest.approx(net.weights[2].T @ end.stress[2], abs=1e-3)
        assert end.imbalance < 1e-3 < flows[ratio, 0.5].imbalance
    for s, g in zip(flows[0.01, 25].stress, errors):
        assert np.linalg.norm(s - g) < 0.06 * np.linalg.norm(g)


def test_the_pace_of_the_flow_is_that_of_the_mobility(flows):
    """In the first moment a unit of the second layer moves with mobility * pull, and is under stress stiffness * way."""
    early = stress.clamped_flows(small(), X0, TARGET, [0.01], [0, 1e-3], mobility=MOBILITY)[0.01, 1e-3]
    pull = small().weights[2].T @ [0.6, -0.4]
    assert early.stress[1] == pytest.approx(STIFFNESS * MOBILITY * 1e-3 * pull, rel=5e-3)


def test_every_agreement_is_a_slope_of_the_least_energy():
    net, unit = small(), np.array([0.6, -0.4]) / math.hypot(0.6, 0.4)
    ratios, distances = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10], [0.01, 0.3, 1, 2]
    results = stress.agreements(net, X0, unit, gradient, ratios, distances)
    plot = stress.agreement_explorer(results)
    for distance in distances:
        offs = []
        for ratio in ratios:
            figure, values = plot(ratio, distance)
            offs.append(values["distance to gradient descent (%)"])
            q, angle = values["length of force / gradient"], math.radians(values["angle between them (degrees)"])
            assert (offs[-1] / 100) ** 2 == pytest.approx(1 + q * q - 2 * q * math.cos(angle), rel=1e-4, abs=1e-7)
            assert q < 1
            if (ratio, distance) in ((0.001, 0.01), (10, 2)):
                draws(figure)
        assert (np.diff(offs) > 0).all()
        slope = np.log(offs[2] / offs[0]) / math.log(10)
        assert slope == pytest.approx(1, abs=0.03)
    y = output(net) + unit
    for ratio in (0.01, 1):
        for k in (0, 20, 40):
            least = []
            for shift in (1e-3, -1e-3):
                theta = net.parameters.copy()
                theta[k] += shift
                moved = net.with_parameters(theta).with_output_stiffness(ratio * STIFFNESS)
                hidden = minimize(lambda x, n=moved: n.energy(x[None], (X0, y))[0], moved.forward(X0)[:8], tol=1e-9)
                least.append(hidden.fun)
            force = ratio * STIFFNESS * results[ratio, 1].force[k]
            assert -(least[0] - least[1]) / 2e-3 == pytest.approx(force, rel=1e-3, abs=1e-6)


def test_holding_an_output_costs_kT_times_its_surprise():
    """Counts of the free network's outputs in two bins against the integral over the held one, over 20 seeds."""
    kT, x0 = 0.2, np.zeros(1)
    pair = NetworkHamiltonian([[[1.5]], [[3.0]]], [[0.2], [0.0]], "tanh", [2.0, 3.0])
    grid = np.linspace(-2.5, 3, 801)
    for low, high in ((-0.5, 0.0), (0.5, 1.5)):
        targets = low + (high - low) * (np.arange(50) + 0.5) / 50
        costs = [-kT * math.log(np.exp(-pair.energy(grid[:, None], (x0, np.array([y]))) / kT).sum() * (grid[1] - grid[0]))
                 - pair.free_energy(kT) for y in targets]
        share = np.exp(-np.array(costs) / kT).mean() * (high - low)
        counts = []
        for seed in zscores.SEEDS:
            outputs = pair.sample(x0, 20_000, kT, rng=seed)[:, 1]
            counts.append(np.mean((outputs > low) & (outputs < high)))
        zscores.assert_consistent(counts, np.full(20, math.sqrt(share * (1 - share) / 20_000)), share)


def test_static_figures_draw():
    draws(stress.error_against_stiffness([0.01, 0.1, 1], [[0.01, 0.02], [0.1, 0.2], [0.5, 0.6]], ["a", "b"]))
    draws(stress.error_against_distance([0.01, 0.1], {0.01: [0.1, 0.1], 1.0: [0.5, 0.6]}, {0.01: 0.1, 1.0: 0.5}))
    x = np.linspace(-2, 2, 30)
    draws(stress.energies_of_a_unit(x, {"a": x**2, "b": x**4}, {"a": [0.0], "b": [0.0, 1.0]}))
    draws(stress.clamping_free_energy(x, x**2, np.array([-1.0, 0.0, 1.0]), np.array([10, 0, 30]), 0.5 * x**2, kT=0.3,
                                      draws=100))
    draws(stress.annealing_curves([0.1, 0.9], [0.1, 0.92], np.ones(48), examples=48, kT=0.5))


def test_bad_input_is_refused_by_name():
    x = np.linspace(0, 1, 5)
    for call, message in (
        (lambda: stress.relative_error(np.ones(2), np.zeros(2)), "length of the gradient must be positive"),
        (lambda: stress.error_against_stiffness([1, 2], np.ones((2, 3)), ["a"]), r"got shape \(2, 3\) for 1"),
        (lambda: stress.error_against_distance([1, 2], {1.0: [1, 1]}, {}), r"one to four ratios, got \[1.0\] and \[\]"),
        (lambda: stress.energies_of_a_unit(x, {}, {}), "energies and rest must share their names"),
        (lambda: stress.clamping_free_energy(x, x[:3], x, x, x, kT=1.0, draws=5), "for each of 5 targets"),
        (lambda: stress.annealing_curves([0.1, 0.2], [0.1, 0.2], np.ones(5), examples=4, kT=1.0), "accuracies, 5 examples"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- the solutions of the exercises ---


def cells():
    return json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]


def given():
    """What the chapter has defined by the time the exercises come, with its own function for backpropagation."""
    names = {"np": np, "math": math}
    code = next("".join(c["source"]) for c in cells() if "".join(c["source"]).startswith("def backprop"))
    exec(code, names)
    net, data, soft, rng = small(), digits.load(), 0.001, np.random.default_rng(0)
    widths = digits.WIDTHS
    start = NetworkHamiltonian([rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])],
                               [np.zeros(m) for m in widths[1:]], ["tanh", "tanh", "identity"], [1, 1, soft])
    names.update(
        NetworkHamiltonian=NetworkHamiltonian, simulate=simulate, anneal=anneal, net=net, weights=net.weights,
        biases=net.biases, kappa=STIFFNESS, mu=MOBILITY, x0=X0, y=TARGET, gradient=gradient(net, X0, TARGET), start=start,
        linear=NetworkHamiltonian(net.weights, net.biases, "identity", [1.0, 2.0, 0.7]),
        train=(data.images[data.train], data.targets[data.train]),
        held_out=(data.images[data.held_out], data.targets[data.held_out]),
    )
    return names


def printed(capsys, number):
    exec(SOLUTIONS[number], given())
    return capsys.readouterr().out


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)]


def test_backpropagation_of_the_chapter():
    names = given()
    found, slopes = names["backprop"](small(), X0, TARGET)
    assert slopes == pytest.approx(names["gradient"], abs=1e-8)
    for s, g in zip(found, signals(small(), X0, TARGET)):
        assert s == pytest.approx(g, abs=1e-8)


def test_solution_on_depth(capsys):
    lines = [numbers(line) for line in printed(capsys, 0).splitlines()]
    assert [line[-1] for line in lines] == pytest.approx([5.6e-3, 1.0e-4, 1.1e-11], rel=0.02)


def test_solution_where_it_does_not_hold(capsys):
    first, second, third = printed(capsys, 1).splitlines()
    assert numbers(first)[0] == -3 and abs(numbers(first)[-1]) < 1e-3
    assert numbers(second)[0] == pytest.approx(0.226, abs=1e-3) and numbers(second)[-1] < -9
    assert abs(numbers(third)[-1]) < 1e-9


def test_solution_on_the_stiff_rule(capsys):
    held, gradient_ = (numbers(line)[0] for line in printed(capsys, 2).splitlines())
    assert held < 0.2 < 5 < gradient_


def test_solution_on_one_state(capsys):
    count, rms, largest = numbers(printed(capsys, 3))[:3]
    assert count == 46 and 0.7 < rms < 1.3 and largest < 4


def test_solution_with_a_hand(capsys):
    assert printed(capsys, 4).strip() == "the same forces: True"


def test_solution_on_temperature(capsys):
    mild, hot = (numbers(line.split("kT = ")[1]) for line in printed(capsys, 5).splitlines())
    assert mild[1] == pytest.approx(0.05, abs=0.005) and hot[1] == pytest.approx(0.17, abs=0.005)
    assert mild[2] > 0.85 > hot[2] + 0.05
