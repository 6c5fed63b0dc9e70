# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What holds of any drop folder: what to do where it is missing, and files of other kinds that are passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

NO_FOLDER = "see its address in the site file, and that its disk or share is there"
_NAMED = 5


def passed_over(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield a remark where files of a folder end otherwise than those that are read.

    They are counted by what follows their last dot: a whole name may tell who a file is about. Names that begin with
    a dot are of no matter.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.xml", "b.PDF", "c.pdf", "d", ".e"):
    ...     _ = (folder / name).write_text("")
    >>> list(passed_over(folder, (".xml",)))
    ['3 files are not read, because their names do not end in .xml (.pdf 2, no ending 1)']
    """
    strange: Counter[str] = Counter()
    for _, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        others = (name.lower() for name in names if not name.startswith("."))
        strange.update(_ending(name) for name in others if not name.endswith(suffixes))
    if strange:
        most = sorted(strange.items(), key=lambda one: (-one[1], one[0]))[:_NAMED]
        told = ", ".join(f"{ending} {n}" for ending, n in most)
        more = ", ..." if len(strange) > _NAMED else ""
        ends = ", ".join(suffixes)
        yield f"{strange.total()} files are not read, because their names do not end in {ends} ({told}{more})"


def _ending(name: str) -> str:
    ending = Path(name).suffix
    return ending if ending[1:].isalpha() and len(ending) <= 8 else "no ending" if not ending else "another ending"
