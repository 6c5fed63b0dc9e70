# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Contrasts with the trial: by hand, by finite differences, by lifelines, and their refusals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter

from rwe import compare as cp
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.result import Result
from rwe.spec.base import Text

ROOT = Path(__file__).parents[2]
RAKED = ["age", "menopause", "size", "nodes", "pgr", "er", "hormonal"]


@pytest.fixture(scope="module")
def gbsg() -> cp.TrialBaseline:
    return cp.load_trial(ROOT / "configs" / "trials" / "gbsg.yaml")


@pytest.fixture(scope="module")
def registry() -> pl.DataFrame:
    """Return Rotterdam's node-positive patients under the names of the baseline."""
    raw = pl.read_csv(ROOT / "synthetic" / "data" / "breast" / "rotterdam.csv").filter(pl.col("nodes") > 0)
    recurred = pl.col("recur") == 1
    return raw.select(
        "age",
        "nodes",
        "pgr",
        "er",
        menopause=pl.col("meno").replace_strict({0: "pre", 1: "post"}),
        size=pl.col("size").replace({"20-50": "21-50"}),
        grade=pl.col("grade").cast(pl.String),
        hormonal=pl.col("hormon") == 1,
        rfs_days=pl.when(recurred).then("rtime").otherwise("dtime"),
        rfs_event=recurred | (pl.col("death") == 1),
    )


@pytest.fixture(scope="module")
def raked(gbsg: cp.TrialBaseline, registry: pl.DataFrame) -> cp.Raked:
    return cp.rake(cp.classes(registry, {v: gbsg.margins[v] for v in RAKED}), gbsg.targets(RAKED))


def trial_of(days: list[int], events: list[int]) -> cp.TrialBaseline:
    """Return a trial of one arm with these patients."""
    patients = pl.DataFrame({"arm": "a", "os_days": days, "os_event": [e == 1 for e in events]})
    endpoint = SimpleNamespace(available=True, reason=None, arms={})
    words = Text(en="t", bg="t")
    return cp.TrialBaseline("t", words, "", {"all": len(days), "a": len(days)}, {}, {"os": endpoint}, patients, ())


def people_of(days: list[int], events: list[int], **columns: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"os_days": days, "os_event": events, **columns})


def value(result: Result, group: str, estimand: str, time: int | None = None, column: str = "estimate") -> float:
    rows = result.table.filter(group=group, estimand=estimand)
    return rows.filter(time=time)[column].item() if time is not None else rows[column].item()


def test_by_hand_in_fractions() -> None:
    # Practice: 10 dies, 20 dies, 30 and 40 censored. Trial: 15 dies, 25 censored, 35 dies, 45 censored.
    # S(22) = 1/2 and 3/4, Greenwood variances 1/16 and 3/64, so the difference is -1/4 with 7/64.
    practice, trial = people_of([10, 20, 30, 40], [1, 1, 0, 0]), trial_of([15, 25, 35, 45], [1, 0, 1, 0])

    result = cp.contrast(practice, trial, endpoint="os", milestones=(22,), tau=40)

    assert value(result, "difference", "milestone", 22) == pytest.approx(-0.25, abs=1e-15)
    assert value(result, "difference", "milestone", 22, "std_error") == pytest.approx(float(Fraction(7, 64)) ** 0.5)
    ours = 10 + 10 * Fraction(3, 4) + 20 * Fraction(1, 2)
    theirs = 15 + 20 * Fraction(3, 4) + 5 * Fraction(3, 4) * Fraction(1, 2)
    assert value(result, "difference", "rmst", 40) == pytest.approx(float(ours - theirs), abs=1e-12)
    assert value(result, "registry", "effective_sample_size") == 4
    # at risk just before each day, for the table under the figure
    assert value(result, "difference", "milestone", 22, "n") == 2
    assert value(result, "difference", "milestone", 22, "n_event") == 2


def plain_survival(days: np.ndarray, event: np.ndarray, weight: np.ndarray, at: int) -> float:
    s = 1.0
    for day in sorted({int(d) for d in days[event] if d <= at}):
        s *= 1 - weight[event & (days == day)].sum() / weight[days >= day].sum()
    return s


def plain_rmst(days: np.ndarray, event: np.ndarray, weight: np.ndarray, tau: int) -> float:
    return sum(plain_survival(days, event, weight, day) for day in range(tau))


