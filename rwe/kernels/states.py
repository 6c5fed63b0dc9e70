# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities to be in each of several states, as products of matrices by day, and their variances.

Aalen & Johansen (1978) Scand J Stat 5:141. Variances: the recursion of Greenwood's type (Andersen, Borgan, Gill &
Keiding 1993, sec. IV.4), and the infinitesimal jackknife. An *occasion* is a day with transitions. The influence u
of a unit on the probabilities p follows u' = u P + sum over its rows at risk of w p_j / Y_j (where the row goes
next - row j of P); once none of its rows is left, products of influences of all units evolve together.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, array_in, f8_in, f8_in2, f8_out2, i8_in, integer, kernel, number

_cube = array_in(number, 3)


@kernel(f8_out2, integer, integer, integer, integer, integer, number, f8_in2, _cube)
def _sources(
    source: F8, begin: int, end: int, state: int, to: int, last: int, weight: float, share: F8, moves: F8
) -> None:
    """Add what a row at risk on occasions `begin` to `end` brings; it goes to `to` on `last` (-1: never)."""
    for k in range(begin, end):
        q = weight * share[k, state]
        for j in range(share.shape[1]):
            source[k, j] -= q * moves[k, state, j]
        source[k, to if k == last else state] += q


@kernel(i8_in, i8_in, i8_in, i8_in, i8_in, f8_in, f8_in2, _cube)
def influence_squares(
    unit: I8, begin: I8, end: I8, state: I8, to: I8, weight: F8, share: F8, moves: F8
) -> tuple[F8, F8]:
    """Return squared influences by occasion while units are followed, and products of influences where they end.

    Parameters
    ----------
    unit
        Of each row, sorted.
    begin, end, state, to, weight
        Occasions on which a row is at risk, its state, the state it enters on the last of them (-1: none).
    share, moves
        p_j / Y_j before each occasion, and the matrix of the occasion.
    """
    n, s = share.shape
    squares, ended, source = np.zeros((n, s)), np.zeros((n + 1, s * s)), np.zeros((n, s))
    u, v = np.zeros(s), np.zeros(s)
    first = 0
    while first < unit.size:
        after, low, high = first, n, 0
        u[:] = 0.0
        while after < unit.size and unit[after] == unit[first]:
            _sources(
                source, begin[after], end[after], state[after], to[after],
                end[after] - 1 if to[after] >= 0 else -1, weight[after], share, moves,
            )  # fmt: skip
            low, high = min(low, begin[after]), max(high, end[after])
            after += 1
        for k in range(low, high):
            for j in range(s):
                v[j] = source[k, j]
                source[k, j] = 0.0
                for i in range(s):
                    v[j] += u[i] * moves[k, i, j]
            for j in range(s):
                u[j] = v[j]
                squares[k, j] += v[j] * v[j]
        for i in range(s):
            for j in range(s):
                ended[high, i * s + j] += u[i] * u[j]
        first = after
    return squares, ended


def matrices(risk: F8, moves: F8) -> F8:
    """Return the matrix of each occasion, shape (occasions, states, states), from numbers at risk and moving."""
    safe = np.where(risk > 0, risk, 1.0)[:, :, None]
    off = moves / safe
    stay = np.where(risk > 0, 1.0 - off.sum(axis=2), 1.0)
    return np.asarray(off + stay[:, :, None] * np.eye(risk.shape[1]), np.float64)


def occupation(start: F8, moves: F8) -> F8:
    """Return the probabilities before the first occasion and after each, shape (occasions + 1, states)."""
    out = np.empty((moves.shape[0] + 1, start.size))
    out[0] = start
    for k in range(moves.shape[0]):
        out[k + 1] = out[k] @ moves[k]
    return out


def carried(moves: F8, added: F8, ended: F8) -> F8:
    """Return by occasion the covariance carried on by each matrix, with what stops before it and what it adds."""
    out, now = np.empty_like(added), np.zeros(added.shape[1:])
    for k in range(moves.shape[0]):
        now = moves[k].T @ (now + ended[k]) @ moves[k] + added[k]
        out[k] = now
    return out


def multinomial(before: F8, risk: F8, moves: F8) -> F8:
    """Return what each occasion adds to the covariance, the rows of its matrix being shares of independent draws."""
    factor = np.where(risk > 0, before**2 / np.where(risk > 0, risk, 1.0), 0.0)
    diagonal = np.einsum("kj,kji->ki", factor, moves)
    cross = np.einsum("kj,kji,kjl->kil", factor, moves, moves)
    return np.asarray(diagonal[:, :, None] * np.eye(risk.shape[1]) - cross, np.float64)
