"""What a digital computer does in one inference: operations, gates, switches, and the reversible way around them.

Information is counted in nats, so that kT times a count is an energy. Bits of a state are booleans along the last axis,
one column per wire, the least significant bit of a number first.
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

import numpy as np
from scipy.special import log_ndtr, ndtri

from thermolib import _check
from thermolib.landauer import entropy, gate_erasure

_MOST_ENUMERATED = 20  # wires of which all states are listed: a million of them

# --- operations of a network --------------------------------------------------------------------------------------------


class Counted:
    """A number that enters every operation done with it into a shared tally.

    Products, sums (differences are sums) and tanh are counted under "multiplications", "additions" and "activations".
    """

    __slots__ = ("value", "tally")

    def __init__(self, value: float, tally: Counter):
        self.value, self.tally = value, tally

    def _enter(self, kind: str, value: float) -> "Counted":
        self.tally[kind] += 1
        return Counted(value, self.tally)

    def __mul__(self, other):
        return self._enter("multiplications", self.value * getattr(other, "value", other))

    def __add__(self, other):
        return self._enter("additions", self.value + getattr(other, "value", other))

    def __sub__(self, other):
        return self._enter("additions", self.value - getattr(other, "value", other))

    def __rsub__(self, other):
        return self._enter("additions", other - self.value)

    __rmul__, __radd__ = __mul__, __add__

    def tanh(self) -> "Counted":
        """Called by `numpy.tanh` on an array of counted numbers."""
        return self._enter("activations", math.tanh(self.value))


def counted(values: np.ndarray, tally: Counter) -> np.ndarray:
    """The same numbers as an array of `Counted` ones; `plain` is the way back."""
    return np.vectorize(lambda value: Counted(value, tally), otypes=[object])(_check.array("values", values))


def plain(values: np.ndarray) -> np.ndarray:
    """The values of an array of `Counted` numbers."""
    return np.vectorize(lambda number: number.value, otypes=[float])(values)


@dataclass(frozen=True)
class Operations:
    """How many multiplications, additions and activations (evaluations of the nonlinear function) something takes."""

    multiplications: int
    additions: int
    activations: int

    @property
    def arithmetic(self) -> int:
        """Multiplications and additions together."""
        return self.multiplications + self.additions


def _widths(widths: Sequence[int]) -> list[int]:
    if len(widths) < 2:
        raise ValueError(f"widths must list the input and at least one layer, got {list(widths)}")
    return [_check.count(f"widths[{k}]", width) for k, width in enumerate(widths)]


def multiply_accumulates(widths: Sequence[int]) -> int:
    """Weights of a dense network, sum_l n_l n_{l-1}: each takes one product and one sum in a forward pass."""
    widths = _widths(widths)
    return sum(above * below for below, above in zip(widths, widths[1:]))


def parameters(widths: Sequence[int]) -> int:
    """Weights and biases of a dense network, N = sum_l n_l (n_{l-1} + 1)."""
    return multiply_accumulates(widths) + sum(widths[1:])


def inference_operations(widths: Sequence[int]) -> Operations:
    """Forward pass of a dense network for one input: as many products and sums as there are weights.

    Every sum starts from the bias, so that biases take no operation of their own. widths: of the input and of each layer;
    the last layer is linear, the others have one activation per unit.
    """
    pairs = multiply_accumulates(widths)
    return Operations(pairs, pairs, sum(widths[1:-1]))


def training_operations(widths: Sequence[int], batch: int = 1) -> Operations:
    """One step of gradient descent on the squared error of a dense tanh network, for a whole batch.

    With M weights in all, M' of them above the first layer, H hidden and O output units, N parameters, B inputs:

        forward                       B M products      B M sums            B H activations
        error of the output                             B O
        errors of the layers below    B M'              B (M' - H)
        times f' = 1 - x^2            2 B H             B H
        gradients                     B M               (B - 1) N
        update                        N                 N

    For wide layers and large batches that is 6 M operations an input, 2 M of them forward. The error of the input
    itself is not needed and not counted.

    widths: of the input and of each layer, the last of them linear. batch: B inputs whose gradients are added.
    """
    forward, batch = inference_operations(widths), _check.count("batch", batch)
    M, H, N = forward.multiplications, forward.activations, parameters(widths)
    above = M - widths[0] * widths[1]
    return Operations(
        batch * (2 * M + above + 2 * H) + N,
        batch * (M + widths[-1] + above) + (batch - 1) * N + N,
        batch * H,
    )


def quantize(values: np.ndarray, bits: int, largest: float | None = None) -> tuple[np.ndarray, float]:
    """Signed integers of so many bits and the step that turns them back: values are about integers * step.

        step = largest / (2^(bits - 1) - 1),    integers = round(values / step)

    bits: at least 2, one of them the sign. largest: value of the largest integer, by default the largest magnitude;
    what lies beyond it is clipped.
    """
    values = _check.array("values", values)
    most = 2 ** (_check.count("bits", bits, least=2) - 1) - 1
    if largest is None:
        largest = float(np.abs(values).max())
    step = _check.positive("largest", largest) / most
    return np.clip(np.rint(values / step), -most, most).astype(np.int64), step


# --- logic that forgets -------------------------------------------------------------------------------------------------

GATES = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
_PAIRS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=bool)


def to_bits(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Booleans (..., bits) of non-negative integers below 2^bits, the least significant first."""
    numbers = np.asarray(numbers)
    if not np.issubdtype(numbers.dtype, np.integer) or (numbers < 0).any() or (numbers >> _check.count("bits", bits)).any():
        raise ValueError(f"numbers must be integers from 0 to 2^{bits} - 1, got {numbers}")
    return (numbers[..., None] >> np.arange(bits) & 1).astype(bool)


