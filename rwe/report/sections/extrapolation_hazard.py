# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Fitted hazards laid over the smoothed one: where a family leaves the data, its years beyond them are in doubt."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rwe.figures import Caption
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.scales import even_ticks, linear_ticks
from rwe.report.blocks import Figure
from rwe.report.families import family_name
from rwe.report.page import Page, Row

YEAR = 365.25


def hazards(page: Page, rows: Sequence[Row], families: Sequence[str]) -> Figure:
    """Return the chart of a group up to the last day of its smoothed hazard."""
    seen = sorted((row for row in rows if row["estimand"] == "smoothed_hazard" and row["estimate"] is not None),
                  key=lambda row: int(row["time"]))  # fmt: skip
    end = seen[-1]["time"] / YEAR
    drawn = [_limits(seen, name) for name in ("conf_low", "conf_high")]
    drawn.append(Line([row["time"] / YEAR for row in seen], [row["estimate"] for row in seen],
                      page.words("extrapolation.smoothed")))  # fmt: skip
    drawn += [_fitted(page, rows, family, end) for family in families]
    named = [line for line in drawn if line.label]
    heights = linear_ticks(1.4 * max(max(line.y) for line in named))
    x = Axis(page.words("extrapolation.years"), 0.0, end, lambda v: page.numbers.decimal(v, 0), even_ticks(end))
    y = Axis(page.words("extrapolation.hazard"), 0.0, heights[-1], lambda v: page.numbers.decimal(v, 2), heights)
    endpoint, group = page.endpoint(str(rows[0]["outcome"])), str(rows[0]["group"])
    title = page.words("extrapolation.hazards", endpoint=endpoint, group=page.group(group))
    key = f"fig-hazard-{rows[0]['id']}-{re.sub('[^a-z0-9]+', '-', group)}"
    names = ", ".join(line.label for line in named)
    caption = Caption(key, title, page.words("extrapolation.hazards_description", curves=names))
    level = page.level("extrapolation")
    return Figure(title, lines(drawn, x, y, caption), page.words("extrapolation.hazards_note", level=level))


def _limits(seen: Sequence[Row], name: str) -> Line:
    known = [row for row in seen if row[name] is not None]
    return Line([row["time"] / YEAR for row in known], [row[name] for row in known])


def _fitted(page: Page, rows: Sequence[Row], family: str, end: float) -> Line:
    """Return the mean hazard of a family between the days at which its survival is told."""
    told = sorted(
        (row["time"] / YEAR, row["estimate"])
        for row in rows
        if row["stratum"] == family and row["estimand"] == "extrapolated_survival" and row["estimate"]
    )
    steps = list(zip([(0.0, 1.0), *told], told, strict=False))
    kept = [pair for pair in steps if (pair[0][0] + pair[1][0]) / 2 <= end]
    at = [(a + b) / 2 for (a, _), (b, _) in kept]
    return Line(at, [math.log(before / after) / (b - a) for (a, before), (b, after) in kept], family_name(page, family))
