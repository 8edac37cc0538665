"""A network as a Hamiltonian: forces against differences, rest against the forward pass, heat against closed forms."""

import math

import numpy as np
import pytest

from thermolib import digits
from thermolib.hamiltonian import NetworkHamiltonian, RelaxationError
from thermolib.langevin import jarzynski_free_energy, simulate
from zscores import SEEDS, assert_consistent, mean_and_error, variance_and_error

KT, MOBILITY, KAPPA = 0.3, 0.6, (1.7, 0.8, 2.5)
ELASTIC = ("identity", "relu", "leaky-relu", "softplus", "logistic", "tanh", "gelu", "softmax", "layer-norm")
FENCHEL_YOUNG = ("identity", "relu", "leaky-relu", "softplus", "logistic", "tanh")


def chain(activation="tanh", form="elastic", kT=None, widths=(3, 4, 5, 2), seed=0, stiffness=KAPPA):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])]
    biases = [0.3 * rng.standard_normal(m) for m in widths[1:]]
    if np.size(stiffness) > 1:
        stiffness = stiffness[: len(weights)]
    return NetworkHamiltonian(weights, biases, activation, stiffness, form, kT)


def inside(network, n, seed=1):
    """States that every form allows: images of random input sums."""
    h = 0.3 * np.random.default_rng(seed).standard_normal((n, network.shape[0]))
    return np.concatenate([form.rest(part) for form, part in zip(network._forms, network.split(h))], axis=-1)


def slope(function, x, step=1e-6):
    """Central differences of a function of one state, unit by unit."""
    return np.array([(function(x + step * v) - function(x - step * v)) / (2 * step) for v in np.eye(len(x))])


INPUT = np.array([0.7, -0.4, 1.1])
TARGET = np.array([0.3, 0.6])


# --- energy and force ------------------------------------------------------------------------------------------------------


def test_energy_written_out():
    network = chain()
    x = inside(network, 1)[0]
    before, total = INPUT, 0.0
    for k, (w, b, layer) in enumerate(zip(network.weights, network.biases, network.split(x))):
        total += 0.5 * KAPPA[k] * np.sum((layer - np.tanh(w @ before + b)) ** 2)
        before = layer
    assert network.energy(x[None], INPUT) == pytest.approx([total], rel=1e-12)


@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize("activation", ELASTIC)
def test_elastic_force_is_minus_the_slope_of_the_energy(activation, clamped):
    network = chain(activation)
    x = inside(network, 1)[0] + 0.05
    control = INPUT
    if clamped:
        x, control = x[: network.hidden], (INPUT, TARGET)
    expected = -slope(lambda v: network.energy(v[None], control)[0], x)
    assert network.force(x[None], control)[0] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("kT", [None, KT])
@pytest.mark.parametrize("activation", FENCHEL_YOUNG)
def test_fenchel_young_force_is_minus_the_slope_of_the_energy(activation, kT):
    network = chain(activation, "fenchel-young", kT)
    x = inside(network, 1)[0]
    if activation == "relu":
        x = x + 0.2  # off the wall, where there is no slope
    expected = -slope(lambda v: network.energy(v[None], INPUT)[0], x)
    assert network.force(x[None], INPUT)[0] == pytest.approx(expected, abs=2e-6)


def test_softmax_force_lies_along_the_simplex():
    network = chain("softmax", "fenchel-young", KT)
    x = inside(network, 1)[0]
    force = network.force(x[None], INPUT)[0]
    rng = np.random.default_rng(3)
    for part in network.split(np.arange(len(x))):
        assert force[part].sum() == pytest.approx(0, abs=1e-12)
        along = np.zeros(len(x))
        along[part] = rng.standard_normal(len(part))
        along[part] -= along[part].mean()
        along *= 0.1
        rise = (network.energy((x + 1e-6 * along)[None], INPUT) - network.energy((x - 1e-6 * along)[None], INPUT)) / 2e-6
        assert force @ along == pytest.approx(-rise[0], abs=1e-7)


@pytest.mark.parametrize("form, kT", [("elastic", None), ("fenchel-young", None), ("fenchel-young", KT)])
def test_input_and_parameter_forces_are_slopes(form, kT):
    network = chain("tanh", form, kT)
    x = inside(network, 1)[0]
    expected = -slope(lambda v: network.energy(x[None], v)[0], INPUT)
    assert network.input_force(x[None], INPUT)[0] == pytest.approx(expected, abs=1e-7)
    expected = -slope(lambda v: network.with_parameters(v).energy(x[None], INPUT)[0], network.parameters)
    assert network.parameter_force(x[None], INPUT)[0] == pytest.approx(expected, abs=1e-7)


