# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pages as Arrow, several times sooner than row by row: a second session of the same manners in the same state.

It is used while all is plain. A driver that is not installed, a session that cannot be had alike, an answer that
fails or holds anything that needs a closer look: the page is read row by row, and so are those after it, because
that way counts and says what is wrong.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from threading import Lock
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from connectors.arrow_typed import taken
from connectors.sql_catalogue import Plan
from connectors.sql_frame import CURSOR, KEY, page_frame
from connectors.sql_places import Place, place_of
from connectors.sql_session import Session
from connectors.sql_ways import WAYS, Way
from rwe.spec.source import Kind

Found: TypeAlias = pa.Table | pl.DataFrame  # a page as it came, or typed

_SLOW = "row by row"
_TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"  # what a number that stands among times never looks like


class Fetcher:
    """Fetches the pages of one stream in one session.

    Parameters
    ----------
    session
        Where to ask; its fact ``rows`` says how rows come over.
    seconds
        How long an answer may take.
    """

    def __init__(self, session: Session, seconds: int) -> None:
        self._session, self._seconds = session, seconds
        self._way: Way | None = None
        self._asked = self._looked = False
        self._turn = Lock()

    def fetch(self, asked: sa.Select[Any], plan: Plan) -> Found:
        """Return the rows of a page as they came; typed, as `page_frame` does, where they come row by row."""
        if not self._asked:
            self._asked = True
            self._way, self._session.facts["rows"] = _open(self._session, self._seconds, plan)
        if self._way and not self._looked:
            with suppress(Exception):  # whatever it was, the other way meets it too and has words for it
                return self._way.fetch(asked)
            self._look()
        self.close()
        return self._slow(asked, plan)

    def frame(self, found: Found, asked: sa.Select[Any], plan: Plan) -> pl.DataFrame:
        """Return the rows of a page typed, as `page_frame` does, while the next are being fetched."""
        if isinstance(found, pl.DataFrame):
            return found
        if (made := _typed(found, plan, _kinds(plan))) is not None:
            return made
        self._look()
        return self._slow(asked, plan)

    def _look(self) -> None:
        """Have this page and those after it read row by row."""
        self._looked = True
        self._session.facts["rows"] = f"{_SLOW}: something in them needs a closer look"

    def _slow(self, asked: sa.Select[Any], plan: Plan) -> pl.DataFrame:
        with self._turn:  # a page that needs a closer look may be read again while the next one is fetched
            return page_frame(self._session, asked, plan)

    def close(self) -> None:
        """Give back the second session."""
        way, self._way = self._way, None
        if way:
            with suppress(Exception):  # nothing is lost with a session that only read
                way.close()


def end_of(found: Found, plan: Plan) -> Place | None:
    """Return where a page of at least one row ends, None where its last row needs a closer look."""
    if isinstance(found, pl.DataFrame):
        return place_of(found)
    kinds = dict(islice(_kinds(plan).items(), 2))
    last = _typed(found.slice(len(found) - 1).select([0, 1]), plan, kinds)
    return None if last is None else place_of(last)


def _typed(found: pa.Table, plan: Plan, kinds: dict[str, Kind]) -> pl.DataFrame | None:
    with suppress(Exception):
        made = taken(found, kinds)
        if made is not None and (not plan.spelled or made[CURSOR].str.contains(_TIME).all()):
            return made
    return None


def _kinds(plan: Plan) -> dict[str, Kind]:
    paging: dict[str, Kind] = {CURSOR: plan.cursor, KEY: plan.key}
    return paging | {name: plan.stream.columns[name].type for name in plan.present}


def _open(session: Session, seconds: int, plan: Plan) -> tuple[Way | None, str]:
    opener, package = WAYS.get((session.kind, session.address.driver), (None, ""))
    if opener is None:
        return None, _SLOW
    try:
        return opener(session, seconds, plan), package
    except ImportError:
        return None, f"{_SLOW}: install {package} to have them sooner"
    except Exception as exc:  # the session that there is will do
        return None, f"{_SLOW}: no second session ({type(exc).__name__})"
