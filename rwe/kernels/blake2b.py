# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""BLAKE2b of 8 bytes over many texts, 64 side by side so that they fill the vector registers.

What belongs to the lanes (state, working variables, message words) stands in flat arrays, 64 numbers for each.

References
----------
RFC 7693 (BLAKE2b).
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import U1, U8, array_in, integer, kernel, u1_in, u8_out, word

u8_in = array_in(word)
_LANES = 64
START = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
_ORDERS = """
0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3
11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4
7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8
9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13
2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9
12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11
13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10
6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5
10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0
0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3
"""
ORDER = np.array(_ORDERS.split(), np.uint64) * np.uint64(_LANES)  # where the words of each of the 12 rounds stand


@kernel(u8_out, u8_out, integer, integer, integer, integer, word, word)
def _mix(v: U8, m: U8, a: int, b: int, c: int, d: int, x: np.uint64, y: np.uint64) -> None:
    """Mix two words of the message into four of each lane; the numbers are places in `v` and `m`."""
    # Unsigned places: a signed one could be negative, and asking so for each would keep the lanes apart.
    a_, b_, c_, d_ = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d)
    for i in range(np.uint64(64)):
        va, vb, vc, vd = v[a_ + i], v[b_ + i], v[c_ + i], v[d_ + i]
        va += vb + m[x + i]
        vd ^= va
        vd = (vd >> np.uint64(32)) | (vd << np.uint64(32))
        vc += vd
        vb ^= vc
        vb = (vb >> np.uint64(24)) | (vb << np.uint64(40))
        va += vb + m[y + i]
        vd ^= va
        vd = (vd >> np.uint64(16)) | (vd << np.uint64(48))
        vc += vd
        vb ^= vc
        v[a_ + i], v[b_ + i], v[c_ + i], v[d_ + i] = va, (vb >> np.uint64(63)) | (vb << np.uint64(1)), vc, vd


@kernel(u8_out, u8_out, u8_out, u8_in, u8_in)
def _compress(state: U8, v: U8, m: U8, start: U8, order: U8) -> None:
    """Take one block of each lane into its state; the counts and the flags of the last block stand in `v` already."""
    v[: 8 * 64] = state
    for r in range(8):
        for i in range(64):
            v[(8 + r) * 64 + i] ^= start[r]
    for t in range(0, 12 * 16, 16):
        _mix(v, m, 0, 256, 512, 768, order[t], order[t + 1])
        _mix(v, m, 64, 320, 576, 832, order[t + 2], order[t + 3])
        _mix(v, m, 128, 384, 640, 896, order[t + 4], order[t + 5])
        _mix(v, m, 192, 448, 704, 960, order[t + 6], order[t + 7])
        _mix(v, m, 0, 320, 640, 960, order[t + 8], order[t + 9])
        _mix(v, m, 64, 384, 704, 768, order[t + 10], order[t + 11])
        _mix(v, m, 128, 448, 512, 832, order[t + 12], order[t + 13])
        _mix(v, m, 192, 256, 576, 896, order[t + 14], order[t + 15])


@kernel(u1_in, u1_in, u8_in, integer, integer, integer, u8_out, u8_out, u8_out)
def _fill(prefix: U1, text: U1, offsets: U8, first: int, count: int, block: int, v: U8, m: U8, live: U8) -> None:
    """Lay out block `block` of the messages with its counts and flags; mark the lanes that have one."""
    m[:] = 0
    v[:] = 0
    for i in range(64):
        live[i] = 0
        if i >= count:
            continue
        begin = int(offsets[first + i])
        length = prefix.size + int(offsets[first + i + 1]) - begin
        if block and block * 128 >= length:
            continue
        live[i] = np.uint64(0xFFFFFFFFFFFFFFFF)
        end = min(length, block * 128 + 128)
        v[12 * 64 + i] = np.uint64(end)
        if end == length:
            v[14 * 64 + i] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for at in range(block * 128, end):
            byte = prefix[at] if at < prefix.size else text[begin + at - prefix.size]
            m[(at & 127) // 8 * 64 + i] |= np.uint64(byte) << np.uint64(8 * (at & 7))


@kernel(u1_in, u1_in, u8_in, u8_in, u8_in, integer, integer, u8_out)
def blake2b(prefix: U1, text: U1, offsets: U8, start: U8, order: U8, first: int, last: int, out: U8) -> None:
    """Fill the digest of each message, its 8 bytes read as a little-endian number.

    Parameters
    ----------
    prefix
        What every message begins with.
    text, offsets
        The rest of the messages: their bytes one after another, where each begins, and the number of bytes.
    start, order
        `START`, `ORDER`.
    first, last
        Messages to do.
    out
        A word for each message.
    """
    state, v, m = np.empty(8 * 64, np.uint64), np.empty(16 * 64, np.uint64), np.empty(16 * 64, np.uint64)
    live = np.empty(64, np.uint64)
    for group in range(first, last, 64):
        count = min(64, last - group)
        longest = 0
        for i in range(group, group + count):
            longest = max(longest, int(offsets[i + 1] - offsets[i]))
        for r in range(8):
            state[r * 64 : r * 64 + 64] = start[r]
        state[:64] ^= np.uint64(0x01010008)  # a digest of 8 bytes, no key
        for block in range(max(1, (prefix.size + longest + 127) // 128)):
            _fill(prefix, text, offsets, group, count, block, v, m, live)
            _compress(state, v, m, start, order)
            for r in range(8):
                for i in range(64):
                    state[r * 64 + i] ^= (v[r * 64 + i] ^ v[(8 + r) * 64 + i]) & live[i]
        for i in range(count):
            out[group + i] = state[i]
