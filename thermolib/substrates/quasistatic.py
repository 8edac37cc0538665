"""Neurons that follow their input: nothing has to be erased, and slow inference costs only the friction of following.

    W = (1 / tau) sum_i gamma_i integral_0^1 (dx_i/dlambda)^2 dlambda + O(1 / tau^2)

x(lambda) is the forward pass along a path of inputs that is swept in the time tau; the sum is the drag coefficient of the
path. A `Path` is a function from lambda in [0, 1] to an input (n_in,), or an array of two or more inputs (m, n_in) at evenly
spaced lambda, joined by straight lines. friction is gamma = 1 / mobility, positive, a number or one per unit (n_units,).
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import ai_zeros

from thermolib import _check
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.landauer import finite_time_bound, gaussian_reset_bound
from thermolib.langevin import Control, ControlProtocol, Estimate, System, equilibrium_density

Path = Callable[[float], np.ndarray] | Sequence[np.ndarray] | np.ndarray

# --- paths of inputs ----------------------------------------------------------------------------------------------------


def _straight_pieces(corners: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Points (len(positions), d) of the polygon through corners (m, d), positions running evenly from 0 to 1 along it."""
    place = np.clip(positions, 0.0, 1.0) * (len(corners) - 1)
    k = np.minimum(place.astype(int), len(corners) - 2)
    on = (place - k)[:, None]
    return (1 - on) * corners[k] + on * corners[k + 1]


def _checked(network: NetworkHamiltonian, path) -> np.ndarray:
    inputs = _check.array("path", path, ndim=2)
    if len(inputs) < 2 or inputs.shape[1] != network.inputs:
        raise ValueError(f"path must be a function or hold two or more inputs, (m, {network.inputs}), "
                         f"got shape {inputs.shape}")
    return inputs


def _inputs_along(network: NetworkHamiltonian, path: Path, steps: int) -> np.ndarray:
    """Inputs at steps + 1 or more evenly spaced lambda, every corner of a polygon among them."""
    steps = _check.count("steps", steps)
    if callable(path):
        return _checked(network, [path(k / steps) for k in range(steps + 1)])
    corners = _checked(network, path)
    pieces = len(corners) - 1
    return _straight_pieces(corners, np.linspace(0, 1, pieces * math.ceil(steps / pieces) + 1))


def _friction(network: NetworkHamiltonian, friction) -> np.ndarray:
    friction = _check.array("friction", friction)
    if friction.shape not in ((), network.shape) or (friction <= 0).any():
        raise ValueError(f"friction must be positive, a number or one per unit {network.shape}, got {friction}")
    return np.broadcast_to(friction, network.shape)


def drag_per_unit(network: NetworkHamiltonian, path: Path, friction=1.0, steps: int = 1000) -> np.ndarray:
    """What each unit adds to the drag coefficient of a path: gamma_i integral (dx_i/dlambda)^2 dlambda, (n_units,).

    steps: straight pieces of the forward pass that stand for the path; the relative error falls as 1 / steps^2, from
    below. An array of m inputs gets at least one step, and equally many, for each of its m - 1 pieces.
    """
    moves = np.diff(network.forward(_inputs_along(network, path, steps)), axis=0)
    return _friction(network, friction) * len(moves) * np.einsum("ki,ki->i", moves, moves)


def drag_coefficient(network: NetworkHamiltonian, path: Path, friction=1.0, steps: int = 1000) -> float:
    """The number K such that sweeping the input along a path in a long time tau costs the work K / tau, at kT = 0.

        K = sum_i gamma_i integral_0^1 (dx_i/dlambda)^2 dlambda

    x is the forward pass, so neither the stiffness nor any other curvature of the energy enters. It holds when tau is long
    against the slowest of `relaxation_times`, for an energy with one minimum for every input. steps: see `drag_per_unit`.
    """
    return float(drag_per_unit(network, path, friction, steps).sum())


