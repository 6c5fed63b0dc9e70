# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The vocabularies that sites name: what they say of a mapping's concepts, and of a study's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl

from rwe.cdm import athena
from rwe.cdm.concepts import domains, tree, with_descendants
from rwe.pipeline.planning import Plan, Source
from rwe.spec.population import Record
from rwe.spec.study import Study
from rwe.spec.treatment import Product, Treatment

Concepts = TypeVar("Concepts", Record, Product)


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
    """Return the study with the descendants of the concepts of those records and products that ask for them.

    They are found in the vocabularies of the sites, and by the codes of their mappings.
    """
    study = plan.study
    products = study.treatment.products() if study.treatment else ()
    asked = [record.descendants for record in study.records.values()]
    if not any([*asked, *(product.descendants for _, _, product in products)]):
        return study
    told = [vocabulary_of(source, home) for source in plan.sources]
    pairs = [tree(source.mapping).lazy() for source in plan.sources] + [_below(each) for each in told if each]
    records = {name: _with_descendants(record, pairs) for name, record in study.records.items()}
    return study.model_copy(update={"records": records, "treatment": _treatment(study, pairs)})


def _treatment(study: Study, pairs: Sequence[pl.LazyFrame]) -> Treatment | None:
    """Return the treatment of a study with the descendants of its products; held to its rules anew."""
    if study.treatment is None:
        return None
    values = study.treatment.model_dump(by_alias=True)
    for ingredient, name, product in study.treatment.products():
        values["ingredients"][ingredient]["products"][name] = _with_descendants(product, pairs).model_dump()
    return Treatment.model_validate(values)


def _with_descendants(part: Concepts, pairs: Sequence[pl.LazyFrame]) -> Concepts:
    if not part.descendants:
        return part
    return part.model_copy(update={"concepts": with_descendants(part.concepts, pairs), "descendants": False})


def _below(vocabulary: athena.Vocabulary) -> pl.LazyFrame:
    return vocabulary.tables["concept_ancestor"].select("ancestor_concept_id", "descendant_concept_id")
