# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The exact partial likelihood equals R, its definition by subsets, and what it must become without ties."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "cox_variants.json").read_text("utf-8"))["cases"]}
MODELS = {
    "lung": "age + sex + ph_ecog",
    "veteran": "trt + karno + C(celltype) + prior",
    "edge_ties": "arm",
    "null_lung_nodrop": "meal_cal + wt_loss + pat_karno",
}
TIED: dict[str, list[int]] = {
    "enter": [0, 0, 1, 0, 2, 0, 1, 0, 0, 0],
    "t": [2, 2, 2, 3, 3, 3, 3, 5, 5, 6],
    "e": [1, 1, 0, 1, 1, 1, 0, 1, 0, 0],
    "x": [1, 0, 2, 3, 1, 0, 1, 2, 0, 1],
    "z": [0, 1, 1, 0, 1, 1, 0, 0, 1, 0],
}


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("cox.")])
def test_equals_r(name: str) -> None:
    ties: Any
    _, model, ties = name.split(".")
    wanted: dict[str, Any] = CASES[name]["expect"]
    formula = MODELS[model]
    used = [column for column in formula.split(" + ") if "C(" not in column]
    frame = pl.read_csv(FOLDER / CASES[name]["data"]).drop_nulls(used)

    fit = sv.cox(frame, time="time", event="event", formula=formula, ties=ties)

    found = fit.coefficients
    for ours, theirs in {"estimate": "coef", "std_error": "se", "conf_low": "hr_lower95", "p_value": "p"}.items():
        assert found[ours].to_list() == pytest.approx(wanted[theirs], rel=1e-6, abs=1e-8), ours
    assert fit.covariance.ravel() == pytest.approx(np.ravel(wanted["vcov"]), rel=1e-6, abs=1e-8)
    assert [fit.loglik_null, fit.loglik] == pytest.approx([wanted["loglik_null"], wanted["loglik"]], rel=1e-12)
    assert fit.concordance == pytest.approx(wanted["concordance"], rel=1e-12)
    assert fit.tests["statistic"][0] == pytest.approx(wanted["lr_test"]["chisq"], rel=1e-9)
    assert fit.tests["statistic"][2] == pytest.approx(wanted["score_test"]["chisq"], rel=1e-9)


def test_heavy_ties_equal_r() -> None:
    """Lung by periods of 60 days: up to 33 failures a period."""
    frame = pl.read_csv(FOLDER / "lung.csv").drop_nulls(["inst", "ph_ecog"])
    frame = frame.with_columns(m=(pl.col("time") / 60).ceil().cast(pl.Int64))

    fit = sv.cox(frame, time="m", event="event", formula="age + sex + ph_ecog", ties="exact")

    assert fit.coefficients["estimate"].to_list() == pytest.approx(
        [0.0126044505, -0.6484861004, 0.5403354724], rel=1e-8
    )


def _by_subsets(frame: dict[str, list[int]], beta: tuple[float, float]) -> float:
    """Return the log likelihood as it is defined: the failing subset against every other of its size."""
    total, n = 0.0, len(frame["t"])
    for day in {t for t, e in zip(frame["t"], frame["e"], strict=True) if e}:
        risk = [i for i in range(n) if frame["enter"][i] < day <= frame["t"][i]]
        fail = [i for i in risk if frame["t"][i] == day and frame["e"][i]]
        score = {i: beta[0] * frame["x"][i] + beta[1] * frame["z"][i] for i in risk}
        every = [math.exp(sum(score[i] for i in s)) for s in itertools.combinations(risk, len(fail))]
        total += sum(score[i] for i in fail) - math.log(math.fsum(every))
    return total


