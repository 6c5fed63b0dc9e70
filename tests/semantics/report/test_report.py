# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The dossier: only what was released, in whole words of one language, without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rwe.errors import DataError, DefinitionError, MachineError
from rwe.report import LANGUAGES, figure_name, figure_text, key_figures, render
from rwe.report.blocks import Table
from rwe.report.findings import findings
from rwe.report.numbers import Numbers
from rwe.report.page import open_page
from rwe.report.render import TEMPLATES, html
from rwe.report.sections.settlement import settlement
from rwe.report.words import load_words
from tests.semantics.report.conftest import JUDGED
from tests.semantics.report.gates import gate

Make = Callable[..., Path]
Pages = dict[str, str]
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Reads a page: its tags with attributes, its text, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name))]

    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


def read(run: Path) -> Page:
    return Page(render(run, "en").read_text("utf-8"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_dossier_is_whole_and_needs_no_network(dossiers: Pages, lang: str) -> None:
    page = Page(dossiers[lang])

    assert page.open == []
    assert dict(page.tags)["html"]["lang"] == lang
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    assert str(policy).startswith("default-src 'none';")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object"}
    assert all(href.startswith(("#", "../release/")) for href in page.attributes("href"))
    assert "http" not in " ".join(page.attributes("src") + page.attributes("style"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ids_are_unique_and_every_inner_link_has_its_place(dossiers: Pages, lang: str) -> None:
    page = Page(dossiers[lang])
    ids = page.attributes("id")

    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.attributes("href") if href.startswith("#")} <= set(ids)
    assert {name for value in page.attributes("aria-labelledby") for name in value.split()} <= set(ids)


def test_every_table_has_scoped_headings_and_a_caption(dossiers: Pages) -> None:
    page = Page(dossiers["en"])
    count = sum(tag == "table" for tag, _ in page.tags)

    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    assert count == sum(tag == "caption" for tag, _ in page.tags) >= 10


def test_every_chart_has_its_words(dossiers: Pages) -> None:
    page = Page(dossiers["en"])
    charts = [attrs for tag, attrs in page.tags if tag == "svg"]

    assert len(charts) == 5
    assert all(attrs["role"] == "img" for attrs in charts)
    assert sum(tag == "text" for tag, _ in page.tags) > 100


def test_the_same_release_gives_the_same_bytes(run: Path, dossiers: Pages) -> None:
    assert render(run, "bg").read_text("utf-8") == dossiers["bg"]


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", ["51.5%", "95% CI 48.5–54.5", "trial 50.4%", "0.95", "95% CI 0.84–1.06", "Undetermined", "At risk"]),
        ("bg", ["51,5\xa0%", "95\xa0% ДИ 48,5–54,5", "0,95", "Неопределено", "В риск", "31 декември 1995\u202fг."]),
    ],
)
def test_figures_are_printed_as_the_language_writes_them(dossiers: Pages, lang: str, found: list[str]) -> None:
    text = " ".join(Page(dossiers[lang]).text)

    assert [word for word in found if word not in text] == []


def test_a_masked_cell_prints_its_marker_with_one_footnote(dossiers: Pages) -> None:
    page = Page(dossiers["en"])
    markers = [a for tag, a in page.tags if tag == "a" and a.get("class") == "masked"]

    assert len(markers) == 11
    assert page.attributes("id").count("note-masked") == 1
    assert "nan" not in page.words().lower().split()
    assert "None" not in page.words()


def test_a_masked_estimate_is_not_in_the_dossier(run: Path, dossiers: Pages) -> None:
    usual = " ".join(Page(dossiers["en"]).text).count("[<13]")
    path = run / "release" / "04-cox.json"
    rows = json.loads(path.read_text("utf-8"))
    rows[0] |= dict.fromkeys(("estimate", "conf_low", "conf_high", "p_value")) | {"masked": "estimate,p_value"}
    path.write_text(json.dumps(rows), "utf-8")

    text = " ".join(read(run).text)

    assert text.count("[<13]") == usual + 3  # in the chart, and as ratio and p in the table
    assert "1.01" not in text


def test_amounts_are_exact_and_the_verdict_has_its_reason(dossiers: Pages) -> None:
    text = Page(dossiers["en"]).words()

    assert "€156,000.00" in text
    assert "the confidence interval holds the threshold" in text
    assert "Price and thresholds are invented." in text


def test_criteria_that_were_not_applied_are_listed_and_others_not(dossiers: Pages) -> None:
    text = Page(dossiers["en"]).words()

    assert "The trial gave it to all; here only some had it." in text
    assert "81 patients of the trial, none here" in text
    assert "Overall survival: not compared. the trial's table holds no overall survival." in text


def test_words_of_a_study_are_text_not_markup(make_run: Make, base: dict[str, Any]) -> None:
    title = {"en": "<script>alert(1)</script> & more", "bg": "<b>"}

    page = read(make_run(study=base["study"] | {"title": title}))

    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script> & more" in " ".join(page.text)


def test_a_study_without_trial_agreement_and_model_still_has_a_dossier(make_run: Make) -> None:
    run = make_run(trial=None, agreement=None, verdicts={}, key_figures=[], quality=[], settings={})
    for name in ("02-balance", "04-cox", "05-settlement", "07-trial_comparison"):
        (run / "release" / f"{name}.json").unlink()

    page = read(run)

    assert {"population", "survival", "methods", "provenance"} <= set(page.attributes("id"))
    assert not {"comparison", "balance", "cox", "settlement"} & set(page.attributes("id"))
    assert "Proportional hazards" not in page.words()


def test_the_scorecards_stand_in_the_chapter_of_quality(dossiers: dict[str, str]) -> None:
    said = Page(dossiers["en"]).words().replace("\xa0", " ")

    assert "Conformance 280 1 167" in said
    assert "Points to nothing (measurement.unit_concept_id) 1.3% 0.0%" in said
    assert "(measurement.measurement_concept_id) [3006315] [<13] 5.0%" in said
    assert "measurement 14" in said
    assert "drug_exposure.drug 87.5% 50.0%" in said
    assert "Before birth (measurement) The check is passed." in said
    assert "could not be put" in said


def test_a_withheld_comparison_says_why_where_its_figures_would_stand(make_run: Make) -> None:
    closed = gate("plausibleAfterBirth", "withhold", "red", ["rotterdam"], against_trial="trial_comparison")
    run = make_run(gates=[closed])
    for name in ("02-balance", "07-trial_comparison"):
        (run / "release" / f"{name}.json").unlink()

    page = read(run)

    said = page.words()
    assert "Withheld (against_trial): Because of plausibleAfterBirth. Check that failed: Before birth" in said
    assert {"comparison", "quality"} <= set(page.attributes("id"))
    notes = [card.notes for card in key_figures(run, "en") if card.value == "—"]
    assert notes
    assert {note[0] for note in notes} == {"withheld: Because of plausibleAfterBirth."}


def test_a_marked_estimate_keeps_its_figures_beside_the_reason(make_run: Make) -> None:
    # the released tables of these tests are named as their analyses are
    marked = gate("isForeignKey", "mark", "red", ["rotterdam"], trial_comparison="trial_comparison")

    cards = {card.name: card for card in key_figures(make_run(gates=[marked]), "en")}

    assert any("with a reservation: Because of isForeignKey." in card.notes for card in cards.values())
    assert "—" not in {card.value for card in cards.values()}


def test_key_figures_come_in_every_kind(make_run: Make, all_figures: list[dict[str, Any]]) -> None:
    cards = {card.name: card for card in key_figures(make_run(key_figures=all_figures), "en")}

    assert cards["patients"].value == "1,545"
    assert cards["rfs_5y"].notes == ("95% CI 48.5–54.5", "trial 50.4%")
    assert cards["rmst"].value == "+0.7 <small>months</small>"
    assert (cards["verdict"].value, cards["verdict"].notes) == ("Undetermined", ("owed €0.00",))
    assert (cards["owed"].value, cards["owed"].notes) == ("€156,000.00", ("Guarantee: undetermined",))
    assert cards["median"].value == "69.5 <small>months</small>"


def test_the_page_says_what_the_test_of_proportional_hazards_found(make_run: Make) -> None:
    steady = " ".join(read(make_run()).text).replace("\xa0", " ")
    changing = " ".join(read(changed_hazards(make_run())).text).replace("\xa0", " ")

    assert "all terms together: χ² = 6.4, p = 0.350. No single term has p below 0.05." in steady
    assert "Below 0.05 alone: Hormonal therapy: yes (p = 0.004)." in changing


def changed_hazards(run: Path) -> Path:
    """Let the hazard ratio of one term change over follow-up."""
    path = run / "release" / "04-cox.json"
    rows = json.loads(path.read_text("utf-8"))
    rows[-1]["p_value"] = 0.004
    path.write_text(json.dumps(rows), "utf-8")
    return run


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", ["Relapse · node-positive patients: cumulative incidence", "Gray's test: χ² = 7.3, p = 0.007."]),
        ("bg", ["Рецидив · пациенти с положителни лимфни възли: кумулативна честота", "χ² = 7,3, p = 0,007."]),
    ],
)
def test_causes_have_their_charts_figures_and_models(make_causes: Make, lang: str, found: list[str]) -> None:
    page = Page(render(make_causes(), lang).read_text("utf-8"))
    text = page.words()

    assert [words for words in found if words not in text] == []
    anchors = [name for name in page.attributes("id") if name.startswith("fig-causes")]
    assert len(anchors) == len(set(anchors))
    charts = {"fig-causes", "fig-causes_by_therapy-recurrence", "fig-causes_by_therapy-os"}
    assert {re.sub("-(title|desc)$", "", name) for name in anchors} == charts
    both = ["0.77 (0.69–0.92)", "0.79 (0.69–0.92)"] if lang == "en" else ["0,77 (0,69–0,92)", "0,79 (0,69–0,92)"]
    assert [text.count(ratio) for ratio in both] == [2, 2]
    assert "[<13]" in text


