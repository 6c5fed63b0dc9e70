# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Time from day zero to an endpoint, in whole days, or to the last day known without it."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from rwe.spec.study import Endpoint

Read = Callable[[str], pl.DataFrame]


def endpoint(
    people: pl.DataFrame, name: str, spec: Endpoint, read: Read, is_death: Callable[[str], bool]
) -> pl.DataFrame:
    """Add ``<name>_days`` and ``<name>_event`` to `people` (``person_id``, ``index_date``, ``last_seen``).

    The earliest event counts. Without one the person leaves at the last check where the endpoint
    names one, else on the last day seen. A death after the last check, with no other event before,
    counts as `spec.after_check` says.
    """
    deaths = [r for r in spec.events if is_death(r)]
    others = [r for r in spec.events if not is_death(r)]
    frame = people.select("person_id", "index_date", "last_seen")
    for column, records, pick in (
        ("died", _first(deaths, read), "min"),
        ("other", _first(others, read), "min"),
        ("checked", _last(spec.check, read), "max"),
    ):
        frame = frame.join(records, on="person_id", how="left").rename({pick: column})
    known_free = pl.coalesce("checked", "index_date") if spec.check else pl.col("last_seen")
    death_hidden = pl.col("other").is_null() & (pl.col("died") > known_free)
    died = (
        pl.when(death_hidden).then(None).otherwise(pl.col("died")) if spec.after_check == "censor" else pl.col("died")
    )
    event = pl.min_horizontal(died, "other")
    leaves = pl.coalesce(event, known_free)
    return people.join(
        frame.select(
            "person_id",
            (leaves - pl.col("index_date")).dt.total_days().cast(pl.Int64).alias(f"{name}_days"),
            event.is_not_null().alias(f"{name}_event"),
        ),
        on="person_id",
        how="left",
        validate="1:1",
    )


def _first(names: list[str], read: Read) -> pl.DataFrame:
    if not names:
        return pl.DataFrame(schema={"person_id": pl.Int64, "min": pl.Date})
    return pl.concat(read(n) for n in names).group_by("person_id").agg(pl.col("day").min().alias("min"))


def _last(name: str | None, read: Read) -> pl.DataFrame:
    if name is None:
        return pl.DataFrame(schema={"person_id": pl.Int64, "max": pl.Date})
    return read(name).group_by("person_id").agg(pl.col("day").max().alias("max"))
