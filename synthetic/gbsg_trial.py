# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The trial file of GBSG, derived whole from its patients.

``python -m synthetic.gbsg_trial > configs/trials/gbsg.yaml`` writes it.

The Kaplan-Meier estimate is done here by hand in exact fractions, not by the engine, so that the
file also checks the engine. What the patients' table does not hold the file calls `unknown`.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from string import Template

PATIENTS = Path(__file__).parent / "data" / "breast" / "gbsg.csv"
YEARS = (0, 365, 731, 1096, 1461, 1826, 2191, 2557)  # whole days of each anniversary, 365.25 days a year
HALF = Fraction(1, 2)

Row = Mapping[str, str]
ARMS: Mapping[str, Callable[[Row], bool]] = {
    "all": lambda _: True,
    "no_hormonal": lambda row: row["hormon"] == "0",
    "hormonal": lambda row: row["hormon"] == "1",
}
CODED = (
    ("menopause", "meno", {"pre": "0", "post": "1"}),
    ("grade", "grade", {"1": "1", "2": "2", "3": "3"}),
    ("hormonal", "hormon", {"no": "0", "yes": "1"}),
)
CLASSED = (
    ("age", "age", (45, 60), ("<=45", "46-60", ">60")),
    ("size", "size", (20, 50), ("<=20", "21-50", ">50")),
    ("nodes", "nodes", (3, 9), ("1-3", "4-9", ">=10")),
    ("pgr", "pgr", (19,), ("<20", ">=20")),
    ("er", "er", (19,), ("<20", ">=20")),
)

HEAD = """\
# Written by `python -m synthetic.gbsg_trial` from gbsg.csv: change the script, not this file.
trial: gbsg
title:
  en: "German Breast Cancer Study Group trial of 1984-1989: hormonal therapy in node-positive breast cancer"
  bg: "Германска група за рак на гърдата, проучване от 1984–1989 г.: хормонална терапия при положителни лимфни възли"
citation: >-
  M. Schumacher et al. for the German Breast Cancer Study Group, Randomized 2 x 2 trial evaluating hormonal treatment
  and the duration of chemotherapy in node-positive breast cancer patients. Journal of Clinical Oncology 1994,
  12:2086-2093.
  Patients with complete data as in P. Royston and D. G. Altman, BMC Medical Research Methodology 2013, 13:33
  (R package survival 3.8-11, data set gbsg).
version: "1"
checked_by: ""
"""
ENDPOINTS = """\
endpoints:
  os:
    available: false
    title: {en: Overall survival, bg: Обща преживяемост}
    reason:
      en: The trial's table holds one endpoint only, recurrence or death together; deaths by themselves are unknown.
      bg: Таблицата на проучването съдържа само един показател, рецидив или смърт заедно; смъртта отделно е неизвестна.
  rfs:
    title: {en: Recurrence-free survival, bg: Преживяемост без рецидив}
    definition:
      en: >-
        Days to the first of recurrence or death; without either, censored at the last follow-up. The day on which the
        trial's clock starts is unknown.
      bg: >-
        Дни до първото от двете: рецидив или смърт; без тях наблюдението завършва при последния контакт. Денят, от който
        проучването брои времето, е неизвестен.
    arms:
"""
CRITERIA = """\
criteria:
  - name: node_positive
    text: {en: At least one positive lymph node, bg: Поне един положителен лимфен възел}
    expressible: true
  - name: complete_data
    text: {en: Complete data for the prognostic variables, bg: Пълни данни за прогностичните показатели}
    expressible: true
  - name: chemotherapy
    text:
      en: Chemotherapy, whose duration the trial compared
      bg: Химиотерапия, чиято продължителност проучването сравнява
    expressible: false
    reason:
      en: >-
        The trial's table has no chemotherapy column, and in the registry only some of the node-positive patients had
        any. No filter or weight can mend this; the difference stays in each comparison.
      bg: >-
        Таблицата на проучването няма колона за химиотерапия, а в регистъра само част от пациентките с положителни възли
        са я получили. Нито филтър, нито тегло може да поправи това; разликата остава във всяко сравнение.
  - name: grade_1
    text:
      en: "Tumours of grade 1 belong to the trial: $grade_1 of its $n patients"
      bg: "Туморите със степен 1 са част от проучването: $grade_1 от $n пациентки"
    expressible: false
    reason:
      en: The registry holds grades 2 and 3 only, so nobody there can stand for these patients.
      bg: Регистърът съдържа само степени 2 и 3 и никой в него не може да представи тези пациентки.
  - name: recruitment_period
    text: {en: Recruited from 1984 to 1989, bg: Включени от 1984 до 1989 г.}
    expressible: false
    reason:
      en: The trial's table holds no dates; the registry's surgeries of 1978-1993 are all kept.
      bg: Таблицата на проучването не съдържа дати; запазени са всички операции в регистъра от 1978–1993 г.
  - name: size_mm
    text: {en: Tumour size in millimetres, bg: Размер на тумора в милиметри}
    expressible: false
    reason:
      en: The registry holds size in three classes only; both sides are compared in these classes.
      bg: Регистърът съдържа размера само в три класа; двете страни се сравняват по тези класове.
  - name: distant_metastases
    text:
      en: "Distant metastases at entry: whether they excluded a patient is unknown"
      bg: "Далечни метастази при включване: дали са изключвали пациентка е неизвестно"
    expressible: false
    reason: {en: Neither table has such a column., bg: Нито една от таблиците няма такава колона.}
  - name: other_eligibility
    text: {en: "All other eligibility criteria: unknown", bg: "Всички други критерии за включване: неизвестни"}
    expressible: false
    reason:
      en: The trial's table does not hold them, and nothing here is taken from memory.
      bg: Таблицата на проучването не ги съдържа, а тук нищо не е писано по памет.
"""


