"""Which issue an event belongs to: ``checksum``, else ``fingerprint``, else stack trace, value, message.

The stored hash is 32 hex digits (md5) and is what ``fingerprints`` and ``/hashes/`` hand out. Sentry's own
stack trace rules are far richer; kept here is what decides whether two occurrences are one issue: type and
in-app frames by module and function, numbers and ids in messages ignored. Source: grouping/api.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

_CHECKSUM = re.compile(r"^[0-9a-f]{32}$")
_DEFAULT = re.compile(r"^\{\{\s*default\s*\}\}$")
_VARIABLE_PARTS = re.compile(
    r"""(?x)
    [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}   # uuid
    | [\w.+-]+@[\w-]+\.[\w.-]+                                      # e-mail
    | \b\d{1,3}(?:\.\d{1,3}){3}\b                                   # IPv4
    | \b0x[0-9a-fA-F]+\b | \b(?=[0-9a-f]*\d)[0-9a-f]{16,}\b         # hex
    | \b\d+(?:\.\d+)?\b                                             # number
    """
)


def hashes(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The event's stored hash(es), the primary one first."""
    checksum = event.get("checksum")
    if checksum:
        text = str(checksum)
        return (text if _CHECKSUM.match(text) else _md5([text]),)
    fingerprint = [str(part) for part in event.get("fingerprint") or ()]
    if not fingerprint or all(_DEFAULT.match(part) for part in fingerprint):
        return (_md5(default_parts(event)),)
    if any(_DEFAULT.match(part) for part in fingerprint):
        default = _md5(default_parts(event))
        return (_md5(default if _DEFAULT.match(part) else part for part in fingerprint),)
    return (_md5(fingerprint),)


def default_parts(event: Mapping[str, Any]) -> list[str]:
    """What is hashed when nobody chose a fingerprint."""
    values = [v for v in (event.get("exception") or {}).get("values") or () if isinstance(v, Mapping)]
    if values:
        in_app_only = any(f.get("in_app") for value in values for f in _frames(value))
        return [part for value in values for part in _exception_parts(value, in_app_only=in_app_only)]
    frames = _frames(event)
    if frames:
        in_app_only = any(f.get("in_app") for f in frames)
        return [_frame(f) for f in frames if f.get("in_app") or not in_app_only]
    entry = event.get("logentry") or {}
    return ["message", _trim(str(entry.get("message") or entry.get("formatted") or ""))]


def _exception_parts(value: Mapping[str, Any], *, in_app_only: bool) -> Iterable[str]:
    frames = [_frame(f) for f in _frames(value) if f.get("in_app") or not in_app_only]
    kind = str(value.get("type") or "")
    return ["exception", kind, *(frames or [_trim(str(value.get("value") or ""))])]


def _frames(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    frames = (holder.get("stacktrace") or {}).get("frames") or ()
    return [frame for frame in frames if isinstance(frame, Mapping)]


def _frame(frame: Mapping[str, Any]) -> str:
    place = frame.get("module") or str(frame.get("filename") or "").rsplit("/", 1)[-1]
    return f"{place}:{frame.get('function') or ''}"


def _trim(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _VARIABLE_PARTS.sub("<*>", first.strip())


def _md5(parts: Iterable[str]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part.encode("utf-8", "replace"))
        digest.update(b"\x00")
    return digest.hexdigest()
