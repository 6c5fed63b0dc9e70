# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is written of each stay: the stay itself, diagnoses, and assessments of stage, state and response."""

from __future__ import annotations

import polars as pl

from synthetic.network.chance import Chance
from synthetic.network.diseases import DISEASES
from synthetic.network.visits import EVENT, REGULAR, of_disease, on
from synthetic.network.world import PLANTED

_PRESSURE, _HEART = "I10", "I25.9"  # raised blood pressure; earlier heart disease: the marker of diabetes
_MARKERS = {"breast": ("ER+", "ER-"), "lung": ("EGFR+", "EGFR-"), "dementia": ("APOE4+", "APOE4-")}
_STAGES = {
    "breast": ("I", "II", "III", "IV"),
    "lung": ("I", "II", "III", "IV"),
    "diabetes": ("A1", "A2", "A3"),
    "dementia": ("mild", "moderate", "severe"),
}
_TNM = ("T1N0M0", "T2N1M0", "T3N2M0", "T4N2M1")
_CANCERS = tuple(one.name for one in DISEASES if one.kills)
_HOUR = 3_600
KEY = ("person", "hospital", "stay")


def begins(visits: pl.DataFrame, seed: int) -> pl.Expr:
    """Return the instant at which each stay begins: in working hours, on the same date in UTC as in Sofia."""
    chance = Chance(seed, visits["stay"].to_numpy())
    return _instant(pl.col("day"), pl.Series(6 * _HOUR + chance.below("start", 6 * _HOUR)))


def _instant(day: pl.Expr, seconds: pl.Series) -> pl.Expr:
    return on(day).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds=pl.lit(seconds))


