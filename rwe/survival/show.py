# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How results look in a notebook: a line of words, the table, the notes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import polars as pl


def framed(title: str, table: pl.DataFrame, notes: Sequence[str] = ()) -> str:
    """Return a table as HTML under its title, with notes below."""
    words = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<div><p><strong>{escape(title)}</strong></p>{table._repr_html_()}{words}</div>"
