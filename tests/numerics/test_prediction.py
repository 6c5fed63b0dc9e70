# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Brier score, time-dependent AUC and concordance equal R, their definitions and a peer; bad input is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines.utils import concordance_index
from numpy.testing import assert_allclose

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "prediction.json").read_text("utf-8"))["cases"]}
MODELS: dict[str, dict[str, Any]] = {
    "score.gbsg": {"time": "rfstime", "event": "status", "formula": "hormon + age + nodes + pgr"},
    "score.veteran": {"time": "time", "event": "event", "formula": "trt + karno"},
}
# E34: a failure and a censoring on one day: the failure weighs 1 / G(t-), before that censoring
TIED = {"t": [1, 2, 2, 3, 4, 5], "e": [1, 1, 0, 0, 1, 1], "s": [0.2, 0.6, 0.5, 0.7, 0.4, 0.9]}


@pytest.mark.parametrize("name", CASES)
def test_scores_equal_r(name: str) -> None:
    case, model = CASES[name], MODELS[name]
    wanted, response = case["expect"], {k: model[k] for k in ("time", "event")}
    frame = pl.read_csv(FOLDER / case["data"])
    fit = sv.cox(frame, **model)

    brier = sv.brier_score(frame, **response, model=fit, at=wanted["auc"]["time"]).table
    auc = sv.time_dependent_auc(frame, **response, model=fit, at=wanted["auc"]["time"]).table

    near = {"rtol": 1e-7 if "gbsg" in name else 1e-13}  # on gbsg R stops its Cox fit short of the optimum
    assert_allclose(brier["brier"], wanted["brier_model"]["brier"], **near)
    assert_allclose(brier["std_error"], wanted["brier_model"]["se"], **near)
    assert_allclose(brier["reference"], wanted["brier_null"]["brier"], **near)
    assert_allclose(brier["reference_std_error"], wanted["brier_null"]["se"], **near)
    assert_allclose(auc["auc"], wanted["auc"]["auc"], **near)
    assert_allclose(auc["std_error"], wanted["auc"]["se"], **near)
    assert_allclose(auc["conf_low"], wanted["auc"]["lower"], **near)
    assert_allclose(auc["conf_high"], wanted["auc"]["upper"], **near)


def test_a_failure_tied_with_a_censoring_by_hand() -> None:
    """G(2-) = 1; of the four who did not fail on day 2 one is censored: G(2) = 3/4; on day 3 one of three: 1/2."""
    frame = pl.DataFrame(TIED)

    brier = sv.brier_score(frame, time="t", event="e", survival="s", at=4).table
    uno = sv.concordance(frame.with_columns(r=1 - pl.col("s")), time="t", event="e", score="r", weighting="uno")

    failed = Fraction(4, 100) + Fraction(36, 100) + 2 * Fraction(16, 100)
    assert brier["brier"][0] == pytest.approx(float((failed + 2 * Fraction(1, 100)) / 6), rel=1e-14)
    # day 1: 0.8 against all five, right; day 2: 0.4 against 0.5, 0.3, 0.6, 0.1; day 4, counted 4 times: 0.6 against 0.1
    assert uno.counts.row(0)[:3] == pytest.approx((5 + 2 + 4, 2, 0))


def _plain_auc(frame: pl.DataFrame, tau: int) -> float:
    time, event, risk = (frame[c].to_list() for c in ("t", "e", "r"))

    def left(day: int) -> float:
        """Return G(day-)."""
        kept = 1.0
        for u in sorted(set(time)):
            risk_set = sum(t > u or (t == u and not e) for t, e in zip(time, event, strict=True))
            if u < day and risk_set:
                kept *= 1 - sum(t == u and not e for t, e in zip(time, event, strict=True)) / risk_set
        return kept

    top = bottom = 0.0
    for i, t in enumerate(time):
        if t <= tau and event[i]:
            for j, later in enumerate(time):
                if later > tau:
                    top += ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])) / left(t)
                    bottom += 1 / left(t)
    return top / bottom


