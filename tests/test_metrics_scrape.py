"""``/metrics``: right with several web processes, never falling, and closed to strangers."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, insert

from app import create_app
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.settings import fixed_settings
from app.store import Store
from app.store.engine import migrate
from app.store.tables import model_calls, redactions, verdicts, work, writes
from app.store.totals import EVERY
from app.store.vault import Vault
from app.web.metrics_database import AGREEMENT_KEPT, DatabaseCollector

from .conftest import SECRET
from .filled import NOW, put_correction, put_issue
from .live import Live


def samples(text: str) -> dict[str, float]:
    """``name{labels}`` to value, without the timestamps of creation."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def scraped(store: Store) -> dict[str, float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector(store, fixed_settings()))
    return samples(generate_latest(registry).decode())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with SandboxServer(SandboxSentry()) as sandbox:
        database = f"sqlite:///{tmp_path / 'triage.db'}"
        more = {"TRIAGE_METRICS_TOKEN": "let-me-in", "TMPDIR": str(tmp_path)}
        with Live(tmp_path, sandbox, database, **more) as live:
            live.release()
            live.web()
            yield live


def hook(live: Live, number: int) -> int:
    body = json.dumps({"action": "created", "data": {"issue": {"id": str(number)}}}).encode()
    secret = live.environment["SENTRY_CLIENT_SECRET"]
    headers = {
        "Sentry-Hook-Resource": "issue",
        "Sentry-Hook-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        "Request-ID": f"{number:032x}",
        "Connection": "close",
    }
    return requests.post(f"{live.url}/webhooks/sentry", data=body, headers=headers, timeout=30).status_code


def scrape(live: Live) -> dict[str, float]:
    answer = requests.get(
        f"{live.url}/metrics",
        headers={"Authorization": "Bearer let-me-in", "Connection": "close"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


def test_two_web_processes_are_one_count(live: Live) -> None:
    arbiter = live.processes[0].pid
    children = [int(pid) for pid in Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()]
    assert len(children) == 2
    for turn, idle in enumerate(children):  # each in turn, with the other one held still
        os.kill(idle, signal.SIGSTOP)
        assert [hook(live, turn * 20 + n) for n in range(20)] == [202] * 20
        os.kill(idle, signal.SIGCONT)
    counted = {file.name for file in live.folder.glob("sentry-triage-metrics-*/counter_*.db")}
    assert len(counted) == 2, "both processes count"
    key = "triage_webhooks_total{action=created,resource=issue,result=stored}"
    for _ in range(6):  # whichever process answers
        found = scrape(live)
        assert found[key] == 40
        assert found["triage_webhook_ack_seconds_count{}"] == 40
        assert found["triage_queue_depth{state=queued}"] == 40
        assert found["triage_database_up{}"] == 1


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic let-me-in"])
def test_without_the_token_nothing_is_told(vault: Vault, tmp_path: Path, header: str) -> None:
    settings = fixed_settings(
        SENTRY_CLIENT_SECRET=SECRET,
        TRIAGE_METRICS_TOKEN="let-me-in",
        DATABASE_URL=f"sqlite:///{tmp_path}/a.db",
    )
    client = create_app(settings).test_client()
    answer = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert b"triage_" not in answer.data


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("10.0.0.7", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 403),
        ("127.0.0.1", {"X-Real-IP": "203.0.113.9"}, 403),
    ],
)
def test_without_a_token_only_this_machine_and_no_proxy(
    store: Store, address: str, headers: dict[str, str], status: int
) -> None:
    client = create_app(fixed_settings(SENTRY_CLIENT_SECRET=SECRET), store=store).test_client()
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, step: timedelta) -> None:
        self.now += step


def fill(store: Store, at: datetime, count: int) -> None:
    with store.engine.begin() as connection:
        for number in range(count):
            connection.execute(
                insert(work).values(
                    kind="triage",
                    subject=f"{number}",
                    trigger="issue.created",
                    dedupe=f"{at.isoformat()}:{number}",
                    state="done",
                    attempts=0,
                    outcome="triaged",
                    created_at=at - timedelta(seconds=5),
                    due_at=at,
                    started_at=at - timedelta(seconds=3),
                    finished_at=at,
                )
            )
            connection.execute(
                insert(verdicts).values(
                    issue_id=f"{at.isoformat()[:16]}:{number}",
                    version=1,
                    category="Database",
                    severity="high",
                    immediate=False,
                    confidence=0.9,
                    abstained=number == 0,
                    source="offline",
                    body=b"",
                    created_at=at,
                )
            )
            connection.execute(
                insert(writes).values(issue_id="1", version=1, kind="comment", outcome="written", at=at)
            )
            connection.execute(
                insert(model_calls).values(
                    issue_id="1",
                    model="openai:gpt-6-luna",
                    result="ok",
                    tokens_in=100,
                    tokens_out=10,
                    cost_usd=0.5,
                    seconds=2.0,
                    at=at,
                )
            )
            connection.execute(insert(redactions).values(call_id=number, kind="email", count=4, at=at))


EXPECTED = {
    "triage_jobs_total{outcome=triaged}": 1,
    "triage_decisions_total{category=Database,severity=high,source=offline}": 1,
    "triage_writes_total{kind=comment,result=written}": 1,
    "triage_model_calls_total{model=gpt-6-luna,provider=openai,result=ok}": 1,
    "triage_model_tokens_total{model=gpt-6-luna,provider=openai,type=input}": 100,
    "triage_spend_dollars_total{model=gpt-6-luna,provider=openai}": 0.5,
    "triage_model_seconds_sum{model=gpt-6-luna,provider=openai}": 2.0,
    "triage_redactions_total{kind=email}": 4,
    "triage_job_seconds_sum{stage=waiting}": 2.0,
    "triage_job_seconds_sum{stage=working}": 3.0,
}


def test_counters_never_fall_when_old_rows_are_deleted(database_url: str, vault: Vault) -> None:
    clock = Clock()
    store = Store.open(database_url, vault, clock)
    migrate(store.engine)
    total = 0
    for _ in range(5):
        fill(store, clock.now, 3)
        total += 3
        for _ in range(2):  # before and after the horizon moves
            found = scraped(store)
            for name, each in EXPECTED.items():
                assert found[name] == pytest.approx(each * total, abs=0.01 * total), name
        clock.later(EVERY + timedelta(minutes=6))
        scraped(store)
        with store.engine.begin() as connection:
            for table in (work, verdicts, writes, model_calls, redactions):
                connection.execute(delete(table))
        found = scraped(store)
        for name, each in EXPECTED.items():
            assert found[name] == pytest.approx(each * total, abs=0.01 * total), name
    assert found["triage_abstained_total{source=offline}"] == 5
    store.close()


def test_the_agreement_of_a_month_is_read_every_five_minutes(database_url: str, vault: Vault) -> None:
    clock = Clock()
    store = Store.open(database_url, vault, clock)
    migrate(store.engine)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector(store, fixed_settings()))

    def agreement() -> float:
        return samples(generate_latest(registry).decode())["triage_agreement_ratio{field=category}"]

    put_issue(store, 0)
    clock.now = NOW
    assert agreement() == 1.0
    put_correction(store, "1000", "category", "Network", was="Database")
    clock.later(AGREEMENT_KEPT - timedelta(seconds=1))
    assert agreement() == 1.0
    clock.later(timedelta(seconds=1))
    assert agreement() == 0.0
    store.close()


def test_a_database_that_is_away_is_said(tmp_path: Path, vault: Vault) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nothing/here.db", vault)
    assert scraped(store) == {"triage_database_up{}": 0}
