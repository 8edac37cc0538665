"""Figures of the chapter "One neuron": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import quad, simpson

from thermolib import _check
from thermolib.activations import Activation
from thermolib.figures import COLORS, new_figure
from thermolib.langevin import Estimate

Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]

_DASHES = (":", "--", "-")


def _points(ax, x, estimates: Sequence[Estimate], name: str, **style) -> None:
    """Simulated estimates with their error bars."""
    if len(estimates) != len(x):
        raise ValueError(f"{name} must hold one estimate for each of the {len(x)} points, got {len(estimates)}")
    ax.errorbar(x, [e.value for e in estimates], [e.error for e in estimates], capsize=2, color=COLORS["simulation"],
                **{"fmt": "o", "ms": 4} | style)


def _stops(ax, act: Activation) -> None:
    """Walls at the ends of the domain of a continuous activation, drawn for others too, but nowhere."""
    continuous = act.levels is None
    for edge in act.domain:
        ax.axvline(edge if continuous and math.isfinite(edge) else math.nan, color=COLORS["muted"], lw=3, alpha=0.6)


def devices(activations: Mapping[str, Activation], inputs: Sequence[float] = (-1.0, 0.5, 1.5)) -> Figure:
    """Energies of devices under a pull, and where their minima are, one column each.

    activations: name of the device -> the activation with its potential. inputs: three pulls h; the minima of
    potential(x) - x h are read off a grid, and lie on the curve f(h) below.
    """
    if len(inputs) != len(_DASHES):
        raise ValueError(f"inputs must be {len(_DASHES)} pulls, got {len(inputs)}")
    fig, panels = new_figure(2, len(activations), sharex="row", sharey="row", size=(5.6, 4.4), squeeze=False)
    x, h = np.linspace(-1.6, 2.0, 1801), np.linspace(-2, 2, 161)
    for (name, act), (top, bottom) in zip(activations.items(), panels.T):
        held = act.potential(x)
        _stops(top, act)
        for pull, line in zip(inputs, _DASHES):
            energy = held - x * pull
            lowest = int(np.argmin(energy))
            top.plot(x, np.where(np.isfinite(energy), energy, np.nan), color=COLORS["ink"], lw=1.3, ls=line,
                     label=f"h = {pull:g}".replace("-", "−"))
            for ax, place in ((top, (x[lowest], energy[lowest])), (bottom, (pull, x[lowest]))):
                ax.plot(*place, "o", color=COLORS["exact"], ms=5, zorder=3)
        bottom.plot(h, act.f(h), color=COLORS["exact"], lw=1.4)
        top.set_title(name, fontsize=10)
        top.set(xlabel="state x", ylim=(-2.2, 2.6), xticks=(-1, 0, 1, 2))
        bottom.set(xlabel="input h", ylim=(-1.6, 2.0), xlim=(-2.1, 2.1), xticks=(-2, 0, 2))
    panels[0, 0].set_ylabel("energy Φ(x) − x h")
    panels[1, 0].set_ylabel("x of the minimum")
    fig.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return fig


def stress(couplings: Sequence[float], simulated: Mapping[bool, Sequence[tuple[Estimate, Estimate]]], pull: float) -> Figure:
    """Mean states of two springs in a row against their coupling w, without the counter-term and with it.

        without: x1 = h / (1 - w^2), x2 = w x1;    with: x1 = h, x2 = w h

    couplings: w, in [0, 1). simulated: counter-term or not -> the means of x1 and x2 at each coupling. pull: h.
    """
    couplings, pull = _check.array("couplings", couplings, ndim=1), _check.finite("pull", pull)
    if (couplings < 0).any() or (couplings >= 1).any():
        raise ValueError(f"couplings must lie in [0, 1), got {couplings}")
    fig, panels = new_figure(1, 2, sharey=True)
    w = np.linspace(0, 0.95, 150)
    for ax, counter_term, title in zip(panels, (False, True), ("without counter-term", "with counter-term")):
        first = np.full_like(w, pull) if counter_term else pull / (1 - w**2)
        for curve, k, line, marker in ((first, 0, "-", "o"), (w * first, 1, "--", "s")):
            ax.plot(w, curve, color=COLORS["exact"], ls=line, lw=1.4)
            means = [pair[k] for pair in simulated[counter_term]]
            _points(ax, couplings, means, "simulated", fmt=marker, label=f"x{'₁₂'[k]}")
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="coupling w", xlim=(0, 1), ylim=(0, 6 * pull))
    panels[0].set_ylabel("mean state")
    panels[1].legend(loc="upper left")
    return fig


def areas(act: Activation, h: float, states: Sequence[float]) -> Figure:
    """Young's inequality: the areas beside and under the graph of f cover the rectangle x h, and the gap besides.

    h: positive, with f increasing from f(0) = 0. states: one x in (0, 1) for each panel.
    """
    h = _check.positive("h", h)
    fig, panels = new_figure(1, len(states), sharex=True, sharey=True, size=(5.6, 2.7), squeeze=False)
    grid = np.linspace(0, 2.2, 441)
    f = act.f(grid)
    for ax, x in zip(panels[0], states):
        below = grid <= h
        ax.fill_between(grid[below], 0, f[below], color=COLORS["work"], alpha=0.22, lw=0)
        beside = f <= x
        ax.fill_between(grid[beside], f[beside], x, color=COLORS["muted"], alpha=0.3, lw=0)
        low, high = _gap_region(grid, f, x, h)
        ax.fill_between(grid, low, high, color=COLORS["heat"], alpha=0.75, lw=0)
        ax.plot(grid, f, color=COLORS["exact"], lw=1.4)
        ax.plot([0, h, h], [x, x, 0], color=COLORS["ink"], lw=1, ls="--")
        ax.plot(h, x, "o", color=COLORS["ink"], ms=4)
        ax.text(0.66 * h, 0.32 * x, "Φ*(h)", color=COLORS["work"], ha="center", va="center", fontsize=9)
        ax.text(0.04 * h, 0.8 * x, "Φ(x)", color=COLORS["ink"], ha="left", va="center", fontsize=8.5)
        ax.set(xlabel="input h", xlim=(0, 2.2), ylim=(0, 1.12), yticks=(0, 0.5, 1))
        ax.set_xticks([0, h], ["0", "h"])
        ax.text(0.04, x + 0.015, "x", color=COLORS["ink"], va="bottom")
        order = "x > f(h)" if x > act.f(h) + 1e-9 else "x < f(h)" if x < act.f(h) - 1e-9 else "x = f(h)"
        ax.set_title(order, fontsize=10)
    panels[0, 0].set_ylabel("state x")
    return fig


def _gap_region(grid, f, x, h) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge, on a grid of inputs, of the region between the graph, the height x and the input h."""
    before = grid <= h
    low = np.where(before, x, np.minimum(f, x))
    high = np.where(before, np.maximum(f, x), x)
    return low, high


