# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of predictions of robust fits against what small changes of the weights do, and against the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
ASKED: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["x", "y"], "weights": "w", "robust": True}
NEW = pl.DataFrame({"x": [0.4, -1.0], "y": [1, 0], "s": ["a", "b"]})
DAYS = [4, 9, 15]


def _cohort(n: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=n), rng.integers(0, 2, n)
    t = np.ceil(rng.exponential(9, n) * np.exp(-0.4 * x)).astype(int) + 1
    columns = {"x": x, "y": y, "t": t, "e": rng.uniform(size=n) < 0.7, "w": rng.uniform(0.3, 2, n)}
    entry = (t * rng.uniform(0, 0.5, n)).astype(int)
    return pl.DataFrame(columns | {"entry": entry, "s": rng.choice(["a", "b"], n), "id": rng.integers(0, 25, n)})


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"strata": "s"}, {"cluster": "id", "entry": "entry"}])
def test_errors_are_what_small_changes_of_the_weights_do(ties: str, more: dict[str, str]) -> None:
    frame, step = _cohort(), 1e-4
    fit = sv.cox(frame, **ASKED, **more, ties=ties)

    def hazard(weights: pl.Series) -> Any:
        refit = sv.cox(frame.with_columns(w=weights), **ASKED, **more, ties=ties)
        return -np.log(refit.predict_survival(NEW, DAYS)["survival"].to_numpy())

    moves = []
    for i in range(frame.height):
        one = pl.Series([step * frame["w"][i] if j == i else 0.0 for j in range(frame.height)])
        moves.append((hazard(frame["w"] + one) - hazard(frame["w"] - one)) / (2 * step))
    moves = np.array(moves)
    if "cluster" in more:
        moves = np.array([moves[(frame["id"] == unit).to_numpy()].sum(axis=0) for unit in frame["id"].unique()])

    found = fit.predict_survival(NEW, DAYS)
    wanted = found["survival"].to_numpy() * np.sqrt((moves**2).sum(axis=0))
    np.testing.assert_allclose(found["std_error"].to_numpy(), wanted, rtol=2e-6)  # differences of refits


def test_robust_errors_come_near_those_of_the_model_where_it_is_right() -> None:
    frame = pl.concat([_cohort(2000)])
    plain = sv.cox(frame, time="t", event="e", covariates=["x", "y"]).predict_survival(NEW, DAYS)
    robust = sv.cox(frame, time="t", event="e", covariates=["x", "y"], robust=True).predict_survival(NEW, DAYS)

    np.testing.assert_allclose(robust["std_error"].to_numpy(), plain["std_error"].to_numpy(), rtol=0.1)


def test_baseline_has_limits() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv")
    fit = sv.cox(frame, time="time", event="event", covariates=["age"], strata="sex")

    found = fit.baseline(limits=True)

    zero = pl.DataFrame({"age": [0], "sex": [2]})
    days = found.filter(sex=2)["time"].to_list()
    seen = fit.predict_survival(zero, days)
    hazard, error = -np.log(seen["survival"].to_numpy()), seen["std_error"].to_numpy() / seen["survival"].to_numpy()
    mine = found.filter(sex=2)
    np.testing.assert_allclose(mine["cumulative_hazard"].to_numpy(), hazard, rtol=1e-9)
    np.testing.assert_allclose(mine["std_error"].to_numpy(), error, rtol=1e-9)
    np.testing.assert_allclose(
        mine["conf_high"].to_numpy(), hazard * np.exp(1.959963984540054 * error / hazard), rtol=1e-9
    )
    assert fit.baseline().columns == ["sex", "time", "cumulative_hazard"]
