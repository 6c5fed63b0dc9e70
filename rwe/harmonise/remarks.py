# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What was done to rows that were made, each under a name: nothing is mended or set aside in silence."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

CODES = {
    "stream": pl.String,
    "record": pl.String,
    "field": pl.String,
    "vocabulary": pl.String,
    "code": pl.String,
    "n": pl.Int64,
    "people": pl.Int64,
}
UNMAPPED_RULES = ("code_unmapped", "code_out_of_date", "unit_unknown")
ALONE = "*"
SAID = "_said_"


def say(drafts: pl.DataFrame, rule: str, when: pl.Expr) -> pl.DataFrame:
    """Add a remark to the rows for which `when` holds."""
    name = f"{SAID}{rule}"
    said = when.fill_null(value=False)
    return drafts.with_columns((pl.col(name) | said if name in drafts.columns else said).alias(name))


def unsay(drafts: pl.DataFrame, rule: str, when: pl.Expr) -> pl.DataFrame:
    """Take a remark back from the rows for which `when` holds."""
    name = f"{SAID}{rule}"
    return drafts.with_columns((pl.col(name) & ~when.fill_null(value=False)).alias(name))


def said(rule: str, when: pl.Expr) -> pl.Expr:
    """Return the column that bears a remark from the start."""
    return when.fill_null(value=False).alias(f"{SAID}{rule}")


def outcome(rule: str) -> str:
    """Return what a remark counts as."""
    return "unmapped" if rule in UNMAPPED_RULES else "repaired"


def codes(drafts: pl.DataFrame, stream: str, record: str, fields: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Return how often each code without a concept stood in the accepted rows, and of how many people.

    In the shape of `CODES`; the line without a code counts those that have one. `fields` are pairs of a field and its
    vocabulary.
    """
    fields = list(fields)
    names = ["person_id", *(name for field, _ in fields for name in (field, f"_code_{field}"))]
    whole = drafts.select(names).filter(drafts["rule"].is_null() & (drafts["_part"] == 0)) if fields else drafts
    frames = [
        _counted(whole, field).with_columns(
            stream=pl.lit(stream), record=pl.lit(record), field=pl.lit(field), vocabulary=pl.lit(vocabulary)
        )
        for field, vocabulary in fields
    ]
    return pl.concat([pl.DataFrame(schema=CODES), *(frame.select(*CODES) for frame in frames)])


def _counted(whole: pl.DataFrame, field: str) -> pl.DataFrame:
    own, mapped = pl.col(f"_code_{field}"), pl.col(field) != 0
    lost = whole.filter(own.is_not_null(), ~mapped)
    found = whole.select(n=(own.is_not_null() & mapped).sum().cast(pl.Int64)).filter(pl.col("n") > 0)
    people = pl.col("person_id").n_unique().cast(pl.Int64).alias("people")
    return pl.concat(
        [
            found.select(pl.lit("").alias("code"), "n", people=pl.lit(0, pl.Int64)),
            lost.group_by(own.str.strip_chars().alias("code")).agg(pl.len().cast(pl.Int64).alias("n"), people),
        ]
    )


def shares(codes: pl.DataFrame) -> pl.DataFrame:
    """Return the counts of codes with their share of all rows that have a code in the same field, most first.

    The line of ``*`` counts the codes of one person each, which are not told: a name may stand where a code should.
    """
    whole = ["stream", "record", "field", "vocabulary"]
    code = pl.when((pl.col("code") != "") & (pl.col("people") == 1)).then(pl.lit(ALONE)).otherwise("code").alias("code")
    counted = codes.group_by(*whole, code).agg(pl.col("n").sum())
    share = (pl.col("n") / pl.col("n").sum().over(whole)).alias("share")
    return counted.with_columns(share).sort(*whole, pl.col("code") != "", -pl.col("n"), "code")
