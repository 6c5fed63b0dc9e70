# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A Cox model for each cause of failure, and the absolute risk that they predict together.

Prentice et al. (1978) Biometrics 34:541; Benichou & Gail (1990) Biometrics 46:813. The risk of a cause sums, over its
failures, its hazard times the probability to be free of all causes just before, which is the product over days of one
less all hazards (Andersen, Borgan, Gill & Keiding 1993, sec. VII.2.3), so that risks and that probability add up to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import NoValidAnswer
from rwe.execute import Parts
from rwe.kernels._jit import F8, I8
from rwe.result import Result
from rwe.survival.baseline import strata_of
from rwe.survival.clock import ClockName
from rwe.survival.columns import never_censored
from rwe.survival.cox_fit import Asked, fitted
from rwe.survival.data import names, read
from rwe.survival.door import door
from rwe.survival.gather import gather
from rwe.survival.intervals import ConfType, survival_limits
from rwe.survival.levels import text
from rwe.survival.model import Cox
from rwe.survival.outcome import Outcome
from rwe.survival.roles import Roles
from rwe.survival.show import Shown, Story
from rwe.survival.stream import streamed
from rwe.survival.terms import columns_of, model_of


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CauseSpecific(Shown):
    """Cox models of all causes.

    Parameters
    ----------
    models
        The model of each cause, by its name.
    coefficients
        Their coefficients one below the other: cause, then the columns of `Cox.coefficients`.
    conf_level
        Of the limits.
    notes
        What a reader must know of the column of causes; those of a model are its own.
    """

    models: Mapping[Any, Cox]
    coefficients: pl.DataFrame
    conf_level: float
    notes: tuple[str, ...]

    def predict_incidence(
        self, new: Any, times: float | Sequence[float], *, conf_type: ConfType = "log-log"
    ) -> pl.DataFrame:
        """Return the absolute risk of each cause that the models predict for the persons of `new` by these times.

        Parameters
        ----------
        new
            Frame with the columns of the covariates and of the strata.
        times
            Days, or times of a continuous clock.
        conf_type
            Scale of the limits of 1 less the incidence.

        Returns
        -------
        polars.DataFrame
            row (of `new`, from 0), cause, time, incidence, std_error, conf_low, conf_high. Null after the last
            time followed in the stratum. Error and limits (delta method over all models) are null where the variance is
            robust: that of the baseline hazards is then not known.
        """
        causes = list(self.models)
        any_model = self.models[causes[0]]
        clock = any_model._hazard.clock
        asked = clock.asked(times, "times")
        days = clock.index(asked)
        frame = read(new, [*any_model.design.columns, *any_model._strata.frame.columns])
        people = [self._person(frame, i) for i in range(frame.height)]
        found = np.array([[_risk(person, c, days) for c in range(len(causes))] for person in people], np.float64)
        found = found.reshape(frame.height, len(causes), 2, asked.size)
        known = np.array([clock.reached(person[0].last, asked) for person in people], np.bool_)
        found = np.where(known.reshape(frame.height, 1, 1, asked.size), found, np.nan)
        value, variance = found[:, :, 0].ravel(), found[:, :, 1].ravel()
        row, cause, at = (a.ravel() for a in np.indices((frame.height, len(causes), days.size)))
        low, high = survival_limits(1 - value, variance / (1 - value) ** 2, self.conf_level, conf_type)
        where = {"row": row, "cause": pl.Series([causes[c] for c in cause]), "time": asked[at], "incidence": value}
        limits = {"std_error": np.sqrt(variance), "conf_low": 1 - high, "conf_high": 1 - low}
        return pl.DataFrame(where | limits, nan_to_null=True)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the hazard ratios of all causes in the long tidy form; the outcome is followed by the cause."""
        results = [
            model.to_result(population=population, outcome=f"{outcome} {text(cause)}".strip())
            for cause, model in self.models.items()
        ]
        return Result(pl.concat([result.table for result in results]), results[0].settings)

    def _person(self, frame: pl.DataFrame, row: int) -> list[Path]:
        return [_path(model, frame[row]) for model in self.models.values()]

    def _story(self) -> Story:
        notes = [f"{text(cause)}: {note}" for cause, model in self.models.items() for note in model.notes]
        return f"Cause-specific Cox regression, {len(self.models)} causes", self.coefficients, [*self.notes, *notes]


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The hazard of one cause for one person, by the days of its failures.

    Parameters
    ----------
    day, jump, spread
        Days, increments of the cumulative hazard, and of its variance at fixed coefficients.
    slope
        Derivative of the increments by the coefficients, shape (days, terms).
    covariance
        Of the coefficients; None where the variance is robust.
    last
        Last day followed.
    """

    day: I8
    jump: F8
    spread: F8
    slope: F8
    covariance: F8 | None
    last: int