def test_forces_come_in_batches_of_inputs():
    network = chain()
    x, x0 = inside(network, 6), np.random.default_rng(2).standard_normal((6, 3))
    force, energy = network.force(x, x0), network.energy(x, x0)
    for k in range(6):
        assert force[k] == pytest.approx(network.force(x[k : k + 1], x0[k])[0], abs=1e-13)
        assert energy[k] == pytest.approx(network.energy(x[k : k + 1], x0[k])[0], rel=1e-12)


# --- result 1: one minimum, the forward pass ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ELASTIC)
def test_relaxation_from_random_starts_ends_in_the_forward_pass(activation):
    network = chain(activation)
    start = 2 * np.random.default_rng(1).standard_normal((30, network.shape[0]))
    found = network.relax(INPUT, start)
    forward = network.forward(INPUT)
    assert np.abs(found - forward).max() < 1e-7
    assert network.energy(found, INPUT).max() < 1e-14
    assert all(np.abs(s).max() < 1e-8 for s in network.stress(found, INPUT))
    assert np.abs(network.input_force(found, INPUT)).max() < 1e-8


@pytest.mark.parametrize("activation", FENCHEL_YOUNG + ("softmax",))
def test_the_other_form_rests_in_the_forward_pass_as_well(activation):
    network = chain(activation, "fenchel-young")
    found = network.relax(INPUT, inside(network, 20))
    assert np.abs(found - network.forward(INPUT)).max() < 1e-7
    assert np.abs(network.energy(found, INPUT)).max() < 1e-12


@pytest.mark.parametrize("name", digits.NAMES)
def test_the_digits_network_relaxes_to_its_answers(name):
    network, data = digits.network(name), digits.load()
    images = data.images[::40]
    start = np.random.default_rng(0).standard_normal((len(images), network.shape[0]))
    assert np.abs(network.relax(images, start) - network.forward(images)).max() < 1e-8


def test_a_relaxation_that_stops_says_what_is_left():
    network = chain()
    with pytest.raises(RelaxationError, match="stopped after 1 steps with a residual force of .* above the tolerance of 1e-09") as info:
        network.relax(INPUT, inside(network, 2) + 3, max_steps=1)
    assert info.value.state.shape == (2, 11) and info.value.residual.max() > 1e-9


def test_feedback_gives_a_clamped_network_a_second_minimum():
    """(x + 3)^2 / 2 + 5 (1 - tanh 5x)^2: both ends held, two places to rest."""
    network = NetworkHamiltonian([[[1.0]], [[5.0]]], [[0.0], [0.0]], ["identity", "tanh"], [1.0, 10.0])
    control = (np.array([-3.0]), np.array([1.0]))
    ends = {round(float(network.relax(control, np.array([s]))[0]), 3) for s in (-4.0, -3.0, 0.5, 1.0)}
    assert len(ends) == 2


# --- result 2: the free energy does not know the input ------------------------------------------------------------------------


def test_partition_function_by_quadrature_does_not_depend_on_input_or_parameters():
    axis = np.linspace(-6, 6, 1201)
    first, second = np.meshgrid(axis, axis, indexing="ij")
    grid = np.stack([first.ravel(), second.ravel()], axis=-1)
    values = []
    for w, x0 in ((1.3, -0.7), (0.2, 2.0)):
        network = NetworkHamiltonian([[[w]], [[-2.0]]], [[0.1], [0.0]], "tanh", (1.7, 0.8))
        weight = np.exp(-network.energy(grid, np.array([x0])) / KT)
        values.append(-KT * math.log(weight.sum() * (axis[1] - axis[0]) ** 2))
        assert values[-1] == pytest.approx(network.free_energy(KT), abs=1e-9)
    assert values[0] == pytest.approx(values[1], abs=1e-9)


def test_mean_energy_is_half_kT_for_each_unit():
    network = chain()
    found = [mean_and_error(network.energy(network.sample(INPUT, 2000, KT, seed), INPUT)) for seed in SEEDS]
    assert_consistent(*np.transpose(found), 11 * KT / 2)


def test_jarzynski_between_two_inputs_is_zero():
    network, ends = chain(widths=(3, 3, 2)), (INPUT, np.array([-0.5, 0.9, 0.2]))
    values = []
    for seed in SEEDS:
        run = simulate(network, lambda t: ends[0] + (ends[1] - ends[0]) * t / 8, network.sample(ends[0], 1000, KT, seed),
                       duration=8.0, dt=0.05, kT=KT, mobility=MOBILITY, rng=100 + seed)
        estimate = jarzynski_free_energy(run.work, KT)
        values.append((estimate.value, estimate.error))
        assert run.work.mean() > 0
    assert_consistent(*np.transpose(values), 0.0)


