# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A drop folder: which files are there and whole, in order, each known by the sha256 of its bytes."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import stat
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from connectors.files_contract import Delivered, Folder, seen
from connectors.folders import NO_FOLDER
from rwe.errors import DataError, DefinitionError, SourceUnreachable
from rwe.spec.site import Site

_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".lock")
_BLOCK = 1 << 20
_ENTRIES = 10_000
_SMALL = 10 * _BLOCK  # what unpacks to less harms nobody, whatever its ratio


@dataclass(frozen=True, slots=True)
class Drop:
    """One file of a folder, or one file within a zip archive there.

    Parameters
    ----------
    path, inside
        The file, and the name within it where it is an archive.
    stamp
        Size and time of change of `path` when it was found.
    """

    path: Path
    inside: str | None
    stamp: tuple[int, int]

    @property
    def name(self) -> str:
        """Its name as messages show it."""
        return seen(f"{self.path.name}/{self.inside}" if self.inside else self.path.name)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for reading; nothing is unpacked to disk."""
        with told(self.name):
            if self.inside is None:
                with self.path.open("rb") as file:
                    yield file
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.inside) as file:
                    yield cast(BinaryIO, file)

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """Open it for a reader that goes to and fro: a packed file is held in memory."""
        with self.open() as file:
            yield file if self.inside is None else io.BytesIO(file.read())

    def sha256(self) -> str:
        """Return what the file is known by."""
        digest = hashlib.sha256()
        with self.open() as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def unchanged(self) -> None:
        """Raise SourceUnreachable if the file is no longer the one that was found."""
        if _stamp(self.path) != self.stamp:
            raise SourceUnreachable(f"file '{self.name}' changed while it was read; it is read again next time")


@contextmanager
def told(name: str) -> Iterator[None]:
    """Say what is wrong with a file, or the files of a pattern, in errors of ours."""
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        raise DataError(
            f"file '{name}' is a damaged archive, or packed in a way that is not read; send it again"
        ) from None
    except OSError as exc:
        raise SourceUnreachable(f"file '{name}' cannot be read ({type(exc).__name__}); it is tried again") from None


def root(site: Site, home: Path) -> Path:
    """Return the folder that a site's address names, ``file:///folder``; ``{home}`` is the data folder.

    Raises
    ------
    DefinitionError
        If the address is of another kind.
    """
    parts = urlsplit(site.address())
    if parts.scheme != "file":
        raise DefinitionError(f"site '{site.site}': its address is not a folder, for example file:///srv/drops")
    return Path(unquote(parts.netloc + parts.path).replace("/{home}", str(home)).replace("{home}", str(home)))


def reachable(site: Site, folder: Path) -> None:
    """Raise SourceUnreachable if the folder is not there: an empty mount point must not pass for no news."""
    if not folder.is_dir():
        raise SourceUnreachable(f"site '{site.site}': there is no folder {folder}; {NO_FOLDER}")


def drops(folder: Path, pattern: str, contract: Delivered, limits: Folder) -> list[Drop]:
    """Return the whole files of a stream, oldest first.

    Files that are empty, unfinished by their name or changed within `limits.quiet_seconds` are left for the next
    run.

    Raises
    ------
    DataError
        If a file is a symbolic link, or an archive that is encrypted, would unpack to more than the limits, or
        names places outside itself.
    """
    with told(pattern):
        found = [path for path in sorted(folder.rglob("*")) if _matches(path, folder, pattern)]
    whole = [Drop(path, None, stamp) for path in found if (stamp := settled(path, limits)) is not None]
    if contract.inside is not None:
        whole = [inner for drop in whole for inner in _unpacked(drop, contract.inside, limits)]
    if contract.order == "modified":
        whole.sort(key=lambda drop: (drop.stamp[1], str(drop.path), drop.inside or ""))
    return whole


def means(pattern: str, name: str) -> bool:
    """Tell whether a pattern means a name, in capitals or not: what came from Windows is known by either.

    Examples
    --------
    >>> means("lab-*.csv", "LAB-2024.CSV")
    True
    """
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


def _matches(path: Path, folder: Path, pattern: str) -> bool:
    name = path.relative_to(folder).as_posix()
    if not means(pattern, name) or path.is_dir():
        return False
    if path.is_symlink():
        raise DataError(f"file '{seen(name)}' is a symbolic link; put the file itself into the folder")
    return not (hidden(path) or unfinished(path))


def hidden(path: Path) -> bool:
    """Tell whether a name says that a file is none of a person's: hidden, or a program's mark beside an open one."""
    return path.name.startswith((".", "~$"))


def unfinished(path: Path) -> bool:
    """Tell whether a name says that a file is still being written."""
    return path.name.lower().endswith(_UNFINISHED)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def settled(path: Path, limits: Folder) -> tuple[int, int] | None:
    """Return size and time of change of a file that is not empty and was left alone for long enough."""
    stamp = _stamp(path)
    if stamp is None or stamp[0] == 0 or time.time_ns() - stamp[1] < limits.quiet_seconds * 1_000_000_000:
        return None
    return stamp


def _unpacked(drop: Drop, pattern: str, limits: Folder) -> list[Drop]:
    with told(drop.name), zipfile.ZipFile(drop.path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    check_archive(entries, drop.stamp[0], drop.name, limits)
    names = sorted(entry.filename for entry in entries if means(pattern, entry.filename))
    return [Drop(drop.path, name, drop.stamp) for name in names]


def check_archive(entries: list[zipfile.ZipInfo], size: int, name: str, limits: Folder) -> None:
    """Refuse an archive that is encrypted, escapes its folder, repeats a name or is a bomb.

    Raises
    ------
    DataError
        With the name of the archive and what is wrong with it.
    """
    unpacked = sum(entry.file_size for entry in entries)
    packed = min(size, sum(entry.compress_size for entry in entries)) or 1
    faults = {
        "is encrypted; send it without a password, over a channel that is": any(e.flag_bits & 0x1 for e in entries),
        "names places outside itself or links": any(map(_escapes, entries)),
        "holds a name twice": len({entry.filename for entry in entries}) < len(entries),
        f"holds more than {_ENTRIES} files": len(entries) > _ENTRIES,
        f"unpacks to more than {limits.largest_mb} MB (largest_mb)": unpacked > limits.largest_mb << 20,
        f"unpacks to more than {limits.ratio} times its size (ratio)": unpacked > max(_SMALL, limits.ratio * packed),
    }
    if wrong := [words for words, here in faults.items() if here]:
        raise DataError(f"archive '{name}' {'; '.join(wrong)}")


def _escapes(entry: zipfile.ZipInfo) -> bool:
    name = entry.orig_filename.replace("\\", "/")
    outside = name.startswith("/") or ".." in name.split("/") or ":" in name.split("/")[0] or "\0" in name
    return outside or stat.S_ISLNK(entry.external_attr >> 16)
