"""Erasing a bit: the double well, the protocol, and every bound against an independent way to the same number."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq, linear_sum_assignment, minimize_scalar
from scipy.stats import norm

from thermolib import landauer
from thermolib.landauer import (
    DoubleWell,
    binary_entropy,
    erase,
    erase_exactly,
    erasure_bound,
    erasure_distance_squared,
    erasure_protocol,
    finite_time_bound,
    gate_erasure,
    szilard,
    wasserstein2_squared,
)
from thermolib.langevin import HarmonicTrap, jarzynski_free_energy, simulate
from zscores import SEEDS, assert_consistent, mean_and_error

LN2 = math.log(2)
PUBLISHED = {1: 6.746, 2: 4.012, 4: 2.459, 8: 1.610, 16: 1.161, 32: 0.930, 64: 0.812}


# --- the well and its protocol -----------------------------------------------------------------------------------------


def test_energy_is_the_stated_polynomial():
    well, x = DoubleWell(2.5, 0.7), np.linspace(-1.7, 1.7, 41)
    for g, f in ((1.0, 0.0), (0.0, 1.0), (0.3, 0.8)):
        assert np.allclose(well.energy(x, (g, f)), 4 * 2.5 * (-g * x**2 / 2 + x**4 / 4 - 0.7 * f * x), atol=1e-13)


def test_force_is_minus_the_slope_of_the_energy():
    well, x, h = DoubleWell(2.5, 0.7), np.linspace(-1.7, 1.7, 41), 1e-5
    for control in ((1.0, 0.0), (0.0, 1.0), (0.3, 0.8)):
        slope = (well.energy(x + h, control) - well.energy(x - h, control)) / (2 * h)
        assert np.allclose(well.force(x, control), -slope, atol=1e-7)


def test_barrier_tilt_and_stiffness_mean_what_they_say():
    well = DoubleWell(13.0, 0.5)
    top, left, right = well.energy(np.array([0.0, -1.0, 1.0]), (1.0, 0.0))
    assert top - left == top - right == 13.0
    assert np.all(well.force(np.array([-1.0, 0.0, 1.0]), (1.0, 0.0)) == 0)
    x = np.linspace(-2, 2, 400001)
    lowest = x[well.energy(x, (1.0, 1.0)).argmin()]
    h = 1e-4
    curvature = (well.force(lowest - h, (1.0, 1.0)) - well.force(lowest + h, (1.0, 1.0))) / (2 * h)
    assert well.stiffness() == pytest.approx(curvature, rel=1e-4) and lowest > 1
    assert DoubleWell(13.0, 0.0).stiffness() == pytest.approx(8 * 13.0)


@pytest.mark.parametrize("barrier, tilt, kT", [(13.0, 0.5, 1.0), (0.3, 2.0, 0.6), (100.0, 0.0, 2.5)])
def test_grid_leaves_nothing_outside(barrier, tilt, kT):
    well = DoubleWell(barrier, tilt)
    grid = well.grid(kT, 501)
    assert len(grid) == 501 and grid[0] == -grid[-1]
    outermost = []
    for control in product((0.0, 0.5, 1.0), (0.0, 0.5, 1.0)):
        energy = well.energy(grid, control)
        above = (min(energy[0], energy[-1]) - energy.min()) / kT
        assert above > 38
        outermost.append(above)
    assert min(outermost) < 41  # and wastes nothing


def test_protocol_has_four_linear_stages_and_is_a_cycle():
    protocol = erasure_protocol(8.0)
    expected = {0: (1, 0), 1: (0.5, 0), 2: (0, 0), 3: (0, 0.5), 4: (0, 1), 5: (0.5, 1), 6: (1, 1), 7: (1, 0.5), 8: (1, 0)}
    for t, control in expected.items():
        assert protocol(float(t)) == pytest.approx(control, abs=1e-15)
    assert protocol(-1e-12) == (1.0, 0.0) and protocol(8 + 1e-12) == (1.0, 0.0)


# --- erasing: Fokker-Planck, simulation, Jarzynski ---------------------------------------------------------------------


@pytest.mark.parametrize("duration", PUBLISHED)
def test_mean_work_by_fokker_planck(duration):
    """Known from three independent solvers."""
    result = erase_exactly(float(duration))
    assert result.work[-1] == pytest.approx(PUBLISHED[duration], abs=7e-4)
    assert result.work[-1] > finite_time_bound(duration, erasure_distance_squared(13.0))
    assert result.heat[-1] == pytest.approx(result.work[-1], abs=0.025)  # a cycle, but for the lag at its end


def test_excess_over_the_optimal_protocol():
    optimal = erasure_distance_squared(13.0)
    ratios = [(erase_exactly(t).work[-1] - LN2) * t / optimal for t in (1.0, 64.0)]
    assert ratios == pytest.approx([3.4, 4.25], rel=0.02)


def test_fokker_planck_scales_with_energy_and_time_units():
    """Energies in a unit twice as large, time three times as slow: the same physics."""
    reference = erase_exactly(4.0, barrier=5.0, points=400, steps=400)
    scaled = erase_exactly(4.0 / 0.6, barrier=10.0, kT=2.0, mobility=0.3, points=400, steps=400)
    assert scaled.work[-1] == pytest.approx(2 * reference.work[-1], rel=1e-9)
    assert scaled.heat[-1] == pytest.approx(2 * reference.heat[-1], rel=1e-9)


@pytest.fixture(scope="module")
def erasures():
    return [erase(1.6, 8000, seed, barrier=1.5, tilt=0.25, kT=0.7, mobility=1.4) for seed in SEEDS]


def test_erase_agrees_with_fokker_planck(erasures):
    exact = erase_exactly(1.6, barrier=1.5, tilt=0.25, kT=0.7, mobility=1.4)
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in erasures]), exact.work[-1])
    assert_consistent(*np.transpose([mean_and_error(run.heat) for run in erasures]), exact.heat[-1])
    spacing = exact.grid[1] - exact.grid[0]
    success = exact.density[exact.grid > 0].sum() * spacing
    assert 0.8 < success < 0.9
    assert_consistent(*np.transpose([mean_and_error(run.success.astype(float)) for run in erasures]), success)
    assert erasures[0].success.dtype == bool and np.array_equal(erasures[0].success, erasures[0].x > 0)


def test_detailed_jarzynski_of_erasure(erasures):
    """The whole cycle has dF = 0; restricted to either final well the average is that well's share, one half."""
    for keep, share in ((lambda run: np.ones(8000), 1.0), (lambda run: run.success, 0.5), (lambda run: ~run.success, 0.5)):
        averages = [mean_and_error(np.exp(-run.work / 0.7) * keep(run)) for run in erasures]
        assert_consistent(*np.transpose(averages), share)


