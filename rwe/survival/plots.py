# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Charts of survival, hazard and incidence curves: from a result to its picture, with the table of counts below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl

from rwe.errors import DefinitionError
from rwe.figures.chart import Chart, headed, key_of
from rwe.figures.km_parts import Series
from rwe.figures.look import INK, PALETTE
from rwe.figures.scales import linear_ticks
from rwe.figures.steps import Block, Curve, Frame, highest, share_ticks, steps
from rwe.figures.svg import Caption
from rwe.figures.tongue import Language, Tongue
from rwe.survival.axis import Axis, Unit, axis
from rwe.survival.clock import Clock
from rwe.survival.levels import Levels, text

if TYPE_CHECKING:
    from rwe.survival.cumulative_incidence import CumulativeIncidence
    from rwe.survival.kaplan_meier import KaplanMeier
    from rwe.survival.nelson_aalen import NelsonAalen
    from rwe.survival.turnbull import Turnbull

Labels: TypeAlias = Mapping[Any, str] | Sequence[str] | None
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def kaplan_meier_chart(
    km: KaplanMeier, *, horizon: float | None, unit: Unit | None, title: str | None, subtitle: str | None,
    time: str | None, labels: Labels, language: Language,
) -> Chart:  # fmt: skip
    """Draw survival curves; see `KaplanMeier.plot`."""
    say, groups = Tongue(language), named(km._groups, labels, Tongue(language))
    where = axis(km._curves.clock, float(np.max(km.table["time"].to_numpy())), horizon, unit)
    medians = km.quantile(0.5)["time"].to_list()
    parts = _parts(km.table, km._groups)
    looks = _looks(groups)
    curves = []
    for look, rows, median in zip(looks, parts, medians, strict=True):
        middle = None if median is None else float(where.of(median))
        known = middle is not None and middle <= where.end
        below = say("median", value=where.told(say, median)) if known else ""
        curves.append(_curve(look, rows, "survival", 1.0, where, (middle if known else None, below)))
    blocks = _counts(km.at_risk(where.asked()), looks, len(where.ticks), say, single=len(groups) == 1)
    frame = Frame((where.title(say, time), say("survival")), where.ticks, QUARTERS, where.end, say.percent, say.short)
    note = say("km_note", level=say.percent(km.conf_level), scale=km.conf_type)
    heading = title or say("km_title"), note if subtitle is None else subtitle
    return _drawn(curves, blocks, frame, say, "survival", heading)


def nelson_aalen_chart(
    found: NelsonAalen, *, horizon: float | None, unit: Unit | None, title: str | None, subtitle: str | None,
    time: str | None, labels: Labels, language: Language,
) -> Chart:  # fmt: skip
    """Draw cumulative hazards; see `NelsonAalen.plot`."""
    say = Tongue(language)
    looks = _looks(named(found._groups, labels, say))
    where = axis(found._curves.clock, float(np.max(found.table["time"].to_numpy())), horizon, unit)
    parts = _parts(found.table, found._groups)
    curves = [_curve(look, rows, "cumulative_hazard", 0.0, where) for look, rows in zip(looks, parts, strict=True)]
    blocks = _counts(found.at_risk(where.asked()), looks, len(where.ticks), say, single=len(looks) == 1)
    heights = tuple(linear_ticks(highest(curves, where.end) or 1.0))
    frame = Frame((where.title(say, time), say("hazard")), where.ticks, heights, where.end, say.short, say.short)
    kind = "na_note" if found.ties == "nelson" else "fh_note"
    heading = title or say("na_title"), say(kind, level=say.percent(found.conf_level)) if subtitle is None else subtitle
    return _drawn(curves, blocks, frame, say, "hazard", heading)


