"""Counts against numbers that count, circuits against arithmetic over all inputs, and losses against closed forms."""

import itertools
import math
from collections import Counter, deque

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erfc
from scipy.stats import binom

from thermolib import digital, landauer
from thermolib.langevin import HarmonicTrap
from zscores import SEEDS, assert_consistent

LN2 = math.log(2)
AND_LOSS = 2 * LN2 - landauer.binary_entropy(0.25)  # of fair inputs

# --- operations of a network --------------------------------------------------------------------------------------------


def counted_step(widths, batch, seed=0):
    """Gradient descent on a tanh network, written again, on numbers that count: tallies of the forward pass and of all."""
    rng, tally = np.random.default_rng(seed), Counter()
    weights = [digital.counted(rng.normal(size=(m, n)), tally) for n, m in zip(widths, widths[1:])]
    biases = [digital.counted(rng.normal(size=m), tally) for m in widths[1:]]
    gradients = None
    for k in range(batch):
        layers = [rng.normal(size=widths[0])]
        for w, b in zip(weights, biases):
            h = w @ layers[-1] + b
            layers.append(np.tanh(h) if len(layers) < len(weights) else h)
        if k == 0:
            forward = Counter(tally)
        delta, found = layers[-1] - rng.normal(size=widths[-1]), []
        for k, w in reversed(list(enumerate(weights))):
            found[:0] = [np.outer(delta, layers[k]), delta]
            if k:
                delta = (w.T @ delta) * (1 - layers[k] * layers[k])
        gradients = found if gradients is None else [a + b for a, b in zip(gradients, found)]
    for k, (w, b) in enumerate(zip(weights, biases)):
        weights[k], biases[k] = w - 0.1 * gradients[2 * k], b - 0.1 * gradients[2 * k + 1]
    return forward, tally


@pytest.mark.parametrize("widths", [(5, 3), (4, 6, 3), (3, 5, 4, 2), (2, 2, 3, 5, 1)])
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_counts_are_those_of_numbers_that_count(widths, batch):
    for tally, formula in zip(counted_step(widths, batch),
                              (digital.inference_operations(widths), digital.training_operations(widths, batch))):
        assert tally["multiplications"] == formula.multiplications
        assert tally["additions"] == formula.additions
        assert tally["activations"] == formula.activations
        assert formula.arithmetic == tally["multiplications"] + tally["additions"]


def test_weights_and_parameters_of_the_digits_network():
    assert digital.multiply_accumulates((64, 32, 32, 10)) == 64 * 32 + 32 * 32 + 32 * 10
    assert digital.parameters((64, 32, 32, 10)) == 3466


def test_training_a_wide_network_in_large_batches_takes_three_times_an_inference():
    widths, batch = [2000] * 30, 4096
    ratio = digital.training_operations(widths, batch).arithmetic / batch / digital.inference_operations(widths).arithmetic
    assert ratio == pytest.approx(3 - 1 / 29, rel=2e-3)  # the error of the input is not computed


def test_counted_numbers_compute():
    tally = Counter()
    a, b = digital.counted([2.0, 3.0], tally)
    assert (a * b).value == 6 and (a + b).value == 5 and (a - b).value == -1
    assert (10 * a).value == 20 and (10 + a).value == 12 and (10 - a).value == 8 and (a - 1).value == 1
    assert tally == {"multiplications": 2, "additions": 5}
    x = np.tanh(digital.counted([[0.3, -0.2]], tally))
    assert digital.plain(x) == pytest.approx(np.tanh([[0.3, -0.2]]))
    assert tally["activations"] == 2


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_rounding_is_within_half_a_step(bits):
    values = np.random.default_rng(1).normal(size=500)
    integers, step = digital.quantize(values, bits)
    assert np.abs(values - integers * step).max() <= step / 2 * (1 + 1e-12)
    assert np.abs(integers).max() == 2 ** (bits - 1) - 1
    assert np.array_equal(digital.quantize(-values, bits)[0], -integers)
    clipped, step = digital.quantize(values, bits, largest=0.5)
    assert step == pytest.approx(0.5 / (2 ** (bits - 1) - 1))
    assert np.array_equal(np.abs(clipped) == 2 ** (bits - 1) - 1, np.abs(values) > 0.5 - step / 2)


