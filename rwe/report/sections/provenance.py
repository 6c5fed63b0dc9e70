# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Where every figure comes from, the files beside the dossier, and the short glossary."""

from __future__ import annotations

import json
from collections.abc import Iterator

from markupsafe import Markup

from rwe.report.blocks import Block, Item, Items, Line, Section, Table
from rwe.report.page import Page

TERMS = ("survival", "ci", "hazard_ratio", "rmst", "raking", "effective_sample_size", "smd", "censored")


def provenance(page: Page) -> Section:
    """Return the chapter."""
    return Section("provenance", page.words("provenance.title"), list(_blocks(page)))


def glossary(page: Page) -> Section:
    """Return the terms in a sentence each."""
    items = [Item(page.words(f"glossary.{name}"), page.words(f"glossary.{name}_text")) for name in TERMS]
    return Section("glossary", page.words("glossary.title"), [Items("", items)])


def _blocks(page: Page) -> Iterator[Block]:
    words, origin = page.words, page.context.provenance
    sites = ", ".join(page.say(site.title) for site in page.context.sites)
    run = [
        Item(words("provenance.run"), _code(origin.run_id)),
        Item(words("provenance.started"), page.numbers.instant(origin.started)),
        Item(words("provenance.code"), _code(origin.code)),
        Item(words("provenance.study"), f"{page.context.study.name} {page.context.study.version}"),
        Item(words("provenance.sites"), sites),
    ]
    yield Items("", run)
    data = [
        Line((name, page.count(card.rows), page.numbers.count(card.commit), _code(card.sha256)))
        for name, card in origin.data.items()
    ]
    head = [words(f"provenance.{name}") for name in ("stream", "rows", "commit", "sha256")]
    yield Table(words("provenance.data"), head, data, words=(3,))
    for name, hashes in (("configs", origin.configs), ("seals", origin.seals)):
        lines = [Line((key, _code(value))) for key, value in hashes.items()]
        if lines:
            yield Table(
                words(f"provenance.{name}"), [words("provenance.file"), words("provenance.sha256")], lines, words=(1,)
            )
    versions = " · ".join(f"{name} {version}" for name, version in sorted(origin.packages.items()))
    yield Items(words("provenance.packages"), [Item("", versions)])
    yield from _settings(page)
    yield Table(
        words("provenance.files"), [words("provenance.file"), words("provenance.holds")], _files(page), words=(1,)
    )


def _settings(page: Page) -> Iterator[Table]:
    lines = []
    for analysis, values in page.context.settings.items():
        own = {name: value for name, value in values.items() if name != "policy"}  # said once, under Methods
        lines.append(Line((analysis, _code(json.dumps(own, ensure_ascii=False, sort_keys=True, default=str)))))
    if lines:
        words = page.words
        yield Table(
            words("provenance.settings"), [words("provenance.analysis"), words("provenance.values")], lines, words=(1,)
        )


def _files(page: Page) -> list[Line]:
    """Return each released file with its link, csv and json of one table in one line."""
    stems = dict.fromkeys(name.rsplit(".", 1)[0] for name in page.files)
    return [Line((stem, _links(page, stem))) for stem in stems]


def _links(page: Page, stem: str) -> Markup:
    names = [name for name in page.files if name.rsplit(".", 1)[0] == stem]
    return Markup(", ").join(Markup('<a href="../release/{0}">{0}</a>').format(name) for name in names)


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)
