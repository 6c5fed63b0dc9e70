# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The manifest says what a run was made of, notices any change, and gives away neither place nor person."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
from pathlib import Path

import pytest

from rwe import provenance
from rwe.errors import DataError, TornStore


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "r1"
    (folder / "release").mkdir(parents=True)
    (folder / "release" / "cox.json").write_text("{}", "utf-8")
    (folder / "4-analyse").mkdir()
    (folder / "4-analyse" / "cox.csv").write_text("a,b\n", "utf-8")
    study = tmp_path / "study.yaml"
    study.write_text("study: s\n", "utf-8")
    provenance.write_manifest(folder, [study], {"run_id": "r1", "study": "s"})
    return folder


def test_hashes_of_data_configuration_and_code(run: Path) -> None:
    found = provenance.read_manifest(run)

    assert set(found["files"]) == {"release/cox.json", "4-analyse/cox.csv"}
    assert found["files"]["release/cox.json"]["sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert found["configuration"][0]["sha256"] == hashlib.sha256(b"study: s\n").hexdigest()
    assert {"rwe", "connectors", "analyses", "synthetic", "commit"} == set(found["code"])
    assert {"rwe-engine", "polars", "numpy", "pyarrow"} <= set(found["packages"])
    assert (found["run_id"], found["study"]) == ("r1", "s")


def test_no_place_and_no_person(run: Path) -> None:
    text = (run / "manifest.json").read_text("utf-8")

    words = {getpass.getuser(), platform.node(), str(run.parent), str(Path.home())}
    values = [value for value in _texts(json.loads(text)) if value.startswith(("/", "~")) or ":\\" in value]
    assert values == []
    assert not [word for word in words if f'"{word}' in text or f"/{word}/" in text]


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in [key, *_texts(item)]]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else [str(value)]


def test_an_untouched_run_is_whole(run: Path) -> None:
    provenance.verify(run)


@pytest.mark.parametrize("harm", ["changed", "removed", "added"])
def test_any_difference_is_named(run: Path, harm: str) -> None:
    file = run / "release" / "cox.json"
    if harm == "removed":
        file.unlink()
    elif harm == "changed":
        file.write_text("[]", "utf-8")
    else:
        (run / "release" / "later.json").write_text("{}", "utf-8")

    with pytest.raises(TornStore, match=r"1 file\(s\) of r1 .*release/"):
        provenance.verify(run)


def test_only_a_part_can_be_looked_at(run: Path) -> None:
    (run / "4-analyse" / "cox.csv").write_text("changed", "utf-8")

    provenance.verify(run, "release/")


@pytest.mark.parametrize(("text", "error"), [(None, DataError), ('{"files": {', TornStore)])
def test_no_manifest_and_half_a_manifest(run: Path, text: str | None, error: type[DataError]) -> None:
    path = run / "manifest.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text, "utf-8")

    with pytest.raises(error, match="run the study again"):
        provenance.verify(run)
