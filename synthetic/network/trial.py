# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The invented trials of the network's two medicines: their patients, and the trial files made of them.

``python -m synthetic.network.trial`` writes ``synthetic/data/network/<disease>.csv`` and
``configs/trials/network_<disease>.yaml``. The patients are like those that get the medicine in practice; what the
medicine does to them is the trial's hazard ratio (`Margin`), not the one planted in practice.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from synthetic.gbsg_trial import kaplan_meier, median
from synthetic.network.blocks import truth
from synthetic.network.chance import Chance
from synthetic.network.diseases import NEW
from synthetic.network.latent import latent_days
from synthetic.network.planted import Effect, Hazard, Margin
from synthetic.network.world import PLANTED

ROOT = Path(__file__).parents[2]
SEED, PER_ARM = 1_907, 500
_PERSONS = 26_000
_RECRUITED, _CLOSED = 730, 2_190  # days of recruitment, days from its start to the end of follow-up
_FROM = date(2019, 3, 1)  # when the last hospital's records begin
YEARS = (0, 365, 731, 1096, 1461, 1826)
AGE_CUTS, AGES = (54, 64, 74), ("<=54", "55-64", "65-74", ">=75")
NAMES = {"breast": ("breast cancer", "рак на гърдата"), "lung": ("lung cancer", "рак на белия дроб")}


class _Row(list[Any]):
    """A list that stands in one line."""


class _Dumper(yaml.SafeDumper):
    """Writes `_Row` in one line."""


_Dumper.add_representer(
    _Row, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)
)


def patients(margin: Margin) -> pl.DataFrame:
    """Return the patients of a trial: patient, arm, age, stage, ecog, days, died, synthetic."""
    people = entered(margin).with_columns(new=pl.int_range(pl.len()) % 2, new_null=pl.lit(0))
    chance = Chance(SEED, people["person"].to_numpy())
    hazard = _of_trial(PLANTED.hazard(margin.disease, margin.outcome), margin)
    days = pl.Series(latent_days(hazard, people, chance.exponential("trial")))
    end = pl.Series(_CLOSED - chance.below("recruited", _RECRUITED))
    return people.select(
        patient=pl.int_range(1, pl.len() + 1),
        arm=pl.when(pl.col("new") == 1).then(pl.lit("new")).otherwise(pl.lit("comparator")),
        age=pl.col("age").floor().cast(pl.Int64),
        stage="stage",
        ecog="ecog",
        days=pl.min_horizontal(days, end),
        died=(days <= end).cast(pl.Int64),
        synthetic=pl.lit(1),
    )


def entered(margin: Margin) -> pl.DataFrame:
    """Return the truth about those who entered a trial, in the order of its patients."""
    course = truth(SEED, 0, _PERSONS)["courses"].filter(
        pl.col("disease") == margin.disease, pl.col("arm") == NEW, pl.col("index_day") >= _FROM, _indicated(margin)
    )
    return course.head(2 * PER_ARM)


def _indicated(margin: Margin) -> pl.Expr:
    """Whether the medicine is meant for them: in breast cancer it acts on those with the marker only."""
    return pl.col("marker") == 1 if margin.disease == "breast" else pl.lit(value=True)


def _of_trial(planted: Hazard, margin: Margin) -> Hazard:
    effects = tuple(
        Effect(one.term, math.log(margin.trial_hazard_ratio)) if one.term == margin.term else one
        for one in planted.effects
    )
    return Hazard(planted.disease, planted.outcome, planted.scale_days, planted.shape, effects, cured=planted.cured)


def kept(margin: Margin, day: int) -> float:
    """Return survival on a day where the benefit is just kept: the comparator's to the power of the highest ratio."""
    people = patients(margin).filter(pl.col("arm") == "comparator")
    steps = kaplan_meier(_times(people))
    survival = float([value for step, value in steps if step <= day][-1])
    return math.pow(survival, margin.highest_hazard_ratio)


def trial_file(margin: Margin, file: Path, people: pl.DataFrame) -> str:
    """Return the text of the trial file."""
    en, bg = NAMES[margin.disease]
    arms = {"all": people, **{arm: people.filter(pl.col("arm") == arm) for arm in ("comparator", "new")}}
    content = {
        "trial": f"network_{margin.disease}",
        "title": {
            "en": f"Invented trial of {margin.medicine} in {en}",
            "bg": f"Измислено изпитване на {margin.medicine} при {bg}",
        },
        "citation": "Invented: synthetic.network.trial. No such trial took place.",
        "version": "1",
        "checked_by": "",
        "individual": _individual(file),
        "arms": {arm: {"n": rows.height} for arm, rows in arms.items()},
        "margins": [_margin(name, arms) for name in ("age", "stage", "ecog")],
        "endpoints": {"os": _endpoint(arms)},
        "criteria": _criteria(en, bg),
        "eligibility": _eligibility(),
    }
    head = "# Written by `python -m synthetic.network.trial`: change the script, not this file. SYNTHETIC.\n"
    return head + yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=118)


