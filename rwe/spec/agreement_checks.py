# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What one part of an agreement demands of another: prices of the contract, tax, products, ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rwe.spec.agreement_cohort import Clawback
from rwe.spec.agreement_parts import Contract, Partner, Price, Records, Vat
from rwe.spec.agreement_patient import Instalments, JudgedTerm
from rwe.spec.agreement_words import ABSENCES, UNTIMELY
from rwe.spec.base import Where

Fault = tuple[Where, str]
DAY = timedelta(days=1)


def price_faults(prices: Sequence[Price], contract: Contract | None, vat: Vat | None) -> Iterator[Fault]:
    """Yield what is wrong with the prices: each day of the contract has one, in a known currency and tax."""
    for i, (before, price) in enumerate(pairwise(prices), 1):
        yield from _beside(i, before, price)
    for i, price in enumerate(prices[1:], 1):
        if price.unit != prices[0].unit:
            yield (i, "unit"), "all prices need the same unit"
        if price.vat != prices[0].vat and vat is None:
            yield (i, "vat"), "prices with and without VAT need the section vat, its rate and what is settled"
    if contract:
        yield from _of_contract(prices, contract)


def _beside(i: int, before: Price, price: Price) -> Iterator[Fault]:
    if price.start <= before.start:
        yield (i, "from"), "prices must stand in the order of their days, one a day"
    elif before.to and price.start <= before.to:
        yield (i, "from"), f"overlaps the price before, which holds up to {before.to}"
    elif before.to and price.start > before.to + DAY:
        yield (i, "from"), f"no price from {before.to + DAY} to {price.start - DAY}"


def _of_contract(prices: Sequence[Price], contract: Contract) -> Iterator[Fault]:
    if prices[0].start > contract.start:
        yield (0, "from"), f"no price from {contract.start}, the start of the contract"
    last, final = prices[-1].to, last_paid_day(contract)
    if last and last < final:
        yield (len(prices) - 1, "to"), f"no price from {last + DAY} to {final}, the last day that is paid for"
    for i, price in enumerate(prices):
        if price.currency not in (None, contract.currency, *contract.fx):
            yield (i, "currency"), f"no rate for {price.currency} under contract.fx"


def last_paid_day(contract: Contract) -> date:
    """Return the last day whose doses are paid for: the end, and the run-off after it."""
    return contract.end + timedelta(days=contract.run_off_days)


def term_faults(terms: Sequence[Any], contract: Contract | None) -> Iterator[Fault]:
    """Yield what is wrong between the terms: an id used twice, a group without the contract's product or a spend."""
    ids = [term.id for term in terms]
    for i, term in enumerate(terms):
        if term.id in ids[:i]:
            yield (i, "id"), f"id used twice: {term.id}"
        if isinstance(term, Clawback) and contract and contract.product not in {p.id for p in term.products}:
            yield (i, "products"), f"'{contract.product}', the product of the contract, is not among them"
        if isinstance(term, Clawback) and contract:
            for j, product in enumerate(term.products):
                if product.spend is None and product.id != contract.product:
                    yield (i, "products", j), "needs its spend: the ledger knows only the contract's own product"


def remarks(terms: Sequence[Any], prices: Sequence[Price], contract: Contract) -> Iterator[Fault]:
    """Yield what may mislead: ways of missing an assessment without a rule, parts of a price that no unit has."""
    dearest = max(price.net / contract.fx.get(price.currency or "", Decimal(1)) for price in prices)
    for i, term in enumerate(terms):
        if isinstance(term, Instalments) and term.price > dearest:
            above = f"the parts sum to {term.price}, more than a unit costs ({dearest.quantize(Decimal('0.01'))})"
            yield ("terms", i, "price"), f"{above}: on a course of one unit less is held back than they say"
        if isinstance(term, JudgedTerm):
            ruled = {*term.failure, *term.missing, *UNTIMELY}
            if bare := [way for way in ABSENCES if way not in ruled]:
                yield ("terms", i, "missing"), f"no rule for {', '.join(bare)}: such a patient is not evaluable"


def partner_faults(partners: Sequence[Partner], contract: Contract | None) -> Iterator[Fault]:
    """Yield what is wrong with the partners: one named twice, or the contract itself."""
    names = [partner.contract for partner in partners]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield (i, "contract"), f"partner named twice: {name}"
        if contract and name == contract.id:
            yield (i, "contract"), "is this contract itself"


def concept_faults(records: Records, partners: Sequence[Partner]) -> Iterator[Fault]:
    """Yield concepts that are of the product and of a partner: each dose would be given together with itself."""
    theirs = {concept: partner.contract for partner in partners for concept in partner.concepts}
    for i, concept in enumerate(records.concepts):
        if concept in theirs:
            yield ("concepts", i), f"concept {concept} stands under the partner {theirs[concept]} too; keep one"
