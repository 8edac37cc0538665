"""Figures of the chapter "From kT to megawatt-hours": numbers in, matplotlib Figures out.

A function whose name ends in `_explorer` takes what was computed once and returns the plot function that
`thermolib.explore.explore` turns: it only draws. Energies are in joules where an axis says so, else in kT.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from thermolib import _check, budgets, catalog, units
from thermolib.catalog import Hardware, Model
from thermolib.digital import ramp_loss
from thermolib.explore import Calculator, Range, calculator
from thermolib.figures import COLORS, new_figure
from thermolib.langevin import Estimate
from thermolib.training import training_bound

LN2 = math.log(2)
MEGAWATT_HOUR = 3.6e9  # joules
Plot = Callable[..., tuple[Figure, dict[str, float]]]

#: One marker per kind of energy, in every figure of the chapter.
MARKERS = {"law": "D", "measured": "o", "rated": "v", "table": "s", "simulated": "X", "estimated": "^"}

#: Models that figure 10.1 names beside their points, with the offset of the name in points.
_NAMED = {"Pythia 70M": (7, -11), "GPT-3 175B": (-6, 17), "OLMo 2 13B": (7, -11), "Llama 3.1 405B": (-9, 3)}

#: Models that figure 10.2 offers.
LADDER_MODELS = ("OLMo 2 13B", "GPT-3 175B", "PaLM 540B", "BLOOM 176B", "Llama 3.1 405B", "Pythia 70M")

#: Devices that figure 10.2 offers: the label, then item and operation as in `catalog.hardware`.
LADDER_DEVICES = (
    ("H100, run for OLMo 2", "H100 (OLMo 2 13B run)", "6ND FLOP achieved"),
    ("H100, 16 bits, peak", "NVIDIA H100 SXM", "BF16 tensor FLOP, peak"),
    ("H100, 8 bits, peak", "NVIDIA H100 SXM", "FP8 tensor FLOP, peak"),
    ("A100, 16 bits, peak", "NVIDIA A100 SXM", "BF16 tensor FLOP, peak"),
    ("V100, 16 bits, peak", "NVIDIA V100 SXM2", "FP16 tensor FLOP, peak"),
    ("TPU v4, run for PaLM", "Google TPU v4 (PaLM system)", "6ND FLOP achieved"),
    ("analog chip, 8 bits", "IBM HERMES 64-core PCM, 1-phase", "8-bit I/O OP"),
    ("45 nm, 16-bit float add", "45 nm CMOS, 0.9 V (Horowitz)", "16-bit float add"),
)


def device(item: str, operation: str) -> Hardware:
    """The row of `catalog.hardware` of this item and operation."""
    found = [row for row in catalog.hardware() if (row.item, row.operation) == (item, operation)]
    if len(found) != 1:
        raise ValueError(f"item and operation must name one row of the hardware catalog, got {item!r}, {operation!r}")
    return found[0]


def ladder_devices() -> dict[str, Hardware]:
    """The rows of `LADDER_DEVICES`, by a label that says how the energy was obtained."""
    rows = {label: device(item, operation) for label, item, operation in LADDER_DEVICES}
    return {f"{label} ({row.kind})": row for label, row in rows.items()}


def _log_ticks(axis, values: Mapping[float, str]) -> None:
    axis.set_ticks(list(values), list(values.values()))
    axis.set_ticks([], minor=True)


def training_energies(models: Sequence[Model], *, bits: float = 16, temperature: float = 300.0,
                      batched: tuple[str, float] | None = None) -> Figure:
    """Published energies of training against N D, one marker per kind, over the bound 2 N D kT and two digital counts.

    bits: erased per register, and per operation. batched: a model and the number of examples that its training averages,
    to show where the bound goes. A mixture of experts stands at its active parameters; a thin line leads to its total.
    """
    if not models:
        raise ValueError("models must list at least one model, got none")
    kT = units.thermal_energy(temperature)
    product, bound = np.array([1e19, 2e25]), training_bound(1, 1) * kT
    fig, ax = new_figure(size=(5.6, 4.9))
    ax.plot(product, bound * product, color=COLORS["bound"])
    ax.plot(product, product * bits * kT * LN2, color=COLORS["exact"], ls="--", lw=1.3)
    ax.plot(product, budgets.TRAINING_OPERATIONS * product * bits * kT * LN2, color=COLORS["exact"], ls=":", lw=1.6)
    for kind, rows in catalog.by_kind(models).items():
        x = [m.active_parameters * m.examples for m in rows]
        ax.plot(x, [m.training_energy for m in rows], MARKERS[kind], color=COLORS["experiment"],
                mfc=COLORS["experiment"] if kind == "measured" else "none", label=catalog.KINDS[kind])
    for m in models:
        x = m.active_parameters * m.examples
        if m.active_parameters < m.parameters:
            ax.plot([x, m.parameters * m.examples], [m.training_energy] * 2, color=COLORS["experiment"], lw=0.8)
        if m.model in _NAMED:
            shift = _NAMED[m.model]
            ax.annotate(m.model, (x, m.training_energy), shift, textcoords="offset points", fontsize=8,
                        ha="left" if shift[0] > 0 else "right", color=COLORS["muted"])
    if batched:
        name, batch = batched
        (model,) = (m for m in models if m.model == name)
        x = model.parameters * model.examples
        ax.annotate("", (x, bound * x / batch), (x, bound * x),
                    arrowprops={"arrowstyle": "->", "color": COLORS["bound"], "lw": 1.2})
        ax.text(0.7 * x, 40 * bound * x / batch, f"{name.split()[0]}, {batch / 1e6:.1f} million\nexamples at a time",
                ha="right", va="center", fontsize=8.5, color=COLORS["bound"])
    ax.set(xscale="log", yscale="log", xlabel="parameters × examples N D", ylabel="energy of training", xlim=product,
           ylim=(3e-6, 1e16))
    _log_ticks(ax.yaxis, {1e-3: "1 mJ", 1: "1 J", 1e3: "1 kJ", 1e6: "1 MJ", 1e9: "1 GJ", 1e12: "1 TJ", 1e15: "1 PJ"})
    raised = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    _log_ticks(ax.xaxis, {10.0**k: f"10{str(k).translate(raised)}" for k in range(19, 26)})
    hours = ax.secondary_yaxis("right")
    _log_ticks(hours.yaxis, {MEGAWATT_HOUR * 1e-3: "1 kWh", MEGAWATT_HOUR: "1 MWh", MEGAWATT_HOUR * 1e3: "1 GWh"})
    ax.add_artist(ax.legend(loc="upper left", title="published", title_fontsize=9, alignment="left"))
    names = ("operations, 6 N D b kT ln 2", "registers, N D b kT ln 2", "bound, 2 N D kT")
    ax.legend(handles=ax.lines[2::-1], labels=names, loc="center left", bbox_to_anchor=(0, 0.55))
    return fig


def ladder_explorer(models: Mapping[str, Model], devices: Mapping[str, Hardware], *, bits: float = 16,
                    temperature: float = 300.0) -> Plot:
    """What one training costs at the bound, in two digital counts, on a device, and as published. Controls: model, device.

    models, devices: by the label that the control shows. bits: erased per register, and per operation.
    """
    kT = units.thermal_energy(temperature)

    def plot(model, device):
        m, d = models[model], devices[device]
        N, D = m.active_parameters, m.examples
        run = budgets.digital(N, D, d.joule_per_operation).training
        rows = (
            ("bound, 2 N D kT", training_bound(N, D) * kT, "D", "bound"),
            ("registers", budgets.register_erasure(N, D, bits, kT=kT), "s", "exact"),
            ("operations", budgets.digital(N, D, bits * kT * LN2).training, "s", "exact"),
            ("this device", run, MARKERS[d.kind], "experiment"),
            ("published", m.training_energy, MARKERS[m.kind], "experiment"),
        )
        fig, ax = new_figure(size=(5.6, 2.7))
        for y, (_, energy, marker, color) in enumerate(rows):
            ax.plot([1e-2, energy], [y, y], color=COLORS["grid"], lw=1, zorder=0)
            ax.plot(energy, y, marker, color=COLORS[color], ms=7)
            ax.annotate(units.format_energy(energy), (energy, y), (9, 0), textcoords="offset points", va="center",
                        fontsize=9, color=COLORS[color])
        ax.set(xscale="log", xlim=(1e-2, 1e17), ylim=(-0.6, len(rows) - 0.4), xlabel="energy of training")
        _log_ticks(ax.xaxis, {1: "1 J", 1e3: "1 kJ", 1e6: "1 MJ", 1e9: "1 GJ", 1e12: "1 TJ", 1e15: "1 PJ"})
        ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
        return fig, {
            "bound, 2 N D kT (J)": rows[0][1],
            f"registers of {bits:g} bits (J)": rows[1][1],
            f"operations of {bits:g} bits (J)": rows[2][1],
            "6 N D on this device (MWh)": run / MEGAWATT_HOUR,
            "published (MWh)": m.training_energy / MEGAWATT_HOUR,
            "published / this device": m.training_energy / run,
            "published / bound": m.training_energy / rows[0][1],
        }

    return plot


def _all_costs(N, D, bits, temperature, noise_ratio, batch, operation, width, slowness) -> dict[str, float]:
    kT = units.thermal_energy(temperature)
    options = {"noise_ratio": noise_ratio, "batch": batch, "kT": kT}
    hardware = budgets.digital(N, D, operation)
    dynamic = budgets.dynamic(N, D, N / width, bits, **options)
    following = budgets.quasi_static(N, D, N / width, bits, slowness, **options)
    bound = training_bound(N, D, noise_ratio) * kT
    return {
        "training: bound 2 N D kT / r (J)": bound,
        "training: the same in batches (J)": bound / batch,
        "training: registers erased (J)": budgets.register_erasure(N, D, bits, batch, kT),
        "training: operations erased (J)": budgets.digital(N, D, bits * kT * LN2).training,
        "training: hardware (MWh)": hardware.training / MEGAWATT_HOUR,
        "hardware / bound": hardware.training / bound,
        "inference: dynamic (J)": dynamic.inference,
        "inference: quasi-static (J)": following.inference,
        "inference: hardware (J)": hardware.inference,
        "break-even / D: dynamic": dynamic.break_even / D,
        "break-even / D: quasi-static": following.break_even / D,
        "break-even / D: hardware": hardware.break_even / D,
    }


def cost_calculator(operation: float) -> Calculator:
    """Training and inference in every substrate, from N, D, precision, temperature, noise ratio, batch and hardware.

    operation: energy per operation of the hardware that the calculator starts with, in joules.
    """
    javascript = (
        "({N, D, bits, temperature, noise_ratio, batch, operation, width, slowness}) => {"
        f"const kT = {units.BOLTZMANN!r} * temperature, n = N / width, learn = 2 * N * kT / (noise_ratio * batch);"
        "const bound = 2 * N * D * kT / noise_ratio, erase = bits * kT * Math.LN2, run = 6 * N * D * operation;"
        "const dynamic = n * erase, follow = n * 2 * (4 ** bits - 1) * kT / slowness;"
        f"return [bound, bound / batch, N * D * erase / batch, 6 * N * D * erase, run / {MEGAWATT_HOUR!r}, run / bound,"
        " dynamic, follow, 2 * N * operation, 1 + learn / dynamic, 1 + learn / follow, 3];}"
    )
    return calculator(
        _all_costs,
        javascript,
        N=Range(1e6, 1e13, 1.75e11, "parameters N", log=True),
        D=Range(1e8, 1e14, 3e11, "examples D", log=True),
        bits=Range(1, 24, 8, "precision b", "bits"),
        temperature=Range(3, 400, 300, "temperature T", "K", log=True),
        noise_ratio=Range(1e-2, 1e2, 1, "noise ratio r", log=True),
        batch=Range(1, 1e7, 1, "examples at a time B", log=True),
        operation=Range(1e-21, 1e-9, operation, "hardware: energy per operation", "J", log=True),
        width=Range(10, 1e5, 1.5e4, "parameters per neuron N/n", log=True),
        slowness=Range(1, 1e12, 1e6, "slowness τ/τᵣ (quasi-static)", log=True),
    )


def cost_of_following(slowness: Sequence[float], work: Sequence[Estimate], *, drag: float, reset: float,
                      dump: float) -> Figure:
    """Work of one inference in kT against its slowness: simulated points, the exact 1/tau law, and two ways to reset.

    work: one estimate per slowness. drag: work times slowness in the slow limit. reset: Landauer's bound on resetting all
    neurons; dump: the heat of shorting them. All in kT.
    """
    slowness = _check.array("slowness", slowness, ndim=1)
    if len(work) != len(slowness):
        raise ValueError(f"work must have one estimate for each of the {len(slowness)} values of slowness, got {len(work)}")
    fig, ax = new_figure(size=(5.6, 3.6))
    x = np.array([3.0, 3e4])
    ax.plot(x, drag / x, color=COLORS["exact"], label="slow limit, exact")
    ax.errorbar(slowness, [w.value for w in work], [w.error for w in work], fmt="o", capsize=2, color=COLORS["simulation"],
                label="simulation")
    for level, name, color, style in ((dump, "dump and recharge", "heat", "-."),
                                      (reset, "reset at Landauer's price", "bound", "--")):
        ax.axhline(level, color=COLORS[color], ls=style, lw=1.4)
        ax.text(2.6e4, 1.15 * level, name, color=COLORS[color], ha="right", va="bottom")
    ax.set(xscale="log", yscale="log", xlim=x, ylim=(0.3, 3e4), xlabel="slowness τ/τᵣ", ylabel="work of one inference (kT)")
    ax.legend(loc="lower left")
    return fig


def break_even_explorer(parameters: float, examples: float, neurons: float, operation: float, *,
                        temperature: float = 300.0) -> Plot:
    """Energy per inference with its share of the training, against the number of inferences.

    Controls: bits, slowness, batch. Four substrates: hardware of a given energy per operation (joules), the count 2 N b kT ln 2 of a digital computer,
    dynamic and quasi-static neurons. A dot marks where inference has cost as much as training.
    """
    kT = units.thermal_energy(temperature)
    uses = np.geomspace(1e-2, 1e11, 60)
    styles = {"hardware": ("experiment", "-"), "digital, b bits erased": ("exact", ":"), "dynamic": ("bound", "--"),
              "quasi-static": ("work", "-")}

    def plot(bits, slowness, batch):
        options = {"batch": batch, "kT": kT}
        made = (
            budgets.digital(parameters, examples, operation),
            budgets.digital(parameters, examples, bits * kT * LN2),
            budgets.dynamic(parameters, examples, neurons, bits, **options),
            budgets.quasi_static(parameters, examples, neurons, bits, slowness, **options),
        )
        fig, ax = new_figure(size=(5.6, 4.0))
        for (name, (color, style)), budget in zip(styles.items(), made):
            ax.plot(uses, budget.total(uses * examples) / (uses * examples), color=COLORS[color], ls=style, label=name)
            ax.plot(budget.break_even / examples, 2 * budget.inference, "o", color=COLORS[color])
        ax.set(xscale="log", yscale="log", xlim=uses[[0, -1]], ylim=(2e-22, 1e5),
               xlabel="inferences per training example M/D",
               ylabel="energy per inference,\nshare of the training included")
        _log_ticks(ax.yaxis, {1e-21: "1 zJ", 1e-18: "1 aJ", 1e-15: "1 fJ", 1e-12: "1 pJ", 1e-9: "1 nJ", 1e-6: "1 µJ",
                              1e-3: "1 mJ", 1: "1 J", 1e3: "1 kJ"})
        _log_ticks(ax.xaxis, {1e-2: "0.01", 1: "1", 1e2: "100", 1e4: "10⁴", 1e6: "10⁶", 1e8: "10⁸", 1e10: "10¹⁰"})
        ax.legend(loc="center right", bbox_to_anchor=(1, 0.66), fontsize=8.5)
        digital, dynamic, following = made[1:]
        return fig, {
            "break-even M/D, hardware": made[0].break_even / examples,
            "break-even M/D, digital": digital.break_even / examples,
            "break-even M/D, dynamic": dynamic.break_even / examples,
            "break-even M/D, quasi-static": following.break_even / examples,
            "one inference, dynamic (kT)": dynamic.inference / kT,
            "one inference, quasi-static (kT)": following.inference / kT,
            "training, parameters only (J)": examples * dynamic.learning,
        }

    return plot


def costs_in_landauers(rows: Sequence[tuple[str, float, float, str]]) -> Figure:
    """Published costs as multiples of Landauer's price: (what is done, low, high, kind as in `catalog.KINDS`).

    low < high is a range.
    """
    if not rows:
        raise ValueError("rows must list at least one cost, got none")
    fig, ax = new_figure(size=(5.6, 0.9 + 0.47 * len(rows)))
    for y, (_, low, high, kind) in enumerate(rows):
        _check.choice("kind", kind, catalog.KINDS)
        color = COLORS["bound" if kind == "law" else "experiment"]
        if high > low:
            ax.plot([low, high], [y, y], "|-", color=color, ms=8, lw=1.4)
        ax.plot(low, y, MARKERS[kind], color=color, mfc=color if kind in ("law", "measured") else COLORS["paper"])
    ax.set(xscale="log", xlim=(0.3, 1e10), ylim=(len(rows) - 0.5, -0.6), xlabel="energy over Landauer's price")
    _log_ticks(ax.xaxis, {1: "1", 1e3: "1000", 1e6: "10⁶", 1e9: "10⁹"})
    ax.set_yticks(range(len(rows)), [f"{name}\n({catalog.KINDS[kind]})" for name, _, _, kind in rows], fontsize=8.5)
    return fig


def ways_down(operations: Mapping[str, tuple[float, str]], *, bits: float = 16) -> Figure:
    """Energy per operation in kT against the slowness of its switching, for operations that start at different energies.

    operations: label -> (energy of a sudden operation in kT, its kind as in `catalog.KINDS`, or "exact" for a calculated
    one). bits: erased per operation by ordinary logic. The upper line is bits kT ln 2, the lower one kT / 3, at which
    6 N D operations cost 2 N D kT.
    """
    if not operations:
        raise ValueError("operations must name at least one operation, got none")
    slowness = np.geomspace(1e-2, 1e12, 80)
    fraction = np.array([ramp_loss(1.0, 1.0, 1.0, t) for t in slowness]) / ramp_loss(1.0, 1.0, 1.0, 0.0)
    fig, ax = new_figure(size=(5.6, 3.9))
    for label, (energy, kind) in operations.items():
        ax.plot(slowness, energy * fraction, color=COLORS["exact"], lw=1.4)
        calculated = kind == "exact"
        ax.plot(slowness[0], energy, "s" if calculated else MARKERS[kind], clip_on=False,
                color=COLORS["exact" if calculated else "experiment"])
        ax.text(1.6 * slowness[0], 1.6 * energy, label, fontsize=9, va="bottom",
                color=COLORS["exact" if calculated else "experiment"])
    ax.axhline(bits * LN2, color=COLORS["bound"], ls=":", label=f"{bits:g} bits erased, {bits:g} kT ln 2")
    ax.axhline(1 / 3, color=COLORS["bound"], ls="--", label="2 N D kT / 6 N D = kT / 3")
    ax.legend(loc="upper right")
    ax.set(xscale="log", yscale="log", xlim=slowness[[0, -1]], ylim=(0.05, 1e11),
           xlabel="slowness of the switching, time / (R C)", ylabel="energy per operation (kT)")
    _log_ticks(ax.xaxis, {1e-2: "0.01", 1: "1", 1e3: "1000", 1e6: "10⁶", 1e9: "10⁹", 1e12: "10¹²"})
    _log_ticks(ax.yaxis, {0.1: "0.1", 1e2: "100", 1e5: "10⁵", 1e8: "10⁸", 1e11: "10¹¹"})
    return fig
