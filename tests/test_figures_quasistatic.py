"""The figures of "Neurons that follow" draw, refuse, and obey the laws in every state of every widget."""

import math
import re

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401

from thermolib import catalog, digits, substrates, units
from thermolib.figures import quasistatic
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import Estimate, simulate

SOLUTIONS = chapters.solutions("05_quasi_static_substrates")
MOBILITY, STIFFNESS = 0.5, 2.0
KT300 = units.thermal_energy(300)


@pytest.fixture(scope="module")
def classifier():
    return digits.network("tanh", STIFFNESS)


@pytest.fixture(scope="module")
def analog():
    spread = digits.network("tanh").forward(digits.load().images).std(axis=0)
    return substrates.AnalogNetwork(spread, 22.0, 100 * KT300, 1e-9, KT300)


def test_every_loop_of_a_neuron_encloses_its_work_and_closes():
    durations = [1, 2, 3, 5, 8, 12, 20, 40]
    loops = quasistatic.neuron_loops([0.5, 1, 2], durations, stiffness=STIFFNESS, mobility=MOBILITY)
    plot = quasistatic.following_explorer(loops)
    for gain in (0.5, 1, 2):
        ratios = []
        for duration in durations:
            figure, values = plot(gain, duration)
            loop = loops[gain, duration]
            area = np.trapezoid(loop.force, loop.inputs)
            assert values["work of the loop"] == pytest.approx(area, rel=5e-3)
            top = math.tanh(2 * gain)
            closed_form = 2 * 8 * gain / MOBILITY * (top - top**3 / 3) / duration
            assert values["formula 2K/τ"] == pytest.approx(closed_form, rel=1e-5)
            assert values["work / formula"] == values["work of the loop"] / values["formula 2K/τ"]
            ratios.append(values["work / formula"])
            if duration in (1, 40):
                draws(figure)
        assert (np.diff(ratios) > 0).all() and 0.95 < ratios[-1] < 1.005


def test_every_loop_of_a_self_exciting_neuron_costs_at_least_its_jumps():
    couplings, durations = [-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5], [30, 300, 3000, 30000]
    loops = quasistatic.bistable_loops(couplings, durations, mobility=MOBILITY)
    plot = quasistatic.bifurcation_explorer(loops)
    for J in couplings:
        excess = []
        for duration in durations:
            figure, values = plot(J, duration)
            assert values["3J²/2, or 0 for J ≤ 0"] == pytest.approx(1.5 * max(J, 0) ** 2)
            assert values["coercive field"] == pytest.approx(2 * (max(J, 0) / 3) ** 1.5)
            assert values["excess"] == pytest.approx(values["work of the loop"] - 1.5 * max(J, 0) ** 2)
            excess.append(values["excess"])
            if J in (-1, 1):
                draws(figure)
        assert min(excess) > 0
        power = -np.log10(excess[3] / excess[2])
        assert power == pytest.approx(1 if J < 0 else 0.8 if J == 0 else 2 / 3, abs=0.03)


def test_every_condition_of_the_comparison_keeps_the_order_of_the_laws(classifier, analog):
    hardware = quasistatic.hardware_energies(classifier, catalog.hardware())
    accuracies = {77: 0.97, 300: 0.95, 1000: 0.83}
    plot = quasistatic.inference_energy_explorer(analog, hardware, 9.0, accuracies)
    for temperature in accuracies:
        for relaxation in (0.1, 1, 10):
            for duration in (0.01, 0.1, 1, 10, 100):
                figure, values = plot(temperature, relaxation, duration)
                kT = units.thermal_energy(temperature)
                noise = kT / analog.stiffness
                least = 0.5 * np.sum(np.log1p(analog.spread**2 / noise))
                assert values["reset, at least (kT)"] > least
                assert values["follow (kT)"] == pytest.approx(
                    22.0 * analog.stiffness / kT * 1e-9 * relaxation / (1e-6 * duration))
                wins = values["follow (kT)"] < values["reset, at least (kT)"]
                assert wins == (1000 * duration > values["following wins beyond (ns)"])
                assert values["measured chip (kT)"] == pytest.approx(6784 * 1.025e-13 / kT, rel=1e-3)
                assert values["time / slowest relaxation"] == pytest.approx(1e3 * duration / (9.0 * relaxation))
                assert values["correct answers (%)"] == 100 * accuracies[temperature]
        draws(figure)


def test_hardware_energies_keep_their_kinds_apart(classifier):
    rows = {row.kind: row for row in quasistatic.hardware_energies(classifier, catalog.hardware())}
    assert set(rows) == {"measured", "rated", "table"}
    assert rows["table"].energy == pytest.approx(3392 * 4.6e-12)
    assert rows["rated"].energy == pytest.approx(6784 * 7.074e-13)
    mixed = [catalog.hardware()[0], *catalog.hardware()]
    assert quasistatic.hardware_energies(classifier, mixed)[0].kind == "table"
    with pytest.raises(ValueError, match="rows must share one kind"):
        catalog.one_kind([row for row in catalog.hardware() if "HERMES" in row.item or "H100 SXM" in row.item])


def test_the_legend_of_the_comparison_says_the_basis(classifier, analog):
    hardware = quasistatic.hardware_energies(classifier, catalog.hardware())
    text = draws(quasistatic.inference_energy(analog, hardware, 9.0))
    for kind in ("measured", "rated", "table"):
        assert f"({catalog.KINDS[kind]})" in text


