# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a run came to, for who called it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rwe.errors import DataError
from rwe.pipeline.align import Aligned
from rwe.pipeline.changes import Change
from rwe.report import key_figures

Words = dict[str, str]


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One figure at the head of the dossier, in each language of the run."""

    name: str
    label: Words
    text: Words


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to.

    Parameters
    ----------
    landed, unchanged
        Rows by ``site/stream``: new ones, and those that were sent again as they were.
    rejected
        Source rows set aside by a rule.
    previous, changes
        The run before of the same study (None where there is none to compare with), and what differs from it.
    notices
        What a person should know: what of the study may mislead, repairs of the store, columns that came, a tracking
        server that was away.
    aside
        Why a stream was not read to its end, by ``site/stream``; the run stands on what had landed before.
    """

    run_id: str
    folder: Path
    dossier: dict[str, Path]
    figures: tuple[KeyFigure, ...]
    landed: dict[str, int]
    unchanged: dict[str, int]
    rejected: int
    previous: str | None
    changes: tuple[Change, ...]
    notices: tuple[str, ...]
    aside: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0, or that of a `DataError` where a stream was not read to its end."""
        return DataError.exit_code if self.aside else 0


def rejected(part: Aligned) -> int:
    """Return how many source rows of a hospital were set aside."""
    return part.rejected.filter(pl.col("record") == "").height


def figures(folder: Path, lang: Sequence[str]) -> tuple[KeyFigure, ...]:
    """Return the key figures of a finished run in these languages."""
    cards = {language: key_figures(folder, language) for language in lang}
    first = next(iter(cards.values()))
    return tuple(
        KeyFigure(
            card.name,
            {language: cards[language][i].label for language in lang},
            {language: cards[language][i].plain for language in lang},
        )
        for i, card in enumerate(first)
    )
