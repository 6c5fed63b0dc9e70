# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A unit: one row of a hospital's person stream, with everything of it that may be compared with another's."""

from __future__ import annotations

import polars as pl

from rwe.errors import DataError

_TEXTS = pl.List(pl.String())
UNITS = {
    "_key": pl.String(),  # site and key of the row
    "site": pl.String(),
    "person_token": pl.String(),
    "national_token": pl.String(),
    "national_masked": _TEXTS,
    "national_says": pl.String(),
    "name_tokens": _TEXTS,
    "name_near": _TEXTS,
    "birth_tokens": _TEXTS,
    "birth_year": pl.Int32(),
    "sex": pl.Int64(),
}
_ID_HEX = 15  # 60 bits


def units(rows: pl.DataFrame, site: str) -> pl.DataFrame:
    """Return the units of a hospital, in the shape of `UNITS`.

    Parameters
    ----------
    rows
        Rows of its person stream: ``_key``, ``person_token``, and what else of `UNITS` they have.
    site
        Name of the hospital.
    """
    own = rows.filter(pl.col("person_token").is_not_null())
    given = {"_key": pl.concat_str(pl.lit(f"{site}/"), "_key"), "site": pl.lit(site)}
    columns = [
        given.get(name, pl.col(name) if name in own.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in UNITS.items()
    ]
    return own.select(columns).sort("_key")


def number(token: pl.Expr) -> pl.Expr:
    """Return the first 60 bits of a token; its digits are hexadecimal."""
    return token.str.slice(0, _ID_HEX).str.to_integer(base=16, dtype=pl.Int64, strict=False)


def ids(tokens: pl.Series) -> pl.Series:
    """Return the id of a person by each token.

    Raises
    ------
    DataError
        If a token is not hexadecimal, or two different tokens give one id.
    """
    made = pl.DataFrame({"token": tokens}).with_columns(number(pl.col("token")).alias("id"))
    if unread := made["id"].null_count():
        raise DataError(f"{unread} person tokens are not hexadecimal; extract their hospital again")
    distinct = made.unique()
    if clash := distinct.height - distinct["id"].n_unique():
        raise DataError(f"{clash} pairs of people share the first 60 bits of their tokens")
    return made["id"]
