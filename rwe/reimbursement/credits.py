# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Credit notes: negative units take back the newest earlier doses of the patient, or the settlement is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import polars as pl

from rwe.errors import DataError


def credited(doses: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Take credit notes off the doses and add ``credited``: nothing of the row is left.

    A credit note stands on the day of the (newest) dose that it takes back, so that price, period
    and course are those of the dose; doses of its own day count as earlier.

    Raises
    ------
    DataError
        If a patient has more units taken back than given up to that day; with the number of notes.
    """
    negative = (pl.col("units") < 0) & (pl.col("administered_on") <= as_of)
    doses = doses.with_columns(credited=pl.lit(value=False))
    if not doses.select(negative.any()).item():
        return doses
    with_notes = doses.filter(negative)["person_id"].unique()
    theirs = pl.col("person_id").is_in(with_notes.implode()) & (pl.col("administered_on") <= as_of)
    order = ["person_id", "administered_on", pl.col("units") < 0, "record_id", "units"]
    rows = doses.filter(theirs).sort(order)
    left, days, unmatched = _take_back(rows.select("person_id", "administered_on", "units").iter_rows())
    if unmatched:
        raise DataError(
            f"doses: {unmatched} credit notes (negative units) match no earlier dose of their patient; "
            "nothing is settled: give the doses they take back, or leave them out"
        )
    units = pl.Series("units", left, dtype=doses.schema["units"])
    gone = (rows["units"] != 0) & (units == 0)
    rows = rows.with_columns(units, gone.alias("credited"), pl.Series("administered_on", days, dtype=pl.Date))
    return pl.concat([doses.filter(~theirs), rows])


def _take_back(rows: Iterable[tuple[Any, date, int]]) -> tuple[list[int], list[date], int]:
    """Return for each row the units left and its day, and how many notes found too few units."""
    left: list[int] = []
    days: list[date] = []
    unmatched, person, given = 0, object(), list[int]()
    for i, (who, day, units) in enumerate(rows):
        if who != person:
            person, given = who, []
        left.append(max(units, 0))
        days.append(day)
        if units >= 0:
            given.append(i)
            continue
        newest, missing = _off(left, given, -units)
        unmatched += missing > 0
        days[i] = days[newest] if newest is not None else day
    return left, days, unmatched


def _off(left: list[int], given: list[int], units: int) -> tuple[int | None, int]:
    """Take units off the newest doses; return the newest touched, and the units that were not found."""
    newest = None
    for i in _with_units(left, given):
        newest = i if newest is None else newest
        taken = min(left[i], units)
        left[i], units = left[i] - taken, units - taken
        if not units:
            break
    return newest, units


def _with_units(left: list[int], given: list[int]) -> Iterator[int]:
    while given:
        if left[given[-1]]:
            yield given[-1]
        if not left[given[-1]]:
            given.pop()
