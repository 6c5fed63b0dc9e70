# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a report is told beside the released tables: `Context`, filled from the plan and the results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import polars as pl

from rwe import provenance
from rwe.cohort import Cohort
from rwe.compare import TrialBaseline
from rwe.disclosure import Policy, Released, protect
from rwe.errors import DefinitionError
from rwe.pipeline.align import Aligned
from rwe.pipeline.looks import by_group, looks
from rwe.pipeline.planning import Plan
from rwe.pipeline.quality import Assessed, gate_cards, scorecards
from rwe.reimbursement import Agreement
from rwe.report import context as card
from rwe.result import Result, tidy
from rwe.spec.base import Text
from rwe.spec.endpoint import Change
from rwe.spec.population import Variable
from rwe.spec.study import Study
from rwe.store import Store

OUTCOMES = ("accepted", "rejected", "merged", "unmapped", "repaired")


def context(
    plan: Plan,
    trial: TrialBaseline | None,
    released: Mapping[str, Released],
    aligned: Iterable[Aligned],
    cohort: Cohort,
    store: Store,
    assessed: Assessed,
    run_id: str,
    started: datetime,
) -> card.Context:
    """Return everything but the tables that a dossier of this run needs."""
    study, sites = plan.study, list(aligned)
    settings = {name: dict(part.settings) for name, part in released.items()}
    criteria = [*study.eligibility, *(c for p in study.populations.values() for c in p.criteria)]
    return card.Context(
        study=_study(plan),
        sites=tuple(card.SiteCard(name=s.site.site, title=s.site.title) for s in plan.sources),
        focus=study.focus,
        key_figures=study.key_figures,
        populations={name: p.title for name, p in study.populations.items()},
        criteria={c.name: c.title for c in criteria},
        variables={name: _variable(v) for name, v in study.baseline.items()},
        terms=_terms(settings),
        endpoints={n: card.EndpointCard(title=e.title, definition=e.definition) for n, e in study.endpoints.items()},
        outcomes=_outcomes(study),
        time_zero=tuple(looks(study, cohort, plan.policy)),
        by_group=tuple(by_group(cohort, plan.policy)),
        trial=_trial(trial, [*study.endpoints]) if trial else None,
        agreement=agreement_card(plan.agreement) if plan.agreement else None,
        verdicts=settings.get("settlement", {}).get("verdicts", {}),
        policy=card.PolicyCard(**asdict(plan.policy)),
        methods=_methods(settings, _levels(released)),
        quality=tuple(_quality(sites, plan.policy)),
        scorecard=scorecards(assessed.cards, plan.policy),
        gates=gate_cards(assessed.gates, plan.asked),
        provenance=_provenance(plan, sites, store, run_id, started),
        synthetic=any(part.cdm.synthetic for part in sites),
        settings=settings,
    )


def _study(plan: Plan) -> card.StudyCard:
    study = plan.study
    words = {key: getattr(study, key) for key in ("title", "question", "medicine", "indication", "time_zero")}
    return card.StudyCard(
        name=study.study,
        version=study.version,
        as_of=study.as_of,
        start=study.index.start,
        end=study.index.end,
        **words,
    )


def _outcomes(study: Study) -> dict[str, card.OutcomeCard]:
    units = {name: outcome.unit if isinstance(outcome, Change) else None for name, outcome in study.outcomes.items()}
    named = {**study.outcomes, **study.intervals}
    return {name: card.OutcomeCard(title=one.title, unit=units.get(name)) for name, one in named.items()}


def _variable(variable: Variable) -> card.VariableCard:
    return card.VariableCard(title=variable.title, unit=variable.unit, levels=variable.names)


def _trial(trial: TrialBaseline, endpoints: list[str]) -> card.TrialCard:
    criteria = [
        card.CriterionCard(name=c.name, text=c.text, expressible=c.expressible, reason=c.reason) for c in trial.criteria
    ]
    return card.TrialCard(
        name=trial.name,
        title=trial.title,
        citation=trial.citation,
        arms=dict(trial.arms),
        criteria=tuple(criteria),
        missing={n: e.reason for n, e in trial.endpoints.items() if n in endpoints and not e.available and e.reason},
    )


