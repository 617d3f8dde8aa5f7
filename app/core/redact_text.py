"""Redaction of one text: values with a shape of their own, then ``key=value`` by the key, then the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from re import Match

from .redact_keys import key_kind
from .redact_patterns import AFTER_KEYS, RULES, Rule

PLACEHOLDER = {"secret": "[secret]", "personal": "[personal]"}


@dataclass(frozen=True, slots=True)
class Removal:
    """``count`` values of one ``kind`` were taken out at ``where`` (a field path; empty for plain text)."""

    kind: str
    count: int = 1
    where: str = ""


_ASSIGNED = re.compile(
    r"(?<![\w.-])(?P<key>[\w.-]{1,128})(?P<mid>\\?[\"']?\]?\s{0,3}(?:=>|:=|=|:(?!:))\s{0,3})"
    r"(?P<value>\\?\"(?:[^\"\\\n]|\\.){0,4096}\\?\"?|\\?'(?:[^'\\\n]|\\.){0,4096}\\?'?|[^\s,;&\"'(){}\[\]<>]{1,4096})"
)
_CODE = re.compile(
    r"(?i)(?:self|this|request|req|os|process|settings|config|env|params|ctx|args|kwargs|data|app|cls)\b[.\[(]"
)
_NOTHING = frozenset(
    {
        "none",
        "null",
        "nil",
        "undefined",
        "true",
        "false",
        "''",
        '""',
        "nan",
        "expected",
        "required",
        "invalid",
    }
)
_STRONG = frozenset({"password", "passwd", "pwd", "secret", "passphrase", "apikey"})


def _assigned(m: Match[str]) -> tuple[str, str] | None:
    """``key=value``, ``"key": "value"`` with a denied key. Prose such as ``Unexpected token: foo`` stays."""
    kind = key_kind(m["key"])
    value, after = m["value"], m.string[m.end() : m.end() + 1]
    if kind is None or value.lower() in _NOTHING or after in {"(", "["} or _CODE.match(value):
        return None
    if value.startswith("[") or (value[0] in "\"'" and value.strip("\"'\\").startswith("[")):
        return None
    quoted = value[0] in "\"'\\"
    prose = ":" in m["mid"] and not quoted and m["mid"][0] not in "\"'\\"
    if prose and not _secret_in_prose(m["key"], value, m.string[m.end() : m.end() + 2]):
        return None
    edge = value[0] if quoted else ""
    return (
        kind,
        f"{m['key']}{m['mid']}{edge}{PLACEHOLDER[kind]}{edge if quoted and value[-1] == edge else ''}",
    )


def _secret_in_prose(key: str, value: str, after: str) -> bool:
    if any(c.isdigit() for c in value) and len(value) >= 4:
        return True
    ends = not after.strip() or after[0] in ",;"
    return key.rpartition(".")[2].lower() in _STRONG and ends and len(value) >= 4


def _apply(rules: Iterable[Rule], text: str, seen: Counter[str]) -> str:
    for rule in rules:

        def put(m: Match[str], rule: Rule = rule) -> str:
            new = rule.replace(m)
            if new is None:
                return m[0]
            seen[rule.kind] += new != m[0]
            return new

        text = rule.pattern.sub(put, text)
    return text


def redact_text(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text without secrets and personal data, and how many of each kind went. Linear time."""
    seen: Counter[str] = Counter()

    def put(m: Match[str]) -> str:
        hit = _assigned(m)
        if hit is None:
            return m[0]
        seen[hit[0]] += 1
        return hit[1]

    text = _apply(RULES, text, seen)
    text = _ASSIGNED.sub(put, text)
    text = _apply(AFTER_KEYS, text, seen)
    return text, tuple(Removal(kind, count) for kind, count in sorted(seen.items()) if count)
