# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The two arms of a population: a level of a baseline variable against another."""

from __future__ import annotations

import polars as pl

from rwe.errors import DefinitionError, NoValidAnswer


def two_arms(people: pl.DataFrame, treatment: str, treated: str, control: str | None) -> pl.DataFrame:
    """Return those in one of the two arms, with ``_treated`` 1 and 0.

    Raises
    ------
    DefinitionError
        If several levels could be the control and none is named.
    NoValidAnswer
        If an arm has nobody.
    """
    arm = pl.col(treatment).cast(pl.String)
    levels = people.select(arm).to_series().drop_nulls().unique().sort().to_list()
    others = [level for level in levels if level != treated]
    if treated not in levels or not others or (control is not None and control not in others):
        raise NoValidAnswer(f"'{treatment}': two arms are compared, and one of them has nobody here")
    if control is None and len(others) > 1:
        raise DefinitionError(f"'{treatment}' has several other levels; name one under control")
    kept = people.filter(arm.is_in([treated, control or others[0]]))
    return kept.with_columns((arm == treated).cast(pl.Int64).alias("_treated"))
