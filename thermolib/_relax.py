"""Relaxation of a network: Newton's method on its energy, for many examples at once.

What is solved for a step is the network of springs that remains where the slopes f' are taken as fixed. Under any load its
state is one sweep back, in which loads add up toward the input, and one sweep forward, in which the layers give way; a
clamped output adds a linear equation of its size. Where a network rests without stress, that is Newton's step. Where it
does not, the change of the slopes counts too: then the springs are the preconditioner of conjugate gradients, with
differences of the force in place of second derivatives.
"""

import numpy as np

_MOST_INNER = 30  # conjugate gradient steps in one Newton step
_SHORTEST = 1e-9  # fraction of a Newton step at which the line search gives up


class RelaxationError(RuntimeError):
    """A relaxation that did not reach its tolerance. state: where it stopped, (m, d); residual: what is left, (m,)."""

    def __init__(self, message: str, state: np.ndarray, residual: np.ndarray):
        super().__init__(message)
        self.state, self.residual = state, residual


def _dot(a, b):
    return np.einsum("ij,ij->i", a, b)


def _chosen(control, which):
    return tuple(part[which] for part in control) if isinstance(control, tuple) else control[which]


class _Springs:
    """The linear response of the network at one state of each of m examples."""

    def __init__(self, network, z, x, control, force):
        self.split = network.split
        layers = list(network.layers(x, control))
        self.free = layers[: len(self.split(x))]
        self.responses = [
            layer.form.response(z_, layer.h, force_)
            for layer, z_, force_ in zip(self.free, self.split(z), self.split(force))
        ]
        #: where units are held at a wall, or pushed into it, the way there; zero for all others
        self.to_wall = np.concatenate([r.to_wall(layer.x) for layer, r in zip(self.free, self.responses)], axis=-1)
        clamped = len(layers) > len(self.free)
        self.exact = not clamped and not any(layer.form.strained for layer in layers)
        if clamped:
            self._hold(layers[-1])
        else:
            self.clamp = None

    def _hold(self, output):
        """Woodbury's identity: the loads that a unit force on each input sum of the output amounts to, and their size."""
        seeds = np.eye(output.x.shape[-1])[:, None]
        loads = [np.zeros((len(seeds), 1, layer.x.shape[-1])) for layer in self.free]
        self._pull(loads, output, seeds)
        self.loads = self._back(loads)
        self.yields = [r.move(b) / layer.form.kappa for layer, r, b in zip(self.free, self.responses, self.loads)]
        compliance = sum(np.einsum("k...i,l...i->...kl", b, y) for b, y in zip(self.loads, self.yields))
        stiffness = np.moveaxis(output.form.held_stiffness(output.h, seeds), 0, -1)
        self.clamp = np.linalg.solve(np.eye(len(seeds)) + stiffness @ compliance, stiffness)

    @staticmethod
    def _pull(loads, layer, g):
        for source, load in zip(layer.reads, layer.block.pull(layer.sources, g)):
            if source:
                loads[source - 1] = loads[source - 1] + load

    def _back(self, loads):
        for k in reversed(range(len(loads))):
            if any(self.free[k].reads):
                self._pull(loads, self.free[k], self.responses[k].slope.pull(loads[k]))
        return loads

    def under(self, load):
        """How far the coordinates and the state move, (m, d) each, under a load (m, d)."""
        loads = self._back(list(self.split(load)))
        if self.clamp is not None:
            given = sum(np.einsum("...i,k...i->...k", q, y) for q, y in zip(loads, self.yields))
            taken = np.einsum("...kl,...l->...k", self.clamp, given)
            loads = [q - np.einsum("...k,k...i->...i", taken, b) for q, b in zip(loads, self.loads)]
        dz, dx = [], []
        for layer, response, q in zip(self.free, self.responses, loads):
            dh = None
            if any(layer.reads):
                changes = [dx[r - 1] if r else np.zeros_like(layer.sources[0]) for r in layer.reads]
                dh = layer.block.push(layer.sources, changes)
            moved = response.give(q / layer.form.kappa, dh)
            dz.append(moved[0])
            dx.append(moved[1])
        return np.concatenate(dz, axis=-1), np.concatenate(dx, axis=-1)


