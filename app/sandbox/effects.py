"""What one more event does: a new issue, or the changes of SENTRY's ``_process_existing_aggregate``.

Source: event_manager.py and tasks/post_process.py; each rule was observed on a running 23.7.1.
"""

from __future__ import annotations

from datetime import timedelta

from . import ownership
from .formats import short_code
from .model import Event, Issue, Release
from .state import Happening, State

REGRESSION_GRACE = timedelta(seconds=5)
NEW_FOR = timedelta(days=7)
ESCALATION_FORECAST = 10  # events in an hour; what Sentry forecasts for a group with one known event
_PRIORITY_OF_LEVEL = {"fatal": "high", "error": "high", "warning": "medium", "info": "low", "debug": "low"}


def store(state: State, event: Event) -> Issue | None:
    """Take in a normalised event. None: its id is known, so it is dropped without a trace."""
    project = event.project
    if (project.id, event.id) in state.events:
        return None
    issue = next(
        (state.by_hash[project.id, h] for h in event.hashes if (project.id, h) in state.by_hash), None
    )
    is_new = issue is None
    changes: list[Happening] = []
    if issue is None:
        issue = _create(state, event)
        changes.append(Happening("issue", "created", issue, event=event))
    else:
        changes += _update(state, issue, event)
    _attach(state, issue, event)
    if not is_new:
        changes += _unarchive(state, issue, event)
    changes += ownership.on_event(state, issue, event)
    if event.type == "error":
        changes.append(Happening("error", "created", issue, event=event))
    for change in changes:
        state.tell(change)
    return issue


def _create(state: State, event: Event) -> Issue:
    project = event.project
    project.counter += 1
    project.first_event = project.first_event or event.at
    priority = _PRIORITY_OF_LEVEL[event.level]
    issue = Issue(
        id=state.next_id("issue"),
        project=project,
        short_id=f"{project.slug.upper()}-{short_code(project.counter)}",
        title=event.title,
        culprit=event.culprit,
        type=event.type,
        level=event.level,
        logger=event.data.get("logger"),
        platform=event.data["platform"],
        metadata=dict(event.metadata),
        first_seen=event.at,
        last_seen=event.at,
        active_at=event.at,
        priority=priority if state.modern else None,
    )
    state.issues[issue.id] = issue
    return issue


def _update(state: State, issue: Issue, event: Event) -> list[Happening]:
    """The event processed last decides title, level and culprit, whatever its date."""
    changes = _regress(state, issue, event)
    issue.title, issue.level, issue.culprit, issue.type = event.title, event.level, event.culprit, event.type
    issue.metadata = {**issue.metadata, **event.metadata}
    issue.last_seen = max(issue.last_seen, event.at)
    issue.first_seen = min(issue.first_seen, event.at)
    return changes


def _regress(state: State, issue: Issue, event: Event) -> list[Happening]:
    date = max(event.at, issue.last_seen)
    if (
        issue.status != "resolved"
        or _covered(state, issue, event)
        or issue.active_at >= date - REGRESSION_GRACE
    ):
        return []
    issue.active_at = date
    issue.status, issue.substatus, issue.resolution = "unresolved", "regressed", None
    version = event.data.get("release") or ""
    state.log(issue, "set_regression", None, {"version": version, "event_id": event.id})
    return [Happening("issue", "unresolved", issue)]


def _covered(state: State, issue: Issue, event: Event) -> bool:
    """A resolution in a release covers events of that release, of older ones, and those that name none."""
    if issue.resolution is None:
        return False
    version, covered = event.data.get("release"), issue.resolution.version
    if not version or version == covered:
        return True
    known, theirs = state.releases.get(covered or ""), state.releases.get(version)
    return bool(known and theirs and theirs.created < known.created)


def _attach(state: State, issue: Issue, event: Event) -> None:
    project = event.project
    for value in event.hashes:
        if (project.id, value) not in state.by_hash:
            state.by_hash[project.id, value] = issue
            issue.hashes.append(value)
    issue.count += 1
    issue.events.append(event)
    state.events[project.id, event.id] = event
    state.issue_of[project.id, event.id] = issue
    if user := event.tag("user"):
        issue.users.add(user)
    if environment := event.data["environment"]:
        issue.environments.setdefault(environment, event.at)
    if version := event.data["release"]:
        _release(state, version, event, is_new=issue.count == 1)


