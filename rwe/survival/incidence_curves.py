# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What incidence curves tell: limits, quantiles, time lost, the long form, and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.kernels._jit import F8, I8, Flags
from rwe.result import Result
from rwe.survival.causes import Incidences, time_lost
from rwe.survival.curves import quantile
from rwe.survival.incidence_long_form import long_form
from rwe.survival.intervals import normal_quantile, share_limits, survival_limits
from rwe.survival.kaplan_meier import Times
from rwe.survival.levels import Levels
from rwe.survival.show import Shown, Story
from rwe.survival.text import incidence_text

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language
    from rwe.survival.axis import Unit
    from rwe.survival.plots import Labels


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CumulativeIncidence(Shown):
    """Cumulative incidence curves.

    Parameters
    ----------
    table
        One row a group, cause and time at which someone left: the columns of ``by``, then cause, time (days, or
        numbers on a continuous clock), n_risk (followed and failed of nothing), n_event (of this cause), n_censor
        (sums of weights where rows are weighted), incidence, std_error, conf_low, conf_high. Limits are null where
        the incidence is 0.
    conf_level, conf_type
        Of the pointwise limits.
    variance
        jackknife or aalen.
    causes
        Names of the causes, in the order of the table.
    notes
        What a reader must know, for example rows of weight 0 left out.
    """

    table: pl.DataFrame
    conf_level: float
    conf_type: str
    variance: str
    causes: tuple[Any, ...]
    notes: tuple[str, ...]
    _groups: Levels = field(repr=False)
    _found: Incidences = field(repr=False)

    def at(self, times: Times) -> pl.DataFrame:
        """Return incidences with their limits at these times.

        n_risk is taken just before the time; n_event and n_censor are cumulative. After the last time followed an
        incidence is null, not carried forward, unless nobody is left to fail.
        """
        group, cause, time, upto, known = self._asked(times)
        ended = self._found.incidence[group, :, upto].sum(axis=1) >= 1 - 1e-12
        value = np.where(known | ended, self._found.incidence[group, cause, upto], np.nan)
        variance = self._found.variance[group, cause, upto]
        limits = share_limits("incidence", value, variance, self.conf_level, self.conf_type)
        return self._spread(group, cause, {"time": time, **self._counts(group, cause, time), **limits})

    def at_risk(self, times: Times) -> pl.DataFrame:
        """Return the table under a figure: at risk just before these times, failed and censored so far."""
        group, cause, time, _, _ = self._asked(times)
        return self._spread(group, cause, {"time": time, **self._counts(group, cause, time)})

    def quantile(self, probability: float | Sequence[float]) -> pl.DataFrame:
        """Return the time by which this share has failed of each cause; null where it is not reached.

        Limits invert the pointwise limits; a level held on an interval gives its middle, as for survival.
        """
        shares = [probability] if isinstance(probability, float | int) else list(probability)
        if not all(0 < q < 1 for q in shares):
            raise DefinitionError("a quantile is asked for by probabilities between 0 and 1")
        low, high = survival_limits(*self._logs(), self.conf_level, self.conf_type)
        curves = [1 - np.nan_to_num(a) for a in (self._found.incidence, high, low)]
        times = [self._found.clock.times(np.arange(last + 1)) for last in self._found.last]
        asked = [(g, c, q) for g in range(len(times)) for c in range(len(self.causes)) for q in shares]
        found = np.array([[quantile(a[g, c], 1 - q, times[g]) for a in curves] for g, c, q in asked])
        group, cause, share = (np.array([row[k] for row in asked]) for k in range(3))
        columns = {"probability": share, "time": found[:, 0], "conf_low": found[:, 1], "conf_high": found[:, 2]}
        return self._spread(group.astype(np.int64), cause.astype(np.int64), columns)

    def time_lost(self, tau: float) -> pl.DataFrame:
        """Return the mean time lost to each cause up to `tau` (the mean time spent failed of it).

        Errors come from the infinitesimal jackknife, whatever the variance of the curves.

        Raises
        ------
        NoValidAnswer
            If a group is not followed to `tau`.
        """
        time = self._found.clock.asked(tau, "tau")[0]
        mean, variance = time_lost(self._found, float(time))
        group, cause = (a.ravel() for a in np.indices(mean.shape))
        half = normal_quantile(self.conf_level) * np.sqrt(variance)
        limits = {"std_error": np.sqrt(variance).ravel()}
        limits |= {"conf_low": (mean - half).ravel(), "conf_high": (mean + half).ravel()}
        return self._spread(group, cause, {"tau": np.full(mean.size, time), "time_lost": mean.ravel(), **limits})

    def to_result(
        self,
        *,
        population: str = "",
        outcome: str = "",
        milestones: Sequence[int] = (),
        at_risk: Sequence[int] = (),
        tau: int | None = None,
    ) -> Result:
        """Return the curves in the long tidy form; stratum is the cause.

        Estimands: cumulative_incidence (each day someone left; n at risk, n_event so far), count (n failed of the
        cause), and where days are given milestone, at_risk and time_lost. Counts are persons, not weights.
        """
        self._found.clock.whole("a result in the long form")
        return long_form(self, {"population": population, "outcome": outcome}, milestones, at_risk, tau)

    def _asked(self, times: Times) -> tuple[I8, I8, Any, I8, Flags]:
        """Return every group and cause with every time, the day it falls on, and whether it is followed."""
        clock, last, asked = self._found.clock, self._found.last, self._found.clock.asked(times, "times")
        group, cause, at = (a.ravel() for a in np.indices((last.size, len(self.causes), asked.size)))
        time = asked[at]
        return group, cause, time, np.minimum(clock.index(time), last[group]), clock.reached(last[group], time)

    def _counts(self, group: I8, cause: I8, time: Any, n_risk: Any = None, n_leave: Any = None) -> dict[str, Any]:
        of, clock = self._found.counts, self._found.clock
        if n_risk is None:
            n_risk, n_leave = (of.w_risk, of.w_leave) if self._found.weighted else (of.n_risk, of.n_leave)
        before, upto = clock.next(time), np.minimum(clock.index(time), self._found.last[group])
        known = before <= self._found.last[group]
        left = np.cumsum(n_leave, axis=2)
        columns = {"n_risk": n_risk[group, np.where(known, before, 0)] * known}
        return columns | {"n_event": left[group, cause + 1, upto], "n_censor": left[group, 0, upto]}

    def _persons(self, group: I8, cause: I8, time: Any) -> dict[str, Any]:
        return self._counts(group, cause, time, self._found.counts.n_risk, self._found.counts.n_leave)

    def _logs(self) -> tuple[F8, F8]:
        value = self._found.incidence
        return value, self._found.variance / np.where(value > 0, value, 1.0) ** 2

    def _spread(self, group: I8, cause: I8, columns: dict[str, Any]) -> pl.DataFrame:
        return self._groups.spread(group, {"cause": pl.Series([self.causes[c] for c in cause]), **columns})

    def plot(
        self,
        *,
        causes: Sequence[Any] | None = None,
        horizon: float | None = None,
        unit: Unit | None = None,
        title: str | None = None,
        subtitle: str | None = None,
        time: str | None = None,
        labels: Labels = None,
        cause_labels: Labels = None,
        language: Language = "en",
    ) -> Chart:
        """Draw the incidences with their bands, and the counts below.

        Parameters
        ----------
        causes
            Those drawn; all by default (of two groups at most).
        cause_labels
            Names of the causes drawn, in their order or by cause.
        horizon, unit, title, subtitle, time, labels, language
            As in `KaplanMeier.plot`.
        """
        from rwe.survival.plots import cumulative_incidence_chart  # the chart library is slow to import

        return cumulative_incidence_chart(
            self, causes=causes, horizon=horizon, unit=unit, title=title, subtitle=subtitle, time=time,
            labels=labels, cause_labels=cause_labels, language=language,
        )  # fmt: skip

    def __repr__(self) -> str:
        return incidence_text(self)

    def _story(self) -> Story:
        title = f"Cumulative incidence, {self.conf_level:.0%} {self.conf_type} limits, variance {self.variance}"
        return title, self.table, self.notes
