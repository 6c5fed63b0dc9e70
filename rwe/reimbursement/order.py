# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one order that doses have in every settlement, whatever order they came in."""

from __future__ import annotations

import numpy as np
import polars as pl

from rwe.reimbursement.atoms import largest

NARROW = 2**40  # ids of a wider range are numbered anew, so that they fit beside day and row


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort by person, day, record and units: the order of the rows that came says nothing."""
    order = _by_person_and_day(frame)
    keys = frame.select("person_id", "administered_on")[order]
    alike = pl.all_horizontal(pl.all() == pl.all().shift(1)).fill_null(value=False)
    same = keys.select(alike.alias("same"))["same"]
    ties = (same | same.shift(-1, fill_value=False)).arg_true()
    if ties.len():
        at = order.gather(ties)
        tied = frame[at].with_columns(at=at).sort("person_id", "administered_on", "record_id", "units")
        order = order.scatter(ties, tied["at"])
    return frame[order]


def _by_person_and_day(frame: pl.DataFrame) -> pl.Series:
    """Return the order of the rows; person, day and row packed into one number sort several times as fast."""
    person, day = _rank(frame["person_id"]), frame["administered_on"].cast(pl.Int32).cast(pl.Int64)
    day = day - (day.min() or 0)
    days, rows = 1 + largest(day), frame.height.bit_length()
    if (1 + largest(person)) * days << rows >= 2**63:
        keys = pl.DataFrame({"person": person, "day": day})
        return keys.select(order=pl.arg_sort_by("person", "day"))["order"]
    packed = (person * days + day).to_numpy() << rows | np.arange(frame.height)
    packed.sort()
    return pl.Series(packed & (1 << rows) - 1).cast(pl.UInt32)


def _rank(ids: pl.Series) -> pl.Series:
    """Return whole numbers from 0 that sort as the ids do."""
    if ids.dtype.is_integer() and ids.len():
        least, most = ids.min(), ids.max()
        if isinstance(least, int) and isinstance(most, int) and most - least < NARROW:
            return ids.cast(pl.Int64) - least
    known = ids.unique().sort()
    if ids.dtype == pl.String:
        return ids.cast(pl.Enum(known)).to_physical().cast(pl.Int64)
    return known.search_sorted(ids).cast(pl.Int64)
