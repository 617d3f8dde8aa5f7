"""gunicorn's settings: ``gunicorn -c python:app.web.gunicorn_conf 'app:create_app()'``.

gthread, so that a slow page does not hold a webhook up; PORT, WEB_CONCURRENCY and HOST as in the settings.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

from app.errors import UserError
from app.settings import load_settings
from app.web import serving

try:
    _settings = load_settings()
    serving.check(_settings)
except UserError as error:  # gunicorn prints the message alone, on one line
    raise UserError(f"{error} {error.hint}".strip()) from None
_counts, _master = tempfile.mkdtemp(prefix="sentry-triage-metrics-"), os.getpid()

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_concurrency
worker_class = serving.WORKER_CLASS
threads = serving.THREADS
worker_connections = 1000
timeout = serving.TIMEOUT
graceful_timeout = serving.GRACEFUL_TIMEOUT
keepalive = 5
max_requests = 0
preload_app = False
forwarder_headers = serving.FORWARDER_HEADERS
accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()
logger_class = serving.LOGGER_CLASS
# Set before the web processes start, because prometheus_client reads it when it is imported.
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={_counts}"]


def child_exit(_server: Any, worker: Any) -> None:
    """A web process ended: its counts stay, its gauges go."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid, path=_counts)  # type: ignore[no-untyped-call]


@atexit.register  # on_exit is not called where the port is taken
def _forget_counts() -> None:
    if os.getpid() == _master:
        shutil.rmtree(_counts, ignore_errors=True)
