# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves with bands, medians, labels beside the curves and the table at risk below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from rwe.figures.km_labels import labels
from rwe.figures.km_parts import ASIDE, AXIS, HEIGHT, ROW, WIDTH, KmWords, Point, Series, of
from rwe.figures.km_table import cells_at_risk, table_at_risk
from rwe.figures.look import DASHES, RULE, SMALL, alt, text_width
from rwe.figures.scales import MONTH, month_ticks
from rwe.figures.svg import Caption, draw

__all__ = ["KmWords", "Series", "km"]


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
    layers = [
        *(_band(one, curves[one.key]) for one in series if one.band),
        *_medians([one for one in series if one.key in drawn], medians),
        *(_line(one, curves[one.key]) for one in series),
        *labels(series, curves, medians, drawn, words, end),
    ]
    top = alt.layer(_axes(words, end), *layers).properties(width=WIDTH, height=HEIGHT)
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
    """Tell whether the curve shown, which may be coarser than the estimate, passes one half at its median."""
    if median is None:
        return False
    around = [p["survival"] for p in points if p["months"] is not None and abs(p["months"] - median / MONTH) <= 3]
    return any(share is not None and abs(share - 0.5) <= 0.03 for share in around)


def _x(field: str, end: float, axis: Any = None) -> Any:
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, end], nice=False), axis=axis)


def _y(field: str, axis: Any = None) -> Any:
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis)