def test_scores_equal_their_definitions() -> None:
    rng = np.random.default_rng(7)
    frame = pl.DataFrame({"t": rng.integers(0, 12, 40), "e": rng.integers(0, 2, 40), "r": rng.integers(0, 6, 40) / 6})

    found = sv.time_dependent_auc(frame, time="t", event="e", score="r", at=[3, 6, 9]).table

    assert_allclose(found["auc"], [_plain_auc(frame, tau) for tau in (3, 6, 9)], rtol=1e-13)
    assert found["n_case"].to_list() == [
        frame.filter((pl.col("t") <= tau) & (pl.col("e") == 1)).height for tau in (3, 6, 9)
    ]
    assert found["n_control"].to_list() == [frame.filter(pl.col("t") > tau).height for tau in (3, 6, 9)]


def test_the_integrated_score_is_the_area_under_the_scores() -> None:
    rng = np.random.default_rng(8)
    frame = pl.DataFrame({"t": rng.integers(1, 30, 60), "e": rng.integers(0, 2, 60)})
    frame = frame.with_columns(**{f"s{k}": pl.Series(rng.uniform(size=60)) for k in range(3)})
    columns, response = ["s0", "s1", "s2"], {"time": "t", "event": "e"}

    found = sv.brier_score(frame, **response, survival=columns, at=[4, 8, 20])
    turned = sv.brier_score(frame, **response, survival=columns[::-1], at=[20, 8, 4])
    one = sv.brier_score(frame, **response, survival="s0", at=4)

    b = found.table["brier"].to_list()
    assert found.integrated == pytest.approx((4 * (b[0] + b[1]) / 2 + 12 * (b[1] + b[2]) / 2) / 16, rel=1e-14)
    assert turned.integrated == pytest.approx(found.integrated, rel=1e-14)
    assert turned.integrated_std_error == pytest.approx(found.integrated_std_error, rel=1e-12)
    assert 0 < (found.integrated_std_error or 0) < max(found.table["std_error"])
    assert (one.integrated, one.integrated_std_error) == (None, None)
    table = found.to_result(population="all", outcome="os").table
    assert table["estimand"].to_list() == ["brier"] * 3 + ["integrated_brier"]
    assert "Brier score, 60 rows" in found._repr_html_()


