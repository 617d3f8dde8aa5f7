"""From rows to workflows, and back again when a workflow was lost: nothing stays ``running`` by itself.

The workflow's id is a function of the row and its attempt, so that starting it twice is starting it once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.core.intake import Kind
from app.store import Store
from app.store.work import Job

log = logging.getLogger(__name__)

MAX_CRASHES = 5
"""How often a job may end in error before it is given up. Waiting for Sentry does not count."""

AHEAD = 200
"""How many rows are handed to the engine at a time, so that a backlog of days stays in our own table."""

ASKING = ":ask"
"""Ending of the ids of workflows that wait for a model. They hold nobody else up: they do not count here."""

BUSY_DELAY = 1.0
"""Seconds until a row whose subject another workflow holds is looked at again."""


class Engine(Protocol):
    """What dispatching needs of the job engine."""

    def enqueue(self, kind: Kind, workflow_id: str, job: Job) -> bool:
        """Start the workflow durably; False where another one holds the same subject."""

    def statuses(self, workflow_ids: Sequence[str]) -> Mapping[str, str]:
        """``RUNNING`` or ``LOST`` (it ended without settling its row) by id; nothing for what is unknown."""


class Dispatcher:
    """Moves due rows into the engine and sweeps up after workflows that died."""

    def __init__(self, store: Store, engine: Engine, kinds: Callable[[], frozenset[Kind]]) -> None:
        self._store = store
        self._engine = engine
        self._kinds = kinds

    def dispatch(self) -> int:
        """Start what is due; answers how many were started."""
        kinds = self._kinds()
        started = 0
        room = AHEAD - self._store.work.count("running", but_not_ending=ASKING)
        for job in self._store.work.due(room, kinds) if room > 0 else ():
            workflow_id = workflow_name(job)
            if self._store.work.claim(job, workflow_id):
                started += self._start(job, workflow_id)
        return started

    def _start(self, job: Job, workflow_id: str) -> bool:
        if self._engine.enqueue(job.kind, workflow_id, job):
            return True
        self._store.work.release(job.id, BUSY_DELAY)
        return False

    def sweep(self, grace: float = 5.0) -> int:
        """Running rows whose workflow is unknown or lost are started again, or given up after
        ``MAX_CRASHES`` attempts; answers how many."""
        swept = 0
        running = {job.workflow_id or workflow_name(job): job for job in self._running(grace)}
        statuses = self._engine.statuses(list(running)) if running else {}
        for workflow_id, job in running.items():
            status = statuses.get(workflow_id)
            if status is None:
                swept += 1
                self._start(job, workflow_id)
            elif status == "LOST":
                swept += 1
                self._give_back(job, workflow_id)
        return swept

    def _running(self, grace: float) -> list[Job]:
        return self._store.work.running_since_before(grace)

    def _give_back(self, job: Job, workflow_id: str) -> None:
        if job.crashes + 1 >= MAX_CRASHES:
            log.error("job given up", extra={"job": job.id, "issue": job.subject})
            self._store.work.fail(job.id, workflow_id, "The job ended in error again and again.")
        else:
            reason, delay = "The job ended in error.", 2.0**job.crashes
            self._store.work.postpone(job.id, workflow_id, delay, reason, crashed=True)


def workflow_name(job: Job) -> str:
    return f"{job.kind.value}:{job.id}:{job.attempts}"
