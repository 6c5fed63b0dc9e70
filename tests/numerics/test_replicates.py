# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Resampled contrasts: what a replicate reads off equals the estimators on the rows it drew."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp
from rwe import survival as sv
from rwe.compare.replicates import Ask, Contrasts, TwoArms, weighing
from rwe.kernels.two_arms import drawn
from rwe.result import Result
from rwe.spec.base import Text

MILESTONES = (30, 60, 90)


def arm(seed: int, n: int, practice: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    days, event = rng.integers(1, 120, n), rng.random(n) < 0.6
    days[0] = 125  # both sides are followed beyond every horizon asked for
    return pl.DataFrame({"days": days, "event": event, "weight": rng.uniform(0.3, 3, n), "practice": practice})


def trial_of(rows: pl.DataFrame) -> cp.TrialBaseline:
    patients = rows.select(arm=pl.lit("a"), os_days="days", os_event="event")
    endpoint = SimpleNamespace(available=True, reason=None, arms={})
    return cp.TrialBaseline("t", Text(en="t", bg="t"), "", {"all": rows.height}, {}, {"os": endpoint}, patients, ())


def people_of(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(os_days="days", os_event="event", w="weight")


def value(result: Result, estimand: str, time: int | None = None, column: str = "estimate") -> float | None:
    rows = result.table.filter(group="difference", estimand=estimand)
    return (rows if time is None else rows.filter(time=time))[column].item()


@pytest.mark.parametrize("seed", range(5))
def test_a_replicate_equals_the_estimators_on_the_rows_it_drew(seed: int) -> None:
    ours, theirs = arm(seed, 70, 1), arm(seed + 100, 50, 0).with_columns(weight=1.0)
    weight = ours["weight"].to_numpy()
    source = Contrasts(TwoArms.of(ours, theirs), (weighing(None, weight),), Ask(MILESTONES, 100))

    values = source.draw(3, seed)

    for b in range(3):
        first, second = (drawn(np.arange(n), seed, b, stream) for stream, n in enumerate((70, 50)))
        copies = [ours[np.repeat(np.arange(70), first)], theirs[np.repeat(np.arange(50), second)]]
        expected = []
        for rows in (copies[1], copies[0]):
            km = sv.kaplan_meier(rows, time="days", event="event", weights="weight", robust=True)
            expected += km.at(MILESTONES)["survival"].to_list()
            reached = rows["days"].max() >= 100
            expected += [km.rmst(100)["rmst"].item() if reached else None, km.quantile(0.5)["time"].item()]
        cox = sv.cox(pl.concat(copies), time="days", event="event", covariates=["practice"], weights="weight")
        expected.append(cox.coefficients["estimate"].item())
        wanted = np.array(expected, dtype=float)
        found = np.where(np.isinf(values[b]), np.nan, values[b])  # a median that is not reached
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)


def test_estimates_are_those_of_the_contrast_and_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = arm(1, 200, 1), arm(2, 150, 0)
    how = {"endpoint": "os", "weights": "w", "milestones": MILESTONES, "tau": 100}

    robust = cp.contrast(people_of(ours), trial_of(theirs), **how)
    monkeypatch.setenv("RWE_THREADS", "2")
    two = cp.contrast(people_of(ours), trial_of(theirs), errors="bootstrap", replicates=200, seed=3, **how)
    monkeypatch.setenv("RWE_THREADS", "1")
    one = cp.contrast(people_of(ours), trial_of(theirs), errors="bootstrap", replicates=200, seed=3, **how)

    assert one.table.equals(two.table)
    for estimand, time in (("milestone", 60), ("rmst", 100), ("hazard_ratio", None), ("median", None)):
        assert value(one, estimand, time) == pytest.approx(value(robust, estimand, time), rel=1e-9), estimand
    assert value(one, "proportional_hazards", column="p_value") == value(
        robust, "proportional_hazards", column="p_value"
    )


def test_bootstrap_errors_approach_the_closed_ones() -> None:
    # Weights that stay: the infinitesimal jackknife and the bootstrap estimate the same variance. With 2,000
    # replicates a standard error is good to 1 / sqrt(2 * 2000) = 1.6 per cent; four of these, and the difference of
    # the two estimators at n = 400 (below 2 per cent), make 8.
    ours, theirs = arm(5, 400, 1), arm(6, 400, 0)
    how = {"endpoint": "os", "weights": "w", "milestones": MILESTONES, "tau": 100}

    robust = cp.contrast(people_of(ours), trial_of(theirs), **how)
    drawn_ = cp.contrast(people_of(ours), trial_of(theirs), errors="bootstrap", replicates=2000, **how)

    for estimand, time in (("milestone", 60), ("rmst", 100), ("hazard_ratio", None)):
        errors = [value(result, estimand, time, "std_error") for result in (drawn_, robust)]
        assert errors[0] == pytest.approx(errors[1], rel=0.08), estimand


class Halves:
    """An alignment that weighs so that both halves of the people count alike, in any draw of them."""

    def __init__(self, side: np.ndarray) -> None:
        self.side = side
        self.weights = pl.Series(self.again(np.ones(side.size, np.int64)))

    def again(self, times: np.ndarray) -> np.ndarray:
        share = np.array([times[self.side == s].sum() for s in (0, 1)])
        return times / share[self.side]


def test_weights_are_found_anew_in_each_replicate() -> None:
    # Survival on day 1 of people who are weighed to equal halves, one half all dead on day 1 and the other not, is
    # 1/2 in each replicate: with weights found anew there is no spread from practice, with weights that stay there is.
    side = np.array([0] * 40 + [1] * 10)
    practice = pl.DataFrame({"os_days": np.where(side == 0, 1, 50), "os_event": side == 0})
    trial = trial_of(pl.DataFrame({"days": [60] * 20, "event": [False] * 20}))
    how = {"endpoint": "os", "milestones": (10,), "tau": 40, "errors": "bootstrap", "replicates": 200}
    halves = Halves(side)

    anew = cp.contrast(practice, trial, weights=halves, **how)
    stay = cp.contrast(practice, trial, weights=halves.weights, **how)

    assert value(anew, "milestone", 10) == pytest.approx(-0.5)
    assert value(anew, "milestone", 10, "std_error") == pytest.approx(0, abs=1e-12)
    assert value(stay, "milestone", 10, "std_error") > 0.05


def test_the_gap_adds_up_and_its_parts_are_what_they_say() -> None:
    # Eligible: half die on day 5 (A) or live (B); the trial holds B only. Ineligible: all die on day 5.
    kind = np.array(["A"] * 40 + ["B"] * 40 + ["out"] * 20)
    practice = pl.DataFrame({"os_days": np.where(kind == "B", 50, 5), "os_event": kind != "B", "fit": kind != "out"})
    trial = trial_of(pl.DataFrame({"days": [5] * 10 + [60] * 90, "event": [True] * 10 + [False] * 90}))
    only_b = pl.Series(np.where(kind[kind != "out"] == "B", 1.0, 0.0))

    found = cp.gap(
        practice, trial, endpoint="os", eligible="fit", weights=only_b, milestones=(30,), tau=40, replicates=99
    )

    part = dict(found.table.filter(estimand="milestone").select("part", "estimate").iter_rows())
    assert part == pytest.approx({"total": 0.4 - 0.9, "ineligible": 0.4 - 0.5, "case_mix": 0.5 - 1.0, "residual": 0.1})
    assert found.share_ineligible == 0.2
    sides = dict(found.sides.filter(estimand="milestone").select("side", "estimate").iter_rows())
    assert sides == pytest.approx({"trial": 0.9, "all": 0.4, "eligible": 0.5, "ineligible": 0.0, "aligned": 1.0})
    rmst = dict(found.table.filter(estimand="rmst").select("part", "estimate").iter_rows())
    assert rmst["total"] == pytest.approx(rmst["ineligible"] + rmst["case_mix"] + rmst["residual"])
    told = found.to_result(outcome="os").table
    assert told.filter(stratum="all", group="difference", estimand="milestone")["estimate"].item() == part["total"]
    assert told.filter(group="case_mix", estimand="gap_milestone")["n"].item() == 80


def mixed(seed: int, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    sex, grade = rng.choice(["f", "m"], n, p=[0.7, 0.3]), rng.choice(["1", "2", "3"], n)
    return pl.DataFrame({"sex": sex, "grade": grade, "age": rng.normal(60, 9, n), "w": rng.uniform(0.5, 2, n)})


@pytest.mark.parametrize("seed", range(4))
def test_raking_again_is_raking_the_rows_that_were_drawn(seed: int) -> None:
    rows, margins = mixed(seed, 90), {"sex": {"f": 1, "m": 1}, "grade": {"1": 0.2, "2": 0.5, "3": 0.3}}
    times = drawn(np.arange(90), seed, 0, 0)
    raked = cp.rake(rows, margins, "w")

    again = raked.again(times)

    place = np.repeat(np.arange(90), times)
    wanted = np.bincount(place, cp.rake(rows[place], margins, "w").weights.to_numpy(), 90)
    np.testing.assert_allclose(again / again.sum(), wanted / wanted.sum(), atol=1e-11)
    once = raked.again(np.ones(90, np.int64))
    np.testing.assert_allclose(once / once.mean(), raked.weights.to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("how", [cp.maic, cp.entropy])
def test_moments_met_again_are_those_of_the_rows_that_were_drawn(how: Callable[..., Any]) -> None:
    rows, targets = mixed(1, 90), {"age": {"mean": 58, "sd": 8}, "sex": {"f": 0.6, "m": 0.4}}
    times = drawn(np.arange(90), 1, 0, 0)

    again = how(rows, targets).again(times)

    place = np.repeat(np.arange(90), times)
    wanted = np.bincount(place, how(rows[place], targets).weights.to_numpy(), 90)
    # both stop once no mean is further than 1e-12 standard deviations from its goal
    np.testing.assert_allclose(again / again.sum(), wanted / wanted.sum(), atol=1e-11)
