# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the last run of the same study said, what this one says, and why they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rwe.result import LABELS

KEYS = [*LABELS, "time"]
VALUES = ["n", "n_event", "estimate", "conf_low", "conf_high"]


@dataclass(frozen=True, slots=True)
class Changes:
    """The bridge between two runs.

    Parameters
    ----------
    previous
        Run id of the run before, "" where this is the first.
    figures
        One row a released figure that changed: its labels, ``before`` and ``after``.
    why
        What differs in the inputs: rows by stream (new, corrected, deleted), definitions, code.
    """

    previous: str
    figures: pl.DataFrame
    why: tuple[str, ...]


def differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return the released figures that differ, one row each: ``KEYS``, ``value``, ``before``, ``after``.

    A figure that stands in one table only has null on the other side.
    """
    sides = [_long(frame).rename({"number": side}) for frame, side in ((before, "before"), (after, "after"))]
    joined = sides[0].join(sides[1], on=[*KEYS, "value"], how="full", coalesce=True, nulls_equal=True)
    return joined.filter(~pl.col("before").eq_missing(pl.col("after"))).sort(*KEYS, "value")


def _long(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = frame.with_columns(pl.col(VALUES).cast(pl.Float64))
    return numbers.unpivot(VALUES, index=KEYS, variable_name="value", value_name="number")


def reasons(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return in words which of the named hashes differ (definitions, code, packages)."""
    return [f"{name} changed" for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
