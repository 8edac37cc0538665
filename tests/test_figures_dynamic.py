"""The figures of "Dynamic substrates" draw, refuse, and obey the law in every state of every widget."""

import math
import re
from pathlib import Path

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401
from scipy.optimize import minimize_scalar

from thermolib import digits, landauer
from thermolib.figures import dynamic
from thermolib.langevin import Estimate, mean_work
from thermolib.substrates import (
    RESETS,
    HarmonicReset,
    cell_entropies,
    cross_entropy,
    fit_mixture,
    modularity_bound,
    quantized_forward,
    reset_bound,
    two_state_costs,
)

CHAPTER = Path(__file__).parents[1] / "chapters" / "04_dynamic_substrates.ipynb"
SOLUTIONS = chapters.solutions("04_dynamic_substrates")
LN2 = math.log(2)
KT, MOBILITY = 1.5, 0.5


@pytest.fixture(scope="module")
def reset():
    return HarmonicReset(2.0, 0.4, KT, MOBILITY)


@pytest.fixture(scope="module")
def runs(reset):
    return {(kind, m): reset.simulate(kind, m * reset.relaxation_time, 1000, rng=10 * i + m,
                                      record=np.linspace(0, 1, 21) * m * reset.relaxation_time)
            for i, kind in enumerate(RESETS) for m in (1, 4, 16, 64)}


@pytest.fixture(scope="module")
def digit_data():
    data = digits.load()
    return data, digits.network("relu").forward(data.images)[:, :64] > 0


def test_every_reset_obeys_the_second_law_and_its_closed_form(reset, runs):
    plot = dynamic.reset_explorer(reset, runs)
    for kind, m in runs:
        figure, values = plot(kind, m)
        draws(figure)
        assert abs(values["mean work (kT)"] - values["exact (kT)"]) < 4 * values["error of the mean (kT)"]
        assert values["least ever (kT)"] == pytest.approx(math.log(5)) and values["exact (kT)"] >= math.log(5)
        width = values["width left σ / σ(wanted)"]
        # First law: what is not yet heat is still in a distribution that is too wide.
        assert values["exact (kT)"] - values["heat by then, exact (kT)"] == pytest.approx((width**2 - 1) / 2)
        assert values["exact (kT)"] >= values["least in time τ (kT)"] - 1e-9 or width > 1.02
        if kind == "optimal":
            assert values["exact (kT)"] == pytest.approx(values["least in time τ (kT)"]) and width == pytest.approx(1)
    with pytest.raises(ValueError, match="runs must hold at least one"):
        dynamic.reset_explorer(reset, {})


def test_every_stream_of_images_keeps_the_three_numbers_in_order(digit_data):
    data, active = digit_data
    activities = {"all": active.mean(axis=0), "1": active[data.labels == 1].mean(axis=0)}
    plot = dynamic.input_statistics_explorer(activities)
    for name, p in activities.items():
        before = math.inf
        for repeat in (0, 0.25, 0.5, 0.9, 0.99):
            figure, values = plot(name, repeat)
            draws(figure)
            assert values["reset (kT)"] == pytest.approx(reset_bound(p))
            assert 2 * values["switches × ln 2 (kT)"] <= values["overwrite (kT)"] <= values["reset (kT)"] + 1e-9
            assert values["switches per inference"] == pytest.approx((1 - repeat) * np.sum(2 * p * (1 - p)))
            assert values["overwrite (kT)"] < before
            before = values["overwrite (kT)"]
        assert plot(name, 0)[1]["overwrite (kT)"] == pytest.approx(reset_bound(p))
    assert plot("all", 0)[1]["neurons that are not always the same"] == 42


def test_every_resolution_costs_less_than_a_uniform_distribution():
    data, network = digits.load(), digits.network("tanh")
    table = {}
    for R in (1.0, 2.0, 8.0):
        for r in (1.0, 0.25, 1 / 16):
            held = quantized_forward(network, data.images, r, R)
            table[R, r] = digits.accuracy(held[:, 64:], data.labels), cell_entropies(held[:, :64], r).sum()
    plot = dynamic.resolution_explorer(table, neurons=64)
    for R, r in table:
        figure, values = plot(R, r)
        draws(figure)
        assert -1e-9 <= values["bound, measured (kT)"] <= values["bound, if uniform (kT)"] + 1e-9
        assert values["bound, if uniform (kT)"] == pytest.approx(64 * math.log(R / r))
        assert values["measured, per neuron (bits)"] * 64 * LN2 == pytest.approx(values["bound, measured (kT)"], abs=1e-9)
    # Range that is never used costs nothing; range that is cut off costs accuracy.
    assert plot(8.0, 0.25)[1]["bound, measured (kT)"] == pytest.approx(plot(2.0, 0.25)[1]["bound, measured (kT)"])
    assert plot(1.0, 1 / 16)[1]["right answers (%)"] < plot(2.0, 1 / 16)[1]["right answers (%)"] - 3


def test_static_figures_draw(reset, runs):
    works = {kind: [mean_work(runs[kind, m].work / KT) for m in (1, 4, 16, 64)] for kind in RESETS}
    draws(dynamic.reset_costs(reset, [1, 4, 16, 64], works))
    draws(dynamic.capacitor_costs([3.0, 15.0, 255.0]))
    text = draws(dynamic.switching_curves(0.1))
    assert "0.693" in text and "0.325" in text and "0.069" in text
    text = draws(dynamic.neuron_entropies({"layer 1": np.array([0.5, 0.5, 0.0]), "layer 2": np.array([0.1, 0.9])}))
    assert f"layer 1: sum {2 * LN2:.1f}" in text
    draws(dynamic.joint_entropies([10, 100, 1000], [2.2, 4.5, 6.3], 20.5, {"a": Estimate(11.3, 0.2)}))
    draws(dynamic.network_cost([0.1, 1.0, 10.0], [200.0, 140.0, 130.0], [180.0, 120.0, 110.0]))


