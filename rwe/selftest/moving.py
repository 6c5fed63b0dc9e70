# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F6: the source changes while it is read: of a table one state lands where the database can hold one still.

Where it cannot, the next extraction finds what changed: corrections by their time, a late row by the overlap, a
deleted one by the comparison of all keys.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from rwe import plugins
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import Asked, extract
from rwe.selftest.compared import differing
from rwe.selftest.outcome import Check, judged
from rwe.selftest.work import HOSPITAL, TABLES, hospital
from rwe.store import Store

ROWS, PAGE = 600, 50
LATER = "2012-01-01 09:00:00.000000"  # after the last row of so many, within a day of it
CHANGES = (
    f"UPDATE stay SET ward = 'Друго', modified_at = '{LATER}' WHERE row_id IN (5, 595)",  # read already, and not yet
    "UPDATE stay SET row_id = 10000 WHERE row_id = 300",  # one gone, and one that comes late under an old time
    "DELETE FROM dose WHERE row_id IN (2, 400)",
    f"UPDATE dose SET amount = 1, modified_at = '{LATER}' WHERE row_id = 590",
)


def moving(folder: Path, tell: Callable[[str], None]) -> Iterator[Check]:
    """Change a hospital while it is extracted, with and without snapshots; yield what landed."""
    tell("F6")
    for mode in ("wal", "delete"):
        yield _tried(folder / mode, mode)


def _tried(home: Path, mode: str) -> Check:
    home.mkdir()
    database, before = home / "hospital.db", home / "before.db"
    plugins.invented(HOSPITAL).build(database, TABLES, rows=ROWS, seed=1)
    shutil.copy(database, before)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    (site, source), key, store = hospital(database, PAGE), load_or_make_key(home), Store(home / "store")
    landed = list[str]()

    def change(text: str) -> None:
        landed.append(text)
        if len(landed) == 1:
            with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
                for statement in CHANGES:
                    connection.execute(statement)

    first = extract(site, source, store, home, key, change)
    being_read = plugins.invented(HOSPITAL).source(TABLES[:1])  # a snapshot is of one table's reading
    torn = differing(home, hospital(before, PAGE)[0], being_read)
    second = extract(site, source, store, home, key, asked=Asked(compare_keys=True))
    wrong = differing(home, site, source)
    faults = [read.fault for read in (*first.reads, *second.reads) if read.fault]
    still = mode == "wal"
    said = f"{torn} rows of another state in the table being read, {wrong} wrong at the next, {len(faults)} faults"
    good = not faults and not wrong and (torn == 0 or not still)
    case = f"a hospital that changes while it is read, {'with' if still else 'without'} snapshots"
    return judged("F6", case, good=good, said=said)
