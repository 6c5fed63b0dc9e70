# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The log-rank family equals fractions by hand, R, and a robust score test written out."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "logrank.json").read_text("utf-8"))["cases"]}
SETS: dict[str, dict[str, Any]] = {
    "lung_sex": {"by": "sex"},
    "lung_sex_by_ecog": {"by": "sex", "strata": "ph_ecog"},
    "veteran_celltype": {"by": "celltype"},
    "veteran_trt": {"by": "trt"},
    "veteran_trt_by_celltype": {"by": "trt", "strata": "celltype"},
    "colon_rx": {"by": "rx", "event": "death"},
    "colon_rx_by_node4": {"by": "rx", "strata": "node4", "event": "death"},
    "gbsg_hormon": {"by": "hormon", "time": "rfstime", "event": "status"},
    "gbsg_grade": {"by": "grade", "time": "rfstime", "event": "status"},
    "edge_ties": {"by": "arm"},
    "edge_noevents": {"by": "arm"},
}


def _close(name: str, what: str, got: Any, wanted: Any) -> None:
    tolerance = CASES[name]["tolerance"]
    assert got == pytest.approx(wanted, rel=tolerance["rel"], abs=tolerance["abs"]), what


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("logrank.")])
def test_equals_r(name: str) -> None:
    _, data, kind = name.split(".", 2)
    given = {"time": "time", "event": "event", **SETS[data]}
    frame = pl.read_csv(FOLDER / CASES[name]["data"]).drop_nulls([given["by"], given.get("strata", given["by"])])
    rho = float(kind.rpartition("rho")[2]) if "rho" in kind else 0.0

    test = sv.log_rank(frame, **given, rho=rho, trend="trend" in kind)

    wanted = CASES[name]["expect"]
    _close(name, "statistic", test.statistic, wanted["chisq"])
    _close(name, "p_value", test.p_value, wanted["p"])
    assert test.df == wanted["df"]
    if "observed" in wanted:
        _close(name, "observed", test.table["observed"].to_list(), wanted["observed"])
        _close(name, "expected", test.table["expected"].to_list(), wanted["expected"])
        _close(name, "variance", test.table["variance"].to_list(), np.diag(wanted["var"]).tolist())


@pytest.mark.parametrize(("name", "kind"), [("weighted_logrank.gbsg.ATE", "ate"), ("weighted_logrank.gbsg.ATO", "ato")])
def test_weighted_rows_give_the_robust_score_test_of_r(name: str, kind: str) -> None:
    frame = pl.read_csv(FOLDER / "gbsg.csv")
    x = frame.select(pl.lit(1.0).alias("one"), "age", "meno", "size", "grade", "nodes", "pgr", "er").to_numpy()
    treated, beta = frame["hormon"].to_numpy().astype(float), np.zeros(8)
    for _ in range(30):  # logistic regression by Newton-Raphson
        p = 1 / (1 + np.exp(-x @ beta))
        beta += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (treated - p))
    p = 1 / (1 + np.exp(-x @ beta))
    weight = treated / p + (1 - treated) / (1 - p) if kind == "ate" else treated * (1 - p) + (1 - treated) * p

    test = sv.log_rank(frame.with_columns(w=weight), time="rfstime", event="status", by="hormon", weights="w")

    wanted = CASES[name]["expect"]["cox_breslow"]
    _close(name, "statistic", test.statistic, wanted["robust_score_chisq"])
    _close(name, "p_value", test.p_value, wanted["robust_score_p"])


def test_by_hand() -> None:
    """Days 1, 2, 3 of group a (all fail) against 4, 5, 6 of group b (all censored)."""
    frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 1, 0, 0, 0], "g": list("aaabbb")})

    test = sv.log_rank(frame, time="t", event="e", by="g")

    expected = Fraction(3, 6) + Fraction(2, 5) + Fraction(1, 4)
    variance = Fraction(3 * 3, 36) + Fraction(2 * 3, 25) + Fraction(1 * 3, 16)
    assert test.table["expected"][0] == pytest.approx(float(expected), rel=1e-14)
    assert test.statistic == pytest.approx(float((3 - expected) ** 2 / variance), rel=1e-14)
    assert test.statistic == pytest.approx(5.05166052, rel=1e-8)


def test_late_entry_and_strata_by_hand() -> None:
    """A row that enters on the day another fails is not at risk on it; a stratum without events adds nothing."""
    frame = pl.DataFrame(
        {"a": [0, 0, 2, 0, 0], "t": [2, 5, 4, 7, 8], "e": [1, 0, 1, 0, 0], "g": list("xyyxy"), "s": [1, 1, 1, 2, 2]}
    )

    test = sv.log_rank(frame, time="t", event="e", entry="a", by="g", strata="s")

    assert test.table["expected"].to_list() == pytest.approx([1 / 2, 1 / 2 + 1], rel=1e-14)
    assert test.statistic == pytest.approx((1 - 0.5) ** 2 / 0.25, rel=1e-14)


def test_refuses_what_has_no_answer() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3], "e": [0, 0, 0], "g": ["a", "a", "b"], "one": [1, 1, 1]})

    with pytest.raises(NoValidAnswer, match="no events"):
        sv.log_rank(frame, time="t", event="e", by="g")
    with pytest.raises(NoValidAnswer, match="1 of 1 groups"):
        sv.log_rank(frame.with_columns(e=1), time="t", event="e", by="one")
    with pytest.raises(NoValidAnswer, match="no variance"):
        sv.log_rank(frame.with_columns(e=1, t=5), time="t", event="e", by="g")
    with pytest.raises(DefinitionError, match="by"):
        sv.log_rank(frame, time="t", event="e", by=[])
