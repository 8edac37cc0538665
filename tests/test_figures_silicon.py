"""Figures and widgets of "What silicon pays": they draw, refuse what makes no sense, and every state obeys a law."""

import functools
import math
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import brentq
from scipy.special import erfc

import chapters
from thermolib import catalog, digital, digits, figures, units
from thermolib._svg import svg_tree
from thermolib.figures import silicon, styled
from thermolib.langevin import Estimate

LN2 = math.log(2)
STEM = "03_what_silicon_pays"
PATH = chapters.FOLDER / f"{STEM}.ipynb"
SOLUTIONS = chapters.solutions(STEM)


@functools.cache
def readouts(name):
    """(state, readout) of every state of the chapter's widget that has a control of this name."""
    (widget,) = (w for w in chapters.widgets(STEM) if isinstance(w, chapters.Exploration) and name in w.controls)
    return [(state, widget.render(state)[1]) for state in widget.states()]


def draws(figure):
    assert isinstance(figure, Figure)
    svg_tree(figure, "t-")  # refuses a color without a meaning
    return figure


# --- static figures -----------------------------------------------------------------------------------------------------

STEPS = [("a", 1e-20, "accounting"), ("b", 1e-18, "computed"), ("c", 5e-14, "table")]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: silicon.precision([2, 3, 4], [0.1, 0.7, 0.98], 0.98, 360),
        lambda: silicon.multiplication_losses({1: 1.2, 8: 283.0}, {32: 5400.0}, {1: 1.2, 8: 2.3}),
        lambda: silicon.accounts([("a", 1e6, "accounting"), ("b", 7.5, "law"), ("c", 0.0, "law")]),
        lambda: silicon.published_ratios(silicon.published_operations()),
        lambda: silicon.ramp([0.1, 10.0], [Estimate(0.97, 0.01), Estimate(0.18, 0.01)], 100.0),
        lambda: silicon.factor_ladder(STEPS),
    ],
)
def test_a_static_figure_draws_in_the_colors_of_the_book(draw):
    draws(styled(draw)())


def test_the_gallery_shows_every_pixel_and_marks_every_error():
    images = digits.load().images[:7]
    figure = draws(styled(silicon.digit_gallery)(images, [0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 8]))
    (ax,) = figure.axes
    assert sum(len(c.get_paths()) for c in ax.collections) == np.count_nonzero(images)
    for collection in ax.collections:
        assert np.sum(images == collection.get_alpha()) == len(collection.get_paths())
    assert [t.get_text() for t in ax.texts][-2:] == ["5", "6, read as 8"]
    assert [t.get_color() == figures.COLORS["heat"] for t in ax.texts] == [False] * 6 + [True]


def test_published_ratios_are_joules_over_landauer_and_keep_kinds_apart():
    operations = silicon.published_operations()
    assert len(operations) == len(silicon.OPERATIONS)
    for _, row, bits in operations:
        ratio = silicon.naive_ratio(row, bits)
        assert ratio == pytest.approx(row.joule_per_operation / (bits * 1.380649e-23 * 300 * LN2))
        assert ratio == pytest.approx(row.kT_at_300K / (bits * LN2), rel=0.01)
        assert silicon.naive_ratio(row, bits, 30.0) == pytest.approx(10 * ratio)
        assert 1e6 < ratio < 1e10
    figure = styled(silicon.published_ratios)(operations)
    series = [line for line in figure.axes[0].lines if line.get_label() in catalog.KINDS.values()]
    shown = {line.get_label(): sorted(line.get_xdata()) for line in series}
    for kind, rows in catalog.by_kind([row for _, row, _ in operations]).items():
        expected = sorted(silicon.naive_ratio(row, bits) for _, row, bits in operations if row.kind == kind)
        assert shown.pop(catalog.KINDS[kind]) == pytest.approx(expected)
        assert len(expected) == len(rows)
    assert not shown


