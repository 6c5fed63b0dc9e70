# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Trial files of published trials in lung and breast cancer, made of the kmdata set.

``python -m synthetic.kmdata_trials tests/data/kmdata`` writes ``configs/trials/<trial>.yaml`` and the clicks beside
which they stand, ``synthetic/data/kmdata/<trial>.csv``. The rows of the set were reconstructed from figures by others,
and no person here has read the publications: what the set does not hold is written `unknown`, and the curves are
drawn from the rows (survival at each event to a thousandth, numbers at risk at round times), not from the figures.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import log
from pathlib import Path
from typing import Any

import yaml

from synthetic.gbsg_trial import kaplan_meier

ROOT = Path(__file__).parents[1]
TRIALS = ("Checkmate017", "Checkmate057", "SQUIRE", "INSPIRE", "WJOG5108L", "BEACON", "ELDA")
DISEASES = {"Lung": ("lung cancer", "рак на белия дроб"), "Breast": ("breast cancer", "рак на гърдата")}
NAMES = {
    "OS": ("Overall survival", "Обща преживяемост"),
    "PFS": ("Progression-free survival", "Преживяемост без прогресия"),
    "DFS": ("Disease-free survival", "Преживяемост без заболяване"),
}
STEPS = {"months": (1, 2, 3, 6, 12), "years": (1, 2), "weeks": (4, 8, 12, 24), "days": (30, 90, 180, 365)}
FEWEST_TICKS = 5
TEN_THOUSAND = 10_000  # times of the set have at most four decimals: whole numbers for the exact estimate
UNKNOWN = "unknown"
ORIGIN = (
    "Rows of the data set kmdata 1.0.1 (R. Redd, MIT), which were reconstructed from the published figures: curve, "
    "numbers at risk and events are those of the rows, not of the publication. Which arm the published hazard ratio is "
    "of was told from the rows."
)

Row = Mapping[str, str]


