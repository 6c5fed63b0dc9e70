# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the survival charts of several chapters share."""

from __future__ import annotations

from typing import Any

import polars as pl

from rwe.figures import Caption, KmWords, Series, km
from rwe.figures.scales import MONTH, month_ticks
from rwe.report.page import Page


def km_words(page: Page, endpoint: str) -> KmWords:
    """Return the words of a Kaplan-Meier chart of `endpoint`."""
    words, numbers = page.words, page.numbers
    return KmWords(
        time=words("chart.time", zero=page.say(page.context.study.time_zero)),
        survival=page.endpoint(endpoint),
        at_risk=words("chart.at_risk"),
        events=words("chart.events"),
        median=lambda days: words("chart.median", months=numbers.months(days)),
        masked=page.marker,
        percent=numbers.share,
        count=numbers.count,
    )


def km_chart(page: Page, table: pl.DataFrame, series: list[Series], endpoint: str, key: str, title: str) -> str:
    """Return the chart as far as all its curves reach, to a whole tick of the time axis."""
    reach = [last for one in series if (last := _last(table, one.key))]
    end = min(reach) / MONTH
    horizon = round(month_ticks(end)[-1] * MONTH) if end > 24 else min(reach)
    names = ", ".join(one.label for one in series)
    description = page.words("chart.km_description", curves=names, months=page.numbers.count(horizon / MONTH))
    return km(table, series, km_words(page, endpoint), Caption(key, title, description), horizon)


def _last(table: pl.DataFrame, key: str) -> int:
    days: Any = table.filter(pl.col("group") == key, pl.col("estimand") == "survival")["time"].max()
    return int(days or 0)
