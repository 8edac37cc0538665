"""What the hidden tests of problem set 2 must find. Never goes to students."""

import math
from functools import cache

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize_scalar
from scipy.special import entr
from scipy.stats import norm
from thermograde.checks import Check, Wrong

from thermolib import landauer

ln2 = math.log(2)
H = landauer.binary_entropy


def entropy(table):
    return float(entr(np.asarray(table)).sum())


# 1. Four bills for one neuron

def _gates(p):
    """H(two inputs) - H(output) of the four gates. The two inputs of the OR are never both 1."""
    odd, both, answer = 2 * p * (1 - p), p * p, p * p * (3 - 2 * p)
    return [2 * H(p) - H(odd), 2 * H(p) - H(both), H(odd) + H(p) - H(odd * p),
            entropy([odd * p, both, 1 - odd * p - both]) - H(answer)]


gates = Check(
    cases=[{"p": 0.2, "kT": 1.7}, {"p": 0.73, "kT": 0.6}],
    expected=lambda p, kT: kT * sum(_gates(p)),
    wrong=[
        Wrong(lambda p, kT: kT * sum(_gates(0.5)),
              "Your bill is that of fair bits, whatever p. Gates that see mostly zeros have less to forget."),
        Wrong(lambda p, kT: kT * (sum(_gates(p)[:3]) + H(2 * p * p * (1 - p)) + H(p * p) - H(p * p * (3 - 2 * p))),
              "You take the two inputs of the OR as independent. They come from the same bits, and are never both 1.",
              credit=0.5),
        Wrong(lambda p, kT: kT * (3 * H(p) - H(p * p * (3 - 2 * p))),
              "This is what the whole neuron forgets, three bits in and one out. The gates do not know of each other."),
        Wrong(lambda p, kT: 4 * kT * ln2,
              "You charge ln 2 for each gate. What a gate forgets depends on its kind and on what it gets to see."),
        Wrong(lambda p, kT: kT * sum(_gates(p)) / ln2,
              "Your gates forget the right number of bits. With kT it has to be nats: a factor ln 2.", credit=0.5),
        Wrong(lambda p, kT: sum(_gates(p)), "The heat of your gates does not depend on the temperature."),
    ],
)


def _counts(p, switching):
    """Chance of so many ones in the old input and so many in the new one, (4, 4): powers of a generating function."""
    bit = np.array([[1 - p - switching / 2, switching / 2], [switching / 2, p - switching / 2]])
    table = np.ones((1, 1))
    for _ in range(3):
        longer = np.zeros((len(table) + 1, len(table) + 1))
        for i in (0, 1):
            for j in (0, 1):
                longer[i:i + len(table), j:j + len(table)] += bit[i, j] * table
        table = longer
    return table


def _given_new(table):
    return entropy(table) - entropy(table.sum(axis=0))


@cache
def _memory(p, switching):
    """In nats, (reset, overwrite, informed): by symmetry the new input says no more than how many ones it has."""
    table = _counts(p, switching)
    seen = np.array([table[:2].sum(axis=0), table[2:].sum(axis=0)])
    answers = np.array([seen[:, :2].sum(axis=1), seen[:, 2:].sum(axis=1)]).T
    return [entropy(answers.sum(axis=1)), _given_new(answers), _given_new(seen)]


def _as_one_bit(p, switching):
    """The answer treated as a two-state neuron that is active as often as it is and switches as often as a bit."""
    active = p * p * (3 - 2 * p)
    stay = [max(active - switching / 2, 0.0), max(1 - active - switching / 2, 0.0)]
    return entropy([*stay, switching / 2, switching / 2]) - H(active)


def _bills(change):
    """kT times the bills after a change to the list of the three."""
    return lambda p, switching, kT: [kT * bill for bill in change(p, switching, *_memory(p, switching))]


def _answer_switches(p, switching):
    table = _counts(p, switching)
    return float(table[:2, 2:].sum() + table[2:, :2].sum())


def _new_given_old(p, switching):
    """H(new input | old answer), of all eight new inputs."""
    table = _counts(p, switching)
    ones = np.array([0, 1, 1, 1, 2, 2, 2, 3])  # of the eight inputs
    seen = np.array([table[:2].sum(axis=0), table[2:].sum(axis=0)]) / [1, 3, 3, 1]
    return entropy(seen[:, ones]) - entropy([table[:2].sum(), table[2:].sum()])


def _as_bit(p, switching):
    """H(old | new) of one bit of the input."""
    return entropy([p - switching / 2, 1 - p - switching / 2, switching / 2, switching / 2]) - H(p)


