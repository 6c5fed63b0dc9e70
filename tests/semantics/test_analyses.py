# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a study file asks of the registered analyses is what the functions of survival answer, and passes the door."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal

from rwe import plugins
from rwe import survival as sv
from rwe.cohort import Cohort
from rwe.disclosure import protect
from rwe.errors import DefinitionError
from rwe.plugins import Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.names import VARIABLE
from rwe.spec.study import load_study

STUDY = load_study(plugins.hospital("breast").study)


def persons(n: int = 400) -> pl.DataFrame:
    """Return invented persons: therapy, age, nodes, grade, and two endpoints of which recurrence may come first."""
    rng = np.random.default_rng(7)
    hormonal, age = rng.random(n) < 0.5, rng.integers(35, 80, n).astype(float)
    death = (rng.exponential(2500.0, n) * np.exp(-0.02 * (age - 55))).astype(int) + 1
    recurrence = (rng.exponential(1800.0, n) * np.where(hormonal, 1.6, 1.0)).astype(int) + 1
    end = rng.integers(1500, 3000, n)
    return pl.DataFrame(
        {
            "hormonal": np.where(hormonal, "yes", "no"),
            "age": age,
            "nodes": rng.integers(1, 9, n).astype(float),
            "grade": rng.choice(["2", "3"], n),
            "os_days": np.minimum(death, end),
            "os_event": death <= end,
            "rfs_days": np.minimum(np.minimum(death, recurrence), end),
            "rfs_event": np.minimum(death, recurrence) <= end,
            "recurrence_days": np.minimum(recurrence, end),
            "recurrence_event": (recurrence <= end) & (recurrence <= death),
            "rfs_check_days": np.minimum(np.minimum(recurrence, death), end),
            "rfs_check_event": (recurrence <= end) & (recurrence <= death),
            "in_registry": True,
        }
    )


def run(name: str, people: pl.DataFrame, **options: Any) -> Result:
    analysis = plugins.analysis(name)
    cohort = Cohort(people, Result(pl.DataFrame(schema=SCHEMA)))
    asked = analysis.options.model_validate(options, context={VARIABLE: [*STUDY.baseline]})
    return analysis.run(Inputs(STUDY, cohort, "registry"), asked)


def ratios(result: Result) -> pl.DataFrame:
    return result.table.filter(estimand="hazard_ratio").select("stratum", "estimate", "conf_low", "conf_high")


@pytest.mark.parametrize(
    "options",
    [
        {"covariates": ["hormonal", "age"], "strata": ["grade"]},
        {"formula": "hormonal * log(nodes) + C(grade) + poly(age, 2)", "conf_level": 0.9},
        {"formula": "hormonal + age", "robust": True},
        {"covariates": ["hormonal"], "penalty": "firth", "ties": "breslow"},
        {"covariates": ["hormonal", "age"], "ties": "exact"},
    ],
)
def test_a_cox_model_of_a_study_file_is_that_of_sv_cox(options: dict[str, Any]) -> None:
    people = persons()
    reference = {"hormonal": "no"} | ({"grade": "2"} if "C(grade)" in options.get("formula", "") else {})

    found = run("cox", people, endpoint="rfs", **options)

    direct = sv.cox(people, time="rfs_days", event="rfs_event", reference=reference, **options)
    assert_frame_equal(
        ratios(found), direct.to_result().table.filter(estimand="hazard_ratio").select(ratios(found).columns)
    )
    assert found.table["outcome"].unique().to_list() == ["rfs"]
    assert found.settings["strata"] == options.get("strata", [])
    assert protect(found).table.height > 0


def test_a_stratum_that_is_unknown_leaves_a_person_out_and_is_counted() -> None:
    people = persons().with_columns(pl.when(pl.int_range(pl.len()) < 30).then(None).otherwise("grade").alias("grade"))

    found = run("cox", people, endpoint="rfs", covariates=["hormonal"], strata=["grade"])

    assert found.table.filter(estimand="not_complete")["n"].to_list() == [30]
    assert found.table.filter(estimand="baseline_hazard").is_empty()


