"""``--model openai:NAME`` of ``classify`` and ``eval``: question and guard as in a worker, unbooked."""

from __future__ import annotations

import secrets
import threading

from app.core.digest import Digest
from app.core.guard import guard
from app.core.offline import classify, compile_rules, explain
from app.core.policy import Policy, PrivacyLevel
from app.core.prompt import build_prompt
from app.core.redact import redact_digest
from app.core.score import Prediction, Predictor
from app.errors import TriageError
from app.models.ask import Failed, ask
from app.models.base import Model
from app.models.capabilities import Memory, capability_of
from app.models.transport import Transport
from app.services import configured_model
from app.settings import Settings, TriageMode, load_settings

AT_ONCE = 8
"""Questions at a time."""


def model_predictor(name: str) -> Predictor:
    """A predictor for ``provider:name`` with the keys and URLs of the environment. Raises ``UserError``."""
    settings = load_settings(triage_model=name, triage_mode=TriageMode.MODEL)
    model, policy = configured_model(settings), settings.policy()
    if model is None:
        return lambda digest, _project: Prediction(classify(digest))
    capability_of(model, policy.models)
    return _Asker(settings, policy, model)


class _Asker:
    """Safe to call from several threads; what a server teaches is kept for the run."""

    def __init__(self, settings: Settings, policy: Policy, model: Model) -> None:
        self._settings, self._policy, self._model = settings, policy, model
        self._rules = compile_rules(policy.rule)
        self._memory: Memory = {}
        self._lock = threading.Lock()
        self._send = Transport().send

    def __call__(self, digest: Digest, project: str) -> Prediction:
        """Raises ``TriageError`` where nothing may leave the project, or there is no usable answer."""
        level = self._policy.for_project(project).privacy.level
        if level is PrivacyLevel.OFFLINE_ONLY:
            raise TriageError(
                f"the privacy level of {project or 'every project'} is {level}: nothing was sent"
            )
        found = explain(digest, self._rules)
        if found.decided_by:  # as in a worker
            return Prediction(found.verdict)
        offline = found.verdict
        clean, _ = redact_digest(digest, level)
        nonce, language = secrets.token_hex(12), self._settings.triage_language
        prompt = build_prompt(clean, offline, nonce=nonce, language=language)
        with self._lock:
            memory = dict(self._memory)
        answer = ask(self._model, prompt, send=self._send, memory=memory, overrides=self._policy.models)
        with self._lock:
            self._memory.update(memory)
        if isinstance(answer, Failed):
            raise TriageError(answer.reason)
        verdict, _ = guard(answer.answer, offline, prompt.seen, model=self._model.id)
        return Prediction(verdict, answer.spent.cost_usd)
