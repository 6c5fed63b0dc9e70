# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of parametric models: what must not change an estimate, which family holds which, what curves must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines import LogLogisticAFTFitter, LogNormalAFTFitter, WeibullAFTFitter
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import gammainccinv, ndtri

from rwe import survival as sv
from rwe.survival import hazard_climb, tabled
from rwe.survival.curve import Curve
from rwe.survival.parametric import FAMILIES

NAMES = [pytest.param(name, marks=pytest.mark.ci) if name == "genf" else name for name in FAMILIES]  # genf is slow
TIMES = [1.0, 30, 200, 900, 4000]


def cohort(n: int = 400, seed: int = 1) -> pl.DataFrame:
    """Return a cohort whose times accelerate with a covariate, a third entered late, a third censored."""
    rng = np.random.default_rng(seed)
    age, arm = rng.normal(0, 1, n), rng.integers(0, 2, n)
    lived = 400 * np.exp(0.4 * arm - 0.2 * age) * rng.weibull(1.4, n)
    end, entry = rng.uniform(50, 1500, n), np.floor(rng.uniform(0, 90, n)) * (rng.uniform(size=n) < 0.3)
    frame = pl.DataFrame(
        {"t": np.ceil(np.minimum(lived, end)), "e": lived <= end, "entry": entry, "age": age, "arm": arm}
    )
    return frame.filter(pl.col("t") > pl.col("entry"))


ROWS = cohort()
ROLES: dict[str, Any] = {"time": "t", "event": "e"}
MOVED = ROLES | {"covariates": ["age", "arm"]}


def fit(name: str, frame: pl.DataFrame = ROWS, **asked: Any) -> sv.Parametric:
    return sv.parametric(frame, **(MOVED | asked | {"family": name}))


