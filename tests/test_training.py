"""Learning against closed forms: the online learner at any step, and networks against independent energies and gradients."""

import itertools
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from zscores import SEEDS, assert_consistent, mean_and_error

from thermolib import blocks, digits, training
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import StepSizeWarning, simulate
from thermolib.training import Annealing, OnlineLearner, anneal, efficient_times, predict

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from train_digits import backpropagate  # noqa: E402

KT, MOBILITY, STIFFNESS, NOISE = 0.3, 0.7, 2.5, 1.3
LEARNER = OnlineLearner(STIFFNESS, 0.004, kT=KT, mobility=MOBILITY, label_noise=NOISE, parameters=16)


# --- bounds and ratios ----------------------------------------------------------------------


def test_the_bound_is_two_n_d_over_r():
    assert training.training_bound(3.0, 5.0) == 30
    assert training.training_bound(3.0, 5.0, 0.25) == 120
    assert training.training_bound(1.75e11, 3e11) == pytest.approx(1.05e23)


def test_noise_ratio_is_thermal_over_statistical_variance():
    s2, time = 0.8, 0.05
    thermal, statistical = 2 * MOBILITY * KT * time, (MOBILITY * time) ** 2 * s2
    ratio = training.noise_ratio(s2, time_per_example=time, kT=KT, mobility=MOBILITY)
    assert ratio == pytest.approx(thermal / statistical)
    several = training.noise_ratio([0.0, s2, 2 * s2], time_per_example=time, kT=KT, mobility=MOBILITY)
    assert several == pytest.approx([math.inf, ratio, ratio / 2])
    # Heat per parameter and example times r is 2 kT: the bound, before any model.
    assert MOBILITY * time * s2 * ratio == pytest.approx(2 * KT)


def test_inertia_averages_twice_its_memory():
    assert training.inertial_batch(0.0, 2.0) == 1
    assert training.inertial_batch(1e-9, 2.0) == pytest.approx(1, abs=1e-8)
    assert training.inertial_batch(500.0, 0.5) == pytest.approx(2 * 500 / 0.5, rel=1e-3)
    # The force of an example acts on a velocity that it has itself made: x(t) = mu f [t - tau (1 - exp(-t / tau))].
    memory, time = 0.8, 0.5
    share = 1 - memory / time * (1 - math.exp(-time / memory))
    assert training.inertial_batch(memory, time) == pytest.approx(1 / share)


# --- the online learner in closed form --------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, 16])
@pytest.mark.parametrize("time", [0.001, 0.02, 0.3])
def test_the_stationary_formulas_are_the_fixed_point_of_the_recursion(batch, time):
    learner = replace(LEARNER, batch=batch, time_per_example=time)
    start = 2 * learner.excess_loss / learner.stiffness
    there = predict(learner, start, 3)
    assert there.loss == pytest.approx(np.full(4, learner.excess_loss))
    assert there.heat == pytest.approx(np.full(3, batch * learner.heat))


def test_small_steps_give_the_textbook_law():
    for batch in (1, 4):
        learner = replace(LEARNER, batch=batch, time_per_example=1e-7, kT=0.02)
        n, r = learner.parameters, learner.noise_ratio
        assert learner.step == pytest.approx(MOBILITY * STIFFNESS * n * 1e-7)
        assert r == pytest.approx(2 * 0.02 / (MOBILITY * 1e-7 * (STIFFNESS * NOISE) ** 2))
        slow = replace(learner, kT=learner.kT / r)  # r = 1
        for few in (slow, replace(slow, kT=slow.kT / 8), replace(slow, kT=8 * slow.kT)):
            assert few.heat * batch == pytest.approx(2 * n * few.kT / few.noise_ratio, rel=1e-4)
            assert few.excess_loss == pytest.approx(few.statistical_loss * (1 + few.noise_ratio), rel=1e-4)
            per_direction = MOBILITY * 1e-7 * few.force_variance / 4 + few.kT / 2
            assert few.excess_loss == pytest.approx(n * per_direction, rel=1e-4)


def test_the_first_correction_to_the_law():
    learner = replace(LEARNER, time_per_example=2e-4)
    n, a, r = learner.parameters, learner.step, learner.noise_ratio
    ratio = learner.heat * r / (2 * n * KT)
    assert ratio == pytest.approx(-math.expm1(-a) / a + r * a * (n - 1) / (2 * n))


