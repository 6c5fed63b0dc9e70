# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From when and until when a person is known: late entry, the last day seen, death."""

from __future__ import annotations

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort.records import Derived, first, periods, records
from rwe.spec.population import Observed, Record
from rwe.spec.study import Study


def follow_up(cdm: Cdm, study: Study, index: pl.DataFrame) -> Derived:
    """Return ``_last_seen``, ``_died``, ``_observed_from`` and, where a study asks for it, ``entry_days``.

    ``_observed_from`` is the start of the observation that holds the index date. ``entry_days`` are the days from
    index to the start of observation at the hospital of the index record; 0 where that came first.
    """
    spans, day = periods(cdm, study.cut), index.lazy().select("person_id", "index_date", "site")
    joined = spans.rename({"site": "_at"}).join(day, on="person_id")
    holds = pl.col("index_date").is_between("start", "end")
    frames = [
        spans.group_by("person_id").agg(pl.col("end").max().alias("_last_seen")),
        first(records(cdm, Record(table="death"), study.cut), "_died"),
        joined.filter(holds).group_by("person_id").agg(pl.col("start").min().alias("_observed_from")),
    ]
    if study.index.entry == "index":
        return Derived([], frames)
    here = joined.filter(pl.col("_at") == pl.col("site"), pl.col("end") >= pl.col("index_date"))
    frames.append(here.group_by("person_id").agg(pl.col("start").min().alias("_entry")))
    late = (pl.col("_entry") - pl.col("index_date")).dt.total_days()
    return Derived([late.clip(lower_bound=0).cast(pl.Int64).alias("entry_days")], frames)


def observed(asked: Observed, cdm: Cdm, study: Study, index: pl.DataFrame, name: str) -> pl.LazyFrame:
    """Return who has one span of observation that covers the days asked for, as `name`; death ends those after."""
    last = pl.col("index_date") + pl.duration(days=asked.after)
    died = first(records(cdm, Record(table="death"), study.cut), "_dead")
    spans = periods(cdm, study.cut).join(index.lazy().select("person_id", "index_date"), on="person_id")
    covered = spans.join(died, on="person_id", how="left").filter(
        pl.col("start") <= pl.col("index_date") - pl.duration(days=asked.before),
        pl.col("end") >= pl.col("index_date"),
        (pl.col("end") >= last) | (pl.col("_dead") <= last),
    )
    return covered.select("person_id", pl.lit(value=True).alias(name)).unique("person_id")