# --- result 3: equilibrium is a noisy forward pass -------------------------------------------------------------------------------


def test_langevin_dynamics_samples_what_the_forward_pass_draws():
    """Unit by unit, mean and variance of the dynamics against those of 10^5 ancestral draws; started elsewhere."""
    network = chain(widths=(3, 3, 2))
    drawn = network.sample(INPUT, 100000, KT, 7)
    runs = []
    for seed in SEEDS:
        start = network.forward(INPUT) + np.zeros((500, 1))
        runs.append(simulate(network, lambda t: INPUT, start, duration=14.0, dt=0.05, kT=KT, mobility=MOBILITY, rng=seed,
                             scheme="leimkuhler-matthews").x)
    for unit in range(5):
        column = drawn[:, unit]
        mean, error = mean_and_error(column)
        found = np.array([mean_and_error(x[:, unit]) for x in runs])
        assert_consistent(found[:, 0], np.hypot(found[:, 1], error), mean)
        moment, error = mean_and_error((column - mean) ** 2)
        found = np.array([mean_and_error((x[:, unit] - mean) ** 2) for x in runs])
        assert_consistent(found[:, 0], np.hypot(found[:, 1], error), moment)


def test_noise_of_a_linear_network_has_the_variance_of_its_layers():
    """x_2 = W_2 x_1 + noise: Var = kT (1 / kappa_2 + W_2 W_2^T / kappa_1), and no mean force on the input."""
    network = chain("identity", widths=(3, 4, 2))
    exact = KT * (np.eye(2) / KAPPA[1] + network.weights[1] @ network.weights[1].T / KAPPA[0])
    for unit in range(2):
        found = [variance_and_error(network.split(network.sample(INPUT, 2000, KT, seed))[1][:, unit]) for seed in SEEDS]
        assert_consistent(*np.transpose(found), exact[unit, unit])
    forces = [network.input_force(network.sample(INPUT, 2000, KT, seed), INPUT) for seed in SEEDS]
    for i in range(3):
        assert_consistent(*np.transpose([mean_and_error(f[:, i]) for f in forces]), 0.0)


@pytest.mark.parametrize("activation", FENCHEL_YOUNG)
def test_fenchel_young_draws_have_the_rounded_means(activation):
    network = chain(activation, "fenchel-young", KT, widths=(3, 4), stiffness=1.7)
    h = network.weights[0] @ (0.2 * INPUT) + network.biases[0]
    exact = network.activations[0].thermal(h, KT / 1.7)
    rise = network.activations[0].thermal(h + 1e-4, KT / 1.7) - network.activations[0].thermal(h - 1e-4, KT / 1.7)
    errors = np.sqrt(KT / 1.7 * rise / 2e-4 / 3000)  # the variance is T df_T / dh
    draws = [network.sample(0.2 * INPUT, 3000, KT, seed) for seed in SEEDS]
    for unit in np.flatnonzero(errors > 3e-3):
        assert_consistent([d[:, unit].mean() for d in draws], np.full(len(draws), errors[unit]), exact[unit])
    assert network.free_energy(KT) == 0.0


# --- clamped: stress ------------------------------------------------------------------------------------------------------------


def test_clamped_linear_network_has_its_closed_form():
    """F = e^T S^-1 e / 2 with S = sum_l P_l P_l^T / kappa_l, and stress s_l = P_l^T S^-1 e."""
    network = chain("identity")
    x = network.relax((INPUT, TARGET))
    products = [np.eye(2)]
    for w in reversed(network.weights[1:]):
        products.insert(0, products[0] @ w)
    S = sum(p @ p.T / k for p, k in zip(products, KAPPA))
    pull = np.linalg.solve(S, TARGET - network.split(network.forward(INPUT))[-1])
    error = TARGET - network.split(network.forward(INPUT))[-1]
    assert network.energy(x[None], (INPUT, TARGET))[0] == pytest.approx(0.5 * error @ pull, rel=1e-10)
    for stress, product in zip(network.stress(x[None], (INPUT, TARGET)), products):
        assert stress[0] == pytest.approx(product.T @ pull, abs=1e-9)


