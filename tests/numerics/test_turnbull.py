# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Turnbull's estimate equals fractions by hand, a plain EM, lifelines and Kaplan-Meier where all is exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines.fitters.npmle import npmle

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.kernels.isotonic import isotonic
from rwe.survival.npmle import intersections, most_likely

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASE = json.loads((FOLDER / "turnbull.json").read_text("utf-8"))["cases"][0]
GIVEN = {"left": "l", "right": "r"}


def _frame(*rows: tuple[float | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["l", "r"], orient="row")


def _visits(n: int, seed: int) -> pl.DataFrame:
    """Return failures between visits at times that are all different."""
    rng = np.random.default_rng(seed)
    fail, visits = rng.weibull(1.3, n) * 100, np.sort(rng.uniform(0, 200, (n, 4)), axis=1)
    ends = np.column_stack([np.zeros(n), visits, np.full(n, np.inf)])
    k = (fail[:, None] > ends).sum(axis=1) - 1
    rows = np.arange(n)
    right = [None if np.isinf(x) else x for x in ends[rows, k + 1]]
    return pl.DataFrame({"l": ends[rows, k], "r": right}, schema_overrides={"r": pl.Float64})


def test_by_hand() -> None:
    """(0, 2], (2, 5] twice, 5 and beyond: every interval stands alone."""
    table = sv.turnbull(_frame((0, 2), (2, 5), (2, 5), (5, None)), **GIVEN).table

    assert table.select("left", "right").rows() == [(0, 2), (2, 5), (5, None)]
    assert table["probability"].to_list() == pytest.approx([0.25, 0.5, 0.25], abs=1e-12)
    assert table["survival"].to_list() == pytest.approx([0.75, 0.25, 0.0], abs=1e-12)


def test_overlapping_intervals_by_hand() -> None:
    """(0, 3], (1, 4], (2, 5] meet in (2, 3] alone; with (3, 6] the mass a of (2, 3] solves 2/a = ... by symmetry."""
    alone = sv.turnbull(_frame((0, 3), (1, 4), (2, 5)), **GIVEN).table
    two = sv.turnbull(_frame((0, 3), (2, 5), (3, 6)), **GIVEN).table

    assert alone.select("left", "right", "probability").rows() == [(2, 3, 1.0)]
    assert two.select("left", "right").rows() == [(2, 3), (3, 5)]
    assert two["probability"].to_list() == pytest.approx([0.5, 0.5], abs=1e-9)


def test_ties_of_ends_begin_and_end_in_order() -> None:
    """(1, 2] and (2, 3] do not meet; the point 2 meets (1, 2] and not (2, 3]."""
    left, right, first, last = intersections(np.array([1.0, 2.0, 2.0]), np.array([2.0, 3.0, 2.0]))

    assert list(zip(left, right, strict=True)) == [(2.0, 2.0), (2.0, 3.0)]
    assert first.tolist() == [0, 1, 0]
    assert last.tolist() == [0, 1, 0]


def test_exact_and_right_censored_rows_give_kaplan_meier() -> None:
    lung = pl.read_csv(FOLDER / "lung.csv")
    frame = lung.select(l="time", r=pl.when(pl.col("event") == 1).then("time"))
    times = [100, 250, 400, 700]

    found = sv.turnbull(frame, **GIVEN).at(times)

    km = sv.kaplan_meier(lung, time="time", event="event").at(times)
    assert found["survival_low"].to_list() == pytest.approx(km["survival"].to_list(), abs=1e-8)
    assert found["survival_high"].to_list() == pytest.approx(km["survival"].to_list(), abs=1e-8)


@pytest.mark.parametrize("seed", range(2))
def test_equals_a_plain_em_carried_far(seed: int) -> None:
    frame = _visits(40, seed)
    low, high = frame["l"].to_numpy(), frame["r"].fill_null(np.inf).to_numpy()

    found = most_likely(low, high, np.ones(40))

    inside = (low[:, None] <= found.left) & (found.right <= high[:, None])
    mass = np.full(found.mass.size, 1 / found.mass.size)
    for _ in range(20_000):
        mass = mass * (inside / (inside @ mass)[:, None]).mean(axis=0)
    best = float(np.log(inside @ mass).sum())
    assert found.gap <= 1e-9
    assert found.loglik >= best - 1e-7
    assert found.mass == pytest.approx(mass, abs=2e-4)
    slopes = (inside / (inside @ found.mass)[:, None]).mean(axis=0)
    assert slopes.max() <= 1 + 2e-9
    assert slopes[found.mass > 1e-9] == pytest.approx(1, abs=1e-6)


def test_equals_lifelines() -> None:
    frame = _visits(60, 11)
    low, high = frame["l"].to_numpy(), frame["r"].fill_null(np.inf).to_numpy()

    mass, where = npmle(low, high, tol=1e-9)

    ours = sv.turnbull(frame, **GIVEN)
    for t in (20.0, 50.0, 90.0, 140.0):
        theirs = 1 - sum(m for m, i in zip(mass, where, strict=True) if i.right <= t)
        assert ours.at(t)["survival_high"].item() == pytest.approx(theirs, abs=1e-4)


def test_near_survfit() -> None:
    frame = pl.read_csv(FOLDER / CASE["data"])

    found = sv.turnbull(frame, left="left", right="right", by="arm").at(CASE["expect"]["time"])

    wanted = np.array([s for arm in ("arm=0", "arm=1") for s in CASE["expect"]["survival"][arm]])
    near = CASE["tolerance"]["rel"]
    assert (found["survival_low"].to_numpy() <= wanted * (1 + near)).all()
    assert (found["survival_high"].to_numpy() >= wanted * (1 - near)).all()
    assert (found["survival_high"] - found["survival_low"] < 1e-9).sum() > 12


def test_copies_order_and_unit_change_nothing() -> None:
    frame = _visits(50, 3).with_columns(w=pl.Series(np.tile([1, 2, 3, 1, 1], 10)))
    copies = frame[np.repeat(np.arange(50), frame["w"].to_numpy())].sample(fraction=1, shuffle=True, seed=2)

    weighted, copied = sv.turnbull(frame, **GIVEN, weights="w"), sv.turnbull(copies, **GIVEN)
    slow = sv.turnbull(frame.with_columns(pl.col("l", "r") * 7), **GIVEN, weights="w")

    at = [30.0, 60.0, 100.0]
    assert copied.at(at)["survival_high"].to_list() == pytest.approx(
        weighted.at(at)["survival_high"].to_list(), abs=1e-6
    )
    assert copied.loglik[0] == pytest.approx(weighted.loglik[0], abs=1e-6)
    assert slow.table["probability"].to_list() == pytest.approx(weighted.table["probability"].to_list(), abs=1e-12)


def test_what_is_not_determined_is_shown() -> None:
    found = sv.turnbull(_frame((None, 4), (2, 6), (6, None)), **GIVEN)

    assert found.at([1, 3, 5, 9]).select("survival_low", "survival_high").rows() == [
        pytest.approx((1, 1)), pytest.approx((1 / 3, 1), abs=1e-9), pytest.approx((1 / 3, 1 / 3), abs=1e-9),
        pytest.approx((0, 1 / 3), abs=1e-9),
    ]  # fmt: skip
    assert "no standard errors" in found.notes[-1]
    assert found.to_result(outcome="pfs").table.select("time", "n", "n_event").rows() == [(4, 3, 2)]
    assert "Turnbull" in found._repr_html_()


def test_isotonic_by_hand() -> None:
    assert isotonic(np.array([1.0, 3.0, 2.0, 4.0]), np.array([1.0, 1.0, 3.0, 1.0])).tolist() == [1, 2.25, 2.25, 4]
    assert isotonic(np.array([3.0, 2.0, 1.0]), np.ones(3)).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(3, 1), (1, 2)], "column 'l' and 'r': 1 of 2 rows end before they begin"),
        ([(None, None), (1, 2)], "neither end"),
        ([(-1, 2)], "column 'l': 1 of 1 rows lie before time 0"),
        ([(0.0, float("nan"))], "column 'r': 1 of 1 rows have no finite value"),
    ],
)
def test_rows_that_break_the_contract(rows: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        sv.turnbull(_frame(*rows), **GIVEN)


def test_arguments_are_checked() -> None:
    with pytest.raises(NoValidAnswer, match="no rows"):
        sv.turnbull(_frame((0, 1)).clear(), **GIVEN)
    with pytest.raises(DefinitionError, match="finite numbers"):
        sv.turnbull(_frame((0, 1)), **GIVEN).at(-1)
    with pytest.raises(DefinitionError, match="whole days"):
        sv.turnbull(_frame((0.0, 1.5)), **GIVEN).to_result()


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_weights_are_those_of_every_estimator(weight: float) -> None:
    frame = pl.DataFrame({"l": [1, 2], "r": [3, 4], "w": [1.0, weight]})

    with pytest.raises(DataError, match="column 'w': 1 of 2 rows have a weight beyond 1e50 or below 1e-50"):
        sv.turnbull(frame, left="l", right="r", weights="w")


def test_an_infinite_end_is_an_open_one() -> None:
    told = [(0.0, 2.0), (2.0, 5.0), (-np.inf, 5.0), (5.0, np.inf)]
    open_ended = [(0.0, 2.0), (2.0, 5.0), (None, 5.0), (5.0, None)]
    columns = {"l": pl.Float64, "r": pl.Float64}

    infinite, null = (
        sv.turnbull(pl.DataFrame(rows, columns, orient="row"), left="l", right="r") for rows in (told, open_ended)
    )

    assert infinite.table.equals(null.table)
    with pytest.raises(DataError, match="column 'l': 1 of 1 rows have no finite value"):
        sv.turnbull(pl.DataFrame({"l": [np.inf], "r": [np.inf]}), left="l", right="r")


def test_weights_beside_which_the_others_are_lost_in_rounding_are_refused() -> None:
    rows = {"l": [1, 2, 1, 1], "r": [3, 4, 2, 2], "t": [4, 3, 1, 1], "e": [1, 1, 1, 0], "w": [1.0, 1.0, 1e30, 1e30]}
    frame = pl.DataFrame(rows)

    for estimate in (
        lambda: sv.turnbull(frame, left="l", right="r", weights="w"),
        lambda: sv.concordance(frame, time="t", event="e", score="l", weights="w", weighting="uno"),
    ):
        with pytest.raises(NoValidAnswer, match="weights lie so far apart"):
            estimate()


def test_groups_without_a_name_are_refused() -> None:
    frame = pl.DataFrame({"l": [1, 2], "r": [3, 4], "g": [0.0, float("nan")]})

    with pytest.raises(DataError, match="column 'g': 1 of 2 rows have no value"):
        sv.turnbull(frame, left="l", right="r", by="g")
