# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a start to the maximum of a family's likelihood: Newton's steps, held where a link runs to its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8, Flags
from rwe.survival.hazard_likelihood import COARSE, SHARP, Here, Likelihood
from rwe.survival.hazard_rows import plain

STEPS = 100
CLOSE = 1e-7  # what a step may still gain where one more Newton step ends the climb
LONGEST = 2.0  # of a step, in the logarithm of a typical hazard
LEAST = 1e-9  # curvature beside that of the largest, where a direction counts as flat
FLAT = 300.0  # an error this large, in the logarithm of a typical hazard, says nothing at all
FAR = -6.0  # a link that falls below this, and wants to fall on, is on its way to its limit
MANY = 20_000  # cells beyond which the climb begins on some of them
SOME = 4_000


@dataclass(frozen=True, slots=True, eq=False)
class Top:
    """The maximum.

    Parameters
    ----------
    beta
        Coefficients on the scale of the cells; minus infinity where a parameter is held at its limit.
    value, information
        Log likelihood, and minus its second derivatives; 0 for what is held.
    free
        Which coefficients are estimated.
    """

    beta: F8
    value: float
    information: F8
    free: Flags


def highest(likelihood: Likelihood, names: Sequence[str]) -> tuple[Top, Top]:
    """Return the maximum without covariates, and with them.

    Parameters
    ----------
    names
        What each coefficient is called.

    Raises
    ------
    NoValidAnswer
        If there is no finite maximum; the coefficients that ran away are named.
    """
    bare = Likelihood(likelihood.family, plain(likelihood.cells))
    intercepts = [own.start for own in likelihood.owner]
    told = [names[i] for i in intercepts]
    found = [top for start in bare.family.starts(bare.cells.follow) if (top := _try(bare, np.asarray(start), told))]
    if not found:
        raise NoValidAnswer(f"family '{bare.family.name}' has no maximum on these rows: {_runaway(told)}")
    null = max(found, key=lambda top: top.value)
    if likelihood.cells.x and len(names) == len(intercepts):
        return null, null
    beta = np.zeros(len(names))
    beta[intercepts] = null.beta
    return null, _whole(likelihood, _begun(likelihood, beta), names)


