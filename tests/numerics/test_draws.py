# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The generators give the published streams, and binomial and multinomial draws have their distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rwe.kernels.draws import binomial_sample, bits, generator, multinomial

WORD = 2**64 - 1


def _mix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & WORD
    return x ^ (x >> 31)


def _rotate(x: int, k: int) -> int:
    return (x << k | x >> (64 - k)) & WORD


def _next(s: list[int]) -> int:
    out, t = (_rotate((s[0] + s[3]) & WORD, 23) + s[0]) & WORD, s[1] << 17 & WORD
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = _rotate(s[3], 45)
    return out


def test_the_first_words_of_the_published_generator() -> None:
    """xoshiro256++ from the state 1, 2, 3, 4: its first words are known by hand."""
    state = np.array([1, 2, 3, 4], np.uint64)

    assert [int(bits(state)) for _ in range(2)] == [41943041, 58720359]


@pytest.mark.parametrize(("seed", "replicate"), [(0, 0), (7, 3), (2**63 - 1, 10**6)])
def test_the_stream_of_a_replicate_in_plain_python(seed: int, replicate: int) -> None:
    golden = 0x9E3779B97F4A7C15
    x = _mix((_mix((seed + golden) & WORD) + replicate) & WORD)
    plain = [_mix((x + (i + 1) * golden) & WORD) for i in range(4)]

    state = generator(seed, replicate)

    assert state.tolist() == plain
    assert [int(bits(state)) for _ in range(50)] == [_next(plain) for _ in range(50)]


@pytest.mark.parametrize(
    ("n", "p"), [(5, 0.3), (100_000, 5e-5), (100_000, 1.01e-4), (20, 0.5), (50, 0.9), (1000, 0.5), (10**8, 1e-3)]
)
def test_binomial_numbers_have_their_distribution(n: int, p: float) -> None:
    x = binomial_sample(n, p, 100_000, 5)

    edges = np.unique(stats.binom.ppf(np.linspace(0.01, 0.99, 40), n, p))
    got = np.diff(np.searchsorted(np.sort(x), edges, side="right"), prepend=0, append=x.size)
    got[-1] = x.size - got[:-1].sum()
    wanted = np.diff(stats.binom.cdf(edges, n, p), prepend=0, append=1) * x.size
    assert stats.chisquare(got, wanted).pvalue > 1e-3
    assert x.min() >= 0
    assert x.max() <= n


@pytest.mark.parametrize("one_by_one", [False, True])
def test_multinomial_counts_have_their_moments(*, one_by_one: bool) -> None:
    mass = np.array([1, 30, 5, 0, 4, 60], np.int64)
    rows = np.repeat(np.arange(6), mass).astype(np.int32)
    out, n, reps = np.empty(6, np.int64), int(mass.sum()), 20_000
    drawn = np.empty((reps, 6))

    for b in range(reps):
        multinomial(mass, 0, 6, rows, 0 if one_by_one else -1, n, generator(2, b), out)
        drawn[b] = out

    share = mass / n
    spread = n * (np.diag(share) - np.outer(share, share))
    assert (drawn.sum(axis=1) == n).all()
    assert np.abs(drawn.mean(axis=0) - mass).max() < 5 * np.sqrt(spread.max() / reps)
    assert np.abs(np.cov(drawn.T) - spread).max() < 5 * np.sqrt(2 / reps) * spread.max()
