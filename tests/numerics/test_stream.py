# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Batches hold the rows in their order, cut by their number alone, whatever holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rwe.errors import DefinitionError
from rwe.survival.stream import batches

FRAME = pl.DataFrame({"a": range(1000), "b": [str(i) for i in range(1000)], "c": [0.5] * 1000})


def test_large_row_groups_are_read_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rwe.survival.stream.LARGEST", 200)
    FRAME.write_parquet(tmp_path / "rows.parquet", row_group_size=450)

    found = list(batches(tmp_path / "rows.parquet", ["a", "b"], rows=100))

    assert [part.height for part in found] == [200, 200, 50, 200, 200, 50, 100]
    assert_frame_equal(pl.concat(found), FRAME.select("a", "b"))


@pytest.mark.parametrize("kind", ["frame", "lazy", "filtered", "path", "arrow"])
def test_batches(kind: str, tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "rows.parquet", row_group_size=70)
    held: dict[str, Any] = {
        "frame": FRAME,
        "lazy": FRAME.lazy(),
        "filtered": pl.concat([FRAME, FRAME]).lazy().filter(pl.col("a").is_first_distinct()),
        "path": tmp_path / "rows.parquet",
        "arrow": FRAME.to_arrow(),
    }

    found = list(batches(held[kind], ["b", "a", "b"], rows=300))

    # of a file, whole row groups: they are decoded as a whole anyhow
    assert [part.height for part in found] == ([350, 350, 300] if kind == "path" else [300, 300, 300, 100])
    assert pl.concat(found).equals(FRAME.select("b", "a"))


def test_columns_are_checked() -> None:
    with pytest.raises(DefinitionError, match="no column 'aa'"):
        list(batches(FRAME.lazy(), ["aa"]))
