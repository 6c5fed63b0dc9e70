# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F9: the disk is full, has no name left or may not be written: the old state, a message, and later the rows.

No privileges are needed: a limit on the size of files works anywhere, a small file system of memory in a
name space of its own on Linux systems that let users have one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import polars as pl

from rwe.errors import MachineError
from rwe.selftest.outcome import Check, judged
from rwe.selftest.processes import ended
from rwe.selftest.work import squeeze
from rwe.store import Store

LIMITS = (1, 300, 1_000, 2_000, 20_000)
ROWS, MORE = 100, 20_000
MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && exec "$3" -m rwe.selftest.full "$2" "$4"'
DISKS = {
    "full disk": ("size=4m", "fill"),
    "no names left": ("size=4m,nr_inodes=16", "names"),
    "read-only folder": ("size=4m", "read-only"),
}


def full(folder: Path, tell: Callable[[str], None]) -> Iterator[Check]:
    """Make each kind of full disk; yield what was seen."""
    tell("F9")
    for limit in LIMITS:
        yield _limited(folder / f"limit-{limit}", limit)
    for case, (options, what) in DISKS.items():
        yield _mounted(folder / what, case, options, what)


def _begin(root: Path) -> None:
    Store(root).table("t").append(pl.DataFrame({"_key": [str(i) for i in range(ROWS)], "x": range(ROWS)}), batch="0")


def _limited(root: Path, limit: int) -> Check:
    _begin(root)
    _, told = ended(squeeze, root, MORE, limit)
    return _judged(root, f"no file above {limit} bytes", told[0] if told else ("nothing", ""))


def _judged(root: Path, case: str, told: tuple[str, str]) -> Check:
    """Read the old state, append without limits, and read all rows."""
    kind, message = told
    before = Store(root).table("t").current().collect().height
    refused = kind == MachineError.__name__ and str(root) in message and before == ROWS
    code, _ = ended(squeeze, root, MORE, 0)
    after = Store(root).table("t").rows().collect()
    exact = code == 0 and after.height == after["_key"].n_unique() == MORE
    said = f"{kind}: {message}; {before} rows, then {after.height}"
    return judged("F9", case, good=(refused or kind == "landed") and exact, said=said)


def _mounted(root: Path, case: str, options: str, what: str) -> Check:
    """Run `main` on a file system of memory that nobody else sees."""
    root.mkdir()
    if not (unshare := shutil.which("unshare")):
        return Check("F9", case, "skipped", "the program unshare is not installed")
    line = [unshare, "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", options, str(root), sys.executable, what]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return Check("F9", case, "skipped", "this system lets users mount no file system of their own")
    told = json.loads(done.stdout)
    return judged("F9", case, good=told["good"], said=told["said"])


def main(root: Path, what: str) -> None:
    """Make this disk refuse, try to append, make it give way and append; print what was seen."""
    _begin(root / "store")
    make = {"fill": _fill, "names": _use_names, "read-only": _freeze}[what]
    give_way = make(root)
    _, told = ended(squeeze, root / "store", MORE, 0)
    give_way()
    found = _judged(root / "store", what, told[0] if told else ("nothing", ""))
    sys.stdout.write(json.dumps({"good": found.outcome == "passed", "said": found.said}))


def _freeze(root: Path) -> Callable[[], object]:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(root)], check=True)

    remount("ro")
    return partial(remount, "rw")


def _fill(root: Path) -> Callable[[], object]:
    path = root / "filler"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            continue
    return path.unlink


def _use_names(root: Path) -> Callable[[], object]:
    made: list[Path] = []
    with suppress(OSError):
        while True:
            path = root / f"name-{len(made)}"
            path.touch()
            made.append(path)

    def give_way() -> None:
        for path in made:
            path.unlink()

    return give_way


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
