"""Figures and widgets of "Information is physical": they draw, refuse what makes no sense, and every state obeys a law."""

import functools
import math
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import brentq

import chapters
from thermolib import catalog, landauer, units
from thermolib._svg import svg_tree
from thermolib.figures import information, styled

LN2 = math.log(2)
STEM = "01_information_is_physical"


@functools.cache
def readouts(number):
    """(state, readout) of every state of a widget of the chapter, counted from 0."""
    widget = chapters.widgets(STEM)[number]
    return [(state, widget.render(state)[1]) for state in widget.states()]


# --- static figures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw",
    [
        information.binary_entropy_curve,
        information.expansion,
        lambda: information.gate_maps({"XOR": [0, 1, 1, 0], "copy": [(0, 0), (1, 1)]}),
        lambda: information.ladder(information.ladder_rungs()),
    ],
)
def test_a_static_figure_draws_in_the_colors_of_the_book(draw):
    figure = styled(draw)()
    assert isinstance(figure, Figure)
    svg_tree(figure, "t-")  # refuses a color without a meaning


def test_the_entropy_curve_is_one_bit_at_one_half_and_symmetric():
    p, bits = information.binary_entropy_curve().axes[0].lines[0].get_data()
    assert bits[len(p) // 2] == pytest.approx(1) and bits[0] == bits[-1] == 0
    assert bits == pytest.approx(bits[::-1], abs=1e-12)


def test_the_shaded_area_of_an_expansion_is_the_work_it_names():
    figure = information.expansion(0.25, 1.0)
    outline = figure.axes[0].collections[0].get_paths()[0].vertices
    x, y = outline.T
    area = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
    assert area == pytest.approx(math.log(4), rel=1e-3)
    assert any(f"{math.log(4):.3f} kT" in text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize("start, end", [(0.5, 0.5), (0.7, 0.5), (0.5, 1.1), (0.0, 1.0)])
def test_an_expansion_grows_inside_the_box(start, end):
    with pytest.raises(ValueError, match="start"):
        information.expansion(start, end)


def test_a_gate_map_marks_exactly_the_lines_that_merge():
    ax = information.gate_maps({"AND": [0, 0, 0, 1]}).axes[0]
    lines = [line.get_color() for line in ax.lines if line.get_marker() == "None"]
    assert lines == [information.COLORS["heat"]] * 3 + [information.COLORS["muted"]]


@pytest.mark.parametrize("gates, rule", [({}, "at least one gate"), ({"g": [0, 1, 1]}, "2, 4, 8"), ({"g": [0]}, "2, 4, 8")])
def test_a_gate_map_needs_a_full_truth_table(gates, rule):
    with pytest.raises(ValueError, match=rule):
        information.gate_maps(gates)


def test_the_ladder_climbs_from_the_bound_and_never_calls_an_estimate_a_measurement():
    rungs = information.ladder_rungs()
    joules = [row.joule_per_operation for _, row, _ in rungs]
    assert joules == sorted(joules)
    assert joules[0] == pytest.approx(units.landauer_limit(), rel=1e-3)
    for _, row, basis in rungs:
        assert row in catalog.hardware()
        assert row.kT_at_300K == pytest.approx(row.joule_per_operation / units.thermal_energy(), rel=5e-3)
        assert (basis == "measured") == row.basis.startswith("measured")
    with pytest.raises(ValueError, match="at least one"):
        information.ladder([])


@pytest.mark.parametrize("value, text", [(0.693, "0.69"), (1.55e11, "2×10¹¹"), (7.24e6, "7×10⁶")])
def test_powers_of_ten_read_well(value, text):
    assert information._power_of_ten(value) == text


# --- widgets ------------------------------------------------------------------------------------------------------------


def test_the_chapter_has_its_four_widgets():
    explorations = [w for w in chapters.widgets(STEM) if isinstance(w, chapters.Exploration)]
    calculators = [w for w in chapters.widgets(STEM) if isinstance(w, chapters.Calculator)]
    assert (len(explorations), len(calculators)) == (3, 1)
    assert all(w.count <= 60 for w in explorations) and sum(w.count for w in explorations) <= 150


def test_a_szilard_engine_never_wins_in_any_state():
    for state, shown in readouts(0):
        assert shown["net (kT)"] == pytest.approx(-landauer.binary_entropy(state["error"]), abs=1e-12)
        assert shown["net (kT)"] <= 0
        assert shown["work extracted (kT)"] == pytest.approx(LN2 * shown["information gained (bits)"])
        assert -1e-12 <= shown["information gained (bits)"] <= landauer.binary_entropy(state["partition"]) / LN2 + 1e-12
        assert shown["cost of erasing the memory (kT)"] <= LN2 + 1e-12


def test_the_partition_of_a_szilard_engine_stays_in_the_box_and_on_the_believed_side():
    for v in (0.05, 0.3, 0.5):
        for error in (0.0, 0.1, 0.5):
            left, right, _ = information.szilard_engine(v, error)[0].axes
            stops = [ax.lines[1].get_xdata()[0] for ax in (left, right)]
            assert 0 <= stops[1] <= v + 1e-12 and v - 1e-12 <= stops[0] <= 1


@pytest.mark.parametrize("partition", [0, 1, -0.1])
def test_a_szilard_engine_needs_two_sides(partition):
    with pytest.raises(ValueError, match="partition"):
        information.szilard_engine(partition, 0.1)


def test_the_calculator_agrees_with_its_own_parts():
    widget = chapters.widgets(STEM)[1]
    shown = widget.function(p=0.5, error=1e-3, temperature=300)
    bound = LN2 - landauer.binary_entropy(1e-3)
    assert shown["least heat (kT)"] == pytest.approx(bound) == shown["made for p = 1/2 (kT)"]
    assert shown["least heat (zJ)"] == pytest.approx(1e21 * bound * units.thermal_energy())
    assert shown["least heat (meV)"] == pytest.approx(shown["least heat (zJ)"] / 0.1602176634)
    for p in np.linspace(0.005, 0.995, 12):
        for error in (1e-6, 0.01, 0.4):
            shown = widget.function(p=p, error=error, temperature=77)
            assert shown["least heat (kT)"] <= shown["made for p = 1/2 (kT)"] + 1e-12
            assert 0 <= shown["entropy before (bits)"] <= 1


def test_a_protocol_never_beats_the_bound_and_meets_it_only_where_it_was_made_for():
    for state, shown in readouts(2):
        gap = shown["heat of this protocol (kT)"] - shown["least heat for this p (kT)"]
        assert gap == pytest.approx(shown["mismatch (kT)"], abs=1e-12)
        assert gap >= -1e-12 and (gap < 1e-12) == (state["p"] == state["designed_for"])
        mean = state["p"] * shown["heat when the bit is 1 (kT)"] + (1 - state["p"]) * shown["heat when the bit is 0 (kT)"]
        assert mean == pytest.approx(shown["heat of this protocol (kT)"])


@pytest.mark.parametrize("designed_for", [0, 1, 2])
def test_a_protocol_is_made_for_an_uncertain_bit(designed_for):
    with pytest.raises(ValueError, match="designed_for"):
        information.mismatch(0.5, designed_for)


def test_a_reading_costs_no_more_than_a_uniform_one():
    for state, shown in readouts(3):
        cost, most = shown["least heat of a reset (kT)"], shown["kT ln(range/r) (kT)"]
        assert most == pytest.approx(landauer.analog_reset_bound(1.0, 2.0 ** -state["bits"]))
        assert 0 <= cost <= most + 1e-12
        if state["signal"] == "uniform":
            assert cost == pytest.approx(most)
        # cells cannot know more than the density: H >= h - ln r
        assert cost >= shown["kT [h − ln r] (kT)"] - 1e-5


def test_the_formula_for_a_bell_holds_once_the_cells_are_narrower_than_it():
    for signal in ("bell, σ = 0.1", "narrow bell, σ = 0.03"):
        shown = information.reading(7, signal)[1]
        assert shown["least heat of a reset (kT)"] == pytest.approx(shown["kT [h − ln r] (kT)"], abs=3e-3)


@pytest.mark.parametrize("bits, signal", [(0, "uniform"), (8, "uniform"), (2.5, "uniform"), (3, "square")])
def test_a_reading_refuses_what_it_can_not_show(bits, signal):
    with pytest.raises(ValueError, match="bits|signal"):
        information.reading(bits, signal)


def test_readouts_are_finite_and_named_alike_in_every_state():
    for number in (0, 2, 3):
        names = {tuple(shown) for _, shown in readouts(number)}
        assert len(names) == 1
        assert all(math.isfinite(value) for _, shown in readouts(number) for value in shown.values())


# --- numbers that the text quotes and no cell prints --------------------------------------------------------------------


def test_numbers_in_the_solutions():
    assert units.format_energy(units.landauer_limit(8e9)) == "23.0 pJ"
    assert 8e9 / 32 * 640e-12 == pytest.approx(0.16)
    assert 0.16 / units.landauer_limit(8e9) == pytest.approx(7.0e9, rel=0.01)
    rare = landauer.binary_entropy(0.01)
    assert rare / LN2 == pytest.approx(0.0808, abs=5e-5)
    assert units.format_energy(8e9 * rare * units.thermal_energy()) == "1.86 pJ"
    assert landauer.entropy([1 / 3] * 3) == pytest.approx(1.099, abs=5e-4)
    assert landauer.entropy([1 / 2, 1 / 4, 1 / 4]) == pytest.approx(1.040, abs=5e-4) == 1.5 * LN2
    assert information.mismatch(0.95, 0.05)[1]["heat of this protocol (kT)"] == pytest.approx(2.85, abs=5e-3)


def solutions():
    """The folded solutions of the chapter that are code, as (code, what the text says it prints)."""
    text = "\n".join(cell.source for cell in chapters.read(chapters.FOLDER / f"{STEM}.ipynb").cells)
    return re.findall(r"```python\n(.*?)```\s+This prints (.*?)\. ", text, re.DOTALL)


@pytest.mark.parametrize("number", [0, 1])
def test_the_code_of_a_solution_prints_what_the_text_says(number, capsys):
    code, said = solutions()[number]
    exec(code, {"np": np, "landauer": landauer, "ln2": LN2})
    assert capsys.readouterr().out.split("\n")[:-1] == re.findall(r"`(.*?)`", said)


def test_how_sloppy_for_half_the_price():
    half = brentq(lambda error: landauer.erasure_bound(0.5, error) - LN2 / 2, 1e-9, 0.5)
    assert half == pytest.approx(0.1100, abs=5e-5)