def test_a_term_that_touches_few_persons_does_not_pass_the_door() -> None:
    few = pl.col("hormonal").eq("yes") & (pl.col("hormonal").eq("yes").cum_sum() <= 10)
    people = persons().with_columns(pl.when(few).then(pl.lit("3")).otherwise(pl.lit("2")).alias("grade"))
    people = people.with_columns(
        pl.when(pl.col("hormonal").eq("no") & pl.col("age").gt(40)).then(pl.lit("3")).otherwise("grade").alias("grade")
    )

    found = run("cox", people, endpoint="rfs", formula="hormonal * grade")

    product = found.table.filter(estimand="hazard_ratio", stratum="hormonal=yes:grade=3")
    assert product["n"].to_list() == [10]
    shown = protect(found).table.filter(estimand="hazard_ratio")
    masked = shown.filter(pl.col("estimate").is_null())["stratum"].to_list()
    assert masked == ["hormonal=yes:grade=3"]


def test_a_number_as_levels_is_counted_level_by_level() -> None:
    people = persons()

    found = run("cox", people, endpoint="rfs", formula="C(nodes)").table.filter(estimand="hazard_ratio")

    assert_allclose(found["n"].sum() + people.filter(pl.col("nodes") == 1).height, people.height)


SPLIT: dict[str, Any] = {"endpoints": ["rfs"], "by": "hormonal", "tau": 1000}


def test_groups_of_a_study_file_are_compared_as_sv_compares_them() -> None:
    people = persons()
    how: dict[str, Any] = {"time": "rfs_days", "event": "rfs_event", "by": "hormonal", "tau": 1000, "conf_level": 0.9}

    found = run("survival", people, **SPLIT, conf_level=0.9, compare=["rmst", "rmst_ratio", "rmtl_ratio"]).table

    direct = {
        ("difference", "rmst"): sv.rmst_difference(people, **how),
        ("ratio", "rmst_ratio"): sv.rmst_ratio(people, **how),
        ("ratio", "rmtl_ratio"): sv.rmst_ratio(people, **how, of="rmtl"),
    }
    columns = ["time", "estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value"]
    for (group, estimand), comparison in direct.items():
        row = found.filter(group=group, estimand=estimand)
        assert_frame_equal(row.select(columns), comparison.table.select(columns))


def test_other_weights_of_days_stand_beside_the_log_rank_test() -> None:
    people = persons()

    found = run("survival", people, **SPLIT, day_weights=["gehan", "peto_peto"]).table

    for name, kind in [
        ("log_rank", "fleming_harrington"),
        ("log_rank_gehan", "gehan"),
        ("log_rank_peto_peto", "peto_peto"),
    ]:
        test = sv.log_rank(people, time="rfs_days", event="rfs_event", by="hormonal", day_weights=kind)
        row = found.filter(estimand=name).row(0, named=True)
        assert (row["statistic"], row["p_value"], row["n"]) == (test.statistic, test.p_value, people.height)


def test_what_is_not_asked_for_is_not_there() -> None:
    found = run("survival", persons(), **SPLIT)

    assert found.table.filter(pl.col("group").is_in(["difference", "ratio"])).is_empty()
    assert found.table.filter(pl.col("estimand").str.starts_with("log_rank"))["estimand"].to_list() == ["log_rank"]
    assert not {"compare", "also_tested"} & set(found.settings)


@pytest.mark.parametrize("events", [0, 5, 40])
def test_a_comparison_is_shown_where_the_figure_of_each_group_is(events: int) -> None:
    """Five events in one group, none or 40 in the other: with one figure the difference would tell the other."""
    frame = persons().with_columns(pl.lit(1200).alias("rfs_days"), pl.int_range(pl.len()).over("hormonal").alias("i"))
    most = pl.when(pl.col("hormonal") == "yes").then(events).otherwise(5)
    for other in ("no", "yes"):
        few = most if other == "no" else pl.when(pl.col("hormonal") == "no").then(events).otherwise(5)
        failed = pl.col("i") < few
        people = frame.with_columns(
            failed.alias("rfs_event"), pl.when(failed).then(500).otherwise(1200).alias("rfs_days")
        )

        shown = protect(run("survival", people, **SPLIT, compare=["rmst", "rmst_ratio"])).table

        both = shown.filter(pl.col("group").is_in(["difference", "ratio"]))
        assert both.height == 2
        assert both["estimate"].null_count() == 2
        assert both["std_error"].null_count() == 2


CAUSES: dict[str, Any] = {"endpoint": "rfs", "causes": ["recurrence", "os"]}


def with_causes(people: pl.DataFrame) -> pl.DataFrame:
    """Return persons with the cause of their first event, read row by row."""
    columns = ["rfs_days", "rfs_event", "recurrence_days", "recurrence_event"]
    words = [
        ("recurrence" if recurred and day == last else "os") if event else "censored"
        for last, event, day, recurred in people.select(columns).iter_rows()
    ]
    return people.with_columns(cause=pl.Series(words))


