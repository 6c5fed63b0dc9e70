# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A hospital of any size as it landed: people, stays, diagnoses, medicines and laboratory results, with their dirt.

A hundred events a person. Some codes are spelled in Cyrillic or without a dot, have a parent's meaning or none; results
come in two units, with comparators or in words; a few rows come twice, are of nobody, or tell of the dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rwe.spec.mapping import CONCEPT_COLUMNS, FIELD_COLUMNS
from rwe.spec.measures import Measure, load_measures
from rwe.spec.units import units
from rwe.store import Store

SITE = "hospital"
EACH = 100  # events a person
SHARES = {"stay": 0.15, "diagnosis": 0.2, "medicine": 0.2, "result": 0.45}
PIECE = 1 << 20
FIRST, DAYS = date(2012, 1, 1), 3650
_MEASURES = Path(__file__).parents[1] / "configs" / "measures" / "laboratory.csv"
_DISEASES = [f"{letter}{n:02d}" for letter in "CEGIJK" for n in range(80)]
_MEDICINES = [f"L0{k}XA{n:02d}" for k in range(1, 5) for n in range(40)]
_CYRILLIC = str.maketrans("CEK", "СЕК")
_SOURCE = """
source: hospital
measures: {measures}
vocabularies:
  icd10: {{ignore: [alphabet, blanks, case, dots], levels: [3, 4], fall_back: [3]}}
  laboratory: {{ignore: [blanks, case]}}
streams:
"""
_COLUMNS = {
    "patient": {"egn": "text, role: national_id", "born": "date, role: birth_date", "sex": "text", "died": "date"},
    "stay": {"admitted": "date", "left": "date", "kind": "text, codes: true"},
    "diagnosis": {"day": "date", "code": "text, codes: true"},
    "medicine": {"day": "date", "code": "text, codes: true"},
    "result": {
        "day": "date",
        "test": "text, codes: true",
        "value": 'text, codes: false, decimal: ","',
        "unit": "text, unit: true",
    },
}
_FIELDS = """
patient,person,person,gender_concept_id,code,sex,sex,
patient,person,person,year_of_birth,birth_year,born,,
patient,person,person,race_concept_id,concept,,0,
patient,person,person,ethnicity_concept_id,concept,,0,
patient,period,observation_period,observation_period_start_date,first_record,,,
patient,period,observation_period,observation_period_end_date,last_record,,,
patient,period,observation_period,period_type_concept_id,concept,,32817,
patient,death,death,death_date,date,died,,skip
stay,stay,visit_occurrence,visit_concept_id,code,kind,kind,
stay,stay,visit_occurrence,visit_start_date,date,admitted,,
stay,stay,visit_occurrence,visit_end_date,date,left,,
stay,stay,visit_occurrence,visit_type_concept_id,concept,,32817,
diagnosis,disease,condition_occurrence,condition_concept_id,code,code,icd10,
diagnosis,disease,condition_occurrence,condition_start_date,date,day,,
diagnosis,disease,condition_occurrence,condition_type_concept_id,concept,,32817,
medicine,dose,drug_exposure,drug_concept_id,code,code,atc,
medicine,dose,drug_exposure,drug_exposure_start_date,date,day,,
medicine,dose,drug_exposure,drug_exposure_end_date,inferred,,drug_exposure_start_date,
medicine,dose,drug_exposure,drug_type_concept_id,concept,,32817,
result,result,measurement,measurement_concept_id,code,test,laboratory,
result,result,measurement,measurement_date,date,day,,
result,result,measurement,measurement_type_concept_id,concept,,32817,
result,result,measurement,value_as_number,result,value,word,skip
result,result,measurement,unit_concept_id,unit,unit,unit,keep
"""


def write_mapping(folder: Path) -> Path:
    """Write the mapping of the hospital and return its folder."""
    folder.mkdir(exist_ok=True)
    streams = ""
    for name, columns in _COLUMNS.items():
        streams += f"  {name}:\n    table: {name}\n    key: id\n    cursor: changed\n    columns:\n"
        streams += "      number: {type: text, role: person}\n"
        streams += "".join(f"      {column}: {{type: {kind}}}\n" for column, kind in columns.items())
    (folder / "source.yaml").write_text(_SOURCE.format(measures=_MEASURES) + streams, "utf-8")
    (folder / "fields.csv").write_text(",".join(FIELD_COLUMNS) + _FIELDS, "utf-8")
    lines = [",".join(CONCEPT_COLUMNS), *_concepts(), ""]
    (folder / "concepts.csv").write_text("\n".join(lines), "utf-8")
    return folder


