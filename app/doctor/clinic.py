"""What the checks look with: the settings and what is built from them, made when first asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from app.core.policy import Policy
from app.sentry.client import SentryClient
from app.sentry.transport import Request, RequestsTransport, Response, Transport
from app.services import Services, build_services
from app.settings import Settings
from app.store import Store, open_store


class Clinic:
    """``load``: gives the settings, or raises ``UserError``. ``transport``: to Sentry and to our own address.

    Nothing here writes, except one line of ours into our own database to see that it can be written.
    """

    def __init__(
        self,
        load: Callable[[], Settings],
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._load = load
        self._transport = transport or RequestsTransport()
        self.clock = clock

    @cached_property
    def settings(self) -> Settings:
        return self._load()

    @cached_property
    def policy(self) -> Policy:
        return self.settings.policy()

    @cached_property
    def store(self) -> Store:
        return open_store(self.settings)

    @cached_property
    def services(self) -> Services:
        return build_services(self.settings, store=self.store, policy=self.policy, transport=self._transport)

    @cached_property
    def client(self) -> SentryClient:
        settings = self.settings
        return SentryClient(
            settings.sentry_url,
            settings.sentry_auth_token.get_secret_value(),
            settings.sentry_org,
            transport=self._transport,
            clock=time.time,
            # No long waits here: who runs the doctor waits in front of it.
            sleep=lambda seconds: time.sleep(min(seconds, 1.0)),
        )

    @cached_property
    def projects(self) -> list[dict[str, Any]]:
        return self.client.projects()

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Response:
        """One request to our own public address. Raises ``Unreachable``."""
        url = self.settings.triage_public_url + path
        return self._transport.send(Request(method, url, headers, body, timeout=5.0))

    def close(self) -> None:
        if "store" in self.__dict__:
            self.store.close()
