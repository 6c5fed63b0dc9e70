# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cox regression equals R, published fits worked by hand, and refuses what has no finite answer."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "cox.json").read_text("utf-8"))["cases"]}
LUNG: dict[str, Any] = {"time": "time", "event": "event", "formula": "age + sex + ph_ecog"}
GBSG: dict[str, Any] = {"time": "rfstime", "event": "status"}
MODELS: dict[str, dict[str, Any]] = {
    "lung": LUNG,
    "veteran": {"formula": "trt + karno + C(celltype) + prior"},
    "edge_ties": {"formula": "arm"},
    "gbsg": GBSG | {"formula": "hormon + age + meno + size + C(grade) + nodes + pgr + er"},
    "lung_strata_sex": {"formula": "age + ph_ecog", "strata": "sex"},
    "lung_wint": {"formula": "age + sex", "weights": "wt_int"},
    "lung_wfrac_robust": {"formula": "age + sex", "weights": "wt_frac"},
    "sim_lt": {"formula": "arm + x", "entry": "entry"},
    "lung_cluster_inst": LUNG | {"cluster": "inst"},
    "colon_interaction": {"formula": "C(rx) * node4 + age", "event": "death"},
    "gbsg_logs": GBSG | {"formula": "hormon + log(nodes) + decades + decades2"},
    "edge_weights": {"formula": "x", "weights": "w"},
}
PREDICTIONS: dict[str, dict[str, Any]] = {
    "lung": LUNG,
    "gbsg": GBSG | {"formula": "hormon + age + nodes"},
    "lung_strata": {"formula": "age", "strata": "sex"},
    "veteran": {"formula": "trt + karno"},
    "sim_lt": {"formula": "arm + x", "entry": "entry"},
}
TINY = {  # Therneau & Grambsch (2000), appendix E
    "one": ({"time": [9, 1, 1, 6, 6, 8], "event": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]}, {}),
    "two": (
        {
            "entry": [1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
            "time": [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
            "event": [1] * 7 + [0] * 3,
            "x": [1, 0, 0, 1, 0, 1, 1, 1, 0, 0],
        },
        {"entry": "entry"},
    ),
    "three": (
        {
            "time": [1, 1, 2, 2, 2, 2, 3, 4, 5],
            "event": [1, 0, 1, 1, 1, 0, 0, 1, 0],
            "x": [2, 0, 1, 1, 0, 1, 0, 1, 0],
            "w": [1, 2, 3, 4, 3, 2, 1, 2, 1],
        },
        {"weights": "w"},
    ),
}


def _frame(name: str, columns: list[str]) -> pl.DataFrame:
    frame = pl.read_csv(FOLDER / CASES[name]["data"])
    if "sim_lt" in name:  # hundredths: whole numbers, so that they can stand for days
        frame = frame.with_columns((pl.col("entry", "time") * 100).round().cast(pl.Int64))
    if "gbsg" in name:
        frame = frame.with_columns(decades=pl.col("age") / 10, decades2=(pl.col("age") / 10) ** 2)
    if "edge_weights" in name:
        frame = frame.with_columns(x=pl.Series([0, 1, 1, 0, 1, 0]))
    return frame.drop_nulls([column for column in columns if column in frame.columns])


def _close(name: str, what: str, got: Any, wanted: Any) -> None:
    tolerance = CASES[name]["tolerance"]
    assert got == pytest.approx(wanted, rel=tolerance["rel"], abs=tolerance["abs"]), what


def _fit(name: str, model: dict[str, Any], **more: Any) -> sv.Cox:
    used = model["formula"].replace("C(", "").replace(")", "").replace("*", "+").split("+")
    frame = _frame(name, [c.strip() for c in used] + [model.get("cluster", ""), model.get("strata", "")])
    return sv.cox(frame, **{"time": "time", "event": "event", **model, **more})


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("cox.") and "constant" not in n])
def test_equals_r(name: str) -> None:
    _, model, ties = name.split(".")
    wanted = CASES[name]["expect"]

    fit = _fit(name, MODELS[model], ties=ties)

    found = fit.coefficients
    _close(name, "estimate", found["estimate"].to_list(), wanted["coef"])
    _close(name, "std_error", found["std_error"].to_list(), wanted.get("se_naive", wanted["se"]))
    _close(name, "used error", found["robust_std_error" if fit.robust else "std_error"].to_list(), wanted["se"])
    assert fit.robust == ("se_robust" in wanted)
    for ours, theirs in {
        "hazard_ratio": "hr",
        "conf_low": "hr_lower95",
        "conf_high": "hr_upper95",
        "p_value": "p",
    }.items():
        _close(name, ours, found[ours].to_list(), wanted[theirs])
    _close(name, "covariance", fit.covariance.ravel().tolist(), np.ravel(wanted["vcov"]).tolist())
    _close(name, "loglik", [fit.loglik_null, fit.loglik], [wanted["loglik_null"], wanted["loglik"]])
    _close(name, "concordance", fit.concordance, wanted["concordance"])
    assert (fit.n, fit.n_event) == (wanted["n"], wanted["n_event"])
    tests = dict(fit.tests.select("test", "statistic").iter_rows())
    assert tests["wald"] == pytest.approx(wanted["wald_test"]["chisq"], abs=0.005)  # R prints it with two decimals
    if not fit.robust:
        _close(name, "likelihood ratio", tests["likelihood_ratio"], wanted["lr_test"]["chisq"])
        _close(name, "score", tests["score"], wanted["score_test"]["chisq"])


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith("pred.")])
def test_baseline_and_predictions_equal_r(name: str) -> None:
    _, model, ties = name.split(".")
    wanted, unit = CASES[name]["expect"], 100 if "sim_lt" in name else 1
    stratified = "strata" in PREDICTIONS[model]
    new = pl.DataFrame(wanted["newdata"], strict=False)
    new = new.join(pl.DataFrame({"sex": [1, 2]}), how="cross") if stratified else new

    fit = _fit(name, PREDICTIONS[model], ties=ties)

    hazards = wanted["baseline_cumhaz_covariates_zero"]
    for group, hazard in hazards.items() if stratified else [("", hazards)]:
        base = fit.baseline().filter(pl.col("sex") == int(group[-1])) if stratified else fit.baseline()
        at = [base.filter(pl.col("time") <= t * unit)["cumulative_hazard"].max() for t in hazard["time"]]
        _close(name, "baseline", at, hazard["cumhaz"])
    for conf_type in ("log", "log-log", "plain"):
        r = wanted[f"survival_{conf_type}"]
        times = [t * unit for t in dict.fromkeys(r["time"])]
        found = fit.predict_survival(new, times, conf_type=conf_type)
        surv = r.get("surv", r.get("surv_rows_time_cols_newdata"))
        values = {"survival": surv, "std_error": r.get("se"), "conf_low": r["lower"], "conf_high": r["upper"]}
        for ours, matrix in values.items():
            if matrix is not None:
                _close(name, f"{ours}, {conf_type}", found[ours].to_list(), np.array(matrix).T.ravel().tolist())


