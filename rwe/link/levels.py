# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How far the two units of a pair agree: on the national number, the birth date, the name and the sex, in words."""

from __future__ import annotations

import polars as pl

from rwe.link.blocks import Candidates

NUMBER = ("same", "near", "tail", "differs", "missing")
BIRTH = ("same", "near", "differs", "missing")
NAMES = ("all", "close", "some", "none", "missing")
_BESIDE = ("national", "national_says", "names", "parts", "births", "birth_year", "sex", "site", "person_token")
_CHECKED = ("fits", "right", "contradicts")
_SEXES = (8507, 8532)  # man and woman in OMOP; other concepts of gender contradict nothing


def compared(found: Candidates) -> pl.DataFrame:
    """Return the pairs with their levels.

    Returns
    -------
    pl.DataFrame
        ``i``, ``j``, ``number`` (of `NUMBER`; ``near``: two neighbouring digits may differ, ``tail``: the last two),
        ``birth`` (of `BIRTH`; ``near``: one part differs, or day and month changed places), ``names`` (of `NAMES`;
        ``close``: one letter of the whole name), ``sexes_differ``, ``own`` (the same number of one hospital).

    Notes
    -----
    Two numbers whose check digits are both right are two numbers, however alike: those of twins differ in the last two
    digits, while one wrong digit, or two swapped, do not check.
    """
    left = found.units.select(pl.col("i"), *(pl.col(name).alias(f"{name}_i") for name in _BESIDE))
    right = found.units.select(pl.col("i").alias("j"), *(pl.col(name).alias(f"{name}_j") for name in _BESIDE))
    pairs = found.pairs.join(left, on="i", how="left").join(right, on="j", how="left")
    return pairs.select("i", "j", _number(), _birth(), _names(), _sexes(), _own()).sort("i", "j")


def _both(name: str) -> tuple[pl.Expr, pl.Expr]:
    return pl.col(f"{name}_i"), pl.col(f"{name}_j")


def _number() -> pl.Expr:
    one, other = _both("national")
    checked = pl.all_horizontal(pl.col(f"national_says_{side}").is_in(_CHECKED).fill_null(value=False) for side in "ij")
    return (
        pl.when(one.is_null() | other.is_null())
        .then(pl.lit("missing"))
        .when(one == other)
        .then(pl.lit("same"))
        .when(pl.col("national_near").is_not_null() & ~checked)
        .then("national_near")
        .otherwise(pl.lit("differs"))
        .alias("number")
    )


def _birth() -> pl.Expr:
    (one, other), (year, their_year) = _both("births"), _both("birth_year")
    unknown = (one.list.len() == 0) | (other.list.len() == 0)
    whole, partly = one.list.get(0, null_on_oob=True), one.list.set_intersection(other).list.len() > 0
    return (
        pl.when(unknown & (year != their_year).fill_null(value=False))
        .then(pl.lit("differs"))
        .when(unknown)
        .then(pl.lit("missing"))
        .when(whole == other.list.get(0, null_on_oob=True))
        .then(pl.lit("same"))
        .when(partly)
        .then(pl.lit("near"))
        .otherwise(pl.lit("differs"))
        .alias("birth")
    )


def _names() -> pl.Expr:
    (one, other), (whole, their_whole) = _both("parts"), _both("names")
    return (
        pl.when(whole.is_null() | their_whole.is_null())
        .then(pl.lit("missing"))
        .when(whole == their_whole)
        .then(pl.lit("all"))
        .when("name_near")
        .then(pl.lit("close"))
        .when(one.list.set_intersection(other).list.len() > 0)
        .then(pl.lit("some"))
        .otherwise(pl.lit("none"))
        .alias("names")
    )


def _sexes() -> pl.Expr:
    one, other = _both("sex")
    return (one.is_in(_SEXES) & other.is_in(_SEXES) & (one != other)).fill_null(value=False).alias("sexes_differ")


def _own() -> pl.Expr:
    (site, their_site), (own, their_own) = _both("site"), _both("person_token")
    return ((site == their_site) & (own == their_own)).alias("own")