def incidence(people: pl.DataFrame, cause: str, day: int) -> float:
    """Return the incidence by a day: who fails of the cause on each day, times survival just before it."""
    free, found = 1.0, 0.0
    for t in sorted(set(people.filter(pl.col("rfs_days") <= day)["rfs_days"])):
        at_risk, today = people.filter(pl.col("rfs_days") >= t).height, people.filter(pl.col("rfs_days") == t)["cause"]
        found += free * (today == cause).sum() / at_risk
        free *= 1 - (today != "censored").sum() / at_risk
    return found


def test_incidences_of_a_study_file_are_those_of_sv_and_of_a_plain_reading() -> None:
    people = with_causes(persons(300))

    found = run("competing_risks", people, **CAUSES, by="hormonal", milestones=[400, 1000], tau=900).table

    how: dict[str, Any] = {"time": "rfs_days", "cause": "cause", "by": "hormonal"}
    direct = sv.cumulative_incidence(people, **how)
    said = found.filter(estimand="milestone")
    assert_frame_equal(said.select("estimate", "std_error"), direct.at([400, 1000]).select(
        estimate="incidence", std_error="std_error"))  # fmt: skip
    for group, stratum, time, estimate in said.select("group", "stratum", "time", "estimate").iter_rows():
        own = people.filter(pl.col("hormonal") == group.removeprefix("hormonal="))
        assert_allclose(estimate, incidence(own, stratum, time), rtol=1e-12)
    assert_allclose(found.filter(estimand="time_lost")["estimate"], direct.time_lost(900)["time_lost"])
    for cause in ("os", "recurrence"):
        test, row = sv.gray_test(people, **how, of=cause), found.filter(estimand="gray_test", stratum=cause)
        assert row.select("statistic", "p_value").row(0) == (test.statistic, test.p_value)
        counts = people.filter(cause=cause)["hormonal"].value_counts().sort("hormonal")["count"].to_list()
        assert found.filter(estimand="count", stratum=cause)["n"].to_list() == counts
        first = found.filter(estimand="at_risk", stratum=cause, time=0)
        assert first["n"].to_list() == people["hormonal"].value_counts().sort("hormonal")["count"].to_list()
    assert found["analysis"].unique().to_list() == ["competing_risks"]
    assert found["outcome"].unique().to_list() == ["rfs"]


def test_late_entry_is_in_the_incidences_and_in_their_test() -> None:
    # half are known from some later day on, but nobody is unseen while others fail
    late = pl.when(pl.int_range(pl.len()) % 2 == 0).then(0).otherwise(pl.col("rfs_days") // 3)
    people = with_causes(persons(300)).with_columns(entry_days=late)
    study = STUDY.model_copy(update={"index": STUDY.index.model_copy(update={"entry": "observation"})})
    analysis = plugins.analysis("competing_risks")
    asked = analysis.options.model_validate(CAUSES | {"by": "hormonal"}, context={VARIABLE: [*STUDY.baseline]})

    def found(rows: pl.DataFrame) -> Result:
        return analysis.run(Inputs(study, Cohort(rows, Result(pl.DataFrame(schema=SCHEMA))), "registry"), asked)

    seen, unseen = found(people), found(people.with_columns(entry_days=pl.col("rfs_days") - 1))

    how: dict[str, Any] = {"time": "rfs_days", "cause": "cause", "by": "hormonal", "entry": "entry_days"}
    wanted = [sv.gray_test(people, **how, of=cause).statistic for cause in ("os", "recurrence")]
    assert sorted(seen.table.filter(estimand="gray_test")["statistic"]) == sorted(wanted)
    assert unseen.table.filter(estimand="gray_test").is_empty()
    assert any("Gray's test is not made: 2 of 2 groups" in note for note in unseen.settings["notes"])


def test_the_first_listed_cause_of_a_day_is_the_cause() -> None:
    people = persons().with_columns(
        recurrence_days=pl.col("rfs_days"), recurrence_event=pl.col("rfs_event"), os_event=pl.lit(value=True)
    )

    one, other = (
        run("competing_risks", people, endpoint="rfs", causes=order).table.filter(estimand="count")
        for order in (["recurrence", "os"], ["os", "recurrence"])
    )

    events, both = (
        int(people["rfs_event"].sum()),
        int((people["rfs_event"] & (people["os_days"] == people["rfs_days"])).sum()),
    )
    assert dict(one.select("stratum", "n").iter_rows()) == {"recurrence": events, "os": 0}
    assert dict(other.select("stratum", "n").iter_rows()) == {"os": both, "recurrence": events - both}


def test_an_event_of_no_cause_is_refused_with_its_count() -> None:
    people = persons()
    deaths = people.filter(pl.col("os_event") & (pl.col("os_days") == pl.col("rfs_days")) & ~pl.col("recurrence_event"))

    with pytest.raises(
        DefinitionError, match=f"{deaths.height} of {people['rfs_event'].sum()} events of 'rfs' fall on"
    ):
        run("competing_risks", people, endpoint="rfs", causes=["recurrence", "rfs_check"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"causes": ["recurrence"]}, "causes: name two or more endpoints"),
        ({"causes": ["recurrence", "rfs"]}, "causes are other endpoints than 'rfs' and 'censored', each named once"),
        ({"causes": ["os", "os"]}, "each named once"),
        (
            {"units": {"age": {"by": 10.0, "title": {"en": "Age", "bg": "Age"}}}},
            "units name age, which covariates do not",
        ),
    ],
)
def test_causes_that_do_not_fit_together_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plugins.analysis("competing_risks").options.model_validate(CAUSES | wrong)


