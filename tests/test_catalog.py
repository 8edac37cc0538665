import dataclasses

import pytest

from thermolib import catalog, units


def test_hardware_is_typed_and_consistent_with_the_units():
    rows = catalog.hardware()
    assert len(rows) == 35
    for row in rows:
        assert isinstance(row.year, int) and row.item and row.basis and row.source
        assert row.joule_per_operation == pytest.approx(row.kT_at_300K * units.thermal_energy(300), rel=5e-3, abs=0)
        assert row.joule_per_operation > 0.999 * units.landauer_limit()


def test_the_first_hardware_row_is_the_landauer_bound():
    bound = catalog.hardware()[0]
    assert bound.joule_per_operation == pytest.approx(units.landauer_limit(1, 300), rel=1e-3, abs=0)


def test_experiments_keep_numbers_as_numbers_and_words_as_words():
    rows = {(row.experiment, row.quantity): row for row in catalog.experiments()}
    measured = rows["Jun, Gavrilov, Bechhoefer", "asymptotic work, full erasure p=1"]
    assert (measured.value, measured.uncertainty, measured.unit) == (0.71, 0.03, "kT")
    fit = rows["Berut 2012/2015", "fit <Q> = ln2 + B/tau: B"]
    assert (fit.value, fit.uncertainty) == (8.15, None)
    assert rows["Gavrilov & Bechhoefer PRL", "average work to erase"].value == "< kT ln2 possible"
    assert all(row.source for row in catalog.experiments())


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.hardware()[0].year = 2000
