# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Matches equal those of R MatchIt 4.7.1, a plain greedy loop and the best of all matchings; and their laws."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rwe import compare as cp
from rwe import survival as sv
from rwe.compare.nearest import on_score
from rwe.compare.optimal import optimal
from rwe.compare.sorting import FEW, PART, ascending
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from tests.numerics.alignment import CASES, FRAMES, scores  # R's values: "propensity.json", match.

EXACT = {"gbsg": "meno", "lalonde": "married"}
PAIRED: list[tuple[str, dict[str, Any]]] = [
    ("nearest", {"distance": "probability", "caliper": None}),
    ("nearest_caliper", {"caliper": 0.2}),
    ("nearest_caliper_dataorder", {"caliper": 0.1, "order": "data"}),
    ("nearest_ratio2", {"distance": "probability", "ratio": 2, "caliper": 0.2}),
    ("nearest_replace", {"distance": "probability", "caliper": None, "replacement": True}),
    ("nearest_exact", {"distance": "probability", "caliper": 0.2, "exact": True}),
    ("mahalanobis", {"distance": "mahalanobis", "caliper": None}),
]
GROUPED: list[tuple[str, dict[str, Any]]] = [
    ("subclass5", {"method": "stratum", "strata": 5, "estimand": "ate"}),
    ("subclass6_att", {"method": "stratum", "strata": 6}),
    ("cem", {"method": "coarsened"}),
]


def _matched(name: str, asked: dict[str, Any]) -> cp.Matched:
    exact = {"exact": FRAMES[name][EXACT[name]]} if asked.get("exact") else {}
    return cp.match(scores(name), **(asked | exact))


def _same_sizes_and_balance(found: cp.Matched, expected: dict[str, Any]) -> None:
    (_, _, n1, worth1), (_, _, n0, worth0) = found.by_arm.rows()
    assert (n1, n0) == (expected["matched_treated"], expected["matched_control"])
    assert (worth1, worth0) == pytest.approx((expected["ess_treated"], expected["ess_control"]), rel=1e-6)
    assert found.balance.denominator == expected["balance"]["s_d_denom"]
    for figure in ("mean_treated", "mean_control", "smd", "variance_ratio", "ks"):
        ours = found.balance.table[f"{figure}_after"].to_numpy()
        np.testing.assert_allclose(ours, expected["balance"][figure], rtol=1e-6, atol=1e-8, err_msg=figure)


@pytest.mark.parametrize("name", ["gbsg", "lalonde"])
@pytest.mark.parametrize(("case", "asked"), PAIRED)
def test_pairs_equal_matchit(name: str, case: str, asked: dict[str, Any]) -> None:
    found = _matched(name, asked)

    expected = CASES[f"match.{name}.{case}"]
    _same_sizes_and_balance(found, expected)
    ours: dict[int, list[int]] = {row: [] for row in expected["pairs"]["treated_row"]}
    for treated, control in found.pairs.select("treated", "control").iter_rows():
        ours[treated + 1].append(control)
    columns = [rows for key, rows in expected["pairs"].items() if key.startswith("control")]
    x, score = scores(name).covariates.to_numpy(), scores(name).logit
    for row, *theirs in zip(expected["pairs"]["treated_row"], *columns, strict=True):
        other = [control - 1 for control in theirs if control is not None]
        assert len(other) == len(ours[row]), "as many controls"
        if case == "mahalanobis":
            alike = [
                (x[o] == x[m]).all() or _as_far(name, row - 1, o, m) for o, m in zip(other, ours[row], strict=True)
            ]
            assert all(alike), "the same control, or one exactly as far"
        else:  # persons of one score are interchangeable
            np.testing.assert_allclose(np.sort(score[ours[row]]), np.sort(score[other]), rtol=0, atol=1e-12)
    if "caliper_absolute" in expected:
        assert found.settings["width"] == pytest.approx(expected["caliper_absolute"], rel=1e-6)
    if "total_abs_distance" in expected:
        assert found.pairs["distance"].sum() == pytest.approx(expected["total_abs_distance"], rel=1e-6)