def test_a_figure_of_a_cause_is_named_by_it(make_causes: Make) -> None:
    page = open_page(make_causes() / "release", "en")
    whole, of_model = (page.rows("competing_risks", id=key) for key in ("causes", "causes_by_therapy"))

    incidence = next(row for row in whole if row["estimand"] == "milestone")
    ratio = next(row for row in of_model if row["estimand"] == "subdistribution_hazard_ratio")

    rfs = "Recurrence-free survival"
    said = f"node-positive patients · All · {rfs} · Relapse · cumulative incidence · at 5 years"
    assert figure_name(page, incidence) == said
    assert figure_text(page, incidence) == "28.0% (27.0–29.0)"
    named = f"node-positive patients · Relapse · {rfs} · Hormonal therapy: yes · ratio of subdistribution hazards"
    assert figure_name(page, ratio) == named


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", ["50.0% (43.0–57.0)", "−0.84 (−1.10 to −0.58)", "Change of HbA1c, points", "Came to its end by 1 year",
                "Completeness (Clark)", "83.0%", "91.0%", "Insurance ended", "Left the country",
                "other medicine", "The study gives no reason.", "may be known up to 60 days after day zero", "655",
                "+8.0 (0.0 to +16.0)", "42.0% (37.0–47.0)", "do not define the response alike: not confirmed here.",
                "orr_of_all", "Mean55.3", "Tumour size, mm × Positive nodes", "≤ 20 × 1–3"]),
        ("bg", ["Публикуван дял", "тук не се потвърждава.", "До медианата на изпитването",
                "43,0–57,0", "Стигнали до края за", "Отчетът е датиран по-късно.", "sofia"]),
    ],
)  # fmt: skip
def test_outcomes_reasons_and_looks_ahead_have_their_tables(make_outcomes: Make, lang: str, found: list[str]) -> None:
    page = render(make_outcomes(), lang).read_text("utf-8")

    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page)).replace("\u00a0", " ").replace("\u202f", " ")
    assert [text for text in found if text not in plain] == []
    assert 'href="#note-masked">[&lt;13]' in page