memory = Check(
    cases=[{"p": 0.35, "switching": 0.15, "kT": 1.7}, {"p": 0.6, "switching": 0.25, "kT": 0.6}],
    expected=_bills(lambda p, switching, reset, overwrite, informed: [reset, overwrite, informed]),
    wrong=[
        Wrong(_bills(lambda p, switching, reset, overwrite, informed: [reset, _as_one_bit(p, switching), informed]),
              "You let the answer switch as often as one of the input bits. How often it does follows from all three.",
              credit=0.5),
        Wrong(_bills(lambda p, switching, reset, overwrite, informed: [reset, overwrite, _new_given_old(p, switching)]),
              "Your third bill is what the old answer leaves open of the new input. Ask for what the new input leaves open "
              "of the old answer.", credit=0.5),
        Wrong(_bills(lambda p, switching, reset, overwrite, informed: [reset, overwrite, overwrite]),
              "Your third protocol learns no more than the next answer. The three bits of the next input say more: "
              "whether the answer was a close one.", credit=0.5),
        Wrong(_bills(lambda p, switching, reset, overwrite, informed:
                     [reset, _answer_switches(p, switching) * ln2, informed]),
              "Your second bill counts switches, at ln 2 each. An account is not a bound.", credit=0.5),
        Wrong(_bills(lambda p, switching, reset, overwrite, informed:
                     [3 * H(p), 3 * _as_bit(p, switching), 3 * _as_bit(p, switching)]),
              "You clear the three bits of the input. The memory holds the answer."),
        Wrong(_bills(lambda p, switching, *bills: [bill / ln2 for bill in bills]),
              "Your three bills are in bits. With kT they have to be in nats.", credit=0.5),
        Wrong(lambda p, switching, kT: _memory(p, switching), "Your three bills do not depend on the temperature."),
        Wrong(_bills(lambda p, switching, reset, overwrite, informed:
                     [reset, overwrite + reset, informed + 3 * H(p)]),
              "You charge for the joint entropy of old and new. The new one is not lost: subtract its entropy."),
    ],
)


# 2. The price of precision

@cache
def _spacing(levels, error):
    """Distance of neighboring values in units of the noise: the misreadings of all values are added up."""
    def too_many(distance):
        sides = [(0 < k) + (k < levels - 1) for k in range(levels)]
        return sum(sides) / levels * norm.sf(distance / 2) - error

    return brentq(too_many, 1e-6, 40.0, xtol=1e-13)


def _dump(levels, error, kT, spacing=None):
    values = (np.arange(levels) - (levels - 1) / 2) * (_spacing(levels, error) if spacing is None else spacing)
    return 0.5 * kT * float(np.mean(values**2))


precision = Check(
    cases=[{"levels": 6, "error": 2e-3, "kT": 1.7}, {"levels": 12, "error": 3e-6, "kT": 0.6}],
    expected=_dump,
    wrong=[
        Wrong(lambda levels, error, kT: _dump(levels, error, kT, 2 * norm.isf(error / 2)),
              "Your lowest and highest value can be misread on both sides. They have a neighbor on one side only.",
              credit=0.5),
        Wrong(lambda levels, error, kT: _dump(levels, error, kT, 2 * norm.isf(error)),
              "All your values can be misread on one side only. Those inside have two neighbors.", credit=0.5),
        Wrong(0.25, "Your values are half as far apart as they should be: a reading is wrong when the noise exceeds *half* "
                    "of their distance.", credit=0.5),
        Wrong(lambda levels, error, kT: _dump(levels, error, kT) * 3 * (levels - 1) / (levels + 1),
              "You charge every dump as if the neuron held its highest value. A mean over the values is asked for."),
        Wrong(lambda levels, error, kT: _dump(levels, error, kT) * 2 * (2 * levels - 1) / (levels + 1),
              "Your lowest value is at 0 V. The values lie symmetrically about it."),
        Wrong(lambda levels, error, kT: _dump(levels, error, kT) * levels**2 / (levels**2 - 1),
              "You spread the values evenly over a range of M distances. They are M single voltages, and the difference "
              "shows when M is small.", credit=0.5),
        Wrong(lambda levels, error, kT: _dump(levels, error, kT) * (levels - 1) / (levels + 1),
              "You spread the values evenly from the lowest to the highest. There are only M of them, and the outer ones "
              "count.",
              credit=0.5),
        Wrong(lambda levels, error, kT: _dump(levels, error, kT) + 0.5 * kT,
              "You charge for the noise too, kT / 2. It is there before the dump and after it.", credit=0.5),
        Wrong(2, "Your heat is twice too large: the energy of a capacitor is C V^2 / 2.", credit=0.5),
        Wrong(lambda levels, error, kT: kT * math.log(levels),
              "This is the least that forgetting costs. A dump burns all the energy that the neuron holds."),
        Wrong(lambda levels, error, kT: _dump(levels, error, 1.0),
              "Your heat of a dump does not depend on the temperature. More noise needs more energy."),
    ],
)


