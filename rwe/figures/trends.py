# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Points with a smooth line and its band, one panel under another: how a quantity changes with time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rwe.figures.look import BLUE, GRID, INK, MUTED, RULE, TEXT, alt, plotted
from rwe.figures.svg import Caption, draw

F8 = NDArray[np.float64]
WIDTH, HEIGHT, GAP = 600, 190, 62
MOST = 1500  # points drawn in a panel; the line rests on all of them
TAILS = 0.005  # share of the points on either side that may lie beyond the panel


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One panel.

    Parameters
    ----------
    title
        Stands above it.
    x, y
        Points.
    grid, line, low, high
        The smooth line and its limits (NaN without them) at the places of `grid`.
    level
        Where the dashed line lies.
    """

    title: str
    x: F8
    y: F8
    grid: F8
    line: F8
    low: F8
    high: F8
    level: float


def trends(
    panels: Sequence[Panel], ticks: Sequence[tuple[float, str]], axis: str, number: Callable[[float], str],
    caption: Caption,
) -> str:  # fmt: skip
    """Draw panels as SVG; `ticks` are places on the shared axis with what stands there."""
    drawn = [_panel(panel, ticks, axis if panel is panels[-1] else "", number) for panel in panels]
    chart = alt.vconcat(*drawn, spacing=GAP, bounds="flush")
    height = HEIGHT * len(panels) + GAP * (len(panels) - 1)
    return draw(chart, caption, (WIDTH, height), {"left": 64, "right": 24, "top": 32, "bottom": 54})


def _panel(panel: Panel, ticks: Sequence[tuple[float, str]], axis: str, number: Callable[[float], str]) -> Any:
    low, high = _range(panel)
    x = alt.X("x:Q", scale=alt.Scale(domain=[float(panel.x.min()), float(panel.x.max())], nice=False, padding=6))
    names = " : ".join(f"abs(datum.value - {at}) < 1e-9 ? '{name}'" for at, name in ticks) + " : ''"
    marks = alt.Axis(values=[at for at, _ in ticks], labelExpr=names, title=axis or None, grid=False, titlePadding=8)
    values = _even(low, high)
    told = " : ".join(f"abs(datum.value - {v}) < 1e-9 ? '{number(v)}'" for v in values) + " : ''"
    left = alt.Axis(values=values, labelExpr=told, title=None, domain=False, ticks=False, gridColor=GRID)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[low, high], nice=False, clamp=False), axis=left)
    ends = [float(panel.grid[0]), float(panel.grid[-1])]
    layers = [
        _rule(ends, 0.0, RULE).encode(x.axis(marks), y),
        _points(panel, low, high).encode(alt.X("x:Q"), alt.Y("y:Q")),
        *_smooth(panel),
        _rule(ends, panel.level, INK, strokeDash=[5, 4]).encode(alt.X("x:Q"), alt.Y("y:Q")),
        _title(panel.title, ends[0], high).encode(alt.X("x:Q"), alt.Y("y:Q"), alt.Text("text:N")),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _range(panel: Panel) -> tuple[float, float]:
    """Return the limits of a panel: nearly all points, the line, its band and 0."""
    fixed = np.array([0.0, panel.level, *np.quantile(panel.y, [TAILS, 1 - TAILS])])
    values = np.concatenate([fixed, panel.line, panel.low, panel.high])
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.05 * (high - low) or 1.0
    return float(low - room), float(high + room)


def _even(low: float, high: float) -> list[float]:
    """Return about five even ticks within two limits."""
    power = 10.0 ** np.floor(np.log10((high - low) / 5))
    step = next(float(power * s) for s in (1, 2, 5, 10) if (high - low) / (power * s) <= 6)
    return [round(step * k, 10) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _points(panel: Panel, low: float, high: float) -> Any:
    some = np.linspace(0, panel.x.size - 1, min(MOST, panel.x.size)).astype(np.int64)
    inside = some[(panel.y[some] >= low) & (panel.y[some] <= high)]
    data = [{"x": x, "y": y} for x, y in zip(panel.x[inside].tolist(), panel.y[inside].tolist(), strict=True)]
    return alt.Chart(plotted(data)).mark_circle(size=16, color=MUTED, opacity=0.45)


def _smooth(panel: Panel) -> list[Any]:
    columns = (panel.grid, panel.line, panel.low, panel.high)
    names = ("x", "y", "low", "high")
    data = [dict(zip(names, row, strict=True)) for row in zip(*(a.tolist() for a in columns), strict=True)]
    line = alt.Chart(plotted([{"x": d["x"], "y": d["y"]} for d in data])).mark_line(color=BLUE, strokeWidth=2.4)
    whole = [d for d in data if d["low"] == d["low"]]
    area = alt.Chart(plotted(whole)).mark_area(color=BLUE, opacity=0.18)
    return [area.encode(alt.X("x:Q"), alt.Y("low:Q"), alt.Y2("high")), line.encode(alt.X("x:Q"), alt.Y("y:Q"))]


def _rule(ends: list[float], level: float, colour: str, **look: Any) -> Any:
    data = plotted([{"x": end, "y": level} for end in ends])
    return alt.Chart(data).mark_line(color=colour, strokeWidth=1.2, **look)


def _title(text: str, x: float, y: float) -> Any:
    data = plotted([{"x": x, "y": y, "text": text}])
    return alt.Chart(data).mark_text(align="left", dy=-12, dx=-6, fontSize=TEXT, fontWeight=600, color=INK)
