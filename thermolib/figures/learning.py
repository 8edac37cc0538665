"""Figures of the chapter "The price of learning": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from thermolib import _check, training, units
from thermolib.explore import Calculator, Range, calculator
from thermolib.figures import COLORS, new_figure
from thermolib.langevin import Estimate
from thermolib.training import ForceStatistics, Learning, OnlineLearner, predict, with_noise_ratio

Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]
#: A learner at rest: itself, its heat per example and its excess loss as measured.
Measured = tuple[OnlineLearner, Estimate, Estimate]


def _short(value: float) -> str:
    """A number of one digit, as 0.01, 300 or 3×10⁻⁴."""
    if 0.01 <= value < 9999:
        return f"{value:g}"
    digit, power = f"{value:.0e}".split("e")
    power = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{power}" if digit == "1" else f"{digit}×10{power}"


def _powers(axis, low: float, high: float) -> None:
    """Label powers of ten from low to high on a logarithmic axis: all of them, or every second or third if they are many."""
    powers = np.arange(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    ticks = 10.0 ** powers[:: 1 + len(powers) // 5]
    axis.set_ticks(ticks, [_short(t) for t in ticks])


def learning_curves(learner: OnlineLearner, exact: Learning, run: Learning) -> Figure:
    """Excess loss and heat so far of a learner: mean of simulated ones with its error, beside the exact recursion.

    exact, run: of the same start and number of steps. The heat is in N kT, the loss in kT.
    """
    if run.loss.shape[0] != len(exact.loss):
        raise ValueError(f"run must have the {len(exact.loss)} losses of the exact curve, got {run.loss.shape[0]}")
    shown = np.arange(len(exact.loss)) * learner.batch
    few = np.unique(np.geomspace(1, len(shown) - 1, 16).astype(int))
    total = np.concatenate([[0.0], np.cumsum(exact.heat)]) / (learner.parameters * learner.kT)
    simulated = np.concatenate([np.zeros((1, run.heat.shape[1])), np.cumsum(run.heat, axis=0)])
    simulated /= learner.parameters * learner.kT
    fig, (left, right) = new_figure(1, 2, size=(5.6, 3.0))
    for ax, curve, samples in ((left, exact.loss / learner.kT, run.loss / learner.kT), (right, total, simulated)):
        error = samples.std(axis=1, ddof=1) / math.sqrt(samples.shape[1])
        ax.plot(shown[1:], curve[1:], color=COLORS["exact"], label="exact")
        ax.errorbar(shown[few], samples.mean(axis=1)[few], error[few], fmt="o", ms=3.5, capsize=2,
                    color=COLORS["simulation"], label="simulation")
    left.axhline(learner.statistical_loss / learner.kT, color=COLORS["muted"], ls=":", lw=1.4)
    left.text(shown[1], 0.94 * learner.statistical_loss / learner.kT, "without the bath", va="top", color=COLORS["muted"],
              fontsize=9)
    law = 2 * shown / learner.noise_ratio
    right.plot(shown[1:], law[1:], color=COLORS["bound"], ls="--", label="2 N D kT / r")
    left.set(xscale="log", yscale="log", xlabel="examples shown", ylabel="excess loss (kT)",
             ylim=(0.6 * learner.statistical_loss / learner.kT, 1.5 * exact.loss[0] / learner.kT))
    right.set(xscale="log", yscale="log", xlabel="examples shown D", ylabel="heat so far (N kT)")
    for ax in (left, right):
        _powers(ax.xaxis, 1, shown[-1])
        _powers(ax.yaxis, *ax.get_ylim())
    left.legend(loc="center left", fontsize=8.5)
    right.legend(loc="upper left", fontsize=8.5)
    return fig


def _squared_error(learner: OnlineLearner, loss: float) -> float:
    """Mean of |theta - theta*|^2 in units of the variance of the labels' noise."""
    return 2 * loss / (learner.stiffness * learner.label_noise**2)


