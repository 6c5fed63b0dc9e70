# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a study asks beyond the data is what `sv.extrapolate` answers, passes the door, and is refused by its place."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from analyses.extrapolation import ANALYSIS, Options
from rwe import survival as sv
from rwe.cohort import Cohort
from rwe.disclosure import protect
from rwe.errors import DefinitionError
from rwe.pipeline.planning import load_plan
from rwe.plugins import Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.families import PLAIN
from rwe.spec.names import BESIDE
from rwe.spec.study import load_study
from rwe.survival.family_names import USUAL, family_named
from rwe.survival.parametric import FAMILIES

CONFIGS = Path(__file__).parents[2] / "configs"
STUDY = CONFIGS / "studies" / "network_lung.yaml"
TABLE = {"file": "../life_tables/invented.csv", "age": "age", "sex": "all"}
ASKED: dict[str, Any] = {
    "endpoint": "os", "nested": "pfs", "by": "new", "families": ["weibull", "lnorm", "spline_odds_1"],
    "landmarks": [1826, 3652], "life_table": TABLE, "background": "floor", "draws": 100,
}  # fmt: skip


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    lived, stop = np.ceil(rng.weibull(1.2, 300) * 900), np.ceil(rng.uniform(300, 1800, 300))
    free = np.ceil(lived * rng.uniform(0.3, 1, 300))
    return pl.DataFrame(
        {
            "os_days": np.minimum(lived, stop).astype(int), "os_event": lived <= stop, "in_treated": True,
            "pfs_days": np.minimum(free, stop).astype(int), "pfs_event": free <= stop,
            "age": rng.integers(45, 80, 300).astype(float), "new": np.where(np.arange(300) < 298, "yes", "no"),
        }
    ).with_columns(index_date=pl.lit(dt.date(2021, 1, 1)))  # fmt: skip


@pytest.fixture(scope="module")
def found(people: pl.DataFrame) -> Result:
    options = Options.model_validate(ASKED, context={BESIDE: [str(STUDY)]})
    inputs = Inputs(load_study(STUDY), Cohort(people, Result(pl.DataFrame(schema=SCHEMA))), "treated")
    return ANALYSIS.run(inputs, options)


def test_a_study_is_told_what_the_function_answers(found: Result, people: pl.DataFrame) -> None:
    cells = pl.read_csv(CONFIGS / "life_tables" / "invented.csv").with_columns(h=-(1 - pl.col("q")).log() / 365.241)
    table = sv.life_table(cells, sex="sex", year="year", age="age", hazard="h", age_unit="years", outside="nearest")
    placed = people.with_columns(days=pl.col("age") * 365.241, sex=pl.lit("all"))

    alone = sv.extrapolate(
        placed, time="os_days", event="os_event", families=["weibull"], landmarks=[1826, 3652], draws=100,
        life_table=table, age="days", sex="sex", date="index_date", background="floor",
    )  # fmt: skip

    mine = found.table.filter(stratum="weibull", group="overall")
    told = mine.filter(estimand="extrapolated_survival", time=3652)
    assert told["estimate"].item() == pytest.approx(alone.landmarks.filter(family="weibull", time=3652)["survival"][0])
    years = mine.filter(estimand="life_years")
    assert years["estimate"].item() == pytest.approx(alone.table.filter(family="weibull")["life_years"][0], rel=1e-3)
    assert mine.filter(estimand="extrapolated_survival").height == 20 + 5
    assert found.settings["landmarks"] == [1826, 3652]
    assert found.settings["life_table"] == "invented.csv"
    assert found.settings["last"]["overall"] % 30 == 0


def test_the_smoothed_hazard_stands_beside_the_families(found: Result, people: pl.DataFrame) -> None:
    told = found.table.filter(group="overall", estimand="smoothed_hazard")

    alone = sv.smoothed_hazard(people, time="os_days", event="os_event")
    row = told.filter(time=365).row(0, named=True)
    hazard = np.interp(365, alone.table["time"], alone.table["hazard"]) * 365.25
    near = people.filter(pl.col("os_event"), (pl.col("os_days") - 365).abs() <= alone.bandwidth)
    assert row["estimate"] == pytest.approx(hazard, rel=5e-3)
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert (row["n"], row["n_event"]) == (people.filter(pl.col("os_days") >= 365).height, near.height)
    shown = protect(found).table.filter(estimand="smoothed_hazard")
    few = pl.col("n").is_null() | pl.col("n_event").is_null()
    assert shown.filter(few)["estimate"].null_count() == shown.filter(few).height


