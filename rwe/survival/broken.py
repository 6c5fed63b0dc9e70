# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows refused wherever they lie: a fault in one batch or part is told of all rows, as of a frame in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rwe.errors import BrokenRows

Part = TypeVar("Part")
Answer = TypeVar("Answer")
# a column is looked through in this order
RULES = (
    "have no finite value",
    "have no value",
    "are not whole days",
    "have a negative weight",
    "lie before",
    "lie beyond",
)


def attempt(read: Callable[[Part], Answer], part: Part) -> Answer | BrokenRows:
    """Return the answer of a part, or that rows of it are broken."""
    try:
        return read(part)
    except BrokenRows as fault:
        return fault


@dataclass(frozen=True, slots=True)
class Whole:
    """How the faults of parts make that of the whole.

    Parameters
    ----------
    columns
        Columns of the response in the order in which they are looked through; covariates come after them.
    weights
        The column of weights, which alone is looked at in rows of weight 0.
    """

    columns: Sequence[str]
    weights: str | None

    def sound(
        self, answers: Iterable[Answer | BrokenRows], rows: Callable[[Answer], tuple[int, int]]
    ) -> Iterator[Answer]:
        """Yield the answers of parts; where rows are broken, hear all of them before it is said.

        Parameters
        ----------
        rows
            Of an answer: rows that counted, and rows of weight 0.

        Raises
        ------
        BrokenRows
            With the rows of all parts; of several rules the one that a frame in memory would break first.
        """
        faults: list[BrokenRows] = []
        counted = weightless = 0
        for answer in answers:
            if isinstance(answer, BrokenRows):
                faults.append(answer)
                continue
            now, without = rows(answer)
            counted, weightless = counted + now, weightless + without
            if not faults:
                yield answer
        if faults:
            first = min(faults, key=self._place)
            n = sum(fault.n for fault in faults if (fault.column, fault.rule) == (first.column, first.rule))
            of = sum(fault.of for fault in faults) + counted + (weightless if first.column == self.weights else 0)
            raise BrokenRows(first.column, first.rule, first.advice, n, of)

    def _place(self, fault: BrokenRows) -> tuple[int, int]:
        known = list(self.columns)
        column = known.index(fault.column) if fault.column in known else len(known)
        return column, next((i for i, rule in enumerate(RULES) if fault.rule.startswith(rule)), len(RULES))


def looked_through(
    time: str,
    status: str,
    *,
    entry: str | None = None,
    weights: str | None = None,
    levels: Sequence[str] = (),
) -> Whole:
    """Return how the faults of a response are told."""
    entered = [] if entry is None else [entry, f"{time}' and '{entry}"]
    return Whole([*([] if weights is None else [weights]), time, *entered, status, *levels], weights)