@pytest.mark.parametrize(("p", "first"), [(0.01, "Hazards are not proportional (p = 0.010)"), (0.4, "5 years: ")])
def test_restricted_means_lead_where_hazards_are_not_proportional(make_reading: Make, p: float, first: str) -> None:
    told = [str(text).replace("\xa0", " ") for text in findings(open_page(make_reading(p=p) / "release", "en"))]

    compared = [text for text in told if "in practice made comparable" in text or "Hazard ratio" in text]
    assert first in compared[0]
    assert ("an average over time" in compared[-1]) == (p < 0.05)


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        (
            "en",
            [
                "335 patients with it against 335 without (15 left out",
                "0.73 (0.63–0.83)",
                "0.57 (0.47–0.67)",
                "Matched pairs the data hold no valid answer to the question. Said: nobody has",
            ],
        ),
        (
            "bg",
            [
                "335 пациенти с лечението срещу 335 без него",
                "0,55 (0,45–0,65)",
                "Двойки данните не съдържат валиден отговор на въпроса. Съобщение: nobody has a match",
            ],
        ),
    ],
)
def test_two_arms_have_their_chapter(make_arms: Make, lang: str, found: list[str]) -> None:
    page = Page(html(open_page(make_arms() / "release", lang)))

    words = page.words().replace("\xa0", " ")
    assert [text for text in found if text not in words] == []
    charts = ("arms-arm_comparison", "overlap-arm_comparison", "love-arm_comparison", "weights-arm_comparison-overlap")
    assert {f"fig-{name}" for name in charts} <= {name.removesuffix("-title") for name in page.attributes("id")}


