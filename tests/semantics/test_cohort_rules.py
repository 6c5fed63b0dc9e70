# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the rules of a definition mean, each on a few patients written as rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from rwe.cdm import SITE
from rwe.cohort import build_cohort, differences
from rwe.pipeline.align import Aligned
from rwe.pipeline.together import together
from rwe.spec.examples import Examples
from rwe.spec.study import Study
from rwe.spec.time_zero import findings, refusals, remarks
from tests.semantics.test_cohort import d, model, study, words

DRUG, OTHER, SCAN, HBA1C, STAY, HOME, STROKE, HEART, MALIGNANT = range(2_000_000_101, 2_000_000_110)
LEVELS = {"complete": [1], "partial": [2], "stable": [3], "progressive": [4]}
BORN = 1950
Patient = dict[str, Any]


def asked(**changes: Any) -> Study:
    """Return a study of people who begin a medicine."""
    records = {
        "drug": {"table": "drug_exposure", "concepts": [DRUG]},
        "other": {"table": "drug_exposure", "concepts": [OTHER]},
        "scan": {"table": "observation", "concepts": [SCAN]},
        "hba1c": {"table": "measurement", "concepts": [HBA1C]},
        "stay": {"table": "visit_occurrence", "concepts": [STAY]},
        "home": {"table": "visit_occurrence", "concepts": [HOME]},
        "stroke": {"table": "condition_occurrence", "concepts": [STROKE]},
        "progression": {"table": "episode", "concepts": [MALIGNANT]},
        "death": {"table": "death"},
        "heart_death": {"table": "death", "concepts": [HEART]},
    }
    settings: dict[str, Any] = {
        "records": records,
        "index": {"record": "drug", "start": d("2010-01-01"), "end": d("2012-12-31")},
        "as_of": d("2015-12-31"),
        "baseline": {"age": {"title": words("age"), "kind": "age"}},
        "eligibility": [],
        "populations": {"all": {"title": words("all")}},
        "endpoints": {"e": endpoint(events=["death"])},
        "focus": {"everyone": "all", "trial_like": "all", "endpoint": "e", "milestone": 365},
        "analyses": [{"id": "a", "analysis": "characteristics", "population": "all"}],
    }
    return study(**(settings | changes))


def endpoint(**rules: Any) -> dict[str, Any]:
    return {"title": words("e"), "definition": words("e")} | rules


def criterion(**test: Any) -> dict[str, Any]:
    return {"name": "c", "title": words("c")} | test


def patient(*records: tuple[str, str, Any] | tuple[str, str], until: str = "2014-01-01", **expect: Any) -> Patient:
    """Return somebody who began the medicine on 2011-01-01 and was seen from 2010 on."""
    rows = [["drug", d("2011-01-01")], *([record[0], d(record[1]), *record[2:]] for record in records)]
    return {
        "born": BORN,
        "observed": [[d("2010-01-01"), d(until)]],
        "records": rows,
        "expect": {"index_date": d("2011-01-01"), "populations": ["all"], "values": expect},
    }


def left_out(who: Patient) -> Patient:
    return who | {"expect": who["expect"] | {"populations": []}}


def faults(definition: Study, *patients: Patient) -> list[tuple[Any, str]]:
    """Return where the cohort's answer is another than the one written."""
    named = {f"p{i}": who for i, who in enumerate(patients)}
    return differences(definition, Examples.model_validate({"patients": named}))


def test_a_washout_is_no_record_in_the_days_before() -> None:
    washout = criterion(records={"of": ["other"], "window": [-180, -1], "at_most": 0})

    assert not faults(
        asked(eligibility=[washout]),
        patient(("other", "2010-07-04")),  # day -181
        left_out(patient(("other", "2010-07-05"))),
        left_out(patient(("other", "2010-12-31"))),
        patient(("other", "2011-01-01")),
    )


@pytest.mark.parametrize(("count", "member"), [("days", False), ("records", True)])
def test_two_records_of_a_day_are_one_day(count: str, *, member: bool) -> None:
    twice = criterion(records={"of": ["stay", "home"], "window": [None, 0], "at_least": 2, "count": count})
    who = patient(("stay", "2010-03-01"), ("home", "2010-03-01"))

    assert not faults(asked(eligibility=[twice]), who if member else left_out(who))


