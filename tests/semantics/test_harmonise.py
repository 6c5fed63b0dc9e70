# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Little landing tables in, rows of the common model and the account of every row out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Any

import polars as pl
import pytest

from rwe.errors import DataError
from rwe.harmonise import Harmonised, harmonise
from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS, Mapping, load_mapping

SOURCE = """
source: small
streams:
  patient:
    table: patient
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      egn: {type: text, role: national_id}
      born: {type: date, role: birth_date}
      sex: {type: text}
      died: {type: date}
  event:
    table: event
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      day: {type: text}
      kind: {type: text}
      value: {type: text}
  registry:
    table: registry
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      died: {type: date}
"""
FIELDS = """
patient,person,person,gender_concept_id,code,sex,sex,
patient,person,person,year_of_birth,birth_year,born,,
patient,person,person,race_concept_id,concept,,0,
patient,person,person,ethnicity_concept_id,concept,,0,
patient,period,observation_period,observation_period_start_date,first_record,,,
patient,period,observation_period,observation_period_end_date,last_record,,,
patient,period,observation_period,period_type_concept_id,concept,,32817,
patient,death,death,death_date,date,died,,skip
event,stay,visit_occurrence,,when,kind,A|B,
event,stay,visit_occurrence,visit_concept_id,concept,,9201,
event,stay,visit_occurrence,visit_start_date,text_date,day,%d.%m.%Y,
event,stay,visit_occurrence,visit_end_date,inferred,,visit_start_date,
event,stay,visit_occurrence,visit_type_concept_id,concept,,32817,
event,lab,measurement,measurement_concept_id,code,kind,kind,
event,lab,measurement,measurement_date,text_date,day,%d.%m.%Y,
event,lab,measurement,measurement_type_concept_id,concept,,32817,
event,lab,measurement,value_as_number,number,value,,skip
event,lab,measurement,unit_source_value,constant,,mg,
event,lab,measurement,visit_occurrence_id,link,,stay,
registry,death,death,death_date,date,died,,
registry,death,death,death_type_concept_id,concept,,32817,
"""
CONCEPTS = """
V,0,sex,,8532,Gender,1970-01-01,2099-12-31,
A,0,kind,,3000001,LOINC,1970-01-01,1999-12-31,D
A,0,kind,,3000002,LOINC,2000-01-01,2099-12-31,
B,0,kind,,3000003,LOINC,1970-01-01,2099-12-31,
"""
ANN = ("1", "p-ann", "n-ann", 1950, "V", None)
SEEN = ("1", "p-ann", "01.02.2001", "A", "1.5")
Rows = Sequence[tuple[Any, ...]]


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    (folder / "fields.csv").write_text(",".join(FIELD_COLUMNS) + FIELDS, "utf-8")
    (folder / "concepts.csv").write_text(",".join(CONCEPT_COLUMNS) + CONCEPTS, "utf-8")
    return load_mapping(folder)


def token(name: str | None) -> str | None:
    return sha256(name.encode()).hexdigest() if name else None


def table(rows: Rows, names: Sequence[str], types: dict[str, Any]) -> pl.LazyFrame:
    schema = {"_key": pl.String, **{n: types.get(n, pl.String) for n in names}}
    frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    tokens = [pl.Series(n, [token(v) for v in frame[n]], pl.String) for n in names if n.endswith("_token")]
    return frame.with_columns(*tokens, _commit=pl.lit(1, dtype=pl.Int64)).lazy()


def landing(patient: Rows = (ANN,), event: Rows = (SEEN,), registry: Rows = ()) -> dict[str, pl.LazyFrame]:
    """Build landing tables; people and their numbers go by name and become tokens here."""
    who = ["person_token", "national_token", "birth_year", "sex", "died"]
    return {
        "patient": table(patient, who, {"birth_year": pl.Int32, "died": pl.Date}),
        "event": table(event, ["person_token", "day", "kind", "value"], {}),
        "registry": table(registry, ["person_token", "died"], {"died": pl.Date}),
    }


def account(done: Harmonised, stream: str, record: str = "") -> dict[tuple[str, str], int]:
    """Return the counts of a stream's rows, or of one of its records, by rule and outcome."""
    lines = done.accounting.filter(pl.col("stream") == stream, pl.col("record") == record)
    return {(rule, outcome): n for rule, outcome, n in lines.select("rule", "outcome", "n").iter_rows()}


