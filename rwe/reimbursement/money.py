# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Exact money: fractions until the agreement rounds, and parts that add up to their sum."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
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


def allocate(total: Decimal, wanted: Sequence[Fraction], room: Sequence[Decimal], quantum: Decimal) -> list[Decimal]:
    """Split `total` in proportion to `wanted` so that the parts sum to it exactly.

    Each part is rounded down; the quanta left go one each to the largest remainders (Hamilton's
    method), the earlier first among equals, and none goes above its `room`.
    """
    step, whole = Fraction(quantum), sum(wanted, Fraction(0))
    exact = [part * Fraction(total) / whole / step if whole else Fraction(0) for part in wanted]
    places = [int(most / quantum) for most in room]
    quanta = [min(math.floor(part), most) for part, most in zip(exact, places, strict=True)]
    left = int(total / quantum) - sum(quanta)
    for i in sorted(range(len(exact)), key=lambda i: (quanta[i] - exact[i], i)):
        if left and quanta[i] < places[i]:
            quanta[i] += 1
            left -= 1
    return [n * quantum for n in quanta]


def period_of(day: date, every: str) -> str:
    """Return the settlement period of `day`: ``1985``, ``1985-Q2`` or ``1985-05``."""
    if every == "year":
        return f"{day.year}"
    return f"{day.year}-Q{(day.month + 2) // 3}" if every == "quarter" else f"{day.year}-{day.month:02d}"


def period_end(day: date, every: str) -> date:
    """Return the last day of the settlement period of `day`."""
    month = {"year": 12, "quarter": (day.month + 2) // 3 * 3, "month": day.month}[every]
    return date(day.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
