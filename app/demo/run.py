"""The whole way in one process: sandbox Sentry, the app, its worker, and a shop that breaks."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from app import create_app
from app.core.policy import Policy, Route
from app.core.vocabulary import Category, TagKey
from app.errors import UserError
from app.jobs.workflows import build_engine
from app.sandbox import MemberSpec, ProjectSpec, SandboxSentry
from app.sandbox.server import SandboxServer
from app.sentry.install import manifest
from app.services import build_services
from app.settings import Settings, fixed_settings
from app.store import Store, open_store
from app.store.engine import migrate

from .peers import Peers
from .shop import BREAKAGES, Breakage

MEMBERS = (
    MemberSpec("maya@example.test", "Maya Okafor", "owner"),
    MemberSpec("jonas@example.test", "Jonas Weber"),
    MemberSpec("lin@example.test", "Lin Zhao"),
)
TEAMS: Mapping[str, tuple[str, ...]] = {
    "database": ("maya@example.test",),
    "payments": ("jonas@example.test",),
    "platform": ("lin@example.test", "maya@example.test"),
}
PROJECTS = (
    ProjectSpec("shop-api", "python", ("database", "payments", "platform")),
    ProjectSpec("shop-worker", "python", ("database", "platform")),
)
POLICY = Policy(
    route=(
        Route(category=Category.DATABASE, owner="team:database"),
        Route(category=Category.INFRASTRUCTURE, owner="team:platform"),
        Route(category=Category.AUTHENTICATION, owner="lin@example.test"),
        Route(category=Category.LOGIC, path="**/demo/shop.py", owner="jonas@example.test"),
        Route(category=Category.NETWORK, project="shop-api", owner="team:payments"),
        Route(category=Category.THIRD_PARTY, owner="team:payments"),
    )
)


@dataclass
class Demo:
    """A running demo. ``started``: issue title → when its error was raised (monotonic seconds)."""

    sandbox: SandboxServer
    app_url: str
    """The app's own dashboard, which ``dashboard_token`` opens."""
    dashboard_token: str
    expected: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def url(self) -> str:
        """The sandbox's issue list."""
        return f"{self.sandbox.url}/organizations/{self.sandbox.sandbox.state.org}/issues/"

    def issues(self) -> list[dict[str, Any]]:
        """What the sandbox holds, as ``--json`` prints it; notes when each was seen to be triaged first."""
        held = [{key: issue[key] for key in SHOWN} for issue in self.sandbox.sandbox.issues()]
        for issue in held:
            if triaged(issue):
                self.seconds.setdefault(issue["short_id"], time.monotonic() - self.began)
        return held

    def done(self) -> bool:
        held = self.issues()
        return len(held) >= self.expected and all(triaged(issue) for issue in held)


SHOWN = ("short_id", "title", "tags", "priority", "assignee", "comments", "annotations", "count", "status")


def triaged(issue: Mapping[str, Any]) -> bool:
    """True once tags, comment and annotation stand on the issue."""
    return bool(TagKey.CATEGORY.value in issue["tags"] and issue["comments"] and issue["annotations"])


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """Start everything on free ports of the loopback address; ``folder`` takes the databases."""
    with ExitStack() as stack:
        described = manifest()
        sentry = SandboxSentry(
            org="acme",
            projects=PROJECTS,
            members=MEMBERS,
            teams=TEAMS,
            client_secret=secrets.token_hex(32),
            events=described["events"],
            schema=described["schema"],
        )
        sandbox = SandboxServer(sentry)
        dashboard_token = secrets.token_urlsafe(12)
        settings = _settings(sandbox, folder, dashboard_token)
        store = open_store(settings)
        stack.callback(store.close)
        migrate(store.engine)
        app_url = _serve(stack, settings, store)
        sentry.app.webhook_url = f"{app_url}/webhooks/sentry"
        settings = settings.model_copy(update={"triage_public_url": app_url})
        stack.enter_context(sandbox)
        engine = build_engine(build_services(settings, store=store, policy=POLICY))
        engine.launch()
        stack.callback(engine.stop)
        yield Demo(sandbox, app_url, dashboard_token)


def _settings(sandbox: SandboxServer, folder: Path, dashboard_token: str) -> Settings:
    """Only what the demo says: nothing of the machine's environment reaches it."""
    return fixed_settings(
        sentry_url=sandbox.url,
        sentry_org="acme",
        sentry_auth_token=sandbox.sandbox.token,
        sentry_client_secret=sandbox.sandbox.client_secret,
        database_url=f"sqlite:///{folder / 'triage.db'}",
        triage_dashboard_token=dashboard_token,
        log_level="ERROR",
    )


def _serve(stack: ExitStack, settings: Settings, store: Store) -> str:
    server = make_server("127.0.0.1", 0, create_app(settings, store=store), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"http://127.0.0.1:{server.server_port}"


def break_things(demo: Demo, said: Callable[[str], None]) -> None:
    """Run into every error of the shop and report each with the real SDK, one client a project."""
    try:
        import sentry_sdk
        from sentry_sdk.utils import event_from_exception
    except ImportError:
        raise UserError(
            "The demo needs the libraries that it breaks.", hint="pip install 'sentry-triage[demo]'"
        ) from None
    clients = {
        project.slug: sentry_sdk.Client(
            dsn=demo.sandbox.dsn(project.slug),
            environment="production",
            release="shop@1.4.2",
            default_integrations=False,
            in_app_include=["app.demo"],
            send_default_pii=False,
        )
        for project in PROJECTS
    }

    def report(breakage: Breakage, error: Exception) -> None:
        client = clients[breakage.project]
        with sentry_sdk.isolation_scope() as scope:
            scope.set_client(client)
            scope.set_transaction_name(breakage.transaction)
            mechanism = {"type": "shop", "handled": breakage.handled}
            event, hint = event_from_exception(error, client_options=client.options, mechanism=mechanism)
            scope.capture_event(event, hint=hint)

    with Peers() as peers:
        for breakage in BREAKAGES:
            try:
                breakage.run(peers)
            except Exception as error:
                report(breakage, error)
                demo.expected += 1
                said(f"{type(error).__name__} in {breakage.transaction}")
    for client in clients.values():
        client.close(timeout=5)
