"""A Chat Completions server on a socket, in a thread: what it does is told by a word in the question."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

GOOD: Mapping[str, Any] = {
    "category": "Network",
    "severity": "high",
    "root_cause": "The payment service did not answer.",
    "suggested_fix": "Check that the payment service can be reached.",
    "requires_immediate_action": True,
    "confidence": 0.9,
    "evidence": ["exception:0.type", "level"],
}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200}

Behaviour = Callable[["Handler", int], None]
"""What one question gets; the number says how often this word was asked about before."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][-1]["content"]
        word = next((word for word in self.owner.behaviours if word in asked), "")
        with self.owner.lock:
            seen = self.owner.words.count(word)
            self.owner.words.append(word)
            self.owner.times.append(time.monotonic())
        self.owner.behaviours.get(word, self.owner.default)(self, seen)

    def json(self, body: Any, status: int = 200, **headers: str) -> None:
        self.raw(json.dumps(body).encode(), status, **headers)

    def raw(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer(self, text: str | None = None, *, usage: Mapping[str, int] = USAGE, **changes: Any) -> None:
        text = json.dumps({**GOOD, **changes}) if text is None else text
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self.json({"model": "gpt-6-luna", "choices": [choice], "usage": dict(usage)})

    def reset(self) -> None:
        """The connection ends with a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


class ModelServer:
    """``behaviours``: word ▸ what a question that holds it gets; ``words``: of each call, in order."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.behaviours: dict[str, Behaviour] = {}
        self.words: list[str] = []
        self.times: list[float] = []
        self.latency = 0.0
        self.default: Behaviour = self.good
        handler = type("OwnHandler", (Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def good(self, handler: Handler, seen: int) -> None:
        time.sleep(self.latency)
        handler.answer()

    @property
    def calls(self) -> int:
        return len(self.words)

    def __enter__(self) -> ModelServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