def test_equals_the_definition_with_late_entry() -> None:
    fit = sv.cox(pl.DataFrame(TIED), time="t", event="e", entry="enter", covariates=["x", "z"], ties="exact")

    b, c = fit.coefficients["estimate"]
    h = 1e-4
    at = {(i, j): _by_subsets(TIED, (b + i * h, c + j * h)) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    curve = np.array(
        [
            [2 * at[0, 0] - at[1, 0] - at[-1, 0], (at[1, -1] + at[-1, 1] - at[1, 1] - at[-1, -1]) / 4],
            [(at[1, -1] + at[-1, 1] - at[1, 1] - at[-1, -1]) / 4, 2 * at[0, 0] - at[0, 1] - at[0, -1]],
        ]
    )
    assert fit.loglik == pytest.approx(at[0, 0], rel=1e-13)
    assert fit.loglik_null == pytest.approx(_by_subsets(TIED, (0.0, 0.0)), rel=1e-13)
    assert max(at.values()) == at[0, 0]
    assert np.linalg.inv(curve / h**2) == pytest.approx(fit.covariance, rel=1e-5)  # second differences, h = 1e-4


def test_one_failure_a_day_is_every_way_of_ties() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 0], "x": [1.0, 0, 2, 1, 0, 1]})

    fits = [sv.cox(frame, time="t", event="e", covariates=["x"], ties=t) for t in ("exact", "efron", "breslow")]

    assert [f.coefficients["estimate"][0] for f in fits] == pytest.approx([fits[0].coefficients["estimate"][0]] * 3)
    assert [f.loglik for f in fits] == pytest.approx([fits[0].loglik] * 3, rel=1e-13)
    assert_frame_equal(fits[0].baseline(), fits[2].baseline(), rel_tol=1e-12)


def test_matched_pairs_are_conditional_logistic_regression() -> None:
    """One failure and one other a stratum: the estimate is log(b / c), its variance 1 / b + 1 / c."""
    pairs = [(1, 0)] * 5 + [(0, 1)] * 2 + [(1, 1)] * 3
    rows = [{"t": 1, "e": e, "x": x, "s": s} for s, pair in enumerate(pairs) for e, x in zip((1, 0), pair, strict=True)]

    fit = sv.cox(pl.DataFrame(rows), time="t", event="e", covariates=["x"], strata="s", ties="exact")

    assert fit.coefficients["estimate"][0] == pytest.approx(math.log(5 / 2), rel=1e-12)
    assert fit.covariance[0, 0] == pytest.approx(1 / 5 + 1 / 2, rel=1e-12)


def test_a_thousand_tied_do_not_overflow() -> None:
    """By hand: half of each arm fails on the one day, so the estimate is 0; C(1200, 600) does not fit a double."""
    frame = pl.DataFrame({"t": [1] * 1200, "e": [1, 0] * 600, "x": [0] * 600 + [1] * 600})

    fit = sv.cox(frame, time="t", event="e", covariates=["x"], ties="exact")

    assert fit.coefficients["estimate"][0] == pytest.approx(0, abs=1e-10)
    assert fit.loglik == pytest.approx(math.lgamma(601) * 2 - math.lgamma(1201), rel=1e-12)


def test_what_it_has_no_answer_to_is_refused() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").with_columns(two=2 * pl.col("age"))
    separated = pl.read_csv(FOLDER / "edge_separation.csv")
    ask: dict[str, Any] = {"time": "time", "event": "event", "ties": "exact"}

    with pytest.raises(DefinitionError, match="takes no weights"):
        sv.cox(frame, covariates=["age"], weights="wt_int", **ask)
    with pytest.raises(DefinitionError, match="no robust variance"):
        sv.cox(frame, covariates=["age"], cluster="sex", **ask)
    with pytest.raises(DefinitionError, match="no robust variance"):
        sv.cox(frame, covariates=["age"], robust=True, **ask)
    with pytest.raises(NoValidAnswer, match=r"\['two'\] are constant or a combination"):
        sv.cox(frame, covariates=["age", "two"], **ask)
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        sv.cox(separated, covariates=["x", "z"], **ask)
