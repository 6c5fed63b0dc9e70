# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A response of practice against a trial's published rate: by hand, weighted, marked, refused and released."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from numpy.testing import assert_allclose

from analyses import response_comparison
from rwe import compare as cp
from rwe.cohort import Cohort
from rwe.compare.margin import Margin
from rwe.disclosure import protect
from rwe.errors import DefinitionError, NoValidAnswer, RweError
from rwe.plugins import Inputs
from rwe.result import SCHEMA, Result
from rwe.spec.base import Text
from rwe.spec.trial_published import ArmRate, Figures, Joint, Numbers, Rate
from tests.semantics.test_cohort import words
from tests.semantics.test_outcomes import STUDY

ALIKE = Text(en="x", bg="x")
ARMS = {"all": ArmRate(n=100, responders=40), "printed": ArmRate(n=80, proportion=0.45, interval=(0.34, 0.57))}
STAGES = ("early", "late")
AGED = {
    "variable": "age",
    "arms": {"all": Figures(mean=58.0, sd=9.0), "other": Figures(median=57.0), "printed": "unknown"},
}
TABLE = [(("<=60", "early"), 30), (("<=60", "late"), 20), ((">60", "early"), 20), ((">60", "late"), 30)]
TRIAL = cp.TrialBaseline(
    name="t",
    title=ALIKE,
    citation="",
    arms={"all": 100, "printed": 80, "other": 60},
    margins={
        "stage": Margin("stage", {one: one for one in STAGES}, (), {"all": (50.0, 50.0), "printed": (40.0, 40.0)}),
        "age": Margin("age", {one: one for one in ("<=60", ">60")}, (60.0,), {"all": (50.0, 50.0)}),
    },
    endpoints={},
    individual=None,
    criteria=(),
    numbers=(Numbers.model_validate(AGED, strict=False),),
    joint=(
        Joint.model_validate(
            {
                "variables": ("age", "stage"),
                "arms": {"all": tuple({"levels": levels, "n": n} for levels, n in TABLE), "printed": "unknown"},
            }
        ),
    ),
    rates={
        "r": Rate(title=ALIKE, definition=ALIKE, arms=ARMS | {"other": "unknown"}),
        "cbr": None,
    },
    checked_by="somebody",
)


def people(copies: int = 5) -> pl.DataFrame:
    """Return 12 persons a copy: of 8 early ones 6 respond, of 4 late ones 1."""
    one = pl.DataFrame(
        {
            "stage": ["early"] * 8 + ["late"] * 4,
            "age": [45, 50, 55, 59, 61, 66, 70, 52, 48, 57, 64, 75],
            "r_responder": [True] * 6 + [False] * 2 + [True] + [False] * 3,
        }
    )
    return pl.concat([one] * copies)


def run(rows: pl.DataFrame, trial: cp.TrialBaseline = TRIAL, **options: Any) -> Result:
    cohort = Cohort(rows.with_columns(in_all=True), Result(pl.DataFrame(schema=SCHEMA)))
    asked = response_comparison.Options.model_validate({"outcome": "r", "margins": ("stage",)} | options)
    return response_comparison.ANALYSIS.run(Inputs(STUDY, cohort, "all", trial), asked)


def one(result: Result, stratum: str, group: str, estimand: str = "response") -> dict[str, Any]:
    found: dict[str, Any] = result.table.filter(stratum=stratum, group=group, estimand=estimand).row(0, named=True)
    return found


def limits(row: dict[str, Any]) -> tuple[float, float, float]:
    return row["estimate"], row["conf_low"], row["conf_high"]


