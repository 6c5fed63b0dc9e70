# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Shares of a whole over time, one upon another, with a panel a group and one key of colours above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rwe.figures.km_layers import axes
from rwe.figures.km_parts import WIDTH
from rwe.figures.look import INK, PALETTE, TEXT, alt, plotted, text_width
from rwe.figures.steps import Frame
from rwe.figures.svg import Caption, draw

F8 = NDArray[np.float64]
HEIGHT, GAP, KEY_ROW = 230, 84, 24
SQUARE, APART = 20, 18  # px from the middle of a square to its name, and between two entries of the key


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """One panel: its title, steps of time from 0, and the share of each part from then on, shape (times, parts)."""

    title: str
    time: F8
    share: F8


def stacks(panels: Sequence[Stack], names: Sequence[str], frame: Frame, caption: Caption) -> str:
    """Draw stacked shares as SVG; the first part lies at the bottom."""
    rows = list(_rows(names))
    key = _key(rows, names)
    drawn = [_panel(panel, frame) for panel in panels]
    chart = alt.vconcat(key, alt.vconcat(*drawn, spacing=GAP, bounds="flush"), spacing=44, bounds="flush")
    chart = chart.resolve_scale(x="independent", y="independent")
    height = KEY_ROW * (rows[-1][1] + 1) + 44 + HEIGHT * len(panels) + GAP * (len(panels) - 1)
    return draw(chart, caption, (WIDTH, height), {"left": 56, "right": 28, "top": 12, "bottom": 58})


def _panel(panel: Stack, frame: Frame) -> Any:
    around = replace(frame, titles=(frame.titles[0], panel.title))
    shown = panel.time <= frame.end
    time = np.append(panel.time[shown], min(frame.end, panel.time[-1]))
    edge = np.hstack([np.zeros((shown.sum(), 1)), np.cumsum(panel.share[shown], axis=1)])
    edge = np.vstack([edge, edge[-1]]).clip(0, 1)
    layers = [_area(time, edge[:, part], edge[:, part + 1], PALETTE[part]) for part in range(panel.share.shape[1])]
    base = axes(around.titles, around.ticks, around.shares, around.percent, around.end, around.number)
    return alt.layer(base, *layers).properties(width=WIDTH, height=HEIGHT)


def _area(time: F8, low: F8, high: F8, colour: str) -> Any:
    rows = zip(time.tolist(), low.tolist(), high.tolist(), strict=True)
    data = plotted([dict(zip(("months", "low", "high"), row, strict=True)) for row in rows])
    area = alt.Chart(data).mark_area(interpolate="step-after", color=colour, opacity=0.78)
    return area.encode(alt.X("months:Q"), alt.Y("low:Q"), alt.Y2("high"))


def _rows(names: Sequence[str]) -> Iterator[tuple[float, int]]:
    """Yield the place of each entry of the key: px from the left, and its row."""
    x, row = 6.0, 0
    for name in names:
        wide = SQUARE + text_width(name) + APART
        if x > 6 and x + wide > WIDTH:
            x, row = 6.0, row + 1
        yield x, row
        x += wide


def _key(places: Sequence[tuple[float, int]], names: Sequence[str]) -> Any:
    height = KEY_ROW * (places[-1][1] + 1)
    layers = []
    for (x, row), name, colour in zip(places, names, PALETTE, strict=False):
        at = alt.Chart(plotted([{"x": x, "y": KEY_ROW * (row + 0.5), "name": name}]))
        across = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, WIDTH], nice=False))
        down = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[height, 0], nice=False))
        layers.append(at.mark_square(size=150, color=colour, opacity=0.78).encode(across, down))
        words = at.mark_text(align="left", dx=SQUARE - 6, fontSize=TEXT, color=INK)
        layers.append(words.encode(across, down, alt.Text("name:N")))
    return alt.layer(*layers).properties(width=WIDTH, height=height)
