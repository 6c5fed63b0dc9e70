# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A replicate of the Cox bootstrap is the fit to the rows drawn; its spread is that of the robust variance."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels.draws import generator, multinomial

NAMES: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["x", "z"]}


def _cohort(n: int, seed: int = 5, grid: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, z, entry = rng.normal(size=n), rng.integers(0, 2, n), rng.integers(0, 20, n)
    failed = grid * np.ceil(rng.exponential(400 * np.exp(-0.6 * x - 0.4 * z)) / grid).astype(np.int64)
    lost = rng.integers(50, 900, n)
    stay = np.maximum(np.minimum(failed, lost), 1)
    columns = {"t": entry + stay, "a": entry, "e": failed <= lost, "x": x, "z": z, "s": rng.integers(0, 2, n)}
    more = {"w": rng.choice([0.5, 1.0, 2.25], n), "c": np.arange(n) % max(n // 3, 2), "o": rng.normal(size=n) / 4}
    return pl.DataFrame(columns | more)


def _drawn(units: int, seed: int, replicate: int) -> np.ndarray:
    times = np.empty(units, np.int64)
    everyone = np.arange(units, dtype=np.int32)
    multinomial(np.ones(units, np.int64), 0, units, everyone, 0, units, generator(seed, replicate), times)
    return times


@pytest.mark.parametrize(
    "more",
    [{}, {"ties": "breslow"}, {"entry": "a", "strata": "s", "offset": "o"}, {"weights": "w", "robust": True}],
)
def test_a_replicate_is_the_fit_whose_weights_are_the_counts(more: dict[str, Any]) -> None:
    frame = _cohort(150, grid=30)
    found = sv.bootstrap_cox(sv.cox(frame, **NAMES, **more), replicates=4, seed=9)

    for b in range(4):
        weight = _drawn(150, 9, b) * (frame["w"].to_numpy() if "weights" in more else 1.0)
        wanted = sv.cox(frame.with_columns(v=weight), **NAMES, **(more | {"weights": "v"}))
        got = found.replicates.filter(replicate=b)["value"].to_numpy()
        assert got == pytest.approx(wanted.coefficients["estimate"].to_numpy(), rel=1e-9, abs=1e-10)


def test_with_breslow_a_row_drawn_twice_is_two_rows() -> None:
    frame = _cohort(120)
    found = sv.bootstrap_cox(sv.cox(frame, **NAMES, ties="breslow"), replicates=3)

    for b in range(3):
        rows = frame[np.repeat(np.arange(120), _drawn(120, 1, b))]
        wanted = sv.cox(rows, **NAMES, ties="breslow").coefficients["estimate"].to_numpy()
        assert found.replicates.filter(replicate=b)["value"].to_numpy() == pytest.approx(wanted, rel=1e-9)


def test_clusters_are_drawn_whole() -> None:
    frame = _cohort(90).with_columns(c=pl.col("c") * 7 + 3)
    found = sv.bootstrap_cox(sv.cox(frame, **NAMES, cluster="c"), replicates=2, seed=3)

    code = frame["c"].to_numpy() // 7
    wanted = sv.cox(frame.with_columns(v=_drawn(30, 3, 1)[code].astype(float)), **NAMES, weights="v", robust=False)
    got = found.replicates.filter(replicate=1)["value"].to_numpy()
    assert got == pytest.approx(wanted.coefficients["estimate"].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("more", [{}, {"cluster": "c"}, {"weights": "w"}])
def test_errors_are_those_of_the_robust_variance(more: dict[str, Any]) -> None:
    """Both estimate the same variance; they differ by terms of 1 / n and the chance of 500 replicates."""
    frame = _cohort(1200)
    model = sv.cox(frame, **NAMES, **more, robust=True)

    found = sv.bootstrap_cox(model, replicates=500)

    wanted = model.coefficients["robust_std_error"].to_numpy()
    assert found.table["std_error"].to_numpy() == pytest.approx(wanted, rel=4 / np.sqrt(2 * 499))
    assert np.abs(found.table["bias"].to_numpy()).max() < 4 * wanted.max() / np.sqrt(500)


def test_same_bits_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = sv.cox(_cohort(100), **NAMES), []

    for threads in ("1", "2", "3"):
        monkeypatch.setenv("RWE_THREADS", threads)
        found.append(sv.bootstrap_cox(model, replicates=40))

    assert all(f.replicates.equals(found[0].replicates) for f in found)
    assert found[0].replicates["value"].n_unique() == 80


def test_limits_lie_on_the_scale_of_the_hazard_ratio() -> None:
    model = sv.cox(_cohort(200), **NAMES)

    found = sv.bootstrap_cox(model, replicates=999)

    values = found.replicates.filter(term="x")["value"]
    row, basic = found.table.row(0, named=True), found.limits("basic").row(0, named=True)
    low, high = (np.quantile(values, p, method="weibull") for p in (0.025, 0.975))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((np.exp(low), np.exp(high)), rel=1e-12)
    assert basic["conf_low"] * row["conf_high"] == pytest.approx(row["hazard_ratio"] ** 2, rel=1e-12)
    assert 0 < found.limits("bca")["conf_low"][0] < row["hazard_ratio"] < found.limits("bca")["conf_high"][0]
    result = found.to_result(population="all").table.row(0, named=True)
    assert (result["estimand"], result["stratum"], result["n"]) == ("hazard_ratio", "x", 200)
    assert "999 replicates, percentile limits" in found._repr_html_()


def test_acceleration_is_the_skewness_of_leaving_rows_out() -> None:
    frame = _cohort(80)
    found = sv.bootstrap_cox(sv.cox(frame, **NAMES), replicates=2)._drawn

    left = [
        sv.cox(frame.filter(pl.int_range(pl.len()) != i), **NAMES).coefficients["estimate"].to_numpy()
        for i in range(80)
    ]
    pull = found.estimate - np.array(left)  # the influence is its first order: they differ by terms of 1 / n
    wanted = (pull**3).sum(axis=0) / (6 * (pull**2).sum(axis=0) ** 1.5)
    assert found.source.acceleration() == pytest.approx(wanted, abs=0.02)


def test_replicates_without_a_finite_estimate_are_told() -> None:
    """They are those that the regression itself refuses: two who fail have z, and one who does not."""
    frame = pl.DataFrame({"t": range(1, 21), "e": [1, 0] * 10, "z": [1, 0, 0, 0, 1, 1] + [0] * 14})
    asked: dict[str, Any] = {"time": "t", "event": "e", "covariates": ["z"]}

    found = sv.bootstrap_cox(sv.cox(frame, **asked), replicates=60)

    refused = []
    for b in range(60):
        try:
            sv.cox(frame.with_columns(v=_drawn(20, 1, b).astype(np.float64)), **asked, weights="v")
        except NoValidAnswer:
            refused.append(b)
    assert found.replicates.filter(pl.col("value").is_null())["replicate"].to_list() == refused
    assert found.notes == (f"{len(refused)} of 60 replicates have no finite estimate",)
    assert found.table.select("conf_low", "conf_high").row(0) == (None, None)


@pytest.mark.parametrize(
    ("model", "given", "says"),
    [
        ({"ties": "exact"}, {}, "neither exact ties nor a penalty"),
        ({"penalty": "firth"}, {}, "neither exact ties nor a penalty"),
        ({}, {"interval": "normal"}, "interval 'normal' is not one of"),
        ({}, {"replicates": 1}, "whole number from 2"),
        ({}, {"conf_level": 95}, "conf_level lies between"),
    ],
)
def test_refusals(model: dict[str, Any], given: dict[str, Any], says: str) -> None:
    fitted = sv.cox(_cohort(60), **NAMES, **model)

    with pytest.raises(DefinitionError, match=says):
        sv.bootstrap_cox(fitted, **given)


@pytest.mark.ci
def test_limits_cover_in_small_cohorts() -> None:
    """Percentile limits of 200 cohorts of 100 rows: four Monte Carlo errors, and 0.01 for so few rows."""
    scenario, covered = sv.Scenario(100, hazard_ratio=0.5, censoring=0.3), 0

    for b in range(200):
        model = sv.cox(scenario.cohort(b), time="time", event="event", covariates=["arm"])
        low, high = sv.bootstrap_cox(model, replicates=199).table.select("conf_low", "conf_high").row(0)
        covered += low <= 0.5 <= high

    assert covered / 200 == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 200) + 0.01)
