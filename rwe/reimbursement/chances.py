# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The chance to fail between two days, from any curve: its best value, and values the data allow as well."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.survival.cox import Cox
from rwe.survival.cox_draws import hazard_draws, hazards
from rwe.survival.curve import Curve
from rwe.survival.incidence_curves import CumulativeIncidence
from rwe.survival.kaplan_meier import KaplanMeier


class Chances(Protocol):
    """Chances of persons to fail after the day `since`, free until then, and up to the day `until`."""

    def best(self, since: I8, until: I8) -> F8:
        """Return the best value of each person."""

    def drawn(self, since: I8, until: I8, n: int, seed: int) -> F8:
        """Return values the data allow, shape (n, persons); those of a draw belong to one curve."""

    def known(self, horizon: int) -> int:
        """Return the last day up to `horizon` of which anything is known."""


def chances(curve: Any, people: pl.DataFrame | None = None, cause: Any = None) -> Chances:
    """Return what a curve says of the chance to fail.

    Parameters
    ----------
    curve
        `KaplanMeier` of one group, `CumulativeIncidence` of one group, `Cox` without strata, anything with
        ``survival_at`` and ``survival_draws``, or a frame with ``time`` and ``survival`` (a published curve, taken
        as free of error).
    people
        Covariates of the persons asked about, for a Cox model.
    cause
        Which cause of a `CumulativeIncidence` is failure; its first by default.

    Raises
    ------
    DefinitionError
        If the curve is none of these, or has several groups.
    """
    if isinstance(curve, Cox):
        return OfCox(curve, people)
    if isinstance(curve, CumulativeIncidence):
        return OfIncidence(*_incidences(curve, cause))
    if isinstance(curve, KaplanMeier):
        _one_group(curve.table, "time")
        rows = curve.table.select("time", "n_risk", "n_event", "survival")
        return OfIncidence(rows["time"].to_numpy(), rows["n_risk"].to_numpy(), rows["n_event"].to_numpy()[:, None], 0)
    if isinstance(curve, pl.DataFrame):
        return OfCurve(Published(curve))
    if isinstance(curve, Curve):
        return OfCurve(curve)
    raise DefinitionError(f"a {type(curve).__name__} is no curve: give Kaplan-Meier, incidence, Cox or a fitted family")


class Published:
    """A curve that is taken as it stands: steps at its points."""

    def __init__(self, points: pl.DataFrame) -> None:
        if missing := {"time", "survival"} - set(points.columns):
            raise DefinitionError(f"a published curve needs the columns time and survival; missing: {sorted(missing)}")
        known = points.sort("time")
        self.days = np.concatenate([[0.0], known["time"].to_numpy().astype(np.float64)])
        self.survival = np.concatenate([[1.0], known["survival"].to_numpy().astype(np.float64)])

    def survival_at(self, days: Any) -> F8:
        """Return survival on these days, NaN beyond the last point."""
        at = np.asarray(days, np.float64)
        found = self.survival[np.searchsorted(self.days, at, side="right") - 1]
        return np.asarray(np.where((at <= self.days[-1]) | (self.survival[-1] <= 0), found, np.nan), np.float64)

    def survival_draws(self, days: Any, n: int, seed: int) -> F8:
        """Return the same curve `n` times."""
        del seed
        return np.asarray(np.tile(self.survival_at(days), (n, 1)), np.float64)


