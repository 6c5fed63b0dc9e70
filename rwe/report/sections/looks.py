# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What each look at growing data said: the confidence sequence, p-values, and which of them may be acted on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from rwe.figures import Caption
from rwe.figures.lines import Axis
from rwe.figures.lines import Line as Curve
from rwe.figures.lines import lines as curves
from rwe.figures.scales import ratio_domain, ratio_ticks
from rwe.report.blocks import Block, Figure, Line, Prose, Section, Table
from rwe.report.page import Page, Row

LEAST, TICKS = 1e-4, (1e-4, 1e-3, 0.01, 0.05, 0.2, 1.0)
KINDS = ("naive_log_rank", "spending_boundary", "anytime_e_value", "hazard_ratio")


def looks(page: Page) -> Section | None:
    """Return the chapter, None where nobody looked again."""
    rows = page.rows("looks")
    if not rows:
        return None
    analyses = list(dict.fromkeys(str(row["id"]) for row in rows))
    blocks = [block for name in analyses for block in _blocks(page, [row for row in rows if row["id"] == name])]
    return Section("looks", page.words("looks.title"), blocks)


def _blocks(page: Page, own: list[Row]) -> Iterator[Block]:
    told = dict(page.context.settings.get(own[0]["id"], {}))
    found = {(row["estimand"], row["time"]): row for row in own}
    days = sorted({int(row["time"]) for row in own})
    yield Prose([_lead(page, own, told, days), *_acted(page, told)])
    kinds = (("hazard_ratio", "estimate"), ("naive_log_rank", "p_value"), ("anytime_e_value", "p_value"))
    shown = [day for day in days if all(found[kind, day][column] is not None for kind, column in kinds)]
    if len(shown) > 1:
        yield _ratios(page, own, told, found, shown)
        yield _evidence(page, own, told, found, shown)
    yield _table(page, told, found, days)


def _day(told: dict[str, Any], day: int) -> date:
    return date.fromisoformat(told["start"]) + timedelta(days=day)


def _lead(page: Page, own: list[Row], told: dict[str, Any], days: list[int]) -> str:
    names = ", ".join(page.say(page.context.variables[name].title) for name in told["strata"])
    key = {(True, True): "strata", (True, False): "alike", (False, True): "plain"}.get(
        (bool(names), bool(told["together"]))
    )
    strata = page.words(f"looks.{key}", variables=names) if key else ""
    first, last = (page.numbers.date(_day(told, day)) for day in (days[0], days[-1]))
    return page.words(
        "looks.lead", treatment=page.say(page.context.variables[told["treatment"]].title), looks=len(days),
        population=page.population(str(own[0]["population"])), endpoint=page.endpoint(str(own[0]["outcome"])),
        first=first, last=last, n=page.value(own[-1], "count", "n"), strata=strata,
    ).strip()  # fmt: skip


def _acted(page: Page, told: dict[str, Any]) -> Iterator[str]:
    alpha = page.numbers.ratio(told["alpha"])
    kind = f"looks.act_{told['act_on']}"
    yield page.words(kind, alpha=alpha, events=told["planned_events"])
    crossed = told["crossed"]
    yield (
        page.words("looks.open")
        if crossed is None
        else page.words("looks.crossed", day=page.numbers.date(_day(told, crossed)))
    )
    if over := told["asked"] - len(told["days"]):
        yield page.words("looks.passed_over", n=over, events=told["min_events"])


def _years(told: dict[str, Any], days: list[int]) -> tuple[list[float], list[float]]:
    """Return the looks as years of the calendar, and the whole years among them."""
    at = [_day(told, day) for day in days]
    places = [one.year + (one.timetuple().tm_yday - 1) / 365.25 for one in at]
    return places, [float(year) for year in range(at[0].year, at[-1].year + 2)]


def _across(page: Page, told: dict[str, Any], days: list[int]) -> tuple[list[float], Axis]:
    places, years = _years(told, days)
    return places, Axis(page.words("looks.year"), years[0], years[-1], lambda value: str(round(value)), years)


def _ratios(page: Page, own: list[Row], told: dict[str, Any], found: dict[Any, Row], days: list[int]) -> Figure:
    places, x = _across(page, told, days)
    drawn, every = [Curve([x.low, x.high], [1.0, 1.0])], []
    for column, name in (("estimate", "estimate"), ("conf_low", "limit_low"), ("conf_high", "limit_high")):
        pairs = [(at, found["hazard_ratio", day][column]) for at, day in zip(places, days, strict=True)]
        known = [(at, value) for at, value in pairs if value is not None]
        every += [value for _, value in known]
        drawn.append(Curve([at for at, _ in known], [value for _, value in known], page.words(f"looks.{name}")))
    domain = ratio_domain([max(min(value, 20.0), 0.05) for value in every])
    y = Axis("", *domain, _short(page), ratio_ticks(domain, 340), "log")
    title = page.words("looks.figure", endpoint=page.endpoint(str(own[0]["outcome"])))
    caption = Caption(f"fig-looks-{own[0]['id']}", title, page.words("looks.description"))
    return Figure(title, curves(drawn, x, y, caption))


def _evidence(page: Page, own: list[Row], told: dict[str, Any], found: dict[Any, Row], days: list[int]) -> Figure:
    places, x = _across(page, told, days)
    drawn = [Curve([x.low, x.high], [told["alpha"], told["alpha"]])]
    for kind, name in (("naive_log_rank", "naive"), ("anytime_e_value", "anytime")):
        values = [max(found[kind, day]["p_value"], LEAST) for day in days]
        drawn.append(Curve(places, values, page.words(f"looks.{name}")))
    y = Axis(page.words("looks.p_axis"), LEAST, 1.2, _p(page), TICKS, "log")
    title = page.words("looks.evidence", endpoint=page.endpoint(str(own[0]["outcome"])))
    caption = Caption(f"fig-evidence-{own[0]['id']}", title, page.words("looks.evidence_description"))
    note = page.words("looks.evidence_note", alpha=page.numbers.ratio(told["alpha"]))
    return Figure(title, curves(drawn, x, y, caption), note)


def _short(page: Page) -> Any:
    return lambda value: page.numbers.ratio(value).rstrip("0").rstrip(".,")


def _p(page: Page) -> Any:
    return lambda value: page.numbers.decimal(value, 4).rstrip("0").rstrip(".,")


def _table(page: Page, told: dict[str, Any], found: dict[Any, Row], days: list[int]) -> Table:
    names = ["day", "events", "ratio", "e_value", "anytime", "naive", "z", "boundary"]
    head = [page.words(f"looks.{name}") for name in names]
    lines = [Line((page.numbers.date(_day(told, day)), *_cells(page, found, day))) for day in days]
    return Table(page.words("looks.table"), head, lines, page.words("looks.note", level=page.level("looks")))


def _cells(page: Page, found: dict[Any, Row], day: int) -> Iterator[str]:
    naive, boundary, evidence, ratio = (found[kind, day] for kind in KINDS)
    yield page.value(ratio, "count", "n_event")
    yield page.estimate(ratio, "ratio")
    yield page.value(evidence, "ratio")
    yield page.value(evidence, "p_value", "p_value")
    yield page.value(naive, "p_value", "p_value")
    yield page.value(naive, "signed", "statistic")
    yield page.value(boundary, "ratio")
