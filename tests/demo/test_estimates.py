# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every estimate of the demo before release equals an independent computation from the registry's own file.

lifelines where it is right, plain forms with numerical derivatives for weighted errors (where
lifelines is not: see the ledger), counting for the rest.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from rwe.compare import load_trial

MARGINS = ("age", "menopause", "size", "nodes", "pgr", "er", "hormonal")
MILESTONES = (365, 1096, 1826)
TAU = 1826


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain = _beside("plain")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lifelines and pandas warn of each other at import
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test
    from lifelines.utils import median_survival_times


def clock(frame: pl.DataFrame, endpoint: str) -> tuple[Any, Any]:
    return frame[f"{endpoint}_days"].to_numpy().astype(float), frame[f"{endpoint}_event"].to_numpy().astype(float)


def one(table: pl.DataFrame, column: str = "estimate", **labels: Any) -> Any:
    rows = table.filter(**labels)
    assert rows.height == 1, labels
    return rows[column].to_list()[0]


def test_everybody_of_the_registry_is_in_the_cohort(demo: Any, registry: pl.DataFrame) -> None:
    subjects = pl.read_parquet(demo.summary.folder / "3-select" / "subjects.parquet")

    columns = ["age", "menopause", "size", "grade", "nodes", "pgr", "er", "hormonal", "chemotherapy"]
    columns += [f"{e}_{part}" for e in ("os", "rfs", "rfs_check") for part in ("days", "event")]
    ours = subjects.with_columns(pl.col("nodes", "pgr", "er").cast(pl.Int64)).select(columns)
    theirs = registry.select(columns)
    assert ours.sort(columns).equals(theirs.sort(columns).cast(dict(ours.schema)))


def test_attrition(demo: Any, registry: pl.DataFrame) -> None:
    counts = demo.exact("attrition", "3-select")

    left = counts.filter(estimand="remaining").group_by("population", maintain_order=True).last()
    nodes = registry.filter(pl.col("nodes") > 0)
    treated = nodes.filter(pl.col("hormonal") == "yes")
    expected = {"registry": 2982, "node_positive": nodes.height, "treated": treated.height}
    assert dict(zip(left["population"], left["n"], strict=True)) == expected
    assert expected == {"registry": 2982, "node_positive": 1546, "treated": 339}


@pytest.mark.parametrize("endpoint", ["os", "rfs", "rfs_check"])
@pytest.mark.parametrize("group", ["overall", "hormonal=no", "hormonal=yes"])
def test_kaplan_meier(
    demo: Any, registry: pl.DataFrame, node_positive: pl.DataFrame, endpoint: str, group: str
) -> None:
    overall = group == "overall"
    table = demo.exact("survival" if overall else "survival_by_therapy").filter(outcome=endpoint, group=group)
    people = registry if overall else node_positive.filter(pl.col("hormonal") == group.partition("=")[2])
    days, event = clock(people, endpoint)
    km = KaplanMeierFitter().fit(days, event)

    curve = table.filter(estimand="survival")
    assert_allclose(curve["estimate"], km.predict(curve["time"].to_numpy()), rtol=1e-12, err_msg="S(t)")
    for day in MILESTONES:
        here = table.filter(estimand="milestone", time=day)
        low, high = km.confidence_interval_.loc[:day].to_numpy()[-1]
        assert_allclose(one(here), km.predict(day), rtol=1e-12, err_msg="S at milestone")
        assert_allclose(one(here, "std_error"), plain.greenwood(days, event, day), rtol=1e-10, err_msg="Greenwood")
        assert_allclose(
            [one(here, "conf_low"), one(here, "conf_high")], [low, high], rtol=1e-9, err_msg="log-log limits"
        )
        assert one(here, "n") == int((days >= day).sum())
        assert one(here, "n_event") == int(event[days <= day].sum())
    limits = median_survival_times(km.confidence_interval_).to_numpy()[0]
    median = table.filter(estimand="median")
    for column, value in (("estimate", km.median_survival_time_), ("conf_low", limits[0]), ("conf_high", limits[1])):
        assert one(median, column) == (None if math.isinf(value) else value), f"median {column}"
    rmst = table.filter(estimand="rmst", time=TAU)
    assert_allclose(one(rmst), plain.restricted_mean(days, event, np.ones_like(days), TAU), rtol=1e-12, err_msg="RMST")
    assert_allclose(
        one(rmst, "std_error"), plain.restricted_mean_error(days, event, TAU), rtol=1e-10, err_msg="RMST se"
    )
    reverse = KaplanMeierFitter().fit(days, 1 - event)
    assert one(table, estimand="follow_up_median") == pytest.approx(reverse.median_survival_time_)


