"""What holds for gunicorn however it is started: by ``gunicorn_conf`` or, in one process, by ``serve``."""

from __future__ import annotations

from app.core.offline import compile_rules
from app.reporting import own_dsn
from app.settings import Settings
from app.store import open_store

WORKER_CLASS = "app.web.gunicorn_worker.PatientWorker"
LOGGER_CLASS = "app.web.gunicorn_worker.OurLogger"
THREADS = 16
TIMEOUT = 60
GRACEFUL_TIMEOUT = 35
"""Seconds; longer than a relay's request waits for its verdict."""

FORWARDER_HEADERS = "SCRIPT_NAME,PATH_INFO,SENTRY_SIGNATURE"
"""A relay may send its signature as ``sentry_signature``; gunicorn drops other names with underscores, which
could be taken for their twins with dashes. Peers that may: FORWARDED_ALLOW_IPS, this machine by default."""


def check(settings: Settings) -> None:
    """Raise ``UserError`` for what a web process would fail on, while a person still reads the first lines:
    in a forked one it is a log line, and gunicorn ends with a traceback of its own. Connects to nothing."""
    settings.require("sentry_client_secret")
    compile_rules(settings.policy().rule)
    own_dsn(settings)
    open_store(settings).close()
