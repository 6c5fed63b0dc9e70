# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What an erasure does to the ledgers of NHIS messages: a person's documents are forgotten, the messages stay known."""

from __future__ import annotations

from pathlib import Path

from connectors.nhis_ledger import FOLDER, Ledger
from rwe.ports import Keys


def erase(home: Path, keys: Keys) -> list[str]:
    """Forget a person's documents, which are numbered as the Fund knows them; return the ledgers changed.

    Raises
    ------
    MachineError
        If a ledger cannot be used.
    """
    changed = []
    for path in sorted((home / FOLDER).glob("*.sqlite")):
        # a document may be known to streams in which it has no row, so the person's keys are looked for in all
        mine = {key for table, found in keys.items() if table.startswith(f"{path.stem}/landing/") for key in found}
        ledger = Ledger(path)
        try:
            gone = ledger.forget_documents(mine | {key.rpartition("/")[0] for key in mine if "/" in key})
        finally:
            ledger.close()
        changed += [f"{FOLDER}/{path.name}"] if gone else []
    return changed