def test_figures_of_two_arms_are_named_by_way_arm_and_term(make_arms: Make) -> None:
    page = open_page(make_arms() / "release", "en")
    way, term = (
        page.rows("arm_comparison", estimand=estimand, stratum="overlap")[0] for estimand in ("hazard_ratio", "smd")
    )

    assert figure_name(page, way).endswith("Recurrence-free survival · Overlap weights · hazard ratio")
    assert "Age, years · Overlap weights · standardised difference" in figure_name(page, term)


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", ["(85 patients) had gone on otherwise", "0.97 (0.87–1.07) ●", "It turns at 2.40 times the hazard"]),
        ("bg", ["(85 пациенти) бяха продължили другояче", "Обръща се при 2,40 пъти риска", "От 10 000 извадки"]),
    ],
)
def test_doubts_about_the_lost_and_the_misread_have_their_tables(
    make_trusted: Make, lang: str, found: list[str]
) -> None:
    page = Page(html(open_page(make_trusted() / "release", lang)))

    words = page.words().replace("\xa0", " ")
    assert [text for text in found if text not in words] == []
    assert "fig-censoring-robustness" in {name.removesuffix("-title") for name in page.attributes("id")}


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("en", ["3 looks from 1 January 1991 to 1 January 1993", "crossed for the first time on 1 January 1992",
                "2 looks were passed over, because fewer than 13", "0.70 (0.49–0.98)", "The naive p-value may not be"]),
        ("bg", ["3 погледа от 1 януари 1991", "Прекрачено е за първи път на 1 януари 1992", "0,70 (0,49–0,98)"]),
    ],
)  # fmt: skip
def test_looks_have_their_chapter_and_say_what_may_be_acted_on(make_looks: Make, lang: str, found: list[str]) -> None:
    page = Page(html(open_page(make_looks() / "release", lang)))

    words = page.words().replace("\xa0", " ").replace("\u202f", " ")
    assert [text for text in found if text not in words] == []
    assert {"fig-looks-looks", "fig-evidence-looks"} <= {name.removesuffix("-title") for name in page.attributes("id")}


