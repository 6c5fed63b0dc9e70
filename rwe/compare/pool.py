# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pooling: one effect of several studies, medicines or hospitals, and how much they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.compare.pool_tau import Method, middle, q_profile, spread, tau_squared, typical_variance
from rwe.compare.student import inferred, quantile, tail
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.figures.chart import Chart
from rwe.figures.tongue import Language
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

Adjust: TypeAlias = Literal["hksj", "none"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pooled(Shown):
    """The mean effect of studies, what differs between them, and where the effect of another would lie.

    Parameters
    ----------
    estimate, std_error, conf_low, conf_high, statistic, p_value
        Mean effect.
    tau2, i2, h2
        Variance of true effects between studies; its share in percent of all variance; total over sampling variance.
    tau2_low, tau2_high
        Its Q-profile limits.
    q, q_p_value
        Cochran's Q and its tail.
    pred_low, pred_high
        Where the true effect of another such study lies; None for fixed effects.
    table
        One row a study: label, estimate, std_error, weight (percent), and shrunken with its error: the study's own
        true effect as far as the others tell (empirical Bayes).
    notes
        What a reader must know.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    statistic: float
    p_value: float
    tau2: float
    tau2_low: float
    tau2_high: float
    i2: float
    h2: float
    q: float
    q_p_value: float
    pred_low: float | None
    pred_high: float | None
    table: pl.DataFrame
    method: str
    adjust: str
    conf_level: float
    notes: tuple[str, ...]

    def leave_one_out(self) -> pl.DataFrame:
        """Return the pooled effect without each study: left_out, estimate, std_error, limits, p_value, tau2, i2."""
        if self.table.height < 3:
            raise NoValidAnswer("two studies cannot be pooled without one of them")
        keep = np.arange(self.table.height)
        rows = []
        for i, label in enumerate(self.table["label"]):
            rest = self.table[[int(j) for j in keep[keep != i]]]
            found = _pooled(rest, self.method, self.adjust, self.conf_level)
            rows.append({"left_out": label, **{name: getattr(found, name) for name in _LEFT_OUT}})
        return pl.DataFrame(rows)

    def asymmetry(self) -> tuple[float, int, float]:
        """Return t, degrees of freedom and p of Egger's test: do small studies say something else (1997, BMJ 315:629)?

        Raises
        ------
        NoValidAnswer
            With fewer than three studies, or if all errors are the same.
        """
        y, se = (self.table[name].to_numpy() for name in ("estimate", "std_error"))
        if y.size < 3 or np.ptp(se) == 0:
            raise NoValidAnswer("a test of asymmetry needs three studies and errors that differ")
        design = np.column_stack([1 / se, np.ones(y.size)])
        inverse = np.linalg.inv(design.T @ design)
        beta = inverse @ design.T @ (y / se)
        left = y / se - design @ beta
        t = float(beta[1] / math.sqrt(float(left @ left) / (y.size - 2) * inverse[1, 1]))
        return t, y.size - 2, tail(t, y.size - 2)

    def forest(self, *, language: Language = "en") -> Chart:
        """Draw each study, its shrunken effect, the mean and the prediction; estimates are logs of ratios."""
        from rwe.compare.trust_charts import pooled_forest

        return pooled_forest(self, language)

    def funnel(self, *, language: Language = "en") -> Chart:
        """Draw estimates, logs of ratios, against their errors."""
        from rwe.compare.trust_charts import funnel_of

        return funnel_of(self, language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return mean, heterogeneity and the studies in the long tidy form, on the scale of the estimates."""
        whole = {name: getattr(self, name) for name in _LEFT_OUT if name not in ("tau2", "i2")}
        rows: list[dict[str, Any]] = [
            {"estimand": "pooled", "statistic": self.statistic, "n": None, **whole},
            {"estimand": "prediction", "conf_low": self.pred_low, "conf_high": self.pred_high},
            {"estimand": "tau2", "estimate": self.tau2, "conf_low": self.tau2_low, "conf_high": self.tau2_high},
            {"estimand": "i2", "estimate": self.i2, "statistic": self.q, "p_value": self.q_p_value},
        ]
        for row in self.table.iter_rows(named=True):
            label = {"group": row["label"]}
            rows.append({"estimand": "study", "estimate": row["estimate"], "std_error": row["std_error"], **label})
            shrunken = {"estimate": row["shrunken"], "std_error": row["shrunken_error"]}
            rows.append({"estimand": "shrunken", **shrunken, **label})
        settings = {"method": self.method, "adjust": self.adjust, "conf_level": self.conf_level}
        table = tidy(pl.DataFrame(rows, infer_schema_length=None), analysis="pooling", population=population)
        return Result(table.with_columns(outcome=pl.lit(outcome)), settings | {"notes": [*self.notes]})

    def _story(self) -> Story:
        said = f"{self.estimate:.4g} ({self.conf_low:.4g} to {self.conf_high:.4g})"
        return f"Pooled, {self.method}: {said}, tau2 {self.tau2:.4g}, I2 {self.i2:.0f} %", self.table, self.notes


_LEFT_OUT = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "tau2", "i2")


