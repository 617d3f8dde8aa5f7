"""Requests as an attacker builds them: bytes on a socket."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any

from app.core.webhook import HOOK_SIGNATURE, sign

BODY = json.dumps({"action": "created", "data": {"issue": {"id": "41"}}}).encode()


def connect(port: int, timeout: float = 15.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def request_bytes(
    headers: Mapping[str, str] | list[tuple[str, str]],
    body: bytes,
    *,
    path: str = "/webhooks/sentry",
    length: int | None = None,
) -> bytes:
    pairs = list(headers.items()) if isinstance(headers, Mapping) else headers
    names = {name.lower() for name, _ in pairs}
    lines = [f"POST {path} HTTP/1.1", "Host: triage.test", "Connection: close"]
    if "transfer-encoding" not in names and "content-length" not in names:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def exchange(port: int, sent: bytes, timeout: float = 15.0) -> tuple[int, bytes]:
    """Status of the first answer and everything that came; 0 where the connection was just closed."""
    with connect(port, timeout) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has read enough
            sock.sendall(sent)
        received = b""
        try:
            while part := sock.recv(65536):
                received += part
        except (ConnectionResetError, TimeoutError):
            pass
    first = received.split(b" ", 2)
    return (int(first[1]) if len(first) > 1 and first[1][:3].isdigit() else 0), received


def signed(secret: str, body: bytes = BODY, **more: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Sentry-Hook-Resource": "issue",
        HOOK_SIGNATURE: sign(secret, body),
    }
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


def chunked(body: bytes, size: int = 10) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


Json = dict[str, Any]
