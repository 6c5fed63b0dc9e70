# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The clean records of the invented network say the truth, and hang together."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from synthetic.network.blocks import records, truth
from synthetic.network.diseases import MEDICINES
from synthetic.network.world import PLANTED

SEED = 5


@pytest.fixture(scope="module")
def course() -> pl.DataFrame:
    return truth(SEED, 0, 3_000)["courses"]


@pytest.fixture(scope="module")
def clean(course: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return records(SEED, course)


@pytest.fixture(scope="module")
def seen(course: pl.DataFrame) -> pl.DataFrame:
    return course.filter("observed")


def test_a_treatment_ends_when_it_is_stopped_or_changed(seen: pl.DataFrame, clean: dict[str, pl.DataFrame]) -> None:
    first = clean["drugs"].filter(pl.col("line") == 1).join(seen.drop("atc", "hospital"), on="person")
    end = (pl.col("day") - pl.col("index_day")).dt.total_days() + pl.col("days")
    until = pl.min_horizontal("t_stop", "last", pl.when("progressed").then("t_progression"))

    told = first.group_by("person").agg(end=end.max(), until=until.first(), line=pl.len())

    assert (told["end"] <= told["until"]).all()
    assert (told["until"] - told["end"] < 45).mean() > 0.95


def test_the_records_say_when_each_person_comes_goes_and_dies(
    seen: pl.DataFrame, clean: dict[str, pl.DataFrame]
) -> None:
    first = clean["drugs"].group_by("person").agg(treated=pl.col("day").min())
    comes = clean["stays"].group_by("person").agg(since=pl.col("start").dt.date().min())
    dead = clean["deaths"].filter(pl.col("source") == "registry").select("person", death="day")
    gone = clean["moves"].filter(pl.col("destination") == "abroad").select("person", gone="day")
    told = seen.select("person", "index_day", "entry", "last", "died", "left", "t_cut")
    for part in (first, comes, dead, gone):
        told = told.join(part, on="person", how="left")

    begin = pl.max_horizontal(pl.col("since") - pl.col("index_day"), pl.duration(days=0)).dt.total_days()
    end = (pl.coalesce("death", "gone", pl.lit(PLANTED.cut)) - pl.col("index_day")).dt.total_days()
    said = told.select(
        (pl.col("treated") == pl.col("index_day")).all().alias("treated"),
        (begin == pl.col("entry")).all().alias("entry"),
        (end == pl.col("last")).all().alias("last"),
        (pl.col("death").is_not_null() == pl.col("died")).all().alias("died"),
        (pl.col("gone").is_not_null() == pl.col("left")).all().alias("left"),
    )
    assert said.row(0, named=True) == dict.fromkeys(("treated", "entry", "last", "died", "left"), True)
    assert set(clean["stays"]["person"]) == set(seen["person"])


def test_the_records_say_what_happened_and_when(seen: pl.DataFrame, clean: dict[str, pl.DataFrame]) -> None:
    progressed = clean["assessments"].filter(pl.col("value") == "PD").select("person", "day")
    coded = clean["diagnoses"].filter(pl.col("icd10").is_in(["I21.9", "I63.9", "Z59.3"])).select("person", "day")
    died = clean["deaths"].filter(pl.col("source") == "registry").select("person", "day")
    cancer = pl.col("disease").is_in(["breast", "lung"])

    for truths, event, time, found in (
        (seen.filter(cancer), "progressed", "progression_exit", progressed),
        (seen.filter(cancer), "event", "exit", died),
        (seen.filter(~cancer), "event", "exit", coded),
    ):
        wanted = truths.filter(event).select("person", day=pl.col("index_day") + pl.duration(days=pl.col(time)))
        shown = found.join(truths, on="person", how="semi").unique()
        assert wanted.height > 50
        assert_frame_equal(wanted.sort("person"), shown.sort("person"))


def test_baseline_is_assessed_as_it_is(seen: pl.DataFrame, clean: dict[str, pl.DataFrame]) -> None:
    at_first = clean["assessments"].join(seen, left_on=["person", "day"], right_on=["person", "index_day"])

    ecog, stage = (at_first.filter(pl.col("kind") == kind) for kind in ("ECOG", "stage"))

    assert ecog.height == seen.height
    assert (ecog["value"].cast(pl.Int64) == ecog["ecog"]).all()
    words = {"I": 1, "II": 2, "III": 3, "IV": 4, "A1": 1, "A2": 2, "A3": 3, "mild": 1, "moderate": 2, "severe": 3}
    assert stage.height == seen.height
    assert (stage["value"].replace_strict(words) == stage["stage"]).all()
    assert {"TNM", "biomarker", "HbA1c", "MMSE"} <= set(at_first["kind"])


def test_stays_follow_each_other_and_end_with_life(clean: dict[str, pl.DataFrame]) -> None:
    stays = clean["stays"].with_columns(next=pl.col("start").shift(-1).over("person"))
    beds = clean["deaths"].filter(pl.col("source") == "hospital")

    assert stays["stay"].is_unique().all()
    assert (stays["start"] < stays["end"]).all()
    assert (stays.drop_nulls("next")["end"] < stays.drop_nulls("next")["next"]).all()
    assert set(stays.filter(pl.col("outcome") == "died")["person"]) == set(beds["person"])
    assert (stays["end"].dt.date() <= PLANTED.cut).all()
    begins = {one.name: one.records_from for one in PLANTED.hospitals}
    first = stays["hospital"].replace_strict(begins, return_dtype=pl.Date)
    assert (stays["start"].dt.date() >= first).all()


def test_what_hangs_on_a_stay_lies_within_it(clean: dict[str, pl.DataFrame]) -> None:
    stays = clean["stays"]

    labs = (
        clean["labs"]
        .sort("moment")
        .join_asof(
            stays.sort("start"), left_on="moment", right_on="start", by=["person", "hospital"], check_sortedness=False
        )
    )
    of_stay = pl.concat(
        clean[name].select("stay", "person", "hospital", "day") for name in ("drugs", "diagnoses")
    ).join(stays, on=["stay", "person", "hospital"], how="left")

    assert (labs["moment"] <= labs["end"]).all()
    assert labs["stay"].null_count() == 0
    assert of_stay["start"].null_count() == 0
    assert (of_stay["day"] <= of_stay["end"].dt.date()).all()


def test_money_is_exact_text(clean: dict[str, pl.DataFrame]) -> None:
    claims = clean["claims"]

    assert claims["amount"].str.contains(r"^[0-9]+\.[0-9]{2}$").all()
    for code, units, amount in (
        claims.filter(pl.col("code").is_in(list(MEDICINES))).select("code", "units", "amount").head(500).iter_rows()
    ):
        assert Decimal(amount) == units * Decimal(MEDICINES[code].cents) / 100
