# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Responses, changes and reasons of a population, exact inside the zone and rounded outside."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from numpy.testing import assert_allclose

from analyses import cox, follow_up, outcomes, survival, trial_comparison
from rwe import survival as sv
from rwe.cohort import Cohort
from rwe.cohort.completeness import Completeness, completeness
from rwe.disclosure import protect
from rwe.errors import DefinitionError
from rwe.plugins import Analysis, Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.study import Study
from tests.semantics.test_cohort import d, words
from tests.semantics.test_cohort_rules import LEVELS, asked, endpoint

RESPONSE = {"kind": "response", "title": words("r"), "record": "scan", "window": [1, 365], "levels": LEVELS}
CHANGE = {"kind": "change", "title": words("h"), "record": "hba1c", "before": [-90, 0], "at": 182, "window": [150, 210]}
WAY = {"title": words("w"), "start": ["stroke"], "end": ["stay"]}
STUDY = asked(
    baseline={"arm": {"title": words("arm"), "kind": "exists", "record": "other", "window": [-30, 0]}},
    outcomes={"r": RESPONSE | {"responders": ["complete", "partial"]}, "h": CHANGE},
    intervals={"w": WAY},
)


def run(analysis: Analysis, people: pl.DataFrame, study: Study = STUDY, **options: Any) -> Result:
    cohort = Cohort(people.with_columns(in_all=True), Result(pl.DataFrame(schema=SCHEMA)))
    return analysis.run(Inputs(study, cohort, "all"), analysis.options.model_validate(options))


def responses(responders: int, n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "r_best": ["partial"] * responders + [None] * (n - responders),
            "r_responder": [True] * responders + [False] * (n - responders),
        },
        schema={"r_best": pl.String, "r_responder": pl.Boolean},
    )


def tail(n: int, share: float, counts: range) -> float:
    return sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in counts)


def test_a_response_rate_has_exact_limits() -> None:
    row = run(outcomes.ANALYSIS, responses(7, 20), outcomes=["r"]).table.filter(estimand="response")
    none = run(outcomes.ANALYSIS, responses(0, 20), outcomes=["r"]).table.filter(estimand="response")

    assert row.select("n", "n_event", "estimate").rows() == [(20, 7, 0.35)]
    # Clopper and Pearson: at each limit what was seen, or more of it, has a chance of 0.025
    assert_allclose(tail(20, row["conf_low"].item(), range(7, 21)), 0.025, rtol=1e-9, err_msg="lower limit")
    assert_allclose(tail(20, row["conf_high"].item(), range(8)), 0.025, rtol=1e-9, err_msg="upper limit")
    found = none.select("estimate", "conf_low", "conf_high").row(0)
    assert_allclose(found, (0, 0, 1 - 0.025 ** (1 / 20)), rtol=1e-9, err_msg="nobody responds")


def test_who_was_not_assessed_is_a_level_of_its_own() -> None:
    levels = run(outcomes.ANALYSIS, responses(7, 20), outcomes=["r"]).table.filter(estimand="proportion")

    assert levels.select("stratum", "n", "estimate").rows() == [("partial", 7, 0.35), ("not_assessed", 13, 0.65)]


def test_a_mean_change_has_limits_of_students_t() -> None:
    people = pl.DataFrame({"h_change": [-1.0, -0.5, 0.0, 0.5, -2.0, None], "arm": ["no"] * 5 + ["yes"]})

    table = run(outcomes.ANALYSIS, people, outcomes=["h"], by="arm").table

    # by hand: squares about the mean add up to 3.7; 2.776445105 is the 0.975 quantile of t with 4 degrees of freedom
    reach = 2.776445105 * math.sqrt(3.7 / 4 / 5)
    row = table.filter(estimand="mean_change", group="overall")
    assert row["n"].to_list() == [5]
    found = row.select("estimate", "conf_low", "conf_high").row(0)
    assert_allclose(found, (-0.6, -0.6 - reach, -0.6 + reach), rtol=1e-9, err_msg="t limits")
    missing = table.filter(estimand="proportion", stratum="unknown")
    assert missing.select("group", "n").rows() == [("overall", 1), ("arm=yes", 1)]
    assert table.filter(estimand="mean_change")["group"].to_list() == ["overall", "arm=no"]


def test_a_released_rate_is_of_whole_fives_and_a_few_without_response_hide_it() -> None:
    shown = protect(run(outcomes.ANALYSIS, responses(37, 123), outcomes=["r"])).table.filter(estimand="response")
    hidden = protect(run(outcomes.ANALYSIS, responses(111, 123), outcomes=["r"])).table.filter(estimand="response")

    assert shown.select("n", "n_event", "estimate", "conf_low", "conf_high").rows() == [(125, 35, 0.32, 0.24, 0.4)]
    assert hidden.select("n_event", "estimate", "conf_low").rows() == [(None, None, None)]


def test_a_released_change_is_shortened() -> None:
    people = pl.DataFrame({"h_change": [-1.0, -0.5, 0.25] * 10})

    row = protect(run(outcomes.ANALYSIS, people, outcomes=["h"])).table.filter(estimand="mean_change")

    assert row.select("n", "estimate", "conf_low", "conf_high").rows() == [(30, -0.417, -0.612, -0.222)]


