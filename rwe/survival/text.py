# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""How results read when printed: the columns in the order in which R prints them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from rwe.survival.levels import text

if TYPE_CHECKING:
    from rwe.survival.fine_gray import FineGray
    from rwe.survival.gray_test import GrayTest
    from rwe.survival.incidence_curves import CumulativeIncidence
    from rwe.survival.kaplan_meier import KaplanMeier
    from rwe.survival.log_rank import LogRank
    from rwe.survival.model import Cox
    from rwe.survival.proportional_hazards import ProportionalHazards

ENDS = 5  # rows shown of either end of a curve
TESTS = {"likelihood_ratio": "Likelihood ratio test", "wald": "Wald test", "score": "Score (log-rank) test"}


def number(value: Any, digits: int = 4) -> str:
    """Return a number with so many significant digits; NA where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "NA"
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"


def p_value(value: float | None) -> str:
    """Return a p-value, or that it is below what double precision tells."""
    return "<2e-16" if value is not None and value < 2e-16 else number(value, 3)


def grid(names: Sequence[str], columns: dict[str, list[str]], corner: str = "") -> list[str]:
    """Return the lines of a table: names to the left, columns to the right."""
    first = max(len(corner), *map(len, names), 0)
    widths = {head: max(len(head), *map(len, cells), 0) for head, cells in columns.items()}
    lines = [" ".join([corner.ljust(first), *(head.rjust(width) for head, width in widths.items())])]
    for row, name in enumerate(names):
        lines.append(" ".join([name.ljust(first), *(columns[h][row].rjust(w) for h, w in widths.items())]))
    return lines


def cox_text(fit: Cox) -> str:
    """Return a Cox model as ``summary.coxph`` orders it."""
    head = [f"Cox regression, ties {fit.ties}" + (f", penalty {fit.penalty}" if fit.penalty else "")]
    head += [f"n = {fit.n}, events = {fit.n_event}", ""]
    lines = head + _coefficients(fit.coefficients, robust=fit.robust, conf_level=fit.conf_level)
    lines.append("")
    if fit._fitted is not None:
        lines.append(f"Concordance = {fit.concordance:.4g} (se = {fit.concordance_std_error:.4g})")
    return "\n".join([*lines, *_tests(fit.tests), *fit.notes])


def fine_gray_text(fit: FineGray) -> str:
    """Return a Fine-Gray model in the order of a Cox model."""
    head = [f"Fine-Gray regression of cause {fit.of}, ties {fit.ties}"]
    head += [f"n = {fit.n}, events = {fit.n_event}, competing = {fit.n_competing}", ""]
    body = _coefficients(fit.coefficients, robust=fit.variance != "model", conf_level=fit.conf_level)
    return "\n".join([*head, *body, "", *_tests(fit.tests), *fit.notes])


def kaplan_meier_text(km: KaplanMeier) -> str:
    """Return records, events and median of each group, as ``print.survfit``."""
    median, level = medians(km), f"{km.conf_level:.3g}".lstrip("0")
    columns = {
        "n": [number(float(a), 7) for a in median["n"]],
        "events": [number(float(a), 7) for a in median["events"]],
        "median": _cells(median["median"]),
        f"{level}LCL": _cells(median["conf_low"]),
        f"{level}UCL": _cells(median["conf_high"]),
    }
    head = [f"Kaplan-Meier, {km.conf_type} limits", ""]
    return "\n".join([*head, *grid(km.labels, columns), *km.notes])


def medians(km: KaplanMeier) -> pl.DataFrame:
    """Return records, events and median of each group."""
    n_event, n_censor = (a.sum(axis=1) for a in km._curves.daily[1:])
    counts = pl.DataFrame({"group": km.labels, "n": n_event + n_censor, "events": n_event})
    median = km.quantile(0.5).select(pl.col("time").alias("median"), "conf_low", "conf_high")
    return counts.hstack(median)


def incidence_text(found: CumulativeIncidence) -> str:
    """Return the incidence of each cause in each group when people fail of it, as ``summary.survfit``."""
    level = f"{found.conf_level:.3g}".lstrip("0")
    known = {"time": "time", "n.risk": "n_risk", "n.event": "n_event", "incidence": "incidence"}
    known |= {"std.err": "std_error", f"lower {level}": "conf_low", f"upper {level}": "conf_high"}
    lines = [f"Cumulative incidence, {found.conf_type} limits, variance {found.variance}"]
    by = found.table.columns[: found.table.columns.index("cause")]
    for rows in found.table.partition_by([*by, "cause"], maintain_order=True):
        name = ", ".join([*_groups(rows.head(1), by), f"cause {text(rows['cause'][0])}"])
        failed = rows.filter(pl.col("n_event") > 0)
        lines += ["", *([name, *_steps(failed, known)] if failed.height else [f"{name}: no events"])]
    return "\n".join([*lines, *found.notes])


def _steps(rows: pl.DataFrame, known: dict[str, str]) -> list[str]:
    """Return the first and the last rows of a curve under their heads."""
    cut = rows.height - 2 * ENDS
    shown = rows if cut <= 0 else pl.concat([rows.head(ENDS), rows.tail(ENDS)])
    lines = grid([""] * shown.height, {head: _cells(shown[name]) for head, name in known.items()})
    return lines if cut <= 0 else [*lines[: ENDS + 1], f"... {cut} rows", *lines[ENDS + 1 :]]


def log_rank_text(found: LogRank) -> str:
    """Return what each group had and was owed, and the test, as ``print.survdiff``."""
    table = found.table
    away = (table["observed"] - table["expected"]) ** 2
    columns = {
        "N": _cells(table["n"]),
        "Observed": _cells(table["observed"]),
        "Expected": _cells(table["expected"]),
        "(O-E)^2/E": _cells(away / table["expected"]),
        "(O-E)^2/V": _cells(away / table["variance"]),
    }
    names = _groups(table, table.columns[: table.columns.index("n")])
    return "\n".join([*grid(names, columns), "", _chi_square(found.statistic, found.df, found.p_value)])


def gray_text(found: GrayTest) -> str:
    """Return what each group had and was owed, and the test."""
    table = found.table
    columns = {head: _cells(table[name]) for head, name in (("N", "n"), ("Events", "n_event"))}
    columns |= {"Observed": _cells(table["observed"]), "Expected": _cells(table["expected"])}
    names = _groups(table, table.columns[: table.columns.index("n")])
    last = _chi_square(found.statistic, found.df, found.p_value)
    return "\n".join([f"Gray's test of cause {found.of}", "", *grid(names, columns), "", last])


def proportional_hazards_text(found: ProportionalHazards) -> str:
    """Return the tests by term and of all, as ``print.cox.zph``."""
    table = found.table
    columns = {"chisq": _cells(table["statistic"]), "df": _cells(table["df"])}
    columns["p"] = [p_value(p) for p in table["p_value"]]
    return "\n".join(
        [f"Proportional hazards, time as {found.transform}", "", *grid(table["term"].to_list(), columns), *found.notes]
    )


def _coefficients(table: pl.DataFrame, *, robust: bool, conf_level: float) -> list[str]:
    """Return the tables of coefficients and of ratios; what a penalised model does not have is NA."""
    level = f"{conf_level:.3g}".lstrip("0")
    known = {"coef": "estimate", "exp(coef)": "hazard_ratio", "se(coef)": "std_error", "robust se": "robust_std_error"}
    known |= {"z": "statistic"}
    columns = {head: _cells(table[name]) for head, name in known.items() if name in table.columns}
    if not robust:
        columns.pop("robust se", None)
    columns["p"] = [p_value(p) for p in table["p_value"]]
    ratios = {"exp(coef)": _cells(table["hazard_ratio"]), "exp(-coef)": _cells(1 / table["hazard_ratio"])}
    ratios |= {f"lower {level}": _cells(table["conf_low"]), f"upper {level}": _cells(table["conf_high"])}
    return [*grid(table["term"].to_list(), columns), "", *grid(table["term"].to_list(), ratios)]


def _tests(table: pl.DataFrame) -> list[str]:
    known = [row for row in table.iter_rows(named=True) if row["statistic"] is not None]
    width = max((len(TESTS[row["test"]]) for row in known), default=0)
    names = [TESTS[row["test"]].ljust(width) for row in known]
    said = [f"{number(row['statistic'])} on {row['df']} df, p = {p_value(row['p_value'])}" for row in known]
    return [f"{name} = {words}" for name, words in zip(names, said, strict=True)]


def _cells(values: pl.Series) -> list[str]:
    return [number(value) for value in values]


def _chi_square(statistic: float, df: int, p: float) -> str:
    return f"Chi-square = {number(statistic)} on {df} df, p = {p_value(p)}"


def _groups(table: pl.DataFrame, by: Sequence[str]) -> list[str]:
    return [
        ", ".join(f"{name}={text(value)}" for name, value in row.items())
        for row in table.select(by).iter_rows(named=True)
    ]
