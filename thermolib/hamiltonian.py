"""A feedforward network as a physical system whose energy is least where the network's answer is.

    F(x; x_in) = sum_l (kappa_l / 2) |x_l - f_l(W_l x_{l-1} + b_l)|^2,    l = 1 .. L,  x_0 = x_in

Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

from collections.abc import Sequence

import numpy as np

from thermolib import _check, activations


class NetworkHamiltonian:
    """A dense feedforward network in elastic form: a `System` for `langevin.simulate`, with the input as the control.

        F = sum_l (kappa_l / 2) |x_l - f_l(h_l)|^2,    h_l = W_l x_{l-1} + b_l

    A state holds the layers 1..L side by side, (..., n_units); `split` gives them as a list.

    weights: one matrix (n_out, n_in) per layer. biases: one vector (n_out,) per layer. activation: a name of
    `activations.get`, or one per layer. stiffness: kappa, positive, a number or one per layer.
    """

    def __init__(self, weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], activation="tanh", stiffness=1.0):
        if len(weights) == 0 or len(biases) != len(weights):
            raise ValueError(f"weights and biases must hold one entry per layer, got {len(weights)} and {len(biases)}")
        layers = len(weights)
        self.weights = [_check.array(f"weights[{k}]", w, ndim=2) for k, w in enumerate(weights)]
        self.biases = [_check.array(f"biases[{k}]", b, ndim=1) for k, b in enumerate(biases)]
        for k, (w, b) in enumerate(zip(self.weights, self.biases)):
            if b.shape != w.shape[:1]:
                raise ValueError(f"biases[{k}] must have the length {w.shape[0]} of its layer, got {b.shape[0]}")
            if k and w.shape[1] != self.weights[k - 1].shape[0]:
                raise ValueError(f"weights[{k}] must take the {self.weights[k - 1].shape[0]} units of the layer before, "
                                 f"got {w.shape[1]} columns")
        names = [activation] * layers if isinstance(activation, str) else list(activation)
        if len(names) != layers:
            raise ValueError(f"activation must be a name or one per layer ({layers}), got {len(names)}")
        self.activations = [activations.get(name) for name in names]
        stiffness = _check.array("stiffness", stiffness)
        if stiffness.shape not in ((), (layers,)) or (stiffness <= 0).any():
            raise ValueError(f"stiffness must be positive, a number or one per layer ({layers}), got {stiffness}")
        self.stiffness = np.broadcast_to(stiffness, (layers,)).astype(float)
        self.widths = tuple(w.shape[0] for w in self.weights)
        self.inputs = self.weights[0].shape[1]
        self.shape = (sum(self.widths),)
        self._ends = np.cumsum(self.widths)[:-1]

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """The layers of a state (..., n_units) as views (..., n_l)."""
        if np.shape(x)[-1:] != self.shape:
            raise ValueError(f"x must hold {self.shape[0]} units along its last axis, got shape {np.shape(x)}")
        return np.split(x, self._ends, axis=-1)

    def forward(self, x0: np.ndarray) -> np.ndarray:
        """The forward pass x_l = f(W_l x_{l-1} + b_l) from inputs (..., n_in): a state (..., n_units)."""
        layers, before = [], self._checked_input(x0)
        for w, b, act in zip(self.weights, self.biases, self.activations):
            before = act.f(before @ w.T + b)
            layers.append(before)
        return np.concatenate(layers, axis=-1)

    def energy(self, x: np.ndarray, control: np.ndarray) -> np.ndarray:
        """F of states (n, n_units) at the input `control`, (n_in,) or (n, n_in): (n,) energies."""
        before, total = control, 0.0
        for w, b, act, kappa, layer in zip(self.weights, self.biases, self.activations, self.stiffness, self.split(x)):
            gap = layer - act.f(before @ w.T + b)
            total = total + 0.5 * kappa * np.einsum("...i,...i->...", gap, gap)
            before = layer
        return total

    def force(self, x: np.ndarray, control: np.ndarray) -> np.ndarray:
        """-dF/dx of states (n, n_units) at the input `control`: the own spring, and the pull of the layer above."""
        force = np.empty(np.shape(x))
        parts, layers = self.split(force), self.split(x)
        before = control
        for k, (w, b, act, kappa) in enumerate(zip(self.weights, self.biases, self.activations, self.stiffness)):
            h = before @ w.T + b
            stress = kappa * (layers[k] - act.f(h))
            np.negative(stress, out=parts[k])
            if k:
                parts[k - 1] += (stress * act.derivative(h)) @ w
            before = layers[k]
        return force

    def _checked_input(self, x0) -> np.ndarray:
        x0 = _check.array("x0", x0)
        if x0.shape[-1:] != (self.inputs,):
            raise ValueError(f"x0 must hold {self.inputs} inputs along its last axis, got shape {x0.shape}")
        return x0
