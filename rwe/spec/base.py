# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Strict reading of the YAML files that people write: closed grammar, every fault with its place."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, ValidationError

from rwe.errors import DefinitionError, Problem

Model = TypeVar("Model", bound=BaseModel)
Where = tuple[int | str, ...]


class Part(BaseModel):
    """A piece of a definition: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Part):
    """Words for people, in each language of the engine."""

    en: str
    bg: str


def _no_float(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError("a decimal that must stay exact: put it in quotes")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Int = Annotated[int, Strict()]
Day = Annotated[int, Strict(), Field(ge=0)]
Flag = Annotated[bool, Strict()]
Real = Annotated[float, Strict()]
Exact = Annotated[Decimal, BeforeValidator(_no_float)]


class _Loader(yaml.CSafeLoader):
    """YAML without its traps: NO is text, 010 and 12:30 are text, a repeated key is an error."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+0123456789"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("tag:yaml.org,2002:timestamp", r"^\d{4}-\d{2}-\d{2}$", "0123456789"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def _repeated(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                yield key
            seen.add(str(key.value))
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)


def _values(path: Path, loader: _Loader, node: yaml.Node) -> Any:
    try:
        return loader.construct_document(node)
    except ValueError:
        faults = [problem(path, *fault) for fault in _unreadable(_Loader(""), node, ())]
        raise DefinitionError(faults) from None


def _unreadable(loader: _Loader, node: yaml.Node, where: Where) -> Iterator[tuple[yaml.Node, Where, str]]:
    """Yield each value that is not what it looks like, such as a day that no calendar has."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _unreadable(loader, key, where)
            yield from _unreadable(loader, value, (*where, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield from _unreadable(loader, item, (*where, at))
    else:
        try:
            loader.construct_object(node)
        except ValueError as exc:
            yield node, where, f"a value cannot be read: {exc}"


def _find(node: yaml.Node, where: Where, *, key: bool) -> yaml.Node:
    """Return the deepest node on the way to `where`; the key's own node where `key` is asked."""
    for depth, step in enumerate(where):
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if str(k.value) == str(step)), None)
            if pair is None:
                continue  # a name pydantic adds to the way, such as the tag of a union
            node = pair[0] if key and depth == len(where) - 1 else pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
    return node


def _allowed(model: type[BaseModel]) -> list[str]:
    """Return the keys that the grammar knows anywhere, to suggest the nearest."""
    found: set[str] = set()
    schema = model.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        found |= set(part.get("properties", {}))
    return sorted(found)


def _message(model: type[BaseModel], error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    near = difflib.get_close_matches(str(error["loc"][-1]), _allowed(model), n=1)
    return "unknown key" + (f"; did you mean '{near[0]}'?" if near else "; remove it")


def problem(file: Path, node: yaml.Node | None, where: Where, message: str) -> Problem:
    """Return a `Problem` placed at `node`, or at the top of the file."""
    line, column = (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)
    return Problem(str(file), line, column, ".".join(map(str, where)), message)


def parse(path: Path) -> tuple[Any, yaml.Node]:
    """Return the plain values of a YAML file and its node tree with marks.

    Raises
    ------
    DefinitionError
        If the file is missing, is not UTF-8, is not YAML, is empty, holds a value that cannot be, or repeats a key.
    """
    try:
        text = path.read_text("utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        values = _values(path, loader, node) if node else None
    except FileNotFoundError:
        raise DefinitionError(Problem(str(path), 1, 1, "", "no such file" + _nearby(path))) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise DefinitionError(Problem(str(path), 1, 1, "", f"cannot be read: {type(exc).__name__}")) from None
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise DefinitionError(Problem(str(path), line, column, "", f"not YAML: {exc.problem}")) from None
    if node is None:
        raise DefinitionError(Problem(str(path), 1, 1, "", "the file is empty"))
    if twice := list(_repeated(node)):
        raise DefinitionError([problem(path, key, (str(key.value),), "this key stands twice") for key in twice])
    return values, node


def _nearby(path: Path) -> str:
    names = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def nearest(path: Path, where: Where, name: str, allowed: list[str], what: str = "unknown name") -> Problem:
    """Return the problem of a name that is not among `allowed`, with the nearest that is."""
    _, node = parse(path)
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    cure = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(allowed)) or 'none'}"
    return problem(path, _find(node, where, key=False), where, f"{what} '{name}'{cure}")


def placed(path: Path, faults: Iterable[tuple[Where, str]]) -> list[Problem]:
    """Return each fault, a key and what is wrong with it, as a problem at its place in the file."""
    _, node = parse(path)
    return [problem(path, _find(node, where, key=False), where, message) for where, message in faults]


def read(path: Path, model: type[Model], context: Mapping[str, Any] | None = None) -> Model:
    """Read a YAML file as `model`; `context` is what validators of the model may ask for (`rwe.spec.names`).

    Raises
    ------
    DefinitionError
        With all faults at once, each as ``file:line:column: key: what to write``.
    """
    return part(path, (), model, context)


def part(path: Path, where: Where, model: type[Model], context: Mapping[str, Any] | None = None) -> Model:
    """Read the piece of a YAML file that stands at `where` as `model`; an absent piece reads as empty."""
    values, node = parse(path)
    for step in where:
        values = values[step] if not isinstance(values, dict) or step in values else {}
    try:
        return model.model_validate(values, context=context)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False, include_input=False)
        raise DefinitionError([_fault(path, node, where, model, error) for error in errors]) from None


def _fault(path: Path, node: yaml.Node, where: Where, model: type[BaseModel], error: Any) -> Problem:
    place = (*where, *error["loc"])
    return problem(path, _find(node, place, key=error["type"] == "extra_forbidden"), place, _message(model, error))


def locate(reference: str, beside: Path) -> Path:
    """Resolve a path written in a definition file.

    Parameters
    ----------
    reference
        A path relative to the file that names it, or ``package://name/path`` for a file that ships
        in an installed package.
    beside
        The file that holds the reference.
    """
    if not reference.startswith("package://"):
        return (beside.parent / reference).resolve()
    package, _, inside = reference.removeprefix("package://").partition("/")
    found = importlib.util.find_spec(package)
    if found is None or not found.origin:
        raise DefinitionError(Problem(str(beside), 1, 1, "", f"package '{package}' is not installed"))
    return Path(found.origin).parent / inside