def test_one_row_becomes_rows_of_several_tables(mapping: Mapping) -> None:
    done = harmonise(landing(), mapping, "north")

    person = done.rows("person").row(0, named=True)
    visit = done.rows("visit_occurrence").row(0, named=True)
    lab = done.rows("measurement").row(0, named=True)
    period = done.rows("observation_period").row(0, named=True)
    assert (person["gender_concept_id"], person["year_of_birth"], person["gender_source_value"]) == (8532, 1950, "V")
    assert person["person_id"] == int(str(token("n-ann"))[:15], 16)
    assert (visit["visit_start_date"], visit["visit_end_date"]) == (date(2001, 2, 1), date(2001, 2, 1))
    assert (lab["value_as_number"], lab["unit_source_value"], lab["measurement_source_value"]) == (1.5, "mg", "A")
    assert lab["visit_occurrence_id"] == visit["visit_occurrence_id"]
    assert period["observation_period_start_date"] == period["observation_period_end_date"] == date(2001, 2, 1)
    assert {row["person_id"] for row in (visit, lab, period)} == {person["person_id"]}
    assert (lab["_key"], lab["_source"], lab["_source_key"]) == ("event/lab/1", "event", "1")
    assert lab["bucket"] == person["person_id"] % 64
    assert account(done, "event", "stay") == {
        ("", "accepted"): 1,
        ("visit_end_date_inferred", "repaired"): 1,
    }


def test_a_code_means_what_it_meant_on_its_day(mapping: Mapping) -> None:
    days = ["31.12.1999", "01.01.2000"]
    events = [(str(i), "p-ann", day, "A", "1") for i, day in enumerate(days)]

    done = harmonise(landing(event=events), mapping, "north")

    assert done.rows("measurement")["measurement_concept_id"].to_list() == [3000001, 3000002]


def test_a_code_without_concept_keeps_its_row_and_its_source_value(mapping: Mapping) -> None:
    done = harmonise(landing(event=[("1", "p-ann", "01.02.2001", "Z", "1")]), mapping, "north")

    lab = done.rows("measurement").row(0, named=True)
    assert (lab["measurement_concept_id"], lab["measurement_source_value"]) == (0, "Z")
    assert lab["visit_occurrence_id"] is None  # its stay is of another kind, so there is nothing to point to
    assert account(done, "event", "lab") == {("", "accepted"): 1, ("code_unmapped", "unmapped"): 1}
    assert account(done, "event", "stay") == {("other_kind", "absent"): 1}


@pytest.mark.parametrize("value", ["<0.01", "1,5", "1.5 mg", "1e3", "NaN", "хемолизирана", "--"])
def test_a_value_that_is_no_number_is_refused_never_guessed(mapping: Mapping, value: str) -> None:
    done = harmonise(landing(event=[("1", "p-ann", "01.02.2001", "A", value)]), mapping, "north")

    assert account(done, "event", "lab") == {("number_unparseable", "rejected"): 1}
    assert account(done, "event") == {("", "accepted"): 1}  # the stay of the same row stands
    assert done.rejected.rows() == [("event", "lab", "1", "number_unparseable")]


@pytest.mark.parametrize("day", ["2001-02-01", "31.02.2001", "1.2.01", "1.2.2001", "01.02.85", "0,0"])
def test_a_text_that_is_no_date_is_refused(mapping: Mapping, day: str) -> None:
    done = harmonise(landing(event=[("1", "p-ann", day, "A", "1")]), mapping, "north")

    assert account(done, "event") == {("date_unparseable", "rejected"): 1}
    assert done.rejected.rows() == [("event", "", "1", "date_unparseable")]


@pytest.mark.parametrize(
    ("event", "lab", "whole"),
    [
        (("1", "p-ann", "01.02.2001", "A", " "), ("nothing_recorded", "absent"), ("", "accepted")),
        (("1", "p-ann", "01.02.2001", "C", None), ("nothing_recorded", "absent"), ("no_record", "rejected")),
        (("1", "p-ann", None, "A", "1"), ("missing_required", "rejected"), ("missing_required", "rejected")),
        (("1", "p-ann", "01.02.2001", "x" * 51, "1"), ("measurement_source_value|max_length", "rejected"), None),
    ],
)
def test_what_a_missing_value_means_is_data(
    mapping: Mapping, event: tuple[Any, ...], lab: tuple[str, str], whole: tuple[str, str] | None
) -> None:
    done = harmonise(landing(event=[event]), mapping, "north")

    assert account(done, "event", "lab") == {lab: 1}
    assert account(done, "event") == {whole or lab: 1}


