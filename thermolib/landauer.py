"""Erasing a bit: a double well, the protocol that empties one side, and what the laws ask for it."""

import math
from dataclasses import dataclass

import numpy as np

from thermolib import _check
from thermolib.langevin import ControlProtocol, Run, sample_equilibrium, simulate


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
        u = x * x
        u -= 2 * g
        u *= x
        u -= 4 * self.tilt * f
        u *= x
        u *= self.barrier
        return u

    def force(self, x: np.ndarray, control: tuple[float, float]) -> np.ndarray:
        g, f = control
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
        """Points centred on 0 that reach 40 kT above the minimum on both sides, for any control in [0, 1] x [0, 1]."""
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
    reduced energy unit, positive. dt: by default 0.1 / (mobility * stiffness of the tilted well), at most a 400th of
    the duration. The other arguments are those of `langevin.simulate`.

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
        dt = min(0.1 / (mobility * well.stiffness()), duration / 400)
    x0 = np.abs(sample_equilibrium(well, (1.0, 0.0), n, kT=kT, rng=rng, grid=well.grid(kT)))
    x0[rng.random(n) < p] *= -1
    run = simulate(well, erasure_protocol(duration), x0, duration=duration, dt=dt, kT=kT, mobility=mobility, rng=rng,
                   scheme=scheme, record=record, progress=progress, threads=threads)
    return ErasureRun(**vars(run), success=run.x > 0)
