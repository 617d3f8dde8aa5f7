"""From the owner that a route names to the actor that Sentry takes, and only with access to the project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Member:
    """A person in the organisation. ``projects``: slugs they can see, None where Sentry did not say."""

    user_id: str
    email: str
    active: bool = True
    projects: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """Who may be assigned in one project."""

    project: str = ""
    teams: Mapping[str, str] | None = None
    """Slug → id of the teams with access to the project; None where it could not be read."""
    members: tuple[Member, ...] = ()

    @classmethod
    def from_api(
        cls, project: str, project_teams: Iterable[Mapping[str, Any]], members: Iterable[Mapping[str, Any]]
    ) -> Directory:
        """Read ``GET /projects/{org}/{project}/teams/`` and ``GET /organizations/{org}/members/``."""
        teams = {
            str(team["slug"]): str(team["id"])
            for team in project_teams
            if team.get("slug") and team.get("id")
        }
        return cls(project, teams, tuple(member for row in members if (member := _member(row)) is not None))


def resolve_owner(owner: str, directory: Directory) -> tuple[str | None, str]:
    """``(actor, reason)``: ``team:ID`` or ``user:ID`` for ``team:slug``, an e-mail, or Sentry's own
    ``team:ID`` and ``user:ID``; None with the reason where they cannot be assigned."""
    kind, colon, name = owner.partition(":")
    if colon and kind == "team":
        return _team(name, directory)
    if colon and kind == "user":
        found = [member for member in directory.members if member.user_id == name]
    else:
        found = [member for member in directory.members if member.email.casefold() == owner.casefold()]
    return _user(owner, found, directory)


def spoken(owner: str, directory: Directory) -> str:
    """The owner as people say it, without Sentry's ids: ``team payments``, an e-mail, Sentry's suggestion."""
    kind, colon, name = owner.partition(":")
    if colon and kind == "team":
        slug = next((slug for slug, number in (directory.teams or {}).items() if number == name), name)
        return f"team {slug}"
    return "the person Sentry suggests" if colon and kind == "user" else owner


def _team(name: str, directory: Directory) -> tuple[str | None, str]:
    teams = directory.teams or {}
    if name in teams:
        return f"team:{teams[name]}", f"team {name} has access to the project"
    if name in teams.values():
        return f"team:{name}", "the team has access to the project"
    return None, f"team {name} has no access to project {directory.project or '?'}"


def _user(owner: str, found: list[Member], directory: Directory) -> tuple[str | None, str]:
    if not found:
        return None, f"{owner} is not a member of the organisation"
    member = found[0]
    if not member.active:
        return None, f"{owner} has not joined yet or was deactivated"
    if member.projects is not None and directory.project not in member.projects:
        return None, f"{owner} has no access to project {directory.project or '?'}"
    # Where Sentry's list does not say, its answer to the assignment does: "Cannot assign to non-team member".
    return f"user:{member.user_id}", "a member of the organisation"


def _member(row: Mapping[str, Any]) -> Member | None:
    """A pending invitation has ``user: null`` and keeps its e-mail, so that the reason can say so."""
    user = row.get("user")
    user = user if isinstance(user, Mapping) else {}
    email = str(row.get("email") or user.get("email") or "")
    if not email and not user:
        return None
    projects = row.get("projects")
    return Member(
        user_id=str(user.get("id") or ""),
        email=email,
        active=bool(user.get("id")) and user.get("isActive") is not False and row.get("pending") is not True,
        projects=frozenset(str(slug) for slug in projects) if isinstance(projects, list) else None,
    )
