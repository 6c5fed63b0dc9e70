# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Late, corrected, deleted, merged and un-merged records: what was known stays, and which rows differ is said."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rwe.errors import DataError
from rwe.store import Store, Table
from rwe.store.history import between, history

DAY = date(2026, 3, 1)


def _rows(*rows: tuple[str, str | None, int, str]) -> pl.DataFrame:
    """Return rows of (key, person, days before `DAY`, what was found)."""
    made = [{"_key": k, "person_token": p, "seen_on": DAY - timedelta(days=back), "found": f} for k, p, back, f in rows]
    schema = {"_key": pl.String, "person_token": pl.String, "seen_on": pl.Date, "found": pl.String}
    return pl.DataFrame(made, schema=schema)


def _hospital(root: Path) -> Table:
    table = Store(root).table("site/landing/visit")
    table.append(_rows(("1", "a", 3, "x"), ("2", "b", 2, "x"), ("3", "b", 1, "x"), ("4", "c", 0, "x")), batch="1")
    return table


def _said(table: Table, as_of: int | datetime | None = None) -> bytes:
    """Return the state of a table as the bytes of a csv."""
    return table.current(as_of).sort("_key").collect().write_csv().encode()


CASES = {
    "new": _rows(("5", "d", -1, "y")),
    "late": _rows(("5", "a", 200, "y")),
    "corrected": _rows(("1", "a", 3, "z")),
    "deleted": _rows(("3", "b", 1, "x")).with_columns(_op=pl.lit("delete")),
    "merged": _rows(("2", "a", 2, "x"), ("3", "a", 1, "x")),
}
CHANGED = {"new": ["5"], "late": ["5"], "corrected": ["1"], "deleted": ["3"], "merged": ["2", "3"]}


@pytest.mark.parametrize("kind", CASES)
def test_the_old_state_is_byte_identical_and_the_new_one_differs_by_exactly_these_rows(
    tmp_path: Path, kind: str
) -> None:
    table = _hospital(tmp_path)
    before, known = _said(table), datetime.fromisoformat(table.seals()[0].utc)

    table.append(CASES[kind], batch="2")

    assert _said(table, 1) == _said(table, known) == before
    old, new = ({line.split(b",")[0]: line for line in text.splitlines()} for text in (before, _said(table)))
    assert sorted(key.decode() for key in old.keys() | new.keys() if old.get(key) != new.get(key)) == CHANGED[kind]
    assert between(table, 1, 2).rows() == [(key, kind) for key in CHANGED[kind]]
    assert {name: n for name, n in history(table)[1].counts.items() if n} == {kind: len(CHANGED[kind])}


def test_a_merger_taken_back_is_told_and_leaves_the_first_state(tmp_path: Path) -> None:
    table = _hospital(tmp_path)
    first = table.current().select("_key", "person_token", "seen_on", "found").sort("_key").collect()
    table.append(CASES["merged"], batch="2")
    merged = _said(table)

    table.append(_rows(("2", "b", 2, "x"), ("3", "b", 1, "x")), batch="3")

    assert history(table)[2].counts["unmerged"] == 2
    assert _said(table, 2) == merged
    assert between(table, 1, 3).is_empty()
    assert table.current().select(first.columns).sort("_key").collect().equals(first)


def test_a_correction_that_gives_one_row_to_somebody_else_is_no_merger(tmp_path: Path) -> None:
    table = _hospital(tmp_path)

    table.append(_rows(("2", "a", 2, "x")), batch="2")

    assert history(table)[1].counts["corrected"] == 1


def test_a_key_that_came_back_is_new_and_one_that_went_twice_went_once(tmp_path: Path) -> None:
    table = _hospital(tmp_path)
    table.append(CASES["deleted"], batch="2")
    table.append(_rows(("3", "b", 1, "x")), batch="3")
    table.append(CASES["deleted"], batch="4")

    kinds = [[name for name, n in told.counts.items() if n] for told in history(table)]
    assert kinds == [["new"], ["deleted"], ["new"], ["deleted"]]


def test_what_several_commits_did_is_told_as_one_change(tmp_path: Path) -> None:
    table = _hospital(tmp_path)
    for n, kind in enumerate(["corrected", "late", "deleted"]):
        table.append(CASES[kind], batch=str(n + 2))

    assert between(table, 1, 4).rows() == [("1", "corrected"), ("3", "deleted"), ("5", "late")]
    assert between(table, 1, 4, late_days=300)["class"].to_list() == ["corrected", "deleted", "new"]
    with pytest.raises(DataError, match="no commit 9"):
        between(table, 1, 9)


def test_rows_of_the_common_model_are_told_apart_too(tmp_path: Path) -> None:
    table = Store(tmp_path).table("site/cdm/visit", partition_by="bucket")
    rows = pl.DataFrame({"_key": ["1", "2"], "person_id": [7, 8], "bucket": [0, 1]})
    table.append(rows, batch="1", whole=True)
    table.append(rows.with_columns(person_id=pl.lit(7, pl.Int64), bucket=pl.lit(0, pl.Int64)), batch="2", whole=True)

    assert history(table)[1].counts["merged"] == 1


def test_a_table_without_people_or_days_has_a_history(tmp_path: Path) -> None:
    table = Store(tmp_path).table("t")
    table.append(pl.DataFrame({"_key": ["1", "1"], "x": [1, 2]}), batch="1")
    table.append(pl.DataFrame({"_key": ["1"], "x": [1]}), batch="2")

    assert [[n for n, c in told.counts.items() if c] for told in history(table)] == [["new"], ["corrected"]]