def _release(state: State, version: str, event: Event, *, is_new: bool) -> None:
    release = state.releases.get(version)
    if release is None:
        release = Release(state.next_id("release"), version, state.now(), event.at, event.at)
        state.releases[version] = release
    release.last_event = max(release.last_event, event.at)
    release.new_groups += is_new


def _unarchive(state: State, issue: Issue, event: Event) -> list[Happening]:
    """An archived issue comes back when its condition is met; archived for ever stays archived."""
    snooze = issue.snooze
    if issue.status != "ignored" or snooze is None:
        return []
    now = state.now()
    hourly = issue.events_since(now, timedelta(hours=1))
    escalates = snooze.until_escalating and hourly > ESCALATION_FORECAST
    seen = issue.count - snooze.count_then
    if snooze.count and snooze.window:
        seen = issue.events_since(now, timedelta(minutes=snooze.window))
    met = (
        escalates
        or (snooze.until is not None and now >= snooze.until)
        or (snooze.count is not None and seen >= snooze.count)
        or (snooze.user_count is not None and len(issue.users) - snooze.users_then >= snooze.user_count)
    )
    if not met:
        return []
    if escalates:
        return _escalated(state, issue, event.id)
    issue.status, issue.substatus, issue.snooze = "unresolved", "ongoing", None
    state.log(issue, "set_unresolved", None, {"event_id": event.id})
    return [Happening("issue", "unresolved", issue)]


def _escalated(state: State, issue: Issue, event_id: str | None) -> list[Happening]:
    """Back and, unless somebody locked its priority, high."""
    issue.status, issue.substatus, issue.snooze = "unresolved", "escalating", None
    state.log(issue, "set_escalating", None, {"event_id": event_id, "forecast": ESCALATION_FORECAST})
    if state.modern and issue.priority_locked_at is None and issue.priority != "high":
        issue.priority = "high"
        state.log(issue, "set_priority", None, {"priority": "high", "reason": "escalating"})
    return [Happening("issue", "unresolved", issue)]


def escalate(state: State, issue: Issue, event_id: str | None) -> None:
    """As when the events of an hour exceed the forecast."""
    for happening in _escalated(state, issue, event_id):
        state.tell(happening)


def merge(state: State, issues: list[Issue]) -> tuple[Issue, list[Issue]]:
    """Merge into the one with the highest (count, id); the other numbers lead to it from now on."""
    survivor = max(issues, key=lambda issue: (issue.count, issue.id))
    children = [issue for issue in issues if issue is not survivor]
    for child in children:
        for value in child.hashes:
            state.by_hash[child.project.id, value] = survivor
            survivor.hashes.append(value)
        for event in child.events:
            state.issue_of[child.project.id, event.id] = survivor
        survivor.events += child.events
        survivor.count += child.count
        survivor.users |= child.users
        survivor.environments = {**child.environments, **survivor.environments}
        survivor.activity = sorted(survivor.activity + child.activity, key=lambda entry: entry.id)
        survivor.assignee = survivor.assignee or child.assignee
        survivor.first_seen = min(survivor.first_seen, child.first_seen)
        survivor.last_seen = max(survivor.last_seen, child.last_seen)
        del state.issues[child.id]
        _redirect(state, child.id, survivor.id)
    return survivor, children


def _redirect(state: State, old: int, new: int) -> None:
    state.redirects[old] = new
    for source, target in state.redirects.items():
        if target == old:
            state.redirects[source] = new


def delete(state: State, issue: Issue) -> None:
    """Forget an issue, its events and its hashes: the next such event is a new issue."""
    for value in issue.hashes:
        state.by_hash.pop((issue.project.id, value), None)
    for event in issue.events:
        state.events.pop((issue.project.id, event.id), None)
        state.issue_of.pop((issue.project.id, event.id), None)
    state.issues.pop(issue.id, None)


def release_range(issue: Issue) -> tuple[str | None, str | None]:
    """The versions of the oldest and of the newest event that name one."""
    with_release = sorted((e for e in issue.events if e.data["release"]), key=lambda e: e.order)
    if not with_release:
        return None, None
    return with_release[0].data["release"], with_release[-1].data["release"]
