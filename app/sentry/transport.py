"""The only place that touches ``requests``: one HTTP exchange, bounded in time and size, never redirected."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import requests

from app.sentry.errors import TooLarge, Unreachable

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
MAX_BODY = 16 * 1024 * 1024
"""Bytes of an answer. An event with large contexts is below 2 MB; what is above this is not Sentry."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, complete. ``headers`` may hold a secret, so they are left out of the repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = READ_TIMEOUT
    """Seconds for the whole answer."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Transport(Protocol):
    """Anything that can carry out a ``Request``. Raises ``Unreachable`` when no whole answer came."""

    def send(self, request: Request) -> Response: ...


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without it ``requests`` would replace our Authorization header by one from ``~/.netrc``."""
    return request


class RequestsTransport:
    """``Transport`` over a ``requests.Session``, which keeps connections open between calls."""

    def __init__(self, session: requests.Session | None = None) -> None:
        self._session = session or requests.Session()

    def send(self, request: Request) -> Response:
        deadline = time.monotonic() + request.timeout
        try:
            with self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.body,
                auth=_no_auth,
                timeout=(min(CONNECT_TIMEOUT, request.timeout), request.timeout),
                allow_redirects=False,
                stream=True,
            ) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status_code, headers, _read(answer, deadline))
        except requests.RequestException as error:
            # The text of a requests error holds the URL only, but its chain holds the request: cut it.
            raise Unreachable(f"{request.method} {_host(request.url)}: {type(error).__name__}") from None


def _read(answer: requests.Response, deadline: float) -> bytes:
    parts, size = [], 0
    for part in answer.iter_content(65536):
        size += len(part)
        if size > MAX_BODY:
            raise TooLarge(f"the answer is larger than {MAX_BODY} bytes")
        if time.monotonic() > deadline:
            raise Unreachable("the answer did not end in time")
        parts.append(part)
    return b"".join(parts)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"
