"""Two-level units: against enumeration, against the master equation, and against the laws of fluctuating work."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from thermolib import glauber
from thermolib.glauber import BoltzmannMachine, simulate_glauber
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import jarzynski_free_energy
from zscores import SEEDS, assert_consistent, mean_and_error

KT, RATE = 0.6, 1.7


def machine(d=5, levels=(-1.0, 1.0), seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    couplings = np.triu(strength * rng.standard_normal((d, d)) / math.sqrt(d), 1)
    return BoltzmannMachine(couplings + couplings.T, 0.3 * rng.standard_normal(d), rng.standard_normal((d, 2)), levels)


def two_level_network(kT=KT):
    rng = np.random.default_rng(1)
    return NetworkHamiltonian([rng.standard_normal((3, 2)), rng.standard_normal((2, 3))], [np.full(3, 0.2), np.full(2, -0.1)],
                              ["tanh", "logistic"], [1.3, 0.7], "fenchel-young", kT)


X0 = np.array([0.9, -1.4])


@pytest.mark.parametrize("levels", [(-1.0, 1.0), (0.0, 1.0)])
def test_energy_is_the_sum_over_pairs(levels):
    system = machine(levels=levels)
    states = np.array(list(product(levels, repeat=5)))
    field = system.biases + system.input_weights @ X0
    expected = [
        -sum(system.couplings[i, j] * s[i] * s[j] for i, j in combinations(range(5), 2)) - field @ s for s in states
    ]
    assert system.energy(states, X0) == pytest.approx(np.array(expected), rel=1e-12)
    for i in range(5):
        flipped = states.copy()
        flipped[:, i] = sum(levels) - flipped[:, i]
        rise = system.energy(flipped, X0) - system.energy(states, X0)
        assert system.flip_energy(states, i, X0) == pytest.approx(rise, abs=1e-12)


def test_a_field_on_each_unit_is_the_default_control():
    system, field = BoltzmannMachine(machine().couplings), np.arange(5.0)
    assert system.energy(np.ones(5), field) == pytest.approx(-machine().couplings.sum() / 2 - 10)
    assert system.shape == (5,)


def test_enumeration():
    system = machine()
    states = glauber.states(system)
    assert sorted(map(tuple, states)) == sorted(product((-1.0, 1.0), repeat=5))
    weights = np.array([math.exp(-float(system.energy(s, X0)) / KT) for s in states])
    assert glauber.free_energy(system, X0, KT) == pytest.approx(-KT * math.log(weights.sum()), rel=1e-12)
    assert glauber.probabilities(system, X0, KT) == pytest.approx(weights / weights.sum(), rel=1e-12)
    lone = BoltzmannMachine([[0.0]])
    assert glauber.free_energy(lone, np.array([0.8]), KT) == pytest.approx(-KT * math.log(2 * math.cosh(0.8 / KT)), rel=1e-12)
    magnetization = weights @ states / weights.sum()
    draws = [glauber.sample_equilibrium(system, X0, 500, kT=KT, rng=seed) for seed in SEEDS]
    for unit in range(5):
        assert_consistent(*np.transpose([mean_and_error(s[:, unit]) for s in draws]), magnetization[unit])


def test_networks_of_two_level_units_are_enumerated_too():
    """Locally normalized: no free energy at any input. A machine's depends on its input."""
    network = two_level_network()
    for x0 in (np.zeros(2), X0):
        assert glauber.free_energy(network, x0, KT) == pytest.approx(0, abs=1e-14)
    states = glauber.states(network)
    assert set(states[:, 0]) == {-1.0, 1.0} and set(states[:, 4]) == {0.0, 1.0} and len(np.unique(states, axis=0)) == 32
    assert abs(glauber.free_energy(machine(), X0, KT) - glauber.free_energy(machine(), 0 * X0, KT)) > 0.5


def test_minima_are_where_a_quench_ends():
    system = machine(8, seed=3, strength=3.0)
    found = {tuple(s) for s in glauber.minima(system, 0 * X0)}
    assert len(found) > 2
    start = glauber.states(system)[::4]
    run = simulate_glauber(system, lambda t: 0 * X0, start, duration=40.0, dt=0.5, kT=0.0, rate=RATE, rng=1)
    assert {tuple(s) for s in run.x} <= found
    assert (run.heat >= 0).all() and run.heat.max() > 0
    pattern = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    memory = BoltzmannMachine(np.outer(pattern, pattern) - np.eye(5))
    assert {tuple(s) for s in glauber.minima(memory, np.zeros(5))} == {tuple(pattern), tuple(-pattern)}
    ferromagnet = BoltzmannMachine(np.ones((4, 4)) - np.eye(4))
    assert len(glauber.minima(ferromagnet, np.zeros(4))) == 2
    assert len(glauber.minima(ferromagnet, np.full(4, 3.5))) == 1


