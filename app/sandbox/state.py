"""The memory of the sandbox: one organisation, one lock, and the few look-ups that must be fast."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .formats import slugify
from .ingestion import Ingestion
from .model import Activity, App, Event, Issue, Key, Member, Project, Release, Team, Token, User

Clock = Callable[[], datetime]


class Version(StrEnum):
    """Whose behaviour is played: today's Sentry, or the self-hosted 23.7.1 the recordings were made on."""

    MODERN = "modern"
    V23_7 = "23.7"


@dataclass(frozen=True)
class Happening:
    """Something the integrations may hear of. ``data`` is added to the payload beside the issue."""

    resource: str
    action: str
    issue: Issue
    actor: User | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    event: Event | None = None


class State:
    """Everything the sandbox knows. Hold ``lock`` while reading or changing it."""

    def __init__(self, org: str, *, clock: Clock, version: Version, open_membership: bool = True) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.version = version
        self.url = "http://sandbox.test"  # set by the server that serves it
        self.org = org
        self.open_membership = open_membership
        self.created = clock()
        self.users: dict[int, User] = {}
        self.members: list[Member] = []
        self.teams: dict[int, Team] = {}
        self.projects: dict[int, Project] = {}
        self.tokens: dict[str, Token] = {}
        self.apps: dict[str, App] = {}
        self.issues: dict[int, Issue] = {}
        self.redirects: dict[int, int] = {}
        self.by_hash: dict[tuple[int, str], Issue] = {}
        self.events: dict[tuple[int, str], Event] = {}
        self.issue_of: dict[tuple[int, str], Issue] = {}
        self.releases: dict[str, Release] = {}
        self.ingestion = Ingestion()
        self.listeners: list[Callable[[Happening], None]] = []
        self._numbers: dict[str, int] = defaultdict(int)

    @property
    def modern(self) -> bool:
        return self.version is Version.MODERN

    def now(self) -> datetime:
        return self.clock()

    def next_id(self, kind: str) -> int:
        self._numbers[kind] += 1
        return self._numbers[kind]

    def tell(self, happening: Happening) -> None:
        for listener in self.listeners:
            listener(happening)

    # -- people ----------------------------------------------------------------

    def add_user(self, email: str, name: str) -> User:
        user = User(self.next_id("user"), name, email, email, self.now())
        self.users[user.id] = user
        return user

    def add_member(self, email: str, name: str, role: str = "member", *, pending: bool = False) -> Member:
        user = None if pending else self.add_user(email, name)
        member = Member(self.next_id("member"), email, role, self.now(), user)
        self.members.append(member)
        return member

    def add_team(self, slug: str, users: Iterable[User] = (), *, name: str | None = None) -> Team:
        team = Team(self.next_id("team"), slug, name or slug, self.now(), list(users))
        self.teams[team.id] = team
        return team

    def user_named(self, text: str) -> User | None:
        """By e-mail or user name, as people type it."""
        wanted = text.lower()
        return next((u for u in self.users.values() if wanted in (u.email.lower(), u.username.lower())), None)

    # -- projects --------------------------------------------------------------

    def add_project(self, slug: str, teams: Iterable[Team], platform: str | None = "python") -> Project:
        project = Project(self.next_id("project"), slug, slug, platform, self.now(), list(teams))
        self.projects[project.id] = project
        self.add_key(project, "Default")
        return project

    def add_key(self, project: Project, label: str) -> Key:
        key = Key(secrets.token_hex(16), secrets.token_hex(16), label, self.now())
        project.keys.append(key)
        return key

    def project(self, slug_or_id: str) -> Project | None:
        return next((p for p in self.projects.values() if slug_or_id in (p.slug, str(p.id))), None)

    def dsn(self, project: Project, key: Key | None = None) -> str:
        key = key or next((k for k in project.keys if k.active), project.keys[0])
        scheme, _, host = self.url.partition("://")
        return f"{scheme}://{key.public}@{host}/{project.id}"

    # -- integrations ----------------------------------------------------------

    def add_app(self, name: str, *, scopes: Iterable[str], events: Iterable[str], **rest: Any) -> App:
        slug = rest.pop("slug", None) or f"{slugify(name)}-{secrets.token_hex(3)}"
        rest.setdefault("client_secret", secrets.token_hex(32))
        app = App(
            id=self.next_id("app"),
            uuid=str(uuid.uuid4()),
            slug=slug,
            name=name,
            client_id=secrets.token_hex(32),
            installation=str(uuid.uuid4()),
            scopes=tuple(scopes),
            events=tuple(events),
            created=self.now(),
            **rest,
        )
        username = f"{slug}-{uuid.uuid4()}"
        email = f"{username}@proxy-user.sentry.io" if self.modern else ""
        app.proxy = User(self.next_id("user"), username, email, username, self.now(), app=app)
        self.users[app.proxy.id] = app.proxy
        self.apps[slug] = app
        return app

    def add_token(self, value: str, user: User, scopes: Iterable[str]) -> Token:
        self.tokens[value] = Token(value, frozenset(scopes), user)
        return self.tokens[value]

    def installation(self, uuid_: str) -> App | None:
        return next((app for app in self.apps.values() if app.installation == uuid_), None)

    # -- issues ----------------------------------------------------------------

    def issue(self, reference: str, *, by_short_id: bool = True) -> Issue | None:
        """By number (a merged one leads to its survivor) or, where asked, by short id."""
        if reference.isascii() and reference.isdigit():
            number = int(reference[:20])
            return self.issues.get(self.redirects.get(number, number))
        if by_short_id:
            wanted = reference.upper()
            return next((i for i in self.issues.values() if i.short_id.upper() == wanted), None)
        return None

    def permalink(self, issue: Issue) -> str:
        return f"{self.url}/organizations/{self.org}/issues/{issue.id}/"

    def log(self, issue: Issue, type_: str, user: User | None, data: dict[str, Any]) -> Activity:
        entry = Activity(self.next_id("activity"), type_, user, data, self.now())
        issue.activity.append(entry)
        return entry
