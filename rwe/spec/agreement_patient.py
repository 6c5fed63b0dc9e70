# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Terms that look at each patient's treatment and its outcome, not at anybody else."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from rwe.spec.agreement_words import (
    DEATHS,
    UNTIMELY,
    Absence,
    Death,
    Failures,
    MissingRule,
    Positive,
    Share,
    TermPart,
    faults,
    filled,
)
from rwe.spec.base import Exact, Int, Part

Days = Annotated[Int, Field(ge=1)]
Window = tuple[Annotated[Int, Field(le=0)], Annotated[Int, Field(ge=0)]]


class Discount(TermPart):
    """A share of everything that is left comes back."""

    type: Literal["discount"]
    rate: Share


class CostSharing(TermPart):
    """A share of the first `cycles` cycles comes back; cycle k holds days (k - 1) `cycle_days` and on of a course."""

    type: Literal["cost_sharing"]
    share: Share
    cycles: Days
    cycle_days: Days


class JudgedTerm(TermPart):
    """A term that asks for each course: did the treatment work (see `rwe.reimbursement.judged`)?

    Parameters
    ----------
    assess_day, window
        Day of the assessment after the first dose; how many days before and after it still count.
    failure
        Outcomes that are failures from their own date, up to the window's end. A death that is not
        listed (of another cause) is a way of missing the assessment.
    missing
        What follows where no assessment in the window answers, by the way it is missing: ``lost``,
        ``moved`` (out of the hospitals that report), ``not_assessed``, ``assessed_early``,
        ``assessed_late`` (both follow ``not_assessed`` where they are not named), or an unlisted outcome.
        Without a rule the patient is not evaluable. ``as_assessed`` takes the early or late assessment for
        the answer, ``as_assessed_within_days_30`` only so many days outside the window.
    same_day
        Which of several records of one day counts, for example a death on the day of the assessment.
    regained
        What a response in the window is after a listed failure that was no death and no end of treatment.
    pay_day
        Day after the first dose from which the payback falls due, where that is not the day of the decision.
    """

    assess_day: Days
    window: Window
    failure: Failures
    missing: dict[Absence, MissingRule] = Field(default_factory=dict)
    same_day: Literal["worst", "best"] = "worst"
    regained: Literal["failure", "responder"] = "failure"
    pay_day: Days | None = None

    @field_validator("missing")
    @classmethod
    def _fits(cls, missing: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if both := sorted(set(missing) & set(info.data.get("failure", ()))):
            raise ValueError(f"{', '.join(both)} stands under failure too; keep one")
        faults(
            ((way,), "as_assessed needs an assessment: use it for assessed_early or assessed_late")
            for way, rule in missing.items()
            if rule.startswith("as_assessed") and way not in UNTIMELY
        )
        return missing

    @field_validator("window")
    @classmethod
    def _after_the_first_dose(cls, window: tuple[int, int], info: ValidationInfo) -> tuple[int, int]:
        if window[0] + info.data.get("assess_day", -window[0]) < 0:
            raise ValueError("the window opens before the first dose")
        return window


class PaymentByResult(JudgedTerm):
    """Money back for each patient without a result."""

    type: Literal["payment_by_result"]
    share: Share = Decimal(1)
    cost_scope: Literal["until_failure", "until_assessment", "all"]


class RiskSharing(JudgedTerm):
    """Part of the money back for each patient without a result."""

    type: Literal["risk_sharing"]
    share: Annotated[Exact, Field(gt=0, lt=1)]
    cost_scope: Literal["until_failure", "until_assessment", "all"]


class SuccessFee(JudgedTerm):
    """Nothing is paid until the patient is judged; then all doses of a responder, and none of anybody else."""

    type: Literal["success_fee"]


class Continuation(JudgedTerm):
    """After a failed or missing assessment later doses are claims rejected: after the window, nothing is paid."""

    type: Literal["continuation"]


class Instalment(Part):
    """One part of the price, due on its day after the first dose if its condition holds.

    ``given``: the first dose was given. ``alive``: no death is on record. ``response``: the assessment in
    the term's window around the day says ``response`` (not ``stable``), and no failure came before.
    """

    day: Annotated[Int, Field(ge=0)]
    share: Share
    if_: Literal["given", "alive", "response"] = Field("given", alias="if")


class Instalments(TermPart):
    """A price paid in parts at results; the first part whose condition fails ends all later ones."""

    type: Literal["instalments"]
    price: Positive
    parts: Annotated[tuple[Instalment, ...], AfterValidator(filled)]
    failure: Failures = ("progression", "progression_death", "death", "toxicity_death")
    window: Window = (-30, 30)

    @field_validator("parts")
    @classmethod
    def _one_whole_in_order(cls, parts: tuple[Instalment, ...]) -> tuple[Instalment, ...]:
        faults(
            ((i, "day"), f"day {b.day} does not come after day {a.day} of the part before")
            for i, (a, b) in enumerate(pairwise(parts), 1)
            if b.day <= a.day
        )
        if (whole := sum((part.share for part in parts), Decimal(0))) != 1:
            raise ValueError(f"the shares of the parts sum to {whole}; they must sum to 1")
        return parts


class DeathRebate(TermPart):
    """A share comes back for each patient who dies within the horizon: of the price of one unit, or of the spend.

    A death within the horizon of several courses counts once, for the last of them: from its next course on an
    earlier one is closed.
    """

    type: Literal["death_rebate"]
    rate: Share
    horizon_days: Days
    base: Literal["price", "spend"]
    deaths: Annotated[tuple[Death, ...], AfterValidator(filled)] = DEATHS


class DoseCap(TermPart):
    """Units above a number come back; the dose that crosses it is split.

    `window_days` from the first dose; left out, over the whole treatment.
    """

    type: Literal["dose_cap"]
    per: Literal["patient", "course"] = "patient"
    units: Positive
    window_days: Days | None = None


class TimeCap(TermPart):
    """Doses given `days` days or more after the first one come back."""

    type: Literal["time_cap"]
    days: Days
