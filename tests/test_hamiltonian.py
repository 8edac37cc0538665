"""Energies of networks against differences, closed forms, enumeration, and equilibrium found by another way."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import multivariate_normal

from thermolib import activations, digits
from thermolib.activations import Activation
from thermolib.blocks import Convolution, Dense, Product, Sum, TokenDense, transformer_block
from thermolib.hamiltonian import NetworkHamiltonian, RelaxationError
from thermolib.langevin import jarzynski_free_energy, simulate
from zscores import SEEDS, assert_consistent, mean_and_error

KT = 0.6
STIFFNESS = [1.3, 0.7, 2.1]
MOBILITY = 1.7
NAMES = ("identity", "relu", "leaky-relu", "softplus", "logistic", "tanh", "softmax", "gelu", "layer-norm")
WITH_ENERGY = NAMES[:7]


def chain(activation, form="elastic", kT=None, *, widths=(4, 6, 5, 3), gain=1.5, seed=0, stiffness=STIFFNESS):
    rng = np.random.default_rng(seed)
    weights = [gain * rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])]
    biases = [0.5 * rng.standard_normal(m) for m in widths[1:]]
    return NetworkHamiltonian(weights, biases, activation, stiffness, form, kT)


def convolutional():
    rng = np.random.default_rng(1)
    return NetworkHamiltonian.from_blocks(
        [
            Convolution(rng.standard_normal((3, 1, 3, 3)) / 3, 0.3 * rng.standard_normal(3), (1, 6, 6), "relu"),
            Convolution(rng.standard_normal((2, 3, 2, 2)) / 3, 0.3 * rng.standard_normal(2), (3, 4, 4), "tanh", stride=2),
            Dense(rng.standard_normal((4, 8)) / 3, 0.3 * rng.standard_normal(4), "identity"),
        ],
        STIFFNESS,
    )


def residual():
    rng = np.random.default_rng(8)
    return NetworkHamiltonian.from_blocks(
        [Dense(rng.standard_normal((4, 4)), np.full(4, 0.2)), Dense(rng.standard_normal((4, 4)), np.zeros(4)),
         Sum(4, reads=(0, 1, 2))],
        STIFFNESS,
    )


def transformer():
    return NetworkHamiltonian.from_blocks(transformer_block(3, 4, 2, 5, rng=3), np.linspace(0.6, 1.7, 12))


def interior(network, n, seed=0):
    """Random states; of a Fenchel-Young form inside the domain, of elastic ones anywhere."""
    rng = np.random.default_rng(seed)
    if network.langevin_refusal:
        return network.forward(2 * rng.standard_normal((n, network.inputs))) * 0.9 + 0.05 * rng.random((n, *network.shape))
    return 2 * rng.standard_normal((n, *network.shape))


def slopes(function, x, step=1e-5):
    """Gradient of a scalar function of one array (d,)."""
    return np.array([(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(len(x))])


NETWORKS = {
    **{f"elastic {name}": chain(name) for name in NAMES},
    **{f"fenchel-young {name}": chain(name, "fenchel-young") for name in WITH_ENERGY if name != "softmax"},
    **{f"fenchel-young {name} warm": chain(name, "fenchel-young", KT) for name in WITH_ENERGY if name != "softmax"},
    "mixed": chain(["relu", "tanh", "identity"], ["elastic", "fenchel-young", "elastic"], KT),
    "convolutional": convolutional(),
    "residual": residual(),
    "transformer": transformer(),
}


# --- forces are slopes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_force_is_minus_the_slope_of_the_energy(network):
    """On the units, free and clamped, on the input, and on the parameters."""
    rng = np.random.default_rng(7)
    x0, x = rng.standard_normal(network.inputs), interior(network, 1)[0]
    y, hidden = network.split(x)[-1], x[: network.hidden]
    assert network.force(x, x0) == pytest.approx(-slopes(lambda v: network.energy(v, x0), x), abs=3e-7)
    assert network.force(hidden, (x0, y)) == pytest.approx(-slopes(lambda v: network.energy(v, (x0, y)), hidden), abs=3e-7)
    assert network.energy(hidden, (x0, y)) == pytest.approx(network.energy(x, x0), rel=1e-14)
    assert network.input_force(x, x0) == pytest.approx(-slopes(lambda v: network.energy(x, v), x0), abs=3e-7)
    assert np.array_equal(network.input_force(hidden, (x0, y)), network.input_force(x, x0))
    on_parameters = -slopes(lambda v: network.with_parameters(v).energy(x, x0), network.parameters)
    assert network.parameter_force(x, x0) == pytest.approx(on_parameters, abs=3e-7)
    assert np.array_equal(network.parameter_force(hidden, (x0, y)), network.parameter_force(x, x0))


@pytest.mark.parametrize("kT", [None, KT])
def test_force_on_softmax_units_is_the_slope_along_the_simplex(kT):
    network = chain("softmax", "fenchel-young", kT)
    rng = np.random.default_rng(7)
    x0, x = rng.standard_normal(4), network.forward(rng.standard_normal(4))
    force = network.force(x, x0)
    for part, at in zip(network.split(np.arange(14)), network.split(force)):
        assert at.sum() == pytest.approx(0, abs=1e-13)
        way = np.zeros(14)
        way[part] = 1e-6 * (np.eye(len(part))[0] - 1 / len(part))
        slope = (network.energy(x + way, x0) - network.energy(x - way, x0)) / 2
        assert force @ way == pytest.approx(-slope, rel=1e-6)
    on_parameters = -slopes(lambda v: network.with_parameters(v).energy(x, x0), network.parameters)
    assert network.parameter_force(x, x0) == pytest.approx(on_parameters, abs=1e-7)


def test_elastic_energy_is_the_sum_of_its_springs():
    network, rng = chain("tanh"), np.random.default_rng(2)
    x0, x = rng.standard_normal((5, 4)), rng.standard_normal((5, 14))
    expected = np.zeros(5)
    for k in range(5):
        before = x0[k]
        for w, b, kappa, layer in zip(network.weights, network.biases, STIFFNESS, network.split(x[k])):
            expected[k] += kappa / 2 * sum((layer - np.tanh(w @ before + b)) ** 2)
            before = layer
    assert network.energy(x, x0) == pytest.approx(expected, rel=1e-13)
    assert network.energy(x, x0[2])[2] == pytest.approx(expected[2], rel=1e-13)  # one input for all
    stress = network.stress(x, x0)
    assert [s.shape for s in stress] == [(5, 6), (5, 5), (5, 3)]
    assert sum((s**2).sum(axis=-1) / (2 * k) for s, k in zip(stress, STIFFNESS)) == pytest.approx(expected, rel=1e-13)


def test_fenchel_young_energy_is_that_of_its_neurons():
    """With the temperature kT / kappa of each layer."""
    network, x0 = chain(["relu", "tanh", "identity"], "fenchel-young", KT), np.array([0.3, -1.0, 0.8, 0.1])
    x = interior(network, 1)[0]
    total, before = 0.0, x0
    for w, b, act, kappa, layer in zip(network.weights, network.biases, network.activations, STIFFNESS, network.split(x)):
        total += kappa * act.fenchel_young(layer, w @ before + b, KT / kappa).sum()
        before = layer
    assert network.energy(x, x0) == pytest.approx(total, rel=1e-13)


# --- one stationary state: the forward pass ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_elastic_networks_relax_to_the_forward_pass_from_anywhere(name):
    network, rng = chain(name), np.random.default_rng(3)
    x0 = rng.standard_normal((60, 4))
    x = network.relax(x0, 3 * rng.standard_normal((60, 14)))
    assert x == pytest.approx(network.forward(x0), abs=1e-9)
    assert network.energy(x, x0).max() < 1e-20
    assert max(np.abs(s).max() for s in network.stress(x, x0)) < 1e-9
    assert np.abs(network.input_force(x, x0)).max() < 1e-8


@pytest.mark.parametrize("kT", [None, KT])
@pytest.mark.parametrize("name", WITH_ENERGY)
def test_fenchel_young_networks_relax_to_the_forward_pass_from_anywhere(name, kT):
    """Also at the wall of a ReLU, at the ends of logistic and tanh units, and on the simplex."""
    rng = np.random.default_rng(4)
    starts = {
        "relu": rng.exponential(2, (60, 14)) * (rng.random((60, 14)) < 0.6),
        "softplus": rng.exponential(2, (60, 14)),
        "logistic": rng.integers(0, 2, (60, 14)).astype(float),
        "tanh": rng.uniform(-1, 1, (60, 14)),
        "softmax": np.concatenate([rng.dirichlet(np.full(n, 0.3), 60) for n in (6, 5, 3)], axis=-1),
    }
    continuous = name not in ("logistic", "tanh", "softmax")
    network, x0 = chain(name, "fenchel-young", None if continuous else kT), rng.standard_normal((60, 4))
    x = network.relax(x0, starts.get(name, 3 * rng.standard_normal((60, 14))))
    assert x == pytest.approx(network.forward(x0), abs=1e-7)
    assert np.abs(network.energy(x, x0)).max() < 1e-12
    if kT is not None and not continuous:
        h = network.weights[0] @ x0[0] + network.biases[0]
        assert network.split(x[0])[0] == pytest.approx(network.activations[0].f(1.3 * h / KT), abs=1e-7)


@pytest.mark.parametrize("name", ["identity", "relu", "leaky-relu"])
def test_warm_fenchel_young_networks_come_to_rest_with_a_stress(name):
    """The counter-term takes the mean force off, so that at the state of no motion f and f_T differ by a stress."""
    network, x0 = chain(name, "fenchel-young", KT), np.random.default_rng(5).standard_normal((20, 4))
    x = network.relax(x0)
    last = network.split(x)[-1]
    h = network.split(x)[1] @ network.weights[-1].T + network.biases[-1]
    assert last == pytest.approx(network.activations[-1].f(h), abs=1e-8)
    expected = 2.1 * (last - network.activations[-1].thermal(h, KT / 2.1))
    assert network.stress(x, x0)[-1] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("network", [convolutional(), residual(), transformer()],
                         ids=["convolutional", "residual", "transformer"])
def test_modern_networks_relax_to_their_forward_pass(network):
    rng = np.random.default_rng(6)
    x0 = rng.standard_normal((10, network.inputs))
    x = network.relax(x0, rng.standard_normal((10, *network.shape)))
    assert x == pytest.approx(network.forward(x0), abs=1e-9) and network.energy(x, x0).max() < 1e-20
    units = np.repeat(network.stiffness, network.widths)
    assert network.free_energy(KT) == pytest.approx(-0.5 * KT * np.log(2 * math.pi * KT / units).sum(), rel=1e-12)
    drawn = network.sample(x0, 40, KT, 1)
    energy = network.energy(drawn.reshape(400, -1), np.tile(x0, (40, 1)))
    assert abs(energy.mean() - 0.5 * KT * len(units)) < 4 * energy.std() / 20


@pytest.mark.parametrize("name", digits.NAMES)
def test_all_digits_relax_at_once(name):
    network, data = digits.network(name, [1.0, 2.0, 0.5]), digits.load()
    start = 2 * np.random.default_rng(7).standard_normal((1797, 74))
    x = network.relax(data.images, start, tolerance=1e-8)
    assert np.abs(x - network.forward(data.images)).max() < 1e-7
    assert network.energy(x, data.images).max() < 1e-17


def test_depth_is_slow_but_not_a_trap():
    network = chain("tanh", widths=(10,) * 26, stiffness=1.0, seed=8)
    rng = np.random.default_rng(8)
    x0 = rng.standard_normal((5, 10))
    assert network.relax(x0, rng.standard_normal((5, 250))) == pytest.approx(network.forward(x0), abs=1e-6)


def test_relaxation_in_time_ends_in_the_same_state():
    """Gradient flow, in the order of the layers: the last comes to rest after the first."""
    network, x0 = chain("tanh", gain=0.7), np.array([0.3, -1.0, 0.8, 0.1])
    start = np.random.default_rng(9).standard_normal((4, 14))
    run = simulate(network, lambda t: x0, start, duration=60.0, dt=0.05, kT=0.0, mobility=MOBILITY, rng=1, record=[2.0])
    assert run.x == pytest.approx(np.tile(network.forward(x0), (4, 1)), abs=1e-9)
    assert run.heat == pytest.approx(network.energy(start, x0), rel=1e-9)
    flow = solve_ivp(lambda t, x: MOBILITY * network.force(x, x0), (0, 2.0), start[0], rtol=1e-9, atol=1e-9)
    assert run.recorded_x[0, 0] == pytest.approx(flow.y[:, -1], abs=2e-3)


@pytest.mark.parametrize("form", ["elastic", "fenchel-young"])
def test_linear_networks_relax_in_a_single_step(form):
    """Free and clamped: then the springs of the solver are the network itself."""
    network, rng = chain("identity", form), np.random.default_rng(20)
    x0, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    network.relax(x0, rng.standard_normal((6, 14)), max_steps=1, tolerance=1e-7)
    network.relax((x0, y), rng.standard_normal((6, 11)), max_steps=1, tolerance=1e-7)


def test_other_networks_relax_in_few_steps():
    data = digits.load()
    digits.network("tanh").relax((data.images[:300], data.targets[:300]), max_steps=5)
    rng = np.random.default_rng(21)
    for network, free, clamped in (
        (chain("tanh"), 4, 9), (chain("logistic", "fenchel-young"), 6, 4), (chain("tanh", "fenchel-young", KT), 16, 12),
        (chain("relu", "fenchel-young"), 9, 7), (chain("softmax", "fenchel-young"), 6, 4), (convolutional(), 3, 5),
        (transformer(), 6, 17),
    ):
        x0 = rng.standard_normal((20, network.inputs))
        y = network.split(network.forward(x0 + 0.5 * rng.standard_normal(x0.shape)))[-1]
        network.relax(x0, interior(network, 20), max_steps=free)
        network.relax((x0, y), max_steps=clamped)


def test_relax_of_many_is_relax_of_each():
    network, rng = chain("tanh"), np.random.default_rng(10)
    x0, y = rng.standard_normal((2, 3, 4)), rng.standard_normal((3, 3))
    together = network.relax((x0, y))
    assert together.shape == (2, 3, 11)
    for i, j in product(range(2), range(3)):
        assert together[i, j] == pytest.approx(network.relax((x0[i, j], y[j])), abs=1e-8)
    assert network.relax(x0[0, 0]).shape == (14,)
    assert network.relax(x0[0, 0], np.zeros((5, 14))).shape == (5, 14)


def test_relax_says_where_it_stops():
    network, x0 = chain("tanh"), np.random.default_rng(11).standard_normal((4, 4))
    with pytest.raises(RelaxationError, match="stopped after 1 steps with a residual force of .* in 4 of 4 states, above the "
                                              "tolerance of 1e-09") as stopped:
        network.relax(x0, np.ones((4, 14)), max_steps=1)
    error = stopped.value
    left = np.abs(network.force(error.state, x0)).max(axis=-1)
    assert error.residual == pytest.approx(left, rel=1e-12)
    assert network.energy(error.state, x0).max() < network.energy(np.ones((4, 14)), x0).min()
    assert network.relax(x0, error.state) == pytest.approx(network.forward(x0), abs=1e-9)


def test_a_clamped_relu_can_come_to_rest_at_its_kink():
    """x1 is drawn up to 1, but where h2 = x1 > 0 the second unit, held far below by the third, draws it down harder."""
    network = NetworkHamiltonian([[[1.0]], [[1.0]], [[1.0]]], [[1.0], [0.0], [1.0]], ["identity", "relu", "identity"])
    control = (np.array([0.0]), np.array([-3.0]))
    states = np.stack(np.meshgrid(np.linspace(-2, 2, 401), np.linspace(-4, 2, 601), indexing="ij"), axis=-1).reshape(-1, 2)
    assert states[network.energy(states, control).argmin()] == pytest.approx([0, -2], abs=1e-9)
    with pytest.raises(RelaxationError, match="residual force of"):
        network.relax(control, np.array([0.3, 0.4]))


def test_bad_starts_and_controls_are_refused():
    network = chain("tanh")
    x0, y = np.zeros(4), np.zeros(3)
    with pytest.raises(ValueError, match="x0 must hold 4 inputs along its last axis, got shape"):
        network.relax(np.zeros(3))
    with pytest.raises(ValueError, match="y must hold 3 outputs along its last axis, got shape"):
        network.relax((x0, x0))
    with pytest.raises(ValueError, match=r"control must be x0, or a pair \(x0, y\), got a tuple of 3"):
        network.relax((x0, y, y))
    with pytest.raises(ValueError, match="x0 must be finite"):
        network.forward(np.full(4, math.nan))
    with pytest.raises(ValueError, match="start must hold 11 finite units along its last axis, got shape"):
        network.relax((x0, y), np.zeros(14))
    with pytest.raises(ValueError, match="start must hold 14 finite units"):
        network.relax(x0, np.full(14, math.inf))
    with pytest.raises(ValueError, match="start must lie in the domain of the activations"):
        chain("tanh", "fenchel-young").relax(x0, np.full(14, 1.5))
    for bad, message in (({"tolerance": 0.0}, "tolerance must be positive"), ({"max_steps": 0}, "max_steps must be an integer")):
        with pytest.raises(ValueError, match=message):
            network.relax(x0, **bad)
    for states, control in ((np.zeros(14), (x0, y)), (np.zeros(11), x0)):
        with pytest.raises(ValueError, match=r"control must be \(x0, y\) for a state of 11 hidden units, and x0 for one of all 14"):
            network.energy(states, control)
    with pytest.raises(ValueError, match="x must hold 14 units along its last axis, or 11 if the output is clamped, got shape"):
        network.split(np.zeros(13))


# --- equilibrium ----------------------------------------------------------------------------------------------------------------


def test_sample_is_a_noisy_forward_pass():
    """The gaps of all layers are independent, with variance kT / kappa: <F> = (n / 2) kT."""
    network, x0 = chain("tanh"), np.array([0.3, -1.0, 0.8, 0.1])
    draws = [network.sample(x0, 400, KT, seed) for seed in SEEDS]
    assert draws[0].shape == (400, 14)
    assert_consistent(*np.transpose([mean_and_error(network.energy(x, x0)) for x in draws]), 7 * KT)
    for layer, kappa in enumerate(STIFFNESS):
        gaps = [network.stress(x, x0)[layer] / kappa for x in draws]
        for unit in range(network.widths[layer]):
            assert_consistent(*np.transpose([mean_and_error(g[:, unit] ** 2) for g in gaps]), KT / kappa)
            assert_consistent(*np.transpose([mean_and_error(g[:, unit]) for g in gaps]), 0.0)
    back = [network.input_force(x, x0) for x in draws]
    for unit in range(4):
        assert_consistent(*np.transpose([mean_and_error(f[:, unit]) for f in back]), 0.0)
    many = network.sample(np.tile(x0, (3, 1)), 5, KT, 1)
    assert many.shape == (5, 3, 14) and np.ptp(many, axis=1).min() > 0
    assert network.sample(x0, 2, 0.0, 1) == pytest.approx(np.tile(network.forward(x0), (2, 1)), abs=1e-14)


@pytest.mark.parametrize("form, name", [("elastic", "tanh"), ("fenchel-young", "leaky-relu")])
def test_langevin_dynamics_finds_the_ancestral_equilibrium(form, name):
    """From the noiseless state; means and variances of every unit. In the Fenchel-Young form, of leaky springs."""
    network = chain(name, form, KT, widths=(2, 3, 2), gain=0.8, stiffness=STIFFNESS[:2])
    x0 = np.array([0.8, -0.5])
    exact = network.sample(x0, 400_000, KT, 1)
    mean = exact.mean(axis=0)
    start = np.tile(network.forward(x0), (20 * 150, 1))
    x = simulate(network, lambda t: x0, start, duration=7.0, dt=0.02, kT=KT, mobility=MOBILITY, rng=2,
                 scheme="leimkuhler-matthews").x
    runs = np.split(x, 20)
    for unit in range(5):
        assert_consistent(*np.transpose([mean_and_error(x[:, unit]) for x in runs]), mean[unit])
        squares = (exact[:, unit] - mean[unit]) ** 2
        found = [((x[:, unit] - mean[unit]) ** 2).mean() for x in runs]
        assert_consistent(found, np.full(20, squares.std() / math.sqrt(150)), squares.mean())


def test_free_energy_of_a_chain_is_a_gaussian_integral_for_every_input():
    network = chain("tanh", widths=(2, 1, 1), stiffness=[1.3, 0.7])
    expected = -0.5 * KT * (math.log(2 * math.pi * KT / 1.3) + math.log(2 * math.pi * KT / 0.7))
    assert network.free_energy(KT) == pytest.approx(expected, rel=1e-14)
    grid = np.linspace(-9, 9, 901)
    states = np.stack(np.meshgrid(grid, grid), axis=-1)
    for x0 in ((0.0, 0.0), (3.0, -1.0)):
        energy = network.energy(states, np.array(x0))
        partition = np.trapezoid(np.trapezoid(np.exp(-energy / KT), grid), grid)
        assert -KT * math.log(partition) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", ["identity", "relu", "leaky-relu", "softplus"])
def test_warm_fenchel_young_chains_of_continuous_units_are_normalized(name):
    """Two units deep, by integration; and their samples have the means of that density."""
    network = chain(name, "fenchel-young", KT, widths=(1, 1, 1), stiffness=[1.3, 0.7], seed=3)
    low = -30.0 if np.isinf(network.activations[0].domain[0]) else 0.0
    nodes, weights = np.polynomial.legendre.leggauss(200)
    sides = [(low, 0.0), (0.0, 30.0)] if low else [(0.0, 30.0)]  # a kink at 0
    grid = np.concatenate([a + (b - a) * (nodes + 1) / 2 for a, b in sides])
    weights = np.concatenate([(b - a) / 2 * weights for a, b in sides])
    states = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    x0 = np.array([-0.7])
    density = np.exp(-network.energy(states, x0) / KT) * weights[:, None] * weights
    assert density.sum() == pytest.approx(1, abs=2e-4 if name == "leaky-relu" else 1e-6)
    assert network.free_energy(KT) == 0
    draws = [network.sample(x0, 400, KT, seed) for seed in SEEDS]
    for unit in range(2):
        mean = (density * states[..., unit]).sum()
        assert_consistent(*np.transpose([mean_and_error(x[:, unit]) for x in draws]), mean)


def test_warm_fenchel_young_networks_of_discrete_units_are_normalized():
    """By enumeration of two-level and Potts units, and sampled with these probabilities."""
    rng = np.random.default_rng(12)
    weights = [rng.standard_normal(s) for s in ((2, 2), (1, 2), (3, 1))]
    names = ["tanh", "logistic", "softmax"]
    network = NetworkHamiltonian(weights, [np.full(n, 0.3) for n in (2, 1, 3)], names, STIFFNESS, "fenchel-young", KT)
    states = np.array([[a, b, c, *hot] for a, b, c, hot in product((-1, 1), (-1, 1), (0, 1), np.eye(3))])
    for x0 in (np.array([1.5, -2.0]), np.array([0.2, -0.3])):
        probability = np.exp(-network.energy(states, x0) / KT)
        assert probability.sum() == pytest.approx(1, rel=1e-12)
    assert network.free_energy(KT) == 0
    draws = [network.sample(x0, 400, KT, seed) for seed in SEEDS]
    assert set(np.unique(network.split(draws[0])[0])) == {-1.0, 1.0}
    for unit, mean in enumerate(probability @ states):
        assert_consistent(*np.transpose([mean_and_error(x[:, unit]) for x in draws]), mean)
    assert np.array_equal(chain("tanh", "fenchel-young", widths=(1, 2, 1), stiffness=1.0).levels, [[-1.0, 1.0]] * 3)


def test_any_input_path_has_zero_free_energy_difference():
    """Jarzynski: driven fast, so that much is dissipated."""
    network, kT = chain("tanh", widths=(2, 3, 2), stiffness=STIFFNESS[:2]), 0.9
    ends = np.array([[-1.0, 0.5], [1.0, -0.5]])
    estimates, means = [], []
    for seed in SEEDS:
        run = simulate(network, lambda t: ends[0] + t / 1.5 * (ends[1] - ends[0]), network.sample(ends[0], 1000, kT, seed),
                       duration=1.5, dt=0.03, kT=kT, mobility=MOBILITY, rng=seed)
        estimates.append(jarzynski_free_energy(run.work, kT))
        means.append(run.work.mean())
    assert np.mean(means) > 0.3 * kT
    assert_consistent([e.value for e in estimates], [e.error for e in estimates], 0.0)


@pytest.mark.parametrize("activation, why", [("relu", "relu units .* have a wall"), ("softplus", "softplus units .* have a wall"),
                                             ("tanh", "tanh units .* discrete"), ("softmax", "softmax units .* discrete")])
def test_langevin_refuses_what_it_would_move_wrongly(activation, why):
    network = chain(activation, "fenchel-young", KT)
    for system, control in ((network, np.zeros(4)), (network.clamped, (np.zeros(4), np.zeros(3)))):
        with pytest.raises(ValueError, match=f"system must be one that Langevin steps can move, .*{why}"):
            simulate(system, lambda t: control, np.full((2, *system.shape), 0.2), duration=1.0, dt=0.1, kT=KT, rng=1)
    assert not chain(activation).langevin_refusal


def test_temperatures_and_levels_that_do_not_fit_are_refused():
    network = chain("tanh", "fenchel-young", KT)
    for at in (network, chain("relu", "fenchel-young")):
        with pytest.raises(ValueError, match="kT must be that of the network in Fenchel-Young form, .*, got 0.7"):
            at.sample(np.zeros(4), 3, 0.7, 1)
        with pytest.raises(ValueError, match="kT must be that of the network in Fenchel-Young form"):
            at.free_energy(0.7)
    with pytest.raises(ValueError, match="control must be the input alone: with the output clamped"):
        network.sample((np.zeros(4), np.zeros(3)), 3, KT, 1)
    with pytest.raises(ValueError, match="layers must all be two-level units in Fenchel-Young form, got layer 2"):
        _ = chain(["tanh", "relu", "tanh"], "fenchel-young").levels
    with pytest.raises(ValueError, match="layers must all be two-level units in Fenchel-Young form, got layer 1"):
        _ = chain("tanh").levels
    with pytest.raises(ValueError, match="kT must be positive"):
        chain("tanh", "fenchel-young", 0.0)


# --- clamped ------------------------------------------------------------------------------------------------------------------


def propagators(network):
    """P_l = W_L ... W_{l+1} of a linear network, the last of them 1."""
    found = [np.eye(network.widths[-1])]
    for w in network.weights[:0:-1]:
        found.insert(0, found[0] @ w)
    return found


def test_clamped_linear_networks_in_closed_form():
    """F = e^T S^-1 e / 2 with S = sum P P^T / kappa, and the stress P^T S^-1 e."""
    network, rng = chain("identity"), np.random.default_rng(13)
    x0, y = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    x = network.relax((x0, y), rng.standard_normal((6, 11)))
    paths = propagators(network)
    compliance = sum(p @ p.T / k for p, k in zip(paths, STIFFNESS))
    error = y - network.split(network.forward(x0))[-1]
    pull = np.linalg.solve(compliance, error.T).T
    assert network.energy(x, (x0, y)) == pytest.approx(0.5 * (error * pull).sum(axis=-1), rel=1e-9)
    for stress, path in zip(network.stress(x, (x0, y)), paths):
        assert stress == pytest.approx(pull @ path, abs=1e-8)


def test_clamped_energy_is_the_likelihood_of_the_noisy_network():
    """-kT ln p(y | x0) of the ancestral samples' Gaussian is the relaxed energy, up to a constant (kT / 2) ln det 2 pi kT S."""
    network, x0 = chain("identity", gain=0.8), np.array([0.3, -1.0, 0.8, 0.1])
    compliance = sum(p @ p.T / k for p, k in zip(propagators(network), STIFFNESS))
    center = network.split(network.forward(x0))[-1]
    outputs = [network.split(network.sample(x0, 500, KT, seed))[-1] for seed in SEEDS]
    for i, j in product(range(3), range(3)):
        products = [(o[:, i] - center[i]) * (o[:, j] - center[j]) for o in outputs]
        assert_consistent(*np.transpose([mean_and_error(p) for p in products]), KT * compliance[i, j])
    y = center + np.array([[0.5, -0.2, 0.1], [-1.0, 0.3, 0.7]])
    likelihood = -KT * multivariate_normal(center, KT * compliance).logpdf(y)
    energy = network.energy(network.relax((np.tile(x0, (2, 1)), y)), (x0, y))
    constant = 0.5 * KT * np.linalg.slogdet(2 * math.pi * KT * compliance)[1]
    assert energy + constant == pytest.approx(likelihood, rel=1e-9)


