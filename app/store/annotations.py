"""What must outlive the process about annotation events: which were sent, where they work, where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core.aftermath import Snapshot
from app.core.annotation_rules import AnnotationState, Missing

from .engine import upsert, write
from .facts import FactRepository
from .tables import annotation_events, projects, writes

Clock = Callable[[], datetime]
KILL_SWITCH = "tags.kill_switch"
DAY = timedelta(hours=24)
CANARY_WATCH = timedelta(seconds=90)
"""A canary that has not landed for so long is not being watched any more: its worker died, or it waits to
be sent again."""

MOST_MISSING = 200
"""Events of a project that are looked through for those that are missing."""


@dataclass(frozen=True, slots=True)
class Landed:
    """The last annotation event that reached an issue."""

    version: int
    tags: Mapping[str, str]
    at: datetime


class AnnotationRepository:
    """``AnnotationMemory`` on the tables ``annotation_events`` and ``projects``."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._facts = FactRepository(engine, clock)

    def state(self, project_id: str, issue_id: str, version: int, tags: Mapping[str, str]) -> AnnotationState:
        now = self._clock()
        with self._engine.connect() as connection:
            project = connection.execute(select(projects).where(projects.c.project_id == project_id)).first()
            last = self._last(connection, issue_id)
            return AnnotationState(
                version=version,
                kill_switch=self.all_off(),
                disabled=project.tags_disabled if project else "",
                canary_passed=bool(project and project.canary_passed),
                canary_pending=self._canary_of_another(connection, project_id, issue_id, now),
                sent_today=_count(
                    connection, sent_at=now - DAY, where=annotation_events.c.project_id == project_id
                ),
                issue_sent_at=last.at if last else None,
                issue_version=last.version if last else None,
                tags_unchanged=bool(last and dict(last.tags) == dict(tags)),
                landed=self._landed_count(connection, issue_id, version),
            )

    def was_sent(self, event_id: str) -> bool:
        query = select(annotation_events.c.event_id).where(annotation_events.c.event_id == event_id)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def sending(
        self, before: Snapshot, project_id: str, event_id: str, version: int, tags: Mapping[str, str]
    ) -> None:
        row = {
            "event_id": event_id,
            "issue_id": before.issue_id,
            "project_id": project_id,
            "version": version,
            "tags": dict(tags),
            "before": before.to_json(),
            "sent_at": self._clock(),
        }
        try:
            write(self._engine, insert(annotation_events).values(row))
        except IntegrityError:  # sent before by a worker that died: this is the same event again
            return

    def before(self, event_id: str) -> Snapshot | None:
        query = select(annotation_events.c.before).where(annotation_events.c.event_id == event_id)
        with self._engine.connect() as connection:
            kept = connection.execute(query).scalar()
        return None if kept is None else Snapshot.from_json(kept)

    def landed(self, project_id: str, event_id: str) -> None:
        flying = (annotation_events.c.event_id == event_id, annotation_events.c.landed_at.is_(None))
        write(self._engine, update(annotation_events).where(*flying).values(landed_at=self._clock()))
        self._project(project_id, canary_passed=True)

    def missing(self, project_id: str) -> list[Missing]:
        events = annotation_events.c
        landed = select(func.max(events.landed_at)).where(events.project_id == project_id)
        unconfirmed = exists().where(
            writes.c.issue_id == events.issue_id,
            writes.c.ref == events.event_id,
            writes.c.outcome == "unconfirmed",
        )
        query = (
            select(events.issue_id, events.event_id, events.sent_at)
            .where(events.project_id == project_id, events.landed_at.is_(None), unconfirmed)
            .order_by(events.sent_at.desc())
            .limit(MOST_MISSING)
        )
        with self._engine.connect() as connection:
            since = connection.execute(landed).scalar()
            query = query if since is None else query.where(events.sent_at > since)
            rows = connection.execute(query).all()
        newest: dict[str, Missing] = {}
        for row in rows:
            newest.setdefault(row.issue_id, Missing(row.event_id, row.sent_at))
        return list(newest.values())

    def disable(self, project_id: str, reason: str) -> None:
        self._project(project_id, tags_disabled=reason[:500])

    def enable(self, project_id: str) -> None:
        """Switch a project on again, by a person's wish: its next event is a canary."""
        self._project(project_id, tags_disabled="", canary_passed=False)

    def switch_all(self, *, off: bool) -> None:
        """The kill switch: no worker sends an annotation event while it is off."""
        self._facts.put(KILL_SWITCH, off)

    def all_off(self) -> bool:
        return bool(self._facts.get(KILL_SWITCH))

    def disabled_projects(self) -> dict[str, str]:
        """Project id → why its tags were stopped."""
        query = select(projects).where(projects.c.tags_disabled != "")
        with self._engine.connect() as connection:
            return {row.project_id: row.tags_disabled for row in connection.execute(query)}

    def last_landed(self, issue_id: str) -> Landed | None:
        with self._engine.connect() as connection:
            return self._last(connection, issue_id)

    def last_sent(self, issue_ids: Sequence[str]) -> dict[str, datetime]:
        """Issue id → when its newest annotation event that landed was sent."""
        if not issue_ids:
            return {}
        return self._newest(annotation_events.c.issue_id.in_(issue_ids))

    def newest_between(self, start: datetime, end: datetime) -> dict[str, datetime]:
        """The same for the issues whose newest one was sent after ``start`` and until ``end``."""
        newest = func.max(annotation_events.c.sent_at)
        return self._newest(None, newest > start, newest <= end)

    def _newest(self, where: Any, *having: Any) -> dict[str, datetime]:
        query = select(annotation_events.c.issue_id, func.max(annotation_events.c.sent_at)).where(
            annotation_events.c.landed_at.is_not(None)
        )
        query = query if where is None else query.where(where)
        query = (
            query.group_by(annotation_events.c.issue_id).having(*having)
            if having
            else query.group_by(annotation_events.c.issue_id)
        )
        with self._engine.connect() as connection:
            return {issue: sent for issue, sent in connection.execute(query).all()}

    def _last(self, connection: Connection, issue_id: str) -> Landed | None:
        row = connection.execute(
            select(annotation_events)
            .where(annotation_events.c.issue_id == issue_id, annotation_events.c.landed_at.is_not(None))
            .order_by(annotation_events.c.sent_at.desc())
            .limit(1)
        ).first()
        return None if row is None else Landed(row.version, row.tags, row.sent_at)

    def _landed_count(self, connection: Connection, issue_id: str, version: int) -> int:
        query = (
            select(func.count())
            .select_from(annotation_events)
            .where(
                annotation_events.c.issue_id == issue_id,
                annotation_events.c.version == version,
                annotation_events.c.landed_at.is_not(None),
            )
        )
        return int(connection.execute(query).scalar_one())

    def _canary_of_another(
        self, connection: Connection, project_id: str, issue_id: str, now: datetime
    ) -> bool:
        row = connection.execute(
            select(annotation_events.c.event_id).where(
                annotation_events.c.project_id == project_id,
                annotation_events.c.issue_id != issue_id,
                annotation_events.c.landed_at.is_(None),
                annotation_events.c.sent_at > now - CANARY_WATCH,
            )
        ).first()
        return row is not None

    def _project(self, project_id: str, **values: Any) -> None:
        values["updated_at"] = self._clock()
        fresh = {"canary_passed": False, "tags_disabled": ""}
        upsert(self._engine, projects, {"project_id": project_id}, values, fresh)


def _count(connection: Connection, *, sent_at: datetime, where: Any) -> int:
    query = (
        select(func.count())
        .select_from(annotation_events)
        .where(where, annotation_events.c.sent_at >= sent_at)
    )
    return int(connection.execute(query).scalar_one())