@pytest.mark.parametrize("system", [machine(), machine(levels=(0.0, 1.0)), two_level_network()],
                         ids=["spins", "bits", "network"])
def test_equilibrium_is_that_of_enumeration(system):
    """Of every unit, and of every pair, from a state far from it, with steps that are not short."""
    states, probability = glauber.states(system), glauber.probabilities(system, X0, KT)
    start = np.tile(states[probability.argmin()], (300, 1))
    runs = [simulate_glauber(system, lambda t: X0, start, duration=20.0, dt=1.0, kT=KT, rate=RATE, rng=seed).x for seed in SEEDS]
    for i, j in combinations(range(5), 2):
        pair = probability @ (states[:, i] * states[:, j])
        values = [mean_and_error(s[:, i] * s[:, j]) for s in runs]
        assert_consistent(*np.transpose([(v, max(e, 0.02)) for v, e in values]), pair)
    for i in range(5):
        values = [mean_and_error(s[:, i]) for s in runs]
        assert_consistent(*np.transpose([(v, max(e, 0.02)) for v, e in values]), probability @ states[:, i])


@pytest.mark.parametrize("system", [machine(), two_level_network()], ids=["machine", "network"])
def test_jarzynski_of_a_driven_input(system):
    """A Boltzmann machine exchanges a reversible dF(input); a feedforward network of two-level units does not."""
    dF = glauber.free_energy(system, X0, KT) - glauber.free_energy(system, 0 * X0, KT)
    estimates, means = [], []
    for seed in SEEDS:
        start = glauber.sample_equilibrium(system, 0 * X0, 500, kT=KT, rng=seed)
        run = simulate_glauber(system, lambda t: X0 * t / 5.0, start, duration=5.0, dt=0.25, kT=KT, rate=RATE, rng=seed + 100)
        estimates.append(jarzynski_free_energy(run.work, KT))
        means.append(run.work.mean())
    assert np.mean(means) > dF + 0.1 * KT
    assert_consistent([e.value for e in estimates], [e.error for e in estimates], dF)


@pytest.mark.parametrize("levels", [(-1.0, 1.0), (0.0, 1.0)])
def test_a_driven_unit_obeys_its_master_equation(levels):
    """dp/dt = rate (p_eq - p), d<W> = -<s> dh, and the heat is what is left."""
    duration, (low, high) = 2.0, levels
    unit = BoltzmannMachine([[0.0]], [0.3], [[1.0]], levels)

    def field(t):
        return 1.5 * math.sin(math.pi * t / duration) - 0.4 * t

    def change(t, state):
        h, slope = 0.3 + field(t), 1.5 * math.pi / duration * math.cos(math.pi * t / duration) - 0.4
        up = 1 / (1 + math.exp(-(high - low) * h / KT))
        return [RATE * (up - state[0]), -(low + (high - low) * state[0]) * slope]

    up = 1 / (1 + math.exp(-(high - low) * 0.3 / KT))
    p, work = solve_ivp(change, (0, duration), [up, 0.0], rtol=1e-10, atol=1e-12).y[:, -1]
    mean, before = low + (high - low) * p, low + (high - low) * up
    heat = work - (-(0.3 + field(duration)) * mean + 0.3 * before)
    runs = []
    for seed in SEEDS:
        start = glauber.sample_equilibrium(unit, np.array([0.0]), 2000, kT=KT, rng=seed)
        runs.append(simulate_glauber(unit, lambda t: np.array([field(t)]), start, duration=duration, dt=0.02, kT=KT, rate=RATE,
                                     rng=seed + 100))
    assert_consistent(*np.transpose([mean_and_error(run.work) for run in runs]), work)
    assert_consistent(*np.transpose([mean_and_error(run.heat) for run in runs]), heat)
    assert_consistent(*np.transpose([mean_and_error(run.x[:, 0]) for run in runs]), mean)


