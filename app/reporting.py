"""Our own errors, sent to our own ``SENTRY_DSN``: the type and the frames, and nothing that an event said.

The event is built here from what may leave, rather than scrubbed of what may not: no message, no local
variables, no source lines, no request, no breadcrumbs, no host name. Two guards against going round for ever:
issues of that project are never triaged (``Services.is_our_own``), and a process sends at most ``PER_HOUR``.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Protocol

from app.errors import Permanent, UserError
from app.sentry.ingest import Dsn
from app.settings import Settings

PER_HOUR = 20
"""Errors that one process reports in an hour."""

NOT_OURS = ("sentry_sdk", "urllib3")
"""Loggers whose errors come from reporting itself."""

Capture = Callable[[Mapping[str, Any]], object]


class Reporter:
    """``capture``: sends one finished event, without waiting. ``project``: id of our own project."""

    def __init__(
        self, capture: Capture, project: str, component: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.project = project
        self._capture = capture
        self._component = component
        self._clock = clock
        self._sent: deque[float] = deque()
        self._lock = threading.Lock()

    def report(self, error: BaseException) -> str:
        """Send an error; answers its event id, or nothing where the hour's share is used up."""
        if not self._take():
            return ""
        event = event_of(error, self._component)
        self._capture(event)
        return str(event["event_id"])

    def _take(self) -> bool:
        now = self._clock()
        with self._lock:
            while self._sent and now - self._sent[0] > 3600:
                self._sent.popleft()
            if len(self._sent) >= PER_HOUR:
                return False
            self._sent.append(now)
        return True


class ReportHandler(logging.Handler):
    """Reports what is logged with an exception at ERROR; ``extra={"report": …}`` says that it was already."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.ERROR)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".", 1)[0] in NOT_OURS or hasattr(record, "report"):
            return
        if record.exc_info and record.exc_info[1] is not None:
            self._reporter.report(record.exc_info[1])


class _Client(Protocol):
    def capture_event(self, event: Any) -> object: ...


def event_of(error: BaseException, component: str) -> dict[str, Any]:
    """The event for an error and what caused it, oldest cause first as SDKs send it."""
    return {
        "event_id": uuid.uuid4().hex,
        "level": "error",
        "platform": "python",
        "logger": "sentry-triage",
        "release": f"sentry-triage@{metadata.version('sentry-triage')}",
        "tags": {"component": component},
        "exception": {"values": [_exception(one) for one in reversed(_chain(error))]},
    }


def _chain(error: BaseException) -> list[BaseException]:
    found = [error]
    while len(found) < 5:
        last = found[-1]
        following = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if following is None or following in found:
            break
        found.append(following)
    return found


def _exception(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    return {
        "type": kind.__name__,
        "module": kind.__module__,
        "value": "",
        "stacktrace": {"frames": _frames(error.__traceback__)},
    }


def _frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    frames = []
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        frames.append(
            {
                "module": module,
                "filename": module.replace(".", "/") + ".py",
                "function": trace.tb_frame.f_code.co_name,
                "lineno": trace.tb_lineno,
                "in_app": module.split(".", 1)[0] == "app",
            }
        )
        trace = trace.tb_next
    return frames[-50:]


def own_dsn(settings: Settings) -> Dsn | None:
    """Where ``SENTRY_DSN`` reports to; None where none is set.

    Raises ``UserError`` where it is no DSN, and where the ``errors`` extra is not installed.
    """
    text = settings.sentry_dsn.get_secret_value()
    if not text:
        return None
    try:
        dsn = Dsn.parse(text)
    except Permanent as error:
        raise UserError(f"SENTRY_DSN: {error}.", hint="Copy it from the project's Client Keys.") from None
    if find_spec("sentry_sdk") is None:
        raise UserError(
            "SENTRY_DSN is set, but sentry-sdk is not installed.",
            hint="pip install 'sentry-triage[errors]', or unset SENTRY_DSN.",
        )
    return dsn


def start_reporting(settings: Settings, component: str) -> Reporter | None:
    """The reporter by ``SENTRY_DSN``, hung into logging too; none where none is set.

    Raises as ``own_dsn``.
    """
    dsn = own_dsn(settings)
    if dsn is None:
        return None
    client = _client(settings.sentry_dsn.get_secret_value())
    reporter = Reporter(client.capture_event, dsn.project_id, component)
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, ReportHandler)]:
        root.removeHandler(old)
    root.addHandler(ReportHandler(reporter))
    return reporter


def _client(dsn: str) -> _Client:
    import sentry_sdk

    # A client of our own, not sentry_sdk.init: nothing global is patched, no integration reads anything.
    client: _Client = sentry_sdk.Client(
        dsn=dsn,
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        traces_sample_rate=0.0,
        send_client_reports=False,
        auto_session_tracking=False,
        server_name="",
        before_send=only_known,
    )
    return client


KNOWN = frozenset(
    {"event_id", "level", "platform", "logger", "release", "tags", "exception", "timestamp", "sdk"}
)


def only_known(event: Any, _hint: Any) -> Any:
    """What the SDK added to our event (host, environment, modules, arguments) is taken out again."""
    return {key: value for key, value in event.items() if key in KNOWN}
