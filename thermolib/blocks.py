"""The blocks of a feedforward network: how the input sum of a group of neurons is made of the neurons before it.

A block is a group of units x = f(h) with an input sum h that depends on earlier units, its sources. Every block gives h,
its change when the sources change, and the pull back: what a force on h is at each source and at each parameter. Nothing
else is needed for the energy, the forces and the stresses of the network (`hamiltonian`).
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import copy
import math
from collections.abc import Sequence

import numpy as np

from thermolib import _check, activations

Reads = int | Sequence[int] | None


class Block:
    """What all blocks have in common, and what a new one has to define: the four methods, and `with_parameters`.

    units: how many. takes: the number of units of each source. reads: the number of each source in its network, 0 for
    the input and k for the k-th block; None for the block before. activation: a name or an `activations.Activation`.
    rows: into how many equal groups the units fall, side by side, for an activation that acts on a group as a whole
    (softmax, layer norm). parameters: arrays that can be trained.
    """

    parameters: tuple[np.ndarray, ...] = ()

    def __init__(self, units: int, takes: Sequence[int], activation, reads: Reads, rows: int = 1):
        self.units = units
        self.takes = tuple(takes)
        self.activation = activations.get(activation)
        self.reads = None if reads is None else tuple(int(r) for r in np.atleast_1d(reads))
        self.rows = _check.count("rows", rows)
        if len(self.takes) != len(self.reads or (0,)):
            raise ValueError(f"reads must name {len(self.takes)} source(s), got {reads}")
        if units % rows:
            raise ValueError(f"rows must divide the {units} units, got {rows}")

    def input_sum(self, sources: list[np.ndarray]) -> np.ndarray:
        """h (..., units) of sources (..., n)."""
        raise NotImplementedError

    def push(self, sources: list[np.ndarray], changes: list[np.ndarray]) -> np.ndarray:
        """Change of h, to first order, when the sources change."""
        raise NotImplementedError

    def pull(self, sources: list[np.ndarray], g: np.ndarray) -> list[np.ndarray]:
        """Forces on the sources that a force g on h amounts to: the transpose of `push`."""
        raise NotImplementedError

    def parameter_pull(self, sources: list[np.ndarray], g: np.ndarray) -> tuple[np.ndarray, ...]:
        """Forces on the parameters, (...) + the shape of each, that a force g on h amounts to."""
        return ()

    def with_parameters(self, *parameters: np.ndarray) -> "Block":
        """The same block with other parameters of the same shapes."""
        return self


class Dense(Block):
    """h = W x + b.

    weight: W, (n_out, n_in). bias: b, (n_out,).
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray, activation="tanh", reads: Reads = None):
        weight, bias = _check.array("weight", weight, ndim=2), _check.array("bias", bias, ndim=1)
        if bias.shape != weight.shape[:1]:
            raise ValueError(f"bias must have the length {weight.shape[0]} of its layer, got {bias.shape[0]}")
        super().__init__(weight.shape[0], weight.shape[1:], activation, reads)
        self._set(weight, bias)

    def _set(self, weight, bias):
        self.weight = self._matrix = weight
        self.bias = self._offset = bias
        self._transposed = weight.T

    @property
    def parameters(self):
        return self.weight, self.bias

    def with_parameters(self, weight, bias):
        other = copy.copy(self)
        other._set(weight, bias)
        return other

    def input_sum(self, sources):
        return sources[0] @ self._transposed + self._offset

    def push(self, sources, changes):
        return changes[0] @ self._transposed

    def pull(self, sources, g):
        return [g @ self._matrix]

    def parameter_pull(self, sources, g):
        return g[..., :, None] * sources[0][..., None, :], g