def _axes(words: KmWords, end: float) -> Any:
    """Return the layer that carries both axes."""
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    names = " : ".join(f"datum.value == {s} ? '{words.percent(s)}'" for s in shares) + " : ''"
    time = alt.Axis(values=month_ticks(end), title=words.time, grid=False, format="d", titlePadding=8)
    aside = {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleX": -44, "titleY": -20}
    share = alt.Axis(values=shares, title=words.survival, labelExpr=names, domain=False, ticks=False, **aside)
    point = alt.Chart(alt.Data(values=[{"months": 0, "survival": 1}])).mark_point(opacity=0)
    return point.encode(_x("months", end, time), _y("survival", share))


def _band(one: Series, points: list[Point]) -> Any:
    data = alt.Data(values=[p for p in points if p["low"] is not None and p["high"] is not None])
    area = alt.Chart(data).mark_area(interpolate="step-after", color=one.colour, opacity=0.14)
    return area.encode(alt.X("months:Q"), alt.Y("low:Q"), alt.Y2("high"))


def _line(one: Series, points: list[Point]) -> Any:
    look = {"strokeDash": DASHES} if one.dashed else {}
    line = alt.Chart(alt.Data(values=points)).mark_line(
        interpolate="step-after", color=one.colour, strokeWidth=1.6 if one.dashed else 2.4, **look
    )
    return line.encode(alt.X("months:Q"), alt.Y("survival:Q"))


def _medians(series: Sequence[Series], medians: Mapping[str, float]) -> Iterator[Any]:
    """Yield the lines from one half on the axis to each median and down to the time axis."""
    found = [(one, medians[one.key] / MONTH) for one in series]
    if not found:
        return
    across = [{"from": 0, "to": max(month for _, month in found), "half": 0.5}]
    rule = {"strokeDash": [3, 3], "strokeWidth": 1}
    half = alt.Chart(alt.Data(values=across)).mark_rule(color=RULE, **rule)
    yield half.encode(alt.X("from:Q"), alt.X2("to"), alt.Y("half:Q"))
    for one, month in found:
        drop = alt.Chart(alt.Data(values=[{"months": month, "from": 0, "to": 0.5}])).mark_rule(color=one.colour, **rule)
        yield drop.encode(alt.X("months:Q"), alt.Y("from:Q"), alt.Y2("to"))


def _pixels(points: list[Point], field: str, end: float) -> Boxes:
    known = [(p["months"], p[field]) for p in points if p["months"] is not None and p[field] is not None]
    x, y = np.asarray(known, dtype=float).reshape(-1, 2).T
    return step_boxes(x / end * WIDTH, (1 - y) * HEIGHT)


def _soft(series: Sequence[Series], curves: Mapping[str, list[Point]], end: float) -> Boxes:
    """Return the bands, one box from each point to the next, and the grid lines."""
    boxes = [np.asarray([(0, share * HEIGHT, WIDTH, share * HEIGHT) for share in (0.25, 0.5, 0.75)], dtype=float)]
    for points in (curves[one.key] for one in series if one.band):
        whole = [p for p in points if p["low"] is not None and p["high"] is not None]
        low, high = _pixels(whole, "low", end), _pixels(whole, "high", end)
        flat = len(whole) - 1
        boxes.append(np.column_stack([high[:flat, :3], low[:flat, 3]]))
    return np.vstack(boxes)


def _labels(
    series: Sequence[Series],
    curves: Mapping[str, list[Point]],
    medians: Mapping[str, float],
    words: KmWords,
    end: float,
) -> Iterator[Any]:
    """Yield a piece of line, the name and the median of each curve, where they touch nothing."""
    lines = {one.key: _pixels(curves[one.key], "survival", end) for one in series}
    rules = _rules([medians[one.key] / MONTH / end * WIDTH for one in series if one.key in medians and one.band])
    lower = [words.median(medians[one.key]) if one.key in medians else "" for one in series]
    labels = [_label(one.label, text, lines[one.key]) for one, text in zip(series, lower, strict=True)]
    drawn = np.vstack(list(lines.values()))
    corners = place(labels, np.vstack([drawn, rules]), _soft(series, curves, end), (WIDTH, HEIGHT))
    for one, text, label, corner in zip(series, lower, labels, corners, strict=True):
        yield from _named(one, text, corner, end)
        if tie := leader(label, corner, drawn):
            yield _rule(one, (tie[0], tie[1]), (tie[0], tie[2]), end, strokeWidth=1)


def _rules(middles: list[float]) -> Boxes:
    """Return the lines of the medians as boxes."""
    half = HEIGHT / 2
    pieces = [piece for x in middles for piece in ((x, half, x, HEIGHT), (0, half, x, half))]
    return np.asarray(pieces, dtype=float).reshape(-1, 4)


def _named(one: Series, median: str, corner: tuple[float, float], end: float) -> Iterator[Any]:
    x, y = corner[0], corner[1] + ROW / 2
    look = {"strokeDash": DASHES} if one.dashed else {}
    yield _rule(one, (x, y), (x + SWATCH - 6, y), end, strokeWidth=2.4, **look)
    for line, (text, weight) in enumerate(((one.label, 600), (median, 400))):
        spot = {"x": (x + SWATCH) / WIDTH * end, "y": 1 - (y + ROW * line) / HEIGHT, "text": text}
        mark = alt.Chart(alt.Data(values=[spot] if text else []))
        mark = mark.mark_text(align="left", color=one.colour, fontWeight=weight)
        yield mark.encode(alt.X("x:Q"), alt.Y("y:Q"), alt.Text("text:N"))


def _rule(one: Series, start: tuple[float, float], stop: tuple[float, float], end: float, **look: Any) -> Any:
    """Return a straight line between two places in px of the view."""
    places = {"x": start[0] / WIDTH * end, "to_x": stop[0] / WIDTH * end}
    places |= {"y": 1 - start[1] / HEIGHT, "to_y": 1 - stop[1] / HEIGHT}
    mark = alt.Chart(alt.Data(values=[places])).mark_rule(color=one.colour, **look)
    return mark.encode(alt.X("x:Q"), alt.X2("to_x"), alt.Y("y:Q"), alt.Y2("to_y"))


def _label(name: str, median: str, curve: Boxes) -> Label:
    width = max(text_width(name), text_width(median)) + SWATCH
    return Label(width, ROW * (2 if median else 1), curve)