def test_clamping_work_obeys_jarzynski():
    """Moving the clamp of a linear network: dF is the change of e^T S^-1 e / 2."""
    network, x0 = chain("identity", widths=(2, 3, 2), gain=0.8, stiffness=STIFFNESS[:2]), np.array([0.8, -0.5])
    clamped = network.clamped
    center = network.split(network.forward(x0))[-1]
    ends = center + np.array([[0.2, 0.1], [0.9, -0.6]])
    w, kappa = network.weights[1], STIFFNESS
    hessian = kappa[0] * np.eye(3) + kappa[1] * w.T @ w
    energies = network.energy(network.relax((np.tile(x0, (2, 1)), ends)), (x0, ends))
    estimates = []
    for seed in SEEDS:
        start = np.random.default_rng(seed).multivariate_normal(network.relax((x0, ends[0])), KT * np.linalg.inv(hessian), 1000)
        run = simulate(clamped, lambda t: (x0, ends[0] + t * (ends[1] - ends[0])), start, duration=1.0, dt=0.05, kT=KT,
                       mobility=MOBILITY, rng=seed)
        estimates.append(jarzynski_free_energy(run.work, KT))
    assert np.mean([e.value for e in estimates]) > 0
    assert_consistent([e.value for e in estimates], [e.error for e in estimates], energies[1] - energies[0])
    assert clamped.shape == (3,) and not clamped.langevin_refusal


