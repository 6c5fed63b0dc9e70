# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every number printed in the dossier is a released one, written as its language writes it; the page needs nobody."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import rwe

Row = dict[str, Any]
Cells = list[list[str]]
LANGUAGES = ("en", "bg")
MILESTONES = (365, 1096, 1826)
WAYS = ("unadjusted", "raked")


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"demo_{name}", Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"demo_{name}"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


page = _beside("page")


@pytest.fixture(scope="module")
def texts(demo: Any) -> dict[str, str]:
    return {lang: path.read_text("utf-8") for lang, path in demo.summary.dossier.items()}


@pytest.fixture(scope="module")
def dossiers(texts: dict[str, str]) -> dict[str, Any]:
    return {lang: page.Dossier(text) for lang, text in texts.items()}


@pytest.fixture(scope="module")
def book(demo: Any) -> Any:
    return page.Book(demo.summary.folder / "release")


def comparison(book: Any, w: Any) -> Cells:
    def of(way: str, group: str, estimand: str, time: int | None = None) -> Row | None:
        labels = {"stratum": way, "group": group, "estimand": estimand, "outcome": "rfs"}
        return book.one("trial_comparison", **labels, time=time)

    asked: list[tuple[str, int | None, str, str]] = [("milestone", day, "percent", "points") for day in MILESTONES]
    asked += [("rmst", 1826, "months", "months_more"), ("median", None, "months", "months_more")]
    cells = []
    for estimand, day, form, more in asked:
        values = [w.cell(of(way, "registry", estimand, day), form) for way in WAYS]
        values.append(w.cell(of("unadjusted", "trial", estimand, day), form))
        cells.append([*values, *(w.estimate(of(way, "difference", estimand, day), more) for way in WAYS)])
    ratios = [w.estimate(of(way, "difference", "hazard_ratio"), "ratio") for way in WAYS]
    sizes = [w.cell(of(way, "registry", "effective_sample_size"), "count") for way in WAYS]
    trial = w.cell(of("unadjusted", "trial", "events"), "count", "n")
    return [*cells, ["", "", "", *ratios], [*sizes, trial, "", ""]]


SIDES_OF_GAP = ("aligned", "eligible", "ineligible", "all")


def sides(book: Any, w: Any) -> Cells:
    cells = []
    for estimand, form in (("milestone", "percent"), ("rmst", "months")):
        trial = book.one("gap", group="trial", stratum="all", estimand=estimand)
        ours = [book.one("gap", group="registry", stratum=side, estimand=estimand) for side in SIDES_OF_GAP]
        cells.append([w.cell(row, form) for row in (trial, *ours)])
    return cells


def parts(book: Any, w: Any) -> Cells:
    cells = []
    for estimand, form in (("milestone", "points"), ("rmst", "months_more")):
        whole, rest = (book.one("gap", group="difference", stratum=s, estimand=estimand) for s in ("all", "aligned"))
        inner = [book.one("gap", group=g, estimand=f"gap_{estimand}") for g in ("ineligible", "case_mix")]
        cells.append([w.estimate(row, form) for row in (whole, *inner, rest)])
    return cells


def balance(book: Any, w: Any) -> Cells:
    cells = []
    for row in book.all("balance", estimand="smd", stratum="before"):
        labels = {"outcome": row["outcome"], "group": row["group"]}
        shares = [book.one("balance", **labels, estimand="proportion_trial", stratum="before")]
        shares += [
            book.one("balance", **labels, estimand="proportion_registry", stratum=s) for s in ("before", "after")
        ]
        smds = [book.one("balance", **labels, estimand="smd", stratum=s) for s in ("before", "after")]
        cells.append([*(w.cell(r, "percent") for r in shares), *(w.cell(r, "smd") for r in smds)])
    return cells


def flow(book: Any, w: Any, population: str, skipped: int) -> Cells:
    left = book.all("attrition", population=population, estimand="remaining")[skipped:]
    lost = {row["outcome"]: row for row in book.all("attrition", population=population, estimand="excluded")}
    gone = [w.cell(lost[r["outcome"]], "count", "n") if r["outcome"] in lost else "" for r in left]
    return [[w.cell(row, "count", "n"), "", n] for row, n in zip(left, gone, strict=True)]


