# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a dossier says of the choice of people beside their number: looks past day zero, and attrition by group."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rwe.cohort import Cohort
from rwe.disclosure import Policy, protect
from rwe.report import context as card
from rwe.result import Result, tidy
from rwe.spec.base import Text
from rwe.spec.study import Study
from rwe.spec.study_names import criteria_of
from rwe.spec.time_zero import findings

LEFT = "left_within_reach"


def looks(study: Study, cohort: Cohort, policy: Policy) -> Iterator[card.LookCard]:
    """Yield each finding of the audit of time zero, with whom it concerns as that may leave.

    Counts are of everyone with an index date, and go where they or the others are too few.
    """
    everyone = cohort.by_group.table.filter(group="", outcome="index", estimand="remaining")["n"].max()
    exact = cohort.time_zero.table.with_columns(pl.col("n").alias("n_event"), pl.lit(everyone).alias("n"))
    shown = protect(Result(tidy(exact.to_dicts(), analysis="time_zero")), policy).table
    counts = {(row["stratum"], row["estimand"]): row["n_event"] for row in shown.iter_rows(named=True)}
    titles = {name: variable.title for name, variable in study.baseline.items()}
    titles |= {criterion.name: criterion.title for _, criteria in criteria_of(study) for criterion in criteria}
    for finding in findings(study):
        where = ".".join(map(str, finding.where))
        yield card.LookCard(
            title=titles[finding.name],
            rule=finding.rule,
            reach=finding.reach,
            n=counts.get((where, finding.rule)),
            left=counts.get((where, LEFT)),
            within=(where, LEFT) in counts,
            why=_why(study, finding.name),
        )


def _why(study: Study, name: str) -> Text | None:
    return next((look.why for look in study.looks_ahead if name in look.names), None)


def by_group(cohort: Cohort, policy: Policy) -> Iterator[card.GroupRow]:
    """Yield the persons after each criterion by hospital and by arm, all of a division or nothing of it.

    Where any cell of a division is too few to be shown, its neighbours and its total would tell it: then the whole
    division stays in the zone.
    """
    table = cohort.by_group.table.filter(pl.col("estimand").is_in(["remaining", "excluded"]), pl.col("group") != "")
    table = table.with_columns(pl.col("group").str.split("=").list.first().alias("_by"))
    few = pl.col("n").is_between(1, policy.threshold)
    whole = table.filter(~few.any().over("population", "_by"), pl.col("group").n_unique().over("population", "_by") > 1)
    rows = whole.filter(estimand="remaining").drop("_by").to_dicts()
    shown = protect(Result(tidy([row | {"analysis": "attrition_by_group"} for row in rows])), policy).table
    for row in shown.iter_rows(named=True):
        names = {key: row[key] for key in ("population", "group", "n")}
        yield card.GroupRow(criterion=row["outcome"], **names)