def _begun(likelihood: Likelihood, beta: F8) -> F8:
    """Return where to begin: of many cells, at the maximum of some of them, unless all of them know better."""
    if likelihood.cells.n <= MANY:
        return beta
    few = Likelihood(likelihood.family, likelihood.cells.some(slice(None, None, likelihood.cells.n // SOME)))
    try:
        there = _climb(few, beta, np.isfinite(beta), sharp=False)[0]
    except NoValidAnswer:  # a level that is rare may be missing among the few
        return beta
    reach, still = likelihood.reach(beta), np.zeros(len(likelihood.owner), np.bool_)
    values = [likelihood.at(place, reach, still, COARSE).value for place in (beta, there)]
    return there if values[1] > values[0] else beta


def _try(likelihood: Likelihood, start: F8, names: Sequence[str]) -> Top | None:
    try:
        return _whole(likelihood, start, names)
    except NoValidAnswer:
        return None


def _whole(likelihood: Likelihood, beta: F8, names: Sequence[str]) -> Top:
    """Return the maximum from a start; a link that leaves for its limit is held there, and what is left climbs on."""
    free = np.isfinite(beta)
    beta, here = _climb(likelihood, beta, free)
    if (leaving := _leaving(likelihood, beta, here)).any():
        return _whole(likelihood, np.where(leaving, -np.inf, beta), names)
    flat = free & ~(_errors(here.curve, free, likelihood, beta) < FLAT)
    if flat.any():
        raise NoValidAnswer(_runaway([names[i] for i in _to_blame(likelihood, flat)]))
    return Top(beta, here.value, here.curve, free)


def _leaving(likelihood: Likelihood, beta: F8, here: Here) -> Flags:
    """Return which coefficients are on their way to the limit of a parameter that has one and no covariates."""
    limit = [
        p.limit != "" and x.shape[1] == 1 for p, x in zip(likelihood.family.parameters, likelihood.cells.x, strict=True)
    ]
    can = np.repeat(limit, [x.shape[1] for x in likelihood.cells.x])
    return np.asarray(can & np.isfinite(beta) & (beta < FAR) & (here.slope < 0), np.bool_)


def _to_blame(likelihood: Likelihood, flat: Flags) -> list[int]:
    """Return what runs away, without the intercepts that only follow their covariates."""
    follow = [own.start for own in likelihood.owner if flat[own.start + 1 : own.stop].any()]
    return [int(i) for i in np.flatnonzero(flat) if i not in follow]


def _runaway(names: Sequence[str]) -> str:
    return (
        f"{list(names)} have no finite estimate (the likelihood rises without end, or is flat: a level goes with all "
        "or none of the events, or too few failed); merge levels, leave terms out, or take a family with fewer "
        "parameters"
    )


def _errors(curve: F8, free: Flags, likelihood: Likelihood, beta: F8) -> F8:
    """Return what is not known of each coefficient, in the logarithm of a typical hazard."""
    found = np.zeros(beta.size)
    block = curve[np.ix_(free, free)]
    size = np.sqrt(np.maximum(np.diag(block), 1e-300))
    value, vector = np.linalg.eigh(block / np.outer(size, size))
    with np.errstate(all="ignore"):
        spread = (vector**2 / np.where(value > 1e-14, value, 0.0)).sum(axis=1)
    found[free] = np.sqrt(np.where(np.isnan(spread), np.inf, spread)) / size
    return found * np.repeat(likelihood.reach(beta), [own.stop - own.start for own in likelihood.owner])


def _climb(likelihood: Likelihood, beta: F8, free: Flags, *, sharp: bool = True) -> tuple[F8, Here]:
    """Return the coefficients at the maximum, and the likelihood there."""
    moving = np.array([bool(free[own].any()) for own in likelihood.owner])
    reach = likelihood.reach(beta)
    unit = np.repeat(reach, [own.stop - own.start for own in likelihood.owner])
    now = likelihood.at(beta, reach, moving, COARSE)
    if not np.isfinite(now.value):
        raise NoValidAnswer("the likelihood is not a number where its climb begins")
    for _ in range(STEPS):
        if _leaving(likelihood, beta, now).any():
            return beta, now
        step = _step(now, free)
        gain = float(step @ now.slope)
        if gain < CLOSE:
            break
        step *= min(1.0, LONGEST / max(float(np.abs(step * unit).max()), 1e-300))
        beta, now = _ahead(likelihood, beta, now, step, (reach, moving))
    else:
        raise NoValidAnswer("the likelihood rises without end")
    beta = beta + step
    if not sharp:
        return beta, now
    reach = likelihood.reach(beta)
    last = likelihood.at(beta, reach, moving, SHARP)
    step = _step(last, free)
    return beta + step, Here(last.value + float(step @ last.slope) / 2, last.slope, last.curve)


def _step(now: Here, free: Flags) -> F8:
    """Return Newton's step; where the likelihood bends the wrong way, uphill along that bend."""
    block, found = now.curve[np.ix_(free, free)], np.zeros(free.size)
    if not (np.isfinite(block).all() and np.isfinite(now.slope).all()):
        raise NoValidAnswer("the likelihood leaves the numbers of double precision")
    size = np.sqrt(np.maximum(np.abs(np.diag(block)), 1e-300))
    value, vector = np.linalg.eigh(block / np.outer(size, size))
    value = np.maximum(np.abs(value), LEAST)
    found[free] = vector @ ((vector.T @ (now.slope[free] / size)) / value) / size
    return found


def _ahead(likelihood: Likelihood, beta: F8, now: Here, step: F8, how: tuple[F8, Flags]) -> tuple[F8, Here]:
    """Take a step, halved until the likelihood rises."""
    for _ in range(40):
        new = likelihood.at(beta + step, *how, COARSE)
        if np.isfinite(new.value) and new.value >= now.value - 1e-10 * abs(now.value) and np.isfinite(new.curve).all():
            return beta + step, new
        step = step / 2
    raise NoValidAnswer("no step of the climb finds a higher likelihood")