def gap_area(act: Activation, x: float, h: float) -> float:
    """The area between the graph of f, the height x and the input h: integral of f - x from the inverse of x to h."""
    start = float(act.inverse(np.float64(x)))
    corner = float(np.median([start, 0.0, h]))  # f may have a kink at 0
    return sum(quad(lambda s: float(act.f(np.float64(s))) - x, *ends)[0] for ends in ((start, corner), (corner, h)))


def gap_explorer(activations: Mapping[str, Activation]) -> Plot:
    """The Fenchel-Young gap as an area beside the graph of f, and as a height. Controls: activation, h, x.

    activations: label -> activation with a potential that is finite on the states asked for.
    """
    grid, states = np.linspace(-3.5, 3.5, 211), np.linspace(-1.1, 2.3, 171)

    def plot(activation, h, x):
        act = activations[activation]
        f, here = act.f(grid), float(act.f(np.float64(h)))
        held, counter = float(act.potential(np.float64(x))), float(act.conjugate(np.float64(h)))
        gap = held + counter - x * h
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.4), width_ratios=(1.5, 1))
        left.fill_between(grid, *_gap_region(grid, f, x, h), color=COLORS["heat"], alpha=0.75, lw=0)
        left.plot(grid, f, color=COLORS["exact"], lw=1.4)
        left.axhline(x, color=COLORS["muted"], lw=0.8, ls="--")
        left.axvline(h, color=COLORS["muted"], lw=0.8, ls="--")
        left.plot(h, here, "o", mfc="none", color=COLORS["exact"])
        left.plot(h, x, "o", color=COLORS["ink"])
        left.set(xlabel="input h", ylabel="state x", xlim=(-3.5, 3.5), ylim=(-1.1, 2.3))
        energy = act.potential(states) + counter - states * h
        right.plot(states, np.where(np.isfinite(energy), energy, np.nan), color=COLORS["ink"], lw=1.4)
        right.plot([x, x], [0, gap], color=COLORS["heat"], lw=3)
        right.plot(x, gap, "o", color=COLORS["ink"])
        right.axhline(0, color=COLORS["muted"], lw=0.8, ls="--")
        right.set(xlabel="state x", ylabel="energy E(x, h)", xlim=(-1.1, 2.3), ylim=(-0.15, 3.0))
        return fig, {
            "f(h)": here,
            "Φ(x)": held,
            "Φ*(h)": counter,
            "x h": float(x * h),
            "Φ(x) + Φ*(h) − x h": gap,
            "area": gap_area(act, x, h),
        }

    return plot


