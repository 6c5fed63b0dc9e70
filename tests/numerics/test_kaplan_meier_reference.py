# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier, Nelson-Aalen, restricted means and milestones equal R on real and on awkward data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import survival as sv

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "km.json").read_text("utf-8"))["cases"]}
SETS: dict[str, dict[str, Any]] = {
    "lung_sex": {"by": "sex"},
    "lung_ecog": {"by": "ph_ecog"},
    "lung_wint": {"weights": "wt_int"},
    "lung_wfrac": {"weights": "wt_frac", "by": "sex", "robust": False},
    "veteran_trt": {"by": "trt"},
    "gbsg_hormon": {"by": "hormon", "time": "rfstime", "event": "status"},
    "edge_ties": {"by": "arm"},
    "edge_noevents": {"by": "arm"},
    "edge_weights": {"weights": "w"},
    "edge_lt": {"entry": "entry"},
    "edge_lt_empty": {"entry": "entry"},
    "colon_rx": {"by": "rx", "event": "death"},
    "edge_float_ties": {"clock": "continuous"},
    "sim_lt": {"entry": "entry", "by": "arm", "clock": "continuous"},
    "sim_os": {"time": "os_time", "event": "os_event", "by": "arm", "clock": "continuous"},
}


def _named(kind: str) -> list[str]:
    return [name for name in CASES if f".{kind}" in name or name.startswith(f"{kind}.")]


