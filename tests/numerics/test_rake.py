# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Raking against fractions by hand, a loop over rows, the entropy dual, and its laws."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rwe import compare as cp
from rwe.compare.rake import cell_totals
from rwe.errors import DataError, DefinitionError, NoValidAnswer

Targets = Mapping[str, Mapping[str, float]]


def plain_ipf(rows: list[dict[str, str]], targets: Targets, passes: int) -> list[float]:
    """Return raking weights of mean 1 by the textbook loop over rows."""
    weights = [1.0] * len(rows)
    for _ in range(passes):
        for name, margin in targets.items():
            whole = sum(margin.values())
            for level, target in margin.items():
                mine = [i for i, row in enumerate(rows) if row[name] == level]
                total = sum(weights[i] for i in mine)
                for i in mine:
                    weights[i] *= target / whole * len(rows) / total
    return weights


def entropy_dual(frame: pl.DataFrame, targets: Targets) -> np.ndarray:
    """Return the weights nearest to 1 in Kullback-Leibler divergence that meet the margins."""
    columns, wanted = [], []
    for name, margin in targets.items():
        for level in list(margin)[1:]:
            columns.append((frame[name] == level).to_numpy().astype(float))
            wanted.append(margin[level] / sum(margin.values()))
    x, t = np.stack(columns, axis=1), np.array(wanted)

    def dual(b: np.ndarray) -> tuple[float, np.ndarray]:
        e = np.exp(x @ b)
        return float(np.log(e.mean()) - t @ b), x.T @ e / e.sum() - t

    b = minimize(dual, np.zeros(t.size), jac=True, method="BFGS", options={"gtol": 1e-12}).x
    e = np.exp(x @ b)
    return e / e.mean()


def weighted_share(frame: pl.DataFrame, weights: pl.Series, name: str, level: str) -> float:
    return float(weights.filter(frame[name] == level).sum() / weights.sum())


@st.composite
def populations(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[str, dict[str, float]]]:
    """Draw a population with every combination of levels present, so that margins can be met."""
    sizes = draw(st.lists(st.integers(2, 3), min_size=1, max_size=3))
    names = [f"v{i}" for i in range(len(sizes))]
    grid = np.stack(np.meshgrid(*[range(s) for s in sizes], indexing="ij"), -1).reshape(-1, len(sizes))
    copies = draw(st.lists(st.integers(1, 5), min_size=len(grid), max_size=len(grid)))
    rows = np.repeat(grid, copies, axis=0)
    frame = pl.DataFrame({name: [f"L{v}" for v in rows[:, i]] for i, name in enumerate(names)})
    counts = st.integers(1, 40)
    targets = {n: {f"L{v}": float(draw(counts)) for v in range(s)} for n, s in zip(names, sizes, strict=True)}
    return frame, targets


law = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_one_margin_by_hand_in_fractions() -> None:
    frame = pl.DataFrame({"sex": ["f", "f", "f", "m"]})

    raked = cp.rake(frame, {"sex": {"f": 1, "m": 1}})

    expected = [Fraction(2, 3)] * 3 + [Fraction(2)]
    assert raked.weights.to_list() == pytest.approx([float(w) for w in expected], abs=1e-12)
    kish = sum(expected) ** 2 / sum(w**2 for w in expected)
    assert kish == 3
    assert raked.effective_sample_size == pytest.approx(3.0, abs=1e-12)


def test_two_by_two_by_hand_in_fractions() -> None:
    # Cells a1b1 4, a1b2 2, a2b1 2, a2b2 1: independent, so the fitted cells are the products of the
    # target margins: 9 * (1/3, 2/3) x (1/2, 1/2) = 3/2, 3/2, 3, 3, spread over the cell's persons.
    frame = pl.DataFrame({"a": ["1"] * 6 + ["2"] * 3, "b": ["1"] * 4 + ["2"] * 2 + ["1"] * 2 + ["2"]})

    raked = cp.rake(frame, {"a": {"1": 10, "2": 20}, "b": {"1": 0.5, "2": 0.5}})

    by_cell = [Fraction(3, 2) / 4] * 4 + [Fraction(3, 2) / 2] * 2 + [Fraction(3) / 2] * 2 + [Fraction(3)]
    assert sum(by_cell) == 9
    assert raked.weights.to_list() == pytest.approx([float(w) for w in by_cell], abs=1e-9)


