"""One question to one model, to the end: schema ladder, learning from a 400, one repair turn, all bounded.

Made to run inside one durable step: it keeps no state of its own, raises nothing, and what it returns can be
stored. What was spent is in the result also when the question failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.core.answer import Answer, BadAnswer, Fault, parse_answer
from app.core.prompt import Prompt, estimate_tokens, repair

from . import ADAPTERS
from .base import CallFault, Completion, Finish, HttpRequest, HttpResponse, Model, Usage
from .capabilities import Capability, Memory, capability_of, learn, remember
from .reading import error_text, quota_is_spent
from .transport import CALL_SECONDS, Unanswered

Send = Callable[[HttpRequest, float], HttpResponse]
"""``Transport.send``: the request and the seconds it may take."""

MAX_DROPS = 4
"""Parameters a server may refuse in one question before we stop."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a question cost so far; dollars are an estimate by the price table."""

    usage: Usage = field(default_factory=Usage)
    cost_usd: float = 0.0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A usable answer. ``model``: the id the server named; ``schema_mode``: the rung it came from."""

    answer: Answer = field(repr=False)
    spent: Spent
    model: str
    schema_mode: str
    prompt_version: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer, which case, whether later may help (``after``: seconds the server asked for)."""

    fault: Fault | CallFault
    reason: str
    retryable: bool
    spent: Spent
    after: float | None = None


def ask(
    model: Model,
    prompt: Prompt,
    *,
    send: Send,
    memory: Memory,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    within: float = CALL_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Asked | Failed:
    """Asks until there is an answer, one repair turn has failed, or ``within`` seconds are over.

    ``memory`` is changed when a server teaches us something. Raises UserError only for a wrong override.
    """
    return _Question(model, prompt, send, memory, overrides, clock() + within, clock).run()


@dataclass(slots=True)
class _Question:
    model: Model
    prompt: Prompt
    send: Send
    memory: Memory
    overrides: Mapping[str, Mapping[str, Any]] | None
    deadline: float
    clock: Callable[[], float]
    spent: Spent = field(default_factory=Spent)
    drops: int = 0
    tried: set[str] = field(default_factory=set)
    repaired: bool = False
    room: int = 1

    def run(self) -> Asked | Failed:
        while True:
            capability = capability_of(self.model, self.overrides, self.memory)
            try:
                response = self._send(capability)
            except Unanswered as error:
                return self._failed(error.fault, str(error), retryable=True, after=error.after)
            if not 200 <= response.status < 300:
                if self._learned(response, capability):
                    continue
                return self._refused(response)
            try:
                return self._read(response, capability)
            except BadAnswer as bad:
                if self.repaired:
                    return self._failed(bad.fault, str(bad), retryable=False)
                self.repaired = True
                self.room = 2 if bad.fault is Fault.TRUNCATED else 1
                self.prompt = repair(self.prompt, bad.hint)

    def _send(self, capability: Capability) -> HttpResponse:
        request = ADAPTERS[self.model.provider].build_request(
            self.model, self.prompt, capability, max_tokens=capability.max_tokens * self.room
        )
        try:
            response = self.send(request, self.deadline - self.clock())
        except Unanswered as error:
            self.spent = replace(self.spent, attempts=self.spent.attempts + error.attempts)
            raise
        self.spent = replace(self.spent, attempts=self.spent.attempts + 1)
        return response

    def _read(self, response: HttpResponse, capability: Capability) -> Asked:
        completion = ADAPTERS[self.model.provider].parse(response)
        self._count(completion, capability)
        if completion.finish is Finish.REFUSED:
            raise BadAnswer(Fault.REFUSED, "the model refused to answer")
        try:
            answer = parse_answer(completion.text)
        except BadAnswer as bad:
            if completion.finish is Finish.LENGTH:
                raise BadAnswer(Fault.TRUNCATED, "the answer was cut off: be brief") from None
            raise bad from None
        named = completion.model or self.model.name
        mode = capability.schema_mode.value
        return Asked(answer, self.spent, named[:100], mode, self.prompt.version, self.repaired)

    def _count(self, completion: Completion, capability: Capability) -> None:
        """What the server counted, else a careful estimate: money must not go unseen."""
        usage = completion.usage
        if not usage.input:
            usage = Usage(self.prompt.tokens, estimate_tokens(completion.text), estimated=True)
        cost = self.spent.cost_usd + capability.cost_usd(usage)
        self.spent = replace(self.spent, usage=self.spent.usage + usage, cost_usd=cost)

    def _learned(self, response: HttpResponse, capability: Capability) -> bool:
        if response.status not in {400, 422} or self.drops >= MAX_DROPS:
            return False
        new, _reason = learn(response, capability)
        if (
            new is None
            or new.items() <= self.memory.get(self.model.place, {}).items()
            or self.tried & new.keys()
        ):
            return False
        self.tried |= new.keys() - {"schema_mode"}
        self.drops += 1
        remember(self.memory, self.model, new)
        return True

    def _refused(self, response: HttpResponse) -> Failed:
        """The status as a case. The server's own words stay out: they may quote the prompt or key."""
        fault = _STATUS.get(response.status, CallFault.BAD_REQUEST)
        if quota_is_spent(response.body):
            fault = CallFault.QUOTA_SPENT
        _, _, code = error_text(response.body)
        if response.status == 400 and "content_filter" in code:
            return self._failed(
                Fault.REFUSED, "the provider's content filter refused the prompt", retryable=False
            )
        if 300 <= response.status < 400:
            fault = CallFault.REDIRECTED
        return self._failed(fault, f"HTTP {response.status}: {fault.value}", retryable=False)

    def _failed(
        self, fault: Fault | CallFault, reason: str, *, retryable: bool, after: float | None = None
    ) -> Failed:
        return Failed(fault, reason, retryable, self.spent, after)


_STATUS = {
    401: CallFault.KEY_REJECTED,
    402: CallFault.QUOTA_SPENT,
    403: CallFault.KEY_REJECTED,
    404: CallFault.MODEL_NOT_FOUND,
    413: CallFault.TOO_LARGE,
    429: CallFault.QUOTA_SPENT,
}
