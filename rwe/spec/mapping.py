# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A mapping: how the rows of a hospital become rows of the common model, as data.

``fields.csv`` has one line a field: *stream, record, table, field, how, column, argument, missing*.
All lines of one (stream, record) make one row of one OMOP table from each row of the stream; a
stream may have any number of records, so a row becomes none, one or several. Ids and ``person_id``
are filled by the engine. What `how` may be, what it needs and which fields it may fill is
`rwe.spec.hows.HOWS`; `missing` says what an empty source value means: ``reject`` the record (the
default), ``skip`` it because there is nothing to record, or ``keep`` it with the field empty;
``spare`` keeps it so too where the value cannot be read, with a remark. A line without a field and
with ``when`` makes the record only where `column` holds one of the codes of `argument` (``A|B``);
of several such lines all must hold.
``result`` reads what a laboratory wrote into number, operator, concept of words and source text; ``unit`` reads the
unit beside it, and the number comes to the standard unit of the `measures` that ``source.yaml`` names.
``concepts.csv`` is OMOP's SOURCE_TO_CONCEPT_MAP; how its codes are spelled stands under `vocabularies` of
``source.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, cast

from rwe.errors import DefinitionError
from rwe.spec import concept_check
from rwe.spec import mapping_check as check
from rwe.spec.base import locate, read
from rwe.spec.measures import Measure, load_measures
from rwe.spec.sheet import Row, read_sheet
from rwe.spec.source import Source, Stream

FIELD_COLUMNS = ("stream", "record", "table", "field", "how", "column", "argument", "missing")
CONCEPT_COLUMNS = (
    "source_code",
    "source_concept_id",
    "source_vocabulary_id",
    "source_code_description",
    "target_concept_id",
    "target_vocabulary_id",
    "valid_start_date",
    "valid_end_date",
    "invalid_reason",
)
Missing = Literal["reject", "skip", "keep", "spare"]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field of one record is made; the columns of ``fields.csv``."""

    stream: str
    record: str
    table: str
    field: str
    how: str
    column: str
    argument: str
    missing: Missing


@dataclass(frozen=True, slots=True)
class ConceptRule:
    """What one local code means between two days, both included."""

    vocabulary: str
    code: str
    concept_id: int
    valid_from: date
    valid_to: date


@dataclass(frozen=True, slots=True)
class Mapping:
    """Everything about one kind of hospital database, and the files it was read from."""

    source: Source
    fields: tuple[FieldRule, ...]
    concepts: tuple[ConceptRule, ...]
    files: tuple[Path, ...]
    measures: MappingOf[int, Measure] = field(default_factory=dict)

    @property
    def person(self) -> tuple[str, str]:
        """Stream and record that persons are made from."""
        return next((rule.stream, rule.record) for rule in self.fields if rule.table == "person")

    def records(self, stream: str) -> MappingOf[str, tuple[FieldRule, ...]]:
        """Return the rules of each record that `stream` feeds, in the order of the file."""
        found: dict[str, tuple[FieldRule, ...]] = {}
        for rule in self.fields:
            if rule.stream == stream:
                found[rule.record] = (*found.get(rule.record, ()), rule)
        return found

    def stream(self, name: str) -> Stream:
        """Return the declared contract of a stream."""
        return self.source.streams[name]


def load_mapping(folder: Path) -> Mapping:
    """Read ``source.yaml``, ``fields.csv`` and ``concepts.csv`` of a mapping folder, and the measures it names.

    Raises
    ------
    DefinitionError
        With all faults of the sheets at once, each as ``file:line:column: column: what to write``.
    """
    files: tuple[Path, ...] = (folder / "source.yaml", folder / "fields.csv", folder / "concepts.csv")
    source = read(files[0], Source)
    fields, concepts = read_sheet(files[1], FIELD_COLUMNS), read_sheet(files[2], CONCEPT_COLUMNS)
    problems = concept_check.concepts(concepts, source.vocabularies)
    problems += check.fields(fields, source, {row["source_vocabulary_id"] for row in concepts})
    measures: MappingOf[int, Measure] = {}
    if source.measures:
        files = (*files, locate(source.measures, files[0]))
        try:
            measures = load_measures(files[-1])
        except DefinitionError as exc:
            problems += exc.problems
    if problems:
        raise DefinitionError(problems)
    return Mapping(source, tuple(map(_field, fields)), tuple(map(_concept, concepts)), files, measures)


def _field(row: Row) -> FieldRule:
    named = {name: row[name] for name in FIELD_COLUMNS if name != "missing"}
    return FieldRule(**named, missing=cast(Missing, row["missing"] or "reject"))


def _concept(row: Row) -> ConceptRule:
    return ConceptRule(
        vocabulary=row["source_vocabulary_id"],
        code=row["source_code"],
        concept_id=int(row["target_concept_id"]),
        valid_from=date.fromisoformat(row["valid_start_date"]),
        valid_to=date.fromisoformat(row["valid_end_date"]),
    )