class _Tied(Dense):
    """A dense block in which each weight and each bias is used in many places.

    ends, starts: (weight.shape + (places,)), the unit and the source unit that a weight connects in each of its places.
    """

    def __init__(self, weight, bias, ends, starts, takes, activation, reads, rows=1):
        weight, bias = _check.array("weight", weight), _check.array("bias", bias, ndim=1)
        if bias.shape != weight.shape[:1]:
            raise ValueError(f"bias must have one entry for each of {weight.shape[0]} outputs, got {bias.shape[0]}")
        places = (*weight.shape, np.shape(ends)[-1])
        self._ends, self._starts = np.broadcast_to(ends, places), np.broadcast_to(starts, places)
        self._bias_ends = self._ends.reshape(len(bias), -1, places[-1])[:, 0]
        Block.__init__(self, self._bias_ends.size, (takes,), activation, reads, rows)
        self._set(weight, bias)

    def _set(self, weight, bias):
        self.weight, self.bias = weight, bias
        self._matrix, self._offset = np.zeros((self.units, *self.takes)), np.empty(self.units)
        self._matrix[self._ends, self._starts] = weight[..., None]
        self._offset[self._bias_ends] = bias[:, None]
        self._transposed = self._matrix.T

    def parameter_pull(self, sources, g):
        of_weight = (g[..., self._ends] * sources[0][..., self._starts]).sum(axis=-1)
        return of_weight, g[..., self._bias_ends].sum(axis=-1)


