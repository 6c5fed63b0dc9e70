# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Royston-Parmar and cure models equal R (flexsurvspline, flexsurvcure); M-splines find what was planted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.survival.m_spline_family import FlexibleHazard
from rwe.survival.royston_parmar import RoystonParmar

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {c["case"]: c for c in json.loads((FOLDER / "splines.json").read_text("utf-8"))["cases"]}
SPLINES = sorted(name for name in CASES if name.startswith("flexsurvspline."))
CURES = sorted(name for name in CASES if name.startswith("cure."))


def _frame(name: str) -> pl.DataFrame:
    return pl.read_csv(FOLDER / CASES[name]["data"])


SPLINE: Any = sv.spline  # asked with words that are not known before they are read
CURE: Any = sv.cure


def _asked(name: str) -> dict[str, Any]:
    """Return the arguments that say what the R call says."""
    found = re.search(r"Surv\((.*?)\) ~ (.*?),", CASES[name]["call"])
    assert found is not None
    columns = [column.strip() for column in found[1].split(",")]
    asked: dict[str, Any] = {"time": columns[-2], "event": columns[-1]}
    asked |= {"entry": columns[0], "clock": "continuous"} if len(columns) == 3 else {}
    return asked | ({"formula": found[2]} if found[2] != "1" else {})


@pytest.mark.parametrize("name", SPLINES)
def test_equals_flexsurvspline(name: str) -> None:
    """R's optimiser stops early on the normal scale: there our likelihood is higher, by less than 1e-5."""
    wanted, (scale, knots) = CASES[name]["expect"], name.split(".")[2:]
    early = scale == "normal"

    fit = SPLINE(_frame(name), **_asked(name), scale=scale, knots=int(knots[1:]))

    assert isinstance(fit.family, RoystonParmar)
    assert fit.family.knots == pytest.approx(wanted["log_time_knots"], rel=1e-12)
    assert 0 <= fit.loglik - wanted["loglik"] + 1e-8 < 1e-5 if early else fit.loglik == pytest.approx(wanted["loglik"])
    assert [fit.n, fit.n_event, fit.n_par] == [wanted["n"], wanted["n_event"], wanted["n_par"]]
    assert [fit.aic, fit.bic] == pytest.approx([wanted["aic"], wanted["bic_n"]], rel=1e-8)
    moved = fit.coefficients["term"] != "intercept"
    own = pl.concat([fit.coefficients.filter(~moved), fit.coefficients.filter(moved)])
    near = {"rel": 1e-4, "abs": 5e-3 * max(wanted["se"])} if early else {"rel": 1e-4, "abs": 1e-6}
    assert own["estimate"].to_list() == pytest.approx(wanted["est"], **near)
    assert own["std_error"].to_list() == pytest.approx(wanted["se"], rel=1e-3)
    new = pl.DataFrame(wanted["newdata"]) if wanted["newdata"] else None
    for told, key, asked in (
        (fit.survival(wanted["time"], new)["survival"], "survival", wanted["time"]),
        (fit.hazard(wanted["time"], new)["hazard"], "hazard", wanted["time"]),
        (fit.rmst(wanted["tau"], new)["rmst"], "rmst", wanted["tau"]),
        (fit.quantile(0.5, new)["time"], "median", [0.5]),
    ):
        values = np.array(wanted[key])
        assert told.to_numpy().reshape(-1, len(asked)) == pytest.approx(values, rel=1e-3 if early else 1e-4), key


@pytest.mark.parametrize("name", CURES)
def test_equals_flexsurvcure(name: str) -> None:
    wanted, (family, kind) = CASES[name]["expect"], name.split(".")[2:]

    fit = CURE(_frame(name), **_asked(name), family=family, mixture=kind == "mixtureTRUE")

    assert fit.loglik == pytest.approx(wanted["loglik"], abs=1e-6)
    assert fit.aic == pytest.approx(wanted["aic"], abs=1e-5)
    assert fit.parameters["estimate"].to_list() == pytest.approx(wanted["est"], rel=1e-4)
    assert fit.survival(wanted["time"])["survival"].to_list() == pytest.approx(wanted["survival"], rel=1e-4)


def _times(n: int, seed: int) -> pl.DataFrame:
    """Return days with a hazard that is high in the first year and a third of it after, seen for five years."""
    rng = np.random.default_rng(seed)
    lived = rng.exponential(1.0, n)
    days = np.where(lived < 0.6, lived / 0.6 * 365, 365 + (lived - 0.6) / 0.2 * 365)
    return pl.DataFrame({"t": np.ceil(np.minimum(days, 1826)).astype(int), "e": (days < 1826).astype(int)})


