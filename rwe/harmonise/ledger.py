# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What became of the rows of one stream: a verdict on each as a whole, and one by each record that it feeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from rwe.harmonise.records import Made

LINE = ("stream", "record", "_row")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The verdicts on the rows of a stream, all in the order of the rows.

    Parameters
    ----------
    rows
        The source rows, with ``_row`` (0, 1, 2, ...) and ``_key``.
    whole
        ``_row``, ``person_id`` and ``rule`` of each row as a whole.
    records
        What the records of the stream made of them.
    """

    stream: str
    rows: pl.DataFrame
    whole: pl.DataFrame
    records: tuple[Made, ...]

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return the lines by record; those of ``""`` are of the rows as a whole."""
        return {"": self.whole, **{made.record.name: made.lines for made in self.records}}

    def named(self, lines: pl.DataFrame, record: str) -> pl.DataFrame:
        """Add to some lines of a record whose they are: ``stream``, ``record`` and ``_key``."""
        keys = self.rows["_key"].gather(lines["_row"])
        return lines.with_columns(keys, stream=pl.lit(self.stream), record=pl.lit(record))

    def put(self, lines: Mapping[str, pl.DataFrame]) -> Ledger:
        """Return it with other lines for some records."""
        made = tuple(one.judged(lines.get(one.record.name, one.lines)) for one in self.records)
        return replace(self, whole=lines.get("", self.whole), records=made)

    def mark(self, verdicts: pl.DataFrame) -> Ledger:
        """Write `verdicts` (``stream``, ``record``, ``_row``, ``rule``) where no other rule stands already."""
        mine = verdicts.filter(pl.col("stream") == self.stream)
        if mine.is_empty():
            return self
        frames = self.frames()
        parts = {str(name): part for (name,), part in mine.partition_by("record", as_dict=True).items()}
        return self.put({name: _marked(frames[name], part) for name, part in parts.items()})


def _marked(lines: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    named = verdicts.select("_row", pl.col("rule").alias("_new"))
    joined = lines.join(named, on="_row", how="left", maintain_order="left", validate="1:1")
    return joined.with_columns(pl.coalesce("rule", "_new").alias("rule")).drop("_new")


def mark(ledgers: Iterable[Ledger], verdicts: pl.DataFrame) -> list[Ledger]:
    """Write verdicts on the lines that they name; of several on one line the first counts."""
    first = verdicts.unique(LINE, keep="first", maintain_order=True)
    return [ledger.mark(first) for ledger in ledgers]
