# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Columns of covariates that stay where they lie: their moments, and rows of them put side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I4, I8, Flags
from rwe.kernels.column_moments import column_moments, gather_rows
from rwe.survival.data import Response
from rwe.survival.occasions import NOBODY, PART
from rwe.survival.rows import NONE, total
from rwe.survival.standard import FEW, held


def addresses(columns: Sequence[F8]) -> I8:
    """Return where columns begin; whoever reads there keeps them alive."""
    return np.array([column.ctypes.data for column in columns])


def side_by_side(columns: Sequence[F8], mean: F8, scale: F8, chosen: I4 = NOBODY) -> F8:
    """Return the standardised covariates of some rows (all where none are chosen), shape (rows, columns)."""
    x = np.empty((chosen.size or columns[0].size, len(columns)))
    at = addresses(columns)
    run(lambda b: gather_rows(at, mean, scale, chosen, *b, x), cuts(x.shape[0], PART // 4))
    return x


@np.errstate(all="ignore")  # a covariate that cannot be squared is refused by its unit
def moments_of_columns(response: Response, columns: Sequence[F8], weight: F8) -> tuple[F8, F8, F8, F8]:
    """Return mean and unit of each column (as `standard.moments`), standardised sums of the failing, and `tail`."""
    about, sums, square, failing, away = moments_about(columns, response.event, given_weight(response))
    of_all = float(weight.sum()) if weight.size else float(response.time.size)
    mean = about + sums / of_all
    failed = float(weight[response.event].sum() if weight.size else response.event.sum())
    shift = mean - about  # what is taken off the rows: the mean as a number, not the mean itself
    scale = held(np.sqrt(np.maximum(square / of_all - (sums / of_all) ** 2, 0.0)), np.zeros(away.size), away)
    tail = np.where(away > 0.0, scale * response.time.size / away, 1.0)
    return mean, scale, (failing - failed * shift) / scale, tail


def given_weight(response: Response) -> F8:
    """Return the weights of the rows; empty where each counts once."""
    return NONE if response.weight is None else response.weight


def moments_about(columns: Sequence[F8], event: Flags, weight: F8) -> tuple[F8, F8, F8, F8, F8]:
    """Return by column a value amid it and, of the differences from it, the weighted sum, squares, sum of the failing.

    The last are the absolute differences, unweighted: 0 where the column is constant.
    """
    n = event.size
    some_of = (np.sort(column[:: max(n // FEW, 1)]) for column in columns)
    about = np.array([values[values.size // 2] for values in some_of])
    at = addresses(columns)
    parts = run(lambda b: column_moments(at, about, weight, event, *b), cuts(n, PART))
    sums, square, failing, away = total(parts).T
    return about, sums, square, failing, away
