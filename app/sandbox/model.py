"""What the sandbox holds: plain mutable records, guarded by the one lock of ``state.State``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Tag = tuple[str, str]


@dataclass(eq=False)
class User:
    id: int
    name: str
    email: str
    username: str
    created: datetime
    app: App | None = None  # set on the proxy user through which an integration acts

    @property
    def is_app(self) -> bool:
        return self.app is not None


@dataclass(eq=False)
class Member:
    id: int
    email: str
    role: str
    created: datetime
    user: User | None  # None: invited, not yet accepted


@dataclass(eq=False)
class Team:
    id: int
    slug: str
    name: str
    created: datetime
    users: list[User] = field(default_factory=list)


@dataclass(eq=False)
class Key:
    """A client key. ``rate_limit``: (count, window in seconds)."""

    public: str
    secret: str
    label: str
    created: datetime
    active: bool = True
    rate_limit: tuple[int, int] | None = None
    accepted: deque[datetime] = field(default_factory=deque)


@dataclass(eq=False)
class Ownership:
    raw: str = ""
    fallthrough: bool = True
    auto_assignment: str = "Auto Assign to Issue Owner"
    codeowners_auto_sync: bool = True
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(eq=False)
class Project:
    id: int
    slug: str
    name: str
    platform: str | None
    created: datetime
    teams: list[Team]
    keys: list[Key] = field(default_factory=list)
    ownership: Ownership = field(default_factory=Ownership)
    counter: int = 0
    first_event: datetime | None = None


@dataclass(eq=False)
class App:
    """An internal integration and its one installation."""

    id: int
    uuid: str
    slug: str
    name: str
    client_id: str
    client_secret: str
    installation: str
    scopes: tuple[str, ...]
    events: tuple[str, ...]
    created: datetime
    webhook_url: str | None = None
    schema: dict[str, Any] = field(default_factory=dict)
    is_alertable: bool = False
    overview: str | None = None
    author: str | None = None
    webhook_headers: tuple[Tag, ...] = ()
    proxy: User | None = None


@dataclass(eq=False)
class Token:
    value: str
    scopes: frozenset[str]
    user: User

    @property
    def app(self) -> App | None:
        return self.user.app


@dataclass(eq=False)
class Release:
    id: int
    version: str
    created: datetime
    first_event: datetime
    last_event: datetime
    new_groups: int = 0


@dataclass(eq=False)
class Activity:
    id: int
    type: str
    user: User | None
    data: dict[str, Any]
    created: datetime


@dataclass(eq=False)
class External:
    """The link of an integration on an issue, shown as an annotation."""

    id: int
    service: str
    display_name: str
    web_url: str


@dataclass(eq=False)
class Snooze:
    """Archived until a condition is met; ``count_then``/``users_then`` are what they were when it began."""

    until: datetime | None = None
    count: int | None = None
    window: int | None = None
    user_count: int | None = None
    user_window: int | None = None
    until_escalating: bool = False
    actor: User | None = None
    count_then: int = 0
    users_then: int = 0
    since: datetime | None = None


@dataclass(eq=False)
class Resolution:
    """Resolved in a release: events of ``release`` and events that name none do not regress the issue."""

    kind: str
    version: str | None
    actor: User | None


@dataclass(eq=False)
class Event:
    """One stored event. ``data`` is the normalised payload, ``at`` keeps its fraction of a second."""

    id: str
    project: Project
    at: datetime
    received: datetime
    data: dict[str, Any]
    tags: tuple[Tag, ...]
    hashes: tuple[str, ...]
    type: str
    level: str
    title: str
    culprit: str
    location: str | None
    message: str
    metadata: dict[str, Any]
    size: int

    @property
    def order(self) -> tuple[datetime, str]:
        """Sentry's order is ``-timestamp, -event_id`` over whole seconds."""
        return self.at.replace(microsecond=0), self.id

    def tag(self, key: str) -> str | None:
        return next((value for name, value in self.tags if name == key), None)


@dataclass(eq=False)
class Issue:
    id: int
    project: Project
    short_id: str
    title: str
    culprit: str
    type: str
    level: str
    logger: str | None
    platform: str | None
    metadata: dict[str, Any]
    first_seen: datetime
    last_seen: datetime
    active_at: datetime
    status: str = "unresolved"
    substatus: str | None = "new"
    count: int = 0
    priority: str | None = None
    priority_locked_at: datetime | None = None
    assignee: User | Team | None = None
    snooze: Snooze | None = None
    resolution: Resolution | None = None
    events: list[Event] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)
    externals: list[External] = field(default_factory=list)
    environments: dict[str, datetime] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    owners: list[dict[str, Any]] = field(default_factory=list)
    owners_checked: datetime | None = None
    subscribers: dict[int, str] = field(default_factory=dict)
    bookmarks: set[int] = field(default_factory=set)
    seen_by: set[int] = field(default_factory=set)
    is_public: bool = False

    @property
    def latest(self) -> Event | None:
        return max(self.events, key=lambda event: event.order, default=None)

    @property
    def notes(self) -> list[Activity]:
        """Comments, newest first."""
        return [entry for entry in reversed(self.activity) if entry.type == "note"]

    def events_since(self, start: datetime, window: timedelta) -> int:
        return sum(1 for event in self.events if start - window < event.at <= start)
