# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An object of a foreign definition that remembers what was read of it, so that nothing is passed over in silence."""

from __future__ import annotations

from typing import Any

_NOTHING: tuple[Any, ...] = (None, False, "", [], {})


class Node:
    """A JSON object with its place.

    Parameters
    ----------
    value
        The object; anything else reads as empty.
    where
        Its place, for example ``InclusionRules.0.expression``.
    faults
        What was refused, as place and reason; shared by all nodes of a definition.
    """

    def __init__(self, value: Any, where: str = "", faults: list[tuple[str, str]] | None = None) -> None:
        self.value: dict[str, Any] = value if isinstance(value, dict) else {}
        self.where = where
        self.faults: list[tuple[str, str]] = [] if faults is None else faults
        self.read: set[str] = set()

    def take(self, name: str) -> Any:
        """Return a value, None where there is none; it counts as read."""
        self.read.add(name)
        return self.value.get(name)

    def has(self, name: str) -> bool:
        """Return whether something is said under a name."""
        return self.value.get(name) not in _NOTHING

    def node(self, name: str) -> Node:
        """Return an object, empty where there is none."""
        return Node(self.take(name), self._place(name), self.faults)

    def nodes(self, name: str) -> list[Node]:
        """Return a list of objects."""
        place = self._place(name)
        return [Node(each, f"{place}.{i}", self.faults) for i, each in enumerate(self.take(name) or [])]

    def refuse(self, name: str, why: str) -> None:
        """Note that what stands under a name has no equal."""
        self.read.add(name)
        self.faults.append((self._place(name), why))

    def done(self) -> None:
        """Refuse by name whatever was said here and not read."""
        for name, value in self.value.items():
            if name not in self.read and value not in _NOTHING:
                self.refuse(name, "has no equal here; leave it out, or ask it of the study in another way")

    def _place(self, name: str) -> str:
        return ".".join(filter(None, (self.where, name)))
