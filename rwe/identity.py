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

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np
import polars as pl

from rwe.buffers import in_lists
from rwe.recall import Recall
from rwe.spec.source import Column
from rwe.tokens import tokens

NATIONAL, NAME = "national", "name"
_MASK = "\x00\x00"
_KEPT = r"^[!-`{-~]+$"  # printable, without space and small letters: `normalise` gives these back
_TEXTS = pl.List(pl.String())

# Capitals that look alike in both alphabets, typed in the wrong one by accident.
_TO_LATIN = str.maketrans("АВЕКМНОРСТУХІЈЅ", "ABEKMHOPCTYXIJS")
_TO_CYRILLIC = str.maketrans("ABEKMHOPCTYX", "АВЕКМНОРСТУХ")
# The Bulgarian Transliteration Act of 2009.
_LATIN = str.maketrans(
    {"Ж": "ZH", "Ц": "TS", "Ч": "CH", "Ш": "SH", "Щ": "SHT", "Ю": "YU", "Я": "YA"}
    | dict(zip("АБВГДЕЗИЙКЛМНОПРСТУФХЪЬ", "ABVGDEZIYKLMNOPRSTUFHAY", strict=True))
)


def person_tokens(key: bytes, domain: str) -> Recall:
    """Return what gives the tokens of a source's own person numbers, and knows those again that it gave."""
    return Recall(lambda numbers: tokens(key, domain, _normalised(numbers)))


def pseudonymise(
    rows: pl.DataFrame, columns: Mapping[str, Column], key: bytes, domain: str, people: Recall | None = None
) -> pl.DataFrame:
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
    people
        `person_tokens` of this key and domain, where many batches are pseudonymised.

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
    known = people or person_tokens(key, domain)
    made = [_ROLES[column.role](rows[name], key, known) for name, column in columns.items() if column.role in _ROLES]
    names = [name for name in raw if columns[name].role == "name"]
    births = [rows[name] for name in raw if columns[name].role == "birth_date"]
    parts = [_name_tokens(rows.select(names), births, key)] if names else []
    return rows.drop(raw).with_columns(*chain.from_iterable(made), *parts)


def normalise(text: str) -> str | None:
    """Return an identifier in its one spelling, or None where it says nothing.

    Compatibility forms, case, white space, signs that do not show (soft hyphens, marks of direction) and
    look-alike letters of the other alphabet make no difference; leading zeros do.

    Examples
    --------
    >>> normalise(" ав 012"), normalise("AB012"), normalise("  ")
    ('AB012', 'AB012', None)
    """
    shown = (letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    bare = "".join("".join(shown).split())
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


def _normalised(texts: pl.Series) -> pl.Series:
    """Return what `normalise` says of each text; asked once for each spelling, and not of those it would keep."""
    odd = texts.filter(~texts.str.contains(_KEPT)).unique()
    if odd.is_empty():
        return texts
    said = pl.Series([normalise(text) for text in odd], dtype=pl.String())
    return pl.select(pl.lit(texts).replace_strict(odd, said, default=pl.lit(texts))).to_series()


def _masked(key: bytes, numbers: pl.Series) -> pl.Series:
    """Return the tokens of each number with each neighbouring pair of its digits masked."""
    usual = numbers.str.contains("^[0-9]{10}$")
    column, places = pl.col("number"), pl.col("place")
    rows = pl.DataFrame({"number": numbers, "place": range(numbers.len())})
    hidden = [pl.concat_str(column.str.slice(0, i), pl.lit(_MASK), column.str.slice(i + 2)) for i in range(9)]
    many = rows.filter(usual).select(places, pl.concat_list(hidden).alias("hidden"))
    rest = rows.filter(~usual)
    few = pl.DataFrame({"place": rest["place"], "hidden": pl.Series(map(_hidden, rest["number"]), dtype=_TEXTS)})
    texts = rows.join(pl.concat([many, few]), on="place", how="left", maintain_order="left")["hidden"]
    said = texts.explode(empty_as_null=False, keep_nulls=False)
    return in_lists(tokens(key, f"{NATIONAL}/masked", said), texts.list.len())


def _hidden(text: str) -> list[str]:
    pairs = (i for i in range(len(text) - 1) if text[i : i + 2].isdecimal())
    return [f"{text[:i]}{_MASK}{text[i + 2 :]}" for i in pairs]


def _person(numbers: pl.Series, _key: bytes, people: Recall) -> list[pl.Series]:
    return [people(numbers.cast(pl.String)).alias("person_token")]


def _national(numbers: pl.Series, key: bytes, _people: Recall) -> list[pl.Series]:
    known = _normalised(numbers)
    whole = tokens(key, NATIONAL, known)
    return [whole.alias("national_token"), _masked(key, known).alias("national_masked")]


def _birth(days: pl.Series, _key: bytes, _people: Recall) -> list[pl.Series]:
    return [days.dt.year().cast(pl.Int32).alias("birth_year")]


_ROLES: dict[str | None, Callable[[pl.Series, bytes, Recall], list[pl.Series]]] = {
    "person": _person,
    "national_id": _national,
    "birth_date": _birth,
}


def _name_tokens(names: pl.DataFrame, births: Sequence[pl.Series], key: bytes) -> pl.Series:
    days = births[0].dt.to_string("%Y-%m-%d") if births else pl.Series([None] * names.height, dtype=pl.String())
    parts = pl.concat([_parts(name, days) for name in names])
    born = pl.select(pl.concat_str(parts["part"], pl.lit("\0"), parts["day"])).to_series()
    alone = parts.select("row", token=tokens(key, NAME, parts["part"]))
    dated = parts.select("row", token=tokens(key, f"{NAME}/birth", born))
    each = pl.concat([alone, dated]).drop_nulls().unique().sort("row", "token")
    counts = np.bincount(each["row"].to_numpy(), minlength=names.height)
    return in_lists(each["token"], pl.Series(counts)).alias("name_tokens")


def _parts(name: pl.Series, days: pl.Series) -> pl.DataFrame:
    """Return the parts of the names of a column, with the row and the birth date of each."""
    spelled = name.drop_nulls().unique()
    found = pl.DataFrame({"name": spelled, "part": pl.Series(map(name_parts, spelled), dtype=_TEXTS)})
    rows = pl.DataFrame({"name": name, "day": days, "row": range(name.len())})
    return rows.join(found, on="name").explode("part").drop_nulls("part").select("row", "part", "day")
