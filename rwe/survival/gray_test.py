# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Gray's test: do groups differ in the cumulative incidence of a cause (Gray 1988, Ann Stat 16:1141).

With late entry those at risk of the cause are still Y (1 - F) / S of each group, now with the estimates of Aalen and
Johansen under late entry (Geskus 2011, Biometrics 67:39); the martingales of the variance take any predictable Y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer
from rwe.kernels._jit import F8, I8
from rwe.kernels.gray import gray
from rwe.result import Result, tidy
from rwe.survival.clock import ClockName
from rwe.survival.counts import Tally
from rwe.survival.data import Response, names
from rwe.survival.door import door
from rwe.survival.gather import gather
from rwe.survival.intervals import chi_square_tail
from rwe.survival.linear import solve
from rwe.survival.roles import Roles
from rwe.survival.show import framed
from rwe.survival.text import gray_text


@dataclass(frozen=True, slots=True, eq=False)
class GrayTest:
    """Gray's test of one cause.

    Parameters
    ----------
    statistic, df, p_value
        Chi-square statistic, its degrees of freedom and its upper tail.
    table
        One row a group: the columns of ``by``, n (persons), n_event (of the cause), observed and expected (weighted
        by the power `rho` of 1 - F), variance (of their difference).
    of
        Name of the cause.
    rho
        Power of 1 - F(t-) with which a day counts.
    """

    statistic: float
    df: int
    p_value: float
    table: pl.DataFrame
    of: Any
    rho: float

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the test in the long tidy form; stratum is the cause."""
        row = {"estimand": "gray_test", "stratum": str(self.of), "statistic": self.statistic, "p_value": self.p_value}
        counted = {"n": int(self.table["n"].sum()), "n_event": int(self.table["n_event"].sum())}
        table = tidy([row | counted], analysis="gray_test", population=population, outcome=outcome)
        return Result(table, {"rho": self.rho, "df": self.df})

    def __repr__(self) -> str:
        return gray_text(self)

    def _repr_html_(self) -> str:
        title = f"Gray's test, cause {self.of}: chi-square {self.statistic:.4f}, df {self.df}, p {self.p_value:.4g}"
        return framed(title, self.table)


@door
def gray_test(
    frame: Any,
    *,
    time: str,
    cause: str,
    by: str | Sequence[str],
    of: Any = 1,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    rho: float = 0.0,
    clock: ClockName = "days",
) -> GrayTest:
    """Compare the cumulative incidence of a cause between groups, as R ``cmprsk::cuminc``.

    Parameters
    ----------
    frame, time, cause, entry, clock
        As in `cumulative_incidence`. With late entry each group must be at risk whenever somebody fails up to its end.
    by
        Columns whose levels are the groups.
    of
        The cause of interest.
    strata
        Columns within whose levels groups are compared.
    rho
        Power of 1 - F(t-), the pooled incidence, with which a day counts; 0 counts all alike.

    Raises
    ------
    DefinitionError
        If a column is missing, `rho` is negative, or the cause is not in the column.
    DataError
        If rows break the contract of a column.
    NoValidAnswer
        If there are fewer than two groups, or they cannot be compared (no events while both are at risk; or, with late
        entry, nobody of a group at risk while others fail, or none left of it before others enter).

    Examples
    --------
    >>> frame = pl.DataFrame({"days": [1, 2, 3, 4, 5, 6], "why": [1, 2, 1, 1, 0, 1], "arm": list("aabbab")})
    >>> gray_test(frame, time="days", cause="why", by="arm").df
    1
    """
    if not 0 <= rho < np.inf:
        raise DefinitionError("rho is a power of 1 - F, the pooled incidence: finite and not negative")
    found = gather(frame, Roles(time, cause=cause, entry=entry, by=names(by), strata=names(strata), clock=clock))
    code, n_groups = number_of(found, of), found.group.n
    if n_groups < 2:
        raise NoValidAnswer("a test needs at least two groups")
    leave, enter = _leave(found, code)
    ahead = np.cumsum((leave.sum(axis=2) - enter)[..., ::-1], axis=-1)[..., ::-1]
    _refuse_gaps(found, leave, ahead)
    parts = [gray(ahead[s], leave[s, :, 1], leave[s, :, 2], rho) for s in range(found.strata.n)]
    observed, expected, score, variance = (np.asarray(sum(p[k] for p in parts), np.float64) for k in range(4))
    statistic = _quadratic(score, variance)
    people = leave.sum(axis=(0, 3))
    columns = {"n": people.sum(axis=1), "n_event": people[:, 1], "observed": observed, "expected": expected}
    body = found.group.spread(np.arange(n_groups), columns | {"variance": np.diag(variance)})
    return GrayTest(statistic, n_groups - 1, chi_square_tail(statistic, n_groups - 1), body, of, rho)


def number_of(response: Response | Tally, of: Any) -> int:
    """Return the code of a cause by its name.

    Raises
    ------
    DefinitionError
        If no row fails of it.
    """
    if of not in response.causes:
        raise DefinitionError(f"nobody fails of cause {of!r} (causes in the column: {len(response.causes)})")
    return response.causes.index(of) + 1


def _leave(found: Tally, code: int) -> tuple[I8, I8]:
    """Return who leaves by stratum, group, kind (censored, failed of the cause, of another) and day, and who enters."""
    shape = (found.strata.n, found.group.n, found.n_codes, -1)
    left = (found.days.persons[0] + found.days.persons[1]).reshape(shape)
    others = left[:, :, 1:].sum(axis=2) - left[:, :, code]
    entered: I8 = found.days.persons[2].reshape(shape).sum(axis=2)
    return np.stack([left[:, :, 0], left[:, :, code], others], axis=2), entered


def _refuse_gaps(found: Tally, leave: I8, ahead: I8) -> None:
    """Refuse groups of which some time before their end is not seen: an incidence from the start is not known then."""
    failed = leave[:, :, 1:].sum(axis=2)
    later = np.cumsum(leave.sum(axis=2)[..., ::-1], axis=-1)[..., ::-1] > leave.sum(axis=2)  # some leave after the day
    unseen = later & (ahead == 0) & (failed.sum(axis=1, keepdims=True) > 0)
    emptied = later & (ahead > 0) & (failed == ahead)
    if lost := int((unseen | emptied).any(axis=(0, 2)).sum()):
        raise NoValidAnswer(
            f"{lost} of {found.group.n} groups have nobody at risk on a day with failures, or none left, before others "
            "of theirs enter: start the clock where all groups are at risk"
        )


def _quadratic(score: F8, variance: F8) -> float:
    """Return the statistic; one group is left out, because scores sum to 0."""
    s, v = score[:-1], variance[:-1, :-1]
    if np.linalg.matrix_rank(v, hermitian=True) < s.size:
        raise NoValidAnswer("groups cannot be compared: no events of the cause while they are at risk together")
    return float(s @ solve(v, s))
