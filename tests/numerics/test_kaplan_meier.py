# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kernels and Kaplan-Meier curves equal fractions worked by hand, and awkward inputs are right or flagged."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels.days import fold
from rwe.kernels.product_limit import product_limit

AML = {"t": [54, 75, 77, 84, 87, 92, 103, 105, 112, 118], "e": [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]}


def _km(t: list[int], e: list[int], *, more: dict[str, list[Any]] | None = None, **given: Any) -> sv.KaplanMeier:
    return sv.kaplan_meier(pl.DataFrame({"t": t, "e": e, **(more or {})}), time="t", event="e", **given)


def _array(values: list[int], kind: Any) -> Any:
    return np.array(values, kind)


def test_fold_counts_each_kind_by_cell_and_day() -> None:
    table = fold(
        cell=_array([0, 0, 1, 1], np.int64),
        leave=_array([1, 2, 2, 3], np.int32),
        event=_array([1, 0, 1, 1], np.bool_),
        enter=_array([-1, 0, -1, 2], np.int32),
        weight=np.array([1.0, 0.5, 2.0, 3.0]),
        n_cells=2,
        n_days=4,
    )

    assert table.n_event.tolist() == [[0, 1, 0, 0], [0, 0, 1, 1]]
    assert table.n_censor.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]
    assert table.n_risk.tolist() == [[1, 2, 1, 0], [1, 1, 1, 1]]
    assert table.w_risk.tolist() == [[1.0, 1.5, 0.5, 0.0], [2.0, 2.0, 2.0, 3.0]]
    assert table.w_censor.tolist() == [[0, 0, 0.5, 0], [0, 0, 0, 0]]


def test_product_limit_by_hand() -> None:
    n, d = np.array([6, 5, 3], np.int64), np.array([1, 0, 2], np.int64)

    survival, var_log, hazard, var_hazard = product_limit(n, d, n.astype(float), d.astype(float))

    assert survival == pytest.approx([5 / 6, 5 / 6, 5 / 18], rel=1e-15)
    assert var_log == pytest.approx([1 / 30, 1 / 30, 1 / 30 + 2 / 3], rel=1e-15)
    assert hazard == pytest.approx([1 / 6, 1 / 6, 1 / 6 + 2 / 3], rel=1e-15)
    assert var_hazard == pytest.approx([1 / 36, 1 / 36, 1 / 36 + 2 / 9], rel=1e-15)


def test_failures_precede_censorings_of_the_same_day() -> None:
    table = _km([1, 2, 2, 3], [1, 1, 0, 1]).table

    assert table["survival"].to_list() == [0.75, 0.5, 0.0]
    assert table["n_risk"].to_list() == [4, 3, 1]
    assert table.row(2)[4:] == (0.0, None, None, None)


def test_failure_on_day_0_counts() -> None:
    table = _km([0, 0, 2, 3], [1, 0, 1, 0]).table

    assert table["survival"].to_list() == pytest.approx([0.75, 0.375, 0.375])
    assert table["n_risk"].to_list() == [4, 2, 1]


def test_median_is_the_middle_of_a_plateau() -> None:
    log_log, log = _km(**AML), _km(**AML, conf_type="log")

    assert log_log.quantile([0.25, 0.5]).select("time", "conf_low", "conf_high").rows() == [
        (77, 54, None),
        (102.5, 54, None),
    ]
    assert log.quantile(0.5).row(0) == (0.5, 102.5, 77, None)
    at = log_log.at(100).row(0, named=True)
    assert (at["survival"], at["n_risk"]) == (0.5, 4)
    assert [at["conf_low"], at["conf_high"]] == pytest.approx([0.183605591, 0.753174077], rel=1e-8)


def test_a_plateau_is_found_through_rounding() -> None:
    """Twelve persons: S on the plateau is 0.49999999999999989 in floating point."""
    twelve = list(range(1, 13))

    assert _km(twelve, [1] * 12).quantile(0.5)["time"].item() == 6.5
    assert _km([1, 2, 3, 4, 5, 6], [1] * 6).quantile(0.5)["time"].item() == 3.5


def test_nobody_fails() -> None:
    km = _km([1, 2, 3], [0, 0, 0])

    assert km.table.select("survival", "std_error", "conf_low", "conf_high").rows() == [(1.0, 0.0, 1.0, 1.0)] * 3
    assert km.quantile(0.5).row(0) == (0.5, None, None, None)


