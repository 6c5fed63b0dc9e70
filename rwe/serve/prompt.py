# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A connection that owes us a request has so long to bring its head; uvicorn would wait for it for ever."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol


def prompt(seconds: float) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol, which ends a connection that brings no whole head in so many seconds.

    The time runs from the connection, and from each answer on: what dribbles in meanwhile, be it the rest of a body
    that was turned away unread, does not renew it.
    """
    return type("Prompt", (_Prompt,), {"seconds": seconds})


class _Prompt(H11Protocol):
    seconds: float
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering():
            self._stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering():  # else the next request was here already
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._stop()
        self._end = self.loop.call_later(self.seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancel()
