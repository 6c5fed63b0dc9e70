# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What an NHIS message that a hospital pushes is, found by the code that will land it later."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

from connectors.nhis_message import FAMILIES, read_message
from connectors.nhis_plan import plans, site_options
from connectors.nhis_xml import Limits, Malformed
from rwe.errors import DataError
from rwe.ports import Receipt
from rwe.spec.site import Site
from rwe.spec.source import Source


def receive(body: bytes, site: Site | None, source: Source | None) -> Receipt:
    """Return what a message is: its id, its type, and how many rows it is in each stream.

    Parameters
    ----------
    body
        The bytes as they came.
    site, source
        The hospital and its streams; without them documents are counted by the table of their family.

    Raises
    ------
    DataError
        If it is no message that would land; the words are ours, no value of it among them.
    """
    try:
        if site is None or source is None:
            message = read_message(body)
            table = FAMILIES[message.kind[0]]
            rows = dict(Counter(table for one in message.documents if one.all(table)))
        else:
            told = site_options(site)
            zone = ZoneInfo(told.zone)
            message = read_message(body, Limits(size=told.message_bytes), zone)
            streams = {name: plan for name, plan in plans(source, zone).items() if plan.takes(message)}
            rows = {name: sum(len(one.rows) for one in plan.documents(message)) for name, plan in streams.items()}
    except Malformed as exc:
        raise DataError(f"the message was not taken: {exc}") from None
    return Receipt(message.id, message.kind, rows)
