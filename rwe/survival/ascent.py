# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Climb a smooth likelihood to its maximum, all coefficients free or some held: Newton's steps, halved on need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, Flags
from rwe.survival.digits import same_for_all
from rwe.survival.linear import aliased, solve

STILL = 1e-11  # a step of this share of the coefficients ends the climb
LEVEL = 1e-6  # where so little is left of the curvature at the start, in any direction, the hill goes on for ever
LOST = 1e-4  # a step of this share of the coefficients that cannot be taken is no rounding: there is no top
FLAT = 1e-12  # so much of the value may be lost to rounding, and so little curvature, beside it, is none


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A likelihood at one value of the coefficients.

    Parameters
    ----------
    beta
        Coefficients, shape (terms,).
    value, slope
        Log likelihood (penalised where it is) and its gradient.
    curve
        Positive definite matrix whose inverse times the slope is the next step, shape (terms, terms).
    """

    beta: F8
    value: float
    slope: F8
    curve: F8


Hill: TypeAlias = Callable[[F8], Spot]


def climb(hill: Hill, start: F8, terms: Sequence[str], *, free: Flags | None = None, steps: int = 40) -> Spot:
    """Return the top that is reached from `start`, moving the `free` coefficients only.

    Raises
    ------
    NoValidAnswer
        If there is no finite maximum; the terms that ran away are named.
    """
    moving = np.ones(start.size, np.bool_) if free is None else free
    now, step, block = hill(start), np.zeros(start.size), np.ix_(moving, moving)
    if not moving.any():
        return now
    first, flat = now.curve[block], _flat(now, terms)
    for _ in range(steps):
        full = np.zeros(start.size)
        full[moving] = solve(now.curve[block], now.slope[moving])
        now, step = _ahead(hill, now, full)
        size = max(1.0, float(np.abs(now.beta).max()))
        if spent(now.curve[block], first) or (not step.any() and np.abs(full).max() > LOST * size):
            step = full
            break
        if np.abs(step).max() <= STILL * size:
            return now
    raise NoValidAnswer(same_for_all(flat) if flat else runaway(terms, step))


def spent(curve: F8, first: F8) -> bool:
    """Return whether, in some direction, hardly anything is left of the curvature at the start."""
    return bool(aliased(curve)) or float(np.linalg.eigvals(solve(first, curve)).real.min()) < LEVEL


def _flat(start: Spot, terms: Sequence[str]) -> list[str]:
    """Return the terms without curvature at the start, but for rounding: none can run away."""
    return [name for name, curve in zip(terms, np.diag(start.curve), strict=True) if curve < FLAT * abs(start.value)]


def refuse_aliased(curve: F8, terms: Sequence[str]) -> None:
    """Refuse terms that say nothing new at the start of the climb."""
    if at := aliased(curve):
        raise NoValidAnswer(
            f"terms {[terms[j] for j in at]} are constant or a combination of other terms: leave them out"
        )


def runaway(terms: Sequence[str], step: F8) -> str:
    """Return what is said of coefficients that grow without end: those whose last step was long are named."""
    far = [name for name, s in zip(terms, np.abs(step), strict=True) if s > 0.1 * np.abs(step).max()]
    return (
        f"terms {far} have no finite estimate (monotone likelihood: a level or value of theirs goes with all or "
        "none of the events); merge levels, leave them out, or use penalty='firth'"
    )


def _ahead(hill: Hill, now: Spot, step: F8) -> tuple[Spot, F8]:
    """Take a step, halved until the value does not fall; a step lost to rounding ends the climb."""
    for _ in range(30):
        new = hill(now.beta + step)
        if np.isfinite(new.value) and new.value >= now.value - FLAT * max(1.0, abs(now.value)):
            return new, step
        step = step / 2
    return now, np.zeros(step.size)
