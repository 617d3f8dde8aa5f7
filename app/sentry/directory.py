"""What Sentry knows of the organisation: people, teams, projects, keys, ownership rules, our own
installation."""

from __future__ import annotations

from typing import Any

from app.sentry.api import SentryApi, mapping


class DirectoryCalls(SentryApi):
    """Reads only. Scopes: ``org:read``, ``project:read``, ``team:read``, ``member:read``."""

    def organization(self) -> dict[str, Any]:
        """``{id, slug, name, …}``: also the cheapest proof that URL, token and organisation fit together."""
        path = self.org_path()
        return mapping(self.get(path), path)

    def members(self) -> list[dict[str, Any]]:
        """``[{id, email, user: {id, email, isActive}|null, pending, …}]``: ``user.id`` is what an issue
        takes."""
        return list(self.pages(self.org_path("members")))

    def projects(self) -> list[dict[str, Any]]:
        """``[{id, slug, name, platform, teams}]``"""
        return list(self.pages(self.org_path("projects")))

    def project_teams(self, project: str) -> list[dict[str, Any]]:
        """``[{id, slug}]`` with access to the project: Sentry assigns its issues to no other team."""
        return list(self.pages(self.project_path(project, "teams")))

    def project_keys(self, project: str) -> list[dict[str, Any]]:
        """``[{id, label, isActive, rateLimit, dsn: {public}}]``. The answer also holds secrets: not for
        logs."""
        return list(self.pages(self.project_path(project, "keys")))

    def project_ownership(self, project: str) -> dict[str, Any]:
        """``{raw, fallthrough, isActive, autoAssignment, …}``; ``raw`` is the rules' text or null."""
        path = self.project_path(project, "ownership")
        return mapping(self.get(path), path)

    def installations(self) -> list[dict[str, Any]]:
        """``[{uuid, app: {uuid, slug}, organization: {slug}, status}]``. May hold a ``code``: not for
        logs."""
        return list(self.pages(self.org_path("sentry-app-installations"), control=True))
