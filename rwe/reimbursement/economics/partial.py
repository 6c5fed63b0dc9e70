# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What knowing one number alone would be worth: net benefit regressed on its draws (Strong, Oakley, Brennan 2014)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from rwe.kernels._jit import F8

KNOTS = 5
FEWEST = 200  # draws: a regression on fewer tells its own noise


def partial_values(cost: F8, effect: F8, threshold: float, drawn: Mapping[str, F8]) -> pl.DataFrame:
    """Return the expected value of perfect information on each number, a person.

    What would be decided with the number known is read off a regression of each strategy's net benefit on the draws of
    that number, by cubic splines: no model is run again (Medical Decision Making 34:311).

    Parameters
    ----------
    cost, effect
        One row a draw, one column a strategy.
    threshold
        Money for one unit of effect.
    drawn
        Draws by name, shape (draws,) or, for what is drawn together (a curve), (draws, numbers).

    Returns
    -------
    polars.DataFrame
        ``name`` and ``evppi``, the largest first; empty below 200 draws. Numbers that do not vary are left out.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.normal(size=(2, 20_000))
    >>> found = partial_values(np.stack([0 * x, 0 * x], 1), np.stack([0 * x, x + 0.1 * y], 1), 1.0, {"x": x, "y": y})
    >>> found["name"].to_list(), found["evppi"].round(2).to_list()  # x alone: 1 / sqrt(2 pi)
    (['x', 'y'], [0.4, 0.04])
    """
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    benefit = threshold * effect - cost
    rows = []
    for name, values in drawn.items() if len(benefit) >= FEWEST else ():
        known = np.asarray(values, np.float64).reshape(len(benefit), -1)
        known = known[:, np.ptp(known, axis=0) > 0]
        if known.shape[1]:
            model = make_pipeline(SplineTransformer(n_knots=KNOTS, knots="quantile"), LinearRegression())
            told = np.asarray(model.fit(known, benefit).predict(known), np.float64)
            worth = float(told.max(axis=1).mean() - told.mean(axis=0).max())
            rows.append({"name": name, "evppi": max(worth, 0.0)})
    found = pl.DataFrame(rows, schema={"name": pl.String, "evppi": pl.Float64})
    return found.sort("evppi", descending=True, maintain_order=True)
