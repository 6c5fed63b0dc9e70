# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Population life tables: hazards by sex, calendar year and age, checked at the door, and what they expect."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DataError, DefinitionError
from rwe.kernels._jit import F8, I8
from rwe.kernels.life_table import expected_hazard
from rwe.survival.columns import numeric, refuse
from rwe.survival.data import read
from rwe.survival.door import door
from rwe.survival.levels import levels
from rwe.survival.show import Shown, Story

YEAR = 365.241  # days in a year of age, as R's rate tables count them


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LifeTable(Shown):
    """Daily hazards of a population.

    Parameters
    ----------
    sexes
        Values of the column of sex, ascending.
    years
        First calendar year of each stretch; a hazard holds from its 1 January to the next one listed,
        the last for that year alone.
    ages
        First day of life of each stretch; the last reaches on without end.
    outside
        ``refuse`` follow-up in years that are not listed, or ``nearest``: take the first or last year.
    """

    sexes: tuple[Any, ...]
    years: tuple[int, ...]
    ages: F8
    outside: str
    _hazard: F8 = field(repr=False)

    @property
    def cuts(self) -> tuple[F8, F8, F8]:
        """Hazards (flat: sex, year, age), cuts of age and of calendar day."""
        days = np.array([(dt.date(y, 1, 1) - dt.date(1970, 1, 1)).days for y in self.years], np.float64)
        return self._hazard, self.ages, days

    def _story(self) -> Story:
        by_year = self._hazard.reshape(len(self.sexes) * len(self.years), -1)
        table = pl.DataFrame(
            {
                "sex": [sex for sex in self.sexes for _ in self.years],
                "year": self.years * len(self.sexes),
                "lowest": by_year.min(axis=1),
                "highest": by_year.max(axis=1),
            }
        )
        return f"Life table, hazards a day over {self.ages.size} ages, years outside: {self.outside}", table, ()


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """Where persons stand in a life table at the start: code of sex, age in days, calendar day."""

    table: LifeTable
    sex: I8
    age: F8
    day: F8

    def expected(self, until: F8) -> F8:
        """Return the cumulative hazard each person would have in the population until `until` days."""
        return expected_hazard(*self.table.cuts, self.sex, self.age, self.day, np.ascontiguousarray(until, np.float64))


