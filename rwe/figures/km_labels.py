# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Names beside the curves of a Kaplan-Meier chart, placed by computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rwe.figures.km_parts import HEIGHT, ROW, SWATCH, WIDTH, Point, Series
from rwe.figures.look import DASHES, alt, plotted, text_width
from rwe.figures.place import Boxes, Label, leader, place, step_boxes


def _pixels(points: list[Point], field: str, size: tuple[float, float]) -> Boxes:
    known = [(p["months"], p[field]) for p in points if p["months"] is not None and p[field] is not None]
    x, y = np.asarray(known, dtype=float).reshape(-1, 2).T
    return step_boxes(x / size[0] * WIDTH, (1 - y / size[1]) * HEIGHT)


def _soft(series: Sequence[Series], curves: Mapping[str, list[Point]], shares: Sequence[float], end: float) -> Boxes:
    """Return the bands, one box from each point to the next, and the grid lines."""
    size, heights = (end, shares[-1]), [(1 - share / shares[-1]) * HEIGHT for share in shares[:-1]]
    boxes = [np.asarray([(0, y, WIDTH, y) for y in heights], dtype=float)]
    for points in (curves[one.key] for one in series if one.band):
        whole = [p for p in points if p["low"] is not None and p["high"] is not None]
        low, high = _pixels(whole, "low", size), _pixels(whole, "high", size)
        flat = len(whole) - 1
        boxes.append(np.column_stack([high[:flat, :3], low[:flat, 3]]))
    return np.vstack(boxes)


def labels(
    series: Sequence[Series],
    curves: Mapping[str, list[Point]],
    medians: Mapping[str, float],
    ruled: Sequence[str],
    below: Mapping[str, str],
    end: float,
    shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    *,
    halo: bool = False,
) -> Iterator[Any]:
    """Yield a piece of line, the name and what stands below it for each curve, where they touch nothing.

    Parameters
    ----------
    series, curves, medians
        What is drawn; medians in units of the time axis.
    ruled
        Keys of the curves whose median has its lines.
    below
        What stands under the name of a curve, for example its median.
    end
        Last time shown.
    shares
        Where the grid lines are; the last is the top of the chart.
    halo
        Set the words on a white edge; they may then cross the lines of the medians where there is no better place.
    """
    size = end, shares[-1]
    lines = {one.key: _pixels(curves[one.key], "survival", size) for one in series}
    rules = _rules([medians[one.key] / end * WIDTH for one in series if one.key in ruled])
    lower = [below.get(one.key, "") for one in series]
    wanted = [_label(one.label, text, lines[one.key]) for one, text in zip(series, lower, strict=True)]
    drawn = np.vstack(list(lines.values()))
    soft = _soft(series, curves, shares, end)
    firm, soft = (drawn, np.vstack([soft, rules])) if halo else (np.vstack([drawn, rules]), soft)
    corners = place(wanted, firm, soft, (WIDTH, HEIGHT))
    for one, text, label, corner in zip(series, lower, wanted, corners, strict=True):
        yield from _named(one, text, corner, size, halo=halo)
        if tie := leader(label, corner, drawn):
            yield _rule(one, (tie[0], tie[1]), (tie[0], tie[2]), size, strokeWidth=1)


def _rules(middles: list[float]) -> Boxes:
    """Return the lines of the medians as boxes."""
    half = HEIGHT / 2
    pieces = [piece for x in middles for piece in ((x, half, x, HEIGHT), (0, half, x, half))]
    return np.asarray(pieces, dtype=float).reshape(-1, 4)


def _named(
    one: Series, median: str, corner: tuple[float, float], size: tuple[float, float], *, halo: bool
) -> Iterator[Any]:
    x, y = corner[0], corner[1] + ROW / 2
    look = {"strokeDash": DASHES} if one.dashed else {}
    yield _rule(one, (x, y), (x + SWATCH - 6, y), size, strokeWidth=2.4, **look)
    for line, (text, weight) in enumerate(((one.label, 600), (median, 400))):
        spot = {"x": (x + SWATCH) / WIDTH * size[0], "y": (1 - (y + ROW * line) / HEIGHT) * size[1], "text": text}
        edge = {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round"}
        for around in [edge, {}] if halo else [{}]:
            mark = alt.Chart(plotted([spot] if text else []))
            mark = mark.mark_text(align="left", color=one.colour, fontWeight=weight, **around)
            yield mark.encode(alt.X("x:Q"), alt.Y("y:Q"), alt.Text("text:N"))


def _rule(
    one: Series, start: tuple[float, float], stop: tuple[float, float], size: tuple[float, float], **look: Any
) -> Any:
    """Return a straight line between two places in px of the view."""
    (end, top), (y, to_y) = size, (start[1], stop[1])
    places = {"x": start[0] / WIDTH * end, "to_x": stop[0] / WIDTH * end}
    places |= {"y": (1 - y / HEIGHT) * top, "to_y": (1 - to_y / HEIGHT) * top}
    mark = alt.Chart(plotted([places])).mark_rule(color=one.colour, **look)
    return mark.encode(alt.X("x:Q"), alt.X2("to_x"), alt.Y("y:Q"), alt.Y2("to_y"))


def _label(name: str, median: str, curve: Boxes) -> Label:
    width = max(text_width(name), text_width(median)) + SWATCH
    return Label(width, ROW * (2 if median else 1), curve)
