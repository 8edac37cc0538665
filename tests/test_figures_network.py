"""The figures of "The whole network" draw, refuse, and obey the laws in every state; so do the chapter's three results."""

import math
import re

import chapters
import numpy as np
import pytest
from drawing import draws, style  # noqa: F401
import zscores

from thermolib import blocks, digits, glauber, landauer, substrates
from thermolib.figures import network
from thermolib.hamiltonian import NetworkHamiltonian
from thermolib.langevin import jarzynski_free_energy, mean_work, simulate

SOLUTIONS = chapters.solutions("07_the_whole_network")
MOBILITY, STIFFNESS, KT = 0.5, 2.0, 0.2
A, B = np.array([-1.0, 0.5, 1.0, -0.5]), np.array([1.0, -1.0, 0.3, 0.8])


@pytest.fixture(scope="module")
def data():
    return digits.load()


@pytest.fixture(scope="module")
def classifier():
    return digits.network("tanh", STIFFNESS)


@pytest.fixture(scope="module")
def small():
    """The 4-6-5-3 network of the chapter, with a stiffness of its own for each layer."""
    rng, widths = np.random.default_rng(5), (4, 6, 5, 3)
    weights = [rng.standard_normal((m, n)) / math.sqrt(n) for n, m in zip(widths, widths[1:])]
    return NetworkHamiltonian(weights, [0.3 * rng.standard_normal(m) for m in widths[1:]], "tanh", [2.0, 3.0, 1.5])


def machine(units, strength, seed=9):
    rng = np.random.default_rng(seed)
    disorder = np.triu(rng.standard_normal((units, units)), 1) / math.sqrt(units)
    return glauber.BoltzmannMachine(strength * KT * (disorder + disorder.T),
                                    input_weights=2 * KT * rng.standard_normal((units, 4)))


# --- the three results ---


@pytest.mark.parametrize("name", digits.NAMES)
def test_every_image_relaxes_to_its_forward_pass_from_anywhere(name, data):
    net, rng = digits.network(name, STIFFNESS), np.random.default_rng(1)
    x = net.relax(data.images, rng.uniform(-3, 3, (1797, 74)))
    assert np.abs(x - net.forward(data.images)).max() < 1e-8
    assert net.energy(x, data.images).max() < 1e-16
    x = net.relax(data.images[7], rng.uniform(-3, 3, (500, 74)))
    assert network.count_distinct(x)[-1] == 1


def test_gradient_flow_arrives_there_too(classifier, data):
    images, x = data.images[:20], np.random.default_rng(2).uniform(-2, 2, (20, 74))
    for _ in range(1200):
        x += 0.2 * MOBILITY * classifier.force(x, images)
    assert np.abs(x - classifier.forward(images)).max() < 1e-8


def test_symmetric_couplings_have_many_minima():
    rng = np.random.default_rng(4)
    couplings = np.triu(rng.standard_normal((40, 40)), 1)
    spins = rng.choice([-1.0, 1.0], (200, 40))
    glass = glauber.BoltzmannMachine(couplings + couplings.T)
    s = glauber.simulate_glauber(glass, lambda t: np.zeros(40), spins, duration=40, dt=2.0, kT=0.0, rng=5).x
    assert all((glass.flip_energy(s, i, np.zeros(40)) >= 0).all() for i in range(40))
    assert network.count_distinct(s)[-1] > 20


def test_no_free_energy_is_exchanged_with_the_input(small):
    values, errors = [], []
    for seed in zscores.SEEDS:
        start = small.sample(A, 200, KT, rng=seed)
        work = simulate(small, lambda t: A + t / 40 * 0.4 * (B - A), start, duration=40, dt=0.08, kT=KT, mobility=MOBILITY,
                        rng=100 + seed).work
        found = jarzynski_free_energy(work, KT)
        values.append(found.value)
        errors.append(found.error)
    zscores.assert_consistent(values, errors, 0.0)


def test_a_boltzmann_machine_exchanges_its_free_energy_and_gets_it_back():
    units = machine(5, 0.4)
    exact = glauber.free_energy(units, B, KT) - glauber.free_energy(units, A, KT)
    assert abs(exact) > KT
    values, errors, cycles = [], [], []
    for seed in zscores.SEEDS:
        start = glauber.sample_equilibrium(units, A, 300, kT=KT, rng=seed)
        run = glauber.simulate_glauber(units, network.there_and_back(A, B, 200.0), start, duration=400, dt=2.0, kT=KT,
                                       rng=seed + 50, record=[200.0])
        found = jarzynski_free_energy(run.recorded_work[0], KT)
        values.append(found.value)
        errors.append(found.error)
        cycles.append(run.work.mean())
    zscores.assert_consistent(values, errors, exact)
    assert 0 < np.mean(cycles) < 0.5 * abs(exact)