def to_numbers(bits: np.ndarray) -> np.ndarray:
    """Integers (...) of booleans (..., bits), the least significant first; at most 62 bits."""
    bits = np.asarray(bits, dtype=bool)
    if bits.shape[-1] > 62:
        raise ValueError(f"bits must be at most 62, got {bits.shape[-1]}")
    return bits @ (1 << np.arange(bits.shape[-1], dtype=np.int64))


def all_states(wires: int) -> np.ndarray:
    """Every state of so many bits, (2^wires, wires), in the order of the numbers they make; at most 20 wires."""
    if _check.count("wires", wires) > _MOST_ENUMERATED:
        raise ValueError(f"wires must be at most {_MOST_ENUMERATED} to list all states, got {wires}")
    return to_bits(np.arange(2**wires), wires)


def _states(name: str, states, wires: int) -> np.ndarray:
    states = np.asarray(states)
    if states.ndim != 2 or states.shape[1] != wires or len(states) == 0:
        raise ValueError(f"{name} must have shape (n, {wires}), one column per wire, got shape {states.shape}")
    if states.dtype != bool and not np.isin(states, (0, 1)).all():
        raise ValueError(f"{name} must hold bits, 0 or 1, got {states[~np.isin(states, (0, 1))][0]}")
    return states.astype(bool)


