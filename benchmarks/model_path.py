"""How fast issues go through when a model is asked, and what it costs.

    python benchmarks/model_path.py [--json] [--issues 500] [--rounds 3] [--workers 1] [--database URL]

The pipeline measured is everything between a stored webhook and the last write: a real ``sentry-triage
worker`` process takes the rows of table ``work``, reads each issue and its event over HTTP, digests and
classifies it, redacts it, books the call, asks, keeps the verdict, reads the issue again and plans the writes,
every step checkpointed. ``TRIAGE_WRITE=shadow``: the writes themselves are not sent, because a Sentry that
took them would share these processors. The webhook's own cost is in ``ack.py``. Events are the labelled real
ones of ``tests/samples/dev.jsonl``; Sentry and the endpoint (1.5 s latency) are two asyncio servers in one
process of their own, on the same machine.

``throughput_ratio``: every issue is a different error and is asked (``TRIAGE_MODE=model``); issues a second
from the first row stored to the last job done, the start and the end of the run included, ÷ 32 calls at a
time ÷ 1.5 s. ``calls_share``: calls ÷ issues with the cascade, where 60 % of the issues repeat the error of
another one (other numbers and ids in the message). ``cost_per_1000_usd``: of that mix, by the ledger, the
default model's prices and the tokens of the prompts really sent, counted by the product's own estimate, which
is careful (docs/model.md); 128 tokens of thinking an answer are assumed, nothing cached. Medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.core.intake import Intent, Kind
from app.core.vocabulary import Source
from app.jobs.engine import migrate_jobs
from app.settings import fixed_settings
from app.store import Store, open_store
from app.store.engine import migrate

LATENCY = 1.5
CALLS = 32
REPEATED = 0.6
MODEL = "openai:gpt-6-luna"
SECRET = "benchmark-secret"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def load_events() -> list[dict[str, Any]]:
    lines = (ROOT / "tests" / "samples" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["event"] for line in lines]


def word(number: int) -> str:
    """A name for a number, in letters, because digits are taken for run-time values."""
    return LETTERS[number // 676 % 26] + LETTERS[number // 26 % 26] + LETTERS[number % 26]


def marked(event: dict[str, Any], which: str, repetition: int) -> dict[str, Any]:
    """The event as another error (``which``), once more (``repetition``) with other run-time values."""
    said = f" (in part {which}, request {uuid.UUID(int=repetition)})"
    copied: dict[str, Any] = json.loads(json.dumps(event))
    values = copied.get("exception", {}).get("values") or []
    for one in values:
        one["value"] = f"{one.get('value') or ''}{said}"
    if not values:
        for key in ("message", "title"):
            if isinstance(copied.get(key), str):
                copied[key] += said
    return {**copied, "eventID": uuid.uuid4().hex, "id": uuid.uuid4().hex}


def make_issues(count: int, repeated: float) -> dict[str, dict[str, Any]]:
    """Issues by id, in an order that mixes; ``repeated``: the share that is an error seen before."""
    rng, events = random.Random(7), load_events()
    different = round(count * (1 - repeated))
    kinds = [*range(different), *(rng.randrange(different) for _ in range(count - different))]
    rng.shuffle(kinds)
    found = {}
    for number, kind in enumerate(kinds):
        event = marked(events[kind % len(events)], word(kind), number)
        title = str(event.get("title") or "Error")
        issue = {
            "id": str(7_000_000 + number),
            "shortId": f"SHOP-{number}",
            "title": title,
            "level": event.get("level", "error"),
            "status": "unresolved",
            "platform": event.get("platform", "other"),
            "project": {"id": "1", "slug": "shop-api"},
            "metadata": {},
            "count": "3",
            "firstSeen": "2026-11-23T08:00:00Z",
            "lastSeen": "2026-11-23T08:00:00Z",
        }
        found[str(issue["id"])] = {"issue": issue, "event": event}
    return found


@contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    with log.open("a") as errors:
        started = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


@dataclass
class Run:
    """One run's figures."""

    seconds: float
    calls: int
    most_at_once: int
    cost_usd: float
    from_model: int
    cpu_seconds: float
    """Of the workers, from the first row on."""


