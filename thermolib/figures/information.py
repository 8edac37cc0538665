"""Figures of the chapter "Information is physical": numbers in, matplotlib Figures out.

`szilard_engine`, `mismatch` and `reading` are plot functions that `thermolib.explore.explore` turns: they return a figure
and what it reads out.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.special import ndtr

from thermolib import _check, catalog, units
from thermolib.explore import Calculator, Range, calculator
from thermolib.figures import COLORS, new_figure
from thermolib.landauer import binary_entropy, entropy, erasure_bound, mismatch_cost, szilard

LN2 = math.log(2)
Readout = tuple[Figure, dict[str, float]]


def binary_entropy_curve() -> Figure:
    """H(p) of one bit, in bits on the left and in nats on the right."""
    p = np.linspace(0, 1, 161)
    fig, ax = new_figure()
    ax.plot(p, [binary_entropy(value) / LN2 for value in p], color=COLORS["information"])
    for value, shift, align in ((0.5, (0, 0.03), "center"), (0.9, (-0.04, -0.08), "right")):
        height = binary_entropy(value) / LN2
        ax.plot(value, height, "o", color=COLORS["information"])
        ax.text(value + shift[0], height + shift[1], f"{height:.3g} bit", ha=align, va="bottom", color=COLORS["information"])
    ax.set(xlabel="probability p of heads", ylabel="entropy H(p) (bits)", xlim=(0, 1), ylim=(0, 1.15),
           yticks=(0, 0.5, 1))
    nats = ax.secondary_yaxis("right", functions=(lambda bits: bits * LN2, lambda nats: nats / LN2))
    nats.set_ylabel("entropy H(p) (nats)")
    nats.set_yticks((0, 0.25, 0.5, LN2), ("0", "0.25", "0.5", "ln 2"))
    nats.spines["right"].set_visible(True)
    return fig


def expansion(start: float = 0.5, end: float = 1.0) -> Figure:
    """Force of a one-particle gas on its piston, kT / length; the area from start to end is the work kT ln(end / start).

    start, end: positions of the piston in lengths of the box, 0 < start < end <= 1.
    """
    start, end = _check.positive("start", start), _check.positive("end", end)
    if not start < end <= 1:
        raise ValueError(f"start and end must satisfy start < end <= 1, got {start} and {end}")
    fig, ax = new_figure()
    position = np.linspace(0.22, 1, 120)
    ax.plot(position, 1 / position, color=COLORS["exact"])
    inside = np.linspace(start, end, 60)
    ax.fill_between(inside, 1 / inside, color=COLORS["work"], alpha=0.25, lw=0)
    middle = math.sqrt(start * end)
    ax.text(middle, 0.5 / middle, f"work\n{math.log(end / start):.3f} kT", ha="center", va="center", color=COLORS["work"])
    ax.text(0.34, 3.05, "force = kT / length", color=COLORS["exact"])
    ax.set(xlabel="position of the piston (box lengths)", ylabel="force on the piston (kT per box length)",
           xlim=(0, 1.02), ylim=(0, 4.5), xticks=(0, 0.25, 0.5, 0.75, 1), yticks=range(5))
    return fig


def _box(ax, partition: float, stop: float) -> None:
    """A box whose partition moves from `partition` to `stop`; two ghosts of one particle, as opaque as they are likely."""
    ax.add_patch(Rectangle((0, 0), 1, 1, fill=False, edgecolor=COLORS["ink"], lw=1.6))
    ax.plot([partition] * 2, [0, 1], color=COLORS["muted"], ls=":", lw=1.6)
    ax.plot([stop] * 2, [0, 1], color=COLORS["work"], lw=3)
    ax.annotate("", (stop, 0.2), (partition, 0.2), arrowprops={"arrowstyle": "->", "color": COLORS["work"], "lw": 1.4})
    for center, weight in ((partition / 2, stop), ((1 + partition) / 2, 1 - stop)):
        ax.plot(center, 0.62, "o", ms=11, color=COLORS["ink"], alpha=weight, mew=0)
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02), xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


def szilard_engine(partition: float, error: float) -> Readout:
    """One cycle of a `landauer.szilard` engine: where the partition goes for each reading, and the ledger in kT.

    partition: left fraction of the volume, strictly between 0 and 1. error: of the measurement, in [0, 1].
    """
    partition = _check.probability("partition", partition)
    if partition in (0, 1):
        raise ValueError(f"partition must leave room on both sides, got {partition}")
    cycle = szilard(partition, error)
    says_left = partition * (1 - error) + (1 - partition) * error
    fig, (left, right, ledger) = new_figure(3, 1, size=(5.6, 4.9), height_ratios=(1, 1, 2.3))
    for ax, side, chance, stop in ((left, "left", says_left, cycle.left_given_left),
                                   (right, "right", 1 - says_left, cycle.left_given_right)):
        _box(ax, partition, stop)
        ax.set_title(f"reads “{side}” ({100 * chance:.0f} % of cycles): expand to {stop:.2f}", fontsize=9.5, loc="left")
    entries = (("information gained", cycle.information, "information"), ("work extracted", cycle.work, "work"),
               ("erasing the memory", -cycle.erasure_cost, "heat"), ("net", cycle.net, "ink"))
    for row, (_, value, color) in enumerate(entries):
        ledger.barh(row, value, height=0.6, color=COLORS[color])
        text = f"{value:+.3f}".replace("-", "−") if abs(value) > 5e-4 else "0"
        ledger.text(1.02, row, text, va="center", ha="right", color=COLORS[color])
    ledger.axvline(0, color=COLORS["ink"], lw=0.8)
    ledger.axvline(LN2, color=COLORS["bound"], ls="--", lw=1.4)
    ledger.text(LN2, 3.45, "ln 2 ", color=COLORS["bound"], ha="right", va="bottom")
    ledger.set(xlabel="ledger of one cycle (kT)", xlim=(-0.75, 1.05), ylim=(3.6, -0.5), xticks=(-0.5, 0, 0.5))
    ledger.set_yticks(range(4), [name for name, _, _ in entries])
    return fig, {
        "information gained (bits)": cycle.information / LN2,
        "work extracted (kT)": cycle.work,
        "cost of erasing the memory (kT)": cycle.erasure_cost,
        "net (kT)": cycle.net,
    }


def mismatch(p: float, designed_for: float) -> Readout:
    """Least heat H(p) of a reset, and the straight line that a protocol made for another p pays.

    p: probability that the bit holds 1. designed_for: the p for which the protocol is reversible, strictly in (0, 1).
    """
    q = _check.probability("designed_for", designed_for)
    if q in (0, 1):
        raise ValueError(f"designed_for must lie strictly between 0 and 1, got {q}")
    one, zero = -math.log(q), -math.log1p(-q)
    least, paid = binary_entropy(p), p * one + (1 - p) * zero
    grid = np.linspace(0, 1, 101)
    fig, ax = new_figure(size=(5.6, 3.5))
    ax.plot(grid, [binary_entropy(value) for value in grid], color=COLORS["bound"])
    ax.plot([0, 1], [zero, one], color=COLORS["heat"])
    ax.plot([p, p], [least, paid], color=COLORS["heat"], lw=4, alpha=0.4)
    ax.plot(p, least, "o", color=COLORS["bound"])
    ax.plot(p, paid, "o", color=COLORS["heat"])
    ax.plot(q, binary_entropy(q), "o", mfc=COLORS["paper"], mec=COLORS["ink"], ms=7, zorder=3)
    for name, color, marker in (("this protocol", "heat", ""), ("least possible, kT H(p)", "bound", "")):
        ax.plot([], [], color=COLORS[color], marker=marker, label=name)
    ax.plot([], [], "o", mfc=COLORS["paper"], mec=COLORS["ink"], ms=7, ls="", label="p it was designed for")
    ax.set(xlabel="probability p that the bit is 1", ylabel="mean heat (kT)", xlim=(-0.02, 1.02), ylim=(0, 3.2))
    ax.legend(loc="upper left")
    return fig, {
        "least heat for this p (kT)": least,
        "heat of this protocol (kT)": paid,
        "mismatch (kT)": mismatch_cost(p, q),
        "heat when the bit is 1 (kT)": one,
        "heat when the bit is 0 (kT)": zero,
    }


def _erasure_costs(p: float, error: float, temperature: float) -> dict[str, float]:
    cost = erasure_bound(p, error)
    symmetric = erasure_bound(0.5, error)
    joules = cost * units.thermal_energy(temperature)
    return {
        "entropy before (bits)": binary_entropy(p) / LN2,
        "least heat (kT)": cost,
        "least heat (zJ)": 1e21 * joules,
        "least heat (meV)": 1e3 * units.joules_to_electronvolts(joules),
        "made for p = 1/2 (kT)": symmetric,
    }


def erasure_calculator() -> Calculator:
    """Least heat of erasing a bit, from its bias, the error probability left and the temperature."""
    javascript = (
        "({p, error, temperature}) => {"
        "const H = x => -x * Math.log(x) - (1 - x) * Math.log(1 - x);"
        f"const kT = {units.BOLTZMANN!r} * temperature, cost = H(p) - H(error);"
        f"return [H(p) / Math.LN2, cost, 1e21 * kT * cost, 1e3 * kT * cost / {units.ELECTRONVOLT!r},"
        " H(0.5) - H(error)];}"
    )
    return calculator(
        _erasure_costs,
        javascript,
        p=Range(0.005, 0.995, 0.5, "probability p that the bit is 1"),
        error=Range(1e-6, 0.4, 1e-3, "error probability ε", log=True),
        temperature=Range(0.01, 1000, 300, "temperature T", "K", log=True),
    )


#: Standard deviation, in units of the range, of the signals of a `reading`; None is uniform.
SIGNALS = {"uniform": None, "bell, σ = 0.1": 0.1, "narrow bell, σ = 0.03": 0.03}


def reading_probabilities(bits: int, signal: str = "uniform") -> np.ndarray:
    """Probability of each of the 2^bits equal cells of the range [0, 1], for a signal named in `SIGNALS`."""
    edges = np.linspace(0, 1, 2 ** _check.count("bits", bits) + 1)
    sigma = SIGNALS[_check.choice("signal", signal, SIGNALS)]
    cumulative = edges if sigma is None else ndtr((edges - 0.5) / sigma)
    mass = np.diff(cumulative)
    return mass / mass.sum()


def reading(bits: int, signal: str) -> Readout:
    """An analog reading in 2^bits cells of its range: its distribution, and the least heat of resetting it."""
    most = 7
    bits = _check.count("bits", bits)
    if bits > most:
        raise ValueError(f"bits must be at most {most}, got {bits}")
    cells = 2**bits
    mass = reading_probabilities(bits, signal)
    sigma = SIGNALS[signal]
    differential = 0.0 if sigma is None else math.log(sigma) + 0.5 * math.log(2 * math.pi * math.e)
    all_bits = np.arange(1, most + 1)
    costs = [entropy(reading_probabilities(k, signal)) for k in all_bits]
    fig, (left, right) = new_figure(1, 2, width_ratios=(1.15, 1))
    left.stairs(mass * cells, np.linspace(0, 1, cells + 1), fill=True, color=COLORS["information"], alpha=0.4)
    left.stairs(mass * cells, np.linspace(0, 1, cells + 1), color=COLORS["information"], lw=1)
    left.set(xlabel="reading (ranges)", ylabel="probability per range", xlim=(0, 1), ylim=(0, 14), xticks=(0, 0.5, 1))
    right.plot(all_bits, all_bits * LN2, color=COLORS["bound"], ls="--", label="ln(range/r)")
    right.plot(all_bits, differential + all_bits * LN2, color=COLORS["exact"], lw=1.2, label="h − ln r")
    right.plot(all_bits, costs, "o", color=COLORS["heat"], ms=4, label="cells")
    right.plot(bits, costs[bits - 1], "o", color=COLORS["heat"], ms=10)
    right.set(xlabel="range/r", ylabel="least heat of a reset (kT)", xlim=(0.5, most + 0.5), ylim=(-1.6, 5.3))
    right.set_xticks((1, 3, 5, 7), ("2", "8", "32", "128"))
    right.legend(loc="upper left", fontsize=8.5)
    cost = costs[bits - 1]
    return fig, {
        "entropy of the reading (bits)": cost / LN2,
        "least heat of a reset (kT)": cost,
        "the same at 300 K (zJ)": 1e21 * cost * units.thermal_energy(300.0),
        "kT ln(range/r) (kT)": bits * LN2,
        "kT [h − ln r] (kT)": differential + bits * LN2,
    }


def gate_maps(gates: Mapping[str, Sequence[Hashable]]) -> Figure:
    """Inputs on the left, joined to their outputs on the right; lines that merge lose something.

    gates: name -> one output (a bit or a tuple of bits) for each input 0, 1 or 00, 01, 10, 11 and so on.
    """
    if not gates:
        raise ValueError("gates must name at least one gate, got none")
    fig, panels = new_figure(1, len(gates), squeeze=False, sharey=True, size=(5.6, 2.3))
    deepest = max(len(outputs) for outputs in gates.values())
    for ax, (name, outputs) in zip(panels[0], gates.items()):
        width = (len(outputs) - 1).bit_length()
        if len(outputs) != 2**width or not width:
            raise ValueError(f"{name} must have one output for each of 2, 4, 8 ... inputs, got {len(outputs)}")
        texts = ["".join(map(str, output)) if isinstance(output, tuple) else str(output) for output in outputs]
        different = sorted(set(texts))
        top = (deepest - len(texts)) / 2
        place = {text: (deepest - len(different)) / 2 + k for k, text in enumerate(different)}
        for k, text in enumerate(texts):
            ax.plot((0, 1), (top + k, place[text]), lw=1.6, color=COLORS["heat" if texts.count(text) > 1 else "muted"])
            ax.plot((0, 1), (top + k, place[text]), "o", ms=4, color=COLORS["ink"])
            ax.text(-0.14, top + k, f"{k:0{width}b}", ha="right", va="center", fontsize=9)
        for text, y in place.items():
            ax.text(1.14, y, text, ha="left", va="center", fontsize=9)
        ax.set_title(name, fontsize=9.5)
        ax.set(xlim=(-0.65, 1.65), ylim=(deepest - 0.6, -0.4))
        ax.axis("off")
    return fig


#: Rungs of the ladder from kT ln 2 up: the label in the book, then device and operation as in `catalog.hardware`.
RUNGS = (
    ("erase 1 bit", "Landauer bound 300 K", "erase 1 bit"),
    ("synapse: send 1 bit", "Synapse, information", "1 bit transmitted, 24,000 ATP"),
    ("8-bit integer add", "45 nm CMOS, 0.9 V (Horowitz)", "8-bit int add"),
    ("32-bit integer add", "45 nm CMOS, 0.9 V (Horowitz)", "32-bit int add"),
    ("phase-change chip: 8-bit op", "IBM HERMES 64-core PCM, 1-phase", "8-bit I/O OP"),
    ("H100 GPU: 16-bit op", "NVIDIA H100 SXM", "BF16 tensor FLOP, peak"),
    ("32-bit float multiply", "45 nm CMOS, 0.9 V (Horowitz)", "32-bit float mult"),
    ("read 32 bits from cache", "45 nm CMOS, 0.9 V (Horowitz)", "32-bit SRAM cache access (8 KB)"),
    ("read 32 bits from DRAM", "45 nm CMOS, 0.9 V (Horowitz)", "32-bit DRAM access"),
)

def ladder_rungs() -> list[tuple[str, catalog.Hardware, str]]:
    """(label, row of the catalog, how it was obtained in the words of `catalog.KINDS`) for each of `RUNGS`."""
    rows = {(row.item, row.operation): row for row in catalog.hardware()}
    return [(label, rows[item, operation], catalog.KINDS[rows[item, operation].kind]) for label, item, operation in RUNGS]


def _power_of_ten(value: float) -> str:
    if value < 10:
        return f"{value:.2f}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def ladder(rungs: Sequence[tuple[str, catalog.Hardware, str]]) -> Figure:
    """Energy per operation on a logarithmic axis, from the bottom up, each point marked by how it was obtained."""
    if not rungs:
        raise ValueError("rungs must list at least one operation, got none")
    markers = dict(zip(map(catalog.KINDS.get, ("law", "estimated", "table", "measured", "rated")), "D^sov"))
    fig, ax = new_figure(size=(5.6, 4.3))
    for y, (_, row, basis) in enumerate(rungs):
        joule = row.joule_per_operation
        color = COLORS["bound" if basis == "law" else "experiment"]
        ax.plot([1e-22, joule], [y, y], color=COLORS["grid"], lw=1, zorder=0)
        ax.plot(joule, y, markers[basis], color=color, ms=6)
        far = joule > 1e-11
        ax.annotate(f"{_power_of_ten(row.kT_at_300K)} kT", (joule, y), (-8 if far else 8, 5 if far else 0),
                    textcoords="offset points", ha="right" if far else "left", va="bottom" if far else "center",
                    color=color, fontsize=9)
    shown = [basis for basis in markers if basis != "law" and basis in {b for _, _, b in rungs}]
    for basis in shown:
        ax.plot([], [], markers[basis], color=COLORS["experiment"], label=basis)
    ax.set(xscale="log", xlim=(3e-22, 3e-9), ylim=(-0.6, len(rungs) - 0.3), xlabel="energy per operation")
    ax.set_xticks((1e-21, 1e-18, 1e-15, 1e-12, 1e-9), ("1 zJ", "1 aJ", "1 fJ", "1 pJ", "1 nJ"))
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(rungs)), [label for label, _, _ in rungs])
    if shown:
        ax.legend(loc="upper left", fontsize=8.5, frameon=True, facecolor=COLORS["paper"], edgecolor="none", framealpha=1)
    return fig
