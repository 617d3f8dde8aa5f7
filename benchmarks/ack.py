"""How fast a webhook is acknowledged, beside a bare Flask route in the same run.

    python benchmarks/ack.py [--json] [--seconds 3] [--rounds 3]

Two servers are started by the same gunicorn settings: ours, and ``bare_app.py``, which verifies the
signature, parses the body and inserts one SQLite row. They are loaded in turn (ours, bare, ours, …) over 16
kept connections from one process; each figure is the median of the rounds. Machines are noisy: use the ratio.

``throughput_ratio``: ours ÷ bare, the lower of the two body sizes (15 KB and 500 KB).
``p99_ms_at_50rps_busy``: 50 requests a second at an even pace, while two workers triage a backlog against a
sandbox Sentry on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from app.core.webhook import sign
from app.sandbox import SandboxSentry, SandboxServer

HERE = Path(__file__).resolve().parent
SECRET = "benchmark-secret"
SIZES = {"15 KB": 15_000, "500 KB": 500_000}
CONNECTIONS = 16
BACKLOG = 1000
BUSY_SECONDS = 25.0


def body(size: int) -> bytes:
    """An ``issue.created`` webhook of about ``size`` bytes."""
    issue = {"id": "6507376925", "shortId": "SHOP-1", "title": "KeyError", "metadata": {"value": "x" * size}}
    return json.dumps({"action": "created", "data": {"issue": issue}}, separators=(",", ":")).encode()


class Request:
    """Bytes of a POST; each has a Request-ID of its own, so none is taken for a repetition."""

    def __init__(self, port: int, payload: bytes) -> None:
        head = (
            f"POST /webhooks/sentry HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\nSentry-Hook-Resource: issue\r\n"
            f"Sentry-Hook-Signature: {sign(SECRET, payload)}\r\nRequest-ID: "
        )
        self._head, self._payload = head.encode(), payload

    def bytes(self) -> bytes:
        return self._head + uuid.uuid4().hex.encode() + b"\r\n\r\n" + self._payload


class Connection:
    """One kept connection: sends, then reads an answer whose body has a length."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._seen = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bool:
        """Read what is there; True once the answer is complete. Raises unless it is a 202."""
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("the server hung up")
        self._seen += got
        if b"\r\n\r\n" not in self._seen:
            return False
        head, _, rest = self._seen.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(head.decode(errors="replace").splitlines()[0])
        length = next(int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:"))
        if len(rest) < length:
            return False
        self._seen = b""
        return True


def throughput(port: int, payload: bytes, seconds: float) -> float:
    """Requests a second over ``CONNECTIONS`` connections that never pause."""
    request, done = Request(port, payload), 0
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            connection = Connection(port)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(request.bytes())
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(timeout=1):
                if key.data.receive():
                    done += 1
                    key.data.send(request.bytes())
        elapsed = time.perf_counter() - began
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return done / elapsed


def paced(port: int, payload: bytes, rate: int, seconds: float) -> list[float]:
    """Seconds each of ``rate`` requests a second took, counted from when it was due.

    Over ``CONNECTIONS`` kept connections in turn, as Sentry's many senders do: a late answer does not make
    the next request late. Runs in a process and a session of its own: beside the sandbox's threads it would
    wait for Python's lock and for the sandbox's share of the processors, and not for us.
    """
    os.setsid()
    request, total = Request(port, payload), int(rate * seconds)
    idle = deque(Connection(port) for _ in range(CONNECTIONS))
    due_at: dict[Connection, float] = {}
    took: list[float] = []
    with selectors.SelectSelector() as selector:  # waits to the microsecond
        for connection in idle:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        sent, began = 0, time.perf_counter()
        while len(took) < total:
            due = began + sent / rate
            if sent < total and idle and time.perf_counter() >= due:
                connection, sent = idle.popleft(), sent + 1
                due_at[connection] = due
                connection.send(request.bytes())
                continue
            wait = max(0.0, due - time.perf_counter()) if sent < total and idle else None
            for key, _ in selector.select(wait):
                if key.data.receive():
                    took.append(time.perf_counter() - due_at.pop(key.data))
                    idle.append(key.data)
    return took


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


def environment(folder: Path, sandbox: SandboxServer, port: int) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": f"{HERE}:{HERE.parent}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "LOG_LEVEL": "WARNING",
        "SENTRY_URL": sandbox.url,
        "SENTRY_ORG": "acme",
        "SENTRY_AUTH_TOKEN": sandbox.sandbox.token,
        "SENTRY_CLIENT_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{folder / 'triage.db'}",
        "BARE_DATABASE": str(folder / "bare.db"),
    }


