# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a bootstrap is asked: the statistic, whether it has a meaning, and the cells it is read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels.resample import INCIDENCE, QUANTILE, RMST, SURVIVAL
from rwe.survival.clock import Clock
from rwe.survival.counts import Tally
from rwe.survival.data import Response
from rwe.survival.distribution import refuse_other
from rwe.survival.resampling import Draws, Question, cells_of

CONTRASTS = (None, "difference", "ratio")
KINDS = {"rmst": RMST, "survival": SURVIVAL, "median": QUANTILE, "cumulative_incidence": INCIDENCE}


@dataclass(frozen=True, slots=True)
class Asked:
    """The statistic asked for."""

    statistic: str
    at: float | None
    contrast: str | None
    of: int | str | None

    def refuse(self, *, event: str | None, cause: str | None) -> None:
        """Refuse what has no meaning."""
        refuse_other("statistic", self.statistic, KINDS)
        refuse_other("contrast", self.contrast, CONTRASTS)
        if (self.statistic == "median") != (self.at is None):
            raise DefinitionError("at is the time of rmst, survival and cumulative_incidence; a median has none")
        wanted = (False, True, True) if self.statistic == "cumulative_incidence" else (True, False, False)
        if (event is not None, cause is not None, self.of is not None) != wanted:
            raise DefinitionError(
                "give event; for cumulative_incidence give cause and the cause of interest (of) in its place"
            )


def draws(rows: Response | Tally, asked: Asked) -> Draws:
    """Return the cells that are drawn again, and what is asked of them."""
    if asked.contrast is not None and rows.group.n != 2:
        raise DefinitionError(f"a contrast needs two groups; the column given as by holds {rows.group.n}")
    question = _question(rows.clock, KINDS[asked.statistic], asked.at)
    cells = cells_of(rows, _wanted(rows.causes, asked.of), question.tick.size)
    estimate = cells.estimate(question)
    if np.isnan(estimate).any():
        short = f"{int(np.isnan(estimate).sum())} of {estimate.size} groups"
        raise NoValidAnswer(f"follow-up of {short} does not reach the time given as at: choose an earlier one")
    return Draws(cells, question, asked.contrast)


def _question(clock: Clock, kind: int, at: float | None) -> Question:
    if at is None:
        upto = reach = clock.n - 1
        horizon = float(clock.times(clock.n - 1))
    else:
        asked = clock.asked(at, "at")
        horizon = float(asked.item())
        upto, reach = int(clock.index(asked).item()), int(clock.next(asked).item())
    days = min(clock.n, reach + 2)
    tick = np.asarray(clock.times(np.arange(days)), np.float64)
    ask = np.array([kind, min(upto, days - 1), reach], np.int64)
    return Question(ask, tick, np.ascontiguousarray(clock.widths(horizon)[:days]), 0.5)


def _wanted(causes: tuple[Any, ...], of: int | str | None) -> int:
    """Return the code of the cause of interest; 0, which no failure has, where causes are not told apart."""
    if of is None:
        return 0
    if of not in causes:
        raise DefinitionError(f"of = {of!r} is none of the {len(causes)} causes in the column given as cause")
    return causes.index(of) + 1