def test_late_entry_is_at_risk_from_the_next_day() -> None:
    table = _km([2, 5, 4, 6], [1, 1, 1, 0], more={"a": [0, 0, 2, 4]}, entry="a").table

    assert table["n_risk"].to_list() == [2, 2, 2, 1]
    assert table["survival"].to_list() == [0.5, 0.25, 0.125, 0.125]
    assert (
        _km([1, 5, 6, 7, 8], [1, 1, 0, 1, 1], more={"a": [0, 2, 2, 2, 3]}, entry="a").table["survival"].to_list()
        == [0.0] * 5
    )


def test_a_risk_set_that_runs_empty_is_told() -> None:
    km = _km([1, 5, 6, 7, 8], [1, 1, 0, 1, 1], more={"a": [0, 2, 2, 2, 3]}, entry="a")

    assert len(km.notes) == 1
    assert "runs empty early in 1 of 1 groups" in km.notes[0]
    assert not _km(**AML).notes
    assert km.to_result().settings["notes"] == list(km.notes)


def test_weights_that_are_not_whole_take_the_robust_error() -> None:
    given = {"t": [1, 2, 3, 4], "e": [1, 1, 0, 1], "more": {"w": [0.5, 1.5, 1.0, 2.0]}, "weights": "w"}

    robust, naive = _km(**given), _km(**given, robust=False)

    assert robust.table["survival"].to_list() == pytest.approx([0.9, 0.6, 0.6, 0.0])
    assert robust.table["std_error"].to_list()[:2] == pytest.approx([0.104880885, 0.260768096], rel=1e-8)
    assert naive.table["std_error"].to_list()[:2] == pytest.approx([0.134164079, 0.219089023], rel=1e-8)
    assert (robust.robust, naive.robust) == (True, False)


def test_robust_errors_by_leaving_each_cluster_out_a_little() -> None:
    """The infinitesimal jackknife is the derivative by the weight of a cluster, taken numerically here."""
    rng = np.random.default_rng(5)
    n, step = 40, 1e-6
    entry = rng.integers(0, 10, n)
    frame = pl.DataFrame(
        {"a": entry, "t": entry + rng.integers(1, 30, n), "e": rng.integers(0, 2, n), "c": rng.integers(0, 9, n)}
    )
    frame = frame.with_columns(w=pl.Series(rng.uniform(0.5, 2, n)))
    given: dict[str, Any] = {"time": "t", "event": "e", "entry": "a", "weights": "w", "cluster": "c"}

    km, at = sv.kaplan_meier(frame, **given), [5, 12, 20]
    curve = km.at(at)["std_error"].to_numpy()
    mean, hazard = km.rmst(20)["std_error"].item(), sv.nelson_aalen(frame, **given).table

    moved: dict[str, list[Any]] = {"s": [], "m": [], "h": []}
    for cluster in range(9):
        for side in (1, -1):
            w = pl.col("w") * pl.when(pl.col("c") == cluster).then(1 + side * step).otherwise(1)
            other = sv.kaplan_meier(frame.with_columns(w=w), **given)
            moved["s"].append(side * other.at(at)["survival"].to_numpy())
            moved["m"].append(side * other.rmst(20)["rmst"].to_numpy())
            moved["h"].append(
                side * sv.nelson_aalen(frame.with_columns(w=w), **given).table["cumulative_hazard"].to_numpy()
            )
    wanted = {k: np.sqrt(((np.array(v)[0::2] + np.array(v)[1::2]) / (2 * step)) ** 2).T for k, v in moved.items()}
    wanted = {k: np.sqrt((v**2).sum(axis=1)) for k, v in wanted.items()}
    known = ~np.isnan(curve)
    assert curve[known] == pytest.approx(wanted["s"][known], rel=1e-5)
    assert mean == pytest.approx(wanted["m"][0], rel=1e-5)
    assert hazard["std_error"].to_numpy() == pytest.approx(wanted["h"], rel=1e-5, abs=1e-9)


def test_rows_of_weight_0_are_left_out_and_told() -> None:
    km = _km([1, 2, 3, 4], [1, 1, 0, 1], more={"w": [1, 0, 1, 1]}, weights="w")

    assert km.table["survival"].to_list() == _km([1, 3, 4], [1, 0, 1]).table["survival"].to_list()
    assert km.notes == ("1 rows of weight 0 left out",)


def test_nothing_is_carried_past_follow_up() -> None:
    open_end, closed = _km([1, 2, 3, 4], [1, 1, 1, 0]), _km([1, 2, 3], [1, 1, 1])

    assert open_end.at([4, 10])["survival"].to_list() == [0.25, None]
    assert closed.at(10)["survival"].to_list() == [0.0]
    with pytest.raises(NoValidAnswer, match="1 of 1 groups"):
        open_end.rmst(10)
    assert closed.rmst(10)["rmst"].item() == pytest.approx(2.0, rel=1e-15)