def test_jarzynski_of_a_reliable_erasure_sees_only_the_successes():
    """With no failure in the sample the cycle seems to have dF = kT ln 2: the other half is carried by what never came."""
    run = erase(20.0, 8192, 1, barrier=5.0, kT=0.45, mobility=1.4)
    assert (~run.success).sum() < 3
    estimate = jarzynski_free_energy(run.work[run.success], 0.45)
    assert estimate.error < 0.01
    assert_consistent([estimate.value], [estimate.error], 0.45 * LN2)


def test_default_erasure_of_the_book_agrees_with_fokker_planck():
    runs = [erase(1.0, 1000, seed) for seed in SEEDS]
    assert runs[0].dt < 1e-3
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in runs]), erase_exactly(1.0).work[-1])


@pytest.mark.parametrize("barrier, tilt, kT", [(0.3, 0.5, 1.0), (1.0, 1.0, 2.0), (50.0, 0.1, 0.5)])
def test_default_step_suits_shallow_and_deep_wells(barrier, tilt, kT):
    """No StepSizeWarning (warnings are errors here), and the mean work of Fokker-Planck."""
    runs = [erase(0.5, 4000, seed, barrier=barrier, tilt=tilt, kT=kT, mobility=0.8) for seed in SEEDS]
    exact = erase_exactly(0.5, barrier=barrier, tilt=tilt, kT=kT, mobility=0.8).work[-1]
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in runs]), exact)


