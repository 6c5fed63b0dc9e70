# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The numbers planted in the network."""

from __future__ import annotations

from datetime import date

from synthetic.network.planted import (
    EARLY,
    LATE,
    Change,
    Choice,
    Effect,
    Hazard,
    Hospital,
    Margin,
    Planted,
    Response,
)

_HOSPITALS = (
    Hospital("A", 0.35, date(2014, 1, 1), 0.0),
    Hospital("B", 0.25, date(2016, 7, 1), 0.3),
    Hospital("C", 0.25, date(2018, 1, 1), -0.25),
    Hospital("D", 0.15, date(2019, 3, 1), 0.4),
)
_FRAILTY = {f"hospital={one.name}": one.log_frailty for one in _HOSPITALS[1:]}


def _effects(**log_ratios: float) -> tuple[Effect, ...]:
    return tuple(Effect(term, value) for term, value in log_ratios.items())


_FRAIL = _effects(**_FRAILTY)

PLANTED = Planted(
    hospitals=_HOSPITALS,
    hazards=(
        Hazard(
            "breast", "event", 900, 1.3,
            _effects(new=-0.6, new_null=0.0, stage=0.55, ecog=0.35, decades=0.15, marker=-0.4) + _FRAIL,
            cured=0.80,
        ),
        Hazard("breast", "progression", 8_200, 1.0, _effects(new=-0.5, new_null=0.0, stage=0.5, ecog=0.2) + _FRAIL),
        Hazard(
            "lung", "event", 3_000, 1.1,
            _effects(**{"new": -0.1, EARLY: 0.0, LATE: -0.8, "stage": 0.45, "ecog": 0.45, "decades": 0.12,
                        "marker": -0.2}) + _FRAIL,
            delay_days=120,
        ),
        Hazard("lung", "progression", 1_700, 1.0, _effects(new=-0.3, delayed=-0.4, stage=0.35, ecog=0.3) + _FRAIL),
        Hazard(
            "diabetes", "event", 11_000, 1.0,
            _effects(new=-0.35, stage=0.3, ecog=0.3, decades=0.45, marker=0.5) + _FRAIL,
        ),
        Hazard("diabetes", "competing", 22_000, 1.0, _effects(new=0.0, stage=0.2, ecog=0.5, decades=0.8) + _FRAIL),
        Hazard(
            "dementia", "event", 14_700, 1.0,
            _effects(new=-0.25, stage=0.6, ecog=0.4, decades=0.25, marker=0.2) + _FRAIL,
        ),
        Hazard("dementia", "competing", 22_000, 1.0, _effects(stage=0.25, ecog=0.4, decades=0.7) + _FRAIL),
        Hazard("", "dropout", 9_000, 1.0, _effects(ecog=0.5)),
    ),
    choices=(
        Choice("breast", -1.6, _effects(stage=0.5, ecog=0.6)),
        Choice("lung", -1.7, _effects(stage=0.5, ecog=0.6)),
        Choice("diabetes", -1.3, _effects(stage=0.5, ecog=0.6)),
        Choice("dementia", -1.6, _effects(stage=0.5, ecog=0.6)),
    ),
    changes=(Change("diabetes", "HbA1c", 180, newer=-1.1, comparator=-0.5),),
    responses=(Response("breast", newer=0.5, comparator=0.3), Response("lung", newer=0.45, comparator=0.25)),
    # So far from the planted ratios that whoever analyses the truth of 4,000 persons without a fault errs in under 1 %.
    margins=(
        Margin("L01EF02", "breast", "event", "new", trial_hazard_ratio=0.58, highest_hazard_ratio=0.85),
        Margin("L01EB04", "lung", "event", "new", trial_hazard_ratio=0.55, highest_hazard_ratio=0.62),
    ),
    first_day=date(2015, 1, 1),
    last_day=date(2023, 12, 31),
    cut=date(2024, 12, 31),
    twins=0.008,
    foreigners=0.015,
    transfers=0.08,
)  # fmt: skip