def test_the_rates_of_newcombes_paper() -> None:
    """Newcombe 1998 (Stat Med 17:873), table II, (a) 56/70 and 48/80: method 10."""
    rows = pl.DataFrame({"r_responder": [True] * 56 + [False] * 14})
    trial = replace(
        TRIAL, rates={"r": Rate(title=ALIKE, definition="unknown", arms={"all": ArmRate(n=80, responders=48)})}
    )

    newcombe = cp.response(rows, trial, outcome="r").table.filter(group="difference", estimand="response")
    score = cp.response(rows, trial, outcome="r", limits="miettinen_nurminen").table.filter(group="difference")

    assert_allclose(limits(newcombe.row(0, named=True)), (0.2, 0.0524, 0.3339), atol=5e-5)
    table = cp.two_by_two(56, 70, 48, 80).table
    same = table.filter(conf_type="miettinen_nurminen").row(0, named=True)
    assert limits(score.row(0, named=True)) == limits(same)
    ratio = table.filter(estimand="risk_ratio").row(0, named=True)
    assert limits(score.filter(estimand="risk_ratio").row(0, named=True)) == limits(ratio)


def test_weighted_rates_by_hand() -> None:
    found = run(people())

    # half early, half late: (6/8 + 1/4) / 2; early weigh 60/80, late 60/40
    w_early, w_late = 0.75, 1.5
    squares = w_early**2 * 5 * (6 * 0.5**2 + 2 * 0.5**2) + w_late**2 * 5 * (0.5**2 + 3 * 0.5**2)
    error = math.sqrt(squares) / 60
    apart = math.sqrt(error**2 + 0.4 * 0.6 / 100)
    z = 1.959963984540054
    row = one(found, "raked", "registry")
    assert (row["n"], row["n_event"]) == (60, 35)
    assert_allclose((row["estimate"], row["std_error"]), (0.5, error), rtol=1e-9)
    assert_allclose(math.log(row["conf_high"] / (1 - row["conf_high"])), z * error / 0.25, rtol=1e-9)
    assert_allclose(limits(one(found, "raked", "difference")), (0.1, 0.1 - z * apart, 0.1 + z * apart), rtol=1e-8)
    ratio = one(found, "raked", "difference", "risk_ratio")
    log_error = math.sqrt((error / 0.5) ** 2 + 0.6 / 40)
    assert_allclose((ratio["estimate"], ratio["std_error"]), (1.25, log_error), rtol=1e-9)
    assert one(found, "unadjusted", "registry")["estimate"] == 35 / 60
    assert one(found, "raked", "registry", "effective_sample_size")["estimate"] == pytest.approx(
        60**2 / (40 * w_early**2 + 20 * w_late**2)
    )


def test_a_printed_rate_keeps_its_figures() -> None:
    row = one(run(people(), arm="printed"), "unadjusted", "trial")

    assert (row["n"], row["n_event"], *limits(row)) == (80, None, 0.45, 0.34, 0.57)


def test_definitions_are_never_compared_in_silence() -> None:
    unstated, same = run(people()), run(people(), same_definition=True)
    differs = run(people(), definition_differs=words("not confirmed"))
    undefined = replace(TRIAL, rates={"r": Rate(title=ALIKE, definition="unknown", arms=ARMS)})

    assert [part.settings["definition"] for part in (unstated, same, differs)] == ["unstated", "same", "differs"]
    assert [part.settings["notes"] for part in (unstated, same, differs)] == [
        [response_comparison.UNSTATED],
        [],
        ["definitions differ: not confirmed"],
    ]
    assert run(people(), undefined, same_definition=True).settings["notes"] == [response_comparison.UNKNOWN]


