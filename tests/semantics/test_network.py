# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented network: persons do not depend on each other, and its clean records say the truth."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe.cli.app import main
from rwe.errors import DefinitionError
from rwe.national import national_kinds
from rwe.spec.source import Column
from synthetic.network.blocks import RECORDS, TRUTH, records, truth
from synthetic.network.build import BLOCK, Network
from synthetic.network.latent import NEVER, log_ratio
from synthetic.network.persons import MOST, persons
from synthetic.network.world import PLANTED

SEED = 5


@pytest.fixture(scope="module")
def course() -> pl.DataFrame:
    return truth(SEED, 0, 3_000)["courses"]


@pytest.fixture(scope="module")
def clean(course: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return records(SEED, course)


def test_a_person_is_the_same_whoever_else_is_made(course: pl.DataFrame, clean: dict[str, pl.DataFrame]) -> None:
    some = truth(SEED, 700, 41)

    assert_frame_equal(some["courses"], course[700:741])
    for name, table in records(SEED, some["courses"]).items():
        assert_frame_equal(table, clean[name].filter(pl.col("person").is_between(700, 740)))


def test_one_person_leaves_the_same_columns_as_many(course: pl.DataFrame, clean: dict[str, pl.DataFrame]) -> None:
    for one in course.head(12).iter_slices(1):
        alone = records(SEED, one)

        assert {name: table.schema for name, table in alone.items()} == {n: table.schema for n, table in clean.items()}
        assert sum(table.height for table in alone.values()) > 0 or not one["observed"].item()


def test_neighbouring_seeds_share_nobody(course: pl.DataFrame) -> None:
    other = truth(SEED + 1, 0, 3_000)["courses"]

    exact = ["age", "t_dropout", "t_stop"]  # three whole numbers of thousands of days
    assert course.join(other, on=exact).height <= 1


def test_blocks_only_cut_the_files(tmp_path: Path) -> None:
    small, whole = Network("network", block=120), Network("network")
    small.write(tmp_path / "small", 300, SEED)
    whole.write(tmp_path / "whole", 300, SEED)
    small.write(tmp_path / "fewer", 200, SEED)

    for name in (*TRUTH, *RECORDS):
        kind = "truth" if name in TRUTH else "records"
        parts = [tmp_path / "small" / kind / name / f"part-{i:05d}.parquet" for i in range(3)]
        one = pl.read_parquet(tmp_path / "whole" / kind / name / "part-00000.parquet")
        assert_frame_equal(pl.concat(pl.read_parquet(part) for part in parts), one)
        assert parts[0].read_bytes() == (tmp_path / "fewer" / kind / name / parts[0].name).read_bytes()
        assert one["synthetic"].all()


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@pytest.mark.ci
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_cores(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from synthetic.network.build import NETWORK; "
        f"NETWORK.write(Path(sys.argv[1]), {BLOCK // 4}, {SEED})"
    )
    for threads in ("1", "3"):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / threads)], check=True, env=environment)

    assert digest(tmp_path / "1") == digest(tmp_path / "3")


def test_national_numbers_are_impossible_and_nobody_elses() -> None:
    alike = np.concatenate([np.arange(4_000), np.arange(4_123, MOST, 10_000), np.arange(4_122, MOST, 10_000)])

    people = persons(SEED, alike)

    citizens, foreigners = (people.filter(pl.col("foreigner") == which)["national_no"] for which in (False, True))
    assert people["national_no"].n_unique() == people.height
    assert citizens.str.slice(2, 2).cast(pl.Int64).is_between(61, 72).all()
    column = {"national_no": Column(type="text", role="national_id")}
    assert set(national_kinds(foreigners.to_frame(), column)) == {"foreigner"}
    assert 0.5 < foreigners.len() / people.height / PLANTED.foreigners < 2


def test_latent_days_follow_the_planted_hazards(course: pl.DataFrame) -> None:
    plain = [one for one in PLANTED.hazards if one.disease and not one.cured and not one.delay_days]
    for hazard, day in product(plain, (300, 3_000)):
        mine = course.filter(pl.col("disease") == hazard.disease)
        happens = -np.expm1(-((day / hazard.scale_days) ** hazard.shape) * np.exp(log_ratio(hazard, mine)))

        share = (mine[f"t_{hazard.outcome}"].fill_null(NEVER) <= day).mean()

        assert abs(share - happens.mean()) < 4 * np.sqrt((happens * (1 - happens)).mean() / mine.height)


def test_twins_share_birthday_and_disease_and_nothing_that_is_theirs_alone() -> None:
    tables = truth(SEED, 0, 20_000)
    people = tables["persons"].join(tables["courses"].select("person", "disease"), on="person")

    twins = people.filter(pl.col("twin_of").is_not_null()).join(people, left_on="twin_of", right_on="person")

    assert 0.6 < twins.height / people.height / PLANTED.twins < 1.4
    assert (twins["born"] == twins["born_right"]).all()
    assert (twins["disease"] == twins["disease_right"]).all()
    assert (twins["national_no"] != twins["national_no_right"]).all()


def test_one_medicine_meets_its_margin_and_one_misses_it() -> None:
    assert [PLANTED.meets(margin) for margin in PLANTED.margins] == [True, False]


def test_a_folder_with_something_in_it_and_too_many_patients_are_refused(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("mine")

    with pytest.raises(DefinitionError, match="is there already"):
        Network("network").write(tmp_path, 10, SEED)
    with pytest.raises(DefinitionError, match="3,650,000"):
        Network("network").write(tmp_path / "new", MOST + 1, SEED)
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]


def test_the_command_writes_truth_records_and_what_was_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "network"

    code = main(["synth", "--patients", "150", "--seed", "3", "--out", str(out), "--json"])

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    planted = json.loads((out / "planted.json").read_text("utf-8"))
    network = next(line for line in told if line["event"] == "network")
    assert code == told[-1]["code"] == 0
    assert planted["synthetic"] is network["synthetic"] is True
    assert planted["rows"] == network["tables"]
    assert network["tables"]["persons"] == pl.scan_parquet(out / "truth/persons").collect().height == 150
    assert [hazard["model"]["event"] for hazard in planted["hazards"]].count("competed") == 2
