# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves that the data allow: each day's share of failures drawn from its own beta distribution.

The beta process of Hjort (1990) Annals of Statistics 18:1259, without a prior: curves fall, their mean is that of the
estimate, and the spread of each day's logarithm is that of its variance (Greenwood's, or the robust one, whose days
are then taken as independent).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.curves import Curves


def read_off(c: Curves, days: Any) -> F8:
    """Return survival of the one group at these times; NaN after the last time followed, unless it is 0 by then."""
    times, jumps = _times(c, days)
    survival = np.concatenate([[1.0], c.survival[0, jumps]])
    at = np.searchsorted(c.clock.times(jumps), times, side="right")
    return np.asarray(_known(c, times, survival[at][None, :])[0], np.float64)


def drawn(c: Curves, days: Any, n: int, seed: int) -> F8:
    """Return `n` draws of `read_off`, shape (n, times)."""
    times, jumps = _times(c, days)
    left = np.diff(np.concatenate([[1.0], c.survival[0, jumps]])) / np.concatenate([[1.0], c.survival[0, jumps]])[:-1]
    share, spread = -left, np.diff(np.concatenate([[0.0], c.var_log[0, jumps]]))
    sure = ~((share < 1) & (spread > 0))
    with np.errstate(all="ignore"):
        size = np.where(sure, 1.0, share / ((1 - share) * spread))
    middle = np.where(sure, 0.5, share)
    found = np.random.default_rng(seed).beta(size * middle, size * (1 - middle), (n, jumps.size))
    alive = np.cumprod(1 - np.where(sure, share, found), axis=1)
    at = np.searchsorted(c.clock.times(jumps), times, side="right")
    return _known(c, times, np.hstack([np.ones((n, 1)), alive])[:, at])


def _times(c: Curves, days: Any) -> tuple[F8, Any]:
    """Return the times asked for, and the ticks on which someone failed."""
    if c.last.size > 1:
        raise DefinitionError(f"a curve for a model is one curve: estimate each of the {c.last.size} groups by itself")
    return np.atleast_1d(np.asarray(days, np.float64)), np.flatnonzero(c.days.n_event[0])


def _known(c: Curves, times: F8, survival: F8) -> F8:
    last = float(c.clock.times(c.last)[0])
    return np.asarray(np.where((times <= last) | (survival <= 0), survival, np.nan), np.float64)
