# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is planted in the invented network is found again by the models that are named with it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

import rwe.compare as cp
import rwe.survival as sv
from synthetic.network.blocks import records, truth
from synthetic.network.latent import log_ratio
from synthetic.network.planted import Choice, CoxModel, Hazard
from synthetic.network.world import PLANTED

SEEDS, MANY_SEEDS = range(1, 21), range(1, 201)
ENOUGH, ENOUGH_OF_MANY = 16, 180
HAZARDS = {f"{one.disease or 'all'}-{one.outcome}": one for one in PLANTED.hazards}


@cache
def courses(seed: int, n: int = 2_000) -> pl.DataFrame:
    return truth(seed, 0, n)["courses"]


def rows_of(course: pl.DataFrame, model: CoxModel) -> pl.DataFrame:
    """Return the rows that a model is fitted to."""
    mine = course.filter((pl.col("disease") == model.disease) | (model.disease == ""))
    rows = mine.filter(pl.col(model.time) > pl.col(model.entry))
    return rows if model.split_day is None else split(rows, model, model.split_day)


def split(rows: pl.DataFrame, model: CoxModel, day: int) -> pl.DataFrame:
    """Cut each person's follow-up in two after a day, with a column of ``delayed`` for each part."""
    early = rows.filter(pl.col(model.entry) < day).with_columns(
        pl.col(model.event) & (pl.col(model.time) <= day),
        pl.min_horizontal(model.time, day).alias(model.time),
        delayed_early="delayed",
        delayed_late=pl.lit(0, pl.Int64),
    )
    late = rows.filter(pl.col(model.time) > day).with_columns(
        pl.max_horizontal(model.entry, day).alias(model.entry),
        delayed_early=pl.lit(0, pl.Int64),
        delayed_late="delayed",
    )
    return pl.concat([early, late.select(early.columns)], how="vertical_relaxed")


def fitted(course: pl.DataFrame, model: CoxModel) -> sv.Cox:
    columns = {"time": model.time, "event": model.event, "entry": model.entry, "person": "person"}
    return sv.cox(rows_of(course, model), covariates=list(model.covariates), **columns)


def distances(hazard: Hazard, seeds: range) -> dict[str, list[float]]:
    """Return by term how many standard errors the estimate of each seed lies from what is planted."""
    distance: dict[str, list[float]] = {effect.term: [] for effect in hazard.effects}
    for seed in seeds:
        found = fitted(courses(seed), hazard.model).coefficients
        assert set(found["term"]) == set(distance)
        for term, estimate, error in found.select("term", "estimate", "std_error").iter_rows():
            distance[term].append((estimate - hazard.effect(term)) / error)
    return distance


@pytest.mark.ci
@pytest.mark.parametrize("hazard", HAZARDS.values(), ids=HAZARDS)
def test_each_log_hazard_ratio_is_found_within_two_errors(hazard: Hazard) -> None:
    found = distances(hazard, SEEDS)

    assert min(sum(abs(z) <= 2 for z in of_term) for of_term in found.values()) >= ENOUGH
    # of 20 distances the mean has error 0.22: a planting that leans shows here sooner than in the count
    assert max(abs(np.mean(of_term)) for of_term in found.values()) < 4 / math.sqrt(len(SEEDS))


@pytest.mark.long
@pytest.mark.parametrize("hazard", HAZARDS.values(), ids=HAZARDS)
def test_each_log_hazard_ratio_is_found_in_two_hundred_networks(hazard: Hazard) -> None:
    found = distances(hazard, MANY_SEEDS)

    assert min(sum(abs(z) <= 2 for z in of_term) for of_term in found.values()) >= ENOUGH_OF_MANY


@pytest.mark.ci
@pytest.mark.parametrize("choice", PLANTED.choices, ids=lambda choice: choice.disease)
def test_the_sicker_get_the_newer_medicine_as_planted(choice: Choice) -> None:
    wanted = {"(intercept)": choice.intercept} | {effect.term: effect.log_ratio for effect in choice.effects}
    within: Counter[str] = Counter()
    for seed in SEEDS:
        rows = courses(seed).filter(pl.col("disease") == choice.disease)
        found = cp.logistic(rows, outcome=choice.model.outcome, covariates=choice.model.covariates).coefficients
        for term, estimate, error in found.select("term", "estimate", "std_error").iter_rows():
            within[term] += abs(estimate - wanted[term]) <= 2 * error

    assert set(within) == set(wanted)
    assert min(within.values()) >= ENOUGH


@pytest.mark.ci
def test_the_cured_are_as_many_as_planted() -> None:
    hazard = PLANTED.hazard("breast", "event")
    person = {"new": 0, "new_null": 0, "stage": 2, "ecog": 1, "decades": 0.0, "marker": 1, "hospital": "A"}
    typical = pl.DataFrame([person])
    ratio = math.exp(log_ratio(hazard, typical)[0])
    days = [1_500, 2_600]
    reached = [-math.expm1(-((day / hazard.scale_days) ** hazard.shape)) for day in days]
    planted = np.array([hazard.cured ** (ratio * share) for share in reached])

    found = [fitted(courses(seed), hazard.model).predict_survival(typical, days) for seed in SEEDS]

    for place, truth_there in enumerate(planted):
        low, high = (np.array([one[column][place] for one in found]) for column in ("conf_low", "conf_high"))
        assert ((low <= truth_there) & (truth_there <= high)).sum() >= ENOUGH
    last = hazard.cured**ratio
    assert 0.3 < last < planted[1] < last * 1.05


