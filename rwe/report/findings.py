# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What was found, in sentences: filled from released figures, worded by where the interval lies."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.page import Page
from rwe.report.sections.comparison import found, times
from rwe.report.sections.reading import changing_hazards
from rwe.report.sections.scorecard import check_name


def findings(page: Page) -> list[str]:
    """Return what the gates withhold or mark, the findings of the comparison and of the settlement, in sentences."""
    return [*_gated(page), *_compared(page), *_settled(page)]


def _gated(page: Page) -> Iterator[str]:
    for gate in page.context.gates:
        if gate.verdict == "red":
            facts = {"analyses": ", ".join(gate.analyses), "check": check_name(page, gate)}
            facts |= {"sites": page.site_names(gate.sites), "reason": page.say(gate.reason)}
            yield page.words(f"finding.{gate.action}", **facts)


def _compared(page: Page) -> Iterator[str]:
    """Yield the restricted means first where hazards are not proportional, else survival and the hazard ratio alone."""
    changing = changing_hazards(page)
    if changing:
        yield from _means(page, changing)
    yield from _survival(page)
    yield from _ratio(page, "hazard_average" if changing else "hazard")


def _means(page: Page, test: dict[str, float]) -> Iterator[str]:
    for time in times(page, "rmst"):
        rows = {g: found(page, "raked", g, "rmst", time) for g in ("registry", "trial", "difference")}
        difference = rows["difference"]
        if time is not None and difference is not None and difference["conf_low"] is not None:
            text = page.words(
                "finding.rmst",
                endpoint=page.endpoint(page.context.focus.endpoint),
                p=page.numbers.p_equals(test["p_value"]),
                months=page.numbers.months(time),
                practice=page.value(rows["registry"], "months"),
                trial=page.value(rows["trial"] or found(page, "unadjusted", "trial", "rmst", time), "months"),
                difference=page.estimate(difference, "months_more"),
            )
            yield text + " " + page.words(f"finding.{_side(difference)}")


def _survival(page: Page) -> Iterator[str]:
    focus = page.context.focus
    rows = {g: found(page, "raked", g, "milestone", focus.milestone) for g in ("registry", "trial", "difference")}
    difference = rows["difference"]
    if difference is not None and difference["conf_low"] is not None:
        text = page.words(
            "finding.milestone",
            endpoint=page.endpoint(focus.endpoint),
            at=page.years(focus.milestone),
            practice=page.value(rows["registry"], "percent"),
            trial=page.value(rows["trial"], "percent"),
            difference=page.estimate(difference, "points"),
        )
        yield text + " " + page.words(f"finding.{_side(difference)}")


def _ratio(page: Page, key: str) -> Iterator[str]:
    ratio = found(page, "raked", "difference", "hazard_ratio")
    if ratio is not None:
        size = page.value(found(page, "raked", "registry", "effective_sample_size"), "count")
        yield page.words(f"finding.{key}", ratio=page.estimate(ratio, "ratio"), ess=size)


def _side(difference: dict[str, float]) -> str:
    if difference["conf_high"] < 0:
        return "below"
    return "above" if difference["conf_low"] > 0 else "open"


def _settled(page: Page) -> Iterator[str]:
    labels = {"analysis": "settlement", "stratum": "all", "outcome": "all"}
    spend, payback = (page.row(**labels, estimand=name) for name in ("spend", "payback"))
    if spend is not None:
        amounts = {"payback": page.value(payback, "money"), "spend": page.value(spend, "money")}
        yield page.words("finding.settlement", **amounts)