@pytest.mark.parametrize("network", [chain("tanh"), chain("logistic", "fenchel-young"), convolutional(), transformer()],
                         ids=["elastic", "fenchel-young", "convolutional", "transformer"])
def test_parameter_force_is_the_slope_of_the_relaxed_energy(network):
    """The units follow: at rest their own change costs nothing."""
    rng = np.random.default_rng(14)
    x0 = rng.standard_normal(network.inputs)
    y = network.split(network.forward(rng.standard_normal(network.inputs)))[-1]
    x = network.relax((x0, y))
    force = network.parameter_force(x, (x0, y))
    assert np.abs(force).max() > 1e-3
    for _ in range(5):
        way = 1e-5 * rng.standard_normal(len(force))
        moved = [network.with_parameters(network.parameters + sign * way) for sign in (1, -1)]
        ahead, behind = (other.energy(other.relax((x0, y), x), (x0, y)) for other in moved)
        assert force @ way == pytest.approx(-(ahead - behind) / 2, rel=1e-3, abs=1e-10)


def test_stress_at_rest_is_backpropagated_and_the_force_on_weights_is_local():
    network, rng = chain("tanh"), np.random.default_rng(15)
    x0, y = rng.standard_normal(4), 0.5 * rng.standard_normal(3)
    x = network.relax((x0, y))
    stress, hidden = network.stress(x, (x0, y)), network.split(x)
    layers = [x0, *hidden]
    sums = [w @ before + b for w, b, before in zip(network.weights, network.biases, layers)]
    for k in range(2):
        jacobian = (1 - np.tanh(sums[k + 1]) ** 2)[:, None] * network.weights[k + 1]
        assert stress[k] == pytest.approx(jacobian.T @ stress[k + 1], abs=1e-8)
    for k, (on_weights, on_biases) in enumerate(network.split_parameters(network.parameter_force(x, (x0, y)))):
        local = stress[k] * (1 - np.tanh(sums[k]) ** 2)
        assert on_biases == pytest.approx(local, rel=1e-12)
        assert on_weights == pytest.approx(np.outer(local, layers[k]), rel=1e-12)


