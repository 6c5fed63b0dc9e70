# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Extraction killed at random moments: after each, the landing equals the source up to its cursor, at the end whole.

The kills are spread over few long extractions: each goes on from where the one before was killed.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rwe import plugins
from rwe.errors import MachineError
from rwe.pipeline.extract import landing_table
from rwe.selftest.compared import differing
from rwe.selftest.processes import received, running
from rwe.selftest.work import HOSPITAL, TABLES, hospital, land
from rwe.store import Store, Table
from rwe.store.erase import leftovers

PAGES = 50  # batches an extraction has
AT_ONCE = 40  # kills one extraction can take
EARLY = (
    0.3  # the part of the kills that fall into the first 0.3 seconds of a process; the others fall among its batches
)
_SILENT = 300.0  # seconds without a batch are a failure of their own


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill (or an undisturbed end, ``killed`` false) and what the next start found.

    Parameters
    ----------
    kill, extraction
        Number of the kill, and of the extraction that it fell into.
    seconds
        How long the process had worked.
    landed
        Rows that had landed, over all tables.
    lost, doubled, altered
        Rows of the source up to the cursor that are not there, that are there twice, and (at the end of an
        extraction) that are not what the source says.
    scraps, left
        Files that no commit named after the kill, and after the start-up sweep.
    notices
        What opening had to repair.
    """

    kill: int
    extraction: int
    killed: bool
    seconds: float
    landed: int
    lost: int
    doubled: int
    altered: int
    scraps: int
    left: int
    notices: int

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled, altered or left."""
        return not (self.lost or self.doubled or self.altered or self.left)


def kill(folder: Path, kills: int, rows: int, seed: int, tell: Callable[[int], None]) -> Iterator[Kill]:
    """Kill extractions of `rows` rows in all, `kills` times; yield what each kill left.

    Parameters
    ----------
    folder
        An empty folder to work in.
    tell
        Told the number of each kill.
    """
    draw = random.Random(seed)
    database, each = folder / "hospital.db", rows // len(TABLES)
    plugins.invented(HOSPITAL).build(database, TABLES, rows=each, seed=seed)
    page = max(1, rows // PAGES)
    order = order_of(database)
    done = extraction = 0
    while done < kills or extraction == 0:
        home = folder / f"home-{extraction}"
        planned, pace, whole = min(AT_ONCE, kills - done), 0.1, False
        while not whole:
            whole, seconds, pace = _one(home, database, page, pace, draw if planned > 0 else None)
            done, planned = done + (not whole), planned - 1
            yield inspected(home, order, database, page, (done, extraction, not whole, seconds))
            tell(done)
        shutil.rmtree(home)
        extraction += 1


def _one(home: Path, database: Path, page: int, pace: float, draw: random.Random | None) -> tuple[bool, float, float]:
    """Run an extraction, to its end or to a random moment; return whether it ended, its seconds, those of a batch."""
    with running(land, home, database, page) as (process, connection):
        if next(received(connection, _SILENT), None) != "ready":
            raise MachineError("the extraction to be killed did not start; run 'rwe doctor'")
        begin, told, end = time.monotonic(), [0.0], float("inf")
        batches = draw.randrange(1, 4) if draw else 0  # from its first batch on it is at its work
        if draw and draw.random() < EARLY:
            end = begin + draw.uniform(0, EARLY)
        while (left := end - time.monotonic()) > 0 and connection.poll(min(left, _SILENT)):
            try:
                said = connection.recv()
            except EOFError:
                process.join()
                raise MachineError(f"the extraction ended by itself with code {process.exitcode}") from None
            if said == "done":
                return True, time.monotonic() - begin, pace
            told.append(time.monotonic())
            if draw and len(told) > batches and end == float("inf"):
                end = told[-1] + draw.uniform(0, 2 * pace)
        process.kill()
    times = told[1:]
    return False, time.monotonic() - begin, (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else pace


def order_of(database: Path) -> dict[str, pl.DataFrame]:
    """Return the keys of each table in the order they are read: ``place``, ``_key``."""
    found = {}
    with closing(sqlite3.connect(database)) as connection:
        for table in TABLES:
            rows = connection.execute(f"SELECT row_id FROM {table} ORDER BY modified_at, row_id")
            found[table] = pl.DataFrame({"_key": [str(key) for (key,) in rows]}).with_row_index("place")
    return found


def inspected(
    home: Path, order: dict[str, pl.DataFrame], database: Path, page: int, facts: tuple[int, int, bool, float]
) -> Kill:
    """Open the store as the next start does and count what is wrong with it.

    Parameters
    ----------
    order
        By table, what `order_of` says.
    facts
        The first four fields of the `Kill` to return.
    """
    store, number = Store(home / "store"), [0] * 6
    for name in TABLES:
        table = landing_table(store, HOSPITAL, name)
        if table.name in store.names():
            number = [a + b for a, b in zip(number, _counted(table, order[name]), strict=True)]
    landed, lost, doubled, altered, scraps, left = number
    if not facts[2]:
        lost += sum(frame.height for frame in order.values()) - landed
        altered += differing(home, *hospital(database, page))
    left += len([path for path in home.rglob("*") if path.suffix in (".draft", ".part")])
    return Kill(*facts, landed, lost, doubled, altered, scraps, left, len(store.notices))


def _counted(table: Table, order: pl.DataFrame) -> list[int]:
    """Return rows landed, lost, doubled, from beyond the cursor, files swept, files left."""
    before = set(table.folder.rglob("*"))
    table.mend()
    after = set(table.folder.rglob("*"))
    keys, cursor = table.rows().select("_key").collect(), table.cursor()
    place = order.filter(pl.col("_key") == cursor.key)["place"].item() if cursor else -1
    due = order.filter(pl.col("place") <= place)
    lost = due.join(keys, on="_key", how="anti").height
    beyond = keys.join(due, on="_key", how="anti").height
    doubled = keys.height - keys["_key"].n_unique()
    return [keys.height, lost, doubled, beyond, len(before - after), len(leftovers(table.folder, table.seals()))]
