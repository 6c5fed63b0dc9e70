# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""F8: a table is not what it was: nothing of it lands, nothing is bent to fit, the reason is said, the others go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import polars as pl

from rwe import plugins
from rwe.linkage import load_or_make_key
from rwe.pipeline.extract import Extracted, extract, landing_table
from rwe.selftest.outcome import Check, judged
from rwe.selftest.work import HOSPITAL, TABLES, hospital
from rwe.store import Store

ROWS, PAGE = 2_000, 1_000
LATER = "2012-01-01 20:00:00.000000"
NEW = f"modified_at = '{LATER}' WHERE row_id > {ROWS // 2}"
CHANGES = {
    "a column dropped": "ALTER TABLE dose DROP COLUMN amount",
    "a column renamed": "ALTER TABLE dose RENAME COLUMN amount TO amount_mg",
    "numbers become text": f"UPDATE dose SET amount = 'две', {NEW}",
    "a decimal comma": f"UPDATE dose SET amount = replace(amount + 0.25, '.', ','), {NEW}",
    "windows-1251 in a database of UTF-8": f"UPDATE dose SET medicine = CAST(x'CAE0F0E1EE' AS TEXT), {NEW}",
    "mg become g": f"UPDATE dose SET amount = amount / 1000, unit = 'g', {NEW}",
    "mg become g, untold": f"UPDATE dose SET amount = amount / 1000, {NEW}",
}
OTHER = f"UPDATE stay SET outcome = 'починал', modified_at = '{LATER}' WHERE row_id = 7"


def changed(folder: Path, tell: Callable[[str], None]) -> Iterator[Check]:
    """Extract a hospital, change one of its tables in each of these ways, extract it again; yield what landed."""
    tell("F8")
    for number, (case, statement) in enumerate(CHANGES.items()):
        yield _tried(folder / str(number), case, statement)


def _tried(home: Path, case: str, statement: str) -> Check:
    home.mkdir()
    database = home / "hospital.db"
    plugins.invented(HOSPITAL).build(database, TABLES, rows=ROWS, seed=1)
    _extracted(home, database)
    before = _landed(home)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)
        connection.execute(OTHER)
    reads = {read.stream: read for read in _extracted(home, database).reads}
    same = _landed(home).equals(before)
    dose, stay = reads["dose"], reads["stay"]
    good = bool(dose.fault) and not dose.unreachable and same and (stay.corrected, stay.fault) == (1, "")
    said = (
        f"{dose.fault or 'nothing said'}; table {'as it was' if same else 'changed'}, {stay.landed} of the other landed"
    )
    return judged("F8", case, good=good, said=said)


def _extracted(home: Path, database: Path) -> Extracted:
    site, source = hospital(database, PAGE)
    return extract(site, source, Store(home / "store"), home, load_or_make_key(home))


def _landed(home: Path) -> pl.DataFrame:
    return landing_table(Store(home / "store"), HOSPITAL, "dose").rows().collect()
