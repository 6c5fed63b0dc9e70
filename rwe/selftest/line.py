# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A line to a server that can break: after so many bytes it ends, ends in the middle, or falls silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["drop", "half", "silence"]
SILENCE = 10.0  # seconds; then the line ends


@dataclass
class Proxy:
    """What stands between.

    Parameters
    ----------
    target, port
        Where the server is, and where the line begins.
    lines
        How many were taken.
    faults
        Of the next lines, each with the bytes from the server after which it comes.
    strike
        The fault of whichever line is the first to pass so many bytes; it comes once.
    """

    target: int
    port: int = 0
    lines: int = 0
    faults: list[tuple[Fault, int]] = field(default_factory=list)
    strike: tuple[Fault, int] | None = None
    held: list[socket.socket] = field(default_factory=list)

    def serve(self, door: socket.socket) -> None:
        """Take lines until the door is shut."""
        with suppress(OSError):
            while True:
                client, _ = door.accept()
                self.lines += 1
                fault = self.faults.pop(0) if self.faults else None
                server = socket.create_connection(("127.0.0.1", self.target))
                self.held += [client, server]
                threading.Thread(target=_pump, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(server, client, fault), daemon=True).start()

    def _answers(self, server: socket.socket, client: socket.socket, fault: tuple[Fault, int] | None) -> None:
        """Hand on what the server says until the line's fault comes, or the strike."""
        passed = 0
        with suppress(OSError):
            while data := server.recv(65_536):
                due = next((one for one in (fault, self.strike) if one and passed + len(data) > one[1]), None)
                if due:
                    self.strike = None if due is self.strike else self.strike
                    _break(client, data[: max(due[1] - passed, 1)], due[0])
                    break
                passed += len(data)
                client.sendall(data)
        _shut(server, client)


def _break(client: socket.socket, half: bytes, fault: Fault) -> None:
    if fault == "silence":
        threading.Event().wait(SILENCE)
    if fault == "half":
        client.sendall(half)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _shut(source, sink)


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(target: int) -> Iterator[Proxy]:
    """Stand between a client and the server on `target`."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        proxy = Proxy(target, door.getsockname()[1])
        thread = threading.Thread(target=proxy.serve, args=(door,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            for line in proxy.held:
                line.close()
            thread.join(5)
