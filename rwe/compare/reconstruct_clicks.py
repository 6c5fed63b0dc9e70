# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Clicks on a drawn survival curve, made into a curve that can be one: from (0, 1), never rising; repairs counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.isotonic import isotonic

Scale = Literal["proportion", "percent"]
SLACK = 0.02  # how far above 1 or below 0 a hand may click


@dataclass(frozen=True, slots=True)
class Clicks:
    """A drawn curve: one point a time, times after 0 and rising, survival falling from 1.

    Parameters
    ----------
    time, survival
        Where the curve was clicked, and survival from then on after repair.
    drawn
        Survival as clicked, before repair: what a reconstruction is held against.
    scale
        ``percent`` or ``proportion``, as given or as the values tell.
    before
        Clicks at time 0 or before it, left out: the curve begins at (0, 1).
    stacked
        Clicks at a time that has another one, of which the lowest is kept.
    repaired
        Clicks moved because the curve rose.
    largest_repair
        Farthest that one was moved, as a proportion.
    """

    time: F8
    survival: F8
    drawn: F8
    scale: Scale
    before: int
    stacked: int
    repaired: int
    largest_repair: float


def clicks(curve: Any, scale: Scale | None) -> Clicks:
    """Return a drawn curve in order.

    Raises
    ------
    DefinitionError
        If there are no clicks after time 0, or one is no number or lies off the axis.
    """
    points = _points(curve)
    of = scale or ("percent" if points.size and points[:, 1].max() > 1 + SLACK else "proportion")
    points[:, 1] /= 100.0 if of == "percent" else 1.0
    if off := int(((points[:, 1] < -SLACK) | (points[:, 1] > 1 + SLACK)).sum()):
        raise DefinitionError(f"curve: {off} of {len(points)} clicks lie above 1 or below 0; is the scale {of}?")
    points[:, 1] = points[:, 1].clip(0.0, 1.0)
    after = points[points[:, 0] > 0]
    if not len(after):
        raise DefinitionError("curve: no click after time 0; read the curve at its drops and where it ends")
    after = after[np.lexsort((after[:, 1], after[:, 0]))]
    time, at = np.unique(after[:, 0], return_index=True)
    drawn = np.ascontiguousarray(after[at, 1])
    falling = -isotonic(-drawn, np.ones_like(drawn))
    moved = np.abs(falling - drawn)
    repaired = int((moved > 1e-12).sum())
    before, stacked = len(points) - len(after), len(after) - len(time)
    return Clicks(time, falling, drawn, of, before, stacked, repaired, float(moved.max()))


def _points(curve: Any) -> F8:
    """Return pairs (time, survival) of a frame's first two columns, of a sequence or of an array."""
    if hasattr(curve, "to_numpy"):
        curve = curve.to_numpy()
    try:
        points = np.array(curve, dtype=np.float64)
    except (TypeError, ValueError):
        raise DefinitionError("curve: needs pairs of numbers, time and survival") from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise DefinitionError("curve: needs pairs of numbers, time and survival")
    if bad := int((~np.isfinite(points)).any(axis=1).sum()):
        raise DefinitionError(f"curve: {bad} of {len(points)} clicks are no finite numbers")
    return points


def steps(at_risk: Sequence[tuple[float, int]], n: int | None) -> tuple[F8, Any]:
    """Return times and numbers of the table at risk, from time 0 on.

    Raises
    ------
    DefinitionError
        If nobody says how many there were at time 0, times do not rise, or numbers do or are no counts.
    """
    rows = [(float(time), number) for time, number in at_risk]
    if n is not None and (not rows or rows[0][0] > 0):
        rows = [(0.0, n), *rows]
    if not rows or rows[0][0] != 0:
        raise DefinitionError("at_risk: how many were at risk at time 0? say it there or give n")
    if n is not None and rows[0][1] != n:
        raise DefinitionError(f"at_risk: says {rows[0][1]} at time 0, n says {n}")
    time, number = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.float64)
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise DefinitionError("at_risk: times must be numbers that rise")
    if (number != np.rint(number)).any() or (number < 0).any() or number[0] < 1:
        raise DefinitionError("at_risk: numbers must be counts, at least 1 at time 0")
    if (np.diff(number) > 0).any():
        where = int(np.argmax(np.diff(number) > 0)) + 1
        raise DefinitionError(f"at_risk: the number rises from {rows[where - 1][1]} to {rows[where][1]}")
    return time, number.astype(np.int64)
