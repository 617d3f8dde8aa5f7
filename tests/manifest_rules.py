"""Sentry's rules for the body of ``POST /api/0/sentry-apps/``, written out: what it would answer 400 to.

Sources: getsentry/sentry ``sentry_apps/api/parsers/{sentry_app,schema}.py``, ``sentry_apps/event_types.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

KNOWN_FIELDS = {
    *("name", "organization", "isInternal", "scopes", "events", "webhookUrl", "isAlertable", "schema"),
    *("author", "redirectUrl", "overview", "allowedOrigins", "popularity", "verifyInstall"),
    "webhookHeaders",
}
LEVELS = ("read", "write", "admin")
SCOPES = frozenset(
    f"{what}:{level}" for what in ("org", "project", "team", "member", "event", "alerts") for level in LEVELS
) | {"org:integrations", "project:releases", "org:ci", "project:distribution"}
EVENTS = {"issue": "event", "error": "event", "comment": "event", "seer": "event"}
URI = re.compile(r"^/(?!/)[^@]*$")
FIELD_TYPES = frozenset({"select", "text", "textarea"})


def problems(body: dict[str, Any]) -> Iterator[str]:
    """Every rule that the body breaks."""
    yield from (f"unknown field {name}" for name in body.keys() - KNOWN_FIELDS)
    if not isinstance(body.get("name"), str) or not 0 < len(body["name"]) <= 57:
        yield "name: required, at most 57 characters"
    if not isinstance(body.get("organization"), str) or not body["organization"]:
        yield "organization: the slug goes into the body"
    if body.get("isInternal") is not True:
        yield "isInternal: true"
    if body.get("verifyInstall"):
        yield "verifyInstall: an internal integration has no install to verify"
    if "*" in body.get("allowedOrigins", []):
        yield "allowedOrigins: no *"
    yield from _permissions(body)
    yield from _schema(body.get("schema"))


def _permissions(body: dict[str, Any]) -> Iterator[str]:
    scopes = body.get("scopes", [])
    yield from (f"scopes: {scope} is unknown" for scope in set(scopes) - SCOPES)
    for event in body.get("events", []):
        if event not in EVENTS:  # dotted names are refused by servers before July 2026
            yield f"events: {event} is unknown"
        elif not any(f"{EVENTS[event]}:{level}" in scopes for level in LEVELS):
            yield f"events: {event} needs {EVENTS[event]}:read"
    url = body.get("webhookUrl")
    if (body.get("events") or body.get("isAlertable")) and not url:
        yield "webhookUrl: required with events and isAlertable"
    if url and not str(url).startswith("http"):
        yield "webhookUrl: must start with http"


def _schema(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield "schema: an object, empty for none"
        return
    elements = schema.get("elements", [])
    kinds = [element.get("type") for element in elements]
    if len(kinds) != len(set(kinds)):
        yield "schema: at most one element of each type"
    for element in elements:
        if element["type"] == "issue-link":
            for part in ("link", "create"):
                yield from _form(element.get(part), f"issue-link.{part}")
        elif element["type"] == "alert-rule-action":
            settings = element.get("settings") or {}
            if not element.get("title") or settings.get("type") != "alert-rule-settings":
                yield "alert-rule-action: title, and settings of type alert-rule-settings"
            if len(settings.get("description", "")) > 140:
                yield "alert-rule-action: description of at most 140 characters"
            yield from _form(settings, "alert-rule-action.settings")
        elif element["type"] != "stacktrace-link":
            yield f"schema: no element {element['type']}"


def _form(form: Any, where: str) -> Iterator[str]:
    if not isinstance(form, dict):
        yield f"{where}: missing"
        return
    if not URI.match(str(form.get("uri"))):
        yield f"{where}: uri {form.get('uri')}"
    if not form.get("required_fields"):
        yield f"{where}: required_fields"
    names = []
    for field in [*form.get("required_fields", []), *form.get("optional_fields", [])]:
        names.append(field.get("name"))
        yield from _field(field, f"{where}.{field.get('name')}")
    if len(names) != len(set(names)):
        yield f"{where}: two fields of one name"


def _field(field: dict[str, Any], where: str) -> Iterator[str]:
    if field.get("type") not in FIELD_TYPES or not field.get("label") or not field.get("name"):
        yield f"{where}: type, label and name"
    if field.get("type") == "select" and ("uri" in field) == ("options" in field):
        yield f"{where}: exactly one of uri and options"
    if "uri" in field and not URI.match(field["uri"]):
        yield f"{where}: uri"
    for option in field.get("options", []):
        if len(option) != 2 or not all(isinstance(word, str) for word in option):
            yield f"{where}: options are pairs of value and label"
    if field.get("type") != "select" and field.get("default", "issue.title") not in (
        "issue.title",
        "issue.description",
    ):
        yield f"{where}: default"