def test_a_free_unit_forgets_at_its_rate_whatever_the_step():
    unit, field = BoltzmannMachine([[0.0]]), np.array([0.35])
    rest = math.tanh(0.35 / KT)
    for dt in (0.05, 0.4):
        runs = [simulate_glauber(unit, lambda t: field, np.ones((1000, 1)), duration=0.8, dt=dt, kT=KT, rate=RATE, rng=seed)
                for seed in SEEDS]
        expected = rest + (1 - rest) * math.exp(-RATE * 0.8)
        assert_consistent(*np.transpose([mean_and_error(run.x[:, 0]) for run in runs]), expected)


def test_coupled_units_obey_their_master_equation():
    """Two units: probabilities of the four states in time, at a step short enough."""
    system = BoltzmannMachine([[0.0, 0.8], [0.8, 0.0]], [0.3, -0.2])
    states, zero = glauber.states(system), np.zeros(2)
    generator = np.zeros((4, 4))
    for a, b in product(range(4), repeat=2):
        if (states[a] != states[b]).sum() == 1:
            rise = float(system.energy(states[b], zero) - system.energy(states[a], zero))
            generator[b, a] = RATE / (1 + math.exp(rise / KT))
    generator -= np.diag(generator.sum(axis=0))
    start = np.array([1.0, -1.0])
    p0 = (states == start).all(axis=1).astype(float)
    exact = solve_ivp(lambda t, p: generator @ p, (0, 0.7), p0, rtol=1e-10, atol=1e-12).y[:, -1]
    runs = [simulate_glauber(system, lambda t: zero, np.tile(start, (1000, 1)), duration=0.7, dt=0.02, kT=KT, rate=RATE,
                             rng=seed).x for seed in SEEDS]
    for state, probability in zip(states, exact):
        shares = [mean_and_error((s == state).all(axis=1).astype(float)) for s in runs]
        assert_consistent(*np.transpose(shares), probability)


def test_the_ledger_closes_and_is_recorded():
    system = machine()
    start = glauber.sample_equilibrium(system, 0 * X0, 50, kT=KT, rng=1)
    run = simulate_glauber(system, lambda t: X0 * t, start, duration=1.0, dt=0.3, kT=KT, rate=RATE, rng=2,
                           record=[0.0, 0.5, 1.0])
    assert run.steps == 4 and run.dt == 0.25
    assert run.energy_change == pytest.approx(run.work - run.heat, abs=1e-12)
    assert run.energy_change == pytest.approx(system.energy(run.x, X0) - system.energy(start, 0 * X0), abs=1e-12)
    assert np.array_equal(run.times, [0.0, 0.5, 1.0])
    assert np.array_equal(run.recorded_x[0], start) and not run.recorded_work[0].any() and not run.recorded_heat[0].any()
    middle = system.energy(run.recorded_x[1], X0 / 2) - system.energy(start, 0 * X0)
    assert run.recorded_work[1] - run.recorded_heat[1] == pytest.approx(middle, abs=1e-12)
    for recorded, final in ((run.recorded_x, run.x), (run.recorded_work, run.work), (run.recorded_heat, run.heat)):
        assert np.array_equal(recorded[2], final)
    again = simulate_glauber(system, lambda t: X0 * t, start, duration=1.0, dt=0.3, kT=KT, rate=RATE, rng=2)
    assert np.array_equal(again.work, run.work) and again.recorded_x.shape == (0, 50, 5)


def test_at_zero_temperature_a_tie_is_decided_by_a_coin():
    """And nothing else by chance: downhill always, uphill never."""
    machine, field, n = BoltzmannMachine(np.zeros((3, 3))), np.array([0.0, 1.0, -1.0]), 1000
    flipped = np.array([np.mean(simulate_glauber(machine, lambda t: field, np.ones((n, 3)), duration=1.0, dt=0.5, kT=0.0,
                                                 rate=1.0, rng=seed).x < 0, axis=0) for seed in SEEDS])
    assert (flipped[:, 1] == 0).all()
    for unit, exact in ((0, 0.5 * (1 - math.exp(-1))), (2, 1 - math.exp(-1))):
        assert_consistent(flipped[:, unit], np.full(len(SEEDS), math.sqrt(exact * (1 - exact) / n)), exact)


# --- slow drag ---


