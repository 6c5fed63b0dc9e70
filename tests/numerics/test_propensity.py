# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Scores, weights and balance equal R; overlap weights balance exactly; arms that do not overlap are refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rwe import compare as cp
from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from tests.numerics.alignment import CASES, COVARIATES, FRAMES, TREATMENT, scores  # R's values: "propensity.json"

SETS = ["gbsg", "lalonde"]
RULES: list[tuple[str, dict[str, Any]]] = [
    ("ATE", {}),
    ("ATT", {"estimand": "att"}),
    ("ATC", {"estimand": "atc"}),
    ("ATO", {"estimand": "ato"}),
    ("ATM", {"estimand": "atm"}),
    ("ATE_stabilised", {"stabilised": True}),
    ("ATE_truncated_1_99", {"truncate": (0.01, 0.99)}),
    ("ATE_trim_0.1_0.9", {"trim": "crump"}),
]


@pytest.mark.parametrize("name", SETS)
def test_ps_logit_equals_r(name: str) -> None:
    found = scores(name)

    expected = CASES[f"ps_logit.{name}"]
    np.testing.assert_allclose(found.probability, expected["ps"], rtol=1e-6, atol=1e-8)
    assert found.coefficients is not None
    np.testing.assert_allclose(found.coefficients["estimate"].to_numpy(), expected["coef"], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("rule", "asked"), RULES)
def test_iptw_weights_and_balance_equal_r(name: str, rule: str, asked: dict[str, Any]) -> None:
    found = cp.weight(scores(name), **asked)

    expected = CASES[f"iptw.{name}"][rule]
    w, worth = found.weights, dict(found.by_arm.select("arm", "effective_sample_size").iter_rows())
    figures = [w.sum(), w.max(), w.min(), worth["treated"], worth["control"], found.effective_sample_size]
    named = ["sum", "max", "min", "ess_treated", "ess_control", "ess_total"]
    np.testing.assert_allclose(figures, [expected[key] for key in named], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(w[:30].to_numpy(), expected["weights_first_30"], rtol=1e-6, atol=1e-8)
    if "balance" in expected:
        _same_balance(found.balance, expected["balance"], "after")
        _same_balance(found.balance, CASES[f"iptw.{name}"]["unadjusted"]["balance"], "before", pooled=True)
    if "n_kept" in expected:
        assert int(found.by_arm["n"].sum()) == expected["n_kept"]


def _same_balance(found: cp.ArmBalance, expected: dict[str, Any], stage: str, *, pooled: bool = False) -> None:
    if pooled and found.denominator != "pooled":
        return
    assert found.denominator == expected["s_d_denom"]
    for figure in ("mean_treated", "mean_control", "smd", "variance_ratio", "ks"):
        ours = found.table[f"{figure}_{stage}"].to_numpy()
        theirs = np.array(expected[figure], np.float64)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8, err_msg=figure)


@pytest.mark.parametrize("rule", ["ATE", "ATT", "ATO", "ATE_stabilised"])
def test_weighted_outcome_gbsg_equals_r(rule: str) -> None:
    weights = cp.weight(scores("gbsg"), **dict(RULES)[rule]).weights
    frame = FRAMES["gbsg"].with_columns(w=weights)
    response: dict[str, Any] = {"time": "rfstime", "event": "status", "weights": "w"}

    fit = sv.cox(frame, **response, covariates=["hormon"], robust=True)
    km = sv.kaplan_meier(frame, **response, by="hormon", robust=True)

    expected = CASES[f"weighted_outcome.gbsg.{rule}"]
    row = fit.coefficients.row(0, named=True)
    assert row["estimate"] == pytest.approx(expected["cox"]["coef"][0], rel=1e-6)
    assert row["robust_std_error"] == pytest.approx(expected["cox"]["se_robust"][0], rel=1e-6)
    curve, theirs = km.at([365, 730, 1460, 1825]), expected["weighted_km"]
    np.testing.assert_allclose(curve["survival"].to_numpy(), theirs["surv"], rtol=1e-6)
    np.testing.assert_allclose(curve["std_error"].to_numpy(), theirs["se_robust"], rtol=1e-6)


