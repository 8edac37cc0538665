"""Units with two levels: Glauber dynamics with the ledger of `langevin`, and equilibrium by enumeration.

    unit i is redrawn at a constant rate, and then flips with probability 1 / (1 + exp(dU_i / kT))

where dU_i is the energy of its flip (Glauber 1963). Work and heat are what they are in `langevin`: the change of energy
when the control moves, and minus the change when a unit does. A Boltzmann machine is such a system, and so is a network
of logistic or tanh units in Fenchel-Young form (`hamiltonian`).
Every function raises ValueError, with the rule and the value, for an argument outside the range it states.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.integrate import quad
from scipy.special import expit, logsumexp, softmax

from thermolib import _check
from thermolib.langevin import Control, ControlProtocol, Run, _record_steps

_MOST_ENUMERATED = 20  # units, about a million states


class UnitSystem(Protocol):
    """What `simulate_glauber` moves: an energy of units that have two levels each.

    shape: (d,). levels: the two values of a unit, (2,), or of each unit, (d, 2). energy: states (n, d) to (n,). A
    system may also have flip_energy(s, i, control), (n,), the energy of flipping unit i, where that is quicker to find.
    """

    shape: tuple[int]
    levels: tuple[float, float] | np.ndarray

    def energy(self, s: np.ndarray, control: Control) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class BoltzmannMachine:
    """Units coupled in pairs: U = -sum_{i<j} J_ij s_i s_j - sum_i (b_i + h_i) s_i, the control being the field h, (d,).

    With input weights V, the control is an input x0, (n_in,), and the field h = V x0.

    couplings: J, (d, d), symmetric with zeros on the diagonal. biases: b, (d,), 0 by default. input_weights: V,
    (d, n_in). levels: of every unit.

    Source: Ackley, Hinton and Sejnowski 1985.
    """

    couplings: np.ndarray
    biases: np.ndarray | None = None
    input_weights: np.ndarray | None = None
    levels: tuple[float, float] = (-1.0, 1.0)

    def __post_init__(self):
        couplings = _check.array("couplings", self.couplings, ndim=2)
        d = len(couplings)
        if couplings.shape != (d, d) or (couplings != couplings.T).any() or couplings.diagonal().any():
            raise ValueError(f"couplings must be symmetric with zeros on the diagonal, got {self.couplings}")
        biases = np.zeros(d) if self.biases is None else _check.array("biases", self.biases, ndim=1)
        if biases.shape != (d,):
            raise ValueError(f"biases must have one entry for each of {d} units, got shape {biases.shape}")
        inputs = np.eye(d) if self.input_weights is None else _check.array("input_weights", self.input_weights, ndim=2)
        if len(inputs) != d:
            raise ValueError(f"input_weights must have one row for each of {d} units, got shape {inputs.shape}")
        for name, value in (("couplings", couplings), ("biases", biases), ("input_weights", inputs)):
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int]:
        return self.biases.shape

    def energy(self, s: np.ndarray, control: np.ndarray) -> np.ndarray:
        field = self.biases + self.input_weights @ control
        return -np.einsum("...i,...i->...", s, 0.5 * s @ self.couplings + field)

    def flip_energy(self, s: np.ndarray, i: int, control: np.ndarray) -> np.ndarray:
        """U(s with unit i flipped) - U(s), (n,)."""
        flip = self.levels[0] + self.levels[1] - 2 * s[..., i]
        return -flip * (s @ self.couplings[i] + self.biases[i] + self.input_weights[i] @ control)


def _levels(system: UnitSystem) -> np.ndarray:
    return np.broadcast_to(np.asarray(system.levels, dtype=float), (*system.shape, 2))


def _flip_energy(system, s, i, control, both):
    if hasattr(system, "flip_energy"):
        return system.flip_energy(s, i, control)
    flipped = s.copy()
    flipped[:, i] = both[i] - s[:, i]
    return system.energy(flipped, control) - system.energy(s, control)


def simulate_glauber(
    system: UnitSystem,
    protocol: ControlProtocol,
    s0: np.ndarray,
    *,
    duration: float,
    dt: float,
    kT: float = 1.0,
    rate: float = 1.0,
    rng,
    record=None,
) -> Run:
    """Trajectories of units under a moving control, with the work and the heat of each.

    As in `langevin.simulate`, a step is half a move of the control, a move of the units, half a move of the control. The
    units move one after the other, up the list for half of dt and down the list for the other half; each flips with
    probability (1 - exp(-rate dt / 2)) / (1 + exp(dU / kT)). So every step obeys detailed balance, however long it is,
    and a single unit is exact but for the motion of the control.

    system: a `UnitSystem`. protocol: time -> control, on [0, duration]. s0: starting states, (n, d), at the levels.
    duration, dt: positive; the step is shortened so that a whole number of them fills the duration. kT: not negative;
    at 0 only flips that do not raise the energy happen. rate: at which each unit is redrawn, positive.
    rng: numpy Generator, SeedSequence or integer seed. record: times at which to keep state, work and heat.
    """
    duration, dt = _check.positive("duration", duration), _check.positive("dt", dt)
    kT, rate = _check.nonnegative("kT", kT), _check.positive("rate", rate)
    _check.function("protocol", protocol)
    rng = _check.generator(rng)
    s = _check.array("s0", s0).copy()
    levels = _levels(system)
    if s.ndim != 2 or s.shape[1:] != tuple(system.shape):
        raise ValueError(f"s0 must have shape (n,) + {tuple(system.shape)}, one state per trajectory, got {s.shape}")
    if (off := (s != levels[:, 0]) & (s != levels[:, 1])).any():
        raise ValueError(f"s0 must hold levels of the units, got {s[off][0]}")
    steps = math.ceil(duration / dt * (1 - 1e-12))
    dt = duration / steps
    rows = _record_steps(record, duration, steps)
    recorded_s, recorded_work, recorded_heat = np.empty((len(rows), *s.shape)), *np.empty((2, len(rows), len(s)))
    redrawn = -math.expm1(-0.5 * rate * dt)
    both = levels.sum(axis=1)
    order = [*range(len(both)), *reversed(range(len(both)))]

    work, heat = np.zeros(len(s)), np.zeros(len(s))
    first = energy = system.energy(s, protocol(0.0))
    for step in range(steps + 1):
        if step:
            control = protocol(duration * ((step - 0.5) / steps))
            moved = system.energy(s, control)
            work += moved - energy
            for i in order:
                chosen = np.flatnonzero(rng.random(len(s)) < redrawn)
                rise = _flip_energy(system, s[chosen], i, control, both)
                likely = expit(-rise / kT) if kT > 0 else 0.5 * (1 - np.sign(rise))
                flipped = chosen[rng.random(len(chosen)) < likely]
                s[flipped, i] = both[i] - s[flipped, i]
            energy = system.energy(s, control)
            heat -= energy - moved
        if step in rows or step == steps:
            last = system.energy(s, protocol(duration * (step / steps)))
            recorded_s[rows == step], recorded_heat[rows == step] = s, heat
            recorded_work[rows == step] = work + (last - energy)
    return Run(s, work + (last - energy), heat, last - first, dt, steps, rows * dt, recorded_s, recorded_work, recorded_heat)


def states(system: UnitSystem) -> np.ndarray:
    """All states of the units, (2^d, d), for up to 20 of them."""
    levels = _levels(system)
    if len(levels) > _MOST_ENUMERATED:
        raise ValueError(f"system must have at most {_MOST_ENUMERATED} units to be enumerated, got {len(levels)}")
    high = np.arange(2 ** len(levels))[:, None] >> np.arange(len(levels)) & 1
    return np.where(high, levels[:, 1], levels[:, 0])


def probabilities(system: UnitSystem, control: Control, kT: float = 1.0) -> np.ndarray:
    """Boltzmann probability of each of the `states`, (2^d,)."""
    return softmax(-system.energy(states(system), control) / _check.positive("kT", kT))


def free_energy(system: UnitSystem, control: Control, kT: float = 1.0) -> float:
    """-kT ln sum_s exp(-U(s) / kT), over all states."""
    kT = _check.positive("kT", kT)
    return float(-kT * logsumexp(-system.energy(states(system), control) / kT))


def sample_equilibrium(system: UnitSystem, control: Control, n: int, *, kT: float = 1.0, rng) -> np.ndarray:
    """n independent draws, (n, d), from the Boltzmann distribution, by enumeration."""
    n, rng = _check.count("n", n), _check.generator(rng)
    return states(system)[rng.choice(2 ** len(_levels(system)), n, p=probabilities(system, control, kT))]


def minima(system: UnitSystem, control: Control) -> np.ndarray:
    """The states, (m, d), whose energy no flip of a single unit lowers: where the dynamics at kT = 0 can get stuck."""
    every = states(system)
    energy = system.energy(every, control)
    neighbors = np.arange(len(every))[:, None] ^ (1 << np.arange(every.shape[1]))
    return every[(energy[neighbors] >= energy[:, None]).all(axis=1)]


def drag_coefficient(
    machine: BoltzmannMachine, start: np.ndarray, end: np.ndarray, kT: float = 1.0, rate: float = 1.0
) -> float:
    """The number K such that moving the control of a machine slowly from start to end in the time tau dissipates K / tau.

        K = integral_0^1 zeta dlambda,    zeta = (1 / kT) integral_0^inf <dX(0) dX(t)> dt,    X = dU/dlambda

    by enumeration of the states, with the rates of Glauber dynamics; the integral over time is the solution of a linear
    equation. start, end: (controls,). rate: of redrawing a unit. Meant for up to ten units. Energy times time.

    Source: Sivak and Crooks 2012 (sivak2012).
    """
    start, end = _check.array("start", start, ndim=1), _check.array("end", end, ndim=1)
    kT, rate = _check.positive("kT", kT), _check.positive("rate", rate)
    s = states(machine)
    every = np.arange(len(s))
    neighbors = every[:, None] ^ (1 << np.arange(s.shape[1]))
    push = machine.energy(s, end) - machine.energy(s, start)  # X, as the energy is linear in the control

    def friction(place):
        control = start + place * (end - start)
        energy, p = machine.energy(s, control), probabilities(machine, control, kT)
        X = push - p @ push
        flips = np.zeros((len(s), len(s)))
        flips[every[:, None], neighbors] = rate * expit(-(energy[neighbors] - energy[:, None]) / kT)
        decay = np.diag(flips.sum(axis=1)) - flips
        return (p * X) @ np.linalg.solve(decay + p, X) / kT  # + p makes it regular, and changes nothing as p @ X = 0

    return quad(friction, 0.0, 1.0, epsrel=1e-3, limit=200)[0]
