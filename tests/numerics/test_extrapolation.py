# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Beyond the data: population hazard, waning, averaging, smoothed hazards, families compared and flagged."""

from __future__ import annotations

import datetime as dt
from math import exp, log
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.scenario_curves import steps_to

DAYS = [0, 100, 365, 1000, 1826, 3652]
PEOPLE = pl.DataFrame(
    {"age": [60 * 365.241, 75 * 365.241, 40 * 365.241], "sex": ["f", "m", "f"], "t": [400, 300, 200], "e": [1, 1, 0]}
).with_columns(date=pl.Series([dt.date(2015, 3, 1), dt.date(2016, 11, 9), dt.date(2019, 12, 31)]))
PLACED: dict[str, Any] = {"age": "age", "sex": "sex", "date": "date"}


class Constant:
    """A curve of a constant hazard whose draws have hazards of their own."""

    def __init__(self, yearly: float, spread: float = 0.0) -> None:
        self.daily, self.spread = yearly / 365.25, spread

    def survival_at(self, days: Any) -> F8:
        return np.exp(-self.daily * np.asarray(days, np.float64))

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        rates = self.daily * np.exp(self.spread * np.random.default_rng(seed).standard_normal(n))
        return np.exp(-rates[:, None] * np.asarray(days, np.float64))


def _hazard(sex: str, age_years: float) -> float:
    return (1e-5 if sex == "f" else 2e-5) * exp(0.09 * (age_years - 50))


@pytest.fixture(scope="module")
def table() -> sv.LifeTable:
    cells = [
        {"sex": sex, "year": year, "age": age, "h": _hazard(sex, age) * (1 - 0.01 * (year - 2015))}
        for sex in ("f", "m") for year in range(2015, 2021) for age in range(106)
    ]  # fmt: skip
    frame = pl.DataFrame(cells)
    return sv.life_table(frame, sex="sex", year="year", age="age", hazard="h", age_unit="years", outside="nearest")


def _walked(person: dict[str, Any], until: int) -> float:
    """Return the cumulative hazard of a person, day by day in thousandths."""
    total, parts = 0.0, 20
    for k in range(until * parts):
        at = (k + 0.5) / parts
        year = min((person["date"] + dt.timedelta(days=int(at))).year, 2020)
        age = int((person["age"] + at) / 365.241)
        total += _hazard(person["sex"], min(age, 105)) * (1 - 0.01 * (year - 2015)) / parts
    return total


def test_population_curve_is_the_mean_of_the_persons_walked_day_by_day(table: sv.LifeTable) -> None:
    curve = sv.population_curve(PEOPLE, life_table=table, **PLACED, horizon=3652)

    plain = [np.mean([exp(-_walked(person, day)) for person in PEOPLE.iter_rows(named=True)]) for day in (365, 1826)]
    assert curve.survival_at([1826, 365])[::-1] == pytest.approx(plain, rel=1e-6)
    assert curve.survival_at(0) == pytest.approx([1.0])
    assert (np.diff(curve.survival_at(DAYS)) < 0).all()
    weighed = PEOPLE.with_columns(w=pl.Series([1.0, 0.0, 0.0]))
    first = sv.population_curve(weighed, life_table=table, **PLACED, horizon=3652, weights="w")
    assert first.survival_at([365]) == pytest.approx([exp(-_walked(PEOPLE.row(0, named=True), 365))], rel=1e-6)


def test_background_hazard_is_that_of_the_last_day(table: sv.LifeTable) -> None:
    found = sv.background_hazard(PEOPLE, time="t", life_table=table, **PLACED)

    plain = [_hazard("f", 61) * 0.99, _hazard("m", 75) * 0.98, _hazard("f", 40) * 0.95]
    assert found.to_list() == pytest.approx(plain, rel=1e-12)


def test_a_floor_holds_the_hazard_and_population_hazard_adds_to_it(table: sv.LifeTable) -> None:
    population = sv.population_curve(PEOPLE, life_table=table, **PLACED, horizon=14_610)
    low, high = Constant(1e-6), Constant(10.0)

    assert sv.floored(low, population).survival_at(DAYS) == pytest.approx(population.survival_at(DAYS), rel=1e-4)
    assert sv.floored(high, population).survival_at(DAYS) == pytest.approx(high.survival_at(DAYS), rel=1e-9, abs=1e-290)
    both = sv.with_population(Constant(0.1), population).survival_at(DAYS)
    assert both == pytest.approx(Constant(0.1).survival_at(DAYS) * population.survival_at(DAYS), rel=1e-9)


