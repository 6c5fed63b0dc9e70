# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the parts of a Kaplan-Meier chart share: its sizes, its words, its series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

WIDTH, HEIGHT = 640, 330
ROW, GAP = 18, 10  # px of a row of the table at risk, and between two of its blocks
AXIS = 58  # px of the time axis with its title
ASIDE = 30  # px between a row's name and the middle of its first number
SWATCH = 24  # px of the piece of line before a label
NEAR = 31  # days between a tick and the number at risk that may stand under it

Point = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: its rows (``group`` equal to `key`), its name and its look."""

    key: str
    label: str
    colour: str
    dashed: bool = False
    band: bool = True


@dataclass(frozen=True, slots=True)
class KmWords:
    """The words and number formats of a Kaplan-Meier chart.

    Parameters
    ----------
    time, survival
        Titles of the axes.
    at_risk, events
        Row names of the table at risk.
    median
        Makes the label of a median from days.
    masked
        What stands for a suppressed count.
    percent, count
        Formats of a proportion and of a number of persons.
    """

    time: str
    survival: str
    at_risk: str
    events: str
    median: Callable[[float], str]
    masked: str
    percent: Callable[[float], str]
    count: Callable[[int], str]


def of(table: pl.DataFrame, key: str, estimand: str) -> list[dict[str, Any]]:
    """Return the rows of one series and estimand in the order of time."""
    return table.filter((pl.col("group") == key) & (pl.col("estimand") == estimand)).sort("time").to_dicts()
