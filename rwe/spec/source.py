# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a hospital system is declared to hold: streams, their columns, and which of them identify a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from rwe.spec.base import Flag, Name, Part, Real
from rwe.spec.vocabulary import Vocabulary

Kind = Literal["text", "integer", "number", "date", "timestamp"]
Role = Literal["person", "national_id", "name", "birth_date"]
SourceName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
# Letters of any alphabet, as hospitals name their columns; what begins with a sign is the engine's own.
ColumnName = Annotated[str, StringConstraints(pattern=r"^\p{L}[\p{L}\p{N}_]{0,127}$")]

ROLE_KINDS: dict[Role, tuple[Kind, ...]] = {
    "person": ("text", "integer"),
    "national_id": ("text",),
    "name": ("text",),
    "birth_date": ("date",),
}


class Column(Part):
    """One column of a stream.

    Parameters
    ----------
    type
        How its values are read; a value of another type is refused, never converted.
    role
        What it says about who the person is. Such a column leaves only tokens behind.
    optional
        Whether the source may lack it; it then reads as empty.
    codes
        Whether its values are codes of a list. Text columns with few different values are watched as codes
        unless this is false.
    unit
        Whether its values name units of measure: one never seen before sets the batch aside.
    new_codes
        The largest share of a batch's rows whose code was never seen before; more sets the batch aside.
    steady
        Whether a median ten, a hundred or a thousand times what it was, a changed unit by all signs, sets the
        batch aside; false for numbers of many kinds in one column.
    decimal
        The mark before the decimals of numbers that stand in a text column.
    nothing
        Words of a text column that stand for nothing, such as ``NULL``; the mapping reads them as empty and says so.
    zero_bytes
        Whether the mapping takes zero bytes out of a text column and says so.
    synthetic
        The value with which a row says that it was invented: what rests on such rows is told apart to the end.
    """

    type: Kind
    role: Role | None = None
    optional: Flag = False
    codes: Flag | None = None
    unit: Flag = False
    new_codes: Annotated[Real, Field(ge=0, le=1)] = 0.05
    steady: Flag = True
    decimal: Literal[".", ","] = "."
    nothing: tuple[str, ...] = ()
    zero_bytes: Flag = False
    synthetic: Annotated[str, StringConstraints(min_length=1)] | None = None

    @model_validator(mode="after")
    def _role_fits_type(self) -> Column:
        if self.role and self.type not in ROLE_KINDS[self.role]:
            raise ValueError(f"role {self.role} needs type {' or '.join(ROLE_KINDS[self.role])}, not {self.type}")
        return self

    @model_validator(mode="after")
    def _codes_are_kept_plain(self) -> Column:
        if (self.codes or self.unit) and (self.type != "text" or self.role):
            raise ValueError("codes and units are text without a role")
        return self

    @model_validator(mode="after")
    def _of_text(self) -> Column:
        for name, given in (
            ("decimal", self.decimal != "."),
            ("nothing", self.nothing),
            ("zero_bytes", self.zero_bytes),
        ):
            if given and (self.type != "text" or (self.role and name != "decimal")):
                raise ValueError(f"{name} is for text columns without a role")
        return self

    @model_validator(mode="after")
    def _mark_is_kept_plain(self) -> Column:
        if self.synthetic and (self.type not in ("text", "integer") or self.role):
            raise ValueError("the mark of invented rows is text or an integer, without a role")
        return self


class Stream(Part):
    """One table of the source and the way to page through it.

    Parameters
    ----------
    table
        Its name in the source's catalogue: a table, a kind of message or resource, a pattern of file names.
    key
        Column that is unique and never changes for a row; orders rows of one cursor value.
    cursor
        Column that grows whenever a row is written or changed. Tables need one; deliveries (files, messages)
        come in their own order.
    columns
        Columns to read, by the name they bear in the source.
    options
        What else this kind of source must know of the stream, for example the encoding of a file; the
        connector's own grammar.
    """

    table: SourceName
    key: SourceName
    cursor: SourceName | None = None
    columns: dict[ColumnName, Column] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _roles_are_clear(self) -> Stream:
        for name in filter(None, (self.key, self.cursor)):
            if name in self.columns and self.columns[name].role:
                raise ValueError(f"column '{name}' pages the stream and is kept as it is: it cannot have a role")
        roles = [column.role for column in self.columns.values()]
        if roles.count("person") != 1:
            raise ValueError(f"exactly one column has role person, here {roles.count('person')}")
        for role in ("national_id", "birth_date"):
            if roles.count(role) > 1:
                raise ValueError(f"at most one column has role {role}, here {roles.count(role)}")
        if taken := set(_tokens(roles)) & set(self.columns):
            raise ValueError(f"columns {sorted(taken)} bear names that the tokens of this stream need")
        return self


class Source(Part):
    """The file `source.yaml` of a mapping folder: every stream of one hospital system.

    Parameters
    ----------
    source
        Its name.
    streams
        What it holds.
    vocabularies
        How codes are written, by the `source_vocabulary_id` of ``concepts.csv``; one that is not named here is
        compared as it stands.
    measures
        The sheet of standard units and limits (`rwe.spec.measures`), relative to this file.
    """

    source: Name
    streams: dict[Name, Stream] = Field(min_length=1)
    vocabularies: dict[SourceName, Vocabulary] = Field(default_factory=dict)
    measures: str | None = None


def _tokens(roles: list[Role | None]) -> Iterator[str]:
    names: dict[Role, tuple[str, ...]] = {
        "person": ("person_token",),
        "national_id": ("national_token", "national_masked", "national_says"),
        "name": ("name_tokens", "name_near"),
        "birth_date": ("birth_year", "birth_tokens"),
    }
    for role in roles:
        yield from names[role] if role else ()
