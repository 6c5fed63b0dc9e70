# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Curves fitted to the patients that a price file names: of a file, or of a trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import polars as pl

from rwe.compare.trial import load_trial
from rwe.disclosure.policy import Policy
from rwe.errors import DefinitionError, NoValidAnswer, Refused
from rwe.reimbursement.economics.family_curve import FamilyCurve, fitted_curve
from rwe.reimbursement.economics.timing import LENGTHS
from rwe.spec.base import locate
from rwe.spec.price_curves import Between, Fit, OfTrial, Shape
from rwe.survival.clock import ClockName
from rwe.survival.cure import cure
from rwe.survival.parametric import parametric
from rwe.survival.parametric_model import Parametric
from rwe.survival.spline import spline

Given = TypeVar("Given")
READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {".csv": pl.read_csv, ".parquet": pl.read_parquet}


def of_file(asked: Fit, beside: Path) -> FamilyCurve:
    """Return a family fitted to rows of a csv or parquet file.

    Raises
    ------
    DefinitionError
        If the file or a column is missing.
    Refused
        If fewer patients are left than may be shown: a curve of a few tells of each.
    """
    file = locate(asked.file, beside)
    if not file.is_file() or file.suffix not in READERS:
        raise DefinitionError(f"no csv or parquet file {asked.file}")
    rows = READERS[file.suffix](file)
    if absent := [name for name in (asked.time, asked.event, *asked.where) if name not in rows.columns]:
        raise DefinitionError(f"{asked.file} has no column {', '.join(absent)}")
    for name, value in asked.where.items():
        rows = rows.filter(_kept(name, value))
    least = Policy().threshold + 1
    if rows.height < least:
        raise Refused(f"a curve of {asked.file} rests on fewer than {least} patients; choose more with `where`")
    return fitted_curve(_fitted(rows, asked.time, asked.event, asked), LENGTHS[asked.unit])


def of_trial(asked: OfTrial, beside: Path) -> FamilyCurve:
    """Return a family fitted to patients of an arm of a trial, its own or reconstructed ones."""
    trial = load_trial(locate(asked.file, beside))
    try:
        rows = trial.patients(asked.endpoint, asked.arm)
    except NoValidAnswer as exc:
        raise DefinitionError(str(exc)) from None
    return fitted_curve(_fitted(rows, "days", "event", asked))


def _kept(name: str, value: str | int | Between) -> pl.Expr:
    if isinstance(value, Between):
        column, kept = pl.col(name).cast(pl.Float64), pl.lit(value=True)
        kept = kept if value.above is None else kept & (column > value.above)
        return kept if value.upto is None else kept & (column <= value.upto)
    return pl.col(name).cast(pl.String) == str(value)


def _fitted(rows: pl.DataFrame, time: str, event: str, shape: Shape) -> Parametric:
    clock: ClockName = "days" if rows.schema[time].is_integer() else "continuous"
    if shape.family == "spline":
        return spline(rows, time=time, event=event, knots=shape.knots, scale=shape.scale, clock=clock)
    if shape.cure:
        return cure(rows, time=time, event=event, family=shape.family, mixture=shape.cure == "mixture", clock=clock)
    return parametric(rows, time=time, event=event, family=shape.family, clock=clock)
