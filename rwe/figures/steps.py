# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Step curves with their table of counts below, on any clock: the chart of the analyst's own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rwe.figures.km_labels import labels
from rwe.figures.km_layers import axes, band, line, median_lines
from rwe.figures.km_parts import ASIDE, AXIS, GAP, HEIGHT, ROW, WIDTH, Point, Series
from rwe.figures.km_table import table_at_risk
from rwe.figures.look import INK, MUTED, SMALL, alt, plotted, text_width
from rwe.figures.svg import Caption, draw

F8 = NDArray[np.float64]
FINE, COARSE, APART = 0.5, 4.0, 2.0  # px between points of a line, of what labels avoid, and between two ticks
ROOM = 7.4  # px of the mean digit of the table
TOPS = ((0.05, 0.01), (0.1, 0.02), (0.2, 0.05), (0.3, 0.1), (0.4, 0.1), (0.5, 0.1), (0.6, 0.2), (0.8, 0.2))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve and its look.

    Parameters
    ----------
    series
        Key, name, colour, dashes.
    time, value, low, high
        Steps, from time 0; a limit is NaN where there is none.
    censored
        Times at which a tick stands on the curve.
    middle
        Where the curve reaches one half, with its lines; None without them.
    below
        What stands under the name.
    """

    series: Series
    time: F8
    value: F8
    low: F8
    high: F8
    censored: F8
    middle: float | None = None
    below: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of counts under one heading: their names, with one text a tick."""

    label: str
    colour: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the curves: titles of both axes, ticks, the last time, formats."""

    titles: tuple[str, str]
    ticks: tuple[float, ...]
    shares: tuple[float, ...]
    end: float
    percent: Callable[[float], str]
    number: Callable[[float], str]


def share_ticks(curves: Sequence[Curve], end: float) -> tuple[float, ...]:
    """Return shares on the axis for curves that rise from 0, the last of which none of them exceeds up to the end."""
    most = highest(curves, end)
    top, step = next(((top, step) for top, step in TOPS if most <= top), (1.0, 0.25))
    return tuple(round(step * k, 6) for k in range(round(top / step) + 1))


def highest(curves: Sequence[Curve], end: float) -> float:
    """Return the largest value, limits included, that is drawn up to the end."""
    return max(float(np.nanmax(np.append(one.value, one.high)[np.tile(one.time <= end, 2)])) for one in curves)


def steps(curves: Sequence[Curve], blocks: Sequence[Block], frame: Frame, caption: Caption) -> str:
    """Draw step curves with bands, ticks, names beside them and the table of counts as SVG."""
    series = [one.series for one in curves]
    lines = {one.series.key: _points(one, frame.end, FINE) for one in curves}
    rough = {one.series.key: _points(one, frame.end, COARSE) for one in curves}
    middles = {one.series.key: one.middle for one in curves if one.middle is not None}
    below = {one.series.key: one.below for one in curves}
    layers = [
        *(band(one, lines[one.key]) for one in series if one.band),
        *median_lines([one for one in series if one.key in middles], middles),
        *(line(one, lines[one.key]) for one in series),
        *(_ticks(one, frame) for one in curves),
        *labels(series, rough, middles, list(middles), below, frame.end, frame.shares[1:], halo=True),
    ]
    around = axes(frame.titles, frame.ticks, frame.shares, frame.percent, frame.end, frame.number)
    top = alt.layer(around, *layers).properties(width=WIDTH, height=HEIGHT)
    left = _left(blocks)
    cells = _cells(blocks, frame, left)
    height = max(cell["y"] for cell in cells) + ROW / 2
    chart = alt.vconcat(top, table_at_risk(cells, height), spacing=AXIS, bounds="flush")
    return draw(chart, caption, (WIDTH, HEIGHT + AXIS + height), {"left": left, "right": 28, "top": 34, "bottom": 10})


def _points(one: Curve, end: float, apart: float) -> list[Point]:
    """Return the steps of a curve up to the end, the last of those that fall on one px."""
    shown = one.time <= end
    time, *values = (a[shown] for a in (one.time, one.value, one.low, one.high))
    last = np.append(np.diff(np.floor(time / end * WIDTH / apart)) > 0, True)
    last[0] = True
    if one.time[-1] > end:  # a step function: what held before the end holds up to it
        time, last = np.append(time, end), np.append(last, True)
        values = [np.append(a, a[-1]) for a in values]
    rows = zip(*(a[last].tolist() for a in (time, *values)), strict=True)
    names = ("months", "survival", "low", "high")
    return [{n: None if v != v else v for n, v in zip(names, row, strict=True)} for row in rows]


def _ticks(one: Curve, frame: Frame) -> Any:
    """Return a short upright line on the curve at each censoring, as many as the eye can tell apart."""
    times = one.censored[one.censored <= frame.end]
    _, first = np.unique(np.floor(times / frame.end * WIDTH / APART), return_index=True)
    times = times[first]
    values = one.value[np.searchsorted(one.time, times, side="right") - 1]
    data = [{"months": t, "survival": v} for t, v in zip(times.tolist(), values.tolist(), strict=True)]
    look = {"shape": "M0,-1L0,1", "size": 22, "strokeWidth": 1.2, "opacity": 1, "color": one.series.colour}
    return alt.Chart(plotted(data)).mark_point(**look).encode(alt.X("months:Q"), alt.Y("survival:Q"))


def _left(blocks: Sequence[Block]) -> int:
    """Return the room left of the axis that names and first numbers of the table need."""
    names = max(text_width(name, SMALL) for block in blocks for name, _ in block.rows)
    return int(names + _aside(blocks))


def _aside(blocks: Sequence[Block]) -> float:
    first = max(len(cells[0]) for block in blocks for _, cells in block.rows)
    return max(ASIDE, first * ROOM / 2 + 14)


def _cells(blocks: Sequence[Block], frame: Frame, left: int) -> list[dict[str, Any]]:
    """Return the texts of the table with their places in px."""
    found: list[dict[str, Any]] = []
    y, aside = ROW / 2, _aside(blocks)
    for block in blocks:
        if block.label:
            found.append({"x": -left + 2, "y": y, "text": block.label, "kind": "head", "colour": block.colour})
            y += ROW
        for name, cells in block.rows:
            found.append({"x": -aside, "y": y, "text": name, "kind": "name", "colour": MUTED})
            for tick, cell in zip(frame.ticks, cells, strict=True):
                found.append({"x": tick / frame.end * WIDTH, "y": y, "text": cell, "kind": "cell", "colour": INK})
            y += ROW
        y += GAP
    return found
