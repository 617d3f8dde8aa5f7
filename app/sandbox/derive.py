"""What Sentry reads off a normalised event: title, culprit, metadata, location and its own tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .model import Tag

TITLE_LIMIT = 100
VALUE_LIMIT = 1024
_CONTEXT_TAGS = ("runtime", "os", "browser", "client_os", "device")


def exceptions(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((data.get("exception") or {}).get("values") or ())


def frames(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Frames of the last exception that has any, or of the top-level one: caller first, crash last."""
    holders = [*reversed(exceptions(data)), data]
    for holder in holders:
        found = (holder.get("stacktrace") or {}).get("frames") if isinstance(holder, Mapping) else None
        if found:
            return [frame for frame in found if isinstance(frame, Mapping)]
    return []


def crash_frame(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    stack = frames(data)
    in_app = [frame for frame in stack if frame.get("in_app")]
    found = in_app or stack
    return found[-1] if found else None


def kind_and_metadata(data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """``("error", {type, value, filename?, function?})`` or ``("default", {title})``."""
    chain = exceptions(data)
    if not chain:
        return "default", {"title": _first_line(data["logentry"].get("formatted")) or "<unlabeled event>"}
    metadata: dict[str, Any] = {
        "type": str(chain[-1].get("type") or "Error")[:128],
        "value": str(chain[-1].get("value") or "")[:VALUE_LIMIT],
    }
    frame = crash_frame(data)
    for key in ("filename", "function"):
        if frame and frame.get(key):
            metadata[key] = str(frame[key])
    return "error", metadata


def title(kind: str, metadata: Mapping[str, Any]) -> str:
    if kind != "error":
        return str(metadata["title"])
    value = _first_line(metadata.get("value"))
    return f"{metadata['type']}: {value}" if value else str(metadata["type"])


def culprit(data: Mapping[str, Any]) -> str:
    """Given, or the transaction, or ``module in function`` of the crash frame."""
    given = data.get("culprit") or data.get("transaction")
    if given:
        return str(given)[:200]
    frame = crash_frame(data)
    if not frame:
        return ""
    return f"{frame.get('module') or frame.get('filename') or '?'} in {frame.get('function') or '?'}"[:200]


def is_handled(data: Mapping[str, Any]) -> bool | None:
    said = [(value.get("mechanism") or {}).get("handled") for value in exceptions(data)]
    said = [flag for flag in said if flag is not None]
    return all(said) if said else None


def user_tag(user: Any) -> str | None:
    """``id:42``, ``email:…``, ``username:…`` or ``ip:…``: the first that is known."""
    if not isinstance(user, Mapping):
        return None
    for field, prefix in (("id", "id"), ("username", "username"), ("email", "email"), ("ip_address", "ip")):
        if user.get(field) not in (None, ""):
            return f"{prefix}:{user[field]}"
    return None


def tags(data: Mapping[str, Any]) -> Iterable[Tag]:
    """The tags Sentry adds to the sender's own."""
    found: dict[str, Any] = {"level": data["level"]}
    for key in ("environment", "release", "dist", "transaction", "server_name", "logger"):
        found[key] = data.get(key)
    found["user"] = user_tag(data.get("user"))
    handled = is_handled(data)
    found["handled"] = None if handled is None else "yes" if handled else "no"
    found["mechanism"] = next((m["type"] for m in _mechanisms(data) if m.get("type")), None)
    request = data.get("request")
    found["url"] = request.get("url") if isinstance(request, Mapping) else None
    found.update(_context_tags(data.get("contexts")))
    return [(key, str(value)[:200]) for key, value in found.items() if value]


def _mechanisms(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        value["mechanism"]
        for value in reversed(exceptions(data))
        if isinstance(value.get("mechanism"), Mapping)
    ]


def _context_tags(contexts: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in _CONTEXT_TAGS:
        context = contexts.get(key) if isinstance(contexts, Mapping) else None
        if not isinstance(context, Mapping) or not context.get("name"):
            continue
        found[key] = f"{context['name']} {context.get('version') or ''}".strip()
        if key != "device":
            found[f"{key}.name"] = str(context["name"])
    return found


def _first_line(value: Any) -> str:
    lines = str(value or "").strip().splitlines()
    line = lines[0] if lines else ""
    return line if len(line) <= TITLE_LIMIT else line[: TITLE_LIMIT - 3] + "..."
