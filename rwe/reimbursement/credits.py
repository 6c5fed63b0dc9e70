# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Credit notes: negative units take back the newest earlier doses of the patient, or the settlement is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import polars as pl

from rwe.reimbursement.odd import odd, refuse


def credited(doses: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Take credit notes off the doses and add ``credited``: nothing of the row is left.

    A credit note takes back the newest doses and stands on the day of the last that it touches, so that
    price, period and course are those of the dose; doses of its own day count as earlier.

    Raises
    ------
    OddRecords
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
    left, of, unmatched = _take_back(rows.select("person_id", "units").iter_rows())
    said = (
        "{n} credit notes (negative units) match no earlier dose of their patient; nothing is settled: "
        "give the doses they take back, or leave them out"
    )
    lone = pl.int_range(rows.height, eager=True).is_in(unmatched)
    refuse(odd(rows, lone, "doses", "credit_unmatched", "units", said))
    units, dose = pl.Series("units", left, dtype=doses.schema["units"]), pl.Series(of, dtype=pl.UInt32)
    gone = (rows["units"] != 0) & (units.gather(dose) == 0)
    day = rows["administered_on"].gather(dose)
    return pl.concat([doses.filter(~theirs), rows.with_columns(units, gone.alias("credited"), day)])


def _take_back(rows: Iterable[tuple[Any, int]]) -> tuple[list[int], list[int], list[int]]:
    """Return for each row the units left and the dose it is of, and the notes that found too few units."""
    left: list[int] = []
    of: list[int] = []
    unmatched, person, given = list[int](), object(), list[int]()
    for i, (who, units) in enumerate(rows):
        if who != person:
            person, given = who, []
        left.append(max(units, 0))
        of.append(i)
        if units >= 0:
            given.append(i)
        else:
            of[i], missing = _off(left, given, -units)
            unmatched += [i] if missing else []
    return left, of, unmatched


def _off(left: list[int], given: list[int], units: int) -> tuple[int, int]:
    """Take units off the newest doses; return the last one touched, and the units that were not found."""
    last = 0
    for last in _with_units(left, given):
        taken = min(left[last], units)
        left[last], units = left[last] - taken, units - taken
        if not units:
            break
    return last, units


def _with_units(left: list[int], given: list[int]) -> Iterator[int]:
    while given:
        if left[given[-1]]:
            yield given[-1]
        if not left[given[-1]]:
            given.pop()
