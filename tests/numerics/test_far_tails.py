# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tails too small for a number, draws of curves at once, and fits that rest on hardly any events."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from rwe import survival as sv
from rwe.survival.families_gamma import gamma_hazard, gengamma_hazard


@pytest.mark.parametrize(
    ("shape", "x", "expected"),
    [  # mpmath with 40 digits: -log(gammainc(shape, x, inf, regularized=True))
        (0.5, 900.0, 903.9741171106439),
        (1.0, 800.0, 800.0),
        (30.0, 2000.0, 1850.8162689452693),
        (1e4, 2e4, 3074.052511373138),
        (1e8, 1.01e8, 4972.438892886353),
    ],
)
def test_the_hazard_of_a_gamma_tail_that_underflows(shape: float, x: float, expected: float) -> None:
    assert gamma_hazard(np.array([shape]), np.array([x]))[0] == pytest.approx(expected, rel=1e-12)


def test_the_lower_tail_of_a_generalised_gamma_that_underflows() -> None:
    # Q = -1/a**0.5 of mpmath: -log(gammainc(a, 0, x, regularized=True)) at a = 50, x = 1e-9; a = 1000, x = 300
    a, x = np.array([50.0, 1000.0]), np.array([1e-9, 300.0])
    q = -1 / np.sqrt(a)

    found = gengamma_hazard(np.log(x / a) / q, q)

    assert found == pytest.approx([1184.641058800074, 507.9896393300137], rel=1e-12)


def test_the_ends_of_a_generalised_gamma_give_no_warning() -> None:
    w = np.array([3.0, -3.0, -3.0, 3.0])

    assert gengamma_hazard(w, np.array([300.0, 300.0, -300.0, -300.0])).tolist() == [np.inf, 0.0, 0.0, np.inf]


def test_draws_of_a_curve_are_those_of_each_coefficient() -> None:
    frame = sv.Scenario(n=200, rates=(1 / 300,)).cohort()
    fit = sv.parametric(frame, time="time", event="event", family="weibull")
    days = np.array([0.0, 100.0, 400.0])

    drawn = fit.survival_draws(days, 5, 3)

    shape, scale = np.exp(fit.draws(5, 3)).T
    assert drawn == pytest.approx(np.exp(-((days / scale[:, None]) ** shape[:, None])))


@pytest.mark.parametrize(("family", "told"), [("exp", "1 event for 1 parameter:"), ("weibull", "1 event for 2 par")])
def test_a_fit_on_one_event_says_so(family: str, told: str) -> None:
    frame = pl.DataFrame({"t": [5, 10, 20, 30], "e": [0, 1, 0, 0]})

    found = sv.parametric(frame, time="t", event="e", family=family)

    assert told in repr(found)
