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
RULES = ("decided", "same_number", "hospital_number", "weighed")


def zoned(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs with ``rule`` (null: not linked) and ``reason`` (null: not put to a person).

    Parameters
    ----------
    pairs
        Levels (`rwe.link.levels.compared`) and ``probability``.
    """
    number, birth, names = (pl.col(name) for name in ("number", "birth", "names"))
    whole = names.is_in(["all", "close"])
    against = (birth == "differs") | (pl.col("sexes_differ") & ~((birth == "same") & whole))
    unnamed = names == "missing"
    speaks = (
        (birth == "same")
        | whole
        | ((birth == "missing") & (unnamed | (names == "some")))
        | ((birth == "near") & unnamed)
    )
    likely, one, other_name = pl.col("probability"), number == "same", names.is_in(["some", "none"])
    rule = (
        pl.when(one & ~against & speaks)
        .then(pl.lit("same_number"))
        .when(pl.col("own") & (birth != "differs") & ~pl.col("sexes_differ") & (number != "differs"))
        .then(pl.lit("hospital_number"))
        .when((likely >= LINK) & ~one & ~pl.col("own") & (number != "differs") & ~pl.col("sexes_differ") & ~other_name)
        .then(pl.lit("weighed"))
    )
    reason = (
        pl.when(one)
        .then(pl.lit("one_number_two_people"))
        .when("own")
        .then(pl.lit("one_hospital_number_two_people"))
        .when(likely < REVIEW)
        .then(None)
        .when(number == "differs")
        .then(pl.lit("numbers_differ"))
        .when("sexes_differ")
        .then(pl.lit("sexes_differ"))
        .when(other_name)
        .then(pl.lit("names_differ"))
        .otherwise(pl.lit("unsure"))
    )
    found = pairs.with_columns(rule.alias("rule"))
    return found.with_columns(pl.when(pl.col("rule").is_null()).then(reason).alias("reason"))
