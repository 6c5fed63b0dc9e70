# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Empirical calibration: what negative controls say of the error that no standard error knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rwe.compare.error_model import ErrorModel, null_model, whole_model
from rwe.compare.people import people, require
from rwe.compare.student import tail
from rwe.errors import DataError, NoValidAnswer
from rwe.figures.chart import Chart
from rwe.figures.tongue import Language
from rwe.kernels._jit import F8
from rwe.result import Result, tidy
from rwe.survival.intervals import normal_quantile
from rwe.survival.show import Shown, Story

FEWEST = 5
LARGEST = math.log(100)  # beyond this an estimate is no estimate: EmpiricalCalibration drops it as well
FAIR = 0.25  # expected absolute systematic error


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Calibration(Shown):
    """Effects after the systematic error that the controls show.

    Parameters
    ----------
    table
        One row an effect: label, log_ratio, std_error, p_value (as it was), calibrated (log ratio), conf_low,
        conf_high, calibrated_p, calibrated_p_upper (one-sided: the ratio exceeds 1).
    controls
        One row a control: log_ratio, std_error, true, p_value, calibrated_p (against its true effect, by a model of the
        other controls).
    model
        Mean and spread of the systematic error.
    performance
        Rows before and after: type_1_error (of negative controls), coverage (of all), each control left out in turn.
    dropped
        Controls without a finite estimate, or beyond a ratio of 100.
    notes
        What a reader must know.
    """

    table: pl.DataFrame
    controls: pl.DataFrame
    model: ErrorModel
    performance: pl.DataFrame
    dropped: int
    conf_level: float
    notes: tuple[str, ...]

    def plot(self, *, language: Language = "en") -> Chart:
        """Draw controls and effects against their errors, with the lines below which p is under 0.05."""
        from rwe.compare.trust_charts import calibration_plot

        return calibration_plot(self, language)

    def to_result(self, *, population: str = "", outcome: str = "") -> Result:
        """Return the calibrated log ratios and what the controls say in the long tidy form."""
        effects = self.table.select(
            "conf_low", "conf_high", group="label", estimate="calibrated", p_value="calibrated_p",
            estimand=pl.lit("calibrated_log_ratio"),
        )  # fmt: skip
        model = {"null_mean": self.model.mean, "null_sd": self.model.sd, "ease": self.model.expected_error}
        rows: list[dict[str, Any]] = [{"estimand": name, "estimate": value} for name, value in model.items()]
        for row in self.performance.iter_rows(named=True):
            both = ("type_1_error", "coverage")
            rows += [{"estimand": b, "stratum": row["when"], "estimate": row[b], "n": row["n"]} for b in both]
        table = pl.concat([effects, pl.DataFrame(rows, infer_schema_length=None)], how="diagonal")
        settings = {"conf_level": self.conf_level, "dropped": self.dropped, "notes": [*self.notes]}
        return Result(tidy(table, analysis="calibration", population=population, outcome=outcome), settings)

    def _story(self) -> Story:
        said = f"mean {self.model.mean:.4g}, deviation {self.model.sd:.4g}, EASE {self.model.expected_error:.3g}"
        return f"Calibrated by {self.controls.height} controls: systematic error {said}", self.table, self.notes


def calibrate(
    negative_controls: Any, estimates: Any, *, positive_controls: Any = None, conf_level: float = 0.95
) -> Calibration:
    """Calibrate p-values and intervals (Schuemie et al. 2014, Stat Med 33:209; 2018, PNAS 115:2571).

    Parameters
    ----------
    negative_controls
        Frame of ``log_ratio`` and ``std_error`` of effects known to be none, estimated in the same way.
    estimates
        Frame of the same columns: the effects of interest; ``label`` where there are several.
    positive_controls
        Frame of the same columns and ``true`` (log ratio), for example of `positive_control`: the error may then
        grow with the effect. Without, it is taken to be the same at any effect.

    Returns
    -------
    Calibration
        Equal to R ``EmpiricalCalibration`` (``fitNull``, ``calibrateP``, ``calibrateConfidenceInterval``).

    Raises
    ------
    NoValidAnswer
        With fewer than five usable negative controls.

    Examples
    --------
    >>> known = pl.DataFrame({"log_ratio": [0.1, 0.3, 0.2, 0.25, 0.15, 0.2], "std_error": [0.1] * 6})
    >>> found = calibrate(known, pl.DataFrame({"log_ratio": [0.5], "std_error": [0.1]}))
    >>> round(found.table["calibrated"][0], 3)
    0.3
    """
    given = _controls(negative_controls, positive_controls)
    usable = given.filter(_USABLE)
    n_null = int((usable["true"] == 0).sum())
    if n_null < FEWEST:
        raise NoValidAnswer(f"{n_null} usable negative controls: fewer than {FEWEST} say nothing of systematic error")
    effects = _effects(estimates)
    model, z = _model(usable), normal_quantile(conf_level)
    controls = usable.with_columns(
        p_value=pl.Series([tail((y - t) / se) for y, se, t in usable.iter_rows()]),
        calibrated_p=pl.Series([tail(v) for v in _left_out(usable)]),
    )
    dropped = given.height - usable.height
    return Calibration(
        _calibrated(effects, model, z), controls, model, _performance(controls, conf_level), dropped, conf_level,
        _notes(usable, model, dropped),
    )  # fmt: skip


