# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Days as hospitals write them: which forms are read, which are refused and by which name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.errors import DefinitionError
from rwe.harmonise import Harmonised, harmonise
from rwe.harmonise.dates import local, plain, written, written_moment
from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS, Mapping, load_mapping

FORMS = "%d.%m.%Y|%Y-%m-%d|serial|%d.%m.%y"
CLOCKS = "Europe/Sofia %d.%m.%Y %H:%M:%S|%Y-%m-%dT%H:%M:%S"
SOURCE = """
source: small
streams:
  patient:
    table: patient
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      born: {type: date, role: birth_date}
      sex: {type: text}
  stay:
    table: stay
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      from: {type: text}
      to: {type: text}
      ward: {type: text, nothing: ["NULL", "-"], zero_bytes: true}
  dose:
    table: dose
    key: id
    cursor: changed
    columns:
      number: {type: text, role: person}
      at: {type: timestamp}
      days: {type: text}
      packs: {type: text}
"""
FIELDS = f"""
patient,person,person,gender_concept_id,code,sex,sex,
patient,person,person,year_of_birth,birth_year,born,,
patient,person,person,race_concept_id,concept,,0,
patient,person,person,ethnicity_concept_id,concept,,0,
stay,visit,visit_occurrence,visit_concept_id,concept,,9201,
stay,visit,visit_occurrence,visit_start_date,text_date,from,{FORMS},
stay,visit,visit_occurrence,visit_end_date,text_moment,to,{CLOCKS},
stay,visit,visit_occurrence,visit_type_concept_id,concept,,32817,
stay,visit,visit_occurrence,visit_source_value,text,ward,,keep
dose,drug,drug_exposure,drug_concept_id,concept,,1,
dose,drug,drug_exposure,drug_exposure_start_date,local_date,at,Europe/Sofia,
dose,drug,drug_exposure,drug_exposure_end_date,supply_end,days,drug_exposure_start_date,spare
dose,drug,drug_exposure,quantity,number,packs,,spare
dose,drug,drug_exposure,drug_type_concept_id,concept,,32817,
"""
Rows = Sequence[tuple[Any, ...]]


def read(tmp: Path, fields: str = FIELDS) -> Mapping:
    (tmp / "source.yaml").write_text(SOURCE, "utf-8")
    (tmp / "fields.csv").write_text(",".join(FIELD_COLUMNS) + fields, "utf-8")
    row = "V,0,sex,,8532,Gender,1970-01-01,2099-12-31,\n"
    (tmp / "concepts.csv").write_text(",".join(CONCEPT_COLUMNS) + "\n" + row, "utf-8")
    return load_mapping(tmp)


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    return read(tmp_path_factory.mktemp("mapping"))


def done(mapping: Mapping, stay: Rows = (), dose: Rows = (), known: date | None = None) -> Harmonised:
    ann = sha256(b"ann").hexdigest()
    patient = {"_key": ["1"], "person_token": [ann], "birth_year": [1950], "sex": ["V"]}
    frames = {
        "patient": pl.DataFrame(patient, schema_overrides={"birth_year": pl.Int32}),
        "stay": pl.DataFrame(stay, schema=dict.fromkeys(("from", "to", "ward"), pl.String), orient="row"),
        "dose": pl.DataFrame(
            dose, schema={"at": pl.Datetime("us", "UTC"), "days": pl.String, "packs": pl.String}, orient="row"
        ),
    }
    for name in ("stay", "dose"):
        key = pl.int_range(pl.len()).cast(pl.String)
        frames[name] = frames[name].with_columns(person_token=pl.lit(ann), _key=key)
    landed = {"_commit": pl.lit(1, dtype=pl.Int64)} | ({"_known": pl.lit(known)} if known else {})
    return harmonise({name: frame.with_columns(**landed).lazy() for name, frame in frames.items()}, mapping, "small")


def rules(made: Harmonised, stream: str, record: str) -> dict[str, int]:
    lines = made.accounting.filter(pl.col("stream") == stream, pl.col("record") == record, pl.col("rule") != "")
    return dict(lines.select("rule", "n").iter_rows())


