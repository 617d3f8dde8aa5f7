"""One call of Sentry's REST API: URL, token, short retries, and what the answer means. No ``requests``
here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from random import random
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import tenacity

from app.errors import Permanent, Retryable
from app.sentry.errors import BadAnswer, RateLimited, error_for
from app.sentry.pace import Pace, kind_of
from app.sentry.paging import next_cursor
from app.sentry.transport import READ_TIMEOUT, Request, Response, Transport

TRIES = 4
BUDGET = 20.0
"""Seconds that one call may take with all its retries; after that the durable job waits, not we."""
MAX_PAGES = 50
USER_AGENT = "sentry-triage"

Params = Mapping[str, str | int | list[str]]


class SentryApi:
    """Carries out calls against one Sentry and one organisation.

    ``clock`` gives unix seconds, ``sleep`` waits seconds, ``jitter`` gives 0…1. The token goes to the
    configured host only: paths are built from quoted segments and redirects are errors.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        org: str,
        *,
        transport: Transport,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._control = control_base(self._base)
        self._token = token
        self._org = org
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._pace = Pace(clock, sleep)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base!r}, org={self._org!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        control: bool = False,
    ) -> Response:
        """Send it, trying again for at most ``BUDGET`` seconds where that is safe, and return a 2xx answer:
        ``TRIES`` times, over a rate limit as often as there is time.

        A POST is repeated only after a 429, which carried out nothing. Raises the errors of
        ``app.sentry.errors``.
        """
        start = self._clock()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(method, error)),
            wait=self._wait,
            stop=lambda state: (
                self._clock() - start + state.upcoming_sleep >= BUDGET - 1
                or (state.attempt_number >= TRIES and not _rate_limited(state))
            ),
            sleep=self._sleep,
            reraise=True,
        )
        url = (self._control if control else self._base) + path
        if params:
            url += "?" + urlencode(params, doseq=True)
        return retrying(self._once, method, url, path, body, start)

    def get(self, path: str, *, params: Params | None = None, control: bool = False) -> Any:
        """The decoded JSON of a GET."""
        return decode(self.call("GET", path, params=params, control=control), f"GET {path}")

    def pages(
        self, path: str, *, params: Params | None = None, control: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Every row of a paged list, at most ``MAX_PAGES`` pages of it."""
        query: dict[str, str | int | list[str]] = dict(params or {})
        for _ in range(MAX_PAGES):
            response = self.call("GET", path, params=query, control=control)
            yield from rows(decode(response, f"GET {path}"), path)
            cursor = next_cursor(response.headers.get("link", ""))
            if cursor is None:
                return
            query["cursor"] = cursor

    def org_path(self, *segments: str | int) -> str:
        """``/api/0/organizations/{org}/…/`` with every segment quoted."""
        return api_path("organizations", self._org, *segments)

    def project_path(self, project: str, *segments: str | int) -> str:
        return api_path("projects", self._org, project, *segments)

    def _once(
        self, method: str, url: str, path: str, body: Mapping[str, Any] | None, start: float
    ) -> Response:
        what, kind = f"{method} {path}", kind_of(method, path)
        self._pace.take(kind)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        raw = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        left = max(1.0, BUDGET - (self._clock() - start))
        response = self._transport.send(Request(method, url, headers, raw, timeout=min(READ_TIMEOUT, left)))
        self._pace.learn(kind, response.headers)
        if response.status >= 300:
            raise error_for(response.status, response.headers, response.body, what, self._clock())
        if raw is None and method == "GET":
            decode(response, what)
        return response

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, Retryable) else None
        base = asked if asked is not None else 0.5 * 2 ** (state.attempt_number - 1)
        return base + self._jitter() * 0.5


def _rate_limited(state: tenacity.RetryCallState) -> bool:
    """The organisation's limits are counted by the second: a place comes free within the budget."""
    return state.outcome is not None and isinstance(state.outcome.exception(), RateLimited)


def _may_repeat(method: str, error: BaseException) -> bool:
    if isinstance(error, RateLimited):
        return True
    return isinstance(error, Retryable) and method != "POST"


def control_base(base: str) -> str:
    """Where Sentry's apps and installations live: on SaaS ``sentry.io`` itself, whatever the region host.

    Source: ``@control_silo_endpoint`` of the sentry-app endpoints. Elsewhere the configured address.
    """
    parts = urlsplit(base)
    return "https://sentry.io" if (parts.hostname or "").endswith(".sentry.io") else base


def api_path(*segments: str | int) -> str:
    """``/api/0/a/b/``. Raises ``Permanent`` for a segment that would leave the path (empty, ``.``,
    ``..``)."""
    texts = [str(segment) for segment in segments]
    if any(text in {"", ".", ".."} for text in texts):
        raise Permanent(f"not a usable identifier in {texts}")
    return "/api/0/" + "/".join(quote(text, safe="") for text in texts) + "/"


def decode(response: Response, what: str) -> Any:
    """The JSON of a 2xx answer. Raises ``BadAnswer`` where it is none: a proxy's page, a cut body."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise BadAnswer(f"{what}: {response.status}, but the body is not JSON") from None


def rows(value: Any, what: str) -> list[dict[str, Any]]:
    """The objects of a JSON list. Raises ``BadAnswer`` where it is no list."""
    if not isinstance(value, list):
        raise BadAnswer(f"{what}: a list was expected")
    return [row for row in value if isinstance(row, dict)]


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A JSON object. Raises ``BadAnswer`` where it is none."""
    if not isinstance(value, dict):
        raise BadAnswer(f"{what}: an object was expected")
    return value
