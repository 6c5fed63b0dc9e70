# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Where a study runs: one hospital system, how to reach it, never its password."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from rwe.errors import DefinitionError
from rwe.spec.base import Int, Name, Part, Real, Text, locate, read

_SECRET = re.compile(r"(?:^|[?&;\s])(?:pwd|password|passwd|passfile|sslpassword|token|secret)\s*=", re.IGNORECASE)


def _no_secret(url: str) -> str:
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        raise ValueError("not a database URL, for example sqlite:///{home}/hospitals/breast.db") from None
    if not parts.scheme:
        raise ValueError("not a database URL, for example sqlite:///{home}/hospitals/breast.db")
    if password is not None or _SECRET.search(unquote(f"?{parts.query};{parts.path}")):
        raise ValueError("no password in this file: put the URL in an environment variable and name it in url_env")
    return url


Url = Annotated[str, AfterValidator(_no_secret)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Site(Part):
    """One hospital system.

    Parameters
    ----------
    site, title
        Its short name, which names its tables, and its name for people.
    connector
        Kind of source: a name registered under the entry points ``rwe.connectors``.
    url
        Where it is, without a password. ``{home}`` stands for the engine's data folder.
    url_env
        Environment variable that holds the URL; when set it wins over `url`.
    schema_name
        Database schema (``schema:`` in the file), or the account's own.
    mapping
        Mapping folder, relative to this file; `load_site` makes it absolute.
    page_rows, timeout_seconds
        Most rows asked for at a time (wide rows come in smaller pages), and how long one answer may take.
    compare_keys_every
        After how many extractions all keys of the source are compared with those landed, so that rows deleted
        there are deleted here; never where left out. ``rwe extract --compare-keys`` does it at once.
    delete_share
        The largest share of a stream's rows that such a comparison may delete; more needs a person.
    vocabulary
        Folder of a vocabulary as Athena gives it, unpacked, relative to this file: with it records go where the
        domain of their concept belongs, and studies may ask for descendants. Its licence is the reader's own.
    records_from
        The day on which its records begin. What it dates earlier was told to it, so nobody is observed before.
    options
        What else this kind of source must know, for example the group to export; the connector's own grammar,
        and never a secret.
    """

    site: Name
    title: Text
    connector: Name
    url: Url | None = None
    url_env: EnvName | None = None
    schema_name: str | None = Field(default=None, alias="schema")
    mapping: str
    page_rows: Annotated[Int, Field(ge=1, le=1_000_000)] = 100_000
    timeout_seconds: Annotated[Int, Field(ge=1, le=3_600)] = 60
    compare_keys_every: Annotated[Int, Field(ge=1)] | None = None
    delete_share: Annotated[Real, Field(ge=0, le=1)] = 0.05
    vocabulary: str | None = None
    records_from: date | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_an_address(self) -> Site:
        if not (self.url or self.url_env):
            raise ValueError("give url, url_env or both")
        return self

    def address(self, environ: Mapping[str, str] = os.environ) -> str:
        """Return the URL to connect to; it may hold a password, so it is never shown.

        Raises
        ------
        DefinitionError
            If only `url_env` is given and that variable is not set.
        """
        found = environ.get(self.url_env or "") or self.url
        if not found:
            raise DefinitionError(f"site '{self.site}': set {self.url_env} to its database URL")
        return found


def load_site(path: Path) -> Site:
    """Read a site file.

    Raises
    ------
    DefinitionError
        With every fault at its line and column; a literal password in `url` is one.
    """
    site = read(path, Site)
    found = {"mapping": str(locate(site.mapping, path))}
    if site.vocabulary:
        found["vocabulary"] = str(locate(site.vocabulary, path))
    return site.model_copy(update=found)