def test_a_masked_assumption_carries_no_sign_and_no_link_in_its_caption(make_trusted: Make) -> None:
    run = make_trusted()
    path = run / "release" / "08-robustness.json"
    rows = json.loads(path.read_text("utf-8"))
    for row in rows:
        if row["stratum"] == "censoring":
            row |= {"n": None, "estimate": None, "conf_low": None, "conf_high": None, "masked": "n,estimate"}
    path.write_text(json.dumps(rows), "utf-8")

    page = html(open_page(run / "release", "en"))

    assert "If those who left practice ([&lt;13] patients)" in page
    assert "[&lt;13]</a> ●" not in page


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        (
            "en",
            ["2 families of curves", "Spline of log hazards, inner knots: 2", "Log-normal with cure from year 14.0",
             "without an answer: Weibull with cure (non-mixture)", "11.2 (9.9–12.5) life-years up to 30 years",
             "of which 42% lie", "0.40 (0.10–0.70) where the effect fades from year 5.0 to year 10.0",
              "Fewer die than in the population"],
        ),
        ("bg", ["Сплайн на логаритъма на риска", "от година 14,0", "нито едно семейство няма отговор"]),
    ],
)  # fmt: skip
def test_curves_beyond_the_data_have_their_chapter(make_extrapolated: Make, lang: str, found: list[str]) -> None:
    page = Page(html(open_page(make_extrapolated() / "release", lang)))

    words = page.words().replace("\xa0", " ")
    assert [text for text in found if text not in words] == []
    drawn = {n.removesuffix("-title") for n in page.attributes("id")}
    assert {"fig-extrapolation-extrapolation-overall", "fig-hazard-extrapolation-overall"} <= drawn


def test_figures_beyond_the_data_are_named_by_family(make_extrapolated: Make) -> None:
    page = open_page(make_extrapolated() / "release", "en")
    found = page.rows("extrapolation", estimand="life_years")[0]

    assert figure_name(page, found).endswith("Spline of log hazards, inner knots: 2 · life-years · at 30 years")


def test_terms_of_a_formula_are_named_by_their_variables_or_by_themselves(run: Path) -> None:
    page = open_page(run / "release", "en")
    (size, _), (hormonal, yes) = page.term("size"), page.term("hormonal=yes")

    assert page.term("size:hormonal=yes") == (f"{size} × {hormonal}: {yes}", "")
    assert page.term("poly(nodes, 2)[1]") == ("poly(nodes, 2)[1]", "")


def test_catalogues_have_the_same_keys_and_places() -> None:
    places = [
        {key: set(re.findall(r"{(\w+)}", text)) for key, text in load_words(lang).entries.items()} for lang in LANGUAGES
    ]

    assert places[0] == places[1]


