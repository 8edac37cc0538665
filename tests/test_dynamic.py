"""Dynamic neurons against closed forms, enumeration, Fokker-Planck and known distributions."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import dawsn, entr, expit
from scipy.stats import norm
from zscores import SEEDS, assert_consistent, mean_and_error, variance_and_error

from thermolib import digits, landauer, substrates
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import StiffnessTrap, fokker_planck, jarzynski_free_energy
from thermolib.substrates import (
    RESETS,
    BernoulliMixture,
    HarmonicReset,
    LogisticChain,
    capacitor_bound,
    capacitor_dump,
    cell_entropies,
    cross_entropy,
    fit_chain,
    fit_mixture,
    joint_entropy,
    marginal_entropies,
    modularity_bound,
    modularity_cost,
    quantized_forward,
    reset_bound,
    sequence_costs,
    two_state_costs,
)

LN2 = math.log(2)
KT, MOBILITY, BEFORE, AFTER = 1.5, 0.4, 1.8, 0.6
S = 8.0  # (1.8 / 0.6)^2 - 1


@pytest.fixture
def reset():
    return HarmonicReset(BEFORE, AFTER, KT, MOBILITY)


# --- an analog neuron in a trap --------------------------------------------------------


def test_reset_starts_and_ends_matched(reset):
    assert reset.stiffness_before == pytest.approx(KT / BEFORE**2)
    assert reset.stiffness_after == pytest.approx(KT / AFTER**2)
    assert reset.signal_to_noise == pytest.approx(S)
    assert reset.relaxation_time == pytest.approx(AFTER**2 / (MOBILITY * KT))
    assert reset.bound() == pytest.approx(KT * math.log(3))
    trap = StiffnessTrap()
    assert reset.bound() == pytest.approx(
        trap.free_energy_change(reset.stiffness_before, reset.stiffness_after, kT=KT))
    for kind in RESETS:
        control = reset.protocol(kind, 2.0)
        assert control(0.0) == (0.0, reset.stiffness_before)
        assert control(2.0) == (0.0, reset.stiffness_after)


def test_sudden_reset_dumps_the_signal(reset):
    path = reset.path("sudden", 0.7)
    assert path.work[0] == path.heat[0] == 0
    assert path.work[1:] == pytest.approx(KT * S / 2)
    rate = 2 * MOBILITY * KT / AFTER**2
    assert path.sigma**2 == pytest.approx(AFTER**2 + (BEFORE**2 - AFTER**2) * np.exp(-rate * path.times))
    assert path.heat == pytest.approx(KT * S / 2 * -np.expm1(-rate * path.times), abs=1e-12)


@pytest.mark.parametrize("duration", [0.2, 1.0, 9.0])
def test_optimal_reset_reaches_the_finite_time_bound(reset, duration):
    path = reset.path("optimal", duration)
    least = KT * math.log(3) + (BEFORE - AFTER) ** 2 / (MOBILITY * duration)
    assert reset.least_work(duration) == pytest.approx(least)
    assert path.work[-1] == pytest.approx(least) and path.heat[-1] == pytest.approx(least)
    assert path.sigma == pytest.approx(np.linspace(BEFORE, AFTER, 101))
    # The trap it names does move the variance like that.
    inside = slice(1, -1)
    drift = 2 * MOBILITY * (KT - path.stiffness * path.sigma**2)
    speed = 2 * path.sigma * (AFTER - BEFORE) / duration
    assert drift[inside] == pytest.approx(speed[inside])
    # First law, and work by the definition dW = v dk / 2, jumps at both ends included.
    energy = 0.5 * path.stiffness * path.sigma**2
    assert path.work - path.heat == pytest.approx(energy - energy[0])
    fine = reset.path("optimal", duration, np.concatenate([[0, 1e-12], np.linspace(0, duration, 20001)[1:-1],
                                                           [duration * (1 - 1e-12), duration]]))
    variance = 0.5 * (fine.sigma[1:] ** 2 + fine.sigma[:-1] ** 2)
    assert np.sum(0.5 * variance * np.diff(fine.stiffness)) == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("kind", RESETS)
def test_work_on_the_way_is_half_the_variance_times_the_change_of_stiffness(kind):
    """dW = v dk / 2, with the sudden steps at the start: summed over a fine path, up to its middle."""
    reset, duration = HarmonicReset(BEFORE, AFTER, KT, MOBILITY), 1.3
    path = reset.path(kind, duration, np.linspace(0, duration / 2, 4001))
    stiffness = path.stiffness.copy()
    stiffness[0] = reset.protocol(kind, duration)(1e-9)[1]
    step = (stiffness[0] - reset.stiffness_before) * path.sigma[0] ** 2 / 2
    middle = np.sum(np.diff(stiffness) * (path.sigma[1:] ** 2 + path.sigma[:-1] ** 2)) / 4
    assert path.work[-1] == pytest.approx(step + middle, rel=1e-5)


def test_wasserstein_distance_of_the_reset_is_the_change_of_width(reset):
    grid = np.linspace(-12, 12, 6001)
    before, after = (np.exp(-(grid**2) / (2 * s * s)) for s in (BEFORE, AFTER))
    distance = landauer.wasserstein2_squared((grid, before), (grid, after))
    assert distance == pytest.approx((BEFORE - AFTER) ** 2, rel=1e-4)


def linear_variance(t, duration):
    """Closed form by the Dawson function D(x) = exp(-x^2) integral_0^x exp(y^2) dy."""
    first = KT / BEFORE**2
    rate = (KT / AFTER**2 - first) / duration
    k = first + rate * t
    decay, root = np.exp(-MOBILITY * (k**2 - first**2) / rate), math.sqrt(MOBILITY / rate)
    return decay * BEFORE**2 + 2 * KT * root * (dawsn(k * root) - decay * dawsn(first * root))


@pytest.mark.parametrize("duration", [0.3, 2.0, 30.0])
def test_linear_reset_against_the_dawson_function(reset, duration):
    path = reset.path("linear", duration)
    assert path.sigma**2 == pytest.approx(linear_variance(path.times, duration), rel=1e-7)
    rate = (reset.stiffness_after - reset.stiffness_before) / duration
    work = quad(lambda t: 0.5 * rate * linear_variance(t, duration), 0, duration, epsabs=1e-12, epsrel=1e-11, limit=200)[0]
    assert path.work[-1] == pytest.approx(work, rel=1e-7)


def test_slow_linear_reset_wastes_a_known_multiple(reset):
    a, b = reset.stiffness_before, reset.stiffness_after
    coefficient = KT / (8 * MOBILITY) * (b - a) * (1 / a**2 - 1 / b**2)
    duration = 3e4
    assert (reset.path("linear", duration).work[-1] - reset.bound()) * duration == pytest.approx(coefficient, rel=0.01)


@pytest.mark.parametrize("kind", ["linear", "optimal"])
def test_paths_agree_with_fokker_planck(reset, kind):
    duration, grid = 0.8, np.linspace(-8, 8, 1601)
    solution = fokker_planck(StiffnessTrap(), reset.protocol(kind, duration), grid, duration=duration, steps=4000, kT=KT,
                             mobility=MOBILITY)
    path = reset.path(kind, duration)
    assert solution.work[-1] == pytest.approx(path.work[-1], rel=1e-3)
    assert solution.heat[-1] == pytest.approx(path.heat[-1], rel=1e-3)
    mass = solution.density / solution.density.sum()
    assert np.sum(mass * grid**2) == pytest.approx(path.sigma[-1] ** 2, rel=1e-3)


def test_no_other_complete_reset_is_cheaper(reset):
    """Narrow along other curves sigma(t), with the trap that each asks for, and let Fokker-Planck add up the work."""
    duration, grid = 1.0, np.linspace(-8, 8, 1201)
    for power in (0.6, 1.0, 1.6):
        def control(t, power=power):
            if t <= 0 or t >= duration:
                return 0.0, KT / (BEFORE if t <= 0 else AFTER) ** 2
            sigma = BEFORE * (AFTER / BEFORE) ** ((t / duration) ** power)
            speed = sigma * math.log(AFTER / BEFORE) * power * t ** (power - 1) / duration**power
            return 0.0, KT / sigma**2 - speed / (MOBILITY * sigma)
        work = fokker_planck(StiffnessTrap(), control, grid, duration=duration, steps=4000, kT=KT, mobility=MOBILITY).work
        assert work[-1] > 1.005 * reset.least_work(duration)


@pytest.mark.parametrize("kind", RESETS)
def test_simulated_resets_agree_with_the_exact_ones(reset, kind):
    duration = 0.9
    path = reset.path(kind, duration)
    runs = [reset.simulate(kind, duration, 1500, seed) for seed in SEEDS]
    for name in ("work", "heat"):
        values, errors = zip(*(mean_and_error(getattr(run, name)) for run in runs))
        assert_consistent(values, errors, getattr(path, name)[-1])
    assert_consistent(*zip(*(variance_and_error(run.x) for run in runs)), path.sigma[-1] ** 2)


def test_simulated_reset_has_the_free_energy_of_the_bound(reset):
    estimates = [jarzynski_free_energy(reset.simulate("linear", 3.0, 1500, 100 + seed).work, KT) for seed in SEEDS]
    assert_consistent([e.value for e in estimates], [e.error for e in estimates], reset.bound())


def test_only_complete_resets_obey_the_bound_for_their_time(reset):
    for m in (0.3, 1.0, 5.0, 50.0):
        duration = m * reset.relaxation_time
        paths = {kind: reset.path(kind, duration) for kind in RESETS}
        for kind, path in paths.items():
            assert path.work[-1] >= reset.bound() * (1 - 1e-12)
            assert path.work[-1] >= reset.least_work(duration) * (1 - 1e-12) or path.sigma[-1] > AFTER * 1.05
        if m < 1:
            assert paths["optimal"].work[-1] > paths["sudden"].work[-1]


def test_recording_and_step_of_a_simulated_reset(reset):
    run = reset.simulate("optimal", 0.9, 50, 1, dt=0.01, record=[0.0, 0.45, 0.9])
    assert run.dt == pytest.approx(0.01) and run.recorded_x.shape == (3, 50)


# --- capacitors ------------------------------------------------------------------------


def test_capacitor_is_a_sudden_reset_and_its_bound_a_slow_one(reset):
    assert capacitor_dump(S, KT) == pytest.approx(KT * S / 2) == pytest.approx(reset.path("sudden", 1.0).work[-1])
    assert capacitor_bound(S, KT) == pytest.approx(KT * math.log(3)) == pytest.approx(reset.bound())
    assert capacitor_dump([3.0, 15.0], KT) == pytest.approx(KT * 9)
    assert capacitor_bound([3.0, 15.0], KT) == pytest.approx(KT * 3 * LN2)
    assert capacitor_dump(0.0) == capacitor_bound(0.0) == 0
    assert capacitor_bound(1e-6) == pytest.approx(capacitor_dump(1e-6), rel=1e-5)


def test_capacitor_bound_is_what_the_neuron_knows_of_its_signal():
    """Mutual information of a correlated pair, -ln(1 - rho^2) / 2, with rho^2 = S / (1 + S)."""
    for snr in (0.2, 3.0, 50.0):
        assert capacitor_bound(snr, KT) == pytest.approx(-0.5 * KT * math.log(1 - snr / (1 + snr)))


# --- two-state neurons -----------------------------------------------------------------


def test_reset_bound_is_the_sum_of_binary_entropies():
    assert reset_bound(0.5) == pytest.approx(LN2)
    p = [0.1, 0.5, 0.9, 0.0, 1.0]
    assert reset_bound(p, KT) == pytest.approx(sum(landauer.erasure_bound(q, kT=KT) for q in p))
    assert reset_bound(p, KT) == pytest.approx(KT * (2 * 0.325082973 + LN2))
    states = np.array([[True, False], [True, True], [False, True], [True, True]])
    assert reset_bound(states) == pytest.approx(2 * landauer.binary_entropy(0.25))


def test_three_numbers_of_a_symmetric_neuron():
    costs = two_state_costs(0.5, 0.1)
    assert (costs.reset, costs.overwrite, costs.counted) == pytest.approx((0.693147, 0.325083, 0.0693147), rel=1e-5)
    assert costs.switches == pytest.approx(0.1)
    warm = two_state_costs(0.5, 0.1, KT)
    assert (warm.reset, warm.overwrite, warm.counted) == pytest.approx((KT * LN2, KT * 0.325083, KT * 0.1 * LN2), rel=1e-5)
    assert warm.switches == pytest.approx(0.1)


@pytest.mark.parametrize("p, f", [(0.3, 0.2), (0.8, 0.35), (0.5, 0.9), (0.2, 0.4)])
def test_overwriting_by_enumeration_of_pairs(p, f):
    pairs = np.array([[1 - p - f / 2, f / 2], [f / 2, p - f / 2]])  # old, new
    given = sum(pairs[:, new].sum() * landauer.entropy(pairs[:, new] / pairs[:, new].sum()) for new in (0, 1))
    costs = two_state_costs(p, f, KT)
    assert costs.overwrite == pytest.approx(KT * given)
    assert costs.overwrite == pytest.approx(
        KT * (p * landauer.binary_entropy(f / 2 / p) + (1 - p) * landauer.binary_entropy(f / 2 / (1 - p))))
    assert costs.overwrite <= costs.reset + 1e-12


def test_limits_of_overwriting():
    p = np.linspace(0, 1, 21)
    independent = two_state_costs(p, 2 * p * (1 - p))
    assert independent.overwrite == pytest.approx(independent.reset) == pytest.approx(reset_bound(p))
    assert two_state_costs(p, 0.0).overwrite == pytest.approx(0)
    always = two_state_costs(0.5, 1.0)
    assert always.overwrite == pytest.approx(0) and always.counted == pytest.approx(LN2)


def test_count_is_at_most_half_of_overwriting_where_it_should_be():
    for p in np.linspace(0.01, 0.99, 50):
        costs = two_state_costs(p, 2 * p * (1 - p))
        assert costs.counted <= costs.overwrite / 2 + 1e-12
        for f in np.linspace(0, 1, 11) * min(p, 1 - p):  # staying is at least as likely as switching, in either state
            costs = two_state_costs(p, f)
            assert costs.counted <= costs.overwrite / 2 + 1e-12


def test_costs_of_several_neurons_add():
    p, f = np.array([0.3, 0.5, 0.9]), np.array([0.1, 0.6, 0.2])
    together, parts = two_state_costs(p, f, KT), [two_state_costs(*pair, KT) for pair in zip(p, f)]
    for name in ("reset", "overwrite", "switches", "counted"):
        assert getattr(together, name) == pytest.approx(sum(getattr(part, name) for part in parts))


def test_sequence_costs_by_enumeration_of_pairs():
    states = np.random.default_rng(1).random((60, 3)) < [0.2, 0.5, 0.8]
    overwrite = switches = 0.0
    for column in states.T:
        pairs = list(zip(column, [*column[1:], column[0]]))  # old, new, the last followed by the first
        table = np.array([[np.mean([pair == (a, b) for pair in pairs]) for b in (0, 1)] for a in (0, 1)])
        overwrite += entr(table).sum() - entr(table.sum(axis=0)).sum()
        switches += table[0, 1] + table[1, 0]
    costs = sequence_costs(states, KT)
    assert costs.overwrite == pytest.approx(KT * overwrite)
    assert costs.switches == pytest.approx(switches) and costs.counted == pytest.approx(KT * LN2 * switches)
    assert costs.reset == pytest.approx(reset_bound(states, KT))


def test_alternating_neuron_forgets_nothing():
    costs = sequence_costs(np.array([[0], [1]] * 5))
    assert costs.switches == 1 and costs.overwrite == pytest.approx(0, abs=1e-12) and costs.reset == pytest.approx(LN2)


def test_markov_stream_reaches_the_closed_form():
    p, f, n = 0.3, 0.1, 4000
    on, off = f / 2 / (1 - p), f / 2 / p
    values, errors = [], []
    for seed in SEEDS:
        chance = np.random.default_rng(seed).random((n, 50))
        states = np.empty((n, 50), dtype=bool)
        states[0] = chance[0] < p
        for t in range(1, n):
            states[t] = states[t - 1] ^ (chance[t] < np.where(states[t - 1], off, on))
        each = np.array([sequence_costs(states[:, [k]]).switches for k in range(50)])
        value, error = mean_and_error(each)
        values.append(value)
        errors.append(error)
        assert sequence_costs(states).overwrite / 50 == pytest.approx(two_state_costs(p, f).overwrite, rel=0.03)
    assert_consistent(values, errors, f)


# --- joint states ----------------------------------------------------------------------


def small_network():
    rng = np.random.default_rng(3)
    network = NetworkHamiltonian([rng.normal(size=(5, 4)), rng.normal(size=(3, 5))], [np.full(5, 0.2), np.zeros(3)], "relu")
    inputs = np.array(list(itertools.product((-1.0, 1.0), repeat=4)))
    return inputs, network.forward(inputs) > 0


def brute_entropy(rows, weights):
    found = {}
    for row, weight in zip(rows, weights):
        found[tuple(row)] = found.get(tuple(row), 0.0) + weight
    return -sum(w * math.log(w) for w in found.values())


@pytest.mark.parametrize("bias", [0.5, 0.2])
def test_entropies_of_an_enumerable_network(bias):
    inputs, states = small_network()
    weights = np.prod(np.where(inputs > 0, bias, 1 - bias), axis=1)
    joint = brute_entropy(states, weights)
    alone = [brute_entropy(states[:, [i]], weights) for i in range(8)]
    assert joint_entropy(states, weights) == pytest.approx(joint)
    assert marginal_entropies(states, weights) == pytest.approx(alone)
    assert modularity_cost(states, weights, KT) == pytest.approx(KT * (sum(alone) - joint))
    assert 0 < joint < joint_entropy(inputs, weights) == pytest.approx(4 * landauer.binary_entropy(bias))
    if bias == 0.5:
        assert modularity_cost(states, kT=KT) == pytest.approx(KT * (sum(alone) - joint))
    # The deterministic network knows nothing beyond its input.
    assert joint_entropy(np.hstack([inputs, states]), weights) == pytest.approx(joint_entropy(inputs, weights))


def test_modularity_cost_of_known_distributions():
    all_states = np.array(list(itertools.product((0, 1), repeat=4)))
    p = np.array([0.1, 0.5, 0.7, 0.9])
    product = np.prod(np.where(all_states, p, 1 - p), axis=1)
    assert modularity_cost(all_states, product) == pytest.approx(0, abs=1e-12)
    assert marginal_entropies(all_states, product).sum() == pytest.approx(reset_bound(p))
    copies = np.repeat([[0], [1]], 5, axis=1)
    assert modularity_cost(copies, kT=KT) == pytest.approx(KT * 4 * LN2)
    parity = all_states[all_states.sum(axis=1) % 2 == 0]  # pairwise independent, one bit shared by all four
    assert modularity_cost(parity) == pytest.approx(LN2)
    assert modularity_cost([[0.25, -1.0], [0.5, 3.0]]) == pytest.approx(LN2)


def test_clearing_in_sequence_costs_the_joint_entropy():
    _, states = small_network()
    for order in (range(8), [7, 2, 0, 5, 1, 3, 6, 4]):
        ordered = states[:, list(order)]
        given = [joint_entropy(ordered)] + [joint_entropy(ordered[:, :k]) for k in range(7, 0, -1)] + [0.0]
        steps = -np.diff(given)  # entropy of each neuron given those that are still there
        assert (steps >= -1e-12).all() and steps.sum() == pytest.approx(joint_entropy(states))


def test_entropy_of_a_sample_is_at_most_its_logarithm():
    rng = np.random.default_rng(2)
    states = rng.random((40, 60)) < 0.5
    assert joint_entropy(states) == pytest.approx(math.log(40))
    assert joint_entropy(states) < 0.1 * marginal_entropies(states).sum()


# --- models of joint states ------------------------------------------------------------

ALL6 = np.array(list(itertools.product((False, True), repeat=6)))


def correlated(rng, m):
    """Six neurons of two hidden classes, and the exact probability of each of the 64 states."""
    activity = np.array([[0.1, 0.2, 0.8, 0.6, 0.3, 0.5], [0.9, 0.7, 0.3, 0.6, 0.9, 0.2]])
    exact = np.exp(BernoulliMixture(np.array([0.4, 0.6]), activity).log_probability(ALL6))
    labels = (rng.random(m) < 0.6).astype(int)
    return rng.random((m, 6)) < activity[labels], labels, exact


def test_mixture_probability_by_hand():
    model = BernoulliMixture(np.array([0.4, 0.6]), np.array([[0.1, 0.2], [0.9, 0.7]]))
    assert np.exp(model.log_probability([[1, 0], [1, 1]])) == pytest.approx(
        [0.4 * 0.1 * 0.8 + 0.6 * 0.9 * 0.3, 0.4 * 0.1 * 0.2 + 0.6 * 0.9 * 0.7])


def test_chain_probability_by_hand():
    model = LogisticChain(np.array([0.3, -1.0]), np.array([[0.0, 0.0], [2.0, 0.0]]))
    first = expit(0.3)
    assert np.exp(model.log_probability([[1, 1], [0, 1], [1, 0]])) == pytest.approx(
        [first * expit(1.0), (1 - first) * expit(-1.0), first * expit(-1.0)])


def test_models_are_normalized_and_find_the_correlations():
    states, labels, exact = correlated(np.random.default_rng(0), 3000)
    entropy = entr(exact).sum()
    excess = {}
    models = {"apart": fit_mixture(states), "classes": fit_mixture(states, labels), "chain": fit_chain(states)}
    for name, model in models.items():
        probabilities = np.exp(model.log_probability(ALL6))
        assert probabilities.sum() == pytest.approx(1)
        excess[name] = -np.sum(exact * np.log(probabilities)) - entropy
    assert excess["apart"] == pytest.approx(modularity_cost(ALL6, exact), abs=0.01)
    assert excess["apart"] > 0.3 and 0 < excess["classes"] < 0.01 and 0 < excess["chain"] < 0.05


def test_mixture_counts_with_its_pseudocount():
    states, labels = np.array([[1, 0], [1, 1], [0, 1], [1, 1], [0, 0]]), np.array([3, 3, 3, 7, 7])
    model = fit_mixture(states, labels, pseudocount=0.25)
    assert model.weights == pytest.approx([0.6, 0.4])
    assert model.activity == pytest.approx(np.array([[2.25 / 3.5, 2.25 / 3.5], [0.5, 0.5]]))
    single = fit_mixture(states)
    assert single.weights == pytest.approx([1]) and single.activity == pytest.approx(np.array([[3.5 / 6, 3.5 / 6]]))


def test_chain_of_two_neurons_is_the_empirical_table():
    """One weight and two biases describe any table of two neurons: without a penalty the fit is exact."""
    states = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [10, 25, 30, 15], axis=0)
    model = fit_chain(states, ridge=1e-9)
    table = np.exp(model.log_probability([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert table == pytest.approx(np.array([10, 25, 30, 15]) / 80, rel=1e-3)
    assert (model.weights[np.triu_indices(2)] == 0).all()


def test_penalty_of_the_chain_is_that_of_its_definition():
    states = np.repeat([[0], [1]], [30, 10], axis=0)
    (bias,) = fit_chain(states, ridge=5.0).biases
    assert 10 - 40 * expit(bias) == pytest.approx(5.0 * bias, abs=1e-3)  # gradient of ln q equals that of the penalty


def test_cross_entropy_and_modularity_bound_against_enumeration():
    model = fit_chain(correlated(np.random.default_rng(50), 400)[0])
    cross, gain = [], []
    for seed in SEEDS:
        states, _, exact = correlated(np.random.default_rng(seed), 4000)
        cross.append(cross_entropy(states, model))
        gain.append(modularity_bound(states, model, KT))
    entropy = entr(exact).sum()
    divergence = np.sum(exact * (np.log(exact) - model.log_probability(ALL6)))
    assert divergence > 0.005
    separate = marginal_entropies(ALL6, exact).sum()
    assert_consistent([c.value for c in cross], [c.error for c in cross], entropy + divergence)
    assert_consistent([g.value for g in gain], [g.error for g in gain], KT * (separate - entropy - divergence))
    assert np.mean([g.value for g in gain]) < modularity_cost(ALL6, exact, KT)


def test_pairing_row_by_row_is_the_difference_of_the_means():
    states = correlated(np.random.default_rng(4), 500)[0]
    model = fit_mixture(states[:250])
    test_on = states[250:]
    gap = marginal_entropies(test_on).sum() - cross_entropy(test_on, model).value
    assert modularity_bound(test_on, model).value == pytest.approx(gap)


# --- the digits network ----------------------------------------------------------------


@pytest.fixture(scope="module")
def digit_states():
    data = digits.load()
    return data, digits.network("relu").forward(data.images)[:, :64] > 0


def test_digits_network_pays_twice_for_modularity(digit_states):
    data, active = digit_states
    train, held_out = active[data.train], active[data.held_out]
    separate = marginal_entropies(held_out).sum()
    assert separate == pytest.approx(reset_bound(held_out))
    for model, share in ((fit_mixture(train, data.labels[data.train]), 0.35), (fit_chain(train), 0.45)):
        bound = modularity_bound(held_out, model)
        assert share * separate < bound.value - 4 * bound.error
        assert cross_entropy(held_out, model).value > joint_entropy(held_out)


def test_models_find_no_modularity_where_there_is_none(digit_states):
    """Shuffle every neuron by itself: the same activities, no correlations."""
    data, active = digit_states
    apart = np.random.default_rng(6).permuted(active, axis=0)
    for fit in (fit_mixture, fit_chain):
        bound = modularity_bound(apart[data.held_out], fit(apart[data.train]))
        assert bound.value < 4 * bound.error


def test_independent_images_switch_as_often_as_two_draws_differ(digit_states):
    _, active = digit_states
    p = active.mean(axis=0)
    expected = np.sum(2 * p * (1 - p)) * len(active) / (len(active) - 1)  # drawn without replacement
    values, errors = [], []
    for seed in SEEDS:
        shuffled = np.random.default_rng(seed).permutation(active)
        value, error = mean_and_error((shuffled[1::2] != shuffled[:-1:2]).sum(axis=1))
        values.append(value)
        errors.append(error)
        assert sequence_costs(shuffled).switches == pytest.approx(expected, rel=0.03)
    assert_consistent(values, errors, expected)


# --- analog neurons --------------------------------------------------------------------


def test_cells_of_a_uniform_neuron_cost_the_log_of_range_over_resolution():
    values = (np.arange(4096) + 0.5)[:, None] / 4096 * 3.0 - 1.5
    assert cell_entropies(values, 0.25) == pytest.approx([math.log(12)])
    assert cell_entropies(values, 0.25)[0] == pytest.approx(landauer.analog_reset_bound(3.0, 0.25))


@pytest.mark.parametrize("sigma", [0.4, 2.0])
def test_fine_cells_of_a_gaussian_tend_to_its_differential_entropy(sigma):
    values = norm.ppf((np.arange(200_000) + 0.5) / 200_000, scale=sigma)[:, None]
    for resolution in (sigma / 3, sigma / 10):
        fine = 0.5 * math.log(2 * math.pi * math.e * sigma**2) - math.log(resolution)
        next_order = resolution**2 / (24 * sigma**2)  # r^2 / 24 times the Fisher information
        assert cell_entropies(values, resolution)[0] == pytest.approx(fine + next_order, abs=2e-4)


def test_bias_of_counted_entropies_and_its_correction():
    m, cells = 200, 8
    plain, corrected = [], []
    for seed in SEEDS:
        values = np.random.default_rng(seed).random((m, 400)) * cells  # 400 neurons, 400 repetitions
        plain.append(mean_and_error(cell_entropies(values, 1.0)))
        corrected.append(mean_and_error(cell_entropies(values, 1.0, corrected=True)))
    assert_consistent(*zip(*corrected), math.log(cells))
    assert np.mean([value for value, _ in plain]) == pytest.approx(math.log(cells) - (cells - 1) / (2 * m), abs=1e-3)


def test_quantized_network():
    data, network = digits.load(), digits.network("tanh")
    exact = network.forward(data.images[:50])
    fine = quantized_forward(network, data.images[:50], 2.0**-16, 2.0)
    assert fine == pytest.approx(exact, abs=1e-3)
    hidden, outputs = np.split(quantized_forward(network, data.images[:50], 0.5, 2.0), [64], axis=1)
    assert set(np.unique(hidden)) == {-0.75, -0.25, 0.25, 0.75}
    # Each layer reads what the layer before holds, and the linear outputs are left alone.
    first = np.tanh(data.images[:50] @ network.weights[0].T + network.biases[0])
    assert hidden[:, :32] == pytest.approx(np.floor(first / 0.5) * 0.5 + 0.25)
    second = np.tanh(hidden[:, :32] @ network.weights[1].T + network.biases[1])
    assert hidden[:, 32:] == pytest.approx(np.floor(second / 0.5) * 0.5 + 0.25)
    assert outputs == pytest.approx(hidden[:, 32:] @ network.weights[2].T + network.biases[2])
    clipped = quantized_forward(network, data.images[:50], 0.25, 0.75)[:, :64]
    assert np.unique(clipped) == pytest.approx([-0.25, 0.0, 0.25])
    assert clipped[:, :32] == pytest.approx(np.clip(np.round(first / 0.25), -1, 1) * 0.25)
    assert (quantized_forward(network, data.images[:50], 1.0, 1.0)[:, :64] == 0).all()
    assert quantized_forward(network, data.images[0], 0.5).shape == (74,)


# --- bad input -------------------------------------------------------------------------


def test_package_offers_the_names_others_rely_on():
    assert substrates.reset_bound is reset_bound and substrates.modularity_cost is modularity_cost


GOOD = np.array([[0, 1], [1, 1], [1, 0]])


@pytest.mark.parametrize("call, message", [
    (lambda: HarmonicReset(1.0, 1.0), "sigma_after must be less than sigma_before = 1.0, got 1.0"),
    (lambda: HarmonicReset(-1.0, 0.5), "sigma_before must be positive"),
    (lambda: HarmonicReset(1.0, 0.5, kT=0), "kT must be positive, got 0"),
    (lambda: HarmonicReset(1.0, 0.5, mobility=-2), "mobility must be positive, got -2"),
    (lambda: HarmonicReset(1.0, 0.5).protocol("slow", 1.0), "kind must be one of sudden, linear, optimal, got 'slow'"),
    (lambda: HarmonicReset(1.0, 0.5).path("linear", 0.0), "duration must be positive"),
    (lambda: HarmonicReset(1.0, 0.5).path("linear", 1.0, [0.0, 1.2]), r"times must increase within \[0, duration = 1.0\]"),
    (lambda: HarmonicReset(1.0, 0.5).path("linear", 1.0, [0.0, 0.6, 1.2]), "times must increase"),
    (lambda: HarmonicReset(1.0, 0.5).path("linear", 1.0, [0.5, 0.5]), "times must increase"),
    (lambda: HarmonicReset(1.0, 0.5).path("linear", 1.0, [-0.5, 0.5]), "times must increase"),
    (lambda: HarmonicReset(1.0, 0.5).simulate("linear", 1.0, 10, None), "rng must be a numpy Generator"),
    (lambda: capacitor_dump(-1.0), "snr must not be negative, got -1.0"),
    (lambda: capacitor_bound([1.0, -2.0]), "snr must not be negative, got -2.0"),
    (lambda: capacitor_bound(1.0, kT=-1), "kT must not be negative"),
    (lambda: capacitor_dump(1.0, kT=-1), "kT must not be negative"),
    (lambda: reset_bound([0.2, 1.2]), r"activity must hold probabilities in \[0, 1\], got 1.2"),
    (lambda: reset_bound([-0.2, 0.2]), r"activity must hold probabilities in \[0, 1\], got -0.2"),
    (lambda: reset_bound(np.array([True, False])), r"states must be an array \(inputs, neurons\)"),
    (lambda: reset_bound(0.5, kT=-1), "kT must not be negative"),
    (lambda: two_state_costs(0.2, 0.5), r"switching must not exceed 2 min\(p, 1 - p\) = 0.4, got 0.5"),
    (lambda: two_state_costs([0.2, 0.3], [0.1, 0.1, 0.1]), r"switching must be a number or have the shape \(2,\)"),
    (lambda: two_state_costs(0.5, 1.5), "switching must hold probabilities"),
    (lambda: two_state_costs(0.5, 0.1, kT=-1), "kT must not be negative"),
    (lambda: sequence_costs([[0.5, 1]]), "states must be 0 or 1, inactive or active, got 0.5"),
    (lambda: sequence_costs([0, 1]), r"states must be an array \(inputs, neurons\), got shape \(2,\)"),
    (lambda: sequence_costs(np.empty((0, 3))), "states must be an array"),
    (lambda: joint_entropy(GOOD, [0.5, 0.5]), "probabilities must hold one for each of the 3 rows of states, got 2"),
    (lambda: joint_entropy(GOOD, [0.5, 0.7, -0.2]), "probabilities must not be negative and sum to 1"),
    (lambda: marginal_entropies(GOOD, [0.5, 0.25, 0.125]), "a sum of 0.875"),
    (lambda: modularity_cost([0, 1]), "states must be an array"),
    (lambda: modularity_cost(GOOD, kT=-1), "kT must not be negative"),
    (lambda: fit_mixture(GOOD, [0, 1]), "labels must hold one for each of the 3 rows"),
    (lambda: fit_mixture(GOOD, pseudocount=0), "pseudocount must be positive"),
    (lambda: fit_mixture([[2, 1]]), "states must be 0 or 1"),
    (lambda: fit_chain(GOOD, ridge=-1), "ridge must be positive"),
    (lambda: fit_chain([[2, 1]]), "states must be 0 or 1"),
    (lambda: fit_mixture(GOOD).log_probability([[2, 1]]), "states must be 0 or 1"),
    (lambda: fit_chain(GOOD).log_probability([[2, 1]]), "states must be 0 or 1"),
    (lambda: cross_entropy(GOOD[:1], fit_mixture(GOOD)), "states must hold at least 2 rows, got 1"),
    (lambda: modularity_bound(GOOD[:1], fit_mixture(GOOD)), "states must hold at least 2 rows, got 1"),
    (lambda: modularity_bound(GOOD, fit_mixture(GOOD), kT=-1), "kT must not be negative"),
    (lambda: cell_entropies([1.0, 2.0], 0.1), "values must have 2 dimension"),
    (lambda: cell_entropies([[1.0, 2.0]], 0.0), "resolution must be positive"),
    (lambda: quantized_forward(digits.network(), np.zeros(63), 0.5), "x0 must hold 64 inputs along its last axis"),
    (lambda: quantized_forward(digits.network(), np.zeros(64), 0.3), "range must be a whole number of cells, got 2.0 / 0.3"),
    (lambda: quantized_forward(digits.network(), np.zeros(64), 4.0), "range must be a whole number of cells"),
    (lambda: quantized_forward(digits.network(), np.zeros(64), 0.5, -1), "range must be positive"),
])
def test_bad_input_is_refused_with_rule_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