def test_two_by_two_keeps_the_odds_ratio_of_the_cells() -> None:
    # The fitted 2x2 keeps the odds ratio 3*2/(1*1) = 6 and has both margins 1/2:
    # p/(1/2-p) = sqrt(6), so p11 = sqrt(6) / (2 (1 + sqrt(6))).
    frame = pl.DataFrame({"a": ["1"] * 4 + ["2"] * 3, "b": ["1", "1", "1", "2", "1", "2", "2"]})

    raked = cp.rake(frame, {"a": {"1": 1, "2": 1}, "b": {"1": 1, "2": 1}}, tol=1e-13)

    p11 = float(raked.weights[:3].sum()) / 7
    assert p11 == pytest.approx(6**0.5 / (2 * (1 + 6**0.5)), abs=1e-12)


@law
@given(populations())
def test_equals_the_loop_over_rows_and_the_entropy_dual(case: tuple[pl.DataFrame, dict[str, dict[str, float]]]) -> None:
    frame, targets = case

    raked = cp.rake(frame, targets, tol=1e-12)

    loop = plain_ipf(frame.to_dicts(), targets, raked.iterations)
    assert raked.weights.to_numpy() == pytest.approx(np.array(loop), rel=1e-9)
    # BFGS stops near 1e-6 of the dual's optimum, hence the wider tolerance.
    assert raked.weights.to_numpy() == pytest.approx(entropy_dual(frame, targets), rel=2e-4, abs=1e-5)


@law
@given(populations())
def test_margins_are_reproduced(case: tuple[pl.DataFrame, dict[str, dict[str, float]]]) -> None:
    frame, targets = case

    raked = cp.rake(frame, targets)

    for name, margin in targets.items():
        for level, target in margin.items():
            share = weighted_share(frame, raked.weights, name, level)
            assert share == pytest.approx(target / sum(margin.values()), abs=1e-9), f"{name}={level}"
    assert raked.weights.mean() == pytest.approx(1.0, abs=1e-12)
    assert 0 < raked.effective_sample_size <= frame.height + 1e-9
    assert raked.balance.largest["after"] < 1e-8


@law
@given(populations(), st.randoms(use_true_random=False))
def test_laws_of_order_scale_and_repetition(case: tuple[pl.DataFrame, dict], random: Random) -> None:
    frame, targets = case
    weights = cp.rake(frame, targets, tol=1e-13).weights.to_numpy()
    order = list(range(frame.height))
    random.shuffle(order)
    turned = dict(reversed(targets.items()))
    scaled = {name: {level: 7.5 * n for level, n in margin.items()} for name, margin in targets.items()}

    def of(frame: pl.DataFrame, targets: Targets, start: object = None) -> np.ndarray:
        return cp.rake(frame, targets, start, tol=1e-13).weights.to_numpy()

    assert of(frame[order], targets) == pytest.approx(weights[order], rel=1e-9), "permutation of rows"
    assert of(pl.concat([frame, frame]), targets) == pytest.approx(np.tile(weights, 2), rel=1e-9), "rows twice"
    assert of(frame, turned) == pytest.approx(weights, rel=1e-8), "order of margins"
    assert of(frame, scaled) == pytest.approx(weights, rel=1e-9), "scale of targets"
    assert of(frame, targets, np.full(frame.height, 0.3)) == pytest.approx(weights, rel=1e-9), "scale of weights"


@law
@given(populations(), st.data())
def test_starting_weights_are_the_same_as_repeated_rows(case: tuple[pl.DataFrame, dict], data: st.DataObject) -> None:
    frame, targets = case
    copies = data.draw(st.lists(st.integers(1, 3), min_size=frame.height, max_size=frame.height))
    assume(len(set(copies)) > 1)

    weighted = cp.rake(frame.with_columns(w=pl.Series(copies)), targets, "w", tol=1e-13).weights.to_numpy()

    repeated = cp.rake(frame[np.repeat(np.arange(frame.height), copies)], targets, tol=1e-13).weights.to_numpy()
    per_row = np.add.reduceat(repeated, np.concatenate([[0], np.cumsum(copies)[:-1]]))
    assert weighted / weighted.sum() == pytest.approx(per_row / per_row.sum(), rel=1e-9)


