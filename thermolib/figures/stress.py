"""Figures of the chapter "Stress is backpropagation": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from thermolib import _check
from thermolib.figures import COLORS, new_figure
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import simulate

Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]
_RATIO = "output stiffness κ_L / κ"


def relative_error(force: np.ndarray, gradient: np.ndarray) -> float:
    """|force + gradient| / |gradient|: how far a force is from descending this gradient."""
    gradient = _check.array("gradient", gradient)
    size = _check.positive("length of the gradient", np.linalg.norm(gradient))
    return float(np.linalg.norm(force + gradient) / size)


# --- stress that flows back ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Flow:
    """A clamped network at one moment, all of it divided by the stiffness of the output.

    stress: of each layer, (n_l,). force: on the parameters, (N,). energy. imbalance: |dF/dx| of the hidden units over the
    stress of the output.
    """

    stress: list[np.ndarray]
    force: np.ndarray
    energy: float
    imbalance: float


def clamped_flows(
    network: NetworkHamiltonian, x0: np.ndarray, y: np.ndarray, ratios: Sequence[float], times: Sequence[float], *,
    mobility: float = 1.0,
) -> dict[tuple[float, float], Flow]:
    """A network that was at rest when its output was clamped at y, at times after it, at kT = 0: (ratio, time) -> flow.

    ratios: stiffness of the output over that of the rest. times: increasing, from 0.
    """
    flows = {}
    start = network.split(network.forward(x0)[None])[:-1]
    for ratio in ratios:
        net = network.with_output_stiffness(ratio * network.stiffness[0])
        run = simulate(net.clamped, lambda t: (x0, y), np.concatenate(start, axis=-1), duration=times[-1],
                       dt=0.05 / (mobility * net.stiffness.max()), kT=0.0, mobility=mobility, rng=0, record=times)
        soft = net.stiffness[-1]
        for time, x in zip(times, run.recorded_x):
            stress = [s[0] / soft for s in net.stress(x, (x0, y))]
            imbalance = np.linalg.norm(net.force(x, (x0, y))) / soft / np.linalg.norm(stress[-1])
            force = net.parameter_force(x, (x0, y))[0] / soft
            flows[ratio, time] = Flow(stress, force, float(net.energy(x, (x0, y))[0] / soft), float(imbalance))
    return flows


def _positions(widths: Sequence[int]) -> list[np.ndarray]:
    return [np.column_stack([np.full(n, float(k)), np.arange(n) - 0.5 * (n - 1)]) for k, n in enumerate(widths)]


def flow_explorer(
    network: NetworkHamiltonian, flows: Mapping[tuple[float, float], Flow], signals: Sequence[np.ndarray],
    gradient: np.ndarray,
) -> Plot:
    """A clamped network, drawn with the stress of its units and the forces on its weights. Controls: ratio, time.

    flows: as `clamped_flows` returns them. signals: minus the gradient of half the squared error with respect to the units
    of each layer; gradient: with respect to the parameters; both as backpropagation gives them.
    """
    places = _positions((network.inputs, *network.widths))
    unit = max(np.abs(signal).max() for signal in signals)
    strongest = np.abs(gradient).max()

    def marker(value):
        return "^" if value >= 0 else "v"

    def size(value):
        return 26 * math.sqrt(abs(value) / unit)

    def plot(ratio, time):
        flow = flows[ratio, time]
        fig, ax = new_figure(size=(5.6, 3.6))
        for k, (weights, *_) in enumerate(network.split_parameters(flow.force)):
            for (i, j), force in np.ndenumerate(weights):
                ends = np.array([places[k][j], places[k + 1][i]])
                ax.plot(*ends.T, color=COLORS["grid"], lw=0.8, zorder=1)
                ax.plot(*ends.T, color=COLORS["simulation"], lw=max(0.01, 5 * abs(force) / strongest), alpha=0.45, zorder=2,
                        solid_capstyle="butt")
        ax.plot(*places[0].T, "s", ms=9, color=COLORS["muted"], zorder=3)
        for place, stress, signal in zip(places[1:], flow.stress, signals):
            for (x, y), s, g in zip(place, stress, signal):
                ax.plot(x, y, "o", ms=5, color=COLORS["muted"], zorder=3)
                ax.plot(x, y, marker(s), ms=size(s), color=COLORS["simulation"], mew=0, zorder=4)
                ax.plot(x, y, marker(g), ms=size(g), mfc="none", mew=1.2, color=COLORS["exact"], zorder=5)
        last, tallest = len(places) - 1, max(map(len, places))
        names = ["input, held", *(f"layer {k}" for k in range(1, last)), "output, held"]
        ax.set_xticks(range(last + 1), names)
        ax.tick_params(length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.set(xlim=(-0.4, last + 0.4), ylim=(-0.5 * tallest - 0.15, 0.5 * tallest + 0.75), yticks=())
        ax.plot([], [], "^", ms=11, color=COLORS["simulation"], mew=0, label="stress / κ_L")
        ax.plot([], [], "^", ms=11, mfc="none", mew=1.2, color=COLORS["exact"], label="backpropagated error")
        ax.plot([], [], color=COLORS["simulation"], alpha=0.45, lw=4, label="force on weight")
        ax.legend(loc="upper center", ncols=3, fontsize=8, handlelength=1.2, columnspacing=1.2)
        return fig, {
            "energy / κ_L": flow.energy,
            "forces out of balance (%)": 100 * flow.imbalance,
            "force on weights off the gradient (%)": 100 * relative_error(flow.force, gradient),
        }

    return plot


# --- how soft, how small an error ---------------------------------------------------------------------------------------


def error_against_stiffness(ratios: Sequence[float], errors: np.ndarray, names: Sequence[str]) -> Figure:
    """Relative error of the forces on the weights of each layer against the stiffness of the output, and a slope of 1.

    errors: (ratios, layers).
    """
    ratios, errors = _check.array("ratios", ratios, ndim=1), _check.array("errors", errors, ndim=2)
    if errors.shape != (len(ratios), len(names)) or len(names) > 4:
        raise ValueError(f"errors must have a row for each of {len(ratios)} ratios and a column for each of at most four "
                         f"layers, got shape {errors.shape} for {len(names)}")
    fig, ax = new_figure()
    line = errors[0].max() / ratios[0] * ratios
    ax.plot(ratios, 1.7 * line, color=COLORS["exact"], ls=":", lw=1.2, label="slope 1")
    for values, name, mark in zip(errors.T, names, "osD^"):
        ax.plot(ratios, values, mark, ls="-", lw=1, color=COLORS["simulation"], mfc="none", label=name)
    ax.set(xscale="log", yscale="log", xlabel=_RATIO, ylabel="distance to gradient descent",
           ylim=(0.5 * errors.min(), 3 * errors.max()))
    ax.legend(loc="upper left")
    return fig


def error_against_distance(
    distances: Sequence[float], errors: Mapping[float, Sequence[float]], limits: Mapping[float, float]
) -> Figure:
    """Relative error of the forces against the distance of target and output, and the limits of small distance.

    errors: ratio of the stiffnesses -> one for each distance, of at most four ratios. limits: ratio -> closed form.
    """
    distances = _check.array("distances", distances, ndim=1)
    if set(errors) != set(limits) or not 1 <= len(errors) <= 4:
        raise ValueError(f"errors and limits must share one to four ratios, got {sorted(errors)} and {sorted(limits)}")
    fig, ax = new_figure()
    for k, ((ratio, values), mark) in enumerate(zip(errors.items(), "osD^")):
        ax.axhline(limits[ratio], color=COLORS["exact"], lw=1, ls="--", label=None if k else "limit, closed form")
        ax.plot(distances, values, mark, ms=5.5, mfc="none", color=COLORS["simulation"], label=f"κ_L / κ = {ratio:g}")
    ax.plot(distances, distances, color=COLORS["muted"], ls=":", lw=1, label="proportional to the error")
    ax.set(xscale="log", yscale="log", xlabel="error of the output |e| (units of x)", ylabel="distance to gradient descent",
           ylim=(0.4 * min(limits.values()), 12), xlim=(0.7 * distances.min(), 1.4 * distances.max()))
    ax.legend(loc="upper left", fontsize=8, ncols=2)
    return fig


@dataclass(frozen=True, eq=False)
class Agreement:
    """Forces on the parameters of a clamped network at rest, and the gradient; both per output stiffness and |e|."""

    force: np.ndarray
    gradient: np.ndarray


def agreements(
    network: NetworkHamiltonian, x0: np.ndarray, direction: np.ndarray, gradient: Callable[..., np.ndarray],
    ratios: Sequence[float], distances: Sequence[float],
) -> dict[tuple[float, float], Agreement]:
    """Clamped networks at rest: (ratio, distance) -> agreement, the target being output + distance * direction.

    direction: (n_out,), a unit vector. gradient: (network, x0, y) -> gradient of |output - y|^2 / 2, (N,).
    """
    results = {}
    output = network.split(network.forward(x0))[-1]
    for ratio in ratios:
        net = network.with_output_stiffness(ratio * network.stiffness[0])
        for distance in distances:
            y = output + distance * np.asarray(direction)
            state = net.relax((x0, y), tolerance=1e-10)
            scale = 1 / distance
            results[ratio, distance] = Agreement(scale / net.stiffness[-1] * net.parameter_force(state, (x0, y)),
                                                 scale * gradient(net, x0, y))
    return results


def agreement_explorer(results: Mapping[tuple[float, float], Agreement]) -> Plot:
    """Force on each parameter against its gradient, and the distance of the two. Controls: ratio, distance.

    results: as `agreements` returns them, every ratio with every distance.
    """
    ratios, distances = (sorted(set(values)) for values in zip(*results))
    reach = 1.1 * max(max(np.abs(r.gradient).max(), np.abs(r.force).max()) for r in results.values())
    errors = {key: relative_error(r.force, r.gradient) for key, r in results.items()}

    def plot(ratio, distance):
        result = results[ratio, distance]
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.1))
        left.plot([-reach, reach], [-reach, reach], color=COLORS["exact"], lw=1)
        left.plot(-result.gradient, result.force, "o", ms=4, mfc="none", color=COLORS["simulation"])
        left.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="− gradient / |e|", ylabel="force / (κ_L |e|)")
        right.plot(ratios, [errors[r, distance] for r in ratios], "o-", ms=4, lw=1, color=COLORS["simulation"])
        right.plot(ratio, errors[ratio, distance], "o", ms=10, mfc="none", mew=1.5, color=COLORS["ink"])
        right.set(xscale="log", yscale="log", xlabel=_RATIO, ylabel="distance to gradient descent",
                  ylim=(0.5 * min(errors.values()), 2 * max(errors.values())))
        lengths = float(np.linalg.norm(result.force)), float(np.linalg.norm(result.gradient))
        cosine = -(result.force @ result.gradient) / math.prod(lengths)
        return fig, {
            "distance to gradient descent (%)": 100 * errors[ratio, distance],
            "length of force / gradient": lengths[0] / lengths[1],
            "angle between them (degrees)": math.degrees(math.acos(min(1.0, cosine))),
        }

    return plot


# --- one state or two, and how probable -----------------------------------------------------------------------------------


def energies_of_a_unit(x: np.ndarray, energies: Mapping[str, np.ndarray], rest: Mapping[str, Sequence[float]]) -> Figure:
    """Energy of a clamped network with one hidden unit, a panel for each stiffness, and where it comes to rest.

    energies: name -> (len(x),). rest: name -> states in which it was found at rest.
    """
    if not energies or set(rest) != set(energies):
        raise ValueError(f"energies and rest must share their names, got {list(energies)} and {list(rest)}")
    fig, axes = new_figure(1, len(energies), size=(5.6, 2.8), squeeze=False)
    for ax, (name, energy) in zip(axes[0], energies.items()):
        energy = _check.array(name, energy, ndim=1)
        ax.plot(x, energy, color=COLORS["exact"], lw=1.4)
        ax.plot(rest[name], np.interp(rest[name], x, energy), "o", ms=7, color=COLORS["simulation"])
        ax.set(xlabel="hidden unit x", title=name, ylim=(-0.06 * energy.max(), 1.06 * energy.max()))
    axes[0, 0].set_ylabel("energy F (units of κ)")
    return fig


def clamping_free_energy(
    y: np.ndarray, exact: np.ndarray, centers: np.ndarray, counts: np.ndarray, least: np.ndarray, *, kT: float, draws: int
) -> Figure:
    """Free energy of holding the output at y, beside -kT ln of a histogram of outputs of the free network.

    y, exact, least: (m,): targets, free energy above the free network's, and least energy F_min. centers, counts: of the
    bins of one width; draws: how many outputs were counted.
    """
    y, exact = _check.array("y", y, ndim=1), _check.array("exact", exact, ndim=1)
    if exact.shape != y.shape or np.shape(least) != y.shape:
        raise ValueError(f"exact and least must have one value for each of {len(y)} targets, got {exact.shape} and "
                         f"{np.shape(least)}")
    counts = _check.array("counts", counts, ndim=1)
    seen = counts > 0
    density = counts[seen] / draws / (centers[1] - centers[0])
    fig, ax = new_figure()
    ax.plot(y, exact / kT, color=COLORS["exact"], label="free energy of clamping, integral")
    ax.errorbar(centers[seen], -np.log(density), 1 / np.sqrt(counts[seen]), fmt="o", ms=4, capsize=2,
                color=COLORS["simulation"], label="−ln p, free network's outputs")
    ax.plot(y, np.asarray(least) / kT, color=COLORS["work"], ls="--", lw=1.4, label="least energy F_min")
    ax.set(xlabel="target y (units of x)", ylabel="energy (kT)", xlim=(y[0], y[-1]), ylim=(-1, 1.5 * exact.max() / kT))
    ax.legend(loc="upper center", fontsize=8.5)
    return fig


# --- learning by annealing ------------------------------------------------------------------------------------------------


def annealing_curves(
    annealed: Sequence[float], descended: Sequence[float], heat: np.ndarray, *, examples: int, kT: float, bins: int = 24
) -> Figure:
    """Held-out accuracy after each epoch, annealed and by gradient descent, and mean heat per example.

    annealed, descended: (epochs + 1,), fractions. heat: of each example in the order shown. examples: per epoch.
    """
    annealed, descended = _check.array("annealed", annealed, ndim=1), _check.array("descended", descended, ndim=1)
    heat = _check.array("heat", heat, ndim=1)
    if annealed.shape != descended.shape or len(heat) != examples * (len(annealed) - 1):
        raise ValueError(f"annealed, descended and heat must be of the same epochs of {examples} examples, got "
                         f"{len(annealed)} and {len(descended)} accuracies, {len(heat)} examples")
    shown = examples * np.arange(len(annealed))
    fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.2))
    top.plot(shown, 100 * descended, "s--", lw=1.2, mfc="none", ms=8, color=COLORS["exact"], label="gradient descent")
    top.plot(shown, 100 * annealed, "o-", lw=1.2, color=COLORS["simulation"], label="annealed, no loss")
    top.set(ylabel="correct, held out (%)", ylim=(0, 105))
    top.legend(loc="lower right")
    parts = np.array_split(heat / kT, bins)
    mean = np.array([p.mean() for p in parts])
    middle = (np.arange(bins) + 0.5) * len(heat) / bins
    bottom.plot(middle, mean, "o-", ms=4, lw=1, color=COLORS["heat"])
    bottom.set(xlabel="examples shown", ylabel="heat per example (kT)", xlim=(-0.02 * shown[-1], 1.02 * shown[-1]),
               ylim=(0, 1.1 * mean.max()))
    return fig