def stays(visits: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return person, hospital, stay, start, end (instants), ward, outcome."""
    chance = Chance(seed, visits["stay"].to_numpy())
    outcomes = pl.Series(["improved", "unchanged", "worse"]).gather(chance.one_of("outcome", (0.5, 0.4, 0.1)))
    leaves = _instant(pl.col("day") + pl.col("nights"), pl.Series(13 * _HOUR + chance.below("end", 5 * _HOUR)))
    return visits.select(
        *KEY,
        start=begins(visits, seed),
        end=leaves,
        ward=of_disease(lambda one: one.ward, pl.String),
        outcome=pl.when("fatal").then(pl.lit("died")).otherwise(outcomes),
    )


def diagnoses(visits: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return person, hospital, stay, day, icd10 (with the dot), main.

    The disease is the main diagnosis of every stay, on the first with the day on which it was found; what happened
    before the records began stands on the first with the day on which it happened.
    """
    chance = Chance(seed, visits["person"].to_numpy())
    begun = pl.col("stay") == pl.col("stay").min().over("person")
    raised = pl.Series(chance.happens("raised pressure", 0.5))
    rows = visits.with_columns(begun=begun, raised=raised, code=_event_code(chance))
    now = on(pl.col("day"))
    event, acute, first = pl.col("reason") == EVENT, pl.col("disease") == "diabetes", rows.filter("begun")
    found = pl.when("begun").then("diagnosed").otherwise(now)
    parts = [
        _diagnosis(rows, found, pl.when(event & acute).then("code").otherwise("icd10"), main=True),
        _diagnosis(rows.filter(event), now, pl.when(acute).then("icd10").otherwise("code"), main=False),
        _diagnosis(
            first.filter(pl.col("happened") <= pl.col("entry")), on(pl.col("happened")), pl.col("code"), main=False
        ),
        _diagnosis(first.filter("raised"), pl.col("diagnosed"), pl.lit(_PRESSURE), main=False),
        _diagnosis(first.filter(acute & (pl.col("marker") == 1)), pl.col("diagnosed"), pl.lit(_HEART), main=False),
    ]
    return pl.concat(parts).sort("stay", ~pl.col("main"), "icd10", "day", maintain_order=True)


def _diagnosis(rows: pl.DataFrame, day: pl.Expr, code: pl.Expr, *, main: bool) -> pl.DataFrame:
    return rows.select(*KEY, day=day, icd10=code, main=pl.lit(main))


def _event_code(chance: Chance) -> pl.Expr:
    first = of_disease(lambda one: one.event_codes[0], pl.String)
    other = of_disease(lambda one: one.event_codes[-1], pl.String)
    return pl.when(pl.Series(chance.happens("event code", 0.6))).then(first).otherwise(other)


def assessments(visits: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return person, hospital, day, kind, value (as text): ECOG, stage, TNM, biomarker, RECIST, HbA1c, MMSE."""
    regular = visits.filter(pl.col("reason") == REGULAR)
    first = regular.filter(pl.col("nth") == 0)
    cancer = pl.col("disease").is_in(_CANCERS)
    parts = [
        _assessed(first, "ECOG", pl.col("ecog"), pl.lit(0)),
        _assessed(regular.filter(pl.col("nth") % 2 == 1), "ECOG", pl.min_horizontal(pl.col("ecog") + _worse(), 4)),
        *(
            _assessed(first.filter(pl.col("disease") == name), "stage", _word(_STAGES[name]), pl.lit(0))
            for name in _STAGES
        ),
        *(
            _assessed(first.filter(pl.col("disease") == name), "biomarker", _marker(name), pl.lit(0))
            for name in _MARKERS
        ),
        _assessed(first.filter(pl.col("second_marker").is_not_null()), "biomarker", pl.col("second_marker"), pl.lit(0)),
        _assessed(first.filter(cancer), "TNM", _word(_TNM), pl.lit(0)),
        _responses(regular.filter(cancer), seed),
        _assessed(visits.filter(cancer & (pl.col("reason") == EVENT)), "RECIST", pl.lit("PD")),
        _assessed(
            first.filter(cancer & (pl.col("happened") <= pl.col("entry"))), "RECIST", pl.lit("PD"), pl.col("happened")
        ),
        _sugar(regular.filter(pl.col("disease") == "diabetes"), seed),
        _memory(regular.filter(pl.col("disease") == "dementia"), seed),
    ]
    return pl.concat(parts).sort("person", "day", "kind", "value", maintain_order=True)


def _assessed(rows: pl.DataFrame, kind: str, value: pl.Expr, day: pl.Expr | None = None) -> pl.DataFrame:
    seen = on(pl.col("day") if day is None else day)
    return rows.select("person", "hospital", day=seen, kind=pl.lit(kind), value=value.cast(pl.String))


def _worse() -> pl.Expr:
    return (pl.col("day") >= pl.col("happened")).fill_null(value=False).cast(pl.Int64)


def _word(words: tuple[str, ...]) -> pl.Expr:
    return pl.col("stage").replace_strict(range(1, len(words) + 1), words, return_dtype=pl.String)


def _marker(name: str) -> pl.Expr:
    return pl.when(pl.col("marker") == 1).then(pl.lit(_MARKERS[name][0])).otherwise(pl.lit(_MARKERS[name][1]))


def _responses(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the responses before progression: a person's is the same at each visit."""
    chance = Chance(seed, rows["person"].to_numpy())
    shares = {one.disease: (one.newer, one.comparator) for one in PLANTED.responses}
    newer, other = (
        pl.col("disease").replace_strict({name: both[place] for name, both in shares.items()}, return_dtype=pl.Float64)
        for place in (0, 1)
    )
    responds = pl.Series(chance.uniform("response")) < pl.when("newer").then(newer).otherwise(other)
    whole = pl.Series(chance.happens("complete", 0.2))
    value = pl.when(responds & whole).then(pl.lit("CR")).when(responds).then(pl.lit("PR")).otherwise(pl.lit("SD"))
    shown = rows.with_columns(value=value).filter((pl.col("nth") > 0) & (_worse() == 0))
    return _assessed(shown, "RECIST", pl.col("value"))


def _sugar(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return HbA1c in per cent, which changes by the treatment until the planted day and then stays."""
    change = PLANTED.changes[0]
    mean = pl.when("newer").then(change.newer).otherwise(change.comparator)
    own, noise = _noise(rows, "HbA1c", seed)
    value = 8.2 + 0.9 * own + mean * pl.min_horizontal("day", change.by_day) / change.by_day + 0.25 * noise
    return _assessed(rows, "HbA1c", value.round(1))


def _memory(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return MMSE, lower in higher stages, two points a year lower whatever is given."""
    own, noise = _noise(rows, "MMSE", seed)
    value = 29 - 6 * pl.col("stage") + 1.5 * own - 2 * pl.col("day") / 365.25 + noise
    return _assessed(rows, "MMSE", value.round().clip(0, 30).cast(pl.Int64))


def _noise(rows: pl.DataFrame, what: str, seed: int) -> tuple[pl.Series, pl.Series]:
    person = rows["person"].to_numpy()
    each = Chance(seed, person, rows["nth"].to_numpy())
    return pl.Series(Chance(seed, person).normal(what)), pl.Series(each.normal(f"{what}, noise"))
