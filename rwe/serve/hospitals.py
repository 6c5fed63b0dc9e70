# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Which hospital's messages are read how: by its site file and streams, or by the kind of message alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rwe import plugins
from rwe.ports import Receipt
from rwe.serve.intake import Reader
from rwe.spec.base import read
from rwe.spec.site import load_site
from rwe.spec.source import Source


def reader(sites: Sequence[Path], kind: str) -> Reader:
    """Return what reads a message of any hospital.

    Parameters
    ----------
    sites
        Site files; a hospital is known by its site's short name.
    kind
        What messages of the other hospitals are, a name under ``rwe.messages``.

    Raises
    ------
    DefinitionError
        If a site or its ``source.yaml`` is wrong, or its kind of source takes no messages.
    """
    loaded = [load_site(path) for path in sites]
    known = {one.site: (one, read(Path(one.mapping) / "source.yaml", Source)) for one in loaded}
    readers = {name: plugins.message(site.connector) for name, (site, _) in known.items()}
    otherwise = plugins.message(kind)

    def receipt(body: bytes, hospital: str) -> Receipt:
        return readers.get(hospital, otherwise)(body, *known.get(hospital, (None, None)))

    return receipt
