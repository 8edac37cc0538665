"""Figures of the chapter "Erasing a bit": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import PchipInterpolator
from scipy.special import logsumexp, ndtr

from thermolib import _check
from thermolib.catalog import Experiment
from thermolib.figures import COLORS, new_figure
from thermolib.landauer import DoubleWell, binary_entropy, erase_exactly, erasure_protocol
from thermolib.langevin import Estimate, HarmonicTrap, Run, free_energy, mean_work, work_histogram
from thermolib.units import thermal_energy

LN2 = math.log(2)
Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]

#: The four stages of `landauer.erasure_protocol`, each a quarter of its duration.
STAGES = ("lower the barrier", "tilt", "raise the barrier", "untilt")


def _nearest(values: np.ndarray, wanted: float, name: str) -> int:
    k = int(np.abs(values - wanted).argmin())
    if abs(values[k] - wanted) > 1e-6 * max(1.0, abs(wanted)):
        raise ValueError(f"{name} must be one of {', '.join(f'{v:g}' for v in values)}, got {wanted}")
    return k


def relaxation(times: np.ndarray, x: np.ndarray, *, stiffness: float, kT: float, mobility: float) -> Figure:
    """Beads released at the center of a trap: a few paths, and the variance of all against its closed form.

    times: (m,). x: positions, (m, n). The closed form is (kT/k) (1 - exp(-2 mobility stiffness t)).
    """
    times, x = _check.array("times", times, ndim=1), _check.array("x", x, ndim=2)
    if len(x) != len(times):
        raise ValueError(f"x must have one row for each of the {len(times)} times, got {len(x)} rows")
    fig, (left, right) = new_figure(1, 2)
    left.plot(times, x[:, :4], color=COLORS["simulation"], lw=0.8)
    left.set(xlabel="time", ylabel="position x", xlim=(0, times[-1]))
    final = kT / stiffness
    right.axhline(final, color=COLORS["muted"], lw=1, ls="--")
    right.text(0.02 * times[-1], 1.03 * final, "kT/k", ha="left", va="bottom", color=COLORS["muted"])
    few = slice(None, None, max(1, len(times) // 20))
    right.plot(times, final * -np.expm1(-2 * mobility * stiffness * times), color=COLORS["exact"], label="exact")
    right.plot(times[few], x[few].var(axis=1), "o", color=COLORS["simulation"], ms=4, label="simulation")
    right.set(xlabel="time", ylabel="variance of x", xlim=(0, times[-1]), ylim=(0, 1.25 * final))
    right.legend(loc="lower right")
    return fig


def dragging_explorer(
    trap: HarmonicTrap, works: Mapping[float, np.ndarray], *, duration: float, kT: float, mobility: float
) -> Plot:
    """Work distribution of a dragged trap for each speed, beside the exact Gaussian. Control: speed.

    works: speed -> work of its trajectories, (n,), in the unit of kT.
    """
    means = {v: trap.mean_dragging_work(v, duration, mobility=mobility) / kT for v in works}
    top = max(means.values())
    edges = np.linspace(-4, top + 4 * math.sqrt(2 * top), 61)
    grid = np.linspace(edges[0], edges[-1], 200)
    narrowest = math.sqrt(2 * min(m for m in means.values() if m > 0))

    def plot(speed):
        work, mean = np.asarray(works[speed]) / kT, means[speed]
        sigma = math.sqrt(2 * mean)
        found = mean_work(work)
        fig, ax = new_figure()
        ax.stairs(work_histogram(work, edges).density, edges, fill=True, color=COLORS["simulation"], alpha=0.35)
        ax.plot(grid, np.exp(-((grid - mean) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi)),
                color=COLORS["exact"])
        ax.axvline(0, color=COLORS["bound"], ls="--", lw=1.4)
        ax.axvline(found.value, color=COLORS["work"])
        ax.set(xlabel="work W (kT)", ylabel="probability per kT", xlim=edges[[0, -1]], ylim=(0, 0.42 / narrowest))
        ax.plot([], [], color=COLORS["work"], label="mean, simulation")
        ax.plot([], [], color=COLORS["exact"], label="Gaussian, exact")
        ax.plot([], [], color=COLORS["bound"], ls="--", label="ΔF = 0")
        ax.legend(loc="upper right")
        return fig, {
            "mean work (kT)": found.value,
            "error of the mean (kT)": found.error,
            "exact mean (kT)": mean,
            "variance / (2 kT exact mean)": float(work.var(ddof=1)) / (2 * mean),
            "runs with W < 0 (%)": 100 * float((work < 0).mean()),
            "exact (%)": 100 * float(ndtr(-mean / sigma)),
        }

    return plot


def protocol_stages(well: DoubleWell) -> Figure:
    """The potential at the five corners of the erasure protocol, in kT, one panel each."""
    fig, panels = new_figure(1, 5, sharey=True, sharex=True, size=(5.6, 2.3))
    protocol = erasure_protocol(4.0)
    x = np.linspace(-1.75, 1.75, 150)
    for k, ax in enumerate(panels):
        g, f = protocol(float(k))
        ax.plot(x, well.energy(x, (g, f)), color=COLORS["ink"], lw=1.4)
        ax.set_title(f"g = {g:g}\nf = {f:g}", fontsize=9)
        ax.set(xticks=(-1, 1), ylim=(-50, 40))
        ax.tick_params(labelsize=8)
    panels[0].set_ylabel("potential U (kT)")
    panels[2].set_xlabel("position x (x₀)")
    return fig


def scrub_explorer(well: DoubleWell, run: Run, *, duration: float, shown: int = 40) -> Plot:
    """Potential, a few beads and the ledger so far at each recorded time of an erasure. Control: time.

    run: recorded at times that start at 0; kT = 1.
    """
    times = np.round(run.times, 6)
    if len(times) < 2 or times[0] != 0:
        raise ValueError(f"run must be recorded at two or more times from 0 on, got {times}")
    protocol, grid = erasure_protocol(duration), well.grid()
    energies = np.array([free_energy(well, protocol(t), grid) for t in times])
    change = energies - energies[0]
    work, heat = run.recorded_work.mean(axis=1), run.recorded_heat.mean(axis=1)
    excess = work - change
    error = run.recorded_work.std(axis=1, ddof=1) / math.sqrt(run.recorded_work.shape[1])
    x = np.linspace(-1.75, 1.75, 120)
    some = np.argsort(np.random.default_rng(0).random(run.recorded_x.shape[1]))[:shown]

    def plot(time):
        k = _nearest(times, time, "time")
        control = protocol(times[k])
        stage = min(int(4 * times[k] / duration), 3)
        fig, (top, bottom) = new_figure(2, 1, size=(5.6, 4.2), height_ratios=(1.5, 1))
        top.plot(x, well.energy(x, control), color=COLORS["ink"], lw=1.4)
        beads = run.recorded_x[k, some]
        top.plot(beads, well.energy(beads, control) + 2, "o", color=COLORS["simulation"], ms=4, alpha=0.6)
        top.set(xlabel="position x (x₀)", ylabel="potential U (kT)", xlim=(-1.75, 1.75), ylim=(-50, 45))
        bottom.axhline(LN2, color=COLORS["bound"], ls="--", lw=1.4)
        bottom.text(0.02 * duration, LN2 + 0.06, "ln 2", color=COLORS["bound"], va="bottom")
        bottom.plot(times, excess, color=COLORS["grid"])
        bottom.plot(times[: k + 1], excess[: k + 1], color=COLORS["work"])
        bottom.plot(times[k], excess[k], "o", color=COLORS["work"])
        for corner in (1, 2, 3):
            bottom.axvline(corner * duration / 4, color=COLORS["grid"], lw=0.8)
        bottom.set(xlabel="time t (x₀²/D)", ylabel="⟨W⟩ − ΔF (kT)", xlim=(0, duration),
                   ylim=(-0.2, 1.15 * excess.max()))
        return fig, {
            "stage": STAGES[stage],
            "mean work so far (kT)": float(work[k]),
            "mean heat so far (kT)": float(heat[k]),
            "ΔF so far (kT)": float(change[k]),
            "⟨W⟩ − ΔF (kT)": float(excess[k]),
            "error (kT)": float(error[k]),
            "in the right well (%)": 100 * float((run.recorded_x[k] > 0).mean()),
        }

    return plot


def quantiles(grid: np.ndarray, before: np.ndarray, after: np.ndarray) -> Figure:
    """Quantile functions of two densities on one grid, the gap between them shaded: W_2² is the mean squared gap."""
    grid = _check.array("grid", grid, ndim=1)
    u = np.linspace(0.002, 0.998, 200)
    functions = []
    for name, density in (("before", before), ("after", after)):
        density = _check.array(name, density, ndim=1)
        if density.shape != grid.shape or (density < 0).any():
            raise ValueError(f"{name} must be a density on the {len(grid)} points of the grid, not negative, "
                             f"got shape {density.shape}")
        cumulative = np.cumsum(density)
        functions.append(np.interp(u, cumulative / cumulative[-1], grid))
    fig, ax = new_figure()
    ax.fill_between(u, *functions, color=COLORS["work"], alpha=0.15, lw=0)
    for start in (0.06, 0.18, 0.3, 0.42):
        k = int(np.abs(u - start).argmin())
        ax.annotate("", (u[k], functions[1][k]), (u[k], functions[0][k]),
                    arrowprops={"arrowstyle": "->", "color": COLORS["work"], "lw": 1.2})
    ax.plot(u, functions[0], color=COLORS["muted"])
    ax.plot(u, functions[1], color=COLORS["ink"])
    ax.text(0.2, -1.2, "before: either well", color=COLORS["muted"], ha="center", va="top")
    ax.text(0.25, 1.18, "after: right well", color=COLORS["ink"], ha="center", va="bottom")
    ax.set(xlabel="rank u (fraction of beads to the left)", ylabel="position X(u) (x₀)", xlim=(0, 1),
           ylim=(-1.75, 1.75))
    return fig


def work_against_duration(
    durations: Sequence[float],
    simulated: Sequence[Estimate],
    exact_durations: Sequence[float],
    exact_work: Sequence[float],
    distance_squared: float,
) -> Figure:
    """Mean work of an erasure, in kT, against its duration: simulated points, exact curve and the two bounds.

    Between the exact points the curve is interpolated on logarithmic axes.
    """
    if len(durations) != len(simulated):
        raise ValueError(f"simulated must have one estimate for each of the {len(durations)} durations, "
                         f"got {len(simulated)}")
    exact_durations = _check.array("exact_durations", exact_durations, ndim=1)
    exact_work = _check.array("exact_work", exact_work, ndim=1)
    distance_squared = _check.nonnegative("distance_squared", distance_squared)
    fig, ax = new_figure(size=(5.6, 3.6))
    fine = np.geomspace(exact_durations[0], exact_durations[-1], 100)
    smooth = PchipInterpolator(np.log(exact_durations), np.log(exact_work))
    ax.plot(fine, np.exp(smooth(np.log(fine))), color=COLORS["exact"], label="four stages, exact")
    ax.errorbar(durations, [e.value for e in simulated], [e.error for e in simulated], fmt="o", capsize=2,
                color=COLORS["simulation"], label="four stages, simulation")
    ax.plot(fine, LN2 + distance_squared / fine, color=COLORS["bound"], label="least possible in time τ")
    ax.axhline(LN2, color=COLORS["bound"], ls="--", label="kT ln 2")
    ax.set(xscale="log", xlabel="duration τ (x₀²/D)", ylabel="mean work ⟨W⟩ (kT)",
           xlim=(exact_durations[0] * 0.9, exact_durations[-1] * 1.1), ylim=(0, 1.05 * exact_work.max()))
    ticks = [t for t in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64) if exact_durations[0] <= t <= exact_durations[-1]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xticks([], minor=True)
    ax.legend(loc="upper right")
    return fig


def work_distribution_explorer(works: Mapping[float, np.ndarray]) -> Plot:
    """Work distribution of successful erasures for each duration. Control: duration.

    works: duration -> work of its trajectories, (n,), in kT.
    """
    edges = np.arange(-6, 30.01, 0.5) + LN2  # an edge on ln 2

    def plot(duration):
        work = np.asarray(works[duration])
        found = mean_work(work)
        fig, ax = new_figure()
        histogram = work_histogram(work, edges)
        ax.stairs(histogram.density, edges, fill=True, color=COLORS["simulation"], alpha=0.35)
        below = edges[1:] < LN2 + 1e-9
        ax.stairs(np.where(below, histogram.density, 0), edges, fill=True, color=COLORS["simulation"], alpha=0.5)
        ax.axvline(LN2, color=COLORS["bound"], ls="--", lw=1.6)
        ax.axvline(found.value, color=COLORS["work"])
        ax.plot([], [], color=COLORS["work"], label="mean work")
        ax.plot([], [], color=COLORS["bound"], ls="--", label="kT ln 2")
        ax.set(xlabel="work W of one erasure (kT)", ylabel="probability per kT", xlim=(-6, 30), ylim=(0, 0.45))
        ax.legend(loc="upper right")
        return fig, {
            "mean work (kT)": found.value,
            "error of the mean (kT)": found.error,
            "runs below kT ln 2 (%)": 100 * float((work < LN2).mean()),
            "lowest work (kT)": float(work.min()),
            "−ln⟨exp(−W/kT)⟩": float(math.log(len(work)) - logsumexp(-work)),
        }

    return plot


def crooks_crossing(
    forward: np.ndarray, reverse: np.ndarray, free_energy_change: float, *, kT: float = 1.0, bins: int = 40
) -> Figure:
    """Histograms of the work done forward and of minus the work done backward, which cross at the exact change."""
    forward, reverse = _check.array("forward", forward, ndim=1) / kT, -_check.array("reverse", reverse, ndim=1) / kT
    low, high = np.quantile(np.concatenate([forward, reverse]), (0.001, 0.995))
    edges = np.linspace(low, high, bins + 1)
    fig, ax = new_figure()
    for work, line, text in ((forward, "-", "forward: W"), (reverse, ":", "backward: −W")):
        histogram = work_histogram(work, edges)
        ax.stairs(histogram.density, edges, color=COLORS["simulation"], ls=line, lw=1.6, label=text)
    ax.axvline(free_energy_change / kT, color=COLORS["exact"], label="ΔF, exact")
    ax.set(xlabel="work (kT)", ylabel="probability per kT", xlim=(low, high), ylim=(0, None))
    ax.legend(loc="upper right")
    return fig


def tilt_duration_table(
    durations: Sequence[float], tilts: Sequence[float], *, barrier: float = 13.0, points: int = 300, steps: int = 400
) -> dict[tuple[float, float], tuple[float, float]]:
    """Mean work in kT and success probability of an erasure, by the Fokker-Planck equation: (duration, tilt) -> both.

    Accurate to about 0.2 % of the work for barrier 13 and durations of 0.1 to 16.
    """
    table = {}
    for duration in durations:
        for tilt in tilts:
            solution = erase_exactly(duration, barrier=barrier, tilt=tilt, points=points, steps=steps)
            success = solution.density[solution.grid > 0].sum() / solution.density.sum()
            table[duration, tilt] = float(solution.work[-1]), float(min(success, 1.0))
    return table


def tilt_explorer(table: Mapping[tuple[float, float], tuple[float, float]]) -> Plot:
    """Success probability and mean work against the tilt, for one duration. Controls: tilt, duration."""
    durations, tilts = (sorted(set(values)) for values in zip(*table))
    highest = 1.05 * max(work for work, _ in table.values())

    def plot(duration, tilt):
        works, successes = np.array([table[duration, a] for a in tilts]).T
        bounds = [LN2 - binary_entropy(1 - s) for s in successes]
        k = tilts.index(tilt)
        fig, (top, bottom) = new_figure(2, 1, sharex=True, size=(5.6, 4.2))
        top.plot(tilts, 100 * successes, color=COLORS["information"])
        top.plot(tilt, 100 * successes[k], "o", color=COLORS["information"])
        top.set(ylabel="success (%)", ylim=(45, 104), yticks=(50, 75, 100))
        bottom.plot(tilts, works, color=COLORS["work"])
        bottom.plot(tilt, works[k], "o", color=COLORS["work"])
        bottom.plot(tilts, np.maximum(bounds, 2e-3), color=COLORS["bound"], ls="--")
        bottom.plot(tilt, max(bounds[k], 2e-3), "o", color=COLORS["bound"])
        bottom.text(tilts[-1], 0.40, "bound", color=COLORS["bound"], ha="right", va="top")
        bottom.set(xlabel="tilt A", ylabel="mean work (kT)", yscale="log", ylim=(0.02, 2 * highest))
        bottom.set_yticks((0.1, 1, 10), ("0.1", "1", "10"))
        bottom.set_yticks([], minor=True)
        return fig, {
            "success (%)": 100 * float(successes[k]),
            "failures ε": float(1 - successes[k]),
            "mean work (kT)": float(works[k]),
            "ln 2 − H(ε) (kT)": float(max(bounds[k], 0.0)),
        }

    return plot


def scheme_errors(
    steps: Sequence[float], work: Mapping[str, Sequence[float]], variance: Mapping[str, Sequence[float]],
    variance_error: float,
) -> Figure:
    """Relative error in percent of the mean dragging work and of the equilibrium variance, by scheme and step.

    steps: mobility * stiffness * dt. work, variance: scheme -> ratio to the exact value, one per step.
    variance_error: standard error of the variance ratios.
    """
    steps = _check.array("steps", steps, ndim=1)
    fig, panels = new_figure(1, 2, sharey=True)
    styles = {"heun": ("o", "-"), "euler-maruyama": ("s", "--"), "leimkuhler-matthews": ("^", ":")}
    names = {"heun": "Heun", "euler-maruyama": "Euler–Maruyama", "leimkuhler-matthews": "Leimkuhler–\nMatthews"}
    for ax, ratios, title, error in ((panels[0], work, "driven: mean work", 0.0),
                                     (panels[1], variance, "at rest: variance", variance_error)):
        ax.axhline(0, color=COLORS["exact"], lw=1)
        for scheme in ratios:
            marker, line = styles[scheme]
            hollow = scheme == "leimkuhler-matthews"
            ax.errorbar(steps, 100 * (np.asarray(ratios[scheme]) - 1), 100 * error, marker=marker, ls=line,
                        ms=8 if hollow else 4, mfc="none" if hollow else None, lw=1.3,
                        color=COLORS["simulation"], label=names[scheme])
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="μ k dt", xlim=(0, 1.08 * steps[-1]))
    panels[0].set_ylabel("error (%)")
    panels[1].legend(loc="upper left", fontsize=8)
    return fig


#: Which rows of `catalog.experiments` figure 2.11 shows: start of the experiment and of the quantity, label, basis.
_COSTS = (
    ("Berut", "two-parameter fit", "beads, 2012–15", "fitted"),
    ("Jun", "asymptotic work, full erasure", "feedback trap, 2014", "fitted"),
    ("Jun", "asymptotic work, no erasure", "no erasure, 2014", "fitted"),
    ("Hong", "dissipated energy", "nanomagnets, 2016", "measured"),
    ("Hong", "dissipated energy", "nanomagnets, 2016", "simulated"),
)


def published_costs(experiments: Sequence[Experiment]) -> list[tuple[str, float, float, str]]:
    """Costs of one erasure in kT among the published ones: (label, value, error or nan, basis).

    An energy in zJ is taken at 300 K; the error of a 95 % interval is half its width; nan where none was published.
    """
    costs = []
    for experiment, quantity, label, basis in _COSTS:
        (row,) = (e for e in experiments if e.experiment.startswith(experiment) and e.quantity.startswith(quantity)
                  and ("simulation" in e.system) == (basis == "simulated"))
        unit = 1.0 if row.unit == "kT" else 1e-21 / thermal_energy(300.0)
        error = row.uncertainty if isinstance(row.uncertainty, float) else math.nan
        if isinstance(row.uncertainty, str) and row.uncertainty.startswith("95% CI "):
            low, high = row.uncertainty.removeprefix("95% CI ").split("-")
            error = (float(high) - float(low)) / 2
        costs.append((label, row.value * unit, error * unit, basis))
    return costs


def measured_costs(rows: Sequence[tuple[str, float, float, str]]) -> Figure:
    """Published costs of erasing a bit in kT: (label, value, error or nan, basis), beside ln 2."""
    if not rows:
        raise ValueError("rows must list at least one cost, got none")
    fig, ax = new_figure(size=(5.6, 0.9 + 0.5 * len(rows)))
    markers = {"measured": "o", "fitted": "s", "simulated": "^"}
    for y, (_, value, error, basis) in enumerate(rows):
        _check.choice("basis", basis, markers)
        color = COLORS["simulation" if basis == "simulated" else "experiment"]
        bar = error if math.isfinite(error) else None
        ax.errorbar(value, y, xerr=bar, fmt=markers[basis], capsize=3, color=color)
    ax.axvline(LN2, color=COLORS["bound"], ls="--")
    ax.text(LN2, -0.75, "ln 2", color=COLORS["bound"], ha="center", va="bottom")
    ax.set_yticks(range(len(rows)), [f"{label}\n({basis})" for label, _, _, basis in rows], fontsize=8.5)
    ax.set(xlabel="cost of one erasure (kT)", xlim=(0, 1.4), ylim=(len(rows) - 0.5, -0.8))
    return fig
