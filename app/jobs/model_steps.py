"""Asking a model, as one durable step: private, within budget, never twice about the same error at once.

Whatever goes wrong ends with the offline verdict and a note that says why.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.core.answer import Fault
from app.core.breaker import Circuit, allow, failed, succeeded
from app.core.budget import Ceilings
from app.core.digest import Digest
from app.core.guard import guard
from app.core.offline import classify
from app.core.policy import PrivacyLevel
from app.core.prompt import Prompt, build_prompt
from app.core.redact import redact_digest
from app.core.verdict import Verdict
from app.errors import Permanent, Retryable
from app.models.ask import Asked, Failed, ask
from app.models.base import CallFault, Model
from app.models.capabilities import Memory, capability_of
from app.services import Services
from app.store.calls import CallResult
from app.store.issues import StoredIssue

from .outcome import Outcome, go, guarded

SAME_AGAIN = 2.0
"""Seconds until an issue looks again whether the model has answered about the same error."""

LEARNED = "capabilities"


@dataclass(frozen=True, slots=True)
class Question:
    """One issue's question, ready to be sent."""

    issue: StoredIssue
    offline: Verdict
    prompt: Prompt
    removed: int


class ModelSteps:
    """The ``ask`` step."""

    def __init__(self, services: Services, model: Model) -> None:
        self._services = services
        self._store = services.store
        self._model = model
        self._breaker = f"breaker:{model.place}"[:100]
        self._ceilings = Ceilings(
            day=services.settings.triage_budget_usd_day, month=services.settings.triage_budget_usd_month
        )

    @guarded
    def ask(self, job_id: int, issue_id: str) -> Outcome:
        """Ask about one issue and keep the verdict that comes of it."""
        issue, content = self._store.issues.get(issue_id), self._store.issues.content(issue_id)
        if issue is None or content is None:
            raise Permanent("What was read of the issue cannot be opened: its encryption key is gone.")
        offline = classify(content[0], self._services.rules)
        question = self._question(issue, content[0], offline)
        if isinstance(question, str):
            return self._keep_offline(issue, offline, question)
        circuit, allowed, reason = allow(self._circuit(), time.time())
        self._store.facts.put(self._breaker, asdict(circuit))
        if not allowed:
            return self._keep_offline(issue, offline, f"the model is not asked now: {reason}")
        return self._reserved(question)

    def _reserved(self, question: Question) -> Outcome:
        issue, capability = question.issue, self._capability()
        number, reason = self._store.calls.reserve(
            issue.issue_id,
            issue.signature,
            self._model.id,
            estimate=capability.most_usd(question.prompt.tokens),
            ceilings=self._ceilings,
        )
        if number is None:
            return self._keep_offline(issue, question.offline, reason)
        if self._store.calls.under_way(issue.signature, before=number):
            self._store.calls.cancel(number)
            raise Retryable("the model is being asked about the same error", after=SAME_AGAIN)
        return self._send(question, number)

    def _send(self, question: Question, number: int) -> Outcome:
        memory: Memory = dict(self._learned())
        before = dict(memory)
        began = time.monotonic()
        result = ask(
            self._model,
            question.prompt,
            send=self._services.send_to_model,
            memory=memory,
            overrides=self._services.policy.models,
        )
        if memory != before:
            self._store.facts.put(LEARNED, {place: dict(known) for place, known in memory.items()})
        self._store.calls.finish(number, _booked(result, time.monotonic() - began))
        self._note_circuit(result)
        if isinstance(result, Failed):
            return self._keep_offline(question.issue, question.offline, f"no model verdict: {result.reason}")
        return self._keep_answer(question, result)

    def _keep_answer(self, question: Question, asked: Asked) -> Outcome:
        name = f"{self._model.provider}:{asked.model}"
        verdict, changed = guard(asked.answer, question.offline, question.prompt.seen, model=name)
        if verdict.abstained and not question.offline.abstained:
            return self._keep_offline(question.issue, question.offline, f"{name} was not sure")
        sent = {
            "model": name,
            "prompt": question.prompt.version,
            "text": question.prompt.user,
            "removed": question.removed,
        }
        self._store.verdicts.add(
            question.issue.issue_id,
            verdict,
            project=question.issue.project,
            signature=question.issue.signature,
            reason=f"{name} answered" + (f"; {changed}" if changed else ""),
            sent=sent,
        )
        return go(f"{name} answered")

    def _keep_offline(self, issue: StoredIssue, offline: Verdict, why: str) -> Outcome:
        self._store.verdicts.add(
            issue.issue_id,
            offline.model_copy(update={"note": why[:300]}),
            project=issue.project,
            signature=issue.signature,
            reason=f"offline verdict: {why}",
        )
        return go(why)

    def _question(self, issue: StoredIssue, digest: Digest, offline: Verdict) -> Question | str:
        """The question, or why none may be asked."""
        level = self._services.policy.for_project(issue.project).privacy.level
        if level is PrivacyLevel.OFFLINE_ONLY:
            return "this project's errors stay here (privacy level offline-only)"
        clean, removals = redact_digest(digest, level)
        prompt = build_prompt(
            clean,
            offline,
            nonce=secrets.token_hex(12),
            cases=self._services.past_cases(issue.signature, offline.category),
            language=self._services.settings.triage_language,
        )
        return Question(issue, offline, prompt, len(removals))

    def _capability(self) -> Any:
        return capability_of(self._model, self._services.policy.models, dict(self._learned()))

    def _learned(self) -> Mapping[str, Mapping[str, str]]:
        learned: Mapping[str, Mapping[str, str]] = self._store.facts.get(LEARNED, {})
        return learned

    def _circuit(self) -> Circuit:
        return Circuit(**self._store.facts.get(self._breaker, {}))

    def _note_circuit(self, result: Asked | Failed) -> None:
        """Only what says that the model is away opens the circuit; an answer that cannot be used does not."""
        if isinstance(result, Asked) or isinstance(result.fault, Fault):
            circuit = succeeded(self._circuit())
        else:
            circuit = failed(self._circuit(), time.time(), after=result.after)
        self._store.facts.put(self._breaker, asdict(circuit))


def _booked(result: Asked | Failed, seconds: float) -> CallResult:
    spent = result.spent
    answered = isinstance(result, Asked)
    fault: Fault | CallFault | None = None if isinstance(result, Asked) else result.fault
    return CallResult(
        result="ok" if answered else str(fault.value if fault else "failed"),
        answered_by=result.model if isinstance(result, Asked) else "",
        tokens_in=spent.usage.input,
        tokens_cached=spent.usage.cached,
        tokens_out=spent.usage.output,
        cost_usd=spent.cost_usd,
        seconds=seconds,
    )
