# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of how far to trust an effect: forests of studies and of runs, funnel, bias plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.forest import ForestRow, ForestWords, forest
from rwe.figures.histograms import Spread, histograms
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.scales import even_ticks, ratio_domain, ratio_ticks
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.survival.intervals import normal_quantile

if TYPE_CHECKING:
    from rwe.compare.bias import BiasAnalysis
    from rwe.compare.calibrate import Calibration
    from rwe.compare.e_value import EValue
    from rwe.compare.looks import Looks
    from rwe.compare.pool import Pooled
    from rwe.compare.sensitivity import Sensitivity

EDGE = (1 / 40, 40.0)  # ratios beyond these are drawn at the edge; their figures tell the truth
STEPS = 200
LONGEST = 44  # letters of a reason in a forest; the table holds all of it


@dataclass(frozen=True, slots=True)
class Ratio:
    """A row of a forest: its ratio with limits, or `words` in their place; an `inner` one belongs to the one above."""

    label: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    words: str = ""
    inner: bool = False


def ratios(rows: Iterable[Ratio], heading: tuple[str, str], level: float, language: Language) -> Chart:
    """Draw ratios with limits in one forest."""
    say = Tongue(language)
    drawn = [
        ForestRow(
            row.label, _within(row.ratio), _within(row.low), _within(row.high),
            text=row.words or _figures(say, row), kind="level" if row.inner else "",
        )
        for row in rows
    ]  # fmt: skip
    words = ForestWords(say("any_ratio"), say("any_column", level=say.percent(level)), "", "", say.short)
    texts = [f"{row.label} {row.text}" for row in drawn]
    caption = Caption(key_of(heading, texts), heading[0], "; ".join(texts))
    return headed(forest(drawn, words, caption), *heading)


def _within(ratio: float | None) -> float | None:
    return None if ratio is None else min(max(ratio, EDGE[0]), EDGE[1])


def _figures(say: Tongue, row: Ratio) -> str:
    if row.ratio is None:
        return "–"
    limits = "" if row.low is None or row.high is None else f" ({say.number(row.low)}–{say.number(row.high)})"
    return say.number(row.ratio) + limits


def pooled_forest(found: Pooled, language: Language) -> Chart:
    """Draw studies, their shrunken effects and the mean; see `Pooled.forest`."""
    say, z = Tongue(language), normal_quantile(found.conf_level)
    rows = []
    for row in found.table.iter_rows(named=True):
        rows.append(_around(row["label"], row["estimate"], z * row["std_error"]))
        rows.append(_around(say("shrunken"), row["shrunken"], z * row["shrunken_error"], inner=True))
    rows.append(_around(say("pooled"), found.estimate, found.conf_high - found.estimate))
    if found.pred_high is not None:
        rows.append(_around(say("another"), found.estimate, found.pred_high - found.estimate))
    note = say("pool_note", method=found.method, tau2=say.short(float(f"{found.tau2:.3g}")), i2=round(found.i2))
    return ratios(rows, (say("pool_title"), note), found.conf_level, language)


def _around(label: str, middle: float, half: float, *, inner: bool = False) -> Ratio:
    """Return a row of a log ratio with limits this far away."""
    return Ratio(label, math.exp(middle), math.exp(middle - half), math.exp(middle + half), inner=inner)


def funnel_of(found: Pooled, language: Language) -> Chart:
    """Draw estimates against their errors; see `Pooled.funnel`."""
    say, z = Tongue(language), normal_quantile(found.conf_level)
    y, se = (found.table[name].to_numpy() for name in ("estimate", "std_error"))
    deep = float(se.max()) * 1.08
    sides = [math.exp(found.estimate + side * z * deep) for side in (-1, 1)]
    domain = ratio_domain([*np.exp(y).tolist(), *sides])
    middle = math.exp(found.estimate)
    drawn = [
        Line([sides[0], middle, sides[1]], [deep, 0.0, deep]),
        Line([middle, middle], [0.0, deep]),
        Line(np.exp(y).tolist(), se.tolist(), say("study"), points=True),
    ]
    x = Axis(say("any_ratio"), *domain, say.short, ratio_ticks(domain, 560), "log")
    down = Axis(say("std_error"), 0.0, deep, say.short, even_ticks(deep, 6), down=True)
    return _drawn(drawn, (x, down), (say("funnel_title"), say("funnel_note", level=say.percent(found.conf_level))))


def bias_plot(found: EValue, language: Language) -> Chart:
    """Draw what a confounder needs with treatment and outcome to explain the estimate, and its limit, away."""
    say = Tongue(language)
    near = found.conf_low if found.ratio >= 1 else found.conf_high
    wanted = [(say("explains_point"), found.ratio)]
    if near is not None and (near - 1) * (found.ratio - 1) > 0:
        wanted.append((say("explains_limit"), near))
    top = 4 * found.point
    drawn = [Line(*_hyperbola(max(v, 1 / v), top), label) for label, v in wanted]
    ticks = [t for t in (1, 1.5, 2, 3, 5, 10, 20, 50, 100) if t <= top]
    x, y = (Axis(say(title), 1.0, top, say.short, ticks, "log") for title in ("with_treatment", "with_outcome"))
    return _drawn(drawn, (x, y), (say("bias_title"), say("bias_note")))


