"""gunicorn's settings: ``gunicorn -c python:app.web.gunicorn_conf 'app:create_app()'``.

gthread, so that a slow page does not hold a webhook up; PORT, WEB_CONCURRENCY and HOST as in the settings.
"""

from __future__ import annotations

from app.settings import load_settings

_settings = load_settings()

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "gthread"
threads = 16
timeout = 60
graceful_timeout = 35
keepalive = 5
max_requests = 0
preload_app = False
# A relay may send its signature as `sentry_signature`; gunicorn drops other names with underscores, which
# could be taken for their twins with dashes. Peers that may: FORWARDED_ALLOW_IPS, this machine by default.
forwarder_headers = "SCRIPT_NAME,PATH_INFO,SENTRY_SIGNATURE"
accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()
