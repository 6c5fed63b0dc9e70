# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Small symmetric systems, and which of their rows say nothing new."""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8

ALIASED = 1e-10  # share of a row's own size that the rows before it leave over


def solve(matrix: F8, right: F8) -> F8:
    """Return the solution of a symmetric system in double precision."""
    return np.asarray(np.linalg.solve(matrix, right), np.float64)


def aliased(matrix: F8) -> list[int]:
    """Return the rows that the rows before them exhaust (pivots of a Cholesky factor), or that are 0."""
    own = ALIASED * np.maximum(np.diag(matrix), max(1e-12 * np.trace(matrix), 1e-300))
    if (_pivots(matrix) > own).all():
        return []
    left, found = matrix.copy(), []
    for j in range(matrix.shape[0]):
        if not left[j, j] > own[j]:
            found.append(j)
            continue
        left[j:, j:] -= np.outer(left[j:, j], left[j, j:]) / left[j, j]
    return found


def _pivots(matrix: F8) -> F8:
    """Return what the rows before it leave of each row; nothing of any where one is exhausted."""
    try:
        return np.asarray(np.diag(np.linalg.cholesky(matrix)) ** 2, np.float64)
    except np.linalg.LinAlgError:
        return np.zeros(matrix.shape[0])