@pytest.mark.parametrize("p", [0.0, 0.2, 1.0])
def test_initial_bias_is_the_probability_of_the_wrong_well(p):
    run = erase(0.01, 20000, 1, p=p, record=[0.0])
    wrong = (run.recorded_x[0] < 0).mean()
    assert abs(wrong - p) < 4 * math.sqrt(p * (1 - p) / 20000) + 1e-12
    assert abs(np.abs(run.recorded_x[0]).mean() - 1) < 0.02


def test_erase_knows_only_the_barrier_over_kT():
    """Measured in kT and x0^2/D, an erasure at another kT is the same one, step for step."""
    plain = erase(1.0, 50, 3, barrier=13.0)
    other = erase(1.0, 50, 3, barrier=13.0 * 2.5, kT=2.5, mobility=0.4)
    assert other.steps == plain.steps
    np.testing.assert_allclose(other.x, plain.x, rtol=1e-9)
    np.testing.assert_allclose(other.work / 2.5, plain.work, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.heat / 2.5, plain.heat, rtol=1e-9, atol=1e-9)


def test_the_default_bit_is_that_of_the_book():
    assert DoubleWell() == DoubleWell(barrier=13.0, tilt=0.5)


@pytest.mark.parametrize("barrier, tilt", [(1.0, 0.05), (13.0, 0.5)])
def test_default_step_of_an_erasure_resolves_the_stiffest_place(barrier, tilt):
    kT, mobility = 1.5, 0.4
    well = DoubleWell(barrier, tilt)
    wall = brentq(lambda x: well.energy(x, (1.0, 0.0)) - well.energy(1.0, (1.0, 0.0)) - 4 * kT, 1.0, 9.0)
    tilted = minimize_scalar(lambda x: float(well.energy(x, (1.0, 1.0))), bounds=(0.5, 3.0), method="bounded").x
    stiffest = max(4 * barrier * (3 * x * x - 1) for x in (wall, tilted))
    run = erase(20.0, 1, 1, barrier=barrier, tilt=tilt, kT=kT, mobility=mobility)
    assert mobility * run.dt * stiffest == pytest.approx(0.15, rel=2e-3)


def test_erase_does_not_depend_on_threads_and_keeps_the_first_law():
    one, two = (erase(0.1, 9000, 4, threads=threads) for threads in (1, 2))
    assert np.array_equal(one.work, two.work) and np.array_equal(one.success, two.success)
    assert np.allclose(one.energy_change, one.work - one.heat, atol=1e-11)


# --- bounds --------------------------------------------------------------------------------------------------------------


def test_entropies():
    assert binary_entropy(0.5) == pytest.approx(LN2, rel=1e-15) and binary_entropy(0) == binary_entropy(1) == 0
    assert binary_entropy(0.1) == pytest.approx(-0.1 * math.log(0.1) - 0.9 * math.log(0.9), rel=1e-15)
    assert landauer.entropy([0.1, 0.9]) == pytest.approx(binary_entropy(0.1), rel=1e-14)
    assert landauer.entropy(np.full(8, 1 / 8)) == pytest.approx(3 * LN2, rel=1e-14)
    assert landauer.entropy([1.0, 0.0]) == 0


def test_erasure_bound():
    assert erasure_bound() == pytest.approx(LN2)
    assert erasure_bound(0.2, 0.05, kT=1.7) == pytest.approx(1.7 * (0.5004024 - 0.1985152), rel=1e-6)
    assert erasure_bound(0.5, 0.5) == 0 and erasure_bound(0.1, 0.5) < 0


