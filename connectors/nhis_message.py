# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The NHIS (НЗИС) message: its envelope, its families, its documents, and whether it bears a signature.

``nhis:message`` holds ``nhis:header`` and ``nhis:contents``; every value stands in an attribute ``value``. What it
tells is one document, or one in each ``nhis:results`` where it answers a question. A signature (XMLDSig) is noted,
and the sha256 of the certificate in it; it is not verified here: that is what NHIS itself does before it answers.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.nhis_xml import LIMITS, Element, Limits, Malformed, parse

NAMESPACE = "https://www.his.bg"
SIGNATURES = "http://www.w3.org/2000/09/xmldsig#"
FAMILIES = {"H": "hospitalization", "R": "referral", "X": "examination", "P": "prescription", "C": "nomenclature"}
ZONE = ZoneInfo("Europe/Sofia")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_KIND = re.compile(rf"[{''.join(FAMILIES)}]\d{{3}}")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(\.\d{1,6})?(\d*)(Z|[+-]\d{2}:\d{2})?")


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was read.

    Parameters
    ----------
    id
        Its messageId in small letters: what it is known by.
    kind
        Its messageType, for example H002.
    created_on
        When it was made, in UTC.
    root
        All of it.
    documents
        What it tells: its ``contents``, or each ``results`` in them.
    sha256
        Of its bytes.
    certificate
        The sha256 of the certificate it was signed with; empty where it bears no signature.
    signed
        Whether it bears a signature.
    """

    id: str
    kind: str
    created_on: datetime
    root: Element
    documents: tuple[Element, ...]
    sha256: str
    signed: bool
    certificate: str


def read_message(data: bytes, limits: Limits = LIMITS, zone: ZoneInfo = ZONE) -> Message:
    """Return the message that these bytes are.

    Parameters
    ----------
    data
        The bytes as they were sent.
    limits
        What a message may need.
    zone
        Of times that bear none.

    Raises
    ------
    Malformed
        If they are not an NHIS message, or it lacks what it is known by.
    """
    root = parse(data, limits)
    if (root.space, root.name) != (NAMESPACE, "message"):
        raise Malformed("its root is not nhis:message of https://www.his.bg")
    contents = _only(root, "contents")
    signatures = [child for child in root.children if child.space == SIGNATURES]
    _plain(root, signatures)
    identity, kind = _header(root, "messageId"), _header(root, "messageType")
    if not _ID.fullmatch(identity):
        raise Malformed("its messageId is not an identifier (letters, digits, '-', '_', '.', at most 100)")
    if not _KIND.fullmatch(kind):
        raise Malformed(f"its messageType is of no family that is read ({', '.join(FAMILIES)} and three digits)")
    created = instant(_header(root, "createdOn"), zone)
    if created is None:
        raise Malformed("its createdOn is not a time (ISO)")
    documents = tuple(contents.all("results")) or (contents,)
    digest, certificate = hashlib.sha256(data).hexdigest(), _certificate(signatures)
    return Message(identity.casefold(), kind, created, root, documents, digest, bool(signatures), certificate)


def instant(text: str, zone: ZoneInfo) -> datetime | None:
    """Return a time in UTC, digits finer than a microsecond cut off; None where it is none.

    A time without a zone is one of `zone`; where clocks are set back or forward there, so that it came twice or
    never, it is none.

    Examples
    --------
    >>> instant("2024-07-01T10:00:00.1234567", ZONE)
    datetime.datetime(2024, 7, 1, 7, 0, 0, 123456, tzinfo=datetime.timezone.utc)
    >>> instant("2024-03-31T03:30:00", ZONE) is None
    True
    """
    found = _TIME.fullmatch(text)
    if not found:
        return None
    try:
        told = datetime.fromisoformat(found[1] + (found[2] or "") + (found[4] or ""))
        if told.tzinfo:
            return told.astimezone(UTC)
        early, late = (told.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        return None
    return early if early == late else None


def finer(text: str) -> bool:
    """Tell whether `instant` cuts off digits of a time that say anything.

    Examples
    --------
    >>> finer("2024-07-01T10:00:00.1234567"), finer("2024-07-01T10:00:00.1234560")
    (True, False)
    """
    found = _TIME.fullmatch(text.strip())
    return bool(found and found[3].strip("0"))


def _plain(root: Element, signatures: list[Element]) -> None:
    """Refuse what would be passed over without a word: elements of other namespaces, text between tags."""
    for part in (child for child in root.children if child not in signatures):
        for element in part.walk():
            if element.space != NAMESPACE:
                raise Malformed("it has elements outside the namespace of NHIS")
            if element.text:
                raise Malformed("it has text between tags; values stand in value=")


def _only(parent: Element, name: str) -> Element:
    found = parent.all(name)
    if len(found) != 1:
        raise Malformed(f"it has {len(found)} elements {name}, not one")
    return found[0]


def _header(root: Element, name: str) -> str:
    found = _only(_only(root, "header"), name).attributes.get("value", "").strip()
    if not found:
        raise Malformed(f"its {name} is empty")
    return found


def _certificate(signatures: list[Element]) -> str:
    texts = [e.text for one in signatures for e in one.walk() if e.name == "X509Certificate" and e.space == SIGNATURES]
    if not texts:
        return ""
    try:
        return hashlib.sha256(b64decode("".join(texts[0].split()), validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        raise Malformed("its certificate is not base64") from None
