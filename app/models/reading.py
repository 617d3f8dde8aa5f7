"""Reading JSON that a stranger sent: nothing here raises anything but a named case."""

from __future__ import annotations

import json
from typing import Any

from app.core.answer import BadAnswer, Fault


def json_object(body: bytes) -> dict[str, Any]:
    """The response body as an object. Raises BadAnswer: empty, a page, not JSON, an error object."""
    text = body.decode("utf-8", "replace").strip().lstrip("\ufeff")
    if not text:
        raise BadAnswer(Fault.EMPTY, "the response had no body")
    if text.startswith("<"):
        raise BadAnswer(Fault.HTML_ERROR_PAGE, "a page instead of a response")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadAnswer(Fault.NOT_JSON, "the response is not JSON") from None
    if not isinstance(value, dict):
        raise BadAnswer(Fault.NOT_JSON, "the response is not a JSON object")
    if value.get("error") or value.get("type") == "error":
        raise BadAnswer(Fault.ERROR_OBJECT, "an error object in place of a completion")
    return value


def error_text(body: bytes) -> tuple[str, str, str]:
    """``(message, parameter, code)`` of an error response in any of the usual shapes; texts may be empty.

    OpenAI: ``{"error": {"message", "param", "code"}}``, Anthropic: ``{"error": {"message", "type"}}``,
    vLLM: ``{"message", "param"}``, FastAPI servers: ``{"detail": …}``.
    """
    try:
        raw = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return body[:2000].decode("utf-8", "replace"), "", ""
    outer = as_mapping(raw[0] if isinstance(raw, list) and raw else raw)
    inner = outer.get("error", outer)
    error = as_mapping(inner) if isinstance(inner, dict) else {"message": inner}
    message = error.get("message") or outer.get("detail") or outer.get("message") or ""
    code = error.get("code") or error.get("type") or ""
    return (
        (message if isinstance(message, str) else json.dumps(message))[:4000],
        str(error.get("param") or ""),
        str(code),
    )


def quota_is_spent(body: bytes) -> bool:
    """An error that no waiting mends: the account has no money left (OpenAI's code, Anthropic's words)."""
    message, _, code = error_text(body)
    return (
        code in {"insufficient_quota", "billing_hard_limit_reached"} or "credit balance is too low" in message
    )


def as_mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_int(value: object) -> int:
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