@pytest.mark.parametrize(
    ("text", "day", "said"),
    [
        ("03.05.2019", date(2019, 5, 3), []),
        ("2019-05-03", date(2019, 5, 3), ["date_other_form"]),
        ("43588", date(2019, 5, 3), ["date_other_form"]),
        ("43588.0", date(2019, 5, 3), ["date_other_form"]),
        ("03.05.19", date(2019, 5, 3), ["date_other_form", "year_of_two_digits"]),
        ("03.05.69", date(2069, 5, 3), ["date_other_form", "year_of_two_digits"]),
        ("03.05.70", date(1970, 5, 3), ["date_other_form", "year_of_two_digits"]),
        ("05.23.2019", None, []),
        ("3.5.2019", None, []),
        ("435", None, []),
        ("0000-00-00", None, ["nothing"]),
        ("00.00.0000", None, ["nothing"]),
        ("01.01.1900", None, ["nothing"]),
        ("31.12.9999", None, ["nothing"]),
        ("1899-12-30", None, ["nothing"]),
    ],
)
def test_a_text_is_a_day_only_in_a_declared_form(text: str, day: date | None, said: list[str]) -> None:
    read = written(pl.col("t"), FORMS)

    frame = pl.DataFrame({"t": [text]}).select(day=read.value, nothing=read.nothing, **read.faults, **read.remarks)

    assert frame["day"].item() == day
    assert [name for name in ("date_ambiguous", *read.remarks, "nothing") if frame[name].item()] == said


def test_what_fits_two_forms_as_different_days_is_no_day() -> None:
    read = written(pl.col("t"), "%d.%m.%Y|%m.%d.%Y")

    texts = pl.DataFrame({"t": ["03.05.2019", "05.05.2019", "13.05.2019"]})
    frame = texts.select(day=read.value, two=read.faults["date_ambiguous"])

    assert frame.rows() == [(None, True), (date(2019, 5, 5), False), (date(2019, 5, 13), False)]


@pytest.mark.parametrize(
    ("text", "day", "said"),
    [
        ("29.03.2020 02:59:59", date(2020, 3, 29), []),
        ("29.03.2020 03:30:00", date(2020, 3, 29), ["hour_never_was"]),
        ("25.10.2020 03:30:00", date(2020, 10, 25), ["hour_twice"]),
        ("25.10.2020 04:00:00", date(2020, 10, 25), []),
        ("2020-10-25T00:10:00", date(2020, 10, 25), ["date_other_form"]),
        ("25.10.2020", None, []),
    ],
)
def test_a_local_time_is_the_day_that_it_says(text: str, day: date | None, said: list[str]) -> None:
    read = written_moment(pl.col("t"), CLOCKS)

    frame = pl.DataFrame({"t": [text]}).select(day=read.value, **read.remarks)

    assert frame["day"].item() == day
    assert [name for name in read.remarks if frame[name].item()] == said


@pytest.mark.parametrize(
    ("hour", "day"),
    [(datetime(2020, 1, 14, 22, 30), date(2020, 1, 15)), (datetime(2020, 7, 14, 20, 59), date(2020, 7, 14)),
     (datetime(2020, 7, 14, 21, 0), date(2020, 7, 15))],
)  # fmt: skip
def test_an_instant_is_the_day_of_the_hospital_not_of_greenwich(hour: datetime, day: date) -> None:
    frame = pl.DataFrame({"t": [hour.replace(tzinfo=UTC)]}, schema={"t": pl.Datetime("us", "UTC")})

    assert frame.select(local(pl.col("t"), "Europe/Sofia").value).item() == day


def test_a_placeholder_in_a_column_of_dates_is_nothing() -> None:
    frame = pl.DataFrame({"t": [date(1900, 1, 1), date(1900, 1, 2), None]})

    assert frame.select(plain(pl.col("t")).value)["t"].to_list() == [None, date(1900, 1, 2), None]


def test_each_row_that_cannot_stand_is_refused_by_its_own_name(mapping: Mapping) -> None:
    stays = [
        ("03.05.2019", "05.05.2019 10:00:00", "A"),
        ("0000-00-00", "05.05.2019 10:00:00", "A"),
        ("1900-01-01", "05.05.2019 10:00:00", "A"),
        ("05.23.2019", "25.05.2019 10:00:00", "A"),
        ("03.05.2019", "02.05.2019 10:00:00", "A"),
        ("03.05.2087", "05.05.2087 10:00:00", "A"),
    ]

    made = done(mapping, stays, known=date(2024, 1, 1))

    assert made.rows("visit_occurrence").height == 1
    assert made.rejected.filter(pl.col("stream") == "stay").select("_key", "rule").rows() == [
        ("1", "date_placeholder"),
        ("2", "date_placeholder"),
        ("3", "date_unparseable"),
        ("4", "end_before_start"),
        ("5", "date_in_future"),
    ]


