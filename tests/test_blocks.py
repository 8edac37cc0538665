"""Blocks against finite differences and explicit loops, and the networks that are built of them."""

import itertools
import math

import numpy as np
import pytest

from thermolib.blocks import Convolution, Dense, Product, Sum, TokenDense, transformer_block
from thermolib.hamiltonian import NetworkHamiltonian

KT = 0.3


def blocks():
    rng = np.random.default_rng(5)
    return {
        "convolution": Convolution(rng.standard_normal((2, 3, 2, 3)), np.array([0.2, -0.1]), (3, 4, 5), "tanh", 2, reads=0),
        "tokens": TokenDense(rng.standard_normal((2, 3)), np.array([0.3, 0.1]), 4, "tanh", reads=0),
        "dense": Dense(rng.standard_normal((3, 5)), np.zeros(3), reads=0),
        "sum": Sum(4, "identity", (0, 0)),
        "product": Product("ihd,jhd->hij", ((3, 2, 2), (3, 2, 2)), "softmax", (0, 0), 0.7),
    }


@pytest.mark.parametrize("name", blocks())
def test_a_block_pushes_and_pulls_its_own_linear_response(name):
    block, rng = blocks()[name], np.random.default_rng(6)
    sources = [rng.standard_normal(n) for n in block.takes]
    changes, g = [rng.standard_normal(n) for n in block.takes], rng.standard_normal(block.units)
    ahead, behind = (block.input_sum([s + sign * 1e-6 * c for s, c in zip(sources, changes)]) for sign in (1, -1))
    pushed = block.push(sources, changes)
    assert pushed == pytest.approx((ahead - behind) / 2e-6, abs=1e-7)
    assert sum(p @ c for p, c in zip(block.pull(sources, g), changes)) == pytest.approx(g @ pushed, rel=1e-10)
    for k, (parameter, pulled) in enumerate(zip(block.parameters, block.parameter_pull(sources, g))):
        moved = rng.standard_normal(parameter.shape)
        sums = []
        for sign in (1, -1):
            changed = [p + sign * 1e-6 * moved if j == k else p for j, p in enumerate(block.parameters)]
            sums.append(block.with_parameters(*changed).input_sum(sources))
        assert np.sum(pulled * moved) == pytest.approx(g @ (sums[0] - sums[1]) / 2e-6, abs=1e-6)


def test_a_convolution_is_what_its_loops_say():
    kernels, bias, image = np.random.default_rng(1).standard_normal((2, 3, 2, 3)), np.array([0.5, -1.0]), (3, 4, 5)
    block = Convolution(kernels, bias, image, "identity", stride=2, reads=0)
    picture = np.random.default_rng(2).standard_normal(image)
    assert block.image_out == (2, 2, 2)
    out = block.input_sum([picture.ravel()]).reshape(block.image_out)
    for o, y, x in itertools.product(range(2), range(2), range(2)):
        by_hand = bias[o] + sum(kernels[o, i, u, v] * picture[i, 2 * y + u, 2 * x + v]
                                for i, u, v in itertools.product(range(3), range(2), range(3)))
        assert out[o, y, x] == pytest.approx(by_hand, rel=1e-12)


def small_networks():
    rng = np.random.default_rng(8)
    convolution = Convolution(0.5 * rng.standard_normal((2, 1, 3, 3)), np.zeros(2), (1, 6, 6), "relu")
    pooled = Convolution(0.3 * rng.standard_normal((2, 2, 2, 2)), np.zeros(2), convolution.image_out, "tanh", stride=2)
    answer = Dense(0.5 * rng.standard_normal((3, pooled.units)), np.zeros(3), "identity")
    residual = [Dense(rng.standard_normal((4, 4)), np.zeros(4), "tanh"), Dense(rng.standard_normal((4, 4)), np.zeros(4), "tanh"),
                Sum(4, "identity", (1, 2))]
    return {"convolutional": ([convolution, pooled, answer], 36), "residual": (residual, 4),
            "transformer": (transformer_block(3, 4, 2, 5, rng=3), 12)}


@pytest.mark.parametrize("name", small_networks())
def test_networks_of_blocks_have_forces_and_one_minimum(name):
    parts, inputs = small_networks()[name]
    network = NetworkHamiltonian.from_blocks(parts, stiffness=1.4)
    assert network.inputs == inputs
    x0 = np.random.default_rng(1).standard_normal(inputs)
    forward = network.forward(x0)
    x = forward + 0.1 * np.random.default_rng(2).standard_normal(network.shape)
    step = 1e-6 * np.eye(network.shape[0])
    expected = (network.energy(x - step, x0) - network.energy(x + step, x0)) / 2e-6
    assert network.force(x[None], x0)[0] == pytest.approx(expected, abs=1e-6)
    assert network.energy(forward[None], x0)[0] < 1e-25
    start = forward + np.random.default_rng(3).standard_normal((6, *network.shape))
    assert np.abs(network.relax(x0, start) - forward).max() < 1e-6
    drawn = network.sample(x0, 4, KT, 0)
    assert drawn.shape == (4, *network.shape)
    assert network.free_energy(KT) == pytest.approx(-0.5 * KT * network.shape[0] * math.log(2 * math.pi * KT / 1.4))


def test_bad_input_is_refused_by_name():
    for call, message in (
        (lambda: Convolution(np.ones((1, 2, 3, 3)), np.zeros(1), (2, 2, 5)), r"image must be \(2, at least 3, at least 3\)"),
        (lambda: transformer_block(3, 4, 3, 5, rng=0), "heads must divide the width 4, got 3"),
        (lambda: Product("ij,kl->kl", ((2, 3), (4, 2)), reads=(0, 1)), "subscripts must sum over no letter of one source alone"),
        (lambda: Sum(4, "softmax", 0, rows=3), "rows must divide the 4 units, got 3"),
        (lambda: Dense(np.ones((2, 3)), np.zeros(2), reads=(0, 1)), r"reads must name 1 source\(s\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