def _path(model: Cox, person: pl.DataFrame) -> Path:
    z, stratum = model._hazard, int(strata_of(person, model._strata)[0])
    mine = z.stratum == stratum
    x = model.design.matrix(person)[0] - model._mean
    risk = float(np.exp(x @ model.coefficients["estimate"].to_numpy()))
    slope = risk * (z.jump[mine][:, None] * x - z.drift[mine])
    covariance = None if model.robust else model.covariance
    return Path(z.day[mine], risk * z.jump[mine], risk**2 * z.spread[mine], slope, covariance, int(z.last[stratum]))


def _risk(paths: list[Path], cause: int, days: I8) -> tuple[F8, F8]:
    """Return the risk of a cause by each day and its variance.

    A jump of the hazard of any cause on a day takes from the risk what comes after it; a jump of the cause itself
    adds the probability to be free just before. Hazards of a day that exceed 1 together leave nobody free.
    """
    every = np.unique(np.concatenate([path.day for path in paths]))
    jumps = np.zeros((len(paths), every.size))
    for m, path in enumerate(paths):
        jumps[m, np.searchsorted(every, path.day)] = path.jump
    stay = np.maximum(1.0 - jumps.sum(axis=0), 0.0)
    free = np.concatenate([[1.0], np.cumprod(stay)[:-1]])
    curve = np.concatenate([[0.0], np.cumsum(free * np.minimum(jumps[cause], 1.0))])
    value = curve[np.searchsorted(every, days, side="right")]
    after = np.where(days[:, None] >= every, value[:, None] - curve[1:], 0.0) / np.where(stay > 0, stay, 1.0)
    adds = np.where(days[:, None] >= every, free, 0.0)
    variance = np.zeros(days.size)
    for m, path in enumerate(paths):
        variance += _variance(path, (adds if m == cause else 0.0) - after, np.searchsorted(every, path.day))
    return value, variance


def _variance(path: Path, derivative: F8, at: I8) -> F8:
    if path.covariance is None:
        return np.full(derivative.shape[0], np.nan)
    weight = derivative[:, at]
    slope = weight @ path.slope
    return np.asarray(weight**2 @ path.spread + np.einsum("ti,ij,tj->t", slope, path.covariance, slope), np.float64)


@door
def cause_specific(
    frame: Any,
    *,
    time: str,
    cause: str,
    covariates: Sequence[str] | None = None,
    formula: str | None = None,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    robust: bool | None = None,
    reference: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
    clock: ClockName = "days",
) -> CauseSpecific:
    """Fit a Cox model for each cause of failure; failures of the others count as censored.

    Parameters
    ----------
    cause
        Column of the cause of failure: whole numbers, 0 is censored; or words, "censored" is.
    frame, time, covariates, formula, entry, strata, weights, cluster, ties, robust, reference, conf_level, clock
        As in `cox`, alike for all causes; files and parts are read once more to find the causes.

    Raises
    ------
    DefinitionError, DataError, NoValidAnswer
        As `cox` does; NoValidAnswer also if nobody fails.

    Examples
    --------
    >>> rows = {"days": [1, 2, 3, 4, 5, 6, 7, 8], "why": [1, 2, 1, 2, 0, 1, 2, 1], "x": [0, 1, 1, 0, 1, 0, 1, 1]}
    >>> list(cause_specific(pl.DataFrame(rows), time="days", cause="why", covariates=["x"]).models)
    [1, 2]
    """
    model = model_of(covariates, formula)
    rows = frame
    if not (isinstance(frame, Parts) or streamed(frame)):  # read once, for all causes
        columns = [time, cause, *names(entry), *names(strata), *names(weights), *names(cluster), *columns_of(model)]
        rows = read(frame, columns)
    counted = gather(rows, Roles(time, cause=cause, weights=weights, clock=clock))
    if not counted.causes:
        raise NoValidAnswer("nobody fails of any cause: there is nothing to model")
    outcome = Outcome(time, cause, entry, names(strata), weights, cluster, None, clock)
    asked = Asked(outcome, model, reference, ties, None, robust, conf_level)
    models = {name: fitted(rows, replace(asked, outcome=replace(outcome, of=name))) for name in counted.causes}
    parts = [
        fit.coefficients.select(pl.lit(name).alias("cause"), pl.all().exclude("cause")) for name, fit in models.items()
    ]
    notes = never_censored(counted.causes, int(counted.days.persons[0].sum()))
    return CauseSpecific(models, pl.concat(parts), conf_level, notes)
