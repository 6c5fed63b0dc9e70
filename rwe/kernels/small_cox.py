# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Cox regression on a few hundred rows and a few covariates, from beginning to end without the interpreter.

The formulas are those of `rwe.survival.partial`; ties after Efron through the same `tie_sums`.
"""

from __future__ import annotations

import math

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_in2, f8_out, f8_out2, i8_in, integer, kernel
from rwe.kernels.partial_likelihood import tie_sums

ITERATIONS = 30
TOLERANCE = 1e-11  # of the last step: errors are taken before it


@kernel(f8_out2)
def inverse(matrix: F8) -> F8:
    """Return the inverse of a positive definite matrix by its Cholesky factor; NaN where it is not."""
    p = matrix.shape[0]
    factor, out = np.zeros((p, p)), np.zeros((p, p))
    for j in range(p):
        for i in range(j, p):
            rest = matrix[i, j]
            for k in range(j):
                rest -= factor[i, k] * factor[j, k]
            factor[i, j] = math.sqrt(rest) if i == j else rest / factor[j, j]
    for c in range(p):
        for i in range(p):
            rest = 1.0 if i == c else 0.0
            for k in range(i):
                rest -= factor[i, k] * out[k, c]
            out[i, c] = rest / factor[i, i]
        for i in range(p - 1, -1, -1):
            rest = out[i, c]
            for k in range(i + 1, p):
                rest -= factor[k, i] * out[k, c]
            out[i, c] = rest / factor[i, i]
    return out


@kernel(f8_in2, f8_in, i8_in, i8_in, i8_in, integer)
def _sums(x: F8, r: F8, leave: I8, enter: I8, failed: I8, n_ticks: int) -> tuple[F8, F8]:
    """Return sums of r x by tick over those at risk, and over those who fail; the sum of r stands last."""
    p = x.shape[1]
    at_risk, failing = np.zeros((n_ticks, p + 1)), np.zeros((n_ticks, p + 1))
    for i in range(r.size):
        for j in range(p + 1):
            term = r[i] * x[i, j] if j < p else r[i]
            at_risk[leave[i], j] += term
            if enter[i] >= 0:
                at_risk[enter[i], j] -= term
            if failed[i] == 1:
                failing[leave[i], j] += term
    for k in range(n_ticks - 2, -1, -1):
        for j in range(p + 1):
            at_risk[k, j] += at_risk[k + 1, j]
    return at_risk, failing


@kernel(f8_out2, i8_in, i8_in, i8_in)
def _lived(ties: F8, leave: I8, enter: I8, failed: I8) -> F8:
    """Return the hazard that each row has lived through."""
    path, out = np.zeros(ties.shape[1] + 1), np.empty(leave.size)
    for k in range(ties.shape[1]):
        path[k + 1] = path[k] + ties[0, k]
    for i in range(leave.size):
        out[i] = path[leave[i] + 1] - path[enter[i] + 1]
        if failed[i] == 1:
            out[i] += ties[1, leave[i]] - ties[0, leave[i]]
    return out


@kernel(f8_in2, f8_in, f8_in, i8_in, f8_out2, f8_out2, f8_out2, f8_in)
def _derivatives(x: F8, r: F8, weight: F8, failed: I8, at_risk: F8, failing: F8, ties: F8, lived: F8) -> tuple[F8, F8]:
    """Return the score and the information."""
    p = x.shape[1]
    score, information = np.zeros(p), np.zeros((p, p))
    for i in range(r.size):
        for j in range(p):
            score[j] += (weight[i] * failed[i] - r[i] * lived[i]) * x[i, j]
            for c in range(j + 1):
                information[j, c] += r[i] * lived[i] * x[i, j] * x[i, c]
    for k in range(ties.shape[1]):
        u, v, z = ties[2, k], ties[3, k], ties[4, k]
        for j in range(p):
            a, e = at_risk[k, j], failing[k, j]
            for c in range(j + 1):
                information[j, c] -= u * a * at_risk[k, c] + z * e * failing[k, c]
                information[j, c] += v * (a * failing[k, c] + e * at_risk[k, c])
    for j in range(p):
        for c in range(j):
            information[c, j] = information[j, c]
    return score, information


@kernel(f8_in2, f8_in, f8_in, i8_in, i8_in, i8_in, i8_in, f8_in, f8_out2, f8_out2, f8_out2, f8_in)
def _meat(
    x: F8, r: F8, weight: F8, leave: I8, enter: I8, failed: I8, n_event: I8, w_event: F8,
    at_risk: F8, failing: F8, ties: F8, lived: F8,
) -> F8:  # fmt: skip
    """Return the sum over rows of the squares of their influence on the score (Lin & Wei 1989)."""
    n_ticks, p = at_risk.shape[0], x.shape[1]
    path, jump, mean = np.zeros((n_ticks + 1, p)), np.zeros((n_ticks, p)), np.zeros((n_ticks, p))
    for k in range(n_ticks):
        h, g, u, v, z = ties[0, k], ties[1, k], ties[2, k], ties[3, k], ties[4, k]
        for j in range(p):
            a, e = at_risk[k, j], failing[k, j]
            path[k + 1, j] = path[k, j] + u * a - v * e
            jump[k, j] = -v * a + z * e
            if n_event[k] > 0:
                mean[k, j] = (h * a - (h - g) * e) / w_event[k]
    out, own = np.zeros((p, p)), np.empty(p)
    for i in range(r.size):
        k = leave[i]
        for j in range(p):
            borne = path[k + 1, j] - path[enter[i] + 1, j] + failed[i] * jump[k, j]
            own[j] = weight[i] * failed[i] * (x[i, j] - mean[k, j]) - r[i] * (x[i, j] * lived[i] - borne)
        for j in range(p):
            for c in range(p):
                out[j, c] += own[j] * own[c]
    return out


@kernel(i8_in, i8_in, f8_in, integer)
def _failures(leave: I8, failed: I8, weight: F8, n_ticks: int) -> tuple[I8, F8]:
    """Return the failures on each tick, and their weight."""
    n_event, w_event = np.zeros(n_ticks, np.int64), np.zeros(n_ticks)
    for i in range(leave.size):
        if failed[i] == 1:
            n_event[leave[i]] += 1
            w_event[leave[i]] += weight[i]
    return n_event, w_event


@kernel(f8_in2, f8_in, f8_in)
def _risks(x: F8, weight: F8, beta: F8) -> F8:
    """Return the relative risk of each row, its weight included."""
    out = np.empty(weight.size)
    for i in range(weight.size):
        eta = 0.0
        for j in range(beta.size):
            eta += x[i, j] * beta[j]
        out[i] = weight[i] * math.exp(eta)
    return out


@kernel(f8_out, f8_out2, f8_in)
def _move(beta: F8, variance: F8, score: F8) -> float:
    """Take Newton's step, and return how far it went as a share of the tolerance (NaN: nowhere)."""
    far, size = 0.0, 1.0
    for j in range(beta.size):
        step = 0.0
        for c in range(beta.size):
            step += variance[j, c] * score[c]
        beta[j] += step
        far, size = far + abs(step), max(size, abs(beta[j]))
    return far / (TOLERANCE * size)


