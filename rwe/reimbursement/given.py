# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Doses and assessments as they were given: checked whole, every fault counted, before anything is settled."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl

from rwe.compare.people import people, require
from rwe.errors import DataError, OddRows
from rwe.reimbursement.odd import odd, refuse
from rwe.reimbursement.units import DIGITS, number_of
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
    wrong = [*_odd_units(frame), *_odd_words(agreement, frame, known), *_notes(agreement, frame)]
    refuse([*_empty(frame, "doses"), *_twice(frame), *wrong])
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
    said = f"'outcome' is none of the known words in {{n}} rows; known: {', '.join(OUTCOMES)}"
    strange = odd(frame, ~frame["outcome"].is_in(OUTCOMES), "assessments", "unknown_word", "outcome", said)
    refuse([*_empty(frame, "assessments"), *strange])
    return frame


def same_ids(doses: pl.DataFrame, assessments: pl.DataFrame) -> None:
    """Refuse ids of two kinds: no patient would be found among the assessments, and nobody would say so."""
    kinds = [frame.schema["person_id"] for frame in (doses, assessments) if frame.height]
    if len({"integer" if kind.is_integer() else str(kind) for kind in kinds}) > 1:
        raise DataError(f"'person_id' is {kinds[0]} in the doses and {kinds[1]} in the assessments; give one type")


def _plain_dates(frame: pl.DataFrame, what: str, column: str) -> pl.DataFrame:
    """Refuse other moments than days; a frame without rows may not know what it would hold."""
    if frame.height and frame.schema[column] != pl.Date:
        raise DataError(f"{what}: '{column}' must hold plain dates")
    typed = frame.with_columns(pl.col(column).cast(pl.Date))
    return typed.with_columns(pl.col("person_id").cast(pl.Int64)) if frame.schema["person_id"] == pl.Null else typed


def _with_records(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if "record_id" in frame.columns else frame.with_columns(record_id=pl.lit(""))


def _empty(frame: pl.DataFrame, what: str) -> Iterator[OddRows]:
    for name in frame.columns:
        if name not in MAY_LACK and frame[name].null_count():
            yield from odd(
                frame, frame[name].is_null(), what, "missing", name, f"'{name}' has missing values in {{n}} rows"
            )


def _twice(frame: pl.DataFrame) -> Iterator[OddRows]:
    # the names themselves are only compared where hashes of some are equal: four times as fast
    if frame["record_id"].hash().n_unique() == frame.height:
        return
    named, ids = frame["record_id"] != "", frame["record_id"]
    said = "'record_id' repeats in {n} rows; one record is paid for once"
    yield from odd(frame, named & ~ids.is_first_distinct(), "doses", "repeated", "record_id", said)


def _odd_units(frame: pl.DataFrame) -> Iterator[OddRows]:
    if frame.schema["units"].is_integer() or _plain(frame["units"]):
        return
    texts = frame["units"].cast(pl.String)
    strange = [text for text in texts.unique().drop_nulls() if number_of(text) is None]
    said = f"'units' hold {len(strange)} different values that are not numbers, in {{n}} rows"
    yield from odd(frame, texts.is_in(strange), "doses", "not_a_number", "units", said)


def _plain(units: pl.Series) -> bool:
    """Return whether these are Decimal numbers none of which is beyond all units: no text need be looked at."""
    if not isinstance(units.dtype, pl.Decimal) or units.dtype.scale > DIGITS:
        return False
    ends = [end for end in (units.min(), units.max()) if isinstance(end, Decimal)]
    return all(abs(end) < 10**DIGITS for end in ends)


def _notes(agreement: Agreement, frame: pl.DataFrame) -> Iterator[OddRows]:
    if agreement.doses.credit_notes == "matched":
        return
    units = frame["units"]
    if units.dtype.is_numeric():
        negative = units < 0
    else:
        texts = units.cast(pl.String)
        negative = texts.is_in([text for text in texts.unique().drop_nulls() if (number_of(text) or 0) < 0])
    said = "'units' are negative in {n} rows; this contract takes no credit notes (doses.credit_notes)"
    yield from odd(frame, negative, "doses", "credit_refused", "units", said)


def _odd_words(agreement: Agreement, frame: pl.DataFrame, known: list[str]) -> Iterator[OddRows]:
    allowed = {"charge": CHARGES, "partner": ("", *(p.contract for p in agreement.combination))}
    for column, words in allowed.items():
        if column in known:
            said = f"'{column}' is none of {list(words)} in {{n}} rows"
            yield from odd(frame, ~frame[column].is_in(words), "doses", "unknown_word", column, said)
