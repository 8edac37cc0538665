"""One integrator and one energy ledger for every system with an energy U(x, control).

    dx = -mu dU/dx(x, control) dt + sqrt(2 mu kT) dB

Work is the change of energy when the control moves and x does not; heat, into the bath, is minus the change when
x moves and the control does not (Sekimoto 1998). Every neuron, bit and weight of the book is simulated here.
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import math
import os
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.linalg import solve_banded
from scipy.optimize import brentq
from scipy.special import expit, exprel, logsumexp
from tqdm import tqdm

from thermolib import _check

Control = Any
ControlProtocol = Callable[[float], Control]

_BLOCK = 8192  # trajectories that share one random stream, and about what stays in the cache
_MOST_THREADS = 16
_FINITE_CHECK_STEPS = 64
_WARN_STIFFNESS = 0.5
_MOST_STIFFNESS = 2.0


class StepSizeWarning(RuntimeWarning):
    """The time step is too long for the stiffness of the system to give accurate work and heat."""


class System(Protocol):
    """What `simulate` moves: an energy of coordinates x and of a control that is the same for all trajectories.

    shape is the shape of one state: () for a scalar coordinate, (d,) for d of them. energy maps x of shape
    (n,) + shape to (n,) energies in the reduced unit, force to -dU/dx of the shape of x; both return new arrays.
    A system that Langevin steps would move wrongly says why in an attribute langevin_refusal, and is refused.
    """

    shape: tuple[int, ...]

    def energy(self, x: np.ndarray, control: Control) -> np.ndarray: ...

    def force(self, x: np.ndarray, control: Control) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Run:
    """What `simulate` returns: one entry per trajectory, energies in the reduced unit.

    x: final states, (n,) + shape. work, heat: (n,), summed along each trajectory. energy_change: (n,), the energy at
    the end minus at the start, evaluated apart from the sums. dt: the step used; steps: how many.
    times: the recorded times, (m,); recorded_x (m, n) + shape, recorded_work and recorded_heat (m, n): the state and
    the sums so far at these times (m = 0 if nothing was recorded).
    """

    x: np.ndarray
    work: np.ndarray
    heat: np.ndarray
    energy_change: np.ndarray
    dt: float
    steps: int
    times: np.ndarray
    recorded_x: np.ndarray
    recorded_work: np.ndarray
    recorded_heat: np.ndarray


def _euler_maruyama(system, x, mobility_dt, noise):
    moved = np.empty_like(x)

    def step(control):
        np.multiply(system.force(x, control), mobility_dt, out=moved)
        np.add(x, moved, out=x)
        np.add(x, noise(), out=x)

    return step


def _leimkuhler_matthews(system, x, mobility_dt, noise):
    moved = np.empty_like(x)
    previous = noise().copy()

    def step(control):
        np.multiply(system.force(x, control), mobility_dt, out=moved)
        np.add(x, moved, out=x)
        kick = noise()
        np.add(previous, kick, out=moved)
        np.copyto(previous, kick)
        np.multiply(moved, 0.5, out=moved)
        np.add(x, moved, out=x)

    return step


def _heun(system, x, mobility_dt, noise):
    moved = np.empty_like(x)
    half = 0.5 * mobility_dt

    def step(control):
        kick = noise()
        force = system.force(x, control)
        np.multiply(force, mobility_dt, out=moved)
        np.add(moved, x, out=moved)
        np.add(moved, kick, out=moved)
        np.add(force, system.force(moved, control), out=moved)
        np.multiply(moved, half, out=moved)
        np.add(x, moved, out=x)
        np.add(x, kick, out=x)

    return step


SCHEMES = {"heun": _heun, "euler-maruyama": _euler_maruyama, "leimkuhler-matthews": _leimkuhler_matthews}


def _fastest_rate(system: System, x: np.ndarray, controls: list[Control], mobility) -> float:
    """Largest |eigenvalue| of mobility * Hessian found at the states x, by power iteration on force differences."""
    axes = tuple(range(1, x.ndim))
    reach = 1e-5 * max(1.0, float(np.abs(x).max()))
    iterations = 1 if math.prod(system.shape) == 1 else 12
    fastest = 0.0
    for control in controls:
        direction = np.random.default_rng(0).standard_normal(x.shape)
        for _ in range(iterations):
            norm = np.sqrt((direction**2).sum(axis=axes, keepdims=True))
            direction = direction / np.where(norm > 0, norm, 1.0)
            ahead = system.force(x + reach * direction, control)
            direction = mobility * (ahead - system.force(x - reach * direction, control)) / (2 * reach)
        fastest = max(fastest, float(np.sqrt((direction**2).sum(axis=axes)).max()))
    return fastest


def _check_step_size(system, protocol, x0, duration, dt, mobility) -> None:
    sample = x0[:: max(1, len(x0) // 64)][:64]
    controls = [protocol(duration * k / 8) for k in range(9)]
    number = dt * _fastest_rate(system, sample, controls, mobility)
    if not number > _WARN_STIFFNESS:
        return
    message = (f"mobility * dt * stiffness is {number:.3g} at dt = {dt:.3g}, {{}}; "
               f"dt = {0.1 * dt / number:.2g} brings it to 0.1")
    if number > _MOST_STIFFNESS:
        raise ValueError(message.format(f"must not exceed {_MOST_STIFFNESS:g} or the integrator is unstable"))
    warnings.warn(message.format(f"above {_WARN_STIFFNESS:g} work and heat are inaccurate"), StepSizeWarning, stacklevel=3)


def _check_system(system: System, x0: np.ndarray, control: Control) -> None:
    if reason := getattr(system, "langevin_refusal", ""):
        raise ValueError(f"system must be one that Langevin steps can move, got one that they can not: {reason}")
    few = x0[:2].copy()
    energy, force = np.shape(system.energy(few, control)), np.shape(system.force(few, control))
    if energy != (len(few),):
        raise ValueError(f"system.energy must map states {few.shape} to shape {(len(few),)}, got {energy}")
    if force != few.shape:
        raise ValueError(f"system.force must map states {few.shape} to their own shape, got {force}")


def _record_steps(record, duration: float, steps: int) -> np.ndarray:
    if record is None:
        return np.empty(0, dtype=int)
    times = _check.array("record", record, ndim=1)
    if times.min() < 0 or times.max() > duration * (1 + 1e-12):
        outside = times.min() if times.min() < 0 else times.max()
        raise ValueError(f"record times must lie in [0, duration = {duration}], got {outside}")
    if (np.diff(times) < 0).any():
        raise ValueError(f"record times must not decrease, got {times}")
    return np.rint(times / duration * steps).astype(int)


def simulate(
    system: System,
    protocol: ControlProtocol,
    x0: np.ndarray,
    *,
    duration: float,
    dt: float,
    kT: float = 1.0,
    mobility: float | np.ndarray = 1.0,
    rng,
    scheme: str = "heun",
    record=None,
    progress: bool = False,
    threads: int | None = None,
) -> Run:
    """Overdamped Langevin trajectories of a driven system, with the work and the heat of each.

        dx = -mobility dU/dx dt + sqrt(2 mobility kT) dB
        W += U(x_n, c_{n+1}) - U(x_n, c_n),    Q -= U(x_{n+1}, c_{n+1}) - U(x_n, c_{n+1})

    with the force taken at the new control c_{n+1}, the protocol in the middle of the step from x_n to x_{n+1}; at the
    start c_0 = protocol(0), and at the end the control moves on to protocol(duration). So a step is half a move of the
    control, a move of x, half a move of the control: symmetric in time, which keeps the accuracy of the scheme for
    states and heat as well as work. Costs about twice the drawing of the random numbers; memory does not grow with the
    number of steps. The result depends on rng, not on the number of threads.

    system: a `System`. protocol: time -> control, on [0, duration]. x0: starting states, (n,) + system.shape.
    duration, dt: positive; the step is shortened so that a whole number of them fills the duration.
    kT: thermal energy, 0 or more (0 is plain gradient flow). mobility: positive, a number or an array of system.shape.
    rng: numpy Generator, SeedSequence or integer seed; each block of 8192 trajectories gets a child of its own.
    scheme: "heun" (second order: the choice for work and heat), "euler-maruyama" (first order) or
    "leimkuhler-matthews" (the most accurate equilibrium averages, first order for driven work).
    record: times at which to keep state, work and heat, non-decreasing, each moved to the nearest step.
    progress: show a bar. threads: how many blocks run at once, by default as many as there are processors.

    Raises ValueError for bad input and for a step so long that the integrator is unstable (mobility * dt * stiffness
    above 2 at the starting states), FloatingPointError if a trajectory leaves the finite numbers; warns with
    StepSizeWarning if mobility * dt * stiffness exceeds 0.5.

    Sources: Sekimoto 1998 (sekimoto1998: the ledger); Leimkuhler and Matthews 2013 (the third scheme).
    """
    duration = _check.positive("duration", duration)
    dt = _check.positive("dt", dt)
    kT = _check.nonnegative("kT", kT)
    _check.choice("scheme", scheme, SCHEMES)
    _check.function("protocol", protocol)
    shape = tuple(system.shape)
    mobility = _check.array("mobility", mobility)
    if mobility.shape not in ((), shape) or (mobility <= 0).any():
        raise ValueError(f"mobility must be positive, a number or of shape {shape}, got {mobility}")
    x0 = _check.array("x0", x0)
    if x0.ndim != 1 + len(shape) or x0.shape[1:] != shape:
        raise ValueError(f"x0 must have shape (n,) + {shape}, one state per trajectory, got {x0.shape}")
    threads = _check.count("threads", threads) if threads is not None else min(os.cpu_count() or 1, _MOST_THREADS)
    rng = _check.generator(rng)

    steps = math.ceil(duration / dt * (1 - 1e-12))
    dt = duration / steps
    rows = _record_steps(record, duration, steps)
    _check_system(system, x0, protocol(0.0))
    _check_step_size(system, protocol, x0, duration, dt, mobility)

    n = len(x0)
    x = x0.copy()
    work, heat = np.zeros(n), np.zeros(n)
    energy_change = np.empty(n)
    recorded_x = np.empty((len(rows),) + x0.shape)
    recorded_work, recorded_heat = np.empty((len(rows), n)), np.empty((len(rows), n))
    amplitude = np.sqrt(2 * kT * dt * mobility)
    starts = range(0, n, _BLOCK)
    bar = tqdm(total=len(starts) * steps, disable=not progress, unit="step")
    bar_lock, stop = threading.Lock(), threading.Event()

    def run_block(start: int, rng: np.random.Generator) -> None:
        mine = slice(start, start + _BLOCK)
        x_, work_, heat_ = x[mine], work[mine], heat[mine]
        normals = np.zeros_like(x_)

        def noise():
            if kT > 0:
                rng.standard_normal(out=normals)
                np.multiply(normals, amplitude, out=normals)
            return normals

        wanted = set(rows.tolist())
        advance = SCHEMES[scheme](system, x_, mobility * dt, noise)
        first = energy = system.energy(x_, protocol(0.0))

        def energy_and_work_at(step):
            """With the control moved on from the middle of the step to its end."""
            now = system.energy(x_, protocol(duration * (step / steps)))
            return now, work_ + (now - energy)

        def keep(step):
            for row in np.flatnonzero(rows == step):
                recorded_x[row, mine], recorded_heat[row, mine] = x_, heat_
                _, recorded_work[row, mine] = energy_and_work_at(step)

        if 0 in wanted:
            keep(0)
        for step in range(1, steps + 1):
            control = protocol(duration * ((step - 0.5) / steps))
            np.subtract(work_, energy, out=work_)
            energy = system.energy(x_, control)
            np.add(work_, energy, out=work_)
            np.add(heat_, energy, out=heat_)
            advance(control)
            energy = system.energy(x_, control)
            np.subtract(heat_, energy, out=heat_)
            if step in wanted:
                keep(step)
            if step % _FINITE_CHECK_STEPS == 0 or step == steps:
                if not (np.isfinite(work_).all() and np.isfinite(heat_).all()):
                    raise FloatingPointError(f"a trajectory left the finite numbers by t = {duration * step / steps:.4g} "
                                             f"at dt = {dt:.3g}; a smaller dt may help")
                if stop.is_set():
                    return
                with bar_lock:
                    bar.update((step - 1) % _FINITE_CHECK_STEPS + 1)
        last, work_[:] = energy_and_work_at(steps)
        np.subtract(last, first, out=energy_change[mine])

    def quietly(start, rng):
        # Overflow is reported once, as the FloatingPointError above, whatever numpy is told to do about it.
        with np.errstate(over="ignore", invalid="ignore"):
            run_block(start, rng)

    with bar, ThreadPoolExecutor(threads) as pool:
        try:
            list(pool.map(quietly, starts, rng.spawn(len(starts))))
        except BaseException:
            stop.set()  # interrupted, or failed in one block: the others need not run to their last step
            raise
    return Run(x, work, heat, energy_change, dt, steps, rows * dt, recorded_x, recorded_work, recorded_heat)


def reversed_protocol(protocol: ControlProtocol, duration: float) -> ControlProtocol:
    """The protocol run backward: t -> protocol(duration - t), as the Crooks relation needs it."""
    duration = _check.positive("duration", duration)
    _check.function("protocol", protocol)
    return lambda t: protocol(duration - t)


def _checked_grid(grid) -> np.ndarray:
    grid = _check.array("grid", grid, ndim=1)
    if len(grid) < 3 or (np.diff(grid) <= 0).any():
        raise ValueError(f"grid must hold at least 3 strictly increasing points, got {len(grid)} points")
    return grid


def _boltzmann(system: System, control: Control, grid, kT: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Grid, density on it, and free energy, of a scalar system."""
    if tuple(system.shape) != ():
        raise ValueError(f"system must have one scalar coordinate (shape ()), got shape {tuple(system.shape)}")
    grid, kT = _checked_grid(grid), _check.positive("kT", kT)
    energy = _check.array("energy on the grid", system.energy(grid, control))
    lowest = energy.min()
    weight = np.exp(-(energy - lowest) / kT)
    total = np.trapezoid(weight, grid)
    return grid, weight / total, lowest - kT * math.log(total)


