"""The workflows: which steps in which order, and how a job ends. One of them per kind of work."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from dbos import DBOS

from app.core.classify import Decision
from app.core.digest import Digest
from app.core.intake import Intent, Kind
from app.core.verdict import Verdict
from app.services import Services
from app.settings import WriteMode
from app.store.issues import StoredIssue
from app.store.work import GAVE_UP

from .chores import Chores, all_chores
from .dispatch import ASKING, MAX_CRASHES
from .engine import POLL, Body, JobEngine, enqueue, run_step
from .model_steps import ModelSteps
from .outcome import CRASH, DONE, FAIL, GO, RETRY, Outcome, done
from .people import PeopleSteps
from .steps import TriageSteps
from .write_steps import MERGED, WriteSteps

Step = Callable[[int, str], Outcome]
ASK = "ask"
MODEL_QUEUE = "model"
BESIDE = 16
"""Jobs of the model queue in each worker beside those whose call is out: they come from or go to writing."""

IDLE_POLL = 5.0
"""Seconds between looks at the model's queue where no model is configured."""

MARGIN = 0.9
"""Share of the provider's calls a minute that we use: starts jitter."""

LONGEST_WAIT = 600.0
"""Seconds between two attempts at the most."""

GIVE_UP = timedelta(days=7)
"""Age at which a job that Sentry never answered is given up and shown."""

OURS = frozenset({"plan", "plan_answer", "teach", "close", "hand_on"})
"""Steps that change nothing in Sentry: at the end of a job they need no checkpoint of their own."""


class Workflows:
    """The bodies that the engine registers with DBOS."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._read = TriageSteps(services)
        self._write = WriteSteps(services)
        self._people = PeopleSteps(services, self._read)
        self._model = ModelSteps(services, self._weigh)

    def bodies(self) -> Mapping[str, Body]:
        """By the name under which DBOS knows them: the kinds of work, and ``ask``."""
        bodies: dict[str, Body] = {kind.value: self._way(kind) for kind in self._first()}
        # Also where no model is configured: jobs of a time when there was one may be left.
        bodies[ASK] = self.ask()
        return bodies

    def _first(self) -> Mapping[Kind, Sequence[Step]]:
        """Until there is a verdict, or a model is to be asked for one."""
        read, people = self._read, self._people
        return {
            Kind.TRIAGE: (read.read, read.decide),
            Kind.RELAY: (read.read_relay, read.decide),
            Kind.CORRECT: (people.listen, read.read, people.hear, people.decide_again),
            Kind.OBSERVE: (people.known, read.read, read.decide),
            # Nothing is decided: the verdict that we have is written.
            Kind.REFRESH: (read.read,),
            Kind.APPLY: (read.read,),
        }

    def _rest(self, kind: Kind) -> Sequence[Step]:
        """What follows a verdict: an issue is written to, a relayed event hands on."""
        rest = {
            Kind.TRIAGE: self._writes(),
            Kind.RELAY: (self._read.hand_on,),
            Kind.CORRECT: self._writes_by_hand(self._people.plan_answer),
            Kind.OBSERVE: self._writes_by_hand(self._read.plan),
            Kind.REFRESH: self._writes(),
            Kind.APPLY: self._all_writes(self._read.plan, self._write.tags, self._write.close),
        }
        return rest[kind]

    def _way(self, kind: Kind) -> Body:
        """The workflow of one kind of work."""

        def way(job_id: int, subject: str) -> str:
            asking = f"{DBOS.workflow_id}{ASKING}"
            outcome = run_step("look", self._look(kind, asking), job_id, subject)
            if outcome.get("ask_model"):
                enqueue(ASK, asking, MODEL_QUEUE, job_id, subject)
                return "asking"
            return self._end(self._rest(kind), job_id, subject, outcome)

        return way

    def _look(self, kind: Kind, asking: str) -> Step:
        """Everything until there is a verdict or the job is in the model's line, under one checkpoint."""
        workflow_id, first = DBOS.workflow_id or "", self._first()[kind]

        def look(job_id: int, subject: str) -> Outcome:
            outcome = run_through(first, job_id, subject)
            if outcome.get("ask_model"):
                return self._model.line_up(job_id, subject, workflow_id, asking)
            return outcome

        return look

    def ask(self) -> Body:
        """Ask the model and go on as the row's kind does. It has a queue of its own, which counts the calls a
        minute over all workers; a model that is slow holds nobody else up."""

        def ask(job_id: int, subject: str) -> str:
            job = self._store.work.get(job_id)  # its kind never changes: a replay takes the same way
            rest = self._rest(job.kind if job is not None else Kind.TRIAGE)
            outcome = run_step("ask", self._model.ask, job_id, subject)
            return self._end(rest, job_id, subject, outcome)

        return ask

    def _weigh(self, job_id: int, issue: StoredIssue, digest: Digest) -> tuple[Verdict, Decision]:
        return self._read.weigh(issue, digest, fresh=self._people.wants_anew(job_id))

    def _writes(self) -> Sequence[Step]:
        write = self._write
        return self._unless_shadow(self._read.plan, write.tags, write.close)

    def _writes_by_hand(self, plan: Step) -> Sequence[Step]:
        """The same where a person's word is behind it: tags do not wait a day, and others learn from it."""
        return self._unless_shadow(plan, self._write.tags_by_hand, self._people.teach, self._write.close)

    def _unless_shadow(self, plan: Step, tags: Step, *after: Step) -> Sequence[Step]:
        if self._services.settings.triage_write is WriteMode.SHADOW:
            return (plan, *after)
        return self._all_writes(plan, tags, *after)

    def _all_writes(self, plan: Step, tags: Step, *after: Step) -> Sequence[Step]:
        return (plan, self._write.fields, self._write.annotation, self._write.comment, tags, *after)

    def _end(self, steps: Sequence[Step], job_id: int, subject: str, outcome: Outcome) -> str:
        """The writes, each with a checkpoint of its own; what comes after them ends together with the row."""
        writes, after = split(steps)
        for step in writes if outcome["next"] == GO else ():
            outcome = run_step(step.__name__, step, job_id, subject)
            if outcome["next"] != GO:
                break
        workflow_id = DBOS.workflow_id or ""

        def settle() -> Outcome:
            ended = run_through(after, job_id, subject) if after and outcome["next"] == GO else outcome
            return self._settled(job_id, subject, workflow_id, ended)

        return run_step("settle", settle).get("result", "")

    def _settled(self, job_id: int, subject: str, workflow_id: str, outcome: Outcome) -> Outcome:
        """The last step of all: the row of work says how it ended, or when it is tried again."""
        work, reason = self._store.work, outcome.get("reason", "")
        job = work.get(job_id)
        if job is None:
            return done("vanished")
        ended = outcome["next"]
        old = self._services.clock() - job.created_at > GIVE_UP
        worn_out = ended == CRASH and job.crashes + 1 >= MAX_CRASHES
        if ended in (GO, DONE):
            self._finish(job_id, subject, workflow_id, outcome)
        elif ended == FAIL or worn_out or (ended == RETRY and old):
            work.fail(job_id, workflow_id, reason, GAVE_UP if ended == RETRY else "failed")
            return done("failed", reason)
        else:
            delay = wait_before(job.attempts, outcome.get("after"))
            work.postpone(job_id, workflow_id, delay, reason, crashed=ended == CRASH)
            return done("postponed", reason)
        return outcome

    def _finish(self, job_id: int, subject: str, workflow_id: str, outcome: Outcome) -> None:
        result, reason = outcome.get("result", "triaged"), outcome.get("reason", "")
        if result == "moved":
            survivor = reason.rsplit(" ", 1)[-1]
            self._hand_over(job_id, subject, survivor)
        self._store.work.finish(job_id, workflow_id, result, reason)

    def _hand_over(self, job_id: int, subject: str, survivor: str) -> None:
        """The issue was merged into another: it is triaged there, and a person's word goes with it."""
        payload = self._store.work.payload(job_id)
        job = self._store.work.get(job_id)
        if job is not None and job.kind is Kind.CORRECT and isinstance(payload, dict):
            intent = Intent(Kind.CORRECT, survivor, MERGED)
            moved = {**payload, "moved": True}
            self._store.work.add(intent, dedupe=f"moved:{job_id}:{survivor}", payload=moved)
            return
        intent = Intent(Kind.TRIAGE, survivor, MERGED)
        self._store.work.add(intent, dedupe=f"moved:{subject}:{survivor}")


