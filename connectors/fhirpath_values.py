# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What FHIRPath knows of values: equality and order of numbers, texts and partial times; boundaries; references."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from rwe.errors import DataError

Items = list[Any]

_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d(?:\.\d+)?))?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
_CLOCK = re.compile(r"T?(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d(?:\.\d+)?))?)?")
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_ABSOLUTE = re.compile(
    r"(?P<base>[a-z][a-z0-9+.-]*://.+?)/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#]+)(?:/_history/[^/]+)?"
)
_RELATIVE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#]+)(?:/_history/[^/]+)?")
_EXACT_PRIMITIVES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "decimal": (Decimal, float, int),
}


def number(value: Any) -> Decimal | None:
    """Return a JSON number exactly, None for anything else; true and false are not numbers."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(value) if isinstance(value, int) else Decimal(str(value))


def equal(left: Any, right: Any) -> bool | None:
    """Return whether two values are equal; None where their precision does not tell."""
    if (a := number(left)) is not None and (b := number(right)) is not None:
        return a == b
    if isinstance(left, str) and isinstance(right, str):
        return True if left == right else _moments(left, right, default=False)
    return type(left) is type(right) and bool(left == right)


def before(left: Any, right: Any, where: str) -> int | None:
    """Return a sign below, at or above 0 as `left` comes before, with or after `right`; None where it is not known.

    Raises
    ------
    DataError
        If such values have no order.
    """
    if (a := number(left)) is not None and (b := number(right)) is not None:
        return (a > b) - (a < b)
    if isinstance(left, str) and isinstance(right, str):
        if _TIME.fullmatch(left) and _TIME.fullmatch(right) and "-" in left + right:
            return _sign(left, right)
        return (left > right) - (left < right)
    raise DataError(f"path '{where}': compares values of different types")


def _moments(left: str, right: str, *, default: bool) -> bool | None:
    """Two texts that differ may be one moment told in two zones; any other texts give the default."""
    if "T" not in left or "T" not in right or not (_TIME.fullmatch(left) and _TIME.fullmatch(right)):
        return default
    sign = _sign(left, right)
    return None if sign is None else sign == 0


def _sign(left: str, right: str) -> int | None:
    """Compare two FHIR dates or times as far as both tell; None where the shorter one leaves it open."""
    a, b = _TIME.fullmatch(left), _TIME.fullmatch(right)
    if a is None or b is None:
        return None
    if a["zone"] and b["zone"] and a["second"] and b["second"]:
        x, y = _instant(a), _instant(b)
        return (x > y) - (x < y)
    for part in _PARTS:
        if a[part] is None or b[part] is None:
            return 0 if a[part] is b[part] else None
        if a[part] != b[part]:
            return 1 if float(a[part]) > float(b[part]) else -1
    return 0


def _instant(found: re.Match[str]) -> tuple[datetime, Decimal]:
    whole = f"{found['year']}-{found['month']}-{found['day']}T{found['hour']}:{found['minute']}:00{found['zone']}"
    try:
        return datetime.fromisoformat(whole), Decimal(found["second"])
    except ValueError:
        raise DataError("a time of day or a day that does not exist is compared with another") from None


def boundary(value: Any, *, high: bool) -> Any:
    """Return the lowest or highest value that a number, date or time of such precision may stand for."""
    if (exact := number(value)) is not None:
        half = Decimal((0, (5,), int(exact.as_tuple().exponent) - 1))
        return exact + half if high else exact - half
    if not isinstance(value, str):
        return None
    if clock := _CLOCK.fullmatch(value) if ":" in value and "-" not in value else None:
        return _clock(clock, high=high)
    found = _TIME.fullmatch(value)
    return _when(found, high=high) if found else None


def _clock(found: re.Match[str], *, high: bool) -> str:
    minute, second = found["minute"] or ("59" if high else "00"), found["second"] or ("59" if high else "00")
    return f"{found['hour']}:{minute}:{_thousandths(second, high=high)}"


def _thousandths(second: str, *, high: bool) -> str:
    whole, _, rest = second.partition(".")
    return f"{whole}.{rest[:3].ljust(3, '9' if high else '0')}"


def _when(found: re.Match[str], *, high: bool) -> str:
    month = found["month"] or ("12" if high else "01")
    last = calendar.monthrange(int(found["year"]), int(month))[1]
    day = f"{found['year']}-{month}-{found['day'] or (f'{last:02}' if high else '01')}"
    if not found["day"]:
        return day
    hour, minute, second = ("23", "59", "59") if high else ("00", "00", "00")
    clock = f"{found['hour'] or hour}:{found['minute'] or minute}"
    zone = found["zone"] or ("-12:00" if high else "+14:00")
    return f"{day}T{clock}:{_thousandths(found['second'] or second, high=high)}{zone}"


def is_of(value: Any, name: str) -> bool:
    """Return whether a value is of a type, as far as plain JSON tells."""
    if isinstance(value, dict):
        return value.get("resourceType") == name or ("resourceType" not in value and name[:1].isupper())
    if name in _EXACT_PRIMITIVES:
        return isinstance(value, _EXACT_PRIMITIVES[name]) and (name == "boolean") is isinstance(value, bool)
    return isinstance(value, str) and name[:1].islower()


def reference_key(reference: Any, wanted: str | None, base: str) -> str | None:
    """Return the id that a reference leads to, None where it leads to no resource of the `wanted` type.

    Parameters
    ----------
    reference
        A FHIR Reference.
    wanted
        Type of resource asked for, any where None.
    base
        Address of this server. An absolute reference under it is one of ours; one under another address stays
        whole, so that a stranger's ``Patient/1`` never becomes our own.

    Examples
    --------
    >>> reference_key({"reference": "https://h.bg/r4/Patient/7"}, "Patient", "https://h.bg/r4")
    '7'
    >>> reference_key({"reference": "https://other.bg/r4/Patient/7"}, "Patient", "https://h.bg/r4")
    'https://other.bg/r4/Patient/7'
    """
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return None
    if text.startswith("urn:uuid:"):
        told = reference.get("type")
        return text.removeprefix("urn:uuid:") if wanted is None or told in (None, wanted) else None
    found = _RELATIVE.fullmatch(text) or _ABSOLUTE.fullmatch(text)
    if found is None or (wanted is not None and found["type"] != wanted):
        return None
    ours = "base" not in found.re.groupindex or found["base"] == base.rstrip("/")
    return unquote(found["id"]) if ours else text


def resolve_contained(reference: Any, resource: dict[str, Any]) -> Items:
    """Return the contained resource that a reference names; others are rows of their own."""
    text = reference.get("reference") if isinstance(reference, dict) else reference
    if not isinstance(text, str) or not text.startswith("#"):
        return []
    inside: Sequence[Any] = resource.get("contained") or ()
    return [one for one in inside if isinstance(one, dict) and one.get("id") == text[1:]]