def equilibrium_density(system: System, control: Control, grid: np.ndarray, kT: float = 1.0) -> np.ndarray:
    """Boltzmann density exp(-U/kT) / Z of a scalar system on the points of a grid, normalized by the trapezoidal rule."""
    return _boltzmann(system, control, grid, kT)[1]


def free_energy(system: System, control: Control, grid: np.ndarray, kT: float = 1.0) -> float:
    """Free energy -kT ln integral exp(-U/kT) dx of a scalar system, by the trapezoidal rule on a grid."""
    return _boltzmann(system, control, grid, kT)[2]


def sample_equilibrium(system: System, control: Control, n: int, *, kT: float = 1.0, rng, grid: np.ndarray) -> np.ndarray:
    """n independent draws, shape (n,), from the Boltzmann density of a scalar system, by inverting its integral.

    grid: points that cover the density and resolve it; between them the integral is taken as linear.
    """
    n, rng = _check.count("n", n), _check.generator(rng)
    grid, density, _ = _boltzmann(system, control, grid, kT)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    return np.interp(rng.random(n), cumulative / cumulative[-1], grid)


@dataclass(frozen=True, eq=False)
class HarmonicTrap:
    """Test system with closed forms: U = sum_i k_i (x_i - c_i)^2 / 2, the control c being the center.

    stiffness: k, positive; a number for a scalar coordinate, an array (d,) for d independent ones.
    """

    stiffness: float | np.ndarray

    def __post_init__(self):
        stiffness = _check.array("stiffness", self.stiffness)
        if stiffness.ndim > 1 or (stiffness <= 0).any():
            raise ValueError(f"stiffness must be positive, a number or a one-dimensional array, got {self.stiffness}")
        object.__setattr__(self, "stiffness", stiffness)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stiffness.shape

    def energy(self, x: np.ndarray, control) -> np.ndarray:
        terms = 0.5 * self.stiffness * (x - control) ** 2
        return terms.sum(axis=-1) if self.shape else terms

    def force(self, x: np.ndarray, control) -> np.ndarray:
        return -self.stiffness * (x - control)

    def sample_equilibrium(self, control, n: int, *, kT: float = 1.0, rng) -> np.ndarray:
        """n exact draws, (n,) + shape: Gaussians about the center with variance kT / k."""
        n, rng = _check.count("n", n), _check.generator(rng)
        spread = np.sqrt(_check.nonnegative("kT", kT) / self.stiffness)
        return control + spread * rng.standard_normal((n,) + self.shape)

    def mean_dragging_work(self, speed, duration: float, *, mobility: float = 1.0) -> float:
        """Mean work of moving the center at a constant speed, from equilibrium; the speed a number or (d,).

            <W> = sum_i (v_i^2 / mu) [t - tau_i (1 - exp(-t / tau_i))],    tau_i = 1 / (mu k_i)

        The work is Gaussian, and the free energy does not change.
        """
        t, mobility = _check.nonnegative("duration", duration), _check.positive("mobility", mobility)
        speed = _check.array("speed", speed)
        if speed.shape not in ((), self.shape):
            raise ValueError(f"speed must be a number or of shape {self.shape}, got shape {speed.shape}")
        tau = 1 / (mobility * self.stiffness)
        return float(np.sum(speed**2 / mobility * (t + tau * np.expm1(-t / tau))))

    def dragging_work_variance(self, speed, duration: float, *, kT: float = 1.0, mobility: float = 1.0) -> float:
        """Variance 2 kT <W> of that work: what the Jarzynski equality asks of a Gaussian whose dF is 0."""
        return 2 * _check.nonnegative("kT", kT) * self.mean_dragging_work(speed, duration, mobility=mobility)


