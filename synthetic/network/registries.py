# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What others than hospitals keep: deaths, claims of the insurance fund, and who moved where."""

from __future__ import annotations

import polars as pl

from synthetic.network.diseases import MEDICINES
from synthetic.network.visits import of_disease, on

ABROAD = "abroad"


def deaths(people: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Return person, day, source: the registry has all deaths before a person left, hospitals those in their beds."""
    registry = people.filter("died").select("person", day=on(pl.col("last")), source=pl.lit("registry"))
    beds = visits.filter("fatal").select("person", day=on(pl.col("last")), source=pl.lit("hospital"))
    return pl.concat([registry, beds]).sort("person", "source", maintain_order=True)


def moves(people: pl.DataFrame) -> pl.DataFrame:
    """Return person, day, origin, destination: another hospital, or abroad, from where nothing more is heard."""
    moved = people.filter(pl.col("moved").is_not_null()).select(
        "person", day=on(pl.col("moved")), origin="hospital", destination="destination"
    )
    last_seen = pl.coalesce("destination", "hospital")
    left = people.filter("left").select("person", day=on(pl.col("last")), origin=last_seen, destination=pl.lit(ABROAD))
    return pl.concat([moved, left]).sort("person", "day", maintain_order=True)


def claims(visits: pl.DataFrame, drugs: pl.DataFrame) -> pl.DataFrame:
    """Return person, day, code, units, amount: stays by clinical pathway, medicines by ATC.

    Amounts are exact, in euro with two decimals, as text. What was given before the records began is not claimed.
    """
    price = of_disease(lambda one: one.cents, pl.Int64)
    stays = visits.select(
        "person",
        day=on(pl.col("day") + pl.col("nights")),
        code=of_disease(lambda one: one.pathway, pl.String),
        units=pl.lit(1, pl.Int64),
        cents=price * (1 + pl.col("nights")),
    )
    cents = {code: one.cents for code, one in MEDICINES.items()}
    begun = visits.select("stay", since=on(pl.col("day")))
    bought = drugs.join(begun, on="stay", how="left", maintain_order="left").filter(pl.col("day") == pl.col("since"))
    medicines = bought.select(
        "person",
        "day",
        code="atc",
        units="units",
        cents=pl.col("units") * pl.col("atc").replace_strict(cents, return_dtype=pl.Int64),
    )
    whole, part = pl.col("cents") // 100, (pl.col("cents") % 100).cast(pl.String).str.zfill(2)
    both = pl.concat([stays, medicines]).sort("person", "day", "code", maintain_order=True)
    return both.select(
        "person", "day", "code", "units", amount=pl.concat_str(whole.cast(pl.String), part, separator=".")
    )