def test_cell_totals_of_parts_add_up_to_those_of_the_whole() -> None:
    frame = pl.DataFrame({"a": list("xxyyx"), "b": list("ppqpp")})
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    parts = pl.concat([cell_totals(frame[:2], weights[:2]), cell_totals(frame[2:], weights[2:])])
    merged = parts.group_by("a", "b").agg(pl.col("_weight").sum()).sort("a", "b")

    assert merged.equals(cell_totals(frame, weights))


@pytest.mark.parametrize(
    ("frame", "margins", "error", "words"),
    [
        ({"grade": ["2", "3"]}, {"grade": {"1": 81, "2": 444, "3": 161}}, NoValidAnswer, "'grade': level '1' has 81"),
        ({"grade": ["2", "3"]}, {"grade": {"2": 1, "3": 0}}, NoValidAnswer, "level '3' has 0 in the margin"),
        ({"grade": ["2", None]}, {"grade": {"2": 1}}, DataError, "missing in 1 of 2 rows"),
        ({"grade": ["2", "9"]}, {"grade": {"2": 1}}, DataError, "does not list in 1 rows"),
        ({"grade": ["2"]}, {"size": {"2": 1}}, DataError, r"\['size'\] are missing"),
        ({"grade": ["2"]}, {}, DefinitionError, "no margin"),
        ({"grade": ["2"]}, {"grade": {"2": -1}}, DefinitionError, "margin of 'grade'"),
        ({"a": ["1", "2"], "b": ["1", "2"]}, {"a": {"1": 1, "2": 1}, "b": {"1": 1, "2": 3}}, NoValidAnswer, "converge"),
    ],
)
def test_refusals_name_the_variable(frame: dict, margins: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        cp.rake(pl.DataFrame(frame, schema_overrides=dict.fromkeys(frame, pl.String)), margins)

    assert "9" not in str(caught.value), "a value of a record stands in the message"


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")], [0.0, 0.0]])
def test_weights_that_are_none(weights: list[float]) -> None:
    with pytest.raises(DataError, match="weights"):
        cp.rake(pl.DataFrame({"a": ["1", "2"]}), {"a": {"1": 1, "2": 1}}, weights)


def test_nobody_to_rake() -> None:
    with pytest.raises(NoValidAnswer, match="empty"):
        cp.rake(pl.DataFrame({"a": []}, schema={"a": pl.String}), {"a": {"1": 1}})


def test_balance_by_hand() -> None:
    # Registry 1/4, trial 1/2: (1/4 - 1/2) / sqrt((3/16 + 1/4) / 2); after weighting 1/2 - 1/2 = 0,
    # over the same unweighted denominator.
    frame = pl.DataFrame({"sex": ["m", "f", "f", "f"]})

    table = cp.balance(frame, {"sex": {"m": 1, "f": 1}}, weights=[3.0, 1.0, 1.0, 1.0]).table

    smd = float(Fraction(-1, 4)) / float((Fraction(3, 16) + Fraction(1, 4)) / 2) ** 0.5
    assert table["smd_before"].to_list() == pytest.approx([smd, -smd], abs=1e-15)
    assert table["smd_after"].to_list() == pytest.approx([0.0, 0.0], abs=1e-15)
    assert table["n"].to_list() == [1, 3]


def test_balance_has_no_number_where_both_groups_are_constant_and_differ() -> None:
    table = cp.balance(pl.DataFrame({"grade": ["2", "2"]}), {"grade": {"1": 5, "2": 0}}).table

    assert table["smd_before"].to_list() == [None, None]


def test_balance_as_a_result() -> None:
    frame = pl.DataFrame({"sex": ["m", "f", "f", "f"]})

    result = cp.rake(frame, {"sex": {"m": 1, "f": 1}}).balance.to_result("registry")

    assert set(result.table["estimand"]) == {"proportion_registry", "proportion_trial", "smd"}
    assert set(result.table["stratum"]) == {"before", "after"}
    assert set(result.table["population"]) == {"registry"}
    assert "Austin" in result.settings["smd_denominator"]
