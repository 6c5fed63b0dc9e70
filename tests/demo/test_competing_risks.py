# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The second demonstration study, of causes: its estimates are those of the registry's own file, read plainly."""

from __future__ import annotations

import importlib.util
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe import plugins
from rwe import survival as sv

pytestmark = pytest.mark.ci

STUDY = plugins.hospital("breast").study.with_name("breast_recurrence.yaml")
CODES = {"censored": 0, "recurrence": 1, "death": 2}
TERMS = ("hormonal=yes", "age", "size=21-50", "size=>50", "grade=3", "nodes")


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"causes_{name}", Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"causes_{name}"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


plain, rules, page = _beside("plain"), _beside("rules"), _beside("page")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lifelines and pandas warn of each other at import
    from lifelines import CoxPHFitter


@pytest.fixture(scope="module")
def study(make_demo: Callable[..., Any]) -> Any:
    return make_demo(study=STUDY)


@pytest.fixture(scope="module")
def causes(registry: pl.DataFrame) -> pl.DataFrame:
    """Return the registry with the cause of each first event: a death counts where no recurrence came before it."""
    first = pl.when(pl.col("recur") == 1).then(pl.lit("recurrence")).otherwise(pl.lit("death"))
    return registry.with_columns(cause=pl.when("rfs_event").then(first).otherwise(pl.lit("censored")))


def one(table: pl.DataFrame, column: str = "estimate", **labels: Any) -> Any:
    rows = table.filter(**labels)
    assert rows.height == 1, labels
    return rows[column].item()


def clock(people: pl.DataFrame) -> tuple[Any, Any]:
    return people["rfs_days"].to_numpy().astype(float), people["cause"].replace_strict(CODES).to_numpy()


def matrix(people: pl.DataFrame) -> Any:
    columns = [
        people["hormonal"] == "yes",
        people["age"] / 10,
        people["size"] == "21-50",
        people["size"] == ">50",
        people["grade"] == "3",
        people["nodes"],
    ]
    return np.column_stack([column.cast(pl.Float64).to_numpy() for column in columns])


def test_incidence(study: Any, causes: pl.DataFrame) -> None:
    nodes = causes.filter(pl.col("nodes") > 0)
    groups = [("causes", "overall", causes)]
    groups += [("causes_by_therapy", f"hormonal={level}", nodes.filter(hormonal=level)) for level in ("no", "yes")]
    for (name, group, people), cause in [(g, c) for g in groups for c in ("recurrence", "death")]:
        table = study.exact(name).filter(group=group, stratum=cause)
        days, code = clock(people)
        by_day = plain.incidence(days, code, CODES[cause])

        curve = sv.cumulative_incidence(people, time="rfs_days", cause="cause")
        here = table.filter(estimand="milestone", time=1826)
        asked = curve.at(1826).filter(cause=cause)
        assert_allclose(one(here), by_day[1826], rtol=1e-11, err_msg="incidence")
        for column in ("std_error", "conf_low", "conf_high"):
            assert_allclose(one(here, column), asked[column].item(), rtol=1e-9, err_msg=column)
        shown = table.filter(estimand="cumulative_incidence")
        assert_allclose(
            shown["estimate"], curve.at(shown["time"].to_list()).filter(cause=cause)["incidence"], rtol=1e-11
        )
        assert one(table, "n", estimand="count") == (people["cause"] == cause).sum()
        assert (one(here, "n"), one(here, "n_event")) == (
            (days >= 1826).sum(), ((code == CODES[cause]) & (days <= 1826)).sum()
        )  # fmt: skip
        lost = one(table, estimand="time_lost", time=1826)
        assert_allclose(lost, by_day[:1826].sum(), rtol=1e-9, err_msg="area under the curve")