def _as_far(name: str, row: int, other: int, ours: int) -> bool:
    x, treated = scores(name).covariates.to_numpy(), scores(name).treated
    centred = np.where(treated[:, None], x - x[treated].mean(axis=0), x - x[~treated].mean(axis=0))
    inverse = np.linalg.inv(centred.T @ centred / (treated.size - 2))
    far = [float((x[row] - x[c]) @ inverse @ (x[row] - x[c])) for c in (other, ours)]
    return far[0] == pytest.approx(far[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["gbsg", "lalonde"])
@pytest.mark.parametrize(("case", "asked"), GROUPED)
def test_groups_equal_matchit(name: str, case: str, asked: dict[str, Any]) -> None:
    found = _matched(name, asked)

    expected = CASES[f"match.{name}.{case}"]
    _same_sizes_and_balance(found, expected)
    theirs = [w or 0.0 for w in expected["weights"]]
    np.testing.assert_allclose(found.weights.to_numpy(), theirs, rtol=1e-6, atol=1e-8)
    pairs = zip(found.group, expected["subclass"], strict=True)
    assert len(set(pairs)) == found.group.drop_nulls().n_unique() + int(found.group.null_count() > 0)


@pytest.mark.parametrize("name", ["gbsg", "lalonde"])
def test_optimal_has_the_least_distance_as_optmatch(name: str) -> None:
    found = _matched(name, {"method": "optimal", "distance": "probability", "caliper": None})

    expected = CASES[f"match.{name}.optimal"]
    assert found.pairs["distance"].sum() == pytest.approx(expected["total_abs_distance"], rel=1e-6)
    assert found.by_arm["n_matched"].to_list() == [expected["matched_treated"], expected["matched_control"]]


def test_the_outcome_of_matched_pairs_equals_r() -> None:
    found = _matched("gbsg", dict(PAIRED)["nearest_caliper"])
    frame = FRAMES["gbsg"].with_columns(pair=found.group, w=found.weights).filter(pl.col("w") > 0)

    fit = sv.cox(frame, time="rfstime", event="status", covariates=["hormon"], cluster="pair")

    expected = CASES["match.gbsg.nearest_caliper"]["cox_marginal_cluster_subclass"]
    row = fit.coefficients.row(0, named=True)
    assert row["estimate"] == pytest.approx(expected["coef"], rel=1e-6)
    assert row["robust_std_error"] == pytest.approx(expected["se_robust_cluster"], rel=1e-6)


def _greedy(score: F8, rows: I8, pool: I8, caliper: float, ratio: int, order: str) -> list[tuple[int, int]]:
    """Match by the definition: a loop over the treated, and of each over all free controls."""
    turn = {"largest": np.lexsort((rows, -score[rows])), "smallest": np.lexsort((rows, score[rows]))}
    turn |= {"data": np.arange(rows.size)}
    free, pairs = set(pool.tolist()), []
    for _ in range(ratio):
        for row in rows[turn[order]]:
            near = min(free, key=lambda c: (abs(score[c] - score[row]), score[c], c), default=None)
            if near is not None and abs(score[near] - score[row]) <= caliper:
                free.remove(near)
                pairs.append((int(row), near))
    return pairs


@st.composite
def problems(draw: st.DrawFn) -> tuple[F8, I8, I8, float, int, Any]:
    """Draw scores with ties, two arms, a caliper, a ratio and an order."""
    n = draw(st.integers(2, 40))
    coarse = draw(st.integers(2, 50))
    score = np.array(draw(st.lists(st.integers(0, coarse), min_size=n, max_size=n))) / 8
    treated = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    caliper = draw(st.sampled_from([0.0, 0.125, 0.5, 2.0, np.inf]))
    order = draw(st.sampled_from(["largest", "smallest", "data"]))
    return score, np.flatnonzero(treated), np.flatnonzero(~treated), caliper, draw(st.integers(1, 3)), order


def matching_laws(problem: tuple[F8, I8, I8, float, int, Any]) -> None:
    score, rows, pool, caliper, ratio, order = problem
    found = on_score(score, rows, pool, caliper, ratio, order, replacement=False)
    ours = [(int(t), int(c)) for first, second in found for t, c in zip(first, second, strict=True)]
    theirs = _greedy(score, rows, pool, caliper, ratio, order)
    assert len({c for _, c in ours}) == len(ours), "no control twice"
    assert all(abs(score[t] - score[c]) <= caliper for t, c in ours), "within the caliper"
    assert sorted((score[t], score[c]) for t, c in ours) == sorted((score[t], score[c]) for t, c in theirs), "as greedy"
    other_way = {"largest": "smallest", "smallest": "largest"}.get(order, order)
    turned = on_score(-score, rows, pool, caliper, ratio, other_way, replacement=False)
    assert sum(part.size for part, _ in turned) == len(ours) or _has_equals(score, rows, pool), "mirrored"


def _has_equals(score: F8, rows: I8, pool: I8) -> bool:
    """Return whether a treated can be as near to one side as to the other: there a mirror chooses the other one."""
    sides = {(float(score[r]), float(abs(score[r] - score[c]))): set[float]() for r in rows for c in pool}
    for r, c in itertools.product(rows, pool):
        sides[float(score[r]), float(abs(score[r] - score[c]))].add(float(score[c]))
    return any(len(both) > 1 for both in sides.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_laws(problem: tuple[F8, I8, I8, float, int, Any]) -> None:
    matching_laws(problem)


@pytest.mark.ci
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_laws_in_two_thousand_cases(problem: tuple[F8, I8, I8, float, int, Any]) -> None:
    matching_laws(problem)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.3, 1.0, np.inf]))