def test_a_soft_output_makes_the_force_minus_the_gradient_of_backpropagation():
    """To first order in kappa_L; a small error is not enough, there it is P^T S^-1 e."""
    rng = np.random.default_rng(16)
    x0, y = rng.standard_normal(4), 0.5 * rng.standard_normal(3)
    free = chain("tanh")
    layers = [x0, *free.split(free.forward(x0))]
    delta, gradient = layers[-1] - y, []
    for k in (2, 1, 0):
        delta = delta * (1 - layers[k + 1] ** 2)
        gradient[:0] = [np.outer(delta, layers[k]).ravel(), delta]
        delta = free.weights[k].T @ delta
    gradient = np.concatenate(gradient)
    distances = []
    for soft in (1e-2, 1e-3):
        network = chain("tanh", stiffness=[1.3, 0.7, soft])
        force = network.parameter_force(network.relax((x0, y), tolerance=1e-13), (x0, y)) / soft
        distances.append(np.linalg.norm(force + gradient) / np.linalg.norm(gradient))
    assert distances[0] < 0.1 and distances[0] / distances[1] == pytest.approx(10, rel=0.2)
    linear = chain("identity")
    center = linear.split(linear.forward(x0))[-1]
    paths = propagators(linear)
    compliance = sum(p @ p.T / k for p, k in zip(paths, STIFFNESS))
    error = 1e-4 * np.array([1.0, -0.5, 0.3])
    on_biases = linear.split_parameters(linear.parameter_force(linear.relax((x0, center + error)), (x0, center + error)))[0][1]
    assert on_biases == pytest.approx(paths[0].T @ np.linalg.solve(compliance, error), rel=1e-4)
    assert np.linalg.norm(on_biases - 2.1 * paths[0].T @ error) > 0.3 * np.linalg.norm(on_biases)