def turnbull_chart(
    found: Turnbull, *, horizon: float | None, unit: Unit | None, title: str | None, subtitle: str | None,
    time: str | None, labels: Labels, language: Language,
) -> Chart:  # fmt: skip
    """Draw survival of interval-censored failures; see `Turnbull.plot`."""
    say = Tongue(language)
    looks = _looks(named(found._groups, labels, say))
    times = np.unique(np.concatenate([[0.0], *(end for pair in found._ends for end in pair)]))
    times = times[np.isfinite(times)]
    clock = Clock(0) if found.table["right"].dtype.is_integer() else Clock(times.size, times)
    where = axis(clock, float(times[-1]), horizon, unit)
    curves, blocks = [], []
    for look, mass, (low, high) in zip(looks, found._masses, found._ends, strict=True):
        late, early = (
            np.array([1.0 - mass.mass[end <= t].sum() for t in times]).clip(0.0) for end in (mass.right, mass.left)
        )
        curves.append(Curve(look, where.of(times), late, early, late, np.empty(0)))
        asked = where.asked()
        failed = np.array([(high <= t).sum() for t in asked])
        free = np.array([((low >= t) & (high > t)).sum() for t in asked])
        counts = {"failed": failed, "free": free, "unknown": low.size - failed - free}
        rows = tuple((say(name), tuple(map(say.count, n.tolist()))) for name, n in counts.items())
        blocks.append(Block("" if len(looks) == 1 else look.label, look.colour, rows))
    frame = Frame((where.title(say, time), say("survival")), where.ticks, QUARTERS, where.end, say.percent, say.short)
    heading = title or say("turnbull_title"), say("turnbull_note") if subtitle is None else subtitle
    return _drawn(curves, blocks, frame, say, "survival", heading)


def cumulative_incidence_chart(
    found: CumulativeIncidence, *, causes: Sequence[Any] | None, horizon: float | None, unit: Unit | None,
    title: str | None, subtitle: str | None, time: str | None, labels: Labels, cause_labels: Labels, language: Language,
) -> Chart:  # fmt: skip
    """Draw incidence curves; see `CumulativeIncidence.plot`."""
    say = Tongue(language)
    groups, chosen = named(found._groups, labels, say), _chosen(found.causes, causes)
    plain = [c if isinstance(c, str) else say("cause", name=c) for c in chosen]
    of_cause = given(plain, chosen, cause_labels)
    where = axis(found._found.clock, float(np.max(found.table["time"].to_numpy())), horizon, unit)
    looks = _both(groups, of_cause)
    parts = _parts(found.table, found._groups)
    curves = [
        _curve(looks[g][c], rows.filter(pl.col("cause") == cause), "incidence", 0.0, where)
        for g, rows in enumerate(parts)
        for c, cause in enumerate(chosen)
    ]
    counts = found.at_risk(where.asked())
    colours = [looks[g][0].colour if len(chosen) == 1 else INK for g in range(len(groups))]
    blocks = [
        _block(rows, chosen, of_cause, (groups[g] if len(groups) > 1 else "", colours[g]), say)
        for g, rows in enumerate(_parts(counts, found._groups))
    ]
    shares = share_ticks(curves, where.end)
    frame = Frame((where.title(say, time), say("incidence")), where.ticks, shares, where.end, say.percent, say.short)
    banded = all(look.band for row in looks for look in row)
    kind = "cif_note" if banded else "cif_first"
    note = say(kind, level=say.percent(found.conf_level), scale=found.conf_type, group=groups[0])
    heading = title or say("cif_title"), note if subtitle is None else subtitle
    return _drawn(curves, blocks, frame, say, "incidence", heading)


def named(groups: Levels, labels: Labels, say: Tongue) -> list[str]:
    """Return the name of each group: as given, else its level, with the column where the level alone says little."""
    if not groups.frame.width:
        return given([say("overall")], ["overall"], labels)
    only = groups.frame.width == 1 and groups.frame.dtypes[0] in (pl.String, pl.Categorical, pl.Enum)
    keys = groups.frame.to_series().to_list() if groups.frame.width == 1 else groups.labels()
    return given([text(key) for key in keys] if only else groups.labels(), keys, labels)


def given(default: list[str], keys: Sequence[Any], labels: Labels) -> list[str]:
    """Return names with those given in place of the others."""
    if labels is None:
        return default
    if isinstance(labels, Mapping):
        if odd := len(set(labels) - set(keys)):
            raise DefinitionError(f"labels name {odd} levels that do not exist; the levels are those of the table")
        return [labels.get(key, name) for key, name in zip(keys, default, strict=True)]
    if isinstance(labels, str) or len(labels) != len(default):
        raise DefinitionError(f"labels: give {len(default)} names in the order of the table, or a mapping of levels")
    return list(labels)


