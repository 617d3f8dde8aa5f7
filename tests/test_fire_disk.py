"""The disk under SQLite is full for a while, while webhooks flow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.sandbox.server import SandboxServer

from .fire import OWN, Deliveries, assert_once, hail, triaged, wait_triaged
from .live import Live, wait_until
from .small_disk import Disk, limited, mounted


@pytest.fixture(params=[mounted, limited])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with request.param(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def live(tmp_path: Path, under_fire: SandboxServer, disk: Disk) -> Iterator[Live]:
    database = f"sqlite:///{disk.folder / 'triage.db'}"
    with Live(tmp_path, under_fire, database, SENTRY_DSN=under_fire.dsn(OWN)) as live:
        yield live


def test_a_full_disk_refuses_webhooks_and_work_goes_on_once_there_is_room(
    live: Live, disk: Disk, under_fire: SandboxServer, deliveries: Deliveries
) -> None:
    process = live.serve()
    with hail(under_fire, rate=5):
        wait_until(lambda: len(triaged(under_fire)) >= 3, 60, "work has begun")
        disk.fill(live)
        wait_until(lambda: deliveries.by_status()[500] >= 10, 60, "webhooks are refused")
        assert requests.get(f"{live.url}/health", timeout=5).status_code == 200
        disk.empty(live)
        before = len(triaged(under_fire))
        wait_until(lambda: len(triaged(under_fire)) > before, 60, "work goes on")
    wait_triaged(live, under_fire, deliveries.taken(), 90)
    refused = [one for one in deliveries.answers if one.status != 202]
    assert all(one.status == 500 and one.hook_error for one in refused), refused
    assert_once(under_fire, deliveries.taken())
    assert process.poll() is None, live.logs()
