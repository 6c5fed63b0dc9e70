# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Whose rows changed since a landing was last harmonised: those persons are harmonised again, and nobody else.

A person is touched by a changed row of their own, now or before, and by a changed row of the person stream that bears
one of their numbers: a number that stands for two people says something of both. All rows of the touched are read, as
they stood then and as they stand now; what was made of the first is replaced by what is made of the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from rwe.harmonise.landed import needed, read
from rwe.harmonise.part import Part, Work
from rwe.harmonise.people import LINKED, NATIONAL, NUMBER, Identities, identities, own_id


@dataclass(frozen=True, slots=True)
class Since:
    """A stream between two moments.

    Parameters
    ----------
    stood
        The rows that stood then.
    came
        The newest version of each key that came since; those of deleted keys too, with ``_op``. Of the person stream
        the rows too that linking has given to somebody else since.
    again
        Whether any of their keys stood then.
    """

    stood: pl.LazyFrame
    came: pl.DataFrame
    again: bool


def again(work: Work, streams: Mapping[str, Since]) -> tuple[Part, Part]:
    """Harmonise the touched persons: as they stood, and as they stand.

    Raises
    ------
    DataError
        As `Work.part`.
    """
    person = work.mapping.person[0]
    then = identities(streams[person].stood, person)
    now = identities(_now(streams[person].stood, streams[person]), person) if streams[person].came.height else then
    touched = _touched(streams, person, then, now)
    landing = {name: since.stood for name, since in streams.items()}
    plans = [needed(landing, name, work.mapping).filter(touched[name]) for name in streams]
    stood = dict(zip(streams, pl.collect_all(plans, engine="streaming"), strict=True))
    stands = {name: _now(rows.lazy(), streams[name]) for name, rows in stood.items()}
    before = {name: rows.lazy() for name, rows in stood.items()}
    with ThreadPoolExecutor(2) as threads:  # much of a small part runs on one thread
        was = threads.submit(_part, work, before, then)
        is_now = _part(work, stands, now)
        return was.result(), is_now


def _now(stood: pl.LazyFrame, since: Since) -> pl.LazyFrame:
    """Return rows as they stand, from rows as they stood and all that came of the same persons."""
    columns = stood.collect_schema().names()
    fresh = since.came.filter(pl.col("_op") != "delete").select(columns)
    return pl.concat([stood.join(since.came.lazy(), on="_key", how="anti"), fresh.lazy()])


def _part(work: Work, landing: Mapping[str, pl.LazyFrame], who: Identities) -> Part:
    plans = {name: read(landing, name, work.mapping, who) for name in landing}
    return work.part(dict(zip(plans, pl.collect_all(plans.values()), strict=True)), who)


def _touched(streams: Mapping[str, Since], person: str, then: Identities, now: Identities) -> dict[str, pl.Expr]:
    """Return by stream which rows are of touched persons."""
    changed = {name: _changed(since) for name, since in streams.items()}
    own = changed[person].select(own_id(changed[person].columns)).to_series()
    tokens = pl.concat([rows[NUMBER] for rows in changed.values()]).unique()
    named = [who.pairs.filter(pl.col(NUMBER).is_in(tokens.implode()))["_person"] for who in (then, now)]
    persons = pl.concat([own, *named]).unique()
    theirs = [who.tokens.filter(pl.col("_person").is_in(persons.implode()))[NUMBER] for who in (then, now)]
    tokens = pl.concat([tokens, *theirs]).unique()
    found = dict.fromkeys(streams, _among(pl.col(NUMBER), tokens))
    return found | {person: _among(own_id(streams[person].stood.collect_schema().names()), persons)}


def _among(column: pl.Expr, values: pl.Series) -> pl.Expr:
    hit = column.is_in(values.drop_nulls().implode()).fill_null(value=False)
    return hit | column.is_null() if values.null_count() else hit


def _changed(since: Since) -> pl.DataFrame:
    """Return who the rows that came are of, and who those were of that they replace."""
    tokens = [name for name in (NUMBER, NATIONAL, LINKED) if name in since.came.columns]
    came = since.came.select(tokens)
    if not since.again:
        return came
    keys = since.came.lazy().select("_key")
    was = since.stood.join(keys, on="_key", how="semi").select(tokens).collect(engine="streaming")
    return pl.concat([came, was])
