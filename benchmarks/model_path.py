"""How fast issues go through when a model is asked, and what it costs.

    python benchmarks/model_path.py [--json] [--issues 500] [--rounds 3] [--workers 2] [--database URL]

The pipeline is everything between a stored webhook and the writes: real ``sentry-triage worker`` processes
take the rows of table ``work``, read each issue and its event over HTTP, digest and classify it, redact it,
book the call, ask, keep the verdict, read the issue again and plan the writes, checkpointed. The writes are
not sent (``TRIAGE_WRITE=shadow``): a Sentry that took them would share these processors. The webhook's own
cost is in ``ack.py``. Events are the labelled real ones of ``tests/samples/dev.jsonl``; Sentry and the
endpoint (1.5 s latency) are two asyncio servers in one process of their own, on the same machine.

``throughput_ratio``: every issue is a different error and is asked (``TRIAGE_MODE=model``); issues a second
from the first row stored to the last job done, the start and the end of the run included, ÷ 32 calls at a
time ÷ 1.5 s. The workers share the 32.

``calls_share``: calls ÷ issues with the cascade, where 60 % of the issues repeat the error of another one
(other ids in the message). In every second error the exception's class is renamed to one of the team's own,
which no knowledge base knows: on events as they are, the offline classifier hardly leaves a question open,
because its weights were fitted on them.

``cost_per_1000_usd``: of that mix, by the ledger: default model and price table, tokens of the prompts really
sent, counted by the product's own careful estimate (docs/model.md); 128 tokens of thinking an answer are
assumed, nothing cached. All figures are medians of the rounds. Linux only (``/proc``).
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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.core.intake import Intent, Kind
from app.core.vocabulary import Source
from app.jobs.engine import migrate_jobs
from app.settings import fixed_settings
from app.store import Store, open_store
from app.store.engine import migrate

ROOT = Path(__file__).resolve().parent.parent
LATENCY = 1.5
CALLS = 32
PATIENCE = 600
"""Seconds for one run."""
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


def rename(event: dict[str, Any], name: str) -> None:
    """The team's own class instead of a library's."""
    for one in event.get("exception", {}).get("values") or []:
        one["type"], one["module"] = name, ""
    event["title"] = name


def make_issues(count: int, repeated: float) -> dict[str, dict[str, Any]]:
    """Issues by id, in an order that mixes; ``repeated``: the share that is an error seen before."""
    rng, events = random.Random(7), load_events()
    different = round(count * (1 - repeated))
    kinds = [*range(different), *(rng.randrange(different) for _ in range(count - different))]
    rng.shuffle(kinds)
    found = {}
    for number, kind in enumerate(kinds):
        event = marked(events[kind % len(events)], word(kind), number)
        if repeated and kind % 2:
            rename(event, f"Shop{word(kind).title()}Trouble")
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
            "TRIAGE_MODEL_CONCURRENCY": str(CALLS // options.workers),
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
        log = self.folder / "worker.log"
        with ExitStack() as stack:
            workers = [
                stack.enter_context(process(command, self.environment, log))
                for _ in range(self.options.workers)
            ]
            while len(store.workers.alive(within=5)) < len(workers):
                time.sleep(0.1)
            time.sleep(2.0)
            idle = sum(cpu_seconds(one.pid) for one in workers)
            began = time.perf_counter()
            for issue in self.issues:
                store.work.add(Intent(Kind.TRIAGE, issue, "issue.created"), dedupe=issue)
            while store.work.counts() != {"done": len(self.issues)}:
                if time.perf_counter() - began > PATIENCE:
                    raise RuntimeError(f"not done: {store.work.counts()}\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            elapsed = time.perf_counter() - began
            self.cpu = sum(cpu_seconds(one.pid) for one in workers) - idle
            return elapsed


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(mode: str, repeated: float, options: Any) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return Bench(Path(folder), mode, make_issues(options.issues, repeated), options).run()


def per_thousand(runs: list[Run], issues: int) -> float:
    return round(statistics.median(run.cost_usd for run in runs) / issues * 1000, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--issues", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", default="", help="an empty Postgres database; SQLite by default")
    options = parser.parse_args()
    full = [measure("model", 0.0, options) for _ in range(options.rounds)]
    mixed = [measure("cascade", REPEATED, options) for _ in range(options.rounds)]
    rate = statistics.median(options.issues / run.seconds for run in full)
    figures = {
        "throughput_ratio": round(rate / (CALLS / LATENCY), 3),
        "calls_share": round(statistics.median(run.calls for run in mixed) / options.issues, 3),
        "cost_per_1000_usd": per_thousand(mixed, options.issues),
        "issues_per_second": round(rate, 1),
        "calls_at_once": max(run.most_at_once for run in full),
        "worker_cpu_ms_per_issue": round(
            statistics.median(run.cpu_seconds for run in full) / options.issues * 1000, 1
        ),
        "cost_per_1000_usd_if_all_are_asked": per_thousand(full, options.issues),
        "load_average": os.getloadavg()[0],
    }
    if not options.json:
        for name, value in figures.items():
            print(f"{name:36} {value}")
        return
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