# --- logic that forgets -------------------------------------------------------------------------------------------------


def test_bits_and_numbers():
    assert digital.to_bits(np.array([0, 1, 6]), 3).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 1]]
    numbers = np.random.default_rng(0).integers(0, 2**40, size=(3, 4))
    assert np.array_equal(digital.to_numbers(digital.to_bits(numbers, 40)), numbers)
    assert np.array_equal(digital.to_numbers(digital.all_states(5)), np.arange(32))
    assert (digital.to_numbers(np.ones((1, 70, 2))) == 3).all()  # only the last axis holds bits


def factors(bits):
    states = digital.all_states(2 * bits)
    return states, digital.to_numbers(states[:, :bits]), digital.to_numbers(states[:, bits:])


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_adder_and_multiplier_are_right_for_all_inputs(bits):
    states, a, b = factors(bits)
    adder, multiplier = digital.ripple_carry_adder(bits), digital.array_multiplier(bits)
    assert np.array_equal(digital.to_numbers(adder.run(states)), a + b)
    assert np.array_equal(digital.to_numbers(multiplier.run(states)), a * b)
    assert len(adder.gates) == 2 + 5 * (bits - 1)
    assert len(multiplier.gates) == (1 if bits == 1 else bits**2 + 2 * bits + 5 * bits * (bits - 2))


def test_a_wide_multiplier_is_right_for_random_inputs():
    numbers = np.random.default_rng(2).integers(0, 2**24, size=(200, 2))
    states = digital.to_bits(numbers, 24).reshape(200, 48)
    assert np.array_equal(digital.to_numbers(digital.array_multiplier(24).run(states)), numbers.prod(axis=1))


@pytest.mark.parametrize("bits", [1, 2, 4, 7])
def test_adder_forgets_what_its_carries_say(bits):
    """A carry into place k is 1 with probability (1 - 2^-k) / 2, independent of the two bits that are added there."""
    H = landauer.entropy
    exact = LN2 + AND_LOSS
    for k in range(1, bits):
        c = (1 - 2.0**-k) / 2
        second_xor = H([c, 1 - c])  # the sum bit is fair again
        second_and = LN2 + H([c, 1 - c]) - H([c / 2, 1 - c / 2])
        final_or = H([0.25, c / 2, 0.75 - c / 2]) - H([0.25 + c / 2, 0.75 - c / 2])
        exact += LN2 + AND_LOSS + second_xor + second_and + final_or
    assert digital.gate_losses(digital.ripple_carry_adder(bits)).sum() == pytest.approx(exact)


def test_losses_of_gates_alone_and_with_biased_inputs():
    for kind, outputs in (("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xor", [0, 1, 1, 0])):
        circuit = digital.LogicCircuit(2, ((kind, 0, 1),), (2,))
        assert digital.gate_losses(circuit) == pytest.approx([landauer.gate_erasure(outputs)])
        inputs = [(0, 0)] * 5 + [(0, 1)] * 2 + [(1, 0)] + [(1, 1)] * 2
        expected = landauer.gate_erasure(outputs, [0.5, 0.2, 0.1, 0.2])
        assert digital.gate_losses(circuit, inputs) == pytest.approx([expected])


def test_losses_agree_with_entropies_counted_wire_by_wire():
    circuit = digital.array_multiplier(4)
    wires = circuit.wires(digital.all_states(8))

    def entropy(*columns):
        _, counts = np.unique(np.stack([wires[:, c] for c in columns]), axis=1, return_counts=True)
        return landauer.entropy(counts / len(wires))

    expected = [entropy(a, b) - entropy(8 + k) for k, (_, a, b) in enumerate(circuit.gates)]
    assert digital.gate_losses(circuit) == pytest.approx(expected)


