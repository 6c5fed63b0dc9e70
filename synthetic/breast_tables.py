# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the breast hospital, as a hospital system keeps them and no analysis wants them."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()


def _table(name: str, *columns: sa.Column[object]) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("patient_no", sa.String(6), nullable=False, index=name != "patient", unique=name == "patient"),
        *columns,
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
    )


def _text(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.String(length), nullable=False)


def _day(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Date, nullable=False)


TABLES = (
    _table(
        "patient",
        _text("national_no", 10),
        _text("given_name", 40),
        _text("family_name", 40),
        _day("birth_date"),
        _text("sex", 1),
    ),
    _table("surgery", _day("surgery_date"), _text("procedure_code", 10), _text("menopause", 4)),
    _table(
        "pathology",
        _text("report_date", 10),
        _text("size_code", 2),
        _text("grade_code", 2),
        sa.Column("nodes_positive", sa.Integer, nullable=False),
        _text("pgr", 10),
        _text("er", 10),
    ),
    _table("treatment", _day("started_on"), _text("kind_code", 2)),
    _table("contact", _day("contact_date"), _text("kind_code", 3)),
    _table("recurrence", _day("found_on")),
    _table("death", _day("died_on")),
    _table("last_contact", _day("seen_on"), _text("status_code", 1)),
)
