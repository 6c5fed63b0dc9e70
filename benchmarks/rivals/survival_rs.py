# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""survival (written in Rust; the package named survival on PyPI)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import survival

from benchmarks.rivals.ours import DAYS, Call, names


def curves(frame: pl.DataFrame, _: Path) -> Call:
    """Two curves and a test."""
    data = {c: frame[c].to_numpy() for c in ("time", "event", "group")}

    def call() -> list[float]:
        fit = survival.survfit("Surv(time, event) ~ group", data, conf_type="log-log")
        test = survival.survdiff("Surv(time, event) ~ group", data)
        time, s, error = (np.asarray(a) for a in (fit.time, fit.surv, fit.std_err))
        cut = np.flatnonzero(np.diff(time) < 0)[0] + 1
        found = [(part, np.searchsorted(time[part], DAYS, side="right") - 1) for part in (slice(cut), slice(cut, None))]
        survived = [float(v) for part, at in found for v in s[part][at]]
        errors = [float(v) for part, at in found for v in (error[part] * s[part])[at]]
        return [*survived, *errors, float(test.chisq)]

    return call


def _cox(frame: pl.DataFrame, response: str) -> Call:
    covariates = names(frame)
    data = {c: frame[c].to_numpy() for c in frame.columns}

    def call() -> list[float]:
        fit = survival.coxph(f"{response} ~ {' + '.join(covariates)}", data)
        return [*map(float, survival.coef(fit)), *np.sqrt(np.diag(np.asarray(survival.vcov(fit))))]

    return call


def cox(frame: pl.DataFrame, _: Path) -> Call:
    """Efron with standard errors."""
    return _cox(frame, "Surv(time, event)")


cox_continuous = cox


def cox_entry(frame: pl.DataFrame, _: Path) -> Call:
    """Delayed entry."""
    return _cox(frame, "Surv(entry, time, event)")
