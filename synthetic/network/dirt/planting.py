# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Planting: each row of a table bears at most one fault, and which one does not hang on what else is planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthetic.network.chance import Chance
from synthetic.network.dirt.form import TEXT, Form

FAULTS = {
    "table": pl.String,
    "hospital": pl.String,
    "record": pl.Int64,
    "key": pl.String,
    "person": pl.Int64,
    "column": pl.String,
    "class": pl.String,
    "form": pl.String,
    "before": pl.String,
    "now": pl.String,
    "expect": pl.String,
}
_ADDED, _COPIES = 2**52, 16  # keys of rows that are added: above all others, sixteen a row at most
_SHOWN = 80  # characters of a value that are told


class Planting:
    """A form with its class, share and what the engine is to make of it: a line of ``forms.csv`` and its meaning."""

    def __init__(self, kind: str, form: Form, share: float, expect: str) -> None:
        self.kind, self.form, self.share, self.expect = kind, form, share, expect

    @property
    def draw(self) -> str:
        """The name of its draws."""
        return f"dirt/{self.form.table}/{self.kind}/{self.form.name}"


def plant(
    seed: int, table: pl.DataFrame, known: Sequence[Planting], classes: frozenset[str]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Plant the forms of some classes into one table.

    Parameters
    ----------
    seed
        Of the network.
    table
        Rows with their surroundings.
    known
        All forms of the table, of all classes: a row is left to the first form that befalls it, so that a class
        plants the same faults with others and without them.
    classes
        Those that are switched on.

    Returns
    -------
    tuple
        The table, and the faults in frames of the shape of `FAULTS`.
    """
    texts = sorted({name for one in known for name in one.form.texts} - set(table.columns))
    table = table.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in texts)
    acting = [one for one in known if one.form.acts]
    place = _places(seed, table, acting)
    parts, faults = [table.filter(pl.Series(place < 0))], _marked(table, known, classes)
    for number, one in enumerate(acting):
        if not (here := place == number).any():
            continue
        rows = table.filter(pl.Series(here))
        if one.kind not in classes:
            parts.append(rows)
            continue
        kept, told = _befall(seed, rows, one)
        parts.append(kept)
        faults.append(told)
    return pl.concat(parts).sort("record", maintain_order=True), faults


def _marked(table: pl.DataFrame, known: Sequence[Planting], classes: frozenset[str]) -> list[pl.DataFrame]:
    """Return what the truth itself made as it is: such a row may bear a fault too."""
    marks = [one for one in known if not one.form.acts and one.kind in classes]
    return [_told(table.filter(one.form.when), one, pl.lit(""), pl.lit("")) for one in marks]


def _places(seed: int, table: pl.DataFrame, known: Sequence[Planting]) -> NDArray[np.int64]:
    """Return the place of the first form that befalls each row, -1 where none does."""
    chance = Chance(seed, table["record"].to_numpy())
    place = np.full(table.height, -1)
    for number, one in reversed(list(enumerate(known))):
        may = table.with_columns(_may=one.form.when.fill_null(value=False))["_may"].to_numpy()
        place[may & chance.happens(one.draw, one.share)] = number
    return place


def _befall(seed: int, rows: pl.DataFrame, one: Planting) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what becomes of the rows, and the faults."""
    chance = Chance(seed, rows["record"].to_numpy())
    drawn = rows.with_columns(
        _a=pl.Series(chance.uniform(f"{one.draw}/a")),
        _b=pl.Series(chance.uniform(f"{one.draw}/b")),
        _nth=pl.lit(0, pl.Int64),
    )
    form = one.form
    if form.gone:
        return rows.clear(), _told(drawn, one, pl.lit("row"), pl.lit(""))
    written = drawn.with_columns(**_own(form.cells, rows.schema)).select(rows.columns)
    if form.again is None:
        return written, _changed(drawn, written, one)
    more = drawn.with_columns(pl.int_ranges(0, form.copies).alias("_nth")).explode("_nth")
    more = more.with_columns(_new=_ADDED + pl.col("record") * _COPIES + pl.col("_nth"))
    added = more.with_columns(record="_new", **_own(form.again, rows.schema))
    both = pl.concat([written, added.select(rows.columns)])
    if form.cells:
        return both, _changed(drawn, written, one)
    return both, _told(added, one, pl.format("again, {}", more["record"]), _shown(form.column, added))


def _own(cells: Mapping[str, pl.Expr], schema: Mapping[str, pl.DataType]) -> dict[str, pl.Expr]:
    return {name: value.cast(schema[name]) for name, value in cells.items()}


def _changed(before: pl.DataFrame, now: pl.DataFrame, one: Planting) -> pl.DataFrame:
    """Return the faults of rows that hold something else now."""
    first = next(iter(one.form.cells))
    told = _told(before, one, _shown(one.form.column, before), _shown(first.removesuffix(TEXT), now))
    differ = [now[name].ne_missing(before[name]) for name in one.form.cells]
    return told.filter(pl.any_horizontal(pl.lit(column) for column in differ))


def _shown(column: str, rows: pl.DataFrame) -> pl.Expr:
    """Return what a cell holds as text: its raw text where it has one."""
    if not column:
        return pl.lit("")
    plain = rows[column].cast(pl.String)
    raw = rows[column + TEXT] if column + TEXT in rows.columns else pl.Series([None], dtype=pl.String)
    shown = pl.coalesce(pl.lit(raw), pl.lit(plain), pl.lit(""))
    return shown.str.slice(0, _SHOWN).str.replace_all("\x00", "\u2400", literal=True)


def _told(rows: pl.DataFrame, one: Planting, before: pl.Expr, now: pl.Expr) -> pl.DataFrame:
    hospital = pl.col("hospital") if "hospital" in rows.columns else pl.lit("")
    return rows.select(
        table=pl.lit(one.form.table),
        hospital=hospital,
        record="record",
        key=key_of(rows, one.form.table, hospital),
        person="person",
        column=pl.lit(one.form.column),
        **{"class": pl.lit(one.kind)},
        form=pl.lit(one.form.name),
        before=before,
        now=now,
        expect=pl.lit(one.expect),
    )


def key_of(rows: pl.DataFrame, table: str, hospital: pl.Expr) -> pl.Expr:
    """Return the key of a row in its house; null where a row of the house holds several of ours."""
    own = pl.col("record").cast(pl.String)
    if table == "diagnoses":
        return pl.when(hospital.is_in(["A", "C"])).then(own)
    if "stay" not in rows.columns or table != "stays":
        return own
    return pl.when(hospital == "D").then(pl.col("stay").cast(pl.String).str.zfill(12)).otherwise(own)
