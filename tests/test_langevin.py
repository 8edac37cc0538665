"""The integrator, the ledger and the estimators against closed forms; kT, mobility and stiffness differ from 1 throughout."""

import math
import signal
import time
import tracemalloc

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import chi2, kstest, norm

from thermolib import langevin
from thermolib.landauer import DoubleWell, erasure_protocol
from thermolib.langevin import (
    SCHEMES,
    DominatedAverageWarning,
    Estimate,
    HarmonicTrap,
    StepSizeWarning,
    StiffnessTrap,
    crooks_free_energy,
    fokker_planck,
    jarzynski_free_energy,
    mean_work,
    reversed_protocol,
    simulate,
    work_histogram,
)
from zscores import SEEDS, assert_consistent, mean_and_error, variance_and_error

KT, MOBILITY, STIFFNESS, SPEED, DURATION = 0.45, 0.6, 1.7, 0.8, 1.5
TRAP = HarmonicTrap(STIFFNESS)


def drag(t):
    return SPEED * t


def still(t):
    return 0.0


def dragged(seed, n=20000, protocol=drag, **options):
    rng = np.random.default_rng(seed)
    x0 = TRAP.sample_equilibrium(protocol(0.0), n, kT=KT, rng=rng)
    defaults = dict(duration=DURATION, dt=DURATION / 60, kT=KT, mobility=MOBILITY, rng=rng)
    return simulate(TRAP, protocol, x0, **(defaults | options))


# --- a dragged trap: every number is known ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drags():
    return [dragged(seed) for seed in SEEDS]


def test_closed_form_of_the_dragging_work():
    """<W> by quadrature of the power k v (v t - <x>), and its two limits, so that the formula is checked too."""
    tau = 1 / (MOBILITY * STIFFNESS)
    lag = solve_ivp(lambda t, y: [SPEED - y[0] / tau, STIFFNESS * SPEED * y[0]], (0, DURATION), [0, 0], rtol=1e-10, atol=1e-12)
    assert TRAP.mean_dragging_work(SPEED, DURATION, mobility=MOBILITY) == pytest.approx(lag.y[1, -1], rel=1e-8)
    assert TRAP.mean_dragging_work(SPEED, 1e-4) == pytest.approx(0.5 * STIFFNESS * (SPEED * 1e-4) ** 2, rel=1e-3)
    assert TRAP.mean_dragging_work(0.7, 0.0) == 0
    assert TRAP.dragging_work_variance(SPEED, DURATION, kT=KT, mobility=MOBILITY) == pytest.approx(2 * KT * lag.y[1, -1])


def test_mean_and_variance_of_the_dragging_work(drags):
    mean = TRAP.mean_dragging_work(SPEED, DURATION, mobility=MOBILITY)
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in drags]), mean)
    variance = TRAP.dragging_work_variance(SPEED, DURATION, kT=KT, mobility=MOBILITY)
    assert_consistent(*np.transpose([variance_and_error(run.work) for run in drags]), variance)


def test_mean_heat_is_the_work_less_what_the_trap_keeps(drags):
    tau = 1 / (MOBILITY * STIFFNESS)
    lag = SPEED * tau * (1 - math.exp(-DURATION / tau))
    mean = TRAP.mean_dragging_work(SPEED, DURATION, mobility=MOBILITY) - 0.5 * STIFFNESS * lag**2
    assert_consistent(*np.transpose([mean_and_error(run.heat) for run in drags]), mean)
    assert_consistent(*np.transpose([mean_and_error(run.x) for run in drags]), SPEED * DURATION - lag)
    assert_consistent(*np.transpose([variance_and_error(run.x) for run in drags]), KT / STIFFNESS)


def test_jarzynski_and_crooks_give_no_free_energy_change_for_a_dragged_trap(drags):
    estimates = [jarzynski_free_energy(run.work, KT) for run in drags]
    assert_consistent([e.value for e in estimates], [e.error for e in estimates], 0.0)
    back = reversed_protocol(drag, DURATION)
    estimates = [crooks_free_energy(run.work, dragged(seed + 100, 12000, back).work, KT) for seed, run in enumerate(drags)]
    assert_consistent([e.value for e in estimates], [e.error for e in estimates], 0.0)


def test_first_law_closes_for_each_trajectory(drags):
    for run in drags[:3]:
        assert np.abs(run.energy_change - (run.work - run.heat)).max() < 1e-12 * (1 + np.abs(run.work).max())
        assert run.work.std() > 0.1 and run.heat.std() > 0.1 and run.energy_change.std() > 0.1


# --- a trap that stiffens: a free energy that changes ------------------------------------------------------------------


