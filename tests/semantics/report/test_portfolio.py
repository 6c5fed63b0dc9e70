# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The portfolio: every study of a folder, failed ones included, and the gaps pooled as the estimator pools them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import compare as cp
from rwe.errors import DefinitionError
from rwe.portfolio import Outcome, gaps, run_all, studies_of, write

RATIOS = {"a": (1.10, 0.10), "b": (0.80, 0.20), "c": (1.40, 0.15)}


# what failed is said in the language of the page, before what the engine said of it
FAILED = {
    "en": ("d: a hospital&#39;s system does not answer. Said: the hospital is away", "1 of 4 studies have no hazard"),
    "bg": ("d: система на болница не отговаря. Съобщение: the hospital is away", "1 от 4 проучвания нямат отношение"),
}


@pytest.fixture
def runs(tmp_path: Path, make_run: Callable[..., Path]) -> list[Outcome]:
    """Three runs that found different ratios, and one that failed."""
    usual, found = make_run(), []
    for name, (ratio, error) in RATIOS.items():
        folder = tmp_path / "runs" / name
        (folder / "release").mkdir(parents=True)
        for file in (usual / "release").glob("*.json"):
            (folder / "release" / file.name).write_bytes(file.read_bytes())
        _replace(folder / "release", ratio, error)
        found.append(Outcome(tmp_path / f"{name}.yaml", name, folder, 0))
    return [*found, Outcome(tmp_path / "d.yaml", "d", None, 4, "the hospital is away")]


def _replace(release: Path, ratio: float, error: float) -> None:
    """Put another hazard ratio into the released comparison."""
    (path,) = release.glob("*trial_comparison.json")
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    for row in rows:
        if row["estimand"] == "hazard_ratio" and row["stratum"] == "raked":
            low, high = ratio * math.exp(-1.96 * error), ratio * math.exp(1.96 * error)
            row |= {"estimate": ratio, "std_error": error, "conf_low": low, "conf_high": high, "masked": ""}
    path.write_text(json.dumps(rows), "utf-8")


def test_each_study_has_its_row_and_the_ratios_are_pooled(runs: list[Outcome]) -> None:
    found = gaps(runs)

    assert found.table["study"].to_list() == ["a", "b", "c", "d"]
    assert found.table["status"].to_list() == ["done", "done", "done", "the hospital is away"]
    assert found.table["exit_code"].to_list() == [0, 0, 0, 4]
    assert found.table["hazard_ratio"].to_list() == [1.10, 0.80, 1.40, None]
    logs, errors = [math.log(r) for r, _ in RATIOS.values()], [e for _, e in RATIOS.values()]
    wanted = cp.pool(logs, errors)
    assert found.pooled is not None
    assert (found.pooled.estimate, found.pooled.pred_low) == (wanted.estimate, wanted.pred_low)
    assert found.notes == ("1 of 4 studies have no hazard ratio to pool",)


def test_one_study_is_not_pooled_and_says_so(runs: list[Outcome]) -> None:
    found = gaps(runs[:1])

    assert found.pooled is None
    assert found.notes == ("fewer than two studies: nothing is pooled",)


def test_the_page_stands_alone_in_both_languages(runs: list[Outcome], tmp_path: Path) -> None:
    paths = write(gaps(runs), tmp_path / "out", ("en", "bg"))

    assert [path.name for path in paths] == [
        "portfolio.csv",
        "portfolio.json",
        "portfolio.en.html",
        "portfolio.bg.html",
    ]
    told = json.loads(paths[1].read_text("utf-8"))
    assert told["pooled"]["scale"] == "log hazard ratio"
    assert pl.read_csv(paths[0]).height == 4
    for path in paths[2:]:
        page = path.read_text("utf-8")
        assert page.count("<svg") == 2
        assert "the hospital is away" in page
        assert all(text in page for text in FAILED[path.name.split(".")[1]])
        assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_study_without_a_ratio_says_why_in_the_language_of_the_page(runs: list[Outcome], tmp_path: Path) -> None:
    (path,) = (runs[0].folder / "release").glob("*trial_comparison.json")
    path.write_text(json.dumps([r for r in json.loads(path.read_text("utf-8")) if r["outcome"] != "rfs"]), "utf-8")

    page = write(gaps(runs[:1]), tmp_path / "out", ("bg",))[-1].read_text("utf-8")

    assert "не се сравнява с изпитване" in page
    assert "нищо не се обобщава" in page
    assert "Съобщение" not in page


def test_a_folder_without_studies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("site: a\n", "utf-8")

    with pytest.raises(DefinitionError, match="holds no study"):
        studies_of(tmp_path)
    with pytest.raises(DefinitionError, match="no such folder"):
        studies_of(tmp_path / "nowhere")


@pytest.mark.ci
def test_a_study_that_cannot_be_read_stops_none_of_the_others(tmp_path: Path) -> None:
    for name, text in (("a", "study: [\n"), ("b", "study: b\nversion: 1\n"), ("c", "agreement: c\n")):
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")

    outcomes = sorted(run_all(studies_of(tmp_path), tmp_path / "home"), key=lambda one: one.study)

    assert [(one.study, one.exit_code, one.folder) for one in outcomes] == [("a", 2, None), ("b", 2, None)]
    assert all(one.reason for one in outcomes)
