# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Medicines given and laboratory results: what hangs on a stay in numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from synthetic.network.chance import F8, I8, Chance
from synthetic.network.clinical import KEY, begins
from synthetic.network.diseases import DISEASES, MEDICINES
from synthetic.network.visits import EVENT, REGULAR, of_disease, on

_PANEL = len(DISEASES[0].panel)


def drugs(visits: pl.DataFrame) -> pl.DataFrame:
    """Return person, hospital, stay, day, atc, dose_mg (of a unit), units, days (that they last), line.

    A visit brings the medicine until the next, the first line at most until it is stopped or the second begins, which
    is at progression. What was given before the hospital's records began stands on the first visit with the day on
    which it began.
    """
    later = of_disease(lambda one: one.later, pl.String)
    seen = visits.filter((pl.col("reason") == REGULAR) | ((pl.col("reason") == EVENT) & later.is_not_null()))
    changed = pl.when(later.is_not_null()).then("happened")
    rows = seen.with_columns(later=later, changed=changed, stop=pl.col("t_stop").fill_null(pl.col("last") + 1))
    until = of_disease(lambda one: one.visit_days, pl.Int64)
    supply = pl.min_horizontal(until, pl.col("last") - pl.col("day")).clip(1)
    second = (pl.col("day") >= pl.col("changed")).fill_null(value=False)
    ends = pl.min_horizontal("stop", "changed") - pl.col("day")
    given = [
        _given(rows.filter(second), 2, pl.col("day"), supply),
        _given(
            rows.filter(~second & (pl.col("day") < pl.col("stop"))), 1, pl.col("day"), pl.min_horizontal(supply, ends)
        ),
        *_before(rows.filter((pl.col("nth") == 0) & (pl.col("reason") == REGULAR) & (pl.col("entry") > 0))),
    ]
    return pl.concat(given).sort("stay", "day", "line", maintain_order=True)


def _before(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Return what had been given by the day on which records begin."""
    end = pl.min_horizontal("entry", pl.col("changed").fill_null(pl.col("entry")))
    switched = rows.filter(pl.col("changed") < pl.col("entry"))
    return [
        _given(rows, 1, pl.lit(0), pl.min_horizontal(end, "stop").clip(1)),
        _given(switched, 2, pl.col("changed"), pl.col("entry") - pl.col("changed")),
    ]


def _given(rows: pl.DataFrame, line: int, day: pl.Expr, days: pl.Expr) -> pl.DataFrame:
    atc = pl.col("atc") if line == 1 else pl.col("later")
    strength, daily = (
        atc.replace_strict({code: getattr(one, what) for code, one in MEDICINES.items()}, return_dtype=pl.Float64)
        for what in ("strength_mg", "a_day")
    )
    units = (daily * days).ceil().cast(pl.Int64)
    return rows.select(
        *KEY, day=on(day), atc=atc, dose_mg=strength, units=units, days=days.cast(pl.Int64), line=pl.lit(line, pl.Int64)
    )


def labs(visits: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return person, hospital, moment (an instant), analyte (LOINC), value, unit."""
    each = visits.with_columns(at=begins(visits, seed), place=pl.lit(list(range(_PANEL)))).explode("place")
    stay, place = each["stay"].to_numpy(), each["place"].to_numpy().astype(np.int64)
    disease = each["disease"].replace_strict(
        [one.name for one in DISEASES], range(len(DISEASES)), return_dtype=pl.Int64
    )
    which = disease.to_numpy() * _PANEL + place
    panel = [analyte for one in DISEASES for analyte in one.panel]
    level, tens = (np.array(values)[which] for values in _numbers())
    value = np.round(level * np.exp(0.15 * _own(each, place, seed) + 0.1 * _drawn(stay, place, seed)) * tens) / tens
    after = pl.Series(Chance(seed, stay, place).below("drawn after", 3_000))
    return each.select(
        "person",
        "hospital",
        moment=pl.col("at") + pl.duration(seconds=pl.lit(after)),
        analyte=pl.Series([one.code for one in panel]).gather(which),
        value=pl.Series(value),
        unit=pl.Series([one.unit for one in panel]).gather(which),
    )


def _numbers() -> tuple[list[float], list[float]]:
    panel = [analyte for one in DISEASES for analyte in one.panel]
    return [one.level for one in panel], [10.0**one.decimals for one in panel]


def _own(rows: pl.DataFrame, place: I8, seed: int) -> F8:
    return Chance(seed, rows["person"].to_numpy(), place).normal("own level")


def _drawn(stay: I8, place: I8, seed: int) -> F8:
    return Chance(seed, stay, place).normal("result")
