# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""All houses of the network: who writes what, and where."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from synthetic.network.houses import delimited, fhir, hl7, hospital_a, hospital_b, hospital_c, hospital_d
from synthetic.network.houses.database import Database

SENT = 50  # of so many patients of hospital A one is sent as FHIR, and another as HL7 v2
_FHIR, _HL7 = 3, 4


class Houses:
    """The houses of one network, written block by block.

    Parameters
    ----------
    folder
        Where: ``a.db``, ``b.db``, ``c.db`` (databases), ``d/nhis`` and ``d/files``, ``fhir``, ``hl7v2``, ``registry``,
        ``fund``.
    urls
        Empty databases that hospital ``a``, ``b`` or ``c`` is written to, in place of a file of SQLite.
    """

    def __init__(self, folder: Path, urls: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        at = {name: f"sqlite:///{(folder / f'{name}.db').as_posix()}" for name in "abc"} | dict(urls or {})
        folder.mkdir(parents=True, exist_ok=True)
        self._databases = {
            "A": Database(at["a"], hospital_a.SHEETS, changed="modified_at", zoned=True),
            "B": Database(at["b"], hospital_b.SHEETS, changed="promenen"),
            "C": Database(at["c"], hospital_c.SHEETS, changed="Променен"),
        }
        for database in self._databases.values():
            database.create()

    def write(self, part: int, entries: Mapping[str, pl.DataFrame]) -> dict[str, int]:
        """Write the entries about the persons of one block; return rows by house and table."""
        with ThreadPoolExecutor(1) as aside:  # a database takes rows while files are written
            tables = aside.submit(self._tables, entries)
            rows = self._files(part, entries) | tables.result()
        return {f"{house}.{table}": n for house, counts in rows.items() for table, n in counts.items()}

    def _tables(self, entries: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, int]]:
        wide = hospital_b.widened(entries)
        return {
            f"hospital_{name.lower()}": database.write(wide if name == "B" else entries, name)
            for name, database in self._databases.items()
        }

    def _files(self, part: int, entries: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, int]]:
        into, files = self._folder, self._folder / "d" / "files"
        return {
            "hospital_d_nhis": hospital_d.write(into / "d" / "nhis", part, entries, "D"),
            "hospital_d_files": delimited.write(files, part, delimited.HOSPITAL_D, entries, "D", delimited.WINDOWS),
            "fhir": fhir.write(into / "fhir", part, _some(entries, _FHIR), "A"),
            "hl7v2": hl7.write(into / "hl7v2", part, _some(entries, _HL7), "A"),
            "registry": delimited.write(into / "registry", part, delimited.REGISTRY, entries),
            "fund": delimited.write(into / "fund", part, delimited.FUND, entries),
        }

    def finish(self) -> None:
        """Make the databases ready to be read, all at once: to order their rows takes longest."""
        with ThreadPoolExecutor() as aside:
            for done in [aside.submit(database.finish) for database in self._databases.values()]:
                done.result()


def _some(entries: Mapping[str, pl.DataFrame], left: int) -> dict[str, pl.DataFrame]:
    return {name: rows.filter(pl.col("person") % SENT == left) for name, rows in entries.items()}
