"""Two errors that are the same error share a signature: type chain, normalised message, innermost own frames.

Merging two different errors is the worse mistake (a wrong verdict is reused), so what may carry meaning
stays: status codes, error numbers, and short quoted names such as a column or an attribute.
"""

from __future__ import annotations

import hashlib
import json
import re
from re import Match

from .digest import Digest, Frame

TOP_FRAMES = 3
MAX_NORMALISED = 300

_CODE_BEFORE = re.compile(
    r"(?i)(?:code|status|errno|error|signal|http(?:/\d(?:\.\d)?)?|exit|sqlstate|returned)[\s:=#\[(]{0,3}$"
)
_STATUS_TEXT = re.compile(r" [A-Z][a-z]")
_NAME = re.compile(r"[^\W\d][\w.$-]{0,60}")


def _quoted(m: Match[str]) -> str:
    """A quoted name stays (``'NoneType'``, ``"orders"``); a value with digits, blanks or signs does not."""
    inner = m[0][1:-1]
    kept = _NAME.fullmatch(inner) and not any(c.isdigit() for c in inner)
    return m[0] if kept or not inner.strip() else f"{m[0][0]}<str>{m[0][0]}"


def _number(m: Match[str]) -> str:
    before, after = m.string[max(0, m.start() - 16) : m.start()], m.string[m.end() : m.end() + 3]
    plain = m[0].isdigit() and len(m[0]) <= 5
    status = plain and len(m[0]) == 3 and m[0][0] in "345" and _STATUS_TEXT.match(after)
    return m[0] if status or (plain and _CODE_BEFORE.search(before)) else "<n>"


_STEPS = (
    (re.compile(r"<(\w+(?:\.\w+){0,8}) object at 0x[0-9a-fA-F]+>"), r"<\1 object>"),
    (
        re.compile(
            r"\[(?:query|fragment|credentials|secret|personal|token|jwt|email|phone|ip|private-ip|card|mac)\]"
        ),
        "<x>",
    ),
    (re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'<>)\]]+"), "<url>"),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (
        re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"),
        "<uuid>",
    ),
    (
        re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"),
        "<time>",
    ),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])"), "<ip>"),
    (re.compile(r"\"[^\"\n]{0,400}\"|(?<!\w)'[^'\n]{0,400}'(?!\w)|`[^`\n]{0,400}`"), _quoted),
    (re.compile(r"(?<![\w.>])(?:[A-Za-z]:)?(?:[\\/][\w.@ +~-]*[\w.@+~-]){2,}/?"), "<path>"),
    (
        re.compile(r"(?<![\w.-])(?=[a-z0-9.-]*[a-z])(?:[a-z0-9-]{1,63}\.){1,8}(?:[a-z]{2,24})(?::\d{1,5})"),
        "<host>",
    ),
    (re.compile(r"0x[0-9a-fA-F]+"), "<hex>"),
    (re.compile(r"(?<![0-9A-Za-z_])(?=[A-Fa-f]*\d)[0-9a-fA-F]{8,}(?![0-9A-Za-z_])"), "<hex>"),
    (re.compile(r"(?<![A-Za-z])[-+]?\d+(?:[.,]\d+)*"), _number),
    (re.compile(r"(?<=[_-])\d+"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def normalise_message(text: str) -> str:
    """A message with its run-time values replaced by placeholders, at most 300 characters."""
    text = text[: MAX_NORMALISED * 8]
    for pattern, put in _STEPS:
        text = pattern.sub(put, text)
    return text.strip()[:MAX_NORMALISED]


_BUNDLE_HASH = re.compile(r"(?<=[.\-_~])(?=(?:[a-zA-Z]*\d){2})[0-9a-zA-Z]{6,40}(?=[.\-_~]|$)")
_GENERATED = re.compile(r"(?<=[$@_])\d+|0x[0-9a-fA-F]+|(?<=\$)[0-9a-f]{6,}")


def _place(frame: Frame) -> str:
    """Module (or file) and function, without line numbers, build hashes and generated suffixes."""
    where = frame.module or frame.filename.replace("\\", "/").partition("?")[0]
    return f"{_BUNDLE_HASH.sub('#', where)}:{_GENERATED.sub('#', frame.function)}"


def _top_frames(digest: Digest) -> list[str]:
    """Of the innermost cause that has frames of ours; else the innermost frames there are."""
    stacks = [e.frames for e in digest.exceptions if e.frames] or [digest.frames]
    own = next((o for s in stacks if (o := [f for f in s if f.in_app])), None)
    return [_place(f) for f in (own or stacks[0])[-TOP_FRAMES:]]


def signature(digest: Digest) -> str:
    """32 hex characters, or an empty string where nothing in the event tells it from another.

    Level, environment and platform are part of it because a verdict rests on them: in staging it is not as
    bad.
    """
    chain = [(e.type, normalise_message(e.value)) for e in digest.exceptions]
    message = normalise_message(digest.message or ("" if any(v for _, v in chain) else digest.title))
    places = _top_frames(digest)
    if not (message or places or any(kind or value for kind, value in chain)):
        return ""
    environment = digest.environment or digest.tags.get("environment", "")
    parts = [digest.platform, digest.level, environment.lower(), chain, message, places]
    raw = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(raw.encode()).hexdigest()[:32]
