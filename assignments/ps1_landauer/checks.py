"""What the hidden tests of problem set 1 must find. Never goes to students."""

import math
from functools import cache

import numpy as np
from scipy.optimize import brentq
from thermograde.checks import Check, Wrong

from thermolib import landauer, units
from thermolib.langevin import equilibrium_density, fokker_planck

ln2 = math.log(2)
H = landauer.binary_entropy


# 1. A memory with unequal rooms

unequal_rooms = Check(
    cases=[{"p": 0.2, "v": 3.0, "kT": 1.7}, {"p": 0.65, "v": 0.4, "kT": 0.6}, {"p": 0.03, "v": 12.0, "kT": 2.3}],
    expected=lambda p, v, kT: kT * (H(p) + p * math.log(v)),
    wrong=[
        Wrong(lambda p, v, kT: kT * H(p),
              "Your heat does not know of the rooms. There is entropy inside of a state too: more of it in a larger room."),
        Wrong(lambda p, v, kT: kT * (H(p) - p * math.log(v)),
              "Your rooms have the wrong sign: from a large room into a small one is a compression, and gives off heat."),
        Wrong(lambda p, v, kT: kT * (H(p) + math.log(v)),
              "You charge for the change of room in every run. The particle is in the other room with probability p only."),
        Wrong(lambda p, v, kT: kT * (H(p) + p * math.log(v)) / ln2,
              "Your entropy is in bits. With kT it has to be in nats: a factor ln 2.", credit=0.5),
        Wrong(lambda p, v, kT: kT * (H(p) / ln2 + p * math.log(v)),
              "Your H(p) is in bits and the rest in nats. With kT all of it has to be in nats.", credit=0.5),
        Wrong(lambda p, v, kT: H(p) + p * math.log(v),
              "Your heat does not depend on the temperature: kT is missing."),
        Wrong(lambda p, v, kT: (H(p) + p * math.log(v)) / kT,
              "Your heat falls as the temperature rises: you have divided by kT, as if it were beta."),
    ],
)


# 2. A tape with memory

def _tape(n, flip, temperature, nats):
    return units.thermal_energy(temperature) * nats


tape = Check(
    cases=[{"n": 1000, "flip": 0.07, "temperature": 310.0}, {"n": 7, "flip": 0.31, "temperature": 77.0}],
    expected=lambda n, flip, temperature: _tape(n, flip, temperature, ln2 + (n - 1) * H(flip)),
    wrong=[
        Wrong(lambda n, flip, temperature: _tape(n, flip, temperature, n * ln2),
              "You erase bit by bit, and pay ln 2 for each. A bit that can be guessed from its neighbor holds less."),
        Wrong(lambda n, flip, temperature: _tape(n, flip, temperature, n * H(flip)),
              "You charge H(flip) for the first bit too. It has no bit before it, and is a fair coin.", credit=0.5),
        Wrong(lambda n, flip, temperature: _tape(n, flip, temperature, (n - 1) * H(flip)),
              "You have forgotten the first bit.", credit=0.5),
        Wrong(lambda n, flip, temperature: _tape(n, flip, temperature, 1 + (n - 1) * H(flip) / ln2),
              "Your information is in bits: a factor ln 2 is lost. With k_B T it has to be in nats.", credit=0.5),
        Wrong(lambda n, flip, temperature: ln2 + (n - 1) * H(flip),
              "Your heat is in units of kT. It was to be in joules."),
        Wrong(lambda n, flip, temperature: temperature * (ln2 + (n - 1) * H(flip)),
              "Your heat is in kelvin: Boltzmann's constant is missing."),
    ],
)


# 3. The ledger of a recorded path

def _films():
    rng = np.random.default_rng(31)
    for steps in (12, 40):
        yield {"x": rng.normal(size=steps + 1).round(3).tolist(),
               "c": (2 + rng.uniform(-1, 1, size=steps + 1)).round(3).tolist()}


def _work(x, c):
    return float(np.sum(0.5 * np.diff(c) * x[:-1] ** 2))


def _heat(x, c):
    return float(-np.sum(0.5 * c[1:] * np.diff(x**2)))


def _of_film(ledger):
    return lambda x, c: ledger(np.array(x), np.array(c))


