# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The bridge between two runs of a study: which released figures changed, and which rows made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import polars as pl

from rwe.provenance import code_hashes, packages, read_manifest
from rwe.report import key_figures
from rwe.report.released import read_tables
from rwe.result import LABELS
from rwe.store import Store

KEYS = [*LABELS, "time"]
VALUES = ["n", "n_event", "estimate", "conf_low", "conf_high"]
SHOWN = 10
Words = dict[str, str]


class Change(TypedDict):
    """One figure that differs from the run before; text is the same in all languages, or by language."""

    figure: str | Words
    before: str | Words
    after: str | Words
    why: str


def compared(
    before: Path, after: Path, *, commits: Mapping[str, int], config_hash: str, store: Store, lang: Sequence[str]
) -> list[Change]:
    """Return the figures of a run that differ from the run before, key figures first, and write all of them.

    Parameters
    ----------
    before, after
        The two run folders; ``changes.csv`` is written into the later one.
    commits
        Landing commit that the earlier run read of each ``site/stream``.
    config_hash
        Hash of the later run's definitions.
    """
    changed = differences(read_tables(before / "release"), read_tables(after / "release"))
    changed.write_csv(after / "changes.csv")
    if changed.is_empty():
        return []
    why = "; ".join([*_rows_since(store, commits), *_definitions(before, config_hash)]) or "nothing in the inputs"
    found = [*_key_figures(before, after, lang, why)]
    for row in changed.head(SHOWN).iter_rows(named=True):
        name = " ".join(str(row[key]) for key in [*KEYS, "value"] if row[key] not in ("", None))
        found.append({"figure": name, "before": _text(row["before"]), "after": _text(row["after"]), "why": why})
    if (more := changed.height - SHOWN) > 0:
        found.append({"figure": f"+{more}", "before": "", "after": "changes.csv", "why": why})
    return found


def _key_figures(before: Path, after: Path, lang: Sequence[str], why: str) -> Iterable[Change]:
    old, new = ({language: key_figures(run, language) for language in lang} for run in (before, after))
    first = lang[0]
    for i, card in enumerate(new[first]):
        place = next((k for k, c in enumerate(old[first]) if c.name == card.name), None)
        if place is not None and old[first][place].plain != card.plain:
            yield {
                "figure": {language: new[language][i].label for language in lang},
                "before": {language: old[language][place].plain for language in lang},
                "after": {language: new[language][i].plain for language in lang},
                "why": why,
            }


def differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return the released figures that differ, one row each: ``KEYS``, ``value``, ``before``, ``after``.

    A figure that stands in one table only, or is masked in one, has null on that side.
    """
    sides = [_long(frame).rename({"number": side}) for frame, side in ((before, "before"), (after, "after"))]
    joined = sides[0].join(sides[1], on=[*KEYS, "value"], how="full", coalesce=True, nulls_equal=True)
    return joined.filter(~pl.col("before").eq_missing(pl.col("after"))).sort(*KEYS, "value")


def _long(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = frame.with_columns(pl.col(VALUES).cast(pl.Float64))
    return numbers.unpivot(VALUES, index=KEYS, variable_name="value", value_name="number")


def _rows_since(store: Store, commits: Mapping[str, int]) -> Iterable[str]:
    """Say for each stream how many rows came new, corrected or deleted since its commit."""
    for name, commit in commits.items():
        site, _, stream = name.partition("/")
        rows = store.table(f"{site}/landing/{stream}").rows()
        late = pl.col("_commit") > commit
        known = rows.filter(~late).select("_key").unique()
        newest = rows.filter(late).join(known.with_columns(known=pl.lit(value=True)), on="_key", how="left")
        gone, seen = pl.col("_op") == "delete", pl.col("known")
        kind = pl.when(gone).then(pl.lit("deleted")).when(seen).then(pl.lit("corrected")).otherwise(pl.lit("new"))
        counts = newest.select(kind=kind).collect()["kind"].value_counts().sort("kind")
        for word, n in counts.iter_rows():
            yield f"{name}: {n} {word}"


def _definitions(before: Path, config_hash: str) -> Iterable[str]:
    """Say whether definitions, code or packages differ."""
    old = read_manifest(before)
    if old["config_hash"] != config_hash:
        yield "definitions changed"
    if {name: sha for name, sha in old["code"].items() if name != "commit"} != code_hashes():
        yield "code changed"
    if old["packages"] != packages():
        yield "packages changed"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
