# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Invented persons: names nobody chose and national numbers that cannot be anyone's."""

from __future__ import annotations

from datetime import date, timedelta

GIVEN = (
    "Мария", "Иванка", "Елена", "Йорданка", "Пенка", "Радка", "Стефка", "Цветана", "Надежда", "Величка", "Галина",
    "Лиляна", "Снежана", "Донка", "Румяна", "Тодорка", "Невена", "Виолета", "Бойка", "Жечка", "Щилияна", "Юлия",
    "Яна", "Хубавка",
)  # fmt: skip
STEMS = (
    "Мирад", "Зорел", "Вендар", "Калист", "Родан", "Светор", "Белгар", "Щерил", "Юстен", "Яворад", "Жилмир", "Чудор",
    "Храбел", "Цветир", "Огнар", "Пламид", "Тихвел", "Ведрос", "Искрад", "Лозел", "Горнад", "Дъбрил", "Езерад",
    "Наумел",
)  # fmt: skip
MEN = ("Борислав", "Красимир", "Любомир", "Щерьо", "Юлиян", "Явор", "Ъгъл", "Жеко", "Цветан", "Чавдар", "Храбър")
ENDINGS = ("ова", "ева", "инова", "ска")
MEN_ENDINGS = ("ов", "ев", "инов", "ски")
IMPOSSIBLE_MONTH = 60  # a Bulgarian number has months 1-12, 21-32 or 41-52


def patient_number(pid: int) -> str:
    """Return the hospital's own number of the patient: the registry's number, permuted."""
    return f"R{(pid * 61_813 + 29_401) % 99_991:05d}"  # 99,991 is prime: no two alike below it


def full_name(pid: int) -> tuple[str, str]:
    """Return an invented given and family name in Cyrillic."""
    stem, ending = STEMS[pid * 7 % len(STEMS)], ENDINGS[pid // len(STEMS) % len(ENDINGS)]
    return GIVEN[(pid * 5 + pid // len(GIVEN)) % len(GIVEN)], stem + ending


def national_number(pid: int, birth: date) -> str:
    """Return ten digits in the shape of a national number, with a month that no calendar has."""
    serial = (pid * 7_919 + 13) % 9_973  # prime: no two alike below it
    return f"{birth.year % 100:02d}{birth.month + IMPOSSIBLE_MONTH}{birth.day:02d}{serial:04d}"


def birth_date(pid: int, age: int, surgery: date) -> date:
    """Return a birthday that makes the patient `age` in the year of `surgery` and on its very day.

    It lies at least one day of the year before the day of surgery (both on 1 January if that is the
    day), so a leap day in either year cannot put it after.
    """
    room = max(surgery.timetuple().tm_yday - 1, 1)
    return date(surgery.year - age, 1, 1) + timedelta(days=pid * 97 % room)