def _concepts() -> Iterator[str]:
    own = 2_000_100_000
    fixed = [("sex", "М", 8507), ("sex", "Ж", 8532), ("kind", "S", 9201), ("kind", "A", 9202)]
    fixed += [("word", "няма", 4132135), ("unit", "г/л", 8636)]
    codes = [("icd10", code) for code in _DISEASES[:-20]] + [("icd10", f"{c}.1") for c in _DISEASES[::2][:-20]]
    codes += [("atc", code) for code in _MEDICINES[:-5]]
    fixed += [(name, code, own + i) for i, (name, code) in enumerate(codes)]
    fixed += [("laboratory", f"T{i:03d}", concept) for i, concept in enumerate(_tests())]
    for name, code, concept in fixed:
        yield f"{code},0,{name},,{concept},own,1970-01-01,2099-12-31,"
    yield f"{_DISEASES[-1]},0,icd10,,{own - 1},own,1970-01-01,2015-12-31,D"  # retired: means nothing later


def _tests() -> dict[int, Measure]:
    return dict(list(load_measures(_MEASURES).items())[:60])


def _written(measure: Measure) -> tuple[str, str]:
    """Return the standard unit of a measure, and another that converts to it where there is one."""
    others = [u.code for u in units().values() if u.code in ("mmol/L", "umol/L", "g/L") and u != measure.unit]
    return measure.unit.code, next((c for c in others if measure.standard(units()[c].concept_id)), measure.unit.code)


