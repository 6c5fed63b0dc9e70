# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A drop folder of messages, alone or in archives: what is there, and its bytes; nothing in it is ever changed."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.folders import NO_FOLDER, passed_over
from connectors.nhis_xml import Malformed
from rwe.errors import SourceUnreachable

ARCHIVE_MEMBERS = 200_000
ARCHIVE_BYTES = 8 * 2**30
_ENCRYPTED = 0x1
_READ = (".xml", ".zip")
_PERSON = re.compile(r"(?<!\d)\d{10}(?!\d)")


class Gone(Malformed):
    """A message that is no longer where it was: its file was taken away, or another stands in its place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands: a file under the folder, and a member where that is an archive."""

    path: str
    member: str = ""

    @property
    def shown(self) -> str:
        """How it is named to people: ten digits, which may be a person's number, are not repeated."""
        return _PERSON.sub("**********", f"{self.path}/{self.member}" if self.member else self.path)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file is still the one that was examined."""

    size: int
    modified: int
    changed: int


@dataclass
class Folder:
    """The files of one site.

    Parameters
    ----------
    root
        The folder; its subfolders count, names that begin with a dot do not.
    size
        The most bytes that a message may have.
    """

    root: Path
    size: int
    _archives: dict[str, zipfile.ZipFile] = field(default_factory=dict, init=False)

    def files(self) -> dict[str, Stamp]:
        """Return every .xml and .zip file by its path under the folder.

        Raises
        ------
        SourceUnreachable
            If the folder is not there or cannot be read.
        """
        try:
            return dict(self._below(self.root))
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise SourceUnreachable(f"the drop folder {self.root} cannot be read: {reason}; {NO_FOLDER}") from None

    def _below(self, folder: Path) -> Iterator[tuple[str, Stamp]]:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._below(Path(entry.path))
                elif entry.name.lower().endswith(_READ):
                    told = entry.stat(follow_symlinks=False)
                    path = Path(entry.path).relative_to(self.root).as_posix()
                    yield path, Stamp(told.st_size, told.st_mtime_ns, told.st_ctime_ns)

    def others(self) -> Iterator[str]:
        """Yield a remark where the folder holds other files."""
        return passed_over(self.root, _READ)

    def places(self, path: str) -> Iterator[Place]:
        """Yield the places of one file.

        Raises
        ------
        Malformed
            If it is an archive that cannot be read, or a link.
        """
        if (self.root / path).is_symlink():
            raise Malformed("it is a link, which is not followed")
        if not path.lower().endswith(".zip"):
            yield Place(path)
            return
        members = [one for one in self._archive(path).infolist() if not one.is_dir()]
        if len(members) > ARCHIVE_MEMBERS or sum(one.file_size for one in members) > ARCHIVE_BYTES:
            raise Malformed(f"the archive holds more than {ARCHIVE_MEMBERS} files or {ARCHIVE_BYTES} bytes")
        names = [one.filename for one in members]
        if len(set(names)) < len(names):
            raise Malformed("two files of the archive bear one name")
        for name in names:
            yield Place(path, name)

    def data(self, place: Place) -> bytes:
        """Return the bytes at a place, read no further than the limit.

        Raises
        ------
        Malformed
            If they are more, or cannot be read; `Gone` where they are not there.
        """
        try:
            data = self._member(place) if place.member else self._file(place)
        except (FileNotFoundError, KeyError):
            raise Gone("it is no longer in the folder") from None
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError):
            raise Malformed("the archive is damaged") from None
        except OSError as exc:
            raise Malformed(f"it cannot be read ({exc.strerror or type(exc).__name__})") from None
        if len(data) > self.size:
            raise Malformed(f"it is larger than {self.size} bytes")
        return data

    def _file(self, place: Place) -> bytes:
        with (self.root / place.path).open("rb") as file:
            return file.read(self.size + 1)

    def _member(self, place: Place) -> bytes:
        archive = self._archive(place.path)
        if archive.getinfo(place.member).flag_bits & _ENCRYPTED:
            raise Malformed("the archive is encrypted")
        with archive.open(place.member) as file:
            return file.read(self.size + 1)

    def _archive(self, path: str) -> zipfile.ZipFile:
        if path not in self._archives:
            self.close()  # one at a time: messages of an archive come together
            try:
                self._archives[path] = zipfile.ZipFile(self.root / path)
            except (zipfile.BadZipFile, NotImplementedError, ValueError):
                raise Malformed("it is not a zip archive, or not a whole one") from None
            except FileNotFoundError:
                raise Gone("it is no longer in the folder") from None
            except OSError as exc:
                raise Malformed(f"it cannot be read ({exc.strerror or type(exc).__name__})") from None
        return self._archives[path]

    def close(self) -> None:
        """Close the archive that is open."""
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()
