"""Erasing a bit: a double well, the protocol that empties one side, and what the laws ask for it.

Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
Probabilities lie in [0, 1]; kT is not negative, and positive where something is in equilibrium; entropies are in nats.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import entr, rel_entr

from thermolib import _check
from thermolib.langevin import (
    ControlProtocol,
    FokkerPlanck,
    Run,
    equilibrium_density,
    fokker_planck,
    sample_equilibrium,
    simulate,
)


@dataclass(frozen=True)
class DoubleWell:
    """A bit: U = 4 E_b [-g x^2/2 + x^4/4 - A f x], control (g, f), one scalar coordinate.

    At g = 1, f = 0 the wells are at x = -1 and +1 and the barrier between them has the height E_b. g lowers it, f
    tilts the well to the right.

    barrier: E_b in the reduced energy unit, positive. tilt: A, not negative.

    Source: Jun, Gavrilov and Bechhoefer 2014 (jun2014).
    """

    barrier: float = 13.0
    tilt: float = 0.5

    shape = ()

    def __post_init__(self):
        _check.positive("barrier", self.barrier)
        _check.nonnegative("tilt", self.tilt)

    def energy(self, x: np.ndarray, control: tuple[float, float]) -> np.ndarray:
        g, f = control
        x = np.asarray(x, dtype=float)
        u = x * x
        u -= 2 * g
        u *= x
        u -= 4 * self.tilt * f
        u *= x
        u *= self.barrier
        return u

    def force(self, x: np.ndarray, control: tuple[float, float]) -> np.ndarray:
        g, f = control
        x = np.asarray(x, dtype=float)
        down = x * x
        down -= g
        down *= x
        down -= self.tilt * f
        down *= -4 * self.barrier
        return down

    def stiffness(self) -> float:
        """Curvature U'' at the minimum of the tilted well (g = f = 1): the stiffest place of an erasure."""
        x = np.roots([1.0, 0.0, -1.0, -self.tilt]).real.max()
        return 4 * self.barrier * (3 * x * x - 1)

    def grid(self, kT: float = 1.0, points: int = 1000) -> np.ndarray:
        """Points centered on 0 that reach 40 kT above the minimum on both sides, for any control in [0, 1] x [0, 1]."""
        kT = _check.positive("kT", kT)
        reach = 0.0
        for f in (0.0, 1.0):
            lowest = np.roots([1.0, 0.0, -1.0, -self.tilt * f]).real.max()
            level = float(self.energy(lowest, (1.0, f))) / self.barrier + 40 * kT / self.barrier
            roots = np.roots([1.0, 0.0, -2.0, -4 * self.tilt * f, -level])
            reach = max(reach, roots[np.abs(roots.imag) < 1e-9].real.max())
        return np.linspace(-reach, reach, _check.count("points", points, least=3))


def erasure_protocol(duration: float) -> ControlProtocol:
    """Erase to the right in four equal linear stages: t -> (g, f) for a `DoubleWell`.

    Lower the barrier (g 1 -> 0), tilt (f 0 -> 1), raise the barrier (g 0 -> 1), untilt (f 1 -> 0): a cycle.

    duration: of the whole, positive. The protocol raises ValueError for a time outside [0, duration].

    Source: Jun, Gavrilov and Bechhoefer 2014 (jun2014).
    """
    duration = _check.positive("duration", duration)

    def protocol(t: float) -> tuple[float, float]:
        if not -1e-9 <= t / duration <= 1 + 1e-9:
            raise ValueError(f"t must lie in [0, duration = {duration}], got {t}")
        s = min(max(4 * t / duration, 0.0), 4.0)
        if s < 1:
            return 1 - s, 0.0
        if s < 2:
            return 0.0, s - 1
        if s < 3:
            return s - 2, 1.0
        return 1.0, 4 - s

    return protocol


@dataclass(frozen=True, eq=False)
class ErasureRun(Run):
    """A `Run` of an erasure; success: (n,) bool, whether the trajectory ended in the target well x > 0."""

    success: np.ndarray


def erase(
    duration: float,
    n: int,
    rng,
    *,
    barrier: float = 13.0,
    tilt: float = 0.5,
    kT: float = 1.0,
    mobility: float = 1.0,
    dt: float | None = None,
    p: float = 0.5,
    scheme: str = "heun",
    record=None,
    progress: bool = False,
    threads: int | None = None,
) -> ErasureRun:
    """Erase n bits, each a trajectory in a `DoubleWell` under the `erasure_protocol`.

    Starts in equilibrium inside each well, with probability p in the left one, which is not the target; p = 1/2 is
    equilibrium and an unknown bit.

    duration: of the protocol. n: trajectories. rng: numpy Generator, SeedSequence or integer seed. barrier, kT:
    reduced energy unit, positive. dt: by default 0.15 / (mobility * largest stiffness met), at most a 400th of the
    duration: mean work good to about 0.2 %. The other arguments are those of `langevin.simulate`.

    Source: Jun, Gavrilov and Bechhoefer 2014 (jun2014).
    """
    duration = _check.positive("duration", duration)
    n = _check.count("n", n)
    kT = _check.positive("kT", kT)
    p = _check.probability("p", p)
    mobility = _check.positive("mobility", mobility)
    rng = _check.generator(rng)
    well = DoubleWell(barrier, tilt)
    if dt is None:
        # Shallow wells are stiffest not at a minimum but where their trajectories start on the outer wall, 4 kT up.
        stiffest = max(well.stiffness(), 8 * barrier + 24 * math.sqrt(barrier * kT))
        dt = min(0.15 / (mobility * stiffest), duration / 400)
    x0 = np.abs(sample_equilibrium(well, (1.0, 0.0), n, kT=kT, rng=rng, grid=well.grid(kT)))
    x0[rng.random(n) < p] *= -1
    run = simulate(well, erasure_protocol(duration), x0, duration=duration, dt=dt, kT=kT, mobility=mobility, rng=rng,
                   scheme=scheme, record=record, progress=progress, threads=threads)
    return ErasureRun(**vars(run), success=run.x > 0)


def erase_exactly(
    duration: float,
    *,
    barrier: float = 13.0,
    tilt: float = 0.5,
    kT: float = 1.0,
    mobility: float = 1.0,
    points: int = 1600,
    steps: int = 1600,
    record=None,
) -> FokkerPlanck:
    """The density, mean work and mean heat of `erase` without sampling, from equilibrium, by `langevin.fokker_planck`.

    At the default resolution the mean work at barrier = 13 kT is good to 3e-4 kT. points: of the grid. steps: of time, a
    multiple of 4 lets the corners of the protocol fall on them.
    """
    well = DoubleWell(barrier, tilt)
    return fokker_planck(well, erasure_protocol(duration), well.grid(kT, points), duration=duration, steps=steps, kT=kT,
                         mobility=mobility, record=record)


def binary_entropy(p: float) -> float:
    """Entropy of one bit in nats: H(p) = -p ln p - (1-p) ln(1-p)."""
    p = _check.probability("p", p)
    return float(entr(p) + entr(1 - p))


def _distribution(name: str, p) -> np.ndarray:
    p = _check.array(name, p)
    if (p < 0).any() or abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"{name} must hold probabilities that sum to 1, "
                         f"got a least one of {p.min()} and a sum of {p.sum()}")
    return p


def entropy(p: np.ndarray) -> float:
    """Entropy in nats of a distribution over any number of states: -sum p ln p."""
    return float(entr(_distribution("p", p)).sum())


def erasure_bound(p: float = 0.5, error: float = 0.0, kT: float = 1.0) -> float:
    """Least mean heat of setting a bit that was wrong with probability p, so that it is wrong with probability error.

        Q >= kT [H(p) - H(error)]

    Only a protocol designed for this p reaches it: see `mismatch_cost`. Negative if the bit
    ends up less certain than before: then heat can be drawn from the bath.

    Source: Landauer 1961 (landauer1961).
    """
    error = _check.probability("error", error)
    return _check.nonnegative("kT", kT) * (binary_entropy(p) - binary_entropy(error))


def mismatch_cost(p: float, designed_for: float = 0.5, kT: float = 1.0) -> float:
    """Heat above `erasure_bound(p)` of a slow protocol that is reversible for another bias.

        kT D(p || q) = kT [p ln(p/q) + (1-p) ln((1-p)/(1-q))]

    For q = 1/2 it is kT [ln 2 - H(p)]: a symmetric protocol pays kT ln 2 whatever the bit holds.

    Source: Kolchinsky and Wolpert 2017 (kolchinsky2017).
    """
    p, q = _check.probability("p", p), _check.probability("designed_for", designed_for)
    return _check.nonnegative("kT", kT) * float(rel_entr(p, q) + rel_entr(1 - p, 1 - q))


def analog_reset_bound(range: float, resolution: float, kT: float = 1.0) -> float:
    """Least mean heat kT ln(range / resolution) of resetting a uniform reading to one cell of its resolution.

    range, resolution: positive, in the same unit, resolution not above range.
    """
    range, resolution = _check.positive("range", range), _check.positive("resolution", resolution)
    if resolution > range:
        raise ValueError(f"resolution must not exceed range = {range}, got {resolution}")
    return _check.nonnegative("kT", kT) * math.log(range / resolution)


def gaussian_reset_bound(sigma_before: float, sigma_after: float, kT: float = 1.0) -> float:
    """Least mean heat kT ln(sigma_before / sigma_after) of narrowing a Gaussian; negative if it widens."""
    ratio = _check.positive("sigma_before", sigma_before) / _check.positive("sigma_after", sigma_after)
    return _check.nonnegative("kT", kT) * math.log(ratio)


_LEAST_MASS = 1e-30  # a cell with less of the probability moves no distance and overflows the slope


def _quantile_pieces(name: str, distribution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantile function as linear pieces: where they end on [0, 1], their first values and their last values."""
    if not isinstance(distribution, tuple):
        values = np.sort(_check.array(name, distribution, ndim=1))
        return np.arange(1, len(values) + 1) / len(values), values, values
    if len(distribution) != 2:
        raise ValueError(f"{name} must be a sample or a pair (grid, density), got a tuple of {len(distribution)}")
    grid, density = (_check.array(name, part, ndim=1) for part in distribution)
    if grid.shape != density.shape or len(grid) < 2 or (np.diff(grid) <= 0).any():
        raise ValueError(f"{name} must be a pair (grid, density) of one length, the grid increasing, "
                         f"got shapes {grid.shape} and {density.shape}")
    if (density < 0).any() or not density.any():
        raise ValueError(f"{name} must have a density that is not negative and not all zero, "
                         f"got a least value of {density.min()}")
    middles = 0.5 * (grid[1:] + grid[:-1])
    edges = np.concatenate([[2 * grid[0] - middles[0]], middles, [2 * grid[-1] - middles[-1]]])
    mass = density * np.diff(edges)
    ends = np.cumsum(mass)
    ends /= ends[-1]
    held = np.diff(ends, prepend=0.0) > _LEAST_MASS
    ends = ends[held]
    ends[-1] = 1.0
    return ends, edges[:-1][held], edges[1:][held]