# 3. A neuron that follows a wave

def _wave(amplitude, omega, weight, stiffness, mobility):
    """Work of one period: the part of the response that is out of step with the wave."""
    response = 1 / (1 + 1j * omega / (mobility * stiffness))
    return -math.pi * stiffness * (weight * amplitude) ** 2 * response.imag


def _waves(change):
    return lambda amplitude, omega, weight, stiffness, mobility: change(
        _wave(amplitude, omega, weight, stiffness, mobility), omega, weight, omega / (mobility * stiffness), mobility)


wave = Check(
    cases=[{"amplitude": 1.4, "omega": 0.5, "weight": 1.6, "stiffness": 2.3, "mobility": 0.4},
           {"amplitude": 0.7, "omega": 5.0, "weight": -0.8, "stiffness": 1.5, "mobility": 1.8}],
    expected=_wave,
    wrong=[
        Wrong(_waves(lambda heat, omega, w, delay, mobility: heat * (1 + delay**2)),
              "This is the law of slow waves. A faster wave leaves the neuron behind, and it swings less."),
        Wrong(_waves(lambda heat, omega, w, delay, mobility: heat * mobility**2),
              "You have taken the mobility for the friction in the heat. The friction is one over it.", credit=0.5),
        Wrong(lambda amplitude, omega, weight, stiffness, mobility: _wave(amplitude, omega, weight, stiffness, 1 / mobility),
              "You have taken the mobility for the friction, everywhere."),
        Wrong(_waves(lambda heat, omega, w, delay, mobility: heat * math.sqrt(1 + delay**2)),
              "Your neuron swings too far in a fast wave: its amplitude falls by the root of 1 + (omega gamma / kappa)^2, "
              "and the heat goes with the square of it.", credit=0.5),
        Wrong(_waves(lambda heat, omega, w, delay, mobility: heat / w),
              "The weight stands once in your heat. The neuron swings w times as far, and friction goes with the square.",
              credit=0.5),
        Wrong(_waves(lambda heat, omega, w, delay, mobility: heat / w**2),
              "Your heat does not know of the weight."),
        Wrong(_waves(lambda heat, omega, w, delay, mobility: heat * omega / (2 * math.pi)),
              "This is the heat per unit of time. That of one period is asked for.", credit=0.5),
        Wrong(-1, "Your heat of a wave is negative. Friction warms the bath."),
        Wrong(2, "Your heat is twice too large. The mean of a squared cosine is one half.", credit=0.5),
    ],
)


# 4. A warm neuron, measured

_NEURONS = [{"weight": 1.7, "bias": 0.4, "stiffness": 2.6, "mobility": 0.45, "kT": 0.7, "duration": 1.6, "n": 6000,
             "seed": 81},
            {"weight": -1.1, "bias": -0.5, "stiffness": 1.4, "mobility": 1.8, "kT": 0.3, "duration": 0.7, "n": 8000,
             "seed": 82}]


@cache
def _mean_motion(weight, bias, stiffness, mobility, duration):
    """Work and final lag of the mean, which moves as if there were no noise, and how the work answers to a first offset."""
    def rest_moves(t):
        return 2 * weight / duration / math.cosh(weight * (2 * t / duration - 1) + bias) ** 2

    def motion(t, y):
        lag, _, offset, _ = y
        speed, decay = rest_moves(t), mobility * stiffness
        return [speed - decay * lag, stiffness * lag * speed, -decay * offset, stiffness * offset * speed]

    end = solve_ivp(motion, (0, duration), [0.0, 0.0, 1.0, 0.0], rtol=1e-9, atol=1e-11).y[:, -1]
    return float(end[1]), float(end[0]), float(end[3]), float(end[2])


def _mean_of(**change):
    """(work, lag) with some of the parameters changed, as a function of the others."""
    def means(weight, bias, stiffness, mobility, kT, duration, n, seed):
        case = {"weight": weight, "bias": bias, "stiffness": stiffness, "mobility": mobility, "duration": duration}
        return list(_mean_motion(**{**case, **{name: new(case) for name, new in change.items()}})[:2])

    return means