@dataclass(frozen=True, eq=False)
class LogicCircuit:
    """A feedforward circuit of two-input gates, each adding one wire.

    inputs: wires 0 to inputs - 1. gates: (kind, wire, wire), kind one of `GATES`; gate k drives wire inputs + k from two
    wires before it. outputs: the wires that hold the result.
    """

    inputs: int
    gates: tuple[tuple[str, int, int], ...]
    outputs: tuple[int, ...]

    def __post_init__(self):
        _check.count("inputs", self.inputs)
        for k, (kind, a, b) in enumerate(self.gates):
            _check.choice(f"kind of gate {k}", kind, GATES)
            if not 0 <= min(a, b) <= max(a, b) < self.inputs + k:
                raise ValueError(f"gate {k} must read wires from 0 to {self.inputs + k - 1}, got {a} and {b}")
        wires = self.inputs + len(self.gates)
        if not self.outputs or not 0 <= min(self.outputs) <= max(self.outputs) < wires:
            raise ValueError(f"outputs must name wires from 0 to {wires - 1}, got {self.outputs}")

    def wires(self, inputs: np.ndarray) -> np.ndarray:
        """All wires, (n, inputs + gates), for inputs (n, inputs)."""
        inputs = _states("inputs", inputs, self.inputs)
        wires = np.empty((self.inputs + len(self.gates), len(inputs)), dtype=bool)
        wires[: self.inputs] = inputs.T
        for k, (kind, a, b) in enumerate(self.gates, self.inputs):
            GATES[kind](wires[a], wires[b], out=wires[k])
        return wires.T

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs, (n, outputs), for inputs (n, inputs)."""
        return self.wires(inputs)[:, list(self.outputs)]


def gate_losses(circuit: LogicCircuit, inputs: np.ndarray | None = None) -> np.ndarray:
    """Information that each gate forgets, (gates,) in nats: H(its two inputs) - H(its output).

    The account of a circuit whose gates know nothing of each other: each gets its own copies of two bits, makes its
    output and forgets the copies. The sum is at least H(inputs) - H(outputs) of the whole circuit, and times kT it is
    what this *circuit* costs at least when built from such gates, not what the computation costs.

    inputs: (n, inputs), equally likely; by default all of them. A sample of n inputs is biased by about 1/n a gate.

    Sources: Landauer 1961 (landauer1961); Wolpert 2019 (wolpert2019) for circuits.
    """
    wires = circuit.wires(all_states(circuit.inputs) if inputs is None else inputs).T
    losses = []
    for kind, a, b in circuit.gates:
        both, one, other = (float(np.mean(w)) for w in (wires[a] & wires[b], wires[a], wires[b]))
        chances = np.array([1 - one - other + both, other - both, one - both, both]).clip(0)
        losses.append(gate_erasure(GATES[kind](*_PAIRS.T).tolist(), chances))
    return np.array(losses)


class _Builder:
    """Collects gates and hands out the wires that they drive."""

    def __init__(self, inputs: int):
        self.inputs, self.gates = inputs, []

    def gate(self, kind: str, a: int, b: int) -> int:
        self.gates.append((kind, a, b))
        return self.inputs + len(self.gates) - 1

    def half_adder(self, a: int, b: int) -> tuple[int, int]:
        """Sum and carry of two bits."""
        return self.gate("xor", a, b), self.gate("and", a, b)

    def full_adder(self, a: int, b: int, carry: int) -> tuple[int, int]:
        """Sum and carry of three bits."""
        half, first = self.half_adder(a, b)
        total, second = self.half_adder(half, carry)
        return total, self.gate("or", first, second)

    def add(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Wires of the sum, one more than the longer of the two numbers has."""
        a, b = sorted((list(a), list(b)), key=len)
        total, carry = [], None
        for k, wire in enumerate(b):
            if k < len(a):
                bit, carry = self.half_adder(a[k], wire) if carry is None else self.full_adder(a[k], wire, carry)
            else:
                bit, carry = self.half_adder(wire, carry)
            total.append(bit)
        return [*total, carry]

    def circuit(self, outputs: Sequence[int]) -> LogicCircuit:
        return LogicCircuit(self.inputs, tuple(self.gates), tuple(outputs))


def ripple_carry_adder(bits: int) -> LogicCircuit:
    """Adds two numbers of so many bits, inputs (a, b), into bits + 1: a half adder and then full adders of five gates."""
    bits = _check.count("bits", bits)
    build = _Builder(2 * bits)
    return build.circuit(build.add(range(bits), range(bits, 2 * bits)))


