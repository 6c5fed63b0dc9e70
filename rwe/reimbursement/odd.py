# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Records that cannot be settled: by a closed list of rules how many they are, and where the first of them stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import polars as pl

from rwe.errors import OddRecords, OddRows

Rule = Literal[
    "missing", "repeated", "not_a_number", "unknown_word", "credit_refused", "credit_unmatched", "before_contract"
]
SHOWN = 5
ROW = "_row"  # number of a row as it was given, where rows no longer stand in that order


def odd(frame: pl.DataFrame, rows: pl.Series, what: str, rule: Rule, column: str, said: str) -> Iterator[OddRows]:
    """Yield the rows that break a rule as one fault, if there are any; ``{n}`` in `said` is their number."""
    if rows.any():
        at = rows.fill_null(value=False).arg_true()
        n = at.len()
        first = at.head(SHOWN)
        numbers = frame[ROW].gather(first) if ROW in frame.columns else first + 1
        ids = frame["record_id"].cast(pl.String).fill_null("").gather(first)
        yield OddRows(what, rule, column, n, said.replace("{n}", str(n)), tuple(numbers), tuple(ids))


def refuse(found: Iterable[OddRows]) -> None:
    """Refuse records if anything is wrong with them.

    Raises
    ------
    OddRecords
        With all of it at once.
    """
    if faults := list(found):
        raise OddRecords(faults)