def _errors(weight, bias, stiffness, mobility, kT, duration, n, seed, start=1.0, bath=None):
    """Standard errors for a start of `start` times the thermal variance and a bath at `bath` instead of kT.

    In equilibrium Var W = 2 kT <W>, and a first offset that is not in equilibrium adds its own part.
    """
    work, _, to_work, to_end = _mean_motion(weight, bias, stiffness, mobility, duration)
    bath = kT if bath is None else bath
    extra = (start * kT - bath) / stiffness
    variances = 2 * bath * work + extra * to_work**2, bath / stiffness + extra * to_end**2
    return [math.sqrt(v / n) for v in variances]


def _slow(weight, bias, stiffness, mobility, kT, duration, n, seed):
    """K / tau with K the integral in closed form, and the lag gamma dm/dt / kappa."""
    def drag(x):
        return math.tanh(x) - math.tanh(x) ** 3 / 3

    work = 2 * weight / (mobility * duration) * (drag(bias + weight) - drag(bias - weight))
    return [work, 2 * weight / math.cosh(weight + bias) ** 2 / (mobility * stiffness * duration)]


sweep_mean = Check(
    cases=_NEURONS,
    expected=_mean_of(),
    rtol=0.01,
    atol=lambda **case: 4.5 * np.array(_errors(**case)),
    wrong=[
        Wrong(lambda **case: [_mean_of()(**case)[0], -_mean_of()(**case)[1]],
              "Your lag has the wrong sign: it is the right answer minus where the neuron is.", credit=0.5),
        Wrong(lambda **case: [_mean_of()(**case)[0] - 0.5 * case["stiffness"] * _mean_of()(**case)[1] ** 2,
                              _mean_of()(**case)[1]],
              "You return the heat of the sweep. At its end part of the work is still in the spring.", credit=0.5),
        Wrong(_mean_of(bias=lambda case: 0.0), "Your neuron has no bias."),
        Wrong(_mean_of(mobility=lambda case: 1 / case["mobility"]),
              "Your simulation has the friction where it should have the mobility."),
        Wrong(_mean_of(bias=lambda case: case["bias"] + case["weight"] / 2, weight=lambda case: case["weight"] / 2),
              "Your input starts at 0. It goes from -1 to 1."),
        Wrong(_slow, "These are the laws of slow sweeps. At this speed the neuron is far behind."),
    ],
)
sweep_error = Check(
    cases=_NEURONS,
    expected=_errors,
    rtol=0.05,
    wrong=[
        Wrong(lambda n, **case: [e * math.sqrt(n) for e in _errors(n=n, **case)],
              "You return the spread of single trajectories. A mean over n of them is more certain than that."),
        Wrong(lambda **case: [e**2 for e in _errors(**case)],
              "You return the squares of the standard errors."),
        Wrong(lambda n, **case: [e / math.sqrt(n) for e in _errors(n=n, **case)],
              "You divide the spread by the number of trajectories. The error of a mean falls as its root."),
        Wrong(lambda **case: _errors(start=0.0, **case),
              "Your neurons all start at the same place. In equilibrium they are spread out, with the variance kT / kappa."),
        Wrong(lambda **case: _errors(bath=1.0, **case),
              "Your bath is at kT = 1 whatever the temperature: `simulate` wants to be told."),
        Wrong(lambda **case: _errors(**{**case, "bias": 0.0}),
              "Your error bars are right for a neuron without bias, which is not the one that was asked for.", credit=0.5),
        Wrong(lambda **case: _errors(**{**case, "mobility": 1 / case["mobility"]}),
              "Your error bars are right for a neuron whose friction is the mobility of this one.", credit=0.5),
        Wrong(lambda **case: _errors(**case)[::-1], "Your two errors are in the wrong order."),
    ],
)


# 5. For which deadline?

def _works(sigma, r, mobility, kT, tau):
    """Least mean works in the time tau: follow; reset, then write, the split found by trying; overwrite."""
    width = math.hypot(sigma, r)
    nats = math.log(width / r)

    def split(share):
        return (width - r) ** 2 / share + sigma**2 / (1 - share)

    best = minimize_scalar(split, bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-12}).fun
    rub = mobility * tau
    return 2 * sigma**2 / rub, kT * nats + best / rub, kT * nats + (sigma**2 + (width - r) ** 2) / rub