@kernel(f8_out2, f8_out2)
def _sandwich(variance: F8, meat: F8) -> float:
    """Return the first diagonal element of variance meat variance."""
    total = 0.0
    for j in range(meat.shape[0]):
        for c in range(meat.shape[0]):
            total += variance[0, j] * meat[j, c] * variance[c, 0]
    return total


@kernel(f8_in2, f8_in, i8_in, i8_in, i8_in, integer, integer)
def cox_small(x: F8, weight: F8, leave: I8, enter: I8, failed: I8, n_ticks: int, robust: int) -> F8:
    """Return estimate, model and robust variance of the first covariate, and the number of steps.

    NaN where the likelihood has no maximum that Newton's steps from 0 reach.
    """
    p = x.shape[1]
    beta, out = np.zeros(p), np.full(4, np.nan)
    n_event, w_event = _failures(leave, failed, weight, n_ticks)
    for step in range(ITERATIONS):
        r = _risks(x, weight, beta)
        at_risk, failing = _sums(x, r, leave, enter, failed, n_ticks)
        ties = tie_sums(n_event, w_event, at_risk[:, p].copy(), failing[:, p].copy(), 1.0)
        lived = _lived(ties, leave, enter, failed)
        score, information = _derivatives(x, r, weight, failed, at_risk, failing, ties, lived)
        variance = inverse(information)
        far = _move(beta, variance, score)
        if not np.isfinite(far):
            break
        if far < 1.0:
            out[0], out[1], out[3] = beta[0], variance[0, 0], step
            if robust == 1:
                meat = _meat(x, r, weight, leave, enter, failed, n_event, w_event, at_risk, failing, ties, lived)
                out[2] = _sandwich(variance, meat)
            break
    return out
