# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A study looked at again: each look knows its own day only, nothing small is told between looks, and one may act."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from analyses.looks import ANALYSIS
from rwe import compare as cp
from rwe.cohort import Cohort
from rwe.disclosure import protect
from rwe.errors import NoValidAnswer
from rwe.plugins import Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.study import load_study

STUDY = Path(__file__).parents[2] / "configs" / "studies" / "network_breast.yaml"
ASKED: dict[str, Any] = {"endpoint": "os", "treatment": "new", "every": "year", "together": "year"}
START = date(2019, 3, 1)


@cache
def people(ratio: float = 0.5) -> pl.DataFrame:
    """Return persons who enter over four years and are seen until the data end."""
    rng, n = np.random.default_rng(8), 600
    entered, new = rng.integers(0, 1_460, n), rng.random(n) < 0.5
    days = (rng.exponential(1_500 / np.where(new, ratio, 1.0)) + 1).astype(int)
    end = 2_131 - entered  # the last day of 2024
    return pl.DataFrame(
        {
            "index_date": [START + timedelta(days=int(day)) for day in entered],
            "new": np.where(new, "yes", "no"),
            "os_days": np.minimum(days, end),
            "os_event": days <= end,
            "in_indicated": True,
        }
    )


def run(rows: pl.DataFrame, **changed: Any) -> Result:
    cohort = Cohort(rows, Result(pl.DataFrame(schema=SCHEMA)))
    asked = ANALYSIS.options.model_validate(ASKED | changed)
    return ANALYSIS.run(Inputs(load_study(STUDY), cohort, "indicated", None), asked)


@cache
def found() -> Result:
    return run(people())


def test_a_look_is_what_the_data_of_its_day_say() -> None:
    day = found().settings["days"][2]
    known = people().with_columns(
        entered=(pl.col("index_date") - pl.lit(START)).dt.total_days(), year=pl.col("index_date").dt.year()
    )
    cut = known.filter(pl.col("entered") < day)
    over = pl.col("entered") + pl.col("os_days") > day
    cut = cut.with_columns(
        os_days=pl.when(over).then(day - pl.col("entered")).otherwise("os_days"), os_event=pl.col("os_event") & ~over
    )

    # to know no more than that day is to have only what was on record then
    alone = cp.looks(cut, time="os_days", event="os_event", by="new", entered="entered", at=[day], strata="year")

    row = found().table.filter(time=day, estimand="anytime_e_value").row(0, named=True)
    assert row["estimate"] == pytest.approx(alone.table["e_value"].item())
    assert row["n_event"] == alone.table["n_event"].item()


def test_looks_are_years_of_the_study_and_the_end_of_the_data() -> None:
    dates = [START + timedelta(days=day) for day in found().settings["days"]]

    assert dates == [*(date(year, 3, 1) for year in range(2020, 2025)), date(2024, 12, 31)]
    assert found().settings["act_on"] == "anytime"
    assert found().settings["crossed"] is not None


def test_no_two_looks_tell_few_events_between_them() -> None:
    often = run(people(), every="quarter", together="quarter")

    events = protect(often).table.filter(estimand="hazard_ratio").sort("time")["n_event"]
    assert (events.diff().drop_nulls() >= 10).all()  # 13 exact ones, rounded to fives
    assert len(often.settings["days"]) < often.settings["asked"]


def test_planned_looks_act_on_their_boundaries() -> None:
    planned = run(people(), planned_events=int(people()["os_event"].sum()))

    assert planned.settings["act_on"] == "spending"
    last = planned.table.filter(estimand="spending_boundary").sort("time")["estimate"]
    assert last[0] > last[-1] > 1.96


def test_equal_hazards_are_not_crossed() -> None:
    assert run(people(1.0)).settings["crossed"] is None


def test_an_unbounded_sequence_has_no_limit() -> None:
    few = run(people().filter(new="no").vstack(people().filter(new="yes").head(20)))

    table = few.table.filter(estimand="hazard_ratio")
    assert np.isfinite(table["conf_high"].drop_nulls().to_numpy()).all()
    assert (table["conf_low"].drop_nulls() > 0).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"at": ["2020-01-01"]}, "say when one looks"),
        ({"every": None, "at": ["2021-01-01", "2020-01-01"]}, "must rise"),
        ({"min_events": 5}, "greater than or equal to 13"),
    ],
)
def test_looks_that_make_no_sense_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ANALYSIS.options.model_validate(ASKED | changed)


def test_a_study_with_too_few_events_has_no_look() -> None:
    with pytest.raises(NoValidAnswer, match="no look has 13 events"):
        run(people().filter("os_event").head(8).vstack(people().filter(~pl.col("os_event"))))
