# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a drop folder and each kind of file in it are declared to be."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from rwe.spec.base import Flag, Int, Part
from rwe.spec.source import SourceName

Format = Literal["csv", "xlsx", "parquet", "sas", "xport", "stata"]
Encoding = Literal["utf-8", "utf-16", "windows-1251", "iso-8859-5", "cp866"]
Letter = Annotated[str, StringConstraints(min_length=1, max_length=1)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a time zone, for example Europe/Sofia") from None
    return name


def _strptime(text: str) -> str:
    if not re.search(r"%", text) or "%f" in text:
        raise ValueError("not a format of dates, for example %d.%m.%Y or %Y-%m-%d %H:%M:%S%.f")
    return text


DateFormat = Annotated[str, AfterValidator(_strptime)]


class Folder(Part):
    """Options of a site whose records come as files.

    Parameters
    ----------
    quiet_seconds
        How long a file must have been left unchanged before it is taken for whole.
    largest_mb
        A packed file that unpacks to more is refused, before it is unpacked.
    ratio
        A packed file that unpacks to more than so many times its size is refused likewise.
    """

    quiet_seconds: Annotated[Int, Field(ge=0, le=86_400)] = 10
    largest_mb: Annotated[Int, Field(ge=1)] = 4_096
    ratio: Annotated[Int, Field(ge=2)] = 200


class Delivered(Part):
    """Options of any stream that comes as files; the stream's ``table`` is the pattern of their names.

    Parameters
    ----------
    inside
        Where the files are zip archives: pattern of the names within.
    order
        What makes a file newer than another: its ``name`` or the time it was ``modified``.
    mode
        ``append``: files bring rows that are new or changed. ``whole``: each file is all there is, so that a key
        which the newest does not hold was deleted.
    time_zone, ambiguous
        Zone of timestamps that name none, and which of the two hours is meant when a clock was set back.
    key_of
        Columns that together are the key, where no single one is.
    """

    inside: SourceName | None = None
    order: Literal["name", "modified"] = "name"
    mode: Literal["append", "whole"] = "append"
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    ambiguous: Literal["refuse", "earliest", "latest"] = "refuse"
    key_of: tuple[SourceName, ...] = ()


class Contract(Delivered):
    """Options of a stream that comes as tables in files, beside those of `Delivered`.

    Parameters
    ----------
    format
        What they are: ``sas`` is .sas7bdat, ``xport`` .xpt, ``stata`` .dta.
    encoding
        Of text in csv; of SAS and Stata where the file does not say it.
    separator, quote, decimal
        Marks of csv; thousands are never separated.
    date_format, timestamp_format
        How dates are written as text, ISO unless told: %d day, %m month, %Y year, %H:%M:%S, %.f fraction.
    null_words
        Texts that mean: no value. An empty one always does.
    sheet
        Name of the sheet of a workbook, or its first.
    header_row
        Line of the names of columns, from 1; 0 where there is none and `names` tells them.
    names
        Names of the columns, in order, where the file has none.
    width
        How many columns a file has, where that must not change.
    strict
        Whether a column that is not declared is refused too; otherwise it is told and left.
    any_case
        Whether columns may be named in capitals; they are declared in small letters.
    line_ends
        ``one``: a file must end all its lines alike; ``any``: it need not.
    """

    format: Format = "csv"
    encoding: Encoding = "utf-8"
    separator: Letter = ","
    quote: Letter = '"'
    decimal: Literal[".", ","] = "."
    date_format: DateFormat = "%Y-%m-%d"
    timestamp_format: DateFormat | None = None
    null_words: tuple[str, ...] = ()
    sheet: str | None = None
    header_row: Annotated[Int, Field(ge=0, le=1_000)] = 1
    names: tuple[SourceName, ...] = ()
    width: Annotated[Int, Field(ge=1)] | None = None
    strict: Flag = False
    any_case: Flag = False
    line_ends: Literal["one", "any"] = "one"

    @model_validator(mode="after")
    def _marks_differ(self) -> Contract:
        if len({self.separator, self.quote, *"\r\n"}) < 4:
            raise ValueError("separator and quote must differ, and neither is an end of line")
        if self.format == "csv" and self.separator == self.decimal:
            raise ValueError("separator and decimal mark are the same")
        if bool(self.names) == bool(self.header_row):
            raise ValueError("give names where, and only where, header_row is 0")
        return self

    @property
    def single_byte(self) -> bool:
        """Whether each byte is a letter, so that bytes of UTF-8 read as letters too."""
        return self.encoding in ("windows-1251", "iso-8859-5", "cp866")


def seen(name: str) -> str:
    """Return a file's name as messages may show it: ten digits on end may be someone's number.

    Examples
    --------
    >>> seen("lab-2024-01/7523169263.csv")
    'lab-2024-01/**********.csv'
    """
    return re.sub(r"\d{10}", "*" * 10, name)
