"""Joules: the only module of the library that knows them. Everywhere else energies are in one reduced unit."""

import math

from thermolib import _check

#: Boltzmann constant in joules per kelvin, exact since the SI of 2019.
BOLTZMANN = 1.380649e-23

#: Elementary charge in coulombs, exact since the SI of 2019.
ELEMENTARY_CHARGE = 1.602176634e-19

#: One electronvolt in joules, exact.
ELECTRONVOLT = ELEMENTARY_CHARGE

_PREFIXES = {-24: "y", -21: "z", -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M",
             9: "G", 12: "T"}


def thermal_energy(temperature: float = 300.0) -> float:
    """Thermal energy k_B T in joules, at a temperature in kelvin.

    Raises ValueError if the temperature is not a positive number.
    """
    return BOLTZMANN * _check.positive("temperature", temperature)


def landauer_limit(bits: float = 1.0, temperature: float = 300.0) -> float:
    """Least heat of erasing unbiased bits, in joules: bits * k_B T ln 2.

    bits: how many, not negative (fractions of a bit are information too); temperature: kelvin, positive.

    Source: Landauer 1961 (landauer1961).
    """
    return _check.nonnegative("bits", bits) * thermal_energy(temperature) * math.log(2)


def joules_to_electronvolts(joules: float) -> float:
    """An energy in electronvolts, from joules."""
    return _check.finite("joules", joules) / ELECTRONVOLT


def format_energy(joules: float, digits: int = 3) -> str:
    """An energy as text with an SI prefix from y (1e-24) to T (1e12): 2.87e-21 -> '2.87 zJ'.

    joules: a finite energy of either sign; digits: significant digits shown, at least 1.
    """
    _check.finite("joules", joules)
    _check.count("digits", digits)
    if joules == 0:
        return "0 J"
    # Round first: 999.9 zJ at three digits has to become 1.00 aJ, not 1000 zJ.
    rounded = f"{joules:.{digits - 1}e}"
    exponent = int(rounded.split("e")[1])
    power = min(max(3 * (exponent // 3), min(_PREFIXES)), max(_PREFIXES))
    decimals = max(0, digits - 1 - (exponent - power))
    return f"{float(rounded) / 10.0**power:.{decimals}f} {_PREFIXES[power]}J"
