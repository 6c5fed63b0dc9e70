# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Laws and refusals of E-values, pooling, proportions, rates and 2x2 tables; fractions by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rwe import compare as cp
from rwe.errors import DataError, DefinitionError, NoValidAnswer

ratios = st.floats(0.05, 20)
effects = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 1.5)), min_size=3, max_size=12)


@given(ratios)
def test_the_e_value_explains_the_ratio_and_does_not_mind_direction(ratio: float) -> None:
    found = cp.e_value(ratio, measure="rr")

    joint = found.point * found.point / (2 * found.point - 1)  # the bias factor of two equal ratios
    assert joint == pytest.approx(max(ratio, 1 / ratio), rel=1e-9)
    assert cp.e_value(1 / ratio, measure="rr").point == pytest.approx(found.point, rel=1e-9)


def test_published_e_values() -> None:
    assert cp.e_value(0.65, measure="hr", rare=True).point == pytest.approx(2.449, abs=5e-4)
    assert cp.e_value(0.7423, measure="rr").point == pytest.approx(2.031, abs=5e-4)
    assert cp.e_value(0.8, 0.6, 1.05, measure="hr").limit == 1
    assert cp.e_value(0.8).limit is None


def test_a_protective_difference_has_the_e_value_of_the_harmful_one_turned() -> None:
    harm = cp.e_value(measure="rd", counts=(120, 500, 60, 500))
    benefit = cp.e_value(measure="rd", counts=(60, 500, 120, 500))

    assert (harm.point, harm.limit) == (benefit.point, benefit.limit)
    assert benefit.ratio == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"estimate": -0.5}, DataError),
        ({"estimate": 0.5, "low": 0.6}, DataError),
        ({"estimate": 0.5, "measure": "odds"}, DefinitionError),
        ({"measure": "rd"}, DefinitionError),
        ({}, DefinitionError),
        ({"measure": "rd", "counts": (0, 10, 3, 10)}, DataError),
        ({"measure": "rd", "counts": (11, 10, 3, 10)}, DataError),
    ],
)
def test_e_values_refused(arguments: dict[str, object], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        cp.e_value(**arguments)


def test_pooling_in_fractions() -> None:
    y, v = [Fraction(0), Fraction(1), Fraction(1, 2)], [Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)]
    w = [1 / each for each in v]
    mean = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    q = sum(a * (b - mean) ** 2 for a, b in zip(w, y, strict=True))
    tau2 = max(Fraction(0), (q - 2) / (sum(w) - sum(a * a for a in w) / sum(w)))

    found = cp.pool([float(a) for a in y], [math.sqrt(a) for a in v], method="DL", adjust="none")

    assert (q, tau2) == (2, 0)
    assert [found.q, found.tau2, found.estimate] == pytest.approx([float(q), float(tau2), float(mean)])


@settings(deadline=None, max_examples=20)
@given(
    effects, st.floats(-3, 3), st.floats(0.5, 3), st.sampled_from(["REML", "ML", "PM", "DL", "SJ", "HE", "HS", "FE"])
)
def test_pooling_moves_and_stretches_with_its_studies(
    studies: list[tuple[float, float]], shift: float, scale: float, method: str
) -> None:
    y, se = (np.array(column) for column in zip(*studies, strict=True))

    first = cp.pool(y, se, method=method)
    second = cp.pool(shift + scale * y, scale * se, method=method)

    assert second.estimate == pytest.approx(shift + scale * first.estimate, rel=1e-6, abs=1e-6)
    assert second.tau2 == pytest.approx(scale**2 * first.tau2, rel=1e-5, abs=1e-8)
    assert min(y) - 1e-9 <= first.estimate <= max(y) + 1e-9
    assert first.table["weight"].sum() == pytest.approx(100)
    assert first.tau2_low <= first.tau2_high


