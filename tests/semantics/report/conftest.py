# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A finished run as the report sees it: released tables in small, with some masked cells, and their context."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rwe.disclosure import RELEASED
from rwe.reimbursement.reasons import REASONS as POSTED
from rwe.report import LANGUAGES, Context, render
from rwe.result import SCHEMA, tidy
from tests.semantics.report.gates import gate

Row = dict[str, Any]
DAYS = tuple(round(365.25 * year) for year in range(13))
GROUPS = {"overall": (1545, 3000.0), "hormonal=no": (1205, 2900.0), "hormonal=yes": (340, 3350.0)}


def text(en: str, bg: str) -> dict[str, str]:
    return {"en": en, "bg": bg}


def survival(day: float, mean: float) -> float:
    return math.exp(-((day / mean) ** 1.05))


def curve(n: int, mean: float, last: int, **labels: str) -> Iterator[Row]:
    """Yield a curve on the release grid, its numbers at risk and its median."""
    for day in range(0, last, 90):
        s = survival(day, mean)
        half = 1.96 * math.sqrt(s * (1 - s) / n)
        yield labels | {"estimand": "survival", "time": day, "estimate": s, "conf_low": s - half, "conf_high": s + half}
    for day in (day for day in DAYS if day < last):
        s = survival(day, mean)
        lost = {"n": round(n * s * (1 - day / 5000) / 5) * 5, "n_event": round(n * (1 - s) / 5) * 5}
        yield labels | {"estimand": "at_risk", "time": day} | (lost if day else {"n": n, "n_event": 0})
    yield labels | {"estimand": "median", "estimate": mean * math.log(2) ** (1 / 1.05)}


def estimate(value: float, half: float, **labels: Any) -> Row:
    return labels | {"estimate": value, "conf_low": value - half, "conf_high": value + half}


def survival_rows() -> Iterator[Row]:
    for endpoint, slower in (("os", 1.35), ("rfs", 1.0), ("rfs_check", 1.02)):
        for group, (n, mean) in GROUPS.items():
            labels = {"outcome": endpoint, "group": group, "population": "node_positive"}
            yield from curve(n, mean * slower, 4500, **labels)
            yield labels | {"estimand": "events", "n": n, "n_event": round(n * 0.55 / 5) * 5}
            yield labels | {"estimand": "follow_up_median", "estimate": 3410.0}
            for day in (365, 1096, 1826):
                yield estimate(survival(day, mean * slower), 0.02, **labels, estimand="milestone", time=day)
        labels = {"outcome": endpoint, "population": "node_positive", "estimand": "log_rank"}
        yield labels | {"statistic": 14.2, "p_value": 0.00016 if endpoint == "rfs" else 0.0317}


def comparison_rows() -> Iterator[Row]:
    for endpoint, stratum, mean, ess, shift in (
        ("rfs", "unadjusted", 2900.0, 1545, 0.0),
        ("rfs", "raked", 2700.0, 845, -0.012),
        ("rfs", "raked_grade", 2650.0, 610, -0.02),
        ("rfs_check", "raked", 2720.0, 845, -0.01),
    ):
        labels = {"outcome": endpoint, "stratum": stratum, "population": "node_positive"}
        yield from curve(1545, mean, 4500, group="registry", **labels)
        yield from curve(686, 2560.0, 2660, group="trial", **labels)
        for group, value in (("registry", survival(1826, mean)), ("trial", 0.5042)):
            yield estimate(value, 0.03, **labels, group=group, estimand="milestone", time=1826)
            yield estimate(1330.0 + 40 * value, 30, **labels, group=group, estimand="rmst", time=1826)
        difference = labels | {"group": "difference"}
        yield estimate(0.021 + shift, 0.041, **difference, estimand="milestone", time=1826)
        yield estimate(31.0 + 900 * shift, 44, **difference, estimand="rmst", time=1826)
        yield estimate(0.94 - shift, 0.11, **difference, estimand="hazard_ratio")
        yield labels | {"group": "registry", "estimand": "effective_sample_size", "estimate": float(ess)}


def reading_rows(p: float) -> Iterator[Row]:
    """Yield what says how the comparison is to be read."""
    labels = {"outcome": "rfs", "population": "node_positive"}
    ratio = labels | {"group": "difference", "stratum": "raked"}
    yield ratio | {"estimand": "proportional_hazards", "statistic": 4.2, "p_value": p}
    plain = labels | {"group": "difference", "stratum": "unadjusted", "time": 2455}
    yield estimate(1.06, 0.07, **plain, estimand="one_sample_log_rank")


def claim_rows(estimand: str, time: int | None, value: float) -> Iterator[Row]:
    """Yield a claim held against its margin."""
    labels = {"outcome": "rfs", "population": "node_positive", "stratum": "raked", "group": "hypothesis", "time": time}
    yield estimate(value, 0.03, **labels, estimand=estimand, n=600, p_value=0.001)


def gap_rows() -> Iterator[Row]:
    """Yield a gap split into its parts."""
    labels = {"outcome": "rfs", "population": "registry"}
    sides = {"all": (2980, 0.567), "eligible": (1545, 0.44), "ineligible": (1435, 0.707), "aligned": (1545, 0.476)}
    for measure, time, scale in (("milestone", 1826, 1.0), ("rmst", 1826, 2400.0)):
        of = {"estimand": measure, "time": time}
        for side, (n, value) in sides.items():
            yield estimate(scale * value, scale * 0.03, **labels, **of, group="registry", stratum=side, n=n)
            yield estimate(scale * 0.492, scale * 0.04, **labels, **of, group="trial", stratum=side)
        for side, value in (("all", 0.075), ("aligned", -0.016)):
            yield estimate(scale * value, scale * 0.05, **labels, **of, group="difference", stratum=side)
        for part, value in (("ineligible", 0.127), ("case_mix", -0.036)):
            inner = {"estimand": f"gap_{measure}", "time": time, "group": part, "stratum": "part"}
            yield estimate(scale * value, scale * 0.02, **labels, **inner)