def test_one_example_at_a_time_never_beats_the_bound():
    """With r measured by what it does to the loss, heat times r is at least 2 N kT, at any step and temperature."""
    rng = np.random.default_rng(0)
    least = math.inf
    for _ in range(400):
        time, kT, noise = 10 ** rng.uniform(-5, 1.5), 10 ** rng.uniform(-3, 3), 10 ** rng.uniform(-2, 2)
        learner = OnlineLearner(STIFFNESS, time, kT=kT, mobility=MOBILITY, label_noise=noise,
                                parameters=int(rng.integers(2, 40)))
        product = learner.heat * learner.thermal_loss / learner.statistical_loss
        least = min(least, product / (2 * learner.parameters * kT))
    assert 1 <= least < 1.1
    # All parameters at once, each example fully used: half of it.
    whole = OnlineLearner(STIFFNESS, 30.0, kT=KT, mobility=MOBILITY, parameters=8, batch=8)
    product = whole.batch * whole.heat * whole.thermal_loss / whole.statistical_loss
    assert product / (2 * 8 * KT) == pytest.approx(0.5)


def test_without_noise_the_heat_is_n_times_the_loss():
    for batch, rounds in ((1, 4000), (4, 1000)):
        learner = replace(LEARNER, kT=0.0, label_noise=0.0, batch=batch, time_per_example=0.01)
        run = predict(learner, 3.0, rounds)
        assert run.loss[0] == pytest.approx(STIFFNESS * 3.0 / 2)
        assert run.loss[-1] < 1e-9
        assert run.heat.sum() == pytest.approx(learner.parameters * run.loss[0] / batch)


def test_efficient_times_are_the_best_single_steps_and_reach_statistical_efficiency():
    learner = replace(LEARNER, kT=0.0)
    n, steps = learner.parameters, 4000
    times = efficient_times(learner, 2.0, steps)
    run = predict(learner, 2.0, steps, times=times)
    assert run.loss[-1] == pytest.approx(STIFFNESS * n * NOISE**2 / (2 * steps), rel=0.03)
    assert times[-1] * MOBILITY * STIFFNESS == pytest.approx(1 / steps, rel=0.03)
    for k in (0, 5, 100):
        for factor in (0.8, 1.2):
            other = times[: k + 1].copy()
            other[k] *= factor
            assert predict(learner, 2.0, k + 1, times=other).loss[-1] > run.loss[k + 1]


def test_heat_of_efficient_learning():
    """N [kappa sigma^2 ln(M_0 / M_D) + kappa (M_0 - M_D) / 2], and with the thermal floor N D kT ln(M_0 / M_D) / r."""
    n, steps, start = 256, 25600, 1.0
    learner = OnlineLearner(STIFFNESS, 1.0, kT=0.0, mobility=MOBILITY, label_noise=NOISE, parameters=n)
    times = efficient_times(learner, start, steps)
    run = predict(learner, start, steps, times=times)
    end = 2 * run.loss[-1] / STIFFNESS
    heat = n * (STIFFNESS * NOISE**2 * math.log(start / end) + STIFFNESS * (start - end) / 2)
    assert run.heat.sum() == pytest.approx(heat, rel=0.01)
    kT = STIFFNESS * NOISE**2 / steps
    warm = predict(replace(learner, kT=kT), start, steps, times=times)
    ratio = warm.loss[-1] / run.loss[-1] - 1
    assert ratio == pytest.approx(1, rel=0.05)
    logarithm = math.log(start / end) + (start - end) / (2 * NOISE**2)
    assert warm.heat.sum() * ratio / (n * steps * kT) == pytest.approx(logarithm, rel=0.06)