def test_stiffening_trap_mean_work_jarzynski_and_crooks():
    k0, k1, duration = 0.8, 3.1, 0.9
    trap = StiffnessTrap()

    def stiffen(t):
        return 0.4, k0 + (k1 - k0) * t / duration

    def moments(t, y):  # y = variance of x, mean work
        return [-2 * MOBILITY * stiffen(t)[1] * y[0] + 2 * MOBILITY * KT, 0.5 * (k1 - k0) / duration * y[0]]

    exact = solve_ivp(moments, (0, duration), [KT / k0, 0.0], rtol=1e-10, atol=1e-12).y[:, -1]
    dF = trap.free_energy_change(k0, k1, kT=KT)
    assert dF == pytest.approx(0.5 * KT * math.log(k1 / k0))

    def ramp(seed, protocol, n):
        rng = np.random.default_rng(seed)
        x0 = trap.sample_equilibrium(protocol(0.0), n, kT=KT, rng=rng)
        return simulate(trap, protocol, x0, duration=duration, dt=duration / 60, kT=KT, mobility=MOBILITY, rng=rng)

    forward = [ramp(seed, stiffen, 20000) for seed in SEEDS]
    backward = [ramp(seed + 100, reversed_protocol(stiffen, duration), 10000) for seed in SEEDS]
    assert_consistent(*np.transpose([variance_and_error(run.x) for run in forward]), exact[0])
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in forward]), exact[1])
    for estimates in (
        [jarzynski_free_energy(run.work, KT) for run in forward],
        [crooks_free_energy(f.work, b.work, KT) for f, b in zip(forward, backward)],
    ):
        assert_consistent([e.value for e in estimates], [e.error for e in estimates], dF)
    assert all(run.work.mean() > dF for run in forward)  # the second law, with room


def test_two_coordinates_with_mobilities_of_their_own():
    stiffness, mobility, speed = np.array([0.7, 2.6]), np.array([1.8, 0.4]), np.array([0.5, -1.1])
    trap = HarmonicTrap(stiffness)
    tau = 1 / (mobility * stiffness)
    lag = speed * tau * (1 - np.exp(-DURATION / tau))
    work = sum(HarmonicTrap(k).mean_dragging_work(v, DURATION, mobility=m) for k, v, m in zip(stiffness, speed, mobility))
    runs = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        x0 = trap.sample_equilibrium(np.zeros(2), 10000, kT=KT, rng=rng)
        runs.append(simulate(trap, lambda t: speed * t, x0, duration=DURATION, dt=DURATION / 80, kT=KT, mobility=mobility, rng=rng))
    assert runs[0].x.shape == (10000, 2) and runs[0].work.shape == (10000,)
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in runs]), work)
    for i in range(2):
        assert_consistent(*np.transpose([mean_and_error(run.x[:, i]) for run in runs]), speed[i] * DURATION - lag[i])
        assert_consistent(*np.transpose([variance_and_error(run.x[:, i]) for run in runs]), KT / stiffness[i])
    correlations = [np.corrcoef(run.x.T)[0, 1] for run in runs]
    assert_consistent(correlations, np.full(20, 0.01), 0.0)


def test_dragging_work_of_two_coordinates_adds_up():
    trap = HarmonicTrap([0.7, 2.6])
    parts = [HarmonicTrap(k).mean_dragging_work(v, 1.2, mobility=0.6) for k, v in ((0.7, 0.5), (2.6, -1.1))]
    assert trap.mean_dragging_work([0.5, -1.1], 1.2, mobility=0.6) == pytest.approx(sum(parts), rel=1e-14)


# --- how fast the discretization error vanishes ------------------------------------------------------------------------


@pytest.mark.parametrize("scheme, order", [("heun", 2), ("euler-maruyama", 1), ("leimkuhler-matthews", 1)])
def test_weak_order_of_mean_work_heat_and_position(scheme, order):
    """In a linear trap these means do not depend on kT, so one noiseless trajectory shows their bias."""
    tau = 1 / (MOBILITY * STIFFNESS)
    lag = SPEED * tau * (1 - math.exp(-DURATION / tau))
    work = TRAP.mean_dragging_work(SPEED, DURATION, mobility=MOBILITY)
    exact = np.array([work, work - 0.5 * STIFFNESS * lag**2, SPEED * DURATION - lag])
    biases = []
    for steps in (40, 80, 160, 320):
        run = simulate(TRAP, drag, np.zeros(1), duration=DURATION, dt=DURATION / steps, kT=0.0, mobility=MOBILITY, rng=0, scheme=scheme)
        biases.append(np.abs([run.work[0], run.heat[0], run.x[0]] - exact))
    orders = np.log2(np.divide(biases[:-1], biases[1:]))
    assert np.abs(orders - order).max() < 0.1, orders


