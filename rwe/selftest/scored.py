# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What became of each planted fault: the common model of dirty records held against that of the clean ones.

- ``repaired``: what the row says is what the clean row says;
- ``set_aside``: the row was refused by a named rule, or its value or meaning was left out;
- ``merged``: of a row and what was added to say the same, one is in no table;
- ``told``: another value with a mark that says so (an operator, no supply);
- ``kept``: a row that was added stands; ``gone``: a row that was taken away is not there;
- ``altered``: the row says something else, and nothing marks it; ``lost``: it is nowhere and no rule says why;
- ``mixed``: a patient is linked to somebody else; ``undecidable``: no token is left that tells who it is;
- ``unscored``: a row of the house holds several of the network's, so that the fault cannot be looked up, or what the
  truth did itself stands on a row with a fault, or a stay was set aside whose row holds diagnoses with faults.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rwe.pipeline.align import Aligned
from rwe.selftest.scored_people import ADDED, NOT_LANDED, WHERE, WHOLE, died, named
from rwe.selftest.told import Told
from rwe.spec.omop import meaning_of, omop_fields

OUTCOMES = (
    "repaired",
    "set_aside",
    "merged",
    "told",
    "kept",
    "gone",
    "altered",
    "mixed",
    "lost",
    "undecidable",
    "unscored",
)
_WANTED: dict[str, tuple[str, ...]] = {
    "repaired": ("repaired",),
    "quarantined": ("set_aside", "merged"),
    "merged": ("merged",),
    "told": ("told", "set_aside", "kept", "repaired", "merged"),
    "kept": ("kept", "repaired", "altered", "gone"),
}
APART = ("undecidable", "unscored")  # of what nothing can be asked
_COPIES = 16  # keys of rows that were added to one
_CLOSE = 1e-3  # part of a value: what a conversion of rounded digits may change


def score(faults: pl.DataFrame, clean: Told, dirty: Told) -> pl.DataFrame:
    """Say of each fault what became of it.

    Parameters
    ----------
    faults
        Lines of ``faults.csv``: ``site``, ``stream``, ``key``, ``record``, ``table``, ``class``, ``now``, ``expect``.
    clean, dirty
        The same sites of one network without dirt and with it.

    Returns
    -------
    polars.DataFrame
        The faults of these sites with ``outcome``, ``reason`` (the rule of what was refused) and ``good``, whether the
        outcome is among those that ``expect`` allows; null where nothing can be said. A row of a person who was set
        aside as a whole is good whatever its fault.
    """
    rows = pl.concat([_rows(was, now) for was, now in zip(clean.parts, dirty.parts, strict=True)])
    told = pl.concat([part.rejected.with_columns(site=pl.lit(part.site)) for part in dirty.parts])
    why = told.group_by("site", "stream", pl.col("_key").alias("key")).agg(reason=pl.col("rule").sort().first())
    mine = faults.filter(pl.col("site").is_in([part.site for part in clean.parts]))
    found = mine.join(rows, on=WHERE, how="left", maintain_order="left")
    found = found.join(why, on=WHERE, how="left", maintain_order="left")
    gone = rows.join(why, on=WHERE, how="anti").filter(pl.col("clean_rows") > 0, pl.col("dirty_rows") == 0)
    found = found.with_columns(origin=_origin()).join(
        gone.select("site", "stream", origin="key", stands_in=True), on=["site", "stream", "origin"], how="left"
    )
    missed = pl.struct("site", "stream").is_in([{"site": site, "stream": stream} for site, stream in dirty.aside])
    nowhere = pl.col("reason").is_null() & (pl.col("dirty_rows").fill_null(0) == 0) & (pl.col("clean_rows") > 0)
    found = found.with_columns(pl.when(nowhere & missed).then(pl.lit(NOT_LANDED)).otherwise("reason").alias("reason"))
    found = died(named(found, clean, dirty), clean, dirty)
    outcome = pl.coalesce("of_death", "of_person", _outcome())
    found = found.with_columns(outcome=outcome)
    wanted = pl.col("expect").replace_strict(_WANTED, return_dtype=pl.List(pl.String))
    aside = (pl.col("outcome") == "set_aside") & pl.col("reason").is_in(WHOLE).fill_null(value=False)
    good = pl.when(~pl.col("outcome").is_in(APART)).then(pl.col("outcome").is_in(wanted) | aside)
    return _cleared(found.with_columns(good=good), mine).select(*faults.columns, "outcome", "reason", "good")


