"""The figures of "One neuron" draw, refuse, and obey the law in every state of every widget."""

import math
import re

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401

from thermolib import activations, hamiltonian, langevin
from thermolib.figures import neuron
from thermolib.langevin import Estimate

SOLUTIONS = chapters.solutions("06_one_neuron")
KT, MOBILITY = 0.4, 1.6
get = activations.get


def line(ax, k):
    return ax.lines[k].get_xydata().T


def test_every_gap_is_an_area_and_vanishes_only_on_the_graph():
    choices = {name: get(name) for name in ("relu", "logistic", "tanh")}
    plot = neuron.gap_explorer(choices)
    for name, act in choices.items():
        for h in (-2, -1, 0, 1, 2):
            for x in (0, 0.3, 0.6, 0.9):
                figure, values = plot(name, h, x)
                gap = values["Φ(x) + Φ*(h) − x h"]
                assert gap == pytest.approx(values["area"], abs=1e-9)
                assert gap == pytest.approx(values["Φ(x)"] + values["Φ*(h)"] - values["x h"], abs=1e-12)
                steepest = {"relu": 1.0, "logistic": 0.25, "tanh": 1.0}[name]
                assert gap >= (x - values["f(h)"]) ** 2 / (2 * steepest) - 1e-12
                assert (gap < 1e-9) == (abs(x - values["f(h)"]) < 1e-9)
                if (h, x) in ((-1, 0.6), (1, 0.3)):
                    draws(figure)
    assert plot("relu", -1, 0.6)[1]["area"] == pytest.approx(0.78)


def test_the_filled_region_has_the_area_of_the_gap():
    grid = np.linspace(-6, 6, 12001)
    for name, x, h in (("tanh", 0.4, 1.2), ("tanh", 0.95, 0.3), ("logistic", 0.7, -1.0), ("relu", 0.5, 2.0)):
        act = get(name)
        low, high = neuron._gap_region(grid, act.f(grid), x, h)
        assert (low <= high).all()
        exact = float(act.fenchel_young(np.float64(x), np.float64(h)))
        assert np.trapezoid(high - low, grid) == pytest.approx(exact, abs=2e-3)
        assert neuron.gap_area(act, x, h) == pytest.approx(exact, abs=1e-9)


def test_every_warm_state_is_normalized_and_jitters_as_it_responds():
    devices = {name: get(name) for name in ("identity", "relu", "leaky-relu", "logistic")}
    inputs, temperatures, step = (-2, -1, 0, 1, 2), (0.1, 0.4, 1.0), 1e-4
    plot = neuron.density_explorer(devices, inputs, temperatures)
    for name, act in devices.items():
        for h in inputs:
            for kT in temperatures:
                figure, values = plot(name, h, kT)
                assert values["partition function Z"] == pytest.approx(1, abs=1e-6)
                assert values["mean ⟨x⟩"] == pytest.approx(float(act.thermal(h, kT)), abs=1e-6)
                slope = float(act.thermal(h + step, kT) - act.thermal(h - step, kT)) / (2 * step)
                assert values["spread of x"] ** 2 == pytest.approx(kT * slope, rel=1e-3)
                landscape = line(figure.axes[0], -2)
                assert np.nanmin(landscape[1]) > -1e-12
                lowest = landscape[0][np.nanargmin(landscape[1])]
                assert lowest == pytest.approx(values["lowest point"], abs=0.013)
                middle = figure.axes[1]
                if act.levels is None:
                    assert line(middle, 0)[1] == pytest.approx(np.exp(-landscape[1] / kT), nan_ok=True)
                else:
                    low, high = (bar[1][1] for bar in middle.collections[1].get_segments())
                    assert high / (low + high) == pytest.approx(values["mean ⟨x⟩"]) and max(low, high) == 1
                if (h, kT) == (0, 0.4):
                    draws(figure)
    assert plot("relu", 0, 0.4)[1]["mean ⟨x⟩"] == pytest.approx(math.sqrt(2 * 0.4 / math.pi), rel=1e-6)


