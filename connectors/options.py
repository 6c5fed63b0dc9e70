# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a connector is told in `options` of a site or stream: a closed grammar, every fault with its key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from rwe.errors import DefinitionError
from rwe.spec.base import Part

Grammar = TypeVar("Grammar", bound=Part)


def options(grammar: type[Grammar], given: Mapping[str, Any], where: str) -> Grammar:
    """Return options as their grammar reads them.

    Parameters
    ----------
    grammar
        The connector's own part.
    given
        What the file says.
    where
        The site or stream, for the message.

    Raises
    ------
    DefinitionError
        With every fault; an unknown key with the nearest known one. What the file says is not repeated.
    """
    try:
        return grammar.model_validate(dict(given))
    except ValidationError as exc:
        faults = exc.errors(include_url=False, include_context=False, include_input=False)
        raise DefinitionError("; ".join(f"{where}: {_words(grammar, fault)}" for fault in faults)) from None


def _words(grammar: type[Part], fault: Any) -> str:
    key = ".".join(("options", *map(str, fault["loc"])))
    if fault["type"] != "extra_forbidden":
        return f"{key}: {str(fault['msg']).removeprefix('Value error, ')}"
    known = sorted({name for part in _parts(grammar) for name in part})
    near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
    return f"{key}: unknown key; " + (f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}")


def _parts(grammar: type[Part]) -> list[dict[str, Any]]:
    schema = grammar.model_json_schema()
    return [part.get("properties", {}) for part in (schema, *schema.get("$defs", {}).values())]