@pytest.mark.parametrize("call, message", [
    (lambda r: dynamic.reset_costs(r, [1, 2], {"sudden": [Estimate(1, 1)]}), "one estimate for each of the 2 durations"),
    (lambda r: dynamic.reset_costs(r, [1], {"slow": [Estimate(1, 1)]}), "kind must be one of sudden"),
    (lambda r: dynamic.capacitor_costs([1.0, 0.0]), "snr must be positive, got 0.0"),
    (lambda r: dynamic.switching_curves(1.1), "switching must be a probability"),
    (lambda r: dynamic.neuron_entropies({}), "layers must hold at least one"),
    (lambda r: dynamic.joint_entropies([1, 2], [0.1], 1.0, {}), "one entropy for each of the 2 counts, got 1"),
    (lambda r: dynamic.network_cost([1.0, 2.0], [1.0, 2.0], [1.0]), "for each of the 2 durations is needed, got 1"),
    (lambda r: dynamic.input_statistics_explorer({"a": [0.1], "b": [0.1, 0.2]}), "activities must have one length"),
    (lambda r: dynamic.resolution_explorer({(2.0, 1.0): (0.5, 1.0)}, neurons=0), "neurons must be an integer"),
])
def test_bad_input_is_refused_by_name(reset, call, message):
    with pytest.raises(ValueError, match=message):
        call(reset)


# --- folded solutions ------------------------------------------------------------------


@pytest.fixture
def given(reset, digit_data):
    """What the chapter has defined by the time the exercises come."""
    data, active = digit_data
    return {"np": np, "landauer": landauer, "kT": KT, "mu": MOBILITY, "reset": reset, "tau_r": reset.relaxation_time,
            "fit_on": active[data.train], "test_on": active[data.held_out], "cross_entropy": cross_entropy,
            "modularity_bound": modularity_bound, "reset_bound": reset_bound, "p": active.mean(axis=0),
            "activities": {"only 1": active[data.labels == 1].mean(axis=0)}}


def test_linear_solution_meets_its_formula(given, capsys):
    exec(SOLUTIONS[0], given)
    formula, found, _, ratio = capsys.readouterr().out.split()
    assert float(formula) == pytest.approx(23.96, abs=0.01) and float(found) == pytest.approx(float(formula), rel=0.02)
    assert float(ratio) == pytest.approx(4.68, abs=0.01)


def test_unfinished_solution_lies_between_sudden_and_complete(given, capsys):
    exec(SOLUTIONS[1], given)
    lines = [re.findall(r"[\d.]+", line) for line in capsys.readouterr().out.splitlines()]
    works = [float(line[1]) for line in lines]
    assert works == pytest.approx([11.943, 8.224, 3.360, 1.733], abs=1e-3)
    for m, work, left, complete in ([float(part) for part in line] for line in lines):
        assert math.log(5) < work < min(complete, 12) and 1 < left < 5
    # The best final width makes the derivative of the work vanish.
    tau, sigma = 8 * given["tau_r"], float(lines[2][2]) * 0.4
    slope = given["reset"].stiffness_after * sigma - KT / sigma - 2 * (2.0 - sigma) / (MOBILITY * tau)
    assert slope == pytest.approx(0, abs=0.1)


def test_tree_solution_is_a_normalized_model_between_the_others(given, capsys):
    exec(SOLUTIONS[2], given)
    cross, bound = (float(part) for part in re.findall(r"([\d.]+) ±", capsys.readouterr().out))
    assert (cross, bound) == (pytest.approx(14.6, abs=0.11), pytest.approx(6.0, abs=0.11))
    few = given["Tree"](given["fit_on"][:, 40:50])
    states = np.array(np.meshgrid(*[[False, True]] * 10)).reshape(10, -1).T
    assert np.exp(few.log_probability(states)).sum() == pytest.approx(1)
    alone = cross_entropy(given["test_on"], fit_mixture(given["fit_on"])).value
    assert 11.5 < cross < alone


def test_wrong_audience_solution_pays_the_cross_entropy(given, capsys):
    exec(SOLUTIONS[3], given)
    bound, paid = (float(part) for part in re.findall(r"[\d.]+", capsys.readouterr().out))
    ones, p = given["activities"]["only 1"], given["p"]
    live = (p > 0) & (p < 1)
    exact = -np.sum(ones[live] * np.log(p[live]) + (1 - ones[live]) * np.log(1 - p[live]))
    assert bound == pytest.approx(reset_bound(ones), abs=0.06) and paid == pytest.approx(exact, abs=0.06)
    assert bound < reset_bound(p) < paid < 64 * LN2


def test_crossing_of_the_count_quoted_in_the_text():
    gap = minimize_scalar(lambda f: abs(landauer.binary_entropy(f) - f * LN2), bounds=(0.6, 0.95), method="bounded")
    assert gap.x == pytest.approx(0.773, abs=5e-4)
    assert two_state_costs(0.5, 0.78).counted > two_state_costs(0.5, 0.78).overwrite


def test_every_state_of_the_widgets_of_the_chapter_is_finite():
    for widget in chapters.widgets(CHAPTER.stem):
        assert widget.count <= 60
        for state in widget.states():
            _, values = widget.render(state)
            assert all(isinstance(v, str) or math.isfinite(v) for v in values.values())
