# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which people new rows touch: the person is what is harmonised again, never a single row.

A changed row touches whom it belongs to now and whom it belonged to before, and everybody who
shares a national number or a hospital number with them in any version of the person stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rwe.cdm import PROVENANCE
from rwe.harmonise.ids import person_ids
from rwe.spec.mapping import Mapping as SourceMapping


@dataclass(frozen=True, slots=True)
class Changed:
    """The people to harmonise again.

    Parameters
    ----------
    tokens
        ``person_token`` of all their hospital numbers, old and new.
    person_ids
        ``person_id`` of all their persons, old and new.
    """

    tokens: pl.DataFrame
    person_ids: pl.DataFrame

    def only(self, landing: Mapping[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
        """Return the landing rows of these people."""
        return {
            name: rows.join(self.tokens.lazy(), on="person_token", how="semi", nulls_equal=True)
            for name, rows in landing.items()
        }

    def versions(self, fresh: pl.DataFrame, stored: pl.LazyFrame) -> pl.DataFrame:
        """Return what to append to a stored table: the fresh rows, and a deletion of each that is no more.

        A deletion holds whose row it was and where it came from, and nothing of what the row said.

        Parameters
        ----------
        fresh
            `Harmonised.rows` of the table, of these people.
        stored
            Current rows of the table in the store.
        """
        theirs = stored.join(self.person_ids.lazy(), on="person_id", how="semi")
        gone = theirs.join(fresh.lazy(), on="_key", how="anti").select("person_id", *PROVENANCE).collect()
        return pl.concat([fresh, gone.with_columns(_op=pl.lit("delete"))], how="diagonal")


def changed_people(versions: Mapping[str, pl.LazyFrame], mapping: SourceMapping, since: int) -> Changed:
    """Return the people whose landing rows changed after commit `since`.

    Parameters
    ----------
    versions
        All versions of the landing rows by stream, superseded ones included.
    mapping
        What the rows mean.
    since
        The newest commit that was harmonised.
    """
    stream, _ = mapping.person
    known = _known(versions[stream].collect(), stream)
    touched = pl.concat([_touched(rows, since) for rows in versions.values()]).unique()
    while True:
        ids = known.join(touched, on="person_token", how="semi", nulls_equal=True).select("person_id").unique()
        linked = known.join(ids, on="person_id", how="semi").select("person_token")
        wider = pl.concat([touched, linked]).unique()
        if wider.height == touched.height:
            return Changed(touched, ids.drop_nulls())
        touched = wider


def _known(rows: pl.DataFrame, stream: str) -> pl.DataFrame:
    """Return every (``person_token``, ``person_id``) that the person stream ever held."""
    if "national_token" not in rows.columns:
        rows = rows.with_columns(national_token=pl.lit(None, dtype=pl.String))
    return rows.select("person_token", person_ids(rows, stream).alias("person_id")).unique()


def _touched(rows: pl.LazyFrame, since: int) -> pl.DataFrame:
    """Return whom the changed rows of a stream belong to, in any of their versions."""
    new = rows.filter(pl.col("_commit") > since).select("_key")
    return rows.join(new, on="_key", how="semi").select("person_token").unique().collect()
