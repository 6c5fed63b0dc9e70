# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of reconstruction over random trials: from rows to the drawn curve and back, and no input that never ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rwe import compare as cp
from rwe import survival as sv
from rwe.compare.reconstruct_quality import survival_of
from rwe.errors import DefinitionError

FEW, MANY = 30, 2000
PRINTED = 0.001  # step of the survival that is printed


@dataclass(frozen=True)
class Trial:
    """Rows of an arm and what a publication would print of them."""

    rows: pl.DataFrame
    curve: list[tuple[float, float]]
    at_risk: list[tuple[float, int]]

    @property
    def end(self) -> float:
        return float(self.rows["time"].to_numpy().max())


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, digits = draw(st.integers(2, 400)), draw(st.sampled_from([1, 2, 4]))
    fails = chance.weibull(draw(st.sampled_from([0.7, 1.0, 1.6])), n) * draw(st.sampled_from([5.0, 20.0, 80.0]))
    lost = draw(st.sampled_from([5.0, 20.0])) + chance.uniform(0, draw(st.sampled_from([1.0, 30.0])), n)
    time = np.maximum(np.minimum(fails, lost).round(digits), 10.0**-digits)
    rows = pl.DataFrame({"time": time, "event": (fails <= lost).astype(np.int64)})
    km = sv.kaplan_meier(rows, time="time", event="event", clock="continuous").table.filter(pl.col("n_event") > 0)
    curve = [*zip(km["time"], km["survival"].round(3), strict=True)]
    end = float(time.max())
    curve = curve or [(end, 1.0)]
    ticks = np.arange(0, end, end / draw(st.integers(1, 8)))
    return Trial(rows, curve, [(float(t), int((time >= t).sum())) for t in ticks])


def deaths_at(found: pl.DataFrame) -> np.ndarray:
    return found.filter(pl.col("event"))["time"].unique().to_numpy()


def there_and_back(trial: Trial) -> None:
    found = cp.reconstruct(trial.curve, trial.at_risk, int(trial.rows["event"].sum()), end=trial.end)
    rows = found.scenarios[0][1]
    n = len(trial.rows)

    survival = np.array([s for _, s in trial.curve])
    before = np.append(1.0, survival[:-1])
    falling = np.array([t for t, _ in trial.curve])[survival < before]
    assert rows.height == n
    assert found.quality.at_risk["difference"].to_list() == [0] * found.quality.at_risk.height
    assert np.isin(deaths_at(rows), falling).all(), "a death where the curve is flat"
    assert abs(found.quality.events - int(trial.rows["event"].sum())) <= max(1, 0.02 * n)


def scaled(trial: Trial) -> None:
    one = cp.reconstruct(trial.curve, trial.at_risk, n=len(trial.rows), assume=_assume(trial))
    other = cp.reconstruct(
        [(8 * t, 100 * s) for t, s in trial.curve], [(8 * t, k) for t, k in trial.at_risk], n=len(trial.rows),
        assume=_assume(trial), scale="percent",
    )  # fmt: skip

    assert (one.quality.events, one.scenarios[0][1].height) == (other.quality.events, other.scenarios[0][1].height)
    np.testing.assert_allclose(other.scenarios[0][1]["time"], 8 * one.scenarios[0][1]["time"].to_numpy(), rtol=1e-9)


def at_the_clicks(trial: Trial) -> None:
    """Survival at each click is what was drawn, but for the rounding of the print and two of those then at risk."""
    found = cp.reconstruct(trial.curve, trial.at_risk, int(trial.rows["event"].sum()), end=trial.end)
    rows = found.scenarios[0][1]

    time, drawn = (np.array(part) for part in zip(*trial.curve, strict=True))
    at_risk = (rows["time"].to_numpy()[None, :] >= time[:, None]).sum(axis=1)
    off, before = np.abs(survival_of(rows, time) - drawn), np.append(1.0, drawn[:-1])
    # a death is a whole person: half a one by rounding, more where the censored had to be spread without being known
    assert (off <= PRINTED / 2 + 2 * before / np.maximum(at_risk, 1) + 1e-9).all()


def all_marks(trial: Trial) -> None:
    """Where the publication marks everybody who leaves and the curve is exact, the rows themselves come back."""
    rows = trial.rows
    km = sv.kaplan_meier(rows, time="time", event="event", clock="continuous").table.filter(pl.col("n_event") > 0)
    marks = rows.filter(event=0)["time"].to_list()
    curve = [*zip(km["time"], km["survival"], strict=True)] or [(trial.end, 1.0)]

    found = cp.reconstruct(curve, n=rows.height, censor_ticks=marks, end=trial.end)

    back = found.scenarios[0][1].select("time", pl.col("event").cast(pl.Int64)).sort("time", "event")
    np.testing.assert_allclose(back["time"], rows.sort("time", "event")["time"], atol=1e-9)
    assert back["event"].to_list() == rows.sort("time", "event")["event"].to_list()


def some_marks(trial: Trial) -> None:
    """Those who are marked leave when they are marked, whoever else left."""
    marks = trial.rows.filter(event=0)["time"].sort().to_list()[::2]
    if not marks:
        return

    found = cp.reconstruct(trial.curve, n=len(trial.rows), censor_ticks=marks, end=trial.end)

    for _, rows in found.scenarios:
        left = Counter(rows.filter(~pl.col("event"))["time"].round(6).to_list())
        assert not Counter(round(mark, 6) for mark in marks) - left
        assert rows.height == len(trial.rows)


def _assume(trial: Trial) -> str | None:
    return "none" if len(trial.at_risk) == 1 else None


def anything(clicks: list[tuple[float, float]], at_risk: list[int], events: int | None) -> None:
    try:
        found = cp.reconstruct(clicks, [(3.0 * i, k) for i, k in enumerate(at_risk)], events)
    except DefinitionError:
        return
    assert all(rows.height == at_risk[0] for _, rows in found.scenarios)


CLICKS = st.lists(st.tuples(st.floats(-1, 30), st.floats(-0.01, 1.02)), min_size=1, max_size=30)
COUNTS = st.lists(st.integers(0, 500), min_size=1, max_size=8).map(lambda found: sorted(found, reverse=True))
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


LAWS = {
    "there and back": given(trials())(there_and_back),
    "other units": given(trials())(scaled),
    "at the clicks": given(trials())(at_the_clicks),
    "all marks": given(trials())(all_marks),
    "some marks": given(trials())(some_marks),
    "anything ends": given(CLICKS, COUNTS, st.none() | st.integers(0, 500))(anything),
}


@pytest.mark.parametrize("law", LAWS)
def test_laws_of_reconstruction(law: str) -> None:
    settings(max_examples=FEW, **QUIET)(LAWS[law])()


@pytest.mark.ci
@pytest.mark.timeout(400)
@pytest.mark.parametrize("law", LAWS)
def test_laws_of_reconstruction_on_many_trials(law: str) -> None:
    settings(max_examples=MANY, **QUIET)(LAWS[law])()
