# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A managed entry agreement as a file: what is paid for, and the terms under which money comes back."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rwe.spec.base import Exact, Flag, Int, Name, Part, Text, read
from rwe.spec.names import Context, EndpointName, PopulationName, unknown

RESPONSES = ("response", "stable")
FAILURES = ("progression", "progression_death", "death", "toxicity_stop", "toxicity_death")
OUTCOMES = (*RESPONSES, *FAILURES, "lost")
TYPES = ("payment_by_result", "risk_sharing", "outcome_guarantee")
MISSING = re.compile(r"not_evaluable|responder|failure|failure_after_days_[0-9]+")


def _one_of(allowed: tuple[str, ...], what: str) -> AfterValidator:
    def check(word: str) -> str:
        if word not in allowed:
            raise ValueError(unknown(word, allowed, what))
        return word

    return AfterValidator(check)


def _filled(items: tuple[Any, ...]) -> tuple[Any, ...]:
    # pydantic's own min_length would add a second fault where the only item is wrong
    if not items:
        raise ValueError("needs at least one item")
    return items


def _exact_float(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


def _missing_rule(rule: str) -> str:
    if not MISSING.fullmatch(rule):
        raise ValueError(unknown(rule, ("not_evaluable", "responder", "failure", "failure_after_days_90"), "rule"))
    return rule


def _known_type(term: Any) -> Any:
    """Place an unknown `type` on its own key; pydantic alone would only name the whole term."""
    if isinstance(term, dict) and "type" in term and term["type"] not in TYPES:
        message = unknown(term["type"], TYPES, "term type").replace("{", "{{")
        fault = InitErrorDetails(type=PydanticCustomError("term_type", message), loc=("type",), input=term["type"])
        raise ValidationError.from_exception_data("term", [fault])
    return term


Share = Annotated[Exact, Field(gt=0, le=1)]
Rate = Annotated[Decimal, BeforeValidator(_exact_float), Field(gt=0)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Outcome = Annotated[str, _one_of(OUTCOMES, "outcome")]
Failure = Annotated[str, _one_of(FAILURES, "failure outcome")]
Absence = Annotated[str, _one_of(("lost", "not_assessed", *FAILURES), "way of missing an assessment")]
MissingRule = Annotated[str, AfterValidator(_missing_rule)]


class Contract(Part):
    """Who, what and when; `fx` holds units of a foreign currency for one unit of `currency`."""

    id: Annotated[str, Field(min_length=1)]
    product: str
    indication: str
    start: date
    end: date
    currency: Currency
    fx: dict[Currency, Rate] = Field(default_factory=dict)

    @field_validator("end")
    @classmethod
    def _in_order(cls, end: date, info: ValidationInfo) -> date:
        if "start" in info.data and end < info.data["start"]:
            raise ValueError("end lies before start")
        return end


class Price(Part):
    """Net price of one unit from a day on, until the next price."""

    start: date = Field(alias="from")
    net: Annotated[Exact, Field(ge=0)]
    unit: str
    vat: Literal["excluded", "included"] = "excluded"
    currency: Currency | None = None


class Index(Part):
    """Which dose is a patient's first.

    `first_dose_in_window`: a patient who had the product before the contract (within
    `washout_days` of the first dose inside it, ever where that is left out) is not covered.
    `rechallenge_gap_days`: a dose that many days or more after the one before starts a new course
    that is judged on its own; left out, all doses of a patient are one course.
    """

    first_dose_in_window: Flag = True
    washout_days: Annotated[Int, Field(ge=1)] | None = None
    rechallenge_gap_days: Annotated[Int, Field(ge=1)] | None = None


class Rounding(Part):
    """When exact money becomes payable money."""

    quantum: Annotated[Exact, Field(gt=0)] = Decimal("0.01")
    mode: Literal["half_up"] = "half_up"
    level: Literal["patient_period"] = "patient_period"

    @field_validator("quantum")
    @classmethod
    def _power_of_ten(cls, quantum: Decimal) -> Decimal:
        if quantum.normalize().as_tuple().digits != (1,) or quantum > 1:
            raise ValueError('must be "1", "0.1", "0.01", ...')
        return quantum.normalize()


class Schedule(Part):
    """How often it is settled: a period is final `data_cut_lag_days` after its end.

    Each settlement is made from all records known, so it restates every period;
    `restate_back_quarters` says how far back a difference from an earlier one is still paid.
    """

    every: Literal["month", "quarter", "year"] = "quarter"
    data_cut_lag_days: Annotated[Int, Field(ge=0)] = 0
    restate_back_quarters: Annotated[Int, Field(ge=0)] | None = None


class Privacy(Part):
    """Smallest number of patients that may be shown."""

    min_cell: Annotated[Int, Field(ge=1)] = 13


class _PatientTerm(Part):
    """What comes back for a patient whose treatment failed (see `rwe.reimbursement.judge`)."""

    id: Name
    share: Share
    assess_day: Annotated[Int, Field(ge=1)]
    window: tuple[Annotated[Int, Field(le=0)], Annotated[Int, Field(ge=0)]]
    failure: Annotated[tuple[Failure, ...], AfterValidator(_filled)]
    missing: dict[Absence, MissingRule] = Field(default_factory=dict)
    cost_scope: Literal["until_failure", "until_assessment", "all"]

    @field_validator("missing")
    @classmethod
    def _not_both(cls, missing: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if both := sorted(set(missing) & set(info.data.get("failure", ()))):
            raise ValueError(f"{', '.join(both)} stands under failure too; keep one")
        return missing


class PaymentByResult(_PatientTerm):
    """Money back for each patient without a result."""

    type: Literal["payment_by_result"]
    share: Share = Decimal(1)


class RiskSharing(_PatientTerm):
    """Part of the money back for each patient without a result."""

    type: Literal["risk_sharing"]
    share: Annotated[Exact, Field(gt=0, lt=1)]


class OutcomeGuarantee(Part):
    """Money back on all patients where the cohort's survival at `at_day` stays below `threshold`.

    The payback is ``min(cap, gamma * (threshold - estimate))`` of the spend left by earlier terms.
    `rule` says what must lie below the threshold: the upper confidence limit, or the point estimate.
    """

    id: Name
    type: Literal["outcome_guarantee"]
    endpoint: EndpointName
    at_day: Annotated[Int, Field(ge=1)]
    threshold: Annotated[Exact, Field(gt=0, lt=1)]
    rule: Literal["upper_limit", "point"]
    conf_level: Annotated[Rate, Field(lt=1)] = Decimal("0.95")
    gamma: Annotated[Exact, Field(gt=0)]
    cap: Share = Decimal(1)
    min_at_risk: Annotated[Int, Field(ge=1)] = 11


PatientTerm = PaymentByResult | RiskSharing
Term = Annotated[
    PaymentByResult | RiskSharing | OutcomeGuarantee, Field(discriminator="type"), BeforeValidator(_known_type)
]


class Words(Part):
    """What the facts of a time-to-event endpoint are called in an assessment."""

    event: Outcome
    event_at_death: Outcome
    event_free: Outcome


class Records(Part):
    """Where doses and assessments are found in the common model and the cohort.

    `units` is what one record stands for; left out, the record's own quantity counts. An event of
    `endpoint` on the day of the event of `death_endpoint` is called `outcomes.event_at_death`.
    """

    population: PopulationName
    concepts: Annotated[tuple[Int, ...], AfterValidator(_filled)]
    units: Annotated[Exact, Field(gt=0)] | None = None
    endpoint: EndpointName
    death_endpoint: EndpointName
    outcomes: Words


class Agreement(Part):
    """The whole contract file."""

    title: Text | None = None
    note: Text | None = None
    contract: Contract
    price: Annotated[tuple[Price, ...], AfterValidator(_filled)]
    index: Index = Index()
    terms: Annotated[tuple[Term, ...], AfterValidator(_filled)]
    rounding: Rounding = Rounding()
    settlement: Schedule = Schedule()
    privacy: Privacy = Privacy()
    records: Records | None = None

    @field_validator("price")
    @classmethod
    def _covers_the_contract(cls, price: tuple[Price, ...], info: ValidationInfo) -> tuple[Price, ...]:
        days = [p.start for p in price]
        if days != sorted(set(days)):
            raise ValueError("prices must stand in the order of their days, one a day")
        if len({(p.unit, p.vat) for p in price}) > 1:
            raise ValueError("all prices need the same unit and vat")
        if contract := info.data.get("contract"):
            if days[0] > contract.start:
                raise ValueError(f"no price from {contract.start}, the start of the contract")
            if strange := {p.currency or contract.currency for p in price} - {contract.currency, *contract.fx}:
                raise ValueError(f"no rate for {', '.join(sorted(strange))} under contract.fx")
        return price

    @field_validator("terms")
    @classmethod
    def _ids_once(cls, terms: tuple[Any, ...]) -> tuple[Any, ...]:
        ids = [term.id for term in terms]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"id used twice: {', '.join(twice)}")
        return terms


def load_agreement(path: str | Path, context: Context | None = None) -> Agreement:
    """Read a contract file; with `context`, what the study defines, its names are held against the study.

    Raises
    ------
    DefinitionError
        With all faults of the file at once, each with its place; an unknown term type or outcome
        word comes with the nearest known one.
    """
    return read(Path(path), Agreement, context)
