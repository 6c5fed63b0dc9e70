# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From what was paid back to the lines of the ledger: who, when, why, on which records, and what each hospital gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa

from rwe.reimbursement.atoms import INT, money, rounded
from rwe.reimbursement.claim import Case, Claim
from rwe.reimbursement.ledger import Block
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
    course = block.doses["course"].gather(runs.last)
    base = rounded(claim.base, 1, case.scale.quantum)
    who = block.courses.select("person_id", "course")[course]
    lines = who.with_columns(
        pl.lit(term.id).alias("term"),
        pl.lit(term.type).alias("type"),
        *_periods(case, claim).get_columns(),
        *claim.said.select("outcome", "rule", "reason", "decided_on").get_columns(),
        money(block.cost(runs, case.scale.quantum), quantum).alias("spend"),
        money(base, quantum).alias("base"),
        money(paid.amount, quantum).alias("amount"),
        _records(block, runs).alias("doses"),
        claim.said["assessment"],
        *_carried(case, block, claim),
    )
    return lines if claim.kept is None or claim.kept.all() else lines.filter(claim.kept)


def _periods(case: Case, claim: Claim) -> pl.DataFrame:
    """Return the settlement period of each line, and whether the data cut lies past its lag."""
    schedule, said = case.agreement.settlement, claim.said
    day = said["due_on" if "due_on" in said.columns else "decided_on"]
    known = day.unique()
    lag = timedelta(days=schedule.data_cut_lag_days)
    labels = pl.Series([period_of(d, schedule.every) for d in known], dtype=pl.String)
    final = pl.Series([case.as_of >= period_end(d, schedule.every) + lag for d in known], dtype=pl.Boolean)
    at = day.to_frame("day").join(
        pl.DataFrame({"day": known, "period": labels, "final": final}), "day", how="left", maintain_order="left"
    )
    return at.select("period", "final")


def _records(block: Block, runs: Segments) -> pl.Series:
    """Return the ids of the records of each line; the ids themselves are not copied."""
    ids = block.doses["record_id"]
    named = ids != ""
    upto = named.cast(pl.Int64).cum_sum().gather(runs.last)
    offsets = pl.concat([pl.Series([0], dtype=pl.Int64), upto]).to_arrow()
    values = (ids if named.all() else ids.filter(named)).rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    found = pl.from_arrow(pa.LargeListArray.from_arrays(offsets, values))
    return pl.Series(found)


def _carried(case: Case, block: Block, claim: Claim) -> list[pl.Series]:
    """Return the hospital of the first dose of each line and the newest landing of its records, where known."""
    found = []
    if "site_id" in block.doses.columns:
        found.append(block.doses["site_id"].gather(claim.runs.first).alias("site_id"))
    if "version" in block.doses.columns:
        rows = pl.DataFrame({"of": claim.runs.of, "version": block.doses["version"]})
        newest = rows.group_by("of", maintain_order=True).agg(pl.max("version"))["version"]
        found.append(_with_assessment(case, claim, newest))
    return found


def _with_assessment(case: Case, claim: Claim, newest: pl.Series) -> pl.Series:
    if "version" not in case.assessments.columns:
        return newest
    known = case.assessments.filter(pl.col("record_id") != "").select("record_id", seen="version")
    at = claim.said.select("assessment").join(
        known, left_on="assessment", right_on="record_id", how="left", maintain_order="left"
    )
    return at.with_columns(newest).select(version=pl.max_horizontal("version", "seen"))["version"]


def rejected_of(term: Any, block: Block, claim: Claim) -> pl.DataFrame:
    """Return the doses of a block that the term finds not payable, whole or in part."""
    told = claim.reach > 0
    rows = block.doses.select("course", administered_on="day", record_id="record_id").filter(told)
    who = block.courses.select("person_id", "course")[rows["course"]]
    return who.with_columns(
        term=pl.lit(term.id),
        administered_on=rows["administered_on"],
        record_id=rows["record_id"],
        reason=pl.lit(term.type),
    )


def rejections(parts: list[pl.DataFrame], lines: pl.Schema) -> pl.DataFrame:
    """Return the doses found not payable of all blocks."""
    if parts:
        return pl.concat(parts)
    known: dict[str, Any] = {"person_id": lines["person_id"], "course": lines["course"], "administered_on": pl.Date}
    columns = ("person_id", "course", "term", "administered_on", "record_id", "reason")
    return pl.DataFrame(schema={name: known.get(name, pl.String) for name in columns})


def sites_of(case: Case, term: Any, block: Block, claim: Claim, paid: Paid) -> pl.DataFrame:
    """Return what each hospital's doses were paid back in each period; the hospitals' amounts sum to the lines'."""
    rows = pl.DataFrame({"of": claim.runs.of, "site_id": block.doses["site_id"], "atoms": paid.atoms})
    parts = rows.group_by("of", "site_id").agg(pl.sum("atoms")).sort("of", "site_id")
    of_line = Segments.where(changes(parts["of"]))
    amount = of_line.spread(paid.amount, parts["atoms"])
    period = _periods(case, claim)["period"].gather(parts["of"])
    found = pl.DataFrame({"site_id": parts["site_id"], "period": period, "quanta": amount})
    return found.group_by("site_id", "period").agg(pl.sum("quanta")).with_columns(term=pl.lit(term.id))


def summed_sites(parts: list[pl.DataFrame], quantum: Decimal) -> pl.DataFrame:
    """Return the amounts of all blocks by hospital, term and period."""
    keys = ["site_id", "term", "period"]
    none = pl.DataFrame(schema={**dict.fromkeys(keys, pl.String), "quanta": INT})
    summed = pl.concat(parts or [none]).group_by(keys).agg(pl.sum("quanta")).sort(keys)
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