@pytest.mark.parametrize("endpoint", ["os", "rfs", "rfs_check"])
def test_log_rank(demo: Any, node_positive: pl.DataFrame, endpoint: str) -> None:
    days, event = clock(node_positive, endpoint)

    test = multivariate_logrank_test(days, node_positive["hormonal"].to_numpy(), event)

    table = demo.exact("survival_by_therapy").filter(outcome=endpoint, estimand="log_rank")
    assert_allclose(one(table, "statistic"), test.test_statistic, rtol=1e-9, err_msg="log-rank")
    assert_allclose(one(table, "p_value"), test.p_value, rtol=1e-7, err_msg="log-rank p")


def test_cox(demo: Any, node_positive: pl.DataFrame) -> None:
    levels = {"hormonal=yes": ("hormonal", "yes"), "chemotherapy=yes": ("chemotherapy", "yes")}
    levels |= {"menopause=post": ("menopause", "post"), "grade=3": ("grade", "3")}
    levels |= {"size=21-50": ("size", "21-50"), "size=>50": ("size", ">50")}
    scale = {"age": 10.0, "nodes": 1.0, "pgr": 100.0, "er": 100.0}
    matrix = {name: (node_positive[c] == level).cast(pl.Float64).to_numpy() for name, (c, level) in levels.items()}
    matrix |= {name: node_positive[name].to_numpy() / by for name, by in scale.items()}
    days, event = clock(node_positive, "rfs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandas = pl.DataFrame({**matrix, "days": days, "event": event}).to_pandas()
        model = CoxPHFitter().fit(pandas, "days", "event", fit_options={"precision": 1e-12})

    table = demo.exact("cox_rfs").filter(estimand="hazard_ratio")
    assert set(table["stratum"]) == set(matrix)
    for term, ratio, error in table.select("stratum", "estimate", "std_error").iter_rows():
        # lifelines stops a few 1e-9 short of the optimum
        assert_allclose(math.log(ratio), model.params_[term], rtol=1e-6, atol=1e-8, err_msg=term)
        assert_allclose(error, model.standard_errors_[term], rtol=1e-6, err_msg=f"{term} error")
    x = np.column_stack(list(matrix.values()))
    wanted = plain.proportional(x, days, event, model.params_[list(matrix)].to_numpy())
    tested = demo.exact("cox_rfs").filter(estimand="proportional_hazards")
    for term, chi in zip([*matrix, ""], wanted, strict=True):
        assert_allclose(one(tested, "statistic", stratum=term), chi, rtol=1e-5, err_msg=f"{term} proportional")
    concordance = one(demo.exact("cox_rfs"), estimand="concordance")
    assert_allclose(concordance, model.concordance_index_, atol=1e-6, err_msg="concordance")


def test_characteristics(demo: Any, registry: pl.DataFrame) -> None:
    table = demo.exact("characteristics")

    for group, level in product(["overall", "hormonal=yes"], ["<=20", "21-50", ">50"]):
        people = registry if group == "overall" else registry.filter(pl.col("hormonal") == "yes")
        n = people.filter(pl.col("size") == level).height
        row = table.filter(outcome="size", group=group, stratum=level, estimand="proportion")
        assert one(row, "n") == n
        assert one(row) == float(Fraction(n, people.height))
    ages = {g: registry.filter(pl.col("hormonal") == g)["age"].to_numpy() for g in ("yes", "no")}
    assert_allclose(one(table, outcome="age", group="hormonal=yes", estimand="mean"), ages["yes"].mean(), rtol=1e-13)
    spread = math.sqrt((ages["yes"].var(ddof=1) + ages["no"].var(ddof=1)) / 2)
    smd = (ages["yes"].mean() - ages["no"].mean()) / spread
    assert_allclose(one(table, outcome="age", estimand="smd"), smd, rtol=1e-12)
    post = {g: (registry.filter(pl.col("hormonal") == g)["menopause"] == "post").mean() for g in ("yes", "no")}
    pooled = math.sqrt(sum(p * (1 - p) for p in post.values()) / 2)
    shown = one(table, outcome="menopause", estimand="smd")
    assert_allclose(abs(shown), abs(post["yes"] - post["no"]) / pooled, rtol=1e-12)


def classes(frame: pl.DataFrame, *, trial: bool) -> pl.DataFrame:
    def cut(name: str, bounds: list[int]) -> pl.Expr:
        return pl.sum_horizontal((pl.col(name) > b).cast(pl.Int64) for b in bounds).cast(pl.String).alias(name)

    size = cut("size", [20, 50]) if trial else pl.col("size").replace({"<=20": "0", "21-50": "1", ">50": "2"})
    if trial:
        frame = frame.with_columns(menopause="meno", hormonal="hormon")
    else:
        words = {"pre": "0", "post": "1", "no": "0", "yes": "1"}
        frame = frame.with_columns(pl.col("menopause", "hormonal").replace(words))
    kept = pl.col("menopause", "hormonal", "grade").cast(pl.String)
    return frame.select(cut("age", [45, 60]), cut("nodes", [3, 9]), cut("pgr", [19]), cut("er", [19]), size, kept)


def raked(people: pl.DataFrame, theirs: pl.DataFrame, margins: tuple[str, ...]) -> Any:
    """Return weights by iterative proportional fitting over rows, the textbook loop."""
    weight = np.ones(people.height)
    targets = {m: dict(theirs[m].value_counts(normalize=True).iter_rows()) for m in margins}
    for _ in range(500):
        for margin, shares in targets.items():
            column = people[margin].to_numpy()
            for level, share in shares.items():
                here = column == level
                weight[here] *= share * weight.sum() / weight[here].sum()
    return weight * weight.size / weight.sum()


@pytest.fixture(scope="module")
def weights(node_positive: pl.DataFrame, trial: pl.DataFrame) -> Any:
    return raked(classes(node_positive, trial=False), classes(trial, trial=True), MARGINS)


@pytest.mark.parametrize("endpoint", ["rfs", "rfs_check"])
def test_contrast_with_the_trial(
    demo: Any, node_positive: pl.DataFrame, trial: pl.DataFrame, weights: Any, endpoint: str
) -> None:
    name = "against_trial" if endpoint == "rfs" else "against_trial_check"
    table = demo.exact(name, "5-compare")
    days, event = clock(node_positive, endpoint)
    days0, event0 = trial["rfstime"].to_numpy().astype(float), trial["status"].to_numpy().astype(float)
    flat = np.ones_like(days0)

    for stratum, w in (("unadjusted", np.ones_like(days)), ("raked", weights)):
        rows = table.filter(stratum=stratum)
        size = w.sum() ** 2 / (w**2).sum()
        assert_allclose(one(rows, estimand="effective_sample_size"), size, rtol=1e-8, err_msg="effective sample size")
        for day in MILESTONES:
            gap = plain.survival(days, event, w, day) - plain.survival(days0, event0, flat, day)
            ours = plain.jackknife_error(lambda v, d=day: plain.survival(days, event, v, d), w)
            if stratum == "unadjusted":
                ours = plain.greenwood(days, event, day)
            error = math.hypot(ours, plain.greenwood(days0, event0, day))
            row = rows.filter(group="difference", estimand="milestone", time=day)
            assert_allclose(one(row), gap, rtol=1e-7, err_msg=f"{stratum} difference at {day}")
            assert_allclose(one(row, "std_error"), error, rtol=1e-6, err_msg=f"{stratum} error at {day}")
        gap = plain.restricted_mean(days, event, w, TAU) - plain.restricted_mean(days0, event0, flat, TAU)
        row = rows.filter(group="difference", estimand="rmst")
        assert_allclose(one(row), gap, rtol=1e-7, err_msg=f"{stratum} RMST difference")
        ours = plain.jackknife_error(lambda v: plain.restricted_mean(days, event, v, TAU), w)
        if stratum == "unadjusted":
            ours = plain.restricted_mean_error(days, event, TAU)
        error = math.hypot(ours, plain.restricted_mean_error(days0, event0, TAU))
        assert_allclose(one(row, "std_error"), error, rtol=1e-6, err_msg=f"{stratum} RMST error")


@pytest.mark.ci  # derivatives of the score, row by row
def test_hazard_ratio_and_its_robust_error(
    demo: Any, node_positive: pl.DataFrame, trial: pl.DataFrame, weights: Any
) -> None:
    table = demo.exact("against_trial", "5-compare").filter(estimand="hazard_ratio")
    ours, theirs = clock(node_positive, "rfs"), (trial["rfstime"].to_numpy(), trial["status"].to_numpy())
    days, event = (np.concatenate(pair).astype(float) for pair in zip(ours, theirs, strict=True))
    practice = np.repeat([1.0, 0.0], [node_positive.height, trial.height])

    for stratum, w in (("unadjusted", np.ones(node_positive.height)), ("raked", weights)):
        beta, error = plain.efron(practice, days, event, np.concatenate([w, np.ones(trial.height)]))
        row = table.filter(stratum=stratum)
        assert_allclose(math.log(one(row)), beta, rtol=1e-7, err_msg=f"{stratum} log HR")
        # the derivative of the score is taken numerically
        assert_allclose(one(row, "std_error"), error, rtol=1e-6, err_msg=f"{stratum} robust error")


def test_grade_is_refused_by_name_and_its_sensitivity_has_its_own_size(
    demo: Any, node_positive: pl.DataFrame, trial: pl.DataFrame
) -> None:
    ours, theirs = classes(node_positive, trial=False), classes(trial, trial=True)
    both = [f.with_columns(pl.col("grade").replace({"1": "1-2", "2": "1-2"})) for f in (ours, theirs)]

    w = raked(both[0], both[1], (*MARGINS, "grade"))

    assert demo.settings("against_trial", "5-compare")["refused"] == [{"variable": "grade", "level": "1", "n": 81}]
    table = demo.exact("against_trial_grade", "5-compare")
    assert_allclose(one(table, estimand="effective_sample_size"), w.sum() ** 2 / (w**2).sum(), rtol=1e-7)


def test_balance(demo: Any, node_positive: pl.DataFrame, trial: pl.DataFrame) -> None:
    table = demo.exact("against_trial", "5-compare").filter(analysis="balance")

    p = (node_positive["menopause"] == "post").mean()
    q = (trial["meno"] == 1).mean()
    before = table.filter(stratum="before", outcome="menopause", group="post")
    assert_allclose(one(before, estimand="smd"), (p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2), rtol=1e-12)
    after = table.filter(stratum="after", estimand="smd")
    assert_allclose(after["estimate"], 0, atol=1e-8, err_msg="raking meets every margin")


def test_settlement(demo: Any, node_positive: pl.DataFrame) -> None:
    people = node_positive.filter(pl.col("hormonal") == "yes")
    days, event = clock(people, "rfs")
    lines = pl.read_csv(demo.summary.folder / "6-reimburse" / "lines.csv", infer_schema=False)
    result = lines.filter(term="result_5y")

    # contract: judged on day 1826 with a window of 30 days before; data to the end of 2001
    failed = (event == 1) & (days <= 1826)
    responded = ~failed & (days >= 1826 - 30)
    assert (result["outcome"] == "failure").sum() == failed.sum()
    assert (result["outcome"] == "responder").sum() == responded.sum()
    assert result.height == 339
    assert result["amount"].cast(pl.Decimal(18, 2)).sum() == int(failed.sum()) * 1200
    s = plain.survival(days, event, np.ones_like(days), 1826)
    rate = min(0.25, 1.5 * (0.58 - s))
    guarantee = lines.filter(term="guarantee_5y")["amount"].cast(pl.Decimal(18, 2)).sum()
    # the second term rests on what the first left
    assert float(guarantee) == pytest.approx(rate * (339 - int(failed.sum())) * 1200, abs=0.01)


def test_the_shipped_trial_is_what_its_patients_say(trial: pl.DataFrame) -> None:
    from rwe import plugins
    from rwe.spec.base import locate
    from rwe.spec.study import load_study

    path = plugins.hospital("breast").study
    baseline = load_trial(locate(load_study(path).trial or "", path))

    days, event = trial["rfstime"].to_numpy(), trial["status"].to_numpy()
    km = KaplanMeierFitter().fit(days, event)
    curve = baseline.endpoints["rfs"].arms["all"].curve
    assert_allclose(
        [s for _, s in curve], km.predict([d for d, _ in curve]), atol=5e-7, err_msg="published to 6 digits"
    )
