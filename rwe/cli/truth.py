# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The self test of the whole way: networks whose truth is known, what became of each fault, what was recovered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common, Talk
from rwe.cli.selftest import apart
from rwe.cli.voice import Voice
from rwe.cli.words import word
from rwe.errors import DefinitionError, RweError

if TYPE_CHECKING:
    import polars as pl

    from rwe.selftest.truth import Seed

ALL = Common()
Studies = Annotated[Path, Parameter(name="STUDY", negative="", help=word("help.truth_studies"))]
Seeds = Annotated[int, Parameter(help=word("help.truth_seeds"), validator=Number(gte=1))]
First = Annotated[int, Parameter(help=word("help.truth_first"))]
Patients = Annotated[int, Parameter(help=word("help.patients"), validator=Number(gte=1))]
Dirt = Annotated[str, Parameter(help=word("help.dirt"))]
Each = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.truth_each"))]
Out = Annotated[Path | None, Parameter(help=word("help.out"))]
SHOWN = (
    *("planted", "repaired", "set_aside", "merged", "told", "kept", "gone", "altered", "mixed", "lost"),
    *("undecidable", "unscored", "good"),
)


def truth(
    *studies: Studies,
    seeds: Seeds = 1,
    first_seed: First = 1,
    patients: Patients = 2_000,
    dirt: Dirt = "all",
    each: Each = False,
    out: Out = None,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Tell invented networks to the engine, clean and with planted faults, and hold what it made against the truth."""
    from rwe.pipeline.planning import load_plan
    from rwe.selftest.truth import Trial
    from rwe.selftest.truth import truth as told

    if not studies:
        raise DefinitionError(word("selftest.no_study"))
    trial = Trial([load_plan(path) for path in studies], patients, dirt, each)
    found: list[Seed] = []
    with apart(common) as folder:
        for one in told(folder, trial, range(first_seed, first_seed + seeds)):
            found.append(one)
            _say(voice, one)
            voice.progress("truth", len(found) / seeds)
    table = _summed(one.faults for one in found)
    _show(voice, table, ("class",))
    _ratios(voice, found)
    if out is not None:
        _write(out, table, found)
    bad = table.filter(_wrong()).height
    voice.say("selftest.truth", seeds=seeds, patients=patients, planted=int(table["planted"].sum()), bad=bad)
    return 0 if _linked(voice, found) and _accounted(voice, found) and not bad else RweError.exit_code


def _say(voice: Voice, one: Seed) -> None:
    voice.event(
        "seed", seed=one.seed, precision=one.links.precision, recall=one.links.recall, **asdict(one.links),
        streams=one.rows.height, unaccounted=one.unaccounted,
    )  # fmt: skip
    for line in one.faults.iter_rows(named=True):
        voice.event("fault", seed=one.seed, **line)
    for line in one.ratios.iter_rows(named=True):
        voice.event("ratio", seed=one.seed, **line)


def _summed(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    named = pl.concat(tables).group_by("class", "form", "expect").agg(pl.col(SHOWN).sum())
    return named.sort("class", "form")


def _wrong() -> pl.Expr:
    """Whether some faults of a form did not become what they must."""
    import polars as pl

    return pl.col("good") < _judged()


def _judged() -> pl.Expr:
    import polars as pl

    from rwe.selftest.scored import APART

    return pl.col("planted") - pl.sum_horizontal(APART)


def _show(voice: Voice, table: pl.DataFrame, by: Sequence[str]) -> None:
    import polars as pl

    lines = table.group_by(by, maintain_order=True).agg(pl.col(SHOWN).sum()).rows()
    _table(voice, (*by, *SHOWN), [[str(cell) for cell in line] for line in lines])
    for line in table.filter(_wrong()).with_columns(judged=_judged()).iter_rows(named=True):
        voice.say(
            "selftest.form", name=f"{line['class']}: {line['form']}", expect=line["expect"], good=line["good"],
            planted=line["judged"],
        )  # fmt: skip


def _ratios(voice: Voice, found: Sequence[Seed]) -> None:
    """Show each planted log hazard ratio beside the means of what was found, and in how many networks it was near.

    Where classes were planted alone too: how far each moves the ratios of the clean records, in the mean.
    """
    import polars as pl

    ratios = pl.concat(one.ratios.with_columns(seed=pl.lit(one.seed)) for one in found)
    means = ratios.group_by("study", "term", "planted", "records", maintain_order=True).agg(
        pl.col("estimate").mean(), near=pl.format("{}/{}", pl.col("within").sum(), pl.len())
    )
    sides = [means.filter(pl.col("records") == name) for name in ("clean", "dirty")]
    both = sides[0].join(sides[1], on=["study", "term"], suffix="_dirty")
    names = ("planted", "estimate", "near", "estimate_dirty", "near_dirty")
    lines = [[f"{row['study']} {row['term']}", *(_cell(row[n]) for n in names)] for row in both.iter_rows(named=True)]
    _table(voice, ("ratio", "truth", "clean", "near", "dirty", "near"), lines)
    apart = ratios.join(ratios.filter(pl.col("records") == "clean"), on=["seed", "study", "term"], suffix="_clean")
    moved = apart.filter(~pl.col("records").is_in(["clean", "dirty"])).group_by("records", "study", maintain_order=True)
    moves = moved.agg((pl.col("estimate") - pl.col("estimate_clean")).filter(pl.col("term") == "new").mean())
    _table(voice, ("class", "study", "moved"), [[_cell(cell) for cell in row] for row in moves.rows()])


def _linked(voice: Voice, found: Sequence[Seed]) -> bool:
    """Show how linking did in all networks together; return whether that is enough."""
    from rwe.selftest.scored_links import total

    all_ = total([one.links for one in found])
    voice.say(
        "selftest.linked", precision=f"{all_.precision:.5f}", recall=f"{all_.recall:.5f}", right=all_.right,
        wrong=all_.wrong, missed=all_.missed, apart=all_.apart, apart_right=all_.apart_right, borrowed=all_.borrowed,
    )  # fmt: skip
    return all_.enough


def _accounted(voice: Voice, found: Sequence[Seed]) -> bool:
    """Show in how many streams rows in are rows accepted, merged and rejected; return whether in all."""
    streams, odd = sum(one.rows.height for one in found), sum(one.unaccounted for one in found)
    voice.say("selftest.accounted", streams=streams, rows=sum(one.rows["landed"].sum() for one in found), odd=odd)
    return odd == 0


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _table(voice: Voice, head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    if lines:
        voice.table([[word(f"selftest.head.{name}") for name in head], *lines])


def _write(out: Path, table: pl.DataFrame, found: Sequence[Seed]) -> None:
    import polars as pl

    from rwe.pipeline.files import write_table

    write_table(out.with_suffix(".csv"), table)
    ratios = pl.concat(one.ratios.select(pl.lit(one.seed).alias("seed"), pl.all()) for one in found)
    write_table(out.with_name(f"{out.stem}-ratios.csv"), ratios)
    lines = [{"seed": one.seed, **asdict(one.links), "unaccounted": one.unaccounted} for one in found]
    write_table(out.with_name(f"{out.stem}-links.csv"), pl.DataFrame(lines))
