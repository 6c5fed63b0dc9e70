# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The order of the stages: the only place that knows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rwe import provenance
from rwe.catalogue import Run, open_catalogue
from rwe.cdm import Cdm
from rwe.cohort import Cohort, build_cohort
from rwe.compare import TrialBaseline, load_trial
from rwe.errors import DataError, SourceUnreachable
from rwe.linkage import load_or_make_key
from rwe.pipeline import pricing, stages
from rwe.pipeline.align import Aligned, align
from rwe.pipeline.changes import Change, Origin, compared
from rwe.pipeline.context import context
from rwe.pipeline.extract import Extracted, extract, landing_table
from rwe.pipeline.guards import alone, disk, make_folder, recorded, run_name, unused
from rwe.pipeline.invented import hold_apart
from rwe.pipeline.linking import persons
from rwe.pipeline.planning import Plan, load_plan, remarks
from rwe.pipeline.quality import Assessed, assess_sites, drifts
from rwe.pipeline.reimbursing import reimbursed
from rwe.pipeline.release import release, write_models
from rwe.pipeline.summary import RunSummary, figures, rejected
from rwe.pipeline.together import together
from rwe.pipeline.vocabulary import domains_of, expanded, hashes_of
from rwe.plugins import Inputs
from rwe.report import render
from rwe.result import Result
from rwe.store import Store

Progress = Callable[[str], None]
OWN = "home"
TRIAL_STAGE = {True: "compare", False: "analyse"}


def _silent(stage: str) -> None:
    """Tell nobody of `stage`."""


