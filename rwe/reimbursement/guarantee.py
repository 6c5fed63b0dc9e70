# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The outcome guarantee: a verdict on the cohort's survival, and the rate of payback it gives."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import polars as pl

from rwe.errors import DefinitionError
from rwe.result import Result
from rwe.spec.agreement import OutcomeGuarantee

# the last bits of a float differ between machines; no payment may hang on them
DIGITS = 12
PRACTICE = {"group": ("", "overall", "registry"), "stratum": ("", "unadjusted")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a cohort term comes to.

    Parameters
    ----------
    verdict
        ``met``, ``not_met`` or ``undetermined``.
    reason
        ``at_or_above_threshold``, ``below_threshold``, ``interval_holds_threshold``,
        ``follow_up_too_short``, ``too_few_at_risk``, ``no_interval`` or ``no_evidence``.
    threshold, estimate, conf_low, conf_high
        Survival promised, and observed with its limits (None where there is no evidence).
    at_risk
        Persons under observation on the day.
    rate
        Share of the balance that comes back.
    """

    verdict: Literal["met", "not_met", "undetermined"]
    reason: str
    threshold: Decimal
    estimate: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    at_risk: int | None = None
    rate: Fraction = Fraction(0)


def decide(term: OutcomeGuarantee, evidence: Result | None, population: str = "") -> Verdict:
    """Compare the survival that `evidence` shows with what the term promises.

    Parameters
    ----------
    evidence
        A result with the estimand ``milestone`` at the term's day, as `kaplan_meier` gives it.
    population
        The population of the agreement; rows of others are not evidence.

    Raises
    ------
    DefinitionError
        If the evidence has another confidence level, or several estimates that could be meant.
    """
    if evidence is None:
        return Verdict("undetermined", "no_evidence", term.threshold)
    _same_level(term, evidence)
    rows = _of_practice(evidence.table.filter(_about(term, population)))
    row = _only(rows.filter(pl.col("estimand") == "milestone"), term)
    if row is None:
        return Verdict("undetermined", "no_evidence", term.threshold)
    at_risk = _at_risk(rows, row)
    verdict, reason = _compare(term, row, at_risk)
    rate = _rate(term, row["estimate"]) if verdict == "not_met" else Fraction(0)
    limits = {name: row[name] for name in ("estimate", "conf_low", "conf_high")}
    return Verdict(verdict, reason, term.threshold, at_risk=at_risk, rate=rate, **limits)


def _same_level(term: OutcomeGuarantee, evidence: Result) -> None:
    level = evidence.settings.get("conf_level")
    if level is not None and abs(float(level) - float(term.conf_level)) > 1e-9:
        raise DefinitionError(f"the evidence has confidence level {level}, term '{term.id}' asks for {term.conf_level}")


def _about(term: OutcomeGuarantee, population: str) -> pl.Expr:
    return (
        (pl.col("time") == term.at_day)
        & pl.col("outcome").is_in(["", term.endpoint])
        & pl.col("population").is_in(["", population] if population else pl.col("population").implode())
    )


def _of_practice(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the population as it is treated: neither a trial's arm nor a weighted version of it."""
    rows = rows.filter(~pl.col("group").is_in(["trial", "difference"]))
    for label, usual in PRACTICE.items():
        if rows[label].n_unique() > 1:
            rows = rows.filter(pl.col(label).is_in(usual))
    return rows


def _only(rows: pl.DataFrame, term: OutcomeGuarantee) -> dict[str, Any] | None:
    if rows.height > 1:
        raise DefinitionError(
            f"term '{term.id}': the evidence has {rows.height} estimates of '{term.endpoint}' at day {term.at_day}; "
            "name an analysis with one"
        )
    return rows.row(0, named=True) if rows.height else None


def _at_risk(rows: pl.DataFrame, row: dict[str, Any]) -> int | None:
    counted = rows.filter(pl.col("estimand") == "at_risk")["n"]
    number: int | None = counted[0] if counted.len() else row["n"]
    return number


def _compare(
    term: OutcomeGuarantee, row: dict[str, Any], at_risk: int | None
) -> tuple[Literal["met", "not_met", "undetermined"], str]:
    low, high, bar = row["conf_low"], row["conf_high"], float(term.threshold)
    if row["estimate"] is None or at_risk == 0:
        return "undetermined", "follow_up_too_short"
    if at_risk is not None and at_risk < term.min_at_risk:
        return "undetermined", "too_few_at_risk"
    if term.rule == "point":
        low = high = float(_steady(row["estimate"]))
    if low is None or high is None:
        return "undetermined", "no_interval"
    if high < bar:
        return "not_met", "below_threshold"
    return ("met", "at_or_above_threshold") if low >= bar else ("undetermined", "interval_holds_threshold")


def _steady(estimate: float) -> Decimal:
    return round(Decimal(repr(estimate)), DIGITS)


def _rate(term: OutcomeGuarantee, estimate: float) -> Fraction:
    """Return ``min(cap, gamma * (threshold - estimate))``."""
    shortfall = Fraction(term.threshold) - Fraction(_steady(estimate))
    return min(Fraction(term.cap), Fraction(term.gamma) * shortfall)