def test_mismatch_makes_a_symmetric_protocol_pay_for_a_whole_bit():
    for p in (0.0, 0.1, 0.5, 0.9):
        assert erasure_bound(p, kT=1.7) + landauer.mismatch_cost(p, kT=1.7) == pytest.approx(1.7 * LN2, rel=1e-14)
    assert landauer.mismatch_cost(0.3, 0.3) == 0
    assert landauer.mismatch_cost(0.3, 0.6) == pytest.approx(0.3 * math.log(0.5) + 0.7 * math.log(0.7 / 0.4), rel=1e-14)
    assert landauer.mismatch_cost(0.3, 0.0) == math.inf


def test_mismatch_in_the_simulated_erasure():
    """A slow symmetric erasure of a bit that is nearly known still pays about ln 2, not H(p)."""
    run = erase(16.0, 1000, 3, p=0.02)
    assert run.work.mean() > LN2 > 5 * binary_entropy(0.02)


def test_analog_and_gaussian_resets():
    assert landauer.analog_reset_bound(8.0, 0.5, kT=1.7) == pytest.approx(1.7 * 4 * LN2)
    assert landauer.analog_reset_bound(0.3, 0.3) == 0
    assert landauer.gaussian_reset_bound(3.0, 0.5, kT=1.7) == pytest.approx(1.7 * (norm(0, 3).entropy() - norm(0, 0.5).entropy()))
    assert landauer.gaussian_reset_bound(0.5, 3.0) < 0


# --- Wasserstein -----------------------------------------------------------------------------------------------------------


def gaussian(mean, sigma, points=4001):
    grid = np.linspace(mean - 9 * sigma, mean + 9 * sigma, points)
    return grid, norm.pdf(grid, mean, sigma)


def test_distance_of_gaussians():
    for a, b in (((0.0, 1.0), (1.5, 0.4)), ((-2.0, 0.3), (-2.0, 1.1)), ((0.0, 1.0), (3.0, 1.0))):
        exact = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
        assert wasserstein2_squared(gaussian(*a), gaussian(*b)) == pytest.approx(exact, rel=2e-5)


def test_distance_of_uniform_densities_is_exact():
    """From [0, 1] to [2, 5]: the integral of (2 + 3u - u)^2 over u is 28/3."""
    grid = np.array([0.25, 0.75])
    assert wasserstein2_squared((grid, np.ones(2)), (2 + 3 * grid, np.ones(2))) == pytest.approx(28 / 3, rel=1e-14)


def test_distance_of_samples_of_one_size_pairs_them_in_order():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=7), rng.exponential(size=7)
    cost = (a[:, None] - b[None, :]) ** 2
    assert wasserstein2_squared(a, b) == pytest.approx(cost[linear_sum_assignment(cost)].mean(), rel=1e-13)


def test_distance_of_samples_of_different_sizes():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=6), rng.exponential(size=10)
    assert wasserstein2_squared(a, b) == pytest.approx(wasserstein2_squared(np.repeat(a, 5), np.repeat(b, 3)), rel=1e-12)
    assert wasserstein2_squared(a, b) == pytest.approx(wasserstein2_squared(b, a), rel=1e-14)


def test_distance_of_a_sample_to_a_density():
    """A point to a distribution: bias squared plus variance. A large sample to its density: small."""
    assert wasserstein2_squared([0.7], gaussian(0.2, 0.6)) == pytest.approx(0.25 + 0.36, rel=2e-5)
    sample = np.random.default_rng(3).normal(0.2, 0.6, 100000)
    assert wasserstein2_squared(sample, gaussian(0.2, 0.6)) < 1e-4
    assert wasserstein2_squared(sample, sample) == 0


