# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A settlement in plain Python integers, dose by dose and term by term: what `settle` must come to on columns."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any

from rwe.reimbursement import Agreement
from rwe.reimbursement.money import net_price, period_of
from rwe.spec.agreement import JudgedTerm
from tests.numerics.plain_judge import Judgement, Seen, judge

MILLIONTHS = 10**6
DEATHS = ("progression_death", "death", "toxicity_death")
Lines = dict[tuple[str, int, int, str], Decimal]


@dataclass
class Dose:
    """One administration, the atoms of its cost that no term has paid back, and the units that have not come back."""

    day: date
    units: Fraction
    price: Fraction
    left: int
    sold: Fraction


@dataclass
class Course:
    """One course of treatment and the quanta of its cost that may still be paid back."""

    person: int
    number: int
    doses: list[Dose]
    payable: int
    next: date | None = None

    @property
    def first(self) -> date:
        """Return the day from which assessment days count."""
        return self.doses[0].day


class Plain:
    """The plain settlement of one agreement; `rates` are what outcome guarantees come to."""

    def __init__(
        self, agreement: Agreement, doses: Sequence[tuple[int, date, str, str]], seen: dict[int, list[Seen]],
        as_of: date, rates: dict[str, Fraction],
    ) -> None:  # fmt: skip
        self.agreement, self.seen, self.as_of, self.rates = agreement, seen, as_of, rates
        self.lines: Lines = defaultdict(Decimal)
        self.atoms = self._atoms()
        self.quantum = int(Fraction(agreement.rounding.quantum) * self.atoms)
        self.courses = self._courses(doses)
        self.gross = sum(course.payable for course in self.courses) * agreement.rounding.quantum
        quantum = agreement.rounding.quantum
        self.spend = {(course.person, course.number): course.payable * quantum for course in self.courses}
        for term in agreement.terms:
            getattr(self, f"_{term.type}")(term)
        self.total = sum(self.lines.values(), Decimal(0))

    def _atoms(self) -> int:
        whole = [Fraction(self.agreement.rounding.quantum)]
        whole += [net_price(self.agreement, price.start) / MILLIONTHS for price in self.agreement.price]
        for term in self.agreement.terms:
            if term.type == "instalments":
                whole += [Fraction(term.price) * Fraction(part.share) for part in term.parts]
            if term.type == "outcome_price":
                whole.append(worth(term) / MILLIONTHS)
        return math.lcm(*(number.denominator for number in whole))

    def _courses(self, doses: Sequence[tuple[int, date, str, str]]) -> list[Course]:
        gap, found = self.agreement.index.rechallenge_gap_days, []
        rows = sorted(doses, key=lambda row: (row[0], row[1], row[3], Fraction(row[2])))
        for person, theirs in groupby(rows, key=lambda row: row[0]):
            parts: list[list[Dose]] = []
            for _, day, text, _ in theirs:
                price = net_price(self.agreement, day)
                dose = Dose(day, Fraction(text), price, int(Fraction(text) * price * self.atoms), Fraction(text))
                if parts and not (gap and (day - parts[-1][-1].day).days >= gap):
                    parts[-1].append(dose)
                else:
                    parts.append([dose])
            mine = [
                Course(person, i, part, self._half_up(sum(d.left for d in part))) for i, part in enumerate(parts, 1)
            ]
            for course, following in pairwise(mine):
                course.next = following.first
            found += mine
        return found

    def _half_up(self, atoms: Fraction | int) -> int:
        return math.floor(Fraction(atoms) / self.quantum + Fraction(1, 2))

    def _pay(
        self, term: Any, course: Course, day: date, doses: list[Dose], reach: list[int], owed: int,
        units: Callable[[Course, Dose], Fraction] = lambda _, dose: dose.sold,
    ) -> None:  # fmt: skip
        """Pay back on the doses in proportion to `reach`, by running totals; of what comes back whole the units too."""
        amount, whole = min(owed, course.payable), sum(reach)
        if owed and owed >= self._half_up(whole):
            for dose, part in zip(doses, reach, strict=True):
                dose.sold -= units(course, dose) if part else 0
        atoms, upto, before = min(amount * self.quantum, whole), 0, 0
        for dose, part in zip(doses, reach, strict=True):
            upto += part
            reached = atoms * upto // whole if whole else 0
            dose.left -= reached - before
            before = reached
        course.payable -= amount
        period = period_of(day, self.agreement.settlement.every)
        if amount:
            self.lines[term.id, course.person, course.number, period] += amount * self.agreement.rounding.quantum

    # ---- doses alone

    def _on_doses(
        self, term: Any, share: Fraction, reach: Callable[[Course, Dose], int], **units: Callable[..., Fraction]
    ) -> None:
        every = self.agreement.settlement.every
        for course in self.courses:
            asked = [reach(course, dose) for dose in course.doses]
            for _, rows in groupby(zip(course.doses, asked, strict=True), key=lambda row: period_of(row[0].day, every)):
                doses, parts = (list(column) for column in zip(*rows, strict=True))
                self._pay(term, course, doses[-1].day, doses, parts, self._half_up(sum(parts) * share), **units)

    def _discount(self, term: Any) -> None:
        self._on_doses(term, Fraction(term.rate), lambda _, dose: dose.left)

    def _cost_sharing(self, term: Any) -> None:
        days = term.cycles * term.cycle_days
        self._on_doses(term, Fraction(term.share), lambda c, d: d.left if (d.day - c.first).days < days else 0)

    def _time_cap(self, term: Any) -> None:
        self._on_doses(term, Fraction(1), lambda c, d: d.left if (d.day - c.first).days >= term.days else 0)

    def _dose_cap(self, term: Any) -> None:
        given: dict[Any, Fraction] = defaultdict(Fraction)
        begun: dict[Any, date] = {}
        back: dict[int, Fraction] = defaultdict(Fraction)

        def above(course: Course, dose: Dose) -> int:
            key = course.person if term.per == "patient" else (course.person, course.number)
            first = begun.setdefault(key, dose.day)
            if term.window_days and (dose.day - first).days >= term.window_days:
                return 0
            given[key] += dose.units
            over = min(dose.units, max(Fraction(0), given[key] - Fraction(term.units)))
            back[id(dose)] = max(Fraction(0), over - (dose.units - dose.sold))
            return math.floor(dose.left * back[id(dose)] / dose.sold) if dose.sold else 0

        self._on_doses(term, Fraction(1), above, units=lambda _, dose: back[id(dose)])

    def _patient_cap(self, term: Any) -> None:
        first: dict[int, date] = {}
        for course in self.courses:
            first.setdefault(course.person, course.first)
        kept = {who for _, who in sorted((day, who) for who, day in first.items())[: term.patients]}
        self._on_doses(term, Fraction(1), lambda c, d: 0 if c.person in kept else d.left)

    def _outcome_price(self, term: Any) -> None:
        target = worth(term)

        def above(_: Course, dose: Dose) -> int:
            if not dose.sold:
                return 0
            paid = Fraction(dose.left, self.atoms) / dose.sold
            apart = abs(target - paid) > Fraction(term.tolerance) * paid
            return int(max(Fraction(0), paid - target) * dose.sold * self.atoms) if apart else 0

        self._on_doses(term, Fraction(1), above, units=lambda *_: Fraction(0))

    # ---- outcomes of courses

    def _judged(self, term: JudgedTerm, course: Course) -> Judgement:
        return judge(term, course.first, self.seen.get(course.person, []), self.as_of, course.next)

    def _by_result(self, term: Any) -> None:
        for course in self.courses:
            said = self._judged(term, course)
            due = course.first + timedelta(term.assess_day)
            last = {"until_failure": said.day, "until_assessment": due, "all": date.max}[term.cost_scope]
            reach = [dose.left if dose.day <= last else 0 for dose in course.doses]
            owed = self._half_up(sum(reach) * Fraction(term.share)) if said.outcome == "failure" else 0
            self._pay(term, course, said.day, course.doses, reach, owed)

    _payment_by_result = _risk_sharing = _by_result

    def _success_fee(self, term: Any) -> None:
        for course in self.courses:
            said = self._judged(term, course)
            reach = [dose.left for dose in course.doses]
            owed = self._half_up(sum(reach)) if said.outcome != "responder" else 0
            self._pay(term, course, said.day, course.doses, reach, owed)

    def _continuation(self, term: Any) -> None:
        for course in self.courses:
            said, last = self._judged(term, course), term.assess_day + term.window[1]
            stopped = said.outcome in ("failure", "not_evaluable")
            reach = [d.left if stopped and (d.day - course.first).days > last else 0 for d in course.doses]
            self._pay(term, course, said.day, course.doses, reach, self._half_up(sum(reach)))

    def _death(self, course: Course, day: int, deaths: Sequence[str] = DEATHS) -> date | None:
        last = min(self.as_of, course.first + timedelta(day))
        known = [
            s.day for s in self.seen.get(course.person, []) if s.outcome in deaths and course.first <= s.day <= last
        ]
        return min(known, default=None)

    def _death_rebate(self, term: Any) -> None:
        last: dict[int, tuple[Course, date]] = {}
        for course in self.courses:
            died = self._death(course, term.horizon_days, term.deaths)
            if died and not (course.next and course.next <= died):
                last[course.person] = (course, died)
        for course in self.courses:
            of, day = last.get(course.person, (None, None))
            died = day if of is course else None
            reach = [dose.left for dose in course.doses]
            base = course.doses[0].price * self.atoms if term.base == "price" else Fraction(sum(reach))
            owed = self._half_up(base * Fraction(term.rate)) if died else 0
            self._pay(term, course, died or course.first, course.doses, reach, owed)

    def _instalments(self, term: Any) -> None:
        for course in self.courses:
            due, stands = Fraction(0), course.first
            for part in term.parts:
                paid, stands = self._part(term, part, course)
                if not paid:
                    break
                due += Fraction(term.price) * Fraction(part.share)
            reach = [dose.left for dose in course.doses]
            owed = self._half_up(max(Fraction(0), sum(reach) - due * self.atoms))
            self._pay(term, course, stands, course.doses, reach, owed)

    def _part(self, term: Any, part: Any, course: Course) -> tuple[bool, date]:
        day = course.first + timedelta(part.day)
        if part.if_ == "given":
            return day <= self.as_of, day
        if part.if_ == "alive":
            day = course.first + timedelta(max(1, part.day))
            died = self._death(course, max(1, part.day))
            return died is None and day <= self.as_of, died or day
        window = (max(term.window[0], -part.day), term.window[1])
        asked = JudgedTerm(id="x", assess_day=max(1, part.day), window=window, failure=term.failure)
        said = self._judged(asked, course)
        return said.outcome == "responder" and said.reason == "response", said.day

    # ---- all patients together

    def _shared(self, term: Any, payback: Callable[[Fraction, Fraction], Fraction], *, yearly: bool) -> None:
        pools: dict[int, list[tuple[Course, list[Dose]]]] = defaultdict(list)
        for course in self.courses:
            for year, mine in groupby(course.doses, key=lambda dose: dose.day.year if yearly else 0):
                pools[year].append((course, list(mine)))
        for year, lines in sorted(pools.items()):
            balances = [sum(dose.left for dose in doses) for _, doses in lines]
            units = sum((dose.sold for _, doses in lines for dose in doses), Fraction(0))
            room = [course.payable for course, _ in lines]
            asked = payback(Fraction(sum(balances), self.atoms), units) * self.atoms
            day = min(self.as_of, date(year or 9999, 12, 31))
            amounts = hamilton(min(self._half_up(asked), sum(room)), balances, room)
            for (course, doses), amount in zip(lines, amounts, strict=True):
                self._pay(term, course, day, doses, [dose.left for dose in doses], amount)

    def _expenditure_cap(self, term: Any) -> None:
        share, cap = Fraction(term.share), Fraction(term.amount)
        self._shared(term, lambda spent, _: share * max(Fraction(0), spent - cap), yearly=term.per == "year")

    def _price_volume(self, term: Any) -> None:
        tiers = [(Fraction(tier.from_units), Fraction(tier.price)) for tier in term.tiers]

        def cost(units: Fraction) -> Fraction:
            if term.mode == "all_units":
                return units * [price for start, price in tiers if start <= units][-1]
            ends = [start for start, _ in tiers[1:]] + [units]
            steps = zip(tiers, ends, strict=True)
            return sum((p * max(Fraction(0), min(units, end) - start) for (start, p), end in steps), Fraction(0))

        self._shared(term, lambda spent, n: max(Fraction(0), spent - cost(n)), yearly=term.per == "year")

    def _outcome_guarantee(self, term: Any) -> None:
        self._shared(term, lambda spent, _: spent * self.rates[term.id], yearly=False)

    def _clawback(self, term: Any) -> None:
        def mine(left: Fraction, _: Fraction) -> Fraction:
            spent = {p.id: left if p.spend is None else Fraction(p.spend) for p in term.products}
            above = {p.id: max(Fraction(0), spent[p.id] - Fraction(p.budget)) for p in term.products}
            over = sum(spent.values()) - sum(Fraction(p.budget) for p in term.products)
            by = spent if term.by == "spend" else above
            return over * by[self.agreement.contract.product] / sum(by.values()) if over > 0 else Fraction(0)

        self._shared(term, mine, yearly=False)


def worth(term: Any) -> Fraction:
    """Return the price of one unit that the outcome is worth."""
    gained = Fraction(term.lambda_) * Fraction(term.qaly_gain) - Fraction(term.other_cost)
    return max(Fraction(0), gained / Fraction(term.units))


def hamilton(total: int, wanted: Sequence[int], room: Sequence[int]) -> list[int]:
    """Split `total` by largest remainders, the earlier first among equals, none above its room."""
    whole = sum(wanted)
    exact = [Fraction(total * part, whole) if whole else Fraction(0) for part in wanted]
    found = [min(math.floor(part), most) for part, most in zip(exact, room, strict=True)]
    left = total - sum(found)
    order = sorted(range(len(exact)), key=lambda i: (math.floor(exact[i]) - exact[i], i))
    for most in (1, total):
        for i in order:
            more = min(left, most, room[i] - found[i])
            found[i], left = found[i] + more, left - more
    return found
