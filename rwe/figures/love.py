# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Love chart: standardised differences before and after weighting, one row a level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rwe.figures.look import BLUE, GRID, INK, MUTED, RED, RULE, TEXT, alt, plotted, text_width
from rwe.figures.scales import linear_ticks
from rwe.figures.svg import Caption, draw

WIDTH, ROW = 400, 22
THRESHOLD = 0.1  # the usual limit of a negligible standardised difference


@dataclass(frozen=True, slots=True)
class LoveRow:
    """A level with its standardised differences; without any it is the heading of its variable."""

    label: str
    before: float | None = None
    after: float | None = None
    head: bool = False


@dataclass(frozen=True, slots=True)
class LoveWords:
    """The words of a love chart; `number` formats a difference of the axis."""

    axis: str
    before: str
    after: str
    number: Callable[[float], str]


def love(rows: Sequence[LoveRow], words: LoveWords, caption: Caption) -> str:
    """Draw absolute standardised differences before and after weighting as SVG."""
    spots: list[dict[str, Any]] = [
        {
            "y": ROW * (place + 0.5),
            "label": row.label,
            "head": row.head,
            "before": None if row.before is None else abs(row.before),
            "after": None if row.after is None else abs(row.after),
        }
        for place, row in enumerate(rows)
    ]
    widest = max((v for s in spots for v in (s["before"], s["after"]) if v is not None), default=0.0)
    ticks = linear_ticks(max(widest, 1.5 * THRESHOLD))
    height = ROW * len(rows)
    left = int(max(text_width(row.label) for row in rows)) + 28
    layers = [*_frame(ticks, words), *_points(spots), *_names(spots, left, ticks[-1]), *_legend(words, ticks[-1])]
    chart = alt.layer(*layers).properties(width=WIDTH, height=height)
    return draw(chart, caption, (WIDTH, height), {"left": left, "right": 24, "top": 36, "bottom": 50})


def _y() -> Any:
    return alt.Y("y:Q", scale=None, axis=None)


def _signs() -> tuple[Any, Any]:
    """Return the looks of before and after: told apart by shape and by filling, not by colour alone."""
    ring = {"shape": "circle", "size": 60, "color": RED, "strokeWidth": 1.8, "opacity": 1}
    return ring, {"shape": "diamond", "size": 80, "color": BLUE, "filled": True, "opacity": 1}


def _frame(ticks: list[float], words: LoveWords) -> list[Any]:
    names = " : ".join(f"abs(datum.value - {t}) < 1e-9 ? '{words.number(t)}'" for t in ticks) + " : ''"
    axis = alt.Axis(values=ticks, labelExpr=names, title=words.axis, gridDash=[2, 3], gridColor=GRID, titlePadding=8)
    scale = alt.Scale(domain=[0, ticks[-1]], nice=False)
    limit = alt.Chart(plotted([{"limit": THRESHOLD}])).mark_rule(color=RULE, strokeDash=[5, 3], strokeWidth=1.3)
    return [limit.encode(alt.X("limit:Q", scale=scale, axis=axis))]


def _points(spots: list[dict[str, Any]]) -> list[Any]:
    before = [s for s in spots if s["before"] is not None]
    after = [s for s in spots if s["after"] is not None]
    both = [s for s in before if s["after"] is not None]
    way = alt.Chart(plotted(both)).mark_rule(color=GRID, strokeWidth=1.6)
    ring, diamond = _signs()
    return [
        way.encode(alt.X("before:Q"), alt.X2("after"), _y()),
        alt.Chart(plotted(before)).mark_point(**ring).encode(alt.X("before:Q"), _y()),
        alt.Chart(plotted(after)).mark_point(**diamond).encode(alt.X("after:Q"), _y()),
    ]


def _names(spots: list[dict[str, Any]], left: int, high: float) -> list[Any]:
    heads = [{"x": -left + 2, "y": s["y"], "text": s["label"]} for s in spots if s["head"]]
    levels = [{"x": -left + 16, "y": s["y"], "text": s["label"]} for s in spots if not s["head"]]
    return [_text(heads, high, fontWeight=600, color=INK), _text(levels, high, color=INK)]


def _legend(words: LoveWords, high: float) -> list[Any]:
    """Return the two signs with their names above the chart."""
    second = 36 + text_width(words.before)
    layers = []
    for x, look, name in zip((6, second), _signs(), (words.before, words.after), strict=True):
        sign = alt.Chart(plotted([{"x": x / WIDTH * high, "y": -20}])).mark_point(**look)
        layers += [sign.encode(alt.X("x:Q"), _y()), _text([{"x": x + 12, "y": -20, "text": name}], high, color=MUTED)]
    return layers


def _text(spots: list[dict[str, Any]], high: float, **look: Any) -> Any:
    # px become differences, so that all layers share one axis
    placed = [{**spot, "x": spot["x"] / WIDTH * high} for spot in spots]
    mark = alt.Chart(plotted(placed)).mark_text(fontSize=TEXT, align="left", **look)
    return mark.encode(alt.X("x:Q"), _y(), alt.Text("text:N"))