def test_reml_is_the_maximum_of_its_likelihood() -> None:
    y, v = np.array([-0.9, -1.6, 0.3, 0.1, -0.4]), np.array([0.3, 0.2, 0.05, 0.1, 0.02])

    def restricted(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = (w * y).sum() / w.sum()
        return 0.5 * (np.log(w).sum() - np.log(w.sum()) - (w * (y - mean) ** 2).sum())

    best = cp.pool(y, np.sqrt(v)).tau2

    assert all(restricted(best) >= restricted(other) for other in np.linspace(0, 4 * best, 2001))


def test_pooling_refused_and_marked() -> None:
    with pytest.raises(NoValidAnswer, match="at least two"):
        cp.pool([0.1], [0.1])
    with pytest.raises(DataError, match="2 of 3 studies"):
        cp.pool([0.1, math.inf, 0.2], [0.1, 0.1, 0.0])
    with pytest.raises(DefinitionError, match="labels"):
        cp.pool([0.1, 0.2], [0.1, 0.1], labels=["a"])
    with pytest.raises(DefinitionError, match="method"):
        cp.pool([0.1, 0.2], [0.1, 0.1], method="best")
    with pytest.raises(NoValidAnswer, match="without one"):
        cp.pool([0.1, 0.2], [0.1, 0.1]).leave_one_out()
    with pytest.raises(NoValidAnswer, match="asymmetry"):
        cp.pool([0.1, 0.2, 0.3], [0.1, 0.1, 0.1]).asymmetry()
    assert any("agree more" in note for note in cp.pool([0.1, 0.1001], [0.1, 0.1]).notes)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_score_limits_hold_the_difference_and_turn_with_the_arms(n: int, n_0: int, data: st.DataObject) -> None:
    x, x_0 = data.draw(st.integers(0, n)), data.draw(st.integers(0, n_0))

    limits = {}
    for key, counts in (("forth", (x, n, x_0, n_0)), ("back", (x_0, n_0, x, n))):
        table = cp.two_by_two(*counts).table.filter(pl.col("conf_type") == "miettinen_nurminen")
        limits[key] = table.select("conf_low", "estimate", "conf_high").row(0)

    low, gap, high = limits["forth"]
    assert -1 <= low <= gap + 1e-9
    assert gap - 1e-9 <= high <= 1
    assert limits["back"] == pytest.approx((-high, -gap, -low), abs=1e-8)


def test_the_score_test_takes_the_likeliest_shares_under_its_difference() -> None:
    x, n, x_0, n_0 = 7, 20, 3, 25
    low = cp.two_by_two(x, n, x_0, n_0).table.row(by_predicate=pl.col("conf_type") == "miettinen_nurminen", named=True)
    t = low["conf_low"]

    p0 = np.linspace(max(0.0, -t) + 1e-9, min(1.0, 1 - t) - 1e-9, 2_000_001)
    p1 = p0 + t
    likely = x * np.log(p1) + (n - x) * np.log1p(-p1) + x_0 * np.log(p0) + (n_0 - x_0) * np.log1p(-p0)
    best = int(likely.argmax())
    variance = p1[best] * (1 - p1[best]) / n + p0[best] * (1 - p0[best]) / n_0
    z = (x / n - x_0 / n_0 - t) / math.sqrt(variance * (n + n_0) / (n + n_0 - 1))

    assert z == pytest.approx(1.959963984540054, abs=1e-5)


def test_a_table_without_events_has_differences_and_no_ratio() -> None:
    found = cp.two_by_two(0, 20, 5, 20)

    ratios = found.table.filter(pl.col("estimand").is_in(["risk_ratio", "odds_ratio"]))
    assert ratios["estimate"].null_count() == 2
    assert "does not exist" in found.notes[0]
    assert found.to_result(outcome="response").table["estimate"].len() == 10


def test_mantel_haenszel_of_one_stratum_is_the_table_itself() -> None:
    strata = pl.DataFrame({"n_event": [15], "n": [100], "n_event_0": [30], "n_0": [110]})

    found, alone = cp.mantel_haenszel(strata), cp.two_by_two(15, 100, 30, 110).table

    logs = [math.log(alone["estimate"][1]), math.log(alone["estimate"][0]), alone["estimate"][3]]
    assert found.table["estimate"].to_list() == pytest.approx(logs)
    assert found.table["std_error"][0] == pytest.approx(alone["std_error"][1])


def test_strata_of_one_group_are_named_and_broken_ones_refused() -> None:
    strata = pl.DataFrame({"n_event": [4, 6, 0], "n": [40, 50, 0], "n_event_0": [8, 9, 3], "n_0": [42, 49, 30]})

    assert cp.mantel_haenszel(strata).notes == ("1 strata hold one group alone and tell nothing",)
    assert cp.mantel_haenszel(strata).table.equals(cp.mantel_haenszel(strata[:2]).table)
    with pytest.raises(DataError, match="1 of 3 strata"):
        cp.mantel_haenszel(strata.with_columns(n=pl.Series([40, 5, 0])))
    with pytest.raises(NoValidAnswer, match="no event"):
        cp.mantel_haenszel(strata.with_columns(n_event=pl.lit(0)))
    with pytest.raises(NoValidAnswer, match="no stratum"):
        cp.mantel_haenszel(strata.with_columns(n=pl.lit(0), n_event=pl.lit(0)))


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: cp.proportion(0, 0), NoValidAnswer),
        (lambda: cp.proportion(3, 2), DataError),
        (lambda: cp.proportion(1, 2, method="normal"), DefinitionError),
        (lambda: cp.proportion(1, 2, against=2), DefinitionError),
        (lambda: cp.rate(3, 0), DataError),
        (lambda: cp.rate_ratio(3, 1, -1, 1), DataError),
        (lambda: cp.two_by_two(0, 0, 1, 3), NoValidAnswer),
        (lambda: cp.two_by_two(4, 3, 1, 3), DataError),
        (lambda: cp.bucher(math.nan, 1, 1, 1), DataError),
        (lambda: cp.bucher(0, 0, 1, 1), DataError),
    ],
)
def test_refused_by_name(call: object, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call()


def test_no_events_have_a_rate_and_a_limit() -> None:
    found = cp.rate_ratio(0, 10.0, 0, 10.0).table

    assert found["estimate"].to_list() == [0.0, 0.0, None, None, 0.0]
    assert found["conf_high"][0] == pytest.approx(-math.log(0.025) / 10)


def test_results_travel_and_show() -> None:
    found = cp.pool([-0.3, -0.1, -0.6], [0.2, 0.15, 0.3], labels=["a", "b", "c"])

    table = found.to_result(population="p", outcome="os").table
    assert table.filter(pl.col("estimand") == "pooled")["estimate"][0] == found.estimate
    assert table.filter(pl.col("estimand") == "study").height == 3
    assert "tau2" in repr(found)
    for each in (cp.proportion(3, 9), cp.rate(3, 9.0), cp.bucher(0.1, 0.1, 0.2, 0.1), cp.e_value(0.5)):
        assert each.to_result(outcome="os").table.height
        assert repr(each)


@pytest.mark.ci
def test_charts_show_what_is_told() -> None:
    found = cp.pool([-0.3, -0.1, -0.6], [0.2, 0.15, 0.3], labels=["a", "b", "c"])

    assert "Mean of all" in found.forest().svg
    assert "изследване" in found.funnel(language="bg").svg
    assert "explains the estimate away" in cp.e_value(0.6, 0.4, 0.8).plot().svg
