# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Survival in practice: curves by treatment, and the figures behind them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rwe.figures import BLUE, RED, Series
from rwe.report.blocks import Figure, Line, Section, Table
from rwe.report.page import Page, Row
from rwe.report.sections.charts import km_chart
from rwe.report.sections.population import upper_first


def survival(page: Page) -> Section | None:
    """Return the chapter, None where no survival was estimated."""
    shown = [name for name in page.context.endpoints if name != page.context.focus.check_endpoint]
    figures = [figure for name in shown for figure in _figure(page, name)]
    tables = [table for name in shown for table in _table(page, name)]
    if not tables:
        return None
    blocks = [block for pair in zip(figures, tables, strict=False) for block in pair] or tables
    return Section("survival", page.words("survival.title"), [*blocks, *tables[len(figures) :]] if figures else blocks)


def _figure(page: Page, endpoint: str) -> Iterator[Figure]:
    """Yield the curves by the levels of the splitting variable, where there are two."""
    focus = page.context.focus
    part = page.part(analysis="survival", outcome=endpoint, population=focus.trial_like)
    curve = part.filter(pl.col("estimand") == "survival")["group"].unique(maintain_order=True).to_list()
    groups = [name for name in curve if name.startswith(f"{focus.by}=")]
    if len(groups) != 2:
        return
    # red and dashed without, blue and whole with the treatment
    looks = ((RED, True), (BLUE, False))
    series = [
        Series(g, page.group(g), colour, dashed=dashed) for g, (colour, dashed) in zip(groups, looks, strict=True)
    ]
    name = page.endpoint(endpoint)
    title = page.words("survival.figure", endpoint=name, population=page.population(focus.trial_like))
    svg = km_chart(page, part, series, endpoint, f"fig-{endpoint}", title)
    note = page.words("chart.note", level=page.level("survival"), grid=page.context.policy.grid_days)
    test = page.row(analysis="survival", outcome=endpoint, population=focus.trial_like, estimand="log_rank")
    yield Figure(title, svg, f"{note} {_tested(page, test)}".strip())


def _tested(page: Page, row: Row | None) -> str:
    if row is None or row["p_value"] is None:
        return ""
    statistic = page.numbers.one(row["statistic"])
    return page.words("survival.log_rank", statistic=statistic, p=page.numbers.p_equals(row["p_value"]))


def _table(page: Page, endpoint: str) -> Iterator[Table]:
    rows = page.rows(analysis="survival", outcome=endpoint)
    groups = list(dict.fromkeys((r["population"], r["group"]) for r in rows if r["estimand"] == "events"))
    if not groups:
        return
    days = sorted({row["time"] for row in rows if row["estimand"] == "milestone"})
    columns = [
        page.words(f"survival.{name}", level=page.level("survival")) for name in ("n", "events", "median", "follow_up")
    ]
    head = [
        page.words("survival.who"),
        *columns,
        *(page.words("survival.at", at=page.years(day)) for day in days),
    ]
    name = page.endpoint(endpoint)
    lines = list(_lines(page, endpoint, groups, days))
    yield Table(
        page.words("survival.table", endpoint=name, level=page.level("survival")),
        head,
        lines,
        page.words("survival.note"),
    )


def _lines(page: Page, endpoint: str, groups: list[tuple[str, str]], days: list[int]) -> Iterator[Line]:
    last = None
    for population, group in groups:
        if population != last:
            last = population
            yield Line((upper_first(page.population(population)), *[""] * (4 + len(days))), "head")
        labels = {"analysis": "survival", "outcome": endpoint, "population": population, "group": group}
        events = page.row(**labels, estimand="events")
        cells = [page.value(events, "count", "n"), page.value(events, "count", "n_event")]
        cells.append(page.estimate(page.row(**labels, estimand="median"), "months"))
        cells.append(page.value(page.row(**labels, estimand="follow_up_median"), "months"))
        cells += [page.estimate(page.row(**labels, estimand="milestone", time=day), "percent") for day in days]
        yield Line((page.group(group), *cells), "level")
