# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Fine-Gray of many rows reads its covariates where they lie: the numbers are those of rows side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError
from rwe.survival import subdistribution_rows as reading

MODEL: dict[str, Any] = {"time": "t", "cause": "why", "formula": "x + z + C(site) + x:z"}


def _cohort(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    t = rng.integers(2, 400, n)
    columns = {"t": t, "why": rng.integers(0, 3, n), "x": rng.normal(5, 2, n), "z": rng.integers(0, 2, n)}
    more = {"site": rng.integers(0, 4, n), "w": rng.uniform(0.2, 3, n), "id": rng.integers(0, n // 3, n)}
    return pl.DataFrame(columns | more | {"entry": np.where(rng.random(n) < 0.4, rng.integers(0, t), 0)})


def _numbers(fit: sv.FineGray) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = fit.coefficients.select("estimate", "std_error").to_numpy().ravel()
    return np.concatenate([found, fit.covariance.ravel(), [fit.loglik, fit.loglik_null]])


@pytest.mark.parametrize("cache", [10, reading.CACHE])
@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"weights": "w"}, {"cluster": "id"}, {"variance": "model"}])
def test_columns_give_what_rows_give(more: Any, cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _cohort(3000)
    plain = sv.fine_gray(frame, **MODEL, **more)
    new = frame.head(3)
    monkeypatch.setattr(reading, "MANY", 1000)
    monkeypatch.setattr(reading, "PART", 500)
    monkeypatch.setattr(reading, "CACHE", cache)

    fit = sv.fine_gray(frame, **MODEL, **more)

    assert np.allclose(_numbers(fit), _numbers(plain), rtol=1e-10, atol=1e-13)
    mine, theirs = (f.predict_incidence(new, [50, 200]) for f in (fit, plain))
    assert np.allclose(
        *(p.select("incidence", "std_error").to_numpy() for p in (mine, theirs)), rtol=1e-9, equal_nan=True
    )


def test_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MANY", 1000)
    monkeypatch.setattr(reading, "PART", 500)
    frame, found = _cohort(4000), []

    for threads in ("1", "2", "5"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(_numbers(sv.fine_gray(frame, **MODEL)).tobytes())

    assert found[0] == found[1] == found[2]


def test_columns_written_to_after_the_fit_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MANY", 1000)
    buffer = np.random.default_rng(1).normal(size=3000)
    frame = pl.DataFrame({**_cohort(3000).select("t", "why").to_dict(), "x": buffer})
    fit = sv.fine_gray(frame, time="t", cause="why", covariates=["x"], variance="model")
    robust = replace(fit, variance="sandwich")

    buffer[::2] = 0.5

    with pytest.raises(DataError, match="not those of the fit"):
        robust.predict_incidence(pl.DataFrame({"x": [0.0]}), [50])