def test_fenchel_young_stress_obeys_another_balance():
    """kappa (grad Phi(x) - h) = W^T s of the next layer, and no f' in the force on weights."""
    network, rng = chain("logistic", "fenchel-young"), np.random.default_rng(17)
    x0, y = rng.standard_normal(4), rng.uniform(0.2, 0.8, 3)
    x = network.relax((x0, y))
    stress, layers = network.stress(x, (x0, y)), [x0, *network.split(x)]
    for k in range(2):
        h = network.weights[k] @ layers[k] + network.biases[k]
        own = STIFFNESS[k] * (np.log(layers[k + 1] / (1 - layers[k + 1])) - h)
        assert own == pytest.approx(network.weights[k + 1].T @ stress[k + 1], abs=1e-6)
    for k, (on_weights, on_biases) in enumerate(network.split_parameters(network.parameter_force(x, (x0, y)))):
        assert np.array_equal(on_biases, stress[k])
        assert on_weights == pytest.approx(np.outer(stress[k], layers[k]), rel=1e-14)


def test_the_energy_of_a_softmax_output_held_at_a_label_is_the_cross_entropy():
    network = chain(["tanh", "tanh", "softmax"], ["elastic", "elastic", "fenchel-young"], stiffness=[1.3, 0.7, 1e-4])
    x0, label = np.array([0.3, -1.0, 0.8, 0.1]), np.array([0.0, 1.0, 0.0])
    cross_entropy = -math.log(network.split(network.forward(x0))[-1][1])
    x = network.relax((x0, label), tolerance=1e-12)
    assert network.energy(x, (x0, label)) == pytest.approx(1e-4 * cross_entropy, rel=1e-3)