def test_stress_obeys_the_recursion_of_backpropagation_at_any_stiffness():
    network = chain()
    x = network.relax((INPUT, TARGET))
    stress = [s[0] for s in network.stress(x[None], (INPUT, TARGET))]
    layers = [*network.split(x), TARGET]
    for k in (0, 1):
        h = network.weights[k + 1] @ layers[k] + network.biases[k + 1]
        back = network.weights[k + 1].T @ ((1 - np.tanh(h) ** 2) * stress[k + 1])
        assert stress[k] == pytest.approx(back, abs=1e-8)
    assert np.abs(stress[0]).max() > 1e-3


def test_parameter_force_is_the_slope_of_the_relaxed_energy():
    """The neurons are at rest, so only the explicit dependence on the parameters counts."""
    network = chain(widths=(3, 3, 2))
    control = (INPUT, TARGET)

    def relaxed_energy(theta):
        changed = network.with_parameters(theta)
        return changed.energy(changed.relax(control)[None], control)[0]

    x = network.relax(control)
    expected = -slope(relaxed_energy, network.parameters, 1e-5)
    assert network.parameter_force(x[None], control)[0] == pytest.approx(expected, abs=1e-7)


def test_soft_clamping_gives_the_backpropagated_gradient_with_an_error_proportional_to_the_stiffness():
    distances = []
    for soft in (1e-1, 1e-2, 1e-3):
        network = chain(stiffness=(1.0, 1.0, soft))
        x = network.relax((INPUT, TARGET), tolerance=1e-12)
        force = network.parameter_force(x[None], (INPUT, TARGET))[0] / soft
        theta = network.parameters

        def loss(v, network=network):
            return 0.5 * np.sum((network.split(network.with_parameters(v).forward(INPUT))[-1] - TARGET) ** 2)

        gradient = slope(loss, theta, 1e-5)
        distances.append(np.linalg.norm(force + gradient) / np.linalg.norm(gradient))
    assert distances[0] / distances[1] == pytest.approx(10, rel=0.15)
    assert distances[1] / distances[2] == pytest.approx(10, rel=0.15)


# --- refusals ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation, why", [("tanh", "have discrete states"), ("logistic", "have discrete states"),
                                             ("relu", "have a wall"), ("softplus", "have a wall")])
def test_langevin_refuses_what_it_would_move_wrongly(activation, why):
    network = chain(activation, "fenchel-young", KT)
    with pytest.raises(ValueError, match=f"{activation} units in Fenchel-Young form {why}"):
        simulate(network, lambda t: INPUT, inside(network, 2), duration=1.0, dt=0.1, kT=KT, rng=0)


def test_springs_in_fenchel_young_form_may_be_moved():
    network = chain("identity", "fenchel-young")
    run = simulate(network, lambda t: INPUT, inside(network, 3), duration=60.0, dt=0.05, kT=0.0, mobility=MOBILITY, rng=0)
    assert run.x == pytest.approx(np.tile(network.forward(INPUT), (3, 1)), abs=1e-3)


def test_bad_input_is_refused_by_name():
    w, b = np.ones((2, 3)), np.zeros(2)
    network = chain()
    for call, message in (
        (lambda: NetworkHamiltonian([], []), "weights and biases must hold one entry per layer, got 0 and 0"),
        (lambda: NetworkHamiltonian([w], [np.zeros(3)]), "layer 1: bias must have the length 2 of its layer, got 3"),
        (lambda: NetworkHamiltonian([w, w], [b, b]), "block 2 must read sources of"),
        (lambda: NetworkHamiltonian([w], [b], ["tanh", "relu"]), r"activation must be a name or one per layer \(1\)"),
        (lambda: NetworkHamiltonian([w], [b], "swish"), "activation must be one of identity, relu"),
        (lambda: NetworkHamiltonian([w], [b], stiffness=-1.0), "stiffness must be positive"),
        (lambda: NetworkHamiltonian([w], [b], form="rubber"), "form must be one of elastic, fenchel-young, got 'rubber'"),
        (lambda: NetworkHamiltonian([w], [b], "gelu", form="fenchel-young"), "form must be 'elastic' for gelu units"),
        (lambda: network.forward(np.zeros(2)), "x0 must hold 3 inputs along its last axis"),
        (lambda: network.split(np.zeros(5)), "x must hold 11 units along its last axis, or 9"),
        (lambda: network.relax((INPUT, np.zeros(3))), "y must hold 2 outputs along its last axis"),
        (lambda: network.relax(INPUT, np.zeros(4)), "start must hold 11 finite units"),
        (lambda: network.sample((INPUT, TARGET), 3, KT, 0), "control must be the input alone"),
        (lambda: network.levels, "layers must all be two-level units in Fenchel-Young form, got layer 1"),
        (lambda: chain("tanh", "fenchel-young", KT).sample(INPUT, 3, 2 * KT, 0), "kT must be that of the network"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
