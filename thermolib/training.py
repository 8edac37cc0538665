"""Learning as relaxation: parameters pulled by data, shaken by the bath, and the heat that it takes.

An example is clamped, the parameters move for a while by

    d theta = -mobility dF_d/dtheta dt + sqrt(2 mobility kT) dB

and the example is released. F_d is the energy of the network that is held at the example's input and target. Clamping
costs F_d before, releasing returns F_d after, and the difference is the heat that the parameters gave to the bath.
`OnlineLearner` has all of this in closed form; `anneal` trains a network. Every function raises ValueError, with the rule
and the value, for an argument outside the range it states.
"""

import copy
import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh_tridiagonal, expm, hadamard
from tqdm import tqdm

from thermolib import _check
from thermolib._forms import Elastic
from thermolib.blocks import Dense
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import Estimate, StepSizeWarning

_TOLERANCE = 1e-5  # of the stress
_EASY_STEP = 0.5  # mobility * time * curvature up to which Heun's step is good to a few percent
_LONGEST_STEP = 2.0
_POWER_STEPS, _REACH = 8, 1e-4
_LANCZOS_STEPS = 60


def training_bound(parameters: float, examples: float, noise_ratio: float = 1.0) -> float:
    """Heat of training in kT: 2 N D / r.

    For overdamped parameters that see one example after the other, in small steps, near the optimum (chapter 9).

    parameters: N, those that the data pull at. examples: D, shown, so that an epoch counts again. noise_ratio: r, thermal
    over statistical variance of a step. All positive.

    Source: Tkachenko 2025, third version (tkachenko2025v3) states E >~ 2 N D kT, which is r <= 1.
    """
    parameters, examples = _check.positive("parameters", parameters), _check.positive("examples", examples)
    return 2 * parameters * examples / _check.positive("noise_ratio", noise_ratio)


def noise_ratio(force_variance, *, time_per_example: float, kT: float = 1.0, mobility: float = 1.0):
    """Thermal over statistical variance of the step that one example makes a parameter take.

        r = 2 mobility kT t / (mobility t s)^2 = 2 kT / (mobility t s^2)

    force_variance: s^2, of the force on a parameter across examples, not negative; a number or an array, and the ratio
    has its shape (infinite where no example pulls). For many parameters at once give the mean. time_per_example: t, and
    mobility: positive. kT: not negative.
    """
    time, mobility = _check.positive("time_per_example", time_per_example), _check.positive("mobility", mobility)
    variance = _check.array("force_variance", force_variance)
    if (variance < 0).any():
        raise ValueError(f"force_variance must not be negative, got {variance.min()}")
    thermal = 2 * _check.nonnegative("kT", kT)
    ratio = np.full(variance.shape, np.inf)
    np.divide(thermal, mobility * time * variance, out=ratio, where=variance > 0)
    return ratio if ratio.ndim else float(ratio)


def inertial_batch(velocity_time: float, time_per_example: float) -> float:
    """How many examples a parameter with inertia averages: its heat per example is this many times smaller.

        1 / B = 1 - (1 - exp(-e)) / e,    e = time_per_example / velocity_time

    B -> 2 velocity_time / time_per_example for long memories, and 1 without inertia. For examples whose forces are
    independent and constant while they last.

    velocity_time: mass times mobility, in which a velocity is forgotten, not negative. time_per_example: positive.
    """
    memory, time = _check.nonnegative("velocity_time", velocity_time), _check.positive("time_per_example", time_per_example)
    if memory == 0:
        return 1.0
    e = time / memory
    return e / (e + math.expm1(-e))


# --- the online linear learner ------------------------------------------------------------


