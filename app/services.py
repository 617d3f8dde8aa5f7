"""What a worker works with, built once from the settings and passed down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.core.digest import Digest
from app.core.offline import RuleSet, compile_rules
from app.core.owners import Directory
from app.core.policy import Policy
from app.core.prompt import PastCase
from app.core.vocabulary import Category
from app.errors import Retryable
from app.models import make_model
from app.models.ask import Send
from app.models.base import Model
from app.models.capabilities import capability_of
from app.models.transport import Transport as ModelTransport
from app.past_cases import kind_of, known_cases, nearest
from app.sentry.client import SentryClient
from app.sentry.errors import SETTING_WAIT, Forbidden, NotFound
from app.sentry.ingest import Dsn, EnvelopeSender, check_dsn, ingest_hosts
from app.sentry.tag_writer import TagWriter
from app.sentry.tags import AnnotationTagWriter
from app.sentry.transport import RequestsTransport, Transport
from app.sentry.writer import Installation
from app.settings import Settings, TriageMode
from app.store import Store, open_store
from app.store.clock import utc_now
from app.store.issues import StoredIssue

KEEP = 300.0
"""Seconds for which people, teams and our own installation are remembered."""


@dataclass
class Services:
    """The worker's parts. ``clock`` gives aware UTC."""

    settings: Settings
    policy: Policy
    store: Store
    client: SentryClient
    tags: TagWriter
    rules: RuleSet
    model: Model | None = None
    """The model to ask; none where the offline classifier decides alone."""
    send_to_model: Send = field(default_factory=lambda: ModelTransport().send)
    clock: Callable[[], datetime] = utc_now
    _kept: dict[str, tuple[float, Any]] = field(default_factory=dict)

    def installation(self) -> Installation | None:
        """Our own app in the organisation; none where Sentry shows the token none."""

        def read() -> Installation | None:
            return find_installation(self.client.installations(), self.settings)

        found: Installation | None = self._keep("installation", read)
        return found

    def directory(self, project: str) -> Directory:
        """Who may be assigned in a project; nobody where the token may not read people."""
        found: Directory = self._keep(f"directory:{project}", lambda: self._read_directory(project))
        return found

    def issue_url(self, issue_id: str) -> str | None:
        """Our own page on an issue; none where no public address is set."""
        public = self.settings.triage_public_url
        return f"{public}/issues/{issue_id}" if public else None

    def know_organization(self) -> None:
        """Raises ``Retryable`` where Sentry does not know ``SENTRY_ORG`` (renamed, or on another region's
        host): nothing that it answers about an issue then means anything."""

        def read() -> bool:
            try:
                return bool(self.client.organization())
            except NotFound:
                reason = f"Sentry does not know the organization {self.settings.sentry_org}"
                raise Retryable(reason, after=SETTING_WAIT) from None
            except Forbidden:
                return True

        self._keep("organization", read)

    def past_cases(self, issue: StoredIssue, digest: Digest, category: Category) -> Sequence[PastCase]:
        """The nearest corrections of people, as examples for a model."""
        known = self._keep("past cases", lambda: known_cases(self.store, self.policy, self.rules))
        return nearest(known, issue.issue_id, issue.signature, kind_of(digest), category)

    def is_our_own(self, project_id: str) -> bool:
        """True for the project that our own ``SENTRY_DSN`` reports to: that could go round for ever."""
        dsn = self.settings.sentry_dsn.get_secret_value()
        if not dsn:
            return False
        ours = Dsn.parse(dsn)
        hosts = ingest_hosts(self.settings.sentry_url, self.settings.sentry_ingest_hosts)
        # Another Sentry may have a project of the same number.
        return ours.project_id == project_id and check_dsn(dsn, hosts)[0]

    def _read_directory(self, project: str) -> Directory:
        try:
            return Directory.from_api(project, self.client.project_teams(project), self.client.members())
        except Forbidden:
            return Directory(project)

    def _keep(self, key: str, read: Callable[[], Any]) -> Any:
        at, value = self._kept.get(key, (0.0, None))
        if time.monotonic() - at > KEEP or value is None:
            value = read()
            self._kept[key] = (time.monotonic(), value)
        return value


def find_installation(rows: list[dict[str, Any]], settings: Settings) -> Installation | None:
    """Which of the organisation's installations is ours: the configured one, else the only one."""
    found = []
    for row in rows:
        app = row.get("app")
        if isinstance(app, Mapping) and row.get("uuid") and app.get("slug"):
            found.append(Installation(str(row["uuid"]), str(app["slug"])))
    wanted = settings.sentry_app_slug
    if wanted:
        return next((one for one in found if one.app_slug == wanted), None)
    return found[0] if len(found) == 1 else None


def build_client(settings: Settings, transport: Transport | None = None) -> SentryClient:
    """The REST client by the settings."""
    return SentryClient(
        settings.sentry_url,
        settings.sentry_auth_token.get_secret_value(),
        settings.sentry_org,
        transport=transport or RequestsTransport(),
        clock=time.time,
        sleep=time.sleep,
    )


def build_services(
    settings: Settings,
    *,
    store: Store | None = None,
    policy: Policy | None = None,
    transport: Transport | None = None,
) -> Services:
    """Raises ``UserError`` for what is missing."""
    settings.require("sentry_client_secret", "sentry_auth_token", "sentry_org")
    policy = settings.policy() if policy is None else policy
    store = store or open_store(settings)
    transport = transport or RequestsTransport()
    client = build_client(settings, transport)
    tags = AnnotationTagWriter(
        client,
        EnvelopeSender(transport, lambda: store.clock().timestamp()),
        store.annotations,
        allowed_hosts=ingest_hosts(settings.sentry_url, settings.sentry_ingest_hosts),
        clock=lambda: store.clock().timestamp(),
        sleep=time.sleep,
        dsn_for=lambda project: policy.for_project(project).tags.dsn,
    )
    model = configured_model(settings)
    if model is not None:
        capability_of(model, policy.models)  # says now what is wrong in [models], not at the first question
    rules = compile_rules(policy.rule)
    return Services(settings, policy, store, client, tags, rules, model, clock=store.clock)


def configured_model(settings: Settings) -> Model | None:
    """The model that TRIAGE_MODEL names, with its key; none for ``offline``. Raises ``UserError``."""
    if settings.triage_model == "offline" or settings.triage_mode is TriageMode.OFFLINE:
        return None
    if settings.triage_model.startswith("anthropic:"):
        settings.require("anthropic_api_key")
        key, url = settings.anthropic_api_key, settings.anthropic_base_url
    else:
        key, url = settings.openai_api_key, settings.openai_base_url
    return make_model(settings.triage_model, base_url=url, api_key=key.get_secret_value())
