# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How many people what looks past day zero concerns: the audit of a definition, counted in the data."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.cohort.attrition import Row
from rwe.cohort.criteria import Test
from rwe.cohort.records import Derived, Read, of_any, since_index
from rwe.result import Result, tidy
from rwe.spec.base import Where
from rwe.spec.population import EXPOSED
from rwe.spec.study import Study
from rwe.spec.time_zero import Finding, findings

TREATED = "_treated"


def treated(study: Study, index: pl.DataFrame, read: Read) -> Derived:
    """Return ``_treated``, days from index to the first exposure on or after it, where a finding asks for it."""
    if not any(finding.rule == "treated_before_measured" for finding in findings(study)):
        return Derived()
    drugs = [name for name, record in study.records.items() if record.table in EXPOSED]
    rows = since_index(of_any(drugs, read), index).filter(pl.col("gap") >= 0)
    return Derived([], [rows.group_by("person_id").agg(pl.col("gap").min().alias(TREATED))])


def audit(people: pl.DataFrame, study: Study, tests: Mapping[Where, Test]) -> Result:
    """Count, of all people with an index date, those whom each finding concerns.

    Parameters
    ----------
    people
        With the columns of the cohort and those that they were made from.
    tests
        The criteria by their place in the study file.

    Returns
    -------
    Result
        A row a finding: ``outcome`` its variable or criterion, ``estimand`` its rule, ``time`` the days it reaches.
        Of a value ``n`` are those for whom it was read after the index date, or after treatment; of a criterion those
        who fail it; of a washout those observed for less. ``left_within_reach`` counts who left an endpoint before
        that day, and could not have had what is looked for.
    """
    rows = [row for finding in findings(study) for row in _counts(people, study, finding, tests)]
    reasoned = [name for looks in study.looks_ahead for name in looks.names]
    return Result(tidy(rows, analysis="time_zero"), {"looks_ahead": reasoned})


def _counts(people: pl.DataFrame, study: Study, finding: Finding, tests: Mapping[Where, Test]) -> list[Row]:
    asked = {finding.rule: _concerned(study, finding, tests)}
    if finding.reach is not None and finding.rule not in ("washout_unobserved", "treated_before_measured"):
        left = pl.min_horizontal(f"{name}_days" for name in study.endpoints)
        asked["left_within_reach"] = left < finding.reach
    counts = people.select(test.fill_null(value=False).sum().alias(name) for name, test in asked.items()).row(0)
    labels = {"outcome": finding.name, "stratum": ".".join(map(str, finding.where)), "time": finding.reach}
    return [labels | {"estimand": name, "n": n} for name, n in zip(asked, counts, strict=True)]


def _concerned(study: Study, finding: Finding, tests: Mapping[Where, Test]) -> pl.Expr:
    gap = pl.col(f"_{finding.name}/gap")
    if finding.rule == "treated_before_measured":
        return gap > pl.col(TREATED)
    if finding.rule == "washout_unobserved":
        observed = (pl.col("index_date") - pl.col("_observed_from")).dt.total_days()
        return (observed < finding.reach).fill_null(value=True)
    if finding.where[0] == "baseline":
        # what a line is made of is known some days after the day that it stands on
        return gap > study.baseline[finding.name].window[1] - (finding.reach or 0)
    _, passes = tests[finding.where[:-1]]
    return ~passes