def test_a_ladder_multiplies_up_to_its_last_step():
    figure = styled(silicon.factor_ladder)(STEPS)
    bars = [bar for bar in figure.axes[0].patches if bar.get_width() > 0]
    joules = [joule for _, joule, _ in STEPS]
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx(joules, rel=1e-9, abs=0)
    assert [bar.get_x() for bar in bars[1:]] == pytest.approx(joules[:-1], rel=1e-9, abs=0)
    assert [text.get_text() for text in figure.axes[0].texts] == ["10 zJ", "×100, 1.0 aJ", "×5.0×10⁴, 50 fJ"]


def test_the_curve_of_a_ramp_is_the_loss_of_the_library():
    ax = styled(silicon.ramp)([1.0], [Estimate(0.7, 0.1)], 100.0).axes[0]
    (curve,) = (line for line in ax.lines if line.get_label() == "exact")
    t, heat = curve.get_data()
    assert heat == pytest.approx([digital.ramp_loss(2.0, 1.0, 3.0, 6.0 * s) for s in t])  # C V²/2 = 1, R C = 6


@pytest.mark.parametrize("value, text", [(0.0, "0"), (2.14, "2.1"), (699, "700"), (999.6, "1.0×10³"), (6.53e6, "6.5×10⁶"),
                                         (1.4e10, "1.4×10¹⁰")])
def test_large_numbers_as_text(value, text):
    assert silicon.scientific(value) == text


@pytest.mark.parametrize(
    "call, rule",
    [
        (lambda: silicon.scientific(-1.0), "value must not be negative"),
        (lambda: silicon.digit_gallery(np.zeros((2, 63)), [0, 1], [0, 1]), "images must hold 64 gray values"),
        (lambda: silicon.digit_gallery(np.full((2, 64), 16.0), [0, 1], [0, 1]), "images must hold 64 gray values"),
        (lambda: silicon.digit_gallery(np.zeros((2, 64)), [0], [0, 1]), "one entry for each of 2 images, got 1 and 2"),
        (lambda: silicon.precision([2, 3], [0.5], 0.9, 360), "for each of the 2 bits, got 1"),
        (lambda: silicon.accounts([]), "levels must list at least one account"),
        (lambda: silicon.accounts([("a", 1.0, "guess")]), "status must be one of accounting, law, got 'guess'"),
        (lambda: silicon.published_ratios([]), "operations must list at least one"),
        (lambda: silicon.ramp([1.0], [], 10.0), "for each of the 1 durations, got 0"),
        (lambda: silicon.factor_ladder(STEPS[:1]), "at least two energies that increase"),
        (lambda: silicon.factor_ladder(STEPS[::-1]), "at least two energies that increase"),
        (lambda: silicon.factor_ladder([("a", 1.0, "table"), ("b", 2.0, "guess")]), "basis must be one of"),
        (lambda: silicon.energy_per_weight("abacus", 8), "hardware must be one of"),
        (lambda: silicon.energy_per_weight("H100 GPU at its peak", 4), "bits must be one of 8, 16, got 4"),
        (lambda: silicon.uncompute_explorer(digital.reversible_neuron([1, 1], 1)), "three inputs, got 2"),
    ],
)
def test_bad_input_is_refused_by_name(call, rule):
    with pytest.raises(ValueError, match=rule):
        call()


# --- widgets ------------------------------------------------------------------------------------------------------------


def test_every_state_of_a_switch_has_the_error_of_its_energy():
    states = readouts("voltage")
    assert len(states) == 32
    for state, values in states:
        C, V = 1e-18 * state["capacitance"], state["voltage"]
        energy = C * V**2 / 2 / units.thermal_energy(300)
        assert values["C V²/2 (kT)"] == pytest.approx(energy)
        assert values["electrons, C V / e"] == pytest.approx(C * V / 1.602176634e-19)
        # Two standard deviations of noise between the levels for each unit of V / 2 sigma.
        assert V / (2e-3 * values["noise √(kT/C) (mV)"]) == pytest.approx(math.sqrt(energy / 2))
        if energy < 1000:
            exact = math.log10(0.5 * erfc(math.sqrt(energy / 4)))
            assert values["log₁₀ of the error"] == pytest.approx(exact)
        else:
            assert values["log₁₀ of the error"] < -108  # exp(-E / 4 kT)
        safe = values["C V²/2 over what 10⁻²⁵ needs"] >= 1
        assert safe == (values["log₁₀ of the error"] <= -25)


