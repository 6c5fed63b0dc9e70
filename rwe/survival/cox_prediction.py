# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a fitted Cox model says of persons: the baseline hazard, and the survival of those with other covariates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.baseline import strata_of
from rwe.survival.columns import numeric
from rwe.survival.data import names, read
from rwe.survival.foretold import Course, foretell
from rwe.survival.intervals import ConfType, normal_quantile, survival_limits

if TYPE_CHECKING:
    from rwe.survival.model import Cox


def baseline(model: Cox, *, limits: bool) -> pl.DataFrame:
    """Return the cumulative hazard where all covariates are 0; see `Cox.baseline`."""
    z = model._hazard
    total = np.cumsum(z.jump) * np.exp(-model._mean @ _beta(model))
    before = np.concatenate([[0.0], total])[np.searchsorted(z.stratum, z.stratum)]
    columns = {"time": z.clock.times(z.day), "cumulative_hazard": total - before}
    if limits:
        found = np.concatenate([_baseline_variance(model, int(level)) for level in np.unique(z.stratum)])
        error = np.sqrt(found)
        apart = np.exp(normal_quantile(model.conf_level) * error / (total - before))
        low, high = (total - before) / apart, (total - before) * apart
        columns |= {"std_error": error, "conf_low": low, "conf_high": high}
    return model._strata.spread(z.stratum, columns)


def _baseline_variance(model: Cox, stratum: int) -> F8:
    """Return the variance of the cumulative hazard on each event day of a stratum where covariates are 0."""
    z = model._hazard
    times = z.clock.times(z.day[z.stratum == stratum])
    x = -model._mean[None, :]
    variance = foretell(_course(model), x, np.exp(x @ _beta(model))[:, None], stratum, times)[1]
    return np.asarray(variance[0], np.float64)


def predicted(model: Cox, new: Any, times: float | Sequence[float], conf_type: ConfType) -> pl.DataFrame:
    """Return the survival of the persons of `new` at these times; see `Cox.predict_survival`."""
    asked, course = model._hazard.clock.asked(times, "times"), _course(model)
    frame = read(new, [*model.design.columns, *model._strata.frame.columns, *names(model._offset)])
    x, stratum = model.design.matrix(frame) - model._mean, strata_of(frame, model._strata)
    risk = np.exp(x @ _beta(model) + (numeric(frame[model._offset]).to_numpy() if model._offset else 0.0))
    both = np.empty((2, frame.height, asked.size))
    for level in np.unique(stratum):
        mine = stratum == level
        both[:, mine] = foretell(course, x[mine], risk[mine, None], int(level), asked)
    survival, var_log = both.reshape(2, -1)
    low, high = survival_limits(survival, var_log, model.conf_level, conf_type)
    error = survival * np.sqrt(np.where(survival > 0, var_log, np.nan))
    position = {"row": np.repeat(np.arange(frame.height), asked.size), "time": np.tile(asked, frame.height)}
    limits = {"survival": survival, "std_error": error, "conf_low": low, "conf_high": high}
    return pl.DataFrame(position | limits, nan_to_null=True)


def _course(model: Cox) -> Course:
    return Course(model._hazard, model.covariance, model.robust, model._fitted)


def _beta(model: Cox) -> F8:
    return model.coefficients["estimate"].to_numpy()