def tradeoff_explorer(measured: Mapping[tuple[str, float], Measured]) -> Plot:
    """Heat and error of learners at rest against the noise ratio, for each knob that sets it. Controls: knob, ratio.

    measured: (knob, r) -> a learner whose noise ratio was set to r with this knob, and what was measured on it.
    """
    knobs = list(dict.fromkeys(knob for knob, _ in measured))
    ratios = sorted({ratio for _, ratio in measured})
    fine = np.geomspace(ratios[0], ratios[-1], 60)
    curves = {}
    for knob in knobs:
        learners = [with_noise_ratio(measured[knob, ratios[0]][0], r, knob) for r in fine]
        heat = [m.heat / (m.parameters * m.kT) for m in learners]
        losses = [(m.excess_loss, m.statistical_loss, m.thermal_loss) for m in learners]
        errors = [[_squared_error(m, part) for part in parts] for m, parts in zip(learners, losses)]
        curves[knob] = np.array(heat), np.array(errors).T

    def plot(knob, ratio):
        learner, heat, loss = measured[knob, ratio]
        scale = 1 / (learner.parameters * learner.kT)
        exact_heat, (error, statistical, thermal) = curves[knob]
        points = [measured[knob, r] for r in ratios]
        heats = np.array([(h.value, h.error) for _, h, _ in points]).T / [m.parameters * m.kT for m, _, _ in points]
        losses = np.array([[_squared_error(m, v) for v in (x.value, x.error)] for m, _, x in points]).T
        now = ratios.index(ratio)
        fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.6))
        top.plot(fine, 2 / fine, color=COLORS["bound"], ls="--", label="2 kT / r")
        top.plot(fine, exact_heat, color=COLORS["exact"], lw=1.4, label="exact")
        bottom.plot(fine, statistical, color=COLORS["information"], ls="--", lw=1.4, label="from the labels")
        bottom.plot(fine, thermal, color=COLORS["heat"], ls=":", lw=1.8, label="from the bath")
        bottom.plot(fine, error, color=COLORS["exact"], lw=1.4)
        for ax, (values, errors) in ((top, heats), (bottom, losses)):
            ax.errorbar(ratios, values, errors, fmt="o", ms=4, capsize=2, color=COLORS["simulation"],
                        label="simulation" if ax is top else None)
            ax.plot(ratio, values[now], "o", ms=11, mfc="none", mew=1.6, color=COLORS["ink"])
        top.set(xscale="log", yscale="log", ylabel="heat per parameter\nand example (kT)", ylim=(0.2, 70))
        bottom.set(xscale="log", yscale="log", xlabel="noise ratio r = thermal / statistical", ylim=(4e-3, 2),
                   ylabel="squared error\nof the parameters (σ²)", xlim=(0.8 * ratios[0], 1.25 * ratios[-1]))
        for axis in (bottom.xaxis, top.yaxis, bottom.yaxis):
            _powers(axis, *axis.get_view_interval())
        top.legend(loc="upper right", fontsize=8.5)
        bottom.legend(loc="upper right", fontsize=8.5)
        return fig, {
            "heat per parameter and example (kT)": scale * heat.value,
            "error (kT)": scale * heat.error,
            "exact (kT)": scale * learner.heat,
            "E r / (2 N D kT)": scale * heat.value * learner.noise_ratio / 2,
            "squared error (σ²)": _squared_error(learner, loss.value),
            "exact (σ²)": _squared_error(learner, learner.excess_loss),
            "of it from the bath (%)": 100 * learner.thermal_loss / learner.excess_loss,
        }

    return plot


def finite_time(measured: Sequence[Measured]) -> Figure:
    """Heat and excess loss of learners with one learning rate against the time that each example lasts.

    measured: learners that differ in stiffness and time per example only, the product of the two being the same. The time
    is in units of that at which the noise ratio is 1.
    """
    learners = [m for m, _, _ in measured]
    rates = np.array([m.stiffness * m.time_per_example for m in learners])
    if not np.allclose(rates, rates[0]):
        raise ValueError(f"learners must have one learning rate, got stiffness * time from {rates.min():.3g} "
                         f"to {rates.max():.3g}")
    times = np.array([m.noise_ratio for m in learners])  # of a step of given length, in units of the time at r = 1
    heat = np.array([(h.value, h.error) for _, h, _ in measured]).T / [m.parameters * m.kT for m in learners]
    loss = np.array([(x.value / m.statistical_loss, x.error / m.statistical_loss) for m, _, x in measured]).T
    fine = np.geomspace(times.min(), times.max(), 60)
    curve = [with_noise_ratio(learners[0], r, "energy scale") for r in fine]
    fig, (left, right) = new_figure(1, 2, size=(5.6, 3.0))
    left.plot(fine, 2 / fine, color=COLORS["bound"], ls="--", label="2 kT / r")
    left.plot(fine, [m.heat / (m.parameters * m.kT) for m in curve], color=COLORS["exact"], label="exact")
    left.errorbar(times, *heat, fmt="o", ms=4, capsize=2, color=COLORS["simulation"], label="simulation")
    right.plot(fine, [m.excess_loss / m.statistical_loss for m in curve], color=COLORS["exact"])
    right.errorbar(times, *loss, fmt="o", ms=4, capsize=2, color=COLORS["simulation"])
    right.axhline(1, color=COLORS["muted"], ls=":", lw=1.4)
    right.text(times.max(), 0.97, "labels alone", ha="right", va="top", color=COLORS["muted"], fontsize=9)
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel="time per example (τ at r = 1)")
        _powers(ax.xaxis, *ax.get_xlim())
    left.set_ylabel("heat per parameter\nand example (kT)")
    _powers(left.yaxis, *left.get_ylim())
    right.set(ylabel="excess loss /\nthat of the labels alone", ylim=(0.8, 10))
    right.set_yticks((1, 2, 5, 10), ("1", "2", "5", "10"))
    right.set_yticks([], minor=True)
    left.legend(loc="upper right", fontsize=8.5)
    return fig