def test_observation_before_and_after_is_of_one_span_and_death_ends_it() -> None:
    observed = criterion(observed={"before": 365, "after": 100})
    gap = patient() | {"observed": [[d("2010-01-01"), d("2010-06-30")], [d("2010-07-02"), d("2014-01-01")]]}

    assert not faults(
        asked(eligibility=[observed]),
        patient(until="2011-04-11"),
        left_out(patient(until="2011-04-10")),
        patient(("death", "2011-02-01"), until="2011-02-01"),
        left_out(gap),
        left_out(patient() | {"observed": [[d("2010-01-02"), d("2014-01-01")]]}),
    )


def test_late_entry_is_the_start_of_observation_at_the_hospital() -> None:
    late = asked(index={"record": "drug", "start": d("2010-01-01"), "end": d("2012-12-31"), "entry": "observation"})
    from_march = {"observed": [[d("2011-03-02"), d("2014-01-01")]]}

    assert not faults(
        late,
        patient(entry_days=0),
        patient(entry_days=60) | from_march,
        left_out(patient(("death", "2011-03-02"), entry_days=60, e_days=60) | from_march),
    )


@pytest.mark.parametrize(
    ("rules", "records", "days", "event", "reason"),
    [
        # real-world progression-free survival
        (
            {"events": ["progression", "death"]},
            [("progression", "2011-02-01"), ("death", "2011-03-01")],
            31,
            True,
            "event",
        ),
        ({"events": ["progression", "death"]}, [("death", "2011-03-01")], 59, True, "event"),
        # time to next treatment: death ends follow-up, or counts where it is an event
        ({"events": ["other"], "since": 1}, [("other", "2011-01-01"), ("other", "2011-01-31")], 30, True, "event"),
        ({"events": ["other"], "since": 1}, [("death", "2011-01-11"), ("other", "2011-01-31")], 10, False, "death"),
        # discontinuation: the day on which the gap after the last exposure is over
        ({"stops": {"of": ["drug"], "gap": 30}}, [("drug", "2011-01-31"), ("drug", "2011-06-01")], 60, True, "event"),
        ({"stops": {"of": ["drug"], "gap": 29}}, [("drug", "2011-01-31")], 29, True, "event"),
        ({"stops": {"of": ["drug"], "gap": 30}}, [("drug", "2011-01-20", None, "2011-12-31")], 394, True, "event"),
        ({"stops": {"of": ["drug"], "gap": 30}}, [("death", "2011-01-20")], 19, False, "death"),
        # a stay of the index day is no later hospitalisation; another begins the next day
        ({"events": ["stay"], "since": 1}, [("stay", "2011-01-01"), ("stay", "2011-01-02")], 1, True, "event"),
        # major cardiovascular events: several kinds, death of a cause among them
        (
            {"events": ["stroke", "heart_death"], "since": 0},
            [("stroke", "2010-05-01"), ("death", "2011-01-11")],
            10,
            False,
            "death",
        ),
        ({"events": ["stroke", "heart_death"], "since": 0}, [("heart_death", "2011-01-11")], 10, True, "event"),
        # institutionalisation, censored at a switch and at a horizon
        ({"events": ["home"]}, [("home", "2012-01-01")], 365, True, "event"),
        (
            {"events": ["home"], "censor": {"switch": ["other"]}},
            [("other", "2011-02-01"), ("home", "2012-01-01")],
            31,
            False,
            "switch",
        ),
        (
            {"events": ["home"], "censor": {"switch": ["other"]}},
            [("other", "2010-12-31"), ("home", "2012-01-01")],
            365,
            True,
            "event",
        ),
        ({"events": ["home"], "until": 364}, [("home", "2012-01-01")], 364, False, "horizon"),
        ({"events": ["home"], "check": "stay"}, [("stay", "2011-03-02")], 60, False, "last_check"),
        ({"events": ["home"]}, [], 1096, False, "lost"),
    ],
)
def test_an_endpoint_is_data(rules: dict[str, Any], records: list[Any], days: int, *, event: bool, reason: str) -> None:
    given = [tuple(d(part) if i == 3 else part for i, part in enumerate(record)) for record in records]
    who = patient(*given, e_days=days, e_event=event, e_reason=reason)

    assert not faults(asked(endpoints={"e": endpoint(**rules)}), who)


def test_who_was_seen_near_the_data_cut_was_not_lost() -> None:
    seen = patient(until="2015-01-01", e_reason="end_of_data")

    assert not faults(asked(lost_after=364), seen)
    assert faults(asked(lost_after=363), seen) == [
        (("patients", "p0", "expect", "values", "e_reason"), "expected end_of_data, the definition gives lost")
    ]


