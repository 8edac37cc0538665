"""Blocks against explicit loops; their pushes and pulls against differences and against each other."""

import math

import numpy as np
import pytest
from scipy.special import erf

from thermolib.blocks import Block, Convolution, Dense, Product, Sum, TokenDense, transformer_block
from thermolib.hamiltonian import NetworkHamiltonian

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape)


BLOCKS = {
    "dense": Dense(normal(3, 4), normal(3)),
    "convolution": Convolution(normal(3, 2, 3, 2), normal(3), (2, 6, 5), stride=2),
    "token dense": TokenDense(normal(3, 4), normal(3), tokens=5),
    "sum of one": Sum(6, "layer-norm", rows=2),
    "sum of three": Sum(4, reads=(0, 1, 2)),
    "scores": Product("ihd,jhd->hij", ((3, 2, 4), (3, 2, 4)), "softmax", (1, 2), 0.5),
    "mix": Product("hij,jhd->ihd", ((2, 3, 3), (3, 2, 4)), reads=(1, 2), scale=-1.3),
}


def sources_of(block):
    return [normal(2, n) for n in block.takes]


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_push_is_the_derivative_of_the_input_sum(block):
    sources, changes = sources_of(block), sources_of(block)
    ahead, behind = ([s + sign * 1e-6 * c for s, c in zip(sources, changes)] for sign in (1, -1))
    along = (block.input_sum(ahead) - block.input_sum(behind)) / 2e-6
    assert along.shape == (2, block.units)
    assert block.push(sources, changes) == pytest.approx(along, abs=1e-8)


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_pull_is_the_transpose_of_push(block):
    sources, changes, g = sources_of(block), sources_of(block), normal(7, 2, block.units)
    pulled = block.pull(sources, g)  # seven loads on each of two examples
    work = sum(np.einsum("kmi,mi->km", p, c) for p, c in zip(pulled, changes))
    assert work == pytest.approx(np.einsum("kmi,mi->km", g, block.push(sources, changes)), rel=1e-11)


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_parameter_pull_is_the_slope_along_the_parameters(block):
    sources, g = sources_of(block), normal(2, block.units)
    pulled = block.parameter_pull(sources, g)
    assert len(pulled) == len(block.parameters) == (2 if isinstance(block, Dense) else 0)
    for k, (p, force) in enumerate(zip(block.parameters, pulled)):
        way = normal(*p.shape)
        moved = [list(block.parameters), list(block.parameters)]
        moved[0][k], moved[1][k] = p + way, p - way
        ahead, behind = (block.with_parameters(*parameters).input_sum(sources) for parameters in moved)
        along = (g * (ahead - behind)).sum(axis=-1) / 2
        assert force.shape == (2, *p.shape)
        assert (force * way).reshape(2, -1).sum(axis=-1) == pytest.approx(along, rel=1e-11)