def test_all_respond() -> None:
    found = run(people().with_columns(r_responder=True))

    row = one(found, "raked", "difference")
    assert_allclose(row["estimate"], 0.6, rtol=1e-9)
    assert (row["conf_low"], row["conf_high"], row["p_value"]) == (None, None, None)
    assert any("all or none respond" in note for note in found.settings["notes"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trial_rate": "cbr"}, NoValidAnswer, "the rate 'cbr' is unknown in arm 'all'"),
        ({"trial_rate": "orr"}, DefinitionError, r"has no rate 'orr'; it has \['cbr', 'r'\]"),
        ({"arm": "other", "margins": (), "method": "maic", "moments": ("age",)}, NoValidAnswer,
         "the rate 'r' is unknown in arm 'other'"),
        ({"outcome": "h"}, DefinitionError, "'h' is no response"),
        ({"method": "maic", "moments": ("weight",)}, DefinitionError, r"has no numbers \['weight'\]; it has \['age'\]"),
        ({"arm": "printed", "method": "maic", "moments": ("age",)}, NoValidAnswer, "mean and median of 'age'"),
        ({"joint": (("stage", "sex"),)}, DefinitionError, r"no joint table of stage & sex; it has \['age & stage'\]"),
        ({"arm": "printed", "joint": (("age", "stage"),), "margins": ()}, NoValidAnswer,
         "joint table of age & stage is unknown in arm 'printed'"),
    ],
)  # fmt: skip
def test_what_the_trial_does_not_tell_is_refused_by_name(
    options: dict[str, Any], error: type[RweError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(people(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margins": ()}, "name at least one of margins, moments and joint"),
        ({"moments": ("age",)}, "moments need method maic or entropy"),
        ({"method": "maic", "margins": ("age",), "moments": ("age",)}, "age: asked as a number and by levels"),
        ({"same_definition": True, "definition_differs": words("a")}, "contradict each other"),
    ],
)
def test_options_that_say_two_things_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        response_comparison.Options.model_validate({"outcome": "r", "margins": ("stage",)} | options)


@pytest.mark.parametrize("method", ["maic", "entropy"])
def test_practice_is_weighted_to_a_printed_mean_and_spread(method: str) -> None:
    direct = getattr(cp, method)(people(), {"stage": {"early": 50, "late": 50}, "age": {"mean": 58.0, "sd": 9.0}})

    found = run(people(), method=method, moments=("age",))

    w, age = direct.weights, people()["age"]
    assert_allclose((w * age).sum() / w.sum(), 58.0, rtol=1e-9)
    share = (w * people()["r_responder"]).sum() / w.sum()
    assert_allclose(one(found, "raked", "registry")["estimate"], share, rtol=1e-9)
    assert found.settings["moments"] == ["age"]


def test_practice_is_raked_to_a_joint_table_and_its_merged_levels() -> None:
    rows = people().with_columns(cell=(pl.col("age") > 60).cast(pl.Int8))
    shares = rows.group_by("cell", "stage").agg(pl.col("r_responder").mean())
    cells = {((">60" if old else "<=60"), stage): share for old, stage, share in shares.rows()}

    found = run(people(), margins=(), joint=(("age", "stage"),))
    turned = run(people(), margins=(), joint=(("stage", "age"),), method="maic")
    merged = run(people(), margins=(), joint=(("age", "stage"),), merge={"age": {"any": ("<=60", ">60")}})

    by_hand = sum(cells[levels] * n for levels, n in TABLE) / 100
    assert_allclose(one(found, "raked", "registry")["estimate"], by_hand, rtol=1e-9)
    assert_allclose(one(turned, "raked", "registry")["estimate"], by_hand, rtol=1e-8)
    assert_allclose(one(merged, "raked", "registry")["estimate"], 0.5, rtol=1e-9)


def test_released_rates_differences_and_ratios_are_of_whole_fives() -> None:
    released = protect(run(people(), same_definition=True)).table

    rate, gap, ratio = (
        released.filter(stratum="unadjusted", group=group, estimand=estimand).row(0, named=True)
        for group, estimand in (("registry", "response"), ("difference", "response"), ("difference", "risk_ratio"))
    )
    # 35 of 60; the trial's 0.4 is public
    assert (rate["n"], rate["n_event"], rate["estimate"]) == (60, 35, round(35 / 60, 6))
    assert gap["estimate"] == round(35 / 60 - 0.4, 6)
    for value in limits(ratio):
        fives = value * 0.4 * 60 / 5
        assert_allclose(fives, round(fives), atol=1e-4)
    few = protect(run(people(2))).table.filter(group="difference")
    assert few["estimate"].null_count() == few.height
    trial = released.filter(group="trial")
    assert trial.select("n", "n_event", "estimate").unique().rows() == [(100, 40, 0.4)]
