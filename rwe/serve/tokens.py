# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One bearer token a hospital, of which only the sha256 is kept: 256 random bits need no salt and no slow hash."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from rwe.chain import fsync, on_disk
from rwe.errors import DefinitionError, Refused

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


def make_token(path: Path, hospital: str) -> str:
    """Make a token for a hospital and return it, the only time that it is known; one it had before ends.

    Parameters
    ----------
    path
        The file of hashed tokens, made where it is not there, mode 0400.
    hospital
        The short name of its site.

    Raises
    ------
    DefinitionError
        If the name is none.
    Refused
        If others may read the file.
    """
    if not _NAME.fullmatch(hospital):
        raise DefinitionError("a hospital is named by small Latin letters, digits and '_', as its site is")
    known = _read(path) if path.exists() else {}
    token = secrets.token_urlsafe(32)
    with on_disk(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{secrets.token_hex(8)}.draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
            json.dump({**known, hospital: _digest(token)}, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        fsync(path.parent)
    return token


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
    _known: dict[str, str] = field(default_factory=dict, init=False)
    _seen: tuple[int, int, int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._refresh()

    def hospital(self, token: str) -> str | None:
        """Return whose token it is; every hash is compared, each in constant time."""
        self._refresh()
        digest, found = _digest(token), None
        for hospital, kept in self._known.items():
            if hmac.compare_digest(kept, digest):
                found = hospital
        return found

    def _refresh(self) -> None:
        try:
            told = self.path.stat()
        except OSError:
            raise DefinitionError(f"{self.path}: no file of tokens; make one: rwe serve token HOSPITAL") from None
        seen = told.st_ino, told.st_mtime_ns, told.st_mode
        if seen != self._seen:
            self._known, self._seen = _read(self.path), seen


def _read(path: Path) -> dict[str, str]:
    with on_disk(path):
        if path.stat().st_mode & 0o077:
            raise Refused(f"others may read {path}; run: chmod 400 '{path}'")
        text = path.read_text("utf-8")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise DefinitionError(f"{path} is not a file of tokens; make one: rwe serve token HOSPITAL")
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
