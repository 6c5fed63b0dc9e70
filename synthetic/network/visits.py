# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Visits: when each observed person is in hospital and why; every other record hangs on one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

from synthetic.network.chance import Chance
from synthetic.network.diseases import DISEASES
from synthetic.network.world import PLANTED

DIAGNOSIS, REGULAR, EVENT, LAST = range(4)
_QUIET = 12  # days before the end, and around an event, without a regular visit
_IN_HOSPITAL = 0.4
_TRANSFER_AFTER = 30
_NONE = pl.lit(0, pl.Int64)
_MOST = 1_000  # stays of a person at most: ten years of visits are fewer


def on(day: pl.Expr) -> pl.Expr:
    """Return the date of a day counted from ``index_day``."""
    return (pl.col("index_day").cast(pl.Int32) + day.cast(pl.Int32)).cast(pl.Date)


def of_disease(values: Callable[..., object], dtype: type[pl.DataType]) -> pl.Expr:
    """Return what a function says of the disease of each row."""
    return pl.col("disease").replace_strict({one.name: values(one) for one in DISEASES}, return_dtype=dtype)


def followed(courses: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the persons that the records show, with the day of their event and the day and place they move to.

    Parameters
    ----------
    courses
        As `synthetic.network.courses` gives them.
    seed
        Of the network.

    Returns
    -------
    polars.DataFrame
        The columns of `courses`, and happened (day of the first event that is not death: progression, a major
        cardiovascular event, an institution; null if the records end before), moved, destination (null for most).
    """
    seen = courses.filter("observed")
    kills = of_disease(lambda one: one.kills, pl.Boolean)
    other = pl.when(pl.col("t_event") <= pl.col("last")).then("t_event")
    happened = pl.when(kills).then(pl.when("progressed").then("t_progression")).otherwise(other)
    return _moves(seen.with_columns(happened=happened), seed)


def _moves(people: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Send some to another hospital, while they are followed and once it keeps records."""
    chance = Chance(seed, people["person"].to_numpy())
    names = [one.name for one in PLANTED.hospitals]
    here = people["hospital"].replace_strict(names, range(len(names)), return_dtype=pl.Int64).to_numpy()
    there = pl.Series(names).gather((here + 1 + chance.below("destination", len(names) - 1)) % len(names))
    begins: dict[str, date] = {one.name: one.records_from for one in PLANTED.hospitals}
    first = people["entry"].to_numpy() + _TRANSFER_AFTER
    room = np.maximum(people["last"].to_numpy() - _TRANSFER_AFTER - first, 0)
    day = pl.Series((first + chance.uniform("transfer day") * room).astype(np.int64))
    may = pl.Series(chance.happens("transfer", PLANTED.transfers) & (room > 0))
    goes = may & (people.select(on(pl.lit(day))).to_series() >= there.replace_strict(begins, return_dtype=pl.Date))
    return people.with_columns(moved=pl.when(goes).then(day), destination=pl.when(goes).then(there))


def visits(people: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the stays of the persons, in their order.

    Parameters
    ----------
    people
        As `followed` gives them.
    seed
        Of the network.

    Returns
    -------
    polars.DataFrame
        All columns of `people` (hospital is that of the stay), and stay (unlike any other in the network), day (of
        its start), nights, reason, nth (of regular visits, from 0), fatal (whether it ends with the person's death).
    """
    rows = pl.concat([_diagnosed(people), _regular(people, seed), _event(people, seed), _last(people, seed)])
    order = rows.sort("person", "day", "reason", maintain_order=True)
    numbered = order.with_columns(stay=pl.col("person") * _MOST + pl.int_range(pl.len()).over("person"))
    whole = numbered.join(people, on="person", how="left", maintain_order="left")
    elsewhere = (pl.col("day") >= pl.col("moved")).fill_null(value=False)
    return whole.with_columns(
        hospital=pl.when(elsewhere).then("destination").otherwise("hospital"),
        fatal=pl.col("died") & (pl.col("day") + pl.col("nights") == pl.col("last")),
    )


def _rows(people: pl.DataFrame, reason: int, day: pl.Expr, nights: pl.Expr, nth: pl.Expr = _NONE) -> pl.DataFrame:
    within = pl.min_horizontal(nights, pl.col("last") - day)
    return people.select("person", day=day, nights=within, nth=nth, reason=pl.lit(reason))


def _diagnosed(people: pl.DataFrame) -> pl.DataFrame:
    """Return the stay of the diagnosis, where the hospital kept records by then."""
    day = (pl.col("diagnosed") - pl.col("index_day")).dt.total_days()
    begins = {one.name: one.records_from for one in PLANTED.hospitals}
    kept = pl.col("diagnosed") >= pl.col("hospital").replace_strict(begins, return_dtype=pl.Date)
    return _rows(people.filter(kept & (day < 0)), DIAGNOSIS, day, pl.min_horizontal(-1 - day, 3))


def _regular(people: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the visits that the treatment asks for; the first is the first treatment, or the first day of records."""
    every = of_disease(lambda one: one.visit_days, pl.Int64)
    count = ((pl.col("last") - pl.col("entry") - _QUIET) // every).clip(0) + 1
    rows = people.with_columns(nth=pl.int_ranges(count)).explode("nth")
    chance = Chance(seed, rows["person"].to_numpy(), rows["nth"].to_numpy())
    later = pl.col("nth") > 0
    day = (
        pl.col("entry")
        + pl.col("nth") * every
        + pl.when(later).then(pl.Series(chance.below("jitter", 15))).otherwise(0)
    )
    near = ((pl.col("day") - pl.col("happened")).abs() < _QUIET).fill_null(value=False)
    kept = rows.with_columns(day=day, nights=pl.when(later).then(pl.Series(chance.below("nights", 4))).otherwise(0))
    kept = kept.filter(~later | (~near & (pl.col("day") <= pl.col("last") - _QUIET)))
    return _rows(kept, REGULAR, pl.col("day"), pl.col("nights"), pl.col("nth"))


def _event(people: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the stay that the event asks for, where it is no history by the time records begin."""
    kept = people.filter(pl.col("happened") > pl.col("entry"))
    nights = Chance(seed, kept["person"].to_numpy()).below("event nights", 6)
    least = of_disease(lambda one: one.event_nights, pl.Int64)
    return _rows(kept, EVENT, pl.col("happened"), pl.when(least > 0).then(least + pl.Series(nights)).otherwise(0))


def _last(people: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the stay in which a person dies, where it is none of the others."""
    chance = Chance(seed, people["person"].to_numpy())
    alone = pl.col("last") - pl.max_horizontal("entry", pl.col("happened").fill_null(-1)) >= 2 * _QUIET
    dies = people.with_columns(nights=pl.Series(1 + chance.below("last nights", 8))).filter(
        pl.col("died") & pl.Series(chance.happens("dies in hospital", _IN_HOSPITAL)) & alone
    )
    return _rows(dies, LAST, pl.col("last") - pl.col("nights"), pl.col("nights"))
