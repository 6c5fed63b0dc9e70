# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Balance between two arms, before and after weighting or matching: means, spreads and whole distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from rwe.compare.margins import Floats
from rwe.compare.people import row_weights
from rwe.compare.propensity import Propensity
from rwe.kernels._jit import Flags
from rwe.result import Result, tidy

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


Denominator = Literal["pooled", "treated", "control"]
NAMED = {
    "pooled": "sqrt((s1^2 + s0^2) / 2) of the arms before weighting; p(1-p) where a covariate is 0 or 1",
    "treated": "standard deviation of the treated before weighting; sqrt(p(1-p)) where a covariate is 0 or 1",
    "control": "standard deviation of the controls before weighting; sqrt(p(1-p)) where a covariate is 0 or 1",
}
FIGURES = ("mean_treated", "mean_control", "smd", "variance_ratio", "ks")


@dataclass(frozen=True, slots=True)
class ArmBalance:
    """How alike two arms are.

    Parameters
    ----------
    table
        One row a covariate: ``variable``, and with ``_before`` and ``_after``: ``mean_treated``, ``mean_control``,
        ``smd`` (treated minus control; null where the denominator is 0 and the means differ), ``variance_ratio``
        (treated to control; p(1-p) of 0/1 covariates), ``ks`` (largest distance of the distribution functions).
    denominator
        By what differences are divided: pooled, treated or control.
    """

    table: pl.DataFrame
    denominator: Denominator

    @property
    def largest(self) -> dict[str, float]:
        """Largest absolute standardised difference ``before`` and ``after``."""
        sizes = self.table.select(pl.col("smd_before", "smd_after").abs().max()).row(0)
        return dict(zip(("before", "after"), sizes, strict=True))

    def to_result(self, population: str = "") -> Result:
        """Return the long tidy form: analysis ``balance``, stratum ``before`` and ``after``."""
        parts = [
            self.table.select(pl.col("variable").alias("outcome"), *(pl.col(f"{f}_{s}").alias(f) for f in FIGURES))
            .unpivot(index="outcome", variable_name="estimand", value_name="estimate")
            .with_columns(stratum=pl.lit(s))
            for s in ("before", "after")
        ]
        table = tidy(pl.concat(parts), analysis="balance", population=population)
        return Result(table, {"smd_denominator": NAMED[self.denominator]})

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of the differences (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import balance_chart  # the chart library is slow to import

        return balance_chart(self.table, language)


def arm_balance(
    propensity: Propensity, weights: Any = None, before: Any = None, *, denominator: Denominator = "pooled"
) -> ArmBalance:
    """Compare the covariates of the treated with those of the controls, unweighted and weighted.

    The denominator is that of the arms *before* weighting in both columns, so that a smaller difference after it is
    never an effect of a larger denominator (Stuart 2008; R cobalt does the same).

    Parameters
    ----------
    propensity
        Arms and covariates.
    weights, before
        One value a row (what `weight` or `match` returned has them as ``weights``); ones by default.
    denominator
        pooled, treated (for the effect in the treated) or control.
    """
    after_w, before_w = (_weights(propensity, given) for given in (weights, before))
    rows = [
        {"variable": column.name} | _line(column.to_numpy(), propensity.treated, before_w, after_w, denominator)
        for column in propensity.covariates
    ]
    return ArmBalance(pl.DataFrame(rows, infer_schema_length=None), denominator)


def _weights(propensity: Propensity, given: Any) -> Floats:
    return row_weights(propensity.covariates, getattr(given, "weights", given))


def _line(x: Floats, treated: Flags, before: Floats, after: Floats, denominator: Denominator) -> dict[str, Any]:
    binary = bool(np.isin(x, (0.0, 1.0)).all())
    spread = np.sqrt(_denominator(x, treated, denominator, binary=binary))
    line: dict[str, float | None] = {}
    order = np.argsort(x, kind="stable")
    for stage, weight in (("before", before), ("after", after)):
        one, other = (np.average(x[arm], weights=weight[arm]) for arm in (treated, ~treated))
        difference = one - other
        line[f"mean_treated_{stage}"], line[f"mean_control_{stage}"] = float(one), float(other)
        line[f"smd_{stage}"] = float(difference / spread) if spread > 0 else (0.0 if difference == 0 else None)
        line[f"variance_ratio_{stage}"] = _ratio(x, treated, weight, binary=binary)
        line[f"ks_{stage}"] = abs(float(difference)) if binary else _ks(x[order], treated[order], weight[order])
    return line


def _denominator(x: Floats, treated: Flags, which: Denominator, *, binary: bool) -> float:
    squares = [float(x[arm].mean() * (1 - x[arm].mean()) if binary else x[arm].var(ddof=1) if x[arm].size > 1 else 0.0)
               for arm in (treated, ~treated)]  # fmt: skip
    return {"pooled": sum(squares) / 2, "treated": squares[0], "control": squares[1]}[which]


def _variance(x: Floats, weight: Floats) -> float:
    """Return the weighted variance, n - 1 in the unweighted case."""
    total, mean = weight.sum(), np.average(x, weights=weight)
    free = total**2 - (weight**2).sum()
    return float((weight * (x - mean) ** 2).sum() * total / free) if free > 0 else 0.0


def _of_share(x: Floats, weight: Floats) -> float:
    share = float(np.average(x, weights=weight))
    return share * (1 - share)


def _ratio(x: Floats, treated: Flags, weight: Floats, *, binary: bool) -> float | None:
    spread = _of_share if binary else _variance
    one, other = (spread(x[arm], weight[arm]) for arm in (treated, ~treated))
    return one / other if other > 0 else None


def _ks(x: Floats, treated: Flags, weight: Floats) -> float:
    """Return the largest distance of two weighted distribution functions; x ascending."""
    shares = np.where(treated, weight / weight[treated].sum(), -weight / weight[~treated].sum())
    last = np.append(x[1:] != x[:-1], True)
    return float(np.abs(np.cumsum(shares)[last]).max())
