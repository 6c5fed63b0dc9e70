# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Anytime-valid log-rank: evidence that may be looked at after every event, and stopped at, without false alarms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.people import people, require
from rwe.compare.risk_sets import RiskSets, risk_sets
from rwe.errors import BrokenRows, DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

PRIOR = 0.5  # standard deviation of log hazard ratios that are looked for: e^0.5 is a ratio of 1.65 or 0.61
NODES = 64


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AnytimeLogRank(Shown):
    """Evidence against equal hazards after each event, valid whenever one looks.

    Parameters
    ----------
    e_value
        Evidence now: how many times as likely the events are under hazard ratios that differ as under none. Under equal
        hazards its mean is 1 at any moment one chooses to look.
    p_value
        1 / the largest e-value so far: below alpha, ever, with probability alpha at most.
    conf_low, conf_high
        Confidence sequence of the hazard ratio of the second group to the first: holds the true one at all times at
        once with the probability asked for.
    hazard_ratio
        The likeliest one now.
    table
        One row a moment with events: time, at risk and events of either group, e_value, p_value, and the e-value of the
        Gaussian approximation.
    """

    e_value: float
    p_value: float
    hazard_ratio: float
    conf_low: float
    conf_high: float
    table: pl.DataFrame
    conf_level: float
    groups: tuple[str, str]

    def to_result(self, *, population: str = "", outcome: str = "", stratum: str = "") -> Result:
        """Return ratio, sequence and evidence in the long tidy form."""
        events = int(self.table["d"].sum())
        ratio = {"estimand": "hazard_ratio", "estimate": self.hazard_ratio, "p_value": self.p_value}
        ratio |= {"conf_low": self.conf_low, "conf_high": self.conf_high, "n_event": events}
        rows = [ratio, {"estimand": "e_value", "estimate": self.e_value, "n_event": events}]
        labels = {"population": population, "outcome": outcome, "stratum": stratum}
        settings = {"conf_level": self.conf_level, "groups": [*self.groups], "interval": "confidence sequence"}
        return Result(tidy(rows, analysis="anytime_log_rank", **labels), settings)

    def _story(self) -> Story:
        ratio = f"{self.hazard_ratio:.3g} ({self.conf_low:.3g} to {self.conf_high:.3g} at all times)"
        note = f"hazard ratio of {self.groups[1]} to {self.groups[0]}"
        return f"Anytime-valid log-rank: e = {self.e_value:.3g}, p = {self.p_value:.3g}; {ratio}", self.table, (note,)


def anytime_log_rank(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    entry: str | None = None,
    strata: str | None = None,
    expected_ratio: float | None = None,
    conf_level: float = 0.95,
) -> AnytimeLogRank:
    """Test equal hazards with an e-process (ter Schure, Perez-Ortiz, Ly & Grunwald 2024, NEJSDS 2:190).

    The likelihood of which group fails, given who is at risk, is averaged over hazard ratios that differ and divided by
    that under equal hazards, event after event: a martingale, so that looking often costs nothing.

    Parameters
    ----------
    frame, time, event
        As in `log_rank`.
    by
        Column of two groups.
    entry
        Late entry: at risk when entry < t <= time. Where looks follow the calendar, give calendar days as `time` and
        the day of entry here: the test is exact where the hazard does not change with time since entry, or within
        `strata` of people who entered together.
    strata
        Column within whose levels people are compared.
    expected_ratio
        Hazard ratio worth finding: the evidence is then against it and its inverse, strongest where it is right. By
        default log ratios are normal about 0, deviation 0.5.

    Raises
    ------
    DefinitionError
        If `by` does not hold two groups.
    NoValidAnswer
        If no event happened while both groups were at risk.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 5], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})
    >>> round(anytime_log_rank(arms, time="t", event="e", by="arm").e_value, 3)
    0.951
    """
    rows = people(frame)
    require(rows, [name for name in (time, event, by, entry, strata) if name])
    groups = _groups(rows, by)
    sets = counted(
        rows, time=time, event=event, treated=rows[by].cast(pl.String) == groups[1], entry=entry, strata=strata
    )
    if not sets.time.size:
        raise NoValidAnswer("no event happened while both groups were at risk")
    beta, weight = prior(expected_ratio)
    log_e = log_evidence(sets, beta, weight)
    alpha = 1 - conf_level
    found, low, high = sequence(sets, float(log_e[-1]), alpha)
    u, v = sets.score()
    table = pl.DataFrame(
        {
            "time": sets.time, "at_risk": sets.treated, "at_risk_0": sets.control, "d_treated": sets.d_treated,
            "d": sets.d, "e_value": np.exp(log_e), "p_value": running_p(log_e), "gaussian": np.exp(gaussian(u, v)),
        }
    )  # fmt: skip
    return AnytimeLogRank(math.exp(log_e[-1]), float(table["p_value"][-1]), found, low, high, table, conf_level, groups)