def test_distance_of_a_density_on_separate_intervals():
    """Half the mass stays, half moves from the left to the right: the quantile function jumps across the gap."""
    grid = np.linspace(-1.95, 1.95, 40)
    both, right = (np.abs(grid) > 1).astype(float), (grid > 1).astype(float)
    # Q_both = -2 + 2u, then 2u; Q_right = 1 + u
    exact = ((2.5**3 - 3**3) / -3) + (0.5**3 / 3)
    assert wasserstein2_squared((grid, both), (grid, right)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("barrier, printed", [(5, 1.57), (13, 1.79), (100, 1.94)])
def test_erasure_distance(barrier, printed):
    distance = erasure_distance_squared(barrier)
    assert distance == pytest.approx(printed, abs=0.006)
    well = DoubleWell(barrier, 0.0)
    grid = well.grid(points=16000)
    density = landauer.equilibrium_density(well, (1.0, 0.0), grid)
    assert distance == pytest.approx(wasserstein2_squared((grid, density), (grid, density * (grid > 0))), abs=2e-5)
    assert distance == pytest.approx(erasure_distance_squared(2.5 * barrier, kT=2.5), rel=1e-9)


def test_erasure_distance_tends_to_two_for_infinitely_narrow_wells():
    far = [2.0 - erasure_distance_squared(barrier) for barrier in (1e2, 1e3, 1e4)]
    assert far == sorted(far, reverse=True)
    assert 0 < far[-1] < 0.01


def test_finite_time_bound_is_reached_by_the_optimal_move_of_a_gaussian():
    """Moving a trap's center with the optimal jumps costs D^2 / (mu t) when the state moves steadily by D."""
    assert finite_time_bound(4.0, 1.79) == pytest.approx(LN2 + 1.79 / 4)
    assert finite_time_bound(4.0, 1.79, entropy_drop=0.2, kT=0.7, mobility=1.4) == pytest.approx(0.14 + 1.79 / 5.6)
    k, mobility, kT, distance, duration = 1.7, 0.6, 0.45, 1.1, 0.9
    jump = distance / duration / (mobility * k)

    def optimal(t):
        return 0.0 if t == 0 else distance if t == duration else jump + distance * t / duration

    run = simulate(HarmonicTrap(k), optimal, np.zeros(1), duration=duration, dt=duration / 400, kT=0.0, mobility=mobility, rng=1)
    bound = finite_time_bound(duration, distance**2, entropy_drop=0.0, kT=kT, mobility=mobility)
    assert run.work[0] == pytest.approx(bound, rel=1e-6)
    assert run.x[0] == pytest.approx(distance, rel=1e-6)


# --- engines and gates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition, error", [(0.5, 0.0), (0.5, 0.1), (0.3, 0.0), (0.27, 0.12), (0.9, 0.4), (0.5, 0.5), (0.3, 1.0)])
def test_szilard_work_is_that_of_explicit_isothermal_expansions(partition, error):
    """After each outcome the left side goes from v to the fraction it was found with; count the work of all four cases."""
    kT, v = 1.7, partition
    cycle = szilard(v, error, kT)
    mean = 0.0
    for particle_left, wrong in product((True, False), (True, False)):
        probability = (v if particle_left else 1 - v) * (error if wrong else 1 - error)
        if probability == 0:
            continue
        says_left = particle_left != wrong
        left_after = cycle.left_given_left if says_left else cycle.left_given_right
        mean += probability * kT * (math.log(left_after / v) if particle_left else math.log((1 - left_after) / (1 - v)))
    assert cycle.work == pytest.approx(mean, abs=1e-12)
    assert cycle.work == pytest.approx(kT * cycle.information)
    assert cycle.erasure_cost == pytest.approx(kT * cycle.memory_entropy)
    assert cycle.net == pytest.approx(-kT * binary_entropy(error), abs=1e-12)
    assert cycle.net <= 0


def test_szilard_posterior_fractions_are_the_best_ones():
    v, error = 0.27, 0.12
    cycle = szilard(v, error)

    def gain(left_after):
        posterior = v * (1 - error) / (v * (1 - error) + (1 - v) * error)
        return posterior * math.log(left_after / v) + (1 - posterior) * math.log((1 - left_after) / (1 - v))

    assert gain(cycle.left_given_left) > max(gain(cycle.left_given_left + d) for d in (-0.01, 0.01))


def test_szilard_extremes():
    assert szilard().work == pytest.approx(LN2) and szilard().net == 0
    assert szilard(0.5, 0.5).work == 0
    for partition, error in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.2)):
        cycle = szilard(partition, error)
        assert cycle.work == pytest.approx(0, abs=1e-15) and cycle.left_given_left == cycle.left_given_right == partition


