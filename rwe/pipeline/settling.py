# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Settling a study without a run: from what has landed, or from what had landed when a period was closed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from rwe import provenance
from rwe import reimbursement as rb
from rwe.cdm import Cdm
from rwe.cohort import Cohort, build_cohort
from rwe.compare import load_trial
from rwe.errors import DataError, DefinitionError
from rwe.linkage import load_or_make_key
from rwe.pipeline.align import Aligned, align, as_landed, cdm_table, tables_at
from rwe.pipeline.erased_people import LINKS
from rwe.pipeline.guards import alone, disk
from rwe.pipeline.invented import hold_apart
from rwe.pipeline.linking import persons, persons_at
from rwe.pipeline.planning import Plan, load_plan
from rwe.pipeline.quality import assess_sites
from rwe.pipeline.settled import Settled, settlement_of
from rwe.pipeline.together import together
from rwe.pipeline.vocabulary import domains_of, expanded
from rwe.plugins import Inputs
from rwe.reimbursement.period import last_day
from rwe.result import Result
from rwe.spec.agreement import Agreement
from rwe.store import Store

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settling:
    """The settlement of one study in one home.

    Parameters
    ----------
    plan, agreement
        The study and its contract.
    ledger
        The ledger of the contract in this home; another for invented records than for lived ones.
    progress
        Told the name of each stage as it begins.
    """

    plan: Plan
    agreement: Agreement
    home: Path
    ledger: rb.Ledger
    progress: Progress

    def cut(self, period: str | None, as_of: date | None) -> date:
        """Return the day of the data cut: as asked, the first that closes a period, or the last day of the study.

        Raises
        ------
        DefinitionError
            If it is still to come, or there is no such period.
        """
        schedule = self.agreement.settlement
        if as_of is None and period is not None:
            as_of = last_day(period, schedule.every) + timedelta(days=schedule.data_cut_lag_days)
        cut = as_of or self.plan.study.as_of
        if cut > datetime.now(UTC).date():
            told = f"the data cut of {cut} is still to come; nothing is settled on days to come"
            raise DefinitionError(told).known_as("cut_to_come", cut=cut)
        return cut

    def now(self, as_of: date) -> Settled:
        """Settle from what has landed.

        Raises
        ------
        Busy
            If the study is being run or settled in this home by another process.
        DataError
            If a stream has never landed, or its rows do not add up.
        Refused
            If records are invented and that was not asked for, or the other way about.
        NoValidAnswer
            If nobody of the population has a record of the product.
        """
        with alone(self.home, self.plan.study.study):
            return self._now(as_of)

    def _now(self, as_of: date) -> Settled:
        with disk(self.home):
            store = Store(self.home / "store")
            self.progress("link")
            found = persons(self.plan.sources, store)
            self.progress("harmonise")
            sources = [(source, found.of(source.site.site)) for source in self.plan.sources]
            return self._settled([align(s, store, domains_of(s, self.home), who) for s, who in sources], as_of)

    def then(self, closed: rb.Closed, *, landing: bool = False) -> Settled:
        """Settle from the tables of the common model that a close was made of, or from its landing rows.

        Raises
        ------
        DataError
            If they are not there.
        """
        store, made_of = Store(self.home / "store"), closed.made_of
        if not landing:
            parts = [_as_closed(store, site, made_of) for site in made_of["tables"]]
            return self._settled(parts, closed.as_of, closed.number)
        if "links" not in made_of:
            raise DataError(f"the close of {closed.period} did not keep who was whom: leave --landing out")
        self.progress("harmonise")
        parts = []
        for source in self.plan.sources:
            site = source.site.site
            whose = persons_at(store, site, made_of["links"])
            parts.append(as_landed(source, store, made_of["landing"][site], domains_of(source, self.home), whose))
        return self._settled(parts, closed.as_of, closed.number)

    def treated(self) -> pl.DataFrame:
        """Return ``person_id`` and ``day`` of every dose of the product in the common model as it stands.

        Raises
        ------
        DefinitionError
            If nothing has been harmonised here, or the agreement does not say where its doses are.
        """
        store, how = Store(self.home / "store"), self.agreement.records
        tables = [cdm_table(store, source.site.site, "drug_exposure") for source in self.plan.sources]
        if how is None or not any(table.commit for table in tables):
            told = "nobody is known here yet: settle the study first, then decide on its patients"
            raise DefinitionError(told).known_as("nobody_known")
        rows = pl.concat([table.current() for table in tables if table.commit])
        given = rows.filter(pl.col("drug_concept_id").is_in(how.concepts))
        return given.select("person_id", day="drug_exposure_start_date").collect()

    def close(self, period: str, as_of: date) -> rb.Closed:
        """Close a period; one that is closed is made again from the tables of its close and held against it.

        Raises
        ------
        DefinitionError, DataError, TornStore, Busy
            As `rwe.reimbursement.close`.
        """
        if period not in [one.period for one in self.ledger.closes()]:
            rb.in_turn(self.ledger, period, as_of)  # before the work
        with alone(self.home, self.plan.study.study):
            settled = self._now(as_of)
            return rb.close(self.ledger, settled.settlement, period, records=settled.records, made_of=settled.made_of)

    def again(self, period: str, *, landing: bool = False) -> rb.Closed:
        """Make a close once more from what it was made of and hold it against what was posted, byte by byte.

        Parameters
        ----------
        landing
            Whether to harmonise the landing rows of the close anew, by the mappings and the code of today, in place of
            reading the tables of the common model that it read.

        Raises
        ------
        DefinitionError
            If the period was never closed.
        DataError
            If the bytes differ.
        """
        closed = self.closed(period)
        settled = self.then(closed, landing=landing)
        return rb.again(self.ledger, settled.settlement, closed, records=settled.records)

    def closed(self, period: str | None) -> rb.Closed:
        """Return the close of a period, or the last one.

        Raises
        ------
        DefinitionError
            If there is none.
        """
        closes = {one.period: one for one in self.ledger.closes()}
        if not closes or (period is not None and period not in closes):
            known = f"closed are {', '.join(closes)}" if closes else "none is"
            told = f"'{self.agreement.contract.id}': {period or 'a period'} is not closed; {known}"
            raise DefinitionError(told).known_as("not_closed", period=period or "-", closed=", ".join(closes) or "-")
        return closes[period] if period else list(closes.values())[-1]

    def _settled(self, parts: Sequence[Aligned], as_of: date, before: int | None = None) -> Settled:
        cdm = together(parts).cdm
        hold_apart([part.site for part in parts], cdm.synthetic, asked=self.ledger.synthetic, settles=True)
        plan = replace(self.plan, study=self.plan.study.model_copy(update={"as_of": as_of}))
        self.progress("select")
        cohort = build_cohort(cdm, expanded(plan, self.home))
        evidence = self._evidence(plan, cohort, parts, as_of)
        self.progress("reimburse")
        made_of = self._made_of(parts, cdm)
        known = rb.events(self.ledger, before)
        return settlement_of(plan, Store(self.home / "store"), cdm, cohort, evidence, known, made_of)

    def _evidence(self, plan: Plan, cohort: Cohort, parts: Sequence[Aligned], as_of: date) -> Result | None:
        """Return the estimate that the study names as evidence, unless a gate withholds it."""
        named = plan.study.reimbursement.evidence if plan.study.reimbursement else None
        asked = next((one for one in plan.asked if one.spec.id == named), None)
        if asked is None or (plan.study.gates and assess_sites(parts, plan.study.gates, as_of).withheld(asked.spec.id)):
            return None
        self.progress(f"analyse {asked.spec.id}")
        trial = load_trial(plan.trial) if plan.trial else None
        return asked.analysis.run(Inputs(plan.study, cohort, asked.spec.population, trial), asked.options)

    def _made_of(self, parts: Sequence[Aligned], cdm: Cdm) -> dict[str, Any]:
        code = hashlib.sha256(repr(sorted(provenance.code_hashes().items())).encode()).hexdigest()
        return {
            "landing": {part.site: part.commits for part in parts},
            "tables": {part.site: part.tables for part in parts},
            "links": Store(self.home / "store").table(LINKS).commit,
            "synthetic": sorted(cdm.synthetic),
            "definitions": self.plan.hash(),
            "code": code,
        }


