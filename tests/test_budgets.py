"""Budgets against hand-computed values, and against the physics that each of their terms comes from."""

import math

import numpy as np
import pytest

from thermolib import budgets, catalog, digital, landauer, units
from thermolib.langevin import HarmonicTrap

LN2 = math.log(2)
KT, MOBILITY, STIFFNESS = 1.5, 0.4, 3.0
MODELS = {m.model: m for m in catalog.models()}


# --- catalog numbers, computed by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, bound, gap",
    [
        # 2 N D kT in joules at kT = 4.141947e-21 J; MWh * 3.6e9 over it.
        ("GPT-3 175B", 434.904, 1.06534e10),  # 1.75e11 * 3e11 = 5.25e22; 1287 MWh = 4.6332e12 J
        ("PaLM 540B", 3491.74, 3.54230e9),  # 5.404e11 * 7.8e11 = 4.21512e23; 3435.8 MWh = 1.236888e13 J
        ("BLOOM 176B", 534.221, 2.91920e9),  # 1.762e11 * 3.66e11 = 6.44892e22; 433.196 MWh = 1.5595056e12 J
        ("OLMo 2 13B", 636.468, 1.45365e9),  # 1.372e10 * 5.6e12 = 7.6832e22; 257 MWh = 9.252e11 J
        ("Pythia 70M", 0.174974, 4.19719e9),  # 7.043e7 * 2.999e11 = 2.1121957e19; 0.204 MWh = 7.344e8 J
        ("DeepSeek-V3", 4536.26, 1.54880e9),  # 3.7e10 active * 1.48e13 = 5.476e23; 1951.6 MWh = 7.02576e12 J
    ],
)
def test_published_trainings_over_the_bound(name, bound, gap):
    model = MODELS[name]
    assert budgets.training_gap(model) == pytest.approx(gap, rel=2e-5)
    assert model.training_energy / budgets.training_gap(model) == pytest.approx(bound, rel=2e-5)
    assert budgets.training_gap(model, temperature=150.0) == pytest.approx(2 * gap, rel=2e-5)


def test_an_energy_per_operation_and_the_gap_say_the_same():
    """6 N D operations over 2 N D kT: three times the energy of an operation in kT, in the rows that are given both ways."""
    rows = {row.item: row for row in catalog.hardware() if "achieved" in row.operation}
    for item, name in (("H100 (OLMo 2 13B run)", "OLMo 2 13B"), ("H100 (Llama 3.1 405B run)", "Llama 3.1 405B"),
                       ("Google TPU v4 (PaLM system)", "PaLM 540B")):
        assert 3 * rows[item].kT_at_300K == pytest.approx(budgets.training_gap(MODELS[name]), rel=5e-3)


def test_all_published_trainings_lie_within_a_factor_of_eight():
    gaps = [budgets.training_gap(m) for m in catalog.models()]
    assert 1.4e9 < min(gaps) < max(gaps) < 1.1e10


# --- one budget ---------------------------------------------------------------------------------------------------------


def test_break_even_doubles_the_bill():
    budget = budgets.Budget(examples=50.0, inference=2.0, learning=6.0)
    assert budget.training == 50 * 8
    assert budget.break_even == 200
    assert budget.total(200) == 2 * budget.training
    assert budget.total(np.array([0, 10])) == pytest.approx([400, 420])
    assert budgets.Budget(5.0, 0.0, 1.0).break_even == math.inf


def test_digital_training_is_three_passes_over_the_data():
    budget = budgets.digital(parameters=1000, examples=70, operation=0.25)
    assert budget.inference == 500
    assert budget.training == 6 * 1000 * 70 * 0.25
    assert budget.break_even == pytest.approx(3 * 70)


def test_two_and_six_operations_are_what_wide_networks_take():
    widths = [2000] * 41
    N = digital.parameters(widths)
    assert digital.inference_operations(widths).arithmetic / N == pytest.approx(budgets.INFERENCE_OPERATIONS, rel=1e-3)
    step = digital.training_operations(widths, batch=10**5).arithmetic / 1e5 / N
    # the error of the input is not needed: one layer in forty saves two of six
    assert step == pytest.approx(budgets.TRAINING_OPERATIONS - 2 / 40, rel=1e-3)


def test_erasing_registers_by_hand():
    # 1000 updates of 2000 registers of 8 bits, 1.5 ln 2 each
    erased = budgets.register_erasure(2000, 1e4, 8, batch=10, kT=KT)
    assert erased == pytest.approx(1000 * 2000 * 8 * 1.5 * 0.693147, rel=1e-6)
    joules = budgets.register_erasure(1.75e11, 3e11, 16, kT=units.thermal_energy(300))
    assert joules == pytest.approx(5.25e22 * units.landauer_limit(16), rel=1e-12, abs=0)


def test_operations_of_b_bits_cost_three_b_ln2_times_the_bound():
    erased = budgets.digital(1e6, 1e7, 16 * KT * LN2).training
    assert erased / (2 * 1e6 * 1e7 * KT) == pytest.approx(33.27, rel=1e-3)


# --- analog substrates, against the physics they are made of ------------------------------------------------------------


def test_a_dynamic_neuron_pays_for_a_reading_of_so_many_cells():
    budget = budgets.dynamic(300, 40, neurons=7, bits=5, noise_ratio=0.5, batch=4, kT=KT)
    assert budget.inference == pytest.approx(7 * landauer.analog_reset_bound(range=32, resolution=1, kT=KT))
    assert budget.learning == pytest.approx(2 * 300 * KT / (0.5 * 4))


