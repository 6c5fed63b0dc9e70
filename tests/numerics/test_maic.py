# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Weights to published moments: fractions by hand, R, TSD 18, a general optimiser, laws, and what has no answer."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rwe import compare as cp
from rwe import survival as sv
from rwe.compare.tilt import sums
from rwe.errors import DataError, DefinitionError, NoValidAnswer

DATA = Path(__file__).parents[1] / "data"
CASES = {c["case"]: c["expect"] for c in json.loads((DATA / "r_alignment" / "itc.json").read_text("utf-8"))["cases"]}
IPD, PSEUDO = (pl.read_csv(DATA / "r_alignment" / f"maic_{name}.csv") for name in ("ipd", "pseudo_ipd"))
GBSG = pl.read_csv(DATA / "r_reference" / "gbsg.csv")
MEANS: dict[str, Any] = {"age": 51, "male": 0.49, "ecog0": 0.35, "smoke": 58 / 300}


def _targets(case: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    if case.endswith("means_sd"):
        return IPD, MEANS | {"age": {"mean": 51, "sd": 3.25}}
    found = CASES[case]
    frame = IPD if "maicplus" in case else GBSG
    return frame, dict(zip(found["moments"], found["centred_on"], strict=True))


@pytest.mark.parametrize(
    "case",
    [
        "maic_weights.maicplus_means",
        "maic_weights.maicplus_means_sd",
        "maic_weights.gbsg",
        "maic_weights.gbsg_identity",
    ],
)
def test_weights_equal_r(case: str) -> None:
    frame, targets = _targets(case)

    found = cp.maic(frame, targets)

    expected = CASES[case]
    np.testing.assert_allclose(found.weights, expected["weights_rescaled_to_mean_one"], rtol=1e-5, atol=1e-8)
    assert found.effective_sample_size == pytest.approx(expected["ess"], rel=1e-6)
    assert found.gap <= 1e-12
    assert found.notes == ()


@pytest.mark.parametrize("case", ["maic_unanchored_hr.maicplus_means", "maic_unanchored_hr.maicplus_means_sd"])
def test_the_hazard_ratio_that_the_weights_serve_equals_r(case: str) -> None:
    frame, targets = _targets(case.replace("unanchored_hr", "weights"))
    weights = cp.maic(frame, targets).weights
    ours = frame.select("time_days", "event", a=pl.lit(1)).with_columns(w=weights)
    both = pl.concat([ours, PSEUDO.select("time_days", "event", a=pl.lit(0), w=pl.lit(1.0))])

    fit = sv.cox(both, time="time_days", event="event", covariates=["a"], weights="w", robust=True, clock="continuous")

    expected = CASES[case]["weighted"]
    row = fit.coefficients.row(0, named=True)
    assert row["estimate"] == pytest.approx(expected["coef"][0], rel=1e-6)
    assert row["robust_std_error"] == pytest.approx(expected["se_robust"][0], rel=1e-6)


def test_the_example_of_tsd_18() -> None:
    # evidence: ESS 178.561; anchored C against B log odds ratio -0.038803 (0.519230)
    rows = pl.read_csv(DATA / "indcomp" / "AB_IPD.csv")
    other = pl.read_csv(DATA / "indcomp" / "AC_AgD.csv").row(0, named=True)

    found = cp.maic(rows, {"age": {"mean": other["age.mean"], "sd": other["age.sd"]}})

    assert found.effective_sample_size == pytest.approx(178.561, abs=5e-4)
    square, slope = found.coefficients["estimate"][1], found.coefficients["estimate"][0]
    # the sixth decimal of this slope is that of an optimiser that stopped; here the moments are met to 1e-15
    assert slope - 2 * other["age.mean"] * square == pytest.approx(3.687988, abs=2e-6)
    assert square == pytest.approx(-0.036968, abs=5e-7)
    log_or, error = _log_odds_ratio(rows, found.weights.to_numpy())
    assert (log_or, error) == pytest.approx((-3.385924, 0.407711), abs=5e-7)
    counts = [other["y.A.sum"], other["N.A"] - other["y.A.sum"], other["y.C.sum"], other["N.C"] - other["y.C.sum"]]
    direct = np.log(counts[2] * counts[1] / (counts[3] * counts[0]))
    assert direct - log_or == pytest.approx(-0.038803, abs=5e-7)
    assert np.hypot(error, np.sqrt(sum(1 / n for n in counts))) == pytest.approx(0.519230, abs=5e-7)


def _log_odds_ratio(rows: pl.DataFrame, w: np.ndarray) -> tuple[float, float]:
    """Return the weighted log odds ratio of B to A with its HC0 error: with one binary term both are closed forms."""
    log_or, variance = 0.0, 0.0
    for arm, sign in (("B", 1), ("A", -1)):
        mine, y = w[(rows["trt"] == arm).to_numpy()], rows.filter(trt=arm)["y"].to_numpy()
        p = np.average(y, weights=mine)
        log_or += sign * np.log(p / (1 - p))
        variance += (mine**2 * (y - p) ** 2).sum() / (mine.sum() * p * (1 - p)) ** 2
    return float(log_or), float(np.sqrt(variance))


def test_two_values_by_hand_in_fractions() -> None:
    # 3 persons of 0, 1 of 1; to the mean 1/2 each side carries 2 of 4: 2/3 a person, and 2.
    found = cp.maic(pl.DataFrame({"x": [0, 0, 0, 1]}), {"x": 0.5})

    expected = [Fraction(2, 3)] * 3 + [Fraction(2)]
    assert found.weights.to_list() == pytest.approx([float(w) for w in expected], abs=1e-12)
    assert found.effective_sample_size == pytest.approx(3.0, abs=1e-12)


def test_three_values_by_hand() -> None:
    # 0, 1, 2 once each to the mean 4/3: weights 1, r, r^2 with r + 2 r^2 = 4/3 (1 + r + r^2), so r = (1 + sqrt 33)/4
    found = cp.maic(pl.DataFrame({"x": [0, 1, 2]}), {"x": 4 / 3})

    r = (1 + 33**0.5) / 4
    assert (found.weights / found.weights[0]).to_list() == pytest.approx([1, r, r * r], rel=1e-12)


def test_median_and_levels() -> None:
    frame = IPD.with_columns(sex=pl.when(pl.col("male") == 1).then(pl.lit("m")).otherwise(pl.lit("f")))

    found = cp.maic(frame, {"n_prior": {"median": 2}, "sex": {"m": 49, "f": 51}, ("ecog0", "smoke"): JOINT})

    w = found.weights.to_numpy()
    assert np.average(frame["n_prior"].to_numpy() <= 2, weights=w) == pytest.approx(0.5, abs=1e-12)
    assert np.average(frame["sex"] == "m", weights=w) == pytest.approx(0.49, abs=1e-12)
    both = (frame["ecog0"] == 1) & (frame["smoke"] == 1)
    assert np.average(both, weights=w) == pytest.approx(0.1, abs=1e-12)
    assert found.balance.largest["after"] < 1e-10
    table = found.to_result("registry").table
    assert {"median_registry", "proportion_trial", "smd", "effective_sample_size", "weight_p95"} <= set(
        table["estimand"]
    )


JOINT = {("0", "0"): 0.4, ("0", "1"): 0.3, ("1", "0"): 0.2, ("1", "1"): 0.1}


def test_raking_to_a_joint_table_equals_maic_to_it() -> None:
    margins: dict[Any, Any] = {("ecog0", "smoke"): JOINT, "male": {"1": 49, "0": 51}}

    raked, tilted = cp.rake(IPD, margins, tol=1e-13), cp.maic(IPD, margins)

    np.testing.assert_allclose(raked.weights, tilted.weights, rtol=1e-9)
    assert raked.quantiles["weight"].to_list() == pytest.approx(tilted.quantiles["weight"].to_list(), rel=1e-9)
    assert "iterations" in raked.to_result().settings


def test_entropy_starts_from_weights_and_equals_a_general_optimiser() -> None:
    start = np.random.default_rng(5).uniform(0, 2, IPD.height)
    start[:7] = 0

    found = cp.entropy(IPD, {"age": 55, "male": 0.5}, start)

    z = IPD.select("age", "male").to_numpy() - np.array([55, 0.5])
    dual = minimize(lambda a: np.log(start @ np.exp(z @ a)), np.zeros(2), method="Nelder-Mead", tol=1e-13)
    w = start * np.exp(z @ dual.x)
    np.testing.assert_allclose(found.weights, w / w.mean(), rtol=1e-4)
    assert found.weights[:7].to_list() == [0.0] * 7
    assert np.average(IPD["age"], weights=found.weights) == pytest.approx(55, abs=1e-10)
    same = cp.entropy(IPD, {"age": 55, "male": 0.5}, 3 * start)
    np.testing.assert_allclose(same.weights, found.weights, rtol=1e-12)


def test_sums_of_parts_add_up() -> None:
    rng = np.random.default_rng(2)
    z, w, a = rng.normal(size=(50, 3)), rng.uniform(size=50), np.array([5.0, -3, 1])

    whole, parts = sums(z, w, a), sums(z[:20], w[:20], a) + sums(z[20:], w[20:], a)

    assert parts.value == pytest.approx(whole.value, rel=1e-14)
    np.testing.assert_allclose(parts.slope, whole.slope, rtol=1e-12)
    np.testing.assert_allclose(parts.curve, whole.curve, rtol=1e-11)


@st.composite
def reachable(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Draw rows and targets that some weights meet, because weights made them."""
    n, p = draw(st.integers(8, 60)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    x = rng.normal(size=(n, p)) * 10.0 ** draw(st.integers(-3, 3)) + draw(st.integers(-5, 5))
    w = rng.uniform(0.2, 1.8, n)
    return pl.DataFrame({f"x{j}": x[:, j] for j in range(p)}), {f"x{j}": float(w @ x[:, j] / w.sum()) for j in range(p)}


def laws(frame: pl.DataFrame, targets: dict[str, Any], seed: int) -> None:
    found = cp.maic(frame, targets)
    w = found.weights.to_numpy()
    for name, mean in targets.items():
        spread = float(frame[name].to_numpy().std())
        assert abs(np.average(frame[name], weights=w) - mean) < 1e-10 * spread + 1e-13 * abs(mean), "moments are met"
    assert 1 <= found.effective_sample_size <= frame.height * (1 + 1e-12), "at most the persons there are"
    order = np.random.default_rng(seed).permutation(frame.height)
    np.testing.assert_allclose(cp.maic(frame[order], targets).weights, w[order], rtol=1e-7, err_msg="permutation")
    twice = cp.maic(pl.concat([frame, frame]), targets).weights
    np.testing.assert_allclose(twice[: frame.height], w, rtol=1e-7, err_msg="copies")
    copies = np.random.default_rng(seed).integers(1, 4, frame.height)
    by_weight = cp.entropy(frame, targets, copies).weights.to_numpy() / copies
    by_rows = cp.maic(frame[np.repeat(np.arange(frame.height), copies)], targets).weights.to_numpy()
    first = np.cumsum(copies) - copies
    np.testing.assert_allclose(by_weight / by_weight[0], by_rows[first] / by_rows[0], rtol=1e-7, err_msg="as copies")
    moved = frame.select(pl.all() * 7 - 3)
    again = cp.maic(moved, {name: 7 * mean - 3 for name, mean in targets.items()}).weights
    np.testing.assert_allclose(again, w, rtol=1e-7, err_msg="affine")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reachable(), st.integers(0, 99))
def test_laws(case: tuple[pl.DataFrame, dict[str, Any]], seed: int) -> None:
    laws(*case, seed)


@pytest.mark.ci
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reachable(), st.integers(0, 99))
def test_laws_in_two_thousand_cases(case: tuple[pl.DataFrame, dict[str, Any]], seed: int) -> None:
    laws(*case, seed)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 3), st.floats(1.01, 3))
def test_a_target_outside_the_hull_is_refused_and_one_inside_is_met(seed: int, p: int, far: float) -> None:
    x = np.random.default_rng(seed).normal(size=(30, p))
    frame = pl.DataFrame({f"x{j}": x[:, j] for j in range(p)})
    tip, middle = x[np.argmax(x.sum(axis=1))], x.mean(axis=0)
    assume(np.linalg.norm(tip - middle) > 0.5)
    beyond = {f"x{j}": float(v) for j, v in enumerate(middle + far * (tip - middle))}
    inside = {f"x{j}": float(v) for j, v in enumerate(middle + 0.3 * (tip - middle))}

    with pytest.raises(NoValidAnswer, match="no weights of these 30 rows give"):
        cp.maic(frame, beyond)
    assert cp.maic(frame, inside).gap <= 1e-10


BAD: list[tuple[dict[Any, Any], type[Exception], str]] = [
    ({"age": 200}, NoValidAnswer, r"mean of 'age': 200 asked, 45 to 75 within reach"),
    ({"age": {"mean": 60, "sd": 50}}, NoValidAnswer, r"sd of 'age': 50 asked, 0 to 15 within reach"),
    ({"male": 1.0}, NoValidAnswer, r"mean of 'male': 1 asked.*others would need weight 0"),
    ({"age": {"mean": 60, "median": 90}}, NoValidAnswer, r"median of 'age': all 500 rows are alike"),
    ({"age": {"mean": 72, "median": 50}}, NoValidAnswer, r"together: mean of 'age': 72 asked.*median of 'age': 50"),
    ({"age": 51, "twice": 102}, NoValidAnswer, r"mean of 'twice': follows from the other targets.*collinear"),
    ({"male": {"1": 0.3, "0": 0.5}}, DefinitionError, r"'male' add up to 0.8, not 1"),
    ({"male": {"1": 1, "0": 1}, ("male", "smoke"): {("1", "0"): 3, ("0", "0"): 1, ("1", "1"): 0, ("0", "1"): 0}},
     DefinitionError, r"margins of 'male' and 'male & smoke' contradict each other on 'male' = \['1', '0'\]"),
    ({("male", "smoke"): {"1": 1}}, DefinitionError, r"1 levels that do not name 2 each"),
    ({"male": {"1": 1, "0": 1, "x": 1}}, NoValidAnswer, r"'male': level 'x' has 1 in the margin and nobody here"),
    ({"male": {"1": 1, "0": 0}}, NoValidAnswer, r"'male': level '0' has 0 in the margin and people here"),
    ({"male": {"1": 1}}, DataError, r"a level that its margin does not list in 308 rows"),
    ({"absent": 1}, DataError, r"\['absent'\] are missing"),
    ({"hole": 50}, DataError, r"'hole' is missing or infinite in 1 of 500 rows"),
    ({"word": 1}, DataError, r"'word' holds no numbers"),
    ({"age": "51"}, DefinitionError, r"target of 'age' must be a number"),
    ({"age": float("nan")}, DefinitionError, r"not finite"),
    ({"age": {"sd": 3}}, DefinitionError, r"needs its mean"),
    ({}, DefinitionError, r"no target"),
]  # fmt: skip


@pytest.mark.parametrize(("targets", "error", "words"), BAD)
def test_what_has_no_answer_is_refused_by_name(targets: Any, error: type[Exception], words: str) -> None:
    frame = IPD.with_columns(
        twice=2 * pl.col("age"), hole=pl.col("age").replace(75, 75).cast(pl.Float64), word=pl.lit("a")
    )
    frame = frame.with_columns(hole=pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("hole"))

    with pytest.raises(error, match=words):
        cp.maic(frame, targets)


def test_few_effective_persons_and_one_who_carries_most_are_marked() -> None:
    few = cp.maic(IPD[:40], {"age": 50})
    one = cp.maic(pl.DataFrame({"x": [0.0] * 50 + [100.0]}), {"x": 60})

    assert "fewer than 30" in few.notes[0]
    assert "one person carries 60% of the weight" in one.notes[1]
    assert one.to_result().settings["notes"] == list(one.notes)


def test_nobody() -> None:
    with pytest.raises(NoValidAnswer, match="nobody"):
        cp.maic(IPD[:0], {"age": 50})
