# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How the figures were made, said from the settings that made them."""

from __future__ import annotations

from collections.abc import Iterator

from rwe.report.blocks import Item, Items, Section
from rwe.report.page import Page


def methods(page: Page) -> Section:
    """Return the chapter."""
    context, words = page.context, page.words
    how = context.methods
    raked = ", ".join(page.say(context.variables[name].title).lower() for name in how.raked)
    weights = words("methods.weights_text", variables=raked) if how.raked else words("methods.no_weights")
    items = [
        Item(words("methods.endpoints"), _endpoints(page)),
        *_estimates(page),
        Item(words("methods.weights"), weights),
        Item(words("methods.time"), words("methods.time_text")),
        Item(words("methods.disclosure"), _disclosure(page)),
    ]
    return Section("methods", words("methods.title"), [Items("", items)])


def _estimates(page: Page) -> Iterator[Item]:
    """Yield how each kind of estimate that the dossier holds was made."""
    words, how, trial = page.words, page.context.methods, page.context.trial
    if trial or page.rows("survival"):
        curves = words("methods.curves_text", interval=words(f"conf_type.{how.conf_type}"))
        yield Item(words("methods.curves"), curves)
    if trial:
        months = page.numbers.months(how.horizon)
        yield Item(words("methods.differences"), words("methods.differences_text", months=months))
    if page.rows("competing_risks"):
        causes = words("methods.causes_text", interval=words(f"conf_type.{how.conf_type}"))
        yield Item(words("methods.causes"), causes)
    if trial or page.rows("cox") or page.rows("competing_risks", estimand="hazard_ratio"):
        against = f" {words('methods.cox_trial')}" if trial else ""
        yield Item(words("methods.cox"), words("methods.cox_text", ties=words(f"ties.{how.ties}")) + against)


def _endpoints(page: Page) -> str:
    return " ".join(f"{page.say(card.title)}: {page.say(card.definition)}" for card in page.context.endpoints.values())


def _disclosure(page: Page) -> str:
    policy = page.context.policy
    return page.words(
        "methods.disclosure_text",
        marker=page.marker,
        threshold=policy.threshold,
        rounding=policy.rounding,
        grid=policy.grid_days,
        events=policy.step_events,
        at_risk=policy.curve_at_risk,
    )
