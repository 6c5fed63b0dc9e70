# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What weights cost: the persons they are worth, how unequal they are, and marks on what should not be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from rwe.result import Result, tidy

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
FEW = 30  # effective persons below which weights are marked (evidence: NICE TSD 18 practice)
MOST = 0.5  # share of the weight in one person from which weights are marked


def effective_sample_size(weights: Any) -> float:
    """Return Kish's effective sample size ``(sum w)^2 / sum w^2`` (Kish 1965).

    Examples
    --------
    >>> round(effective_sample_size([0.5, 1, 1, 2, 3.5]), 3)
    3.459
    """
    values = np.asarray(weights, dtype=np.float64)
    return float(values.sum() ** 2 / (values**2).sum())


def quantiles(weights: Any) -> pl.DataFrame:
    """Return quantiles (type 7) of the weights that are not 0: ``quantile`` and ``weight``."""
    values = np.asarray(weights, dtype=np.float64)
    return pl.DataFrame({"quantile": LEVELS, "weight": np.quantile(values[values > 0], LEVELS)})


def marks(weights: Any) -> tuple[str, ...]:
    """Return what a reader must be told of the weights: too few effective persons, or one who carries most."""
    values = np.asarray(weights, dtype=np.float64)
    size, share = effective_sample_size(values), float(values.max() / values.sum())
    told = []
    if size < FEW:
        told.append(f"the weights are worth {size:.1f} persons, fewer than {FEW}: do not rely on what they give")
    if share > MOST:
        told.append(f"one person carries {share:.0%} of the weight: the answer is that person's")
    return tuple(told)


def weights_result(
    weights: pl.Series, method: str, population: str, notes: Sequence[str], settings: Mapping[str, Any]
) -> Result:
    """Return the tidy table of weights: their persons, effective persons, largest share and quantiles."""
    used = weights.filter(weights > 0)
    largest = float(np.asarray(used).max() / used.sum())
    rows = [
        {"estimand": "persons", "estimate": float(used.len())},
        {"estimand": "effective_sample_size", "estimate": effective_sample_size(used)},
        {"estimand": "largest_share", "estimate": largest},
        *({"estimand": f"weight_p{100 * q:g}", "estimate": w} for q, w in quantiles(used).iter_rows()),
    ]
    table = tidy([row | {"n": used.len()} for row in rows], analysis="weights", population=population, stratum=method)
    return Result(table, dict(settings) | ({"notes": list(notes)} if notes else {}))
