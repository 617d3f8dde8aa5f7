"""What holds for gunicorn however it is started: by ``gunicorn_conf`` or, in one process, by ``serve``."""

from __future__ import annotations

WORKER_CLASS = "app.web.gunicorn_worker.PatientWorker"
LOGGER_CLASS = "app.web.gunicorn_worker.OurLogger"
THREADS = 16
TIMEOUT = 60
GRACEFUL_TIMEOUT = 35
"""Seconds; longer than a relay's request waits for its verdict."""

FORWARDER_HEADERS = "SCRIPT_NAME,PATH_INFO,SENTRY_SIGNATURE"
"""A relay may send its signature as ``sentry_signature``; gunicorn drops other names with underscores, which
could be taken for their twins with dashes. Peers that may: FORWARDED_ALLOW_IPS, this machine by default."""
