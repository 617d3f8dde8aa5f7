"""DBOS, started and stopped: the one place that knows it.

What its source and our measurements taught (DBOS 3.4): SQLite must be put into WAL mode first; each process
needs an executor id of its own; the application version is pinned, because jobs stamped with another one
would wait for ever; polling is 1 s unless told otherwise; a dead worker's jobs must be recovered by someone,
which is what ``JobEngine.recover`` does.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dbos import DBOS, DBOSConfig, EnqueueOptions, WorkflowSerializationFormat
from dbos import error as dbos_errors
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.core.intake import Kind
from app.store import Store
from app.store.clock import steady_seconds
from app.store.sqlite_wait import WaitingConnection
from app.store.work import Job

from .dispatch import Dispatcher
from .orphans import Orphans
from .outcome import Outcome

log = logging.getLogger(__name__)

APPLICATION_VERSION = "1"
"""Changes only when the steps of a workflow change their order or meaning."""

POLL = 0.1
"""Seconds between looks at the queue."""

BEAT = 1.0
"""Seconds between a worker's signs of life."""

SWEEP = 3.0
"""Seconds between looks for rows whose workflow was lost."""

DEAD_AFTER = 6.0
"""Seconds of silence after which a worker's jobs are taken over."""

Body = Callable[[int, str], str]
"""A workflow: the row's id and its subject in, how it ended out."""


def jobs_url(database_url: str) -> str:
    """Where DBOS keeps its tables: a file beside ours on SQLite, its own schema on Postgres."""
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return url.set(drivername="postgresql").render_as_string(hide_password=False)
    path = url.database or ""
    stem, dot, ending = path.rpartition(".")
    return f"sqlite:///{stem}-jobs.{ending}" if dot else f"sqlite:///{path}-jobs"


def prepare_sqlite(url: str) -> None:
    """WAL mode, which stays with the file: without it an enqueue was seen to take 2 s."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        connection = sqlite3.connect(parsed.database, timeout=30)
        connection.execute("PRAGMA journal_mode=wal")
        connection.close()


class _Connection(WaitingConnection):
    """As ``app.store.engine`` sets its own: a commit survives the death of the process, and syncs no disk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA synchronous=NORMAL")


def _engine_options(url: str) -> dict[str, Any]:
    """For the engine that DBOS makes itself."""
    return {"connect_args": {"factory": _Connection}} if make_url(url).get_backend_name() == "sqlite" else {}


def migrate_jobs(database_url: str) -> None:
    """Make or update DBOS's tables (``release``)."""
    url = jobs_url(database_url)
    prepare_sqlite(url)
    DBOS.migrate(url)


