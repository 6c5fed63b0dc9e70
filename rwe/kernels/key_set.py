# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A set of hashes in two flat arrays with open addressing: 40 bits are kept of each, in 5 bytes.

The place of a hash are its upper bits; in the place stand its lowest 32, never 0, and beside it 8 more. Hashes that
find their place taken go to the next free one, so a set is never filled up. Sorted hashes walk through the set from
its beginning to its end, which spares a wait for memory each.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import U1, U4, U8, array_in, integer, kernel, u1_in, u1_out, u4_in, u4_out, u8_out, word

u8_in = array_in(word)
_SHOWN = np.uint64(0xFFFFFFFF)


@kernel(integer)
def _shift(places: int) -> np.uint64:
    """Return by how much a hash is shifted to its place among so many, a power of two."""
    by = np.uint64(64)
    while places > 1:
        places >>= 1
        by -= np.uint64(1)
    return by


@kernel(u4_in, u1_in, u8_in)
def meets(words: U4, rest: U1, hashes: U8) -> bool:
    """Tell whether any of the hashes may be in the set."""
    one, last, shift = np.uint64(1), np.uint64(words.size) - np.uint64(1), _shift(words.size)
    for i in range(hashes.size):
        kept, place = np.uint32(hashes[i] & _SHOWN) | np.uint32(1), hashes[i] >> shift
        while words[place]:
            if words[place] == kept and rest[place] == np.uint8((hashes[i] >> np.uint64(32)) & np.uint64(255)):
                return True
            place = (place + one) & last
    return False


@kernel(u8_in, u4_out, u1_out)
def put(hashes: U8, words: U4, rest: U1) -> None:
    """Put hashes into the set, which has room for them."""
    one, last, shift = np.uint64(1), np.uint64(words.size) - np.uint64(1), _shift(words.size)
    for i in range(hashes.size):
        kept, place = np.uint32(hashes[i] & _SHOWN) | np.uint32(1), hashes[i] >> shift
        more = np.uint8((hashes[i] >> np.uint64(32)) & np.uint64(255))
        while words[place] and not (words[place] == kept and rest[place] == more):
            place = (place + one) & last
        words[place], rest[place] = kept, more


@kernel(u8_in, u8_in, u8_out)
def hash_texts(offsets: U8, text: U8, out: U8) -> None:
    """Fill a hash of each text, the same on every machine: the finaliser of SplitMix64 over its length and words.

    Parameters
    ----------
    offsets, text
        As `rwe.buffers.text_words` gives them.
    """
    one, seven, bits = np.uint64(1), np.uint64(7), np.uint64(64)
    for i in range(np.uint64(out.size)):
        length = offsets[i + one] - offsets[i]
        place, shift = offsets[i] >> np.uint64(3), (offsets[i] & seven) << np.uint64(3)
        said = length
        for j in range((length + seven) >> np.uint64(3)):
            piece = text[place + j] >> shift | (text[place + j + one] << one) << (bits - one - shift)
            left = (length - (j << np.uint64(3))) << np.uint64(3)
            if left < bits:
                piece &= (one << left) - one
            said = (said ^ piece) + np.uint64(0x9E3779B97F4A7C15)
            said = (said ^ (said >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            said = (said ^ (said >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            said ^= said >> np.uint64(31)
        out[i] = said
