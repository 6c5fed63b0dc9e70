# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Hospital D reports its stays to NHIS: a message H002 each, in one archive a block; the rest it keeps as files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from synthetic.network.houses import words as say
from synthetic.network.houses.cells import Cell, Sheet, wall, words
from synthetic.nhis import NAMESPACE

_PATHWAYS = {"oncology": "P241", "internal": "P078", "neurology": "P062"}
_SHEET = Sheet(
    "stays",
    "stays",
    {
        "record": Cell("record", "key"),
        "patient_no": Cell("patient_no"),
        "number": Cell("stay", "text", pl.col("stay").cast(pl.String).str.zfill(12)),
        "created": Cell("modified", "text", pl.col("modified").dt.to_string("%Y-%m-%dT%H:%M:%SZ")),
        "admitted": Cell("start", "text", wall("start").dt.date().cast(pl.String)),
        "left": Cell("end", "text", wall("end").dt.date().cast(pl.String)),
        "pathway": words("ward", _PATHWAYS),
        "outcome": words("outcome", say.D_OUTCOMES),
        "nights": Cell("nights", "text", (wall("end").dt.date() - wall("start").dt.date()).dt.total_days()),
        "stay": Cell("stay", "integer"),
    },
)
_SUBJECT = Sheet(
    "patients",
    "patients",
    {
        "patient_no": Cell("patient_no"),
        "identifier": Cell("national_no"),
        "kind": Cell(
            "kind", "text", pl.when(pl.col("national_no").str.starts_with("9")).then(pl.lit("2")).otherwise(pl.lit("1"))
        ),
        "born": Cell("born", "text"),
        "gender": words("sex", say.D_SEX),
        "given": Cell("given_name"),
        "family": Cell("family_name"),
    },
)
_DIAGNOSIS = Sheet(
    "diagnoses",
    "diagnoses",
    {
        "stay": Cell("stay", "integer"),
        "code": Cell("icd10"),
        "use": Cell("main", "text", pl.when("main").then(pl.lit("3")).otherwise(pl.lit("4"))),
        "onset": Cell("day", "text"),
    },
)
SYSTEM = "rwe-engine synthetic"
_HEAD = (
    f'<?xml version="1.0" encoding="utf-8"?>\n<nhis:message xmlns:nhis="{NAMESPACE}"><nhis:header>'
    '<nhis:sender value="1"/><nhis:senderId value="2300000000"/>'
    f'<nhis:senderISName value="{SYSTEM}"/><nhis:recipient value="4"/><nhis:recipientId value="NHIS"/>'
)


def write(folder: Path, part: int, entries: Mapping[str, pl.DataFrame], hospital: str) -> dict[str, int]:
    """Write the messages of a block; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = messages(entries, hospital)
    with zipfile.ZipFile(folder / f"h002-{part:05d}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for record, text in rows.iter_rows():
            archive.writestr(zipfile.ZipInfo(f"{record:016d}.xml", (2025, 1, 1, 0, 0, 0)), text)
    return {"H002": rows.height}


def messages(entries: Mapping[str, pl.DataFrame], hospital: str) -> pl.DataFrame:
    """Return ``record`` and ``text`` of each message, in the order in which they were sent."""
    subject = _escaped(_SUBJECT.of(entries, hospital)).unique("patient_no", keep="first", maintain_order=True)
    told = _DIAGNOSIS.of(entries, hospital).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("stay").cast(pl.String)
    )
    told = _escaped(told).select("stay", diagnosis=_element("diagnosis", "code", "use", "rank", onset="onsetDateTime"))
    whole = (
        _escaped(_SHEET.of(entries, hospital))
        .join(told.group_by("stay", maintain_order=True).agg(pl.col("diagnosis").str.join("")), on="stay", how="left")
        .join(subject, on="patient_no", how="left")
        .sort("created", "record")
    )
    return whole.select(
        "record", text=pl.concat_str(_header(), _stay(), _subject(), pl.lit("</nhis:contents></nhis:message>\n"))
    )


def _header() -> pl.Expr:
    identity = pl.concat_str(pl.lit("00000000-0000-4000-8000-"), pl.col("record").cast(pl.String).str.zfill(12))
    parts = (
        _value("messageId", identity),
        pl.lit('<nhis:messageType value="H002"/>'),
        _value("createdOn", pl.col("created")),
    )
    return pl.concat_str(pl.lit(_HEAD), *parts, pl.lit("</nhis:header><nhis:contents>"))


def _stay() -> pl.Expr:
    dead = pl.when(pl.col("outcome") == say.D_OUTCOMES["died"]).then(_value("deceasedDate", pl.col("left")))
    parts = (
        _value("nrnHospitalization", pl.col("number")),
        pl.lit('<nhis:status value="2"/>'),
        _value("clinicalPathway", pl.col("pathway")),
        _value("admissionDate", pl.col("admitted")),
        _value("dischargeDate", pl.col("left")),
        _value("daysHospitalized", pl.col("nights")),
        _value("outcome", pl.col("outcome")),
        dead.fill_null(""),
        pl.col("diagnosis").fill_null(""),
    )
    return pl.concat_str(pl.lit("<nhis:hospitalization>"), *parts, pl.lit("</nhis:hospitalization>"))


def _subject() -> pl.Expr:
    name = _element("name", "given", "family")
    parts = (
        _value("identifierType", pl.col("kind")),
        _value("identifier", pl.col("identifier")),
        _value("birthDate", pl.col("born")),
        _value("gender", pl.col("gender")),
    )
    return pl.concat_str(pl.lit("<nhis:subject>"), *parts, name, pl.lit("</nhis:subject>"))


def _element(name: str, *columns: str, **named: str) -> pl.Expr:
    """Return an element with those below it, each named as its column or as told."""
    below = [_value(column, pl.col(column)) for column in columns]
    below += [_value(tag, pl.col(column)) for column, tag in named.items()]
    return pl.concat_str(pl.lit(f"<nhis:{name}>"), *below, pl.lit(f"</nhis:{name}>"))


def _value(name: str, value: pl.Expr) -> pl.Expr:
    """Return an element with its value, nothing where there is none."""
    return pl.concat_str(pl.lit(f'<nhis:{name} value="'), value, pl.lit('"/>')).fill_null("")


def _escaped(table: pl.DataFrame) -> pl.DataFrame:
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
    return table.with_columns(pl.selectors.string().str.replace_many(list(signs), list(signs.values())))
