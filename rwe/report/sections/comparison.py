# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Registry against trial: the curves, and the differences before and after raking."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rwe.figures import BLUE, LIGHT_BLUE, RED, Series
from rwe.report.blocks import Block, Figure, Line, Prose, Section, Table
from rwe.report.page import Page, Row
from rwe.report.sections.charts import km_chart
from rwe.report.sections.reading import reading
from rwe.spec.base import Text

STRATA = ("unadjusted", "raked")
# estimand -> form of a value, form of a difference
MEASURES = {"milestone": ("percent", "points"), "rmst": ("months", "months_more"), "median": ("months", "months_more")}


def comparison(page: Page) -> Section | None:
    """Return the chapter, None for a study without a trial."""
    trial = page.context.trial
    if trial is None:
        return None
    if not any(row["stratum"] in STRATA for row in page.rows("trial_comparison")):
        return _withheld(page)
    missing = [_missing(page, name, reason) for name, reason in trial.missing.items()]
    blocks: list[Block] = [
        Prose([page.say(trial.title)]),
        Prose([trial.citation], small=True),
        _figure(page),
        _table(page),
        *reading(page),
        Prose(missing),
    ]
    return Section("comparison", page.words("comparison.title"), blocks)


def _withheld(page: Page) -> Section:
    """Return the chapter of a comparison that a gate holds back: the reason stands where the figures would."""
    gates = page.red_gates("trial_comparison")
    reasons = [page.words(f"quality.{gate.action}_note", reason=page.say(gate.reason)) for gate in gates]
    return Section("comparison", page.words("comparison.title"), [Prose(reasons)])


def found(page: Page, stratum: str, group: str, estimand: str, time: int | None = None, **other: str) -> Row | None:
    """Return one estimate of the comparison; `other` may name another outcome."""
    labels: dict[str, str | int] = {"stratum": stratum, "group": group, "estimand": estimand}
    labels |= {"outcome": page.context.focus.endpoint, **other} | ({} if time is None else {"time": time})
    return page.row("trial_comparison", **labels)


def _figure(page: Page) -> Figure:
    endpoint = page.context.focus.endpoint
    key = pl.when(pl.col("group") == "trial").then(pl.lit("trial")).otherwise(pl.col("stratum"))
    part = page.part(analysis="trial_comparison", outcome=endpoint)
    # the trial is the same in every stratum: it is drawn once
    part = part.filter(
        pl.col("group").is_in(["registry", "trial"]) & pl.col("stratum").is_in(STRATA),
        (pl.col("group") == "registry") | (pl.col("stratum") == "unadjusted"),
    )
    series = [
        Series("raked", page.words("comparison.curve_raked"), BLUE),
        Series("unadjusted", page.words("comparison.curve_unadjusted"), LIGHT_BLUE, dashed=True, band=False),
        Series("trial", page.words("comparison.curve_trial"), RED),
    ]
    title = page.words("comparison.figure", endpoint=page.endpoint(endpoint))
    svg = km_chart(page, part.with_columns(group=key), series, endpoint, "fig-comparison", title)
    note = page.words("chart.note", level=page.level("trial_comparison"), grid=page.context.policy.grid_days)
    return Figure(title, svg, note + " " + page.words("chart.trial_note"))


def _table(page: Page) -> Table:
    head = ("measure", "practice", "practice_raked", "trial", "difference", "difference_raked")
    lines = [*_measures(page), _hazard(page), _sample(page)]
    return Table(
        page.words("comparison.table"),
        [page.words(f"comparison.{name}", level=page.level("trial_comparison")) for name in head],
        lines,
        page.words("comparison.note"),
    )


def _measures(page: Page) -> Iterator[Line]:
    """Yield a line for each milestone, the restricted mean and the median."""
    for estimand, (form, more) in MEASURES.items():
        for time in times(page, estimand):
            cells = [page.value(found(page, s, "registry", estimand, time), form) for s in STRATA]
            cells.append(page.value(found(page, "unadjusted", "trial", estimand, time), form))
            cells += [page.estimate(found(page, s, "difference", estimand, time), more) for s in STRATA]
            yield Line((measure(page, estimand, time), *cells))


def times(page: Page, estimand: str) -> list[int | None]:
    """Return the days at which the comparison has this estimand; [None] for one without a day."""
    labels = {"analysis": "trial_comparison", "estimand": estimand, "outcome": page.context.focus.endpoint}
    return page.part(**labels, stratum="unadjusted", group="registry")["time"].unique().sort().to_list()


def measure(page: Page, estimand: str, time: int | None) -> str:
    """Return the name of a measure, with its unit."""
    if time is None:
        return page.words(f"measure.{estimand}")
    if estimand == "rmst":
        return page.words("measure.rmst", months=page.numbers.months(time))
    return page.words("measure.milestone", at=page.years(time))


def _hazard(page: Page) -> Line:
    cells = [page.estimate(found(page, s, "difference", "hazard_ratio"), "ratio") for s in STRATA]
    return Line((page.words("measure.hazard_ratio"), "", "", "", *cells))


def _sample(page: Page) -> Line:
    cells = [page.value(found(page, s, "registry", "effective_sample_size"), "count") for s in STRATA]
    compared = page.part(analysis="trial_comparison", outcome=page.context.focus.endpoint, group="trial")
    most = compared["n"].max()  # the arm that is compared need not be the whole trial
    size = page.numbers.count(int(str(most))) if most is not None else ""
    return Line((page.words("measure.effective_sample_size"), *cells, size, "", ""))


def _missing(page: Page, name: str, reason: Text) -> str:
    """Return why an endpoint of the study has no counterpart in the trial."""
    return page.words("comparison.missing", endpoint=page.endpoint(name), reason=page.say(reason))