@pytest.mark.parametrize(("rule", "estimand"), [("ATE", "ate"), ("ATT", "att"), ("ATO", "ato")])
def test_weighted_mean_difference_lalonde_re78_equals_r(rule: str, estimand: Any) -> None:
    w = cp.weight(scores("lalonde"), estimand=estimand).weights.to_numpy()
    treated, y = scores("lalonde").treated, FRAMES["lalonde"]["re78"].to_numpy()

    means = [np.average(y[arm], weights=w[arm]) for arm in (treated, ~treated)]
    spread = [
        (w[a] ** 2 * (y[a] - m) ** 2).sum() / w[a].sum() ** 2 for a, m in zip((treated, ~treated), means, strict=True)
    ]

    expected = CASES["weighted_mean_difference.lalonde.re78"][rule]
    assert means[0] - means[1] == pytest.approx(expected["estimate"], rel=1e-6)
    assert np.sqrt(sum(spread)) == pytest.approx(expected["se_HC0"], rel=1e-6)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_entropy_balancing_equals_r(name: str, estimand: str) -> None:
    frame, treated = FRAMES[name], scores(name).treated
    theirs = np.array(CASES[f"entropy_balancing.{name}.{estimand}"]["weights_scaled_to_mean_one_in_each_arm"])
    whole = frame if estimand == "ATE" else frame.filter(pl.Series(treated))
    means: dict[str, Any] = {c: float(whole[c].cast(pl.Float64).to_numpy().mean()) for c in COVARIATES[name]}

    for arm in (treated, ~treated) if estimand == "ATE" else (~treated,):
        found = cp.entropy(frame.filter(pl.Series(arm)), means)

        np.testing.assert_allclose(found.weights.to_numpy(), theirs[arm], rtol=1e-4, atol=1e-8)


def test_weights_by_hand_in_fractions() -> None:
    # of x = 0 one in four is treated, of x = 1 three in four
    frame = pl.DataFrame({"x": [0] * 4 + [1] * 4, "a": [1, 0, 0, 0, 1, 1, 1, 0]})
    e = [Fraction(1, 4)] * 4 + [Fraction(3, 4)] * 4
    a = [1, 0, 0, 0, 1, 1, 1, 0]
    by_hand = {
        "ate": [1 / p if t else 1 / (1 - p) for t, p in zip(a, e, strict=True)],
        "att": [Fraction(1) if t else p / (1 - p) for t, p in zip(a, e, strict=True)],
        "atc": [(1 - p) / p if t else Fraction(1) for t, p in zip(a, e, strict=True)],
        "ato": [1 - p if t else p for t, p in zip(a, e, strict=True)],
        "atm": [min(p, 1 - p) / (p if t else 1 - p) for t, p in zip(a, e, strict=True)],
    }
    found = cp.propensity(frame, treatment="a", covariates=["x"])

    for estimand, expected in by_hand.items():
        asked: Any = estimand
        assert cp.weight(found, estimand=asked).weights.to_list() == pytest.approx(
            [float(w) for w in expected], rel=1e-9
        )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6))
def test_overlap_weights_balance_every_term_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3))
    frame = pl.DataFrame({f"x{j}": x[:, j] for j in range(3)} | {"a": rng.random(200) < 1 / (1 + np.exp(-x[:, 0]))})

    found = cp.weight(cp.propensity(frame, treatment="a", covariates=["x0", "x1", "x2"]), estimand="ato")

    assert found.balance.largest["after"] < 1e-9


@pytest.mark.ci
@pytest.mark.parametrize("method", ["lasso", "boosting"])
def test_learned_scores_are_repeatable_and_near_the_truth(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RWE_THREADS", "1")
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1500, 4))
    truth = 1 / (1 + np.exp(-0.8 * x[:, 0] + 0.5 * x[:, 1]))
    frame = pl.DataFrame({f"x{j}": x[:, j] for j in range(4)} | {"a": rng.random(1500) < truth})
    asked: dict[str, Any] = {"treatment": "a", "covariates": [f"x{j}" for j in range(4)], "method": method, "seed": 3}

    first, again = cp.propensity(frame, **asked), cp.propensity(frame, **asked)

    assert first.probability.tobytes() == again.probability.tobytes()
    assert np.sqrt(np.mean((first.probability - truth) ** 2)) < 0.12
    assert first.settings["folds"] == 5
    assert cp.weight(first, estimand="att").balance.largest["after"] < 0.2


def test_trimming_rules() -> None:
    found = scores("lalonde")
    e, treated = found.probability, found.treated

    sturmer, walker, own = (cp.weight(found, trim=rule) for rule in ("sturmer", "walker", (0.2, 0.5)))

    low, high = np.quantile(e[treated], 0.05), np.quantile(e[~treated], 0.95)
    np.testing.assert_array_equal(sturmer.weights.to_numpy() > 0, (e >= low) & (e <= high))
    share = treated.mean()
    odds = e / (1 - e) * (1 - share) / share
    np.testing.assert_array_equal(
        walker.weights.to_numpy() > 0, (odds / (1 + odds) >= 0.3) & (odds / (1 + odds) <= 0.7)
    )
    assert own.by_arm["n_trimmed"].sum() == int(((e < 0.2) | (e > 0.5)).sum())
    assert own.to_result("all").settings["trim_bounds"] == [0.2, 0.5]


