# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The hospitals of a study as one: each person once, with one death, which ends observation in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from rwe.cdm import SITE, TABLES, Cdm
from rwe.harmonise.deaths import ACTIVITY, between_hospitals
from rwe.pipeline.align import Aligned
from rwe.spec.omop import dated_by

PERIOD = "observation_period"


@dataclass(frozen=True, slots=True)
class Together:
    """The hospitals of a study as one.

    Parameters
    ----------
    cdm
        The common model of all.
    deaths
        Of several hospitals, what became of each death that they tell (`rwe.harmonise.deaths.between_hospitals`).
    """

    cdm: Cdm
    deaths: pl.DataFrame


def together(parts: Iterable[Aligned]) -> Together:
    """Return the common model of all hospitals, each row with its `SITE`; a person seen in several stands once.

    Of a person's rows that of which most hospitals agree stands; of deaths one (`rwe.harmonise.deaths`), which ends
    the observation in every hospital.
    """
    found = list(parts)
    tables = {name: pl.concat([_named(part, name) for part in found]) for name in TABLES}
    account = pl.concat([part.cdm.accounting for part in found])
    marked = frozenset().union(*(part.cdm.synthetic for part in found))
    if len(found) == 1:
        return Together(Cdm(tables, account, marked), pl.DataFrame())
    facts = ["person_id", "year_of_birth", "gender_concept_id"]
    agreed = tables["person"].sort(pl.len().over(facts), "_source_commit", SITE, descending=[True, False, False])
    tables["person"] = agreed.unique("person_id", keep="first", maintain_order=True)
    deaths = _deaths(tables)
    stands = deaths.filter(pl.col("rule") == "").lazy()
    tables["death"] = tables["death"].join(stands.select("person_id", SITE), on=["person_id", SITE], how="semi")
    tables[PERIOD] = _until(tables[PERIOD], stands.select("person_id", "death_date"))
    return Together(Cdm(tables, account, marked), deaths)


def _deaths(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Return what becomes of each death that a hospital tells."""
    deaths = tables["death"].select("person_id", "death_date", "death_type_concept_id", SITE).collect()
    who = deaths.lazy().select("person_id").unique()
    days = [tables[name].select("person_id", day=dated_by(name)).join(who, on="person_id") for name in ACTIVITY]
    last = pl.concat(days).group_by("person_id").agg(pl.col("day").max().alias("last"))
    return between_hospitals(deaths, last.collect(engine="streaming"))


def _until(periods: pl.LazyFrame, deaths: pl.LazyFrame) -> pl.LazyFrame:
    """Return the periods of observation as far as people lived."""
    columns = periods.collect_schema().names()
    started, ended = (f"{PERIOD}_{end}_date" for end in ("start", "end"))
    lived = periods.join(deaths, on="person_id", how="left").with_columns(
        pl.min_horizontal(ended, "death_date").alias(ended)
    )
    return lived.filter(pl.col(started) <= pl.col(ended)).select(columns)


def _named(part: Aligned, table: str) -> pl.LazyFrame:
    return part.cdm.table(table).with_columns(pl.lit(part.site).alias(SITE))
