# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Names beside the curves of a Kaplan-Meier chart, placed by computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rwe.figures.km_parts import HEIGHT, ROW, SWATCH, WIDTH, KmWords, Point, Series
from rwe.figures.look import DASHES, alt, plotted, text_width
from rwe.figures.place import Boxes, Label, leader, place, step_boxes
from rwe.figures.scales import MONTH


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


def labels(
    series: Sequence[Series],
    curves: Mapping[str, list[Point]],
    medians: Mapping[str, float],
    ruled: Sequence[str],
    words: KmWords,
    end: float,
) -> Iterator[Any]:
    """Yield a piece of line, the name and the median of each curve, where they touch nothing.

    Parameters
    ----------
    series, curves, medians
        What is drawn; medians in days.
    ruled
        Keys of the curves whose median has its lines.
    words
        Makes the label of a median.
    end
        Months on the time axis.
    """
    lines = {one.key: _pixels(curves[one.key], "survival", end) for one in series}
    rules = _rules([medians[one.key] / MONTH / end * WIDTH for one in series if one.key in ruled])
    lower = [words.median(medians[one.key]) if one.key in medians else "" for one in series]
    wanted = [_label(one.label, text, lines[one.key]) for one, text in zip(series, lower, strict=True)]
    drawn = np.vstack(list(lines.values()))
    corners = place(wanted, np.vstack([drawn, rules]), _soft(series, curves, end), (WIDTH, HEIGHT))
    for one, text, label, corner in zip(series, lower, wanted, corners, strict=True):
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
        mark = alt.Chart(plotted([spot] if text else []))
        mark = mark.mark_text(align="left", color=one.colour, fontWeight=weight)
        yield mark.encode(alt.X("x:Q"), alt.Y("y:Q"), alt.Text("text:N"))


def _rule(one: Series, start: tuple[float, float], stop: tuple[float, float], end: float, **look: Any) -> Any:
    """Return a straight line between two places in px of the view."""
    places = {"x": start[0] / WIDTH * end, "to_x": stop[0] / WIDTH * end}
    places |= {"y": 1 - start[1] / HEIGHT, "to_y": 1 - stop[1] / HEIGHT}
    mark = alt.Chart(plotted([places])).mark_rule(color=one.colour, **look)
    return mark.encode(alt.X("x:Q"), alt.X2("to_x"), alt.Y("y:Q"), alt.Y2("to_y"))


def _label(name: str, median: str, curve: Boxes) -> Label:
    width = max(text_width(name), text_width(median)) + SWATCH
    return Label(width, ROW * (2 if median else 1), curve)
