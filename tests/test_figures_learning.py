"""The figures of "The price of learning" draw, refuse, and obey the law in every state of every widget."""

import math
import re
from dataclasses import replace

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401

from thermolib import digits, training, units
from thermolib.figures import learning
from thermolib.langevin import Estimate, mean_work
from thermolib.training import OnlineLearner, predict, with_noise_ratio

SOLUTIONS = chapters.solutions("09_the_price_of_learning")
N, RATIOS = 16, [0.1, 0.5, 1, 5]
BASE = OnlineLearner(640.0, 1 / (640 * 320), kT=1.3, mobility=0.7, parameters=N)


@pytest.fixture(scope="module")
def measured():
    table = {}
    for i, knob in enumerate(training.KNOBS):
        for j, ratio in enumerate(RATIOS):
            learner = with_noise_ratio(BASE, ratio, knob)
            start = 2 * learner.excess_loss / learner.stiffness
            run = training.simulate(learner, start, 400, learners=60, rng=10 * i + j)
            table[knob, ratio] = learner, mean_work(run.heat.mean(axis=0)), mean_work(run.loss.mean(axis=0))
    return table


def test_every_tradeoff_obeys_the_exact_student_and_the_bound(measured):
    plot = learning.tradeoff_explorer(measured)
    for (knob, ratio), (learner, heat, loss) in measured.items():
        figure, values = plot(knob, ratio)
        if ratio == 1:
            draws(figure)
        assert learner.noise_ratio == pytest.approx(ratio)
        assert values["exact (kT)"] == pytest.approx(learner.heat / (N * learner.kT))
        assert abs(values["heat per parameter and example (kT)"] - values["exact (kT)"]) < 4 * values["error (kT)"]
        assert values["E r / (2 N D kT)"] == pytest.approx(heat.value * ratio / (2 * N * learner.kT))
        assert abs(loss.value - learner.excess_loss) < 4 * loss.error
        assert values["exact (σ²)"] == pytest.approx(2 * learner.excess_loss / learner.stiffness)
        share = values["of it from the bath (%)"] / 100
        effective = share / (1 - share)
        assert values["exact (kT)"] * effective >= 2, "one example at a time must not beat the bound"
    assert plot("temperature", 1)[1]["exact (kT)"] == pytest.approx(plot("energy scale", 1)[1]["exact (kT)"])


def test_less_heat_can_mean_a_better_or_a_worse_answer(measured):
    plot = learning.tradeoff_explorer(measured)
    for knob, better in (("energy scale", False), ("temperature", False), ("learning rate", True)):
        first, last = plot(knob, RATIOS[0])[1], plot(knob, RATIOS[-1])[1]
        assert last["exact (kT)"] < first["exact (kT)"]
        assert (last["exact (σ²)"] < first["exact (σ²)"]) is better


def test_every_schedule_pays_landauer_and_learns_no_more_than_the_data_tell():
    plot = learning.schedule_explorer(parameters=16, examples=800)
    found = {}
    for rate in learning.RATES:
        for energy in (0.1, 0.3, 1, 3, 10):
            figure, values = plot(rate, energy)
            if energy == 1:
                draws(figure)
            found[rate, energy] = values
            end = values["squared error at the end (σ²)"]
            assert end > 16 / 800
            assert values["nats learned per parameter"] == pytest.approx(0.5 * math.log(1 / end))
            if end < 1:
                # kT for each nat is the least: the heat in N D kT, over the nats per parameter, times D.
                assert 800 * values["heat per nat learned (D kT)"] > 1
                assert values["heat per nat learned (D kT)"] * values["nats learned per parameter"] == pytest.approx(
                    values["heat (N D kT)"])
    falling = found["falling", 1]
    assert falling["r at the end"] == pytest.approx(1, abs=0.1)
    rivals = [v["squared error at the end (σ²)"] for (_, energy), v in found.items() if energy == 1]
    assert falling["squared error at the end (σ²)"] == min(rivals)
    for rate in learning.RATES:
        heats = [found[rate, e]["heat (N D kT)"] for e in (0.1, 1, 10)]
        errors = [found[rate, e]["squared error at the end (σ²)"] for e in (0.1, 1, 10)]
        assert heats == sorted(heats) and errors == sorted(errors, reverse=True), "a better answer must cost more heat"


def test_the_schedule_explorer_adds_up_what_the_library_predicts():
    values = learning.schedule_explorer(parameters=16, examples=800)("a = 0.2", 3)[1]
    learner = OnlineLearner(3.0 * 800, 0.2 / (16 * 3.0 * 800), kT=1.0, parameters=16)
    run = predict(learner, 1.0, 800)
    assert values["squared error at the end (σ²)"] == pytest.approx(2 * run.loss[-1] / learner.stiffness)
    assert values["heat (N D kT)"] == pytest.approx(run.heat.sum() / (16 * 800))


def test_calculator_agrees_with_the_bound_and_with_its_own_parts():
    widget = learning.bound_calculator()
    start = {name: c.default for name, c in widget.controls.items()}
    values = widget.function(**start)
    bound, batched, updates, each, landauer = values.values()
    assert bound == pytest.approx(units.thermal_energy() * training.training_bound(1.75e11, 3e11), rel=1e-9, abs=0)
    assert bound == batched == pytest.approx(435, abs=1) and updates == 3e11 and each == 2
    assert landauer == pytest.approx(units.landauer_limit(1.75e11), rel=1e-9, abs=0)
    other = widget.function(**start | {"epochs": 3, "batch": 6e4, "ratio": 0.5, "temperature": 600})
    assert list(other.values()) == pytest.approx([12 * bound, 12 * bound / 6e4, 3e11 * 3 / 6e4, 4, 2 * landauer],
                                                 rel=1e-9, abs=0)
    _, batched, updates, each, _ = other.values()
    assert batched == pytest.approx(updates * 1.75e11 * each * units.thermal_energy(600), rel=1e-9, abs=0)
    # The same in JavaScript, as far as Python can read it.
    assert f"{units.BOLTZMANN!r}" in widget.javascript and "2 * parameters * shown * kT / ratio" in widget.javascript


