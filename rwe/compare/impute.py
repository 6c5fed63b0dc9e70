# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Multiple imputation by chained equations, the outcome among the predictors, through to one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from rwe.compare.people import people, require
from rwe.compare.rubin import Combined, rubin
from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags

DONORS = 5  # observed rows from which a number is taken (van Buuren 2018)
LEAST = 10  # observed values below which a column is not modelled


@dataclass(frozen=True, slots=True, eq=False)
class Imputed:
    """Completed data sets.

    Parameters
    ----------
    frames
        The rows, each time with the missing values drawn anew; one frame where nothing is missing.
    missing
        One row a column: missing (rows), share, kind (``number`` or ``levels``).
    notes
        What a reader must know.
    """

    frames: tuple[pl.DataFrame, ...]
    missing: pl.DataFrame
    notes: tuple[str, ...]

    def pool(
        self,
        estimator: Callable[[pl.DataFrame], tuple[float, float]],
        *,
        n: float,
        k: int = 1,
        conf_level: float = 0.95,
    ) -> Combined:
        """Return the answer of an estimator over all sets by Rubin's rules; see `rubin` for `n` and `k`.

        Raises
        ------
        NoValidAnswer
            If nothing was missing: the complete analysis is the answer, and has no rules to follow.
        """
        if len(self.frames) == 1:
            raise NoValidAnswer("nothing is missing: the analysis of the rows as they are is the answer")
        found = [estimator(frame) for frame in self.frames]
        return rubin([e for e, _ in found], [se for _, se in found], n=n, k=k, conf_level=conf_level)


def impute(
    frame: Any,
    columns: Sequence[str],
    *,
    time: str,
    event: str,
    predictors: Sequence[str] = (),
    sets: int = 20,
    cycles: int = 10,
    seed: int,
) -> Imputed:
    """Fill missing covariates by chained equations (White, Royston & Wood 2011, Stat Med 30:377).

    Numbers are taken from observed rows with near predicted means, the prediction drawn from its posterior; levels are
    drawn from a multinomial logistic regression on rows weighted at random (Bayesian bootstrap). Event and Nelson-Aalen
    hazard stand among the predictors (White & Royston 2009, Stat Med 28:1982).

    Parameters
    ----------
    frame
        One row a person.
    columns
        Covariates of the analysis; those with missing values are filled, from all others.
    time, event
        The outcome, complete.
    predictors
        More complete columns that tell of the missing values or of why they are missing.
    sets, cycles
        Completed data sets, and rounds through the columns for each.
    seed
        Of all draws.

    Raises
    ------
    BrokenRows
        If a column that must be complete is not.
    NoValidAnswer
        If a column has fewer than 10 observed values, or one value only.
    """
    rows = people(frame)
    require(rows, [*columns, *predictors, time, event])
    for name in (*predictors, time, event):
        if n := rows[name].null_count():
            raise BrokenRows(
                name, "have no value", "only the columns given to be filled may miss values", n, rows.height
            )
    if sets < 2 or cycles < 1:
        raise DefinitionError("sets must be 2 or more, cycles 1 or more")
    holes = [name for name in columns if rows[name].null_count()]
    missing = _missing(rows, holes)
    if not holes:
        return Imputed((rows,), missing, ("nothing is missing: the rows are returned as they are",))
    fixed = np.column_stack([_hazard(rows, time, event), *_encoded(rows, [event, *predictors])])
    draws = [np.random.default_rng([seed, k]) for k in range(sets)]
    with threadpool_limits(1):  # thousands of small fits: threads would wait for each other longer than they work
        full = tuple(_completed(rows, [*columns], holes, fixed, cycles, draw) for draw in draws)
    return Imputed(full, missing, ())


def _missing(rows: pl.DataFrame, holes: Sequence[str]) -> pl.DataFrame:
    found = []
    for name in holes:
        seen = rows[name].drop_nulls()
        if seen.len() < LEAST or seen.n_unique() < 2:
            raise NoValidAnswer(
                f"column '{name}': {seen.len()} observed values of {seen.n_unique()} kinds say too little"
            )
        kind = "number" if _is_number(rows[name]) else "levels"
        share = rows[name].null_count() / rows.height
        found.append({"column": name, "missing": rows[name].null_count(), "share": share, "kind": kind})
    schema = {"column": pl.String, "missing": pl.Int64, "share": pl.Float64, "kind": pl.String}
    return pl.DataFrame(found, schema=schema)


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() and column.drop_nulls().n_unique() > 2


