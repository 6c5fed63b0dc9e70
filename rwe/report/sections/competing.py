# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which event came first: incidence of each cause of an endpoint, and what goes with each of them."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Block, Line, Prose, Section, Table
from rwe.report.page import Page, Row
from rwe.report.sections.cox import named, proportional
from rwe.report.sections.incidence import NAME, Causes, figures, read


def competing(page: Page) -> Section | None:
    """Return the chapter, None where no causes were told apart."""
    keys = dict.fromkeys(row["id"] for row in page.rows(NAME, estimand="count"))
    blocks = [block for key in keys for block in _analysis(read(page, key))]
    if not blocks:
        return None
    return Section("competing", page.words("competing.title"), [Prose([page.words("competing.lead")]), *blocks])


def _analysis(told: Causes) -> Iterator[Block]:
    yield from figures(told)
    yield _table(told)
    for cause in told.causes:
        yield from _models(told, cause)


def _table(told: Causes) -> Table:
    page = told.page
    days = sorted({row["time"] for row in told.rows if row["estimand"] == "milestone"})
    lost = sorted({row["time"] for row in told.rows if row["estimand"] == "time_lost"})
    head = [page.words("survival.who"), page.words("survival.n"), page.words("survival.events")]
    head += [page.words("survival.at", at=page.years(day)) for day in days]
    head += [page.words("competing.lost", months=page.numbers.months(day)) for day in lost]
    title = page.endpoint(told.rows[0]["outcome"])
    caption = page.words("competing.table", endpoint=title, population=told.population, level=page.level(NAME))
    return Table(caption, head, list(_lines(told, days, lost)), page.words("competing.table_note"))


def _lines(told: Causes, days: list[int], lost: list[int]) -> Iterator[Line]:
    """Yield the persons of each group, and below them its events and incidence of each cause."""
    page = told.page
    for group in told.groups:
        began = next((row for row in told.rows if (row["group"], row["estimand"]) == (group, "at_risk")), None)
        persons = page.value(began, "count", "n")
        yield Line((page.group(group), persons, *[""] * (1 + len(days) + len(lost))), "head")
        for cause in told.causes:
            cells = [page.value(told.one(group, cause, "count"), "count", "n")]
            cells += [page.estimate(told.one(group, cause, "milestone", day), "percent") for day in days]
            cells += [page.estimate(told.one(group, cause, "time_lost", day), "months") for day in lost]
            yield Line((page.endpoint(cause), "", *cells), "level")


def _models(told: Causes, cause: str) -> Iterator[Table]:
    """Yield both models of a cause side by side, where there are some."""
    page, of_cause = told.page, [row for row in told.rows if row["group"] == cause]
    estimands = ("hazard_ratio", "subdistribution_hazard_ratio", "concordance", "proportional_hazards")
    ratios, others, fit, tested = ([row for row in of_cause if row["estimand"] == name] for name in estimands)
    if not ratios:
        return
    beside = {row["stratum"]: row for row in others}
    head = [page.words("cox.term")]
    head += [page.words(f"competing.{name}", level=page.level(NAME)) for name in ("ratio", "p", "subdistribution", "p")]
    lines = [
        Line((name, *_pair(page, row), *_pair(page, beside.get(row["stratum"]))) if row else (name, *[""] * 4), kind)
        for name, kind, row in named(page, ratios)
    ]
    counts = {"n": page.value(fit[0], "count", "n"), "events": page.value(fit[0], "count", "n_event")}
    note = f"{page.words('competing.model_note', **counts)} {proportional(page, tested)}".strip()
    title = page.words("competing.model", cause=page.endpoint(cause), population=told.population)
    yield Table(title, head, lines, note)


def _pair(page: Page, row: Row | None) -> tuple[str, str]:
    return page.estimate(row, "ratio"), page.value(row, "p_value", "p_value")