# --- the online learner simulated -------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4])
def test_simulation_agrees_with_theory_on_the_way_and_at_the_end(batch):
    learner = replace(LEARNER, batch=batch, time_per_example=0.02, kT=0.1)
    steps = 100 // batch + 20
    times = np.geomspace(0.03, 0.01, steps)
    exact = predict(learner, 2.0, steps, times=times)
    runs = [training.simulate(learner, 2.0, steps, learners=250, rng=seed, times=times) for seed in SEEDS]
    for step in (0, 3, steps // 3, steps):
        values, errors = zip(*(mean_and_error(run.loss[step]) for run in runs))
        assert_consistent(values, errors, exact.loss[step])
    for part in (slice(0, 5), slice(5, steps)):
        values, errors = zip(*(mean_and_error(run.heat[part].sum(axis=0)) for run in runs))
        assert_consistent(values, errors, exact.heat[part].sum())


@pytest.mark.parametrize("kT", [0.02, 0.3])
def test_heat_and_loss_against_theory_at_rest(kT):
    learner = replace(LEARNER, kT=kT, time_per_example=0.006)
    start = 2 * learner.excess_loss / learner.stiffness
    losses, heats = [], []
    for seed in SEEDS:
        run = training.simulate(learner, start, 200, learners=60, rng=100 + seed)
        losses.append(mean_and_error(run.loss[50:].mean(axis=0)))
        heats.append(mean_and_error(run.heat[50:].mean(axis=0)))
    assert_consistent(*zip(*losses), learner.excess_loss)
    assert_consistent(*zip(*heats), learner.heat)


class ClampedLine:
    """One example (x, y) of the learner, for `langevin.simulate`: U = kappa (y - theta . x)^2 / 2."""

    shape = (4,)

    def energy(self, theta, control):
        x, y = control
        return 0.5 * STIFFNESS * (y - theta @ x) ** 2

    def force(self, theta, control):
        x, y = control
        return STIFFNESS * (y - theta @ x)[:, None] * x


def test_one_example_against_the_integrator_and_its_ledger():
    learner = replace(LEARNER, parameters=4, time_per_example=0.03)
    exact = predict(learner, 2.0, 1)
    x = np.array([1.0, -1.0, 1.0, 1.0])
    heats, losses = [], []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        theta = math.sqrt(2.0 / 4) * rng.standard_normal((400, 4))
        labels = NOISE * rng.standard_normal(5)
        bath = {"kT": KT, "mobility": MOBILITY, "rng": rng}
        runs = [simulate(ClampedLine(), lambda t: (x, y), theta[k::5], duration=0.03, dt=0.003, **bath)
                for k, y in enumerate(labels)]
        heat = np.concatenate([run.heat for run in runs])
        # The labels are few: take out what they are known to add, (kappa / 2) (1 - exp(-2 a)) (y^2 - sigma^2).
        extra = 0.5 * STIFFNESS * -math.expm1(-2 * learner.step) * (labels**2 - NOISE**2)
        heats.append(mean_and_error(heat - np.repeat(extra, 80)))
        moved = 0.5 * STIFFNESS * np.concatenate([(run.x**2).sum(axis=1) for run in runs])
        shift = 0.5 * STIFFNESS * (1 - math.exp(-learner.step)) ** 2 / 4 * (labels**2 - NOISE**2)
        losses.append(mean_and_error(moved - np.repeat(shift, 80)))
    assert_consistent(*zip(*heats), exact.heat[0])
    assert_consistent(*zip(*losses), exact.loss[1])


def inertial_moments(learner, memory, steps=20000):
    """Stationary loss and heat of parameters with inertia, by the recursion of their second moments."""
    n, time, mu = learner.parameters, learner.time_per_example, learner.mobility
    moments = {}
    for k in (learner.stiffness * n, 0.0):
        # Independent of the closed forms in the library: many short steps of x, v with exact mean and noise to first order.
        m, h = 400, time / 400
        drift = np.array([[0, 1], [-mu * k / memory, -1 / memory]])
        small = np.eye(2) + drift * h + drift @ drift * h * h / 2
        noise = np.diag([0.0, 2 * mu * learner.kT / memory**2]) * h
        noise += h * (drift @ noise + noise @ drift.T) / 2
        propagator, covariance = np.eye(2), np.zeros((2, 2))
        for _ in range(m):
            propagator, covariance = small @ propagator, small @ covariance @ small.T + noise
        moments[k] = propagator, covariance
    (held, held_noise), (free, free_noise) = moments.values()
    label = np.diag([learner.label_noise**2 / n, 0.0])
    state = np.diag([0.1 / n, learner.kT * mu / memory])
    for _ in range(steps):
        pulled = (np.eye(2) - held) @ label @ (np.eye(2) - held).T
        state = (held @ state @ held.T + held_noise + pulled + (n - 1) * (free @ state @ free.T + free_noise)) / n
    gap = state + label
    after = held @ gap @ held.T + held_noise
    return 0.5 * learner.stiffness * n * state[0, 0], 0.5 * learner.stiffness * n * (gap[0, 0] - after[0, 0])


def test_inertia_against_the_recursion_of_moments_and_the_effective_batch():
    learner = replace(LEARNER, kT=0.005, time_per_example=0.0015)
    memory = 0.004
    loss, heat = inertial_moments(learner, memory)
    batch = training.inertial_batch(memory, learner.time_per_example)
    assert heat * batch == pytest.approx(2 * 16 * learner.kT / learner.noise_ratio, rel=0.04)
    assert loss == pytest.approx(learner.excess_loss, rel=0.02)
    runs = [training.simulate_inertia(learner, memory, 2 * loss / STIFFNESS, 600, learners=20, rng=seed) for seed in SEEDS]
    assert_consistent(*zip(*(mean_and_error(run.heat[200:].mean(axis=0)) for run in runs)), heat)
    assert_consistent(*zip(*(mean_and_error(run.loss[200:].mean(axis=0)) for run in runs)), loss)


def test_inertia_that_is_soon_forgotten_is_none():
    learner = replace(LEARNER, time_per_example=0.02)
    runs = [training.simulate_inertia(learner, 1e-6, 2.0, 30, learners=100, rng=seed) for seed in SEEDS]
    exact = predict(learner, 2.0, 30)
    assert_consistent(*zip(*(mean_and_error(run.heat.sum(axis=0)) for run in runs)), exact.heat.sum())
    assert_consistent(*zip(*(mean_and_error(run.loss[-1]) for run in runs)), exact.loss[-1])


def test_simulations_repeat_from_their_seed():
    for run in (lambda seed: training.simulate(LEARNER, 1.0, 5, learners=3, rng=seed),
                lambda seed: training.simulate_inertia(LEARNER, 0.1, 1.0, 5, learners=3, rng=seed)):
        assert np.array_equal(run(1).heat, run(1).heat)
        assert not np.array_equal(run(1).heat, run(2).heat)


# --- networks ---------------------------------------------------------------------------------


def small_network(activation="tanh", seed=3, widths=(3, 4, 3, 2), soft=0.05):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((m, n)) / math.sqrt(n) for n, m in itertools.pairwise(widths)]
    biases = [0.3 * rng.standard_normal(m) for m in widths[1:]]
    kinds = [activation] * (len(widths) - 2) + ["identity"]
    stiffness = [1.0, 1.7][: len(widths) - 2] + [soft]
    return NetworkHamiltonian(weights, biases, kinds, stiffness)


