# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of a FHIRPath: members, choice types and indexes, each a function from items to items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.fhirpath_values import Items, is_of
from rwe.errors import DataError


@dataclass(frozen=True, slots=True)
class Scope:
    """What a path may ask beside its items: the whole resource, the place in an iteration, the server's address."""

    resource: dict[str, Any]
    index: int = 0
    base: str = ""


Expr = Callable[[Items, Scope], Items]
Step = Callable[[Items, Items, Scope], Items]

# Types that an element of many types, such as value[x], may end with.
_NAMES = """
    Base64Binary Boolean Canonical Code Date DateTime Decimal Id Instant Integer Integer64 Markdown Oid PositiveInt
    String Time UnsignedInt Uri Url Uuid Address Age Annotation Attachment CodeableConcept CodeableReference Coding
    ContactPoint Count Distance Duration HumanName Identifier Money Period Quantity Range Ratio RatioRange Reference
    SampledData Signature Timing ContactDetail Contributor DataRequirement Expression ParameterDefinition
    RelatedArtifact TriggerDefinition UsageContext Dosage Meta
"""
_TYPES = frozenset(_NAMES.split())


def over(left: Expr, step: Step) -> Expr:
    """Return a path followed by one more step."""
    return lambda items, scope: step(left(items, scope), items, scope)


def truth(items: Items, path: str) -> bool | None:
    """Return what a condition says, None for nothing.

    Raises
    ------
    DataError
        If it is not one boolean.
    """
    if not items:
        return None
    if len(items) > 1 or not isinstance(items[0], bool):
        raise DataError(f"path '{path}': a condition must give true or false, not {len(items)} values of another kind")
    return items[0]


def _put(found: Items, value: Any) -> None:
    if isinstance(value, list):
        found.extend(one for one in value if one is not None)
    else:
        found.append(value)


def member(name: str) -> Step:
    """Return the step to an element, of whichever of its types it is there."""
    length = len(name)

    def step(items: Items, _focus: Items, _scope: Scope) -> Items:
        found: Items = []
        for item in items:
            if type(item) is not dict:
                continue
            value = item.get(name)
            if value is None:
                if item.get("resourceType") == name:
                    found.append(item)
                    continue
                value = next((item[k] for k in item if k.startswith(name) and k[length:] in _TYPES), None)
            if value is not None:
                _put(found, value)
        return found

    return step


def choice(name: str, wanted: str) -> Step:
    """Return the step to an element where it is of one type: ``valueQuantity``, or a contained resource of it."""
    key = name + wanted[:1].upper() + wanted[1:]

    def step(items: Items, _focus: Items, _scope: Scope) -> Items:
        found: Items = []
        for item in items:
            if type(item) is not dict:
                continue
            if (value := item.get(key)) is not None:
                _put(found, value)
            elif (value := item.get(name)) is not None:
                several = value if isinstance(value, list) else [value]
                found.extend(one for one in several if is_of(one, wanted))
        return found

    return step


def index_of(which: Expr, path: str) -> Step:
    """Return the step to the item at a place."""

    def step(items: Items, focus: Items, scope: Scope) -> Items:
        at = one_of(which(focus, scope), path)
        return items[at : at + 1] if isinstance(at, int) and at >= 0 else []

    return step


def one_of(items: Items, path: str) -> Any:
    """Return the one item, None for nothing; several are a DataError that names the path."""
    if len(items) > 1:
        raise DataError(f"path '{path}': {len(items)} values where one is expected")
    return items[0] if items else None
