# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Follow-up ends with insurance, with emigration and on the last day of known deaths, where a study says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from rwe.cohort.completeness import completeness
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.extract import extract
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import load_source
from rwe.store import Store
from synthetic.network.build import Network
from synthetic.network.world import PLANTED
from tests.semantics.test_cohort import d
from tests.semantics.test_cohort_rules import Patient, asked, endpoint, faults, left_out, patient

SITES = Path(__file__).parents[2] / "configs" / "sites"
ABROAD, EMIGRATED = 2_000_000_120, 2_000_000_277
INSURANCE = {"gap": 31, "reasons": {"emigrated": [ABROAD]}}


def insured(*periods: tuple[Any, ...], **more: Any) -> Patient:
    """Return somebody who began the medicine on 2011-01-01 and was insured in these periods."""
    records = more.pop("records", ())
    return patient(*records, **more) | {"insured": [(d(a), d(b), *why) for a, b, *why in periods]}


def test_follow_up_ends_with_insurance_and_with_emigration() -> None:
    first, late = ("2010-01-01", "2011-12-31"), ("2012-03-01", "2015-12-31")

    assert not faults(
        asked(insurance=INSURANCE),
        insured(("2010-01-01", "2015-12-31"), e_days=1096, e_reason="lost"),  # last seen on 2014-01-01
        insured(first, e_days=364, e_reason="insurance_end"),
        insured((*first, ABROAD), e_days=364, e_reason="emigrated"),
        insured(first, late, e_days=364, e_reason="insurance_end"),  # two months without
        insured(first, late, records=[("death", "2012-06-01")], e_days=364, e_event=False, e_reason="insurance_end"),
        insured(first, records=[("death", "2011-12-31")], e_days=364, e_event=True, e_reason="event"),
        left_out(insured(("2010-01-01", "2010-12-31"))),
        left_out(patient()),
    )


def test_a_gap_that_the_study_passes_over_ends_nothing() -> None:
    months = [("2010-01-01", "2011-12-31"), ("2012-02-01", "2015-12-31")]  # January is not insured

    assert not faults(asked(insurance={"gap": 31}), insured(*months, e_days=1096, e_reason="lost"))
    assert not faults(asked(insurance={"gap": 30}), insured(*months, e_days=364, e_reason="insurance_end"))


def test_of_periods_that_overlap_the_longest_counts() -> None:
    whole, within = ("2010-01-01", "2013-01-01"), ("2010-06-01", "2010-12-31")
    later = ("2013-01-20", "2013-06-30", ABROAD)

    assert not faults(asked(insurance=INSURANCE), insured(within, whole, later, e_days=911, e_reason="emigrated"))


def test_nobody_is_followed_beyond_the_day_up_to_which_deaths_are_known() -> None:
    known = asked(deaths_known_to=d("2013-06-30"))

    assert not faults(
        known,
        patient(e_days=911, e_reason="end_of_data"),  # told alive until 2014, as whose death was told too would not be
        patient(("death", "2013-07-15"), e_days=911, e_event=False, e_reason="end_of_data"),
        patient(("death", "2013-06-15"), until="2013-06-15", e_days=896, e_event=True),
        patient(until="2012-01-01", e_days=365, e_reason="lost"),
    )
    assert asked().cut == d("2015-12-31")
    assert asked(deaths_known_to=d("2019-01-01")).cut == d("2015-12-31")


def test_whose_insurance_ended_was_not_followed_to_the_end() -> None:
    people = pl.DataFrame({"e_days": [50, 50], "e_reason": ["event", "emigrated"]}).with_columns(
        index_date=d("2010-01-01")
    )
    rules = {"endpoints": {"e": endpoint(events=["death"], until=100)}}

    found = completeness(people, "e", asked(insurance=INSURANCE, **rules))

    assert found.clark == 100 / 150


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({"lost": [ABROAD]}, "another name"),
        ({"insurance_end": [ABROAD]}, "all others"),
        ({"a": [ABROAD], "b": [ABROAD]}, "two names"),
    ],
)
def test_a_reason_has_one_name(reasons: dict[str, list[int]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        asked(insurance={"reasons": reasons})


def fund(folder: Path, dirt: str) -> Aligned:
    """Return the insurance fund of a small network in the common model."""
    Network("network").write(folder / "network", 400, 2, dirt=dirt)
    source, store = load_source(SITES / "network_fund.yaml"), Store(folder / "store")
    extract(source.site, source.mapping.source, store, folder, b"k" * 32)
    return align(source, store, {}, persons([source], store).of(source.site.site))


@pytest.mark.ci
def test_the_fund_tells_until_when_each_is_insured_and_why_no_longer(tmp_path: Path) -> None:
    part = fund(tmp_path, "none")

    lived = pl.read_parquet(tmp_path / "network" / "truth" / "courses").filter("observed")
    time = part.cdm.table("payer_plan_period").collect()
    seen = part.cdm.table("observation_period").collect()
    left = lived.filter("left").select(day=pl.col("index_day") + pl.duration(days="last"))
    told = time.filter(pl.col("stop_reason_concept_id") == EMIGRATED).select(day="payer_plan_period_end_date")
    open_ended = time.filter(pl.col("stop_reason_concept_id").fill_null(0) == 0)
    assert time.height == lived.height
    assert told.sort("day").rows() == left.sort("day").rows()
    assert left.height > 20
    assert open_ended["payer_plan_period_end_date"].unique().to_list() == [PLANTED.cut]
    # who is insured since 2010 was not observed since then
    assert seen["observation_period_start_date"].min() > PLANTED.first_day


@pytest.mark.ci
def test_a_gap_of_insurance_is_two_periods_of_one_person(tmp_path: Path) -> None:
    part = fund(tmp_path, "follow-up")

    faults_told = pl.read_csv(tmp_path / "network" / "faults.csv").filter(pl.col("form") == "gap of insurance")
    periods = part.cdm.table("payer_plan_period").collect().group_by("person_id").len()
    assert faults_told["person"].n_unique() > 3
    assert periods.filter(pl.col("len") > 1).height == faults_told["person"].n_unique()