def agreement_card(agreement: Agreement) -> card.AgreementCard:
    """Return what a dossier must know of an agreement beside the released figures."""
    terms = []
    for term in agreement.terms:
        fields = term.model_dump(by_alias=True, exclude={"id", "type", "wording"}, exclude_none=True)
        plain = {key: _plain(value) for key, value in fields.items() if value not in ({}, ())}
        terms.append(card.TermCard(id=term.id, type=term.type, settings=plain, wording=term.wording))
    return card.AgreementCard(
        id=agreement.contract.id,
        title=agreement.title,
        note=agreement.note,
        currency=agreement.contract.currency,
        terms=tuple(terms),
    )


def _plain(value: Any) -> str | int | list[dict[str, str | int]]:
    if isinstance(value, tuple) and value and isinstance(value[0], Mapping):
        return [{key: _flat(own) for key, own in part.items()} for part in value]
    return _flat(value)


def _flat(value: Any) -> str | int:
    if isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _levels(released: Mapping[str, Released]) -> dict[str, float]:
    """Return the level of confidence of each analysis; a report puts those of one analysis into one table."""
    found: dict[str, float] = {}
    for part in released.values():
        if "conf_level" not in part.settings:
            continue
        level = float(part.settings["conf_level"])
        for analysis in part.table["analysis"].unique(maintain_order=True):
            if found.setdefault(analysis, level) != level:
                raise DefinitionError(f"analyses of '{analysis}' have different conf_level: give one in the study file")
    return found


def _methods(settings: Mapping[str, Mapping[str, Any]], levels: dict[str, float]) -> card.Methods:
    """Return how the estimates were made, as the analyses themselves say it."""
    found = {key: part[key] for part in settings.values() for key in ("conf_type", "ties") if key in part}
    trial = next((part for part in settings.values() if "margins" in part), {})
    refused = tuple(card.Refused(**item) for item in trial.get("refused", []))
    return card.Methods(
        **found, conf_level=levels, horizon=trial.get("tau", 0), raked=tuple(trial.get("margins", ())), refused=refused
    )


def _terms(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Text]:
    """Return the names of the terms of a model that are not a variable or one of its levels."""
    terms = [term for part in settings.values() for term in part.get("terms", [])]
    return {term["term"]: Text(**term["title"]) for term in terms if term["title"]}


def _quality(sites: list[Aligned], policy: Policy) -> Iterable[card.QualityRow]:
    """Yield what became of source rows, counted as everything that leaves is counted."""
    rows = pl.concat([part.cdm.accounting for part in sites])
    totals = (
        rows.filter(pl.col("outcome").is_in(OUTCOMES))
        .group_by("stream", "record", "rule", "outcome", maintain_order=True)
        .agg(pl.col("n").sum())
    )
    cells = totals.select(
        pl.col("stream").alias("group"),
        pl.col("record").fill_null("").alias("stratum"),
        pl.col("rule").fill_null("").alias("outcome"),
        pl.col("outcome").alias("estimand"),
        pl.col("n").cast(pl.Int64),
    )
    table = protect(Result(tidy(cells, analysis="quality")), policy).table
    for row in table.iter_rows(named=True):
        names = {"stream": row["group"], "record": row["stratum"], "rule": row["outcome"], "outcome": row["estimand"]}
        yield card.QualityRow(**names, n=row["n"])


def _provenance(plan: Plan, sites: list[Aligned], store: Store, run_id: str, started: datetime) -> card.Provenance:
    data, seals = {}, {}
    for part in sites:
        for stream in part.commits:
            table = store.table(f"{part.site}/landing/{stream}")
            newest = table.seals()[-1]
            sha = newest.files[-1].sha256 if newest.files else ""
            rows = table.current().select(pl.len()).collect().item()
            data[f"{part.site}/{stream}"] = card.DataCard(rows=_rounded(rows), commit=table.commit, sha256=sha)
            seals[f"{part.site}/{stream}"] = newest.log_sha256
    code = hashlib.sha256(repr(sorted(provenance.code_hashes().items())).encode()).hexdigest()
    return card.Provenance(
        run_id=run_id,
        started=started,
        code=code,
        packages=provenance.packages(),
        data=data,
        configs={path.name: provenance.sha256(path) for path in plan.files},
        seals=seals,
    )


def _rounded(n: int) -> int | None:
    row = tidy([{"estimand": "rows", "n": n}], analysis="provenance")
    shown: int | None = protect(Result(row)).table["n"].to_list()[0]
    return shown
