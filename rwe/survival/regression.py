# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What every regression begins with: the response, the design and its matrix, from one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.clock import ClockName
from rwe.survival.data import Response, names, read, respond
from rwe.survival.design import Design, design
from rwe.survival.terms import columns_of, model_of


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Rows of a regression.

    Parameters
    ----------
    response, design, x
        Follow-up, terms, and the values of the terms (rows, terms).
    table
        The rows used, with the columns asked for.
    """

    response: Response
    design: Design
    x: F8
    table: pl.DataFrame


def regression(
    frame: Any,
    *,
    covariates: Sequence[str] | None,
    formula: str | None,
    reference: Mapping[str, Any] | None,
    time: str,
    event: str,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    clock: ClockName = "days",
    more: Sequence[str] = (),
) -> Regression:
    """Validate the columns of a regression; `more` names further columns that `table` shall hold.

    Raises
    ------
    DefinitionError
        If covariates and formula are both given or both lacking, or a column is missing.
    DataError
        If rows break the contract of a column.
    """
    model = model_of(covariates, formula)
    asked = [*names(entry), *names(strata), *names(weights), *names(cluster), *more]
    table = read(frame, [time, event, *asked, *columns_of(model)])
    stratify = names(strata)
    response = respond(
        table, time=time, event=event, entry=entry, strata=stratify, weights=weights, cluster=cluster, clock=clock
    )
    table = table.filter(response.kept)
    plan = design(table, model, reference)
    return Regression(response, plan, plan.matrix(table), table)
