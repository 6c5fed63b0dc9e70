# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What leaves a settlement ledger as a file: the payer's view stays in the zone, the company's has no patient in it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rwe import reimbursement as rb
from rwe.chain import on_disk
from rwe.pipeline.erased_files import EXPORTS
from rwe.pipeline.files import write_table

VIEWS = {"nhif": rb.for_payer, "company": rb.for_company}


def write_export(home: Path, ledger: rb.Ledger, closed: rb.Closed, view: str, form: str) -> tuple[Path, int]:
    """Write a close into the home's ``exports/``; return path and rows.

    Parameters
    ----------
    view
        ``nhif``: every entry, patient by patient; ``company``: sums of enough patients.
    form
        ``csv``, ``xlsx`` or ``json``; money is exact in all of them.

    Raises
    ------
    TornStore
        If the ledger was changed.
    MachineError
        If the disk refuses.
    """
    return _write(home, f"{ledger.folder.name}-{closed.period}-{view}.{form}", VIEWS[view](ledger, closed))


def write_left_out(home: Path, ledger: rb.Ledger, closed: rb.Closed, view: str, form: str) -> list[tuple[Path, int]]:
    """Write beside an export what the settlement left out: to the payer dose by dose, to the company by reason.

    Returns
    -------
    list
        Path and rows of each file: for ``nhif`` ``excluded``, ``rejected``, ``pools`` and ``sites``, as far as they
        have rows; for ``company`` ``left_out``, if anything was.

    Raises
    ------
    TornStore, MachineError
        As `write_export`.
    """
    company = {"left_out": rb.left_out_for_company(ledger, closed)} if view == "company" else {}
    tables = company or rb.left_out(ledger, closed)
    name = f"{ledger.folder.name}-{closed.period}"
    return [_write(home, f"{name}-{table}-{view}.{form}", rows) for table, rows in tables.items() if rows.height]


def _write(home: Path, name: str, rows: pl.DataFrame) -> tuple[Path, int]:
    path = home / EXPORTS / name
    with on_disk(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_table(path, rows.with_columns(pl.selectors.decimal().cast(pl.String)) if path.suffix == ".json" else rows)
    return path, rows.height