def network_statistics():
    data = digits.load()
    network = digits.network(stiffness=[1.0, 1.0, 1e-3])
    return training.force_statistics(network, data.images[data.train[:60]], data.targets[data.train[:60]])


def test_static_figures_draw(measured):
    learner = with_noise_ratio(BASE, 0.5, "energy scale")
    run = training.simulate(learner, 1.0, 50, learners=4, rng=0)
    draws(learning.learning_curves(learner, predict(learner, 1.0, 50), run))
    draws(learning.finite_time([measured["energy scale", r] for r in RATIOS]))
    heat = np.random.default_rng(0).exponential(size=400)
    text = draws(learning.training_heat(heat, 1.5 * heat, [(200, 0.5), (400, 0.91)], scale=0.5))
    assert "91 % right" in text and "epoch 2" in text
    statistics = network_statistics()
    silent = int((statistics.second_moment == 0).sum())
    figure = learning.parameter_by_parameter(statistics.second_moment, statistics, stiffness=1e-3, residual=0.01)
    assert f"{silent} of 3466" in draws(figure)
    text = draws(learning.accuracy_against_heat([(1.3, 0.93, 1e-5), (0.03, 0.7, 3e-4)], 0.92))
    assert "3×10⁻⁴" in text and "10⁻⁵" in text
    draws(learning.averaging([("batch", 1, 1.0, 0.1), ("batch", 4, 0.25, 0.1), ("inertia", 17, 0.06, 0.01)]))


def test_training_heat_shows_running_means_per_parameter():
    heat = np.repeat([2.0, 4.0], 100)
    figure = learning.training_heat(heat, 3 * heat, [(100, 0.5), (200, 0.9)], scale=0.5, window=10)
    force, ledger = (line.get_ydata() for line in figure.axes[0].lines[:2])
    assert (ledger[0], ledger[-1], force[0], force[-1]) == pytest.approx((4, 8, 12, 24))


def test_bad_input_is_refused_by_name(measured):
    learner = with_noise_ratio(BASE, 0.5, "energy scale")
    run = training.simulate(learner, 1.0, 5, learners=4, rng=0)
    ones, statistics = np.ones(100), network_statistics()
    mixed = [measured["energy scale", 1], measured["learning rate", 0.1]]
    for call, message in (
        (lambda: learning.learning_curves(learner, predict(learner, 1.0, 6), run), "run must have the 7 losses .* got 6"),
        (lambda: learning.finite_time(mixed), "learners must have one learning rate"),
        (lambda: learning.training_heat(ones, np.ones(99), [], scale=1.0), r"got \(100,\) and \(99,\)"),
        (lambda: learning.training_heat(ones, ones, [], scale=1.0, window=101), "at least 101"),
        (lambda: learning.parameter_by_parameter(ones, statistics, stiffness=1.0, residual=1.0), "of the 100 parameters"),
        (lambda: learning.accuracy_against_heat([], 0.9), "runs must list at least one"),
        (lambda: learning.averaging([]), "rows must list at least one"),
        (lambda: learning.averaging([("magic", 1, 1.0, 0.1)]), "way must be one of batch, inertia, got 'magic'"),
        (lambda: learning.schedule_explorer(parameters=4, examples=20)("a = 3", 1), "rate must be one of a = 0.02"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def numbers(text):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def given():
    """What the chapter has defined by the time the exercises come."""
    data = digits.load()
    return {"np": np, "math": math, "training": training, "digits": digits, "Estimate": Estimate, "soft": 1e-3,
            "images": data.images[data.train], "targets": data.targets[data.train]}


def test_tracking_solution_finds_the_best_rate(capsys):
    exec(SOLUTIONS[0], given())
    first, second = capsys.readouterr().out.splitlines()
    best, guess = numbers(first)[0], numbers(first)[1]
    error, heat = numbers(second)
    assert best == pytest.approx(guess, rel=0.08)
    assert error == pytest.approx(0.083, abs=0.001) and heat == pytest.approx(0.080, abs=0.003)


def test_tracking_solution_without_drift_is_the_exact_student():
    names = given()
    exec(SOLUTIONS[0].split("rates =")[0], names)
    learner = replace(BASE, mobility=1.0, kT=0.4, time_per_example=0.3 / (640 * N))
    error, heat = names["tracking"](learner.step, N=N, v=0.0, kappa=640.0, kT=0.4)
    assert error == pytest.approx(2 * learner.excess_loss / 640.0)
    assert heat == pytest.approx(learner.heat)


def test_averaging_solution_divides_both_noises_alike(capsys):
    exec(SOLUTIONS[1], given())
    labels, bath = (numbers(line) for line in capsys.readouterr().out.splitlines())
    assert labels[1] / labels[0] == pytest.approx(30, rel=0.3)
    assert bath[1] / bath[0] == pytest.approx(30, rel=0.3)
    assert labels[0] == pytest.approx(64 / 2000, rel=0.3)


def test_stiff_output_solution_obeys_the_same_law(capsys):
    exec(SOLUTIONS[2], given())
    soft, stiff = (numbers(line)[-1] for line in capsys.readouterr().out.splitlines())
    assert soft == pytest.approx(0.96, abs=0.02) and stiff == pytest.approx(0.96, abs=0.02)