def test_a_row_of_nobody_is_refused(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-bob", "01.02.2001", "A", "1"), ("3", None, "01.02.2001", "A", "1")]

    done = harmonise(landing(event=events), mapping, "north")

    assert account(done, "event") == {("", "accepted"): 1, ("unknown_person", "rejected"): 2}


def test_the_same_row_sent_twice_is_merged(mapping: Mapping) -> None:
    done = harmonise(landing(event=[SEEN, ("2", *SEEN[1:])]), mapping, "north")

    assert account(done, "event") == {("", "accepted"): 1, ("duplicate_row", "merged"): 1}
    assert done.rows("measurement").height == 1


def test_twice_the_same_patient_is_one_person_with_the_rows_of_both(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-ann2", "01.03.2001", "A", "2"), ("3", "p-ann2", *SEEN[2:])]

    done = harmonise(landing(patient=[ANN, ("2", "p-ann2", *ANN[2:])], event=events), mapping, "north")

    assert account(done, "patient") == {("", "accepted"): 1, ("duplicate_person", "merged"): 1}
    assert account(done, "event") == {("", "accepted"): 2, ("duplicate_row", "merged"): 1}
    assert done.rows("person").height == 1
    assert done.rows("measurement")["person_id"].n_unique() == 1


@pytest.mark.parametrize("twin", [("2", "p-two", "n-ann", 1951, "V", None), ("2", "p-two", "n-ann", 1950, "M", None)])
def test_patients_that_contradict_each_other_are_refused(mapping: Mapping, twin: tuple[Any, ...]) -> None:
    events = [SEEN, ("2", "p-two", "01.02.2001", "A", "1")]

    done = harmonise(landing(patient=[ANN, twin], event=events), mapping, "north")

    assert account(done, "patient") == {("conflicting_person", "rejected"): 2}
    assert account(done, "event") == {("person_set_aside", "rejected"): 2}
    assert all(done.rows(name).is_empty() for name in done.cdm.tables)


def test_a_hospital_number_of_two_people_is_refused(mapping: Mapping) -> None:
    done = harmonise(landing(patient=[ANN, ("2", "p-ann", "n-eve", 1960, "V", None)]), mapping, "north")

    assert account(done, "patient") == {("conflicting_person", "rejected"): 2}
    assert account(done, "event") == {("person_set_aside", "rejected"): 1}


def test_a_patient_without_national_number_is_known_by_the_hospital_s(mapping: Mapping) -> None:
    done = harmonise(landing(patient=[("1", "p-ann", None, 1950, "V", None)]), mapping, "north")

    assert done.rows("person")["person_id"].to_list() == [int(str(token("p-ann"))[:15], 16)]
    assert account(done, "patient", "person") == {("", "accepted"): 1, ("no_national_id", "repaired"): 1}


def test_a_patient_without_year_of_birth_is_refused_with_all_rows(mapping: Mapping) -> None:
    done = harmonise(landing(patient=[("1", "p-ann", "n-ann", None, "V", None)]), mapping, "north")

    assert account(done, "patient") == {("missing_required", "rejected"): 1}
    assert account(done, "event") == {("person_set_aside", "rejected"): 1}


def test_death_before_the_first_record_sets_the_person_aside(mapping: Mapping) -> None:
    again = ("2", "p-ann", "01.02.2001", "A", "1.5")

    done = harmonise(landing(event=[SEEN, again], registry=[("1", "p-ann", date(2001, 1, 31))]), mapping, "north")

    assert account(done, "registry") == {("death_before_record", "rejected"): 1}
    assert account(done, "event") == {("person_set_aside", "rejected"): 2}
    assert account(done, "patient") == {("person_set_aside", "rejected"): 1}
    assert account(done, "patient", "period") == {("person_set_aside", "rejected"): 1}
    assert all(done.rows(name).is_empty() for name in done.cdm.tables)


def test_a_record_before_birth_sets_the_person_aside(mapping: Mapping) -> None:
    events = [SEEN, ("2", "p-ann", "31.12.1949", "A", "1")]

    done = harmonise(landing(event=events), mapping, "north")

    assert account(done, "event") == {("event_before_birth", "rejected"): 1, ("person_set_aside", "rejected"): 1}
    assert done.rows("person").is_empty()


@pytest.mark.parametrize(
    ("last", "outcome"), [("02.04.2001", ("", "accepted")), ("03.04.2001", ("event_after_death", "rejected"))]
)
def test_activity_over_60_days_after_death_refuses_the_death(
    mapping: Mapping, last: str, outcome: tuple[str, str]
) -> None:
    events = [SEEN, ("2", "p-ann", last, "A", "1")]

    done = harmonise(landing(event=events, registry=[("1", "p-ann", date(2001, 2, 1))]), mapping, "north")

    assert account(done, "registry") == {outcome: 1}
    assert done.rows("measurement").height == 2
    died = outcome[1] == "accepted"
    assert done.rows("observation_period")["observation_period_end_date"].item() == (
        date(2001, 2, 1) if died else date(2001, 4, 3)
    )


def test_of_two_deaths_the_latest_stands(mapping: Mapping) -> None:
    ann = (*ANN[:5], date(2001, 2, 20))
    dead = [("1", "p-ann", date(2001, 3, 1)), ("2", "p-ann", date(2001, 2, 20))]

    done = harmonise(landing(patient=[ann], registry=dead), mapping, "north")

    assert done.rows("death")["death_date"].to_list() == [date(2001, 3, 1)]
    assert account(done, "registry") == {("", "accepted"): 1, ("two_deaths", "rejected"): 1}
    assert account(done, "patient", "death") == {("two_deaths", "rejected"): 1}


def test_the_same_death_from_two_sources_is_merged(mapping: Mapping) -> None:
    ann = (*ANN[:5], date(2001, 3, 1))

    done = harmonise(landing(patient=[ann], registry=[("1", "p-ann", date(2001, 3, 1))]), mapping, "north")

    assert done.rows("death").height == 1
    outcomes = Counter(account(done, "registry")) + Counter(account(done, "patient", "death"))
    assert outcomes == {("", "accepted"): 1, ("duplicate_row", "merged"): 1}


def test_a_person_without_records_has_no_observation_period(mapping: Mapping) -> None:
    done = harmonise(landing(event=[]), mapping, "north")

    assert done.rows("person").height == 1
    assert account(done, "patient", "period") == {("nothing_recorded", "absent"): 1}


def test_ids_depend_on_the_source_row_and_on_nothing_else(mapping: Mapping) -> None:
    more = landing(event=[SEEN, ("2", "p-ann", "05.02.2001", "B", "3")])

    first, second = (harmonise(tables, mapping, "north").rows("measurement") for tables in (landing(), more))
    elsewhere = harmonise(landing(), mapping, "south").rows("measurement")

    assert second.filter(pl.col("_source_key") == "1").equals(first)
    assert first["measurement_id"].item() != elsewhere["measurement_id"].item()
    assert first["person_id"].item() == elsewhere["person_id"].item()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event": None}, "stream 'event' of the mapping has no landing table"),
        ({"event": [SEEN, SEEN]}, "1 keys of stream event stand twice"),
    ],
)
def test_landing_that_breaks_the_contract(mapping: Mapping, change: dict[str, Any], message: str) -> None:
    tables = {
        n: t for n, t in landing(**{k: v for k, v in change.items() if v}).items() if change.get(n, 1) is not None
    }

    with pytest.raises(DataError, match=message):
        harmonise(tables, mapping, "north")


def test_tokens_must_be_tokens(mapping: Mapping) -> None:
    tables = landing()
    tables["patient"] = tables["patient"].with_columns(national_token=pl.lit("9999999999x"))

    with pytest.raises(DataError, match="1 person tokens are not hexadecimal") as caught:
        harmonise(tables, mapping, "north")

    assert "9999999999" not in str(caught.value)


def test_two_people_with_one_id_are_refused(mapping: Mapping) -> None:
    tables = landing(patient=[ANN, ("2", "p-bob", "n-bob", 1950, "V", None)])
    same = pl.lit("f" * 15) + pl.col("_key")
    tables["patient"] = tables["patient"].with_columns(national_token=same)

    with pytest.raises(DataError, match="1 pairs of people share the first 60 bits"):
        harmonise(tables, mapping, "north")


def test_a_text_is_as_long_as_its_letters_in_any_alphabet(mapping: Mapping) -> None:
    kinds = ["съмнение за злокачествен процес", "ж" * 50, "ж" * 51]
    events = [(str(i), "p-ann", "01.02.2001", kind, "1") for i, kind in enumerate(kinds)]

    done = harmonise(landing(event=events), mapping, "north")

    assert done.rejected.rows() == [("event", "", "2", "measurement_source_value|max_length")]
