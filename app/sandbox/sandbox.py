"""``SandboxSentry``: one organisation with its people, projects and our integration, and what happens."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from . import effects, payloads, serialize
from .components import Components, Transport, send_component
from .faults import Faults
from .hooks import Hooks, Send, send_with_requests
from .ingestion import Ingestion
from .limits import Limits
from .model import Event, Issue, Key, Member, Project
from .normalise import normalise
from .people import Person
from .specs import (
    DEFAULT_MEMBERS,
    DEFAULT_PROJECTS,
    DEFAULT_SCOPES,
    DEFAULT_TEAMS,
    MemberSpec,
    ProjectSpec,
    TokenSpec,
)
from .state import Clock, State, Version


def utc_now() -> datetime:
    return datetime.now(UTC)


class SandboxSentry:
    """``token``/``client_secret``/``webhook_url``: what our integration is configured with.

    ``teams``: slug to e-mails of its members; one without project cannot be assigned. ``clock``: aware UTC.
    Attributes: ``state``, ``hooks`` (deliveries, chaos), ``faults``, ``limits``, ``components``, ``app``.
    """

    def __init__(
        self,
        org: str = "acme",
        *,
        projects: Sequence[ProjectSpec] = DEFAULT_PROJECTS,
        members: Sequence[MemberSpec] = DEFAULT_MEMBERS,
        teams: Mapping[str, Sequence[str]] = DEFAULT_TEAMS,
        tokens: Sequence[TokenSpec] = (),
        client_secret: str | None = None,
        webhook_url: str | None = None,
        events: Sequence[str] = ("issue", "comment"),
        schema: Mapping[str, Any] | None = None,
        app_name: str = "Triage",
        version: Version | str = Version.MODERN,
        open_membership: bool = True,
        clock: Clock = utc_now,
        send: Send = send_with_requests,
        component_transport: Transport = send_component,
        seed: int = 0,
    ) -> None:
        self.state = State(org, clock=clock, version=Version(version), open_membership=open_membership)
        self.faults = Faults(seed=seed)
        self.limits = Limits()
        self.hooks = Hooks(self.state, send=send)
        self._populate(members, teams, projects)
        self.app = self.state.add_app(
            app_name,
            scopes=DEFAULT_SCOPES,
            events=events,
            webhook_url=webhook_url,
            client_secret=client_secret or secrets.token_hex(32),
            schema=dict(schema or {}),
        )
        specs = tokens or (TokenSpec(f"sntryi_{secrets.token_hex(32)}"),)
        for spec in specs:
            self._add_token(spec)
        self.token = next((spec.value for spec in specs if spec.person is None), specs[0].value)
        self.components = Components(self.state, self.app, component_transport)

    def _populate(
        self,
        members: Sequence[MemberSpec],
        teams: Mapping[str, Sequence[str]],
        projects: Sequence[ProjectSpec],
    ) -> None:
        for member in members:
            self.state.add_member(member.email, member.name, member.role, pending=member.pending)
        for slug, emails in teams.items():
            self.state.add_team(slug, [user for email in emails if (user := self.state.user_named(email))])
        by_slug = {team.slug: team for team in self.state.teams.values()}
        for project in projects:
            self.state.add_project(project.slug, [by_slug[slug] for slug in project.teams], project.platform)

    def _add_token(self, spec: TokenSpec) -> None:
        user = self.app.proxy if spec.person is None else self.state.user_named(spec.person)
        if user is None:
            raise ValueError(f"no member {spec.person}")
        self.state.add_token(spec.value, user, spec.scopes)

    # -- what is there ---------------------------------------------------------

    @property
    def ingestion(self) -> Ingestion:
        """Knobs: late or discarded events, a Sentry that ignores ``checksum``."""
        return self.state.ingestion

    @property
    def client_secret(self) -> str:
        return self.app.client_secret

    @property
    def members(self) -> list[Member]:
        return self.state.members

    def project(self, slug: str) -> Project:
        found = self.state.project(slug)
        if found is None:
            raise LookupError(f"no project {slug}")
        return found

    def key(self, project: str) -> Key:
        return self.project(project).keys[0]

    def dsn(self, project: str) -> str:
        return self.state.dsn(self.project(project))

    def issue(self, reference: int | str) -> Issue:
        """By number or short id. Raises ``LookupError``."""
        found = self.state.issue(str(reference))
        if found is None:
            raise LookupError(f"no issue {reference}")
        return found

    def issues(self) -> list[dict[str, Any]]:
        """Every issue as people see it, oldest first:
        ``{id, short_id, title, tags {key: value}, priority, assignee, comments, annotations, count,
        status, …}``.

        ``tags``: of each key the value that arrived last.
        """
        with self.state.lock:
            return [self._summary(issue) for _, issue in sorted(self.state.issues.items())]

    def _summary(self, issue: Issue) -> dict[str, Any]:
        tags: dict[str, str] = {}
        for event in sorted(issue.events, key=lambda e: e.received):
            tags.update(event.tags)
        owner = serialize.actor(issue.assignee)
        return {
            "id": str(issue.id),
            "short_id": issue.short_id,
            "title": issue.title,
            "project": issue.project.slug,
            "tags": tags,
            "priority": issue.priority,
            "assignee": owner and (owner.get("email") or f"#{owner['name']}"),
            "comments": [note.data["text"] for note in reversed(issue.notes)],
            "annotations": [link.display_name for link in issue.externals],
            "count": issue.count,
            "status": issue.status,
            "substatus": issue.substatus,
        }

    # -- what happens ----------------------------------------------------------

    def as_person(self, email: str) -> Person:
        """Acts as this member: assign, set priority, comment, resolve, archive."""
        user = self.state.user_named(email)
        if user is None:
            raise LookupError(f"no member {email}")
        return Person(self.state, user)

    def capture(self, project: str, event: Mapping[str, Any]) -> Event:
        """Take in a raw SDK event without HTTP. The stored event, or the known one of the same id."""
        with self.state.lock:
            item = self.project(project)
            stored = normalise(event, item, received=self.state.now(), modern=self.state.modern)
            effects.store(self.state, stored)
            return self.state.events[item.id, stored.id]

    def escalate(self, reference: int | str) -> None:
        """As when an archived issue exceeds its forecast."""
        with self.state.lock:
            effects.escalate(self.state, self.issue(reference), None)

    def fire_event_alert(
        self,
        reference: int | str,
        rule: str = "New issue",
        settings: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """An alert rule that names our integration triggers on the newest event of the issue."""
        with self.state.lock:
            issue = self.issue(reference)
            event = issue.latest
            if event is None:
                raise LookupError(f"{issue.short_id} has no event")
            shown = None if settings is None else [dict(field) for field in settings]
            body = payloads.event_alert(self.state, self.app, issue, event, rule, shown)
            self.hooks.fire(self.app, "event_alert", "triggered", body)

    def fire(self, resource: str, action: str, data: Mapping[str, Any]) -> None:
        """Any other webhook (``seer``, ``metric_alert``, ``installation``), signed like all."""
        with self.state.lock:
            body = payloads.envelope(self.app, action, dict(data), None)
            self.hooks.fire(self.app, resource, action, body)

    def on_change(self, listener: Callable[..., None]) -> None:
        """Call ``listener(happening)`` with the lock held whenever something happens."""
        self.state.listeners.append(listener)

    def close(self) -> None:
        self.hooks.close()
