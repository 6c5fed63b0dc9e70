# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whose each row of a person is, in every house: the truth that linking is held against."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from synthetic.network.dirt import places
from synthetic.network.dirt.planting import key_of

_TABLES = ("patients", "registry", "insured", "stays")
_NAMED_BY_STAY = "D"  # its messages tell who the patient is with every stay; the other houses do so once


def whose(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return ``site``, ``key`` and ``person`` of each row that says who somebody is.

    Parameters
    ----------
    frames
        What the houses write, with dirt or without; a child under the number of the mother is a person of its own.
    """
    found = pl.concat([_of(name, frames[name]) for name in _TABLES])
    return found.join(places(), on=["table", "hospital"]).select("site", "key", "person").unique(maintain_order=True)


def _of(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    hospital = pl.col("hospital") if "hospital" in rows.columns else pl.lit("")
    told = rows.filter(hospital == _NAMED_BY_STAY) if name == "stays" else rows
    return told.select(table=pl.lit(name), hospital=hospital, key=key_of(rows, name, hospital), person="person")
