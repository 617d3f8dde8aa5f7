"""Who may be asked about: the reasons not to ask a model now, and a second look once it is back."""

from __future__ import annotations

from app.core import relay
from app.core.budget import Ceilings
from app.core.intake import Intent, Kind
from app.core.policy import PrivacyLevel
from app.models.base import Model, Usage
from app.models.capabilities import Capability, Memory, capability_of
from app.services import Services
from app.store.issues import StoredIssue

from .circuit import SharedCircuit
from .dispatch import ASKING

LEARNED = "capabilities"
USUAL_TOKENS = 1_500
"""Tokens of a prompt, to know before one is built whether the budget has room for it."""

SECOND_LOOKS = (120.0, 480.0, 1_920.0, 7_680.0)
"""Seconds after which an issue that only missed an answer is asked about again."""

_AGAIN = "model again "


class ModelLine:
    """The shared state around one model: its circuit, its budget, what was learned of it."""

    def __init__(self, services: Services, model: Model) -> None:
        self._services = services
        self._store = services.store
        self.model = model
        self.circuit = SharedCircuit(
            services.store.facts, model.place, clock=lambda: services.clock().timestamp()
        )
        self.ceilings = Ceilings(
            day=services.settings.triage_budget_usd_day, month=services.settings.triage_budget_usd_month
        )

    def privacy(self, issue: StoredIssue) -> PrivacyLevel:
        return self._services.policy.for_project(issue.project).privacy.level

    def private(self, issue: StoredIssue) -> str:
        """Why nothing of this issue may leave; empty where something may."""
        if self.privacy(issue) is PrivacyLevel.OFFLINE_ONLY:
            return "this project's errors stay here (privacy level offline-only)"
        return ""

    def closed(self) -> tuple[str, float | None]:
        """Why the model is not asked now (empty: it is), and in how many seconds it may be."""
        pause = self.circuit.open_for()
        if pause:
            return "the model does not answer at present", pause
        allowed, reason = self._store.calls.ledger().may_spend(self.most_usd(USUAL_TOKENS), self.ceilings)
        return ("" if allowed else reason), None

    def same_waits(self, issue: StoredIssue) -> bool:
        """True where another issue with the same error is in the line already."""
        return self._store.same.handed_over(ASKING, issue.signature, but_not=issue.issue_id)

    def most_usd(self, tokens: int) -> float:
        """What one question can cost at most: a turn, and a repair turn with room for twice the answer."""
        capability = self.capability()
        return capability.cost_usd(Usage(2 * tokens, 3 * capability.max_tokens))

    def capability(self) -> Capability:
        return capability_of(self.model, self._services.policy.models, self.learned())

    def learned(self) -> Memory:
        kept: Memory = self._store.facts.get(LEARNED, {})
        return dict(kept)

    def remember(self, memory: Memory) -> None:
        """Keep what a server taught about this model; what is known of others stays."""
        place = self.model.place
        new = dict(memory.get(place, {}))
        if new != dict(self.learned().get(place, {})):
            self._store.facts.change(LEARNED, lambda kept: {**(kept or {}), place: new})

    def look_again(self, job_id: int, issue_id: str, after: float) -> None:
        """Triage the issue once more after ``after`` seconds or longer: it missed an answer by bad luck."""
        job = self._store.work.get(job_id)
        if job is None or relay.is_subject(issue_id):
            return
        number = int(job.trigger.removeprefix(_AGAIN)) if job.trigger.startswith(_AGAIN) else 0
        if number < len(SECOND_LOOKS):
            intent = Intent(Kind.TRIAGE, issue_id, f"{_AGAIN}{number + 1}")
            delay = max(after, SECOND_LOOKS[number])
            self._store.work.add(intent, dedupe=f"again:{job_id}", delay=delay)
