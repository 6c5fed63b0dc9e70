# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Exact money: fractions until the agreement rounds, and the periods in which it is settled."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from rwe.spec.agreement import Agreement
from rwe.spec.agreement_parts import Vat


def net_price(agreement: Agreement, day: date) -> Fraction:
    """Return the price of one unit on `day`, in the currency of the contract, with or without VAT as it is settled."""
    contract = agreement.contract
    price = agreement.price[bisect_right([p.start for p in agreement.price], day) - 1]
    rate = contract.fx[price.currency] if price.currency and price.currency != contract.currency else Decimal(1)
    return Fraction(price.net) / Fraction(rate) * _tax(agreement.vat, price.vat)


def _tax(vat: Vat | None, priced: str) -> Fraction:
    """Return what a price is multiplied by, so that VAT is in it or not as it is settled."""
    if vat is None or vat.settled == priced:
        return Fraction(1)
    whole = 1 + Fraction(vat.rate)
    return whole if vat.settled == "included" else 1 / whole


def half_up(amount: Fraction, quantum: Decimal) -> Decimal:
    """Round an amount >= 0 to whole quanta, a half going up.

    Examples
    --------
    >>> half_up(Fraction("0.125"), Decimal("0.01"))
    Decimal('0.13')
    """
    return math.floor(amount / Fraction(quantum) + Fraction(1, 2)) * quantum


def period_of(day: date, every: str) -> str:
    """Return the settlement period of `day`: ``1985``, ``1985-Q2`` or ``1985-05``."""
    if every == "year":
        return f"{day.year}"
    return f"{day.year}-Q{(day.month + 2) // 3}" if every == "quarter" else f"{day.year}-{day.month:02d}"


def period_end(day: date, every: str) -> date:
    """Return the last day of the settlement period of `day`."""
    month = {"year": 12, "quarter": (day.month + 2) // 3 * 3, "month": day.month}[every]
    return date(day.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
