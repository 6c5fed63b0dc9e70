# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The words and numbers of the charts of results, in each language they speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rwe.errors import DefinitionError

Language: TypeAlias = Literal["en", "bg"]
NBSP, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "time": "Time",
        "days": "Days",
        "months": "Months",
        "years": "Years",
        "survival": "Survival",
        "incidence": "Cumulative incidence",
        "probability": "Probability of the state",
        "at_risk": "At risk",
        "censored": "Censored",
        "events": "Events",
        "cause": "cause {name}",
        "median": "median {value}",
        "day": "d",
        "month": "mo",
        "year": "y",
        "km_title": "Survival curves",
        "km_note": "Kaplan–Meier estimate with {level} confidence band ({scale}); ticks mark censoring",
        "rebuilt_title": "Curve as drawn and as reconstructed",
        "rebuilt_note": "Root mean square error of survival {rmse}, largest {error}",
        "drawn": "as drawn",
        "rebuilt": "reconstructed",
        "published": "published",
        "reconstructed": "reconstructed",
        "cif_title": "Cumulative incidence of competing causes",
        "cif_note": "Aalen–Johansen estimate with {level} confidence band ({scale})",
        "cif_first": "Aalen–Johansen estimate with {level} confidence band ({scale}) of {group} only",
        "hazard": "Cumulative hazard",
        "na_title": "Cumulative hazard",
        "na_note": "Nelson–Aalen estimate with {level} confidence band (log)",
        "fh_note": "Fleming–Harrington estimate with {level} confidence band (log)",
        "turnbull_title": "Survival between visits",
        "turnbull_note": "Turnbull's estimate: the line falls as late as the data allow, the band as early",
        "failed": "Failed",
        "free": "Not failed",
        "unknown": "Not known",
        "forest_title": "Hazard ratios",
        "cox_note": "Cox regression, {n} rows, {events} events; squares as large as the information they carry",
        "fg_title": "Subdistribution hazard ratios",
        "fg_note": "Fine–Gray regression of cause {cause}, {n} rows, {events} events",
        "ratio": "Hazard ratio (log scale)",
        "column": "HR ({level} CI)",
        "reference": "reference",
        "lower": "← lower hazard",
        "higher": "higher hazard →",
        "per": "{term}, per {unit}",
        "ph_title": "Do the hazard ratios change with time?",
        "ph_note": "Scaled Schoenfeld residuals; natural spline with {level} band; dashed: the estimate of the model",
        "ph_p": "{term}: log hazard ratio over time, p {value}",
        "states_title": "Where people are over time",
        "states_note": "Aalen–Johansen probabilities of the states, one upon another",
        "any_ratio": "Ratio (log scale)",
        "any_column": "Ratio ({level} CI)",
        "shrunken": "shrunken towards the mean",
        "pooled": "Mean of all",
        "another": "Another such study",
        "study": "study",
        "std_error": "Standard error",
        "pool_title": "Studies and their mean",
        "pool_note": "Random effects by {method}; variance between studies {tau2}, I² {i2} %",
        "funnel_title": "Do small studies say something else?",
        "funnel_note": "Dashed: where {level} of studies would lie if all had one true effect",
        "bias_title": "A confounder that would explain the effect away",
        "bias_note": "Pairs of strengths on or above a line suffice; the corner nearest to 1 is the E-value",
        "explains_point": "explains the estimate away",
        "explains_limit": "moves the limit to no effect",
        "with_treatment": "Risk ratio of confounder and treatment",
        "with_outcome": "Risk ratio of confounder and outcome",
        "calibration_title": "What negative controls say",
        "calibration_note": "Below the dashed line an estimate passes for an effect; below the full one so calibrated",
        "calibrated_line": "p = 0.05 after calibration",
        "control": "negative control",
        "effect": "effect of interest",
        "naive": "naive log-rank: not to be acted on",
        "anytime": "anytime-valid log-rank",
        "p_axis": "p (log scale)",
        "looks_title": "What each look said",
        "looks_note": "Dashed: {alpha}; looked at repeatedly, only the anytime-valid test keeps this error",
        "runs_title": "Sensitivity analyses",
        "runs_note": "All {n} that were listed beforehand; {failed} gave no estimate",
        "boot_title": "How far resampling moves the estimate",
        "boot_note": "{n} bootstrap replicates; line: the estimate, dashed: its {level} limits ({interval})",
        "boot_rmst": "Restricted mean time",
        "boot_survival": "Survival",
        "boot_median": "Median time",
        "boot_cumulative_incidence": "Cumulative incidence",
        "of_difference": "{what}: difference",
        "of_ratio": "{what}: ratio",
        "net_title": "Coefficients along the penalty",
        "net_note": "Cox regression, l1 ratio {ratio}; from the largest penalty on the left to the smallest",
        "net_chosen": "; upright: the sparsest penalty and the best",
        "penalty": "Penalty (log scale)",
        "per_sd": "Log hazard ratio per standard deviation",
        "cv_title": "Which penalty foretells best?",
        "cv_note": "Deviance of folds left out; dashed: one standard error; upright: the sparsest penalty and the best",
        "cv_told": "deviance: best at {best}, sparsest as good at {sparsest}",
        "deviance": "Deviance per event",
        "overall": "All",
        "weights_title": "How unequal the weights are",
        "weights_note": "{n} persons with a weight, worth {worth} persons",
        "weight": "Weight",
        "overlap_title": "How far the arms overlap",
        "overlap_note": "Percent of each arm; preference score 0.3 to 0.7: treated {treated}, controls {control}",
        "probability_of_treatment": "Probability of treatment",
        "treated": "treated",
        "controls": "controls",
        "balance_title": "Balance before and after",
        "balance_note": "Absolute standardised differences; dashed: 0.1, below which they are taken as negligible",
        "smd": "Absolute standardised difference",
        "before": "before",
        "after": "after",
        "description": "{kind} by time for {names}, up to {end}.",
    },
    "bg": {
        "time": "Време",
        "days": "Дни",
        "months": "Месеци",
        "years": "Години",
        "survival": "Преживяемост",
        "incidence": "Кумулативна честота",
        "probability": "Вероятност за състоянието",
        "at_risk": "В риск",
        "censored": "Цензурирани",
        "events": "Събития",
        "cause": "причина {name}",
        "median": "медиана {value}",
        "day": "дни",
        "month": "мес.",
        "year": "г.",
        "km_title": "Криви на преживяемост",
        "km_note": "Оценка по Kaplan–Meier с {level} доверителна ивица ({scale}); чертичките са цензурирани",
        "rebuilt_title": "Кривата, както е начертана и както е възстановена",
        "rebuilt_note": "Средна квадратична грешка на преживяемостта {rmse}, най-голяма {error}",
        "drawn": "начертана",
        "rebuilt": "възстановена",
        "published": "публикувани",
        "reconstructed": "възстановени",
        "cif_title": "Кумулативна честота на конкуриращи се причини",
        "cif_note": "Оценка по Aalen–Johansen с {level} доверителна ивица ({scale})",
        "cif_first": "Оценка по Aalen–Johansen с {level} доверителна ивица ({scale}) само за {group}",
        "hazard": "Кумулативен риск",
        "na_title": "Кумулативен риск",
        "na_note": "Оценка по Nelson–Aalen с {level} доверителна ивица (log)",
        "fh_note": "Оценка по Fleming–Harrington с {level} доверителна ивица (log)",
        "turnbull_title": "Преживяемост между прегледите",
        "turnbull_note": "Оценка по Turnbull: линията пада най-късно, ивицата – най-рано, колкото данните позволяват",
        "failed": "Със събитие",
        "free": "Без събитие",
        "unknown": "Неизвестно",
        "forest_title": "Отношения на риска",
        "cox_note": "Регресия на Cox, {n} реда, {events} събития; квадратът е толкова голям, колкото информацията",
        "fg_title": "Отношения на риска за субразпределението",
        "fg_note": "Регресия на Fine–Gray за причина {cause}, {n} реда, {events} събития",
        "ratio": "Отношение на риска (логаритмична скала)",
        "column": "HR ({level} ДИ)",
        "reference": "за сравнение",
        "lower": "← по-нисък риск",
        "higher": "по-висок риск →",
        "per": "{term}, на {unit}",
        "ph_title": "Променят ли се отношенията на риска с времето?",
        "ph_note": "Мащабирани остатъци на Schoenfeld; естествен сплайн с {level} ивица; пунктир: оценката на модела",
        "ph_p": "{term}: логаритъм на отношението на риска във времето, p {value}",
        "states_title": "Къде са хората във времето",
        "states_note": "Вероятности на състоянията по Aalen–Johansen, едно върху друго",
        "any_ratio": "Отношение (логаритмична скала)",
        "any_column": "Отношение ({level} ДИ)",
        "shrunken": "приближено към средното",
        "pooled": "Средно за всички",
        "another": "Друго такова изследване",
        "study": "изследване",
        "std_error": "Стандартна грешка",
        "pool_title": "Изследванията и тяхното средно",
        "pool_note": "Случайни ефекти по {method}; дисперсия между изследванията {tau2}, I² {i2} %",
        "funnel_title": "Казват ли малките изследвания друго?",
        "funnel_note": "Пунктир: къде биха лежали {level} от изследванията при един истински ефект",
        "bias_title": "Скрит фактор, който би обяснил ефекта",
        "bias_note": "Достатъчна е двойка сили върху или над линията; ъгълът най-близо до 1 е E-стойността",
        "explains_point": "обяснява оценката",
        "explains_limit": "премества границата до липса на ефект",
        "with_treatment": "Отношение на риска: фактор и лечение",
        "with_outcome": "Отношение на риска: фактор и изход",
        "calibration_title": "Какво казват отрицателните контроли",
        "calibration_note": "Под пунктира оценката минава за ефект; под плътната линия и след калибриране",
        "calibrated_line": "p = 0,05 след калибриране",
        "control": "отрицателна контрола",
        "effect": "изследван ефект",
        "naive": "обикновен log-rank: не е основание за решение",
        "anytime": "log-rank, валиден по всяко време",
        "p_axis": "p (логаритмична скала)",
        "looks_title": "Какво показа всеки преглед",
        "looks_note": "Пунктир: {alpha}; при повторни прегледи само валидният по всяко време тест пази тази грешка",
        "runs_title": "Анализи на чувствителността",
        "runs_note": "Всички {n}, обявени предварително; {failed} не дадоха оценка",
        "boot_title": "Колко се мести оценката при повторни извадки",
        "boot_note": "{n} бутстрап извадки; линия: оценката, пунктир: нейните {level} граници ({interval})",
        "boot_rmst": "Ограничено средно време",
        "boot_survival": "Преживяемост",
        "boot_median": "Медиана на времето",
        "boot_cumulative_incidence": "Кумулативна честота",
        "of_difference": "{what}: разлика",
        "of_ratio": "{what}: отношение",
        "net_title": "Коефициентите според наказанието",
        "net_note": "Регресия на Cox, l1 дял {ratio}; от най-голямото наказание вляво до най-малкото",
        "net_chosen": "; отвесно: най-пестеливото и най-доброто наказание",
        "penalty": "Наказание (логаритмична скала)",
        "per_sd": "Логаритъм на отношението на риска за едно стандартно отклонение",
        "cv_title": "Кое наказание предсказва най-добре?",
        "cv_note": "Девианс на отделените части; пунктир: стандартна грешка; отвесно: най-пестеливото и най-доброто",
        "cv_told": "девианс: най-добър при {best}, най-пестелив със същото качество при {sparsest}",
        "deviance": "Девианс на събитие",
        "overall": "Всички",
        "weights_title": "Колко неравни са теглата",
        "weights_note": "{n} души с тегло, които струват колкото {worth}",
        "weight": "Тегло",
        "overlap_title": "Доколко рамената се припокриват",
        "overlap_note": "Процент от рамото; предпочитание от 0,3 до 0,7: лекувани {treated}, контроли {control}",
        "probability_of_treatment": "Вероятност за лечение",
        "treated": "лекувани",
        "controls": "контроли",
        "balance_title": "Баланс преди и след",
        "balance_note": "Абсолютни стандартизирани разлики; пунктир: 0,1, под което се смятат за пренебрежими",
        "smd": "Абсолютна стандартизирана разлика",
        "before": "преди",
        "after": "след",
        "description": "{kind} по време за {names}, до {end}.",
    },
}


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: its words, and its numbers with fixed decimals and a true minus."""

    language: str

    def __post_init__(self) -> None:
        if self.language not in WORDS:
            raise DefinitionError(f"charts speak {', '.join(WORDS)}, not '{self.language}'")

    def __call__(self, key: str, **values: object) -> str:
        """Return words, with values in their places."""
        return WORDS[self.language][key].format(**values)

    def number(self, value: float, places: int = 2) -> str:
        """Return a number with these decimals."""
        text = f"{abs(value):.{places}f}"
        sign = MINUS if value < 0 and float(text) else ""
        return sign + self._point(text)

    def short(self, value: float) -> str:
        """Return a number as people write it on an axis, without zeros that say nothing."""
        return (MINUS if value < 0 else "") + self._point(f"{abs(value):.6g}")

    def percent(self, share: float) -> str:
        """Return a proportion in percent."""
        return self.short(round(100 * share, 6)) + ("%" if self.language == "en" else f"{NBSP}%")

    def count(self, value: float) -> str:
        """Return a number of persons, or a sum of weights to one decimal, in groups of three digits."""
        whole = abs(value - round(value)) < 1e-9
        return self._point(f"{value:,.{0 if whole else 1}f}".replace(",", NBSP))

    def p_value(self, value: float) -> str:
        """Return a p-value with its sign of relation."""
        return f"<{NBSP}{self.number(0.001, 3)}" if value < 0.001 else f"={NBSP}{self.number(value, 3)}"

    def _point(self, text: str) -> str:
        return text.replace(".", "," if self.language == "bg" else ".")