def speed_along(network: NetworkHamiltonian, path: Path, friction=1.0, steps: int = 1000) -> np.ndarray:
    """Speed sqrt(sum_i gamma_i (dx_i/dlambda)^2) of the network on each step of a path, (steps,).

    Its mean square is the drag coefficient, its mean the thermodynamic length. steps: see `drag_per_unit`.
    """
    return _speeds(network, _inputs_along(network, path, steps), friction)


def _speeds(network, inputs, friction) -> np.ndarray:
    moves = np.diff(network.forward(inputs), axis=0)
    return len(moves) * np.sqrt(np.einsum("ki,i,ki->k", moves, _friction(network, friction), moves))


def thermodynamic_length(network: NetworkHamiltonian, path: Path, friction=1.0, steps: int = 1000) -> float:
    """Length of a path in the metric of the drag, whatever the schedule on it: L^2 <= K, equal at constant speed.

        L = integral_0^1 sqrt(sum_i gamma_i (dx_i/dlambda)^2) dlambda

    Source: Sivak and Crooks 2012 (sivak2012).
    """
    return float(speed_along(network, path, friction, steps).mean())


def constant_speed(
    network: NetworkHamiltonian, path: Path, friction=1.0, steps: int = 1000
) -> Callable[[float], np.ndarray]:
    """The same path, retimed so that the network moves at a constant speed: the cheapest schedule on it, K = L^2.

    Returns a function from lambda to the input. Raises ValueError for a path on which nothing moves.
    """
    inputs = _inputs_along(network, path, steps)
    traveled = np.concatenate([[0.0], np.cumsum(_speeds(network, inputs, friction))])
    if not traveled[-1] > 0:
        raise ValueError("path must move the network, got a length of 0")
    even = np.linspace(0, 1, len(inputs))

    def retimed(position: float) -> np.ndarray:
        where = np.interp(position * traveled[-1], traveled, even)
        return _straight_pieces(inputs, np.array([where]))[0]

    return retimed


