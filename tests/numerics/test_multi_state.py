# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""State probabilities equal R, a plain product of matrices, their own derivatives, and competing risks as a case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "competing.json").read_text("utf-8"))["cases"]}
COLON: dict[str, Any] = {
    "start": "start",
    "stop": "stop",
    "state_from": "from",
    "to": "to",
    "person": "id",
    "censored": 0,
}
SMALL: dict[str, Any] = {"start": "a", "stop": "b", "state_from": "was", "to": "then", "person": "id"}
WALKS = pl.DataFrame(
    {
        "id": [1, 1, 2, 3, 4, 5, 5, 6],
        "a": [0, 5, 0, 1, 0, 2, 4, 0],
        "b": [5, 7, 3, 6, 4, 4, 9, 8],
        "was": ["a", "b", "b", "b", "a", "a", "b", "a"],
        "then": ["b", "c", "a", "c", None, "b", "a", "c"],
        "w": [1.0, 1.0, 2.0, 1.0, 1.0, 0.5, 0.5, 3.0],
    }
)


def _close(got: Any, wanted: Any, what: str, rtol: float = 1e-9) -> None:
    assert_allclose(np.array(got, float), np.array(wanted, float), rtol=rtol, atol=1e-12, err_msg=what)


def _wide(found: pl.DataFrame, column: str) -> np.ndarray:
    return found[column].to_numpy().reshape(-1, found["time"].n_unique()).T


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("multistate.")])
def test_illness_and_death_equal_survfit(name: str) -> None:
    expect, frame = CASES[name]["expect"], pl.read_csv(FOLDER / "colon_ms.csv")

    model = sv.multi_state(frame, **COLON, by=None if name.endswith("all") else "rx")

    for group, wanted in expect["at"].items():
        found = model.at(wanted["time"])
        mine = found if group == "all" else found.filter(rx=int(group[-1]))
        _close(_wide(mine, "probability"), wanted["pstate"], f"{name} {group}")
        _close(_wide(mine, "std_error"), wanted["se"], f"{name} {group} error")
    moved = model.transitions.group_by("from", "to", maintain_order=True).agg(pl.sum("n"))["n"].to_numpy().reshape(3, 3)
    assert moved[:2, 1:].tolist() == [row[:2] for row in expect["transitions"][:2]]


def test_greenwoods_variance_equals_mstate() -> None:
    case = CASES["mstate.colon_rx2"]["expect"]
    frame = pl.read_csv(FOLDER / "colon_ms.csv")

    model = sv.multi_state(frame, **COLON, variance="greenwood")

    _close(_wide(model.at(case["time"]), "probability"), case["nonparametric"]["pstate"], "probability", 1e-6)
    _close(_wide(model.at(case["time"]), "std_error"), case["nonparametric"]["se_greenwood"], "error", 1e-6)
    since = model.transition_probabilities(case["time"]).filter(pl.col("from") == 1)
    _close(_wide(since, "probability"), case["nonparametric"]["pstate"], "from the start", 1e-6)
    _close(_wide(since, "std_error"), case["nonparametric"]["se_greenwood"], "from the start", 1e-6)


def test_states_that_are_left_and_entered_again_equal_survfit() -> None:
    """R 4.2.2, survival 3.5-3: survfit(Surv(start, stop, to) ~ 1, id=id, istate=from), without and with weights."""
    plain, weighted = sv.multi_state(WALKS, **SMALL), sv.multi_state(WALKS, **SMALL, weights="w")

    days = [3, 4, 5, 6, 7, 8, 9]
    _close(plain.initial["probability"], [2 / 3, 1 / 3, 0], "initial")
    rows = [
        [0.833333333333333, 0.166666666666667, 0],
        [0.625, 0.375, 0],
        [0.3125, 0.6875, 0],
        [0.3125, 0.458333333333333, 0.229166666666667],
        [0.3125, 0.229166666666667, 0.458333333333333],
        [0, 0.229166666666667, 0.770833333333333],
        [0.229166666666667, 0, 0.770833333333333],
    ]
    errors = [
        [0.117851130197758, 0.117851130197758, 0],
        [0.200909390854020, 0.200909390854020, 0],
        [0.242732920786063, 0.242732920786063, 0],
        [0.242732920786063, 0.275774022939789, 0.184747022144764],
        [0.242732920786063, 0.203206595672216, 0.248451997499977],
        [0, 0.203206595672216, 0.203206595672216],
        [0.203206595672216, 0, 0.203206595672216],
    ]
    _close(_wide(plain.at(days), "probability"), rows, "probability", 1e-12)
    _close(_wide(plain.at(days), "std_error"), errors, "error", 1e-12)
    _close(_wide(weighted.at([4, 9]), "probability")[:, 0], [0.8021390374331551, 0.0796791443850268], "weighted", 1e-12)
    _close(_wide(weighted.at([4, 9]), "std_error")[:, 0], [0.1335104840320595, 0.0866227943617894], "weighted", 1e-12)
    _close(plain.transition_probabilities(9, since=4)["probability"][:3], [1 / 6, 0, 5 / 6], "since")  # by hand


