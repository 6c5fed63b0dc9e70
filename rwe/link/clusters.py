# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From linked pairs to persons: pairs join in a fixed order, and never so that one person gets two national numbers.

Two numbers are one where they are the same, or where a slip turns one into the other and not both check. What was
decided by a person goes first and counts before everything; then the rules; then probabilities. A unit that could as
well be one as another person, who are two, joins neither (``two_candidates``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

Pair = tuple[int, int]


class Clusters:
    """Units joined to persons.

    Parameters
    ----------
    numbers
        The national number of each unit, None where it has none.
    near
        Pairs of different numbers that may be one.
    apart
        Pairs of units that are two persons by decision.
    """

    def __init__(self, numbers: list[int | None], near: Iterable[Pair], apart: Iterable[Pair]) -> None:
        self._parent = list(range(len(numbers)))
        self._numbers = {i: {number} for i, number in enumerate(numbers) if number is not None}
        self._near = {frozenset(pair) for pair in near}
        self._apart: dict[int, set[int]] = defaultdict(set)
        for one, other in apart:
            self._apart[one].add(other)
            self._apart[other].add(one)

    def root(self, i: int) -> int:
        """Return the unit that stands for the person of a unit."""
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def force(self, one: int, other: int) -> None:
        """Join two units whatever speaks against it; their numbers are one from now on."""
        low, high = sorted((self.root(one), self.root(other)))
        if low == high:
            return
        self._parent[high] = low
        mine, theirs = self._numbers.setdefault(low, set()), self._numbers.pop(high, set())
        self._near |= {frozenset((x, y)) for x in mine for y in theirs if x != y}
        mine |= theirs
        self._apart[low] |= self._apart.pop(high, set())

    def join(self, one: int, other: int) -> bool:
        """Join two units; return whether they are one person now."""
        a, b = self.root(one), self.root(other)
        if a == b:
            return True
        if not self.agree(a, b):
            return False
        self.force(a, b)
        return True

    def agree(self, a: int, b: int) -> bool:
        """Return whether two persons, by their roots, may be one."""
        if any(self.root(other) == b for other in self._apart.get(a, ())):
            return False
        return all(
            x == y or frozenset((x, y)) in self._near
            for x in self._numbers.get(a, ())
            for y in self._numbers.get(b, ())
        )

    def torn(self, pairs: Iterable[Pair]) -> set[int]:
        """Return the roots that these pairs would join to two persons who cannot be one."""
        partners: dict[int, set[int]] = defaultdict(set)
        for one, other in pairs:
            a, b = self.root(one), self.root(other)
            if a != b:
                partners[a].add(b)
                partners[b].add(a)
        return {root for root, others in partners.items() if self._two(sorted(others))}

    def _two(self, roots: list[int]) -> bool:
        return any(not self.agree(a, b) for i, a in enumerate(roots) for b in roots[:i])
