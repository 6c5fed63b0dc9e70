# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a released figure is called and how it is written, for lists of figures outside their tables.

A word that the catalogue lacks, of an analysis that came later for example, is shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from rwe.report.cards import unit_of
from rwe.report.families import family_name
from rwe.report.page import Page, Row
from rwe.spec.base import Text

APART = " · "
COUNTS = ("n", "n_event")
# whose n are those at risk on the day
AT_RISK = ("survival", "cumulative_incidence", "milestone", "at_risk", "baseline_hazard")
FORMS = {
    **dict.fromkeys(("survival", "cumulative_incidence", "milestone", "threshold", "payback_rate"), "percent"),
    "proportion": "percent",
    **dict.fromkeys(("completeness", "completeness_simplified"), "percent"),
    **dict.fromkeys(("median", "follow_up_median", "rmst", "time_lost"), "months"),
    **dict.fromkeys(("mean", "sd", "q1", "q3"), "one"),
    **dict.fromkeys(("patients", "effective_sample_size", "doses_excluded"), "count"),
    **dict.fromkeys(("spend", "payback"), "money"),
    **dict.fromkeys(("settled", "reserve", "reserve_naive", "forecast", "forecast_new"), "money"),
    "failure_rate": "percent",
    **dict.fromkeys(("smd", "mean_change"), "signed"),
    **dict.fromkeys(("proportion_registry", "proportion_trial", "median_registry", "median_trial"), "percent"),
    **dict.fromkeys(("mean_registry", "mean_trial", "sd_registry", "sd_trial"), "one"),
    **dict.fromkeys(("response", "pairs", "extrapolated_survival", "beyond_data"), "percent"),
    **dict.fromkeys(("aic", "bic"), "one"),
    "gap_milestone": "points",
    "gap_rmst": "months_more",
}
AGAINST = (
    "trial_comparison",
    "gap",
    "win",
    "response_comparison",
    "arm_comparison",
)  # their groups are sides, or parts of a difference
DIFFERENCES = {"milestone": "points", "rmst": "months_more", "median": "months_more", "response": "points"}


def figure_name(page: Page, row: Row, column: str = "estimate") -> str:
    """Return whom a figure is about and what it says of them.

    Parameters
    ----------
    row
        A released row; its labels and time are read.
    column
        Which of its numbers is meant.
    """
    return APART.join(dict.fromkeys(filter(None, [*_whom(page, row), *_what(page, row, column)])))


def figure_text(page: Page, row: Row | None, column: str = "estimate") -> str:
    """Return a figure as the dossier prints it, an estimate with its limits, as plain text."""
    if row is None or column in COUNTS:
        return Markup(page.value(row, "count", column)).striptags()
    form = _form(row)
    known = row["estimate"] is not None
    return Markup(" ".join([page.estimate(row, form), *([unit_of(page, form)] if known else [])])).striptags()


def _form(row: Row) -> str:
    estimand = row["estimand"]
    if row["group"] in ("difference", "hypothesis") and estimand in DIFFERENCES:
        return DIFFERENCES[estimand]
    # the same word stands for days in a survival analysis and for any unit among the characteristics
    return "one" if (row["analysis"], estimand) == ("characteristics", "median") else FORMS.get(estimand, "ratio")


def _whom(page: Page, row: Row) -> Iterator[str]:
    known, group = page.context.populations.get(row["population"]), row["group"]
    if row["analysis"] == "settlement":
        yield page.words("settlement.title")
    else:
        yield page.say(known) if known else row["population"]
    if "=" in group and group.partition("=")[0] in page.context.variables:
        yield page.group(group)
    elif of_cause(page, row):
        yield page.endpoint(group)
    elif row["analysis"] in AGAINST:
        yield _word(page, f"figure.{group}", group)
    elif row["analysis"] != "balance" and (group, row["estimand"]) != ("difference", "smd"):
        yield _word(page, f"group.{group}", group)


def _what(page: Page, row: Row, column: str) -> Iterator[str]:
    yield from (_outcome(page, row), _stratum(page, row))
    incidence = (row["analysis"], row["estimand"]) == ("competing_risks", "milestone")
    estimand = "cumulative_incidence" if incidence else row["estimand"]
    room = "extrapolation" if estimand.startswith("flag_") else "figure"
    yield _word(page, f"{room}.{estimand}", estimand)
    if row["time"] is not None:
        yield _when(page, row["time"])
    if column != "estimate":
        at_risk = column == "n" and row["estimand"] in AT_RISK
        yield _word(page, "figure.at_risk" if at_risk else f"figure.{column}", column)


def of_cause(page: Page, row: Row) -> bool:
    """Tell whether a row is of a model of one cause: its group is the cause, its stratum the term."""
    return row["analysis"] == "competing_risks" and row["group"] in page.context.endpoints


def _when(page: Page, day: int) -> str:
    whole = abs(day / 365.25 - round(day / 365.25)) < 0.01
    return (
        page.words("figure.at", at=page.years(day))
        if whole and day
        else page.words("figure.day", n=page.numbers.count(day))
    )


def _outcome(page: Page, row: Row) -> str:
    context, name = page.context, row["outcome"]
    if row["analysis"] == "balance":
        return f"{page.variable(name)}: {page.level_name(name, row['group'])}"
    if name in context.variables:
        return page.variable(name)
    if name in context.outcomes or name in context.endpoints:
        return page.outcome(name)
    if name in context.criteria:
        return page.say(context.criteria[name])
    if row["analysis"] == "arm_comparison" and row["estimand"] == "smd":
        return ": ".join(filter(None, page.term(name, row["id"])))
    return _word(page, f"step.{name}", _word(page, f"outcome.{name}", _word(page, f"figure.{name}", name)))


def _stratum(page: Page, row: Row) -> str:
    name, agreement = row["stratum"], page.context.agreement
    ways = page.context.settings.get(row["id"], {}).get("ways", ()) if row["analysis"] == "arm_comparison" else ()
    if titles := [way["title"] for way in ways if way["name"] == name]:
        return page.say(Text(**titles[0]))
    if row["analysis"] == "gap":
        return _word(page, f"gap.{name}", "")
    if row["analysis"] == "extrapolation" and name:
        return family_name(page, name)
    if row["analysis"] == "follow_up":
        return _word(page, f"left.{name}", name.replace("_", " "))
    if name and (row["analysis"] == "cox" or of_cause(page, row)):
        return ": ".join(filter(None, page.term(name, row["id"])))
    if row["analysis"] == "competing_risks" and name in page.context.endpoints:
        return page.endpoint(name)
    if row["analysis"] == "settlement" and agreement:
        terms = {term.id: page.words(f"term.{term.type}") for term in agreement.terms}
        return terms.get(name, page.words("settlement.total"))
    if row["analysis"] != "balance" and row["outcome"] in page.context.variables:
        return page.level_name(row["outcome"], name)
    return _word(page, f"stratum.{name}", _word(page, f"balance.{name}", name))


def _word(page: Page, key: str, otherwise: str) -> str:
    return page.words(key) if key in page.words.entries else otherwise
