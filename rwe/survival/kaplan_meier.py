# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Kaplan-Meier curves: survival by group with limits, quantiles, milestones and restricted mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.result import Result, tidy
from rwe.survival.curves import Curves, curves, quantile, restricted_mean, robust_rule, whole_days
from rwe.survival.data import Levels, Response, names, read, respond
from rwe.survival.intervals import ConfType, normal_quantile, survival_limits
from rwe.survival.show import framed


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """Survival curves by group.

    Parameters
    ----------
    table
        One row a group and day on which someone left: the columns of ``by``, then time (days),
        n_risk, n_event, n_censor (sums of weights where rows are weighted), survival, std_error,
        conf_low, conf_high. Where survival is 0 its error and limits are null.
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

    def at(self, times: int | Sequence[int]) -> pl.DataFrame:
        """Return survival with its limits on these days.

        n_risk is taken just before the day; n_event and n_censor are cumulative. After the last day
        followed survival is null, not carried forward, unless it has reached 0.
        """
        days, c = whole_days(times, "times"), self._curves
        group, day = np.repeat(np.arange(c.last.size), len(days)), np.tile(days, c.last.size)
        index, known = (group, np.minimum(day, c.last[group])), day <= c.last[group]
        s = np.where(known | (c.survival[index] == 0), c.survival[index], np.nan)
        counts = _counts(c.daily, index, known)
        limits = _limits(s, c.var_log[index], self.conf_level, self.conf_type)
        return self._groups.spread(group, {"time": day, **counts, **limits})

    def at_risk(self, times: int | Sequence[int]) -> pl.DataFrame:
        """Return the table under a figure: persons at risk just before these days, and failed and censored so far."""
        days, c = whole_days(times, "times"), self._curves
        group, day = np.repeat(np.arange(c.last.size), len(days)), np.tile(days, c.last.size)
        known = day <= c.last[group]
        persons = c.days.n_risk, c.days.n_event, c.days.n_censor
        columns = _counts(persons, (group, np.minimum(day, c.last[group])), known)
        return self._groups.spread(group, {"time": day, **columns})

    def quantile(self, probability: float | Sequence[float] = 0.5) -> pl.DataFrame:
        """Return the day by which this share has failed (0.5: the median), by R's midpoint rule.

        Limits invert the pointwise limits (Brookmeyer & Crowley 1982, Biometrics 38:29). Null: not reached.
        """
        shares, c = ([probability] if isinstance(probability, float | int) else list(probability)), self._curves
        if not all(0 < q < 1 for q in shares):
            raise DefinitionError("a quantile is asked for by probabilities between 0 and 1")
        low, high = survival_limits(c.survival, c.var_log, self.conf_level, self.conf_type)
        asked = [(g, q) for g in range(c.last.size) for q in shares]
        found = np.array([[quantile(a[g], 1 - q, int(c.last[g])) for a in (c.survival, low, high)] for g, q in asked])
        columns = {"time": found[:, 0], "conf_low": found[:, 1], "conf_high": found[:, 2]}
        return self._groups.spread([g for g, _ in asked], {"probability": np.array([q for _, q in asked]), **columns})

    def rmst(self, tau: int) -> pl.DataFrame:
        """Return the mean time lived up to day `tau` (restricted mean survival time, days).

        Raises
        ------
        NoValidAnswer
            If a group is not followed to `tau`.
        """
        days = whole_days(tau, "tau")[0]
        mean, variance = restricted_mean(self._curves, days)
        error = np.sqrt(variance)
        half = normal_quantile(self.conf_level) * error
        columns = {"rmst": mean, "std_error": error, "conf_low": mean - half, "conf_high": mean + half}
        return self._groups.spread(np.arange(mean.size), {"tau": np.full(mean.size, days), **columns})

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
        c, labels = self._curves, self._groups.labels()
        every = np.arange(c.last.size)
        whom = {"n": (c.days.n_event + c.days.n_censor).sum(axis=1), "n_event": c.days.n_event.sum(axis=1)}
        parts = [
            self._steps(labels),
            _part(labels, every, "events", whom),
            _part(labels, every, "median", whom | _drop(self.quantile(0.5), time="estimate")),
        ]
        if milestones:
            part = _drop(self.at(milestones), survival="estimate") | _drop(self.at_risk(milestones), n_risk="n")
            parts.append(_part(labels, np.repeat(every, len(milestones)), "milestone", part))
        if at_risk:
            part = _drop(self.at_risk(at_risk), n_risk="n")
            parts.append(_part(labels, np.repeat(every, len(at_risk)), "at_risk", part))
        if tau is not None:
            parts.append(_part(labels, every, "rmst", whom | _drop(self.rmst(tau), tau="time", rmst="estimate")))
        table = pl.concat([tidy(p, analysis="survival", population=population, outcome=outcome) for p in parts])
        return Result(table, self._settings())

    def _steps(self, labels: list[str]) -> pl.DataFrame:
        c = self._curves
        index = np.nonzero(c.days.n_event + c.days.n_censor)
        counts = {"n": c.days.n_risk[index], "n_event": np.cumsum(c.days.n_event, axis=1)[index]}
        limits = _limits(c.survival[index], c.var_log[index], self.conf_level, self.conf_type)
        limits["estimate"] = limits.pop("survival")
        return _part(labels, index[0], "survival", {"time": index[1], **counts, **limits})

    def _settings(self) -> dict[str, Any]:
        variance = "infinitesimal jackknife" if self.robust else "Greenwood"
        settings = {"conf_level": self.conf_level, "conf_type": self.conf_type, "variance": variance}
        return settings | {"notes": list(self.notes)}

    @property
    def labels(self) -> tuple[str, ...]:
        """Groups as text, for example ``arm=A``, in the order of the table."""
        return tuple(self._groups.labels())

    @property
    def persons(self) -> tuple[int, int]:
        """Persons, and persons with the event, over all groups."""
        n_event = int(self._curves.days.n_event.sum())
        return n_event + int(self._curves.days.n_censor.sum()), n_event

    def _repr_html_(self) -> str:
        return framed(f"Kaplan-Meier, {self.conf_level:.0%} {self.conf_type} limits", self.table, self.notes)


def kaplan_meier(
    frame: Any,
    *,
    time: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
    conf_type: ConfType = "log-log",
    robust: bool | None = None,
) -> KaplanMeier:
    """Estimate survival curves (Kaplan & Meier 1958), as R ``survfit`` with log-log limits.

    Parameters
    ----------
    frame
        Any data frame that narwhals takes, one row a person (or a stretch of a person's follow-up).
    time, event
        Columns of the last day followed (whole days from day 0) and of failure on it (0 or 1).
    entry
        Column of the day after which a row is at risk (late entry); from the start without it.
    by
        Columns that split the rows into groups.
    weights
        Column of weights; rows of weight 0 are left out.
    cluster
        Column that tells which rows belong together, for the robust variance.
    conf_level, conf_type
        Level and scale of the limits: log-log, log, plain, logit or arcsin.
    robust
        Take variances from the infinitesimal jackknife. By default, as R: where weights are not whole
        numbers or clusters are given; Greenwood's formula elsewhere.

    Raises
    ------
    DefinitionError
        If a column is missing or an argument is not one of those allowed.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there are no rows.

    Examples
    --------
    >>> km = kaplan_meier(pl.DataFrame({"days": [3, 5, 5, 8], "died": [1, 1, 0, 0]}), time="days", event="died")
    >>> km.table["survival"].to_list()
    [0.75, 0.5, 0.5]
    """
    response = respond(
        read(frame, [time, event, *names(entry), *names(by), *names(weights), *names(cluster)]),
        time=time, event=event, entry=entry, by=names(by), weights=weights, cluster=cluster,
    )  # fmt: skip
    return from_response(response, conf_level=conf_level, conf_type=conf_type, robust=robust)


def from_response(response: Response, *, conf_level: float, conf_type: str, robust: bool | None) -> KaplanMeier:
    """Estimate the curves of a validated response."""
    robust = robust_rule(response, asked=robust)
    c = curves(response, robust=robust)
    group, day = np.nonzero(c.days.n_event + c.days.n_censor)
    n_risk, n_event, n_censor = (kind[group, day] for kind in c.daily)
    counts = {"time": day, "n_risk": n_risk, "n_event": n_event, "n_censor": n_censor}
    columns = counts | _limits(c.survival[group, day], c.var_log[group, day], conf_level, conf_type)
    groups = replace(response.group, code=np.empty(0, np.int64))
    table = groups.spread(group, columns)
    return KaplanMeier(table, conf_level, conf_type, robust, _notes(response, c), groups, c)


def _limits(survival: Any, var_log: Any, conf_level: float, conf_type: str) -> dict[str, Any]:
    low, high = survival_limits(survival, var_log, conf_level, conf_type)
    std_error = survival * np.sqrt(np.where(survival > 0, var_log, np.nan))
    return {"survival": survival, "std_error": std_error, "conf_low": low, "conf_high": high}


def _counts(daily: tuple[Any, Any, Any], index: tuple[Any, Any], known: Any) -> dict[str, Any]:
    n_risk, n_event, n_censor = daily
    columns = {"n_risk": n_risk[index] * known, "n_event": np.cumsum(n_event, axis=1)[index]}
    return columns | {"n_censor": np.cumsum(n_censor, axis=1)[index]}


def _notes(response: Response, c: Curves) -> tuple[str, ...]:
    notes = [f"{response.dropped} rows of weight 0 left out"] if response.dropped else []
    early = ((c.survival == 0) & (c.days.n_risk > c.days.n_event)).any(axis=1)
    if early.any():
        notes.append(
            f"the risk set runs empty early in {int(early.sum())} of {early.size} groups: survival stays 0 although "
            "others enter later; start the clock where enough are at risk"
        )
    return tuple(notes)


def _drop(frame: pl.DataFrame, **rename: str) -> dict[str, pl.Series]:
    wanted = ("time", "n_event", "std_error", "conf_low", "conf_high", *rename)
    return {rename.get(c, c): frame[c] for c in frame.columns if c in wanted}


def _part(labels: list[str], group: Any, estimand: str, columns: dict[str, Any]) -> pl.DataFrame:
    group_names = pl.Series("group", [labels[g] for g in group], pl.String)
    return pl.DataFrame(columns, nan_to_null=True).with_columns(group_names, pl.lit(estimand).alias("estimand"))
