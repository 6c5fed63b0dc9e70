# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt in medicines: names for codes, packs for units, doses by body surface, returns, missing ends, gaps."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import polars as pl

from synthetic.network.dirt.form import NTH, Form, days, within

_ATC = pl.col("atc")
_PACK = 28
_GAP = 45  # days without medicine after which a line may be called ended; what is left out is longer


@cache
def names() -> dict[str, dict[str, str]]:
    """Return how each medicine is called, by ATC code: ``inn``, ``trade``, ``fund`` (the insurance fund's code)."""
    with (Path(__file__).parent / "medicine_names.csv").open(encoding="utf-8", newline="") as lines:
        return {row["atc"]: row for row in csv.DictReader(lines)}


def _called(what: str) -> pl.Expr:
    return _ATC.replace_strict({code: row[what] for code, row in names().items()}, return_dtype=pl.String)


FORMS = (
    Form("trade name", "drugs", {"atc_text": _called("trade")}),
    Form("international name", "drugs", {"atc_text": _called("inn")}),
    Form("code of the fund", "drugs", {"atc_text": _called("fund")}),
    Form("group of five characters", "drugs", {"atc_text": _ATC.str.slice(0, 5)}),
    Form(
        "dose by body surface",
        "drugs",
        {"dose_mg_text": pl.format("{} mg/m2", (pl.col("dose_mg") / 1.8).round(0).cast(pl.Int64))},
        when=within("B", "D") & _ATC.str.starts_with("L01"),
    ),
    Form(
        "packs for units",
        "drugs",
        {"units_text": pl.format("{} оп.", (pl.col("units") / _PACK).ceil().cast(pl.Int64))},
        when=within("D"),
    ),
    Form(
        "infusion day by day",
        "drugs",
        again={"day": pl.col("day") + days(NTH + 1), "days": pl.lit(1, pl.Int64)},
        when=_ATC.is_in(["L01XA02", "L01FF02", "L01CD02"]),
        copies=2,
    ),
    Form("packs returned", "drugs", again={"units": -(pl.col("units") / 2).ceil().cast(pl.Int64)}),
    Form("no end", "drugs", {"days": pl.lit(None, dtype=pl.Int64)}),
    Form("gap in a line", "drugs", gone=True, when=(pl.col("days") > _GAP) & pl.col("_between")),
)
