# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The example sites that are read from folders: each opens, and reads nothing from a folder that is empty."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from rwe import plugins
from rwe.spec.base import read
from rwe.spec.site import load_site
from rwe.spec.source import Source

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", ["drops", "hl7v2", "omop"])
def test_an_example_opens_and_reads(name: str, tmp_path: Path) -> None:
    site = load_site(CONFIGS / "sites" / f"{name}.yaml")
    source = read(Path(site.mapping) / "source.yaml", Source)
    (tmp_path / name).mkdir()

    with closing(plugins.connector(site.connector)(site, source, tmp_path)) as connector:
        connector.check()
        told = [batch for stream in connector.streams() for batch in connector.read(stream, None)]

    assert [batch.stream for batch in told] == list(source.streams)
    assert all(batch.rows.is_empty() for batch in told)
