"""Neurons that follow: drag against closed forms and simulation, brackets against exact solutions, hysteresis."""

import math

import numpy as np
import pytest
from scipy import sparse
from scipy.integrate import quad, solve_ivp
from scipy.optimize import check_grad
from scipy.sparse.linalg import spsolve
from zscores import SEEDS, assert_consistent, mean_and_error

from thermolib import blocks, digits, landauer, substrates
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import HarmonicTrap, StiffnessTrap, fokker_planck, jarzynski_free_energy, simulate
from thermolib.substrates import quasistatic

KT, MOBILITY = 0.6, 0.5
FRICTION = 1 / MOBILITY


def random_network(activation="tanh", gain=1.0, widths=(4, 6, 5, 3), stiffness=(2.0, 3.0, 1.5), seed=5):
    rng = np.random.default_rng(seed)
    weights = [gain * rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])]
    return NetworkHamiltonian(weights, [0.3 * rng.standard_normal(m) for m in widths[1:]], activation, stiffness)


START, END = np.array([-1.0, 0.5, 1.0, -0.5]), np.array([1.0, -1.0, 0.3, 0.8])
UNEVEN = np.linspace(0.5, 4.0, 14)  # a friction for each unit of the network above


def line(position):
    return START + position * (END - START)


# --- the drag coefficient ---


def test_linear_network_drags_its_products_of_weights():
    net = random_network("identity")
    expected, product = [], np.eye(4)
    for w in net.weights:
        product = w @ product
        expected.append(product @ (END - START))
    per_unit = UNEVEN * np.concatenate(expected) ** 2
    for steps in (1, 7):
        assert substrates.drag_per_unit(net, [START, END], UNEVEN, steps) == pytest.approx(per_unit)
    assert substrates.drag_coefficient(net, line, UNEVEN) == pytest.approx(per_unit.sum())
    assert substrates.drag_coefficient(net, line, FRICTION) == pytest.approx(FRICTION * (per_unit / UNEVEN).sum())


def test_one_neuron_has_the_integral_in_closed_form_and_converges_to_second_order():
    gain, reach = 1.7, 2.0
    neuron = NetworkHamiltonian([[[gain]]], [[0.0]], "tanh", 3.0)
    top = math.tanh(gain * reach)
    exact = FRICTION * 4 * reach * gain * (top - top**3 / 3)
    steps = np.array([50, 100, 200, 400])
    errors = [exact - substrates.drag_coefficient(neuron, [[-reach], [reach]], FRICTION, int(n)) for n in steps]
    assert min(errors) > 0, "chords are shorter than the curve"
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(-2, abs=0.05)
    assert substrates.drag_coefficient(neuron, [[-reach], [reach]], FRICTION) == pytest.approx(exact, rel=1e-5)


def test_a_polygon_is_swept_corner_to_corner_in_equal_times():
    net = random_network()
    corners = np.stack([START, END, 0.5 * START, END])
    pieces = [substrates.drag_coefficient(net, corners[k : k + 2], UNEVEN) for k in range(3)]
    assert substrates.drag_coefficient(net, corners, UNEVEN) == pytest.approx(3 * sum(pieces), rel=1e-5)
    assert len(substrates.speed_along(net, corners, steps=10)) == 12
    assert substrates.drag_coefficient(net, corners[::-1], UNEVEN) == pytest.approx(3 * sum(pieces), rel=1e-5)


def solved_work(net, duration, mobility, path=line):
    """Work of a sweep at kT = 0 by an implicit solver, summed as friction and what is left in the springs."""

    def motion(t, y):
        force = net.force(y[None, :-1], path(t / duration))[0]
        return np.append(mobility * force, np.sum(mobility * force**2))

    rest = np.append(net.forward(path(0.0)), 0.0)
    end = solve_ivp(motion, (0, duration), rest, method="LSODA", rtol=1e-8, atol=1e-10).y[:, -1]
    return end[-1] + net.energy(end[None, :-1], path(1.0))[0]


