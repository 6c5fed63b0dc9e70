# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From the probability of treatment to weights: whose effect they give, whom they leave out, what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from rwe.compare.arm_balance import ArmBalance, Denominator, arm_balance
from rwe.compare.propensity import Propensity
from rwe.compare.weights import effective_sample_size, marks, quantiles, weights_result
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, Flags
from rwe.result import Result, bind

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


Estimand = Literal["ate", "att", "atc", "ato", "atm"]
DENOMINATORS: dict[str, Denominator] = {"att": "treated", "atc": "control"}
CRUMP, WALKER, STURMER = (0.1, 0.9), (0.3, 0.7), (0.05, 0.95)
HEAVY, HALF = 20.0, 0.5  # a weight above, and a share of effective persons below which weights are marked


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Weights of two arms.

    Parameters
    ----------
    estimand
        Whose effect they give: ate (all), att (the treated), atc (the controls), ato (those who could have got
        either: overlap weights), atm (those a matching would keep).
    weights
        One weight a row, in the order of the frame; 0 of those who were trimmed.
    effective_sample_size
        Kish's ``(sum w)^2 / sum w^2`` persons of both arms together.
    by_arm
        ``arm``, ``n`` (persons with a weight), ``n_trimmed``, ``effective_sample_size``, ``largest`` weight,
        ``least`` and ``most``: the smallest and the largest probability of treatment.
    balance
        Before and after.
    settings
        Estimand, trimming rule and its bounds, truncation, how the probabilities were made.
    notes
        Marks on weights that should not be relied on.
    """

    estimand: Estimand
    weights: pl.Series
    effective_sample_size: float
    by_arm: pl.DataFrame
    balance: ArmBalance
    settings: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def quantiles(self) -> pl.DataFrame:
        """Quantiles of the weights that are not 0."""
        return quantiles(self.weights)

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table of weights and balance."""
        weighed = weights_result(self.weights, self.estimand, population, self.notes, self.settings)
        return bind([weighed, self.balance.to_result(population)])

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of the weights (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import weights_chart  # the chart library is slow to import

        return weights_chart(self.weights, language)


def weight(
    propensity: Propensity, *, estimand: Estimand = "ate",
    trim: Literal["crump", "sturmer", "walker"] | Sequence[float] | None = None, stabilised: bool = False,
    truncate: Sequence[float] | None = None,
) -> Weighted:  # fmt: skip
    """Weight two arms by the inverse probability of what they got, or as another estimand asks.

    Parameters
    ----------
    propensity
        What `rwe.compare.propensity` returned.
    estimand
        ate, att, atc, ato (Li, Morgan & Zaslavsky 2018: exact balance of the terms of an unpenalised logistic model)
        or atm (Li & Greene 2013).
    trim
        Who is left out, with weight 0: ``crump`` keeps probabilities from 0.1 to 0.9 (Crump et al. 2009);
        ``sturmer`` from the 5th percentile of the treated to the 95th of the controls (Sturmer et al. 2010);
        ``walker`` preference scores from 0.3 to 0.7 (Walker et al. 2013); or two probabilities. The model is not
        fitted again.
    stabilised
        Whether weights of the ate are multiplied by the share of their arm.
    truncate
        Two quantiles (type 7) of the weights to which those beyond are brought, for example ``(0.01, 0.99)``.

    Raises
    ------
    DefinitionError
        If an option is unknown, or does not go with the estimand.
    NoValidAnswer
        If trimming leaves nobody in an arm.
    """
    e, treated = propensity.probability, propensity.treated
    raw = _raw(e, treated, estimand)
    if stabilised:
        raw = raw * _shares(treated, estimand)
    low, high, measure = _bounds(propensity, trim)
    kept = (measure >= low) & (measure <= high)
    _refuse_empty(kept, treated, propensity.treatment)
    raw = _truncated(np.where(kept, raw, 0.0), truncate)
    rule = trim if isinstance(trim, str) or trim is None else list(trim)
    settings: dict[str, Any] = {
        "estimand": estimand,
        "trim": rule,
        "stabilised": stabilised,
        "trim_bounds": [low, high],
    }
    settings |= {"truncate": None if truncate is None else list(truncate), "propensity": dict(propensity.settings)}
    by_arm = _by_arm(raw, e, treated)
    return Weighted(
        estimand=estimand,
        weights=pl.Series("weight", raw),
        effective_sample_size=effective_sample_size(raw),
        by_arm=by_arm,
        balance=arm_balance(propensity, raw, denominator=DENOMINATORS.get(estimand, "pooled")),
        settings=settings,
        notes=(*marks(raw), *_notes(by_arm)),
    )


def _raw(e: F8, treated: Flags, estimand: Estimand) -> F8:
    got = np.where(treated, e, 1 - e)
    tops = {"ate": np.ones(e.size), "att": e, "atc": 1 - e, "ato": e * (1 - e), "atm": np.minimum(e, 1 - e)}
    if estimand not in tops:
        raise DefinitionError(f"unknown estimand '{estimand}'; use one of {list(tops)}")
    return np.asarray(tops[estimand] / got)


def _shares(treated: Flags, estimand: Estimand) -> F8:
    if estimand != "ate":
        raise DefinitionError(f"stabilised weights are those of the ate; those of the {estimand} have no such form")
    share = float(treated.mean())
    return np.where(treated, share, 1 - share)


def _bounds(propensity: Propensity, trim: Any) -> tuple[float, float, F8]:
    """Return the bounds of a rule and the number that it bounds."""
    e, treated = propensity.probability, propensity.treated
    if trim is None:
        return 0.0, 1.0, e
    if trim == "walker":
        return *WALKER, propensity.preference
    if trim == "sturmer":
        return float(np.quantile(e[treated], STURMER[0])), float(np.quantile(e[~treated], STURMER[1])), e
    low, high = CRUMP if trim == "crump" else _pair(trim, "trim")
    return low, high, e


def _pair(given: Any, name: str) -> tuple[float, float]:
    if isinstance(given, str) or len(given) != 2 or not 0 <= given[0] < given[1] <= 1:
        raise DefinitionError(f"{name}: give two numbers, 0 <= low < high <= 1, or a rule that is known")
    return float(given[0]), float(given[1])


def _refuse_empty(kept: Flags, treated: Flags, treatment: str) -> None:
    for arm, mine in (("treated", treated), ("control", ~treated)):
        if not (kept & mine).any():
            raise NoValidAnswer(
                f"'{treatment}': trimming leaves nobody of the {arm} arm; the arms do not overlap there"
            )


def _truncated(raw: F8, truncate: Sequence[float] | None) -> F8:
    if truncate is None:
        return raw
    low, high = np.quantile(raw[raw > 0], _pair(truncate, "truncate"))
    return np.where(raw > 0, np.clip(raw, low, high), 0.0)


def _by_arm(raw: F8, e: F8, treated: Flags) -> pl.DataFrame:
    rows = []
    for arm, mine in (("treated", treated), ("control", ~treated)):
        own = raw[mine]
        rows.append({"arm": arm, "n": int((own > 0).sum()), "n_trimmed": int((own == 0).sum()),
                     "effective_sample_size": effective_sample_size(own), "largest": float(own.max()),
                     "least": float(e[mine].min()), "most": float(e[mine].max())})  # fmt: skip
    return pl.DataFrame(rows)


def _notes(by_arm: pl.DataFrame) -> list[str]:
    told = []
    for arm, n, worth, largest in by_arm.select("arm", "n", "effective_sample_size", "largest").iter_rows():
        if worth < HALF * n:
            told.append(f"the {n} persons of the {arm} arm are worth {worth:.1f}, less than half")
        if largest > HEAVY:
            told.append(f"a person of the {arm} arm weighs {largest:.1f}, more than {HEAVY:g}")
    return told
