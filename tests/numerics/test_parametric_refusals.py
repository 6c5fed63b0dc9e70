# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a parametric model refuses, and what it says where there is no finite answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.survival.families_gamma import gamma_hazard
from rwe.survival.parametric import FAMILIES

ROLES: dict[str, Any] = {"time": "t", "event": "e"}
TWO = [name for name in FAMILIES if name not in ("exp", "genf")]
RNG = np.random.default_rng(5)
LIVED, END = RNG.weibull(1.3, 300) * 500, RNG.uniform(100, 900, 300)
BASE = pl.DataFrame({"t": np.ceil(np.minimum(LIVED, END)), "e": LIVED <= END, "x": RNG.integers(0, 2, 300)})


def fit(name: str, frame: pl.DataFrame, **asked: Any) -> sv.Parametric:
    return sv.parametric(frame, **(ROLES | asked | {"family": name}))


@pytest.mark.parametrize("name", FAMILIES)
def test_all_censored_has_no_answer(name: str) -> None:
    with pytest.raises(NoValidAnswer, match="no events"):
        fit(name, BASE.with_columns(e=0))


@pytest.mark.parametrize("name", [name for name in TWO if name != "gengamma"])
def test_failures_all_on_the_last_day_have_no_maximum(name: str) -> None:
    with pytest.raises(NoValidAnswer, match=f"family '{name}' has no maximum"):
        fit(name, pl.DataFrame({"t": [3, 5, 7, 9], "e": [0, 0, 0, 1]}))


@pytest.mark.parametrize("name", [name for name in TWO if name != "gengamma"])
def test_one_failure_among_later_censorings_is_enough_for_two_parameters(name: str) -> None:
    found = fit(name, pl.DataFrame({"t": [3, 5, 7, 9], "e": [0, 1, 0, 0]}))

    assert found.n_event == 1
    assert np.isfinite(found.coefficients["std_error"].to_numpy()).all()


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "genf"])
def test_a_covariate_that_goes_with_no_failure_is_named(name: str) -> None:
    apart = BASE.with_columns(e=pl.col("e") & (pl.col("x") == 0))
    location = FAMILIES[name].location

    with pytest.raises(NoValidAnswer, match=rf"\['{location}: x'\] have no finite estimate"):
        fit(name, apart, covariates=["x"])