def test_slow_sweeps_cost_the_drag_with_a_friction_for_each_unit():
    net = random_network()
    drag = substrates.drag_coefficient(net, line, UNEVEN)
    missing = [1 - solved_work(net, tau, 1 / UNEVEN) * tau / drag for tau in (1000.0, 3000.0)]
    assert 0.001 < missing[1] < 0.01
    assert missing[0] / missing[1] == pytest.approx(3, rel=0.1), "the next order must be 1 / duration"


def test_simulated_sweeps_agree_with_the_solver_and_cost_at_most_a_sudden_change():
    net = random_network()
    for tau in (1.0, 30.0):
        run = simulate(net, lambda t: line(t / tau), net.forward(START)[None], duration=tau, dt=0.01, kT=0.0,
                       mobility=1 / UNEVEN, rng=0)
        assert run.work[0] == pytest.approx(solved_work(net, tau, 1 / UNEVEN), rel=1e-3)
        assert run.work[0] < net.energy(net.forward(START)[None], END)[0]
        moved = np.sum(UNEVEN * (run.x[0] - net.forward(START)) ** 2)
        assert run.work[0] > moved / tau, "holds at every speed"
    assert run.work[0] < substrates.thermodynamic_length(net, line, UNEVEN) ** 2 / tau, "holds for slow sweeps only"


def test_digits_network_follows_a_morph():
    data, net = digits.load(), digits.network("tanh", stiffness=2.0)
    a, b = data.images[:2]
    drag = substrates.drag_coefficient(net, [a, b], FRICTION)
    solved = [solved_work(net, tau, MOBILITY, lambda s: a + s * (b - a)) * tau / drag for tau in (10.0, 200.0)]
    run = simulate(net, lambda t: a + (b - a) * t / 10.0, net.forward(a)[None], duration=10.0, dt=0.03, kT=0.0,
                   mobility=MOBILITY, rng=0)
    assert run.work[0] * 10.0 / drag == pytest.approx(solved[0], rel=2e-3)
    assert solved[0] < 0.7 and 0.97 < solved[1] < 0.99


# --- lengths and geodesics ---


def test_length_does_not_depend_on_the_schedule_and_is_least_drag():
    net = random_network(gain=2.0)
    length = substrates.thermodynamic_length(net, line, UNEVEN, 4000)
    for schedule in (lambda s: line(s * s), lambda s: line(3 * s * s - 2 * s**3)):
        assert substrates.thermodynamic_length(net, schedule, UNEVEN, 4000) == pytest.approx(length, rel=1e-5)
        assert substrates.drag_coefficient(net, schedule, UNEVEN) > length**2
    retimed = substrates.constant_speed(net, line, UNEVEN, 4000)
    assert substrates.drag_coefficient(net, retimed, UNEVEN) == pytest.approx(length**2, rel=1e-4)
    speed = substrates.speed_along(net, retimed, UNEVEN, 200)
    assert speed.max() / speed.min() == pytest.approx(1, abs=0.01)
    assert retimed(0.0) == pytest.approx(START) and retimed(1.0) == pytest.approx(END)
    waiting = substrates.constant_speed(net, lambda s: line(max(0.0, 2 * s - 1)), UNEVEN, 4000)
    assert waiting(0.5) == pytest.approx(retimed(0.5), abs=1e-3), "the time that the path wastes is used"


def test_length_of_a_neuron_is_how_far_it_goes():
    neuron = NetworkHamiltonian([[[3.0]]], [[0.5]], "tanh", 2.0)
    distance = math.tanh(3.5) + math.tanh(2.5)
    length = substrates.thermodynamic_length(neuron, [[-1.0], [1.0]], FRICTION)
    assert length == pytest.approx(math.sqrt(FRICTION) * distance)


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_gradient_of_the_drag_by_the_chain_rule(activation):
    net = random_network(activation)
    rng = np.random.default_rng(2)
    inputs = rng.standard_normal((6, 4))

    def drag(flat):
        return quasistatic._secant_drag(net, flat.reshape(6, 4), UNEVEN)[0]

    def gradient(flat):
        return quasistatic._secant_drag(net, flat.reshape(6, 4), UNEVEN)[1].ravel()

    assert check_grad(drag, gradient, inputs.ravel(), seed=1) < 1e-4 * np.abs(gradient(inputs.ravel())).max()
    # The polygon of states that it charges is what drag_coefficient sums at one step a piece.
    assert drag(inputs.ravel()) == pytest.approx(substrates.drag_coefficient(net, inputs, UNEVEN, steps=5))


