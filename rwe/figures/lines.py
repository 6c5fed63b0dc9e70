# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Named lines and points on two plain or logarithmic axes, each line told apart by colour and by dashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rwe.figures.look import GRID, INK, PALETTE, TEXT, alt, plotted, text_width
from rwe.figures.svg import Caption, draw

WIDTH, HEIGHT, KEY = 560, 340, 20
DASHED = ([1, 0], [6, 4], [2, 3], [9, 3, 2, 3])


@dataclass(frozen=True, slots=True)
class Line:
    """A line through places, or the places alone; without a `label` it is a quiet line of the ground."""

    x: Sequence[float]
    y: Sequence[float]
    label: str = ""
    points: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: its title, its ends, and how it runs; `number` formats its ticks."""

    title: str
    low: float
    high: float
    number: Callable[[float], str]
    ticks: Sequence[float]
    kind: Literal["linear", "log"] = "linear"
    down: bool = False


def lines(drawn: Sequence[Line], x: Axis, y: Axis, caption: Caption) -> str:
    """Draw lines as SVG; what lies beyond the axes is cut off."""
    named = [line for line in drawn if line.label]
    layers = [_layer(line, named.index(line) if line in named else -1, x, y) for line in drawn]
    top = 24 + KEY * len(named)
    chart = alt.layer(*layers, *_key(named)).properties(width=WIDTH, height=HEIGHT)
    left = 40 + max(text_width(y.number(tick)) for tick in y.ticks)
    return draw(chart, caption, (WIDTH, HEIGHT), {"left": int(left), "right": 24, "top": top, "bottom": 54})


def _scaled(axis: Axis) -> dict[str, Any]:
    names = " : ".join(f"abs(datum.value - {t}) < {abs(t) * 1e-6 + 1e-12} ? '{axis.number(t)}'" for t in axis.ticks)
    shown = alt.Axis(values=[*axis.ticks], labelExpr=names + " : ''", title=axis.title, gridDash=[2, 3], gridColor=GRID)
    domain = [axis.low, axis.high]
    return {"scale": alt.Scale(type=axis.kind, domain=domain, nice=False, reverse=axis.down), "axis": shown}


def _layer(line: Line, place: int, x: Axis, y: Axis) -> Any:
    rows = [{"x": a, "y": b, "i": i} for i, (a, b) in enumerate(zip(line.x, line.y, strict=True))]
    colour = INK if place < 0 else PALETTE[place % len(PALETTE)]
    chart = alt.Chart(plotted(rows))
    if line.points:
        marked = chart.mark_circle(color=colour, size=60, opacity=0.85, clip=True)
    else:
        dash = [4, 3] if place < 0 else DASHED[place % len(DASHED)]
        marked = chart.mark_line(color=colour, strokeDash=dash, strokeWidth=1.2 if place < 0 else 2, clip=True)
    return marked.encode(alt.X("x:Q", **_scaled(x)), alt.Y("y:Q", **_scaled(y)), alt.Order("i:Q"))


def _key(named: Sequence[Line]) -> list[Any]:
    """Return the names of the lines above the chart, in px from its upper left corner."""
    layers = []
    for place, line in enumerate(named):
        down = -KEY * (len(named) - place) + 4
        colour, dash = PALETTE[place % len(PALETTE)], DASHED[place % len(DASHED)]
        one = alt.Chart(plotted([{"text": line.label}]))
        ends = {"x": alt.value(0), "x2": alt.value(34), "y": alt.value(down)}
        sign = (
            one.mark_circle(color=colour, size=60).encode(x=alt.value(17), y=alt.value(down))
            if line.points
            else one.mark_rule(color=colour, strokeDash=dash, strokeWidth=2).encode(**ends)
        )
        words = one.mark_text(align="left", fontSize=TEXT, color=INK)
        layers += [sign, words.encode(x=alt.value(42), y=alt.value(down), text=alt.Text("text:N"))]
    return layers
