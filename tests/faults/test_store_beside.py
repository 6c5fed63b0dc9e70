# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two processes at one table: what the other one commits or erases meanwhile is not taken for damage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.errors import TornStore
from rwe.store import Store, Table, opening, table

_APPEND = """
import sys
from pathlib import Path
import polars as pl
from rwe.store import Store
table = Store(Path(sys.argv[1])).table("t")
first = table.commit
for n in range(first, first + int(sys.argv[2])):
    rows = pl.DataFrame({"_key": [str(n)], "person_token": [f"p{n}"]})
    table.append(rows, batch=f"b{n}")
"""
_ERASE = """
import sys
from pathlib import Path
from rwe.store import Store
Store(Path(sys.argv[1])).table("t").erase({"person_token": ["p0"]}, "reference")
"""


def _other(program: str, *arguments: object) -> None:
    """Run a program in a process of its own, to its end."""
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, timeout=60)


def _table(root: Path, commits: int = 2) -> Table:
    _other(_APPEND, root, commits)
    return Store(root).table("t")


def _after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], None]) -> None:
    """Let another process act as soon as this one has done something for the first time."""
    real = getattr(owner, name)

    def watched(*arguments: Any) -> Any:
        found = real(*arguments)
        monkeypatch.setattr(owner, name, real)
        act()
        return found

    monkeypatch.setattr(owner, name, watched)


@pytest.mark.ci
def test_commits_that_came_after_the_seals_were_read_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _table(tmp_path)
    _after(monkeypatch, opening, "read_seals", lambda: _other(_APPEND, tmp_path, 3))

    assert ours.rows().collect().height == 5


@pytest.mark.ci
def test_commits_that_came_before_the_seals_were_read_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _table(tmp_path)
    _after(monkeypatch, opening, "newest_commit", lambda: _other(_APPEND, tmp_path, 3))

    assert ours.rows().collect().height == 5


@pytest.mark.ci
def test_files_that_an_erasure_replaced_meanwhile_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _table(tmp_path)
    _after(monkeypatch, table, "look", lambda: _other(_ERASE, tmp_path))

    assert ours.rows().collect()["person_token"].to_list() == ["p1"]


def test_a_file_that_is_gone_without_an_erasure_is_damage(tmp_path: Path) -> None:
    ours = _table(tmp_path)
    next(ours.folder.glob("part-00000001-*")).unlink()

    with pytest.raises(TornStore, match="is gone"):
        ours.rows()


@pytest.mark.ci
def test_who_reads_beside_one_who_appends_never_sees_damage(tmp_path: Path) -> None:
    ours = _table(tmp_path)
    with subprocess.Popen([sys.executable, "-c", _APPEND, str(tmp_path), "150"]) as other:
        seen = []
        while other.poll() is None:
            seen.append(ours.rows().select(pl.len()).collect().item())

    assert seen == sorted(seen)
    assert ours.rows().collect().height == 152