def wasserstein2_squared(a, b) -> float:
    """Squared Wasserstein-2 distance of two distributions on a line: integral_0^1 [Qa(u) - Qb(u)]^2 du.

    Exact for what is passed in: the quantile functions Q are piecewise linear and so is their difference.

    a, b: each a sample (n,) of equal weights, of any size, or a tuple (grid, density) of two (N,) arrays, read as a
    density constant on the cell around each grid point (and normalized).

    Source: Villani 2003, section 2.2 (the monotone map is optimal in one dimension).
    """
    pieces = [_quantile_pieces("a", a), _quantile_pieces("b", b)]
    ends = np.union1d(pieces[0][0], pieces[1][0])
    starts = np.concatenate([[0.0], ends[:-1]])
    first, last = [], []
    for piece_ends, low, high in pieces:
        k = np.searchsorted(piece_ends, 0.5 * (starts + ends))
        piece_starts = np.concatenate([[0.0], piece_ends[:-1]])
        slope = (high - low)[k] / (piece_ends - piece_starts)[k]
        first.append(low[k] + slope * (starts - piece_starts[k]))
        last.append(low[k] + slope * (ends - piece_starts[k]))
    d0, d1 = first[0] - first[1], last[0] - last[1]
    return float(np.sum((ends - starts) * (d0 * d0 + d0 * d1 + d1 * d1) / 3))


