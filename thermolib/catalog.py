"""Published hardware and experiments: the numbers that the bounds are compared with, each with its source."""

import csv
from dataclasses import dataclass
from importlib.resources import files


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
