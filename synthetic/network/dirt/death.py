# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in deaths: late, without a day, with two days, contradicted by visits, known to one side only."""

from __future__ import annotations

from datetime import date

import polars as pl

from synthetic.network.dirt.form import NEW, A, Form, days, whole, within
from synthetic.network.world import PLANTED

_DIED, _DAY = pl.col("died"), pl.col("_died")
_NOON = pl.duration(hours=10)
_CUT: date = PLANTED.cut


def _visit(after: pl.Expr) -> dict[str, pl.Expr]:
    start = (_DAY + days(after)).cast(pl.Datetime("us", "UTC")) + _NOON
    return {"start": start, "end": start + pl.duration(hours=2), "outcome": pl.lit("unchanged"), "stay": NEW}


_THEN = _DAY.is_not_null() & (_CUT - pl.duration(days=200) > _DAY) & (pl.col("outcome") != "died")

FORMS = (
    Form(
        "recorded late",
        "patients",
        {"modified": _DIED.cast(pl.Datetime("us", "UTC")) + days(whole(A, 1, 90))},
        when=_DIED.is_not_null(),
    ),
    Form(
        "a flag without a day",
        "patients",
        {
            "died": pl.lit(None, dtype=pl.Date),
            "died_flag_text": pl.when(within("B")).then(pl.lit("D")),  # of the others the stay alone tells it
        },
        when=_DIED.is_not_null(),
    ),
    Form("two days", "patients", {"died": _DIED + days(whole(A, 1, 9))}, when=_DIED.is_not_null()),
    Form("visit long after", "stays", again=_visit(whole(A, 61, 200)), when=_THEN),
    Form("visit soon after", "stays", again=_visit(whole(A, 5, 50)), when=_THEN),
    Form("in the registry alone", "registry", when=~pl.col("_in_bed")),
    Form("outcome of a stay", "stays", when=pl.col("outcome") == "died"),
)