X, Y = np.array([0.7, -0.4, 1.1]), np.array([0.9, -0.5])


def least_energy(network, x0, y):
    """F_d by minimizing over the hidden layers with scipy, from an energy written out here."""
    def energy(hidden):
        layers = [x0, *np.split(hidden, np.cumsum(network.widths[:-1])[:-1]), y]
        total = 0.0
        for k, (w, b, act) in enumerate(zip(network.weights, network.biases, network.activations)):
            total += 0.5 * network.stiffness[k] * np.sum((layers[k + 1] - act.f(w @ layers[k] + b)) ** 2)
        return total

    start = np.concatenate(network.split(network.forward(x0))[:-1])
    found = minimize(energy, start, method="BFGS", options={"gtol": 1e-9})
    return minimize(energy, found.x, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-16, "maxiter": 400}).fun


def closed_energy(theta, network, x0, y):
    """F_d of a linear network: e^T S^-1 e / 2 with S = sum_l P_l P_l^T / kappa_l, P_l = W_L ... W_{l+1}."""
    network = network.with_parameters(theta)
    x = x0
    for w, b in zip(network.weights, network.biases):
        x = w @ x + b
    p, s = np.eye(len(y)), 0.0
    for w, kappa in zip(network.weights[::-1], network.stiffness[::-1]):
        s = s + p @ p.T / kappa
        p = p @ w
    return 0.5 * (y - x) @ np.linalg.solve(s, y - x)


def one_force(network, x0, y):
    """Force of one example as `anneal` has it: how far it moves the parameters in a short time."""
    moved = anneal(network, x0[None], y[None], time_per_example=1e-5, rng=0).network.parameters
    return (moved - network.parameters) / 1e-5


def test_force_is_minus_the_gradient_of_the_relaxed_energy():
    network = small_network()
    force = one_force(network, X, Y)
    theta = network.parameters
    for k in range(0, theta.size, 3):
        step = np.zeros_like(theta)
        step[k] = 1e-3
        ahead, behind = (least_energy(network.with_parameters(theta + sign * step), X, Y) for sign in (1, -1))
        assert force[k] == pytest.approx((behind - ahead) / 2e-3, abs=2e-6), k
    assert np.abs(force).max() > 1e-3


def test_force_of_a_linear_network_in_closed_form():
    network = small_network("identity")
    theta, force = network.parameters, one_force(network, X, Y)
    numeric = np.array([(closed_energy(theta - e, network, X, Y) - closed_energy(theta + e, network, X, Y)) / 2e-5
                        for e in 1e-5 * np.eye(theta.size)])
    assert force == pytest.approx(numeric, abs=3e-6)


