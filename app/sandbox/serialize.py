"""Issues, activities and people as Sentry's REST API and webhooks write them."""

from __future__ import annotations

import hashlib
import html
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from .effects import release_range
from .formats import iso, seconds
from .model import Activity, App, Event, External, Issue, Project, Snooze, Team, User
from .serialize_release import release
from .state import State

Json = dict[str, Any]
_SEER = ("seerFixabilityScore", "seerAutofixLastTriggered", "seerExplorerAutofixLastTriggered")


def user(person: User, *, own: bool = False) -> Json:
    """A user; ``own``: with the parts only the user sees (options, flags, identities)."""
    digest = hashlib.md5(person.email.encode(), usedforsecurity=False).hexdigest()
    shown: Json = {
        "id": str(person.id),
        "name": person.name,
        "username": person.username,
        "email": person.email,
        "avatarUrl": f"https://secure.gravatar.com/avatar/{digest}?s=32&d=mm",
        "isActive": True,
        "hasPasswordAuth": not person.is_app,
        "isManaged": False,
        "dateJoined": iso(person.created),
        "lastLogin": None,
        "has2fa": False,
        "lastActive": iso(person.created),
        "isSuperuser": False,
        "isStaff": False,
        "experiments": {},
        "emails": [{"id": str(person.id), "email": person.email, "is_verified": False}],
        "avatar": {"avatarType": "letter_avatar", "avatarUuid": None},
    }
    if own:
        options = {"theme": "light", "language": "en", "stacktraceOrder": -1, "timezone": "UTC"}
        shown["options"] = {**options, "clock24Hours": False}
        shown["flags"] = {"newsletter_consent_prompt": False}
        shown["identities"] = []
    return shown


def actor(who: User | Team | None) -> Json | None:
    if who is None:
        return None
    if isinstance(who, Team):
        return {"type": "team", "id": str(who.id), "name": who.name}
    return {"email": who.email, "type": "user", "id": str(who.id), "name": who.name}


def activity(state: State, entry: Activity, viewer: User | None = None) -> Json:
    person = entry.user
    shown: Json = {"id": str(entry.id), "user": None}
    if person is not None:
        shown["user"] = user(person, own=person is viewer)
    if state.modern:
        shown["sentry_app"] = app_summary(person.app) if person and person.app else None
    return {**shown, "type": entry.type, "data": entry.data, "dateCreated": iso(entry.created)}


def app_summary(app: App) -> Json:
    return {"id": str(app.id), "name": app.name, "slug": app.slug, "avatars": []}


def activities(state: State, issue: Issue, viewer: User | None = None) -> list[Json]:
    """Newest first, ending with the made-up entry ``first_seen`` that has the id 0."""
    first: Json = {"id": "0", "user": None}
    if state.modern:
        first["sentry_app"] = None
    data = {"priority": issue.priority} if state.modern else {}
    first |= {"type": "first_seen", "data": data, "dateCreated": iso(issue.first_seen)}
    return [*(activity(state, entry, viewer) for entry in reversed(issue.activity)), first]


def external(link: External, issue: Issue) -> Json:
    return {
        "id": str(link.id),
        "issueId": str(issue.id),
        "serviceType": link.service,
        "displayName": link.display_name,
        "webUrl": link.web_url,
    }


def issue_annotations(state: State, issue: Issue) -> list[Any]:
    """Today objects; 23.7 wrote HTML."""
    if state.modern:
        return [{"displayName": link.display_name, "url": link.web_url} for link in issue.externals]
    return [f'<a href="{html.escape(link.web_url)}">{link.display_name}</a>' for link in issue.externals]


def status_details(issue: Issue) -> Json:
    if issue.status == "ignored" and issue.snooze and not issue.snooze.until_escalating:
        return _snooze(issue.snooze)
    if issue.status == "resolved" and issue.resolution:
        kind, version = issue.resolution.kind, issue.resolution.version
        details: Json = {"inNextRelease": True} if kind == "in_next_release" else {"inRelease": version}
        if issue.resolution.actor:
            details["actor"] = user(issue.resolution.actor)
        return details
    return {}


def _snooze(snooze: Snooze) -> Json:
    return {
        "ignoreCount": snooze.count,
        "ignoreUntil": iso(snooze.until),
        "ignoreUserCount": snooze.user_count,
        "ignoreUserWindow": snooze.user_window,
        "ignoreWindow": snooze.window,
        "actor": user(snooze.actor) if snooze.actor else None,
    }


