"""The two servers of ``model_path.py`` in one process of their own: a Sentry that only answers reads, and a
Chat Completions endpoint that takes its time. Plain asyncio, so that they cost next to nothing.

    python benchmarks/model_servers.py ISSUES.json LATENCY_SECONDS

Prints its two ports. ``GET /stats`` of the endpoint: calls, the most at one time, and when the first came and
the last was answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.core.prompt import estimate_tokens

REASONING_TOKENS = 128
"""What a small model spends on thinking at low effort before so short an answer; an assumption."""

Handler = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]


class Endpoint:
    """Answers every question after ``latency`` seconds; counts tokens as our careful estimate does."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self.stats: dict[str, Any] = {"calls": 0, "most_at_once": 0, "first": None, "last": None}
        self._now = 0

    async def __call__(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/stats":
            return 200, json.dumps(self.stats).encode()
        self._now += 1
        self.stats["calls"] += 1
        self.stats["most_at_once"] = max(self.stats["most_at_once"], self._now)
        self.stats["first"] = self.stats["first"] or time.time()
        await asyncio.sleep(self._latency)
        self._now -= 1
        self.stats["last"] = time.time()
        return 200, self._answer(json.loads(body))

    def _answer(self, request: dict[str, Any]) -> bytes:
        text = json.dumps(
            {
                "category": "Logic",
                "severity": "medium",
                "root_cause": "A value that the code takes for granted is missing in the data it was given.",
                "suggested_fix": "Check the value where it enters, and answer with a clear error.",
                "requires_immediate_action": False,
                "confidence": 0.82,
                "evidence": ["title", "level"],
            }
        )
        tokens = sum(estimate_tokens(str(one["content"])) for one in request["messages"])
        usage = {"prompt_tokens": tokens, "completion_tokens": estimate_tokens(text) + REASONING_TOKENS}
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json.dumps({"model": request["model"], "choices": [choice], "usage": usage}).encode()


class Reads:
    """``GET`` of an issue and of its event; every list is empty."""

    def __init__(self, issues: dict[str, dict[str, Any]]) -> None:
        self._issues = {key: json.dumps(one["issue"]).encode() for key, one in issues.items()}
        self._events = {key: json.dumps(one["event"]).encode() for key, one in issues.items()}

    async def __call__(self, path: str, body: bytes) -> tuple[int, bytes]:
        parts = path.partition("?")[0].strip("/").split("/")
        number = parts[parts.index("issues") + 1] if "issues" in parts else ""
        if number not in self._issues:
            return 200, b"[]"
        return 200, self._events[number] if "events" in parts else self._issues[number]


async def serve(handler: Handler) -> int:
    """Keep-alive HTTP/1.1 on a free port of the loopback address."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                sizes = [line[15:] for line in lines if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(sizes[0])) if sizes else b""
                status, answer = await handler(lines[0].split(" ")[1], body)
                writer.write(
                    f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, limit=1 << 20, backlog=256)
    return int(server.sockets[0].getsockname()[1])


async def main() -> None:
    issues = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    ports = [await serve(Reads(issues)), await serve(Endpoint(float(sys.argv[2])))]
    print(*ports, flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
