"""Webhooks: who hears of what, in which words, signed; delivered once from background threads.

An internal integration gets one attempt with a short timeout, no redirects, no retry (tasks/sentry_apps.py).
``Chaos`` is a knob for tests: deliver twice, out of order, or not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from . import payloads
from .model import App
from .state import Happening, State

Send = Callable[[str, bytes, Mapping[str, str], float], int]
TIMEOUT = 1.0
TIMEOUT_23_7 = 5.0
_KEPT_DELIVERIES = 10_000


@dataclass
class Chaos:
    """``copies``: times each webhook is sent; ``spread``: seconds within which they arrive shuffled;
    ``drop``: share that is never sent, 1.0 being a receiver that is down."""

    copies: int = 1
    spread: float = 0.0
    drop: float = 0.0
    seed: int = 0
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - repeatable tests, no secrets


@dataclass(frozen=True)
class Delivery:
    """One attempt. ``status``: the HTTP status, 0 for a timeout or refused connection, None when dropped."""

    app: str
    url: str
    resource: str
    action: str
    at: datetime
    body: bytes
    headers: Mapping[str, str]
    status: int | None
    ms: float
    error: str = ""

    @property
    def event_type(self) -> str:
        return f"{self.resource}.{self.action}"

    def json(self) -> Any:
        return json.loads(self.body)


def sign(secret: str, body: bytes) -> str:
    """Hex HMAC-SHA256 over the raw bytes."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def encode(payload: Mapping[str, Any]) -> bytes:
    """Sentry's own JSON: compact separators, ASCII only."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def send_with_requests(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
    answer = requests.post(url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=False)
    return answer.status_code


class Hooks:
    """Listens to the state and delivers. ``deliveries`` is the request log, newest last.

    ``timeout``: seconds; Sentry has an override per organisation too.
    """

    def __init__(
        self, state: State, *, send: Send = send_with_requests, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.chaos = Chaos()
        self.timeout = TIMEOUT if state.modern else TIMEOUT_23_7
        self.deliveries: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)
        self._state = state
        self._send = send
        self._sleep = sleep
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sandbox-hook")
        self._pending: set[Future[None]] = set()
        self._pending_lock = threading.Lock()
        state.listeners.append(self.on_happening)

    def on_happening(self, happening: Happening) -> None:
        """Queue what each subscribed integration hears of it. Called with the lock held; never blocks."""
        for app in list(self._state.apps.values()):
            action = subscribed_action(app, happening, modern=self._state.modern)
            if app.webhook_url and action:
                body = payloads.webhook(self._state, app, happening, action)
                self.fire(app, happening.resource, action, body)

    def fire(self, app: App, resource: str, action: str, payload: Mapping[str, Any]) -> None:
        """Send this payload to this integration, whether it subscribed or not."""
        body = encode(payload)
        seed = uuid.uuid4().hex
        for _ in range(self.chaos.copies):
            if self.chaos.random.random() < self.chaos.drop:
                dropped = self._attempt(app, resource, action, body, {}, None, 0.0, "dropped")
                self.deliveries.append(dropped)
                continue
            delay = self.chaos.random.uniform(0, self.chaos.spread) if self.chaos.spread else 0.0
            with self._pending_lock:  # so that ``flush`` never sees it neither queued nor done
                future = self._pool.submit(self._deliver, app, resource, action, body, seed, delay)
                self._pending.add(future)
            future.add_done_callback(self._forget)

    def _forget(self, future: Future[None]) -> None:
        with self._pending_lock:
            self._pending.discard(future)

    def _deliver(self, app: App, resource: str, action: str, body: bytes, seed: str, delay: float) -> None:
        if delay:
            self._sleep(delay)
        headers = self._headers(app, resource, body, seed)
        started, status, error = time.perf_counter(), 0, ""
        try:
            status = self._send(app.webhook_url or "", body, headers, self.timeout)
        except requests.RequestException as problem:
            error = type(problem).__name__
        ms = (time.perf_counter() - started) * 1000
        self.deliveries.append(self._attempt(app, resource, action, body, headers, status, ms, error))

    def _attempt(
        self,
        app: App,
        resource: str,
        action: str,
        body: bytes,
        headers: Mapping[str, str],
        status: int | None,
        ms: float,
        error: str,
    ) -> Delivery:
        url = app.webhook_url or ""
        return Delivery(app.slug, url, resource, action, self._state.now(), body, headers, status, ms, error)

    def _headers(self, app: App, resource: str, body: bytes, seed: str) -> dict[str, str]:
        headers = dict(app.webhook_headers)
        headers |= {
            "Content-Type": "application/json",
            "Request-ID": uuid.uuid4().hex,
            "Sentry-Hook-Resource": resource,
            "Sentry-Hook-Timestamp": str(int(self._state.now().timestamp())),
            "Sentry-Hook-Signature": sign(app.client_secret, body),
            "User-Agent": f"sentry/{'26.8.0' if self._state.modern else '23.7.1'} (https://sentry.io)",
        }
        if self._state.modern:
            key = f"{seed}:installation:{app.installation}"
            headers["Idempotency-Key"] = hashlib.sha256(key.encode()).hexdigest()[:32]
        return headers

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until everything queued has been tried; False when ``timeout`` seconds were not enough."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with self._pending_lock:
                if not self._pending:
                    return True
            time.sleep(0.005)
        return False

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def subscribed_action(app: App, happening: Happening, *, modern: bool) -> str | None:
    """The action under which this integration hears of it, or None. ``unresolved`` is unknown to 23.7."""
    resource, action = happening.resource, happening.action
    if (resource, action) == ("issue", "unresolved") and not modern:
        return None
    if resource in app.events or f"{resource}.{action}" in app.events:
        return action
    if (resource, action) == ("issue", "ignored") and "issue.archived" in app.events:
        return "archived"
    return None
