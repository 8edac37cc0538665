"""A feedforward network as a physical system whose energy is least where the network's answer is.

    F(x; x_in) = sum_l kappa_l E_l(x_l, h_l),    h_l = W_l x_{l-1} + b_l,    l = 1 .. L,  x_0 = x_in

    elastic:        E = |x - f(h)|^2 / 2
    Fenchel-Young:  E = Phi(x) + Phi*(h) - x h,    at a temperature with Phi*_T, T = kT / kappa_l, in place of Phi*

The layers may be the blocks of any feedforward graph (`blocks`). The mapping of a network onto an energy is after
Tkachenko 2025 (tkachenko2025v2, tkachenko2025v3); the elastic form is that of predictive coding (Whittington and Bogacz
2017, whittington2017), the other that of lifted networks (Gu, Askari and El Ghaoui 2020, gu2020).
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from thermolib import _check
from thermolib._forms import FORMS, Elastic, FenchelYoung
from thermolib._relax import RelaxationError, relaxed
from thermolib.activations import Activation
from thermolib.blocks import Block, Dense

__all__ = ["Clamped", "NetworkHamiltonian", "RelaxationError"]

Control = np.ndarray | tuple[np.ndarray, np.ndarray]


class _Layer(NamedTuple):
    """One block at one state of the network."""

    block: Block
    form: Elastic | FenchelYoung
    reads: tuple[int, ...]
    sources: list[np.ndarray]
    h: np.ndarray
    x: np.ndarray


class NetworkHamiltonian:
    """A feedforward network as a `System` for `langevin.simulate`, with its input as the control.

        F = sum_l kappa_l E(x_l, h_l),    h_l = W_l x_{l-1} + b_l

    A state holds the layers 1..L side by side, (..., n_units); `split` gives them as a list. The control is the input
    x0, (n_in,) or (..., n_in); or, with the output clamped at y, the pair (x0, y), and then the state holds only the
    hidden layers, (..., n_hidden). Units n_l of all layers count, not those of the input.

    weights: one matrix (n_out, n_in) per layer. biases: one vector (n_out,) per layer. activation: a name of
    `activations.get`, an `Activation`, or one of these per layer. stiffness: kappa, positive, a number or one per layer.
    form: "elastic" or "fenchel-young", or one per layer. kT: the temperature at which layers in Fenchel-Young form are
    to be normalized (each of them at T = kT / kappa_l); None for their energies without temperature.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        activation="tanh",
        stiffness=1.0,
        form="elastic",
        kT: float | None = None,
    ):
        if len(weights) == 0 or len(biases) != len(weights):
            raise ValueError(f"weights and biases must hold one entry per layer, got {len(weights)} and {len(biases)}")
        names = _one_each("activation", activation, len(weights))
        blocks = []
        for layer, (weight, bias, name) in enumerate(zip(weights, biases, names), 1):
            try:
                blocks.append(Dense(weight, bias, name))
            except ValueError as error:
                raise ValueError(f"layer {layer}: {error}") from None
        self._build(blocks, stiffness, form, kT)

    @classmethod
    def from_blocks(cls, blocks: Sequence[Block], stiffness=1.0, form="elastic", kT: float | None = None):
        """A network of any blocks, the last of them its output; stiffness, form and kT as for a chain of dense layers."""
        network = cls.__new__(cls)
        network._build(list(blocks), stiffness, form, kT)
        return network

    def _build(self, blocks, stiffness, form, kT):
        self.blocks = blocks
        self.kT = None if kT is None else _check.positive("kT", kT)
        stiffness = _check.array("stiffness", stiffness)
        if stiffness.shape not in ((), (len(blocks),)) or (stiffness <= 0).any():
            raise ValueError(f"stiffness must be positive, a number or one per layer ({len(blocks)}), got {stiffness}")
        self.stiffness = np.broadcast_to(stiffness, (len(blocks),)).astype(float)
        self.widths = tuple(block.units for block in blocks)
        self.reads = [(k,) if block.reads is None else block.reads for k, block in enumerate(blocks)]
        self.inputs = next((b.takes[r.index(0)] for b, r in zip(blocks, self.reads) if 0 in r), None)
        if self.inputs is None:
            raise ValueError("blocks must read the input (0) at least once, got none that does")
        for k, (block, reads) in enumerate(zip(blocks, self.reads)):
            if not all(0 <= r <= k for r in reads):
                raise ValueError(f"block {k + 1} must read the input (0) or blocks before it, got {reads}")
            given = tuple((self.inputs, *self.widths)[r] for r in reads)
            if given != block.takes:
                raise ValueError(f"block {k + 1} must read sources of {block.takes} units, got {given} from {reads}")
        self.shape = (sum(self.widths),)
        self.hidden = self.shape[0] - self.widths[-1]
        ends = np.cumsum((0, *self.widths)).tolist()
        self._slices = [(..., slice(start, end)) for start, end in zip(ends, ends[1:])]
        forms = [FORMS[_check.choice("form", name, FORMS)] for name in _one_each("form", form, len(blocks))]
        self._forms = [
            f(block.activation, block.rows, float(kappa), self.kT) for f, block, kappa in zip(forms, blocks, self.stiffness)
        ]
        self._all_elastic = all(isinstance(form, Elastic) for form in self._forms)

    # --- its parts ---------------------------------------------------------------------------------------------------

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights of the blocks that have some."""
        return [block.weight for block in self.blocks if isinstance(block, Dense)]

    @property
    def biases(self) -> list[np.ndarray]:
        """The biases of the blocks that have some."""
        return [block.bias for block in self.blocks if isinstance(block, Dense)]

    @property
    def activations(self) -> list:
        """The `Activation` of each layer."""
        return [block.activation for block in self.blocks]

    @property
    def parameters(self) -> np.ndarray:
        """All weights and biases in one vector (N,): W_1 row by row, b_1, W_2, b_2, ..."""
        return np.concatenate([p.ravel() for block in self.blocks for p in block.parameters])

    def split_parameters(self, theta: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """A vector (..., N) of parameters, or of forces on them, as one tuple per layer, (W_l, b_l) of a dense one."""
        count = sum(p.size for block in self.blocks for p in block.parameters)
        if theta.shape[-1] != count:
            raise ValueError(f"theta must hold {count} parameters along its last axis, got shape {theta.shape}")
        start, layers = 0, []
        for block in self.blocks:
            arrays = []
            for p in block.parameters:
                arrays.append(theta[..., start : start + p.size].reshape(*theta.shape[:-1], *p.shape))
                start += p.size
            layers.append(tuple(arrays))
        return layers

    def with_parameters(self, theta: np.ndarray) -> "NetworkHamiltonian":
        """The same network with the parameters theta, (N,), in the order of `parameters`."""
        theta = _check.array("theta", theta, ndim=1).copy()
        network = copy.copy(self)
        network.blocks = [b.with_parameters(*p) for b, p in zip(self.blocks, self.split_parameters(theta))]
        return network

    def with_output_stiffness(self, kappa: float) -> "NetworkHamiltonian":
        """The same network with the stiffness kappa of its last layer."""
        network, block = copy.copy(self), self.blocks[-1]
        network.stiffness = np.append(self.stiffness[:-1], _check.positive("kappa", kappa))
        network._forms = [*self._forms[:-1], type(self._forms[-1])(block.activation, block.rows, float(kappa), self.kT)]
        return network

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """The layers of a state (..., n_units), or the hidden layers of one (..., n_hidden), as views (..., n_l)."""
        units = x.shape[-1]
        if units == self.shape[0]:
            return [x[part] for part in self._slices]
        if units == self.hidden:
            return [x[part] for part in self._slices[:-1]]
        raise ValueError(f"x must hold {self.shape[0]} units along its last axis, or {self.hidden} if the output is "
                         f"clamped, got shape {x.shape}")

    def layers(self, x: np.ndarray, control: Control) -> Iterator[_Layer]:
        """The blocks from the input to the output, each with its sources, input sum and state."""
        values = self.split(x)
        x0 = control
        if isinstance(control, tuple):
            x0, y = control
            values.append(y)
        if len(values) != len(self.blocks):
            raise ValueError(f"control must be (x0, y) for a state of {self.hidden} hidden units, and x0 for one of all "
                             f"{self.shape[0]} units, got a {type(control).__name__} for {x.shape[-1]}")
        values.insert(0, x0)
        for k, (block, form, reads) in enumerate(zip(self.blocks, self._forms, self.reads), 1):
            sources = [values[r] for r in reads]
            yield _Layer(block, form, reads, sources, block.input_sum(sources), values[k])

    # --- energy and forces -------------------------------------------------------------------------------------------

    def forward(self, x0: np.ndarray) -> np.ndarray:
        """The forward pass, x_l = f(h_l) from inputs (..., n_in): a state (..., n_units).

        The state in which every layer is at rest given the one before, and the only stationary one. (Discrete units at
        a temperature: f(h / T). Continuous units in Fenchel-Young form at a temperature: of each layer alone.)
        """
        values = [self._checked_input(x0)]
        for block, form, reads in zip(self.blocks, self._forms, self.reads):
            values.append(form.rest(block.input_sum([values[r] for r in reads])))
        return np.concatenate(values[1:], axis=-1)

    def energy(self, x: np.ndarray, control: Control) -> np.ndarray:
        """F of states (n, n_units): (n,) energies."""
        return sum(layer.form.energy(layer.x, layer.h) for layer in self.layers(x, control))

    def force(self, x: np.ndarray, control: Control) -> np.ndarray:
        """-dF/dx of states (n, n_units): the own spring of each unit, and the pull of the layers that read it.

        Softmax units in Fenchel-Young form: the part along the simplex, on which they live.
        """
        x = np.asarray(x, dtype=float)
        force = self.force_at(self._coordinates(x), control, x)
        for part, form in zip(self.split(force), self._forms):
            if form.rows and isinstance(form, FenchelYoung):
                rows = form.fold(part)
                part -= np.repeat(rows.mean(axis=-1), rows.shape[-1], axis=-1)
        return force

    def force_at(self, z: np.ndarray, control: Control, x: np.ndarray | None = None) -> np.ndarray:
        """The force at the coordinates z that a relaxation moves in; z = x for the elastic form."""
        x = self.state_at(z) if x is None else x
        force = np.empty(x.shape)
        parts, coordinates = self.split(force), self.split(z)
        for k, layer in enumerate(self.layers(x, control)):
            stress = layer.form.stress(layer.x, layer.h)
            if k < len(parts):
                parts[k][...] = layer.form.own_force(coordinates[k], layer.h, stress)
            if any(layer.reads):
                on_sum = layer.form.sum_force(layer.h, stress)
                for source, pulled in zip(layer.reads, layer.block.pull(layer.sources, on_sum)):
                    if source:
                        parts[source - 1] += pulled
        return force

    def stress(self, x: np.ndarray, control: Control) -> list[np.ndarray]:
        """kappa_l (x_l - f(h_l)) of each layer, (..., n_l): zero where the network is at rest.

        In Fenchel-Young form at a temperature f is f_T. The layers are all L, also if the output is clamped.
        """
        return [layer.form.stress(layer.x, layer.h) for layer in self.layers(x, control)]

    def _sum_forces(self, x, control) -> Iterator[tuple[_Layer, np.ndarray]]:
        for layer in self.layers(x, control):
            yield layer, layer.form.sum_force(layer.h, layer.form.stress(layer.x, layer.h))

    def input_force(self, x: np.ndarray, control: Control) -> np.ndarray:
        """-dF/dx0, (..., n_in): what the network does to whatever holds its input."""
        total = 0.0
        for layer, force in self._sum_forces(x, control):
            if 0 in layer.reads:
                pulls = layer.block.pull(layer.sources, force)
                total = total + sum(pulled for source, pulled in zip(layer.reads, pulls) if source == 0)
        return total

    def parameter_force(self, x: np.ndarray, control: Control) -> np.ndarray:
        """-dF/dtheta of each state, (..., N), in the order of `parameters`; `split_parameters` gives it layer by layer.

            elastic: on W_l (s_l * f'(h_l)) x_{l-1}^T,    Fenchel-Young: s_l x_{l-1}^T,    s the stress

        Each is local: the product of what is known at both ends of the weight.
        """
        batch = np.shape(x)[:-1]
        forces = [
            np.broadcast_to(pulled, (*batch, *p.shape)).reshape(*batch, p.size)
            for layer, force in self._sum_forces(x, control)
            for p, pulled in zip(layer.block.parameters, layer.block.parameter_pull(layer.sources, force))
        ]
        return np.concatenate(forces, axis=-1)

    # --- rest and equilibrium ----------------------------------------------------------------------------------------

    def relax(self, control: Control, start: np.ndarray | None = None, *, tolerance: float = 1e-9,
              max_steps: int = 100) -> np.ndarray:
        """The stationary state of F that is reached downhill from start, for any number of inputs at once.

        Newton's method with a line search; for the way in time there is `langevin.simulate` at kT = 0. With a free
        output there is one stationary state, the forward pass; with a clamped one there can be several, and also for
        continuous units in Fenchel-Young form at a temperature, where only the mean force is balanced.

        control: inputs (..., n_in), or a pair with targets (..., n_out). start: (..., n_units), or (..., n_hidden) if
        the output is clamped; by default the state at h = 0 or, clamped, the forward pass. tolerance: for the largest
        force on a unit; in Fenchel-Young form for the stiffness times the distance to where the unit would go.

        Raises RelaxationError, with the force that is left, where it gets no further: after max_steps, or because the
        energy has no smooth minimum there (a clamped network in elastic form can come to rest at the kink of a ReLU).
        """
        tolerance, max_steps = _check.positive("tolerance", tolerance), _check.count("max_steps", max_steps)
        held = self._checked_control(control)
        if start is None:
            start = self.forward(held[0])[..., : self.hidden] if len(held) == 2 else self._at_zero_sum()
        start = np.asarray(start, dtype=float)
        units = self.hidden if len(held) == 2 else self.shape[0]
        if start.shape[-1:] != (units,) or not np.isfinite(start).all():
            raise ValueError(f"start must hold {units} finite units along its last axis, got shape {start.shape}")
        batch = np.broadcast_shapes(start.shape[:-1], *(part.shape[:-1] for part in held))
        if units == 0:
            return np.empty((*batch, 0))
        start, *held = (np.broadcast_to(a, (*batch, a.shape[-1])).reshape(-1, a.shape[-1]) for a in (start, *held))
        z = self._coordinates(start)
        if np.isnan(z).any():
            raise ValueError("start must lie in the domain of the activations, got a state outside")
        return relaxed(self, z, tuple(held) if len(held) == 2 else held[0], tolerance, max_steps).reshape(*batch, units)

    def sample(self, control: np.ndarray, n: int, kT: float, rng) -> np.ndarray:
        """n exact draws, (n, ..., n_units), from the equilibrium exp(-F / kT) at inputs (..., n_in), output free.

            elastic: x_l = f(h_l) + sqrt(kT / kappa_l) xi,    layer after layer: a noisy forward pass

        because the energy of each layer has the same partition function whatever is below it. In Fenchel-Young form that
        holds at the temperature kT for which the network was made; discrete units are drawn as such.
        """
        if isinstance(control, tuple):
            raise ValueError("control must be the input alone: with the output clamped the layers can not be drawn in turn")
        n, kT, rng = _check.count("n", n), _check.nonnegative("kT", kT), _check.generator(rng)
        x0 = self._checked_input(control)
        values = [np.broadcast_to(x0, (n, *x0.shape))]
        for block, form, reads in zip(self.blocks, self._forms, self.reads):
            values.append(form.sample(block.input_sum([values[r] for r in reads]), kT, rng))
        return np.concatenate(values[1:], axis=-1)

    def free_energy(self, kT: float) -> float:
        """-kT ln integral exp(-F / kT) dx, output free: the same for every input and all parameters.

            elastic: -(kT / 2) sum_l n_l ln(2 pi kT / kappa_l),    Fenchel-Young, at its temperature: 0
        """
        kT = _check.positive("kT", kT)
        return sum(form.free_energy(units, kT) for form, units in zip(self._forms, self.widths))

    # --- for those who move it -----------------------------------------------------------------------------------------

    @property
    def clamped(self) -> "Clamped":
        """The network with its output clamped, as a `System` of its hidden layers; controls are pairs (x0, y)."""
        return Clamped(self)

    @property
    def langevin_refusal(self) -> str:
        """Why Langevin steps would move this network wrongly; empty if they do not."""
        return next((form.langevin_refusal for form in self._forms if form.langevin_refusal), "")

    @property
    def levels(self) -> np.ndarray:
        """The two levels of each unit, (n_units, 2), for Glauber dynamics (`glauber`)."""
        if None in (levels := [form.levels for form in self._forms]):
            raise ValueError(f"layers must all be two-level units in Fenchel-Young form, got layer {levels.index(None) + 1}")
        return np.repeat(levels, self.widths, axis=0)

    # --- coordinates of a relaxation -----------------------------------------------------------------------------------

    def _by_layer(self, method: str, *arrays) -> np.ndarray:
        parts = zip(self._forms, *(self.split(a) for a in arrays))
        return np.concatenate([getattr(form, method)(*those) for form, *those in parts], axis=-1)

    def _coordinates(self, x: np.ndarray) -> np.ndarray:
        return x if self._all_elastic else self._by_layer("coordinate", x)

    def state_at(self, z: np.ndarray) -> np.ndarray:
        """The state at the coordinates z of a relaxation."""
        return z if self._all_elastic else self._by_layer("state", z)

    def settled(self, z: np.ndarray) -> np.ndarray:
        """The coordinates z, moved back to the walls of the domain where they lie beyond."""
        return z if self._all_elastic else self._by_layer("settle", z)

    def imbalance(self, z: np.ndarray, x: np.ndarray, force: np.ndarray) -> np.ndarray:
        """Stiffness times the distance of each unit to where the force on it would be balanced by its own spring."""
        if self._all_elastic:
            return force
        parts = zip(self._forms, self.split(z), self.split(x), self.split(force))
        gaps = [form.kappa * (x_ - form.state(z_ + force_ / form.kappa)) for form, z_, x_, force_ in parts]
        return np.concatenate(gaps, axis=-1)

    def _at_zero_sum(self) -> np.ndarray:
        return np.concatenate([form.rest(np.zeros(units)) for form, units in zip(self._forms, self.widths)])

    def _checked_input(self, x0) -> np.ndarray:
        return _units("x0", x0, self.inputs, "inputs")

    def _checked_control(self, control) -> list[np.ndarray]:
        if not isinstance(control, tuple):
            return [self._checked_input(control)]
        if len(control) != 2:
            raise ValueError(f"control must be x0, or a pair (x0, y), got a tuple of {len(control)}")
        return [self._checked_input(control[0]), _units("y", control[1], self.widths[-1], "outputs")]


@dataclass(frozen=True)
class Clamped:
    """A network with its output clamped, as a `System`: the state holds the hidden layers, the control is (x0, y)."""

    network: NetworkHamiltonian

    @property
    def shape(self) -> tuple[int]:
        return (self.network.hidden,)

    @property
    def langevin_refusal(self) -> str:
        return self.network.langevin_refusal

    def energy(self, x: np.ndarray, control: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return self.network.energy(x, control)

    def force(self, x: np.ndarray, control: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return self.network.force(x, control)


def _units(name: str, values, units: int, what: str) -> np.ndarray:
    values = _check.array(name, values)
    if values.shape[-1:] != (units,):
        raise ValueError(f"{name} must hold {units} {what} along its last axis, got shape {values.shape}")
    return values


def _one_each(name: str, value, layers: int) -> list:
    values = [value] * layers if isinstance(value, (str, Activation)) else list(value)
    if len(values) != layers:
        raise ValueError(f"{name} must be a name or one per layer ({layers}), got {len(values)}")
    return values