@pytest.mark.ci
def test_a_plateau_stands_where_a_share_is_cured_and_not_elsewhere() -> None:
    whole = courses(1, 40_000)

    # of those without the event by year 6, how many more have it by year 9, whatever the calendar
    risk = {
        name: whole.filter((pl.col("disease") == name) & (pl.col("t_event").fill_null(99_999) > 2_191))
        .select((pl.col("t_event") <= 3_287).fill_null(value=False).mean())
        .item()
        for name in ("breast", "lung")
    }

    assert risk["breast"] < 0.03 < 0.2 < risk["lung"]
    assert whole.filter(pl.col("disease") == "breast")["t_event"].null_count() > 0


@pytest.mark.ci
def test_a_model_of_one_ratio_refuses_the_delay() -> None:
    model = PLANTED.hazard("lung", "event").model
    rows = rows_of(courses(1, 40_000), replace(model, split_day=None))
    covariates = [c for c in model.covariates if not c.startswith("delayed_")]

    fit = sv.cox(rows, time="exit", event="event", entry="entry", covariates=[*covariates, "delayed"])
    tests = dict(fit.proportional_hazards().table.select("term", "p_value").iter_rows())

    assert tests["delayed"] < 1e-6
    assert tests["stage"] > 1e-3


@pytest.mark.ci
def test_competing_death_makes_one_minus_survival_too_high() -> None:
    rows = courses(1, 40_000).filter((pl.col("disease") == "dementia") & (pl.col("exit") > pl.col("entry")))
    cause = pl.when("event").then(pl.lit("event")).when("competed").then(pl.lit("death")).otherwise(pl.lit("censored"))
    day, far = 1_826, pl.lit(99_999)
    event, death = pl.col("t_event").fill_null(far), pl.col("t_competing").fill_null(far)
    mine = courses(1, 40_000).filter(pl.col("disease") == "dementia")
    truth_there = mine.select(((event <= day) & (event <= death)).mean()).item()

    found = sv.cumulative_incidence(rows.with_columns(cause=cause), time="exit", cause="cause", entry="entry")
    alone = sv.kaplan_meier(rows, time="exit", event="event", entry="entry")

    at = found.at(day).filter(pl.col("cause") == "event").row(0, named=True)
    assert abs(at["incidence"] - truth_there) < 3 * at["std_error"] + 0.01
    assert 1 - alone.at(day)["survival"].item() > truth_there + 0.1


@pytest.mark.ci
def test_whoever_ignores_confounding_or_late_entry_is_wrong() -> None:
    whole = courses(1, 40_000)
    breast = rows_of(whole, PLANTED.hazard("breast", "event").model).filter(pl.col("marker") == 1)
    newest = whole.filter((pl.col("disease") == "lung") & (pl.col("hospital") == "D"))
    lung = newest.filter(pl.col("exit") > pl.col("entry"))
    lived = newest.select((pl.col("t_event").fill_null(99_999) > 730).mean()).item()

    crude = sv.cox(breast, time="exit", event="event", entry="entry", covariates=["new"]).coefficients
    late, early = (
        sv.kaplan_meier(lung, time="exit", event="event", entry=entry).at(730)["survival"].item()
        for entry in ("entry", None)
    )

    planted = PLANTED.hazard("breast", "event").effect("new")
    assert crude["estimate"].item() > planted + 4 * crude["std_error"].item()
    assert abs(late - lived) < 0.02 < early - lived


@pytest.mark.ci
def test_the_margins_are_met_and_missed_beyond_doubt() -> None:
    whole = courses(1, 40_000)
    for margin in PLANTED.margins:
        fit = fitted(whole, PLANTED.hazard(margin.disease, margin.outcome).model).coefficients
        found = fit.row(by_predicate=pl.col("term") == margin.term, named=True)

        if PLANTED.meets(margin):
            assert found["conf_high"] < margin.highest_hazard_ratio
        else:
            assert found["conf_low"] > margin.highest_hazard_ratio


@pytest.mark.ci
def test_measurements_and_responses_are_those_planted() -> None:
    whole = courses(1, 20_000)
    told = records(1, whole)["assessments"].join(whole, on="person")
    day = (pl.col("day") - pl.col("index_day")).dt.total_days()

    for change in PLANTED.changes:
        value = told.filter(pl.col("kind") == change.kind).with_columns(pl.col("value").cast(pl.Float64), since=day)
        first = value.filter(pl.col("since") == 0).select("person", start="value")
        later = value.filter(pl.col("since") >= change.by_day).join(first, on="person")
        each = later.group_by("person").agg(pl.col("newer").first(), (pl.col("value") - pl.col("start")).first())
        expect(each, "value", change.newer, change.comparator)
    for response in PLANTED.responses:
        mine = told.filter((pl.col("kind") == "RECIST") & (pl.col("disease") == response.disease))
        before = mine.filter(pl.col("value") != "PD")
        each = before.group_by("person").agg(
            pl.col("newer").first(), pl.col("value").is_in(["CR", "PR"]).any().cast(pl.Float64)
        )
        expect(each, "value", response.newer, response.comparator)


def expect(each: pl.DataFrame, column: str, newer: float, comparator: float) -> None:
    """Hold the mean of each arm against what is planted."""
    for arm, planted in ((True, newer), (False, comparator)):
        values = each.filter(pl.col("newer") == arm)[column]
        assert values.len() > 200
        assert abs(values.mean() - planted) < 3 * values.std() / math.sqrt(values.len())
