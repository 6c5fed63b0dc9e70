# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The quality of what the hospitals gave: scorecards and gates of a run, and what a report may be told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from rwe.disclosure import Policy, protect
from rwe.pipeline.align import Aligned, as_it_was
from rwe.pipeline.planning import Asked
from rwe.pipeline.stages import read_commits, read_rejected, write_drift
from rwe.quality import Extract, Judged, Scorecard, assess, dqd_checks, drift, judge, large
from rwe.report import scorecards as card
from rwe.spec.study import Gate
from rwe.store import Store

MONTH = 30  # a lag is told in whole months: a day would be the day of somebody's record
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assessed:
    """The scorecards of a run by hospital, and how the gates of its study stand."""

    cards: Mapping[str, Scorecard]
    gates: tuple[Judged, ...]

    def withheld(self, analysis: str) -> bool:
        """Tell whether a gate keeps the estimates of an analysis back."""
        return any(gate.closes(analysis) for gate in self.gates)


def assess_sites(aligned: Iterable[Aligned], gates: Iterable[Gate], today: date) -> Assessed:
    """Put every check to the records of each hospital.

    Parameters
    ----------
    today
        Day of the run: records after the next day are of the future.
    """
    cards = {part.site: assess(part.cdm, dqd_checks(), as_of=today) for part in aligned}
    return Assessed(cards, judge(gates, cards))


def drifts(aligned: Iterable[Aligned], store: Store, folder: Path, before: Path) -> list[str]:
    """Write how the records of each hospital differ from those of the run before; say who changed, what drifts.

    Parameters
    ----------
    folder, before
        Folders of this run and of the run before.
    """
    said: list[str] = []
    for part in aligned:
        was = as_it_was(store, part, read_commits(before, part.site))
        if was is None:
            continue
        found = drift(Extract(was, read_rejected(before, part.site)), Extract(part.cdm, part.rejected))
        write_drift(folder, part.site, found)
        people = dict(found.table.filter(estimand="people", group="").select("outcome", "n").iter_rows())
        counts = f"{people['entered']} entered, {people['left']} left, {people['changed']} changed"
        said.append(f"{part.site}: since run {before.name} of the people {counts}")
        said += [
            f"{part.site}: {table}.{column} is distributed otherwise than in run {before.name} (PSI {psi:.2f})"
            for table, column, psi in large(found)
        ]
    return said


def scorecards(cards: Mapping[str, Scorecard], policy: Policy) -> card.QualityCard:
    """Return what a report is told of the scorecards: every count and share as everything that leaves is counted."""
    released = {site: protect(one.to_result(site), policy).table for site, one in cards.items()}
    return card.QualityCard(
        checks=tuple(c for site, table in released.items() for c in _checks(site, table)),
        failed=tuple(c for site, table in released.items() for c in _failed(site, table, cards[site].failed)),
        feeds=tuple(c for site, table in released.items() for c in _feeds(site, table)),
        coded=tuple(c for site, table in released.items() for c in _coded(site, table)),
    )


def gate_cards(gates: Iterable[Judged], asked: Iterable[Asked]) -> tuple[card.GateCard, ...]:
    """Return how each gate of the study stands, with the analyses that rest on it."""
    ids = {one.spec.id: one.spec.analysis for one in asked}
    return tuple(
        card.GateCard(
            check=one.gate.check,
            table=one.gate.table or "",
            field=one.gate.field or "",
            action=one.gate.action,
            verdict=one.verdict,
            analyses={name: kind for name, kind in ids.items() if one.concerns(name)},
            sites=one.red,
            reason=one.gate.reason,
        )
        for one in gates
    )


def _checks(site: str, table: pl.DataFrame) -> Iterator[card.ChecksCard]:
    counts = table.filter(analysis="scorecard", estimand="checks")
    for (category,), part in counts.group_by("group", maintain_order=True):
        by = {outcome: int(n) for outcome, n in part.select("outcome", "estimate").iter_rows()}
        yield card.ChecksCard.model_validate({"site": site, "category": category, **by})


def _failed(site: str, table: pl.DataFrame, lines: pl.DataFrame) -> Iterator[card.FailedCard]:
    rows = table.filter(analysis="check", estimand="failed").iter_rows(named=True)
    for row, line in zip(rows, lines.iter_rows(named=True), strict=True):
        place = {key: line[key] for key in ("check", "table", "field", "concept", "threshold")}
        yield card.FailedCard(site=site, share=_share(row), **place)


def _feeds(site: str, table: pl.DataFrame) -> Iterator[card.FeedCard]:
    for row in table.filter(analysis="scorecard", estimand="lag_days").iter_rows(named=True):
        months = None if row["estimate"] is None else max(0, int(row["estimate"])) // MONTH
        yield card.FeedCard(site=site, table=row["group"], lag_months=months)


def _coded(site: str, table: pl.DataFrame) -> Iterator[card.CodedCard]:
    """Yield the fields whose codes are counted, with the share of rows beside the share of codes."""
    mapped = list(table.filter(analysis="scorecard", estimand="mapped").iter_rows(named=True))
    rows = {(r["group"], r["stratum"].removesuffix("_concept_id")): _share(r) for r in mapped if r["outcome"] == "rows"}
    for row in mapped:
        field = row["stratum"].removesuffix("_source_value")
        if row["outcome"] == "codes" and (row["group"], field) in rows:
            share = rows[row["group"], field]
            yield card.CodedCard(site=site, table=row["group"], field=field, rows=share, codes=_share(row))


def _share(row: Row) -> float | None:
    """Return a share of released counts: an exact share of a rounded whole would tell the exact part."""
    if row["masked"]:
        return None
    share: float = row["n_event"] / row["n"] if row["n"] else row["estimate"]
    return round(share, 3)
