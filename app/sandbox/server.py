"""The sandbox on a socket, from a thread of this process."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .sandbox import SandboxSentry
from .web import create_app

_POLL = 0.05  # seconds until a stop is noticed


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        logging.getLogger("app.sandbox.access").debug("%s %s", self.requestline, code)


class SandboxServer:
    """``port`` 0 takes a free one. A context manager; ``start``/``stop`` do the same by hand."""

    def __init__(
        self, sandbox: SandboxSentry | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.sandbox = sandbox or SandboxSentry()
        self._server: BaseWSGIServer = make_server(
            host, port, create_app(self.sandbox), threaded=True, request_handler=_QuietHandler
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.port = int(self._server.server_port)
        self.url = f"http://{host}:{self.port}"
        self.sandbox.state.url = self.url
        self._thread: threading.Thread | None = None

    def dsn(self, project: str) -> str:
        return self.sandbox.dsn(project)

    def start(self) -> SandboxServer:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="sandbox", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving; waits for the thread, so that the port is free afterwards."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout=5)
            self._thread = None
        self._server.server_close()
        self.sandbox.close()

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
