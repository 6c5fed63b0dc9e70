# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""E-values, pooling, indirect comparison, proportions, rates, 2x2 tables and Mantel-Haenszel equal R's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import compare as cp

FOLDER = Path(__file__).parents[1] / "data" / "r_trust"
CASES = {
    case["case"]: case
    for name in ("trust.json", "looks.json")
    for case in json.loads((FOLDER / name).read_text("utf-8"))["cases"]
}
POOLED = {
    "estimate": "estimate",
    "se": "std_error",
    "z_or_t": "statistic",
    "p": "p_value",
    "lower": "conf_low",
    "upper": "conf_high",
    "tau2": "tau2",
    "H2": "h2",
    "Q": "q",
    "Q_p": "q_p_value",
    "prediction_lower": "pred_low",
    "prediction_upper": "pred_high",
}


def of(kind: str) -> list[str]:
    return [name for name in CASES if name.startswith(kind)]


def same(name: str, got: Any, wanted: Any) -> None:
    tolerance = CASES[name]["tolerance"]
    assert got == pytest.approx(wanted, rel=tolerance["rel"], abs=tolerance["abs"])


@pytest.mark.parametrize("name", of("evalue"))
def test_e_values(name: str) -> None:
    wanted, given = CASES[name]["expect"], CASES[name]["expect"]["input"]

    if name == "evalue.rd":
        n11, n10, n01, n00 = (given[key] for key in ("n11", "n10", "n01", "n00"))
        found = cp.e_value(measure="rd", counts=(n11, n11 + n10, n01, n01 + n00))
        same(name, [found.point, found.limit], [wanted["evalue_estimate"], wanted["evalue_lower_limit"]])
        return
    kind, _, how = given["type"].lower().partition("_")
    measure = "smd" if kind == "md" else kind
    found = cp.e_value(
        given["est"], given["lo"], given["hi"], measure=measure, rare=how == "rare", std_error=given["se"]
    )

    point, lower, upper = wanted["evalues_point_lower_upper"]
    same(name, [found.ratio, found.conf_low, found.conf_high], wanted["rr_scale"])
    same(name, [found.point, found.limit], [point, upper if lower is None else lower])


@pytest.mark.parametrize("name", of("meta"))
def test_pooling(name: str) -> None:
    case = CASES[name]["expect"]
    fits = {key: fit for key, fit in case.items() if isinstance(fit, dict) and "I2" in fit}

    for key, wanted in fits.items():
        method, _, adjusted = key.partition("_")
        found = cp.pool(case["yi"], np.sqrt(case["vi"]), method=method, adjust="hksj" if adjusted else "none")
        for theirs, ours in POOLED.items():
            if theirs in wanted:
                same(name, getattr(found, ours), wanted[theirs])
        same(name, found.i2 / 100, wanted["I2"] / 100)
    assert len(fits) == 17


@pytest.mark.parametrize("name", of("meta"))
def test_what_is_asked_of_a_pooled_effect(name: str) -> None:
    case = CASES[name]["expect"]

    found = cp.pool(case["yi"], np.sqrt(case["vi"]), method="DL", adjust="none")

    left, (t, df, p) = found.leave_one_out(), found.asymmetry()
    for theirs, ours in (("estimate", "estimate"), ("se", "std_error"), ("tau2", "tau2")):
        same(name, left[ours].to_list(), case["leave_one_out_DL"][theirs])
    same(name, [t, df, p], [case["egger_lm"][key] for key in ("t", "df", "p")])
    # metafor's own root is good to 1.2e-4; looks.json holds it exactly
    profile = [case["Q_profile_CI"][side][0] for side in ("lower", "upper")]
    assert [found.tau2_low, found.tau2_high] == pytest.approx(profile, abs=1.3e-4)


@pytest.mark.parametrize("name", of("blup"))
def test_shrunken_effects(name: str) -> None:
    case = CASES[name]["expect"]

    found = cp.pool(case["input"]["yi"], np.sqrt(case["input"]["vi"]), adjust="none")

    same(name, found.tau2, case["tau2"])
    same(name, [found.tau2_low, found.tau2_high], case["q_profile"])
    same(name, found.table["shrunken"].to_list(), case["blup"])
    same(name, found.table["shrunken_error"].to_list(), case["se"])


@pytest.mark.parametrize("name", of("bucher"))
def test_indirect_comparison(name: str) -> None:
    wanted = CASES[name]["expect"]
    given = wanted["input"]

    found = cp.bucher(given["log_effect_AC"], given["se_AC"], given["log_effect_BC"], given["se_BC"])

    same(name, [found.estimate, found.std_error], [wanted["log_effect_AB"], wanted["se_AB"]])
    same(name, [found.ratio, found.conf_low, found.conf_high], [wanted[k] for k in ("ratio", "lower95", "upper95")])
    same(name, [found.statistic, found.p_value], [wanted["z"], wanted["p"]])


