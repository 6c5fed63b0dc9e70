# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The table of gaps: practice against its trial, a study a row, from what each run released; and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rwe.compare.pool import Pooled, pool
from rwe.errors import RweError
from rwe.portfolio.runs import Outcome
from rwe.report.context import Context
from rwe.report.released import read_context, read_tables

ROW: dict[str, pl.DataType] = {
    "study": pl.String(), "medicine": pl.String(), "indication": pl.String(), "endpoint": pl.String(),
    "weights": pl.String(), "n": pl.Int64(), "hazard_ratio": pl.Float64(), "hr_low": pl.Float64(),
    "hr_high": pl.Float64(), "log_error": pl.Float64(), "rmst": pl.Float64(), "rmst_low": pl.Float64(),
    "rmst_high": pl.Float64(), "milestone": pl.Float64(), "milestone_low": pl.Float64(),
    "milestone_high": pl.Float64(), "day": pl.Int64(), "proportional_p": pl.Float64(), "verdict": pl.String(),
    "status": pl.String(), "exit_code": pl.Int64(), "run": pl.String(), "synthetic": pl.Boolean(),
}  # fmt: skip
MAIN, PLAIN = "raked", "unadjusted"
DONE, NO_COMPARISON = "done", "compares with no trial, or a gate withholds it"
NO_RATIO = "the hazard ratio is masked or does not exist"


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """The portfolio.

    Parameters
    ----------
    table
        One row a study: its names in one language, the hazard ratio, the difference of restricted means (days) and
        of survival on the main day against the trial with limits, weighted where the study weights (`weights`);
        status ``done`` or why there is no figure, exit code and run.
    pooled
        The hazard ratios of the studies that have one, by random effects; None for fewer than two.
    notes
        What a reader must know.
    """

    table: pl.DataFrame
    pooled: Pooled | None
    notes: tuple[str, ...]

    @property
    def left_out(self) -> int:
        """How many studies have no hazard ratio to pool."""
        return self.table.height - usable(self.table).height


def usable(table: pl.DataFrame) -> pl.DataFrame:
    """Return the studies that can be pooled."""
    return table.filter(pl.col("log_error") > 0, pl.col("hazard_ratio") > 0)


def gaps(outcomes: Sequence[Outcome], lang: str = "en", conf_level: float = 0.95) -> Gaps:
    """Gather the gaps of finished runs and pool them (REML, Hartung-Knapp), failed studies included as such.

    Only `release/` of a run is read. Studies pooled share no patients of a trial but may share hospitals; the
    prediction interval says where the effect of another medicine would lie.
    """
    rows = [_row(one, lang) for one in sorted(outcomes, key=lambda one: one.study)]
    table = pl.DataFrame(rows, schema=ROW)
    pooled = usable(table)
    left_out = table.height - pooled.height
    notes = [f"{left_out} of {table.height} studies have no hazard ratio to pool"] if left_out else []
    if pooled.height < 2:
        return Gaps(table, None, (*notes, "fewer than two studies: nothing is pooled"))
    found = pool(
        pooled["hazard_ratio"].log().to_list(),
        pooled["log_error"].to_list(),
        labels=pooled["medicine"].fill_null(pooled["study"]).to_list(),
        conf_level=conf_level,
    )
    return Gaps(table, found, tuple(notes))


def _row(outcome: Outcome, lang: str) -> dict[str, Any]:
    row: dict[str, Any] = {"study": outcome.study, "exit_code": outcome.exit_code, "status": outcome.reason or DONE}
    if outcome.folder is None:
        return row
    row["run"] = outcome.folder.name
    try:
        release = outcome.folder / "release"
        return row | _figures(read_context(release), read_tables(release), lang)
    except RweError as exc:
        return row | {"status": str(exc), "exit_code": exc.exit_code}


def _figures(told: Context, table: pl.DataFrame, lang: str) -> dict[str, Any]:
    endpoint = told.focus.endpoint
    words: dict[str, Any] = {"synthetic": told.synthetic}
    words |= {name: str(getattr(getattr(told.study, name), lang)) for name in ("medicine", "indication")}
    words["endpoint"] = str(getattr(told.endpoints[endpoint].title, lang)) if endpoint in told.endpoints else endpoint
    rows = table.filter(analysis="trial_comparison", outcome=endpoint)
    weights = MAIN if MAIN in rows["stratum"] else PLAIN
    own = rows.filter(stratum=weights)
    if own.is_empty():
        return words | {"status": NO_COMPARISON}
    between = own.filter(group="difference")
    ratio = _one(between, "hazard_ratio", None)
    day, horizon = told.focus.milestone, told.methods.horizon
    size = own.filter(group="registry", estimand="events")["n"]
    found = words | {"weights": weights, "n": size[0] if size.len() else None, "day": day}
    found |= {"hazard_ratio": ratio["estimate"], "hr_low": ratio["conf_low"], "hr_high": ratio["conf_high"]}
    found |= {
        "log_error": ratio["std_error"],
        **_limits(between, "rmst", horizon),
        **_limits(between, "milestone", day),
    }
    found["proportional_p"] = _one(between, "proportional_hazards", None)["p_value"]
    found["verdict"] = ",".join(card.verdict for card in told.verdicts.values())
    return found if ratio["estimate"] is not None else found | {"status": NO_RATIO}


def _limits(rows: pl.DataFrame, estimand: str, time: int) -> dict[str, Any]:
    row = _one(rows, estimand, time)
    return {estimand: row["estimate"], f"{estimand}_low": row["conf_low"], f"{estimand}_high": row["conf_high"]}


def _one(rows: pl.DataFrame, estimand: str, time: int | None) -> dict[str, Any]:
    found = rows.filter(estimand=estimand)
    found = found if time is None else found.filter(time=time)
    return found.row(0, named=True) if found.height else dict.fromkeys(rows.columns)
