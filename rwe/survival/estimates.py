# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a maximised partial likelihood says: coefficients and their errors, and tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from rwe.errors import DataError
from rwe.kernels._jit import F8
from rwe.survival.approach import Led
from rwe.survival.column_rows import CHANGED
from rwe.survival.intervals import chi_square_tail, two_sided
from rwe.survival.linear import solve
from rwe.survival.partial import Cohort, Point, evaluate


def coefficients_of(
    terms: tuple[str, ...], beta: F8, model: F8, variance: F8, *, robust: bool, z: float
) -> pl.DataFrame:
    """Return the table of coefficients; limits and tests rest on `variance`, `model` stands beside it."""
    error = np.sqrt(np.diag(variance))
    with np.errstate(over="ignore"):  # a unit so small that its hazard ratio is infinite in double precision
        ratio, low, high = (np.exp(beta + side * error) for side in (0, -z, z))
    columns = {
        "term": list(terms),
        "estimate": beta,
        "std_error": np.sqrt(np.diag(model)),
        "robust_std_error": error if robust else np.full(beta.size, np.nan),
        "hazard_ratio": ratio,
        "conf_low": low,
        "conf_high": high,
        "statistic": beta / error,
        "p_value": np.array([two_sided(t) for t in beta / error]),
    }
    return pl.DataFrame(columns, nan_to_null=True)


@dataclass(frozen=True, eq=False)  # no slots: the table is made when it is asked for, and kept
class Tests:
    """Tests of no effect at all.

    Parameters
    ----------
    data
        The rows, read once more where the score test needs what the fit did not.
    null, best
        The partial likelihood at no effect and at the maximum.
    variance
        Of the coefficients.
    robust, penalised
        Tests that assume independent rows are null where robust; a penalised likelihood has no score test.
    """

    data: Cohort
    null: Point
    best: Point
    variance: F8
    robust: bool
    penalised: bool

    @cached_property
    def table(self) -> pl.DataFrame:
        """Return the likelihood ratio, Wald and score tests.

        Raises
        ------
        DataError
            If the score test must read the rows once more and they have changed.
        """
        wald = float(self.best.beta @ solve(self.variance, self.best.beta))
        ratio = None if self.robust else 2 * (self.best.loglik - self.null.loglik)
        found = {"likelihood_ratio": ratio, "wald": wald}
        if not self.penalised:
            found["score"] = None if self.robust else self._score()
        df = self.best.beta.size
        tails = [None if value is None else chi_square_tail(value, df) for value in found.values()]
        columns = {"test": list(found), "statistic": list(found.values()), "df": [df] * len(found), "p_value": tails}
        return pl.DataFrame(columns, schema_overrides={"statistic": pl.Float64, "p_value": pl.Float64})

    def _score(self) -> float:
        null = self.null
        if not null.score.size:
            if isinstance(self.data, Led) and not self.data.unchanged():
                raise DataError(CHANGED)
            null = evaluate(self.data, null.beta)
        return float(null.score @ solve(null.information, null.score))