def main(folder: Path) -> int:
    """Write the trial files and the clicks."""
    key, baseline = _read(folder / "trials_key.csv"), _read(folder / "arms_baseline.csv")
    with gzip.open(folder / "ipd.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for trial in TRIALS:
        figures = [one for one in key if one["ClinicalTrial"] == trial]
        for path, content in files(figures, [one for one in baseline if one["Publication"] == trial], rows):
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_bytes(content)
    return 0


def files(figures: Sequence[Row], baseline: Sequence[Row], rows: Sequence[Row]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of the clicks and of the trial file of one trial."""
    name = figures[0]["ClinicalTrial"].lower()
    of = {figure["name"]: [row for row in rows if row["name"] == figure["name"]] for figure in figures}
    lines = [click for figure in figures for click in _clicks(figure, of[figure["name"]])]
    clicks = "\n".join(["endpoint,arm,time,survival", *lines, ""]).encode()
    yield f"synthetic/data/kmdata/{name}.csv", clicks
    digest = hashlib.sha256(clicks).hexdigest()
    content = yaml.safe_dump(
        _trial(name, figures, baseline, of, digest), allow_unicode=True, sort_keys=False, width=120
    )
    head = "# Written by `python -m synthetic.kmdata_trials tests/data/kmdata`: change the script, not this file.\n"
    yield f"configs/trials/{name}.yaml", (head + content).encode()


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _arms(rows: Sequence[Row]) -> dict[str, list[tuple[int, bool]]]:
    """Return by arm the times of its patients, in ten thousandths of the unit."""
    arms: dict[str, list[tuple[int, bool]]] = {}
    for row in rows:
        time = round(Fraction(row["time"]) * TEN_THOUSAND)
        arms.setdefault(row["arm"], []).append((time, row["event"] == "1"))
    return dict(sorted(arms.items()))


def _clicks(figure: Row, rows: Sequence[Row]) -> Iterator[str]:
    for arm, times in _arms(rows).items():
        for time, survival in kaplan_meier(times)[1:]:
            yield f"{figure['Outcome'].lower()},{arm},{time / TEN_THOUSAND:g},{float(100 * survival):.1f}"


def _trial(
    name: str, figures: Sequence[Row], baseline: Sequence[Row], of: Mapping[str, Sequence[Row]], digest: str
) -> dict[str, Any]:
    first = figures[0]
    sizes: dict[str, int] = {}
    for figure in figures:
        for arm, times in _arms(of[figure["name"]]).items():
            sizes[arm] = max(sizes.get(arm, 0), len(times))
    endpoints = {f["Outcome"].lower(): _endpoint(f, of[f["name"]], name, digest) for f in figures}
    disease = DISEASES[first["Cancer"]]
    known = [row for row in baseline if row["Therapy"] in sizes]
    return {
        "trial": name,
        "title": {
            "en": f"{first['ClinicalTrial']}, published phase III trial in {disease[0]}",
            "bg": f"{first['ClinicalTrial']}, публикувано изпитване от фаза III при {disease[1]}",
        },
        "citation": f"{first['Title']}. {first['Journal']} {first['Year']}, PubMed {first['PubMedID']}, "
        f"registered as {first['TrialRegistration']}.",
        "origin": ORIGIN,
        "version": "1",
        "checked_by": "",
        "arms": {arm: {"n": n} | _label(arm, known) for arm, n in sizes.items()},
        "margins": list(_margins(known, sizes)),
        "numbers": list(_numbers(known)),
        "endpoints": endpoints,
        "rates": {"orr": UNKNOWN, "cbr": UNKNOWN},
        "criteria": UNKNOWN,
        "eligibility": UNKNOWN,
    }


def _label(arm: str, baseline: Sequence[Row]) -> dict[str, str]:
    """Return what the data set calls an arm in words, where that is more than its name."""
    told = next((row["Description"].strip() for row in baseline if row["Therapy"] == arm), "")
    return {"label": told} if told and told.lower().replace(" ", "_") != arm else {}


def _endpoint(figure: Row, rows: Sequence[Row], name: str, digest: str) -> dict[str, Any]:
    title = NAMES[figure["Outcome"]]
    arms = _arms(rows)
    return {
        "title": {"en": title[0], "bg": title[1]},
        "definition": {
            "en": "unknown: the data set gives the name of the endpoint only",
            "bg": "неизвестна: наборът от данни дава само името на показателя",
        },
        "assessment": UNKNOWN,
        "arms": {arm: _curve(figure, arm, times, name, digest) for arm, times in arms.items()},
        "hazard_ratios": [_ratio(figure, list(arms))],
    }


def _curve(figure: Row, arm: str, times: Sequence[tuple[int, bool]], name: str, digest: str) -> dict[str, Any]:
    end, unit = max(time for time, _ in times) / TEN_THOUSAND, figure["Units"]
    step = next((one for one in reversed(STEPS[unit]) if end / one >= FEWEST_TICKS), STEPS[unit][0])
    ticks = [step * k for k in range(int(end / step) + 1)]
    return {
        "n": len(times),
        "n_event": sum(event for _, event in times),
        "median": UNKNOWN,
        "digitised": {
            "unit": unit,
            "scale": "percent",
            "file": f"package://synthetic/data/kmdata/{name}.csv",
            "sha256": digest,
            "rows": {"endpoint": figure["Outcome"].lower(), "arm": arm},
            "end": end,
            "at_risk": [[tick, sum(time >= tick * TEN_THOUSAND for time, _ in times)] for tick in ticks],
        },
    }


def _ratio(figure: Row, arms: Sequence[str]) -> dict[str, Any]:
    """Return the published ratio, of the arm of which the refit of the rows tells it (its reference is the first)."""
    published, refit = float(figure["HazardRatio"]), float(figure["CoxHR_refit"])
    same = abs(log(published) - log(refit)) <= abs(log(published) + log(refit))
    of, versus = (arms[1], arms[0]) if same else (arms[0], arms[1])
    return {"of": of, "versus": versus, "estimate": published, "interval": UNKNOWN}


def _margins(baseline: Sequence[Row], sizes: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for variable, levels in (
        ("sex", {"male": "Sex:Males", "female": "Sex:Females"}),
        ("race", {"white": "Race:White", "other": "Race:Other"}),
        ("ecog", {"0-1": "ECOG-PS 0 or 1", ">=2": "ECOG=PS >=2"}),
    ):
        counts = {row["Therapy"]: [row[column] for column in levels.values()] for row in baseline}
        told = {arm: [int(value) for value in n] for arm, n in counts.items() if "NA" not in n and "" not in n}
        told = {arm: n for arm, n in told.items() if 0 < sum(n) <= sizes[arm]}
        if told:
            n = {arm: told.get(arm, UNKNOWN) for arm in sizes}
            of = {arm: sum(cells) for arm, cells in told.items() if sum(cells) < sizes[arm]}
            yield {"variable": variable, "levels": list(levels), "n": n} | ({"of": of} if of else {})


def _numbers(baseline: Sequence[Row]) -> Iterator[dict[str, Any]]:
    arms = {row["Therapy"]: _age(row) for row in baseline}
    if any(found != UNKNOWN for found in arms.values()):
        yield {"variable": "age", "unit": {"en": "years", "bg": "години"}, "arms": arms}


def _age(row: Row) -> dict[str, Any] | str:
    if row["Median Age"] in ("", "NA"):
        return UNKNOWN
    found: dict[str, Any] = {"median": float(row["Median Age"])}
    ends = row["Age Range"].strip("()").split("-")
    if len(ends) == 2 and all(end.strip().replace(".", "", 1).isdigit() for end in ends):
        found["range"] = [float(end) for end in ends]
    return found


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
