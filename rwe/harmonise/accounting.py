# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The account of all source rows: rows in = accepted + rejected + merged, always.

Lines with an empty ``record`` count source rows, each once. Lines of a record count the same rows
as that record saw them, where a row may also be ``absent``: it had nothing to say there. ``unmapped``
and ``repaired`` are counted beside, they are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.errors import DataError

MERGED = ("duplicate_person", "duplicate_row")
ABSENT = ("nothing_recorded", "other_kind")
_LINE = ["stream", "record", "_key"]


def outcome() -> pl.Expr:
    """Return what the verdict ``rule`` means for a line."""
    return (
        pl.when(pl.col("rule").is_null())
        .then(pl.lit("accepted"))
        .when(pl.col("rule").is_in(MERGED))
        .then(pl.lit("merged"))
        .when(pl.col("rule").is_in(ABSENT))
        .then(pl.lit("absent"))
        .otherwise(pl.lit("rejected"))
        .alias("outcome")
    )


def close(ledger: pl.DataFrame) -> pl.DataFrame:
    """Give each source row its own verdict: accepted if any record was made of it.

    A row without one bears the rule of its records, a refusal before a merger; a row that no record
    had a use for is refused as ``no_record``.
    """
    rows, records = ledger.filter(pl.col("record") == ""), ledger.filter(pl.col("record") != "")
    rank = outcome().replace_strict({"rejected": 0, "merged": 1, "absent": 2, "accepted": 3}, return_dtype=pl.Int8)
    why = pl.when(~pl.col("rule").is_in(ABSENT)).then("rule")
    found = records.group_by("stream", "_key").agg(
        pl.col("rule").is_null().any().alias("made"), why.sort_by(rank, "rule", "record").first().alias("why")
    )
    rows = rows.join(found, on=["stream", "_key"], how="left", maintain_order="left", validate="1:1")
    unused = pl.when(~pl.col("made").fill_null(value=False)).then(pl.coalesce("why", pl.lit("no_record")))
    closed = rows.with_columns(pl.coalesce("rule", unused).alias("rule")).drop("made", "why")
    return pl.concat([closed, records])


def account(ledger: pl.DataFrame, notes: pl.DataFrame) -> pl.DataFrame:
    """Return ``stream``, ``record``, ``rule``, ``outcome``, ``n``; the rule of what was simply accepted is ``""``."""
    made = ledger.filter(pl.col("rule").is_null()).select(_LINE)
    lines = pl.concat(
        [
            ledger.select("stream", "record", "rule", outcome()),
            notes.join(made, on=_LINE, how="semi").select("stream", "record", "rule", "outcome"),
        ]
    )
    keys = ["stream", "record", "rule", "outcome"]
    counted = lines.with_columns(pl.col("rule").fill_null("")).group_by(keys).agg(pl.len().cast(pl.Int64).alias("n"))
    return counted.sort(keys)


def check(accounting: pl.DataFrame, rows_in: Mapping[str, int]) -> None:
    """Hold the account against the rows that came in.

    Raises
    ------
    DataError
        If the lines of a stream or of one of its records do not add up: a bug here or in the landing table.
    """
    whole = accounting.filter(~pl.col("outcome").is_in(["unmapped", "repaired"]))
    sums = whole.group_by("stream", "record").agg(pl.col("n").sum())
    for stream, record, n in sums.sort("stream", "record").iter_rows():
        if n != rows_in[stream]:
            raise DataError(f"stream '{stream}' record '{record}': {n} rows accounted for, {rows_in[stream]} came in")
    counted = set(sums.filter(pl.col("record") == "")["stream"])
    if lost := sorted(stream for stream, n in rows_in.items() if n and stream not in counted):
        raise DataError(f"no row of stream {', '.join(lost)} is accounted for")


def rejected(ledger: pl.DataFrame) -> pl.DataFrame:
    """Return ``stream``, ``record``, ``_key``, ``rule`` of what was refused.

    A row that was refused as a whole stands once, with an empty ``record``; records refused from a
    row that was kept stand by their names.
    """
    refused = ledger.filter(outcome() == "rejected")
    rows = refused.filter(pl.col("record") == "")
    parts = refused.filter(pl.col("record") != "").join(rows, on=["stream", "_key"], how="anti")
    return pl.concat([rows, parts]).select("stream", "record", "_key", "rule").sort("stream", "_key", "record")