@door
def life_table(
    frame: Any,
    *,
    sex: str,
    year: str,
    age: str,
    hazard: str,
    age_unit: Literal["days", "years"] = "days",
    outside: Literal["refuse", "nearest"] = "refuse",
) -> LifeTable:
    """Check a life table and make it ready for `net_survival` and `one_sample_log_rank`.

    Parameters
    ----------
    frame
        One row a cell; every sex, year and age must meet exactly once.
    sex, year, age, hazard
        Columns: sex (any values, the same as in the cohort), first calendar year and first age of the
        cell, and the hazard a day, for example -log(1 - q) / 365.241 from a yearly probability q.
    age_unit
        Of the column of age; a year is 365.241 days.
    outside
        What to do with follow-up in calendar years that are not in the table. Ages beyond the last
        always take the last, which is open.

    Raises
    ------
    DataError
        If cells lack, repeat, or hold no hazard; if ages do not start at 0.
    DefinitionError
        If an argument is not one of those allowed.

    Examples
    --------
    >>> cells = pl.DataFrame({"sex": ["f", "m"], "year": 2000, "age": 0, "hazard": [1e-4, 2e-4]})
    >>> table = life_table(cells, sex="sex", year="year", age="age", hazard="hazard")
    >>> print(table)
    Life table, hazards a day over 1 ages, years outside: refuse
    <BLANKLINE>
    sex year lowest highest
    f   2000 0.0001  0.0001
    m   2000 0.0002  0.0002
    """
    if age_unit not in ("days", "years") or outside not in ("refuse", "nearest"):
        raise DefinitionError("age_unit is days or years; outside is refuse or nearest")
    cells = read(frame, [sex, year, age, hazard])
    if not cells.height:
        raise DataError("the life table has no rows")
    years, ages = numeric(cells[year]), numeric(cells[age]).cast(pl.Float64)
    off = years.cast(pl.Float64)
    refuse(int(((off != off.floor()) | (off < 1) | (off > 9999)).sum()), cells.height, year, "hold no calendar year")
    h = numeric(cells[hazard]).cast(pl.Float64)
    refuse(int((h < 0).sum()), cells.height, hazard, "hold a negative hazard")
    refuse(int((h > 1).sum()), cells.height, hazard, "hold more than 1 a day", "give the hazard of a day")
    keyed = pl.DataFrame({"sex": cells[sex], "year": years.cast(pl.Int64), "age": ages, "hazard": h})
    first = levels(keyed, ["sex"]).frame["sex"]
    n_years, n_ages = keyed["year"].n_unique(), keyed["age"].n_unique()
    if keyed.select("sex", "year", "age").n_unique() != keyed.height or keyed.height != first.len() * n_years * n_ages:
        wanted = f"{first.len()} sexes, {n_years} years and {n_ages} ages make {first.len() * n_years * n_ages} cells"
        raise DataError(f"the life table has {keyed.height} rows where {wanted}: each must be there once")
    ordered = keyed.sort("sex", "year", "age")
    cuts = ordered["age"].unique().sort().to_numpy() * (YEAR if age_unit == "years" else 1.0)
    if cuts[0] != 0:
        raise DataError(f"column '{age}': the first age is not 0")
    listed = tuple(int(y) for y in ordered["year"].unique().sort())
    flat = np.ascontiguousarray(ordered["hazard"].to_numpy())
    return LifeTable(tuple(first), listed, np.ascontiguousarray(cuts), outside, flat)


def lives(table: LifeTable, frame: pl.DataFrame, *, age: str, sex: str, date: str, until: I8) -> Lives:
    """Place persons in a life table.

    Parameters
    ----------
    age, sex, date
        Columns: age in days at the start, sex, calendar date of the start.
    until
        Last day followed, to see whether follow-up stays within the years of the table.

    Raises
    ------
    DataError
        If rows break the contract of a column, or leave the table.
    """
    of = frame.height
    old = numeric(frame[age]).cast(pl.Float64).to_numpy()
    refuse(int((old < 0).sum()), of, age, "hold a negative age")
    refuse(int((old > 125 * YEAR).sum()), of, age, "are older than 125 years", "give ages in days")
    advice = "give the ages in days (years: multiply by 365.241)"
    refuse(of if 0 < old.max() < 125 else 0, of, age, "are below 125 days of age", advice)
    if frame[date].dtype != pl.Date:
        raise DataError(f"column '{date}' holds {frame[date].dtype}, not dates")
    refuse(frame[date].null_count(), of, date, "have no value")
    refuse(frame[sex].null_count(), of, sex, "have no value")
    refuse(int((~frame[sex].is_in(list(table.sexes))).sum()), of, sex, "hold a sex that the life table lacks")
    day = frame[date].to_physical().cast(pl.Float64).to_numpy()
    if table.outside == "refuse":
        _within(table, day, until, date)
    code = frame[sex].replace_strict(list(table.sexes), list(range(len(table.sexes))), return_dtype=pl.Int64)
    return Lives(table, np.ascontiguousarray(code.to_numpy()), np.ascontiguousarray(old), np.ascontiguousarray(day))


def _within(table: LifeTable, day: F8, until: I8, date: str) -> None:
    first, after = (dt.date(y, 1, 1) - dt.date(1970, 1, 1) for y in (table.years[0], table.years[-1] + 1))
    advice = "give a longer life table, end follow-up earlier, or say outside='nearest'"
    refuse(int((day < first.days).sum()), day.size, date, "start before the first year of the life table", advice)
    late = int((day + until > after.days).sum())
    refuse(late, day.size, date, "are followed beyond the last year of the life table", advice)
