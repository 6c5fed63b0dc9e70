# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The vocabularies that sites name: what they say of a mapping's concepts, and of a study's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from rwe.cdm import athena
from rwe.cdm.concepts import domains, tree, with_descendants
from rwe.pipeline.planning import Plan, Source
from rwe.spec.study import Study


def vocabulary_of(source: Source, home: Path) -> athena.Vocabulary | None:
    """Read the vocabulary that a site names, None where it names none.

    Raises
    ------
    DefinitionError, DataError
        As `rwe.cdm.athena.read_athena`.
    """
    if source.site.vocabulary is None:
        return None
    return athena.read_athena(Path(source.site.vocabulary), _kept(source, home))


def hashes_of(sources: Iterable[Source], home: Path) -> dict[str, dict[str, str]]:
    """Return by site the sha256 of each file of the vocabulary that it names, as it was last read."""
    return {part.site.site: athena.hashes(_kept(part, home)) for part in sources if part.site.vocabulary}


def _kept(source: Source, home: Path) -> Path:
    return home / "vocabulary" / source.site.site


def domains_of(source: Source, home: Path) -> dict[int, str]:
    """Return the domains of the concepts that a mapping names, as far as the site's vocabulary holds them."""
    vocabulary = vocabulary_of(source, home)
    if vocabulary is None:
        return {}
    return domains(vocabulary, {rule.concept_id for rule in source.mapping.concepts})


def expanded(plan: Plan, home: Path) -> Study:
    """Return the study with the descendants of the concepts of those records that ask for them.

    They are found in the vocabularies of the sites, and by the codes of their mappings.
    """
    study = plan.study
    if not any(record.descendants for record in study.records.values()):
        return study
    told = [vocabulary_of(source, home) for source in plan.sources]
    pairs = [tree(source.mapping).lazy() for source in plan.sources] + [_below(each) for each in told if each]
    records = {
        name: record.model_copy(update={"concepts": with_descendants(record.concepts, pairs), "descendants": False})
        if record.descendants
        else record
        for name, record in study.records.items()
    }
    return study.model_copy(update={"records": records})


def _below(vocabulary: athena.Vocabulary) -> pl.LazyFrame:
    return vocabulary.tables["concept_ancestor"].select("ancestor_concept_id", "descendant_concept_id")
