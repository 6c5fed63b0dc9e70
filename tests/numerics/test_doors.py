# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What people hand in at the doors of the survival functions: taken as meant, or refused with what to do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DataError, DefinitionError
from rwe.execute import Parts

DAYS = {"t": [100, 200, 365, 400, 500, 700, 800, 900], "e": [1, 1, 1, 0, 1, 1, 0, 1], "g": list("abababab")}
FRAME = pl.DataFrame(DAYS | {"c": [1, 2, 1, 0, 1, 2, 0, 1], "x": [3.0, 1.0, 2.0, 2.5, 1.5, 0.5, 2.0, 3.5]})
SURVIVAL: dict[str, Any] = {"time": "t", "event": "e"}
RISKS: dict[str, Any] = {"time": "t", "cause": "c", "covariates": ["x"]}
ESTIMATES: dict[str, Callable[[Any], Any]] = {
    "curve": lambda frame: sv.kaplan_meier(frame, **SURVIVAL),
    "robust curve": lambda frame: sv.kaplan_meier(frame, **SURVIVAL, cluster="g"),
    "cox": lambda frame: sv.cox(frame, **SURVIVAL, covariates=["x"]),
    "subdistribution": lambda frame: sv.fine_gray(frame, **RISKS),
    "concordance": lambda frame: sv.concordance(frame, **SURVIVAL, score="x"),
    "cause-specific": lambda frame: sv.cause_specific(frame, **RISKS),
    "bootstrap": lambda frame: sv.bootstrap(frame, **SURVIVAL, statistic="rmst", at=365, replicates=9),
    "bootstrap of clusters": lambda frame: sv.bootstrap(
        frame, **SURVIVAL, statistic="rmst", at=365, replicates=9, cluster="g"
    ),
}


@pytest.mark.parametrize("word", ["Censored", " censored", "CENSORED "])
def test_another_spelling_of_censored_is_no_cause(word: str) -> None:
    frame = FRAME.with_columns(c=pl.Series(["relapse", "death", word, "censored"] * 2))

    with pytest.raises(DataError, match="column 'c': 2 of 8 rows say it in another spelling; 'censored' alone"):
        sv.cumulative_incidence(frame, time="t", cause="c")


def test_where_nobody_is_censored_words_may_be_causes_and_a_note_says_so() -> None:
    words = FRAME.with_columns(c=pl.Series(["alive", "death", "death", "alive", "death", "alive", "death", "alive"]))
    given: dict[str, Any] = {"time": "t", "cause": "c"}

    curves = sv.cumulative_incidence(words, **given)
    model = sv.fine_gray(words, **given, of="death", covariates=["x"])
    models = sv.cause_specific(words, **given, covariates=["x"])

    assert all("no row is 'censored'" in notes[-1] for notes in (curves.notes, model.notes, models.notes))
    assert sv.cumulative_incidence(FRAME, **given).notes == ()


def test_a_trend_takes_its_order_from_numbers_or_an_enum_not_from_the_alphabet() -> None:
    doses = ["low", "high"]
    frame = FRAME.with_columns(dose=pl.Series([*doses, "medium", "low"] * 2))
    ordered = frame.with_columns(pl.col("dose").cast(pl.Enum(["low", "medium", "high"])))

    by_enum = sv.log_rank(ordered, **SURVIVAL, by="dose", trend=True)
    by_score = sv.log_rank(frame, **SURVIVAL, by="dose", trend=[2, 0, 1])

    assert by_enum.statistic == pytest.approx(by_score.statistic, rel=1e-12)
    with pytest.raises(DefinitionError, match="give scores or an Enum in the order of the dose"):
        sv.log_rank(frame, **SURVIVAL, by="dose", trend=True)


@pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES.keys())
def test_a_frame_that_fails_while_it_is_read_tells_columns_and_no_value(estimate: Callable[[Any], Any]) -> None:
    written = FRAME.with_columns(t=pl.Series(["100", "200", "8123x", *["300"] * 5]))
    lazy = written.lazy().with_columns(pl.col("t").cast(pl.Int64))

    with pytest.raises(DataError, match=r"while columns 't'.* are read") as caught:
        estimate(lazy)

    told = "".join(traceback.format_exception(caught.value))
    assert "8123x" not in told


