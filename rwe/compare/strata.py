# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Groups of like persons instead of pairs: strata of a score, or the same coarse classes of every covariate."""

from __future__ import annotations

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags


def by_score(score: F8, among: Flags, treated: Flags, strata: int) -> I8:
    """Return the stratum of each row from 0, cut at quantiles (type 7) of the score `among` some.

    Raises
    ------
    DefinitionError
        If fewer than 2 strata are asked for.
    NoValidAnswer
        If a stratum has nobody of an arm.
    """
    if strata < 2:
        raise DefinitionError("strata: give a whole number from 2")
    edges = np.quantile(score[among], np.linspace(0, 1, strata + 1)[1:-1])
    found = np.searchsorted(edges, score, "right").astype(np.int64)
    arms = (("treated", treated), ("control", ~treated))
    empty = [f"{s + 1} (no {arm})" for s in range(strata) for arm, mine in arms if not (mine & (found == s)).any()]
    if empty:
        raise NoValidAnswer(f"strata {', '.join(empty)} of {strata} are empty: ask for fewer strata, or trim first")
    return found


def by_classes(x: F8, treated: Flags, bins: int | None) -> I8:
    """Return the group of each row, -1 where its group lacks an arm: coarsened exact matching (Iacus, King & Porro).

    Each covariate is cut into `bins` of equal width over its range; by default Sturges' ``ceil(log2(n) + 1)``.

    Raises
    ------
    NoValidAnswer
        If no group has persons of both arms.
    """
    number = int(np.ceil(np.log2(len(x)) + 1)) if bins is None else bins
    if number < 1:
        raise DefinitionError("bins: give a whole number from 1")
    low, high = x.min(axis=0), x.max(axis=0)
    classes = [_class(x[:, j], low[j], high[j], number) for j in range(x.shape[1])]
    keys = pl.DataFrame({f"{j}": found for j, found in enumerate(classes)})
    group = keys.select(pl.struct(pl.all()).rank("dense").cast(pl.Int64)).to_series().to_numpy() - 1
    both = (np.bincount(group, treated) > 0) & (np.bincount(group, ~treated) > 0)
    if not both.any():
        raise NoValidAnswer("no class of the covariates has persons of both arms: use fewer bins or fewer covariates")
    return np.where(both[group], group, -1)


def _class(x: F8, low: float, high: float, bins: int) -> I8:
    edges = np.linspace(low, high, bins + 1)[1:-1]
    return np.searchsorted(edges, x, "right").astype(np.int64)


def group_weights(group: I8, treated: Flags, estimand: str) -> F8:
    """Return the weight of each row; 0 outside groups, of mean 1 within each arm.

    The treated of a group stand for ``att`` as they are and controls for the treated of their group; for ``atc`` the
    other way round; for ``ate`` each arm stands for the whole group.
    """
    inside = group >= 0
    counts = np.stack([np.bincount(group[inside & arm], minlength=group.max() + 1) for arm in (~treated, treated)])
    whole = {"att": counts[1], "atc": counts[0], "ate": counts.sum(axis=0)}[estimand]
    weight = np.zeros(group.size)
    for arm, mine in enumerate((~treated, treated)):
        here = inside & mine
        raw = whole[group[here]] / counts[arm][group[here]]
        weight[here] = raw / raw.mean()
    return weight
