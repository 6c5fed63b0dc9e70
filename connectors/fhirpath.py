# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""FHIRPath, the part that view definitions need: a path is read once and becomes plain functions over plain dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.fhirpath_functions import BY_ITEM, BY_TYPE, BY_VALUE
from connectors.fhirpath_operators import BINDING, operate
from connectors.fhirpath_steps import Expr, Step, choice, index_of, member, over
from rwe.errors import DefinitionError

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*)"
    r"|(?P<time>@T?\d[\dT:.Z+-]*)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<constant>%(?:[A-Za-z_][A-Za-z0-9_]*|'[^']*'|`[^`]*`))"
    r"|(?P<name>\$?[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)"
    r"|(?P<sign>!=|!~|<=|>=|[-+*/&|=~<>().,\[\]{}])"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def compile_path(text: str, constants: Mapping[str, Any] | None = None) -> Expr:
    """Return a path as a function of the items it starts from and the scope.

    Parameters
    ----------
    text
        FHIRPath: members, choice types, indexes, operators and the functions of `connectors.fhirpath_functions`.
    constants
        What ``%name`` stands for.

    Raises
    ------
    DefinitionError
        If it is not FHIRPath, or asks for what is not known here; nothing is ever taken for empty in silence.

    Examples
    --------
    >>> from connectors.fhirpath_steps import Scope
    >>> patient = {"name": [{"use": "official", "family": "Иванова"}, {"family": "Петрова"}]}
    >>> compile_path("name.where(use = 'official').family")([patient], Scope(patient))
    ['Иванова']
    """
    return _Reader(text, constants or {}).whole()


class _Reader:
    """One path, read from left to right."""

    def __init__(self, text: str, constants: Mapping[str, Any]) -> None:
        self._text = text
        self._constants = constants
        self._tokens = list(self._split(text))
        self._at = 0

    def whole(self) -> Expr:
        made = self._expression(0)
        if self._at < len(self._tokens):
            raise self._fault(f"'{self._tokens[self._at][1]}' was not expected")
        return made

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, at = [], 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise self._fault(f"'{text[at]}' is not FHIRPath")
            if token.lastgroup != "space":
                found.append((str(token.lastgroup), token.group()))
            at = token.end()
        return found

    def _fault(self, what: str) -> DefinitionError:
        return DefinitionError(f"path '{self._text}': {what}")

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][1] if at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._fault("ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._fault(f"'{sign}' expected before '{self._peek() or 'the end'}'")

    def _expression(self, weakest: int) -> Expr:
        left = self._term()
        while BINDING.get(self._peek(), 0) > weakest:
            sign = self._next()[1]
            if sign in ("is", "as"):
                left = over(left, BY_TYPE["is" if sign == "is" else "ofType"](self._type_name()))
            else:
                left = operate(sign, left, self._expression(BINDING[sign]), self._text)
        return left

    def _term(self) -> Expr:
        made = self._start()
        while True:
            if self._take("."):
                made = over(made, self._step(*self._next()))
            elif self._take("["):
                made = over(made, index_of(self._expression(0), self._text))
                self._expect("]")
            else:
                return made

    def _start(self) -> Expr:
        kind, text = self._next()
        if kind == "sign":
            return self._signed(text)
        if kind == "name" and text not in ("true", "false", "$this"):
            step = self._step(kind, text)
            return lambda items, scope: step(items, items, scope)
        if text == "$this":
            return lambda items, _scope: items
        if text in ("%rowIndex", "%resource", "%context"):
            return (lambda _i, scope: [scope.index]) if text == "%rowIndex" else (lambda _i, scope: [scope.resource])
        value = self._literal(kind, text)
        return lambda _items, _scope: [value]

    def _signed(self, text: str) -> Expr:
        if text == "(":
            made = self._expression(0)
            self._expect(")")
            return made
        if text == "{":
            self._expect("}")
            return lambda _items, _scope: []
        if text == "-":
            return operate("*", lambda _items, _scope: [-1], self._expression(BINDING["*"]), self._text)
        raise self._fault(f"'{text}' was not expected")

    def _literal(self, kind: str, text: str) -> Any:
        if kind == "constant":
            name = text[1:].strip("'`")
            if name not in self._constants:
                raise self._fault(f"%{name} is not defined")
            return self._constants[name]
        if kind == "text":
            return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _unescape, text[1:-1])
        if kind == "number":
            return Decimal(text) if "." in text else int(text)
        return text == "true" if kind == "name" else text.removeprefix("@").removeprefix("T").removesuffix("T")

    def _step(self, kind: str, text: str) -> Step:
        if kind != "name" or text.startswith("$"):
            raise self._fault(f"'{text}' was not expected")
        if self._take("("):
            return self._function(text)
        name = text.strip("`")
        if self._peek() == "." and self._peek(1) in ("ofType", "as") and self._peek(2) == "(":
            self._at += 3
            wanted = self._type_name()
            self._expect(")")
            return choice(name, wanted)
        return member(name)

    def _type_name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise self._fault("the name of a type was expected")
        while self._take("."):
            text = self._next()[1]
        return text.strip("`")

    def _function(self, name: str) -> Step:
        if name in BY_TYPE:
            made = BY_TYPE[name](None if self._peek() == ")" else self._type_name())
            self._expect(")")
            return made
        arguments: list[Expr] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._expression(0))
        for table in (BY_ITEM, BY_VALUE):
            if name in table:
                least, most, build = table[name]
                if not least <= len(arguments) <= most:
                    raise self._fault(f"{name}() takes {least} to {most} arguments, here {len(arguments)}")
                return build(self._text, *arguments)
        known = sorted([*BY_ITEM, *BY_VALUE, *BY_TYPE])
        raise self._fault(f"the function {name}() is not known here; known: {', '.join(known)}")


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code, code)
