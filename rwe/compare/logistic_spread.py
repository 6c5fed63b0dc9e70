# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A logistic regression of rows that are not held: each step reads batches, in one place or in several, and adds up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import add
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.logistic_climb import Rows, Seen, Sums, Top, climb, outcomes, refuse_one_sided
from rwe.errors import NoValidAnswer
from rwe.execute import Parts, cuts, merge, run
from rwe.kernels._jit import F8, Flags
from rwe.kernels.columns import standardise
from rwe.survival.data import names
from rwe.survival.design import Design
from rwe.survival.occasions import PART
from rwe.survival.spread import everywhere
from rwe.survival.standard import matrix_of, refuse_units
from rwe.survival.stream import batches
from rwe.survival.survey import BATCH, Moments, designed


@dataclass(frozen=True, slots=True)
class _Asked:
    """Columns and terms."""

    outcome: str
    weights: str | None
    plan: Design


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What the first read tells; that of parts adds up."""

    n: int
    n_event: int
    moments: Moments

    def __add__(self, other: _Known) -> _Known:
        return _Known(self.n + other.n, self.n_event + other.n_event, self.moments + other.moments)


def spread(
    parts: Parts, outcome: str, covariates: Sequence[str] | str, weights: str | None
) -> tuple[Design, F8, F8, Seen, Top]:
    """Return the design, mean and unit of its terms, what was seen, and the maximum.

    Raises
    ------
    DataError
        If rows break the contract of a column; counts are those of a batch.
    NoValidAnswer
        As `rwe.compare.logistic`.
    """
    asked = _Asked(outcome, weights, designed(parts.frames, covariates, None))
    found = [one for one in everywhere(partial(_look, asked), parts.frames, parts.executor) if one is not None]
    if not found:
        raise NoValidAnswer("no rows are left to analyse")
    known = merge(add, found)
    seen = Seen(known.n, known.n_event, known.moments.event_weight / known.moments.weight)
    refuse_one_sided(seen, outcome)
    mean, scale = known.moments.mean, known.moments.scale
    refuse_units(scale, asked.plan.names)

    def read(beta: F8) -> Sums:
        sums = everywhere(partial(_sums, asked, mean, scale, beta), parts.frames, parts.executor)
        return merge(add, [one for one in sums if one is not None])

    return asked.plan, mean, scale, seen, climb(read, seen.share, asked.plan.names)


def _rows(asked: _Asked, frame: Any) -> Iterator[tuple[F8, Flags, F8]]:
    """Yield covariates, outcomes and weights, a batch at a time."""
    for batch in batches(frame, [asked.outcome, *names(asked.weights), *asked.plan.columns], BATCH):
        try:
            kept, happened, weight = outcomes(batch, asked.outcome, asked.weights)
        except NoValidAnswer:  # a batch of rows of weight 0
            continue
        yield matrix_of(asked.plan, batch if kept.all() else batch.filter(pl.Series(kept))), happened, weight


def _look(asked: _Asked, frame: Any) -> _Known | None:
    found = [_known(*rows) for rows in _rows(asked, frame)]
    return merge(add, found) if found else None


@np.errstate(over="ignore", invalid="ignore")  # a covariate that cannot be squared is refused by its unit
def _known(x: F8, happened: Flags, weight: F8) -> _Known:
    w = weight if weight.size else np.ones(happened.size)
    mean = w @ x / w.sum()
    least, most = x.min(axis=0), x.max(axis=0)
    x -= mean
    moments = Moments(float(w.sum()), mean, w @ x**2, least, most, float(w[happened].sum()), w[happened] @ x[happened])
    return _Known(happened.size, int(happened.sum()), moments)


def _sums(asked: _Asked, mean: F8, scale: F8, beta: F8, frame: Any) -> Sums | None:
    found = [_of_batch(*rows, mean, scale, beta) for rows in _rows(asked, frame)]
    return merge(add, found) if found else None


def _of_batch(x: F8, happened: Flags, weight: F8, mean: F8, scale: F8, beta: F8) -> Sums:
    run(lambda b: standardise(x, weight, mean, scale, happened, *b), cuts(x.shape[0], PART))
    return Rows(x, happened, weight).sums(beta)
