"""A digest as an event again, in the SDK's shape: for rows that people keep, share and measure with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .digest import Digest, ExceptionInfo, Frame


def event_of(digest: Digest) -> dict[str, Any]:
    """An SDK-shaped event that ``digest_event`` reads as the same digest, empty parts left out."""
    names = ("event_id", "platform", "level", "title", "culprit", "transaction", "logger", "environment")
    event: dict[str, Any] = {name: getattr(digest, name) for name in (*names, "release")}
    event |= {
        "tags": [[key, value] for key, value in digest.tags.items()],
        "logentry": {"formatted": digest.message} if digest.message else {},
        "exception": {"values": [_exception(one) for one in digest.exceptions]} if digest.exceptions else {},
        "stacktrace": {"frames": [_frame(one) for one in digest.frames]} if digest.frames else {},
        "request": _kept({"method": digest.request_method, "url": digest.request_url}),
        "breadcrumbs": {"values": [{"message": line} for line in digest.breadcrumbs]}
        if digest.breadcrumbs
        else {},
        "contexts": {
            name: {"op" if name == "trace" else "name": text} for name, text in digest.contexts.items()
        },
        "sdk": _kept({"name": digest.sdk}),
    }
    return _kept(event)


def _exception(one: ExceptionInfo) -> dict[str, Any]:
    frames = [_frame(frame) for frame in one.frames]
    mechanism = _kept({"type": one.mechanism, "handled": one.handled})
    named = {"type": one.type, "value": one.value, "module": one.module, "mechanism": mechanism}
    return _kept({**named, "stacktrace": {"frames": frames} if frames else {}})


def _frame(frame: Frame) -> dict[str, Any]:
    return _kept({name: getattr(frame, name) for name in Frame.__dataclass_fields__})


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None, {}, [])}