def test_static_figures_draw(classifier):
    data = digits.load()
    draws(quasistatic.work_against_duration([1, 10, 100], [2.0, 0.8, 0.1], 10.0, 3.0, {"other": ([1, 10], [0.1, 0.5])}))
    draws(quasistatic.drag_by_unit(substrates.drag_per_unit(classifier, data.images[:2], steps=20), classifier.widths))
    draws(quasistatic.morphs({"a": data.images[:7], "b": data.images[7:14]}))
    draws(quasistatic.speeds({"a": np.ones(50), "b": np.full(50, 0.8)}, 0.5))
    bracket = substrates.DragBracket(Estimate(1.0, 0.1), Estimate(2.0, 0.1))
    draws(quasistatic.bracket_against_temperature([0.1, 1.0], [bracket, bracket], 3.0, {0.1: Estimate(1.5, 0.2)}))
    neuron = substrates.BistableNeuron(1.0)
    draws(quasistatic.hysteresis_against_duration(
        [10, 1e3, 1e5], [7.0, 2.0, 1.5], neuron, {0.05: [7.0, 1.3, 0.15]}, {0.05: 1.7e4},
        {0.05: ([10], [Estimate(7.0, 0.1)])}, mobility=MOBILITY))


def test_bad_input_is_refused_by_name():
    neuron = substrates.BistableNeuron(1.0)
    for call, message in (
        (lambda: quasistatic.work_against_duration([1, 2], [1.0], 1.0, 1.0, {}), "for each of the 2 durations, got 1"),
        (lambda: quasistatic.work_against_duration([1, 2], [1.0, 1.0], 0.0, 1.0, {}), "drag must be positive"),
        (lambda: quasistatic.drag_by_unit(np.ones(5), (2, 2)), "each of the 4 units, got 5"),
        (lambda: quasistatic.morphs({}), "rows must hold at least one path"),
        (lambda: quasistatic.morphs({"a": 2 * np.ones((3, 64))}), "a must hold images .* from 0 to 1"),
        (lambda: quasistatic.speeds({}, 1.0), "along must hold one to three paths, got 0"),
        (lambda: quasistatic.bracket_against_temperature([0.1, 1.0], [], 3.0, {}), "each of the 2 temperatures, got 0"),
        (lambda: quasistatic.hysteresis_against_duration([1, 2], [1.0], neuron, {}, {}, {}, mobility=1), "kT = 0 must have"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- the solutions of the exercises ---


def given(classifier):
    """What the chapter has defined by the time the exercises come."""
    rng, widths = np.random.default_rng(5), (4, 6, 5, 3)
    weights = [rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])]
    net = NetworkHamiltonian(weights, [0.3 * rng.standard_normal(m) for m in widths[1:]], "tanh", STIFFNESS)
    a, b = np.array([-1.0, 0.5, 1.0, -0.5]), np.array([1.0, -1.0, 0.3, 0.8])
    runs = {tau: simulate(net, lambda t: a + (b - a) * t / tau, net.forward(a)[None], duration=tau, dt=min(0.1, tau / 20),
                          kT=0.0, mobility=MOBILITY, rng=0) for tau in (0.5, 5, 15, 50)}
    return {"np": np, "math": math, "substrates": substrates, "simulate": simulate, "mu": MOBILITY, "kappa": STIFFNESS,
            "net": net, "a": a, "b": b, "runs": runs, "classifier": classifier, "data": digits.load(),
            "chain": NetworkHamiltonian([[[1.0]], [[2.0]]], [[0.0], [0.0]], "tanh", STIFFNESS)}


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def test_solution_on_the_bound_that_does_not_apply(capsys, classifier):
    exec(SOLUTIONS[0], given(classifier))
    lines = [numbers(line.replace("^2", "")) for line in capsys.readouterr().out.splitlines()]
    works, lengths, moved = (np.array(column) for column in list(zip(*lines))[1:])
    assert list(works < lengths) == [True, True, True, False]
    assert (works > moved).all()
    assert works[0] == pytest.approx(6.5, abs=0.05) and lengths[0] == pytest.approx(50, abs=0.5)


def test_solution_that_tightens_the_bracket(capsys, classifier):
    exec(SOLUTIONS[1], given(classifier))
    lower = [numbers(line)[1] for line in capsys.readouterr().out.splitlines()[:4]]
    assert lower == sorted(lower) and lower == pytest.approx([2.31, 2.43, 2.46, 2.47], abs=0.02)


def test_solution_at_the_bifurcation(capsys, classifier):
    exec(SOLUTIONS[2], given(classifier))
    assert numbers(capsys.readouterr().out) == pytest.approx([-0.785, -0.791], abs=1e-3)


def test_solution_that_lowers_the_barrier_first(capsys, classifier):
    exec(SOLUTIONS[3], given(classifier))
    lines = [numbers(line) for line in capsys.readouterr().out.splitlines()]
    assert [line[3] for line in lines] == pytest.approx([0.197, 0.066, 0.020], abs=1e-3)
    assert min(line[4] for line in lines) > 0.75
    assert all(line[k] == pytest.approx(1, abs=0.02) for line in lines for k in (1, 2))


def test_solution_that_orders_the_inputs(capsys, classifier):
    exec(SOLUTIONS[4], given(classifier))
    drags = [numbers(line)[-1] for line in capsys.readouterr().out.splitlines()]
    assert drags == pytest.approx([22.5, 3.7, 1.5], abs=0.06)
