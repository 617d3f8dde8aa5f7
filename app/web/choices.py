"""What the select fields of Sentry's forms offer: categories, severities, and the teams of a project.

The signature of these requests covers nothing (a GET signs the empty string), so it is the same for ever:
the answer holds harmless names only, and asking again and again never becomes calls to Sentry.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from app.core.vocabulary import Category, Severity
from app.errors import TriageError
from app.services import build_client, find_installation
from app.settings import Settings

log = logging.getLogger(__name__)

KEEP = 300.0
"""Seconds for which an answer of Sentry is kept."""

PAUSE = 1.0
"""Seconds between two questions to Sentry at the least; until then the old answer, or none, is given."""

MAX_KEPT = 500

Choice = dict[str, str]

_SLUG = re.compile(r"[a-z0-9_-]{1,100}")


class Asked(Protocol):
    """The part of the REST client that is needed."""

    def installations(self) -> list[dict[str, Any]]: ...

    def project_teams(self, project: str) -> list[dict[str, Any]]: ...


class Choices:
    """``client``: none where no token is set; then there are no teams and every installation fits.

    ``clock``: seconds, monotonic.
    """

    def __init__(
        self, settings: Settings, client: Asked | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Any]] = {}
        self._asked_at = float("-inf")

    @classmethod
    def by(cls, settings: Settings) -> Choices:
        configured = bool(settings.sentry_auth_token.get_secret_value() and settings.sentry_org)
        return cls(settings, build_client(settings) if configured else None)

    def fits(self, installation: str) -> bool:
        """Whether the request names our installation; True where Sentry does not let us see which it is."""
        ours = self._ask("installation", self._installation)
        return not ours or installation == ours

    def of(self, field: str, project: str, query: str = "") -> list[Choice] | None:
        """``[{label, value}]`` for a field, those that hold ``query`` only; None for a field unknown."""
        found = _FIELDS.get(field)
        if found is None:
            return None
        wanted = query.casefold()
        return [choice for choice in found(self, project) if wanted in choice["label"].casefold()]

    def owners(self, project: str) -> list[Choice]:
        """The teams with access to the project; nobody where Sentry does not say."""
        if not _SLUG.fullmatch(project):
            return []
        slugs = self._ask(f"teams:{project}", lambda: self._teams(project)) or []
        return [{"label": f"#{slug}", "value": f"team:{slug}"} for slug in slugs]

    def _installation(self) -> str:
        assert self._client is not None
        found = find_installation(self._client.installations(), self._settings)
        return found.uuid if found else ""

    def _teams(self, project: str) -> list[str]:
        assert self._client is not None
        return sorted(str(team["slug"]) for team in self._client.project_teams(project) if team.get("slug"))

    def _ask(self, key: str, ask: Callable[[], Any]) -> Any:
        now = self._clock()
        with self._lock:
            at, value = self._kept.get(key, (float("-inf"), None))
            # What has no answer yet is asked first; the installation is asked with every field, so it is
            # allowed beside the teams.
            soon = key != "installation" and now - self._asked_at < PAUSE
            if now - at < KEEP or soon or self._client is None:
                return value
            if key != "installation":
                self._asked_at = now
            if len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now, value)
        try:
            value = ask()
        except TriageError as error:
            log.warning("the choices of a form could not be read", extra={"reason": str(error)})
            return value
        with self._lock:
            self._kept[key] = (now, value)
        return value


def _words(words: tuple[str, ...]) -> Callable[[Choices, str], list[Choice]]:
    return lambda _choices, _project: [{"label": word, "value": word} for word in words]


_FIELDS: dict[str, Callable[[Choices, str], list[Choice]]] = {
    "category": _words(tuple(word.value for word in Category)),
    "severity": _words(tuple(word.value for word in Severity)),
    "owner": Choices.owners,
}
