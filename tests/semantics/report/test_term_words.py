# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Any agreement is told in the dossier: every type of term in a sentence of both languages, beside its legal text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from rwe.pipeline.context import agreement_card
from rwe.report import LANGUAGES
from rwe.report.page import Page, open_page
from rwe.report.render import html
from rwe.report.sections.term_words import term_text
from rwe.report.words import load_words
from rwe.spec.agreement import TYPES, Agreement, load_agreement

SCHEMES = sorted((Path(__file__).parents[3] / "configs" / "agreements" / "schemes").glob("*.yaml"))
Make = Callable[..., Path]
JUDGED = {"assess_day": 56, "window": [-7, 14], "failure": ["progression"]}
RULES = {
    "lost": "responder",
    "moved": "failure",
    "death": "not_evaluable",
    "assessed_early": "as_assessed",
    "assessed_late": "as_assessed_within_days_30",
    "not_assessed": "failure_after_days_90",
}
CHOICES: list[dict[str, Any]] = [  # what the shipped files leave out
    {"type": "continuation", **JUDGED, "missing": RULES},
    {"type": "death_rebate", "rate": "0.125", "horizon_days": 1096, "base": "spend"},
    {"type": "dose_cap", "per": "course", "units": "2.5"},
    {"type": "time_cap", "days": 90},
    {"type": "time_cap", "days": 500},
    {"type": "expenditure_cap", "per": "year", "amount": "1000", "share": "1"},
    {"type": "clawback", "by": "spend", "products": [{"id": "x", "spend": "2", "budget": "1"}]},
    {"type": "clawback", "by": "growth", "products": [{"id": "x", "spend": "2", "budget": "1", "previous": "1"}]},
    {
        "type": "instalments",
        "price": "100",
        "parts": [{"day": 1, "share": "0.5"}, {"day": 400, "share": "0.5", "if": "alive"}],
    },
]
FAMILIES = ("term_text.", "way.", "rule.", "part.", "per.", "by.", "span.")


def of(*terms: dict[str, Any]) -> Agreement:
    contract = {"id": "C", "product": "x", "indication": "y", "start": "2026-01-01", "end": "2028-12-31"}
    return Agreement.model_validate(
        {
            "contract": {**contract, "currency": "EUR"},
            "price": [{"from": "2026-01-01", "net": "1", "unit": "vial"}],
            "terms": [{"id": f"t{i}", **term} for i, term in enumerate(terms)],
        }
    )


def page_of(make_run: Make, agreement: Agreement, lang: str) -> Page:
    card = agreement_card(agreement).model_dump(mode="json")
    return open_page(make_run(agreement=card, verdicts={}) / "release", lang)


def sentences(make_run: Make, agreement: Agreement, lang: str) -> list[str]:
    page = page_of(make_run, agreement, lang)
    assert page.context.agreement is not None
    return [term_text(page, term) for term in page.context.agreement.terms]


def one(make_run: Make, lang: str, term: dict[str, Any]) -> str:
    return sentences(make_run, of(term), lang)[0].replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_shipped_scheme_is_told_in_the_chapter(make_run: Make, lang: str) -> None:
    shipped = [load_agreement(file) for file in SCHEMES]
    terms = [term for agreement in shipped for term in agreement.terms]
    every = [term.model_copy(update={"id": f"t{i}"}) for i, term in enumerate(terms)]

    book = str(html(page_of(make_run, shipped[0].model_copy(update={"terms": tuple(every)}), lang)))

    assert {term.type for term in every} == set(TYPES)
    for wording in [term.wording for term in every if term.wording]:
        assert escape(getattr(wording, lang)) in book


def test_no_word_of_terms_is_idle(make_run: Make) -> None:
    asked: set[str] = set()
    for agreement in (*map(load_agreement, SCHEMES), of(*CHOICES)):
        page = page_of(make_run, agreement, "en")
        for term in page.context.agreement.terms if page.context.agreement else ():
            term_text(page, term)
        asked |= page.words.asked

    mine = {key for key in load_words("en").entries if key.startswith(FAMILIES)}
    assert mine - asked == {"term_text.point"}  # of the guarantee; asked in `test_report`


def test_each_type_has_a_name_in_both_languages() -> None:
    for lang in LANGUAGES:
        assert {key.removeprefix("term.") for key in load_words(lang).entries if key.startswith("term.")} == set(TYPES)


SAID = {
    "rules": (
        CHOICES[0],
        "Doses given more than 70 days after the first are paid only where the treatment worked; other claims are "
        "rejected (failure: progression or recurrence). Without an assessment in time: lost to follow-up – result "
        "reached; moved to a hospital that does not report – failure; death – not evaluable; assessed too early – "
        "counts as it was assessed; assessed too late – counts as it was assessed, up to 30 days off; not assessed – "
        "failure after 90 days.",
        "Дозите след 70‑ия ден от първата доза се плащат само при постигнат резултат; останалите искания се отхвърлят "
        "(неуспех: прогресия или рецидив). Без навременна оценка: изгубен от наблюдение – постигнат резултат; преминал "
        "в болница, която не подава данни – неуспех; смърт – не подлежи на оценка; оценен твърде рано – важи, както е "
        "оценен; оценен твърде късно – важи, както е оценен, при разлика до 30 дни; без оценка – неуспех след 90 дни.",
    ),
    "a share that is no whole percentage": (
        CHOICES[1],
        "12.5% of the spend comes back for each patient who dies within 3 years of the first dose.",
        "Връщат се 12,5 % от разхода за всеки пациент, починал до 3 години от първата доза.",
    ),
    "parts of a unit": (
        CHOICES[2],
        "Units above 2.5 per course of treatment come back; the dose that crosses the limit is split.",
        "Връщат се единиците над 2,5 на курс на лечение; дозата, която преминава границата, се дели.",
    ),
    "parts of a price": (
        CHOICES[-1],
        "€100.00 is paid in parts: 50% at 1 days; 50% at 13.1 months if the patient is alive. The first part whose "
        "condition fails ends all later ones.",
        "100,00 € се плащат на части: 50 % на 1‑ия ден; 50 % на 13,1‑ия месец, ако пациентът е жив. Първата част с "
        "неизпълнено условие прекратява всички следващи.",
    ),
}


@pytest.mark.parametrize(("term", "en", "bg"), SAID.values(), ids=SAID)
def test_what_is_said(make_run: Make, term: dict[str, Any], en: str, bg: str) -> None:
    assert one(make_run, "en", term) == en
    assert one(make_run, "bg", term) == bg
