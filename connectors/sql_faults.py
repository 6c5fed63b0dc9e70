# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a driver raises, in words of ours: worth another try, or not; never a value, a statement or a password."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError as DriverDataError
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from rwe.errors import DataError, DefinitionError, RweError, SourceUnreachable

# SQLSTATE classes and states, and the native numbers of MariaDB and SQL Server where the state says too little.
_AGAIN = ("08", "40", "53", "55P03", "57", "58", "HYT", "HY018", "S1T")
_AGAIN_CODES = frozenset(
    {"1040", "1053", "1205", "1213", "1222", "1317", "1927", "1969", "2002", "2003", "2006", "2013"}
)
_ACCOUNT = ("28", "3D000")
_ACCOUNT_CODES = frozenset({"1044", "1045", "1049", "1698", "4060", "18456"})
_FORBIDDEN = ("42501",)
_FORBIDDEN_CODES = frozenset({"229", "230", "1142", "1143"})
# What Microsoft's driver for Python says instead of a state.
_WORDS = {
    "Client unable to establish connection": "08001",
    "Communication link failure": "08S01",
    "Serialization failure": "40001",
    "Timeout expired": "HYT00",
    "Invalid authorization specification": "28000",
}
_REFUSED = ("0A", "21", "25", "42")
_CODE = re.compile(r"\((\d{1,6})\)")
_STATE = re.compile(r"^[0-9A-Z]{5}$")
_CURE = "see that it runs and can be reached from here, or try later"

TRIES = 5


class Patience:
    """How often and how long to try again: five times, about forty seconds in all, never more than two minutes.

    Parameters
    ----------
    seconds
        The most that all waits since the last success may take together.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Begin anew: something was read."""
        self._failed, self._since = 0, time.monotonic()

    def again(self) -> bool:
        """Wait a little longer than the last time, by chance; tell whether another try is worth it."""
        self._failed += 1
        spent = time.monotonic() - self._since
        if self._failed >= TRIES or spent >= self._seconds:
            return False
        pause = self._seconds / 120 * 3 ** (self._failed - 1) * random.uniform(0.5, 1.5)
        time.sleep(min(pause, max(self._seconds - spent, 0)))
        return True


@contextmanager
def answering(site: str, place: str) -> Iterator[None]:
    """Turn what a driver raises into words of ours; its own may hold a value or a password.

    Raises
    ------
    SourceUnreachable
        If another try may succeed: connection lost, serialization failure, deadlock, time out.
    DataError
        If a value cannot be read, or the database refuses the statement or the table.
    DefinitionError
        If the account is refused.
    """
    try:
        yield
    except SQLAlchemyError as exc:
        raise _told(exc, f"site '{site}'", f" at {place}" if place else "") from None


def _told(exc: SQLAlchemyError, site: str, at: str) -> RweError:
    state, code, name = _marks(exc)
    if state.startswith(_AGAIN) or code in _AGAIN_CODES:
        return SourceUnreachable(f"{site}: the database{at} does not answer ({name}); {_CURE}")
    if state.startswith(_ACCOUNT) or code in _ACCOUNT_CODES:
        return DefinitionError(f"{site}: the database{at} does not let this account in ({name}); mend its address")
    if state.startswith(_FORBIDDEN) or code in _FORBIDDEN_CODES:
        return DataError(f"{site}: the account may not read what is declared ({name}); grant it SELECT, nothing more")
    if isinstance(exc, DriverDataError):
        return DataError(f"{site}: the source holds a value that cannot be read ({name})")
    if state.startswith(_REFUSED) or isinstance(exc, ProgrammingError):
        return DataError(f"{site}: the database refuses to read what is declared ({name})")
    return SourceUnreachable(f"{site}: the database{at} does not answer ({name}); {_CURE}")


def _marks(exc: SQLAlchemyError) -> tuple[str, str, str]:
    """Return SQLSTATE, native number and the name to show; of the driver's message nothing but numbers is kept."""
    origin: BaseException = exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc
    first = str(origin.args[0]) if origin.args else ""
    word = _WORDS.get(str(getattr(origin, "driver_error", "")), "")
    state = str(getattr(origin, "sqlstate", None) or (first if _STATE.match(first) else word))
    codes = _CODE.findall(str(origin.args[-1])) if state and len(origin.args) > 1 else []
    shown = state or str(getattr(origin, "sqlite_errorname", None) or "")
    return state, codes[-1] if codes else "", " ".join(filter(None, [type(origin).__name__, shown]))