def test_errors_are_those_of_repeated_samples() -> None:
    """The spread of the scores over 400 cohorts is the standard error they claim."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(400):
        x = rng.normal(size=250)
        life, censored = rng.exponential(np.exp(-x) * 100), rng.exponential(150, 250)
        frame = pl.DataFrame({"t": np.ceil(np.minimum(life, censored)).astype(int), "e": life <= censored, "x": x})
        frame = frame.with_columns(s=pl.Series(np.exp(-0.6 * np.exp(x))))
        response = {"time": "t", "event": "e"}
        brier = sv.brier_score(frame, **response, survival="s", at=60).table
        auc = sv.time_dependent_auc(frame, **response, score="x", at=60).table
        c = sv.concordance(frame, **response, score="x", weighting="uno", tau=120)
        found.append(
            [brier["brier"][0], brier["std_error"][0], auc["auc"][0], auc["std_error"][0], c.concordance, c.std_error]
        )

    values = np.array(found)
    ratio = values[:, 1::2].mean(axis=0) / values[:, ::2].std(axis=0, ddof=1)

    assert_allclose(ratio, 1, atol=4 * 0.0354)  # four Monte Carlo errors of a standard deviation of 400


def _jackknife(frame: pl.DataFrame, **more: Any) -> float:
    """Return the error from derivatives in the weights, by differences."""
    step, response = 1e-5, {"time": "t", "event": "e", "score": "r", "weights": "w"} | more
    moved = []
    for i in range(frame.height):
        ends = []
        for side in (1, -1):
            w = np.ones(frame.height)
            w[i] += side * step
            ends.append(sv.concordance(frame.with_columns(w=pl.Series(w)), **response).concordance)
        moved.append((ends[0] - ends[1]) / (2 * step))
    return float(np.sqrt(np.square(moved).sum()))


def test_the_error_of_the_concordance_is_its_derivative_in_the_weights() -> None:
    rng = np.random.default_rng(10)
    frame = pl.DataFrame({"a": rng.integers(0, 4, 30), "e": rng.integers(0, 2, 30), "r": rng.integers(0, 6, 30)})
    frame = frame.with_columns(t=pl.col("a") + rng.integers(1, 9, 30), s=pl.Series(rng.integers(0, 2, 30)))

    found = sv.concordance(frame, time="t", event="e", score="r", entry="a", strata="s")

    assert found.std_error == pytest.approx(_jackknife(frame, entry="a", strata="s"), rel=1e-7)


def test_concordance_equals_a_peer_where_it_is_right() -> None:
    """lifelines: no weights, entries or strata; scores and times tied."""
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls("ph_ecog")

    found = sv.concordance(frame, time="time", event="event", score="ph_ecog")

    assert found.concordance == pytest.approx(
        concordance_index(frame["time"], -frame["ph_ecog"].to_numpy(), frame["event"]), rel=1e-14
    )


def test_pairs_of_lung_by_months() -> None:
    """E35, counted by R: 8142 right, 3845 wrong, 6777 of one score."""
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls(["ph_ecog", "inst"])
    frame = frame.with_columns(m=(pl.col("time") / 60).ceil())

    found = sv.concordance(frame, time="m", event="event", score="ph_ecog")

    assert found.counts.row(0)[:3] == (8142, 3845, 6777)
    assert found.concordance == pytest.approx(0.614501172, rel=1e-9)


def test_before_the_first_failure_there_is_nothing_to_explain() -> None:
    frame = pl.DataFrame({"t": [7, 7, 7, 7], "e": [1, 0, 1, 0], "s": [0.9, 1.0, 0.8, 1.0]})

    row = sv.brier_score(frame, time="t", event="e", survival="s", at=5).table.row(0, named=True)

    assert row["brier"] == pytest.approx((0.01 + 0.04) / 4, rel=1e-14)
    assert (row["reference"], row["explained"]) == (0.0, None)


def test_bad_input_is_refused_by_name() -> None:
    frame = pl.DataFrame(TIED).with_columns(r=pl.col("s") * 3)
    response: dict[str, Any] = {"time": "t", "event": "e"}
    odd: Any = "ipcw"

    with pytest.raises(DefinitionError, match="weighting 'ipcw' is not one of"):
        sv.concordance(frame, **response, score="s", weighting=odd)
    with pytest.raises(DefinitionError, match="needs follow-up from the start"):
        sv.concordance(frame, **response, score="s", entry="r", weighting="uno")
    with pytest.raises(NoValidAnswer, match="no pair can be compared"):
        sv.concordance(frame.with_columns(e=0), **response, score="s")
    with pytest.raises(DefinitionError, match=r"give survival .* or model"):
        sv.brier_score(frame, **response, at=2)
    with pytest.raises(DefinitionError, match="1 columns of survival for 2 times"):
        sv.brier_score(frame, **response, survival="s", at=[1, 2])
    with pytest.raises(DataError, match="column 'r': 5 of 6 rows are not probabilities"):
        sv.brier_score(frame, **response, survival="r", at=2)
    with pytest.raises(NoValidAnswer, match="nobody is followed beyond 1 of 2 times"):
        sv.brier_score(frame, **response, survival=["s", "s"], at=[2, 5])
    with pytest.raises(NoValidAnswer, match="nobody has failed by 1 of 1 times"):
        sv.time_dependent_auc(frame, **response, score="s", at=0)
    with pytest.raises(DefinitionError, match="give score, survival or model"):
        sv.time_dependent_auc(frame, **response, score="s", survival="s", at=2)


def test_results_are_tidy() -> None:
    frame = pl.DataFrame(TIED)

    c = sv.concordance(frame, time="t", event="e", score="s")
    auc = sv.time_dependent_auc(frame, time="t", event="e", score="s", at=[2, 4])
    years = sv.brier_score(
        frame.with_columns(pl.col("t") / 7), time="t", event="e", survival="s", at=0.3, clock="continuous"
    )

    assert c.to_result(population="all").table["estimate"].to_list() == [c.concordance]
    assert auc.to_result().table["time"].to_list() == [2, 4]
    assert years.table["brier"][0] == sv.brier_score(frame, time="t", event="e", survival="s", at=2).table["brier"][0]
    with pytest.raises(DefinitionError, match="whole days"):
        years.to_result()
    assert "Concordance (harrell), 6 rows" in c._repr_html_()
    assert "Time-dependent AUC, 6 rows" in auc._repr_html_()