def test_a_single_layer_can_go_in_a_straight_line():
    rng = np.random.default_rng(3)
    net = NetworkHamiltonian([0.7 * rng.standard_normal((3, 4))], [rng.standard_normal(3)], "tanh", 2.0)
    friction = np.array([1.0, 2.0, 5.0])
    floor = np.sum(friction * (net.forward(END) - net.forward(START)) ** 2)
    assert substrates.drag_coefficient(net, line, friction) > 2 * floor
    excess = [substrates.drag_coefficient(net, substrates.geodesic(net, START, END, friction=friction, pieces=n), friction)
              / floor - 1 for n in (16, 32, 64)]
    assert 0 < excess[2] < 0.02, "its pieces are straight in the inputs, not in the states"
    assert excess[0] / excess[1] > 2 and excess[1] / excess[2] > 2


def test_geodesic_of_a_deep_network_lies_between_the_floor_and_the_best_schedule():
    net = random_network(gain=3.0)
    floor = np.sum(UNEVEN * (net.forward(END) - net.forward(START)) ** 2)
    drags = []
    for pieces in (16, 32, 64):
        path = substrates.geodesic(net, START, END, friction=UNEVEN, pieces=pieces)
        assert path.shape == (pieces + 1, 4)
        assert (path[0] == START).all() and (path[-1] == END).all()
        drags.append(substrates.drag_coefficient(net, path, UNEVEN))
    assert floor < drags[2] < 0.8 * substrates.thermodynamic_length(net, line, UNEVEN) ** 2
    assert drags[0] > drags[1] > drags[2] and drags[1] / drags[2] < 1.03
    # A geodesic has constant speed by itself.
    assert substrates.thermodynamic_length(net, path, UNEVEN) ** 2 == pytest.approx(drags[2], rel=0.01)


def test_bounds_are_kept_and_cost_something():
    data, net = digits.load(), digits.network("tanh")
    zero, one = data.images[:2]
    free = substrates.geodesic(net, zero, one, pieces=16)
    assert free.min() < -0.1 and free.max() > 1.1
    kept = substrates.geodesic(net, zero, one, bounds=(0.0, 1.0), pieces=16)
    assert kept.min() >= 0 and kept.max() <= 1
    floor = np.sum((net.forward(one) - net.forward(zero)) ** 2)
    drags = [substrates.drag_coefficient(net, path) for path in (free, kept, [zero, one])]
    assert floor < drags[0] < drags[1] < 0.9 * drags[2]


def test_relaxation_times_are_those_of_the_curvature():
    """At the minimum F is a sum of squares of 1 - J times the deviation, J the gains from layer to layer."""
    net = random_network(stiffness=(2.0, 0.7, 1.5))
    x0 = np.array([0.3, -0.2, 0.1, 0.9])
    first, second, _ = net.split(net.forward(x0))
    gains = np.eye(14)
    gains[6:11, :6] -= (1 - second**2)[:, None] * net.weights[1]
    gains[11:, 6:11] -= (1 - np.tanh(net.weights[2] @ second + net.biases[2]) ** 2)[:, None] * net.weights[2]
    curvature = gains.T @ np.diag(np.repeat([2.0, 0.7, 1.5], (6, 5, 3))) @ gains
    rates = np.linalg.eigvals(curvature / UNEVEN[:, None]).real
    assert substrates.relaxation_times(net, x0, UNEVEN) == pytest.approx(np.sort(1 / rates), rel=1e-6)
    neuron = NetworkHamiltonian([[[1.0]]], [[0.0]], "tanh", 3.0)
    assert substrates.relaxation_times(neuron, [0.4], FRICTION) == pytest.approx([FRICTION / 3])


# --- finite temperature ---


CHAIN = NetworkHamiltonian([[[1.0]], [[2.0]]], [[0.0], [0.0]], "tanh", (2.0, 3.0))
LOW, HIGH = np.array([-1.5]), np.array([1.5])


