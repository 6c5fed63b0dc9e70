# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From what was paid back to the lines of the ledger: who, when, why, on which records, and what each hospital gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from rwe.reimbursement.atoms import INT, integers, money, rounded
from rwe.reimbursement.claim import Case, Claim
from rwe.reimbursement.ledger import Block, period_number
from rwe.reimbursement.money import period_end, period_of
from rwe.reimbursement.segments import Segments, changes

POOLS: dict[str, Any] = {
    "term": pl.String,
    "pool": pl.String,
    "balance": INT,
    "units": INT,
    "stated": INT,
    "payback": INT,
}


@dataclass(frozen=True, slots=True)
class Paid:
    """What a claim came to: quanta on each line, and atoms taken off each dose."""

    amount: pl.Series
    atoms: pl.Series


def lines_of(case: Case, term: Any, block: Block, claim: Claim, paid: Paid) -> pl.DataFrame:
    """Return the lines of one term in one block (see `Settlement.lines`)."""
    quantum, runs = case.agreement.rounding.quantum, claim.runs
    kept = None if claim.kept is None or claim.kept.all() else claim.kept

    def of(column: pl.Series) -> pl.Series:
        return column if kept is None else column.filter(kept)

    def words(word: pl.Series | str) -> pl.Series:
        return case.words.column(word, who.height) if isinstance(word, str) else of(word)

    who = block.courses.select("person_id", "course")
    if runs is not block.by_course or kept is not None:
        who = who[block.course[of(runs.last)]]
    spend, base = of(block.cost(runs, case.scale.quantum)), rounded(of(claim.base), 1, case.scale.quantum)
    spent = money(spend, quantum)
    periods, said = _periods(case, claim), claim.said
    columns = {
        "term": words(term.id),
        "type": words(term.type),
        "period": of(periods["period"]),
        "final": of(periods["final"]),
        **{name: words(getattr(said, name)) for name in ("outcome", "rule", "reason", "decided_on")},
        "spend": spent,
        "base": spent if (spend == base).all() else money(base, quantum),
        "amount": money(of(paid.amount), quantum),
        "doses": of(_records(block, runs)),
        "assessment": words(said.assessment),
        **{name: of(column) for name, column in _carried(case, block, claim).items()},
    }
    return who.hstack([column.alias(name) for name, column in columns.items()])


