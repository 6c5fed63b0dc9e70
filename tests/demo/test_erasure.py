# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Somebody of the demonstration hospital is erased: their run is marked, the next one knows them no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from rwe import provenance
from rwe.pipeline import erasure
from rwe.store import Store


@pytest.mark.ci
def test_the_run_is_marked_and_the_next_one_knows_one_person_less(make_demo: Callable[..., Any]) -> None:
    demo = make_demo()
    patients = Store(demo.home / "store").table("rotterdam/landing/patient")
    before = patients.current().sort("_key").collect()
    person = erasure.find([before["person_token"][0]], demo.home)

    done = erasure.erase(person, demo.home)

    assert done.runs == (demo.summary.run_id,)
    assert any("subjects" in name for name in done.files)
    provenance.verify(demo.summary.folder)
    assert provenance.erased(demo.summary.folder)[0]["reference"] == done.reference
    again = demo.again()
    assert patients.current().sort("_key").collect().equals(before[1:])
    assert provenance.erased(again.folder) == []
    for path in [*demo.home.rglob("runs/**/*.csv"), *demo.home.rglob("runs/**/*.parquet")]:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
        ids = set(frame["person_id"].cast(pl.String)) if "person_id" in frame.columns else set()
        assert not ids & set(map(str, person.columns["person_id"]))
