# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A study that names a price file: the chapter of its dossier says what the price page says, in both languages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from rwe.cli.app import main
from rwe.errors import DefinitionError
from rwe.pipeline.planning import load_plan
from tests.demo.conftest import Demo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def priced_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the demonstration study with its price file."""
    folder = tmp_path_factory.mktemp("priced") / "configs"
    shutil.copytree(ROOT / "configs", folder)
    price = folder / "prices" / "breast_hormonal.yaml"
    price.write_text(price.read_text("utf-8").replace("draws: 10000", "draws: 400"), "utf-8")
    study = folder / "studies" / "breast_hormonal.yaml"
    study.write_text(study.read_text("utf-8") + "\nprice: ../prices/breast_hormonal.yaml\n", "utf-8")
    return study


@pytest.mark.ci
def test_the_chapter_says_what_the_price_page_says(demo: Demo, priced_study: Path, tmp_path: Path) -> None:
    summary = demo.again(study=priced_study, run_id="priced")
    code = main(["price", str(priced_study.parents[1] / "prices" / "breast_hormonal.yaml"), "--out", str(tmp_path)])

    assert code == 0
    for lang, told in (("en", "years of life more than"), ("bg", "години живот повече")):
        dossier, page = (path.read_text("utf-8") for path in (summary.dossier[lang], tmp_path / f"price.{lang}.html"))
        chapter = re.search(r'<section id="price".*?</section>', dossier, re.DOTALL)
        assert chapter is not None
        assert told in chapter[0]
        assert chapter[0].count("<svg") == page.count("<svg") == 5
        numbers = set(re.findall(r"<td>([^<]*\d[^<]*)</td>", page))
        assert numbers
        assert all(number in chapter[0] for number in numbers)
    table = pl.read_csv(next((summary.folder / "release").glob("*-price.csv")))
    assert table.filter(estimand="life_years_gained").height == 1
    assert "ratio_death" in table.filter(estimand="evppi")["outcome"].to_list()


def test_a_price_file_that_is_wrong_stops_the_study(priced_study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    shutil.copytree(priced_study.parents[1], folder)
    price = folder / "prices" / "breast_hormonal.yaml"
    price.write_text(price.read_text("utf-8").replace("currency: EUR", "currency: EURO"), "utf-8")

    with pytest.raises(DefinitionError, match=r"breast_hormonal\.yaml:\d+:\d+: currency"):
        load_plan(folder / "studies" / "breast_hormonal.yaml")
