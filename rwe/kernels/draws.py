# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers that depend on a seed and the number of a replicate alone, never on who computes it.

Each replicate has a generator of its own, xoshiro256++ (Blackman & Vigna 2021, ACM Trans Math Softw 47:36),
whose state splitmix64 (Steele et al. 2014, OOPSLA) makes from the seed and the replicate's number, so any
thread may take any replicate. Binomial numbers are exact: inversion where the mean is small, transformed
rejection with a squeeze elsewhere (BTRS: Hormann 1993, J Stat Comput Simul 46:101).
"""

from __future__ import annotations

import math

import numpy as np

from rwe.kernels._jit import I4, I8, U8, i4_in, i8_in, i8_out, integer, kernel, number, u8_out, word

_GOLDEN, _MIX1, _MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
# log k! less Stirling's (k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2, where the series is not yet exact
_TAIL = np.array([math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - _HALF_LOG_2PI for k in range(32)])


@kernel(word)
def mix(x: np.uint64) -> np.uint64:
    """Return the output function of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))


@kernel(integer, integer)
def generator(seed: int, replicate: int) -> U8:
    """Return the state of the generator of one replicate."""
    state = np.empty(4, np.uint64)
    x = mix(mix(np.uint64(seed) + _GOLDEN) + np.uint64(replicate))
    for i in range(4):
        x += _GOLDEN
        state[i] = mix(x)
    return state


@kernel(u8_out)
def bits(s: U8) -> np.uint64:
    """Return the next 64 bits (xoshiro256++)."""
    out = s[0] + s[3]
    out = ((out << np.uint64(23)) | (out >> np.uint64(41))) + s[0]
    t = s[1] << np.uint64(17)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
    return np.uint64(out)


@kernel(u8_out)
def uniform(s: U8) -> float:
    """Return a number from [0, 1), one of 2^53."""
    return float(bits(s) >> np.uint64(11)) * 1.1102230246251565e-16


@kernel(u8_out)
def exponential(s: U8) -> float:
    """Return a standard exponential number."""
    return -math.log(1.0 - uniform(s))


@kernel(u8_out)
def normal(s: U8) -> float:
    """Return a standard normal number (Box & Muller 1958, Ann Math Stat 29:610; one of the pair)."""
    return math.sqrt(2.0 * exponential(s)) * math.cos(2.0 * math.pi * uniform(s))


@kernel(number)
def _tail(k: float) -> float:
    """Return what Stirling's formula lacks of log k!."""
    if k < 32.0:
        return float(_TAIL[int(k)])
    x = 1.0 / (k + 1.0)
    return (1.0 / 12.0 - (1.0 / 360.0 - x * x / 1260.0) * x * x) * x


@kernel(integer, number, u8_out)
def _inversion(n: int, p: float, s: U8) -> int:
    """Return a binomial number of mean below about 10 by running down its distribution."""
    odds = p / (1.0 - p)
    start = math.exp(n * math.log1p(-p))
    while True:
        u, f = uniform(s), start
        for k in range(n + 1):
            if u < f:
                return k
            u -= f
            f *= odds * (n - k) / (k + 1.0)


@kernel(integer, number, u8_out)
def _rejection(n: int, p: float, s: U8) -> int:
    """Return a binomial number of mean from about 10, p at most 1/2."""
    sd = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * sd
    a, c, v_r = -0.0873 + 0.0248 * b + 0.01 * p, n * p + 0.5, 0.92 - 4.2 / b
    while True:
        u, v = uniform(s) - 0.5, uniform(s)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + c) if us > 0.0 else -1.0
        if us >= 0.07 and v <= v_r:
            return int(k)
        if k < 0.0 or k > n:
            continue
        alpha, odds = (2.83 + 5.1 / b) * sd, p / (1.0 - p)  # few come here: the squeeze above lets most through
        m = math.floor((n + 1.0) * p)
        h = (m + 0.5) * math.log((m + 1.0) / (odds * (n - m + 1.0))) + _tail(m) + _tail(n - m)
        v = math.log(v * alpha / (a / (us * us) + b))
        near = h + (n + 1.0) * math.log((n - m + 1.0) / (n - k + 1.0)) - _tail(k) - _tail(n - k)
        if v <= near + (k + 0.5) * math.log(odds * (n - k + 1.0) / (k + 1.0)):
            return int(k)


@kernel(integer, number, u8_out)
def binomial(n: int, p: float, s: U8) -> int:
    """Return a binomial number."""
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    q = min(p, 1.0 - p)
    k = _inversion(n, q, s) if n * q < 10.0 else _rejection(n, q, s)
    return n - k if p > 0.5 else k


@kernel(i4_in, integer, integer, integer, u8_out, i8_out)
def _row_by_row(of_row: I4, row: int, rows: int, n: int, s: U8, out: I8) -> None:
    """Draw `n` of the `rows` rows from `row` on, two from a word (Lemire 2019, ACM Trans Model Comput Simul 29:3)."""
    low, size = np.uint64(0xFFFFFFFF), np.uint64(rows)
    unfair = (np.uint64(0x100000000) - size) % size
    drawn = 0
    while drawn < n:
        both = bits(s)
        for half in (both & low, both >> np.uint64(32)):
            at = half * size
            if at & low >= unfair and drawn < n:
                out[of_row[row + np.int64(at >> np.uint64(32))]] += 1
                drawn += 1


@kernel(i8_in, integer, integer, i4_in, integer, integer, u8_out, i8_out)
def multinomial(mass: I8, first: int, end: int, of_row: I4, row: int, n: int, s: U8, out: I8) -> None:
    """Draw `n` rows with replacement from the cells `first` up to, not including, `end`.

    One by one where `of_row` names the cells of the rows (from its place `row` on); else, where `row` is
    negative, by conditional binomials over the cells, at a cost that does not depend on `n` (Davis 1993,
    Comput Stat Data Anal 16:205).

    Parameters
    ----------
    mass
        Rows of each cell; those of the pool sum to `n`.
    out
        Filled with the draws of each cell of the pool.
    """
    for j in range(first, end):
        out[j] = 0
    if row >= 0:
        last = binomial(n, mass[end - 1] / n, s)  # at once: it holds all who are followed beyond a horizon
        out[end - 1] = last
        if last < n:
            _row_by_row(of_row, row, n - mass[end - 1], n - last, s, out)
        return
    left, there = n, n
    for j in range(first, end):
        if left == 0:
            return
        k = left if mass[j] == there else binomial(left, mass[j] / there, s)
        out[j] = k
        left, there = left - k, there - mass[j]


@kernel(integer, number, integer, integer)
def binomial_sample(n: int, p: float, size: int, seed: int) -> I8:
    """Return `size` binomial numbers of one generator."""
    s, out = generator(seed, 0), np.empty(size, np.int64)
    for i in range(size):
        out[i] = binomial(n, p, s)
    return out
