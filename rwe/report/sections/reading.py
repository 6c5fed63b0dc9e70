# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How a comparison with the trial is to be read: which measure leads, what the published curve expects, the margin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from rwe.report.blocks import Item, Items, Prose
from rwe.report.page import Page, Row

CHANGING = 0.05  # p-value of the test of proportional hazards below which the restricted mean leads
MARKS = {"met": "on", "not_met": "off"}
FORMS = {"milestone": "points", "rmst": "months_more", "hazard_ratio": "ratio"}


def reading(page: Page) -> Iterator[Prose | Items]:
    """Yield what stands below the table of the comparison."""
    own = [row for row in page.rows("trial_comparison") if row["outcome"] == page.context.focus.endpoint]
    told = [*_proportional(page, own), *_expected(page, own)]
    if told:
        yield Prose(told, small=True)
    if claims := [item for row in own if row["group"] == "hypothesis" for item in _claim(page, row)]:
        yield Items(page.words("reading.claims"), claims)


def changing_hazards(page: Page) -> Row | None:
    """Return the test of proportional hazards of the weighted comparison where it refuses them, else None."""
    row = page.row(
        "trial_comparison", estimand="proportional_hazards", stratum="raked", outcome=page.context.focus.endpoint
    )
    failed = row is not None and row["p_value"] is not None and row["p_value"] < CHANGING
    return row if failed else None


def _proportional(page: Page, own: list[Row]) -> Iterator[str]:
    for row in own:
        if (row["estimand"], row["stratum"]) == ("proportional_hazards", "raked") and row["p_value"] is not None:
            key = "reading.changing" if row["p_value"] < CHANGING else "reading.steady"
            yield page.words(key, p=page.numbers.p_equals(row["p_value"]))


def _expected(page: Page, own: list[Row]) -> Iterator[str]:
    for row in own:
        if row["estimand"] == "one_sample_log_rank" and row["estimate"] is not None:
            day = page.numbers.months(row["time"])
            ratio = page.estimate(row, "ratio")
            yield Markup("{}").format(page.words("reading.expected", ratio=ratio, months=day))


def _claim(page: Page, row: Row) -> Iterator[Item]:
    told: dict[str, Any] = page.context.settings.get(row["id"], {}).get("hypothesis", {})
    if not told or row["masked"]:
        return
    form = FORMS[told["estimand"]]
    what = page.words("measure.hazard_ratio") if told["time"] is None else _measure(page, told)
    margin = page.format(told["margin"] if told["time"] is None else -told["margin"], form)
    term = page.words(f"reading.{told['kind']}", measure=what, margin=margin)
    seen = page.words("reading.seen", seen=page.estimate(row, form), p=page.numbers.p_equals(row["p_value"]))
    verdict = page.words(f"verdict.{told['verdict']}")
    text = Markup("<strong>{}</strong>: {} {}").format(verdict, page.words(f"reading.{told['reason']}"), seen)
    yield Item(term, text, MARKS.get(told["verdict"], ""))


def _measure(page: Page, told: dict[str, Any]) -> str:
    if told["estimand"] == "rmst":
        return page.words("measure.rmst", months=page.numbers.months(told["time"]))
    return page.words("measure.milestone", at=page.years(told["time"]))