def test_an_m_spline_finds_a_hazard_that_drops() -> None:
    fit = sv.m_spline(_times(3000, 4), time="t", event="e", knots=7)

    early, late = fit.hazard([150, 1200])["hazard"].to_list()
    assert early * 365 == pytest.approx(0.6, rel=0.1)
    assert late * 365 == pytest.approx(0.2, rel=0.15)
    assert isinstance(fit.family, FlexibleHazard)
    assert 2 < fit.n_par < len(fit.coefficients)
    ends = fit.hazard([1830, 9000])["hazard"].to_list()
    assert ends[0] == pytest.approx(ends[1], rel=1e-9), "the hazard stays what it is at the last failure"


def test_an_m_spline_of_a_constant_hazard_is_the_exponential() -> None:
    rng = np.random.default_rng(3)
    days = np.ceil(rng.exponential(700, 1000)).astype(int)
    frame = pl.DataFrame({"t": np.minimum(days, 1500), "e": (days <= 1500).astype(int)})

    fit, plain = sv.m_spline(frame, time="t", event="e"), sv.parametric(frame, time="t", event="e", family="exp")

    assert fit.n_par == pytest.approx(1, abs=0.1)
    assert fit.aic == pytest.approx(plain.aic, abs=0.5)
    assert fit.survival_at([365, 3652]) == pytest.approx(plain.survival_at([365, 3652]), rel=0.01)


def test_weights_are_copies_and_order_says_nothing() -> None:
    frame = _frame("flexsurvspline.lung.hazard.k2")
    asked: dict[str, Any] = {"time": "time", "event": "event", "knots": 2}
    twice = frame.with_columns(w=pl.lit(2))

    once, doubled = sv.spline(frame, **asked), sv.spline(twice, **asked, weights="w")
    turned = sv.spline(frame.reverse(), **asked)

    assert doubled.loglik == pytest.approx(2 * once.loglik, rel=1e-12)
    assert doubled.coefficients["estimate"].to_list() == pytest.approx(once.coefficients["estimate"].to_list())
    assert turned.coefficients.equals(once.coefficients)


def test_a_slower_clock_moves_the_spline_along() -> None:
    frame = _frame("flexsurvspline.lung.hazard.k2")
    later = frame.with_columns(pl.col("time") * 10)

    one, ten = (sv.spline(f, time="time", event="event", knots=2) for f in (frame, later))

    assert ten.survival_at([3650]) == pytest.approx(one.survival_at([365]), rel=1e-8)
    assert ten.mean()["mean"].item() == pytest.approx(10 * one.mean()["mean"].item(), rel=1e-6)


def test_no_draw_of_a_spline_rises_whatever_the_order_of_the_days() -> None:
    """Of sixty patients and three knots one draw in fifty is no distribution, and rose by a tenth."""
    fit = sv.spline(_frame("flexsurvspline.gbsg.hazard.k3").head(60), time="rfstime", event="status", knots=3)
    days = np.arange(0, 9000, 30)

    drawn, turned = fit.survival_draws(days, 500, 1), fit.survival_draws(days[::-1], 500, 1)

    assert (np.diff(drawn, axis=1) <= 0).all()
    assert (turned[:, ::-1] == drawn).all()


def test_background_hazard_leaves_the_excess() -> None:
    frame = _times(2000, 8).with_columns(b=pl.lit(0.1 / 365))

    whole, excess = (sv.m_spline(frame, time="t", event="e", background=b) for b in (None, "b"))

    difference = whole.hazard([200, 1000])["hazard"] - excess.hazard([200, 1000])["hazard"]
    assert (difference * 365).to_list() == pytest.approx([0.1, 0.1], rel=0.1)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: SPLINE(f, time="t", event="e", knots=10), "knots a number from 0 to 9"),
        (lambda f: SPLINE(f, time="t", event="e", scale="log"), "scale is one of hazard, odds, normal"),
        (lambda f: sv.m_spline(f, time="t", event="e", knots=0), "from 1 to 30 inner knots"),
        (lambda f: CURE(f, time="t", event="e", family="spline"), "family 'spline' is not one of"),
    ],
)
def test_arguments_out_of_their_bounds_are_refused(ask: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        ask(_times(50, 1))


def test_two_times_of_failure_carry_no_knots() -> None:
    frame = pl.DataFrame({"t": [5, 5, 9, 12], "e": [1, 1, 1, 0]})

    with pytest.raises(NoValidAnswer, match="there are 2"):
        sv.spline(frame, time="t", event="e", knots=1)
