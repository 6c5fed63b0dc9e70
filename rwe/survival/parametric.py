# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Parametric survival models: one likelihood, many families, covariates on any of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from rwe.errors import DefinitionError
from rwe.survival.clock import ClockName
from rwe.survival.door import door
from rwe.survival.families import Exponential, Gompertz, LogLogistic, LogNormal, Weibull, WeibullHazards
from rwe.survival.families_f import GeneralisedF
from rwe.survival.families_gamma import Gamma, GeneralisedGamma
from rwe.survival.family import Family
from rwe.survival.hazard_fit import Question, fitted
from rwe.survival.parametric_model import Parametric

__all__ = ["Parametric", "parametric"]

FamilyName: TypeAlias = Literal[
    "exp", "weibull", "weibull_ph", "gompertz", "llogis", "lnorm", "gamma", "gengamma", "genf"
]
FAMILIES: dict[str, Family] = {
    one.name: one
    for one in (
        Exponential(), Weibull(), WeibullHazards(), Gompertz(), LogLogistic(), LogNormal(), Gamma(),
        GeneralisedGamma(), GeneralisedF(),
    )
}  # fmt: skip


@door
def parametric(
    frame: Any,
    *,
    time: str,
    event: str,
    family: FamilyName = "weibull",
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    on: Mapping[str, str | Sequence[str]] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    background: str | None = None,
    robust: bool | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> Parametric:
    """Fit a family of distributions by maximum likelihood, as R ``flexsurv::flexsurvreg``.

    Parameters
    ----------
    frame, time, event, entry, clock
        As in `kaplan_meier`; late entry conditions on being alive at `entry`.
    family
        ``exp`` (rate), ``weibull`` (shape, scale: accelerates time), ``weibull_ph`` (shape, scale: multiplies the
        hazard), ``gompertz`` (shape, rate), ``llogis`` (shape, scale), ``lnorm`` (meanlog, sdlog),
        ``gamma`` (shape, rate), ``gengamma`` (mu, sigma, Q), ``genf`` (mu, sigma, Q, P).
    covariates, formula, reference
        As in `cox`; they move the scale, rate or location of the family. Without them all rows are of one kind.
    on
        Covariates (columns or a formula) of other parameters by name, for example ``{"shape": ["arm"]}``.
    weights
        Column of weights; rows of weight 0 are left out and counted.
    cluster, robust
        As in `cox`: the sandwich variance, by default where weights are not whole numbers or clusters are given.
    background
        Column of the hazard of other deaths (per unit of `time`) at the time of the row. The model is then that of
        the excess hazard, and its log likelihood leaves out what does not depend on the model.
    conf_level
        Level of the limits.

    Raises
    ------
    DefinitionError
        If a column is missing, or an argument is wrong.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If nobody fails, or the likelihood has no finite maximum; the terms that ran away are named.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"days": [3, 5, 5, 8, 9], "died": [1, 1, 0, 1, 0]})
    >>> fit = parametric(frame, time="days", event="died", family="exp")
    >>> round(fit.parameters["estimate"].item(), 6)  # 3 deaths in 30 days
    0.1
    """
    if family not in FAMILIES:
        raise DefinitionError(f"family '{family}' is not one of {', '.join(FAMILIES)}")
    question = Question(
        time, event, entry, weights, cluster, background, covariates, formula, on or {}, reference, robust,
        conf_level, clock,
    )  # fmt: skip
    return fitted(frame, question, lambda _: FAMILIES[family])
