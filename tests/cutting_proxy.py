"""A TCP proxy on loopback in front of a server, which cuts a connection at a chosen message of the client's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto


class Cut(Enum):
    """How a connection ends at the message."""

    UNSENT = auto()  # the server never sees it
    UNANSWERED = auto()  # the server has done it, and its answer is lost
    UNNOTICED = auto()  # the server never sees it, nor that the client is gone


class CuttingProxy:
    """Passes everything on, until the message at which it has to cut."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.seen = 0  # messages with such a part, since the last call of `cut_at`
        self._parts: Collection[bytes] = ()
        self._cut: tuple[int, Cut] | None = None
        self._then: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(
        self,
        number: int | None,
        parts: Collection[bytes],
        cut: Cut = Cut.UNSENT,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Cut at the number-th message from now with one of these parts, once; at none, if there is no number.

        `then` is done when the server has answered, before the client knows that no answer comes.
        """
        with self._lock:
            self.seen, self._parts = 0, parts
            self._cut = None if number is None else (number, cut)
            self._then = then

    @property
    def has_cut(self) -> bool:
        """Whether the message came, and its connection was cut."""
        return self._cut is None

    def refuse_others(self) -> None:
        """Let no new client in from now on."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Let no new client in, and let go of what is held."""
        self.refuse_others()
        for held in self._held:
            held.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """A connection: what the client sends is passed on here, what it is answered in a thread."""
        server, lost = socket.create_connection(self._server), threading.Event()
        answers = threading.Thread(target=_answer, args=(server, client, lost), daemon=True)
        answers.start()
        with suppress(OSError):
            while message := client.recv(1 << 16):
                cut = self._due(message)
                if cut is Cut.UNNOTICED:
                    self._held.append(server)
                    _end(client)
                    return
                if cut is Cut.UNANSWERED:
                    lost.set()
                    server.sendall(message)
                    server.shutdown(socket.SHUT_WR)  # so that it ends when it has done everything
                    answers.join()
                    self._then()
                if cut is not None:
                    break
                server.sendall(message)
        _end(client)
        _end(server)

    def _due(self, message: bytes) -> Cut | None:
        with self._lock:
            if not any(part in message for part in self._parts):
                return None
            self.seen += 1
            if self._cut is None or self.seen <= self._cut[0]:
                return None
            (_, cut), self._cut = self._cut, None
            return cut


@contextmanager
def cutting(port: int) -> Iterator[CuttingProxy]:
    """A proxy in front of a port."""
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()


def _answer(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    with suppress(OSError):
        while answer := server.recv(1 << 16):
            if not lost.is_set():
                client.sendall(answer)
    if not lost.is_set():
        _end(client)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