def _groups(rows: pl.DataFrame, by: str) -> tuple[str, str]:
    if n := rows[by].null_count():
        raise BrokenRows(by, "have no group", "leave them out by a criterion", n, rows.height)
    levels = rows[by].unique().sort().cast(pl.String).to_list()
    if len(levels) != 2:
        raise DefinitionError(f"column '{by}' holds {len(levels)} groups; the test compares two")
    return levels[0], levels[1]


def counted(
    rows: pl.DataFrame, *, time: str, event: str, treated: pl.Series, entry: str | None, strata: str | None
) -> RiskSets:
    """Return the risk sets of rows whose columns are checked."""
    end = rows[time].cast(pl.Float64).fill_null(np.nan).to_numpy()
    start = rows[entry].cast(pl.Float64).fill_null(np.nan).to_numpy() if entry else np.full(end.size, -np.inf)
    for name, wrong in ((time, ~np.isfinite(end)), (entry or "", ~(start < end) & np.isfinite(end))):
        if n := int(wrong.sum()):
            rule = "have no finite time" if name == time else "enter at or after their end, or have no entry"
            raise BrokenRows(name, rule, "mend or leave them out", n, end.size)
    happened = rows[event].cast(pl.Int64, strict=False)
    if n := int((~happened.is_in([0, 1])).fill_null(value=True).sum()):
        raise BrokenRows(event, "are neither 0 nor 1", "mend or leave them out", n, end.size)
    stratum = rows[strata].rank("dense").fill_null(0).to_numpy().astype(np.float64) if strata else np.zeros(end.size)
    return risk_sets(start, end, happened.to_numpy() == 1, treated.to_numpy(), stratum)


def prior(expected_ratio: float | None) -> tuple[F8, F8]:
    """Return log hazard ratios with their weights: two of one size, or normal ones about 0."""
    if expected_ratio is None:
        nodes, weight = np.polynomial.hermite_e.hermegauss(NODES)
        return nodes * PRIOR, weight / weight.sum()
    if not 0 < expected_ratio < math.inf or expected_ratio == 1:
        raise DefinitionError("expected_ratio is a hazard ratio other than 1")
    return np.array([-1.0, 1.0]) * math.log(expected_ratio), np.array([0.5, 0.5])


def log_evidence(sets: RiskSets, beta: F8, weight: F8) -> F8:
    """Return the log e-value of equal hazards after each moment."""
    from scipy.special import logsumexp

    path = sets.log_likelihood(np.append(beta, 0.0))
    return np.asarray(logsumexp(path[:, :-1] - path[:, -1:], axis=1, b=weight))


def running_p(log_e: F8) -> F8:
    """Return 1 / the largest e-value so far, 1 at most."""
    return np.asarray(np.minimum(np.exp(-np.maximum.accumulate(log_e)), 1.0))


def gaussian(u: F8, v: F8) -> F8:
    """Return the log e-value of a log-rank score taken as normal: good when events are many and ratios near 1."""
    wide = 1 + PRIOR**2 * v
    return np.asarray(-0.5 * np.log(wide) + PRIOR**2 * u**2 / (2 * wide))


def sequence(sets: RiskSets, log_e: float, alpha: float) -> tuple[float, float, float]:
    """Return the likeliest hazard ratio and those that the evidence does not refuse: 0 and infinity where none is."""
    from scipy.optimize import brentq, minimize_scalar

    def at(beta: float) -> float:
        return float(sets.log_likelihood(np.array([beta]))[-1, 0])

    floor = log_e + at(0.0) + math.log(alpha)
    best = float(minimize_scalar(lambda beta: -at(beta), bounds=(-8, 8), method="bounded").x)
    low, high = (
        side * math.inf if at(end) > floor else float(brentq(lambda beta: at(beta) - floor, best, end, xtol=1e-10))
        for side, end in ((-1, -12.0), (1, 12.0))
    )
    return math.exp(best), math.exp(low), math.exp(high)