def chain_ends(kT, points=60):
    """Both ends of the bracket for CHAIN from LOW to HIGH, by quadrature over the noise of x_1 and over the path."""
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    weights /= weights.sum()
    s, on_path = np.polynomial.legendre.leggauss(points)
    lower, upper = 0.0, 0.0
    for x0, weight in zip(1.5 * s, 1.5 * on_path):
        slope = 1 - math.tanh(x0) ** 2
        second = 2 * slope / np.cosh(2 * (math.tanh(x0) + math.sqrt(kT / 2.0) * z)) ** 2
        lower += weight * (slope**2 + (weights @ second) ** 2)
        upper += weight * (slope**2 + weights @ second**2)
    return 3 * FRICTION * lower, 3 * FRICTION * upper  # lambda runs over 1 while the input runs over 3


def chain_friction(x0, kT, points):
    """Slow-driving friction of CHAIN at one input, per input squared, from the Poisson equation of the velocities."""
    spread = np.sqrt(kT / CHAIN.stiffness)
    g1 = math.tanh(x0) + spread[0] * np.linspace(-6, 6, points)
    g2 = np.linspace(-1 - 6 * spread[1], 1 + 6 * spread[1], points)
    states = np.stack([a.ravel() for a in np.meshgrid(g1, g2, indexing="ij")], axis=1)
    energy = CHAIN.energy(states, np.array([x0]))
    p = np.exp(-energy / kT)
    p /= p.sum()
    push = (CHAIN.energy(states, np.array([x0 + 1e-4])) - CHAIN.energy(states, np.array([x0 - 1e-4]))) / 2e-4
    push -= p @ push
    index = np.arange(points**2).reshape(points, points)
    first = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    second = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    step = np.repeat([g1[1] - g1[0], g2[1] - g2[0]], points * (points - 1))
    rate = kT * np.sqrt(p[first] * p[second]) / step**2
    flow = sparse.coo_matrix((rate, (first, second)), shape=(points**2,) * 2)
    flow = flow + flow.T
    operator = sparse.diags(np.asarray(flow.sum(axis=1)).ravel()) - flow
    root = sparse.diags(1 / np.sqrt(p))
    source = np.sqrt(p) * push
    answer = spsolve((root @ operator @ root + 1e-12 * sparse.identity(points**2)).tocsc(), source)
    return FRICTION * source @ answer / kT


@pytest.fixture(scope="module")
def exact_chain_drag():
    """By Simpson's rule over the path, extrapolated in the grid."""
    inputs = np.linspace(0, 1.5, 9)  # symmetric
    simpson = np.array([1, 4, 2, 4, 2, 4, 2, 4, 1]) * (inputs[1] - inputs[0]) / 3
    coarse, fine = (2 * 3 * simpson @ [chain_friction(x0, KT, n) for x0 in inputs] for n in (50, 100))
    return fine + (fine - coarse) / 3


def test_bracket_of_a_linear_network_is_its_drag_at_any_temperature():
    net = random_network("identity")
    drag = substrates.drag_coefficient(net, line, UNEVEN)
    bracket = substrates.drag_bracket(net, line, KT, friction=UNEVEN, samples=10, rng=1)
    assert bracket.lower.value == pytest.approx(drag) and bracket.upper.value == pytest.approx(drag)


def test_both_ends_of_the_bracket_against_quadrature():
    found = [substrates.drag_bracket(CHAIN, [LOW, HIGH], KT, friction=FRICTION, samples=400, rng=seed) for seed in SEEDS]
    for ends, exact in zip(("lower", "upper"), chain_ends(KT)):
        estimates = [getattr(b, ends) for b in found]
        values, errors = np.transpose([(e.value, e.error) for e in estimates])
        assert_consistent(values, errors, exact)
        assert 0.6 < values.std(ddof=1) / errors.mean() < 1.6, "the error must be that of the scatter over seeds"
    few = [substrates.drag_bracket(CHAIN, [LOW, HIGH], KT, friction=FRICTION, samples=4, rng=seed).lower.value
           for seed in range(1000)]
    mean, error = mean_and_error(np.array(few))
    assert abs(mean - chain_ends(KT)[0]) < 4 * error, "the lower end must not be biased by few samples"