def project_ref(project: Project) -> Json:
    return {"id": str(project.id), "name": project.name, "slug": project.slug, "platform": project.platform}


def metadata(state: State, issue: Issue) -> Json:
    if not state.modern:
        return {**issue.metadata, "display_title_with_tree_label": False}
    latest = issue.latest
    sdk = (latest.data.get("sdk") or {}).get("name") if latest else None
    known = {"sdk": {"name": sdk, "name_normalized": ".".join(str(sdk).split(".")[:2])}} if sdk else {}
    return {
        **issue.metadata,
        **known,
        "initial_priority": {"low": 25, "medium": 50}.get(issue.priority or "", 75),
    }


def issue(state: State, group: Issue, viewer: User | None = None) -> Json:
    """The row of an issue: the answer to a PUT, and the base of every longer form."""
    shown = {**_identity(state, group), **_standing(state, group, viewer)}
    if state.modern:
        shown["priority"] = group.priority
        shown["priorityLockedAt"] = iso(group.priority_locked_at)
        shown |= dict.fromkeys(_SEER)
    latest = group.latest
    return shown | {
        "isUnhandled": bool(latest and latest.tag("handled") == "no"),
        "count": str(group.count),
        "userCount": len(group.users),
        "firstSeen": iso(group.first_seen),
        "lastSeen": iso(group.last_seen),
    }


def _identity(state: State, group: Issue) -> Json:
    return {
        "id": str(group.id),
        "shareId": None,
        "shortId": group.short_id,
        "title": group.title,
        "culprit": group.culprit,
        "permalink": state.permalink(group),
        "logger": group.logger,
        "level": group.level,
        "status": group.status,
        "statusDetails": status_details(group),
        "substatus": group.substatus,
        "isPublic": group.is_public,
        "platform": group.platform,
        "project": project_ref(group.project),
        "type": group.type,
        "metadata": metadata(state, group),
    }


def _standing(state: State, group: Issue, viewer: User | None) -> Json:
    reason = group.subscribers.get(viewer.id) if viewer else None
    return {
        "numComments": len(group.notes),
        "assignedTo": actor(group.assignee),
        "isBookmarked": bool(viewer and viewer.id in group.bookmarks),
        "isSubscribed": reason is not None,
        "subscriptionDetails": {"reason": reason} if reason else None,
        "hasSeen": bool(viewer and viewer.id in group.seen_by),
        "annotations": issue_annotations(state, group),
        "issueType": "error",
        "issueCategory": "error",
    }


def issue_detail(state: State, group: Issue, viewer: User | None, expand: Iterable[str] = ()) -> Json:
    """``GET issue``: the row and its tags, activity, releases and statistics."""
    first, last = release_range(group)
    shown = {**issue(state, group, viewer), "lastSeen": iso(seconds(group.last_seen))}
    shown["firstRelease"] = release(state, first, group.project)
    shown["lastRelease"] = release(state, last, group.project)
    counts = Counter(key for event in group.events for key, _ in event.tags)
    shown["tags"] = [{"key": k, "name": tag_name(k), "totalValues": n} for k, n in sorted(counts.items())]
    shown["activity"] = activities(state, group, viewer)
    shown["seenBy"] = []
    shown["participants"] = [{**user(state.users[i]), "type": "user"} for i in group.subscribers]
    shown |= {"pluginActions": [], "pluginIssues": [], "pluginContexts": [], "userReportCount": 0}
    now = state.now()
    shown["stats"] = {
        "24h": buckets(group.events, now, timedelta(hours=1), 25),
        "30d": buckets(group.events, now, timedelta(days=1), 31),
    }
    wanted = set(expand)
    if "owners" in wanted:
        shown["owners"] = group.owners or None
    if "sentryAppIssues" in wanted:
        shown["sentryAppIssues"] = [external(link, group) for link in group.externals]
    if "integrationIssues" in wanted:
        shown["integrationIssues"] = []
    return shown


def buckets(events: Iterable[Event], now: datetime, step: timedelta, count: int) -> list[list[int]]:
    """``[[unix seconds, events], …]``, oldest first, aligned to ``step``."""
    width = int(step.total_seconds())
    last = int(now.timestamp()) // width * width
    tally = Counter(int(event.at.timestamp()) // width * width for event in events)
    return [[at, tally[at]] for at in range(last - (count - 1) * width, last + 1, width)]


def tag_name(key: str) -> str:
    return {"server_name": "Server", "url": "URL", "os": "OS"}.get(key, key.replace("_", " ").title())
