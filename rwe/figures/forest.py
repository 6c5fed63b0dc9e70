# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Forest chart: one row a term, its ratio on a log axis or difference on an even one, in figures at the right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from rwe.figures.look import BLUE, GRID, INK, MUTED, RULE, TEXT, alt, plotted, text_width
from rwe.figures.scales import around_zero, ratio_domain, ratio_ticks, ticks_within
from rwe.figures.svg import Caption, draw

WIDTH, ROW = 340, 30

Spots = tuple[list[dict[str, Any]], dict[str, Any]]  # texts with their places in px, and their look


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A term with its ratio and limits; a ``head`` stands over the ``level``s below it and has no estimate."""

    label: str
    estimate: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    text: str = ""
    kind: Literal["", "head", "level"] = ""


@dataclass(frozen=True, slots=True)
class ForestWords:
    """The words of a forest chart; `number` formats a ratio of the axis."""

    axis: str
    column: str
    lower: str
    higher: str
    number: Callable[[float], str]


class _Axis(Protocol):
    """How values lie along the axis, from 0 to `WIDTH` px."""

    domain: tuple[float, float]
    none: float
    scale: Any
    ticks: list[float]

    def px(self, value: float) -> float: ...
    def at(self, px: float) -> float: ...


class _Ratios:
    """A log axis about 1."""

    none = 1.0

    def __init__(self, ends: Sequence[float]) -> None:
        self.domain = ratio_domain(ends)
        self.low, self.high = map(math.log, self.domain)
        self.ticks = ratio_ticks(self.domain, WIDTH)
        self.scale = alt.Scale(type="log", domain=list(self.domain), nice=False)

    def px(self, value: float) -> float:
        return (math.log(value) - self.low) / (self.high - self.low) * WIDTH

    def at(self, px: float) -> float:
        return math.exp(self.low + px / WIDTH * (self.high - self.low))


class _Differences:
    """An even axis about 0."""

    none = 0.0

    def __init__(self, ends: Sequence[float]) -> None:
        self.domain = self.low, self.high = around_zero(ends)
        self.ticks = ticks_within(self.domain)
        self.scale = alt.Scale(domain=list(self.domain), nice=False)

    def px(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) * WIDTH

    def at(self, px: float) -> float:
        return self.low + px / WIDTH * (self.high - self.low)


def forest(
    rows: Sequence[ForestRow], words: ForestWords, caption: Caption, kind: Literal["ratio", "difference"] = "ratio"
) -> str:
    """Draw ratios (or differences) with their limits as SVG, in the order given."""
    height = ROW * len(rows)
    data = [_spot(row, ROW * (place + 0.5), sized=kind == "ratio") for place, row in enumerate(rows)]
    drawn = [spot for spot in data if spot["estimate"] is not None]
    ends = [spot[side] for spot in drawn for side in ("estimate", "low", "high") if spot[side] is not None]
    axis: _Axis = _Ratios(ends) if kind == "ratio" else _Differences(ends)
    left = int(max(text_width(row.label) for row in rows)) + 30
    right = int(max(text_width(text) for text in (words.column, *(row.text for row in rows)))) + 16
    texts = [*_sides(axis, words, left), *_texts(data, words, left, right)]
    layers = [*_frame(axis, words), *_marks(drawn), *(_text(spots, axis, **look) for spots, look in texts)]
    chart = alt.layer(*layers).properties(width=WIDTH, height=height)
    return draw(chart, caption, (WIDTH, height), {"left": left, "right": right, "top": 32, "bottom": 50})


def _spot(row: ForestRow, y: float, *, sized: bool) -> dict[str, Any]:
    width = math.log(row.conf_high / row.conf_low) if sized and row.conf_low and row.conf_high else 0.5
    # the area of the square goes with the information, within what the eye can compare
    size = min(max(40 / width, 40), 190)
    limits = {"estimate": row.estimate, "low": row.conf_low, "high": row.conf_high}
    return {"y": y, "label": row.label, "text": row.text, "kind": row.kind, "size": size, **limits}


def _y() -> Any:
    return alt.Y("y:Q", scale=None, axis=None)


def _frame(of: _Axis, words: ForestWords) -> list[Any]:
    """Return the axis with the line of no difference."""
    names = " : ".join(f"abs(datum.value - {t}) < 1e-6 ? '{words.number(t)}'" for t in of.ticks) + " : ''"
    axis = alt.Axis(values=of.ticks, labelExpr=names, title=words.axis, gridDash=[2, 3], gridColor=GRID, titlePadding=8)
    none = alt.Chart(plotted([{"none": of.none}])).mark_rule(color=RULE, strokeWidth=1.3)
    return [none.encode(alt.X("none:Q", scale=of.scale, axis=axis))]


def _marks(drawn: list[dict[str, Any]]) -> list[Any]:
    data = plotted(drawn)
    whole = plotted([spot for spot in drawn if spot["low"] is not None and spot["high"] is not None])
    ranges = alt.Chart(whole).mark_rule(color=INK, strokeWidth=1.6)
    points = alt.Chart(data).mark_square(color=BLUE, opacity=1)
    return [
        ranges.encode(alt.X("low:Q"), alt.X2("high"), _y()),
        points.encode(alt.X("estimate:Q"), _y(), alt.Size("size:Q", scale=None)),
    ]


def _sides(axis: _Axis, words: ForestWords, left: int) -> list[Spots]:
    """Return the words on either side of no difference, where there is room for them."""
    middle = axis.px(axis.none)
    lower = {"x": middle - 8, "y": -14, "text": words.lower}
    higher = {"x": middle + 8, "y": -14, "text": words.higher}
    return [
        ([lower] if text_width(words.lower) < middle + left - 8 else [], {"align": "right", "color": MUTED}),
        ([higher] if text_width(words.higher) < WIDTH - middle else [], {"align": "left", "color": MUTED}),
    ]


def _texts(data: list[dict[str, Any]], words: ForestWords, left: int, right: int) -> list[Spots]:
    indent = {"level": 14}
    names = [
        {"x": -left + 2 + indent.get(s["kind"], 0), "y": s["y"], "text": s["label"], "kind": s["kind"]} for s in data
    ]
    figures = [{"x": WIDTH + right - 2, "y": s["y"], "text": s["text"]} for s in data if s["text"]]
    column = [{"x": WIDTH + right - 2, "y": -14, "text": words.column}]
    return [
        ([n for n in names if n["kind"] == "head"], {"align": "left", "fontWeight": 600}),
        ([n for n in names if n["kind"] != "head"], {"align": "left"}),
        (figures, {"align": "right"}),
        (column, {"align": "right", "fontWeight": 600}),
    ]


def _text(spots: list[dict[str, Any]], axis: _Axis, **look: Any) -> Any:
    # px become values, so that all layers share one axis
    placed = [{**spot, "x": axis.at(spot["x"])} for spot in spots]
    mark = alt.Chart(plotted(placed)).mark_text(fontSize=TEXT, **look)
    return mark.encode(alt.X("x:Q"), _y(), alt.Text("text:N"))