@pytest.mark.parametrize("name", ["concordance.lung", "concordance.gbsg", "concordance.lung_strata"])
def test_concordance_equals_r(name: str) -> None:
    fit = _fit(name, PREDICTIONS[name.split(".")[1]])

    _close(name, "concordance", fit.concordance, CASES[name]["expect"]["n"]["concordance"])


def _plain(frame: dict[str, list[int]], ties: str) -> tuple[float, float]:
    """Maximise the partial likelihood of one covariate as it is defined, failure by failure."""
    n = len(frame["time"])
    entry, w = frame.get("entry", [-1] * n), frame.get("w", [1] * n)
    b, information = 0.0, 1.0
    for _ in range(40):
        score, information = 0.0, 0.0
        for day in sorted({t for t, e in zip(frame["time"], frame["event"], strict=True) if e}):
            risk = [i for i in range(n) if entry[i] < day <= frame["time"][i]]
            fail = [i for i in risk if frame["time"][i] == day and frame["event"][i]]
            mean = sum(w[i] for i in fail) / len(fail)
            score += sum(w[i] * frame["x"][i] for i in fail)
            for k in range(len(fail)):
                out = k / len(fail) if ties == "efron" else 0.0
                r = {i: w[i] * math.exp(b * frame["x"][i]) * (1 - out * (i in fail)) for i in risk}
                m1, m2 = (sum(r[i] * frame["x"][i] ** q for i in risk) / sum(r.values()) for q in (1, 2))
                score, information = score - mean * m1, information + mean * (m2 - m1 * m1)
        b += score / information
    return b, information**-0.5


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("data", ["one", "two", "three"])
def test_equals_the_definition(data: str, ties: Any) -> None:
    frame, more = TINY[data]

    fit = sv.cox(pl.DataFrame(frame), time="time", event="event", covariates=["x"], ties=ties, **more).coefficients

    estimate, error = _plain(frame, ties)
    assert fit["estimate"][0] == pytest.approx(estimate, rel=1e-12)
    assert fit["std_error"][0] == pytest.approx(error, rel=1e-12)