def pool(
    estimates: Sequence[float],
    std_errors: Sequence[float],
    *,
    labels: Sequence[str] | None = None,
    method: Method = "REML",
    adjust: Adjust = "hksj",
    conf_level: float = 0.95,
) -> Pooled:
    """Pool independent estimates by random effects (or fixed ones), as R ``metafor::rma``.

    Parameters
    ----------
    estimates, std_errors
        On a scale on which they are nearly normal: logs of ratios, differences.
    method
        Estimator of the variance between studies, see `pool_tau`; FE takes one true effect for all.
    adjust
        ``hksj``: error and Student's limits of Hartung & Knapp (2001) and Sidik & Jonkman (2002), without truncation.

    Raises
    ------
    NoValidAnswer
        With fewer than two studies.
    DataError
        If an estimate is not finite or an error not positive; a study without an answer is left out by the caller.

    Examples
    --------
    >>> found = pool([-0.3, -0.1, -0.6], [0.2, 0.1414, 0.3], method="DL", adjust="none")
    >>> round(found.estimate, 4), round(found.tau2, 3)
    (-0.2421, 0.01)
    """
    y, se = np.asarray(estimates, np.float64), np.asarray(std_errors, np.float64)
    if y.shape != se.shape or y.ndim != 1:
        raise DefinitionError(f"{y.size} estimates have {se.size} errors; give one each")
    if odd := int((~np.isfinite(y) | ~np.isfinite(se) | (se <= 0)).sum()):
        raise DataError(f"{odd} of {y.size} studies have no finite estimate with a positive error; leave them out")
    if y.size < 2:
        raise NoValidAnswer(f"{y.size} study: at least two are needed to pool")
    names = [str(i + 1) for i in range(y.size)] if labels is None else [*labels]
    if len(names) != y.size:
        raise DefinitionError(f"{len(names)} labels for {y.size} studies; give one each")
    if adjust not in ("hksj", "none"):
        raise DefinitionError(f"adjust '{adjust}' is not one of hksj, none")
    return _pooled(pl.DataFrame({"label": names, "estimate": y, "std_error": se}), method, adjust, conf_level)


def _pooled(studies: pl.DataFrame, method: str, adjust: str, conf_level: float) -> Pooled:
    y, v = studies["estimate"].to_numpy(), studies["std_error"].to_numpy() ** 2
    tau2 = tau_squared(y, v, method)
    w, fixed = 1 / (v + tau2), method == "FE"
    mean, plain = middle(y, w), math.sqrt(1 / float(w.sum()))
    df = math.inf if adjust == "none" else y.size - 1.0
    error = plain if adjust == "none" else plain * math.sqrt(spread(y, v, tau2) / (y.size - 1))
    found = inferred(mean, error, conf_level, df)
    half = quantile(conf_level, df) * math.sqrt(error**2 + tau2)
    heterogeneity = _heterogeneity(y, v, tau2, fixed=fixed) | _limits(y, v, conf_level, fixed=fixed)
    return Pooled(
        mean, error, found.conf_low, found.conf_high, found.statistic, found.p_value, tau2, **heterogeneity,
        pred_low=None if fixed else mean - half, pred_high=None if fixed else mean + half,
        table=_studies(studies, w, mean, plain, tau2), method=method, adjust=adjust, conf_level=conf_level,
        notes=_notes(y.size, error, plain),
    )  # fmt: skip


def _heterogeneity(y: F8, v: F8, tau2: float, *, fixed: bool) -> dict[str, float]:
    from scipy.special import chdtrc

    q, df = spread(y, v, 0.0), y.size - 1
    typical = typical_variance(v)
    i2 = max(1 - df / q, 0.0) if fixed and q else 0.0 if fixed else tau2 / (tau2 + typical)
    return {
        "q": q,
        "q_p_value": float(chdtrc(df, q)),
        "i2": 100 * i2,
        "h2": q / df if fixed else tau2 / typical + 1,
    }


def _limits(y: F8, v: F8, conf_level: float, *, fixed: bool) -> dict[str, float]:
    low, high = (0.0, 0.0) if fixed else q_profile(y, v, conf_level)
    return {"tau2_low": low, "tau2_high": high}


def _studies(studies: pl.DataFrame, w: F8, mean: float, error: float, tau2: float) -> pl.DataFrame:
    """Add weights, and each study's effect drawn to the mean by what its own error leaves open."""
    y, v = studies["estimate"].to_numpy(), studies["std_error"].to_numpy() ** 2
    own = tau2 / (tau2 + v)
    return studies.select("label", "estimate", "std_error").with_columns(
        weight=pl.Series(100 * w / w.sum()),
        shrunken=pl.Series(own * y + (1 - own) * mean),
        shrunken_error=pl.Series(np.sqrt(own * v + (1 - own) ** 2 * error**2)),
    )


def _notes(k: int, error: float, plain: float) -> tuple[str, ...]:
    few = (f"{k} studies: the variance between them is hardly known",) if k < 5 else ()
    narrow = ("the Hartung-Knapp error is smaller than the usual one: studies agree more than their errors allow",)
    return few + (narrow if error < plain * (1 - 1e-12) else ())
