"""Figures of the chapter "Neurons that follow": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import PchipInterpolator

from thermolib import _check, catalog
from thermolib.figures import COLORS, new_figure
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import Estimate, simulate
from thermolib.substrates import AnalogNetwork, BistableNeuron, DragBracket, HysteresisLoop, drag_coefficient
from thermolib.units import thermal_energy

Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]


# --- one neuron ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NeuronLoop:
    """One neuron whose input goes up and back: inputs, x and force dF/d(input), (m,) each; work, and formula 2 K / tau."""

    inputs: np.ndarray
    x: np.ndarray
    force: np.ndarray
    work: float
    formula: float


def neuron_loops(
    gains: Sequence[float], durations: Sequence[float], *, reach: float = 2.0, stiffness: float = 1.0, mobility: float = 1.0
) -> dict[tuple[float, float], NeuronLoop]:
    """Loops of a neuron x = tanh(gain * input) at kT = 0, the input from -reach to reach and back: (gain, duration) -> loop.

    durations: of each direction.
    """
    loops = {}
    for gain in gains:
        neuron = NetworkHamiltonian([[[gain]]], [[0.0]], "tanh", stiffness)
        drag = drag_coefficient(neuron, [[-reach], [reach]], 1 / mobility)
        for duration in durations:
            moments = np.linspace(0, 2 * duration, 121)
            run = simulate(neuron, lambda t: np.array([reach * (1 - 2 * abs(t / duration - 1))]), neuron.forward([[-reach]]),
                           duration=2 * duration, dt=min(0.1 / (mobility * stiffness), duration / 120), kT=0.0,
                           mobility=mobility, rng=0, record=moments)
            inputs = reach * (1 - 2 * np.abs(run.times / duration - 1))
            x, answer = run.recorded_x[:, 0, 0], np.tanh(gain * inputs)
            force = -stiffness * (x - answer) * (1 - answer**2) * gain
            loops[gain, duration] = NeuronLoop(inputs, x, force, float(run.work[0]), 2 * drag / duration)
    return loops


def following_explorer(loops: Mapping[tuple[float, float], NeuronLoop]) -> Plot:
    """State and force of a neuron whose input goes up and back. Controls: gain, duration.

    loops: as `neuron_loops` returns them, all of one reach.
    """
    reach = max(loop.inputs.max() for loop in loops.values())
    highest = max(np.abs(loop.force).max() for loop in loops.values())
    fine = np.linspace(-reach, reach, 80)

    def plot(gain, duration):
        loop = loops[gain, duration]
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.0))
        half = len(loop.inputs) // 2 + 1
        left.plot(fine, np.tanh(gain * fine), color=COLORS["exact"], lw=1, label="answer")
        for ax, values in ((left, loop.x), (right, loop.force)):
            ax.plot(loop.inputs[:half], values[:half], color=COLORS["simulation"], label="going")
            ax.plot(loop.inputs[half - 1 :], values[half - 1 :], color=COLORS["simulation"], ls="--", label="returning")
            ax.set(xlim=(-1.05 * reach, 1.05 * reach), xlabel="input")
        right.fill(loop.inputs, loop.force, color=COLORS["work"], alpha=0.25, lw=0)
        left.set(ylabel="neuron x", ylim=(-1.15, 1.15))
        left.legend(loc="upper left", fontsize=8)
        right.set(ylabel="force on the input (energy)", ylim=(-1.1 * highest, 1.1 * highest))
        return fig, {
            "work of the loop": loop.work,
            "formula 2K/τ": loop.formula,
            "work / formula": loop.work / loop.formula,
        }

    return plot


# --- networks -----------------------------------------------------------------------------------------------------------


def work_against_duration(
    durations: Sequence[float], work: Sequence[float], drag: float, sudden: float,
    others: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, name: str = "4-6-5-3", unit: str = "γ/κ",
) -> Figure:
    """Work of sweeps of a network against their duration beside drag / duration, and the ratio of the two below.

    sudden: work of an instantaneous change of the input. others: name -> (durations, ratios) of more networks, for the
    lower panel. name: of the first. unit: of the durations.
    """
    durations, work = _check.array("durations", durations, ndim=1), _check.array("work", work, ndim=1)
    if durations.shape != work.shape:
        raise ValueError(f"work must have one value for each of the {len(durations)} durations, got {len(work)}")
    drag = _check.positive("drag", drag)
    fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.4), height_ratios=(1.5, 1))
    line = np.array([durations[0], durations[-1]])
    top.plot(line, drag / line, color=COLORS["exact"], label="K/τ")
    top.axhline(sudden, color=COLORS["exact"], ls="--", lw=1.2, label="sudden, exact")
    top.plot(durations, work, "o", color=COLORS["simulation"], label="simulation")
    top.set(xscale="log", yscale="log", ylabel="work W (energy)", ylim=(0.5 * work.min(), 2.5 * drag / durations[0]))
    top.legend(loc="lower left")
    bottom.axhspan(0.98, 1.02, color=COLORS["grid"], lw=0)
    bottom.plot(line, [1, 1], color=COLORS["exact"])
    bottom.plot(durations, durations * work / drag, "o-", lw=1, color=COLORS["simulation"], label=name)
    for (other, (times, ratios)), marker in zip(others.items(), "sD^"):
        bottom.plot(times, ratios, marker=marker, ls="--", lw=1, ms=5, mfc="none", color=COLORS["simulation"], label=other)
    bottom.set(xlabel=f"duration τ ({unit})", ylabel="W τ / K", ylim=(0, 1.15))
    bottom.legend(loc="lower right")
    return fig


def drag_by_unit(per_unit: np.ndarray, widths: Sequence[int]) -> Figure:
    """What each unit adds to the drag coefficient, layer after layer, the share of each layer above it."""
    per_unit = _check.array("per_unit", per_unit, ndim=1)
    if len(per_unit) != sum(widths):
        raise ValueError(f"per_unit must hold one value for each of the {sum(widths)} units, got {len(per_unit)}")
    fig, ax = new_figure(size=(5.6, 2.8))
    top = 1.3 * per_unit.max()
    ax.bar(np.arange(len(per_unit)), per_unit, width=0.8, color=COLORS["work"])
    start = 0
    for k, width in enumerate(widths, 1):
        if start:
            ax.axvline(start - 0.5, color=COLORS["muted"], lw=0.8, ls="--")
        share = 100 * per_unit[start : start + width].sum() / per_unit.sum()
        name = "output" if k == len(widths) else f"layer {k}"
        ax.text(start + (width - 1) / 2, 0.98 * top, f"{name}\n{share:.0f} %", ha="center", va="top", fontsize=9)
        start += width
    ax.set(xlabel="unit", ylabel="drag of the unit", xlim=(-1, len(per_unit)), ylim=(0, top))
    return fig


def _images(name: str, images) -> np.ndarray:
    images = _check.array(name, images, ndim=2)
    if images.shape[1] != 64 or images.min() < 0 or images.max() > 1:
        raise ValueError(f"{name} must hold images (m, 64) of gray values from 0 to 1, got shape {images.shape} "
                         f"and values from {images.min():.3g} to {images.max():.3g}")
    return images


def morphs(rows: Mapping[str, np.ndarray]) -> Figure:
    """Images on the way from one digit to another, a row for each path: name -> images (m, 64). Ink as the size of a dot."""
    if not rows:
        raise ValueError("rows must hold at least one path, got none")
    fig, ax = new_figure(size=(5.6, 0.4 + 0.95 * len(rows)))
    for r, (name, images) in enumerate(rows.items()):
        images = _images(name, images)
        levels = np.rint(16 * images).astype(int)  # as the scans have them; few sizes keep the drawing small
        k, pixel = np.nonzero(levels)
        x, y = 10 * k + pixel % 8, 11 * r + pixel // 8
        ax.scatter(x, y, s=0.5 * levels[k, pixel], marker="s", color=COLORS["ink"], lw=0)
        ax.text(-2, 11 * r + 3.5, name, ha="right", va="center", fontsize=9)
    count = max(len(images) for images in rows.values())
    ax.set_xticks(10 * np.arange(count) + 3.5, [f"{v:.2g}" for v in np.linspace(0, 1, count)])
    ax.set(xlim=(-17, 10 * count - 1), ylim=(11 * len(rows) - 1.5, -1.5), xlabel="path parameter λ", yticks=())
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    return fig


def speeds(along: Mapping[str, np.ndarray], least: float) -> Figure:
    """Speed of the network on up to three paths, name -> (steps,), and the least distance that it has to go."""
    if not 1 <= len(along) <= 3:
        raise ValueError(f"along must hold one to three paths, got {len(along)}")
    fig, ax = new_figure()
    for (name, speed), line in zip(along.items(), ("-", "--", "-.")):
        speed = _check.array(name, speed, ndim=1)
        ax.plot((np.arange(len(speed)) + 0.5) / len(speed), speed, ls=line, color=COLORS["work"], label=name)
    ax.axhline(least, color=COLORS["bound"], ls=":", label="distance in a straight line")
    highest = max(np.max(s) for s in along.values())
    ax.set(xlabel="path parameter λ", ylabel="speed of the network |dx/dλ|", xlim=(0, 1), ylim=(0, 1.45 * highest))
    ax.legend(loc="upper left", ncols=2, fontsize=8.5)
    return fig


def bracket_against_temperature(
    temperatures: Sequence[float], brackets: Sequence[DragBracket], cold: float,
    measured: Mapping[float, Estimate],
) -> Figure:
    """Both ends of the bracket of the drag coefficient against kT, its value at kT = 0, and W tau of simulated sweeps.

    Temperatures in units of the stiffness, drags in units of the friction. measured: temperature -> W tau.
    """
    temperatures = _check.array("temperatures", temperatures, ndim=1)
    if len(brackets) != len(temperatures):
        raise ValueError(f"brackets must hold one for each of the {len(temperatures)} temperatures, got {len(brackets)}")
    fig, ax = new_figure()
    low, high = [b.lower.value for b in brackets], [b.upper.value for b in brackets]
    ax.fill_between(temperatures, low, high, color=COLORS["bound"], alpha=0.15, lw=0)
    ax.plot(temperatures, high, color=COLORS["bound"], label="upper end: noise held fixed")
    ax.plot(temperatures, low, color=COLORS["bound"], ls="--", label="lower end: moving means")
    ax.axhline(cold, color=COLORS["exact"], lw=1.2, label="formula at kT = 0")
    ax.errorbar(list(measured), [e.value for e in measured.values()], [e.error for e in measured.values()], fmt="o",
                capsize=2, color=COLORS["simulation"], label="W τ, simulation")
    ax.set(xscale="log", xlabel="temperature kT / κ", ylabel="drag coefficient K / γ", xlim=temperatures[[0, -1]],
           ylim=(0, 1.1 * cold))
    ax.set_xticks((0.01, 0.1, 1), ("0.01", "0.1", "1"))
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower left", fontsize=8.5)
    return fig


# --- the bistable neuron ------------------------------------------------------------------------------------------------


def bistable_loops(
    couplings: Sequence[float], durations: Sequence[float], *, amplitude: float = 2.0, mobility: float = 1.0
) -> dict[tuple[float, float], HysteresisLoop]:
    """Loops of a `BistableNeuron` at kT = 0: (coupling, duration) -> loop."""
    return {(J, tau): BistableNeuron(J).loop(tau, amplitude=amplitude, mobility=mobility, points=60)
            for J in couplings for tau in durations}


def bifurcation_explorer(loops: Mapping[tuple[float, float], HysteresisLoop]) -> Plot:
    """State of a self-exciting neuron against its input, and work of a loop against J. Controls: coupling, duration.

    loops: as `bistable_loops` returns them, every coupling with every duration.
    """
    couplings, durations = (sorted(set(values)) for values in zip(*loops))
    reach = max(loop.field.max() for loop in loops.values())
    farthest = max(np.abs(loop.x).max() for loop in loops.values())
    fine = np.linspace(couplings[0], couplings[-1], 60)
    forever = np.array([2 * BistableNeuron(J).jump_energy for J in fine])
    work = {tau: np.array([loops[J, tau].work for J in couplings]) for tau in durations}
    highest = max(w.max() for w in work.values())
    xs = np.linspace(-1.05 * farthest, 1.05 * farthest, 121)

    def plot(coupling, duration):
        neuron, loop = BistableNeuron(coupling), loops[coupling, duration]
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.1))
        rest = xs * (xs * xs - coupling)
        stable = 3 * xs * xs > coupling
        left.plot(np.where(stable, rest, np.nan), xs, color=COLORS["exact"], lw=1, label="minimum of U")
        left.plot(np.where(stable, np.nan, rest), xs, color=COLORS["muted"], lw=1, ls=":", label="maximum")
        half = len(loop.field) // 2
        left.fill(loop.field, loop.x, color=COLORS["work"], alpha=0.2, lw=0)
        left.plot(loop.field[:half], loop.x[:half], color=COLORS["simulation"], lw=1.4)
        left.plot(loop.field[half:], loop.x[half:], color=COLORS["simulation"], lw=1.4, ls="--")
        left.set(xlabel="input h", ylabel="neuron x", xlim=(-1.05 * reach, 1.05 * reach), ylim=xs[[0, -1]])
        left.legend(loc="upper left", fontsize=7.5, handlelength=1.4)
        right.plot(fine, forever, color=COLORS["exact"], label="τ → ∞")
        right.plot(couplings, work[duration], "o-", ms=3.5, lw=1, color=COLORS["work"], label="this τ")
        right.plot(coupling, loop.work, "o", ms=8, mfc="none", color=COLORS["work"])
        right.set(xlabel="coupling J", ylabel="work of a loop W", ylim=(-0.03 * highest, 1.08 * highest))
        right.legend(loc="upper left", fontsize=8)
        return fig, {
            "work of the loop": loop.work,
            "3J²/2, or 0 for J ≤ 0": 2 * neuron.jump_energy,
            "excess": loop.work - 2 * neuron.jump_energy,
            "coercive field": neuron.coercive_field,
        }

    return plot


def hysteresis_against_duration(
    durations: Sequence[float], cold: Sequence[float], neuron: BistableNeuron, warm: Mapping[float, Sequence[float]],
    slow_drags: Mapping[float, float], simulated: Mapping[float, tuple[Sequence[float], Sequence[Estimate]]], *,
    mobility: float,
) -> Figure:
    """Work of a loop of a bistable neuron against its duration: at kT = 0, and exactly at one or two temperatures.

    cold: work at kT = 0, one for each duration. warm: kT -> work. slow_drags: kT -> drag coefficient of the loop, drawn as
    drag / duration. simulated: kT -> (durations, mean work). The Kramers time of each temperature is marked. Between the
    durations the curves are interpolated on logarithmic axes.
    """
    durations = _check.array("durations", durations, ndim=1)
    for kT, work in {0.0: cold, **warm}.items():
        if len(work) != len(durations):
            raise ValueError(f"the work at kT = {kT:g} must have one value for each of the {len(durations)} durations, "
                             f"got {len(work)}")
    fine = np.geomspace(durations[0], durations[-1], 121)

    def smooth(work):
        curve = PchipInterpolator(np.log(durations), np.log(work))
        return lambda tau: np.exp(curve(np.log(tau)))

    fig, ax = new_figure(size=(5.6, 3.8))
    forever, ends = 2 * neuron.jump_energy, durations[[0, -1]]
    ax.axhline(forever, color=COLORS["exact"], lw=1, ls=":")
    ax.text(ends[1], 1.08 * forever, "3J²/2", color=COLORS["exact"], ha="right", va="bottom")
    ax.plot(fine, smooth(cold)(fine), color=COLORS["exact"], label="kT = 0")
    for (kT, work), line, marker in zip(warm.items(), ("--", "-."), "os"):
        curve = smooth(work)
        ax.plot(fine, curve(fine), color=COLORS["work"], ls=line, label=f"kT = {kT:g}, exact")
        late = fine[slow_drags[kT] / fine < 2 * curve(fine)]
        ax.plot(late, slow_drags[kT] / late, color=COLORS["exact"], lw=0.9, ls=line)
        kramers = neuron.kramers_time(kT, mobility)
        ax.plot(kramers, curve(kramers), "|", ms=18, mew=2, color=COLORS["ink"])
        if kT in simulated:
            times, found = simulated[kT]
            ax.errorbar(times, [e.value for e in found], [e.error for e in found], fmt=marker, capsize=2,
                        color=COLORS["simulation"], label=f"kT = {kT:g}, simulation")
    ax.plot([], [], "|", ms=10, mew=2, color=COLORS["ink"], label="Kramers time")
    ax.plot([], [], color=COLORS["exact"], lw=0.9, ls="--", label="slow limit K/τ")
    lowest = min(min(work) for work in warm.values())
    ax.set(xscale="log", yscale="log", xlabel="duration of the loop τ (units of γ)", ylabel="work of a loop W (energy)",
           xlim=ends, ylim=(0.7 * lowest, 1.5 * max(cold)))
    ax.legend(loc="lower left", fontsize=8)
    return fig


# --- energy per inference -----------------------------------------------------------------------------------------------

#: Label, device in the catalog, and operations of one multiply-accumulate with how many there are of each.
_DIGITAL = (
    ("32-bit arithmetic, 45 nm", "45 nm CMOS, 0.9 V (Horowitz)", {"32-bit float mult": 1, "32-bit float add": 1}),
    ("H100 GPU, 16 bit", "NVIDIA H100 SXM", {"BF16 tensor FLOP, peak": 2}),
    ("phase-change chip, 8 bit", "IBM HERMES 64-core PCM, 1-phase", {"8-bit I/O OP": 2}),
)
_LINES = {"measured": "-", "rated": "--", "table": ":"}


@dataclass(frozen=True)
class HardwareEnergy:
    """Energy of one inference on published hardware in joules, and how it was obtained: one of `catalog.KINDS`."""

    label: str
    energy: float
    kind: str


def hardware_energies(network: NetworkHamiltonian, hardware: Sequence[catalog.Hardware]) -> list[HardwareEnergy]:
    """Energy of one pass through a network on published hardware: its multiply-accumulates times joule per operation.

    Arithmetic at the published figure only; fetching weights is in it as far as the published figure includes it.
    """
    rows = {(row.item, row.operation): row for row in hardware}
    macs = sum(w.size for w in network.weights)
    energies = []
    for label, item, operations in _DIGITAL:
        used = [rows[item, operation] for operation in operations]
        energy = macs * sum(count * row.joule_per_operation for count, row in zip(operations.values(), used))
        energies.append(HardwareEnergy(label, energy, catalog.one_kind(used)))
    return energies


def _draw_energies(ax, analog: AnalogNetwork, hardware: Sequence[HardwareEnergy], slowest: float, times: np.ndarray) -> None:
    """Hardware as horizontal lines, both analog classes as curves; the part outside of their formulas is thin and dashed."""
    for row in hardware:
        ax.axhline(row.energy, color=COLORS["experiment"], ls=_LINES[row.kind], lw=1.4,
                   label=f"{row.label} ({catalog.KINDS[row.kind]})")
    start = min(10 * slowest * analog.relaxation_time, times[-1])
    held, early = times[times >= start], times[times <= start]
    ax.plot(times, [analog.reset_energy(t) for t in times], color=COLORS["bound"], label="reset each neuron, Gaussian: at least")
    ax.plot(held, [analog.following_energy(t) for t in held], color=COLORS["work"], label="follow the input: drag")
    ax.plot(early, [analog.following_energy(t) for t in early], color=COLORS["work"], lw=1, ls=":")
    answer = math.log(10) * analog.kT
    ax.axhline(answer, color=COLORS["bound"], lw=1, ls="--", label="erase the answer: kT ln 10")
    ax.set(xscale="log", yscale="log", xlim=times[[0, -1]], ylim=(1e-22, 1e-7), xlabel="time per inference",
           ylabel="energy per inference")
    ax.set_yticks((1e-21, 1e-18, 1e-15, 1e-12, 1e-9), ("1 zJ", "1 aJ", "1 fJ", "1 pJ", "1 nJ"))
    ax.set_yticks([], minor=True)
    ax.set_xticks((1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4), ("1 ns", "10 ns", "100 ns", "1 μs", "10 μs", "100 μs"))
    ax.set_xticks([], minor=True)


_TIMES = np.geomspace(1e-9, 1e-4, 61)


def inference_energy(analog: AnalogNetwork, hardware: Sequence[HardwareEnergy], slowest: float) -> Figure:
    """Energy per inference against time per inference: published hardware, neurons that are reset, neurons that follow.

    slowest: the longest relaxation time of the network in units of that of a single unit; the drag is drawn as a solid
    line from ten times this time on.
    """
    fig, ax = new_figure(size=(5.6, 4.6))
    _draw_energies(ax, analog, hardware, _check.positive("slowest", slowest), _TIMES)
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.6), fontsize=8)
    return fig


def inference_energy_explorer(
    analog: AnalogNetwork, hardware: Sequence[HardwareEnergy], slowest: float, accuracies: Mapping[float, float]
) -> Plot:
    """`inference_energy` at other conditions. Controls: temperature (K), relaxation (ns, of one unit), duration (μs).

    analog: its stiffness is kept in joules. accuracies: temperature -> fraction of right answers at that noise.
    """
    chip = min((row for row in hardware if row.kind == "measured"), key=lambda row: row.energy)

    def plot(temperature, relaxation, duration):
        here = replace(analog, kT=thermal_energy(temperature), relaxation_time=1e-9 * relaxation)
        duration = 1e-6 * duration
        follow, reset = here.following_energy(duration), here.reset_energy(duration)
        fig, ax = new_figure(size=(5.6, 4.6))
        _draw_energies(ax, here, hardware, slowest, _TIMES)
        ax.plot([duration, duration], [1e-22, 1e-16], color=COLORS["muted"], lw=0.8)
        ax.plot(duration, follow, "o", color=COLORS["work"])
        ax.plot(duration, reset, "o", color=COLORS["bound"])
        ax.legend(loc="center right", bbox_to_anchor=(1, 0.6), fontsize=8)
        return fig, {
            "follow (kT)": follow / here.kT,
            "reset, at least (kT)": reset / here.kT,
            "measured chip (kT)": chip.energy / here.kT,
            "following wins beyond (ns)": 1e9 * here.crossover(),
            "time / slowest relaxation": duration / (slowest * here.relaxation_time),
            "correct answers (%)": 100 * accuracies[temperature],
        }

    return plot
