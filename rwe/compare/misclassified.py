# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A 2x2 table put right whose exposure or outcome is told with errors that are known as distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from rwe.compare.bias import BiasAnalysis, spread_of
from rwe.compare.uncertain import Uncertain, drawn
from rwe.errors import DataError, DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.intervals import normal_quantile

Pair: TypeAlias = tuple[Uncertain, Uncertain]


def misclassified(
    counts: Sequence[float],
    *,
    of: Literal["exposure", "outcome"],
    sensitivity: Uncertain | Pair,
    specificity: Uncertain | Pair,
    measure: Literal["or", "rr"] = "rr",
    draws: int = 10_000,
    seed: int = 1,
    conf_level: float = 0.95,
) -> BiasAnalysis:
    """Put right a 2x2 table whose exposure or outcome is told with errors (Fox, Lash & Greenland 2005).

    Parameters
    ----------
    counts
        Events and persons exposed, events and persons unexposed, as on record; fractions under weights.
    of
        What is misread: the exposure (within those with and without the event), or the outcome (within the arms).
    sensitivity, specificity
        A number or a distribution; a pair where they differ: (with event, without) for the exposure, (exposed,
        unexposed) for the outcome.
    measure
        Odds ratio or risk ratio.
    draws, seed
        How many, and where their chance begins. The random error of a draw is that of its own corrected table.

    Raises
    ------
    DataError
        If counts are impossible.
    DefinitionError
        If a number lies where it cannot.
    NoValidAnswer
        If more than half of the draws are impossible, or the table as it is has an empty cell.
    """
    e1, n1, e0, n0 = counts
    if not (0 <= e1 <= n1 and 0 <= e0 <= n0 and n1 and n0):
        raise DataError("counts are events and persons exposed, events and persons unexposed; events fit in")
    if measure not in ("or", "rr") or of not in ("exposure", "outcome"):
        raise DefinitionError("measure is or or rr; of is exposure or outcome")
    rng = np.random.default_rng(seed)
    table = np.array([[e1, n1 - e1], [e0, n0 - e0]], np.float64)  # rows: exposed or not, columns: event or not
    se, sp = (
        [drawn(one, draws, rng, name, 0.0, 1.0) for one in _pair(given)]
        for name, given in (("sensitivity", sensitivity), ("specificity", specificity))
    )
    cells = _put_right(table, of, se, sp)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio, error = _effect(cells, measure)
        plain, plain_error = _effect(table[:, :, None], measure)
    if not np.isfinite(plain[0]):
        raise NoValidAnswer("a cell of the table is empty: its ratio does not exist")
    half = normal_quantile(conf_level) * plain_error[0]
    given = tuple(math.exp(v) for v in (plain[0], plain[0] - half, plain[0] + half))
    settings: dict[str, Any] = {"of": of, "measure": measure, "draws": draws, "seed": seed, "conf_level": conf_level}
    settings |= {"sensitivity": sensitivity, "specificity": specificity}
    return spread_of(given, log_ratio, error * rng.normal(size=draws), settings, conf_level)


def _pair(given: Uncertain | Pair) -> Pair:
    return given if isinstance(given, tuple) else (given, given)


def _put_right(table: F8, of: str, se: Sequence[F8], sp: Sequence[F8]) -> F8:
    """Return the true cells of each draw; NaN where they cannot be."""
    seen = table if of == "outcome" else table.T  # rows: within what, columns: told as having it, or not
    true = np.empty((2, 2, se[0].size))
    for k in range(2):
        whole = seen[k].sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            having = (seen[k, 0] - (1 - sp[k]) * whole) / (se[k] - (1 - sp[k]))
        possible = (se[k] > 1 - sp[k]) & (having >= 0) & (having <= whole)
        true[k, 0] = np.where(possible, having, np.nan)
        true[k, 1] = whole - true[k, 0]
    return true if of == "outcome" else true.transpose(1, 0, 2)


def _effect(cells: F8, measure: str) -> tuple[F8, F8]:
    """Return log ratio and its error of tables: odds ratio (Woolf), or risk ratio (Katz)."""
    a, b, c, d = cells[0, 0], cells[0, 1], cells[1, 0], cells[1, 1]
    if measure == "or":
        return np.log(a * d / (b * c)), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return np.log(a / (a + b) / (c / (c + d))), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