def divided(book: Any, w: Any) -> Cells:
    rows = [row for row in book.context["by_group"] if row["population"] == "node_positive"]
    steps = dict.fromkeys(row["criterion"] for row in rows)
    return [[w.count(row["n"]) for row in rows if row["criterion"] == step] for step in steps]


def characteristics(book: Any, w: Any, population: str) -> Cells:
    cells: Cells = []
    groups = ("overall", "hormonal=no", "hormonal=yes")
    rows = book.all("characteristics", population=population)
    for variable in dict.fromkeys(row["outcome"] for row in rows):
        own = {(r["group"], r["stratum"], r["estimand"]): r for r in rows if r["outcome"] == variable}
        cells.append(["", "", "", w.cell(own["difference", "", "smd"], "smd")])
        if ("overall", "", "mean") in own:
            q, m = ([[w.cell(own[g, "", e], "one") for e in es] for g in groups] for es in (QUARTILES, MOMENTS))
            cells.append([*(f"{middle} ({low}–{high})" for middle, low, high in q), ""])
            cells.append([*(f"{mean} ({sd})" for mean, sd in m), ""])
        for level in dict.fromkeys(stratum for _, stratum, estimand in own if estimand == "proportion"):
            found = [own.get((g, level, "proportion")) for g in groups]
            cells.append([*(f"{w.cell(r, 'count', 'n')} ({w.cell(r, 'percent')})" for r in found), ""])
    return cells


QUARTILES, MOMENTS = ("median", "q1", "q3"), ("mean", "sd")


def survival(book: Any, w: Any, endpoint: str) -> Cells:
    cells = []
    for row in book.all("survival", outcome=endpoint, estimand="events"):
        labels = {"outcome": endpoint, "population": row["population"], "group": row["group"]}
        median, follow_up = (book.one("survival", **labels, estimand=e) for e in ("median", "follow_up_median"))
        counts = [w.cell(row, "count", "n"), w.cell(row, "count", "n_event")]
        at = [book.one("survival", **labels, estimand="milestone", time=day) for day in MILESTONES]
        values = [w.estimate(median, "months"), w.cell(follow_up, "months"), *(w.estimate(r, "percent") for r in at)]
        cells.append([*counts, *values])
    return cells


def cox(book: Any, w: Any) -> Cells:
    rows = book.all("cox", estimand="hazard_ratio")
    return [[w.estimate(row, "ratio"), w.cell(row, "p", "p_value")] for row in rows]


def ways(book: Any, w: Any) -> Cells:
    cells = []
    rows = book.all("trial_comparison", group="difference", estimand="hazard_ratio")
    for row in rows:
        labels = {"outcome": row["outcome"], "stratum": row["stratum"]}
        found = [book.one("trial_comparison", **labels, group="difference", time=1826, estimand=e) for e in GAPS]
        size = book.one("trial_comparison", **labels, group="registry", estimand="effective_sample_size")
        values = [w.estimate(r, form) for r, form in zip(found, ("points", "months_more"), strict=True)]
        cells.append([*values, w.estimate(row, "ratio"), w.cell(size, "count")])
    return cells


GAPS = ("milestone", "rmst")


def after_check(book: Any, w: Any) -> Cells:
    cells = []
    for row in book.all("survival", outcome="rfs_check", group="overall", estimand="events"):
        for endpoint in ("rfs", "rfs_check"):
            labels = {"outcome": endpoint, "population": row["population"], "group": "overall"}
            at = [book.one("survival", **labels, estimand="milestone", time=day) for day in MILESTONES]
            events = book.one("survival", **labels, estimand="events")
            cells.append([w.cell(events, "count", "n_event"), *(w.estimate(r, "percent") for r in at)])
    return cells


def settlement(book: Any, w: Any) -> Cells:
    cells = []
    for row in book.all("settlement", estimand="patients"):
        labels = {"stratum": row["stratum"], "outcome": row["outcome"]}
        amounts = [book.one("settlement", **labels, estimand=e) for e in ("spend", "payback")]
        cells.append([w.cell(row, "count", "n"), *(w.cell(r, "money") for r in amounts)])
    return cells


