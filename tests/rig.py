"""Services over a sandbox Sentry, and jobs run to their end in this process, without an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.intake import Intent, Kind
from app.core.policy import Policy
from app.jobs.workflows import Workflows
from app.sandbox.sandbox import DEFAULT_SCOPES, SandboxSentry, TokenSpec
from app.sandbox.server import SandboxServer
from app.services import Services, build_services
from app.settings import fixed_settings
from app.store import Store

ADMIN = (*DEFAULT_SCOPES, "event:admin")


@dataclass
class Clock:
    """Aware UTC that moves when told; starts now."""

    shift: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def travel(self, **delta: float) -> None:
        self.shift += timedelta(**delta)


def error(number: int = 0, *, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    """A Python error as an SDK sends it; each ``number`` is an issue of its own."""
    frame = {"filename": f"shop/page{number}.py", "module": f"shop.page{number}", "function": "view"}
    text = 'connection to server at "10.0.0.7", port 5432 failed: timeout expired'
    exception = {
        "type": "OperationalError",
        "module": "psycopg",
        "value": text,
        "mechanism": {"type": "django", "handled": False},
        "stacktrace": {"frames": [{**frame, "lineno": 7, "in_app": True}]},
    }
    body = {"platform": "python", "level": "error", "environment": "production"}
    body |= {"exception": {"values": [exception]}}
    if at is not None:
        body["timestamp"] = at.timestamp()
    return body | more


@dataclass
class Rig:
    """``box``: the sandbox; ``clock`` is the sandbox's and ours."""

    server: SandboxServer
    services: Services
    clock: Clock

    @property
    def box(self) -> SandboxSentry:
        return self.server.sandbox

    @property
    def store(self) -> Store:
        return self.services.store

    def shown(self, issue_id: str) -> dict[str, Any]:
        return next(issue for issue in self.box.issues() if issue["id"] == issue_id)

    def capture(self, number: int = 0, **more: Any) -> str:
        """One event; answers the id of its issue."""
        event = self.box.capture("shop-api", error(number, **more))
        return str(self.box.state.issue_of[event.project.id, event.id].id)

    def drain(self, limit: int = 500) -> int:
        """Run everything that is due, one after the other; answers how many."""
        count = 0
        while jobs := self.store.work.due(limit):
            for job in jobs:
                if self.store.work.claim(job, f"rig:{job.id}:{job.attempts}"):
                    self._work(job.id, job.kind, job.subject, f"rig:{job.id}:{job.attempts}")
                    count += 1
        return count

    def triage(self, issue_id: str, trigger: str = "issue.created") -> None:
        self.store.work.add(Intent(Kind.TRIAGE, issue_id, trigger), dedupe=f"{trigger}:{self.clock()}")
        self.drain()

    def _work(self, job_id: int, kind: Kind, issue_id: str, name: str) -> None:
        outcome: Any = {"next": "done", "reason": ""}
        for step in self._steps(kind):
            outcome = step(job_id, issue_id)
            if outcome["next"] != "go":
                break
        if outcome["next"] in ("go", "done"):
            self.store.work.finish(job_id, name, outcome.get("result", "triaged"), outcome["reason"])
        else:
            self.store.work.fail(job_id, name, outcome["reason"])

    def _steps(self, kind: Kind) -> list[Callable[[int, str], Any]]:
        """The product's own order of steps; only the engine that checkpoints them is not there."""
        flows = Workflows(self.services)
        return [*flows._first()[kind], *flows._rest(kind)]


@contextmanager
def rig(
    store: Store,
    *,
    scopes: tuple[str, ...] = DEFAULT_SCOPES,
    version: str = "modern",
    policy: Policy | None = None,
    **settings: Any,
) -> Iterator[Rig]:
    """A sandbox on a socket and our services over it. ``store`` gets the sandbox's clock."""
    clock = Clock()
    box = SandboxSentry(tokens=(TokenSpec("sntryi_" + "a" * 64, scopes),), clock=clock, version=version)
    for repository in vars(store).values():
        if hasattr(repository, "_clock"):
            repository._clock = clock
    with SandboxServer(box) as server:
        built = build_services(
            fixed_settings(
                sentry_url=server.url,
                sentry_org=box.state.org,
                sentry_auth_token=box.token,
                sentry_client_secret=box.client_secret,
                triage_public_url="https://triage.example",
                **settings,
            ),
            store=store,
            policy=policy or Policy(),
        )
        built.clock = clock
        built.tags._clock = built.tags._watch._clock = lambda: clock().timestamp()
        yield Rig(server, built, clock)
