# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Words of agreements: outcomes, rules for missing assessments, currencies, shares, and faults placed on their key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from rwe.spec.base import Exact, Name, Part, Text, Where
from rwe.spec.names import unknown

RESPONSES = ("response", "stable")
FAILURES = ("progression", "progression_death", "death", "toxicity_stop", "toxicity_death")
DEATHS = ("progression_death", "death", "toxicity_death")
AWAY = ("lost", "moved")
OUTCOMES = (*RESPONSES, *FAILURES, *AWAY)
UNTIMELY = ("assessed_early", "assessed_late")
ABSENCES = (*AWAY, "not_assessed", *UNTIMELY, *FAILURES)
RULES = ("not_evaluable", "responder", "failure", "failure_after_days_90", "as_assessed", "as_assessed_within_days_30")
RULE = re.compile(r"not_evaluable|responder|failure|failure_after_days_[0-9]+|as_assessed(_within_days_[0-9]+)?")


def faults(found: Iterable[tuple[Where, str]]) -> None:
    """Raise all faults at once, each on its own key below the part that is checked; none, and nothing happens."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("agreement", message.replace("{", "{{")), loc=where, input=None)
        for where, message in found
    ]
    if errors:
        raise ValidationError.from_exception_data("agreement", errors)


def _one_of(allowed: tuple[str, ...], what: str) -> AfterValidator:
    def check(word: str) -> str:
        if word not in allowed:
            raise ValueError(unknown(word, allowed, what))
        return word

    return AfterValidator(check)


def filled(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse an empty list; pydantic's own min_length would add a second fault where the only item is wrong."""
    if not items:
        raise ValueError("needs at least one item")
    return items


def _exact_float(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


def _missing_rule(rule: str) -> str:
    if not RULE.fullmatch(rule):
        raise ValueError(unknown(rule, RULES, "rule"))
    return rule


def _currency(code: str) -> str:
    from babel.numbers import list_currencies

    # those that are no more stay for contracts that span a change of currency
    if code not in list_currencies():
        raise ValueError(f"unknown currency '{code}'; give its three letters of ISO 4217, for example EUR")
    return code


Share = Annotated[Exact, Field(gt=0, le=1)]
Positive = Annotated[Exact, Field(gt=0)]
Amount = Annotated[Exact, Field(ge=0)]
Rate = Annotated[Decimal, BeforeValidator(_exact_float), Field(gt=0)]
Currency = Annotated[str, AfterValidator(_currency)]
Outcome = Annotated[str, _one_of(OUTCOMES, "outcome")]
Failure = Annotated[str, _one_of(FAILURES, "failure outcome")]
Failures = Annotated[tuple[Failure, ...], AfterValidator(filled)]
Death = Annotated[str, _one_of(DEATHS, "death")]
Absence = Annotated[str, _one_of(ABSENCES, "way of missing an assessment")]
MissingRule = Annotated[str, AfterValidator(_missing_rule)]


class TermPart(Part):
    """What every term has: a name that lines carry, and the legal text it stands for."""

    id: Name
    wording: Text | None = None
