# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Incidence curves of the dossier: from released steps to charts with the counts below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rwe.figures import BLUE, RED, Caption, Series
from rwe.figures.km_table import count_near
from rwe.figures.look import INK, PALETTE
from rwe.figures.scales import MONTH, month_ticks
from rwe.figures.steps import Block, Curve, Frame, share_ticks, steps
from rwe.report.blocks import Figure
from rwe.report.page import Page, Row

NAME = "competing_risks"


@dataclass(frozen=True, slots=True)
class Causes:
    """One analysis of causes as it was released: its rows, its groups, and its causes in the order of the study."""

    page: Page
    key: str
    rows: list[Row]
    groups: list[str]
    causes: list[str]

    def of(self, group: str, stratum: str, estimand: str) -> list[Row]:
        """Return the rows with these labels in the order of time."""
        labels = {"group": group, "stratum": stratum, "estimand": estimand}
        found = [row for row in self.rows if all(row[key] == value for key, value in labels.items())]
        return sorted(found, key=lambda row: row["time"] or 0)

    def one(self, group: str, stratum: str, estimand: str, time: int | None = None) -> Row | None:
        """Return the one row with these labels."""
        return next((row for row in self.of(group, stratum, estimand) if row["time"] == time), None)

    @property
    def population(self) -> str:
        """The name of the population."""
        return self.page.population(self.rows[0]["population"])


def read(page: Page, key: str) -> Causes:
    """Return the analysis of causes of this name."""
    rows = page.rows(NAME, id=key)
    groups = list(dict.fromkeys(row["group"] for row in rows if row["estimand"] == "count"))
    return Causes(page, key, rows, groups, list(page.context.settings[key]["causes"]))


def figures(told: Causes) -> Iterator[Figure]:
    """Yield a chart of all causes in the population as a whole, or a chart a cause where groups are compared."""
    page, several = told.page, len(told.groups) > 1
    looks = [(RED, True), (BLUE, False)] if len(told.groups) == 2 else [(colour, False) for colour in PALETTE]
    if max(len(told.groups), len(told.causes)) > len(PALETTE):
        return  # more than colours tell apart: the table has them
    for causes in [[cause] for cause in told.causes] if several else [told.causes]:
        pairs = [(group, cause) for group in told.groups for cause in causes]
        names = [page.group(group) if several else page.endpoint(cause) for group, cause in pairs]
        series = [
            Series(f"{group}-{cause}", name, colour, dashed=dashed)
            for (group, cause), name, (colour, dashed) in zip(pairs, names, looks, strict=False)
        ]
        what = page.endpoint(causes[0] if several else told.rows[0]["outcome"])
        title = page.words("competing.figure", what=what, population=told.population)
        yield from _figure(told, list(zip(pairs, series, strict=True)), title, causes[0] if several else "")


Drawn = list[tuple[tuple[str, str], Series]]


def _figure(told: Causes, drawn: Drawn, title: str, cause: str) -> Iterator[Figure]:
    page = told.page
    curves = [curve for pair, series in drawn if (curve := _curve(told, *pair, series))]
    if not curves:
        return
    reach = max(float(one.time[-1]) for one in curves)
    ticks = month_ticks(reach)
    end = float(ticks[-1]) if reach > 24 else reach
    titles = page.words("chart.time", zero=page.say(page.context.study.time_zero)), page.words("competing.axis")
    frame = Frame(titles, tuple(ticks), share_ticks(curves, end), end, page.numbers.share, page.numbers.count)
    names = ", ".join(one.series.label for one in curves)
    spoken = page.words("competing.description", curves=names, months=page.numbers.count(end))
    key = "-".join(filter(None, ["fig", told.key, cause]))
    svg = steps(curves, list(_blocks(told, drawn, ticks, one_cause=bool(cause))), frame, Caption(key, title, spoken))
    grid, events = page.context.policy.grid_days, page.context.policy.step_events
    note = page.words("competing.note", level=page.level(NAME), grid=grid, events=events)
    yield Figure(title, svg, f"{note} {_tested(told, cause)}".strip())


def _curve(told: Causes, group: str, cause: str, series: Series) -> Curve | None:
    """Return a released curve, from no failures at time 0; None where it has no step."""
    rows = [row for row in told.of(group, cause, "cumulative_incidence") if row["estimate"] and row["time"] > 0]
    if not rows:
        return None
    columns = ([0.0, *(row[name] for row in rows)] for name in ("estimate", "conf_low", "conf_high"))
    time = np.array([0.0, *(row["time"] / MONTH for row in rows)])
    value, low, high = (np.array(column, np.float64) for column in columns)
    return Curve(series, time, value, low, high, np.empty(0))


def _blocks(told: Causes, drawn: Drawn, ticks: Sequence[float], *, one_cause: bool) -> Iterator[Block]:
    """Yield the counts of each group where one cause is shown, else those of all causes under each other."""
    words = told.page.words

    def cells(pair: tuple[str, str], column: str) -> tuple[str, ...]:
        rows = told.of(*pair, "at_risk")
        write = told.page.marker, told.page.numbers.count
        return tuple(count_near(rows, tick * MONTH, column, *write) for tick in ticks)

    if one_cause:
        for pair, series in drawn:
            counts = (words("chart.at_risk"), cells(pair, "n")), (words("chart.events"), cells(pair, "n_event"))
            yield Block(series.label, series.colour, counts)
    else:
        events = ((series.label, cells(pair, "n_event")) for pair, series in drawn)
        yield Block("", INK, ((words("chart.at_risk"), cells(drawn[0][0], "n")), *events))


def _tested(told: Causes, cause: str) -> str:
    row = told.one("", cause, "gray_test") if cause else None
    if row is None or row["p_value"] is None:
        return ""
    page = told.page
    statistic = page.numbers.one(row["statistic"])
    return page.words("competing.gray", statistic=statistic, p=page.numbers.p_equals(row["p_value"]))