class Bench:
    """One folder, one database, one pair of servers, some workers."""

    def __init__(self, folder: Path, mode: str, issues: dict[str, dict[str, Any]], options: Any) -> None:
        self.cpu = 0.0
        self.folder, self.issues, self.options = folder, issues, options
        self.database = options.database or f"sqlite:///{folder / 'triage.db'}"
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "LOG_LEVEL": "WARNING",
            "SENTRY_ORG": "acme",
            "SENTRY_AUTH_TOKEN": "benchmark",
            "SENTRY_CLIENT_SECRET": SECRET,
            "DATABASE_URL": self.database,
            "TRIAGE_WRITE": "shadow",
            "TRIAGE_MODE": mode,
            "TRIAGE_MODEL": MODEL,
            "TRIAGE_MODEL_RPM": "1000000",
            "TRIAGE_BUDGET_USD_DAY": "1000",
            "TRIAGE_BUDGET_USD_MONTH": "1000",
        }

    def run(self) -> Run:
        file = self.folder / "issues.json"
        file.write_text(json.dumps(self.issues), encoding="utf-8")
        settings = fixed_settings(sentry_client_secret=SECRET, database_url=self.database)
        store = open_store(settings)
        migrate(store.engine)
        migrate_jobs(self.database)
        servers = [sys.executable, str(ROOT / "benchmarks" / "model_servers.py"), str(file), str(LATENCY)]
        with process(servers, self.environment, self.folder / "servers.log") as running:
            assert running.stdout is not None
            sentry, endpoint = running.stdout.readline().split()
            self.environment |= {
                "SENTRY_URL": f"http://127.0.0.1:{sentry}",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{endpoint}/v1",
            }
            seconds = self._through(store)
            with urlopen(f"http://127.0.0.1:{endpoint}/stats", timeout=5) as answer:
                stats = json.load(answer)
        verdicts = [store.verdicts.latest(issue) for issue in self.issues]
        assert all(verdicts), "every issue has a verdict"
        spent = store.calls.ledger().month
        store.close()
        by_model = (Source.MODEL, Source.REUSED)
        answered = sum(one.verdict.source in by_model for one in verdicts if one)
        return Run(seconds, stats["calls"], stats["most_at_once"], spent, answered, self.cpu)

    def _through(self, store: Store) -> float:
        """Seconds from the first row stored to the last job done."""
        command = [sys.executable, "-c", "from app.cli import main; main()", "worker"]
        workers = [process(command, self.environment, self.folder / "worker.log") for _ in range(self.options.workers)]
        started = [one.__enter__() for one in workers]
        try:
            while len(store.workers.alive(within=5)) < len(workers):
                time.sleep(0.1)
            time.sleep(2.0)
            if self.options.profile:
                subprocess.Popen([f"{Path(sys.executable).parent}/py-spy", "record", "-g", "-d", "15", "-r", "60", "-f", "raw", "-o", self.options.profile, "-p", str(started[0].pid)])  # fmt: skip
            began = time.perf_counter()
            for issue in self.issues:
                store.work.add(Intent(Kind.TRIAGE, issue, "issue.created"), dedupe=issue)
            idle = sum(cpu_seconds(one.pid) for one in started)
            while store.work.counts() != {"done": len(self.issues)}:
                if time.perf_counter() - began > 300:
                    log = (self.folder / "worker.log").read_text()[-2000:]
                    raise RuntimeError(f"not done: {store.work.counts()}\n{log}")
                time.sleep(0.1)
            elapsed = time.perf_counter() - began
            self.cpu = sum(cpu_seconds(one.pid) for one in started) - idle
            return elapsed
        finally:
            for one in workers:
                one.__exit__(None, None, None)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(mode: str, repeated: float, options: Any) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return Bench(Path(folder), mode, make_issues(options.issues, repeated), options).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--issues", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", default="", help="an empty Postgres database; SQLite by default")
    parser.add_argument("--profile", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    full = [measure("model", 0.0, options) for _ in range(options.rounds)]
    mixed = [measure("cascade", REPEATED, options) for _ in range(1 if options.profile else options.rounds)]
    rate = statistics.median(options.issues / run.seconds for run in full)
    figures = {
        "throughput_ratio": round(rate / (CALLS / LATENCY), 3),
        "calls_share": round(statistics.median(run.calls for run in mixed) / options.issues, 3),
        "cost_per_1000_usd": round(statistics.median(r.cost_usd for r in mixed) / options.issues * 1000, 4),
        "issues_per_second": round(rate, 1),
        "calls_at_once": max(run.most_at_once for run in full),
        "cost_per_1000_asked_usd": round(
            statistics.median(r.cost_usd for r in full) / options.issues * 1000, 4
        ),
        "mixed_issues_per_second": round(statistics.median(options.issues / r.seconds for r in mixed), 1),
        "mixed_from_model": statistics.median(run.from_model for run in mixed) / options.issues,
        "worker_cpu_ms_per_issue": round(
            statistics.median(r.cpu_seconds for r in full) / options.issues * 1000, 1
        ),
        "seconds": [round(r.seconds, 1) for r in full],
        "calls": [r.calls for r in full],
    }
    print(json.dumps(figures, indent=2))


main()
