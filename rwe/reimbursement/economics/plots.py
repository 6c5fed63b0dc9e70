# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of an evaluation: where people are, the plane, acceptability by threshold, and what price is worth it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.lines import Axis, Line, lines
from rwe.figures.scales import around_zero, even_ticks, linear_ticks, ticks_within
from rwe.figures.stacks import Stack, stacks
from rwe.figures.steps import Frame
from rwe.figures.svg import Caption
from rwe.figures.tongue import Tongue
from rwe.reimbursement.economics.timing import YEAR

if TYPE_CHECKING:
    from rwe.reimbursement.economics.evaluation import Evaluation
    from rwe.reimbursement.economics.value_price import ValuePrice

SHOWN, POINTS, STEPS = 500, 101, 200  # draws of the plane, thresholds and prices of a line, times of a panel
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Speech:
    """The language of a chart, the currency beside its money, and names for people."""

    language: str
    currency: str
    labels: Mapping[str, str]

    @property
    def say(self) -> Tongue:
        """The words."""
        return Tongue(self.language)

    def name(self, key: str) -> str:
        """Return the name of a strategy or state."""
        return self.labels.get(key, key.replace("_", " "))

    def title(self, key: str) -> str:
        """Return the title of an axis of money."""
        return self.say(key) + (f", {self.currency}" if self.currency else "")


def states_chart(found: Evaluation, speech: Speech) -> Chart:
    """Draw who is in which state over time, a panel a strategy."""
    say = speech.say
    time = found.timing.days / YEAR
    kept = np.unique(np.linspace(0, time.size - 1, min(STEPS, time.size)).astype(int))
    alike = list(dict.fromkeys(state for states in found.states.values() for state in states))
    panels = [
        Stack(speech.name(name), time[kept], np.stack([states.get(s, 0 * time)[kept] for s in alike], axis=1))
        for name, states in found.states.items()
    ]
    end = float(time[-1])
    frame = Frame((say("years"), ""), tuple(even_ticks(end)), SHARES, end, say.percent, say.short)
    title, note = say("economics_states"), say("economics_states_note", n=say.short(round(end, 2)))
    key = key_of(title, [float(panel.share.sum()) for panel in panels], alike)
    svg = stacks(panels, [speech.name(state) for state in alike], frame, Caption(key, title, note))
    return headed(svg, title, note)


def plane_chart(found: Evaluation, threshold: float, speech: Speech) -> Chart:
    """Draw more cost against more effect than the first strategy, a point a draw, with the line of the threshold."""
    t, say = found.draws, speech.say
    if t is None or len(found.names) < 2:
        raise DefinitionError("the plane needs draws of two strategies")
    cost = t.cost(found.price)[:SHOWN]
    more, gain = cost[:, 1:] - cost[:, :1], t.effect[:SHOWN, 1:] - t.effect[:SHOWN, :1]
    drawn = [
        Line(gain[:, i].tolist(), more[:, i].tolist(), speech.name(name), points=True)
        for i, name in enumerate(found.names[1:])
    ]
    ends = around_zero(gain.ravel().tolist())
    drawn.append(Line(list(ends), [threshold * end for end in ends]))
    drawn += [Line(list(ends), [0.0, 0.0]), Line([0.0, 0.0], list(around_zero(more.ravel().tolist())))]
    x = _axis(say("economics_gain"), ends, say)
    y = _axis(speech.title("economics_more"), around_zero(more.ravel().tolist()), say)
    note = say("economics_plane_note", first=speech.name(found.names[0]), threshold=_money(say, threshold))
    return _headed(drawn, x, y, say("economics_plane"), note)


def acceptability_chart(found: Evaluation, threshold: float, speech: Speech) -> Chart:
    """Draw how likely each strategy is worth its money, by threshold up to twice the one asked about."""
    say = speech.say
    grid = np.linspace(0.0, 2 * threshold, POINTS)
    table = found.acceptability(grid.tolist())
    drawn = [
        Line(grid.tolist(), table.filter(strategy=name)["probability"].to_list(), speech.name(name))
        for name in found.names
    ]
    drawn.append(Line([threshold] * 2, [0.0, 1.0]))
    x = _axis(speech.title("economics_threshold"), (0.0, 2 * threshold), say)
    y = Axis(say("economics_likely"), 0.0, 1.0, say.percent, SHARES)
    note = say("economics_acceptability_note", threshold=_money(say, threshold))
    return _headed(drawn, x, y, say("economics_acceptability"), note)


def price_chart(found: ValuePrice, speech: Speech) -> Chart:
    """Draw how likely a medicine is worth its price, by price; upright: the price of now."""
    say = speech.say
    if found.each is None:
        raise DefinitionError("worth by price needs draws: evaluate(..., draws=10_000)")
    high = max(found.listed * 1.25, float(np.quantile(found.each, 0.99)), 1e-9)
    end = linear_ticks(high)[-1]
    grid = np.linspace(0.0, end, POINTS)
    worth = (found.each[:, None] >= grid).mean(axis=0)
    drawn = [Line(grid.tolist(), worth.tolist(), speech.name(found.strategy)), Line([found.listed] * 2, [0.0, 1.0])]
    x = _axis(speech.title("economics_unit_price"), (0.0, end), say)
    y = Axis(say("economics_likely"), 0.0, 1.0, say.percent, SHARES)
    note = say("economics_price_note", price=_money(say, found.price), threshold=_money(say, found.threshold))
    return _headed(drawn, x, y, say("economics_price"), note)


def budget_chart(table: pl.DataFrame, speech: Speech) -> Chart:
    """Draw what is spent each year with the medicine and without it, and the medicine's part."""
    say, years = speech.say, table["year"].to_list()
    drawn = [Line(years, table[name].to_list(), say(f"economics_{name}")) for name in ("with", "without", "medicine")]
    top = linear_ticks(max(max(line.y) for line in drawn) or 1.0)
    x = Axis(say("economics_year"), float(years[0]), float(max(years[-1], years[0] + 1)), say.short, years)
    y = Axis(speech.title("economics_spent"), 0.0, top[-1], lambda value: _money(say, value), top)
    return _headed(drawn, x, y, say("economics_budget"), say("economics_budget_note"))


def _axis(title: str, ends: tuple[float, float], say: Tongue) -> Axis:
    return Axis(title, *ends, lambda value: _money(say, value), ticks_within(ends, 6))


def _money(say: Tongue, value: float) -> str:
    """Return a number in groups of three digits, with decimals only where it is small."""
    if abs(value) < 1000:
        return say.short(float(f"{value:.4g}"))
    return ("\N{MINUS SIGN}" if value < 0 else "") + say.count(round(abs(value)))


def _headed(drawn: Sequence[Line], x: Axis, y: Axis, title: str, note: str) -> Chart:
    key = key_of(title, note, [(list(line.x), list(line.y)) for line in drawn])
    return headed(lines(drawn, x, y, Caption(key, title, note)), title, note)