@dataclass(frozen=True)
class OnlineLearner:
    """A linear student that is shown the labels of a linear teacher, in closed form at any step.

        F_d = (kappa / 2) (y - theta . x)^2,    y = theta* . x + sigma xi,    |x|^2 = N,  <x x^T> = 1

    An example relaxes the one direction x of parameter space at the rate mobility kappa N and leaves the others to
    diffuse. Let M be the mean of |theta - theta*|^2 over learners, a = mobility kappa N t and rho = exp(-a). Showing one
    example gives, exactly,

        M'   = M - (M / N) (1 - rho^2) + (sigma^2 / N) (1 - rho)^2 + (kT / kappa N) (1 - rho^2 + 2 a (N - 1))
        heat = (kappa / 2) (1 - rho^2) (sigma^2 + M - kT / kappa)

    A batch of B examples is clamped together for the time B t, each with the stiffness kappa / B; their inputs are
    orthogonal, which keeps the closed forms.

    stiffness: kappa, of the output. time_per_example: t. kT. mobility: of the parameters. label_noise: sigma.
    parameters: N. batch: B, at most N. Positive, but kT and label_noise may be 0.
    """

    stiffness: float
    time_per_example: float
    kT: float = 1.0
    mobility: float = 1.0
    label_noise: float = 1.0
    parameters: int = 64
    batch: int = 1

    def __post_init__(self):
        for name in ("stiffness", "time_per_example", "mobility"):
            _check.positive(name, getattr(self, name))
        _check.nonnegative("kT", self.kT)
        _check.nonnegative("label_noise", self.label_noise)
        _check.count("parameters", self.parameters)
        if _check.count("batch", self.batch) > self.parameters:
            raise ValueError(f"batch must not exceed the {self.parameters} parameters, got {self.batch}")

    @property
    def step(self) -> float:
        """a = mobility kappa N t: an example shrinks its own error by the factor exp(-a)."""
        return self.mobility * self.stiffness * self.parameters * self.time_per_example

    @property
    def force_variance(self) -> float:
        """s^2 = (kappa sigma)^2, of the force of one example on one parameter at the optimum."""
        return (self.stiffness * self.label_noise) ** 2

    @property
    def noise_ratio(self) -> float:
        """r = 2 kT / (mobility t s^2), the same for a batch."""
        return noise_ratio(self.force_variance, time_per_example=self.time_per_example, kT=self.kT, mobility=self.mobility)

    @property
    def statistical_loss(self) -> float:
        """Part of the stationary excess loss that the labels' noise makes: (kappa sigma^2 / 2) tanh(a / 2)."""
        return 0.5 * self.stiffness * self.label_noise**2 * math.tanh(self.step / 2)

    @property
    def thermal_loss(self) -> float:
        """Part of the stationary excess loss that the bath makes: (kT / 2) [B + 2 a (N - B) / (1 - exp(-2 a))]."""
        a, free = self.step, self.parameters - self.batch
        return 0.5 * self.kT * (self.batch - 2 * a * free / math.expm1(-2 * a))

    @property
    def excess_loss(self) -> float:
        """Stationary mean of kappa |theta - theta*|^2 / 2: the mean clamping energy above that of the teacher."""
        return self.statistical_loss + self.thermal_loss

    @property
    def heat(self) -> float:
        """Stationary heat per example: [kappa sigma^2 (1 - exp(-a)) + kT a (N - B)] / B."""
        pulled = -self.stiffness * self.label_noise**2 * math.expm1(-self.step)
        return (pulled + self.kT * self.step * (self.parameters - self.batch)) / self.batch


#: Three ways to change the noise ratio of a learner, for `with_noise_ratio`.
KNOBS = ("energy scale", "temperature", "learning rate")


def with_noise_ratio(learner: OnlineLearner, ratio: float, knob: str) -> OnlineLearner:
    """The learner with one knob turned until its noise ratio has this value.

    ratio: r, positive. knob: one of `KNOBS`. "energy scale" turns the stiffness and, against it, the time per example, so
    that the learning rate mobility kappa t stays; "temperature" turns kT; "learning rate" turns the time per example
    alone.
    """
    factor = _check.positive("ratio", ratio) / _check.positive("noise_ratio of the learner", learner.noise_ratio)
    _check.choice("knob", knob, KNOBS)
    if knob == "temperature":
        return replace(learner, kT=learner.kT * factor)
    if knob == "learning rate":
        return replace(learner, time_per_example=learner.time_per_example / factor)
    return replace(learner, stiffness=learner.stiffness / factor, time_per_example=learner.time_per_example * factor)


@dataclass(frozen=True, eq=False)
class Learning:
    """How an `OnlineLearner` fared: a step shows one batch.

    loss: excess loss kappa |theta - theta*|^2 / 2 before each step and after the last, (steps + 1,), or (steps + 1,
    learners) of a simulation. heat: of each step, all its examples together, (steps,) or (steps, learners).
    """

    loss: np.ndarray
    heat: np.ndarray


def _times(learner: OnlineLearner, steps: int, times) -> np.ndarray:
    if times is None:
        return np.full(steps, learner.time_per_example)
    times = _check.array("times", times, ndim=1)
    if len(times) != steps or (times <= 0).any():
        raise ValueError(f"times must hold one positive time for each of {steps} steps, got {len(times)}, "
                         f"the least {times.min()}")
    return times


