"""``triage.toml``: what a team decides for itself. Plain values; ``app.settings`` reads the file.

```toml
[tags]
mode = "annotate"            # or "off"
dsn = "https://KEY@HOST/7"   # a client key of its own, else the project's first active one

[priority]
enabled = true

[assign]
enabled = true
dry = false                  # say who would be assigned, assign nobody
max_per_hour = 30            # assigning sends mail: no storm

[[route]]                    # the first that fits decides; what is not named fits all
category = "Database"
project = "shop-api"
path = "shop/payments/**"    # glob on the innermost in-app frame's file
owner = "team:payments"      # or a user's e-mail

[privacy]
level = "full"               # full | no-variables | title-only | offline-only

[project."shop-web"]         # the same tables per project
tags = { mode = "off" }

[[rule]]                     # the team's own knowledge, beside the embedded one: docs/rules.md
```
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .vocabulary import Category


class TagMode(StrEnum):
    ANNOTATE = "annotate"
    OFF = "off"


class PrivacyLevel(StrEnum):
    FULL = "full"
    NO_VARIABLES = "no-variables"
    TITLE_ONLY = "title-only"
    OFFLINE_ONLY = "offline-only"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Tags(_Table):
    mode: TagMode = TagMode.ANNOTATE
    """``off``: no annotation events, so no tags."""
    refresh_days: int = Field(default=13, ge=1, le=29)
    """An issue that still receives events is annotated again after so many days (Sentry's default search
    window is 14 days)."""
    max_per_day: int = Field(default=500, ge=0)
    """Annotation events a project may get in 24 hours."""
    dsn: str | None = Field(default=None, min_length=1, repr=False)
    """The client key that annotation events go to; None for the project's first active one."""


class PriorityPolicy(_Table):
    enabled: bool = True
    """Whether a priority is written; writing it locks Sentry's own escalation for that issue."""


class Assign(_Table):
    enabled: bool = True
    """Whether anybody is assigned."""
    dry: bool = False
    """Say who would be assigned; assign nobody."""
    max_per_hour: int = Field(default=30, ge=0)
    """Assignments in an hour, each of which sends mail."""


class Privacy(_Table):
    level: PrivacyLevel = PrivacyLevel.FULL
    """What of an event may leave for a model: docs/model.md."""


class Route(_Table):
    """Who looks at what. Everything named must fit; the first route that fits decides."""

    owner: str = Field(pattern=r"^(team:[a-z0-9][a-z0-9_-]*|[^@\s]+@[^@\s]+)$")
    """``team:slug`` or a member's e-mail address."""
    category: Category | None = None
    """What the verdict must say; left out: anything."""
    project: str | None = None
    """The project's slug; left out: every project."""
    path: str | None = None
    """A glob on the file of the innermost frame that is the application's own; left out: every file."""


class ProjectPolicy(_Table):
    """What one project overrides."""

    tags: Tags | None = None
    """The whole of ``[tags]``: a key left out has its default."""
    priority: PriorityPolicy | None = None
    """The whole of ``[priority]``."""
    assign: Assign | None = None
    """The whole of ``[assign]``."""
    privacy: Privacy | None = None
    """The whole of ``[privacy]``."""


class Policy(_Table):
    """The whole of ``triage.toml``."""

    tags: Tags = Tags()
    priority: PriorityPolicy = PriorityPolicy()
    assign: Assign = Assign()
    privacy: Privacy = Privacy()
    route: tuple[Route, ...] = ()
    project: Mapping[str, ProjectPolicy] = Field(default_factory=dict)
    rule: tuple[Mapping[str, Any], ...] = ()
    """The team's own classifier rules, checked and compiled by ``app.core.offline``: docs/rules.md."""
    models: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """Overrides of the model capability table, checked by ``app.models``."""

    def for_project(self, slug: str) -> Policy:
        """The policy as it holds for one project."""
        own = self.project.get(slug)
        if own is None:
            return self
        return self.model_copy(update={k: v for k, v in own.__dict__.items() if v is not None})
