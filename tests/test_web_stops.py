"""A web process that is told to stop: who has connected is answered, who has not is refused at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .live import Live, children, wait_until
from .security_kit import BODY, connect, request_bytes, signed

WAITING = 20


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with (
        SandboxServer(SandboxSentry()) as sandbox,
        Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live,
    ):
        live.release()
        yield live


def is_refused(live: Live) -> bool:
    try:
        connect(live.port).close()
    except ConnectionRefusedError:
        return True
    return False


def webhook(live: Live, number: int) -> bytes:
    headers = signed(live.environment["SENTRY_CLIENT_SECRET"], BODY, Request_ID=f"{number:032x}")
    return request_bytes(headers, BODY)


def test_those_who_wait_in_the_backlog_are_answered(live: Live) -> None:
    web = live.web()
    frozen = children(web.pid)
    assert frozen
    with ExitStack() as stack:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        waiting = [stack.enter_context(connect(live.port)) for _ in range(WAITING)]
        for number, one in enumerate(waiting):
            one.sendall(webhook(live, number))
        web.send_signal(signal.SIGTERM)
        wait_until(lambda: "Handling signal: term" in live.logs()["web.log"], 10, "it is told to stop")
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        answers = [one.recv(4096)[:12] for one in waiting]
    assert answers == [b"HTTP/1.1 202"] * WAITING
    assert web.wait(timeout=20) == 0


def test_who_comes_while_others_are_still_served_goes_elsewhere(live: Live) -> None:
    web = live.web()
    request = webhook(live, 0)
    with connect(live.port) as slow:
        slow.sendall(request[:-5])
        wait_until(lambda: not is_refused(live), 5, "it listens")
        web.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(live), 5, "it takes no more connections")
        assert web.poll() is None, "it still waits for the slow one"
        slow.sendall(request[-5:])
        assert slow.recv(4096)[:12] == b"HTTP/1.1 202"
    assert web.wait(timeout=20) == 0
