# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The ways to fill a field of the common model: what each fills and reads, what stands in its argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import available_timezones

from rwe.errors import Problem
from rwe.spec.omop import omop_fields
from rwe.spec.sheet import Row, suggest

CODED = ("code", "result", "unit")
SERIAL = "serial"
SHAPED = ("local_date", "text_date", "text_moment")


@dataclass(frozen=True, slots=True)
class How:
    """One way to fill a field.

    Parameters
    ----------
    fills
        Kinds of OMOP field it can fill.
    reads
        Types of source column it can read; empty if it reads none.
    argument
        What stands in the column `argument`; ``""`` if nothing does.
    """

    fills: tuple[str, ...]
    reads: tuple[str, ...] = ()
    argument: str = ""


HOWS = {
    "birth_year": How(("integer",), ("date",)),
    "code": How(("integer",), ("text", "integer"), "a source_vocabulary_id of concepts.csv"),
    "concept": How(("integer",), (), "a concept id"),
    "constant": How(("varchar", "integer", "float"), (), "the value"),
    "date": How(("date",), ("date",)),
    "first_record": How(("date",)),
    "inferred": How(("date",), (), "another date field of this record"),
    "last_record": How(("date",)),
    "local_date": How(("date",), ("timestamp",), "a time zone, such as Europe/Sofia"),
    "link": How(("integer",), (), "another record of this stream"),
    "number": How(("integer", "float"), ("text", "integer", "number")),
    "result": How(("float",), ("text",), "the source_vocabulary_id of results in words"),
    "text": How(("varchar",), ("text", "integer", "number")),
    "supply_end": How(("date",), ("text", "integer", "number"), "the date field of this record that it begins on"),
    "text_date": How(("date",), ("text",), "the form of the date, such as %d.%m.%Y, or several with | between"),
    "text_moment": How(("date",), ("text",), "a time zone and the form, such as Europe/Sofia %d.%m.%Y %H:%M"),
    "unit": How(("integer",), ("text",), "the source_vocabulary_id of units in other words than UCUM"),
    "when": How((), ("text", "integer"), "the codes, such as A|B"),
}


def argument(row: Row, vocabularies: set[str]) -> Iterator[Problem]:
    """Yield the faults of a line's argument; `vocabularies` are those that its codes may be of."""
    wanted, given = HOWS[row["how"]].argument, row["argument"]
    if bool(wanted) != bool(given):
        yield row.problem("argument", f"'{row['how']}' needs {wanted}" if wanted else f"'{row['how']}' takes none")
    elif row["how"] in CODED and given not in vocabularies:
        yield row.problem("argument", f"no such vocabulary in concepts.csv{suggest(given, vocabularies)}")
    elif row["how"] == "concept" and not given.isdecimal():
        yield row.problem("argument", "a concept id is a whole number")
    elif row["how"] in SHAPED:
        yield from _shape(row)
    elif row["how"] == "constant" and not _fits(row):
        yield row.problem("argument", "does not fit the type of the field")


def _shape(row: Row) -> Iterator[Problem]:
    """Yield faults of a time zone or of the forms of a date."""
    forms = row["argument"]
    if row["how"] != "text_date":
        zone, _, forms = forms.partition(" ")
        if zone not in available_timezones():
            yield row.problem("argument", f"no such time zone{suggest(zone, available_timezones())}")
    if row["how"] == "local_date":
        if forms:
            yield row.problem("argument", "'local_date' needs a time zone and nothing else")
    elif not all(_is_form(form, row["how"]) for form in forms.split("|")):
        yield row.problem("argument", "the form of a date needs %d, %m and %Y (or %y)")


def _is_form(form: str, how: str) -> bool:
    if form == SERIAL:
        return how == "text_date"
    return "%d" in form and "%m" in form and ("%Y" in form) != ("%y" in form)


def _fits(row: Row) -> bool:
    field = omop_fields()[row["table"]].get(row["field"])
    read: dict[str, Callable[[str], object]] = {"integer": int, "float": float}
    try:
        read.get(field.kind if field else "varchar", str)(row["argument"])
    except ValueError:
        return False
    return True