def test_slow_drag_of_a_single_unit_is_known_in_closed_form():
    """A spin in a field h = w c: <dX dX> decays at the rate, so zeta = (w dc)^2 (1 - tanh^2(h / kT)) / (kT rate)."""
    w = 1.3
    spin = BoltzmannMachine([[0.0]], input_weights=[[w]])
    low, high = -0.5, 1.1
    exact = w * (high - low) / RATE * (math.tanh(w * high / KT) - math.tanh(w * low / KT))
    assert glauber.drag_coefficient(spin, [low], [high], KT, RATE) == pytest.approx(exact, rel=1e-4)


def test_slow_drag_of_a_machine_is_what_a_slow_sweep_costs():
    units, end, tau = machine(), -X0, 300.0
    K = glauber.drag_coefficient(units, X0, end, KT)
    assert K == pytest.approx(glauber.drag_coefficient(units, end, X0, KT), rel=1e-4)
    assert glauber.drag_coefficient(units, X0, end, KT, rate=3.0) == pytest.approx(K / 3, rel=1e-4)
    sweeps = []
    for seed in SEEDS:
        start = glauber.sample_equilibrium(units, X0, 500, kT=KT, rng=seed)
        run = simulate_glauber(units, lambda t: X0 + t / tau * (end - X0), start, duration=tau, dt=1.0, kT=KT, rng=seed + 100)
        sweeps.append(mean_and_error(run.work))
    means, errors = np.transpose(sweeps)
    rise = glauber.free_energy(units, end, KT) - glauber.free_energy(units, X0, KT)
    assert K / tau > 10 * np.sqrt(np.mean(errors**2) / len(errors))  # the pool sees a lost factor 2
    assert_consistent(means, errors, rise + K / tau)


J2 = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"duration": 0.0}, "duration must be positive"),
        ({"dt": -1.0}, "dt must be positive"),
        ({"kT": -0.1}, "kT must not be negative"),
        ({"rate": 0.0}, "rate must be positive"),
        ({"rng": None}, "rng must be"),
        ({"protocol": 3.0}, "protocol must be a function"),
        ({"s0": np.ones((3, 3))}, r"s0 must have shape \(n,\) \+ \(2,\), one state per trajectory, got \(3, 3\)"),
        ({"s0": np.array([[1.0, 0.5]])}, "s0 must hold levels of the units, got 0.5"),
        ({"record": [2.0]}, "record times must lie in"),
    ],
)
def test_bad_runs_are_refused(change, message):
    arguments = {"protocol": lambda t: np.zeros(2), "s0": np.ones((3, 2)), "duration": 1.0, "dt": 0.1, "rng": 1, **change}
    with pytest.raises(ValueError, match=message):
        simulate_glauber(BoltzmannMachine(J2), **arguments)


def test_bad_machines_are_refused():
    for couplings in (np.ones((2, 2)), [[0.0, 1.0], [0.5, 0.0]], np.zeros((2, 3))):
        with pytest.raises(ValueError, match="couplings must be symmetric with zeros on the diagonal"):
            BoltzmannMachine(couplings)
    with pytest.raises(ValueError, match="biases must have one entry for each of 2 units"):
        BoltzmannMachine(J2, np.zeros(3))
    with pytest.raises(ValueError, match="input_weights must have one row for each of 2 units"):
        BoltzmannMachine(J2, None, np.zeros((3, 1)))
    with pytest.raises(ValueError, match="system must have at most 20 units to be enumerated, got 21"):
        glauber.states(BoltzmannMachine(np.zeros((21, 21))))
    for function in (glauber.free_energy, glauber.probabilities):
        with pytest.raises(ValueError, match="kT must be positive"):
            function(BoltzmannMachine(J2), np.zeros(2), 0.0)
    with pytest.raises(ValueError, match="kT must be positive, got -1"):
        glauber.drag_coefficient(BoltzmannMachine(J2), np.zeros(2), np.ones(2), -1.0)
    with pytest.raises(ValueError, match="rate must be positive, got 0"):
        glauber.drag_coefficient(BoltzmannMachine(J2), np.zeros(2), np.ones(2), rate=0.0)
    with pytest.raises(ValueError, match="n must be an integer"):
        glauber.sample_equilibrium(BoltzmannMachine(J2), np.zeros(2), 0, rng=1)
    with pytest.raises(ValueError, match="layers must all be two-level units"):
        simulate_glauber(NetworkHamiltonian([J2], [np.zeros(2)]), lambda t: np.zeros(2), np.ones((1, 2)), duration=1.0, dt=0.1, rng=1)