@pytest.mark.parametrize("circuit", [digital.ripple_carry_adder(4), digital.array_multiplier(4)])
def test_gates_that_know_nothing_of_each_other_forget_more_than_the_whole_must(circuit):
    outputs = digital.to_numbers(circuit.run(digital.all_states(8)))
    assert digital.gate_losses(circuit).sum() > landauer.gate_erasure(outputs.tolist()) + LN2


def test_a_tree_of_gates_forgets_exactly_what_the_whole_must():
    """No wire is used twice and inputs are independent, so that nothing is known elsewhere."""
    tree = digital.LogicCircuit(4, (("and", 0, 1), ("or", 2, 3), ("xor", 4, 5)), (6,))
    outputs = digital.to_numbers(tree.run(digital.all_states(4)))
    assert digital.gate_losses(tree).sum() == pytest.approx(landauer.gate_erasure(outputs.tolist()))


def test_a_sample_of_inputs_comes_close():
    circuit = digital.array_multiplier(6)
    draws = np.random.default_rng(3).random((4000, 12)) < 0.5
    assert digital.gate_losses(circuit, draws).sum() == pytest.approx(digital.gate_losses(circuit).sum(), rel=0.01)


# --- switches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capacitance, voltage, kT", [(2.5, 0.7, 0.6), (0.4, 2.0, 1.7)])
def test_error_is_the_share_of_charges_beyond_the_middle(capacitance, voltage, kT):
    trap = HarmonicTrap(1 / capacitance)
    error = math.exp(digital.log_error(0.5 * capacitance * voltage**2, kT))
    assert error == pytest.approx(0.5 * erfc(math.sqrt(capacitance * voltage**2 / (8 * kT))))
    charges = np.array([trap.sample_equilibrium(0.0, 4000, kT=kT, rng=seed) for seed in SEEDS])
    wrong = np.mean(charges / capacitance > voltage / 2, axis=1)
    assert_consistent(wrong, np.full(len(wrong), math.sqrt(error * (1 - error) / 4000)), error)


@pytest.mark.parametrize("error", [0.5, 0.01, 1e-20, 1e-300])
def test_energy_for_error_is_the_inverse(error):
    kT = 0.6
    energy = digital.energy_for_error(error, kT)
    assert digital.log_error(energy, kT) == pytest.approx(math.log(error))
    assert digital.energy_for_error(error, 3 * kT) == pytest.approx(3 * energy)


def test_error_far_below_the_smallest_number():
    """ln Q(z) -> -z^2/2 - ln(z sqrt(2 pi))"""
    energy, kT = 5e4, 0.5
    z = math.sqrt(energy / (2 * kT))
    assert digital.log_error(energy, kT) == pytest.approx(-z * z / 2 - math.log(z * math.sqrt(2 * math.pi)), rel=1e-6)


@pytest.mark.parametrize("duration", [0.05, 0.8, 6.0, 90.0])
def test_ramp_loss_is_the_heat_in_the_resistor(duration):
    C, V, R = 0.4, 2.0, 3.0

    def rates(t, state):
        current = (V * t / duration - state[0] / C) / R
        return current, R * current**2

    end = solve_ivp(rates, (0, duration), (0.0, 0.0), rtol=1e-10, atol=1e-14)
    charge, heat = end.y[:, -1]
    rest = (charge - C * V) ** 2 / (2 * C)  # becomes heat when the source has arrived and stays
    assert digital.ramp_loss(C, V, R, duration) == pytest.approx(heat + rest, rel=1e-6)


@pytest.mark.parametrize("duration", [1e-7, 1e-5, 0.3, 50.0])
def test_ramp_loss_is_the_work_of_dragging_a_trap(duration):
    C, V, R = 0.4, -2.0, 3.0
    work = HarmonicTrap(1 / C).mean_dragging_work(C * V / duration, duration, mobility=1 / R)
    assert digital.ramp_loss(C, V, R, duration) == pytest.approx(work, rel=1e-6 if duration > 1e-3 else 1e-2)