def test_bracket_closes_on_the_drag_as_it_gets_cold():
    net = random_network()
    drag = substrates.drag_coefficient(net, line, UNEVEN)
    gaps = []
    for kT in (1e-2, 1e-4):
        b = substrates.drag_bracket(net, line, kT, friction=UNEVEN, samples=400, rng=1)
        assert b.lower.value < b.upper.value
        gaps.append(max(abs(b.lower.value / drag - 1), abs(b.upper.value / drag - 1)))
    assert gaps[1] < 2e-3 < gaps[0]


def test_the_page_of_two_neurons():
    """kT = 0.3 kappa: friction 2.47 in the bracket 2.31 to 2.73, 5 at kT = 0, all at x_in = 0 and in units of gamma."""
    chain = NetworkHamiltonian([[[1.0]], [[2.0]]], [[0.0], [0.0]], "tanh", 2.0)
    near = [[-1e-3], [1e-3]]
    bracket = substrates.drag_bracket(chain, near, 0.6, samples=40000, steps=4, rng=1)
    assert bracket.lower.value / 4e-6 == pytest.approx(2.311, abs=0.02)
    assert bracket.upper.value / 4e-6 == pytest.approx(2.730, abs=0.02)
    assert substrates.drag_coefficient(chain, near) / 4e-6 == pytest.approx(5, rel=1e-4)


def test_exact_friction_lies_inside_the_bracket_and_is_what_slow_sweeps_cost(exact_chain_drag):
    lower, upper = chain_ends(KT)
    assert 1.03 * lower < exact_chain_drag < upper / 1.03
    tau, scaled = 60.0, []
    for seed in SEEDS:
        start = CHAIN.sample(LOW, 200, KT, seed)
        run = simulate(CHAIN, lambda t: LOW + (HIGH - LOW) * t / tau, start, duration=tau, dt=0.045, kT=KT,
                       mobility=MOBILITY, rng=1000 + seed)
        scaled.append(run.work * tau)
        free_energy = jarzynski_free_energy(run.work, KT)
        assert abs(free_energy.value) < 4 * free_energy.error
    assert_consistent(*np.transpose([mean_and_error(w) for w in scaled]), exact_chain_drag)


def test_scalar_drag_of_traps_in_closed_form():
    grid = np.linspace(-6, 8, 1501)
    moved = substrates.scalar_drag(HarmonicTrap(3.0), lambda s: 1.5 * s, grid, KT, FRICTION)
    assert moved == pytest.approx(FRICTION * 1.5**2, rel=1e-4)
    # A Gaussian of width sigma(s) about c(s) costs gamma (c'^2 + sigma'^2).
    squeezed = substrates.scalar_drag(StiffnessTrap(), lambda s: (1.5 * s, KT / (1.2 - 0.7 * s) ** 2), grid, KT, FRICTION)
    assert squeezed == pytest.approx(FRICTION * (1.5**2 + 0.7**2), rel=1e-3)


def test_scalar_drag_is_the_slow_limit_of_fokker_planck():
    neuron, tau = substrates.BistableNeuron(1.0), 1e5
    grid, kT = np.linspace(-2.8, 2.8, 400), 0.0833
    drag = 4 * substrates.scalar_drag(neuron, lambda s: -2 + 4 * s, grid, kT, FRICTION)
    slow = fokker_planck(neuron, substrates.loop_protocol(tau), grid, duration=tau, steps=3000, kT=kT, mobility=MOBILITY)
    assert slow.work[-1] * tau / drag == pytest.approx(1, abs=0.01)
    # A bistable unit drags far more than where it goes and comes back would say: it waits for the barrier.
    assert drag > 50 * FRICTION * 2 * (2 * neuron.stationary_points(2.0)[-1]) ** 2


# --- two minima ---


def test_force_is_minus_the_slope_of_the_energy():
    neuron, x = substrates.BistableNeuron(0.7), np.linspace(-2, 2, 9)
    slope = (neuron.energy(x + 1e-6, 0.3) - neuron.energy(x - 1e-6, 0.3)) / 2e-6
    assert neuron.force(x, 0.3) == pytest.approx(-slope, abs=1e-8)


