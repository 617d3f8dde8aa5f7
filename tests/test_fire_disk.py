"""The disk under SQLite is full for a while: a real small file system, so root is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .fire import OWN, PROJECT, Deliveries, assert_once, wait_triaged
from .live import Live, wait_until
from .require import require
from .rig import error

SIZE = "24m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of ``SIZE``."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        require("small file system", "only root may mount one")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


@pytest.fixture
def sandbox(deliveries: Deliveries) -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry(send=deliveries)) as server:
        yield server


def fill(disk: Path) -> Path:
    """Take every free byte; answers the file that holds them."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            while True:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    break
    return ballast


def test_a_full_disk_refuses_webhooks_and_passes(
    tmp_path: Path, small_disk: Path, sandbox: SandboxServer, deliveries: Deliveries
) -> None:
    database = f"sqlite:///{small_disk / 'triage.db'}"
    with Live(tmp_path, sandbox, database, SENTRY_DSN=sandbox.dsn(OWN)) as live:
        live.release()
        serving = live.serve()
        numbers = iter(range(1000))

        def report(count: int) -> None:
            for _ in range(count):
                sandbox.sandbox.capture(PROJECT, error(next(numbers)))
            assert sandbox.sandbox.hooks.flush()

        report(3)
        wait_triaged(live, sandbox, deliveries.taken(), 60)
        ballast = fill(small_disk)
        refused = 0
        while not refused and next(numbers) < 400:  # what the files had in reserve is used up first
            report(5)
            refused = deliveries.by_status()[500]
        assert refused, deliveries.by_status()
        assert all(one.hook_error for one in deliveries.answers if one.status == 500)
        assert set(deliveries.by_status()) <= {202, 500}
        ballast.unlink()

        def taken_again() -> bool:
            before = deliveries.by_status()[202]
            report(1)
            return deliveries.by_status()[202] > before

        wait_until(taken_again, 30, "webhooks are taken again")
        report(3)
        assert serving.poll() is None, live.logs()
        wait_triaged(live, sandbox, deliveries.taken(), 90)
        assert_once(sandbox, deliveries.taken())