def test_bits_and_signal_to_noise_are_shannon_s():
    assert budgets.signal_to_noise(1) == 3 and budgets.signal_to_noise(0.5) == pytest.approx(1)
    snr = budgets.signal_to_noise(6.5)
    # forgetting a Gaussian signal to its noise erases half a logarithm of 1 + SNR: the bits, in nats
    assert landauer.gaussian_reset_bound(math.sqrt(1 + snr), 1.0) == pytest.approx(6.5 * LN2)


def test_a_quasi_static_neuron_pays_what_a_dragged_trap_pays():
    """Exact mean work of a trap that is dragged between two independent Gaussian values, in the limit of slow dragging."""
    bits = 4.0
    variance = budgets.signal_to_noise(bits) * KT / STIFFNESS
    trap, relaxation = HarmonicTrap(STIFFNESS), 1 / (MOBILITY * STIFFNESS)
    for slowness in (1e3, 1e5):
        duration = slowness * relaxation
        per_square = trap.mean_dragging_work(1 / duration, duration, mobility=MOBILITY)  # over a distance of 1
        budget = budgets.quasi_static(10, 20, neurons=3, bits=bits, slowness=slowness, kT=KT)
        assert budget.inference == pytest.approx(3 * 2 * variance * per_square, rel=2 / slowness)
        assert budget.inference == pytest.approx(3 * 2 * 255 * KT / slowness)


def test_dragging_between_random_values_is_sampled_too():
    rng = np.random.default_rng(3)
    spread = math.sqrt(budgets.signal_to_noise(3) * KT / STIFFNESS)
    moves = rng.normal(0, spread, (100_000, 2))
    squares = (moves[:, 1] - moves[:, 0]) ** 2 / (MOBILITY * 50.0)  # friction times distance squared over the duration
    budget = budgets.quasi_static(1, 1, neurons=1, bits=3, slowness=50.0 * MOBILITY * STIFFNESS, kT=KT)
    assert abs(squares.mean() - budget.inference) < 4 * squares.std() / math.sqrt(len(squares))


def test_learning_follows_the_training_bound_in_both_analog_substrates():
    options = {"noise_ratio": 0.25, "batch": 8, "kT": KT}
    for budget in (budgets.dynamic(1e4, 500, 30, 4, **options), budgets.quasi_static(1e4, 500, 30, 4, 1e3, **options)):
        assert budget.examples * budget.learning == pytest.approx(2 * 1e4 * 500 * KT / (0.25 * 8))


def test_break_even_of_the_analog_substrates_in_closed_form():
    N, D, n, b, s, r, B = 1e6, 1e4, 100, 3, 1e4, 2.0, 5.0
    dynamic = budgets.dynamic(N, D, n, b, noise_ratio=r, batch=B, kT=KT)
    assert dynamic.break_even / D == pytest.approx(1 + 2 * N / n / (r * B * b * LN2))
    following = budgets.quasi_static(N, D, n, b, s, noise_ratio=r, batch=B, kT=KT)
    assert following.break_even / D == pytest.approx(1 + N / n * s / (r * B * 63))
    assert min(dynamic.break_even, following.break_even) > D


# --- what would have to be true -----------------------------------------------------------------------------------------


def test_the_operation_for_a_gap_gives_that_gap():
    for gap, r, B in ((1.0, 1.0, 1), (1e3, 0.5, 1), (40.0, 2.0, 16)):
        operation = budgets.operation_for_gap(gap, noise_ratio=r, batch=B, kT=KT)
        bound = 2 * 1e5 * 1e6 * KT / (r * B)
        assert budgets.digital(1e5, 1e6, operation).training == pytest.approx(gap * bound)
    assert budgets.operation_for_gap(1) == pytest.approx(1 / 3)


def test_slowness_undoes_the_ramp():
    C, V, R = 0.7, 1.9, 2.3
    for saving in (1.001, 3.0, 1e4, 1e9):
        slowness = budgets.slowness_for_saving(saving)
        assert 0.5 * C * V**2 / digital.ramp_loss(C, V, R, slowness * R * C) == pytest.approx(saving, rel=1e-6)
    assert budgets.slowness_for_saving(1e9) == pytest.approx(2e9, rel=1e-6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: budgets.Budget(0.0, 1.0, 1.0), "examples must be positive, got 0"),
        (lambda: budgets.Budget(1.0, -1.0, 1.0), "inference must not be negative, got -1"),
        (lambda: budgets.Budget(1.0, 1.0, 0.0), "learning must be positive, got 0"),
        (lambda: budgets.digital(-1, 1, 1), "parameters must be positive, got -1"),
        (lambda: budgets.digital(1, 1, 0), "operation must be positive, got 0"),
        (lambda: budgets.dynamic(1, 1, 0, 1), "neurons must be positive, got 0"),
        (lambda: budgets.dynamic(1, 1, 1, 0), "bits must be positive, got 0"),
        (lambda: budgets.dynamic(1, 1, 1, 1, kT=0.0), "kT must be positive, got 0"),
        (lambda: budgets.dynamic(1, 1, 1, 1, batch=0.5), "batch must be at least 1, got 0.5"),
        (lambda: budgets.quasi_static(1, 1, 1, 1, 0), "slowness must be positive, got 0"),
        (lambda: budgets.quasi_static(1, 1, 1, 1, 1, noise_ratio=0), "noise_ratio must be positive, got 0"),
        (lambda: budgets.signal_to_noise(-2), "bits must be positive, got -2"),
        (lambda: budgets.register_erasure(1, 1, 1, batch=0), "batch must be at least 1, got 0"),
        (lambda: budgets.operation_for_gap(0), "gap must be positive, got 0"),
        (lambda: budgets.slowness_for_saving(1), "saving must be above 1, got 1"),
        (lambda: budgets.training_gap(MODELS["GPT-3 175B"], 0), "temperature must be positive, got 0"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
