# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""HMAC-SHA-256 of many texts under one key, 64 side by side so that they fill the vector registers.

What belongs to the lanes (state, working variables, message words) stands in flat arrays, 64 numbers
for each: at these fixed distances the compiler sees that no lane touches another.

References
----------
FIPS 180-4 (SHA-256), RFC 2104 (HMAC).
"""

from __future__ import annotations

import math

import numpy as np

from rwe.kernels._jit import U1, U4, U8, array_in, integer, kernel, u1_in, u1_out, u4_in, u4_out, word

u8_in = array_in(word)


def _fractions(root: float, count: int) -> U4:
    """Return the first 32 bits of the fractions of a root of the first primes (FIPS 180-4, 4.2.2 and 5.3.3)."""
    primes = [n for n in range(2, 312) if all(n % k for k in range(2, math.isqrt(n) + 1))]
    return np.array([int(prime**root % 1 * 2**32) for prime in primes[:count]], np.uint32)


ROUND, START = _fractions(1 / 3, 64), _fractions(1 / 2, 8)


@kernel(u4_out, u4_out, integer, integer, integer, integer, integer, integer, integer, integer, integer, word)
def _round(v: U4, w: U4, a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, t: int, k: np.uint64) -> None:
    """Do one round in each lane; the letters are the places of the working variables in `v`."""
    for i in range(64):
        x, y = v[e + i], v[a + i]
        s1 = (x >> 6 | x << 26) ^ (x >> 11 | x << 21) ^ (x >> 25 | x << 7)
        s0 = (y >> 2 | y << 30) ^ (y >> 13 | y << 19) ^ (y >> 22 | y << 10)
        t1 = v[h + i] + s1 + (v[g + i] ^ (x & (v[f + i] ^ v[g + i]))) + np.uint32(k) + w[t + i]
        v[d + i] += t1
        v[h + i] = t1 + s0 + ((y & v[b + i]) | (v[c + i] & (y | v[b + i])))


@kernel(u4_out)
def _expand(w: U4) -> None:
    """Make the 64 words of the schedule from the first 16."""
    for t in range(16 * 64, 64 * 64, 64):
        for i in range(64):
            x, y = w[t - 15 * 64 + i], w[t - 2 * 64 + i]
            s0 = (x >> 7 | x << 25) ^ (x >> 18 | x << 14) ^ (x >> 3)
            s1 = (y >> 17 | y << 15) ^ (y >> 19 | y << 13) ^ (y >> 10)
            w[t + i] = w[t - 16 * 64 + i] + s0 + w[t - 7 * 64 + i] + s1


@kernel(u4_out, u4_out, u4_out, u4_in, u4_in)
def _compress(state: U4, v: U4, w: U4, live: U4, k: U4) -> None:
    """Take one block of each lane into its state, where `live` has all bits set."""
    _expand(w)
    v[:] = state
    a, b, c, d, e, f, g, h = 0, 64, 128, 192, 256, 320, 384, 448
    for t in range(0, 64, 8):
        p = t * 64
        _round(v, w, a, b, c, d, e, f, g, h, p, np.uint64(k[t]))
        _round(v, w, h, a, b, c, d, e, f, g, p + 64, np.uint64(k[t + 1]))
        _round(v, w, g, h, a, b, c, d, e, f, p + 128, np.uint64(k[t + 2]))
        _round(v, w, f, g, h, a, b, c, d, e, p + 192, np.uint64(k[t + 3]))
        _round(v, w, e, f, g, h, a, b, c, d, p + 256, np.uint64(k[t + 4]))
        _round(v, w, d, e, f, g, h, a, b, c, p + 320, np.uint64(k[t + 5]))
        _round(v, w, c, d, e, f, g, h, a, b, p + 384, np.uint64(k[t + 6]))
        _round(v, w, b, c, d, e, f, g, h, a, p + 448, np.uint64(k[t + 7]))
    for r in range(8):
        for i in range(64):
            state[r * 64 + i] += v[r * 64 + i] & live[i]


@kernel(u1_in, u1_in, u8_in, integer, integer, integer, u4_out, u4_out)
def _fill(prefix: U1, text: U1, offsets: U8, first: int, count: int, block: int, w: U4, live: U4) -> None:
    """Lay out block `block` of the messages, which follow one block of the key; mark the lanes that have one."""
    w[: 16 * 64] = 0
    for i in range(64):
        live[i] = 0
        if i >= count:
            continue
        begin = int(offsets[first + i])
        length = prefix.size + int(offsets[first + i + 1]) - begin
        if block * 64 >= length + 9:
            continue
        live[i] = np.uint32(0xFFFFFFFF)
        for at in range(block * 64, min(length, block * 64 + 64)):
            byte = prefix[at] if at < prefix.size else text[begin + at - prefix.size]
            w[(at & 63) // 4 * 64 + i] |= np.uint32(byte) << np.uint32(24 - 8 * (at & 3))
        if block * 64 <= length < block * 64 + 64:
            w[(length & 63) // 4 * 64 + i] |= np.uint32(0x80) << np.uint32(24 - 8 * (length & 3))
        if length + 9 <= block * 64 + 64:
            w[15 * 64 + i] = np.uint32((64 + length) * 8)


@kernel(u4_in, u4_in, u1_in, u1_in, u8_in, u4_in, integer, integer, u1_out)
def hmac_sha256(inner: U4, outer: U4, prefix: U1, text: U1, offsets: U8, k: U4, first: int, last: int, out: U1) -> None:
    """Fill the 32 bytes of the HMAC of each message.

    Parameters
    ----------
    inner, outer
        SHA-256 states after the key's inner and outer block (see `key_states`).
    prefix
        What every message begins with.
    text, offsets
        The rest of the messages: their bytes one after another, where each begins, and the number of bytes.
    k
        `ROUND`.
    first, last
        Messages to do.
    out
        32 bytes for each message.
    """
    state, v, w = np.empty(8 * 64, np.uint32), np.empty(8 * 64, np.uint32), np.empty(64 * 64, np.uint32)
    live, every = np.empty(64, np.uint32), np.full(64, 0xFFFFFFFF, np.uint32)
    for group in range(first, last, 64):
        count = min(64, last - group)
        longest = 0
        for i in range(group, group + count):
            longest = max(longest, int(offsets[i + 1] - offsets[i]))
        for r in range(8):
            state[r * 64 : r * 64 + 64] = inner[r]
        for block in range((prefix.size + longest + 9 + 63) // 64):
            _fill(prefix, text, offsets, group, count, block, w, live)
            _compress(state, v, w, live, k)
        w[: 8 * 64] = state
        w[8 * 64 : 16 * 64] = 0
        w[8 * 64 : 9 * 64] = np.uint32(0x80000000)
        w[15 * 64 : 16 * 64] = np.uint32((64 + 32) * 8)
        for r in range(8):
            state[r * 64 : r * 64 + 64] = outer[r]
        _compress(state, v, w, every, k)
        for i in range(count):
            for at in range(32):
                out[(group + i) * 32 + at] = np.uint8(state[at // 4 * 64 + i] >> np.uint32(24 - 8 * (at & 3)))


@kernel(u4_in, u4_in, u4_in, u4_out)
def after_block(start: U4, words: U4, k: U4, out: U4) -> None:
    """Fill the state that one block of 16 words leads to from a state."""
    state, v, w = np.empty(8 * 64, np.uint32), np.empty(8 * 64, np.uint32), np.empty(64 * 64, np.uint32)
    for r in range(16):
        w[r * 64 : r * 64 + 64] = words[r]
    for r in range(8):
        state[r * 64 : r * 64 + 64] = start[r]
    _compress(state, v, w, np.full(64, 0xFFFFFFFF, np.uint32), k)
    for r in range(8):
        out[r] = state[r * 64]
