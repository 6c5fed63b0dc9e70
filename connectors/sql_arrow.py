# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pages as Arrow, several times sooner than row by row: a second session of the same manners in the same state.

It is used while all is plain. A driver that is not installed, a session that cannot be had alike, an answer that
fails or holds anything that needs a closer look: the page is read row by row, and so are those after it, because
that way counts and says what is wrong.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.arrow_typed import taken
from connectors.sql_catalogue import Plan
from connectors.sql_frame import CURSOR, KEY, page_frame
from connectors.sql_session import Session
from connectors.sql_ways import WAYS, Way
from rwe.spec.source import Kind

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
        self._asked = False

    def page(self, asked: sa.Select[Any], plan: Plan) -> pl.DataFrame:
        """Return the rows of a page, as `page_frame` does."""
        if not self._asked:
            self._asked = True
            self._way, self._session.facts["rows"] = _open(self._session, self._seconds, plan)
        if self._way:
            with suppress(Exception):  # whatever it was, the other way meets it too and has words for it
                found = taken(self._way.fetch(asked), _kinds(plan))
                if found is not None and (not plan.spelled or found[CURSOR].str.contains(_TIME).all()):
                    return found
            self.close()
            self._session.facts["rows"] = f"{_SLOW}: something in them needs a closer look"
        return page_frame(self._session, asked, plan)

    def close(self) -> None:
        """Give back the second session."""
        way, self._way = self._way, None
        if way:
            with suppress(Exception):  # nothing is lost with a session that only read
                way.close()


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
