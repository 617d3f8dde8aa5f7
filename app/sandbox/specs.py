"""What a sandbox is made of, and what it has when nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_SCOPES = (
    "org:read",
    "project:read",
    "team:read",
    "member:read",
    "event:read",
    "event:write",
)


@dataclass(frozen=True)
class MemberSpec:
    email: str
    name: str
    role: str = "member"
    pending: bool = False


@dataclass(frozen=True)
class ProjectSpec:
    slug: str
    platform: str | None = "python"
    teams: tuple[str, ...] = ("backend",)


@dataclass(frozen=True)
class TokenSpec:
    """``person``: e-mail of whose token it is; None: the integration's own."""

    value: str
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    person: str | None = None


DEFAULT_MEMBERS = (
    MemberSpec("maya@example.test", "Maya Okafor", "owner"),
    MemberSpec("jonas@example.test", "Jonas Weber"),
    MemberSpec("lin@example.test", "Lin Zhao"),
)
DEFAULT_PROJECTS = (ProjectSpec("shop-api"), ProjectSpec("shop-web", "javascript", ("frontend",)))
DEFAULT_TEAMS: Mapping[str, tuple[str, ...]] = {
    "backend": ("maya@example.test", "jonas@example.test"),
    "database": ("maya@example.test",),
    "frontend": ("lin@example.test",),
}
