# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of an agreement beside its terms: contract, prices, who and what is covered, rounding, periods, records."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from rwe.spec.agreement_words import Amount, Currency, Outcome, Positive, Rate, faults, filled
from rwe.spec.base import Exact, Flag, Int, Part
from rwe.spec.names import EndpointName, PopulationName

Days = Annotated[Int, Field(ge=0)]


class Contract(Part):
    """Who, what and when.

    Parameters
    ----------
    fx
        Units of a foreign currency for one unit of `currency`, fixed for the whole contract.
    run_off_days
        How long after `end` the doses of a treatment begun under the contract are still paid under it.
    """

    id: Annotated[str, Field(min_length=1)]
    product: str
    indication: str
    start: date
    end: date
    run_off_days: Days = 0
    currency: Currency
    fx: dict[Currency, Rate] = Field(default_factory=dict)

    @field_validator("end")
    @classmethod
    def _in_order(cls, end: date, info: ValidationInfo) -> date:
        if "start" in info.data and end < info.data["start"]:
            raise ValueError("end lies before start")
        return end

    @field_validator("fx")
    @classmethod
    def _foreign(cls, fx: dict[str, Decimal], info: ValidationInfo) -> dict[str, Decimal]:
        own = info.data.get("currency")
        faults([((own,), "is the currency of the contract; remove it")] if own in fx else [])
        return fx


class Price(Part):
    """Net price of one unit from a day on, up to and with `to`; left out, until the next price."""

    start: date = Field(alias="from")
    to: date | None = None
    net: Amount
    unit: str
    vat: Literal["excluded", "included"] = "excluded"
    currency: Currency | None = None

    @field_validator("to")
    @classmethod
    def _in_order(cls, to: date | None, info: ValidationInfo) -> date | None:
        if to and "start" in info.data and to < info.data["start"]:
            raise ValueError("lies before from")
        return to


class Vat(Part):
    """Value added tax: its rate, and whether what is settled has it in or not, whatever the prices have."""

    rate: Annotated[Exact, Field(ge=0, le=1)]
    settled: Literal["excluded", "included"]


class Index(Part):
    """Which dose is a patient's first.

    `first_dose_in_window`: a patient who had the product before the contract is not covered: never where
    `washout_days` is left out, else until more than that many days pass between two doses, whoever paid
    for them. A contract that follows another leaves `washout_days` out: then no dose of the other's run-off is
    paid under both. `rechallenge_gap_days`: a dose that many days or more after the one before starts a new
    course that is judged on its own, and covered as its first dose is; left out, all doses of a patient are
    one course.
    """

    first_dose_in_window: Flag = True
    washout_days: Annotated[Int, Field(ge=1)] | None = None
    rechallenge_gap_days: Annotated[Int, Field(ge=1)] | None = None


class Doses(Part):
    """Which doses are paid for.

    Parameters
    ----------
    fractions
        ``as_recorded``: parts of a unit are paid as parts (vials are shared, doses reduced);
        ``whole_units``: what is left of a unit is thrown away and paid.
    free_doses_start
        Whether a dose that is not charged (free of charge, or of a trial) begins the treatment.
    credit_notes
        Negative units: ``matched`` with the patient's newest earlier doses, or the settlement ``refused``.
    before_contract
        Doses before the contract: the whole settlement ``refused``, unless the file says that they are ``excluded``
        and counted (the product was in use before, and `index` says who is new).
    """

    fractions: Literal["as_recorded", "whole_units"] = "as_recorded"
    free_doses_start: Flag = False
    credit_notes: Literal["matched", "refused"] = "matched"
    before_contract: Literal["excluded", "refused"] = "refused"


class Partner(Part):
    """A product with a contract of its own that may be given together with this one, and who refunds then.

    ``each``: each contract its own product. ``other``: the partner's contract answers for the
    combination, and doses given with it are not settled here.
    """

    contract: Annotated[str, Field(min_length=1)]
    concepts: Annotated[tuple[Int, ...], AfterValidator(filled)]
    within_days: Days
    refunds: Literal["each", "other"]


class Rounding(Part):
    """When exact money becomes payable money."""

    quantum: Positive = Decimal("0.01")
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
    data_cut_lag_days: Days = 0
    restate_back_quarters: Days | None = None


class Privacy(Part):
    """Smallest number of patients that may be shown."""

    min_cell: Annotated[Int, Field(ge=1)] = 13


class Words(Part):
    """What the facts of a time-to-event endpoint are called in an assessment."""

    event: Outcome
    event_at_death: Outcome
    event_free: Outcome


class NotCharged(Part):
    """Types of records (``drug_type_concept_id``) whose doses nobody is charged for."""

    free_of_charge: tuple[Int, ...] = ()
    trial: tuple[Int, ...] = ()


class Records(Part):
    """Where doses and assessments are found in the common model and the cohort.

    `units` is what one record stands for; left out, the record's own quantity counts. An event of
    `endpoint` on the day of the event of `death_endpoint` is called `outcomes.event_at_death`.
    """

    population: PopulationName
    concepts: Annotated[tuple[Int, ...], AfterValidator(filled)]
    units: Positive | None = None
    not_charged: NotCharged = NotCharged()
    endpoint: EndpointName
    death_endpoint: EndpointName
    outcomes: Words
