# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tables on disk: append-only Delta Lake in which every commit is sealed.

Who reads one of these tables with Spark, DuckDB or polars sees plain Delta Lake. What Delta does
not promise stands beside it in ``_seal/``: each commit is forced to the disk and the sha256 of each
of its files kept in a hash-chained log, against which a process checks them before it first reads.
"""

from __future__ import annotations

from rwe.store.appending import Landed
from rwe.store.draft import Draft
from rwe.store.rows import changes_of, hashed
from rwe.store.seal import Seal, SealedFile
from rwe.store.store import Store
from rwe.store.table import Table

__all__ = ["Draft", "Landed", "Seal", "SealedFile", "Store", "Table", "changes_of", "hashed"]
