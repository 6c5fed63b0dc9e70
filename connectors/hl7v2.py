# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""HL7 v2 messages in a drop folder: admissions, corrections, cancels, merges and results, as declared rows."""

from __future__ import annotations

from pathlib import Path

from connectors.files import FilesConnector, Reading
from connectors.files_folder import root
from connectors.hl7v2_files import hl7_columns, hl7_known_by
from connectors.hl7v2_rows import Hl7, hl7_parts
from rwe.spec.site import Site
from rwe.spec.source import Source

MESSAGES = Reading(Hl7, hl7_parts, hl7_columns, hl7_known_by)


def connect(site: Site, source: Source, home: Path) -> FilesConnector:
    """Open a folder of HL7 v2 messages: one a file, many, in batches (FHS, BHS) or in frames of MLLP.

    Parameters
    ----------
    site
        Where it is: ``url: file:///srv/hl7``; its `options` are a `connectors.files_contract.Folder`.
    source
        The streams; ``table`` is a pattern of file names, `options` a `connectors.hl7v2_rows.Hl7`.
    home
        The engine's data folder, which ``{home}`` in the address stands for.

    Returns
    -------
    FilesConnector
        Messages that cannot be read are set aside: the others are yielded, then DataError tells how many were and
        why, at each run until the file is mended or taken away.

    Raises
    ------
    DefinitionError
        If the address is no folder, or options are not understood.
    """
    return FilesConnector(site, source, root(site, home), MESSAGES)