def test_with_parameters_leaves_the_block_alone():
    block = BLOCKS["convolution"]
    source = sources_of(block)
    before = block.input_sum(source)
    other = block.with_parameters(2 * block.weight, block.bias)
    assert np.array_equal(block.input_sum(source), before) and not np.array_equal(other.input_sum(source), before)


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_against_loops(stride):
    kernels, bias, image = normal(3, 2, 3, 2), normal(3), normal(2, 6, 5)
    block = Convolution(kernels, bias, image.shape, stride=stride)
    out = np.empty(block.image_out)
    for o, y, x in np.ndindex(out.shape):
        patch = image[:, stride * y : stride * y + 3, stride * x : stride * x + 2]
        out[o, y, x] = bias[o] + (kernels[o] * patch).sum()
    assert block.image_out == (3, (6 - 3) // stride + 1, (5 - 2) // stride + 1)
    assert block.input_sum([image.ravel()]).reshape(out.shape) == pytest.approx(out, rel=1e-12)


def test_token_dense_is_one_layer_for_all_tokens():
    block, tokens = BLOCKS["token dense"], normal(5, 4)
    expected = [block.weight @ token + block.bias for token in tokens]
    assert block.input_sum([tokens.ravel()]).reshape(5, 3) == pytest.approx(np.array(expected), rel=1e-12)
    assert block.rows == 5


def test_products_against_loops():
    query, key = normal(3, 2, 4), normal(3, 2, 4)
    scores = BLOCKS["scores"].input_sum([query.ravel(), key.ravel()]).reshape(2, 3, 3)
    for head, i, j in np.ndindex(scores.shape):
        assert scores[head, i, j] == pytest.approx(0.5 * query[i, head] @ key[j, head])
    assert BLOCKS["scores"].rows == 6  # a softmax for each head and query
    weights, value = normal(2, 3, 3), normal(3, 2, 4)
    mixed = BLOCKS["mix"].input_sum([weights.ravel(), value.ravel()]).reshape(3, 2, 4)
    for i, head in np.ndindex(3, 2):
        assert mixed[i, head] == pytest.approx(-1.3 * sum(weights[head, i, j] * value[j, head] for j in range(3)))


def test_transformer_block_against_plain_numpy():
    tokens, width, heads, hidden = 3, 8, 2, 10
    blocks = transformer_block(tokens, width, heads, hidden, rng=4)
    network = NetworkHamiltonian.from_blocks(blocks)
    query, key, value, out, up, down = network.weights
    x = normal(tokens, width)

    def norm(v):
        return (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5)

    attended = np.zeros((tokens, width))
    for head in range(heads):
        own = slice(head * 4, head * 4 + 4)
        q, k, v = (norm(x) @ w[own].T for w in (query, key, value))
        scores = np.exp(q @ k.T / math.sqrt(4))
        attended[:, own] = scores / scores.sum(1, keepdims=True) @ v
    y = x + attended @ out.T
    h = norm(y) @ up.T
    y = y + (h * 0.5 * (1 + erf(h / math.sqrt(2)))) @ down.T
    result = network.split(network.forward(x.ravel()))[-1]
    assert result.reshape(tokens, width) == pytest.approx(y, rel=1e-10)
    assert np.concatenate([w.ravel() for w in (query, down)]).std() == pytest.approx(math.sqrt((1 / 8 + 1 / 10) / 2), rel=0.15)


def test_transformer_blocks_stack():
    one = transformer_block(2, 4, 1, 6, rng=1)
    two = transformer_block(2, 4, 1, 6, rng=2, first=13)
    x0 = normal(8)
    first = NetworkHamiltonian.from_blocks(one)
    middle = first.split(first.forward(x0))[-1]
    alone = NetworkHamiltonian.from_blocks(transformer_block(2, 4, 1, 6, rng=2)).forward(middle)
    assert NetworkHamiltonian.from_blocks(one + two).forward(x0)[len(first.forward(x0)) :] == pytest.approx(alone, rel=1e-12)


def test_a_block_of_ones_own():
    """The base class says what to define; sources without parameters need no more than three methods."""

    class Gate(Block):
        """h = a b, unit by unit."""

        def __init__(self, units, reads):
            super().__init__(units, (units, units), "identity", reads)

        def input_sum(self, sources):
            return sources[0] * sources[1]

        def push(self, sources, changes):
            return changes[0] * sources[1] + sources[0] * changes[1]

        def pull(self, sources, g):
            return [g * sources[1], g * sources[0]]

    network = NetworkHamiltonian.from_blocks([Dense(normal(3, 2), normal(3)), Gate(3, (1, 1))])
    x0 = normal(4, 2)
    assert network.split(network.forward(x0))[1] == pytest.approx(network.split(network.forward(x0))[0] ** 2)
    assert network.relax(x0, normal(4, 6)) == pytest.approx(network.forward(x0), abs=1e-9)
    for method, arguments in (("input_sum", 1), ("push", 2), ("pull", 2)):
        with pytest.raises(NotImplementedError):
            getattr(Block(1, (1,), "tanh", None), method)(*[[]] * arguments)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Dense(normal(3, 2), normal(2)), "bias must have the length 3 of its layer, got 2"),
        (lambda: Dense(normal(3), normal(3)), "weight must have 2 dimension"),
        (lambda: Dense(normal(3, 2), normal(3), "swish"), "activation must be one of"),
        (lambda: Dense(normal(3, 2), normal(3), reads=(1, 2)), r"reads must name 1 source\(s\), got \(1, 2\)"),
        (lambda: TokenDense(normal(3, 2), normal(2), 4), "bias must have one entry for each of 3 outputs, got 2"),
        (lambda: TokenDense(normal(3, 2), normal(3), 0), "tokens must be an integer of at least 1, got 0"),
        (lambda: Convolution(normal(3, 2, 3, 3), normal(3), (1, 8, 8)), r"image must be \(2, at least 3, at least 3\), got"),
        (lambda: Convolution(normal(3, 2, 3, 3), normal(3), (2, 8, 2)), r"image must be .*, got \(2, 8, 2\)"),
        (lambda: Convolution(normal(3, 2, 3, 3), normal(3), (2, 8, 8), stride=0), "stride must be an integer"),
        (lambda: Sum(5, "layer-norm", rows=2), "rows must divide the 5 units, got 2"),
        (lambda: Sum(0), "units must be an integer of at least 1, got 0"),
        (lambda: Product("ik,jl->ij", ((2, 3), (2, 3)), reads=(1, 2)), "subscripts must sum over no letter of one source alone"),
        (lambda: Product("ik,jk->ij", ((2, 3), (2, 3))), r"reads must name 2 source\(s\), got None"),
        (lambda: Product("ik,jk->ij", ((2, 3), (2, 3)), reads=(1, 2), scale=math.nan), "scale must be a finite number"),
        (lambda: transformer_block(2, 5, 2, 4, rng=1), "heads must divide the width 5, got 2"),
        (lambda: transformer_block(2, 4, 2, 4, rng=None), "rng must be"),
    ],
)
def test_bad_blocks_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