def predict(learner: OnlineLearner, start: float, steps: int, *, times=None) -> Learning:
    """Exact mean loss and heat of a learner that starts anywhere, by the recursion of `OnlineLearner`.

    start: squared distance |theta - theta*|^2 at the start, not negative. steps: how many batches are shown.
    times: time per example of each step, (steps,), instead of the learner's own.
    """
    squared, steps = _check.nonnegative("start", start), _check.count("steps", steps)
    n, batch, spring = learner.parameters, learner.batch, learner.stiffness / learner.batch
    rate = learner.mobility * learner.stiffness * n
    noise, thermal = learner.label_noise**2, learner.kT / (spring * n)
    squares, heat = np.empty(steps + 1), np.empty(steps)
    squares[0] = squared
    for k, a in enumerate(rate * _times(learner, steps, times)):
        kept, lost = math.exp(-a), -math.expm1(-2 * a)
        heat[k] = 0.5 * learner.stiffness * lost * (noise + squared - n * thermal)
        squared += (batch * (-squared * lost + noise * (1 - kept) ** 2) / n
                    + thermal * (batch * lost + 2 * a * (n - batch)))
        squares[k + 1] = squared
    return Learning(0.5 * learner.stiffness * squares, heat)


def efficient_times(learner: OnlineLearner, start: float, steps: int) -> np.ndarray:
    """Time per example of each step that makes the loss without thermal noise fall fastest, (steps,).

        exp(-a) = sigma^2 / (sigma^2 + M),    so that  a -> N / n  after many examples n

    The loss then reaches that of the best use of all examples seen so far, kappa N sigma^2 / 2 n.

    start, steps: as for `predict`. The learner's label_noise must be positive.
    """
    squared, steps = _check.positive("start", start), _check.count("steps", steps)
    noise = _check.positive("label_noise", learner.label_noise) ** 2
    rate = learner.mobility * learner.stiffness * learner.parameters
    times = np.empty(steps)
    for k in range(steps):
        times[k] = math.log1p(squared / noise) / rate
        squared -= learner.batch * squared**2 / (learner.parameters * (noise + squared))
    return times


def _checked_rows(learner: OnlineLearner) -> np.ndarray:
    n = learner.parameters
    if learner.batch == 1:
        return np.ones((1, n))
    if n & (n - 1):
        raise ValueError(f"parameters must be a power of 2 to simulate batches with orthogonal inputs, got {n}")
    return hadamard(n).astype(float)


def simulate(
    learner: OnlineLearner, start: float, steps: int, *, learners: int, rng, times=None, progress: bool = False
) -> Learning:
    """Independent learners, each with a stream of examples and a bath of its own.

    Inputs are vectors of random signs. The motion during one example is an Ornstein-Uhlenbeck process, so that each step
    is drawn from its exact distribution whatever its length. The heat is the energy of the clamped example before minus
    after.

    start, steps, times: as for `predict`; start is a mean, in random directions. learners: how many. rng: numpy
    Generator, SeedSequence or integer seed. progress: show a bar. A batch above 1 needs parameters to be a power of 2.
    """
    squared, steps = _check.nonnegative("start", start), _check.count("steps", steps)
    learners, rng = _check.count("learners", learners), _check.generator(rng)
    times, rows = _times(learner, steps, times), _checked_rows(learner)
    n, batch = learner.parameters, learner.batch
    bound = learner.stiffness * n / batch  # stiffness along a unit vector in the direction of an input
    labels = learner.label_noise / math.sqrt(n)
    away = math.sqrt(squared / n) * rng.standard_normal((learners, n))  # theta - theta*
    loss, heat = np.empty((steps + 1, learners)), np.empty((steps, learners))
    for k, time in enumerate(tqdm(times, disable=not progress, unit="step")):
        loss[k] = np.einsum("ln,ln->l", away, away)
        a = learner.mobility * learner.stiffness * n * time
        free = math.sqrt(2 * learner.mobility * learner.kT * batch * time)
        held = math.sqrt(-learner.kT / bound * math.expm1(-2 * a))
        signs = 2.0 * rng.integers(0, 2, (learners, 1, n)) - 1
        directions = rows[rng.permutation(len(rows))[:batch]] * signs / math.sqrt(n)
        kicks = rng.standard_normal((learners, n))
        kicked = np.einsum("lbn,ln->lb", directions, kicks)
        gap = np.einsum("lbn,ln->lb", directions, away) - labels * rng.standard_normal((learners, batch))
        relaxed = math.exp(-a) * gap + held * kicked
        heat[k] = 0.5 * bound * (gap**2 - relaxed**2).sum(axis=1)
        away += free * kicks + np.einsum("lbn,lb->ln", directions, relaxed - gap - free * kicked)
    loss[steps] = np.einsum("ln,ln->l", away, away)
    return Learning(0.5 * learner.stiffness * loss, heat)