def same(one: sv.Parametric, other: sv.Parametric, *, error: float = 1e-6) -> None:
    """Assert that two fits say the same."""
    assert one.loglik == pytest.approx(other.loglik, rel=1e-11)
    a, b = one.coefficients, other.coefficients
    assert_allclose(a["estimate"], b["estimate"], rtol=1e-7, atol=1e-7)
    assert_allclose(a["std_error"], b["std_error"], rtol=error)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_copies(name: str) -> None:
    times = np.tile([1, 2, 3], ROWS.height)[: ROWS.height]
    copies = pl.concat([ROWS.filter(pl.Series(times >= k)) for k in (1, 2, 3)])

    weighed = fit(name, ROWS.with_columns(w=pl.Series(times)), weights="w")

    same(weighed, fit(name, copies))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_changes_nothing(name: str) -> None:
    there = fit(name)

    back = fit(name, ROWS.reverse())

    assert back.loglik == pytest.approx(there.loglik, rel=1e-14)
    assert back.coefficients["estimate"].to_list() == pytest.approx(there.coefficients["estimate"].to_list(), rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_split_at_a_visit_tells_what_it_told(name: str) -> None:
    later = ROWS.filter(pl.col("t") > 100).with_columns(entry=pl.max_horizontal("entry", 100.0))
    early = ROWS.filter(pl.col("entry") < 100).with_columns(
        e=pl.col("e") & (pl.col("t") <= 100), t=pl.min_horizontal("t", 100.0)
    )

    split = fit(name, pl.concat([early, later]), entry="entry")

    same(split, fit(name, entry="entry"))


@pytest.mark.parametrize("name", NAMES)
def test_another_unit_of_time_scales_times_alone(name: str) -> None:
    days, years = fit(name), fit(name, ROWS.with_columns(pl.col("t") / 365.25), clock="continuous")

    events = ROWS["e"].sum()
    assert years.loglik == pytest.approx(days.loglik + events * np.log(365.25), rel=1e-11)
    moved = pl.col("term") != "intercept"
    assert_allclose(
        years.coefficients.filter(moved)["estimate"], days.coefficients.filter(moved)["estimate"], rtol=1e-6
    )
    some = ROWS.head(3)
    assert_allclose(years.mean(some)["mean"] * 365.25, days.mean(some)["mean"], rtol=1e-6)
    assert_allclose(years.quantile(0.2, some)["conf_low"] * 365.25, days.quantile(0.2, some)["conf_low"], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_covariate_in_another_unit_or_from_another_zero_is_the_same_model(name: str) -> None:
    plain, turned = fit(name), fit(name, ROWS.with_columns(age=pl.col("age") * 10 + 700))

    found = turned.survival(TIMES, ROWS.head(2).with_columns(age=pl.col("age") * 10 + 700))

    assert turned.loglik == pytest.approx(plain.loglik, rel=1e-11)
    assert_allclose(found["conf_low"], plain.survival(TIMES, ROWS.head(2))["conf_low"], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [("exp", "weibull"), ("exp", "gompertz"), ("exp", "gamma"), ("weibull", "gengamma"), ("gamma", "gengamma"),
     ("lnorm", "gengamma"), pytest.param("gengamma", "genf", marks=pytest.mark.ci), ("llogis", "genf")],
)  # fmt: skip
def test_a_family_is_no_better_than_one_that_holds_it(inner: str, outer: str) -> None:
    assert fit(inner).loglik <= fit(outer).loglik + 1e-8


def test_two_ways_of_writing_weibull_are_one_model() -> None:
    times, hazards = fit("weibull"), fit("weibull_ph")

    shape = times.parameters["estimate"][0]
    of = [one.coefficients.filter(term="arm")["estimate"].item() for one in (times, hazards)]
    assert hazards.loglik == pytest.approx(times.loglik, rel=1e-12)
    assert of[1] == pytest.approx(-shape * of[0], rel=1e-8)


@pytest.mark.parametrize("name", ["exp", "weibull", "llogis"])
def test_a_climb_that_begins_on_some_rows_ends_as_one_on_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    many = cohort(3000, seed=6).with_columns(rare=pl.int_range(pl.len()) % 500 == 3)
    whole = fit(name, many, covariates=["age", "rare"])

    monkeypatch.setattr(hazard_climb, "MANY", 1000)
    monkeypatch.setattr(hazard_climb, "SOME", 100)
    begun = fit(name, many, covariates=["age", "rare"])

    same(begun, whole)


@pytest.mark.ci
@pytest.mark.parametrize("name", ["gamma", "gengamma", "genf"])
def test_rows_read_off_a_table_are_as_those_worked_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    many = cohort(3000, seed=4)

    tabled_fit = fit(name, many)
    monkeypatch.setattr(tabled, "MANY", 10**9)

    whole = fit(name, many)
    assert tabled_fit.loglik == pytest.approx(whole.loglik, rel=1e-13)
    assert_allclose(tabled_fit.coefficients["estimate"], whole.coefficients["estimate"], rtol=1e-6)
    assert_allclose(tabled_fit.coefficients["std_error"], whole.coefficients["std_error"], rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_likelihood_is_the_sum_of_its_rows_in_plain_python(name: str) -> None:
    frame = ROWS.with_columns(bg=1e-4 + 1e-6 * pl.col("t"), w=pl.Series(np.tile([1, 2], ROWS.height)[: ROWS.height]))
    found = fit(name, frame, entry="entry", weights="w", background="bg")

    total = 0.0
    for row in frame.iter_rows(named=True):
        one = pl.DataFrame([row])
        hazard = found.hazard(row["t"], one)["hazard"].item()
        since = found.cumulative_hazard([row["entry"], row["t"]], one)["cumulative_hazard"].to_list()
        total += row["w"] * ((np.log(hazard + row["bg"]) if row["e"] else 0.0) - since[1] + since[0])

    assert found.loglik == pytest.approx(total, rel=1e-11)
    assert "excess hazard" in found.notes[-1]


@pytest.mark.parametrize("name", NAMES)
def test_curves_fit_together(name: str) -> None:
    found, some = fit(name), ROWS.head(2)

    def alive(t: float) -> float:
        return float(found.survival(t, some[1])["survival"].item())

    far = found.cumulative_hazard(TIMES, some)["cumulative_hazard"].to_numpy()
    area = quad(alive, 0, 900, epsabs=1e-9, limit=200)[0]
    step = [found.cumulative_hazard([199.99, 200.01], some)["cumulative_hazard"].to_numpy().reshape(2, 2)]
    middle = found.quantile([0.1, 0.5], some)
    assert_allclose(found.survival(TIMES, some)["survival"], np.exp(-far), rtol=1e-12)
    assert found.rmst(900, some[1])["rmst"].item() == pytest.approx(area, rel=1e-8)
    assert_allclose(np.diff(step[0], axis=1).ravel() / 0.02, found.hazard(200, some)["hazard"], rtol=1e-6)
    back = [found.survival(t, some[i])["survival"].item() for i, t in middle.select("row", "time").iter_rows()]
    assert back == pytest.approx([0.9, 0.5, 0.9, 0.5], rel=1e-10)
    assert found.survival(0, some)["survival"].to_list() == [1.0, 1.0]
    assert found.rmst(0, some)["rmst"].to_list() == [0.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_a_mean_is_the_area_without_end(name: str) -> None:
    found = fit(name)

    mean, long = found.mean(ROWS.head(1)), found.rmst(1e7, ROWS.head(1))

    if name in ("llogis", "lnorm"):
        assert 0.9 * mean["mean"].item() < long["rmst"].item() < mean["mean"].item() * (1 + 1e-9)
    else:
        assert_allclose(mean["mean"], long["rmst"], rtol=1e-8)
        assert_allclose(mean["std_error"], long["std_error"], rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_predictions_are_those_of_draws(name: str) -> None:
    found, some = fit(name), ROWS[[5]]

    draws = found.survival_draws(TIMES[1:4], 4000, 7, some)

    told = found.survival(TIMES[1:4], some)
    assert isinstance(found.curve(some), Curve)
    assert_allclose(found.survival_at(TIMES[1:4], some), told["survival"], rtol=1e-12)
    assert_allclose(draws.std(axis=0), told["std_error"], rtol=0.2)
    assert (np.diff(found.survival_draws(np.arange(0, 2000, 50), 50, 7, some), axis=1) <= 1e-15).all()
    assert_allclose(found.survival_draws(TIMES, 5, 7, some), found.survival_draws(TIMES, 5, 7, some), rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_cumulative_hazard_alone_is_that_of_the_terms(name: str) -> None:
    family, t = FAMILIES[name], np.array([0.01, 0.7, 2.0, 9.0])
    theta = np.tile([0.3, -0.2, 0.4, -1.0][: len(family.parameters)], (4, 1))

    assert_allclose(family.cumulative(t, theta), family.terms(t, theta).cumulative_hazard, rtol=1e-13)


@pytest.mark.parametrize("name", FAMILIES)
def test_derivatives_are_those_of_the_values(name: str) -> None:
    family, t, step = FAMILIES[name], np.array([0.01, 0.7, 2.0, 9.0]), 1e-5
    theta = np.tile([0.3, -0.2, 0.4, -1.0][: len(family.parameters)], (4, 1))
    told = family.terms(t, theta)

    for j in range(theta.shape[1]):
        up, down = (family.terms(t, theta + sign * step * np.eye(theta.shape[1])[j]) for sign in (1, -1))
        rise = [(a - b) / (2 * step) for a, b in ((up[0], down[0]), (up[1], down[1]))]
        assert_allclose(told.d_log_hazard[:, j], rise[0], rtol=1e-6, atol=1e-7)
        assert_allclose(told.d_cumulative_hazard[:, j], rise[1], rtol=1e-6, atol=1e-7)
    after, before = (family.cumulative(t * (1 + sign * 1e-6), theta) for sign in (1, -1))
    assert_allclose(np.exp(told.log_hazard) * t, (after - before) / 2e-6, rtol=1e-6)


def test_a_curve_of_several_persons_is_their_average() -> None:
    found = fit("gompertz")

    each = found.survival(TIMES, ROWS.head(3))["survival"].to_numpy().reshape(3, -1)

    assert_allclose(found.curve(ROWS.head(3)).survival_at(TIMES), each.mean(axis=0), rtol=1e-12)


def test_covariates_on_the_shape_are_one_model_an_arm() -> None:
    both = fit("weibull", covariates=["arm"], on={"shape": ["arm"]})

    apart = [sv.parametric(ROWS.filter(arm=a), **ROLES, family="weibull") for a in (0, 1)]

    assert both.loglik == pytest.approx(sum(one.loglik for one in apart), rel=1e-12)
    found = both.survival(TIMES, pl.DataFrame({"arm": [0, 1]}))
    assert_allclose(found["conf_high"], pl.concat([one.survival(TIMES) for one in apart])["conf_high"], rtol=1e-7)


def test_clusters_and_broken_weights_have_the_sandwich() -> None:
    half = ROWS.with_columns(w=0.5 + pl.col("arm") * 0.7, who=pl.int_range(pl.len()))

    weighed = fit("weibull", half, weights="w")
    alone = fit("weibull", half, weights="w", cluster="who")
    twice = fit("weibull", pl.concat([half, half]), weights="w", cluster="who")

    assert weighed.robust
    assert_allclose(alone.covariance, weighed.covariance, rtol=1e-9)
    assert_allclose(twice.covariance, alone.covariance, rtol=1e-7, atol=1e-12)


LIFELINES = {"weibull": WeibullAFTFitter, "lnorm": LogNormalAFTFitter, "llogis": LogLogisticAFTFitter}


@pytest.mark.parametrize("name", LIFELINES)
@pytest.mark.filterwarnings("ignore")
def test_equals_lifelines_where_it_has_the_family(name: str) -> None:
    oracle = LIFELINES[name]()
    oracle.fit(ROWS.to_pandas(), "t", "e", entry_col="entry", formula="age + arm")

    found = fit(name, entry="entry")

    theirs = oracle.params_.xs("mu_" if name == "lnorm" else ("alpha_" if name == "llogis" else "lambda_"))
    ours = found.coefficients.filter(parameter=found.family.location)
    assert found.loglik == pytest.approx(oracle.log_likelihood_, rel=1e-7)  # it stops sooner
    assert_allclose(
        ours.filter(pl.col("term") != "intercept").sort("term")["estimate"], [theirs["age"], theirs["arm"]], atol=2e-3
    )


def test_draws_of_kaplan_meier_have_its_mean_and_spread() -> None:
    km = sv.kaplan_meier(ROWS, **ROLES)
    days = [0.0, 50, 200, 600, 9000]

    drawn, told = km.survival_draws(days, 4000, 3), km.at(days[:4])

    assert isinstance(km, Curve)
    assert_allclose(km.survival_at(days)[:4], told["survival"], rtol=1e-14)
    assert np.isnan(km.survival_at(days)[4])
    assert_allclose(drawn.mean(axis=0)[:4], told["survival"], atol=3e-3)
    assert_allclose(drawn.std(axis=0)[1:4], told["std_error"][1:], rtol=0.06)


DRAWN: dict[str, Any] = {  # times with a median of 365 days
    "exp": lambda u: -np.log(u) * 365 / np.log(2),
    "weibull": lambda u: 365 * (-np.log(u) / np.log(2)) ** (1 / 1.5),
    "gompertz": lambda u: np.log1p(-np.log(u) / np.log(2) * np.expm1(0.002 * 365)) / 0.002,
    "llogis": lambda u: 365 * (1 / u - 1) ** (1 / 1.8),
    "lnorm": lambda u: 365 * np.exp(0.9 * ndtri(1 - u)),
    "gamma": lambda u: gammainccinv(2.0, u) / gammainccinv(2.0, 0.5) * 365,
}


@pytest.mark.ci
@pytest.mark.parametrize("name", DRAWN)
def test_limits_hold_the_truth_as_often_as_they_say(name: str) -> None:
    rng, held = np.random.default_rng(11), 0
    for _ in range(300):
        lived, end = DRAWN[name](rng.uniform(size=150)), rng.uniform(100, 1500, 150)
        rows = pl.DataFrame({"t": np.minimum(lived, end), "e": lived <= end})
        found = sv.parametric(rows, **(ROLES | {"family": name, "clock": "continuous"})).quantile(0.5)
        held += found["conf_low"].item() <= 365 <= found["conf_high"].item()

    assert 0.92 <= held / 300 <= 0.98
