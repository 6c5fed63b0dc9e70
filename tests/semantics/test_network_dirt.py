# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Dirt is planted as it is told: each fault stands where its line says, and everything else is as it was."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe.cli.app import main
from rwe.errors import DefinitionError
from synthetic.network.blocks import records, truth
from synthetic.network.dirt import CLASSES, chosen, dirty, plantings
from synthetic.network.dirt.around import Frames
from synthetic.network.dirt.form import TEXT
from synthetic.network.entries import entries

SEED, PERSONS = 5, 3_000
KEY = ["class", "form", "table"]


def block(first: int, n: int) -> Frames:
    found = truth(SEED, first, n)
    return entries(SEED, found["persons"], records(SEED, found["courses"]))


@pytest.fixture(scope="module")
def clean() -> Frames:
    return block(0, PERSONS)


@pytest.fixture(scope="module")
def planted(clean: Frames) -> tuple[Frames, pl.DataFrame]:
    return dirty(SEED, clean, CLASSES)


def test_every_form_is_planted_as_often_as_its_share_says(clean: Frames, planted: tuple[Frames, pl.DataFrame]) -> None:
    counts = {tuple(row[:3]): row[3] for row in planted[1].group_by(KEY).len().iter_rows()}

    assert counts.keys() == {(one.kind, one.form.name, one.form.table) for one in plantings()}
    labs = clean["labs"]
    haemoglobin = labs.filter(pl.col("analyte") == "718-7", pl.col("hospital") == "A").height
    assert counts["labs", "g/dL for g/L", "labs"] / haemoglobin == pytest.approx(0.05, rel=0.2)
    assert counts["labs", "no unit", "labs"] / labs.height == pytest.approx(0.01, rel=0.2)


def test_what_no_line_tells_is_as_it_was(clean: Frames, planted: tuple[Frames, pl.DataFrame]) -> None:
    frames, faults = planted

    for name, table in clean.items():
        told = faults.filter(pl.col("table") == name).select(origin("record"))["record"].implode()
        columns = [column for column in table.columns if column != "patient_no"]  # it follows the patient's row
        quiet = frames[name].filter(~origin("record").is_in(told))
        texts = [column for column in quiet.columns if column.endswith(TEXT)]
        assert_frame_equal(quiet.select(columns), table.filter(~pl.col("record").is_in(told)).select(columns))
        assert sum(quiet[column].count() for column in texts) == 0
        assert frames[name]["record"].is_unique().all()


def origin(record: str) -> pl.Expr:
    """Return the key of the row that a row was copied from, its own where it was not."""
    key = pl.col(record)
    return pl.when(key >= 2**52).then((key - 2**52) // 16).otherwise(key).alias(record)


def test_each_fault_stands_where_its_line_says(clean: Frames, planted: tuple[Frames, pl.DataFrame]) -> None:
    frames, faults = planted
    written = {(one.kind, one.form.name, one.form.table): one.form for one in plantings() if one.form.cells}

    for (kind, name, table), told in faults.partition_by(KEY, as_dict=True).items():
        if (kind, name, table) not in written:
            continue
        cell = next(iter(written[str(kind), str(name), str(table)].cells))
        now = told.join(frames[str(table)], on="record")
        before = told.join(clean[str(table)], on="record")
        column = cell.removesuffix(TEXT)
        shown = now[cell].cast(pl.String).fill_null("").str.slice(0, 80).str.replace_all("\0", "␀", literal=True)
        assert now["now"].to_list() == shown.to_list(), (kind, name)
        if column in before.columns:
            assert before["before"].to_list() == before[column].cast(pl.String).fill_null("").to_list(), (kind, name)


def test_a_row_bears_one_fault_at_most(planted: tuple[Frames, pl.DataFrame]) -> None:
    marks = {(one.kind, one.form.name, one.form.table) for one in plantings() if not one.form.acts}
    named = pl.struct(KEY).map_elements(lambda key: tuple(key.values()) not in marks, return_dtype=pl.Boolean)

    acting = planted[1].filter(named)

    assert acting.select(pl.struct("table", "record").is_unique().all()).item()


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_plants_the_same_with_others_and_alone(
    kind: str, clean: Frames, planted: tuple[Frames, pl.DataFrame]
) -> None:
    alone = dirty(SEED, clean, [kind])[1]

    assert_frame_equal(alone, planted[1].filter(pl.col("class") == kind))


def test_without_a_class_nothing_happens(clean: Frames) -> None:
    frames, faults = dirty(SEED, clean, chosen("none"))

    assert faults.is_empty()
    assert frames is clean


def test_dirt_does_not_hang_on_the_block(planted: tuple[Frames, pl.DataFrame]) -> None:
    parts = [dirty(SEED, block(first, PERSONS // 2), CLASSES) for first in (0, PERSONS // 2)]

    order = ["table", "record", "class", "form"]
    both = pl.concat(faults for _, faults in parts)
    assert_frame_equal(both.sort(order), planted[1].sort(order))
    for name, table in planted[0].items():
        halves = pl.concat([frames[name] for frames, _ in parts])
        assert_frame_equal(halves.sort("record"), table.sort("record"))


def test_everything_of_a_person_follows_a_number_used_again(
    clean: Frames, planted: tuple[Frames, pl.DataFrame]
) -> None:
    frames, faults = planted
    again = faults.filter(pl.col("form") == "hospital's number used again")
    now = again.select("person", "hospital", "now", "before")

    stays = frames["stays"].join(now, on=["person", "hospital"])
    assert stays.height > 0
    assert (stays["patient_no"] == stays["now"]).all()
    assert set(now["now"]) <= set(clean["patients"]["patient_no"])


def test_classes_are_chosen_by_name() -> None:
    assert chosen("all") == CLASSES
    assert chosen("labs, dates") == ("dates", "labs")
    with pytest.raises(DefinitionError, match="no such class of dirt: lab; there are identity, duplicates"):
        chosen("lab")


def test_the_command_plants_and_lists_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["synth", "--out", str(tmp_path / "n"), "--patients", "60", "--dirt", "codes,labs", "--json"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = next(line for line in lines if "tables" in line)
    faults = pl.read_csv(tmp_path / "n" / "faults.csv")
    assert code == 0
    assert faults.height == told["tables"]["faults"] > 20
    assert set(faults["class"]) == {"codes", "labs"}
    assert main(["synth", "--out", str(tmp_path / "m"), "--dirt", "everything"]) == DefinitionError.exit_code
