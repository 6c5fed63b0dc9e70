# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Measures: the unit in which each measured thing is kept, what other units become there, what cannot be.

The sheet has the columns *concept_id, name, unit, factor, offset, molar_mass, low, high*. The line of a concept
without a factor is its standard: unit (UCUM), molar mass in g/mol where amounts and masses are to meet, and the
lowest and highest value that a living person can have; without ``low`` it is 0, because negative results are
impossible unless said otherwise. A line with a factor is another unit: ``factor * x + offset`` of the standard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path

from rwe.errors import DefinitionError, Problem
from rwe.spec.sheet import Row, read_sheet, suggest
from rwe.spec.units import Conversion, Unit, by_concept, convert, units

COLUMNS = ("concept_id", "name", "unit", "factor", "offset", "molar_mass", "low", "high")
_NUMBERS = ("factor", "offset", "molar_mass", "low", "high")


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured thing: its standard unit and limits, in that unit."""

    concept_id: int
    unit: Unit
    molar_mass: float | None
    low: float
    high: float
    others: Mapping[str, Conversion] = field(default_factory=dict)

    def standard(self, unit_concept: int) -> Conversion | None:
        """Return how a number in the unit becomes one in the standard unit; None where it does not."""
        unit = by_concept().get(unit_concept)
        if unit is None:
            return None
        return self.others.get(unit.code) or convert(unit, self.unit, self.molar_mass)


def load_measures(path: Path) -> Mapping[int, Measure]:
    """Read a sheet of measures by their concepts.

    Raises
    ------
    DefinitionError
        With every fault as ``file:line:column: column: what to write``.
    """
    rows = read_sheet(path, COLUMNS)
    problems = [p for row in rows for p in _line(row)]
    problems = problems or list(_across(rows))
    if problems:
        raise DefinitionError(problems)
    others: dict[str, dict[str, Conversion]] = {}
    for row in rows:
        if row["factor"]:
            line = Conversion(float(row["factor"]), float(row["offset"] or 0))
            others.setdefault(row["concept_id"], {})[row["unit"]] = line
    made = [_measure(row, others.get(row["concept_id"], {})) for row in rows if not row["factor"]]
    return {measure.concept_id: measure for measure in made}


def _measure(row: Row, others: Mapping[str, Conversion]) -> Measure:
    return Measure(
        concept_id=int(row["concept_id"]),
        unit=units()[row["unit"]],
        molar_mass=float(row["molar_mass"]) if row["molar_mass"] else None,
        low=float(row["low"] or 0),
        high=float(row["high"] or inf),
        others=others,
    )


def _line(row: Row) -> Iterator[Problem]:
    if not row["concept_id"].isdecimal():
        yield row.problem("concept_id", "a concept id is a whole number")
    if row["unit"] not in units():
        yield row.problem("unit", f"unknown unit '{row['unit']}'{_near(row['unit'])}")
    wrong = [name for name in _NUMBERS if row[name] and not _is_number(row[name])]
    for name in wrong:
        yield row.problem(name, "not a number")
    if wrong:
        return
    if row["factor"] and float(row["factor"]) <= 0:
        yield row.problem("factor", "a factor is greater than 0")
    if row["molar_mass"] and float(row["molar_mass"]) <= 0:
        yield row.problem("molar_mass", "a molar mass is greater than 0")
    yield from _belongs(row)


def _near(code: str) -> str:
    if same := [known for known in units() if known.lower() == code.lower()]:
        return f"; did you mean '{same[0]}'?"
    near = suggest(code, units())
    return near if near.startswith("; did") else "; write its UCUM code, such as mmol/L"


def _belongs(row: Row) -> Iterator[Problem]:
    """Yield what stands on the wrong kind of line, and limits that leave nothing between them."""
    if row["factor"]:
        for name in ("molar_mass", "low", "high"):
            if row[name]:
                yield row.problem(name, "belongs on the line of the standard unit, which has no factor")
    elif row["offset"]:
        yield row.problem("offset", "an offset needs a factor")
    elif float(row["low"] or 0) >= float(row["high"] or inf):
        yield row.problem("low", "must be below high")


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _across(rows: Sequence[Row]) -> Iterator[Problem]:
    """Yield concepts without a standard unit, and units that stand twice."""
    standard: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if not row["factor"] and row["concept_id"] in standard:
            yield row.problem("concept_id", "this concept has its standard unit already")
        if (row["concept_id"], row["unit"]) in seen:
            yield row.problem("unit", "this concept has a line for the unit already")
        seen.add((row["concept_id"], row["unit"]))
        if not row["factor"]:
            standard.add(row["concept_id"])
    for row in rows:
        if row["concept_id"] not in standard:
            yield row.problem("concept_id", "no line without a factor says the standard unit of this concept")