def test_an_effect_wanes_in_a_line_of_the_log_hazard_ratio() -> None:
    treated, untreated = Constant(0.1), Constant(0.4)

    curve = sv.waned(treated, untreated, begin=365.25, end=3 * 365.25)

    years, ratio = np.linspace(0, 6, 600_001), log(0.25)
    left = np.clip((3 - years) / 2, 0, 1)
    total = np.concatenate([[0], np.cumsum(0.4 * np.exp(ratio * (left[1:] + left[:-1]) / 2) * np.diff(years))])
    plain = np.exp(-np.interp([1, 2, 3, 6], years, total))
    assert curve.survival_at(np.array([1, 2, 3, 6]) * 365.25) == pytest.approx(plain, rel=3e-3)
    assert curve.survival_at([200]) == pytest.approx(treated.survival_at([200]))
    never = sv.waned(treated, untreated, begin=9000, end=9001).survival_at(DAYS)
    assert never == pytest.approx(treated.survival_at(DAYS))
    at_once = sv.waned(treated, untreated, begin=0, end=0).survival_at(DAYS)
    assert at_once == pytest.approx(untreated.survival_at(DAYS))


def test_arms_of_one_fit_are_drawn_together_and_arms_fitted_apart_are_not() -> None:
    arms = Constant(0.1, 0.5), Constant(0.1, 0.5)

    together, apart = (
        sv.waned(*arms, begin=0, end=3652, paired=paired).survival_draws([3652], 400, 1) for paired in (True, False)
    )

    assert together == pytest.approx(arms[0].survival_draws([3652], 400, 1))
    assert np.std(apart) < 0.85 * np.std(together)


def test_steps_have_no_hazard_to_be_compared(patients: pl.DataFrame) -> None:
    observed, fitted = sv.kaplan_meier(patients, time="t", event="e"), Constant(0.1)

    with pytest.raises(DefinitionError, match="falls in steps"):
        sv.floored(observed, fitted)
    with pytest.raises(DefinitionError, match="falls in steps"):
        sv.waned(fitted, observed, begin=0, end=10)


def test_an_average_is_the_mean_of_curves_and_its_draws_are_of_each() -> None:
    curves = Constant(0.05), Constant(0.5)

    mean = sv.averaged(curves, [3.0, 1.0])

    assert mean.weights == (0.75, 0.25)
    assert mean.survival_at(DAYS) == pytest.approx(
        0.75 * curves[0].survival_at(DAYS) + 0.25 * curves[1].survival_at(DAYS)
    )
    drawn = mean.survival_draws([1826], 4000, 7)
    assert np.mean(drawn == curves[0].survival_at([1826])) == pytest.approx(0.75, abs=0.03)
    assert sv.aic_weights([100.0, 102.0]) == pytest.approx([1 / (1 + exp(-1)), 1 / (1 + exp(1))])
    for wrong in ([1.0], [-1.0, 2.0], [0.0, 0.0]):
        with pytest.raises(DefinitionError, match="one weight from 0 for each curve"):
            sv.averaged(curves, wrong)


def test_smoothed_hazard_is_the_sum_over_failures_that_a_kernel_weighs() -> None:
    frame = pl.DataFrame({"t": [3, 10, 10, 14, 25, 31, 40], "e": [1, 1, 0, 1, 1, 0, 1]})

    found = sv.smoothed_hazard(frame, time="t", event="e", bandwidth=15.0, points=41)

    steps = {3: 1 / 7, 10: 1 / 6, 14: 1 / 4, 25: 1 / 3, 40: 1.0}
    middle = sum(0.75 * (1 - ((20 - t) / 15) ** 2) / 15 * h for t, h in steps.items() if abs(20 - t) < 15)
    assert found.table["hazard"][20] == pytest.approx(middle)
    ends = [
        12 / (1 + q) ** 4 * (x + 1) * (x * (1 - 2 * q) + (3 * q * q - 2 * q + 1) / 2) / 15 * h
        for t, h in steps.items() for q, x in [(6 / 15, (6 - t) / 15)] if -1 <= x <= q
    ]  # fmt: skip
    assert found.table["hazard"][6] == pytest.approx(sum(ends))


def test_smoothed_hazard_is_level_where_the_hazard_is_and_refuses_what_it_cannot_smooth() -> None:
    days = np.ceil(np.random.default_rng(1).exponential(500, 20_000)).astype(int)
    frame = pl.DataFrame({"t": np.minimum(days, 1000), "e": (days <= 1000).astype(int)})

    found = sv.smoothed_hazard(frame, time="t", event="e")

    assert found.table["hazard"].to_numpy() == pytest.approx(np.full(101, 0.002), rel=0.1)
    with pytest.raises(DefinitionError, match="bandwidth lies above 0"):
        sv.smoothed_hazard(frame, time="t", event="e", bandwidth=501.0)
    with pytest.raises(NoValidAnswer, match="two times"):
        sv.smoothed_hazard(frame.head(1).with_columns(e=1), time="t", event="e")


@pytest.fixture(scope="module")
def patients() -> pl.DataFrame:
    """Return 300 who are followed for at most three years, dying at a rate of a fifth a year."""
    rng = np.random.default_rng(11)
    days = np.ceil(rng.exponential(1826, 300))
    stop = np.ceil(rng.uniform(365, 1096, 300))
    return pl.DataFrame(
        {
            "t": np.minimum(days, stop).astype(int), "e": (days <= stop).astype(int),
            "age": rng.uniform(55, 80, 300) * 365.241, "sex": rng.choice(["f", "m"], 300),
        }
    ).with_columns(date=pl.lit(dt.date(2016, 1, 1)))  # fmt: skip


