# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Fault F8 in files: whatever a hospital changes in an export is refused or set aside, and nothing is bent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rwe.cli.app import main
from rwe.store import Store
from synthetic.rows import rows

SITE = """\
site: ward
title: {en: Ward, bg: Отделение}
connector: files
url: file://FOLDER
mapping: mapping
page_rows: 1000
options: {quiet_seconds: 0}
"""
SOURCE = """\
source: ward
streams:
  dose:
    table: dose-*.csv
    key: row_id
    columns:
      patient_no: {type: text, role: person}
      given_on: {type: date}
      medicine: {type: text}
      amount: {type: number}
      unit: {type: text, unit: true}
  stay:
    table: stay-*.csv
    key: row_id
    options: {encoding: windows-1251, separator: ;, timestamp_format: "%d.%m.%Y %H:%M"}
    columns:
      patient_no: {type: text, role: person}
      admitted_at: {type: timestamp}
      ward: {type: text}
"""
FIRST = 2_000


def _doses(first: int) -> pl.DataFrame:
    return rows("dose", FIRST, first=first, people=60)


def _comma(doses: pl.DataFrame) -> pl.DataFrame:
    return doses.with_columns(pl.col("amount").cast(pl.String).str.replace(".", ",", literal=True))


def _grams(doses: pl.DataFrame) -> pl.DataFrame:
    return doses.with_columns(pl.col("amount") / 1_000, pl.lit("g").alias("unit"))


def _plain(doses: pl.DataFrame) -> bytes:
    return doses.write_csv().encode()


FAULTS: dict[str, tuple[Callable[[pl.DataFrame], bytes], str]] = {
    "dropped": (lambda d: _plain(d.drop("amount")), "column 'amount' was there and is not"),
    "renamed": (lambda d: _plain(d.rename({"amount": "amount_mg"})), "was it renamed to 'amount_mg'?"),
    "text": (lambda d: _plain(d.with_columns(pl.lit("две").alias("amount"))), "amount: 1000 of 1000 values are not"),
    "decimal comma": (lambda d: _plain(_comma(d)), "amount: 1000 of 1000 values are not of type number"),
    "code page": (lambda d: _plain(d.with_columns(medicine=pl.lit("Ъ"))).decode().encode("cp1251"), "are not utf-8"),
    "unit": (lambda d: _plain(_grams(d)), "unit(s) of measure never seen before"),
    "unit untold": (lambda d: _plain(_grams(d).with_columns(unit=pl.lit("mg"))), "times smaller than before"),
}


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Return a folder of a hospital that dropped its first files."""
    (tmp_path / "mapping").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "site.yaml").write_text(SITE.replace("FOLDER", str(tmp_path / "in")), "utf-8")
    (tmp_path / "mapping" / "source.yaml").write_text(SOURCE, "utf-8")
    (tmp_path / "in" / "dose-1.csv").write_bytes(_plain(_doses(0)))
    _drop_stays(tmp_path, 1)
    return tmp_path


def _drop_stays(ward: Path, number: int) -> None:
    stays = rows("stay", 50, first=50 * (number - 1), people=60).select("row_id", "patient_no", "admitted_at", "ward")
    text = stays.write_csv(separator=";", datetime_format="%d.%m.%Y %H:%M")
    (ward / "in" / f"stay-{number}.csv").write_bytes(text.encode("windows-1251"))


def _extract(ward: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, object]]]:
    capsys.readouterr()
    code = main(["extract", str(ward / "site.yaml"), "--home", str(ward / "home"), "--json"])
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {event["stream"]: event for event in events if event["event"] == "stream"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_changed_export_is_not_landed_and_the_other_stream_goes_on(
    fault: str, ward: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, told = FAULTS[fault]
    assert _extract(ward, capsys)[0] == 0
    (ward / "in" / "dose-2.csv").write_bytes(spoil(_doses(FIRST)))
    _drop_stays(ward, 2)

    code, streams = _extract(ward, capsys)
    landed = Store(ward / "home" / "store").table("ward/landing/dose").current().collect()

    assert code == 3
    assert told in str(streams["dose"]["fault"])
    assert (streams["stay"]["new"], streams["stay"]["fault"]) == (50, "")
    assert landed.height == FIRST
    assert landed["amount"].sort().equals(_doses(0)["amount"].sort())


def test_the_mended_export_lands_in_its_place(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _extract(ward, capsys)
    (ward / "in" / "dose-2.csv").write_bytes(_plain(_comma(_doses(FIRST))))
    _extract(ward, capsys)
    (ward / "in" / "dose-2.csv").write_bytes(_plain(_doses(FIRST)))

    code, streams = _extract(ward, capsys)

    assert (code, streams["dose"]["new"], streams["dose"]["fault"]) == (0, FIRST, "")
