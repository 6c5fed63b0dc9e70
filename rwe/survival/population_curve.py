# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What patients would live as people of their sex and age in the population do: a curve, and hazards for a fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from rwe import execute
from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.life_table import expected_survival, hazard_at
from rwe.survival.columns import days_of, weights_of
from rwe.survival.data import names, read
from rwe.survival.door import door
from rwe.survival.life_table import LifeTable, Lives, lives

ROWS = 4096  # of one part


@dataclass(frozen=True, slots=True, eq=False)
class PopulationCurve:
    """Survival of the population matched to a cohort, a curve without error (`population_curve`)."""

    _lives: Lives = field(repr=False)
    _weight: F8 = field(repr=False)

    def survival_at(self, days: Any) -> F8:
        """Return the mean survival of the cohort's counterparts on these days after day 0."""
        asked, place = np.unique(np.atleast_1d(np.asarray(days, np.float64)), return_inverse=True)
        cuts = [slice(i, i + ROWS) for i in range(0, self._weight.size, ROWS)]
        (hazard, ages, new_years), who = self._lives.table.cuts, self._lives

        def part(rows: slice) -> F8:
            return expected_survival(
                hazard, ages, new_years, who.sex[rows], who.age[rows], who.day[rows], self._weight[rows], asked
            )

        total = execute.merge(np.add, execute.run(part, cuts))
        return np.asarray(total[place] / self._weight.sum(), np.float64)

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return the same survival `n` times, whatever the seed: the error of a life table is left out."""
        del seed
        return np.tile(self.survival_at(days), (n, 1))


@door
def population_curve(
    frame: Any, *, life_table: LifeTable, age: str, sex: str, date: str, horizon: int, weights: str | None = None
) -> PopulationCurve:
    """Return the survival of the population matched to a cohort by sex, age and calendar year.

    Parameters
    ----------
    frame, life_table, age, sex, date
        As in `net_survival`.
    horizon
        Day up to which the curve is asked for; years beyond those of the table need one that says
        ``outside="nearest"``: its last year then holds for all that follow.
    weights
        Column of weights, as in the fit that the curve is set beside.

    Raises
    ------
    DataError
        If rows break the contract of a column, or leave the life table.

    Examples
    --------
    >>> cells = pl.DataFrame({"sex": ["f"], "year": 2000, "age": 0, "hazard": [1e-4]})
    >>> table = sv.life_table(cells, sex="sex", year="year", age="age", hazard="hazard", outside="nearest")
    >>> people = pl.DataFrame({"age": [20_000], "sex": ["f"]}).with_columns(date=pl.date(2000, 1, 1))
    >>> curve = population_curve(people, life_table=table, age="age", sex="sex", date="date", horizon=3653)
    >>> curve.survival_at([0, 1000]).round(4).tolist()
    [1.0, 0.9048]
    """
    cells = read(frame, [age, sex, date, *names(weights)])
    if horizon < 1 or not cells.height:
        raise DefinitionError("give a horizon of at least one day, and persons")
    until = np.full(cells.height, horizon, np.int64)
    placed = lives(life_table, cells, age=age, sex=sex, date=date, until=until)
    return PopulationCurve(placed, np.ones(cells.height) if weights is None else weights_of(cells[weights]))


@door
def background_hazard(frame: Any, *, time: str, life_table: LifeTable, age: str, sex: str, date: str) -> pl.Series:
    """Return the population's hazard a day for each person on the day followed last, for ``background=`` of a fit.

    Parameters
    ----------
    frame, time, life_table, age, sex, date
        As in `net_survival`.

    Raises
    ------
    DataError
        If rows break the contract of a column, or leave the life table.

    Examples
    --------
    >>> cells = pl.DataFrame({"sex": ["f"], "year": 2000, "age": 0, "hazard": [1e-4]})
    >>> table = sv.life_table(cells, sex="sex", year="year", age="age", hazard="hazard")
    >>> people = pl.DataFrame({"t": [100], "age": [20_000], "sex": ["f"]}).with_columns(date=pl.date(2000, 1, 1))
    >>> background_hazard(people, time="t", life_table=table, age="age", sex="sex", date="date").to_list()
    [0.0001]
    """
    cells = read(frame, [time, age, sex, date])
    until = days_of(cells[time]).astype(np.int64)
    placed = lives(life_table, cells, age=age, sex=sex, date=date, until=until)
    found = hazard_at(*life_table.cuts, placed.sex, placed.age, placed.day, until.astype(np.float64))
    return pl.Series("background", found)
