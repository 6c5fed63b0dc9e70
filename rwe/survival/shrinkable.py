# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A cohort as penalised models take it: held in one frame, or read anew at each step wherever its rows lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.errors import DefinitionError
from rwe.execute import Parts
from rwe.kernels._jit import F8, I8, Flags
from rwe.kernels.matrix import predictor
from rwe.survival.agreement import agreement, ranks
from rwe.survival.baseline import last_followed
from rwe.survival.clock import Clock
from rwe.survival.data import Response
from rwe.survival.design import Design
from rwe.survival.levels import Levels
from rwe.survival.outcome import Outcome
from rwe.survival.rows import Rows
from rwe.survival.spread import Spread, spread
from rwe.survival.standard import refuse_units, rows
from rwe.survival.stream import streamed
from rwe.survival.survey import DAY, designed

NO_FLAGS = np.empty(0, np.bool_)  # of terms that nobody asked about


@dataclass(frozen=True, slots=True, eq=False)
class Shrinkable:
    """A cohort whose coefficients are to be held back.

    Parameters
    ----------
    data
        The rows, held or not, with covariates standardised.
    response
        Follow-up of rows that are held, else None.
    plan
        Terms and levels.
    mean, scale
        What was taken off the covariates, and their unit.
    constant
        Terms that have one value only.
    strata, last, clock
        Strata, the last tick followed in each, and what ticks stand for.
    n, total
        Rows, and the sum of their weights.
    """

    data: Rows | Spread
    response: Response | None
    plan: Design
    mean: F8
    scale: F8
    constant: Flags
    strata: Levels
    last: I8
    clock: Clock
    n: int
    total: float

    def concordance(self, beta: F8) -> float | None:
        """Return the share of comparable pairs in the right order; None where rows are not held."""
        if self.response is None or not isinstance(self.data, Rows):
            return None
        score = predictor(self.data.x, beta)
        return agreement(self.response, self.data.start, self.data.stop, ranks(score.round(10))).estimate


def held(response: Response, data: Rows, plan: Design, constant: Flags = NO_FLAGS) -> Shrinkable:
    """Return a cohort held in memory."""
    refuse_units(data.scale, plan.names)
    strata = Levels(response.strata.frame, np.empty(0, np.int64), response.strata.n)
    n, total = response.time.size, float(data.weight.sum())
    where = (data.mean, data.scale, constant, strata, last_followed(response), response.clock)
    return Shrinkable(data, response, plan, *where, n, total)


def standard(response: Response, x: F8, plan: Design) -> Shrinkable:
    """Return rows in memory with ties after Breslow; `x` is standardised in place."""
    constant = np.ptp(x, axis=0) == 0
    return held(response, rows(response, x, efron=False), plan, constant)


def unheld(
    frame: Any, outcome: Outcome, model: str | Sequence[str], reference: Mapping[str, Any] | None, *, efron: bool
) -> Shrinkable | None:
    """Return a cohort whose rows are read anew at each step; None where they are held in memory.

    Raises
    ------
    DefinitionError
        If something is asked for that needs all rows.
    """
    if not isinstance(frame, Parts) and not streamed(frame):
        return None
    if outcome.clock != "days" or outcome.cluster:
        raise DefinitionError("clusters and a continuous clock need rows held in memory: collect the frame")
    parts = frame if isinstance(frame, Parts) else Parts([frame])
    plan = designed(parts.frames, model, reference)
    data = spread(parts.frames, parts.executor, outcome, plan, efron=efron)
    refuse_units(data.model.scale, plan.names)
    moments = data.found.moments
    last = (data.found.last.sort(outcome.strata) if outcome.strata else data.found.last)[DAY].to_numpy()
    where = (data.model.mean, data.model.scale, moments.least == moments.most, data.model.strata)
    days = (last.astype(np.int64), Clock(data.model.n_days))
    return Shrinkable(data, None, plan, *where, *days, data.found.n, moments.weight)