@pytest.mark.ci
def test_every_key_of_the_catalogue_is_used(
    make_run: Make,
    make_causes: Make,
    make_outcomes: Make,
    make_reading: Make,
    make_trusted: Make,
    make_arms: Make,
    make_looks: Make,
    make_extrapolated: Make,
    base: dict[str, Any],
    all_figures: list[Any],
) -> None:
    asked: set[str] = set()

    def ask(finish: Callable[[Path], Path] = Path, make: Make = make_run, **changed: Any) -> None:
        page = open_page(finish(make(**changed)) / "release", "en")
        html(page)
        asked.update(page.words.asked)

    ask(key_figures=all_figures)
    ask(changed_hazards)
    ask(synthetic=True)
    guarantee = base["agreement"]["terms"][1] | {
        "settings": base["agreement"]["terms"][1]["settings"] | {"rule": "point"}
    }
    sharing = base["agreement"]["terms"][0] | {"type": "risk_sharing"}
    ask(agreement=base["agreement"] | {"terms": [sharing, guarantee]}, verdicts={"result_5y": VERDICT})
    told = base["settings"] | {"settlement": {"spend_of_file_is_not_of_ledger": [sharing["id"]]}}
    ask(agreement=base["agreement"] | {"terms": [sharing, guarantee]}, verdicts={}, settings=told)
    ask(focus=base["focus"] | {"milestone": 200}, verdicts={}, methods=base["methods"] | {"raked": []})
    ask(make=make_outcomes)
    ask(make=make_causes)
    for reason, p in zip(JUDGED, (0.4, 0.01, 0.5, 0.6, 0.7), strict=True):
        ask(make=make_reading, reason=reason, p=p)
    ask(make=make_trusted)
    ask(make=make_trusted, limit=1.0)
    ask(make=make_arms)
    outcome = {"of": "outcome", "way": "unadjusted", "at": 1826, "draws": 100}
    ask(make=make_arms, told={"misclassified": outcome, "failed": {"misclassified": "they contradict the data"}})
    ask(make=make_looks)
    ask(make=make_looks, told={"act_on": "spending", "crossed": None, "together": None})
    ask(make=make_looks, told={"strata": []})
    ask(make=make_extrapolated)

    assert {key for key in load_words("en").entries if key not in asked and not key.startswith(FAMILIES)} == set()


def test_closed_periods_are_told_reason_by_reason(make_run: Make) -> None:
    chapter = settlement(open_page(make_run() / "release", "bg"))
    assert chapter is not None

    table = next(block for block in chapter.blocks if "Приключени" in getattr(block, "caption", ""))
    assert isinstance(table, Table)
    lines = [tuple(re.sub(r"[\u202f\xa0]", " ", cell) for cell in line.cells) for line in table.lines]
    assert lines[0] == ("2001", "", "")
    assert next(line for line in lines if line[0] == "изтрити записи")[2].replace(" ", "")[1:] == "1200,50€"
    assert ("2002, 2003", "", "") in lines
    assert "[&lt;13]" in next(line for line in lines if line[0] == "изменена цена")[1]
    assert [line[0] for line in lines[-3:]] == ["Дължимо след него", "Оспорено след него", "С изтекъл срок, след него"]


# keys made from words that other rooms decide on: each family is whole, whichever of them one run shows
FAMILIES = (
    "change.",
    "conf_type.",
    "engine.",  # of what may fail, `test_engine_words`
    "extrapolation.family_",
    "extrapolation.flag_",
    "extrapolation.note_",
    "extrapolation.scale_",
    "figure.",
    "failure.",
    "failed.",
    "finding.",
    "quality.",
    "by.",  # of the types of terms, `test_term_words`
    "part.",
    "per.",
    "reason.",
    "reserve.",  # of a chapter that needs open patients, `tests/demo/test_forecast`
    "rule.",
    "span.",
    "step.",
    "group.",
    "portfolio.",  # of a page of its own, `test_portfolio`
    "price.",  # of a page of its own, `test_price`
    "stratum.",
    "term.",
    "term_short.",
    "term_text.",
    "ties.",
    "verdict.",
    "way.",
)
VERDICT = {"verdict": "met", "reason": "at_or_above_threshold"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_templates_hold_no_words(lang: str) -> None:
    sources = [path.read_text("utf-8") for path in TEMPLATES.glob("*.j2")]

    outside = [re.sub(r"{[{%#].*?[}%#]}|<style>.*?</style>|<[^>]*>", " ", text, flags=re.S) for text in sources]

    assert "".join(outside).split() == [], lang


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda run: (run / "release/context.json").unlink(), DataError, "context.json is missing"),
        (lambda run: (run / "release/context.json").write_text('{"secret": 4711}'), DataError, "Field required"),
        (lambda run: [p.unlink() for p in (run / "release").glob("0*.json")], DataError, "holds no table"),
        (lambda run: (run / "release/04-cox.json").write_text("{4711"), DataError, "04-cox.json is not a released"),
        (lambda run: (run / "report").write_text(""), MachineError, "report/ cannot be written"),
    ],
)
def test_a_spoilt_run_is_named_without_values(
    run: Path, spoil: Callable[[Path], object], error: type[Exception], message: str
) -> None:
    spoil(run)

    with pytest.raises(error, match=re.escape(message)) as caught:
        render(run, "en")
    assert "4711" not in str(caught.value)


