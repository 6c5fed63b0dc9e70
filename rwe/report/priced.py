# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The chapter on a medicine's worth between the run that reckons it and the dossier that shows it: blocks as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rwe.errors import DataError
from rwe.report.blocks import Block, Figure, Line, Prose, Table

FOLDER = "price"
KINDS: dict[str, type[Table] | type[Figure] | type[Prose]] = {"table": Table, "figure": Figure, "prose": Prose}


def write_chapter(release: Path, lang: str, blocks: Sequence[Block]) -> None:
    """Write the blocks of one language under ``release/price``."""
    into = release / FOLDER
    into.mkdir(exist_ok=True)
    text = json.dumps([asdict(block) for block in blocks], ensure_ascii=False, indent=1)
    (into / f"{lang}.json").write_text(text + "\n", "utf-8")


def read_chapter(release: Path, lang: str) -> list[Block]:
    """Return the blocks of one language; none where the study names no price file.

    Raises
    ------
    DataError
        If the file is not what `write_chapter` writes.
    """
    path = release / FOLDER / f"{lang}.json"
    if not path.is_file():
        return []
    try:
        return [_block(value) for value in json.loads(path.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError):
        raise DataError(f"release/{FOLDER}/{lang}.json is no chapter of this version; run the study again") from None


def _block(value: dict[str, Any]) -> Block:
    kind, fields = KINDS[value["template"]], {key: own for key, own in value.items() if key != "template"}
    if kind is Table:
        fields["lines"] = [Line(tuple(line["cells"]), line["kind"]) for line in fields["lines"]]
    return kind(**fields)
