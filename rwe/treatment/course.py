# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`treat`: the courses of treatment of everyone, as tables of the common model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from rwe.cdm import SITE, Cdm
from rwe.spec.treatment import Treatment
from rwe.treatment import episodes
from rwe.treatment.changes import change
from rwe.treatment.dose import dosed
from rwe.treatment.eras import dose_eras, drug_eras
from rwe.treatment.exposures import lasting, netted, read
from rwe.treatment.lines import find

ACCOUNT = {"ingredient": pl.String, "about": pl.String, "outcome": pl.String, "n": pl.Int64}


@dataclass(frozen=True, slots=True)
class Known:
    """What else is known of people where treatment is read.

    Parameters
    ----------
    read
        The records of a name of the study: ``person_id``, ``day``, ``number``.
    followed
        ``person_id``, ``until``: the last day on which a person was alive and under observation.
    as_of
        Records after this day are not read.
    """

    read: Callable[[str], pl.LazyFrame]
    followed: pl.LazyFrame
    as_of: date


@dataclass(frozen=True, slots=True)
class Course:
    """Courses of treatment.

    Parameters
    ----------
    exposures
        What the rest is made of: ``person_id``, ``id`` of the record, ``drug`` (the ingredient's place), ``start``,
        ``end``, ``mg`` (null where the dose is not known).
    tables
        ``drug_era``, ``dose_era``, ``episode`` and ``episode_event`` in the columns of `rwe.cdm`, and `SITE`.
    account
        What became of the records of each ingredient: ``ingredient``, ``about`` (``record``: kept or returned;
        ``length``: what told it; ``dose``: known, or why not), ``outcome``, ``n``.
    """

    exposures: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    account: pl.DataFrame

    def onto(self, cdm: Cdm) -> Cdm:
        """Return the common model with these tables; episodes stand beside those that hospitals recorded."""
        held = cdm.table("episode")
        own = self.tables["episode"].lazy()
        together = pl.concat([held, own], how="diagonal_relaxed")
        made = {name: table.lazy() for name, table in self.tables.items()} | {"episode": together}
        return Cdm({**cdm.tables, **made}, cdm.accounting)


def treat(cdm: Cdm, treatment: Treatment, known: Known) -> Course:
    """Read the courses of treatment that the exposures of `cdm` tell, by the rules of `treatment`.

    Records are read once; their order does not matter. Which exposures became what is counted in the account.
    """
    drugs = {name: i for i, name in enumerate(treatment.ingredients)}
    records = netted(read(cdm, treatment, known.as_of))
    exposures = dosed(lasting(records, treatment.ingredients), treatment.body_size, known.read)
    followed = known.followed.collect(engine="streaming")
    rules = treatment.lines
    since = (
        known.read(rules.since).group_by("person_id").agg(pl.col("day").min()).collect()
        if rules and rules.since
        else None
    )
    found = find(exposures, rules, drugs, since) if rules else None
    changes = {spec.concept: change(exposures, spec, drugs, followed) for spec in treatment.changes.values()}
    tables = {
        "drug_era": drug_eras(exposures, treatment),
        "dose_era": dose_eras(exposures, treatment),
        **episodes.tables(found, changes, treatment),
    }
    return Course(
        exposures.select("person_id", "id", "drug", "start", "end", "mg"),
        {name: table.rename({"site": SITE}, strict=False) for name, table in tables.items()},
        _account(records, exposures, drugs),
    )


def _account(records: pl.DataFrame, exposures: pl.DataFrame, drugs: Mapping[str, int]) -> pl.DataFrame:
    names = {number: name for name, number in drugs.items()}
    parts = [
        frame.group_by(
            pl.col("drug").replace_strict(names, return_dtype=pl.String).alias("ingredient"),
            pl.lit(about).alias("about"),
            pl.col(column).alias("outcome"),
        ).agg(n=pl.len().cast(pl.Int64))
        for frame, about, column in (
            (records, "record", "fate"),
            (exposures, "length", "told"),
            (exposures, "dose", "dose"),
        )
    ]
    return pl.concat(parts).sort("ingredient", "about", "outcome")
