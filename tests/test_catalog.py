"""Published energies: typed, sourced, and never mixed across their kinds."""

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


def test_models_are_in_joules_and_consistent_with_their_operations():
    rows = {row.model: row for row in catalog.models()}
    gpt3 = rows["GPT-3 175B"]
    assert gpt3.training_energy == pytest.approx(1287e6 * 3600, abs=0)
    assert 2 * gpt3.parameters * gpt3.examples * units.thermal_energy(300) == pytest.approx(434.9, rel=1e-3)
    assert rows["DeepSeek-V3"].active_parameters == 3.7e10 < rows["DeepSeek-V3"].parameters
    assert rows["Gopher 280B"].training_flop is None
    for row in rows.values():
        assert row.active_parameters <= row.parameters and row.source and row.how
        if row.training_flop:  # 6 N D, up to attention; BloombergGPT counts a second forward pass, 8 N D
            passes = 8 if row.model.startswith("Bloomberg") else 6
            assert row.training_flop == pytest.approx(passes * row.active_parameters * row.examples, rel=0.15)


def test_every_basis_has_a_kind_and_an_estimate_is_never_called_measured():
    for row in catalog.hardware() + catalog.models():
        assert row.kind in catalog.KINDS
        if row.kind == "measured":
            assert row.basis.startswith("measured")
        if "TDP" in row.basis or "rated" in row.basis:
            assert row.kind == "rated"
    kinds = {row.model: row.kind for row in catalog.models()}
    assert kinds["GPT-3 175B"] == "estimated" and kinds["PaLM 540B"] == "measured" and kinds["BLOOM 176B"] == "rated"


def test_kinds_are_not_mixed_in_silence():
    rows = catalog.hardware()
    sorted_rows = catalog.by_kind(rows)
    assert list(sorted_rows) == [kind for kind in catalog.KINDS if kind in sorted_rows]
    assert sum(map(len, sorted_rows.values())) == len(rows)
    for kind, found in sorted_rows.items():
        assert catalog.one_kind(found) == kind
    with pytest.raises(ValueError, match="one kind of energy, got law, measured"):
        catalog.one_kind(rows)
    with pytest.raises(ValueError, match="got no rows"):
        catalog.one_kind([])
