# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who a person is: one id for all rows of one national number, or as linked, or a named reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rwe.harmonise.ids import check_ids, person_id
from rwe.harmonise.records import Made
from rwe.spec.omop import omop_fields
from rwe.spec.source import Stream

NUMBER, NATIONAL = "person_token", "national_token"
OWN = "_own"  # the id that a row of the person stream gives itself
LINKED = "_linked"  # the id that linking gave it, where the rows of several hospitals were linked


@dataclass(frozen=True, slots=True)
class Identities:
    """Who is who in a hospital: all that the rows of one person need to know of the others.

    Parameters
    ----------
    tokens
        ``person_token`` -> ``_person``: whom the rows of a hospital's own number belong to.
    clashing
        Persons of a number that stands for two.
    pairs
        Every pair of ``person_token`` and ``_person``.
    linked
        Whether linking said who is who.
    """

    tokens: pl.DataFrame
    clashing: pl.Series
    pairs: pl.DataFrame
    linked: bool = False

    def named(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Add to rows whose they are, as ``_person``; null where the number is nobody's."""
        known = self.tokens.lazy().select(*_short(), "_person").rename({"_check": "_same"})
        found = rows.with_columns(_short()).join(known, on="_short", how="left", maintain_order="left")
        whose = pl.when(pl.col("_check") == pl.col("_same")).then("_person")
        return found.with_columns(whose.alias("_person")).drop("_short", "_check", "_same")


def _short() -> tuple[pl.Expr, pl.Expr]:
    """Return 128 bits that stand for a token: joined by the first 64, it costs a third of a join by its text."""
    return pl.col(NUMBER).hash(1).alias("_short"), pl.col(NUMBER).hash(2).alias("_check")


def own_id(columns: list[str]) -> pl.Expr:
    """Return the id of a row of the person stream: as linked, else from the national number, else the hospital's."""
    if LINKED in columns:
        return pl.col(LINKED)
    tokens = [name for name in (NATIONAL, NUMBER) if name in columns]
    return person_id(pl.coalesce(tokens))


def identities(rows: pl.LazyFrame, stream: str) -> Identities:
    """Return who is who by the rows of the person stream.

    Raises
    ------
    DataError
        If a token is not hexadecimal, or two different tokens give the same id.
    """
    columns = rows.collect_schema().names()
    token = pl.coalesce([name for name in (NATIONAL, NUMBER) if name in columns])
    told = rows.select(NUMBER, token=token, _person=own_id(columns)).collect(engine="streaming")
    if LINKED not in columns:
        check_ids(told.select("token", "_person"), stream)
    pairs = told.select(NUMBER, "_person").drop_nulls().unique().sort(NUMBER, "_person")
    two = pairs.filter(pl.col(NUMBER).is_duplicated())["_person"].unique()
    return Identities(pairs.unique(NUMBER, keep="first", maintain_order=True), two, pairs, LINKED in columns)


def resolve(rows: pl.DataFrame, made: Made, who: Identities) -> Made:
    """Merge the rows of one person and refuse those that contradict each other.

    Parameters
    ----------
    rows
        Rows of the person stream: ``_key``, ``_numbered`` (it has a national number), ``_person``.
    made
        What the person record made of them.
    who
        Who is who in the whole hospital.

    Notes
    -----
    Rows of one person that agree on every field are merged into the first by key (``duplicate_person``). Rows that
    disagree, and hospital numbers that stand for two persons, are refused together (``conflicting_person``): which of
    them is right cannot be known here. Where linking said that they are one person it weighed what they disagree on:
    the row that agrees with most of the others on year of birth and sex stands, with a remark (``facts_disagree``).
    """
    differing = _contradicted(made.rows)
    refused = who.clashing if who.linked else pl.concat([differing, who.clashing])
    clash = pl.when(pl.col("_person").is_in(refused.unique().implode())).then(pl.lit("conflicting_person"))
    lines = made.lines.with_columns(rows["_person"], rows["_key"]).with_columns(pl.coalesce("rule", clash))
    open_twice = lines.filter(pl.col("rule").is_null(), pl.col("_person").is_duplicated())
    ordered = open_twice.join(_agreeing(made.rows), on="_row").sort("_agree", "_key", descending=[True, False])
    again = ordered.filter(~pl.col("_person").is_first_distinct())["_row"]
    second = pl.when(pl.col("_row").is_in(again.implode())).then(pl.lit("duplicate_person"))
    lines = lines.with_columns(
        pl.coalesce("rule", second),
        _said_no_national_id=~rows["_numbered"],
        _said_facts_disagree=pl.col("_person").is_in(differing.implode()),
    )
    return made.judged(lines.drop("_person", "_key"))


def _agreeing(rows: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows of a person say the same year of birth and sex as each does."""
    return rows.select("_row", _agree=pl.len().over("person_id", "year_of_birth", "gender_concept_id"))


def _contradicted(rows: pl.DataFrame) -> pl.Series:
    """Return the persons whose rows differ in any field of ``person``."""
    facts = [name for name in omop_fields()["person"] if name != "person_id"]
    several = rows.filter(pl.col("person_id").is_duplicated())
    differs = pl.any_horizontal(pl.col(fact).n_unique() > 1 for fact in facts)
    return several.group_by("person_id").agg(differs.alias("differs")).filter("differs")["person_id"]


def again(rows: pl.DataFrame, stream: Stream) -> pl.Series:
    """Return the rows (``_row``) that say nothing that another row of the same person has not said, the first by key.

    The key and the cursor are the hospital's bookkeeping and are not compared.
    """
    content = [name for name, c in stream.columns.items() if c.role is None and name not in (stream.key, stream.cursor)]
    said = rows.select("_person", *content)
    hashes = said.hash_rows()  # by hash first: a row is compared if it must be
    ordered = np.sort(hashes.to_numpy())  # half the work of a table of all hashes, and few of them stand twice
    twice = pl.Series(ordered[1:][ordered[1:] == ordered[:-1]], dtype=pl.UInt64).unique()
    alike = rows.filter(hashes.is_in(twice.implode())).sort("_key")
    return alike.filter(~pl.struct("_person", *content).is_first_distinct())["_row"]