def finite_time_bound(
    duration: float,
    distance_squared: float,
    *,
    entropy_drop: float = math.log(2),
    kT: float = 1.0,
    mobility: float = 1.0,
) -> float:
    """Least mean work of taking one density to another in a finite time, starting and ending with the same mean energy.

        W >= kT entropy_drop + distance_squared / (mobility duration)

    Overdamped, with any potential allowed on the way; for an erasure both ends sit in the wells of one double well.

    duration: positive. distance_squared: squared Wasserstein-2 distance of the two densities. entropy_drop: entropy
    before minus after, in nats; ln 2 for one bit. kT: not negative. mobility: positive.

    Sources: Aurell et al. 2012 (aurell2012); Proesmans, Ehrich and Bechhoefer 2020 (proesmans2020prl).
    """
    reversible = _check.nonnegative("kT", kT) * _check.finite("entropy_drop", entropy_drop)
    distance_squared = _check.nonnegative("distance_squared", distance_squared)
    return reversible + distance_squared / (_check.positive("mobility", mobility) * _check.positive("duration", duration))


def erasure_distance_squared(barrier: float = 13.0, kT: float = 1.0) -> float:
    """Squared Wasserstein-2 distance from the equilibrium of a `DoubleWell` to the same folded into its right half.

    In units of the well position squared; rises slowly to 2 as barrier / kT grows. Feed it to `finite_time_bound`.
    """
    well = DoubleWell(barrier, tilt=0.0)
    grid = well.grid(kT, points=4000)  # even: no cell straddles the barrier
    density = equilibrium_density(well, (1.0, 0.0), grid, kT)
    return wasserstein2_squared((grid, density), (grid, np.where(grid > 0, density, 0.0)))


