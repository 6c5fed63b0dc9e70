# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The manifest of a run: hashes of data, definitions, code and packages; and one changed byte is found."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from rwe import pipeline, plugins, provenance
from rwe.errors import TornStore
from rwe.pipeline.planning import load_plan
from rwe.store import Store

HOSPITAL = plugins.hospital("breast")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def manifest(demo: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((demo.summary.folder / "manifest.json").read_text("utf-8"))
    return found


def test_every_file_of_the_run_stands_in_it_with_its_hash(demo: Any, manifest: dict[str, Any]) -> None:
    folder = demo.summary.folder
    there = {
        p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"
    }

    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == {
        n: sha256(p) for n, p in there.items()
    }
    assert {name.partition("/")[0] for name in there} >= {"1-extract", "2-harmonise", "release", "report"}
    provenance.verify(folder)


def test_every_definition_stands_in_it_with_its_hash(manifest: dict[str, Any]) -> None:
    plan = load_plan(HOSPITAL.study)

    names = {entry["name"]: entry["sha256"] for entry in manifest["configuration"]}
    assert names == {path.name: sha256(path) for path in plan.files}
    assert {"breast_hormonal.yaml", "rotterdam.yaml", "fields.csv", "gbsg.yaml", "hormonal_breast.yaml"} <= set(names)
    assert manifest["config_hash"] == plan.hash()


def test_data_stand_in_it_by_commit_and_in_the_dossier_by_the_seal(demo: Any, manifest: dict[str, Any]) -> None:
    store, told = (
        Store(demo.home / "store"),
        json.loads((demo.summary.folder / "release/context.json").read_text("utf-8")),
    )

    assert manifest["data"].keys() == told["provenance"]["data"].keys()
    for name, read in manifest["data"].items():
        site, _, stream = name.partition("/")
        newest = store.table(f"{site}/landing/{stream}").seals()[-1]
        assert read == {"commit": newest.commit, "log_sha256": newest.log_sha256}
        assert told["provenance"]["data"][name]["commit"] == newest.commit
        assert told["provenance"]["data"][name]["sha256"] == newest.files[-1].sha256
        assert told["provenance"]["seals"][name] == newest.log_sha256
        file = demo.home / "store" / site / "landing" / stream / newest.files[-1].path
        assert sha256(file) == newest.files[-1].sha256


def test_code_and_packages_stand_in_it(manifest: dict[str, Any]) -> None:
    assert {"rwe", "connectors", "analyses", "synthetic"} <= set(manifest["code"])
    assert all(len(manifest["code"][name]) == 64 for name in ("rwe", "connectors", "analyses", "synthetic"))
    assert {"polars", "numba", "mlflow", "pyarrow"} <= set(manifest["packages"])
    assert manifest["packages"]["polars"] == version("polars")
    assert set(manifest["platform"]) == {"python", "system", "machine"}


def test_the_manifest_names_no_place_of_this_machine(demo: Any) -> None:
    text = (demo.summary.folder / "manifest.json").read_text("utf-8")

    assert str(demo.home) not in text
    assert str(Path.home()) not in text


@pytest.mark.parametrize("name", ["release/01-attrition.csv", "release/context.json", "release/model/cox.json"])
def test_one_changed_byte_outside_is_found_before_a_report_is_written(demo: Any, tmp_path: Path, name: str) -> None:
    run = Path(shutil.copytree(demo.summary.folder, tmp_path / "runs" / "r1"))
    data = bytearray((run / name).read_bytes())
    data[len(data) // 2] ^= 1
    (run / name).write_bytes(data)

    with pytest.raises(TornStore, match=f"1 file.s. of r1 are not those of its manifest: {name}"):
        pipeline.report("r1", tmp_path, ["en"])


def test_a_whole_run_is_reported_again_to_the_byte(demo: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(demo.summary.folder, tmp_path / "runs" / "r1"))
    before = (run / "report" / "dossier.bg.html").read_bytes()

    (path,) = pipeline.report("r1", tmp_path, ["bg"])

    assert path.read_bytes() == before
    provenance.verify(run)
