# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cure models from a frame, as R flexsurvcure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rwe.errors import DefinitionError
from rwe.survival.clock import ClockName
from rwe.survival.cure_family import Cure
from rwe.survival.door import door
from rwe.survival.hazard_fit import Question, fitted
from rwe.survival.parametric import FAMILIES, FamilyName
from rwe.survival.parametric_model import Parametric

__all__ = ["cure"]


@door
def cure(
    frame: Any,
    *,
    time: str,
    event: str,
    family: FamilyName = "weibull",
    mixture: bool = True,
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
    """Fit a family in which a share theta never fails (Boag 1949; non-mixture: Yakovlev & Tsodikov 1996).

    A share that is cured is seen only where follow-up is long enough for the curve to run level. Without background
    hazard the cured never die at all: give it (`background_hazard`), or lay a floor under the curve (`floored`).

    Parameters
    ----------
    frame, time, event, entry, weights, cluster, robust, background, reference, conf_level, clock
        As in `parametric`.
    family
        Of those not cured, or of the promotion time of the non-mixture model.
    mixture
        S = theta + (1 - theta) S0; otherwise S = theta ** (1 - S0).
    covariates, formula
        They move theta, on the logit.
    on
        Covariates of the family's parameters by name.

    Raises
    ------
    DefinitionError
        If a column is missing, or an argument is wrong.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there is no finite maximum.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [1, 2, 3, 4, 5, 6, 900, 900, 900, 900], "died": [1] * 6 + [0] * 4})
    >>> fit = cure(frame, time="days", event="died", family="exp")
    >>> fit.parameters["estimate"].round(4).to_list()  # four of ten stay; the others die in 3.5 days
    [0.4, 0.2857]
    """
    if family not in FAMILIES:
        raise DefinitionError(f"family '{family}' is not one of {', '.join(FAMILIES)}")
    question = Question(
        time, event, entry, weights, cluster, background, covariates, formula, on or {}, reference, robust,
        conf_level, clock,
    )  # fmt: skip
    return fitted(frame, question, lambda _: Cure(FAMILIES[family], mixing=mixture))