old_work = _of_film(lambda x, c: float(np.sum(0.5 * np.diff(c) * x[1:] ** 2)))
old_heat = _of_film(lambda x, c: float(-np.sum(0.5 * c[:-1] * np.diff(x**2))))

ledger_work = Check(
    cases=list(_films()),
    expected=_of_film(_work),
    wrong=[
        Wrong(old_work, "Your control moves after the bead: the work is counted at x_(n+1), the heat at the old control. "
                        "The first law holds all the same, so it did not warn you."),
        Wrong(_of_film(_heat), "This is the heat. The pair is (work, heat)."),
        Wrong(-1, "Your work has the wrong sign: it is positive when the control raises the energy."),
        Wrong(2, "Your work is twice too large: the energy is c x^2 / 2.", credit=0.5),
    ],
)
ledger_heat = Check(
    cases=list(_films()),
    expected=_of_film(_heat),
    wrong=[
        Wrong(-1, "Your heat has the sign of the energy change: heat is positive when it leaves the system."),
        Wrong(old_heat, "Your heat is taken at the old control, as if the bead moved first. In a step the control moves "
                        "first, and the bead then moves at the new control."),
        Wrong(_of_film(_work), "This is the work. The pair is (work, heat)."),
        Wrong(2, "Your heat is twice too large: the energy is c x^2 / 2.", credit=0.5),
    ],
)


# 4. What each content costs

_RUNS = [{"duration": 0.6, "n": 3000, "seed": 71}, {"duration": 1.2, "n": 2000, "seed": 72}]


@cache
def _heats(duration):
    """Mean heat of a start on the left and on the right, without sampling, and the spread of single runs (to 2 %)."""
    well = landauer.DoubleWell()
    grid = well.grid(points=1000)
    density = equilibrium_density(well, (1.0, 0.0), grid)
    means = [float(fokker_planck(well, landauer.erasure_protocol(duration), grid, duration=duration, steps=1000,
                                 initial=np.where(side * grid > 0, density, 0.0)).heat[-1]) for side in (-1, 1)]
    run = landauer.erase(duration, 4000, rng=7, record=[0.0])
    left = run.recorded_x[0] < 0
    return means, [float(run.heat[left].std()), float(run.heat[~left].std())]


def _errors(duration, n, seed):
    return [spread / math.sqrt(n / 2) for spread in _heats(duration)[1]]


content_heat = Check(
    cases=_RUNS,
    expected=lambda duration, n, seed: _heats(duration)[0],
    rtol=0.005,
    atol=lambda duration, n, seed: 4.5 * np.array(_errors(duration, n, seed)),
    wrong=[
        Wrong(lambda duration, n, seed: _heats(duration)[0][::-1],
              "Your two heats are in the wrong order. The first is of the beads that began on the left."),
        Wrong(lambda duration, n, seed: [float(np.mean(_heats(duration)[0]))] * 2,
              "Your two heats are the same: each is a mean over all beads, wherever they began."),
        Wrong(-1, "Your heats have the wrong sign: heat is positive when it goes into the bath."),
    ],
)
content_error = Check(
    cases=_RUNS,
    expected=_errors,
    rtol=0.12,
    wrong=[
        Wrong(lambda duration, n, seed: _heats(duration)[1],
              "You return the spread of single runs. The standard error is that of their mean: divide by the root of how "
              "many there are."),
        Wrong(lambda duration, n, seed: [e**2 for e in _errors(duration, n, seed)],
              "You return variances. A standard error is the root."),
        Wrong(lambda duration, n, seed: [e * math.sqrt(n / 2) / (n / 2) for e in _errors(duration, n, seed)],
              "You divide by the number of beads. The error of a mean falls as the root of the number."),
        Wrong(1 / math.sqrt(2), "Your errors are too small by the root of 2: each mean is over half of the n beads only.",
              credit=0.5),
    ],
)


# 5. How much haste can you afford?

@cache
def _duration(budget, barrier):
    def overdrawn(duration):
        return landauer.erase_exactly(duration, barrier=barrier, points=500, steps=500).work[-1] - budget

    return brentq(overdrawn, 0.5, 100.0, rtol=1e-4)


