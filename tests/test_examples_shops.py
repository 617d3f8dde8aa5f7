"""The example shops, started as their READMEs say, against the sandbox: errors arrive and are triaged."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.sandbox import SandboxSentry, SandboxServer

from .live import Live, free_port, wait_until

ROOT = Path(__file__).parent.parent


@pytest.fixture
def silent() -> Iterator[str]:
    """A payment provider that takes calls and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def command_of(readme: Path, port: int) -> list[str]:
    """The shop's own line of the README, on another port."""
    found = re.search(r"SENTRY_DSN=… (.+--port )\d+", readme.read_text())
    assert found, readme
    return shlex.split(found[1] + str(port))


@pytest.mark.parametrize("shop", ["flask_shop", "fastapi_shop"])
def test_the_shop_breaks_and_is_triaged(shop: str, tmp_path: Path, silent: str) -> None:
    port = free_port()
    with SandboxServer(SandboxSentry()) as sandbox:
        sandbox.sandbox.hooks.timeout = 15.0
        with Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live:
            live.release()
            live.web()
            live.worker("one")
            live.environment |= {"SENTRY_DSN": sandbox.dsn("shop-api"), "PAYMENTS_URL": silent}
            live.folder = ROOT  # as the README's commands are meant
            process = live._start(
                *command_of(ROOT / "examples" / shop / "README.md", port), log=str(tmp_path / "shop.log")
            )
            wait_until(lambda: _status(port, "/") == 200, 60, "the shop answers")
            assert _status(port, "/api/users/1") == 200
            assert _status(port, "/api/users/9") == 404
            assert [_status(port, path) for path in ("/test-error", "/api/users/2", "/api/orders")] == [
                500
            ] * 3
            wait_until(lambda: len(sandbox.sandbox.issues()) == 3, 30, "three issues")
            wait_until(
                lambda: all("triage.category" in i["tags"] for i in sandbox.sandbox.issues()),
                90,
                "all are triaged",
            )
            assert process.poll() is None
        found = {issue["title"].split(":")[0]: issue["tags"] for issue in sandbox.sandbox.issues()}
    assert set(found) == {"ZeroDivisionError", "KeyError", "ReadTimeout"}
    assert found["ZeroDivisionError"]["triage.category"] == "Logic"
    assert found["ReadTimeout"]["triage.category"] in {"ThirdParty", "Network"}


def _status(port: int, path: str) -> int:
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=20).status_code
    except requests.RequestException:
        return 0
