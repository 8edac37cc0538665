"""Figures of the chapter "The whole network": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from thermolib import _check, digits
from thermolib.figures import COLORS, new_figure
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import Run, mean_work, simulate

Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]

_LINES = ("-", "--", ":")


# --- relaxation ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A network on its way to rest.

    times: (m,). distances: (m, L), of each layer to its forward pass, root mean square over its units. energy: F, (m,).
    outputs: (m, n_out). answer: (n_out,), the output of the forward pass.
    """

    times: np.ndarray
    distances: np.ndarray
    energy: np.ndarray
    outputs: np.ndarray
    answer: np.ndarray


def relaxations(
    network: NetworkHamiltonian, x0: np.ndarray, starts: Mapping[str, np.ndarray], times: Sequence[float], *, dt: float,
    mobility: float = 1.0,
) -> dict[str, Relaxation]:
    """Motion of a network at kT = 0 and a fixed input x0 from several states: name -> relaxation.

    starts: name -> state (n_units,). times: at which to keep it, from 0 on.
    """
    x0, times = _check.array("x0", x0, ndim=1), _check.array("times", times, ndim=1)
    run = simulate(network, lambda t: x0, np.array(list(starts.values())), duration=times[-1], dt=dt, kT=0.0,
                   mobility=mobility, rng=0, record=times)
    answer, found = network.forward(x0), {}
    for k, name in enumerate(starts):
        x = run.recorded_x[:, k]
        off = [np.sqrt(np.mean(part**2, axis=-1)) for part in network.split(x - answer)]
        found[name] = Relaxation(run.times, np.array(off).T, network.energy(x, x0), network.split(x)[-1],
                                 network.split(answer)[-1])
    return found


def largest_distance(network: NetworkHamiltonian, x0: np.ndarray, start: np.ndarray, times: Sequence[float], *,
                     mobility: float = 1.0) -> np.ndarray:
    """Largest distance of a unit to the forward pass at some times, (m,), on the way down from start at kT = 0.

    By an implicit method, whose steps grow when the fast units have come to rest; for smooth activations. start: (n_units,).
    times: increasing, from 0 on.
    """
    times, start = _check.array("times", times, ndim=1), _check.array("start", start, ndim=1)
    mobility = _check.positive("mobility", mobility)
    solved = solve_ivp(lambda t, x: mobility * network.force(x.T, x0).T, (0.0, times[-1]), start, method="BDF",
                       t_eval=times, vectorized=True, rtol=1e-6, atol=1e-10)
    if not solved.success:
        raise RuntimeError(f"the motion could not be followed beyond t = {solved.t[-1]:.3g}: {solved.message}")
    return np.abs(solved.y.T - network.forward(x0)).max(axis=1)


def relaxation_explorer(found: Mapping[str, Relaxation], stiffness: float) -> Plot:
    """Distance of each layer to its forward pass, and the outputs, at one moment. Controls: start, time.

    found: as `relaxations` returns them, of a network with three layers; time is one of the times recorded.
    """
    stiffness = _check.positive("stiffness", stiffness)
    lowest = min(r.distances[-1].min() for r in found.values())
    highest = max(r.distances.max() for r in found.values())
    reach = max(np.abs(r.outputs).max() for r in found.values())

    def plot(start, time):
        r = found[start]
        now = int(np.argmin(np.abs(r.times - time)))
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.1))
        for k, line in enumerate(_LINES):
            name = "output" if k == 2 else f"layer {k + 1}"
            left.plot(r.times, r.distances[:, k], ls=line, color=COLORS["simulation"], label=name)
        left.axvline(time, color=COLORS["muted"], lw=1)
        left.set(yscale="log", xlabel="time (γ/κ)", ylabel="distance to forward pass", ylim=(0.5 * lowest, 3 * highest),
                 xlim=(-0.02 * r.times[-1], r.times[-1]))
        left.legend(loc="lower left", fontsize=8)
        n = np.arange(len(r.answer))
        right.bar(n, r.outputs[now], color=COLORS["simulation"], alpha=0.6, label="now")
        right.plot(n, r.answer, "_", ms=11, mew=2, color=COLORS["exact"], label="forward pass")
        right.axhline(0, color=COLORS["ink"], lw=0.6)
        right.set(xlabel="output unit", ylabel="value x", ylim=(-1.15 * reach, 1.45 * reach))
        right.set_xticks(n)
        right.legend(loc="upper right", fontsize=8)
        return fig, {
            "energy F/κ": r.energy[now] / stiffness,
            "distance, layer 1": r.distances[now, 0],
            "distance, layer 2": r.distances[now, 1],
            "distance, output": r.distances[now, 2],
            "largest output": str(int(r.outputs[now].argmax())),
        }

    return plot


