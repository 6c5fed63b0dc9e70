# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of a parametric model: coefficients on their links, parameters as they are, predictions with limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.family import Family
from rwe.survival.intervals import two_sided


def coefficient_table(labels: Sequence[tuple[str, str]], beta: F8, covariance: F8, z: float) -> pl.DataFrame:
    """Return one row a coefficient, on the scale of its link; tests are of covariates only."""
    error = _error(beta, covariance)
    moved = np.array([term != "intercept" for _, term in labels])
    statistic = np.where(moved, beta / error, np.nan)
    return pl.DataFrame(
        {
            "parameter": [name for name, _ in labels], "term": [term for _, term in labels], "estimate": beta,
            "std_error": error, "conf_low": beta - z * error, "conf_high": beta + z * error,
            "statistic": statistic, "p_value": np.array([two_sided(s) for s in statistic]),
        },
        nan_to_null=True,
    )  # fmt: skip


def natural_table(
    family: Family, labels: Sequence[tuple[str, str]], beta: F8, covariance: F8, z: float
) -> pl.DataFrame:
    """Return each parameter where covariates are 0: limits are symmetric for its link."""
    rows = []
    error = _error(beta, covariance)
    for parameter, i in zip(
        family.parameters, [i for i, one in enumerate(labels) if one[1] == "intercept"], strict=True
    ):
        link = beta[[i]]
        value, slope = parameter.natural(link), parameter.slope(link)
        low, high = (parameter.natural(link + sign * z * error[[i]]) for sign in (-1, 1))
        rows.append([parameter.name, *(float(v[0]) for v in (value, slope * error[[i]], low, high))])
    columns = ["parameter", "estimate", "std_error", "conf_low", "conf_high"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def _error(beta: F8, covariance: F8) -> F8:
    """Return standard errors; none of what is held."""
    return np.where(np.isfinite(beta), np.sqrt(np.maximum(np.diag(covariance), 0.0)), np.nan)


def predicted(name: str, row: Sequence[int], more: dict[str, F8], value: F8, log_error: F8, z: float) -> pl.DataFrame:
    """Return predictions of a positive quantity, its limits symmetric for the logarithm."""
    with np.errstate(all="ignore"):
        low, high = value * np.exp(-z * log_error), value * np.exp(z * log_error)
        error = value * log_error
    told = {"row": row, **more, name: value, "std_error": error, "conf_low": low, "conf_high": high}
    return pl.DataFrame(told, nan_to_null=True)