def _individual(file: Path) -> dict[str, Any]:
    return {
        "file": f"package://synthetic/data/network/{file.name}",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "arm": {"column": "arm", "levels": {"comparator": "comparator", "new": "new"}},
        "columns": {
            "age": {"column": "age"},
            "stage": {"column": "stage", "levels": {str(one): str(one) for one in range(1, 5)}},
            "ecog": {"column": "ecog", "levels": {str(one): str(one) for one in range(4)}},
        },
        "endpoints": {"os": {"days": "days", "event": "died"}},
    }


def _margin(name: str, arms: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    if name == "age":
        n = {arm: _Row(_classed(rows["age"].to_list(), AGE_CUTS)) for arm, rows in arms.items()}
        return {"variable": name, "cuts": _Row(AGE_CUTS), "levels": _Row(AGES), "n": n}
    levels = list(range(1, 5)) if name == "stage" else list(range(4))
    n = {arm: _Row([(rows[name] == level).sum() for level in levels]) for arm, rows in arms.items()}
    return {"variable": name, "levels": _Row(map(str, levels)), "n": n}


def _classed(values: Sequence[int], cuts: Sequence[int]) -> list[int]:
    place = [sum(value > cut for cut in cuts) for value in values]
    return [place.count(one) for one in range(len(cuts) + 1)]


def _endpoint(arms: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    return {
        "title": {"en": "Overall survival", "bg": "Обща преживяемост"},
        "definition": {
            "en": "Days from the first dose to death of any cause.",
            "bg": "Дни от първата доза до смърт по всякаква причина.",
        },
        "arms": {arm: _curve(_times(rows)) for arm, rows in arms.items()},
    }


def _times(rows: pl.DataFrame) -> list[tuple[int, bool]]:
    return [(day, died == 1) for day, died in rows.select("days", "died").iter_rows()]


def _curve(times: Sequence[tuple[int, bool]]) -> dict[str, Any]:
    steps = kaplan_meier(times)
    half = median(steps)
    return {
        "n": len(times),
        "n_event": sum(died for _, died in times),
        "median": half if half == "unknown" else float(half),
        "at_risk": _Row([day, sum(time >= day for time, _ in times)] for day in YEARS),
        "events": _Row([day, sum(time <= day and died for time, died in times)] for day in YEARS),
        "curve": _Row([day, round(float(survival), 6)] for day, survival in steps),
    }


def _criteria(en: str, bg: str) -> list[dict[str, Any]]:
    return [
        {"name": "diagnosed", "text": {"en": f"Patients with {en}", "bg": f"Пациенти с {bg}"}, "expressible": True},
        {
            "name": "untreated",
            "text": {"en": "No medicine of the trial before", "bg": "Без лекарство от изпитването преди това"},
            "expressible": True,
        },
    ]


def _eligibility() -> list[dict[str, Any]]:
    """Return the criteria as the cohort code runs them, in the names of the network's studies."""
    return [
        {
            "name": "diagnosed",
            "title": {"en": "Diagnosed by the first dose", "bg": "С диагноза до първата доза"},
            "records": {"of": ["cancer"], "window": _Row([None, 0]), "at_least": 1},
        },
        {
            "name": "untreated",
            "title": {"en": "No medicine of the trial before", "bg": "Без лекарство от изпитването преди това"},
            "records": {"of": ["begun"], "window": _Row([None, -1]), "at_most": 0},
        },
    ]


def main() -> int:
    """Write the patients and the files of both trials into this checkout; say where the benefit is just kept."""
    for margin, day in zip(PLANTED.margins, (1_096, 548), strict=True):
        people = patients(margin)
        file = ROOT / "synthetic" / "data" / "network" / f"{margin.disease}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        people.write_csv(file)
        text = trial_file(margin, file, people)
        (ROOT / "configs" / "trials" / f"network_{margin.disease}.yaml").write_text(text, "utf-8")
        sys.stdout.write(f"{margin.disease}: benefit kept at {kept(margin, day):.4f} on day {day}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