haste = Check(
    cases=[{"budget": 4.0, "barrier": 13.0}, {"budget": 1.6, "barrier": 7.0}],
    expected=_duration,
    rtol=0.02,
    wrong=[
        Wrong(lambda budget, barrier: landauer.erasure_distance_squared(barrier) / (budget - ln2),
              "This is the time that the best of all protocols would need. The four straight stages need longer."),
        Wrong(lambda budget, barrier: 7.6 / (budget - ln2),
              "You have used ln 2 + B / duration with the B of slow erasures at a barrier of 13. Neither holds here.",
              credit=0.5),
        Wrong(lambda budget, barrier: _duration(budget + ln2, barrier) if barrier == 13.0 else None,
              "You spend the budget on the excess over kT ln 2. It has to pay for all of the work."),
        Wrong(lambda budget, barrier: _duration(budget, 13.0) if barrier != 13.0 else None,
              "Your answer does not depend on the barrier: it is right for a barrier of 13 only.", credit=0.5),
    ],
)


# 6. A device on trial

def _trial(heat0, heat1, kT):
    weight0, weight1 = math.exp(-heat0 / kT), math.exp(-heat1 / kT)
    return [weight1 / (weight0 + weight1), -kT * math.log(weight0 + weight1)]


trial = Check(
    cases=[{"heat0": 0.5, "heat1": 3.1, "kT": 1.6}, {"heat0": 2.2, "heat1": 0.4, "kT": 0.7},
           {"heat0": 0.2, "heat1": 0.3, "kT": 1.3}],
    expected=_trial,
    wrong=[
        Wrong(lambda heat0, heat1, kT: [1 - _trial(heat0, heat1, kT)[0], _trial(heat0, heat1, kT)[1]],
              "Your p is the probability of a 0. A device that pays much for a 1 was made for bits that are rarely 1.",
              credit=0.5),
        Wrong(lambda heat0, heat1, kT: [_trial(heat0, heat1, kT)[0], -_trial(heat0, heat1, kT)[1]],
              "Your excess has the wrong sign: it is positive when the device stays above the bound.", credit=0.5),
        Wrong(lambda heat0, heat1, kT: [_trial(heat0, heat1, kT)[0], _trial(heat0, heat1, kT)[1] / kT],
              "Your excess is in units of kT. It was to be in the unit of kT itself, like the heats.", credit=0.5),
        Wrong(lambda heat0, heat1, kT: [_trial(heat0 * kT**2, heat1 * kT**2, kT)[0], _trial(heat0, heat1, kT)[1]],
              "In your p the heats are multiplied by kT: you have taken T for beta.", credit=0.5),
        Wrong(lambda heat0, heat1, kT: [0.5, (heat0 + heat1) / 2 - kT * ln2],
              "You put the device on trial with fair bits. It may have been made for others."),
    ],
)

_CLAIMS = {
    "A": "exp(-0.05) + exp(-2.5) is more than 1, so for some bias this device would stay below kT H(p): impossible.",
    "B": "exp(-0.20) + exp(-2.5) is less than 1, so the line stays above the arch for every bias: possible.",
    "C": "the bound is about the mean. A single run may give back work, if rarely: possible.",
    "D": "with 2 % of failures the bound is ln 2 - H(0.02) = 0.595 kT, and 0.60 is more: possible.",
    "E": "with 8 % of failures the bound is ln 2 - H(0.08) = 0.414 kT, and 0.38 is less: impossible.",
    "F": "the tape holds 500 fair bits, and their bound is 500 ln 2 = 347 kT: impossible.",
}
_POSSIBLE = "BCD"

verdicts = Check(
    cases=[{}],
    expected=lambda: _POSSIBLE,
    wrong=[Wrong(lambda letter=letter: "".join(sorted(set(_POSSIBLE) ^ {letter})),
                 f"One verdict does not stand. {letter}: {why}", credit=0.5) for letter, why in _CLAIMS.items()],
)


CHECKS = {
    "unequal-rooms-test": unequal_rooms,
    "tape-test": tape,
    "ledger-work-test": ledger_work,
    "ledger-heat-test": ledger_heat,
    "content-heat-test": content_heat,
    "content-error-test": content_error,
    "haste-test": haste,
    "trial-test": trial,
    "verdicts-test": verdicts,
}