def density_explorer(activations: Mapping[str, Activation], inputs: Sequence[float], temperatures: Sequence[float]) -> Plot:
    """Energy, Boltzmann density and mean of one warm neuron. Controls: activation, h, kT.

    activations: label -> activation, scalar and with a potential. Of a unit with two states the energy is the free
    energy at its mean occupation, and the density the probability of each state; dots and bars stand at the states.
    """
    x, h_axis = np.linspace(-2.6, 3.4, 481), np.linspace(-2.5, 2.5, 81)
    means = {(name, kT): act.thermal(h_axis, kT) for name, act in activations.items() for kT in temperatures}
    warm = {(name, kT, h): _warm(act, np.float64(h), kT, x)
            for name, act in activations.items() for kT in temperatures for h in inputs}

    def plot(activation, h, kT):
        energy, relative, ends, dots, share, values = warm[activation, kT, h]
        fig, (top, middle, bottom) = new_figure(3, 1, size=(5.6, 6.2), height_ratios=(1.3, 1, 1.3))
        _stops(top, activations[activation])
        top.axhline(kT, color=COLORS["muted"], lw=0.8, ls="--")
        top.text(3.35, kT, "kT", color=COLORS["muted"], ha="right", va="bottom")
        top.plot(x, energy, color=COLORS["ink"], lw=1.5)
        top.plot(ends, dots, "o", color=COLORS["ink"])
        top.set(ylabel="energy E(x, h)", ylim=(-0.15, 4.2))
        middle.fill_between(x, 0, np.nan_to_num(relative), color=COLORS["exact"], alpha=0.2, lw=0)
        middle.plot(x, relative, color=COLORS["exact"], lw=1.2)
        middle.vlines(ends, 0, share, color=COLORS["exact"], lw=7, alpha=0.6)
        middle.axvline(values["mean ⟨x⟩"], color=COLORS["ink"], lw=1.5, ls=":")
        middle.text(values["mean ⟨x⟩"] + 0.06, 1.02, "mean", color=COLORS["ink"], va="bottom")
        middle.set(xlabel="state x", ylabel="density /\nlargest", ylim=(0, 1.3), yticks=(0, 1))
        for ax in (top, middle):
            ax.set_xlim(-2.6, 3.4)
        for other in temperatures:
            bottom.plot(h_axis, means[activation, other], color=COLORS["muted"], lw=0.8)
        bottom.plot(h_axis, means[activation, kT], color=COLORS["exact"])
        bottom.plot(h, values["mean ⟨x⟩"], "o", color=COLORS["ink"])
        bottom.set(xlabel="input h", ylabel="mean ⟨x⟩", xlim=(-2.5, 2.5), ylim=(-1.3, 2.7))
        return fig, values

    return plot


