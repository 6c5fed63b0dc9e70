# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of what was drawn or chosen: replicates of a bootstrap, coefficients and deviance along a penalty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.histograms import Spread, histograms
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.look import PALETTE
from rwe.figures.scales import around_zero, linear_ticks, ticks_within
from rwe.figures.svg import Caption
from rwe.figures.tongue import MINUS, Language, Tongue
from rwe.kernels._jit import F8, Flags
from rwe.survival.counts import EMPTY
from rwe.survival.levels import Levels
from rwe.survival.plots import Labels, given, named

if TYPE_CHECKING:
    from rwe.survival.bootstrap import Bootstrap
    from rwe.survival.elastic_net import ElasticNet


def bootstrap_chart(
    found: Bootstrap, *, title: str | None, subtitle: str | None, labels: Labels, language: Language
) -> Chart:
    """Draw the replicates of a bootstrap; see `Bootstrap.plot`."""
    say, spread = Tongue(language), found._frame
    names = _names(found, labels, say)
    limits = found.table.select("estimate", "conf_low", "conf_high").fill_null(np.nan).to_numpy()
    panels = []
    for name, values, (estimate, low, high) in zip(names, spread.values.T, limits, strict=True):
        known = values[np.isfinite(values)]
        if not known.size or not math.isfinite(estimate):
            raise NoValidAnswer("an estimate that has no answer in the rows themselves has no distribution to draw")
        figures = f"{say.short(_round(estimate))} ({_told(low, say)}–{_told(high, say)})"
        panels.append(Spread(f"{name}: {figures}", known, estimate, low, high))
    what = say(f"boot_{found.statistic}")
    axis = what if found.contrast is None else say(f"of_{found.contrast}", what=what)
    note = say("boot_note", n=spread.n, level=say.percent(found.conf_level), interval=found.interval)
    heading = title or say("boot_title"), note if subtitle is None else subtitle
    told = "; ".join(panel.title for panel in panels)
    caption = Caption(key_of(heading, told, spread.values.sum().item()), heading[0], f"{axis}: {told}")
    return headed(histograms(panels, axis, say.short, caption), *heading)


def _names(found: Bootstrap, labels: Labels, say: Tongue) -> list[str]:
    """Return what each panel is of: a group, or two with the sign of their contrast."""
    shown = found.table[:, : found.table.columns.index("time")]
    if found.contrast is None:
        return named(Levels(shown, EMPTY, max(shown.height, 1)), labels, say)
    sign = MINUS if found.contrast == "difference" else "/"
    return given([f"{group} {sign} {other}" for group, other in shown.iter_rows()], [found.contrast], labels)


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def _told(value: float, say: Tongue) -> str:
    return say.short(_round(value)) if math.isfinite(value) else "–"


def path_chart(
    found: ElasticNet, *, title: str | None, subtitle: str | None, labels: Mapping[str, str], language: Language
) -> Chart:
    """Draw coefficients along the penalty; see `ElasticNet.plot`."""
    say, of = Tongue(language), found._problem.cohort
    if odd := [name for name in labels if name not in of.plan.names]:
        raise DefinitionError(f"{odd} are no terms of the model, which are {list(of.plan.names)}")
    at = _drawn(found)
    sizes = found.path["penalty"].to_numpy()[at]
    beta = (found.table["estimate"].to_numpy().reshape(at.size, -1) * of.scale)[at]
    low, high = around_zero([beta.min(), beta.max()])
    chosen = np.sort(np.argsort(-np.abs(beta[-1]), kind="stable")[: len(PALETTE)])
    across = sizes.tolist()
    terms = [Line(across, beta[:, j].tolist()) for j in range(beta.shape[1]) if j not in chosen]
    terms += [Line(across, beta[:, j].tolist(), labels.get(of.plan.names[j], of.plan.names[j])) for j in chosen]
    y = Axis(say("per_sd"), low, high, say.short, ticks_within((low, high)))
    note = say("net_note", ratio=say.short(found.l1_ratio)) + (say("net_chosen") if found.best else "")
    heading = title or say("net_title"), note if subtitle is None else subtitle
    names = ", ".join(line.label for line in terms if line.label)
    caption = Caption(key_of(heading, names, beta.sum().item()), heading[0], f"{y.title}: {names}")
    return headed(lines([*_uprights(found, low, high), *terms], _across(sizes, say), y, caption), *heading)


def deviance_chart(found: ElasticNet, *, title: str | None, subtitle: str | None, language: Language) -> Chart:
    """Draw the deviance of the folds along the penalty; see `ElasticNet.plot`.

    Raises
    ------
    DefinitionError
        If no folds were asked for.
    """
    if found.best is None:
        raise DefinitionError("there are no folds whose deviance could be drawn: give folds to elastic_net")
    say, at = Tongue(language), _drawn(found)
    sizes, mean, error = (found.path[c].to_numpy()[at] for c in ("penalty", "deviance", "std_error"))
    low, high = float((mean - error).min()), float((mean + error).max())
    room = 0.05 * (high - low) or 1.0
    low, high = low - room, high + room
    step = linear_ticks(high - low)[1]
    ticks = [round(step * k, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    y = Axis(say("deviance"), low, high, say.short, ticks)
    heading = title or say("cv_title"), say("cv_note") if subtitle is None else subtitle
    told = say("cv_told", best=_told(found.best, say), sparsest=_told(found.sparsest or found.best, say))
    around = ((mean - error, ""), (mean + error, ""), (mean, told))
    curves = [Line(sizes.tolist(), values.tolist(), name) for values, name in around]
    caption = Caption(key_of(heading, told, mean.sum().item()), heading[0], told)
    return headed(lines([*_uprights(found, low, high), *curves], _across(sizes, say), y, caption), *heading)


def _drawn(found: ElasticNet) -> Flags:
    """Return which penalties a log axis holds."""
    there = found.path["penalty"].to_numpy() > 0
    if there.sum() < 2:
        raise DefinitionError("a path is drawn of two positive penalties or more")
    return there


def _uprights(found: ElasticNet, low: float, high: float) -> list[Line]:
    return [Line([at, at], [low, high]) for at in (found.best, found.sparsest) if at]


def _across(sizes: F8, say: Tongue) -> Axis:
    low, high = float(sizes.min()), float(sizes.max())
    tens = [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    ticks = tens if len(tens) > 1 else [_round(low), _round(high)]
    return Axis(say("penalty"), low, high, say.short, ticks, "log", down=True)
