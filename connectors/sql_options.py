# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a site and a stream may say of a database beyond the common grammar; registered statements among it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from rwe.errors import DefinitionError
from rwe.spec.base import Int, Part
from rwe.spec.source import Stream

Days = Annotated[Int, Field(ge=0, le=36_500)]
# Comments before the SELECT; possessive, so that no comment is taken to reach behind its own end.
_SELECT = re.compile(r"(?:\s|--[^\n]*+|/\*(?!M?!)(?:[^*]|\*(?!/))*+\*/)*+(?:select|with)\b", re.IGNORECASE)


class SqlSite(Part):
    """Options of a site.

    Parameters
    ----------
    overlap_days
        How far before the place read last each reading begins, where the cursor is a time: a row written late
        under an old time is found within it; rows that say nothing new are dropped by the store. Older ones
        are found when all keys are compared.
    retry_seconds
        The most that the five tries after a lost connection may wait in all.
    """

    overlap_days: Days = 7
    retry_seconds: Annotated[Int, Field(ge=0, le=120)] = 120


class SqlStream(Part):
    """Options of a stream.

    Parameters
    ----------
    overlap_days
        As for the site, for this stream.
    sql, sha256
        A file with one SELECT, beside the mapping's other files, and the sha256 of its bytes: it is read in
        place of a table, paged by the key and the cursor that are among the declared columns.
    zero_dates
        What to do with MariaDB's ``0000-00-00``: refuse the stream with their number, or read them as empty.
    """

    overlap_days: Days | None = None
    sql: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*\.sql$")] | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    zero_dates: Literal["refuse", "empty"] = "refuse"

    @model_validator(mode="after")
    def _a_statement_has_its_hash(self) -> SqlStream:
        if (self.sql is None) != (self.sha256 is None):
            raise ValueError("sql and sha256 go together: the file, and the sha256 of its bytes")
        return self


def statement(folder: Path, name: str, stream: Stream, settings: SqlStream) -> str:
    """Return the registered statement of a stream, or nothing where it reads a table.

    Raises
    ------
    DefinitionError
        If the file is missing, was changed, is not one SELECT, or leaves the mapping folder.
    """
    if settings.sql is None:
        return ""
    where, path = f"stream '{name}': {settings.sql}", (folder / settings.sql).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise DefinitionError(f"{where}: there is no such file in the mapping folder")
    found = path.read_bytes()
    if hashlib.sha256(found).hexdigest() != settings.sha256:
        raise DefinitionError(f"{where}: its sha256 is not the registered one; read the change, then register it")
    for paging in (stream.key, stream.cursor):
        if paging not in stream.columns:
            raise DefinitionError(f"{where}: the key and the cursor of a statement are declared among its columns")
    return _one_select(found, where)


def _one_select(found: bytes, where: str) -> str:
    try:
        text = found.decode("utf-8")
    except UnicodeDecodeError:
        raise DefinitionError(f"{where}: it is not UTF-8") from None
    if ";" in text or "\x00" in text or not _SELECT.match(text):
        raise DefinitionError(f"{where}: it holds one SELECT without a semicolon, and nothing else")
    # Comments stay: what begins one within a text or a quoted name, each database knows in its own way.
    return text.strip() + "\n"