def test_reasons_and_the_way_through_the_pathway() -> None:
    people = pl.DataFrame(
        {
            "index_date": [d("2010-01-01")] * 6,
            "e_days": [10, 20, 30, 40, 50, 60],
            "e_reason": ["event", "event", "lost", "death", "end_of_data", "end_of_data"],
            "w_days": [10, 20, 30, 40, 50, None],
            "w_reason": ["event", "death", "event", "lost", "end_of_data", None],
        }
    )

    table = run(follow_up.ANALYSIS, people, endpoints=["e"], intervals=["w"], milestones=[30]).table

    reasons = table.filter(estimand="proportion", outcome="e").select("stratum", "n").rows()
    assert reasons == [("death", 1), ("end_of_data", 2), ("event", 2), ("lost", 1)]
    assert table.filter(estimand="proportion", outcome="w")["n"].sum() == 5
    by_day_30 = table.filter(estimand="milestone", outcome="w").select("stratum", "time", "estimate").rows()
    assert [(stratum, time, round(value, 12)) for stratum, time, value in by_day_30] == [
        ("died", 30, 0.2),
        ("reached", 30, 0.4),
    ]


@pytest.mark.parametrize(("lost_at", "clark", "simplified"), [(183, 165 / 265, 200 / 300), (913, 245 / 265, 280 / 300)])
def test_completeness_counts_time_and_not_heads(lost_at: int, clark: float, simplified: float) -> None:
    """A hundred people over three years: 20 have the event, in the middle of a year, 40 are lost in one of them."""
    three = asked(endpoints={"e": endpoint(events=["death"], until=1095)})
    days = [183] * 10 + [548] * 5 + [913] * 5 + [lost_at] * 40 + [1095] * 40
    reasons = ["event"] * 20 + ["lost"] * 40 + ["horizon"] * 40
    people = pl.DataFrame({"e_days": days, "e_reason": reasons}).with_columns(index_date=d("2010-01-01"))

    table = run(follow_up.ANALYSIS, people, three, endpoints=["e"]).table

    found = {e: table.filter(estimand=e)["estimate"].item() for e in ("completeness", "completeness_simplified")}
    assert_allclose(found["completeness"], clark, rtol=2e-3, err_msg="Clark, in half years by hand")
    assert_allclose(found["completeness_simplified"], simplified, rtol=2e-3, err_msg="simplified, by hand")


def test_completeness_counts_from_late_entry_and_is_none_where_nobody_could_be_followed() -> None:
    late = asked(endpoints={"e": endpoint(events=["death"], until=100)})
    people = pl.DataFrame({"e_days": [60, 100, None], "e_reason": ["lost", "event", None], "entry_days": [20, 50, 0]})
    people = people.with_columns(index_date=d("2010-01-01"))

    found = completeness(people, "e", late)

    assert found == Completeness(2, (40 + 50) / (80 + 50), (40 + 50) / (80 + 50))
    assert completeness(people.clear(), "e", late) == Completeness(0, None, None)


def test_completeness_is_released_short_and_not_of_few() -> None:
    people = pl.DataFrame({"e_days": [10, 20, 40] * 7, "e_reason": ["lost", "event", "death"] * 7})
    people = people.with_columns(index_date=d("2010-01-01"))

    many, few = (protect(run(follow_up.ANALYSIS, rows, endpoints=["e"])).table for rows in (people, people.head(9)))

    shown = many.filter(estimand="completeness").select("n", "estimate").row(0)
    assert shown[0] == 20
    assert len(str(shown[1]).lstrip("0.")) <= 3
    assert few.filter(estimand="completeness").select("n", "estimate").row(0) == (None, None)


def test_late_entry_reaches_the_estimators() -> None:
    index = {"record": "drug", "start": d("2010-01-01"), "end": d("2012-12-31"), "entry": "observation"}
    late = asked(index=index, endpoints={"e": endpoint(events=["death"])})
    people = pl.DataFrame({"e_days": [5, 10, 10], "e_event": [True, True, False], "entry_days": [0, 0, 6]})

    table = run(survival.ANALYSIS, people, late, endpoints=["e"], milestones=[7]).table

    # two are at risk on day 5, two on day 10: without late entry it would be three
    assert_allclose(table.filter(estimand="milestone")["estimate"].item(), 1 / 2, err_msg="S(7)")


def test_late_entry_reaches_the_cox_model_and_is_refused_beside_a_trial() -> None:
    index = {"record": "drug", "start": d("2010-01-01"), "end": d("2012-12-31"), "entry": "observation"}
    late = asked(index=index, baseline=STUDY.model_dump()["baseline"], endpoints={"e": endpoint(events=["death"])})
    days = range(20, 100, 4)
    people = pl.DataFrame({"e_days": days, "entry_days": [day // 3 * (day % 8 == 0) for day in days]}).with_columns(
        e_event=pl.col("e_days") % 20 != 0,
        arm=pl.when(pl.col("e_days") % 3 == 0).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )

    found = run(cox.ANALYSIS, people, late, endpoint="e", covariates=["arm"]).table.filter(estimand="hazard_ratio")

    direct = sv.cox(
        people, time="e_days", event="e_event", entry="entry_days", covariates=["arm"], reference={"arm": "no"}
    ).to_result()
    assert found["estimate"].to_list() == direct.table.filter(estimand="hazard_ratio")["estimate"].to_list()
    with pytest.raises(DefinitionError, match="trial_comparison does not take late entry"):
        run(trial_comparison.ANALYSIS, people, late, endpoint="e", margins=["arm"])
