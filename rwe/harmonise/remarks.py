# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What was done to rows that were made, each under a name: nothing is mended or set aside in silence."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

NOTES = {"stream": pl.String, "record": pl.String, "_key": pl.String, "rule": pl.String, "outcome": pl.String}
CODES = {
    "stream": pl.String,
    "record": pl.String,
    "field": pl.String,
    "vocabulary": pl.String,
    "code": pl.String,
    "n": pl.Int64,
}
UNMAPPED_RULES = ("code_unmapped", "code_out_of_date", "unit_unknown")
ALONE = "*"
_SAID = "_said_"


def say(drafts: pl.DataFrame, rule: str, when: pl.Expr) -> pl.DataFrame:
    """Add a remark to the rows for which `when` holds."""
    name = f"{_SAID}{rule}"
    said = when.fill_null(value=False)
    return drafts.with_columns((pl.col(name) | said if name in drafts.columns else said).alias(name))


def unsay(drafts: pl.DataFrame, rule: str, when: pl.Expr) -> pl.DataFrame:
    """Take a remark back from the rows for which `when` holds."""
    name = f"{_SAID}{rule}"
    return drafts.with_columns((pl.col(name) & ~when.fill_null(value=False)).alias(name))


def said(rule: str, when: pl.Expr) -> pl.Expr:
    """Return the column that bears a remark from the start."""
    return when.fill_null(value=False).alias(f"{_SAID}{rule}")


def notes(drafts: pl.DataFrame, stream: str, record: str) -> pl.DataFrame:
    """Return one line a remark and source row, in the shape of `NOTES`."""
    names = [name for name in drafts.columns if name.startswith(_SAID)]
    frames = [_lines(drafts.filter(name), name.removeprefix(_SAID), stream, record) for name in names]
    return pl.concat([pl.DataFrame(schema=NOTES), *frames])


def _lines(rows: pl.DataFrame, rule: str, stream: str, record: str) -> pl.DataFrame:
    outcome = "unmapped" if rule in UNMAPPED_RULES else "repaired"
    named = {"stream": stream, "record": record, "rule": rule, "outcome": outcome}
    return (
        rows.select("_key")
        .unique(maintain_order=True)
        .with_columns(pl.lit(text).alias(name) for name, text in named.items())
        .select(*NOTES)
    )


def codes(drafts: pl.DataFrame, stream: str, record: str, fields: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Return how often each code without a concept stood in the accepted rows, in the shape of `CODES`.

    The line without a code counts those that have one; that of ``*`` the codes of one person each, which are not
    told: a name may stand where a code should. `fields` are pairs of a field and its vocabulary.
    """
    whole = drafts.filter(pl.col("rule").is_null(), pl.col("_part") == 0)
    frames = [
        _counted(whole, field).with_columns(
            stream=pl.lit(stream), record=pl.lit(record), field=pl.lit(field), vocabulary=pl.lit(vocabulary)
        )
        for field, vocabulary in fields
    ]
    return pl.concat([pl.DataFrame(schema=CODES), *(frame.select(*CODES) for frame in frames)])


def _counted(whole: pl.DataFrame, field: str) -> pl.DataFrame:
    own = pl.col(f"_code_{field}")
    code = pl.when(pl.col(field) == 0).then(own.str.strip_chars()).otherwise(pl.lit("")).alias("code")
    of_one = (pl.col("code") != "") & (pl.col("people") == 1)
    return (
        whole.filter(own.is_not_null())
        .group_by(code)
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("person_id").n_unique().alias("people"))
        .group_by(pl.when(of_one).then(pl.lit(ALONE)).otherwise("code").alias("code"))
        .agg(pl.col("n").sum())
    )