@pytest.mark.parametrize("J", [0.6, 1.5])
def test_coercive_field_and_energy_of_a_jump(J):
    neuron = substrates.BistableNeuron(J)
    h = neuron.coercive_field
    assert len(neuron.stationary_points(0.99 * h)) == 3
    assert len(neuron.stationary_points(1.01 * h)) == 1
    left = -math.sqrt(J / 3)
    assert neuron.force(left, h) == pytest.approx(0, abs=1e-12)
    right = neuron.stationary_points(1.0000001 * h)[-1]
    assert neuron.energy(left, h) - neuron.energy(right, h) == pytest.approx(neuron.jump_energy, rel=1e-5)
    below = substrates.BistableNeuron(-J)
    assert below.coercive_field == 0 == below.jump_energy
    assert len(below.stationary_points(0.0)) == 1


@pytest.mark.parametrize("J", [0.6, 1.5])
def test_hysteresis_area_and_its_approach(J):
    """What is left at infinite duration, and the coefficient of the excess, from loops alone."""
    neuron = substrates.BistableNeuron(J)
    durations = np.array([1e4, 1e5, 1e6])
    work = np.array([neuron.loop(tau, amplitude=1.5, mobility=MOBILITY).work for tau in durations])
    ratio = 10 ** (2 / 3)
    assert (ratio * work[2] - work[1]) / (ratio - 1) == pytest.approx(1.5 * J**2, rel=2e-4)
    excess = work - 1.5 * J**2
    assert np.diff(np.log(excess)) / np.diff(np.log(durations)) == pytest.approx([-2 / 3] * 2, abs=0.01)
    laws = np.array([neuron.slow_loop_work(tau, 1.5, MOBILITY) for tau in durations])
    assert excess == pytest.approx(laws - 1.5 * J**2, rel=0.01)
    assert neuron.slow_loop_work(1e15, 1.5, MOBILITY) == pytest.approx(1.5 * J**2, rel=1e-6)


def test_with_one_minimum_the_loop_closes():
    neuron = substrates.BistableNeuron(-0.7)
    for tau, tolerance in ((3e2, 0.02), (3e4, 1e-4)):
        work = neuron.loop(tau, amplitude=1.5, mobility=MOBILITY).work
        assert work == pytest.approx(neuron.slow_loop_work(tau, 1.5, MOBILITY), rel=tolerance)
    top = neuron.stationary_points(1.5)[-1]
    integral = quad(lambda x: 1 / (3 * x * x + 0.7), -top, top)[0]
    assert neuron.slow_loop_work(10.0, 1.5, MOBILITY) == pytest.approx(2 * 2 * 1.5 * integral / (MOBILITY * 5.0))
    critical = substrates.BistableNeuron(0.0)
    long = np.array([1e5, 1e6])
    work = [critical.loop(tau, mobility=MOBILITY).work for tau in long]
    assert np.diff(np.log(work)) / np.diff(np.log(long)) == pytest.approx([-0.8], abs=0.01)


def test_loop_agrees_with_the_ledger_with_its_area_and_with_fokker_planck():
    neuron, tau = substrates.BistableNeuron(1.0), 40.0
    loop = neuron.loop(tau, amplitude=2.0, mobility=MOBILITY, points=400)
    assert -np.trapezoid(loop.x, loop.field) == pytest.approx(loop.work, rel=1e-3)
    start = neuron.stationary_points(-2.0)[:1]
    run = simulate(neuron, substrates.loop_protocol(tau), start, duration=tau, dt=0.01, kT=0.0, mobility=MOBILITY, rng=0)
    assert run.work[0] == pytest.approx(loop.work, rel=1e-3)
    assert run.x[0] == pytest.approx(loop.x[-1], abs=1e-3)
    hasty = neuron.loop(4.0, amplitude=2.0, mobility=MOBILITY)
    assert hasty.x[-1] - hasty.x[0] > 0.3, "it does not get back in time, and some of the work stays in it"
    run = simulate(neuron, substrates.loop_protocol(4.0), start, duration=4.0, dt=0.002, kT=0.0, mobility=MOBILITY, rng=0)
    assert run.work[0] == pytest.approx(hasty.work, rel=1e-4)
    cold = fokker_planck(neuron, substrates.loop_protocol(tau), np.linspace(-2.5, 2.5, 2000), duration=tau, steps=2000,
                         kT=0.002, mobility=MOBILITY)
    assert cold.work[-1] == pytest.approx(loop.work, rel=0.01)