def _given(name: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    frame = pl.read_csv(FOLDER / CASES[name]["data"])
    known = SETS.get(name.split(".")[1], {})
    return frame.drop_nulls(known.get("by")) if "by" in known else frame, {"time": "time", "event": "event", **known}


def _by_group(table: pl.DataFrame, given: dict[str, Any]) -> dict[str, pl.DataFrame]:
    if "by" not in given:
        return {"all": table}
    return {f"{given['by']}={key[0]}": part for key, part in table.partition_by(given["by"], as_dict=True).items()}


def _close(name: str, what: str, got: Any, wanted: Any) -> None:
    tolerance = CASES[name]["tolerance"]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    assert len(got) == len(wanted), what
    for g, w in zip(got, wanted, strict=True):
        assert (g is None) == (w is None), f"{what}: {g} where R has {w}"
        assert w is None or g == pytest.approx(w, rel=tolerance["rel"], abs=tolerance["abs"]), what


def _limits(name: str, survival: pl.Series, table: pl.DataFrame, wanted: dict[str, Any]) -> None:
    """Compare limits; where survival is 1, R 3.5-3 gives none on the log-log scale, R 3.8-6 and we give 1."""
    for ours, theirs in (("conf_low", "lower"), ("conf_high", "upper")):
        values = [1 if s == 1 else w for s, w in zip(survival, wanted[theirs], strict=True)]
        _close(name, ours, table[ours].to_list(), values)


@pytest.mark.parametrize("name", _named("curve"))
def test_curve(name: str) -> None:
    frame, given = _given(name)

    table = sv.kaplan_meier(frame, **given, conf_type=name.split(".")[3]).table

    for group, wanted in CASES[name]["expect"]["strata"].items():
        part = _by_group(table, given)[group]
        _close(name, "time", part["time"].to_list(), wanted["time"])
        _close(name, "survival", part["survival"].to_list(), wanted["surv"])
        if "n_risk" in wanted:
            _close(name, "n_risk", part["n_risk"].to_list(), wanted["n_risk"])
        _limits(name, part["survival"], part, wanted)


@pytest.mark.parametrize("name", _named("quantiles"))
def test_quantiles(name: str) -> None:
    frame, given = _given(name)

    for conf_type, groups in CASES[name]["expect"].items():
        table = sv.kaplan_meier(frame, **given, conf_type=conf_type).quantile([0.25, 0.5, 0.75])

        for group, wanted in groups.items():
            part = _by_group(table, given)[group]
            _close(name, "quantile", part["time"].to_list(), wanted["quantile"])
            _close(name, f"lower, {conf_type}", part["conf_low"].to_list(), wanted["lower"])
            _close(name, f"upper, {conf_type}", part["conf_high"].to_list(), wanted["upper"])


@pytest.mark.parametrize("name", _named("at_times"))
def test_at_given_days(name: str) -> None:
    frame, given = _given(name)

    for conf_type, groups in CASES[name]["expect"].items():
        km = sv.kaplan_meier(frame, **given, conf_type=conf_type)
        for group, wanted in groups.items():
            last = _by_group(km.table, given)[group]["time"].max()
            keep = [i for i, t in enumerate(wanted["time"]) if t <= last and ("clock" in given or t == int(t))]
            wanted = {key: [value[i] for i in keep] for key, value in wanted.items()}

            part = _by_group(km.at(wanted["time"]), given)[group]

            _close(name, "survival", part["survival"].to_list(), wanted["surv"])
            errors = [None if s == 0 else e for s, e in zip(wanted["surv"], wanted["se_surv"], strict=True)]
            _close(name, "std_error", part["std_error"].to_list(), errors)
            _limits(name, part["survival"], part, wanted)
            if "n_risk" in wanted and "entry" not in given:  # between event days R tells who is at risk on the next
                _close(name, "n_risk", part["n_risk"].to_list(), wanted["n_risk"])


@pytest.mark.parametrize("name", _named("rmean"))
def test_restricted_mean(name: str) -> None:
    frame, given = _given(name)
    tau = int(name.split(".")[3])

    for group, wanted in CASES[name]["expect"].items():
        rows = frame if group == "all" else frame.filter(pl.col(given["by"]) == int(group.split("=")[1]))
        last = rows.filter(pl.col(given["time"]) == pl.col(given["time"]).max())
        if last[given["time"]][0] < tau and last[given["event"]].min() == 0:
            continue  # R carries the curve on to tau; we refuse, see the test of refusals
        table = sv.kaplan_meier(rows, **given).rmst(tau)
        _close(name, "rmst", table["rmst"].to_list(), wanted["rmean"])
        _close(name, "std_error", table["std_error"].to_list(), wanted["se"])


@pytest.mark.parametrize("ties", ["nelson", "fleming_harrington"])
@pytest.mark.parametrize("name", _named("na"))
def test_nelson_aalen(name: str, ties: str) -> None:
    frame, given = _given(name)

    table = sv.nelson_aalen(frame, **given, ties=ties).table

    key = {"nelson": "nelson_aalen_ctype1", "fleming_harrington": "fleming_harrington_ctype2"}[ties]
    for group, wanted in CASES[name]["expect"][key].items():
        part = _by_group(table, given)[group]
        for i, time in enumerate(wanted["time"]):
            upto = part.filter(pl.col("time") <= time).tail(1)
            _close(name, "cumulative_hazard", upto["cumulative_hazard"].to_list() or [0.0], wanted["cumhaz"][i])
            _close(name, "std_error", upto["std_error"].to_list() or [0.0], wanted["se_cumhaz"][i])
            _close(name, "survival", upto["survival"].to_list() or [1.0], wanted["surv_exp_minus_H"][i])


def test_robust_errors_of_weighted_curves() -> None:
    name = "kmw_robust.lung_wfrac"
    frame, given = _given(name)

    km = sv.kaplan_meier(frame, **{**given, "robust": None}, conf_type="log")

    for group, wanted in CASES[name]["expect"]["at"].items():
        part = _by_group(km.at(wanted["time"]), given)[group]
        _close(name, "survival", part["survival"].to_list(), wanted["surv"])
        _close(name, "n_risk", part["n_risk"].to_list(), wanted["weighted_n_risk"])
        _close(name, "robust std_error", part["std_error"].to_list(), wanted["se_robust"])
        _limits(name, part["survival"], part, wanted)
    for group, wanted in CASES[name]["expect"]["quantiles"].items():
        part = _by_group(km.quantile([0.25, 0.5, 0.75]), given)[group]
        _close(name, "quantile", part["time"].to_list(), wanted["quantile"])
        _close(name, "lower", part["conf_low"].to_list(), wanted["lower"])
        _close(name, "upper", part["conf_high"].to_list(), wanted["upper"])


@pytest.mark.parametrize("name", _named("rmst2"))
def test_rmst_difference(name: str) -> None:
    frame, given = _given(name)

    row = sv.rmst_difference(frame, **given, tau=int(name.rpartition("tau")[2])).table.row(0, named=True)

    wanted = CASES[name]["expect"]["rmst_difference_arm1_minus_arm0"]
    got = [row[column] for column in ("estimate", "conf_low", "conf_high", "p_value")]
    _close(name, "difference", got, [wanted[key] for key in ("est", "lower", "upper", "p")])


@pytest.mark.parametrize("name", _named("milestone"))
def test_milestone_difference(name: str) -> None:
    frame, given = _given(name)
    wanted = CASES[name]["expect"]

    table = sv.milestone_difference(frame, **given, at=wanted["time"]).table

    columns = {"estimate": "diff", "std_error": "se", "conf_low": "lower", "conf_high": "upper", "p_value": "p_plain"}
    for ours, theirs in columns.items():
        _close(name, ours, table[ours].to_list(), wanted[theirs])
