"""``worker``: takes jobs until it is told to stop (SIGTERM, SIGINT); as many processes as you like."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from app.errors import UserError
from app.jobs.workflows import build_engine
from app.logs import configure_logging
from app.reporting import start_reporting
from app.services import build_services
from app.settings import load_settings
from app.store.engine import is_migrated

from ._priority import give_way


@click.command()
@click.option("--name", help="Executor id; a random one by default. Two workers must never share one.")
def command(name: str | None) -> None:
    """Triage issues: take jobs from the database until stopped."""
    settings = load_settings()
    configure_logging(settings)
    give_way(settings.triage_worker_nice)
    start_reporting(settings, "worker")
    services = build_services(settings)
    if not is_migrated(services.store.engine):
        raise UserError("The database is not up to date.", hint="Run: sentry-triage release")
    engine = build_engine(services, executor_id=name)
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    engine.launch()
    click.echo(f"worker {engine.executor_id} takes jobs", err=True)
    stopped.wait()
    engine.stop()
