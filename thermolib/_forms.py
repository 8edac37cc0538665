"""The two energies that the neurons of one block can have, kappa E(x, h), for `hamiltonian` and for its relaxation.

A form also names the coordinate z of the state in which a relaxation takes its steps: z = x where x is free to go anywhere,
and the h at which the neuron would rest at x where x has a domain to stay in.
"""

import math

import numpy as np

from thermolib.activations import Activation

_FARTHEST = 700.0  # the largest abs(z) where a domain ends at infinity: its states are at the end but for rounding
_BESIDE = 1e-9  # from a wall, where the slope on its inner side is taken


class Slope:
    """A Jacobian of the units of a block: one number for each unit, or one matrix for each row of units."""

    def __init__(self, values: np.ndarray, rows: int):
        self.values, self.rows = values, rows

    def push(self, v: np.ndarray) -> np.ndarray:
        return self._by_row("...ij,...j->...i", v) if self.rows else self.values * v

    def pull(self, g: np.ndarray) -> np.ndarray:
        return self._by_row("...ij,...i->...j", g) if self.rows else self.values * g

    def _by_row(self, subscripts, v):
        moved = np.einsum(subscripts, self.values, v.reshape(*v.shape[:-1], self.rows, -1))
        return moved.reshape(*moved.shape[:-2], -1)


class Springs:
    """Linear response of elastic neurons. slope: how far x at rest moves with h."""

    def __init__(self, slope: Slope):
        self.slope = slope

    def move(self, dz):
        """Change of x with the coordinate."""
        return dz

    def give(self, dz, dh):
        """Change of (z, x) when a load moves z by dz against the spring, and h moves by dh (None: not at all)."""
        dx = dz if dh is None else dz + self.slope.push(dh)
        return dx, dx

    def to_wall(self, x):
        return np.zeros_like(x)


class Stops(Springs):
    """Linear response of neurons that stay in a domain. way: to the wall, of a unit held there; nan for a free one."""

    def __init__(self, slope: Slope, way: np.ndarray | None = None):
        super().__init__(slope)
        self.way = way

    def move(self, dz):
        return self.slope.push(dz)

    def give(self, dz, dh):
        dz = dz if dh is None else dz + dh
        if self.way is not None:
            dz = np.where(np.isnan(self.way), dz, 0.0)
        return dz, self.move(dz)

    def to_wall(self, x):
        return np.zeros_like(x) if self.way is None else np.nan_to_num(self.way)


class _Form:
    def __init__(self, activation: Activation, rows: int, kappa: float, kT: float | None):
        self.activation, self.kappa, self.kT = activation, kappa, kT
        self.rows = rows if activation.vector else 0

    def fold(self, v: np.ndarray) -> np.ndarray:
        """Rows of units on an axis of their own, if the activation acts on rows."""
        return v.reshape(*v.shape[:-1], self.rows, -1) if self.rows else v

    def f(self, h: np.ndarray) -> np.ndarray:
        return self.activation.f(self.fold(h)).reshape(h.shape) if self.rows else self.activation.f(h)

    def slope(self, h: np.ndarray) -> Slope:
        return Slope(self.activation.derivative(self.fold(h)), self.rows)


class Elastic(_Form):
    """kappa |x - f(h)|^2 / 2, of any activation and at any temperature."""

    langevin_refusal = ""
    levels = None
    strained = False

    def rest(self, h):
        """The state in which the neurons rest when nothing else pulls on them."""
        return self.f(h)

    def energy(self, x, h):
        gap = x - self.f(h)
        return 0.5 * self.kappa * np.einsum("...i,...i->...", gap, gap)

    def stress(self, x, h):
        return self.kappa * (x - self.f(h))

    def own_force(self, z, h, stress):
        """-dE/dx."""
        return -stress

    def sum_force(self, h, stress):
        """-dE/dh."""
        return self.slope(h).pull(stress)

    def sample(self, h, kT, rng):
        return self.f(h) + math.sqrt(kT / self.kappa) * rng.standard_normal(h.shape)

    def free_energy(self, units, kT):
        return -0.5 * kT * units * math.log(2 * math.pi * kT / self.kappa)

    def coordinate(self, x):
        return x

    def state(self, z):
        return z

    def settle(self, z):
        """The nearest z that is allowed."""
        return z

    def response(self, z, h, force):
        return Springs(self.slope(h))

    def held_stiffness(self, h, dh):
        """Change of dE/dh with h, at fixed x and slope."""
        slope = self.slope(h)
        return self.kappa * slope.pull(slope.push(dh))


