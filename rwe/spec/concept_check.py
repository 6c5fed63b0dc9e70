# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong in ``concepts.csv``, each fault with its place and its cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise

from rwe.errors import Problem
from rwe.spec.sheet import Row
from rwe.spec.vocabulary import PLAIN, Vocabulary


def concepts(rows: Sequence[Row], vocabularies: Mapping[str, Vocabulary]) -> list[Problem]:
    """Return the faults of ``concepts.csv``; `vocabularies` say which spellings are one code."""
    problems = [p for row in rows for p in _concept(row)]
    return problems or list(_overlaps(rows, vocabularies))


def _concept(row: Row) -> Iterator[Problem]:
    for column in ("source_code", "source_vocabulary_id"):
        if not row[column]:
            yield row.problem(column, "must not be empty")
    if not row["target_concept_id"].isdecimal():
        yield row.problem("target_concept_id", "a concept id is a whole number")
    days = {}
    for column in ("valid_start_date", "valid_end_date"):
        try:
            days[column] = date.fromisoformat(row[column])
        except ValueError:
            yield row.problem(column, "write the day as YYYY-MM-DD")
    if len(days) == 2 and days["valid_end_date"] < days["valid_start_date"]:
        yield row.problem("valid_end_date", "ends before it starts")


def _overlaps(rows: Sequence[Row], vocabularies: Mapping[str, Vocabulary]) -> Iterator[Problem]:
    """Yield the lines that give a code a second meaning while it still has one, unless it may have many."""

    def key(row: Row) -> tuple[str, ...]:
        name = row["source_vocabulary_id"]
        vocabulary = vocabularies.get(name, PLAIN)
        many = row["target_concept_id"] if vocabulary.many else ""
        return name, vocabulary.spelled(row["source_code"]), many

    placed = sorted(((key(row), row["valid_start_date"], row.line, row) for row in rows), key=lambda item: item[:3])
    for (one_key, _, _, one), (other_key, start, _, other) in pairwise(placed):
        if one_key == other_key and start <= one["valid_end_date"]:
            yield other.problem("valid_start_date", f"overlaps line {one.line}, which maps the same code")
