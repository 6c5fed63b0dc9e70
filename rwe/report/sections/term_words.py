# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a term of an agreement lays down, in a sentence; what its legal text says, beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rwe.report.context import TermCard
from rwe.report.page import Page
from rwe.spec.agreement_words import FAILURES

How = Mapping[str, Any]
Say = Callable[[Page, How], tuple[str, dict[str, str]]]
FEW_DAYS = 182  # up to half a year a span is told in days


def term_text(page: Page, term: TermCard) -> str:
    """Return the sentence of a term, how a missing assessment is taken, and the words of the contract."""
    key, values = SAYS[term.type](page, term.settings)
    said = [page.words(f"term_text.{key}", **values)]
    if rules := str(term.settings.get("missing", "")):
        said.append(page.words("term_text.missing", rules="; ".join(_rule(page, rule) for rule in rules.split(", "))))
    if term.wording:
        said.append(page.words("term_text.wording", text=page.say(term.wording)))
    return " ".join(said)


def _rule(page: Page, rule: str) -> str:
    """Return how one way of missing an assessment is taken; days stand at the end of a rule that has them."""
    way, _, answer = rule.partition(": ")
    name, _, days = answer.rpartition("_days_")
    said = page.words(f"rule.{name or answer}", days=days)
    absent = page.words(f"failure.{way}" if way in FAILURES else f"way.{way}")
    return page.words("term_text.rule", way=absent, said=said)


def _point(page: Page, days: int) -> str:
    """Return a point in time after the first dose."""
    return page.words("span.point", n=days) if days <= FEW_DAYS else page.years(days)


def _span(page: Page, days: int) -> str:
    """Return a length of time; other languages need another form of the word than for a point in it."""
    years = round(days / 365.25)
    if abs(days / 365.25 - years) < 0.01:
        return page.words("span.year" if years == 1 else "span.years", n=years)
    if days <= FEW_DAYS:
        return page.words("span.days", n=days)
    return page.words("span.months", n=page.numbers.months(days))


def _money(page: Page, amount: str) -> str:
    return page.format(float(amount), "money")


def _number(page: Page, number: str) -> str:
    """Return a number with the decimals that the contract gives it."""
    places = len(number.partition(".")[2].rstrip("0"))
    return page.numbers.decimal(float(number), places)


def _share(page: Page, share: str) -> str:
    return page.numbers.share(float(share)) if float(share) * 100 % 1 == 0 else page.numbers.percent(float(share))


def _failures(page: Page, how: How) -> str:
    return ", ".join(page.words(f"failure.{name}") for name in str(how["failure"]).split(", "))


def _last_day(page: Page, how: How) -> str:
    """Return the last day on which a failure still counts: the assessment day and what its window adds."""
    return _point(page, int(how["assess_day"]) + int(str(how["window"]).split(", ")[1]))


def _discount(page: Page, how: How) -> tuple[str, dict[str, str]]:
    return "discount", {"rate": _share(page, how["rate"])}


def _cost_sharing(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {name: str(how[name]) for name in ("cycles", "cycle_days")}
    return "cost_sharing", {"share": _share(page, how["share"]), **values}


def _result(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {"share": _share(page, how["share"]), "at": _last_day(page, how), "failure": _failures(page, how)}
    return "patient", values


def _success_fee(page: Page, how: How) -> tuple[str, dict[str, str]]:
    return "success_fee", {"at": _point(page, how["assess_day"]), "failure": _failures(page, how)}


def _continuation(page: Page, how: How) -> tuple[str, dict[str, str]]:
    return "continuation", {"at": _last_day(page, how), "failure": _failures(page, how)}


def _instalments(page: Page, how: How) -> tuple[str, dict[str, str]]:
    parts = [_part(page, part) for part in how["parts"]]
    return "instalments", {"price": _money(page, how["price"]), "parts": "; ".join(parts)}


def _part(page: Page, part: How) -> str:
    share = _share(page, part["share"])
    if not part["day"]:
        return page.words("part.start", share=share)
    return page.words(f"part.{part['if']}", share=share, at=_point(page, part["day"]))


def _death_rebate(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {"rate": _share(page, how["rate"]), "horizon": _span(page, how["horizon_days"])}
    return f"death_rebate_{how['base']}", values


def _dose_cap(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {"units": _number(page, how["units"]), "per": page.words(f"per.{how['per']}")}
    if "window_days" not in how:
        return "dose_cap", values
    return "dose_cap_within", {**values, "window": _span(page, how["window_days"])}


def _time_cap(page: Page, how: How) -> tuple[str, dict[str, str]]:
    return "time_cap", {"days": _span(page, how["days"])}


def _patient_cap(page: Page, how: How) -> tuple[str, dict[str, str]]:
    return "patient_cap", {"patients": page.numbers.count(how["patients"])}


def _expenditure_cap(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {"share": _share(page, how["share"]), "amount": _money(page, how["amount"])}
    return "expenditure_cap", {**values, "per": page.words(f"per.{how['per']}")}


def _price_volume(page: Page, how: How) -> tuple[str, dict[str, str]]:
    tiers = [
        page.words("part.tier", units=_number(page, tier["from_units"]), price=_money(page, tier["price"]))
        for tier in how["tiers"]
    ]
    return f"price_volume_{how['mode']}", {"tiers": "; ".join(tiers), "per": page.words(f"per.{how['per']}")}


def _clawback(page: Page, how: How) -> tuple[str, dict[str, str]]:
    budget = sum(float(product["budget"]) for product in how["products"])
    return "clawback", {"budget": _money(page, str(budget)), "by": page.words(f"by.{how['by']}")}


def _guarantee(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {
        "endpoint": page.endpoint(str(how["endpoint"])).lower(),
        "at": page.years(int(how["at_day"])),
        "threshold": page.numbers.percent(float(how["threshold"])),
        "gamma": page.numbers.ratio(float(how["gamma"])),
        "cap": page.numbers.share(float(how["cap"])),
    }
    return str(how["rule"]), values


def _outcome_price(page: Page, how: How) -> tuple[str, dict[str, str]]:
    values = {name: _number(page, how[name]) for name in ("qaly_gain", "units")}
    money = {"value": _money(page, how["lambda"]), "cost": _money(page, how["other_cost"])}
    return "outcome_price", {**values, **money, "tolerance": _share(page, how["tolerance"])}


SAYS: dict[str, Say] = {
    "discount": _discount,
    "cost_sharing": _cost_sharing,
    "payment_by_result": _result,
    "risk_sharing": _result,
    "success_fee": _success_fee,
    "continuation": _continuation,
    "instalments": _instalments,
    "death_rebate": _death_rebate,
    "dose_cap": _dose_cap,
    "time_cap": _time_cap,
    "patient_cap": _patient_cap,
    "expenditure_cap": _expenditure_cap,
    "price_volume": _price_volume,
    "clawback": _clawback,
    "outcome_guarantee": _guarantee,
    "outcome_price": _outcome_price,
}
