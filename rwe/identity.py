# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudonyms: who a person is becomes keyed tokens, made before anything is written.

A token is the first 128 bits of HMAC-SHA-256 over a domain and the normalised value, so equal
values give equal tokens within a domain and say nothing without the key. What links people:

- the person number of one source, in that source's own domain;
- the national number, in the domain shared by all sources, whole and with each neighbouring pair of
  digits masked: one wrong digit, or two swapped, leave at least one masked token equal;
- the birth date, whole, without its day, its month or its year, and with day and month in either order;
- the parts of the name in Latin letters; and, together with the birth date, the whole name with each letter left
  out: one letter wrong, missing or too many leaves at least one of these equal. Such a token meets only those of
  people born on the same day, so it says nothing of how common a name is.

The year of birth stays, and what the national number says of itself (`rwe.national.national_says`). An identifier
that is empty or holds a NUL gets no token; the rows of such a person are counted when they are harmonised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from itertools import chain

import numpy as np
import polars as pl

from rwe.buffers import in_lists
from rwe.national import national_says
from rwe.recall import Recall
from rwe.spec.source import Column
from rwe.tokens import tokens

NATIONAL, NAME, BIRTH = "national", "name", "birth"
NEAR_HEX = 16  # 64 bits tell apart the names of people born on one day
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
        ``national_masked`` (list of text), ``national_says`` (text), ``birth_year`` (Int32), ``birth_tokens`` (list
        of five texts: the whole date, then without day, month, year, then with day and month in either order),
        ``name_tokens`` and ``name_near`` (lists of text, sorted, each once).

    Examples
    --------
    >>> rows = pl.DataFrame({"no": ["A1", "а1 "], "sex": ["F", "F"]})
    >>> out = pseudonymise(rows, {"no": Column(type="text", role="person")}, b"k" * 32, "clinic/person")
    >>> out.columns, out["person_token"].n_unique()
    (['sex', 'person_token'], 1)
    """
    raw = [name for name, column in columns.items() if column.role]
    known = people or person_tokens(key, domain)
    births = next((rows[name] for name in raw if columns[name].role == "birth_date"), None)
    made = [
        _ROLES[column.role](rows[name], key, known, births) for name, column in columns.items() if column.role in _ROLES
    ]
    names = [name for name in raw if columns[name].role == "name"]
    parts = _names(rows.select(names), births, key) if names else []
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


def _person(numbers: pl.Series, _key: bytes, people: Recall, _births: pl.Series | None) -> list[pl.Series]:
    return [people(numbers.cast(pl.String)).alias("person_token")]


def _national(column: pl.Series, key: bytes, _people: Recall, births: pl.Series | None) -> list[pl.Series]:
    numbers = _normalised(column)
    whole, masked = tokens(key, NATIONAL, numbers), _masked(key, numbers)
    says = national_says(numbers, births)
    return [whole.alias("national_token"), masked.alias("national_masked"), says.alias("national_says")]


def _birth(days: pl.Series, key: bytes, _people: Recall, _births: pl.Series | None) -> list[pl.Series]:
    year, month, day = (days.dt.to_string(part) for part in ("%Y", "%m", "%d"))
    parts = pl.DataFrame({"y": year, "m": month, "d": day}).with_columns(
        low=pl.min_horizontal("m", "d"), high=pl.max_horizontal("m", "d")
    )
    spelled = ("{y}-{m}-{d}", "{y}-{m}-", "{y}--{d}", "-{m}-{d}", "{y}/{low}/{high}")
    texts = [_spelled(parts, form) for form in spelled]
    made = pl.DataFrame([tokens(key, BIRTH, text).alias(str(i)) for i, text in enumerate(texts)])
    together = made.select(pl.when(days.is_not_null()).then(pl.concat_list(pl.all())).alias("birth_tokens"))
    return [days.dt.year().cast(pl.Int32).alias("birth_year"), together.to_series()]


def _spelled(parts: pl.DataFrame, form: str) -> pl.Series:
    names = re.findall(r"{(\w+)}", form)
    return parts.select(pl.format(re.sub(r"{\w+}", "{}", form), *names)).to_series()


_ROLES: dict[str | None, Callable[[pl.Series, bytes, Recall, pl.Series | None], list[pl.Series]]] = {
    "person": _person,
    "national_id": _national,
    "birth_date": _birth,
}


def _names(names: pl.DataFrame, births: pl.Series | None, key: bytes) -> list[pl.Series]:
    """Return the tokens of the parts of each row's names, and of the whole name but one letter with the birth date."""
    parts = pl.concat([_parts(name) for name in names]).unique().sort("row", "part")
    alone = parts.select("row", token=tokens(key, NAME, parts["part"]))
    made = [_gathered(alone, names.height).alias("name_tokens")]
    days = (
        births.dt.to_string("%Y-%m-%d") if births is not None else pl.Series([None] * names.height, dtype=pl.String())
    )
    whole = parts.group_by("row", maintain_order=True).agg(pl.col("part").str.join(" ").alias("name"))
    dated = whole.with_columns(day=days.gather(whole["row"])).drop_nulls("day")
    short = pl.concat([dated, _shortened(dated)])
    texts = short.select(pl.concat_str("name", pl.lit("\0"), "day")).to_series()
    near = short.select("row", token=tokens(key, f"{NAME}/near", texts).str.slice(0, NEAR_HEX))
    return [*made, _gathered(near, names.height).alias("name_near")]


def _shortened(names: pl.DataFrame) -> pl.DataFrame:
    """Return each name once for each of its letters, without it."""
    place, name = pl.col("place").cast(pl.Int64), pl.col("name")
    each = names.with_columns(place=pl.int_ranges(name.str.len_chars())).explode("place").drop_nulls("place")
    without = pl.concat_str(name.str.slice(0, place), name.str.slice(place + 1))
    return each.with_columns(without.alias("name")).drop("place")


def _gathered(each: pl.DataFrame, height: int) -> pl.Series:
    """Return the tokens of each row as a list, sorted, each once."""
    each = each.unique().sort("row", "token")
    counts = np.bincount(each["row"].to_numpy(), minlength=height)
    return in_lists(each["token"], pl.Series(counts))


def _parts(name: pl.Series) -> pl.DataFrame:
    """Return the parts of the names of a column, with the row of each."""
    spelled = name.drop_nulls().unique()
    found = pl.DataFrame({"name": spelled, "part": pl.Series(map(name_parts, spelled), dtype=_TEXTS)})
    rows = pl.DataFrame({"name": name, "row": range(name.len())})
    return rows.join(found, on="name").explode("part").drop_nulls("part").select("row", "part")