def test_what_an_effect_gains_is_told_with_and_without_its_fading(people: pl.DataFrame) -> None:
    """Arms are fitted apart; an effect that ends on day 0 gains nothing, one that never ends all of it."""
    halves = people.with_columns(
        new=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("yes")).otherwise(pl.lit("no"))
    )
    longer = halves.with_columns(pl.when(pl.col("new") == "yes").then(pl.col("os_days") * 2).otherwise("os_days"))
    asked = ASKED | {"nested": None, "background": "none", "life_table": None, "families": ["weibull", "exp"]}
    inputs = Inputs(load_study(STUDY), Cohort(longer, Result(pl.DataFrame(schema=SCHEMA))), "treated")

    told = {}
    for end in (0, 900, 14_000):
        fades = {"wane": {"treated": "yes", "begin": min(end, 600) if end < 14_000 else end, "end": end}}
        rows = ANALYSIS.run(inputs, Options.model_validate(asked | fades)).table
        gain = rows.filter(estimand="life_years_gained")
        told[end] = dict(gain.select("stratum", "estimate").iter_rows())

    assert told[0]["averaged"] > 0.5
    assert told[0]["waned"] == pytest.approx(0, abs=1e-3)
    assert 0 < told[900]["waned"] < told[900]["averaged"]
    assert told[14_000]["waned"] == pytest.approx(told[14_000]["averaged"], abs=1e-2)
    waned = rows.filter(group="new=yes", stratum="waned")
    assert set(waned["estimand"]) == {"life_years", "beyond_data", "extrapolated_survival"}
    assert gain["n"].to_list() == [150, 150]


def test_groups_and_families_without_an_answer_are_named_and_no_count_of_a_few_leaves(found: Result) -> None:
    assert found.settings["failed"].get("new=no") or "new=no" in found.settings["empty"]
    assert not [key for key in ("notes", "reasons") if key in found.settings]

    shown = protect(found).table

    few = shown.filter(pl.col("group") == "new=no", pl.col("estimand") != "survival")
    assert few["estimate"].null_count() == few.height
    years = shown.filter(group="overall", estimand="life_years")["estimate"]
    assert (years.round(2) == years).all()
    assert shown.filter(estimand="aic", group="overall")["estimate"].round(1).to_list() == (
        shown.filter(estimand="aic", group="overall")["estimate"].to_list()
    )


def test_the_life_table_is_a_file_of_the_plan(tmp_path: Path) -> None:
    plan = load_plan(STUDY)

    assert "invented.csv" in [path.name for path in plan.files]
    copied = tmp_path / "configs"
    shutil.copytree(CONFIGS, copied)
    (copied / "life_tables" / "invented.csv").unlink()
    with pytest.raises(DefinitionError, match=r"network_lung\.yaml:\d+:\d+: .*life_table\.file.*unknown file"):
        load_plan(copied / "studies" / "network_lung.yaml")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"families": ["weibul"]}, "String should match pattern"),
        ({"families": []}, "at least 1 item"),
        ({"life_table": None}, "background needs a life_table"),
        ({"by": None, "wane": {"treated": "yes", "begin": 1, "end": 2}}, "wane needs two groups"),
        ({"wane": {"treated": "yes", "begin": 3, "end": 2}}, "no earlier"),
        ({"landmarks": [20_000]}, "landmarks lie between"),
        ({"life_table": TABLE | {"sex_variable": "new"}}, "and not both"),
        ({"life_table": TABLE | {"file": "../life_tables/invent.csv"}}, "unknown file .*; known: invented.csv"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_study_is_read(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Options.model_validate(ASKED | changed, context={BESIDE: [str(STUDY)]})


def test_the_grammar_names_the_families_there_are() -> None:
    assert set(PLAIN.split("|")) == set(FAMILIES)
    pattern = Options.model_json_schema()["properties"]["families"]["items"]["pattern"]
    for name in (*USUAL, *Options.model_fields["families"].default, "nonmixture_genf", "m_spline_30"):
        assert re.fullmatch(pattern, name)
        assert callable(family_named(name))