def _periods(case: Case, claim: Claim) -> pl.DataFrame:
    """Return the settlement period of each line, and whether the data cut lies past its lag."""
    schedule, lag = case.agreement.settlement, timedelta(days=case.agreement.settlement.data_cut_lag_days)
    due = claim.said.decided_on if claim.said.due_on is None else claim.said.due_on
    months = period_number(due, "month").to_numpy()
    off = months - (first := int(months.min()) if months.size else 0)
    told = np.bincount(off) > 0  # which of the months between the first and the last there are
    days = [date(1970 + (first + month) // 12, (first + month) % 12 + 1, 1) for month in np.flatnonzero(told).tolist()]
    labels = pl.Series("period", [period_of(day, schedule.every) for day in days], dtype=pl.String)
    final = pl.Series("final", [case.as_of >= period_end(day, schedule.every) + lag for day in days], dtype=pl.Boolean)
    return pl.DataFrame([labels, final])[pl.Series((np.cumsum(told) - 1)[off].astype(np.uint32))]


def _records(block: Block, runs: Segments) -> pl.Series:
    """Return the ids of the records of each line; the ids themselves are not copied."""
    ids = block.doses["record_id"]
    named = (ids != "").to_numpy()
    upto = (runs.last + 1 if named.all() else pl.Series(np.cumsum(named))[runs.last]).cast(pl.Int64)
    offsets = pl.concat([pl.Series([0], dtype=pl.Int64), upto], rechunk=True).to_arrow()
    values = (ids if named.all() else ids.filter(pl.Series(named))).rechunk()
    found = pa.LargeListArray.from_arrays(offsets, values.to_arrow(compat_level=pl.CompatLevel.newest()))
    return pl.Series(found)


def _carried(case: Case, block: Block, claim: Claim) -> dict[str, pl.Series]:
    """Return the hospital of the first dose of each line and the newest landing of its records, where known."""
    found = {}
    if "site_id" in block.doses.columns:
        found["site_id"] = block.doses["site_id"][claim.runs.first]
    if "version" in block.doses.columns:
        rows = pl.DataFrame({"of": claim.runs.of, "version": block.doses["version"]})
        newest = rows.group_by("of", maintain_order=True).agg(pl.max("version"))["version"]
        found["version"] = _with_assessment(case, claim, newest)
    return found


def _with_assessment(case: Case, claim: Claim, newest: pl.Series) -> pl.Series:
    ids = claim.said.assessment
    if "version" not in case.assessments.columns or isinstance(ids, str):
        return newest
    known = case.assessments.filter(pl.col("record_id") != "").select("record_id", seen="version")
    at = ids.to_frame("assessment").join(
        known, left_on="assessment", right_on="record_id", how="left", maintain_order="left"
    )
    return at.with_columns(newest).select(version=pl.max_horizontal("version", "seen"))["version"]


def rejected_of(case: Case, term: Any, block: Block, claim: Claim) -> pl.DataFrame:
    """Return the doses of a block that the term finds not payable, whole or in part."""
    told = claim.reach > 0
    who = block.courses.select("person_id", "course")[block.course.filter(told)]
    days, records = (block.doses[name].filter(told) for name in ("day", "record_id"))
    term_id, reason = (case.words.column(word, who.height) for word in (term.id, term.type))
    columns = {"term": term_id, "administered_on": days, "record_id": records, "reason": reason}
    return who.hstack([column.alias(name) for name, column in columns.items()])


def rejections(lines: pl.Schema, parts: Iterable[pl.DataFrame | None]) -> pl.DataFrame:
    """Return the doses found not payable of all blocks."""
    if found := [part for part in parts if part is not None]:
        return pl.concat(found)
    known: dict[str, Any] = {"person_id": lines["person_id"], "course": lines["course"], "administered_on": pl.Date}
    columns = ("person_id", "course", "term", "administered_on", "record_id", "reason")
    return pl.DataFrame(schema={name: known.get(name, pl.String) for name in columns})


def sites_of(case: Case, term: Any, block: Block, claim: Claim, paid: Paid) -> pl.DataFrame:
    """Return what each hospital's doses were paid back in each period; the hospitals' amounts sum to the lines'."""
    rows = pl.DataFrame({"of": claim.runs.of, "site_id": block.doses["site_id"], "atoms": paid.atoms})
    parts = rows.group_by("of", "site_id").agg(pl.sum("atoms")).sort("of", "site_id")
    of_line = Segments.where(changes(parts["of"]))
    amount = of_line.spread(paid.amount, parts["atoms"])
    period = _periods(case, claim)["period"][parts["of"]]
    found = pl.DataFrame({"site_id": parts["site_id"], "period": period, "quanta": integers(amount)})
    return found.group_by("site_id", "period").agg(pl.sum("quanta")).with_columns(term=pl.lit(term.id))


def summed_sites(parts: Iterable[pl.DataFrame | None], quantum: Decimal) -> pl.DataFrame:
    """Return the amounts of all blocks by hospital, term and period."""
    keys = ["site_id", "term", "period"]
    none = pl.DataFrame(schema={**dict.fromkeys(keys, pl.String), "quanta": INT})
    summed = (
        pl.concat([part for part in parts if part is not None] or [none])
        .group_by(keys)
        .agg(pl.sum("quanta"))
        .sort(keys)
    )
    return summed.select(*keys, money(summed["quanta"], quantum).alias("amount"))


def pools_of(case: Case, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return what terms on all patients are worked out from, in units and in currency."""
    found, quantum = pl.concat(parts or [pl.DataFrame(schema=POOLS)]), case.agreement.rounding.quantum
    decimals = len(str(case.scale.unit)) - 1
    return found.select(
        "term",
        "pool",
        money(rounded(found["balance"], 1, case.scale.quantum), quantum).alias("spend"),
        money(found["units"], Decimal(1).scaleb(-decimals)).alias("units"),
        money(found["stated"], quantum).alias("stated"),
        money(found["payback"], quantum).alias("payback"),
    )