@pytest.mark.parametrize(
    ("estimand", "plain", "at"),
    [("milestone", plain_survival, 60), ("rmst", plain_rmst, 80)],
    ids=["milestone", "rmst"],
)
def test_weighted_errors_are_those_of_small_changes_of_each_weight(
    estimand: str, plain: Callable[..., float], at: int
) -> None:
    # The infinitesimal jackknife: sum over persons of (w_i * dS/dw_i)^2, here by finite differences.
    rng = np.random.default_rng(7)
    days, event, weight = rng.integers(1, 120, 60), rng.random(60) < 0.6, rng.uniform(0.2, 3, 60)
    days[:2] = 119
    trial = trial_of([30, 50, 90, 130], [1, 0, 1, 0])

    result = cp.contrast(
        people_of(days.tolist(), event.tolist(), w=weight.tolist()),
        trial,
        endpoint="os",
        weights="w",
        milestones=(60,),
        tau=80,
    )

    changes = []
    for i in range(60):
        up, down = weight.copy(), weight.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        changes.append(weight[i] * (plain(days, event, up, at) - plain(days, event, down, at)) / 2e-5)
    assert value(result, "registry", estimand, at) == pytest.approx(plain(days, event, weight, at), rel=1e-12)
    # central differences are good to about 1e-9 here
    assert value(result, "registry", estimand, at, "std_error") == pytest.approx(np.linalg.norm(changes), rel=1e-6)
    trial_error = value(result, "trial", estimand, at, "std_error")
    both = float(np.hypot(np.linalg.norm(changes), trial_error))
    assert value(result, "difference", estimand, at, "std_error") == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_lifelines_on_the_real_pair(
    gbsg: cp.TrialBaseline, registry: pl.DataFrame, raked: cp.Raked, *, weighted: bool
) -> None:
    weight = raked.weights.to_numpy() if weighted else np.ones(registry.height)

    result = cp.contrast(registry, gbsg, endpoint="rfs", weights=raked if weighted else None)

    patients = gbsg.patients("rfs")
    both = pl.concat(
        [
            registry.select(pl.col("rfs_days").alias("days"), pl.col("rfs_event").alias("event"), w=weight, practice=1),
            patients.select("days", "event", w=1.0, practice=0),
        ]
    ).to_pandas()
    model = CoxPHFitter().fit(both, "days", "event", weights_col="w", robust=True)
    row = model.summary.loc["practice"]
    assert value(result, "difference", "hazard_ratio") == pytest.approx(row["exp(coef)"], rel=1e-6)
    # with ties lifelines' sandwich is not the influence of each row (ours is, to 1e-10 by finite
    # differences); here they are 3e-4 apart, and equal in the test without ties
    assert value(result, "difference", "hazard_ratio", column="std_error") == pytest.approx(row["se(coef)"], rel=1e-3)
    for name, side in (("registry", 1), ("trial", 0)):
        rows = both[both.practice == side]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lifelines warns of weights that are not whole
            km = KaplanMeierFitter().fit(rows.days, rows.event, weights=rows.w.to_numpy().round(12))
        for day in (365, 1096, 1826):
            assert value(result, name, "milestone", day) == pytest.approx(km.predict(day), abs=1e-9), (name, day)


def test_the_sandwich_equals_lifelines_without_ties() -> None:
    rng = np.random.default_rng(11)
    days = rng.permutation(np.arange(1, 301))
    event, weight = rng.random(300) < 0.6, rng.uniform(0.2, 3, 300)
    practice = people_of(days[:180].tolist(), event[:180].tolist(), w=weight[:180].tolist())

    result = cp.contrast(
        practice, trial_of(days[180:].tolist(), event[180:].tolist()), endpoint="os", weights="w", tau=90
    )

    both = pd.DataFrame(
        {"days": days, "event": event, "w": np.r_[weight[:180], np.ones(120)], "p": np.r_[[1.0] * 180, [0.0] * 120]}
    )
    row = CoxPHFitter().fit(both, "days", "event", weights_col="w", robust=True).summary.loc["p"]
    for column, theirs in (("estimate", "exp(coef)"), ("std_error", "se(coef)"), ("conf_high", "exp(coef) upper 95%")):
        assert value(result, "difference", "hazard_ratio", column=column) == pytest.approx(row[theirs], rel=1e-6), (
            column
        )


def test_raking_the_registry_to_the_trial(gbsg: cp.TrialBaseline, registry: pl.DataFrame, raked: cp.Raked) -> None:
    result = cp.contrast(registry, gbsg, endpoint="rfs", weights=raked, population="node_positive")

    for variable in RAKED:
        published = gbsg.margins[variable].n["all"]
        after = raked.balance.table.filter(variable=variable)["after"]
        assert after.to_list() == pytest.approx([n / 686 for n in published], abs=1e-9), variable
    assert value(result, "registry", "effective_sample_size") == pytest.approx(raked.effective_sample_size)
    assert raked.weights.sum() ** 2 / (raked.weights**2).sum() == pytest.approx(raked.effective_sample_size)
    assert set(result.table["stratum"]) == {"raked"}
    assert set(result.table["population"]) == {"node_positive"}
    at_risk = result.table.filter(group="trial", estimand="at_risk").select("time", "n").rows()
    assert at_risk == [tuple(step) for step in gbsg.endpoints["rfs"].arms["all"].at_risk]