def array_multiplier(bits: int) -> LogicCircuit:
    """Multiplies two numbers of so many bits, inputs (a, b), into 2 bits: bits^2 ANDs, and their rows added up in turn."""
    bits = _check.count("bits", bits)
    build = _Builder(2 * bits)
    rows = [[build.gate("and", a, bits + b) for a in range(bits)] for b in range(bits)]
    done, running = [], rows[0]
    for row in rows[1:]:
        done.append(running[0])
        running = build.add(running[1:], row)
    return build.circuit(done + running)


# --- switches -----------------------------------------------------------------------------------------------------------


def log_error(energy: float, kT: float = 1.0) -> float:
    """Natural logarithm of the probability that noise puts a bit on a capacitor beyond the middle between its levels.

        error = Q(V / 2 sigma) = Q(sqrt(energy / 2 kT)),    sigma^2 = kT / C,    energy = C V^2 / 2

    Q is the upper tail of the normal distribution. One look at a node that sits in equilibrium at one of two levels V
    apart, the threshold halfway.

    energy: C V^2 / 2, not negative. kT: positive.
    """
    return float(log_ndtr(-math.sqrt(_check.nonnegative("energy", energy) / (2 * _check.positive("kT", kT)))))


def energy_for_error(error: float, kT: float = 1.0) -> float:
    """The C V^2 / 2 at which the error of a bit on a capacitor is as given: 2 kT Q^-1(error)^2. See `log_error`.

    error: above 0, at most 1/2.
    """
    if not 0 < _check.probability("error", error) <= 0.5:
        raise ValueError(f"error must be above 0 and at most 1/2, got {error}")
    return 2 * _check.nonnegative("kT", kT) * float(ndtri(error)) ** 2


def ramp_loss(capacitance: float, voltage: float, resistance: float, duration: float) -> float:
    """Heat of charging a capacitor through a resistor from a source that rises steadily, the rest of the charge included.

        (s / t) C V^2 [1 - (s / t) (1 - exp(-t / s))],    s = R C

    C V^2 / 2 for a sudden step, C V^2 R C / t for a slow ramp. It is the work of dragging a harmonic trap: charge for
    position, 1/C for the stiffness, 1/R for the mobility, C V / t for the speed. Thermal noise does not change the mean.

    capacitance, resistance: positive. duration: t, not negative; 0 is the sudden step. One system of units.

    Source: Athas et al. 1994 (athas1994).
    """
    energy = _check.positive("capacitance", capacitance) * _check.finite("voltage", voltage) ** 2
    ratio = _check.nonnegative("duration", duration) / (_check.positive("resistance", resistance) * capacitance)
    if ratio < 1e-4:  # the difference below would cancel
        return energy * (0.5 - ratio / 6)
    return energy * (ratio + math.expm1(-ratio)) / ratio**2


# --- reversible logic ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ReversibleCircuit:
    """A circuit of NOT, CNOT and Toffoli gates: each flips its last wire if all its other wires hold 1.

    wires: how many. gates: (target,), (control, target) or (control, control, target). Every gate undoes itself, so the
    inverse is the same gates in the reverse order.
    """

    wires: int
    gates: tuple[tuple[int, ...], ...]

    def __post_init__(self):
        _check.count("wires", self.wires)
        for k, gate in enumerate(self.gates):
            if not 1 <= len(gate) <= 3 or len(set(gate)) < len(gate) or not 0 <= min(gate) <= max(gate) < self.wires:
                raise ValueError(f"gate {k} must name one to three different wires from 0 to {self.wires - 1}, got {gate}")

    def trace(self, states: np.ndarray) -> np.ndarray:
        """States before the first gate and after each, (gates + 1, n, wires), from states (n, wires)."""
        now = _states("states", states, self.wires).copy()
        history = [now.copy()]
        for *controls, target in self.gates:
            now[:, target] ^= now[:, controls].all(axis=1)
            history.append(now.copy())
        return np.array(history)

    def run(self, states: np.ndarray) -> np.ndarray:
        """States after the last gate, (n, wires), from states (n, wires)."""
        return self.trace(states)[-1]

    @property
    def inverse(self) -> "ReversibleCircuit":
        """The circuit that undoes this one."""
        return ReversibleCircuit(self.wires, self.gates[::-1])

    def then(self, following: "ReversibleCircuit") -> "ReversibleCircuit":
        """This circuit and another one after it, on the same wires."""
        if following.wires != self.wires:
            raise ValueError(f"following must have the same {self.wires} wires, got {following.wires}")
        return ReversibleCircuit(self.wires, self.gates + following.gates)

    def permutation(self) -> np.ndarray:
        """Where each of the 2^wires states goes, as numbers, (2^wires,); at most 20 wires."""
        return to_numbers(self.run(all_states(self.wires)))


