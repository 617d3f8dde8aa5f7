"""``serve``: everything on one machine: the database is made, webhooks are taken, jobs are worked off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from gunicorn.app.base import BaseApplication

from app import create_app
from app.jobs.engine import JobEngine, migrate_jobs
from app.jobs.workflows import build_engine
from app.logs import configure_logging
from app.reporting import own_dsn
from app.services import build_services
from app.settings import Settings, load_settings
from app.store.engine import migrate
from app.web import serving


class OneProcess(BaseApplication):
    """gunicorn with one process that takes webhooks and works jobs off.

    The job engine starts in that process, after the fork; should it die, gunicorn starts another, which takes
    over its jobs under a new name.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: JobEngine | None = None
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "workers": 1,
            "worker_class": serving.WORKER_CLASS,
            "logger_class": serving.LOGGER_CLASS,
            "threads": serving.THREADS,
            "timeout": serving.TIMEOUT,
            "graceful_timeout": serving.GRACEFUL_TIMEOUT,
            "forwarder_headers": serving.FORWARDER_HEADERS,
            "loglevel": "warning",
            "post_worker_init": lambda _worker: self._launch(),
            "worker_exit": lambda _server, _worker: self._stop(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        return create_app(self._settings).wsgi_app

    def _launch(self) -> None:
        self._engine = build_engine(build_services(self._settings))
        self._engine.launch()

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.stop()


@click.command()
def command() -> None:
    """Run web and worker in one process, on one machine; makes the database first.

    For several machines run `release`, `gunicorn` and `worker` apart, as in the Procfile.
    """
    settings = load_settings()
    configure_logging(settings)
    # What is wrong is said here, and not by a forked process.
    own_dsn(settings)
    store = build_services(settings).store
    migrate(store.engine)
    migrate_jobs(settings.database_url)
    click.echo(f"Database: {store.engine.url.render_as_string()}", err=True)
    store.close()
    click.echo(f"Listening on http://{settings.host}:{settings.port} (webhooks: /webhooks/sentry)", err=True)
    OneProcess(settings).run()
