# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The columns that a source has now beside those it had: which came, went, or hold another type."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from rwe.pipeline.drift import Finding
from rwe.spec.source import Stream

# Types whose every value the others can hold, so that a change to one of them loses nothing.
_WIDER: dict[str, frozenset[str]] = {
    "TINYINT": frozenset({"SMALLINT", "INTEGER", "INT", "BIGINT", "NUMERIC", "DECIMAL"}),
    "SMALLINT": frozenset({"INTEGER", "INT", "BIGINT", "NUMERIC", "DECIMAL"}),
    "INTEGER": frozenset({"INT", "BIGINT", "NUMERIC", "DECIMAL"}),
    "INT": frozenset({"INTEGER", "BIGINT", "NUMERIC", "DECIMAL"}),
    "REAL": frozenset({"FLOAT", "DOUBLE", "DOUBLE_PRECISION"}),
    "FLOAT": frozenset({"DOUBLE", "DOUBLE_PRECISION"}),
    "CHAR": frozenset({"VARCHAR", "NVARCHAR", "TEXT"}),
    "NCHAR": frozenset({"NVARCHAR", "TEXT"}),
    "VARCHAR": frozenset({"NVARCHAR", "TEXT"}),
    "NVARCHAR": frozenset({"TEXT"}),
}


def changes(
    stream: Stream, had: Mapping[str, str], have: Mapping[str, str], ever: Collection[str]
) -> tuple[list[str], list[Finding]]:
    """Return remarks on columns that came, and what speaks against the declared ones among the others.

    Parameters
    ----------
    stream
        The declaration.
    had, have
        Type by column, as the source told it before (empty at the first reading) and tells it now.
    ever
        Columns that it told at any time: messages do not bear every field each time.
    """
    came = sorted(set(have).difference(had, ever, stream.columns)) if had else []
    remarks = [f"the source has a new column '{name}', which is not declared and not read" for name in came]
    declared = [*stream.columns, *filter(None, (stream.key, stream.cursor))]
    found = []
    for name in dict.fromkeys(declared):
        if name in had and name not in have:
            found.append(Finding(name, "missing", f"column '{name}' was there and is not{_near(name, came)}"))
        elif name in had and had[name] and have[name] and (word := _worse(had[name], have[name])):
            found.append(Finding(name, word, f"column '{name}' was {had[name]} and is {have[name]}: {word}"))
    return remarks, found


def _near(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"; was it renamed to '{near[0]}'?" if near else ""


def _worse(was: str, now: str) -> str:
    """Say whether a type was narrowed or became another; nothing where it holds all that it did."""
    (base, sizes), (other, others) = _parts(was), _parts(now)
    if base == other:
        fewer = any(b < a for a, b in zip(sizes, others, strict=False)) or (len(others) > len(sizes))
        return "narrowed" if fewer else ""
    if other in _WIDER.get(base, frozenset()):
        return "narrowed" if any(b < a for a, b in zip(sizes, others, strict=False)) else ""
    return "narrowed" if base in _WIDER.get(other, frozenset()) else "retyped"


def _parts(text: str) -> tuple[str, list[int]]:
    base = re.split(r"[(\s]", text.strip().upper(), maxsplit=1)[0]
    return base, [int(number) for number in re.findall(r"\d+", text.partition("(")[2].partition(")")[0])]
