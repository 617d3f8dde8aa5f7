"""Every endpoint that speaks Chat Completions; the key may be empty.

OpenAI, Azure v1, DeepSeek, Gemini's compatible one, OpenRouter, Ollama, vLLM, LM Studio, a LiteLLM proxy.

https://platform.openai.com/docs/api-reference/chat (read 2026-11)
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from app.core.answer import BadAnswer, Fault
from app.core.prompt import Prompt

from .base import Completion, Finish, HttpRequest, HttpResponse, Model, Usage
from .capabilities import Capability, SchemaMode
from .reading import as_int, as_mapping, json_object

_THINKING = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.S)
"""Local reasoning models write their thoughts into the content."""

_FINISH = {"length": Finish.LENGTH, "max_tokens": Finish.LENGTH, "content_filter": Finish.REFUSED}


class OpenAI:
    """See :class:`app.models.base.Adapter`."""

    default_url = "https://api.openai.com/v1"

    def build_request(
        self, model: Model, prompt: Prompt, capability: Capability, *, max_tokens: int
    ) -> HttpRequest:
        body: dict[str, Any] = {
            "model": model.name,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            capability.token_field: max_tokens,
        }
        if capability.effort:
            body["reasoning_effort"] = capability.effort
        if capability.schema_mode is SchemaMode.JSON_SCHEMA:
            schema = {"name": "triage", "strict": True, "schema": dict(prompt.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif capability.schema_mode is SchemaMode.JSON_OBJECT:
            body["response_format"] = {"type": "json_object"}
        return HttpRequest(
            _url(model.base_url or self.default_url), _headers(model), json.dumps(body).encode()
        )

    def parse(self, response: HttpResponse) -> Completion:
        raw = json_object(response.body)
        choices = raw.get("choices")
        if not isinstance(choices, list) or not choices:
            raise BadAnswer(Fault.EMPTY, "no choices in the response")
        choice = as_mapping(choices[0])
        message = as_mapping(choice.get("message"))
        text = _THINKING.sub("", _text(message.get("content")))
        finish = _FINISH.get(str(choice.get("finish_reason")), Finish.STOP)
        if message.get("refusal"):
            finish = Finish.REFUSED
        return Completion(text, finish, _usage(raw), str(raw.get("model") or ""), str(raw.get("id") or ""))


def _url(base: str) -> str:
    """A base without any path gets ``/v1``, which every compatible server has."""
    base = base.rstrip("/")
    if base.endswith("/chat/completions"):
        return base
    return f"{base}{'' if urlsplit(base).path else '/v1'}/chat/completions"


def _headers(model: Model) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if model.api_key:
        headers["Authorization"] = f"Bearer {model.api_key}"
        if (urlsplit(model.base_url).hostname or "").endswith(".azure.com"):
            headers["api-key"] = model.api_key
    return headers


def _text(content: object) -> str:
    """Content is a text, or a list of typed parts."""
    if isinstance(content, list):
        parts = [as_mapping(p) for p in content]
        return "".join(str(p.get("text") or "") for p in parts if p.get("type") in {"text", "output_text"})
    return content if isinstance(content, str) else ""


def _usage(raw: dict[str, Any]) -> Usage:
    usage = as_mapping(raw.get("usage"))
    details = as_mapping(usage.get("prompt_tokens_details"))
    return Usage(
        as_int(usage.get("prompt_tokens")),
        as_int(usage.get("completion_tokens")),
        as_int(details.get("cached_tokens")),
    )
