# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands that serve: the intake, and the tokens that hospitals send with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common, Talk
from rwe.cli.words import word

if TYPE_CHECKING:
    from rwe.serve.intake import Outcome

ALL = Common()
KIND = "nhis"  # what is read of a hospital without a site file
SOME = Number(gte=1)
Tokens = Annotated[Path | None, Parameter(help=word("help.tokens"))]
Seconds = Annotated[float, Parameter(help=word("help.seconds"), validator=Number(gt=0, lte=3_600))]
Beside = Annotated[bool, Parameter(negative="", show_default=False, help=word("help.beside"))]


def intake(
    *,
    folder: Annotated[Path | None, Parameter(help=word("help.drop_folder"))] = None,
    tokens: Tokens = None,
    site: Annotated[list[Path] | None, Parameter(negative="", help=word("help.sites"))] = None,
    host: Annotated[str, Parameter(help=word("help.host"))] = "127.0.0.1",
    port: Annotated[int, Parameter(help=word("help.port"), validator=Number(gte=0, lte=65_535))] = 8443,
    certificate: Annotated[Path | None, Parameter(help=word("help.certificate"))] = None,
    key: Annotated[Path | None, Parameter(help=word("help.key"))] = None,
    behind_proxy: Annotated[bool, Parameter(negative="", help=word("help.behind_proxy"))] = False,
    max_bytes: Annotated[int, Parameter(help=word("help.max_bytes"), validator=SOME)] = 16 * 2**20,
    at_once: Annotated[int, Parameter(help=word("help.at_once"), validator=SOME)] = 16,
    per_minute: Annotated[int, Parameter(help=word("help.per_minute"), validator=SOME)] = 1200,
    head_seconds: Seconds = 10.0,
    body_seconds: Seconds = 60.0,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Take messages that hospitals push, until it is told to stop."""
    from rwe.serve.hospitals import reader
    from rwe.serve.intake import Intake, Limits
    from rwe.serve.keep import prepare
    from rwe.serve.run import Address, serve
    from rwe.serve.tokens import Tokens as Known

    def tell(outcome: Outcome) -> None:
        voice.event("message", **asdict(outcome))
        voice.say("serve.outcome", **{**asdict(outcome), "hospital": outcome.hospital or word("serve.nobody")})

    def listening(address: str) -> None:
        voice.event("listening", address=address, folder=folder)
        voice.say("serve.listening", address=address, folder=folder)

    folder = folder or common.place / "intake"
    limits = Limits(max_bytes, at_once, per_minute, body_seconds)
    known = Known(_tokens(tokens, common))
    if swept := prepare(folder):
        voice.say("serve.swept", count=swept)
    app = Intake(folder, known, reader(site or [], KIND), limits, tell).app()
    address = Address(host, port, certificate, key, behind_proxy)
    serve(app, address, listening, at_once=at_once, head_seconds=head_seconds)
    if voice.stop is not None:
        raise voice.stop  # what it was asked to end with, now that everything is answered
    return 0


def token(
    hospital: Annotated[str, Parameter(name="HOSPITAL", help=word("help.token_hospital"))],
    *,
    beside: Beside = False,
    tokens: Tokens = None,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Make the token that a hospital sends its messages with; it is shown once."""
    from rwe.serve.tokens import make_token

    made = make_token(_tokens(tokens, common), hospital, beside=beside)
    voice.event("token", hospital=hospital, token=made)
    voice.warn(word("serve.beside" if beside else "serve.token", hospital=hospital))
    if not voice.machine:
        voice.line(made)
    return 0


def tokens(*, tokens: Tokens = None, common: Common = ALL, voice: Talk) -> int:
    """Show which hospitals have tokens, by id; the tokens themselves are not kept."""
    from rwe.serve.tokens import read_tokens

    found = read_tokens(_tokens(tokens, common))
    for one in found:
        voice.event("token", hospital=one.hospital, id=one.id, made=one.made)
    heads = [word(f"serve.head.{name}") for name in ("hospital", "id", "made")]
    voice.table([heads, *([one.hospital, one.id, one.made] for one in found)], ["strong"])
    return 0


def revoke(
    name: Annotated[str, Parameter(name="TOKEN", help=word("help.revoked"))],
    *,
    tokens: Tokens = None,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """End a token by its id, or all tokens of a hospital, from the next request on."""
    from rwe.serve.tokens import revoke as ended

    for one in ended(_tokens(tokens, common), name):
        voice.event("revoked", hospital=one.hospital, id=one.id)
        voice.say("serve.revoked", hospital=one.hospital, id=one.id)
    return 0


def _tokens(given: Path | None, common: Common) -> Path:
    return given or common.place / "key" / "intake.json"
