# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of a model's terms: a forest of its ratios, and its residuals over time, each term in its own panel."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.forest import ForestRow, ForestWords, forest
from rwe.figures.scales import MONTH, even_ticks
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.figures.trends import Panel, trends
from rwe.kernels._jit import F8
from rwe.survival.axis import FEW_DAYS
from rwe.survival.intervals import normal_quantile

if TYPE_CHECKING:
    from rwe.survival.design import Design
    from rwe.survival.proportional_hazards import ProportionalHazards

FEWEST, WIDEST = 1 / 40, 40.0  # ratios beyond these are drawn at the edge; their figures tell the truth
KNOTS = 5  # a natural spline with four degrees of freedom beside its mean
GRID = 121  # places at which it is drawn


def forest_of(
    table: pl.DataFrame, design: Design, level: float, heading: tuple[str, str],
    labels: Mapping[str, str], units: Mapping[str, float], say: Tongue,
) -> Chart:  # fmt: skip
    """Draw ratios with their limits; see `Ratios.plot`."""
    known = [*design.names, *design.columns]
    if odd := [name for name in (*labels, *units) if name not in known]:
        raise DefinitionError(f"{odd} are no terms or columns of the model, which are {list(dict.fromkeys(known))}")
    rows = list(_rows(table, design, labels, units, say))
    words = ForestWords(say("ratio"), say("column", level=say.percent(level)), say("lower"), say("higher"), say.short)
    figures = [row.text for row in rows]
    caption = Caption(key_of(heading, figures), heading[0], "; ".join(f"{row.label} {row.text}" for row in rows))
    return headed(forest(rows, words, caption), *heading)


def _rows(
    table: pl.DataFrame, design: Design, labels: Mapping[str, str], units: Mapping[str, float], say: Tongue
) -> Iterator[ForestRow]:
    """Yield a row a term; the levels of a column stand under its name with their reference."""
    single = [term[0] if len(term) == 1 and term[0].kind == "level" else None for term in design.terms]
    several = Counter(part.column for part in single if part is not None)
    before = ""
    for row, part in zip(table.iter_rows(named=True), single, strict=True):
        term, unit = row["term"], units.get(row["term"], 1.0)
        grouped = part is not None and several[part.column] > 1 and term not in labels
        if part is not None and grouped and part.column != before:
            before = part.column
            yield ForestRow(labels.get(before, before), kind="head")
            yield ForestRow(design.levels[before][0], 1.0, text=say("reference"), kind="level")
        name = part.level if part is not None and grouped else labels.get(term, term)
        name = say("per", term=name, unit=say.short(unit)) if unit != 1 else name
        ratios = [_power(row[column], unit) for column in ("hazard_ratio", "conf_low", "conf_high")]
        yield _row(name, sorted(ratios[1:], key=_or_nan), ratios[0], say, level=grouped)


def _row(name: str, limits: list[float | None], ratio: float | None, say: Tongue, *, level: bool) -> ForestRow:
    low, high = limits
    digits = _digits(low, high)
    text = f"{_figure(ratio, say, digits)} ({_figure(low, say, digits)}–{_figure(high, say, digits)})"
    shown = (None if value is None else min(max(value, FEWEST), WIDEST) for value in (ratio, low, high))
    estimate, below, above = shown
    return ForestRow(name, estimate, below, above, text=text, kind="level" if level else "")


def _power(value: float | None, unit: float) -> float | None:
    """Return a ratio for a difference of `unit`."""
    return None if value is None or not value >= 0 else math.inf if math.isinf(value) else value**unit


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _digits(low: float | None, high: float | None) -> int:
    """Return decimals of a row: two; where both limits would read 1.00, so many that neither does."""
    if low is None or high is None or not round(low, 2) == round(high, 2) == 1:
        return 2
    return next((d for d in range(3, 6) if 1 not in (round(low, d), round(high, d))), 6)


def _figure(value: float | None, say: Tongue, digits: int) -> str:
    if value is None:
        return "–"
    if math.isinf(value) or value >= 1000:
        return ">" + say.short(1000)
    return "<" + say.number(0.01) if value < 0.005 else say.number(value, digits)


def residuals_chart(
    found: ProportionalHazards, *, title: str | None, subtitle: str | None, labels: Mapping[str, str] | None,
    conf_level: float, language: Language,
) -> Chart:  # fmt: skip
    """Draw scaled Schoenfeld residuals over time; see `ProportionalHazards.plot`."""
    say, names = Tongue(language), dict(labels or {})
    at = found.residuals["transformed"].to_numpy()
    terms = found.residuals.columns[found.residuals.columns.index("transformed") + 1 :]
    p_values = dict(zip(found.table["term"], found.table["p_value"], strict=True))
    panels = []
    for term in terms:
        name = names.get(term, term)
        words = say("ph_p", term=name, value=say.p_value(p_values[term])) if term in p_values else name
        y = found.residuals[term].to_numpy()
        grid = np.linspace(at.min(), at.max(), GRID)
        panels.append(Panel(words, at, y, grid, *smooth(at, y, grid, normal_quantile(conf_level)), float(y.mean())))
    ticks = _ticks(found, say)
    axis = say("months" if _in_months(found) else "time")
    note = say("ph_note", level=say.percent(conf_level))
    heading = title or say("ph_title"), note if subtitle is None else subtitle
    caption = Caption(
        key_of(heading, [panel.title for panel in panels]), heading[0], "; ".join(p.title for p in panels)
    )
    return headed(trends(panels, ticks, axis, say.short, caption), *heading)


def smooth(at: F8, y: F8, grid: F8, z: float) -> tuple[F8, F8, F8]:
    """Return a natural cubic spline through points by least squares, and its pointwise limits.

    Knots lie at the quantiles of `at`. Limits take the points as independent with one variance. Where there are
    too few distinct places for the knots there are fewer of them.
    """
    from scipy.interpolate import CubicSpline

    knots = np.unique(np.quantile(at, np.linspace(0, 1, KNOTS)))
    if knots.size < 3 or y.size <= knots.size + 1:
        return np.full(grid.size, y.mean()), np.full(grid.size, np.nan), np.full(grid.size, np.nan)
    basis = CubicSpline(knots, np.eye(knots.size), bc_type="natural")
    design = basis(at)
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ (design.T @ y)
    variance = float(((y - design @ coefficients) ** 2).sum()) / (y.size - knots.size)
    shown = basis(grid)
    line, half = shown @ coefficients, z * np.sqrt(variance * ((shown @ inverse) * shown).sum(axis=1))
    return line, line - half, line + half


def _in_months(found: ProportionalHazards) -> bool:
    time = found.residuals["time"]
    return time.dtype.is_integer() and float(time.to_numpy().max()) > FEW_DAYS


def _ticks(found: ProportionalHazards, say: Tongue) -> list[tuple[float, str]]:
    """Return places on the axis of the transformed time with the times that stand there, none too near another."""
    pairs = found.residuals.select("time", "transformed").unique().sort("time")
    unit = MONTH if _in_months(found) else 1.0
    time, at = (pairs[name].cast(pl.Float64).to_numpy() for name in ("time", "transformed"))
    wanted = [tick for tick in even_ticks(time[-1] / unit, 16) if tick * unit >= time[0]]
    places = np.interp(np.array(wanted) * unit, time, at)
    kept: list[tuple[float, str]] = []
    for place, tick in zip(places.tolist(), wanted, strict=True):
        if not kept or place - kept[-1][0] >= 0.08 * (at[-1] - at[0]):
            kept.append((place, say.short(tick)))
    return kept