def _warm(act: Activation, h: float, kT: float, x: np.ndarray):
    """One state of `density_explorer`: energy and relative density on x; states, their energies and shares; the readout."""
    energy = act.fenchel_young(x, h, kT if act.entropic else None)
    energy = np.where(np.isfinite(energy), energy, np.nan)
    if act.levels is None:
        ends = dots = np.full(2, np.nan)
        relative, share = np.exp(-energy / kT), np.zeros(2)
        rest = float(act.f(h))
        low, high = np.clip((rest - 10 * math.sqrt(kT), rest + 10 * math.sqrt(kT)), *act.domain)
        values = np.linspace(low, high, 4001)
        weights = np.exp(-act.fenchel_young(values, h, kT) / kT)
        total, mean, square = (float(simpson(values**power * weights, x=values)) for power in range(3))
    else:
        ends, relative = np.array(act.levels), np.full_like(x, np.nan)
        dots = act.fenchel_young(ends, h, kT)
        rest = float(act.f(h / kT))
        weights = np.exp(-dots / kT)
        share = weights / weights.max()
        total, mean, square = (float(np.sum(ends**power * weights)) for power in range(3))
    return energy, relative, ends, dots, share, {
        "lowest point": rest,
        "mean ⟨x⟩": mean,
        "spread of x": math.sqrt(square - mean**2),
        "partition function Z": total,
    }


def two_forms(act: Activation, inputs: Sequence[float], stiffness: float) -> Figure:
    """Fenchel-Young and elastic energy of one neuron at some inputs, and their curvature at the minimum for every input.

    act: with a potential and f' > 0. inputs: h. stiffness: kappa of the elastic form.
    """
    stiffness = _check.positive("stiffness", stiffness)
    fig, (left, right) = new_figure(1, 2, width_ratios=(1.2, 1))
    x = np.linspace(-1.0, 1.0, 401)
    for h in _check.array("inputs", inputs, ndim=1):
        rest = float(act.f(h))
        (young,) = left.plot(x, act.fenchel_young(x, h), color=COLORS["ink"], lw=1.5)
        (elastic,) = left.plot(x, 0.5 * stiffness * (x - rest) ** 2, color=COLORS["muted"], lw=1.5, ls="--")
        left.plot(rest, 0, "o", color=COLORS["exact"])
        left.text(rest, -0.06, f"h = {h:g}".replace("-", "−"), color=COLORS["ink"], ha="center", va="top", fontsize=9)
    left.set(xlabel="state x", ylabel="energy E(x, h)", xlim=(-1.05, 1.15), ylim=(-0.22, 1.5))
    h = np.linspace(-3, 3, 121)
    right.plot(h, 1 / act.derivative(h), color=COLORS["ink"], lw=1.5)
    right.axhline(stiffness, color=COLORS["muted"], ls="--", lw=1.5)
    right.set(xlabel="input h", ylabel="curvature at the minimum", yscale="log", ylim=(0.4, 200))
    right.set_yticks([1, 10, 100], ["1", "10", "100"])
    fig.legend([young, elastic], ["Fenchel–Young", "elastic"], loc="outside upper center", ncols=2)
    return fig


def bent_activation(h: np.ndarray, f: np.ndarray, integral: np.ndarray, hull: np.ndarray, level: float) -> Figure:
    """An activation that falls and rises again: two inputs for one state, and the convex hull of its integral.

    h, f, integral, hull: on one grid of inputs, (n,). level: a state x that f takes twice.
    """
    h, f = _check.array("h", h, ndim=1), _check.array("f", f, ndim=1)
    crossings = np.flatnonzero(np.diff(np.sign(f - level)) != 0)
    if len(crossings) != 2:
        raise ValueError(f"level must be a state that f takes at two inputs, got {level}, taken at {len(crossings)}")
    fig, (left, right) = new_figure(1, 2)
    left.axhline(level, color=COLORS["muted"], lw=0.8, ls=":")
    for ax, solid, dashed in ((left, f, np.gradient(hull, h)), (right, integral, hull)):
        ax.plot(h, solid, color=COLORS["exact"], label="f, and its integral")
        ax.plot(h, dashed, color=COLORS["ink"], ls="--", lw=1.4, label="convex hull, and its slope")
        ax.set(xlabel="input h", xlim=(-3.5, 1))
    left.plot(h[crossings], f[crossings], "o", color=COLORS["ink"])
    left.set(ylabel="state x", ylim=(-0.25, 0.5))
    right.set(ylabel="counter-term", ylim=(-0.3, 0.05))
    fig.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return fig


