# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Bases of splines equal their textbook forms; families' derivatives equal differences of their values."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.cure_family import Cure
from rwe.survival.families import LogLogistic, LogNormal, Weibull
from rwe.survival.family import Family
from rwe.survival.m_spline_basis import level, m_basis
from rwe.survival.m_spline_family import FlexibleHazard
from rwe.survival.natural_spline import natural_basis, quantile_knots
from rwe.survival.royston_parmar import RoystonParmar

KNOTS = (4.3, 6.0, 6.5, 7.0, 7.8)
TIMES = np.array([0.5, 40.0, 300.0, 700.0, 1500.0, 9000.0])
LEVEL = [-19.6, 3.0, -0.44, 1.36, -0.88]


def _cube(x: float) -> float:
    return max(x, 0.0) ** 3


@pytest.mark.parametrize("x", [-1.0, 4.3, 5.0, 6.25, 6.9, 7.8, 12.0])
def test_natural_basis_is_that_of_royston_and_parmar(x: float) -> None:
    low, high = KNOTS[0], KNOTS[-1]
    plain = [1.0, x]
    for k in KNOTS[1:-1]:
        share = (high - k) / (high - low)
        plain.append(_cube(x - k) - share * _cube(x - low) - (1 - share) * _cube(x - high))

    basis, _ = natural_basis(np.array([x]), np.array(KNOTS))

    assert basis[0] == pytest.approx(plain, rel=1e-13, abs=1e-13)


def test_natural_basis_is_a_line_outside_its_knots() -> None:
    _, slope = natural_basis(np.array([-3.0, 4.2, 7.9, 20.0]), np.array(KNOTS))

    assert slope[0] == pytest.approx(slope[1], abs=1e-12)
    assert slope[2] == pytest.approx(slope[3], rel=1e-9)


def _m_spline(i: int, order: int, t: float, knots: list[float]) -> float:
    """Return Ramsay's recursion of M-splines."""
    width = knots[i + order] - knots[i]
    if width == 0:
        return 0.0
    if order == 1:
        return 1 / width if knots[i] <= t < knots[i + 1] else 0.0
    below, above = (_m_spline(k, order - 1, t, knots) for k in (i, i + 1))
    return order * ((t - knots[i]) * below + (knots[i + order] - t) * above) / ((order - 1) * width)


def test_m_splines_are_those_of_ramsays_recursion() -> None:
    knots = [0.0, 100.0, 250.0, 400.0, 1000.0]
    padded = [0.0] * 3 + knots + [1000.0] * 3
    widths = [(padded[i + 4] - padded[i]) / 4 for i in range(7)]
    times = np.array([0.0, 1.0, 99.0, 100.0, 333.0, 999.0])

    height, _ = m_basis(times, np.array(knots))

    for row, t in zip(height, times, strict=True):
        plain = [_m_spline(i, 4, t, padded) for i in range(7)]
        last = sum(w * m for w, m in zip(widths[4:], plain[4:], strict=True)) / sum(widths[4:])
        assert row == pytest.approx([*plain[:4], last], rel=1e-12, abs=1e-15)


def test_areas_of_m_splines_are_their_integrals_and_1_in_all() -> None:
    knots = np.array([0.0, 100.0, 250.0, 400.0, 1000.0])
    fine = np.linspace(0.0, 1500.0, 15_001)

    height, area = m_basis(fine, knots)

    summed = np.cumsum((height[1:] + height[:-1]) / 2 * np.diff(fine)[:, None], axis=0)
    assert_allclose(area[1:], summed, atol=2e-6)
    assert area[fine == 1000.0][0] == pytest.approx(np.ones(5), rel=1e-12)
    assert_allclose(height @ level(knots), np.full(fine.size, 1e-3), rtol=1e-9)