def test_a_response_is_the_best_assessment_before_the_course_ends() -> None:
    rules = {"kind": "response", "title": words("r"), "record": "scan", "window": [1, 365], "levels": LEVELS}
    overall = rules | {"responders": ["complete", "partial"], "until": ["progression"]}
    benefit = rules | {"responders": ["complete", "partial", "stable"], "lasting": {"stable": 168}}

    assert not faults(
        asked(outcomes={"orr": overall, "cbr": benefit}),
        patient(orr_best=None, orr_responder=False, cbr_responder=False),
        patient(
            ("scan", "2011-03-01", "stable"), ("scan", "2011-05-01", "partial"), orr_best="partial", orr_responder=True
        ),
        patient(
            ("scan", "2011-03-01", "stable"),
            ("progression", "2011-04-01"),
            ("scan", "2011-05-01", "complete"),
            orr_best="stable",
            orr_responder=False,
            cbr_best="complete",
            cbr_responder=True,
        ),
        patient(("scan", "2011-06-17", "stable"), cbr_best="stable", cbr_responder=False),  # day 167
        patient(("scan", "2011-06-18", "stable"), cbr_best="stable", cbr_responder=True),
        patient(("scan", "2012-01-02", "complete"), orr_best=None),  # day 366
    )


def test_the_change_of_a_number_is_between_its_two_windows() -> None:
    change = {
        "kind": "change",
        "title": words("h"),
        "record": "hba1c",
        "before": [-90, 0],
        "at": 182,
        "window": [150, 210],
    }

    assert not faults(
        asked(outcomes={"h": change}),
        patient(
            ("hba1c", "2010-11-01", 9.0),
            ("hba1c", "2010-12-30", 8.5),
            ("hba1c", "2011-01-02", 5.0),
            ("hba1c", "2011-06-10", 8.0),
            ("hba1c", "2011-07-03", 7.0),
            ("hba1c", "2011-07-20", 6.0),
            h_before=8.5,
            h_after=7.0,
            h_change=-1.5,
        ),
        patient(("hba1c", "2010-12-30", 8.5), ("hba1c", "2011-05-30", 7.0), h_before=8.5, h_after=None, h_change=None),
    )


def test_an_interval_runs_from_its_own_first_record() -> None:
    way = {"title": words("w"), "start": ["stroke"], "end": ["home", "stay"]}

    assert not faults(
        asked(intervals={"w": way}),
        patient(w_days=None, w_event=None, w_reason=None),
        patient(
            ("stay", "2010-01-31"),
            ("stroke", "2010-02-01"),
            ("home", "2010-03-01"),
            w_days=28,
            w_event=True,
            w_reason="event",
        ),
        patient(("stroke", "2010-02-01"), ("death", "2011-02-01"), w_days=365, w_event=False, w_reason="death"),
        patient(("stroke", "2010-02-01"), until="2011-02-01", w_days=365, w_event=False, w_reason="lost"),
    )


def test_attrition_tells_persons_and_records_of_each_hospital_and_arm() -> None:
    tables = {name: frame.with_columns(_site(name)) for name, frame in model().tables.items()}
    by_arm = study(focus=study().focus.model_dump(exclude_none=True) | {"by": "hormone"})

    cohort = build_cohort(model(**tables), by_arm)

    left = cohort.by_group.table.filter(population="positive", outcome="nodes", estimand="remaining")
    assert dict(left.select("group", "n").iter_rows()) == {
        "": 2,
        "site=east": 1,
        "site=west": 1,
        "hormone=no": 1,
        "hormone=yes": 1,
    }
    records = cohort.by_group.table.filter(population="positive", outcome="nodes", estimand="remaining_records")
    assert dict(records.select("group", "n").iter_rows()) == {
        "": 3,
        "site=east": 2,
        "site=west": 1,
        "hormone=no": 1,
        "hormone=yes": 2,
    }


def _site(table: str) -> pl.Expr:
    even = pl.col("person_id") % 2 == 0
    return (
        pl.lit(None).alias("_nowhere")
        if table == "person"
        else pl.when(even).then(pl.lit("west")).otherwise(pl.lit("east")).alias(SITE)
    )