def stationary_variance(scheme, a):
    """Exact stationary variance in units of kT/k of each scheme in a harmonic trap, a = mobility * k * dt."""
    if scheme == "heun":
        return 2 * a * (1 - a / 2) ** 2 / (1 - (1 - a + a * a / 2) ** 2)
    return 1 / (1 - a / 2) if scheme == "euler-maruyama" else 1.0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_stationary_variance_of_each_scheme(scheme):
    """At a = 0.4 the schemes differ by 5 % and 25 %, far more than the error: each one is the scheme it says it is."""
    a = 0.4
    spreads = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        x0 = TRAP.sample_equilibrium(0.0, 5000, kT=KT, rng=rng)
        run = simulate(TRAP, still, x0, duration=12.0, dt=a / (MOBILITY * STIFFNESS), kT=KT, mobility=MOBILITY, rng=rng, scheme=scheme)
        spreads.append(variance_and_error(run.x))
    a = MOBILITY * STIFFNESS * run.dt
    assert_consistent(*np.transpose(spreads), KT / STIFFNESS * stationary_variance(scheme, a))


def test_work_through_noise_and_drive_converges_with_second_order():
    """Stiffness ramp by the exact moment recursion of Heun; simulate agrees with the recursion where its bias is large."""
    k0, k1, duration, steps = 1.0, 6.0, 0.8, 6

    def recursion(steps):
        dt, variance, work = duration / steps, KT / k0, 0.0
        for n in range(steps):
            k = k0 + (k1 - k0) * (n + 0.5) / steps
            work += 0.25 * (k1 - k0) / steps * variance
            a = MOBILITY * k * dt
            variance = (1 - a + a * a / 2) ** 2 * variance + 2 * MOBILITY * KT * dt * (1 - a / 2) ** 2
            work += 0.25 * (k1 - k0) / steps * variance
        return work, variance

    trap = StiffnessTrap()
    runs = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        x0 = trap.sample_equilibrium((0.0, k0), 20000, kT=KT, rng=rng)
        runs.append(simulate(trap, lambda t: (0.0, k0 + (k1 - k0) * t / duration), x0, duration=duration, dt=duration / steps, kT=KT,
                             mobility=MOBILITY, rng=rng))
    limit = np.array(recursion(20000))
    biases = [np.abs(np.array(recursion(m)) - limit) for m in (100, 200, 400)]
    orders = np.log2(np.divide(biases[:-1], biases[1:]))
    assert np.abs(orders - 2).max() < 0.2, orders
    work, variance = recursion(steps)
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in runs]), work)
    assert_consistent(*np.transpose([variance_and_error(run.x) for run in runs]), variance)


# --- a double well: no closed form, but its equilibrium and its Fokker-Planck equation -----------------------------------


def test_boltzmann_density_is_stationary():
    well, control, kT, mobility = DoubleWell(1.9, 0.5), (1.0, 0.4), 0.8, 0.7
    grid = well.grid(kT, 2001)
    density = langevin.equilibrium_density(well, control, grid, kT)
    cumulative = np.cumsum(density) / density.sum()
    edges = np.interp(np.linspace(0, 1, 21)[1:-1], cumulative - 0.5 * density / density.sum(), grid)
    scores = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        x0 = langevin.sample_equilibrium(well, control, 10000, kT=kT, rng=rng, grid=grid)
        run = simulate(well, lambda t: control, x0, duration=1.0, dt=0.01, kT=kT, mobility=mobility, rng=rng)
        counts = np.bincount(np.searchsorted(edges, run.x), minlength=20)
        statistic = np.sum((counts - 500.0) ** 2 / 500.0)
        scores.append(norm.isf(chi2.sf(statistic, 19)))
        assert np.abs(run.work).max() == 0  # the control does not move
    assert_consistent(scores, np.ones(20), 0.0)


@pytest.mark.parametrize("duration", [0.3, 1.0, 3.0])
def test_simulation_agrees_with_the_fokker_planck_equation(duration):
    well, kT, mobility = DoubleWell(3.0, 0.6), 0.7, 1.4
    grid, protocol = well.grid(kT, 800), erasure_protocol(duration)
    exact = fokker_planck(well, protocol, grid, duration=duration, steps=800, kT=kT, mobility=mobility)
    runs = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        x0 = langevin.sample_equilibrium(well, protocol(0.0), 4000, kT=kT, rng=rng, grid=grid)
        runs.append(simulate(well, protocol, x0, duration=duration, dt=min(0.0018, duration / 400), kT=kT, mobility=mobility, rng=rng))
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in runs]), exact.work[-1])
    assert_consistent(*np.transpose([mean_and_error(run.heat) for run in runs]), exact.heat[-1])
    assert_consistent(*np.transpose([mean_and_error(run.x) for run in runs]), np.sum(exact.density * grid) * (grid[1] - grid[0]))


# --- Fokker-Planck -----------------------------------------------------------------------------------------------------