def compute_copy_uncompute(compute: ReversibleCircuit, results: Sequence[int], blanks: Sequence[int]) -> ReversibleCircuit:
    """Bennett's way to keep a result and no garbage: compute, copy the results onto blanks, run the computation backward.

    results: wires that hold the result after `compute`. blanks: as many wires that `compute` does not touch.

    Source: Bennett 1973 (bennett1973).
    """
    if len(results) != len(blanks):
        raise ValueError(f"blanks must be as many as the {len(results)} results, got {len(blanks)}")
    touched = {wire for gate in compute.gates for wire in gate}
    if touched & set(blanks):
        raise ValueError(f"blanks must be wires that compute does not touch, got {sorted(touched & set(blanks))} among them")
    copies = ReversibleCircuit(compute.wires, tuple(zip(results, blanks)))
    return compute.then(copies).then(compute.inverse)


@dataclass(frozen=True, eq=False)
class ReversibleNeuron:
    """A neuron of binary inputs as a reversible circuit: fires if sum_i w_i x_i >= threshold.

    compute: leaves the answer in the top bit of a counter, beside garbage in the rest of it. inputs, counter, carries:
    their wires (carries are back at 0 after each addition). answer: the top wire of the counter. output: a blank wire
    that `compute` does not touch.
    """

    compute: ReversibleCircuit
    inputs: tuple[int, ...]
    counter: tuple[int, ...]
    carries: tuple[int, ...]
    output: int

    @property
    def answer(self) -> int:
        return self.counter[-1]

    @cached_property
    def clean(self) -> ReversibleCircuit:
        """Compute, copy the answer to the output, uncompute: see `compute_copy_uncompute`."""
        return compute_copy_uncompute(self.compute, [self.answer], [self.output])

    def starts(self) -> np.ndarray:
        """Every input with all other wires at 0, (2^inputs, wires)."""
        states = np.zeros((2 ** len(self.inputs), self.compute.wires), dtype=bool)
        states[:, list(self.inputs)] = all_states(len(self.inputs))
        return states


def _integer(name: str, value: int) -> int:
    if not isinstance(value, Integral):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    return int(value)


def reversible_neuron(weights: Sequence[int], threshold: int) -> ReversibleNeuron:
    """A `ReversibleNeuron` of integer weights, built as a counter that starts high enough for its top bit to answer.

    With m bits the counter starts at 2^(m-1) - threshold; each input that holds 1 adds its weight; the counter ends at
    or above 2^(m-1) exactly if the neuron fires. A negative weight counts the zeros of its input instead: w x =
    |w| (1 - x) - |w|. m is the least with which the counter does not overflow.

    weights: one integer per input, not 0. threshold: an integer that some inputs reach and some do not.
    """
    weights, threshold = [_integer(f"weights[{k}]", w) for k, w in enumerate(weights)], _integer("threshold", threshold)
    if not weights or 0 in weights:
        raise ValueError(f"weights must list at least one integer and no 0, got {weights}")
    lowest = sum(min(w, 0) for w in weights)
    highest = sum(max(w, 0) for w in weights)
    if not lowest < threshold <= highest:
        raise ValueError(f"threshold must be above {lowest} and at most {highest} for the neuron to have a choice, "
                         f"got {threshold}")
    most, least = highest - lowest, threshold - lowest  # of the sum of |w| over the inputs that count
    size = 1 + max(least - 1, most - least).bit_length()
    n = len(weights)
    inputs, counter = tuple(range(n)), tuple(range(n, n + size))
    carries = tuple(range(n + size, n + size + max(size - 2, 0)))
    gates: list[tuple[int, ...]] = [(counter[k],) for k in range(size) if (2 ** (size - 1) - least) >> k & 1]
    for wire, weight in zip(inputs, weights):
        flip = [(wire,)] if weight < 0 else []
        gates += flip
        for place in range(abs(weight).bit_length()):
            if abs(weight) >> place & 1:
                gates += _increment(wire, counter[place:], carries)
        gates += flip
    output = n + size + len(carries)
    return ReversibleNeuron(ReversibleCircuit(output + 1, tuple(gates)), inputs, counter, carries, output)


