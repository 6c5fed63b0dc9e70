# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SipHash-2-4 of 128 bits over many rows at once, a column at a time.

A row's message is a sequence of 64-bit words. Its state is four words, and a fifth that counts the
words taken, so that each column is one loop over its own memory.

References
----------
J.-P. Aumasson, D. J. Bernstein: SipHash: a fast short-input PRF (2012), and the 128-bit output of the
authors' reference implementation (github.com/veorq/SipHash).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from rwe.kernels._jit import I8, U8, Flags, array_in, flags_in, i8_in, kernel, word

State: TypeAlias = tuple[np.uint64, np.uint64, np.uint64, np.uint64]
u8_in, u8_out2 = array_in(word), word[:, ::1]


@kernel(word, word)
def _left(x: np.uint64, by: np.uint64) -> np.uint64:
    return (x << by) | (x >> (np.uint64(64) - by))


@kernel(word, word, word, word)
def _round(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64) -> State:
    v0 += v1
    v2 += v3
    v1 = _left(v1, np.uint64(13)) ^ v0
    v3 = _left(v3, np.uint64(16)) ^ v2
    v0 = _left(v0, np.uint64(32)) + v3
    v2 += v1
    v3 = _left(v3, np.uint64(21)) ^ v0
    v1 = _left(v1, np.uint64(17)) ^ v2
    return v0, v1, _left(v2, np.uint64(32)), v3


@kernel(word, word, word, word, word)
def _take(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64, said: np.uint64) -> State:
    v0, v1, v2, v3 = _round(v0, v1, v2, v3 ^ said)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ said, v1, v2, v3


@kernel(word, flags_in, u8_in, u8_out2)
def take_words(column: np.uint64, there: Flags, values: U8, state: U8) -> None:
    """Take the name of a column and its word into the state of each row where it is there."""
    for i in range(np.uint64(there.size)):
        if there[i]:
            v0, v1, v2, v3 = _take(state[i, 0], state[i, 1], state[i, 2], state[i, 3], column)
            state[i, 0], state[i, 1], state[i, 2], state[i, 3] = _take(v0, v1, v2, v3, values[i])
            state[i, 4] += np.uint64(2)


@kernel(word, flags_in, i8_in, u8_in, u8_in, u8_out2)
def take_texts(column: np.uint64, there: Flags, starts: I8, offsets: U8, text: U8, state: U8) -> None:
    """Take the name of a column, the number of its texts, and of each its length and bytes.

    Parameters
    ----------
    column
        What stands for the column.
    there
        Whether a row has a value.
    starts
        First text of each row, and the number of texts; empty where each row has one, whose number is not taken.
    offsets
        Byte at which each text begins, and the number of bytes.
    text
        The bytes as little-endian words, with a word to spare; a text is taken as words filled up with zeros.
    state
        Of each row.
    """
    one, bits = np.uint64(1), np.uint64(64)
    for i in range(np.uint64(there.size)):
        if not there[i]:
            continue
        v0, v1, v2, v3 = _take(state[i, 0], state[i, 1], state[i, 2], state[i, 3], column)
        taken, begins, ends = one, np.uint64(i), np.uint64(i) + one
        if starts.size:
            begins, ends = np.uint64(starts[i]), np.uint64(starts[i + 1])
            v0, v1, v2, v3 = _take(v0, v1, v2, v3, ends - begins)
            taken += one
        for k in range(begins, ends):
            length = offsets[k + one] - offsets[k]
            v0, v1, v2, v3 = _take(v0, v1, v2, v3, length)
            place, shift = offsets[k] >> np.uint64(3), (offsets[k] & np.uint64(7)) * np.uint64(8)
            for j in range(length >> np.uint64(3)):
                said = text[place + j] >> shift | (text[place + j + one] << one) << (bits - one - shift)
                v0, v1, v2, v3 = _take(v0, v1, v2, v3, said)
            rest = (length & np.uint64(7)) * np.uint64(8)
            if rest:
                place += length >> np.uint64(3)
                said = text[place] >> shift | (text[place + one] << one) << (bits - one - shift)
                v0, v1, v2, v3 = _take(v0, v1, v2, v3, said & ((one << rest) - one))
            taken += one + ((length + np.uint64(7)) >> np.uint64(3))
        state[i, 0], state[i, 1], state[i, 2], state[i, 3] = v0, v1, v2, v3
        state[i, 4] += taken


@kernel(word, word, u8_out2)
def begin(first: np.uint64, second: np.uint64, state: U8) -> None:
    """Set the state of each row from the two words of the key."""
    for i in range(state.shape[0]):
        state[i, 0] = first ^ np.uint64(0x736F6D6570736575)
        state[i, 1] = second ^ np.uint64(0x646F72616E646F6D) ^ np.uint64(0xEE)
        state[i, 2] = first ^ np.uint64(0x6C7967656E657261)
        state[i, 3] = second ^ np.uint64(0x7465646279746573)
        state[i, 4] = np.uint64(0)


@kernel(u8_out2, u8_out2)
def end(state: U8, out: U8) -> None:
    """Fill the two words of each row's hash."""
    for i in range(state.shape[0]):
        last = (state[i, 4] * np.uint64(8)) << np.uint64(56)
        v0, v1, v2, v3 = _take(state[i, 0], state[i, 1], state[i, 2], state[i, 3], last)
        v2 ^= np.uint64(0xEE)
        for k in range(2):
            for _ in range(4):
                v0, v1, v2, v3 = _round(v0, v1, v2, v3)
            out[i, k] = v0 ^ v1 ^ v2 ^ v3
            v1 ^= np.uint64(0xDD)
