# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudonyms: who a person is becomes keyed tokens, made before anything is written.

A token is the first 128 bits of HMAC-SHA-256 over a domain and the normalised value, so equal
values give equal tokens within a domain and say nothing without the key. What links people:

- the person number of one source, in that source's own domain;
- the national number, in the domain shared by all sources, whole and with each neighbouring pair of
  digits masked: one wrong digit, or two swapped, leave at least one masked token equal;
- the parts of the name in Latin letters, alone and with the birth date.

The year of birth stays. An identifier that is empty or holds a NUL gets no token; the rows of such a
person are counted when they are harmonised.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rwe.chain import fsync, on_disk
from rwe.errors import MachineError, Refused
from rwe.spec.source import Column

KEY_BYTES = 32
NATIONAL, NAME = "national", "name"
_MASK = "\x00\x00"

# Capitals that look alike in both alphabets, typed in the wrong one by accident.
_TO_LATIN = str.maketrans("АВЕКМНОРСТУХІЈЅ", "ABEKMHOPCTYXIJS")
_TO_CYRILLIC = str.maketrans("ABEKMHOPCTYX", "АВЕКМНОРСТУХ")
# The Bulgarian Transliteration Act of 2009.
_LATIN = str.maketrans(
    {"Ж": "ZH", "Ц": "TS", "Ч": "CH", "Ш": "SH", "Щ": "SHT", "Ю": "YU", "Я": "YA"}
    | dict(zip("АБВГДЕЗИЙКЛМНОПРСТУФХЪЬ", "ABVGDEZIYKLMNOPRSTUFHAY", strict=True))
)


def load_or_make_key(home: Path) -> bytes:
    """Return the linkage key of this machine, made once.

    Parameters
    ----------
    home
        The user's data folder; the key is its ``key/linkage.key``, readable by its owner only.

    Raises
    ------
    Refused
        If others may read the key.
    MachineError
        If it cannot be read or written, or is gone while the records made with it are there.
    """
    path = home / "key" / "linkage.key"
    if not path.exists():
        if next((home / "store").glob("*/landing/*"), None) is not None:
            raise MachineError(f"{path} is gone, but records pseudonymised with it are in {home / 'store'}; restore it")
        _make_key(path)
    with on_disk(path):
        if path.stat().st_mode & 0o077:
            raise Refused(f"others may read {path}; run: chmod 400 '{path}'")
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise MachineError(f"{path} is not a key of {KEY_BYTES} bytes; restore it from a backup")
    return key


def _make_key(path: Path) -> None:
    with on_disk(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{secrets.token_hex(8)}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)  # fails where another process was first: then its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        fsync(path.parent)


def pseudonymise(rows: pl.DataFrame, columns: Mapping[str, Column], key: bytes, domain: str) -> pl.DataFrame:
    """Return the rows with tokens in place of everything that says who a person is.

    Parameters
    ----------
    rows
        Rows as the hospital holds them.
    columns
        The stream's columns; those with a role are replaced.
    key
        The linkage key.
    domain
        Domain of the source's own person numbers, ``<site>/person``.

    Returns
    -------
    pl.DataFrame
        The other columns, then as the roles say ``person_token`` (text), ``national_token`` (text),
        ``national_masked`` (list of text), ``name_tokens`` (list of text, sorted, each once) and
        ``birth_year`` (Int32).

    Examples
    --------
    >>> rows = pl.DataFrame({"no": ["A1", "а1 "], "sex": ["F", "F"]})
    >>> out = pseudonymise(rows, {"no": Column(type="text", role="person")}, b"k" * 32, "clinic/person")
    >>> out.columns, out["person_token"].n_unique()
    (['sex', 'person_token'], 1)
    """
    raw = [name for name, column in columns.items() if column.role]
    tokens = (_ROLES[column.role](rows, name, key, domain) for name, column in columns.items() if column.role in _ROLES)
    names = [name for name in raw if columns[name].role == "name"]
    births = [rows[name] for name in raw if columns[name].role == "birth_date"]
    parts = [_name_tokens(rows.select(names), births, key)] if names else []
    return rows.drop(raw).with_columns(*(series for made in tokens for series in made), *parts)