def test_rows_of_several_hospitals_bear_their_hospital_and_persons_stand_once() -> None:
    cdm = model()
    tables = {name: frame.with_columns(_source_commit=pl.lit(1)) for name, frame in cdm.tables.items()}
    tables["person"] = tables["person"].with_columns(gender_concept_id=pl.lit(8532, pl.Int64))
    tables["observation_period"] = tables["observation_period"].with_columns(
        observation_period_start_date=d("1980-01-01")
    )
    tables["death"] = tables["death"].with_columns(death_type_concept_id=pl.lit(32817, pl.Int64))
    parts = [Aligned(site, model(**tables), pl.DataFrame(), pl.DataFrame(), {}, {}) for site in ("east", "west")]

    both, one = together(parts).cdm, together(parts[1:]).cdm

    assert both.table("person").collect().height == cdm.table("person").collect().height
    surgeries = both.table("procedure_occurrence").collect()
    assert surgeries.group_by(SITE).len().sort(SITE).rows() == [("east", 6), ("west", 6)]
    assert build_cohort(both, study()).subjects["site"].unique().to_list() == ["east"]  # of one day the first by name
    assert build_cohort(one, study()).subjects["site"].unique().to_list() == ["west"]


def test_eligibility_that_is_known_later_is_refused_unless_a_reason_stands() -> None:
    later = criterion(records={"of": ["stay"], "window": [-30, 90], "at_least": 1})
    reason = {"names": ["c"], "why": words("because")}

    assert [where for where, _ in refusals(asked(eligibility=[later]))] == [("eligibility", 0, "records")]
    assert refusals(asked(eligibility=[later], looks_ahead=[reason])) == []
    assert refusals(asked(eligibility=[criterion(records={"of": ["stay"], "window": [-30, 0], "at_least": 1})])) == []


def test_what_may_mislead_is_marked() -> None:
    later = {"title": words("v"), "kind": "number", "record": "hba1c", "window": [-30, 14]}
    arm = {"title": words("arm"), "kind": "exists", "record": "other", "window": [0, 60]}
    washout = criterion(name="washout", records={"of": ["other"], "window": [-180, -1], "at_most": 0})
    observed = criterion(name="seen", observed={"before": 90, "after": 30})
    definition = asked(
        baseline={"hba": later, "arm": arm},
        eligibility=[washout, observed, criterion(name="long", min_follow_up=30)],
        focus=asked().focus.model_dump(exclude_none=True) | {"by": "arm"},
    )

    found = {(finding.name, finding.rule) for finding in findings(definition)}

    assert found == {
        ("hba", "measured_after_index"),
        ("hba", "treated_before_measured"),
        ("arm", "arm_after_index"),
        ("washout", "washout_unobserved"),
        ("seen", "observed_after"),
        ("long", "followed_for_long"),
    }
    assert len(remarks(definition)) == 6
    enough = criterion(name="seen", observed={"before": 180})
    assert findings(asked(eligibility=[washout, enough])) == []


def test_the_audit_counts_whom_it_concerns() -> None:
    cohort = build_cohort(model(), study())

    # person 1 and 3 had nodes counted after the index date, person 3 beyond the window; nobody left within 60 days
    found = cohort.time_zero.table.filter(outcome="nodes").select("estimand", "time", "n").rows()
    assert found == [
        ("measured_after_index", 60, 1),
        ("left_within_reach", 60, 0),
        ("treated_before_measured", 60, 0),
    ]


def test_an_example_that_names_what_is_not_there_is_told() -> None:
    assert faults(asked(), patient(("drugs", "2011-01-01")))[0][1].startswith("the study has no record 'drugs'; it has")
    assert faults(asked(), patient(("scan", "2011-01-01", "good"))) == [
        (("patients", "p0", "records", 1), "record 'scan' has no level 'good'; it has none")
    ]
    assert faults(asked(), patient(nothing=1))[0][1].startswith("the cohort has no column 'nothing'; it has")
    assert faults(asked(), patient() | {"expect": {"index_date": None}}) == [
        (("patients", "p0", "expect", "index_date"), "expected nothing, the definition gives 2011-01-01")
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"eligibility": [criterion(records={"of": ["stay"], "window": [0, -1], "at_least": 1})]},
            "earlier to the later",
        ),
        ({"eligibility": [criterion(records={"of": ["stay"], "window": [-9, 0]})]}, "needs at_least or at_most"),
        ({"eligibility": [criterion(observed={}), criterion(observed={})]}, "criterion named twice: c"),
        ({"endpoints": {"e": endpoint()}}, "needs events, stops, or both"),
        ({"endpoints": {"e": endpoint(events=["death"], censor={"lost": ["stay"]})}}, "lost is a reason of the engine"),
        ({"baseline": {"e_days": {"title": words("x"), "kind": "age"}}}, "both be called e_days"),
        ({"baseline": {"site": {"title": words("x"), "kind": "age"}}}, "both be called site"),
    ],
)
def test_a_definition_that_says_nothing_or_two_things_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        asked(**changes)
