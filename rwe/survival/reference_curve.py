# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A published survival curve as a cumulative hazard: points joined by constant hazards, or a step function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DataError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.survival.columns import numeric, refuse
from rwe.survival.data import read


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceCurve:
    """Cumulative hazard of a reference population.

    Parameters
    ----------
    time, hazard
        Points, from time 0, where it is 0.
    step
        Whether it jumps at the points; otherwise the hazard is constant between them.
    """

    time: F8
    hazard: F8
    step: bool

    def at(self, times: F8, column: str) -> F8:
        """Return the cumulative hazard at these times.

        Raises
        ------
        NoValidAnswer
            If a time lies beyond the last point, or where the reference survival is 0.
        """
        if late := int((times > self.time[-1]).sum()):
            advice = "end their follow-up there, or give a longer curve"
            raise NoValidAnswer(
                f"column '{column}': {late} of {times.size} rows lie beyond the end of the reference; {advice}"
            )
        if self.step:
            return self.hazard[np.searchsorted(self.time, times, side="right") - 1]
        return np.asarray(np.interp(times, self.time, self.hazard), np.float64)


def reference_curve(frame: Any, *, step: bool) -> ReferenceCurve:
    """Check a published curve with columns time and survival.

    Raises
    ------
    DataError
        If times repeat or are negative, or survival is not falling within 0 to 1.
    """
    points = read(frame, ["time", "survival"])
    time, survival = (numeric(points[c]).cast(pl.Float64) for c in ("time", "survival"))
    of = points.height
    if not of:
        raise DataError("the reference curve has no rows")
    refuse(int((time < 0).sum()), of, "time", "of the reference lie before 0")
    refuse(of - time.n_unique(), of, "time", "of the reference repeat a time")
    refuse(
        int(((survival <= 0) | (survival > 1)).sum()), of, "survival", "of the reference lie outside 0 to 1, or at 0"
    )
    order = np.argsort(time.to_numpy())
    t, s = time.to_numpy()[order], survival.to_numpy()[order]
    refuse(int((np.diff(s) > 0).sum()), of, "survival", "of the reference rise")
    refuse(int(not step and t[0] == 0 and s[0] < 1), of, "survival", "of the reference are below 1 at time 0")
    if t[0] > 0:
        t, s = np.insert(t, 0, 0.0), np.insert(s, 0, 1.0)
    return ReferenceCurve(t, -np.log(s), step)
