# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The golden sets: tiny data solved by algebra, and the sets on which books and vignettes of R survival rest.

The three tiny sets are those of Therneau & Grambsch (2000), *Modeling Survival Data*, appendix E; there r = exp(b).
The ovarian set belongs to the parametric families, which come with extrapolation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
GOLDEN = {case["case"]: case["expect"] for case in json.loads((FOLDER / "golden.json").read_text("utf-8"))["cases"]}
ONE = pl.DataFrame({"time": [9, 1, 1, 6, 6, 8], "event": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]})
TWO = pl.DataFrame(
    {
        "entry": [1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
        "time": [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
        "event": [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        "x": [1, 0, 0, 1, 0, 1, 1, 1, 0, 0],
    }
)
THREE = pl.DataFrame(
    {
        "time": [1, 1, 2, 2, 2, 2, 3, 4, 5],
        "event": [1, 0, 1, 1, 1, 0, 0, 1, 0],
        "x": [2, 0, 1, 1, 0, 1, 0, 1, 0],
        "w": [1, 2, 3, 4, 3, 2, 1, 2, 1],
    }
)
LUNG = pl.read_csv(FOLDER / "lung.csv")
RESPONSE: dict[str, Any] = {"time": "time", "event": "event"}


def _fit(frame: pl.DataFrame, ties: Any, **more: Any) -> tuple[sv.Cox, dict[str, Any]]:
    fit = sv.cox(frame, **RESPONSE, covariates=["x"], ties=ties, **more)
    return fit, fit.coefficients.row(0, named=True)


def _root(function: Callable[[float], float], low: float = 0.01, high: float = 100.0) -> float:
    """Return where a falling function is 0, to the last bit."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return low


def _binary(table: list[tuple[float, int, int]], r: float) -> tuple[float, float]:
    """Return mean and information summed over terms (weight, at risk with x = 1, at risk with x = 0)."""
    return (
        sum(w * a * r / (a * r + b) for w, a, b in table),
        sum(w * a * b * r / (a * r + b) ** 2 for w, a, b in table),
    )


@pytest.mark.parametrize(
    ("ties", "r", "information", "loglik", "null", "score"),
    [
        (
            "breslow",
            (3 + math.sqrt(33)) / 2,  # r^2 - 3 r - 6 = 0
            lambda r: r / (r + 1) ** 2 + 6 * r / (r + 3) ** 2,
            lambda r: 2 * math.log(r) - math.log(3 * r + 3) - 2 * math.log(r + 3),
            -math.log(6) - 2 * math.log(4),
            1 / (5 / 8),
        ),
        (
            "efron",
            2 * math.sqrt(23 / 3) * math.cos(math.acos(45 / 23 * math.sqrt(3 / 23)) / 3),  # r^3 - 23 r - 30 = 0
            lambda r: r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2,
            lambda r: 2 * math.log(r) - math.log(3 * r + 3) - math.log(r + 3) - math.log((r + 5) / 2),
            -math.log(6) - math.log(4) - math.log(3),
            (13 / 12) ** 2 / (83 / 144),
        ),
    ],
)
def test_the_first_tiny_set_by_algebra(
    ties: str,
    r: float,
    information: Callable[[float], float],
    loglik: Callable[[float], float],
    null: float,
    score: float,
) -> None:
    fit, row = _fit(ONE, ties)

    assert row["estimate"] == pytest.approx(math.log(r), rel=1e-13)
    assert row["std_error"] == pytest.approx(information(r) ** -0.5, rel=1e-13)
    assert [fit.loglik_null, fit.loglik] == pytest.approx([null, loglik(r)], rel=1e-14)
    assert fit.tests.filter(test="score")["statistic"].item() == pytest.approx(score, rel=1e-13)


@pytest.mark.parametrize(("ties", "last"), [("breslow", (1, 3, 2)), ("efron", (1, 2, 2))])
def test_the_second_tiny_set_by_algebra(ties: str, last: tuple[float, int, int]) -> None:
    """Risk sets of days 2, 3, 6, 7, 8 and 9, where two fail; at risk with x = 1 and with x = 0."""
    table = [(1, 1, 1), (1, 1, 2), (1, 3, 2), (1, 3, 1), (1, 3, 1), (1, 3, 2), last]
    r = _root(lambda r: 4 - _binary(table, r)[0])

    _, row = _fit(TWO, ties, entry="entry")

    assert row["estimate"] == pytest.approx(math.log(r), rel=1e-12)
    assert row["std_error"] == pytest.approx(_binary(table, r)[1] ** -0.5, rel=1e-13)


def test_survival_of_the_second_tiny_set_in_fractions() -> None:
    table = sv.kaplan_meier(TWO, **RESPONSE, entry="entry").table.filter(pl.col("n_event") > 0)

    assert table["time"].to_list() == [2, 3, 6, 7, 8, 9]
    assert table["survival"].to_list() == pytest.approx([1 / 2, 1 / 3, 4 / 15, 1 / 5, 3 / 20, 9 / 100], rel=1e-15)


@pytest.mark.parametrize(
    ("ties", "second"),
    [("breslow", [(10, 11, 5)]), ("efron", [(10 / 3, 11, 5), (10 / 3, 26, 12), (10 / 3, 19, 9)])],
)
def test_the_third_tiny_set_with_weights_by_algebra(ties: str, second: list[tuple[float, int, int]]) -> None:
    """On day 1 the sum is r^2 + 11 r + 7 (one failure with x = 2); on day 2 weight 10 fails, on day 4 weight 2."""
    table = [*second, (2, 2, 1)]

    def mean(r: float) -> float:
        return (2 * r**2 + 11 * r) / (r**2 + 11 * r + 7)

    def variance(r: float) -> float:
        return (4 * r**2 + 11 * r) / (r**2 + 11 * r + 7) - mean(r) ** 2

    r = _root(lambda r: 11 - mean(r) - _binary(table, r)[0])

    _, row = _fit(THREE, ties, weights="w")

    assert row["estimate"] == pytest.approx(math.log(r), rel=1e-12)
    assert row["std_error"] == pytest.approx((variance(r) + _binary(table, r)[1]) ** -0.5, rel=1e-13)


@pytest.mark.parametrize(
    ("frame", "ties", "more", "estimate", "error", "robust"),
    [
        (ONE, "breslow", {}, 1.475284915, 1.255734393, None),
        (ONE, "efron", {}, 1.676857486, 1.277615576, None),
        (TWO, "breslow", {"entry": "entry"}, -0.0845260807, 0.7938171775, None),
        (TWO, "efron", {"entry": "entry"}, -0.0211052096, 0.7951768738, None),
        (THREE, "breslow", {"weights": "w"}, 0.8595574445, 0.7130941996, 1.017272006),
        (THREE, "efron", {"weights": "w"}, 0.8726042464, 0.7125704365, 1.119055165),
    ],
)
def test_tiny_sets_as_printed_by_r(
    frame: pl.DataFrame, ties: str, more: dict[str, str], estimate: float, error: float, robust: float | None
) -> None:
    _, row = _fit(frame, ties, robust=robust is not None, **more)

    assert row["estimate"] == pytest.approx(estimate, rel=1e-8)
    assert row["std_error"] == pytest.approx(error, rel=2e-7)  # R took it one step before its last estimate
    assert row["robust_std_error"] == (None if robust is None else pytest.approx(robust, rel=1e-8))


@pytest.mark.parametrize(
    ("conf_type", "low", "high", "median_low", "median_high"),
    [
        ("log", 0.3447215818, 0.4858376035, 285, 363),
        ("log-log", 0.3387142691, 0.4783807676, 284, 361),
        ("plain", 0.3390285838, 0.4794546651, 284, 361),
        ("logit", 0.3412963906, 0.4808393146, 284, 361),
        ("arcsin", 0.3401907351, 0.4801400565, 284, 361),
    ],
)
def test_lung_after_a_year(conf_type: Any, low: float, high: float, median_low: float, median_high: float) -> None:
    km = sv.kaplan_meier(LUNG, **RESPONSE, conf_type=conf_type)

    at, median = km.at(365).row(0, named=True), km.quantile(0.5).row(0, named=True)
    assert [at["survival"], at["std_error"]] == pytest.approx([0.4092416245, 0.0358236382], rel=1e-8)
    assert [at["conf_low"], at["conf_high"]] == pytest.approx([low, high], rel=1e-8)
    assert [median["time"], median["conf_low"], median["conf_high"]] == [310, median_low, median_high]


def test_lung_compared() -> None:
    sex, graded = LUNG.drop_nulls("sex"), LUNG.drop_nulls("ph_ecog")

    found = [
        sv.log_rank(sex, **RESPONSE, by="sex").statistic,
        sv.log_rank(sex, **RESPONSE, by="sex", rho=1).statistic,
        sv.log_rank(graded, **RESPONSE, by="ph_ecog").statistic,
        sv.log_rank(graded, **RESPONSE, by="sex", strata="ph_ecog").statistic,
    ]
    means = sv.kaplan_meier(sex, **RESPONSE, by="sex").rmst(500)

    assert found == pytest.approx([10.326742, 12.7141514, 21.9621317, 10.7950596], rel=1e-7)
    assert means["rmst"].to_list() == pytest.approx([278.7632315, 360.9109542], rel=1e-9)
    assert means["std_error"].to_list() == pytest.approx([14.35455857, 16.80101817], rel=1e-9)


def _equals_r(fit: sv.Cox, name: str) -> None:
    wanted = GOLDEN[name]
    assert (fit.n, fit.n_event) == (wanted["n"], wanted["n_event"])
    assert fit.coefficients["estimate"].to_list() == pytest.approx(wanted["coef"], rel=1e-10)
    assert fit.coefficients["std_error"].to_list() == pytest.approx(wanted["se_naive"], rel=1e-8)
    assert [fit.loglik_null, fit.loglik] == pytest.approx([wanted["loglik_null"], wanted["loglik"]], rel=1e-12)
    if "se_robust" in wanted:
        assert fit.coefficients["robust_std_error"].to_list() == pytest.approx(wanted["se_robust"], rel=1e-8)


@pytest.mark.parametrize("kind", ["efron", "breslow", "exact", "efron_cluster", "breslow_cluster"])
def test_lung_by_months_with_heavy_ties(kind: str) -> None:
    name, (ties, _, clustered) = f"golden.lung_months.{kind}", kind.partition("_")
    used = LUNG.drop_nulls(["age", "sex", "ph_ecog", "inst"])
    months = used.with_columns(m=(pl.col("time") / 60).ceil().cast(pl.Int64))
    response: Any = {"time": "m", "event": "event", "ties": ties}

    fit = sv.cox(months, **response, formula="age + sex + ph_ecog", cluster="inst" if clustered else None)

    _equals_r(fit, name)
    if ties == "exact":  # no baseline hazard goes with the exact likelihood
        return
    at_means = np.exp(
        used.select("age", "sex", "ph_ecog").mean().to_numpy()[0] @ fit.coefficients["estimate"].to_numpy()
    )
    hazard = (fit.baseline()["cumulative_hazard"] * at_means).to_list()
    assert hazard == pytest.approx(GOLDEN[name]["hazard_at_means"], rel=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
@pytest.mark.parametrize(
    ("name", "formula"),
    [("heart", "age + year + surgery + transplant"), ("heart_classic", "age + surgery + transplant")],
)
def test_heart_transplants_with_a_status_that_changes(name: str, formula: str, ties: Any) -> None:
    """Days are doubled, because one transplant stands at 4.5 days."""
    frame = pl.read_csv(FOLDER / "heart.csv").with_columns((pl.col("start", "stop") * 2).cast(pl.Int64))

    fit = sv.cox(frame, time="stop", event="event", entry="start", formula=formula, ties=ties)

    _equals_r(fit, f"golden.{name}.{ties}")


RECURRENT: dict[str, dict[str, Any]] = {
    "ag": {"entry": "start", "time": "stop"},
    "lwyy": {"entry": "start", "time": "stop", "cluster": "id"},
    "pwp_tt": {"entry": "start", "time": "stop", "strata": "enum", "cluster": "id"},
    "pwp_gt": {"time": "gap", "strata": "enum", "cluster": "id"},
    "wlw": {"time": "stop", "strata": "enum", "cluster": "id"},
}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("model", RECURRENT)
def test_recurrent_bladder_tumours(model: str, ties: Any) -> None:
    """Andersen-Gill, Lin-Wei-Yang-Ying, Prentice-Williams-Peterson (total, gap time), Wei-Lin-Weissfeld."""
    frame = pl.read_csv(FOLDER / ("bladder.csv" if model == "wlw" else "bladder2.csv"))
    frame = frame if model == "wlw" else frame.with_columns(gap=pl.col("stop") - pl.col("start"))

    fit = sv.cox(frame, event="event", covariates=["rx", "size", "number"], ties=ties, **RECURRENT[model])

    _equals_r(fit, f"golden.bladder.{model}.{ties}")


@pytest.mark.parametrize(
    ("model", "ratio", "error"),
    [
        ("ag", 0.631, 0.229),
        ("lwyy", 0.631, 0.258),
        ("pwp_tt", 0.716, 0.197),
        ("pwp_gt", 0.764, 0.208),
        ("wlw", 0.560, 0.303),
    ],
)
def test_recurrent_models_as_compared_between_programs(model: str, ratio: float, error: float) -> None:
    """R and SAS agree on these (CAMIS, recurrent events, ties after Breslow)."""
    frame = pl.read_csv(FOLDER / ("bladder.csv" if model == "wlw" else "bladder2.csv"))
    frame = frame if model == "wlw" else frame.with_columns(gap=pl.col("stop") - pl.col("start"))

    model_of = {"event": "event", "ties": "breslow", "robust": True, **RECURRENT[model]}
    fit = sv.cox(frame, covariates=["rx", "size", "number"], **model_of)

    row = fit.coefficients.row(0, named=True)
    assert [row["hazard_ratio"], row["robust_std_error"]] == pytest.approx([ratio, error], abs=5e-4)


def _mgus() -> pl.DataFrame:
    """First of progression (cause 1) and death (cause 2), months."""
    progressed = pl.col("pstat") == 1
    return pl.read_csv(FOLDER / "mgus2.csv").with_columns(
        time=pl.when(progressed).then("ptime").otherwise("futime"),
        cause=pl.when(progressed).then(1).otherwise(2 * pl.col("death")),
    )


def test_progression_of_gammopathy_against_death() -> None:
    wanted = GOLDEN["golden.mgus2.aalen_johansen"]

    found = sv.cumulative_incidence(_mgus(), time="time", cause="cause").at(wanted["time"])

    for cause, name in ((1, "pcm"), (2, "death")):
        part = found.filter(cause=cause)
        assert part["incidence"].to_list() == pytest.approx(wanted[name], rel=1e-12)
        assert part["std_error"].to_list() == pytest.approx(wanted[f"{name}_se"], rel=1e-8)


@pytest.mark.parametrize("cause", [1, 2])
def test_gammopathy_of_men_and_women(cause: int) -> None:
    test, wanted = sv.gray_test(_mgus(), time="time", cause="cause", by="male", of=cause), GOLDEN["golden.mgus2.gray"]

    assert test.statistic == pytest.approx(wanted["statistic"][cause - 1], rel=1e-10)
    assert test.p_value == pytest.approx(wanted["p"][cause - 1], rel=1e-9)


def test_nearly_collinear_covariates_are_solved_or_refused() -> None:
    """Age beside itself with a last digit of its own: solved while the difference can be told, refused beyond it."""
    names = ["age", "near"]
    slight, lost = (
        LUNG.with_columns(near=pl.col("age") + size * (pl.col("sex") + pl.col("wt_int"))) for size in (1e-3, 1e-13)
    )
    split = LUNG.with_columns(near=pl.col("sex") + pl.col("wt_int"))

    solved, plain = (sv.cox(f, **RESPONSE, covariates=names) for f in (slight, split))

    assert solved.loglik == pytest.approx(plain.loglik, rel=1e-12)
    assert solved.coefficients["estimate"][1] * 1e-3 == pytest.approx(plain.coefficients["estimate"][1], rel=1e-6)
    with pytest.raises(NoValidAnswer, match=r"\['near'\] are constant or a combination"):
        sv.cox(lost, **RESPONSE, covariates=names)
