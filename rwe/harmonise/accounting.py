# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The account of all source rows: rows in = accepted + rejected + merged, always.

Lines with an empty ``record`` count source rows, each once. Lines of a record count the same rows
as that record saw them, where a row may also be ``absent``: it had nothing to say there. ``unmapped``
and ``repaired`` are counted beside, they are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from rwe.errors import DataError
from rwe.harmonise import remarks
from rwe.harmonise.ledger import Ledger

MERGED = ("duplicate_person", "duplicate_row")
ABSENT = ("nothing_recorded", "other_kind")
ACCOUNT = {"stream": pl.String, "record": pl.String, "rule": pl.String, "outcome": pl.String, "n": pl.Int64}
REJECTED = {"stream": pl.String, "record": pl.String, "_key": pl.String, "rule": pl.String}
_COUNT = {"rule": pl.String, "n": pl.Int64}
_RANK = {"rejected": 0, "merged": 1, "absent": 2, "accepted": 3}


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of source rows; the tallies of different persons add up.

    Parameters
    ----------
    account
        In the shape of `ACCOUNT`; the rule of what was simply accepted is ``""``.
    rejected
        What was refused, in the shape of `REJECTED`. A row that was refused as a whole stands once, with an empty
        ``record``; records refused from a row that was kept stand by their names.
    codes
        How often codes stood in accepted rows, in the shape of `remarks.CODES`.
    """

    account: pl.DataFrame
    rejected: pl.DataFrame
    codes: pl.DataFrame

    def less(self, gone: Tally) -> Tally:
        """Return what is left without a part of it."""
        account = gone.account.with_columns(-pl.col("n"))
        codes = gone.codes.with_columns(-pl.col("n"), -pl.col("people"))
        left = self.rejected.join(gone.rejected, on=list(REJECTED), how="anti")
        return total([Tally(self.account, left, self.codes), Tally(account, left.clear(), codes)])


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of all."""
    parts = list(tallies)
    account = pl.concat([pl.DataFrame(schema=ACCOUNT), *(part.account for part in parts)])
    codes = pl.concat([pl.DataFrame(schema=remarks.CODES), *(part.codes for part in parts)])
    rejected = pl.concat([pl.DataFrame(schema=REJECTED), *(part.rejected for part in parts)])
    return Tally(_summed(account, ["n"]), rejected.sort("stream", "_key", "record"), _summed(codes, ["n", "people"]))


def _summed(lines: pl.DataFrame, counts: list[str]) -> pl.DataFrame:
    names = [name for name in lines.columns if name not in counts]
    return lines.group_by(names).agg(pl.col(counts).sum()).filter(pl.col("n") != 0).sort(names)


def outcome() -> pl.Expr:
    """Return what the verdict ``rule`` means for a line."""
    return (
        pl.when(pl.col("rule").is_null())
        .then(pl.lit("accepted"))
        .when(pl.col("rule").is_in(MERGED))
        .then(pl.lit("merged"))
        .when(pl.col("rule").is_in(ABSENT))
        .then(pl.lit("absent"))
        .otherwise(pl.lit("rejected"))
        .alias("outcome")
    )


def close(ledger: Ledger) -> Ledger:
    """Give each source row its own verdict: accepted if any record was made of it.

    A row without one bears the rule of its records, a refusal before a merger; a row that no record
    had a use for is refused as ``no_record``.
    """
    unused = ledger.whole["rule"].is_null()
    for made in ledger.records:
        unused &= made.lines["rule"].is_not_null()
    places = unused.arg_true()
    if places.is_empty():
        return ledger
    told = [made.lines[places].select("_row", "rule", record=pl.lit(made.record.name)) for made in ledger.records]
    rank = outcome().replace_strict(_RANK, return_dtype=pl.Int8)
    why = pl.when(~pl.col("rule").is_in(ABSENT)).then("rule")
    found = (
        pl.concat([pl.DataFrame(schema={"_row": pl.UInt32, "rule": pl.String, "record": pl.String}), *told])
        .group_by("_row")
        .agg(why.sort_by(rank, "rule", "record").first().alias("rule"))
    )
    verdicts = ledger.whole[places].select("_row").join(found, on="_row", how="left")
    verdicts = verdicts.with_columns(pl.col("rule").fill_null("no_record"), stream=pl.lit(ledger.stream))
    return ledger.mark(verdicts.with_columns(record=pl.lit("")))


