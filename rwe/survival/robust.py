# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The robust variance of a Cox model: squared influences of rows or clusters, between two model variances."""

from __future__ import annotations

import numpy as np

from rwe.errors import NoValidAnswer
from rwe.execute import cuts, run
from rwe.kernels._jit import F8, I8
from rwe.kernels.influence import influence_gram
from rwe.kernels.matrix import room, whole_gram
from rwe.survival.linear import aliased
from rwe.survival.occasions import NOBODY, PART
from rwe.survival.partial import Point, lived_tables
from rwe.survival.rows import PARTS, Rows, between, total


def robust_variance(cluster: I8 | None, data: Rows, best: Point, model: F8) -> F8:
    """Return the sandwich variance (Lin & Wei 1989): squared influences, summed within clusters first.

    Raises
    ------
    NoValidAnswer
        If there are too few clusters for the terms.
    """
    clusters = data.leave.size if cluster is None else np.unique(cluster).size
    return sandwich(squares(cluster, data, best), model, clusters)


def squares(cluster: I8 | None, data: Rows, best: Point) -> F8:
    """Return the sum of the squared influences on the score of rows or clusters, shape (terms, terms)."""
    code = np.empty(0, np.int64) if cluster is None else cluster
    order = NOBODY if cluster is None else np.argsort(code, kind="stable").astype(np.int32)
    n = data.leave.size
    parts = cuts(n, max(PART, -(-n // PARTS))) if cluster is None else between(code[order])
    path, mean = lived_tables(best)

    def part(bounds: tuple[int, int]) -> F8:
        turned, gram = room(data.terms)
        rows = (data.x, best.beta, data.offset, data.case_weight, data.leave, data.enter, data.event, code, order)
        influence_gram(*rows, *bounds, best.hazard, path, mean, turned, gram)
        return whole_gram(gram, data.terms)

    return total(run(part, parts))


def sandwich(square: F8, model: F8, clusters: int) -> F8:
    """Return squared influences between two model variances.

    Raises
    ------
    NoValidAnswer
        If there are too few clusters for the terms.
    """
    variance = np.asarray(model @ square @ model, np.float64)
    if aliased(variance) or (np.diag(variance) < 1e-12 * np.diag(model)).any():
        raise NoValidAnswer(f"{clusters} clusters are too few for a robust variance of {model.shape[0]} terms")
    return variance