def _cleared(found: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """Judge no stay in whose row of the house a diagnosis may have been set aside for a fault of its own."""
    whose = ["site", "stream", "person"]
    beside = faults.filter(pl.col("table") == "diagnoses", pl.col("key").is_null()).select(whose).unique()
    found = found.join(beside.with_columns(beside=pl.lit(value=True)), on=whose, how="left", maintain_order="left")
    theirs = pl.col("beside").fill_null(value=False) & (pl.col("table") == "stays") & (pl.col("outcome") == "set_aside")
    unclear = theirs & ~pl.col("good")
    return found.with_columns(
        outcome=pl.when(unclear).then(pl.lit("unscored")).otherwise("outcome"), good=pl.when(~unclear).then("good")
    )


def summary(scored: pl.DataFrame) -> pl.DataFrame:
    """Return by class and form how many faults were planted, what became of them, and how many as is expected."""
    counts = [(pl.col("outcome") == name).sum().cast(pl.Int64).alias(name) for name in OUTCOMES]
    named = scored.group_by("class", "form", "expect").agg(
        pl.len().cast(pl.Int64).alias("planted"), *counts, pl.col("good").sum()
    )
    return named.sort("class", "form")


def _outcome() -> pl.Expr:
    there, was = (pl.col(name).fill_null(0) > 0 for name in ("dirty_rows", "clean_rows"))
    added = pl.col("record") >= ADDED
    refused = pl.col("reason").is_not_null()
    marks = (pl.col("before") == "") & (pl.col("now") == "")  # of what the truth did itself: it may bear a fault too
    twice = pl.len().over("site", "stream", "person", "form", "now") > 1
    alike = twice & (pl.col("now") != "")  # two rows that say the same now
    cases = {
        "unscored": pl.col("key").is_null() | (marks & ((pl.len().over(WHERE) > 1) | (there & refused))),
        "merged": (was & ~there & ~refused & alike) | added & ((~there & ~refused) | pl.col("stands_in")),
        "set_aside": (~there & refused) | (there & pl.col("empty")),
        "kept": added,
        "gone": ~there & (pl.col("now") == "") & (pl.col("before") == "row"),
        "lost": was & ~there,
        "told": pl.col("altered") & pl.col("marked"),
        "altered": pl.col("altered"),
    }
    rest = (
        pl.when(pl.col("emptied") | (there & refused & ~marks)).then(pl.lit("set_aside")).otherwise(pl.lit("repaired"))
    )
    return pl.coalesce(*(pl.when(when.fill_null(value=False)).then(pl.lit(name)) for name, when in cases.items()), rest)


def _origin() -> pl.Expr:
    """Return the key of the row that a row was copied from, its own where it was not."""
    copied = ((pl.col("record") - ADDED) // _COPIES).cast(pl.String)
    return pl.when(pl.col("record") >= ADDED).then(copied).otherwise("key")


def _rows(clean: Aligned, dirty: Aligned) -> pl.DataFrame:
    """Return by source row whether the rows made of it stand in both models and say the same."""
    names = [name for name in omop_fields() if name not in ("person", "observation_period")]
    parts = pl.concat([_compared(name, clean, dirty) for name in names])
    return (
        parts.group_by("stream", "key")
        .agg(
            pl.col("clean_rows", "dirty_rows").sum(),
            pl.col("altered", "emptied", "marked").any(),
            empty=pl.col("empty").filter(pl.col("dirty_rows") > 0).all(),
        )
        .with_columns(site=pl.lit(clean.site))
    )


def _compared(table: str, clean: Aligned, dirty: Aligned) -> pl.DataFrame:
    """Return row by row of the model how that of the dirty records differs from that of the clean ones."""
    fields = {name: field.kind for name, field in omop_fields()[table].items() if _says(name)}
    both = [
        part.cdm.table(table).select("_key", pl.col("_source", "_source_key"), *fields).collect()
        for part in (clean, dirty)
    ]
    joined = both[0].join(both[1], on="_key", how="full", coalesce=True, suffix="_now")
    in_both = pl.col("_source").is_not_null() & pl.col("_source_now").is_not_null()
    differ = {name: in_both & ~_same(name, kind) for name, kind in fields.items()}
    filled = {name: pl.col(f"{name}_now").is_not_null() & _known(f"{name}_now", name) for name in fields}
    return joined.select(
        stream=pl.coalesce("_source", "_source_now"),
        key=pl.coalesce("_source_key", "_source_key_now"),
        clean_rows=pl.col("_source").is_not_null().cast(pl.Int64),
        dirty_rows=pl.col("_source_now").is_not_null().cast(pl.Int64),
        altered=pl.any_horizontal(differ[n] & filled[n] & pl.col(n).is_not_null() for n in fields),
        emptied=pl.any_horizontal(differ[n] & ~filled[n] for n in fields)
        | (in_both.not_() & pl.col("_source").is_not_null()),
        marked=_marked(table),
        empty=_empty(table, filled),
    )


def _empty(table: str, filled: Mapping[str, pl.Expr]) -> pl.Expr:
    """Whether a row lost what it is about, or the number that was measured."""
    about = meaning_of(table)
    lost = [filled[about].not_() & _known(about, about)] if about in filled else []
    if table == "measurement":
        lost.append(pl.col("value_as_number").is_not_null() & ~filled["value_as_number"])
        lost.append(pl.col("_source").is_null() & ~filled["value_as_number"] & ~filled["value_as_concept_id"])
    if about in filled:
        lost.append(pl.col("_source").is_null() & ~filled[about])
    return pl.any_horizontal(lost) if lost else pl.lit(value=False)


def _says(name: str) -> bool:
    return not name.endswith(("_source_value", "_type_concept_id")) and (
        not name.endswith("_id") or name.endswith("concept_id")
    )


def _known(column: str, name: str) -> pl.Expr:
    return pl.col(column) != 0 if name.endswith("concept_id") else pl.lit(value=True)


def _same(name: str, kind: str) -> pl.Expr:
    now = pl.col(f"{name}_now")
    same = pl.col(name).eq_missing(now)
    if kind != "float":
        return same
    return same | ((pl.col(name) - now).abs() <= _CLOSE * pl.col(name).abs()).fill_null(value=False)


def _marked(table: str) -> pl.Expr:
    if table == "measurement":
        return pl.col("operator_concept_id_now").is_not_null()
    return pl.col("days_supply_now").is_null() if table == "drug_exposure" else pl.lit(value=False)