def quality(book: Any, w: Any) -> Cells:
    cells, rows = [], book.context["quality"]
    for stream in dict.fromkeys(row["stream"] for row in rows):
        cells.append([w.count(book.context["provenance"]["data"][f"rotterdam/{stream}"]["rows"]), "", "", ""])
        own = [row for row in rows if row["stream"] == stream]
        for record in dict.fromkeys(row["record"] for row in own):
            counts = {row["outcome"]: row["n"] for row in own if row["record"] == record}
            cells.append(["", *(w.count(counts.get(name, 0)) for name in ("accepted", "rejected", "merged"))])
    return cells


def data_read(book: Any, w: Any) -> Cells:
    cards = book.context["provenance"]["data"].values()
    return [[w.count(card["rows"]), w.count(card["commit"]), card["sha256"]] for card in cards]


# the tables in their order on the page, and whether the order of their rows is the study's rather than the release's
TABLES: list[tuple[Callable[[Any, Any], Cells], bool]] = [
    (comparison, True),
    (sides, True),
    (parts, True),
    (balance, True),
    (lambda book, w: flow(book, w, "registry", 0), True),
    (lambda book, w: flow(book, w, "node_positive", 4), True),
    (lambda book, w: flow(book, w, "treated", 5), True),
    (divided, True),
    (lambda book, w: characteristics(book, w, "registry"), False),
    (lambda book, w: characteristics(book, w, "node_positive"), False),
    (lambda book, w: survival(book, w, "os"), True),
    (lambda book, w: survival(book, w, "rfs"), True),
    (cox, True),
    (ways, True),
    (after_check, True),
    (settlement, True),
    (quality, True),
]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_cell_of_every_table_is_its_released_figure(book: Any, dossiers: dict[str, Any], lang: str) -> None:
    w = page.Writer(lang)
    found = [table for table in dossiers[lang].tables if table.cells]
    ahead, looks = found.pop(len(TABLES) - 1), book.context["time_zero"]

    concerned = [["[<13]" if look[name] is None else w.count(look[name]) for name in ("n", "left")] for look in looks]
    assert [line[2:4] for line in ahead.lines] == concerned
    for table, (expected, ordered) in zip(found, TABLES, strict=False):
        cells, wanted = table.cells, expected(book, w)
        assert (cells if ordered else sorted(cells)) == (wanted if ordered else sorted(wanted)), table.caption
    rules, checks, feeds, coded, read, *names = found[len(TABLES) :]
    repaired = [row for row in book.context["quality"] if row["outcome"] not in ("accepted",)]
    assert [line[-1] for line in rules.lines] == [w.count(row["n"]) for row in repaired]
    told = book.context["scorecard"]
    counts = ("passed", "failed", "not_applicable")
    assert [line[-3:] for line in checks.lines[1:]] == [
        [w.count(card[name]) for name in counts] for card in told["checks"]
    ]
    assert [line[-1] for line in feeds.lines] == [w.count(card["lag_months"]) for card in told["feeds"]]
    shares = [[w.number(100 * card[name], 1) + _percent(lang) for name in ("rows", "codes")] for card in told["coded"]]
    assert [line[-2:] for line in coded.lines] == shares
    assert read.cells == data_read(book, w)
    assert len(names) == 4  # definitions, seals, settings and files: hashes and names
    assert sum(len(row) for table in found[: len(TABLES) + 2] for row in table.cells) > 600