@dataclass(frozen=True)
class StiffnessTrap:
    """Test system with closed forms: U = k (x - c)^2 / 2, one scalar coordinate, control (c, k)."""

    shape = ()

    def energy(self, x: np.ndarray, control: tuple[float, float]) -> np.ndarray:
        center, stiffness = control
        return 0.5 * stiffness * (x - center) ** 2

    def force(self, x: np.ndarray, control: tuple[float, float]) -> np.ndarray:
        center, stiffness = control
        return -stiffness * (x - center)

    def sample_equilibrium(self, control: tuple[float, float], n: int, *, kT: float = 1.0, rng) -> np.ndarray:
        """n exact draws, (n,): Gaussian about the center with variance kT / k."""
        center, stiffness = control
        return HarmonicTrap(stiffness).sample_equilibrium(center, n, kT=kT, rng=rng)

    def free_energy_change(self, k0: float, k1: float, *, kT: float = 1.0) -> float:
        """dF = (kT / 2) ln(k1 / k0) when the stiffness goes from k0 to k1."""
        return 0.5 * _check.nonnegative("kT", kT) * math.log(_check.positive("k1", k1) / _check.positive("k0", k0))


@dataclass(frozen=True, eq=False)
class FokkerPlanck:
    """What `fokker_planck` returns.

    times: (steps + 1,). work, heat: mean work done and mean heat given off by these times, (steps + 1,). grid: (N,).
    density: at the end, (N,). recorded_times: (m,); recorded_density: (m, N).
    """

    times: np.ndarray
    work: np.ndarray
    heat: np.ndarray
    grid: np.ndarray
    density: np.ndarray
    recorded_times: np.ndarray
    recorded_density: np.ndarray