BITS = list(product((0, 1), repeat=2))
THREE = list(product((0, 1), repeat=3))


@pytest.mark.parametrize(
    "outputs, lost_bits",
    [
        ([1 - (a & b) for a, b in BITS], 2 - 0.8112781),
        ([a & b for a, b in BITS], 1.1887219),
        ([a ^ b for a, b in BITS], 1.0),
        ([1, 0], 0.0),
        ([0, 0], 1.0),
        ([(a, a ^ b) for a, b in BITS], 0.0),
        ([(a, b, c ^ (a & b)) for a, b, c in THREE], 0.0),
    ],
)
def test_gates(outputs, lost_bits):
    assert gate_erasure(outputs) == pytest.approx(lost_bits * LN2, abs=1e-7)


def test_gate_with_biased_inputs():
    a, b = 0.2, 0.7
    inputs = [(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b]
    lost = gate_erasure([x & y for x, y in BITS], inputs)
    assert lost == pytest.approx(binary_entropy(a) + binary_entropy(b) - binary_entropy(a * b), rel=1e-12)


# --- bad input -------------------------------------------------------------------------------------------------------------

GRID = np.linspace(0, 1, 5)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: DoubleWell(0.0), "barrier must be positive, got 0.0"),
        (lambda: DoubleWell(13.0, -0.5), "tilt must not be negative, got -0.5"),
        (lambda: DoubleWell(math.nan), "barrier must be a finite number, got nan"),
        (lambda: DoubleWell().grid(0.0), "kT must be positive, got 0.0"),
        (lambda: DoubleWell().grid(points=2), "points must be an integer of at least 3, got 2"),
        (lambda: erasure_protocol(-1.0), "duration must be positive, got -1.0"),
        (lambda: erasure_protocol(2.0)(2.1), r"t must lie in \[0, duration = 2.0\], got 2.1"),
        (lambda: erasure_protocol(2.0)(-0.1), r"t must lie in \[0, duration = 2.0\], got -0.1"),
        (lambda: erasure_protocol(2.0)(math.nan), r"t must lie in .* got nan"),
        (lambda: erase(0.0, 10, 1), "duration must be positive, got 0.0"),
        (lambda: erase(1.0, 0, 1), "n must be an integer of at least 1, got 0"),
        (lambda: erase(1.0, 2.5, 1), "n must be an integer of at least 1, got 2.5"),
        (lambda: erase(1.0, 10, None), "rng must be a numpy Generator, a SeedSequence or an integer seed, got None"),
        (lambda: erase(1.0, 10, 1, p=1.2), r"p must be a probability in \[0, 1\], got 1.2"),
        (lambda: erase(1.0, 10, 1, kT=0.0), "kT must be positive, got 0.0"),
        (lambda: erase(1.0, 10, 1, mobility=-1.0), "mobility must be positive, got -1.0"),
        (lambda: erase(1.0, 10, 1, dt=0.0), "dt must be positive, got 0.0"),
        (lambda: erase(1.0, 10, 1, barrier=-1.0), "barrier must be positive, got -1.0"),
        (lambda: erase(1.0, 10, 1, scheme="rk4"), "scheme must be one of heun, euler-maruyama, leimkuhler-matthews, got 'rk4'"),
        (lambda: erase_exactly(-1.0), "duration must be positive, got -1.0"),
        (lambda: binary_entropy(-0.1), r"p must be a probability in \[0, 1\], got -0.1"),
        (lambda: binary_entropy(math.nan), "p must be a finite number, got nan"),
        (lambda: landauer.entropy([0.5, 0.6]), "p must hold probabilities that sum to 1, .* a sum of 1.1"),
        (lambda: landauer.entropy([-0.5, 1.5]), "p must hold probabilities that sum to 1, got a least one of -0.5"),
        (lambda: landauer.entropy([]), "p must not be empty"),
        (lambda: erasure_bound(1.5), r"p must be a probability in \[0, 1\], got 1.5"),
        (lambda: erasure_bound(0.5, -0.1), r"error must be a probability in \[0, 1\], got -0.1"),
        (lambda: erasure_bound(kT=-1.0), "kT must not be negative, got -1.0"),
        (lambda: landauer.mismatch_cost(0.5, 1.5), r"designed_for must be a probability in \[0, 1\], got 1.5"),
        (lambda: landauer.analog_reset_bound(1.0, 2.0), "resolution must not exceed range = 1.0, got 2.0"),
        (lambda: landauer.analog_reset_bound(0.0, 0.1), "range must be positive, got 0.0"),
        (lambda: landauer.analog_reset_bound(1.0, 0.0), "resolution must be positive, got 0.0"),
        (lambda: landauer.gaussian_reset_bound(-1.0, 1.0), "sigma_before must be positive, got -1.0"),
        (lambda: landauer.gaussian_reset_bound(1.0, 0.0), "sigma_after must be positive, got 0.0"),
        (lambda: wasserstein2_squared([], [1.0]), "a must not be empty"),
        (lambda: wasserstein2_squared([1.0], [math.nan]), "b must be finite everywhere, got nan"),
        (lambda: wasserstein2_squared([[1.0]], [1.0]), "a must have 1 dimension"),
        (lambda: wasserstein2_squared((GRID, GRID, GRID), [1.0]), r"a must be a sample or a pair \(grid, density\), got a tuple of 3"),
        (lambda: wasserstein2_squared([1.0], (GRID, GRID[:3])), "b must be a pair .* of one length"),
        (lambda: wasserstein2_squared([1.0], (GRID[::-1], GRID)), "b must be a pair .* the grid increasing"),
        (lambda: wasserstein2_squared([1.0], ([0.0], [1.0])), r"b must be a pair .* got shapes \(1,\)"),
        (lambda: wasserstein2_squared([1.0], (GRID, -GRID)), "b must have a density that is not negative"),
        (lambda: wasserstein2_squared([1.0], (GRID, 0 * GRID)), "b must have a density .* not all zero"),
        (lambda: finite_time_bound(0.0, 1.0), "duration must be positive, got 0.0"),
        (lambda: finite_time_bound(1.0, -1.0), "distance_squared must not be negative, got -1.0"),
        (lambda: finite_time_bound(1.0, 1.0, mobility=0.0), "mobility must be positive, got 0.0"),
        (lambda: finite_time_bound(1.0, 1.0, kT=-1.0), "kT must not be negative, got -1.0"),
        (lambda: finite_time_bound(1.0, 1.0, entropy_drop=math.inf), "entropy_drop must be a finite number, got inf"),
        (lambda: erasure_distance_squared(0.0), "barrier must be positive, got 0.0"),
        (lambda: szilard(1.1), r"partition must be a probability in \[0, 1\], got 1.1"),
        (lambda: szilard(0.5, -0.1), r"error must be a probability in \[0, 1\], got -0.1"),
        (lambda: szilard(kT=math.nan), "kT must be a finite number, got nan"),
        (lambda: gate_erasure([]), "outputs must list at least one output, got none"),
        (lambda: gate_erasure([0, 1], [0.5, 0.4]), "input_probabilities must hold probabilities that sum to 1"),
        (lambda: gate_erasure([0, 1], [1.0]), r"input_probabilities must match the 2 outputs, got shape \(1,\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
