# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""FHIR R4: a server that exports in bulk, or a folder of NDJSON files and Bundles."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.fhir_folder import FolderConnector
from connectors.fhir_server import ServerConnector
from rwe.errors import DefinitionError
from rwe.ports import Connector
from rwe.spec.site import Site
from rwe.spec.source import Source


def connect(site: Site, source: Source, home: Path) -> Connector:
    """Open a source of FHIR resources.

    Parameters
    ----------
    site
        ``url: https://host/base`` is a Bulk Data server, ``file:///srv/drop`` a folder.
    source
        Streams of resource types, each with its view definition.
    home
        The engine's data folder, which ``{home}`` in the URL stands for.

    Raises
    ------
    DefinitionError
        If the address is none of these, or options, views and columns do not fit together.
    """
    address = urlsplit(site.address().replace("{home}", str(home)))
    if address.scheme == "file" and address.netloc in ("", "localhost") and address.path:
        return FolderConnector(site, source, Path(unquote(address.path)))
    if address.scheme in ("https", "http"):
        return ServerConnector(site, source, home)
    raise DefinitionError(
        f"site '{site.site}': connector fhir reads https://server/base and file:///folder, not '{address.scheme}'"
    )
