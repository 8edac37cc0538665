"""Figures of the chapter "Dynamic substrates": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.special import entr

from thermolib import _check
from thermolib.figures import COLORS, new_figure
from thermolib.landauer import binary_entropy
from thermolib.langevin import Estimate, Run, mean_work
from thermolib.substrates import RESETS, HarmonicReset, capacitor_bound, capacitor_dump, two_state_costs

LN2 = math.log(2)
Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]

_LINES = {"sudden": ":", "linear": "--", "optimal": "-"}
_MARKERS = {"sudden": "^", "linear": "s", "optimal": "o"}


def _plain_ticks(axis, ticks: Sequence[float]) -> None:
    axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_ticks([], minor=True)


def reset_explorer(reset: HarmonicReset, runs: Mapping[tuple[str, float], Run]) -> Plot:
    """Stiffness, width and work along a reset, exact and simulated. Controls: kind, duration (in relaxation times).

    runs: (kind, duration in relaxation times) -> a simulation of it, recorded at some times.
    """
    if not runs:
        raise ValueError("runs must hold at least one simulation, got none")
    times = np.concatenate([[0, 1e-9], np.linspace(0, 1, 61)[1:-1], [1 - 1e-9, 1]])  # jumps upright
    paths = {(kind, m): reset.path(kind, m * reset.relaxation_time, times * m * reset.relaxation_time) for kind, m in runs}
    stiffest = max(path.stiffness.max() for path in paths.values()) / reset.stiffness_after
    dearest = max(path.work.max() for path in paths.values()) / reset.kT
    ratio = reset.sigma_before / reset.sigma_after

    def plot(kind, duration):
        run, path, tau = runs[kind, duration], paths[kind, duration], duration * reset.relaxation_time
        found = mean_work(run.work / reset.kT)
        fig, (top, middle, bottom) = new_figure(3, 1, sharex=True, size=(5.6, 5.6), height_ratios=(1, 1.2, 1.5))
        top.plot(path.times / tau, path.stiffness / reset.stiffness_after, color=COLORS["ink"])
        top.set(ylabel="stiffness\nk / k(end)", yscale="log", ylim=(0.6 / ratio**2, 1.5 * stiffest))
        middle.axhline(1, color=COLORS["muted"], lw=1, ls="--")
        middle.plot(path.times / tau, path.sigma / reset.sigma_after, color=COLORS["exact"], label="exact")
        middle.plot(run.times / tau, run.recorded_x.std(axis=1) / reset.sigma_after, "o", ms=4,
                    color=COLORS["simulation"], label="simulation")
        middle.set(ylabel="width\nσ / σ(wanted)", ylim=(0, 1.1 * ratio))
        middle.legend(loc="upper right")
        bottom.axhline(reset.bound() / reset.kT, color=COLORS["bound"], ls="--", lw=1.4, label="least ever")
        bottom.axhline(reset.least_work(tau) / reset.kT, color=COLORS["bound"], lw=1.4, label="least in time τ")
        bottom.plot(path.times / tau, np.maximum(path.work / reset.kT, 0.01), color=COLORS["work"], label="work, exact")
        bottom.plot(run.times / tau, np.maximum(run.recorded_work.mean(axis=1) / reset.kT, 0.01), "o", ms=4,
                    color=COLORS["simulation"])
        bottom.set(xlabel="time t / τ", ylabel="mean work so far\n(kT)", yscale="log", xlim=(-0.02, 1.02),
                   ylim=(0.4, 2 * dearest))
        bottom.legend(loc="lower center", bbox_to_anchor=(0.5, 0.97), ncols=3)
        for ax, ticks in ((top, (0.1, 1)), (bottom, (1, 3, 10))):
            _plain_ticks(ax.yaxis, ticks)
        return fig, {
            "mean work (kT)": found.value,
            "error of the mean (kT)": found.error,
            "exact (kT)": float(path.work[-1] / reset.kT),
            "heat by then, exact (kT)": float(path.heat[-1] / reset.kT),
            "least in time τ (kT)": reset.least_work(tau) / reset.kT,
            "least ever (kT)": reset.bound() / reset.kT,
            "width left σ / σ(wanted)": float(path.sigma[-1] / reset.sigma_after),
        }

    return plot


def reset_costs(reset: HarmonicReset, durations: Sequence[float], simulated: Mapping[str, Sequence[Estimate]]) -> Figure:
    """Mean work of each kind of reset, and the width it leaves, against the duration in relaxation times.

    durations: of the simulations. simulated: kind -> one estimate of the mean work for each duration, in kT.
    """
    durations = _check.array("durations", durations, ndim=1)
    for kind, estimates in simulated.items():
        _check.choice("kind", kind, RESETS)
        if len(estimates) != len(durations):
            raise ValueError(f"simulated must hold one estimate for each of the {len(durations)} durations, "
                             f"got {len(estimates)} for {kind!r}")
    fine = np.geomspace(durations.min(), durations.max(), 60)
    taus = fine * reset.relaxation_time
    fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.6), height_ratios=(2, 1))
    top.axhline(reset.bound() / reset.kT, color=COLORS["bound"], ls="--", lw=1.4, label="least ever")
    top.plot(fine, [reset.least_work(tau) / reset.kT for tau in taus], color=COLORS["bound"], lw=5, alpha=0.35,
             label="least in time τ")
    for kind, estimates in simulated.items():
        paths = [reset.path(kind, tau, [tau]) for tau in taus]
        top.plot(fine, [path.work[-1] / reset.kT for path in paths], color=COLORS["exact"], ls=_LINES[kind], lw=1.3)
        top.errorbar(durations, [e.value for e in estimates], [e.error for e in estimates], fmt=_MARKERS[kind], ms=5,
                     capsize=2, color=COLORS["simulation"], label=kind)
        bottom.plot(fine, [path.sigma[-1] / reset.sigma_after for path in paths], color=COLORS["exact"],
                    ls=_LINES[kind], label=kind)
    top.set(ylabel="mean work (kT)", xscale="log", yscale="log", xlim=(fine[0] / 1.15, fine[-1] * 1.15), ylim=(0.65, None))
    top.legend(loc="lower left", ncols=3)
    bottom.set(xlabel="duration τ (relaxation times of the last trap)", ylabel="width left\nσ / σ(wanted)",
               yscale="log", ylim=(0.9, None))
    bottom.legend(loc="upper right")
    _plain_ticks(top.xaxis, durations)
    _plain_ticks(top.yaxis, (2, 5, 10, 20))
    _plain_ticks(bottom.yaxis, (1, 2, 3))
    return fig


def capacitor_costs(snr: Sequence[float]) -> Figure:
    """Heat of dumping a capacitor and the least heat of forgetting it, in kT, against the SNR; a dot for each neuron.

    snr: signal-to-noise power of some neurons, positive.
    """
    snr = _check.array("snr", snr, ndim=1)
    if (snr <= 0).any():
        raise ValueError(f"snr must be positive, got {snr.min()}")
    grid = np.geomspace(0.03, 3e5, 80)
    fig, ax = new_figure()
    for cost, color, text, where in ((capacitor_dump, "heat", "dump it:  SNR / 2", (150, 400)),
                                     (capacitor_bound, "bound", "forget it:  ½ ln(1 + SNR)", (100, 0.9))):
        ax.plot(grid, [cost(s) for s in grid], color=COLORS[color])
        ax.plot(snr, [cost(s) for s in snr], "o", ms=4, alpha=0.5, color=COLORS[color])
        ax.text(*where, text, color=COLORS[color], ha="right" if color == "heat" else "left", va="center")
    ax.set(xscale="log", yscale="log", xlabel="signal-to-noise power SNR", ylabel="mean heat of a reset (kT)",
           xlim=(grid[0], grid[-1]), ylim=(0.01, 2e5))
    return fig


def switching_curves(switching: float = 0.1) -> Figure:
    """Three numbers for a neuron that is active half of the time, in nats, against its probability of switching.

    switching: where to read them off.
    """
    switching = _check.probability("switching", switching)
    nu = np.linspace(0, 1, 161)
    fig, ax = new_figure(size=(5.6, 3.6))
    overwrite = np.array([binary_entropy(value) for value in nu])
    here = two_state_costs(0.5, switching)
    for values, color, line, text, value, side in (
        (np.full(nu.shape, LN2), "bound", "-", "reset:  H(p) = ln 2", here.reset, "bottom"),
        (overwrite, "bound", "--", "overwrite:  H(old | new) = H(ν)", here.overwrite, "top"),
        (nu * LN2, "information", ":", "count:  ν ln 2", here.counted, "top"),
    ):
        ax.plot(nu, values, color=COLORS[color], ls=line, label=text)
        ax.plot(switching, value, "o", color=COLORS[color])
        shift = 0.02 if side == "bottom" else -0.01
        ax.text(switching + 0.025, value + shift, f"{value:.3f}", color=COLORS[color], ha="left", va=side)
    ax.fill_between(nu, nu * LN2, overwrite, where=nu * LN2 >= overwrite, color=COLORS["information"], alpha=0.2, lw=0)
    ax.set(xlabel="probability ν that the next input switches the neuron", ylabel="per inference (nats)",
           xlim=(0, 1), ylim=(0, 1.05))
    ax.legend(loc="upper right")
    return fig


def neuron_entropies(layers: Mapping[str, np.ndarray]) -> Figure:
    """For each two-state neuron, sorted within its layer: its entropy H(p), and its count of switches times ln 2.

    layers: name -> activities p, (neurons,). The count is that of independent inputs, 2 p (1 - p).
    """
    if not layers:
        raise ValueError("layers must hold at least one layer, got none")
    fig, panels = new_figure(1, len(layers), sharey=True, squeeze=False)
    for ax, (name, activity) in zip(panels[0], layers.items()):
        p = _check.array(name, activity, ndim=1)
        entropies = np.sort(entr(p) + entr(1 - p))[::-1]
        ranks = np.arange(1, len(p) + 1)
        ax.bar(ranks, entropies, width=0.8, color=COLORS["information"], alpha=0.45, label="H(p)")
        ax.plot(ranks, np.sort(2 * p * (1 - p))[::-1] * LN2, color=COLORS["information"], ls=":", label="switches × ln 2")
        ax.axhline(LN2, color=COLORS["bound"], ls="--", lw=1.2)
        ax.set_title(f"{name}: sum {entropies.sum():.1f}", fontsize=10)
        ax.set(xlabel="neuron, by rank", xlim=(0, len(p) + 1), ylim=(0, 0.85))
    panels[0, 0].set_ylabel("entropy (nats)")
    panels[0, 0].text(len(p), LN2 + 0.02, "ln 2", color=COLORS["bound"], ha="right", va="bottom")
    panels[0, 0].legend(loc="center right")
    return fig


def input_statistics_explorer(activities: Mapping[str, np.ndarray]) -> Plot:
    """The three numbers of a network, and their parts, for a stream of inputs. Controls: inputs, repeat.

    The next input is the present one again with probability repeat, else an independent one, so that a neuron switches
    with probability (1 - repeat) 2 p (1 - p).

    activities: name of a set of inputs -> activities p over it, (neurons,).
    """
    arrays = {name: _check.array(name, p, ndim=1) for name, p in activities.items()}
    if len({len(p) for p in arrays.values()}) != 1:
        raise ValueError(f"activities must have one length for all sets, got {[len(p) for p in arrays.values()]}")
    n = len(next(iter(arrays.values())))
    ranks = np.arange(1, n + 1)

    def plot(inputs, repeat):
        p = arrays[inputs]
        nu = (1 - repeat) * 2 * p * (1 - p)
        costs = two_state_costs(p, nu)
        alone = entr(p) + entr(1 - p)
        order = np.argsort(-alone, kind="stable")
        each = np.array([two_state_costs(*pair).overwrite for pair in zip(p, nu)])
        fig, (top, bottom) = new_figure(2, 1, size=(5.6, 4.6), height_ratios=(1, 1.5))
        rows = (("reset", costs.reset, "bound", 1.0), ("overwrite", costs.overwrite, "bound", 0.55),
                ("count × ln 2", costs.counted, "information", 0.6))
        for y, (_, value, color, alpha) in enumerate(rows):
            top.barh(y, value, height=0.62, color=COLORS[color], alpha=alpha)
            top.text(value + 0.3, y, f"{value:.1f}", va="center", color=COLORS[color])
        top.set_yticks(range(3), [name for name, *_ in rows])
        top.set(xlabel="whole network, per inference (kT)", xlim=(0, 24), ylim=(2.6, -0.6))
        bottom.plot(ranks, alone[order], color=COLORS["bound"], drawstyle="steps-mid", label="reset:  H(p)")
        bottom.plot(ranks, each[order], color=COLORS["bound"], ls="--", lw=1.4, drawstyle="steps-mid",
                    label="overwrite:  H(old | new)")
        bottom.plot(ranks, nu[order] * LN2, color=COLORS["information"], ls=":", drawstyle="steps-mid",
                    label="count:  ν ln 2")
        bottom.set(xlabel="neuron, by rank", ylabel="one neuron (kT)", xlim=(0.5, n + 0.5), ylim=(0, 0.85))
        bottom.legend(loc="upper right")
        return fig, {
            "neurons that are not always the same": float((alone > 0).sum()),
            "active per inference": float(p.sum()),
            "reset (kT)": costs.reset,
            "overwrite (kT)": costs.overwrite,
            "switches per inference": costs.switches,
            "switches × ln 2 (kT)": costs.counted,
        }

    return plot


def resolution_explorer(table: Mapping[tuple[float, float], tuple[float, float]], neurons: int) -> Plot:
    """Accuracy and reset bound of a network of analog neurons against their resolution. Controls: range, resolution.

    table: (range, resolution) -> accuracy in [0, 1], sum of the neurons' cell entropies in nats. neurons: how many.
    """
    neurons = _check.count("neurons", neurons)
    finest = min(resolution for _, resolution in table)
    highest = neurons * math.log(max(range for range, _ in table) / finest)

    def plot(range, resolution):
        here = sorted(r for R, r in table if R == range)
        right, sums = np.array([table[range, r] for r in here]).T
        uniform = neurons * np.log(range / np.array(here))
        k = here.index(resolution)
        fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.4))
        top.plot(here, 100 * right, color=COLORS["ink"], lw=1.4)
        top.plot(resolution, 100 * right[k], "o", color=COLORS["ink"])
        top.set(ylabel="right answers (%)", ylim=(0, 104))
        bottom.plot(here, uniform, color=COLORS["bound"], ls="--", label="uniform:  ln(R/r) each")
        bottom.plot(here, sums, color=COLORS["information"], label="measured distributions")
        bottom.plot(resolution, uniform[k], "o", color=COLORS["bound"])
        bottom.plot(resolution, sums[k], "o", color=COLORS["information"])
        bottom.set(xlabel="resolution r", ylabel="reset bound (kT)", xscale="log", xlim=(1.25 * max(here), 0.8 * finest),
                   ylim=(-0.03 * highest, 1.05 * highest))
        bottom.set_xticks(here, [f"1/{1 / r:g}" if r < 1 else f"{r:g}" for r in here])
        bottom.set_xticks([], minor=True)
        bottom.legend(loc="upper left")
        return fig, {
            "cells R / r": range / resolution,
            "right answers (%)": 100 * float(right[k]),
            "bound, measured (kT)": float(sums[k]),
            "bound, if uniform (kT)": float(uniform[k]),
            "measured, per neuron (bits)": float(sums[k]) / neurons / LN2,
        }

    return plot


def joint_entropies(
    counts: Sequence[int], sampled: Sequence[float], separate: float, models: Mapping[str, Estimate]
) -> Figure:
    """What a sample says about a joint entropy, and what fitted models do, in nats.

    counts: sizes of the samples. sampled: the entropy of each as a sample. separate: sum of the marginal entropies.
    models: name -> cross-entropy on inputs that the model was not fitted to.
    """
    counts, sampled = _check.array("counts", counts, ndim=1), _check.array("sampled", sampled, ndim=1)
    if counts.shape != sampled.shape:
        raise ValueError(f"sampled must hold one entropy for each of the {len(counts)} counts, got {len(sampled)}")
    fig, (left, right) = new_figure(1, 2, size=(5.6, 3.4), width_ratios=(1, 1.15))
    left.plot(counts, np.log(counts), color=COLORS["muted"], ls="--", label="ln m, its most")
    left.plot(counts, sampled, "o-", color=COLORS["information"], lw=1.2, label="sample")
    left.set(xscale="log", xlabel="number m of images", ylabel="entropy of the sample (nats)", ylim=(0, 8.4))
    ticks = [c for c in (10, 100, 1000) if counts.min() <= c <= counts.max()]
    _plain_ticks(left.xaxis, ticks)
    left.legend(loc="lower right")
    right.bar(0, separate, width=0.6, color=COLORS["information"], alpha=0.45)
    right.text(0, separate + 0.4, f"{separate:.1f}", ha="center", color=COLORS["information"])
    for x, estimate in enumerate(models.values(), 1):
        right.bar(x, estimate.value, width=0.6, color=COLORS["bound"], alpha=0.45)
        right.errorbar(x, estimate.value, estimate.error, color=COLORS["bound"], capsize=3)
        right.text(x, estimate.value + 0.7, f"{estimate.value:.1f}", ha="center", color=COLORS["bound"])
    right.axhline(sampled[-1], color=COLORS["information"], ls=":", lw=1.4, label=f"sample of {counts[-1]:.0f}")
    right.legend(loc="upper right")
    right.set_xticks(np.arange(len(models) + 1), ["one\nby one", *models], fontsize=9)
    right.set(ylabel="joint entropy is below (nats)", xlim=(-0.5, len(models) + 0.5), ylim=(0, 1.15 * separate))
    return fig


def network_cost(durations: Sequence[float], gaussian: Sequence[float], measured: Sequence[float]) -> Figure:
    """Least work per inference of a network of analog neurons against the time for a reset, in kT.

    durations: times, in the unit of activation squared over diffusion coefficient. gaussian: estimate that knows only the
    neurons' standard deviations. measured: with the distributions as measured.
    """
    durations = _check.array("durations", durations, ndim=1)
    fig, ax = new_figure()
    for values, line, text in ((gaussian, "-", "from σ alone (Gaussian)"), (measured, "--", "from the measured values")):
        values = _check.array(text, values, ndim=1)
        if values.shape != durations.shape:
            raise ValueError(f"one cost for each of the {len(durations)} durations is needed, got {len(values)}")
        ax.plot(durations, values, color=COLORS["bound"], ls=line, label=text)
        ax.axhline(values[-1], color=COLORS["muted"], ls=line, lw=0.8)
    ax.set(xscale="log", yscale="log", xlabel="time for the reset τ (activation²/D)",
           ylabel="least work per inference (kT)", xlim=(durations[0], durations[-1]))
    _plain_ticks(ax.yaxis, [t for t in (50, 100, 200, 500, 1000, 2000, 5000) if t < gaussian[0]])
    ax.legend(loc="upper right")
    return fig
