# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Histogram of one group, or of two back to back: the second hangs below the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rwe.figures.look import BLUE, GRID, INK, MUTED, RED, RULE, TEXT, alt, plotted
from rwe.figures.scales import linear_ticks
from rwe.figures.svg import Caption, draw

WIDTH, HEIGHT = 560, 240


@dataclass(frozen=True, slots=True)
class Bars:
    """What is drawn.

    Parameters
    ----------
    edges
        Bounds of the bins, ascending.
    above, below
        Height of each bin above the line, and below it (empty for one group).
    names
        Of the groups, in that order; empty for one group.
    axis
        Title of the axis of the bins.
    ticks
        Places on it.
    number
        Formats a number of either axis.
    """

    edges: Sequence[float]
    above: Sequence[float]
    below: Sequence[float]
    names: tuple[str, ...]
    axis: str
    ticks: Sequence[float]
    number: Callable[[float], str]


def bars(shown: Bars, caption: Caption) -> str:
    """Draw a histogram as SVG."""
    high = max([*shown.above, *shown.below, 1.0])
    up = linear_ticks(high, 4 if shown.below else 6)
    heights = [-h for h in reversed(up[1:])] + up if shown.below else up
    x = alt.X("low:Q", scale=alt.Scale(domain=[shown.edges[0], shown.edges[-1]], nice=False), axis=_axis(shown))
    told = " : ".join(f"abs(datum.value - {h}) < 1e-9 ? '{shown.number(abs(h))}'" for h in heights) + " : ''"
    left = alt.Axis(values=heights, labelExpr=told, title=None, domain=False, ticks=False, gridColor=GRID)
    y = alt.Y("top:Q", scale=alt.Scale(domain=[heights[0], heights[-1]], nice=False), axis=left)
    layers = [_boxes(shown, shown.above, 1, BLUE).encode(x, alt.X2("high"), y, alt.Y2("foot"))]
    if shown.below:
        hanging = _boxes(shown, shown.below, -1, RED)
        layers.append(hanging.encode(alt.X("low:Q"), alt.X2("high"), alt.Y("top:Q"), alt.Y2("foot")))
    layers += [_line(shown), *_names(shown, heights)]
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    return draw(chart, caption, (WIDTH, HEIGHT), {"left": 64, "right": 24, "top": 28, "bottom": 54})


def _axis(shown: Bars) -> Any:
    names = " : ".join(f"abs(datum.value - {t}) < 1e-9 ? '{shown.number(t)}'" for t in shown.ticks) + " : ''"
    return alt.Axis(values=list(shown.ticks), labelExpr=names, title=shown.axis, grid=False, titlePadding=8)


def _boxes(shown: Bars, heights: Sequence[float], sign: int, colour: str) -> Any:
    bins = zip(shown.edges, shown.edges[1:], heights, strict=False)
    rows = [{"low": low, "high": high, "top": sign * height, "foot": 0} for low, high, height in bins if height > 0]
    return alt.Chart(plotted(rows)).mark_rect(color=colour, opacity=0.85, stroke="#fff", strokeWidth=1)


def _line(shown: Bars) -> Any:
    row = [{"low": shown.edges[0], "high": shown.edges[-1], "top": 0}]
    return alt.Chart(plotted(row)).mark_rule(color=RULE).encode(alt.X("low:Q"), alt.X2("high"), alt.Y("top:Q"))


def _names(shown: Bars, heights: Sequence[float]) -> list[Any]:
    """Return the name of each group in its corner, so that colour alone tells nothing."""
    corners = zip(shown.names, (heights[-1], heights[0]), ("top", "bottom"), strict=False)
    return [
        alt.Chart(plotted([{"low": shown.edges[-1], "top": height, "text": name}]))
        .mark_text(align="right", baseline=base, fontSize=TEXT, fontWeight=600, color=INK if i == 0 else MUTED, dx=-4)
        .encode(alt.X("low:Q"), alt.Y("top:Q"), alt.Text("text:N"))
        for i, (name, height, base) in enumerate(corners)
    ]
