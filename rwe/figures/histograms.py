# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How values spread: bars, the estimate they belong to and its limits, one panel under another on one axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rwe.figures.look import BLUE, GRID, INK, TEXT, alt, plotted
from rwe.figures.scales import linear_ticks
from rwe.figures.svg import Caption, draw

F8 = NDArray[np.float64]
WIDTH, HEIGHT, GAP = 560, 170, 58
LEAST, MOST = 12, 48  # bars of a panel
TAILS = 0.001  # share of the values on either side that may lie beyond the axis


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """One panel: what stands above it, its values, the estimate and its limits (NaN: none)."""

    title: str
    values: F8
    estimate: float
    low: float
    high: float


def histograms(panels: Sequence[Spread], axis: str, number: Callable[[float], str], caption: Caption) -> str:
    """Draw panels as SVG."""
    ends = [_ends(panel) for panel in panels]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    room = 0.03 * (high - low) or max(abs(low), 1.0) * 0.1
    domain = (low - room, high + room)
    drawn = [_panel(panel, domain, axis if panel is panels[-1] else "", number) for panel in panels]
    height = HEIGHT * len(panels) + GAP * (len(panels) - 1)
    chart = alt.vconcat(*drawn, spacing=GAP, bounds="flush")
    return draw(chart, caption, (WIDTH, height), {"left": 24, "right": 28, "top": 34, "bottom": 56})


def _ends(panel: Spread) -> tuple[float, float]:
    values = np.array([panel.estimate, panel.low, panel.high, *np.quantile(panel.values, [TAILS, 1 - TAILS])])
    return float(np.nanmin(values)), float(np.nanmax(values))


def _panel(panel: Spread, domain: tuple[float, float], axis: str, number: Callable[[float], str]) -> Any:
    inside = panel.values[(panel.values >= domain[0]) & (panel.values <= domain[1])]
    bars = int(np.clip(round(np.sqrt(inside.size)), LEAST, MOST))
    share, edge = np.histogram(inside, bars, domain)
    rows = [{"x": a, "x2": b, "y": n} for a, b, n in zip(edge[:-1], edge[1:], share.tolist(), strict=True) if n]
    top = float(share.max()) * 1.06
    x, y = _scales(domain, top, axis, number)
    layers = [
        alt.Chart(plotted(rows)).mark_bar(color=BLUE, opacity=0.42, binSpacing=1).encode(
            x, alt.X2("x2"), y, alt.Y2(datum=0)
        ),
        *(_upright(at, top, INK, [5, 4]) for at in (panel.low, panel.high) if np.isfinite(at)),
        _upright(panel.estimate, top, INK, [1, 0]),
        _title(panel.title, domain[0], top),
    ]  # fmt: skip
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def _scales(domain: tuple[float, float], top: float, title: str, number: Callable[[float], str]) -> tuple[Any, Any]:
    low, high = domain
    step = linear_ticks(high - low, 7)[1]
    ticks = [round(step * k, 10) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
    names = " : ".join(f"abs(datum.value - {t}) < {step * 1e-6} ? '{number(t)}'" for t in ticks) + " : ''"
    across = alt.Axis(values=ticks, labelExpr=names, title=title or None, gridDash=[2, 3], gridColor=GRID)
    x = alt.X("x:Q", scale=alt.Scale(domain=[low, high], nice=False), axis=across)
    return x, alt.Y("y:Q", scale=alt.Scale(domain=[0, top], nice=False), axis=None)


def _upright(at: float, top: float, colour: str, dash: list[int]) -> Any:
    ends = alt.Chart(plotted([{"x": at, "y": 0.0}, {"x": at, "y": top}]))
    return ends.mark_line(color=colour, strokeWidth=1.6, strokeDash=dash).encode(alt.X("x:Q"), alt.Y("y:Q"))


def _title(text: str, x: float, y: float) -> Any:
    one = alt.Chart(plotted([{"x": x, "y": y, "text": text}]))
    look = {"align": "left", "dy": -14, "fontSize": TEXT, "fontWeight": 600, "color": INK}
    return one.mark_text(**look).encode(alt.X("x:Q"), alt.Y("y:Q"), alt.Text("text:N"))
