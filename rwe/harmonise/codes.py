# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a local code means on a day: the look-up in the SOURCE_TO_CONCEPT_MAP of a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from rwe.spec.mapping import Mapping as SourceMapping
from rwe.spec.measures import Measure
from rwe.spec.vocabulary import PLAIN, Vocabulary

UNMAPPED = 0  # OMOP: a code without a concept keeps its row, with concept 0 and its source value
_NOW = date(2099, 12, 31)  # OMOP's last day of what is valid today; the day of records that have none
_SCHEMA = {
    "vocabulary": pl.String,
    "code": pl.String,
    "concept": pl.Int64,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "domain": pl.String,
}


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the words of a hospital mean.

    Parameters
    ----------
    concepts
        The map: ``vocabulary``, ``code`` as it is compared, ``concept``, ``valid_from``, ``valid_to``, ``domain``
        of the concept (null where not known).
    vocabularies
        How codes are written.
    measures
        Standard units and limits by concept.
    """

    concepts: pl.DataFrame
    vocabularies: Mapping[str, Vocabulary]
    measures: Mapping[int, Measure]


def meanings(mapping: SourceMapping, domains: Mapping[int, str]) -> Meanings:
    """Return what a mapping says of codes and measures; `domains` are those of OMOP by concept, as far as known."""
    vocabularies = mapping.source.vocabularies
    rows = [
        (
            rule.vocabulary,
            vocabularies.get(rule.vocabulary, PLAIN).spelled(rule.code),
            rule.concept_id,
            rule.valid_from,
            rule.valid_to,
            domains.get(rule.concept_id),
        )
        for rule in mapping.concepts
    ]
    return Meanings(pl.DataFrame(rows, schema=_SCHEMA, orient="row"), vocabularies, mapping.measures)


def found(rows: pl.DataFrame, name: str, known: Meanings) -> pl.DataFrame:
    """Return what codes stood for.

    Parameters
    ----------
    rows
        With ``_code``, as the source has it, and ``_day``, the day that it is read as of.
    name
        The vocabulary they are of.

    Returns
    -------
    pl.DataFrame
        ``code``, ``day``, ``concept``, ``domain``, and ``steps``: 0 for the code itself, 1, 2, ... for a parent
        whose meaning it takes. The day is null for a code that means the same on all days of these rows. Several lines
        a pair only where a code of this vocabulary may have many concepts.
    """
    first, last = rows.select(pl.col("_day").min().alias("first"), pl.col("_day").max().alias("last")).row(0)
    codes = rows["_code"].unique().drop_nulls()
    spelled = _spellings(codes.to_list(), known.vocabularies.get(name, PLAIN))
    lines = spelled.join(known.concepts.filter(pl.col("vocabulary") == name), left_on="spelled", right_on="code")
    throughout = (pl.col("valid_from") <= pl.lit(first, pl.Date)) & (pl.col("valid_to") >= pl.lit(last, pl.Date))
    dated = lines.filter(~throughout).select("code").unique()
    held = lines.join(dated, on="code", how="anti").with_columns(day=pl.lit(None, pl.Date))
    if not dated.is_empty():
        pairs = rows.select(code="_code", day="_day").join(dated, on="code", how="semi").drop_nulls().unique()
        read = pairs.join(lines, on="code").filter(pl.col("day").is_between("valid_from", "valid_to"))
        held = pl.concat([held, read.select(held.columns)])
    nearest = pl.col("steps") == pl.col("steps").min().over("code", "day")
    return (
        held.filter(nearest).select("code", "day", "concept", "domain", "steps").unique().sort("code", "day", "concept")
    )


def listed(codes: list[str], name: str, known: Meanings) -> list[str]:
    """Return those of some codes that the vocabulary `name` holds for whatever days."""
    vocabulary = known.vocabularies.get(name, PLAIN)
    held = set(known.concepts.filter(pl.col("vocabulary") == name)["code"])
    return [code for code in codes if _ways(vocabulary, code)[0] in held]


def with_codes(rows: pl.DataFrame, field: str, day: str) -> pl.DataFrame:
    """Add ``_code``, the code in `field`, and ``_day``, that it is read as of: a column, or ``""`` for the present."""
    on = pl.col(day) if day else pl.lit(_NOW)
    return rows.with_columns(pl.when(on.is_not_null()).then(pl.col(field)).alias("_code"), on.alias("_day"))


def looked_up(rows: pl.DataFrame, meant: pl.DataFrame, *, many: bool = False) -> pl.DataFrame:
    """Join what codes mean to rows with ``_code`` and ``_day``, which go.

    Parameters
    ----------
    meant
        By ``code`` and ``day``, in the way of `found`.
    many
        Whether a code may have several lines.
    """
    how: dict[str, Any] = {"how": "left", "maintain_order": "left_right", "validate": "m:m" if many else "m:1"}
    dated = meant.filter(pl.col("day").is_not_null())["code"].unique()
    if dated.is_empty():
        return rows.join(meant.drop("day"), left_on="_code", right_on="code", **how).drop("_code", "_day")
    day = pl.when(pl.col("_code").is_in(dated.implode())).then("_day").alias("_day")
    keyed = rows.with_columns(day)
    on: dict[str, Any] = {"left_on": ["_code", "_day"], "right_on": ["code", "day"], "nulls_equal": True}
    return keyed.join(meant, **on, **how).drop("_code", "_day")


def _spellings(codes: list[str], vocabulary: Vocabulary) -> pl.DataFrame:
    """Return each code with its own spelling and those of the parents it falls back to, by steps."""
    rows = []
    for code in codes:
        rows += [(code, text, steps) for steps, text in enumerate(_ways(vocabulary, code))]
    return pl.DataFrame(rows, schema={"code": pl.String, "spelled": pl.String, "steps": pl.Int64}, orient="row")


@lru_cache(1 << 16)
def _ways(vocabulary: Vocabulary, code: str) -> tuple[str, ...]:
    """Return the spelling of a code and those of its parents; the same codes come with every part of a hospital."""
    own = vocabulary.spelled(code)
    return own, *vocabulary.parents(own)
