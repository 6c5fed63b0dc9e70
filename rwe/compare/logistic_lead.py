# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The way to the maximum of many rows: a sample shows the start and the curvature, reads of the score alone lead.

The curvature of a sample is good to a tenth, so each chord step takes the distance down by as much, and mends the
curvature along its own direction (Broyden, Fletcher, Goldfarb and Shanno; Nocedal & Wright 2006, ch. 6). A read of the
score costs a quarter of one with the information. Where the way ends Newton's steps take over and prove it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rwe.compare.logistic_climb import Seen, Top, climb
from rwe.compare.logistic_columns import Columns
from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.linear import solve

MANY = 1 << 18  # rows from which a sample pays
EACH = 16  # every so many rows are one of the sample
LEAST = 100  # rows of the sample for each coefficient
OF_SAMPLE = 1e-4  # last step of the climb on the sample, in standard deviations of the covariates
NEAR = 1e-8  # last step of the climb on all rows: about the share of the information that changes on it
AROUND = 1e-4  # from here what a step leaves over is told by the step before
CHORDS = 10  # reads of the score before Newton takes over


def led(rows: Columns, seen: Seen, terms: Sequence[str]) -> Top:
    """Return the maximum of many rows.

    Raises
    ------
    NoValidAnswer
        As `climb`.
    """
    start = _start(rows, seen, terms)
    return climb(rows.sums, seen.share, terms) if start is None else climb(rows.sums, seen.share, terms, start, NEAR)


def _start(rows: Columns, seen: Seen, terms: Sequence[str]) -> F8 | None:
    """Return a point near the maximum; None where the way leads nowhere."""
    some = rows.sample(EACH)
    if some.x.shape[0] < LEAST * (len(terms) + 1) or some.outcome.all() or not some.outcome.any():
        return None
    try:
        top = climb(some.sums, seen.share, terms, still=OF_SAMPLE)
    except NoValidAnswer:  # of the sample only: all rows may well have a maximum
        return None
    return _chords(rows, top.beta, EACH * top.information)


def _chords(rows: Columns, beta: F8, curvature: F8) -> F8 | None:
    """Return where steps by the curvature, mended along each, lead; None where they lead nowhere."""
    score, before = rows.gradient(beta), np.inf
    for _ in range(CHORDS):
        step = solve(curvature, score)
        length = float(np.abs(step).max())
        if not length < before:
            return None
        if length < AROUND and length * length / before < NEAR:
            return beta + step
        now = rows.gradient(beta + step)
        fell, bent = score - now, curvature @ step
        if not step @ fell > 0:
            return None
        curvature = curvature + np.outer(fell, fell) / (step @ fell) - np.outer(bent, bent) / (step @ bent)
        beta, score, before = beta + step, now, length
    return beta
