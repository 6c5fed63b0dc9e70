# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who a person is: one id for all rows of one national number, or a named reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rwe.harmonise.records import Made
from rwe.harmonise.remarks import NOTES
from rwe.spec.omop import omop_fields
from rwe.spec.source import Stream


@dataclass(frozen=True, slots=True)
class People:
    """The persons of a hospital.

    Parameters
    ----------
    made
        Rows of ``person`` (one a person) and the ledger of the person stream.
    tokens
        ``person_token`` -> ``_person``: whom the rows of a hospital's own number belong to.
    """

    made: Made
    tokens: pl.DataFrame

    @property
    def ids(self) -> pl.DataFrame:
        """The accepted persons: ``person_id`` and ``year_of_birth``."""
        return self.made.rows.select("person_id", "year_of_birth")

    def verdict(self) -> pl.Expr:
        """Return the rule against rows of ``_person``, null where the person was accepted."""
        return (
            pl.when(pl.col("_person").is_null())
            .then(pl.lit("unknown_person"))
            .when(~pl.col("_person").is_in(self.ids["person_id"].implode()))
            .then(pl.lit("person_set_aside"))
        )


def resolve(rows: pl.DataFrame, made: Made) -> People:
    """Merge the rows of one person and refuse those that contradict each other.

    Parameters
    ----------
    rows
        Rows of the person stream: ``_key``, ``person_token``, ``national_token``, ``_person``.
    made
        What the person record made of them.

    Notes
    -----
    Rows of one person that agree on every field are merged into the first by key
    (``duplicate_person``). Rows that disagree, and hospital numbers that stand for two persons, are
    refused together (``conflicting_person``): which of them is right cannot be known here.
    """
    tokens = rows.select("person_token", "_person").drop_nulls().unique().sort("person_token", "_person")
    two = pl.col("_person").n_unique().over("person_token") > 1
    clashing = pl.concat([_contradicted(made.rows), tokens.filter(two)["_person"]]).unique()
    rule = pl.coalesce(
        "rule", pl.when(pl.col("person_id").is_in(clashing.implode())).then(pl.lit("conflicting_person"))
    )
    ledger = made.ledger.sort("_key").with_columns(rule)
    again = pl.col("rule").is_null() & (pl.col("_key") != pl.col("_key").first().over("person_id", "rule"))
    ledger = ledger.with_columns(pl.when(again).then(pl.lit("duplicate_person")).otherwise("rule").alias("rule"))
    kept = ledger.filter(pl.col("rule").is_null()).select(pl.col("_key").alias("_source_key"))
    notes = pl.concat([made.notes, _without_number(rows, ledger)])
    return People(
        Made(made.rows.join(kept, on="_source_key", how="semi"), ledger, notes, made.codes),
        tokens.unique("person_token", keep="first", maintain_order=True),
    )


def _contradicted(rows: pl.DataFrame) -> pl.Series:
    """Return the persons whose rows differ in any field of ``person``."""
    facts = [name for name in omop_fields()["person"] if name != "person_id"]
    differs = pl.any_horizontal(pl.col(fact).n_unique() > 1 for fact in facts)
    return rows.group_by("person_id").agg(differs.alias("differs")).filter("differs")["person_id"]


def _without_number(rows: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Note the persons known by the hospital's own number only: they cannot be linked to other hospitals."""
    lacking = rows.filter(pl.col("national_token").is_null()).select("_key")
    named = ledger.join(lacking, on="_key", how="semi").select("stream", "record", "_key")
    return named.with_columns(rule=pl.lit("no_national_id"), outcome=pl.lit("repaired")).select(*NOTES)


def is_again(stream: Stream) -> pl.Expr:
    """Whether a row says nothing that an earlier row of the same person has not said.

    The key and the cursor are the hospital's bookkeeping and are not compared.
    """
    content = [name for name, c in stream.columns.items() if c.role is None and name not in (stream.key, stream.cursor)]
    return ~pl.struct("_person", *content).is_first_distinct()
