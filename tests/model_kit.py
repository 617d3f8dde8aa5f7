"""What the model tests share: a prompt, good answers in each dialect, a fake that answers from a queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from app.core.digest import Digest, ExceptionInfo
from app.core.prompt import Prompt, build_prompt
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source
from app.models import make_model
from app.models.base import HttpRequest, HttpResponse, Model

SECRET_KEY = "sk-test-never-shown"
GOOD: dict[str, Any] = {
    "category": "Database",
    "severity": "critical",
    "root_cause": "The pool is exhausted.",
    "suggested_fix": "Return connections to the pool.",
    "requires_immediate_action": True,
    "confidence": 0.9,
    "evidence": ["exception:0.value"],
}
TEXT = json.dumps(GOOD)
OFFLINE = Verdict(category=Category.DATABASE, severity=Severity.HIGH, confidence=0.5, source=Source.OFFLINE)


def prompt() -> Prompt:
    digest = Digest(
        title="PoolTimeout",
        level="error",
        exceptions=(ExceptionInfo(type="PoolTimeout", value="CONFIDENTIAL-EVENT-TEXT pool exhausted"),),
    )
    return build_prompt(digest, OFFLINE, nonce="k3v9x2m7q1w8e5r4")


def openai(name: str = "gpt-6-luna", url: str = "") -> Model:
    return make_model(f"openai:{name}", base_url=url, api_key=SECRET_KEY)


def anthropic(name: str = "claude-haiku-5-5", url: str = "") -> Model:
    return make_model(f"anthropic:{name}", base_url=url, api_key=SECRET_KEY)


def chat(text: str | None = TEXT, **changes: Any) -> dict[str, Any]:
    """A Chat Completions response body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    choice |= {k: v for k, v in changes.items() if k in {"finish_reason", "message"}}
    usage = {"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 400}}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "model": "gpt-6-luna-2026-09-22",
        "choices": [choice],
        "usage": usage,
    }
    return body | {k: v for k, v in changes.items() if k not in {"finish_reason", "message"}}


def message(text: str | None = TEXT, **changes: Any) -> dict[str, Any]:
    """A Messages response body: a thinking block first, as current models send it."""
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]
    usage = {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 200}
    body: dict[str, Any] = {"id": "msg_1", "type": "message", "model": "claude-haiku-5-5", "content": blocks}
    return body | {"stop_reason": "end_turn", "usage": usage} | changes


def reply(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return HttpResponse(status, headers, raw)


def refusal(
    message: str, param: str | None = None, code: str | None = None, status: int = 400
) -> HttpResponse:
    """An OpenAI-shaped error."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return reply({"error": error}, status)


class FakeSend:
    """Answers from a queue (a response, an error, a function of the request); keeps what it was sent."""

    def __init__(self, *answers: HttpResponse | Exception | Callable[[HttpRequest], HttpResponse]) -> None:
        self.answers: list[HttpResponse | Exception | Callable[[HttpRequest], HttpResponse]] = list(answers)
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest, within: float) -> HttpResponse:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, HttpResponse) else answer(request)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(r.body) for r in self.requests]


def keys(bodies: Iterable[dict[str, Any]]) -> list[set[str]]:
    return [set(b) - {"model", "messages", "system"} for b in bodies]
