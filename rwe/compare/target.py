# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The population that predictions are averaged over: practice, its treated, persons of a trial, or drawn from margins.

Drawn persons have the margins as published and the dependence of practice: ranks of practice (normal scores) give the
correlation of a Gaussian copula; a number with a mean keeps the shape that it has in practice, moved and stretched to
the published mean and SD; levels come in the published shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.margins import Floats, proportions
from rwe.compare.moments import STATISTICS, numbers
from rwe.compare.outcome import Asked
from rwe.compare.people import check_levels, people, require
from rwe.errors import DefinitionError, NoValidAnswer


def population_of(to: Any, rows: pl.DataFrame, asked: Asked, simulated: int, seed: int) -> pl.DataFrame:
    """Return the population as a frame with the covariates.

    Raises
    ------
    DefinitionError
        If `to` is no population, or margins leave a covariate out.
    NoValidAnswer
        If nobody is in it.
    """
    if isinstance(to, str):
        if to != "treated" or asked.treatment is None:
            raise DefinitionError("to: give 'treated' (with a treatment), a frame or targets")
        found = rows.filter(pl.col(asked.treatment).cast(pl.Int64) == 1)
    elif isinstance(to, Mapping):
        return simulate(rows, {name: to.get(name) for name in asked.covariates}, simulated, seed)
    else:
        found = rows if to is None else people(to)
    require(found, list(asked.covariates))
    if found.height == 0:
        raise NoValidAnswer("nobody is in the population to predict for")
    return found


def simulate(rows: pl.DataFrame, targets: Mapping[str, Any], n: int, seed: int) -> pl.DataFrame:
    """Draw `n` persons with the margins of `targets` and the rank correlation of `rows`.

    Raises
    ------
    DefinitionError
        If a covariate has no target, or `n` is not positive.
    DataError
        If rows have missing values, or levels that the margin does not list.
    """
    if absent := [name for name, target in targets.items() if target is None]:
        raise DefinitionError(f"targets leave out the covariates {absent}; give each a mean, a median or levels")
    if n < 1:
        raise DefinitionError("simulated: give a whole number from 1")
    require(rows, list(targets))
    from scipy.stats import norm

    codes = np.stack([_ranked(rows, name, target) for name, target in targets.items()], axis=1)
    scores = norm.ppf(codes)
    together = np.corrcoef(scores, rowvar=False).reshape(len(targets), -1)
    together[~np.isfinite(together)] = 0.0
    np.fill_diagonal(together, 1.0)
    root = _root(together)
    drawn = norm.cdf(np.random.default_rng(seed).normal(size=(n, len(targets))) @ root.T)
    columns = {name: _margin(rows, name, target, drawn[:, j]) for j, (name, target) in enumerate(targets.items())}
    return pl.DataFrame(columns)


def _is_levels(target: Any) -> bool:
    return isinstance(target, Mapping) and not set(target) <= STATISTICS


def _ranked(rows: pl.DataFrame, name: str, target: Any) -> Floats:
    """Return the ranks of a column as numbers between 0 and 1; of equal values their middle."""
    if _is_levels(target):
        column = rows[name].cast(pl.String)
        check_levels(column, list(target))
        column = column.replace_strict(list(target), list(range(len(target))), return_dtype=pl.Int64)
    else:
        column = pl.Series(numbers(rows, name))
    return np.asarray((column.rank("average").to_numpy() - 0.5) / rows.height)


def _root(matrix: Floats) -> Floats:
    """Return a root of a correlation matrix; what rounding made negative is 0."""
    value, vector = np.linalg.eigh(matrix)
    return np.asarray(vector * np.sqrt(value.clip(0)))


def _margin(rows: pl.DataFrame, name: str, target: Any, u: Floats) -> pl.Series:
    """Return the values of one covariate at ranks u."""
    if _is_levels(target):
        share = proportions(name, target)
        place = np.searchsorted(np.cumsum(list(share.values()))[:-1], u, "right")
        return pl.Series(name, np.array(list(share))[place]).cast(rows.schema[name])
    given = dict(target) if isinstance(target, Mapping) else {"mean": target}
    x = numbers(rows, name)
    if np.isin(x, (0.0, 1.0)).all() and set(given) == {"mean"}:
        return pl.Series(name, (u > 1 - given["mean"]).astype(np.float64))
    shape = np.quantile(x, u)
    if "mean" in given:
        stretch = given["sd"] / x.std() if "sd" in given and x.std() > 0 else 1.0
        return pl.Series(name, given["mean"] + (shape - x.mean()) * stretch)
    return pl.Series(name, shape + given["median"] - np.median(x))
