# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves with bands, medians, labels beside the curves and the table at risk below."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rwe.figures.km_labels import labels
from rwe.figures.km_layers import axes, band, line, median_lines
from rwe.figures.km_parts import ASIDE, AXIS, HEIGHT, ROW, WIDTH, KmWords, Point, Series, of
from rwe.figures.km_table import cells_at_risk, table_at_risk
from rwe.figures.look import SMALL, alt, text_width
from rwe.figures.scales import MONTH, month_ticks
from rwe.figures.svg import Caption, draw

__all__ = ["KmWords", "Series", "km"]

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
COARSE = 6  # months by which a released curve may reach one half later than its median


def km(table: pl.DataFrame, series: Sequence[Series], words: KmWords, caption: Caption, horizon: int) -> str:
    """Draw survival curves as SVG.

    Parameters
    ----------
    table
        Released rows in the columns of `rwe.result.SCHEMA`, with or without ``masked``: estimands
        ``survival`` (the curve), ``at_risk`` (n, cumulative n_event) and ``median``.
    series
        The curves, in the order of the table at risk.
    words, caption
        What is printed and what is read aloud.
    horizon
        Last day shown.
    """
    curves = {one.key: _curve(table, one.key, horizon) for one in series}
    medians = {one.key: day for one in series if (day := _median(table, one.key, horizon)) is not None}
    series = [one for one in series if len(curves[one.key]) > 1]
    end = horizon / MONTH
    drawn = [one.key for one in series if one.band and _meets(curves[one.key], medians.get(one.key))]
    middles = {key: day / MONTH for key, day in medians.items()}
    below = {key: words.median(day) for key, day in medians.items()}
    layers = [
        *(band(one, curves[one.key]) for one in series if one.band),
        *median_lines([one for one in series if one.key in drawn], middles),
        *(line(one, curves[one.key]) for one in series),
        *labels(series, curves, middles, drawn, below, end),
    ]
    frame = axes((words.time, words.survival), month_ticks(end), SHARES, words.percent, end)
    top = alt.layer(frame, *layers).properties(width=WIDTH, height=HEIGHT)
    names = int(max(text_width(w, SMALL) for w in (words.at_risk, words.events)))
    left = names + ASIDE + 4
    cells = list(cells_at_risk(table, series, words, end, left))
    height = max((cell["y"] for cell in cells), default=0) + ROW / 2
    chart = alt.vconcat(top, table_at_risk(cells, height), spacing=AXIS, bounds="flush") if cells else top
    size = (WIDTH, HEIGHT + AXIS + height if cells else HEIGHT)
    return draw(chart, caption, size, {"left": left, "right": 24, "top": 34, "bottom": 6 if cells else 50})


def _curve(table: pl.DataFrame, key: str, horizon: int) -> list[Point]:
    """Return the points of a curve in months, from 1 at time 0 to the horizon."""
    start: Point = {"months": 0.0, "survival": 1.0, "low": 1.0, "high": 1.0}
    rows = [row for row in of(table, key, "survival") if row["estimate"] is not None and row["time"] > 0]
    points: list[Point] = [start]
    for row in rows:
        if row["time"] > horizon:
            # a step function: what held before the horizon holds up to it
            return [*points, {**points[-1], "months": horizon / MONTH}]
        limits = {"low": row["conf_low"], "high": row["conf_high"]}
        points.append({"months": row["time"] / MONTH, "survival": row["estimate"], **limits})
    return points


def _median(table: pl.DataFrame, key: str, horizon: int) -> float | None:
    rows = [row["estimate"] for row in of(table, key, "median") if row["estimate"] is not None]
    return rows[0] if rows and rows[0] <= horizon else None


def _meets(points: list[Point], median: float | None) -> bool:
    """Tell whether the curve shown, which may be coarser than the estimate, falls to one half near its median."""
    half = (p["months"] for p in points if p["survival"] is not None and p["survival"] <= 0.5)
    month = next(half, None)
    return median is not None and month is not None and abs(month - median / MONTH) <= COARSE
