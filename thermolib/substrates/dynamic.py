"""Dynamic neurons: values that outlive their input, so that they have to be reset, and what that costs.

A network's states are rows: (inputs, neurons), one row for each input. Entropies are in nats; costs are mean heats in
the unit of kT. Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import entr, expit, log_expit, logsumexp

from thermolib import _check
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.landauer import finite_time_bound, gaussian_reset_bound
from thermolib.langevin import ControlProtocol, Estimate, Run, StiffnessTrap, simulate

RESETS = ("sudden", "linear", "optimal")


@dataclass(frozen=True, eq=False)
class ResetPath:
    """Where a `HarmonicReset` stands on average: (m,) arrays of times, stiffness, sigma, and work and heat so far."""

    times: np.ndarray
    stiffness: np.ndarray
    sigma: np.ndarray
    work: np.ndarray
    heat: np.ndarray


@dataclass(frozen=True)
class HarmonicReset:
    """An analog neuron in a harmonic trap, narrowed from N(0, sigma_before^2) to N(0, sigma_after^2).

    It starts in equilibrium in a trap of stiffness k = kT / sigma_before^2, and the trap ends at kT / sigma_after^2. On
    the way k(t) follows one of `RESETS`:

        sudden:   k jumps at once to its last value
        linear:   k rises in proportion to t
        optimal:  k = kT / sigma^2 + (sigma_before - sigma_after) / (mobility duration sigma),  sigma linear in t

    The optimal one jumps at either end, and needs the least work of any reset that is complete at the end. The first two end with a distribution that is still too wide, and settles without further work.

    sigma_before: standard deviation over the inputs. sigma_after: the same after the reset, positive and less than
    sigma_before. kT, mobility: positive.

    Sources: Schmiedl and Seifert 2007 (schmiedl2007: jumps in optimal protocols); Aurell et al. 2011 (aurell2011: the
    least work when the final distribution is given).
    """

    sigma_before: float
    sigma_after: float
    kT: float = 1.0
    mobility: float = 1.0

    def __post_init__(self):
        before, after = _check.positive("sigma_before", self.sigma_before), _check.positive("sigma_after", self.sigma_after)
        if after >= before:
            raise ValueError(f"sigma_after must be less than sigma_before = {before}, got {after}")
        _check.positive("kT", self.kT)
        _check.positive("mobility", self.mobility)

    @property
    def stiffness_before(self) -> float:
        return self.kT / self.sigma_before**2

    @property
    def stiffness_after(self) -> float:
        return self.kT / self.sigma_after**2

    @property
    def signal_to_noise(self) -> float:
        """Power of the signal over that of the noise that a reset leaves: (sigma_before / sigma_after)^2 - 1."""
        return (self.sigma_before / self.sigma_after) ** 2 - 1

    @property
    def relaxation_time(self) -> float:
        """1 / (mobility stiffness_after): how fast the neuron settles in the last trap."""
        return 1 / (self.mobility * self.stiffness_after)

    def bound(self) -> float:
        """Least mean work and heat, kT ln(sigma_before / sigma_after), which is the change of free energy."""
        return gaussian_reset_bound(self.sigma_before, self.sigma_after, self.kT)

    def least_work(self, duration: float) -> float:
        """Least mean work, and heat, of a reset that is complete after a finite time.

            kT ln(sigma_before / sigma_after) + (sigma_before - sigma_after)^2 / (mobility duration)
        """
        return finite_time_bound(duration, (self.sigma_before - self.sigma_after) ** 2, entropy_drop=self.bound() / self.kT,
                                 kT=self.kT, mobility=self.mobility)

    def protocol(self, kind: str, duration: float) -> ControlProtocol:
        """t -> (0, k) for a `langevin.StiffnessTrap`; k(0) is the stiffness before, k(duration) that after."""
        _check.choice("kind", kind, RESETS)
        duration = _check.positive("duration", duration)
        first, last = self.stiffness_before, self.stiffness_after
        narrowing = (self.sigma_before - self.sigma_after) / duration

        def inside(t):
            if kind == "sudden":
                return last
            if kind == "linear":
                return first + (last - first) * t / duration
            sigma = self.sigma_before - narrowing * t
            return self.kT / sigma**2 + narrowing / (self.mobility * sigma)

        return lambda t: (0.0, first if t <= 0 else last if t >= duration else inside(t))

    def path(self, kind: str, duration: float, times=None) -> ResetPath:
        """Stiffness, width, mean work and mean heat at the times asked for, without sampling.

        The distribution stays Gaussian. Its variance obeys dv/dt = 2 mobility (kT - k v), and dW = v dk / 2: in closed
        form for "sudden" and "optimal", by a solver of relative error 1e-10 for "linear".

        times: in [0, duration], increasing; 101 evenly spaced ones by default.
        """
        control = self.protocol(kind, duration)
        times = np.linspace(0, duration, 101) if times is None else _check.array("times", times, ndim=1)
        if times[0] < 0 or times[-1] > duration or (np.diff(times) <= 0).any():
            raise ValueError(f"times must increase within [0, duration = {duration}], got {times}")
        stiffness = np.array([control(t)[1] for t in times])
        v0, v1 = self.sigma_before**2, self.sigma_after**2
        if kind == "sudden":
            variance = v1 + (v0 - v1) * np.exp(-2 * times / self.relaxation_time)
            work = 0.5 * (stiffness - self.stiffness_before) * v0
        elif kind == "linear":
            rate = (self.stiffness_after - self.stiffness_before) / duration
            solution = solve_ivp(lambda t, y: [2 * self.mobility * (self.kT - (self.stiffness_before + rate * t) * y[0]),
                                               0.5 * rate * y[0]],
                                 (0, duration), [v0, 0.0], method="LSODA", t_eval=times, rtol=1e-10, atol=1e-12 * v1)
            variance, work = solution.y
        else:
            narrowing = (self.sigma_before - self.sigma_after) / duration
            sigma = self.sigma_before - narrowing * times
            variance = sigma**2
            heat = self.kT * np.log(self.sigma_before / sigma) + narrowing**2 * times / self.mobility
            work = heat + 0.5 * (stiffness * variance - self.kT)
        return ResetPath(times, stiffness, np.sqrt(variance), work, work - 0.5 * (stiffness * variance - self.kT))

    def simulate(self, kind: str, duration: float, n: int, rng, *, dt: float | None = None, record=None) -> Run:
        """n resets by `langevin.simulate`, from equilibrium.

        dt: by default 0.1 / (mobility * the largest stiffness), at most a 200th of the duration.
        """
        rng, control = _check.generator(rng), self.protocol(kind, duration)
        if dt is None:
            stiffest = max(self.stiffness_after, control(duration * (1 - 1e-9))[1])
            dt = min(0.1 / (self.mobility * stiffest), duration / 200)
        trap = StiffnessTrap()
        start = trap.sample_equilibrium(control(0), n, kT=self.kT, rng=rng)
        return simulate(trap, control, start, duration=duration, dt=dt, kT=self.kT, mobility=self.mobility, rng=rng,
                        record=record)


def _snr(snr) -> np.ndarray:
    snr = _check.array("snr", snr)
    if (snr < 0).any():
        raise ValueError(f"snr must not be negative, got {snr.min()}")
    return snr


def capacitor_dump(snr, kT: float = 1.0) -> float:
    """Mean heat (kT / 2) SNR of shorting capacitors whose charge carries a signal of SNR times the power of their noise.

    The energy falls from (1 + SNR) kT / 2 to kT / 2, whatever the capacitance.

    snr: of one capacitor or of several, any shape, not negative; the heats add.
    """
    return 0.5 * _check.nonnegative("kT", kT) * float(_snr(snr).sum())


def capacitor_bound(snr, kT: float = 1.0) -> float:
    """Least mean heat (kT / 2) ln(1 + SNR) of forgetting Gaussian signals: kT times what each neuron knows of its own.

    snr: of one neuron or of several, any shape, not negative; the heats add.

    Source: Shannon 1948 (shannon1948: (1/2) ln(1 + SNR), in nats, is the information that a Gaussian signal leaves in a
    noisy copy).
    """
    return 0.5 * _check.nonnegative("kT", kT) * float(np.log1p(_snr(snr)).sum())


def _states(states) -> np.ndarray:
    states = np.asarray(states)
    if states.ndim != 2 or states.size == 0:
        raise ValueError(f"states must be an array (inputs, neurons), got shape {states.shape}")
    return states


def _two_valued(states) -> np.ndarray:
    states = _states(states)
    if not np.isin(states, (0, 1)).all():
        raise ValueError(f"states must be 0 or 1, inactive or active, got {states[~np.isin(states, (0, 1))][0]}")
    return states.astype(bool)


def _probabilities(name: str, values) -> np.ndarray:
    values = _check.array(name, values)
    if values.min() < 0 or values.max() > 1:
        outside = values.min() if values.min() < 0 else values.max()
        raise ValueError(f"{name} must hold probabilities in [0, 1], got {outside}")
    return values


def reset_bound(activity, kT: float = 1.0) -> float:
    """Least mean heat per inference of resetting two-state neurons one by one, without reading the others.

        kT sum_i H(p_i),    H(p) = -p ln p - (1 - p) ln(1 - p)

    activity: the probability p_i that a neuron is active, of one neuron or of several, any shape; or boolean states
    (inputs, neurons), of which it is the mean over the inputs.

    Source: Landauer 1961 (landauer1961).
    """
    activity = np.asarray(activity)
    if activity.dtype == bool:
        activity = _states(activity).mean(axis=0)
    p = _probabilities("activity", activity)
    return _check.nonnegative("kT", kT) * float(np.sum(entr(p) + entr(1 - p)))


@dataclass(frozen=True)
class InferenceCosts:
    """Three numbers for the same two-state neurons, each summed over them, per inference.

    reset: kT sum_i H(p_i), the least heat if a neuron is cleared before its next value comes.
    overwrite: kT sum_i H(old_i | new_i), the least heat if its next value is at hand while the old one is cleared.
    switches: mean number of neurons that change state from one input to the next.
    counted: kT ln 2 times switches: an account, not a bound. At most half of overwrite if the inputs are independent, or
    if each neuron is more likely to stay than to switch in either state; above it if a neuron nearly always switches.
    """

    reset: float
    overwrite: float
    switches: float
    counted: float


def two_state_costs(activity, switching, kT: float = 1.0) -> InferenceCosts:
    """`InferenceCosts` of neurons in a steady stream of inputs, from how often they are active and how often they switch.

        H(old | new) = p H(nu / 2p) + (1 - p) H(nu / 2(1 - p))

    In a steady stream a neuron switches on as often as off, each with probability nu / 2. Independent inputs
    have nu = 2 p (1 - p), and then H(old | new) = H(p).

    activity: p, of one neuron or several. switching: nu, the probability that the next input finds the neuron in the
    other state, of the same shape or one for all; at most 2 min(p, 1 - p).

    Source of the idea of counting switches: Tkachenko 2025, version 1 (tkachenko2025v1).
    """
    p, nu = _probabilities("activity", activity), _probabilities("switching", switching)
    try:
        p, nu = np.broadcast_arrays(p, nu)
    except ValueError:
        raise ValueError(f"switching must be a number or have the shape {p.shape} of activity, got {nu.shape}") from None
    excess = nu - 2 * np.minimum(p, 1 - p)
    if excess.max() > 1e-12:
        k = np.unravel_index(excess.argmax(), p.shape)
        raise ValueError(f"switching must not exceed 2 min(p, 1 - p) = {2 * min(p[k], 1 - p[k]):.6g}, got {nu[k]:.6g}")
    kT = _check.nonnegative("kT", kT)
    pairs = entr(np.maximum(p - nu / 2, 0)) + entr(np.maximum(1 - p - nu / 2, 0)) + 2 * entr(nu / 2)
    alone = entr(p) + entr(1 - p)
    switches = float(nu.sum())
    return InferenceCosts(kT * float(alone.sum()), kT * float((pairs - alone).sum()), switches, kT * math.log(2) * switches)


def sequence_costs(states, kT: float = 1.0) -> InferenceCosts:
    """`InferenceCosts` measured on states (inputs, neurons) of 0 and 1, in the order in which the inputs come.

    After the last input the first follows, so that the old states and the new ones are the same set.
    """
    states = _two_valued(states)
    return two_state_costs(states.mean(axis=0), (states != np.roll(states, 1, axis=0)).mean(axis=0), kT)


def _weights(states: np.ndarray, probabilities) -> np.ndarray:
    if probabilities is None:
        return np.full(len(states), 1 / len(states))
    weights = _check.array("probabilities", probabilities, ndim=1)
    if weights.shape != states.shape[:1]:
        raise ValueError(f"probabilities must hold one for each of the {len(states)} rows of states, got {len(weights)}")
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-9:
        raise ValueError(f"probabilities must not be negative and sum to 1, got a least one of {weights.min()} "
                         f"and a sum of {weights.sum()}")
    return weights


def marginal_entropies(states, probabilities=None) -> np.ndarray:
    """Entropy of each neuron alone, (neurons,), in nats, of the distribution that `joint_entropy` describes."""
    states = _states(states)
    weights = _weights(states, probabilities)
    columns = (np.unique(column, return_inverse=True)[1] for column in states.T)
    return np.array([entr(np.bincount(column, weights)).sum() for column in columns])


def joint_entropy(states, probabilities=None) -> float:
    """Entropy in nats of whole rows of states: of a distribution that is listed, or of a sample taken for one.

    A sample of m rows has an entropy of at most ln m, and on average less than the distribution it is drawn from. So it
    says little about a network of more than a few neurons.

    states: (m, neurons), of any discrete values; rows may repeat. probabilities: (m,), one for each row, summing to 1; by
    default all rows are equally likely.
    """
    states = _states(states)
    rows = np.unique(states, axis=0, return_inverse=True)[1].reshape(-1)
    return float(entr(np.bincount(rows, _weights(states, probabilities))).sum())


def modularity_cost(states, probabilities=None, kT: float = 1.0) -> float:
    """Heat above the joint bound that neurons pay for being reset one by one: kT [sum_i H(x_i) - H(x_1, ..., x_n)].

    Never negative; zero if the neurons are independent. Exact for the distribution that is passed in: all states of a
    network that can be enumerated. For a sample of a larger network see `modularity_bound`.

    states, probabilities: as for `joint_entropy`.

    Source: Boyd, Mandal and Crutchfield 2018 (boyd2018).
    """
    gap = marginal_entropies(states, probabilities).sum() - joint_entropy(states, probabilities)
    return _check.nonnegative("kT", kT) * max(0.0, float(gap))


@dataclass(frozen=True, eq=False)
class BernoulliMixture:
    """Two-state neurons that are independent within a class: q(s) = sum_c w_c prod_i a_ci^s_i (1 - a_ci)^(1 - s_i).

    weights: w, (classes,). activity: a, (classes, neurons), strictly between 0 and 1.
    """

    weights: np.ndarray
    activity: np.ndarray

    def log_probability(self, states) -> np.ndarray:
        """ln q of each row of states (m, neurons): (m,)."""
        s = _two_valued(states).astype(float)
        by_class = s @ np.log(self.activity).T + (1 - s) @ np.log1p(-self.activity).T
        return logsumexp(np.log(self.weights) + by_class, axis=1)


def fit_mixture(states, labels=None, pseudocount: float = 0.5) -> BernoulliMixture:
    """The `BernoulliMixture` of labeled states: one class for each label; a single class, so no correlations, without.

        a_ci = (active + pseudocount) / (rows + 2 pseudocount)

    states: (m, neurons) of 0 and 1. labels: (m,), known while fitting; q does not ask for them. pseudocount: positive, so
    that nothing is held impossible.
    """
    states = _two_valued(states)
    labels = np.zeros(len(states)) if labels is None else np.asarray(labels)
    if labels.shape != states.shape[:1]:
        raise ValueError(f"labels must hold one for each of the {len(states)} rows of states, got shape {labels.shape}")
    pseudocount = _check.positive("pseudocount", pseudocount)
    groups = [states[labels == c] for c in np.unique(labels)]
    weights = np.array([len(g) for g in groups]) / len(states)
    return BernoulliMixture(weights, np.array([(g.sum(axis=0) + pseudocount) / (len(g) + 2 * pseudocount) for g in groups]))


@dataclass(frozen=True, eq=False)
class LogisticChain:
    """Two-state neurons that each look at those before them: q(s_i = 1 | s_1 .. s_{i-1}) = 1 / (1 + exp(-z_i)).

        z_i = b_i + sum_{j < i} w_ij s_j,    q(s) = prod_i q(s_i | s_1 .. s_{i-1})

    biases: b, (neurons,). weights: w, (neurons, neurons), zero on and above the diagonal.
    """

    biases: np.ndarray
    weights: np.ndarray

    def log_probability(self, states) -> np.ndarray:
        """ln q of each row of states (m, neurons): (m,)."""
        s = _two_valued(states)
        z = self.biases + s @ self.weights.T
        return log_expit(np.where(s, z, -z)).sum(axis=1)


def _logistic_fit(known: np.ndarray, active: np.ndarray, ridge: float) -> np.ndarray:
    sign = np.where(active, 1.0, -1.0)

    def loss(w):
        z = sign * (known @ w)
        return ridge * w @ w / 2 - log_expit(z).sum(), ridge * w - known.T @ (sign * expit(-z))

    return minimize(loss, np.zeros(known.shape[1]), jac=True, method="L-BFGS-B").x


def fit_chain(states, ridge: float = 1.0) -> LogisticChain:
    """The `LogisticChain` of greatest penalized likelihood: ln q of the states, less ridge (w_i^2 + b_i^2) / 2 a neuron.

    states: (m, neurons) of 0 and 1. ridge: positive; it keeps a neuron that never fires from a bias of minus infinity.
    """
    states = _two_valued(states)
    ridge = _check.positive("ridge", ridge)
    n = states.shape[1]
    biases, weights = np.zeros(n), np.zeros((n, n))
    known = np.column_stack([np.ones(len(states)), states])
    for i in range(n):
        biases[i], *weights[i, :i] = _logistic_fit(known[:, : i + 1], states[:, i], ridge)
    return LogisticChain(biases, weights)


def _mean(sample: np.ndarray) -> Estimate:
    return Estimate(float(sample.mean()), float(sample.std(ddof=1) / math.sqrt(len(sample))))


def _held_out(states, model) -> tuple[np.ndarray, np.ndarray]:
    states = _two_valued(states)
    if len(states) < 2:
        raise ValueError(f"states must hold at least 2 rows, got {len(states)}")
    return states, model.log_probability(states)


def cross_entropy(states, model) -> Estimate:
    """Mean of -ln q over states that the model was not fitted to: in nats, and on average not below their joint entropy.

        E[-ln q] = H + D(p || q) >= H

    states: (m, neurons) of 0 and 1, m >= 2. model: has log_probability(states) -> (m,), ln of probabilities that sum to 1
    over all states.

    Source: Gibbs' inequality, as in Shannon 1948 (shannon1948).
    """
    return _mean(-_held_out(states, model)[1])


def modularity_bound(states, model, kT: float = 1.0) -> Estimate:
    """A lower bound on `modularity_cost`, from states that the model was not fitted to, with its standard error.

        kT mean over the rows of [ln q(s) - sum_i ln a_i(s_i)] <= kT [sum_i H(x_i) - H(x_1, ..., x_n)]   on average

    with the frequencies a_i of these same rows, which makes the sum of marginal entropies come out too low, by about
    (1 / 2m) for each neuron: on the safe side. The two parts are paired row by row, so their common scatter drops out.

    states, model: as for `cross_entropy`.
    """
    states, log_q = _held_out(states, model)
    a = states.mean(axis=0)
    chance = np.where(states, a, 1 - a)  # never 0: each state occurs in these rows
    gain = _check.nonnegative("kT", kT) * (log_q - np.log(chance).sum(axis=1))
    return _mean(gain)


def cell_entropies(values, resolution: float, corrected: bool = False) -> np.ndarray:
    """Entropy in nats of each analog neuron, (neurons,), its values cut into cells of the width of its resolution.

        H_i = -sum_c (n_c / m) ln(n_c / m)   [+ (K_i - 1) / 2m  if corrected],    K_i occupied cells

    For fine cells and many inputs it tends to h_i - ln(resolution), h_i the differential entropy. The first term alone
    comes out too low by about the second, on average; for cells as fine as there are inputs neither can be trusted.

    values: (inputs, neurons). resolution: width of a cell, positive; cells start at 0.

    Source of the correction: Miller 1955 (miller1955).
    """
    values = _check.array("values", values, ndim=2)
    cells = np.floor(values / _check.positive("resolution", resolution))
    entropies = marginal_entropies(cells)
    if corrected:
        entropies += [(len(np.unique(column)) - 1) / (2 * len(values)) for column in cells.T]
    return entropies


def quantized_forward(network: NetworkHamiltonian, x0, resolution: float, range: float = 2.0) -> np.ndarray:
    """The forward pass of a network whose nonlinear neurons hold their values in cells: a state (..., n_units).

    A value is cut off at +-range / 2 and read as the middle of its cell; what the next layer sees is that. Linear layers
    are left alone.

    x0: inputs (..., n_in). resolution, range: positive, range a whole number of cells.
    """
    resolution, range = _check.positive("resolution", resolution), _check.positive("range", range)
    cells = round(range / resolution)
    if cells < 1 or abs(range / resolution - cells) > 1e-9 * cells:
        raise ValueError(f"range must be a whole number of cells, got {range} / {resolution} = {range / resolution:.6g}")
    before = _check.array("x0", x0)
    if before.shape[-1:] != (network.inputs,):
        raise ValueError(f"x0 must hold {network.inputs} inputs along its last axis, got shape {before.shape}")
    layers = []
    for w, b, act in zip(network.weights, network.biases, network.activations):
        before = act.f(before @ w.T + b)
        if act.name != "identity":
            cell = np.clip(np.floor((before + range / 2) / resolution), 0, cells - 1)
            before = (cell + 0.5) * resolution - range / 2
        layers.append(before)
    return np.concatenate(layers, axis=-1)