@dataclass(frozen=True)
class SzilardCycle:
    """Mean energies of one cycle of a `szilard` engine, in the unit of kT, and informations in nats.

    information: I(side; outcome). memory_entropy: H(outcome). work: kT I, the most that can be extracted.
    erasure_cost: kT H(outcome), the least for clearing the memory afterward. net: work - erasure_cost, never positive.
    left_given_left, left_given_right: probability that the particle is left of the partition when the outcome is left,
    or right: the fraction of the volume to which the left side is to be expanded.
    """

    information: float
    memory_entropy: float
    work: float
    erasure_cost: float
    net: float
    left_given_left: float
    left_given_right: float


def szilard(partition: float = 0.5, error: float = 0.0, kT: float = 1.0) -> SzilardCycle:
    """A one-particle engine: insert a partition, measure the side, expand, clear the memory.

    The particle is left with the probability of the left volume, phi, and the outcome is wrong with probability error:

        P(outcome left) = phi (1 - error) + (1 - phi) error,    I = H(outcome) - H(error)

    partition: phi, the left fraction of the volume. error: of the measurement. Both in [0, 1].

    Sources: Szilard 1929 (szilard1929); Bennett 1982 (bennett1982); Sagawa and Ueda 2010.
    """
    phi, error = _check.probability("partition", partition), _check.probability("error", error)
    kT = _check.nonnegative("kT", kT)
    says_left = phi * (1 - error) + (1 - phi) * error
    memory_entropy = binary_entropy(says_left)
    information = max(0.0, memory_entropy - binary_entropy(error))
    return SzilardCycle(
        information=information,
        memory_entropy=memory_entropy,
        work=kT * information,
        erasure_cost=kT * memory_entropy,
        net=kT * (information - memory_entropy),
        left_given_left=phi * (1 - error) / says_left if says_left > 0 else phi,
        left_given_right=phi * error / (1 - says_left) if says_left < 1 else phi,
    )


def gate_erasure(outputs: Sequence[Hashable], input_probabilities=None) -> float:
    """Information that a logic gate loses, H(inputs) - H(outputs) in nats: its Landauer cost in kT.

    outputs: one hashable output for each input of the truth table, [1, 1, 1, 0] for NAND or a list of tuples for a gate
    of several outputs. input_probabilities: one for each input, summing to 1; uniform by default.

    Source: Landauer 1961 (landauer1961).
    """
    if len(outputs) == 0:
        raise ValueError("outputs must list at least one output, got none")
    if input_probabilities is None:
        input_probabilities = np.full(len(outputs), 1 / len(outputs))
    before = _distribution("input_probabilities", input_probabilities)
    if before.shape != (len(outputs),):
        raise ValueError(f"input_probabilities must match the {len(outputs)} outputs, got shape {before.shape}")
    after: dict[Hashable, float] = defaultdict(float)
    for output, probability in zip(outputs, before):
        after[output] += float(probability)
    return entropy(before) - entropy(list(after.values()))
