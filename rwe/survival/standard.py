# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From a response and a matrix of covariates to the rows of a Cox model."""

from __future__ import annotations

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.execute import run
from rwe.kernels._jit import F8, I4, I8
from rwe.kernels.columns import column_squares, column_sums, standardise
from rwe.survival.data import Response
from rwe.survival.occasions import NOBODY, Occasions, occasions
from rwe.survival.rows import NONE, PART, Rows, cuts, total

CACHE = 524_288  # numbers of a table that still sits in a cache; larger ones are filled in the order of their keys


def rows(response: Response, x: F8, *, efron: bool, offset: F8 = NONE) -> Rows:
    """Standardise the covariates, in place, and find the occasions.

    Raises
    ------
    NoValidAnswer
        If there are no events.
    """
    if not response.event.any():
        raise NoValidAnswer("there are no events: a Cox model has no answer")
    weight = NONE if response.weight is None else response.weight
    key = response.strata.code * response.n_days + response.time
    when = occasions(
        key[response.event], None if response.weight is None else weight[response.event], response.n_days, efron=efron
    )
    leave, enter = when.keys(key, response.time, response.entry, response.event, response.n_days)
    parts = cuts(x.shape[0], PART)
    found = run(lambda b: column_sums(x, weight, *b), parts)
    sums = total([part[0] for part in found])
    mean = sums[:-1] / sums[-1]
    scale = np.sqrt(total(run(lambda b: column_squares(x, weight, mean, *b), parts)) / sums[-1])
    least, most = (reach.reduce([part[k][:-1] for part in found]) for k, reach in ((1, np.minimum), (2, np.maximum)))
    scale[(least == most) | (scale == 0)] = 1.0
    x_event = total(run(lambda b: standardise(x, weight, mean, scale, response.event, *b), parts))
    borne = response.weights[response.event] @ offset[response.event] if offset.size else 0.0
    order, by_enter = _by_key(when, leave, enter, x.shape[1])
    return Rows(
        x, mean, scale, leave, enter, response.event, weight, offset, x_event, float(borne), when, order, by_enter
    )


def _by_key(when: Occasions, leave: I4, enter: I4, p: int) -> tuple[I4, I4 | None]:
    """Return the rows by key of leaving and of entry, where the tables are too large for a cache."""
    if leave.size <= PART or (when.nowhere + 1) * (p + 1) <= CACHE:
        return NOBODY, None
    occasion = np.concatenate([np.arange(when.n), when.tied, [-1]])[leave]
    return _sorted(occasion), _sorted(enter)


def _sorted(key: I8 | I4) -> I4:
    return np.argsort(key, kind="stable").astype(np.int32)
