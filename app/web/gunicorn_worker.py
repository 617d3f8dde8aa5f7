"""gunicorn's threaded worker, made patient: a thread is given to a request only when all of it has arrived.

gunicorn 27's gthread reads head and body in a pool thread without a deadline: as many slow connections as
there are threads keep everybody else out, and Sentry waits one second. Here the event loop gathers the bytes
of each connection, for at most ``READ_SECONDS``, and a slow one costs a buffer. What is gathered is handed to
gunicorn's own parser unread; what is looked at here only decides when.

And it stops well: gunicorn's own keeps its listening socket until the last request is done, without looking
at it, so that who connects meanwhile waits and is cut off in the end.
"""

from __future__ import annotations

import logging
import re
import select
import selectors
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.core.webhook import MAX_BODY
from app.logs import configure_logging
from app.settings import load_settings

READ_SECONDS = 10.0
"""In which a request must arrive whole."""

MAX_HEAD = 64 * 1024
MAX_HELD = 64 * 1024 * 1024
"""Bytes that one process gathers at a time over all connections."""

_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*(\d{1,12})[ \t]*\r?$")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding[ \t]*:")
_EXPECT = re.compile(rb"(?im)^expect[ \t]*:[ \t]*100-continue")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def is_whole(data: bytes | bytearray) -> bool:
    """Whether a thread may have it: the request is complete, or too large to be waited for."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return len(data) > MAX_HEAD
    head, body = bytes(data[:end]), len(data) - end - 4
    if _CHUNKED.search(head):
        return data.endswith(b"0\r\n\r\n") or body > MAX_BODY
    length = _LENGTH.search(head)
    wanted = int(length[1]) if length else 0
    return body >= wanted or wanted > MAX_BODY


@dataclass(slots=True)
class Gathering:
    """The bytes of one connection until its request is whole."""

    deadline: float
    data: bytearray = field(default_factory=bytearray)
    told_to_continue: bool = False


class PatientWorker(ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gathering: dict[TConn, Gathering] = {}
        self._held = 0
        self._left = False

    def set_accept_enabled(self, enabled: bool | None) -> None:
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive or self._left):
            self._left = True
            self._leave_listeners()

    def _leave_listeners(self) -> None:
        """Take who has connected already; who comes later is refused, and a proxy asks another process."""
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()

    def enqueue_req(self, conn: TConn) -> None:
        """A connection has, or will have, a request: gather it first."""
        if self.cfg.is_ssl or conn.is_http2:
            super().enqueue_req(conn)
            return
        begun = Gathering(time.monotonic() + READ_SECONDS)
        parser: Any = conn.parser
        if parser is not None:
            begun.data += parser.unreader.take_buffered()
        self._held += len(begun.data)
        conn.sock.setblocking(False)
        self._gathering[conn] = begun
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._gather, conn))
        self._gather(conn, conn.sock)

    def _gather(self, conn: TConn, _sock: object) -> None:
        found = self._gathering[conn]
        try:
            while not is_whole(found.data):
                part = conn.sock.recv(65536)
                if not part:
                    self._drop(conn)
                    return
                found.data += part
                self._held += len(part)
        except (BlockingIOError, InterruptedError):
            if self._held <= MAX_HELD:
                self._encourage(conn, found)
                return
        except OSError:
            self._drop(conn)
            return
        self._hand_over(conn)

    def _encourage(self, conn: TConn, found: Gathering) -> None:
        """``Expect: 100-continue``: the body comes only when it is asked for."""
        if not found.told_to_continue and b"\r\n\r\n" in found.data and _EXPECT.search(found.data):
            found.told_to_continue = True
            try:
                conn.sock.send(CONTINUE)
            except OSError:
                self._drop(conn)

    def _hand_over(self, conn: TConn) -> None:
        data = self._forget(conn)
        conn.data_ready = True
        conn.init()
        parser: Any = conn.parser
        parser.unreader.unread(data)
        super().enqueue_req(conn)

    def _forget(self, conn: TConn) -> bytes:
        self.poller.unregister(conn.sock)
        data = bytes(self._gathering.pop(conn).data)
        self._held -= len(data)
        return data

    def _drop(self, conn: TConn) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """gunicorn's hook of every second or so: close what took too long."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, found in self._gathering.items() if found.deadline < now]:
            self._drop(conn)


class OurLogger(Logger):
    """gunicorn's messages through our one handler: same format, and no text of an exception."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        configure_logging(load_settings())
        for name in ("gunicorn.error", "gunicorn.access"):
            logger = logging.getLogger(name)
            logger.handlers = []
            logger.propagate = name == "gunicorn.error"
