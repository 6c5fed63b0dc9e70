# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a run was made of: hashes of its data, configuration and code, and the versions under it.

The manifest names no absolute path, no user and no machine, so that it may leave with the results.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rwe.errors import DataError, TornStore

NAME = "manifest.json"
ERASED = "erased.json"
DISTRIBUTION = "rwe-engine"
FORMAT = 1


def manifest(
    folder: Path, configuration: Iterable[Path] = (), facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the manifest of a run folder.

    Parameters
    ----------
    folder
        Run folder; every file in it but the manifest itself is hashed.
    configuration
        Definition files that the run read; their bytes are hashed, of their paths only the name is kept.
    facts
        Plain values to keep beside them: run id, study, commits read, row counts.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / NAME]
    return {
        "format": FORMAT,
        **(facts or {}),
        "files": {path.relative_to(folder).as_posix(): _entry(path) for path in files},
        "configuration": sorted(({"name": path.name, **_entry(path)} for path in configuration), key=str),
        "code": {**code_hashes(), "commit": commit()},
        "packages": packages(),
        "platform": _platform(),
    }


def write_manifest(folder: Path, configuration: Iterable[Path] = (), facts: Mapping[str, Any] | None = None) -> Path:
    """Write `manifest` into the folder so that it is there whole or not at all; return its path."""
    text = json.dumps(manifest(folder, configuration, facts), ensure_ascii=False, indent=1)
    return _write_whole(folder / NAME, text)


def _write_whole(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return draft.replace(path)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run folder.

    Raises
    ------
    DataError
        If there is none: the run did not finish.
    TornStore
        If it is not whole.
    """
    try:
        found: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(f"{folder.name} has no {NAME}: the run did not finish; run the study again") from None
    except ValueError:
        raise TornStore(f"{NAME} of {folder.name} is not whole; run the study again") from None
    return found


def verify(folder: Path, under: str = "") -> None:
    """Compare the files of a run folder with its manifest; those that an erasure changed are passed over.

    Parameters
    ----------
    folder
        Run folder.
    under
        Look only at files whose path begins so, for example ``release/``.

    Raises
    ------
    DataError
        If there is no manifest.
    TornStore
        If files were changed, are missing, or came later; the message names the first three.
    """
    passed = {NAME, ERASED, *(name for entry in erased(folder) for name in entry["files"])}
    listed = {name: entry["sha256"] for name, entry in read_manifest(folder)["files"].items()}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    asked = {name for name in listed.keys() | there.keys() if name.startswith(under)} - passed
    found = {name: sha256(path) for name, path in there.items() if name in asked}
    listed = {name: sha for name, sha in listed.items() if name in asked}
    if odd := sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name)):
        raise TornStore(f"{len(odd)} file(s) of {folder.name} are not those of its manifest: {', '.join(odd[:3])}")


def mark_erased(folder: Path, reference: str, files: Iterable[str]) -> None:
    """Note that inputs of a run were erased: it can no longer be made again as it was.

    Parameters
    ----------
    reference
        What the chains of the store call the erasure.
    files
        Files of the run, outside ``release/``, that lose rows by it.
    """
    entry = {"reference": reference, "files": sorted(files)}
    known = erased(folder)
    if entry not in known:
        _write_whole(folder / ERASED, json.dumps([*known, entry], indent=1))


def erased(folder: Path) -> list[dict[str, Any]]:
    """Return the erasures that took inputs of a run away, oldest first; none as long as it could be made again.

    Raises
    ------
    TornStore
        If the note of them is not whole.
    """
    try:
        found: list[dict[str, Any]] = json.loads((folder / ERASED).read_text("utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:
        raise TornStore(f"{ERASED} of {folder.name} is not whole; erase again") from None
    return found


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_hashes() -> dict[str, str]:
    """Return a hash over the source of each package that takes part: the engine and its plug-ins."""
    points = distribution(DISTRIBUTION).entry_points
    parts = {point.module.partition(".")[0] for point in points if point.group.startswith("rwe.")} | {"rwe"}
    return {name: _package_hash(name) for name in sorted(parts)}


def _package_hash(name: str) -> str:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return "absent"
    root = Path(spec.origin).parent
    sources = [(path.relative_to(root).as_posix(), path) for path in root.rglob("*.py")]
    lines = [f"{place} {sha256(path)}" for place, path in sorted(sources)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def commit() -> str | None:
    """Return the commit of the checkout that the engine runs from, ``+`` where it holds changes, else None."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    head = _git(root, "rev-parse", "HEAD")
    return head and head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def packages() -> dict[str, str]:
    """Return the version of the engine and of each package that it asks for."""
    names = [DISTRIBUTION, *(re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requires(DISTRIBUTION) or [])]
    return {name: _version(name) for name in sorted(names)}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _platform() -> dict[str, str]:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"python": python, "system": platform.system(), "machine": platform.machine()}


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}