#: What the schedule explorer offers: a constant step a, or None for the one that falls as the data ask.
RATES = {"a = 0.02": 0.02, "a = 0.05": 0.05, "a = 0.1": 0.1, "a = 0.2": 0.2, "a = 0.5": 0.5, "falling": None}


def schedule_explorer(*, parameters: int = 64, examples: int = 6400) -> Plot:
    """Error and heat of a learner on its way, for a constant learning rate or a falling one. Controls: rate, energy.

    rate: one of `RATES`. energy: kappa sigma^2 / (D kT), the energy scale of an example. The learner starts at a squared
    error of 1, in units of sigma^2.
    """
    cold = OnlineLearner(1.0, 1.0 / parameters, kT=0.0, parameters=parameters)
    few = np.unique(np.geomspace(1, examples, 70).astype(int))
    runs = {}
    for name, a in RATES.items():
        times = training.efficient_times(cold, 1.0, examples) if a is None else np.full(examples, a / parameters)
        labels = predict(cold, 1.0, examples, times=times)
        bath = predict(replace(cold, kT=1.0, label_noise=0.0), 0.0, examples, times=times)  # the recursion is linear in kT
        runs[name] = [(np.concatenate([[0.0], np.cumsum(r.heat)]), 2 * r.loss) for r in (labels, bath)]

    def plot(rate, energy):
        _check.choice("rate", rate, RATES)
        kT = 1 / (energy * examples)
        (labels_heat, statistical), (bath_heat, thermal) = runs[rate]
        thermal = kT * thermal
        heat = (labels_heat + kT * bath_heat) / (parameters * examples * kT)
        error = statistical + thermal
        nats = 0.5 * parameters * math.log(1 / error[-1])
        fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.6))
        enough = few[few >= 2 * parameters]
        top.plot(enough, parameters / enough, color=COLORS["muted"], ls="--", lw=1.2)
        top.text(enough[-1], 0.72 * parameters / enough[-1], "N σ² / D", color=COLORS["muted"], ha="right", va="top",
                 fontsize=9)
        top.plot(few, statistical[few], color=COLORS["information"], ls="--", lw=1.4, label="from the labels")
        top.plot(few, np.maximum(thermal[few], 1e-9), color=COLORS["heat"], ls=":", lw=1.8, label="from the bath")
        top.plot(few, error[few], color=COLORS["exact"], label="squared error")
        bottom.plot(few, heat[few], color=COLORS["heat"])
        bottom.plot(examples, heat[-1], "o", color=COLORS["heat"])
        top.set(yscale="log", ylabel="squared error (σ²)", ylim=(1.5e-3, 3))
        bottom.set(xscale="log", yscale="log", xlabel="examples shown", ylabel="heat so far (N D kT)",
                   xlim=(1, 1.2 * examples), ylim=(8e-4, 2e3))
        for axis in (bottom.xaxis, top.yaxis, bottom.yaxis):
            _powers(axis, *axis.get_view_interval())
        top.legend(loc="lower left", fontsize=8.5)
        return fig, {
            "squared error at the end (σ²)": float(error[-1]),
            "of it from the bath (%)": float(100 * thermal[-1] / error[-1]),
            "r at the end": float(thermal[-1] / statistical[-1]),
            "heat (N D kT)": float(heat[-1]),
            "nats learned per parameter": nats / parameters,
            "heat per nat learned (D kT)": float(heat[-1]) * parameters / nats,
        }

    return plot


