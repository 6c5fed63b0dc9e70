# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`Ledger`: the book of one agreement on disk, to which closes and events are only ever added.

``ledger.jsonl`` is a hash-chained log (`rwe.chain`), each line of it signed by the key of the home; the entries of a
close are a csv file beside it, whose sha256 the line names. A close that was stopped leaves a file that no line names:
the next one writes over it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from filelock import FileLock, Timeout

from rwe.chain import START, Chain, Entry, fsync, on_disk
from rwe.errors import Busy, DefinitionError, Refused, TornStore
from rwe.reimbursement import journal
from rwe.reimbursement.closed import Closed, digests_of
from rwe.spec.agreement import Agreement

WAIT = 30


@dataclass(frozen=True, slots=True)
class Ledger:
    """The settlement ledger of one agreement.

    Parameters
    ----------
    folder
        Where it is; made at the first entry, for its owner only.
    agreement
        The contract.
    key
        The secret of the home (`rwe.linkage.load_or_make_key`), with which each line is signed.
    synthetic
        Whether it holds what was reckoned from invented records, and nothing else.
    """

    folder: Path
    agreement: Agreement
    key: bytes
    synthetic: bool = False

    @property
    def scale(self) -> int:
        """Decimals of its money."""
        return max(0, -int(self.agreement.rounding.quantum.as_tuple().exponent))

    def lines(self) -> list[Entry]:
        """Return the lines of the log, oldest first, each held against its signature.

        Raises
        ------
        TornStore
            If a line was changed, lost, moved, or written without the key.
        DefinitionError
            If it is the ledger of another agreement.
        Refused
            If invented and lived records would meet in it.
        """
        lines = [line for line in self._chain.entries() if line.payload.get("kind") != "repair"]
        after = START
        for line in lines:
            said = dict(line.payload)
            if said.pop("signature", "") != self._signature(said) or said["after"] != after:
                raise TornStore(f"{self._chain.path}: line {line.seq} is not signed by the key of this home")
            after = line.hash
        if lines:
            self._ours(lines[0].payload)
        return lines

    def closes(self) -> list[Closed]:
        """Return the closes, oldest first.

        Raises
        ------
        TornStore, DefinitionError, Refused
            As `lines`.
        """
        return [Closed.of(line) for line in self.lines() if line.payload["kind"] == "close"]

    def entries(self, before: int | None = None) -> pl.DataFrame:
        """Return the entries of all closes, or of those before a line: `journal.COLUMNS` and ``close``.

        Raises
        ------
        TornStore
            If the file of a close is missing or holds other bytes.
        """
        closes = [one for one in self.closes() if before is None or one.number < before]
        parts = [self.posted(one).with_columns(pl.lit(one.number, pl.Int64).alias("close")) for one in closes]
        empty = pl.DataFrame(schema={**self.schema(), "close": pl.Int64()})
        return pl.concat([empty, *parts]) if parts else empty

    def posted(self, close: Closed) -> pl.DataFrame:
        """Return the entries of one close.

        Raises
        ------
        TornStore
            As `entries`.
        """
        return journal.from_bytes(self._bytes(close, close.file, close.sha256), self.schema())

    def beside(self, close: Closed, name: str) -> pl.DataFrame:
        """Return a table that is kept beside the entries of a close, as text.

        Raises
        ------
        TornStore
            As `entries`.
        """
        kept = close.beside[name]
        return journal.as_text(self._bytes(close, kept["file"], kept["sha256"]))

    def _bytes(self, close: Closed, file: str, sha256: str) -> bytes:
        path = self.folder / file
        with on_disk(path):
            data = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise TornStore(f"{path}: the entries of {close.period} are not those that were posted; restore this file")
        return data

    def schema(self) -> dict[str, pl.DataType]:
        """Return the columns of its journal."""
        return journal.schema(self.scale)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the ledger for one who adds to it.

        Raises
        ------
        Busy
            If another process does.
        """
        with on_disk(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(self.folder / "ledger.lock", timeout=WAIT)
            try:
                lock.acquire()
            except Timeout:
                busy = Busy("another process writes into this settlement ledger; try again later")
                raise busy.known_as("ledger_busy") from None
        try:
            yield
        finally:
            lock.release()

    def add(self, kind: str, said: Mapping[str, Any]) -> Entry:
        """Add a signed line. Needs `writing`."""
        lines = self.lines()
        last = lines[-1].hash if lines else self._signed("ledger", self._identity(), START).hash
        return self._signed(kind, said, last)

    def _signed(self, kind: str, said: Mapping[str, Any], after: str) -> Entry:
        payload = {"kind": kind, **said, "after": after}
        return self._chain.append({**payload, "signature": self._signature(payload)})

    def post(
        self,
        entries: pl.DataFrame,
        period: str,
        as_of: date,
        made_of: Mapping[str, Any],
        beside: Mapping[str, pl.DataFrame],
    ) -> Closed:
        """Write the entries of a close and what is kept beside them, then the line that makes all count.

        Needs `writing`.
        """
        data, number = journal.to_bytes(entries), len(self.closes()) + 1
        name = f"{number:04d}-{period}.csv"
        kept = {}
        for table, rows in beside.items():
            kept[table] = {"file": f"{number:04d}-{period}-{table}.csv", "sha256": journal.digest(rows)}
            self._write(self.folder / kept[table]["file"], journal.to_bytes(rows))
        self._write(self.folder / name, data)
        moved = {name: str(sum(entries[name], Decimal(0))) for name in journal.ACCOUNTS}
        facts = {
            "period": period,
            "as_of": str(as_of),
            "rows": entries.height,
            "moved": moved,
            "file": name,
        }
        digests = {"sha256": hashlib.sha256(data).hexdigest(), "digests": digests_of(self.agreement)}
        return Closed.of(self.add("close", {**facts, **digests, "made_of": made_of, "beside": kept}))

    def _write(self, path: Path, data: bytes) -> None:
        with on_disk(path):
            draft = path.with_suffix(".draft")
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            fsync(self.folder)

    @property
    def _chain(self) -> Chain:
        return Chain(self.folder / "ledger.jsonl")

    def _signature(self, payload: Mapping[str, Any]) -> str:
        secret = hmac.digest(self.key, b"rwe settlement ledger", "sha256")
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
        return hmac.digest(secret, text.encode(), "sha256").hex()

    def _identity(self) -> dict[str, Any]:
        agreement = self.agreement
        return {
            "contract": agreement.contract.id,
            "currency": agreement.contract.currency,
            "quantum": str(agreement.rounding.quantum),
            "every": agreement.settlement.every,
            "synthetic": self.synthetic,
        }

    def _ours(self, first: Mapping[str, Any]) -> None:
        ours = self._identity()
        if first["synthetic"] != self.synthetic:
            kept, came = ("invented", "lived") if first["synthetic"] else ("lived", "invented")
            raise Refused(f"this ledger was kept of {kept} records; no {came} ones are settled in it")
        if odd := [name for name, value in ours.items() if first[name] != value]:
            raise DefinitionError(
                f"{self.folder} is the ledger of another agreement: {', '.join(odd)} differ; "
                "an amendment keeps contract.id, currency, rounding.quantum and settlement.every"
            )


def ledger_folder(home: Path, contract: str, *, synthetic: bool = False) -> Path:
    """Return where a home keeps the ledger of a contract."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", contract)
    name = plain if plain == contract else f"{plain}-{hashlib.sha256(contract.encode()).hexdigest()[:8]}"
    return home / "ledger" / (f"{name}.synthetic" if synthetic else name)
