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
from rwe.survival.hazard_influence import moved
from rwe.survival.partial import relative_risk, score_residuals

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
ASKED: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["x", "y"], "weights": "w", "robust": True}
NEW = pl.DataFrame({"x": [0.4, -1.0], "y": [1, 0], "s": ["a", "b"]})
DAYS = [4, 9, 15]


def _cohort(n: int = 60, seed: int = 5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
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


def _one_time_after_another(fit: Any, stratum: int, days: Any) -> tuple[Any, Any]:
    """Return what `moved` returns from what each row moves up to each day: rows times days."""
    data, when, (h, _, u, v, _) = fit.data, fit.best.occasions, fit.best.ties
    mine = np.flatnonzero(when.stratum == stratum)
    code = np.arange(data.start.size) if fit.response.cluster is None else fit.response.cluster
    r, lost = data.weight * relative_risk(data, fit.best), np.concatenate([[0.0], np.cumsum(u)])
    beta = score_residuals(data, fit.best) * fit.data.scale @ fit.variance
    beta = np.column_stack([np.bincount(code, column) for column in beta.T])
    own, both = [], []
    for last in mine[0] + np.searchsorted(when.day[mine], days, side="right"):
        begin, end = np.clip(data.start, mine[0], last), np.clip(data.stop, mine[0], last)
        moves = -r * (lost[end] - lost[begin])
        at = np.flatnonzero(data.event & (data.stop > data.start) & (data.stop > mine[0]) & (data.stop <= last))
        occasion = data.stop[at] - 1
        moves[at] += data.weight[at] * (h / data.w_event)[occasion] + r[at] * v[occasion]
        moves = np.bincount(code, moves)
        own.append(moves @ moves)
        both.append(moves @ beta)
    return np.array(own), np.array(both)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("more", [{}, {"entry": "entry"}, {"strata": "s"}, {"strata": "s", "cluster": "id"}])
@pytest.mark.parametrize("seed", range(3))
def test_sums_over_all_times_at_once_are_those_of_one_after_another(ties: str, more: dict[str, str], seed: int) -> None:
    fit = sv.cox(_cohort(80, seed), **ASKED, **({"entry": "entry"} if seed else {}) | more, ties=ties)._fitted
    days = np.arange(40)

    for stratum in range(fit.strata.n):
        found, (own, both) = moved(fit, stratum, days), _one_time_after_another(fit, stratum, days)
        np.testing.assert_allclose(found.own, own, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found.both, both, rtol=1e-10, atol=1e-13)


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