def _increment(control: int, counter: Sequence[int], carries: Sequence[int]) -> list[tuple[int, ...]]:
    """Gates that add the control bit to a counter, its lowest wire first; the carries start and end at 0."""
    carry, up, flips = control, [], [(control, counter[0])]
    for k, wire in enumerate(counter[:-2]):
        up.append((carry, wire, carries[k]))
        carry = carries[k]
        flips.append((carry, counter[k + 1]))
    if len(counter) == 1:
        return flips
    # The highest bit first: each carry is undone before the wire that it was made from changes.
    gates = [*up, (carry, counter[-2], counter[-1])]
    for k in reversed(range(len(flips))):
        gates.append(flips[k])
        if k:
            gates.append(up[k - 1])
    return gates


def register_entropy(states: np.ndarray, wires: Sequence[int]) -> float:
    """Joint entropy in nats of some wires over equally likely states (n, wires): what clearing them blindly erases."""
    if len(wires) == 0:
        raise ValueError("wires must name at least one wire, got none")
    states = np.asarray(states)
    _, counts = np.unique(to_numbers(states[:, list(wires)]), return_counts=True)
    return entropy(counts / len(states))


# --- layers that are kept -----------------------------------------------------------------------------------------------


def pebbling(layers: int, registers: int) -> tuple[int, ...]:
    """Shortest reversible way to the last of several layers, with room for so many of them at a time.

    A layer can be computed onto a blank register, or uncomputed to a blank, whenever the layer before it is there; layer
    0 is the input and always there. At the end only the last layer is held. Returns the layers computed or uncomputed,
    1 to layers, in their order. All the 2^layers sets of held layers are searched, breadth first.

    layers: at most 20. registers: at least 1 + ceil(log2(layers)), or there is no way, and a ValueError says so.

    Source: Bennett 1989 (bennett1989) for the game.
    """
    layers, registers = _check.count("layers", layers), _check.count("registers", registers)
    if layers > _MOST_ENUMERATED:
        raise ValueError(f"layers must be at most {_MOST_ENUMERATED}, got {layers}")
    least = 1 + (layers - 1).bit_length()
    if registers < least:
        raise ValueError(f"registers must be at least {least} for {layers} layers, got {registers}")
    held = all_states(layers).sum(axis=1)
    last_move = np.zeros(2**layers, dtype=np.int8)  # 0: not reached yet
    last_move[0] = 1  # reached, though by no move
    goal, front = 1 << (layers - 1), np.array([0])
    while not last_move[goal]:
        following = []
        for layer in range(1, layers + 1):
            ready = front if layer == 1 else front[front >> (layer - 2) & 1 == 1]
            moved = ready ^ (1 << (layer - 1))
            moved = moved[(held[moved] <= registers) & (last_move[moved] == 0)]
            last_move[moved] = layer
            following.append(moved)
        front = np.concatenate(following)
    moves, state = [], goal
    while state:
        moves.append(int(last_move[state]))
        state ^= 1 << (moves[-1] - 1)
    return tuple(reversed(moves))