def test_equilibrium_is_a_noisy_forward_pass(small):
    drawn = small.sample(B, 100_000, KT, rng=3)
    back, layer = [], []
    for seed in zscores.SEEDS:
        start = np.repeat(small.forward(B)[None], 250, axis=0)
        x = simulate(small, lambda t: B, start, duration=20, dt=0.08, kT=KT, mobility=MOBILITY, rng=seed,
                     scheme="leimkuhler-matthews").x
        back.append(zscores.mean_and_error(small.input_force(x, B)[:, 0]))
        layer.append(x)
    zscores.assert_consistent(*np.array(back).T, 0.0)
    x = np.concatenate(layer)
    error = np.sqrt(x.var(axis=0) / len(x) + drawn.var(axis=0) / len(drawn))
    assert np.abs((x.mean(axis=0) - drawn.mean(axis=0)) / error).max() < 4
    fourth = [((y - y.mean(axis=0)) ** 2).std(axis=0) / math.sqrt(len(y)) for y in (x, drawn)]
    assert np.abs((x.var(axis=0) - drawn.var(axis=0)) / np.hypot(*fourth)).max() < 4
    assert drawn.var(axis=0)[:6] == pytest.approx(KT / 2.0, rel=0.03)


@pytest.mark.parametrize("kind", ["convolution", "transformer"])
def test_graphs_of_blocks_relax_to_their_forward_pass_and_hold_half_kT_a_unit(kind):
    rng = np.random.default_rng(6)
    if kind == "convolution":
        net = NetworkHamiltonian.from_blocks([
            blocks.Convolution(rng.normal(size=(3, 1, 3, 3)), np.zeros(3), (1, 8, 8), "relu", stride=2),
            blocks.Dense(rng.normal(size=(4, 27)) / 5, np.zeros(4), "softmax")], STIFFNESS)
    else:
        net = NetworkHamiltonian.from_blocks(blocks.transformer_block(3, 4, 2, 8, rng=rng), STIFFNESS)
    x0 = rng.normal(size=net.inputs)
    x = net.relax(np.broadcast_to(x0, (30, net.inputs)), rng.normal(size=(30, *net.shape)))
    assert np.abs(x - net.forward(x0)).max() < 1e-8
    energy = mean_work(net.energy(net.sample(x0, 4000, KT, rng=7), x0) / KT)
    zscores.assert_consistent([energy.value], [energy.error], net.shape[0] / 2)


def test_slowest_mode_of_a_chain_is_that_of_springs_in_a_row():
    for L in (1, 3, 12):
        chain = NetworkHamiltonian([[[1.0]]] * L, [[0.0]] * L, "identity", STIFFNESS)
        slowest = substrates.relaxation_times(chain, [0.0], friction=1 / MOBILITY)[-1]
        assert slowest == pytest.approx(1 / (4 * MOBILITY * STIFFNESS * math.sin(math.pi / (4 * L + 2)) ** 2), rel=1e-6)


# --- what the module computes ---


def test_count_distinct_counts():
    states = np.array([[0.0, 1.0], [-0.0, 1.0 + 1e-9], [0.0, 1.1], [0.0, 1.0]])
    assert network.count_distinct(states).tolist() == [1, 1, 2, 2]


def test_largest_distance_follows_the_decay_of_a_single_unit():
    unit = NetworkHamiltonian([[[1.0]]], [[0.5]], "identity", STIFFNESS)
    times = np.array([0.0, 0.5, 1.0, 3.0])
    found = network.largest_distance(unit, np.array([0.2]), np.array([2.7]), times, mobility=0.3)
    assert found == pytest.approx(2 * np.exp(-0.3 * STIFFNESS * times), rel=1e-4)


# --- widgets ---


