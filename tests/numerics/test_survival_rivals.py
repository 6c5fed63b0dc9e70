# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Where lifelines is right too, it gives the same numbers on data that no reference was made for."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv


def _cohort() -> pl.DataFrame:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(300, 2))
    day = np.ceil(rng.exponential(400, 300) * np.exp(-0.5 * x[:, 0])).astype(int)
    end = rng.integers(50, 900, 300)
    columns = {"t": np.minimum(day, end), "e": day <= end, "x": x[:, 0], "z": x[:, 1], "g": rng.integers(0, 3, 300)}
    return pl.DataFrame(columns)


def test_lifelines_agrees() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        import lifelines
        from lifelines.statistics import multivariate_logrank_test
    frame = _cohort()
    t, e = frame["t"].to_numpy(), frame["e"].to_numpy()

    km = sv.kaplan_meier(frame, time="t", event="e").table
    test = sv.log_rank(frame, time="t", event="e", by="g")
    fit = sv.cox(frame, time="t", event="e", covariates=["x", "z"], strata="g")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curve = lifelines.KaplanMeierFitter().fit(t, e)
        limits = curve.confidence_interval_.loc[km["time"].to_numpy()].to_numpy()
        chi = multivariate_logrank_test(t, frame["g"].to_numpy(), e).test_statistic
        cox = lifelines.CoxPHFitter(strata=["g"]).fit(frame.to_pandas(), "t", "e", fit_options={"precision": 1e-12})
    assert km["survival"].to_numpy() == pytest.approx(curve.predict(km["time"].to_numpy()).to_numpy(), rel=1e-12)
    assert sv.kaplan_meier(frame.to_pandas(), time="t", event="e").table.equals(km), "a frame of pandas"
    above = km["survival"].to_numpy() > 0
    assert km["conf_low"].to_numpy()[above] == pytest.approx(limits[above, 0], rel=1e-9)
    assert test.statistic == pytest.approx(chi, rel=1e-10)
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(cox.params_.to_numpy(), rel=1e-7)
    assert fit.coefficients["std_error"].to_numpy() == pytest.approx(cox.standard_errors_.to_numpy(), rel=1e-7)
    assert fit.loglik == pytest.approx(cox.log_likelihood_, rel=1e-12)
