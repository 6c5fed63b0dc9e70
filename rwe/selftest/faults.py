# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every other fault, one family after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rwe.selftest.changed import changed
from rwe.selftest.clock import clock
from rwe.selftest.crash import crashes
from rwe.selftest.crowd import crowd
from rwe.selftest.full import full
from rwe.selftest.moving import moving
from rwe.selftest.network import network
from rwe.selftest.outcome import Check
from rwe.selftest.signals import signals
from rwe.selftest.torn import torn

QUICK_STEP, QUICK_SECONDS, SECONDS = 41, 1.0, 60.0
Tell = Callable[[str], None]


def faults(folder: Path, tell: Tell, *, quick: bool = False) -> Iterator[Check]:
    """Make the faults F1, F3, F5, F6, F8, F9, F10, F11 and F13; yield what came of each. (F4 is `rwe.selftest.bits`.)

    Parameters
    ----------
    folder
        An empty folder to work in.
    tell
        Told what is being done.
    quick
        Take every 41st crash point and byte, and one second where a minute is due.
    """
    every = QUICK_STEP if quick else 1
    yield from crashes(_made(folder / "F1"), tell, every)
    yield from torn(_made(folder / "F3"), tell, every)
    yield from network(_made(folder / "F5"), tell)
    yield from moving(_made(folder / "F6"), tell)
    yield from changed(_made(folder / "F8"), tell)
    yield from full(_made(folder / "F9"), tell)
    yield from crowd(_made(folder / "F10"), tell, QUICK_SECONDS if quick else SECONDS)
    yield from clock(_made(folder / "F11"), tell)
    yield from signals(_made(folder / "F13"), tell)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