@pytest.mark.parametrize("lang", LANGUAGES)
def test_survival_charts_print_released_counts_and_medians(book: Any, dossiers: dict[str, Any], lang: str) -> None:
    w = page.Writer(lang)
    therapies = [{"population": "node_positive", "group": f"hormonal={level}"} for level in ("no", "yes")]
    sides = [("registry", "raked"), ("registry", "unadjusted"), ("trial", "unadjusted")]
    charts = [
        ("trial_comparison", [{"group": group, "stratum": way, "outcome": "rfs"} for group, way in sides]),
        *(("survival", [labels | {"outcome": endpoint} for labels in therapies]) for endpoint in ("os", "rfs")),
    ]

    for (analysis, series), at in zip(charts, (0, 3, 4), strict=True):
        figure = dossiers[lang].figures[at]
        ticks = [int(text) for text in takewhile(str.isdigit, figure.texts)]
        assert ticks == list(range(0, ticks[-1] + 1, 12))
        assert 60 <= ticks[-1] <= _reach(book, analysis, series)
        wanted = Counter([*map(str, ticks), *(w.number(share, 0) + _percent(lang) for share in (0, 25, 50, 75, 100))])
        for labels in series:
            days = [round(tick * page.MONTH) for tick in ticks]
            rows = {row["time"]: row for row in book.all(analysis, **labels, estimand="at_risk")}
            near = [min(rows, key=lambda day, d=d: abs(day - d)) for d in days]
            assert all(abs(a - b) <= 1 for a, b in zip(days, near, strict=True))
            wanted += Counter(w.cell(rows[day], "count", column) for day in near for column in ("n", "n_event"))
            wanted[w.months(book.one(analysis, **labels, estimand="median")["estimate"])] += 1
        printed = [re.sub(r"^[^\d\[]*?([\d.,\xa0]+) ?(months|мес\.)$", r"\1", text) for text in figure.texts]
        assert Counter(text for text in printed if re.search(r"\d", text)) == wanted


def _reach(book: Any, analysis: str, series: list[Row]) -> float:
    """Return how many months all curves of a chart reach."""
    last = [max(row["time"] for row in book.all(analysis, **labels, estimand="survival")) for labels in series]
    return float(min(last) / page.MONTH)


def _percent(lang: str) -> str:
    return f"{page.NBSP}%" if lang == "bg" else "%"


def test_curves_are_drawn_through_released_points_only(book: Any, dossiers: dict[str, Any]) -> None:
    for at, analysis, endpoint in ((0, "trial_comparison", "rfs"), (3, "survival", "os"), (4, "survival", "rfs")):
        figure = dossiers["en"].figures[at]
        rows = book.all(analysis, outcome=endpoint, estimand="survival")
        end = int([*takewhile(str.isdigit, figure.texts)][-1]) * page.MONTH  # the last tick of the time axis
        days = {0.0, end, *(float(row["time"]) for row in rows)}
        values = {1.0, *(row[name] for row in rows for name in ("estimate", "conf_low", "conf_high"))}

        corners = [point for line in figure.lines if len(line) > 20 for point in line]

        assert len(corners) > 200
        assert figure.circles == 0
        for x, y in set(corners):
            day, share = x / 640 * end, 1 - y / 330
            assert min(abs(day - known) for known in days) < 0.6, (day, share)
            assert min(abs(share - known) for known in values) < 1e-5, (day, share)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_forest_prints_released_ratios(book: Any, dossiers: dict[str, Any], lang: str) -> None:
    w = page.Writer(lang)
    figure = dossiers[lang].figures[5]

    printed = [text for text in figure.texts if re.match(r"[\d.,]+ \(", text)]
    axis = [float(text.replace(",", ".")) for text in figure.texts if re.fullmatch(r"[\d.,]+", text)]

    assert printed == [w.estimate(row, "ratio") for row in book.all("cox", estimand="hazard_ratio")]
    assert axis == sorted(axis)
    assert 1.0 in axis


@pytest.mark.parametrize("lang", LANGUAGES)
def test_cards_and_findings_print_released_figures(book: Any, dossiers: dict[str, Any], lang: str) -> None:
    w, said = page.Writer(lang), " ".join(dossiers[lang].prose)
    labels = {"stratum": "raked", "outcome": "rfs"}
    gap, rmst = (book.one("trial_comparison", **labels, group="difference", time=1826, estimand=e) for e in GAPS)
    ratio = book.one("trial_comparison", **labels, group="difference", estimand="hazard_ratio")
    ours, trial = (book.one("trial_comparison", **labels, group=g, time=1826, estimand="milestone") for g in SIDES)
    size = book.one("trial_comparison", **labels, group="registry", estimand="effective_sample_size")
    counts = [
        book.one("trial_comparison", outcome="rfs", stratum="unadjusted", group=g, estimand="events") for g in SIDES
    ]
    spend, payback = (book.one("settlement", stratum="all", outcome="all", estimand=e) for e in ("spend", "payback"))
    seen = book.one("settlement", stratum="guarantee_5y", estimand="milestone")

    values = [w.cell(r, "count", "n") for r in counts] + [w.cell(gap, "points"), w.limits(gap, "points")]
    values += [w.cell(rmst, "months_more"), w.limits(rmst, "months_more"), w.estimate(ratio, "ratio")]
    values += [w.cell(ours, "percent"), w.cell(trial, "percent"), w.cell(size, "count")]
    values += [w.cell(spend, "money"), w.cell(payback, "money"), w.estimate(seen, "percent")]

    assert [value for value in values if value not in said] == []