def test_competing_risks_are_a_case() -> None:
    frame = pl.read_csv(FOLDER / "colon_cr.csv").with_columns(zero=0, was=pl.lit(0))
    states: dict[str, Any] = {"start": "zero", "stop": "ftime", "state_from": "was", "to": "to", "by": "rx"}

    model = sv.multi_state(frame.with_columns(to=pl.col("fstatus").replace(0, None)), **states)

    risks = sv.cumulative_incidence(frame.with_columns(a=0), time="ftime", cause="fstatus", by="rx", entry="zero")
    found, wanted = model.at([365, 1825]).filter(pl.col("state") > 0), risks.at([365, 1825])
    for one, two in (("probability", "incidence"), ("std_error", "std_error"), ("conf_low", "conf_low")):
        _close(found[one], wanted[two], one)


def test_splits_order_and_copies_change_nothing() -> None:
    frame = pl.read_csv(FOLDER / "colon_ms.csv")
    middle = (pl.col("start") + pl.col("stop")) // 2
    first = frame.with_columns(stop=middle, to=pl.lit(0, pl.Int64)).filter(pl.col("stop") > pl.col("start"))
    split = pl.concat([first, frame.with_columns(start=middle)]).sample(fraction=1, shuffle=True, seed=2)
    copies = pl.concat([frame, frame.with_columns(id=pl.col("id") + 10_000)])
    whole, days = sv.multi_state(frame, **COLON), [180, 365, 1825]

    parts = sv.multi_state(split, **COLON)
    twice = sv.multi_state(copies, **COLON, variance="greenwood")
    weighted = sv.multi_state(frame.with_columns(w=2), **COLON, weights="w", variance="greenwood")

    for column in ("probability", "std_error"):
        _close(parts.at(days)[column], whole.at(days)[column], column)
        _close(weighted.at(days)[column], twice.at(days)[column], column)
    assert parts.table["n_censor"].sum() == whole.table["n_censor"].sum()


def test_table_result_and_page() -> None:
    model = sv.multi_state(WALKS, **SMALL)

    assert model.table.filter(time=4).select("state", "n_risk", "n_event", "n_censor").rows() == [
        ("a", 4, 0, 1), ("b", 1, 1, 0), ("c", 0, 0, 0),
    ]  # fmt: skip
    _close(model.table.group_by("time").agg(pl.sum("probability"))["probability"], np.ones(7), "sum")
    assert model.to_result().table.height == model.table.height
    assert model.to_result(milestones=[5]).table["estimate"].to_list() == pytest.approx([0.3125, 0.6875, 0])
    assert model.at(10)["probability"].null_count() == 3
    assert "State probabilities" in model._repr_html_()
    gap = WALKS.with_columns(a=pl.when((pl.col("id") == 1) & (pl.col("a") == 5)).then(6).otherwise("a"))
    assert sv.multi_state(gap, **SMALL).notes == ("1 gaps in histories: persons count as not observed there",)


def test_refusals() -> None:
    again = WALKS.with_columns(a=pl.when((pl.col("id") == 1) & (pl.col("a") == 5)).then(4).otherwise("a"))
    with pytest.raises(DataError, match="1 rows overlap"):
        sv.multi_state(again, **SMALL)
    jump = WALKS.with_columns(was=pl.when((pl.col("id") == 5) & (pl.col("a") == 4)).then(pl.lit("a")).otherwise("was"))
    with pytest.raises(DataError, match="1 of 8 rows move to the state they are in"):
        sv.multi_state(jump, **SMALL)
    jump = jump.with_columns(then=pl.when(pl.col("b") == 9).then(pl.lit("c")).otherwise("then"))
    with pytest.raises(DataError, match="1 rows begin in another state"):
        sv.multi_state(jump, **SMALL)
    with pytest.raises(NoValidAnswer, match="nobody moves"):
        sv.multi_state(WALKS.with_columns(then=pl.lit(None, pl.String)), **SMALL)
    with pytest.raises(DefinitionError, match="times lie before since"):
        sv.multi_state(WALKS, **SMALL).transition_probabilities(3, since=4)
    with pytest.raises(DefinitionError, match="independent persons"):
        sv.multi_state(WALKS, **SMALL, weights="w", variance="greenwood")