def _inertial_motion(stiffness: float, time: float, velocity_time: float, kT: float, mobility: float):
    """Propagator and noise covariance (2, 2) of (position, velocity) in a trap of this stiffness, which may be 0."""
    drift = np.array([[0.0, 1.0], [-mobility * stiffness / velocity_time, -1 / velocity_time]])
    propagator = expm(drift * time)
    if stiffness > 0:
        equilibrium = np.diag([kT / stiffness, kT * mobility / velocity_time])
        return propagator, equilibrium - propagator @ equilibrium @ propagator.T
    kept = math.exp(-time / velocity_time)
    position = 2 * (time - 2 * velocity_time * (1 - kept) + velocity_time * (1 - kept**2) / 2)
    mixed, velocity = (1 - kept) ** 2, (1 - kept**2) / velocity_time
    return propagator, mobility * kT * np.array([[position, mixed], [mixed, velocity]])


def simulate_inertia(
    learner: OnlineLearner, velocity_time: float, start: float, steps: int, *, learners: int, rng
) -> Learning:
    """As `simulate`, for parameters with inertia: velocity_time d^2 theta/dt^2 + d theta/dt = mobility force + noise.

    The heat is minus the change of clamping energy and kinetic energy together while an example lasts.

    velocity_time: mass times mobility, positive. learner: of batch 1, with kT > 0; velocities start in equilibrium.
    """
    memory = _check.positive("velocity_time", velocity_time)
    squared, steps = _check.nonnegative("start", start), _check.count("steps", steps)
    learners, rng = _check.count("learners", learners), _check.generator(rng)
    kT, n = _check.positive("kT", learner.kT), learner.parameters
    if learner.batch != 1:
        raise ValueError(f"batch must be 1 for parameters with inertia, got {learner.batch}")
    bound, mass = learner.stiffness * n, memory / learner.mobility
    motions = [_inertial_motion(k, learner.time_per_example, memory, kT, learner.mobility) for k in (bound, 0.0)]
    (held, held_noise), (free, free_noise) = ((p, np.linalg.cholesky(c)) for p, c in motions)
    state = rng.standard_normal((2, learners, n))  # theta - theta*, and its velocity
    state[0] *= math.sqrt(squared / n)
    state[1] *= math.sqrt(kT / mass)
    loss, heat = np.empty((steps + 1, learners)), np.empty((steps, learners))
    target = np.zeros((2, learners))
    for k in range(steps):
        loss[k] = (state[0] ** 2).sum(axis=1)
        direction = (2.0 * rng.integers(0, 2, (learners, n)) - 1) / math.sqrt(n)
        kicks = rng.standard_normal(state.shape)
        along, kicked = np.einsum("iln,ln->il", state, direction), np.einsum("iln,ln->il", kicks, direction)
        target[0] = learner.label_noise / math.sqrt(n) * rng.standard_normal(learners)
        gap = along - target
        relaxed = held @ gap + held_noise @ kicked
        kinetic = (state[1] ** 2).sum(axis=1)
        state = np.einsum("ij,jln->iln", free, state) + np.einsum("ij,jln->iln", free_noise, kicks)
        state += (relaxed + target - free @ along - free_noise @ kicked)[:, :, None] * direction
        kinetic -= (state[1] ** 2).sum(axis=1)
        heat[k] = 0.5 * bound * (gap[0] ** 2 - relaxed[0] ** 2) + 0.5 * mass * kinetic
    loss[steps] = (state[0] ** 2).sum(axis=1)
    return Learning(0.5 * learner.stiffness * loss, heat)


# --- networks -----------------------------------------------------------------------------


