"""A store with issues in it as the steps would have left them, for what reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.core.digest import Digest, ExceptionInfo, Frame
from app.core.intake import Intent, Kind
from app.core.verdict import Evidence, Verdict
from app.core.vocabulary import Category, Severity, Source
from app.core.writes import Plan, Write, WriteKind
from app.store import Store
from app.store.tables import corrections, issues, model_calls, verdicts, work

NOW = datetime.now(UTC)
SAMPLES = (
    (
        Category.DATABASE,
        Severity.HIGH,
        "OperationalError",
        "connection to server at 10.0.0.7 failed: timeout",
    ),
    (Category.LOGIC, Severity.MEDIUM, "KeyError", "'quantity'"),
    (Category.THIRD_PARTY, Severity.HIGH, "ReadTimeout", "pay.example: Read timed out. (read timeout=3)"),
    (Category.AUTHENTICATION, Severity.LOW, "ExpiredSignatureError", "Signature has expired"),
    (Category.INFRASTRUCTURE, Severity.CRITICAL, "OSError", "[Errno 28] No space left on device"),
)


def verdict_of(number: int, **changes: Any) -> Verdict:
    category, severity, name, _ = SAMPLES[number % len(SAMPLES)]
    values: dict[str, Any] = {
        "category": category,
        "severity": severity,
        "root_cause": f"{name}: the cause of number {number}",
        "suggested_fix": "Check that the server is up and that its address is right.",
        "requires_immediate_action": severity is Severity.CRITICAL,
        "confidence": (0.95, 0.87, 0.93, 0.41, 0.99)[number % 5],
        "source": Source.OFFLINE,
        "evidence": (Evidence(id="exception:0.type", seen=name, says=f"{name} is of this kind", weight=2.5),),
    }
    return Verdict(**(values | changes))


def digest_of(number: int, **changes: Any) -> Digest:
    _, _, name, value = SAMPLES[number % len(SAMPLES)]
    frames = (
        Frame(filename="flask/app.py", function="dispatch_request", lineno=880, in_app=False),
        Frame(
            filename=f"shop/page{number}.py",
            function="view",
            lineno=7,
            in_app=True,
            context_line="total = order['quantity'] * price",
        ),
    )
    values: dict[str, Any] = {
        "event_id": f"{number:032x}",
        "platform": "python",
        "level": "error",
        "title": f"{name}: {value}",
        "culprit": f"shop.page{number} in view",
        "environment": "production",
        "release": "shop@1.4.2",
        "exceptions": (ExceptionInfo(type=name, value=value, handled=False, frames=frames),),
        "tags": {"environment": "production", "server_name": "web-3"},
        "breadcrumbs": ("http info GET https://pay.example 200",),
        "contexts": {"runtime": "CPython 3.12"},
    }
    return Digest(**(values | changes))


def put_issue(
    store: Store,
    number: int,
    *,
    digest: Digest | None = None,
    verdict: Verdict | None = None,
    title: str | None = None,
    project: str = "shop-api",
) -> str:
    """One issue that was read, judged and written; answers its id."""
    issue_id = str(1000 + number)
    digest = digest or digest_of(number)
    store.issues.save_read(
        issue_id,
        project=project,
        short_id=f"SHOP-API-{number}",
        status="unresolved",
        signature=f"{number % 5:032x}",
        first_seen=NOW - timedelta(days=1),
        last_seen=NOW,
        digest=digest,
        extra={"title": digest.title if title is None else title, "event_id": digest.event_id},
    )
    stored = store.verdicts.add(
        issue_id,
        verdict or verdict_of(number),
        project=project,
        signature="",
        reason="offline classifier, sure",
    )
    decided = (
        Write(WriteKind.PRIORITY, "high", "medium", "severity is high", do=True),
        Write(WriteKind.ASSIGNEE, "team:4", None, "a person set the assignee", do=False),
        Write(WriteKind.COMMENT, "A comment. " * 20, None, "one comment an issue, posted", do=True),
    )
    store.issues.save_plan(issue_id, Plan(issue_id, stored.version, decided))
    store.writes.add(
        issue_id, 1, "priority", outcome="written", before="medium", after="high", reason="severity is high"
    )
    store.issues.set_state(issue_id, "triaged")
    return issue_id


def put_job(store: Store, issue_id: str, *, failed: str = "") -> int:
    """A triage job that is done, or failed for a reason; answers its id."""
    dedupe = f"job-{issue_id}-{failed}"
    store.work.add(Intent(Kind.TRIAGE, issue_id, "issue.created"), dedupe=dedupe)
    job = store.work.find(dedupe)
    assert job is not None
    store.work.claim(job, f"w{job.id}")
    if failed:
        store.work.fail(job.id, f"w{job.id}", failed)
    else:
        store.work.finish(job.id, f"w{job.id}", "triaged", "")
    return job.id


def put_correction(store: Store, issue_id: str, field: str, value: str, *, was: str, **more: Any) -> None:
    row = {
        "issue_id": issue_id,
        "field": field,
        "value": value,
        "was": was,
        "author": "Maya",
        "origin": "comment",
        "dedupe": f"{issue_id}:{field}:{value}:{more.get('at', '')}",
        "at": NOW,
        **more,
    }
    with store.engine.begin() as connection:
        connection.execute(insert(corrections), row)


def put_call(store: Store, issue_id: str, dollars: float, at: datetime = NOW) -> None:
    row = {"issue_id": issue_id, "model": "openai:small", "result": "ok", "tokens_in": 900, "tokens_out": 120}
    with store.engine.begin() as connection:
        connection.execute(insert(model_calls), row | {"cost_usd": dollars, "seconds": 1.4, "at": at})


def fill_many(store: Store, count: int) -> None:
    """``count`` issues with verdicts and finished jobs over 60 days, in bulk."""
    sealed = _sealed(store)
    rows: dict[str, list[dict[str, Any]]] = {"issues": [], "verdicts": [], "work": []}
    for number in range(count):
        at = NOW - timedelta(days=60) * number / count
        issue_id = str(100_000 + number)
        verdict = verdict_of(number)
        rows["issues"].append(
            {
                "issue_id": issue_id,
                "project": f"project-{number % 7}",
                "short_id": f"P-{number}",
                "state": "triaged",
                "version": 1,
                "read_at": at,
                "triaged_at": at,
                "content": sealed[number % 5][0],
            }
        )
        rows["verdicts"].append(
            {
                "issue_id": issue_id,
                "version": 1,
                "category": verdict.category.value,
                "severity": verdict.severity.value,
                "immediate": verdict.requires_immediate_action,
                "confidence": verdict.confidence,
                "abstained": verdict.abstained,
                "source": verdict.source.value,
                "body": sealed[number % 5][1],
                "created_at": at,
            }
        )
        rows["work"].append(
            {
                "kind": "triage",
                "subject": issue_id,
                "trigger": "issue.created",
                "dedupe": issue_id,
                "state": "done",
                "outcome": "triaged",
                "created_at": at,
                "due_at": at,
                "finished_at": at + timedelta(seconds=1 + number % 10),
            }
        )
    with store.engine.begin() as connection:
        for table in (issues, verdicts, work):
            connection.execute(insert(table), rows[table.name])


def _sealed(store: Store) -> Sequence[tuple[bytes, bytes]]:
    """Content and verdict of the five samples, sealed once."""
    found = []
    for number in range(5):
        put_issue(store, number)
        with store.engine.connect() as connection:
            content = connection.execute(issues.select().where(issues.c.issue_id == str(1000 + number))).one()
            body = connection.execute(
                verdicts.select().where(verdicts.c.issue_id == str(1000 + number))
            ).one()
        found.append((content.content, body.body))
    return found
