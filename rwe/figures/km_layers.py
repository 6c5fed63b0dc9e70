# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The layers of a chart of step curves: axes, bands, lines, and the lines of the medians."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rwe.figures.km_parts import Point, Series
from rwe.figures.look import DASHES, RULE, alt, plotted


def _x(field: str, end: float, axis: Any = None) -> Any:
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, end], nice=False), axis=axis)


def _y(field: str, top: float, axis: Any = None) -> Any:
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[0, top], nice=False), axis=axis)


def axes(
    titles: tuple[str, str],
    ticks: Sequence[float],
    shares: Sequence[float],
    percent: Callable[[float], str],
    end: float,
    number: Callable[[float], str] = str,
) -> Any:
    """Return the layer that carries both axes.

    Parameters
    ----------
    titles
        Of the axis of time and of that of the curves.
    ticks, shares
        Times and proportions that have a tick; the last share is the top of the chart.
    percent, number
        Formats of a proportion and of a time.
    end
        Last time shown.
    """
    names = " : ".join(f"abs(datum.value - {s}) < 1e-9 ? '{percent(s)}'" for s in shares) + " : ''"
    times = " : ".join(f"abs(datum.value - {t}) < 1e-9 ? '{number(t)}'" for t in ticks) + " : ''"
    time = alt.Axis(values=list(ticks), title=titles[0], grid=False, labelExpr=times, titlePadding=8)
    aside = {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleX": -44, "titleY": -20}
    share = alt.Axis(values=list(shares), title=titles[1], labelExpr=names, domain=False, ticks=False, **aside)
    point = alt.Chart(plotted([{"months": 0, "survival": shares[-1]}])).mark_point(opacity=0)
    return point.encode(_x("months", end, time), _y("survival", shares[-1], share))


def band(one: Series, points: list[Point]) -> Any:
    """Return the limits of a curve as an area."""
    data = plotted([p for p in points if p["low"] is not None and p["high"] is not None])
    area = alt.Chart(data).mark_area(interpolate="step-after", color=one.colour, opacity=0.14)
    return area.encode(alt.X("months:Q"), alt.Y("low:Q"), alt.Y2("high"))


def line(one: Series, points: list[Point]) -> Any:
    """Return a curve."""
    look = {"strokeDash": DASHES} if one.dashed else {}
    mark = alt.Chart(plotted(points)).mark_line(
        interpolate="step-after", color=one.colour, strokeWidth=1.6 if one.dashed else 2.4, **look
    )
    return mark.encode(alt.X("months:Q"), alt.Y("survival:Q"))


def median_lines(series: Sequence[Series], medians: Mapping[str, float]) -> Iterator[Any]:
    """Yield the lines from one half on the axis to each median (in units of the axis) and down to the time axis."""
    found = [(one, medians[one.key]) for one in series]
    if not found:
        return
    across = [{"from": 0, "to": max(month for _, month in found), "half": 0.5}]
    rule = {"strokeDash": [3, 3], "strokeWidth": 1}
    half = alt.Chart(plotted(across)).mark_rule(color=RULE, **rule)
    yield half.encode(alt.X("from:Q"), alt.X2("to"), alt.Y("half:Q"))
    for one, month in found:
        drop = alt.Chart(plotted([{"months": month, "from": 0, "to": 0.5}])).mark_rule(color=one.colour, **rule)
        yield drop.encode(alt.X("months:Q"), alt.Y("from:Q"), alt.Y2("to"))