def test_sudden_and_slow_ramps():
    C, V, R = 0.4, 2.0, 3.0
    assert digital.ramp_loss(C, V, R, 0.0) == pytest.approx(C * V**2 / 2)
    below, above = (digital.ramp_loss(C, V, R, r * R * C) for r in (0.9999e-4, 1.0001e-4))
    assert below == pytest.approx(above, rel=1e-7) and below < C * V**2 / 2
    assert (C * V**2 / 2 - below) / (C * V**2 / 2) == pytest.approx(1e-4 / 3, rel=1e-3)
    assert digital.ramp_loss(C, V, R, 1e6) == pytest.approx(C * V**2 * R * C / 1e6, rel=1e-5)


# --- reversible logic ---------------------------------------------------------------------------------------------------


def random_circuit(rng, wires, gates, touch=None):
    touch = wires if touch is None else touch
    return digital.ReversibleCircuit(
        wires, tuple(tuple(int(w) for w in rng.permutation(touch)[: rng.integers(1, 4)]) for _ in range(gates)))


def test_gates_flip_their_last_wire_if_all_others_hold_one():
    states = digital.all_states(3)
    for gate, flips in (((1,), lambda s: True), ((0, 2), lambda s: s[0]), ((2, 1, 0), lambda s: s[1] and s[2])):
        after = digital.ReversibleCircuit(3, (gate,)).run(states)
        expected = states.copy()
        for row in expected:
            row[gate[-1]] ^= flips(row.copy())
        assert np.array_equal(after, expected)


def test_every_circuit_is_a_permutation_and_its_inverse_undoes_it():
    rng = np.random.default_rng(4)
    for _ in range(10):
        circuit = random_circuit(rng, 6, 25)
        assert np.array_equal(np.sort(circuit.permutation()), np.arange(64))
        assert np.array_equal(circuit.then(circuit.inverse).permutation(), np.arange(64))
        assert np.array_equal(circuit.inverse.permutation()[circuit.permutation()], np.arange(64))
        trace = circuit.trace(digital.all_states(6))
        assert trace.shape == (26, 64, 6)
        assert np.array_equal(digital.to_numbers(trace[-1]), circuit.permutation())
        assert all((before != after).any() for before, after in zip(trace, trace[1:]))


def test_states_that_are_passed_in_stay_as_they_are():
    states = np.zeros((2, 2), dtype=bool)
    digital.ReversibleCircuit(2, ((0,),)).run(states)
    assert not states.any()


def test_compute_copy_uncompute_leaves_the_answer_and_nothing_else():
    rng = np.random.default_rng(5)
    for _ in range(10):
        compute = random_circuit(rng, 8, 30, touch=6)
        clean = digital.compute_copy_uncompute(compute, [1, 4], [6, 7])
        states = digital.all_states(8)
        after, computed = clean.run(states), compute.run(states)
        assert np.array_equal(after[:, :6], states[:, :6])
        assert np.array_equal(after[:, 6:], states[:, 6:] ^ computed[:, [1, 4]])
        assert len(clean.gates) == 2 * len(compute.gates) + 2


def some_neurons():
    rng = np.random.default_rng(6)
    yield (1,), 1
    yield (-1,), 0
    yield (5,), 3
    for n in (2, 3, 4):
        everything = list(itertools.product((-3, -2, -1, 1, 2, 3), repeat=n))
        for k in rng.permutation(len(everything))[:12]:
            weights = everything[k]
            low, high = sum(min(w, 0) for w in weights), sum(max(w, 0) for w in weights)
            for threshold in range(low + 1, high + 1):
                yield weights, threshold


