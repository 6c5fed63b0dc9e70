# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What became of faults in who a person is and when they died: seen on persons and on all hospitals together."""

from __future__ import annotations

import polars as pl

from rwe.selftest.scored_links import judged
from rwe.selftest.told import Told

WHERE = ["site", "stream", "key"]
OUTLIVED, NOT_LANDED = "event_after_death", "not_landed"
# Rules that set aside a person with all rows, whatever else is wrong with one of them.
WHOLE = ("conflicting_person", "person_set_aside", "person_rejected", OUTLIVED, NOT_LANDED)
ADDED = 2**52  # keys from here on are of rows that were added


def named(found: pl.DataFrame, clean: Told, dirty: Told) -> pl.DataFrame:
    """Add ``of_person``: whether a patient's row is linked to the other rows of the person that it is of in truth.

    A row that bears no number, and no name with a birth date, that another row of the person bears, is *undecidable*
    where it is not linked; one that is on the list to look at beside the person's own rows is *told*.
    """
    origins = clean.persons.unique("key").select(origin="key", true_id="id")  # a key is that of one row of all sites
    found = found.join(origins, on="origin", how="left", maintain_order="left")
    people = judged(dirty.persons, clean.persons).drop("person")
    found = found.join(people, on=["site", "key"], how="left", maintain_order="left")
    marks, more = (pl.col("before") == "") & (pl.col("now") == ""), pl.len().over(WHERE) > 1
    asked = (pl.col("table") == "patients") & (pl.col("class") == "identity") & pl.col("id").is_not_null()
    refused = pl.col("reason").is_in(WHOLE).fill_null(value=False)
    right = pl.when(pl.col("expect") == "merged").then(pl.lit("merged")).otherwise(pl.lit("repaired"))
    cases = {
        "mixed": pl.col("mixed"),
        "told": ~pl.col("alone") & ~pl.col("linked") & pl.col("known") & pl.col("listed").is_not_null(),
        "undecidable": ~pl.col("alone") & ~pl.col("linked") & ~pl.col("known"),
        "altered": ~pl.col("alone") & ~pl.col("linked"),
    }
    said = pl.coalesce(*(pl.when(when).then(pl.lit(name)) for name, when in cases.items()), right)
    why = pl.coalesce("reason", pl.when(asked).then("listed"))
    return found.with_columns(of_person=pl.when(asked & ~refused & ~(marks & more)).then(said), reason=why)


def died(found: pl.DataFrame, clean: Told, dirty: Told) -> pl.DataFrame:
    """Add ``of_death``: whether the death of a person whose own row bears a fault of it is on the right day.

    A visit long after a death is good where the death was refused for it.
    """
    days = [
        told.whole.cdm.table("death").select("person_id", **{name: "death_date"}).collect()
        for told, name in ((clean, "was"), (dirty, "died_now"))
    ]
    found = found.join(days[0], left_on="true_id", right_on="person_id", how="left", maintain_order="left")
    found = found.join(days[1], left_on="id", right_on="person_id", how="left", maintain_order="left")
    asked = (pl.col("table") == "patients") & (pl.col("class") == "death") & pl.col("id").is_not_null()
    right = pl.when(pl.col("expect") == "quarantined").then(pl.lit("set_aside")).otherwise(pl.lit("repaired"))
    outlived = pl.col("id").is_in(_outlived(dirty).implode())
    gone = pl.when(outlived).then(pl.lit("set_aside")).otherwise(pl.lit("lost"))
    wrong = pl.when(pl.col("died_now").is_null()).then(gone).otherwise(pl.lit("altered"))
    why = pl.when(asked & pl.col("died_now").is_null() & outlived).then(pl.lit(OUTLIVED)).otherwise("reason")
    said = pl.when(asked).then(pl.when(pl.col("was").eq_missing(pl.col("died_now"))).then(right).otherwise(wrong))
    refused = (pl.col("class") == "death") & (pl.col("table") == "stays") & (pl.col("expect") == "quarantined")
    alive = found.select(*WHERE).join(_visitors(dirty), on=WHERE, how="left", maintain_order="left")["alive"]
    return found.with_columns(reason=why, of_death=pl.when(refused & alive).then(pl.lit("set_aside")).otherwise(said))


def _outlived(told: Told) -> pl.Series:
    """Return the persons of whom some hospital's death was refused because they were seen long after it."""
    deaths = told.whole.deaths
    return deaths.filter(pl.col("rule") == OUTLIVED)["person_id"] if deaths.width else pl.Series(dtype=pl.Int64)


def _visitors(told: Told) -> pl.DataFrame:
    """Return of each visit whether the person is not known to have died, by its place."""
    dead = told.whole.cdm.table("death").select("person_id").collect()["person_id"].implode()
    alive = ~pl.col("person_id").is_in(dead)
    visits = [
        part.cdm.table("visit_occurrence").select(
            site=pl.lit(part.site), stream="_source", key="_source_key", alive=alive
        )
        for part in told.parts
    ]
    return pl.concat(visits).unique(WHERE).collect()