def test_fokker_planck_conserves_probability_and_the_first_law():
    well, kT = DoubleWell(3.0, 0.6), 0.7
    grid = well.grid(kT, 300)
    result = fokker_planck(well, erasure_protocol(2.0), grid, duration=2.0, steps=400, kT=kT, mobility=1.4, record=[0.0, 1.0, 2.0])
    spacing = grid[1] - grid[0]
    energies = [np.dot(result.recorded_density[i], well.energy(grid, (1.0, 0.0))) * spacing for i in (0, 2)]
    assert energies[1] - energies[0] == pytest.approx(result.work[-1] - result.heat[-1], abs=1e-10)
    assert np.allclose(result.recorded_density.sum(axis=1) * spacing, 1, atol=1e-12)
    assert np.array_equal(result.recorded_density[2], result.density)
    assert np.array_equal(result.recorded_times, [0.0, 1.0, 2.0]) and result.times[-1] == 2.0
    assert len(result.work) == len(result.heat) == len(result.times) == 401
    assert result.density.min() > -1e-12


def test_fokker_planck_leaves_equilibrium_at_rest():
    well, kT, control = DoubleWell(3.0, 0.6), 0.7, (1.0, 0.3)
    grid = well.grid(kT, 300)
    result = fokker_planck(well, lambda t: control, grid, duration=5.0, steps=50, kT=kT, mobility=1.4)
    weight = np.exp(-well.energy(grid, control) / kT)
    assert np.allclose(result.density, weight / weight.sum() / (grid[1] - grid[0]), atol=1e-12)
    assert abs(result.work[-1]) < 1e-14 and abs(result.heat[-1]) < 1e-11


def test_fokker_planck_relaxes_to_equilibrium_from_elsewhere():
    well, kT, control = DoubleWell(1.0, 0.6), 0.7, (1.0, 0.3)
    grid = well.grid(kT, 300)
    start = np.exp(-((grid + 0.5) ** 2) / 0.02)
    result = fokker_planck(well, lambda t: control, grid, duration=30.0, steps=3000, kT=kT, mobility=1.4, initial=start, record=[0.0])
    assert np.allclose(result.density, langevin.equilibrium_density(well, control, grid, kT), atol=1e-6)
    assert np.dot(result.recorded_density[0], grid) * (grid[1] - grid[0]) == pytest.approx(-0.5, abs=1e-9)


@pytest.mark.parametrize("points, coarse, fine", [(None, 10, 20), (2000, None, None)])
def test_fokker_planck_order_of_convergence_in_time_and_space(points, coarse, fine):
    """A dragged trap that starts smoothly, mean work by ODE: the error falls fourfold when steps or points double."""
    def protocol(t):
        return 0.8 * t * t

    ode = solve_ivp(lambda t, y: [-MOBILITY * STIFFNESS * (y[0] - protocol(t)), -1.6 * t * STIFFNESS * (y[0] - protocol(t))],
                    (0, DURATION), [0, 0], rtol=1e-11, atol=1e-13)

    def error(points, steps):
        grid = np.linspace(-4.2, 5.2, points)
        return fokker_planck(TRAP, protocol, grid, duration=DURATION, steps=steps, kT=KT, mobility=MOBILITY).work[-1] - ode.y[1, -1]

    if points is None:
        errors = [error(4000, 10), error(4000, 20)]
    else:
        errors = [error(40, 1000), error(80, 1000)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1), errors
    assert abs(errors[1]) < 2e-2


# --- bookkeeping: records, threads, random numbers, memory ---------------------------------------------------------------


def test_recorded_times_snap_to_steps_and_hold_the_running_sums():
    run = dragged(3, 500, record=[0.0, 0.4999, 0.5001, 1.0, DURATION])
    assert np.allclose(run.times, [0.0, 0.5, 0.5, 1.0, DURATION], atol=1e-12)
    assert run.recorded_x.shape == (5, 500) and run.recorded_work.shape == run.recorded_heat.shape == (5, 500)
    assert np.array_equal(run.recorded_x[-1], run.x)
    assert np.array_equal(run.recorded_work[-1], run.work) and np.array_equal(run.recorded_heat[-1], run.heat)
    assert not run.recorded_work[0].any() and not run.recorded_heat[0].any()
    for i, t in enumerate(run.times):
        change = TRAP.energy(run.recorded_x[i], drag(t)) - TRAP.energy(run.recorded_x[0], drag(0.0))
        assert np.allclose(change, run.recorded_work[i] - run.recorded_heat[i], atol=1e-12)
    bare = dragged(3, 500)
    assert np.array_equal(bare.x, run.x) and len(bare.times) == 0 and bare.recorded_x.shape == (0, 500)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_results_do_not_depend_on_the_number_of_threads(scheme):
    one, three = (dragged(5, 20000, threads=threads, scheme=scheme, record=[0.7]) for threads in (1, 3))
    for name in ("x", "work", "heat", "energy_change", "recorded_x", "recorded_work", "recorded_heat"):
        assert np.array_equal(getattr(one, name), getattr(three, name)), name


