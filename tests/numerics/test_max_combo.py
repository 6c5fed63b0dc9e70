# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""MaxCombo equals nph within its simulation error, a double integral, and closed forms where there are some."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr

from rwe import survival as sv
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.survival.boxes import largest_tail

FOLDER = Path(__file__).parents[1] / "data" / "r_reference"
CASES = {case["case"]: case for case in json.loads((FOLDER / "curves.json").read_text("utf-8"))["cases"]}
THREE = np.array([[1, 0.85, 0.89], [0.85, 1, 0.52], [0.89, 0.52, 1]])


@pytest.mark.parametrize(
    ("name", "by", "time", "event"),
    [("maxcombo.veteran_trt", "trt", "time", "event"), ("maxcombo.gbsg_hormon", "hormon", "rfstime", "status")],
)
def test_equals_nph(name: str, by: str, time: str, event: str) -> None:
    """Their statistics have the other sign (of the first group); their integral is random to 1e-5."""
    frame, wanted = pl.read_csv(FOLDER / CASES[name]["data"]), CASES[name]["expect"]

    test = sv.max_combo(frame, time=time, event=event, by=by, tests=[(0, 0), (0, 1), (1, 0)])

    assert test.table["statistic"].to_list() == pytest.approx([-z for z in wanted["z"]], rel=1e-9)
    assert test.table["p_value"].to_list() == pytest.approx(wanted["tests_p"], rel=1e-9)
    assert test.correlation == pytest.approx(np.array(wanted["correlation"]), abs=1e-12)
    assert test.p_value == pytest.approx(wanted["max_p_multnorm"], abs=1e-5)


@pytest.mark.parametrize("m", [0.5, 1.0, 2.0, 3.0, 5.0])
def test_tail_equals_a_double_integral(m: float) -> None:
    """P(max > m) = P(Z2 or Z3 > m) + P(Z1 > m, Z2 <= m, Z3 <= m), each by Gauss-Legendre."""
    s = THREE[1:, 1:]
    inverse = np.linalg.inv(s)
    slope = THREE[0, 1:] @ inverse
    spread = np.sqrt(1 - slope @ THREE[0, 1:])
    nodes, weights = np.polynomial.legendre.leggauss(300)

    def double(low: float, high: float, *, conditional: bool) -> float:
        z, w = (nodes + 1) / 2 * (high - low) + low, weights * (high - low) / 2
        a, b = np.meshgrid(z, z)
        density = np.exp(-0.5 * (inverse[0, 0] * a * a + 2 * inverse[0, 1] * a * b + inverse[1, 1] * b * b))
        inner = ndtr(-(m - slope[0] * a - slope[1] * b) / spread) if conditional else 1.0
        return float((np.outer(w, w) * density * inner).sum() / (2 * np.pi * np.sqrt(np.linalg.det(s))))

    wanted = double(-9, m, conditional=True) + 2 * ndtr(-m) - double(m, m + 12, conditional=False)

    assert largest_tail(THREE, m, absolute=False) == pytest.approx(wanted, rel=1e-5)


def test_tails_in_closed_form() -> None:
    alike, apart = np.ones((3, 3)), np.eye(4)

    assert largest_tail(alike, 2.5, absolute=True) == pytest.approx(2 * ndtr(-2.5), rel=1e-12)
    signs = np.array([1.0, -1.0, 1.0])
    assert largest_tail(np.outer(signs, signs), 2.5, absolute=True) == pytest.approx(2 * ndtr(-2.5), rel=1e-12)
    for m in (1.0, 4.0, 9.0):
        assert largest_tail(apart, m, absolute=False) == pytest.approx(-np.expm1(4 * np.log1p(-ndtr(-m))), rel=1e-9)
    assert largest_tail(np.eye(1), 0.0, absolute=True) == 1.0


def test_four_usual_tests_are_dependent_and_their_order_changes_nothing() -> None:
    """1 = S + (1 - S): their correlation is singular."""
    frame = pl.read_csv(FOLDER / "gbsg.csv")
    given = {"time": "rfstime", "event": "status", "by": "hormon"}

    usual, turned = sv.max_combo(frame, **given), sv.max_combo(frame, **given, tests=[(1, 1), (1, 0), (0, 1), (0, 0)])
    less, greater = (sv.max_combo(frame, **given, alternative=side) for side in ("less", "greater"))

    assert abs(np.linalg.det(usual.correlation)) < 1e-12
    assert turned.p_value == pytest.approx(usual.p_value, rel=1e-4)
    assert usual.p_value == sv.max_combo(frame, **given).p_value
    assert 2 * less.p_value == pytest.approx(usual.p_value, rel=1e-3)
    assert greater.p_value > 0.98
    assert usual.to_result(outcome="os").table.select("estimand", "n", "n_event").row(0) == ("max_combo", 686, 299)
    assert "MaxCombo" in usual._repr_html_()


def test_one_test_alone_is_the_log_rank_test() -> None:
    frame = pl.read_csv(FOLDER / "veteran.csv").with_columns(w=pl.col("age") / 60)
    given = {"time": "time", "event": "event", "by": "trt", "strata": "celltype", "weights": "w"}

    one, other = sv.max_combo(frame, **given, tests=[(1, 0.5)]), sv.log_rank(frame, **given, rho=1, gamma=0.5)

    assert one.statistic**2 == pytest.approx(other.statistic, rel=1e-12)
    assert one.p_value == pytest.approx(other.p_value, rel=1e-9)


def test_refuses_what_has_no_answer() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "e": [1, 1, 0, 1], "g": list("abab"), "three": list("abca")})

    with pytest.raises(DefinitionError, match="holds 3"):
        sv.max_combo(frame, time="t", event="e", by="three")
    with pytest.raises(DefinitionError, match="from 1 to 10"):
        sv.max_combo(frame, time="t", event="e", by="g", tests=[])
    with pytest.raises(DefinitionError, match="alternative"):
        sv.max_combo(frame, time="t", event="e", by="g", alternative="both")
    with pytest.raises(NoValidAnswer, match="have no variance"):
        sv.max_combo(frame.with_columns(t=5), time="t", event="e", by="g")


@pytest.mark.parametrize("first", ["A", "B"])
def test_a_test_that_weighs_only_days_with_one_group_at_risk_has_no_answer(first: str) -> None:
    """All of the first group has left after the only day on which both are at risk, the first, whose weight is 0."""
    frame = pl.DataFrame({"t": [2, *[3, 4, 6, 7, 9, 11, 11]], "e": 1, "arm": [first, *["AB".replace(first, "")] * 7]})

    with pytest.raises(NoValidAnswer, match="1 of 2 statistics have no variance"):
        sv.max_combo(frame, time="t", event="e", by="arm", tests=[(0, 0), (0, 1)])
