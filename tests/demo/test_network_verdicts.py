# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Both planted medicines told right by the whole pipeline, seed after seed: from the houses' files to the verdict.

``python -m tests.demo.test_network_verdicts 1 100`` writes the committed table, a row as soon as it is known
(`tests/network_verdicts.csv`, taken on 2026-11-22 at commit 323011a); seeds that stand there are not run again. Of the
shipped studies only the analyses behind their key figures are run, and the dossier is in one language.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from rwe import pipeline
from synthetic.network.build import Network
from synthetic.network.planted import Margin
from synthetic.network.world import PLANTED

ROOT = Path(__file__).parents[2]
TABLE, TRUTH = (ROOT / "tests" / f"network_{name}.csv" for name in ("verdicts", "seeds"))
PATIENTS = 4_000  # of `--synthetic`
ASKED = {"cox_os", "treated"}
SEEDS = 25  # run so far, half a processor minute each; `test_network_seeds` has the truth of 100


def judged(seed: int, folder: Path) -> pl.DataFrame:
    """Return what the pipeline says of each medicine in one network."""
    Network("network").write(folder / "home" / "network", PATIENTS, seed)
    shutil.copytree(ROOT / "configs", folder / "configs")
    return pl.DataFrame([{"seed": seed, "disease": one.disease} | _said(one, folder) for one in PLANTED.margins])


def _said(margin: Margin, folder: Path) -> dict[str, Any]:
    study = folder / "configs" / "studies" / f"network_{margin.disease}.yaml"
    _shorten(study)
    ran = pipeline.run(study, home=folder / "home", lang=("en",), synthetic=True).folder
    settled = json.loads((ran / "6-reimburse" / "settlement.json").read_text("utf-8"))["verdicts"]["benefit_kept"]
    ratio = pl.read_csv(ran / "4-analyse" / "cox_os.csv").filter(estimand="hazard_ratio", stratum="new=yes")
    hazard_ratio, right = ratio["estimate"].item(), PLANTED.meets(margin)
    return {
        "survival": round(settled["estimate"], 5), "threshold": float(settled["threshold"]),
        "verdict": settled["verdict"], "right_by_agreement": settled["verdict"] == ("met" if right else "not_met"),
        "hazard_ratio": round(hazard_ratio, 5),
        "right_by_ratio": (hazard_ratio <= margin.highest_hazard_ratio) == right,
    }  # fmt: skip


def _shorten(study: Path) -> None:
    """Leave of a study's analyses those behind its key figures."""
    content = yaml.safe_load(study.read_text("utf-8"))
    content["analyses"] = [one for one in content["analyses"] if one["id"] in ASKED]
    study.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


def table() -> pl.DataFrame:
    return pl.read_csv(TABLE)


def test_both_medicines_are_told_right_in_at_least_95_percent_of_the_networks() -> None:
    assert set(table()["disease"]) == {one.disease for one in PLANTED.margins}
    for _, mine in table().group_by("disease"):
        assert mine.height >= SEEDS
        assert mine["right_by_agreement"].mean() >= 0.95
        assert mine["right_by_ratio"].mean() >= 0.95


def test_the_pipeline_says_what_the_truth_says() -> None:
    truth = pl.read_csv(TRUTH, infer_schema_length=None).filter(persons=PATIENTS)

    both = table().join(truth, on=["seed", "disease"], suffix="_lived")

    assert both.height == table().height
    assert (both["survival"] - both["survival_lived"]).abs().max() < 1e-5
    assert both["right_by_agreement"].to_list() == both["right_by_agreement_lived"].to_list()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_network_of_the_committed_table_is_judged_again(tmp_path: Path) -> None:
    assert judged(7, tmp_path).rows() == table().filter(seed=7).rows()


def main(first: int, last: int) -> int:
    """Judge the networks of these seeds that the table does not hold yet."""
    for seed in range(first, last + 1):
        held = table() if TABLE.exists() else pl.DataFrame(schema={"seed": pl.Int64})
        if seed in held["seed"]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = judged(seed, Path(folder))
        pl.concat([held, found], how="diagonal_relaxed").sort("seed", "disease").write_csv(TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
