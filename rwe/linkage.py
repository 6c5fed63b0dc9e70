# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The linkage key: from the environment, from a file that only its owner may read, or made once in the home folder."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from rwe.chain import fsync, on_disk
from rwe.errors import DefinitionError, MachineError, Refused

KEY_BYTES = 32
VARIABLE, FILE_VARIABLE = "RWE_LINKAGE_KEY", "RWE_LINKAGE_KEY_FILE"


def load_or_make_key(home: Path, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the linkage key.

    That is ``RWE_LINKAGE_KEY`` (base64), else what is in the file that ``RWE_LINKAGE_KEY_FILE`` names, else the key
    of the home folder, which is made once.

    Parameters
    ----------
    home
        The user's data folder; its own key is ``key/linkage.key``, readable by its owner only.
    environ
        Variables to look into.

    Raises
    ------
    DefinitionError
        If both variables are set, or the first is not the base64 of a key.
    Refused
        If others may read the file.
    MachineError
        If it cannot be read or written, or is gone while the records made with it are there.
    """
    given, named = environ.get(VARIABLE), environ.get(FILE_VARIABLE)
    if given and named:
        raise DefinitionError(f"{VARIABLE} and {FILE_VARIABLE} are both set; keep one of them")
    if given:
        return _decoded(given)
    path = Path(named) if named else home / "key" / "linkage.key"
    if not named and not path.exists():
        if next((home / "store").glob("*/landing/*"), None) is not None:
            raise MachineError(f"{path} is gone, but records pseudonymised with it are in {home / 'store'}; restore it")
        _make_key(path)
    return _read(path)


def key_version(key: bytes) -> str:
    """Return what a key is known by: a name that tells it from others and nothing about itself."""
    return hmac.digest(key, b"rwe linkage key version", "sha256")[:6].hex()


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise DefinitionError(f"{VARIABLE} is not the base64 of {KEY_BYTES} bytes; 'openssl rand -base64 32' makes one")
    return key


def _read(path: Path) -> bytes:
    with on_disk(path):
        if path.stat().st_mode & 0o077:
            raise Refused(f"others may read {path}; run: chmod 400 '{path}'")
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise MachineError(f"{path} is not a key of {KEY_BYTES} bytes; restore it from a backup")
    return key


def _make_key(path: Path) -> None:
    with on_disk(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{secrets.token_hex(8)}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)  # fails where another process was first: then its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        fsync(path.parent)