FAMILIES = [
    (RoystonParmar("hazard", KNOTS), LEVEL),
    (RoystonParmar("odds", KNOTS), [-9.0, 1.4, -0.2, 0.5, -0.3]),
    (RoystonParmar("normal", KNOTS), [-7.8, 1.08, -0.57, 1.09, -0.61]),
    (FlexibleHazard((0.0, 200.0, 600.0, 2000.0), 1.0), [0.1, 0.4, -0.6, 0.2]),
    (Cure(Weibull()), [-0.5, 0.4, 7.0]),
    (Cure(LogNormal(), mixing=False), [-0.5, 7.0, 0.1]),
    (Cure(RoystonParmar("hazard", KNOTS)), [-1.0, *LEVEL]),
]


@pytest.mark.parametrize(("family", "theta"), FAMILIES, ids=[f.name for f, _ in FAMILIES])
def test_derivatives_are_those_of_the_values(family: Family, theta: list[float]) -> None:
    step, rows = 1e-6, np.tile(np.array(theta), (TIMES.size, 1))

    told = family.terms(TIMES, rows)

    for k in range(len(theta)):
        up, down = (family.terms(TIMES, _moved(rows, k, by)) for by in (step, -step))
        for of, wanted in (("log_hazard", told.d_log_hazard), ("cumulative_hazard", told.d_cumulative_hazard)):
            slope = (getattr(up, of) - getattr(down, of)) / (2 * step)
            assert wanted[:, k] == pytest.approx(slope, rel=1e-5, abs=1e-6), (of, k)
    later, sooner = (family.terms(TIMES * by, rows).cumulative_hazard for by in (1 + 1e-5, 1 - 1e-5))
    assert np.exp(told.log_hazard) == pytest.approx((later - sooner) / (2e-5 * TIMES), rel=1e-4)


def _moved(rows: F8, k: int, by: float) -> F8:
    out = rows.copy()
    out[:, k] += by
    return out


def test_without_inner_knots_the_scales_are_weibull_log_logistic_and_log_normal() -> None:
    shape, scale = 1.3, 800.0
    ends = (4.0, 8.0)
    cases = [
        (RoystonParmar("hazard", ends), [-shape * log(scale), shape], Weibull(), [log(shape), log(scale)]),
        (RoystonParmar("odds", ends), [-shape * log(scale), shape], LogLogistic(), [log(shape), log(scale)]),
        (RoystonParmar("normal", ends), [-shape * log(scale), shape], LogNormal(), [log(scale), -log(shape)]),
    ]

    for spline, theta, known, links in cases:
        ours = spline.terms(TIMES, np.tile(theta, (TIMES.size, 1)))
        theirs = known.terms(TIMES, np.tile(links, (TIMES.size, 1)))
        assert ours.log_hazard == pytest.approx(theirs.log_hazard, rel=1e-9, abs=1e-9), spline.name
        assert ours.cumulative_hazard == pytest.approx(theirs.cumulative_hazard, rel=1e-9), spline.name


def test_the_cured_remain() -> None:
    share = 0.3
    theta = np.array([[log(share / (1 - share)), 0.4, 5.0]])

    for mixing in (True, False):
        end = Cure(Weibull(), mixing=mixing).terms(np.array([1e6]), theta).cumulative_hazard[0]
        assert exp(-end) == pytest.approx(share, rel=1e-12)


def test_a_spline_that_falls_is_no_distribution() -> None:
    falling = RoystonParmar("hazard", (4.0, 8.0)).terms(np.array([500.0]), np.array([[3.0, -1.0]]))

    assert falling.log_hazard[0] == -np.inf


def test_knots_are_refused_where_failures_do_not_tell_them_apart() -> None:
    with pytest.raises(NoValidAnswer, match="2 inner knots need events at 4 different times; there are 2"):
        quantile_knots(np.log(np.array([5.0, 5.0, 7.0])), 2)
    with pytest.raises(NoValidAnswer, match="fall on one time"):
        quantile_knots(np.log(np.array([5.0] * 50 + [6.0, 7.0, 8.0])), 2)
