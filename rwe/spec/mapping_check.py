# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong in ``fields.csv``, each fault with its place and its cure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rwe.errors import Problem
from rwe.spec.hows import CODED, HOWS, SHAPED, argument
from rwe.spec.omop import OmopField, meaning_of, omop_fields
from rwe.spec.sheet import Row, suggest
from rwe.spec.source import Source

SPARE = "spare"
MISSING = ("reject", "skip", "keep", SPARE)
ONLY = {"result": "value_as_number", "unit": "unit_concept_id"}
RESULTS = "measurement"
# What a result as it stands in the source fills beside its number.
RESULT_FILLS = ("operator_concept_id", "value_as_concept_id", "value_source_value")
Group = Sequence[Row]
_DATES = ("date", *SHAPED)


def fields(rows: Sequence[Row], source: Source, vocabularies: Iterable[str]) -> list[Problem]:
    """Return the faults of ``fields.csv``; `vocabularies` are those of ``concepts.csv``."""
    known = {*vocabularies, *source.vocabularies}
    problems = [p for row in rows for p in _line(row, source, known)]
    if problems:
        return problems  # the checks across lines rest on lines that can be read
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["stream"], row["record"]), []).append(row)
    problems = [p for group in groups.values() for p in _record(group)]
    problems += [p for row in rows if row["how"] == "link" for p in _link(row, groups)]
    problems += [p for row in rows if row["how"] in CODED for p in _many(row, source)]
    return problems + _people(rows)


def _line(row: Row, source: Source, vocabularies: set[str]) -> Iterator[Problem]:
    for column in ("stream", "record", "table", "how"):
        if not row[column]:
            yield row.problem(column, "must not be empty")
            return
    if row["stream"] not in source.streams:
        yield row.problem("stream", f"unknown stream '{row['stream']}'{suggest(row['stream'], source.streams)}")
    elif row["column"] and row["column"] not in source.streams[row["stream"]].columns:
        names = source.streams[row["stream"]].columns
        yield row.problem("column", f"unknown column '{row['column']}'{suggest(row['column'], names)}")
    elif row["how"] in HOWS:
        yield from _column(row, source)
    if row["table"] not in omop_fields():
        yield row.problem("table", f"unknown table '{row['table']}'{suggest(row['table'], omop_fields())}")
    elif row["how"] not in HOWS:
        yield row.problem("how", f"unknown way '{row['how']}'{suggest(row['how'], HOWS)}")
    else:
        yield from _field(row)
        yield from argument(row, vocabularies)
    yield from _missing(row)


def _column(row: Row, source: Source) -> Iterator[Problem]:
    how, name = HOWS[row["how"]], row["column"]
    if bool(name) != bool(how.reads):
        yield row.problem("column", f"'{row['how']}' {'needs a' if how.reads else 'takes no'} source column")
    elif name:
        column = source.streams[row["stream"]].columns[name]
        if (column.role or "") != ("birth_date" if row["how"] == "birth_year" else ""):
            yield row.problem("column", f"'{name}' has role '{column.role}'; '{row['how']}' cannot read such a column")
        elif column.type not in how.reads:
            cure = "; use text_date" if (row["how"], column.type) == ("date", "text") else ""
            yield row.problem("how", f"'{row['how']}' cannot read '{name}' of type {column.type}{cure}")


def _field(row: Row) -> Iterator[Problem]:
    known = omop_fields()[row["table"]]
    if row["how"] == "when":
        if row["field"]:
            yield row.problem("field", "'when' fills no field; leave it empty")
    elif row["field"] not in known:
        yield row.problem("field", f"{row['table']} has no field '{row['field']}'{suggest(row['field'], known)}")
    elif _ours(known[row["field"]]):
        yield row.problem("field", "the engine fills this id; remove the line")
    elif known[row["field"]].kind not in HOWS[row["how"]].fills:
        yield row.problem("how", f"'{row['how']}' cannot fill a field of type {known[row['field']].kind}")
    elif row["how"] in ONLY and (row["table"], row["field"]) != (RESULTS, ONLY[row["how"]]):
        yield row.problem("how", f"'{row['how']}' fills {ONLY[row['how']]} of a {RESULTS} and nothing else")


