# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The diseases of the network as its hospitals see them: codes, people, medicines, laboratory, wards and prices."""

from __future__ import annotations

from dataclasses import dataclass

COMPARATOR, NEW, DELAYED = "comparator", "new", "delayed"


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine as it is given: strength of a unit in mg, units a day, price of a unit in cents."""

    strength_mg: float
    a_day: float
    cents: int


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory analyte: LOINC code, its usual level, unit, and decimals that are written."""

    code: str
    level: float
    unit: str
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disease:
    """A disease.

    Parameters
    ----------
    name
        What the truth calls it.
    codes
        ICD-10 codes that its persons have, with the dot.
    share
        Of all persons.
    women
        Share of women.
    age
        Mean, standard deviation, least and greatest age at the first treatment, in years.
    stages, ecog
        Shares of stages 1, 2, ... and of ECOG 0, 1, ... in stage 1; ECOG is worse in higher stages.
    marked
        Share with the marker.
    second
        Shares of the findings of a second marker, which acts on nothing; empty where there is none.
    arms
        The comparator first; then the new medicine, and the one whose effect is delayed, by ATC.
    later
        The medicine of the second line, where there is one.
    visit_days, stop_days
        Days from one visit to the next; mean days until the first treatment is stopped for no reason known.
    ward, pathway, cents
        Where the person is seen, under which clinical pathway, at what price a stay and each night of it.
    kills
        Whether the event is death; otherwise death competes with it.
    event_codes, event_nights
        ICD-10 codes of the event (of progression, where the event is death) and nights in hospital for it.
    panel
        The three analytes that the laboratory measures at a visit.
    """

    name: str
    codes: tuple[str, ...]
    share: float
    women: float
    age: tuple[float, float, int, int]
    stages: tuple[float, ...]
    ecog: tuple[float, ...]
    marked: float
    second: dict[str, float]
    arms: dict[str, str]
    later: str | None
    visit_days: int
    stop_days: float
    ward: str
    pathway: str
    cents: int
    kills: bool
    event_codes: tuple[str, ...]
    event_nights: int
    panel: tuple[Analyte, Analyte, Analyte]


_HER2 = {"HER2 0": 0.45, "HER2 1+": 0.25, "HER2 2+": 0.15, "HER2 3+": 0.15}
_PD_L1 = {"PD-L1 <1%": 0.35, "PD-L1 1-49%": 0.35, "PD-L1 >=50%": 0.3}
_HAEMOGLOBIN = Analyte("718-7", 125.0, "g/L", 0)
_LEUKOCYTES = Analyte("6690-2", 6.5, "10*9/L", 1)
_CREATININE = Analyte("14682-9", 80.0, "umol/L", 0)
_GLUCOSE = Analyte("14749-6", 8.5, "mmol/L", 1)
_LDL = Analyte("22748-8", 2.8, "mmol/L", 2)

DISEASES = (
    Disease(
        name="breast", codes=("C50.1", "C50.4", "C50.9"), share=0.35, women=1.0, age=(60, 11, 35, 90),
        stages=(0.3, 0.35, 0.22, 0.13), ecog=(0.5, 0.35, 0.12, 0.03), marked=0.8, second=_HER2,
        arms={COMPARATOR: "L02BG04", NEW: "L01EF02"}, later="L01BC06", visit_days=84, stop_days=1_500,
        ward="oncology", pathway="P241", cents=41_250, kills=True, event_codes=("C79.5", "C78.0"), event_nights=0,
        panel=(_HAEMOGLOBIN, _LEUKOCYTES, _CREATININE),
    ),
    Disease(
        name="lung", codes=("C34.1", "C34.3", "C34.9"), share=0.25, women=0.3, age=(66, 9, 40, 92),
        stages=(0.1, 0.15, 0.3, 0.45), ecog=(0.35, 0.4, 0.2, 0.05), marked=0.3, second=_PD_L1,
        arms={COMPARATOR: "L01XA02", NEW: "L01EB04", DELAYED: "L01FF02"}, later="L01CD02", visit_days=63,
        stop_days=1_500, ward="oncology", pathway="P241", cents=48_700, kills=True, event_codes=("C79.3", "C78.7"),
        event_nights=0, panel=(_HAEMOGLOBIN, _LEUKOCYTES, _CREATININE),
    ),
    Disease(
        name="diabetes", codes=("E11.2", "E11.5", "E11.9"), share=0.25, women=0.5, age=(62, 10, 40, 88),
        stages=(0.6, 0.3, 0.1), ecog=(0.5, 0.35, 0.12, 0.03), marked=0.35, second={},
        arms={COMPARATOR: "A10BB12", NEW: "A10BK03"}, later=None, visit_days=120, stop_days=3_500,
        ward="internal", pathway="P078", cents=32_500, kills=False, event_codes=("I21.9", "I63.9"), event_nights=3,
        panel=(_GLUCOSE, _LDL, _CREATININE),
    ),
    Disease(
        name="dementia", codes=("G30.1", "G30.9", "F00.1"), share=0.15, women=0.62, age=(78, 6.5, 60, 95),
        stages=(0.5, 0.35, 0.15), ecog=(0.25, 0.4, 0.25, 0.1), marked=0.5, second={},
        arms={COMPARATOR: "N06DA02", NEW: "N06DX01"}, later=None, visit_days=150, stop_days=2_500,
        ward="neurology", pathway="P062", cents=29_800, kills=False, event_codes=("Z59.3",), event_nights=0,
        panel=(_HAEMOGLOBIN, _GLUCOSE, _CREATININE),
    ),
)  # fmt: skip

MEDICINES = {
    "L02BG04": Medicine(2.5, 1.0, 95),
    "L01EF02": Medicine(200.0, 2.25, 2_960),
    "L01BC06": Medicine(500.0, 4.0, 110),
    "L01XA02": Medicine(450.0, 1 / 21, 4_830),
    "L01EB04": Medicine(80.0, 1.0, 15_240),
    "L01FF02": Medicine(100.0, 2 / 21, 219_500),
    "L01CD02": Medicine(80.0, 2 / 21, 9_900),
    "A10BB12": Medicine(3.0, 1.0, 8),
    "A10BK03": Medicine(10.0, 1.0, 142),
    "N06DA02": Medicine(10.0, 1.0, 74),
    "N06DX01": Medicine(20.0, 1.0, 83),
}
