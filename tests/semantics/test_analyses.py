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
