"""Asking a model, as durable steps: private, within budget, never twice about the same error.

Whatever goes wrong ends with the offline verdict and a note that says why.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.core.answer import Fault
from app.core.classify import Decision
from app.core.digest import Digest
from app.core.guard import guard
from app.core.prompt import Prompt, build_prompt
from app.core.redact import Removal, by_kind, redact_digest
from app.core.verdict import Verdict
from app.errors import Permanent, Retryable
from app.models.ask import Asked, Failed, ask
from app.models.base import CallFault
from app.services import Services
from app.store.calls import OK, CallResult
from app.store.issues import StoredIssue

from .model_line import ModelLine
from .outcome import Outcome, go, guarded

SAME_AGAIN = 2.0
"""Seconds until an issue looks again whether the model has answered about the same error, at first."""

ONE_QUESTION = "this job has asked the model already: the verdict of it stands"

SAME_ERROR = "the model is being asked about the same error"

Weigh = Callable[[int, StoredIssue, Digest], tuple[Verdict, Decision]]
"""The cascade for one job: the offline verdict and what is decided."""


@dataclass(frozen=True, slots=True)
class Question:
    """One issue's question, ready to be sent."""

    job_id: int
    issue: StoredIssue
    offline: Verdict
    prompt: Prompt
    removed: tuple[Removal, ...]


