# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whether hazards are proportional: the score test of coefficients that change with a function of time.

Grambsch & Therneau (1994) Biometrika 81:515, with the exact information in place of its average over time
(R ``cox.zph`` from survival 3.0). A coefficient beta + theta g(t) has the score sum g (x - mean at risk) over
failures, and the information of (beta, theta) is that of beta with the variance at each failure counted
1, g and g squared times; with theta = 0 all of it follows from the sums of the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.kernels.matrix import weighted_gram
from rwe.result import Result, tidy
from rwe.survival.data import Response
from rwe.survival.design import Design
from rwe.survival.fitted import Fitted
from rwe.survival.intervals import chi_square_tail
from rwe.survival.linear import aliased, solve
from rwe.survival.partial import relative_risk
from rwe.survival.residuals import lived, residuals, schoenfeld
from rwe.survival.show import framed
from rwe.survival.text import proportional_hazards_text

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language

Transform: TypeAlias = Literal["km", "identity", "rank", "log"]
TRANSFORMS = ("km", "identity", "rank", "log")
GLOBAL = "global"


@dataclass(frozen=True, slots=True, eq=False)
class ProportionalHazards:
    """The test of proportional hazards of a Cox model.

    Parameters
    ----------
    table
        One row a term (or column of the data), and last ``global``: term, statistic (chi-square), df, p_value.
    residuals
        One row an event, by stratum and time: columns of the strata, row, time, transformed (the function of
        time), and by term the scaled Schoenfeld residual plus the coefficient: its trend over `transformed` is
        that of the coefficient.
    transform
        The function of time: km, identity, rank or log.
    notes
        What a reader must know.
    """

    table: pl.DataFrame
    residuals: pl.DataFrame
    transform: str
    notes: tuple[str, ...]

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the tests (stratum: the term, ``""`` for the global one) in the long tidy form."""
        rows = self.table.select(
            pl.lit("proportional_hazards").alias("estimand"),
            pl.when(pl.int_range(pl.len()) < pl.len() - 1).then("term").otherwise(pl.lit("")).alias("stratum"),
            "statistic",
            "p_value",
        )
        settings = {"transform": self.transform, "df": self.table["df"].to_list(), "notes": list(self.notes)}
        table = tidy(rows, analysis="proportional_hazards", population=population, outcome=outcome)
        return Result(table, settings)

    def plot(
        self,
        *,
        title: str | None = None,
        subtitle: str | None = None,
        labels: Mapping[str, str] | None = None,
        conf_level: float = 0.95,
        language: Language = "en",
    ) -> Chart:
        """Draw the scaled Schoenfeld residuals over time, a panel a term, with a smooth line and its band.

        The line is the coefficient as a function of time: level where hazards are proportional. The band takes
        the residuals of a term as independent with one variance.

        Parameters
        ----------
        title, subtitle
            Words in place of those chosen.
        labels
            Names of terms.
        conf_level
            Level of the pointwise band.
        language
            en or bg.

        Returns
        -------
        Chart
            As of `KaplanMeier.plot`.
        """
        from rwe.survival.plot_terms import residuals_chart  # the chart library is slow to import

        return residuals_chart(
            self, title=title, subtitle=subtitle, labels=labels, conf_level=conf_level, language=language
        )

    def __repr__(self) -> str:
        return proportional_hazards_text(self)

    def _repr_html_(self) -> str:
        return framed(f"Test of proportional hazards, time as {self.transform}", self.table, self.notes)


def proportional_hazards(
    fit: Fitted, transform: str, *, by_column: bool, notes: tuple[str, ...]
) -> ProportionalHazards:
    """Test one fit; see `Cox.proportional_hazards`."""
    if transform not in TRANSFORMS:
        raise DefinitionError(f"transform '{transform}' is not one of {', '.join(TRANSFORMS)}")
    scaled = residuals(fit, "scaled_schoenfeld", weighted=False, collapse=False)
    time = transformed(fit.response, transform)
    failing, own = schoenfeld(fit.data, fit.best)
    occasion = fit.data.stop[failing] - 1
    at = np.zeros(fit.data.day.size)
    at[occasion] = time[failing] - time[failing].mean()
    score = (fit.response.weights[failing] * at[occasion]) @ own
    information = _information(fit, at)
    _refuse_aliased(fit, information)
    terms = _columns(fit.design) if by_column else {name: [j] for j, name in enumerate(fit.design.names)}
    tests = [_test(score, information, of) for of in [*terms.values(), list(range(score.size))]]
    table = pl.DataFrame(
        {
            "term": [*terms, GLOBAL],
            "statistic": [statistic for statistic, _ in tests],
            "df": [df for _, df in tests],
            "p_value": [chi_square_tail(*test) for test in tests],
        }
    )
    scaled.insert_column(scaled.columns.index("time") + 1, pl.Series("transformed", time[failing]))
    return ProportionalHazards(table, scaled, transform, notes)


def transformed(response: Response, transform: str) -> F8:
    """Return the function of the time of each row.

    ``km`` is 1 - S(t-) of all rows together, unweighted; ``rank`` the rank among the times of all rows.
    """
    if transform == "km":
        return _failed_before(response)[response.time]
    if transform == "rank":
        upto = np.cumsum(np.bincount(response.time))
        count = np.diff(upto, prepend=0)
        return np.asarray((upto - (count - 1) / 2)[response.time], np.float64)
    time = np.asarray(response.clock.times(response.time), np.float64)
    if transform == "identity":
        return time
    if early := int((response.event & (time <= 0)).sum()):
        raise NoValidAnswer(f"{early} events at time 0 have no logarithm: take another transform")
    return np.log(np.maximum(time, np.finfo(np.float64).tiny))


def _failed_before(response: Response) -> F8:
    """Return 1 - S(t-) by tick: all rows together, each counted once."""
    size = response.n_days
    left = np.bincount(response.time, minlength=size)
    entered = np.cumsum(np.bincount(response.entry + 1, minlength=size)[:size])  # at risk from the tick after entry
    at_risk = entered - np.concatenate([[0], np.cumsum(left)[:-1]])
    failed = np.bincount(response.time[response.event], minlength=size)
    survival = np.cumprod(1 - np.divide(failed, at_risk, where=failed > 0, out=np.zeros(size)))
    return np.asarray(1 - np.concatenate([[1.0], survival[:-1]]), np.float64)


def _information(fit: Fitted, at: F8) -> F8:
    """Return the information of (beta, theta) at theta = 0, shape (2 terms, 2 terms)."""
    plain, once, twice = (_spread(fit, power) for power in (np.ones(at.size), at, at**2))
    return np.block([[plain, once], [once, twice]])


def _spread(fit: Fitted, factor: F8) -> F8:
    """Return the variances of the covariates at risk, summed over failures that count `factor` each."""
    data, best = fit.data, fit.best
    h, g, u, v, z = best.ties * factor
    s1, e1 = best.at_risk[:, :-1], best.failing[:, :-1]
    mixed = (v[:, None] * s1).T @ e1
    crossed = (u[:, None] * s1).T @ s1 - mixed - mixed.T + (z[:, None] * e1).T @ e1
    return np.asarray(
        weighted_gram(data.x, data.weight * relative_risk(data, best) * lived(data, h, g)) - crossed, np.float64
    )


def _refuse_aliased(fit: Fitted, information: F8) -> None:
    """Refuse slopes in time that the coefficients and the slopes before them exhaust."""
    known = len(fit.design.names)
    if lost := [fit.design.names[j - known] for j in aliased(information) if j >= known]:
        raise NoValidAnswer(f"the events are too few to tell whether the effects of {lost} change in time")


def _test(score: F8, information: F8, of: list[int]) -> tuple[float, int]:
    """Return chi-square and degrees of freedom of the changes `of` in time, all coefficients free."""
    theta = [j + score.size for j in of]
    kept = [*range(score.size), *theta]
    right = np.concatenate([np.zeros(score.size), score[of]])
    return float(solve(information[np.ix_(kept, kept)], right) @ right), len(of)


def _columns(design: Design) -> dict[str, list[int]]:
    """Return the terms made from the same columns, as R's terms."""
    found: dict[str, list[int]] = {}
    for j, term in enumerate(design.terms):
        name = ":".join(f"log({part.column})" if part.kind == "log" else part.column for part in term)
        found.setdefault(name, []).append(j)
    return found