def test_clamping_can_make_two_minima():
    """(x + 3)^2 / 2 + 5 (1 - tanh 5x)^2."""
    network = NetworkHamiltonian([[[1.0]], [[5.0]]], [[-3.0], [0.0]], ["identity", "tanh"], [1.0, 10.0])
    control = (np.array([0.0]), np.array([1.0]))
    x = network.relax(control, np.array([[-3.0], [0.6]]))[:, 0]
    assert x[0] < -2.9 and 0.1 < x[1] < 0.5

    def energy(x):
        return (x + 3) ** 2 / 2 + 5 * (1 - np.tanh(5 * x)) ** 2

    assert network.energy(x[:, None], control) == pytest.approx(energy(x), rel=1e-12)
    for at in x:
        nearby = energy(at + np.linspace(-0.02, 0.02, 41))
        assert nearby.argmin() == 20
    single = NetworkHamiltonian([[[2.0]]], [[0.5]], "tanh", 1.4)
    held = single.relax((np.array([0.1]), np.array([1.0])))
    assert held.shape == (0,)  # no hidden units: nothing to relax
    assert single.energy(held, (np.array([0.1]), np.array([1.0]))) == pytest.approx(0.7 * (1 - math.tanh(0.7)) ** 2)


@pytest.mark.parametrize("name", ["identity", "relu", "leaky-relu", "softplus", "logistic", "tanh", "softmax"])
@pytest.mark.parametrize("kT", [None, KT])
def test_clamped_fenchel_young_networks_come_to_rest(name, kT):
    """At rest no move that the domain allows lowers the energy."""
    network, rng = chain(name, "fenchel-young", kT), np.random.default_rng(18)
    x0 = rng.standard_normal((8, 4))
    y = network.split(network.forward(rng.standard_normal((8, 4))))[-1]
    x = network.relax((x0, y))
    energy = network.energy(x, (x0, y))
    for scale in (1e-3, 1e-2):
        nudged = np.concatenate([
            act.f(act.inverse(np.maximum(part, 1e-12)) + scale * rng.standard_normal(part.shape))
            for act, part in zip(network.activations, network.split(x))
        ], axis=-1) if name not in ("identity", "leaky-relu") else x + scale * rng.standard_normal(x.shape)
        assert (network.energy(nudged, (x0, y)) > energy - 1e-12).all()


