"""Workers whose clocks are wrong by minutes: the database's clock counts, not theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sandbox.server import SandboxServer

from .fire import PROJECT, Deliveries, assert_once, triaged, wait_triaged
from .live import Live, kill, wait_until
from .rig import error


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_clocks_that_differ_by_twenty_minutes(
    tmp_path: Path, under_fire: SandboxServer, deliveries: Deliveries, database_url: str
) -> None:
    with Live(tmp_path, under_fire, database_url) as live:
        live.release()
        live.web()
        fast = live.worker("fast", clock_off=600)
        slow = live.worker("slow", clock_off=-600)
        for number in range(20):
            under_fire.sandbox.capture(PROJECT, error(number))
        assert under_fire.sandbox.hooks.flush()
        wait_triaged(live, under_fire, deliveries.taken(), 60)
        assert len(deliveries.taken()) == 20
        assert_once(under_fire, deliveries.taken())
        assert "taking over" not in "".join(live.logs().values())
        assert fast.poll() is None
        assert slow.poll() is None
        for number in range(20, 40):
            under_fire.sandbox.capture(PROJECT, error(number))
        assert under_fire.sandbox.hooks.flush()
        wait_until(lambda: len(triaged(under_fire)) > 22, 60, "work has begun")
        kill(fast)
        wait_triaged(live, under_fire, deliveries.taken(), 60)
        assert_once(under_fire, deliveries.taken())