_USABLE = (
    pl.all_horizontal(pl.col("log_ratio", "std_error").is_finite())
    & (pl.col("std_error") > 0)
    & (pl.col("log_ratio").abs() <= LARGEST)
)


def _controls(negative: Any, positive: Any) -> pl.DataFrame:
    columns = [pl.col(name).cast(pl.Float64).fill_null(np.nan) for name in ("log_ratio", "std_error")]
    rows = people(negative)
    require(rows, ["log_ratio", "std_error"])
    parts = [rows.select(*columns, true=pl.lit(0.0))]
    if positive is not None:
        rows = people(positive)
        require(rows, ["log_ratio", "std_error", "true"])
        parts.append(rows.select(*columns, pl.col("true").cast(pl.Float64)))
    return pl.concat(parts)


def _effects(estimates: Any) -> pl.DataFrame:
    rows = people(estimates)
    require(rows, ["log_ratio", "std_error"])
    if "label" not in rows.columns:
        rows = rows.with_columns(label=pl.int_range(1, pl.len() + 1).cast(pl.String))
    rows = rows.select("label", pl.col("log_ratio", "std_error").cast(pl.Float64).fill_null(np.nan))
    if odd := rows.filter(~pl.col("log_ratio").is_finite() | ~(pl.col("std_error") > 0)).height:
        raise DataError(f"{odd} of {rows.height} effects have no finite estimate with a positive error: leave them out")
    return rows


def _model(controls: pl.DataFrame) -> ErrorModel:
    y, se, true = (controls[name].to_numpy() for name in ("log_ratio", "std_error", "true"))
    return whole_model(y, se, true) if true.any() else null_model(y, se)


def _left_out(controls: pl.DataFrame) -> F8:
    """Return the standardised distance of each control from its true effect, by a model of the others.

    Each null control is left out alone; where effects differ, which takes longer to fit, controls go in 20 parts.
    """
    parts = 20 if controls["true"].to_numpy().any() else controls.height
    part = np.arange(controls.height) % parts
    models = [_model(controls.filter(pl.Series(part != k))) for k in range(min(parts, controls.height))]
    return np.array([models[k].z(y, se, true) for k, (y, se, true) in zip(part, controls.iter_rows(), strict=True)])


def _calibrated(effects: pl.DataFrame, model: ErrorModel, z: float) -> pl.DataFrame:
    rows = []
    for label, y, se in effects.iter_rows():
        null = model.z(y, se, 0.0)
        limits = {"conf_low": model.effect(y, se, z), "conf_high": model.effect(y, se, -z)}
        p = {"calibrated_p": tail(null), "calibrated_p_upper": 1 - tail(abs(null)) / 2 if null < 0 else tail(null) / 2}
        first = {"label": label, "log_ratio": y, "std_error": se, "p_value": tail(y / se)}
        rows.append(first | {"calibrated": model.effect(y, se, 0.0)} | limits | p)
    return pl.DataFrame(rows)


def _performance(controls: pl.DataFrame, conf_level: float) -> pl.DataFrame:
    """Return how often controls are called different from what they are, before and after."""
    rows = []
    for when, column in (("before", "p_value"), ("after", "calibrated_p")):
        wrong = (controls[column] < 1 - conf_level).to_numpy()
        null = float(wrong[controls["true"].to_numpy() == 0].mean())
        covered = 1 - float(wrong.mean())
        rows.append({"when": when, "n": controls.height, "type_1_error": null, "coverage": covered})
    return pl.DataFrame(rows)


def _notes(controls: pl.DataFrame, model: ErrorModel, dropped: int) -> tuple[str, ...]:
    null = controls.filter(pl.col("true") == 0)["log_ratio"]
    notes = []
    if (null > 0).all() or (null < 0).all():
        notes.append("all negative controls lie on one side of no effect: the error has a direction")
    if dropped:
        notes.append(f"{dropped} controls without a usable estimate were left out")
    if model.expected_error >= FAIR:
        notes.append(f"expected absolute systematic error {model.expected_error:.2f}, {FAIR} or more: not fair")
    if not model.sd:
        notes.append("controls differ no more than their errors allow: the spread of systematic error is taken as none")
    return tuple(notes)