def test_optimal_is_the_best_of_all_matchings(seed: int, treated: int, controls: int, caliper: float) -> None:
    score = np.random.default_rng(seed).normal(size=treated + controls)
    rows, pool = np.arange(treated), np.arange(treated, treated + controls)
    if np.isinf(caliper) and treated > controls:
        with pytest.raises(NoValidAnswer, match="controls are needed"):
            optimal(score, rows, pool, caliper, 1)
        return

    [(first, second)] = optimal(score, rows, pool, caliper, 1)

    best = (0, 0.0)
    for many in range(1, min(treated, controls) + 1):
        for mine in itertools.combinations(rows, many):
            for theirs in itertools.permutations(pool, many):
                apart = np.abs(score[list(mine)] - score[list(theirs)])
                if (apart <= caliper).all():
                    best = min(best, (-many, float(apart.sum())))
    assert (-first.size, float(np.abs(score[first] - score[second]).sum())) == pytest.approx(best, abs=1e-9)


def _ways_to_lie(n: int) -> dict[str, F8]:
    rng = np.random.default_rng(1)
    spread = rng.normal(size=n)
    return {
        "spread": spread,
        "ties": rng.integers(0, 50, n) / 7,
        "one alone far away": np.append(spread[1:] * 1e-9, 1e9),
        "one infinite": np.append(spread[1:], np.inf),
        "range of no double": np.append(spread[2:], [1.7e308, -1.7e308]),
        "range beyond any step": np.append(np.zeros(n - 1), 5e-324),
        "all the same": np.full(n, 0.25),
        "zeros of both signs": np.where(rng.random(n) < 0.5, -0.0, 0.0),
        "descending": np.arange(n, 0, -1.0),
    }


@pytest.mark.parametrize("n", [5, FEW, FEW + 1, PART + 4_321])
def test_numbers_ascend_and_equal_ones_are_ordered_by_row(n: int) -> None:
    for how, score in _ways_to_lie(n).items():
        place, numbers = ascending(score)

        np.testing.assert_array_equal(place, np.argsort(score, kind="stable"), err_msg=how)
        np.testing.assert_array_equal(numbers, score[place], err_msg=how)


def test_several_controls_with_replacement_are_the_nearest() -> None:
    score = np.array([0.0, 0.1, -0.2, 0.3, 5.0])

    found = on_score(score, np.array([0]), np.arange(1, 5), 1.0, 3, "largest", replacement=True)

    assert [int(control[0]) for _, control in found] == [1, 2, 3]


def test_weights_of_pairs_by_hand() -> None:
    # treated 0 with controls 2 and 3, treated 1 with 4: controls 1/2, 1/2, 1, of mean 1
    pairs = pl.DataFrame({"treated": [0, 0, 1], "control": [2, 3, 4], "distance": [0.0, 0.0, 0.0]})

    from rwe.compare.match import pair_weights

    assert pair_weights(pairs, 6).tolist() == pytest.approx([1, 1, 0.75, 0.75, 1.5, 0])


def test_who_is_left_out_is_told() -> None:
    found = _matched("lalonde", dict(PAIRED)["nearest_caliper"])

    assert found.notes[0] == "68 of 185 treated have no match: the effect is not that of all treated"
    result = found.to_result("all")
    assert result.settings["distance"] == "logit"
    assert {"persons", "smd", "ks"} <= set(result.table["estimand"])


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"method": "genetic"}, DefinitionError, "use a method of"),
    ({"caliper": -1}, DefinitionError, "caliper > 0"),
    ({"order": "random"}, DefinitionError, "unknown order 'random'"),
    ({"estimand": "ate"}, DefinitionError, "pairs of treated and controls give the att"),
    ({"exact": [1, 2]}, DefinitionError, "exact: give one value a row"),
    ({"caliper": 1e-13}, NoValidAnswer, "'hormon': nobody has a match"),
    ({"method": "stratum", "strata": 60}, NoValidAnswer, r"strata 30 \(no control\).* of 60 are empty"),
    ({"method": "stratum", "strata": 1}, DefinitionError, "strata: give a whole number from 2"),
    ({"method": "coarsened", "bins": 100_000}, NoValidAnswer, "no class of the covariates has persons of both arms"),
    ({"method": "optimal", "caliper": None, "ratio": 3}, NoValidAnswer, "738 controls are needed and 440 are there"),
]


@pytest.mark.parametrize(("asked", "error", "words"), WRONG)
def test_what_cannot_be_matched_is_refused_by_name(asked: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        cp.match(scores("gbsg"), **asked)
