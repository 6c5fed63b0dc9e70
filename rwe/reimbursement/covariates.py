# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Covariates of the courses that a Cox model is asked about, in their order."""

from __future__ import annotations

from typing import Any

import polars as pl

from rwe.compare.people import people as read_people
from rwe.compare.people import require
from rwe.errors import DataError


def covariates(rows: pl.DataFrame, people: Any) -> pl.DataFrame | None:
    """Return the row of each course among `people`; None where none are given.

    Raises
    ------
    DataError
        If a course has none, or a person several.
    """
    if people is None:
        return None
    given = read_people(people)
    require(given, ["person_id"])
    if lost := rows.join(given, on="person_id", how="anti").height:
        raise DataError(f"people: {lost} of {rows.height} open courses have no row of covariates")
    if given["person_id"].n_unique() < given.height:
        raise DataError("people: one row a person is needed")
    return rows.select("person_id").join(given, on="person_id", how="left", maintain_order="left")