@pytest.mark.parametrize("unit", [1e-12, 1e12])
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "genf"])
def test_any_unit_of_time_serves(name: str, unit: float) -> None:
    there = fit(name, BASE.with_columns(pl.col("t") * unit), clock="continuous")

    here = fit(name, BASE)

    assert there.loglik == pytest.approx(here.loglik - here.n_event * np.log(unit), rel=1e-11)
    assert there.mean()["conf_low"].item() == pytest.approx(unit * here.mean()["conf_low"].item(), rel=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_failures_at_time_0_are_counted_and_refused(name: str) -> None:
    with pytest.raises(DataError, match="1 of 4 rows fail at time 0, where no family has a density"):
        fit(name, pl.DataFrame({"t": [0, 5, 6, 7], "e": [1, 1, 1, 0]}))


def test_the_advice_for_failures_at_time_0_can_be_followed() -> None:
    frame = pl.DataFrame({"t": [0, 5, 6, 7], "e": [1, 1, 1, 0]})
    lived = frame.with_columns(pl.col("t").cast(pl.Float64).replace(0.0, 0.5))

    with pytest.raises(DataError, match=r"half a day\) on clock='continuous', count the day of the start as day 1, or"):
        fit("exp", frame)
    with pytest.raises(DataError, match=r"half a day\), or leave them out"):
        fit("exp", frame, clock="continuous")

    assert fit("exp", lived, clock="continuous").n == 4


def test_who_is_censored_at_time_0_tells_nothing() -> None:
    early = pl.concat([BASE, BASE.head(5).with_columns(t=0.0, e=pl.lit(value=False))])

    assert fit("weibull", early).loglik == fit("weibull", BASE).loglik
    assert fit("weibull", early).n == 305


def test_a_mean_that_is_infinite_is_said_to_be() -> None:
    heavy = np.exp(6 + 1.5 * np.log(1 / np.random.default_rng(1).uniform(size=2000) - 1))
    long = pl.DataFrame({"t": np.ceil(np.minimum(heavy, 5000)), "e": heavy <= 5000})

    for name in ("llogis", "gompertz"):
        found = fit(name, long)
        assert found.mean().row(0) == (0, np.inf, None, None, None)
        assert found.rmst(5000)["conf_high"].item() < 5000


def test_a_share_that_never_fails_has_no_quantile() -> None:
    u = np.random.default_rng(5).uniform(size=2000)
    lived = np.where(u < 0.5, -np.log(1 - u * 0.9) * 600 + 1, 3000)
    found = fit("gompertz", pl.DataFrame({"t": np.ceil(np.minimum(lived, 2000)), "e": lived <= 2000}))

    shape, rate = found.parameters["estimate"]
    left = np.exp(rate / shape)  # never fails
    assert shape < 0
    assert found.survival(1e9)["survival"].item() == pytest.approx(left, rel=1e-9)
    assert found.quantile([0.5 * (1 - left), 1 - 0.9 * left])["time"].is_null().to_list() == [False, True]


def test_the_generalised_gamma_passes_the_log_normal_without_a_seam() -> None:
    family, t = FAMILIES["gengamma"], np.array([0.05, 0.8, 3.0, 40.0])
    told = [family.terms(t, np.tile([0.3, 0.2, q], (4, 1))) for q in (-1e-5, -1e-7, 0.0, 1e-7, 1e-5)]

    plain = FAMILIES["lnorm"].terms(t, np.tile([0.3, 0.2], (4, 1)))
    np.testing.assert_allclose(told[2].cumulative_hazard, plain.cumulative_hazard, rtol=1e-12)
    for one in told:
        np.testing.assert_allclose(one.log_hazard, told[2].log_hazard, atol=3e-4)
        np.testing.assert_allclose(one.d_cumulative_hazard, told[2].d_cumulative_hazard, rtol=2e-3, atol=1e-9)
    np.testing.assert_allclose(told[1].cumulative_hazard, told[3].cumulative_hazard, rtol=1e-5)


def test_gamma_tails_keep_their_digits_at_both_ends() -> None:
    found = gamma_hazard(np.array([2.0, 2.0]), np.array([1e-9, 300.0]))

    assert found[0] == pytest.approx(5e-19, rel=1e-8)
    assert found[1] == pytest.approx(300 - np.log(301), rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"family": "pareto"}, "family 'pareto' is not one of exp"),
        ({"on": {"rate": ["x"]}}, "the parameters of family 'weibull' are shape, scale"),
        ({"on": {"scale": ["x"]}, "covariates": ["x"]}, "'scale' has covariates twice"),
        ({"covariates": ["x"], "formula": "x"}, "one of them"),
        ({"reference": {"x": 1}}, "not levels of this model"),
        ({"conf_level": 2.0}, "conf_level"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        sv.parametric(BASE, **(ROLES | asked))


def test_predictions_need_their_covariates() -> None:
    found = fit("weibull", BASE, covariates=["x"])

    with pytest.raises(DefinitionError, match="give the rows to predict for as `new`"):
        found.survival(10)
    with pytest.raises(DefinitionError, match="no column 'x'"):
        found.survival(10, pl.DataFrame({"y": [1]}))
    with pytest.raises(DefinitionError, match="finite numbers from 0"):
        found.survival(-1, BASE)
    with pytest.raises(DefinitionError, match="between 0 and 1"):
        found.quantile(1.0, BASE)


def test_a_background_below_0_and_twins_are_refused() -> None:
    with pytest.raises(DataError, match="300 of 300 rows are below 0"):
        fit("exp", BASE.with_columns(bg=-1.0), background="bg")
    with pytest.raises(NoValidAnswer, match="constant or a combination"):
        fit("exp", BASE.with_columns(y=2 * pl.col("x")), covariates=["x", "y"])


def test_a_result_travels_in_the_tidy_form() -> None:
    found = fit("weibull", BASE, covariates=["x"])

    table = found.to_result(population="all", outcome="death").table

    assert table["estimand"].to_list() == ["shape", "scale", "scale", "loglik", "aic", "bic"]
    assert table["n"].to_list() == [300] * 6
    assert "weibull, 300 rows" in repr(found)
    assert "<table" in found._repr_html_()


def test_a_fit_is_drawn_in_both_languages_with_a_name_for_each_row() -> None:
    found, arms = fit("weibull", BASE, covariates=["x"]), pl.DataFrame({"x": [0, 1]})

    english = found.plot(arms, labels=["control", "treated"], horizon=2000).svg
    bulgarian = fit("gamma", BASE).plot(language="bg").svg

    assert all(word in english for word in ("control", "treated", "Months", "300 rows"))
    assert "доверителни граници" in bulgarian
    with pytest.raises(DefinitionError, match="1 labels for 2 rows"):
        found.plot(arms, labels=["control"])
