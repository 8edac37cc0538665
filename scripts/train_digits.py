"""Train the digits networks that thermolib ships: ordinary backpropagation, squared error, momentum, fixed seed.

`python scripts/train_digits.py` writes the weights into thermolib/data and prints the accuracies. The first seed that
was tried is the one that is shipped.
"""

import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

from thermolib import activations, digits
from thermolib.hamiltonian import NetworkHamiltonian

EPOCHS, BATCH, RATE, MOMENTUM, DECAY = 150, 32, 0.02, 0.9, 1e-3


def train(name: str, seed: int = 0, progress: bool = False) -> NetworkHamiltonian:
    """A network of this activation, trained on the training half of the digits; the rate falls as a half cosine."""
    rng = np.random.default_rng(seed)
    data = digits.load()
    acts = [activations.get(a) for a in (name, name, "identity")]
    gain = 2.0 if name == "relu" else 1.0
    weights = [math.sqrt(gain / n) * rng.standard_normal((m, n)) for n, m in zip(digits.WIDTHS, digits.WIDTHS[1:])]
    biases = [np.zeros(m) for m in digits.WIDTHS[1:]]
    parameters = weights + biases
    velocities = [np.zeros_like(p) for p in parameters]
    for epoch in tqdm(range(EPOCHS), desc=name, disable=not progress):
        rate = 0.5 * RATE * (1 + math.cos(math.pi * epoch / EPOCHS))
        order = rng.permutation(data.train)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            gradients = backpropagate(weights, biases, acts, data.images[batch], data.targets[batch])
            for p, v, g in zip(parameters, velocities, gradients):
                decay = DECAY * p if p.ndim == 2 else 0.0
                v *= MOMENTUM
                v -= rate * (g + decay)
                p += v
    return NetworkHamiltonian(weights, biases, [a.name for a in acts])


def backpropagate(weights, biases, acts, inputs, targets) -> list[np.ndarray]:
    """Gradients of the mean of |output - target|^2 / 2: one per weight matrix, then one per bias."""
    layers, sums = [inputs], []
    for w, b, act in zip(weights, biases, acts):
        sums.append(layers[-1] @ w.T + b)
        layers.append(act.f(sums[-1]))
    delta = (layers[-1] - targets) / len(inputs)
    of_weights, of_biases = [], []
    for k in reversed(range(len(weights))):
        delta = delta * acts[k].derivative(sums[k])
        of_weights.insert(0, delta.T @ layers[k])
        of_biases.insert(0, delta.sum(axis=0))
        delta = delta @ weights[k]
    return of_weights + of_biases


def main() -> None:
    data = digits.load()
    for name in digits.NAMES:
        network = train(name, progress=True)
        outputs = network.split(network.forward(data.images))[-1]
        for part in ("train", "held_out"):
            chosen = getattr(data, part)
            print(f"{name}: {part} accuracy {digits.accuracy(outputs[chosen], data.labels[chosen]):.4f}")
        arrays = {f"W{k}": w for k, w in enumerate(network.weights, 1)} | {f"b{k}": b for k, b in enumerate(network.biases, 1)}
        np.savez_compressed(Path(digits.__file__).parent / "data" / f"digits_{name}.npz", **arrays)


if __name__ == "__main__":
    main()