def count_distinct(states: np.ndarray, decimals: int = 6) -> np.ndarray:
    """How many different states there are among the first 1, 2, ... of states (n, d), rounded: (n,) counts."""
    states = np.round(_check.array("states", states, ndim=2), decimals) + 0.0  # no negative zeros
    first = np.unique(states, axis=0, return_index=True)[1]
    return np.isin(np.arange(len(states)), first).cumsum()


def minima_found(counts: Mapping[str, np.ndarray]) -> Figure:
    """Number of different end states against the number of starts, one line for each of up to four networks."""
    if not 1 <= len(counts) <= 4:
        raise ValueError(f"counts must hold one to four networks, got {len(counts)}")
    fig, ax = new_figure()
    most = max(len(c) for c in counts.values())
    ax.plot([1, most], [1, most], color=COLORS["muted"], lw=0.8, label="every start its own")
    for (name, found), line in zip(counts.items(), ("-", "--", "-.", ":")):
        ax.plot(np.arange(1, len(found) + 1), found, ls=line, color=COLORS["simulation"], label=name)
    ax.set(xscale="log", yscale="log", xlabel="random starts", ylabel="different end states", xlim=(1, most),
           ylim=(0.8, 2 * most))
    ax.legend(loc="upper left", fontsize=8.5)
    return fig


def relaxation_against_depth(
    exact: Mapping[str, tuple[Sequence[int], np.ndarray]], simulated: Mapping[str, tuple[Sequence[int], np.ndarray]]
) -> Figure:
    """Slowest relaxation time against the number of layers. Name -> (depths, times), exact and simulated."""
    if not 1 <= len(exact) <= 4:
        raise ValueError(f"exact must hold one to four curves, got {len(exact)}")
    fig, ax = new_figure(size=(5.6, 3.6))
    for (name, (depths, times)), line in zip(exact.items(), ("-", "--", "-.", ":")):
        ax.plot(depths, times, ls=line, color=COLORS["exact"], label=name)
    for (name, (depths, times)), marker in zip(simulated.items(), "osD"):
        ax.plot(depths, times, marker, color=COLORS["simulation"], label=name)
    ax.set(xscale="log", yscale="log", xlabel="number of layers L", ylabel="slowest relaxation (γ/κ)")
    ax.set_xticks((1, 2, 5, 10, 20, 40), ("1", "2", "5", "10", "20", "40"))
    ax.set_xticks([], minor=True)
    ax.legend(loc="upper left", fontsize=8.5)
    return fig