# --- its parts ------------------------------------------------------------------------------------------------------------------


def test_parameters_in_one_vector():
    network = chain("tanh")
    theta = network.parameters
    assert len(theta) == sum(w.size for w in network.weights) + sum(b.size for b in network.biases)
    assert np.array_equal(theta[:30], np.concatenate([network.weights[0].ravel(), network.biases[0]]))
    parts = network.split_parameters(np.stack([theta, 2 * theta]))
    assert np.array_equal(parts[1][0][1], 2 * network.weights[1]) and parts[2][1].shape == (2, 3)
    other = network.with_parameters(2 * theta)
    assert np.array_equal(other.parameters, 2 * theta) and np.array_equal(network.parameters, theta)
    x0 = np.ones(4)
    direct = NetworkHamiltonian([2 * w for w in network.weights], [2 * b for b in network.biases], "tanh", STIFFNESS)
    assert np.array_equal(other.forward(x0), direct.forward(x0))
    with pytest.raises(ValueError, match="theta must hold 83 parameters along its last axis, got shape"):
        network.split_parameters(np.zeros(82))
    assert transformer().split_parameters(transformer().parameters)[0] == ()


@pytest.mark.parametrize("form, kT", [("elastic", None), ("fenchel-young", KT), (["elastic", "elastic", "fenchel-young"], None)])
def test_another_stiffness_of_the_output_is_all_that_changes(form, kT):
    network = chain("tanh", form, kT)
    other = network.with_output_stiffness(0.7)
    direct = NetworkHamiltonian(network.weights, network.biases, "tanh", [*STIFFNESS[:-1], 0.7], form, kT)
    x, x0 = 0.9 * np.tanh(np.random.default_rng(2).standard_normal(network.shape)), np.ones(4)
    assert other.energy(x, x0) == direct.energy(x, x0) != network.energy(x, x0)
    assert np.array_equal(other.force(x, x0), direct.force(x, x0)) and np.array_equal(other.stiffness, direct.stiffness)
    assert np.array_equal(network.stiffness, STIFFNESS)
    with pytest.raises(ValueError, match="kappa must be positive, got 0"):
        network.with_output_stiffness(0.0)