def run(
    study_path: Path,
    *,
    home: Path,
    run_id: str | None = None,
    site_urls: Mapping[str, str] | None = None,
    lang: Sequence[str] = ("en", "bg"),
    track: str | None = None,
    synthetic: bool = False,
    progress: Progress = _silent,
) -> RunSummary:
    """Run a study from its hospitals to its dossier.

    Parameters
    ----------
    study_path
        Study file.
    home
        Home folder: store, key, runs, catalogue.
    run_id
        Name of the run folder; made from the time and the definitions where None.
    site_urls
        Database URL of a site, in place of the one its file names.
    lang
        Languages of the dossier.
    track
        Enter the run in MLflow: ``home`` for the home's own store, or a tracking URI.
    synthetic
        Whether the study is run on invented records, and on nothing else.
    progress
        Told the name of each stage as it begins.

    Raises
    ------
    RweError
        The leaf that says what stopped it; the catalogue keeps the exit code.
    """
    progress("specify")
    plan = load_plan(study_path).at(site_urls or {})
    started = datetime.now(UTC)
    made = f"{started:%Y%m%dT%H%M%SZ}-{plan.study.study}-{plan.hash()[:6]}"
    asked = None if run_id is None else run_name(run_id)
    with alone(home, plan.study.study), disk(home):
        folder = home / "runs" / (asked or unused(home / "runs", made))
        run_id = folder.name
        catalogue = open_catalogue(home)
        catalogue.lose_runs(plan.study.study)
        previous = catalogue.last_run(plan.study.study)
        make_folder(folder)
        with recorded(catalogue, run_id, plan, folder.relative_to(home)) as record:
            work = _Work(plan, home, folder, run_id, started, progress)
            taken, aligned, notices = work.gather()
            notices = [*map(str, remarks(study_path)), *notices]
            reads = [read for part in taken for read in part.reads]
            aside = {f"{r.site}/{r.stream}": r.fault for r in reads if r.fault}
            record.exit_code = DataError.exit_code if aside else 0
            record.commits.update({f"{part.site}/{s}": n for part in aligned for s, n in part.commits.items()})
            whole = together(aligned)
            stages.write_deaths(folder, whole.deaths)
            settles = plan.agreement is not None
            hold_apart([part.site for part in aligned], whole.cdm.synthetic, asked=synthetic, settles=settles)
            work.answer(whole.cdm, aligned, work.assess(aligned))
            dossier = work.report(lang)
            changes = work.compare(previous, lang, notices)
            if previous:
                notices += drifts(aligned, work.store, work.folder, home / previous.folder)
            work.seal(record.commits, taken, whole.cdm.synthetic)
            notices += work.track(track)
    return RunSummary(
        run_id=run_id,
        folder=folder,
        dossier=dossier,
        figures=figures(folder, lang),
        landed={f"{r.site}/{r.stream}": r.landed for r in reads},
        unchanged={f"{r.site}/{r.stream}": r.unchanged for r in reads},
        rejected=sum(rejected(part) for part in aligned),
        previous=previous.run_id if previous and changes is not None else None,
        changes=tuple(changes or ()),
        notices=tuple(notices),
        aside=aside,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """One run on its way; each method is a stretch of the house."""

    plan: Plan
    home: Path
    folder: Path
    run_id: str
    started: datetime
    progress: Progress

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    def gather(self) -> tuple[list[Extracted], list[Aligned], list[str]]:
        """Extract and harmonise; a stream that was never read to its end leaves nothing to go on with."""
        store, key = self.store, load_or_make_key(self.home)
        self.progress("extract")
        taken = [
            extract(part.site, part.mapping.source, store, self.home, key, self.progress) for part in self.plan.sources
        ]
        stages.write_extract(self.folder, taken)
        if silent := [part.unreachable for part in taken if part.unreachable]:
            raise SourceUnreachable("; ".join(silent))
        if never := [read.fault for part in taken for read in part.reads if not read.whole]:
            raise DataError("; ".join(never))
        self.progress("link")
        found = persons(self.plan.sources, store)
        stages.write_links(self.folder, found.linked)
        self.progress("harmonise")
        aligned = [
            align(source, store, domains_of(source, self.home), found.of(source.site.site))
            for source in self.plan.sources
        ]
        stages.write_harmonise(self.folder, aligned)
        remarks = [f"{r.site}/{r.stream}: {text}" for part in taken for r in part.reads for text in r.remarks]
        return taken, aligned, [*store.notices, *remarks]

    def assess(self, aligned: list[Aligned]) -> Assessed:
        """Put the checks of quality to the records of each hospital, and say how the gates of the study stand."""
        self.progress("assess")
        assessed = assess_sites(aligned, self.plan.study.gates, self.started.date())
        stages.write_quality(self.folder, assessed.cards)
        return assessed

    def answer(self, cdm: Cdm, aligned: list[Aligned], assessed: Assessed) -> None:
        """Select, analyse, compare, reimburse and release."""
        self.progress("select")
        cohort = build_cohort(cdm, expanded(self.plan, self.home))
        stages.write_select(self.folder, cohort)
        trial = load_trial(self.plan.trial) if self.plan.trial else None
        results = {"attrition": cohort.attrition, **self._analyses(cohort, trial, assessed)}
        if self.plan.agreement and self.plan.study.reimbursement:
            evidence = results.get(self.plan.study.reimbursement.evidence or "")
            self.progress("reimburse")
            results |= reimbursed(self.plan, self.plan.agreement, self.home, self.folder, cdm, cohort, evidence)
        priced = pricing.reckoned(self.plan)
        results |= pricing.figures(priced)
        self.progress("release")
        into = self.folder / "release"
        released = release(results, into, self.plan.policy)
        fitted = [a.spec.id for a in self.plan.asked if a.spec.analysis == "cox" and a.spec.id in results]
        write_models({name: released[name] for name in fitted}, into)
        pricing.write_chapters(priced, into)
        words = context(self.plan, trial, released, aligned, cohort, self.store, assessed, self.run_id, self.started)
        (into / "context.json").write_text(words.model_dump_json(indent=1) + "\n", "utf-8")

    def _analyses(self, cohort: Cohort, trial: TrialBaseline | None, assessed: Assessed) -> dict[str, Result]:
        """Run every analysis but those that a gate withholds: an estimate nobody may use is not made."""
        results = {}
        for asked in self.plan.asked:
            if assessed.withheld(asked.spec.id):
                continue
            self.progress(f"analyse {asked.spec.id}")
            inputs = Inputs(self.plan.study, cohort, asked.spec.population, trial)
            result = asked.analysis.run(inputs, asked.options)
            stages.write_result(self.folder, asked.spec.id, TRIAL_STAGE[asked.analysis.needs_trial], result)
            results[asked.spec.id] = result
        return results

    def report(self, lang: Sequence[str]) -> dict[str, Path]:
        """Render the dossier in each language."""
        self.progress("report")
        return {language: render(self.folder, language) for language in lang}

    def compare(self, previous: Run | None, lang: Sequence[str], notices: list[str]) -> list[Change] | None:
        """Say what differs from the run before, None where there is none to compare with."""
        if previous is None:
            return None
        origin = Origin(self.plan.files, self.store, previous.commits)
        try:
            return compared(self.home / previous.folder, self.folder, origin, lang)
        except DataError as exc:  # its folder is gone or of another version: this run is whole without it
            notices.append(f"not compared with run {previous.run_id}: {exc}")
            return None

    def seal(self, commits: Mapping[str, int], taken: Sequence[Extracted], synthetic: Collection[str]) -> None:
        """Hash everything the run wrote and read into its manifest."""
        facts = {
            "run_id": self.run_id,
            "study": self.plan.study.study,
            "config_hash": self.plan.hash(),
            "started": self.started.isoformat(timespec="seconds"),
            "sessions": {part.site: dict(part.session) for part in taken},
            "set_aside": {f"{r.site}/{r.stream}": r.fault for part in taken for r in part.reads if r.fault},
            "data": {name: self._sealed(name, commit) for name, commit in commits.items()},
            "synthetic": sorted(synthetic),
            "vocabularies": hashes_of(self.plan.sources, self.home),
        }
        provenance.write_manifest(self.folder, self.plan.files, facts)

    def _sealed(self, name: str, commit: int) -> dict[str, str | int]:
        """Return the commit read of a ``site/stream``, and the hash of the log that holds the hashes of its files."""
        site, _, stream = name.partition("/")
        seals = landing_table(self.store, site, stream).seals()
        return {"commit": commit, "log_sha256": seals[-1].log_sha256 if seals else ""}

    def track(self, where: str | None) -> list[str]:
        """Enter the run in MLflow where asked; a server that is away costs a notice, not the run."""
        if not where:
            return []
        self.progress("track")
        from rwe.tracking import track

        try:
            tracked = track(self.folder, home=self.home, address=None if where == OWN else where)
        except SourceUnreachable as exc:
            return [str(exc)]
        return [f"MLflow run {tracked.run_id} at {tracked.address}"]