SIDES = ("registry", "trial")


def test_bars_are_as_long_as_the_released_counts(book: Any, dossiers: dict[str, Any]) -> None:
    left = book.all("attrition", estimand="remaining")
    shares = [100 * row["n"] / left[0]["n"] for row in left]
    told = [*shares[:5], *shares[9:11], *shares[16:18]]  # steps told before are not told again

    bars = [facts["style"] for tag, facts in dossiers["en"].tags if tag == "i"]

    assert bars == [f"width:{share:.1f}%" for share in told]


def tokens(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.,\xa0]\d+)*", text))


def words_of(value: Any) -> Iterator[str]:
    """Yield every text and number in what a dossier is told."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key)
            yield from words_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from words_of(part)
    else:
        yield str(value)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_other_number_stands_in_the_text(
    book: Any, dossiers: dict[str, Any], texts: dict[str, str], lang: str
) -> None:
    w, found = page.Writer(lang), dossiers[lang]
    catalogue = yaml.safe_load((Path(rwe.__file__).parent / "report" / "words" / f"{lang}.yaml").read_text("utf-8"))
    known = tokens(" ".join([*words_of(catalogue), *words_of(book.context)]))
    known |= {str(days) for days in (1, 3, 5, 7)}  # years of the milestones
    told = book.context
    known |= {
        w.number(x, p).strip() for x, p in ((told["methods"]["horizon"] / page.MONTH, 1), (81, 0), (95, 0), (13, 0))
    }
    seen = book.one("settlement", stratum="guarantee_5y", estimand="milestone")
    known |= tokens(w.estimate(seen, "percent"))
    clauses = [c for term in told["agreement"]["terms"] for c in term["settings"].values()]
    numbers = [float(c) for c in clauses if re.fullmatch(r"[\d.]+", str(c))]
    known |= {w.number(n, 2) for n in numbers} | {w.number(100 * n, p) for n in numbers for p in (0, 1)}
    test = [row for row in book.rows if row["estimand"] == "log_rank"]
    known |= {w.number(row["statistic"], 1) for row in test} | tokens(" ".join(w.p(row["p_value"]) for row in test))
    concordance = book.one("cox", estimand="concordance")
    known |= {w.count(concordance["n"]), w.count(concordance["n_event"]), w.ratio(concordance["estimate"])}
    slopes = book.all("cox", estimand="proportional_hazards")
    known |= {w.number(row["statistic"], 1) for row in slopes} | tokens(" ".join(w.p(row["p_value"]) for row in slopes))
    known |= _read(book, w)
    shown = {text for table in found.tables for line in table.lines for text in line}
    started = tokens(" ".join(re.findall(r"\d{1,2} \w+ \d{4}, \d\d:\d\d UTC", texts[lang])))

    spoken = [*found.prose, *(text for figure in found.figures for text in figure.spoken)]
    spoken += [text for table in found.tables for text in (table.caption, *table.head)]
    spoken += [str(facts[name]) for _, facts in found.tags for name in ("aria-label", "title", "alt") if name in facts]
    others = {token for text in spoken for token in tokens(text)} - known - started
    limits = {token for text in shown for token in tokens(text)}

    assert others - limits <= {"84", "96"}  # how many months the charts reach, as their axes say
    levels = tokens(" ".join(row["stratum"] + row["group"] for row in book.rows)) | known | tokens(" ".join(book.names))
    assert {token for table in found.tables for line in table.lines for token in tokens(line[0])} <= levels


def _read(book: Any, w: Any) -> set[str]:
    """Return the numbers of the sentences that say how the comparison and the gap are to be read."""
    own = {"outcome": "rfs"}
    test = book.one("trial_comparison", **own, stratum="raked", estimand="proportional_hazards")
    expected = book.one("trial_comparison", **own, estimand="one_sample_log_rank")
    held = book.one("trial_comparison", **own, group="hypothesis")
    whom = ("all", "ineligible", "eligible")
    treated = [book.one("gap", group="registry", stratum=s, estimand="milestone") for s in whom]
    claim = book.context["settings"]["against_trial"]["hypothesis"]
    said = [w.p(test["p_value"]), w.estimate(expected, "ratio"), w.number(expected["time"] / page.MONTH, 1)]
    said += [w.estimate(held, "points"), w.p(held["p_value"]), w.number(100 * claim["margin"], 1)]
    said += [w.cell(row, "count", "n") for row in treated]
    return tokens(" ".join(said))


def test_both_languages_print_the_same_numbers(dossiers: dict[str, Any]) -> None:
    en, bg = (dossiers[lang] for lang in LANGUAGES)

    for ours, theirs in zip(en.tables, bg.tables, strict=True):
        cells = [[plain(cell, lang) for line in table.cells for cell in line] for table, lang in both(ours, theirs)]
        assert cells[0] == cells[1], ours.caption
    for left, right in zip(en.figures, bg.figures, strict=True):
        words = [[plain(text, lang) for text in figure.texts] for figure, lang in both(left, right)]
        assert words[0] == words[1]
        assert left.lines[-1] == right.lines[-1]
    cards = [[plain(text, lang) for text in side.prose if len(text) < 40] for side, lang in both(en, bg)]
    assert [numbers for numbers in cards[0] if numbers] == [numbers for numbers in cards[1] if numbers]


def both(en: Any, bg: Any) -> list[tuple[Any, str]]:
    return [(en, "en"), (bg, "bg")]


def plain(text: str, lang: str) -> list[str]:
    """Return the numbers of a text with a point and no separators."""
    found = re.findall(r"[+\u2212]?\d+(?:[.,\xa0]\d+)*", text)
    apart, point = {"en": (",", "."), "bg": ("\xa0", ",")}[lang]
    return [number.replace(apart, "").replace(point, ".") for number in found]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_whole_without_a_network(texts: dict[str, str], dossiers: dict[str, Any], lang: str) -> None:
    found, tags = dossiers[lang], dossiers[lang].tags

    assert found.stack == []
    assert dict(tags)["html"]["lang"] == lang
    policy = next(str(facts["content"]) for tag, facts in tags if tag == "meta" and "http-equiv" in facts)
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "form", "image", "use"}
    fetched = [
        value for _, facts in tags for name in ("src", "href", "xlink:href", "data") if (value := facts.get(name))
    ]
    assert all(value.startswith(("#", "../release/")) for value in fetched)
    # the name of the SVG vocabulary is no address that is fetched
    assert set(re.findall(r"https?://[^\"'\s<)]+", texts[lang])) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert re.findall(r"url\((?!data:|#)", texts[lang]) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_speaks_to_those_who_do_not_see_it(dossiers: dict[str, Any], lang: str) -> None:
    found, tags = dossiers[lang], dossiers[lang].tags

    assert all(facts.get("scope") in ("col", "row", "rowgroup") for tag, facts in tags if tag == "th")
    assert all(table.caption for table in found.tables)
    charts = [facts for tag, facts in tags if tag == "svg"]
    ids = {facts["id"] for _, facts in tags if facts.get("id")}
    assert len(charts) == len(found.figures) == 6
    for facts, figure in zip(charts, found.figures, strict=True):
        assert facts["role"] == "img"
        assert set(str(facts["aria-labelledby"]).split()) <= ids
        assert len(figure.spoken) == 2
        assert len(figure.spoken[1]) > 60


def test_the_links_of_the_dossier_lead_to_released_files(demo: Any, dossiers: dict[str, Any]) -> None:
    links = {facts["href"] for tag, facts in dossiers["en"].tags if tag == "a" and str(facts["href"]).startswith("..")}

    assert len(links) == 2 * len(list((demo.summary.folder / "release").glob("*.csv"))) + 1
    assert all((demo.summary.folder / "report" / str(link)).resolve().is_file() for link in links)
