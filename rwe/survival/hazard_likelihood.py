# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one likelihood of every family: failed rows tell the hazard, all rows the hazard they lived through.

A row counts weight x (event x log(h(t) + background) - H(t) + H(entry)). Families give the gradient by their links;
the curvature of a row is the difference of its gradients a little apart, link by link, so that it costs as many
passes as a family has links, however many covariates there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from rwe.execute import cuts, run
from rwe.kernels._jit import F8, Flags
from rwe.survival.family import Family, Follow
from rwe.survival.hazard_rows import Cells

BLOCK = 32_768  # cells of a part
STEP = 1e-3  # by which a link moves the logarithm of a typical cumulative hazard, for a difference
COARSE = ((0, -1.0), (1, 1.0))  # of a climb
SHARP = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))  # of an answer: the error is of fourth order


@dataclass(frozen=True, slots=True, eq=False)
class Here:
    """Log likelihood, gradient and information at some coefficients."""

    value: float
    slope: F8
    curve: F8


@dataclass(frozen=True)
class Likelihood:
    """A family on its cells; coefficients stand parameter after parameter, the intercept of each first."""

    family: Family
    cells: Cells

    @cached_property
    def owner(self) -> tuple[slice, ...]:
        """Which coefficients belong to each parameter."""
        ends = np.cumsum([0, *(x.shape[1] for x in self.cells.x)])
        return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))

    @cached_property
    def parts(self) -> list[Cells]:
        """The cells in blocks."""
        return [self.cells.some(slice(*bounds)) for bounds in cuts(self.cells.n, BLOCK)]

    def links(self, cells: Cells, beta: F8) -> F8:
        """Return the links of each cell."""
        return np.column_stack([x @ beta[own] for x, own in zip(cells.x, self.owner, strict=True)])

    def reach(self, beta: F8) -> F8:
        """Return by how much each link moves the logarithm of a typical cumulative hazard."""
        some = self.cells.some(slice(None, None, max(1, self.cells.n // 2048)))
        with np.errstate(all="ignore"):
            told = self.family.terms(_above(some.follow.time), self.links(some, beta))
            share = told.d_cumulative_hazard / told.cumulative_hazard[:, None]
        share = np.where(np.isfinite(share), share, 0.0)
        mean = np.sqrt(some.follow.weight @ share**2 / some.follow.weight.sum())
        return np.asarray(np.where(mean > 0, mean, 1.0), np.float64)

    def at(self, beta: F8, reach: F8, moving: Flags, stencil: Sequence[tuple[int, float]]) -> Here:
        """Return the likelihood at these coefficients; links that are not `moving` have no curvature."""
        found = run(lambda part: self._part(part, beta, STEP / reach, moving, stencil), self.parts)
        here = Here(
            float(sum(one.value for one in found)),
            np.sum([one.slope for one in found], axis=0),
            np.sum([one.curve for one in found], axis=0),
        )
        cost = self.penalty(beta.size)
        if cost is None:
            return here
        held = np.where(np.isfinite(beta), beta, 0.0)
        return Here(here.value - float(held @ cost @ held) / 2, here.slope - cost @ held, here.curve + cost)

    def penalty(self, n: int) -> F8 | None:
        """Return the family's penalty on all `n` coefficients, those of covariates free of it."""
        if self.family.penalty is None:
            return None
        at, whole = [own.start for own in self.owner], np.zeros((n, n))
        whole[np.ix_(at, at)] = self.family.penalty
        return whole

    def scores(self, beta: F8) -> F8:
        """Return the gradient of each cell of weight 1, shape (cells, coefficients)."""
        found = []
        for part in self.parts:
            _, score = scored(self.family, part.follow, self.links(part, beta))
            found.append(np.column_stack([x * score[:, [j]] for j, x in enumerate(part.x)]))
        return np.concatenate(found)

    def _part(self, cells: Cells, beta: F8, step: F8, moving: Flags, stencil: Sequence[tuple[int, float]]) -> Here:
        with np.errstate(all="ignore"):  # a step beyond the numbers is told by its value
            return self._told(cells, self.links(cells, beta), step, moving, stencil)

    def _told(self, cells: Cells, links: F8, step: F8, moving: Flags, stencil: Sequence[tuple[int, float]]) -> Here:
        weight, n = cells.follow.weight[:, None], self.owner[-1].stop
        value, score = scored(self.family, cells.follow, links)
        slope = np.concatenate([x.T @ (weight[:, 0] * score[:, j]) for j, x in enumerate(cells.x)])
        curve = np.zeros((n, n))
        for k in np.flatnonzero(moving):
            turned = np.zeros_like(score)
            for times, share in stencil:
                there = links.copy()
                there[:, k] += times * step[k]
                turned -= share / step[k] * (score if not times else scored(self.family, cells.follow, there)[1])
            borne = weight * turned
            for j, x in enumerate(cells.x):
                if moving[j]:
                    curve[self.owner[j], self.owner[int(k)]] = x.T @ (borne[:, [j]] * cells.x[int(k)])
        return Here(float(cells.follow.weight @ value), slope, (curve + curve.T) / 2)


def scored(family: Family, follow: Follow, links: F8) -> tuple[F8, F8]:
    """Return the log likelihood of each row and its gradient by the links; minus infinity where there is none."""
    event = follow.event
    with np.errstate(all="ignore"):
        told = family.terms(_above(follow.time), links)
        log_hazard, d_log = told.log_hazard, told.d_log_hazard
        if follow.background.any():
            both = np.logaddexp(log_hazard, np.log(follow.background))
            d_log = d_log * np.exp(log_hazard - both)[:, None]
            log_hazard = both
        value = np.where(event, log_hazard, 0.0) - told.cumulative_hazard
        score = np.where(event[:, None], d_log, 0.0) - told.d_cumulative_hazard
        late = follow.entry > 0
        if late.any():
            before = family.terms(follow.entry[late], links[late])
            value[late] += before.cumulative_hazard
            score[late] += before.d_cumulative_hazard
    return np.where(np.isnan(value), -np.inf, value), score


def _above(time: F8) -> F8:
    """Return times above 0, where a cumulative hazard begins."""
    return np.maximum(time, 1e-300)