def fokker_planck(
    system: System,
    protocol: ControlProtocol,
    grid: np.ndarray,
    *,
    duration: float,
    steps: int,
    kT: float = 1.0,
    mobility: float = 1.0,
    initial: np.ndarray | None = None,
    record=None,
) -> FokkerPlanck:
    """The density of a driven scalar system, and its mean work and heat, without sampling.

        dp/dt = d/dx [mobility (p dU/dx + kT dp/dx)],    d<W> = integral p dU at fixed p

    Space: jumps between neighboring points with rates (D / h^2) B(+-dU / kT), B(z) = z / (e^z - 1), which conserve
    probability and leave the Boltzmann density of every control exactly at rest (Scharfetter and Gummel 1969; Chang
    and Cooper 1970); the ends of the grid reflect. Time: Crank-Nicolson about the control in the middle of the step.
    Both are of second order. Costs one tridiagonal solve of N points a step.

    grid: (N,), evenly spaced, covering the density and resolving kT / abs(force). duration, kT, mobility: positive.
    steps: of time; where the protocol has corners let steps fall on them. initial: density on the grid, not negative
    (it is normalized), by default the equilibrium of protocol(0). record: times at which to keep the density.

    Raises ValueError for bad input.
    """
    duration = _check.positive("duration", duration)
    steps = _check.count("steps", steps)
    mobility = _check.positive("mobility", mobility)
    _check.function("protocol", protocol)
    grid, density, _ = _boltzmann(system, protocol(0.0), grid, kT)
    spacing = (grid[-1] - grid[0]) / (len(grid) - 1)
    if not np.allclose(np.diff(grid), spacing, rtol=1e-6):
        raise ValueError(f"grid must be evenly spaced, got spacings {np.diff(grid).min():.6g} to {np.diff(grid).max():.6g}")
    if initial is not None:
        density = _check.array("initial", initial, ndim=1)
        if density.shape != grid.shape or (density < 0).any() or not density.any():
            raise ValueError(f"initial must be a density on the {len(grid)} points of the grid, not negative, "
                             f"got shape {density.shape} and a least value {density.min()}")
    rows = _record_steps(record, duration, steps)
    recorded = np.empty((len(rows), len(grid)))

    p = density / density.sum()
    half_rate = 0.5 * (duration / steps) * mobility * kT / spacing**2
    work, heat = np.zeros(steps + 1), np.zeros(steps + 1)
    recorded[rows == 0] = p
    energy = system.energy(grid, protocol(0.0))
    bands = np.zeros((3, len(grid)))
    for n in range(steps):
        middle = system.energy(grid, protocol(duration * ((n + 0.5) / steps)))
        rise = np.diff(middle) / kT
        right = half_rate / exprel(rise)
        left = right + half_rate * rise  # B(-z) = B(z) + z
        flux = right * p[:-1] - left * p[1:]
        known = p.copy()
        known[:-1] -= flux
        known[1:] += flux
        bands[0, 1:] = -left
        bands[1] = 1.0
        bands[1, :-1] += right
        bands[1, 1:] += left
        bands[2, :-1] = -right
        new = solve_banded((1, 1), bands, known, overwrite_b=True, check_finite=False)
        new_energy = system.energy(grid, protocol(duration * ((n + 1) / steps)))
        work[n + 1] = work[n] + 0.5 * np.dot(new + p, new_energy - energy)
        heat[n + 1] = heat[n] - 0.5 * np.dot(new - p, new_energy + energy)
        p, energy = new, new_energy
        recorded[rows == n + 1] = p
    times = np.linspace(0.0, duration, steps + 1)
    return FokkerPlanck(times, work, heat, grid, p / spacing, times[rows], recorded / spacing)


