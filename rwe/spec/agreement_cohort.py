# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Terms that look at all patients together: numbers, budgets, volumes and what the cohort shows."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from rwe.spec.agreement_words import Amount, Positive, Rate, Share, TermPart, faults, filled
from rwe.spec.base import Exact, Int, Part
from rwe.spec.names import EndpointName

Per = Literal["year", "contract"]


class PatientCap(TermPart):
    """The cost of patients beyond a number comes back; who began first counts first, then the smaller id."""

    type: Literal["patient_cap"]
    patients: Annotated[Int, Field(ge=0)]
    ties: Literal["first_dose_then_id"] = "first_dose_then_id"


class ExpenditureCap(TermPart):
    """A share of what was spent above an amount comes back, net of what earlier terms paid back."""

    type: Literal["expenditure_cap"]
    per: Per
    amount: Amount
    share: Share = Decimal(1)


class Tier(Part):
    """The price of one unit from a number of units on."""

    from_units: Amount
    price: Amount


class PriceVolume(TermPart):
    """The price falls with the volume: of the units in each tier (`marginal`), or of all units (`all_units`).

    Volume are the units that earlier terms left: those that came back whole do not count.
    """

    type: Literal["price_volume"]
    tiers: Annotated[tuple[Tier, ...], AfterValidator(filled)]
    mode: Literal["marginal", "all_units"]
    per: Per

    @field_validator("tiers")
    @classmethod
    def _in_order(cls, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        first = [((0, "from_units"), "the first tier must begin at 0")] if tiers[0].from_units else []
        steps = [(i, *pair) for i, pair in enumerate(pairwise(tiers), 1)]
        order = [
            ((i, "from_units"), f"{b.from_units} does not come after {a.from_units} of the tier before")
            for i, a, b in steps
            if b.from_units <= a.from_units
        ]
        dearer = [
            ((i, "price"), f"{b.price} is above {a.price} of the tier before; a price falls with the volume")
            for i, a, b in steps
            if b.price > a.price
        ]
        faults([*first, *order, *dearer])
        return tiers


class Product(Part):
    """One product of a group with a budget; `previous` is its spend of the period before, for `by: growth`.

    `spend` of the contract's own product may be left out: it is then what the ledger has left.
    """

    id: Annotated[str, Field(min_length=1)]
    spend: Amount | None = None
    budget: Amount
    previous: Amount | None = None


class Clawback(TermPart):
    """The group's spend above its budget is shared out; what falls on the contract's own product comes back."""

    type: Literal["clawback"]
    products: Annotated[tuple[Product, ...], AfterValidator(filled)]
    by: Literal["excess", "spend", "growth"]

    @model_validator(mode="after")
    def _complete(self) -> Clawback:
        ids = [product.id for product in self.products]
        twice = [
            (("products", i, "id"), f"product '{p.id}' stands twice")
            for i, p in enumerate(self.products)
            if p.id in ids[:i]
        ]
        bare = [
            (("products", i), "by: growth needs previous, the spend of the period before")
            for i, p in enumerate(self.products)
            if self.by == "growth" and p.previous is None
        ]
        faults([*twice, *bare])
        return self


class OutcomeGuarantee(TermPart):
    """Money back on all patients where the cohort's survival at `at_day` stays below `threshold`.

    The payback is ``min(cap, gamma * (threshold - estimate))`` of the spend left by earlier terms.
    `rule` says what must lie below the threshold: the upper confidence limit, or the point estimate.
    """

    type: Literal["outcome_guarantee"]
    endpoint: EndpointName
    at_day: Annotated[Int, Field(ge=1)]
    threshold: Annotated[Exact, Field(gt=0, lt=1)]
    rule: Literal["upper_limit", "point"]
    conf_level: Annotated[Rate, Field(lt=1)] = Decimal("0.95")
    gamma: Positive
    cap: Share = Decimal(1)
    min_at_risk: Annotated[Int, Field(ge=1)] = 11


class OutcomePrice(TermPart):
    """The price follows the outcome: ``(lambda * qaly_gain - other_cost) / units`` a unit.

    It changes only where it lies further than `tolerance`, a share, from the price paid: what earlier
    terms left of it.
    """

    type: Literal["outcome_price"]
    lambda_: Positive = Field(alias="lambda")
    qaly_gain: Exact
    other_cost: Exact
    units: Positive
    tolerance: Annotated[Exact, Field(ge=0, le=1)] = Decimal("0.20")