def run_through(steps: Sequence[Step], job_id: int, subject: str) -> Outcome:
    """One after the other, until one says that it does not go on."""
    outcome = done("triaged")
    for step in steps:
        outcome = step(job_id, subject)
        if outcome["next"] != GO:
            break
    return outcome


def split(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """Up to the last one that writes into Sentry, and what follows it."""
    last = max((at for at, step in enumerate(steps, 1) if step.__name__ not in OURS), default=0)
    return steps[:last], steps[last:]


def wait_before(attempts: int, asked: float | None) -> float:
    """Seconds until the next attempt: what the other side asked for, else doubling, with jitter."""
    if asked is not None:
        return min(max(asked, 1.0), LONGEST_WAIT) + random.uniform(0, 1)  # noqa: S311
    return min(2.0 ** min(attempts + 1, 12), LONGEST_WAIT) * random.uniform(0.8, 1.2)  # noqa: S311


def build_engine(services: Services, *, executor_id: str | None = None) -> JobEngine:
    """The job engine over the workflows and the chores, not yet launched."""
    concurrency = services.settings.triage_worker_concurrency
    calls = max(1, int(services.settings.triage_model_rpm * MARGIN))
    engine = JobEngine(
        services.store,
        services.settings.database_url,
        Workflows(services).bodies(),
        queues={
            "jobs": {"worker_concurrency": concurrency},
            MODEL_QUEUE: {
                "worker_concurrency": services.settings.triage_model_concurrency + BESIDE,
                "limiter": {"limit": calls, "period": 60.0},
                "polling_interval_sec": POLL if services.model else IDLE_POLL,
            },
        },
        executor_id=executor_id,
    )
    chores = Chores(services, engine.executor_id, all_chores(services), engine.stopping)
    engine.also(chores.tick, every=1.0)
    return engine
