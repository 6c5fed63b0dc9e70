# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Lines of therapy and changes of treatment as OMOP's ``episode`` and ``episode_event``."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.spec.treatment import Treatment
from rwe.spec.treatment_lines import Lines
from rwe.treatment.lines import Found

BY_ALGORITHM = 32545  # OMOP: episode derived algorithmically
DRUG_EXPOSURE_ID = 1147094  # OMOP: the field that an event's id is one of
FIRST_ID = 1 << 60  # ids of what hospitals recorded are below
_NAMED = 50  # characters of a source value
_EPISODE = {
    "person_id": pl.Int64,
    "episode_concept_id": pl.Int64,
    "episode_start_date": pl.Date,
    "episode_end_date": pl.Date,
    "episode_number": pl.Int64,
    "episode_object_concept_id": pl.Int64,
    "episode_type_concept_id": pl.Int64,
    "episode_source_value": pl.String,
    "site": pl.String,
}
# the person is no field of OMOP's: it is how an erasure finds the rows
_EVENT = {
    "person_id": pl.Int64,
    "episode_id": pl.Int64,
    "event_id": pl.Int64,
    "episode_event_field_concept_id": pl.Int64,
}


def tables(found: Found | None, changes: Mapping[int, pl.DataFrame], treatment: Treatment) -> dict[str, pl.DataFrame]:
    """Return ``episode`` and ``episode_event``: of each line one episode and its exposures, of each change one."""
    parts = [_changed(days, concept) for concept, days in changes.items()]
    if found and treatment.lines:
        parts.append(_lines(found, treatment.lines, [*treatment.ingredients]))
    whole = pl.concat([pl.DataFrame(schema=_EPISODE), *parts])
    episode = whole.sort("person_id", "episode_concept_id", "episode_start_date").with_columns(
        episode_id=pl.int_range(FIRST_ID, FIRST_ID + pl.len(), dtype=pl.Int64)
    )
    return {"episode": episode, "episode_event": _events(episode, found, treatment.lines)}


def _changed(days: pl.DataFrame, concept: int) -> pl.DataFrame:
    day = pl.col("day")
    filled = days.with_columns(
        episode_concept_id=concept,
        episode_start_date=day,
        episode_end_date=day,
        episode_number=None,
        episode_object_concept_id=0,
        episode_type_concept_id=BY_ALGORITHM,
        episode_source_value=None,
    )
    return filled.select(pl.col(name).cast(kind) for name, kind in _EPISODE.items())


def _lines(found: Found, rules: Lines, names: list[str]) -> pl.DataFrame:
    """Return the lines; a regimen that the rules do not name has concept 0, and its medicines as source value."""
    made = found.lines.select("regimen").unique()
    known = {frozenset(regimen.of): regimen.concept for regimen in rules.regimens.values()}
    sets = [[names[drug] for drug in drugs] for drugs in made["regimen"].to_list()]
    titled = made.with_columns(
        pl.Series("episode_object_concept_id", [known.get(frozenset(each), 0) for each in sets], dtype=pl.Int64),
        # the whole list stands in episode_event
        pl.Series("episode_source_value", [" + ".join(sorted(each))[:_NAMED] for each in sets], dtype=pl.String),
    )
    filled = found.lines.join(titled, on="regimen").with_columns(
        episode_concept_id=rules.concept,
        episode_start_date=pl.col("start"),
        episode_end_date=pl.col("end"),
        episode_number=pl.col("number"),
        episode_type_concept_id=BY_ALGORITHM,
    )
    return filled.select(pl.col(name).cast(kind) for name, kind in _EPISODE.items())


def _events(episode: pl.DataFrame, found: Found | None, rules: Lines | None) -> pl.DataFrame:
    if found is None or rules is None:
        return pl.DataFrame(schema=_EVENT)
    mine = episode.filter(episode_concept_id=rules.concept)
    joined = found.members.join(mine, left_on=["person_id", "number"], right_on=["person_id", "episode_number"])
    return (
        joined.select(
            "person_id",
            "episode_id",
            pl.col("id").alias("event_id"),
            pl.lit(DRUG_EXPOSURE_ID, dtype=pl.Int64).alias("episode_event_field_concept_id"),
        )
        .unique(maintain_order=False)
        .sort("episode_id", "event_id")
    )