class ModelSteps:
    """``line_up`` where a model is to be asked, ``ask`` when its turn has come."""

    def __init__(self, services: Services, weigh: Weigh) -> None:
        self._services = services
        self._store = services.store
        self._weigh = weigh
        self._line = None if services.model is None else ModelLine(services, services.model)
        self._calls = threading.BoundedSemaphore(services.settings.triage_model_concurrency)

    @guarded
    def line_up(self, job_id: int, issue_id: str, workflow_id: str, asking: str) -> Outcome:
        """Hand the job to the workflow ``asking``, unless nobody can be asked or the same is asked already.

        ``ask_model`` of the answer says whether it was handed over.
        """
        issue = self._store.issues.get(issue_id)
        if issue is None or self._line is None:
            raise Permanent("There is nothing to ask or nobody to ask any more.")
        if self._asked_already(job_id, issue):
            return go(ONE_QUESTION)
        why, pause = self._line.private(issue), None
        if not why:
            why, pause = self._line.closed()
        if why:
            offline, _ = self._weigh(job_id, issue, self._digest(issue_id))
            return self._keep_offline(job_id, issue, offline, why, pause)
        if self._line.same_waits(issue):
            raise Retryable(SAME_ERROR, after=self._until_again(job_id))
        self._store.work.hand_over(job_id, workflow_id, asking)
        return go("the model is asked", ask_model=True)

    @guarded
    def ask(self, job_id: int, issue_id: str) -> Outcome:
        """Ask about one issue and keep the verdict that comes of it.

        Weighs again first: while it waited, or before a worker died here, the answer may have come.
        """
        issue, digest = self._store.issues.get(issue_id), self._digest(issue_id)
        if issue is None:
            raise Permanent("The issue is not known any more.")
        offline, decision = self._weigh(job_id, issue, digest)
        if not decision.ask_model or self._line is None:
            return self._keep(issue, decision.verdict, decision.reason)
        if self._asked_already(job_id, issue):
            return go(ONE_QUESTION)
        why = self._line.private(issue)
        if why:
            return self._keep_offline(job_id, issue, offline, why)
        return self._reserved(self._line, self._question(self._line, job_id, issue, digest, offline))

    def _reserved(self, line: ModelLine, question: Question) -> Outcome:
        """Budget, then the same error elsewhere, the circuit last: a call that it lets try must be made."""
        job_id, issue = question.job_id, question.issue
        most = line.most_usd(question.prompt.tokens)
        number, reason = self._store.calls.reserve(
            issue.issue_id, issue.signature, line.model.id, estimate=most, ceilings=line.ceilings
        )
        if number is None:
            return self._keep_offline(job_id, issue, question.offline, reason)
        if self._store.same.asked_before(issue.signature, number):
            self._store.calls.cancel(number)
            raise Retryable(SAME_ERROR, after=self._until_again(job_id))
        if not line.circuit.allow():
            self._store.calls.cancel(number)
            why = "the model does not answer at present"
            return self._keep_offline(job_id, issue, question.offline, why, line.circuit.open_for())
        return self._send(line, question, number, most)

    def _send(self, line: ModelLine, question: Question, number: int, most: float) -> Outcome:
        memory = line.learned()
        with self._calls:
            began = time.monotonic()
            result = ask(
                line.model,
                question.prompt,
                send=self._services.send_to_model,
                memory=memory,
                overrides=self._services.policy.models,
            )
            took = time.monotonic() - began
        line.remember(memory)
        self._store.calls.finish(number, _booked(result, took, most), by_kind(question.removed))
        self._note_circuit(line, result)
        if isinstance(result, Failed):
            why, later = (
                f"no model verdict: {result.reason}",
                (result.after or 0.0) if result.retryable else None,
            )
            return self._keep_offline(question.job_id, question.issue, question.offline, why, later)
        return self._keep_answer(line, question, result)

    def _keep_answer(self, line: ModelLine, question: Question, asked: Asked) -> Outcome:
        name = f"{line.model.provider}:{asked.model}"
        verdict, changed = guard(asked.answer, question.offline, question.prompt.seen, model=name)
        if verdict.abstained and not question.offline.abstained:
            why = f"{name} was not sure"
            return self._keep_offline(question.job_id, question.issue, question.offline, why)
        sent = {
            "model": name,
            "prompt": question.prompt.version,
            "text": question.prompt.user,
            "removed": len(question.removed),
        }
        why = f"{name} answered" + (f"; {changed}" if changed else "")
        return self._keep(question.issue, verdict, why, sent=sent)

    def _keep_offline(
        self, job_id: int, issue: StoredIssue, offline: Verdict, why: str, later: float | None = None
    ) -> Outcome:
        """``later``: the model was only away; seconds until it may be asked again."""
        if later is not None and self._line is not None:
            self._line.look_again(job_id, issue.issue_id, later)
        noted = offline.model_copy(update={"note": why[:300]})
        return self._keep(issue, noted, f"offline verdict: {why}")

    def _keep(self, issue: StoredIssue, verdict: Verdict, reason: str, *, sent: object = None) -> Outcome:
        """Store the verdict; those that wait for it go on at once."""
        self._store.verdicts.add(
            issue.issue_id,
            verdict,
            project=issue.project,
            signature=issue.signature,
            reason=reason,
            sent=sent,
        )
        self._store.same.hurry(issue.signature, SAME_ERROR)
        return go(reason)

    def _question(
        self, line: ModelLine, job_id: int, issue: StoredIssue, digest: Digest, offline: Verdict
    ) -> Question:
        clean, removals = redact_digest(digest, line.privacy(issue))
        prompt = build_prompt(
            clean,
            offline,
            nonce=secrets.token_hex(12),
            cases=self._services.past_cases(issue, digest, offline.category),
            language=self._services.settings.triage_language,
        )
        return Question(job_id, issue, offline, prompt, removals)

    def _asked_already(self, job_id: int, issue: StoredIssue) -> bool:
        """True where this job has had its answer, or has failed to get one, and the verdict of it is kept.

        A job is done again from the start where a write has to wait; that is no reason to pay twice.
        """
        call = self._store.calls.ended(issue.issue_id)
        if call is None:
            return False
        at, result = call
        job, latest = self._store.work.get(job_id), self._store.verdicts.latest(issue.issue_id)
        if job is None or at < job.created_at or latest is None or latest.signature != issue.signature:
            return False
        # A worker may have died with a good answer in its hand: that one is asked for again.
        return result != OK or latest.created_at >= at

    def _digest(self, issue_id: str) -> Digest:
        content = self._store.issues.content(issue_id)
        if content is None:
            raise Permanent("What was read of the issue cannot be opened: its encryption key is gone.")
        return content[0]

    def _until_again(self, job_id: int) -> float:
        """Doubling, because the answer itself makes those that wait go on."""
        job = self._store.work.get(job_id)
        return float(min(SAME_AGAIN * 2 ** (job.attempts if job else 0), 60.0))

    def _note_circuit(self, line: ModelLine, result: Asked | Failed) -> None:
        """Only what says that the model is away opens the circuit; an answer that cannot be used does not."""
        if isinstance(result, Asked) or isinstance(result.fault, Fault):
            line.circuit.succeeded()
        else:
            line.circuit.failed(result.after)


def _booked(result: Asked | Failed, seconds: float, most: float) -> CallResult:
    """What a call cost. One that timed out may have been answered, unseen by us: its whole estimate stays."""
    spent, cost = result.spent, result.spent.cost_usd
    if isinstance(result, Failed) and result.fault is CallFault.TIMEOUT:
        cost = max(cost, most)
    return CallResult(
        result=OK if isinstance(result, Asked) else str(result.fault.value),
        answered_by=result.model if isinstance(result, Asked) else "",
        tokens_in=spent.usage.input,
        tokens_cached=spent.usage.cached,
        tokens_out=spent.usage.output,
        cost_usd=cost,
        seconds=seconds,
    )
