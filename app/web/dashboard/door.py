"""Who may come in: one token for the team, a signed cookie for twelve hours, and a limit on guessing.

The cookie is signed with a key derived from the client secret *and* the dashboard's token: changing either
signs everybody out. Signing out is remembered in the database, so that a cookie that was copied before is
worth nothing after. Failed attempts are counted in the memory of each web process, by address.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from app.settings import Settings
from app.store import Store
from app.store.clock import utc_now

LIFETIME = timedelta(hours=12)
"""Of a session, from signing in."""

TRIES = 5
WINDOW = timedelta(minutes=1)
"""Failed attempts that one address may make in that time, in each web process."""

MAX_ADDRESSES = 10_000
"""Addresses that a process remembers; past that, all failures count as one address's."""

MAX_NAME = 80
SIGNED_OUT = "dashboard.signed_out"
PATHS = frozenset({"", "issues", "scorecard", "operations", "sign-in", "sign-out"})
"""First parts of the paths that have a session; a webhook pays nothing for it."""


def session_keys(settings: Settings) -> list[bytes]:
    """Signing keys, newest first: HKDF-SHA256 of each client secret, salted with the dashboard's token."""
    salt = hashlib.sha256(settings.triage_dashboard_token.get_secret_value().encode()).digest()
    return [
        HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"sentry-triage dashboard session").derive(
            secret.encode()
        )
        for secret in settings.client_secrets
    ]


class DashboardSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, for the dashboard's own paths, ``Secure`` wherever people come by https."""

    def __init__(self, public_https: bool) -> None:
        self._public_https = public_https

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.split("/", 2)[1] not in PATHS:
            return None  # Flask makes a null session of it, which is never saved
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        forwarded = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip()
        return self._public_https or request.is_secure or forwarded == "https"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who gave the token. ``name`` is what they call themselves, and nothing more."""

    id: str
    name: str


class Attempts:
    """Failed attempts by address within ``WINDOW``, in memory."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._failed: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def wait(self, address: str) -> int:
        """Seconds until this address may try again; 0 now."""
        with self._lock:
            failed = self._recent(self._key(address))
            if len(failed) < TRIES:
                return 0
            return max(1, int((failed[0] + WINDOW - self._clock()).total_seconds()) + 1)

    def failed(self, address: str) -> None:
        with self._lock:
            key = self._key(address)
            failed = self._recent(key)
            failed.append(self._clock())
            self._failed[key] = failed

    def _key(self, address: str) -> str:
        if len(self._failed) >= MAX_ADDRESSES and address not in self._failed:
            for known in list(self._failed):
                if not self._recent(known):
                    del self._failed[known]
            if len(self._failed) >= MAX_ADDRESSES:
                return ""
        return address

    def _recent(self, key: str) -> deque[datetime]:
        since = self._clock() - WINDOW
        failed = self._failed.get(key) or deque(maxlen=TRIES)
        while failed and failed[0] <= since:
            failed.popleft()
        return failed


class Door:
    """Signs people in and out."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], datetime] = utc_now) -> None:
        self._token = settings.triage_dashboard_token.get_secret_value()
        self._facts = store.facts
        self._clock = clock
        self.attempts = Attempts(clock)

    @property
    def exists(self) -> bool:
        """False without a token: the dashboard is off."""
        return bool(self._token)

    def fits(self, given: str) -> bool:
        """Compares digests, so that neither content nor length of the token shows in the time it takes."""
        mine, theirs = (hashlib.sha256(text.encode()).digest() for text in (self._token, given))
        return hmac.compare_digest(mine, theirs)

    def sign_in(self, name: str) -> None:
        """A new session: whatever the cookie said before is forgotten."""
        session.clear()
        session["id"] = secrets.token_hex(16)
        session["until"] = (self._clock() + LIFETIME).timestamp()
        session["name"] = " ".join(name.split())[:MAX_NAME]
        session.permanent = True

    def sign_out(self, visitor: Visitor) -> None:
        """Forget the cookie, and refuse any copy of it for as long as it would have lived."""
        now = self._clock().timestamp()

        def with_this_one(known: dict[str, float] | None) -> dict[str, float]:
            kept = {key: until for key, until in (known or {}).items() if until > now}
            return kept | {visitor.id: now + LIFETIME.total_seconds()}

        self._facts.change(SIGNED_OUT, with_this_one)
        session.clear()

    def visitor(self) -> Visitor | None:
        """Who asks; none without a session that still holds."""
        key, until = session.get("id"), session.get("until", 0.0)
        if not key or until <= self._clock().timestamp() or key in self._facts.get(SIGNED_OUT, {}):
            return None
        return Visitor(key, session.get("name", ""))


def safe_path(wanted: str) -> str:
    """``wanted`` where it is a path of our own, else ``/``: nobody is sent elsewhere after signing in."""
    parts = urlsplit(wanted)
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if plain and not parts.scheme and not parts.netloc and "\\" not in wanted else "/"
