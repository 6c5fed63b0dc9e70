# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The table at risk below a Kaplan-Meier chart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from rwe.figures.km_parts import ASIDE, GAP, NEAR, ROW, WIDTH, KmWords, Series, of
from rwe.figures.look import INK, MUTED, SMALL, TEXT, alt, plotted
from rwe.figures.scales import MONTH, month_ticks


def cells_at_risk(
    table: pl.DataFrame, series: Sequence[Series], words: KmWords, end: float, left: int
) -> Iterator[dict[str, Any]]:
    """Yield the texts of the table at risk with their places in px."""
    y = ROW / 2
    for one in series:
        rows = of(table, one.key, "at_risk")
        if not rows:
            continue
        yield {"x": -left + 2, "y": y, "text": one.label, "kind": "head", "colour": one.colour}
        for name, column in ((words.at_risk, "n"), (words.events, "n_event")):
            y += ROW
            yield {"x": -ASIDE, "y": y, "text": name, "kind": "name", "colour": MUTED}
            for tick in month_ticks(end):
                text = count_near(rows, tick * MONTH, column, words.masked, words.count)
                yield {"x": tick / end * WIDTH, "y": y, "text": text, "kind": "cell", "colour": INK}
        y += ROW + GAP


def count_near(
    rows: Sequence[dict[str, Any]], day: float, column: str, masked: str, count: Callable[[int], str]
) -> str:
    """Return the count nearest to `day`, an earlier one first, in words; a dash where none is near."""
    near = min(rows, key=lambda row: (abs(row["time"] - day), row["time"] > day), default=None)
    if near is None or abs(near["time"] - day) > NEAR:
        return "–"
    if column in (near.get("masked") or "").split(","):
        return masked
    return "–" if near[column] is None else count(near[column])


def table_at_risk(cells: list[dict[str, Any]], height: float) -> Any:
    """Return the texts as a chart of the curves' width."""
    look = {"head": ("left", 600, TEXT), "name": ("right", 400, SMALL), "cell": ("center", 400, SMALL)}
    marks = []
    for kind, (align, weight, size) in look.items():
        data = plotted([cell for cell in cells if cell["kind"] == kind])
        mark = alt.Chart(data).mark_text(align=align, fontWeight=weight, fontSize=size)
        place_x, place_y = alt.X("x:Q", scale=None, axis=None), alt.Y("y:Q", scale=None, axis=None)
        marks.append(mark.encode(place_x, place_y, alt.Text("text:N"), alt.Color("colour:N", scale=None)))
    return alt.layer(*marks).properties(width=WIDTH, height=height)