FEW = ["exp", "weibull", "lnorm", "spline_hazard_1", "cure_weibull"]


def test_families_are_compared_on_the_same_rows(patients: pl.DataFrame) -> None:
    found = sv.extrapolate(patients, time="t", event="e", families=FEW, draws=200)

    alone = sv.parametric(patients, time="t", event="e", family="weibull")
    row = found.table.row(by_predicate=pl.col("family") == "weibull", named=True)
    assert row["aic"] == pytest.approx(alone.aic)
    assert row["life_years"] * 365.25 == pytest.approx(alone.rmst(14_610)["rmst"].item(), rel=1e-3)
    assert row["conf_low"] < row["life_years"] < row["conf_high"]
    assert row["mean_years"] * 365.25 == pytest.approx(alone.mean()["mean"].item())
    seen = alone.rmst(int(patients["t"].to_numpy().max()))["rmst"].item() / 365.25
    assert row["beyond_data"] == pytest.approx(1 - seen / row["life_years"], abs=2e-3)
    mark = found.landmarks.filter(family="weibull", time=1826)
    assert mark["survival"].item() == pytest.approx(alone.survival_at([1826])[0])
    exact = alone.survival([1826])
    assert mark["conf_low"].item() == pytest.approx(exact["conf_low"].item(), abs=0.02)
    assert found.table["weight"].drop_nulls().sum() == pytest.approx(1)
    mean = found.table.filter(family="averaged")["life_years"].item()
    times = np.unique(np.r_[steps_to(14_610), 14_610])
    assert mean == pytest.approx(np.trapezoid(found.average().survival_at(times), times) / 365.25, rel=1e-3)
    table = found.to_result(population="all", outcome="os").table
    assert set(table["estimand"]) >= {"life_years", "extrapolated_survival", "aic", "aic_weight", "beyond_data"}


def test_what_no_curve_may_say_is_flagged(patients: pl.DataFrame, table: sv.LifeTable) -> None:
    asked: dict[str, Any] = {"time": "t", "event": "e", "families": ["lnorm", "cure_weibull"], "draws": 50}
    placed: dict[str, Any] = {"life_table": table, **PLACED}

    free = sv.extrapolate(patients, **asked, **placed)
    held = sv.extrapolate(patients, **asked, **placed, background="floor")
    inside = sv.extrapolate(patients, **asked, **placed, background="fit")

    assert "hazard_below_population" in free.flags.filter(family="lnorm")["flag"].to_list()
    assert free.flags.filter(family="lnorm")["day"].drop_nulls().min() is not None
    assert held.flags.filter(flag="hazard_below_population").height, "the fit below the floor is told"
    assert not inside.flags.filter(pl.col("flag").str.ends_with("population")).height
    for found in (held, inside):
        limit = found.population
        assert limit is not None
        for curve in found.curves.values():
            assert (curve.survival_at([3652, 9000]) <= limit.survival_at([3652, 9000]) + 1e-9).all()


def test_death_before_progression_and_life_years_that_differ_are_flagged(patients: pl.DataFrame) -> None:
    asked: dict[str, Any] = {"time": "t", "event": "e", "draws": 20}
    later = patients.with_columns(t=pl.col("t") * 3)
    slower = sv.extrapolate(later, **asked, families=["exp"])

    found = sv.extrapolate(patients, **asked, families=["exp"], nested=slower)
    apart = sv.extrapolate(patients, **asked, families=["weibull", "lnorm", "cure_lnorm", "llogis"])

    assert found.flags.rows() == [("exp", "below_nested_endpoint", 7)]
    assert "alike_fit_other_life_years" in apart.flags["flag"].to_list()


def test_a_family_without_an_answer_stands_beside_the_others() -> None:
    frame = pl.DataFrame({"t": [5, 9, 14, 30, 41], "e": [1, 1, 1, 0, 0]})

    found = sv.extrapolate(frame, time="t", event="e", families=["exp", "spline_odds_3"], draws=20)

    assert list(found.fits) == ["exp"]
    assert "different times" in found.failed["spline_odds_3"]
    assert "spline_odds_3 has no answer" in str(found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"families": ["weibul"]}, "family 'weibul' is not known"),
        ({"landmarks": [20_000]}, "a horizon after them"),
        ({"background": "floor"}, "need a life_table"),
        ({"age": "t"}, "they need a life_table"),
    ],
)
def test_questions_that_do_not_fit_are_refused(patients: pl.DataFrame, given: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        sv.extrapolate(patients, time="t", event="e", **given)


def test_curves_and_hazards_are_drawn(patients: pl.DataFrame, table: sv.LifeTable) -> None:
    found = sv.extrapolate(
        patients, time="t", event="e", families=["exp", "weibull"], draws=20, life_table=table, **PLACED
    )

    curves, hazards = found.plot(horizon=7305).svg, found.plot_hazard(language="bg").svg

    assert "observed (Kaplan" in curves
    assert "weibull" in curves
    assert "наблюдаван, изгладен" in hazards
    with pytest.raises(DefinitionError, match="have no answer here"):
        found.plot(families=["gompertz"])
