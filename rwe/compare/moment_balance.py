# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Balance of published moments, before and after weighting: means and SDs as they are, levels as proportions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.balance import DENOMINATOR, Balance, balance
from rwe.compare.margins import Floats, joined
from rwe.compare.moments import Moment, numbers

OF_MEANS = (
    "means: sqrt((s1^2 + s0^2) / 2) of the unweighted registry and the published SD, or s1 alone where none is "
    "published; SDs themselves have no standardised difference; proportions: "
)


def balance_of(
    rows: pl.DataFrame, targets: Mapping[Any, Any], moments: Sequence[Moment], before: Floats, after: Floats
) -> Balance:
    """Return each moment of the targets before and after; of levels all, also the one the others imply."""
    shown = {m.variable for m in moments if m.statistic != "proportion"}
    margins = {key: t for key, t in targets.items() if str(key) not in shown and isinstance(t, Mapping)}
    tables = []
    if margins:
        levels, named = joined(rows, margins)
        tables.append(balance(levels, named, after, before).table)
    published = {m.variable: m.published for m in moments if m.statistic == "sd"}
    lines = [_line(rows, m, published.get(m.variable), before, after) for m in moments if m.variable in shown]
    if lines:
        tables.append(pl.DataFrame(lines, schema=dict(tables[0].schema) if tables else None, infer_schema_length=None))
    return Balance(pl.concat(tables), (OF_MEANS if lines else "") + DENOMINATOR)


def _line(rows: pl.DataFrame, moment: Moment, sd: float | None, before: Floats, after: Floats) -> dict[str, Any]:
    x = numbers(rows, moment.variable)
    figures = [_figure(moment, x, weight) for weight in (before, after)]
    return {
        "variable": moment.variable,
        "level": moment.statistic,
        "statistic": moment.statistic,
        "n": rows.height,
        "trial": 0.5 if moment.statistic == "median" else moment.published,
        "before": figures[0],
        "after": figures[1],
        "smd_before": _standardised(moment, x, before, sd, figures[0]),
        "smd_after": _standardised(moment, x, before, sd, figures[1]),
    }


def _figure(moment: Moment, x: Floats, weight: Floats) -> float:
    if moment.statistic == "sd":
        return float(np.sqrt(_variance(x, weight)))
    return float(np.average(x if moment.statistic == "mean" else moment.values, weights=weight))


def _variance(x: Floats, weight: Floats) -> float:
    mean = np.average(x, weights=weight)
    return float(np.average((x - mean) ** 2, weights=weight))


def _standardised(moment: Moment, x: Floats, before: Floats, sd: float | None, figure: float) -> float | None:
    if moment.statistic == "sd":
        return None
    if moment.statistic == "median":
        here = float(np.average(moment.values, weights=before))
        spread = np.sqrt((here * (1 - here) + 0.25) / 2)
        return (figure - 0.5) / float(spread)
    own = _variance(x, before)
    spread = np.sqrt(own if sd is None else (own + sd**2) / 2)
    return (figure - moment.published) / float(spread) if spread > 0 else None
