"""Registers the app with Sentry as an internal integration, from the manifest, with a person's token.

Facts and sources: Sentry's ``sentry_apps/api/endpoints/sentry_apps.py`` and ``…/parsers/sentry_app.py``. The
endpoints live in the control silo: on SaaS at sentry.io itself, whatever the region.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.sentry.api import SentryApi, api_path, decode, mapping
from app.sentry.errors import NotFound

WEBHOOK_PATH = "/webhooks/sentry"
CREATED_ONLY = frozenset({"organization", "isInternal", "verifyInstall", "redirectUrl"})
"""Fields of the create call that an update leaves alone."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What is registered now. ``client_secret`` is none where Sentry masks it: a day after creation.

    ``changes``: field → (before, after) of an update.
    """

    created: bool
    slug: str
    client_secret: str | None
    changes: Mapping[str, tuple[Any, Any]]
    region_url: str


class Installer(SentryApi):
    """``token`` is a person's: an integration may not make integrations."""

    def install(self, body: Mapping[str, Any], *, dry: bool = False) -> Installed:
        """Create the integration, or update the one of the same name. ``dry`` only looks.

        Raises the errors of ``app.sentry.errors``: ``BadRequest`` has Sentry's words on each field.
        """
        region_url = self._region_url()
        found = self._find(str(body["name"]))
        if found is None:
            app = {} if dry else self._post(body)
            return Installed(True, str(app.get("slug") or ""), _secret(app), {}, region_url)
        slug, changes = str(found["slug"]), changed(found, body)
        if changes and not dry:
            path = api_path("sentry-apps", slug)
            sent = {name: body[name] for name in changes}
            found = mapping(decode(self.call("PUT", path, body=sent, control=True), path), path)
        return Installed(False, slug, _secret(found), changes, region_url)

    def rotate(self, slug: str) -> str:
        """A new client secret; the old one is void at once."""
        path = api_path("sentry-apps", slug, "rotate-secret")
        answer = mapping(decode(self.call("POST", path, control=True), path), path)
        return str(answer.get("clientSecret") or "")

    def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        path = api_path("sentry-apps")
        return mapping(decode(self.call("POST", path, body=body, control=True), path), path)

    def _find(self, name: str) -> dict[str, Any] | None:
        rows = self.pages(self.org_path("sentry-apps"), control=True)
        return next((row for row in rows if row.get("name") == name and row.get("slug")), None)

    def _region_url(self) -> str:
        path = self.org_path()
        try:
            links = mapping(self.get(path), path).get("links")
        except NotFound:
            raise UserError(
                f"Sentry knows no organization {self._org}, or the token may not see it.",
                hint="Check --org (the slug in Sentry's address) and SENTRY_URL.",
            ) from None
        return str(links.get("regionUrl") or "") if isinstance(links, Mapping) else ""


def changed(found: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields in which what Sentry has differs from the manifest. Lists of words are sets to Sentry."""
    wanted = {name: value for name, value in body.items() if name not in CREATED_ONLY}
    return {
        name: (found.get(name), value)
        for name, value in wanted.items()
        if _comparable(found.get(name)) != _comparable(value)
    }


def manifest(path: Path | None = None) -> dict[str, Any]:
    """The create call's body as it is shipped (or another file). Raises ``UserError``."""
    try:
        text = path.read_text(encoding="utf-8") if path else _shipped()
        return mapping(json.loads(text), "the manifest")
    except (OSError, ValueError) as error:
        raise UserError(f"The manifest cannot be read: {error}.", hint="It is a JSON object.") from None


def filled(body: Mapping[str, Any], *, org: str, url: str, name: str | None = None) -> dict[str, Any]:
    """The manifest for one organisation and one public address of ours."""
    own = {"organization": org, "webhookUrl": url.rstrip("/") + WEBHOOK_PATH}
    return {**body, **own, **({"name": name} if name else {})}


def _shipped() -> str:
    """Inside the installed package; in a checkout at its top."""
    packaged = resources.files("app") / "integration_manifest.json"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "integration_manifest.json").read_text(encoding="utf-8")


def _secret(app: Mapping[str, Any]) -> str | None:
    secret = str(app.get("clientSecret") or "")
    return None if not secret or set(secret) == {"*"} else secret


def _comparable(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return sorted(value)
    return value or None