def test_terms_that_cannot_be_estimated_are_refused_by_name() -> None:
    lung = pl.read_csv(FOLDER / "lung.csv").with_columns(two=2 * pl.col("age") + 1)
    constant = pl.read_csv(FOLDER / "edge_constant_covariate.csv")
    separated = pl.read_csv(FOLDER / "edge_separation.csv")
    one_event = pl.DataFrame({"time": [1, 2, 3], "event": [1, 0, 0], "x": [3.0, 2.0, 1.0]})

    with pytest.raises(NoValidAnswer, match=r"\['two'\] are constant or a combination"):
        sv.cox(lung, time="time", event="event", covariates=["age", "two"])
    with pytest.raises(NoValidAnswer, match=r"\['x', 'y2'\] are constant"):
        sv.cox(constant, time="time", event="event", covariates=["x", "y", "y2"])
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        sv.cox(separated, time="time", event="event", covariates=["x", "z"])
    with pytest.raises(NoValidAnswer, match=r"\['arm'\] have no finite estimate"):
        sv.cox(pl.read_csv(FOLDER / "edge_group_without_events.csv"), time="time", event="event", covariates=["arm"])
    with pytest.raises(NoValidAnswer, match=r"\['x'\] have no finite estimate"):
        sv.cox(one_event, time="time", event="event", covariates=["x"])
    with pytest.raises(NoValidAnswer, match="no events"):
        sv.cox(one_event.with_columns(event=0), time="time", event="event", covariates=["x"])
    with pytest.raises(NoValidAnswer, match="2 clusters are too few for a robust variance of 2 terms"):
        sv.cox(lung, time="time", event="event", covariates=["age", "sex"], cluster="sex")


def test_a_step_that_goes_too_far_is_taken_back() -> None:
    """Newton's first steps leave the range of exp here; the cohort separates, and that is what must be said."""
    columns = {"a": [2, 0, 3, 2, 0, 0, 1], "t": [5, 1, 6, 5, 1, 1, 4], "e": [0, 0, 1, 1, 1, 1, 0]}
    frame = pl.DataFrame(columns | {"x": [1, -2, 1, 2, -2, 0, -3], "g": [0, 1, 1, 0, 0, 1, 1]})

    with pytest.raises(NoValidAnswer, match="no finite estimate"):
        sv.cox(frame, time="t", event="e", entry="a", covariates=["x", "g"])


