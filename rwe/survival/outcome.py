# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which columns of a frame are its response and its offset, so that each part of a cohort is read alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from rwe.kernels._jit import F8
from rwe.survival.broken import Whole, looked_through
from rwe.survival.clock import ClockName
from rwe.survival.columns import numeric
from rwe.survival.data import Response, respond


@dataclass(frozen=True, slots=True)
class Outcome:
    """Names of the columns of a response; with `of`, `event` names the column of causes, of which one counts."""

    time: str
    event: str
    entry: str | None
    strata: tuple[str, ...]
    weights: str | None
    cluster: str | None
    offset: str | None
    clock: ClockName = "days"
    of: Any = None

    @property
    def columns(self) -> list[str]:
        """All of them."""
        one = (self.time, self.event, self.entry, *self.strata, self.weights, self.cluster, self.offset)
        return [column for column in one if column is not None]

    @property
    def whole(self) -> Whole:
        """How the faults of parts are told of the whole."""
        return looked_through(self.time, self.event, entry=self.entry, weights=self.weights, levels=self.strata)

    def read(self, frame: pl.DataFrame, *, part: bool = False) -> tuple[pl.DataFrame, Response]:
        """Return the rows that count, and their validated response; they may be a `part` of the cohort."""
        response = respond(
            frame,
            time=self.time,
            event=self.event if self.of is None else None,
            cause=None if self.of is None else self.event,
            entry=self.entry,
            strata=self.strata,
            weights=self.weights,
            cluster=self.cluster,
            clock=self.clock,
            part=part,
        )
        if response.cause is not None:  # a part of a cohort may know fewer causes than the whole
            failed = response.cause == 1 + response.causes.index(self.of) if self.of in response.causes else False
            response = replace(response, event=np.full(response.time.size, failed), cause=None, causes=())
        return frame.filter(response.kept) if response.dropped else frame, response

    def known(self, frame: pl.DataFrame) -> F8:
        """Return the part of the predictor that is known, by row; empty where there is none."""
        return np.empty(0) if self.offset is None else numeric(frame[self.offset]).cast(pl.Float64).to_numpy()
