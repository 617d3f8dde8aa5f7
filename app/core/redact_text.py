"""Redaction of one text: values with a shape of their own, then ``key=value`` by the key, then the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from re import Match

from .redact_keys import key_kind
from .redact_patterns import AFTER_KEYS, RULES, Rule

PLACEHOLDER = {"secret": "[secret]", "personal": "[personal]"}


_Decide = Callable[[Match[str]], tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class Removal:
    """``count`` values of one ``kind`` were taken out at ``where`` (a field path; empty for plain text)."""

    kind: str
    count: int = 1
    where: str = ""


def by_kind(removals: Iterable[Removal]) -> dict[str, int]:
    """How many values of each kind were taken out."""
    counts: Counter[str] = Counter()
    for removal in removals:
        counts[removal.kind] += removal.count
    return dict(counts)


_ASSIGNED = re.compile(
    r"(?<![\w.-])(?P<key>[\w.-]{1,128})(?P<mid>\\?[\"']?\]?\s{0,3}(?:=>|:=|=|:(?!:))\s{0,3})"
    r"(?P<value>[bBuUrRfF]{0,2}(?:\\?\"(?:[^\"\\\n]|\\.){0,4096}\\?\"?|\\?'(?:[^'\\\n]|\\.){0,4096}\\?'?)"
    r"|[^\s,;&\"'(){}\[\]<>]{1,4096})"
)
_STATED = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"\((?P<key>[\w, ]{1,128})\)=\((?P<value>[^()\n]{1,1024})\)",  # Postgres: Key (username)=(jane)
        r"duplicate entry '(?P<value>[^'\n]{1,1024})' for key '(?P<key>[\w.-]{1,128})'",  # MySQL
        r"<(?P<key>[\w:.-]{1,64})>(?P<value>[^<>\n]{1,1024})(?=</)",
        r"\b(?P<key>password|passwd|passphrase|secret|api key|access key|identified by)(?: is| was)? "
        r"[\"'](?P<value>[^\s\"']{3,256})[\"']",
        r"(?<!\S)--?(?P<key>[\w-]{4,64})[ \t]{1,3}(?P<value>[^\s-][^\s]{2,1024})",
    )
)
"""Other ways in which databases, markup, prose and command lines say which value belongs to which key."""

_CODE = re.compile(
    r"(?i)(?:self|this|request|req|os|process|settings|config|env|params|ctx|args|kwargs|data|app|cls)\b[.\[(]"
)
_CALLED = re.compile(r"(?=\w*[._]|[a-z]+[A-Z])[A-Za-z_][A-Za-z_.]*")
_DONE = re.compile(r"[\"'\\]{0,2}\[[a-z-]{2,20}\]")
_NOTHING = frozenset(
    (
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
    )
)
_STRONG = frozenset({"password", "passwd", "pwd", "secret", "passphrase", "apikey"})


def _assigned(m: Match[str]) -> tuple[str, str] | None:
    """``key=value``, ``"key": "value"`` with a denied key. Prose such as ``Unexpected token: foo`` stays."""
    kind, value = key_kind(m["key"]), m["value"]
    if kind is None or value.lower() in _NOTHING or _DONE.match(value) or _is_code(m):
        return None
    opening = re.match(r"[A-Za-z]{0,2}(\\?[\"'])", value)
    prose = ":" in m["mid"] and not opening and m["mid"][0] not in "\"'\\"
    if prose and not _secret_in_prose(m["key"], value, m.string[m.end() : m.end() + 2]):
        return None
    edge = opening[1] if opening else ""
    closing = edge if value.endswith(edge) else ""
    return kind, f"{m['key']}{m['mid']}{edge}{PLACEHOLDER[kind]}{closing}"


def _is_code(m: Match[str]) -> bool:
    """A source line says where a secret comes from, not what it is: ``token = self.get_token()``."""
    called = m.string[m.end() : m.end() + 1] in {"(", "["} and _CALLED.fullmatch(m["value"])
    return bool(called or _CODE.match(m["value"]))


def _stated(m: Match[str]) -> tuple[str, str] | None:
    """The kind by the keys that are named; the rest of the match stays."""
    names = "secret" if m["key"].lower() == "identified by" else m["key"]
    kind = next((k for name in names.split(",") if (k := key_kind(name.strip()))), None)
    if kind is None or _DONE.match(m["value"]):
        return None
    start, end = m.start("value") - m.start(), m.end("value") - m.start()
    return kind, m[0][:start] + PLACEHOLDER[kind] + m[0][end:]


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


NESTED = 4
"""How deep an assignment is looked for in the value of another: ``ValueError: password=x`` is two."""


def _by_key(pattern: re.Pattern[str], decide: _Decide, text: str, seen: Counter[str]) -> str:
    def put(m: Match[str], depth: int = 0) -> str:
        hit = decide(m)
        if hit is not None:
            seen[hit[0]] += 1
            return hit[1]
        if depth == NESTED or m.start("value") < m.start("key"):
            return m[0]
        done, at = [], m.start()
        for inner in pattern.finditer(m.string, m.start("value"), m.end("value")):
            done += [m.string[at : inner.start()], put(inner, depth + 1)]
            at = inner.end()
        return "".join((*done, m.string[at : m.end()]))

    return pattern.sub(put, text)


def redact_text(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text without secrets and personal data, and how many of each kind went. Linear time."""
    seen: Counter[str] = Counter()
    text = _apply(RULES, text, seen)
    text = _by_key(_ASSIGNED, _assigned, text, seen)
    for pattern in _STATED:
        text = _by_key(pattern, _stated, text, seen)
    text = _apply(AFTER_KEYS, text, seen)
    return text, tuple(Removal(kind, count) for kind, count in sorted(seen.items()) if count)