def test_number_of_artists_does_not_depend_on_the_state():
    devices = {name: get(name) for name in ("identity", "relu", "logistic")}
    plot = neuron.density_explorer(devices, (0, 1), (0.4, 1.0))
    counts = {tuple(len(ax.get_children()) for ax in plot(name, 1, 0.4)[0].axes) for name in devices}
    assert len(counts) == 1


def test_minima_of_the_devices_lie_on_their_activations():
    figure = neuron.devices({name: get(name) for name in ("identity", "relu", "logistic")})
    draws(figure)
    for name, ax in zip(("identity", "relu", "logistic"), figure.axes[3:]):
        dots = [dot.get_xydata()[0] for dot in ax.lines if dot.get_marker() == "o"]
        assert len(dots) == 3
        for h, x in dots:
            assert x == pytest.approx(float(get(name).f(h)), abs=0.002)


def test_curves_of_the_chain_solve_its_equations():
    couplings, pull = [0.2, 0.6], 1.3
    means = [(Estimate(1.0, 0.1), Estimate(0.5, 0.1))] * 2
    figure = neuron.stress(couplings, {False: means, True: means}, pull)
    draws(figure)
    for counter_term, ax in zip((False, True), figure.axes):
        w, first = line(ax, 0)
        second = next(other for other in ax.lines if other.get_linestyle() == "--").get_ydata()
        for k in (0, 70, 140):
            stiffness = [[1 + counter_term * w[k] ** 2, -w[k]], [-w[k], 1]]
            assert np.linalg.solve(stiffness, [pull, 0]) == pytest.approx([first[k], second[k]])


def test_curvatures_of_the_two_forms():
    figure = neuron.two_forms(get("tanh"), [0.0, 1.5], 1.7)
    draws(figure)
    left, right = figure.axes
    h, curvature = line(right, 0)
    assert curvature == pytest.approx(np.cosh(h) ** 2)
    assert (line(right, 1)[1] == 1.7).all()
    x, elastic = line(left, 4)
    assert elastic == pytest.approx(0.5 * 1.7 * (x - math.tanh(1.5)) ** 2)
    x, energy = line(left, 3)  # Fenchel-Young at h = 1.5
    k = int(np.abs(x - math.tanh(1.5)).argmin())
    bend = (energy[k + 1] - 2 * energy[k] + energy[k - 1]) / (x[1] - x[0]) ** 2
    assert bend == pytest.approx(1 / (1 - x[k] ** 2), rel=0.01)


def test_softplus_of_the_rounding_agrees_at_zero_and_the_tail_is_above():
    figure = neuron.rounding(get("relu"), KT, [-1.0, 0.5], [Estimate(0.3, 0.01), Estimate(0.8, 0.01)])
    draws(figure)
    (h, softplus), (_, warm) = line(figure.axes[0], 1), line(figure.axes[0], 2)
    at_zero = int(np.abs(h).argmin())
    assert softplus[at_zero] == pytest.approx(warm[at_zero]) == pytest.approx(math.sqrt(2 * KT / math.pi))
    dotted = next(curve for curve in figure.axes[1].lines if curve.get_linestyle() == ":")
    assert dotted.get_ydata()[0] == pytest.approx(KT / 3)
    assert warm[0] == pytest.approx(KT / 3, rel=0.12) and softplus[0] < 0.1 * warm[0]


def test_other_static_figures_draw():
    draws(neuron.areas(get("tanh"), 1.2, [0.5, math.tanh(1.2), 0.95]))
    h = np.linspace(-3.5, 1, 901)
    f = get("gelu").f(h)
    draws(neuron.bent_activation(h, f, np.cumsum(f) * 0.005, np.maximum(h, 0), -0.1))
    draws(neuron.noisy_input(h, {"a": f, "b": f}, [0.0], [Estimate(0.2, 0.1)], "a"))
    means = [Estimate(0.5, 0.1), Estimate(0.2, 0.1)]
    draws(neuron.switching([1, 10], {True: means, False: means}, [1, 10], {True: [0.5, 0.2], False: [0.5, 0.2]},
                           {True: 0.0, False: -0.8}))