def test_restricted_mean_by_hand() -> None:
    """S is 1, 3/4, 3/4, 3/8 on days 0 .. 3; areas right of the failures on days 1 and 3 are 15/8 and 3/8."""
    row = _km([1, 2, 3, 5], [1, 0, 1, 0]).rmst(4).row(0, named=True)

    area = Fraction(1) + 2 * Fraction(3, 4) + Fraction(3, 8)
    variance = Fraction(15, 8) ** 2 * Fraction(1, 12) + Fraction(3, 8) ** 2 * Fraction(1, 2)
    assert row["rmst"] == pytest.approx(float(area), rel=1e-15)
    assert row["std_error"] == pytest.approx(sqrt(variance), rel=1e-14)


def test_follow_up_is_the_median_time_to_censoring() -> None:
    frame = pl.DataFrame({"t": [2, 4, 6, 8, 10], "e": [1, 0, 1, 0, 0], "g": ["a"] * 5})

    found = sv.median_follow_up(frame, time="t", event="e", by="g")

    assert found.table.row(0)[:4] == ("a", 5, 3, 8.0)
    assert found.to_result(outcome="os").table.select("group", "estimand", "n", "n_event", "estimate").row(0) == (
        "g=a", "follow_up_median", 5, 3, 8.0,
    )  # fmt: skip


def test_differences_need_two_groups_and_take_the_first_as_reference() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 1, 1, 0], "g": ["b", "a", "b", "a"]})

    found = sv.milestone_difference(frame, time="t", event="e", by="g", at=[2])

    assert found.table.select("group", "reference", "estimate").row(0) == ("g=b", "g=a", 0.0)
    assert found.to_result().table.select("group", "estimand", "time", "n").row(0) == ("difference", "milestone", 2, 4)
    with pytest.raises(DefinitionError, match="holds 3"):
        sv.rmst_difference(frame.with_columns(g=pl.Series(["a", "b", "c", "c"])), time="t", event="e", by="g", tau=1)


def test_result_holds_curve_counts_and_what_was_asked() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 0, 1, 1, 0, 0], "g": list("aabbab")})
    km = sv.kaplan_meier(frame, time="t", event="e", by="g")

    table = km.to_result(population="all", outcome="os", milestones=[2], at_risk=[0, 4], tau=3).table

    curve = table.filter(estimand="survival")
    assert curve["estimate"].to_list() == km.table["survival"].to_list()
    assert curve.filter(group="g=b").select("time", "n", "n_event").rows() == [(3, 3, 1), (4, 2, 2), (6, 1, 2)]
    assert table.filter(estimand="at_risk", group="g=a").select("time", "n", "n_event").rows() == [(0, 3, 0), (4, 1, 1)]
    assert table.filter(estimand="events").select("group", "n", "n_event").rows() == [("g=a", 3, 1), ("g=b", 3, 2)]
    assert table.filter(estimand="milestone")["estimate"].to_list() == km.at(2)["survival"].to_list()
    assert table.filter(estimand="rmst")["estimate"].to_list() == km.rmst(3)["rmst"].to_list()
    assert table.filter(estimand="median")["estimate"].to_list() == km.quantile()["time"].to_list()
    assert set(table["population"]) == {"all"}
    assert "Kaplan-Meier, 95% log-log limits" in km._repr_html_()


def test_limits_of_a_quantile_are_where_the_curve_of_limits_first_falls_to_it() -> None:
    frame = pl.DataFrame({"t": [1, 1, 2, 3, 4, 6], "e": [1] * 6, "id": [0, 1, 1, 0, 3, 0]})

    km = sv.kaplan_meier(frame, time="t", event="e", cluster="id")

    assert km.table["conf_high"][0] < km.table["conf_high"][1] < 0.9  # a robust limit may rise again: R orders it
    assert km.quantile(0.1).row(0) == (0.1, 1, 1, 1)


def test_limits_are_log_log_unless_told_otherwise() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 0, 1, 1]})

    plain, told = (sv.kaplan_meier(frame, time="t", event="e", **m).table for m in ({}, {"conf_type": "log-log"}))

    low = 0.75 ** np.exp(1.959963984540054 * np.sqrt(1 / 12) / -np.log(0.75))  # S = 3/4, Greenwood 1 / (4 x 3)
    assert plain["conf_low"][1 if plain["time"][0] == 0 else 0] == pytest.approx(low, rel=1e-12)
    assert plain.equals(told)