def test_blocks_have_random_numbers_of_their_own():
    run = simulate(TRAP, still, np.zeros(3 * 8192), duration=1.0, dt=0.1, kT=KT, rng=0)
    blocks = run.x.reshape(3, 8192)
    assert not np.array_equal(blocks[0], blocks[1]) and abs(np.corrcoef(blocks)[0, 1]) < 0.05


def test_seeds_make_results_repeatable_and_generators_move_on():
    def final(rng):
        return simulate(TRAP, still, np.zeros(10), duration=1.0, dt=0.1, kT=KT, rng=rng).x

    assert np.array_equal(final(7), final(7)) and np.array_equal(final(7), final(np.random.SeedSequence(7)))
    assert not np.array_equal(final(7), final(8))
    rng = np.random.default_rng(7)
    assert not np.array_equal(final(rng), final(rng))


def test_the_starting_states_are_not_changed():
    x0 = np.ones(10)
    simulate(TRAP, still, x0, duration=1.0, dt=0.1, kT=KT, rng=1)
    assert np.array_equal(x0, np.ones(10))


def test_the_step_divides_the_duration():
    run = simulate(TRAP, still, np.zeros(2), duration=1.0, dt=0.3, kT=KT, rng=1)
    assert run.steps == 4 and run.dt == 0.25
    assert simulate(TRAP, still, np.zeros(2), duration=0.3, dt=0.1, kT=KT, rng=1).steps == 3
    assert simulate(TRAP, still, np.zeros(2), duration=0.1, dt=5.0, kT=KT, mobility=1.0, rng=1).steps == 1


def test_the_protocol_is_followed_from_zero_to_the_duration():
    seen = []
    simulate(TRAP, lambda t: seen.append(t) or 0.0, np.zeros(2), duration=0.7, dt=0.1, kT=KT, rng=1)
    assert min(seen) == 0.0 and max(seen) == 0.7


