"""The figures of "Erasing a bit" draw, refuse, and obey the law in every state of every widget."""

import math
import re

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401

from thermolib import catalog, landauer, langevin
from thermolib.figures import erasing
from thermolib.langevin import Estimate, HarmonicTrap, mean_work, simulate

SOLUTIONS = chapters.solutions("02_erasing_a_bit")
LN2 = math.log(2)
KT, MOBILITY, STIFFNESS, DRAG = 1.5, 0.5, 3.0, 2.0


@pytest.fixture(scope="module")
def drag():
    trap = HarmonicTrap(STIFFNESS)
    start = trap.sample_equilibrium(0.0, 4000, kT=KT, rng=5)
    works = {}
    for s, v in enumerate((0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)):
        run = simulate(trap, lambda t: v * t, start, duration=DRAG, dt=0.01, kT=KT, mobility=MOBILITY, rng=40 + s)
        works[v] = run.work
    return trap, works


@pytest.fixture(scope="module")
def erasures():
    return {tau: landauer.erase(tau, 2000, rng=k) for k, tau in enumerate((0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0))}


def test_every_dragging_state_obeys_the_closed_form(drag):
    trap, works = drag
    plot = erasing.dragging_explorer(trap, works, duration=DRAG, kT=KT, mobility=MOBILITY)
    for speed in works:
        figure, values = plot(speed)
        draws(figure)
        exact = trap.mean_dragging_work(speed, DRAG, mobility=MOBILITY) / KT
        assert values["exact mean (kT)"] == pytest.approx(exact)
        assert abs(values["mean work (kT)"] - exact) < 4 * values["error of the mean (kT)"]
        assert values["variance / (2 kT exact mean)"] == pytest.approx(1, abs=4 * math.sqrt(2 / 4000))
        share = values["exact (%)"] / 100
        assert abs(values["runs with W < 0 (%)"] / 100 - share) < 4 * math.sqrt(share * (1 - share) / 4000)


def test_every_moment_of_an_erasure_obeys_both_laws():
    moments = np.concatenate([np.linspace(0, 3.75, 26), np.linspace(3.8, 4, 9)])
    run = landauer.erase(4.0, 2000, rng=7, record=moments)
    well = landauer.DoubleWell()
    plot = erasing.scrub_explorer(well, run, duration=4.0)
    start = well.energy(run.recorded_x[0], (1.0, 0.0)).mean()
    protocol = landauer.erasure_protocol(4.0)
    stages = []
    for k, time in enumerate(np.round(run.times, 6)):
        figure, values = plot(time)
        if k % 8 == 0:
            draws(figure)
        energy = well.energy(run.recorded_x[k], protocol(run.times[k])).mean()
        assert values["mean work so far (kT)"] - values["mean heat so far (kT)"] == pytest.approx(energy - start)
        assert values["⟨W⟩ − ΔF (kT)"] >= -4 * values["error (kT)"]
        assert 0 <= values["in the right well (%)"] <= 100
        stages.append(values["stage"])
    assert tuple(dict.fromkeys(stages)) == erasing.STAGES
    assert values["ΔF so far (kT)"] == pytest.approx(0, abs=1e-9)
    assert values["in the right well (%)"] == 100
    with pytest.raises(ValueError, match="time must be one of .* got 0.01"):
        plot(0.01)
    with pytest.raises(ValueError, match="recorded at two or more times"):
        erasing.scrub_explorer(well, landauer.erase(0.1, 10, rng=1), duration=0.1)


def test_every_duration_has_a_mean_above_the_bound_and_runs_below(erasures):
    works = {tau: run.work for tau, run in erasures.items()}
    plot = erasing.work_distribution_explorer(works)
    distance_squared = landauer.erasure_distance_squared(13.0)
    for tau in works:
        figure, values = plot(tau)
        draws(figure)
        least = landauer.finite_time_bound(tau, distance_squared)
        assert values["mean work (kT)"] > least - 4 * values["error of the mean (kT)"] > LN2
        assert 0 < values["runs below kT ln 2 (%)"] < 50
        # Jensen: an exponential average never exceeds the mean.
        assert values["−ln⟨exp(−W/kT)⟩"] <= values["mean work (kT)"]


def test_every_tilt_and_duration_respects_the_bound_of_its_reliability():
    tilts = [0, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.35, 0.5]
    table = erasing.tilt_duration_table([0.1, 1, 4, 16], tilts)
    plot = erasing.tilt_explorer(table)
    for (duration, tilt), (work, success) in table.items():
        assert work >= landauer.erasure_bound(0.5, 1 - success)
        assert 0.5 - 1e-9 <= success <= 1
        figure, values = plot(duration, tilt)
        assert values["mean work (kT)"] == work
        assert 0 <= values["ln 2 − H(ε) (kT)"] <= min(work, LN2)
        if tilt in (0, 0.1, 0.5):
            draws(figure)
    for duration in (0.1, 1, 4, 16):
        assert (np.diff([table[duration, a][1] for a in tilts]) > -1e-9).all(), "more tilt must not erase less"