def test_whole_days_may_be_asked_for_as_floats() -> None:
    km = sv.kaplan_meier(FRAME, **SURVIVAL, by="g")
    cox = sv.cox(FRAME, **SURVIVAL, covariates=["x"])
    ci, fine = sv.cumulative_incidence(FRAME, time="t", cause="c"), sv.fine_gray(FRAME, **RISKS)
    asked: list[Callable[[Any], pl.DataFrame]] = [
        km.at,
        km.rmst,
        ci.at,
        lambda day: cox.predict_survival(FRAME, day),
        lambda day: fine.predict_incidence(FRAME, day),
        lambda day: sv.rmst_difference(FRAME, **SURVIVAL, by="g", tau=day).table,
    ]

    for ask in asked:
        assert ask(365.0).equals(ask(365))
        with pytest.raises(DefinitionError, match=r"(times|tau) is given in whole days"):
            ask(365.5)


@pytest.mark.parametrize("name", ["curve", "cox", "cause-specific", "subdistribution"])
def test_a_path_that_is_no_parquet_file_is_refused_with_what_is_taken(name: str, tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "rows.csv")

    for file in ("rows.csv", "missing.parquet"):
        with pytest.raises(DefinitionError, match=r"not that of a parquet file.*polars\.scan_csv"):
            ESTIMATES[name](tmp_path / file)


@pytest.mark.parametrize("name", ["concordance", "bootstrap of clusters"])
def test_what_needs_rows_in_memory_says_how_to_get_them(name: str) -> None:
    with pytest.raises(DefinitionError, match=r"polars\.read_parquet"):
        ESTIMATES[name]("rows.parquet")
    with pytest.raises(DefinitionError, match=r"polars\.concat"):
        ESTIMATES[name](Parts([FRAME]))


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (ESTIMATES["concordance"], "each row is compared with all others"),
        (lambda frame: sv.turnbull(frame, left="t", right="r"), "where mass can lie follows from all intervals"),
    ],
)
def test_what_does_not_add_up_over_parts_says_why(ask: Callable[[Any], Any], why: str) -> None:
    with pytest.raises(DefinitionError, match=rf"not in parts \({why}"):
        ask(Parts([FRAME.with_columns(r="t"), FRAME.with_columns(r="t")]))


def test_one_covariate_may_be_given_by_its_name() -> None:
    frame = FRAME.rename({"x": "age"})

    found = [sv.cox(frame, **SURVIVAL, covariates=c).coefficients for c in ("age", ["age"])]

    assert found[0].equals(found[1])
    assert sv.fine_gray(frame, time="t", cause="c", covariates="age").design.names == ("age",)
    assert sv.rmst_regression(frame, **SURVIVAL, tau=400, covariates="age").coefficients["term"].to_list()[1:] == [
        "age"
    ]


@pytest.mark.parametrize("kind", [pl.Int64, pl.Float64, pl.String])
def test_a_reference_is_given_as_the_column_holds_it(kind: Any) -> None:
    frame = FRAME.with_columns(grade=pl.Series([1, 2, 3, 2, 1, 3, 2, 1]).cast(kind))
    level = "2" if kind == pl.String else 2

    found = sv.cox(frame, **SURVIVAL, formula="C(grade)", reference={"grade": level})

    assert found.design.levels["grade"][0] == ("2.0" if kind == pl.Float64 else "2")


@pytest.mark.parametrize("role", ["strata", "cluster", "offset"])
def test_parts_of_a_formula_of_r_that_are_arguments_here(role: str) -> None:
    with pytest.raises(DefinitionError, match=f"use the argument {role}"):
        sv.cox(FRAME, **SURVIVAL, formula=f"x + {role}(g)")


@pytest.mark.parametrize("given", [{"time": "t", "event": "t"}, {"time": "t", "event": "e", "entry": "t"}])
def test_one_column_plays_one_part(given: dict[str, Any]) -> None:
    for ask in (sv.kaplan_meier, lambda frame, **named: sv.cox(frame, **named, covariates=["x"])):
        with pytest.raises(DefinitionError, match="name the same column 't'"):
            ask(FRAME, **given)