class OfCurve:
    """Chances by a survival curve: ``1 - S(until) / S(since)``."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def best(self, since: I8, until: I8) -> F8:
        """Return the best value of each person."""
        days = np.unique(np.concatenate([since, until]))
        found = np.asarray(self.curve.survival_at(days), np.float64)[None, :]
        return _conditional(found, days, since, until).ravel()

    def drawn(self, since: I8, until: I8, n: int, seed: int) -> F8:
        """Return values the data allow."""
        days = np.unique(np.concatenate([since, until]))
        return _conditional(np.asarray(self.curve.survival_draws(days, n, seed), np.float64), days, since, until)

    def known(self, horizon: int) -> int:
        """Return the last day of the curve."""
        return int(np.flatnonzero(~np.isnan(self.curve.survival_at(np.arange(horizon + 1))))[-1])


class OfIncidence:
    """Chances by Aalen-Johansen, one cause of failure among others; of one cause this is Kaplan-Meier.

    Draws take the share that fails of those at risk on each day from its posterior under a flat beta process
    (Beta of failed and of the rest, Hjort 1990, Ann Stat 18:1259; the Bayesian bootstrap of censored data, Lo 1993),
    whose spread is that of Greenwood's formula. Half a failure more falls on a day taken by person-time (Jeffreys'
    prior for a rate): without it the interval of few failures is too short, and none after none was seen.

    Parameters
    ----------
    time, n_risk, n_event
        Days on which someone left, those at risk, and those who failed, shape (days, causes).
    cause
        Which of the causes is asked for.
    """

    def __init__(self, time: Any, n_risk: Any, n_event: Any, cause: int) -> None:
        self.time, self.n_risk, self.cause = np.asarray(time), np.asarray(n_risk, np.float64), cause
        self.n_event = np.asarray(n_event, np.float64)

    def best(self, since: I8, until: I8) -> F8:
        """Return the best value of each person."""
        share = self.n_event / self.n_risk[:, None]
        return self._between(share.sum(axis=1)[None, :], share[None, :, self.cause], since, until).ravel()

    def drawn(self, since: I8, until: I8, n: int, seed: int) -> F8:
        """Return values the data allow."""
        rng = np.random.default_rng(seed)
        failed = self.n_event.sum(axis=1)
        at, rest = np.flatnonzero(failed), self.n_risk - failed
        own = self._half_a_failure(n, rng)
        any_cause = own.copy()
        for k in at:
            share = rng.beta(failed[k], rest[k], n) if rest[k] > 0 else np.ones(n)
            mine, other = self.n_event[k, self.cause], failed[k] - self.n_event[k, self.cause]
            part = rng.beta(mine, other, n) if mine and other else np.full(n, float(mine > 0))
            any_cause[:, k], own[:, k] = any_cause[:, k] + share, own[:, k] + share * part
        return self._between(np.minimum(any_cause, 1.0), np.minimum(own, 1.0), since, until)

    def known(self, horizon: int) -> int:
        """Return the last day followed; the horizon where nobody is left to fail."""
        ended = self.n_risk[-1] <= self.n_event[-1].sum()
        return horizon if ended else min(horizon, int(self.time[-1]))

    def _half_a_failure(self, n: int, rng: np.random.Generator) -> F8:
        found = np.zeros((n, self.time.size))
        spent = self.n_risk * np.diff(self.time, prepend=0)
        if spent.sum() > 0:
            day = rng.choice(spent.size, n, p=spent / spent.sum())
            found[np.arange(n), day] = rng.gamma(0.5, size=n) / self.n_risk[day]
        return found

    def _between(self, any_cause: F8, own: F8, since: I8, until: I8) -> F8:
        if self.time.size == 0 or ((until > self.time[-1]).any() and self.n_risk[-1] > self.n_event[-1].sum()):
            raise NoValidAnswer(too_short(int(until.max()), int(self.time[-1]) if self.time.size else 0))
        free = np.cumprod(1 - any_cause, axis=1)
        before = np.concatenate([np.ones((free.shape[0], 1)), free], axis=1)
        failed = np.concatenate([np.zeros((free.shape[0], 1)), np.cumsum(before[:, :-1] * own, axis=1)], axis=1)
        start, end = (np.searchsorted(self.time, days, side="right") for days in (since, until))
        still = before[:, start]
        found = np.divide(failed[:, end] - failed[:, start], still, out=np.ones_like(still), where=still > 0)
        return np.asarray(np.clip(found, 0.0, 1.0), np.float64)


class OfCox:
    """Chances by a Cox model of each person's covariates; draws move coefficients and baseline together."""

    def __init__(self, model: Cox, people: pl.DataFrame | None) -> None:
        if people is None:
            raise DefinitionError("a Cox model needs people: person_id and the model's columns, one row a person")
        self.model, self.people = model, people

    def best(self, since: I8, until: I8) -> F8:
        """Return the best value of each person."""
        days = np.unique(np.concatenate([since, until]))
        return self._failed(*hazards(self.model, self.people, days), days, since, until).ravel()

    def drawn(self, since: I8, until: I8, n: int, seed: int) -> F8:
        """Return values the data allow."""
        days = np.unique(np.concatenate([since, until]))
        return self._failed(*hazard_draws(self.model, self.people, days, n, seed), days, since, until)

    def known(self, horizon: int) -> int:
        """Return the last day followed."""
        z = self.model._hazard
        return min(horizon, int(z.clock.times(z.last[:1])[0]))

    def paths(self, days: I8, n: int, seed: int) -> tuple[F8, F8]:
        """Return `n` draws of survival at mean covariates on these days, and of each person's relative risk."""
        hazard, risk = hazard_draws(self.model, self.people, days, n, seed)
        return np.asarray(np.exp(-hazard), np.float64), risk

    def _failed(self, hazard: F8, risk: F8, days: I8, since: I8, until: I8) -> F8:
        start, end = np.searchsorted(days, since), np.searchsorted(days, until)
        found = 1 - np.exp(-risk * (hazard[:, end] - hazard[:, start]))
        if np.isnan(found).any():
            raise NoValidAnswer("the Cox model is not followed to the last day asked for; give a fitted family")
        return np.asarray(found, np.float64)


def _conditional(survival: F8, days: I8, since: I8, until: I8) -> F8:
    start, end = survival[:, np.searchsorted(days, since)], survival[:, np.searchsorted(days, until)]
    if np.isnan(end).any() or np.isnan(start).any():
        raise NoValidAnswer(too_short(int(until.max()), int(days[~np.isnan(survival[0])].max(initial=0))))
    found = 1 - np.divide(end, start, out=np.zeros_like(end), where=start > 0)
    return np.asarray(np.clip(found, 0.0, 1.0), np.float64)


def too_short(asked: int, known: int) -> str:
    """Return what is wrong with a curve that ends before the last day on which a failure counts."""
    return (
        f"the curve is known to day {known}, a term still asks for day {asked}: give a curve with longer follow-up, "
        "or a fitted family that extends it"
    )


def _incidences(curve: CumulativeIncidence, cause: Any) -> tuple[Any, Any, Any, int]:
    """Return days, those at risk and those failed of each cause, and which cause is asked for."""
    _one_group(curve.table, "cause")
    wanted = curve.causes[0] if cause is None else cause
    if wanted not in curve.causes:
        raise DefinitionError(f"the curve has no cause {wanted!r}")
    wide = [curve.table.filter(pl.col("cause") == one) for one in curve.causes]
    days = wide[0]["time"].to_numpy()
    failed = np.stack([part["n_event"].to_numpy() for part in wide], axis=1)
    return days, wide[0]["n_risk"].to_numpy(), failed, curve.causes.index(wanted)


def _one_group(table: pl.DataFrame, first: str) -> None:
    if table.columns[0] != first:
        raise DefinitionError("a reserve needs a curve of one group: leave out by, or give a Cox model with people")
