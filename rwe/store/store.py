# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Store`: the tables under one folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rwe.store.table import Table


@dataclass(frozen=True, slots=True)
class Store:
    """The tables under one folder.

    Parameters
    ----------
    root
        The folder; made at the first append, for its owner only.
    patience
        Seconds to wait for another process that appends to the same table.
    notices
        What opening had to repair or set aside, in words; shown to people, kept in the seal log.
    """

    root: Path
    patience: float = 10.0
    notices: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return the names of the tables that are there."""
        logs = self.root.rglob("_seal/log.jsonl")
        return sorted(path.parents[1].relative_to(self.root).as_posix() for path in logs)

    def begun(self) -> list[str]:
        """Return the names of the tables that are there or that a process has begun to make."""
        return sorted(path.parent.relative_to(self.root).as_posix() for path in self.root.rglob("_seal"))

    def chains(self) -> list[Path]:
        """Return the chained logs that stand beside the tables: what was erased, what is known of streams."""
        return sorted(path for path in self.root.rglob("*.jsonl") if path.parent.name != "_seal")

    def table(self, name: str, *, partition_by: str | None = None) -> Table:
        """Return the table `name`, for example ``rotterdam/landing/patient``.

        Parameters
        ----------
        name
            Its folder under the root.
        partition_by
            Column that splits it into folders, for tables that are distributed.
        """
        return Table(self, name, partition_by)
