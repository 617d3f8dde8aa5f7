"""The issue search language, from text to terms. Source: api/event_search.py, api/issue_search.py."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .problems import Problem

_KEYED = re.compile(
    r"""(?x)^(?P<negated>!?)
    (?: tags\[(?P<explicit>[^\]]+)\] | (?P<key>[a-zA-Z0-9_.-]+) | "(?P<quoted>[^"]+)" )
    :(?P<rest>.*)$""",
    re.DOTALL,
)
_OPERATOR = re.compile(r"^(>=|<=|>|<|=)(?=.)")


@dataclass(frozen=True)
class Term:
    """``key`` empty: free text. ``explicit``: written ``tags[key]``, so never a field of the issue."""

    key: str
    values: tuple[str, ...]
    negated: bool = False
    operator: str = ""
    explicit: bool = False


def bad_query(text: str) -> Problem:
    return Problem(400, {"detail": text})


def parse(query: str) -> list[Term]:
    """Raises ``Problem`` (400) for what issue search refuses: OR, AND, parentheses, no value, open quotes."""
    return [_term(word) for word in _words(query)]


def _words(query: str) -> list[str]:
    """Split on spaces outside quotes and brackets."""
    words, current, quoted, depth = [], "", False, 0
    escaped = False
    for char in query:
        if char == '"' and not escaped:
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + {"[": 1, "]": -1}.get(char, 0))
        escaped = char == "\\" and not escaped
        if char.isspace() and not quoted and not depth:
            words.append(current)
            current = ""
        else:
            current += char
    if quoted:
        raise bad_query("Parse error: unmatched quote")
    return [word for word in (*words, current) if word]


def _term(word: str) -> Term:
    if word in ("OR", "AND", "(", ")"):
        text = 'Boolean statements containing "OR" or "AND" are not supported in this search'
        raise bad_query(text)
    found = _KEYED.match(word)
    if not found:
        negated = word.startswith("!") and len(word) > 1
        return Term("", (_unquote(word.lstrip("!") if negated else word),), negated)
    rest = found["rest"]
    operator = _OPERATOR.match(rest)
    if operator:
        rest = rest[operator.end() :]
    return Term(
        key=found["explicit"] or found["key"] or found["quoted"],
        values=_values(rest),
        negated=bool(found["negated"]),
        operator=operator[1] if operator else "",
        explicit=found["explicit"] is not None,
    )


def _values(text: str) -> tuple[str, ...]:
    if text.startswith("[") and text.endswith("]"):
        parts = re.findall(r'\s*("(?:[^"\\]|\\.)*"|[^,]+)\s*(?:,|$)', text[1:-1])
        values = tuple(_unquote(part.strip()) for part in parts if part.strip())
    else:
        values = (_unquote(text),) if text else ()
    if not values:
        raise bad_query('Empty string after a key. Use "" to search for an empty value.')
    return values


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"')
    return text