@dataclass(frozen=True)
class Estimate:
    """A number measured on random trajectories, with its standard error; prints as '0.71 ± 0.03'."""

    value: float
    error: float

    def __str__(self) -> str:
        if not (math.isfinite(self.error) and self.error > 0):
            return f"{self.value:.6g} ± {self.error:.2g}"
        leading = f"{self.error:.1e}"
        # One digit of the error, two when it starts with a 1 and rounding would change it by up to a third.
        decimals = -int(leading.split("e")[1]) + (leading[0] == "1")
        shown = max(decimals, 0)
        value = round(self.value, decimals) + 0.0  # no negative zero
        return f"{value:.{shown}f} ± {round(self.error, decimals):.{shown}f}"


class DominatedAverageWarning(RuntimeWarning):
    """An exponential average rests on so few trajectories that neither it nor its error can be trusted."""


def _work_values(name: str, work) -> np.ndarray:
    work = _check.array(name, work, ndim=1)
    if len(work) < 2:
        raise ValueError(f"{name} must hold at least 2 trajectories, got {len(work)}")
    return work


def mean_work(work: np.ndarray) -> Estimate:
    """Mean of the work of n independent trajectories, (n,), with its standard error."""
    work = _work_values("work", work)
    return Estimate(float(work.mean()), float(work.std(ddof=1) / math.sqrt(len(work))))