def test_bad_input_is_refused():
    h = np.linspace(-1, 1, 11)
    one = [Estimate(1.0, 0.1)]
    for call, message in (
        (lambda: neuron.devices({"spring": get("identity")}, (1.0,)), "inputs must be 3 pulls"),
        (lambda: neuron.stress([1.0], {False: [], True: []}, 1.0), r"couplings must lie in \[0, 1\)"),
        (lambda: neuron.stress([0.5, 0.6], {False: [one * 2], True: [one * 2]}, 1.0), "for each of the 2 points"),
        (lambda: neuron.areas(get("tanh"), -1.0, [0.5]), "h must be positive"),
        (lambda: neuron.two_forms(get("tanh"), [0.0], 0.0), "stiffness must be positive"),
        (lambda: neuron.bent_activation(h, h, h, h, 0.05), "takes at two inputs, got 0.05, taken at 1"),
        (lambda: neuron.rounding(get("relu"), 0.0, [0.0], one), "kT must be positive"),
        (lambda: neuron.noisy_input(h, {"a": h}, [0.0], one, "b"), "which must be one of a"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def given():
    """What the chapter has defined by the time the exercises come."""
    def single(activation, form="fenchel-young", kT=None):
        return hamiltonian.NetworkHamiltonian([[[1.0]]], [[0.0]], activation, form=form, kT=kT)

    return vars(langevin) | {"np": np, "math": math, "activations": activations, "kT": KT, "mu": MOBILITY, "single": single,
                             "leaky": get("leaky-relu")}


@pytest.fixture
def forget_registered():
    before = dict(activations._ACTIVATIONS)
    yield
    activations._ACTIVATIONS.clear()
    activations._ACTIVATIONS.update(before)


def numbers(text):
    return [float(part) for part in re.findall(r"[-+]?\d+\.\d+", text)]


def test_solution_of_the_new_activation(forget_registered, capsys):
    names = given()
    exec(SOLUTIONS[0], names)
    mean, error, exact, cold = numbers(capsys.readouterr().out)
    assert abs(mean - exact) < 4 * error and cold - exact > 4 * error
    x = np.linspace(-12, 12, 100001)
    weight = np.exp(-(np.cosh(x) - 1 - 1.5 * x) / KT)
    assert exact == pytest.approx((x * weight).sum() / weight.sum(), abs=1e-4)
    assert float(get("arsinh").conjugate(1.5)) == pytest.approx(1.5 * math.asinh(1.5) - math.sqrt(3.25) + 1)
    with pytest.raises(ValueError, match="potential"):
        activations.register(activations.Activation(
            "wrong", np.arcsinh, lambda h: 1 / np.sqrt(1 + h * h), potential=lambda x: np.cosh(x) - 1,
            conjugate=lambda h: h * np.arcsinh(h) + np.sqrt(1 + h * h) - 1, inverse=np.sinh))


def test_solution_of_the_wrong_temperature(capsys):
    exec(SOLUTIONS[1], given())
    pulls = [float(row.split()[1]) for row in capsys.readouterr().out.splitlines()]
    assert len(pulls) == 3 and min(pulls) > 0
    x = np.linspace(-4, 8, 200001)
    for h, pull in zip((-2.0, 0.0, 2.0), pulls):
        weight = np.exp(-(np.where(x > 0, x * x / 2, 5 * x * x) - x * h) / KT)
        cold = h if h > 0 else 0.1 * h
        assert pull == pytest.approx((x * weight).sum() / weight.sum() - cold, abs=1e-4)


def test_solution_of_the_needle(capsys):
    exec(SOLUTIONS[2], given())
    mean, error, exact = numbers(capsys.readouterr().out)
    assert abs(mean - exact) < 4 * error
    along = np.linspace(-math.sqrt(3), math.sqrt(3), 200001)  # uniform on a sphere
    weight = np.exp(0.5 * along / KT)
    assert exact == pytest.approx((along * weight).sum() / weight.sum(), abs=1e-4)