def test_a_soft_output_pulls_as_backpropagation_does():
    network = small_network()
    gradients = backpropagate(network.weights, network.biases, network.activations, X[None], Y[None])
    gradient = np.concatenate([g.ravel() for layer in zip(gradients[:3], gradients[3:]) for g in layer])
    errors = []
    for soft in (0.02, 0.002):
        force = one_force(small_network(soft=soft), X, Y)
        errors.append(np.linalg.norm(force / soft + gradient) / np.linalg.norm(gradient))
    assert errors[1] < 0.01 and errors[0] / errors[1] == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("soft", [0.002, 0.05, 0.6, 20.0])
def test_sweeps_and_newton_find_the_same_rest(soft):
    """Soft outputs come to rest by sweeps, stiff ones do not and are passed on."""
    network = small_network(soft=soft)
    at_rest = network.parameter_force(network.relax((X, Y)), (X, Y))
    assert one_force(network, X, Y) == pytest.approx(at_rest, abs=3e-4 * np.abs(at_rest).max())


def chain_in_other_form():
    network = small_network()
    return NetworkHamiltonian.from_blocks(network.blocks, network.stiffness, "fenchel-young")


def residual_network():
    first, second, last = small_network(widths=(3, 3, 3, 2)).blocks
    return NetworkHamiltonian.from_blocks([first, second, blocks.Sum(3, "identity", (1, 2)), last], [1.0, 1.7, 1.3, 0.05])


@pytest.mark.parametrize("make", [chain_in_other_form, residual_network])
def test_any_network_can_be_annealed(make):
    network = make()
    run = anneal(network, X[None], Y[None], time_per_example=4.0, mobility=MOBILITY, rng=1, held_out=(X[None], Y[None]))
    before, after = (float(n.energy(n.relax((X, Y)), (X, Y))) for n in (network, run.network))
    assert run.heat[0] == pytest.approx(before - after, rel=1e-6)
    assert run.parameter_heat.sum() == pytest.approx(run.heat[0], rel=0.02)
    assert 0.05 * before < before - after < before
    with pytest.raises(ValueError, match="network must be a chain of dense layers in elastic form"):
        training.force_statistics(network, X[None], Y[None])


def test_heat_is_the_fall_of_an_independently_minimized_energy():
    network = small_network()
    run = anneal(network, X[None], Y[None], time_per_example=4.0, mobility=MOBILITY, kT=1e-4, rng=1)
    before, after = (least_energy(n, X, Y) for n in (network, run.network))
    assert run.energy[0] == pytest.approx(before, rel=1e-6)
    assert run.heat[0] == pytest.approx(before - after, rel=1e-5)
    assert 0.05 * before < before - after < before


def test_heat_against_the_flow_of_a_linear_network():
    network = small_network("identity")
    theta, time = network.parameters, 0.7
    basis = 1e-5 * np.eye(theta.size)

    def velocity(_, p):
        return MOBILITY * np.array([(closed_energy(p - e, network, X, Y) - closed_energy(p + e, network, X, Y)) / 2e-5
                                    for e in basis])

    flow = solve_ivp(velocity, (0, time), theta, rtol=1e-6, atol=1e-9)
    end = flow.y[:, -1]
    exact = closed_energy(theta, network, X, Y) - closed_energy(end, network, X, Y)
    errors = []
    for substeps in (2, 4, 8):
        run = anneal(network, X[None], Y[None], time_per_example=time, mobility=MOBILITY, substeps=substeps,
                     rng=0)
        errors.append(abs(run.heat[0] - exact))
    assert errors[-1] < 2e-3 * exact
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3) and errors[1] / errors[2] == pytest.approx(4, rel=0.3)
    assert run.network.parameters == pytest.approx(end, abs=2e-3)


def test_two_accounts_of_the_heat_agree():
    rng = np.random.default_rng(5)
    images, targets = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    run = anneal(small_network(), images, targets, time_per_example=2.0, mobility=MOBILITY, kT=2e-4, rng=1)
    assert run.heat.shape == (40,) and run.parameter_heat.shape == small_network().parameters.shape
    assert run.parameter_heat.sum() == pytest.approx(run.heat.sum(), rel=3e-3)


