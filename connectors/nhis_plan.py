# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a site and its streams are told in their options, checked against the columns that are declared."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from connectors.nhis_stream import Options, Plan
from connectors.options import options
from rwe.errors import DefinitionError
from rwe.spec.base import Int, Part
from rwe.spec.site import Site
from rwe.spec.source import Source, Stream


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no such time zone, for example Europe/Sofia")
    return name


class SiteOptions(Part):
    """What the connector must know of a site.

    Parameters
    ----------
    message_bytes
        The most bytes that a message may have.
    zone
        The time zone of times that bear none.
    nomenclatures
        Folder of C002 answers; values declared as codes are then counted where the list lacks them.
    """

    message_bytes: Annotated[Int, Field(ge=1_000, le=2**28)] = 16 * 2**20
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Sofia"
    nomenclatures: str | None = None


def site_options(site: Site) -> SiteOptions:
    """Return what the connector is told of a site.

    Raises
    ------
    DefinitionError
        If an option is unknown or does not fit.
    """
    return options(SiteOptions, site.options, f"site '{site.site}'")


def plans(source: Source, zone: ZoneInfo) -> dict[str, Plan]:
    """Return each stream with its options, checked.

    Raises
    ------
    DefinitionError
        With every fault of every stream.
    """
    made = {
        name: Plan(name, stream, options(Options, stream.options, f"stream '{name}'"), zone)
        for name, stream in source.streams.items()
    }
    if faults := [fault for plan in made.values() for fault in _faults(plan)]:
        raise DefinitionError("; ".join(faults))
    return made


def _faults(plan: Plan) -> Iterator[str]:
    stream, where = plan.stream, f"stream '{plan.name}'"
    if not plan.types:
        yield f"{where}: options.messages: name the message types, for example [H002]; no family is '{stream.table}'"
    for column in _lacking(plan.stream, plan.options):
        yield f"{where}: options.paths: no path for '{column}'"
    for name in (*plan.options.paths, *plan.options.codes):
        if name not in stream.columns and name != stream.key:
            near = difflib.get_close_matches(name, stream.columns, n=1)
            yield f"{where}: options: '{name}' is no column" + (f"; did you mean '{near[0]}'?" if near else "")


def _lacking(stream: Stream, told: Options) -> list[str]:
    needed = [stream.key, *(name for name, column in stream.columns.items() if not column.optional)]
    return [name for name in dict.fromkeys(needed) if name not in told.paths]