def test_an_unknown_language_and_a_missing_word_are_named(run: Path) -> None:
    with pytest.raises(DefinitionError, match="no catalogue for language 'de'"):
        render(run, "de")
    with pytest.raises(DefinitionError, match=r"has no 'reason\.weather'"):
        load_words("bg")("reason.weather")


@pytest.mark.parametrize(
    ("lang", "form", "value", "text"),
    [
        ("en", "percent", 0.6049, "60.5%"),
        ("bg", "percent", 0.6, "60,0\xa0%"),
        ("en", "points", -0.0312, "−3.1"),
        ("bg", "points", 0.0312, "+3,1"),
        ("en", "points", 0.0, "0.0"),
        ("bg", "count", 1545, "1\xa0545"),
        ("bg", "count", 12345, "12\xa0345"),
        ("en", "ratio", 0.6, "0.60"),
        ("en", "ratio", 2.675, "2.68"),
        ("en", "p_value", 0.0004, "<\xa00.001"),
        ("bg", "p_value", 0.0314, "0,031"),
        ("en", "months", 1826, "60.0"),
    ],
)
def test_numbers_have_fixed_decimals_and_true_signs(lang: str, form: str, value: float, text: str) -> None:
    assert getattr(Numbers(lang), form)(value) == text


def test_money_and_dates_follow_the_language() -> None:
    en, bg = Numbers("en"), Numbers("bg")

    assert [n.money(-1234567.5, "EUR") for n in (en, bg)] == ["−€1,234,567.50", "−1\xa0234\xa0567,50\xa0€"]
    assert [n.date(date(2026, 11, 21)) for n in (en, bg)] == ["21 November 2026", "21 ноември 2026\u202fг."]
    assert bg.instant(datetime(2026, 11, 21, 21, 5, tzinfo=UTC)) == "21 ноември 2026, 21:05 UTC"


def test_two_models_of_one_population_and_endpoint_stand_beside_each_other(make_run: Any, base: dict[str, Any]) -> None:
    """Each under its name in the study, with its own note, test, words of its terms, and anchor of its figure."""
    figure = {"name": "hr", "kind": "ratio", "title": {"en": "HR", "bg": "HR"}, "analysis": "cox", "id": "cox_small"}
    figure |= {"estimand": "hazard_ratio", "stratum": "age"}
    titled = [{"term": "age", "scale": 5.0, "title": {"en": "Age, per 5 years", "bg": "Възраст, на 5 години"}}]
    run = make_run(key_figures=[figure], settings=base["settings"] | {"cox_small": {"terms": titled}})
    rows = json.loads((run / "release" / "04-cox.json").read_text("utf-8"))
    small = [row | {"estimate": 1.23} for row in rows if row["stratum"] == "age" or row["estimand"] == "concordance"]
    (run / "release" / "08-cox_small.json").write_text(json.dumps(small), "utf-8")

    page = render(run, "en").read_text("utf-8")

    anchors = re.findall(r'\bid="(fig-cox[^"]*)"', page)
    assert len(set(anchors)) == len(anchors)
    assert {anchor.split("-")[2] for anchor in anchors} == {"cox", "cox_small"}
    assert "Recurrence-free survival (cox_small): Cox model" in page
    assert "Recurrence-free survival (cox): Cox model" in page
    assert "Age, per 5 years" in page
    assert "Age, per 10 years" in page
    assert [card.value for card in key_figures(run, "en")] == ["1.23"]
