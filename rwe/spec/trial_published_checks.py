# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Published figures of a trial held against each other: arms that are none, limits that exclude, files that changed."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rwe.errors import DefinitionError
from rwe.spec.base import Where, locate

if TYPE_CHECKING:
    from rwe.spec.trial import Endpoint, Margin, TrialFile
    from rwe.spec.trial_published import Digitised, Interval

Fault = tuple[Where, str]
Sizes = Mapping[str, int]
ROUNDED = 0.0051  # by how much each printed proportion may be off


def published(trial: TrialFile, sizes: Sizes, path: Path) -> Iterator[Fault]:
    """Yield each inconsistency of proportions, numbers, joint tables, ratios, rates and digitised curves."""
    for i, margin in enumerate(trial.margins):
        yield from _proportions(("margins", i), margin, sizes)
    for i, numbers in enumerate(trial.numbers):
        for arm, told in numbers.arms.items():
            yield from _arm(("numbers", i, "arms", arm), arm, sizes, told.n if told else None)
    for i, joint in enumerate(trial.joint):
        for arm, cells in joint.arms.items():
            yield from _arm(("joint", i, "arms", arm), arm, sizes, sum(cell.n for cell in cells or ()))
    for name, rate in trial.rates.items():
        for arm, one in rate.arms.items() if rate else ():
            where: Where = ("rates", name, "arms", arm)
            yield from _arm(where, arm, sizes, one.n if one else None)
            if one and one.interval and (value := one.proportion or (one.responders or 0) / one.n) is not None:
                yield from _inside((*where, "interval"), value, one.interval)
    for name, endpoint in trial.endpoints.items():
        yield from _endpoint(("endpoints", name), endpoint, sizes, path)


def _arm(where: Where, arm: str, sizes: Sizes, n: int | None) -> Iterator[Fault]:
    if arm not in sizes:
        yield where, f"no arm of this name; known: {', '.join(sizes)}"
    elif n is not None and n > sizes[arm]:
        yield where, f"{n} patients, the arm has {sizes[arm]}"


def _inside(where: Where, value: float, interval: Interval) -> Iterator[Fault]:
    if not interval[0] <= value <= interval[1]:
        yield where, f"the interval {interval[0]:g} to {interval[1]:g} does not hold the estimate {value:g}"


def _proportions(where: Where, margin: Margin, sizes: Sizes) -> Iterator[Fault]:
    for arm, n in margin.of.items():
        yield from _arm((*where, "of", arm), arm, sizes, n)
    for arm, shares in margin.proportions.items():
        place: Where = (*where, "proportions", arm)
        yield from _arm(place, arm, sizes, None)
        if shares is not None and len(shares) != len(margin.levels):
            yield place, f"{len(shares)} proportions for {len(margin.levels)} levels"
        elif shares is not None and abs(sum(shares) - 1) > ROUNDED * len(shares):
            yield place, f"proportions add up to {sum(shares):g}, not to 1"


def _endpoint(where: Where, endpoint: Endpoint, sizes: Sizes, path: Path) -> Iterator[Fault]:
    for i, ratio in enumerate(endpoint.hazard_ratios):
        place: Where = (*where, "hazard_ratios", i)
        yield from _arm((*place, "of"), ratio.of, sizes, None)
        yield from _arm((*place, "versus"), ratio.versus, sizes, None)
        if ratio.of == ratio.versus:
            yield (*place, "versus"), "an arm has no ratio to itself"
        if ratio.estimate is not None and ratio.interval:
            yield from _inside((*place, "interval"), ratio.estimate, ratio.interval)
    for arm, curve in endpoint.arms.items():
        at: Where = (*where, "arms", arm)
        if curve.median is not None and curve.median_interval:
            yield from _inside((*at, "median_interval"), curve.median, curve.median_interval)
        if curve.digitised:
            yield from _digitised((*at, "digitised"), curve.digitised, curve.n, path)


def _digitised(where: Where, drawn: Digitised, n: int, path: Path) -> Iterator[Fault]:
    if drawn.at_risk and drawn.at_risk[0][0] == 0 and drawn.at_risk[0][1] != n:
        yield (*where, "at_risk", 0), f"{drawn.at_risk[0][1]} at risk at time 0, n says {n}"
    if drawn.file is None:
        return
    try:
        content = locate(drawn.file, path).read_bytes()
    except DefinitionError as exc:
        yield (*where, "file"), exc.problems[0].message
        return
    except OSError:
        yield (*where, "file"), "no such file, or it cannot be read"
        return
    if hashlib.sha256(content).hexdigest() != drawn.sha256:
        yield (*where, "sha256"), "the file has another checksum: these are not the clicks this trial was made from"
        return
    table = list(csv.DictReader(content.decode("utf-8").splitlines()))
    missing = {"time", "survival", *drawn.rows} - set(table[0] if table else ())
    if missing:
        yield (*where, "file"), f"the file has no column {', '.join(sorted(missing))}"
    elif not any(all(row[column] == value for column, value in drawn.rows.items()) for row in table):
        yield (*where, "rows"), "no row of the file is so"