@cache
def _deadlines(sigma, r, mobility, kT):
    def crossing(machine):
        def ahead(log_tau):
            works = _works(sigma, r, mobility, kT, math.exp(log_tau))
            return works[machine] - works[0]

        return math.exp(brentq(ahead, -30, 30, xtol=1e-13)) if ahead(-30) < 0 else 0.0

    return [crossing(1), crossing(2)]


def _with_ways(reset_write, overwrite=None, follow=lambda s, d: 2 * s * s, nats=math.log):
    """The pair for other squared ways, functions of sigma and of how far the width has to shrink, d."""
    overwrite = overwrite or (lambda s, d: s * s + d * d)

    def pair(sigma, r, mobility, kT):
        width = math.hypot(sigma, r)
        gains = [follow(sigma, width - r) - way(sigma, width - r) for way in (reset_write, overwrite)]
        return [max(gain, 0.0) / (mobility * kT * nats(width / r)) for gain in gains]

    return pair


def _optimal(s, d):
    return (s + d) ** 2


def _unclipped(sigma, r, mobility, kT):
    width = math.hypot(sigma, r)
    gain = 2 * sigma**2 - (sigma + width - r) ** 2
    return [gain / (mobility * kT * math.log(width / r)), _deadlines(sigma, r, mobility, kT)[1]]


def _no_noise_before(sigma, r, mobility, kT):
    """With sigma for the width of the old values."""
    gains = 2 * sigma**2 - (2 * sigma - r) ** 2, 2 * sigma**2 - sigma**2 - (sigma - r) ** 2
    return [max(gain, 0.0) / (mobility * kT * math.log(sigma / r)) for gain in gains]


deadline = Check(
    cases=[{"sigma": 0.7, "r": 1.1, "mobility": 0.4, "kT": 1.7}, {"sigma": 2.4, "r": 0.3, "mobility": 1.8, "kT": 0.6}],
    expected=_deadlines,
    rtol=1e-3,
    wrong=[
        Wrong(_with_ways(lambda s, d: d * d),
              "Your first machine resets, and then does not write. Resetting is half of the way.", credit=0.5),
        Wrong(_with_ways(lambda s, d: d * d, lambda s, d: d * d),
              "Neither of your machines brings the neuron to its new answer. They only forget the old one."),
        Wrong(_with_ways(lambda s, d: 2 * (d * d + s * s)),
              "You give half of the time to the reset and half to the writing. A better split costs less.", credit=0.5),
        Wrong(_with_ways(lambda s, d: d * d + s * s),
              "You give the whole time to the reset, and the whole time to the writing. Together they have to be done in "
              "tau.", credit=0.5),
        Wrong(_unclipped,
              "A duration of yours is negative. The machine never comes ahead, and 0 was to be returned.", credit=0.5),
        Wrong(_with_ways(_optimal, follow=lambda s, d: s * s),
              "Your follower goes to its answer from 0. It comes from the old answer, and the two are independent."),
        Wrong(_with_ways(_optimal, nats=math.log2),
              "Your machines forget in bits. With kT it has to be nats: a factor ln 2.", credit=0.5),
        Wrong(_with_ways(_optimal, nats=lambda ratio: 2 * math.log(ratio)),
              "Your machines forget the logarithm of a ratio of variances. A Gaussian loses that of the widths, half as "
              "much.", credit=0.5),
        Wrong(lambda sigma, r, mobility, kT: [mobility**2 * tau for tau in _deadlines(sigma, r, mobility, kT)],
              "Your durations grow with the mobility: you have taken it for the friction."),
        Wrong(lambda sigma, r, mobility, kT: [kT * tau for tau in _deadlines(sigma, r, mobility, kT)],
              "Forgetting costs your machines the same at all temperatures: kT is missing."),
        Wrong(lambda sigma, r, mobility, kT: _deadlines(sigma, r, mobility, kT)[::-1],
              "Your two machines are in the wrong order. The first is the one that resets, and then writes.", credit=0.5),
        Wrong(_no_noise_before,
              "The width of your old values is sigma. They carry thermal noise on top of their answers."),
    ],
)


# 6. The neuron that agrees with itself

