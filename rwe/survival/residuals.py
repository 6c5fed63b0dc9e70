# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Residuals of a Cox model, each a difference or two of sums over occasions: linear in the rows.

Therneau, Grambsch & Fleming (1990) Biometrika 77:147 (martingale, deviance, score); Schoenfeld (1982)
Biometrika 69:239; Grambsch & Therneau (1994) Biometrika 81:515 (scaled). Conventions of R ``residuals.coxph``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8
from rwe.survival.fitted import Fitted
from rwe.survival.partial import Point, relative_risk, score_residuals
from rwe.survival.rows import Rows

Kind: TypeAlias = Literal["martingale", "deviance", "score", "schoenfeld", "scaled_schoenfeld", "dfbeta", "dfbetas"]
KINDS = ("martingale", "deviance", "score", "schoenfeld", "scaled_schoenfeld", "dfbeta", "dfbetas")


def residuals(fit: Fitted, kind: str, *, weighted: bool | None, collapse: bool) -> pl.DataFrame:
    """Return the residuals of one kind; see `Cox.residuals`."""
    _refuse(fit, kind, weighted=weighted, collapse=collapse)
    times_weight = kind in ("dfbeta", "dfbetas") if weighted is None else weighted
    if kind in ("schoenfeld", "scaled_schoenfeld"):
        return _by_event(fit, scaled=kind == "scaled_schoenfeld", weighted=times_weight)
    if kind in ("martingale", "deviance"):
        return _by_row(fit, {kind: _one(fit, kind, weighted=times_weight, collapse=collapse)}, collapse=collapse)
    influence = score_residuals(fit.data, fit.best) * fit.data.scale
    if not times_weight and fit.response.weight is not None:
        influence /= fit.response.weight[:, None]
    if kind != "score":
        influence = influence @ fit.variance
    if kind == "dfbetas":
        influence /= np.sqrt(np.diag(fit.variance))
    columns = dict(zip(fit.design.names, influence.T, strict=True))
    return _by_row(
        fit, {name: _summed(fit, column, collapse=collapse) for name, column in columns.items()}, collapse=collapse
    )


def lived(data: Rows, h: F8, g: F8) -> F8:
    """Return the hazard that each row has lived through, in units of its own risk: `g` of its own failure, `h` else."""
    hazard = data.occasions.hazard(h, g)
    through = hazard[data.leave]
    if data.enter.size:
        through -= hazard[data.enter]
    return np.asarray(through, np.float64)


def means(data: Rows, best: Point) -> F8:
    """Return the mean covariates of those at risk on each occasion (mean over its failures after Efron)."""
    h, g = best.ties[:2]
    of_risk = h[:, None] * best.at_risk[:, :-1] - (h - g)[:, None] * best.failing[:, :-1]
    return np.asarray(of_risk / data.w_event[:, None], np.float64)


def schoenfeld(data: Rows, best: Point) -> tuple[I8, F8]:
    """Return the rows that fail, by stratum and time, and their covariates less the mean of those at risk."""
    failing = np.flatnonzero(data.event)
    failing = failing[np.argsort(data.stop[failing], kind="stable")]
    return failing, data.x[failing] - means(data, best)[data.stop[failing] - 1]


def _refuse(fit: Fitted, kind: str, *, weighted: bool | None, collapse: bool) -> None:
    if kind not in KINDS:
        raise DefinitionError(f"kind '{kind}' is not one of {', '.join(KINDS)}")
    if fit.ties == "exact" and kind not in ("martingale", "deviance"):
        raise DefinitionError(f"{kind} residuals do not exist for exact ties: fit with ties='efron'")
    if clash := sorted({"row", "time", "transformed"} & set(fit.design.names)):
        raise DefinitionError(f"column {clash} has the name of a result column: rename it before the analysis")
    if collapse and fit.cluster is None:
        raise DefinitionError("collapse sums the residuals of a cluster: fit the model with cluster")
    if collapse and "schoenfeld" in kind:
        raise DefinitionError(f"{kind} residuals belong to events, not to rows: they cannot be collapsed")
    if weighted and kind == "deviance":
        raise DefinitionError("a deviance residual has no weighted form: give weighted=False")


def _one(fit: Fitted, kind: str, *, weighted: bool, collapse: bool) -> F8:
    """Return martingale residuals, or the deviances that go with them."""
    martingale = fit.data.event - relative_risk(fit.data, fit.best) * lived(fit.data, *fit.best.ties[:2])
    rest = _summed(fit, martingale * fit.response.weights if weighted else martingale, collapse=collapse)
    if kind == "martingale":
        return rest
    failed = _summed(fit, fit.data.event.astype(np.float64), collapse=collapse)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(failed > 0, failed * np.log(failed - rest), 0.0)
    return np.asarray(np.sign(rest) * np.sqrt(np.maximum(-2 * (rest + logs), 0.0)), np.float64)


def _summed(fit: Fitted, column: F8, *, collapse: bool) -> F8:
    if not collapse or fit.response.cluster is None:
        return column
    return np.bincount(fit.response.cluster, column).astype(np.float64)


def _by_row(fit: Fitted, columns: dict[str, F8], *, collapse: bool) -> pl.DataFrame:
    if not collapse:
        return pl.DataFrame({"row": np.flatnonzero(fit.response.kept)} | columns)
    clusters = pl.DataFrame() if fit.cluster is None else fit.cluster.unique().sort().to_frame()
    return clusters.hstack(pl.DataFrame(columns))


def _by_event(fit: Fitted, *, scaled: bool, weighted: bool) -> pl.DataFrame:
    failing, own = schoenfeld(fit.data, fit.best)
    own = own * fit.data.scale
    if weighted:
        own *= fit.response.weights[failing, None]
    if scaled:
        own = own @ fit.variance * failing.size + fit.beta
    occasion = fit.data.stop[failing] - 1
    position = {
        "row": np.flatnonzero(fit.response.kept)[failing],
        "time": fit.response.clock.times(fit.data.day[occasion]),
    }
    return fit.strata.spread(fit.data.stratum[occasion], position | dict(zip(fit.design.names, own.T, strict=True)))
