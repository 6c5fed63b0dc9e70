# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a parametric model: covariates on their scale, rows that say the same folded into one that counts for them.

Whole days repeat, so that a hundred thousand rows without covariates are a few thousand. Folded rows stand in the
order of their values: the order of the patients moves an estimate by no more than the rounding of a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.family import Follow
from rwe.survival.linear import aliased
from rwe.survival.rows import NONE
from rwe.survival.standard import moments, refuse_units


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Distinct rows.

    Parameters
    ----------
    follow
        Follow-up; the weights are those of all rows that are alike, added up.
    square
        Sum of their squared weights.
    x
        For each parameter an intercept and its covariates on their scale, shape (cells, 1 + covariates).
    """

    follow: Follow
    square: F8
    x: tuple[F8, ...]

    @property
    def n(self) -> int:
        """Number of distinct rows."""
        return self.square.size

    def some(self, rows: slice) -> Cells:
        """Return some of the cells."""
        return Cells(self.follow.some(rows), self.square[rows], tuple(x[rows] for x in self.x))


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How the coefficients of one parameter turn from standardised covariates to those of the data."""

    mean: F8
    unit: F8

    @property
    def turn(self) -> F8:
        """Matrix that takes coefficients (intercept first) on the scale to those of the data."""
        found = np.diag(np.concatenate([[1.0], 1 / self.unit]))
        found[0, 1:] = -self.mean / self.unit
        return found


def scaled(x: F8, weight: F8, terms: Sequence[str]) -> tuple[F8, Scale]:
    """Return covariates on their scale behind an intercept, and the scale.

    Raises
    ------
    DataError
        If a covariate is too large or too small to be squared.
    NoValidAnswer
        If terms say nothing that the terms before them do not.
    """
    if not terms:
        return np.ones((weight.size, 1)), Scale(NONE, NONE)
    mean, unit = moments(np.ascontiguousarray(x), weight)
    refuse_units(unit, terms)
    found = np.column_stack([np.ones(x.shape[0]), (x - mean) / unit])
    if at := aliased((found * weight[:, None]).T @ found):
        names = ["the intercept", *terms]
        raise NoValidAnswer(
            f"terms {[names[j] for j in at]} are constant or a combination of other terms: leave them out"
        )
    return found, Scale(mean, unit)


def folded(follow: Follow, x: Sequence[F8]) -> Cells:
    """Return the distinct rows, in the order of their values."""
    distinct = [f"{j}.{k}" for j, values in enumerate(x) for k in range(1, values.shape[1])]
    known = {
        "time": follow.time, "entry": follow.entry, "event": follow.event, "background": follow.background,
        **{name: x[int(name.split(".")[0])][:, int(name.split(".")[1])] for name in distinct},
    }  # fmt: skip
    rows = pl.DataFrame({name: pl.Series(name, values) for name, values in known.items()})
    rows = rows.with_columns(_w=pl.Series(follow.weight), _s=pl.Series(follow.weight**2))
    cells = rows.group_by(list(known)).agg(pl.col("_w", "_s").sum()).sort(list(known))
    found = {name: np.ascontiguousarray(cells[name].to_numpy()) for name in cells.columns}
    one = np.ones(cells.height)
    designs = tuple(
        np.column_stack([one, *(found[f"{j}.{k}"] for k in range(1, values.shape[1]))]) for j, values in enumerate(x)
    )
    again = Follow(found["time"], found["entry"], found["event"], found["_w"], found["background"])
    return Cells(again, found["_s"], designs)


def plain(cells: Cells) -> Cells:
    """Return the cells without covariates, folded again."""
    bare = [np.ones((cells.n, 1)) for _ in cells.x]
    found = folded(cells.follow, bare)
    return replace(found, x=tuple(np.ones((found.n, 1)) for _ in cells.x))
