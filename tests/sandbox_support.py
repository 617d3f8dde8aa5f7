"""What the sandbox's tests share: a clock that is set by hand, events, and the comparison of JSON shapes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.sandbox import MemberSpec, ProjectSpec, SandboxSentry, TokenSpec, create_app

SAMPLES = Path(__file__).parent / "samples" / "sentry"
START = datetime(2026, 9, 14, 8, 12, 33, 120000, UTC)
ALL_SCOPES = [
    "org:read",
    "org:write",
    "project:read",
    "project:write",
    "team:read",
    "member:read",
    "event:read",
    "event:write",
    "event:admin",
]
APP_TOKEN = "app-token"
PERSON_TOKEN = "person-token"


class Clock:
    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


def sample(path: str) -> Any:
    return json.loads((SAMPLES / path).read_text())


def lab(**rest: Any) -> SandboxSentry:
    """The lab the recordings were made in: shop belongs to backend, bob is in no team of it."""
    rest.setdefault("clock", Clock())
    rest.setdefault(
        "tokens",
        (
            TokenSpec(APP_TOKEN, tuple(ALL_SCOPES)),
            TokenSpec(PERSON_TOKEN, tuple(ALL_SCOPES), "admin@lab.test"),
        ),
    )
    return SandboxSentry(
        "sentry",
        members=(
            MemberSpec("admin@lab.test", "Admin", "owner"),
            MemberSpec("alice@lab.test", "Alice"),
            MemberSpec("bob@lab.test", "Bob"),
            MemberSpec("new@lab.test", "New", pending=True),
        ),
        teams={"sentry": (), "backend": ("admin@lab.test", "alice@lab.test"), "frontend": ("bob@lab.test",)},
        projects=(
            ProjectSpec("shop", "python", ("backend",)),
            ProjectSpec("web", "javascript", ("frontend",)),
        ),
        open_membership=rest.pop("open_membership", False),
        **rest,
    )


class Api:
    """A REST client without a socket. Returns (status, JSON, headers)."""

    def __init__(self, sandbox: SandboxSentry, token: str = APP_TOKEN) -> None:
        self.client = create_app(sandbox).test_client()
        self.token = token

    def __call__(self, method: str, path: str, body: Any = None, **rest: Any) -> tuple[int, Any, Any]:
        headers = {"Authorization": f"Bearer {rest.pop('token', self.token)}"}
        answer = self.client.open(f"/api/0/{path}", method=method, json=body, headers=headers, **rest)
        return answer.status_code, answer.get_json(silent=True), answer.headers

    def get(self, path: str, **rest: Any) -> Any:
        status, body, _ = self("GET", path, **rest)
        assert status == 200, (status, body)
        return body


def event(kind: str = "FreshError", value: str = "fresh transcript issue", **fields: Any) -> dict[str, Any]:
    """The lab's event: two in-app frames, a user, a release."""
    frames = [
        {
            "filename": "shop/views.py",
            "abs_path": "/app/shop/views.py",
            "module": "shop.views",
            "function": "checkout",
            "lineno": 10,
            "in_app": True,
            "context_line": "    charge(cart)",
        },
        {
            "filename": "shop/db.py",
            "abs_path": "/app/shop/db.py",
            "module": "shop.db",
            "function": "charge",
            "lineno": 42,
            "in_app": True,
            "pre_context": ["def charge(cart):"],
            "context_line": "    conn = connect(dsn)",
        },
    ]
    mechanism = {"type": "generic", "handled": False}
    exception = {"type": kind, "value": value, "module": "shop.db", "mechanism": mechanism}
    return {
        "platform": "python",
        "level": "error",
        "release": "shop@1.0.0",
        "environment": "production",
        "transaction": "/checkout",
        "server_name": "web-1",
        "tags": {"component": "payments"},
        "user": {"id": "42", "email": "customer@example.test"},
        "sdk": {"name": "lab", "version": "1"},
        "exception": {"values": [{**exception, "stacktrace": {"frames": frames}}]},
        **fields,
    }


def annotation(stored: Any, **fields: Any) -> dict[str, Any]:
    """Our annotation event for the group of ``stored``, as technique A sends it."""
    body: dict[str, Any] = sample("ingest/annotation_event.json")
    last = stored.data["exception"]["values"][-1]
    values = [{key: last[key] for key in ("type", "value", "mechanism")}]
    body |= {"checksum": stored.hashes[0], "culprit": stored.culprit, "timestamp": stored.at.timestamp()}
    return {**body, "exception": {"values": values}, **fields}


def envelope(*events: dict[str, Any], header: dict[str, Any] | None = None) -> bytes:
    parts = [json.dumps(header or {})]
    for body in events:
        payload = json.dumps(body)
        parts += [json.dumps({"type": "event", "length": len(payload)}), payload]
    return "\n".join(parts).encode() + b"\n"


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body)


def differences(seen: Any, recorded: Any, path: str = "$") -> list[str]:
    """Where ``seen`` has other keys or other JSON types than ``recorded``; null fits every type."""
    if seen is None or recorded is None:
        return []
    if isinstance(recorded, dict) and isinstance(seen, dict):
        missing = [f"{path}.{key} is missing" for key in recorded.keys() - seen.keys()]
        extra = [f"{path}.{key} is not in the recording" for key in seen.keys() - recorded.keys()]
        both = recorded.keys() & seen.keys()
        return (
            missing
            + extra
            + [d for key in both for d in differences(seen[key], recorded[key], f"{path}.{key}")]
        )
    if isinstance(recorded, list) and isinstance(seen, list):
        return differences(seen[0], recorded[0], f"{path}[0]") if seen and recorded else []
    numbers = isinstance(seen, int | float) and isinstance(recorded, int | float)
    if type(seen) is not type(recorded) and not numbers:
        return [f"{path} is {type(seen).__name__}, recorded {type(recorded).__name__}"]
    return []
