"""What we know of each issue: its last read, its plan, how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, Row, bindparam, func, or_, select, update

from app.core.digest import Digest
from app.core.writes import Plan

from .engine import upsert, write
from .tables import issues
from .vault import Vault

Clock = Callable[[], datetime]
_DIGEST = TypeAdapter(Digest)
_PLAN = TypeAdapter(Plan)


@dataclass(frozen=True, slots=True)
class StoredIssue:
    """One row of ``issues``; ``content`` (what was read) is fetched apart, because it is encrypted."""

    issue_id: str
    project: str
    short_id: str
    status: str
    state: str
    signature: str
    version: int
    last_seen: datetime | None
    triaged_at: datetime | None
    read_at: datetime | None = None


class IssueRepository:
    """The ``issues`` table."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock

    def save_read(
        self,
        issue_id: str,
        *,
        project: str,
        short_id: str,
        status: str,
        signature: str,
        first_seen: datetime | None,
        last_seen: datetime | None,
        digest: Digest,
        extra: Mapping[str, Any],
    ) -> None:
        """Keep what was just read of an issue. ``extra``: what the later steps need, as JSON."""
        values = {
            "project": project,
            "short_id": short_id,
            "status": status,
            "signature": signature,
            "first_seen": first_seen,
            "last_seen": last_seen,
            "read_at": self._clock(),
            "content": self._vault.seal(
                {"digest": _DIGEST.dump_python(digest, mode="json"), "extra": dict(extra)}
            ),
        }
        upsert(self._engine, issues, {"issue_id": issue_id}, values, fresh={"state": "new", "version": 0})

    def get(self, issue_id: str) -> StoredIssue | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(issues).where(issues.c.issue_id == issue_id)).first()
        return None if row is None else _issue(row)

    def content(self, issue_id: str) -> tuple[Digest, Mapping[str, Any]] | None:
        """The digest and the extra of the last read; none where nothing readable is kept."""
        query = select(issues.c.content).where(issues.c.issue_id == issue_id)
        with self._engine.connect() as connection:
            opened = self._vault.open(connection.execute(query).scalar())
        if opened is None:
            return None
        return _DIGEST.validate_python(opened["digest"]), opened["extra"]

    def save_plan(self, issue_id: str, plan: Plan) -> None:
        """Keep the writes that were decided, until the next decision."""
        sealed = self._vault.seal(_PLAN.dump_python(plan, mode="json"))
        write(self._engine, update(issues).where(issues.c.issue_id == issue_id).values(plan=sealed))

    def plan(self, issue_id: str) -> Plan | None:
        with self._engine.connect() as connection:
            sealed = connection.execute(select(issues.c.plan).where(issues.c.issue_id == issue_id)).scalar()
        opened = self._vault.open(sealed)
        return None if opened is None else _PLAN.validate_python(opened)

    def find(self, reference: str) -> StoredIssue | None:
        """By Sentry's number or by short id (``SHOP-API-41``), in any case."""
        query = select(issues).where(
            or_(issues.c.issue_id == reference, func.upper(issues.c.short_id) == reference.upper())
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _issue(row)

    def decided(self, since: datetime | None = None) -> list[StoredIssue]:
        """Issues with a plan, triaged since then; the newest first."""
        query = select(issues).where(issues.c.plan.is_not(None), issues.c.version > 0)
        if since is not None:
            query = query.where(issues.c.triaged_at >= since)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(issues.c.triaged_at.desc(), issues.c.issue_id)).all()
        return [_issue(row) for row in rows]

    def set_state(self, issue_id: str, state: str) -> None:
        """``triaged`` or ``gone``; the time of the first is kept."""
        values: dict[str, Any] = {"state": state}
        if state == "triaged":
            values["triaged_at"] = self._clock()
        write(self._engine, update(issues).where(issues.c.issue_id == issue_id).values(**values))

    def known(self, issue_ids: list[str]) -> dict[str, StoredIssue]:
        """Those of ``issue_ids`` that we have, by id."""
        if not issue_ids:
            return {}
        with self._engine.connect() as connection:
            rows = connection.execute(select(issues).where(issues.c.issue_id.in_(issue_ids))).all()
        return {row.issue_id: _issue(row) for row in rows}

    def saw(self, last_seen: Mapping[str, datetime]) -> None:
        """Keep when Sentry last saw these issues, by id; unknown ids are passed over."""
        if not last_seen:
            return
        rows = [{"issue": issue, "seen": seen} for issue, seen in last_seen.items()]
        query = (
            update(issues).where(issues.c.issue_id == bindparam("issue")).values(last_seen=bindparam("seen"))
        )
        with self._engine.begin() as connection:
            connection.execute(query, rows)


def _issue(row: Row[Any]) -> StoredIssue:
    return StoredIssue(
        issue_id=row.issue_id,
        project=row.project,
        short_id=row.short_id,
        status=row.status,
        state=row.state,
        signature=row.signature,
        version=row.version,
        last_seen=row.last_seen,
        triaged_at=row.triaged_at,
        read_at=row.read_at,
    )
