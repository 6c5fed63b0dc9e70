# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Amounts that come from a volume, a budget or an outcome, exact and before any rounding."""

from __future__ import annotations

from fractions import Fraction

from rwe.errors import DefinitionError
from rwe.spec.agreement_cohort import Clawback, OutcomePrice, PriceVolume, Product
from rwe.spec.agreement_patient import Instalments

ZERO = Fraction(0)


def observed_price(term: OutcomePrice) -> Fraction:
    """Return the price of one unit that the outcome is worth: ``(lambda * qaly_gain - other_cost) / units``.

    Examples
    --------
    >>> term = OutcomePrice.model_validate({"id": "p", "type": "outcome_price", "lambda": "36000",
    ...     "qaly_gain": "0.30", "other_cost": "2000", "units": "24"})
    >>> round(float(observed_price(term)), 2)
    366.67
    """
    worth = Fraction(term.lambda_) * Fraction(term.qaly_gain) - Fraction(term.other_cost)
    return max(ZERO, worth / Fraction(term.units))


def due_parts(term: Instalments) -> list[Fraction]:
    """Return the amounts of the parts in which a price is paid."""
    return [Fraction(term.price) * Fraction(part.share) for part in term.parts]


def tiered(term: PriceVolume, units: Fraction) -> Fraction:
    """Return what a volume costs: each unit at the price of its tier, or all at the price of the tier reached.

    Examples
    --------
    >>> tiers = [{"from_units": "0", "price": "100"}, {"from_units": "1000", "price": "90"}]
    >>> term = PriceVolume(id="v", type="price_volume", tiers=tiers, mode="marginal")
    >>> tiered(term, Fraction(1500))
    Fraction(145000, 1)
    """
    starts = [Fraction(tier.from_units) for tier in term.tiers]
    prices = [Fraction(tier.price) for tier in term.tiers]
    if term.mode == "all_units":
        reached = max(i for i, start in enumerate(starts) if start <= units)
        return prices[reached] * units
    ends = [*starts[1:], max(units, starts[-1])]
    steps = zip(prices, starts, ends, strict=True)
    return sum((price * max(ZERO, min(units, end) - start) for price, start, end in steps), ZERO)


def clawed_back(term: Clawback, product: str, left: Fraction) -> Fraction:
    """Return what falls on a product of the group's spend above its budget, by excess, spend or growth.

    Parameters
    ----------
    left
        What the ledger says of the contract's own product; it counts where the file leaves its spend out.

    Raises
    ------
    DefinitionError
        If the group overspent and nothing tells by whom: `by: growth`, and no product grew.
    """
    over = sum((_spent(p, left) - Fraction(p.budget) for p in term.products), ZERO)
    if over <= 0:
        return ZERO
    weights = {p.id: _weight(term, p, left) for p in term.products}
    whole = sum(weights.values(), ZERO)
    if not whole:
        raise DefinitionError(
            f"term '{term.id}': the group spent more than its budget and no product grew; share it by spend"
        )
    return over * weights[product] / whole


def _spent(product: Product, left: Fraction) -> Fraction:
    return left if product.spend is None else Fraction(product.spend)


def _weight(term: Clawback, product: Product, left: Fraction) -> Fraction:
    base = {"excess": product.budget, "growth": product.previous or 0, "spend": 0}[term.by]
    return max(ZERO, _spent(product, left) - Fraction(base))
