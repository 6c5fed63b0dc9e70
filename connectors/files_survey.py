# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Text before it is split: whether its bytes are letters of the declared code page, and nothing else."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

from connectors.files_contract import Contract
from rwe.errors import DataError

_BLOCK = 1 << 20
_HIGH = bytes(range(0x80, 0x100))
_LOST = "\ufffd"
# A Cyrillic letter in UTF-8 is D0 or D1 and a byte from 80 to BF. Read as windows-1251 such a pair is a Р or С
# before a sign that hardly ever follows it.
_PAIR = re.compile(rb"[\xd0\xd1][\x80-\xbf]")
MOJIBAKE_SHARE = 0.5
MOJIBAKE_PAIRS = 3


@dataclass(slots=True)
class Survey:
    """What the bytes of a text were found to be.

    Parameters
    ----------
    undecodable
        Places that are no letter of the code page.
    nul
        NUL characters.
    high, pairs
        Bytes that are not ASCII, and pairs of them that look like UTF-8 taken for single letters.
    crlf, lf, cr
        Ends of lines of each kind, those within quotes included.
    """

    undecodable: int = 0
    nul: int = 0
    high: int = 0
    pairs: int = 0
    crlf: int = 0
    lf: int = 0
    cr: int = 0

    @property
    def mojibake(self) -> bool:
        """Whether at least half of what is not ASCII looks like UTF-8 read as single letters."""
        return self.pairs >= MOJIBAKE_PAIRS and 2 * self.pairs >= MOJIBAKE_SHARE * self.high

    @property
    def one_end(self) -> bool:
        """Whether all lines end alike."""
        return sum(map(bool, (self.crlf, self.lf, self.cr))) <= 1


def survey(file: BinaryIO, contract: Contract) -> Survey:
    """Return what the bytes of a text are."""
    found = Survey()
    decode = codecs.getincrementaldecoder(contract.encoding)("replace")
    held = ""  # a carriage return whose line feed may stand in the next block
    while raw := file.read(_BLOCK):
        text = held + decode.decode(raw)
        held = "\r" if text.endswith("\r") else ""
        _count(found, raw, text.removesuffix(held) if held else text, contract)
    _count(found, b"", held + decode.decode(b"", final=True), contract)
    return found


def _count(found: Survey, raw: bytes, text: str, contract: Contract) -> None:
    crlf = text.count("\r\n")
    found.crlf += crlf
    found.lf += text.count("\n") - crlf
    found.cr += text.count("\r") - crlf
    found.nul += text.count("\0")
    found.undecodable += text.count(_LOST)
    probe = raw if contract.single_byte or text.isascii() else text.encode("windows-1251", "ignore")
    found.high += len(probe) - len(probe.translate(None, _HIGH))
    found.pairs += len(_PAIR.findall(probe))


def refuse_unreadable(found: Survey, contract: Contract, name: str) -> None:
    """Raise DataError, with counts, where a text is not what it is declared to be.

    Raises
    ------
    DataError
        If bytes are not of the code page, or look like those of another; if it holds NUL characters.
    """
    faults = []
    if found.undecodable:
        faults.append(
            f"{found.undecodable} places are not {contract.encoding}; send it in that encoding or declare its own"
        )
    if found.mojibake:
        faults.append(
            f"{found.pairs} pairs of its {found.high} bytes that are not Latin look like UTF-8 read as single letters; "
            f"it is not {contract.encoding}, or was spoilt before it was sent"
        )
    if found.nul:
        faults.append(f"it holds {found.nul} NUL characters")
    if faults:
        raise DataError(f"file '{name}': {'; '.join(faults)}")
