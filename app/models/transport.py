"""The only place that talks to a model: one POST with a wall clock, bounded retries and a bounded body.

The clock is enforced by a thread: a socket's timeout bounds one read and no name look-up, so a server that
drips bytes, or a resolver that hangs, would hold a worker for minutes.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import tenacity

from app.errors import Retryable

from .base import CallFault, HttpRequest, HttpResponse
from .reading import quota_is_spent

CONNECT_SECONDS = 5.0
CALL_SECONDS = 30.0
"""The whole call, retries and waiting included."""
ATTEMPTS = 3
MAX_BODY = 1_000_000
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})


class Unanswered(Retryable):
    """No usable HTTP answer within the call's time. Says which case; never what was sent."""

    def __init__(self, fault: CallFault, *, after: float | None = None, attempts: int = 1) -> None:
        super().__init__(f"the model did not answer: {fault.value}", after=after)
        self.fault = fault
        self.attempts = attempts


class _KeepHeaders(requests.auth.AuthBase):
    """Without it requests would put a ``~/.netrc`` entry over our Authorization header."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Sends requests. Safe to share between threads: each attempt has a connection of its own."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        connect_seconds: float = CONNECT_SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._clock, self._sleep, self._wall, self._jitter = clock, sleep, wall, jitter
        self._connect, self._attempts = connect_seconds, attempts

    def send(self, request: HttpRequest, within: float = CALL_SECONDS) -> HttpResponse:
        """The answer, whatever its status, once it is not one worth trying again.

        ``within``: seconds for everything. Raises :class:`Unanswered`.
        """
        deadline = self._clock() + within
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unanswered),
            stop=lambda state: self._give_up(state, deadline),
            wait=lambda state: self._wait(state),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, request, deadline)
        except Unanswered as last:
            count = int(retrying.statistics.get("attempt_number", 1))
            raise Unanswered(last.fault, after=last.after, attempts=count) from None

    def _once(self, request: HttpRequest, deadline: float) -> HttpResponse:
        left = deadline - self._clock()
        if left <= 0:
            raise Unanswered(CallFault.TIMEOUT)
        response = within_seconds(left, lambda: self._post(request, left))
        spent = response.status == 429 and quota_is_spent(response.body)
        if response.status in _AGAIN and not spent:
            fault = CallFault.RATE_LIMITED if response.status == 429 else CallFault.SERVER_ERROR
            raise Unanswered(fault, after=self._retry_after(response))
        return response

    def _post(self, request: HttpRequest, left: float) -> HttpResponse:
        timeout = (min(self._connect, left), left)
        try:
            with (
                requests.Session() as session,
                session.post(
                    request.url,
                    data=request.body,
                    headers=dict(request.headers),
                    timeout=timeout,
                    stream=True,
                    allow_redirects=False,
                    auth=_KeepHeaders(),
                ) as answer,
            ):
                headers = {k.lower(): v for k, v in answer.headers.items()}
                return HttpResponse(answer.status_code, headers, _bounded(answer))
        except requests.Timeout:
            raise Unanswered(CallFault.TIMEOUT) from None
        except requests.RequestException:
            raise Unanswered(CallFault.CONNECTION) from None

    def _give_up(self, state: tenacity.RetryCallState, deadline: float) -> bool:
        """After the last attempt, after a body too large, or where the wait would outlast the call."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Unanswered) and error.fault is CallFault.TOO_LARGE:
            return True
        return state.attempt_number >= self._attempts or self._clock() + self._wait(state) >= deadline

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """What the server asked for, else half a second doubling, with jitter."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Retryable) and error.after is not None:
            return error.after
        return float(0.5 * 2 ** (state.attempt_number - 1) * (0.5 + self._jitter() / 2))

    def _retry_after(self, response: HttpResponse) -> float | None:
        """``Retry-After`` in seconds or as a date; OpenAI and Azure also send milliseconds."""
        millis, text = (
            response.headers.get("retry-after-ms", ""),
            response.headers.get("retry-after", "").strip(),
        )
        try:
            seconds = float(millis) / 1000 if millis else float(text)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(text).timestamp() - self._wall()
            except (TypeError, ValueError):
                return None
        return min(max(0.0, seconds), 86_400.0) if seconds == seconds else None


def _bounded(answer: requests.Response) -> bytes:
    body = b""
    for chunk in answer.iter_content(65_536):
        body += chunk
        if len(body) > MAX_BODY:
            raise Unanswered(CallFault.TOO_LARGE)
    return body


def within_seconds(seconds: float, call: Callable[[], HttpResponse]) -> HttpResponse:
    """The call's result or error, or Unanswered(timeout) after so many seconds whatever the call is doing.

    A call that is given up on ends by its own socket timeouts; its daemon thread holds nothing of ours.
    """
    box: dict[str, Any] = {}

    def run() -> None:
        try:
            box["value"] = call()
        except BaseException as error:
            box["error"] = error

    worker = threading.Thread(target=run, name="model-call", daemon=True)
    worker.start()
    worker.join(seconds)
    if "error" in box:
        raise box["error"]
    if "value" not in box:
        raise Unanswered(CallFault.TIMEOUT)
    value: HttpResponse = box["value"]
    return value
