# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Blocking: which of all pairs of units are looked at, because they share something that few people share.

A pair is looked at where both have the same national number, or one that differs within two neighbouring digits; the
same birth date and a part of the name, or the whole name but one letter; the same whole name and a birth date that
differs in one part; or the same number of one hospital. A token borne by more than `MOST` units says nothing
of a person and is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rwe.link.units import number

MOST = 200
_PAIR = ["i", "j"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs to look at.

    Parameters
    ----------
    units
        The units with a number ``i`` from 0, and what is compared as whole numbers: ``national``, ``names`` (the same
        for the same whole name), ``parts`` (list), ``births`` (list of five), ``first_birth`` (the whole date).
    pairs
        ``i`` < ``j``, each once; ``national_near`` (null, ``near`` or ``tail``: only the last two digits differ),
        ``name_near`` (whether the whole names are one letter apart at most, on one birth date).
    passed_over
        Tokens borne by too many.
    """

    units: pl.DataFrame
    pairs: pl.DataFrame
    passed_over: int


def candidates(found: pl.DataFrame) -> Candidates:
    """Return the pairs of `found`, in the shape of `rwe.link.units.UNITS`, that are looked at."""
    rows = _numbered(found)
    near, over = _near_numbers(rows)
    alike, over_names = _near_names(rows.select("i", "names", birth="first_birth"), rows)
    parts = rows.select("i", birth="first_birth", part="parts")
    partly = rows.select("i", "names", pl.col("births").list.slice(1).alias("birth"))
    blocks = [
        _block(rows.select("i", "national"), ["national"]),
        _block(_exploded(parts, "part"), ["birth", "part"]),
        _block(_exploded(partly, "birth"), ["names", "birth"]),
        _block(rows.select("i", "site", "person_token"), ["site", "person_token"]),
    ]
    pairs = pl.concat([near.select(_PAIR), alike.select(_PAIR), *(pairs for pairs, _ in blocks)]).unique()
    pairs = pairs.join(near, on=_PAIR, how="left").join(alike, on=_PAIR, how="left").sort(_PAIR)
    pairs = pairs.with_columns(pl.col("name_near").fill_null(value=False))
    return Candidates(rows, pairs, over + over_names + sum(n for _, n in blocks))


def _numbered(found: pl.DataFrame) -> pl.DataFrame:
    """Return the units with whole numbers in place of tokens: these compare sooner and take less room."""
    each = pl.element()
    lists = [
        pl.col(name).list.eval(number(each)).list.drop_nulls().fill_null([]).alias(made)
        for name, made in (("name_tokens", "parts"), ("birth_tokens", "births"), ("name_near", "near"))
    ]
    whole = pl.col("name_tokens").list.join(",")
    first = pl.col("births").list.get(0, null_on_oob=True)
    return (
        found.with_row_index("i")
        .with_columns(
            number(pl.col("national_token")).alias("national"),
            pl.when(whole != "").then(whole.rank("dense")).alias("names"),
            *lists,
        )
        .with_columns(first.alias("first_birth"))
    )


def _exploded(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.explode(name).drop_nulls(name)


def _block(keyed: pl.DataFrame, keys: list[str]) -> tuple[pl.DataFrame, int]:
    """Return the pairs of units that share the keys, and how many keys are shared by too many."""
    keyed = keyed.drop_nulls().unique()
    sizes = keyed.group_by(keys).len().filter(pl.col("len") > 1)
    few = keyed.join(sizes.filter(pl.col("len") <= MOST), on=keys, how="semi")
    pairs = few.join(few, on=keys, suffix="_other").filter(pl.col("i") < pl.col("i_other"))
    over = sizes.filter(pl.col("len") > MOST).height
    return pairs.select("i", pl.col("i_other").alias("j")).unique(), over


def _near_numbers(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the pairs whose different national numbers agree but for two neighbouring digits."""
    first = rows.drop_nulls("national").unique("national", keep="first", maintain_order=True)
    masked = first.select(
        "national", mask="national_masked", place=pl.int_ranges(pl.col("national_masked").list.len())
    ).explode("mask", "place")
    masked = masked.drop_nulls().select(
        pl.col("national").alias("i"), number(pl.col("mask")).alias("mask"), (pl.col("place") == 8).alias("tail")
    )
    shared, over = _block(masked.select("i", "mask"), ["mask"])
    body, _ = _block(masked.filter(~pl.col("tail")).select("i", "mask"), ["mask"])
    kind = shared.join(body.with_columns(national_near=pl.lit("near")), on=_PAIR, how="left")
    kind = kind.with_columns(pl.col("national_near").fill_null("tail"))
    return _spread(kind, rows.select("i", "national"), "national"), over


def _near_names(looks: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the pairs of one birth date whose different whole names are one letter apart."""
    look = looks.with_columns(look=pl.struct("names", "birth").rank("dense").cast(pl.Int64)).drop_nulls("birth")
    first = look.unique("look", keep="first", maintain_order=True).join(rows.select("i", "near"), on="i")
    shared, over = _block(_exploded(first.select(pl.col("look").alias("i"), "near"), "near"), ["near"])
    return _spread(shared.with_columns(name_near=pl.lit(value=True)), look.select("i", "look"), "look"), over


def _spread(pairs: pl.DataFrame, members: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the pairs of units that bear the pairs of values of `by`."""
    left = pairs.rename({"i": by, "j": "_other"}).join(members, on=by).drop(by)
    both = left.join(members.rename({"i": "j"}), left_on="_other", right_on=by).drop("_other")
    return both.with_columns(pl.min_horizontal("i", "j").alias("i"), pl.max_horizontal("i", "j").alias("j")).unique(
        _PAIR
    )