def test_groups_are_compared_by_grays_test(study: Any, causes: pl.DataFrame) -> None:
    people = causes.filter(pl.col("nodes") > 0)

    for cause in ("recurrence", "death"):
        test = sv.gray_test(people, time="rfs_days", cause="cause", by="hormonal", of=cause)
        row = study.exact("causes_by_therapy").filter(estimand="gray_test", stratum=cause)
        assert_allclose([one(row, "statistic"), one(row, "p_value")], [test.statistic, test.p_value], rtol=1e-9)


def test_models_of_causes(study: Any, causes: pl.DataFrame) -> None:
    people = causes.filter(pl.col("nodes") > 0)
    x, (days, code) = matrix(people), clock(people)
    for cause in ("recurrence", "death"):
        own = study.exact("causes_by_therapy").filter(group=cause)
        hazards, others = (
            own.filter(estimand=name).sort(pl.col("stratum").replace_strict(TERMS, range(len(TERMS))))
            for name in ("hazard_ratio", "subdistribution_hazard_ratio")
        )

        frame = pl.DataFrame(x, schema=list(TERMS)).with_columns(days=days, event=(code == CODES[cause]).astype(float))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = CoxPHFitter().fit(frame.to_pandas(), "days", "event", fit_options={"precision": 1e-12})
        assert hazards["stratum"].to_list() == list(TERMS)
        assert_allclose(np.log(hazards["estimate"]), fit.params_[list(TERMS)], rtol=1e-5, atol=1e-7)
        assert_allclose(hazards["std_error"], fit.standard_errors_[list(TERMS)], rtol=1e-5)
        # the score of Fine and Gray is nothing where their estimates are, and something a hundredth away
        beta = np.log(others["estimate"].to_numpy())
        at, beside = (plain.fine_gray_score(b, x, days, code, CODES[cause]) for b in (beta, beta + 0.01))
        assert np.abs(at).max() < 1e-5 * np.abs(beside).max()


def test_a_term_rests_on_those_whom_it_touches(study: Any, causes: pl.DataFrame) -> None:
    people = causes.filter(pl.col("nodes") > 0, pl.col("grade") == "3")
    table = study.exact("causes_by_therapy").filter(estimand="hazard_ratio", stratum="grade=3")

    for cause in ("recurrence", "death"):
        row = table.filter(group=cause)
        assert (one(row, "n"), one(row, "n_event")) == (people.height, (people["cause"] == cause).sum())


def test_what_is_released_is_what_the_rules_make_of_it(study: Any) -> None:
    for file in sorted((study.summary.folder / "release").glob("*-causes*.csv")):
        exact = study.exact(file.stem.partition("-")[2]).to_dicts()
        shown = {
            _labels(row): row for row in pl.read_json(file.with_suffix(".json"), infer_schema_length=None).to_dicts()
        }
        wanted = {_labels(row): row for row in rules.released(exact)}
        assert shown.keys() == wanted.keys()
        for labels, row in wanted.items():
            for column, value in row.items():
                same = shown[labels][column]
                near = isinstance(value, float) and same is not None and math.isclose(value, same, rel_tol=1e-9)
                assert near or value == same, (labels, column)


def _labels(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[label] for label in (*rules.LABELS, "time"))


@pytest.mark.parametrize("lang", ["en", "bg"])
def test_the_dossier_prints_released_figures(study: Any, lang: str) -> None:
    w, book = page.Writer(lang), page.Book(study.summary.folder / "release")
    dossier = page.Dossier(study.summary.dossier[lang].read_text("utf-8"))
    told = [table for table in dossier.tables if any(len(line) > 4 for line in table.lines)]
    ratios = [
        [w.estimate(row, "ratio"), w.cell(row, "p", "p_value")]
        for row in book.all("competing_risks")
        if row["estimand"].endswith("hazard_ratio")
    ]

    cells = {cell for table in told for line in table.lines for cell in line}
    assert {cell for pair in ratios for cell in pair} <= cells
    for row in book.all("competing_risks", estimand="milestone"):
        assert w.estimate(row, "percent") in cells
    assert len(dossier.figures) == 3  # all causes of everybody, and each cause by therapy
    assert len(study.summary.figures) == 3
