"""Log lines for people (text) or machines (JSON): ids and reasons, never a payload, a prompt or a secret."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from app.settings import Settings

_PLAIN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``ts level event`` and whatever ids the call gave."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= extras(record)
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = self.formatException(record.exc_info).splitlines()[-12:]
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """``12:00:01 INFO webhook issue=41 outcome=stored``."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        pairs = "".join(f" {key}={value}" for key, value in extras(record).items())
        text = f"{at} {record.levelname} {record.getMessage()}{pairs}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What the call passed as ``extra``, without what is empty."""
    return {key: value for key, value in record.__dict__.items() if key not in _PLAIN and value}


def configure_logging(settings: Settings) -> None:
    """One handler on standard error, for the whole process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for noisy in ("urllib3", "dbos", "alembic", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
