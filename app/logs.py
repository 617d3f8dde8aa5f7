"""Log lines for people (text) or machines (JSON): ids and reasons, never a payload, a prompt or a secret.

Three things keep it so. Only the keys in ``KEYS`` are written, whatever a call passes. An exception is told
by its type and its frames, never by its message, which may quote what came from an event. And the last thing
that happens to a line is that our own secrets are taken out of it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from app.settings import Settings

KEYS = (
    "request_id",
    "delivery",
    "issue",
    "project",
    "job",
    "attempt",
    "ms",
    "outcome",
    "reason",
    "workers",
    "workflow",
    "chore",
    "report",
)
"""What a call may pass as ``extra``; anything else is dropped."""

GEN_AI = "gen_ai."
"""Prefix of OpenTelemetry's names for model calls (``gen_ai.usage.input_tokens``, …); passed as they are."""

OWN = ("app", "gunicorn", "sentry-triage")
"""Loggers whose messages we know; of all others the message is kept without its arguments."""

MAX_VALUE = 500
MAX_FRAMES = 12
SHORTEST_SECRET = 6
HIDDEN = "[hidden]"


class SafeFormatter(logging.Formatter):
    """What both formats share. ``secrets``: values that must not appear in any line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._secrets = sorted(known, key=len, reverse=True)

    def hide(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line


class JsonFormatter(SafeFormatter):
    """One JSON object a line: ``ts level event`` and whatever ids the call gave."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "ts": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": message_of(record),
            "logger": record.name,
        }
        line |= extras(record)
        kind, frames = trace_of(record)
        if kind:
            line |= {"error": kind, "trace": frames}
        return self.hide(json.dumps(line, ensure_ascii=False, default=str))


class TextFormatter(SafeFormatter):
    """``12:00:01 INFO webhook issue=41 outcome=stored``; an error adds one indented line a frame."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        pairs = "".join(f" {key}={value}" for key, value in extras(record).items())
        text = f"{at} {record.levelname} {message_of(record)}{pairs}"
        kind, frames = trace_of(record)
        if kind:
            text += f" error={kind}" + "".join(f"\n    {frame}" for frame in frames)
        return self.hide(text)


def message_of(record: logging.LogRecord) -> str:
    """One line. Of a library's message only the template: its arguments may be what an event said."""
    own = record.name.split(".", 1)[0] in OWN
    return one_line(record.getMessage() if own else record.msg)


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """The known keys that were passed as ``extra``, without what is empty."""
    found: dict[str, Any] = {}
    for key, value in record.__dict__.items():
        if (key in KEYS or key.startswith(GEN_AI)) and value not in (None, "", [], ()):
            found[key] = value if isinstance(value, int | float) else one_line(value)
    return found


def trace_of(record: logging.LogRecord) -> tuple[str, list[str]]:
    """Type of the exception and its last frames (``module:line function``); empty without one."""
    if not record.exc_info or record.exc_info[0] is None:
        return "", []
    return record.exc_info[0].__name__, frames_of(record.exc_info[2])[-MAX_FRAMES:]


def frames_of(trace: TracebackType | None) -> list[str]:
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        module = trace.tb_frame.f_globals.get("__name__", "?")
        frames.append(f"{module}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames


def one_line(value: object) -> str:
    """Bounded, and without anything that could begin a line of its own or steer a terminal."""
    text = str(value)[:MAX_VALUE]
    return "".join(char if char.isprintable() else "·" for char in text)


def configure_logging(settings: Settings) -> None:
    """One handler on standard error, for the whole process. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonFormatter if settings.log_format == "json" else TextFormatter
    handler.setFormatter(formatter(settings.secrets()))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for noisy in ("urllib3", "dbos", "alembic", "werkzeug", "sqlalchemy", "sentry_sdk"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # DBOS brings a handler of its own when its logger has none; ours is to be the only one.
    dbos = logging.getLogger("dbos")
    dbos.handlers = [logging.NullHandler()]
    dbos.propagate = True