def test_unused_parameters_diffuse_and_give_no_heat():
    """Weights of inputs that are zero feel no force: variance 2 mobility kT time, to the last factor."""
    network = small_network(widths=(60, 4, 2))
    x0 = np.zeros(60)
    x0[0] = 0.5
    kT, time = 2e-4, 3.0
    values, errors = [], []
    for seed in SEEDS:
        run = anneal(network, x0[None], Y[None], time_per_example=time, mobility=MOBILITY, kT=kT, rng=seed,
                     substeps=2)
        moved = (run.network.weights[0] - network.weights[0])[:, 1:]
        mean, error = mean_and_error(moved.ravel() ** 2)
        values.append(mean)
        errors.append(error)
        used = run.parameter_heat[:240].reshape(4, 60)
        assert (used[:, 1:] == 0).all() and (used[:, 0] != 0).all()
    assert_consistent(values, errors, 2 * MOBILITY * kT * time)


def test_mean_heat_with_noise_in_closed_form():
    """Without hidden layers an example is a spring: <heat> = (1 - exp(-2 a)) (F_d - n_out kT / 2)."""
    network = NetworkHamiltonian([np.array([[0.3, -0.2], [0.5, 0.1], [0.0, 0.4]])], [np.zeros(3)], "identity", 0.4)
    images, targets = np.array([[0.8, -0.6]]), np.array([[1.0, -0.5, 0.2]])
    kT, soft, time = 0.02, 0.4, 0.5
    a = MOBILITY * soft * (1 + 0.64 + 0.36) * time
    before = 0.5 * soft * np.sum((targets[0] - network.weights[0] @ images[0]) ** 2)
    heats = [anneal(network, images, targets, time_per_example=time, mobility=MOBILITY, kT=kT,
                    rng=seed, substeps=8).heat[0] for seed in range(400)]
    groups = np.array(heats).reshape(20, 20)
    assert_consistent(*zip(*(mean_and_error(g) for g in groups)), -math.expm1(-2 * a) * (before - 1.5 * kT))


def test_resuming_continues_exactly():
    rng = np.random.default_rng(5)
    images, targets = rng.standard_normal((10, 3)), rng.standard_normal((10, 2))
    network = small_network()
    settings = {"time_per_example": 2.0, "kT": 1e-4, "held_out": (images[:4], targets[:4])}
    whole = anneal(network, images, targets, epochs=4, rng=7, **settings)
    half = anneal(network, images, targets, epochs=2, rng=7, **settings)
    generator = half.generator.bit_generator.state
    both = anneal(half, images, targets, epochs=2, **settings)
    assert both.epochs == whole.epochs == 4
    for name in ("energy", "heat", "force_squared", "parameter_heat", "accuracy"):
        assert np.array_equal(getattr(both, name), getattr(whole, name)), name
    assert np.array_equal(both.network.parameters, whole.network.parameters)
    assert half.generator.bit_generator.state == generator, "an earlier result must stay what it is"
    assert len(both.heat) == 40 and len(both.accuracy) == 5
    assert np.array_equal(network.parameters, small_network().parameters), "the network it starts from must stay what it is"
    other = anneal(network, images, targets, epochs=4, rng=8, **settings)
    assert not np.array_equal(other.heat, whole.heat)
    assert sorted(whole.energy[:10]) != sorted(whole.energy[10:20])


def start_network(seed):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((m, n)) / math.sqrt(n) for n, m in itertools.pairwise(digits.WIDTHS)]
    biases = [np.zeros(m) for m in digits.WIDTHS[1:]]
    return NetworkHamiltonian(weights, biases, ["tanh", "tanh", "identity"], [1.0, 1.0, 0.001])


def descend(network, images, targets, rates, rng):
    """Ordinary stochastic gradient descent, one example a step, one rate per epoch."""
    weights, biases = [w.copy() for w in network.weights], [b.copy() for b in network.biases]
    for rate in rates:
        for n in rng.permutation(len(images)):
            gradients = backpropagate(weights, biases, network.activations, images[n : n + 1], targets[n : n + 1])
            for p, g in zip(weights + biases, gradients):
                p -= rate * g
    return NetworkHamiltonian(weights, biases, [a.name for a in network.activations])