def normalise(text: str) -> str | None:
    """Return an identifier in its one spelling, or None where it says nothing.

    Compatibility forms, case, white space and look-alike letters of the other alphabet make no
    difference; leading zeros do.

    Examples
    --------
    >>> normalise(" ав 012"), normalise("AB012"), normalise("  ")
    ('AB012', 'AB012', None)
    """
    bare = "".join(unicodedata.normalize("NFKC", text).split())
    plain = unicodedata.normalize("NFKC", bare.upper()).translate(_TO_LATIN)
    return plain if plain and "\x00" not in plain else None


def name_parts(text: str) -> list[str]:
    """Return the parts of a name in Latin capitals.

    Examples
    --------
    >>> name_parts("Мария-Луиза"), name_parts("Mariya Luíza")
    (['MARIA', 'LUIZA'], ['MARIA', 'LUIZA'])
    """
    return [_latin(part) for part in re.split(r"[\W\d_]+", unicodedata.normalize("NFKC", text).upper()) if part]


def _latin(part: str) -> str:
    cyrillic = sum("\u0400" <= letter <= "\u04ff" for letter in part)
    part = part.translate(_TO_CYRILLIC).translate(_LATIN) if 2 * cyrillic > len(part) else part.translate(_TO_LATIN)
    bare = "".join(letter for letter in unicodedata.normalize("NFD", part) if not unicodedata.combining(letter))
    return re.sub(r"IYA$", "IA", bare)


def _token(key: bytes, domain: str, text: str) -> str:
    return hmac.digest(key, f"{domain}\x00{text}".encode(), "sha256")[:16].hex()


def _masked(key: bytes, text: str) -> list[str]:
    pairs = (i for i in range(len(text) - 1) if text[i : i + 2].isdecimal())
    return [_token(key, f"{NATIONAL}/masked", f"{text[:i]}{_MASK}{text[i + 2 :]}") for i in pairs]


def _each(texts: pl.Series, make: Callable[[str], Any], dtype: pl.DataType) -> pl.Series:
    """Return what `make` says of each normalised text, computed once for each spelling."""
    plain = {text: normalise(text) for text in texts.drop_nulls().unique()}
    made = {text: None if said is None else make(said) for text, said in plain.items()}
    return pl.Series([made.get(text) for text in texts], dtype=dtype)


def _person(rows: pl.DataFrame, name: str, key: bytes, domain: str) -> list[pl.Series]:
    numbers = rows[name].cast(pl.String)
    return [_each(numbers, lambda text: _token(key, domain, text), pl.String()).alias("person_token")]


def _national(rows: pl.DataFrame, name: str, key: bytes, _domain: str) -> list[pl.Series]:
    whole = _each(rows[name], lambda text: _token(key, NATIONAL, text), pl.String())
    masked = _each(rows[name], lambda text: _masked(key, text), pl.List(pl.String()))
    return [whole.alias("national_token"), masked.alias("national_masked")]


def _birth(rows: pl.DataFrame, name: str, _key: bytes, _domain: str) -> list[pl.Series]:
    return [rows[name].dt.year().cast(pl.Int32).alias("birth_year")]


_ROLES: dict[str | None, Callable[[pl.DataFrame, str, bytes, str], list[pl.Series]]] = {
    "person": _person,
    "national_id": _national,
    "birth_date": _birth,
}


def _name_tokens(names: pl.DataFrame, births: Sequence[pl.Series], key: bytes) -> pl.Series:
    parts = {text: name_parts(text) for name in names for text in name.drop_nulls().unique()}
    alone = {part: _token(key, NAME, part) for part in {part for found in parts.values() for part in found}}
    days = births[0].dt.to_string("%Y-%m-%d").to_list() if births else [None] * names.height
    rows = (
        sorted({*(alone[p] for p in found), *(_token(key, f"{NAME}/birth", f"{p}\x00{day}") for p in found if day)})
        for texts, day in zip(names.iter_rows(), days, strict=True)
        for found in [[part for text in texts if text is not None for part in parts[text]]]
    )
    return pl.Series("name_tokens", list(rows), dtype=pl.List(pl.String()))
