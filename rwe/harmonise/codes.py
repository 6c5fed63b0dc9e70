# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a local code means on a day: the look-up in the SOURCE_TO_CONCEPT_MAP of a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

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


def found(codes: pl.DataFrame, name: str, known: Meanings) -> pl.DataFrame:
    """Return what codes stood for.

    Parameters
    ----------
    codes
        Pairs of ``code``, as the source has it, and ``day``.
    name
        The vocabulary they are of.

    Returns
    -------
    pl.DataFrame
        ``code``, ``day``, ``concept``, ``domain``, and ``steps``: 0 for the code itself, 1, 2, ... for a parent
        whose meaning it takes. Several lines a pair only where a code of this vocabulary may have many concepts.
    """
    vocabulary = known.vocabularies.get(name, PLAIN)
    spelled = _spellings(codes["code"].unique().to_list(), vocabulary)
    lines = known.concepts.filter(pl.col("vocabulary") == name)
    held = (
        codes.join(spelled, on="code")
        .join(lines, left_on="spelled", right_on="code")
        .filter(pl.col("day").is_between("valid_from", "valid_to"))
    )
    nearest = pl.col("steps") == pl.col("steps").min().over("code", "day")
    return (
        held.filter(nearest).select("code", "day", "concept", "domain", "steps").unique().sort("code", "day", "concept")
    )


def listed(codes: list[str], name: str, known: Meanings) -> list[str]:
    """Return those of some codes that the vocabulary `name` holds for whatever days."""
    vocabulary = known.vocabularies.get(name, PLAIN)
    held = set(known.concepts.filter(pl.col("vocabulary") == name)["code"])
    return [code for code in codes if vocabulary.spelled(code) in held]


def _spellings(codes: list[str], vocabulary: Vocabulary) -> pl.DataFrame:
    """Return each code with its own spelling and those of the parents it falls back to, by steps."""
    rows = []
    for code in codes:
        own = vocabulary.spelled(code)
        rows += [(code, text, steps) for steps, text in enumerate([own, *vocabulary.parents(own)])]
    return pl.DataFrame(rows, schema={"code": pl.String, "spelled": pl.String, "steps": pl.Int64}, orient="row")


def asked(field: str, day: str) -> tuple[pl.Expr, pl.Expr]:
    """Return the code in `field` and the day it is read as of: a column of dates, or ``""`` for records without one."""
    return pl.col(field).alias("code"), (pl.col(day) if day else pl.lit(_NOW)).alias("day")