class _Clamped:
    """The parameters of any network, side by side, and the force of a clamped example on them, by Newton's method."""

    def __init__(self, network: NetworkHamiltonian):
        self.like, self.parameters = network, network.parameters

    def network(self) -> NetworkHamiltonian:
        return self.like.with_parameters(self.parameters)

    def force(self, x0, y, start, out: np.ndarray):
        """Writes -dF_d/dtheta to `out`; returns where to start from the next time, and F_d. start: the same, or None."""
        network = self.network()
        state = network.relax((x0, y), start)
        out[:] = network.parameter_force(state, (x0, y))
        return state, float(network.energy(state, (x0, y)))

    def curvature(self, images, targets) -> float:
        """Largest curvature of F_d in parameter space among these examples, by power iteration on differences of forces."""
        ahead, behind, here = np.empty_like(self.parameters), np.empty_like(self.parameters), self.parameters.copy()
        largest = 0.0
        for x0, y in zip(images, targets):
            start, _ = self.force(x0, y, None, behind)
            direction = behind.copy()
            for _ in range(_POWER_STEPS):
                size = np.linalg.norm(direction)
                if size == 0:
                    break
                for sign, force in ((1, ahead), (-1, behind)):
                    np.add(here, sign * _REACH / size * direction, out=self.parameters)
                    self.force(x0, y, start, force)
                direction = (behind - ahead) / (2 * _REACH)
            largest = max(largest, float(np.linalg.norm(direction)))
        np.copyto(self.parameters, here)
        return largest


def _is_chain(network: NetworkHamiltonian) -> bool:
    x0 = np.zeros(network.inputs)
    layers = enumerate(network.layers(network.forward(x0), x0))
    dense = ((layer.reads == (k,) and type(layer.block) is Dense, layer) for k, layer in layers)
    return all(d and isinstance(layer.form, Elastic) and not layer.block.activation.vector for d, layer in dense)


def _length(vectors) -> float:
    return math.sqrt(sum(np.vdot(v, v) for v in vectors))