@cache
def _loop(coupling):
    """Field, heat and both ends of the jump. The heat is the area of the loop, from the branch x(h) and not from U."""
    if coupling <= 1:
        return 0.0, 0.0, 0.0, 0.0
    edge = math.sqrt(1 - 1 / coupling)
    field = coupling * edge - math.atanh(edge)
    end = brentq(lambda z: z - coupling * math.tanh(z) - field, math.atanh(edge), coupling + field + 1, xtol=1e-14)
    end = math.tanh(end)
    # The upper branch from -field at x = edge to +field at x = end: area 2 int x dh, and dh/dx = 1/(1-x^2) - J.
    area = 2 * (0.5 * math.log((1 - edge**2) / (1 - end**2)) - 0.5 * coupling * (end**2 - edge**2))
    return field, area, edge, end


def _loops(change):
    return lambda coupling: [0.0, 0.0] if coupling <= 1 else list(change(coupling, *_loop(coupling)))


loop = Check(
    cases=[{"coupling": 1.35}, {"coupling": 2.6}, {"coupling": 0.8}],
    expected=lambda coupling: list(_loop(coupling)[:2]),
    rtol=1e-3,
    wrong=[
        Wrong(_loops(lambda J, field, heat, edge, end: (field, heat / 2)),
              "Your loop has one jump. It has a second one on the way back.", credit=0.5),
        Wrong(_loops(lambda J, field, heat, edge, end: (-field, heat)),
              "Your field is the one of the way back. On its way up the neuron is late, not early.", credit=0.5),
        Wrong(_loops(lambda J, field, heat, edge, end: (field, 4 * field * edge)),
              "Your neuron falls from the end of one branch to the end of the other. That is not a place of rest at this "
              "field: it falls further."),
        Wrong(_loops(lambda J, field, heat, edge, end: (field, 4 * field)),
              "Your loop is a box. The neuron is not at -1 and 1 all the way."),
        Wrong(_loops(lambda J, field, heat, edge, end: (2 * ((J - 1) / 3) ** 1.5, 1.5 * (J - 1) ** 2)),
              "These are the formulas of the quartic of chapter 5, with J - 1 for J. This energy has another fourth power."),
        Wrong(_loops(lambda J, field, heat, edge, end: (2 / 3 * (J - 1) ** 1.5, 4.5 * (J - 1) ** 2)),
              "This is good just above the threshold, where the energy is a quartic. The logarithms differ from it further "
              "up.", credit=0.5),
        Wrong(_loops(lambda J, field, heat, edge, end: (field, heat - 2 * field * (end + edge))),
              "Your energies leave out the term -h x. At the jump the field is not zero."),
        Wrong(_loops(lambda J, field, heat, edge, end: (field, -heat)),
              "The heat of your loop is negative. The neuron falls, and the bath gets what it loses.", credit=0.5),
    ],
)


# 7. Reports from eight laboratories

_CLAIMS = {
    "A": "adding in place, copying and running backward forget nothing. 2 x 3392 operations of 8 bits are a yardstick, and "
         "not a law: possible.",
    "B": "cleared without a look at the next input, each neuron pays at least H(0.1) = 0.325 kT, all 40 of them 13.0 kT: "
         "impossible.",
    "C": "each neuron pays at least H(old | new) = 0.170 kT, all 40 of them 6.8 kT. The count lies below the bound, so it "
         "does not help to be above the count: impossible.",
    "D": "if each may look at those that still stand, the bound is the joint entropy, and chapter 4 finds it below 10.5 "
         "nats: possible.",
    "E": "ln 16 = 2.77 kT for forgetting, and (16 - 1)^2 / 50 = 4.5 kT of friction, make 7.3 kT: impossible.",
    "F": "a neuron that follows is a function of its input, and gives up its value with it. It has nothing to erase, so its "
         "work may be as small as you like: possible.",
    "G": "3 J^2 / 2 is a law for kT = 0. Thermal kicks let the neuron jump early; `fokker_planck` finds 0.79: possible.",
    "H": "the free energy is back where it was, but the work is not given back. In a thousandth of the Kramers time the "
         "neuron is far from equilibrium; `fokker_planck` finds 1.46: impossible.",
}
_POSSIBLE = "ADFG"

verdicts = Check(
    cases=[{}],
    expected=lambda: _POSSIBLE,
    wrong=[Wrong(lambda letter=letter: "".join(sorted(set(_POSSIBLE) ^ {letter})),
                 f"One verdict does not stand. {letter}: {why}", credit=0.5) for letter, why in _CLAIMS.items()],
)


CHECKS = {
    "gates-test": gates,
    "memory-test": memory,
    "precision-test": precision,
    "wave-test": wave,
    "sweep-mean-test": sweep_mean,
    "sweep-error-test": sweep_error,
    "deadline-test": deadline,
    "loop-test": loop,
    "verdicts-test": verdicts,
}