def test_own_activations_can_be_passed_on():
    cubic = Activation("cubic", lambda h: h + h**3, lambda h: 1 + 3 * h**2)
    network = NetworkHamiltonian([[[2.0]]], [[0.5]], cubic, 1.4)
    assert network.forward(np.array([0.1])) == pytest.approx([0.7 + 0.7**3])
    mixed = NetworkHamiltonian([[[2.0]], [[1.0]]], [[0.5], [0.0]], [cubic, "tanh"])
    assert mixed.activations == [cubic, activations.get("tanh")]


W, B = [np.ones((3, 2)), np.ones((1, 3))], [np.zeros(3), np.zeros(1)]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: NetworkHamiltonian([], []), "weights and biases must hold one entry per layer, got 0 and 0"),
        (lambda: NetworkHamiltonian(W, B[:1]), "weights and biases must hold one entry per layer, got 2 and 1"),
        (lambda: NetworkHamiltonian(W, [B[0], B[0]]), "layer 2: bias must have the length 1 of its layer, got 3"),
        (lambda: NetworkHamiltonian(W[:1] * 2, [B[0]] * 2), r"block 2 must read sources of \(2,\) units, got \(3,\)"),
        (lambda: NetworkHamiltonian(W, B, ["tanh"]), r"activation must be a name or one per layer \(2\), got 1"),
        (lambda: NetworkHamiltonian(W, B, "swish"), "layer 1: activation must be one of"),
        (lambda: NetworkHamiltonian(W, B, stiffness=0.0), "stiffness must be positive, a number or one per layer"),
        (lambda: NetworkHamiltonian(W, B, stiffness=[1, 2, 3]), "stiffness must be positive, a number or one per layer"),
        (lambda: NetworkHamiltonian(W, B, form="rigid"), "form must be one of elastic, fenchel-young, got 'rigid'"),
        (lambda: NetworkHamiltonian(W, B, form=["elastic"]), "form must be a name or one per layer"),
        (lambda: NetworkHamiltonian(W, B, "gelu", form="fenchel-young"), "form must be 'elastic' for gelu units, got"),
        (lambda: NetworkHamiltonian.from_blocks([Sum(3, reads=1)]), "blocks must read the input"),
        (lambda: NetworkHamiltonian.from_blocks([]), "blocks must read the input"),
        (lambda: NetworkHamiltonian.from_blocks([Sum(3), Sum(3, reads=2)]), r"block 2 must read .* before it, got \(2,\)"),
        (lambda: NetworkHamiltonian.from_blocks([Sum(3), Sum(4, reads=0)]), r"block 2 must read sources of \(4,\) units"),
    ],
)
def test_bad_networks_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_attention_alone_relaxes():
    """Softmax units in Fenchel-Young form inside an otherwise elastic network, clamped and free."""
    rng = np.random.default_rng(19)
    shape = (3, 1, 2)
    blocks = [
        TokenDense(rng.standard_normal((2, 2)), np.zeros(2), 3),
        TokenDense(rng.standard_normal((2, 2)), np.zeros(2), 3, reads=0),
        Product("ihd,jhd->hij", (shape, shape), "softmax", (1, 2)),
        Product("hij,jhd->ihd", ((1, 3, 3), shape), "identity", (3, 2)),
    ]
    network = NetworkHamiltonian.from_blocks(blocks, 1.2, ["elastic", "elastic", "fenchel-young", "elastic"])
    x0 = rng.standard_normal((4, 6))
    x = network.relax(x0, network.forward(rng.standard_normal((4, 6))))
    assert x == pytest.approx(network.forward(x0), abs=1e-7)
    y = network.split(network.forward(rng.standard_normal((4, 6))))[-1]
    held = network.relax((x0, y))
    rows = network.split(held)[2].reshape(4, 3, 3)
    assert rows.sum(axis=-1) == pytest.approx(1, rel=1e-12)
    assert network.force(held, (x0, y)) == pytest.approx(0, abs=1e-6)