def _dense_pass(network: NetworkHamiltonian, inputs: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Input sums of the layers, and the states, of a network whose layers are dense and follow each other."""
    sums, layers, before = [], [], inputs
    for w, b, act in zip(network.weights, network.biases, network.activations):
        sums.append(before @ w.T + b)
        before = act.f(sums[-1])
        layers.append(before)
    return sums, np.concatenate(layers, axis=1)


def _check_dense(network: NetworkHamiltonian, x0: np.ndarray) -> None:
    shapes = [w.shape for w in network.weights]
    chain = list(zip(network.widths, (network.inputs, *network.widths)))
    if shapes != chain or not np.allclose(_dense_pass(network, x0)[1], network.forward(x0)):
        raise ValueError(f"network must be a chain of dense layers, {chain}, got weights {shapes}")


def _secant_drag(network: NetworkHamiltonian, inputs: np.ndarray, friction: np.ndarray) -> tuple[float, np.ndarray]:
    """Drag of the polygon through the forward passes of inputs (m, n_in), and its gradient with respect to the inputs."""
    sums, states = _dense_pass(network, inputs)
    moves = np.diff(states, axis=0)
    pull = np.zeros((len(inputs), len(friction)))
    pull[:-1] -= friction * moves
    pull[1:] += friction * moves
    pieces = len(moves)
    back = 0.0
    parts = network.split(pull)
    for k in reversed(range(len(sums))):
        w, act = network.weights[k], network.activations[k]
        back = ((parts[k] + back) * act.derivative(sums[k])) @ w
    return pieces * float(np.sum(friction * moves**2)), 2 * pieces * back


def geodesic(
    network: NetworkHamiltonian,
    start: np.ndarray,
    end: np.ndarray,
    *,
    friction=1.0,
    bounds: tuple[float, float] | None = None,
    pieces: int = 32,
    iterations: int = 500,
) -> np.ndarray:
    """A path of least drag between two inputs: the array (pieces + 1, n_in) of its corners, to be used as a `Path`.

    Minimizes sum_i gamma_i |x(k+1) - x(k)|^2 over the inner corners, from the straight line on, by L-BFGS with the exact
    gradient, first with few pieces and then with twice as many. Only the network's own motion counts; moving the input is
    free here. The minimum is a local one. The `drag_coefficient` of the path is that of one that can be swept, so it lies
    above the true geodesic's, which lies above sum_i gamma_i (x_i(end) - x_i(start))^2.

    network: a chain of dense layers. start, end: inputs, (n_in,). bounds: lowest and highest value that an input may take
    on the way; none by default. pieces: straight ones in the space of inputs, at least 2. iterations: at most so many for
    each number of pieces.
    """
    path = _checked(network, [start, end])
    _check_dense(network, path)
    numbers = [_check.count("pieces", pieces, least=2)]
    while numbers[0] % 2 == 0 and numbers[0] > 4:
        numbers.insert(0, numbers[0] // 2)
    iterations = _check.count("iterations", iterations)
    friction = _friction(network, friction)
    if bounds is not None:
        low, high = (_check.finite("bounds", bound) for bound in bounds)
        if not low <= path.min() <= path.max() <= high:
            raise ValueError(f"bounds must enclose start and end, which span [{path.min():.6g}, {path.max():.6g}], "
                             f"got {bounds}")
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-10, "gtol": 1e-9}
    for number in numbers:
        path = _straight_pieces(path, np.linspace(0, 1, number + 1))

        def drag_and_gradient(inner):
            path[1:-1] = inner.reshape(-1, network.inputs)
            drag, gradient = _secant_drag(network, path, friction)
            return drag, gradient[1:-1].ravel()

        box = None if bounds is None else [(low, high)] * path[1:-1].size
        found = minimize(drag_and_gradient, path[1:-1].ravel(), jac=True, method="L-BFGS-B", bounds=box, options=options)
        path[1:-1] = found.x.reshape(-1, network.inputs)
    return path


def relaxation_times(network: NetworkHamiltonian, x0: np.ndarray, friction=1.0) -> np.ndarray:
    """Times in which small deviations from the forward pass decay at the input x0, (n_units,), the slowest last.

        1 / eigenvalues of gamma^-1/2 H gamma^-1/2,    H = d^2F / dx^2 at the minimum

    H by differences of the force, good to about 1e-8 of its largest eigenvalue.
    """
    x0 = _check.array("x0", x0, ndim=1)
    rest, reach = network.forward(x0), 1e-5 * np.eye(network.shape[0])
    curvature = (network.force(rest - reach, x0) - network.force(rest + reach, x0)) / 2e-5
    root = np.sqrt(_friction(network, friction))
    rates = np.linalg.eigvalsh(0.5 * (curvature + curvature.T) / np.outer(root, root))
    return 1 / rates[::-1]


# --- finite temperature -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DragBracket:
    """Two numbers between which the slow work times the duration lies at a temperature; see `drag_bracket`."""

    lower: Estimate
    upper: Estimate


def drag_bracket(
    network: NetworkHamiltonian, path: Path, kT: float, *, friction=1.0, samples: int = 4000, steps: int = 100, rng
) -> DragBracket:
    """Bracket of the drag coefficient at a finite temperature, where noise smooths the response of the network.

        sum_i gamma_i integral (d<x_i>/dlambda)^2 <= K <= sum_i gamma_i integral <(dx_i/dlambda)^2 at fixed noise>

    K is a squared length in the Wasserstein metric of the equilibrium distributions along the path. Above it is the drag
    of one particular way to move them, the noisy forward pass with the noise held fixed; below it that of their means.
    Both tend to `drag_coefficient` as kT -> 0, and are equal to it at every kT for a linear network.

    network: in elastic form. kT: not negative. samples: of the noise, at least 2; their scatter gives the errors. steps: as
    for `drag_per_unit`. Keeps samples * steps * n_units numbers.

    Sources: Aurell et al. 2012 (aurell2012) for the metric; Sivak and Crooks 2012 (sivak2012) for slow driving.
    """
    samples, seed = _check.count("samples", samples, least=2), _check.generator(rng).integers(2**63)
    if network.langevin_refusal:
        raise ValueError(f"network must be one that Langevin steps can move, got one that they can not: "
                         f"{network.langevin_refusal}")
    friction, inputs = _friction(network, friction), _inputs_along(network, path, steps)
    states = np.stack([network.sample(x0, samples, kT, seed) for x0 in inputs])  # the same noise at every input
    moves = np.diff(states, axis=0)
    steps = len(moves)
    mean_moves = moves.mean(axis=1)
    of_samples = steps * np.einsum("kni,i,kni->n", moves, friction, moves)
    of_means = steps * np.einsum("kni,i,ki->n", moves, friction, mean_moves)
    # The square of a mean over samples is too large by the variance of that mean.
    excess = (of_samples.mean() - of_means.mean()) / (samples - 1)
    root = math.sqrt(samples)
    return DragBracket(Estimate(float(of_means.mean() - excess), float(2 * of_means.std(ddof=1) / root)),
                       Estimate(float(of_samples.mean()), float(of_samples.std(ddof=1) / root)))


def scalar_drag(
    system: System, path: Callable[[float], Control], grid: np.ndarray, kT: float, friction: float = 1.0, steps: int = 400
) -> float:
    """Drag coefficient of a system of one coordinate at a finite temperature, without sampling.

        K = gamma integral_0^1 dlambda integral (dC/dlambda)^2 / p dx

    p is the Boltzmann density at the control path(lambda), C the probability to be below x. In one dimension there is only
    one way to move a density, so this is the Wasserstein metric itself. A slow sweep costs dF + K / duration.

    path: lambda in [0, 1] -> control. grid: evenly spaced points that cover the density everywhere. kT, friction: positive.

    Source: Aurell et al. 2012 (aurell2012).
    """
    kT, friction = _check.positive("kT", kT), _check.positive("friction", friction)
    steps = _check.count("steps", steps)
    _check.function("path", path)
    grid = _check.array("grid", grid, ndim=1)
    if not np.allclose(np.diff(grid), grid[1] - grid[0], rtol=1e-6):
        raise ValueError(f"grid must be evenly spaced, got spacings {np.diff(grid).min():.6g} to {np.diff(grid).max():.6g}")
    total = 0.0
    for k in range(steps):
        density = equilibrium_density(system, path((k + 0.5) / steps), grid, kT)
        share = density / density.sum()
        push = steps * (system.energy(grid, path((k + 1) / steps)) - system.energy(grid, path(k / steps)))
        change = -share * (push - share @ push) / kT
        # Up to its sign, and summed from the nearer end, so that what is left in a tail is not rounding.
        from_left, from_right = np.cumsum(change)[:-1], np.cumsum(change[::-1])[::-1][1:]
        left = np.cumsum(share)[:-1] < 0.5
        between = np.sqrt(density[1:] * density[:-1])
        held = between > 1e-200 * density.max()
        flow = np.where(left, from_left, from_right)[held]
        total += np.sum(flow**2 / between[held]) * (grid[1] - grid[0])
    return friction * float(total) / steps


# --- a neuron with two minima -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class HysteresisLoop:
    """A loop of the input h and what the neuron did. field, x: h and the state on the way up and back, (2 points,) each.

    work: done by whoever moves the input, which is the area that the loop encloses in the plane of h and x.
    """

    field: np.ndarray
    x: np.ndarray
    work: float


@dataclass(frozen=True)
class BistableNeuron:
    """A neuron that excites itself: U = x^4/4 - J x^2/2 - h x, one scalar coordinate, the input h as the control.

    For J <= 0 there is one minimum for every input; for J > 0 there are two at abs(h) < `coercive_field`.

    coupling: J, any number.
    """

    coupling: float

    shape = ()

    def __post_init__(self):
        _check.finite("coupling", self.coupling)

    def energy(self, x: np.ndarray, control: float) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        return x * (x * (0.25 * x * x - 0.5 * self.coupling) - control)

    def force(self, x: np.ndarray, control: float) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        return control - x * (x * x - self.coupling)

    def stationary_points(self, field: float) -> np.ndarray:
        """Real solutions of x^3 - J x = h, increasing: one or three (two at the coercive field)."""
        roots = np.roots([1.0, 0.0, -self.coupling, -_check.finite("field", field)])
        return np.unique(np.sort(roots[np.abs(roots.imag) < 1e-9].real))

    @property
    def coercive_field(self) -> float:
        """The field 2 (J/3)^(3/2) at which one of the two minima disappears; 0 for J <= 0."""
        return 2 * (max(self.coupling, 0.0) / 3) ** 1.5

    @property
    def jump_energy(self) -> float:
        """Energy 3 J^2 / 4 lost in the jump at the coercive field; a loop has two; 0 for J <= 0."""
        return 0.75 * max(self.coupling, 0.0) ** 2

    def slow_loop_work(self, duration: float, amplitude: float, mobility: float = 1.0) -> float:
        """Work of a slow loop of the input at kT = 0, to the leading order in its speed v = 4 amplitude / duration.

            J > 0:  3 J^2 / 2 + 2 a (3 J)^(1/3) (v / mobility)^(2/3),    -a = -2.338 the first zero of the Airy function
            J < 0:  K / duration,    K = (16 amplitude / mobility) arctan(y sqrt(3 / abs(J))) / sqrt(3 abs(J))

        y is the x at the end of the path. In the first case the state lags as it passes the coercive field, where it
        creeps: the Airy function describes how. At J = 0 the work falls as duration^(-4/5), and no value is given.

        duration: of the whole loop, -amplitude to amplitude and back. amplitude: above the coercive field.
        """
        duration, mobility = _check.positive("duration", duration), _check.positive("mobility", mobility)
        amplitude = self._amplitude(amplitude)
        J, speed = self.coupling, 4 * amplitude / duration
        if J == 0:
            raise ValueError("coupling must not be 0 for a slow loop in closed form, got 0")
        if J > 0:
            airy = -float(ai_zeros(1)[0][0])
            return 2 * self.jump_energy + 2 * airy * (3 * J) ** (1 / 3) * (speed / mobility) ** (2 / 3)
        y = self.stationary_points(amplitude)[-1]
        return 4 * speed / mobility * math.atan(y * math.sqrt(-3 / J)) / math.sqrt(-3 * J)

    def kramers_time(self, kT: float, mobility: float = 1.0) -> float:
        """Mean time to leave a well at h = 0 over the barrier J^2 / 4: sqrt(2) pi / (mobility J) exp(J^2 / 4 kT).

        Good for barriers of several kT; needs J > 0.

        Source: Kramers 1940.
        """
        if self.coupling <= 0:
            raise ValueError(f"coupling must be positive to have a barrier, got {self.coupling}")
        barrier = self.coupling**2 / 4
        rate_scale = _check.positive("mobility", mobility) * self.coupling / (math.sqrt(2) * math.pi)
        return math.exp(barrier / _check.positive("kT", kT)) / rate_scale

    def _amplitude(self, amplitude: float) -> float:
        amplitude = _check.positive("amplitude", amplitude)
        if amplitude <= self.coercive_field:
            raise ValueError(f"amplitude must exceed the coercive field {self.coercive_field:.6g}, got {amplitude}")
        return amplitude

    def loop(self, duration: float, *, amplitude: float = 2.0, mobility: float = 1.0, points: int = 100) -> HysteresisLoop:
        """One loop of the input at kT = 0, from rest at -amplitude up to amplitude and back at a constant speed.

        Integrates the relaxation with an adaptive solver to a relative error of about 1e-6 of the work, so that slow
        loops take no longer than fast ones.

        duration: of the whole loop. amplitude: above the coercive field. points: kept in each direction, at least 2.
        """
        duration, mobility = _check.positive("duration", duration), _check.positive("mobility", mobility)
        amplitude, points = self._amplitude(amplitude), _check.count("points", points, least=2)
        speed = 4 * amplitude / duration
        moments = np.linspace(0, duration / 2, points)
        x, heat = self.stationary_points(-amplitude)[0], 0.0
        at_start = self.energy(x, -amplitude)
        fields, states = [], []
        for turn in (-amplitude, amplitude):
            rate = -math.copysign(speed, turn)

            def motion(t, y):
                force = self.force(y[0], turn + rate * t)
                return [mobility * force, mobility * force**2]

            leg = solve_ivp(motion, (0, duration / 2), [x, heat], method="LSODA", t_eval=moments, rtol=1e-9, atol=1e-12)
            x, heat = leg.y[:, -1]
            fields.append(turn + rate * moments)
            states.append(leg.y[0])
        work = heat + self.energy(x, -amplitude) - at_start
        return HysteresisLoop(np.concatenate(fields), np.concatenate(states), float(work))


def loop_protocol(duration: float, amplitude: float = 2.0) -> ControlProtocol:
    """The input of a loop, t -> h: from -amplitude to amplitude and back at a constant speed, in the given duration."""
    duration, amplitude = _check.positive("duration", duration), _check.positive("amplitude", amplitude)
    return lambda t: amplitude * (1 - abs(4 * t / duration - 2))


# --- the same network, followed or reset --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AnalogNetwork:
    """Energy of one inference of an analog network: of the friction of following, or at least of resetting its neurons.

    spread: standard deviation of each unit over the inputs, without thermal noise, (n_units,). drag: mean drag coefficient
    between one input and the next, at friction 1. stiffness: kappa, of every unit, energy per activation squared.
    relaxation_time: gamma / kappa of one unit. kT, energies and times in any one system of units.
    """

    spread: np.ndarray
    drag: float
    stiffness: float
    relaxation_time: float
    kT: float

    def __post_init__(self):
        spread = _check.array("spread", self.spread, ndim=1)
        if (spread < 0).any() or not spread.any():
            raise ValueError(f"spread must not be negative, nor zero for all units, got a least one of {spread.min()}")
        object.__setattr__(self, "spread", spread)
        for name in ("drag", "stiffness", "relaxation_time", "kT"):
            _check.positive(name, getattr(self, name))

    @property
    def friction(self) -> float:
        """gamma = kappa * relaxation_time."""
        return self.stiffness * self.relaxation_time

    @property
    def resolution(self) -> float:
        """Thermal spread sqrt(kT / kappa) of a unit at rest."""
        return math.sqrt(self.kT / self.stiffness)

    def following_energy(self, duration: float) -> float:
        """Quasi-static: work gamma * drag / duration of following the input, for durations above all relaxation times."""
        return self.friction * self.drag / _check.positive("duration", duration)

    def erasure_energy(self) -> float:
        """Dynamic: kT sum_i ln(sigma_i / r), sigma_i^2 = spread_i^2 + r^2, r the resolution: each value erased to noise."""
        before = np.hypot(self.spread, self.resolution)
        return sum(gaussian_reset_bound(s, self.resolution, self.kT) for s in before)

    def reset_energy(self, duration: float) -> float:
        """Dynamic: the least work of these resets in a finite time, erasure_energy + gamma sum_i (sigma_i - r)^2 / duration.

        The units are taken as Gaussian and are reset one by one. To write the next value costs extra.
        """
        return finite_time_bound(duration, self._reset_distance_squared(), entropy_drop=self.erasure_energy() / self.kT,
                                 kT=self.kT, mobility=1 / self.friction)

    def crossover(self) -> float:
        """The duration beyond which following costs less than resetting at least costs; 0 if it always does."""
        return self.friction * max(self.drag - self._reset_distance_squared(), 0.0) / self.erasure_energy()

    def _reset_distance_squared(self) -> float:
        """Squared Wasserstein-2 distances of Gaussians with the same mean, summed over the units."""
        return float(np.sum((np.hypot(self.spread, self.resolution) - self.resolution) ** 2))
