# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Doses and assessments as they were given: checked whole, every fault counted, before anything is settled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DataError
from rwe.reimbursement.units import number_of
from rwe.spec.agreement import OUTCOMES, Agreement

CHARGES = ("charged", "free_of_charge", "trial")
# what a dose may also say of itself, and what of that may be unknown
MORE = ("charge", "indication", "partner", "site_id", "version")
MAY_LACK = ("partner", "site_id", "version")


def given_doses(agreement: Agreement, source: Any) -> pl.DataFrame:
    """Return the doses; their units are exact, and negative in credit notes.

    Parameters
    ----------
    source
        ``person_id``, ``administered_on`` (date), ``units`` (Decimal, integer or exact text); where
        known ``record_id``, ``charge`` (``charged``, ``free_of_charge``, ``trial``), ``indication``,
        ``partner`` (the contract of a product given with it, ``""`` for none), ``site_id``, ``version``.

    Raises
    ------
    DataError
        With all faults at once, each with the number of its rows; it shows no value.
    """
    frame = people(source)
    require(frame, ["person_id", "administered_on", "units"])
    frame = _plain_dates(frame, "doses", "administered_on")
    if frame.schema["units"].is_float():
        raise DataError("doses: 'units' are floating point; give Decimal or exact text, because money rests on them")
    known = [name for name in MORE if name in frame.columns]
    frame = _with_records(frame).select(
        "person_id", "administered_on", "units", pl.col("record_id").cast(pl.String), *known
    )
    odd = [*_odd_units(frame), *_odd_words(agreement, frame, known), *_notes(agreement, frame)]
    _refuse("doses", [*_empty(frame), *_twice(frame), *odd])
    return frame


def given_assessments(source: Any) -> pl.DataFrame:
    """Return the assessments: ``person_id``, ``assessed_on``, ``outcome``, ``record_id`` (``""`` where unknown).

    Raises
    ------
    DataError
        If a column or a value is missing, or an outcome is not a word of `rwe.spec.agreement.OUTCOMES`.
    """
    frame = people(source)
    require(frame, ["person_id", "assessed_on", "outcome"])
    frame = _plain_dates(frame, "assessments", "assessed_on")
    landed = ["version"] if "version" in frame.columns else []
    words = pl.col("outcome", "record_id").cast(pl.String)
    frame = _with_records(frame).select("person_id", "assessed_on", words, *landed)
    odd = int((~frame["outcome"].is_in(OUTCOMES)).sum())
    odd_words = [f"'outcome' is none of the known words in {odd} rows; known: {', '.join(OUTCOMES)}"] if odd else []
    _refuse("assessments", [*_empty(frame), *odd_words])
    return frame


def same_ids(doses: pl.DataFrame, assessments: pl.DataFrame) -> None:
    """Refuse ids of two kinds: no patient would be found among the assessments, and nobody would say so."""
    kinds = [frame.schema["person_id"] for frame in (doses, assessments) if frame.height]
    if len({"integer" if kind.is_integer() else str(kind) for kind in kinds}) > 1:
        raise DataError(f"'person_id' is {kinds[0]} in the doses and {kinds[1]} in the assessments; give one type")


def _refuse(what: str, faults: list[str]) -> None:
    if faults:
        raise DataError("\n".join(f"{what}: {fault}" for fault in faults))


def _plain_dates(frame: pl.DataFrame, what: str, column: str) -> pl.DataFrame:
    """Refuse other moments than days; a frame without rows may not know what it would hold."""
    if frame.height and frame.schema[column] != pl.Date:
        raise DataError(f"{what}: '{column}' must hold plain dates")
    typed = frame.with_columns(pl.col(column).cast(pl.Date))
    return typed.with_columns(pl.col("person_id").cast(pl.Int64)) if frame.schema["person_id"] == pl.Null else typed


def _with_records(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if "record_id" in frame.columns else frame.with_columns(record_id=pl.lit(""))


def _empty(frame: pl.DataFrame) -> Iterator[str]:
    found = [name for name in frame.columns if name not in MAY_LACK and frame[name].null_count()]
    if found:
        rows = frame.filter(pl.any_horizontal(pl.col(found).is_null())).height
        yield f"{found} hold missing values in {rows} rows"


def _twice(frame: pl.DataFrame) -> Iterator[str]:
    # the names themselves are only compared where hashes of some are equal: four times as fast
    if frame["record_id"].hash().n_unique() == frame.height:
        return
    named = frame.filter(pl.col("record_id") != "")["record_id"]
    if twice := named.len() - named.n_unique():
        yield f"'record_id' repeats in {twice} rows; one record is paid for once"


def _odd_units(frame: pl.DataFrame) -> Iterator[str]:
    if frame.schema["units"].is_integer():
        return
    texts = frame["units"].cast(pl.String)
    odd = [text for text in texts.unique().drop_nulls() if number_of(text) is None]
    if odd:
        rows = int(texts.is_in(odd).sum())
        yield f"'units' hold {len(odd)} different values that are not numbers, in {rows} rows"


def _notes(agreement: Agreement, frame: pl.DataFrame) -> Iterator[str]:
    if agreement.doses.credit_notes == "matched":
        return
    negative = [text for text in frame["units"].cast(pl.String).unique().drop_nulls() if (number_of(text) or 0) < 0]
    if rows := int(frame["units"].cast(pl.String).is_in(negative).sum()):
        yield f"'units' are negative in {rows} rows; this contract takes no credit notes (doses.credit_notes)"


def _odd_words(agreement: Agreement, frame: pl.DataFrame, known: list[str]) -> Iterator[str]:
    allowed = {"charge": CHARGES, "partner": ("", *(p.contract for p in agreement.combination))}
    for column, words in allowed.items():
        if column in known and (odd := int((~frame[column].is_in(words)).sum())):
            yield f"'{column}' is none of {list(words)} in {odd} rows"
