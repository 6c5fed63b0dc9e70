# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One death a person, of all that are told: which source is believed, and what became of the others.

A death is refused where clinical activity goes on more than 60 days after it (``event_after_death``): the living are
seen and the dead are not. Of the others that of the most trusted source stands: registries and certificates before
hospitals before claims; of one source's the latest. A death on the same day is a ``duplicate_row``, on another day
one of ``two_deaths``.

Source: OHDSI Themis, "death": one date a person, by trust, else the latest; activity more than 60 days after it.
"""

from __future__ import annotations

import polars as pl

from rwe.cdm import SITE

ADMINISTRATIVE_DAYS = 60
ACTIVITY = ("visit_occurrence", "condition_occurrence", "procedure_occurrence", "measurement", "drug_exposure")
_REGISTRY, _HOSPITAL, _CLAIM, _OTHER = range(4)
# type concepts of OMOP: certificate, registry, Death Master File; EHR and its discharge record; claim
_TRUST = {32815: _REGISTRY, 32879: _REGISTRY, 32885: _REGISTRY, 32817: _HOSPITAL, 32823: _HOSPITAL, 32810: _CLAIM}


def trust(kind: pl.Expr) -> pl.Expr:
    """Return the rank of the source of a death by its type concept; the lowest is believed."""
    return kind.replace_strict(_TRUST, default=_OTHER, return_dtype=pl.Int8)


def outlived(day: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Return whether activity went on too long after a death; false where there was none."""
    return (last > day + pl.duration(days=ADMINISTRATIVE_DAYS)).fill_null(value=False)


def second(deaths: pl.DataFrame, *ties: str) -> pl.DataFrame:
    """Return the deaths that do not stand, with the ``rule`` against them.

    Parameters
    ----------
    deaths
        ``person_id``, ``day``, ``trust`` and `ties`, by which of equal ones the first stands.
    """
    ordered = deaths.sort("trust", "day", *ties, descending=[False, True, *(False for _ in ties)])
    stands = pl.col("day").first().over("person_id")
    same = pl.when(pl.col("day") == stands).then(pl.lit("duplicate_row")).otherwise(pl.lit("two_deaths"))
    return ordered.with_columns(rule=same).filter(pl.int_range(pl.len()).over("person_id") > 0)


def between_hospitals(deaths: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """Return what becomes of the deaths that hospitals tell of persons, each hospital one at most.

    Parameters
    ----------
    deaths
        ``person_id``, ``death_date``, ``death_type_concept_id`` and the hospital (`SITE`).
    last
        ``person_id`` and ``last``, the last day of clinical activity in any hospital.

    Returns
    -------
    pl.DataFrame
        The same with ``rule`` (``""`` for the one that stands) and ``days_apart`` from the one that stands (null where
        none does), by person and hospital.
    """
    told = deaths.with_columns(day="death_date", trust=trust(pl.col("death_type_concept_id")))
    told = told.join(last, on="person_id", how="left")
    refused = told.filter(outlived(pl.col("day"), pl.col("last"))).with_columns(rule=pl.lit("event_after_death"))
    left = told.filter(~outlived(pl.col("day"), pl.col("last")))
    ruled = pl.concat([refused, second(left, SITE)]).select("person_id", SITE, "rule")
    found = told.join(ruled, on=["person_id", SITE], how="left").with_columns(pl.col("rule").fill_null(""))
    stands = pl.col("day").filter(pl.col("rule") == "").first().over("person_id")
    apart = (pl.col("day") - stands).dt.total_days().alias("days_apart")
    return found.with_columns(apart).select(*deaths.columns, "rule", "days_apart").sort("person_id", SITE)