class _Chain(_Clamped):
    """The same for a chain of dense elastic layers, which a few sweeps bring to rest if its last layer is soft."""

    def __init__(self, network: NetworkHamiltonian):
        if not _is_chain(network):
            raise ValueError("network must be a chain of dense layers in elastic form, got other layers")
        super().__init__(network)
        self.weights, self.biases = self.views(self.parameters)
        self.activations, self.springs = network.activations, network.stiffness.tolist()
        self.no_stress = [np.zeros(n) for n in network.widths[:-1]]
        self._into: dict[int, tuple] = {}

    def views(self, theta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Weights and biases in a vector of parameters (..., N)."""
        weights, biases = zip(*self.like.split_parameters(theta))
        return list(weights), list(biases)

    def layers(self, x0, stress):
        """Inputs of the layers, slopes f' and output when each hidden layer sits stress / stiffness off its activation."""
        inputs, slopes = [x0], []
        for k, (w, b, act) in enumerate(zip(self.weights, self.biases, self.activations)):
            h = inputs[-1] @ w.T
            h += b
            slopes.append(act.derivative(h))
            f = act.f(h)
            if k < len(stress):
                inputs.append(f + stress[k] / self.springs[k])
        return inputs, slopes, f

    def back(self, slopes, stress):
        """Stress times slope of every layer, and stress of the hidden layers, from that of the last: s = W^T (f' s)."""
        deltas, hidden = [stress * slopes[-1]], []
        for w, slope in zip(self.weights[:0:-1], slopes[-2::-1]):
            hidden.append(deltas[-1] @ w)
            deltas.append(hidden[-1] * slope)
        return deltas[::-1], hidden[::-1]

    def sweep(self, x0, y, stress):
        """Inputs of the layers, stress times slope, hidden stress and energy at rest; None if sweeps do not get there.

        Forward with the stress known so far, and back for the next, again and again. Each sweep shrinks the change by about
        the stiffness of the last layer over that of the others; what this leaves of the latest change is the error.
        """
        last_change = math.inf
        while True:
            inputs, slopes, output = self.layers(x0, stress)
            last = self.springs[-1] * (y - output)
            deltas, new = self.back(slopes, last)
            change = _length([a - b for a, b in zip(new, stress)])
            if change == 0 or change * change <= _TOLERANCE * _length(new) * last_change < math.inf:
                # Of the state at hand, which has the stress of the sweep before: least at rest, so good to second order.
                energy = sum(np.vdot(s, s) / (2 * k) for s, k in zip((*stress, last), self.springs))
                return inputs, deltas, new, energy
            if not change < 0.5 * last_change:
                return None
            stress, last_change = new, change

    def force(self, x0, y, start, out):
        at_rest = self.sweep(x0, y, self.no_stress if start is None else start)
        if at_rest is None:
            return None, super().force(x0, y, None, out)[1]
        inputs, deltas, stress, energy = at_rest
        if id(out) not in self._into:
            self._into[id(out)] = (out, *self.views(out))  # which keeps it alive, and its id
        _, weights, biases = self._into[id(out)]
        for k, delta in enumerate(deltas):
            np.multiply.outer(delta, inputs[k], out=weights[k])
            biases[k][:] = delta
        return stress, energy


def _checked_examples(network: NetworkHamiltonian, images, targets, names=("images", "targets")):
    images, targets = _check.array(names[0], images, ndim=2), _check.array(names[1], targets, ndim=2)
    if images.shape[1] != network.inputs or targets.shape != (len(images), network.widths[-1]):
        raise ValueError(f"{names[0]} and {names[1]} must have shapes (n, {network.inputs}) and (n, {network.widths[-1]}), "
                         f"got {images.shape} and {targets.shape}")
    return images, targets


@dataclass(frozen=True, eq=False)
class Annealing:
    """What `anneal` returns; all that it recorded since the first epoch, also before it was resumed.

    network: with the parameters reached. epochs: completed. energy, heat: of each example in the order shown,
    (examples,): F_d when it was clamped, which is the work of clamping; F_d then minus F_d when it was released, which is
    the heat and the net work. force_squared: |dF_d/dtheta|^2 when it was clamped, (examples,). parameter_heat: sum over
    all examples of the work that the force did on each parameter, (N,), in the order of `network.parameters`; another
    account of the same heat. accuracy: on the held-out examples before the first epoch and after each, (epochs + 1,),
    empty without them. generator: the random numbers, as they stand at the end.
    """

    network: NetworkHamiltonian
    epochs: int
    energy: np.ndarray
    heat: np.ndarray
    force_squared: np.ndarray
    parameter_heat: np.ndarray
    accuracy: np.ndarray
    generator: np.random.Generator


def _fresh(network: NetworkHamiltonian, rng) -> Annealing:
    none = np.empty(0)
    return Annealing(network, 0, none, none, none, np.zeros(network.parameters.size), none, _check.generator(rng))


def _substeps(clamped: _Clamped, images, targets, mobility_time: float, wanted: int | None) -> int:
    few = slice(None, None, math.ceil(len(images) / 8))
    number = mobility_time * clamped.curvature(images[few], targets[few])
    if wanted is None:
        return max(1, math.ceil(number / _EASY_STEP))
    message = (f"mobility * time_per_example * curvature / substeps is {number / wanted:.3g} at substeps = {wanted}, "
               f"{{}}; substeps = {math.ceil(number / _EASY_STEP)} brings it to {_EASY_STEP:g}")
    if number > _LONGEST_STEP * wanted:
        raise ValueError(message.format(f"must not exceed {_LONGEST_STEP:g} or the integrator is unstable"))
    if number > _EASY_STEP * wanted:
        message = message.format(f"above {_EASY_STEP:g} the parameters move inaccurately")
        warnings.warn(message, StepSizeWarning, stacklevel=3)
    return wanted


def _accuracy(network: NetworkHamiltonian, held_out) -> list[float]:
    if held_out is None:
        return []
    images, targets = held_out
    outputs = network.split(network.forward(images))[-1]
    return [float(np.mean(outputs.argmax(axis=1) == targets.argmax(axis=1)))]


def anneal(
    start: NetworkHamiltonian | Annealing,
    images: np.ndarray,
    targets: np.ndarray,
    *,
    epochs: int = 1,
    time_per_example: float,
    kT: float = 0.0,
    mobility: float = 1.0,
    rng=None,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    substeps: int | None = None,
    progress: bool = False,
) -> Annealing:
    """Let the parameters of a clamped network relax, one example after the other, with the ledger of their heat.

        d theta = -mobility dF_d/dtheta dt + sqrt(2 mobility kT) dB    for time_per_example,
        heat    = F_d(before) - F_d(after),    F_d = min over the hidden layers of the clamped energy

    Neurons are taken to be much faster than parameters: they are at rest at every moment, and what their own thermal
    motion adds to F_d, in proportion to kT and to the softness of the output, is left out. No loss is computed; the force
    on a weight is the product of a stress and an input that are both at hand there. For an output softer than the layers
    before, of stiffness kappa_L, it is kappa_L times the gradient of |target - output|^2 / 2, and mobility * kappa_L *
    time_per_example plays the part of a learning rate. Parameters move by Heun's steps. At each the network comes to
    rest, to 1e-5 of its stress: chains of dense elastic layers by a few sweeps, which take about 0.1 ms for the digits
    with kappa_L a thousandth of the others, all other networks, and stiff outputs, by `NetworkHamiltonian.relax`, ten
    times slower.

    start: a network, or an earlier result to go on from, with its random numbers and its record. images, targets: (n,
    inputs) and (n, outputs), shown in a new random order in each epoch. time_per_example, mobility: positive. kT: not
    negative. rng: numpy Generator, SeedSequence or integer seed, for a fresh start only. held_out: images and targets on
    which to count, after each epoch, how often the largest output is at the largest target. substeps: of one example; by
    default as many as bring mobility * time * curvature to 0.5 at the start of the epoch. progress: show a bar.

    Raises ValueError for bad input and for an unstable step (that product above 2), RelaxationError if a clamped network
    does not come to rest, as at the kink of a ReLU; warns with StepSizeWarning if the product exceeds 0.5.
    """
    resumed = isinstance(start, Annealing)
    if resumed == (rng is not None):
        raise ValueError(f"rng must be given with a network and left out with an earlier result, got {rng!r}")
    past = start if resumed else _fresh(start, rng)
    network, rng = past.network, copy.deepcopy(past.generator)
    images, targets = _checked_examples(network, images, targets)
    if held_out is not None:
        held_out = _checked_examples(network, *held_out, names=("held_out images", "held_out targets"))
    epochs = _check.count("epochs", epochs)
    time = _check.positive("time_per_example", time_per_example)
    mobility, kT = _check.positive("mobility", mobility), _check.nonnegative("kT", kT)
    substeps = _check.count("substeps", substeps) if substeps is not None else None
    clamped = _Chain(network) if _is_chain(network) else _Clamped(network)

    theta = clamped.parameters
    before, kick, force, ahead, along = (np.zeros_like(theta) for _ in range(5))
    energy, heat, force_squared = (np.empty(epochs * len(images)) for _ in range(3))
    parameter_heat, accuracy = past.parameter_heat.copy(), list(past.accuracy) or _accuracy(network, held_out)
    shown = 0
    with tqdm(total=len(heat), disable=not progress, unit="example") as bar:
        for _ in range(epochs):
            inner = _substeps(clamped, images, targets, mobility * time, substeps)
            pace = mobility * time / inner
            for x0, y in ((images[n], targets[n]) for n in rng.permutation(len(images))):
                state, energy[shown] = clamped.force(x0, y, None, force)
                force_squared[shown] = force @ force
                for _ in range(inner):
                    if kT > 0:
                        rng.standard_normal(out=kick)
                        kick *= math.sqrt(2 * kT * pace)
                    np.copyto(before, theta)
                    theta += pace * force
                    theta += kick
                    state, _ = clamped.force(x0, y, state, ahead)
                    ahead += force
                    ahead *= 0.5 * pace
                    ahead += kick
                    np.add(before, ahead, out=theta)
                    np.copyto(along, force)
                    state, released = clamped.force(x0, y, state, force)
                    along += force
                    along *= ahead
                    along *= 0.5
                    parameter_heat += along
                heat[shown] = energy[shown] - released
                shown += 1
                bar.update()
            network = clamped.network()
            accuracy += _accuracy(network, held_out)
            if accuracy:
                bar.set_postfix(accuracy=f"{accuracy[-1]:.3f}")
    return Annealing(
        network=network,
        epochs=past.epochs + epochs,
        energy=np.concatenate([past.energy, energy]),
        heat=np.concatenate([past.heat, heat]),
        force_squared=np.concatenate([past.force_squared, force_squared]),
        parameter_heat=parameter_heat,
        accuracy=np.array(accuracy),
        generator=rng,
    )


@dataclass(frozen=True, eq=False)
class ForceStatistics:
    """Force of the clamped examples on each parameter, all (N,), in the order of `network.parameters`.

    mean, second_moment: of -dF_d/dtheta over the examples. curvature: diagonal of the Gauss-Newton matrix, kappa_L times
    the mean over examples of sum_k (d output_k / d theta)^2: the curvature of the mean energy where errors are small and
    the output soft.
    """

    mean: np.ndarray
    second_moment: np.ndarray
    curvature: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """s^2 of each parameter."""
        return self.second_moment - self.mean**2


def _mean_square(deltas, inputs) -> np.ndarray:
    """Mean over examples of the squares of the products delta_i x_j of each layer, and of its deltas."""
    n = len(inputs[0])
    layers = (((d**2).T @ x**2 / n, (d**2).mean(axis=0)) for d, x in zip(deltas, inputs))
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def force_statistics(network: NetworkHamiltonian, images: np.ndarray, targets: np.ndarray) -> ForceStatistics:
    """Moments over examples of the force on each parameter, and its curvature: what sets heat and noise of each.

    network: a chain of dense layers in elastic form. images, targets: (n, inputs) and (n, outputs).

    Raises RelaxationError if a clamped network does not come to rest, as at the kink of a ReLU.
    """
    images, targets = _checked_examples(network, images, targets)
    chain = _Chain(network)
    forces = network.parameter_force(network.relax((images, targets)), (images, targets))
    inputs, slopes, output = chain.layers(images, chain.no_stress)
    units = [chain.back(slopes, np.broadcast_to(unit, output.shape))[0] for unit in np.eye(output.shape[1])]
    curvature = sum(_mean_square(deltas, inputs) for deltas in units)
    return ForceStatistics(forces.mean(axis=0), (forces**2).mean(axis=0), chain.springs[-1] * curvature)


def relaxed_directions(
    network: NetworkHamiltonian, images: np.ndarray, *, duration: float, mobility: float = 1.0, rng, probes: int = 16
) -> Estimate:
    """How many directions of parameter space come to thermal equilibrium in a time, at kT / 2 of energy each.

        tr [1 - exp(-2 mobility duration H)]

    with H the Gauss-Newton matrix of the mean energy over the images, for a soft output. It lies between 0 and the number
    of parameters with curvature. Parameters that start at a minimum and are shaken at temperature T for this time raise
    the mean energy by kT / 2 times this number. Estimated with random vectors and Lanczos quadrature.

    network: a chain of dense layers in elastic form. images: (n, inputs). duration, mobility: positive. rng: numpy
    Generator, SeedSequence or integer seed. probes: how many vectors, at least 2; the error is their standard error.

    Source: Ubaru, Chen and Saad 2017 (ubaru2017).
    """
    images, chain = _check.array("images", images, ndim=2), _Chain(network)
    if images.shape[1] != network.inputs:
        raise ValueError(f"images must have {network.inputs} columns, got shape {images.shape}")
    exposure = 2 * _check.positive("mobility", mobility) * _check.positive("duration", duration)
    probes, rng = _check.count("probes", probes, least=2), _check.generator(rng)
    inputs, slopes, _ = chain.layers(images, chain.no_stress)

    def curve(v):
        """H v for vectors (probes, N): out along the network to the change of its outputs, and back."""
        change = 0.0
        for k, (weights, biases) in enumerate(zip(*chain.views(v))):
            below = change @ chain.weights[k].T if k else 0.0
            change = slopes[k] * (inputs[k] @ weights.swapaxes(1, 2) + biases[:, None, :] + below)
        deltas, _ = chain.back(slopes, change)
        layers = (((d.swapaxes(1, 2) @ x).reshape(len(v), -1), d.sum(axis=1)) for d, x in zip(deltas, inputs))
        return chain.springs[-1] / len(images) * np.concatenate([part for layer in layers for part in layer], axis=1)

    size = chain.parameters.size
    steps = min(_LANCZOS_STEPS, size)
    basis = np.zeros((steps, probes, size))
    basis[0] = (2.0 * rng.integers(0, 2, (probes, size)) - 1) / math.sqrt(size)
    diagonal, off = np.zeros((probes, steps)), np.zeros((probes, steps - 1))
    for k in range(steps):
        w = curve(basis[k])
        diagonal[:, k] = np.einsum("pn,pn->p", basis[k], w)
        for _ in range(2):  # twice is enough to stay orthogonal
            w = w - np.einsum("kpn,kp->pn", basis[: k + 1], np.einsum("kpn,pn->kp", basis[: k + 1], w))
        if k + 1 < steps:
            length = np.linalg.norm(w, axis=1)
            off[:, k] = np.where(length > 1e-12 * np.linalg.norm(diagonal), length, 0.0)  # else all is explored
            basis[k + 1] = np.divide(w, length[:, None], out=np.zeros_like(w), where=off[:, k, None] > 0)
    estimates = np.empty(probes)
    for p in range(probes):
        values, vectors = eigh_tridiagonal(diagonal[p], off[p])
        estimates[p] = size * np.sum(vectors[0] ** 2 * -np.expm1(-exposure * values))
    return Estimate(float(estimates.mean()), float(estimates.std(ddof=1) / math.sqrt(probes)))
