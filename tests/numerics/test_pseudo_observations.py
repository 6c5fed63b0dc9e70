# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo-observations equal leaving each row out and estimating again."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    n = draw(st.integers(3, 14))
    columns = {k: draw(st.lists(st.integers(0, top), min_size=n, max_size=n)) for k, top in (("t", 7), ("c", 2))}
    columns["c"][0], columns["t"][0] = 1, 0
    return pl.DataFrame(columns).with_columns(e=(pl.col("c") > 0).cast(pl.Int64))


def _curves(t: Any, c: Any, upto: int) -> np.ndarray:
    """Return survival and incidence of cause 1 by day, from the definitions."""
    survival, incidence, rows = 1.0, 0.0, []
    for day in range(upto + 1):
        n = (t >= day).sum()
        if n:
            incidence += survival * ((t == day) & (c == 1)).sum() / n
            survival *= 1 - ((t == day) & (c > 0)).sum() / n
        rows.append((survival, incidence))
    return np.array(rows)


def _by_leaving_out(frame: pl.DataFrame) -> np.ndarray:
    """Return pseudo-observations, shape (rows, days, 2)."""
    t, c = frame["t"].to_numpy(), frame["c"].to_numpy()
    n, upto = t.size, int(t.max())
    whole = _curves(t, c, upto)
    return np.array([n * whole - (n - 1) * _curves(np.delete(t, i), np.delete(c, i), upto) for i in range(n)])


def leaving_each_row_out_gives_the_same(frame: pl.DataFrame) -> None:
    last, wanted = int(frame["t"].max()), _by_leaving_out(frame)
    days: dict[str, Any] = {"time": "t", "at": list(range(last + 1))}

    survival = sv.pseudo_observations(frame, event="e", **days)
    incidence = sv.pseudo_observations(frame, cause="c", of=1, estimand="cumulative_incidence", **days)
    mean = sv.pseudo_observations(frame, time="t", event="e", tau=last, estimand="rmst")

    assert survival["pseudo_value"].to_list() == pytest.approx(wanted[:, :, 0].ravel(), abs=1e-12)
    assert incidence["pseudo_value"].to_list() == pytest.approx(wanted[:, :, 1].ravel(), abs=1e-12)
    assert mean["pseudo_value"].to_list() == pytest.approx(wanted[:, :last, 0].sum(axis=1), abs=1e-11)


def test_leaving_each_row_out() -> None:
    _check(30)


@pytest.mark.ci
def test_leaving_each_row_out_of_many_cohorts() -> None:
    _check(1000)


def _check(examples: int) -> None:
    rule = settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    rule(given(cohorts())(leaving_each_row_out_gives_the_same))()


def test_without_censoring_they_are_what_each_lived() -> None:
    frame = pl.DataFrame({"t": [3, 1, 2, 9, 4], "e": 1})

    mean = sv.pseudo_observations(frame, time="t", event="e", tau=9, estimand="rmst")

    assert mean.columns == ["row", "time", "pseudo_value"]
    assert mean["pseudo_value"].to_list() == pytest.approx([3, 1, 2, 9, 4], abs=1e-12)
    alive = sv.pseudo_observations(frame, time="t", event="e", at=2)["pseudo_value"]
    assert alive.to_list() == pytest.approx([1, 0, 0, 1, 1], abs=1e-12)


def test_their_mean_in_groups_is_near_the_estimate_and_clocks_agree() -> None:
    rng = np.random.default_rng(4)
    frame = pl.DataFrame({"t": rng.integers(1, 60, 300), "e": rng.integers(0, 2, 300), "g": rng.integers(0, 2, 300)})
    given_: dict[str, Any] = {"time": "t", "event": "e", "by": "g", "at": [20]}

    days = sv.pseudo_observations(frame, **given_)
    moments = sv.pseudo_observations(frame.with_columns(pl.col("t") / 1), **given_, clock="continuous")

    assert moments["pseudo_value"].to_list() == pytest.approx(days["pseudo_value"].to_list(), abs=1e-12)
    means = days.with_columns(frame["g"]).group_by("g").agg(pl.col("pseudo_value").mean()).sort("g")
    km = sv.kaplan_meier(frame, time="t", event="e", by="g").at(20)
    assert means["pseudo_value"].to_list() == pytest.approx(km["survival"].to_list(), abs=2e-3)


def test_arguments_are_checked() -> None:
    frame = pl.DataFrame({"t": [3, 1, 2], "e": [1, 1, 0], "c": [1, 2, 0], "g": [0, 0, 1]})
    base: dict[str, Any] = {"time": "t"}

    incidence = {"cause": "c", "at": 1, "estimand": "cumulative_incidence"}
    for wrong in (
        {"event": "e"},
        {"event": "e", "at": 1, "tau": 2},
        {"event": "e", "at": 1, "estimand": "hazard"},
        incidence,
        incidence | {"of": 7},
    ):
        with pytest.raises(DefinitionError):
            sv.pseudo_observations(frame, **base, **wrong)
    with pytest.raises(NoValidAnswer, match="holds one row"):
        sv.pseudo_observations(frame, **base, event="e", at=1, by="g")
    with pytest.raises(NoValidAnswer, match="beyond the last follow-up"):
        sv.pseudo_observations(frame.with_columns(e=0), **base, event="e", at=9)