def test_every_inference_costs_the_same_at_every_temperature_and_its_price_does_not():
    states = readouts("temperature")
    assert len(states) == 54
    networks = silicon.networks()
    ratios = {}
    for state, values in states:
        bits = int(state["precision"].split()[0])
        weights = networks[state["network"]]
        each, _ = silicon.energy_per_weight(state["hardware"], bits)
        assert values["multiply-accumulates"] == weights
        assert values["energy per inference (J)"] == pytest.approx(weights * each, rel=1e-9, abs=0)
        price = 2 * bits * weights * 1.380649e-23 * state["temperature"] * LN2
        assert values["naive count (J)"] == pytest.approx(price, rel=1e-9, abs=0)
        ratio = values["energy / naive count"]
        assert ratio == pytest.approx(weights * each / price) and ratio > 1e6
        assert values["energy / what its gates forget"] < ratio / 10
        # What the size of the network and the temperature have to do with the ratio: nothing, and 1/T.
        key = (state["hardware"], bits)
        assert ratio * state["temperature"] == pytest.approx(ratios.setdefault(key, ratio * state["temperature"]))
    assert networks["digits, 64-32-32-10"] == 3392 and networks["GPT-3, one token"] == 1.75e11


def test_energies_of_a_multiply_accumulate_are_those_of_the_table():
    for hardware, bits, picojoule, kind in (
        ("45 nm, arithmetic alone", 8, 0.2 + 0.1, "table"),
        ("45 nm, arithmetic alone", 16, 1.1 + 0.4, "table"),
        ("45 nm, weights from DRAM", 8, 0.3 + 640 / 4, "table"),
        ("45 nm, weights from DRAM", 16, 1.5 + 640 / 2, "table"),
        ("H100 GPU at its peak", 8, 2 * 0.3537, "rated"),
        ("H100 GPU at its peak", 16, 2 * 0.7074, "rated"),
    ):
        joule, found = silicon.energy_per_weight(hardware, bits)
        assert joule == pytest.approx(1e-12 * picojoule, rel=1e-9, abs=0) and found == kind


def test_the_calculator_agrees_with_the_widget():
    (machine,) = (w for w in chapters.widgets(STEM) if isinstance(w, chapters.Calculator))
    values = machine.function(weights=3392.0, bits=8.0, picojoule=0.15, temperature=300.0)
    state, shown = readouts("temperature")[2]
    assert state == {"network": "digits, 64-32-32-10", "precision": "8 bit", "hardware": "45 nm, arithmetic alone",
                     "temperature": 300}
    for name in ("energy per inference (J)", "naive count (J)", "energy / naive count"):
        assert values[name] == pytest.approx(shown[name], rel=1e-9, abs=0)
    assert values["inferences per kilowatt-hour"] * values["energy per inference (J)"] == pytest.approx(3.6e6)


def test_every_step_of_the_reversible_neuron_can_be_taken_back():
    states = readouts("step")
    assert [state["step"] for state, _ in states] == list(range(14))
    counter = [values["entropy of the counter (bits)"] for _, values in states]
    # Before gate k and after its mirror image the counter is the same; the copy in the middle does not touch it.
    assert counter == pytest.approx(counter[::-1])
    assert counter[0] == 0 and max(counter) == pytest.approx(2)
    assert counter[6] == pytest.approx(3 / 4 * math.log2(8 / 3) + 1 / 4 * 3)  # (1, 3, 3, 1) / 8
    for (state, values), entropy in zip(states, counter):
        assert entropy <= values["wire by wire (bits)"] + 1e-12
        assert values["entropy of the answer (bits)"] == pytest.approx(float(state["step"] > 6))
        assert (values["inputs whose counter is not blank"] == 0) == (entropy == 0)
    stages = [values["stage"] for _, values in states]
    assert list(dict.fromkeys(stages)) == ["nothing done yet", "compute", "copy", "uncompute", "clean"]


