# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers and dates as each language writes them, with a fixed count of decimals and a true minus."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from rwe.figures.scales import MONTH

# British forms of dates and money: what European readers of English expect
LOCALES = {"en": "en_GB", "bg": "bg_BG"}
NBSP = "\N{NO-BREAK SPACE}"
PERCENT = {"en": "%", "bg": f"{NBSP}%"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Formats of one language."""

    lang: str

    def decimal(self, value: float, places: int, *, signed: bool = False) -> str:
        """Return `value` with exactly `places` decimals; `signed` adds a plus."""
        exact = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        form = "#,##0" + ("." + "0" * places if places else "")
        text: str = format_decimal(abs(exact), format=form, locale=LOCALES[self.lang])
        # a limit just below nought stays on its side when it is rounded to nought
        below = exact < 0 or (signed and value < 0)
        sign = "\N{MINUS SIGN}" if below else "+" if signed and exact > 0 else ""
        return sign + text

    def count(self, value: float) -> str:
        """Return a whole number."""
        return self.decimal(value, 0)

    def percent(self, value: float) -> str:
        """Return a proportion as a percentage with one decimal."""
        return self.decimal(100 * value, 1) + PERCENT[self.lang]

    def hundredths(self, value: float) -> str:
        """Return a proportion in percent without the sign."""
        return self.decimal(100 * value, 1)

    def share(self, value: float) -> str:
        """Return a proportion as a whole percentage, for axes and levels of confidence."""
        return self.decimal(100 * value, 0) + PERCENT[self.lang]

    def points(self, value: float) -> str:
        """Return a difference of proportions in percentage points, signed."""
        return self.decimal(100 * value, 1, signed=True)

    def months(self, days: float) -> str:
        """Return days as months of 30.4375 days."""
        return self.decimal(days / MONTH, 1)

    def months_more(self, days: float) -> str:
        """Return a difference in days as signed months."""
        return self.decimal(days / MONTH, 1, signed=True)

    def ratio(self, value: float) -> str:
        """Return a ratio or a standardised difference with two decimals."""
        return self.decimal(value, 2)

    def one(self, value: float) -> str:
        """Return a number with one decimal."""
        return self.decimal(value, 1)

    def p_value(self, value: float) -> str:
        """Return a p-value with three decimals, or that it is below the last."""
        return "<" + NBSP + self.decimal(0.001, 3) if value < 0.001 else self.decimal(value, 3)

    def p_equals(self, value: float) -> str:
        """Return a p-value with its sign of relation, for a sentence."""
        return self.p_value(value) if value < 0.001 else f"={NBSP}{self.p_value(value)}"

    def money(self, value: float, currency: str) -> str:
        """Return an amount to the last cent."""
        exact = Decimal(repr(float(value))).quantize(Decimal("0.01"), ROUND_HALF_UP)
        text: str = format_currency(abs(exact), currency, locale=LOCALES[self.lang])
        return ("\N{MINUS SIGN}" if exact < 0 else "") + text

    def date(self, day: date) -> str:
        """Return a day in words."""
        text: str = format_date(day, format="long", locale=LOCALES[self.lang])
        return text

    def instant(self, at: datetime) -> str:
        """Return an instant in words, in UTC."""
        text: str = format_datetime(at, format="d MMMM y, HH:mm", tzinfo=None, locale=LOCALES[self.lang])
        return f"{text} UTC"
