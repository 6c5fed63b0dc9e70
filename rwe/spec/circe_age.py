# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Age as a Circe definition asks for it: bounds of a baseline variable of the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rwe.spec.circe_node import Node
from rwe.spec.circe_records import words


def demographic(person: Node) -> list[dict[str, Any]]:
    """Return the tests of what a person is, of which only age has an equal."""
    found = age_test(person.node("Age"), "", "") if person.has("Age") else []
    person.done()
    return found


def age_test(asked: Node, name: str, title: str) -> list[dict[str, Any]]:
    """Return a test of age in years; both count it as the difference of years."""
    how, value, extent = (asked.take(part) for part in ("Op", "Value", "Extent"))
    asked.done()
    bounds: Mapping[str, tuple[float | None, float | None]] = {
        "gte": (value, None),
        "gt": (value and value + 1, None),
        "lte": (None, value),
        "lt": (None, value and value - 1),
        "eq": (value, value),
        "bt": (value, extent),
    }
    if how not in bounds:
        asked.refuse("Op", f"{how} has no equal; {', '.join(bounds)} have")
    low, high = bounds.get(how, (None, None))
    limits = {"at_least": low, "at_most": high}
    test = {"variable": "age"} | {key: float(limit) for key, limit in limits.items() if limit is not None}
    return [({"name": name, "title": words(title)} if name else {}) | test]
