# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""One run of the demonstration study, shared by the tests of a session; and the registry's own file beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe import pipeline, plugins
from rwe.result import LABELS, SCHEMA
from synthetic.breast_rows import REGISTRY

HOSPITAL = plugins.hospital("breast")


@dataclass(frozen=True)
class Demo:
    """A home with a finished run."""

    home: Path
    url: str
    summary: pipeline.RunSummary

    def again(self, **how: Any) -> pipeline.RunSummary:
        """Run the study once more in the same home."""
        return run(self.home, self.url, **how)

    def exact(self, name: str, stage: str = "4-analyse") -> pl.DataFrame:
        """Return an exact result of the run, before release."""
        table = pl.read_csv(self.summary.folder / stage / f"{name}.csv", schema=SCHEMA)
        return table.with_columns(pl.col(LABELS).fill_null(""))

    def settings(self, name: str, stage: str = "4-analyse") -> dict[str, Any]:
        """Return the settings of a result."""
        found: dict[str, Any] = json.loads((self.summary.folder / stage / f"{name}.settings.json").read_text("utf-8"))
        return found


def run(home: Path, url: str, **how: Any) -> pipeline.RunSummary:
    """Run the demonstration study on the hospital at `url`."""
    return pipeline.run(how.pop("study", HOSPITAL.study), home=home, site_urls={HOSPITAL.site: url}, **how)


@pytest.fixture(scope="session")
def make_demo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Demo]:
    """Return a maker of homes with a hospital of their own and one finished run."""

    def make(**how: Any) -> Demo:
        home = tmp_path_factory.mktemp("home")
        url = f"sqlite:///{(home / 'hospitals' / 'breast.db').as_posix()}"
        (home / "hospitals").mkdir()
        HOSPITAL.build(url)
        return Demo(home, url, run(home, url, **how))

    return make


@pytest.fixture(scope="session")
def demo(make_demo: Callable[[], Demo]) -> Demo:
    """Return a home with one finished run; tests only read it."""
    return make_demo()


@pytest.fixture(scope="session")
def registry() -> pl.DataFrame:
    """Return the registry straight from its file, in the words of the study, with none of the engine between."""
    raw = pl.read_csv(REGISTRY)
    recurred, died = pl.col("recur") == 1, pl.col("death") == 1
    yes = {0: "no", 1: "yes"}
    return raw.with_columns(
        os_days="dtime",
        os_event=died,
        rfs_days=pl.when(recurred).then("rtime").when(died).then("dtime").otherwise("rtime"),
        rfs_event=recurred | died,
        rfs_check_days="rtime",
        rfs_check_event=recurred | (died & (pl.col("dtime") == pl.col("rtime"))),
        menopause=pl.col("meno").replace_strict({0: "pre", 1: "post"}),
        size=pl.col("size").replace_strict({"<=20": "<=20", "20-50": "21-50", ">50": ">50"}),
        grade=pl.col("grade").cast(pl.String),
        hormonal=pl.col("hormon").replace_strict(yes),
        chemotherapy=pl.col("chemo").replace_strict(yes),
    )


@pytest.fixture(scope="session")
def node_positive(registry: pl.DataFrame) -> pl.DataFrame:
    """Return the registry's node-positive patients."""
    return registry.filter(pl.col("nodes") > 0)


@pytest.fixture(scope="session")
def trial() -> pl.DataFrame:
    """Return the trial straight from its file."""
    return pl.read_csv(REGISTRY.with_name("gbsg.csv"))
