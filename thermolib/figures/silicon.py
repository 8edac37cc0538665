"""Figures of the chapter "What silicon pays": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from thermolib import _check, catalog, digital, digits, units
from thermolib.explore import Calculator, Range, calculator
from thermolib.figures import COLORS, new_figure
from thermolib.langevin import Estimate

LN2 = math.log(2)
Plot = Callable[..., tuple[Figure, dict[str, "float | str"]]]

#: One marker per kind of energy, as on the ladder of chapter 1.
MARKERS = {"law": "D", "estimated": "^", "table": "s", "measured": "o", "rated": "v", "simulated": "P"}

_CMOS = "45 nm CMOS, 0.9 V (Horowitz)"


def scientific(value: float) -> str:
    """Two significant digits, with a power of ten from 1000 on: 6.53e6 -> '6.5×10⁶'."""
    if _check.nonnegative("value", value) < 995:
        return f"{float(f'{value:.2g}'):g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def _energy_ticks(ax, low: float, high: float, step: int = 3) -> None:
    """A logarithmic axis of energies with words at every third power of ten."""
    powers = range(step * math.ceil(math.log10(low) / step), math.floor(math.log10(high)) + 1, step)
    ax.set(xscale="log", xlim=(low, high))
    ax.set_xticks([10.0**p for p in powers], [units.format_energy(10.0**p, 1) for p in powers])
    ax.set_xticks([], minor=True)


# --- the network --------------------------------------------------------------------------------------------------------


def digit_gallery(images: np.ndarray, labels: Sequence[int], answers: Sequence[int]) -> Figure:
    """Images (n, 64) of handwritten digits, six a row, each with what it is and what the network reads."""
    images = _check.array("images", images, ndim=2)
    if images.shape[1] != 64 or images.min() < 0 or images.max() > 1:
        raise ValueError(f"images must hold 64 gray values from 0 to 1, got shape {images.shape} "
                         f"and values up to {images.max():g}")
    if not len(labels) == len(answers) == len(images):
        raise ValueError(f"labels and answers must hold one entry for each of {len(images)} images, "
                         f"got {len(labels)} and {len(answers)}")
    rows = math.ceil(len(images) / 6)
    fig, ax = new_figure(size=(5.6, 1.15 * rows))
    corner = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    squares: dict[float, list[np.ndarray]] = {}
    for k, image in enumerate(images):
        left, top = 10 * (k % 6), 12 * (k // 6)
        for pixel in np.flatnonzero(image):
            squares.setdefault(float(image[pixel]), []).append(corner + (left + pixel % 8, top + pixel // 8))
        wrong = answers[k] != labels[k]
        name = f"{labels[k]}, read as {answers[k]}" if wrong else f"{labels[k]}"
        ax.text(left + 4, top + 8.4, name, ha="center", va="top", fontsize=9, color=COLORS["heat" if wrong else "ink"])
    for gray, shapes in sorted(squares.items()):
        ax.add_collection(PolyCollection(shapes, facecolor=COLORS["ink"], alpha=gray, lw=0))
    ax.set(xlim=(-0.5, 58.5), ylim=(12 * rows - 0.5, -0.5), aspect="equal")
    ax.axis("off")
    return fig


def precision(bits: Sequence[int], accuracies: Sequence[float], full: float, held_out: int) -> Figure:
    """Accuracy in percent against the bits of every weight and every activation, with its binomial error.

    full: accuracy with unrounded numbers. held_out: images that the accuracies were measured on.
    """
    if len(bits) != len(accuracies):
        raise ValueError(f"accuracies must hold one entry for each of the {len(bits)} bits, got {len(accuracies)}")
    share = _check.array("accuracies", accuracies, ndim=1)
    error = np.sqrt(share * (1 - share) / _check.count("held_out", held_out))
    fig, ax = new_figure(size=(5.6, 2.8))
    ax.axhline(100 * full, color=COLORS["muted"], lw=1, ls="--")
    ax.text(bits[0] - 0.4, 100 * full - 1.5, "unrounded", color=COLORS["muted"], va="top")
    ax.axhline(10, color=COLORS["muted"], lw=1, ls=":")
    ax.text(bits[-1], 11.5, "guessing", color=COLORS["muted"], ha="right", va="bottom")
    ax.errorbar(bits, 100 * share, 100 * error, fmt="o", capsize=2, color=COLORS["simulation"])
    ax.set(xlabel="bits of each weight and activation", ylabel="held-out digits right (%)", ylim=(0, 104),
           xlim=(bits[0] - 0.5, bits[-1] + 0.5), xticks=list(bits))
    return fig


# --- counting -----------------------------------------------------------------------------------------------------------


def multiplication_losses(
    gates: Mapping[int, float], sampled: Mapping[int, float], whole: Mapping[int, float]
) -> Figure:
    """Bits forgotten by one multiplication against the width of its factors, in three accounts.

    gates: width -> bits forgotten by the gates, all inputs enumerated. sampled: the same from a sample of the inputs.
    whole: width -> H(factors) - H(product), all inputs enumerated.
    """
    fig, ax = new_figure(size=(5.6, 3.5))
    widths = sorted({*gates, *sampled, *whole})
    ax.plot(widths, [2 * b for b in widths], color=COLORS["information"], ls="--", label="the product's register, 2b")
    ax.plot(list(gates), list(gates.values()), "o", color=COLORS["information"], label="its gates, all inputs")
    ax.plot(list(sampled), list(sampled.values()), "o", mfc="none", color=COLORS["information"],
            label="its gates, sampled inputs")
    ax.plot(list(whole), list(whole.values()), "D", color=COLORS["bound"], label="factors in, product out")
    ax.set(xscale="log", yscale="log", xlabel="width b of the factors (bits)", ylabel="bits forgotten", ylim=(0.3, 3e4),
           xlim=(0.9 * widths[0], 1.12 * widths[-1]))
    ax.set_xticks(widths, [f"{b}" if b in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) else "" for b in widths])
    ax.set_xticks([], minor=True)
    ax.set_yticks((1, 10, 100, 1000, 10000), ("1", "10", "100", "10³", "10⁴"))
    ax.set_yticks([], minor=True)
    ax.legend(loc="upper left", fontsize=8.5)
    return fig


def accounts(levels: Sequence[tuple[str, float, str]]) -> Figure:
    """Bits that one inference forgets, from the largest account to none: (name, bits, "accounting" or "law").

    An account of 0 bits is drawn at the left edge, with an arrow.
    """
    if not levels:
        raise ValueError("levels must list at least one account, got none")
    colors = {"accounting": "information", "law": "bound"}
    fig, ax = new_figure(size=(5.6, 1.0 + 0.48 * len(levels)))
    low, high = 3.0, 3e9
    for y, (_, bits, status) in enumerate(levels):
        color = COLORS[colors[_check.choice("status", status, colors)]]
        if bits > 0:
            ax.plot([low, bits], [y, y], color=color, lw=5, alpha=0.35, solid_capstyle="butt")
            ax.plot(bits, y, "D" if status == "law" else "o", color=color)
        else:
            ax.annotate("", (low, y), (3 * low, y), arrowprops={"arrowstyle": "->", "color": color})
        joule = units.landauer_limit(bits)
        ax.annotate(f"{scientific(bits)} bits, {units.format_energy(joule, 2)}" if bits else "0", (max(bits, 3 * low), y),
                    (8, 0), textcoords="offset points", va="center", color=color, fontsize=9)
    for status, color in colors.items():
        ax.plot([], [], "D" if status == "law" else "o", color=COLORS[color], label=status)
    ax.set(xscale="log", xlim=(low, high), ylim=(len(levels) - 0.4, -0.6), xlabel="bits forgotten in one inference")
    ax.set_xticks((1e1, 1e3, 1e5, 1e7), ("10", "10³", "10⁵", "10⁷"))
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(levels)), [name for name, _, _ in levels], fontsize=9)
    ax.legend(loc="lower right", fontsize=8.5)
    return fig


#: Operations of `catalog.hardware` that figure 3.5 compares: label in the book, item, operation, and the bits of a result.
#: Training runs are counted at the 16 bits of their matrix products.
OPERATIONS = (
    ("8-bit integer add", _CMOS, "8-bit int add", 8),
    ("32-bit integer add", _CMOS, "32-bit int add", 32),
    ("8-bit integer multiply", _CMOS, "8-bit int mult", 8),
    ("16-bit float multiply", _CMOS, "16-bit float mult", 16),
    ("32-bit float multiply", _CMOS, "32-bit float mult", 32),
    ("read 32 bits, 8 KB cache", _CMOS, "32-bit SRAM cache access (8 KB)", 32),
    ("read 32 bits, DRAM", _CMOS, "32-bit DRAM access", 32),
    ("photonic processor, 16 bit", "Lightmatter photonic processor", "16-bit ABFP OP", 16),
    ("H100 at peak, 8 bit", "NVIDIA H100 SXM", "FP8 tensor FLOP, peak", 8),
    ("H100 at peak, 16 bit", "NVIDIA H100 SXM", "BF16 tensor FLOP, peak", 16),
    ("TPU v4 at peak, 16 bit", "Google TPU v4", "BF16 FLOP, peak", 16),
    ("V100 at peak, 16 bit", "NVIDIA V100 SXM2", "FP16 tensor FLOP, peak", 16),
    ("phase-change chip, 8 bit", "IBM HERMES 64-core PCM, 1-phase", "8-bit I/O OP", 8),
    ("H100, training OLMo 2", "H100 (OLMo 2 13B run)", "6ND FLOP achieved", 16),
    ("TPU v4, training PaLM", "Google TPU v4 (PaLM system)", "6ND FLOP achieved", 16),
    ("V100, training GPT-3", "V100 (GPT-3 run)", "training FLOP achieved", 16),
)


def published_operations() -> list[tuple[str, catalog.Hardware, int]]:
    """(label, row of the catalog, bits of a result) for each of `OPERATIONS`."""
    rows = {(row.item, row.operation): row for row in catalog.hardware()}
    return [(label, rows[item, operation], bits) for label, item, operation, bits in OPERATIONS]


def naive_ratio(row: catalog.Hardware, bits: int, temperature: float = 300.0) -> float:
    """Energy of a published operation over the naive count, kT ln 2 for each bit of its result."""
    return row.joule_per_operation / units.landauer_limit(_check.count("bits", bits), temperature)


def published_ratios(operations: Sequence[tuple[str, catalog.Hardware, int]]) -> Figure:
    """Energy of published operations over the naive count at 300 K, one marker for each kind of energy."""
    if not operations:
        raise ValueError("operations must list at least one, got none")
    order = {kind: k for k, kind in enumerate(catalog.by_kind([row for _, row, _ in operations]))}
    ordered = sorted(operations, key=lambda entry: (order[entry[1].kind], naive_ratio(entry[1], entry[2])))
    fig, ax = new_figure(size=(5.6, 0.9 + 0.26 * len(ordered)))
    for y, (_, row, bits) in enumerate(ordered):
        ax.plot([1, naive_ratio(row, bits)], [y, y], color=COLORS["grid"], lw=1, zorder=0)
    for kind in order:
        points = [(naive_ratio(row, bits), y) for y, (_, row, bits) in enumerate(ordered) if row.kind == kind]
        ax.plot(*zip(*points), MARKERS[kind], color=COLORS["experiment"], label=catalog.KINDS[kind])
    ax.axvline(1, color=COLORS["information"], ls="--")
    ax.text(1.4, -1.0, "naive count", color=COLORS["information"], va="center", fontsize=9)
    ax.set(xscale="log", xlim=(0.7, 5e10), ylim=(len(ordered) - 0.4, -1.7), xlabel="energy / (bits × kT ln 2), at 300 K")
    ax.set_xticks((1, 1e3, 1e6, 1e9), ("1", "10³", "10⁶", "10⁹"))
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(ordered)), [label for label, _, _ in ordered], fontsize=8.5)
    fig.legend(loc="outside lower center", ncols=2, fontsize=8.5)
    return fig


# --- where the factor goes ----------------------------------------------------------------------------------------------


def switch_explorer(temperature: float = 300.0) -> Plot:
    """A bit on a capacitor in thermal noise: its two levels, and its error against C V²/2. Controls: capacitance, voltage.

    capacitance: in attofarads. voltage: between the two levels, in volts.
    """
    kT = units.thermal_energy(temperature)
    curve = np.geomspace(0.2, 420, 120)
    logs = np.array([digital.log_error(e) for e in curve]) / math.log(10)
    wanted = digital.energy_for_error(1e-25)

    def plot(capacitance, voltage):
        farad = 1e-18 * capacitance
        sigma = math.sqrt(kT / farad)
        energy = 0.5 * farad * voltage**2 / kT
        digits_lost = digital.log_error(energy) / math.log(10)
        fig, (top, bottom) = new_figure(2, 1, size=(5.6, 4.4), height_ratios=(1, 1.15))
        for level, name in ((0.0, "0"), (voltage, "1")):
            volts = level + sigma * np.linspace(-4.5, 4.5, 60)
            density = np.exp(-0.5 * ((volts - level) / sigma) ** 2)
            top.plot(volts, density, color=COLORS["exact"], lw=1.4)
            top.text(level, 1.06, name, ha="center", va="bottom", color=COLORS["ink"])
            wrong = np.linspace(voltage / 2, voltage / 2 + (1 if level == 0 else -1) * 4.5 * sigma, 40)
            top.fill_between(wrong, np.exp(-0.5 * ((wrong - level) / sigma) ** 2), color=COLORS["heat"], alpha=0.6, lw=0)
        top.axvline(voltage / 2, color=COLORS["muted"], ls=":", lw=1.4)
        top.set(xlabel="voltage (V)", xlim=(-0.3, 1.2), ylim=(0, 1.35), yticks=[])
        top.set_ylabel("probability\n(peak = 1)")
        bottom.plot(curve, logs, color=COLORS["exact"])
        bottom.axhline(-25, color=COLORS["muted"], ls="--", lw=1)
        bottom.text(2.5e5, -24, "one error in 10²⁵ looks", color=COLORS["muted"], ha="right", va="bottom")
        bottom.axvline(LN2, color=COLORS["bound"], ls="--", lw=1.4)
        bottom.text(LN2 * 1.15, -43, "kT ln 2", color=COLORS["bound"], va="bottom")
        bottom.plot(energy, max(digits_lost, -43), "o" if digits_lost > -43 else "v", color=COLORS["work"], ms=8)
        bottom.set(xscale="log", xlabel="C V²/2 (kT)", ylabel="error per look", xlim=(0.2, 3e5), ylim=(-45, 2))
        bottom.set_xticks((1, 1e2, 1e4), ("1", "100", "10⁴"))
        bottom.set_xticks([], minor=True)
        bottom.set_yticks((0, -25, -40), ("1", "10⁻²⁵", "10⁻⁴⁰"))
        return fig, {
            "C V²/2 (kT)": energy,
            "electrons, C V / e": farad * voltage / units.ELEMENTARY_CHARGE,
            "noise √(kT/C) (mV)": 1e3 * sigma,
            "log₁₀ of the error": digits_lost,
            "C V²/2 over what 10⁻²⁵ needs": energy / wanted,
        }

    return plot


def ramp(durations: Sequence[float], simulated: Sequence[Estimate], longest: float) -> Figure:
    """Heat of charging a capacitor in units of C V²/2 against the duration of the ramp in R C.

    durations, simulated: in these units. longest: end of the axis.
    """
    if len(durations) != len(simulated):
        raise ValueError(f"simulated must have one estimate for each of the {len(durations)} durations, "
                         f"got {len(simulated)}")
    longest = _check.positive("longest", longest)
    fine = np.geomspace(0.1, longest, 120)
    fig, ax = new_figure(size=(5.6, 3.3))
    ax.axhline(1, color=COLORS["muted"], ls="--", lw=1)
    ax.text(longest / 1.2, 1.1, "sudden: C V²/2", color=COLORS["muted"], ha="right", va="bottom")
    ax.plot(fine, [2 * digital.ramp_loss(1.0, 1.0, 1.0, t) for t in fine], color=COLORS["exact"], label="exact")
    slow = fine[fine > 4]
    ax.plot(slow, 2 / slow, color=COLORS["muted"], ls=":", lw=1.4, label="slow: C V² R C/t")
    ax.errorbar(durations, [e.value for e in simulated], [e.error for e in simulated], fmt="o", capsize=2,
                color=COLORS["simulation"], label="simulation")
    ax.set(xscale="log", yscale="log", xlabel="duration of the ramp t (R C)", ylabel="mean heat (C V²/2)",
           xlim=(0.1, longest), ylim=(1 / longest, 2.5))
    ax.set_xticks([10.0**k for k in range(-1, 1 + int(math.log10(longest)))],
                  [f"{10.0**k:g}" for k in range(-1, 1 + int(math.log10(longest)))])
    ax.set_yticks((1, 0.1, 0.01), ("1", "0.1", "0.01"))
    ax.legend(loc="lower left")
    return fig


#: How a step of `factor_ladder` is known, and its color.
_STEPS = {"accounting": "information", "computed": "exact", "table": "experiment"}


def factor_ladder(steps: Sequence[tuple[str, float, str]]) -> Figure:
    """From the naive count of an operation up to its energy, factor by factor: (name, joules, basis).

    Each bar runs from the energy of the step before to its own; the first one starts at the left edge. basis:
    "accounting", "computed" (a closed form with assumed numbers) or "table".
    """
    energies = _check.array("joules", [joule for _, joule, _ in steps], ndim=1)
    if len(energies) < 2 or (np.diff(energies) <= 0).any() or energies[0] <= 0:
        raise ValueError(f"steps must list at least two energies that increase from above 0, got {energies}")
    low, high = energies[0] / 30, energies[-1] * 3e5
    fig, ax = new_figure(size=(5.6, 0.9 + 0.5 * len(steps)))
    before = low
    for y, (_, joule, basis) in enumerate(steps):
        color = COLORS[_STEPS[_check.choice("basis", basis, _STEPS)]]
        ax.barh(y, joule - before, left=before, height=0.55, color=color, alpha=0.55, lw=0)
        factor = f"×{scientific(joule / before)}, " if y else ""
        text = factor + units.format_energy(joule, 2)
        ax.annotate(text, (joule, y), (5, 0), textcoords="offset points", va="center", color=color)
        if y:
            ax.plot([before, before], [y - 0.72, y - 0.28], color=COLORS["muted"], lw=0.8)
        before = joule
    for basis, color in _STEPS.items():
        ax.barh(0, 0, left=low, color=COLORS[color], alpha=0.55, label=basis)
    _energy_ticks(ax, low, high)
    ax.set(ylim=(len(steps) - 0.4, -0.6), xlabel="energy of one multiply-accumulate")
    ax.set_yticks(range(len(steps)), [name for name, _, _ in steps], fontsize=9)
    ax.legend(loc="upper right", fontsize=8.5)
    return fig


# --- energy per inference -----------------------------------------------------------------------------------------------


def networks() -> dict[str, float]:
    """Weights, hence multiply-accumulates of one inference, of the networks that `inference_explorer` knows."""
    (gpt3,) = (model for model in catalog.models() if model.model == "GPT-3 175B")
    return {
        "digits, 64-32-32-10": digital.multiply_accumulates(digits.WIDTHS),
        "pictures, 784-300-100-10": digital.multiply_accumulates((784, 300, 100, 10)),
        "GPT-3, one token": gpt3.parameters,
    }


#: Rows of the catalog that make up one multiply-accumulate, by hardware and bits: item, operation, how many of them.
_ARITHMETIC = {
    8: ((_CMOS, "8-bit int mult", 1.0), (_CMOS, "32-bit int add", 1.0)),
    16: ((_CMOS, "16-bit float mult", 1.0), (_CMOS, "16-bit float add", 1.0)),
}
HARDWARE = {
    "45 nm, arithmetic alone": _ARITHMETIC,
    # A weight of b bits is charged b/32 of a 32-bit access, and read once per inference.
    "45 nm, weights from DRAM": {b: (*_ARITHMETIC[b], (_CMOS, "32-bit DRAM access", b / 32)) for b in _ARITHMETIC},
    "H100 GPU at its peak": {
        8: (("NVIDIA H100 SXM", "FP8 tensor FLOP, peak", 2.0),),
        16: (("NVIDIA H100 SXM", "BF16 tensor FLOP, peak", 2.0),),
    },
}


def energy_per_weight(hardware: str, bits: int) -> tuple[float, str]:
    """Joules of one multiply-accumulate with one weight on one of `HARDWARE`, and the kind of that energy.

    bits: of the weights, 8 (integers summed in 32 bits where the table is used) or 16 (floats).
    """
    parts = HARDWARE[_check.choice("hardware", hardware, HARDWARE)]
    if bits not in parts:
        raise ValueError(f"bits must be one of {', '.join(map(str, parts))}, got {bits}")
    rows = {(row.item, row.operation): row for row in catalog.hardware()}
    used = [(rows[item, operation], number) for item, operation, number in parts[bits]]
    return sum(number * row.joule_per_operation for row, number in used), catalog.one_kind([row for row, _ in used])


def inference_explorer(gate_bits: Mapping[int, float]) -> Plot:
    """Energy of one inference on three kinds of hardware beside two accounts of what it forgets.

    Controls: network (of `networks`), precision ("8 bit" or "16 bit"), hardware (of `HARDWARE`), temperature in kelvin.
    gate_bits: bits -> bits forgotten by the gates of one integer multiply-accumulate of this width.
    """
    weights = networks()
    costs = {(name, bits): energy_per_weight(name, bits) for name in HARDWARE for bits in gate_bits}
    names = ["naive count: b bits\nan operation", "what its gates\nforget",
             *(f"{name}\n({catalog.KINDS[costs[name, 8][1]]})" for name in HARDWARE)]
    low, high = 3e-19, 1e7

    def plot(network, precision, hardware, temperature):
        bits = int(precision.split()[0])
        count = weights[network]
        bit = units.landauer_limit(1, temperature)
        naive, gates = count * 2 * bits * bit, count * gate_bits[bits] * bit
        fig, ax = new_figure(size=(5.6, 3.4))
        rows = [naive, gates]
        for y, joule in enumerate(rows):
            ax.plot(joule, y, "o", color=COLORS["information"], mfc="none" if y else None)
            ax.annotate(units.format_energy(joule, 2), (joule, y), (8, 0), textcoords="offset points", va="center",
                        color=COLORS["information"], fontsize=9)
        ax.axvline(naive, color=COLORS["information"], ls="--", lw=1)
        for y, name in enumerate(HARDWARE, len(rows)):
            each, kind = costs[name, bits]
            joule, chosen = count * each, name == hardware
            alpha = 1.0 if chosen else 0.6
            ax.plot(joule, y, MARKERS[kind], color=COLORS["experiment"], alpha=alpha, ms=8 if chosen else 5)
            ax.annotate(units.format_energy(joule, 2), (joule, y), (8, 0), textcoords="offset points", va="center",
                        color=COLORS["experiment"], fontsize=9, alpha=alpha)
            if chosen:
                spent = joule
                ax.annotate("", (joule / 1.5, y), (naive, y),
                            arrowprops={"arrowstyle": "<->", "color": COLORS["ink"], "lw": 1})
                ax.text(math.sqrt(naive * joule), y - 0.12, f"×{scientific(joule / naive)}", ha="center", va="bottom")
        _energy_ticks(ax, low, high, 6)
        ax.set(ylim=(len(rows) + len(HARDWARE) - 0.4, -0.6), xlabel="energy of one inference")
        ax.set_yticks(range(len(rows) + len(HARDWARE)), names, fontsize=9)
        return fig, {
            "multiply-accumulates": count,
            "energy per inference (J)": spent,
            "naive count (J)": naive,
            "energy / naive count": spent / naive,
            "energy / what its gates forget": spent / gates,
        }

    return plot


def _operation_costs(weights: float, bits: float, picojoule: float, temperature: float) -> dict[str, float]:
    spent = 2 * weights * picojoule * 1e-12
    naive = 2 * weights * units.landauer_limit(bits, temperature)
    return {
        "energy per inference (J)": spent,
        "naive count (J)": naive,
        "energy / naive count": spent / naive,
        "inferences per kilowatt-hour": 3.6e6 / spent,
    }


def inference_calculator() -> Calculator:
    """Energy of an inference of any size against the naive count, two operations for each weight."""
    javascript = (
        "({weights, bits, picojoule, temperature}) => {"
        "const spent = 2 * weights * picojoule * 1e-12;"
        f"const naive = 2 * weights * bits * {units.BOLTZMANN!r} * temperature * Math.LN2;"
        "return [spent, naive, spent / naive, 3.6e6 / spent];}"
    )
    return calculator(
        _operation_costs,
        javascript,
        weights=Range(1e3, 1e13, 1e9, "weights", log=True),
        bits=Range(1, 64, 8, "bits of a result", log=True),
        picojoule=Range(1e-9, 1e4, 0.7, "energy of an operation", "pJ", log=True),
        temperature=Range(1, 400, 300, "temperature T", "K", log=True),
    )


# --- reversible ---------------------------------------------------------------------------------------------------------


def uncompute_explorer(neuron: digital.ReversibleNeuron) -> Plot:
    """A reversible neuron gate by gate: its circuit, all its inputs at once, and the entropy of its counter. Control: step.

    neuron: of three inputs, its `clean` circuit is shown. step: gates done so far, from 0 to all of them.
    """
    if len(neuron.inputs) != 3:
        raise ValueError(f"neuron must have three inputs, got {len(neuron.inputs)}")
    gates = neuron.clean.gates
    trace = neuron.clean.trace(neuron.starts())
    wires = [*neuron.inputs, *neuron.counter, *neuron.carries, neuron.output]
    names = [*(f"x{'₁₂₃'[k]}" for k in range(3)), *(f"c{'₀₁₂₃'[k]}" for k in range(len(neuron.counter))),
             *("carry" for _ in neuron.carries), "y"]
    row = {wire: y for y, wire in enumerate(wires)}
    scratch = [*neuron.counter, *neuron.carries]
    entropies = np.array([digital.register_entropy(states, scratch) for states in trace]) / LN2
    separate = np.array([sum(digital.register_entropy(states, [w]) for w in scratch) for states in trace]) / LN2
    answers = np.array([digital.register_entropy(states, [neuron.output]) for states in trace]) / LN2
    half = len(neuron.compute.gates)

    def stage(step):
        return ("nothing done yet" if step == 0 else "compute" if step <= half else "copy" if step == half + 1
                else "uncompute" if step < len(gates) else "clean")

    def plot(step):
        fig, panels = new_figure(2, 2, size=(5.6, 4.6), width_ratios=(1.7, 1), height_ratios=(1, 0.85))
        (circuit, table), (curve, legend) = panels
        for y in range(len(wires)):
            circuit.plot([-0.5, len(gates) - 0.5], [y, y], color=COLORS["grid"], lw=1, zorder=0)
        for k, (*controls, target) in enumerate(gates):
            color = COLORS["ink" if k < step else "muted"]
            ends = [row[w] for w in (*controls, target)]
            circuit.plot([k, k], [min(ends), max(ends)], color=color, lw=1.2)
            circuit.plot([k] * len(controls), [row[w] for w in controls], "o", color=color, ms=4)
            circuit.plot(k, row[target], "o", mfc=COLORS["paper"], mec=color, ms=9, mew=1.2)
            circuit.plot(k, row[target], "+", color=color, ms=8, mew=1.2)
        circuit.axvline(step - 0.5, color=COLORS["work"], lw=1.6)
        circuit.set(xlim=(-0.8, len(gates) - 0.2), ylim=(len(wires) - 0.5, -0.9), xticks=[])
        circuit.set_yticks(range(len(wires)), names)
        circuit.tick_params(length=0)
        table.set_title("its wires, for all 8 inputs", fontsize=9)
        for y, wire in enumerate(wires):
            color = COLORS["heat" if wire in scratch else "ink"]
            for column in range(8):
                one = bool(trace[step, column, wire])
                table.text(column, y, "1" if one else "0", ha="center", va="center", fontsize=9,
                           color=color if one else COLORS["muted"])
        table.set(xlim=(-0.6, 7.6), ylim=(len(wires) - 0.5, -0.9), xticks=[], yticks=[])
        curve.plot(range(len(trace)), separate, color=COLORS["heat"], lw=1, ls=":")
        curve.plot(range(len(trace)), entropies, color=COLORS["heat"])
        curve.plot(step, entropies[step], "o", color=COLORS["heat"])
        curve.plot(range(len(trace)), answers, color=COLORS["information"], ls="--")
        curve.plot(step, answers[step], "o", color=COLORS["information"])
        curve.axvline(step, color=COLORS["work"], lw=1.6, zorder=0)
        curve.set(xlabel="gates done", ylabel="entropy (bits)", xlim=(-0.3, len(gates) + 0.3), ylim=(-0.1, 2.3),
                  yticks=(0, 1, 2), xticks=(0, half, len(gates)))
        legend.plot([], [], color=COLORS["heat"], label="counter")
        legend.plot([], [], color=COLORS["heat"], lw=1, ls=":", label="counter,\nwire by wire")
        legend.plot([], [], color=COLORS["information"], ls="--", label="answer y")
        legend.legend(loc="center left", fontsize=9)
        for ax in (circuit, table, legend):
            for spine in ax.spines.values():
                spine.set_visible(False)
        legend.set(xticks=[], yticks=[])
        return fig, {
            "stage": stage(step),
            "entropy of the counter (bits)": float(entropies[step]),
            "wire by wire (bits)": float(separate[step]),
            "entropy of the answer (bits)": float(answers[step]),
            "inputs whose counter is not blank": float(trace[step][:, scratch].any(axis=1).sum()),
        }

    return plot


def pebbling_explorer(layers: int, compared: Sequence[int] = (4, 8, 16)) -> Plot:
    """Which layers of a reversible network are held when, and the steps that it takes. Control: registers.

    layers: of the network shown. compared: depths whose steps are drawn against the registers.
    """
    deepest = {depth: range(1 + (depth - 1).bit_length(), depth + 1) for depth in {*compared, layers}}
    moves = {(depth, r): digital.pebbling(depth, r) for depth, rooms in deepest.items() for r in rooms}
    longest = max(len(moves[layers, r]) for r in deepest[layers])

    def plot(registers):
        sequence = moves[layers, registers]
        fig, (top, bottom) = new_figure(2, 1, size=(5.6, 4.6), height_ratios=(1.1, 1))
        held = np.zeros(layers + 1, dtype=bool)
        spans: dict[int, list[tuple[float, float]]] = {layer: [] for layer in range(1, layers + 1)}
        since = {}
        most = 0
        for time, layer in enumerate(sequence, 1):
            if held[layer]:
                spans[layer].append((since[layer], time - since[layer]))
            else:
                since[layer] = time
            held[layer] = not held[layer]
            most = max(most, int(held.sum()))
        spans[layers].append((since[layers], longest + 1.5 - since[layers]))
        for layer, bars in spans.items():
            color = COLORS["information" if layer == layers else "muted"]
            top.broken_barh(bars, (layer - 0.35, 0.7), facecolor=color, alpha=0.7, lw=0)
        top.set(xlabel="steps: one layer computed or uncomputed", ylabel="layer held", xlim=(0.5, longest + 1.5),
                ylim=(0.3, layers + 0.7), yticks=(1, layers // 2, layers))
        for (depth, style), marker in zip(zip(sorted(deepest), ("-", "--", ":", "-.")), "os^D"):
            rooms = list(deepest[depth])
            bottom.plot(rooms, [len(moves[depth, r]) for r in rooms], marker=marker, ls=style, ms=4, lw=1.2,
                        color=COLORS["exact"], label=f"{depth} layers")
        bottom.plot(registers, len(sequence), "o", color=COLORS["work"], ms=9)
        bottom.set(xlabel="room: layers that can be held at once", ylabel="steps", xlim=(2.5, max(deepest) + 0.5),
                   ylim=(0, 1.08 * max(map(len, moves.values()))))
        bottom.legend(loc="upper right", fontsize=9)
        return fig, {
            "steps": float(len(sequence)),
            "steps per layer": len(sequence) / layers,
            "most layers held": float(most),
        }

    return plot
