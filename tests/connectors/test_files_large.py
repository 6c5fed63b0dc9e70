# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Five million rows of a file are read in the memory of a part."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from synthetic.rows import pieces

ROWS = 5_000_000
LIMIT_MB = 300  # beyond what the libraries hold once they are imported, which is the machine's affair
READ = """
import json, re, sys
from pathlib import Path
from connectors.files import connect
from rwe.spec.base import Text
from rwe.spec.site import Site
from rwe.spec.source import Source
from synthetic.rows import source

folder, form = Path(sys.argv[1]), sys.argv[2]


def held(line):
    return int(re.search(line + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


before = held("VmRSS")
lab = source("lab").streams["lab"].model_copy(update={"table": "lab.*", "options": {"format": form}})
site = Site(site="big", title=Text(en="Big", bg="Голям"), connector="files", url=f"file://{folder}", mapping=".",
            page_rows=10_000, options={"quiet_seconds": 0})
read = connect(site, Source(source="big", streams={"lab": lab}), folder).read("lab", None)
rows = sum(batch.rows.height for batch in read)
print(json.dumps({"rows": rows, "more": held("VmHWM") - before}))
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the rows, written once; parquet is made of it."""
    path = tmp_path_factory.mktemp("large") / "lab.csv"
    with path.open("wb") as file:
        for number, piece in enumerate(pieces("lab", ROWS, 250_000)):
            piece.write_csv(file, include_header=number == 0, datetime_format="%Y-%m-%d %H:%M:%S")
    return path


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_memory_is_flat(form: str, text: Path, tmp_path: Path) -> None:
    if form == "parquet":
        kinds = {"taken_at": pl.Datetime("us")}
        lines = pl.scan_csv(text, schema_overrides=kinds, low_memory=True)
        lines.sink_parquet(tmp_path / "lab.parquet", row_group_size=100_000)

    command = [sys.executable, "-c", READ, str(text.parent if form == "csv" else tmp_path), form]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert told["rows"] == ROWS
    assert told["more"] < LIMIT_MB