def test_every_moment_of_a_relaxation_is_lower_than_the_one_before(classifier, data):
    times = np.array([0, 1, 3, 8, 20, 60.0])
    starts = {"random": np.random.default_rng(1).uniform(-2, 2, 74), "zero": classifier.forward(data.images[0])}
    found = network.relaxations(classifier, data.images[1], starts, times, dt=0.05, mobility=MOBILITY)
    plot = network.relaxation_explorer(found, STIFFNESS)
    for start in starts:
        energies = []
        for time in times:
            figure, values = plot(start, time)
            k = int(np.argmin(np.abs(found[start].times - time)))
            energies.append(values["energy F/κ"])
            assert values["distance, output"] == pytest.approx(
                math.sqrt(np.mean((found[start].outputs[k] - found[start].answer) ** 2)))
        draws(figure)
        assert (np.diff(energies) < 0).all()
        assert values["largest output"] == "1" and values["distance, layer 1"] < 1e-2
    expected = classifier.energy(starts["random"][None], data.images[1])[0] / STIFFNESS
    assert plot("random", 0)[1]["energy F/κ"] == pytest.approx(expected)
    assert plot("zero", 0)[1]["largest output"] == "0"


def test_every_temperature_keeps_half_kT_a_unit(data):
    images, labels = data.images[data.held_out], data.labels[data.held_out]
    net, temperatures = digits.network("tanh", STIFFNESS), (0.001, 0.05, 1.0)
    answers = {("tanh", n, t): network.warm_answers(net, images, labels, t * STIFFNESS, readings=n, draws=6 // n, rng=3)
               for n in (1, 3) for t in temperatures}
    cold = net.split(net.forward(images[0]))[-1]
    plot = network.temperature_explorer(answers, {"tanh": cold}, int(labels[0]), 74)
    for n in (1, 3):
        right = []
        for t in temperatures:
            figure, values = plot("tanh", n, t)
            assert values["energy F (kT)"] == pytest.approx(values["n/2 (kT)"], abs=0.6)
            assert values["own noise √(kT/κ)"] == pytest.approx(math.sqrt(t))
            right.append(values["right answers (%)"])
        draws(figure)
        assert right[0] > 96 and right == sorted(right, reverse=True) and right[-1] > 10
    assert plot("tanh", 3, 0.05)[1]["right answers (%)"] > plot("tanh", 1, 0.05)[1]["right answers (%)"] + 5
    # averaged readings scatter less: the outputs are linear in what the last layer adds
    spread = [np.mean(answers["tanh", n, 0.001].spread ** 2) for n in (1, 3)]
    assert spread[0] > 1.2 * spread[1]


def test_every_cycle_obeys_the_second_law_and_slow_ones_the_slow_law(small):
    sweeps, cycles = (4.0, 60.0), {}
    bracket = substrates.drag_bracket(small, [A, B], KT, friction=1 / MOBILITY, samples=1000, steps=50, rng=1)
    K = bracket.lower.value, bracket.upper.value
    units = machine(6, 1.0)
    K_units = glauber.drag_coefficient(units, A, B, KT)
    F_units = np.array([glauber.free_energy(units, x0, KT) for x0 in np.linspace(A, B, 21)])
    for tau in sweeps:
        protocol, record = network.there_and_back(A, B, tau), np.linspace(0, 2 * tau, 21)
        run = simulate(small, protocol, small.sample(A, 400, KT, rng=2), duration=2 * tau, dt=0.08, kT=KT,
                       mobility=MOBILITY, rng=3, record=record)
        cycles["net", tau] = network.cycle(run, tau, KT, np.full(21, small.free_energy(KT)), K)
        run = glauber.simulate_glauber(units, protocol, glauber.sample_equilibrium(units, A, 400, kT=KT, rng=4),
                                       duration=2 * tau, dt=0.5, kT=KT, rng=5, record=record)
        cycles["units", tau] = network.cycle(run, tau, KT, F_units, (K_units, K_units))
    plot = network.cycle_explorer(cycles)
    for system in ("net", "units"):
        for tau in sweeps:
            figure, values = plot(system, tau)
            work, error = values["work of the cycle (kT)"], values["its error (kT)"]
            assert work > 0 and values["slow formula (kT)"] > work - 4 * error
            there = mean_work(cycles[system, tau].forward_work)
            assert there.value > values["exchanged halfway, ΔF (kT)"] - 4 * there.error
        draws(figure)
        assert work == pytest.approx(values["slow formula (kT)"], abs=4 * error + 0.1 * work)
    assert plot("net", 4.0)[1]["exchanged halfway, ΔF (kT)"] == 0
    assert plot("units", 4.0)[1]["exchanged halfway, ΔF (kT)"] == pytest.approx((F_units[-1] - F_units[0]) / KT)
    assert plot("net", 60.0)[1]["slow formula (kT)"] == pytest.approx(2 * K[1] / (60 * KT))


def test_the_protocol_goes_there_and_back():
    protocol = network.there_and_back(A, B, 4.0)
    for t, place in ((0, 0), (1, 0.25), (4, 1), (6, 0.5), (8, 0)):
        assert protocol(t) == pytest.approx(A + place * (B - A))


def test_static_figures_draw():
    draws(network.minima_found({"one": np.ones(10), "many": np.arange(1, 11)}))
    draws(network.relaxation_against_depth({"exact": ((1, 2), (1.0, 2.6))}, {"simulation": ((2,), (2.6,))}))
    draws(network.noise_by_unit(np.ones(5), np.ones(5), np.full(5, 0.1), (3, 2)))
    draws(network.distance_in_time({"a": (np.array([1.0, 10.0]), np.array([1.0, 0.1]))}))


def test_bad_input_is_refused_by_name(data, classifier):
    curve = (np.array([1.0, 2.0]), np.array([1.0, 0.5]))
    for call, message in (
        (lambda: network.minima_found({}), "counts must hold one to four networks, got 0"),
        (lambda: network.relaxation_against_depth({}, {}), "exact must hold one to four curves, got 0"),
        (lambda: network.distance_in_time(dict.fromkeys("abcde", curve)), "curves must hold one to four networks, got 5"),
        (lambda: network.noise_by_unit(np.ones(4), np.ones(5), np.ones(5), (3, 2)), "each of the 5 units, got 4, 5 and 5"),
        (lambda: network.warm_answers(classifier, data.images, data.labels, 0.0, rng=1), "kT must be positive, got 0"),
        (lambda: network.warm_answers(classifier, data.images, data.labels, 1.0, draws=0, rng=1), "draws must be .* got 0"),
        (lambda: network.there_and_back([0.0], [1.0], 0.0), "duration must be positive, got 0"),
        (lambda: network.count_distinct(np.ones(3)), "states must"),
        (lambda: network.relaxation_explorer({}, 0.0), "stiffness must be positive, got 0"),
        (lambda: network.largest_distance(classifier, data.images[0], np.zeros(74), [0.0, 1.0], mobility=0.0),
         "mobility must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- the solutions of the exercises ---


def run_solution(number, capsys, **given):
    """What the chapter has defined by the time the exercises come, and what the solution prints with it."""
    exec(SOLUTIONS[number], {"np": np, "math": math, "kappa": STIFFNESS, "kT": KT, "blocks": blocks, "network": network,
                               "digits": digits, "NetworkHamiltonian": NetworkHamiltonian, **given})
    lines = capsys.readouterr().out.splitlines()
    return [[float(n) for n in re.findall(r"-?\d+\.\d+|-?\d+", line)] for line in lines]


def test_solution_that_breaks_uniqueness(capsys):
    *rows, last = run_solution(0, capsys)
    assert last == pytest.approx([0.403], abs=1e-3)
    for x0, left1, left2, F_left, right1, _, F_right in rows:
        assert F_right == 0 and right1 > 0 > left1
        assert (F_left == 0) == (x0 < last[0])
    assert rows[0][1:3] == pytest.approx([-0.86, -0.86])


def test_solution_with_a_wall(capsys):
    rows = run_solution(1, capsys)
    assert rows[-1][1] == pytest.approx(-math.log(2), abs=1e-4) and rows[0][1] == 0


def slowest(net, x0):
    return substrates.relaxation_times(net, x0, friction=1 / MOBILITY)[-1]


def test_solution_on_residual_connections(capsys):
    def chain(gain, L):
        return NetworkHamiltonian([[[gain]]] * L, [[0.0]] * L, "identity", STIFFNESS)

    rows = run_solution(2, capsys, slowest=slowest, chain=chain)
    for L, residual, _, plain, _, tanh in rows:
        assert plain < residual < tanh or L == 5
    assert rows[2][1] / rows[1][1] < 4 and rows[2][5] / rows[1][5] > 100


def test_solution_that_averages_in_the_middle(capsys, data):
    given = {"nets": {"tanh": digits.network("tanh", STIFFNESS)}, "images": data.images[data.held_out],
             "labels": data.labels[data.held_out]}
    right = [row[-1] for row in run_solution(3, capsys, **given)]
    assert right == pytest.approx([54, 95, 95, 17, 39, 54], abs=2)


def test_the_answer_of_the_digits_holds_almost_ln_ten(classifier, data):
    told = classifier.split(classifier.forward(data.images))[-1].argmax(axis=1)
    assert landauer.entropy(np.bincount(told) / 1797) == pytest.approx(2.302, abs=1e-3)
