# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that say they were invented: told apart from the landing to the dossier, and not paid on by mistake."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from rwe.errors import Refused
from rwe.spec.source import Stream


def invented(landing: Mapping[str, pl.LazyFrame], streams: Mapping[str, Stream]) -> bool:
    """Return whether any landed row of a hospital bears the mark that its stream declares (`Column.synthetic`)."""
    marked = [
        landing[name].select((pl.col(column).cast(pl.String) == declared.synthetic).any().alias("marked"))
        for name, stream in streams.items()
        for column, declared in stream.columns.items()
        if declared.synthetic
    ]
    return any(frame.item() for frame in pl.collect_all(marked, engine="streaming"))


def hold_apart(sites: Collection[str], marked: Collection[str], *, asked: bool, settles: bool) -> None:
    """Refuse what would let invented and lived records pass for each other.

    Parameters
    ----------
    sites, marked
        The hospitals of a study, and those whose rows say that they were invented.
    asked
        Whether invented records are what was asked for.
    settles
        Whether money is to be reckoned from them.

    Raises
    ------
    Refused
        If an agreement would be settled on invented records that nobody asked for, or if some hospital's records
        were lived where invented ones were asked for.
    """
    if marked and settles and not asked:
        raise Refused(
            f"the records of {', '.join(sorted(marked))} are synthetic: no agreement is settled on them; "
            "to try one out, run the study with --synthetic"
        )
    if asked and (lived := sorted(set(sites) - set(marked))):
        raise Refused(f"--synthetic is for invented records, and those of {', '.join(lived)} do not say that they are")
