"""Constants, thermal energies and Landauer's limit in joules, and how energies read."""

import math

import pytest

from thermolib import units


def test_constants_are_the_exact_si_values():
    assert units.BOLTZMANN == 1.380649e-23
    assert units.ELEMENTARY_CHARGE == units.ELECTRONVOLT == 1.602176634e-19


def test_landauer_limit_at_room_temperature():
    assert units.landauer_limit(1, 300) == pytest.approx(2.8710e-21, rel=2e-5, abs=0)
    assert units.landauer_limit() == units.landauer_limit(1, 300)
    assert units.landauer_limit(8, 77) == pytest.approx(8 * 77 / 300 * units.landauer_limit(), rel=1e-14, abs=0)
    assert units.landauer_limit(0, 300) == 0


def test_thermal_energy_of_an_electronvolt():
    assert units.thermal_energy(11604.518) == pytest.approx(units.ELECTRONVOLT, rel=1e-7, abs=0)
    assert units.joules_to_electronvolts(units.thermal_energy(300)) == pytest.approx(0.025852, rel=1e-4)
    assert units.landauer_limit() == pytest.approx(math.log(2) * units.thermal_energy(300), rel=1e-15, abs=0)


@pytest.mark.parametrize(
    "joules, digits, text",
    [
        (2.871e-21, 3, "2.87 zJ"),
        (-2.871e-21, 3, "-2.87 zJ"),
        (2.871e-21, 1, "3 zJ"),
        (0, 3, "0 J"),
        (1, 3, "1.00 J"),
        (999.6e-21, 3, "1.00 aJ"),
        (999.4e-21, 3, "999 zJ"),
        (28.71e-24, 3, "28.7 yJ"),
        (5e-27, 2, "0.0050 yJ"),
        (4.633e12, 2, "4.6 TJ"),
        (4.633e16, 3, "46300 TJ"),
        (1e-6, 3, "1.00 µJ"),
        (1.5e3, 2, "1.5 kJ"),
        (1e-24, 3, "1.00 yJ"),
        (435.0, 3, "435 J"),
    ],
)
def test_format_energy(joules, digits, text):
    assert units.format_energy(joules, digits) == text


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: units.thermal_energy(0), "temperature must be positive, got 0"),
        (lambda: units.thermal_energy(-1.0), "temperature must be positive, got -1.0"),
        (lambda: units.thermal_energy(math.nan), "temperature must be a finite number, got nan"),
        (lambda: units.thermal_energy("300"), "temperature must be a finite number, got '300'"),
        (lambda: units.landauer_limit(-1), "bits must not be negative, got -1"),
        (lambda: units.landauer_limit(1, math.inf), "temperature must be a finite number, got inf"),
        (lambda: units.format_energy(math.inf), "joules must be a finite number, got inf"),
        (lambda: units.format_energy(1.0, 0), "digits must be an integer of at least 1, got 0"),
        (lambda: units.joules_to_electronvolts(math.nan), "joules must be a finite number, got nan"),
    ],
)
def test_bad_input_names_the_rule_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_prefix_reads_as_its_power_of_ten():
    for power, prefix in zip(range(-24, 13, 3), ("y", "z", "a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T"), strict=True):
        assert units.format_energy(3.7 * 10.0**power) == f"3.70 {prefix}J"
