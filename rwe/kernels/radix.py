# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Places of numbers in ascending order, by dealing them out digit by digit: as many reads as digits, no comparing.

A number is rounded down to a step of 2^33 between the least and the largest, and its place stands beside the step in
one word. Words are dealt by their steps, eleven bits at a time, last digit first, and stay in order within a digit;
the few numbers that share a step are put right at the end, by comparing: an earlier place stays before an equal one.
"""

from __future__ import annotations

import numpy as np

from rwe.kernels._jit import F8, I8, f8_in, f8_out, i8_in, i8_out, integer, kernel, number

DIGIT, DIGITS = 11, 3
PLACE = 30  # bits of a place: step and place fill a word without its sign
FIGURES = 1 << DIGIT
STEPS = float((1 << DIGIT * DIGITS) - 1)
_PLACES = (1 << PLACE) - 1


@kernel(f8_in, number, number, integer, integer, i8_out)
def pack(score: F8, least: float, unit: float, first: int, last: int, words: I8) -> None:
    """Put step and place of numbers `first` to `last` in their words; `unit` is steps by one."""
    for i in range(first, last):
        words[i] = np.int64((score[i] - least) * unit) << PLACE | i


@kernel(i8_in, integer, integer, integer)
def count_digits(words: I8, digit: int, first: int, last: int) -> I8:
    """Return how many words from `first` to `last` have each figure as a digit, counted from the last."""
    out, shift = np.zeros(FIGURES, np.int64), PLACE + DIGIT * digit
    for i in range(first, last):
        out[words[i] >> shift & FIGURES - 1] += 1
    return out


@kernel(i8_in, integer, integer, integer, i8_out, i8_out)
def deal(words: I8, digit: int, first: int, last: int, free: I8, out: I8) -> None:
    """Put words `first` to `last` in `out`, each at the next free place of its digit's figure."""
    shift = PLACE + DIGIT * digit
    for i in range(first, last):
        word = words[i]
        figure = word >> shift & FIGURES - 1
        out[free[figure]] = word
        free[figure] += 1


@kernel(f8_in, integer, integer, i8_out, f8_out)
def unpack(score: F8, first: int, last: int, words: I8, found: F8) -> None:
    """Leave of words `first` to `last` their places, and look up the numbers there."""
    for i in range(first, last):
        words[i] &= _PLACES
        found[i] = score[words[i]]


@kernel(i8_out, f8_out, integer)
def put_right(places: I8, found: F8, most: int) -> int:
    """Move the numbers that are not in order to where they belong, and their places with them.

    Returns how many moves it took; where more than `most` would be needed it stops, and nothing is in order.
    """
    moves = 0
    for i in range(1, places.size):
        place, x, j = places[i], found[i], i
        while j > 0 and found[j - 1] > x and moves <= most:
            places[j], found[j] = places[j - 1], found[j - 1]
            j -= 1
            moves += 1
        if moves > most:
            return moves
        if j < i:
            places[j], found[j] = place, x
    return moves
