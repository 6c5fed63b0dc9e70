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
CASES = {
    case["case"]: case
    for name in ("logrank.json", "curves.json")
    for case in json.loads((FOLDER / name).read_text("utf-8"))["cases"]
}
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


def _two_groups(name: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    return pl.read_csv(FOLDER / CASES[name]["data"]), {"time": "time", "event": "event", **SETS[name.split(".")[1]]}


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("fh.")])
def test_fleming_harrington_weights_equal_nph(name: str) -> None:
    frame, given = _two_groups(name)

    for kind, wanted in CASES[name]["expect"].items():
        rho, gamma = kind.removeprefix("rho").split("_gamma")
        test = sv.log_rank(frame, **given, rho=float(rho), gamma=float(gamma))
        _close(name, kind, [test.statistic, test.p_value], [wanted["chisq"], wanted["p"]])


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("gehan_tarone.")])
def test_other_weights_of_days_equal_their_formulas_in_r(name: str) -> None:
    """Peto-Peto is not G-rho with rho = 1: their survival estimates differ (lung: 12.7078 and 12.7142)."""
    frame, given = _two_groups(name)

    for kind in ("gehan_breslow", "tarone_ware", "peto_peto", "modified_peto_peto"):
        test = sv.log_rank(frame, **given, day_weights=kind.removesuffix("_breslow"))
        wanted = CASES[name]["expect"][kind]
        _close(name, kind, [test.statistic, test.p_value], [wanted["chisq"], wanted["p"]])
        _close(name, kind, test.table["variance"][1], wanted["var"])
        _close(name, kind, (test.table["observed"] - test.table["expected"])[1], wanted["q_group_max"])


def _weighted(kind: str) -> pl.DataFrame:
    """Return gbsg with weights from a logistic propensity model."""
    frame = pl.read_csv(FOLDER / "gbsg.csv")
    x = frame.select(pl.lit(1.0).alias("one"), "age", "meno", "size", "grade", "nodes", "pgr", "er").to_numpy()
    treated, beta = frame["hormon"].to_numpy().astype(float), np.zeros(8)
    for _ in range(30):  # by Newton-Raphson
        p = 1 / (1 + np.exp(-x @ beta))
        beta += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (treated - p))
    p = 1 / (1 + np.exp(-x @ beta))
    weight = treated / p + (1 - treated) / (1 - p) if kind == "ATE" else treated * (1 - p) + (1 - treated) * p
    return frame.with_columns(w=weight)


GBSG = {"time": "rfstime", "event": "status", "by": "hormon", "weights": "w"}


@pytest.mark.parametrize("kind", ["ATE", "ATO"])
def test_weighted_rows_give_the_robust_score_test_of_r(kind: str) -> None:
    name = f"weighted_logrank.gbsg.{kind}"

    test = sv.log_rank(_weighted(kind), **GBSG)

    wanted = CASES[name]["expect"]["cox_breslow"]
    _close(name, "statistic", test.statistic, wanted["robust_score_chisq"])
    _close(name, "p_value", test.p_value, wanted["robust_score_p"])


@pytest.mark.parametrize("kind", ["ATE", "ATO"])
def test_weights_taken_as_given_are_the_test_of_xie_and_liu(kind: str) -> None:
    name = f"ipw_logrank_xie_liu.gbsg.{kind}"

    test = sv.log_rank(_weighted(kind), **GBSG, variance="xie_liu")

    wanted = CASES[name]["expect"]
    assert test.statistic == pytest.approx(wanted["statistic_z"] ** 2, rel=1e-7)  # their weights: glm's optimum
    assert test.p_value == pytest.approx(wanted["p"], rel=1e-7)


def test_the_cluster_is_the_unit_of_the_robust_variance() -> None:
    """Rows split over time and gathered by person are the persons."""
    frame = pl.DataFrame(
        {"id": range(8), "t": [2, 3, 4, 5, 6, 7, 8, 9], "e": [1, 1, 0, 1, 1, 0, 1, 1], "g": list("abab" * 2)}
    )
    late = frame.filter(pl.col("t") > 4).with_columns(a=4)
    split = pl.concat(
        [frame.with_columns(pl.min_horizontal("t", 4), e=pl.when(pl.col("t") > 4).then(0).otherwise("e"), a=0), late],
        how="diagonal_relaxed",
    )
    given = {"time": "t", "event": "e", "by": "g", "cluster": "id"}

    whole, parts = sv.log_rank(frame, **given), sv.log_rank(split, **given, entry="a")

    assert parts.statistic == pytest.approx(whole.statistic, rel=1e-12)
    assert whole.settings["robust"]


def test_times_tied_to_rounding_are_one_time() -> None:
    frame = pl.DataFrame({"t": [0.1 + 0.2, 0.5, 0.7, 0.3, 0.6, 0.9], "e": 1, "g": list("aaabbb")})

    assert sv.log_rank(frame, time="t", event="e", by="g", clock="continuous").statistic == pytest.approx(
        0.396039604, rel=1e-8
    )


def test_scores_of_a_trend_may_be_given() -> None:
    frame, given = _two_groups("logrank.gbsg_grade.trend")

    even, given_even, steep = (sv.log_rank(frame, **given, trend=t) for t in (True, (10, 20, 30), (0, 0, 1)))

    assert given_even.statistic == pytest.approx(even.statistic, rel=1e-12)
    two = sv.log_rank(frame.with_columns(last=pl.col("grade") == 3), **given | {"by": "last"})
    assert (two.table["observed"] - two.table["expected"])[1] ** 2 / two.table["variance"][1] == pytest.approx(
        steep.statistic, rel=1e-12
    )


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
    for wrong, says in (
        ({"by": []}, "by"),
        ({"day_weights": "wilcoxon"}, "not one of"),
        ({"day_weights": "gehan", "rho": 1}, "belong to fleming_harrington"),
        ({"rho": -1}, "not negative"),
        ({"trend": (1, 2, 3)}, "each of the 2 groups"),
        ({"trend": (1, 1)}, "not all equal"),
        ({"variance": "xie_liu"}, "weighted rows"),
        ({"variance": "naive"}, "neither"),
        ({"day_weights": "peto_peto", "weights": "w"}, "count persons"),
    ):
        with pytest.raises(DefinitionError, match=says):
            sv.log_rank(frame.with_columns(e=1, w=0.5), **{"time": "t", "event": "e", "by": "g", **wrong})