def test_grade_is_refused_by_name_and_merges(gbsg: cp.TrialBaseline, registry: pl.DataFrame) -> None:
    with pytest.raises(NoValidAnswer, match="'grade': level '1' has 81 in the margin and nobody here"):
        cp.rake(cp.classes(registry, gbsg.margins), gbsg.targets())

    merged = gbsg.merge("grade", {"1-2": ["1", "2"]})
    raked = cp.rake(cp.classes(registry, merged.margins), merged.targets())

    assert merged.targets(["grade"]) == {"grade": {"1-2": 525, "3": 161}}
    assert raked.balance.largest["after"] < 1e-8


def test_arms_and_classes_of_the_trial(gbsg: cp.TrialBaseline) -> None:
    for arm in ("all", "hormonal", "no_hormonal"):
        rows = cp.classes(gbsg.patients("rfs", arm), gbsg.margins)
        assert rows.height == gbsg.arms[arm]
        for variable, margin in gbsg.targets(arm=arm).items():
            counted = {level: rows.filter(pl.col(variable) == level).height for level in margin}
            assert counted == margin, (arm, variable)
    assert "chemotherapy" in next(c.name for c in gbsg.criteria if not c.expressible)


def test_numbers_that_were_cut_can_be_merged(gbsg: cp.TrialBaseline) -> None:
    merged = gbsg.merge("age", {"<=60": ["<=45", "46-60"]})

    rows = cp.classes(pl.DataFrame({"age": [45, 46, 60, 61, None]}), {"age": merged.margins["age"]})

    assert rows["age"].to_list() == ["<=60", "<=60", "<=60", ">60", None]
    assert merged.targets(["age"]) == {"age": {"<=60": 498, ">60": 188}}


def test_the_same_people_on_both_sides_do_not_differ(gbsg: cp.TrialBaseline) -> None:
    same = gbsg.individual

    result = cp.contrast(same, gbsg, endpoint="rfs")

    differences = result.table.filter(group="difference").filter(
        pl.col("estimand").is_in(["milestone", "rmst", "median"])
    )
    assert differences["estimate"].abs().max() == pytest.approx(0, abs=1e-12)
    assert value(result, "difference", "hazard_ratio") == pytest.approx(1, abs=1e-9)


def test_scale_of_weights_and_order_of_rows_do_not_matter(
    gbsg: cp.TrialBaseline, registry: pl.DataFrame, raked: cp.Raked
) -> None:
    frame = registry.with_columns(w=raked.weights)

    first = cp.contrast(frame, gbsg, endpoint="rfs", weights="w").table
    turned = cp.contrast(frame.reverse(), gbsg, endpoint="rfs", weights="w").table

    for column in ["estimate", "std_error", "conf_low", "conf_high"]:
        one, other = (table[column].fill_null(-1).to_numpy() for table in (first, turned))
        assert other == pytest.approx(one, rel=1e-9), column


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tau": 2660}, NoValidAnswer, "trial 'gbsg' is followed for 2659"),
        ({"endpoint": "os"}, NoValidAnswer, "holds one endpoint only"),
        ({"endpoint": "pfs"}, NoValidAnswer, "no endpoint 'pfs'"),
        ({"arm": "placebo"}, DefinitionError, "no arm 'placebo'"),
        ({"weights": [1.0]}, DataError, "1 weights for 1546 rows"),
        ({"weights": "w"}, DataError, r"\['w'\] are missing"),
        ({"endpoint": "rfs_check", "trial_endpoint": "rfs"}, DataError, "rfs_check_days"),
    ],
)
def test_refusals(
    gbsg: cp.TrialBaseline, registry: pl.DataFrame, options: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        cp.contrast(registry, gbsg, **{"endpoint": "rfs", **options})


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda t: t.targets(["stage"]), DefinitionError, r"no margins \['stage'\]"),
        (lambda t: t.targets(["age"], "placebo"), DefinitionError, "no arm 'placebo'"),
        (lambda t: t.merge("grade", {"x": ["9"]}), DefinitionError, r"no levels \['9'\] to merge"),
    ],
)
def test_what_the_trial_does_not_have(
    gbsg: cp.TrialBaseline, ask: Callable[[cp.TrialBaseline], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(gbsg)
