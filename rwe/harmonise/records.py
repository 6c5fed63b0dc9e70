# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A record: what the rules of one (stream, record) make of each source row.

Every row gets a verdict: the name of the rule that keeps it out, or none. Rows without one are rows
of the common model that its schema has accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from rwe.cdm import ROWS
from rwe.harmonise import measured, remarks
from rwe.harmonise.codes import Meanings
from rwe.harmonise.dates import in_order
from rwe.harmonise.fields import Record, values, verdict
from rwe.harmonise.ids import bucket, event_id
from rwe.harmonise.translate import coded, translate
from rwe.spec.omop import dated_by, omop_fields

_MARKS = ("_row", "_row_id", "_commit", "_part")
_LINE = ("_row", "_commit", "person_id", "rule", "day")


@dataclass(frozen=True, slots=True)
class Made:
    """What a record made of the rows of a stream.

    Parameters
    ----------
    rows
        Rows of the common model, in the shape of `rwe.cdm.TABLES`, each with ``_row``, the number of its source row.
    lines
        One line a source row, in their order: ``_row``, ``_commit``, ``person_id``, ``day``, ``rule``, which is null
        where the row made a record, and what is remarked of it (`remarks.said`).
    codes
        How often codes stood in them, in the shape of `remarks.CODES`.
    """

    record: Record
    rows: pl.DataFrame
    lines: pl.DataFrame
    codes: pl.DataFrame

    def judged(self, lines: pl.DataFrame) -> Made:
        """Return it with other verdicts."""
        return replace(self, lines=lines)

    def accepted(self) -> pl.DataFrame:
        """Return the rows of the common model whose lines stand."""
        stand = self.lines["rule"].is_null()
        if stand.all():
            return self.rows
        return self.rows.filter(stand.gather(self.rows["_row"]))


def make(rows: pl.DataFrame, record: Record, known: Meanings) -> Made:
    """Make a record from each of `rows`.

    Parameters
    ----------
    rows
        Source rows with ``_row`` (0, 1, 2, ...), ``_key`` (unique), ``_commit``, ``_row_id``, ``_person`` (its id) and
        ``_rule``, the verdict on the row as a whole: where it is not null no record is made; perhaps with
        ``_known``, the day on which the row was landed.
    record
        The rules to apply.
    known
        What codes, units and measures mean.
    """
    rows, read = record.read(rows)
    landed = [name for name in ("_known",) if name in rows.columns]
    drafts = rows.select(
        *("_row", "_key", "_commit", "_row_id", *landed),
        pl.col("_person").alias("person_id"),
        pl.coalesce("_rule", verdict(record, read)).alias("rule"),
        *values(record, read),
    )
    drafts = in_order(drafts, record.table)
    drafts = translate(drafts, record.rules, known, record.elsewhere)
    if record.table == measured.TABLE:
        units_read = any(rule.how == "unit" for rule in record.rules)
        drafts = measured.standardise(drafts, known, units_read=units_read)
    drafts, made = _conform(_dated(drafts, record), record)
    fields = [(field, rule.argument) for field, rule in coded(record.rules).items()]
    codes = remarks.codes(drafts, record.stream, record.name, fields)
    return Made(record, made, _lines(drafts), codes)


def _lines(drafts: pl.DataFrame) -> pl.DataFrame:
    """Return one line a source row: of one that made several, the first that nothing kept out."""
    told = [name for name in drafts.columns if name.startswith(remarks.SAID)]
    lines = drafts.select(*_LINE, *told, "_part")
    if (lines["_part"] > 0).any():
        lines = lines.with_columns(pl.col(name).any().over("_row") for name in told)
        lines = lines.sort("_row", pl.col("rule").is_not_null(), "_part")
        lines = lines.unique("_row", keep="first", maintain_order=True)
    return lines.drop("_part")


def _dated(drafts: pl.DataFrame, record: Record) -> pl.DataFrame:
    day = dated_by(record.table)
    return drafts.with_columns((pl.col(day) if day else pl.lit(None, dtype=pl.Date)).alias("day"))


def _conform(drafts: pl.DataFrame, record: Record) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the drafts with the schema's verdict added, and the rows that it accepts.

    Whether ids are unique is no property of a row and is left to the end: a person sent twice is two rows here.
    """
    schema = ROWS[record.table]
    parts = 1 + int(drafts.select(pl.col("_part").max().fill_null(0)).item())
    wanted = [name for name in drafts.columns if name in _MARKS or name in schema.column_names()]
    stand = drafts.select(wanted).filter(drafts["rule"].is_null())
    filled = stand.with_columns(_engine_columns(record, parts))
    absent = [pl.lit(None, dtype=c.dtype).alias(n) for n, c in schema.columns().items() if n not in filled.columns]
    made, places = filled.with_columns(absent).select(schema.column_names()), filled["_row"]
    failure = schema.filter(made).failure
    if not len(failure):
        return drafts, made.with_columns(places)
    details = failure.details()
    broken = details.select(pl.col("_key").alias("_made"), _first_broken(details).alias("_broken"))
    drafts = drafts.with_columns(_made_key(record, parts).alias("_made"))
    drafts = drafts.join(broken, on="_made", how="left", maintain_order="left", validate="1:1")
    kept = made.with_columns(places).join(broken, left_on="_key", right_on="_made", how="anti", maintain_order="left")
    return drafts.with_columns(pl.coalesce("rule", "_broken").alias("rule")).drop("_broken", "_made"), kept


def _first_broken(details: pl.DataFrame) -> pl.Expr:
    """Return the name of the first schema rule that a row breaks, such as ``drug_source_value|max_length``."""
    rules = [name for name, kind in details.schema.items() if isinstance(kind, pl.Enum)]
    return pl.coalesce(*(pl.when(pl.col(n) == "invalid").then(pl.lit(n)) for n in rules), pl.lit(None, dtype=pl.String))


def _made_key(record: Record, parts: int) -> pl.Expr:
    """Return the key of a row of the common model: that of its source row, and the number of a further part."""
    key = pl.concat_str(pl.lit(f"{record.stream}/{record.name}/"), "_key")
    if parts == 1:
        return key
    return pl.when(pl.col("_part") == 0).then(key).otherwise(pl.concat_str(key, pl.lit("/"), "_part"))


def _engine_columns(record: Record, parts: int) -> list[pl.Expr]:
    key = [f.name for f in omop_fields()[record.table].values() if f.primary_key and f.name != "person_id"]
    return [
        *(event_id(record.name, parts).alias(name) for name in key),
        _made_key(record, parts).alias("_key"),
        pl.lit(record.stream).alias("_source"),
        pl.col("_key").alias("_source_key"),
        pl.col("_commit").alias("_source_commit"),
        bucket(pl.col("person_id")).alias("bucket"),
    ]
