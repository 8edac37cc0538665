"""Glauber dynamics against the master equation, enumeration and Jarzynski's equality."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from thermolib.glauber import (
    BoltzmannMachine,
    free_energy,
    minima,
    probabilities,
    sample_equilibrium,
    simulate_glauber,
    states,
)
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import jarzynski_free_energy
from zscores import SEEDS, assert_consistent, mean_and_error

KT, RATE, DURATION = 0.7, 1.6, 2.5


def machine(d=4, inputs=2, seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    couplings = strength * rng.standard_normal((d, d))
    couplings = np.triu(couplings, 1) + np.triu(couplings, 1).T
    return BoltzmannMachine(couplings, 0.3 * rng.standard_normal(d), rng.standard_normal((d, inputs)))


def test_energy_of_a_machine_written_out():
    b = BoltzmannMachine(np.array([[0, 0.5], [0.5, 0]]), np.array([0.1, -0.2]), levels=(0.0, 1.0))
    h = np.array([0.3, 0.7])
    assert b.energy(np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]]), h) == pytest.approx([0, -0.4, -0.5, -1.4])


@pytest.mark.parametrize("levels", [(-1.0, 1.0), (0.0, 1.0)])
def test_flip_energy_is_the_difference_of_energies(levels):
    b = machine()
    b = BoltzmannMachine(b.couplings, b.biases, b.input_weights, levels)
    x0, every = np.array([0.4, -1.1]), states(b)
    for i in range(4):
        flipped = every.copy()
        flipped[:, i] = sum(levels) - flipped[:, i]
        assert b.flip_energy(every, i, x0) == pytest.approx(b.energy(flipped, x0) - b.energy(every, x0), abs=1e-12)


def test_free_energy_and_probabilities_of_one_unit():
    single = BoltzmannMachine(np.zeros((1, 1)))
    h = np.array([0.9])
    assert free_energy(single, h, KT) == pytest.approx(-KT * math.log(2 * math.cosh(0.9 / KT)))
    assert probabilities(single, h, KT) @ states(single)[:, 0] == pytest.approx(math.tanh(0.9 / KT))


def master_equation(ramp):
    """Mean state, work and heat of one unit of levels -1, 1 in the field ramp(t), from equilibrium."""

    def motion(t, y):
        rate_of_mean = RATE * (math.tanh(ramp(t) / KT) - y[0])
        slope = (ramp(t + 1e-6) - ramp(t - 1e-6)) / 2e-6
        return [rate_of_mean, -y[0] * slope, ramp(t) * rate_of_mean]

    start = [math.tanh(ramp(0.0) / KT), 0.0, 0.0]
    return solve_ivp(motion, (0, DURATION), start, rtol=1e-10, atol=1e-12).y[:, -1]


def test_a_driven_unit_obeys_its_master_equation():
    def ramp(t):
        return -0.8 + 1.9 * t / DURATION

    exact = master_equation(ramp)
    single, found = BoltzmannMachine(np.zeros((1, 1))), []
    for seed in SEEDS:
        start = sample_equilibrium(single, np.array([ramp(0.0)]), 4000, kT=KT, rng=seed)
        run = simulate_glauber(single, lambda t: np.array([ramp(t)]), start, duration=DURATION, dt=0.01, kT=KT, rate=RATE,
                               rng=100 + seed)
        found.append([mean_and_error(v) for v in (run.x[:, 0], run.work, run.heat)])
        assert run.energy_change == pytest.approx(run.work - run.heat, abs=1e-12)
    for quantity, value in enumerate(exact):
        assert_consistent(*np.transpose([f[quantity] for f in found]), value)


def test_equilibrium_is_that_of_the_enumeration():
    b, x0 = machine(strength=0.5), np.array([0.5, -0.3])
    exact = probabilities(b, x0, KT) @ states(b)
    found = []
    for seed in SEEDS:
        start = np.random.default_rng(seed).choice([-1.0, 1.0], (800, 4))
        run = simulate_glauber(b, lambda t: x0, start, duration=25.0, dt=0.5, kT=KT, rng=seed)
        found.append(run.x)
    for i in range(4):
        means = [x[:, i].mean() for x in found]
        errors = [math.sqrt((1 - exact[i] ** 2) / 800)] * len(found)
        assert_consistent(means, errors, exact[i])


def test_jarzynski_gives_the_enumerated_free_energy():
    b, ends = machine(seed=3, strength=0.5), (np.array([-0.5, 0.2]), np.array([0.7, 0.6]))
    exact = free_energy(b, ends[1], KT) - free_energy(b, ends[0], KT)
    assert abs(exact) > 0.2
    values = []
    for seed in SEEDS:
        start = sample_equilibrium(b, ends[0], 2000, kT=KT, rng=seed)
        run = simulate_glauber(b, lambda t: ends[0] + (ends[1] - ends[0]) * t / DURATION, start, duration=DURATION, dt=0.1,
                               kT=KT, rng=50 + seed)
        estimate = jarzynski_free_energy(run.work, KT)
        values.append((estimate.value, estimate.error))
    assert_consistent(*np.transpose(values), exact)


def test_a_network_of_two_level_units_is_sampled_as_it_is_drawn():
    """Glauber dynamics of a Fenchel-Young network against ancestral sampling: the same means, unit by unit."""
    rng = np.random.default_rng(4)
    network = NetworkHamiltonian([rng.standard_normal((3, 2)), rng.standard_normal((2, 3))],
                                 [np.zeros(3), np.full(2, 0.2)], ["tanh", "logistic"], form="fenchel-young", kT=KT)
    x0 = np.array([0.8, -0.4])
    exact = probabilities(network, x0, KT) @ states(network)
    every = np.exp(-network.energy(states(network), x0) / KT)
    assert every.sum() == pytest.approx(1, rel=1e-12), "the partition function of the whole network is 1"
    drawn = network.sample(x0, 20000, KT, 1)
    spread = np.sqrt(np.maximum(drawn.var(axis=0), 1e-12) / len(drawn))
    assert np.abs((drawn.mean(axis=0) - exact) / spread).max() < 4
    run = simulate_glauber(network, lambda t: x0, network.sample(x0, 4000, KT, 2), duration=4.0, dt=0.25, kT=KT, rng=3)
    spread = np.sqrt(run.x.var(axis=0) / len(run.x))
    assert np.abs((run.x.mean(axis=0) - exact) / spread).max() < 4


def test_minima_of_a_stored_pattern_and_its_negative():
    pattern = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    couplings = np.outer(pattern, pattern) - np.eye(5)
    found = minima(BoltzmannMachine(couplings), np.zeros(5))
    assert sorted(map(tuple, found)) == sorted([tuple(pattern), tuple(-pattern)])


def test_at_zero_temperature_the_energy_only_falls():
    b, x0 = machine(d=8, seed=5), np.array([0.1, 0.2])
    start = np.random.default_rng(1).choice([-1.0, 1.0], (50, 8))
    run = simulate_glauber(b, lambda t: x0, start, duration=40.0, dt=1.0, kT=0.0, rng=2)
    assert (run.heat >= 0).all() and (run.work == 0).all()
    stuck = {tuple(s) for s in minima(b, x0)}
    assert all(tuple(s) in stuck for s in run.x)


def test_recording_keeps_state_work_and_heat():
    b = machine()
    start = sample_equilibrium(b, np.zeros(2), 5, kT=KT, rng=1)
    run = simulate_glauber(b, lambda t: np.array([t, 0.0]), start, duration=1.0, dt=0.1, kT=KT, rng=2, record=[0.0, 0.5, 1.0])
    assert run.recorded_x.shape == (3, 5, 4) and (run.recorded_x[0] == start).all()
    assert run.recorded_work[0] == pytest.approx(0, abs=1e-12)
    assert run.recorded_work[-1] == pytest.approx(run.work) and run.recorded_heat[-1] == pytest.approx(run.heat)


def test_bad_input_is_refused_by_name():
    b = machine()
    options = {"duration": 1.0, "dt": 0.1, "rng": 0}
    for call, message in (
        (lambda: BoltzmannMachine(np.ones((2, 2))), "couplings must be symmetric with zeros on the diagonal"),
        (lambda: BoltzmannMachine(np.zeros((2, 2)), np.zeros(3)), "biases must have one entry for each of 2 units"),
        (lambda: BoltzmannMachine(np.zeros((2, 2)), input_weights=np.ones((3, 1))), "one row for each of 2 units"),
        (lambda: simulate_glauber(b, lambda t: np.zeros(2), np.ones((3, 5)), **options), r"s0 must have shape \(n,\) \+ \(4,\)"),
        (lambda: simulate_glauber(b, lambda t: np.zeros(2), np.full((3, 4), 0.5), **options), "s0 must hold levels"),
        (lambda: simulate_glauber(b, lambda t: np.zeros(2), np.ones((3, 4)), rate=0.0, **options), "rate must be positive"),
        (lambda: states(BoltzmannMachine(np.zeros((21, 21)))), "at most 20 units to be enumerated, got 21"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
