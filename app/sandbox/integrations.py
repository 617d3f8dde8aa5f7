"""Checking what an integration is registered with. Source: sentry_apps/api/parsers/{sentry_app,schema}.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .problems import Invalid

NAME_LIMIT = 57
SCOPES = frozenset(
    f"{subject}:{verb}"
    for subject in ("org", "project", "team", "member", "event", "alerts")
    for verb in ("read", "write", "admin")
) | {"org:integrations", "org:ci", "project:releases", "project:distribution"}
RESOURCES = {
    "issue": ("assigned", "created", "ignored", "archived", "resolved", "unresolved"),
    "error": ("created",),
    "comment": ("created", "updated", "deleted"),
    "seer": (),
    "preprod_artifact": (),
}
_READS = {"preprod_artifact": "project:read"}
_URI = re.compile(r"^/(?!/)[^@]*$")
_FIELD_TYPES = ("select", "text", "textarea")
_DEFAULTS = ("issue.title", "issue.description")


def check(fields: Mapping[str, Any], *, requester: Collection[str], modern: bool) -> None:
    """Raises ``Invalid`` with every field that is wrong."""
    wrong: dict[str, Any] = {}
    name = fields.get("name")
    if not name:
        wrong["name"] = ["This field is required."]
    elif len(str(name)) > NAME_LIMIT:
        wrong["name"] = [f"Cannot exceed {NAME_LIMIT} characters"]
    if problems := list(_scopes(fields.get("scopes") or [], requester)):
        wrong["scopes"] = problems
    if problems := list(_events(fields, modern=modern)):
        wrong["events"] = problems
    if problems := list(_webhook_url(fields)):
        wrong["webhookUrl"] = problems
    try:
        check_schema(fields.get("schema") or {})
    except ValueError as problem:
        wrong["schema"] = [str(problem)]
    if "*" in (fields.get("allowedOrigins") or []):
        wrong["allowedOrigins"] = ["'*' not allowed in origin"]
    if wrong:
        raise Invalid(wrong)


def _scopes(wanted: Any, requester: Collection[str]) -> Collection[str]:
    found = []
    held = with_implied(requester)
    for scope in wanted:
        if scope not in SCOPES:
            found.append(f"{scope} not a valid scope")
        elif scope not in held:
            found.append(
                f"Requested permission of {scope} exceeds requester's permission. Please contact an owner."
            )
    return found


def with_implied(scopes: Collection[str]) -> set[str]:
    """``event:admin`` holds ``event:write`` and ``event:read``."""
    held = set(scopes)
    for scope in scopes:
        subject, _, verb = scope.partition(":")
        held |= {
            f"{subject}:{lower}" for lower in {"admin": ("write", "read"), "write": ("read",)}.get(verb, ())
        }
    return held


def _events(fields: Mapping[str, Any], *, modern: bool) -> Collection[str]:
    found = []
    held = with_implied(fields.get("scopes") or [])
    for event in fields.get("events") or []:
        resource, _, action = str(event).partition(".")
        known = resource in RESOURCES and (not action or (modern and action in RESOURCES[resource]))
        need = _READS.get(resource, "event:read")
        if not known:
            found.append(f"{event} is not a valid event")
        elif need not in held:
            found.append(f"{resource} webhooks require the {need} permission.")
    return found


def _webhook_url(fields: Mapping[str, Any]) -> Collection[str]:
    url = fields.get("webhookUrl")
    if not url:
        needed = fields.get("events") or fields.get("isAlertable")
        return ["webhookUrl required if webhook events are enabled"] if needed else []
    return [] if str(url).startswith("http") else ["URL must start with http[s]://"]


def check_schema(schema: Any) -> None:
    """The UI components. Raises ``ValueError`` with the first problem."""
    if not schema:
        return
    elements = schema.get("elements") if isinstance(schema, Mapping) else None
    if not isinstance(elements, list):
        raise ValueError("'elements' is a required property")
    seen: set[str] = set()
    for element in elements:
        kind = element.get("type") if isinstance(element, Mapping) else None
        if kind not in _ELEMENTS:
            raise ValueError(
                f"Element has type '{kind}'. Type must be one of the following: {list(_ELEMENTS)}"
            )
        if kind in seen:
            raise ValueError(f"Multiple elements of type: {kind}")
        seen.add(kind)
        _ELEMENTS[kind](element)


def _issue_link(element: Mapping[str, Any]) -> None:
    for part in ("link", "create"):
        if not isinstance(element.get(part), Mapping):
            raise ValueError(f"'{part}' is a required property")
        _form(element[part])


def _alert_action(element: Mapping[str, Any]) -> None:
    settings = element.get("settings")
    if not element.get("title") or not isinstance(settings, Mapping):
        raise ValueError("'title' and 'settings' are required properties")
    if len(str(settings.get("description") or "")) > 140:
        raise ValueError("description is too long, 140 characters at most")
    _form(settings)


def _stacktrace_link(element: Mapping[str, Any]) -> None:
    _uri(element)


def _form(form: Mapping[str, Any]) -> None:
    _uri(form)
    fields = form.get("required_fields")
    if not isinstance(fields, list) or not fields:
        raise ValueError("'required_fields' is a required property")
    for field in [*fields, *(form.get("optional_fields") or [])]:
        if field.get("type") not in _FIELD_TYPES or not field.get("name") or not field.get("label"):
            raise ValueError(f"{field} is not a valid field")
        if field["type"] == "select" and ("uri" in field) == ("options" in field):
            raise ValueError(f"{field.get('name')}: a select has exactly one of uri and options")
        if (
            field.get("default") is not None
            and field["type"] != "select"
            and field["default"] not in _DEFAULTS
        ):
            raise ValueError(f"{field.get('name')}: default must be one of {list(_DEFAULTS)}")


def _uri(holder: Mapping[str, Any]) -> None:
    if not _URI.match(str(holder.get("uri") or "")):
        raise ValueError(f"'{holder.get('uri')}' does not match '{_URI.pattern}'")


_ELEMENTS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "issue-link": _issue_link,
    "alert-rule-action": _alert_action,
    "stacktrace-link": _stacktrace_link,
}
