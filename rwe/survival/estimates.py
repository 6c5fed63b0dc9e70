# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a maximised partial likelihood says: coefficients and their errors, and tests."""

from __future__ import annotations

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.intervals import chi_square_tail, two_sided
from rwe.survival.linear import solve
from rwe.survival.partial import Point


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


def tests_of(null: Point, best: Point, variance: F8, *, robust: bool) -> pl.DataFrame:
    """Return the tests of no effect at all; those that assume independent rows are null where robust."""
    ratio, score = 2 * (best.loglik - null.loglik), null.score @ solve(null.information, null.score)
    wald = float(best.beta @ solve(variance, best.beta))
    found = {"likelihood_ratio": None if robust else ratio, "wald": wald, "score": None if robust else float(score)}
    df = best.beta.size
    tails = [None if value is None else chi_square_tail(value, df) for value in found.values()]
    columns = {"test": list(found), "statistic": list(found.values()), "df": [df] * 3, "p_value": tails}
    return pl.DataFrame(columns, schema_overrides={"statistic": pl.Float64, "p_value": pl.Float64})
