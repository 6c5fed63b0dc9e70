# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cox regression from a frame in memory, from a file read in batches, or from parts in several places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rwe.survival.clock import ClockName
from rwe.survival.cox_fit import Asked, fitted
from rwe.survival.data import names
from rwe.survival.door import door
from rwe.survival.likelihoods import Ties
from rwe.survival.model import Cox
from rwe.survival.outcome import Outcome
from rwe.survival.terms import model_of

__all__ = ["Cox", "cox"]


@door
def cox(
    frame: Any,
    *,
    time: str,
    event: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    person: str | None = None,
    offset: str | None = None,
    ties: Ties = "efron",
    penalty: Literal["firth"] | None = None,
    robust: bool | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Cox:
    """Fit a Cox proportional hazards model, as R ``coxph``.

    Parameters
    ----------
    frame
        Any frame that narwhals takes, held in memory; a polars lazy frame or the path of a parquet file, read in
        batches at each step and never held; or `Parts`, read where they are. Where rows are not held there are
        no residuals, no concordance and no clusters, and times are days.
    time, event, entry, clock
        As in `kaplan_meier`; several rows a person (changing covariates) need `entry`, and `person` or `cluster`.
    covariates
        Columns; text columns count as levels.
    formula
        In place of `covariates`, for example ``"age + C(stage)"``; grammar in `rwe.survival.terms`.
    strata
        Columns whose levels have baseline hazards of their own.
    weights
        Column of weights; rows of weight 0 are left out and counted.
    cluster
        Column that tells which rows belong together.
    person
        Column that tells whose stretch of follow-up a row is: stretches of one person that overlap are refused,
        gaps between them are counted in the notes.
    offset
        Column added to the predictor as it is.
    ties
        efron (default), breslow, or exact: the discrete logistic partial likelihood, without weights or
        robust variance, its baseline hazard that of Breslow at these coefficients.
    penalty
        ``"firth"``: Firth's penalised likelihood, whose estimates stay finite where events separate; limits
        and tests of its coefficients are those of the profile penalised likelihood.
    robust
        Take the variance from the influence of rows (or clusters). By default, as R: where weights
        are not whole numbers or clusters are given.
    reference
        Reference level of columns that count as levels; otherwise the first in ascending order.
    conf_level
        Level of the limits.

    Raises
    ------
    DefinitionError
        If a column is missing, or the formula or an argument is wrong.
    DataError
        If rows break the contract of a column (missing covariates are not dropped silently).
    NoValidAnswer
        If there are no events, terms are aliased or have no finite estimate (they are named), or there are
        too few clusters for a robust variance.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 1], "x": [0, 1, 0, 1, 0, 0]})
    >>> fit = cox(frame, time="t", event="e", covariates=["x"])
    >>> fit.coefficients["hazard_ratio"].round(6).to_list()  # 1 + the root of 7
    [3.645751]
    """
    model = model_of(covariates, formula)
    outcome = Outcome(time, event, entry, names(strata), weights, cluster, offset, clock)
    return fitted(frame, Asked(outcome, model, reference, ties, penalty, robust, conf_level), person)
