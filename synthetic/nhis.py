# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Invented hospital stays as NHIS messages: first reports, corrections and cancellations, by number and seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from xml.sax.saxutils import quoteattr

from synthetic.rows import rows

Tree = Mapping[str, "Node"]
Node = str | None | Tree | Sequence["Node"]
NAMESPACE = "https://www.his.bg"
CANCELLED = "4"
_START = datetime(2024, 1, 1, 8, tzinfo=UTC)
_DISEASES = ("C34.1", "C34.9", "C50.4", "C50.9", "C18.7", "C61", "I10", "E11.9", "J44.1")
_PROCEDURES = ("30071-00", "96199-00", "90720-00")
_PATHWAYS = ("P240", "P241", "P248", "P094")
_REASONS = ("грешна дата", "допълнена диагноза", 'сгрешен код по „МКБ“ & "КП"')


@dataclass(frozen=True, slots=True)
class Stay:
    """One hospital stay, as its newest message tells it."""

    number: str
    person: Mapping[str, object]
    admitted: date
    left: date
    pathway: str
    outcome: str
    diagnoses: tuple[str, ...]
    procedures: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    void: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it is sent."""

    name: str
    data: bytes
    created_on: datetime
    stay: Stay = field(compare=False)


def envelope(
    kind: str,
    contents: Tree,
    *,
    message_id: str,
    created_on: str,
    encoding: str = "utf-8",
    signature: str = "",
) -> bytes:
    """Return a message: header, contents, every value in ``value=``; `signature` is put in as it is.

    Parameters
    ----------
    contents
        Elements by name: text, elements below, or a sequence where an element is repeated; None is left out. A
        name that begins with ``@`` is an attribute.
    """
    header: Tree = {
        "sender": "1",
        "senderId": "2300000000",
        "senderISName": "Invented 1.0",
        "recipient": "4",
        "recipientId": "NHIS",
        "messageId": message_id,
        "messageType": kind,
        "createdOn": created_on,
    }
    schema = f"{NAMESPACE} {NAMESPACE}/api/v1/NHIS-{kind}.xsd"
    root = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<nhis:message xmlns:nhis="{NAMESPACE}" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{schema}">'
    )
    body = "".join((*_element("header", header), *_element("contents", contents)))
    return f"{root}{body}{signature}</nhis:message>\n".encode(encoding)


def _element(name: str, node: Node) -> Iterator[str]:
    if isinstance(node, str):
        yield f"<nhis:{name} value={quoteattr(node)}/>"
    elif isinstance(node, Mapping):
        attributes = "".join(f" {key[1:]}={quoteattr(str(one))}" for key, one in node.items() if key.startswith("@"))
        below = "".join(part for key, one in node.items() if key[0] != "@" for part in _element(key, one))
        yield f"<nhis:{name}{attributes}>{below}</nhis:{name}>"
    else:
        for one in node or ():
            yield from _element(name, one)


def stays(n: int, *, seed: int = 0) -> Iterator[Stay]:
    """Yield the first `n` stays as they were first told; each is a function of its number and the seed."""
    people = rows("patient", max(1, n // 2), seed=seed).to_dicts()
    for i in range(n):
        chance = random.Random(f"{seed}/stay/{i}")
        admitted = (_START + timedelta(hours=i)).date()
        yield Stay(
            number=f"{admitted:%y%m%d}{i:08d}",
            person=chance.choice(people),
            admitted=admitted,
            left=admitted + timedelta(days=chance.randrange(15)),
            pathway=chance.choice(_PATHWAYS),
            outcome=str(chance.randrange(1, 5)),
            diagnoses=tuple(chance.sample(_DISEASES, chance.randrange(1, 5))),
            procedures=tuple(chance.sample(_PROCEDURES, chance.randrange(3))),
        )


def messages(n: int, *, seed: int = 0, corrected: float = 0.2, cancelled: float = 0.05) -> Iterator[Sent]:
    """Yield the messages about the first `n` stays, oldest first: a report each, some corrected or void.

    Parameters
    ----------
    corrected, cancelled
        The share of stays of which a second message tells something else, or that they are void.
    """
    told = [one for i, stay in enumerate(stays(n, seed=seed)) for one in _told(stay, i, seed, corrected, cancelled)]
    for created_on, stay in sorted(told, key=lambda one: (one[0], one[1].number)):
        identity = str(uuid.UUID(int=random.Random(f"{seed}/{created_on}/{stay.number}").getrandbits(128), version=4))
        encoding = "windows-1251" if int(stay.number[-1]) % 5 == 0 else "utf-8"
        stamp = created_on.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        data = envelope("H002", _contents(stay), message_id=identity, created_on=stamp, encoding=encoding)
        yield Sent(f"{identity}.xml", data, created_on, stay)


def _told(stay: Stay, i: int, seed: int, corrected: float, cancelled: float) -> Iterator[tuple[datetime, Stay]]:
    chance, first = random.Random(f"{seed}/told/{i}"), _START + timedelta(hours=i)
    yield first, stay
    later, draw = first + timedelta(days=1 + chance.randrange(20), minutes=1), chance.random()
    if draw < cancelled:
        yield later, replace(stay, void=True, reasons=(_REASONS[0],))
    elif draw < cancelled + corrected:
        fewer = stay.diagnoses[: 1 + chance.randrange(len(stay.diagnoses))]
        outcome = str(1 + int(stay.outcome) % 4)
        reasons = tuple(chance.sample(_REASONS, 2))
        yield later, replace(stay, outcome=outcome, diagnoses=fewer, reasons=reasons)


def _contents(stay: Stay) -> Tree:
    person = stay.person
    return {
        "hospitalization": {
            "nrnHospitalization": stay.number,
            "lrn": f"L{stay.number}",
            "status": CANCELLED if stay.void else "2",
            "correctionReason": stay.reasons,
            "admissionType": "1",
            "clinicalPathway": stay.pathway,
            "admissionDate": stay.admitted.isoformat(),
            "dischargeDate": stay.left.isoformat(),
            "daysHospitalized": str((stay.left - stay.admitted).days),
            "outcome": stay.outcome,
            "note": "",
            "diagnosis": [
                {"code": code, "use": "3" if place == 1 else "4", "rank": str(place)}
                for place, code in enumerate(stay.diagnoses, start=1)
            ],
            "procedure": [{"code": code, "datePerformed": stay.admitted.isoformat()} for code in stay.procedures],
        },
        "subject": {
            "identifierType": "1",
            "identifier": str(person["national_no"]),
            "birthDate": str(person["birth_date"]),
            "gender": "1" if person["sex"] == "M" else "2",
            "name": {"given": str(person["given_name"]), "family": str(person["family_name"])},
        },
    }


def truth(sent: Sequence[Sent]) -> dict[str, Stay]:
    """Return each stay by its number as its newest message tells it, without those that are void."""
    newest = {one.stay.number: one.stay for one in sorted(sent, key=lambda one: one.created_on)}
    return {number: stay for number, stay in newest.items() if not stay.void}
