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
TAIL = 8  # the place of the last two of ten digits
TURN = 50_000  # units whose names are compared letter by letter at a time
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
    near, over = _near_numbers(rows.select("i", "national"), found["national_masked"])
    alike, over_names = _near_names(rows, found["name_near"])
    birth, partly = pl.col("first_birth"), pl.col("births").list
    keys = [pl.col("national"), number(pl.col("person_token")), *(partly.get(i, null_on_oob=True) for i in range(1, 5))]
    whole = [key.xor(pl.col("names")) for key in keys[2:]]
    blocks = [_block(rows.select("i", key=key)) for key in (*keys[:2], *whole)]
    blocks.append(_block(_exploded(rows.select("i", "first_birth", key="parts")).select("i", key=birth.xor("key"))))
    pairs = pl.concat([near.select(_PAIR), alike.select(_PAIR), *(pairs for pairs, _ in blocks)]).unique()
    pairs = pairs.join(near, on=_PAIR, how="left").join(alike, on=_PAIR, how="left").sort(_PAIR)
    pairs = pairs.with_columns(pl.col("name_near").fill_null(value=False))
    return Candidates(rows, pairs, over + over_names + sum(n for _, n in blocks))


def _numbered(found: pl.DataFrame) -> pl.DataFrame:
    """Return the units with whole numbers in place of tokens: these compare sooner and take less room."""
    each, whole = pl.element(), pl.col("name_tokens").list.join(",")
    parts, births = (
        pl.col(name).list.eval(number(each)).list.drop_nulls().fill_null([]) for name in ("name_tokens", "birth_tokens")
    )
    return found.with_row_index("i").select(
        *("i", "site", "person_token", "national_says", "birth_year", "sex"),
        number(pl.col("national_token")).alias("national"),
        pl.when(whole != "").then(whole.rank("dense").cast(pl.Int64)).alias("names"),
        parts.alias("parts"),
        births.alias("births"),
        births.list.get(0, null_on_oob=True).alias("first_birth"),
    )


def _exploded(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.explode("key").drop_nulls("key")


def _block(keyed: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the pairs of ``i`` that share a ``key``, and how many keys are shared by too many."""
    shared = keyed.drop_nulls("key").filter(pl.col("key").is_duplicated()).unique()
    sizes = shared.group_by("key").len().filter(pl.col("len") > 1)
    few = shared.join(sizes.filter(pl.col("len") <= MOST), on="key", how="semi")
    pairs = few.join(few, on="key", suffix="_other").filter(pl.col("i") < pl.col("i_other"))
    over = sizes.filter(pl.col("len") > MOST).height
    return pairs.select("i", pl.col("i_other").alias("j")).unique(), over


def _near_numbers(rows: pl.DataFrame, masked: pl.Series) -> tuple[pl.DataFrame, int]:
    """Return the pairs whose different national numbers agree but for two neighbouring digits.

    A masked token is of its place, so each place is looked at on its own.
    """
    numbered = rows.with_columns(mask=masked).drop_nulls("national")
    first = numbered.unique("national", keep="first", maintain_order=True).select(pl.col("national").alias("i"), "mask")
    places = int(first.select(pl.col("mask").list.len().max().fill_null(0)).item() or 0)
    mask = pl.col("mask").list
    found = [_block(first.select("i", key=number(mask.get(i, null_on_oob=True)))) for i in range(places)]
    kinds = [pairs.with_columns(tail=pl.lit(place == TAIL)) for place, (pairs, _) in enumerate(found)]
    empty = pl.DataFrame(schema={"i": pl.Int64, "j": pl.Int64, "tail": pl.Boolean})
    kind = pl.concat([empty, *kinds]).group_by(_PAIR).agg(pl.col("tail").all())
    said = kind.select(*_PAIR, national_near=pl.when("tail").then(pl.lit("tail")).otherwise(pl.lit("near")))
    return _spread(said, rows.select("i", "national"), "national"), sum(n for _, n in found)


def _near_names(rows: pl.DataFrame, near: pl.Series) -> tuple[pl.DataFrame, int]:
    """Return the pairs of one birth date whose different whole names are one letter apart, some birthdays at a time."""
    look = pl.struct("names", "first_birth").rank("dense").cast(pl.Int64).alias("look")
    looks = rows.select("i", "first_birth", look, key=near).drop_nulls("first_birth")
    first = looks.unique("look", keep="first", maintain_order=True).select(
        pl.col("look").alias("i"), "first_birth", "key"
    )
    turns = 1 + first.height // TURN
    parts = (first.filter(pl.col("first_birth") % turns == turn).select("i", "key") for turn in range(turns))
    found = [_block(_exploded(part).select("i", number(pl.col("key")).alias("key"))) for part in parts]
    pairs = pl.concat([pairs for pairs, _ in found]).with_columns(name_near=pl.lit(value=True))
    return _spread(pairs, looks.select("i", "look"), "look"), sum(n for _, n in found)


def _spread(pairs: pl.DataFrame, members: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the pairs of units that bear the pairs of values of `by`."""
    left = pairs.rename({"i": by, "j": "_other"}).join(members, on=by).drop(by)
    both = left.join(members.rename({"i": "j"}), left_on="_other", right_on=by).drop("_other")
    return both.with_columns(pl.min_horizontal("i", "j").alias("i"), pl.max_horizontal("i", "j").alias("j")).unique(
        _PAIR
    )
