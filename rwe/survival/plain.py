# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a fitted model needs to predict, as plain values that JSON can hold, to be served without the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.survival.clock import Clock, tie
from rwe.survival.cox import Cox
from rwe.survival.design import Design
from rwe.survival.fine_gray import FineGray
from rwe.survival.kaplan_meier import KaplanMeier
from rwe.survival.levels import Levels
from rwe.survival.penalised import Penalised


def plain(fit: Any) -> dict[str, Any]:
    """Return terms, coefficients and steps of a model; a curve has steps only.

    The result holds the exact times of failures: it belongs where the rows are, not in a release.

    Parameters
    ----------
    fit
        Cox, Penalised (of ridge or an elastic net at one penalty), FineGray or KaplanMeier.

    Returns
    -------
    dict
        ``kind`` (survival, incidence, or curve), ``design`` (as `Design.to_dict`), ``coefficients``, ``means``,
        ``offset``, ``strata`` (columns, and a row of texts each), ``steps`` a stratum (times, values: cumulative
        hazard at the means, or survival; last time followed), ``tolerance`` within which times are one, ``clock``.

    Raises
    ------
    DefinitionError
        If the model is another, or has terms that are calculated from columns: they are named.
    """
    if isinstance(fit, KaplanMeier):
        return _curve(fit)
    if not isinstance(fit, Cox | Penalised | FineGray):
        raise DefinitionError(f"a {type(fit).__name__} cannot be kept: give Cox, Penalised, FineGray or KaplanMeier")
    _refuse(fit.design)
    body = {"design": fit.design.to_dict()}
    if isinstance(fit, FineGray):
        best, clock = fit._best, fit._grid.clock
        steps = [_steps(clock, fit._grid.days, np.cumsum(best.ties[0]), clock.n - 1)]
        numbers = {"coefficients": (best.beta / fit._scale).tolist(), "means": fit._mean.tolist()}
        return {"kind": "incidence", **body, **numbers, "offset": None, **_strata(None), "steps": steps, **_of(clock)}
    z = fit._hazard
    own = [z.stratum == s for s in range(fit._strata.n)]
    steps = [_steps(z.clock, z.day[at], np.cumsum(z.jump[at]), int(z.last[s])) for s, at in enumerate(own)]
    numbers = {"coefficients": fit.coefficients["estimate"].to_list(), "means": fit._mean.tolist()}
    offset = fit._offset if isinstance(fit, Cox) else None
    strata = _strata(fit._strata)
    return {"kind": "survival", **body, **numbers, "offset": offset, **strata, "steps": steps, **_of(z.clock)}


def _curve(km: KaplanMeier) -> dict[str, Any]:
    c = km._curves
    steps = []
    for g, last in enumerate(c.last.tolist()):
        at = np.flatnonzero(c.days.n_event[g, : last + 1])
        steps.append(_steps(c.clock, at, c.survival[g, at], last))
    empty = Design((), {}).to_dict()
    numbers: dict[str, Any] = {"coefficients": [], "means": [], "offset": None}
    return {"kind": "curve", "design": empty, **numbers, **_strata(km._groups), "steps": steps, **_of(c.clock)}


def _steps(clock: Clock, day: Any, value: F8, last: int) -> dict[str, Any]:
    return {"times": clock.times(day).tolist(), "values": value.tolist(), "last": clock.times([last]).tolist()[0]}


def _of(clock: Clock) -> dict[str, Any]:
    if clock.ticks is None:
        return {"clock": "days", "tolerance": 0.0}
    return {"clock": "continuous", "tolerance": tie(clock.ticks)}


def _strata(levels: Levels | None) -> dict[str, Any]:
    frame = pl.DataFrame() if levels is None else levels.frame
    rows: Sequence[Sequence[str]] = [list(row) for row in frame.select(pl.all().cast(pl.String)).iter_rows()]
    return {"strata": {"columns": frame.columns, "rows": rows}}


def _refuse(design: Design) -> None:
    """Refuse what a server without the engine could not work out to the same digits."""
    parts = [part for term in design.terms for part in term]
    if odd := sorted({part.column for part in parts if part.kind == "calculated"}):
        raise DefinitionError(
            f"terms {odd} are calculated from columns, which the kept model cannot do: make them columns of the frame"
        )
    if both := sorted({part.column for part in parts if part.kind != "level" and part.column in design.levels}):
        raise DefinitionError(f"columns {both} enter as numbers and as levels: keep one of them under another name")
