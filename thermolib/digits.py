"""The network on which the book measures: classifiers of 8 x 8 handwritten digits, and the digits themselves.

64 inputs, two hidden layers of 32 units, 10 linear outputs trained on one-hot targets with the squared error. The weights
come from `scripts/train_digits.py`; running it again gives them again.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from thermolib import _check
from thermolib.hamiltonian import NetworkHamiltonian

WIDTHS = (64, 32, 32, 10)
NAMES = ("tanh", "relu")


@dataclass(frozen=True, eq=False)
class Digits:
    """1797 digits by 13 writers, in the order of their source.

    images: (1797, 64), gray values from 0 to 1. labels: (1797,), 0 to 9. train, held_out: which of them the networks
    were trained on (1437), and which they have not seen (360); a random split, so that the same writers are in both.
    """

    images: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    held_out: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """One-hot labels, (1797, 10)."""
        return np.eye(10)[self.labels]


def _read(name: str) -> dict[str, np.ndarray]:
    with files("thermolib").joinpath("data", name).open("rb") as file, np.load(file) as stored:
        return dict(stored)


def load() -> Digits:
    """The images, labels and the split that the networks were trained with.

    Source: Alpaydin and Kaynak 1998 (alpaydin1998), UCI repository, CC BY 4.0.
    """
    stored = _read("digits.npz")
    order = np.random.default_rng(2025).permutation(len(stored["labels"]))
    return Digits(stored["images"] / 16.0, stored["labels"].astype(int), np.sort(order[360:]), np.sort(order[:360]))


def network(name: str = "tanh", stiffness=1.0) -> NetworkHamiltonian:
    """A trained classifier, "tanh" or "relu" (the activation of its hidden layers), of 3466 parameters.

    stiffness: kappa of the physical network, a number or one per layer; the forward pass does not depend on it.
    """
    stored = _read(f"digits_{_check.choice('name', name, NAMES)}.npz")
    layers = range(1, len(WIDTHS))
    weights, biases = [stored[f"W{k}"] for k in layers], [stored[f"b{k}"] for k in layers]
    return NetworkHamiltonian(weights, biases, [name, name, "identity"], stiffness)


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of the outputs (n, 10) whose largest entry is at the label (n,)."""
    outputs, labels = _check.array("outputs", outputs, ndim=2), np.asarray(labels)
    if labels.shape != outputs.shape[:1]:
        raise ValueError(f"labels must hold one label for each of {len(outputs)} outputs, got shape {labels.shape}")
    return float(np.mean(outputs.argmax(axis=1) == labels))