def settling(study_path: Path, *, home: Path, synthetic: bool = False, progress: Progress = lambda _: None) -> Settling:
    """Return the settlement of a study in a home.

    Raises
    ------
    DefinitionError
        With every fault of the study and the files it names; also where it names no agreement.
    """
    progress("specify")
    plan = load_plan(study_path)
    if plan.agreement is None:
        told = f"{study_path.name} names no agreement: write one under 'reimbursement'"
        raise DefinitionError(told).known_as("no_agreement", study=study_path.name)
    return Settling(plan, plan.agreement, home, ledger_of(plan.agreement, home, synthetic=synthetic), progress)


def ledger_of(agreement: Agreement, home: Path, *, synthetic: bool) -> rb.Ledger:
    """Return the ledger of an agreement in a home."""
    folder = rb.ledger_folder(home, agreement.contract.id, synthetic=synthetic)
    return rb.Ledger(folder, agreement, load_or_make_key(home), synthetic)


def _as_closed(store: Store, site: str, made_of: Mapping[str, Any]) -> Aligned:
    """Return a hospital in the common model as it stood at a close."""
    commits, tables = made_of["landing"][site], made_of["tables"][site]
    marked = frozenset({site} & set(made_of["synthetic"]))
    account = pl.DataFrame()
    return Aligned(site, Cdm(tables_at(store, site, tables), account, marked), account, account, commits, tables)