def test_annealing_learns_the_digits_as_well_as_gradient_descent():
    """Within two points on average of two seeds, after as many examples; the last epoch is slow, so that both settle."""
    data, soft = digits.load(), 0.001
    images, targets = data.images[data.train], data.targets[data.train]
    held_out = data.images[data.held_out], data.targets[data.held_out]
    annealed, descended = [], []
    for seed in (0, 1):
        network = start_network(seed)
        run, rng = network, seed + 10
        for rate, epochs in ((0.01, 3), (0.0025, 1)):
            run = anneal(run, images, targets, epochs=epochs, time_per_example=rate / (soft * MOBILITY), mobility=MOBILITY,
                         kT=1e-9, rng=rng, held_out=held_out)
            rng = None
        annealed.append(run.accuracy[-1])
        reference = descend(network, images, targets, [0.01] * 3 + [0.0025], np.random.default_rng(seed + 10))
        outputs = reference.split(reference.forward(held_out[0]))[-1]
        descended.append(digits.accuracy(outputs, data.labels[data.held_out]))
        assert len(run.heat) == 4 * len(images) and len(run.accuracy) == 5
        assert run.parameter_heat.sum() == pytest.approx(run.heat.sum(), rel=2e-3)
        assert run.heat[-1000:].mean() < 0.2 * run.heat[:1000].mean()
    assert np.mean(descended) > 0.9
    assert abs(np.mean(annealed) - np.mean(descended)) < 0.02


def test_force_statistics_against_single_examples():
    rng = np.random.default_rng(4)
    network, images, targets = small_network(), rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    forces = np.array([one_force(network, x, y) for x, y in zip(images, targets)])
    found = training.force_statistics(network, images, targets)
    assert found.mean == pytest.approx(forces.mean(axis=0), abs=3e-6)
    assert found.second_moment == pytest.approx((forces**2).mean(axis=0), abs=1e-7)
    assert found.variance == pytest.approx(forces.var(axis=0), abs=1e-7)
    assert found.curvature == pytest.approx(np.diag(gauss_newton(network, images)), rel=1e-5)


def gauss_newton(network, images):
    """kappa_L times the mean of J^T J, with J = d output / d theta by finite differences."""
    theta = network.parameters

    def outputs(p):
        changed = network.with_parameters(p)
        return changed.split(changed.forward(images))[-1]

    jacobian = np.array([(outputs(theta + e) - outputs(theta - e)) / 2e-5 for e in 1e-5 * np.eye(theta.size)])
    return network.stiffness[-1] * np.einsum("anm,bnm->ab", jacobian, jacobian) / len(images)


def test_relaxed_directions_against_the_spectrum():
    rng = np.random.default_rng(4)
    network, images = small_network(), rng.standard_normal((9, 3))
    curvatures = np.linalg.eigvalsh(gauss_newton(network, images))
    for duration in (20.0, 400.0):
        exact = np.sum(-np.expm1(-2 * MOBILITY * duration * np.maximum(curvatures, 0)))
        found = [training.relaxed_directions(network, images, duration=duration, mobility=MOBILITY,
                                             rng=seed, probes=40) for seed in SEEDS]
        assert_consistent([f.value for f in found], [f.error for f in found], exact)
        assert 1 < exact < len(curvatures) - 1


def test_the_digits_have_parameters_that_nobody_uses():
    data = digits.load()
    found = training.force_statistics(digits.network(), data.images[data.train], data.targets[data.train])
    dead = int((data.images[data.train] == 0).all(axis=0).sum())
    assert (found.second_moment == 0).sum() == 32 * dead == 128


# --- what is refused --------------------------------------------------------------------------