def test_heavy_weights_are_marked() -> None:
    notes = cp.weight(scores("lalonde")).notes

    assert "the 185 persons of the treated arm are worth 58.3, less than half" in notes
    assert "a person of the treated arm weighs 40.1, more than 20" in notes


def test_overlap_by_hand() -> None:
    frame = pl.DataFrame({"x": [0] * 4 + [1] * 4, "a": [1, 0, 0, 0, 1, 1, 1, 0]})

    found = cp.overlap(cp.propensity(frame, treatment="a", covariates=["x"]), bins=4)

    assert found.histogram.select("treated", "control").rows() == [(0, 0), (1, 3), (0, 0), (3, 1)]
    assert found.outside == {"treated": 0.0, "control": 0.0}
    assert found.equipoise == {"treated": 0.0, "control": 0.0}
    assert "0% of the treated arm" in found.notes[0]
    table = found.to_result("all").table
    assert table.filter(estimand="persons")["estimate"].sum() == 8


def test_balance_by_hand() -> None:
    # treated 1, 3; controls 0, 2 of weights 1 and 3: means 2 and 3/2, variances 2 and 2; F differs most at 0
    frame = pl.DataFrame({"x": [1.0, 3.0, 0.0, 2.0], "a": [1, 1, 0, 0]})
    found = cp.propensity(frame, treatment="a", covariates=["x"])

    table = cp.arm_balance(found, [1, 1, 1, 3]).table

    row = table.row(0, named=True)
    assert row["smd_before"] == pytest.approx(1 / 2**0.5)
    assert row["smd_after"] == pytest.approx(0.5 / 2**0.5)
    assert row["ks_before"] == pytest.approx(0.5)
    assert row["ks_after"] == pytest.approx(0.5)
    # controls: sum w (x - m)^2 = 1 * 9/4 + 3 * 1/4 = 3, times 4 / (16 - 10) = 2
    assert row["variance_ratio_after"] == pytest.approx(1.0)


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"covariates": ["apart"]}, NoValidAnswer, r"'apart'\] have no finite estimate"),
    ({"covariates": ["apart"], "method": "lasso", "treatment": "few"}, NoValidAnswer, r"5 folds need at least"),
    ({"treatment": "same"}, NoValidAnswer, r"'same': all 686 rows have the same outcome"),
    ({"treatment": "grade"}, DataError, r"'grade'.*neither 0 nor 1"),
    ({"covariates": ["hole"]}, DataError, r"'hole'"),
    ({"covariates": ["absent"]}, DataError, r"'absent'"),
    ({"covariates": ["age", "twice"]}, NoValidAnswer, r"'twice'\] are constant or a combination"),
    ({"method": "forest"}, DefinitionError, r"unknown method 'forest'"),
]


@pytest.mark.parametrize(("asked", "error", "words"), BAD)
def test_what_has_no_score_is_refused_by_name(asked: dict[str, Any], error: type[Exception], words: str) -> None:
    first = pl.int_range(pl.len())
    frame = FRAMES["gbsg"].with_columns(
        apart=pl.col("hormon") * 2, same=pl.lit(1), twice=2 * pl.col("age"), few=(first < 3).cast(pl.Int64),
        hole=pl.when(first == 2).then(None).otherwise("age"),
    )  # fmt: skip

    with pytest.raises(error, match=words):
        cp.propensity(frame, **({"treatment": TREATMENT["gbsg"], "covariates": ["age"]} | asked))


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"estimand": "itt"}, DefinitionError, "unknown estimand 'itt'"),
    ({"estimand": "att", "stabilised": True}, DefinitionError, "those of the att have no such form"),
    ({"trim": (0.8, 0.2)}, DefinitionError, "trim: give two numbers"),
    ({"trim": "some"}, DefinitionError, "trim: give two numbers"),
    ({"truncate": (0.1,)}, DefinitionError, "truncate: give two numbers"),
    ({"trim": (0.999, 1.0)}, NoValidAnswer, "trimming leaves nobody of the treated arm"),
]


@pytest.mark.parametrize(("asked", "error", "words"), WRONG)
def test_options_that_do_not_go_together(asked: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        cp.weight(scores("gbsg"), **asked)


def test_a_certain_probability_is_refused() -> None:
    x = np.linspace(-60, 60, 400)
    frame = pl.DataFrame({"x": x, "a": (x > 0) ^ (np.abs(x) < 1)})

    with pytest.raises(NoValidAnswer, match=r"probability of treatment is 0 or 1 in \d+ of 400 rows"):
        cp.propensity(frame, treatment="a", covariates=["x"])
