"""Budgets: what a model costs to train and to use in each substrate, and how far real machines are from the bounds.

    E(M) = D (e_inference + e_learning) + M e_inference

Each of D training examples takes an inference and a step of learning; each of M later inferences takes an inference only.
Energies are in the unit of kT: in kT for kT = 1, in joules for kT = units.thermal_energy(temperature). An example of a
language model is a token.
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import math
from dataclasses import dataclass

from scipy.optimize import brentq

from thermolib import _check, units
from thermolib.catalog import Model
from thermolib.digital import ramp_loss
from thermolib.training import training_bound

#: Operations per parameter and example in a wide dense network: a product and a sum on the way forward, and twice that
#: on the way back, for the errors and for the gradients. `digital.training_operations` has the exact count.
INFERENCE_OPERATIONS = 2
LEARNING_OPERATIONS = 4
TRAINING_OPERATIONS = INFERENCE_OPERATIONS + LEARNING_OPERATIONS


@dataclass(frozen=True)
class Budget:
    """What a model costs in one substrate.

    examples: D, shown in training, each once. inference: energy of one inference. learning: energy of learning from one
    example, on top of the inference that it takes.
    """

    examples: float
    inference: float
    learning: float

    def __post_init__(self):
        _check.positive("examples", self.examples)
        _check.nonnegative("inference", self.inference)
        _check.positive("learning", self.learning)

    @property
    def training(self) -> float:
        """Energy of training, D (e_inference + e_learning)."""
        return self.examples * (self.inference + self.learning)

    def total(self, inferences):
        """Energy of training and of so many inferences since, a number or an array."""
        return self.training + inferences * self.inference

    @property
    def break_even(self) -> float:
        """Inferences that cost as much as the training: D (1 + e_learning / e_inference), infinite if they are free."""
        return self.training / self.inference if self.inference else math.inf


def signal_to_noise(bits: float) -> float:
    """Signal-to-noise power of an analog value that is worth so many bits: 4^bits - 1, from bits = log2(1 + SNR) / 2.

    bits: positive.

    Source: Shannon 1948 (shannon1948), for a Gaussian signal in Gaussian noise.
    """
    return 4 ** _check.positive("bits", bits) - 1


def digital(parameters: float, examples: float, operation: float) -> Budget:
    """A digital computer: 2 N operations an inference, 4 N more to learn from an example, 6 N D for the training.

    parameters: N used for one example. examples: D. operation: energy of one operation; b bits times kT ln 2 if a result
    of b bits is erased in each.
    """
    each = _check.positive("parameters", parameters) * _check.positive("operation", operation)
    return Budget(examples, INFERENCE_OPERATIONS * each, LEARNING_OPERATIONS * each)


def dynamic(
    parameters: float,
    examples: float,
    neurons: float,
    bits: float,
    *,
    noise_ratio: float = 1.0,
    batch: float = 1.0,
    kT: float = 1.0,
) -> Budget:
    """Neurons that are reset at each inference, at Landauer's price, and parameters at their training bound.

        e_inference = n b kT ln 2,    e_learning = 2 N kT / (r B)

    parameters: N. examples: D. neurons: n whose values are held for one inference. bits: b that a neuron's value is worth,
    ln(range / resolution) / ln 2. noise_ratio: r of `training.training_bound`. batch: B examples averaged at the same time
    before the parameters move. All positive.

    Sources: Landauer 1961 (landauer1961); Tkachenko 2025, version 3 (tkachenko2025v3) for the bound at r = B = 1.
    """
    erased = _check.positive("neurons", neurons) * _check.positive("bits", bits) * math.log(2)
    return Budget(examples, erased * _check.positive("kT", kT), _learning(parameters, noise_ratio, batch, kT))


def quasi_static(
    parameters: float,
    examples: float,
    neurons: float,
    bits: float,
    slowness: float,
    *,
    noise_ratio: float = 1.0,
    batch: float = 1.0,
    kT: float = 1.0,
) -> Budget:
    """Neurons that follow their inputs against friction, and parameters at their training bound.

        e_inference = n 2 SNR kT tau_r / tau,    SNR = 4^b - 1,    e_learning = 2 N kT / (r B)

    A neuron of stiffness kappa and friction gamma that moves straight and steadily from one value to an independent one,
    in the time tau, dissipates gamma <(x - x')^2> / tau = 2 gamma var(x) / tau = 2 SNR kT tau_r / tau, with
    tau_r = gamma / kappa and SNR = kappa var(x) / kT. Paths that bend cost more. Leading order in tau_r / tau.

    slowness: tau / tau_r, positive; well above 1 for the formula to hold. The others as in `dynamic`.
    """
    drag = 2 * signal_to_noise(bits) / _check.positive("slowness", slowness)
    inference = _check.positive("neurons", neurons) * drag * _check.positive("kT", kT)
    return Budget(examples, inference, _learning(parameters, noise_ratio, batch, kT))


def _learning(parameters, noise_ratio, batch, kT) -> float:
    return training_bound(parameters, 1, noise_ratio) * kT / _at_least_one("batch", batch)


def _at_least_one(name: str, value: float) -> float:
    if _check.finite(name, value) < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return float(value)


def register_erasure(parameters: float, examples: float, bits: float, batch: float = 1.0, kT: float = 1.0) -> float:
    """Energy of training if each update erases the registers of all parameters before it writes them: N D b kT ln 2 / B.

    An account of one way to build a computer, not a lower bound: given the new value, the old one may hold few bits.

    parameters: N. examples: D. bits: b of a register. batch: B examples per update, at least 1. kT: positive.
    """
    updates = _check.positive("examples", examples) / _at_least_one("batch", batch)
    register = _check.positive("bits", bits) * _check.positive("kT", kT) * math.log(2)
    return _check.positive("parameters", parameters) * updates * register


def training_gap(model: Model, temperature: float = 300.0) -> float:
    """Published energy of a training over 2 N D k_B T, with N the parameters used for one token (`active_parameters`).

    In a mixture of experts a token moves only the experts that it is sent to. If the others are held fixed meanwhile, the
    bound counts for each parameter the tokens that move it: N D with the active N, the weaker of the two readings. If
    they diffuse all the time, it is the total N.
    """
    bound = training_bound(model.active_parameters, model.examples) * units.thermal_energy(temperature)
    return model.training_energy / bound


def operation_for_gap(gap: float, noise_ratio: float = 1.0, batch: float = 1.0, kT: float = 1.0) -> float:
    """Energy of one operation at which 6 N D of them cost `gap` times the training bound: gap kT / (3 r B).

    gap, noise_ratio, kT: positive. batch: at least 1.
    """
    per_example = _learning(1.0, noise_ratio, batch, _check.positive("kT", kT))
    return _check.positive("gap", gap) * per_example / TRAINING_OPERATIONS


def slowness_for_saving(saving: float) -> float:
    """How long a ramp must be, in units of R C, to lose `saving` times less than a sudden step: about 2 saving.

    The inverse of `digital.ramp_loss`. saving: above 1.
    """
    if _check.finite("saving", saving) <= 1:
        raise ValueError(f"saving must be above 1, got {saving}")
    sudden = ramp_loss(1.0, 1.0, 1.0, 0.0)
    return float(brentq(lambda t: sudden / ramp_loss(1.0, 1.0, 1.0, t) - saving, 0.0, 2 * saving + 1, rtol=1e-12))