def test_long_steps_warn_or_are_refused():
    network = small_network()
    with pytest.raises(ValueError, match="must not exceed 2 or the integrator is unstable; substeps = "):
        anneal(network, X[None], Y[None], time_per_example=60.0, rng=0, substeps=1)
    with pytest.warns(StepSizeWarning, match="above 0.5 the parameters move inaccurately") as caught:
        anneal(network, X[None], Y[None], time_per_example=8.0, rng=0, substeps=1)
    number = float(re.search(r"is ([\d.]+) at", str(caught[0].message)).group(1))
    theta = network.parameters
    basis = 1e-3 * np.eye(theta.size)
    hessian = np.array([(one_force(network.with_parameters(theta - e), X, Y)
                         - one_force(network.with_parameters(theta + e), X, Y)) / 2e-3 for e in basis])
    assert number == pytest.approx(8.0 * np.linalg.eigvalsh(hessian).max(), rel=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training.training_bound(0, 1), "parameters must be positive, got 0"),
        (lambda: training.training_bound(1, -2), "examples must be positive, got -2"),
        (lambda: training.training_bound(1, 1, 0), "noise_ratio must be positive, got 0"),
        (lambda: training.noise_ratio(-1.0, time_per_example=1), "force_variance must not be negative, got -1.0"),
        (lambda: training.noise_ratio(1.0, time_per_example=0), "time_per_example must be positive, got 0"),
        (lambda: training.noise_ratio(1.0, time_per_example=1, kT=-1), "kT must not be negative, got -1"),
        (lambda: training.inertial_batch(-1, 1), "velocity_time must not be negative, got -1"),
        (lambda: OnlineLearner(0.0, 1.0), "stiffness must be positive, got 0.0"),
        (lambda: OnlineLearner(1.0, 1.0, label_noise=-1), "label_noise must not be negative, got -1"),
        (lambda: OnlineLearner(1.0, 1.0, parameters=4, batch=5), "batch must not exceed the 4 parameters, got 5"),
        (lambda: predict(LEARNER, -1.0, 2), "start must not be negative, got -1.0"),
        (lambda: predict(LEARNER, 1.0, 2, times=[1.0]), "times must hold one positive time for each of 2 steps, got 1"),
        (lambda: predict(LEARNER, 1.0, 0), "steps must be an integer of at least 1, got 0"),
        (lambda: efficient_times(replace(LEARNER, label_noise=0.0), 1.0, 2), "label_noise must be positive, got 0.0"),
        (lambda: training.simulate(replace(LEARNER, parameters=12, batch=2), 1.0, 1, learners=1, rng=0),
         "parameters must be a power of 2 .* got 12"),
        (lambda: training.simulate_inertia(replace(LEARNER, batch=2), 1.0, 1.0, 1, learners=1, rng=0),
         "batch must be 1 .* got 2"),
        (lambda: training.simulate_inertia(replace(LEARNER, kT=0.0), 1.0, 1.0, 1, learners=1, rng=0),
         "kT must be positive, got 0.0"),
        (lambda: anneal(small_network(), X[None], Y[None], time_per_example=1.0), "rng must be given with a network"),
        (lambda: anneal(small_network(), X[None], Y[None], time_per_example=0.0, rng=0),
         "time_per_example must be positive, got 0"),
        (lambda: anneal(small_network(), X, Y[None], time_per_example=1.0, rng=0), r"images must have 2 dimension\(s\)"),
        (lambda: anneal(small_network(), X[None, :2], Y[None], time_per_example=1.0, rng=0),
         r"must have shapes \(n, 3\) and \(n, 2\), got \(1, 2\) and \(1, 2\)"),
        (lambda: anneal(small_network(), X[None], Y[None], time_per_example=1.0, rng=0, held_out=(X[None], Y[None, :1])),
         "held_out images and held_out targets must have shapes"),
        (lambda: training.relaxed_directions(small_network(), X[None, :2], duration=1.0, rng=0),
         "images must have 3 columns"),
        (lambda: training.relaxed_directions(small_network(), X[None], duration=1.0, rng=0, probes=1),
         "integer of at least 2"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_earlier_result_brings_its_own_random_numbers():
    run = anneal(small_network(), X[None], Y[None], time_per_example=1.0, rng=0)
    assert isinstance(run, Annealing) and run.accuracy.size == 0
    with pytest.raises(ValueError, match="left out with an earlier result, got 3"):
        anneal(run, X[None], Y[None], time_per_example=1.0, rng=3)


@pytest.mark.parametrize("knob", training.KNOBS)
def test_knobs_reach_the_ratio_and_turn_nothing_else(knob):
    turned = training.with_noise_ratio(LEARNER, 4 * LEARNER.noise_ratio, knob)
    assert turned.noise_ratio == pytest.approx(4 * LEARNER.noise_ratio)
    names = ("stiffness", "time_per_example", "kT")
    factors = [getattr(turned, name) / getattr(LEARNER, name) for name in names]
    expected = {"energy scale": [0.25, 4, 1], "temperature": [1, 1, 4], "learning rate": [1, 0.25, 1]}
    assert factors == pytest.approx(expected[knob])
    assert turned == replace(LEARNER, **{name: getattr(turned, name) for name in names})
    with pytest.raises(ValueError, match="knob must be one of energy scale, temperature, learning rate, got 'size'"):
        training.with_noise_ratio(LEARNER, 1.0, "size")


def test_progress_is_shown_where_it_is_asked_for(capsys):
    settings = {"time_per_example": 1.0, "rng": 0, "held_out": (X[None], Y[None])}
    quiet = anneal(small_network(), X[None], Y[None], **settings)
    training.simulate(LEARNER, 1.0, 3, learners=2, rng=0)
    assert capsys.readouterr().err == ""
    shown = anneal(small_network(), X[None], Y[None], progress=True, **settings)
    training.simulate(LEARNER, 1.0, 3, learners=2, rng=0, progress=True)
    text = capsys.readouterr().err
    assert "1/1" in text and "accuracy=1.000" in text and "3/3" in text
    assert np.array_equal(shown.heat, quiet.heat)
