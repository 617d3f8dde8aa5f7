"""Anthropic's own Messages API.

Current models refuse temperature, prefill and a forced tool; they think by default, and answer in blocks
that are picked by type.

https://docs.anthropic.com/en/api/messages (read 2026-11)
"""

from __future__ import annotations

import json
from typing import Any

from app.core.answer import BadAnswer, Fault
from app.core.prompt import Prompt

from .base import Completion, Finish, HttpRequest, HttpResponse, Model, Usage
from .capabilities import Capability, SchemaMode
from .reading import as_int, as_mapping, json_object

API_VERSION = "2023-06-01"
_FINISH = {
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSED,
}


class Anthropic:
    """See :class:`app.models.base.Adapter`."""

    default_url = "https://api.anthropic.com"

    def build_request(
        self, model: Model, prompt: Prompt, capability: Capability, *, max_tokens: int
    ) -> HttpRequest:
        system: dict[str, Any] = {"type": "text", "text": prompt.system}
        if capability.cache_control:
            system["cache_control"] = {"type": "ephemeral"}
        body: dict[str, Any] = {
            "model": model.name,
            "max_tokens": max_tokens,
            "system": [system],
            "messages": [{"role": "user", "content": prompt.user}],
        }
        config: dict[str, Any] = {"effort": capability.effort} if capability.effort else {}
        if capability.schema_mode is SchemaMode.JSON_SCHEMA:
            config["format"] = {"type": "json_schema", "schema": dict(prompt.schema)}
        if config:
            body["output_config"] = config
        return HttpRequest(
            _url(model.base_url or self.default_url), _headers(model), json.dumps(body).encode()
        )

    def parse(self, response: HttpResponse) -> Completion:
        raw = json_object(response.body)
        blocks = raw.get("content")
        if not isinstance(blocks, list):
            raise BadAnswer(Fault.EMPTY, "no content in the response")
        parts = [as_mapping(b) for b in blocks]
        text = "".join(str(p.get("text") or "") for p in parts if p.get("type") == "text")
        finish = _FINISH.get(str(raw.get("stop_reason")), Finish.STOP)
        return Completion(text, finish, _usage(raw), str(raw.get("model") or ""), str(raw.get("id") or ""))


def _url(base: str) -> str:
    base = base.rstrip("/").removesuffix("/v1")
    return base if base.endswith("/v1/messages") else f"{base}/v1/messages"


def _headers(model: Model) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "anthropic-version": API_VERSION,
    }
    if model.api_key:
        headers["x-api-key"] = model.api_key
    return headers


def _usage(raw: dict[str, Any]) -> Usage:
    """``input_tokens`` leaves out what was read from or written to the cache: add both."""
    usage = as_mapping(raw.get("usage"))
    cached, written = (
        as_int(usage.get("cache_read_input_tokens")),
        as_int(usage.get("cache_creation_input_tokens")),
    )
    return Usage(
        as_int(usage.get("input_tokens")) + cached + written, as_int(usage.get("output_tokens")), cached
    )
