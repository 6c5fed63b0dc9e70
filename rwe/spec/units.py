# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Units of measure by their UCUM codes and OMOP concepts, and how a number in one becomes a number in another.

``units.csv`` is made by ``.ci/units.py`` from what the packages ucumvert and pint say, so that neither has to be
there when records are harmonised.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("units.csv")
_DIMENSIONS = ("mass", "length", "time", "substance", "temperature")
_MASS_TO_SUBSTANCE = (1, 0, 0, -1, 0)
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit.

    Parameters
    ----------
    concept_id, code
        Of OMOP, and of UCUM.
    factor, offset
        A number x of it is ``factor * x + offset`` of the SI unit of its dimension.
    dimension
        Powers of mass, length, time, substance and temperature.
    apart
        What keeps it from becoming another unit of the same dimension, such as an international unit.
    """

    concept_id: int
    code: str
    factor: float
    offset: float
    dimension: tuple[int, ...]
    apart: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """``factor * x + offset``."""

    factor: float
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        return self.factor * value + self.offset


@cache
def units() -> Mapping[str, Unit]:
    """Return every unit of the table by its UCUM code."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        found = [_unit(row) for row in csv.DictReader(lines)]
    return {unit.code: unit for unit in found}


@cache
def by_concept() -> Mapping[int, Unit]:
    """Return every unit of the table by its OMOP concept."""
    return {unit.concept_id: unit for unit in units().values()}


def _unit(row: dict[str, str]) -> Unit:
    dimension = tuple(int(row[name]) for name in _DIMENSIONS)
    concept, code, apart = int(row["concept_id"]), row["code"], row["apart"]
    return Unit(concept, code, float(row["factor"]), float(row["offset"]), dimension, apart)


def convert(unit: Unit, into: Unit, molar_mass: float | None = None) -> Conversion | None:
    """Return how a number in `unit` becomes one in `into`; None where it does not.

    Parameters
    ----------
    unit, into
        Two units of one dimension, or, with a molar mass, one of mass and one of substance.
    molar_mass
        Of what is measured, in g/mol.

    Examples
    --------
    >>> glucose = convert(units()["mg/dL"], units()["mmol/L"], molar_mass=180.156)
    >>> round(glucose(90), 2)
    5.0
    >>> convert(units()["[iU]/L"], units()["U/L"]) is None
    True
    """
    if unit == into:
        return Conversion(1.0)
    if unit.apart != into.apart:
        return None
    size = unit.factor
    if unit.dimension != into.dimension:
        powers = tuple(a - b for a, b in zip(unit.dimension, into.dimension, strict=True))
        if molar_mass is None or powers not in (_MASS_TO_SUBSTANCE, _negative(_MASS_TO_SUBSTANCE)):
            return None
        size *= (molar_mass / 1000) ** -powers[0]  # kg/mol
    return Conversion(_plain(size / into.factor), _plain((unit.offset - into.offset) / into.factor))


def _negative(powers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-power for power in powers)


def _plain(value: float) -> float:
    """Return the number without the noise of its last digits: g/dL to g/L is 10."""
    return float(f"{value:.{_DIGITS}g}")
