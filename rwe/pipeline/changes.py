# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The bridge between two runs of a study: which released figures changed, and what in the inputs made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict

import polars as pl

from rwe.disclosure import CURVES
from rwe.pipeline.files import write_table
from rwe.provenance import code_hashes, packages, read_manifest, sha256
from rwe.report import figure_name, figure_text, open_page
from rwe.report.cards import cards
from rwe.report.naming import COUNTS
from rwe.report.page import Page, Row
from rwe.report.released import read_tables
from rwe.result import LABELS
from rwe.store import Store

KEYS = ["id", *LABELS, "time"]
VALUES = ["n", "n_event", "estimate", "conf_low", "conf_high"]
SHOWN = 10
CLOSE = 1e-9  # what the order of summing may change
Texts = dict[str, str]
Line = tuple[str, str, str]  # figure, before, after
Reason = tuple[str, dict[str, Any]]


class Change(TypedDict):
    """One figure printed otherwise than in the run before, by language; a remark has neither before nor after."""

    figure: Texts
    before: Texts
    after: Texts
    why: Texts


@dataclass(frozen=True, slots=True)
class Origin:
    """What the later run was made from: its definitions, the landing tables, and the commits that the earlier read."""

    files: Sequence[Path]
    store: Store
    commits: Mapping[str, int]


def compared(before: Path, after: Path, origin: Origin, lang: Sequence[str]) -> list[Change]:
    """Return the figures of a run that are printed otherwise than in the run before, key figures first.

    Parameters
    ----------
    before, after
        The two run folders; ``changes.csv``, with every number that differs, is written into the later one.
    origin
        Where to look for the reasons.
    lang
        Languages of the texts.

    Raises
    ------
    DataError
        If the run before is no more, or cannot be read by this version.
    """
    changed = differences(read_tables(before / "release"), read_tables(after / "release"))
    write_table(after / "changes.csv", changed)
    if changed.is_empty():
        return []
    pages = {code: (open_page(before / "release", code), open_page(after / "release", code)) for code in lang}
    lines = {c: [*_cards(was, now), *islice(_figures(was, now, changed), SHOWN)] for c, (was, now) in pages.items()}
    reasons = [*_rows_since(origin), *_definitions(before, origin.files)] or [("nothing", {})]
    why = {
        code: "; ".join(now.words(f"change.{k}", **facts) for k, facts in reasons) for code, (_, now) in pages.items()
    }
    for code, (_, now) in pages.items():
        lines[code].append((now.words("change.total", n=now.numbers.count(changed.height)), "", ""))
    return [_change(dict(zip(lang, same, strict=True)), why) for same in zip(*lines.values(), strict=True)]


def _change(lines: Mapping[str, Line], why: Texts) -> Change:
    figure, before, after = ({code: line[place] for code, line in lines.items()} for place in range(3))
    return Change(figure=figure, before=before, after=after, why=why)


def _cards(before: Page, after: Page) -> Iterator[Line]:
    """Yield the key figures that differ."""
    old = {card.name: card.plain for card in cards(before)}
    for card in cards(after):
        if old.get(card.name, card.plain) != card.plain:
            yield card.label, old[card.name], card.plain


def _figures(before: Page, after: Page, changed: pl.DataFrame) -> Iterator[Line]:
    """Yield the figures that are printed otherwise, those of curves last."""
    column = pl.when(pl.col("value").is_in(COUNTS)).then("value").otherwise(pl.lit("estimate"))
    figures = changed.select(*KEYS, column=column).unique(maintain_order=True)
    figures = figures.sort(pl.col("estimand").is_in(CURVES), maintain_order=True)
    sides = [(page, _by_labels(page)) for page in (before, after)]
    for *labels, part in figures.iter_rows():
        old, new = (figure_text(page, rows.get(tuple(labels)), part) for page, rows in sides)
        if old != new:
            yield figure_name(after, dict(zip(KEYS, labels, strict=True)), part), old, new


def _by_labels(page: Page) -> dict[tuple[Any, ...], Row]:
    return {tuple(row[key] for key in KEYS): row for row in page.table.iter_rows(named=True)}


def differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return the released numbers that differ, one row each: ``KEYS``, ``value``, ``before``, ``after``.

    A number that stands in one table only, or is masked in one, has null on that side. What the
    order of summing may change, in the tenth digit or beyond, is no difference.

    Parameters
    ----------
    before, after
        Released tables as `read_tables` gives them.
    """
    sides = [_long(frame).rename({"number": side}) for frame, side in ((before, "before"), (after, "after"))]
    joined = sides[0].join(sides[1], on=[*KEYS, "value"], how="full", coalesce=True, nulls_equal=True)
    old, new = pl.col("before"), pl.col("after")
    close = (old - new).abs() <= CLOSE * (1 + pl.max_horizontal(old.abs(), new.abs()))
    return joined.filter(~(old.eq_missing(new) | close.fill_null(value=False))).sort(*KEYS, "value")


def _long(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = frame.with_columns(pl.col(VALUES).cast(pl.Float64))
    return numbers.unpivot(VALUES, index=KEYS, variable_name="value", value_name="number")


def _rows_since(origin: Origin) -> Iterable[Reason]:
    """Say for each stream how many rows came new, corrected or deleted since its commit."""
    for name, commit in origin.commits.items():
        site, _, stream = name.partition("/")
        rows = origin.store.table(f"{site}/landing/{stream}").rows()
        late = pl.col("_commit") > commit
        known = rows.filter(~late).select("_key").unique()
        last = rows.filter(late).sort("_commit").unique("_key", keep="last")
        newest = last.join(known.with_columns(known=pl.lit(value=True)), on="_key", how="left")
        gone, seen = pl.col("_op") == "delete", pl.col("known")
        kind = pl.when(gone).then(pl.lit("deleted")).when(seen).then(pl.lit("corrected")).otherwise(pl.lit("new"))
        counts = newest.select(kind=kind).collect()["kind"].value_counts().sort("kind")
        for key, n in counts.iter_rows():
            yield key, {"stream": name, "n": n}


def _definitions(before: Path, files: Sequence[Path]) -> Iterable[Reason]:
    """Say which definitions and packages differ, and whether the code does."""
    old = read_manifest(before)
    was = {(entry["name"], entry["sha256"]) for entry in old["configuration"]}
    if other := was ^ {(path.name, sha256(path)) for path in files}:
        yield "definitions", {"names": ", ".join(sorted({name for name, _ in other}))}
    if {name: sha for name, sha in old["code"].items() if name != "commit"} != code_hashes():
        yield "code", {}
    if other := set(old["packages"].items()) ^ set(packages().items()):
        yield "packages", {"names": ", ".join(sorted({name for name, _ in other}))}
