# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens: the first 128 bits of HMAC-SHA-256 over a domain, a NUL and a text, for whole columns at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from rwe.buffers import hexadecimal, text_words
from rwe.kernels.hmac_sha256 import ROUND, START, after_block, hmac_sha256

_BLOCK = 64


def tokens(key: bytes, domain: str, texts: pl.Series) -> pl.Series:
    """Return the token of each text as 32 hexadecimal digits; a null has none.

    Parameters
    ----------
    key
        At most 64 bytes.

    Examples
    --------
    >>> import hmac
    >>> made = tokens(b"k" * 32, "clinic/person", pl.Series(["A1", None]))
    >>> made[0] == hmac.digest(b"k" * 32, b"clinic/person\\0A1", "sha256")[:16].hex(), made[1]
    (True, None)
    """
    (inner, outer), (offsets, words) = _states(key), text_words(texts)
    prefix = np.frombuffer(f"{domain}\0".encode(), np.uint8)
    out = np.empty(32 * texts.len(), np.uint8)
    text = words.astype("<u8", copy=False).view(np.uint8)
    hmac_sha256(inner, outer, prefix, text, offsets, ROUND, 0, texts.len(), out)
    made = hexadecimal(out.reshape(-1, 32)[:, :16])
    return pl.select(pl.when(texts.is_not_null()).then(made)).to_series()


@lru_cache(maxsize=4)
def _states(key: bytes) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Return the states of SHA-256 after the inner and the outer block of a key."""
    padded = np.frombuffer(key.ljust(_BLOCK, b"\0"), np.uint8)
    inner, outer = np.empty(8, np.uint32), np.empty(8, np.uint32)
    for pad, state in ((0x36, inner), (0x5C, outer)):
        after_block(START, (padded ^ np.uint8(pad)).view(">u4").astype(np.uint32), ROUND, state)
    return inner, outer