def kaplan_meier(times: Sequence[tuple[int, bool]]) -> list[tuple[int, Fraction]]:
    """Return (day, survival from that day on) for day 0 and each day with an event, exact."""
    deaths = Counter(day for day, event in times if event)
    survival, steps = Fraction(1), [(0, Fraction(1))]
    for day in sorted(deaths):
        at_risk = sum(other >= day for other, _ in times)
        survival *= 1 - Fraction(deaths[day], at_risk)
        steps.append((day, survival))
    return steps


def median(steps: Sequence[tuple[int, Fraction]]) -> str:
    """Return the median as R gives it: on a flat stretch at one half the middle of the stretch."""
    at_half = [day for day, survival in steps if survival == HALF]
    below = [day for day, survival in steps if survival < HALF]
    if not below:
        return "unknown"
    return f"{(at_half[0] + below[0]) / 2 if at_half else below[0]:.1f}"


def _list(values: Sequence[object]) -> str:
    return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in values) + "]"


def _map(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": "{value}"' for key, value in values.items()) + "}"


def _wrapped(pairs: Sequence[str], indent: int) -> Iterator[str]:
    """Yield pairs as a YAML list, six to a line."""
    for start in range(0, len(pairs), 6):
        opening = "[" if start == 0 else " "
        closing = "]" if start + 6 >= len(pairs) else ","
        yield " " * indent + opening + ", ".join(pairs[start : start + 6]) + closing


def _class(value: int, cuts: Sequence[int]) -> int:
    return sum(value > cut for cut in cuts)


def _individual() -> Iterator[str]:
    yield "individual:"
    yield f"  file: package://synthetic/data/breast/{PATIENTS.name}"
    yield f"  sha256: {hashlib.sha256(PATIENTS.read_bytes()).hexdigest()}"
    yield '  arm: {column: hormon, levels: {no_hormonal: "0", hormonal: "1"}}'
    yield "  columns:"
    for name, column, cuts, labels in CLASSED:
        classes = f", cuts: {_list(cuts)}, labels: {_list(labels)}" if name == "size" else ""
        yield f"    {name}: {{column: {column}{classes}}}"
    for name, column, levels in CODED:
        yield f"    {name}: {{column: {column}, levels: {_map(levels)}}}"
    yield "  endpoints:"
    yield "    rfs: {days: rfstime, event: status}"


def _margin(
    variable: str, labels: Sequence[str], cuts: Sequence[int], counts: Mapping[str, list[int]]
) -> Iterator[str]:
    yield f"  - variable: {variable}"
    if cuts:
        yield f"    cuts: {_list(cuts)}"
    yield f"    levels: {_list(labels)}"
    yield "    n:"
    yield from (f"      {arm}: {_list(n)}" for arm, n in counts.items())


def _margins(arms: Mapping[str, list[Row]]) -> Iterator[str]:
    yield "margins:"
    for name, column, cuts, labels in CLASSED:
        found = {arm: Counter(_class(int(row[column]), cuts) for row in rows) for arm, rows in arms.items()}
        yield from _margin(name, labels, cuts, {a: [n[i] for i in range(len(labels))] for a, n in found.items()})
    for name, column, levels in CODED:
        coded = {arm: Counter(row[column] for row in rows) for arm, rows in arms.items()}
        yield from _margin(
            name, list(levels), (), {a: [n[value] for value in levels.values()] for a, n in coded.items()}
        )


def _curve(arm: str, rows: Sequence[Row]) -> Iterator[str]:
    times = [(int(row["rfstime"]), row["status"] == "1") for row in rows]
    steps = kaplan_meier(times)
    yield f"      {arm}:"
    yield f"        n: {len(times)}"
    yield f"        n_event: {sum(event for _, event in times)}"
    yield f"        median: {median(steps)}"
    yield "        at_risk: " + _list([[day, sum(t >= day for t, _ in times)] for day in YEARS])
    yield "        events: " + _list([[day, sum(t <= day and event for t, event in times)] for day in YEARS])
    yield "        curve:"
    yield from _wrapped([f"[{day}, {float(survival):.6f}]" for day, survival in steps], indent=10)


def lines() -> Iterator[str]:
    """Yield the trial file line by line."""
    with PATIENTS.open(encoding="utf-8", newline="") as file:
        patients: list[Row] = list(csv.DictReader(file))
    arms = {name: [row for row in patients if belongs(row)] for name, belongs in ARMS.items()}
    grade_1 = sum(row["grade"] == "1" for row in patients)
    yield from HEAD.splitlines()
    yield from _individual()
    yield "arms:"
    yield from (f"  {name}: {{n: {len(rows)}}}" for name, rows in arms.items())
    yield from _margins(arms)
    yield from ENDPOINTS.splitlines()
    for name, rows in arms.items():
        yield from _curve(name, rows)
    yield from Template(CRITERIA).substitute(grade_1=grade_1, n=len(patients)).splitlines()


def main() -> int:
    """Write the trial file to standard output."""
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines()).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
