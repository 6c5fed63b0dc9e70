# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Does the answer hold under other choices: other weights, another rule for the endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Line, Prose, Section, Table
from rwe.report.page import Page
from rwe.report.sections.comparison import found
from rwe.report.sections.population import upper_first


def sensitivity(page: Page) -> Section | None:
    """Return the chapter, None where there is only one way."""
    blocks = [*_ways(page), *_rules(page)]
    if not blocks:
        return None
    return Section("sensitivity", page.words("sensitivity.title"), [Prose([page.words("sensitivity.lead")]), *blocks])


def _ways(page: Page) -> Iterator[Table]:
    """Yield the comparison under each set of weights and each endpoint rule."""
    rows = page.rows(analysis="trial_comparison", group="difference")
    ways = list(dict.fromkeys((row["outcome"], row["stratum"]) for row in rows))
    if len(ways) < 2:
        return
    at = page.years(page.context.focus.milestone)
    names = ("way", "milestone", "rmst", "hazard_ratio", "effective_sample_size")
    head = [page.words(f"sensitivity.{name}", at=at, level=page.level("trial_comparison")) for name in names]
    yield Table(
        page.words("sensitivity.table"), head, [_way(page, *way) for way in ways], page.words("sensitivity.note")
    )


def _way(page: Page, outcome: str, stratum: str) -> Line:
    day = page.context.focus.milestone
    rmst = page.context.methods.horizon
    cells = (
        page.estimate(found(page, stratum, "difference", "milestone", day, outcome=outcome), "points"),
        page.estimate(found(page, stratum, "difference", "rmst", rmst, outcome=outcome), "months_more"),
        page.estimate(found(page, stratum, "difference", "hazard_ratio", outcome=outcome), "ratio"),
        page.value(found(page, stratum, "registry", "effective_sample_size", outcome=outcome), "count"),
    )
    name = page.words(f"stratum.{stratum}")
    if outcome != page.context.focus.endpoint:
        name = f"{name}; {page.endpoint(outcome)}"
    main = outcome == page.context.focus.endpoint and stratum == "raked"
    return Line((name, *cells), "total" if main else "")


def _rules(page: Page) -> Iterator[Table]:
    """Yield the two rules for deaths after the last check side by side."""
    focus = page.context.focus
    if focus.check_endpoint is None:
        return
    rows = page.rows(analysis="survival", outcome=focus.check_endpoint, group="overall")
    days = sorted({row["time"] for row in rows if row["estimand"] == "milestone"})
    populations = list(dict.fromkeys(row["population"] for row in rows))
    if not days:
        return
    head = [page.words("sensitivity.rule"), page.words("survival.events")]
    head += [page.words("survival.at", at=page.years(day)) for day in days]
    lines = [line for name in populations for line in _rule_lines(page, name, days)]
    yield Table(page.words("sensitivity.rules"), head, lines)


def _rule_lines(page: Page, population: str, days: list[int]) -> Iterator[Line]:
    focus = page.context.focus
    yield Line((upper_first(page.population(population)), *[""] * (1 + len(days))), "head")
    for endpoint in (focus.endpoint, focus.check_endpoint or ""):
        labels = {"analysis": "survival", "population": population, "group": "overall", "outcome": endpoint}
        events = page.value(page.row(**labels, estimand="events"), "count", "n_event")
        at = (page.estimate(page.row(**labels, estimand="milestone", time=day), "percent") for day in days)
        yield Line((page.endpoint(endpoint), events, *at), "level")