def tally(ledgers: Iterable[Ledger]) -> Tally:
    """Count the lines of closed ledgers.

    Raises
    ------
    DataError
        If the lines of a stream or of one of its records do not add up: a bug here.
    """
    parts = [
        Tally(
            _held_against(_counted(ledger), ledger),
            _rejected(ledger),
            pl.concat([pl.DataFrame(schema=remarks.CODES), *(made.codes for made in ledger.records)]),
        )
        for ledger in ledgers
    ]
    return total(parts)


def _counted(ledger: Ledger) -> pl.DataFrame:
    frames = []
    for record, lines in ledger.frames().items():
        kept_out = lines["rule"].drop_nulls()  # few: what is grouped
        stands = pl.DataFrame({"rule": None, "n": lines.height - kept_out.len()}, schema=_COUNT)
        counts = kept_out.to_frame().group_by("rule").agg(pl.len().cast(pl.Int64).alias("n"))
        verdicts = pl.concat([stands, counts]).filter(pl.col("n") > 0).with_columns(outcome())
        frames += [part.with_columns(record=pl.lit(record)) for part in (verdicts, _remarked(lines))]
    return (
        pl.concat(frames, how="diagonal")
        .with_columns(pl.col("rule").fill_null(""), stream=pl.lit(ledger.stream))
        .select(*ACCOUNT)
    )


def _remarked(lines: pl.DataFrame) -> pl.DataFrame:
    """Count what is remarked of the accepted lines."""
    names = [name for name in lines.columns if name.startswith(remarks.SAID)]
    stands = pl.col("rule").is_null()
    sums = lines.select((pl.col(name) & stands).sum().cast(pl.Int64) for name in names).row(0) if names else ()
    rules = [name.removeprefix(remarks.SAID) for name in names]
    told = [(rule, remarks.outcome(rule), n) for rule, n in zip(rules, sums, strict=True) if n]
    return pl.DataFrame(told, schema={"rule": pl.String, "outcome": pl.String, "n": pl.Int64}, orient="row")


def _held_against(account: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    check(account, {ledger.stream: ledger.rows.height})
    return account


def check(account: pl.DataFrame, rows_in: Mapping[str, int]) -> None:
    """Hold an account against the rows that came in.

    Raises
    ------
    DataError
        If the lines of a stream or of one of its records do not add up: a bug here or in the landing table.
    """
    whole = account.filter(~pl.col("outcome").is_in(["unmapped", "repaired"]))
    sums = whole.group_by("stream", "record").agg(pl.col("n").sum())
    for stream, record, n in sums.sort("stream", "record").iter_rows():
        if n != rows_in[stream]:
            raise DataError(f"stream '{stream}' record '{record}': {n} rows accounted for, {rows_in[stream]} came in")
    counted = set(sums.filter(pl.col("record") == "")["stream"])
    if lost := sorted(stream for stream, n in rows_in.items() if n and stream not in counted):
        raise DataError(f"no row of stream {', '.join(lost)} is accounted for")


def _rejected(ledger: Ledger) -> pl.DataFrame:
    whole = _refused(ledger.whole)
    frames = [ledger.named(whole, "")]
    for made in ledger.records:
        refused = _refused(made.lines)
        frames.append(ledger.named(refused.join(whole, on="_row", how="anti"), made.record.name))
    return pl.concat([frame.select(*REJECTED) for frame in frames])


def _refused(lines: pl.DataFrame) -> pl.DataFrame:
    kept_out = lines.select("_row", "rule")
    if kept_out["rule"].null_count() == lines.height:
        return kept_out.clear()
    return kept_out.drop_nulls("rule").filter(outcome() == "rejected")
