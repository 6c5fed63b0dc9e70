# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a pair: linked by a rule or by its probability, put to a person, or left apart.

- ``same_number``: the same national number, and the same birth date or the same name; or neither is known.
- ``hospital_number``: the same number of one hospital, and nothing speaks against it.
- ``weighed``: at least `LINK` likely, and no stop.

Stops keep a pair from being linked however likely it is, and put it to a person from `REVIEW` on: ``numbers_differ``
(both have a number, and not one that a slip turns into the other), ``sexes_differ``, ``names_differ`` (by more than a
letter: twins share the family's name), ``one_number_two_people`` (a new-born under the number of the mother, a number
used again), ``one_hospital_number_two_people``, ``unsure`` (between the two limits). One number of two people is always
put to a person.
"""

from __future__ import annotations

import polars as pl

LINK, REVIEW = 0.99, 0.5
_NUMBER, _BIRTH, _NAMES = (pl.col(name) for name in ("number", "birth", "names"))
_OTHER_NAME = _NAMES.is_in(["some", "none"])
RULES = ("decided", "same_number", "hospital_number", "weighed")


def zoned(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs with ``rule`` (null: not linked) and ``reason`` (null: not put to a person).

    Parameters
    ----------
    pairs
        Levels (`rwe.link.levels.compared`) and ``probability``.
    """
    found = pairs.with_columns(_rule().alias("rule"))
    return found.with_columns(pl.when(pl.col("rule").is_null()).then(_reason()).alias("reason"))


def _rule() -> pl.Expr:
    """Return the rule that links a pair, null where none does."""
    apart = pl.col("sexes_differ")
    whole, unnamed = _NAMES.is_in(["all", "close"]), _NAMES == "missing"
    against = (_BIRTH == "differs") | (apart & ~((_BIRTH == "same") & whole))
    unborn = (_BIRTH == "missing") & (unnamed | (_NAMES == "some"))
    speaks = (_BIRTH == "same") | whole | unborn | ((_BIRTH == "near") & unnamed)
    own = pl.col("own") & (_BIRTH != "differs") & ~apart & (_NUMBER != "differs")
    stopped = pl.col("own") | _NUMBER.is_in(["same", "differs"]) | apart | _OTHER_NAME
    return (
        pl.when((_NUMBER == "same") & ~against & speaks)
        .then(pl.lit("same_number"))
        .when(own)
        .then(pl.lit("hospital_number"))
        .when((pl.col("probability") >= LINK) & ~stopped)
        .then(pl.lit("weighed"))
    )


def _reason() -> pl.Expr:
    """Return why a pair that no rule links is put to a person, null where it is not."""
    return (
        pl.when(_NUMBER == "same")
        .then(pl.lit("one_number_two_people"))
        .when("own")
        .then(pl.lit("one_hospital_number_two_people"))
        .when(pl.col("probability") < REVIEW)
        .then(None)
        .when(_NUMBER == "differs")
        .then(pl.lit("numbers_differ"))
        .when("sexes_differ")
        .then(pl.lit("sexes_differ"))
        .when(_OTHER_NAME)
        .then(pl.lit("names_differ"))
        .otherwise(pl.lit("unsure"))
    )