MARGINS = {
    "age": {"<=45": (0.23, 0.22), "46-60": (0.41, 0.50), ">60": (0.36, 0.28)},
    "menopause": {"pre": (0.42, 0.42), "post": (0.58, 0.58)},
    "size": {"<=20": (0.31, 0.26), "21-50": (0.53, 0.66), ">50": (0.16, 0.08)},
    "nodes": {"1-3": (0.50, 0.55), "4-9": (0.32, 0.30), ">=10": (0.18, 0.15)},
    "hormonal": {"no": (0.78, 0.64), "yes": (0.22, 0.36)},
}


def balance_rows() -> Iterator[Row]:
    for variable, levels in MARGINS.items():
        for level, (here, there) in levels.items():
            sd = math.sqrt((here * (1 - here) + there * (1 - there)) / 2)
            for stratum, value in (("before", here), ("after", there)):
                labels = {"outcome": variable, "group": level, "stratum": stratum, "n": 500}
                yield labels | {"estimand": "proportion_registry", "estimate": value}
                yield labels | {"estimand": "proportion_trial", "estimate": there}
                yield labels | {"estimand": "smd", "estimate": (value - there) / sd}


def characteristics_rows() -> Iterator[Row]:
    for group, (n, _) in GROUPS.items():
        labels = {"population": "node_positive", "group": group}
        moments = {"mean": 55.4, "sd": 13.1, "q1": 45.0, "median": 56.0, "q3": 65.0}
        yield from (labels | {"outcome": "age", "estimand": k, "n": n, "estimate": v} for k, v in moments.items())
        for level, share in (("<=20", 0.31), ("21-50", 0.53), (">50", 0.16)):
            count = {"n": round(n * share / 5) * 5, "estimate": share}
            yield labels | {"outcome": "size", "stratum": level, "estimand": "proportion"} | count
        hidden = group == "hormonal=yes"
        cell = {"masked": "n,estimate"} if hidden else {"n": 25, "estimate": 25 / n}
        yield labels | {"outcome": "size", "stratum": "unknown", "estimand": "proportion"} | cell
    for variable, value in (("age", 0.92), ("size", 0.13)):
        labels = {"population": "node_positive", "group": "difference", "outcome": variable}
        yield labels | {"estimand": "smd", "n": 340, "estimate": value}


def cox_rows() -> Iterator[Row]:
    labels = {"population": "node_positive", "outcome": "rfs"}
    for term, ratio, p in (
        ("age", 1.01, 0.412),
        ("size=21-50", 1.42, 0.0004),
        ("size=>50", 2.03, 0.0000001),
        ("hormonal=yes", 0.78, 0.0123),
    ):
        limits = {"conf_low": ratio * 0.86, "conf_high": ratio * 1.17, "estimand": "hazard_ratio"}
        yield labels | {"stratum": term, "n": 1545, "n_event": 850, "estimate": ratio, "p_value": p} | limits
    yield labels | {"estimand": "concordance", "estimate": 0.671, "n": 1545, "n_event": 850}
    yield from proportional_hazards({"": 0.35, "age": 0.64, "hormonal=yes": 0.41})


def proportional_hazards(tests: dict[str, float]) -> Iterator[Row]:
    """Yield the test of all terms together (no stratum) and of single terms, by their p values."""
    labels = {"population": "node_positive", "outcome": "rfs", "estimand": "proportional_hazards"}
    for term, p in tests.items():
        yield labels | {"stratum": term, "statistic": 6.4, "p_value": p}


def attrition_rows() -> Iterator[Row]:
    yield {"outcome": "everyone", "estimand": "remaining", "n": 2980}
    yield {"outcome": "index", "estimand": "excluded", "n": 0}
    yield {"outcome": "index", "estimand": "remaining", "n": 2980}
    left = 2980
    for name, lost in (("event_free_at_index", 0), ("known", None), ("node_positive", 1435)):
        labels = {"population": "node_positive", "outcome": name}
        yield labels | {"estimand": "excluded"} | ({"masked": "n"} if lost is None else {"n": lost})
        left -= lost or 0
        yield labels | {"estimand": "remaining", "n": left}


def settlement_rows() -> Iterator[Row]:
    for outcome, n, payback in (("responder", 185, 0.0), ("failure", 130, 156000.0), ("not_evaluable", 25, 0.0)):
        labels = {"population": "AG-1", "stratum": "result_5y", "outcome": outcome, "n": n}
        values = {"patients": float(n), "spend": 1200.0 * n, "payback": payback}
        yield from (labels | {"estimand": k, "estimate": v} for k, v in values.items())
    hidden = {"masked": "n,estimate", "population": "AG-1", "stratum": "result_5y", "outcome": "open"}
    yield from (hidden | {"estimand": name} for name in ("patients", "spend", "payback"))
    for term, payback in (("result_5y", 156000.0), ("guarantee_5y", 0.0), ("all", 156000.0)):
        labels = {"population": "AG-1", "stratum": term, "outcome": "all", "n": 340}
        values = {"patients": 340.0, "spend": 408000.0, "payback": payback}
        yield from (labels | {"estimand": k, "estimate": v} for k, v in values.items())
    labels = {"population": "AG-1", "stratum": "guarantee_5y", "outcome": "all", "time": 1826}
    yield labels | {"estimand": "threshold", "estimate": 0.58}
    yield estimate(0.561, 0.052, **labels, estimand="milestone", n=180)


