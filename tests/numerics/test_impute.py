# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Multiple imputation: the effect comes back where complete cases lose it, and what cannot be filled is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv
from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer

ROLES = {"time": "t", "event": "e"}
TRUTH = 0.7  # log hazard ratio of x


def people(n: int, seed: int) -> pl.DataFrame:
    """Survival by a number (log hazard ratio 0.7) and three levels; values miss more often where people die early."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(n)
    stage = draw.choice(["I", "II", "III"], n, p=[0.5, 0.3, 0.2])
    risk = np.exp(0.7 * x + np.where(stage == "III", 0.8, 0.0))
    time = np.ceil(draw.exponential(300 / risk)).astype(int)
    event = (time < 500).astype(int)
    helper = x + 0.5 * draw.standard_normal(n)
    gone = draw.random(n) < np.where(time < 150, 0.5, 0.1)
    lost = draw.random(n) < 0.2
    return pl.DataFrame({"t": np.minimum(time, 500), "e": event, "helper": helper}).with_columns(
        x=pl.when(pl.Series(~gone)).then(pl.Series(x)), stage=pl.when(pl.Series(~lost)).then(pl.Series(stage))
    )


def hazard(frame: pl.DataFrame) -> tuple[float, float]:
    coded = frame.with_columns(three=(pl.col("stage") == "III").cast(pl.Int64))
    fit = sv.cox(coded, time="t", event="e", covariates=["x", "three"]).coefficients
    return float(fit["estimate"][0]), float(fit["std_error"][0])


def test_observed_values_stand_and_holes_are_filled_with_observed_ones() -> None:
    frame = people(100, 3)

    found = cp.impute(frame, ["x", "stage"], **ROLES, predictors=["helper"], sets=2, cycles=2, seed=7)

    assert found.missing["missing"].to_list() == [frame["x"].null_count(), frame["stage"].null_count()]
    assert found.missing["kind"].to_list() == ["number", "levels"]
    for full in found.frames:
        for name in ("x", "stage"):
            assert full[name].null_count() == 0
            there = frame[name].is_not_null()
            assert full[name].filter(there).equals(frame[name].filter(there))
            assert set(full[name]) <= set(frame[name].drop_nulls())
    assert not found.frames[0]["x"].equals(found.frames[1]["x"])
    again = cp.impute(frame, ["x", "stage"], **ROLES, predictors=["helper"], sets=2, cycles=2, seed=7)
    assert all(a.equals(b) for a, b in zip(found.frames, again.frames, strict=True))


@pytest.mark.ci
def test_the_effect_is_carried_through_to_one_answer() -> None:
    frame = people(800, 5)

    found = cp.impute(frame, ["x", "stage"], **ROLES, predictors=["helper"], sets=5, cycles=5, seed=1)
    pooled = found.pool(hazard, n=int(frame["e"].sum()), k=2)

    assert pooled.estimate == pytest.approx(0.7, abs=4 * pooled.std_error)
    assert pooled.std_error < hazard(frame.drop_nulls())[1]
    assert 0 < pooled.missing_information < 1


def simulated(replicates: int, n: int, sets: int, cycles: int) -> pl.DataFrame:
    """Return the estimate, its error and whether its interval holds the truth, over seeds, filled and complete rows."""
    rows = []
    for seed in range(replicates):
        frame = people(n, 10_000 + seed)
        filled = cp.impute(frame, ["x", "stage"], **ROLES, predictors=["helper"], sets=sets, cycles=cycles, seed=seed)
        pooled = filled.pool(hazard, n=int(frame["e"].sum()), k=2)
        alone, error = hazard(frame.drop_nulls())
        rows.append({"filled": pooled.estimate, "error": pooled.std_error, "alone": alone,
                     "held": pooled.conf_low <= TRUTH <= pooled.conf_high,
                     "held_alone": abs(alone - TRUTH) <= 1.96 * error})  # fmt: skip
    return pl.DataFrame(rows)


def _as_theory_says(found: pl.DataFrame, level: float = 0.95) -> None:
    """Hold bias, error and coverage within four Monte Carlo errors (and a tenth of an error, that of the method)."""
    n, spread = found.height, float(found["filled"].std())
    assert abs(float(found["filled"].mean()) - TRUTH) < 4 * spread / n**0.5 + 0.1 * spread
    assert float(found["error"].mean()) == pytest.approx(spread, rel=4 / (2 * n) ** 0.5 + 0.1)
    assert float(found["held"].mean()) > level - 4 * (level * (1 - level) / n) ** 0.5
    assert abs(float(found["alone"].mean()) - TRUTH) > 4 * float(found["alone"].std()) / n**0.5


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_intervals_hold_the_truth_as_often_as_they_say_where_complete_rows_are_biased() -> None:
    _as_theory_says(simulated(60, n=400, sets=5, cycles=3))


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_intervals_hold_the_truth_as_often_as_they_say_over_1000_draws() -> None:
    found = simulated(1_000, n=400, sets=10, cycles=5)

    _as_theory_says(found)
    assert float(found["held"].mean()) > float(found["held_alone"].mean())


def test_nothing_missing_is_said_and_not_drawn() -> None:
    frame = people(100, 1).drop_nulls()

    found = cp.impute(frame, ["x", "stage"], **ROLES, seed=1)

    assert found.frames[0].equals(frame)
    assert "nothing is missing" in found.notes[0]
    with pytest.raises(NoValidAnswer, match="as they are"):
        found.pool(hazard, n=10)


def test_refused_by_name() -> None:
    frame = people(100, 1)

    with pytest.raises(BrokenRows, match="helper"):
        cp.impute(frame.with_columns(helper=None), ["x"], **ROLES, predictors=["helper"], seed=1)
    with pytest.raises(NoValidAnswer, match="column 'x'"):
        cp.impute(frame.with_columns(x=pl.when(pl.int_range(pl.len()) < 5).then(1.0)), ["x"], **ROLES, seed=1)
    with pytest.raises(DefinitionError, match="sets"):
        cp.impute(frame, ["x"], **ROLES, sets=1, seed=1)
