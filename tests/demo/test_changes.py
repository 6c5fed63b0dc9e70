# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which released numbers differ between two runs, on tables small enough to read; and reasons beside the data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import plugins
from rwe.disclosure import RELEASED
from rwe.errors import DataError
from rwe.pipeline import changes
from rwe.pipeline.changes import Origin, compared, differences
from rwe.pipeline.planning import load_plan
from rwe.result import LABELS
from rwe.store import Store

Row = dict[str, Any]
RFS: Row = {"analysis": "survival", "population": "p", "outcome": "rfs", "estimand": "milestone", "time": 365}
AGE: Row = {"analysis": "characteristics", "population": "p", "outcome": "age", "estimand": "mean"}


def table(*rows: Row) -> pl.DataFrame:
    schema = RELEASED | {"id": pl.String}
    blank = {name: "" if name in ("id", *LABELS, "masked") else None for name in schema}
    return pl.DataFrame([blank | row for row in rows], schema=schema)


def found(before: pl.DataFrame, after: pl.DataFrame) -> list[tuple[Any, ...]]:
    return differences(before, after).select("outcome", "time", "value", "before", "after").rows()


def test_equal_tables_differ_in_nothing() -> None:
    rows = [RFS | {"n": 50, "estimate": 0.61, "conf_low": 0.5}, AGE | {"estimate": 55.1}]

    assert found(table(*rows), table(*rows)) == []
    assert found(table(*rows), table(*reversed(rows))) == []
    assert found(table(), table()) == []


def test_each_number_that_differs_is_a_row() -> None:
    before = table(RFS | {"n": 50, "n_event": 20, "estimate": 0.61, "conf_low": 0.5, "std_error": 0.1}, AGE)
    after = table(RFS | {"n": 55, "n_event": 20, "estimate": 0.62, "conf_low": 0.5, "std_error": 0.2}, AGE)

    assert found(before, after) == [("rfs", 365, "estimate", 0.61, 0.62), ("rfs", 365, "n", 50.0, 55.0)]


def test_what_is_masked_or_absent_on_one_side_has_nothing_there() -> None:
    whole, masked = RFS | {"n": 15, "estimate": 0.61}, RFS | {"masked": "n,estimate"}

    assert found(table(whole), table(masked)) == [("rfs", 365, "estimate", 0.61, None), ("rfs", 365, "n", 15.0, None)]
    assert found(table(), table(AGE | {"n": 15})) == [("age", None, "n", None, 15.0)]
    assert found(table(masked), table(masked)) == []


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (0.61, 0.61 + 1e-12, False),
        (2e-10, -1e-11, False),
        (243211.91, 243211.92, True),
        (1e9, 1e9 + 0.5, False),
        (0.61, 0.6100001, True),
        (0.0, 1e-8, True),
    ],
)
def test_what_the_order_of_summing_may_change_is_no_difference(before: float, after: float, *, differs: bool) -> None:
    tables = [table(RFS | {"estimate": value}) for value in (before, after)]

    assert bool(found(*tables)) is differs


def test_figures_are_told_apart_by_every_label_and_the_day() -> None:
    rows = [RFS, RFS | {"time": 1826}, RFS | {"group": "hormonal=yes"}, RFS | {"stratum": "raked"}, AGE]
    before = table(*(row | {"estimate": float(i)} for i, row in enumerate(rows)))
    after = table(*(row | {"estimate": float(i)} for i, row in enumerate(rows[:-1])), AGE | {"estimate": 7.0})

    assert found(before, after) == [("age", None, "estimate", 4.0, 7.0)]


@pytest.fixture
def two_runs(demo: Any, tmp_path: Path) -> tuple[Path, Path, Origin]:
    """Return two folders of one run, in the later of which one figure is another, and where they came from."""
    folders = [Path(shutil.copytree(demo.summary.folder, tmp_path / name)) for name in ("before", "after")]
    file = next((folders[1] / "release").glob("*-against_trial.json"))
    rows = pl.read_json(file, schema=RELEASED)
    raked = (pl.col("estimand") == "hazard_ratio") & (pl.col("stratum") == "raked")
    rows.with_columns(pl.when(raked).then(0.5).otherwise("estimate").alias("estimate")).write_json(file)
    plan = load_plan(plugins.hospital("breast").study)
    streams = {f"rotterdam/{name}": 1 for name in plan.sources[0].mapping.source.streams}
    return folders[0], folders[1], Origin(plan.files, Store(demo.home / "store"), streams)


def test_a_change_without_a_reason_in_the_inputs_says_so(two_runs: tuple[Path, Path, Origin]) -> None:
    before, after, origin = two_runs

    key, figure, total = compared(before, after, origin, ["en", "bg"])

    assert key["figure"]["en"] == "Hazard ratio, practice to trial, raked"
    assert key["after"] == {"en": "0.50 (95% CI 0.93–1.22)", "bg": "0,50 (95 % ДИ 0,93–1,22)"}
    assert key["why"] == {"en": "no input changed", "bg": "няма промяна във входа"}
    assert figure["figure"]["bg"].endswith(
        "практика минус изпитване · Преживяемост без рецидив · С претегляне · отношение на рисковете"
    )
    assert total["figure"]["en"] == "Numbers changed in all: 1; changes.csv lists each"
    assert len(pl.read_csv(after / "changes.csv")) == 1


def test_other_code_and_other_packages_are_named(
    two_runs: tuple[Path, Path, Origin], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after, origin = two_runs
    other = {**changes.packages(), "polars": "0.0.1"}
    monkeypatch.setattr(changes, "code_hashes", lambda: {"rwe": "another"})
    monkeypatch.setattr(changes, "packages", lambda: other)

    why = compared(before, after, origin, ["en", "bg"])[0]["why"]

    assert why == {"en": "the code changed; packages changed: polars", "bg": "променен код; променени пакети: polars"}


@pytest.mark.parametrize("lost", ["release", "manifest.json"])
def test_a_run_before_that_is_not_whole_is_named(two_runs: tuple[Path, Path, Origin], lost: str) -> None:
    before, after, origin = two_runs
    shutil.rmtree(before / lost) if lost == "release" else (before / lost).unlink()

    with pytest.raises(DataError, match="run the study again"):
        compared(before, after, origin, ["en"])
