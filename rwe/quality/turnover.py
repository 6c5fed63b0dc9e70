# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who entered, left or changed between two extracts of one hospital, and why: counts of persons, never who."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.cdm import TABLES, Cdm
from rwe.spec.omop import omop_fields

NEW, GONE = "new", "gone_or_merged"
_PERSON = ("person_id", "_source", "_source_key")
_CHANGE = {"person_id": pl.Int64, "table": pl.String, "kind": pl.String}


@dataclass(frozen=True, slots=True)
class Extract:
    """The records of one hospital as they were known once, and the source rows then refused.

    Parameters
    ----------
    cdm
        Tables of the common model with the columns of `rwe.cdm.PROVENANCE`.
    rejected
        What was refused: ``stream``, ``record``, ``_key``, ``rule`` (`rwe.harmonise.Harmonised`).
    """

    cdm: Cdm
    rejected: pl.DataFrame


def turnover(before: Extract, after: Extract) -> Iterator[dict[str, Any]]:
    """Yield how many persons entered, left, changed and stayed the same, and of each why.

    Who entered was refused before by a rule, or is new; who left is refused now by a rule, or the source no longer
    sends the row, or it was merged into another person. Who changed has rows added, removed or corrected in a table.
    """
    was, now = _people(before), _people(after)
    kept = was.join(now, on="person_id", how="semi")
    yield from _why("entered", now.join(was, on="person_id", how="anti"), before.rejected, NEW)
    yield from _why("left", was.join(now, on="person_id", how="anti"), after.rejected, GONE)
    tables = [name for name in TABLES if before.cdm.table(name) is not after.cdm.table(name)]
    changes = pl.concat([pl.DataFrame(schema=_CHANGE), *(_changes(name, before, after) for name in tables)])
    changes = changes.join(kept, on="person_id", how="semi")
    changed = changes["person_id"].n_unique()
    yield _line("changed", changed)
    yield _line("same", kept.height - changed)
    for table, kind, n in changes.group_by("table", "kind").agg(pl.len()).sort("table", "kind").iter_rows():
        yield _line("changed", n, table, kind)


def _line(outcome: str, n: int, group: str = "", stratum: str = "") -> dict[str, Any]:
    return {"group": group, "stratum": stratum, "outcome": outcome, "estimand": "people", "n": n}


def _people(extract: Extract) -> pl.DataFrame:
    return extract.cdm.table("person").select(_PERSON).collect(engine="streaming").unique("person_id")


def _why(outcome: str, people: pl.DataFrame, refused: pl.DataFrame, otherwise: str) -> Iterator[dict[str, Any]]:
    """Yield how many there are, and by the rule that refused their row in the extract that does not have them."""
    rules = refused.select(pl.col("stream").alias("_source"), pl.col("_key").alias("_source_key"), "rule")
    met = people.join(rules.unique(["_source", "_source_key"]), on=["_source", "_source_key"], how="left")
    yield _line(outcome, people.height)
    for rule, n in met.group_by(pl.col("rule").fill_null(otherwise)).agg(pl.len()).sort("rule").iter_rows():
        yield _line(outcome, n, "person", rule)


def _changes(table: str, before: Extract, after: Extract) -> pl.DataFrame:
    """Return ``person_id``, ``table`` and ``kind`` of each person of whom rows were added, removed or corrected."""
    was, now = (_marked(side.cdm.table(table), table) for side in (before, after))
    both = was.join(now, on="_key", how="full", coalesce=True, suffix="_now")
    old, new = pl.col("mark"), pl.col("mark_now")
    kind = pl.when(old.is_null()).then(pl.lit("added")).when(new.is_null()).then(pl.lit("removed"))
    kind = kind.when(old != new).then(pl.lit("corrected"))
    person = pl.coalesce("person_id_now", "person_id")
    found = both.select(person_id=person, table=pl.lit(table), kind=kind).filter(pl.col("kind").is_not_null())
    return found.unique().collect(engine="streaming")


def _marked(rows: pl.LazyFrame, table: str) -> pl.LazyFrame:
    # a hash of one process, only to tell two versions of a row apart within it
    said = pl.struct(*omop_fields()[table]).hash()
    return rows.select("_key", "person_id", mark=said)