def test_table_agrees_with_the_converged_solution():
    # 6.7467 and 1.6103: 1000 points, 3200 steps.
    table = erasing.tilt_duration_table([1, 8], [0.5])
    assert table[1, 0.5][0] == pytest.approx(6.7467, rel=2e-3)
    assert table[8, 0.5][0] == pytest.approx(1.6103, rel=2e-3)


def test_static_figures_draw(erasures):
    rng = np.random.default_rng(0)
    times = np.linspace(0, 1, 30)
    draws(erasing.relaxation(times, rng.standard_normal((30, 20)), stiffness=1.0, kT=1.0, mobility=1.0))
    well = landauer.DoubleWell()
    draws(erasing.protocol_stages(well))
    grid = well.grid(points=200)
    density = np.exp(-well.energy(grid, (1.0, 0.0)))
    draws(erasing.quantiles(grid, density, np.where(grid > 0, density, 0)))
    simulated = [mean_work(run.work) for run in erasures.values()]
    draws(erasing.work_against_duration(list(erasures), simulated, [0.5, 4, 16], [11.4, 2.46, 1.16], 1.79))
    draws(erasing.crooks_crossing(rng.normal(1, 1, 500), rng.normal(0, 1, 500), 0.5))
    sizes = [0.1, 0.2]
    ratios = {"heun": [1.0, 1.1], "euler-maruyama": [0.9, 0.8], "leimkuhler-matthews": [1.0, 1.0]}
    draws(erasing.scheme_errors(sizes, ratios, ratios, 0.01))


def test_published_costs_are_in_kT_and_name_their_basis():
    rows = erasing.published_costs(catalog.experiments())
    by_label = {(label, basis): (value, error) for label, value, error, basis in rows}
    assert by_label["feedback trap, 2014", "fitted"] == (0.71, 0.03)
    measured, error = by_label["nanomagnets, 2016", "measured"]
    assert (measured, error) == pytest.approx((1.014, 0.217), abs=1e-3)
    simulated, error = by_label["nanomagnets, 2016", "simulated"]
    assert (simulated, error) == pytest.approx((0.6842, 0.01015))
    assert math.isnan(by_label["beads, 2012–15", "fitted"][1])
    draws(erasing.measured_costs(rows))


def test_bad_input_is_refused_by_name():
    grid = np.linspace(-1, 1, 5)
    for call, message in (
        (lambda: erasing.relaxation(np.arange(3.0), np.ones((4, 2)), stiffness=1, kT=1, mobility=1), "row for each of the 3"),
        (lambda: erasing.quantiles(grid, np.ones(4), np.ones(5)), "before must be a density on the 5 points"),
        (lambda: erasing.quantiles(grid, np.ones(5), -np.ones(5)), "after must be a density"),
        (lambda: erasing.work_against_duration([1, 2], [Estimate(1, 1)], [1, 2], [1, 1], 1.0), "for each of the 2"),
        (lambda: erasing.measured_costs([]), "rows must list at least one"),
        (lambda: erasing.measured_costs([("a", 1.0, 0.1, "guessed")]), "basis must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def given():
    """What the chapter has defined by the time the exercises come."""
    well = landauer.DoubleWell(barrier=13.0, tilt=0.5)
    return vars(langevin) | {"np": np, "math": math, "landauer": landauer, "well": well, "kT": KT, "mu": MOBILITY,
                             "distance_squared": landauer.erasure_distance_squared(13.0)}


def test_own_system_solution_agrees_with_fokker_planck(capsys):
    exec(SOLUTIONS[0], given())
    lines = re.findall(r"^[\d.]+ ([\d.]+) ± ([\d.]+) exact ([\d.]+)", capsys.readouterr().out, re.MULTILINE)
    assert len(lines) == 3
    for mean, error, exact in ((float(part) for part in line) for line in lines):
        assert abs(mean - exact) < 4 * error


def test_wrong_order_solution_stays_expensive(capsys):
    exec(SOLUTIONS[1], given())
    works = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert works == pytest.approx([17.65, 14.26], abs=0.02)


def test_stage_ratio_solution_improves_on_equal_stages(capsys):
    exec(SOLUTIONS[2], given())
    works = [float(line.split(") ")[1].split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert works[0] == pytest.approx(1.61, abs=0.005)
    assert works[2] == pytest.approx(1.44, abs=0.005) and works[2] < works[1] < works[0] < works[3]