def test_the_future_begins_when_the_row_was_landed(mapping: Mapping) -> None:
    stays = [("03.05.2087", "05.05.2087 10:00:00", "A")]

    assert rules(done(mapping, stays), "stay", "visit") == {}
    assert rules(done(mapping, stays, known=date(2087, 5, 5)), "stay", "visit") == {}
    assert rules(done(mapping, stays, known=date(2087, 5, 4)), "stay", "visit") == {"date_in_future": 1}


def test_words_for_nothing_and_zero_bytes_are_taken_out_and_told(mapping: Mapping) -> None:
    stays = [("03.05.2019", "05.05.2019 10:00:00", ward) for ward in ("A", "NULL", " - ", "", "B\0", "\0")]

    made = done(mapping, stays)

    wards = made.rows("visit_occurrence").sort("_source_key")["visit_source_value"].to_list()
    assert wards == ["A", None, None, None, "B", None]
    assert rules(made, "stay", "visit") == {"word_for_nothing": 2, "zero_bytes_removed": 2}


def test_a_supply_says_the_last_day_and_nothing_says_the_first(mapping: Mapping) -> None:
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    doses = [(noon, days, "1") for days in ("28", "1", None, "0", "два")]

    made = done(mapping, dose=doses)

    ends = made.rows("drug_exposure").sort("_source_key")["drug_exposure_end_date"].to_list()
    assert ends == [date(2020, 1, 28), *[date(2020, 1, 1)] * 4]
    assert rules(made, "dose", "drug") == {"drug_exposure_end_date_inferred": 3, "number_unparseable": 1}


def test_what_a_record_can_spare_does_not_cost_the_record(mapping: Mapping) -> None:
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)

    made = done(mapping, dose=[(noon, "28", packs) for packs in ("30", "2 оп.", "", "-30")])

    quantities = made.rows("drug_exposure").sort("_source_key")["quantity"].to_list()
    assert quantities == [30.0, None, None, -30.0]
    assert rules(made, "dose", "drug") == {"number_unparseable": 1, "quantity_negative": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("local_date,at,Europe/Sofia", "local_date,at,Europe/Sofya", "no such time zone; did you mean 'Europe/Sofia'"),
        ("local_date,at,Europe/Sofia", "local_date,at,Europe/Sofia %d", "a time zone and nothing else"),
        (f"text_moment,to,{CLOCKS}", "text_moment,to,Europe/Sofia serial", "needs %d, %m and %Y"),
        (FORMS, "%d.%m.%Y|%Y-%m", "needs %d, %m and %Y"),
        ("text_date,from", "date,from", "use text_date"),
        (f"{FORMS},", f"{FORMS},spare", "OMOP requires visit_start_date"),
        ("days,drug_exposure_start_date", "days,quantity", "not a date read by this record"),
    ],
)
def test_faults_in_rules_of_dates_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        read(tmp_path, FIELDS.replace(old, new, 1))


WARD = f"""stay,ward,observation,,when,ward,A,
stay,ward,observation,,when,from,03.05.2019,
stay,ward,observation,observation_concept_id,concept,,1,
stay,ward,observation,observation_date,text_date,from,{FORMS},
stay,ward,observation,observation_type_concept_id,concept,,32817,
"""


def test_of_several_conditions_all_must_hold(tmp_path: Path) -> None:
    stays = [
        (day, "05.05.2019 10:00:00", ward)
        for day, ward in (("03.05.2019", "A"), ("04.05.2019", "A"), ("03.05.2019", "B"))
    ]

    made = done(read(tmp_path, FIELDS + WARD), stays)

    assert made.rows("observation")["_source_key"].to_list() == ["0"]
    assert made.rows("visit_occurrence").height == 3


def test_a_column_is_asked_once(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="one 'when' a column"):
        read(tmp_path, FIELDS + WARD.replace("when,from,03.05.2019", "when,ward,B"))
