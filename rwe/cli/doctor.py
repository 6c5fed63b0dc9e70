# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What this machine has and lacks; each check returns findings, none changes anything but the kernel cache."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import zoneinfo
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rwe.cli.options import Common, Talk
from rwe.cli.words import word
from rwe.errors import MachineError

NEED_GB = 2
ALL = Common()
# asked of a child process: a library that fails to load must not take the doctor with it
DRIVERS = "import json, pyodbc; print(json.dumps(pyodbc.drivers()))"
Warm = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.warm"))]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``good``, ``note`` (needed by some only) or ``bad`` (needed and missing)."""

    check: str
    name: str
    state: str
    text: str


def doctor(*, warm: Warm = False, common: Common = ALL, voice: Talk) -> int:
    """Show what this machine has and lacks."""
    if warm:
        _compile(voice)
    findings = list(examine(common.place))
    for finding in findings:
        voice.event("finding", **asdict(finding))
    rows = [(word(f"doctor.{f.state}"), f.name, f.text) for f in findings]
    voice.table(rows, [f.state for f in findings])
    bad = list(dict.fromkeys(f.name for f in findings if f.state == "bad"))
    voice.say("doctor.lacking" if bad else "doctor.all_good", names=", ".join(bad))
    return MachineError.exit_code if bad else 0


def examine(home: Path) -> Iterator[Finding]:
    """Yield what is found, the needed things first."""
    yield _python()
    yield from _packages()
    yield _home(home)
    yield _disk(home)
    yield _time_zones()
    yield _fonts()
    yield _kernels()
    yield _odbc()
    yield _mlflow(home)


def _finding(check: str, state: str, key: str, **values: object) -> Finding:
    return Finding(check, word(f"doctor.{check}"), state, word(f"doctor.{key}", **values))


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", word("doctor.python"), "good", found)


def _packages() -> Iterator[Finding]:
    for line in requires("rwe-engine") or []:
        name = re.split(r"[^A-Za-z0-9._-]", line)[0]
        extra = re.search(r"extra == ['\"]([^'\"]+)", line)
        yield _package(name, extra.group(1) if extra else None)


def _package(name: str, extra: str | None) -> Finding:
    """Look for a package; one of an `extra` is needed by some sources only."""
    title = f"{word('doctor.packages')} {name}"
    try:
        return Finding("packages", title, "good", version(name))
    except PackageNotFoundError:
        if extra:
            return Finding("packages", title, "note", word("doctor.extra", extra=extra))
        return Finding("packages", title, "bad", word("doctor.absent"))


def _home(home: Path) -> Finding:
    good = _writable(home)
    return _finding("home", "good" if good else "bad", "home_good" if good else "home_locked", folder=home)


def _writable(folder: Path) -> bool:
    """Whether a file can be made in `folder`, or in the nearest folder above that exists."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return True
    except OSError:
        return False


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(_existing(home)).free / 1e9
    state, key = ("good", "disk_free") if free >= NEED_GB else ("bad", "disk_full")
    return _finding("disk", state, key, free=f"{free:.1f}", need=NEED_GB, folder=home)


def _time_zones() -> Finding:
    try:
        zoneinfo.ZoneInfo("Europe/Sofia")
    except zoneinfo.ZoneInfoNotFoundError:
        return _finding("timezones", "bad", "zones_lost")
    return _finding("timezones", "good", "zones_found")


def _fonts() -> Finding:
    count = sum(1 for _ in _room("figures").glob("fonts/*.ttf"))
    return _finding("fonts", "good" if count else "bad", "fonts_found" if count else "fonts_lost", count=count)


def _room(name: str) -> Path:
    return Path(__file__).parents[1] / name


def _kernels() -> Finding:
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or _room("kernels") / "__pycache__")
    count = sum(1 for _ in folder.rglob("*.nbc")) if folder.is_dir() else 0
    if not count and not _writable(folder):
        return _finding("kernels", "note", "no_cache", folder=folder)
    return _finding("kernels", "good" if count else "note", "warm" if count else "cold", count=count, folder=folder)


def _compile(voice: Talk) -> None:
    package = importlib.import_module("rwe.kernels")
    for module in pkgutil.iter_modules(package.__path__, "rwe.kernels."):
        voice.progress(f"warm {module.name.rpartition('.')[2]}")
        importlib.import_module(module.name)


def _odbc() -> Finding:
    if find_spec("pyodbc") is None:
        return _finding("odbc", "note", "absent")
    child = subprocess.run([sys.executable, "-c", DRIVERS], capture_output=True, text=True, timeout=60, check=False)
    if child.returncode:
        return _finding("odbc", "note", "no_manager")
    drivers = json.loads(child.stdout)
    return _finding(
        "odbc", "good" if drivers else "note", "drivers" if drivers else "no_drivers", drivers=", ".join(drivers)
    )


def _mlflow(home: Path) -> Finding:
    store = home / "mlflow" / "mlflow.db"
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.as_posix()}"
    fresh = address.startswith("sqlite") and not store.exists()
    address = re.sub(r"//[^/@]*@", "//***@", address)
    return _finding("mlflow", "good", "mlflow_new" if fresh else "mlflow_here", address=address)