def _hyperbola(factor: float, top: float) -> tuple[list[float], list[float]]:
    """Return pairs of strengths whose joint bias factor is `factor`."""
    first = factor * (top - 1) / (top - factor)
    x = np.geomspace(max(first, factor * (1 + 1e-9)), top, STEPS)
    return x.tolist(), (factor * (x - 1) / (x - factor)).tolist()


def calibration_plot(found: Calibration, language: Language) -> Chart:
    """Draw controls and effects, with what is called different from none before and after; see `Calibration.plot`."""
    say, z, model = Tongue(language), normal_quantile(0.95), found.model
    every = [*found.controls["std_error"], *found.table["std_error"]]
    deep = 1.08 * max(every)
    errors = np.linspace(0, deep, STEPS)
    sides = [model.mean + side * z * np.hypot(model.sd, errors) for side in (-1, 1)]
    after = Line(np.exp([*sides[0][::-1], *sides[1]]).tolist(), [*errors[::-1], *errors], say("calibrated_line"))
    edges = np.exp([-z * deep, 0.0, z * deep]).tolist()
    null = found.controls.filter(pl.col("true") == 0)
    spots = [(say("control"), null), (say("effect"), found.table)]
    points = [Line(t["log_ratio"].exp().to_list(), t["std_error"].to_list(), name, points=True) for name, t in spots]
    domain = ratio_domain([*edges, *points[0].x, *points[1].x])
    x = Axis(say("any_ratio"), *domain, say.short, ratio_ticks(domain, 560), "log")
    down = Axis(say("std_error"), 0.0, deep, say.short, even_ticks(deep, 6))
    drawn = [Line(edges, [deep, 0.0, deep]), after, *points]
    return _drawn(drawn, (x, down), (say("calibration_title"), say("calibration_note")))


def bias_draws(found: BiasAnalysis, language: Language) -> Chart:
    """Draw the ratios of the draws without and with random error; see `BiasAnalysis.plot`."""
    say = Tongue(language)
    rows = {row["of"]: row for row in found.table.iter_rows(named=True)}
    panels = []
    for name, values in (("systematic", found.systematic), ("total", found.total)):
        row = rows[name]
        figures = _figures(say, Ratio("", row["ratio"], row["conf_low"], row["conf_high"]))
        inside = np.clip(values, *EDGE)
        panels.append(
            Spread(f"{say(f'draws_{name}')}: {figures}", inside, row["ratio"], row["conf_low"], row["conf_high"])
        )
    note = say(
        "draws_note",
        n=found.systematic.size,
        conventional=_figures(say, Ratio("", *list(rows["conventional"].values())[1:])),
    )
    heading = (say("draws_title"), note)
    told = "; ".join(panel.title for panel in panels)
    caption = Caption(key_of(heading, told), heading[0], told)
    return headed(histograms(panels, say("draws_ratio"), say.short, caption), *heading)


def looks_plot(found: Looks, language: Language) -> Chart:
    """Draw the p-values of looks over time; see `Looks.plot`."""
    say, table = Tongue(language), found.table.drop_nulls("naive_p")
    day, least = table["day"].to_list(), 1e-4
    named = (("naive_p", say("naive")), ("anytime_p", say("anytime")))
    drawn = [Line([day[0], day[-1]], [found.alpha, found.alpha])]
    for column, label in named:
        drawn.append(Line(day, table[column].clip(lower_bound=least).to_list(), label))
    span = max(day[-1] - day[0], 1)
    ticks = [tick + day[0] for tick in even_ticks(span, 8)]
    x = Axis(say("days"), day[0] - 0.02 * span, day[-1] + 0.02 * span, say.short, ticks)
    y = Axis(say("p_axis"), least, 1.2, say.short, [1e-4, 1e-3, 0.01, 0.05, 0.2, 1.0], "log")
    return _drawn(drawn, (x, y), (say("looks_title"), say("looks_note", alpha=say.short(found.alpha))))


def runs_forest(found: Sensitivity, language: Language) -> Chart:
    """Draw runs with their ratios, failed ones with their reason; see `Sensitivity.plot`."""
    say = Tongue(language)
    rows = [
        Ratio(r["run"], r["ratio"], r["conf_low"], r["conf_high"], words=_short(r["reason"]))
        for r in found.table.iter_rows(named=True)
    ]
    failed = sum(bool(reason) for reason in found.table["reason"])
    note = say("runs_note", n=found.table.height, failed=failed)
    return ratios(rows, (say("runs_title"), note), found.conf_level, language)


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _drawn(drawn: Sequence[Line], axes: tuple[Axis, Axis], heading: tuple[str, str]) -> Chart:
    named = "; ".join(line.label for line in drawn if line.label)
    key = key_of(heading, [(line.x, line.y) for line in drawn])
    return headed(lines(drawn, *axes, Caption(key, heading[0], named)), *heading)