def _newton_step(network, z, x, control, force, residual):
    """A way downhill, in the coordinates and in the state."""
    springs = _Springs(network, z, x, control, force)
    step_z, step_x = springs.under(force)
    if springs.exact:
        return step_z + springs.to_wall, step_x + springs.to_wall
    load, gain = force.copy(), _dot(force, step_x)
    goal = gain * np.minimum(0.1, residual)
    way_z, way_x = np.zeros_like(z), np.zeros_like(x)
    going = gain > 0
    for inner in range(_MOST_INNER):
        reach = (1e-6 * (1 + np.abs(z).max(axis=-1)) / np.maximum(np.abs(step_z).max(axis=-1), 1e-300))[:, None]
        resisted = (force - network.force_at(z + reach * step_z, control, x + reach * step_x)) / reach
        curvature = _dot(resisted, step_x)
        going &= curvature > 0
        if inner == 0:  # where the energy is not convex, at least it falls along the springs' step
            way_z[~going], way_x[~going] = step_z[~going], step_x[~going]
        length = np.where(going, gain / np.where(going, curvature, 1.0), 0.0)[:, None]
        way_z += length * step_z
        way_x += length * step_x
        load -= length * resisted
        new_z, new_x = springs.under(load)
        new_gain = _dot(load, new_x)
        going &= new_gain > goal
        if not going.any():
            break
        ratio = np.where(going, new_gain / np.where(going, gain, 1.0), 0.0)[:, None]
        step_z, step_x, gain = new_z + ratio * step_z, new_x + ratio * step_x, new_gain
    return way_z + springs.to_wall, way_x + springs.to_wall


def _line_search(network, z, control, energy, force, way_z, way_x):
    """Halve the step until the energy falls or, where that is below its rounding, until the slope does.

    Returns the coordinates, and which of the examples have moved.
    """
    descent = _dot(force, way_x)
    z, pending, length = z.copy(), np.arange(len(z)), 1.0
    while pending.size and length > _SHORTEST:
        trial, there = network.settled(z[pending] + length * way_z[pending]), _chosen(control, pending)
        drop = energy[pending] - network.energy(network.state_at(trial), there)
        good = drop >= 1e-4 * length * descent[pending]
        level = np.flatnonzero(~good & (np.abs(drop) <= 1e-13 * (1 + np.abs(energy[pending]))))
        if level.size:
            ahead = _dot(network.force_at(trial[level], _chosen(there, level)), way_x[pending[level]])
            good[level] = np.abs(ahead) < 0.9 * descent[pending[level]]
        z[pending[good]] = trial[good]
        pending = pending[~good]
        length /= 2
    moved = np.ones(len(z), dtype=bool)
    moved[pending] = False
    return z, moved


def relaxed(network, z: np.ndarray, control, tolerance: float, max_steps: int) -> np.ndarray:
    """The states, (m, d), reached from the coordinates z (m, d); control: x0 (m, n_in), or a pair with y (m, n_out)."""
    z = network.settled(z).copy()
    residual, todo = np.full(len(z), np.inf), np.arange(len(z))
    for step in range(max_steps + 1):
        here, now = z[todo], _chosen(control, todo)
        x, force = network.state_at(here), network.force_at(here, now)
        residual[todo] = np.abs(network.imbalance(here, x, force)).max(axis=-1)
        left = ~(residual[todo] <= tolerance)
        if step == max_steps or not left.any():
            break
        todo, here, x, force, now = todo[left], here[left], x[left], force[left], _chosen(now, left)
        ways = _newton_step(network, here, x, now, force, residual[todo])
        z[todo], moved = _line_search(network, here, now, network.energy(x, now), force, *ways)
        todo = todo[moved]
        if not todo.size:
            break
    state, stuck = network.state_at(z), ~(residual <= tolerance)
    if stuck.any():
        raise RelaxationError(
            f"relaxation stopped after {step} steps with a residual force of {residual[stuck].max():.3g} in {stuck.sum()} "
            f"of {len(z)} states, above the tolerance of {tolerance:g}", state, residual)
    return state
