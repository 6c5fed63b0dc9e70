# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Events of a Circe definition as records of a study: each concept set in a table is named once."""

from __future__ import annotations

import re
from typing import Any

from rwe.spec.circe_node import Node

TABLES = {
    "ConditionOccurrence": "condition_occurrence",
    "Death": "death",
    "DrugExposure": "drug_exposure",
    "Measurement": "measurement",
    "Observation": "observation",
    "ProcedureOccurrence": "procedure_occurrence",
    "VisitOccurrence": "visit_occurrence",
}


class Records:
    """What a definition names: concept sets by number, and the records that are made of them on the way.

    Parameters
    ----------
    node
        The definition.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._sets = {part.take("id"): part for part in node.nodes("ConceptSets")}
        self._taken: dict[tuple[str, Any], str] = {}
        self.made: dict[str, dict[str, Any]] = {}

    def death(self) -> str:
        """Return the name of the record of any death."""
        self.made.setdefault("any_death", {"table": "death"})
        return "any_death"

    def event(self, node: Node) -> tuple[Node, str]:
        """Return what a criterion says of its one kind of event, and the table of that."""
        kinds = [kind for kind in node.value if node.value[kind] is not None]
        kind = kinds[0] if kinds else ""
        if kind not in TABLES or len(kinds) != 1:
            node.refuse(kind, f"records of this kind have no equal; those that have: {', '.join(TABLES)}")
            node.take(kind)
            return Node({}, node.where, node.faults), "observation"
        return node.node(kind), TABLES[kind]

    def named(self, inner: Node, table: str) -> str:
        """Return the name of the record of a concept set in a table."""
        key = (table, inner.take("CodesetId"))
        if key not in self._taken:
            title, made = self._concepts(key[1])
            name = slug(title, table)
            self._taken[key] = f"{name}_{len(self.made)}" if name in self.made else name
            self.made[self._taken[key]] = {"table": table} | made
        return self._taken[key]

    def _concepts(self, number: Any) -> tuple[str, dict[str, Any]]:
        if number is None:
            return "", {}
        if number not in self._sets:
            self._node.refuse("ConceptSets", f"there is no set {number}, which a criterion names")
            return "", {}
        whole = self._sets[number]
        items = whole.node("expression").nodes("items")
        if any(item.take("isExcluded") or item.take("includeMapped") for item in items):
            whole.refuse("expression", "excluded and mapped concepts have no equal: list those that are meant")
        below = {bool(item.take("includeDescendants")) for item in items}
        if len(below) > 1:
            whole.refuse(
                "expression", "some concepts count with their descendants, others without: make two sets of them"
            )
        concepts = [item.node("concept").take("CONCEPT_ID") for item in items]
        return str(whole.value.get("name") or ""), {"concepts": concepts, "descendants": True in below}


def words(en: str, bg: str = "") -> dict[str, str]:
    """Return a text in both languages; in the one that is known where no other is given."""
    return {"en": en, "bg": bg or en}


def slug(title: str, otherwise: str) -> str:
    """Return a title as a name; of letters that names do not have, `otherwise`."""
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"{otherwise}_{name}".strip("_")