def test_kramers_time_against_the_exact_passage_time():
    """Mean first passage from a well to the top of the barrier is half the time to leave, in the limit of a high barrier."""
    neuron, kT = substrates.BistableNeuron(1.2), 0.03
    grid = np.linspace(-2.5, 0.0, 4001)
    boltzmann = np.exp(-neuron.energy(grid, 0.0) / kT)
    below = np.cumsum(boltzmann) * (grid[1] - grid[0])
    passage = np.trapezoid((below / boltzmann)[grid >= -math.sqrt(1.2)], grid[grid >= -math.sqrt(1.2)]) / (kT * MOBILITY)
    assert neuron.kramers_time(kT, MOBILITY) == pytest.approx(2 * passage, rel=0.06)  # corrections are of order kT / barrier


def test_warm_loops_become_free_beyond_the_kramers_time():
    neuron, kT = substrates.BistableNeuron(1.0), 0.05
    grid, kramers = np.linspace(-2.8, 2.8, 300), neuron.kramers_time(kT, MOBILITY)

    def work(tau):
        return fokker_planck(neuron, substrates.loop_protocol(tau), grid, duration=tau, steps=800, kT=kT,
                             mobility=MOBILITY).work[-1]

    assert work(0.1 * kramers) > 2 * neuron.jump_energy
    assert work(10 * kramers) < 0.5 * 2 * neuron.jump_energy
    assert work(1000 * kramers) == pytest.approx(work(500 * kramers) / 2, rel=0.01)


# --- follow or reset ---


def analog(**changed):
    settings = {"spread": np.array([0.3, 0.0, 0.8]), "drag": 2.5, "stiffness": 40.0, "relaxation_time": 0.2, "kT": KT}
    return substrates.AnalogNetwork(**settings | changed)


def test_analog_energies_against_the_laws_they_come_from():
    net = analog()
    noise = KT / 40.0
    assert net.resolution**2 == pytest.approx(noise)
    bound = 0.5 * KT * (math.log(1 + 0.09 / noise) + math.log(1 + 0.64 / noise))
    assert net.erasure_energy() == pytest.approx(bound)
    assert net.following_energy(5.0) == pytest.approx(8.0 * 2.5 / 5.0)
    # One reset at a time, by the bound for Gaussians that chapter 2's transport gives on a grid.
    grid = np.linspace(-6, 6, 4001)
    distance = 0.0
    for s in np.hypot(net.spread, net.resolution):
        before, after = (np.exp(-0.5 * (grid / width) ** 2) for width in (s, net.resolution))
        distance += landauer.wasserstein2_squared((grid, before), (grid, after))
    assert net.reset_energy(5.0) == pytest.approx(bound + 8.0 * distance / 5.0, rel=1e-3)


def test_following_wins_beyond_the_crossover_whatever_the_temperature():
    for kT in (0.1, KT, 3.0):
        net = analog(kT=kT)
        crossover = net.crossover()
        assert net.following_energy(crossover) == pytest.approx(net.reset_energy(crossover))
        assert net.following_energy(2 * crossover) < net.reset_energy(2 * crossover)
        assert net.following_energy(7.0) == pytest.approx(analog().following_energy(7.0))
    assert analog(drag=0.01).crossover() == 0


def test_random_pairs_cost_at_least_twice_the_variance():
    data, net = digits.load(), digits.network("relu")
    pairs = np.random.default_rng(1).choice(len(data.images), (200, 2))
    drags = np.array([substrates.drag_coefficient(net, data.images[pair], steps=50) for pair in pairs])
    floors = np.sum((net.forward(data.images[pairs[:, 1]]) - net.forward(data.images[pairs[:, 0]])) ** 2, axis=1)
    assert (drags > floors - 1e-12).all()
    mean, error = mean_and_error(floors)
    assert abs(mean - 2 * net.forward(data.images).var(axis=0).sum()) < 4 * error


# --- refusals ---


