# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One-sample tests equal R against a curve and against a life table; expected events by hand."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import poisson

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError, NoValidAnswer

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
RELSURV = FOLDER.parent / "r_relsurv"
CASES = {
    case["case"]: case
    for path in (FOLDER / "curves.json", RELSURV / "relsurv.json")
    for case in json.loads(path.read_text("utf-8"))["cases"]
}
DAYS = np.arange(3000)
CURVES = {
    "lung_vs_exponential": ("time", "event", np.exp(-log(2) / 330 * DAYS)),
    "gbsg_vs_weibull": ("rfstime", "status", np.exp(-((DAYS / 3000) ** 1.2))),
    "edge_ties": ("time", "event", np.exp(-0.15 * DAYS)),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("method", ["woolson", "wu"])
def test_equals_r_against_a_curve(name: str, method: str) -> None:
    case = CASES[f"one_sample.{name}"]
    time, event, survival = CURVES[name]
    reference = pl.DataFrame({"time": DAYS, "survival": survival})

    test = sv.one_sample_log_rank(
        pl.read_csv(FOLDER / case["data"]), time=time, event=event, reference=reference, method=method
    )

    row, wanted = test.table.row(0, named=True), case["expect"]
    names = {
        "observed": "observed", "expected": "expected", "estimate": "smr", "statistic": f"z_{method}",
        "p_value": f"p_{method}", "conf_low": "smr_exact_lower", "conf_high": "smr_exact_upper",
    }  # fmt: skip
    for ours, theirs in names.items():
        assert row[ours] == pytest.approx(wanted[theirs], rel=1e-9), ours


@pytest.mark.parametrize("name", ["expected_smr.rdata", "expected_smr.rdata_sex"])
def test_equals_r_against_a_life_table(name: str) -> None:
    cells = pl.read_csv(RELSURV / "ratetable_slovenia.csv")
    table = sv.life_table(cells, sex="sex", year="year_from", age="age_from_days", hazard="hazard_per_day")
    cohort = pl.read_csv(RELSURV / "relsurv_rdata.csv", try_parse_dates=True)
    person = {"age": "age_days", "sex": "sex", "date": "diag", "time": "time_days", "event": "event"}

    row = sv.one_sample_log_rank(cohort, **person, reference=table).table.row(0, named=True)

    wanted = CASES[name]["expect"]
    assert (row["observed"], row["n"]) == (wanted["observed"], 1040)
    for ours, theirs in {"expected": "expected", "estimate": "smr", "conf_low": "smr_exact_lower"}.items():
        assert row[ours] == pytest.approx(wanted[theirs], rel=1e-5), ours
    assert row["statistic"] ** 2 == pytest.approx(wanted["one_sample_logrank_chisq"], rel=1e-5)


def test_expected_events_by_hand() -> None:
    """Hazard log(2) / 100 a day up to day 100, then log(2) / 50; the third person enters late."""
    reference = pl.DataFrame({"time": [100, 200], "survival": [0.5, 0.125]})
    cohort = pl.DataFrame({"a": [0, 0, 50], "t": [100, 150, 100], "e": [1, 0, 1]})

    test = sv.one_sample_log_rank(cohort, time="t", event="e", entry="a", reference=reference, method="exact")

    row = test.table.row(0, named=True)
    expected = log(2) * (1 + 2 + 0.5)
    assert row["expected"] == pytest.approx(expected, rel=1e-14)
    assert row["statistic"] is None
    assert row["p_value"] == pytest.approx(
        min(1, 2 * min(poisson.cdf(2, expected), poisson.sf(1, expected))), rel=1e-12
    )
    steps = sv.one_sample_log_rank(cohort, time="t", event="e", reference=reference, curve="step").table
    assert steps["expected"].item() == pytest.approx(3 * log(2), rel=1e-14)


def test_groups_units_and_the_long_form() -> None:
    reference = pl.DataFrame({"time": [2.0, 4.0], "survival": [exp(-1), exp(-3)]})
    cohort = pl.DataFrame({"t": [0.5, 1.0, 3.0, 4.0], "e": [1, 1, 0, 1], "g": list("abab")})
    given: dict[str, Any] = {"time": "t", "event": "e", "by": "g", "clock": "continuous"}

    test = sv.one_sample_log_rank(cohort, **given, reference=reference)
    days = sv.one_sample_log_rank(
        cohort.with_columns(pl.col("t") * 365), **given, reference=reference.with_columns(pl.col("time") * 365)
    )

    assert test.table["expected"].to_list() == pytest.approx([0.25 + 2, 0.5 + 3])
    assert days.table["statistic"].to_list() == pytest.approx(test.table["statistic"].to_list())
    assert test.to_result(outcome="os").table.select("group", "n", "n_event").rows() == [("g=a", 2, 1), ("g=b", 2, 2)]
    assert "woolson" in test._repr_html_()


def test_no_event_has_a_limit_above_only() -> None:
    reference = pl.DataFrame({"time": [0, 100], "survival": [1.0, 0.5]})
    cohort = pl.DataFrame({"t": [100, 100], "e": [0, 0]})

    row = sv.one_sample_log_rank(cohort, time="t", event="e", reference=reference, method="exact").table.row(
        0, named=True
    )

    assert (row["estimate"], row["conf_low"]) == (0.0, 0.0)
    assert row["conf_high"] == pytest.approx(-log(0.025) / (2 * log(2)), rel=1e-12)
    assert row["p_value"] == pytest.approx(2 * exp(-2 * log(2)), rel=1e-12)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ({"time": [1, 1], "survival": [0.9, 0.8]}, "repeat a time"),
        ({"time": [1, 2], "survival": [0.8, 0.9]}, "rise"),
        ({"time": [1, 2], "survival": [0.8, 0.0]}, "outside 0 to 1"),
        ({"time": [-1, 2], "survival": [0.8, 0.7]}, "lie before 0"),
        ({"time": [0, 2], "survival": [0.8, 0.7]}, "below 1 at time 0"),
        ({"time": [], "survival": []}, "not numbers"),
    ],
)
def test_a_reference_that_is_no_curve_is_refused(reference: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        sv.one_sample_log_rank(
            pl.DataFrame({"t": [1], "e": [1]}), time="t", event="e", reference=pl.DataFrame(reference)
        )


def test_what_has_no_answer_is_refused() -> None:
    cohort, reference = pl.DataFrame({"t": [1, 9], "e": [1, 0]}), pl.DataFrame({"time": [5], "survival": [0.5]})
    given: dict[str, Any] = {"time": "t", "event": "e"}

    with pytest.raises(NoValidAnswer, match="column 't': 1 of 2 rows lie beyond the end of the reference"):
        sv.one_sample_log_rank(cohort, **given, reference=reference)
    with pytest.raises(NoValidAnswer, match="no events are expected"):
        sv.one_sample_log_rank(cohort[:1], **given, reference=reference, curve="step")
    with pytest.raises(DefinitionError, match="go together"):
        sv.one_sample_log_rank(cohort, **given, reference=reference, age="t")
    with pytest.raises(DefinitionError, match="method is one of"):
        sv.one_sample_log_rank(cohort, **given, reference=reference, method="score")