def distance_in_time(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Largest distance of a unit to its forward pass against time, name -> (times, distances), for up to four networks."""
    if not 1 <= len(curves) <= 4:
        raise ValueError(f"curves must hold one to four networks, got {len(curves)}")
    fig, ax = new_figure()
    for (name, (times, distances)), line in zip(curves.items(), ("-", "--", "-.", ":")):
        ax.plot(times, distances, ls=line, color=COLORS["simulation"], label=name)
    ax.set(xscale="log", yscale="log", xlabel="time (γ/κ)", ylabel="largest distance of a unit")
    ax.legend(loc="lower left")
    return fig


# --- the warm network ---------------------------------------------------------------------------------------------------


def noise_by_unit(expected: np.ndarray, measured: np.ndarray, errors: np.ndarray, widths: Sequence[int]) -> Figure:
    """Variance of each unit in units of kT / kappa, layer after layer: noisy forward passes, and Langevin dynamics."""
    expected, measured = _check.array("expected", expected, ndim=1), _check.array("measured", measured, ndim=1)
    if not len(expected) == len(measured) == len(errors) == sum(widths):
        raise ValueError(f"expected, measured and errors must hold one value for each of the {sum(widths)} units, got "
                         f"{len(expected)}, {len(measured)} and {len(errors)}")
    fig, ax = new_figure(size=(5.6, 3.0))
    n = np.arange(len(expected))
    ax.axhline(1, color=COLORS["muted"], lw=0.8, label="own noise kT/κ")
    ax.plot(n, expected, "_", ms=14, mew=2, color=COLORS["exact"], label="noisy forward pass")
    ax.errorbar(n, measured, errors, fmt="o", ms=4, capsize=2, color=COLORS["simulation"], label="Langevin")
    top = 1.45 * max(expected.max(), measured.max())
    start = 0
    for k, width in enumerate(widths, 1):
        if start:
            ax.axvline(start - 0.5, color=COLORS["muted"], lw=0.8, ls="--")
        name = "output" if k == len(widths) else f"layer {k}"
        ax.text(start + (width - 1) / 2, 0.04 * top, name, ha="center", fontsize=9)
        start += width
    ax.set(xlabel="unit", ylabel="variance (kT/κ)", xlim=(-0.7, len(n) - 0.3), ylim=(0, top))
    ax.legend(loc="upper left", fontsize=8.5)
    return fig


@dataclass(frozen=True, eq=False)
class WarmAnswers:
    """What noisy forward passes answer. accuracy: fraction right. mean, spread: (n_out,), of the outputs at one image.

    energy: mean of F / kT over all passes.
    """

    accuracy: float
    mean: np.ndarray
    spread: np.ndarray
    energy: float


def warm_answers(
    network: NetworkHamiltonian, images: np.ndarray, labels: np.ndarray, kT: float, *, readings: int = 1, draws: int = 3, rng
) -> WarmAnswers:
    """Answers of a network at the temperature kT, each the mean output of some independent readings.

    images: (m, n_in). labels: (m,). draws: answers to each image. mean and spread belong to the first image.
    """
    readings, draws = _check.count("readings", readings), _check.count("draws", draws)
    x = network.sample(images, readings * draws, kT, rng)
    energy = np.mean([network.energy(part, images).mean() for part in x]) / _check.positive("kT", kT)
    outputs = network.split(x)[-1]
    outputs = outputs.reshape(draws, readings, *outputs.shape[1:]).mean(axis=1)
    right = np.mean([digits.accuracy(out, labels) for out in outputs])
    return WarmAnswers(float(right), outputs[:, 0].mean(axis=0), outputs[:, 0].std(axis=0, ddof=1), float(energy))


def temperature_explorer(
    answers: Mapping[tuple[str, int, float], WarmAnswers], cold: Mapping[str, np.ndarray], label: int, units: int
) -> Plot:
    """Outputs at one image, and accuracy against temperature. Controls: network, readings, temperature.

    answers: (network, readings, kT / kappa) -> answers, all combinations. cold: network -> its outputs at kT = 0, (n_out,).
    label: of the image. units: of a network, without its input.
    """
    names, readings, temperatures = (list(dict.fromkeys(values)) for values in zip(*answers))
    temperatures.sort()
    reach = max(np.abs(a.mean).max() + a.spread.max() for a in answers.values())

    def plot(network, readings, temperature):
        a = answers[network, readings, temperature]
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.1))
        n = np.arange(len(a.mean))
        left.axvspan(label - 0.45, label + 0.45, color=COLORS["grid"], lw=0)
        left.errorbar(n, a.mean, a.spread, fmt="o", ms=4, capsize=2, color=COLORS["simulation"], label="mean ± sd")
        left.plot(n, cold[network], "_", ms=11, mew=2, color=COLORS["exact"], label="kT = 0")
        left.set(xlabel="output unit", ylabel="value x", ylim=(-reach, 1.5 * reach))
        left.set_xticks(n)
        left.legend(loc="upper right", fontsize=8)
        right.plot(temperatures, [100 * answers[network, readings, t].accuracy for t in temperatures], "o-", lw=1,
                   ms=3.5, color=COLORS["simulation"])
        right.plot(temperature, 100 * a.accuracy, "o", ms=8, mfc="none", color=COLORS["simulation"])
        right.axhline(10, color=COLORS["muted"], lw=0.8, ls="--", label="guessing")
        right.set(xscale="log", xlabel="temperature kT / κ", ylabel="right answers (%)", ylim=(0, 104))
        right.legend(loc="lower left", fontsize=8)
        return fig, {
            "right answers (%)": 100 * a.accuracy,
            "sd of an output": float(np.sqrt(np.mean(a.spread**2))),
            "own noise √(kT/κ)": float(np.sqrt(temperature)),
            "energy F (kT)": a.energy,
            "n/2 (kT)": units / 2,
        }

    return plot


# --- cycles -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Cycle:
    """Inference cycles of many copies: the input goes from a to b in the time tau, and back in the same time.

    phase: t / tau, (m,), from 0 to 2. work: so far, (m, n), in kT. free_energy: F(input) - F(a), (m,), in kT. duration:
    tau. bounds: lower and upper limit of the work of the cycle in kT as predicted for slow motion.
    """

    phase: np.ndarray
    work: np.ndarray
    free_energy: np.ndarray
    duration: float
    bounds: tuple[float, float]

    @property
    def forward_work(self) -> np.ndarray:
        """Work up to b, (n,), in kT."""
        return self.work[np.argmin(np.abs(self.phase - 1))]


def there_and_back(start: np.ndarray, end: np.ndarray, duration: float) -> Callable[[float], np.ndarray]:
    """The protocol that moves a control from start to end in the duration, and back."""
    start, end = _check.array("start", start, ndim=1), _check.array("end", end, ndim=1)
    duration = _check.positive("duration", duration)
    return lambda t: start + (1 - abs(t / duration - 1)) * (end - start)


def cycle(run: Run, duration: float, kT: float, free_energy: np.ndarray, drag: tuple[float, float]) -> Cycle:
    """The cycle of a run under `there_and_back`, recorded evenly from 0 to 2 durations.

    free_energy: of the path, at evenly spaced inputs from a to b. drag: lower and upper limit of the drag coefficient.
    """
    kT, phase = _check.positive("kT", kT), run.times / _check.positive("duration", duration)
    along = np.interp(1 - np.abs(phase - 1), np.linspace(0, 1, len(free_energy)), free_energy)
    return Cycle(phase, run.recorded_work / kT, (along - free_energy[0]) / kT, duration,
                 tuple(2 * K / (duration * kT) for K in drag))


def cycle_explorer(cycles: Mapping[tuple[str, float], Cycle]) -> Plot:
    """Work in the course of a cycle, and work of whole cycles against their time. Controls: system, duration.

    cycles: (system, duration) -> cycle, every system with every duration.
    """
    durations = sorted({tau for _, tau in cycles})
    means = {key: mean_work(c.work[-1]) for key, c in cycles.items()}
    lowest = min(min(m.value for m in means.values()), min(c.bounds[0] for c in cycles.values()))
    highest = max(m.value for m in means.values())
    shown = {}
    for system in {name for name, _ in cycles}:
        those = [cycles[system, tau] for tau in durations]
        low = min(min(c.free_energy.min() for c in those), 0)
        high = max(c.work.mean(axis=1).max() for c in those)
        shown[system] = (low - 0.15 * (high - low), high + 0.45 * (high - low))

    def plot(system, duration):
        c = cycles[system, duration]
        fig, (left, right) = new_figure(1, 2, size=(5.6, 3.2))
        left.plot(c.phase, c.work.mean(axis=1), color=COLORS["work"], label="mean work so far")
        left.plot(c.phase, c.free_energy, ls="--", color=COLORS["exact"], label="reversible: ΔF")
        left.axvline(1, ymax=0.8, color=COLORS["muted"], lw=0.8)
        left.set(xlabel="time / τ", ylabel="work (kT)", xlim=(0, 2), ylim=shown[system])
        left.legend(loc="upper left", fontsize=8)
        ends = [cycles[system, tau].bounds for tau in durations]
        right.fill_between(durations, [b[0] for b in ends], [1.02 * b[1] for b in ends], color=COLORS["exact"], lw=0,
                           alpha=0.35)
        right.plot(durations, [b[1] for b in ends], color=COLORS["exact"], lw=1, label="slow: 2K/τ")
        right.errorbar(durations, [means[system, tau].value for tau in durations],
                       [means[system, tau].error for tau in durations], fmt="o", ms=4, capsize=2,
                       color=COLORS["simulation"], label="simulation")
        right.plot(duration, means[system, duration].value, "o", ms=9, mfc="none", color=COLORS["simulation"])
        right.set(xscale="log", yscale="log", xlabel="duration τ", ylabel="work of the cycle (kT)",
                  ylim=(0.5 * lowest, 40 * highest))
        right.set_xticks((3, 10, 30, 100), ("3", "10", "30", "100"))
        right.set_xticks([], minor=True)
        right.set_xlim(durations[0] / 1.3, durations[-1] * 1.3)
        right.legend(loc="upper right", fontsize=8)
        return fig, {
            "work of the cycle (kT)": means[system, duration].value,
            "its error (kT)": means[system, duration].error,
            "slow formula (kT)": c.bounds[1],
            "exchanged halfway, ΔF (kT)": float(c.free_energy[np.argmin(np.abs(c.phase - 1))]),
        }

    return plot
