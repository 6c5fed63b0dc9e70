# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""`close`: end a period, and post what the settlement says beyond what was posted before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from rwe.errors import DataError, DefinitionError
from rwe.reimbursement import journal
from rwe.reimbursement.book import Ledger
from rwe.reimbursement.closed import Closed, digests_of
from rwe.reimbursement.entries import difference
from rwe.reimbursement.events import events
from rwe.reimbursement.left_out import beside
from rwe.reimbursement.period import following, last_day, last_month
from rwe.reimbursement.reasons import Since
from rwe.reimbursement.settlement import Settlement


def close(
    ledger: Ledger,
    settlement: Settlement,
    period: str,
    *,
    records: pl.DataFrame | None = None,
    made_of: Mapping[str, Any] | None = None,
) -> Closed:
    """Close a period: post, signed and for good, by how much the settlement differs from all that was posted.

    Closing again from the same records posts nothing and returns the close that is there. Earlier entries are never
    changed: what came out otherwise is posted as a signed adjustment of its own period, with its reason.

    Parameters
    ----------
    ledger
        The ledger of the agreement.
    settlement
        Made from a data cut that lies the contract's `data_cut_lag_days` after the period's end, or later.
    period
        ``2025-Q2`` and the like: the one after the period closed last; of a new ledger any since the contract's start.
    records
        ``record_id`` and ``day`` of the records behind the settlement; those of days after the last data cut are told
        as new, not as late.
    made_of
        What to keep of where the records stood (commits).

    Raises
    ------
    DefinitionError
        If it is too early, the period is not the next one, or the ledger is of another agreement.
    DataError
        If the period was closed from other records: what came since is posted by closing the next one.
    TornStore, Busy
        If the ledger was changed, or another process writes into it.
    """
    with ledger.writing():
        closes = ledger.closes()
        if before := next((one for one in closes if one.period == period), None):
            return again(ledger, settlement, before, records=records)
        _of_ledger(ledger, settlement)
        closes = in_turn(ledger, period, settlement.as_of)
        entries = _entries(ledger, settlement, period, closes, records, None)
        return ledger.post(entries, period, settlement.as_of, made_of or {}, beside(settlement))


def draw_up(
    ledger: Ledger, settlement: Settlement, period: str, *, records: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the entries that `close` would post, without posting them.

    Raises
    ------
    DefinitionError, TornStore
        As `close`.
    """
    _of_ledger(ledger, settlement)
    closes = in_turn(ledger, period, settlement.as_of)
    return _entries(ledger, settlement, period, closes, records, None)


def again(ledger: Ledger, settlement: Settlement, closed: Closed, *, records: pl.DataFrame | None = None) -> Closed:
    """Make a close once more and hold it against what was posted, byte by byte; return it where they are the same.

    Raises
    ------
    DataError
        If the bytes differ; says in how many entries.
    TornStore
        If the ledger was changed.
    """
    closes = [one for one in ledger.closes() if one.number < closed.number]
    made = _entries(ledger, settlement, closed.period, closes, records, closed.number)
    posted = ledger.posted(closed)
    if journal.digest(made) == closed.sha256:
        return _beside_too(settlement, closed)
    here, there = made.select(journal.COLUMNS), posted.select(journal.COLUMNS)
    odd = sum(
        a.join(b, on=journal.COLUMNS, how="anti", nulls_equal=True).height for a, b in ((here, there), (there, here))
    )
    raise DataError(
        f"{closed.period} is closed, and this settlement would post otherwise ({odd} entries differ): records, "
        "contract or code are not those of the close; what came since is posted by closing the next period"
    ).known_as("closed_otherwise", period=closed.period, entries=odd)


def _beside_too(settlement: Settlement, closed: Closed) -> Closed:
    """Return the close if what stands beside its entries is the same too."""
    now = beside(settlement)
    if odd := [
        name for name, kept in closed.beside.items() if name not in now or journal.digest(now[name]) != kept["sha256"]
    ]:
        raise DataError(f"{closed.period} would post the same, but what it leaves out differs: {', '.join(odd)}")
    return closed


def _of_ledger(ledger: Ledger, settlement: Settlement) -> None:
    """Refuse a settlement of another agreement."""
    if settlement.agreement != ledger.agreement:
        contract = ledger.agreement.contract.id
        raise DefinitionError(f"the settlement is not of the agreement '{contract}' whose ledger this is")


def in_turn(ledger: Ledger, period: str, as_of: date) -> list[Closed]:
    """Return the closes before; refuse a period whose turn it is not, and a data cut that comes too early.

    Raises
    ------
    DefinitionError, TornStore
        As `close`.
    """
    closes, agreement = ledger.closes(), ledger.agreement
    schedule, contract = agreement.settlement, agreement.contract
    ends = last_day(period, schedule.every)
    if ends < contract.start:
        raise DefinitionError(f"{period} ends before the contract starts ({contract.start})").known_as(
            "before_contract", period=period, start=contract.start
        )
    ready = ends + timedelta(days=schedule.data_cut_lag_days)
    if as_of < ready:
        raise DefinitionError(
            f"{period} can be closed from a data cut of {ready} on, {schedule.data_cut_lag_days} days after its end; "
            f"this one is of {as_of}"
        ).known_as("too_early", period=period, ready=ready, days=schedule.data_cut_lag_days, as_of=as_of)
    if not closes:
        return []
    last = closes[-1]
    due = following(last.period, schedule.every)
    if period != due:
        earlier = last_month(period, schedule.every) < last_month(due, schedule.every)
        cure = "it lies before the last one closed" if earlier else f"close {due} first"
        raise DefinitionError(f"{period} is not the next period to close: {cure}").known_as(
            "closed_before" if earlier else "not_next", period=period, due=due
        )
    if as_of < last.as_of:
        raise DefinitionError(f"the data cut of {as_of} lies before that of the last close ({last.as_of})").known_as(
            "cut_before_last", as_of=as_of, last=last.as_of
        )
    return closes


def _entries(
    ledger: Ledger,
    settlement: Settlement,
    period: str,
    closes: list[Closed],
    records: pl.DataFrame | None,
    number: int | None,
) -> pl.DataFrame:
    """Return what closing a period posts after `closes`, under the events before the line `number`."""
    known = events(ledger, number)
    last = closes[-1].number if closes else 0
    since = Since(
        first=not closes,
        decided={one.person for one in known if one.number > last and one.kind in ("decision", "undo")},
        amended=_amended(settlement, closes),
        fresh=_fresh(records, closes),
    )
    held = tuple(one.held() for one in known if one.kind == "dispute" and one.undone is None)
    return difference(settlement.agreement, ledger.entries(number), settlement.lines, period, held, since)


def _amended(settlement: Settlement, closes: list[Closed]) -> str | None:
    """Return what of the contract is another than at the last close."""
    if not closes:
        return None
    was, now = closes[-1].digests, digests_of(settlement.agreement)
    return next((name for name in ("price", "terms") if was[name] != now[name]), None)


def _fresh(records: pl.DataFrame | None, closes: list[Closed]) -> pl.Series:
    """Return the ids of records of days after the last data cut."""
    if records is None or not closes:
        return pl.Series(dtype=pl.String)
    return records.filter(pl.col("day") > closes[-1].as_of)["record_id"].cast(pl.String).unique(maintain_order=True)
