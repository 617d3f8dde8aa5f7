"""Exactly what a model would be sent of one event, and all of it that it would not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .digest import digest_event
from .offline import RuleSet, classify
from .policy import PrivacyLevel
from .prompt import Prompt, build_prompt
from .redact import Removal, redact_digest, redact_json

_NEVER_READ = frozenset(
    {"user", "cookies", "headers", "query_string", "queryString", "query", "env", "vars", "extra", "context"}
)
"""Parts of an event, in either shape, that a digest never takes; ``context`` is REST's name for ``extra``."""
_MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Preview:
    """``prompt`` is None where the privacy level lets nothing leave."""

    level: PrivacyLevel
    prompt: Prompt | None
    removed: tuple[Removal, ...]
    """Taken out of what would have been sent."""
    never_read: Mapping[str, int]
    """Parts of the event that are not looked at for a model, and how many values they hold."""
    secrets_in_event: tuple[Removal, ...]
    """Secrets and personal data that stand anywhere in the event: worth scrubbing at their source."""


def preview(
    event: Mapping[str, Any],
    level: PrivacyLevel,
    *,
    nonce: str,
    language: str = "English",
    rules: RuleSet | None = None,
) -> Preview:
    """What happens to one event on its way to a model. ``event``: REST or SDK shape, unwrapped."""
    digest = digest_event(event)
    clean, removed = redact_digest(digest, level)
    prompt = None
    if level is not PrivacyLevel.OFFLINE_ONLY:
        prompt = build_prompt(clean, classify(digest, rules), nonce=nonce, language=language)
    return Preview(level, prompt, removed, never_read(event), redact_json(event)[1])


def never_read(event: Mapping[str, Any]) -> dict[str, int]:
    """Which parts a digest leaves out, with the number of values in each."""
    found: Counter[str] = Counter()
    _collect(event, "", found, 0)
    return dict(sorted(found.items()))


def _collect(value: Any, parent: str, found: Counter[str], depth: int) -> None:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list | tuple):
        for one in value:
            _collect(one, parent, found, depth + 1)
    elif isinstance(value, Mapping):
        kind = "request" if value.get("type") == "request" else parent
        for key, inner in value.items():
            body = key == "data" and parent == "request"
            if (key in _NEVER_READ or body) and inner not in (None, "", [], {}):
                found[f"request.{key}" if kind == "request" or parent == "request" else key] += _values(
                    inner, depth
                )
            else:
                name = "request" if key == "request" or (kind == "request" and key == "data") else str(key)
                _collect(inner, name, found, depth + 1)


def _values(value: Any, depth: int) -> int:
    if depth > _MAX_DEPTH:
        return 1
    if isinstance(value, Mapping):
        return sum(_values(v, depth + 1) for v in value.values())
    if isinstance(value, list | tuple):
        return sum(_values(v, depth + 1) for v in value)
    return int(value is not None)