def test_every_neuron_answers_rightly_and_leaves_no_garbage():
    for weights, threshold in some_neurons():
        neuron = digital.reversible_neuron(weights, threshold)
        starts = neuron.starts()
        fires = starts[:, list(neuron.inputs)] @ np.array(weights) >= threshold
        assert 0 < fires.sum() < len(fires)
        computed, clean = neuron.compute.run(starts), neuron.clean.run(starts)
        assert np.array_equal(computed[:, neuron.answer], fires), (weights, threshold)
        assert not computed[:, list(neuron.carries)].any()
        assert np.array_equal(computed[:, list(neuron.inputs)], starts[:, list(neuron.inputs)])
        assert np.array_equal(clean[:, neuron.output], fires)
        assert np.array_equal(clean[:, : neuron.output], starts[:, : neuron.output])
        assert len(neuron.clean.gates) == 2 * len(neuron.compute.gates) + 1
        least, span = threshold - sum(w for w in weights if w < 0), sum(map(abs, weights))
        fits = [m for m in range(1, 9) if 0 <= 2 ** (m - 1) - least <= 2**m - 1 - span]
        assert len(neuron.counter) == fits[0], "the counter is as small as it can be"
        assert len(neuron.carries) == max(len(neuron.counter) - 2, 0), "one carry between any two bits but the top pair"


@pytest.mark.parametrize("n, threshold", [(3, 2), (5, 3), (6, 1), (7, 6)])
def test_garbage_of_a_counting_neuron_is_the_entropy_of_a_binomial(n, threshold):
    neuron = digital.reversible_neuron([1] * n, threshold)
    end = neuron.compute.run(neuron.starts())
    assert digital.register_entropy(end, neuron.counter) == pytest.approx(float(binom(n, 0.5).entropy()))
    assert digital.register_entropy(end, neuron.inputs) == pytest.approx(n * LN2)
    assert digital.register_entropy(neuron.clean.run(neuron.starts()), neuron.counter) == 0


def test_entropy_of_the_counter_is_never_more_than_the_inputs_explain():
    neuron = digital.reversible_neuron([2, -1, 1], 1)
    scratch = [*neuron.counter, *neuron.carries]
    for states in neuron.clean.trace(neuron.starts()):
        joint = digital.register_entropy(states, range(neuron.compute.wires))
        assert joint == pytest.approx(3 * LN2)
        separate = sum(digital.register_entropy(states, [wire]) for wire in scratch)
        assert digital.register_entropy(states, scratch) <= separate + 1e-12


# --- layers that are kept -----------------------------------------------------------------------------------------------


def fewest_moves(layers, registers):
    """The same game by a queue and sets; None if it cannot be won."""
    start, goal = frozenset(), frozenset([layers])
    distance, queue = {start: 0}, deque([start])
    while queue:
        held = queue.popleft()
        if held == goal:
            return distance[held]
        for layer in range(1, layers + 1):
            if layer == 1 or layer - 1 in held:
                moved = held ^ {layer}
                if len(moved) <= registers and moved not in distance:
                    distance[moved] = distance[held] + 1
                    queue.append(moved)
    return None


@pytest.mark.parametrize("layers", range(1, 10))
def test_pebbling_is_legal_and_shortest(layers):
    for registers in range(1, layers + 2):
        fewest = fewest_moves(layers, registers)
        if fewest is None:
            with pytest.raises(ValueError, match=f"registers must be at least .* for {layers} layers, got {registers}"):
                digital.pebbling(layers, registers)
            continue
        moves, held = digital.pebbling(layers, registers), set()
        for layer in moves:
            assert layer == 1 or layer - 1 in held
            held ^= {layer}
            assert len(held) <= registers
        assert held == {layers}
        assert len(moves) == fewest


def test_pebbling_between_the_two_strategies_of_bennett():
    for n in range(1, 5):
        assert len(digital.pebbling(2**n, 2**n)) == 2 * 2**n - 1
        assert 2 * 2**n - 1 <= len(digital.pebbling(2**n, n + 1)) <= 3**n


# --- refusals -----------------------------------------------------------------------------------------------------------

