# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How baseline variables enter a model of a study: their units, their reference levels, and whom each term touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from rwe.result import tidy
from rwe.spec.base import Part, Real, Text
from rwe.spec.study import Study

if TYPE_CHECKING:
    from rwe.survival.design import Design


class Unit(Part):
    """In how many of its units a number enters the model, and the term's name for people."""

    by: Real = Field(gt=0)
    title: Text


def scaled(people: pl.DataFrame, units: Mapping[str, Unit]) -> pl.DataFrame:
    """Return people with the variables that have a unit of their own in it."""
    return people.with_columns(pl.col(name) / unit.by for name, unit in units.items())


def references(study: Study, variables: Sequence[str]) -> dict[str, str]:
    """Return the reference of each variable with levels: the first level that the study names."""
    baseline = study.baseline
    found = {name: next(iter(baseline[name].levels)) for name in variables if baseline[name].levels}
    return found | {name: "no" for name in variables if baseline[name].kind == "exists"}


def said(design: Design, units: Mapping[str, Unit]) -> dict[str, Any]:
    """Return what settings tell of the terms: scale and title of each, and the levels of the columns."""
    terms = [_term(name, units.get(name)) for name in design.names]
    return {"terms": terms, "levels": {column: list(levels) for column, levels in design.levels.items()}}


def _term(name: str, unit: Unit | None) -> dict[str, Any]:
    return {"term": name, "scale": unit.by if unit else 1.0, "title": unit.title.model_dump() if unit else None}


def incomplete(n: int, analysis: str) -> pl.DataFrame:
    """Return the row that counts the persons left out because a variable is unknown."""
    return tidy([{"estimand": "not_complete", "n": n}], analysis=analysis)


def counted(tested: pl.DataFrame, fitted: pl.DataFrame) -> pl.DataFrame:
    """Return the test of proportional hazards as part of the model, with the persons that it rests on."""
    persons = fitted.select("analysis", "n", "n_event").head(1)
    return tested.drop("analysis", "n", "n_event").join(persons, how="cross").select(fitted.columns)


def per_term(table: pl.DataFrame, people: pl.DataFrame, happened: NDArray[np.bool_], design: Design) -> pl.DataFrame:
    """Count, for a term with a level or a calculation, the persons whom it touches: the estimate rests on them."""
    touched = [
        {"stratum": name, "persons": int((column != 0).sum()), "events": int(((column != 0) & happened).sum())}
        for name, term, column in zip(design.names, design.terms, design.values(people), strict=True)
        if any(part.kind in ("level", "calculated") for part in term)
    ]
    counts = pl.DataFrame(touched, schema={"stratum": pl.String, "persons": pl.Int64, "events": pl.Int64})
    joined = table.join(counts, on="stratum", how="left", maintain_order="left")
    own = joined.with_columns(pl.coalesce("persons", "n").alias("n"), pl.coalesce("events", "n_event").alias("n_event"))
    return own.select(table.columns)