def jarzynski_free_energy(work: np.ndarray, kT: float = 1.0) -> Estimate:
    """Free energy difference from the work of trajectories that started in equilibrium.

        dF = -kT ln <exp(-W / kT)>,    error = kT sd(w) / (<w> sqrt(n)),    w = exp(-W / kT)

    The mean is carried by the trajectories of least work. If there are few of them (an effective number
    (sum w)^2 / sum w^2 below 100 and below a tenth of all), both the value, which is then biased upward, and the error
    are unreliable, and a DominatedAverageWarning says so.

    work: (n,), at least two. kT: positive.

    Source: Jarzynski 1997.
    """
    work, kT = _work_values("work", work), _check.positive("kT", kT)
    n = len(work)
    log_mean = logsumexp(-work / kT) - math.log(n)
    weights = np.exp(-work / kT - log_mean)  # of mean 1
    effective = n * n / np.sum(weights**2)
    if effective < min(100, n / 10):
        warnings.warn(f"the average of exp(-W/kT) over {n} trajectories rests on about {effective:.1f} of them",
                      DominatedAverageWarning, stacklevel=2)
    return Estimate(float(-kT * log_mean), float(kT * weights.std(ddof=1) / math.sqrt(n)))


def crooks_free_energy(forward_work: np.ndarray, reverse_work: np.ndarray, kT: float = 1.0) -> Estimate:
    """Free energy difference from trajectories driven forward and backward: the best use of the Crooks relation.

        P_F(W) / P_R(-W) = exp((W - dF) / kT)

    Bennett's acceptance ratio: the dF at which the two directions agree,
    sum_F f((W - dF)/kT + M) = sum_R f((W + dF)/kT - M) with f(x) = 1 / (1 + e^x) and M = ln(n_F / n_R).

    forward_work: (n_F,), started in equilibrium at the first control. reverse_work: (n_R,), started in equilibrium at
    the last control and driven by the `reversed_protocol`. kT: positive.

    Sources: Crooks 1999; Bennett 1976; Shirts et al. 2003 (optimality).
    """
    forward, reverse = _work_values("forward_work", forward_work), _work_values("reverse_work", reverse_work)
    kT = _check.positive("kT", kT)
    shift = math.log(len(forward) / len(reverse))

    def accepted(dF):
        return expit(-(forward / kT - dF + shift)), expit(-(reverse / kT + dF - shift))

    def imbalance(dF):
        from_forward, from_reverse = accepted(dF)
        return from_forward.sum() - from_reverse.sum()

    margin = 40 + abs(shift)
    lowest, highest = min(forward.min(), -reverse.max()) / kT, max(forward.max(), -reverse.min()) / kT
    dF = brentq(imbalance, lowest - margin, highest + margin)
    variance = sum(f.var(ddof=1) / (f.mean() ** 2 * len(f)) for f in accepted(dF))
    return Estimate(kT * dF, kT * math.sqrt(variance))


@dataclass(frozen=True, eq=False)
class WorkHistogram:
    """Density of work per bin with its counting error: edges (m + 1,), density (m,), error (m,)."""

    edges: np.ndarray
    density: np.ndarray
    error: np.ndarray


def work_histogram(work: np.ndarray, bins: int | np.ndarray = 50) -> WorkHistogram:
    """Histogram of the work of n trajectories as a density, with the binomial error of each bin.

    work: (n,). bins: how many, over the range of the data, or their edges; work outside the edges counts as missing,
    so that the density integrates to the fraction inside.
    """
    work = _work_values("work", work)
    counts, edges = np.histogram(work, bins)
    fraction, width = counts / len(work), np.diff(edges)
    return WorkHistogram(edges, fraction / width, np.sqrt(fraction * (1 - fraction) / len(work)) / width)