def rounding(relu: Activation, kT: float, inputs: Sequence[float], simulated: Sequence[Estimate]) -> Figure:
    """Mean of a warm ReLU neuron against its input: exact, simulated, and beside a softplus that agrees at h = 0.

    inputs: h of the simulations. simulated: mean state at each.
    """
    kT, inputs = _check.positive("kT", kT), _check.array("inputs", inputs, ndim=1)
    h = np.linspace(-3, 2, 201)
    scale = float(relu.thermal(np.float64(0), kT)) / math.log(2)
    softplus = scale * np.logaddexp(0, h / scale)
    fig, (left, right) = new_figure(1, 2)
    for ax in (left, right):
        ax.plot(h, relu.f(h), color=COLORS["muted"], lw=1.2, label="f, cold")
        ax.plot(h, softplus, color=COLORS["muted"], ls="--", label="softplus")
        ax.plot(h, relu.thermal(h, kT), color=COLORS["exact"], label="warm, exact")
        _points(ax, inputs, simulated, "simulated", label="warm, simulated")
    left.set(xlabel="input h", ylabel="mean state ⟨x⟩", xlim=(-3, 2), ylim=(-0.05, 2.2))
    left.legend(loc="upper left")
    tail = h < -0.3
    right.plot(h[tail], -kT / h[tail], color=COLORS["exact"], ls=":", lw=1.4)
    right.text(-1.75, 0.34, "kT/|h|", color=COLORS["exact"], ha="center")
    right.set(xlabel="input h", xlim=(-3, 1), ylim=(0.004, 2), yscale="log")
    return fig


def noisy_input(
    h: np.ndarray, curves: Mapping[str, np.ndarray], inputs, simulated: Sequence[Estimate], which: str
) -> Figure:
    """Mean states of ReLU neurons against the mean of their input; one of them simulated.

    h: (n,). curves: label -> exact means, (n,), at most four. inputs: of the simulations. which: the curve they belong to.
    """
    _check.choice("which", which, curves)
    fig, ax = new_figure(size=(5.6, 3.5))
    for (label, means), line in zip(curves.items(), ("-", "--", ":", "-.")):
        ax.plot(h, means, color=COLORS["exact"], ls=line, lw=1.5, label=label)
    _points(ax, inputs, simulated, "simulated", label=f"{which}, simulation")
    ax.set(xlabel="mean input ⟨h⟩", ylabel="mean state ⟨x⟩", xlim=(h[0], h[-1]), ylim=(-0.05, 2.0))
    ax.legend(loc="upper left")
    return fig


def switching(
    durations: Sequence[float],
    simulated: Mapping[bool, Sequence[Estimate]],
    exact_durations: Sequence[float],
    exact: Mapping[bool, Sequence[float]],
    free_energy: Mapping[bool, float],
) -> Figure:
    """Mean work of moving the input of one neuron against the time taken, with the counter-term and without.

    simulated, exact: counter-term or not -> mean work at each duration. free_energy: the change of it, for both.
    """
    durations = _check.array("durations", durations, ndim=1)
    fig, panels = new_figure(1, 2, sharex=True)
    for ax, counter_term, title in zip(panels, (True, False), ("with counter-term", "without counter-term")):
        dF = free_energy[counter_term]
        ax.axhline(dF, color=COLORS["bound"], ls="--", lw=1.4)
        ax.plot(exact_durations, exact[counter_term], color=COLORS["exact"], lw=1.4)
        _points(ax, durations, simulated[counter_term], "simulated")
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="duration τ (units of γ)", xscale="log", ylim=(dF - 0.2, dF + 1.0))
        ax.set_xticks([1, 10], ["1", "10"])
        ax.text(exact_durations[0], dF - 0.03, f"ΔF = {dF + 0.0:.3f}".replace("-", "−"), color=COLORS["bound"], va="top")
    panels[0].set_ylabel("mean work ⟨W⟩ (energy)")
    return fig