CNOT = digital.ReversibleCircuit(3, ((0, 1),))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: digital.multiply_accumulates([3]), "widths must list the input and at least one layer"),
        (lambda: digital.inference_operations([3, 0]), r"widths\[1\] must be an integer of at least 1, got 0"),
        (lambda: digital.training_operations([3, 2], batch=0), "batch must be an integer of at least 1, got 0"),
        (lambda: digital.quantize([1.0], 1), "bits must be an integer of at least 2, got 1"),
        (lambda: digital.quantize([0.0], 4), "largest must be positive, got 0"),
        (lambda: digital.to_bits(np.array([8]), 3), r"numbers must be integers from 0 to 2\^3 - 1, got \[8\]"),
        (lambda: digital.to_bits(np.array([-1]), 3), "numbers must be integers"),
        (lambda: digital.to_bits(np.array([0.5]), 3), "numbers must be integers"),
        (lambda: digital.to_numbers(np.zeros((1, 63))), "bits must be at most 62, got 63"),
        (lambda: digital.all_states(21), "wires must be at most 20"),
        (lambda: digital.LogicCircuit(2, (("nand", 0, 1),), (2,)), "kind of gate 0 must be one of and, or, xor, got 'nand'"),
        (lambda: digital.LogicCircuit(2, (("and", 0, 2),), (2,)), "gate 0 must read wires from 0 to 1, got 0 and 2"),
        (lambda: digital.LogicCircuit(2, (("and", 0, 1),), (3,)), "outputs must name wires from 0 to 2"),
        (lambda: digital.LogicCircuit(2, (("and", 0, 1),), ()), "outputs must name wires from 0 to 2"),
        (lambda: digital.ripple_carry_adder(2).run(np.zeros((3, 5))), r"inputs must have shape \(n, 4\)"),
        (lambda: digital.ripple_carry_adder(1).run([[0, 2]]), "inputs must hold bits, 0 or 1, got 2"),
        (lambda: digital.log_error(-1.0), "energy must not be negative, got -1"),
        (lambda: digital.log_error(1.0, kT=0.0), "kT must be positive, got 0"),
        (lambda: digital.energy_for_error(0.0), "error must be above 0 and at most 1/2, got 0"),
        (lambda: digital.energy_for_error(0.6), "error must be above 0 and at most 1/2, got 0.6"),
        (lambda: digital.ramp_loss(0.0, 1.0, 1.0, 1.0), "capacitance must be positive, got 0"),
        (lambda: digital.ramp_loss(1.0, 1.0, -1.0, 1.0), "resistance must be positive, got -1"),
        (lambda: digital.ramp_loss(1.0, 1.0, 1.0, -1.0), "duration must not be negative, got -1"),
        (lambda: digital.ReversibleCircuit(3, ((0, 0),)), "gate 0 must name one to three different wires from 0 to 2"),
        (lambda: digital.ReversibleCircuit(3, ((0, 3),)), "gate 0 must name one to three different wires"),
        (lambda: digital.ReversibleCircuit(5, ((0, 1, 2, 3),)), "gate 0 must name one to three different wires"),
        (lambda: digital.ReversibleCircuit(3, ((),)), "gate 0 must name one to three different wires"),
        (lambda: CNOT.then(digital.ReversibleCircuit(2, ())), "following must have the same 3 wires, got 2"),
        (lambda: digital.compute_copy_uncompute(CNOT, [1], []), "blanks must be as many as the 1 results, got 0"),
        (lambda: digital.compute_copy_uncompute(CNOT, [1], [0]), r"blanks must be wires .* does not touch, got \[0\]"),
        (lambda: digital.reversible_neuron([1, 0], 1), "weights must list at least one integer and no 0"),
        (lambda: digital.reversible_neuron([], 1), "weights must list at least one integer and no 0"),
        (lambda: digital.reversible_neuron([1, 0.5], 1), r"weights\[1\] must be an integer, got 0.5"),
        (lambda: digital.reversible_neuron([1, 1], 0), "threshold must be above 0 and at most 2 .* got 0"),
        (lambda: digital.reversible_neuron([1, -1], 2), "threshold must be above -1 and at most 1 .* got 2"),
        (lambda: digital.reversible_neuron([1, 1], 1.5), "threshold must be an integer, got 1.5"),
        (lambda: digital.register_entropy(np.zeros((2, 2)), []), "wires must name at least one wire"),
        (lambda: digital.pebbling(21, 21), "layers must be at most 20, got 21"),
        (lambda: digital.pebbling(8, 3), "registers must be at least 4 for 8 layers, got 3"),
    ],
)
def test_bad_input_is_refused_with_its_rule_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
