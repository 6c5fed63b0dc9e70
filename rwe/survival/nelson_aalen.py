# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Nelson-Aalen: the cumulative hazard by group, with limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.result import Result, tidy
from rwe.survival.clock import Clock, ClockName
from rwe.survival.curves import curves_of, gathered
from rwe.survival.data import names
from rwe.survival.intervals import normal_quantile
from rwe.survival.roles import Roles
from rwe.survival.show import framed


@dataclass(frozen=True, slots=True, eq=False)
class NelsonAalen:
    """Cumulative hazards by group.

    Parameters
    ----------
    table
        One row a group and time at which someone left: the columns of ``by``, then time (days, or
        numbers on a continuous clock), n_risk, n_event, n_censor, cumulative_hazard, std_error, conf_low, conf_high.
    conf_level
        Of the pointwise limits, which are symmetric for the logarithm of the hazard.
    robust
        Whether variances come from the infinitesimal jackknife.
    """

    table: pl.DataFrame
    conf_level: float
    robust: bool
    _labels: tuple[str, ...]
    _persons: pl.DataFrame
    _clock: Clock

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the hazards in the long tidy form (counts are persons; n_event so far)."""
        self._clock.whole("a result in the long form")
        rows = self.table.select(
            pl.Series("group", self._labels, pl.String),
            "time",
            self._persons["n"],
            self._persons["n_event"],
            "std_error",
            "conf_low",
            "conf_high",
            estimate="cumulative_hazard",
        )
        labels = {"population": population, "outcome": outcome, "estimand": "cumulative_hazard"}
        settings = {"conf_level": self.conf_level, "conf_type": "log", "robust": self.robust}
        return Result(tidy(rows, analysis="survival", **labels), settings)

    def _repr_html_(self) -> str:
        return framed(f"Nelson-Aalen, {self.conf_level:.0%} limits on the log scale", self.table)


def nelson_aalen(
    frame: Any,
    *,
    time: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    robust: bool | None = None,
    clock: ClockName = "days",
) -> NelsonAalen:
    """Estimate cumulative hazards (Nelson 1969, Aalen 1978), ties as R ``survfit(ctype = 1)``.

    Arguments and errors are those of `kaplan_meier`. Variance: sum of d / n^2, or the infinitesimal
    jackknife. Limits: H exp(+-z se / H); null while H is 0.
    """
    roles = Roles(time, event, entry=entry, by=names(by), weights=weights, clock=clock)
    found, rows, robust = gathered(frame, roles, cluster, robust=robust)
    c = curves_of(found, rows, robust=robust)
    group, day = index = np.nonzero(c.days.n_event + c.days.n_censor)
    hazard, error = c.hazard[index], np.sqrt(c.var_hazard[index])
    with np.errstate(all="ignore"):
        factor = np.exp(normal_quantile(conf_level) * error / hazard)
        low, high = hazard / factor, hazard * factor
    counts = dict(zip(("n_risk", "n_event", "n_censor"), (a[index] for a in c.daily), strict=True))
    limits = {"cumulative_hazard": hazard, "std_error": error, "conf_low": low, "conf_high": high}
    table = found.group.spread(group, {"time": c.clock.times(day), **counts, **limits})
    labels = found.group.labels()
    persons = {"n": c.days.n_risk[index], "n_event": np.cumsum(c.days.n_event, axis=1)[index]}
    return NelsonAalen(table, conf_level, robust, tuple(labels[g] for g in group), pl.DataFrame(persons), c.clock)
