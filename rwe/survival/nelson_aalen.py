# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Nelson-Aalen and Fleming-Harrington: the cumulative hazard by group, with limits, and survival exp(-H)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.kernels.split_ties import split_ties
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.curves import Curves, asked_of, counts_at, curves_of, gathered, influence_variance
from rwe.survival.data import names
from rwe.survival.door import door
from rwe.survival.intervals import normal_quantile
from rwe.survival.levels import Levels
from rwe.survival.roles import Roles
from rwe.survival.show import Shown, Story

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.axis import Unit
    from rwe.survival.plots import Labels


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NelsonAalen(Shown):
    """Cumulative hazards by group.

    Parameters
    ----------
    table
        One row a group and time at which someone left: the columns of ``by``, then time (days, or
        numbers on a continuous clock), n_risk, n_event, n_censor, cumulative_hazard, std_error, conf_low, conf_high,
        and survival exp(-H), that of Breslow or, with split ties, of Fleming and Harrington.
    conf_level
        Of the pointwise limits, which are symmetric for the logarithm of the hazard.
    robust
        Whether variances come from the infinitesimal jackknife.
    ties
        nelson or fleming_harrington.
    """

    table: pl.DataFrame
    conf_level: float
    robust: bool
    ties: str
    _groups: Levels = field(repr=False)
    _curves: Curves = field(repr=False)

    def at_risk(self, times: float | Sequence[float]) -> pl.DataFrame:
        """Return the table under a figure: persons at risk just before these times, and failed and censored so far."""
        group, time, _ = asked_of(self._curves, times)
        return self._groups.spread(group, {"time": time, **counts_at(self._curves, self._curves.persons, group, time)})

    def plot(
        self,
        *,
        horizon: float | None = None,
        unit: Unit | None = None,
        title: str | None = None,
        subtitle: str | None = None,
        time: str | None = None,
        labels: Labels = None,
        language: Language = "en",
    ) -> Chart:
        """Draw the cumulative hazards with their bands, and the counts below; arguments as of `KaplanMeier.plot`."""
        from rwe.survival.plots import nelson_aalen_chart  # the chart library is slow to import

        return nelson_aalen_chart(
            self, horizon=horizon, unit=unit, title=title, subtitle=subtitle, time=time, labels=labels,
            language=language,
        )  # fmt: skip

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the hazards in the long tidy form (counts are persons; n_event so far)."""
        c = self._curves
        c.clock.whole("a result in the long form")
        labels, index = self._groups.labels(), np.nonzero(c.days.n_event + c.days.n_censor)
        rows = self.table.select(
            pl.Series("group", [labels[g] for g in index[0]], pl.String),
            "time",
            pl.Series("n", c.days.n_risk[index]),
            pl.Series("n_event", np.cumsum(c.days.n_event, axis=1)[index]),
            "std_error",
            "conf_low",
            "conf_high",
            estimate="cumulative_hazard",
        )
        told = {"population": population, "outcome": outcome, "estimand": "cumulative_hazard"}
        settings = {"conf_level": self.conf_level, "conf_type": "log", "robust": self.robust, "ties": self.ties}
        return Result(tidy(rows, analysis="survival", **told), settings)

    def _story(self) -> Story:
        return f"Nelson-Aalen, {self.conf_level:.0%} limits on the log scale", self.table, ()


@door
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
    ties: Literal["nelson", "fleming_harrington"] = "nelson",
    clock: ClockName = "days",
) -> NelsonAalen:
    """Estimate cumulative hazards (Nelson 1969, Aalen 1978).

    Arguments and errors are those of `kaplan_meier`. Variance: sum of d / n^2 (of its terms, where ties
    are split), or the infinitesimal jackknife. Limits: H exp(+-z se / H); null while H is 0.

    Parameters
    ----------
    ties
        What d failures among n on one day add: ``nelson`` d / n (R ``survfit(ctype = 1)``);
        ``fleming_harrington`` 1 / n + 1 / (n - 1) + ... + 1 / (n - d + 1) (``ctype = 2``), as if they failed
        one after another.

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [3, 5, 5, 8], "died": [1, 1, 0, 1]})
    >>> nelson_aalen(frame, time="days", event="died").table["cumulative_hazard"].round(4).to_list()
    [0.25, 0.5833, 1.5833]
    """
    if ties not in ("nelson", "fleming_harrington"):
        raise DefinitionError(f"ties '{ties}' is neither nelson nor fleming_harrington")
    roles = Roles(time, event, entry=entry, by=names(by), weights=weights, clock=clock)
    found, rows, robust = gathered(frame, roles, cluster, robust=robust)
    c = curves_of(found, rows, robust=robust)
    group, day = index = np.nonzero(c.days.n_event + c.days.n_censor)
    both = (c.hazard, c.var_hazard) if ties == "nelson" else _split(c)
    hazard, error = both[0][index], np.sqrt(both[1][index])
    with np.errstate(all="ignore"):
        factor = np.exp(normal_quantile(conf_level) * error / hazard)
        low, high = hazard / factor, hazard * factor
    counts = dict(zip(("n_risk", "n_event", "n_censor"), (a[index] for a in c.daily), strict=True))
    limits = {"cumulative_hazard": hazard, "std_error": error, "conf_low": low, "conf_high": high}
    table = found.group.spread(group, {"time": c.clock.times(day), **counts, **limits, "survival": np.exp(-hazard)})
    return NelsonAalen(table, conf_level, robust, ties, found.group, c)


def _split(c: Curves) -> tuple[F8, F8]:
    """Return the hazard with failures of a day one after another, and its variance, by group and tick."""
    n_event, w_event, w_risk = c.days.n_event, c.days.w_event, c.days.w_risk
    step = np.stack([split_ties(n_event[g], w_event[g], w_risk[g]) for g in range(c.last.size)], axis=1)
    hazard, variance = np.cumsum(step, axis=2)
    if c.robust:
        extra = np.divide(w_risk * step[1], w_event, where=w_event > 0, out=np.zeros_like(w_event))
        for g in range(c.last.size):
            variance[g] = influence_variance(c, g, -variance[g], extra[g] - variance[g])
    return hazard, variance
