# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What survival curves tell: limits, quantiles, milestones, restricted mean, counts at risk, and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8
from rwe.result import Result
from rwe.survival.curve_draws import drawn, read_off
from rwe.survival.curves import Curves, asked_of, counts_at, limits, quantile, restricted_mean
from rwe.survival.intervals import normal_quantile, survival_limits
from rwe.survival.levels import Levels
from rwe.survival.long_form import long_form
from rwe.survival.show import framed
from rwe.survival.text import kaplan_meier_text, medians

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.axis import Unit
    from rwe.survival.plots import Labels

Times: TypeAlias = float | Sequence[float]


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """Survival curves by group.

    Parameters
    ----------
    table
        One row a group and time at which someone left: the columns of ``by``, then time (days, or
        numbers on a continuous clock), n_risk, n_event, n_censor (sums of weights where rows are
        weighted), survival, std_error, conf_low, conf_high. Where survival is 0 its error and limits
        are null.
    conf_level, conf_type
        Of the pointwise limits.
    robust
        Whether variances come from the infinitesimal jackknife.
    notes
        What a reader must know before using the curves, for example a risk set that ran empty.
    """

    table: pl.DataFrame
    conf_level: float
    conf_type: str
    robust: bool
    notes: tuple[str, ...]
    _groups: Levels = field(repr=False)
    _curves: Curves = field(repr=False)

    def at(self, times: Times) -> pl.DataFrame:
        """Return survival with its limits on these days (or at these times of a continuous clock).

        n_risk is taken just before the time; n_event and n_censor are cumulative. After the last time
        followed survival is null, not carried forward, unless it has reached 0.
        """
        c = self._curves
        group, time, known = asked_of(c, times)
        index = group, np.minimum(c.clock.index(time), c.last[group])
        s = np.where(known | (c.survival[index] == 0), c.survival[index], np.nan)
        columns = counts_at(c, c.daily, group, time) | limits(s, c.var_log[index], self.conf_level, self.conf_type)
        return self._groups.spread(group, {"time": time, **columns})

    def at_risk(self, times: Times) -> pl.DataFrame:
        """Return the table under a figure: persons at risk just before these times, and failed and censored so far."""
        c = self._curves
        group, time, _ = asked_of(c, times)
        return self._groups.spread(group, {"time": time, **counts_at(c, c.persons, group, time)})

    def quantile(self, probability: float | Sequence[float] = 0.5) -> pl.DataFrame:
        """Return the time by which this share has failed (0.5: the median), by R's midpoint rule.

        Limits invert the pointwise limits (Brookmeyer & Crowley 1982, Biometrics 38:29). Null: not reached.
        """
        shares, c = ([probability] if isinstance(probability, float | int) else list(probability)), self._curves
        if not all(0 < q < 1 for q in shares):
            raise DefinitionError("a quantile is asked for by probabilities between 0 and 1")
        low, high = survival_limits(c.survival, c.var_log, self.conf_level, self.conf_type)
        asked = [(g, q) for g in range(c.last.size) for q in shares]
        times = [c.clock.times(np.arange(last + 1)) for last in c.last]
        found = np.array([[quantile(a[g], 1 - q, times[g]) for a in (c.survival, low, high)] for g, q in asked])
        columns = {"time": found[:, 0], "conf_low": found[:, 1], "conf_high": found[:, 2]}
        return self._groups.spread([g for g, _ in asked], {"probability": np.array([q for _, q in asked]), **columns})

    def survival_at(self, days: Any) -> F8:
        """Return survival of the one group at these times as an array; NaN after the last time followed."""
        return read_off(self._curves, days)

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return `n` curves that the data allow (beta process of each day's failures), shape (n, times)."""
        return drawn(self._curves, days, n, seed)

    def rmst(self, tau: float) -> pl.DataFrame:
        """Return the mean time lived up to `tau` (restricted mean survival time, in days on a clock of days).

        Raises
        ------
        NoValidAnswer
            If a group is not followed to `tau`.
        """
        time = self._curves.clock.asked(tau, "tau")[0]
        mean, variance = restricted_mean(self._curves, time)
        error = np.sqrt(variance)
        half = normal_quantile(self.conf_level) * error
        columns = {"rmst": mean, "std_error": error, "conf_low": mean - half, "conf_high": mean + half}
        return self._groups.spread(np.arange(mean.size), {"tau": np.full(mean.size, time), **columns})

    def to_result(
        self,
        *,
        population: str = "",
        outcome: str = "",
        milestones: Sequence[int] = (),
        at_risk: Sequence[int] = (),
        tau: int | None = None,
    ) -> Result:
        """Return the curves in the long tidy form.

        Estimands: survival (each day someone left; n at risk, n_event so far), events, median, and
        where days are given milestone, at_risk and rmst. Counts are persons, not weights.
        """
        self._curves.clock.whole("a result in the long form")
        return long_form(self, {"population": population, "outcome": outcome}, milestones, at_risk, tau)

    @property
    def labels(self) -> tuple[str, ...]:
        """Groups as text, for example ``arm=A``, in the order of the table."""
        return tuple(self._groups.labels())

    @property
    def persons(self) -> tuple[int, int]:
        """Persons, and persons with the event, over all groups."""
        n_event = int(self._curves.days.n_event.sum())
        return n_event + int(self._curves.days.n_censor.sum()), n_event

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
        """Draw the curves with their bands, medians and censorings, and the counts below.

        Parameters
        ----------
        horizon
            Last time shown, in the times of the data (days); by default the last followed.
        unit
            Of the axis on a clock of days: days, months (of 30.4375 days; default beyond 92 days) or years.
        title, subtitle, time
            Words in place of those chosen; `time` is the title of the axis.
        labels
            Names of the groups, in the order of the table or by level.
        language
            en or bg.

        Returns
        -------
        Chart
            A notebook shows it; ``.svg`` is its text, ``.save("x.svg")`` or ``.save("x.png")`` writes it.
        """
        from rwe.survival.plots import kaplan_meier_chart  # the chart library is slow to import

        return kaplan_meier_chart(
            self, horizon=horizon, unit=unit, title=title, subtitle=subtitle, time=time, labels=labels,
            language=language,
        )  # fmt: skip

    def __repr__(self) -> str:
        return kaplan_meier_text(self)

    def _repr_html_(self) -> str:
        title = f"Kaplan-Meier, {self.conf_level:.0%} {self.conf_type} limits"
        return framed(title, medians(self), self.notes, steps=self.table)
