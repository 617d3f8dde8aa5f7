"""A release as issues and events show it."""

from __future__ import annotations

from typing import Any

from .formats import iso, seconds
from .model import Project
from .state import State

Json = dict[str, Any]


def release(state: State, version: str | None, project: Project) -> Json | None:
    known = state.releases.get(version or "")
    if known is None:
        return None
    package, _, number = known.version.rpartition("@")
    info = {"package": package or None, "version": {"raw": number}, "description": number, "buildHash": None}
    return {
        "id": known.id,
        "version": known.version,
        "status": "open",
        "shortVersion": known.version,
        "versionInfo": info,
        **dict.fromkeys(("ref", "url", "dateReleased", "owner", "lastCommit", "lastDeploy", "userAgent")),
        "dateCreated": iso(known.created),
        "data": {},
        "newGroups": known.new_groups,
        "commitCount": 0,
        "deployCount": 0,
        "authors": [],
        "projects": [
            {
                "id": project.id,
                "slug": project.slug,
                "name": project.name,
                "newGroups": known.new_groups,
                "platform": project.platform,
                "platforms": [],
                "hasHealthData": False,
            }
        ],
        "firstEvent": iso(seconds(known.first_event)),
        "lastEvent": iso(seconds(known.last_event)),
        "currentProjectMeta": {},
    }
