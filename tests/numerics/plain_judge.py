# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Judging one course in plain Python, rule by rule: what `judged` must say of every course at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from rwe.spec.agreement import JudgedTerm

RESPONSES = ("response", "stable")
SEVERITY = ("response", "stable", "progression", "progression_death", "death", "toxicity_stop", "toxicity_death")
GONE = ("lost", "moved", "progression_death", "death", "toxicity_death")
FINAL = ("progression_death", "death", "toxicity_death", "toxicity_stop")


class Seen(NamedTuple):
    """One assessment: the day, the outcome's word and the id of its record."""

    day: date
    outcome: str
    record: str = ""


class Judgement(NamedTuple):
    """What a term says of one course of treatment."""

    outcome: str
    day: date
    rule: str
    reason: str
    record: str = ""


def judge(
    term: JudgedTerm, first_dose: date, seen: Sequence[Seen], as_of: date, next_course: date | None = None
) -> Judgement:
    """Judge a course of treatment from what is known on `as_of`."""
    due = first_dose + timedelta(term.assess_day)
    opens, closes = due + timedelta(term.window[0]), due + timedelta(term.window[1])
    known = sorted((s for s in seen if first_dose <= s.day <= as_of), key=lambda s: (s.day, _rank(term, s), s.record))
    timely = [s for s in known if s.day <= closes]
    inside = [s for s in timely if s.day >= opens]
    failed = _failed(term, timely, inside, closes, as_of)
    if failed:
        return failed
    if as_of < closes:
        return Judgement("open", closes, "window", "window_open")
    if inside and inside[-1].outcome in RESPONSES:
        return Judgement("responder", closes, "assessment", inside[-1].outcome, inside[-1].record)
    gone = inside[-1:] or [s for s in timely if s.outcome in GONE or s.outcome in term.missing][-1:]
    if gone:
        return _by_rule(term, gone[0].outcome, gone[0].outcome, closes, as_of, gone[0])
    early = [s for s in timely if s.day < opens][-1:]
    after = [s for s in known if s.day > closes and (next_course is None or s.day < next_course)]
    late = [s for s in after if s.day == after[0].day][-1:]
    return _untimely(term, early, late, opens, closes, as_of)


def _rank(term: JudgedTerm, seen: Seen) -> tuple[int, int, int]:
    if seen.outcome in ("lost", "moved"):
        return (0, 0, ("lost", "moved").index(seen.outcome))
    place = SEVERITY.index(seen.outcome)
    return (1, int(seen.outcome in term.failure), place) if term.same_day == "worst" else (1, 0, -place)


def _failed(
    term: JudgedTerm, timely: Sequence[Seen], inside: Sequence[Seen], closes: date, as_of: date
) -> Judgement | None:
    good_days = {s.day for s in timely if s.outcome in RESPONSES} if term.same_day == "best" else set()
    failures = [s for s in timely if s.outcome in term.failure and s.day not in good_days]
    if not failures:
        return None
    first = failures[0]
    if term.regained == "responder" and not any(s.outcome in FINAL for s in failures):
        if as_of < closes:
            return Judgement("open", closes, "window", "response_may_return")
        if inside and inside[-1].outcome in RESPONSES and inside[-1].day > first.day:
            return Judgement("responder", closes, "regained", inside[-1].outcome, inside[-1].record)
    return Judgement("failure", first.day, "failure", first.outcome, first.record)


def _untimely(
    term: JudgedTerm, early: list[Seen], late: list[Seen], opens: date, closes: date, as_of: date
) -> Judgement:
    reason = "assessed_late" if late else "assessed_early" if early else "never_assessed"
    rules = {side: term.missing.get(f"assessed_{side}") for side in ("early", "late")}
    for side, found in (("early", early), ("late", late)):
        rule = rules[side]
        if rule is None or not rule.startswith("as_assessed"):
            continue
        limit = int(rule.rpartition("_")[2]) if "within" in rule else None
        if found:
            off = (opens - found[0].day if side == "early" else found[0].day - closes).days
            if limit is None or off <= limit:
                word, day = found[0].outcome, closes if side == "early" else found[0].day
                said = "responder" if word in RESPONSES else "failure" if word in term.failure else "not_evaluable"
                return Judgement(said, day, f"missing.assessed_{side}", word, found[0].record)
        elif side == "late" and limit is not None and as_of < closes + timedelta(limit):
            return Judgement("open", closes + timedelta(limit), "missing.assessed_late", reason)
    way = "not_assessed"
    for side, found in (("late", late), ("early", early)):
        if found:
            rule = rules[side]
            way = f"assessed_{side}" if rule and not rule.startswith("as_assessed") else "not_assessed"
            break
    return _by_rule(term, way, reason, closes, as_of, None)


def _by_rule(term: JudgedTerm, way: str, reason: str, closes: date, as_of: date, gone: Seen | None) -> Judgement:
    answer, _, days = term.missing.get(way, "not_evaluable").partition("_after_days_")
    record = gone.record if gone else ""
    final = closes + timedelta(int(days or 0))
    if as_of < final:
        return Judgement("open", final, f"missing.{way}", reason, record)
    if answer == "failure":
        day = gone.day if gone and not int(days or 0) else final
        return Judgement("failure", day, f"missing.{way}", reason, record)
    return Judgement(answer, closes, f"missing.{way}", reason, record)
