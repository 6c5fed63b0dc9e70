# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a fitted Cox model remembers of its rows, so that residuals and tests can be asked for later."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.agreement import Agreement, agreement, ranks
from rwe.survival.column_rows import ColumnRows, beside
from rwe.survival.data import Response
from rwe.survival.design import Design
from rwe.survival.levels import Levels
from rwe.survival.partial import Point, relative_risk
from rwe.survival.rows import Rows


@dataclass(frozen=True, eq=False)  # no slots: what is asked for is kept
class Fitted:
    """Rows and maximum of a Cox model; the arrays are those of the fit, not copies.

    Parameters
    ----------
    response, held, best
        Follow-up, rows and the maximum of the partial likelihood.
    design
        Terms of the model.
    variance
        Covariance of the estimates from the information (not robust), in the units of the data.
    ties
        How ties were handled: efron, breslow or exact.
    cluster
        The column of clusters as given, or None.
    """

    response: Response
    held: Rows | ColumnRows
    best: Point
    design: Design
    variance: F8
    ties: str
    cluster: pl.Series | None

    @cached_property
    def data(self) -> Rows:
        """Return the standardised rows, side by side."""
        return beside(self.held)

    @property
    def beta(self) -> F8:
        """Return the coefficients in the units of the data."""
        return self.best.beta / self.data.scale

    @property
    def strata(self) -> Levels:
        """Return the strata of the model."""
        return self.response.strata

    @cached_property
    def agreement(self) -> Agreement:
        """Return the pairs of rows by the order of their risks; scores equal to 10 decimals are tied."""
        score = np.log(relative_risk(self.data, self.best))
        return agreement(self.response, self.data.start, self.data.stop, ranks(score.round(10)))
