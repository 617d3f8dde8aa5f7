"""A rolling restart: every process is replaced by one of another name while webhooks flow."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from app.sandbox.server import SandboxServer

from .fire import Deliveries, assert_once, hail, wait_triaged
from .live import Live, free_port


def leave(process: subprocess.Popen[bytes]) -> int:
    """As a deploy ends a process: SIGTERM, and time to finish."""
    process.terminate()
    return process.wait(timeout=40)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_deploy_under_load_loses_and_doubles_nothing(
    tmp_path: Path, under_fire: SandboxServer, deliveries: Deliveries, database_url: str
) -> None:
    with Live(tmp_path, under_fire, database_url, WEB_CONCURRENCY="1") as live:
        live.release()
        ports = [free_port() for _ in range(4)]
        addresses = [f"http://127.0.0.1:{port}/webhooks/sentry" for port in ports]
        webs = [live.web(port) for port in ports[:2]]
        workers = [live.worker("old one"), live.worker("old two")]
        deliveries.targets = addresses[:2]
        left = []
        with hail(under_fire, rate=12):
            for number in range(2):
                webs.append(live.web(ports[2 + number]))
                # The proxy learns of the new one first, and of the end of the old one by its refusal.
                deliveries.targets = [*addresses[number : 2 + number], addresses[2 + number]]
                left.append(leave(webs[number]))
                live.worker(f"new {number}")
                left.append(leave(workers[number]))
        assert left == [0, 0, 0, 0], live.logs()
        assert set(deliveries.by_status()) == {202}, deliveries.by_status()
        assert len(deliveries.taken()) > 20
        wait_triaged(live, under_fire, deliveries.taken(), 90)
        assert_once(under_fire, deliveries.taken())