class JobEngine:
    """One worker process: dispatches rows, runs workflows, beats, and takes over from the dead."""

    def __init__(
        self,
        store: Store,
        database_url: str,
        workflows: Mapping[str, Body],
        *,
        queues: Mapping[str, Mapping[str, Any]],
        executor_id: str | None = None,
    ) -> None:
        self.store = store
        self.executor_id = executor_id or f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:12]}"
        self._url = jobs_url(database_url)
        self._bodies = workflows
        self._queues = queues
        self._dispatcher = Dispatcher(
            store, self, lambda: frozenset(kind for kind in Kind if kind.value in self._bodies)
        )
        self._beaten = steady_seconds()
        self._judge_from = 0.0
        self._orphans = Orphans(DEAD_AFTER)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._loops: list[tuple[Callable[[], object], float]] = [
            (self._dispatcher.dispatch, POLL),
            (self._care, BEAT),
            (self._dispatcher.sweep, SWEEP),
        ]

    def also(self, task: Callable[[], object], *, every: float) -> None:
        """Run ``task`` in a thread of its own every so many seconds once launched. It must end soon after
        ``stopping()``, or be safe to be cut off."""
        self._loops.append((task, every))

    def stopping(self) -> bool:
        return self._stop.is_set()

    def launch(self) -> None:
        """Start everything; returns once jobs are taken."""
        prepare_sqlite(self._url)
        self._dbos = DBOS(
            config=DBOSConfig(
                name="sentry-triage",
                system_database_url=self._url,
                application_version=APPLICATION_VERSION,
                executor_id=self.executor_id,
                log_level="WARNING",
                db_engine_kwargs=_engine_options(self._url),
                notification_listener_polling_interval_sec=POLL,
            )
        )
        for name, body in self._bodies.items():
            DBOS.workflow(
                name=name,
                serialization_type=WorkflowSerializationFormat.PORTABLE,
                max_recovery_attempts=20,
            )(body)
        self.beat()
        self._beaten = steady_seconds()
        DBOS.launch()
        for name, options in self._queues.items():
            chosen = {"polling_interval_sec": POLL, **options}
            DBOS.register_queue(name, on_conflict="always_update", **chosen)
        for loop, interval in self._loops:
            thread = threading.Thread(target=self._repeat, args=(loop, interval), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, patience: int = 10) -> None:
        """Take no more jobs, give those that run ``patience`` seconds, and leave."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience)
        self.store.workers.leave(self.executor_id)

    def enqueue(self, kind: Kind, workflow_id: str, job: Job) -> bool:
        try:
            enqueue(kind.value, workflow_id, "jobs", job.id, job.subject, rank=job.rank)
        except dbos_errors.DBOSQueueDeduplicatedError:
            return False
        return True

    def statuses(self, workflow_ids: Sequence[str]) -> Mapping[str, str]:
        found = DBOS.list_workflows(workflow_ids=list(workflow_ids), load_input=False, load_output=False)
        alive = {"PENDING", "ENQUEUED", "DELAYED"}
        return {one.workflow_id: "RUNNING" if one.status in alive else "LOST" for one in found}

    def beat(self) -> None:
        self.store.workers.beat(self.executor_id, host=socket.gethostname(), pid=os.getpid())

    def recover(self) -> int:
        """Take over the pending jobs of workers that are silent; answers of how many workers. And of our own
        those whose thread died."""
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        executors = {workflow.executor_id for workflow in pending if workflow.executor_id}
        dead = executors - self.store.workers.alive(within=DEAD_AFTER) - {self.executor_id}
        if dead:
            log.warning("taking over from workers that are silent", extra={"workers": sorted(dead)})
            # Private, but the public resume_workflow has no owner guard: two workers would both take over.
            DBOS._recover_pending_workflows(sorted(dead))
        self._recover_own([one.workflow_id for one in pending if one.executor_id == self.executor_id])
        return len(dead)

    def _recover_own(self, pending: Sequence[str]) -> None:
        for workflow_id in self._orphans.among(pending, self._dbos._active_workflows_set.activeList()):
            log.warning("a job's thread died: it begins again", extra={"workflow": workflow_id})
            self._dbos._sys_db.reenqueue_for_recovery(workflow_id, [self.executor_id], "jobs")

    def _care(self) -> None:
        self.beat()
        now, before = steady_seconds(), self._beaten
        self._beaten = now
        if now - before > DEAD_AFTER / 2:  # the database was away, for the others too: let them beat
            self._judge_from = now + DEAD_AFTER
        if now >= self._judge_from:
            self.recover()
        self.store.workers.forget(older_than=3600)

    def _repeat(self, task: Callable[[], object], interval: float) -> None:
        while not self._stop.wait(interval):
            try:
                task()
            except SQLAlchemyError as error:
                log.warning("the database does not answer: %s", type(error).__name__)
                self._stop.wait(1.0)
            except Exception:
                log.exception("%s failed", getattr(task, "__name__", "a task"))
                self._stop.wait(1.0)


def enqueue(name: str, workflow_id: str, queue: str, job_id: int, subject: str, *, rank: int = 0) -> None:
    """Put a workflow on a queue, once: a known id is not started again, a busy subject is refused.
    DBOS takes what has no priority first, then the lowest number."""
    options = EnqueueOptions(
        workflow_name=name,
        queue_name=queue,
        workflow_id=workflow_id,
        deduplication_id=subject,
        app_version=APPLICATION_VERSION,
        serialization_type=WorkflowSerializationFormat.PORTABLE,
    )
    if rank:
        options["priority"] = rank
    DBOS.enqueue_workflow_with_options(options, job_id, subject)


def run_step(name: str, step: Callable[..., Outcome], *args: Any) -> Outcome:
    """One checkpointed step of the workflow that is running."""
    result: Outcome = DBOS.run_step({"name": name}, step, *args)
    return result
