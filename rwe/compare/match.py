# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Matching: controls for each treated, or groups of like persons, with what it did to balance and to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from rwe.compare.arm_balance import ArmBalance, arm_balance
from rwe.compare.nearest import Found, Order, on_covariates, on_score
from rwe.compare.optimal import optimal
from rwe.compare.propensity import Propensity
from rwe.compare.strata import by_classes, by_score, group_weights
from rwe.compare.weight import DENOMINATORS
from rwe.compare.weights import effective_sample_size, marks, quantiles, weights_result
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8, Flags
from rwe.result import Result, bind

if TYPE_CHECKING:
    from rwe.figures.chart import Chart
    from rwe.figures.tongue import Language


Method = Literal["nearest", "optimal", "stratum", "coarsened"]
METHODS = ("nearest", "optimal", "stratum", "coarsened")
DISTANCES = ("logit", "probability", "mahalanobis")


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Who was matched.

    Parameters
    ----------
    method, estimand
        How, and whose effect it gives.
    weights
        One weight a row, in the order of the frame; 0 of those without a match. The treated of pairs count 1, their
        controls together as much as the treated, of mean 1 among the controls that were taken.
    pairs
        ``treated``, ``control`` (rows of the frame, from 0) and ``distance``; empty where groups were made.
    group
        Group of each row from 0 (a pair, with all controls of its treated; a stratum; a class); null without one,
        and where controls may be taken more than once.
    effective_sample_size
        Kish's ``(sum w)^2 / sum w^2`` persons of both arms together.
    by_arm
        ``arm``, ``n``, ``n_matched``, ``effective_sample_size``.
    balance
        Before and after.
    settings
        Method, distance, caliper in standard deviations and on the scale of the distance, ratio, order.
    notes
        Marks: who is left out, weights that should not be relied on.
    """

    method: Method
    estimand: str
    weights: pl.Series
    pairs: pl.DataFrame
    group: pl.Series
    effective_sample_size: float
    by_arm: pl.DataFrame
    balance: ArmBalance
    settings: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def quantiles(self) -> pl.DataFrame:
        """Quantiles of the weights that are not 0."""
        return quantiles(self.weights)

    def to_result(self, population: str = "") -> Result:
        """Return the tidy table of weights and balance."""
        weighed = weights_result(self.weights, self.method, population, self.notes, self.settings)
        return bind([weighed, self.balance.to_result(population)])

    def plot(self, *, language: Language = "en") -> Chart:
        """Return a chart of the weights (``.save("x.png")``), in en or bg."""
        from rwe.compare.plots import weights_chart  # the chart library is slow to import

        return weights_chart(self.weights, language)


def match(
    propensity: Propensity, *, method: Method = "nearest",
    distance: Literal["logit", "probability", "mahalanobis"] = "logit", caliper: float | None = 0.2, ratio: int = 1,
    replacement: bool = False, order: Order = "largest", exact: Sequence[Any] | None = None,
    estimand: Literal["att", "ate", "atc"] = "att", strata: int = 5, bins: int | None = None,
) -> Matched:  # fmt: skip
    """Match the treated with controls, or all with those like them.

    Parameters
    ----------
    propensity
        What `rwe.compare.propensity` returned.
    method
        ``nearest``: each treated takes the nearest free control. ``optimal``: as many as can be, least distance in
        sum. ``stratum``: strata of the probability. ``coarsened``: same class of every covariate.
    distance
        On the log odds (Austin 2011), on the probability, or Mahalanobis' of the covariates (nearest only, without
        caliper, treated in the order of the data).
    caliper
        Largest distance in standard deviations of the score; None for any.
    ratio
        Controls for each treated; nearest takes them round by round.
    replacement
        Whether a control may be taken by several (nearest only).
    order
        Who is served first: the treated with the largest score, the smallest, or in the order of the data.
    exact
        One value a row; only those with equal values are matched (nearest and optimal).
    estimand
        att, ate or atc; pairs always give the att.
    strata, bins
        Strata of the probability; classes of each covariate, by Sturges' rule if None.

    Raises
    ------
    DefinitionError
        If an option is unknown or does not go with another.
    NoValidAnswer
        If nobody is within the caliper, a stratum lacks an arm, or no class has both arms.
    """
    if method not in METHODS or distance not in DISTANCES or ratio < 1 or not (caliper is None or caliper > 0):
        raise DefinitionError(f"use a method of {METHODS}, a distance of {DISTANCES}, ratio >= 1, caliper > 0")
    treated = propensity.treated
    settings: dict[str, Any] = {"method": method, "estimand": estimand}
    if method in ("stratum", "coarsened"):
        settings |= {"strata": strata} if method == "stratum" else {"bins": bins}
        group = _groups(propensity, method, estimand, strata, bins)
        weights = group_weights(group, treated, estimand)
        return _matched(propensity, method, estimand, weights, _no_pairs(), group, settings)
    if estimand != "att":
        raise DefinitionError("pairs of treated and controls give the att; for another estimand use strata or weights")
    score = propensity.probability if distance == "probability" else propensity.logit
    width = np.inf if caliper is None or distance == "mahalanobis" else caliper * float(score.std(ddof=1))
    settings |= {"distance": distance, "caliper": caliper, "width": width, "ratio": ratio, "order": order,
                 "replacement": replacement}  # fmt: skip
    found: Found = []
    for rows, pool in _cells(treated, exact):
        if method == "optimal":
            found += optimal(score, rows, pool, width, ratio)
        elif distance == "mahalanobis":
            x = propensity.covariates.to_numpy()
            found += on_covariates(np.ascontiguousarray(x), treated, rows, pool, ratio, replacement=replacement)
        else:
            found += on_score(score, rows, pool, width, ratio, order, replacement=replacement)
    pairs = _pairs(found, score, propensity.treatment)
    group = _of_pairs(pairs, treated.size, replacement=replacement)
    return _matched(propensity, method, estimand, pair_weights(pairs, treated.size), pairs, group, settings)


def _groups(propensity: Propensity, method: Method, estimand: str, strata: int, bins: int | None) -> I8:
    e, treated = propensity.probability, propensity.treated
    if method == "coarsened":
        return by_classes(propensity.covariates.to_numpy(), treated, bins)
    among = {"att": treated, "atc": ~treated, "ate": np.ones(e.size, np.bool_)}[estimand]
    return by_score(e, among, treated, strata)


def _cells(treated: Flags, exact: Sequence[Any] | None) -> list[tuple[I8, I8]]:
    """Return the rows of the treated and of the controls among whom matches are looked for."""
    if exact is None:
        return [(np.flatnonzero(treated), np.flatnonzero(~treated))]
    values = pl.Series("exact", exact)
    if values.len() != treated.size or values.null_count():
        raise DefinitionError(f"exact: give one value a row, none missing; {values.len()} for {treated.size} rows")
    code = values.rank("dense").to_numpy()
    cells = [(np.flatnonzero(treated & (code == c)), np.flatnonzero(~treated & (code == c))) for c in np.unique(code)]
    return [(rows, pool) for rows, pool in cells if rows.size and pool.size]


def _no_pairs() -> pl.DataFrame:
    return pl.DataFrame(schema={"treated": pl.Int64, "control": pl.Int64, "distance": pl.Float64})


def _pairs(found: Found, score: F8, treatment: str) -> pl.DataFrame:
    if not any(rows.size for rows, _ in found):
        raise NoValidAnswer(f"'{treatment}': nobody has a match: no control is within the caliper of any treated")
    rows, others = (np.concatenate(part) for part in zip(*found, strict=True))
    table = pl.DataFrame({"treated": rows, "control": others, "distance": np.abs(score[rows] - score[others])})
    return table.sort("treated", "distance", maintain_order=True)


def pair_weights(pairs: pl.DataFrame, n: int) -> F8:
    """Return the weight of each of `n` rows: 1 of the treated, 1 / (controls of the treated) added up of a control."""
    weights = np.zeros(n)
    rows, others = pairs["treated"].to_numpy(), pairs["control"].to_numpy()
    share = np.bincount(others, 1 / np.bincount(rows, minlength=n)[rows], n)
    taken = share > 0
    weights[taken] = share[taken] / share[taken].mean()
    weights[rows] = 1.0
    return weights


def _of_pairs(pairs: pl.DataFrame, n: int, *, replacement: bool) -> I8:
    group = np.full(n, -1, np.int64)
    if not replacement:
        rows, place = np.unique(pairs["treated"].to_numpy(), return_inverse=True)
        group[rows] = np.arange(rows.size)
        group[pairs["control"].to_numpy()] = place
    return group


def _matched(
    propensity: Propensity, method: Method, estimand: str, weights: F8, pairs: pl.DataFrame, group: I8,
    settings: dict[str, Any],
) -> Matched:  # fmt: skip
    treated = propensity.treated
    by_arm = pl.DataFrame(
        {"arm": arm, "n": int(mine.sum()), "n_matched": int((weights[mine] > 0).sum()),
         "effective_sample_size": effective_sample_size(weights[mine])}
        for arm, mine in (("treated", treated), ("control", ~treated))
    )  # fmt: skip
    left = by_arm["n"][0] - by_arm["n_matched"][0]
    told = [f"{left} of {by_arm['n'][0]} treated have no match: the effect is not that of all treated"] if left else []
    return Matched(
        method=method,
        estimand=estimand,
        weights=pl.Series("weight", weights),
        pairs=pairs,
        group=pl.Series("group", group).replace(-1, None),
        effective_sample_size=effective_sample_size(weights),
        by_arm=by_arm,
        balance=arm_balance(propensity, weights, denominator=DENOMINATORS.get(estimand, "pooled")),
        settings=settings | {"propensity": dict(propensity.settings)},
        notes=(*told, *marks(weights)),
    )