def bridge_rows() -> Iterator[Row]:
    """Yield what closing two periods posted: every reason, one of them masked."""
    for close, reasons in (("2001", (*POSTED, "other")), ("2002 2003", ("new",))):
        labels = {"population": "AG-1", "group": close}
        for reason in (*reasons, "all"):
            values = {"patients": 20.0, "payback": -1200.5 if reason == "deleted_record" else 24000.0}
            shown = {"masked": "n,estimate"} if reason == "price" else {"n": 20}
            for name, value in values.items():
                told = shown | ({} if "masked" in shown else {"estimate": value})
                yield labels | {"outcome": reason, "estimand": name} | told
        for name in ("payable", "disputed", "barred"):
            yield labels | {"outcome": "all", "estimand": f"{name}_after", "n": 20, "estimate": 24000.0}


def causes_rows(groups: tuple[str, ...] = ("overall",)) -> Iterator[Row]:
    """Yield the causes of a composite endpoint in these groups; where there are several, with test and models."""
    base = {"population": "node_positive", "outcome": "rfs"}
    for group in groups:
        yield base | {"group": group, "stratum": "rfs_check", "estimand": "count", "n": 0}  # of which nobody failed
    for group, (cause, share) in itertools.product(groups, {"recurrence": 0.4, "os": 0.06}.items()):
        labels = base | {"group": group, "stratum": cause}
        yield labels | {"estimand": "count", "n": round(300 * share) * 5}
        for day in range(0, 3000, 90):
            value = share * (1 - math.exp(-day / 1500))
            step = {"time": day, "n": 1500 - day // 10 * 5, "estimate": value}
            limits = {"conf_low": value * 0.9, "conf_high": value * 1.1} if day else {}
            yield labels | {"estimand": "cumulative_incidence"} | step | limits
        for day in (day for day in DAYS if day < 3000):
            few = {"masked": "n_event"} if day == 365 and cause == "os" else {"n_event": round(100 * share) * 5}
            yield labels | {"estimand": "at_risk", "time": day, "n": 1500 - day // 10 * 5} | few
        yield estimate(share * 0.7, 0.01, **labels, estimand="milestone", time=1826)
        yield estimate(500 * share, 9.0, **labels, estimand="time_lost", time=1826)
    if len(groups) > 1:
        yield from _causes_compared(base)


def _causes_compared(base: Row) -> Iterator[Row]:
    for cause in ("recurrence", "os"):
        yield base | {"stratum": cause, "estimand": "gray_test", "statistic": 7.31, "p_value": 0.0069}
        labels = base | {"group": cause}
        yield labels | {"estimand": "concordance", "estimate": 0.64, "n": 1545, "n_event": 610}
        yield labels | {"estimand": "proportional_hazards", "statistic": 3.1, "p_value": 0.377}
        for term, ratio in (("hormonal=yes", 0.77), ("age", 1.03)):
            rows = {"stratum": term, "p_value": 0.021, "conf_low": ratio * 0.9, "conf_high": ratio * 1.2}
            yield labels | rows | {"estimand": "hazard_ratio", "estimate": ratio}
            yield labels | rows | {"estimand": "subdistribution_hazard_ratio", "estimate": ratio + 0.02}


def robustness_rows() -> Iterator[Row]:
    base: Row = {"population": "node_positive", "outcome": "rfs"}
    size: Row = {"n": 1545, "n_event": 850}
    yield estimate(0.8, 0.1, **base, **size, stratum="main", estimand="hazard_ratio")
    yield estimate(31.0, 44, **base, **size, stratum="main", estimand="rmst", time=1826)
    yield base | size | {"stratum": "e_value", "estimand": "e_value", "estimate": 1.81}
    yield base | size | {"stratum": "e_value", "estimand": "e_value_limit", "estimate": 1.46}
    yield estimate(0.82, 0.1, **base, **size, stratum="grid", group="no_grade", estimand="hazard_ratio")
    yield base | {"stratum": "grid", "group": "far", "estimand": "hazard_ratio"}
    for stratum in ("without", "alone"):
        labels = base | {"stratum": stratum, "estimand": "hazard_ratio"}
        yield estimate(0.85, 0.2, **labels, group="rotterdam", n=900, n_event=500)
        yield labels | {"group": "sofia", "masked": "n,n_event,estimate"}
    pooled = base | size | {"stratum": "pooled"}
    yield estimate(0.83, 0.2, **pooled, estimand="hazard_ratio")
    yield estimate(0.83, 0.4, **pooled, estimand="prediction")
    yield pooled | {"estimand": "i2", "estimate": 31.3, "p_value": 0.228}
    for strength, ratio in (("2.0", 0.7), ("0.5", 0.9)):
        labels = base | size | {"stratum": "confounder", "estimand": "hazard_ratio"}
        yield estimate(ratio, 0.15, **labels, group=f"0.4:0.2:{strength}")
    for name, ratio in (("1", 0.8), ("3", 0.97), ("reference", 0.85)):
        yield estimate(ratio, 0.1, **base, stratum="censoring", estimand="hazard_ratio", group=name, n=85)
    yield base | {"stratum": "censoring", "estimand": "tipping_delta", "estimate": 2.4, "n": 85}
    yield base | {"stratum": "censoring", "estimand": "left", "n": 85}
    for name, ratio in (("conventional", 0.8), ("systematic", 0.71), ("total", 0.72)):
        yield estimate(ratio, 0.1, **base, **size, stratum="bias", estimand="hazard_ratio", group=name)
    labels = base | size | {"stratum": "confounder", "estimand": "tipping_strength"}
    yield labels | {"group": "0.4:0.2", "estimate": 0.55}


def looks_rows() -> Iterator[Row]:
    """Yield three looks at growing data: the limits come with the second, the last has a boundary no more."""
    for day, n_event, ratio, p in ((365, 40, 0.9, 0.3), (730, 90, 0.7, 0.04), (1096, 160, 0.66, 0.004)):
        base: Row = {"population": "node_positive", "outcome": "rfs", "time": day, "n": 400, "n_event": n_event}
        yield base | {"estimand": "naive_log_rank", "statistic": -2.1, "p_value": p / 2}
        yield base | {"estimand": "spending_boundary", "estimate": None if day > 1000 else 2.6}
        yield base | {"estimand": "anytime_e_value", "estimate": 1 / p, "p_value": p}
        limits = {"conf_low": ratio * 0.7, "conf_high": ratio * 1.4} if day > 400 else {}
        yield base | {"estimand": "hazard_ratio", "estimate": ratio} | limits


LOOKED = {
    "start": "1990-01-01", "days": [365, 730, 1096], "asked": 5, "treatment": "hormonal", "strata": ["size"],
    "alpha": 0.05, "act_on": "anytime", "crossed": 730, "planned_events": 150, "min_events": 13, "together": "year",
    "conf_level": 0.95,
}  # fmt: skip


def arms_rows() -> Iterator[Row]:
    """Yield two arms as they are, weighted, and a way that failed."""
    base: Row = {"population": "node_positive", "outcome": "rfs"}
    for way, ratio in (("unadjusted", 0.73), ("overlap", 0.55)):
        labels = base | {"stratum": way}
        for arm, worth in (("treated", 245.0), ("control", 295.0)):
            yield labels | {"group": arm, "estimand": "events", "n": 335, "n_event": 70}
            yield labels | {"group": arm, "estimand": "effective_sample_size", "estimate": worth, "n": 335}
        between = labels | {"group": "difference", "n": 335, "n_event": 70}
        yield estimate(ratio, 0.1, **between, estimand="hazard_ratio")
        yield estimate(31.0, 44, **between, estimand="rmst", time=1826)
        yield estimate(0.05, 0.03, **between, estimand="milestone", time=1826)
        for term, smd in (("age", 0.3), ("size=>50", -0.05)):
            yield labels | {
                "outcome": term,
                "estimand": "smd",
                "estimate": smd if way == "unadjusted" else 0.0,
                "n": 90,
            }
    for name, ratio in (("conventional", 0.6), ("systematic", 0.57), ("total", 0.58)):
        yield estimate(ratio, 0.1, **base, stratum="bias", group=name, estimand="ratio", time=1826, n=335, n_event=70)
    yield base | {"stratum": "pairs", "group": "difference", "estimand": "hazard_ratio"}
    yield base | {"estimand": "not_complete", "n": 15}
    for arm in ("treated", "control"):
        for low, n in ((0.0, 120), (0.5, 215)):
            bin_ = {
                "group": arm,
                "outcome": "probability",
                "stratum": f"{low:.2f}-{low + 0.5:.2f}",
                "estimand": "count",
            }
            yield base | bin_ | ({"n": n} if arm == "treated" or low else {"masked": "n"})
        for name in ("inside", "outside"):
            yield base | {"group": arm, "outcome": "equipoise", "stratum": name, "estimand": "count", "n": 150}
    for low, n in ((0.0, 500), (0.5, 40)):
        bin_ = {"group": "overlap", "outcome": "weight", "stratum": f"{low:.4g}-{low + 0.5:.4g}", "estimand": "count"}
        yield base | bin_ | {"n": n}


COMPARED = {
    "endpoint": "rfs", "treatment": "hormonal", "covariates": ["age", "size"], "tau": 1826, "milestones": [1826],
    "failed": {"pairs": "nobody has a match"},
    "failed_codes": {"pairs": 5, "misclassified": 5},
    "misclassified": {"of": "exposure", "way": "overlap", "at": 1826, "draws": 10_000},
    "ways": [
        {"name": "overlap", "title": text("Overlap weights", "Тегла на припокриването")},
        {"name": "pairs", "title": text("Matched pairs", "Двойки")},
    ],
}  # fmt: skip
TRUSTED = {
    "failed": {"grid:far": "no common horizon"},
    "failed_codes": {"grid:far": 5, "censoring:": 5, "bias:": 5},
    "tau": 1826,
    "bias": {"draws": 10_000},
    "runs": [
        {"name": "no_grade", "title": text("Grade left out", "Без степен")},
        {"name": "far", "title": text("Ten years", "Десет години")},
    ],
}

TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "attrition": attrition_rows,
    "balance": balance_rows,
    "characteristics": characteristics_rows,
    "cox": cox_rows,
    "settlement": settlement_rows,
    "survival": survival_rows,
    "trial_comparison": comparison_rows,
    "bridge": bridge_rows,
}


def released(rows: Iterator[Row], analysis: str) -> pl.DataFrame:
    """Return rows as a released table."""
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    masked = frame["masked"].fill_null("") if "masked" in frame.columns else pl.lit("")
    table = tidy(frame.select(pl.exclude("masked")), analysis=analysis).with_columns(masked.alias("masked"))
    return table.cast(dict(RELEASED)).select([*SCHEMA, "masked"])


def figure(name: str, kind: str, en: str, bg: str, **labels: str | int) -> Row:
    return {"name": name, "kind": kind, "title": text(en, bg), **labels}


RAKED = {"analysis": "trial_comparison", "outcome": "rfs", "stratum": "raked"}
OWED = {"analysis": "settlement", "estimand": "payback", "outcome": "all"}
FIGURES = [
    figure("patients", "count", "Patients", "Пациенти", analysis="survival", outcome="rfs", estimand="events",
           population="node_positive", group="overall"),
    figure("rfs_5y", "percent", "RFS at 5 years", "ПБР на 5-ата година", **RAKED, group="registry",
           estimand="milestone", time=1826),
    figure("rmst", "difference", "RMST difference", "Разлика в RMST", **RAKED, group="difference", estimand="rmst"),
    figure("hr", "ratio", "Hazard ratio, raked", "HR, претеглено", **RAKED, group="difference",
           estimand="hazard_ratio"),
    figure("verdict", "verdict", "Outcome guarantee", "Гаранция за изхода", **OWED, stratum="guarantee_5y"),
    figure("owed", "money", "To be paid back", "За връщане", **OWED, stratum="all"),
    figure("difference", "difference", "RFS difference", "Разлика в ПБР", **RAKED, group="difference",
           estimand="milestone", time=1826),
    figure("median", "days", "Median RFS", "Медиана на ПБР", analysis="survival", outcome="rfs", estimand="median",
           population="node_positive", group="overall"),
]  # fmt: skip


def context() -> Row:
    """Return the context of the run, as the pipeline writes it."""
    menopause = {"pre": text("premenopausal", "преди менопауза"), "post": text("postmenopausal", "след менопауза")}
    return {
        "study": {
            "name": "breast", "version": "1", "as_of": "1995-12-31", "start": "1978-01-01", "end": "1993-12-31",
            "title": text("Hormonal therapy in node-positive breast cancer: does practice reach the trial?",
                          "Хормонална терапия при карцином на гърдата: достига ли практиката изпитването?"),
            "question": text("Do patients in routine practice live as long without recurrence as those of the trial?",
                             "Живеят ли пациентите в практиката толкова дълго без рецидив, колкото в изпитването?"),
            "medicine": text("Hormonal therapy", "Хормонална терапия"),
            "indication": text("node-positive breast cancer", "карцином на гърдата с положителни лимфни възли"),
            "time_zero": text("surgery", "операцията"),
        },
        "sites": [{"name": "rotterdam", "title": text("Rotterdam tumour registry", "Туморен регистър на Ротердам")}],
        "focus": {"everyone": "registry", "trial_like": "node_positive", "endpoint": "rfs", "milestone": 1826,
                  "by": "hormonal", "check_endpoint": "rfs_check"},
        "key_figures": FIGURES[:5],
        "populations": {"registry": text("All patients", "Всички пациенти"),
                        "node_positive": text("node-positive patients", "пациенти с положителни лимфни възли")},
        "criteria": {"known": text("Known baseline", "Известни изходни данни"),
                     "node_positive": text("At least one positive node", "Поне един положителен възел")},
        "variables": {
            "age": {"title": text("Age", "Възраст"), "unit": text("years", "години")},
            "menopause": {"title": text("Menopause", "Менопауза"), "levels": menopause},
            "size": {"title": text("Tumour size", "Размер на тумора"), "unit": text("mm", "мм")},
            "nodes": {"title": text("Positive nodes", "Положителни възли")},
            "grade": {"title": text("Grade", "Степен")},
            "hormonal": {"title": text("Hormonal therapy", "Хормонална терапия")},
        },
        "terms": {"age": text("Age, per 10 years", "Възраст, на 10 години")},
        "endpoints": {
            "os": {"title": text("Overall survival", "Обща преживяемост"),
                   "definition": text("time to death.", "време до смърт.")},
            "rfs": {"title": text("Recurrence-free survival", "Преживяемост без рецидив"),
                    "definition": text("time to recurrence or death.", "време до рецидив или смърт.")},
            "rfs_check": {"title": text("Recurrence-free survival, censored at the check",
                                        "Преживяемост без рецидив, цензурирана при проверката"),
                          "definition": text("as above, deaths after the last check censored at it.",
                                             "както горе, смърт след последната проверка се цензурира при нея.")},
        },
        "trial": {
            "name": "gbsg", "title": text("German Breast Cancer Study Group trial", "Изпитване на GBSG"),
            "citation": "Schumacher M et al. J Clin Oncol 1994;12:2086–2093.", "arms": {"all": 686, "hormonal": 246},
            "criteria": [
                {"name": "node_positive", "text": text("Node-positive", "Положителни възли"), "expressible": True},
                {"name": "chemotherapy", "text": text("Chemotherapy", "Химиотерапия"), "expressible": False,
                 "reason": text("The trial gave it to all; here only some had it.",
                                "В изпитването е за всички; тук само за част.")},
            ],
            "missing": {"os": text("the trial's table holds no overall survival.",
                                   "таблицата на изпитването не съдържа обща преживяемост.")},
        },
        "agreement": {
            "id": "AG-1", "currency": "EUR", "title": text("Hormonal therapy", "Хормонална терапия"),
            "note": text("Price and thresholds are invented.", "Цената и праговете са измислени."),
            "terms": [
                {"id": "result_5y", "type": "payment_by_result",
                 "settings": {"share": "1.00", "assess_day": 1826, "window": "-30, 0",
                              "failure": "progression, death"}},
                {"id": "guarantee_5y", "type": "outcome_guarantee",
                 "settings": {"endpoint": "rfs", "at_day": 1826, "threshold": "0.58", "rule": "upper_limit",
                              "gamma": "1.50", "cap": "0.25"}},
            ],
        },
        "verdicts": {"guarantee_5y": {"verdict": "undetermined", "reason": "interval_holds_threshold"}},
        "policy": {"threshold": 12, "rounding": 5, "grid_days": 30, "step_events": 13, "curve_at_risk": 11},
        "methods": {"horizon": 1826, "raked": ["age", "menopause", "size", "nodes", "hormonal"],
                    "refused": [{"variable": "grade", "level": "1", "n": 81}]},
        "quality": [
            {"stream": "patient", "record": "person", "rule": "", "outcome": "accepted", "n": 2980},
            {"stream": "patient", "record": "person", "rule": "two_birth_years", "outcome": "rejected", "n": None},
            {"stream": "pathology", "record": "measurement", "rule": "", "outcome": "accepted", "n": 2980},
            {"stream": "pathology", "record": "measurement", "rule": "unit_unknown", "outcome": "unmapped", "n": 15},
            {"stream": "pathology", "record": "measurement", "rule": "decimal_comma", "outcome": "repaired", "n": 20},
            {"stream": "pathology", "record": "", "rule": "twice", "outcome": "merged", "n": 20},
        ],
        "scorecard": {
            "checks": [
                {"site": "rotterdam", "category": "conformance", "passed": 280, "failed": 1, "not_applicable": 167},
                {"site": "rotterdam", "category": "plausibility", "passed": 81, "failed": 1, "not_applicable": 586},
            ],
            "failed": [
                {"site": "rotterdam", "check": "isForeignKey", "table": "measurement", "field": "unit_concept_id",
                 "concept": "", "share": 0.0125, "threshold": 0.0},
                {"site": "rotterdam", "check": "plausibleUnitConceptIds", "table": "measurement",
                 "field": "measurement_concept_id", "concept": "3006315", "share": None, "threshold": 5.0},
            ],
            "feeds": [{"site": "rotterdam", "table": "measurement", "lag_months": 14},
                      {"site": "rotterdam", "table": "death", "lag_months": None}],
            "coded": [{"site": "rotterdam", "table": "drug_exposure", "field": "drug", "rows": 0.875, "codes": 0.5}],
        },
        "gates": [
            gate("plausibleAfterBirth", "withhold", "green", []),
            gate("isForeignKey", "mark", "not_asked", []),
        ],
        "provenance": {
            "run_id": "breast-20261121T2100Z", "started": "2026-11-21T21:00:00Z", "code": "0.1.0 (3f1c2ab)",
            "packages": {"polars": "2.1.0", "numpy": "2.4.6"},
            "data": {"rotterdam/patient": {"rows": 2982, "commit": 1, "sha256": "ab" * 32}},
            "configs": {"studies/breast.yaml": "cd" * 32}, "seals": {"rotterdam/cdm/person": "ef" * 32},
        },
        "settings": {"survival": {"conf_type": "log-log", "conf_level": 0.95}},
    }  # fmt: skip


Make = Callable[..., Path]


def write_run(folder: Path, **changed: Any) -> Path:
    """Write the run into `folder`; keywords replace parts of its context."""
    release = folder / "release"
    release.mkdir(exist_ok=True)
    for i, (name, rows) in enumerate(TABLES.items(), 1):
        table = released(rows(), name)
        table.write_json(release / f"{i:02d}-{name}.json")
        table.write_csv(release / f"{i:02d}-{name}.csv")
    full = Context.model_validate(context() | changed)
    (release / "context.json").write_text(full.model_dump_json(), "utf-8")
    return folder


@pytest.fixture
def make_run(tmp_path: Path) -> Make:
    """Return a function that writes the run; keywords replace parts of its context."""
    return partial(write_run, tmp_path)


CLAIMS = (("non_inferiority", "milestone", 1826, -0.016), ("equivalence", "rmst", 1826, -20.0),
          ("superiority", "hazard_ratio", None, 0.8))  # fmt: skip
JUDGED = ("within_margin", "beyond_margin", "interval_holds_margin", "too_few_at_risk", "no_interval")


@pytest.fixture
def make_reading(tmp_path: Path, base: Row) -> Make:
    """Return a function that writes the run with a gap, and with claims against a margin judged for `reason`."""

    def make(reason: str = "within_margin", p: float = 0.4, **changed: Any) -> Path:
        folder = tmp_path / f"{reason}-{p}"
        folder.mkdir()
        settings = dict(base["settings"])
        for kind, estimand, time, _ in CLAIMS:
            told = {"kind": kind, "estimand": estimand, "time": time, "margin": 1.2 if time is None else 0.1}
            settings[kind] = {"hypothesis": told | {"verdict": "met", "reason": reason}}
        run = write_run(folder, settings=settings, **changed)
        released(reading_rows(p), "trial_comparison").write_json(run / "release" / "09-reading.json")
        released(gap_rows(), "gap").write_json(run / "release" / "10-gap.json")
        for place, (kind, estimand, time, value) in enumerate(CLAIMS, 11):
            rows = claim_rows(estimand, time, value)
            released(rows, "trial_comparison").write_json(run / "release" / f"{place}-{kind}.json")
        return run

    return make


@pytest.fixture
def make_causes(make_run: Make, base: Row) -> Make:
    """Return a function that writes the run with two analyses of causes, of a whole and of two groups."""

    def make(**changed: Any) -> Path:
        endpoints = base["endpoints"] | {"recurrence": base["endpoints"]["os"] | {"title": text("Relapse", "Рецидив")}}
        own = {name: {"causes": ["recurrence", "os", "rfs_check"]} for name in ("causes", "causes_by_therapy")}
        run = make_run(endpoints=endpoints, settings=base["settings"] | own, **changed)
        for name, groups in (("causes", ("overall",)), ("causes_by_therapy", ("hormonal=no", "hormonal=yes"))):
            released(causes_rows(groups), "competing_risks").write_json(run / "release" / f"09-{name}.json")
        return run

    return make


RULES = ("eligibility_after_index", "arm_after_index", "measured_after_index", "treated_before_measured",
         "followed_for_long", "observed_after", "washout_unobserved")  # fmt: skip
REASONS = (
    "event",
    "death",
    "horizon",
    "last_check",
    "end_of_data",
    "lost",
    "emigrated",
    "insurance_end",
    "other_medicine",
)


def outcomes_rows() -> Iterator[Row]:
    for group, n in (("overall", 200), ("hormonal=yes", 120)):
        labels = {"population": "node_positive", "group": group}
        for level, count in (("CR", 40), ("PR", 60), ("not_assessed", None)):
            cell = {"n": count, "estimate": count / n} if count else {"masked": "n,estimate"}
            yield labels | {"outcome": "answer", "stratum": level, "estimand": "proportion"} | cell
        rate = {"estimate": 0.5, "conf_low": 0.43, "conf_high": 0.57, "n": n, "n_event": n // 2}
        yield labels | {"outcome": "answer", "estimand": "response"} | rate
        change = {"estimate": -0.84, "conf_low": -1.1, "conf_high": -0.58, "n": n - 20}
        yield labels | {"outcome": "change", "estimand": "mean_change"} | change
        without = {"stratum": "unknown", "n": 20, "estimate": 20 / n}
        yield labels | {"outcome": "change", "estimand": "proportion"} | without


def against_rows() -> Iterator[Row]:
    """Yield a response beside the trial's, as it is and weighted, the latter without limits."""
    for way in ("unadjusted", "raked", "orr_of_all"):
        labels = {"population": "node_positive", "outcome": "answer", "stratum": way}
        yield estimate(0.5, 0.07, **labels, group="registry", estimand="response", n=200, n_event=100)
        yield estimate(0.42, 0.05, **labels, group="trial", estimand="response", n=400, n_event=168)
        yield estimate(0.08, 0.08, **labels, group="difference", estimand="response", n=200, n_event=100)
        yield estimate(1.19, 0.2, **labels, group="difference", estimand="risk_ratio", n=200, n_event=100)
        yield labels | {"group": "registry", "estimand": "effective_sample_size", "n": 200, "estimate": 155.0}


def moment_rows() -> Iterator[Row]:
    """Yield the balance of a number and of a joint table."""
    cells = (("age", "mean", 55.3), ("age", "sd", 11.2), ("age", "median", 0.46), ("size & nodes", "<=20 & 1-3", 0.21))
    for name, level, value in cells:
        for stratum in ("before", "after"):
            labels = {"outcome": name, "group": level, "stratum": stratum}
            what = "proportion" if "&" in name else level
            yield labels | {"estimand": f"{what}_registry", "estimate": value, "n": 500}
            yield labels | {"estimand": f"{what}_trial", "estimate": value}
            yield labels | {"estimand": "smd", "estimate": 0.01, "n": 500}


def definitions() -> dict[str, Row]:
    """Return what comparisons of responses may say of how practice and trial define them."""
    told = {"en": "CR or PR, confirmed.", "bg": "Пълен или частичен, потвърден."}
    apart = {"en": "not confirmed here.", "bg": "тук не се потвърждава."}
    return {
        "orr": {"definition": "differs", "trial_definition": told, "definition_differs": apart},
        "same": {"definition": "same", "trial_definition": told, "definition_differs": None},
        "unstated": {"definition": "unstated", "trial_definition": None, "definition_differs": None},
    }


def left_rows() -> Iterator[Row]:
    labels = {"population": "node_positive", "group": "overall"}
    for reason in REASONS:
        yield labels | {"outcome": "rfs", "stratum": reason, "estimand": "proportion", "n": 25, "estimate": 25 / 175}
    for name, share in (("completeness", 0.83), ("completeness_simplified", 0.91)):
        yield labels | {"outcome": "rfs", "estimand": name, "n": 175, "estimate": share}
    yield labels | {"outcome": "way", "stratum": "event", "estimand": "proportion", "n": 150, "estimate": 0.75}
    for cause, share in (("reached", 0.6), ("died", 0.15)):
        yield estimate(share, 0.05, **labels, outcome="way", stratum=cause, estimand="milestone", time=365)


def told_ahead() -> Row:
    """Return what a context says of outcomes, of looks past day zero, and of attrition by hospital."""
    look = {"title": text("Stage", "Стадий"), "reach": 60, "n": 45, "left": None, "within": True}
    why = text("The report is dated later.", "Отчетът е датиран по-късно.")
    groups = [
        {"population": "node_positive", "group": f"site={site}", "criterion": step, "n": n}
        for site, counts in (("rotterdam", (900, 655)), ("sofia", (800, 505)))
        for step, n in zip(("index", "known"), counts, strict=True)
    ]
    return {
        "outcomes": {
            "answer": {"title": text("Best response", "Най-добър отговор")},
            "change": {"title": text("Change of HbA1c", "Промяна на HbA1c"), "unit": text("points", "пункта")},
            "way": {"title": text("Diagnosis to treatment", "От диагноза до лечение")},
        },
        "time_zero": [look | {"rule": rule, "why": why if i else None} for i, rule in enumerate(RULES)],
        "by_group": groups,
    }


@pytest.fixture
def make_trusted(tmp_path_factory: pytest.TempPathFactory, base: Row) -> Make:
    """Return a function that writes the run with other choices, hospitals and unmeasured confounders."""

    def make(*, limit: float = 1.46, **changed: Any) -> Path:
        failed = TRUSTED["failed"] if limit > 1 else {"censoring:": "nobody left", "bias:": "impossible"}
        settings = base["settings"] | {"robustness": TRUSTED | {"failed": failed}}
        run = write_run(tmp_path_factory.mktemp("trusted"), settings=settings, **changed)
        rows = [row | ({"estimate": limit} if row["estimand"] == "e_value_limit" else {}) for row in robustness_rows()]
        if limit == 1:  # nothing tips
            rows = [row | ({"estimate": None} if row["estimand"] == "tipping_delta" else {}) for row in rows]
        released(iter(rows), "robustness").write_json(run / "release" / "08-robustness.json")
        return run

    return make


@pytest.fixture
def make_looks(tmp_path_factory: pytest.TempPathFactory, base: Row) -> Make:
    """Return a function that writes the run with a comparison looked at again; `told` replaces settings of it."""

    def make(told: Row | None = None, **changed: Any) -> Path:
        settings = base["settings"] | {"looks": LOOKED | (told or {})}
        run = write_run(tmp_path_factory.mktemp("looks"), settings=settings, **changed)
        released(looks_rows(), "looks").write_json(run / "release" / "08-looks.json")
        return run

    return make


@pytest.fixture
def make_arms(tmp_path_factory: pytest.TempPathFactory, base: Row) -> Make:
    """Return a function that writes the run with two arms of practice compared."""

    def make(told: Row | None = None, **changed: Any) -> Path:
        settings = base["settings"] | {"arm_comparison": COMPARED | (told or {})}
        run = write_run(tmp_path_factory.mktemp("arms"), settings=settings, **changed)
        released(arms_rows(), "arm_comparison").write_json(run / "release" / "08-arm_comparison.json")
        return run

    return make


def extrapolation_rows() -> Iterator[Row]:
    """Yield two families and their mean beyond the data of a group, and a group of which only little is shown."""
    base: Row = {"population": "node_positive", "outcome": "os", "n": 1545, "n_event": 700}
    for group, family, aic in (
        ("overall", "spline_hazard_2", 8000.4), ("overall", "cure_lnorm", 8001.0), ("hormonal=yes", "m_spline_5", 900.0)
    ):  # fmt: skip
        labels = base | {"group": group, "stratum": family}
        yield from (labels | {"estimand": k, "estimate": v} for k, v in {"aic": aic, "aic_weight": 0.6}.items())
    for group, family in itertools.product(("overall", "hormonal=yes"), ("spline_hazard_2", "cure_lnorm", "averaged")):
        labels = base | {"group": group, "stratum": family}
        yield estimate(11.2, 1.3, **labels, estimand="life_years", time=10958)
        yield labels | {"estimand": "beyond_data", "estimate": 0.42}
        if group == "overall":
            for year in range(1, 11):
                told = {"estimand": "extrapolated_survival", "time": round(365.25 * year)}
                yield estimate(math.exp(-0.08 * year), 0.02, **labels, **told)
    years = base | {"estimand": "life_years", "time": 10958}
    yield estimate(9.1, 1.3, **years, group="hormonal=yes", stratum="waned")
    for kind, gain in (("averaged", 1.25), ("waned", 0.4)):
        gained = years | {"estimand": "life_years_gained", "group": "difference", "stratum": kind}
        yield estimate(gain, 0.3, **gained)
    flags = {"flag_hazard_below_population": 5114, "flag_alike_fit_other_life_years": None}
    for flag, day in flags.items():
        yield base | {"group": "overall", "stratum": "cure_lnorm", "estimand": flag, "time": day, "estimate": 1.0}
    for day in range(91, 2400, 91):
        yield estimate(0.08, 0.03, **base, group="overall", estimand="smoothed_hazard", time=day)
    for day in range(0, 2400, 90):
        yield base | {"group": "overall", "estimand": "survival", "time": day, "estimate": math.exp(-0.0002 * day)}


EXTRAPOLATED = {
    "landmarks": [1826, 3652], "horizon": 10958, "background": "floor", "last": {"overall": 2430, "hormonal=yes": 2400},
    "wane": [1826, 3652], "failed": {"overall": ["nonmixture_weibull"]}, "empty": ["hormonal=no"],
}  # fmt: skip


@pytest.fixture
def make_extrapolated(tmp_path_factory: pytest.TempPathFactory, base: Row) -> Make:
    """Return a function that writes the run with curves beyond the data."""

    def make(**changed: Any) -> Path:
        settings = base["settings"] | {"extrapolation": EXTRAPOLATED}
        run = write_run(tmp_path_factory.mktemp("beyond"), settings=settings, **changed)
        released(extrapolation_rows(), "extrapolation").write_json(run / "release" / "08-extrapolation.json")
        return run

    return make


@pytest.fixture
def make_outcomes(tmp_path: Path) -> Make:
    """Return a function that writes the run with responses, changes, reasons, and looks past day zero."""

    def make(**changed: Any) -> Path:
        folder = tmp_path / "answers"
        folder.mkdir()
        settings = {"settings": context()["settings"] | definitions()}
        run = write_run(folder, **told_ahead(), **(settings | changed))
        released(outcomes_rows(), "outcomes").write_json(run / "release" / "09-answers.json")
        released(left_rows(), "follow_up").write_json(run / "release" / "10-left.json")
        for name in definitions():
            released(against_rows(), "response_comparison").write_json(run / "release" / f"11-{name}.json")
        # a run has one balance: that of the numbers and joint tables stands in its place
        (balanced,) = (run / "release").glob("*-balance.json")
        both = pl.concat([released(balance_rows(), "balance"), released(moment_rows(), "balance")])
        both.write_json(balanced)
        return run

    return make


@pytest.fixture(scope="session")
def dossiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The dossier of the usual run in each language, made once."""
    folder = write_run(tmp_path_factory.mktemp("run"))
    return {lang: render(folder, lang).read_text("utf-8") for lang in LANGUAGES}


@pytest.fixture
def run(make_run: Make) -> Path:
    """A run as it usually is."""
    return make_run()


@pytest.fixture
def all_figures() -> list[Row]:
    """A key figure of every kind."""
    return FIGURES


@pytest.fixture
def base() -> Row:
    """The parts of the usual context, to change some."""
    return context()
