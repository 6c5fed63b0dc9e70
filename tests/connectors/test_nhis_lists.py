# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Nomenclatures of NHIS are a typed table; a code that no list has is counted and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.nhis import connect
from connectors.nhis_lists import SCHEMA, read_nomenclatures
from rwe.errors import DataError
from rwe.spec.base import Text, read
from rwe.spec.site import Site
from rwe.spec.source import Source
from synthetic.nhis import Node, envelope, messages

SOURCE = read(Path(__file__).parents[2] / "configs/mappings/nhis/source.yaml", Source)


def answer(folder: Path, name: str, *entries: dict[str, Node], number: int = 1, kind: str = "C002") -> None:
    """Save an answer of the nomenclature service."""
    folder.mkdir(exist_ok=True)
    contents: Any = {"nomenclature": {"nomenclatureId": name, "entry": list(entries)}}
    data = envelope(kind, contents, message_id=f"m{number}", created_on="2024-05-01T10:00:00Z", encoding="windows-1251")
    (folder / f"{name}-{number}.xml").write_bytes(data)


def entry(key: str, words: str, **meta: str) -> dict[str, Node]:
    pairs: list[Node] = [{"name": name.replace("_", " "), "value": value} for name, value in meta.items()]
    return {"key": key, "description": words, "meta": pairs}


def test_answers_become_one_table_that_can_be_written(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    answer(lists, "CL075", entry("1", "Изписан", Valid_since_version="1.0.2"), entry("2", "Починал & погребан"))
    answer(lists, "CL001", entry("1", "Мъж", nhif_code="М", Valid_until_version="9"), number=2)

    frame = read_nomenclatures(lists)

    frame.write_parquet(tmp_path / "lists.parquet")
    assert frame.schema == SCHEMA
    assert frame.drop("meta").rows() == [
        ("CL001", "1", "Мъж", None, "9"),
        ("CL075", "1", "Изписан", "1.0.2", None),
        ("CL075", "2", "Починал & погребан", None, None),
    ]
    assert frame["meta"].str.json_path_match("$['nhif code']").to_list() == ["М", None, None]
    assert pl.read_parquet(tmp_path / "lists.parquet").equals(frame)


@pytest.mark.parametrize(
    ("entries", "kind", "said"),
    [
        ([entry("1", "a"), entry("1", "b")], "C002", "different things of one key"),
        ([entry("", "a")], "C002", "no key"),
        ([entry("1", "a")], "C001", "not a C002 answer"),
    ],
)
def test_answers_that_are_none_are_refused(tmp_path: Path, entries: list[Any], kind: str, said: str) -> None:
    answer(tmp_path, "CL075", *entries, kind=kind)

    with pytest.raises(DataError, match=said):
        read_nomenclatures(tmp_path)


def test_codes_that_no_list_has_are_counted_and_land(tmp_path: Path) -> None:
    lists, drops = tmp_path / "lists", tmp_path / "drops"
    answer(lists, "CL075", entry("1", "Изписан"), entry("2", "Преведен"))
    drops.mkdir()
    sent = list(messages(30, corrected=0, cancelled=0))
    for one in sent:
        (drops / one.name).write_bytes(one.data)
    title, options = Text(en="Clinic", bg="Клиника"), {"nomenclatures": "{home}/lists"}
    site = Site(site="c", title=title, connector="nhis", url=drops.as_uri(), mapping=".", options=options)
    connector = connect(site, SOURCE, tmp_path)

    rows = pl.concat(batch.rows for batch in connector.read("hospitalization", None))

    strange = sum(one.stay.outcome not in ("1", "2") for one in sent)
    assert rows.height == 30
    assert strange > 0
    assert connector.session["codes not in list, hospitalization.outcome CL075"] == str(strange)
    connector.close()