def test_levels_take_the_reference_asked_for_and_a_formula_reads_like_r() -> None:
    frame = pl.read_csv(FOLDER / "veteran.csv").with_columns(
        cell=pl.col("celltype").replace_strict({1: "squamous", 2: "small", 3: "adeno", 4: "large"})
    )

    first = sv.cox(frame, time="time", event="event", covariates=["cell"])
    other = sv.cox(frame, time="time", event="event", formula="cell", reference={"cell": "squamous"})

    assert first.coefficients["term"].to_list() == ["cell=large", "cell=small", "cell=squamous"]
    assert other.coefficients["term"].to_list() == ["cell=adeno", "cell=large", "cell=small"]
    assert first.coefficients["estimate"][2] == pytest.approx(-other.coefficients["estimate"][0], rel=1e-9)
    assert first.loglik == pytest.approx(other.loglik, rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("age + (sex", "is not a term"),
        ("age + ag", "no column 'ag' (did you mean 'age'?)"),
        ("age + age", "stand twice"),
        ("age:sex", "write a*b"),
        ("0 + age", "no intercept to take out"),
    ],
)
def test_a_formula_that_cannot_be_read_is_refused(formula: str, says: str) -> None:
    frame = pl.read_csv(FOLDER / "lung.csv")

    with pytest.raises(DefinitionError) as error:
        sv.cox(frame, time="time", event="event", formula=formula)

    assert says in str(error.value)


def test_arguments_and_new_data_are_checked() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv").with_columns(
        site=pl.when(pl.col("inst") > 10).then(pl.lit("a")).otherwise(pl.lit("b"))
    )
    fit = sv.cox(frame, time="time", event="event", covariates=["age", "site"], strata="sex")
    other: Any = "other"

    with pytest.raises(DefinitionError, match="one of them"):
        sv.cox(frame, time="time", event="event")
    with pytest.raises(DefinitionError, match="not one of efron, breslow, exact"):
        sv.cox(frame, time="time", event="event", covariates=["age"], ties=other)
    with pytest.raises(DataError, match="column 'ph_ecog': 1 of 228 rows have no finite value"):
        sv.cox(frame, time="time", event="event", covariates=["ph_ecog"])
    with pytest.raises(DefinitionError, match="which no row holds"):
        sv.cox(frame, time="time", event="event", covariates=["site"], reference={"site": "c"})
    with pytest.raises(DataError, match="column 'site': 1 of 1 rows hold none of the 2 levels"):
        fit.predict_survival(pl.DataFrame({"age": [60], "site": ["c"], "sex": [1]}), 365)
    with pytest.raises(DataError, match="1 of 1 rows hold a stratum"):
        fit.predict_survival(pl.DataFrame({"age": [60], "site": ["a"], "sex": [3]}), 365)


def test_predictions_end_with_follow_up() -> None:
    frame = pl.read_csv(FOLDER / "lung.csv")
    fit = sv.cox(frame, time="time", event="event", covariates=["age"], weights="wt_frac")

    found = fit.predict_survival(pl.DataFrame({"age": [60]}), [0, 365, 2000])

    assert found["survival"].is_null().to_list() == [False, False, True]
    assert found["survival"][0] == 1.0
    assert found["std_error"].is_null().to_list() == [False, False, True]


def test_result_is_tidy() -> None:
    fit = sv.cox(pl.read_csv(FOLDER / "lung.csv"), time="time", event="event", covariates=["age", "sex"])

    table = fit.to_result(population="all", outcome="os").table

    assert table.select("stratum", "estimand").rows() == [
        ("age", "hazard_ratio"),
        ("sex", "hazard_ratio"),
        ("", "concordance"),
    ]
    assert table["estimate"].to_list() == [*fit.coefficients["hazard_ratio"], fit.concordance]
    assert table["n_event"].to_list() == [165] * 3
    assert "Cox regression, 228 rows" in fit._repr_html_()