class Hospital:
    """Its rows, drawn from a seed.

    Parameters
    ----------
    events
        How many, over all streams; a person has about a hundred.
    """

    def __init__(self, events: int) -> None:
        self.people = max(events // EACH, 10)
        self.sizes = {name: int(events * share) for name, share in SHARES.items()}
        draw = np.random.default_rng(7)
        raw = draw.integers(0, 2**63, (4, self.people), dtype=np.uint64)
        text = pl.DataFrame({"a": raw[0], "b": raw[1], "c": raw[2], "d": raw[3]})
        halves = [pl.col(name).map_batches(_hexadecimal, return_dtype=pl.String) for name in "abcd"]
        self.tokens = text.select(pl.concat_str(halves)).to_series()
        self.died = np.where(draw.random(self.people) < 0.2, DAYS + draw.integers(0, 300, self.people), -1)

    def patients(self) -> pl.DataFrame:
        """Return the stream of people; two in a thousand come twice."""
        draw = np.random.default_rng(8)
        whose = np.concatenate([np.arange(self.people), draw.integers(0, self.people, self.people // 500)])
        died = pl.Series(self.died[whose])
        sex = pl.Series(["М", "Ж"]).gather(pl.Series(whose % 2))
        rows = {"person_token": self.tokens.gather(whose), "sex": sex, "birth_year": 1930 + whose % 50}
        frame = pl.DataFrame(rows | {"_key": pl.Series(np.arange(whose.size)).cast(pl.String), "died": died})
        return frame.select(
            "_key",
            "person_token",
            pl.col("person_token").str.reverse().alias("national_token"),
            pl.col("birth_year").cast(pl.Int32),
            "sex",
            pl.when(pl.col("died") >= 0).then(_day("died")).alias("died"),
        )

    def persons(self) -> pl.DataFrame:
        """Return whose each row of the patients is, as linking would by their national numbers alone."""
        told = pl.col("national_token").str.slice(0, 15).str.to_integer(base=16, dtype=pl.Int64)
        return self.patients().select("_key", told.alias("person_id"))

    def pieces(self, stream: str) -> Iterator[pl.DataFrame]:
        """Yield the rows of a stream of events."""
        for first in range(0, self.sizes[stream], PIECE):
            draw = np.random.default_rng([9, sorted(SHARES).index(stream), first])
            yield self.rows(stream, first, min(PIECE, self.sizes[stream] - first), draw)

    def rows(self, stream: str, first: int, n: int, draw: np.random.Generator) -> pl.DataFrame:
        """Return rows of a stream: one in 500 is that before it again, one in a thousand is of nobody."""
        whose = draw.integers(0, self.people, n)
        said = {"whose": whose, "day": draw.integers(0, DAYS, n)}
        frame = pl.DataFrame(said | _content(stream, n, draw))
        frame = frame[np.maximum(np.arange(n) - (draw.random(n) < 0.002), 0)]
        lost = pl.Series(draw.random(n) < 0.001)
        token = pl.when(lost).then(pl.lit("f" * 64)).otherwise(self.tokens.gather(frame["whose"]))
        keys = pl.Series(np.arange(first, first + n)).cast(pl.String)
        marks: dict[str, pl.Series | pl.Expr] = {"_key": keys, "person_token": token, "day": _day("day")}
        frame = frame.with_columns(**marks).select(*marks, *frame.columns[2:])
        if stream == "stay":
            nights = pl.duration(days=pl.col("nights"))
            days = {"admitted": pl.col("day"), "left": pl.col("day") + nights}
            return frame.select("_key", "person_token", "kind", **days)
        return frame


def _content(stream: str, n: int, draw: np.random.Generator) -> dict[str, pl.Series]:
    if stream == "stay":
        return {"nights": pl.Series(draw.integers(0, 12, n)), "kind": _pick([*("S", "A") * 30, "X"], n, draw)}
    if stream == "diagnosis":
        codes = [*_DISEASES, *(f"{c}.1" for c in _DISEASES), *(f"{c}2" for c in _DISEASES)]
        codes += [f"{c}.1".translate(_CYRILLIC) for c in _DISEASES]
        return {"code": _pick(codes, n, draw)}
    if stream == "medicine":
        return {"code": _pick(_MEDICINES, n, draw)}
    tests = _tests()
    which, other = draw.integers(0, len(tests), n), draw.random(n) < 0.3
    written = [_written(measure) for measure in tests.values()]
    unit = pl.Series([pair[k] for pair in written for k in (0, 1)]).gather(pl.Series(which * 2 + other))
    value = pl.Series(draw.integers(1, 20_000, n))
    text = (value // 100).cast(pl.String) + "," + (value % 100).cast(pl.String).str.zfill(2)
    kinds = draw.random(n)
    below, lost = pl.Series(kinds < 0.01), pl.Series(kinds > 0.995)
    text = pl.select(pl.when(below).then("<" + text).when(lost).then(pl.lit("няма")).otherwise(text)).to_series()
    names = pl.Series([*(f"T{i:03d}" for i in range(len(tests))), "t 999"])
    test = names.gather(pl.Series(np.where(kinds > 0.99, len(tests), which)))
    return {"test": test, "value": text, "unit": unit}


def _pick(words: list[str], n: int, draw: np.random.Generator) -> pl.Series:
    return pl.Series(words).gather(pl.Series(draw.integers(0, len(words), n)))


def _day(name: str) -> pl.Expr:
    return pl.lit(FIRST) + pl.duration(days=pl.col(name))


def _hexadecimal(words: pl.Series) -> pl.Series:
    from rwe.buffers import hexadecimal

    raw: NDArray[np.uint8] = np.ascontiguousarray(words.to_numpy()).view(np.uint8).reshape(-1, 8)
    return hexadecimal(raw)


def land(hospital: Hospital, store: Store) -> None:
    """Land the whole hospital, a commit a piece."""
    store.table(f"{SITE}/landing/patient").append(hospital.patients(), batch="0", kind="landing")
    for stream in SHARES:
        with store.table(f"{SITE}/landing/{stream}").appending() as opened:
            for number, rows in enumerate(hospital.pieces(stream)):
                opened.append(rows, batch=str(number), kind="landing")


def change(hospital: Hospital, store: Store, share: float) -> int:
    """Land one changed row of each of a share of the people; return how many they are."""
    draw = np.random.default_rng(11)
    whose = np.sort(draw.choice(hospital.people, max(1, int(hospital.people * share)), replace=False))
    chosen = hospital.tokens.gather(whose).alias("person_token").to_frame()
    table = store.table(f"{SITE}/landing/medicine")
    rows = table.current().join(chosen.lazy(), on="person_token", how="semi").collect(engine="streaming")
    rows = rows.unique("person_token", keep="any").drop("_hash", "_op", "_commit", "_batch")
    table.append(rows.with_columns(code=pl.lit(_MEDICINES[3])), batch="changes", kind="landing")
    return rows.height
