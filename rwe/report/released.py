# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Reading ``release/``: the only folder that a dossier is made from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pydantic import ValidationError

from rwe.disclosure import RELEASED
from rwe.errors import DataError
from rwe.report.context import Context

CONTEXT = "context.json"


def read_context(release: Path) -> Context:
    """Return the context of a run.

    Raises
    ------
    DataError
        If the file is missing or lacks what a dossier needs.
    """
    path = release / CONTEXT
    try:
        return Context.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"release/{CONTEXT} is missing: the run did not reach its release; run the study again"
        ) from None
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors(include_input=False))
        raise DataError(f"release/{CONTEXT} does not fit this version of the report: {faults}") from None


def read_tables(release: Path) -> pl.DataFrame:
    """Return the rows of all released tables under each other, in the order of the files' names.

    The column ``id`` says of which analysis of the study each row is, as the file's name does.

    Raises
    ------
    DataError
        If there is no table, or one has other columns than a released table has.
    """
    paths = [path for path in sorted(release.glob("*.json")) if path.name != CONTEXT]
    if not paths:
        raise DataError("release/ holds no table: the run did not reach its release; run the study again")
    return pl.concat([_table(path) for path in paths])


def _table(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_json(path, schema=RELEASED)
    except (pl.exceptions.PolarsError, ValueError):
        raise DataError(f"release/{path.name} is not a released table: a JSON list of rows is expected") from None
    return table.with_columns(pl.lit(path.stem.partition("-")[2]).alias("id"))


def file_names(release: Path) -> list[str]:
    """Return the names of the released files, sorted."""
    return sorted(path.name for path in release.iterdir() if path.suffix in (".csv", ".json"))