@pytest.mark.parametrize("name", of("proportion"))
def test_proportions(name: str) -> None:
    wanted = CASES[name]["expect"]
    x, n = wanted["input"]["x"], wanted["input"]["n"]

    for method in ("clopper_pearson", "wilson", "wilson_cc", "wald", "agresti_coull", "jeffreys"):
        found = cp.proportion(x, n, method=method)
        same(name, [found.conf_low, found.conf_high], wanted[method])
    same(name, cp.proportion(x, n, against=0.5).p_value, wanted["exact_p_vs_half"])


def row(table: pl.DataFrame, estimand: str, kind: str) -> dict[str, Any]:
    return table.row(by_predicate=(pl.col("estimand") == estimand) & (pl.col("conf_type") == kind), named=True)


@pytest.mark.parametrize("name", of("two_by_two"))
def test_two_by_two(name: str) -> None:
    wanted = CASES[name]["expect"]
    given = wanted["input"]

    found = cp.two_by_two(given["events_treated"], given["n_treated"], given["events_control"], given["n_control"])

    for estimand, kind, value, limits in (
        ("risk_ratio", "wald", "rr", "rr_ci"),
        ("odds_ratio", "wald", "or", "or_ci"),
        ("risk_difference", "wald", "rd", "rd_wald"),
        ("risk_difference", "newcombe", "rd", "rd_newcombe"),
    ):
        got = row(found.table, estimand, kind)
        same(name, got["estimate"], wanted[value])
        same(name, [got["conf_low"], got["conf_high"]], wanted[limits])
    same(name, row(found.table, "risk_ratio", "wald")["std_error"], wanted["se_log_rr"])
    same(name, row(found.table, "odds_ratio", "wald")["std_error"], wanted["se_log_or"])
    same(name, row(found.table, "number_needed", "")["estimate"], wanted["nnt"])
    # R's own roots are good to 1.2e-4; looks.json holds them exactly
    exact = row(found.table, "conditional_odds_ratio", "exact")
    assert exact["estimate"] == pytest.approx(wanted["fisher_conditional_or"], abs=1.3e-4)
    assert [exact["conf_low"], exact["conf_high"]] == pytest.approx(wanted["fisher_or_ci"], rel=1.3e-4, abs=1.3e-4)
    tests = dict(found.tests.select("test", "statistic").iter_rows())
    same(name, found.tests["p_value"][0], wanted["fisher_p"])
    same(name, [tests["pearson"], tests["yates"]], [wanted["chisq_pearson"], wanted["chisq_yates"]])


@pytest.mark.parametrize("name", of("conditional_odds_ratio"))
def test_conditional_odds_ratio(name: str) -> None:
    wanted = CASES[name]["expect"]

    found = row(cp.two_by_two(**wanted["input"]).table, "conditional_odds_ratio", "exact")

    same(name, found["estimate"], wanted["estimate"])
    same(name, [found["conf_low"], found["conf_high"]], wanted["limits"])


@pytest.mark.parametrize("name", of("rate"))
def test_rates(name: str) -> None:
    wanted = CASES[name]["expect"]
    given = wanted["input"]
    two = given["events_0"] is not None

    groups = (given["events_1"], given["time_1"], given["events_0"], given["time_0"])
    table = (cp.rate_ratio(*groups) if two else cp.rate(*groups[:2])).table

    keys = [("rate", "exact", "rate_1", "exact"), ("rate", "log_normal", "rate_1", "log_normal")]
    if two:
        keys += [("rate_ratio", "exact", "irr", "irr_exact"), ("rate_ratio", "wald", "irr", "irr_wald")]
        keys += [("rate_difference", "wald", "ird", "ird_wald")]
        same(name, row(table, "rate_ratio", "exact")["p_value"], wanted["irr_p_exact"])
    for estimand, kind, value, limits in keys:
        got = row(table, estimand, kind)
        same(name, got["estimate"], wanted[value])
        same(name, [got["conf_low"], got["conf_high"]], wanted[limits])


@pytest.mark.parametrize("name", of("mantel_haenszel"))
def test_mantel_haenszel(name: str) -> None:
    wanted = CASES[name]["expect"]
    a, b, c, d = (pl.col(cell) for cell in "abcd")
    strata = pl.read_csv(FOLDER / "meta_bcg.csv").select(n_event=a, n=a + b, n_event_0=c, n_0=c + d)

    found = cp.mantel_haenszel(strata)

    same(name, found.table["estimate"].to_list(), [wanted[key] for key in ("log_or", "log_rr", "rd")])
    same(name, found.table["std_error"].to_list(), [wanted[key] for key in ("se_log_or", "se_log_rr", "se_rd")])
    keys = ("cmh_chisq", "cmh_chisq_corrected", "Q_or", "breslow_day", "tarone")
    same(name, found.tests["statistic"].to_list(), [wanted[key] for key in keys])
    same(name, found.tests["p_value"][2], wanted["Q_p"])
