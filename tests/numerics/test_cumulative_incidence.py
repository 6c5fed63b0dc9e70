# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cumulative incidence and Gray's test equal R, fractions by hand, and refuse what has no answer."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.execute import Parts

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "competing.json").read_text("utf-8"))["cases"]}
BY = {"sim": None, "sim_arm": "arm", "sim_stage": "stage", "colon_rx": "rx"}
GOLDEN = {case["case"]: case for case in json.loads((FOLDER / "golden.json").read_text("utf-8"))["cases"]}
CURVES = [n for n in CASES if n.startswith("cuminc.")]
STATES = [n for n in CASES if n.startswith("aj.")]
TIED = pl.DataFrame({"t": [1, 2, 2, 3, 3, 4, 5], "why": ["a", "a", "b", "b", "censored", "a", "censored"]})


def _case(name: str) -> tuple[dict[str, Any], pl.DataFrame, dict[str, Any]]:
    case = CASES[name]
    clock = "continuous" if "sim" in name else "days"
    given = {"time": "ftime", "cause": "fstatus", "by": BY[name.split(".")[1]], "clock": clock}
    return case["expect"], pl.read_csv(FOLDER / case["data"]), given


def _same(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(np.array(got, float), np.array(wanted, float), rtol=rtol, atol=1e-12, err_msg=what)


@pytest.mark.parametrize("name", CURVES)
def test_curves_and_the_counting_variance_equal_cmprsk(name: str) -> None:
    expect, frame, given = _case(name)

    found = sv.cumulative_incidence(frame, **given, variance="aalen").at(expect["time"])

    for curve, wanted in expect["curves"].items():
        group, cause = curve.split()
        rows = found.filter(pl.col("cause") == int(cause))
        if given["by"]:
            rows = rows.filter(pl.col(given["by"]) == int(group))
        _same(rows["incidence"], wanted["est"], curve)
        _same(rows["std_error"], wanted["se"], curve)


@pytest.mark.parametrize("name", [n for n in CURVES if n != "cuminc.sim"])
def test_grays_test_equals_cmprsk(name: str) -> None:
    expect, frame, given = _case(name)

    for cause in (1, 2):
        test = sv.gray_test(frame, **given, of=cause)

        wanted = expect["gray_test"][f"cause{cause}"]
        _same([test.statistic, test.p_value, test.df], [wanted["stat"], wanted["p"], wanted["df"]], name)
        assert test.to_result().table["statistic"].item() == test.statistic
        assert "Gray" in test._repr_html_()


@pytest.mark.parametrize("name", STATES)
def test_jackknife_and_limits_equal_survfit(name: str) -> None:
    expect, frame, given = _case(name)
    groups = {None if g == "all" else int(g.split("=")[1]): at for g, at in expect["at"].items()}

    curves = sv.cumulative_incidence(frame, **given, conf_type="log")

    for group, wanted in groups.items():
        found = curves.at(wanted["time"])
        mine = found if group is None else found.filter(pl.col(given["by"]) == group)
        for k, cause in enumerate(curves.causes, 1):
            rows = mine.filter(pl.col("cause") == cause)
            for column, key in {"incidence": "pstate", "std_error": "se_ij", "conf_low": "lower_log"}.items():
                _same(rows[column], [row[k] for row in wanted[key]], f"{name} {group} {cause} {column}")
            _same(rows["conf_high"], [row[k] for row in wanted["upper_log"]], f"{name} {group} {cause} conf_high")
        _same(rows["n_risk"], [row[0] for row in wanted["n_risk"]], f"{name} {group} n_risk")


def test_time_lost_equals_survfit() -> None:
    expect, frame, given = _case("aj.sim")
    wanted = expect["restricted_mean_time_in_state_tau10"]

    lost = sv.cumulative_incidence(frame, **given).time_lost(10)

    _same(lost["time_lost"], wanted["rmean"][1:], "mean")
    _same(lost["std_error"], wanted["se"][1:], "error")


def test_mgus2_equals_r() -> None:
    """Monoclonal gammopathy: plasma cell malignancy against death."""
    curve, gray = (GOLDEN[f"golden.mgus2.{what}"]["expect"] for what in ("aalen_johansen", "gray"))
    mgus = pl.read_csv(FOLDER / "mgus2.csv").with_columns(
        time=pl.when(pl.col("pstat") == 1).then("ptime").otherwise("futime"),
        why=pl.when(pl.col("pstat") == 1).then(1).otherwise(2 * pl.col("death")),
    )

    found = sv.cumulative_incidence(mgus, time="time", cause="why").at(curve["time"])
    tests = [sv.gray_test(mgus, time="time", cause="why", by="male", of=of) for of in (1, 2)]

    for cause, name in ((1, "pcm"), (2, "death")):
        _same(found.filter(cause=cause)["incidence"], curve[name], name)
        _same(found.filter(cause=cause)["std_error"], curve[f"{name}_se"], name)
    _same([test.statistic for test in tests], gray["statistic"], "Gray")
    _same([test.p_value for test in tests], gray["p"], "Gray")


def test_ties_by_hand() -> None:
    found = sv.cumulative_incidence(TIED, time="t", cause="why")

    at = found.at([2, 3, 5])
    wanted = {
        "a": [Fraction(2, 7), Fraction(2, 7), Fraction(1, 2)],
        "b": [Fraction(1, 7), Fraction(2, 7), Fraction(2, 7)],
    }
    for cause, values in wanted.items():
        _same(at.filter(cause=cause)["incidence"], [float(v) for v in values], cause, 1e-14)
    assert at.filter(cause="a").select("n_risk", "n_event", "n_censor").rows() == [(6, 2, 0), (4, 2, 1), (1, 3, 2)]
    assert found.quantile(0.4).select("cause", "time").rows() == [("a", 4.0), ("b", None)]
    assert found.at(6)["incidence"].to_list() == [None, None]


def test_one_cause_is_one_minus_kaplan_meier() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls("inst")

    for more in ({}, {"weights": "wt_frac"}, {"cluster": "inst"}, {"weights": "wt_int", "by": "sex"}):
        found = sv.cumulative_incidence(frame, time="time", cause="event", **more).table
        km = sv.kaplan_meier(frame, time="time", event="event", robust=True, **more).table

        _same(1 - found["incidence"], km["survival"], str(more))
        falling = (km["survival"] > 0).to_list()
        _same(found["std_error"].filter(falling), km["std_error"].filter(falling), str(more))


def test_incidences_and_survival_add_up_with_late_entry_weights_and_clusters() -> None:
    frame = pl.read_csv(FOLDER / "sim_competing.csv").with_row_index("id").with_columns(
        (pl.col("ftime") * 4).round().cast(pl.Int64).alias("t"), w=0.5 + pl.int_range(pl.len()) % 5
    )  # fmt: skip
    frame = frame.with_columns(a=pl.max_horizontal(0, pl.col("t") - 1 - pl.col("id") % 30), e=pl.col("fstatus") > 0)
    more = {"time": "t", "entry": "a", "weights": "w", "cluster": "stage"}

    found = sv.cumulative_incidence(frame, cause="fstatus", **more)

    total = found.table.group_by("time", maintain_order=True).agg(pl.sum("incidence"))
    km = sv.kaplan_meier(frame, event="e", **more).table
    _same(total["incidence"] + km["survival"], np.ones(km.height), "sum")


def test_late_entry_and_clusters_vary_as_the_derivative_by_weights() -> None:
    """The influence of a row is the derivative by its weight; R's infinitesimal jackknife is its sum of squares."""
    rows = {"t": [3, 4, 4, 6, 7, 7, 9, 9], "a": [0, 2, 1, 3, 0, 4, 5, 1], "why": [1, 2, 1, 0, 2, 1, 0, 2]}
    frame = pl.DataFrame(rows | {"w": [1.0, 2, 1, 1.5, 1, 1, 2, 1], "id": [0, 0, 1, 2, 3, 3, 4, 5]})
    given = {"time": "t", "cause": "why", "entry": "a", "weights": "w"}
    days = [3, 4, 6, 7, 9]

    def curve(change: float, row: int) -> np.ndarray:
        moved = frame.with_columns(w=pl.col("w") * (1 + change * (pl.int_range(pl.len()) == row)))
        found = sv.cumulative_incidence(moved, **given)
        return np.concatenate([found.at(days)["incidence"].to_numpy(), found.time_lost(8)["time_lost"].to_numpy()])

    slopes = np.array([(curve(1e-5, i) - curve(-1e-5, i)) / 2e-5 for i in range(8)])
    clustered = np.array([slopes[np.array(rows["t"]) > 0][frame["id"].to_numpy() == c].sum(axis=0) for c in range(6)])
    for more, own in (({}, slopes), ({"cluster": "id"}, clustered)):
        found = sv.cumulative_incidence(frame, **given, **more)
        errors = [*found.at(days)["std_error"], *found.time_lost(8)["std_error"]]
        _same(errors, np.sqrt((own**2).sum(axis=0)), str(more), 1e-7)


def test_result_table_and_page() -> None:
    found = sv.cumulative_incidence(TIED, time="t", cause="why")

    table = found.to_result(population="all", outcome="failure", milestones=[2], at_risk=[0, 3], tau=4).table

    kinds = ["cumulative_incidence", "count", "milestone", "at_risk", "time_lost"]
    assert table["estimand"].unique(maintain_order=True).to_list() == kinds
    assert table.filter(estimand="count").select("stratum", "n").rows() == [("a", 3), ("b", 2)]
    assert table.filter(estimand="at_risk", stratum="a").select("time", "n", "n_event").rows() == [(0, 7, 0), (3, 4, 2)]
    assert table.filter(estimand="milestone").select("stratum", "n", "n_event").rows() == [("a", 6, 2), ("b", 6, 1)]
    assert table.filter(estimand="time_lost", stratum="a")["estimate"].item() == pytest.approx(1 / 7 * 3 + 1 / 7 * 2)
    assert found.at_risk(3).columns == ["cause", "time", "n_risk", "n_event", "n_censor"]
    assert "Cumulative incidence" in found._repr_html_()


def test_a_risk_set_that_runs_empty_is_said() -> None:
    frame = pl.DataFrame({"a": [0, 3, 3], "t": [2, 5, 6], "why": [1, 2, 1]})

    assert "runs empty early" in sv.cumulative_incidence(frame, time="t", cause="why", entry="a").notes[0]


def test_refusals() -> None:
    none = TIED.with_columns(why=pl.lit("censored"))
    with pytest.raises(NoValidAnswer, match="nobody fails"):
        sv.cumulative_incidence(none, time="t", cause="why")
    with pytest.raises(DefinitionError, match="variance 'delta' is not one of jackknife, aalen"):
        sv.cumulative_incidence(TIED, time="t", cause="why", variance="delta")
    with pytest.raises(DefinitionError, match="take the jackknife"):
        sv.cumulative_incidence(TIED.with_columns(c=1), time="t", cause="why", variance="aalen", cluster="c")
    with pytest.raises(NoValidAnswer, match="beyond the last follow-up of 1 of 1 groups"):
        sv.cumulative_incidence(TIED, time="t", cause="why").time_lost(9)
    with pytest.raises(NoValidAnswer, match="at least two groups"):
        sv.gray_test(TIED.with_columns(g=1), time="t", cause="why", by="g", of="a")
    with pytest.raises(DefinitionError, match="nobody fails of cause 'c'"):
        sv.gray_test(TIED.with_columns(g=1), time="t", cause="why", by="g", of="c")
    apart = TIED.with_columns(g=pl.col("t") > 3)
    with pytest.raises(NoValidAnswer, match="cannot be compared"):
        sv.gray_test(apart.filter(pl.col("why") != "b"), time="t", cause="why", by="g", strata="g", of="a")


def test_clusters_count_beside_persons() -> None:
    frame = pl.DataFrame({"t": [2, 2, 3, 4, 5], "c": [2, 1, 0, 0, 0], "id": [2, 2, 3, 1, 2]})

    found = sv.cumulative_incidence(frame, time="t", cause="c", cluster="id").at(2)

    by_cluster = [0.16 - 0.04 - 0.04, -0.04, -0.04]  # (failed of the cause - 1 / 5) / 5, summed
    assert_allclose(found["std_error"], np.sqrt(np.square(by_cluster).sum()), rtol=1e-14)


def test_ties_take_no_more_than_all_of_the_variance_from_grays_test() -> None:
    columns = {"t": [8, 9, 31, 11, 22, 27, 29, 31], "c": [2, 2, 1, 1, 2, 1, 3, 1], "g": [0, 0, 0, 1, 1, 1, 1, 1]}

    found = sv.gray_test(pl.DataFrame(columns), time="t", cause="c", by="g", of=1)

    # two fail on day 31 among 8 / 5, in the measure of group 1: cuminc takes 1 - 1 / (8 / 5 - 1) = -2 / 3 of the
    # variance of that day, and finds 0.3138383264
    assert_allclose(found.statistic, 0.29692661999000247, rtol=1e-12)


@pytest.mark.parametrize("weights", [None, "w"])
def test_parts_and_streams_equal_one_frame(weights: str | None, tmp_path: Path) -> None:
    r = np.random.default_rng(5)
    columns = {"t": r.integers(0, 40, 300), "c": r.integers(0, 3, 300), "g": r.integers(0, 2, 300)}
    frame = pl.DataFrame(columns | {"w": r.integers(1, 9, 300) / 8})
    frame.write_parquet(tmp_path / "rows.parquet")
    thirds = Parts([frame[:100], frame[100:150].lazy(), frame[150:]])

    whole = sv.cumulative_incidence(frame, time="t", cause="c", by="g", weights=weights)
    parted = sv.cumulative_incidence(thirds, time="t", cause="c", by="g", weights=weights)
    read = sv.cumulative_incidence(tmp_path / "rows.parquet", time="t", cause="c", by="g", weights=weights)

    for found in (parted, read):
        assert_frame_equal(found.table, whole.table, rel_tol=1e-12, abs_tol=1e-14)
        assert_frame_equal(found.time_lost(30), whole.time_lost(30), rel_tol=1e-12, abs_tol=1e-14)
    together = sv.gray_test(thirds, time="t", cause="c", by="g")
    assert together.statistic == sv.gray_test(frame, time="t", cause="c", by="g").statistic


@pytest.mark.parametrize("second", [5, 5000])
def test_causes_keep_their_numbers_whatever_gaps_they_have(second: int) -> None:
    frame = pl.DataFrame({"days": [1, 2, 2, 3, 3, 4, 5], "why": [1, 1, 2, 2, 0, 1, 0], "id": range(7)})
    other = frame.with_columns(pl.col("why").replace({1: 3, 2: second}))

    first, found = (sv.cumulative_incidence(f, time="days", cause="why", cluster="id") for f in (frame, other))

    assert found.causes == (3, second)
    assert found.table.drop("cause").equals(first.table.drop("cause"))


def test_threads_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    r, n = np.random.default_rng(7), 600_000
    columns = {"t": r.integers(1, 900, n), "c": r.integers(0, 3, n), "g": r.integers(0, 3, n)}
    frame = pl.DataFrame(columns)

    def answers(threads: str) -> tuple[pl.DataFrame, float]:
        monkeypatch.setenv("RWE_THREADS", threads)
        curves = sv.cumulative_incidence(frame, time="t", cause="c", by="g")
        return curves.table, sv.gray_test(frame, time="t", cause="c", by="g").statistic

    one, two = answers("1"), answers("2")

    assert one[0].equals(two[0])
    assert one[1] == two[1]
