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
from rwe.errors import RweError

if TYPE_CHECKING:
    import polars as pl

    from rwe.selftest.recovered import Recovered
    from rwe.selftest.truth import Seed

ALL = Common()
Studies = Annotated[Path, Parameter(name="STUDY", negative="", help=word("help.truth_studies"))]
Seeds = Annotated[int, Parameter(help=word("help.truth_seeds"), validator=Number(gte=1))]
First = Annotated[int, Parameter(help=word("help.truth_first"))]
Patients = Annotated[int, Parameter(help=word("help.patients"), validator=Number(gte=1))]
Dirt = Annotated[str, Parameter(help=word("help.dirt"))]
Out = Annotated[Path | None, Parameter(help=word("help.out"))]
SHOWN = ("planted", "repaired", "set_aside", "merged", "told", "kept", "gone", "altered", "lost", "unscored", "good")


def truth(
    *studies: Studies,
    seeds: Seeds = 1,
    first_seed: First = 1,
    patients: Patients = 2_000,
    dirt: Dirt = "all",
    out: Out = None,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Tell invented networks to the engine, clean and with planted faults, and hold what it made against the truth."""
    from rwe.pipeline.planning import load_plan
    from rwe.selftest.truth import truth as told

    plans = [load_plan(path) for path in studies]
    found: list[Seed] = []
    with apart(common) as folder:
        for one in told(folder, plans, range(first_seed, first_seed + seeds), patients, dirt):
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
    return RweError.exit_code if bad else 0


def _say(voice: Voice, one: Seed) -> None:
    voice.event("seed", seed=one.seed, precision=one.precision, recall=one.recall)
    for line in one.faults.iter_rows(named=True):
        voice.event("fault", seed=one.seed, **line)
    for name, ratios in (("clean", one.clean), ("dirty", one.dirty)):
        for ratio in ratios:
            voice.event("ratio", seed=one.seed, records=name, **asdict(ratio), within=ratio.within)


def _summed(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    named = pl.concat(tables).group_by("class", "form", "expect").agg(pl.col(SHOWN).sum())
    return named.sort("class", "form")


def _wrong() -> pl.Expr:
    """Whether some faults of a form did not become what they must."""
    import polars as pl

    return pl.col("good") < pl.col("planted") - pl.col("unscored")


def _show(voice: Voice, table: pl.DataFrame, by: Sequence[str]) -> None:
    import polars as pl

    lines = table.group_by(by, maintain_order=True).agg(pl.col(SHOWN).sum()).rows()
    head = [word(f"selftest.head.{name}") for name in (*by, *SHOWN)]
    voice.table([head, *([str(cell) for cell in line] for line in lines)])
    for line in table.filter(_wrong()).iter_rows(named=True):
        voice.say(
            "selftest.form", name=f"{line['class']}: {line['form']}", expect=line["expect"], good=line["good"],
            planted=line["planted"] - line["unscored"],
        )  # fmt: skip


def _ratios(voice: Voice, found: Sequence[Seed]) -> None:
    """Show each planted log hazard ratio beside the means of what was found, and in how many networks it was near."""
    pairs: dict[tuple[str, str], list[tuple[Recovered, Recovered]]] = {}
    for one in found:
        for clean, dirty in zip(one.clean, one.dirty, strict=True):
            pairs.setdefault((clean.study, clean.term), []).append((clean, dirty))
    lines = []
    for (study, term), both in pairs.items():
        sides = list(zip(*both, strict=True))
        means = [f"{sum(one.estimate for one in side) / len(side):.3f}" for side in sides]
        near = [f"{sum(one.within for one in side)}/{len(side)}" for side in sides]
        lines.append([f"{study} {term}", f"{both[0][0].planted:.3f}", means[0], near[0], means[1], near[1]])
    if lines:
        head = ("ratio", "truth", "clean", "near", "dirty", "near")
        voice.table([[word(f"selftest.head.{name}") for name in head], *lines])
    precision, recall = (min(getattr(one, name) for one in found) for name in ("precision", "recall"))
    voice.say("selftest.linked", precision=f"{precision:.4f}", recall=f"{recall:.4f}")


def _write(out: Path, table: pl.DataFrame, found: Sequence[Seed]) -> None:
    import polars as pl

    from rwe.pipeline.files import write_table

    write_table(out.with_suffix(".csv"), table)
    rows = [
        {"seed": one.seed, "records": name, **asdict(ratio), "within": ratio.within}
        for one in found
        for name, ratios in (("clean", one.clean), ("dirty", one.dirty))
        for ratio in ratios
    ]
    write_table(out.with_name(f"{out.stem}-ratios.csv"), pl.DataFrame(rows))