def test_models_of_causes_are_those_of_sv_by_cause_and_term() -> None:
    people = with_causes(persons()).with_columns(
        pl.when(pl.int_range(pl.len()) < 20).then(None).otherwise("nodes").alias("nodes")
    )
    decades = {"age": {"by": 10.0, "title": {"en": "Age, per 10 years", "bg": "Age"}}}
    covariates = ["hormonal", "age", "nodes"]

    found = run("competing_risks", people, **CAUSES, covariates=covariates, units=decades, conf_level=0.9)

    known = people.drop_nulls("nodes").with_columns(pl.col("age") / 10)
    how: dict[str, Any] = {"time": "rfs_days", "cause": "cause", "covariates": covariates, "conf_level": 0.9}
    hazards = sv.cause_specific(known, **how).models
    for cause in ("recurrence", "os"):
        rows, other = found.table.filter(group=cause), sv.fine_gray(known, **how, of=cause)
        columns = ["estimate", "std_error", "conf_low", "conf_high"]
        pairs = [("hazard_ratio", hazards[cause].to_result()), ("subdistribution_hazard_ratio", other.to_result())]
        for estimand, direct in pairs:
            wanted = direct.table.filter(estimand=estimand)
            assert_frame_equal(rows.filter(estimand=estimand).select(columns), wanted.select(columns))
        treated = known.filter(hormonal="yes")
        touched = rows.filter(stratum="hormonal=yes")
        assert touched.select("n", "n_event").unique().rows() == [
            (treated.height, treated.filter(cause=cause).height)
        ]  # fmt: skip
        assert rows.filter(estimand="proportional_hazards").height == 4
    assert found.table.filter(estimand="not_complete")["n"].to_list() == [20]
    assert found.settings["terms"][1] == {"term": "age", "scale": 10.0, "title": decades["age"]["title"]}
    assert (found.settings["ties"], found.settings["subdistribution_ties"]) == ("efron", "breslow")


def test_a_cause_of_few_persons_does_not_pass_the_door() -> None:
    people = persons().with_columns(i=pl.int_range(pl.len()))
    rare = people.with_columns(
        rfs_event=pl.col("i") < 108, rfs_days=300 + pl.col("i"), recurrence_event=pl.col("i") < 100,
        recurrence_days=300 + pl.col("i"), os_event=pl.col("i").is_between(100, 107), os_days=300 + pl.col("i"),
    )  # fmt: skip

    shown = protect(run("competing_risks", rare, **CAUSES, milestones=[600])).table

    assert shown.filter(estimand="count")["n"].to_list() == [None, None]
    assert shown.filter(estimand="milestone", stratum="os")["estimate"].to_list() == [None]
    curve = shown.filter(estimand="cumulative_incidence")
    assert curve.filter(stratum="os")["estimate"].max() in (None, 0.0)
    persons_of = curve.filter(stratum="recurrence")["estimate"] * people.height / 5
    assert (persons_of - persons_of.round()).abs().max() < 1e-3
    assert curve["std_error"].null_count() == curve.height
