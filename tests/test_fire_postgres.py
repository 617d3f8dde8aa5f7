"""Postgres dies and comes back while webhooks flow and two workers work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.sandbox.server import SandboxServer

from .fire import OWN, Deliveries, assert_once, hail, triaged, wait_triaged
from .live import Live, wait_until
from .postgres import Server, own_server


@pytest.fixture
def postgres() -> Iterator[Server]:
    with own_server() as server:
        yield server


def test_postgres_restarts_in_mid_run(
    tmp_path: Path, postgres: Server, under_fire: SandboxServer, deliveries: Deliveries
) -> None:
    own_dsn = under_fire.dsn(OWN)
    with Live(tmp_path, under_fire, postgres.url, SENTRY_DSN=own_dsn) as live:
        live.release()
        live.web()
        workers = [live.worker("first"), live.worker("second")]
        with hail(under_fire, rate=8):
            wait_until(lambda: len(triaged(under_fire)) >= 3, 60, "work has begun")
            postgres.stop("immediate")
            time.sleep(2.0)
            postgres.start()
            before = len(triaged(under_fire))
            wait_until(lambda: len(triaged(under_fire)) > before, 60, "work goes on")
        wait_triaged(live, under_fire, deliveries.taken(), 90)
        refused = [one for one in deliveries.answers if one.status != 202]
        assert refused
        assert all(one.status == 500 and one.hook_error for one in refused), refused
        assert_once(under_fire, deliveries.taken())
        assert all(worker.poll() is None for worker in workers), live.logs()
