# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What breaks a rule and what could, as counts over the rows of one table and what is known of their people."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from rwe.errors import DefinitionError
from rwe.quality.checks import Check

Pair = tuple[pl.Expr, pl.Expr]
GRACE = 60  # days after a death in which records may still be written
AROUND = 7  # days before and after a visit that still belong to it
# what `rwe.quality.around` adds to a row: of its person, and of its visit
BIRTH, MIDYEAR, DEATH = "_birth", "_birth_or_june", "_death"
VISIT_START, VISIT_END, IN_VISIT = "_visit_start", "_visit_end", "_in_visit"


def pair(check: Check, kind: pl.DataType, today: date) -> Pair:
    """Return how many rows break the rule of a field, and how many were asked.

    Parameters
    ----------
    kind
        Type of the field as the table has it.
    today
        The day that "now" means in a bound.
    """
    return _RULES[check.name](check, kind, today)


def known(check: Check) -> bool:
    """Tell whether a check is a count over the rows of its table."""
    return check.name in _RULES


def people_asked(check: Check) -> bool:
    """Tell whether it needs birth or death of the row's person."""
    of_person = check.argument == "person.birth_datetime"
    return of_person or check.name in ("plausibleAfterBirth", "plausibleBeforeDeath", "plausibleDuringLife")


def table_asked(check: Check) -> str:
    """Return the table of visits or deaths that a check cannot be put without, ``""`` for any other."""
    if check.name in ("plausibleBeforeDeath", "plausibleDuringLife"):
        return "death"
    return "visit_occurrence" if check.name == "withinVisitDates" else ""


def _all(broken: pl.Expr) -> Pair:
    return broken.fill_null(value=False).sum(), pl.len()


def _some(broken: pl.Expr, asked: pl.Expr) -> Pair:
    return (broken & asked).fill_null(value=False).sum(), asked.fill_null(value=False).sum()


def _day(field: str) -> pl.Expr:
    return pl.col(field).cast(pl.Date)


def _null(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    return _all(pl.col(check.field).is_null())


def _integer(check: Check, kind: pl.DataType, _today: date) -> Pair:
    if kind.is_integer():
        return pl.lit(0), pl.len()
    value = pl.col(check.field)
    if not (kind.is_numeric() or kind == pl.String):
        return _all(value.is_not_null())
    number = value.cast(pl.Float64, strict=False)
    return _all(value.is_not_null() & (number.is_null() | (number != number.floor())))


def _zero(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    zero = pl.col(check.field) == 0
    # a unit is asked only of what has a number
    if check.field == "unit_concept_id":
        return _some(zero, pl.col("value_as_number").is_not_null())
    return _all(zero)


def _low(check: Check, kind: pl.DataType, today: date) -> Pair:
    value = _comparable(check.field, kind)
    return _some(value < bound(check.argument, today), value.is_not_null())


def _high(check: Check, kind: pl.DataType, today: date) -> Pair:
    value = _comparable(check.field, kind)
    return _some(value > bound(check.argument, today), value.is_not_null())


def _comparable(field: str, kind: pl.DataType) -> pl.Expr:
    return _day(field) if kind.is_temporal() else pl.col(field)


def bound(text: str, today: date) -> date | float:
    """Return a bound as the dashboard writes it: a number, a day, or something of today.

    Examples
    --------
    >>> bound("'19500101'", date(2026, 1, 1)), bound("DATEADD(dd,1,GETDATE())", date(2026, 1, 1))
    (datetime.date(1950, 1, 1), datetime.date(2026, 1, 2))
    """
    if day := re.fullmatch(r"'(\d{4})(\d\d)(\d\d)'", text):
        return date(*map(int, day.groups()))
    if later := re.fullmatch(r"DATEADD\(dd,(-?\d+),GETDATE\(\)\)", text):
        return today + timedelta(days=int(later[1]))
    if year := re.fullmatch(r"YEAR\(GETDATE\(\)\)\+(\d+)", text):
        return today.year + int(year[1])
    try:
        return float(text)
    except ValueError:
        raise DefinitionError(f"a plausible value '{text}' is neither a number nor a day") from None


def _after(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    table, _, field = check.argument.partition(".")
    earliest = pl.col(MIDYEAR) if table == "person" else _day(field)
    return _all(earliest > _day(check.field))


def _in_order(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    start, end = _day(check.field), _day(check.argument)
    return _some(start > end, start.is_not_null() & end.is_not_null())


def _after_birth(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    day = _day(check.field)
    return _some(day < pl.col(BIRTH), day.is_not_null())


def _late(check: Check) -> pl.Expr:
    return _day(check.field) > pl.col(DEATH).dt.offset_by(f"{GRACE}d")


def _before_death(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    return _some(_late(check), pl.col(check.field).is_not_null() & pl.col(DEATH).is_not_null())


def _during_life(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    return _some(_late(check), pl.col(DEATH).is_not_null())


def _within_visit(check: Check, _kind: pl.DataType, _today: date) -> Pair:
    day, start, end = _day(check.field), pl.col(VISIT_START), pl.col(VISIT_END)
    early = (day < start.dt.offset_by(f"-{AROUND}d")).fill_null(value=False)
    late = (day > end.dt.offset_by(f"{AROUND}d")).fill_null(value=False)
    return _some(early | late, pl.col(IN_VISIT))


_RULES: dict[str, Callable[[Check, pl.DataType, date], Pair]] = {
    "isRequired": _null,
    "measureValueCompleteness": _null,
    "cdmDatatype": _integer,
    "standardConceptRecordCompleteness": _zero,
    "sourceConceptRecordCompleteness": _zero,
    "plausibleValueLow": _low,
    "plausibleValueHigh": _high,
    "plausibleTemporalAfter": _after,
    "plausibleStartBeforeEnd": _in_order,
    "plausibleAfterBirth": _after_birth,
    "plausibleBeforeDeath": _before_death,
    "plausibleDuringLife": _during_life,
    "withinVisitDates": _within_visit,
}
