"""Figures and widgets of "From kT to megawatt-hours": they draw, refuse what makes no sense, and every state obeys a law."""

import functools
import math
import re

import chapters
import numpy as np
import pytest
from matplotlib.figure import Figure

from thermolib import budgets, catalog, units
from thermolib._svg import svg_tree
from thermolib.figures import megawatts, styled
from thermolib.langevin import Estimate

SOLUTIONS = chapters.solutions("10_from_kT_to_megawatt_hours")
LN2 = math.log(2)
MODELS = {m.model: m for m in catalog.models()}
PARAMETERS, EXAMPLES, NEURONS, OPERATION = 1.75e11, 3e11, 1.18e7, 2.008e-12


def draws(figure):
    assert isinstance(figure, Figure)
    svg_tree(figure, "t-")  # refuses a color without a meaning
    return figure


@functools.cache
def ladder():
    models = {name: MODELS[name] for name in megawatts.LADDER_MODELS}
    return styled(megawatts.ladder_explorer(models, megawatts.ladder_devices()))


@functools.cache
def break_even():
    return styled(megawatts.break_even_explorer(PARAMETERS, EXAMPLES, NEURONS, OPERATION))


# --- widgets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", megawatts.ladder_devices())
@pytest.mark.parametrize("model", megawatts.LADDER_MODELS)
def test_every_ladder_climbs_by_the_factors_of_the_text(model, device):
    figure, values = ladder()(model, device)
    bound, registers, operations, run, published, over_device, over_bound = values.values()
    row = megawatts.ladder_devices()[device]
    assert registers / bound == pytest.approx(16 * LN2 / 2)
    assert operations / bound == pytest.approx(48 * LN2)
    assert run * 3.6e9 / bound == pytest.approx(3 * row.kT_at_300K, rel=5e-3)  # the gap is three operations, in kT
    assert bound < registers < operations < run * 3.6e9
    assert published * 3.6e9 == pytest.approx(MODELS[model].training_energy)
    assert over_device == pytest.approx(published / run)
    assert over_bound == pytest.approx(budgets.training_gap(MODELS[model]))
    points = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() not in ("None", None)]
    assert points == pytest.approx([bound, registers, operations, run * 3.6e9, published * 3.6e9], rel=1e-12)


def test_ladder_states_draw_and_say_their_kinds():
    figure, _ = ladder()("OLMo 2 13B", next(iter(megawatts.ladder_devices())))
    draws(figure)
    labels = list(megawatts.ladder_devices())
    assert labels[:2] == ["H100, run for OLMo 2 (measured)", "H100, 16 bits, peak (rated)"]
    assert labels[-1].endswith("(table)")