def _parts(table: pl.DataFrame, groups: Levels) -> list[pl.DataFrame]:
    """Return the rows of each group."""
    if not groups.frame.width:
        return [table]
    on = groups.frame.columns
    return [table.join(level, on=on, how="semi", maintain_order="left") for level in groups.frame.iter_slices(1)]


def _looks(groups: list[str]) -> list[Series]:
    if len(groups) > len(PALETTE):
        raise DefinitionError(f"{len(groups)} curves are too many to tell apart: keep {len(PALETTE)} or fewer")
    return [Series(str(g), name, PALETTE[g], dashed=g >= 2) for g, name in enumerate(groups)]


def _both(groups: list[str], causes: list[str]) -> list[list[Series]]:
    """Return the look by group and cause: colours tell causes apart, dashes groups; colours alone where one is.

    The second of two groups has no bands: in the colours of the first they could not be told apart.
    """
    if len(groups) == 1:
        return [_looks(causes)]
    if len(causes) == 1:
        return [[look] for look in _looks(groups)]
    if len(groups) > 2 or len(causes) > len(PALETTE):
        raise DefinitionError("several causes are drawn for two groups at most: choose one with causes=[...]")
    names = [[f"{group}: {cause}" for cause in causes] for group in groups]
    return [
        [Series(f"{g}-{c}", names[g][c], PALETTE[c], dashed=g == 1, band=g == 0) for c in range(len(causes))]
        for g in range(len(groups))
    ]


def _curve(
    look: Series,
    rows: pl.DataFrame,
    value: str,
    start: float,
    where: Axis,
    middle: tuple[float | None, str] = (None, ""),
) -> Curve:
    time = where.of(rows["time"].to_numpy())
    begin = np.array([start])
    line, low, high = (np.append(begin, rows[n].cast(pl.Float64).to_numpy()) for n in (value, "conf_low", "conf_high"))
    ticks = time[rows["n_censor"].to_numpy() > 0] if value == "survival" else np.empty(0)
    return Curve(look, np.append(0.0, time), line, low, high, ticks, *middle)


def _counts(table: pl.DataFrame, looks: list[Series], ticks: int, say: Tongue, *, single: bool) -> list[Block]:
    names = {"n_risk": "at_risk", "n_censor": "censored", "n_event": "events"}
    blocks = []
    for g, look in enumerate(looks):
        rows = table[g * ticks : (g + 1) * ticks]
        cells = tuple((say(words), tuple(map(say.count, rows[name].to_list()))) for name, words in names.items())
        blocks.append(Block("" if single else look.label, look.colour, cells))
    return blocks


def _block(rows: pl.DataFrame, chosen: Sequence[Any], names: list[str], head: tuple[str, str], say: Tongue) -> Block:
    """Return the counts of one group: at risk, censored, and failed so far of each cause."""
    by_cause = [rows.filter(pl.col("cause") == cause) for cause in chosen]
    lines = [(say("at_risk"), by_cause[0]["n_risk"]), (say("censored"), by_cause[0]["n_censor"])]
    lines += [(name, part["n_event"]) for name, part in zip(names, by_cause, strict=True)]
    return Block(*head, tuple((name, tuple(map(say.count, cells.to_list()))) for name, cells in lines))


def _chosen(causes: tuple[Any, ...], asked: Sequence[Any] | None) -> list[Any]:
    chosen = list(causes if asked is None else asked)
    if not chosen or (odd := [c for c in chosen if c not in causes]):
        raise DefinitionError(f"causes {odd if chosen else chosen} are not among {list(causes)}")
    return chosen


def _drawn(
    curves: list[Curve], blocks: list[Block], frame: Frame, say: Tongue, kind: str, heading: tuple[str, str]
) -> Chart:
    names = ", ".join(curve.series.label for curve in curves)
    end = f"{say.number(frame.end, 0)} ({frame.titles[0]})"
    key = key_of(heading, names, frame.ticks, [block.rows for block in blocks], [c.value.sum() for c in curves])
    caption = Caption(key, heading[0], say("description", kind=say(kind), names=names, end=end))
    return headed(steps(curves, blocks, frame, caption), *heading)