def test_bad_input_is_refused_by_name():
    net, neuron = random_network(), substrates.BistableNeuron(1.0)
    grid = np.linspace(-2, 2, 101)
    ends = [START, END]
    entropic = NetworkHamiltonian(net.weights, net.biases, "tanh", net.stiffness, form="fenchel-young", kT=KT)
    dense = blocks.Dense(np.eye(4), np.ones(4))
    residual = NetworkHamiltonian.from_blocks([dense, blocks.Sum(4, "tanh", (0, 1))])
    skipping = NetworkHamiltonian.from_blocks([dense, blocks.Dense(np.eye(4), np.ones(4), "tanh", reads=0)])
    for call, message in (
        (lambda: substrates.drag_coefficient(net, [START]), "path must be a function or hold two or more inputs"),
        (lambda: substrates.drag_coefficient(net, [START[:2], END[:2]]), r"path must .* \(m, 4\), got shape \(2, 2\)"),
        (lambda: substrates.drag_coefficient(net, ends, friction=0.0), "friction must be positive"),
        (lambda: substrates.drag_coefficient(net, ends, friction=[1.0, 2.0]), r"one per unit \(14,\)"),
        (lambda: substrates.drag_per_unit(net, ends, steps=0), "steps must be an integer of at least 1"),
        (lambda: substrates.constant_speed(net, [START, START]), "path must move the network"),
        (lambda: substrates.geodesic(net, START, END[:3]), "path must be an array of numbers"),
        (lambda: substrates.drag_coefficient(net, lambda s: START[:2]), r"path must .* \(m, 4\), got shape \(1001, 2\)"),
        (lambda: substrates.geodesic(net, START, END, bounds=(0.0, 1.0)), r"bounds must enclose .* span \[-1, 1\], got"),
        (lambda: substrates.geodesic(net, START, END, pieces=1), "pieces must be an integer of at least 2"),
        (lambda: substrates.relaxation_times(net, START, friction=-1.0), "friction must be positive"),
        (lambda: substrates.drag_bracket(net, ends, KT, samples=1, rng=1), "samples must be an integer of at least 2"),
        (lambda: substrates.drag_bracket(net, ends, -KT, rng=1), "kT must not be negative"),
        (lambda: substrates.drag_bracket(net, ends, KT, rng=None), "rng must be"),
        (lambda: substrates.drag_bracket(entropic, ends, KT, rng=1), "network must be one that Langevin steps can move"),
        (lambda: substrates.geodesic(residual, START, END), r"must be a chain of dense layers.* weights \[\(4, 4\)\]"),
        (lambda: substrates.geodesic(skipping, START, END), "network must be a chain of dense layers"),
        (lambda: substrates.relaxation_times(net, START[:2]), "x0 must hold 4 inputs"),
        (lambda: substrates.scalar_drag(neuron, lambda s: s, grid, 0.0), "kT must be positive"),
        (lambda: substrates.scalar_drag(neuron, 1.0, grid, KT), "path must be a function"),
        (lambda: substrates.scalar_drag(neuron, lambda s: s, grid**3, KT), "grid must be evenly spaced"),
        (lambda: substrates.relaxation_times(net, [START, END]), r"x0 must have 1 dimension"),
        (lambda: substrates.BistableNeuron(math.nan), "coupling must be a finite number"),
        (lambda: neuron.loop(10.0, amplitude=0.3), "amplitude must exceed the coercive field 0.3849, got 0.3"),
        (lambda: neuron.loop(-1.0), "duration must be positive"),
        (lambda: neuron.slow_loop_work(10.0, 0.3), "amplitude must exceed the coercive field"),
        (lambda: substrates.BistableNeuron(0.0).slow_loop_work(10.0, 2.0), "coupling must not be 0"),
        (lambda: substrates.BistableNeuron(-1.0).kramers_time(KT), "coupling must be positive to have a barrier"),
        (lambda: substrates.loop_protocol(0.0), "duration must be positive"),
        (lambda: analog(spread=[-0.1]), "spread must not be negative, .* got a least one of -0.1"),
        (lambda: analog(spread=[0.0]), "nor zero for all units"),
        (lambda: analog(drag=0.0), "drag must be positive"),
        (lambda: analog().following_energy(0.0), "duration must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
