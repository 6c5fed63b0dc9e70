# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Scorecard`: the verdict on each check, and what they come to by category, table and code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from rwe.quality.checks import CATEGORIES, Check
from rwe.result import Result, tidy

PASSED, FAILED, NOT_APPLICABLE = STATUSES = ("passed", "failed", "not_applicable")
_NO_ROWS = ("cdmTable", "cdmField", "sourceValueCompleteness")  # which count tables, fields and codes
Counted = tuple[int, int]  # rows that break the rule, rows asked

LINES: dict[str, pl.DataType] = {
    "check": pl.String(),
    "level": pl.String(),
    "category": pl.String(),
    "severity": pl.String(),
    "table": pl.String(),
    "field": pl.String(),
    "concept": pl.String(),
    "threshold": pl.Float64(),
    "violated": pl.Int64(),
    "rows": pl.Int64(),
    "status": pl.String(),
    "reason": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one pass over a table gave.

    Parameters
    ----------
    answers
        Rows that break each rule, and rows asked.
    lacking
        Checks that need a table which was not given, with its name.
    rows, fields, empty
        Size of the table, its fields, and those of them that hold nothing.
    lag_days
        Days from the newest records to the day of the assessment; None where nothing is dated.
    """

    answers: Mapping[Check, Counted]
    lacking: Mapping[Check, str]
    rows: int
    fields: frozenset[str]
    empty: frozenset[str]
    lag_days: int | None


@dataclass(frozen=True, slots=True)
class Feed:
    """How fresh a table is: its rows, and the days from its newest records to the day of the assessment."""

    rows: int
    lag_days: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The checks of one hospital: counts only, no row of a person.

    Parameters
    ----------
    lines
        One row a check, with the columns of `LINES`; ``reason`` says why one is not applicable.
    feeds
        By table that has dates, how fresh it is; of 100 records the 99th stands for the newest.
    """

    lines: pl.DataFrame
    feeds: Mapping[str, Feed] = field(default_factory=dict)

    @property
    def failed(self) -> pl.DataFrame:
        """The lines of the checks that failed."""
        return self.lines.filter(pl.col("status") == FAILED)

    def to_result(self, site: str) -> Result:
        """Return the scorecard as the one tidy table, ``population`` being the hospital.

        ``check`` rows have one check each: ``n`` rows asked, ``n_event`` that break the rule, their share, and the
        threshold in percent as ``statistic``; where tables, fields or codes are counted instead of records, the share
        alone, because ``n`` is what disclosure control takes for persons. ``scorecard`` rows have the number of
        checks by category and verdict, days since the newest records by table, and the share of rows and of codes
        that are mapped.
        """
        rows = [*self._checks(), *self._categories(), *self._lags(), *self._coverage()]
        return Result(tidy(rows, population=site), {"checks": self.lines.height})

    def _checks(self) -> Iterator[dict[str, Any]]:
        for line in self.lines.iter_rows(named=True):
            place = " ".join(filter(None, (line["field"], line["concept"])))
            labels = {"analysis": "check", "group": line["table"], "stratum": place, "outcome": line["check"]}
            labels["estimand"] = line["status"]
            if line["status"] == NOT_APPLICABLE:
                yield labels
                continue
            share = {"estimate": _share(line["violated"], line["rows"]), "statistic": line["threshold"]}
            rows = {} if line["check"] in _NO_ROWS else {"n": line["rows"], "n_event": line["violated"]}
            yield labels | share | rows

    def _categories(self) -> Iterator[dict[str, Any]]:
        counts = dict(self.lines.group_by("category", "status").agg(n=pl.len()).select(_PAIR, "n").iter_rows())
        for category in CATEGORIES:
            for status in STATUSES:
                labels = {"analysis": "scorecard", "group": category, "outcome": status, "estimand": "checks"}
                yield labels | {"estimate": float(counts.get(f"{category} {status}", 0))}

    def _lags(self) -> Iterator[dict[str, Any]]:
        for table, fresh in self.feeds.items():
            labels = {"analysis": "scorecard", "group": table, "estimand": "lag_days"}
            yield labels | {"n": fresh.rows, "estimate": float(fresh.lag_days)}

    def _coverage(self) -> Iterator[dict[str, Any]]:
        """Yield the share of rows, and of distinct source codes, that have a standard concept."""
        kinds = {"standardConceptRecordCompleteness": "rows", "sourceValueCompleteness": "codes"}
        mapped = self.lines.filter(pl.col("check").is_in([*kinds]), pl.col("status") != NOT_APPLICABLE)
        for line in mapped.iter_rows(named=True):
            n, good = line["rows"], line["rows"] - line["violated"]
            labels = {"analysis": "scorecard", "group": line["table"], "stratum": line["field"], "estimand": "mapped"}
            rows = {} if line["check"] in _NO_ROWS else {"n": n, "n_event": good}
            yield labels | {"outcome": kinds[line["check"]], "estimate": _share(good, n)} | rows


_PAIR = pl.format("{} {}", "category", "status")


def _share(n: int, of: int) -> float:
    return n / of if of else 0.0


def scorecard(asked: Mapping[str, Iterable[Check]], seen: Mapping[str, Seen]) -> Scorecard:
    """Return the verdicts on the checks of each table, in the order asked."""
    lines = [_line(check, seen.get(table)) for table, checks in asked.items() for check in checks]
    feeds = {table: Feed(was.rows, was.lag_days) for table, was in seen.items() if was.lag_days is not None}
    return Scorecard(pl.DataFrame(lines, schema=LINES), feeds)


def _line(check: Check, seen: Seen | None) -> dict[str, Any]:
    violated, rows = _counts(check, seen)
    reason = _not_applicable(check, seen, rows)
    place = {"table": check.table, "field": check.field, "concept": ",".join(map(str, check.concepts))}
    kind = {"check": check.name, "level": check.level, "category": check.category, "severity": check.severity}
    status = NOT_APPLICABLE if reason else FAILED if _fails(check, violated, rows) else PASSED
    counts = {"threshold": check.threshold, "violated": violated, "rows": rows}
    return kind | place | counts | {"status": status, "reason": reason}


def _counts(check: Check, seen: Seen | None) -> Counted:
    """Return the answer; that a table or a field is there is one row asked, broken if it is not."""
    if check.name == "cdmTable":
        return int(seen is None), 1
    if check.name == "cdmField":
        return int(seen is not None and check.field not in seen.fields), 1
    return seen.answers.get(check, (0, 0)) if seen else (0, 0)


def _fails(check: Check, violated: int, rows: int) -> bool:
    if not check.threshold:
        return violated > 0
    return 100 * _share(violated, rows) > check.threshold


def _not_applicable(check: Check, seen: Seen | None, rows: int) -> str:
    """Return why a check cannot be answered, ``""`` if it can: a check of nothing is not one that was passed."""
    if check.name == "cdmTable":
        return ""
    if seen is None:
        return "table_missing"
    if check.name in ("cdmField", "measurePersonCompleteness"):
        return ""
    if check.field and check.field not in seen.fields:
        return "field_missing"
    if check in seen.lacking:
        return f"not_given {seen.lacking[check]}"
    if not seen.rows:
        return "table_empty"
    if check.name != "measureValueCompleteness" and check.field in seen.empty:
        return "field_empty"
    return "concept_missing" if check.level == "concept" and not rows else ""
