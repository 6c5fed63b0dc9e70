# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The one tree of errors; each leaf tells the caller what to do and carries its exit code.

::

    RweError                1  a bug of ours
    ├── DefinitionError     2  a file or command that people wrote is wrong: mend it
    ├── DataError           3  the records break their contract: mend the source or the mapping
    │   ├── TornStore       3  what is on disk is not what was sealed
    │   ├── BrokenRows      3  rows break a rule of a column: so many, of so many
    │   └── OddRecords      3  records that money rests on break rules: by rule how many, and where the first stand
    ├── SourceUnreachable   4  the hospital system does not answer: try again later
    ├── NoValidAnswer       5  the question has no answer in these data: do not read a number into it
    ├── Busy                6  another run holds the lock, or the run folder exists
    ├── Refused             7  privacy or safety forbids it
    └── MachineError        8  disk, driver or library of this machine

Messages name columns, rules and counts; they never hold a value of a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self


class RweError(Exception):
    """Base of all errors that the engine raises on purpose."""

    exit_code = 1
    key = ""
    facts: Mapping[str, object] = MappingProxyType({})

    def known_as(self, key: str, **facts: object) -> Self:
        """Name the error, and what its message holds, so that it can be told in other languages; return it."""
        self.key, self.facts = key, facts
        return self


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file that people write, with its place.

    Parameters
    ----------
    file, line, column
        Place of the fault; lines and columns count from 1.
    where
        Path of the key, for example ``population.index.record``.
    message
        What is wrong and what to write instead.
    """

    file: str
    line: int
    column: int
    where: str
    message: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}"


class DefinitionError(RweError):
    """A definition (study, site, trial, agreement, mapping, command line) is wrong."""

    exit_code = 2

    def __init__(self, problems: str | Problem | list[Problem]) -> None:
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, problems)))


class DataError(RweError):
    """Records break the contract declared for them."""

    exit_code = 3


class TornStore(DataError):
    """A sealed table on disk is not what its seal says."""


class BrokenRows(DataError):
    """Rows break a rule of a column; what the parts of a cohort say adds up to what the whole would say."""

    def __init__(self, column: str, rule: str, advice: str, n: int, of: int) -> None:
        super().__init__(column, rule, advice, n, of)  # as given, so that it travels between processes
        self.column, self.rule, self.advice, self.n, self.of = column, rule, advice, n, of

    def __str__(self) -> str:
        return f"column '{self.column}': {self.n} of {self.of} rows {self.rule}; {self.advice}"


@dataclass(frozen=True, slots=True)
class OddRows:
    """Rows that break one rule: how many, and where the first of them stand; no value of them.

    Parameters
    ----------
    what, rule, column
        Of which records, by which rule of a closed list, in which column.
    n, said
        How many rows, and what is wrong with them in words.
    first, records
        The numbers of the first of these rows, from 1 in the order they were given, and the ids of their records.
    places
        Where these landed, in words, where that is known.
    """

    what: str
    rule: str
    column: str
    n: int
    said: str
    first: tuple[int, ...] = ()
    records: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Where the first of them stand: as they landed, else by column and number."""
        more = ", ..." if self.n > len(self.first) else ""
        return ("; ".join(self.places) or f"column '{self.column}', row {', '.join(map(str, self.first))}") + more

    def __str__(self) -> str:
        return f"{self.what}: {self.said} ({self.where})" if self.first else f"{self.what}: {self.said}"


class OddRecords(DataError):
    """Records that money rests on break rules: nothing is settled, and all that is wrong is told at once."""

    def __init__(self, found: Sequence[OddRows]) -> None:
        super().__init__(found)
        self.found = tuple(found)

    def __str__(self) -> str:
        return "\n".join(map(str, self.found))


class SourceUnreachable(RweError):
    """A source system cannot be reached; a later try may succeed."""

    exit_code = 4


class NoValidAnswer(RweError):
    """The data hold no valid answer to the question asked."""

    exit_code = 5


class Busy(RweError):
    """Another process holds what this one needs, or the run folder is there already."""

    exit_code = 6


class Refused(RweError):
    """Privacy or safety forbids what was asked."""

    exit_code = 7


class MachineError(RweError):
    """This machine lacks disk, permission, a driver or a library."""

    exit_code = 8
