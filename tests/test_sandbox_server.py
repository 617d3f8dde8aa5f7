"""The sandbox on a socket: the real SDK reports into it, faults and limits on demand, and the command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from app.cli.sandbox import command
from app.sandbox import SandboxSentry, SandboxServer

from .sandbox_support import APP_TOKEN, Clock, event, lab

AUTH = {"Authorization": f"Bearer {APP_TOKEN}"}
ISSUE = "/api/0/organizations/sentry/issues/1/"


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(lab()) as server:
        server.sandbox.capture("shop", event())
        yield server


REPORTER = """
import json, os, sentry_sdk

def parse(text):
    return json.loads(text)

sentry_sdk.init(dsn=os.environ["DSN"], release="shop@1.0.0", environment="test")
for number in range(3):
    try:
        parse("{" * (number + 1))
    except ValueError as error:
        sentry_sdk.capture_exception(error)
sentry_sdk.capture_message("disk is filling up", level="warning")
"""


def test_the_real_sdk_reports_real_errors(tmp_path: Path) -> None:
    script = tmp_path / "reporter.py"
    script.write_text(REPORTER)
    sandbox = SandboxSentry()
    with SandboxServer(sandbox) as server:
        subprocess.run(
            [sys.executable, script], env={**os.environ, "DSN": server.dsn("shop-api")}, check=True
        )
        first, second = sandbox.issues()
        assert (first["title"].split(":")[0], first["count"]) == ("JSONDecodeError", 3)
        assert (second["title"], second["priority"]) == ("disk is filling up", "medium")
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        path = f"{server.url}/api/0/organizations/acme/issues/1/events/latest/"
        latest = requests.get(path, headers=headers, timeout=5).json()
    frames = latest["entries"][0]["data"]["values"][-1]["stacktrace"]["frames"]
    ours = next(frame for frame in frames if frame["function"] == "parse")
    assert [ours["lineNo"], "    return json.loads(text)"] in ours["context"]
    assert latest["contexts"]["runtime"]["name"] == "CPython"
    assert latest["sdk"]["name"].startswith("sentry.python")


def get(server: SandboxServer, path: str = ISSUE, **rest: Any) -> requests.Response:
    return requests.get(f"{server.url}{path}", headers=AUTH, timeout=rest.pop("timeout", 5))


def test_faults_answer_what_they_are_told(server: SandboxServer) -> None:
    rule = server.sandbox.faults.add(r"/issues/\d+/$", status=429, headers={"Retry-After": "2"}, times=2)
    answers = [get(server) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].headers["Retry-After"], rule.hits) == ("2", 2)
    server.sandbox.faults.add(r".", methods=["GET"], status=502)
    assert get(server).text.startswith("<html>")
    server.sandbox.faults.clear()
    assert get(server).status_code == 200


def test_faults_by_share_are_repeatable() -> None:
    def run() -> list[bool]:
        sandbox = lab(seed=7)
        sandbox.faults.add(r"/x", share=0.3, status=500)
        return [sandbox.faults.pick("GET", "/x") is not None for _ in range(200)]

    first = run()
    assert first == run()
    assert 40 < sum(first) < 80


def test_a_write_can_succeed_and_its_answer_be_lost(server: SandboxServer) -> None:
    server.sandbox.faults.add(r"/notes/$", methods=["POST"], status=500, after=True, times=1)
    path = f"{server.url}{ISSUE}notes/"
    answers = [requests.post(path, json={"text": "once"}, headers=AUTH, timeout=5) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 400]
    assert server.sandbox.issues()[0]["comments"] == ["once"]


def test_a_hanging_answer(server: SandboxServer) -> None:
    server.sandbox.faults.add(r".", hang=0.6, times=1)
    with pytest.raises(requests.ReadTimeout):
        get(server, timeout=0.2)
    assert get(server).status_code == 200


def test_published_limits_only_when_switched_on() -> None:
    clock = Clock()
    sandbox = lab(clock=clock)
    sandbox.capture("shop", event())
    with SandboxServer(sandbox) as server:
        assert "X-Sentry-Rate-Limit-Limit" not in get(server).headers
        sandbox.limits.enabled = True
        answers = [get(server) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[0].headers["X-Sentry-Rate-Limit-Remaining"] == "4"
        assert int(answers[5].headers["X-Sentry-Rate-Limit-Reset"]) >= clock().timestamp()
        clock.pass_(seconds=1.1)
        assert get(server).status_code == 200


def test_the_port_is_free_after_stop() -> None:
    server = SandboxServer(lab()).start()
    server.stop()
    again = SandboxServer(lab(), port=server.port)
    again.stop()


def test_the_command_prints_what_to_configure() -> None:
    run = [sys.executable, "-c", "from app.cli.sandbox import command; command()", "--port", "0", "--json"]
    process = subprocess.Popen(
        run, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        text += process.stdout.readline()
    facts = json.loads(text)
    headers = {"Authorization": f"Bearer {facts['token']}"}
    answer = requests.get(f"{facts['url']}/api/0/organizations/acme/issues/", headers=headers, timeout=5)
    assert (answer.status_code, answer.json()) == (200, [])
    assert re.fullmatch(r"http://[0-9a-f]{32}@127\.0\.0\.1:\d+/1", facts["dsn"]["shop-api"])
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


def test_a_port_in_use_is_one_sentence(server: SandboxServer) -> None:
    result = CliRunner().invoke(command, ["--port", str(server.port)])
    assert result.exit_code == 1
    assert "Choose another --port." in result.output
    assert "Traceback" not in result.output


def test_many_at_once_lose_nothing(server: SandboxServer) -> None:
    """Ingest and reads from eight threads; every event is counted once."""
    from concurrent.futures import ThreadPoolExecutor

    key = server.sandbox.key("shop").public

    def one(number: int) -> int:
        body = json.dumps(event(event_id=f"{number:032x}"))
        url = f"{server.url}/api/1/store/?sentry_key={key}"
        get(server)
        return requests.post(url, data=body, timeout=10).status_code

    started = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(100))) == {200}
    assert server.sandbox.issues()[0]["count"] == 101
    assert time.perf_counter() - started < 20
