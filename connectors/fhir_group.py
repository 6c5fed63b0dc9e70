# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Who is new in a group: such a patient's older records are in no ``_since`` export and are fetched apart.

The Group Membership Request Pattern of the Bulk Data specification. What is kept of a member is a salted hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from connectors.fhir_http import Http
from connectors.fhirpath_values import reference_key
from rwe.errors import DataError


def members(http: Http, site: str, base: str, group: str) -> list[str]:
    """Return the ids of the patients in a group.

    Raises
    ------
    DataError
        If the server does not tell.
    """
    answer = http.ask("GET", f"{base}/Group/{group}", headers={"Accept": "application/fhir+json"})
    told = answer.json()
    if answer.status != 200 or not isinstance(told, dict) or told.get("resourceType") != "Group":
        raise DataError(
            f"site '{site}': the server does not tell who is in the group ({answer}); allow it to be read, "
            "or set new_members: leave and do without the history of new members"
        )
    found = (one.get("entity") for one in told.get("member") or () if isinstance(one, dict) and not one.get("inactive"))
    keys = (reference_key(one, "Patient", base) for one in found)
    return [key for key in keys if key is not None]


def fingerprints(ids: Iterable[str], salt: str) -> dict[str, str]:
    """Return ids by their salted hashes."""
    return {hashlib.blake2b(one.encode(), digest_size=8, key=salt.encode()).hexdigest(): one for one in ids}
