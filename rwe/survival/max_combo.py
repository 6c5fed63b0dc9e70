# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""MaxCombo: the largest of several weighted log-rank statistics, for effects that come late or fade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8
from rwe.kernels.log_rank import expected, observed
from rwe.result import Result, tidy
from rwe.survival.boxes import PRIMES, largest_tail
from rwe.survival.clock import ClockName
from rwe.survival.data import names
from rwe.survival.door import door
from rwe.survival.roles import Roles
from rwe.survival.scores import Scores, fleming_harrington, scores
from rwe.survival.show import Shown, Story

USUAL = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaxCombo(Shown):
    """The largest of several Fleming-Harrington statistics.

    Parameters
    ----------
    statistic, p_value
        The largest statistic (of absolute values where two-sided) and its tail under their joint normal law.
    table
        One row a test: rho, gamma, statistic (z; positive: more events in the second group than
        expected), p_value of this test alone.
    correlation
        Of the statistics, shape (tests, tests).
    alternative
        Which tail was asked for.
    """

    statistic: float
    p_value: float
    table: pl.DataFrame
    correlation: F8
    alternative: str
    _n: int
    _n_event: int

    def to_result(self, *, population: str = "", outcome: str = "", stratum: str = "") -> Result:
        """Return the test in the long tidy form."""
        row = {"n": self._n, "n_event": self._n_event, "statistic": self.statistic, "p_value": self.p_value}
        labels = {"population": population, "outcome": outcome, "stratum": stratum, "estimand": "max_combo"}
        tests = [list(pair) for pair in self.table.select("rho", "gamma").rows()]
        settings = {"tests": tests, "alternative": self.alternative}
        return Result(tidy([row], analysis="survival", **labels), settings)

    def _story(self) -> Story:
        return f"MaxCombo: {self.statistic:.4g}, p = {self.p_value:.4g}, {self.alternative}", self.table, ()


@door
def max_combo(
    frame: Any,
    *,
    time: str,
    event: str,
    by: str,
    tests: Sequence[tuple[float, float]] = USUAL,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    entry: str | None = None,
    alternative: Literal["two_sided", "greater", "less"] = "two_sided",
    clock: ClockName = "days",
) -> MaxCombo:
    """Test two groups by the largest of several weighted log-rank statistics (Lee 2007, Comput Stat Data Anal 51:6557).

    Parameters
    ----------
    frame, time, event, strata, weights, cluster, entry, clock
        As in `log_rank`; the covariance of the statistics is of the same kind as the variance there.
    by
        Column of the two groups.
    tests
        Pairs (rho, gamma), at most 10.
    alternative
        ``greater``: the second group, in ascending order, fails faster; ``less``: slower.

    Raises
    ------
    DefinitionError
        If `by` does not hold two groups, or arguments are not those allowed.
    NoValidAnswer
        If there are no events, or a statistic has no variance.

    Notes
    -----
    The p-value is integrated over a fixed lattice: the same digits on every machine and in every run,
    with a relative error below 1e-4.

    Examples
    --------
    >>> arms = pl.DataFrame({"t": [1, 3, 4, 2, 4, 4], "e": [1, 1, 0, 1, 0, 0], "arm": list("AAABBB")})
    >>> found = max_combo(arms, time="t", event="e", by="arm")
    >>> round(found.statistic, 4), found.table.height
    (0.6975, 4)
    """
    if alternative not in ("two_sided", "greater", "less"):
        raise DefinitionError(f"alternative '{alternative}' is not one of two_sided, greater, less")
    pairs = list(dict.fromkeys((float(rho), float(gamma)) for rho, gamma in tests))
    if not 1 <= len(pairs) <= len(PRIMES):
        raise DefinitionError(f"tests holds from 1 to {len(PRIMES)} pairs of rho and gamma")
    found = scores(
        frame, Roles(time, event, None, entry, names(by), names(strata), weights, clock), cluster, rule="robust"
    )
    if found.table.group.n != 2:
        raise DefinitionError(f"max_combo compares two groups; the column given as by holds {found.table.group.n}")
    z, correlation = _statistics(found, pairs)
    n_censor, n_event = (int(kind.sum()) for kind in found.table.persons_of_groups)
    return _largest(z, correlation, pairs, alternative, n_censor + n_event, n_event)


def _statistics(found: Scores, pairs: list[tuple[float, float]]) -> tuple[F8, F8]:
    """Return the statistics of the second group and their correlation."""
    factors = [fleming_harrington(found.daily, rho, gamma) for rho, gamma in pairs]
    score = np.array([(observed(found.daily, f) - expected(found.daily, f))[1] for f in factors])
    # not that of one group, which rounding keeps from 0 where nobody of the other is at risk
    covariance = np.array([[-found.covariance(f, g)[0, 1] for g in factors] for f in factors])
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if none := int((error <= 1e-12 * max(1.0, float(np.abs(score).max()))).sum()):
        raise NoValidAnswer(f"{none} of {error.size} statistics have no variance: leave them out")
    return score / error, covariance / np.outer(error, error)


def _largest(
    z: F8, correlation: F8, pairs: list[tuple[float, float]], alternative: str, n: int, n_event: int
) -> MaxCombo:
    side = {"two_sided": np.abs(z), "greater": z, "less": -z}[alternative]
    two = alternative == "two_sided"
    alone = [largest_tail(np.eye(1), float(s), absolute=two) for s in side]
    rho, gamma = zip(*pairs, strict=True)
    table = pl.DataFrame({"rho": rho, "gamma": gamma, "statistic": z, "p_value": alone})
    largest = float(side.max())
    p_value = largest_tail(correlation, largest, absolute=two)
    return MaxCombo(largest, p_value, table, correlation, alternative, n, n_event)
