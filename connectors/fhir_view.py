# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""SQL-on-FHIR view definitions: what of a resource becomes which columns of which rows.

``select`` items are crossed, ``unionAll`` items follow one another, ``forEach`` and ``repeat`` give a row for each
element, ``where`` keeps or leaves out the resource. The specification is https://sql-on-fhir.org (v2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import product
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.fhirpath import compile_path
from connectors.fhirpath_steps import Expr, Scope, truth
from connectors.fhirpath_values import Items
from rwe.errors import DataError, DefinitionError

Row = dict[str, Any]
_MOST_LEVELS = 64


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class _Column(_Loose):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    path: str
    collection: bool = False


class _Where(_Loose):
    path: str


class _Select(_Loose):
    model_config = ConfigDict(extra="forbid")

    id: str = ""
    extension: list[Any] = Field(default_factory=list)
    column: list[_Column] = Field(default_factory=list)
    select: list[_Select] = Field(default_factory=list)
    union_all: list[_Select] = Field(default_factory=list, alias="unionAll")
    for_each: str | None = Field(default=None, alias="forEach")
    for_each_or_null: str | None = Field(default=None, alias="forEachOrNull")
    repeat: list[str] = Field(default_factory=list)


class _View(_Loose):
    resource: str = Field(pattern=r"^[A-Z][A-Za-z]+$")
    constant: list[dict[str, Any]] = Field(default_factory=list)
    select: list[_Select] = Field(min_length=1)
    where: list[_Where] = Field(default_factory=list)


class View:
    """A view definition, ready to be laid over resources.

    Parameters
    ----------
    definition
        The JSON or YAML of a ViewDefinition, as plain values.
    base
        Address of the server, under which absolute references are its own.

    Raises
    ------
    DefinitionError
        If it is not a view definition, a path cannot be read, or columns do not fit together.

    Examples
    --------
    >>> view = View({"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]})
    >>> view.columns, list(view.rows({"resourceType": "Patient", "id": "7"}))
    (['id'], [{'id': '7'}])
    """

    def __init__(self, definition: Any, base: str = "") -> None:
        try:
            view = _View.model_validate(definition)
        except ValidationError as exc:
            faults = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in exc.errors(include_input=False))
            raise DefinitionError("not a view definition: " + "; ".join(faults)) from None
        constants = dict(map(_constant, view.constant))
        self.resource = view.resource
        self._base = base
        self._where = [(one.path, compile_path(one.path, constants)) for one in view.where]
        self._parts = [_Part(one, constants) for one in view.select]
        self.columns = [name for part in self._parts for name in part.columns]
        if twice := sorted({name for name in self.columns if self.columns.count(name) > 1}):
            raise DefinitionError(f"view of {view.resource}: columns {twice} stand twice")

    def rows(self, resource: dict[str, Any]) -> Iterator[Row]:
        """Yield the rows of one resource, none if it is of another type or left out by ``where``.

        Raises
        ------
        DataError
            If a path gives several values where one was asked; it names the path, never a value.
        """
        if resource.get("resourceType") != self.resource:
            return
        scope = Scope(resource, 0, self._base)
        if all(truth(test([resource], scope), path) for path, test in self._where):
            for parts in product(*(part.rows([resource], scope) for part in self._parts)):
                yield {name: value for part in parts for name, value in part.items()}


def _constant(one: dict[str, Any]) -> tuple[str, Any]:
    values = [value for key, value in one.items() if key.startswith("value") and len(key) > len("value")]
    if not isinstance(one.get("name"), str) or len(values) != 1:
        raise DefinitionError("a constant of a view definition needs a name and one value[x]")
    return one["name"], Decimal(str(values[0])) if isinstance(values[0], float) else values[0]


class _Part:
    """One ``select`` with its columns, its nested selects and what it goes over."""

    def __init__(self, select: _Select, constants: dict[str, Any]) -> None:
        ways = [select.for_each is not None, select.for_each_or_null is not None, bool(select.repeat)]
        if sum(ways) > 1:
            raise DefinitionError("a select of a view definition has one of forEach, forEachOrNull and repeat")
        if not any((select.column, select.select, select.union_all)):
            raise DefinitionError("a select of a view definition has no column, select or unionAll")
        self._cells = [(one, compile_path(one.path, constants)) for one in select.column]
        self._nested = [_Part(one, constants) for one in select.select]
        self._union = [_Part(one, constants) for one in select.union_all]
        self._keep_empty = select.for_each_or_null is not None
        self._foci = _foci(select, constants)
        if len({tuple(part.columns) for part in self._union}) > 1:
            raise DefinitionError("the parts of a unionAll have different columns, or in another order")
        self.columns: list[str] = [one.name for one, _ in self._cells]
        self.columns += [name for part in [*self._nested, *self._union[:1]] for name in part.columns]

    def rows(self, items: Items, scope: Scope) -> list[Row]:
        """Return the rows that this part makes of what stands above it."""
        if self._foci is None:
            return self._at(items, scope)
        found = self._foci(items, scope)
        if not found and self._keep_empty:
            return self._at([], Scope(scope.resource, 0, scope.base)) or [dict.fromkeys(self.columns)]
        return [row for i, item in enumerate(found) for row in self._at([item], Scope(scope.resource, i, scope.base))]

    def _at(self, items: Items, scope: Scope) -> list[Row]:
        own = {column.name: _cell(column, path(items, scope)) for column, path in self._cells}
        if not self._nested and not self._union:
            return [own]
        below = [part.rows(items, scope) for part in self._nested]
        if self._union:
            below.append([row for part in self._union for row in part.rows(items, scope)])
        return [own | {name: value for row in rows for name, value in row.items()} for rows in product(*below)]


def _cell(column: _Column, found: Items) -> Any:
    if column.collection:
        return found
    if len(found) > 1:
        raise DataError(
            f"column '{column.name}': its path gives {len(found)} values; take first(), or collection: true, or forEach"
        )
    return found[0] if found else None


def _foci(select: _Select, constants: dict[str, Any]) -> Callable[[Items, Scope], Items] | None:
    path = select.for_each if select.for_each is not None else select.for_each_or_null
    if path is not None:
        return compile_path(path, constants)
    if select.repeat:
        paths = [compile_path(one, constants) for one in select.repeat]
        return lambda items, scope: list(_repeated(paths, items, scope, 0))
    return None


def _repeated(paths: list[Expr], items: Items, scope: Scope, level: int) -> Iterator[Any]:
    """Yield what the paths lead to, and what they lead to from there, each before what is below it."""
    if level > _MOST_LEVELS:
        raise DataError(f"a repeat of a view goes deeper than {_MOST_LEVELS} levels")
    for path in paths:
        for item in path(items, scope):
            yield item
            yield from _repeated(paths, [item], scope, level + 1)
