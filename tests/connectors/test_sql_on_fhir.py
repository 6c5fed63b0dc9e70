# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Views flatten as the official SQL-on-FHIR suites say; what does not pass stands in a table with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from connectors.fhir_view import View
from rwe.errors import RweError

SUITES = Path(__file__).parents[1] / "data" / "sql_on_fhir"


def _cases() -> Iterator[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    for path in sorted(SUITES.glob("*.json")):
        suite = json.loads(path.read_text("utf-8"), parse_float=Decimal)
        for case in suite.get("tests", ()) if isinstance(suite.get("tests"), list) else ():
            yield path.stem, suite["resources"], case


def _passes(resources: list[dict[str, Any]], case: dict[str, Any]) -> bool:
    try:
        view = View(case["view"])
        rows = [row for resource in resources for row in view.rows(resource)]
    except RweError:
        return bool(case.get("expectError"))
    if case.get("expectError") or view.columns != case.get("expectColumns", view.columns):
        return False
    return sorted(map(_plain, rows)) == sorted(map(_plain, case["expect"]))


def _plain(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=float)


def test_official_suites_pass_but_for_the_listed_failures() -> None:
    cases = list(_cases())

    failed = [(suite, case["title"]) for suite, resources, case in cases if not _passes(resources, case)]

    listed = pl.read_csv(SUITES / "failures.csv", schema=dict.fromkeys(("suite", "test", "reason"), pl.String))
    assert failed == list(listed.select("suite", "test").iter_rows())
    assert len(cases) == 134