class FenchelYoung(_Form):
    """kappa [Phi(x) + Phi*(h) - x h], or with Phi*_T at T = kT / kappa."""

    def __init__(self, activation, rows, kappa, kT):
        super().__init__(activation, rows, kappa, kT)
        if activation.without_potential:
            raise ValueError(f"form must be 'elastic' for {activation.name} units, got 'fenchel-young': "
                             f"{activation.without_potential}")
        self.temperature = None if kT is None else kT / kappa
        self.levels = activation.levels
        #: h is measured in this: the potential of discrete states, an entropy, is worth its temperature
        self.scale = self.temperature if activation.entropic and kT is not None else 1.0
        #: whether the mean of x at a temperature is not where x rests, so that there is a stress at rest
        self.strained = kT is not None and not activation.entropic
        self.limits, self.has_wall = self._limits()
        self.langevin_refusal = ""
        if activation.entropic:
            self.langevin_refusal = f"{activation.name} units in Fenchel-Young form have discrete states (see glauber)"
        elif np.isfinite(activation.domain).any():
            self.langevin_refusal = f"{activation.name} units in Fenchel-Young form have a wall, which no step would see"

    def _limits(self):
        """The least and the largest z; and whether one of them is a wall, an end of the domain met at a finite h."""
        far = np.array([-_FARTHEST, _FARTHEST]) * self.scale
        if self.activation.entropic:
            return far, False
        domain = np.array(self.activation.domain)
        with np.errstate(all="ignore"):
            ends = np.array([float(self.activation.inverse(edge)) for edge in domain])
        wall = np.isfinite(domain) & np.isfinite(ends)
        return np.where(wall, ends, np.where(np.isfinite(domain), far, domain)), wall.any()

    def rest(self, h):
        return self.f(h / self.scale)

    def energy(self, x, h):
        return self.kappa * self.activation.fenchel_young(self.fold(x), self.fold(h), self.temperature).sum(axis=-1)

    def stress(self, x, h):
        mean = self.activation.thermal(h, self.temperature) if self.strained else self.rest(h)
        return self.kappa * (x - mean)

    def own_force(self, z, h, stress):
        return self.kappa * (h - z)

    def sum_force(self, h, stress):
        return stress

    def sample(self, h, kT, rng):
        self._same_temperature(kT)
        return self.activation.sample(self.fold(h), self.temperature, rng).reshape(h.shape)

    def free_energy(self, units, kT):
        self._same_temperature(kT)
        return 0.0

    def _same_temperature(self, kT):
        if self.kT is None or not math.isclose(kT, self.kT):
            raise ValueError(f"kT must be that of the network in Fenchel-Young form, {self.kT}, where alone it is "
                             f"normalized, got {kT}")

    def coordinate(self, x):
        return self.scale * self.activation.inverse(x)

    def state(self, z):
        return self.rest(z)

    def settle(self, z):
        return np.clip(z, *self.limits)

    def response(self, z, h, force):
        if not self.has_wall:
            return Stops(Slope(self.slope(z / self.scale).values / self.scale, self.rows))
        low, high = self.limits
        balance = z + force / self.kappa
        way = np.where(balance <= low, low - z, np.where(balance >= high, high - z, math.nan))
        inside = self.activation.derivative(np.clip(z, low + _BESIDE, high - _BESIDE))
        return Stops(Slope(np.where(np.isnan(way), inside, 0.0), 0), way)

    def held_stiffness(self, h, dh):
        return self.kappa / self.scale * self.slope(h / self.scale).push(dh)


FORMS = {"elastic": Elastic, "fenchel-young": FenchelYoung}