class TokenDense(_Tied):
    """The same dense layer on every token of a sequence: h_t = W x_t + b, the tokens side by side.

    weight: W, (n_out, n_in). bias: b, (n_out,). tokens: how many.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray, tokens: int, activation="identity", reads: Reads = None):
        n_out, n_in = _check.array("weight", weight, ndim=2).shape
        t = np.arange(_check.count("tokens", tokens))
        ends, starts = t * n_out + np.arange(n_out)[:, None, None], t * n_in + np.arange(n_in)[:, None]
        super().__init__(weight, bias, ends, starts, tokens * n_in, activation, reads, rows=tokens)


class Convolution(_Tied):
    """A two-dimensional convolution without padding: a dense block with tied weights.

        h[o, y, x] = b[o] + sum_{i, u, v} K[o, i, u, v] image[i, stride y + u, stride x + v]

    kernels: K, (n_out, n_in, height, width). bias: b, (n_out,). image: shape (n_in, height, width) of the source, whose
    units are the image read row by row. image_out: the shape of the result.
    """

    def __init__(self, kernels: np.ndarray, bias: np.ndarray, image: tuple[int, int, int], activation="relu",
                 stride: int = 1, reads: Reads = None):
        n_out, n_in, height, width = _check.array("kernels", kernels, ndim=4).shape
        stride = _check.count("stride", stride)
        if len(image) != 3 or image[0] != n_in or image[1] < height or image[2] < width:
            raise ValueError(f"image must be ({n_in}, at least {height}, at least {width}), got {image}")
        rows, columns = ((image[a] - size) // stride + 1 for a, size in ((1, height), (2, width)))
        self.image_out = (n_out, rows, columns)
        y, x = (position.ravel() for position in np.indices((rows, columns)))
        o, i, u, v = np.ogrid[:n_out, :n_in, :height, :width]
        ends = o[..., None] * rows * columns + y * columns + x
        starts = (i[..., None] * image[1] + stride * y + u[..., None]) * image[2] + stride * x + v[..., None]
        super().__init__(kernels, bias, ends, starts, math.prod(image), activation, reads)


class Sum(Block):
    """h = the sum of its sources, all of as many units: a residual connection, or a layer norm of a single source.

    units: of each source. reads, activation, rows: as in `Block`.
    """

    def __init__(self, units: int, activation="identity", reads: Reads = None, rows: int = 1):
        units = _check.count("units", units)
        super().__init__(units, [units] * np.size(reads), activation, reads, rows)

    def input_sum(self, sources):
        return sum(sources[1:], start=sources[0])

    def push(self, sources, changes):
        return sum(changes[1:], start=changes[0])

    def pull(self, sources, g):
        return [g] * len(sources)


class Product(Block):
    """h = scale * einsum(subscripts, a, b), bilinear in two sources: attention.

    subscripts: as in numpy.einsum, like "ihd,jhd->hij"; each letter of a source must occur in the other or in h.
    shapes: the array shape that each source is read as. The units are h read row by row, and each row, its last
    axis, is a group for the activation.
    """

    def __init__(self, subscripts: str, shapes: Sequence[tuple[int, ...]], activation="identity", reads: Reads = None,
                 scale: float = 1.0):
        self._letters = subscripts.replace("->", ",").split(",")
        self._shapes = [tuple(shape) for shape in shapes]
        self.scale = _check.finite("scale", scale)
        first, second, out = self._letters
        if not (set(first) <= set(second + out) and set(second) <= set(first + out)):
            raise ValueError(f"subscripts must sum over no letter of one source alone, got {subscripts!r}")
        size = dict(zip(first + second, self._shapes[0] + self._shapes[1]))
        self._shape = tuple(size[letter] for letter in out)
        units = math.prod(self._shape)
        super().__init__(units, [math.prod(s) for s in self._shapes], activation, reads, units // self._shape[-1])

    def _contract(self, one, other, result, a, b):
        """scale * einsum over the axes of two operands out of three: 0 and 1 the sources, 2 the input sum."""
        shapes = [*self._shapes, self._shape]
        a, b = (v.reshape(*v.shape[:-1], *shapes[k]) for v, k in ((a, one), (b, other)))
        names = [f"...{self._letters[k]}" for k in (one, other, result)]
        product = self.scale * np.einsum(f"{names[0]},{names[1]}->{names[2]}", a, b)
        return product.reshape(*product.shape[: product.ndim - len(shapes[result])], -1)

    def input_sum(self, sources):
        return self._contract(0, 1, 2, *sources)

    def push(self, sources, changes):
        return self._contract(0, 1, 2, changes[0], sources[1]) + self._contract(0, 1, 2, sources[0], changes[1])

    def pull(self, sources, g):
        return [self._contract(2, 1, 0, g, sources[1]), self._contract(0, 2, 1, sources[0], g)]


def transformer_block(tokens: int, width: int, heads: int, hidden: int, *, rng, first: int = 1,
                      activation="gelu") -> list[Block]:
    """The blocks of one transformer layer, x + attention(norm x), then y + perceptron(norm y), with random weights.

    Each token is a vector of the given width; tokens lie side by side. Twelve blocks: norm, queries, keys, values,
    attention weights (softmax units with an input sum bilinear in queries and keys), mixed values, their projection,
    sum, norm, hidden layer, its projection, sum. The gain and shift of a layer norm are left to the next weights.

    tokens, width, heads (a divisor of width), hidden: numbers. rng: of the Gaussian weights, variance 1 / n_in.
    first: the number of the first of the blocks in its network; the one before it is the source.
    """
    tokens, width, heads = _check.count("tokens", tokens), _check.count("width", width), _check.count("heads", heads)
    rng = _check.generator(rng)
    if width % heads:
        raise ValueError(f"heads must divide the width {width}, got {heads}")

    def dense(n_out, n_in, reads, activation="identity"):
        weight = rng.standard_normal((n_out, n_in)) / math.sqrt(n_in)
        return TokenDense(weight, np.zeros(n_out), tokens, activation, reads)

    heads_shape = (tokens, heads, width // heads)
    units, source, n = tokens * width, first - 1, first
    return [
        Sum(units, "layer-norm", source, rows=tokens),
        *(dense(width, width, n) for _ in ("queries", "keys", "values")),
        Product("ihd,jhd->hij", (heads_shape, heads_shape), "softmax", (n + 1, n + 2), math.sqrt(heads / width)),
        Product("hij,jhd->ihd", ((heads, tokens, tokens), heads_shape), "identity", (n + 4, n + 3)),
        dense(width, width, n + 5),
        Sum(units, "identity", (source, n + 6)),
        Sum(units, "layer-norm", n + 7, rows=tokens),
        dense(hidden, width, n + 8, activation),
        dense(width, hidden, n + 9),
        Sum(units, "identity", (n + 7, n + 10)),
    ]
