# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An application behind a socket until it is told to stop; what is being answered then is answered."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from rwe.errors import DefinitionError, MachineError, Refused
from rwe.serve.prompt import prompt

_GRACE = 30


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and how the way there is kept from listeners.

    Parameters
    ----------
    host, port
        Address and port; port 0 takes a free one.
    certificate, key
        PEM files for TLS.
    behind_proxy
        Whether a proxy on another machine speaks TLS to the senders.
    """

    host: str = "127.0.0.1"
    port: int = 8443
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False


def serve(
    app: Starlette, address: Address, listening: Callable[[str], None], *, at_once: int, head_seconds: float
) -> None:
    """Serve until SIGTERM or Ctrl-C, which are raised again when the last answer is given.

    Parameters
    ----------
    listening
        Told the address once connections are taken.
    at_once
        Connections beyond four times as many are turned away unread.
    head_seconds
        How long a connection may take to bring the head of a request.

    Raises
    ------
    Refused
        If messages would cross a network in clear.
    DefinitionError
        If certificate and key cannot be used.
    MachineError
        If the port is taken or may not be used.
    """
    _heed_clear_text(address)
    _heed_certificate(address)
    taken = _bind(address)
    config = uvicorn.Config(
        app,
        access_log=False,
        http=prompt(head_seconds),
        lifespan="off",
        limit_concurrency=at_once * 4,
        log_config=None,
        log_level="critical",  # its own log of a fault would show what the fault is about
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
        timeout_graceful_shutdown=_GRACE,
        ws="none",
    )
    with taken:
        listening(f"{'https' if address.certificate else 'http'}://{address.host}:{taken.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[taken])


def _heed_clear_text(address: Address) -> None:
    try:
        near = address.host == "localhost" or ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        near = False
    if not (near or address.certificate or address.behind_proxy):
        raise Refused(
            "messages of patients would cross the network in clear: give --certificate and --key, "
            "or --behind-proxy where a proxy speaks TLS"
        )


def _heed_certificate(address: Address) -> None:
    if (address.certificate is None) != (address.key is None):
        raise DefinitionError("--certificate and --key go together")
    if address.certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(address.certificate, address.key)
        except (OSError, ssl.SSLError) as exc:
            reason = exc.strerror or type(exc).__name__
            raise DefinitionError(f"{address.certificate} and its key cannot be used: {reason}") from None


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
        made.listen(128)
    except OSError as exc:
        made.close()
        raise MachineError(f"cannot listen on {address.host}:{address.port}: {exc.strerror}") from None
    return made
