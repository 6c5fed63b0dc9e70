# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Courses of treatment of a study, read before its records: what they make are records too."""

from __future__ import annotations

import polars as pl

from rwe.cdm import Cdm
from rwe.cohort.records import first, periods, records
from rwe.spec.population import Record
from rwe.spec.study import Study
from rwe.treatment import Course, Known, treat


def course_of(cdm: Cdm, study: Study) -> Course | None:
    """Return the courses of treatment of everyone, None where the study does not say how they are read."""
    if study.treatment is None:
        return None
    seen = periods(cdm, study.cut).group_by("person_id").agg(pl.col("end").max().alias("_seen"))
    died = first(records(cdm, Record(table="death"), study.cut), "_died")
    until = pl.min_horizontal("_seen", "_died").alias("until")
    followed = seen.join(died, on="person_id", how="left").select("person_id", until)
    known = Known(lambda name: records(cdm, study.records[name], study.cut), followed, study.cut)
    return treat(cdm, study.treatment, known)