def _ours(field: OmopField) -> bool:
    return field.primary_key or field.name == "person_id"


def _missing(row: Row) -> Iterator[Problem]:
    word = row["missing"]
    if word and word not in MISSING:
        yield row.problem("missing", f"unknown word{suggest(word, MISSING)}")
    elif word and not row["column"]:
        yield row.problem("missing", "this line reads no source column; leave it empty")
    elif (
        word in ("keep", SPARE)
        and row["how"] != "supply_end"
        and (field := omop_fields().get(row["table"], {}).get(row["field"]))
        and field.required
    ):
        yield row.problem("missing", f"OMOP requires {row['field']}: write reject or skip")


def _record(group: Group) -> Iterator[Problem]:
    first, known = group[0], omop_fields()[group[0]["table"]]
    seen: set[str] = set()
    for row in group:
        if row["table"] != first["table"]:
            yield row.problem("table", f"this record fills {first['table']} since line {first.line}")
        elif (row["field"] or f"when {row['column']}") in seen:
            yield row.problem("field", "this record has the line already" if row["field"] else "one 'when' a column")
        seen.add(row["field"] or f"when {row['column']}")
    for field in known.values():
        if field.required and not _ours(field) and field.name not in seen:
            yield first.problem("record", f"record '{first['record']}' does not fill {field.name}, which OMOP requires")
    yield from _result(group)
    dates = {row["field"] for row in group if row["how"] in _DATES}
    for row in group:
        if row["how"] in ("inferred", "supply_end") and row["argument"] not in dates:
            yield row.problem("argument", f"not a date read by this record{suggest(row['argument'], dates)}")


def _result(group: Group) -> Iterator[Problem]:
    if any(row["how"] == "result" for row in group):
        for row in group:
            if row["field"] in RESULT_FILLS:
                yield row.problem("field", "'result' fills this field of the record; remove the line")


def _link(row: Row, groups: dict[tuple[str, str], list[Row]]) -> Iterator[Problem]:
    """Yield faults of a link: the other record must fill the table whose id the field holds."""
    target = groups.get((row["stream"], row["argument"]))
    if target is None:
        names = [record for stream, record in groups if stream == row["stream"]]
        yield row.problem("argument", f"no such record in this stream{suggest(row['argument'], names)}")
    elif not any(f.primary_key and _names(row["field"], f.name) for f in omop_fields()[target[0]["table"]].values()):
        yield row.problem("argument", f"{target[0]['table']} does not have the id that {row['field']} holds")


def _many(row: Row, source: Source) -> Iterator[Problem]:
    vocabulary = source.vocabularies.get(row["argument"])
    if vocabulary and vocabulary.many and row["field"] != meaning_of(row["table"]):
        yield row.problem("argument", "a code of many concepts makes several rows: it can only say what a row is about")


def _names(field: str, key: str) -> bool:
    """Whether `field` holds ids of `key`: ``preceding_visit_occurrence_id`` does, ``episode_parent_id`` by its name."""
    return field.endswith(key) or (field, key) == ("episode_parent_id", "episode_id")


def _people(rows: Sequence[Row]) -> list[Problem]:
    """Return the faults of the records that the engine treats apart: person and observation period."""
    if not rows:
        return []
    makers = {(row["stream"], row["record"]): row for row in rows if row["table"] == "person"}
    if len(makers) != 1:
        row = [*makers.values()][-1] if makers else rows[0]
        return [row.problem("table", f"exactly one record must fill person; here {len(makers)} do")]
    stream = next(iter(makers))[0]
    periods = [row for row in rows if row["table"] == "observation_period"]
    problems = [
        row.problem("stream", f"an observation period is made from the person's stream '{stream}'")
        for row in periods
        if row["stream"] != stream
    ]
    derived = ("first_record", "last_record")
    problems += [
        row.problem("how", f"only an observation period may use '{row['how']}'")
        for row in rows
        if row["how"] in derived and row["table"] != "observation_period"
    ]
    return problems + [
        row.problem("how", "the days of an observation period are its first_record and last_record")
        for row in periods
        if row["field"].endswith("_date") and row["how"] not in derived
    ]
