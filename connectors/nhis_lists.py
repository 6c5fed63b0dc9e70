# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Nomenclatures of NHIS (CL001, CL011, ...) from files of C002 answers, as one typed table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from connectors.nhis_folder import Folder
from connectors.nhis_message import read_message
from connectors.nhis_xml import Element, Limits, Malformed
from rwe.errors import DataError

SCHEMA = {
    "list_id": pl.String(),
    "key": pl.String(),
    "description": pl.String(),
    "valid_from": pl.String(),
    "valid_until": pl.String(),
    "meta": pl.String(),
}
LIMITS = Limits(size=256 * 2**20, elements=5_000_000)  # ICD-10 and the medicines have tens of thousands of entries
# an element of the entry, or the name of a meta pair such as "Valid since version"
_VALID = {
    "valid_from": ("validsinceversion", "validsince", "validfromversion", "validfrom"),
    "valid_until": ("validuntilversion", "validuntil", "validtoversion", "validto"),
}
_LIST = re.compile(r"CL\d{3}")


def read_nomenclatures(folder: Path) -> pl.DataFrame:
    """Return the entries of every C002 answer in a folder (.xml, .zip).

    Parameters
    ----------
    folder
        Where the answers of ``/v1/nomenclatures/all/get`` were saved.

    Returns
    -------
    pl.DataFrame
        ``list_id`` (CL011), ``key``, ``description``, ``valid_from`` and ``valid_until`` (the version of the list
        since and until which the key is valid, as it is written), ``meta`` (JSON text, names sorted); sorted by
        list and key. It can be written as csv or parquet as it is.

    Raises
    ------
    SourceUnreachable
        If the folder is not there.
    DataError
        If a file is no such answer, or two answers tell different things of one key and version.
    """
    here = Folder(folder, LIMITS.size)
    rows: list[dict[str, Any]] = []
    for path in sorted(here.files()):
        try:
            for place in here.places(path):
                rows += _entries(here.data(place))
        except Malformed as exc:
            raise DataError(f"nomenclature file {path} was not read: {exc}") from None
        finally:
            here.close()
    made = pl.DataFrame(rows, schema=SCHEMA).unique().sort("list_id", "key", "valid_from", nulls_last=False)
    twice = made.filter(pl.struct("list_id", "key", "valid_from").is_duplicated())["list_id"].unique().sort()
    if twice.len():
        raise DataError(
            f"lists {', '.join(twice)}: files tell different things of one key; keep the newest answer only"
        )
    return made


def _entries(data: bytes) -> Iterator[dict[str, Any]]:
    message = read_message(data, LIMITS)
    if message.kind != "C002":
        raise Malformed("it is not a C002 answer")
    contents = message.root.all("contents")[0]
    for answer in (contents, *contents.all("nomenclature")):
        name = _value(answer, "nomenclatureId") or _value(contents, "nomenclatureId")
        for entry in answer.all("entry"):
            key = _value(entry, "key")
            if not name or not _LIST.fullmatch(name) or not key:
                raise Malformed("an entry has no key, or the answer no nomenclatureId such as CL011")
            said = _said(entry)
            times = {column: next(filter(None, map(said.get, names)), None) for column, names in _VALID.items()}
            description = _value(entry, "description")
            yield {"list_id": name, "key": key, "description": description, **times, "meta": _meta(entry)}


def _said(entry: Element) -> dict[str, str | None]:
    """Return what the entry's elements and its meta pairs say, by their names without case, blanks and marks."""
    elements = {child.name: child.attributes.get("value") or None for child in entry.children}
    pairs = {_value(one, "name") or "": _value(one, "value") for one in entry.all("meta")}
    return {re.sub(r"[^a-z]", "", name.casefold()): value for name, value in (pairs | elements).items()}


def _meta(entry: Element) -> str | None:
    pairs = sorted((_value(one, "name") or "", _value(one, "value") or "") for one in entry.all("meta"))
    return json.dumps(dict(pairs), ensure_ascii=False) if pairs else None


def _value(parent: Element, name: str) -> str | None:
    found = parent.all(name)
    return (found[0].attributes.get("value") or None) if found else None
