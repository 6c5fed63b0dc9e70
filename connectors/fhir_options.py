# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a site file and a stream say of FHIR: closed grammars, every fault by its key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError, model_validator

from rwe.errors import DefinitionError
from rwe.spec.base import Flag, Int, Part, Real, parse

Options = TypeVar("Options", bound=Part)
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,512}$")]
Seconds = Annotated[Real | Int, Field(ge=0, le=7 * 86_400)]


class StreamOptions(Part):
    """What a stream of resources says beside its type and columns.

    Parameters
    ----------
    view
        Its view definition (SQL-on-FHIR): a file of the mapping folder, or the definition itself.
    date_partial
        A date or time with a part missing (``1980``, ``1980-02``; for a timestamp a day too): refuse the batch,
        take the first moment it may stand for, or leave the cell empty. What was done is counted in the log.
    time_as_date
        A time in a date column: refuse the batch, or take the day as its writer's clock had it.
    """

    view: Words | dict[str, Any]
    date_partial: Literal["refuse", "first", "null"] = "refuse"
    time_as_date: Literal["refuse", "local"] = "refuse"


class FolderOptions(Part):
    """What a site says of a folder: the address under which absolute references are its own."""

    base: Words = Field(default="", pattern=r"^(https?://[^?#]*)?$")


class ServerOptions(Part):
    """What a site says of a Bulk Data server.

    Parameters
    ----------
    export, group
        What to export: everything, all patients, or the patients of the group with this id.
    client_id, key_file, key_id
        Who we are to the server (SMART Backend Services), and the private key as PEM or JWK, a file that only
        its owner may read; ``{home}`` stands for the engine's data folder. Without a client id there is no login.
    scope
        What to ask permission for.
    token_url
        Where to get a token, if the server does not tell.
    version
        3 (also for 1 and 2) or 4, which adds parameters that older servers refuse.
    kick_off
        GET (retried as POST where the server wants that) or POST.
    elements, type_filter
        ``_elements`` and ``_typeFilter``, passed on as they are.
    new_members
        In a group: fetch the whole history of patients new in it, or leave out what is older than the last export.
    token_hosts
        Other hosts, ``name`` or ``name:port``, that may be sent our token.
    plain_http
        Allow HTTP without TLS to another machine.
    parallel, tries, pause_seconds, longest_pause_seconds, deadline_seconds
        Files fetched at a time, tries of each request, the first pause between tries and questions, the longest,
        and how long one export may take.
    """

    export: Literal["system", "patient", "group"] = "system"
    group: Id | None = None
    client_id: Words | None = None
    key_file: Words | None = None
    key_id: Words | None = None
    scope: Words = "system/*.read"
    token_url: Words | None = None
    version: Literal[3, 4] = 3
    kick_off: Literal["get", "post"] = "get"
    elements: list[Words] = Field(default_factory=list)
    type_filter: list[Words] = Field(default_factory=list)
    new_members: Literal["history", "leave"] = "history"
    token_hosts: list[Words] = Field(default_factory=list)
    plain_http: Flag = False
    parallel: Annotated[Int, Field(ge=1, le=8)] = 2
    tries: Annotated[Int, Field(ge=1, le=20)] = 6
    pause_seconds: Seconds = 2
    longest_pause_seconds: Seconds = 300
    deadline_seconds: Seconds = 86_400

    @model_validator(mode="after")
    def _fits(self) -> ServerOptions:
        if (self.export == "group") != (self.group is not None):
            raise ValueError("export: group needs the id of the group, and only that export has one")
        if (self.client_id is None) != (self.key_file is None):
            raise ValueError("client_id and key_file go together")
        if self.token_url is not None and urlsplit(self.token_url).scheme not in ("https", "http"):
            raise ValueError("token_url is an address that begins with https://")
        return self


def options_of(model: type[Options], values: Mapping[str, Any], where: str) -> Options:
    """Return options in their grammar.

    Raises
    ------
    DefinitionError
        With every fault by its key, and the nearest known key for one that is not known.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as exc:
        faults = [_said(model, error) for error in exc.errors(include_url=False, include_input=False)]
        raise DefinitionError(f"{where}: " + "; ".join(faults)) from None


def _said(model: type[Part], error: Any) -> str:
    key = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{key}: {str(error['msg']).removeprefix('Value error, ')}".removeprefix(": ")
    near = difflib.get_close_matches(key, model.model_fields, n=1)
    return f"unknown key '{key}'" + (f"; did you mean '{near[0]}'?" if near else "; remove it")


def view_definition(view: str | dict[str, Any], mapping: Path) -> Any:
    """Return a view definition as plain values, from a file of the mapping folder where it is a name.

    Raises
    ------
    DefinitionError
        If the file is not in that folder or cannot be read.
    """
    if not isinstance(view, str):
        return view
    path = (mapping / view).resolve()
    if not path.is_relative_to(mapping.resolve()):
        raise DefinitionError(f"view '{view}' is not in the mapping folder")
    if path.suffix != ".json":
        return parse(path)[0]
    try:
        return json.loads(path.read_text("utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise DefinitionError(f"{path}: no such file") from None
    except (OSError, ValueError) as exc:
        raise DefinitionError(f"{path}: cannot be read as JSON ({type(exc).__name__})") from None