@pytest.mark.parametrize("batch", [1, 1000, 3.2e6])
@pytest.mark.parametrize("slowness", [1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("bits", [4, 8, 12])
def test_break_even_is_never_before_the_data_were_seen_once(bits, slowness, batch):
    figure, values = break_even()(bits, slowness, batch)
    hardware, digital, dynamic, following, reset, drag, learning = values.values()
    assert (hardware, digital) == pytest.approx((3, 3))
    learned = 2 * PARAMETERS / batch  # in kT, per example
    assert dynamic == pytest.approx(1 + learned / (NEURONS * bits * LN2)) and dynamic > 1
    assert following == pytest.approx(1 + learned * slowness / (2 * NEURONS * (4**bits - 1))) and following > 1
    assert (drag < reset) == (following > dynamic)
    assert reset == pytest.approx(NEURONS * bits * LN2)
    assert learning * batch == pytest.approx(2 * PARAMETERS * EXAMPLES * units.thermal_energy(300))
    ax = figure.axes[0]
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for curve, dot in zip(ax.lines[::2], ax.lines[1::2]):
        x, y = curve.get_data()
        assert (np.diff(y) < 0).all(), "the share of the training falls with use"
        (where,), (height,) = dot.get_data()
        assert low < where < high and bottom < height < top
        assert np.interp(math.log(where), np.log(x), np.log(y)) == pytest.approx(math.log(height), abs=0.02)
        assert height == pytest.approx(2 * y[-1], rel=0.01) or where > 1e8


def test_break_even_draws():
    draws(break_even()(8, 1e6, 1)[0])


def test_the_calculator_agrees_with_numbers_by_hand():
    calculator = megawatts.cost_calculator(OPERATION)
    start = {name: control.default for name, control in calculator.controls.items()}
    values = calculator.function(**start)
    assert values["training: bound 2 N D kT / r (J)"] == pytest.approx(434.904, rel=1e-5)
    assert values["training: registers erased (J)"] == pytest.approx(434.904 * 4 * LN2, rel=1e-5)
    assert values["training: operations erased (J)"] == pytest.approx(434.904 * 24 * LN2, rel=1e-5)
    assert values["training: hardware (MWh)"] == pytest.approx(6 * 5.25e22 * 2.008e-12 / 3.6e9)
    assert values["inference: hardware (J)"] == pytest.approx(0.7028)
    assert values["inference: dynamic (J)"] == pytest.approx(1.75e11 / 1.5e4 * 8 * 2.87098e-21, rel=1e-5, abs=0)
    assert values["break-even / D: dynamic"] == pytest.approx(1 + 3e4 / (8 * LN2))
    assert values["break-even / D: quasi-static"] == pytest.approx(1 + 1.5e4 * 1e6 / (4**8 - 1))
    assert values["break-even / D: hardware"] == pytest.approx(3)


@pytest.mark.parametrize(
    "change, factors",
    [
        ({"temperature": 30}, {"bound": 0.1, "batches": 0.1, "training: hardware": 1, "hardware / bound": 10}),
        ({"temperature": 30}, {"registers": 0.1, "inference: dynamic": 0.1, "inference: quasi-static": 0.1}),
        ({"noise_ratio": 4}, {"bound": 0.25, "batches": 0.25, "registers": 1, "hardware / bound": 4}),
        ({"batch": 100}, {"training: bound": 1, "batches": 0.01, "registers": 0.01, "training: operations": 1}),
        ({"D": 3e12}, {"training: bound": 10, "training: hardware": 10, "hardware / bound": 1, "inference: dynamic": 1}),
        ({"slowness": 1e7}, {"inference: quasi-static": 0.1, "inference: dynamic": 1}),
        ({"width": 1.5e3}, {"inference: dynamic": 10, "inference: hardware": 1}),
    ],
)
def test_each_control_of_the_calculator_scales_what_it_should(change, factors):
    calculator = megawatts.cost_calculator(OPERATION)
    start = {name: control.default for name, control in calculator.controls.items()}
    before, after = calculator.function(**start), calculator.function(**start | change)
    for name, factor in factors.items():
        (key,) = [k for k in before if name in k and not (name == "bound" and k != "training: bound 2 N D kT / r (J)")]
        assert after[key] / before[key] == pytest.approx(factor), key


# --- static figures -----------------------------------------------------------------------------------------------------


def test_each_kind_of_energy_is_a_series_of_its_own_above_the_lines():
    figure = draws(styled(megawatts.training_energies)(catalog.models(), batched=("GPT-3 175B", 3.2e6)))
    ax = figure.axes[0]
    bound, registers, operations = (line.get_ydata()[0] / line.get_xdata()[0] for line in ax.lines[:3])
    kT = units.thermal_energy(300)
    assert (bound, registers, operations) == pytest.approx((2 * kT, 16 * kT * LN2, 96 * kT * LN2), rel=1e-12, abs=0)
    series = {line.get_label(): line for line in ax.lines if line.get_marker() in megawatts.MARKERS.values()}
    rows = catalog.by_kind(catalog.models())
    assert list(series) == [catalog.KINDS[kind] for kind in rows]
    assert [len(line.get_xdata()) for line in series.values()] == [len(found) for found in rows.values()] == [4, 23, 3]
    assert len({line.get_marker() for line in series.values()}) == 3
    for line in series.values():
        assert (line.get_ydata() > 1e9 * bound * np.array(line.get_xdata())).all()
    (arrow,) = [text for text in ax.texts if text.get_text() == ""]
    assert arrow.xyann[1] / arrow.xy[1] == pytest.approx(3.2e6)
    assert arrow.xyann[1] == pytest.approx(434.904, rel=1e-5)


def test_the_other_static_figures_draw():
    work = [Estimate(900, 9), Estimate(170, 2)]
    figure = draws(styled(megawatts.cost_of_following)([12.5, 100], work, drag=1.7e4, reset=168, dump=4700))
    x, y = figure.axes[0].lines[0].get_data()
    assert x * y == pytest.approx(1.7e4)
    rows = [("erase", 1, 1, "law"), ("synapse", 4e5, 6e5, "estimated"), ("chip", 7e8, 7e8, "measured")]
    draws(styled(megawatts.costs_in_landauers)(rows))


def test_ways_down_start_at_the_sudden_energy_and_fall_as_one_over_time():
    figure = draws(styled(megawatts.ways_down)({"chip": (4.85e8, "measured"), "switch": (171.0, "exact")}))
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    for line, energy in zip(lines, (4.85e8, 171.0)):
        time, lost = line.get_data()
        assert lost[0] == pytest.approx(energy, rel=0.01) and (np.diff(lost) < 0).all()
        assert lost[-1] == pytest.approx(2 * energy / time[-1], rel=1e-6)
    levels = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_label().startswith(("16 bits", "2 N D"))]
    assert levels == pytest.approx([16 * LN2, 1 / 3])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: megawatts.device("abacus", "add"), "one row of the hardware catalog, got 'abacus'"),
        (lambda: megawatts.training_energies([]), "at least one model, got none"),
        (lambda: megawatts.cost_of_following([1, 2], [Estimate(1, 1)], drag=1, reset=1, dump=1), "for each of the 2"),
        (lambda: megawatts.costs_in_landauers([]), "at least one cost, got none"),
        (lambda: megawatts.costs_in_landauers([("a", 1, 1, "guessed")]), "kind must be one of"),
        (lambda: megawatts.ways_down({}), "at least one operation, got none"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the chapter's own numbers ------------------------------------------------------------------------------------------


def given():
    """What the chapter has defined by the time the exercises come."""
    return {"np": np, "budgets": budgets, "catalog": catalog, "models": MODELS, "N": PARAMETERS, "D": EXAMPLES,
            "n": 10 * 12288 * 96}


def test_device_in_use_solution(capsys):
    exec(SOLUTIONS[0], given())
    out = capsys.readouterr().out
    assert "tau = 6.81e-07 s, slowness 681" in out
    used, even = map(float, re.search(r"year ([\d.e+]+), break-even ([\d.e+]+)", out).groups())
    assert (used, even) == pytest.approx((4.63e13, 4.66e13), rel=5e-3)
    assert even - used == pytest.approx(EXAMPLES, rel=0.05)  # the inferences during training


def test_exponent_solution(capsys):
    exec(SOLUTIONS[1], given())
    count, slope, error = re.search(r"(\d+) models: exponent ([\d.]+) ± ([\d.]+)", capsys.readouterr().out).groups()
    assert (int(count), float(slope), float(error)) == (8, 0.95, 0.03)


def test_numbers_in_the_prose_of_the_exercises():
    deepseek = MODELS["DeepSeek-V3"]
    kT = units.thermal_energy(300)
    total = 2 * deepseek.parameters * deepseek.examples * kT
    assert total == pytest.approx(82e3, rel=0.01)
    assert deepseek.training_energy / total == pytest.approx(8.5e7, rel=0.01)
    pythia = MODELS["Pythia 12B"]
    assert 2 * pythia.parameters * pythia.examples * kT == pytest.approx(29.4, rel=2e-3)
    assert budgets.training_gap(pythia) == pytest.approx(3.5e9, rel=0.02)
    life = 20 * 6.3e8 / (2 * units.thermal_energy(310))
    assert life == pytest.approx(1.5e30, rel=0.03)
    llama = MODELS["Llama 3.1 405B"]
    assert life / 200 / (llama.parameters * llama.examples) == pytest.approx(1160, rel=0.02)
    run = megawatts.device("H100 (OLMo 2 13B run)", "6ND FLOP achieved").joule_per_operation
    palm = MODELS["PaLM 540B"]
    on_h100 = budgets.digital(palm.parameters, palm.examples, run).training
    assert palm.training_energy / on_h100 == pytest.approx(2.44, rel=3e-3)
