# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a comparison of two arms rests on, as rows: balance, the probability of treatment and the weights, in bins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import rwe

if TYPE_CHECKING:
    from rwe.compare import Propensity

OVERLAP_BINS, WEIGHT_BINS = 10, 12
NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
PROBABILITY, WEIGHT, EQUIPOISE = "probability", "weight", "equipoise"


def overlap_rows(score: Propensity) -> pl.DataFrame:
    """Return by arm the persons in each bin of the probability of treatment, and those who are in equipoise."""
    found = rwe.compare.overlap(score, bins=OVERLAP_BINS)
    rows: list[dict[str, Any]] = []
    for arm, mine in (("treated", score.treated), ("control", ~score.treated)):
        for low, high, n in found.histogram.select("low", "high", arm).iter_rows():
            rows.append({"group": arm, "outcome": PROBABILITY, "stratum": f"{low:.2f}-{high:.2f}", "n": n})
        inside = round(found.equipoise[arm] * int(mine.sum()))
        sizes = {"inside": inside, "outside": int(mine.sum()) - inside}
        rows += [{"group": arm, "outcome": EQUIPOISE, "stratum": name, "n": n} for name, n in sizes.items()]
    return pl.DataFrame(rows).with_columns(estimand=pl.lit("count"))


def weight_rows(weights: Any, way: str) -> pl.DataFrame:
    """Return the persons in each bin of the weights that are not 0."""
    used = np.asarray(weights, np.float64)
    used = used[used > 0]
    edges = np.linspace(0, _nice(float(used.max())), WEIGHT_BINS + 1)
    counts = np.histogram(used, edges)[0].tolist()
    bounds = zip(edges[:-1], edges[1:], counts, strict=True)
    rows = [{"group": way, "outcome": WEIGHT, "stratum": f"{low:.4g}-{high:.4g}", "n": n} for low, high, n in bounds]
    return pl.DataFrame(rows).with_columns(estimand=pl.lit("count"))


def _nice(most: float) -> float:
    """Return a round number at or above `most`."""
    unit = 10.0 ** np.floor(np.log10(most))
    return float(unit * next(one for one in NICE if one * unit >= most * (1 - 1e-9)))


def balance_rows(score: Propensity, weights: Any, stratum: str) -> pl.DataFrame:
    """Return the standardised difference of each term; its persons are the fewest whom a 0/1 term sets apart."""
    table = rwe.compare.arm_balance(score, weights).table
    rows = [
        {"stratum": stratum, "outcome": term, "estimand": "smd", "estimate": smd, "n": _fewest(score, term)}
        for term, smd in table.select("variable", "smd_after").iter_rows()
    ]
    return pl.DataFrame(rows, schema_overrides={"estimate": pl.Float64})


def _fewest(score: Propensity, term: str) -> int:
    x = score.covariates[term].to_numpy()
    arms = [x[score.treated], x[~score.treated]]
    if not np.isin(x, (0.0, 1.0)).all():
        return min(arm.size for arm in arms)
    counts = [int((arm == value).sum()) for arm in arms for value in (0.0, 1.0)]
    return min(n for n in counts if n)
