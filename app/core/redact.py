"""What leaves for a model, without credentials and without people: by key, by pattern, by privacy level.

Placeholders keep the meaning a triage needs: ``[ip]`` is a public address, ``[private-ip]`` one of ours,
``[email]``, ``[token]``, ``[card]``. The same text always gives the same result, and redacting twice
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from .digest import Digest, ExceptionInfo, Frame
from .policy import PrivacyLevel
from .redact_keys import key_kind
from .redact_text import PLACEHOLDER, Removal, by_kind, redact_text
from .signature import normalise_message

__all__ = ["Removal", "by_kind", "redact_digest", "redact_json", "redact_text"]


class _Sweep:
    """Redacts values one after another and remembers where something was removed."""

    def __init__(self) -> None:
        self.removals: list[Removal] = []

    def text(self, value: str, where: str) -> str:
        clean, found = redact_text(value)
        self.removals += [replace(r, where=where) for r in found]
        return clean

    def gone(self, kind: str, where: str) -> str:
        self.removals.append(Removal(kind, 1, where))
        return PLACEHOLDER.get(kind, f"[{kind}]")

    def keyed(self, key: str, value: str, where: str) -> str:
        kind = key_kind(key)
        person = key == "user" or key.startswith("user.")
        if value and (kind or person):
            return self.gone(kind or "personal", where)
        return self.text(value, where)

    def texts(self, item: Any, where: str) -> dict[str, Any]:
        """Every text field of a dataclass, redacted."""
        named = ((f.name, getattr(item, f.name)) for f in fields(item))
        return {n: self.text(v, f"{where}{n}") for n, v in named if isinstance(v, str) and v}


_FLAT_TAGS = frozenset(
    (
        "environment",
        "level",
        "handled",
        "mechanism",
        "logger",
        "release",
        "runtime",
        "runtime.name",
        "os",
        "os.name",
    )
)


def redact_digest(digest: Digest, level: PrivacyLevel) -> tuple[Digest, tuple[Removal, ...]]:
    """The digest as it may leave at a privacy level, and what was removed.

    ``full``: everything but secrets and personal data. ``no-variables``: also no run-time values: messages
    with placeholders, only well-known tags, no source lines, URL, breadcrumbs. ``title-only``: type, title,
    platform, level. ``offline-only``: nothing at all.
    """
    return _LEVELS[level](digest)


def _full(digest: Digest) -> tuple[Digest, tuple[Removal, ...]]:
    sweep = _Sweep()
    clean = replace(
        digest,
        **{k: v for k, v in sweep.texts(digest, "").items() if k != "event_id"},
        exceptions=tuple(_exception(sweep, e, f"exception:{i}.") for i, e in enumerate(digest.exceptions)),
        frames=_frames(sweep, digest.frames, "frames."),
        tags={k: sweep.keyed(k, v, f"tag:{k}") for k, v in digest.tags.items()},
        contexts={k: sweep.keyed(k, v, f"context:{k}") for k, v in digest.contexts.items()},
        breadcrumbs=tuple(sweep.text(b, f"breadcrumb:{i}") for i, b in enumerate(digest.breadcrumbs)),
    )
    return clean, tuple(sweep.removals)


def _exception(sweep: _Sweep, info: ExceptionInfo, where: str) -> ExceptionInfo:
    return replace(info, **sweep.texts(info, where), frames=_frames(sweep, info.frames, f"{where}frame:"))


def _frames(sweep: _Sweep, frames: tuple[Frame, ...], where: str) -> tuple[Frame, ...]:
    return tuple(replace(f, **sweep.texts(f, f"{where}{i}.")) for i, f in enumerate(frames))


def _no_variables(digest: Digest) -> tuple[Digest, tuple[Removal, ...]]:
    clean, removed = _full(digest)
    bare = replace(
        clean,
        title=normalise_message(clean.title),
        message=normalise_message(clean.message),
        transaction=normalise_message(clean.transaction),
        culprit=normalise_message(clean.culprit),
        exceptions=tuple(
            replace(e, value=normalise_message(e.value), frames=_without_source(e.frames))
            for e in clean.exceptions
        ),
        frames=_without_source(clean.frames),
        tags={k: v for k, v in clean.tags.items() if k in _FLAT_TAGS},
        request_url="",
        breadcrumbs=(),
    )
    return bare, (*removed, *_level_removals(clean, bare))


def _without_source(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    return tuple(replace(f, context_line="") for f in frames)


def _title_only(digest: Digest) -> tuple[Digest, tuple[Removal, ...]]:
    clean, removed = _full(digest)
    bare = Digest(
        platform=clean.platform,
        level=clean.level,
        title=clean.title,
        exceptions=tuple(ExceptionInfo(type=e.type, handled=e.handled) for e in clean.exceptions),
        truncated=clean.truncated,
    )
    return bare, (*removed, *_level_removals(clean, bare))


def _offline_only(_digest: Digest) -> tuple[Digest, tuple[Removal, ...]]:
    return Digest(), (Removal("privacy-level", 1, "everything"),)


def _level_removals(before: Digest, after: Digest) -> tuple[Removal, ...]:
    """The fields that a privacy level emptied or changed."""
    names = (f.name for f in fields(Digest))
    return tuple(Removal("privacy-level", 1, n) for n in names if getattr(before, n) != getattr(after, n))


_LEVELS = {
    PrivacyLevel.FULL: _full,
    PrivacyLevel.NO_VARIABLES: _no_variables,
    PrivacyLevel.TITLE_ONLY: _title_only,
    PrivacyLevel.OFFLINE_ONLY: _offline_only,
}


def redact_json(value: Any, where: str = "") -> tuple[Any, tuple[Removal, ...]]:
    """Any JSON with secrets and personal data removed by key and by pattern, keys kept. Depth ends at 60."""
    sweep = _Sweep()
    return _walk(sweep, value, where, 0), tuple(sweep.removals)


def _walk(sweep: _Sweep, value: Any, where: str, depth: int) -> Any:
    if isinstance(value, str):
        return sweep.text(value, where)
    if depth > 60:
        return sweep.gone("too-deep", where)
    if isinstance(value, Mapping):
        return {
            str(k): _member(sweep, str(k), v, f"{where}.{k}" if where else str(k), depth)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        if (
            len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], str)
        ):  # Sentry's [key, value] pairs
            return [value[0], sweep.keyed(value[0], value[1], f"{where}.{value[0]}")]
        return [_walk(sweep, v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
    return value


def _member(sweep: _Sweep, key: str, value: Any, where: str, depth: int) -> Any:
    kind = key_kind(key)
    if kind and value not in (None, "", [], {}) and not isinstance(value, bool):
        return sweep.gone(kind, where)
    return _walk(sweep, value, where, depth + 1)