def training_heat(
    heat: np.ndarray, force_heat: np.ndarray, epochs: Sequence[tuple[int, float]], *, scale: float, window: int = 60
) -> Figure:
    """Heat of each example while a network learns, as a running mean, per parameter and in kT.

    heat: F_d before minus after, (examples,). force_heat: what the force at the start of each example would dissipate if
    it stayed, (examples,). epochs: the example at which each ends, and the accuracy then. scale: N kT.
    """
    heat, force_heat = _check.array("heat", heat, ndim=1), _check.array("force_heat", force_heat, ndim=1)
    if heat.shape != force_heat.shape or len(heat) < window:
        raise ValueError(f"heat and force_heat must hold the same examples, at least {window}, got {heat.shape} and "
                         f"{force_heat.shape}")
    kernel = np.ones(window) / window
    at = np.arange(window, len(heat) + 1)
    fig, ax = new_figure(size=(5.6, 3.2))
    few = slice(None, None, max(1, len(at) // 300))
    ledger, force = (np.convolve(values, kernel, "valid") / scale for values in (heat, force_heat))
    ax.plot(at[few], force[few], color=COLORS["muted"], lw=1, label="if the force stayed")
    ax.plot(at[few], ledger[few], color=COLORS["heat"], lw=1.2, label="ledger")
    ax.axhline(2, color=COLORS["bound"], ls="--", label="2 kT, r = 1")
    start, top = 0, 2.5 * force.max()
    for number, (end, accuracy) in enumerate(epochs, 1):
        ax.axvline(end, color=COLORS["grid"], lw=1)
        ax.text((start + end) / 2, 0.85 * top, f"epoch {number} ends at\n{100 * accuracy:.0f} % right", ha="center",
                va="top", color=COLORS["muted"], fontsize=9)
        start = end
    ax.set(yscale="log", xlabel="examples shown", ylabel="heat per parameter\nand example (kT)", xlim=(0, len(heat)),
           ylim=(0.4 * ledger.min(), top))
    _powers(ax.yaxis, *ax.get_ylim())
    ax.legend(loc="lower left", fontsize=8.5)
    return fig


def parameter_by_parameter(
    parameter_heat: np.ndarray, statistics: ForceStatistics, *, stiffness: float, residual: float
) -> Figure:
    """Heat of every parameter of a network, and variance of its force against its curvature.

    parameter_heat: (N,). statistics: of the same parameters. stiffness: kappa_L, which takes the units out. residual:
    mean squared error of one output, the ratio of variance to curvature of a model whose errors are independent of its
    parameters.
    """
    heat = _check.array("parameter_heat", parameter_heat, ndim=1)
    if statistics.curvature.shape != heat.shape:
        raise ValueError(f"statistics must be of the {len(heat)} parameters, got {statistics.curvature.shape}")
    used = statistics.second_moment > 0
    fig, (left, right) = new_figure(1, 2, size=(5.6, 3.1))
    share = np.log10(np.maximum(heat[used] / heat.mean(), 1e-9))
    left.hist(share, bins=np.arange(-4, 2.01, 0.25), color=COLORS["heat"], alpha=0.6)
    left.axvline(0, color=COLORS["exact"], ls="--", lw=1.2)
    left.text(0.08, 0.98, "mean", transform=left.get_xaxis_transform(), va="top", color=COLORS["exact"], fontsize=8.5)
    left.text(0.03, 0.97, f"{(~used).sum()} of {len(heat)}\nfeel no force\nand give no heat", transform=left.transAxes,
              va="top", fontsize=8.5, color=COLORS["muted"])
    left.set(xlabel="heat / mean of all", ylabel="parameters", xlim=(-4, 1.5))
    left.set_xticks(range(-4, 2), [_short(10.0**k) for k in range(-4, 2)])
    some = np.flatnonzero(used)[:: max(1, used.sum() // 350)]
    h, s2 = statistics.curvature[some] / stiffness, statistics.variance[some] / stiffness**2
    right.plot(h, s2, ".", ms=4, alpha=0.5, color=COLORS["simulation"])
    ends = np.array([h.min(), h.max()])
    right.plot(ends, residual * ends, color=COLORS["exact"], lw=1.4)
    right.text(0.03, 0.97, "line: mean squared\nerror × curvature", transform=right.transAxes, va="top", fontsize=8.5,
               color=COLORS["exact"])
    right.set(xscale="log", yscale="log", xlabel="curvature h (κ_L)", ylabel="variance of the force s² (κ_L²)")
    for axis in (right.xaxis, right.yaxis):
        _powers(axis, *axis.get_view_interval())
    return fig


def accuracy_against_heat(runs: Sequence[tuple[float, float, float]], reference: float) -> Figure:
    """Accuracy on held-out examples against the heat of training in units of 2 N D kT, with the temperature of each run.

    runs: (heat / 2 N D kT, accuracy, kT / kappa_L). reference: accuracy of gradient descent after as many examples.
    """
    if not runs:
        raise ValueError("runs must list at least one run, got none")
    heats, accuracies, temperatures = np.array(sorted(runs)).T
    fig, ax = new_figure(size=(5.6, 3.2))
    ax.axhline(100 * reference, color=COLORS["muted"], ls=":", lw=1.4)
    ax.text(0.7 * heats[0], 100 * reference + 0.8, "gradient descent, no bath", va="bottom", color=COLORS["muted"],
            fontsize=9)
    ax.axvline(1, color=COLORS["bound"], ls="--")
    ax.text(0.93, 52, "2 N D kT", color=COLORS["bound"], ha="right", va="bottom")
    ax.plot(heats, 100 * accuracies, "o-", color=COLORS["simulation"], lw=1.2)
    for heat, accuracy, temperature in zip(heats, accuracies, temperatures):
        ax.annotate(f"kT = {_short(temperature)} κ_L", (heat, 100 * accuracy), (6, -8), textcoords="offset points",
                    va="top", fontsize=8.5, color=COLORS["muted"])
    ax.set(xscale="log", xlabel="heat of training (2 N D kT)", ylabel="held-out accuracy (%)", ylim=(50, 101),
           xlim=(0.6 * heats[0], 4 * max(1, heats[-1])))
    ticks = [t for t in (0.01, 0.03, 0.1, 0.3, 1, 3, 10) if 0.6 * heats[0] < t < 4 * max(1, heats[-1])]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xticks([], minor=True)
    return fig


def averaging(rows: Sequence[tuple[str, float, float, float]]) -> Figure:
    """Heat times noise ratio of learners that average, in units of 2 N D kT, against how many examples they average.

    rows: (way, effective batch, ratio, its error), the way "batch" or "inertia".
    """
    if not rows:
        raise ValueError("rows must list at least one learner, got none")
    fig, ax = new_figure(size=(5.6, 3.2))
    largest = max(batch for _, batch, _, _ in rows)
    line = np.array([1, 1.3 * largest])
    ax.plot(line, 1 / line, color=COLORS["exact"], label="1 / B")
    ax.axhline(1, color=COLORS["bound"], ls="--", label="one example at a time")
    for way, marker, text in (("batch", "o", "clamped together"), ("inertia", "s", "inertia")):
        found = [row[1:] for row in rows if row[0] == way]
        if found:
            batch, ratio, error = np.array(found).T
            ax.errorbar(batch, ratio, error, fmt=marker, ms=5, capsize=2, mfc="none", color=COLORS["simulation"], label=text)
    for way, *_ in rows:
        _check.choice("way", way, ("batch", "inertia"))
    ax.set(xscale="log", yscale="log", xlabel="examples averaged B", ylabel="E r / (2 N D kT)")
    ax.set_xticks([b for b in (1, 4, 16, 64) if b <= 1.3 * largest], [f"{b}" for b in (1, 4, 16, 64) if b <= 1.3 * largest])
    ax.set_xticks([], minor=True)
    _powers(ax.yaxis, *ax.get_ylim())
    ax.legend(loc="lower left", fontsize=8.5)
    return fig


def _costs(
    parameters: float, examples: float, epochs: float, batch: float, ratio: float, temperature: float
) -> dict[str, float]:
    kT = units.thermal_energy(temperature)
    shown = examples * epochs
    bound = kT * training.training_bound(parameters, shown, ratio)
    return {
        "one example at a time (J)": bound,
        "with batches (J)": bound / batch,
        "updates of each parameter": shown / batch,
        "heat per parameter and update (kT)": 2 / ratio,
        "erasing one bit per parameter, once (J)": kT * math.log(2) * parameters,
    }


def bound_calculator() -> Calculator:
    """2 N D kT / r in joules, with epochs and batches, from the size of a model and of its data."""
    javascript = (
        "({parameters, examples, epochs, batch, ratio, temperature}) => {"
        f"const kT = {units.BOLTZMANN!r} * temperature, shown = examples * epochs;"
        "const bound = 2 * parameters * shown * kT / ratio;"
        "return [bound, bound / batch, shown / batch, 2 / ratio, kT * Math.LN2 * parameters];}"
    )
    return calculator(
        _costs,
        javascript,
        parameters=Range(1e3, 1e13, 1.75e11, "parameters N", log=True),
        examples=Range(1e3, 1e14, 3e11, "examples D", log=True),
        epochs=Range(1, 100, 1, "epochs", log=True),
        batch=Range(1, 1e7, 1, "examples clamped together B", log=True),
        ratio=Range(0.01, 100, 1, "noise ratio r", log=True),
        temperature=Range(0.01, 1000, 300, "temperature T", "K", log=True),
    )
