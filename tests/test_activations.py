"""Activations against their definitions, their energies against brute force, their rounding against sampling."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm, truncnorm

from thermolib import activations
from thermolib.activations import Activation
from thermolib.langevin import sample_equilibrium
from zscores import SEEDS, assert_consistent, mean_and_error

ELEMENTWISE = ("identity", "relu", "leaky-relu", "softplus", "logistic", "tanh", "gelu")
VECTOR = ("softmax", "layer-norm")
WITH_ENERGY = ("identity", "relu", "leaky-relu", "softplus", "logistic", "tanh")
CONTINUOUS = ("identity", "relu", "leaky-relu", "softplus")
H = np.linspace(-3.1, 3.3, 33)  # off 0, where some have a kink
KT = 0.6


def slope(function, h, step=1e-5):
    return (function(h + step) - function(h - step)) / (2 * step)


# --- f -----------------------------------------------------------------------------------------------------------------


def test_values():
    h = np.array([-2.0, 0.0, 1.0])
    expected = {
        "identity": h,
        "relu": [0, 0, 1],
        "leaky-relu": [-0.2, 0, 1],
        "softplus": [math.log(1 + math.exp(-2)), math.log(2), math.log(1 + math.e)],
        "logistic": 1 / (1 + np.exp(-h)),
        "tanh": np.tanh(h),
        "gelu": h * norm.cdf(h),
        "softmax": np.exp(h) / np.exp(h).sum(),
    }
    for name, values in expected.items():
        assert activations.get(name).f(h) == pytest.approx(values, rel=1e-14)
    normed = activations.get("layer-norm").f(np.array([[1.0, 2.0, 3.0], [-5.0, 5.0, 0.0]]))
    assert normed.mean(axis=-1) == pytest.approx(0, abs=1e-15) and normed.var(axis=-1) == pytest.approx(1, rel=2e-5)
    assert normed[0] == pytest.approx(np.array([-1, 0, 1]) / math.sqrt(2 / 3 + 1e-5), abs=1e-12)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_is_the_slope(name):
    act = activations.get(name)
    assert act.derivative(H) == pytest.approx(slope(act.f, H), abs=1e-9)
    g = np.cos(H)
    assert np.array_equal(act.pull(H, g), act.derivative(H) * g) and np.array_equal(act.push(H, g), act.pull(H, g))


@pytest.mark.parametrize("name", VECTOR)
def test_jacobian_of_vector_activations(name):
    act, rng = activations.get(name), np.random.default_rng(1)
    h, v, g = rng.standard_normal((3, 5, 4))
    assert act.derivative(h).shape == (5, 4, 4)
    along = (act.f(h + 1e-6 * v) - act.f(h - 1e-6 * v)) / 2e-6
    assert act.push(h, v) == pytest.approx(along, abs=1e-8)
    assert (act.pull(h, g) * v).sum() == pytest.approx((g * act.push(h, v)).sum(), rel=1e-12)


def test_gelu_falls_below_minus_three_quarters():
    act = activations.get("gelu")
    assert act.derivative(np.array(-0.7518)) == pytest.approx(0, abs=1e-4)
    assert (act.derivative(np.linspace(-4, -0.76, 50)) < 0).all()


# --- energies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITH_ENERGY)
def test_energy_is_zero_at_the_activation_and_positive_elsewhere(name):
    act = activations.get(name)
    x = act.f(H)
    assert act.fenchel_young(x, H) == pytest.approx(0, abs=1e-13)
    energy = act.fenchel_young(x[:, None], H)
    off = np.abs(x[:, None] - x) > 1e-12
    assert energy.min() > -1e-13 and (energy[off] > 1e-9).all()


@pytest.mark.parametrize("name", WITH_ENERGY)
def test_conjugate_is_the_legendre_transform(name):
    act = activations.get(name)
    low, high = (edge if np.isfinite(edge) else sign * 60.0 for sign, edge in zip((-1, 1), act.domain))
    x = np.linspace(low, high, 400001)
    best = np.array([(x * h - act.potential(x)).max() for h in H[::4]])
    assert act.conjugate(H[::4]) == pytest.approx(best, abs=1e-6)
    assert slope(act.conjugate, H) == pytest.approx(act.f(H), abs=1e-8)
    inside = act.f(H)[act.f(H) > 1e-3] if name == "relu" else act.f(H)
    assert slope(act.potential, inside, 1e-6) == pytest.approx(act.inverse(inside), abs=1e-6)
    assert act.f(act.inverse(inside)) == pytest.approx(inside, rel=1e-10)


def test_potentials_are_walls_outside_the_domain():
    for name, outside in (("relu", -1e-9), ("softplus", -1e-9), ("logistic", 1 + 1e-9), ("logistic", -1e-9), ("tanh", -1.001)):
        assert activations.get(name).potential(np.array(outside)) == math.inf
    assert activations.get("softmax").potential(np.array([[0.5, 0.6], [1.1, -0.1]])) == pytest.approx([math.inf] * 2)
    for name, edge, value in (("relu", 0, 0), ("softplus", 0, 0), ("logistic", 1, 0), ("tanh", -1, math.log(2))):
        assert activations.get(name).potential(np.array(edge)) == pytest.approx(value, abs=1e-15)


def test_energies_of_discrete_units_are_relative_entropies():
    p, h = 0.23, 0.8
    q = 1 / (1 + math.exp(-h))
    kl = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert activations.get("logistic").fenchel_young(p, h) == pytest.approx(kl, rel=1e-12)
    x, up = 0.4, 1 / (1 + math.exp(-2 * h))
    kl = 0.7 * math.log(0.7 / up) + 0.3 * math.log(0.3 / (1 - up))
    assert activations.get("tanh").fenchel_young(x, h) == pytest.approx(kl, rel=1e-12)
    p, h = np.array([0.2, 0.3, 0.5]), np.array([1.0, -0.5, 0.2])
    q = np.exp(h) / np.exp(h).sum()
    assert activations.get("softmax").fenchel_young(p, h) == pytest.approx((p * np.log(p / q)).sum(), rel=1e-12)
    one_hot = activations.get("softmax").fenchel_young(np.array([0.0, 1.0, 0.0]), h)
    assert one_hot == pytest.approx(-math.log(q[1]), rel=1e-12)  # the cross-entropy


@pytest.mark.parametrize("name, why", [("gelu", "only what rises"), ("layer-norm", "bare wall")])
def test_no_energy_without_a_reason(name, why):
    act = activations.get(name)
    for refused in (act.potential, act.conjugate, act.inverse, lambda h: act.thermal(h, 1.0)):
        with pytest.raises(ValueError, match=f"must have a potential here, got {name}: .*{why}"):
            refused(H)


# --- rounding by temperature -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kT", [0.15, 2.5])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_partition_function_of_a_continuous_neuron_is_one(name, kT):
    act = activations.get(name)
    for h in (-4.0, -0.3, 1.7):
        counter = float(act.thermal_conjugate(np.float64(h), kT))

        def weight(x):
            return math.exp(-(float(act.potential(np.float64(x))) + counter - x * h) / kT)

        split, reach = float(act.f(np.float64(h))), 12 * math.sqrt(kT)
        left = max(split - reach, act.domain[0])
        parts = [quad(weight, *ends, epsabs=1e-12, limit=200)[0] for ends in ((left, split), (split, split + reach))]
        assert sum(parts) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("name, states", [("logistic", [0.0, 1.0]), ("tanh", [-1.0, 1.0])])
def test_partition_function_of_a_two_level_unit_is_one(name, states):
    act, states = activations.get(name), np.array(states)[:, None]
    weights = np.exp(-act.fenchel_young(states, H, KT) / KT)
    assert weights.sum(axis=0) == pytest.approx(1, rel=1e-12)
    assert (states * weights).sum(axis=0) == pytest.approx(act.thermal(H, KT), abs=1e-12)
    assert act.thermal(H, KT) == pytest.approx(act.f(H / KT), rel=1e-14)


def test_partition_function_of_a_potts_unit_is_one():
    act, h = activations.get("softmax"), np.random.default_rng(2).standard_normal((6, 4))
    energies = np.array([act.fenchel_young(state, h, KT) for state in np.eye(4)])
    weights = np.exp(-energies / KT)
    assert weights.sum(axis=0) == pytest.approx(1, rel=1e-12)
    assert weights.T == pytest.approx(act.thermal(h, KT), rel=1e-12)
    assert act.thermal_conjugate(h, KT) == pytest.approx(KT * np.log(np.exp(h / KT).sum(axis=-1)), rel=1e-12)


@pytest.mark.parametrize("name", WITH_ENERGY)
def test_thermal_is_the_slope_of_the_thermal_conjugate(name):
    act, h = activations.get(name), H[::3]
    assert act.thermal(h, KT) == pytest.approx(slope(lambda v: act.thermal_conjugate(v, KT), h, 1e-4), abs=1e-6)


@pytest.mark.parametrize("name, good_to", [("identity", 1e-9), ("relu", 1e-9), ("leaky-relu", 2e-4)])
def test_formulas_agree_with_quadrature(name, good_to):
    """The same activation without its formula."""
    act = activations.get(name)
    blind = dataclasses.replace(act, rounded=None)
    h = np.array([-40.0, -6.0, -0.7, 0.0, 0.4, 9.0])
    assert act.thermal(h, KT) == pytest.approx(blind.thermal(h, KT), rel=good_to, abs=1e-9)
    assert act.thermal_conjugate(h, KT) == pytest.approx(blind.thermal_conjugate(h, KT), rel=good_to, abs=good_to)


def test_rounded_relu_is_the_mean_of_a_cut_gaussian_with_a_slow_tail():
    act = activations.get("relu")
    h, spread = np.linspace(-9, 9, 19), math.sqrt(KT)
    assert act.thermal(h, KT) == pytest.approx(truncnorm.mean(-h / spread, math.inf, h, spread), rel=1e-5)
    assert slope(lambda v: act.thermal(v, KT), np.array(0.0)) == pytest.approx(1 - 2 / math.pi, rel=1e-6)
    far = np.array([-50.0, -1e3, -1e6, -1e12])
    assert act.thermal(far, KT) == pytest.approx(KT / -far * (1 - 2 * KT / far**2), rel=1e-5)
    border = -100 * spread  # where the series takes over
    assert act.thermal(np.array(border - 1e-9), KT) == pytest.approx(act.thermal(np.array(border + 1e-9), KT), rel=1e-9)


@pytest.mark.parametrize("name", WITH_ENERGY)
def test_rounding_vanishes_with_the_temperature(name):
    act = activations.get(name)
    cold = act.thermal(H, 1e-6)
    limit = {"logistic": np.heaviside(H, 0.5), "tanh": np.sign(H)}.get(name, act.f(H))
    assert cold == pytest.approx(limit, abs=1e-5)


@dataclasses.dataclass(frozen=True)
class Neuron:
    """Phi(x) - x h as a `System`: to be sampled by a route that knows nothing of the conjugate."""

    activation: Activation
    shape = ()

    def energy(self, x, control):
        return self.activation.potential(x) - x * control

    def force(self, x, control):
        raise AssertionError


@pytest.mark.parametrize("name", CONTINUOUS)
def test_rounding_against_direct_sampling(name):
    act, h = activations.get(name), -0.8
    left = max(act.domain[0], -9.0)
    x = [sample_equilibrium(Neuron(act), h, 4000, kT=KT, rng=seed, grid=np.linspace(left, 9, 20001)) for seed in SEEDS]
    assert_consistent(*np.transpose([mean_and_error(v) for v in x]), float(act.thermal(np.float64(h), KT)))


@pytest.mark.parametrize("h", [-1.1, 0.7])
@pytest.mark.parametrize("name", WITH_ENERGY)
def test_sample_has_the_mean_and_the_variance_of_equilibrium(name, h):
    """The mean is f_T and the variance kT df_T / dh."""
    act = activations.get(name)
    mean = float(act.thermal(np.float64(h), KT))
    variance = KT * float(slope(lambda v: act.thermal(v, KT), np.float64(h), 1e-4))
    x = [act.sample(np.full(3000, h), KT, seed) for seed in SEEDS]
    assert_consistent(*np.transpose([mean_and_error(v) for v in x]), mean)
    assert_consistent(*np.transpose([mean_and_error((v - mean) ** 2) for v in x]), variance)


def test_sample_of_a_cut_gaussian_has_its_distribution():
    spread = math.sqrt(KT)
    for seed, h in enumerate((-3.0, 0.2, 2.0)):
        x = activations.get("relu").sample(np.full(5000, h), KT, seed)
        assert kstest(x, truncnorm(-h / spread, math.inf, h, spread).cdf).pvalue > 1e-4


def test_sample_of_potts_units_is_one_hot_with_softmax_weights():
    act, h = activations.get("softmax"), np.array([0.3, -0.4, 1.0])
    draws = [act.sample(np.tile(h, (2000, 1)), KT, seed) for seed in SEEDS]
    assert draws[0].shape == (2000, 3) and (draws[0].sum(axis=-1) == 1).all() and set(draws[0].flat) == {0.0, 1.0}
    for k, weight in enumerate(np.exp(h / KT) / np.exp(h / KT).sum()):
        assert_consistent(*np.transpose([mean_and_error(d[:, k]) for d in draws]), weight)


# --- names ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(activations, "_ACTIVATIONS", dict(activations._ACTIVATIONS))


ARCSINH = Activation(
    "arcsinh", np.arcsinh, lambda h: 1 / np.sqrt(1 + h * h), lambda x: np.cosh(x) - 1,
    lambda h: h * np.arcsinh(h) - np.sqrt(1 + h * h) + 1, np.sinh,
)


def test_a_registered_activation_works_like_the_others(registry):
    assert activations.register(ARCSINH) is ARCSINH is activations.get("arcsinh")
    activations.register(ARCSINH)  # a notebook cell may run twice
    mean = quad(lambda x: x * math.exp((x * 1.1 - math.cosh(x)) / KT), -8, 8)[0]
    mean /= quad(lambda x: math.exp((x * 1.1 - math.cosh(x)) / KT), -8, 8)[0]
    assert ARCSINH.thermal(np.array([1.1, -1.1]), KT) == pytest.approx([mean, -mean], rel=1e-8)
    only_f = activations.register(Activation("sine", np.sin, np.cos))
    with pytest.raises(ValueError, match="got sine: none was given"):
        only_f.potential(0.1)


@pytest.mark.parametrize(
    "change, rule",
    [
        ({"derivative": lambda h: 1 / (1 + h * h)}, r"arcsinh: derivative\(h\) must be the slope of f, got a difference of"),
        ({"inverse": np.cosh}, r"arcsinh: f\(inverse\(f\(h\)\)\) must be f\(h\), got"),
        ({"potential": np.cosh}, r"arcsinh: potential\(f\(h\)\) \+ conjugate\(h\) - h f\(h\) must be 0, got a difference of 1 "),
        ({"conjugate": lambda h: h * np.arcsinh(h) - np.cosh(np.arcsinh(h)) + 1 + np.sin(3 * h)}, "must be 0, got"),
        ({"potential": lambda x: np.full_like(x, math.nan)}, "must be 0, got a difference of nan"),
        ({"name": "tanh"}, "name must be a new one, got that of the built-in 'tanh'"),
        ({"vector": True}, "vector activations must be passed on directly, not registered, got 'arcsinh'"),
    ],
)
def test_a_wrong_claim_is_not_registered(registry, change, rule):
    with pytest.raises(ValueError, match=rule):
        activations.register(dataclasses.replace(ARCSINH, **change))
    assert "arcsinh" not in activations._ACTIVATIONS


def test_a_falling_activation_has_no_energy_to_register(registry):
    """-arcsinh touches its would-be energy everywhere, but from the wrong side."""
    falling = Activation(
        "falling", lambda h: -np.arcsinh(h), lambda h: -1 / np.sqrt(1 + h * h), lambda x: 1 - np.cosh(x),
        lambda h: -h * np.arcsinh(h) + np.sqrt(1 + h * h) - 1, lambda x: -np.sinh(x),
    )
    with pytest.raises(ValueError, match=r"potential\(x\) \+ conjugate\(h\) - x h must not be negative, got"):
        activations.register(falling)


def test_unknown_names_are_refused_with_a_list():
    with pytest.raises(ValueError, match="activation must be one of identity, relu, leaky-relu, .*, got 'swish'"):
        activations.get("swish")
    assert activations.get("leaky_relu") is activations.get("leaky-relu")
    assert activations.get(ARCSINH) is ARCSINH


@pytest.mark.parametrize("kT", [0.0, -1.0])
def test_temperatures_must_be_positive(kT):
    for name in ("relu", "tanh", "softmax"):
        with pytest.raises(ValueError, match="kT must be positive"):
            activations.get(name).thermal(H, kT)
        with pytest.raises(ValueError, match="kT must be positive"):
            activations.get(name).fenchel_young(activations.get(name).f(H), H, kT)