def test_every_room_for_layers_is_used_and_less_room_takes_more_steps():
    states = readouts("registers")
    assert [state["registers"] for state, _ in states] == [4, 5, 6, 7, 8]
    for state, values in states:
        assert values["most layers held"] == state["registers"]
        assert values["steps per layer"] == pytest.approx(values["steps"] / 8)
    steps = [values["steps"] for _, values in states]
    assert steps[-1] == 15 and steps[0] == 25 and (np.diff(steps) < 0).all()


def test_bars_of_held_layers_are_those_of_the_moves():
    plot = styled(silicon.pebbling_explorer(4, compared=(4, 8)))
    figure, _ = plot(3)
    moves = digital.pebbling(4, 3)
    for layer, collection in enumerate(figure.axes[0].collections, 1):
        times = [t for t, moved in enumerate(moves, 1) if moved == layer]
        ends = [x for path in collection.get_paths() for x in (path.vertices[:, 0].min(), path.vertices[:, 0].max())]
        assert ends[: len(times)] == pytest.approx(times)


def test_every_widget_is_drawn_in_the_colors_of_the_book():
    for widget in chapters.widgets(STEM):
        if isinstance(widget, chapters.Exploration):
            for state in widget.states()[:: max(1, len(widget.states()) // 3)]:
                figure, _ = widget.render(state)
                draws(figure)


# --- solutions ----------------------------------------------------------------------------------------------------------


def given():
    """What the chapter has defined by the time the exercises come."""
    return {"np": np, "math": math, "digital": digital, "ln2": LN2, "data": digits.load(), "net": digits.network("tanh")}


def test_the_adder_in_place_adds_and_leaves_its_carry_blank(capsys):
    names = given()
    exec(SOLUTIONS[0], names)
    printed = capsys.readouterr().out
    assert printed.count("True") == 3 and "False" not in printed and "gates: 24" in printed
    moved = names["in_place_adder"](3).permutation()
    assert np.array_equal(np.sort(moved), np.arange(2**7))


def test_real_numbers_forget_less_than_random_ones(capsys):
    exec(SOLUTIONS[1], given())
    bits = [int(b) for b in re.findall(r": (\d+) bits", capsys.readouterr().out)]
    assert bits == pytest.approx([180, 231, 238], abs=3)
    assert max(bits) < 283


def test_numbers_in_the_other_solutions():
    text = "\n".join(cell.source for cell in chapters.read(PATH).cells if cell.cell_type == "markdown")
    gpu, table = (1.75e11 * silicon.energy_per_weight(name, 8)[0]
                  for name in ("H100 GPU at its peak", "45 nm, weights from DRAM"))
    assert f"{gpu:.3f} J and {table:.0f} J" in text
    assert f"{3.6e6 / gpu / 1e6:.0f} million and {3.6e6 / table / 1e3:.0f} thousand tokens" in text
    assert 160 / 0.3 == pytest.approx(530, rel=0.01) and 640 / 4.6 == pytest.approx(140, rel=0.01)
    a = 1e-11 * 2 * 629e-18
    assert f"{a * 1e26:.2f}" in text  # × 10^-26 J s
    power = (units.landauer_limit() / 2) ** 2 / a
    assert f"P = {power * 1e16:.1f}" in text and power / 0.9 == pytest.approx(0.2e-15, rel=0.1)
    even = brentq(lambda t: 2 * digital.ramp_loss(1.0, 1.0, 1.0, t) - 0.5, 0.1, 10)
    assert f"{even:.1f}\\,RC" in text
