# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Logistic regression equals a plain Newton climb and the two-by-two table; what has no answer is refused."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe.compare import logistic_lead as lead
from rwe.compare.logistic_columns import Columns
from rwe.errors import DataError, NoValidAnswer
from rwe.execute import Parts
from rwe.kernels._jit import F8


def _frame(n: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    a, b = rng.normal(50, 9, n), rng.integers(0, 3, n)
    y = rng.uniform(size=n) < 1 / (1 + np.exp(-(a - 50) / 9 - 0.4 * b + 1))
    return pl.DataFrame({"a": a, "b": b, "y": y, "w": rng.uniform(0, 2, n)})


def _plain(x: F8, y: F8, w: F8) -> tuple[F8, F8]:
    x = np.column_stack([np.ones(y.size), x])
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        share = 1 / (1 + np.exp(-(x @ beta)))
        information = (x * (w * share * (1 - share))[:, None]).T @ x
        beta = beta + np.linalg.solve(information, x.T @ (w * (y - share)))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


@pytest.mark.parametrize("weights", [None, "w"])
def test_equals_a_plain_climb(weights: str | None) -> None:
    frame = _frame()

    fit = cp.logistic(frame, outcome="y", covariates=["a", "b"], weights=weights)

    w = frame["w"].to_numpy() if weights else np.ones(frame.height)
    beta, error = _plain(frame.select("a", "b").to_numpy(), frame["y"].to_numpy().astype(float), w)
    np.testing.assert_allclose(fit.coefficients["estimate"], beta, rtol=1e-10)
    np.testing.assert_allclose(fit.coefficients["std_error"], error, rtol=1e-10)
    eta = beta[0] + frame.select("a", "b").to_numpy() @ beta[1:]
    np.testing.assert_allclose(fit.fitted, 1 / (1 + np.exp(-eta)), rtol=1e-10)


@pytest.mark.parametrize("weights", [None, "w"])
def test_many_rows_are_led_to_the_same_maximum(weights: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _frame(20_000)
    asked = {"outcome": "y", "covariates": ["a", "b"], "weights": weights}
    full: list[int] = []
    sums = Columns.sums
    plain = cp.logistic(frame, **asked)
    monkeypatch.setattr(import_module("rwe.compare.logistic"), "MANY", 1)
    monkeypatch.setattr(Columns, "sums", lambda rows, beta: (full.append(rows.n), sums(rows, beta))[1])

    led = cp.logistic(frame, **asked)

    assert full.count(frame.height) <= 2
    np.testing.assert_allclose(led.coefficients["estimate"], plain.coefficients["estimate"], rtol=1e-12)
    np.testing.assert_allclose(led.covariance, plain.covariance, rtol=1e-7)
    np.testing.assert_allclose(led.fitted, plain.fitted, rtol=1e-12)


def test_a_sample_without_a_maximum_leads_nowhere_and_all_rows_are_climbed(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _frame(20_000).with_columns(rare=pl.int_range(pl.len()) % lead.EACH == 1)
    plain = cp.logistic(frame, outcome="y", covariates=["a", "rare"])
    monkeypatch.setattr(import_module("rwe.compare.logistic"), "MANY", 1)

    found = cp.logistic(frame, outcome="y", covariates=["a", "rare"])

    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=1e-9)


def test_two_by_two_table_by_hand() -> None:
    frame = pl.DataFrame({"x": [0, 0, 1, 1], "y": [0, 1, 0, 1], "n": [30, 10, 12, 24]})

    fit = cp.logistic(frame, outcome="y", covariates=["x"], weights="n")

    assert fit.coefficients["estimate"].to_list() == pytest.approx([math.log(10 / 30), math.log(24 * 30 / (12 * 10))])
    assert fit.coefficients["std_error"][1] == pytest.approx(math.sqrt(1 / 30 + 1 / 10 + 1 / 12 + 1 / 24), rel=1e-12)
    assert fit.fitted.tolist() == pytest.approx([0.25, 0.25, 2 / 3, 2 / 3], rel=1e-12)


def test_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("rwe.compare.logistic"), "PART", 100)
    found = []

    for threads in ("1", "2", "4"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(cp.logistic(_frame(), outcome="y", covariates=["a", "b"]).covariance.tobytes())

    assert found[0] == found[1] == found[2]


def test_refusals() -> None:
    frame = _frame(60).with_columns(twice=2 * pl.col("a"), same=pl.lit(1), apart=pl.col("y").cast(pl.Int64))
    fit: Any = cp.logistic

    with pytest.raises(NoValidAnswer, match=r"\['twice'\] are constant or a combination"):
        fit(frame, outcome="y", covariates=["a", "twice"])
    with pytest.raises(NoValidAnswer, match="all 60 rows have the same outcome"):
        fit(frame, outcome="same", covariates=["a"])
    with pytest.raises(NoValidAnswer, match=r"'apart'\] have no finite estimate"):
        fit(frame, outcome="y", covariates=["apart"])
    with pytest.raises(DataError, match=r"'b': .* are neither 0 nor 1"):
        fit(frame, outcome="b", covariates=["a"])
    with pytest.raises(DataError, match="negative weight"):
        fit(frame.with_columns(w=-pl.col("w")), outcome="y", covariates=["a"], weights="w")


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("kind", ["parts", "processes", "lazy", "path"])
def test_rows_that_are_not_held_give_the_same_fit(kind: str, weights: str | None, tmp_path: Path) -> None:
    frame = _frame(900).with_columns(g=pl.Series(["u", "v", "x"] * 300))
    asked: dict[str, Any] = {"outcome": "y", "covariates": "a + b + C(g)", "weights": weights}
    frame.write_parquet(tmp_path / "rows.parquet", row_group_size=200)
    pieces = [frame[:1], frame[:0], frame[1:400].lazy(), frame[400:]]
    whole = cp.logistic(frame, **asked)

    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        given = {
            "parts": Parts(pieces),
            "processes": Parts([tmp_path / "rows.parquet"], pool),
            "lazy": frame.lazy(),
            "path": tmp_path / "rows.parquet",
        }
        fit = cp.logistic(given[kind], **asked)

    np.testing.assert_allclose(fit.coefficients["estimate"], whole.coefficients["estimate"], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(fit.covariance, whole.covariance, rtol=1e-9, atol=1e-13)
    assert (fit.n, fit.n_event, fit.fitted.size) == (whole.n, whole.n_event, 0)
    assert fit.loglik == pytest.approx(whole.loglik, rel=1e-13)


def test_rows_that_are_not_held_are_refused_alike() -> None:
    frame = _frame()
    with pytest.raises(NoValidAnswer, match="all 500 rows have the same outcome"):
        cp.logistic(frame.with_columns(y=pl.lit(1)).lazy(), outcome="y", covariates=["a"])
    with pytest.raises(NoValidAnswer, match="constant or a combination"):
        cp.logistic(Parts([frame[:250], frame[250:]]), outcome="y", covariates="a + C(b) + I(2*a)")
