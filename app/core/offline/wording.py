"""Sentences from templates: slots filled with cleaned values, optional parts dropped, cut at a word's end.

``Deadlock[ on table {table}]`` gives "Deadlock on table orders" or "Deadlock".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_SLOT = 60

_SLOT = re.compile(r"\{([a-z]+)\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}")
_SECRET = re.compile(
    r"(?i)\b(?:eyJ[\w-]{8,}|(?:sk|pk|rk|ghp|gho|xox[abps]|AKIA|glpat)[-_]?[\w-]{10,}|[0-9a-f]{24,}|bearer .*|"
    r"(?:password|passwd|secret|token|apikey)[=:].*)"
)
_MARKUP = re.compile(r"[<>`|*\[\]{}\\\x00-\x1f\x7f-\x9f​-‏‪-‮⁦-⁩]")


def check_template(template: str, known: frozenset[str]) -> None:
    """Raises ``ValueError`` where a template names a slot nobody can fill or nests brackets."""
    for name in re.findall(r"\{([^}]*)\}", template):
        if name not in known:
            raise ValueError(f"{template[:40]!r} uses the unknown slot {{{name}}}")
    if re.search(r"[\[\]]", _OPTIONAL.sub("", template)):
        raise ValueError(f"{template[:40]!r} has unbalanced or nested brackets")


def clean(value: str) -> str:
    """A slot's value made harmless: one line, no markup, no address, no secret, bounded; may become empty."""
    value = " ".join(_MARKUP.sub(" ", value[:400].replace("\\", ".")).split()).strip(" .,:;\"'()")
    if not value or _EMAIL.search(value) or _SECRET.search(value):
        return ""
    return cut(value, MAX_SLOT)


def fill(template: str, slots: Mapping[str, str], limit: int) -> str | None:
    """The first alternative that can be filled, or None where each misses a slot outside brackets."""
    for one in template.split(" | "):
        if text := _one(one, slots):
            return cut(" ".join(text.split()), limit)
    return None


def _one(template: str, slots: Mapping[str, str]) -> str | None:

    def optional(match: re.Match[str]) -> str:
        return _fill(match.group(1), slots) or ""

    return _fill(_OPTIONAL.sub(optional, template), slots)


def _fill(template: str, slots: Mapping[str, str]) -> str | None:
    if any(not slots.get(name) for name in _SLOT.findall(template)):
        return None
    return _SLOT.sub(lambda m: slots[m.group(1)], template)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, ended at a word's end with an ellipsis where something was left out."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return (head[:space] if space > limit // 2 else head).rstrip(" ,;:.(") + "…"
