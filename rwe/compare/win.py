# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Win statistics: practice against the trial on several endpoints in the order of their weight for the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.follow_up import refuse_beyond
from rwe.compare.people import people, require, row_weights, weight_values
from rwe.compare.trial import TrialBaseline
from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.wins import wins
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile, two_sided

LOG = ("win_ratio", "win_odds")


@dataclass(frozen=True, slots=True, eq=False)
class Wins:
    """Pairs of a person of practice and one of the trial, and what they come to.

    Parameters
    ----------
    table
        One row a statistic: estimand (win_ratio, net_benefit, win_odds), estimate, std_error (of the logarithm
        for ratio and odds), conf_low, conf_high, statistic, p_value. Null where there are no losses or no wins.
    win, loss, tie
        Shares of the pairs, weighted; they sum to 1.
    endpoints, tau, conf_level
        Order of the endpoints; last day that counts; level of the limits.
    """

    table: pl.DataFrame
    win: float
    loss: float
    tie: float
    endpoints: tuple[str, ...]
    tau: int
    conf_level: float
    n: int

    def to_result(self, *, population: str = "", stratum: str = "") -> Result:
        """Return the long tidy form: analysis ``win``, group ``difference``; shares of the pairs as ``pairs``."""
        outcome = ">".join(self.endpoints)
        shares = {"win": self.win, "loss": self.loss, "tie": self.tie}
        pairs = pl.DataFrame({"group": list(shares), "estimate": list(shares.values())})
        parts = [
            self.table.with_columns(group=pl.lit("difference"), n=pl.lit(self.n)),
            pairs.with_columns(estimand=pl.lit("pairs")),
        ]
        labels = {"analysis": "win", "population": population, "stratum": stratum, "outcome": outcome}
        rows = pl.concat(parts, how="diagonal_relaxed").with_columns(time=pl.lit(self.tau))
        settings = {"tau": self.tau, "conf_level": self.conf_level, "endpoints": list(self.endpoints)}
        return Result(tidy(rows, **labels), settings)


def win(
    cohort_or_frame: Any,
    trial: TrialBaseline,
    *,
    endpoints: Sequence[str],
    tau: int,
    weights: Any = None,
    arm: str = "all",
    conf_level: float = 0.95,
) -> Wins:
    """Compare every person of practice with every person of the trial (Pocock et al. 2012; Buyse 2010).

    The first endpoint that tells two persons apart decides. Errors come from the influence of each person on the
    shares (Bebu & Lachin 2016, Biostatistics 17:178), weights taken as fixed. What the statistics estimate depends
    on how long people are followed: hence one horizon for all.

    Parameters
    ----------
    cohort_or_frame
        A cohort or a frame, one row a person, with ``<endpoint>_days`` and ``<endpoint>_event`` of each endpoint.
    trial
        The trial, with individual data of all these endpoints: curves do not tell which endpoints one person had.
    endpoints
        In the order in which they decide, the gravest first, for example ``["os", "pfs"]``.
    tau
        Horizon, days: what happens later does not count; both sides must be followed to it.
    weights, arm, conf_level
        As in `contrast`.

    Raises
    ------
    DefinitionError
        If no endpoint, or one twice, is named.
    NoValidAnswer
        If the trial has no individual data of an endpoint, or a side is not followed to `tau`.

    Examples
    --------
    >>> round((3 / 9) / (2 / 9), 2)  # three wins and two losses among nine pairs: the win ratio
    1.5
    """
    if not endpoints or len(set(endpoints)) < len(endpoints):
        raise DefinitionError("name each endpoint of a win statistic once, the gravest first")
    rows, theirs = people(cohort_or_frame), _of_trial(trial, endpoints, arm)
    weight = row_weights(rows, weight_values(weights))
    ours = _cut(rows, endpoints, tau, "practice")
    w, v = weight, np.ones(theirs.height)
    first, second = wins(*ours, w, *_cut(theirs, endpoints, tau, f"trial '{trial.name}'"), v)
    share, spread = _shares(first, second, w, v)
    table = _table(share, spread, conf_level)
    tie = 1.0 - float(share.sum())
    return Wins(table, float(share[0]), float(share[1]), tie, tuple(endpoints), tau, conf_level, int((w > 0).sum()))


def _of_trial(trial: TrialBaseline, endpoints: Sequence[str], arm: str) -> pl.DataFrame:
    lacking = [name for name in endpoints if trial.individual is None or f"{name}_days" not in trial.individual.columns]
    if trial.individual is None or lacking:
        raise NoValidAnswer(
            f"trial '{trial.name}' has no individual data of {', '.join(lacking)}: curves alone do not tell which "
            "endpoints one person had; win statistics need the same persons"
        )
    rows = trial.patients(endpoints[0], arm)
    first = {"days": f"{endpoints[0]}_days", "event": f"{endpoints[0]}_event"}
    return rows.rename(first)


def _cut(rows: pl.DataFrame, endpoints: Sequence[str], tau: int, who: str) -> tuple[I8, I8]:
    """Return days and failures by endpoint and person, up to the horizon."""
    require(rows, [f"{name}_{kind}" for name in endpoints for kind in ("days", "event")])
    refuse_beyond(
        tau, {who: pl.concat([rows.select(days=pl.col(f"{name}_days").cast(pl.Int64)) for name in endpoints])}
    )
    days = np.stack([rows[f"{name}_days"].cast(pl.Int64).to_numpy() for name in endpoints])
    failed = np.stack([rows[f"{name}_event"].cast(pl.Int64).to_numpy() for name in endpoints])
    return np.minimum(days, tau), np.ascontiguousarray(failed * (days <= tau))


def _shares(first: F8, second: F8, w: F8, v: F8) -> tuple[F8, F8]:
    """Return shares of wins and losses, and their covariance from the influence of each person."""
    share = (first @ w) / (w.sum() * v.sum())
    own = w * (first / v.sum() - share[:, None]) / w.sum()
    other = v * (second / w.sum() - share[:, None]) / v.sum()
    return share, own @ own.T + other @ other.T


def _table(share: F8, spread: F8, conf_level: float) -> pl.DataFrame:
    p, q = share
    half = (1.0 + p - q) / 2.0  # win odds: ties are split between the sides
    known = p > 0 and q > 0
    values = {
        "win_ratio": (np.log(p / q) if known else np.nan, np.array([1 / p, -1 / q]) if known else np.full(2, np.nan)),
        "net_benefit": (p - q, np.array([1.0, -1.0])),
        "win_odds": (np.log(half / (1 - half)) if 0 < half < 1 else np.nan,
                     np.array([0.5, -0.5]) / (half * (1 - half)) if 0 < half < 1 else np.full(2, np.nan)),
    }  # fmt: skip
    return pl.DataFrame([_row(name, *of, spread, conf_level) for name, of in values.items()])


def _row(name: str, value: float, slope: F8, spread: F8, conf_level: float) -> dict[str, Any]:
    error = float(np.sqrt(slope @ spread @ slope))
    half = normal_quantile(conf_level) * error
    numbers = [value, value - half, value + half]
    numbers = [float(np.exp(x)) for x in numbers] if name in LOG else [float(x) for x in numbers]
    z = value / error if error > 0 else np.nan
    row = dict(zip(("estimate", "conf_low", "conf_high"), numbers, strict=True))
    row |= {"std_error": error, "statistic": z, "p_value": two_sided(z)}
    return {"estimand": name} | {key: x if np.isfinite(x) else None for key, x in row.items()}
