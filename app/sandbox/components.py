"""Requests of Sentry's UI components to the integration: issue-link, alert action, select options.

Signed in ``Sentry-App-Signature``; a GET signs the empty string. The address is scheme and host of the
webhook URL and the path of the component. Source: sentry_apps/external_requests/*.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from . import actions
from .hooks import encode, sign
from .model import App, External, Issue, User
from .state import State

TIMEOUT = 30.0
Transport = Callable[[str, str, bytes, Mapping[str, str]], "Reply"]


@dataclass(frozen=True)
class Reply:
    """``status`` 0: no answer at all. ``body``: parsed JSON or None."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        said = self.body.get("message") if isinstance(self.body, dict) else None
        return str(said) if said else f"The integration answered with status {self.status}."


class ComponentFailed(Exception):
    """What the person reads when the integration's answer cannot be used."""


def send_component(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    try:
        answer = requests.request(
            method, url, data=body or None, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False
        )
    except requests.RequestException:
        return Reply(0)
    try:
        return Reply(answer.status_code, answer.json())
    except ValueError:
        return Reply(answer.status_code)


class Components:
    """What a person's click in Sentry's UI sends. Never call with the lock held: it calls back."""

    def __init__(self, state: State, app: App, transport: Transport) -> None:
        self._state = state
        self._app = app
        self._transport = transport

    def element(self, kind: str) -> Mapping[str, Any] | None:
        elements = self._app.schema.get("elements") or ()
        return next((element for element in elements if element.get("type") == kind), None)

    def post(self, uri: str, payload: Mapping[str, Any]) -> Reply:
        body = encode(payload)
        return self._transport("POST", self._url(uri), body, self._headers(body))

    def options(self, uri: str, *, project: str, query: str = "", dependent: str = "") -> Reply:
        """The choices of a select field."""
        asked = {"installationId": self._app.installation, "projectSlug": project}
        asked |= {key: value for key, value in (("query", query), ("dependentData", dependent)) if value}
        return self._transport("GET", f"{self._url(uri)}?{urlencode(asked)}", b"", self._headers(b""))

    def issue_link(
        self,
        issue: Issue,
        person: User,
        fields: Mapping[str, str],
        *,
        kind: str = "create",
        uri: str | None = None,
    ) -> External:
        """Submit the issue-link form; the answer becomes an annotation. Raises ``ComponentFailed``."""
        element = self.element("issue-link") or {}
        reply = self.post(
            uri or str(element.get(kind, {}).get("uri", "")),
            {
                "fields": dict(fields),
                "issueId": issue.id,
                "installationId": self._app.installation,
                "webUrl": self._state.permalink(issue),
                "project": {"slug": issue.project.slug, "id": issue.project.id},
                "actor": {"type": "user", "id": person.id, "name": person.name},
            },
        )
        if not reply.ok:
            raise ComponentFailed(reply.message)
        answer = reply.body if isinstance(reply.body, dict) else {}
        wanted = [answer.get(key) for key in ("webUrl", "project", "identifier")]
        if not all(isinstance(value, str) and value for value in wanted):
            raise ComponentFailed("The integration's answer lacks webUrl, project or identifier.")
        web_url, project, identifier = map(str, wanted)
        with self._state.lock:
            return actions.link_external(
                self._state, issue, self._app, project=project, identifier=identifier, web_url=web_url
            )

    def alert_action(self, fields: Sequence[Mapping[str, Any]], *, uri: str | None = None) -> Reply:
        """Save an alert rule with our action."""
        element = self.element("alert-rule-action") or {}
        target = uri or str(element.get("settings", {}).get("uri", ""))
        return self.post(target, {"fields": [*fields], "installationId": self._app.installation})

    def _url(self, uri: str) -> str:
        parts = urlsplit(self._app.webhook_url or "")
        return f"{parts.scheme}://{parts.netloc}{uri}"

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Request-ID": uuid.uuid4().hex,
            "Sentry-App-Signature": sign(self._app.client_secret, body),
        }
