# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Bearer tokens of hospitals, of which only the sha256 is kept: 256 random bits need no salt and no slow hash.

A token is told from others by its id, the first digits of its sha256, which may be shown and logged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from rwe.chain import fsync, on_disk
from rwe.errors import Busy, DefinitionError, Refused

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_ID = 12  # digits of the sha256
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: whose it is, its hash, and when it was made (UTC, ISO 8601)."""

    hospital: str
    sha256: str
    made: str

    @property
    def id(self) -> str:
        """What it is told by."""
        return self.sha256[:_ID]


def make_token(path: Path, hospital: str, *, beside: bool = False) -> str:
    """Make a token for a hospital and return it, the only time that it is known.

    Parameters
    ----------
    path
        The file of hashed tokens, made where it is not there, mode 0400.
    hospital
        The short name of its site.
    beside
        Whether tokens that it has stay valid, so that it can change over; else they end.

    Raises
    ------
    DefinitionError
        If the name is none.
    Refused
        If others may read the file.
    Busy
        If another process holds the file.
    """
    if not _NAME.fullmatch(hospital):
        raise DefinitionError("a hospital is named by small Latin letters, digits and '_', as its site is")
    token = secrets.token_urlsafe(32)
    made = Token(hospital, _digest(token), datetime.now(UTC).isoformat(timespec="seconds"))
    _change(path, lambda known: [*(one for one in known if beside or one.hospital != hospital), made])
    return token


def revoke(path: Path, name: str) -> list[Token]:
    """End the token of an id, or all of a hospital, from the next request on; return those that ended.

    Raises
    ------
    DefinitionError
        If there is no file, or no such token in it.
    Refused, Busy
        As `make_token`.
    """
    ended = [one for one in read_tokens(path) if name in (one.id, one.hospital)]
    if not ended:
        raise DefinitionError("no token has this id, and no hospital of this name has one; see: rwe serve tokens")
    _change(path, lambda known: [one for one in known if name not in (one.id, one.hospital)])
    return ended


@dataclass
class Tokens:
    """The tokens of a file, read again when it changes: a token made or ended counts from the next request.

    Parameters
    ----------
    path
        The file that `make_token` writes.

    Raises
    ------
    DefinitionError
        If it is not there or is no such file.
    Refused
        If others may read it.
    """

    path: Path
    _known: list[Token] = field(default_factory=list, init=False)
    _seen: tuple[int, int, int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._refresh()

    def find(self, token: str) -> Token | None:
        """Return what is known of a token, if it counts; every hash is compared, each in constant time."""
        self._refresh()
        digest, found = _digest(token), None
        for one in self._known:
            if hmac.compare_digest(one.sha256, digest):
                found = one
        return found

    def _refresh(self) -> None:
        try:
            told = self.path.stat()
        except OSError:
            raise _none(self.path) from None
        seen = told.st_ino, told.st_mtime_ns, told.st_mode
        if seen != self._seen:
            self._known, self._seen = read_tokens(self.path), seen


def read_tokens(path: Path) -> list[Token]:
    """Return what a file of tokens holds.

    Raises
    ------
    DefinitionError
        If it is not there or is no such file.
    Refused
        If others may read it.
    """
    if not path.exists():
        raise _none(path)
    with on_disk(path):
        if path.stat().st_mode & 0o077:
            raise Refused(f"others may read {path}; run: chmod 400 '{path}'")
        text = path.read_text("utf-8")
    try:
        return [_token(one) for one in json.loads(text)]
    except (ValueError, TypeError):
        raise DefinitionError(f"{path} is not a file of tokens; make one: rwe serve token HOSPITAL") from None


def _token(told: Mapping[str, str]) -> Token:
    made = Token(**told)
    if not re.fullmatch(r"[0-9a-f]{64}", made.sha256):
        raise ValueError
    return made


def _none(path: Path) -> DefinitionError:
    return DefinitionError(f"{path}: no file of tokens; make one: rwe serve token HOSPITAL")


def _change(path: Path, how: Callable[[list[Token]], list[Token]]) -> None:
    """Write the file anew, alone among processes: of two who read it at once the later would undo the other."""
    with on_disk(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE, mode=0o600)
        try:
            lock.acquire()
        except Timeout:
            raise Busy(f"{path}: another process changes the tokens; try again later") from None
        try:
            _write(path, how(read_tokens(path) if path.exists() else []))
        finally:
            lock.release()


def _write(path: Path, tokens: list[Token]) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)  # what a stop left
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
        json.dump([asdict(one) for one in tokens], file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    fsync(path.parent)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