def test_memory_does_not_grow_with_the_number_of_steps():
    peaks = []  # of one thread: how many blocks two of them hold at once is up to the machine
    for steps in (50, 1000):
        tracemalloc.start()
        simulate(TRAP, still, np.zeros(20000), duration=1.0, dt=1 / steps, kT=KT, rng=1, threads=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_progress_counts_every_step_of_every_block(capsys):
    simulate(TRAP, still, np.zeros(8193), duration=1.0, dt=0.01, kT=KT, rng=1, progress=True)
    assert "200/200" in capsys.readouterr().err


def test_an_interrupt_ends_a_long_run():
    """As the stop button of a notebook does; this one would go on for days."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            simulate(TRAP, still, np.zeros(20_000), duration=1e7, dt=0.01, kT=KT, rng=1)
        assert time.monotonic() - start < 20
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_without_progress_nothing_is_printed(capsys):
    simulate(TRAP, still, np.zeros(10), duration=1.0, dt=0.01, kT=KT, rng=1)
    assert capsys.readouterr() == ("", "")


# --- steps that are too long ---------------------------------------------------------------------------------------------


def test_a_long_step_warns_and_names_the_numbers():
    with pytest.warns(StepSizeWarning, match=r"mobility \* dt \* stiffness is 0.6 at dt = 0.588, above 0.5 .*dt = 0.098 brings it to 0.1"):
        simulate(TRAP, still, np.zeros(3), duration=0.6 / 1.02, dt=0.6 / 1.02, kT=KT, mobility=MOBILITY, rng=1)


def test_an_unstable_step_is_refused_wherever_the_protocol_gets_stiff():
    def stiffen(t):
        return 0.0, 1.0 + 396.0 * t * (1 - t)

    with pytest.raises(ValueError, match=r"mobility \* dt \* stiffness is 3 at dt = 0.05, must not exceed 2 .*dt = 0.0017 brings"):
        simulate(StiffnessTrap(), stiffen, np.zeros(3), duration=1.0, dt=0.05, kT=KT, mobility=MOBILITY, rng=1)


def test_the_stiffest_of_many_coordinates_counts():
    trap = HarmonicTrap(np.array([1.0, 2.0, 40.0]))
    with pytest.raises(ValueError, match="is 2.4 at"):
        simulate(trap, still, np.zeros((5, 3)), duration=1.0, dt=0.1, kT=KT, mobility=MOBILITY, rng=1)
    simulate(trap, still, np.zeros((5, 3)), duration=1.0, dt=0.1, kT=KT, mobility=np.array([1.0, 1.0, 0.1]), rng=1)


def test_the_double_well_of_the_book_runs_at_a_thousandth_without_a_warning():
    well = DoubleWell(13.0, 0.5)
    x0 = langevin.sample_equilibrium(well, (1.0, 0.0), 20000, rng=1, grid=well.grid())
    simulate(well, erasure_protocol(0.02), x0, duration=0.02, dt=1e-3, rng=1)


class Runaway:
    shape = ()

    def energy(self, x, control):
        return -(x * x) * (x * x)

    def force(self, x, control):
        return 4 * x * x * x


def test_a_trajectory_that_diverges_raises_instead_of_returning_nan():
    with pytest.raises(FloatingPointError, match=r"left the finite numbers by t = .* at dt = 0.01"):
        simulate(Runaway(), still, np.full(5, 0.5), duration=5.0, dt=0.01, kT=KT, rng=1)


# --- bad input -----------------------------------------------------------------------------------------------------------


class WrongEnergy(HarmonicTrap):
    def energy(self, x, control):
        return 0.0


class WrongForce(HarmonicTrap):
    def force(self, x, control):
        return np.zeros(1)


def test_samples_of_a_coarse_grid_are_centered():
    """The trapezoidal integral is exact for the mean by symmetry, however coarse the grid."""
    grid = np.linspace(-4, 4, 9)
    means, errors = [], []
    for seed in SEEDS:
        sample = langevin.sample_equilibrium(HarmonicTrap(1.0), 0.0, 20000, rng=seed, grid=grid)
        mean, error = mean_and_error(sample)
        means.append(mean)
        errors.append(error)
    assert_consistent(means, errors, 0.0)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(duration=-1.0), "duration must be positive, got -1.0"),
        (dict(duration=math.nan), "duration must be a finite number, got nan"),
        (dict(dt=0), "dt must be positive, got 0"),
        (dict(dt=None), "dt must be a finite number, got None"),
        (dict(kT=-0.1), "kT must not be negative, got -0.1"),
        (dict(kT=math.inf), "kT must be a finite number, got inf"),
        (dict(mobility=0.0), "mobility must be positive, a number or of shape \\(\\), got 0.0"),
        (dict(mobility=[1.0, 2.0]), "mobility must be positive, a number or of shape"),
        (dict(mobility=math.nan), "mobility must be finite everywhere, got nan"),
        (dict(x0=0.0), r"x0 must have shape \(n,\) \+ \(\), one state per trajectory, got \(\)"),
        (dict(x0=np.zeros((3, 2))), r"x0 must have shape \(n,\) \+ \(\), one state per trajectory, got \(3, 2\)"),
        (dict(x0=[0.0, math.nan]), "x0 must be finite everywhere, got nan"),
        (dict(x0=[]), r"x0 must not be empty, got shape \(0,\)"),
        (dict(system=HarmonicTrap([1.0, 2.0])), r"x0 must have shape \(n,\) \+ \(2,\), one state per trajectory, got \(4,\)"),
        (dict(system=WrongEnergy(1.0)), r"system.energy must map states \(2,\) to shape \(2,\), got \(\)"),
        (dict(system=WrongForce(1.0)), r"system.force must map states \(2,\) to their own shape, got \(1,\)"),
        (dict(scheme="milstein"), "scheme must be one of heun, euler-maruyama, leimkuhler-matthews, got 'milstein'"),
        (dict(rng=None), "rng must be a numpy Generator, a SeedSequence or an integer seed, got None"),
        (dict(rng="7"), "rng must be a numpy Generator, a SeedSequence or an integer seed, got '7'"),
        (dict(rng=-7), "rng must be a numpy Generator, a SeedSequence or an integer seed, got -7"),
        (dict(scheme=["heun"]), r"scheme must be one of heun, .* got \['heun'\]"),
        (dict(protocol=0.0), "protocol must be a function, got 0.0"),
        (dict(x0=["a"]), r"x0 must be an array of numbers, got \['a'\]"),
        (dict(threads=0), "threads must be an integer of at least 1, got 0"),
        (dict(record=[0.5, 1.1]), r"record times must lie in \[0, duration = 1.0\], got 1.1"),
        (dict(record=[-0.1]), "record times must lie in .* got -0.1"),
        (dict(record=[0.5, 0.2]), "record times must not decrease"),
        (dict(record=0.5), r"record must have 1 dimension\(s\), got shape \(\)"),
        (dict(record=[math.nan]), "record must be finite everywhere, got nan"),
    ],
)
def test_bad_input_to_simulate(change, message):
    arguments = dict(system=TRAP, protocol=still, x0=np.zeros(4), duration=1.0, dt=0.1, rng=1) | change
    with pytest.raises(ValueError, match=message):
        simulate(**arguments)


GRID = np.linspace(-5, 5, 101)


def planck(**change):
    arguments = dict(system=TRAP, protocol=still, grid=GRID, duration=1.0, steps=10) | change
    return fokker_planck(**arguments)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: planck(duration=0.0), "duration must be positive, got 0.0"),
        (lambda: planck(steps=0), "steps must be an integer of at least 1, got 0"),
        (lambda: planck(steps=1.5), "steps must be an integer of at least 1, got 1.5"),
        (lambda: planck(kT=0.0), "kT must be positive, got 0.0"),
        (lambda: planck(mobility=-1.0), "mobility must be positive, got -1.0"),
        (lambda: planck(grid=GRID**3), "grid must be evenly spaced, got spacings"),
        (lambda: planck(grid=GRID[::-1]), "grid must hold at least 3 strictly increasing points"),
        (lambda: planck(grid=[0.0, 1.0]), "grid must hold at least 3 strictly increasing points, got 2 points"),
        (lambda: planck(initial=np.ones(5)), "initial must be a density on the 101 points"),
        (lambda: planck(initial=-np.ones(101)), "initial must be a density .* a least value -1.0"),
        (lambda: planck(initial=np.zeros(101)), "initial must be a density"),
        (lambda: planck(protocol=0.0), "protocol must be a function, got 0.0"),
        (lambda: planck(protocol=lambda t: math.nan), "energy on the grid must be finite everywhere, got nan"),
        (lambda: reversed_protocol(0.0, 1.0), "protocol must be a function, got 0.0"),
        (lambda: planck(record=[2.0]), "record times must lie in"),
        (lambda: planck(system=HarmonicTrap([1.0, 2.0])), r"system must have one scalar coordinate \(shape \(\)\), got shape \(2,\)"),
        (lambda: langevin.sample_equilibrium(TRAP, 0.0, 0, rng=1, grid=GRID), "n must be an integer of at least 1, got 0"),
        (lambda: langevin.sample_equilibrium(TRAP, 0.0, 5, rng=None, grid=GRID), "rng must be"),
        (lambda: langevin.free_energy(TRAP, 0.0, GRID, -1.0), "kT must be positive, got -1.0"),
        (lambda: reversed_protocol(still, -2.0), "duration must be positive, got -2.0"),
        (lambda: HarmonicTrap(0.0), "stiffness must be positive, a number or a one-dimensional array, got 0.0"),
        (lambda: HarmonicTrap(np.ones((2, 2))), "stiffness must be positive, a number or a one-dimensional array"),
        (lambda: HarmonicTrap(math.nan), "stiffness must be finite everywhere, got nan"),
        (lambda: TRAP.mean_dragging_work([1.0, 2.0], 1.0), r"speed must be a number or of shape \(\), got shape \(2,\)"),
        (lambda: TRAP.mean_dragging_work(1.0, -1.0), "duration must not be negative, got -1.0"),
        (lambda: TRAP.mean_dragging_work(1.0, 1.0, mobility=0.0), "mobility must be positive, got 0.0"),
        (lambda: TRAP.sample_equilibrium(0.0, 3, kT=-1.0, rng=1), "kT must not be negative, got -1.0"),
        (lambda: StiffnessTrap().free_energy_change(0.0, 1.0), "k0 must be positive, got 0.0"),
        (lambda: mean_work([1.0]), "work must hold at least 2 trajectories, got 1"),
        (lambda: mean_work(np.ones((2, 2))), "work must have 1 dimension"),
        (lambda: jarzynski_free_energy([1.0, math.nan]), "work must be finite everywhere, got nan"),
        (lambda: jarzynski_free_energy([1.0, 2.0], 0.0), "kT must be positive, got 0.0"),
        (lambda: crooks_free_energy([1.0, 2.0], [1.0]), "reverse_work must hold at least 2 trajectories, got 1"),
        (lambda: crooks_free_energy([1.0, 2.0], [1.0, 2.0], math.nan), "kT must be a finite number, got nan"),
        (lambda: work_histogram([]), "work must not be empty"),
    ],
)
def test_bad_input_elsewhere(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- equilibrium on a line -------------------------------------------------------------------------------------------------


def test_equilibrium_of_a_trap_is_gaussian():
    grid = np.linspace(-6, 8, 4001)
    density = langevin.equilibrium_density(TRAP, 1.1, grid, KT)
    assert np.allclose(density, norm.pdf(grid, 1.1, math.sqrt(KT / STIFFNESS)), atol=1e-10)
    assert langevin.free_energy(TRAP, 1.1, grid, KT) == pytest.approx(-0.5 * KT * math.log(2 * math.pi * KT / STIFFNESS), abs=1e-12)


def test_sample_equilibrium_draws_from_the_density():
    grid = np.linspace(-6, 8, 4001)
    scores = []
    for seed in SEEDS:
        sample = langevin.sample_equilibrium(TRAP, 1.1, 5000, kT=KT, rng=seed, grid=grid)
        scores.append(norm.isf(kstest(sample, norm(1.1, math.sqrt(KT / STIFFNESS)).cdf).pvalue))
    assert_consistent(scores, np.ones(20), 0.0)


# --- estimators --------------------------------------------------------------------------------------------------------------


def gaussian_work(seed, dF, sigma, kT, n):
    """Work that obeys Jarzynski exactly: Gaussian with mean dF + sigma^2 / (2 kT)."""
    return np.random.default_rng(seed).normal(dF + sigma**2 / (2 * kT), sigma, n)


def test_error_bars_of_the_estimators_have_the_right_size():
    dF, sigma, kT = -1.2, 0.6, 0.6
    forward = [gaussian_work(seed, dF, sigma, kT, 3000) for seed in range(200)]
    reverse = [gaussian_work(seed + 1000, -dF, sigma, kT, 500) for seed in range(200)]
    for estimates, exact in (
        ([mean_work(w) for w in forward], dF + sigma**2 / (2 * kT)),
        ([jarzynski_free_energy(w, kT) for w in forward], dF),
        ([crooks_free_energy(f, r, kT) for f, r in zip(forward, reverse)], dF),
        ([crooks_free_energy(r, f, kT) for f, r in zip(forward, reverse)], -dF),
    ):
        z = [(e.value - exact) / e.error for e in estimates]
        assert 0.8 < np.std(z) < 1.2
        assert abs(np.mean(z)) < 0.35  # a little bias is in the nature of a logarithm of a mean


def test_the_jarzynski_error_is_that_of_the_exponential_average():
    work = gaussian_work(1, 0.3, 0.7, 0.6, 1000)
    weights = np.exp(-work / 0.6)
    estimate = jarzynski_free_energy(work, 0.6)
    assert estimate.value == pytest.approx(-0.6 * math.log(weights.mean()), rel=1e-12)
    assert estimate.error == pytest.approx(0.6 * weights.std(ddof=1) / weights.mean() / math.sqrt(1000), rel=1e-9)


def test_crooks_beats_jarzynski_when_much_is_dissipated():
    work, back = (gaussian_work(seed, 0.0, 2.0, 1.0, 5000) for seed in (1, 2))
    assert crooks_free_energy(work, back).error < 0.5 * jarzynski_free_energy(work).error


@pytest.mark.parametrize("kT", [0.1, 20.0])
@pytest.mark.parametrize("shift", [-5000.0, 5000.0])
def test_crooks_moves_with_the_free_energy_and_scales_with_kT(shift, kT):
    forward, reverse = (gaussian_work(seed, 0.0, 1.0, 1.0, 1000) for seed in (1, 2))
    plain = crooks_free_energy(forward, reverse)
    moved = crooks_free_energy(kT * (forward + shift), kT * (reverse - shift), kT)
    assert moved.value / kT - shift == pytest.approx(plain.value, abs=1e-7)
    assert moved.error / kT == pytest.approx(plain.error, rel=1e-6)


def test_estimators_survive_extreme_work():
    work = np.array([5000.0, 5000.5, 5001.0, 5000.2])
    assert 4999 < jarzynski_free_energy(work).value < 5001
    assert crooks_free_energy(work, -work).value == pytest.approx(5000.4, abs=1.0)
    assert jarzynski_free_energy(np.full(5, 2.0)) == Estimate(2.0, 0.0)


def test_an_average_that_few_trajectories_dominate_warns():
    work = gaussian_work(1, 0.0, 6.0, 1.0, 10000)
    with pytest.warns(DominatedAverageWarning, match=r"over 10000 trajectories rests on about [0-9.]+ of them"):
        jarzynski_free_energy(work, 1.0)


def test_work_histogram_integrates_to_one_and_its_error_is_binomial():
    wide = work_histogram(np.array([0.5, 1.5, 1.6, 1.7]), np.array([0.0, 1.0, 3.0]))
    assert wide.density == pytest.approx([0.25, 0.375])
    assert wide.error == pytest.approx([math.sqrt(3 / 64), math.sqrt(3 / 64) / 2])
    work = gaussian_work(1, 0.0, 1.0, 1.0, 4000)
    histogram = work_histogram(work, 30)
    assert np.sum(histogram.density * np.diff(histogram.edges)) == pytest.approx(1)
    repeats = [work_histogram(gaussian_work(seed, 0.0, 1.0, 1.0, 4000), np.linspace(-1, 2, 7)) for seed in range(100)]
    scatter = np.std([h.density for h in repeats], axis=0)
    assert np.allclose(scatter / repeats[0].error, 1, atol=0.35)
    center = 0.5 * (repeats[0].edges[1:] + repeats[0].edges[:-1])
    assert np.allclose(np.mean([h.density for h in repeats], axis=0), norm.pdf(center, 0.5, 1), atol=0.01)


@pytest.mark.parametrize(
    "value, error, text",
    [
        (0.7134, 0.0312, "0.71 ± 0.03"),
        (0.693147, 0.00095, "0.6931 ± 0.0009"),
        (123.4, 17.2, "123 ± 17"),
        (0.5, 0.0961, "0.50 ± 0.10"),
        (0.5, 0.13, "0.50 ± 0.13"),
        (104321.0, 3100.0, "104000 ± 3000"),
        (-0.001, 0.03, "0.00 ± 0.03"),
        (2.0, 0.0, "2 ± 0"),
    ],
)
def test_estimates_print_with_the_digits_they_have(value, error, text):
    assert str(Estimate(value, error)) == text