def compare(ours: int, bare: int, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, size in SIZES.items():
        payload, ratios, mine, theirs = body(size), [], [], []
        for port in (ours, bare):
            throughput(port, payload, 0.5)
        for _ in range(rounds):
            mine.append(throughput(ours, payload, seconds))
            theirs.append(throughput(bare, payload, seconds))
            ratios.append(mine[-1] / theirs[-1])
        found[name] = {
            "ours_rps": statistics.median(mine),
            "bare_rps": statistics.median(theirs),
            "ratio": statistics.median(ratios),
        }
    return found


def busy(sandbox: SandboxServer, folder: Path, port: int, env: dict[str, str]) -> tuple[float, float]:
    """p50 and p99 in ms at 50 requests a second while two workers work a backlog off."""
    for number in range(BACKLOG):
        sandbox.sandbox.capture("shop-api", error(number))
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(running(["sentry-triage", "worker"], env, folder))
        time.sleep(4)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as client:
            took = sorted(client.submit(paced, port, body(15_000), 50, BUSY_SECONDS).result())
        if not left_over(folder):
            raise RuntimeError("the workers ran out of work before the end: raise BACKLOG")
    return 1000 * took[len(took) // 2], 1000 * took[int(len(took) * 0.99)]


def error(number: int) -> dict[str, object]:
    frame = {
        "filename": f"shop/p{number}.py",
        "module": f"shop.p{number}",
        "function": "view",
        "in_app": True,
    }
    values = [{"type": "KeyError", "value": "'quantity'", "stacktrace": {"frames": [frame]}}]
    return {"platform": "python", "level": "error", "exception": {"values": values}}


def measure(seconds: float, rounds: int) -> dict[str, object]:
    """Everything, in one run."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(SandboxServer(SandboxSentry()))
        ours, bare = free_port(), free_port()
        env = environment(folder, sandbox, ours)
        subprocess.run(["sentry-triage", "release"], env=env, check=True, capture_output=True, cwd=folder)
        gunicorn = ["gunicorn", "-c", "python:app.web.gunicorn_conf"]
        stack.enter_context(running([*gunicorn, "app:create_app()"], env, folder))
        stack.enter_context(running([*gunicorn, "bare_app:app"], env | {"PORT": str(bare)}, folder))
        wait_for(ours)
        wait_for(bare)
        sizes = compare(ours, bare, seconds, rounds)
        empty_queue(folder)
        sandbox.sandbox.app.webhook_url = f"http://127.0.0.1:{ours}/webhooks/sentry"
        sandbox.sandbox.app.client_secret = SECRET
        p50, p99 = busy(sandbox, folder, ours, env)
    return {
        "throughput_ratio": round(min(size["ratio"] for size in sizes.values()), 3),
        "p99_ms_at_50rps_busy": round(p99, 1),
        "p50_ms_at_50rps_busy": round(p50, 1),
        "bodies": {name: {k: round(v, 3) for k, v in size.items()} for name, size in sizes.items()},
    }


def left_over(folder: Path) -> int:
    """Issues of the backlog that no worker has begun."""
    query = "SELECT count(DISTINCT subject) FROM work WHERE state = 'queued'"
    with sqlite3.connect(folder / "triage.db", timeout=30) as connection:
        return int(connection.execute(query).fetchone()[0]) - 1  # the webhooks' own issue


def empty_queue(folder: Path) -> None:
    """The throughput runs stored many rows about one issue: the workers need not see them."""
    with sqlite3.connect(folder / "triage.db", timeout=30) as connection:
        connection.execute("DELETE FROM work")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = measure(options.seconds, options.rounds)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    table = Table("body", "ours, requests/s", "bare, requests/s", "ratio")
    for name, size in found["bodies"].items():  # type: ignore[attr-defined]
        table.add_row(name, f"{size['ours_rps']:.0f}", f"{size['bare_rps']:.0f}", f"{size['ratio']:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"50 requests/s while workers are busy: p50 {found['p50_ms_at_50rps_busy']} ms, "
        f"p99 {found['p99_ms_at_50rps_busy']} ms"
    )


if __name__ == "__main__":
    main()
