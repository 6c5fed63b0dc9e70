# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Reserve`: settled, reserved with its interval, and what the naive share of failures would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import polars as pl

from rwe.reimbursement.followed import Reserved
from rwe.reimbursement.money import half_up
from rwe.reimbursement.settlement import Settlement
from rwe.result import Result, tidy
from rwe.survival.show import Shown, Story

TOO_SHORT = "terms pay at a result: in simulated contracts the 90% interval held 78% of what was paid, so it is narrow"


class Naive(NamedTuple):
    """What comes of "failures over treated": biased, because patients who had no time to fail count as treated.

    Parameters
    ----------
    treated, failures
        Courses under the terms, and those that failed so far.
    rate, rate_expected
        Failures over treated; and with the expected failures of the open courses added.
    reserve
        What the naive rate would reserve for the open courses.
    """

    treated: int
    failures: int
    rate: float
    rate_expected: float
    reserve: Decimal


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reserve(Shown):
    """What is still to be decided, in money.

    Parameters
    ----------
    settlement, as_of
        What was settled, and the last day on which a failure would be known.
    table
        One row an open course and term: ``person_id``, ``course``, ``base``, ``fixed``, ``left``, ``since``,
        ``until``, ``by_rule``, ``due``, ``term``, ``chance`` (to fail) and ``reserve`` (Decimal, rounded as the
        agreement says). Where futures were settled, without ``fixed`` and ``left``, and with a row without a person for
        what changes of each term that judges nobody.
    naive
        The same by failures over treated.
    conf_low, conf_high
        Interval for what is finally paid back of the open courses, at `conf_level`.
    conf_level, draws, seed
        Of the interval.
    terms
        That are reserved for.
    left_out
        Terms with open courses that are not reserved for: what they settled stands.
    """

    settlement: Settlement
    as_of: date
    table: pl.DataFrame
    naive: Naive
    conf_low: Decimal
    conf_high: Decimal
    conf_level: float
    draws: int
    seed: int
    terms: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def amount(self) -> Decimal:
        """The reserve: the sum of its rows."""
        return sum(self.table["reserve"], 0 * self.settlement.agreement.rounding.quantum)

    @property
    def settled(self) -> Decimal:
        """What the same terms have settled already."""
        mine = self.settlement.lines.filter(pl.col("term").is_in(self.terms))
        return sum(mine["amount"], 0 * self.settlement.agreement.rounding.quantum)

    @property
    def played(self) -> bool:
        """Whether futures were settled, because terms pay at a result: their interval held 8 of 10 contracts, not 9."""
        return "fixed" not in self.table.columns

    @property
    def oldest_due(self) -> date | None:
        """Day on which the oldest open assessment was due."""
        oldest: Any = self.table["due"].min()
        return oldest if isinstance(oldest, date) else None

    def to_result(self) -> Result:
        """Return the sums in the long tidy form; the oldest assessment is one patient's and stays out."""
        rows = tidy(self._rows(), analysis="reserve", population=self.settlement.agreement.contract.id, stratum="all")
        settings = {"as_of": str(self.as_of), "conf_level": self.conf_level, "draws": self.draws, "seed": self.seed}
        settings |= {"left_out": list(self.left_out), "played": self.played}
        return Result(rows, settings | {"currency": self.settlement.agreement.contract.currency})

    def _rows(self) -> Iterator[dict[str, Any]]:
        opened = self.table["person_id"].drop_nulls().n_unique()
        overdue = self.table.filter(pl.col("due") < self.as_of)["person_id"].n_unique()
        limits = {"conf_low": float(self.conf_low), "conf_high": float(self.conf_high)}
        treated = {"n": self.naive.treated, "n_event": self.naive.failures}
        yield {"estimand": "settled", "estimate": float(self.settled), **treated}
        yield {"estimand": "reserve", "estimate": float(self.amount), "n": opened, **limits}
        yield {"estimand": "reserve_naive", "estimate": float(self.naive.reserve), "n": opened}
        # exact shares and numbers of persons would tell the counts that are masked and rounded beside them
        yield {"estimand": "overdue", "n": overdue}
        yield {"estimand": "failure_rate", "estimate": round(self.naive.rate_expected, 2), **treated}

    def _story(self) -> Story:
        currency, of = self.settlement.agreement.contract.currency, self.naive
        rows = pl.DataFrame(
            {
                "part": ["settled", "reserve", "reserve_naive"],
                "amount": [str(self.settled), str(self.amount), str(of.reserve)],
                "conf_low": ["", str(self.conf_low), ""],
                "conf_high": ["", str(self.conf_high), ""],
            }
        )
        late = f"; oldest assessment due on {self.oldest_due}" if self.oldest_due else ""
        notes = [
            f"failures: {of.failures} of {of.treated} so far ({of.rate:.1%}), {of.rate_expected:.1%} expected",
            "the naive share is biased: who had no time to fail counts as treated",
        ]
        notes += [TOO_SHORT] if self.played else []
        notes += [f"not reserved for: {', '.join(self.left_out)}"] if self.left_out else []
        return f"Reserve in {currency} as of {self.as_of}, {self.conf_level:.0%} interval{late}", rows, notes


def naive(settlement: Settlement, terms: Sequence[Reserved], table: pl.DataFrame) -> Naive:
    """Return what failures over treated would reserve for the open courses of `table`."""
    mine = settlement.lines.filter(pl.col("term").is_in([term.id for term in terms]))
    treated, failures = mine.height, mine.filter(pl.col("outcome") == "failure").height
    rate = Fraction(failures, treated) if treated else Fraction(0)
    share = {term.id: Fraction(term.share) for term in terms}
    stake = sum((share[term] * Fraction(base) for term, base in table.select("term", "base").iter_rows()), Fraction(0))
    coming = (failures + float(table["chance"].sum())) / treated if treated else 0.0
    return Naive(treated, failures, float(rate), coming, half_up(rate * stake, settlement.agreement.rounding.quantum))
