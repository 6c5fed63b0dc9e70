# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A managed entry agreement as a file: what is paid for, and the terms under which money comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from rwe.spec.agreement_checks import concept_faults, partner_faults, price_faults, term_faults
from rwe.spec.agreement_cohort import (
    Clawback,
    ExpenditureCap,
    OutcomeGuarantee,
    OutcomePrice,
    PatientCap,
    PriceVolume,
)
from rwe.spec.agreement_parts import (
    Contract,
    Doses,
    Index,
    Partner,
    Price,
    Privacy,
    Records,
    Rounding,
    Schedule,
    Vat,
)
from rwe.spec.agreement_patient import (
    Continuation,
    CostSharing,
    DeathRebate,
    Discount,
    DoseCap,
    Instalments,
    JudgedTerm,
    PaymentByResult,
    RiskSharing,
    SuccessFee,
    TimeCap,
)
from rwe.spec.agreement_words import OUTCOMES, RESPONSES, faults, filled
from rwe.spec.base import Part, Text, read
from rwe.spec.names import Context, unknown

__all__ = [
    "OUTCOMES",
    "RESPONSES",
    "TYPES",
    "Agreement",
    "JudgedTerm",
    "OutcomeGuarantee",
    "PatientTerm",
    "PaymentByResult",
    "Records",
    "RiskSharing",
    "load_agreement",
]

PatientTerm = PaymentByResult | RiskSharing
AnyTerm = (
    Discount
    | CostSharing
    | PaymentByResult
    | RiskSharing
    | SuccessFee
    | Continuation
    | Instalments
    | DeathRebate
    | DoseCap
    | TimeCap
    | PatientCap
    | ExpenditureCap
    | PriceVolume
    | Clawback
    | OutcomeGuarantee
    | OutcomePrice
)
TYPES = tuple(get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(AnyTerm))


def _known_type(term: Any) -> Any:
    """Place an unknown `type` on its own key; pydantic alone would only name the whole term."""
    if isinstance(term, dict) and "type" in term and term["type"] not in TYPES:
        faults([(("type",), unknown(term["type"], TYPES, "term type"))])
    return term


Term = Annotated[AnyTerm, Field(discriminator="type"), BeforeValidator(_known_type)]


class Agreement(Part):
    """The whole contract file; its terms apply in their order, each on what the ones before have left."""

    title: Text | None = None
    note: Text | None = None
    contract: Contract
    vat: Vat | None = None
    price: Annotated[tuple[Price, ...], AfterValidator(filled)]
    index: Index = Index()
    doses: Doses = Doses()
    combination: tuple[Partner, ...] = ()
    terms: Annotated[tuple[Term, ...], AfterValidator(filled)]
    rounding: Rounding = Rounding()
    settlement: Schedule = Schedule()
    privacy: Privacy = Privacy()
    records: Records | None = None

    @field_validator("price")
    @classmethod
    def _every_day_once(cls, price: tuple[Price, ...], info: ValidationInfo) -> tuple[Price, ...]:
        faults(price_faults(price, info.data.get("contract"), info.data.get("vat")))
        return price

    @field_validator("combination")
    @classmethod
    def _partners(cls, combination: tuple[Partner, ...], info: ValidationInfo) -> tuple[Partner, ...]:
        faults(partner_faults(combination, info.data.get("contract")))
        return combination

    @field_validator("records")
    @classmethod
    def _own_concepts(cls, records: Records | None, info: ValidationInfo) -> Records | None:
        faults(concept_faults(records, info.data.get("combination", ())) if records else [])
        return records

    @field_validator("terms")
    @classmethod
    def _fit_together(cls, terms: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        faults(term_faults(terms, info.data.get("contract")))
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
