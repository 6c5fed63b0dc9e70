# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Instants of UTC from ISO text, a whole column in one pass: what any value of it leaves open refuses them all."""

from __future__ import annotations

from rwe.kernels._jit import I8, U1, U8, Flags, array_in, flags_in, i8_out, integer, kernel, u1_in, word

u8_in = array_in(word)


@kernel(u1_in, integer, integer)
def _digits(text: U1, first: int, end: int) -> int:
    """Return the number that digits spell, or one that is far too small where they are none."""
    said = 0
    for i in range(first, end):
        digit = int(text[i]) - 48
        if digit < 0 or digit > 9:
            return -(10**9)
        said = 10 * said + digit
    return said


@kernel(integer, integer, integer)
def _day(year: int, month: int, day: int) -> int:
    """Return the days since 1970, or -10**9 where there is no such day from year 1 on."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if year < 1 or month < 1 or month > 12 or day < 1:
        return -(10**9)
    most = (29 if leap else 28) if month == 2 else 30 if month in (4, 6, 9, 11) else 31
    if day > most:
        return -(10**9)
    if month <= 2:  # a year begins with March here, so that the leap day is its last
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469


@kernel(u1_in, integer, integer)
def _fraction(text: U1, first: int, end: int) -> int:
    """Return the microseconds that a point and one to six digits spell; nothing spells 0."""
    if first == end:
        return 0
    places = end - first - 1
    if text[first] != 46 or places < 1 or places > 6:
        return -(10**9)
    said = _digits(text, first + 1, end)
    for _ in range(places, 6):
        said *= 10
    return said


@kernel(u1_in, integer, integer)
def _zoneless(text: U1, first: int, end: int) -> int:
    """Return where a time ends without the Z or +00:00 that it may end with."""
    if text[end - 1] == 90:
        return end - 1
    if end - first < 25 or text[end - 6] != 43 or text[end - 3] != 58:
        return end
    return end - 6 if _digits(text, end - 5, end - 3) == 0 and _digits(text, end - 2, end) == 0 else end


@kernel(u1_in, u8_in, flags_in, i8_out)
def iso_times(text: U1, offsets: U8, there: Flags, out: I8) -> bool:
    """Fill the microseconds since 1970 of ``YYYY-MM-DD HH:MM:SS`` and what may follow; tell whether all are that.

    Parameters
    ----------
    text, offsets
        Bytes of the texts one after another, where each begins, and the number of bytes. A T may stand for the blank;
        a fraction of up to six digits may follow, then Z or +00:00.
    there
        Whether a row has a value; the others are 0.
    """
    for i in range(there.size):
        out[i] = 0
        if not there[i]:
            continue
        b, end = int(offsets[i]), int(offsets[i + 1])
        if end - b < 19 or (text[b + 10] != 32 and text[b + 10] != 84):
            return False
        if text[b + 4] != 45 or text[b + 7] != 45 or text[b + 13] != 58 or text[b + 16] != 58:
            return False
        day = _day(_digits(text, b, b + 4), _digits(text, b + 5, b + 7), _digits(text, b + 8, b + 10))
        hour, minute, second = (
            _digits(text, b + 11, b + 13),
            _digits(text, b + 14, b + 16),
            _digits(text, b + 17, b + 19),
        )
        micro = _fraction(text, b + 19, _zoneless(text, b, end))
        if day < -(10**8) or min(hour, minute, second, micro) < 0 or hour > 23 or minute > 59 or second > 59:
            return False
        out[i] = ((day * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micro
    return True
