"""What is to be done: each webhook becomes one row before Sentry gets its 202, until it is finished.

A row is ``queued`` until its time comes, ``running`` while a durable workflow has it, then ``done`` or
``failed``. Putting the same request in twice is one row.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, case, or_, select, update

from app.core.intake import Intent, Kind

from .engine import write
from .group_commit import GroupInsert
from .tables import work
from .vault import Vault
from .work_queries import GAVE_UP, Clock, Job, WorkQueries, job_of

FRESH = (
    "kind",
    "subject",
    "trigger",
    "dedupe",
    "payload",
    "state",
    "attempts",
    "rank",
    "created_at",
    "due_at",
)
"""Columns of a new row."""

LATER = 1
"""Rank of what nobody waits for (``backfill``): it is done when nothing of rank 0 is due."""


class WorkRepository(WorkQueries):
    """The ``work`` table."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._insert = GroupInsert(engine, work, FRESH, unique="dedupe")

    def add(
        self, intent: Intent, *, dedupe: str, payload: Any = None, delay: float = 0.0, rank: int = 0
    ) -> bool:
        """Store one piece of work durably. False where this ``dedupe`` key (≤ 64 characters) is known.

        ``rank``: 0 for what Sentry or a person waits for, ``LATER`` for what has time.
        """
        now = self._clock()
        return self._insert(
            kind=intent.kind.value,
            subject=intent.subject[:64],
            trigger=intent.trigger[:80],
            dedupe=dedupe[:64],
            payload=None if payload is None else self._vault.seal(payload),
            state="queued",
            attempts=0,
            rank=rank,
            created_at=now,
            due_at=now + timedelta(seconds=delay),
        )

    def get(self, job_id: int) -> Job | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(work).where(work.c.id == job_id)).first()
        return None if row is None else job_of(row)

    def find(self, dedupe: str) -> Job | None:
        """The row stored under a de-duplication key."""
        with self._engine.connect() as connection:
            row = connection.execute(select(work).where(work.c.dedupe == dedupe[:64])).first()
        return None if row is None else job_of(row)

    def payload(self, job_id: int) -> Any:
        with self._engine.connect() as connection:
            sealed = connection.execute(select(work.c.payload).where(work.c.id == job_id)).scalar()
        return self._vault.open(sealed)

    def replace_payload(self, job_id: int, payload: Any) -> None:
        """What the job works with from now on."""
        sealed = self._vault.seal(payload)
        write(self._engine, update(work).where(work.c.id == job_id).values(payload=sealed))

    def due(self, limit: int = 100, kinds: Collection[Kind] = tuple(Kind)) -> list[Job]:
        """Rows whose time has come and whose subject has nothing running, one a subject: by rank, then the
        oldest first."""
        busy = select(work.c.subject).where(work.c.state == "running")
        query = (
            select(work)
            .where(work.c.state == "queued", work.c.due_at <= self._clock(), work.c.subject.not_in(busy))
            .where(work.c.kind.in_([kind.value for kind in kinds]))
            # Somebody waits for the answer to a relayed event.
            .order_by(case((work.c.kind == Kind.RELAY.value, -1), else_=work.c.rank), work.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        first: dict[str, Job] = {}
        for row in rows:
            first.setdefault(row.subject, job_of(row))
        return list(first.values())

    def claim(self, job: Job, workflow_id: str) -> bool:
        """Mark it running, once over all workers; False where another was faster.

        Other queued rows that ask the same of the same subject are merged into it: the job reads what is
        now, so it answers them all. But one that was put in for later (a second look at a model that was
        away) is not answered by a job that ran before.
        """
        now = self._clock()
        free = (work.c.id == job.id, work.c.state == "queued")
        running = {"state": "running", "started_at": now, "workflow_id": workflow_id}
        if write(self._engine, update(work).where(*free).values(running)).rowcount != 1:
            return False
        self._merge_into(job, workflow_id, now)
        return True

    def _merge_into(self, job: Job, workflow_id: str, now: datetime) -> None:
        """What is waiting is answered by this job, if it is still the claimed one: a worker that was
        suspended after its claim may find that another has ended the job long ago."""
        mine = work.alias()
        held = select(mine.c.id).where(mine.c.id == job.id, mine.c.workflow_id == workflow_id)
        same = (
            held.where(mine.c.state == "running").exists(),
            work.c.subject == job.subject,
            work.c.kind == job.kind.value,
            work.c.state == "queued",
            work.c.payload.is_(None),
            work.c.id != job.id,
            or_(work.c.due_at <= now, work.c.attempts > 0),
        )
        with self._engine.connect() as connection:
            if connection.execute(select(work.c.id).where(*same).limit(1)).first() is None:
                return
        reason = f"answered by job {job.id}"
        merged = {"state": "done", "outcome": "merged", "reason": reason, "finished_at": now}
        write(self._engine, update(work).where(*same).values(merged))

    def hand_over(self, job_id: int, workflow_id: str, to: str) -> None:
        """Another workflow goes on with the row."""
        held = (work.c.id == job_id, work.c.workflow_id == workflow_id)
        write(self._engine, update(work).where(*held).values(workflow_id=to, started_at=self._clock()))

    def release(self, job_id: int, delay: float) -> None:
        """Give a claimed row back, unchanged, for ``delay`` seconds: its subject is busy elsewhere."""
        held = (work.c.id == job_id, work.c.state == "running")
        due = self._clock() + timedelta(seconds=delay)
        write(self._engine, update(work).where(*held).values(state="queued", due_at=due))

    def finish(self, job_id: int, workflow_id: str, outcome: str, reason: str) -> None:
        """It is done. Like ``fail`` and ``postpone``, this changes nothing unless ``workflow_id`` still has
        the row, so that a workflow that repeats its last step cannot touch the next attempt."""
        self._settle(job_id, workflow_id, state="done", outcome=outcome, reason=reason)

    def fail(self, job_id: int, workflow_id: str, reason: str, outcome: str = "failed") -> None:
        """It cannot be done; it is shown, and a person can run it again. ``outcome`` is ``GAVE_UP`` where it
        might have worked yet: ``reconcile`` puts such a job in again once Sentry answers."""
        self._settle(job_id, workflow_id, state="failed", outcome=outcome, reason=reason)

    def postpone(
        self, job_id: int, workflow_id: str, delay: float, reason: str, *, crashed: bool = False
    ) -> None:
        """Try again after ``delay`` seconds, as a new attempt. ``crashed``: this one ended in error."""
        self._settle(
            job_id,
            workflow_id,
            state="queued",
            outcome=None,
            reason=reason,
            attempts=work.c.attempts + 1,
            crashes=work.c.crashes + int(crashed),
            due_at=self._clock() + timedelta(seconds=delay),
        )

    def _settle(self, job_id: int, workflow_id: str, *, reason: str, **values: Any) -> None:
        values["finished_at"] = None if values["state"] == "queued" else self._clock()
        held = (work.c.id == job_id, work.c.state == "running", work.c.workflow_id == workflow_id)
        write(self._engine, update(work).where(*held).values(reason=reason[:500], **values))

    def run_again(self, job_id: int) -> bool:
        """Queue a failed row once more, by a person's wish."""
        failed = (work.c.id == job_id, work.c.state == "failed")
        anew = {"state": "queued", "attempts": work.c.attempts + 1, "crashes": 0, "finished_at": None}
        query = update(work).where(*failed).values(due_at=self._clock(), **anew)
        return write(self._engine, query).rowcount == 1


__all__ = ["GAVE_UP", "LATER", "Job", "WorkRepository"]
