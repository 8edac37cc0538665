"""Published hardware, models and experiments: the numbers that the bounds are compared with, each with its source.

An energy that somebody measured and one that somebody estimated are different things. Every row says which it is, in the
words of its source (`basis`) and as one of `KINDS` (`kind`), and what averages or plots rows goes through `by_kind` or
`one_kind`, so that kinds are never mixed in silence.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeVar

#: How an energy was obtained: the short name, and how a legend or caption says it.
KINDS = {
    "law": "law",
    "measured": "measured",
    "rated": "rated power / peak rate",
    "table": "table",
    "simulated": "simulated",
    "estimated": "estimate",
}

_KIND_OF_BASIS = {
    "kT ln2": "law",
    "measured": "measured",
    "measured chip": "measured",
    "measured system power x PUE / 6ND": "measured",
    "measured GPU energy / 6ND": "measured",
    "mean measured chip power/peak": "rated",  # the power was measured, the rate is the peak
    "TDP/peak": "rated",
    "TDP/peak dense": "rated",
    "TDP x GPU-h / 6ND": "rated",
    "accelerator-hours x rated power": "rated",
    "table": "table",
    "reported power/throughput": "table",
    "PRE-SILICON SDF+SPICE simulation; stated as a minimum": "simulated",
    "pre-silicon simulation": "simulated",
    "ATP 30 kJ/mol": "estimated",
    "reported energy / D.1 FLOP": "estimated",  # the reported energy rests on an assumed number of chips
    "assumed": "estimated",
}
_JOULE_PER_MEGAWATT_HOUR = 3.6e9


@dataclass(frozen=True)
class Hardware:
    """Energy per elementary operation of one device; basis says how it was obtained, kT_at_300K is the same in kT."""

    item: str
    device: str
    year: int
    operation: str
    joule_per_operation: float
    kT_at_300K: float
    basis: str
    source: str
    note: str

    @property
    def kind(self) -> str:
        """How the energy was obtained: one of `KINDS`."""
        return _KIND_OF_BASIS[self.basis]


@dataclass(frozen=True)
class Model:
    """A trained model: its parameters, the examples (tokens) it has seen, and the energy of its training.

    active_parameters: those used for one token, fewer than all in a mixture of experts. training_flop: floating point
    operations, None where none was published. basis: how the energy was obtained; how: the same in detail.
    """

    model: str
    year: int
    parameters: float
    active_parameters: float
    examples: float
    training_flop: float | None
    training_energy: float  # in joules
    basis: str
    how: str
    hardware: str
    source: str
    note: str

    @property
    def kind(self) -> str:
        """How the energy was obtained: one of `KINDS`."""
        return _KIND_OF_BASIS[self.basis]


@dataclass(frozen=True)
class Experiment:
    """One measured or simulated quantity of a bit that is erased.

    value and uncertainty are numbers where the source gives one, its words where it gives words (a range, a formula),
    and None where it gives nothing.
    """

    experiment: str
    year: int
    system: str
    quantity: str
    value: float | str | None
    uncertainty: float | str | None
    unit: str
    conditions: str
    source: str


def _rows(name: str) -> list[dict[str, str]]:
    with files("thermolib").joinpath("data", name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def _number_or_words(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


def hardware() -> tuple[Hardware, ...]:
    """Energy per operation of processors, analog chips and synapses, in the order of data/hardware.csv."""
    return tuple(
        Hardware(
            item=row["item"],
            device=row["class"],
            year=int(row["year"]),
            operation=row["operation"],
            joule_per_operation=float(row["joule_per_operation"]),
            kT_at_300K=float(row["kT_at_300K"]),
            basis=row["basis"],
            source=row["source"],
            note=row["note"],
        )
        for row in _rows("hardware.csv")
    )


def models() -> tuple[Model, ...]:
    """Published language models with the energy of their training in joules, in the order of data/models.csv."""
    return tuple(
        Model(
            model=row["model"],
            year=int(row["year"]),
            parameters=float(row["parameters"]),
            active_parameters=float(row["active_parameters"] or row["parameters"]),
            examples=float(row["training_data"]),
            training_flop=float(row["training_flop"]) if row["training_flop"] else None,
            training_energy=float(row["training_energy_MWh"]) * _JOULE_PER_MEGAWATT_HOUR,
            basis=row["energy_basis"],
            how=row["energy_how"],
            hardware=row["hardware"],
            source=row["source"],
            note=row["note"],
        )
        for row in _rows("models.csv")
    )


Row = TypeVar("Row", Hardware, Model)


def by_kind(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows sorted into one list per kind, kinds in the order of `KINDS`: one series of a plot each."""
    return {kind: found for kind in KINDS if (found := [row for row in rows if row.kind == kind])}


def one_kind(rows: Sequence[Row]) -> str:
    """The kind that all rows share, for who adds, averages or compares them.

    Raises ValueError if there are none, or if they mix kinds.
    """
    kinds = list(by_kind(rows))
    if len(kinds) != 1:
        raise ValueError(f"rows must share one kind of energy, got {', '.join(kinds) or 'no rows'}")
    return kinds[0]


def experiments() -> tuple[Experiment, ...]:
    """Measured and simulated costs of erasing a bit, in the order of data/experiments.csv."""
    return tuple(
        Experiment(
            experiment=row["experiment"],
            year=int(row["year"]),
            system=row["system"],
            quantity=row["quantity"],
            value=_number_or_words(row["value"]),
            uncertainty=_number_or_words(row["uncertainty"]),
            unit=row["unit"],
            conditions=row["conditions"],
            source=row["source"],
        )
        for row in _rows("experiments.csv")
    )