def _hazard(rows: pl.DataFrame, time: str, event: str) -> F8:
    """Return each person's Nelson-Aalen cumulative hazard at the end of follow-up."""
    days, happened = rows[time].cast(pl.Float64).to_numpy(), rows[event].cast(pl.Float64).to_numpy()
    at, inverse = np.unique(days, return_inverse=True)
    at_risk = days.size - np.searchsorted(np.sort(days), at)
    return np.asarray((np.bincount(inverse, happened) / at_risk).cumsum()[inverse])


def _encoded(rows: pl.DataFrame, names: Sequence[str]) -> list[F8]:
    """Return columns of numbers: numbers on their own scale, all levels but the first as 0 and 1."""
    found = []
    for name in names:
        if _is_number(rows[name]):
            found.append(rows[name].cast(pl.Float64).to_numpy())
        else:
            codes = rows[name].cast(pl.String)
            found += [(codes == level).to_numpy().astype(np.float64) for level in codes.unique().sort()[1:]]
    return found


def _completed(
    rows: pl.DataFrame, columns: list[str], holes: list[str], fixed: F8, cycles: int, draw: np.random.Generator
) -> pl.DataFrame:
    """Return one completed data set: first any observed value, then each column anew from all others, in turn."""
    gaps = {name: rows[name].is_null().to_numpy() for name in holes}
    full = rows.with_columns(
        _filled(rows[name], gap, draw.choice(np.flatnonzero(~gap), int(gap.sum()))) for name, gap in gaps.items()
    )
    for _ in range(cycles):
        for name, gap in gaps.items():
            x = _design(np.column_stack([fixed, *_encoded(full, [c for c in columns if c != name])]))
            pick = _near if _is_number(rows[name]) else _level
            full = full.with_columns(_filled(rows[name], gap, pick(rows[name], x, gap, draw)))
    return full


def _filled(column: pl.Series, gap: Flags, donors: I8) -> pl.Series:
    """Return the column with the values of these rows where it misses some."""
    take = np.arange(gap.size)
    take[gap] = donors
    return column.gather(take)


def _design(x: F8) -> F8:
    spread = x.std(axis=0)
    kept = x[:, spread > 0]
    return np.column_stack([np.ones(x.shape[0]), (kept - kept.mean(axis=0)) / spread[spread > 0]])


def _near(column: pl.Series, x: F8, gap: Flags, draw: np.random.Generator) -> I8:
    """Return for each missing row an observed one with a near predicted mean (Little 1988; type 1 matching)."""
    y = column.cast(pl.Float64).to_numpy()[~gap]
    seen = x[~gap]
    inverse = np.linalg.inv(seen.T @ seen + 1e-8 * np.diag((seen**2).sum(axis=0)))
    beta = inverse @ seen.T @ y
    left = y - seen @ beta
    deviation = np.sqrt(left @ left / draw.chisquare(max(y.size - seen.shape[1], 1)))
    drawn = beta + deviation * np.linalg.cholesky(inverse) @ draw.standard_normal(beta.size)
    own, wanted = seen @ beta, x[gap] @ drawn
    order = np.argsort(own, kind="stable")
    place = np.searchsorted(own[order], wanted)
    reach = np.clip(place[:, None] + np.arange(-DONORS, DONORS), 0, own.size - 1)
    apart = np.abs(own[order][reach] - wanted[:, None])
    apart[:, 1:][reach[:, 1:] == reach[:, :-1]] = np.inf  # an end row is one donor, not several
    nearest = np.take_along_axis(reach, np.argsort(apart, axis=1)[:, :DONORS], axis=1)
    chosen = nearest[np.arange(wanted.size), draw.integers(0, min(DONORS, own.size), wanted.size)]
    return np.asarray(np.flatnonzero(~gap)[order[chosen]])


def _level(column: pl.Series, x: F8, gap: Flags, draw: np.random.Generator) -> I8:
    """Return for each missing row an observed one of a level drawn from its probabilities."""
    from sklearn.linear_model import LogisticRegression

    codes = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    weight = draw.exponential(size=int((~gap).sum()))
    fitted = LogisticRegression(C=100.0, max_iter=500).fit(x[~gap][:, 1:], codes[~gap], sample_weight=weight)
    reached = fitted.predict_proba(x[gap][:, 1:]).cumsum(axis=1) < draw.random(int(gap.sum()))[:, None]
    drawn = fitted.classes_[np.minimum(reached.sum(axis=1), fitted.classes_.size - 1)]
    first = {int(code): int(np.flatnonzero(codes == code)[0]) for code in fitted.classes_}
    return np.array([first[int(code)] for code in drawn], dtype=np.int64)
