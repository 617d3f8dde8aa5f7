"""The real processes of the product, started by their own commands on free ports, for end-to-end tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from app.sandbox.server import SandboxServer

BIN = Path(sys.executable).parent

OFF_BY = """
import time, time_machine
time_machine.travel(time.time() + {}, tick=True).start()
from app.cli import main
main()
"""
"""The command line with a wrong clock; the steady clock stays as it is, as on a real machine."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> None:
    """Poll until ``true()``; fail with ``what`` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


class Live:
    """Starts ``release``, ``gunicorn`` and workers with the environment that ``settings`` says."""

    def __init__(self, folder: Path, sandbox: SandboxServer, database_url: str, **more: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.environment: dict[str, str] = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SENTRY_URL": sandbox.url,
            "SENTRY_ORG": sandbox.sandbox.state.org,
            "SENTRY_AUTH_TOKEN": sandbox.sandbox.token,
            "SENTRY_CLIENT_SECRET": sandbox.sandbox.client_secret,
            "DATABASE_URL": database_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "2",
            "TRIAGE_PUBLIC_URL": self.url,
            # Off, so that a webhook that went missing is noticed rather than made up for.
            "TRIAGE_RECONCILE_SECONDS": "0",
            **more,
        }
        sandbox.sandbox.app.webhook_url = f"{self.url}/webhooks/sentry"
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            kill(process)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command of ours, to its end."""
        return subprocess.run(
            ["sentry-triage", *command],
            env=self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def release(self) -> None:
        done = self.run("release")
        assert done.returncode == 0, done.stderr

    def web(self, port: int | None = None) -> subprocess.Popen[bytes]:
        """gunicorn as the Procfile starts it, once it answers. ``port``: where it is not the only one."""
        command = ("gunicorn", "-c", "python:app.web.gunicorn_conf", "app:create_app()")
        return self._answering(port or self.port, "web.log", *command)

    def serve(self) -> subprocess.Popen[bytes]:
        """Web and worker in one process; returns once it answers."""
        return self._answering(self.port, "serve.log", "sentry-triage", "serve")

    def worker(self, name: str, *, clock_off: float = 0.0) -> subprocess.Popen[bytes]:
        """``clock_off``: seconds by which its clock is wrong."""
        command = (sys.executable, "-c", OFF_BY.format(clock_off)) if clock_off else ("sentry-triage",)
        return self._start(*command, "worker", "--name", name, log=f"{name}.log")

    def logs(self) -> Mapping[str, str]:
        return {file.name: file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log"))}

    def pids(self) -> list[int]:
        """Of everything that runs: what was started, and its children."""
        started = [process.pid for process in self.processes if process.poll() is None]
        return [pid for parent in started for pid in (parent, *children(parent))]

    def _answering(self, port: int, log: str, *command: str) -> subprocess.Popen[bytes]:
        process = self._start(*command, log=log, PORT=str(port))

        def alive() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).status_code == 200
            except requests.RequestException:
                assert process.poll() is None, (self.folder / log).read_text()
                return False

        wait_until(alive, 30, "the web process answers")
        return process

    def _start(self, *command: str, log: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as file:
            process = subprocess.Popen(
                command,
                env=self.environment | environment,
                cwd=self.folder,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


def children(pid: int) -> list[int]:
    """Processes that this one has forked (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill(process: subprocess.Popen[bytes]) -> None:
    """``kill -9`` the whole group, as when a machine goes away."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
