"""The digits and the networks trained on them are what the book says they are."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from thermolib import digits

ROOT = Path(__file__).parents[1]
DATA = digits.load()


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "scripts" / "train_digits.py"))


def test_the_data_are_complete_and_split_without_overlap():
    assert DATA.images.shape == (1797, 64) and DATA.images.min() == 0 and DATA.images.max() == 1
    assert sorted(np.unique(DATA.labels)) == list(range(10))
    assert len(DATA.held_out) == 360
    assert sorted([*DATA.train, *DATA.held_out]) == list(range(1797))
    assert (DATA.targets.sum(axis=1) == 1).all() and (DATA.targets.argmax(axis=1) == DATA.labels).all()


@pytest.mark.parametrize("name", digits.NAMES)
def test_a_network_classifies_digits_it_has_not_seen(name):
    network = digits.network(name)
    assert sum(w.size for w in network.weights) + sum(b.size for b in network.biases) == 3466
    outputs = network.split(network.forward(DATA.images[DATA.held_out]))[-1]
    assert digits.accuracy(outputs, DATA.labels[DATA.held_out]) >= 0.95


@pytest.mark.parametrize("name", digits.NAMES)
def test_the_script_gives_the_stored_weights_again(name, script):
    again, stored = script["train"](name), digits.network(name)
    for new, old in zip(again.weights + again.biases, stored.weights + stored.biases):
        assert new == pytest.approx(old, abs=1e-3)
    outputs = [network.split(network.forward(DATA.images))[-1] for network in (again, stored)]
    assert np.mean(outputs[0].argmax(axis=1) == outputs[1].argmax(axis=1)) > 0.999


def test_backpropagation_is_the_gradient(script):
    """Against central differences of the loss, for the tanh network and a few parameters of every array."""
    network, rng = digits.network("tanh"), np.random.default_rng(3)
    images, targets = DATA.images[:7], DATA.targets[:7]
    parameters = network.weights + network.biases

    def loss():
        return 0.5 * np.sum((network.split(network.forward(images))[-1] - targets) ** 2) / len(images)

    gradients = script["backpropagate"](network.weights, network.biases, network.activations, images, targets)
    for parameter, gradient in zip(parameters, gradients):
        for place in rng.integers(parameter.size, size=5):
            kept = parameter.flat[place]
            losses = []
            for shift in (1e-5, -1e-5):
                parameter.flat[place] = kept + shift
                losses.append(loss())
            parameter.flat[place] = kept
            assert gradient.flat[place] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-8)


def test_stiffness_does_not_change_the_forward_pass():
    soft, stiff = digits.network("relu"), digits.network("relu", stiffness=[2.0, 3.0, 0.5])
    images = DATA.images[:5]
    assert (soft.forward(images) == stiff.forward(images)).all()
    assert stiff.stiffness == pytest.approx([2.0, 3.0, 0.5])


def test_bad_input_is_refused_by_name():
    with pytest.raises(ValueError, match="name must be one of tanh, relu, got 'gelu'"):
        digits.network("gelu")
    with pytest.raises(ValueError, match="one label for each of 2 outputs"):
        digits.accuracy(np.zeros((2, 10)), [1])
